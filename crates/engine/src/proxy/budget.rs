//! How many calls a connection and an integration may make: token buckets that all callers share,
//! through whichever process they come. A bucket holds one minute's calls and fills steadily. It is
//! in the store; a process draws some calls at once from it and hands them out.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::Mutex;
use valetkey_base::Timestamp;
use valetkey_store::{Bucket, Store};

use crate::error::{Error, Result};

/// Buckets remembered; what a process drew from one that makes room is lost, and fills up again.
const PURSES_MAX: u64 = 100_000;
/// What a call costs. A bucket gains as many units a millisecond as there are calls a minute, so
/// that no fraction is lost.
const UNITS_PER_CALL: i64 = 60_000;
const MINUTE: Duration = Duration::from_mins(1);
/// The share of a minute's calls that is drawn at once: a second's.
const DRAWS_PER_MINUTE: u32 = 60;

/// Whose calls are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Whose {
    /// One connection's, by row.
    Connection(i64),
    /// All of an integration's, by row.
    Integration(i64),
    /// Callbacks of installations that nobody here began, by the integration's row.
    Installs(i64),
}

/// What is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Calls per minute.
    pub per_minute: u32,
    /// Calls that may be made at once now, as far as this process knows.
    pub left: u32,
    /// When the next call is possible; zero while some are left.
    pub next_in: Duration,
}

/// What this process drew and what it left in the bucket.
#[derive(Clone, Copy, Default)]
struct Purse {
    calls: u32,
    rest: Option<Bucket>,
}

/// What this process drew of all buckets.
pub(crate) struct Budgets(Cache<Whose, Arc<Mutex<Purse>>>);

impl Budgets {
    pub(crate) fn new() -> Self {
        Self(Cache::builder().max_capacity(PURSES_MAX).time_to_idle(MINUTE * 2).build())
    }

    /// Takes one call. The inner `Err` when none is left.
    pub(crate) async fn take(
        &self,
        store: &Store,
        whose: Whose,
        per_minute: u32,
        now: Timestamp,
    ) -> Result<Result<Budget, Budget>> {
        let purse = self.0.get_with(whose, Arc::default);
        let mut purse = purse.lock().await;
        // Others can only have taken more: where nothing was left for this process, there is still
        // nothing, and a flood of refused calls does not reach the store.
        let left = |rest| calls_in(refilled(rest, per_minute, now).filled);
        if purse.calls == 0 && purse.rest.is_none_or(|rest| left(rest) > 0) {
            *purse = draw(store, whose, per_minute, now).await?;
        }
        let enough = purse.calls > 0;
        purse.calls = purse.calls.saturating_sub(1);
        let rest = purse.rest.map_or(0, |rest| refilled(rest, per_minute, now).filled);
        let missing = u64::try_from(UNITS_PER_CALL - rest).unwrap_or(0);
        let next_in = Duration::from_millis(missing.div_ceil(u64::from(per_minute.max(1))));
        let left = purse.calls.saturating_add(calls_in(rest));
        let next_in = if left > 0 { Duration::ZERO } else { next_in };
        let budget = Budget { per_minute, left, next_in };
        Ok(if enough { Ok(budget) } else { Err(budget) })
    }
}

/// Draws a second's calls, or as many as there are.
async fn draw(store: &Store, whose: Whose, per_minute: u32, now: Timestamp) -> Result<Purse> {
    let (scope, row_id) = match whose {
        Whose::Connection(row) => ("connection", row),
        Whose::Integration(row) => ("integration", row),
        Whose::Installs(row) => ("installs", row),
    };
    let full = Bucket { filled: i64::from(per_minute) * UNITS_PER_CALL, at: now };
    store
        .write(move |tx| {
            Box::pin(async move {
                let found = tx.open_proxy_budget(scope, row_id, full).await?;
                let mut rest = refilled(found, per_minute, now);
                let calls = per_minute.div_ceil(DRAWS_PER_MINUTE).min(calls_in(rest.filled));
                rest.filled -= i64::from(calls) * UNITS_PER_CALL;
                if calls > 0 {
                    tx.set_proxy_budget(scope, row_id, rest).await?;
                }
                Ok::<_, Error>(Purse { calls, rest: Some(rest) })
            })
        })
        .await
}

/// The bucket as it is now. Clocks of several machines differ: one that is behind gains nothing.
fn refilled(bucket: Bucket, per_minute: u32, now: Timestamp) -> Bucket {
    let full = i64::from(per_minute) * UNITS_PER_CALL;
    if now <= bucket.at {
        return Bucket { filled: bucket.filled.min(full), at: bucket.at };
    }
    let passed = i64::try_from(now.since(bucket.at).as_millis()).unwrap_or(i64::MAX);
    let gained = passed.saturating_mul(i64::from(per_minute));
    Bucket { filled: bucket.filled.saturating_add(gained).min(full), at: now }
}

fn calls_in(filled: i64) -> u32 {
    u32::try_from(filled / UNITS_PER_CALL).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_fills_steadily_and_holds_a_minute() {
        let start = Timestamp::from_millis(1_000_000);
        let empty = Bucket { filled: 0, at: start };
        let after = |seconds: u64| {
            calls_in(refilled(empty, 2, start.plus(Duration::from_secs(seconds))).filled)
        };
        assert_eq!([after(0), after(29), after(30), after(60), after(3600)], [0, 0, 1, 2, 2]);
        let ahead = Bucket { filled: UNITS_PER_CALL, at: start.plus(MINUTE) };
        assert_eq!(refilled(ahead, 2, start), ahead, "a clock that is behind");
        assert_eq!(calls_in(refilled(ahead, 0, start).filled), 0, "a limit that was lowered");
    }
}
