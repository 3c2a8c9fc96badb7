//! What needs somebody: connections that fail, deliveries given up, destinations that rest.

use valetkey_base::Timestamp;

use crate::db::{Row, params};
use crate::error::Result;
use crate::open::Store;

/// A connection whose last refresh failed.
#[derive(Clone, Debug)]
pub struct FailingRow {
    /// The integration's key.
    pub integration_key: String,
    /// The id clients use.
    pub connection_id: String,
    /// JSON text that describes the failure.
    pub error: String,
    /// When it last failed.
    pub failed_at: Option<Timestamp>,
}

/// A delivery that was given up.
#[derive(Clone, Debug)]
pub struct DeadDelivery {
    /// Its id.
    pub id: String,
    /// Scheme, host and port.
    pub destination: String,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

const FAILING: &str = "SELECT i.unique_key, c.connection_id, c.refresh_error, c.refresh_failed_at
     FROM connections c JOIN integrations i ON i.id = c.integration_id
     WHERE c.environment_id = $1 AND c.deleted_at IS NULL AND c.refresh_error IS NOT NULL
     ORDER BY c.refresh_failed_at DESC LIMIT $2";
const DEAD: &str = "SELECT id, destination, last_error, created_at FROM deliveries
     WHERE environment_id = $1 AND state = 'dead' AND created_at >= $2
     ORDER BY created_at DESC LIMIT $3";
const RESTING: &str = "SELECT b.destination, b.failures, b.open_until FROM breakers b
     WHERE b.open_until > $2 AND EXISTS (SELECT 1 FROM deliveries d
         WHERE d.environment_id = $1 AND d.state = 'pending' AND d.destination = b.destination)
     ORDER BY b.destination LIMIT 20";

fn failing(row: &Row) -> Result<FailingRow> {
    Ok(FailingRow {
        integration_key: row.get("unique_key")?,
        connection_id: row.get("connection_id")?,
        error: row.get("refresh_error")?,
        failed_at: row.get("refresh_failed_at")?,
    })
}

fn dead(row: &Row) -> Result<DeadDelivery> {
    Ok(DeadDelivery {
        id: row.get("id")?,
        destination: row.get("destination")?,
        error: row.get("last_error")?,
        created_at: row.get("created_at")?,
    })
}

impl Store {
    /// Connections whose last refresh failed, the latest first.
    pub async fn failing_connections(
        &self,
        environment_id: i64,
        limit: i64,
    ) -> Result<Vec<FailingRow>> {
        let values = params![environment_id, limit];
        self.db.fetch_all(FAILING, values).await?.iter().map(failing).collect()
    }

    /// Deliveries made since then that were given up, the latest first.
    pub async fn dead_deliveries(
        &self,
        environment_id: i64,
        since: Timestamp,
        limit: i64,
    ) -> Result<Vec<DeadDelivery>> {
        let values = params![environment_id, since, limit];
        self.db.fetch_all(DEAD, values).await?.iter().map(dead).collect()
    }

    /// Destinations that rest and for which deliveries of the environment wait: name, failures in a
    /// row, until when.
    pub async fn resting_destinations(
        &self,
        environment_id: i64,
        now: Timestamp,
    ) -> Result<Vec<(String, i64, Timestamp)>> {
        let rows = self.db.fetch_all(RESTING, params![environment_id, now]).await?;
        rows.iter()
            .map(|row| Ok((row.get("destination")?, row.get("failures")?, row.get("open_until")?)))
            .collect()
    }
}
