//! The webhook inbox: keeps the last requests, checks their signature, shows them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use askama::Template;
use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use valetkey_base::{Clock, Secret, Timestamp};

use crate::fields::Fields;
use crate::page::{self, Guard, Policy};

/// How many requests are kept.
const ENTRIES_MAX: usize = 100;
/// How many deliveries can be refused in advance.
const FAIL_TIMES_MAX: u64 = 10_000;
/// Hex HMAC-SHA256 of the raw body under the environment's signing key.
const SIGNATURE_HEADER: &str = "x-nango-hmac-sha256";

/// How the inbox is set up.
#[derive(Debug, Clone)]
pub struct InboxOptions {
    /// Where it is reached.
    pub base_url: String,
    /// Where "now" comes from.
    pub clock: Clock,
    /// The key webhooks are signed with, when it is known.
    pub signing_key: Option<Secret>,
}

/// The running inbox. Clones share everything.
#[derive(Clone)]
pub struct InboxState(Arc<Inner>);

struct Inner {
    base_url: String,
    clock: Clock,
    letters: Mutex<Letters>,
}

#[derive(Default)]
struct Letters {
    signing_key: Option<Secret>,
    entries: VecDeque<Entry>,
    /// Grows with every change, so that a page knows whether it is current.
    version: u64,
    received: u64,
    fail_times: u64,
    fail_status: u16,
}

/// One received request.
#[derive(Debug, Clone)]
struct Entry {
    id: u64,
    received_at: Timestamp,
    headers: Vec<(String, String)>,
    body: String,
    signature: Signature,
    answered: u16,
}

/// What the signature header says about the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signature {
    Valid,
    Invalid,
    Missing,
    KeyUnknown,
}

impl Signature {
    fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Missing => "missing",
            Self::KeyUnknown => "key_unknown",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Valid => "✓ Signature valid",
            Self::Invalid => "✗ Signature wrong",
            Self::Missing => "No signature",
            Self::KeyUnknown => "Signature not checked",
        }
    }

    fn tone(self) -> &'static str {
        match self {
            Self::Valid => "good",
            Self::Invalid => "bad",
            Self::Missing | Self::KeyUnknown => "warn",
        }
    }
}

impl InboxState {
    /// An empty inbox.
    pub fn new(options: InboxOptions) -> Self {
        let letters = Letters { signing_key: options.signing_key, ..Letters::default() };
        let InboxOptions { base_url, clock, .. } = options;
        Self(Arc::new(Inner { base_url, clock, letters: Mutex::new(letters) }))
    }

    /// Tells the key webhooks are signed with from now on.
    pub fn set_signing_key(&self, key: Secret) {
        self.letters().signing_key = Some(key);
    }

    /// What `GET /inbox.json` answers.
    pub fn to_json(&self) -> Value {
        let letters = self.letters();
        let entries: Vec<Value> = letters.entries.iter().map(entry_json).collect();
        json!({"received": letters.received, "failing": letters.fail_times, "entries": entries})
    }

