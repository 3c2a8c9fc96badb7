//! The outbox: events written in the transaction of the change they tell of.

use valetkey_base::Timestamp;

use crate::db::{Row, Tx, params};
use crate::error::Result;
use crate::notice::Notice;
use crate::open::Store;

/// Something that happened, as the app is told.
#[derive(Clone, Debug)]
pub struct Event {
    /// `webhook-id` on the wire.
    pub id: String,
    /// The environment.
    pub environment_id: i64,
    /// The connection it is about.
    pub connection_row: Option<i64>,
    /// `auth.creation`, …
    pub kind: String,
    /// The exact body.
    pub payload: String,
    /// When it happened.
    pub created_at: Timestamp,
}

/// An event to be stored, with where it goes; nowhere is fine, it is still in the feed.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The event.
    pub event: Event,
    /// One for each URL.
    pub deliveries: Vec<NewDelivery>,
}

/// A delivery to be stored, due at once.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Its id.
    pub id: String,
    /// Where to.
    pub url: String,
    /// What shares a breaker and a limit with it: the URL's origin.
    pub destination: String,
}

const INSERT: &str = "INSERT INTO events (id, environment_id, connection_row, kind, payload,
     created_at) VALUES ($1, $2, $3, $4, $5, $6)";
const INSERT_DELIVERY: &str = "INSERT INTO deliveries (id, event_id, environment_id, url,
     destination, state, attempts, next_attempt_at, created_at)
     VALUES ($1, $2, $3, $4, $5, 'pending', 0, $6, $6)";
const FEED: &str = "SELECT id, environment_id, connection_row, kind, payload, created_at
     FROM events WHERE environment_id = $1 AND ($2 IS NULL OR id > $2) ORDER BY id LIMIT $3";

fn event(row: &Row) -> Result<Event> {
    Ok(Event {
        id: row.get("id")?,
        environment_id: row.get("environment_id")?,
        connection_row: row.get("connection_row")?,
        kind: row.get("kind")?,
        payload: row.get("payload")?,
        created_at: row.get("created_at")?,
    })
}

impl Store {
    /// Events of an environment after one of them, oldest first. Ids sort by time.
    pub async fn events(
        &self,
        environment_id: i64,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Event>> {
        let rows = self.db.fetch_all(FEED, params![environment_id, after, limit]).await?;
        rows.iter().map(event).collect()
    }
}

impl Tx {
    /// Stores an event and its deliveries, due at once.
    pub async fn insert_event(&mut self, new: &NewEvent) -> Result<()> {
        let event = &new.event;
        let values = params![
            &event.id,
            event.environment_id,
            event.connection_row,
            &event.kind,
            &event.payload,
            event.created_at,
        ];
        self.execute(INSERT, values).await?;
        for delivery in &new.deliveries {
            let values = params![
                &delivery.id,
                &event.id,
                event.environment_id,
                &delivery.url,
                &delivery.destination,
                event.created_at,
            ];
            self.execute(INSERT_DELIVERY, values).await?;
        }
        self.notify(Notice::Events);
        Ok(())
    }
}
