//! Operations in words.

use std::time::Duration;

use valetkey_base::Timestamp;
use valetkey_engine::logs::Operation;

use super::super::words;

/// Name in the address, word, colour.
pub(super) const STATES: [(&str, &str, &str); 6] = [
    ("failed", "Failed", "bad"),
    ("timeout", "Timed out", "bad"),
    ("cancelled", "Left unfinished", "warn"),
    ("running", "Running", ""),
    ("waiting", "Waiting", ""),
    ("success", "Succeeded", "good"),
];

/// Kind and action as in the address, and words for them.
pub(super) const ACTIONS: [(&str, &str, &str); 7] = [
    ("auth", "create_connection", "Authorization"),
    ("auth", "refresh_token", "Token refresh"),
    ("proxy", "call", "Proxied call"),
    ("webhook", "connection_create", "Webhook: connection made"),
    ("webhook", "forward", "Webhook: passed on"),
    ("webhook", "incoming", "Webhook of a provider"),
    ("webhook", "connection_refresh", "Webhook: token refreshed"),
];

/// Word and colour of a state.
pub(super) fn state(name: &str) -> (String, &'static str) {
    let known = STATES.iter().find(|(known, ..)| *known == name);
    known.map_or_else(|| (name.to_owned(), ""), |(_, word, colour)| ((*word).to_owned(), *colour))
}

/// What an operation did.
pub(super) fn action(kind: &str, action: &str) -> String {
    let known = ACTIONS.iter().find(|it| it.0 == kind && it.1 == action);
    known.map_or_else(|| format!("{kind}: {action}"), |it| it.2.to_owned())
}

/// How long an operation took.
pub(super) fn duration(operation: &Operation, now: Timestamp) -> String {
    match operation.ended_at {
        Some(end) => words::duration(end.since(operation.created_at)),
        None if now.since(operation.created_at) < Duration::from_secs(1) => String::new(),
        None => format!("{} so far", words::duration(now.since(operation.created_at))),
    }
}

/// An instant to the millisecond, as a table of many within one second needs it.
pub(super) fn exact_time(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
    time.strftime("%-d %b %Y, %H:%M:%S%.3f UTC").to_string()
}
