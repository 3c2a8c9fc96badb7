//! What happened: operations and their messages, the feed of events, and deliveries that can be
//! sent again.

pub use valetkey_store::{Attempt, DeliveryRow, Event, Operation, Refresh};
use valetkey_store::{Connection, MessageRow};

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::sessions::Session;

/// Most messages of one operation that are shown.
const MESSAGES_SHOWN_MAX: i64 = 1000;

/// One message of an operation.
#[derive(Clone, Debug)]
pub struct Message {
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// A sentence for people.
    pub text: String,
    /// JSON text with what belongs to it.
    pub detail: Option<String>,
    /// When.
    pub at: valetkey_base::Timestamp,
}

impl Engine {
    /// Operations of an environment, newest first.
    pub async fn operations(
        &self,
        environment_id: i64,
        kind: Option<&str>,
        connection_id: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Operation>> {
        Ok(self.store.operations(environment_id, kind, connection_id, limit).await?)
    }

    /// The last refreshes of a connection, newest first.
    pub async fn refreshes(&self, connection: &Connection, limit: i64) -> Result<Vec<Refresh>> {
        let (key, id) = (&connection.integration_key, &connection.connection_id);
        Ok(self.store.refreshes(connection.environment_id, key, id, limit).await?)
    }

    /// An operation and its messages, oldest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the environment has no such operation.
    pub async fn operation(
        &self,
        environment_id: i64,
        id: &str,
    ) -> Result<(Operation, Vec<Message>)> {
        let operation = self.store.operation(environment_id, id).await?;
        let operation = operation.ok_or(Error::NotFound("operation"))?;
        let rows = self.store.messages(&operation.id, MESSAGES_SHOWN_MAX).await?;
        let messages = rows
            .into_iter()
            .map(|(level, text, detail, at)| Message { level, text, detail, at })
            .collect();
        Ok((operation, messages))
    }

    /// Adds what a browser tells of a session to the session's operation.
    pub fn note_session_event(&self, session: &Session, text: String, detail: Option<String>) {
        self.recorder.message(MessageRow {
            operation_id: session.row.operation_id.clone(),
            level: "info",
            message: text,
            detail,
            created_at: self.clock.now(),
        });
    }

    /// Events of an environment after one of them, oldest first.
    pub async fn events(
        &self,
        environment_id: i64,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Event>> {
        Ok(self.store.events(environment_id, after, limit).await?)
    }

    /// Deliveries of an environment, newest first.
    pub async fn deliveries(
        &self,
        environment_id: i64,
        state: Option<&str>,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>> {
        Ok(self.store.deliveries(environment_id, state, limit).await?)
    }

    /// Deliveries of the events about a connection, newest first.
    pub async fn connection_deliveries(
        &self,
        connection: &Connection,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>> {
        let (environment_id, row) = (connection.environment_id, connection.id);
        Ok(self.store.connection_deliveries(environment_id, row, limit).await?)
    }

    /// Attempts of a delivery, oldest first. The caller has found the delivery in its environment.
    pub async fn delivery_attempts(&self, delivery: &DeliveryRow) -> Result<Vec<Attempt>> {
        Ok(self.store.delivery_attempts(&delivery.id).await?)
    }

    /// Sends a finished delivery again, from the beginning of its schedule.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the environment has no finished delivery of this id.
    pub async fn replay_delivery(&self, environment_id: i64, id: &str, actor: &str) -> Result<()> {
        let (owned, now) = (id.to_owned(), self.clock.now());
        let replayed = self
            .store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.replay_delivery(environment_id, &owned, now).await?) })
            })
            .await?;
        if !replayed {
            return Err(Error::NotFound("finished delivery"));
        }
        self.recorder.audit(Some(environment_id), actor, "delivery.replayed", id);
        Ok(())
    }
}
