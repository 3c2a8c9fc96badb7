//! Connected accounts and their credentials.

use std::collections::BTreeMap;
use std::fmt;

use futures::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::error::{Error, Result};
use crate::resources::connect_sessions::EndUser;
use crate::routes::{
    DELETE_CONNECTION, IMPORT_CONNECTION, IMPORT_FLAT, LIST_CONNECTIONS, MERGE_METADATA,
    MERGE_METADATA_OF_ONE, PATCH_CONNECTION, READ_CONNECTION, Route, SET_METADATA,
    SET_METADATA_OF_ONE,
};
use crate::secret::Secret;

/// Connections in a page of [`Connections::all`].
const PAGE_SIZE: u32 = 500;

/// Connected accounts and their credentials.
#[derive(Debug)]
pub struct Connections<'a>(pub(crate) &'a Client);

/// A connection in a list.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ListedConnection {
    /// Its id.
    pub connection_id: String,
    /// The key of its integration.
    pub provider_config_key: String,
    /// The provider.
    pub provider: String,
    /// What is wrong with it; empty when nothing is.
    #[serde(default)]
    pub errors: Vec<ConnectionProblem>,
    /// Who connected.
    #[serde(default)]
    pub end_user: Option<EndUser>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// What the app keeps with it.
    #[serde(default)]
    pub metadata: Option<Map<String, Value>>,
    /// When it was made, as ISO 8601.
    pub created: String,
}

/// A connection with its credentials.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Connection {
    /// Its id.
    pub connection_id: String,
    /// The key of its integration.
    pub provider_config_key: String,
    /// The provider.
    pub provider: String,
    /// What is wrong with it; empty when nothing is.
    #[serde(default)]
    pub errors: Vec<ConnectionProblem>,
    /// Who connected.
    #[serde(default)]
    pub end_user: Option<EndUser>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// What the app keeps with it.
    #[serde(default)]
    pub metadata: Option<Map<String, Value>>,
    /// What belongs to the account rather than to its credentials, such as a subdomain.
    #[serde(default)]
    pub connection_config: Map<String, Value>,
    /// Its credentials, as they work now.
    pub credentials: Credentials,
}

/// Something wrong with a connection.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ConnectionProblem {
    /// `auth`: its credentials.
    #[serde(rename = "type")]
    pub kind: String,
    /// The entry of the log that tells more.
    pub log_id: String,
}

/// Credentials of any mode. `Debug` shows the mode alone.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Credentials(Map<String, Value>);

/// Which connections to list.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ConnectionFilter {
    /// With this id.
    pub connection_id: Option<String>,
    /// Of this integration.
    pub integration: Option<String>,
    /// Of this end user.
    pub end_user_id: Option<String>,
    /// With this in their ids, users or organizations.
    pub search: Option<String>,
    /// With all of these tags.
    pub tags: BTreeMap<String, String>,
    /// Most connections of a page, at most 2000.
    pub limit: Option<u32>,
    /// The page, counted from 0.
    pub page: Option<u32>,
}

/// How to read.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOptions {
    /// Refresh even a token that is still good.
    pub force_refresh: bool,
    /// Leave refresh tokens in the answer.
    pub with_refresh_token: bool,
    /// Only for GitHub Apps: sign a new token of the app.
    pub renew_app_token: bool,
}

/// A connection to import. Its credentials are those of the provider's mode, with `type`.
#[derive(Clone, Debug, Serialize)]
pub struct ImportConnection {
    /// The key of the integration.
    pub provider_config_key: String,
    /// Its id; one is made when it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// Such as `{"type": "API_KEY", "apiKey": "…"}`.
    pub credentials: Value,
    /// What belongs to the account, such as a subdomain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_config: Option<Map<String, Value>>,
    /// What the app keeps with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// Its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
}

/// What to change; what is missing stays.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PatchConnection {
    /// Who connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_user: Option<EndUser>,
    /// All of its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
    /// Where its webhooks go; an empty text clears it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_url_override: Option<String>,
}

impl Credentials {
    /// The mode, such as `OAUTH2`; empty for connections without credentials.
    pub fn kind(&self) -> &str {
        self.0.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    /// One value, such as `access_token`, `apiKey`, `username`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The one token of the modes that have one: an access token, an API key, a signed token.
    pub fn token(&self) -> Option<Secret> {
        let text = ["access_token", "apiKey", "token"]
            .iter()
            .find_map(|name| self.0.get(*name).and_then(Value::as_str))?;
        Some(Secret::new(text))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("type", &self.kind()).finish_non_exhaustive()
    }
}

impl<'a> Connections<'a> {
    /// A page of connections, newest first.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn list(&self, filter: &ConnectionFilter) -> Result<Vec<ListedConnection>> {
        #[derive(Deserialize)]
        struct Listed {
            connections: Vec<ListedConnection>,
        }
        let mut call = self
            .0
            .call(LIST_CONNECTIONS)
            .query_if("connectionId", filter.connection_id.as_deref())
            .query_if("integrationId", filter.integration.as_deref())
            .query_if("endUserId", filter.end_user_id.as_deref())
            .query_if("search", filter.search.as_deref())
            .query_if("limit", filter.limit)
            .query_if("page", filter.page);
        for (key, value) in &filter.tags {
            call = call.query(&format!("tags[{key}]"), value);
        }
        let listed: Listed = call.send().await?;
        Ok(listed.connections)
    }

