//! What the log keeps of a call: who was asked, how it went, how long it took. Written when the
//! last byte of the answer has gone, off the way of the call. Values of headers and queries are
//! never kept; of a failure the beginning of the provider's answer is.

use std::borrow::Cow;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body::{Body, Frame, SizeHint};
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;
use valetkey_base::{Clock, Timestamp};
use valetkey_egress::{AnyBody, BodyError};
use valetkey_store::{EndedCall, MessageRow, NewOperation};

use crate::recorder::Recorder;

/// Bytes of a failure's body that are kept.
const EXCERPT_BYTES_MAX: usize = 2_000;

/// Where a call is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogInto {
    /// An operation of its own.
    OwnOperation,
    /// A message of an operation that is there already.
    Operation(String),
    /// Nowhere: a dry run.
    Nowhere,
}

/// What belongs to the message of a call.
#[derive(Serialize)]
struct Detail<'a> {
    request: RequestDetail<'a>,
    took_ms: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<ResponseDetail<'a>>,
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    earlier_attempts: &'a [Value],
}

#[derive(Serialize)]
struct RequestDetail<'a> {
    method: &'a str,
    url: Option<String>,
    headers: &'a [String],
}

#[derive(Serialize)]
struct ResponseDetail<'a> {
    status: u16,
    headers: &'a [String],
    bytes: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    body: Cow<'a, str>,
}

/// A call under way.
pub(super) struct Record {
    pub(super) recorder: Recorder,
    pub(super) clock: Clock,
    pub(super) log: LogInto,
    pub(super) operation: NewOperation,
    pub(super) begun: Timestamp,
    pub(super) method: Method,
    pub(super) url: Option<Url>,
    pub(super) request_headers: Vec<String>,
    pub(super) attempts: Vec<Value>,
    /// Status and header names of the answer.
    pub(super) answer: Option<(StatusCode, Vec<String>)>,
    /// Code and sentence, when there is none.
    pub(super) failure: Option<(String, String)>,
    bytes: u64,
    excerpt: Vec<u8>,
    is_text: bool,
    is_done: bool,
}

impl Record {
    pub(super) fn new(
        (recorder, clock): (Recorder, Clock),
        log: LogInto,
        operation: NewOperation,
        method: Method,
    ) -> Self {
        let begun = clock.now();
        Self {
            recorder,
            clock,
            log,
            operation,
            begun,
            method,
            url: None,
            request_headers: Vec::new(),
            attempts: Vec::new(),
            answer: None,
            failure: None,
            bytes: 0,
            excerpt: Vec::new(),
            is_text: false,
            is_done: false,
        }
    }

    /// Notes an attempt that is followed by another.
    pub(super) fn attempted(&mut self, what: &str, wait_ms: u128) {
        let at = self.clock.now().since(self.begun).as_millis();
        self.attempts.push(json!({"ended_after_ms": at, "outcome": what, "waited_ms": wait_ms}));
    }

    pub(super) fn answered(&mut self, status: StatusCode, headers: &HeaderMap) {
        let names = headers.keys().map(|name| name.as_str().to_owned()).collect();
        self.answer = Some((status, names));
        let kind = headers.get(http::header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let is_plain = !headers.contains_key(http::header::CONTENT_ENCODING);
        self.is_text = is_plain
            && kind.is_some_and(|kind| {
                ["json", "text/", "xml"].iter().any(|part| kind.contains(part))
            });
    }

    fn passed(&mut self, data: &Bytes) {
        self.bytes += data.len() as u64;
        let failed = self.answer.as_ref().is_some_and(|(status, _)| status.as_u16() >= 400);
        if failed && self.is_text {
            let room = EXCERPT_BYTES_MAX.saturating_sub(self.excerpt.len());
            self.excerpt.extend_from_slice(&data[..data.len().min(room)]);
        }
    }

    fn detail(&self, took_ms: u128) -> String {
        let detail = Detail {
            request: RequestDetail {
                method: self.method.as_str(),
                url: self.url.as_ref().map(valetkey_auth::request::without_query_values),
                headers: &self.request_headers,
            },
            took_ms,
            response: self.answer.as_ref().map(|(status, headers)| ResponseDetail {
                status: status.as_u16(),
                headers,
                bytes: self.bytes,
                body: String::from_utf8_lossy(&self.excerpt),
            }),
            earlier_attempts: &self.attempts,
        };
        serde_json::to_string(&detail).unwrap_or_default()
    }

    fn error(&self) -> Option<String> {
        if let Some((code, message)) = &self.failure {
            return Some(
                json!({"class": "transient", "code": code, "message": message}).to_string(),
            );
        }
        let (status, _) = self.answer.as_ref().filter(|(status, _)| status.as_u16() >= 400)?;
        let class = match status.as_u16() {
            401 | 403 => "terminal",
            408 | 425 | 429 | 500.. => "transient",
            _ => "ours",
        };
        let excerpt = String::from_utf8_lossy(&self.excerpt);
        let error = json!({
            "class": class,
            "code": "provider_status",
            "message": format!("The provider answered with status {}.", status.as_u16()),
            "provider_status": status.as_u16(),
            "provider_description": (!excerpt.is_empty()).then_some(excerpt),
        });
        Some(error.to_string())
    }

    /// Hands the record over, once.
    pub(super) fn finish(&mut self) {
        if std::mem::replace(&mut self.is_done, true) || self.log == LogInto::Nowhere {
            return;
        }
        let now = self.clock.now();
        let error = self.error();
        let status = self.answer.as_ref().map(|(status, _)| status.as_u16());
        let (level, state) =
            if error.is_some() { ("error", "failed") } else { ("info", "success") };
        let host = self.url.as_ref().and_then(Url::host_str).unwrap_or("the provider");
        let path = self.url.as_ref().map_or("", Url::path);
        let outcome = status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let text = format!("{} {host}{path}: {outcome}", self.method);
        let mut message = MessageRow {
            operation_id: self.operation.id.clone(),
            level,
            message: text.clone(),
            detail: Some(self.detail(now.since(self.begun).as_millis())),
            created_at: now,
        };
        if let LogInto::Operation(id) = &self.log {
            message.operation_id.clone_from(id);
            self.recorder.message(message);
            return;
        }
        let operation = NewOperation {
            state,
            title: text,
            error,
            ended_at: Some(now),
            ..self.operation.clone()
        };
        self.recorder.call(EndedCall { operation, began: self.begun, message });
    }
}

impl Drop for Record {
    /// A caller that goes away in the middle is recorded too.
    fn drop(&mut self) {
        self.finish();
    }
}

/// The body of an answer on its way, which is recorded when it has gone.
pub(super) struct Watched {
    pub(super) body: AnyBody,
    pub(super) record: Record,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    self.record.passed(data);
                }
            }
            Poll::Ready(Some(Err(error))) => {
                self.record.failure = Some(("provider_broke_off".to_owned(), error.to_string()));
                self.record.finish();
            }
            Poll::Ready(None) => self.record.finish(),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
