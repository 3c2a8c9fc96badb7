//! Whether an answer is worth asking again, and how long to wait first. Providers say it in many
//! forms; every one of them is understood wherever it appears.

use std::time::Duration;

use http::HeaderMap;
use regex::Regex;
use serde_json::Value;
use valetkey_base::Timestamp;
use valetkey_catalog::schema::{Retry, WaitInBody};

/// Pause after the first failure; it doubles from there.
const BACKOFF_FIRST: Duration = Duration::from_secs(3);
/// Longest pause that is not asked for.
const BACKOFF_MAX: Duration = Duration::from_mins(10);
/// Largest number that is a count of seconds; above it is an instant.
const SECONDS_MAX: f64 = 1e9;
/// From here on an instant is in milliseconds.
const MILLISECONDS_MIN: f64 = 1e12;
/// Headers that say how long to wait where the entry names none.
const USUAL: [&str; 6] = [
    "retry-after",
    "ratelimit-reset",
    "x-ratelimit-reset",
    "x-rate-limit-reset",
    "x-ratelimit-retry-after",
    "x-retry-after",
];

/// Whether an answer is worth asking again: by the entry's rules, or the caller's statuses.
pub(super) fn is_worth_it(rules: &Retry, more: &[u16], status: u16, headers: &HeaderMap) -> bool {
    let by_status = if rules.error_code.is_empty() {
        status == 401 || status == 429 || status >= 500
    } else {
        rules.error_code.iter().any(|range| range.contains(status))
    };
    by_status || more.contains(&status) || (status >= 400 && is_spent(rules, headers))
}

/// Whether the provider says that nothing is left of what it allows.
fn is_spent(rules: &Retry, headers: &HeaderMap) -> bool {
    rules.remaining.as_ref().and_then(|name| text(headers, name)).is_some_and(|it| it.trim() == "0")
}

/// How long to wait before asking again, after `failures` failures.
pub(super) fn wait(
    rules: &Retry,
    headers: &HeaderMap,
    body: Option<&[u8]>,
    failures: u32,
    now: Timestamp,
) -> Duration {
    let named: Vec<&str> = rules.at.iter().chain(&rules.after).map(String::as_str).collect();
    longest(&named, headers, now)
        .or_else(|| body.and_then(|body| in_body(rules.in_body.as_ref()?, body, now)))
        .or_else(|| structured(headers))
        .or_else(|| longest(&USUAL, headers, now))
        .unwrap_or_else(|| backoff(failures))
}

/// The pause after so many failures when nobody says how long.
pub(super) fn backoff(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    BACKOFF_FIRST.saturating_mul(doubled).min(BACKOFF_MAX)
}

fn longest(names: &[&str], headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    names.iter().filter_map(|name| until(text(headers, name)?, now)).max()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// `RateLimit: "default";r=0;t=12`, or `limit=10, remaining=0, reset=12` in earlier drafts of the
/// same header (draft-ietf-httpapi-ratelimit-headers).
fn structured(headers: &HeaderMap) -> Option<Duration> {
    let fields = text(headers, "ratelimit")?;
    let seconds = |field: &str| {
        let (name, value) = field.trim().split_once('=')?;
        let is_reset = name == "t" || name == "reset";
        is_reset.then(|| value.trim().parse().ok()).flatten().map(Duration::from_secs)
    };
    fields.split([';', ',']).filter_map(seconds).max()
}

/// A wait or an instant in any form: seconds, `1m30s`, seconds or milliseconds since 1970, a date
/// of HTTP or of ISO 8601. What is past is no wait.
fn until(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let instant = if let Ok(number) = text.parse::<f64>() {
        if !number.is_finite() || number < 0.0 {
            return None;
        }
        if number < SECONDS_MAX {
            return Some(Duration::from_secs_f64(number));
        }
        let scale = if number < MILLISECONDS_MIN { 1000.0 } else { 1.0 };
        #[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
        Timestamp::from_millis((number * scale) as i64)
    } else if let Some(wait) = with_units(text) {
        return Some(wait);
    } else {
        Timestamp::parse_iso(text).or_else(|| Timestamp::parse_http_date(text))?
    };
    (instant > now).then(|| instant.since(now))
}

/// `1h2m3.5s`, `250ms`.
fn with_units(text: &str) -> Option<Duration> {
    let mut wait = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| letter != '.' && !letter.is_ascii_digit())?;
        let amount: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|letter: char| letter.is_ascii_digit()).unwrap_or(rest.len());
        let seconds = match &rest[..unit] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        rest = &rest[unit..];
        wait += Duration::try_from_secs_f64(amount * seconds).ok()?;
    }
    (wait > Duration::ZERO).then_some(wait)
}

