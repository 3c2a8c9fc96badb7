//! What the address of a list says: which operations, and where in the list.

use std::time::Duration;

use url::form_urlencoded;
use valetkey_base::Timestamp;
use valetkey_engine::logs::{OperationFilter, Position, Question};

use super::super::form::{Form, Issues};
use super::super::visit::Visit;
use crate::ui::dashboard::failure::Failure;

/// Name in the address, words, length.
pub(super) const PERIODS: [(&str, &str, Duration); 6] = [
    ("5m", "Last 5 minutes", Duration::from_mins(5)),
    ("1h", "Last hour", Duration::from_hours(1)),
    ("24h", "Last 24 hours", Duration::from_hours(24)),
    ("3d", "Last 3 days", Duration::from_hours(72)),
    ("7d", "Last 7 days", Duration::from_hours(24 * 7)),
    ("14d", "Last 14 days", Duration::from_hours(24 * 14)),
];

/// The parameters that make a filter. All else in an address is left out of links.
const NAMES: [&str; 8] =
    ["q", "state", "kind", "integration", "connection", "period", "from", "to"];

/// A filter, with what it was read from.
pub(super) struct Asked {
    pub(super) filter: OperationFilter,
    pub(super) before: Option<Position>,
    pub(super) issues: Issues,
    pairs: Vec<(&'static str, String)>,
}

impl Asked {
    pub(super) fn read(visit: &Visit) -> Result<Self, Failure> {
        let query = &visit.query;
        let mut issues = Issues::default();
        let text = |name: &str| query.filled(name).map(str::to_owned);
        let (kind, action) = match query.filled("kind").map(|kind| kind.split_once('.')) {
            Some(Some((kind, action))) => (Some(kind.to_owned()), Some(action.to_owned())),
            Some(None) => (text("kind"), None),
            None => (None, None),
        };
        let period = PERIODS.iter().find(|it| Some(it.0) == query.filled("period"));
        let mut since = period.map(|it| visit.now().minus(it.2));
        let mut until = None;
        if period.is_none() {
            since = instant(query, "from", &mut issues);
            until = instant(query, "to", &mut issues);
            if since.zip(until).is_some_and(|(since, until)| since >= until) {
                issues.add("to", "This is before the beginning.");
            }
        }
        let question = query.filled("q").map(Question::parse);
        if question == Some(None) {
            issues.add("q", "Type a word or a number to look for.");
        }
        let filter = OperationFilter {
            environment_id: visit.environment()?.id,
            state: text("state"),
            kind,
            action,
            integration_key: text("integration"),
            connection_id: text("connection"),
            since,
            until,
            question: question.flatten(),
        };
        let pairs = NAMES.iter().filter_map(|name| Some((*name, text(name)?))).collect();
        Ok(Self { filter, before: position(query.text("before")), issues, pairs })
    }

    /// What the address says of a name.
    pub(super) fn text(&self, name: &str) -> &str {
        self.pairs.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// Whether anything is filtered at all.
    pub(super) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The same list with another value of one name; none when it is empty.
    pub(super) fn link(&self, path: &str, name: &str, value: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (known, kept) in self.pairs.iter().filter(|(known, _)| *known != name) {
            query.append_pair(known, kept);
        }
        if !value.is_empty() {
            query.append_pair(name, value);
        }
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

/// A place in the list, as `before` in the address has it.
pub(super) fn position_text(position: &Position) -> String {
    format!("{}.{}", position.at.millis(), position.id)
}

fn position(text: &str) -> Option<Position> {
    let (at, id) = text.split_once('.')?;
    Some(Position { at: Timestamp::from_millis(at.parse().ok()?), id: id.to_owned() })
}

/// What a `datetime-local` field holds, taken as UTC.
fn instant(query: &Form, name: &str, issues: &mut Issues) -> Option<Timestamp> {
    let text = query.filled(name)?;
    let time = text.parse::<jiff::civil::DateTime>().ok();
    let time = time.and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok());
    if time.is_none() {
        issues.add(name, "Write it like 2026-03-01T09:30.");
    }
    time.map(|time| Timestamp::from_millis(time.timestamp().as_millisecond()))
}
