//! OAUTH1: three-legged OAuth 1.0a (RFC 5849).

use valetkey_catalog::AuthMode;

use crate::mode::Mode;

pub(super) struct OAuth1;

impl Mode for OAuth1 {
    fn mode(&self) -> AuthMode {
        AuthMode::OAuth1
    }

    fn uses_browser(&self) -> bool {
        true
    }
}
