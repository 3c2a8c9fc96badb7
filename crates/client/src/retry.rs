//! When a request is sent again, and after how long.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};

use crate::error::is_passing;

/// The first pause; each later one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause, also when the server asks for more: then the call fails at once instead.
const PAUSE_MAX: Duration = Duration::from_secs(20);

/// How long to wait before the next attempt of a request that was answered. `None`: it is not sent
/// again.
pub(crate) fn after_answer(
    method: &Method,
    status: StatusCode,
    retry_after: Option<Duration>,
    attempt: u32,
    jitter: f64,
) -> Option<Duration> {
    if !is_passing(status) {
        return None;
    }
    // Nothing was done when the server says when to come back; else only a read may be repeated.
    let nothing_done = retry_after.is_some() && matches!(status.as_u16(), 429 | 503);
    if !nothing_done && *method != Method::GET {
        return None;
    }
    let pause = retry_after.unwrap_or_default().max(pause(attempt, jitter));
    (pause <= PAUSE_MAX).then_some(pause)
}

/// The pause before an attempt, the first of which is 1. `jitter` is between 0 and 1.
pub(crate) fn pause(attempt: u32, jitter: f64) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << attempt.saturating_sub(1).min(8));
    longest.min(PAUSE_MAX).mul_f64(0.5 + jitter / 2.0)
}

/// `Retry-After` in seconds (RFC 9110 section 10.2.3); our server sends no dates.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_repeated_only_where_nothing_was_done() {
        let after = |method: &Method, status: u16, wait: Option<u64>| {
            let status = StatusCode::from_u16(status).unwrap();
            after_answer(method, status, wait.map(Duration::from_secs), 1, 1.0)
        };
        assert!(after(&Method::GET, 503, None).is_some());
        assert!(after(&Method::POST, 503, None).is_none());
        assert!(after(&Method::POST, 502, Some(1)).is_none());
        assert_eq!(after(&Method::POST, 429, Some(2)), Some(Duration::from_secs(2)));
        assert!(after(&Method::GET, 429, Some(3600)).is_none(), "too long to wait in a call");
        assert!(after(&Method::GET, 500, None).is_none());
    }

    #[test]
    fn pauses_grow_and_have_an_end() {
        assert_eq!(pause(1, 1.0), Duration::from_millis(200));
        assert_eq!(pause(3, 1.0), Duration::from_millis(800));
        assert_eq!(pause(40, 1.0), PAUSE_MAX);
        assert_eq!(pause(1, 0.0), Duration::from_millis(100));
    }
}
