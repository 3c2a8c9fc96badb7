//! Which connections an identifier of a provider's webhook belongs to.
//!
//! Configuration is sealed, so identifiers in it cannot be asked for. The engine opens a connection
//! once after each change and writes the hashes of the identifiers that the integration's webhooks
//! may name. A change of configuration or metadata clears `lookups_at` in its own statement.

use valetkey_base::{Sealed, Timestamp};

use crate::db::{Tx, params};
use crate::error::Result;
use crate::open::Store;

/// A connection whose lookups are out of date.
#[derive(Clone, Debug)]
pub struct LookupRow {
    /// Row id.
    pub id: i64,
    /// What its configuration is sealed for.
    pub row_uuid: String,
    /// The configuration.
    pub config: Sealed,
    /// JSON text.
    pub metadata: Option<String>,
}

/// A connection that an identifier belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Matched {
    /// Row id.
    pub id: i64,
    /// The id clients use.
    pub connection_id: String,
    /// Where its events go instead of the environment's URLs.
    pub webhook_url_override: Option<String>,
}

const RULES: &str = "SELECT rules FROM lookup_rules WHERE integration_id = $1";
const SET_RULES: &str = "INSERT INTO lookup_rules (integration_id, rules) VALUES ($1, $2)
     ON CONFLICT (integration_id) DO UPDATE SET rules = excluded.rules";
const CLEAR: &str = "UPDATE connections SET lookups_at = NULL
     WHERE integration_id = $1 AND lookups_at IS NOT NULL";
const DUE: &str = "SELECT id, row_uuid, config_sealed, metadata FROM connections
     WHERE integration_id = $1 AND lookups_at IS NULL AND deleted_at IS NULL
     ORDER BY id LIMIT $2";
const MARK: &str = "UPDATE connections SET lookups_at = $2 WHERE id = $1 AND config_sealed = $3
     AND COALESCE(metadata, '') = $4";
const DROP: &str = "DELETE FROM connection_lookups WHERE connection_row = $1";
const INSERT: &str = "INSERT INTO connection_lookups (integration_id, hash, connection_row)
     VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
const FIND: &str = "SELECT c.id, c.connection_id, c.webhook_url_override
     FROM connection_lookups l JOIN connections c ON c.id = l.connection_row
     WHERE l.integration_id = $1 AND l.hash = $2 AND c.integration_id = $1
     AND c.deleted_at IS NULL ORDER BY c.id LIMIT $3";

impl Store {
    /// The rules an integration's lookups were made by.
    pub async fn lookup_rules(&self, integration_id: i64) -> Result<Option<String>> {
        let row = self.db.fetch_optional(RULES, params![integration_id]).await?;
        row.map(|row| row.get("rules")).transpose()
    }

    /// Connections of an integration whose lookups are out of date.
    pub async fn lookups_due(&self, integration_id: i64, limit: i64) -> Result<Vec<LookupRow>> {
        let rows = self.db.fetch_all(DUE, params![integration_id, limit]).await?;
        rows.iter()
            .map(|row| {
                Ok(LookupRow {
                    id: row.get("id")?,
                    row_uuid: row.get("row_uuid")?,
                    config: row.get("config_sealed")?,
                    metadata: row.get("metadata")?,
                })
            })
            .collect()
    }

    /// Live connections that an identifier belongs to, oldest first.
    pub async fn looked_up(
        &self,
        integration_id: i64,
        hash: &str,
        limit: i64,
    ) -> Result<Vec<Matched>> {
        let rows = self.db.fetch_all(FIND, params![integration_id, hash, limit]).await?;
        rows.iter()
            .map(|row| {
                Ok(Matched {
                    id: row.get("id")?,
                    connection_id: row.get("connection_id")?,
                    webhook_url_override: row.get("webhook_url_override")?,
                })
            })
            .collect()
    }
}

impl Tx {
    /// Begins an integration's lookups anew, by other rules.
    pub async fn set_lookup_rules(&mut self, integration_id: i64, rules: &str) -> Result<()> {
        self.execute(SET_RULES, params![integration_id, rules]).await?;
        self.execute(CLEAR, params![integration_id]).await.map(|_| ())
    }

    /// Writes a connection's lookups, unless it has changed since it was looked at.
    pub async fn set_lookups(
        &mut self,
        integration_id: i64,
        seen: &LookupRow,
        hashes: &[String],
        now: Timestamp,
    ) -> Result<()> {
        let metadata = seen.metadata.clone().unwrap_or_default();
        if self.execute(MARK, params![seen.id, now, &seen.config, metadata]).await? == 0 {
            return Ok(());
        }
        self.execute(DROP, params![seen.id]).await?;
        for hash in hashes {
            self.execute(INSERT, params![integration_id, hash, seen.id]).await?;
        }
        Ok(())
    }
}
