//! Headers of every response that keep browsers careful. A handler that sets one itself keeps its
//! own value: pages bring their content security policy.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_DNS_PREFETCH_CONTROL, X_FRAME_OPTIONS, X_XSS_PROTECTION,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The id of a request, which is also the reference of its internal error.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const X_DOWNLOAD_OPTIONS: HeaderName = HeaderName::from_static("x-download-options");

const FIXED: [(HeaderName, &str); 7] = [
    (X_XSS_PROTECTION, "0"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_DOWNLOAD_OPTIONS, "noopen"),
    (X_DNS_PREFETCH_CONTROL, "off"),
    (REFERRER_POLICY, "strict-origin"),
    (STRICT_TRANSPORT_SECURITY, "max-age=5184000; includeSubDomains"),
    // Most answers hold credentials or personal data.
    (CACHE_CONTROL, "no-store"),
];

/// Adds the headers that are not there yet.
pub fn apply(headers: &mut HeaderMap, request_id: Uuid) {
    headers.reserve(FIXED.len() + 5);
    for (name, value) in FIXED {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // A page that has its own policy says there who may frame it.
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.insert(CONTENT_SECURITY_POLICY, policy);
        headers.entry(X_FRAME_OPTIONS).or_insert(HeaderValue::from_static("SAMEORIGIN"));
    }
    if !headers.contains_key(X_REQUEST_ID) {
        let mut text = Uuid::encode_buffer();
        let id = request_id.hyphenated().encode_lower(&mut text);
        if let Ok(value) = HeaderValue::from_str(id) {
            headers.insert(X_REQUEST_ID, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_its_own_policy_and_its_own_word_on_frames() {
        let mut api = HeaderMap::new();
        apply(&mut api, Uuid::from_u128(1));
        assert_eq!(api[X_FRAME_OPTIONS], "SAMEORIGIN");
        assert_eq!(api[X_REQUEST_ID], "00000000-0000-0000-0000-000000000001");
        let mut page = HeaderMap::new();
        page.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors *"));
        apply(&mut page, Uuid::from_u128(1));
        assert_eq!(page[CONTENT_SECURITY_POLICY], "frame-ancestors *");
        assert!(!page.contains_key(X_FRAME_OPTIONS));
    }
}
