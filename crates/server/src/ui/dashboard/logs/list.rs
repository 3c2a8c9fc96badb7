//! The list of operations.

use std::time::Duration;

use askama::Template;
use axum::response::Response;
use url::form_urlencoded;
use valetkey_base::Timestamp;
use valetkey_engine::logs::{Operation, OperationGroup, Position};

use super::super::failure::Failure;
use super::super::form::Issues;
use super::super::frame::Frame;
use super::super::visit::Visit;
use super::super::words;
use super::filter::{Asked, PERIODS, position_text};
use super::{connection_link, integration_link, operation_link, told};

/// Rows of a page.
const PAGE_ROWS: i64 = 50;
/// From here on a count is "or more".
const COUNT_MAX: i64 = 1000;

/// An operation, as the list shows it.
struct Row {
    link: String,
    at: String,
    full: String,
    ago: String,
    duration: String,
    state: String,
    colour: &'static str,
    action: String,
    title: String,
    integration: Option<(String, String)>,
    connection: Option<(String, String)>,
}

/// A value of a filter to choose, with how many there are.
struct Choice {
    title: String,
    count: String,
    link: String,
    is_chosen: bool,
}

/// A value of a field to choose.
struct Item {
    value: String,
    title: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "dashboard/logs.html")]
struct ListPage {
    frame: Frame,
    path: String,
    rows: Vec<Row>,
    states: Vec<Choice>,
    kinds: Vec<Choice>,
    integrations: Vec<Item>,
    periods: Vec<Item>,
    q: String,
    state: String,
    kind: String,
    connection: String,
    from: String,
    to: String,
    /// Whether anything is filtered.
    is_filtered: bool,
    /// Where the next page is.
    older: Option<String>,
    /// How far back it looked, when it stopped before the page was full.
    looked_back_to: Option<String>,
    /// Whether a beginning stands for more words than were looked for.
    left_out: bool,
    /// Where the first page is, from a later one.
    newest: Option<String>,
    /// Where to hear of newer operations.
    live: Option<String>,
    retention: String,
    issues: Issues,
}

pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    let asked = Asked::read(&visit)?;
    let path = visit.environment_link("/logs");
    let mut page = empty_page(&visit, &asked, &path).await?;
    if !asked.issues.is_empty() {
        return Ok(visit.corrected(&page));
    }
    let engine = visit.engine();
    let before = asked.before.as_ref();
    let (found, groups, has_more) = engine.operation_list(&asked.filter, before, PAGE_ROWS).await?;
    page.states = states(&asked, &path, &groups, has_more);
    page.kinds = kinds(&asked, &path, &groups, has_more);
    let at = |position: &Position| asked.link(&path, "before", &position_text(position));
    page.older = found.older.as_ref().map(at);
    page.looked_back_to =
        found.older.as_ref().filter(|_| found.is_cut).map(|at| words::full_time(at.at));
    page.left_out = found.left_out;
    page.newest = asked.before.is_some().then(|| asked.link(&path, "before", ""));
    if asked.before.is_none() && asked.filter.until.is_none() {
        page.live = Some(live_link(&visit, &asked, &found.rows));
    }
    let now = visit.now();
    page.rows = found.rows.into_iter().map(|it| row(&visit, it, now)).collect();
    Ok(visit.page(&page))
}

/// The page with its form, and without operations.
async fn empty_page(visit: &Visit, asked: &Asked, path: &str) -> Result<ListPage, Failure> {
    let integrations = visit.engine().integrations(visit.environment()?).await?;
    let chosen = asked.text("integration");
    let integrations = integrations.into_iter().map(|(row, _)| Item {
        is_chosen: row.unique_key == chosen,
        title: row.display_name.unwrap_or_else(|| row.unique_key.clone()),
        value: row.unique_key,
    });
    let periods = PERIODS.iter().map(|(value, title, _)| Item {
        value: (*value).to_owned(),
        title: (*title).to_owned(),
        is_chosen: *value == asked.text("period"),
    });
    let text = |name: &str| asked.text(name).to_owned();
    Ok(ListPage {
        frame: visit.frame("Logs"),
        path: path.to_owned(),
        rows: Vec::new(),
        states: Vec::new(),
        kinds: Vec::new(),
        integrations: integrations.collect(),
        periods: periods.collect(),
        q: text("q"),
        state: text("state"),
        kind: text("kind"),
        connection: text("connection"),
        from: text("from"),
        to: text("to"),
        is_filtered: !asked.is_empty(),
        older: None,
        looked_back_to: None,
        left_out: false,
        newest: None,
        live: None,
        retention: retention(visit.engine().settings().log_retention),
        issues: asked.issues.clone(),
    })
}

