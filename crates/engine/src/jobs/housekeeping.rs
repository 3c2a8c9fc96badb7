//! Removes what is past its keeping, and ends operations that nobody finished.
//!
//! Reads: instants of rows. Writes: deletes expired sessions, states and flow results, old logs,
//! events and deleted connections; marks abandoned operations.
//!
//! Woken by time alone: operations every minute, removal every ten.
//!
//! Safe twice: deleting or ending a row a second time changes nothing. Should two replicas get into
//! each other's way, the database undoes one, which tries again the next time.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use valetkey_store::{Purged, RetentionCutoffs};

use crate::engine::Engine;
use crate::error::{Error, Result};

const ABANDON_EVERY: Duration = Duration::from_mins(1);
const PURGE_EVERY: Duration = Duration::from_mins(10);

pub(super) async fn run(engine: Engine) {
    let stop = engine.tasks.stopping();
    let mut purge_at = Instant::now();
    loop {
        if let Err(error) = engine.abandon_operations_once().await {
            report(&error, "could not end abandoned operations");
        }
        if Instant::now() >= purge_at {
            purge_at += PURGE_EVERY;
            match engine.purge_once().await {
                Ok(Purged { rows: 0 }) => {}
                Ok(Purged { rows }) => tracing::info!(rows, "removed rows past their keeping"),
                Err(error) => report(&error, "could not remove rows past their keeping"),
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(ABANDON_EVERY) => {}
        }
    }
}

fn report(error: &Error, what: &str) {
    tracing::error!(error = error as &dyn std::error::Error, "{what}");
}

impl Engine {
    /// Removes what is past its keeping.
    pub async fn purge_once(&self) -> Result<Purged> {
        let now = self.clock.now();
        let cutoffs = RetentionCutoffs {
            // A browser may still ask how a flow ended when its state can no longer be used.
            expired: now.minus(self.settings.state_lifetime),
            logs: now.minus(self.settings.log_retention),
            events: now.minus(self.settings.event_retention),
            deleted: now.minus(self.settings.deleted_retention),
        };
        self.store.write(move |tx| Box::pin(async move { Ok(tx.purge(cutoffs).await?) })).await
    }

    /// Ends operations whose time to finish has passed, and says how many.
    pub async fn abandon_operations_once(&self) -> Result<u64> {
        let now = self.clock.now();
        self.store
            .write(move |tx| Box::pin(async move { Ok(tx.abandon_operations(now).await?) }))
            .await
    }
}
