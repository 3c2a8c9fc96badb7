//! Numbers with units as people write them: `30s`, `15d`, `75MiB`.

use std::time::Duration;

const DURATIONS: &[(&str, u64)] =
    &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: &[(&str, u64)] = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Reads a whole number with its unit: `ms`, `s`, `m`, `h` or `d`. Nothing at all needs no unit.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    scaled(text, DURATIONS).map(Duration::from_millis)
}

/// Reads a whole number with its unit: `B`, `KiB`, `MiB` or `GiB`.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    scaled(text, SIZES)
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// The largest unit that leaves no remainder, for messages.
pub(crate) fn show_duration(duration: Duration) -> String {
    show(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), DURATIONS)
}

/// See [`show_duration`].
pub(crate) fn show_bytes(bytes: u64) -> String {
    show(bytes, SIZES)
}

fn show(number: u64, units: &[(&str, u64)]) -> String {
    let fitting =
        units.iter().rev().find(|(_, factor)| number.is_multiple_of(*factor) && number > 0);
    let (name, factor) = fitting.unwrap_or(&units[0]);
    format!("{}{name}", number / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_required_and_nothing_overflows() {
        assert_eq!(duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(duration("15 d"), Some(Duration::from_hours(15 * 24)));
        assert_eq!(duration("0"), Some(Duration::ZERO));
        assert_eq!(bytes("75MiB"), Some(75 * 1024 * 1024));
        for bad in
            ["", "30", "s", "-1s", "1.5h", "1w", "99999999999999999999s", "18446744073709551615d"]
        {
            assert_eq!(duration(bad), None, "{bad}");
        }
        assert_eq!(bytes("75MB"), None);
    }

    #[test]
    fn shown_texts_read_back() {
        assert_eq!(show_duration(Duration::from_mins(90)), "90m");
        assert_eq!(show_duration(Duration::ZERO), "0ms");
        assert_eq!(show_bytes(1 << 30), "1GiB");
    }
}
