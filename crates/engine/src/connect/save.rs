//! The one way a connection is stored.

use std::sync::Arc;

use serde_json::{Map, Value};
use valetkey_auth::{Credentials, merge_config};
use valetkey_base::Timestamp;
use valetkey_store::{Connection, ConnectionPatch, NewConnection, NewOperation, Tx, Upserted};
use valetkey_vault::DataKey;

use super::outcome::FlowResult;
use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::{Error, Result};
use crate::events::AuthEventInput;
use crate::installs;
use crate::integrations::IntegrationView;
use crate::refresh::refresh_times;
use crate::sealing::Column;
use crate::webhooks::payload::AuthOperation;

/// Everything that is written together.
pub(crate) struct Save {
    pub(crate) environment: EnvironmentView,
    pub(crate) view: IntegrationView,
    /// The id clients use.
    pub(crate) connection_id: String,
    /// The row a reconnect session repairs; it must still be there.
    pub(crate) repairs: Option<i64>,
    /// The unclaimed installation that ends with this; it must still be there.
    pub(crate) claims: Option<i64>,
    /// Whether the stored connection must still wait for its provider.
    pub(crate) completes: bool,
    /// The connect session that ends with this, where sessions may be used once only.
    pub(crate) ends_session: Option<String>,
    pub(crate) credentials: Credentials,
    /// Whether the token's lifetime began now.
    pub(crate) lifetime_is_known: bool,
    pub(crate) config: Config,
    pub(crate) patch: ConnectionPatch,
    /// An operation under way to be ended, or a new one.
    pub(crate) operation: LogEntry,
    /// The socket to be told.
    pub(crate) client_id: Option<String>,
    pub(crate) actor: String,
}

/// What becomes of the stored configuration.
pub(crate) enum Config {
    /// The new values over the stored ones; a `null` removes.
    Merge(Map<String, Value>),
    /// Nothing but the new values.
    Replace(Map<String, Value>),
    /// As stored; empty for a new connection.
    Keep,
}

impl Config {
    /// The new values.
    pub(crate) fn given(&self) -> Map<String, Value> {
        match self {
            Self::Merge(config) | Self::Replace(config) => config.clone(),
            Self::Keep => Map::new(),
        }
    }
}

pub(crate) enum LogEntry {
    Finish(String),
    /// With the instant at which it began.
    Insert {
        title: String,
        began: Timestamp,
    },
}

/// What was stored.
#[derive(Debug)]
pub struct Saved {
    /// The row as it is now.
    pub row: Connection,
    /// Whether it is new.
    pub upserted: Upserted,
}

impl Engine {
    pub(crate) async fn save(&self, save: Save) -> Result<Saved> {
        let now = self.clock.now();
        let engine = self.clone();
        self.fetch_stored_key(&save).await?;
        let key = self.sealer.data_key(save.environment.id).await?;
        let (environment_id, actor, id) =
            (save.environment.id, save.actor.clone(), save.connection_id.clone());
        let saved = self
            .store
            .write(move |tx| Box::pin(async move { engine.save_in(tx, &save, &key, now).await }))
            .await?;
        let action = match saved.upserted {
            Upserted::Created => "connection.created",
            Upserted::Overridden => "connection.credentials_replaced",
        };
        self.recorder.audit(Some(environment_id), actor, action, id);
        Ok(saved)
    }

    /// Fetches the data key of what is stored now. Inside the transaction it would need a second
    /// connection of the pool, and transactions that have taken all of them would wait for each
    /// other.
    async fn fetch_stored_key(&self, save: &Save) -> Result<()> {
        if matches!(save.config, Config::Replace(_)) {
            return Ok(());
        }
        let (environment_id, key) = (save.environment.id, &save.view.row.unique_key);
        let row = match save.repairs {
            Some(id) => self.store.connection_by_row(environment_id, id).await?.map(Arc::new),
            None => self.store.connection(environment_id, key, &save.connection_id).await?,
        };
        match row {
            Some(row) => self.stored_config(&row).await.map(|_| ()),
            None => Ok(()),
        }
    }

    pub(crate) async fn stored_config(&self, row: &Connection) -> Result<Map<String, Value>> {
        self.sealer.open_json(row.environment_id, Column::CONFIG, &row.row_uuid, &row.config).await
    }

    async fn save_in(
        &self,
        tx: &mut Tx,
        save: &Save,
        key: &DataKey,
        now: Timestamp,
    ) -> Result<Saved> {
        let environment_id = save.environment.id;
        let upserted = if let Some(row) = self.existing(tx, save).await? {
            self.replace(tx, save, &row, key, now).await?;
            Upserted::Overridden
        } else {
            let new = self.sealed(save, &self.rng.uuid().to_string(), Map::new(), key, now)?;
            if tx.insert_connection(&new, now).await?.is_some() {
                Upserted::Created
            } else {
                // Somebody made it between the look and the insert; it is there now.
                let row = self.existing(tx, save).await?.ok_or(valetkey_store::Error::Missing)?;
                self.replace(tx, save, &row, key, now).await?;
                Upserted::Overridden
            }
        };
        let row = tx
            .lock_connection(environment_id, &save.view.row.unique_key, &save.connection_id)
            .await?;
        let row = row.ok_or(valetkey_store::Error::Missing)?;
        if let Some(id) = save.claims
            && !tx.delete_install(id).await?
        {
            return Err(Error::NotFound("installation; it was claimed or dismissed already"));
        }
        if let Some(identity) = installs::identity_in(&save.view, &save.config.given()) {
            tx.delete_install_of(save.view.row.id, &identity).await?;
        }
        self.log_and_tell(tx, save, &row, upserted, now).await?;
        Ok(Saved { row, upserted })
    }

