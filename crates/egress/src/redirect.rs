//! The next hop of a redirect (RFC 9110, section 15.4), decided without any I/O.
//!
//! Secrets never follow a redirect to another origin: of the headers only those that say nothing
//! about the caller are kept, and a body is not sent there at all.

use http::header::{self, HeaderName};
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::carry::Trusts;
use crate::client::host_of;
use crate::error::EgressError;

/// The headers that may go to another origin. A list of what to keep, because a list of what to
/// drop can never name every API's own key header.
const KEPT_ACROSS_ORIGINS: &[HeaderName] =
    &[header::ACCEPT, header::ACCEPT_LANGUAGE, header::USER_AGENT];

/// One request of a chain.
#[derive(Clone)]
pub(crate) struct Hop {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// Whether the body goes along.
    pub(crate) has_body: bool,
}

/// Whether a reply with this status and a `Location` asks for another request.
pub(crate) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The request that the redirect asks for, or why it is not made. An origin that is trusted is
/// treated like the one that redirects. The destination still has to pass the guard.
pub(crate) fn next_hop(
    hop: Hop,
    status: StatusCode,
    location: &[u8],
    trusts: Trusts<'_>,
) -> Result<Hop, EgressError> {
    let refuse = |reason| EgressError::RedirectRefused { host: host_of(&hop.url), reason };

    let url = std::str::from_utf8(location)
        .ok()
        .and_then(|location| hop.url.join(location).ok())
        .ok_or_else(|| refuse("its location is not a URL"))?;
    if hop.url.scheme() == "https" && url.scheme() != "https" {
        return Err(refuse("it leads from https to an insecure scheme"));
    }

    let becomes_get = match status {
        StatusCode::SEE_OTHER => hop.method != Method::HEAD,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => hop.method == Method::POST,
        _ => false,
    };
    let same_origin = hop.url.origin() == url.origin() || trusts(&url);
    if !same_origin && !becomes_get && hop.has_body {
        return Err(refuse("it would send the request body to another origin"));
    }

    let mut next = Hop { url, ..hop };
    if becomes_get {
        next.method = Method::GET;
        next.has_body = false;
        for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE] {
            next.headers.remove(name);
        }
    }
    if !same_origin {
        next.headers = kept_across_origins(&next.headers);
    }
    Ok(next)
}

fn kept_across_origins(headers: &HeaderMap) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| KEPT_ACROSS_ORIGINS.contains(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn hop(method: Method, url: &str, body: &'static str) -> Hop {
        let names = ["authorization", "cookie", "proxy-authorization", "x-api-key", "accept"];
        let mut headers: HeaderMap = names
            .into_iter()
            .map(|name| (HeaderName::from_static(name), HeaderValue::from_static("v")))
            .collect();
        if !body.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        }
        Hop { method, url: url.parse().unwrap(), headers, has_body: !body.is_empty() }
    }

    fn follow(hop: Hop, status: u16, location: &str) -> Result<Hop, EgressError> {
        next_hop(hop, StatusCode::from_u16(status).unwrap(), location.as_bytes(), &|_| false)
    }

    fn reason(result: Result<Hop, EgressError>) -> &'static str {
        match result.err() {
            Some(EgressError::RedirectRefused { reason, .. }) => reason,
            _ => "",
        }
    }

    #[test]
    fn methods_change_as_browsers_change_them() {
        let cases = [
            (301, Method::POST, Method::GET),
            (302, Method::POST, Method::GET),
            (303, Method::POST, Method::GET),
            (303, Method::PUT, Method::GET),
            (303, Method::HEAD, Method::HEAD),
            (301, Method::PUT, Method::PUT),
            (307, Method::POST, Method::POST),
            (308, Method::DELETE, Method::DELETE),
        ];
        for (status, from, to) in cases {
            let next = follow(hop(from.clone(), "https://a.example/x", "b"), status, "/y").unwrap();
            assert_eq!(next.method, to, "{status} {from}");
            assert_eq!(!next.has_body, to != from, "{status} {from}");
            assert_eq!(next.headers.contains_key("content-type"), to == from, "{status} {from}");
            assert_eq!(next.url.as_str(), "https://a.example/y");
            assert!(next.headers.contains_key("authorization"));
        }
    }

    #[test]
    fn another_origin_gets_neither_credentials_nor_custom_headers() {
        for location in ["https://b.example/", "https://a.example:8443/", "//b.example/z"] {
            let next = follow(hop(Method::GET, "https://a.example/", ""), 302, location).unwrap();
            let names: Vec<&str> = next.headers.keys().map(HeaderName::as_str).collect();
            assert_eq!(names, ["accept"], "{location}");
        }
        let upgraded = follow(hop(Method::GET, "http://a.example/", ""), 308, "https://a.example/");
        assert!(!upgraded.unwrap().headers.contains_key("x-api-key"));
    }

    #[test]
    fn a_body_stays_with_its_origin() {
        for (method, status) in [(Method::POST, 307), (Method::POST, 308), (Method::PUT, 302)] {
            let refused =
                follow(hop(method, "https://a.example/", "b"), status, "https://b.example/");
            assert!(reason(refused).contains("body"), "{status}");
        }
        assert!(
            follow(hop(Method::POST, "https://a.example/", "b"), 302, "https://b.example/").is_ok()
        );
        assert!(
            follow(hop(Method::POST, "https://a.example/", ""), 307, "https://b.example/").is_ok()
        );
    }

    #[test]
    fn downgrades_and_unreadable_locations_are_refused() {
        let from = || hop(Method::GET, "https://a.example/", "");
        assert!(reason(follow(from(), 302, "http://a.example/")).contains("insecure"));
        assert!(reason(follow(from(), 302, "ftp://a.example/")).contains("insecure"));
        assert!(reason(follow(from(), 302, "https://[broken")).contains("not a URL"));
        assert!(
            reason(next_hop(from(), StatusCode::FOUND, b"/\xff", &|_| false)).contains("not a URL")
        );
    }
}
