//! Wrapped data keys, one active per environment.

use valetkey_base::{Sealed, Timestamp};

use crate::db::{Row, Tx, params};
use crate::error::Result;
use crate::open::Store;

/// A data key as it is stored: wrapped.
#[derive(Clone, Debug)]
pub struct DataKeyRow {
    /// Hex of its 16-byte id.
    pub id: String,
    /// The environment whose rows it seals; 0 for the server's own.
    pub environment_id: i64,
    /// The key, sealed by a master key.
    pub wrapped: Sealed,
}

const BY_ID: &str = "SELECT id, environment_id, wrapped FROM data_keys WHERE id = $1";
const ACTIVE: &str = "SELECT id, environment_id, wrapped FROM data_keys
     WHERE environment_id = $1 AND state = 'active'";
const ALL: &str = "SELECT id, environment_id, wrapped FROM data_keys ORDER BY created_at, id";
const INSERT: &str = "INSERT INTO data_keys (id, environment_id, wrapped, state, created_at)
     VALUES ($1, $2, $3, 'active', $4)";
const RETIRE: &str =
    "UPDATE data_keys SET state = 'retired' WHERE environment_id = $1 AND state = 'active'";
const REWRAP: &str = "UPDATE data_keys SET wrapped = $2 WHERE id = $1";

fn data_key(row: &Row) -> Result<DataKeyRow> {
    Ok(DataKeyRow {
        id: row.get("id")?,
        environment_id: row.get("environment_id")?,
        wrapped: row.get("wrapped")?,
    })
}

impl Store {
    /// A data key by hex id.
    pub async fn data_key(&self, id: &str) -> Result<Option<DataKeyRow>> {
        self.db.fetch_optional(BY_ID, params![id]).await?.as_ref().map(data_key).transpose()
    }

    /// The key that seals new values of an environment.
    pub async fn active_data_key(&self, environment_id: i64) -> Result<Option<DataKeyRow>> {
        let row = self.db.fetch_optional(ACTIVE, params![environment_id]).await?;
        row.as_ref().map(data_key).transpose()
    }

    /// Every data key, oldest first.
    pub async fn data_keys(&self) -> Result<Vec<DataKeyRow>> {
        self.db.fetch_all(ALL, params![]).await?.iter().map(data_key).collect()
    }
}

impl Tx {
    /// The key that seals new values of an environment, seen from inside a transaction.
    pub async fn active_data_key(&mut self, environment_id: i64) -> Result<Option<DataKeyRow>> {
        self.fetch_optional(ACTIVE, params![environment_id])
            .await?
            .as_ref()
            .map(data_key)
            .transpose()
    }

    /// Makes a key the active one; the one before it still opens what it sealed.
    pub async fn insert_data_key(&mut self, key: &DataKeyRow, now: Timestamp) -> Result<()> {
        self.execute(RETIRE, params![key.environment_id]).await?;
        self.execute(INSERT, params![&key.id, key.environment_id, &key.wrapped, now]).await?;
        Ok(())
    }

    /// Replaces the wrapping after the master key was replaced.
    pub async fn rewrap_data_key(&mut self, id: &str, wrapped: &Sealed) -> Result<()> {
        self.execute(REWRAP, params![id, wrapped]).await.map(|_| ())
    }
}
