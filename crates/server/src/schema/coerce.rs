//! Conversions that existing clients rely on: numbers, dates and booleans written as text.

use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::{Number, Value};
use valetkey_base::Timestamp;

/// Words that mean true in a query string, in the order messages list them.
pub(crate) const TRUE_WORDS: [&str; 6] = ["true", "1", "yes", "on", "y", "enabled"];
/// Words that mean false in a query string.
pub(crate) const FALSE_WORDS: [&str; 6] = ["false", "0", "no", "off", "n", "disabled"];

/// The largest distance from 1970 that a date may have, in milliseconds (ECMA-262 21.4.1.1).
const DATE_MILLIS_MAX: f64 = 8.64e15;

static RFC_2822: DateTimeParser = DateTimeParser::new();

/// Reads a boolean word, in any letter case.
pub(crate) fn boolean_word(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&TRUE_WORDS) {
        Some(true)
    } else if is(&FALSE_WORDS) {
        Some(false)
    } else {
        None
    }
}

/// Number coercion of a query value (ECMA-262 7.1.4.1): blanks trimmed, empty is zero, decimal,
/// exponent and `0x`/`0o`/`0b` forms. `None` stands for NaN and for the infinities.
pub(crate) fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::Bool(flag) => Some(Number::from(u8::from(*flag))),
        Value::String(text) => number_from_text(text.trim()),
        Value::Null => Some(Number::from(0)),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn number_from_text(text: &str) -> Option<Number> {
    if text.is_empty() {
        return Some(Number::from(0));
    }
    for (prefixes, radix) in [(["0x", "0X"], 16), (["0o", "0O"], 8), (["0b", "0B"], 2)] {
        if let Some(digits) = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix)) {
            let clean = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
            return i64::from_str_radix(digits, radix).ok().filter(|_| clean).map(Number::from);
        }
    }
    // Rust also reads the words `inf` and `nan`, which are not numbers here.
    if text.bytes().any(|byte| !matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) {
        return None;
    }
    whole_or_double(text.parse().ok()?)
}

/// The number as an integer where it is one, so that `5.0` and `5` are the same value.
pub(crate) fn whole_or_double(double: f64) -> Option<Number> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if double.fract() == 0.0 && double.abs() <= EXACT_MAX {
        return Some(Number::from(double as i64));
    }
    Number::from_f64(double)
}

/// Milliseconds since 1970 of whatever a client calls a date: milliseconds, an ISO 8601 text in
/// any of its lengths, an RFC 2822 text. `null` is 1970, which existing clients may depend on.
pub(crate) fn date_millis(value: &Value) -> Option<i64> {
    match value {
        Value::Null => Some(0),
        Value::Bool(flag) => Some(i64::from(*flag)),
        Value::Number(number) => {
            let millis = number.as_f64()?.trunc();
            (millis.abs() <= DATE_MILLIS_MAX).then_some(millis as i64)
        }
        Value::String(text) => date_from_text(text.trim()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn date_from_text(text: &str) -> Option<i64> {
    if text.is_empty() {
        return None;
    }
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let widened = match text.split_once('-') {
        None if text.len() == 4 && digits(text) => Some(format!("{text}-01-01")),
        Some((year, month)) if year.len() == 4 && month.len() == 2 && digits(month) => {
            Some(format!("{text}-01"))
        }
        _ => None,
    };
    Timestamp::parse_iso(widened.as_deref().unwrap_or(text))
        .map(Timestamp::millis)
        .or_else(|| RFC_2822.parse_timestamp(text).ok().map(jiff::Timestamp::as_millisecond))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_read_the_way_javascript_reads_them() {
        for (text, expected) in [
            (" 5 ", json!(5)),
            ("1e2", json!(100)),
            ("0x10", json!(16)),
            ("", json!(0)),
            ("-1.5", json!(-1.5)),
        ] {
            assert_eq!(number(&json!(text)).map(Value::Number), Some(expected), "{text:?}");
        }
        for text in ["five", "1 2", "NaN", "inf", "0x", "0x-1", "1_000", "1e999"] {
            assert_eq!(number(&json!(text)), None, "{text:?}");
        }
        assert_eq!(number(&json!(["1", "2"])), None);
    }

    #[test]
    fn dates_are_read_from_text_and_from_milliseconds() {
        let millis = 1_772_323_200_000;
        for text in [
            "2026-03-01",
            "2026-03",
            "2026-03-01T00:00:00Z",
            "2026-03-01 00:00:00Z",
            "2026-03-01T01:00:00.000+01:00",
            "Sun, 01 Mar 2026 00:00:00 GMT",
        ] {
            assert_eq!(date_millis(&json!(text)), Some(millis), "{text}");
        }
        assert_eq!(date_millis(&json!(1_772_323_200_000.9)), Some(millis));
        assert_eq!(date_millis(&json!(null)), Some(0));
        for bad in [json!("soon"), json!(""), json!(9e15), json!([]), json!("2026-13-01")] {
            assert_eq!(date_millis(&bad), None, "{bad}");
        }
    }

    #[test]
    fn boolean_words_ignore_case() {
        assert_eq!(boolean_word("YES"), Some(true));
        assert_eq!(boolean_word("Disabled"), Some(false));
        assert_eq!(boolean_word(""), None);
    }
}
