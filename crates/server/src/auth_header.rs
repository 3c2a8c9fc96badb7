//! Which credential a request carries, before anyone looks it up.

use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use uuid::Uuid;
use valetkey_base::Secret;

use crate::error::ApiError;

/// What every connect session token begins with.
pub const SESSION_PREFIX: &str = "nango_connect_session_";
/// What every API key that we make begins with.
pub const API_KEY_PREFIX: &str = "vk_";
/// Hex characters after [`SESSION_PREFIX`].
const SESSION_HEX_CHARS: usize = 64;
/// Most characters of an API key.
const API_KEY_CHARS_MAX: usize = 255;

/// A well-formed credential that may or may not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A key of an environment or of an account.
    ApiKey(Secret),
    /// A connect session token.
    Session(Secret),
}

/// Why a credential is refused. All are 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No `Authorization` header, or an empty one.
    MissingHeader,
    /// Not the form of an API key.
    KeyFormat,
    /// A well-formed key that matches nothing, or whose environment is gone.
    UnknownKey,
    /// Not the form of a connect session token.
    SessionFormat,
    /// A session that is unknown, expired or deleted.
    UnknownSession,
    /// A browser endpoint without `connect_session_token`.
    MissingSession,
    /// A browser endpoint with `public_key`, a way of signing in that does not exist here.
    PublicKey,
}

impl Refusal {
    fn code_and_message(self) -> (&'static str, &'static str) {
        match self {
            Refusal::MissingHeader => (
                "missing_auth_header",
                "Send the header Authorization: Bearer <API key or connect session token>",
            ),
            Refusal::KeyFormat => (
                "invalid_secret_key_format",
                "This is not an API key: keys begin with vk_ or are version 4 UUIDs",
            ),
            Refusal::UnknownKey => ("unknown_account", "No active API key matches this one"),
            Refusal::SessionFormat => {
                ("invalid_connect_session_token_format", "This is not a connect session token")
            }
            Refusal::UnknownSession => (
                "unknown_connect_session_token",
                "The connect session does not exist or has expired. Create a new one",
            ),
            Refusal::MissingSession => (
                "missing_public_key",
                "Give the connect session token as the query parameter connect_session_token",
            ),
            Refusal::PublicKey => (
                "deprecated_authentication",
                "Public keys are not accepted. Use a connect session token",
            ),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let (code, message) = refusal.code_and_message();
        match refusal {
            Refusal::PublicKey => ApiError::simple(StatusCode::UNAUTHORIZED, code, message),
            _ => ApiError::legacy(StatusCode::UNAUTHORIZED, code, message, None),
        }
    }
}

/// The token in `Authorization`: what follows the last `Bearer `, else the whole value.
pub fn token(headers: &HeaderMap) -> Result<&str, Refusal> {
    let value = headers.get(AUTHORIZATION).ok_or(Refusal::MissingHeader)?;
    let text = value.to_str().map_err(|_| Refusal::KeyFormat)?;
    match text.rsplit_once("Bearer ").map_or(text, |(_, token)| token) {
        "" => Err(Refusal::MissingHeader),
        token => Ok(token),
    }
}

/// Reads a token where only an API key will do.
pub fn api_key(token: &str) -> Result<Credential, Refusal> {
    let ours = token.strip_prefix(API_KEY_PREFIX).is_some_and(|rest| {
        !rest.is_empty()
            && token.len() <= API_KEY_CHARS_MAX
            && rest.bytes().all(|byte| byte.is_ascii_graphic())
    });
    if ours || is_uuid_v4(token) {
        Ok(Credential::ApiKey(Secret::new(token)))
    } else {
        Err(Refusal::KeyFormat)
    }
}

/// Reads a token where only a connect session will do.
pub fn session(token: &str) -> Result<Credential, Refusal> {
    let hex = token.strip_prefix(SESSION_PREFIX).ok_or(Refusal::SessionFormat)?;
    let well_formed = hex.len() == SESSION_HEX_CHARS
        && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if well_formed {
        Ok(Credential::Session(Secret::new(token)))
    } else {
        Err(Refusal::SessionFormat)
    }
}

/// Reads a token where both will do.
pub fn api_key_or_session(token: &str) -> Result<Credential, Refusal> {
    if token.starts_with(SESSION_PREFIX) { session(token) } else { api_key(token) }
}

fn is_uuid_v4(token: &str) -> bool {
    token.len() == 36
        && Uuid::try_parse(token)
            .is_ok_and(|id| id.get_version_num() == 4 && id.get_variant() == uuid::Variant::RFC4122)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const UUID: &str = "5f2d7b1e-0c64-4f5e-9a3b-2f5d1f0a9c77";

    fn token_of(value: &'static str) -> Result<String, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
        token(&headers).map(ToOwned::to_owned)
    }

    #[test]
    fn the_token_follows_the_last_bearer_or_is_the_whole_value() {
        assert_eq!(token_of("Bearer abc").unwrap(), "abc");
        assert_eq!(token_of("Bearer Bearer abc").unwrap(), "abc");
        assert_eq!(token_of("abc").unwrap(), "abc");
        assert_eq!(token_of("Bearer").unwrap(), "Bearer");
        assert_eq!(token_of("bearer abc").unwrap(), "bearer abc");
        assert_eq!(token_of(""), Err(Refusal::MissingHeader));
        assert_eq!(token(&HeaderMap::new()), Err(Refusal::MissingHeader));
    }

    #[test]
    fn a_key_is_ours_or_a_version_4_uuid() {
        for good in [UUID, &UUID.to_uppercase(), "vk_A-b_9", "vk_dev.k"] {
            assert!(api_key(good).is_ok(), "{good}");
        }
        let session_token = format!("{SESSION_PREFIX}{}", "a".repeat(64));
        for bad in [
            "5f2d7b1e-0c64-1f5e-9a3b-2f5d1f0a9c77",
            "5f2d7b1e-0c64-4f5e-ca3b-2f5d1f0a9c77",
            "5f2d7b1e0c644f5e9a3b2f5d1f0a9c77",
            "vk_",
            "vk_a b",
            "bearer x",
            &session_token,
        ] {
            assert_eq!(api_key(bad), Err(Refusal::KeyFormat), "{bad}");
        }
    }

    #[test]
    fn a_session_token_is_its_prefix_and_64_lower_case_hex_characters() {
        let good = format!("{SESSION_PREFIX}{}", "0a".repeat(32));
        assert_eq!(session(&good), Ok(Credential::Session(Secret::new(good.as_str()))));
        assert_eq!(api_key_or_session(&good), session(&good));
        for bad in [good[..85].to_owned(), good.to_uppercase(), UUID.to_owned()] {
            assert_eq!(session(&bad), Err(Refusal::SessionFormat), "{bad}");
        }
        let malformed = format!("{SESSION_PREFIX}x");
        assert_eq!(api_key_or_session(&malformed), Err(Refusal::SessionFormat));
        assert_eq!(api_key_or_session("other"), Err(Refusal::KeyFormat));
    }
}
