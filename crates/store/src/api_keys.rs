//! API keys: stored as hashes, scoped, expiring, revocable.

use std::net::IpAddr;

use serde::Serialize;
use serde_json::json;
use valetkey_base::{ScopeSet, Timestamp};

use crate::db::{Row, Sql, Tx, json_text, params};
use crate::error::{Error, Result};
use crate::notice::Notice;
use crate::open::Store;

/// An API key without its secret, which nobody has.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Row id, also on the wire.
    pub id: i64,
    /// The account.
    pub account_id: i64,
    /// The environment; none for an account key.
    pub environment_id: Option<i64>,
    /// Name, unique among the live keys of its environment.
    pub display_name: String,
    /// The first characters, for people to recognise it by.
    pub prefix: String,
    /// What it may do.
    pub scopes: ScopeSet,
    /// `created` by somebody, or `environment` for one defined by an environment variable.
    pub origin: String,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// The address it was used from then.
    pub last_used_from: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A use of a key.
#[derive(Clone, Debug, Serialize)]
pub struct KeyUse {
    /// The key.
    pub id: i64,
    /// The address of the client.
    pub used_from: Option<IpAddr>,
}

/// A key to be stored.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// See [`ApiKey::account_id`].
    pub account_id: i64,
    /// See [`ApiKey::environment_id`].
    pub environment_id: Option<i64>,
    /// See [`ApiKey::display_name`].
    pub display_name: String,
    /// Hex SHA-256 of the key.
    pub token_hash: String,
    /// See [`ApiKey::prefix`].
    pub prefix: String,
    /// See [`ApiKey::scopes`].
    pub scopes: ScopeSet,
    /// See [`ApiKey::origin`].
    pub origin: String,
    /// See [`ApiKey::expires_at`].
    pub expires_at: Option<Timestamp>,
}

const BY_HASH: &str = "SELECT id, account_id, environment_id, display_name, prefix, scopes, origin,
     expires_at, last_used_at, last_used_from, created_at
     FROM api_keys WHERE token_hash = $1 AND revoked_at IS NULL";
const OF_ENVIRONMENT: &str = "SELECT id, account_id, environment_id, display_name, prefix, scopes,
     origin, expires_at, last_used_at, last_used_from, created_at
     FROM api_keys WHERE account_id = $1 AND COALESCE(environment_id, 0) = COALESCE($2, 0)
     AND revoked_at IS NULL ORDER BY id";
const INSERT: &str = "INSERT INTO api_keys (account_id, environment_id, display_name, token_hash,
     prefix, scopes, origin, expires_at, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     RETURNING id, account_id, environment_id, display_name, prefix, scopes, origin, expires_at,
     last_used_at, last_used_from, created_at";
const REVIVE: &str = "UPDATE api_keys SET revoked_at = NULL, environment_id = $2, scopes = $3
     WHERE token_hash = $1 AND origin = 'environment'";
const REVOKE: &str = "UPDATE api_keys SET revoked_at = $3
     WHERE id = $2 AND account_id = $1 AND revoked_at IS NULL RETURNING environment_id";
const RETIRE: &str = "UPDATE api_keys SET display_name = $3, expires_at = $4
     WHERE id = $2 AND account_id = $1 AND revoked_at IS NULL RETURNING environment_id";
const REVOKE_ORIGIN: &str = "UPDATE api_keys SET revoked_at = $2
     WHERE account_id = $1 AND origin = 'environment' AND revoked_at IS NULL";
const COUNT: &str = "SELECT COUNT(*) AS n FROM api_keys
     WHERE environment_id = $1 AND revoked_at IS NULL";
const TOUCH: Sql = Sql {
    sqlite: "UPDATE api_keys SET last_used_at = $1,
         last_used_from = COALESCE(value ->> 'used_from', last_used_from)
         FROM json_each($2) WHERE api_keys.id = value ->> 'id'",
    // Locked in the order of ids, so that two processes with the same rows do not deadlock.
    postgres: "WITH locked AS (
         SELECT k.id, r.used_from FROM api_keys k
         JOIN jsonb_to_recordset($2::jsonb) AS r(id bigint, used_from text) ON r.id = k.id
         ORDER BY k.id FOR NO KEY UPDATE OF k)
         UPDATE api_keys SET last_used_at = $1,
         last_used_from = COALESCE(locked.used_from, last_used_from)
         FROM locked WHERE api_keys.id = locked.id",
};

