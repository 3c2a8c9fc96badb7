//! Deliveries of events to URLs: claimed by lease, retried, recorded, replayed.

use valetkey_base::Timestamp;

use crate::db::{Row, Sql, Tx, json_text, params};
use crate::error::Result;
use crate::notice::Notice;
use crate::open::Store;

/// A claimed delivery, ready to be sent.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its id.
    pub id: String,
    /// `webhook-id` on the wire: the same for every attempt and every destination.
    pub event_id: String,
    /// The environment.
    pub environment_id: i64,
    /// The connection the event is about.
    pub connection_row: Option<i64>,
    /// Where to.
    pub url: String,
    /// What shares a breaker and a limit with it.
    pub destination: String,
    /// The exact body.
    pub payload: String,
    /// Headers beside ours, a JSON object; of relayed events.
    pub headers: Option<String>,
    /// `auth.creation`, …
    pub kind: String,
    /// Attempts made before this one.
    pub attempts: i64,
    /// When the event happened.
    pub created_at: Timestamp,
}

/// A delivery as a list shows it.
#[derive(Clone, Debug)]
pub struct DeliveryRow {
    /// Its id.
    pub id: String,
    /// The event.
    pub event_id: String,
    /// Where to.
    pub url: String,
    /// `pending`, `delivered` or `dead`.
    pub state: String,
    /// Attempts made.
    pub attempts: i64,
    /// When the next one is due.
    pub next_attempt_at: Timestamp,
    /// The status the last attempt got.
    pub last_status: Option<i64>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// `auth.creation`, …
    pub kind: String,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// What one attempt got.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration_ms: i64,
    /// The answer's status, if there was an answer.
    pub status: Option<i64>,
    /// Why it failed.
    pub error: Option<String>,
    /// The beginning of the answer's body.
    pub response_excerpt: Option<String>,
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// Done.
    Delivered,
    /// To be tried again.
    RetryAt(Timestamp),
    /// Given up; kept, and can be replayed.
    Dead,
}

/// How a destination has been doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Failures in a row.
    pub failures: i64,
    /// Until when nothing is sent; zero when it is closed.
    pub open_until: Timestamp,
}

const CLAIM: Sql = Sql {
    sqlite: "UPDATE deliveries SET lease_until = $2 WHERE id IN (
         SELECT d.id FROM deliveries d WHERE d.state = 'pending' AND d.next_attempt_at <= $1
         AND (d.lease_until IS NULL OR d.lease_until <= $1)
         AND d.destination NOT IN (SELECT value FROM json_each($4))
         AND NOT EXISTS (SELECT 1 FROM breakers b
             WHERE b.destination = d.destination AND b.open_until > $1)
         AND (d.lane IS NULL OR NOT EXISTS (SELECT 1 FROM deliveries p
             WHERE p.lane = d.lane AND p.state = 'pending' AND p.lane_number < d.lane_number))
         ORDER BY d.next_attempt_at, d.id LIMIT $3)
     RETURNING id, event_id, environment_id, url, destination, attempts, created_at,
     (SELECT e.connection_row FROM events e WHERE e.id = event_id) AS connection_row,
     (SELECT e.payload FROM events e WHERE e.id = event_id) AS payload,
     (SELECT e.headers FROM events e WHERE e.id = event_id) AS headers,
     (SELECT e.kind FROM events e WHERE e.id = event_id) AS kind",
    // The list is materialised: a locking query that the planner ran again would claim more rows.
    postgres: "WITH due AS MATERIALIZED (
         SELECT d.id FROM deliveries d WHERE d.state = 'pending' AND d.next_attempt_at <= $1
         AND (d.lease_until IS NULL OR d.lease_until <= $1)
         AND d.destination NOT IN (SELECT jsonb_array_elements_text($4::jsonb))
         AND NOT EXISTS (SELECT 1 FROM breakers b
             WHERE b.destination = d.destination AND b.open_until > $1)
         AND (d.lane IS NULL OR NOT EXISTS (SELECT 1 FROM deliveries p
             WHERE p.lane = d.lane AND p.state = 'pending' AND p.lane_number < d.lane_number))
         ORDER BY d.next_attempt_at, d.id LIMIT $3 FOR UPDATE OF d SKIP LOCKED)
     UPDATE deliveries d SET lease_until = $2 FROM due, events e
     WHERE d.id = due.id AND e.id = d.event_id
     RETURNING d.id, d.event_id, d.environment_id, d.url, d.destination, d.attempts, d.created_at,
     e.connection_row, e.payload, e.headers, e.kind",
};
const NEXT_DUE: &str = "SELECT MIN(due) AS due FROM (
     SELECT MIN(next_attempt_at) AS due FROM deliveries
     WHERE state = 'pending' AND next_attempt_at > $1
     UNION ALL SELECT MIN(open_until) FROM breakers WHERE open_until > $1) AS times";
