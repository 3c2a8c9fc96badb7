//! What happened.

use serde::Deserialize;
use serde_json::Value;

use super::Data;
use crate::client::Client;
use crate::error::Result;
use crate::routes::{OPERATION, OPERATIONS};

/// What happened.
#[derive(Debug)]
pub struct Logs<'a>(pub(crate) &'a Client);

/// Which operations to list.
#[derive(Clone, Debug, Default)]
pub struct OperationFilter {
    /// Such as `auth`.
    pub kind: Option<String>,
    /// Of this connection.
    pub connection_id: Option<String>,
    /// Most of them.
    pub limit: Option<u32>,
}

/// Something that was done: a flow, a refresh, an import.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Operation {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// What was done.
    pub action: String,
    /// `running`, `success`, `failed`, …
    pub state: String,
    /// For people.
    pub title: String,
    /// Why it failed: `class`, `code`, `message`, and the provider's own answer.
    #[serde(default)]
    pub error: Option<Value>,
    /// What was said on the way; only of a single operation.
    #[serde(default)]
    pub messages: Vec<Message>,
}

/// A line of an operation.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// `info`, `warn`, `error`.
    #[serde(default)]
    pub level: String,
    /// The line.
    #[serde(default)]
    pub message: String,
}

impl Logs<'_> {
    /// Operations, newest first.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn list(&self, filter: &OperationFilter) -> Result<Vec<Operation>> {
        let call = self
            .0
            .call(OPERATIONS)
            .query_if("kind", filter.kind.as_deref())
            .query_if("connection_id", filter.connection_id.as_deref())
            .query_if("limit", filter.limit);
        call.send::<Data<_>>().await.map(|listed| listed.data)
    }

    /// One of them with its messages.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn get(&self, id: &str) -> Result<Operation> {
        self.0.call(OPERATION).segment(id).send::<Data<_>>().await.map(|found| found.data)
    }
}