    /// All connections, newest first, a page at a time.
    pub fn all(
        self,
        filter: ConnectionFilter,
    ) -> impl Stream<Item = Result<ListedConnection>> + use<'a> {
        let client = self.0;
        let pages = stream::try_unfold(Some(0), move |page| {
            let filter = ConnectionFilter { page, limit: Some(PAGE_SIZE), ..filter.clone() };
            async move {
                let Some(page) = page else { return Ok::<_, Error>(None) };
                let listed = Connections(client).list(&filter).await?;
                let is_last = listed.len() < PAGE_SIZE as usize;
                let items = stream::iter(listed).map(Ok);
                Ok(Some((items, (!is_last).then_some(page + 1))))
            }
        });
        pages.try_flatten()
    }

    /// A connection with credentials that work; they are refreshed when they have to be.
    ///
    /// # Errors
    /// [`crate::Error`]; see [`Error::needs_reconnect`].
    pub async fn get(
        &self,
        integration: &str,
        connection_id: &str,
        options: ReadOptions,
    ) -> Result<Connection> {
        let ReadOptions { force_refresh, with_refresh_token, renew_app_token } = options;
        self.0
            .call(READ_CONNECTION)
            .segment(connection_id)
            .query("provider_config_key", &integration)
            .query_if("force_refresh", force_refresh.then_some(true))
            .query_if("refresh_token", with_refresh_token.then_some(true))
            .query_if("refresh_github_app_jwt_token", renew_app_token.then_some(true))
            .send()
            .await
    }

    /// The token of a connection.
    ///
    /// # Errors
    /// As [`Connections::get`]; [`Error::NoToken`] for modes that have no single one.
    pub async fn token(&self, integration: &str, connection_id: &str) -> Result<Secret> {
        let found = self.get(integration, connection_id, ReadOptions::default()).await?;
        let kind = found.credentials.kind().to_owned();
        found.credentials.token().ok_or(Error::NoToken(kind))
    }

    /// Imports a connection made elsewhere.
    ///
    /// # Errors
    /// [`crate::Error`]; the credentials are tested where the provider can be asked.
    pub async fn import(&self, request: &ImportConnection) -> Result<Connection> {
        self.0.call(IMPORT_CONNECTION).body(request)?.send().await
    }

    /// Imports in the older, flat form.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn import_flat(&self, body: &Value) -> Result<()> {
        self.0.call(IMPORT_FLAT).body(body)?.done().await
    }

    /// Changes a connection.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn patch(
        &self,
        integration: &str,
        connection_id: &str,
        change: &PatchConnection,
    ) -> Result<()> {
        self.one(PATCH_CONNECTION, integration, connection_id).body(change)?.done().await
    }

    /// Deletes a connection, and revokes its token where the provider can be told.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn delete(&self, integration: &str, connection_id: &str) -> Result<()> {
        self.one(DELETE_CONNECTION, integration, connection_id).done().await
    }

    /// Replaces what the app keeps with connections.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn set_metadata(
        &self,
        integration: &str,
        connection_ids: &[&str],
        metadata: &Map<String, Value>,
    ) -> Result<()> {
        self.metadata(SET_METADATA, integration, connection_ids, metadata).await
    }

    /// Puts members into what the app keeps with connections; the others stay.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn merge_metadata(
        &self,
        integration: &str,
        connection_ids: &[&str],
        metadata: &Map<String, Value>,
    ) -> Result<()> {
        self.metadata(MERGE_METADATA, integration, connection_ids, metadata).await
    }

    /// [`Connections::set_metadata`] of one connection, at its older address.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn set_metadata_of_one(
        &self,
        integration: &str,
        connection_id: &str,
        metadata: &Map<String, Value>,
    ) -> Result<()> {
        self.one(SET_METADATA_OF_ONE, integration, connection_id).body(metadata)?.done().await
    }

    /// [`Connections::merge_metadata`] of one connection, at its older address.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn merge_metadata_of_one(
        &self,
        integration: &str,
        connection_id: &str,
        metadata: &Map<String, Value>,
    ) -> Result<()> {
        self.one(MERGE_METADATA_OF_ONE, integration, connection_id).body(metadata)?.done().await
    }

    fn one(&self, route: Route, integration: &str, id: &str) -> crate::client::Call<'a> {
        self.0.call(route).segment(id).query("provider_config_key", &integration)
    }

    async fn metadata(
        &self,
        route: Route,
        integration: &str,
        ids: &[&str],
        metadata: &Map<String, Value>,
    ) -> Result<()> {
        let body = json!({
            "connection_id": ids, "provider_config_key": integration, "metadata": metadata,
        });
        self.0.call(route).body(&body)?.done().await
    }
}