const RELEASE: &str =
    "UPDATE deliveries SET lease_until = NULL WHERE id = $1 AND state = 'pending'";
const SETTLE: &str = "UPDATE deliveries SET state = $2, attempts = attempts + 1,
     next_attempt_at = $3, lease_until = NULL, last_status = COALESCE($4, last_status),
     last_error = $5, ended_at = $6 WHERE id = $1 AND state = 'pending'";
const INSERT_ATTEMPT: &str = "INSERT INTO delivery_attempts (delivery_id, started_at, duration_ms,
     status, error, response_excerpt) VALUES ($1, $2, $3, $4, $5, $6)";
const REPLAY: &str = "UPDATE deliveries SET state = 'pending', attempts = 0, next_attempt_at = $3,
     lease_until = NULL, ended_at = NULL WHERE environment_id = $1 AND id = $2 AND state <> 'pending'";
const LIST: &str = "SELECT d.id, d.event_id, d.url, d.state, d.attempts, d.next_attempt_at,
     d.last_status, d.last_error, d.created_at, e.kind
     FROM deliveries d JOIN events e ON e.id = d.event_id
     WHERE d.environment_id = $1 AND ($2 IS NULL OR d.state = $2)
     ORDER BY d.created_at DESC, d.id DESC LIMIT $3";
const OF_CONNECTION: &str = "SELECT d.id, d.event_id, d.url, d.state, d.attempts,
     d.next_attempt_at, d.last_status, d.last_error, d.created_at, e.kind
     FROM events e JOIN deliveries d ON d.event_id = e.id
     WHERE e.environment_id = $1 AND e.connection_row = $2
     ORDER BY d.created_at DESC, d.id DESC LIMIT $3";
const BY_ID: &str = "SELECT d.id, d.event_id, d.url, d.state, d.attempts, d.next_attempt_at,
     d.last_status, d.last_error, d.created_at, e.kind, e.payload
     FROM deliveries d JOIN events e ON e.id = d.event_id
     WHERE d.environment_id = $1 AND d.id = $2";
const ATTEMPTS: &str = "SELECT started_at, duration_ms, status, error, response_excerpt
     FROM delivery_attempts WHERE delivery_id = $1 ORDER BY id";
const BREAKER: &str = "SELECT failures, open_until FROM breakers WHERE destination = $1";
const LOCK_BREAKER: Sql = Sql {
    sqlite: BREAKER,
    postgres: "SELECT failures, open_until FROM breakers WHERE destination = $1 FOR UPDATE",
};
const MAKE_BREAKER: &str = "INSERT INTO breakers (destination, failures, open_until)
     VALUES ($1, 0, 0) ON CONFLICT (destination) DO NOTHING";
const SET_BREAKER: &str = "INSERT INTO breakers (destination, failures, open_until)
     VALUES ($1, $2, $3) ON CONFLICT (destination)
     DO UPDATE SET failures = excluded.failures, open_until = excluded.open_until";
const CLEAR_BREAKER: &str = "DELETE FROM breakers WHERE destination = $1";

fn delivery(row: &Row) -> Result<Delivery> {
    Ok(Delivery {
        id: row.get("id")?,
        event_id: row.get("event_id")?,
        environment_id: row.get("environment_id")?,
        connection_row: row.get("connection_row")?,
        url: row.get("url")?,
        destination: row.get("destination")?,
        payload: row.get("payload")?,
        headers: row.get("headers")?,
        kind: row.get("kind")?,
        attempts: row.get("attempts")?,
        created_at: row.get("created_at")?,
    })
}

fn delivery_row(row: &Row) -> Result<DeliveryRow> {
    Ok(DeliveryRow {
        id: row.get("id")?,
        event_id: row.get("event_id")?,
        url: row.get("url")?,
        state: row.get("state")?,
        attempts: row.get("attempts")?,
        next_attempt_at: row.get("next_attempt_at")?,
        last_status: row.get("last_status")?,
        last_error: row.get("last_error")?,
        kind: row.get("kind")?,
        created_at: row.get("created_at")?,
    })
}

fn attempt(row: &Row) -> Result<Attempt> {
    Ok(Attempt {
        started_at: row.get("started_at")?,
        duration_ms: row.get("duration_ms")?,
        status: row.get("status")?,
        error: row.get("error")?,
        response_excerpt: row.get("response_excerpt")?,
    })
}

fn breaker(row: &Row) -> Result<Breaker> {
    Ok(Breaker { failures: row.get("failures")?, open_until: row.get("open_until")? })
}

impl Store {
    /// When, after now, a delivery falls due or a destination's rest ends. What is due already, and
    /// not in somebody's hands, is claimed and not waited for.
    pub async fn next_delivery_due(&self, now: Timestamp) -> Result<Option<Timestamp>> {
        let row = self.db.fetch_optional(NEXT_DUE, params![now]).await?;
        row.map_or(Ok(None), |row| row.get("due"))
    }

