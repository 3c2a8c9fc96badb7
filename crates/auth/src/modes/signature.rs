//! SIGNATURE: a WSSE user name token.

use valetkey_catalog::AuthMode;

use crate::mode::Mode;

pub(super) struct Signature;

impl Mode for Signature {
    fn mode(&self) -> AuthMode {
        AuthMode::Signature
    }
}
