//! Functions of integrations. Their forms are those of the server's own description.

use serde_json::Value;

use super::Data;
use crate::client::Client;
use crate::error::Result;
use crate::routes::{
    DELETE_FUNCTION, FUNCTION_CODE, LIST_FUNCTIONS, READ_FUNCTION, SCRIPTS_CONFIG,
};

/// Functions of integrations.
#[derive(Debug)]
pub struct Functions<'a>(pub(crate) &'a Client);

impl Functions<'_> {
    /// Those of an integration.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn list(&self, integration: &str) -> Result<Vec<Value>> {
        let listed = self.0.call(LIST_FUNCTIONS).segment(integration).send::<Data<_>>().await?;
        Ok(listed.data)
    }

    /// One of them.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn get(&self, integration: &str, name: &str) -> Result<Value> {
        self.0.call(READ_FUNCTION).segment(integration).segment(name).send().await
    }

    /// Its code.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn code(&self, integration: &str, name: &str) -> Result<Value> {
        self.0.call(FUNCTION_CODE).segment(integration).segment(name).send().await
    }

    /// Deletes one; `kind` is `sync`, `action` or `on-event`.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn delete(&self, integration: &str, name: &str, kind: &str) -> Result<()> {
        let call = self.0.call(DELETE_FUNCTION).segment(integration).segment(name);
        call.query("type", &kind).done().await
    }

    /// What is deployed, by integration.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn config(&self) -> Result<Vec<Value>> {
        self.0.call(SCRIPTS_CONFIG).send().await
    }
}
