//! Rows of operations, their messages and words, and the counts per hour and day.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use serde_json::{Value, json};
use valetkey_store::{HOUR_MS, duration_step, indexed_words};

use super::cast::Cast;
use super::dice::For;
use super::load::{Rows, Table, cells};
use super::sorts::{FAILURE_CODE, FAILURES, Failure, Sort};

/// A hundred deliveries of the whole log, or each twentieth where there are few, got a rare answer.
const RARE: u64 = 100;
const RARE_STATUS: u16 = 418;
const HOOK: &str = "https://app.example.com/hooks/valetkey";

const OPERATIONS: Table = Table {
    name: "operations",
    columns: &[
        "id",
        "environment_id",
        "kind",
        "action",
        "state",
        "title",
        "integration_key",
        "provider",
        "connection_row",
        "connection_id",
        "error",
        "created_at",
        "ended_at",
        "token_expires_at",
    ],
    on_sqlite: None,
};
const MESSAGES: Table = Table {
    name: "messages",
    columns: &["operation_id", "level", "message", "detail", "created_at"],
    on_sqlite: None,
};
const TEXTS: Table = Table {
    name: "operation_texts",
    columns: &["operation_id", "created_at", "words"],
    on_sqlite: Some(&["rowid", "words", "operation_id"]),
};
const COUNTS: Table = Table {
    name: "operation_counts",
    columns: &["environment_id", "hour", "kind", "action", "state", "integration_key", "times"],
    on_sqlite: None,
};

const DAYS: Table = Table {
    name: "operation_days",
    columns: &["environment_id", "day", "kind", "action", "state", "integration_key", "times"],
    on_sqlite: None,
};

const DURATIONS: Table = Table {
    name: "operation_durations",
    columns: &["environment_id", "hour", "kind", "integration_key", "step", "times"],
    on_sqlite: None,
};

const DURATION_DAYS: Table = Table {
    name: "operation_duration_days",
    columns: &["environment_id", "day", "kind", "integration_key", "step", "times"],
    on_sqlite: None,
};

/// An operation.
struct Operation<'a> {
    id: String,
    at: i64,
    sort: Sort,
    action: &'static str,
    title: String,
    key: &'a str,
    provider: &'static str,
    /// None for flows that came to no connection.
    connection: Option<(i64, String)>,
    error: Option<Value>,
    took_ms: i64,
}

fn error_of(failure: &Failure) -> Value {
    json!({
        "class": failure.class, "code": FAILURE_CODE, "message": failure.message,
        "provider_status": failure.status, "provider_error": failure.error,
        "provider_description": failure.description,
    })
}

fn sort_of(cast: &Cast, number: u64) -> (Sort, u64) {
    if let Some(connection) = cast.failure_of(number) {
        return (Sort::RefreshFailed, connection);
    }
    let connection = cast.dice(For::Connection, number).below(cast.plan.connections);
    if is_rare(cast, number) {
        return (Sort::NotDelivered, connection);
    }
    (Sort::at(cast.dice(For::Operation, number).share()), connection)
}

fn is_rare(cast: &Cast, number: u64) -> bool {
    number % (cast.plan.operations / RARE).max(20) == 7
}

fn action_of(sort: Sort, number: u64) -> &'static str {
    match sort {
        Sort::Refreshed | Sort::RefreshFailed => "refresh_token",
        Sort::Delivered | Sort::NotDelivered if number.is_multiple_of(8) => "connection_create",
        Sort::Delivered | Sort::NotDelivered => "connection_refresh",
        Sort::Connected | Sort::Left | Sort::ConnectFailed => "create_connection",
    }
}

