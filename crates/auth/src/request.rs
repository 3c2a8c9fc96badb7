//! Requests to send and replies to read. Their `Debug` shows names, never values.

use std::fmt;

use serde_json::Value;
use url::Url;
use url::form_urlencoded;
use valetkey_base::Secret;

/// A request for the egress client to send. Redirects must not be followed: it carries secrets.
#[derive(Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: http::Method,
    /// Where to.
    pub url: Url,
    /// Headers; the content type comes with the body.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// The TLS client certificate to show, if the server asks for one.
    pub identity: Option<ClientIdentity>,
}

impl HttpRequest {
    /// A request without headers and body.
    pub fn new(method: http::Method, url: Url) -> Self {
        Self { method, url, headers: Vec::new(), body: Body::Empty, identity: None }
    }
}

/// A TLS client certificate with its key (RFC 8705). The server's own certificate is still
/// verified. `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// Certificate chain, PEM.
    pub certificate: String,
    /// Private key, PEM.
    pub key: Secret,
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity(…)")
    }
}

/// A request body before it is written out.
#[derive(Clone)]
pub enum Body {
    /// No body, no content type.
    Empty,
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
    /// `application/json`.
    Json(Value),
    /// A text of another kind, for example `application/xml`.
    Text {
        /// Its content type.
        content_type: &'static str,
        /// The text.
        text: String,
    },
    /// Bytes of somebody else, whose content type stands among the headers.
    Bytes(Vec<u8>),
    /// Sent by somebody else while it arrives: it cannot be looked at.
    Carried,
}

impl Body {
    /// The content type and the bytes.
    pub fn encode(&self) -> (Option<&'static str>, Vec<u8>) {
        match self {
            Self::Empty | Self::Carried => (None, Vec::new()),
            Self::Bytes(bytes) => (None, bytes.clone()),
            Self::Form(pairs) => {
                let text =
                    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
                (Some("application/x-www-form-urlencoded"), text.into_bytes())
            }
            Self::Json(value) => (Some("application/json"), value.to_string().into_bytes()),
            Self::Text { content_type, text } => (Some(content_type), text.clone().into_bytes()),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Carried => f.write_str("Carried"),
            Self::Form(pairs) => {
                let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
                write!(f, "Form({})", names.join(", "))
            }
            Self::Json(Value::Object(map)) => {
                let names: Vec<&str> = map.keys().map(String::as_str).collect();
                write!(f, "Json({})", names.join(", "))
            }
            Self::Json(_) => f.write_str("Json(…)"),
            Self::Text { content_type, .. } => write!(f, "Text({content_type})"),
        }
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        write!(f, "{} {}", self.method, without_query_values(&self.url))?;
        write!(f, " [{}] {:?}", names.join(", "), self.body)
    }
}

/// The URL with its query names but not their values, and no fragment: fit for logs.
pub fn without_query_values(url: &Url) -> String {
    if url.query().is_none() && url.fragment().is_none() {
        return url.to_string();
    }
    let mut bare = url.clone();
    bare.set_fragment(None);
    bare.set_query(None);
    let names: Vec<String> = url.query_pairs().map(|(name, _)| format!("{name}=…")).collect();
    if names.is_empty() { bare.to_string() } else { format!("{bare}?{}", names.join("&")) }
}

/// What came back.
#[derive(Clone)]
pub struct HttpReply {
    /// The status.
    pub status: u16,
    /// Headers by lower-case name.
    pub headers: Vec<(String, String)>,
    /// The body as received, already within the egress client's size limit.
    pub body: Vec<u8>,
}

impl HttpReply {
    /// The first header of that lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl fmt::Debug for HttpReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpReply({}, {} bytes)", self.status, self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_names_only() {
        let request = HttpRequest {
            method: http::Method::POST,
            url: Url::parse("https://a.test/t?key=hunter2").unwrap(),
            headers: vec![("authorization".to_owned(), "Basic hunter2".to_owned())],
            body: Body::Form(vec![("client_secret".to_owned(), "hunter2".to_owned())]),
            identity: None,
        };
        let text = format!("{request:?}");
        assert_eq!(text, "POST https://a.test/t?key=… [authorization] Form(client_secret)");
    }

    #[test]
    fn forms_write_spaces_as_plus() {
        let body = Body::Form(vec![("scope".to_owned(), "a b&c".to_owned())]);
        assert_eq!(body.encode().1, b"scope=a+b%26c");
    }
}
