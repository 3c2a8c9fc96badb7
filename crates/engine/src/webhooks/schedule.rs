//! When a delivery is tried again, and when its destination is left in peace.
//!
//! Both are arithmetic over stored numbers. A delivery has its own schedule over about four days; a
//! destination has a breaker, shared by all its deliveries, which delays attempts and never drops
//! or counts one.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use valetkey_base::{Rng, Timestamp};
use valetkey_egress::{EgressError, Reply};

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// The wait after the first failed attempt, after the second, and so on.
const WAITS: [Duration; 12] = [
    seconds(5),
    seconds(30),
    seconds(2 * 60),
    seconds(10 * 60),
    seconds(30 * 60),
    seconds(HOUR),
    seconds(3 * HOUR),
    seconds(6 * HOUR),
    seconds(12 * HOUR),
    seconds(DAY),
    seconds(DAY),
    seconds(DAY),
];

/// Attempts of one delivery, the first included.
pub const ATTEMPTS_MAX: u32 = WAITS.len() as u32 + 1;

/// The longest wait that a receiver can ask for.
const RETRY_AFTER_MAX: Duration = seconds(DAY);

/// A wait is longer or shorter than planned by up to this share of it.
const JITTER_PERCENT: u64 = 10;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The destination answered with this status.
    Status(u16),
    /// No usable answer; the same request may get one later.
    Unanswered,
    /// The destination cannot be requested as it is configured.
    Refused,
}

impl Outcome {
    /// What egress reported.
    pub fn of(result: &Result<Reply, EgressError>) -> Self {
        match result {
            Ok(reply) => Self::Status(reply.status),
            Err(
                EgressError::Denied { .. }
                | EgressError::InvalidUrl { .. }
                | EgressError::InvalidHeader { .. }
                | EgressError::RedirectRefused { .. }
                | EgressError::TooManyRedirects,
            ) => Self::Refused,
            Err(_) => Self::Unanswered,
        }
    }

    /// Whether the event arrived.
    pub fn is_delivered(self) -> bool {
        matches!(self, Self::Status(200..=299))
    }

    /// Whether another attempt can help. Every 4xx but 410 is retried: receivers answer 401 or 404
    /// in the middle of a deployment, too.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Status(410) | Self::Refused => false,
            Self::Status(status) => status >= 400,
            Self::Unanswered => true,
        }
    }

    /// Whether this speaks of the destination as a whole and not of one event.
    fn is_outage(self) -> bool {
        matches!(self, Self::Status(408 | 429 | 500..) | Self::Unanswered)
    }
}

/// What follows an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: the event arrived.
    Delivered,
    /// Another attempt, not before this instant.
    RetryAt(Timestamp),
    /// No further attempt. The event is kept and can be replayed.
    Dead,
}

/// What follows the attempt that ended at `now`. `attempt_count` includes it. `retry_after` is the
/// reply's header of that name, if any; it can lengthen the wait up to 24 h, never shorten it.
pub fn next_attempt(
    attempt_count: u32,
    outcome: Outcome,
    now: Timestamp,
    retry_after: Option<&str>,
    rng: &Rng,
) -> Decision {
    if outcome.is_delivered() {
        return Decision::Delivered;
    }
    let planned = WAITS.get(attempt_count.saturating_sub(1) as usize);
    let Some(planned) = planned.filter(|_| outcome.is_retryable()) else {
        return Decision::Dead;
    };
    let asked = retry_after.and_then(|text| parse_retry_after(text, now)).unwrap_or_default();
    Decision::RetryAt(now.plus(jittered(*planned, rng).max(asked)))
}