fn operation(cast: &Cast, number: u64) -> Operation<'_> {
    let (sort, connection) = sort_of(cast, number);
    let dice = cast.dice(For::Operation, number).again();
    let integration = &cast.integrations[cast.integration_of(connection)];
    let failure = cast.failing(connection).filter(|it| it.operation == number);
    let failure = failure.map_or(&FAILURES[dice.below(8) as usize], |it| it.failure);
    let status = if is_rare(cast, number) { RARE_STATUS } else { dice.of(&[500, 502, 503, 404]) };
    let unanswered = format!("the answer had status {status}");
    let (title, error) = match sort {
        Sort::Refreshed => ("Token refreshed".to_owned(), None),
        Sort::RefreshFailed => {
            (format!("Refresh failed: {}", failure.message), Some(error_of(failure)))
        }
        Sort::Delivered => ("Webhook delivered".to_owned(), None),
        Sort::NotDelivered => (
            format!("Webhook not delivered: {unanswered}"),
            Some(json!({"code": "webhook_delivery_failed", "message": unanswered})),
        ),
        Sort::Connected | Sort::Left => ("Connect session".to_owned(), None),
        Sort::ConnectFailed => (
            "Connect session".to_owned(),
            Some(json!({
                "code": "access_denied", "message": "The user denied the request.",
                "provider_error": "access_denied",
            })),
        ),
    };
    let came_to_one = !matches!(sort, Sort::Left | Sort::ConnectFailed);
    Operation {
        id: cast.operation_id(number),
        at: cast.operated_at(number),
        sort,
        action: action_of(sort, number),
        title,
        key: &integration.key,
        provider: integration.provider,
        connection: came_to_one.then(|| (cast.row(connection), cast.connection_id(connection))),
        error,
        took_ms: took_ms(cast, number),
    }
}

fn took_ms(cast: &Cast, number: u64) -> i64 {
    40 + cast.dice(For::Operation, number).again().again().below(900) as i64
}

