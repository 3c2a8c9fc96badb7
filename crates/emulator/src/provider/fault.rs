//! Failures on demand: which, where, how often.

use std::collections::VecDeque;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::fields::Fields;
use crate::page;

/// How many different failures can wait at once.
const FAULTS_MAX: usize = 64;
/// Longest time a failure may hold an answer back.
const DELAY_MS_MAX: u64 = 10 * 60 * 1000;
/// Most times one failure may repeat.
const TIMES_MAX: u64 = 1_000_000;

/// Which endpoint fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// `POST /oauth/token`
    Token,
    /// `GET /userinfo` and `GET /api/me`
    Userinfo,
    /// `POST /oauth/revoke`
    Revoke,
}

impl Target {
    pub(crate) const ALL: [(Self, &str); 3] =
        [(Self::Token, "token"), (Self::Userinfo, "userinfo"), (Self::Revoke, "revoke")];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(target, _)| *target == self).map_or("", |(_, name)| name)
    }
}

/// How the endpoint fails. Unless said otherwise the request is not processed: no token is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Status 500.
    Http500,
    /// Status 429, with `Retry-After` when the failure says how long.
    Http429,
    /// Status 400 `invalid_grant`.
    InvalidGrant,
    /// Status 401 `invalid_client`.
    InvalidClient,
    /// No answer for the delay (a minute when none is given), then status 504.
    Timeout,
    /// Status 200 with JSON that breaks off.
    MalformedJson,
    /// Processed, and answered as a form instead of JSON.
    FormEncoded,
    /// Status 200 without an access token.
    MissingAccessToken,
    /// Processed without issuing a refresh token; the one that was used stays valid.
    NoRefreshToken,
    /// Processed after the delay (three seconds when none is given).
    Slow,
    /// Processed, then answered with status 502: the tokens it issued are lost on the way.
    LostReply,
}

impl Kind {
    pub(crate) const ALL: [(Self, &str); 11] = [
        (Self::Http500, "http_500"),
        (Self::Http429, "http_429"),
        (Self::InvalidGrant, "invalid_grant"),
        (Self::InvalidClient, "invalid_client"),
        (Self::Timeout, "timeout"),
        (Self::MalformedJson, "malformed_json"),
        (Self::FormEncoded, "form_encoded"),
        (Self::MissingAccessToken, "missing_access_token"),
        (Self::NoRefreshToken, "no_refresh_token"),
        (Self::Slow, "slow"),
        (Self::LostReply, "lost_reply"),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// Whether the failure means anything outside the token endpoint.
    fn fits(self, target: Target) -> bool {
        let anywhere = matches!(
            self,
            Self::Http500 | Self::Http429 | Self::Timeout | Self::MalformedJson | Self::Slow
        );
        target == Target::Token || anywhere
    }
}

/// A failure that waits for its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Which endpoint fails.
    pub target: Target,
    /// How.
    pub kind: Kind,
    /// For how many requests.
    pub times: u64,
    /// How long the answer is held back.
    pub delay: Option<Duration>,
    /// `Retry-After` in seconds, for status 429.
    pub retry_after_s: Option<u64>,
}

impl Fault {
    /// A failure of one request, without a delay.
    pub fn once(target: Target, kind: Kind) -> Self {
        Self { target, kind, times: 1, delay: None, retry_after_s: None }
    }

    /// Reads the body of `POST /control/faults`; the error is a sentence for the caller.
    pub(crate) fn read(fields: &Fields) -> Result<Self, String> {
        let target = one_of("target", fields.get("target"), &Target::ALL)?;
        let kind = one_of("kind", fields.get("kind"), &Kind::ALL)?;
        if !kind.fits(target) {
            return Err(format!("{} is a failure of the token endpoint only", kind.name()));
        }
        Ok(Self {
            target,
            kind,
            times: fields.number("times", TIMES_MAX)?.unwrap_or(1),
            delay: fields.number("delay_ms", DELAY_MS_MAX)?.map(Duration::from_millis),
            retry_after_s: fields.number("retry_after_s", 86_400)?,
        })
    }

    /// Holds the answer back as long as the failure says. `Some` is the answer; `None` means the
    /// request is processed, and [`Fault::reshape`] has the last word.
    pub(crate) async fn strike(&self) -> Option<Response> {
        let delay = self.delay.unwrap_or(match self.kind {
            Kind::Timeout => Duration::from_mins(1),
            Kind::Slow => Duration::from_secs(3),
            _ => Duration::ZERO,
        });
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        match self.kind {
            Kind::Http500 => Some(oauth_error(StatusCode::INTERNAL_SERVER_ERROR, "server_error")),
            Kind::Timeout => Some(oauth_error(StatusCode::GATEWAY_TIMEOUT, "server_error")),
            Kind::InvalidGrant => Some(oauth_error(StatusCode::BAD_REQUEST, "invalid_grant")),
            Kind::InvalidClient => Some(oauth_error(StatusCode::UNAUTHORIZED, "invalid_client")),
            Kind::MissingAccessToken => {
                let body = json!({"token_type": "Bearer", "expires_in": 120});
                Some(page::json_reply(StatusCode::OK, &body))
            }
            Kind::MalformedJson => {
                let kind = [(header::CONTENT_TYPE, "application/json")];
                Some((kind, "{\"access_token\": \"emu_at_").into_response())
            }
            Kind::Http429 => {
                let status = StatusCode::TOO_MANY_REQUESTS;
                let mut response = oauth_error(status, "temporarily_unavailable");
                if let Some(seconds) = self.retry_after_s {
                    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                }
                Some(response)
            }
            Kind::FormEncoded | Kind::NoRefreshToken | Kind::Slow | Kind::LostReply => None,
        }
    }

    /// The answer to a request that was processed.
    pub(crate) fn reshape(&self, reply: &Map<String, Value>) -> Option<Response> {
        match self.kind {
            Kind::LostReply => Some(oauth_error(StatusCode::BAD_GATEWAY, "server_error")),
            Kind::FormEncoded => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                for (name, value) in reply {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    form.append_pair(name, &text);
                }
                let kind = [(header::CONTENT_TYPE, "application/x-www-form-urlencoded")];
                Some((kind, form.finish()).into_response())
            }
            _ => None,
        }
    }
}

fn oauth_error(status: StatusCode, code: &str) -> Response {
    let text = "the emulator was told to fail here";
    page::json_reply(status, &json!({"error": code, "error_description": text}))
}

fn one_of<T: Copy>(field: &str, text: Option<&str>, all: &[(T, &str)]) -> Result<T, String> {
    let found = all.iter().find(|(_, name)| text == Some(*name));
    found.map(|(value, _)| *value).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|(_, name)| *name).collect();
        format!("{field} must be one of {}", names.join(", "))
    })
}

/// The failures that wait, in order, and how many were served.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Fault>,
    pub(crate) served: u64,
}

impl Queue {
    /// Adds a failure; false when too many wait already.
    pub(crate) fn push(&mut self, fault: Fault) -> bool {
        if self.waiting.len() >= FAULTS_MAX {
            return false;
        }
        if fault.times > 0 {
            self.waiting.push_back(fault);
        }
        true
    }

    /// The failure the next request to this endpoint suffers.
    pub(crate) fn take(&mut self, target: Target) -> Option<Fault> {
        let index = self.waiting.iter().position(|fault| fault.target == target)?;
        let fault = self.waiting.get_mut(index)?;
        fault.times -= 1;
        let taken = *fault;
        if taken.times == 0 {
            self.waiting.remove(index);
        }
        self.served += 1;
        Some(taken)
    }

    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Fault> {
        self.waiting.iter()
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }
}
