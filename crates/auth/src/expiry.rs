//! When a token ends, from the many ways providers say it.

use std::time::Duration;

use serde_json::Value;
use valetkey_base::Timestamp;

/// Longest lifetime believed, in seconds: 99 years.
pub const LIFETIME_SECONDS_MAX: u64 = 99 * 365 * 86_400;

/// 1 January 1972 in milliseconds: a number that large counts milliseconds, a smaller one seconds.
const MILLISECONDS_FROM: f64 = 63_072_000_000.0;

/// Whether the instant has a four-digit year, so that it can be written down.
pub(crate) fn is_printable(instant: Timestamp) -> bool {
    (0..253_402_300_800_000).contains(&instant.millis())
}

/// A lifetime from now. Zero and less mean that the provider names no end.
pub fn after(now: Timestamp, seconds: f64) -> Option<Timestamp> {
    if seconds.is_nan() || seconds <= 0.0 {
        return None;
    }
    let millis = (seconds * 1000.0).min(LIFETIME_SECONDS_MAX as f64 * 1000.0);
    Some(now.plus(Duration::from_millis(millis as u64)))
}

/// An `expires_at`: epoch seconds or milliseconds (also as text), a date, or `days:hours:minutes`
/// from now.
pub fn parse_moment(value: &Value, now: Timestamp) -> Option<Timestamp> {
    let instant = match value {
        Value::Number(number) => epoch(number.as_f64()?),
        Value::String(text) => {
            let text = text.trim();
            match text.parse::<f64>() {
                Ok(number) => epoch(number),
                Err(_) => Timestamp::parse_iso(text).or_else(|| relative(text, now)),
            }
        }
        _ => None,
    }?;
    let latest = now.plus(Duration::from_secs(LIFETIME_SECONDS_MAX));
    Some(instant.min(latest)).filter(|instant| is_printable(*instant))
}

/// An `expires_in`: a number or the text of one.
pub fn parse_lifetime(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

/// A lifetime in seconds: a number, or a text such as `1d`, `2 hours` or `1.5h`.
pub fn parse_duration(value: &Value) -> Option<f64> {
    if let Some(seconds) = parse_lifetime(value) {
        return Some(seconds);
    }
    let text = value.as_str()?.trim();
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(at);
    let unit_seconds = match unit.trim().to_ascii_lowercase().as_str() {
        "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        "y" | "yr" | "yrs" | "year" | "years" => 31_557_600.0,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    Some(number * unit_seconds).filter(|seconds| seconds.is_finite())
}

fn epoch(number: f64) -> Option<Timestamp> {
    if !number.is_finite() || number <= 0.0 {
        return None;
    }
    let millis = if number >= MILLISECONDS_FROM { number } else { number * 1000.0 };
    Some(Timestamp::from_millis(millis as i64))
}

fn relative(text: &str, now: Timestamp) -> Option<Timestamp> {
    let mut parts = text.split(':').map(|part| part.parse::<u32>().ok());
    let (days, hours, minutes) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() {
        return None;
    }
    let seconds = u64::from(days) * 86_400 + u64::from(hours) * 3_600 + u64::from(minutes) * 60;
    after(now, seconds as f64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_772_356_211_120);

    fn moment(value: &Value) -> Option<String> {
        parse_moment(value, NOW).map(Timestamp::to_iso_z)
    }

    #[test]
    fn moments_in_every_shape() {
        for value in [
            json!(1_772_359_811),
            json!(1_772_359_811_000_i64),
            json!("1772359811"),
            json!("1772359811000"),
            json!("2026-03-01T10:10:11Z"),
            json!("2026-03-01T11:10:11+01:00"),
        ] {
            assert_eq!(moment(&value).unwrap(), "2026-03-01T10:10:11.000Z", "{value}");
        }
        assert_eq!(moment(&json!("1:02:03")).unwrap(), "2026-03-02T11:13:11.120Z");
        for nothing in [json!("soon"), json!(0), json!(null), json!({}), json!("1:2"), json!(-5)] {
            assert_eq!(moment(&nothing), None, "{nothing}");
        }
    }

    #[test]
    fn durations_in_words() {
        for (text, seconds) in
            [("3600", 3600.0), ("2h", 7200.0), ("1 day", 86_400.0), ("1.5 hours", 5400.0)]
        {
            assert_eq!(parse_duration(&json!(text)), Some(seconds), "{text}");
        }
        assert_eq!(parse_duration(&json!(60)), Some(60.0));
        for nothing in [json!("soon"), json!("2 moons"), json!("h"), json!(null), json!("1.2.3h")] {
            assert_eq!(parse_duration(&nothing), None, "{nothing}");
        }
    }

    #[test]
    fn absurd_lifetimes_end_in_99_years() {
        let latest = NOW.plus(Duration::from_secs(LIFETIME_SECONDS_MAX));
        assert_eq!(after(NOW, 9e18), Some(latest));
        assert_eq!(parse_moment(&json!(9e17), NOW), Some(latest));
        assert_eq!(after(NOW, 0.0), None);
        assert_eq!(after(NOW, -1.0), None);
        assert_eq!(parse_lifetime(&json!("3600")), Some(3600.0));
        assert_eq!(parse_lifetime(&json!("1e999")), None);
    }
}
