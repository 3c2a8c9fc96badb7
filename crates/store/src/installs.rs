//! Installations that began at the provider, held until the app claims them.

use valetkey_base::{Sealed, Timestamp};

use crate::db::{Row, Tx, params};
use crate::error::Result;
use crate::open::Store;

/// An installation without its content.
#[derive(Clone, Debug)]
pub struct Install {
    /// Row id.
    pub id: i64,
    /// The id clients use; its content is sealed for it.
    pub install_id: String,
    /// The environment.
    pub environment_id: i64,
    /// The integration's row.
    pub integration_id: i64,
    /// The integration's key.
    pub integration_key: String,
    /// The integration's provider.
    pub provider: String,
    /// `webhook` or `callback`.
    pub source: String,
    /// The account it was installed in, in the provider's words.
    pub label: Option<String>,
    /// Who installed it, in the provider's words.
    pub installed_by: Option<String>,
    /// The provider's id of it.
    pub external_id: Option<String>,
    /// When it came.
    pub created_at: Timestamp,
    /// When it is dropped.
    pub expires_at: Timestamp,
}

/// An installation to be held.
#[derive(Clone, Debug)]
pub struct NewInstall {
    /// See [`Install`].
    pub install_id: String,
    /// See [`Install`].
    pub environment_id: i64,
    /// See [`Install`].
    pub integration_id: i64,
    /// A hash of what tells it from others of the integration.
    pub identity: String,
    /// See [`Install`].
    pub source: &'static str,
    /// See [`Install`].
    pub label: Option<String>,
    /// See [`Install`].
    pub installed_by: Option<String>,
    /// See [`Install`].
    pub external_id: Option<String>,
    /// Credentials and configuration; none only marks that it is being received.
    pub content: Option<Sealed>,
    /// Hex SHA-256 of a claim token, and when that stops working.
    pub claim: Option<(String, Timestamp)>,
    /// When the app is to be told.
    pub tell_at: Timestamp,
    /// See [`Install`].
    pub expires_at: Timestamp,
}

/// Columns and tables of those that can be claimed, and which of them.
macro_rules! held {
    ($which:literal) => {
        concat!(
            "SELECT s.id, s.install_id, s.environment_id, s.integration_id, i.unique_key,
             i.provider, s.source, s.label, s.installed_by, s.external_id, s.created_at,
             s.expires_at, s.content_sealed
             FROM installs s JOIN integrations i ON i.id = s.integration_id
             AND i.deleted_at IS NULL WHERE s.content_sealed IS NOT NULL AND ",
            $which
        )
    };
}

const LIST: &str = held!(
    "s.environment_id = $1 AND s.expires_at > $2 AND ($3 = '' OR i.unique_key = $3)
     AND s.id < $4 ORDER BY s.id DESC LIMIT $5"
);
const ONE: &str = held!("s.environment_id = $1 AND s.install_id = $2 AND s.expires_at > $3");
const BY_ROW: &str = held!("s.id = $1");
const INSERT: &str = "INSERT INTO installs (install_id, environment_id, integration_id, identity,
     source, label, installed_by, external_id, content_sealed, claim_hash, claim_expires_at,
     tell_at, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
     ON CONFLICT (integration_id, identity) DO NOTHING RETURNING id";
const DROP_STALE: &str = "DELETE FROM installs WHERE integration_id = $1 AND identity = $2
     AND (expires_at <= $3 OR (content_sealed IS NULL AND created_at <= $4))";
const IS_UNDERWAY: &str = "SELECT id FROM installs
     WHERE integration_id = $1 AND identity = $2 AND content_sealed IS NULL";
const DELETE: &str = "DELETE FROM installs WHERE id = $1";
const DELETE_IDENTITY: &str = "DELETE FROM installs WHERE integration_id = $1 AND identity = $2";
const COUNT: &str = "SELECT COUNT(*) AS n FROM (SELECT 1 FROM installs
     WHERE integration_id = $1 AND expires_at > $2 LIMIT $3) AS held";
const TAKE_CLAIM: &str = "UPDATE installs SET claim_hash = NULL, claim_expires_at = NULL
     WHERE environment_id = $1 AND claim_hash = $2 AND claim_expires_at > $3
     AND expires_at > $3 RETURNING install_id";
const TO_TELL: &str = "SELECT s.id, s.environment_id FROM installs s
     JOIN integrations i ON i.id = s.integration_id AND i.deleted_at IS NULL
     WHERE s.told_at IS NULL AND s.tell_at <= $1 AND s.expires_at > $1
     AND s.content_sealed IS NOT NULL ORDER BY s.tell_at LIMIT $2";
const SET_TOLD: &str = "UPDATE installs SET told_at = $2 WHERE id = $1 AND told_at IS NULL";
const TAKERS: &str = "SELECT i.environment_id, i.unique_key FROM install_takers t
     JOIN integrations i ON i.id = t.integration_id AND i.deleted_at IS NULL
     ORDER BY i.id LIMIT $1";
const ADD_TAKER: &str =
    "INSERT INTO install_takers (integration_id) VALUES ($1) ON CONFLICT DO NOTHING";
const REMOVE_TAKER: &str = "DELETE FROM install_takers WHERE integration_id = $1";