    /// Deliveries of an environment, newest first.
    pub async fn deliveries(
        &self,
        environment_id: i64,
        state: Option<&str>,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>> {
        let rows = self.db.fetch_all(LIST, params![environment_id, state, limit]).await?;
        rows.iter().map(delivery_row).collect()
    }

    /// Deliveries of the events about a connection, newest first.
    pub async fn connection_deliveries(
        &self,
        environment_id: i64,
        connection_row: i64,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>> {
        let values = params![environment_id, connection_row, limit];
        self.db.fetch_all(OF_CONNECTION, values).await?.iter().map(delivery_row).collect()
    }

    /// A delivery, and the body it carries.
    pub async fn delivery(
        &self,
        environment_id: i64,
        id: &str,
    ) -> Result<Option<(DeliveryRow, String)>> {
        let row = self.db.fetch_optional(BY_ID, params![environment_id, id]).await?;
        row.map(|row| Ok((delivery_row(&row)?, row.get("payload")?))).transpose()
    }

    /// Attempts of a delivery, oldest first.
    pub async fn delivery_attempts(&self, delivery_id: &str) -> Result<Vec<Attempt>> {
        self.db.fetch_all(ATTEMPTS, params![delivery_id]).await?.iter().map(attempt).collect()
    }

    /// How a destination has been doing.
    pub async fn breaker(&self, destination: &str) -> Result<Breaker> {
        let values = params![destination];
        let row = self.db.fetch_optional(BREAKER, values).await?;
        row.as_ref().map_or(Ok(Breaker::default()), breaker)
    }
}

impl Tx {
    /// Takes due deliveries, the most overdue first, so that no other process sends them before
    /// `lease_until`. Passes over destinations that rest, and the `busy` ones.
    pub async fn claim_deliveries(
        &mut self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: i64,
        busy: &[String],
    ) -> Result<Vec<Delivery>> {
        let values = params![now, lease_until, limit, json_text(&busy)?];
        let rows = self.fetch_all(CLAIM, values).await?;
        let mut claimed: Vec<Delivery> = rows.iter().map(delivery).collect::<Result<_>>()?;
        claimed.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        Ok(claimed)
    }

    /// Gives a claimed delivery back, untried.
    pub async fn release_delivery(&mut self, id: &str) -> Result<()> {
        self.execute(RELEASE, params![id]).await.map(|_| ())
    }

    /// Records an attempt and what follows from it. A delivery that somebody else ended meanwhile
    /// stays ended.
    pub async fn settle_delivery(
        &mut self,
        id: &str,
        attempt: &Attempt,
        outcome: DeliveryOutcome,
        now: Timestamp,
    ) -> Result<()> {
        let values = params![
            id,
            attempt.started_at,
            attempt.duration_ms,
            attempt.status,
            &attempt.error,
            &attempt.response_excerpt,
        ];
        self.execute(INSERT_ATTEMPT, values).await?;
        let (state, next, ended) = match outcome {
            DeliveryOutcome::Delivered => ("delivered", now, Some(now)),
            DeliveryOutcome::Dead => ("dead", now, Some(now)),
            DeliveryOutcome::RetryAt(at) => ("pending", at, None),
        };
        let values = params![id, state, next, attempt.status, &attempt.error, ended];
        self.execute(SETTLE, values).await.map(|_| ())
    }

    /// Sends a finished delivery again, from the beginning of its schedule.
    pub async fn replay_delivery(
        &mut self,
        environment_id: i64,
        id: &str,
        now: Timestamp,
    ) -> Result<bool> {
        self.notify(Notice::Events);
        Ok(self.execute(REPLAY, params![environment_id, id, now]).await? > 0)
    }

    /// How a destination has been doing, held until commit. A healthy one has no row to hold.
    pub async fn lock_breaker(&mut self, destination: &str) -> Result<Breaker> {
        let row = self.fetch_optional(LOCK_BREAKER, params![destination]).await?;
        row.as_ref().map_or(Ok(Breaker::default()), breaker)
    }

    /// The same for a failure to be counted: a healthy destination gets its row, so that of several
    /// first failures none is lost. [`Tx::set_breaker`] must follow.
    pub async fn hold_breaker(&mut self, destination: &str) -> Result<Breaker> {
        self.execute(MAKE_BREAKER, params![destination]).await?;
        self.lock_breaker(destination).await
    }

    /// Notes how a destination is doing; a healthy one needs no row.
    pub async fn set_breaker(&mut self, destination: &str, breaker: Breaker) -> Result<()> {
        if breaker == Breaker::default() {
            return self.execute(CLEAR_BREAKER, params![destination]).await.map(|_| ());
        }
        let values = params![destination, breaker.failures, breaker.open_until];
        self.execute(SET_BREAKER, values).await.map(|_| ())
    }
}
