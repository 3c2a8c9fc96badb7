//! What the app gets of a delivery: the body as it came, the headers that may travel, and which
//! connection it is about.

use serde_json::{Map, Value};
use valetkey_base::Timestamp;
use valetkey_catalog::schema::{Place, Scheme, Verify};
use valetkey_store::{Event, Matched, NewDelivery, NewEvent};

use super::matching::MATCHED_MAX;
use super::message::Message;
use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::events::{origin, urls_of};
use crate::integrations::IntegrationView;

/// The type of the event.
pub(crate) const KIND: &str = "forward";
/// Says that no connection was found.
pub const UNATTRIBUTED_HEADER: &str = "x-valetkey-unattributed";
/// Says that the webhook is about more connections than it is passed on for; how many those are.
pub const CUT_HEADER: &str = "x-valetkey-connections-cut";
/// Says that nobody checked who sent it.
pub const UNVERIFIED_HEADER: &str = "x-valetkey-unverified";

/// Beginnings of header names that do not travel: those of the connection (RFC 9110, section 7.6.1),
/// credentials, what we say ourselves, and what describes a body that is written anew.
const STAYS: &[&str] = &[
    "host",
    "authorization",
    "connection",
    "keep-alive",
    "content-length",
    "content-type",
    "content-encoding",
    "cookie",
    "set-cookie",
    "referer",
    "user-agent",
    "sec-",
    "proxy-",
    "www-authenticate",
    "server",
    "transfer-encoding",
    "x-nango-",
    "x-valetkey-",
];
/// Whole names that do not travel either.
const STAYS_WHOLE: &[&str] = &["accept-encoding", "expect", "te", "trailer", "upgrade"];

/// The headers that are relayed. Without those that carry the secret itself.
pub(super) fn relayed_headers(message: &Message<'_>, ways: &[Verify]) -> Map<String, Value> {
    let is_secret = |name: &str| {
        let tokens = ways.iter().filter(|way| matches!(way.scheme, Scheme::Token | Scheme::Jwt));
        tokens.into_iter().any(|way| way.signature == Place::Header(name.to_owned()))
    };
    let stays = |name: &str| {
        STAYS.iter().any(|known| name.starts_with(known)) || STAYS_WHOLE.contains(&name)
    };
    let headers = message.request.headers.iter();
    headers
        .filter(|(name, _)| !stays(name) && !is_secret(name))
        .map(|(name, value)| (name.clone(), Value::String(value.clone())))
        .collect()
}

/// The payload as JSON text. JSON keeps its order and its numbers; a form is an object; another text
/// is a text; without a body the headers are what was said.
pub(super) fn payload(
    message: &Message<'_>,
    ways: &[Verify],
    items: Option<&str>,
    headers: &Map<String, Value>,
) -> String {
    if message.request.body.is_empty() {
        return Value::Object(headers.clone()).to_string();
    }
    let Some(body) = message.body() else {
        return Value::String(String::from_utf8_lossy(&message.request.body).into_owned())
            .to_string();
    };
    let mut shown = body.clone();
    let mut is_changed = false;
    for way in ways.iter().filter(|way| way.scheme == Scheme::Token) {
        is_changed |= match &way.signature {
            Place::Body(path) => remove(&mut shown, path),
            Place::Item(path) => items_of(&mut shown, items.unwrap_or_default())
                .into_iter()
                .fold(false, |removed, item| remove(item, path) | removed),
            _ => false,
        };
    }
    let given = str::from_utf8(&message.request.body).ok().filter(|_| !is_changed);
    match given.filter(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()) {
        Some(text) => compact(text),
        None => shown.to_string(),
    }
}

/// Takes the secret out of what is stored and sent on.
fn remove(value: &mut Value, path: &str) -> bool {
    let (parent, key) = match path.rsplit_once('.') {
        Some((parent, key)) => (value.pointer_mut(&format!("/{}", parent.replace('.', "/"))), key),
        None => (Some(value), path),
    };
    let members = parent.and_then(Value::as_object_mut);
    members.is_some_and(|members| members.shift_remove(key).is_some())
}

