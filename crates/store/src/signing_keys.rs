//! Keys that sign outgoing webhooks, with overlap on rotation.

use valetkey_base::{Sealed, Timestamp};

use crate::db::{Row, Tx, params};
use crate::error::Result;
use crate::notice::Notice;
use crate::open::Store;

/// A signing key as it is stored.
#[derive(Clone, Debug)]
pub struct SigningKeyRow {
    /// Random id, part of the sealing's row binding.
    pub id: String,
    /// The environment.
    pub environment_id: i64,
    /// The key, sealed.
    pub key: Sealed,
    /// Until when a replaced key still signs; none for the current one.
    pub expires_at: Option<Timestamp>,
}

const LIVE: &str = "SELECT id, environment_id, key_sealed, expires_at FROM signing_keys
     WHERE environment_id = $1 AND (expires_at IS NULL OR expires_at > $2)
     ORDER BY expires_at IS NOT NULL, created_at DESC, id";
const INSERT: &str = "INSERT INTO signing_keys (id, environment_id, key_sealed, created_at)
     VALUES ($1, $2, $3, $4)";
const EXPIRE_CURRENT: &str = "UPDATE signing_keys SET expires_at = $2
     WHERE environment_id = $1 AND expires_at IS NULL";

fn signing_key(row: &Row) -> Result<SigningKeyRow> {
    Ok(SigningKeyRow {
        id: row.get("id")?,
        environment_id: row.get("environment_id")?,
        key: row.get("key_sealed")?,
        expires_at: row.get("expires_at")?,
    })
}

impl Store {
    /// Keys that sign now, the current one first.
    pub async fn signing_keys(
        &self,
        environment_id: i64,
        now: Timestamp,
    ) -> Result<Vec<SigningKeyRow>> {
        let rows = self.db.fetch_all(LIVE, params![environment_id, now]).await?;
        rows.iter().map(signing_key).collect()
    }
}

impl Tx {
    /// Makes a key the current one; the one before it signs beside it until `overlap_until`.
    pub async fn insert_signing_key(
        &mut self,
        key: &SigningKeyRow,
        overlap_until: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        self.execute(EXPIRE_CURRENT, params![key.environment_id, overlap_until]).await?;
        self.execute(INSERT, params![&key.id, key.environment_id, &key.key, now]).await?;
        self.notify(Notice::Environment(key.environment_id));
        Ok(())
    }
}
