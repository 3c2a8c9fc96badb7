//! Integrations: a provider configured in an environment.

use valetkey_base::{Sealed, Timestamp};

use crate::db::{Row, Sql, Tx, params};
use crate::error::Result;
use crate::notice::Notice;
use crate::open::Store;

/// An integration.
#[derive(Clone, Debug)]
pub struct Integration {
    /// Row id; not on the wire.
    pub id: i64,
    /// The environment.
    pub environment_id: i64,
    /// `provider_config_key` on the wire.
    pub unique_key: String,
    /// Name of the catalogue entry.
    pub provider: String,
    /// Its own name, if it has one.
    pub display_name: Option<String>,
    /// OAuth client id.
    pub client_id: Option<String>,
    /// Client secret, custom values and the like, sealed together.
    pub secrets: Option<Sealed>,
    /// Scopes, comma separated.
    pub scopes: String,
    /// Part of the sealing's row binding.
    pub row_uuid: String,
    /// Whether incoming provider webhooks are relayed.
    pub forward_webhooks: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An integration to be stored.
#[derive(Clone, Debug)]
pub struct NewIntegration {
    /// See [`Integration`].
    pub environment_id: i64,
    /// See [`Integration`].
    pub unique_key: String,
    /// See [`Integration`].
    pub provider: String,
    /// See [`Integration`].
    pub display_name: Option<String>,
    /// See [`Integration`].
    pub client_id: Option<String>,
    /// See [`Integration`].
    pub secrets: Option<Sealed>,
    /// See [`Integration`].
    pub scopes: String,
    /// See [`Integration`].
    pub row_uuid: String,
    /// See [`Integration`].
    pub forward_webhooks: bool,
}

const BY_KEY: &str = "SELECT id, environment_id, unique_key, provider, display_name, client_id,
     secrets_sealed, scopes, row_uuid, forward_webhooks, created_at, updated_at
     FROM integrations WHERE environment_id = $1 AND unique_key = $2 AND deleted_at IS NULL";
const BY_ID: &str = "SELECT id, environment_id, unique_key, provider, display_name, client_id,
     secrets_sealed, scopes, row_uuid, forward_webhooks, created_at, updated_at
     FROM integrations WHERE environment_id = $1 AND id = $2 AND deleted_at IS NULL";
const LIST: &str = "SELECT id, environment_id, unique_key, provider, display_name, client_id,
     secrets_sealed, scopes, row_uuid, forward_webhooks, created_at, updated_at
     FROM integrations WHERE environment_id = $1 AND deleted_at IS NULL
     ORDER BY provider, created_at, id";
const LOCK: Sql = Sql {
    sqlite: BY_KEY,
    postgres: "SELECT id, environment_id, unique_key, provider, display_name, client_id,
     secrets_sealed, scopes, row_uuid, forward_webhooks, created_at, updated_at
     FROM integrations WHERE environment_id = $1 AND unique_key = $2 AND deleted_at IS NULL
     FOR UPDATE",
};
const INSERT: &str = "INSERT INTO integrations (environment_id, unique_key, provider, display_name,
     client_id, secrets_sealed, scopes, row_uuid, forward_webhooks, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
     RETURNING id, environment_id, unique_key, provider, display_name, client_id, secrets_sealed,
     scopes, row_uuid, forward_webhooks, created_at, updated_at";
const UPDATE: &str = "UPDATE integrations SET unique_key = $3, display_name = $4, client_id = $5,
     secrets_sealed = $6, scopes = $7, forward_webhooks = $8, updated_at = $9
     WHERE environment_id = $1 AND id = $2 AND deleted_at IS NULL
     RETURNING id, environment_id, unique_key, provider, display_name, client_id, secrets_sealed,
     scopes, row_uuid, forward_webhooks, created_at, updated_at";
const DELETE: &str = "UPDATE integrations SET deleted_at = $3
     WHERE environment_id = $1 AND id = $2 AND deleted_at IS NULL";
const DELETE_CONNECTIONS: &str = "UPDATE connections SET deleted_at = $3
     WHERE environment_id = $1 AND integration_id = $2 AND deleted_at IS NULL";
const CONNECTION_COUNT: &str = "SELECT COUNT(*) AS n FROM connections
     WHERE environment_id = $1 AND integration_id = $2 AND deleted_at IS NULL";

fn integration(row: &Row) -> Result<Integration> {
    Ok(Integration {
        id: row.get("id")?,
        environment_id: row.get("environment_id")?,
        unique_key: row.get("unique_key")?,
        provider: row.get("provider")?,
        display_name: row.get("display_name")?,
        client_id: row.get("client_id")?,
        secrets: row.get("secrets_sealed")?,
        scopes: row.get("scopes")?,
        row_uuid: row.get("row_uuid")?,
        forward_webhooks: row.get("forward_webhooks")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

impl Store {
    /// An integration by its key.
    pub async fn integration_by_key(
        &self,
        environment_id: i64,
        unique_key: &str,
    ) -> Result<Option<Integration>> {
        let row = self.db.fetch_optional(BY_KEY, params![environment_id, unique_key]).await?;
        row.as_ref().map(integration).transpose()
    }

    /// An integration by row id.
    pub async fn integration(&self, environment_id: i64, id: i64) -> Result<Option<Integration>> {
        let row = self.db.fetch_optional(BY_ID, params![environment_id, id]).await?;
        row.as_ref().map(integration).transpose()
    }

    /// Every integration, by provider, then by age.
    pub async fn integrations(&self, environment_id: i64) -> Result<Vec<Integration>> {
        self.db.fetch_all(LIST, params![environment_id]).await?.iter().map(integration).collect()
    }
}

impl Tx {
    /// An integration by its key, held until commit.
    pub async fn lock_integration(
        &mut self,
        environment_id: i64,
        unique_key: &str,
    ) -> Result<Option<Integration>> {
        let row = self.fetch_optional(LOCK, params![environment_id, unique_key]).await?;
        row.as_ref().map(integration).transpose()
    }

    /// Stores an integration. A taken key is [`crate::Error::Duplicate`].
    pub async fn insert_integration(
        &mut self,
        new: &NewIntegration,
        now: Timestamp,
    ) -> Result<Integration> {
        let values = params![
            new.environment_id,
            &new.unique_key,
            &new.provider,
            &new.display_name,
            &new.client_id,
            new.secrets.as_ref(),
            &new.scopes,
            &new.row_uuid,
            new.forward_webhooks,
            now,
        ];
        let row = self.fetch_one(INSERT, values).await?;
        self.notify(Notice::Environment(new.environment_id));
        integration(&row)
    }

    /// Writes back a changed integration; id, environment, provider and `row_uuid` stay.
    pub async fn update_integration(
        &mut self,
        changed: &Integration,
        now: Timestamp,
    ) -> Result<Integration> {
        let values = params![
            changed.environment_id,
            changed.id,
            &changed.unique_key,
            &changed.display_name,
            &changed.client_id,
            changed.secrets.as_ref(),
            &changed.scopes,
            changed.forward_webhooks,
            now,
        ];
        let row = self.fetch_one(UPDATE, values).await?;
        self.notify(Notice::Environment(changed.environment_id));
        integration(&row)
    }

    /// Marks an integration and its connections as deleted.
    pub async fn delete_integration(
        &mut self,
        environment_id: i64,
        id: i64,
        now: Timestamp,
    ) -> Result<()> {
        self.execute(DELETE, params![environment_id, id, now]).await?;
        self.execute(DELETE_CONNECTIONS, params![environment_id, id, now]).await?;
        self.notify(Notice::Environment(environment_id));
        Ok(())
    }

    /// Live connections of an integration.
    pub async fn integration_connection_count(
        &mut self,
        environment_id: i64,
        id: i64,
    ) -> Result<i64> {
        self.fetch_one(CONNECTION_COUNT, params![environment_id, id]).await?.get("n")
    }
}
