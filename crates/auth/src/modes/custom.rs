//! CUSTOM: an installation of a GitHub App together with its user's token.

use valetkey_catalog::AuthMode;

use crate::mode::Mode;

pub(super) struct Custom;

impl Mode for Custom {
    fn mode(&self) -> AuthMode {
        AuthMode::Custom
    }

    fn uses_browser(&self) -> bool {
        true
    }
}
