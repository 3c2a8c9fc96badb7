//! The headers that steer a call, and those that go along with it.

use std::time::Duration;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONNECTION, CONTENT_ENCODING, CONTENT_LANGUAGE,
    CONTENT_TYPE, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
    SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};
use url::Url;
use valetkey_engine::proxy::{LogInto, RETRIES_MAX};

use crate::error::{ApiError, ApiResult, Part};
use crate::schema::{Issue, Schema, field, integer, named, object, one_of, string};

/// A header that becomes one of the call.
const PREFIX: &str = "nango-proxy-";
const RETRY_ON_MAX: usize = 50;

/// Headers of the caller that describe the body or the answer it wants. They go along; all others
/// have to be asked for with the prefix.
const RELAYED: [HeaderName; 17] = [
    ACCEPT,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_TYPE,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    RANGE,
    SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION,
    HeaderName::from_static("idempotency-key"),
];

/// What the caller's headers ask for.
pub(super) struct Control {
    pub(super) integration_key: String,
    pub(super) connection_id: String,
    pub(super) retries: u32,
    pub(super) retry_on: Vec<u16>,
    pub(super) base_url: Option<Url>,
    pub(super) decompress: bool,
    pub(super) forward_headers: bool,
    pub(super) deadline: Option<Duration>,
    pub(super) log: LogInto,
}

fn schema() -> Schema {
    let flag = || one_of(&["true", "false"]).optional();
    object(vec![
        field("provider-config-key", named::integration_key()),
        field("connection-id", named::connection_id()),
        field("retries", integer().coerced().min(0).max(i64::from(RETRIES_MAX)).default(0)),
        field("retry-on", string().optional()),
        field("base-url-override", named::url().optional()),
        field("decompress", flag()),
        field("forward-headers-on-redirect", flag()),
        field("nango-activity-log-id", string().max(255).optional()),
        field("nango-is-sync", flag()),
        field("nango-is-dry-run", flag()),
        field("valetkey-timeout-ms", integer().coerced().min(1).optional()),
    ])
}

const NAMES: [&str; 11] = [
    "provider-config-key",
    "connection-id",
    "retries",
    "retry-on",
    "base-url-override",
    "decompress",
    "forward-headers-on-redirect",
    "nango-activity-log-id",
    "nango-is-sync",
    "nango-is-dry-run",
    "valetkey-timeout-ms",
];
/// Clients send these empty when there is nothing to say.
const MAY_BE_EMPTY: [&str; 2] = ["base-url-override", "nango-activity-log-id"];

/// Reads the steering headers.
///
/// # Errors
/// 400 `invalid_headers` with every issue.
pub(super) fn read(headers: &HeaderMap) -> ApiResult<Control> {
    let mut given = Map::new();
    for name in NAMES {
        let Some(value) = headers.get(name) else { continue };
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        if !(text.is_empty() && MAY_BE_EMPTY.contains(&name)) {
            given.insert(name.to_owned(), Value::String(text));
        }
    }
    let invalid = |issues| ApiError::validation(Part::Headers, issues);
    let checked = schema().check(Some(Value::Object(given))).map_err(invalid)?;
    let checked = checked.unwrap_or_default();
    let text = |name: &str| checked.get(name).and_then(Value::as_str);
    let owned = |name: &str| text(name).unwrap_or_default().to_owned();
    let number = |name: &str| checked.get(name).and_then(Value::as_u64);
    let retry_on = match text("retry-on").map(statuses) {
        None => Vec::new(),
        Some(Some(statuses)) => statuses,
        Some(None) => {
            let message = "Expected are statuses with commas between, such as 404,409";
            return Err(invalid(vec![Issue::custom(message, &["retry-on"])]));
        }
    };
    let log = match text("nango-activity-log-id") {
        _ if text("nango-is-dry-run") == Some("true") => LogInto::Nowhere,
        Some(id) => LogInto::Operation(id.to_owned()),
        None => LogInto::OwnOperation,
    };
    Ok(Control {
        integration_key: owned("provider-config-key"),
        connection_id: owned("connection-id"),
        retries: number("retries").and_then(|it| u32::try_from(it).ok()).unwrap_or(0),
        retry_on,
        base_url: text("base-url-override").and_then(|text| Url::parse(text).ok()),
        decompress: text("decompress") == Some("true"),
        forward_headers: text("forward-headers-on-redirect") == Some("true"),
        deadline: number("valetkey-timeout-ms").map(Duration::from_millis),
        log,
    })
}

fn statuses(text: &str) -> Option<Vec<u16>> {
    let status = |part: &str| part.parse().ok().filter(|status| (100..=599).contains(status));
    let statuses: Option<Vec<u16>> = text.split(',').map(status).collect();
    statuses.filter(|statuses| statuses.len() <= RETRY_ON_MAX)
}

/// The headers of the call. What is asked for with the prefix comes over what goes along.
pub(super) fn relayed(headers: &HeaderMap, decompress: bool) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut asked: Vec<(String, String)> = Vec::new();
    for (name, value) in headers {
        if let Some(name) = name.as_str().strip_prefix(PREFIX) {
            asked.push((name.to_owned(), text(value)));
        }
    }
    for name in &RELAYED {
        if asked.iter().any(|(known, _)| known == name.as_str()) {
            continue;
        }
        let values = headers.get_all(name).iter();
        asked.extend(values.map(|value| (name.as_str().to_owned(), text(value))));
    }
    // The client that unpacks says itself what it can unpack.
    asked.retain(|(name, _)| !(decompress && name == ACCEPT_ENCODING.as_str()));
    asked
}

/// The protocol the caller wants to change to (RFC 9110, section 7.8).
pub(super) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let connection = headers.get(CONNECTION)?.to_str().ok()?;
    let asks = connection.split(',').any(|part| part.trim().eq_ignore_ascii_case("upgrade"));
    headers.get(UPGRADE).filter(|_| asks).cloned()
}
