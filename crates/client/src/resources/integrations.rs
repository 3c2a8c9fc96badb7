//! Providers that are set up in an environment.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Data;
use crate::client::Client;
use crate::error::Result;
use crate::routes::{
    CREATE_INTEGRATION, DELETE_INTEGRATION, LIST_INTEGRATIONS, PATCH_INTEGRATION, QUICKSTART,
    READ_INTEGRATION,
};

/// Providers that are set up in an environment.
#[derive(Debug)]
pub struct Integrations<'a>(pub(crate) &'a Client);

/// An integration.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Integration {
    /// Its key.
    pub unique_key: String,
    /// The provider.
    pub provider: String,
    /// Its name for people.
    pub display_name: String,
    /// A picture.
    pub logo: String,
    /// When it was made, as ISO 8601.
    pub created_at: String,
    /// When it was changed, as ISO 8601.
    pub updated_at: String,
}

/// An integration to make.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SaveIntegration {
    /// The provider.
    pub provider: String,
    /// Its key.
    pub unique_key: String,
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Such as `{"type": "OAUTH2", "client_id": "…", "client_secret": "…", "scopes": "…"}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Value>,
    /// The provider's own settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration_config: Option<Map<String, Value>>,
}

/// What to change; what is missing stays.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PatchIntegration {
    /// Its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique_key: Option<String>,
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// As in [`SaveIntegration`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Value>,
    /// Whether installations that begin at the provider are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installs: Option<PatchInstalls>,
}

/// What to change about installations that begin at the provider; what is missing stays.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PatchInstalls {
    /// They are held until they are claimed; refused otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<bool>,
    /// The app's page that people are led to, with a claim token; an empty one removes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim_url: Option<String>,
}

impl Integrations<'_> {
    /// All of them.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn list(&self) -> Result<Vec<Integration>> {
        self.0.call(LIST_INTEGRATIONS).send::<Data<_>>().await.map(|listed| listed.data)
    }

    /// Makes one.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn create(&self, request: &SaveIntegration) -> Result<Integration> {
        self.0.call(CREATE_INTEGRATION).body(request)?.send::<Data<_>>().await.map(|it| it.data)
    }

    /// Makes one with a client that the server shares.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn quickstart(&self, request: &SaveIntegration) -> Result<Integration> {
        self.0.call(QUICKSTART).body(request)?.send::<Data<_>>().await.map(|it| it.data)
    }

    /// One of them.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn get(&self, key: &str) -> Result<Integration> {
        self.0.call(READ_INTEGRATION).segment(key).send::<Data<_>>().await.map(|it| it.data)
    }

    /// Changes one.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn patch(&self, key: &str, change: &PatchIntegration) -> Result<Integration> {
        let call = self.0.call(PATCH_INTEGRATION).segment(key).body(change)?;
        call.send::<Data<_>>().await.map(|it| it.data)
    }

    /// Deletes one with its connections.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn delete(&self, key: &str) -> Result<()> {
        self.0.call(DELETE_INTEGRATION).segment(key).done().await
    }
}