fn retention(kept: Duration) -> String {
    words::duration(kept)
}

fn row(visit: &Visit, it: Operation, now: Timestamp) -> Row {
    let (state, colour) = told::state(&it.state);
    let key = it.integration_key.clone();
    Row {
        link: operation_link(visit, &it.id),
        at: words::machine_time(it.created_at),
        full: told::exact_time(it.created_at),
        ago: words::relative_time(it.created_at, now),
        duration: told::duration(&it, now),
        state,
        colour,
        action: told::action(&it.kind, &it.action),
        integration: key.clone().map(|key| (integration_link(visit, &key), key)),
        connection: it
            .connection_id
            .map(|id| (connection_link(visit, key.as_deref().unwrap_or_default(), &id), id)),
        title: it.title,
    }
}

/// How many, where there may be more than were counted.
fn count(times: i64, has_more: bool) -> String {
    match times {
        COUNT_MAX.. => format!("{}+", words::number(COUNT_MAX)),
        0 if has_more => String::new(),
        _ if has_more => format!("{}+", words::number(times)),
        _ => words::number(times),
    }
}

fn states(asked: &Asked, path: &str, groups: &[OperationGroup], has_more: bool) -> Vec<Choice> {
    let filter = &asked.filter;
    let fits = |group: &&OperationGroup| {
        filter.kind.as_ref().is_none_or(|kind| *kind == group.kind)
            && filter.action.as_ref().is_none_or(|action| *action == group.action)
    };
    let times = |state: &str| -> i64 {
        let mine = groups.iter().filter(fits).filter(|it| state.is_empty() || it.state == state);
        mine.map(|group| group.times).sum()
    };
    let choice = |value: &str, title: &str| Choice {
        title: title.to_owned(),
        count: count(times(value), has_more),
        link: asked.link(path, "state", value),
        is_chosen: asked.text("state") == value,
    };
    let mut all = vec![choice("", "All")];
    all.extend(told::STATES.iter().map(|(value, title, _)| choice(value, title)));
    // What there is none of is not worth a choice, unless it was chosen.
    all.retain(|it| it.is_chosen || it.count != "0");
    all
}

fn kinds(asked: &Asked, path: &str, groups: &[OperationGroup], has_more: bool) -> Vec<Choice> {
    let state = asked.filter.state.as_ref();
    let times = |kind: &str, action: &str| -> i64 {
        let mine = groups.iter().filter(|it| state.is_none_or(|state| *state == it.state));
        let mine = mine.filter(|it| kind.is_empty() || it.kind == kind);
        let mine = mine.filter(|it| action.is_empty() || it.action == action);
        mine.map(|group| group.times).sum()
    };
    let choice = |kind: &str, action: &str, title: &str| {
        let value = if action.is_empty() { kind.to_owned() } else { format!("{kind}.{action}") };
        Choice {
            title: title.to_owned(),
            count: count(times(kind, action), has_more),
            link: asked.link(path, "kind", &value),
            is_chosen: asked.text("kind") == value,
        }
    };
    let mut all = vec![choice("", "", "Everything")];
    all.extend(told::ACTIONS.iter().map(|(kind, action, title)| choice(kind, action, title)));
    all.retain(|it| it.is_chosen || it.count != "0");
    all
}

/// Where newer operations than the newest shown are told of.
fn live_link(visit: &Visit, asked: &Asked, rows: &[Operation]) -> String {
    let at = rows.first().map_or(visit.now(), |row| row.created_at);
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("at", &at.millis().to_string());
    for row in rows.iter().take_while(|row| row.created_at == at) {
        query.append_pair("id", &row.id);
    }
    let link = asked.link(&visit.environment_link("/logs/live"), "before", "");
    let mark = if link.contains('?') { '&' } else { '?' };
    format!("{link}{mark}{}", query.finish())
}
