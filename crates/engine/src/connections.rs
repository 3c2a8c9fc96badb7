//! Connections as clients see them: list, change, delete, metadata.
//!
//! Reading one with its credentials is in [`crate::read`], making one in [`crate::connect`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use valetkey_base::Timestamp;
use valetkey_store::ConnectionPatch;
pub use valetkey_store::{Connection, ConnectionFilter};

use crate::end_user::{EndUser, end_user_json, merged_tags};
use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::{Error, Issue, Result};

/// An active problem of a connection.
#[derive(Clone, Debug, Serialize)]
pub struct ActiveError {
    /// `auth`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The log operation that tells more.
    pub log_id: String,
}

/// A connection as clients see it, without timestamps of one endpoint's form.
#[derive(Debug)]
pub struct ConnectionView {
    /// The row, sealed columns included.
    pub row: Arc<Connection>,
    /// What was sealed, as JSON to be passed on.
    pub opened: Arc<OpenedJson>,
    /// When it was last read with credentials; now, if that is what happens.
    pub last_fetched_at: Option<Timestamp>,
}

/// Credentials and configuration as JSON text, refresh tokens removed unless they were asked for.
pub struct OpenedJson {
    /// Credentials in the wire's form; `{}` when hidden.
    pub credentials: Box<RawValue>,
    /// Configuration.
    pub config: Box<RawValue>,
}

impl OpenedJson {
    pub(crate) fn new(credentials: &Value, config: &Value) -> Result<Arc<Self>> {
        let text = |value: &Value| {
            serde_json::value::to_raw_value(value).map_err(|_| Error::Corrupt("connection"))
        };
        Ok(Arc::new(Self { credentials: text(credentials)?, config: text(config)? }))
    }

    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.credentials.get().len() + self.config.get().len()
    }
}

impl std::fmt::Debug for OpenedJson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenedJson(…)")
    }
}

/// What went wrong with the last refresh, as it is stored with the connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredRefreshError {
    /// `transient`, `terminal` or `ours`.
    pub class: String,
    /// Code of the cause.
    pub code: String,
    /// The sentence for a person.
    pub message: String,
    /// The log operation.
    pub log_id: String,
    /// Failures in a row, of whatever class.
    pub in_a_row: u32,
    /// Whether the app was told. A hiccup that no reader felt is not.
    pub told: bool,
}

/// The problems a row has now.
pub fn active_errors(row: &Connection) -> Vec<ActiveError> {
    stored_error(row)
        .filter(|error| error.told)
        .map(|error| ActiveError { kind: "auth", log_id: error.log_id })
        .into_iter()
        .collect()
}

pub(crate) fn stored_error(row: &Connection) -> Option<StoredRefreshError> {
    serde_json::from_str(row.refresh_error.as_deref()?).ok()
}

/// JSON text from the database, passed on as it is; `null` when there is none.
pub fn raw_json(text: Option<&str>) -> &RawValue {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(RawValue::NULL)
}

/// A validated change of a connection; absent keeps.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PatchConnection {
    /// The new end user.
    pub end_user: Option<EndUser>,
    /// The new tags.
    pub tags: Option<Map<String, Value>>,
    /// The new override; an empty text clears it.
    pub webhook_url_override: Option<String>,
}

/// How metadata is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataChange {
    /// The new object takes the place of the old.
    Replace,
    /// The new object's keys are written over the old one's.
    Merge,
}

impl Engine {
    /// Connections that match, newest first.
    pub async fn connections(
        &self,
        environment: &EnvironmentView,
        filter: &ConnectionFilter,
    ) -> Result<Vec<Connection>> {
        Ok(self.store.connections(environment.id, filter).await?)
    }

