//! Refreshes credentials ahead of their readers, and those that would die of disuse.
//!
//! Reads: connections that are due. Writes: what a refresh writes (see [`crate::refresh`]).
//!
//! Woken by the job interval.
//!
//! Safe twice: a refresh takes the connection's lease for its generation; whoever comes second finds
//! it taken, or the connection fresh.

use crate::engine::Engine;

/// Connections refreshed at once.
const BATCH_CONNECTIONS_MAX: i64 = 32;
/// Batches in a row before the job rests, whatever they brought.
const BATCHES_MAX: usize = 50;

pub(super) async fn run(engine: Engine) {
    let stop = engine.tasks.stopping();
    loop {
        for _ in 0..BATCHES_MAX {
            match engine.refresh_due_once(BATCH_CONNECTIONS_MAX).await {
                Ok(tried) if tried as i64 >= BATCH_CONNECTIONS_MAX && !stop.is_cancelled() => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "could not refresh what is due"
                    );
                    break;
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(engine.settings.job_interval) => {}
        }
    }
}
