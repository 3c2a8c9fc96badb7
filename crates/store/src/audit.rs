//! The audit trail: who read or changed what.

use serde::Serialize;
use valetkey_base::Timestamp;

use crate::db::{Row, Sql, Tx, json_text, params};
use crate::error::Result;
use crate::open::Store;

/// An entry. `hash` covers the entry and the hash before it in the same chain.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct AuditRow {
    /// The server process that wrote it.
    pub chain: String,
    /// Its place in that chain, from 1.
    pub position: i64,
    /// The environment, if it is about one.
    pub environment_id: Option<i64>,
    /// `key:<id>`, `session:<id>`, `member:<id>`, `system`.
    pub actor: String,
    /// `connection.credentials_read`, `integration.updated`, …
    pub action: String,
    /// What it was done to.
    pub target: String,
    /// How often within the moment the entry covers.
    pub times: i64,
    /// When.
    pub at: Timestamp,
    /// Hash of the entry before it; empty for the first.
    pub previous_hash: String,
    /// Hash of this entry.
    pub hash: String,
}

const INSERT: Sql = Sql {
    sqlite: "INSERT INTO audit (chain, position, environment_id, actor, action, target, times, at,
     previous_hash, hash)
     SELECT value ->> 'chain', value ->> 'position', value ->> 'environment_id',
     value ->> 'actor', value ->> 'action', value ->> 'target', value ->> 'times', value ->> 'at',
     value ->> 'previous_hash', value ->> 'hash' FROM json_each($1)",
    postgres: "INSERT INTO audit (chain, position, environment_id, actor, action, target, times,
     at, previous_hash, hash)
     SELECT chain, position, environment_id, actor, action, target, times, at, previous_hash, hash
     FROM jsonb_to_recordset($1::jsonb) AS r(chain text, position bigint, environment_id bigint,
     actor text, action text, target text, times bigint, at bigint, previous_hash text, hash text)",
};
const OF_ENVIRONMENT: &str = "SELECT chain, position, environment_id, actor, action, target, times,
     at, previous_hash, hash FROM audit WHERE environment_id = $1 ORDER BY id DESC LIMIT $2";
const OF_CHAIN: &str = "SELECT chain, position, environment_id, actor, action, target, times, at,
     previous_hash, hash FROM audit WHERE chain = $1 ORDER BY position";

fn audit_row(row: &Row) -> Result<AuditRow> {
    Ok(AuditRow {
        chain: row.get("chain")?,
        position: row.get("position")?,
        environment_id: row.get("environment_id")?,
        actor: row.get("actor")?,
        action: row.get("action")?,
        target: row.get("target")?,
        times: row.get("times")?,
        at: row.get("at")?,
        previous_hash: row.get("previous_hash")?,
        hash: row.get("hash")?,
    })
}

impl Store {
    /// Entries about an environment, newest first.
    pub async fn audit(&self, environment_id: i64, limit: i64) -> Result<Vec<AuditRow>> {
        let rows = self.db.fetch_all(OF_ENVIRONMENT, params![environment_id, limit]).await?;
        rows.iter().map(audit_row).collect()
    }

    /// One process's chain from its beginning.
    pub async fn audit_chain(&self, chain: &str) -> Result<Vec<AuditRow>> {
        let rows = self.db.fetch_all(OF_CHAIN, params![chain]).await?;
        rows.iter().map(audit_row).collect()
    }
}

impl Tx {
    /// Stores entries.
    pub async fn insert_audit(&mut self, rows: &[AuditRow]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let values = params![json_text(&rows)?];
        self.execute(INSERT, values).await.map(|_| ())
    }
}