    /// Changes tags, end user and webhook override.
    ///
    /// # Errors
    /// [`Error::UnknownIntegration`], [`Error::UnknownConnection`], [`Error::Refused`] for too many
    /// tags.
    pub async fn patch_connection(
        &self,
        environment: &EnvironmentView,
        integration_key: &str,
        connection_id: &str,
        request: PatchConnection,
        actor: &str,
    ) -> Result<()> {
        self.check_integration_exists(environment.id, integration_key).await?;
        let tags = if request.tags.is_some() || request.end_user.is_some() {
            Some(
                merged_tags(request.end_user.as_ref(), None, request.tags.as_ref())
                    .map_err(too_many_tags)?,
            )
        } else {
            None
        };
        let patch = ConnectionPatch {
            metadata: None,
            tags,
            end_user: request.end_user.as_ref().map(|user| end_user_json(user, None).to_string()),
            webhook_url_override: request.webhook_url_override,
        };
        let (environment_id, key, id, now) = (
            environment.id,
            integration_key.to_owned(),
            connection_id.to_owned(),
            self.clock.now(),
        );
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let row = tx.lock_connection(environment_id, &key, &id).await?;
                    let row = row.ok_or_else(|| unknown(&key, &id))?;
                    Ok::<_, Error>(tx.patch_connection(&row, &patch, now).await?)
                })
            })
            .await?;
        self.recorder.audit(Some(environment.id), actor, "connection.updated", connection_id);
        Ok(())
    }

    /// Sets one tag of a connection and leaves the others, or removes it.
    ///
    /// # Errors
    /// [`Error::UnknownConnection`], [`Error::Refused`] for too many tags.
    pub async fn tag_connection(
        &self,
        environment: &EnvironmentView,
        integration_key: &str,
        connection_id: &str,
        (name, value): (&str, Option<&str>),
        actor: &str,
    ) -> Result<()> {
        let (environment_id, now) = (environment.id, self.clock.now());
        let (key, id) = (integration_key.to_owned(), connection_id.to_owned());
        let (name, value) = (name.to_lowercase(), value.map(str::to_owned));
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let row = tx.lock_connection(environment_id, &key, &id).await?;
                    let row = row.ok_or_else(|| unknown(&key, &id))?;
                    let mut tags: Map<String, Value> =
                        serde_json::from_str(&row.tags).map_err(|_| Error::Corrupt("tags"))?;
                    match value {
                        Some(value) => tags.insert(name, value.into()),
                        None => tags.remove(&name),
                    };
                    let tags = merged_tags(None, None, Some(&tags)).map_err(too_many_tags)?;
                    let patch = ConnectionPatch { tags: Some(tags), ..ConnectionPatch::default() };
                    Ok::<_, Error>(tx.patch_connection(&row, &patch, now).await?)
                })
            })
            .await?;
        self.recorder.audit(Some(environment.id), actor, "connection.updated", connection_id);
        Ok(())
    }

    /// Writes metadata of one or several connections: of all of them, or of none.
    ///
    /// # Errors
    /// [`Error::UnknownConnection`] naming the first unknown one.
    pub async fn write_metadata(
        &self,
        environment: &EnvironmentView,
        integration_key: &str,
        connection_ids: &[String],
        metadata: Map<String, Value>,
        change: MetadataChange,
        actor: &str,
    ) -> Result<()> {
        let (environment_id, key, now) =
            (environment.id, integration_key.to_owned(), self.clock.now());
        // Locks are taken in one order, so that two calls with the same ids cannot wait for each
        // other.
        let mut ids = connection_ids.to_vec();
        ids.sort();
        ids.dedup();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let mut rows = Vec::with_capacity(ids.len());
                    for id in &ids {
                        let row = tx.lock_connection(environment_id, &key, id).await?;
                        rows.push(row.ok_or_else(|| unknown(&key, id))?);
                    }
                    for row in rows {
                        let mut new = match change {
                            MetadataChange::Replace => Map::new(),
                            MetadataChange::Merge => stored_metadata(&row)?,
                        };
                        new.extend(metadata.clone());
                        let patch = ConnectionPatch {
                            metadata: Some(Value::Object(new).to_string()),
                            ..ConnectionPatch::default()
                        };
                        tx.patch_connection(&row, &patch, now).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await?;
        for id in connection_ids {
            self.recorder.audit(
                Some(environment.id),
                actor,
                "connection.metadata_changed",
                id.clone(),
            );
        }
        Ok(())
    }

    /// Whether an integration has a connection with this id.
    pub async fn connection_exists(
        &self,
        environment: &EnvironmentView,
        integration_key: &str,
        connection_id: &str,
    ) -> Result<bool> {
        let found = self.store.connection(environment.id, integration_key, connection_id).await?;
        Ok(found.is_some())
    }

    /// Deletes a connection; its id may be used again.
    ///
    /// # Errors
    /// [`Error::UnknownConnection`].
    pub async fn delete_connection(
        &self,
        environment: &EnvironmentView,
        integration_key: &str,
        connection_id: &str,
        actor: &str,
    ) -> Result<()> {
        let (environment_id, key, id, now) = (
            environment.id,
            integration_key.to_owned(),
            connection_id.to_owned(),
            self.clock.now(),
        );
        let view = self.integration(environment.id, integration_key).await.ok();
        let row = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let row = tx.lock_connection(environment_id, &key, &id).await?;
                    let row = row.ok_or_else(|| unknown(&key, &id))?;
                    tx.delete_connection(environment_id, row.id, now).await?;
                    Ok::<_, Error>(row)
                })
            })
            .await?;
        self.recorder.audit(Some(environment.id), actor, "connection.deleted", connection_id);
        if let Some(view) = view {
            self.tasks.spawn(self.clone().revoke_at_provider(row, view));
        }
        Ok(())
    }

    pub(crate) async fn check_integration_exists(
        &self,
        environment_id: i64,
        key: &str,
    ) -> Result<()> {
        match self.store.integration_by_key(environment_id, key).await? {
            Some(_) => Ok(()),
            None => Err(Error::UnknownIntegration(key.to_owned())),
        }
    }
}

fn stored_metadata(row: &Connection) -> Result<Map<String, Value>> {
    match row.metadata.as_deref() {
        None => Ok(Map::new()),
        Some(text) => serde_json::from_str(text).map_err(|_| Error::Corrupt("metadata")),
    }
}

fn unknown(integration_key: &str, connection_id: &str) -> Error {
    Error::UnknownConnection {
        connection_id: connection_id.to_owned(),
        integration_key: integration_key.to_owned(),
    }
}

fn too_many_tags(issue: Issue) -> Error {
    Error::Refused { code: "invalid_body", message: issue.message }
}
