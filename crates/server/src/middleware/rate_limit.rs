//! A fixed window of 60 seconds for each account and kind of credential, counted in this process.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::json;
use valetkey_base::Timestamp;

use crate::error::ApiError;

const X_RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RATELIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

const WINDOW_MS: i64 = 60_000;
/// Locks, so that accounts rarely wait for each other.
const SHARDS: usize = 16;
/// Most windows kept in one shard; above it, ended windows go first and then any.
const SHARD_WINDOWS_MAX: usize = 4096;

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// API keys of an account.
    ApiKeys(i64),
    /// Connect sessions of an account.
    Sessions(i64),
    /// Webhooks of an integration, by its row.
    Webhooks(i64),
}

/// Counts requests.
pub struct RateLimiter {
    limit_per_min: u32,
    hasher: RandomState,
    shards: [Mutex<HashMap<Bucket, Window>>; SHARDS],
}

#[derive(Clone, Copy)]
struct Window {
    ends_at: Timestamp,
    used: u32,
}

/// What is left for a bucket after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    limit: u32,
    remaining: u32,
    resets_at: Timestamp,
    exceeded: bool,
}

impl RateLimiter {
    /// A limiter that allows this many requests in a window; 0 allows all and sends no headers.
    pub fn new(limit_per_min: u32) -> Self {
        Self {
            limit_per_min,
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// Counts one request. `None` when the limiter is off.
    pub fn take(&self, bucket: Bucket, now: Timestamp) -> Option<Allowance> {
        if self.limit_per_min == 0 {
            return None;
        }
        let shard = self.hasher.hash_one(bucket) as usize % SHARDS;
        let mut windows = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= SHARD_WINDOWS_MAX && !windows.contains_key(&bucket) {
            make_room(&mut windows, now);
        }
        let fresh = Window { ends_at: Timestamp::from_millis(now.millis() + WINDOW_MS), used: 0 };
        let window = windows.entry(bucket).or_insert(fresh);
        if window.ends_at <= now {
            *window = fresh;
        }
        window.used = window.used.saturating_add(1);
        Some(Allowance {
            limit: self.limit_per_min,
            remaining: self.limit_per_min.saturating_sub(window.used),
            resets_at: window.ends_at,
            exceeded: window.used > self.limit_per_min,
        })
    }
}

fn make_room(windows: &mut HashMap<Bucket, Window>, now: Timestamp) {
    windows.retain(|_, window| window.ends_at > now);
    if windows.len() >= SHARD_WINDOWS_MAX {
        // All of them live: halving now and then costs less than scanning for each newcomer.
        let mut keep = false;
        windows.retain(|_, _| {
            keep = !keep;
            keep
        });
    }
}

impl Allowance {
    /// Adds the three headers, and `Retry-After` when the limit is exceeded.
    pub fn apply(self, headers: &mut HeaderMap, now: Timestamp) {
        headers.insert(X_RATELIMIT_LIMIT, HeaderValue::from(self.limit));
        headers.insert(X_RATELIMIT_REMAINING, HeaderValue::from(self.remaining));
        let reset_s = self.resets_at.millis().div_euclid(1000);
        headers.insert(X_RATELIMIT_RESET, HeaderValue::from(reset_s));
        if self.exceeded {
            // Up, or whoever obeys comes back a moment too early.
            let wait_s = (self.resets_at.millis() - now.millis() + 999).max(0) / 1000;
            headers.insert(RETRY_AFTER, HeaderValue::from(wait_s));
        }
    }

    /// Refuses a request beyond the limit. The body has these members and no message, because
    /// existing clients compare it.
    ///
    /// # Errors
    /// 429 `too_many_request`.
    pub fn check(self, method: &Method, path: &str) -> Result<(), ApiError> {
        if !self.exceeded {
            return Ok(());
        }
        let error = json!({"code": "too_many_request", "method": method.as_str(), "path": path});
        Err(ApiError::exact(StatusCode::TOO_MANY_REQUESTS, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_000_500);

    fn later(seconds: i64) -> Timestamp {
        Timestamp::from_millis(START.millis() + seconds * 1000)
    }

    #[test]
    fn the_window_begins_with_the_first_request_and_then_starts_over() {
        let limiter = RateLimiter::new(2);
        let bucket = Bucket::ApiKeys(1);
        assert_eq!(limiter.take(bucket, START).unwrap().remaining, 1);
        assert_eq!(limiter.take(bucket, later(30)).unwrap().remaining, 0);
        let refused = limiter.take(bucket, later(30)).unwrap();
        let error = refused.check(&Method::GET, "/connections").unwrap_err();
        assert_eq!(error.code(), "too_many_request");
        let mut headers = HeaderMap::new();
        refused.apply(&mut headers, later(30));
        assert_eq!(headers[X_RATELIMIT_LIMIT], "2");
        assert_eq!(headers[X_RATELIMIT_REMAINING], "0");
        assert_eq!(headers[X_RATELIMIT_RESET], "1060");
        assert_eq!(headers[RETRY_AFTER], "30");
        assert!(
            limiter.take(Bucket::Sessions(1), later(30)).unwrap().check(&Method::GET, "/").is_ok()
        );
        assert_eq!(limiter.take(bucket, later(60)).unwrap().remaining, 1);
    }

    #[test]
    fn zero_turns_it_off() {
        assert_eq!(RateLimiter::new(0).take(Bucket::ApiKeys(1), START), None);
    }

    #[test]
    fn the_number_of_windows_is_bounded() {
        let limiter = RateLimiter::new(1);
        for account in 0..200_000 {
            limiter.take(Bucket::ApiKeys(account), START);
        }
        for shard in &limiter.shards {
            assert!(shard.lock().unwrap().len() <= SHARD_WINDOWS_MAX);
        }
    }
}