/// Level, sentence and detail.
type Message = (&'static str, String, Option<String>);

fn messages(it: &Operation, number: u64) -> Vec<Message> {
    let step = |text: &str| ("info", text.to_owned(), None);
    match it.sort {
        Sort::Connected => vec![
            step("The window was opened"),
            step("The provider sent the browser back"),
            step("The connection was stored"),
        ],
        Sort::ConnectFailed => vec![
            step("The window was opened"),
            ("error", "The user denied the request at the provider".to_owned(), None),
        ],
        Sort::Left => vec![step("The window was closed before the end")],
        Sort::Delivered | Sort::NotDelivered => {
            let is_good = it.sort == Sort::Delivered;
            let attempt = 1 + number % 3;
            let (level, what) =
                if is_good { ("info", "delivered") } else { ("warn", "to be tried again") };
            let detail = json!({
                "method": "POST", "url": HOOK, "attempt": attempt, "duration_ms": it.took_ms,
                "event_id": format!("evt_{number}"),
                "error": it.error.as_ref().map(|error| error["message"].clone()),
            });
            let text = format!("POST {HOOK}, attempt {attempt}: {what}");
            vec![(level, text, Some(detail.to_string()))]
        }
        Sort::Refreshed | Sort::RefreshFailed => Vec::new(),
    }
}

/// What is remembered from one batch to the next.
#[derive(Default)]
pub(super) struct Log {
    /// The last millisecond, and how many rows of words began in it.
    last: (i64, i64),
}

impl Log {
    pub(super) fn batch(&mut self, cast: &Cast, range: Range<u64>) -> Vec<Rows> {
        let mut rows = [Rows::of(OPERATIONS), Rows::of(MESSAGES), Rows::of(TEXTS)];
        for number in range {
            self.write(cast, &operation(cast, number), number, &mut rows);
        }
        rows.into()
    }

    fn write(&mut self, cast: &Cast, it: &Operation, number: u64, rows: &mut [Rows; 3]) {
        let error = it.error.as_ref().map(Value::to_string);
        let id = it.connection.as_ref().map(|(_, id)| id.as_str());
        let all = messages(it, number);
        let texts: Vec<&str> = all.iter().map(|(_, text, _)| text.as_str()).collect();
        let end = [it.id.as_str(), it.key, id.unwrap_or_default()];
        if it.action == "create_connection" {
            // Begun by a session, which knows neither, and ended later.
            self.index(cast, it, &[&it.id, &it.title], None, &mut rows[2]);
            self.index(cast, it, &texts, None, &mut rows[2]);
            self.index(cast, it, &end, error.as_deref(), &mut rows[2]);
        } else {
            let whole = [end[0], it.title.as_str(), end[1], end[2]];
            self.index(cast, it, &whole, error.as_deref(), &mut rows[2]);
            self.index(cast, it, &texts, None, &mut rows[2]);
        }
        for (place, (level, text, detail)) in all.into_iter().enumerate() {
            let at = it.at + place as i64;
            rows[1].push(cells![it.id.as_str(), level, text, detail, at]);
        }
        rows[0].push(cells![
            it.id.as_str(),
            cast.plan.environment_id,
            it.sort.kind(),
            it.action,
            it.sort.state(),
            it.title.as_str(),
            it.key,
            it.provider,
            it.connection.as_ref().map(|(row, _)| *row),
            id,
            error,
            it.at,
            it.at + it.took_ms,
            (it.sort == Sort::Refreshed).then_some(it.at + it.took_ms + HOUR_MS),
        ]);
    }

    /// A row of words, as the store makes it.
    fn index(
        &mut self,
        cast: &Cast,
        it: &Operation,
        texts: &[&str],
        json: Option<&str>,
        rows: &mut Rows,
    ) {
        let words = indexed_words(texts, json);
        if words.is_empty() {
            return;
        }
        self.last = if self.last.0 == it.at { (it.at, self.last.1 + 1) } else { (it.at, 1) };
        let words = format!("_{} {words}", cast.plan.environment_id);
        let row = it.at * 1_048_576 + self.last.1;
        rows.push_on_sqlite(cells![row, words.as_str(), it.id.as_str()]);
        rows.push(cells![it.id.as_str(), it.at, words]);
    }
}

/// Operations per hour, and how long they took.
#[derive(Default)]
pub(super) struct Counts {
    /// By hour, kind, action, state and integration.
    times: BTreeMap<(i64, &'static str, &'static str, &'static str, usize), i64>,
    /// By hour, kind, integration and step of the scale.
    durations: BTreeMap<(i64, &'static str, usize, i64), i64>,
}

impl Counts {
    pub(super) fn count(&mut self, cast: &Cast) {
        for number in 0..cast.plan.operations {
            let (sort, connection) = sort_of(cast, number);
            let at = cast.operated_at(number);
            let integration = cast.integration_of(connection);
            let (hour, kind, action) = (at - at % HOUR_MS, sort.kind(), action_of(sort, number));
            let alike = (hour, kind, action, sort.state(), integration);
            *self.times.entry(alike).or_default() += 1;
            if kind == "webhook" || action == "refresh_token" {
                let took = Duration::from_millis(took_ms(cast, number).unsigned_abs());
                let alike = (hour, kind, integration, duration_step(took) as i64);
                *self.durations.entry(alike).or_default() += 1;
            }
        }
    }

    pub(super) fn rows(self, cast: &Cast) -> Vec<Rows> {
        let (mut rows, mut of_days) = (Rows::of(COUNTS), Rows::of(DAYS));
        let environment = cast.plan.environment_id;
        let mut days = BTreeMap::new();
        for ((hour, kind, action, state, integration), times) in self.times {
            let key = cast.integrations[integration].key.as_str();
            rows.push(cells![environment, hour, kind, action, state, key, times]);
            *days.entry((hour / (24 * HOUR_MS), kind, action, state, key)).or_insert(0) += times;
        }
        for ((day, kind, action, state, key), times) in days {
            of_days.push(cells![environment, day, kind, action, state, key, times]);
        }
        let (mut durations, mut duration_days) = (Rows::of(DURATIONS), Rows::of(DURATION_DAYS));
        let mut days = BTreeMap::new();
        for ((hour, kind, integration, step), times) in self.durations {
            let key = cast.integrations[integration].key.as_str();
            durations.push(cells![environment, hour, kind, key, step, times]);
            *days.entry((hour / (24 * HOUR_MS), kind, key, step)).or_insert(0) += times;
        }
        for ((day, kind, key, step), times) in days {
            duration_days.push(cells![environment, day, kind, key, step, times]);
        }
        vec![rows, of_days, durations, duration_days]
    }
}
