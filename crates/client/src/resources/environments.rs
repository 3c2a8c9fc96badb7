//! Environments, their keys and variables.

use serde::Deserialize;
use serde_json::json;

use super::Data;
use crate::client::Client;
use crate::error::Result;
use crate::routes::{
    CREATE_ENVIRONMENT, CREATE_KEY, DELETE_ENVIRONMENT, DELETE_KEY, ROTATE_SIGNING_KEY, VARIABLES,
};
use crate::secret::Secret;

/// Environments, their keys and variables. Making and deleting needs an API key of the account.
#[derive(Debug)]
pub struct Environments<'a>(pub(crate) &'a Client);

/// An environment just made.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Environment {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
}

/// An API key just made.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct CreatedKey {
    /// Its id.
    pub id: i64,
    /// Its name for people.
    pub display_name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// The key, which is shown this once.
    pub secret: Secret,
}

/// A variable of an environment.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Secret,
}

impl Environments<'_> {
    /// Makes an environment.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn create(&self, name: &str, is_production: bool) -> Result<Environment> {
        let body = json!({"name": name, "is_production": is_production});
        self.0.call(CREATE_ENVIRONMENT).body(&body)?.send::<Data<_>>().await.map(|it| it.data)
    }

    /// Deletes an environment with everything in it.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn delete(&self, id: i64) -> Result<()> {
        self.0.call(DELETE_ENVIRONMENT).segment(id.to_string()).done().await
    }

    /// Makes an API key.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn create_key(&self, environment: i64, name: &str) -> Result<CreatedKey> {
        let body = json!({"environment_id": environment, "display_name": name});
        self.0.call(CREATE_KEY).body(&body)?.send::<Data<_>>().await.map(|it| it.data)
    }

    /// Deletes an API key.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn delete_key(&self, environment: i64, key: i64) -> Result<()> {
        let body = json!({"environment_id": environment, "key_id": key});
        self.0.call(DELETE_KEY).body(&body)?.done().await
    }

    /// Replaces the key that signs webhooks; the old one signs beside it for a day.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn rotate_signing_key(&self) -> Result<Secret> {
        #[derive(Deserialize)]
        struct Rotated {
            webhook_signing_key: Secret,
        }
        let rotated = self.0.call(ROTATE_SIGNING_KEY).send::<Data<Rotated>>().await?;
        Ok(rotated.data.webhook_signing_key)
    }

    /// The environment's variables.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn variables(&self) -> Result<Vec<Variable>> {
        self.0.call(VARIABLES).send().await
    }
}
