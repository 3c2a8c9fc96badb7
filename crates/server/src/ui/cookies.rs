//! Cookies: reading one, and writing one that scripts cannot read.

use http::HeaderMap;
use http::header::COOKIE;

/// The value of a cookie.
pub(super) fn find(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.to_owned())
}

/// The text of a `Set-Cookie` header. A lifetime of 0 removes the cookie.
pub(super) fn text(name: &str, value: &str, lifetime_s: u64, path: &str, is_https: bool) -> String {
    let secure = if is_https { "; Secure" } else { "" };
    format!("{name}={value}; Path={path}; Max-Age={lifetime_s}; HttpOnly; SameSite=Lax{secure}")
}
