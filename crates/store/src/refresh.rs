//! The refresh lease: who may spend a connection's refresh token, and writing what came of it.
//!
//! A lease names the generation it was taken for. A result is written only while the row still has
//! that generation and that owner, so a late answer can never overwrite newer credentials.

use valetkey_base::{Sealed, Timestamp};

use crate::connections::{Connection, columns, connection};
use crate::db::{Tx, params};
use crate::error::Result;
use crate::notice::Notice;
use crate::open::Store;

const LEASE: &str = "UPDATE connections SET lease_owner = $4, lease_until = $5
     WHERE environment_id = $1 AND id = $2 AND generation = $3 AND deleted_at IS NULL
     AND (lease_until IS NULL OR lease_until <= $6) AND COALESCE(refresh_failed_at, 0) = $7";
const SUCCESS: &str = "UPDATE connections SET credentials_sealed = $5,
     config_sealed = COALESCE($6, config_sealed), generation = generation + 1, expires_at = $7,
     refresh_due_at = $8, lease_owner = NULL, lease_until = NULL, refresh_failures = 0,
     refresh_failed_at = NULL, refresh_retry_at = NULL, refresh_exhausted = $9,
     refresh_error = NULL, refreshed_at = $10, updated_at = $10,
     lookups_at = CASE WHEN $6 IS NULL THEN lookups_at END
     WHERE environment_id = $1 AND id = $2 AND generation = $3 AND lease_owner = $4
     AND deleted_at IS NULL";
const RELEASE: &str = "UPDATE connections SET lease_owner = NULL, lease_until = NULL
     WHERE environment_id = $1 AND id = $2 AND lease_owner = $3";
const RELEASE_ALL: &str = "UPDATE connections SET lease_owner = NULL, lease_until = NULL
     WHERE lease_until IS NOT NULL";
const FAILURE: &str = "UPDATE connections SET lease_owner = NULL, lease_until = NULL,
     refresh_failures = $5, refresh_failed_at = $6, refresh_retry_at = $7,
     refresh_exhausted = $8, refresh_error = $9
     WHERE environment_id = $1 AND id = $2 AND generation = $3 AND lease_owner = $4
     AND deleted_at IS NULL";
const DUE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM connections c JOIN integrations i ON i.id = c.integration_id
     WHERE c.refresh_due_at <= $1 AND c.deleted_at IS NULL AND i.deleted_at IS NULL
     AND NOT c.refresh_exhausted
     AND (c.refresh_retry_at IS NULL OR c.refresh_retry_at <= $1)
     AND (c.lease_until IS NULL OR c.lease_until <= $1)
     AND (c.last_fetched_at >= $2 OR c.refresh_due_at <= $3)
     ORDER BY c.refresh_due_at LIMIT $4"
);

/// New credentials to be written.
#[derive(Clone, Debug)]
pub struct RefreshSuccess {
    /// Sealed credentials.
    pub credentials: Sealed,
    /// Sealed configuration, when the reply changed it.
    pub config: Option<Sealed>,
    /// When the new access token dies.
    pub expires_at: Option<Timestamp>,
    /// When the background job should refresh again.
    pub refresh_due_at: Option<Timestamp>,
}

/// A failed refresh to be noted.
#[derive(Clone, Debug)]
pub struct RefreshFailure {
    /// Failures in a row that count towards exhaustion.
    pub failures: i64,
    /// Until when refreshes back off.
    pub retry_at: Option<Timestamp>,
    /// Whether only a new authorization or a forced refresh helps.
    pub exhausted: bool,
    /// JSON text that describes it.
    pub error: String,
}

impl Store {
    /// Connections to be refreshed ahead of their readers, the most urgent first: those due that
    /// were read since `active_since`, and those that fell due before `idle_due_before`.
    pub async fn connections_due(
        &self,
        now: Timestamp,
        active_since: Timestamp,
        idle_due_before: Timestamp,
        limit: i64,
    ) -> Result<Vec<Connection>> {
        let values = params![now, active_since, idle_due_before, limit];
        self.db.fetch_all(DUE, values).await?.iter().map(connection).collect()
    }
}

impl Tx {
    /// Takes the lease for one generation. False when another holds it or the row moved on: a
    /// refresh that failed since the row was read counts too, because its outcome is everybody's.
    pub async fn lease_refresh(
        &mut self,
        row: &Connection,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        let values = params![
            row.environment_id,
            row.id,
            row.generation,
            owner,
            until,
            now,
            row.refresh_failed_at.map_or(0, Timestamp::millis),
        ];
        Ok(self.execute(LEASE, values).await? > 0)
    }

    /// Writes new credentials under the lease. False when the row moved on meanwhile.
    pub async fn refresh_succeeded(
        &mut self,
        row: &Connection,
        owner: &str,
        success: &RefreshSuccess,
        now: Timestamp,
    ) -> Result<bool> {
        let values = params![
            row.environment_id,
            row.id,
            row.generation,
            owner,
            &success.credentials,
            success.config.as_ref(),
            success.expires_at,
            success.refresh_due_at,
            false,
            now,
        ];
        self.notify(Notice::Connection(row.id));
        Ok(self.execute(SUCCESS, values).await? > 0)
    }

    /// Gives the lease back without a result.
    pub async fn release_refresh(&mut self, row: &Connection, owner: &str) -> Result<()> {
        self.notify(Notice::Connection(row.id));
        self.execute(RELEASE, params![row.environment_id, row.id, owner]).await.map(|_| ())
    }

    /// Drops every lease. Only for a database that no other server uses: the leases of a killed
    /// process are in nobody's hands.
    pub async fn release_all_refreshes(&mut self) -> Result<u64> {
        self.execute(RELEASE_ALL, params![]).await
    }

    /// Notes a failure and gives the lease back. False when the row moved on meanwhile.
    pub async fn refresh_failed(
        &mut self,
        row: &Connection,
        owner: &str,
        failure: &RefreshFailure,
        now: Timestamp,
    ) -> Result<bool> {
        let values = params![
            row.environment_id,
            row.id,
            row.generation,
            owner,
            failure.failures,
            now,
            failure.retry_at,
            failure.exhausted,
            &failure.error,
        ];
        self.notify(Notice::Connection(row.id));
        Ok(self.execute(FAILURE, values).await? > 0)
    }
}
