//! Environments: the tenant boundary. Their settings and variables.

use valetkey_base::{Sealed, Timestamp};

use crate::db::{Row, Tx, params};
use crate::error::Result;
use crate::notice::Notice;
use crate::open::Store;

/// An environment.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Row id, also on the wire.
    pub id: i64,
    /// The account.
    pub account_id: i64,
    /// `dev`, `prod`, …; unique in the account.
    pub name: String,
    /// Public id, used in URLs.
    pub uuid: String,
    /// Whether it serves real customers.
    pub is_production: bool,
    /// Settings as JSON text; the engine knows their form.
    pub settings: String,
    /// When it was made.
    pub created_at: Timestamp,
}

const BY_ID: &str = "SELECT id, account_id, name, uuid, is_production, settings, created_at
     FROM environments WHERE id = $1 AND deleted_at IS NULL";
const BY_UUID: &str = "SELECT id, account_id, name, uuid, is_production, settings, created_at
     FROM environments WHERE uuid = $1 AND deleted_at IS NULL";
const BY_NAME: &str = "SELECT id, account_id, name, uuid, is_production, settings, created_at
     FROM environments WHERE account_id = $1 AND name = $2 AND deleted_at IS NULL";
const LIST: &str = "SELECT id, account_id, name, uuid, is_production, settings, created_at
     FROM environments WHERE account_id = $1 AND deleted_at IS NULL ORDER BY id";
const INSERT: &str = "INSERT INTO environments
     (account_id, name, uuid, is_production, settings, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $6)
     RETURNING id, account_id, name, uuid, is_production, settings, created_at";
const UPDATE_SETTINGS: &str =
    "UPDATE environments SET settings = $2, updated_at = $3 WHERE id = $1 AND deleted_at IS NULL";
const UPDATE_FACTS: &str = "UPDATE environments SET name = $2, is_production = $3, updated_at = $4
     WHERE id = $1 AND deleted_at IS NULL";
const DELETE: &str = "UPDATE environments SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL";
const DELETE_INTEGRATIONS: &str = "UPDATE integrations SET deleted_at = $2
     WHERE environment_id = $1 AND deleted_at IS NULL";
const DELETE_CONNECTIONS: &str = "UPDATE connections SET deleted_at = $2
     WHERE environment_id = $1 AND deleted_at IS NULL";
const REVOKE_KEYS: &str = "UPDATE api_keys SET revoked_at = $2
     WHERE environment_id = $1 AND revoked_at IS NULL";
const VARIABLES: &str = "SELECT name, value_sealed FROM environment_variables
     WHERE environment_id = $1 ORDER BY name";
const SET_VARIABLE: &str = "INSERT INTO environment_variables (environment_id, name, value_sealed)
     VALUES ($1, $2, $3)
     ON CONFLICT (environment_id, name) DO UPDATE SET value_sealed = excluded.value_sealed";
const UNSET_VARIABLE: &str =
    "DELETE FROM environment_variables WHERE environment_id = $1 AND name = $2";
const LOCK: crate::db::Sql = crate::db::Sql {
    sqlite: "SELECT id, account_id, name, uuid, is_production, settings, created_at
     FROM environments WHERE id = $1 AND deleted_at IS NULL",
    postgres: "SELECT id, account_id, name, uuid, is_production, settings, created_at
     FROM environments WHERE id = $1 AND deleted_at IS NULL FOR UPDATE",
};

fn environment(row: &Row) -> Result<Environment> {
    Ok(Environment {
        id: row.get("id")?,
        account_id: row.get("account_id")?,
        name: row.get("name")?,
        uuid: row.get("uuid")?,
        is_production: row.get("is_production")?,
        settings: row.get("settings")?,
        created_at: row.get("created_at")?,
    })
}

impl Store {
    /// An environment by row id.
    pub async fn environment(&self, id: i64) -> Result<Option<Environment>> {
        self.db.fetch_optional(BY_ID, params![id]).await?.as_ref().map(environment).transpose()
    }

    /// An environment by its public id.
    pub async fn environment_by_uuid(&self, uuid: &str) -> Result<Option<Environment>> {
        self.db.fetch_optional(BY_UUID, params![uuid]).await?.as_ref().map(environment).transpose()
    }

    /// An environment of an account by name.
    pub async fn environment_by_name(
        &self,
        account_id: i64,
        name: &str,
    ) -> Result<Option<Environment>> {
        let row = self.db.fetch_optional(BY_NAME, params![account_id, name]).await?;
        row.as_ref().map(environment).transpose()
    }

    /// Every environment of an account, oldest first.
    pub async fn environments(&self, account_id: i64) -> Result<Vec<Environment>> {
        self.db.fetch_all(LIST, params![account_id]).await?.iter().map(environment).collect()
    }

    /// Variables of an environment by name.
    pub async fn environment_variables(&self, id: i64) -> Result<Vec<(String, Sealed)>> {
        let rows = self.db.fetch_all(VARIABLES, params![id]).await?;
        rows.iter().map(|row| Ok((row.get("name")?, row.get("value_sealed")?))).collect()
    }
}

impl Tx {
    /// An environment, held until commit so that a change of its settings loses nothing.
    pub async fn lock_environment(&mut self, id: i64) -> Result<Option<Environment>> {
        self.fetch_optional(LOCK, params![id]).await?.as_ref().map(environment).transpose()
    }

    /// Makes an environment. A taken name is [`crate::Error::Duplicate`].
    pub async fn insert_environment(
        &mut self,
        account_id: i64,
        name: &str,
        uuid: &str,
        is_production: bool,
        settings: &str,
        now: Timestamp,
    ) -> Result<Environment> {
        let values = params![account_id, name, uuid, is_production, settings, now];
        environment(&self.fetch_one(INSERT, values).await?)
    }

    /// Replaces the settings.
    pub async fn update_environment_settings(
        &mut self,
        id: i64,
        settings: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.execute(UPDATE_SETTINGS, params![id, settings, now]).await?;
        self.notify(Notice::Environment(id));
        Ok(())
    }

    /// Renames an environment and says whether it serves real customers. A taken name is
    /// [`crate::Error::Duplicate`].
    pub async fn update_environment(
        &mut self,
        id: i64,
        name: &str,
        is_production: bool,
        now: Timestamp,
    ) -> Result<()> {
        self.execute(UPDATE_FACTS, params![id, name, is_production, now]).await?;
        self.notify(Notice::Environment(id));
        Ok(())
    }

    /// Marks an environment and everything in it as deleted; its keys stop working.
    pub async fn delete_environment(&mut self, id: i64, now: Timestamp) -> Result<bool> {
        let deleted = self.execute(DELETE, params![id, now]).await? > 0;
        for sql in [DELETE_INTEGRATIONS, DELETE_CONNECTIONS, REVOKE_KEYS] {
            self.execute(sql, params![id, now]).await?;
        }
        self.notify(Notice::Environment(id));
        Ok(deleted)
    }

    /// Sets a variable.
    pub async fn set_environment_variable(
        &mut self,
        id: i64,
        name: &str,
        value: &Sealed,
    ) -> Result<()> {
        self.execute(SET_VARIABLE, params![id, name, value]).await.map(|_| ())
    }

    /// Removes a variable and says whether there was one.
    pub async fn unset_environment_variable(&mut self, id: i64, name: &str) -> Result<bool> {
        Ok(self.execute(UNSET_VARIABLE, params![id, name]).await? > 0)
    }
}