    fn letters(&self) -> MutexGuard<'_, Letters> {
        self.0.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `POST /webhooks`, the page `GET /inbox`, and what belongs to it.
pub fn router(state: InboxState) -> Router {
    let guard = Guard::new(&state.0.base_url);
    Router::new()
        .route("/webhooks", post(receive))
        .route("/inbox", get(show).delete(clear))
        .route(
            "/inbox.json",
            get(async |State(state): State<InboxState>| {
                page::json_reply(StatusCode::OK, &state.to_json())
            }),
        )
        .route("/inbox/entries", get(entries))
        .route("/inbox/clear", post(clear_by_form))
        .route("/inbox/fail", post(fail))
        .route("/inbox-assets/icon.svg", get(page::icon))
        .route("/inbox-assets/style.css", get(page::style))
        .route("/inbox-assets/inbox.js", get(async || page::js(include_str!("../assets/inbox.js"))))
        .layer(DefaultBodyLimit::max(page::BODY_BYTES_MAX))
        .layer(from_fn_with_state(guard, page::guard))
        .with_state(state)
}

async fn receive(State(state): State<InboxState>, headers: HeaderMap, body: Bytes) -> Response {
    let received_at = state.0.clock.now();
    let mut letters = state.letters();
    let signature = check(letters.signing_key.as_ref(), &headers, &body);
    let mut answered = 200;
    if letters.fail_times > 0 {
        letters.fail_times -= 1;
        answered = letters.fail_status;
    }
    letters.received += 1;
    letters.version += 1;
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let entry = Entry {
        id: letters.received,
        received_at,
        headers: headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
        signature,
        answered,
    };
    letters.entries.push_front(entry);
    letters.entries.truncate(ENTRIES_MAX);
    let status = StatusCode::from_u16(answered).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    page::json_reply(status, &json!({"received": status.is_success()}))
}

fn check(key: Option<&Secret>, headers: &HeaderMap, body: &[u8]) -> Signature {
    let Some(sent) = headers.get(SIGNATURE_HEADER) else {
        return Signature::Missing;
    };
    let Some(key) = key else {
        return Signature::KeyUnknown;
    };
    let Ok(sent) = hex::decode(sent.as_bytes()) else {
        return Signature::Invalid;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes());
    match hmac::verify(&key, body, &sent) {
        Ok(()) => Signature::Valid,
        Err(_) => Signature::Invalid,
    }
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct Page {
    list: List,
    url: String,
}

#[derive(Template)]
#[template(path = "inbox_entries.html")]
struct List {
    version: u64,
    received: u64,
    fail_times: u64,
    fail_status: u16,
    rows: Vec<Row>,
}

struct Row {
    id: u64,
    time: String,
    iso: String,
    title: String,
    detail: String,
    body: String,
    headers: Vec<(String, String)>,
    signature: &'static str,
    tone: &'static str,
    answered: u16,
    refused: bool,
}

fn list(state: &InboxState) -> List {
    let letters = state.letters();
    List {
        version: letters.version,
        received: letters.received,
        fail_times: letters.fail_times,
        fail_status: letters.fail_status,
        rows: letters.entries.iter().map(row).collect(),
    }
}

fn row(entry: &Entry) -> Row {
    let json = serde_json::from_str::<Value>(&entry.body).ok();
    let text = |name: &str| {
        let value = json.as_ref().and_then(|json| json.get(name));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let title = [text("type"), text("operation")].join(" ").trim().to_owned();
    let pretty = json.as_ref().and_then(|json| serde_json::to_string_pretty(json).ok());
    let success = json.as_ref().and_then(|json| json.get("success")).and_then(Value::as_bool);
    let outcome = match success {
        Some(true) => "succeeded",
        Some(false) => "failed",
        None => "",
    };
    let detail = [text("providerConfigKey"), text("connectionId"), outcome.to_owned()];
    let detail: Vec<String> = detail.into_iter().filter(|part| !part.is_empty()).collect();
    Row {
        id: entry.id,
        time: entry.received_at.format("%H:%M:%S UTC"),
        iso: entry.received_at.to_iso_z(),
        title: if title.is_empty() { "Webhook".to_owned() } else { title },
        detail: detail.join(" · "),
        body: pretty.unwrap_or_else(|| entry.body.clone()),
        headers: entry.headers.clone(),
        signature: entry.signature.label(),
        tone: entry.signature.tone(),
        answered: entry.answered,
        refused: !(200..300).contains(&entry.answered),
    }
}

fn entry_json(entry: &Entry) -> Value {
    let headers: serde_json::Map<String, Value> =
        entry.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "id": entry.id,
        "received_at": entry.received_at.to_iso_z(),
        "headers": headers,
        "body": entry.body,
        "json": serde_json::from_str::<Value>(&entry.body).ok(),
        "signature": entry.signature.name(),
        "answered": entry.answered,
    })
}

async fn show(State(state): State<InboxState>) -> Response {
    let url = format!("{}/webhooks", state.0.base_url.trim_end_matches('/'));
    let page = Page { list: list(&state), url };
    page::html(StatusCode::OK, &page, &Policy::closed())
}

/// The list alone, for the page's own script; 304 while nothing has changed.
async fn entries(State(state): State<InboxState>, headers: HeaderMap) -> Response {
    let list = list(&state);
    let tag = format!("\"{}\"", list.version);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag.as_str()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let mut response = page::html(StatusCode::OK, &list, &Policy::closed());
    if let Ok(value) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

async fn clear(State(state): State<InboxState>) -> StatusCode {
    empty(&state);
    StatusCode::NO_CONTENT
}

async fn clear_by_form(State(state): State<InboxState>) -> Redirect {
    empty(&state);
    Redirect::to("/inbox")
}

fn empty(state: &InboxState) {
    let mut letters = state.letters();
    letters.entries.clear();
    letters.version += 1;
}

/// Refuses the next deliveries: `times` and `status` from the query, a form or JSON.
async fn fail(
    State(state): State<InboxState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let read = match query.as_deref() {
        None | Some("") => Fields::read(&headers, &body),
        Some(query) => Fields::from_query(query),
    };
    let wanted = read.and_then(|fields| {
        let times = fields.number("times", FAIL_TIMES_MAX)?.unwrap_or(1);
        let status = fields.number("status", 599)?.unwrap_or(500);
        Ok((times, status, fields.from_form))
    });
    let (times, status, from_form) = match wanted {
        Ok((times, status @ 200..=599, from_form)) => (times, status, from_form),
        Ok(_) => return invalid("status must be an HTTP status from 200 to 599"),
        Err(message) => return invalid(&message),
    };
    {
        let mut letters = state.letters();
        letters.fail_times = times;
        letters.fail_status = status as u16;
        letters.version += 1;
    }
    if from_form {
        return Redirect::to("/inbox").into_response();
    }
    page::json_reply(StatusCode::OK, &json!({"times": times, "status": status}))
}

fn invalid(message: &str) -> Response {
    page::problem(StatusCode::BAD_REQUEST, "invalid_body", message)
}

#[cfg(test)]
mod tests;
