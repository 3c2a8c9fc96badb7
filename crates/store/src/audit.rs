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
macro_rules! page {
    ($first:literal) => {
        concat!(
            "SELECT id, chain, position, environment_id, actor, action, target, times, at,
     previous_hash, hash FROM audit WHERE id < $1 AND at >= $2 AND at <= $3",
            $first,
            " AND ($4 IS NULL OR actor = $4) AND ($5 IS NULL OR action = $5)
     AND ($6 IS NULL OR environment_id = $6) ORDER BY id DESC LIMIT $7"
        )
    };
}

/// The condition that an index answers stands alone, so that the planner sees it.
const PAGE: &str = page!("");
const PAGE_OF_ACTOR: &str = page!(" AND actor = $4");
const PAGE_OF_ACTION: &str = page!(" AND action = $5");
const PAGE_OF_ENVIRONMENT: &str = page!(" AND environment_id = $6");
const ACTIONS: &str = "WITH RECURSIVE found(action) AS (
     SELECT MIN(action) FROM audit
     UNION ALL
     SELECT (SELECT MIN(a.action) FROM audit a WHERE a.action > found.action) FROM found
     WHERE found.action IS NOT NULL)
     SELECT action FROM found WHERE action IS NOT NULL ORDER BY action";
const HASH_AT: &str = "SELECT hash FROM audit WHERE chain = $1 AND position = $2";
const AFTER: &str = "SELECT id, chain, position, environment_id, actor, action, target, times, at,
     previous_hash, hash FROM audit WHERE (chain = $1 AND position > $2) OR chain > $1
     ORDER BY chain, position LIMIT $3";
const OF_CHAIN: &str = "SELECT chain, position, environment_id, actor, action, target, times, at,
     previous_hash, hash FROM audit WHERE chain = $1 ORDER BY position";

/// Which entries a page shows. All conditions hold together.
#[derive(Clone, Debug)]
pub struct AuditFilter {
    /// Entries before this one; the newest begin at `i64::MAX`.
    pub before: i64,
    /// Not before this.
    pub from: Timestamp,
    /// Not after this.
    pub until: Timestamp,
    /// Who.
    pub actor: Option<String>,
    /// What.
    pub action: Option<String>,
    /// Where.
    pub environment_id: Option<i64>,
    /// Rows to answer.
    pub limit: i64,
}

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

    /// Entries and their row ids, newest first.
    pub async fn audit_page(&self, filter: &AuditFilter) -> Result<Vec<(i64, AuditRow)>> {
        let sql = match filter {
            AuditFilter { actor: Some(_), .. } => PAGE_OF_ACTOR,
            AuditFilter { action: Some(_), .. } => PAGE_OF_ACTION,
            AuditFilter { environment_id: Some(_), .. } => PAGE_OF_ENVIRONMENT,
            _ => PAGE,
        };
        let values = params![
            filter.before,
            filter.from,
            filter.until,
            &filter.actor,
            &filter.action,
            filter.environment_id,
            filter.limit,
        ];
        let rows = self.db.fetch_all(sql, values).await?;
        rows.iter().map(|row| Ok((row.get("id")?, audit_row(row)?))).collect()
    }

    /// Every action there is an entry of, found by leaps through the index.
    pub async fn audit_actions(&self) -> Result<Vec<String>> {
        let rows = self.db.fetch_all(ACTIONS, params![]).await?;
        rows.iter().map(|row| row.get("action")).collect()
    }

    /// The hash of the entry at a place of a chain.
    pub async fn audit_hash_at(&self, chain: &str, position: i64) -> Result<Option<String>> {
        let row = self.db.fetch_optional(HASH_AT, params![chain, position]).await?;
        row.map(|row| row.get("hash")).transpose()
    }

    /// Entries of all chains, one chain after the other, from behind a place on.
    pub async fn audit_after(
        &self,
        chain: &str,
        position: i64,
        limit: i64,
    ) -> Result<Vec<AuditRow>> {
        let rows = self.db.fetch_all(AFTER, params![chain, position, limit]).await?;
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
