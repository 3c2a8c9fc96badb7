//! The moment in `${now…}`: an offset, and the format letters provider files use.

use std::time::Duration;

use valetkey_base::Timestamp;

/// `now`, `now:FORMAT` or `now±N:unit:FORMAT`; `None` when the expression is none of these.
pub fn render(expression: &str, now: Timestamp) -> Option<String> {
    let rest = expression.strip_prefix("now")?;
    if rest.is_empty() {
        return Some(now.to_iso_z());
    }
    if let Some(pattern) = rest.strip_prefix(':') {
        return Some(format(pattern, now));
    }
    let (sign, rest) = match rest.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (digits, rest) = rest.split_once(':')?;
    let (unit, pattern) = rest.split_once(':')?;
    let amount: i64 = digits.parse().ok()?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(format(pattern, shift(now, sign * amount, unit)?))
}

/// Whether a name starts like a moment, so that it is no value to look up.
pub fn is_moment(name: &str) -> bool {
    name == "now" || ["now:", "now+", "now-"].iter().any(|start| name.starts_with(start))
}

fn shift(now: Timestamp, amount: i64, unit: &str) -> Option<Timestamp> {
    let unit_ms: i64 = match unit {
        "ms" | "millisecond" | "milliseconds" => 1,
        "s" | "second" | "seconds" => 1000,
        "m" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        "w" | "week" | "weeks" => 7 * 86_400_000,
        "M" | "month" | "months" => return shift_months(now, amount),
        "y" | "year" | "years" => return shift_months(now, amount.checked_mul(12)?),
        _ => return None,
    };
    let duration = Duration::from_millis(amount.checked_mul(unit_ms)?.unsigned_abs());
    Some(if amount < 0 { now.minus(duration) } else { now.plus(duration) })
}

fn shift_months(now: Timestamp, months: i64) -> Option<Timestamp> {
    let instant = jiff::Timestamp::from_millisecond(now.millis()).ok()?;
    let span = jiff::Span::new().try_months(months).ok()?;
    let moved = instant.to_zoned(jiff::tz::TimeZone::UTC).checked_add(span).ok()?;
    Some(Timestamp::from_millis(moved.timestamp().as_millisecond()))
}

/// Longest first, so that `YYYY` is not read as `YY` twice.
const TOKENS: &[(&str, &str)] = &[
    ("YYYY", "%Y"),
    ("MMMM", "%B"),
    ("dddd", "%A"),
    ("MMM", "%b"),
    ("ddd", "%a"),
    ("SSS", "%3f"),
    ("YY", "%y"),
    ("MM", "%m"),
    ("DD", "%d"),
    ("HH", "%H"),
    ("hh", "%I"),
    ("mm", "%M"),
    ("ss", "%S"),
    ("ZZ", "+0000"),
    ("M", "%-m"),
    ("D", "%-d"),
    ("H", "%-H"),
    ("h", "%-I"),
    ("m", "%-M"),
    ("s", "%-S"),
    ("Z", "+00:00"),
    ("A", "%p"),
    ("a", "%P"),
    ("X", "X"),
    ("x", "x"),
];

fn format(pattern: &str, moment: Timestamp) -> String {
    let mut text = String::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        if let Some((literal, after)) =
            rest.strip_prefix('[').and_then(|inner| inner.split_once(']'))
        {
            text.push_str(literal);
            rest = after;
        } else if let Some((token, meaning)) =
            TOKENS.iter().find(|(token, _)| rest.starts_with(token))
        {
            match *meaning {
                "X" => text.push_str(&moment.seconds().to_string()),
                "x" => text.push_str(&moment.millis().to_string()),
                meaning if meaning.starts_with('%') => text.push_str(&moment.format(meaning)),
                meaning => text.push_str(meaning),
            }
            rest = &rest[token.len()..];
        } else {
            text.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(expression: &str) -> Option<String> {
        render(expression, Timestamp::parse_iso("2026-03-01T09:10:11.120Z").unwrap())
    }

    #[test]
    fn every_shape_the_data_uses() {
        assert_eq!(at("now").unwrap(), "2026-03-01T09:10:11.120Z");
        assert_eq!(at("now:YYYY-MM-DDTHH:mm:ss").unwrap(), "2026-03-01T09:10:11");
        assert_eq!(at("now:YYYYMMDDTHHmmss[Z]").unwrap(), "20260301T091011Z");
        assert_eq!(
            at("now:ddd, DD MMM YYYY HH:mm:ss ZZ").unwrap(),
            "Sun, 01 Mar 2026 09:10:11 +0000"
        );
        assert_eq!(at("now:X").unwrap(), "1772356211");
        assert_eq!(at("now:x.SSS").unwrap(), "1772356211120.120");
        assert_eq!(at("now+1:minutes:X").unwrap(), "1772356271");
        assert_eq!(at("now+7:days:YYYY-MM-DD").unwrap(), "2026-03-08");
        assert_eq!(at("now-1:day:YYYY-MM-DD").unwrap(), "2026-02-28");
        assert_eq!(at("now+1:month:YYYY-MM-DD").unwrap(), "2026-04-01");
    }

    #[test]
    fn anything_else_is_no_moment() {
        for wrong in ["nowhere", "now+1:fortnights:X", "now+x:days:X", "now+1:days", "now~"] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
        assert_eq!(at("now+9223372036854775807:weeks:X"), None);
    }
}
