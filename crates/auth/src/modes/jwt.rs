//! JWT: a token this server signs with a key the person brings (RFC 7519).

use valetkey_catalog::AuthMode;

use crate::mode::Mode;

pub(super) struct Jwt;

impl Mode for Jwt {
    fn mode(&self) -> AuthMode {
        AuthMode::Jwt
    }
}
