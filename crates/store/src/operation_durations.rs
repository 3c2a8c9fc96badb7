//! How long requests to others took, per hour and per day: refreshes, attempts to deliver a webhook,
//! and calls through the proxy. Counted by the job of [`crate::operation_counts`] on a fixed scale,
//! from which any share of them can be told without keeping each.

use std::time::Duration;

use serde::Serialize;
use valetkey_base::Timestamp;

use crate::db::{Row, Sql, Tx, json_text, params};
use crate::error::Result;
use crate::open::Store;

/// Steps of the scale. Step 0 ends at 1 ms, each later one at twice the end of the one before, and
/// the last has no end.
pub const DURATION_STEPS: usize = 19;

/// The step of the scale that a duration falls into.
#[must_use]
pub fn duration_step(took: Duration) -> usize {
    let ms = took.as_millis().max(1);
    // The smallest power of two that is not less.
    (ms.next_power_of_two().trailing_zeros() as usize).min(DURATION_STEPS - 1)
}

/// Requests of one hour that are alike and took about as long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DurationCount {
    /// The environment.
    pub environment_id: i64,
    /// When the hour began.
    pub hour: Timestamp,
    /// See [`crate::Operation`].
    pub kind: String,
    /// Key of the integration; empty without one.
    pub integration_key: String,
    /// The step of the scale, see [`duration_step`].
    pub step: i64,
    /// How many.
    pub times: i64,
}

/// Requests of one day that are alike and took about as long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayDuration {
    /// Days since 1970, in UTC.
    pub day: i64,
    /// See [`crate::Operation`].
    pub kind: String,
    /// The step of the scale, see [`duration_step`].
    pub step: usize,
    /// How many.
    pub times: i64,
}

/// The scale is written out because the engines have no logarithm in common.
const COUNT: &str = "SELECT environment_id, created_at - created_at % 3600000 AS hour, kind,
     COALESCE(integration_key, '') AS integration_key,
     CAST(CASE WHEN ended_at - created_at <= 1 THEN 0 WHEN ended_at - created_at <= 2 THEN 1
     WHEN ended_at - created_at <= 4 THEN 2 WHEN ended_at - created_at <= 8 THEN 3
     WHEN ended_at - created_at <= 16 THEN 4 WHEN ended_at - created_at <= 32 THEN 5
     WHEN ended_at - created_at <= 64 THEN 6 WHEN ended_at - created_at <= 128 THEN 7
     WHEN ended_at - created_at <= 256 THEN 8 WHEN ended_at - created_at <= 512 THEN 9
     WHEN ended_at - created_at <= 1024 THEN 10 WHEN ended_at - created_at <= 2048 THEN 11
     WHEN ended_at - created_at <= 4096 THEN 12 WHEN ended_at - created_at <= 8192 THEN 13
     WHEN ended_at - created_at <= 16384 THEN 14 WHEN ended_at - created_at <= 32768 THEN 15
     WHEN ended_at - created_at <= 65536 THEN 16 WHEN ended_at - created_at <= 131072 THEN 17
     ELSE 18 END AS bigint) AS step, COUNT(*) AS times
     FROM operations WHERE created_at >= $1 AND created_at < $2 AND ended_at IS NOT NULL
     AND (kind IN ('webhook', 'proxy') OR kind = 'auth' AND action = 'refresh_token')
     GROUP BY 1, 2, 3, 4, 5";
const FORGET: &str = "DELETE FROM operation_durations WHERE hour >= $1 AND hour < $2";
const INSERT: Sql = Sql {
    sqlite: "INSERT INTO operation_durations (environment_id, hour, kind, integration_key, step,
     times) SELECT value ->> 'environment_id', value ->> 'hour', value ->> 'kind',
     value ->> 'integration_key', value ->> 'step', value ->> 'times' FROM json_each($1) WHERE true
     ON CONFLICT (environment_id, hour, kind, integration_key, step)
     DO UPDATE SET times = excluded.times",
    postgres: "INSERT INTO operation_durations (environment_id, hour, kind, integration_key, step,
     times) SELECT environment_id, hour, kind, integration_key, step, times
     FROM jsonb_to_recordset($1::jsonb) AS r(environment_id bigint, hour bigint, kind text,
     integration_key text, step bigint, times bigint)
     ON CONFLICT (environment_id, hour, kind, integration_key, step)
     DO UPDATE SET times = excluded.times",
};
const FORGET_DAYS: &str =
    "DELETE FROM operation_duration_days WHERE day >= $1 / 86400000 AND day <= $2 / 86400000";
/// Whole days, whatever the times within them.
const SUM_DAYS: &str = "INSERT INTO operation_duration_days (environment_id, day, kind,
     integration_key, step, times)
     SELECT environment_id, hour / 86400000, kind, integration_key, step, SUM(times)
     FROM operation_durations
     WHERE hour >= $1 / 86400000 * 86400000 AND hour < ($2 / 86400000 + 1) * 86400000
     GROUP BY 1, 2, 3, 4, 5";
const DAYS: Sql = Sql {
    sqlite: "SELECT day, kind, step, SUM(times) AS times FROM operation_duration_days
     WHERE environment_id = $1 AND day >= $2 / 86400000
     AND ($3 IS NULL OR integration_key = $3) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    // The sum of large integers is a decimal number there.
    postgres: "SELECT day, kind, step, SUM(times)::bigint AS times FROM operation_duration_days
     WHERE environment_id = $1 AND day >= $2 / 86400000
     AND ($3 IS NULL OR integration_key = $3) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
};

fn duration_count(row: &Row) -> Result<DurationCount> {
    Ok(DurationCount {
        environment_id: row.get("environment_id")?,
        hour: row.get("hour")?,
        kind: row.get("kind")?,
        integration_key: row.get("integration_key")?,
        step: row.get("step")?,
        times: row.get("times")?,
    })
}

impl Store {
    /// Counts how long requests of every environment took that began in a time of whole hours.
    /// Reads them all.
    pub async fn count_durations(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<DurationCount>> {
        self.db.fetch_all(COUNT, params![from, to]).await?.iter().map(duration_count).collect()
    }

    /// How long requests of an environment took per day, from the day of an instant on, as
    /// [`Tx::sum_duration_days`] left them.
    pub async fn durations_per_day(
        &self,
        environment_id: i64,
        since: Timestamp,
        integration_key: Option<&str>,
    ) -> Result<Vec<DayDuration>> {
        let rows = self.db.fetch_all(DAYS, params![environment_id, since, integration_key]).await?;
        rows.iter()
            .map(|row| {
                Ok(DayDuration {
                    day: row.get("day")?,
                    kind: row.get("kind")?,
                    step: usize::try_from(row.get::<i64>("step")?).unwrap_or(0),
                    times: row.get("times")?,
                })
            })
            .collect()
    }
}

impl Tx {
    /// Writes durations over those of the hours in a time.
    pub async fn replace_durations(
        &mut self,
        from: Timestamp,
        to: Timestamp,
        counts: &[DurationCount],
    ) -> Result<()> {
        self.execute(FORGET, params![from, to]).await?;
        self.execute(INSERT, params![json_text(&counts)?]).await.map(|_| ())
    }

    /// Sums the hours of every day from one instant's to another's.
    pub async fn sum_duration_days(&mut self, from: Timestamp, to: Timestamp) -> Result<()> {
        self.execute(FORGET_DAYS, params![from, to]).await?;
        self.execute(SUM_DAYS, params![from, to]).await.map(|_| ())
    }
}
