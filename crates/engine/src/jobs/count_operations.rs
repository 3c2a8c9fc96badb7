//! Counts operations, and how long they took, per hour and per day, for charts.
//!
//! Reads: operations of the hours that may still change, the newest and those in which a flow that
//! has not ended may have begun. Writes: their counts, over those of the time before.
//!
//! Woken by time alone, every minute.
//!
//! Safe twice: an hour's counts are written over what was there, whoever counted.

use std::time::Duration;

use tokio::time::sleep;
use valetkey_base::Timestamp;
use valetkey_store::HOUR_MS;

use crate::engine::Engine;
use crate::error::{Error, Result};

const COUNT_EVERY: Duration = Duration::from_mins(1);
/// A connect session and the flow in it have ended by then.
const CHANGES_FOR: Duration = Duration::from_hours(2);

pub(super) async fn run(engine: Engine) {
    let stop = engine.tasks.stopping();
    loop {
        if let Err(error) = engine.count_operations_once().await {
            tracing::error!(error = &error as &dyn std::error::Error, "could not count operations");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(COUNT_EVERY) => {}
        }
    }
}

fn hour_of(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.millis() - at.millis().rem_euclid(HOUR_MS))
}

impl Engine {
    /// Brings the counts per hour up to date.
    pub async fn count_operations_once(&self) -> Result<()> {
        let now = self.clock.now();
        let Some(counted_to) = self.store.operations_counted_to().await? else {
            return Ok(());
        };
        // Hours before that are final, unless they were never counted.
        let mut hour = hour_of(counted_to.min(now).minus(CHANGES_FOR));
        let oldest = hour_of(now.minus(self.settings.log_retention));
        hour = hour.max(oldest);
        let first = hour;
        while hour <= now && !self.tasks.stopping().is_cancelled() {
            let end = Timestamp::from_millis(hour.millis() + HOUR_MS);
            let counts = self.store.count_operations(hour, end).await?;
            let durations = self.store.count_durations(hour, end).await?;
            self.store
                .write::<_, Error, _>(move |tx| {
                    Box::pin(async move {
                        tx.replace_operation_counts(hour, end, &counts).await?;
                        Ok(tx.replace_durations(hour, end, &durations).await?)
                    })
                })
                .await?;
            hour = end;
        }
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    tx.sum_operation_days(first, now).await?;
                    Ok(tx.sum_duration_days(first, now).await?)
                })
            })
            .await
    }
}
