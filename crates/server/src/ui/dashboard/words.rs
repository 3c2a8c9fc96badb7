//! How things are said: instants, durations, counts, and what was done.

use std::time::Duration;

use valetkey_base::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// An instant as machines write it (RFC 3339, milliseconds, UTC), for `datetime` attributes.
pub(super) fn machine_time(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
    format!("{time:.3}")
}

/// An instant as people read it: `23 Nov 2026, 04:11:54 UTC`.
pub(super) fn full_time(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
    time.strftime("%-d %b %Y, %H:%M:%S UTC").to_string()
}

/// How long ago, or in how long: `just now`, `3 minutes ago`, `in 2 days`.
pub(super) fn relative_time(at: Timestamp, now: Timestamp) -> String {
    let seconds = (at.millis() - now.millis()).div_euclid(1000);
    if seconds.abs() < 10 {
        return "just now".to_owned();
    }
    let amount = amount(seconds.unsigned_abs().cast_signed());
    if seconds < 0 { format!("{amount} ago") } else { format!("in {amount}") }
}

fn amount(seconds: i64) -> String {
    let (count, unit) = match seconds {
        ..MINUTE => (seconds, "second"),
        MINUTE..HOUR => (seconds / MINUTE, "minute"),
        HOUR..DAY => (seconds / HOUR, "hour"),
        _ => (seconds / DAY, "day"),
    };
    counted(count, unit)
}

/// `1 connection`, `3 connections`, `12,345 connections`.
pub(super) fn counted(count: i64, what: &str) -> String {
    counted_as(count, what, &format!("{what}s"))
}

/// The same for words with a plural of their own.
pub(super) fn counted_as(count: i64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// With a comma at every thousand.
pub(super) fn number(count: i64) -> String {
    let digits = count.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if count < 0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How long something took: `850 ms`, `1.2 s`, `3 minutes`.
pub(super) fn duration(took: Duration) -> String {
    let ms = took.as_millis();
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..90_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => amount(i64::try_from(took.as_secs()).unwrap_or(i64::MAX)),
    }
}

/// What the page before this one did, by the name in the address. Only these sentences are ever
/// shown, whatever an address says.
pub(super) fn said(name: &str) -> Option<&'static str> {
    Some(match name {
        "saved" => "Saved.",
        "claimed" => "Claimed. It is a connection now.",
        "dismissed" => "Dismissed.",
        "created" => "Created.",
        "deleted" => "Deleted.",
        "restored" => "It is back, with what was deleted with it.",
        "key-revoked" => "The key does not work any more.",
        "refreshed" => "Refreshed: the provider gave new credentials.",
        "sent" => "Sent. The delivery below shows how it went.",
        "replayed" => "It is sent again.",
        "rotated" => "Replaced. The old one works beside it for a while.",
        "signed-out" => "You are signed out.",
        "session-ended" => "That session is over.",
        "sessions-ended" => "All other sessions are over.",
        "password-changed" => "Your password is changed, and your other sessions are over.",
        "passkey-added" => "Your passkey is added. The next time, sign in with it.",
        "passkey-removed" => "The passkey is removed.",
        "second-factor-off" => "The second factor is off.",
        "joined" => "Welcome. Sign in with your new password.",
        "withdrawn" => "The invitation does not work any more.",
        "member-removed" => "Removed. Their sessions are over.",
        "role-changed" => "Their role is changed.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_told_from_now() {
        let now = Timestamp::from_millis(1_772_356_211_120);
        let at = |seconds: i64| Timestamp::from_millis(now.millis() + seconds * 1000);
        assert_eq!(relative_time(at(-5), now), "just now");
        assert_eq!(relative_time(at(-60), now), "1 minute ago");
        assert_eq!(relative_time(at(-7200), now), "2 hours ago");
        assert_eq!(relative_time(at(3 * DAY), now), "in 3 days");
        assert_eq!(full_time(now), "1 Mar 2026, 09:10:11 UTC");
        assert_eq!(machine_time(now), "2026-03-01T09:10:11.120Z");
    }

    #[test]
    fn counts_read_well() {
        assert_eq!(counted(1, "connection"), "1 connection");
        assert_eq!(counted(12_345, "connection"), "12,345 connections");
        assert_eq!(number(1_000_000), "1,000,000");
        assert_eq!(duration(Duration::from_millis(850)), "850 ms");
        assert_eq!(duration(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(duration(Duration::from_mins(3)), "3 minutes");
    }
}
