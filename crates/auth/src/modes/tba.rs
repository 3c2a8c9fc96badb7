//! TBA: token-based authentication of NetSuite, OAuth 1.0a without a browser.

use valetkey_catalog::AuthMode;

use crate::mode::Mode;

pub(super) struct Tba;

impl Mode for Tba {
    fn mode(&self) -> AuthMode {
        AuthMode::Tba
    }
}