fn in_body(rule: &WaitInBody, body: &[u8], now: Timestamp) -> Option<Duration> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let found = rule.path.split('.').try_fold(&body, |value, name| value.get(name))?;
    let regex = Regex::new(&rule.value).ok()?;
    until(regex.captures(found.as_str()?)?.get(1)?.as_str(), now)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn millis(pairs: &[(&'static str, &'static str)]) -> u128 {
        wait(&Retry::default(), &headers(pairs), None, 1, NOW).as_millis()
    }

    #[test]
    fn a_wait_is_understood_in_every_form() {
        for (name, value, expected) in [
            ("retry-after", "7", 7000),
            ("retry-after", "Fri, 15 Jan 2027 08:00:30 GMT", 30000),
            ("x-ratelimit-reset", "1800000012", 12000),
            ("x-ratelimit-reset", "1800000012500", 12500),
            ("x-rate-limit-reset", "2027-01-15T08:00:05Z", 5000),
            ("ratelimit-reset", "9", 9000),
            ("ratelimit", "\"default\";r=0;t=11", 11000),
            ("ratelimit", "limit=10, remaining=0, reset=13", 13000),
            ("x-ratelimit-reset", "1m2.5s", 62500),
            ("x-retry-after", "250ms", 250),
            ("retry-after", "yesterday", 3000),
            ("x-ratelimit-reset", "1700000000", 3000),
        ] {
            assert_eq!(millis(&[(name, value)]), expected, "{name}: {value}");
        }
        assert_eq!(millis(&[]), 3000);
        assert_eq!(backoff(3), Duration::from_secs(12));
        assert_eq!(backoff(60), BACKOFF_MAX);
    }

    #[test]
    fn the_entry_says_where_to_look_and_the_longest_counts() {
        let rules = Retry {
            at: vec!["x-user-reset".to_owned(), "x-app-reset".to_owned()],
            ..Retry::default()
        };
        let headers = headers(&[
            ("x-user-reset", "1800000002"),
            ("x-app-reset", "1800000040"),
            ("retry-after", "1"),
        ]);
        assert_eq!(wait(&rules, &headers, None, 1, NOW).as_secs(), 40);
    }

    #[test]
    fn a_wait_in_the_body_is_found() {
        let rule = WaitInBody {
            path: "error.message".to_owned(),
            value: "Retry after (.+)".to_owned(),
            is_instant: true,
        };
        let rules = Retry { in_body: Some(rule), ..Retry::default() };
        let body = br#"{"error":{"message":"Exceeded. Retry after 2027-01-15T08:00:20.000Z"}}"#;
        assert_eq!(wait(&rules, &HeaderMap::new(), Some(body), 1, NOW).as_secs(), 20);
    }

    #[test]
    fn statuses_are_the_usual_ones_or_those_of_the_entry() {
        let usual = Retry::default();
        let none = HeaderMap::new();
        for (status, expected) in
            [(401, true), (429, true), (500, true), (403, false), (200, false)]
        {
            assert_eq!(is_worth_it(&usual, &[], status, &none), expected, "{status}");
        }
        assert!(is_worth_it(&usual, &[404], 404, &none));
        let own = Retry {
            error_code: vec![valetkey_catalog::schema::StatusRange { from: 403, to: 403 }],
            remaining: Some("x-left".to_owned()),
            ..Retry::default()
        };
        assert!(is_worth_it(&own, &[], 403, &none) && !is_worth_it(&own, &[], 500, &none));
        assert!(is_worth_it(&own, &[], 422, &headers(&[("x-left", "0")])));
        assert!(!is_worth_it(&own, &[], 200, &headers(&[("x-left", "0")])));
    }
}
