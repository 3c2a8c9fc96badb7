//! A webhook as it came: values at the places a recipe names, and what is relayed of it.

use std::sync::OnceLock;

use bytes::Bytes;
use serde_json::{Map, Value};
use valetkey_catalog::scalar_text;
use valetkey_catalog::schema::{Condition, Piece, Place, Template};

/// Values that one place gives at most; a longer list is cut.
const VALUES_MAX: usize = 1000;

/// A request to the webhook endpoint.
#[derive(Clone)]
pub struct Incoming {
    /// In capitals.
    pub method: String,
    /// Path and query as they were sent.
    pub path_and_query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The bytes that were signed.
    pub body: Bytes,
}

/// The request with its recipe's view of it. The body is parsed when somebody asks.
pub(super) struct Message<'a> {
    pub(super) request: &'a Incoming,
    /// The address the provider called.
    pub(super) url: String,
    pub(super) client_id: &'a str,
    form_json: Option<&'a str>,
    query: Vec<(String, String)>,
    body: OnceLock<Option<Value>>,
}

impl<'a> Message<'a> {
    pub(super) fn new(
        request: &'a Incoming,
        public_url: &str,
        client_id: &'a str,
        form_json: Option<&'a str>,
    ) -> Self {
        let query = request.path_and_query.split_once('?').map_or("", |(_, query)| query);
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let url = format!("{public_url}{}", request.path_and_query);
        Self { request, url, client_id, form_json, query, body: OnceLock::new() }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.request.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn is_form(&self) -> bool {
        let kind = self.header("content-type").unwrap_or_default().to_ascii_lowercase();
        kind.starts_with("application/x-www-form-urlencoded")
    }

    /// Names and values of a form.
    pub(super) fn form(&self) -> Vec<(String, String)> {
        if !self.is_form() {
            return Vec::new();
        }
        url::form_urlencoded::parse(&self.request.body).into_owned().collect()
    }

    /// The body as JSON: a form is an object, or the JSON in the field that holds it.
    pub(super) fn body(&self) -> Option<&Value> {
        let parsed = self.body.get_or_init(|| {
            if !self.is_form() {
                return serde_json::from_slice(&self.request.body).ok();
            }
            let fields = self.form();
            let inner = fields.iter().find(|(name, _)| Some(name.as_str()) == self.form_json);
            if let Some(value) = inner.and_then(|(_, text)| serde_json::from_str(text).ok()) {
                return Some(value);
            }
            let members = fields.into_iter().map(|(name, value)| (name, Value::String(value)));
            Some(Value::Object(members.collect::<Map<_, _>>()))
        });
        parsed.as_ref()
    }

    /// The events in the body: those of a list, or the body itself.
    pub(super) fn items(&self, path: &str) -> Vec<&Value> {
        let found = self.body().and_then(|body| at(body, path));
        match found {
            Some(Value::Array(items)) => items.iter().collect(),
            Some(one) => vec![one],
            None => Vec::new(),
        }
    }

    /// The texts at a place, in the body or in each of its events.
    pub(super) fn values(&self, place: &Place, items: Option<&str>) -> Vec<String> {
        let one = |text: Option<&str>| text.map(str::to_owned).into_iter().collect();
        let mut values = match place {
            Place::Header(name) => one(self.header(name)),
            Place::Query(name) => one(self.query(name)),
            Place::Literal(text) => one(Some(text)),
            Place::Body(path) => self.body().map_or_else(Vec::new, |body| texts_at(body, path)),
            Place::Item(path) => self
                .items(items.unwrap_or_default())
                .into_iter()
                .flat_map(|item| texts_at(item, path))
                .collect(),
        };
        values.retain(|value| !value.is_empty());
        values.truncate(VALUES_MAX);
        values
    }

    /// The first text at a place.
    pub(super) fn value(&self, place: &Place, items: Option<&str>) -> Option<String> {
        self.values(place, items).into_iter().next()
    }

    /// Whether every condition holds. `secret` is for those that compare with it.
    pub(super) fn holds(&self, conditions: &[Condition], secret: &str) -> bool {
        conditions.iter().all(|condition| {
            let found = self.value(&condition.at, None);
            match (&condition.equals, found) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(template), Some(value)) => {
                    let context = Fill { secret, timestamp: "" };
                    self.fill(template, &context).is_some_and(|it| it == value.as_bytes())
                }
            }
        })
    }

    /// A template with its placeholders filled. `None` when a place is empty.
    pub(super) fn fill(&self, template: &Template, context: &Fill<'_>) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for piece in &template.0 {
            match piece {
                Piece::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                Piece::Body => bytes.extend_from_slice(&self.request.body),
                Piece::Timestamp => bytes.extend_from_slice(context.timestamp.as_bytes()),
                Piece::Url => bytes.extend_from_slice(self.url.as_bytes()),
                Piece::Method => bytes.extend_from_slice(self.request.method.as_bytes()),
                Piece::Secret => bytes.extend_from_slice(context.secret.as_bytes()),
                Piece::ClientId => bytes.extend_from_slice(self.client_id.as_bytes()),
                Piece::SortedForm => {
                    let mut fields = self.form();
                    fields.sort();
                    for (name, value) in fields {
                        bytes.extend_from_slice(name.as_bytes());
                        bytes.extend_from_slice(value.as_bytes());
                    }
                }
                Piece::At(place) => bytes.extend_from_slice(self.value(place, None)?.as_bytes()),
                Piece::HmacHex(place) => {
                    let tag = challenge_tag(&self.value(place, None)?, context.secret)?;
                    bytes.extend_from_slice(hex::encode(tag).as_bytes());
                }
                Piece::HmacBase64(place) => {
                    use base64::Engine as _;
                    let tag = challenge_tag(&self.value(place, None)?, context.secret)?;
                    let text = base64::engine::general_purpose::STANDARD.encode(tag);
                    bytes.extend_from_slice(text.as_bytes());
                }
            }
        }
        Some(bytes)
    }
}

/// What a template may need beside the request.
pub(super) struct Fill<'a> {
    pub(super) secret: &'a str,
    pub(super) timestamp: &'a str,
}

/// Most characters of a challenge that is signed.
const CHALLENGE_CHARS_MAX: usize = 256;

/// HMAC-SHA256 of a challenge. Only of what cannot be the body of a delivery: whoever may have any
/// text signed could forge one.
fn challenge_tag(text: &str, secret: &str) -> Option<aws_lc_rs::hmac::Tag> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=+/.".contains(&byte);
    if secret.is_empty() || text.len() > CHALLENGE_CHARS_MAX || !text.bytes().all(is_token) {
        return None;
    }
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    Some(aws_lc_rs::hmac::sign(&key, text.as_bytes()))
}

/// What stands at a dotted path; an empty path is the value itself.
pub(crate) fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    if path.is_empty() {
        return Some(value);
    }
    path.split('.').try_fold(value, |value, key| match value {
        Value::Object(map) => map.get(key),
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => None,
    })
}

fn texts_at(value: &Value, path: &str) -> Vec<String> {
    match at(value, path) {
        Some(Value::Array(items)) => items.iter().filter_map(scalar_text).collect(),
        Some(one) => scalar_text(one).into_iter().collect(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_never_signed_as_a_challenge() {
        assert!(challenge_tag("abc-123_x=", "secret").is_some());
        for wrong in ["{}", "a b", "<x>", "[1]", &"a".repeat(300)] {
            assert!(challenge_tag(wrong, "secret").is_none(), "{wrong}");
        }
        assert!(challenge_tag("abc", "").is_none());
    }
}