/// The wait that `Retry-After` asks for (RFC 9110, section 10.2.3): seconds or an HTTP date, cut to
/// 24 h. A date that has passed asks for none; an unreadable value is `None`.
pub fn parse_retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit mean "very long".
        seconds(text.parse().unwrap_or(u64::MAX))
    } else {
        let date = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()?;
        Timestamp::from_millis(date.as_millisecond()).since(now)
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

fn jittered(wait: Duration, rng: &Rng) -> Duration {
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    let spread_ms = wait_ms / 100 * JITTER_PERCENT;
    Duration::from_millis(wait_ms - spread_ms + rng.below(2 * spread_ms + 1))
}

/// Outages in a row after which a destination is left in peace.
const BREAKER_THRESHOLD: u32 = 5;

/// How long the breaker stays open at first. Every further outage doubles it.
const BREAKER_PAUSE: Duration = seconds(60);

/// The longest pause. Events wait at most this long for the attempt that finds a destination well.
const BREAKER_PAUSE_MAX: Duration = seconds(30 * 60);

/// While a probe is under way, the other deliveries of its destination wait this long.
const PROBE_PAUSE: Duration = seconds(60);

/// The state of a destination, shared by its deliveries. The default is "well".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Outages since the last answer of any other kind.
    pub failures_in_row: u32,
    /// No attempt leaves before this instant.
    pub open_until: Option<Timestamp>,
}

/// Whether an attempt may leave now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may. Store `state` first, and hand `probe` to [`Breaker::after`].
    Go { state: Breaker, probe: bool },
    /// Ask again at this instant. The delivery's attempts are not counted up.
    WaitUntil(Timestamp),
}

impl Breaker {
    /// Whether an attempt may leave. After a pause the first one to ask is the probe, and the
    /// others wait for what it finds.
    pub fn admit(self, now: Timestamp) -> Admission {
        match self.open_until {
            None => Admission::Go { state: self, probe: false },
            Some(until) if now < until => Admission::WaitUntil(until),
            Some(_) => {
                let open_until = Some(now.plus(PROBE_PAUSE));
                Admission::Go { state: Self { open_until, ..self }, probe: true }
            }
        }
    }

