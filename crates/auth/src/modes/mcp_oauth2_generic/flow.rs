//! What a flow knows from one request to the next. Lives in this process's memory only.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::metadata::{ResourceMetadata, ServerMetadata};
use crate::error::{AuthError, Class};
use crate::mode::{AuthorizeInput, Pending, Purpose};

const KEY: &str = "flow";
/// Redirects followed in one discovery.
const REDIRECTS_MAX: u8 = 3;

/// Where it stands: what the request on its way asks, and what else may be asked.
#[derive(Clone, Serialize, Deserialize)]
pub(super) enum Stage {
    /// Coming without a token, for the hint that a refusal holds.
    Challenge,
    /// The server's own description.
    Resource { others: Vec<String> },
    /// The description of its authorization server.
    Server { others: Vec<String> },
    /// Being registered.
    Registration,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Flow {
    /// The MCP server.
    pub(super) server: String,
    pub(super) redirect_uri: String,
    pub(super) state: String,
    pub(super) verifier: String,
    pub(super) stage: Stage,
    /// The address of the request on its way.
    pub(super) asked: String,
    pub(super) redirects_left: u8,
    /// The scopes a refusal asked for.
    pub(super) challenged_scope: Option<String>,
    pub(super) resource: ResourceMetadata,
    /// Who the description of the authorization server must be about.
    pub(super) issuer: String,
    pub(super) metadata: ServerMetadata,
    /// Answers that were no answers: `404 at host`, for the error should there be none.
    pub(super) misses: Vec<String>,
    /// Whether one of them was the server's trouble.
    pub(super) had_trouble: bool,
}

impl Flow {
    pub(super) fn new(server: &Url, input: &AuthorizeInput<'_>) -> Self {
        Self {
            server: server.to_string(),
            redirect_uri: input.redirect_uri.to_owned(),
            state: input.state.to_owned(),
            verifier: input.verifier.to_owned(),
            stage: Stage::Challenge,
            asked: server.to_string(),
            redirects_left: REDIRECTS_MAX,
            challenged_scope: None,
            resource: ResourceMetadata::default(),
            issuer: String::new(),
            metadata: ServerMetadata::default(),
            misses: Vec::new(),
            had_trouble: false,
        }
    }

    pub(super) fn of(pending: &Pending) -> Result<Self, AuthError> {
        let flow = pending.memory.get(KEY).cloned().unwrap_or_default();
        serde_json::from_value(flow).map_err(|_| {
            AuthError::new(Class::Ours, "discovery_err", "The discovery lost its thread.")
        })
    }

    pub(super) fn server_url(&self) -> Result<Url, AuthError> {
        super::address::server(&self.server)
    }

    pub(super) fn pending(&self, purpose: Purpose) -> Pending {
        let mut pending = Pending::new(purpose);
        let flow = serde_json::to_value(self).unwrap_or(Value::Null);
        pending.memory.insert(KEY.to_owned(), flow);
        pending
    }
}
