//! Telling other parts of the server, and other replicas, that something changed.
//!
//! On PostgreSQL a notice is a `NOTIFY` in the transaction of the change. On SQLite there is one
//! server process, so a channel is enough; changes made by the command line beside a running
//! server are noticed by SQLite's own change counter. A notice is a hint to look: whoever waits for
//! one also polls, so a lost notice costs time and nothing else.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPool};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::connection_cache::ConnectionCache;
use crate::open::Store;

/// Name of the PostgreSQL channel.
pub(crate) const CHANNEL: &str = "valetkey";
/// Pause before listening again after the connection was lost.
const LISTEN_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How often a server on SQLite looks whether another process wrote.
const FOREIGN_WRITES_EVERY: Duration = Duration::from_millis(250);

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// Settings, keys or integrations of an environment, by its id.
    Environment(i64),
    /// A connection's credentials, by its row id.
    Connection(i64),
    /// A browser flow ended, by its `ws_client_id`.
    Flow(String),
    /// Events wait in the outbox.
    Events,
    /// Something; look at everything.
    Anything,
}

impl Notice {
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Environment(id) => format!("environment {id}"),
            Self::Connection(id) => format!("connection {id}"),
            Self::Flow(id) => format!("flow {id}"),
            Self::Events => "events".to_owned(),
            Self::Anything => "anything".to_owned(),
        }
    }

    fn from_text(text: &str) -> Self {
        let (kind, id) = text.split_once(' ').unwrap_or((text, ""));
        match (kind, id.parse::<i64>()) {
            ("environment", Ok(id)) => Self::Environment(id),
            ("connection", Ok(id)) => Self::Connection(id),
            ("flow", _) => Self::Flow(id.to_owned()),
            ("events", _) => Self::Events,
            _ => Self::Anything,
        }
    }
}

/// Tells this process what was committed: first the cache, then whoever waits.
#[derive(Clone)]
pub(crate) struct Publisher {
    pub(crate) channel: broadcast::Sender<Notice>,
    pub(crate) cache: Option<ConnectionCache>,
}

impl Publisher {
    /// To be called after every commit, with or without notices.
    pub(crate) fn publish(&self, notices: Vec<Notice>) {
        if let Some(cache) = &self.cache {
            cache.committed(notices.iter());
        }
        for notice in notices {
            // Nobody listening is fine.
            let _ = self.channel.send(notice);
        }
    }
}

/// Forwards PostgreSQL notifications to the channel until told to stop.
pub(crate) async fn listen(
    pool: PgPool,
    channel: broadcast::Sender<Notice>,
    stop: CancellationToken,
) {
    loop {
        let listening = async {
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.listen(CHANNEL).await?;
            // What was said while nobody listened is unknown.
            let _ = channel.send(Notice::Anything);
            loop {
                let notification = listener.recv().await?;
                let _ = channel.send(Notice::from_text(notification.payload()));
            }
        };
        let result: Result<(), sqlx::Error> = tokio::select! {
            () = stop.cancelled() => return,
            result = listening => result,
        };
        if let Err(error) = result {
            tracing::warn!(error = &error as &dyn std::error::Error, "lost the notice channel");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LISTEN_AGAIN_AFTER) => {}
        }
    }
}

/// Watches SQLite's change counter for writes of other processes until told to stop. `seen` is the
/// counter from before anything could be read into memory.
pub(crate) async fn watch_foreign_writes(store: Store, mut seen: i64, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(FOREIGN_WRITES_EVERY) => {}
        }
        match store.foreign_write_counter().await {
            Ok(counter) if counter == seen => {}
            Ok(counter) => {
                seen = counter;
                store.publisher.publish(vec![Notice::Anything]);
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "could not look for foreign writes"
                );
            }
        }
    }
}
