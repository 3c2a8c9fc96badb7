//! What goes wrong in a call.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

/// Result of a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A call that failed. No text of it holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server refused it.
    #[error("{0}")]
    Api(Box<ApiError>),
    /// No answer came within the time limit. Anything but a read may have been carried out.
    #[error("the server did not answer in time")]
    Timeout,
    /// The server was not reached, or the connection broke. Anything but a read may have been
    /// carried out.
    #[error("the server could not be reached: {0}")]
    Transport(String),
    /// Something else than a Valetkey server of this release answered.
    #[error("the answer of {operation} was not understood: {reason}")]
    Decode {
        /// The operation, such as `GET /connections`.
        operation: &'static str,
        /// What was expected.
        reason: String,
    },
    /// The client was not given what it needs.
    #[error("{0}")]
    Config(String),
    /// The connection's credentials are of a mode that has no single token.
    #[error("credentials of the type {0} are not one token")]
    NoToken(String),
}

/// What the server said.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{status} {code}: {message}")]
#[non_exhaustive]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// Stable; branch on this.
    pub code: String,
    /// For people; may change.
    pub message: String,
    /// What is wrong with what was sent.
    pub issues: Vec<Issue>,
    /// What belongs to the code, such as the connection.
    pub payload: Value,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
}

/// One thing that is wrong with what was sent.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct Issue {
    /// `invalid_type`, `custom`, …
    pub code: String,
    /// What was expected.
    pub message: String,
    /// Names and indexes that lead to it.
    pub path: Vec<String>,
}

impl Error {
    /// What the server said, if it said something.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }

    /// Whether nobody but the connection's owner can help, by authorizing again: make a reconnect
    /// session. False while the cause may pass.
    pub fn needs_reconnect(&self) -> bool {
        self.api().is_some_and(|error| error.payload["needs_reconnect"] == true)
    }

    /// Whether the same call may succeed later by itself.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Timeout | Self::Transport(_) => true,
            Self::Api(error) if error.payload["needs_reconnect"].is_boolean() => {
                !self.needs_reconnect()
            }
            Self::Api(error) => is_passing(error.status),
            Self::Decode { .. } | Self::Config(_) | Self::NoToken(_) => false,
        }
    }
}

/// Whether a status speaks of the moment rather than of the request.
pub(crate) fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

impl ApiError {
    pub(crate) fn read(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Envelope {
            error: Members,
        }
        #[derive(Deserialize)]
        struct Members {
            code: String,
            #[serde(default)]
            message: Option<String>,
            #[serde(default)]
            errors: Vec<Issue>,
            #[serde(default)]
            payload: Value,
        }
        match serde_json::from_slice(body) {
            Ok(Envelope { error }) => Self {
                status,
                code: error.code,
                message: error.message.unwrap_or_default(),
                issues: error.errors,
                payload: error.payload,
                retry_after,
            },
            // A proxy's own page, most likely.
            Err(_) => Self {
                status,
                code: "unexpected_response".to_owned(),
                message: "the answer is not one of Valetkey".to_owned(),
                issues: Vec::new(),
                payload: Value::Null,
                retry_after,
            },
        }
    }
}
