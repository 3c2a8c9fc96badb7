//! The request itself as values a template may name, for providers that sign requests in a header.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Url, form_urlencoded};

use crate::template::Scope;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request before its headers are filled in.
#[derive(Clone, Copy, Debug)]
pub struct RequestValues<'a> {
    /// In upper case.
    pub method: &'a str,
    /// With the query as it is sent.
    pub url: &'a Url,
    /// The body as it is sent.
    pub body: &'a str,
    /// The body is form data.
    pub body_is_form: bool,
    /// Its content type, when the request names one.
    pub content_type: Option<&'a str>,
}

impl Scope<'_> {
    /// Makes `${method}`, `${host}`, `${path}`, `${endpoint}` (the path with its query), `${params}`,
    /// `${urlCanonicalParams}`, `${bodyCanonicalParams}` and `${contentType}` known. Canonical
    /// parameters are sorted by name and escaped as RFC 3986 says.
    pub fn set_request(&mut self, request: RequestValues<'_>) {
        let RequestValues { method, url, body, .. } = request;
        let query = canonical(url.query().unwrap_or_default());
        let params = match method {
            "POST" | "PUT" | "PATCH" if request.body_is_form => canonical(body),
            "POST" | "PUT" | "PATCH" => String::new(),
            _ => query.clone(),
        };
        let host = match (url.host_str().unwrap_or_default(), url.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        let endpoint = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        self.set("method", method);
        self.set("host", host);
        self.set("path", url.path());
        self.set("endpoint", endpoint);
        self.set("params", params);
        self.set("urlCanonicalParams", query);
        self.set("bodyCanonicalParams", body);
        if let Some(content_type) = request.content_type {
            self.set("contentType", content_type);
        }
    }
}

fn canonical(encoded: &str) -> String {
    let escape = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let mut pairs: Vec<(String, String)> = form_urlencoded::parse(encoded.as_bytes())
        .map(|(name, value)| (escape(&name), escape(&value)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_sorted_and_escaped() {
        assert_eq!(canonical("b=x+y&a=1%212*&a=%C3%A9&c"), "a=%C3%A9&a=1%212%2A&b=x%20y&c=");
        assert_eq!(canonical(""), "");
    }
}