    async fn existing(&self, tx: &mut Tx, save: &Save) -> Result<Option<Connection>> {
        match save.repairs {
            Some(id) => {
                let row = tx.lock_connection_row(save.environment.id, id).await?;
                Ok(Some(row.ok_or_else(|| Error::Refused {
                    code: "invalid_connection",
                    message: "The connection to be repaired was deleted meanwhile.".to_owned(),
                })?))
            }
            None => Ok(tx
                .lock_connection(
                    save.environment.id,
                    &save.view.row.unique_key,
                    &save.connection_id,
                )
                .await?),
        }
    }

    async fn replace(
        &self,
        tx: &mut Tx,
        save: &Save,
        row: &Connection,
        key: &DataKey,
        now: Timestamp,
    ) -> Result<()> {
        let stored: Map<String, Value> = match &save.config {
            Config::Replace(_) => Map::new(),
            Config::Merge(_) | Config::Keep => self.stored_config(row).await?,
        };
        if save.completes && !is_pending(&stored) {
            return Err(Error::Conflict("The connection was completed already.".to_owned()));
        }
        let new = self.sealed(save, &row.row_uuid, stored, key, now)?;
        Ok(tx.replace_credentials(row, &new, now).await?)
    }

    fn sealed(
        &self,
        save: &Save,
        row_uuid: &str,
        stored_config: Map<String, Value>,
        key: &DataKey,
        now: Timestamp,
    ) -> Result<NewConnection> {
        let mut config = stored_config;
        match &save.config {
            Config::Merge(new) => merge_config(&mut config, new.clone()),
            Config::Replace(new) => config.extend(new.clone()),
            Config::Keep => {}
        }
        let (expires_at, refresh_due_at) =
            refresh_times(&save.view.provider, &save.credentials, now, save.lifetime_is_known);
        let id = save.environment.id;
        let text =
            |value: &Value| serde_json::to_vec(value).map_err(|_| Error::Corrupt("credentials"));
        let credentials = text(&save.credentials.to_json())?;
        let config = text(&Value::Object(config))?;
        Ok(NewConnection {
            environment_id: id,
            integration_id: save.view.row.id,
            connection_id: save.connection_id.clone(),
            row_uuid: row_uuid.to_owned(),
            credentials: self.sealer.seal_with(
                key,
                id,
                Column::CREDENTIALS,
                row_uuid,
                &credentials,
            ),
            config: self.sealer.seal_with(key, id, Column::CONFIG, row_uuid, &config),
            expires_at,
            refresh_due_at,
            patch: save.patch.clone(),
        })
    }

    async fn log_and_tell(
        &self,
        tx: &mut Tx,
        save: &Save,
        row: &Connection,
        upserted: Upserted,
        now: Timestamp,
    ) -> Result<()> {
        let (id, title) = match &save.operation {
            LogEntry::Finish(id) => (id.clone(), String::new()),
            LogEntry::Insert { title, began } => (self.operation_id_at(*began), title.clone()),
        };
        let operation = NewOperation {
            id,
            environment_id: row.environment_id,
            kind: "auth",
            action: "create_connection",
            state: "success",
            title,
            integration_key: Some(row.integration_key.clone()),
            provider: Some(row.provider.clone()),
            connection_row: Some(row.id),
            connection_id: Some(row.connection_id.clone()),
            error: None,
            ended_at: Some(now),
            expires_at: None,
        };
        match save.operation {
            LogEntry::Finish(_) => tx.finish_operation(&operation, now).await?,
            LogEntry::Insert { began, .. } => tx.insert_operation(&operation, began).await?,
        }
        if let Some(session) = &save.ends_session
            && !tx.delete_connect_session(session).await?
        {
            // Somebody was faster with the same session.
            return Err(Error::Refused {
                code: "unknown_connect_session_token",
                message: "This session was used already.".to_owned(),
            });
        }
        let tags: Map<String, Value> =
            serde_json::from_str(&row.tags).map_err(|_| Error::Corrupt("tags"))?;
        let end_user: Option<Value> =
            row.end_user.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let event = self.auth_event(&AuthEventInput {
            environment: &save.environment,
            operation: match upserted {
                Upserted::Created => AuthOperation::Creation,
                Upserted::Overridden => AuthOperation::Override,
            },
            connection_id: &row.connection_id,
            connection_row: Some(row.id),
            integration_key: &row.integration_key,
            provider: &row.provider,
            auth_mode: save.view.provider.auth_mode.as_str(),
            tags: Some(&tags),
            end_user: end_user.as_ref(),
            webhook_url_override: row.webhook_url_override.as_deref(),
            failure: None,
        });
        tx.insert_event(&event).await?;
        if let Some(client_id) = &save.client_id {
            let is_pending = match &save.config {
                Config::Merge(config) | Config::Replace(config) => is_pending(config),
                Config::Keep => false,
            };
            let result = FlowResult::Success {
                provider_config_key: row.integration_key.clone(),
                connection_id: row.connection_id.clone(),
                is_pending,
            };
            let text = serde_json::to_string(&result).map_err(|_| Error::Corrupt("flow result"))?;
            tx.insert_flow_result(client_id, &text, now).await?;
        }
        Ok(())
    }
}

/// Whether the provider still has to confirm.
pub(crate) fn is_pending(config: &Map<String, Value>) -> bool {
    config.get("pending") == Some(&Value::Bool(true))
}