    /// The state after an attempt. Anything but an outage closes the breaker: a destination that
    /// refuses one event is well. While it is open only the probe's outage counts, so that attempts
    /// which were under way when it opened do not lengthen the pause.
    pub fn after(self, outcome: Outcome, probe: bool, now: Timestamp) -> Self {
        if !outcome.is_outage() {
            return Self::default();
        }
        if self.open_until.is_some() && !probe {
            return self;
        }
        let failures_in_row = self.failures_in_row.saturating_add(1);
        let open_until = failures_in_row.checked_sub(BREAKER_THRESHOLD).map(|further| {
            let factor = 1u32.checked_shl(further).unwrap_or(u32::MAX);
            now.plus(BREAKER_PAUSE.saturating_mul(factor).min(BREAKER_PAUSE_MAX))
        });
        Self { failures_in_row, open_until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(784_111_777_000); // 06 Nov 1994 08:49:37

    fn decide(attempt_count: u32, outcome: Outcome, retry_after: Option<&str>) -> Decision {
        next_attempt(attempt_count, outcome, NOW, retry_after, &Rng::seeded(1))
    }

    fn wait(decision: Decision) -> Duration {
        match decision {
            Decision::RetryAt(at) => at.since(NOW),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn waits_follow_the_schedule_within_ten_per_cent_and_end() {
        let rng = Rng::seeded(7);
        let mut total = Duration::ZERO;
        for (index, planned) in WAITS.iter().enumerate() {
            for _ in 0..20 {
                let attempts = index as u32 + 1;
                let got = wait(next_attempt(attempts, Outcome::Unanswered, NOW, None, &rng));
                assert!(got >= *planned * 9 / 10 && got <= *planned * 11 / 10, "{got:?}");
            }
            total += *planned;
        }
        assert!(total > seconds(3 * DAY));
        assert_eq!(decide(ATTEMPTS_MAX, Outcome::Unanswered, None), Decision::Dead);
        assert_eq!(decide(u32::MAX, Outcome::Status(503), Some("1")), Decision::Dead);
    }

    #[test]
    fn statuses_are_delivered_retried_or_dead() {
        for status in [200, 201, 204, 299] {
            assert_eq!(decide(1, Outcome::Status(status), None), Decision::Delivered, "{status}");
        }
        for status in [400, 401, 404, 408, 409, 422, 429, 500, 502, 503, 504] {
            assert!(wait(decide(1, Outcome::Status(status), None)) < seconds(6), "{status}");
        }
        for status in [300, 301, 304, 307, 410] {
            assert_eq!(decide(1, Outcome::Status(status), None), Decision::Dead, "{status}");
        }
        assert_eq!(decide(1, Outcome::Refused, None), Decision::Dead);
    }

    #[test]
    fn retry_after_lengthens_the_wait_up_to_a_day() {
        let limited = |text: &str| wait(decide(1, Outcome::Status(429), Some(text)));
        assert_eq!(limited("120"), seconds(120));
        assert_eq!(limited(" 120 "), seconds(120));
        assert_eq!(limited("Sun, 06 Nov 1994 08:51:37 GMT"), seconds(120));
        assert_eq!(limited("999999"), seconds(DAY));
        assert_eq!(limited("99999999999999999999999"), seconds(DAY));
        assert_eq!(limited("Sat, 06 Nov 2094 08:49:37 GMT"), seconds(DAY));
        for ignored in ["", "0", "-5", "1.5", "soon", "Sun, 06 Nov 1994 08:00:00 GMT"] {
            assert!(limited(ignored) < seconds(6), "{ignored}");
        }
    }

    #[test]
    fn egress_errors_are_told_apart() {
        let host = || "a.example".to_owned();
        let refused = [
            EgressError::TooManyRedirects,
            EgressError::InvalidUrl { host: host(), reason: "r" },
            EgressError::RedirectRefused { host: host(), reason: "r" },
        ];
        for error in refused {
            assert_eq!(Outcome::of(&Err(error)), Outcome::Refused);
        }
        let unanswered = [
            EgressError::Timeout { after_ms: 1 },
            EgressError::Connect { host: host(), reason: String::new() },
            EgressError::TooLarge { limit_bytes: 1 },
        ];
        for error in unanswered {
            assert_eq!(Outcome::of(&Err(error)), Outcome::Unanswered);
        }
    }

    #[test]
    fn the_breaker_opens_after_five_outages_and_each_failed_probe_doubles_its_pause() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker = breaker.after(Outcome::Status(503), false, NOW);
            assert_eq!(breaker.admit(NOW), Admission::Go { state: breaker, probe: false });
        }
        for minutes in [1, 2, 4, 8, 16, 30, 30] {
            breaker = breaker.after(Outcome::Unanswered, breaker.open_until.is_some(), NOW);
            let until = NOW.plus(seconds(minutes * 60));
            assert_eq!(breaker.admit(NOW), Admission::WaitUntil(until));
            // An attempt that was already under way.
            assert_eq!(breaker.after(Outcome::Unanswered, false, NOW), breaker);
        }
        let worn = Breaker { failures_in_row: u32::MAX, open_until: None };
        let until = worn.after(Outcome::Unanswered, false, NOW).open_until.unwrap();
        assert_eq!(until.since(NOW), BREAKER_PAUSE_MAX);
    }

    #[test]
    fn after_the_pause_one_probe_leaves_and_its_answer_decides() {
        let open = Breaker { failures_in_row: 5, open_until: Some(NOW) };
        let Admission::Go { state, probe: true } = open.admit(NOW) else { panic!("no probe") };
        assert_eq!(state.admit(NOW), Admission::WaitUntil(NOW.plus(PROBE_PAUSE)));
        assert_eq!(state.after(Outcome::Status(204), true, NOW), Breaker::default());
        assert_eq!(state.after(Outcome::Status(400), true, NOW), Breaker::default());
        let again = state.after(Outcome::Status(429), true, NOW);
        assert_eq!(again.open_until, Some(NOW.plus(seconds(120))));
    }
}
