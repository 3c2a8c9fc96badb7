//! What every page and answer here shares: headers, own assets, and the browser-side guard.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use url::Url;

/// Largest request body any endpoint here reads.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;

/// Which places a page may load from, connect to and send forms to.
pub(crate) struct Policy {
    /// Extra origins for `connect-src`, space separated.
    pub(crate) connect: String,
    /// Whether forms may only go to this server.
    pub(crate) forms_stay_here: bool,
}

impl Policy {
    /// Nothing but this server.
    pub(crate) fn closed() -> Self {
        Self { connect: String::new(), forms_stay_here: true }
    }

    fn header(&self) -> String {
        let forms = if self.forms_stay_here { "; form-action 'self'" } else { "" };
        format!(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
             connect-src 'self' {}; base-uri 'none'; frame-ancestors 'none'{forms}",
            self.connect
        )
    }
}

/// Renders a page under a content security policy.
pub(crate) fn html(status: StatusCode, template: &impl Template, policy: &Policy) -> Response {
    let Ok(body) = template.render() else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "the page could not be rendered")
            .into_response();
    };
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))];
    let mut response = (status, kind, body).into_response();
    if let Ok(value) = HeaderValue::from_str(&policy.header()) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, value);
    }
    response
}

/// The one stylesheet of all pages.
pub(crate) async fn style() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (kind, include_str!("../assets/style.css")).into_response()
}

/// The icon in the browser's tab.
pub(crate) async fn icon() -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml")], include_str!("../assets/icon.svg")).into_response()
}

/// An ES module.
pub(crate) fn js(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], text).into_response()
}

/// A JSON answer.
pub(crate) fn json_reply(status: StatusCode, body: &Value) -> Response {
    (status, axum::Json(body)).into_response()
}

/// The error shape of everything here that is not bound by OAuth's own.
pub(crate) fn problem(status: StatusCode, code: &str, message: &str) -> Response {
    json_reply(status, &json!({"error": {"code": code, "message": message}}))
}

/// Keeps other websites out: a page elsewhere must not drive or read these endpoints through the
/// visitor's browser, neither by a cross-site request nor by pointing its own name at loopback.
#[derive(Clone)]
pub(crate) struct Guard {
    own_host: Option<Arc<str>>,
}

impl Guard {
    /// Accepts loopback hosts, and the host of `base_url`.
    pub(crate) fn new(base_url: &str) -> Self {
        let url = Url::parse(base_url).ok();
        let own_host = url.and_then(|url| url.host_str().map(Arc::from));
        Self { own_host }
    }

    fn refuses(&self, method: &Method, headers: &HeaderMap) -> Option<&'static str> {
        let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
        if let Some(host) = host.map(without_port)
            && !is_loopback_host(host)
            && self.own_host.as_deref() != Some(host)
        {
            return Some("this server answers only under its own name");
        }
        let site = headers.get(HeaderName::from_static("sec-fetch-site"));
        let changes = method != Method::GET && method != Method::HEAD;
        if changes && site.is_some_and(|site| site == "cross-site") {
            return Some("another website may not send this request");
        }
        None
    }
}

/// Middleware: refuses what [`Guard`] refuses, and adds the headers every answer carries.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let mut response = match guard.refuses(request.method(), request.headers()) {
        Some(reason) => problem(StatusCode::FORBIDDEN, "forbidden", reason),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Whether a host name or address literal means this machine.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => bare == "localhost" || bare.ends_with(".localhost"),
    }
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: &Method, host: &str, site: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        headers.insert("sec-fetch-site", site.parse().unwrap());
        Guard::new("http://emulator.test:9/").refuses(method, &headers).is_some()
    }

    #[test]
    fn other_names_and_other_sites_are_kept_out() {
        assert!(!refused(&Method::GET, "127.0.0.1:3004", "cross-site"));
        assert!(!refused(&Method::POST, "[::1]:3004", "same-origin"));
        assert!(!refused(&Method::POST, "emulator.test:9", "same-site"));
        assert!(refused(&Method::GET, "evil.test", "none"));
        assert!(refused(&Method::GET, "127.0.0.1.evil.test:3004", "none"));
        assert!(refused(&Method::POST, "localhost:3004", "cross-site"));
    }
}
