//! How many calls a connection and an integration may make: token buckets that all callers share.
//! A bucket holds one minute's calls and fills steadily.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use valetkey_base::Timestamp;

/// Buckets kept; one that is not used for a while is full again anyway.
const BUCKETS_MAX: u64 = 100_000;
const UNITS_PER_CALL: u64 = 60_000;
const MINUTE: Duration = Duration::from_mins(1);

/// Whose calls are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Whose {
    /// One connection's, by row.
    Connection(i64),
    /// All of an integration's, by row.
    Integration(i64),
}

/// What is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Calls per minute.
    pub per_minute: u32,
    /// Calls that may be made at once now.
    pub left: u32,
    /// When the next call is possible; zero while some are left.
    pub next_in: Duration,
}

#[derive(Clone, Copy)]
struct Bucket {
    /// In units of which a call costs [`UNITS_PER_CALL`]; it gains as many a millisecond as there
    /// are calls a minute, so that no fraction is lost.
    filled: u64,
    at: Timestamp,
}

/// All buckets of this process.
pub(crate) struct Budgets(Cache<Whose, Arc<Mutex<Bucket>>>);

impl Budgets {
    pub(crate) fn new() -> Self {
        Self(Cache::builder().max_capacity(BUCKETS_MAX).time_to_idle(MINUTE * 2).build())
    }

    /// Takes one call. `Err` when none is left.
    pub(crate) fn take(
        &self,
        whose: Whose,
        per_minute: u32,
        now: Timestamp,
    ) -> Result<Budget, Budget> {
        let full = u64::from(per_minute) * UNITS_PER_CALL;
        let bucket =
            self.0.get_with(whose, || Arc::new(Mutex::new(Bucket { filled: full, at: now })));
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        if now > bucket.at {
            let passed = u64::try_from(now.since(bucket.at).as_millis()).unwrap_or(u64::MAX);
            let gained = passed.saturating_mul(u64::from(per_minute));
            bucket.filled = bucket.filled.saturating_add(gained).min(full);
            bucket.at = now;
        }
        let enough = bucket.filled >= UNITS_PER_CALL;
        if enough {
            bucket.filled -= UNITS_PER_CALL;
        }
        let missing = UNITS_PER_CALL.saturating_sub(bucket.filled);
        let next_in = Duration::from_millis(missing.div_ceil(u64::from(per_minute.max(1))));
        let left = u32::try_from(bucket.filled / UNITS_PER_CALL).unwrap_or(u32::MAX);
        let budget = Budget { per_minute, left, next_in };
        if enough { Ok(budget) } else { Err(budget) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_a_minute_and_fills_steadily() {
        let budgets = Budgets::new();
        let start = Timestamp::from_millis(1_000_000);
        let whose = Whose::Connection(1);
        assert_eq!(budgets.take(whose, 2, start).unwrap().left, 1);
        assert_eq!(budgets.take(whose, 2, start).unwrap().left, 0);
        assert_eq!(budgets.take(whose, 2, start).unwrap_err().next_in, Duration::from_secs(30));
        let soon = start.plus(Duration::from_secs(29));
        assert!(budgets.take(whose, 2, soon).is_err());
        assert!(budgets.take(Whose::Integration(1), 2, soon).is_ok(), "apart");
        assert!(budgets.take(whose, 2, start.plus(Duration::from_secs(30))).is_ok());
        let later = start.plus(MINUTE * 60);
        assert_eq!(budgets.take(whose, 2, later).unwrap().left, 1, "never more than a minute's");
    }
}
