//! Reads the answers of an exchange, in whatever form they come.

use serde_json::{Map, Value};
use url::form_urlencoded;
use valetkey_base::Secret;
use valetkey_catalog::Provider;
use valetkey_catalog::template::find;

use super::xml;
use crate::classify::scrubbed;
use crate::credentials::HIDDEN_MEMBER;
use crate::request::HttpReply;

const WORDS_CHARS_MAX: usize = 500;
const DEPTH_MAX: usize = 12;

/// Cookies and headers kept of one answer, in bytes of a value.
const KEPT_BYTES_MAX: usize = 8 * 1024;

/// An answer as a value: JSON, XML, form data, or its text.
pub(super) fn parse(reply: &HttpReply) -> Value {
    let text = String::from_utf8_lossy(&reply.body);
    let text = text.trim_start_matches('\u{feff}').trim();
    if let Ok(value) = serde_json::from_str(text) {
        return value;
    }
    if text.starts_with('<')
        && let Some(map) = xml::read(text)
    {
        return Value::Object(map);
    }
    let is_form = reply
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if is_form {
        return Value::Object(
            form_urlencoded::parse(text.as_bytes())
                .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
                .collect(),
        );
    }
    Value::String(text.to_owned())
}

/// The value at a path; the whole answer at the empty one.
pub(super) fn value_at(answer: &Value, path: &str) -> Option<Value> {
    let value = if path.is_empty() { answer } else { find(answer.as_object()?, path)? };
    // An XML element with attributes holds its text among them.
    let text = value.get(xml::TEXT).unwrap_or(value);
    Some(text.clone()).filter(|value| !value.is_null())
}

/// The text at a path, when there is one that is not empty.
pub(super) fn text_at(answer: &Value, path: &str) -> Option<String> {
    match value_at(answer, path)? {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Members in which providers explain a refusal, at whatever depth.
const EXPLANATIONS: [&str; 9] = [
    "description2",
    "error_description",
    "errormessage",
    "errordescription",
    "faultstring",
    "description",
    "message",
    "error",
    "errors",
];

/// What a refusing answer says, cut and without secrets.
pub(super) fn words(reply: &HttpReply, secrets: &[Secret]) -> Option<String> {
    let parsed = parse(reply);
    let text = EXPLANATIONS.iter().find_map(|name| explained(&parsed, name, 0))?;
    Some(scrubbed(&text, secrets, WORDS_CHARS_MAX)).filter(|text| !text.is_empty())
}

fn explained(value: &Value, name: &str, depth: usize) -> Option<String> {
    if depth > DEPTH_MAX {
        return None;
    }
    match value {
        Value::Object(map) => map
            .iter()
            .find_map(|(key, value)| {
                let text = value.as_str().map(str::trim).filter(|text| !text.is_empty())?;
                (local_name(key).eq_ignore_ascii_case(name)).then(|| text.to_owned())
            })
            .or_else(|| map.values().find_map(|value| explained(value, name, depth + 1))),
        Value::Array(items) => items.iter().find_map(|item| explained(item, name, depth + 1)),
        _ => None,
    }
}

fn local_name(key: &str) -> &str {
    key.rsplit(':').next().unwrap_or(key)
}

/// Keeps the headers the entry names. Of `set-cookie` each cookie becomes a member of its own, and
/// `_cookies` holds all of them as a request sends them.
pub(super) fn keep_headers(provider: &Provider, reply: &HttpReply, kept: &mut Map<String, Value>) {
    for wanted in &provider.two_step.headers_kept {
        let wanted_key = wanted.to_ascii_lowercase();
        for (name, value) in &reply.headers {
            if *name != wanted_key || value.len() > KEPT_BYTES_MAX {
                continue;
            }
            if wanted_key == "set-cookie" {
                keep_cookie(provider, value, kept);
            } else if may_keep(provider, wanted) {
                kept.insert(wanted.clone(), value.as_str().into());
            }
        }
    }
}

fn keep_cookie(provider: &Provider, header: &str, kept: &mut Map<String, Value>) {
    let pair = header.split(';').next().unwrap_or_default();
    let Some((name, value)) = pair.split_once('=') else { return };
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() {
        return;
    }
    if may_keep(provider, name) {
        kept.insert(name.to_owned(), value.into());
    }
    let held = kept.get("_cookies").and_then(Value::as_str).unwrap_or_default();
    let start = format!("{name}=");
    // A cookie that is set again replaces itself.
    let mut cookies: Vec<&str> =
        held.split("; ").filter(|held| !held.is_empty() && !held.starts_with(&start)).collect();
    let pair = format!("{name}={value}");
    cookies.push(&pair);
    let joined = cookies.join("; ");
    if joined.len() <= KEPT_BYTES_MAX {
        kept.insert("_cookies".to_owned(), joined.into());
    }
}

/// A header must not take the place of what was typed, or of our own members.
fn may_keep(provider: &Provider, name: &str) -> bool {
    let ours = ["type", "token", "refresh_token", "expires_at", "raw", "assertion", "_cookies"];
    let declared = provider.credentials.iter().chain(&provider.integration_config);
    !ours.contains(&name)
        && name != HIDDEN_MEMBER
        && !declared.into_iter().any(|field| field.name == name && !field.automated)
}
