//! Instants in milliseconds UTC, and the clock that hands them out.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An instant: milliseconds since the Unix epoch, UTC. The database stores exactly this number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This instant plus a duration, saturating.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This instant minus a duration, saturating.
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long ago `earlier` was; zero when it lies in the future.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// `2026-03-01T09:10:11.120Z`: always three fraction digits.
    pub fn to_iso_z(self) -> String {
        self.to_iso("Z")
    }

    /// `2026-03-01T09:10:11.120+00:00`: the form some endpoints use instead of `Z`.
    pub fn to_iso_offset(self) -> String {
        self.to_iso("+00:00")
    }

    /// Every answer has three of these, so the digits are written by hand.
    fn to_iso(self, suffix: &str) -> String {
        let instant = jiff::Timestamp::from_millisecond(self.0).unwrap_or_default();
        let at = jiff::tz::Offset::UTC.to_datetime(instant);
        let mut text = String::with_capacity(29);
        if at.year() < 0 {
            text.push('-');
        }
        let parts = [
            (u32::from(at.year().unsigned_abs()), 4, '-'),
            (u32::from(at.month().unsigned_abs()), 2, '-'),
            (u32::from(at.day().unsigned_abs()), 2, 'T'),
            (u32::from(at.hour().unsigned_abs()), 2, ':'),
            (u32::from(at.minute().unsigned_abs()), 2, ':'),
            (u32::from(at.second().unsigned_abs()), 2, '.'),
        ];
        for (number, digits, after) in parts {
            push_digits(&mut text, number, digits);
            text.push(after);
        }
        push_digits(&mut text, u32::from(at.millisecond().unsigned_abs()), 3);
        text.push_str(suffix);
        text
    }

    /// The instant in UTC by a `strftime` format.
    pub fn format(self, format: &str) -> String {
        let instant = jiff::Timestamp::from_millisecond(self.0).unwrap_or_default();
        instant.to_zoned(jiff::tz::TimeZone::UTC).strftime(format).to_string()
    }

    /// Reads an RFC 3339 instant, or a bare date which means its midnight UTC.
    pub fn parse_iso(text: &str) -> Option<Self> {
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Some(Self(instant.as_millisecond()));
        }
        let date_time = text.parse::<jiff::civil::DateTime>().ok()?;
        let zoned = date_time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Self(zoned.timestamp().as_millisecond()))
    }

    /// Reads the preferred date format of HTTP (RFC 9110, section 5.6.7), such as
    /// `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(Self(zoned.timestamp().as_millisecond()))
    }
}

fn push_digits(text: &mut String, number: u32, digits: u32) {
    for place in (0..digits).rev() {
        let digit = number / 10u32.pow(place) % 10;
        text.push(char::from_digit(digit, 10).unwrap_or('0'));
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_iso_z())
    }
}

/// Where "now" comes from: the machine, or a test's hand.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until [`Clock::advance`] moves it. All clones share it.
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.millis()))))
    }

    /// The current instant.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp(jiff::Timestamp::now().as_millisecond()),
            Source::Manual(millis) => Timestamp(millis.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock forward. The machine's clock is left alone.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(millis) = &self.0 {
            millis.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_carry_three_digits_and_the_asked_suffix() {
        let instant = Timestamp::from_millis(1_772_356_211_120);
        assert_eq!(instant.to_iso_z(), "2026-03-01T09:10:11.120Z");
        assert_eq!(instant.to_iso_offset(), "2026-03-01T09:10:11.120+00:00");
    }

    #[test]
    fn digits_written_by_hand_are_those_of_the_calendar() {
        for millis in [0, 1, -1, 999, 951_782_399_999, 4_102_444_800_000, 253_402_300_799_999] {
            let instant = Timestamp::from_millis(millis);
            assert_eq!(instant.to_iso_z(), instant.format("%Y-%m-%dT%H:%M:%S%.3fZ"));
        }
    }

    #[test]
    fn reads_instants_with_offsets_and_bare_dates() {
        assert_eq!(
            Timestamp::parse_iso("2026-03-01T10:10:11.12+01:00").unwrap().millis(),
            1_772_356_211_120
        );
        assert_eq!(
            Timestamp::parse_iso("2026-03-01").unwrap().to_iso_z(),
            "2026-03-01T00:00:00.000Z"
        );
        assert_eq!(Timestamp::parse_iso("soon"), None);
        let date = Timestamp::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(date.to_iso_z(), "1994-11-06T08:49:37.000Z");
        assert_eq!(Timestamp::parse_http_date("1994-11-06"), None);
    }

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = Clock::manual(Timestamp::from_millis(5));
        let other = clock.clone();
        other.advance(Duration::from_secs(1));
        assert_eq!(clock.now().millis(), 1005);
    }
}
