//! Any origin may call the API; credentials travel in a header that browsers do not add by
//! themselves, and cookies are never allowed.

use axum::response::{IntoResponse as _, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
};
use http::{HeaderMap, HeaderValue, StatusCode};

const EXPOSED: &str = "Authorization, Etag, Content-Type, Content-Length, X-Nango-Signature, \
    X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset";
const METHODS: &str = "GET,HEAD,PUT,PATCH,POST,DELETE";
const HEADERS: &str = "Authorization, Content-Type, Accept, Origin, X-Requested-With, \
    Nango-Activity-Log-Id, Nango-Is-Dry-Run, Nango-Is-Sync, Provider-Config-Key, Connection-Id, \
    Sentry-Trace, Baggage";

/// Adds what every response has.
pub fn apply(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
}

/// The answer to `OPTIONS`, on any path. The lists are fixed, whatever was asked for.
pub fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(HEADERS));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}