fn items_of<'v>(value: &'v mut Value, path: &str) -> Vec<&'v mut Value> {
    let pointer =
        if path.is_empty() { String::new() } else { format!("/{}", path.replace('.', "/")) };
    match value.pointer_mut(&pointer) {
        Some(Value::Array(items)) => items.iter_mut().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

/// JSON without the blanks between its parts.
fn compact(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let (mut in_text, mut escaped) = (false, false);
    for c in text.chars() {
        if in_text {
            in_text = c != '"' || escaped;
            escaped = c == '\\' && !escaped;
        } else if c.is_ascii_whitespace() {
            continue;
        } else {
            in_text = c == '"';
        }
        written.push(c);
    }
    written
}

/// A delivery on its way to the app.
pub(super) struct Relay<'a> {
    pub(super) environment: &'a EnvironmentView,
    pub(super) view: &'a IntegrationView,
    pub(super) payload: &'a str,
    pub(super) headers: &'a Map<String, Value>,
    pub(super) is_verified: bool,
    /// Whether it is about more connections than it is passed on for.
    pub(super) is_cut: bool,
}

impl Engine {
    /// The event for a connection, or for nobody, with the headers it travels with.
    pub(super) fn relayed(
        &self,
        relay: &Relay<'_>,
        to: Option<&Matched>,
        now: Timestamp,
    ) -> (NewEvent, String) {
        let mut headers = relay.headers.clone();
        if to.is_none() {
            headers.insert(UNATTRIBUTED_HEADER.to_owned(), "true".into());
        }
        if relay.is_cut {
            headers.insert(CUT_HEADER.to_owned(), MATCHED_MAX.to_string().into());
        }
        if !relay.is_verified {
            headers.insert(UNVERIFIED_HEADER.to_owned(), "true".into());
        }
        let settings = &relay.environment.settings;
        let override_url = to.and_then(|to| to.webhook_url_override.as_deref());
        let deliveries = urls_of(settings, override_url).into_iter().map(|url| NewDelivery {
            id: self.sortable_id("dlv", now),
            url: url.to_owned(),
            destination: origin(url),
        });
        let event = NewEvent {
            deliveries: deliveries.collect(),
            event: Event {
                id: self.sortable_id("evt", now),
                environment_id: relay.environment.id,
                connection_row: to.map(|to| to.id),
                kind: KIND.to_owned(),
                payload: to.map_or_else(|| relay.payload.to_owned(), |to| attributed(relay, to)),
                created_at: now,
            },
        };
        (event, Value::Object(headers).to_string())
    }
}

/// The keys in the order of the contract: sorted.
fn attributed(relay: &Relay<'_>, to: &Matched) -> String {
    let text = |text: &str| Value::String(text.to_owned()).to_string();
    let mark = if relay.is_verified { "" } else { ",\"verified\":false" };
    format!(
        "{{\"connectionId\":{},\"from\":{},\"payload\":{},\"providerConfigKey\":{},\
         \"type\":\"{KIND}\"{mark}}}",
        text(&to.connection_id),
        text(&relay.view.provider.name),
        relay.payload,
        text(&relay.view.row.unique_key),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_go_and_values_stay() {
        let text = "{ \"b\" : [ 1 , 12345678901234567890.10 ],\n\t\"a\":\"x \\\" y \\\\\" }";
        let short = "{\"b\":[1,12345678901234567890.10],\"a\":\"x \\\" y \\\\\"}";
        assert_eq!(compact(text), short);
    }

    #[test]
    fn a_secret_in_the_body_is_taken_out() {
        let mut value = serde_json::json!({"a": {"b": 1, "secret": 2}, "passcode": 3});
        assert!(remove(&mut value, "a.secret") && remove(&mut value, "passcode"));
        assert!(!remove(&mut value, "gone"));
        assert_eq!(value, serde_json::json!({"a": {"b": 1}}));
    }
}