fn api_key(row: &Row) -> Result<ApiKey> {
    let scopes: String = row.get("scopes")?;
    Ok(ApiKey {
        id: row.get("id")?,
        account_id: row.get("account_id")?,
        environment_id: row.get("environment_id")?,
        display_name: row.get("display_name")?,
        prefix: row.get("prefix")?,
        scopes: ScopeSet::new(
            serde_json::from_str(&scopes).map_err(|_| Error::Malformed { column: "scopes" })?,
        ),
        origin: row.get("origin")?,
        expires_at: row.get("expires_at")?,
        last_used_at: row.get("last_used_at")?,
        last_used_from: row.get("last_used_from")?,
        created_at: row.get("created_at")?,
    })
}

impl Store {
    /// A live key by the hash of its secret. The caller checks expiry with its own clock.
    pub async fn api_key_by_hash(&self, token_hash: &str) -> Result<Option<ApiKey>> {
        self.db
            .fetch_optional(BY_HASH, params![token_hash])
            .await?
            .as_ref()
            .map(api_key)
            .transpose()
    }

    /// Live keys of an environment, or the account's own when `environment_id` is none.
    pub async fn api_keys(
        &self,
        account_id: i64,
        environment_id: Option<i64>,
    ) -> Result<Vec<ApiKey>> {
        let values = params![account_id, environment_id];
        self.db.fetch_all(OF_ENVIRONMENT, values).await?.iter().map(api_key).collect()
    }
}

impl Tx {
    /// Stores a key. A taken name or hash is [`Error::Duplicate`].
    pub async fn insert_api_key(&mut self, key: &NewApiKey, now: Timestamp) -> Result<ApiKey> {
        let values = params![
            key.account_id,
            key.environment_id,
            &key.display_name,
            &key.token_hash,
            &key.prefix,
            json!(key.scopes.as_slice()).to_string(),
            &key.origin,
            key.expires_at,
            now,
        ];
        let row = self.fetch_one(INSERT, values).await?;
        if let Some(id) = key.environment_id {
            self.notify(Notice::Environment(id));
        }
        api_key(&row)
    }

    /// Makes a key defined by an environment variable work again, if it once was stored.
    pub async fn revive_api_key(
        &mut self,
        token_hash: &str,
        environment_id: i64,
        scopes: &ScopeSet,
    ) -> Result<bool> {
        let scopes = json!(scopes.as_slice()).to_string();
        let changed = self.execute(REVIVE, params![token_hash, environment_id, scopes]).await? > 0;
        self.notify(Notice::Environment(environment_id));
        Ok(changed)
    }

    /// Revokes every key that was defined by an environment variable.
    pub async fn revoke_environment_defined_keys(
        &mut self,
        account_id: i64,
        now: Timestamp,
    ) -> Result<()> {
        self.execute(REVOKE_ORIGIN, params![account_id, now]).await.map(|_| ())
    }

    /// Revokes a key and says whether it was live.
    pub async fn revoke_api_key(
        &mut self,
        account_id: i64,
        id: i64,
        now: Timestamp,
    ) -> Result<bool> {
        let Some(row) = self.fetch_optional(REVOKE, params![account_id, id, now]).await? else {
            return Ok(false);
        };
        let environment: Option<i64> = row.get("environment_id")?;
        self.notify(environment.map_or(Notice::Anything, Notice::Environment));
        Ok(true)
    }

    /// Gives a key another name and an end, and says whether it was live.
    pub async fn retire_api_key(
        &mut self,
        account_id: i64,
        id: i64,
        display_name: &str,
        expires_at: Timestamp,
    ) -> Result<bool> {
        let values = params![account_id, id, display_name, expires_at];
        let Some(row) = self.fetch_optional(RETIRE, values).await? else {
            return Ok(false);
        };
        let environment: Option<i64> = row.get("environment_id")?;
        self.notify(environment.map_or(Notice::Anything, Notice::Environment));
        Ok(true)
    }

    /// Live keys of an environment.
    pub async fn api_key_count(&mut self, environment_id: i64) -> Result<i64> {
        self.fetch_one(COUNT, params![environment_id]).await?.get("n")
    }

    /// Notes that keys were used. Without an address the one that is known stays.
    pub async fn touch_api_keys(&mut self, uses: &[KeyUse], now: Timestamp) -> Result<()> {
        self.execute(TOUCH, params![now, json_text(&uses)?]).await.map(|_| ())
    }
}
