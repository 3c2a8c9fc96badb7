//! Keys for some calls through the proxy: stored as hashes, bounded, always with an end.

use valetkey_base::Timestamp;

use crate::db::{Row, Tx, params};
use crate::error::Result;
use crate::notice::Notice;
use crate::open::Store;

/// A key without its secret, which nobody has.
#[derive(Clone, Debug)]
pub struct ProxyKey {
    /// Row id, also on the wire.
    pub id: i64,
    /// The account.
    pub account_id: i64,
    /// The environment.
    pub environment_id: i64,
    /// Who made it.
    pub made_by: String,
    /// JSON text: which calls it is for.
    pub rules: String,
    /// How many calls are left; none without such a bound.
    pub calls_left: Option<i64>,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A key to be stored.
#[derive(Clone, Debug)]
pub struct NewProxyKey {
    /// See [`ProxyKey`].
    pub account_id: i64,
    /// See [`ProxyKey`].
    pub environment_id: i64,
    /// Hex SHA-256 of the key.
    pub token_hash: String,
    /// See [`ProxyKey`].
    pub made_by: String,
    /// See [`ProxyKey`].
    pub rules: String,
    /// See [`ProxyKey`].
    pub calls_left: Option<i64>,
    /// See [`ProxyKey`].
    pub expires_at: Timestamp,
}

const BY_HASH: &str = "SELECT id, account_id, environment_id, made_by, rules, calls_left,
     expires_at, created_at FROM proxy_keys WHERE token_hash = $1";
const LIST: &str = "SELECT id, account_id, environment_id, made_by, rules, calls_left, expires_at,
     created_at FROM proxy_keys WHERE environment_id = $1 AND expires_at > $2
     ORDER BY id DESC LIMIT $3";
const COUNT: &str = "SELECT COUNT(*) AS n FROM (SELECT 1 FROM proxy_keys
     WHERE environment_id = $1 AND expires_at > $2 LIMIT $3) AS live";
const INSERT: &str = "INSERT INTO proxy_keys (account_id, environment_id, token_hash, made_by,
     rules, calls_left, expires_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     RETURNING id, account_id, environment_id, made_by, rules, calls_left, expires_at, created_at";
const SPEND: &str = "UPDATE proxy_keys SET calls_left = calls_left - 1
     WHERE id = $1 AND calls_left > 0 RETURNING calls_left";
const DELETE: &str = "DELETE FROM proxy_keys WHERE environment_id = $1 AND id = $2";

fn proxy_key(row: &Row) -> Result<ProxyKey> {
    Ok(ProxyKey {
        id: row.get("id")?,
        account_id: row.get("account_id")?,
        environment_id: row.get("environment_id")?,
        made_by: row.get("made_by")?,
        rules: row.get("rules")?,
        calls_left: row.get("calls_left")?,
        expires_at: row.get("expires_at")?,
        created_at: row.get("created_at")?,
    })
}

impl Store {
    /// A key by the hash of its secret. The caller checks expiry with its own clock.
    pub async fn proxy_key_by_hash(&self, token_hash: &str) -> Result<Option<ProxyKey>> {
        let row = self.db.fetch_optional(BY_HASH, params![token_hash]).await?;
        row.as_ref().map(proxy_key).transpose()
    }

    /// Live keys of an environment, newest first.
    pub async fn proxy_keys(
        &self,
        environment_id: i64,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<ProxyKey>> {
        let rows = self.db.fetch_all(LIST, params![environment_id, now, limit]).await?;
        rows.iter().map(proxy_key).collect()
    }
}

impl Tx {
    /// Live keys of an environment, counted no further than `most`.
    pub async fn proxy_key_count(
        &mut self,
        environment_id: i64,
        now: Timestamp,
        most: i64,
    ) -> Result<i64> {
        self.fetch_one(COUNT, params![environment_id, now, most]).await?.get("n")
    }

    /// Stores a key.
    pub async fn insert_proxy_key(
        &mut self,
        new: &NewProxyKey,
        now: Timestamp,
    ) -> Result<ProxyKey> {
        let values = params![
            new.account_id,
            new.environment_id,
            &new.token_hash,
            &new.made_by,
            &new.rules,
            new.calls_left,
            new.expires_at,
            now,
        ];
        proxy_key(&self.fetch_one(INSERT, values).await?)
    }

    /// Takes one call of a key that has a bound; none when all are spent.
    pub async fn spend_proxy_key(&mut self, id: i64) -> Result<Option<i64>> {
        let row = self.fetch_optional(SPEND, params![id]).await?;
        row.map(|row| row.get("calls_left")).transpose()
    }

    /// Ends a key and says whether it was there.
    pub async fn delete_proxy_key(&mut self, environment_id: i64, id: i64) -> Result<bool> {
        let gone = self.execute(DELETE, params![environment_id, id]).await? > 0;
        self.notify(Notice::Environment(environment_id));
        Ok(gone)
    }
}