fn install(row: &Row) -> Result<Install> {
    Ok(Install {
        id: row.get("id")?,
        install_id: row.get("install_id")?,
        environment_id: row.get("environment_id")?,
        integration_id: row.get("integration_id")?,
        integration_key: row.get("unique_key")?,
        provider: row.get("provider")?,
        source: row.get("source")?,
        label: row.get("label")?,
        installed_by: row.get("installed_by")?,
        external_id: row.get("external_id")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
    })
}

impl Store {
    /// What is held in an environment, or for one integration, newest first, before a row.
    pub async fn installs(
        &self,
        environment_id: i64,
        integration_key: Option<&str>,
        before: Option<i64>,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<Install>> {
        let key = integration_key.unwrap_or_default();
        let before = before.unwrap_or(i64::MAX);
        let rows =
            self.db.fetch_all(LIST, params![environment_id, now, key, before, limit]).await?;
        rows.iter().map(install).collect()
    }

    /// One that is held, with its content.
    pub async fn install(
        &self,
        environment_id: i64,
        install_id: &str,
        now: Timestamp,
    ) -> Result<Option<(Install, Sealed)>> {
        let row = self.db.fetch_optional(ONE, params![environment_id, install_id, now]).await?;
        row.map(|row| Ok((install(&row)?, row.get("content_sealed")?))).transpose()
    }

    /// Row and environment of those the app is to be told of.
    pub async fn installs_to_tell(&self, now: Timestamp, limit: i64) -> Result<Vec<(i64, i64)>> {
        let rows = self.db.fetch_all(TO_TELL, params![now, limit]).await?;
        rows.iter().map(|row| Ok((row.get("id")?, row.get("environment_id")?))).collect()
    }

    /// Environment and key of integrations that take installations, over all environments.
    pub async fn install_takers(&self, limit: i64) -> Result<Vec<(i64, String)>> {
        let rows = self.db.fetch_all(TAKERS, params![limit]).await?;
        rows.iter().map(|row| Ok((row.get("environment_id")?, row.get("unique_key")?))).collect()
    }
}

impl Tx {
    /// Holds an installation; none when the same one is held already. One whose receiving began
    /// before `given_up` and never ended makes room.
    pub async fn insert_install(
        &mut self,
        new: &NewInstall,
        now: Timestamp,
        given_up: Timestamp,
    ) -> Result<Option<i64>> {
        let stale = params![new.integration_id, &new.identity, now, given_up];
        self.execute(DROP_STALE, stale).await?;
        let (hash, claim_until) = new.claim.clone().unzip();
        let values = params![
            &new.install_id,
            new.environment_id,
            new.integration_id,
            &new.identity,
            new.source,
            &new.label,
            &new.installed_by,
            &new.external_id,
            new.content.as_ref(),
            hash,
            claim_until,
            new.tell_at,
            now,
            new.expires_at,
        ];
        let row = self.fetch_optional(INSERT, values).await?;
        row.map(|row| row.get("id")).transpose()
    }

    /// Whether one with this identity is being received, rather than held.
    pub async fn install_is_underway(
        &mut self,
        integration_id: i64,
        identity: &str,
    ) -> Result<bool> {
        let row = self.fetch_optional(IS_UNDERWAY, params![integration_id, identity]).await?;
        Ok(row.is_some())
    }

    /// Ends one and says whether it was there: of any number of claims, one succeeds.
    pub async fn delete_install(&mut self, id: i64) -> Result<bool> {
        Ok(self.execute(DELETE, params![id]).await? > 0)
    }

    /// Ends the one with an identity, if it is there.
    pub async fn delete_install_of(&mut self, integration_id: i64, identity: &str) -> Result<bool> {
        Ok(self.execute(DELETE_IDENTITY, params![integration_id, identity]).await? > 0)
    }

    /// Those of an integration, counted no further than `most`.
    pub async fn install_count(
        &mut self,
        integration_id: i64,
        now: Timestamp,
        most: i64,
    ) -> Result<i64> {
        self.fetch_one(COUNT, params![integration_id, now, most]).await?.get("n")
    }

    /// Spends a claim token and says which installation it is for.
    pub async fn take_claim_token(
        &mut self,
        environment_id: i64,
        hash: &str,
        now: Timestamp,
    ) -> Result<Option<String>> {
        let row = self.fetch_optional(TAKE_CLAIM, params![environment_id, hash, now]).await?;
        row.map(|row| row.get("install_id")).transpose()
    }

    /// Notes that the app is being told, and answers with what of; none when it was told before.
    pub async fn set_install_told(&mut self, id: i64, now: Timestamp) -> Result<Option<Install>> {
        if self.execute(SET_TOLD, params![id, now]).await? == 0 {
            return Ok(None);
        }
        self.fetch_optional(BY_ROW, params![id]).await?.as_ref().map(install).transpose()
    }

    /// Notes whether an integration takes installations.
    pub async fn set_install_taker(&mut self, integration_id: i64, takes: bool) -> Result<()> {
        let sql = if takes { ADD_TAKER } else { REMOVE_TAKER };
        self.execute(sql, params![integration_id]).await.map(|_| ())
    }
}
