//! Endpoints that speak JSON refuse other content types before they look at anything else.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use crate::error::ApiError;

/// First path segments below which a content type must be JSON.
const JSON_ONLY: [&str; 21] = [
    "oauth",
    "api-auth",
    "auth",
    "providers",
    "environments",
    "integrations",
    "connection",
    "connections",
    "environment-variables",
    "environment",
    "sync",
    "cli",
    "records",
    "mcp",
    "scripts",
    "functions",
    "logs",
    "action",
    "connect",
    "installs",
    "v1",
];

/// Accepts a request without content type, or one whose type begins with `application/json` in
/// exactly these letters.
///
/// # Errors
/// 415 `invalid_content_type`.
pub fn check(path: &str, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(content_type) = headers.get(CONTENT_TYPE).filter(|value| !value.is_empty()) else {
        return Ok(());
    };
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let covered = JSON_ONLY.iter().any(|prefix| first.eq_ignore_ascii_case(prefix));
    if !covered || content_type.as_bytes().starts_with(b"application/json") {
        return Ok(());
    }
    Err(ApiError::simple(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "invalid_content_type",
        "Send the header Content-Type: application/json",
    ))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn accepted(path: &str, content_type: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        check(path, &headers).is_ok()
    }

    #[test]
    fn json_endpoints_take_json_in_exact_letters() {
        assert!(accepted("/connections/x", "application/json; charset=utf-8"));
        assert!(accepted("/connections", ""));
        assert!(check("/connections", &HeaderMap::new()).is_ok());
        assert!(!accepted("/connections", "Application/JSON"));
        assert!(!accepted("/Connections/x", "text/plain"));
        assert!(!accepted("/connection", "application/x-www-form-urlencoded"));
    }

    #[test]
    fn other_paths_take_anything() {
        for path in ["/proxy/x", "/webhook/a/b", "/providers.json", "/oauth2/auth/x", "/health"] {
            assert!(accepted(path, "text/plain"), "{path}");
        }
    }
}
