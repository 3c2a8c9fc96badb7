//! Tells apps of installations that began at the provider and are still unclaimed.
//!
//! Reads: installations whose time to be told has come. Writes: their event, and that it was told.
//!
//! Woken by time alone, as often as jobs look for work.
//!
//! Safe twice: the row that says it was told is changed in the event's transaction, once.

use tokio::time::sleep;

use crate::engine::Engine;

pub(super) async fn run(engine: Engine) {
    let stop = engine.tasks.stopping();
    loop {
        if let Err(error) = engine.tell_installs_once().await {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "could not tell of unclaimed installations");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(engine.settings.job_interval) => {}
        }
    }
}
