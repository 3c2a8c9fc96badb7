//! The list of connections, and its export.

use askama::Template;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use valetkey_base::Timestamp;
use valetkey_engine::connection_lists::{ConnectionPage, FOUND_MAX, place_after};
use valetkey_engine::connections::Connection;
use valetkey_engine::{self as engine, Engine};

use super::super::failure::Failure;
use super::super::frame::{Abilities, Frame};
use super::super::logs::{connection_link, part};
use super::super::visit::Visit;
use super::super::{csv, words};
use super::{customer, state};

/// Rows on a page.
const PAGE_ROWS: i64 = 50;
/// Where counting ends.
const COUNTED_MAX: i64 = 1_000;
/// Rows of an export.
const EXPORT_ROWS_MAX: i64 = 10_000;
/// Rows that are read and sent together.
const EXPORT_ROWS_AT_ONCE: i64 = 500;

/// A connection, as the page shows it.
struct Row {
    /// As forms name it.
    form_name: String,
    link: String,
    id: String,
    name: String,
    below: String,
    integration: String,
    logo: String,
    state: &'static str,
    tone: &'static str,
    created: String,
    created_full: String,
    used: String,
}

/// An integration to filter by.
struct Choice {
    key: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "dashboard/connections.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    count: String,
    failing: String,
    /// Most ids and tags that a search looks at, when more begin so.
    looked_at: Option<String>,
    integrations: Vec<Choice>,
    search: String,
    is_failing: bool,
    is_filtered: bool,
    older: Option<String>,
    export: String,
    new: String,
    /// Unclaimed installations, if there are any.
    unclaimed: Option<String>,
    list: String,
    bulk: String,
    can: Abilities,
}

/// `after` in an address: an instant and a row.
fn place(text: &str) -> Option<(Timestamp, i64)> {
    let (at, id) = text.split_once('-')?;
    Some((Timestamp::from_millis(at.parse().ok()?), id.parse().ok()?))
}

/// What the address asks for. `None` when it names an integration that is not there.
async fn asked(visit: &Visit, limit: i64) -> Result<Option<ConnectionPage>, Failure> {
    let environment = visit.environment()?;
    let integration_id = match visit.query.filled("integration") {
        None => None,
        Some(key) => match visit.engine().integration(environment.id, key).await {
            Ok(view) => Some(view.row.id),
            Err(_) => return Ok(None),
        },
    };
    Ok(Some(ConnectionPage {
        environment_id: environment.id,
        integration_id,
        failing: visit.query.text("state") == "error",
        search: visit.query.filled("q").map(str::to_owned),
        after: visit.query.filled("after").and_then(place),
        limit,
    }))
}

fn capped(count: i64, is_cut: bool) -> String {
    if is_cut {
        format!("at least {}", words::counted(count.min(COUNTED_MAX), "connection"))
    } else if count > COUNTED_MAX {
        format!("more than {}", words::counted(COUNTED_MAX, "connection"))
    } else {
        words::counted(count, "connection")
    }
}

fn row(visit: &Visit, now: Timestamp, row: Connection) -> Row {
    let (name, below) = customer(&row);
    let (state, tone) = state(&row);
    Row {
        form_name: format!("{}/{}", part(&row.integration_key), part(&row.connection_id)),
        link: connection_link(visit, &row.integration_key, &row.connection_id),
        name,
        below,
        logo: visit.logo(&row.provider),
        state,
        tone,
        created: words::relative_time(row.created_at, now),
        created_full: words::full_time(row.created_at),
        used: row.last_fetched_at.map_or("never".to_owned(), |at| words::relative_time(at, now)),
        integration: row.integration_key,
        id: row.connection_id,
    }
}

pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let page = asked(&visit, PAGE_ROWS + 1).await?;
    let (mut found, mut count, mut failing, mut is_cut) = (Vec::new(), 0, 0, false);
    if let Some(page) = &page {
        found = visit.engine().connection_page(page).await?;
        let all = ConnectionPage { after: None, limit: COUNTED_MAX + 1, ..page.clone() };
        count = visit.engine().connection_count(&all).await?;
        is_cut = visit.engine().connection_search_is_cut(page).await?;
        failing = visit.engine().connection_count(&ConnectionPage { failing: true, ..all }).await?;
    }
    let has_older = found.len() as i64 > PAGE_ROWS;
    found.truncate(PAGE_ROWS as usize);
    let query = visit.query_without(&["after"]);
    let older = found.last().filter(|_| has_older).map(|last| {
        let (at, id) = place_after(last);
        let mark = if query.is_empty() { "" } else { "&" };
        visit.environment_link(&format!("/connections?{query}{mark}after={}-{id}", at.millis()))
    });
    let waiting = visit.engine().installs(environment, None, None, 1).await?;
    let unclaimed = (!waiting.is_empty()).then(|| visit.environment_link("/installs"));
    let now = visit.now();
    let integrations = visit.engine().integrations(environment).await?;
    let chosen = visit.query.text("integration").to_owned();
    let integrations = integrations
        .into_iter()
        .map(|(it, _)| Choice { is_chosen: it.unique_key == chosen, key: it.unique_key });
    Ok(visit.page(&ListPage {
        frame: visit.frame("Connections"),
        rows: found.into_iter().map(|it| row(&visit, now, it)).collect(),
        count: capped(count, is_cut),
        looked_at: is_cut.then(|| words::number(FOUND_MAX)),
        failing: if is_cut {
            format!("at least {}", words::number(failing))
        } else if failing > COUNTED_MAX {
            format!("more than {}", words::number(COUNTED_MAX))
        } else {
            words::number(failing)
        },
        integrations: integrations.collect(),
        search: visit.query.text("q").to_owned(),
        is_failing: visit.query.text("state") == "error",
        is_filtered: !query.is_empty(),
        older,
        export: visit.environment_link(&format!("/connections/export.csv?{query}")),
        new: visit.environment_link("/connections/new"),
        unclaimed,
        list: visit.environment_link("/connections"),
        bulk: visit.environment_link("/connections/bulk"),
        can: Abilities::of(&visit),
    }))
}

/// Lines of an export, and where they go on.
struct Export {
    engine: Engine,
    page: ConnectionPage,
    left: i64,
}

impl Export {
    /// The next lines; `None` at the end.
    async fn next(mut self) -> Option<(Result<String, engine::Error>, Self)> {
        if self.left <= 0 {
            return None;
        }
        self.page.limit = EXPORT_ROWS_AT_ONCE.min(self.left);
        let found = match self.engine.connection_page(&self.page).await {
            Ok(found) => found,
            Err(error) => {
                // The file ends in the middle, and the browser says so.
                self.left = 0;
                return Some((Err(error), self));
            }
        };
        let last = found.last()?;
        self.page.after = Some(place_after(last));
        let is_last = (found.len() as i64) < self.page.limit;
        self.left = if is_last { 0 } else { self.left - self.page.limit };
        Some((Ok(found.iter().map(line).collect()), self))
    }
}

fn line(row: &Connection) -> String {
    let time = |at: Option<Timestamp>| at.map_or_else(String::new, words::machine_time);
    format!(
        "{},{},{},{},{},{},{},{},{}\r\n",
        csv::cell(&row.connection_id),
        csv::cell(&row.integration_key),
        csv::cell(&row.provider),
        csv::cell(&customer(row).0),
        csv::cell(state(row).0),
        words::machine_time(row.created_at),
        time(row.last_fetched_at),
        time(row.expires_at),
        csv::cell(&row.tags),
    )
}

/// The list as a file, sent while it is read.
pub(super) async fn export(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let head = "connection_id,integration,provider,customer,state,created,last_used,expires,tags";
    let head = futures::stream::iter([Ok(format!("{head}\r\n"))]);
    let engine = visit.engine().clone();
    let export = asked(&visit, EXPORT_ROWS_AT_ONCE).await?.map(|page| Export {
        engine,
        page,
        left: EXPORT_ROWS_MAX,
    });
    // Compression asks once more after the end, which an unfolded stream does not forgive.
    let lines = futures::stream::unfold(export, async |export| {
        let (lines, export) = export?.next().await?;
        Some((lines, Some(export)))
    })
    .fuse();
    let actor = visit.actor();
    visit.engine().recorder().audit(Some(environment.id), actor, "connections.exported", "");
    let mut response = Body::from_stream(head.chain(lines)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let name = HeaderValue::from_static("attachment; filename=\"connections.csv\"");
    headers.insert(CONTENT_DISPOSITION, name);
    Ok(response)
}
