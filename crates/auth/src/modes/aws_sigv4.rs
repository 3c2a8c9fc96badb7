//! AWS_SIGV4: temporary keys of a role (AWS STS AssumeRole).

use valetkey_catalog::AuthMode;

use crate::mode::Mode;

pub(super) struct AwsSigV4;

impl Mode for AwsSigV4 {
    fn mode(&self) -> AuthMode {
        AuthMode::AwsSigV4
    }
}
