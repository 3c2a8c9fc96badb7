//! Installations that began at the provider.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Data;
use crate::client::Client;
use crate::error::Result;
use crate::resources::connect_sessions::EndUser;
use crate::routes::{
    CLAIM_INSTALL, DISMISS_INSTALL, EXCHANGE_CLAIM_TOKEN, LIST_INSTALLS, READ_INSTALL,
};

/// Installations that began at the provider, until one is claimed, dismissed, or its time is over.
#[derive(Debug)]
pub struct Installs<'a>(pub(crate) &'a Client);

/// An installation that belongs to nobody yet.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Install {
    /// Its id.
    pub id: String,
    /// The key of its integration.
    pub provider_config_key: String,
    /// The provider.
    pub provider: String,
    /// How it came: `webhook` or `callback`.
    pub source: String,
    /// Where it was installed, as the provider says.
    pub account: Option<String>,
    /// Who installed it, as the provider says.
    pub installed_by: Option<String>,
    /// The provider's id of it.
    pub external_id: Option<String>,
    /// When it came, as ISO 8601.
    pub created_at: String,
    /// When it is dropped, as ISO 8601.
    pub expires_at: String,
}

/// Which installations to list.
#[derive(Clone, Debug, Default)]
pub struct InstallFilter {
    /// Of this integration.
    pub integration: Option<String>,
    /// Those after the one with this id.
    pub after: Option<String>,
    /// At most 100, which is also what holds without.
    pub limit: Option<u32>,
}

/// The connection that a claim makes, and whose it is.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ClaimInstall {
    /// Its id; one is made when it is missing. One in use gets the credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// Who installed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_user: Option<EndUser>,
    /// Its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
    /// What the app keeps with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

/// What a claim made.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ClaimedInstall {
    /// Id of the connection.
    pub connection_id: String,
    /// The key of its integration.
    pub provider_config_key: String,
    /// Whether it is new.
    pub created: bool,
}

impl Installs<'_> {
    /// Unclaimed ones, newest first.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn list(&self, filter: &InstallFilter) -> Result<Vec<Install>> {
        self.0
            .call(LIST_INSTALLS)
            .query_if("provider_config_key", filter.integration.as_deref())
            .query_if("after", filter.after.as_deref())
            .query_if("limit", filter.limit)
            .send::<Data<_>>()
            .await
            .map(|it| it.data)
    }

    /// One of them.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn get(&self, id: &str) -> Result<Install> {
        self.0.call(READ_INSTALL).segment(id).send::<Data<_>>().await.map(|it| it.data)
    }

    /// Spends the `claim_token` that a person came to the claim page with, and says what it is for.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn exchange(&self, claim_token: &str) -> Result<Install> {
        let body = json!({"claim_token": claim_token});
        self.0.call(EXCHANGE_CLAIM_TOKEN).body(&body)?.send::<Data<_>>().await.map(|it| it.data)
    }

    /// Makes a connection of one. Of several claims, one succeeds.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn claim(&self, id: &str, claim: &ClaimInstall) -> Result<ClaimedInstall> {
        self.0.call(CLAIM_INSTALL).segment(id).body(claim)?.send().await
    }

    /// Drops one that nobody wants. At the provider the app stays installed.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn dismiss(&self, id: &str) -> Result<()> {
        self.0.call(DISMISS_INSTALL).segment(id).done().await
    }
}
