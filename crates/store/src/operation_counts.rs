//! Operations per hour and per day: what charts are drawn from. A job counts the hours that may
//! still change, writes them over what it wrote before, and sums them up for their days, so that
//! nothing on the way of a request counts, and a chart reads some hundred rows per day however many
//! operations there were.

use serde::Serialize;
use valetkey_base::Timestamp;

use crate::db::{Row, Sql, Tx, json_text, params};
use crate::error::Result;
use crate::open::Store;

/// An hour, in milliseconds.
pub const HOUR_MS: i64 = 3_600_000;

/// Operations of one hour that are alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OperationCount {
    /// The environment.
    pub environment_id: i64,
    /// When the hour began.
    pub hour: Timestamp,
    /// See [`crate::Operation`].
    pub kind: String,
    /// See [`crate::Operation`].
    pub action: String,
    /// See [`crate::Operation`].
    pub state: String,
    /// Key of the integration; empty without one.
    pub integration_key: String,
    /// How many.
    pub times: i64,
}

/// Operations of one day that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayCount {
    /// Days since 1970, in UTC.
    pub day: i64,
    /// See [`crate::Operation`].
    pub kind: String,
    /// See [`crate::Operation`].
    pub action: String,
    /// See [`crate::Operation`].
    pub state: String,
    /// How many.
    pub times: i64,
}

const COUNT: &str =
    "SELECT environment_id, created_at - created_at % 3600000 AS hour, kind, action,
     state, COALESCE(integration_key, '') AS integration_key, COUNT(*) AS times FROM operations
     WHERE created_at >= $1 AND created_at < $2 GROUP BY 1, 2, 3, 4, 5, 6";
const COUNTED_TO: &str = "SELECT MAX(hour) AS hour FROM operation_counts";
const FIRST: &str = "SELECT MIN(created_at) AS at FROM operations";
const FORGET: &str = "DELETE FROM operation_counts WHERE hour >= $1 AND hour < $2";
const INSERT: Sql = Sql {
    sqlite: "INSERT INTO operation_counts (environment_id, hour, kind, action, state,
     integration_key, times) SELECT value ->> 'environment_id', value ->> 'hour', value ->> 'kind',
     value ->> 'action', value ->> 'state', value ->> 'integration_key', value ->> 'times'
     FROM json_each($1) WHERE true
     ON CONFLICT (environment_id, hour, kind, action, state, integration_key)
     DO UPDATE SET times = excluded.times",
    postgres: "INSERT INTO operation_counts (environment_id, hour, kind, action, state,
     integration_key, times) SELECT environment_id, hour, kind, action, state, integration_key,
     times FROM jsonb_to_recordset($1::jsonb) AS r(environment_id bigint, hour bigint, kind text,
     action text, state text, integration_key text, times bigint)
     ON CONFLICT (environment_id, hour, kind, action, state, integration_key)
     DO UPDATE SET times = excluded.times",
};
const FORGET_DAYS: &str =
    "DELETE FROM operation_days WHERE day >= $1 / 86400000 AND day <= $2 / 86400000";
/// Whole days, whatever the times within them. The sum of large integers is a decimal number on
/// PostgreSQL, which becomes an integer in its column.
const SUM_DAYS: &str = "INSERT INTO operation_days (environment_id, day, kind, action, state,
     integration_key, times)
     SELECT environment_id, hour / 86400000, kind, action, state, integration_key, SUM(times)
     FROM operation_counts
     WHERE hour >= $1 / 86400000 * 86400000 AND hour < ($2 / 86400000 + 1) * 86400000
     GROUP BY 1, 2, 3, 4, 5, 6";
const DAYS: Sql = Sql {
    sqlite: "SELECT day, kind, action, state, SUM(times) AS times
     FROM operation_days WHERE environment_id = $1 AND day >= $2 / 86400000
     AND ($3 IS NULL OR integration_key = $3) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
    // The sum of large integers is a decimal number there.
    postgres: "SELECT day, kind, action, state, SUM(times)::bigint AS times
     FROM operation_days WHERE environment_id = $1 AND day >= $2 / 86400000
     AND ($3 IS NULL OR integration_key = $3) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
};

fn operation_count(row: &Row) -> Result<OperationCount> {
    Ok(OperationCount {
        environment_id: row.get("environment_id")?,
        hour: row.get("hour")?,
        kind: row.get("kind")?,
        action: row.get("action")?,
        state: row.get("state")?,
        integration_key: row.get("integration_key")?,
        times: row.get("times")?,
    })
}

impl Store {
    /// Counts operations of every environment that began in a time of whole hours. Reads them all.
    pub async fn count_operations(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<OperationCount>> {
        self.db.fetch_all(COUNT, params![from, to]).await?.iter().map(operation_count).collect()
    }

    /// The newest hour that was counted; when nothing was, the instant of the first operation.
    pub async fn operations_counted_to(&self) -> Result<Option<Timestamp>> {
        for (sql, column) in [(COUNTED_TO, "hour"), (FIRST, "at")] {
            let row = self.db.fetch_optional(sql, params![]).await?;
            if let Some(at) = row.map_or(Ok(None), |row| row.get(column))? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// Operations per day of an environment, from the day of an instant on, as
    /// [`Tx::sum_operation_days`] left them.
    pub async fn operations_per_day(
        &self,
        environment_id: i64,
        since: Timestamp,
        integration_key: Option<&str>,
    ) -> Result<Vec<DayCount>> {
        let rows = self.db.fetch_all(DAYS, params![environment_id, since, integration_key]).await?;
        rows.iter()
            .map(|row| {
                Ok(DayCount {
                    day: row.get("day")?,
                    kind: row.get("kind")?,
                    action: row.get("action")?,
                    state: row.get("state")?,
                    times: row.get("times")?,
                })
            })
            .collect()
    }
}

impl Tx {
    /// Writes counts over those of the hours in a time.
    pub async fn replace_operation_counts(
        &mut self,
        from: Timestamp,
        to: Timestamp,
        counts: &[OperationCount],
    ) -> Result<()> {
        self.execute(FORGET, params![from, to]).await?;
        self.execute(INSERT, params![json_text(&counts)?]).await.map(|_| ())
    }

    /// Sums the hours of every day from one instant's to another's.
    pub async fn sum_operation_days(&mut self, from: Timestamp, to: Timestamp) -> Result<()> {
        self.execute(FORGET_DAYS, params![from, to]).await?;
        self.execute(SUM_DAYS, params![from, to]).await.map(|_| ())
    }
}
