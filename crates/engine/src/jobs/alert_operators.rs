//! Tells operators what needs somebody.
//!
//! Reads: connections that fail, destinations that rest. Writes: what was told, and an event for what
//! is new.
//!
//! Woken by time alone, every minute: troubles that come together are told together.
//!
//! Safe twice: what was told is read and written under the environment's lock.

use std::time::Duration;

use tokio::time::sleep;

use crate::engine::Engine;

const LOOK_EVERY: Duration = Duration::from_mins(1);

pub(super) async fn run(engine: Engine) {
    let stop = engine.tasks.stopping();
    loop {
        if let Err(error) = engine.alert_once().await {
            tracing::error!(error = &error as &dyn std::error::Error, "could not send alerts");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(LOOK_EVERY) => {}
        }
    }
}
