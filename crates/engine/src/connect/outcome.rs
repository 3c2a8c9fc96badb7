//! How a browser flow ends: what the socket, the page and the log are told.

use serde::{Deserialize, Serialize};
use serde_json::json;
use valetkey_auth::AuthError;

use super::callback::{explain, socket_code};
use super::cause::Cause;

/// The message a waiting socket gets, exactly as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message_type", rename_all = "snake_case")]
pub enum FlowResult {
    /// The connection is there.
    Success {
        /// Key of the integration.
        provider_config_key: String,
        /// Id of the connection.
        connection_id: String,
        /// Whether the provider still has to confirm.
        is_pending: bool,
    },
    /// It failed.
    Error {
        /// Key of the integration, if it got that far.
        #[serde(skip_serializing_if = "Option::is_none")]
        provider_config_key: Option<String>,
        /// Id of the connection, if it got that far.
        #[serde(skip_serializing_if = "Option::is_none")]
        connection_id: Option<String>,
        /// Code.
        error_type: String,
        /// The sentence for a person.
        error_desc: String,
        /// What is behind it, for pages that explain it.
        cause: Cause,
        /// The log operation, as a reference for support.
        #[serde(skip_serializing_if = "Option::is_none")]
        operation_id: Option<String>,
    },
}

/// How a browser came to a flow, and how it is spoken to at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Visit {
    /// Whether the flow took the place of the Connect UI in its tab, which therefore has to be
    /// opened again at the end.
    pub in_same_tab: bool,
    /// The language the person reads, as the page before this one had it.
    pub language: Option<String>,
}

/// A browser flow that failed.
#[derive(Clone, Debug)]
pub struct FlowFailure {
    /// `callback_err`, `integration_not_allowed`, …
    pub error_type: String,
    /// The sentence for a person.
    pub message: String,
    /// What is behind it.
    pub cause: Cause,
    /// Key of the integration, if it got that far.
    pub integration_key: Option<String>,
    /// The provider's name for people, if it got that far.
    pub provider_name: Option<String>,
    /// Id of the connection, if it got that far.
    pub connection_id: Option<String>,
    /// The socket that waits.
    pub client_id: Option<String>,
    /// The log operation, as a reference for support.
    pub operation_id: Option<String>,
    /// Where the person is and what they read.
    pub visit: Visit,
}

impl FlowFailure {
    /// A failure before anything is known about the flow.
    pub fn new(error_type: impl Into<String>, message: impl Into<String>) -> Self {
        let error_type = error_type.into();
        Self {
            cause: Cause::of_code(&error_type),
            error_type,
            message: message.into(),
            integration_key: None,
            provider_name: None,
            connection_id: None,
            client_id: None,
            operation_id: None,
            visit: Visit::default(),
        }
    }

    /// A failed exchange with the provider.
    pub(crate) fn of_exchange(error: &AuthError) -> Self {
        Self { cause: Cause::of_exchange(error), ..Self::new(socket_code(error), explain(error)) }
    }

    /// The same for the socket.
    pub fn result(&self) -> FlowResult {
        FlowResult::Error {
            provider_config_key: self.integration_key.clone(),
            connection_id: self.connection_id.clone(),
            error_type: self.error_type.clone(),
            error_desc: self.message.clone(),
            cause: self.cause,
            operation_id: self.operation_id.clone(),
        }
    }
}

/// The log entry of a failure without a provider's answer.
pub(crate) fn failure_json(code: &str, message: &str) -> String {
    json!({"class": "ours", "code": code, "message": message}).to_string()
}

/// The code an app reads in a failure event, for a failed exchange.
pub(crate) fn event_code(error: &AuthError) -> &str {
    match error.code.as_str() {
        "callback_err" => "invalid_callback",
        code @ ("unable_to_parse_token_response" | "invalid_callback" | "state_cookie_err") => code,
        _ => "unknown",
    }
}
