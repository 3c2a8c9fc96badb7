//! What is done to several connections at once: reconnect links, refreshes, tags, deleting them.

use askama::Template;
use axum::response::Response;
use percent_encoding::percent_decode_str;
use serde_json::json;
use valetkey_engine::members::Permission;

use super::super::failure::Failure;
use super::super::form::Issues;
use super::super::frame::Frame;
use super::super::logs::connection_link;
use super::super::visit::Visit;
use super::super::words;
use crate::schema::named;

/// Most connections at once: a page of the list.
const AT_ONCE_MAX: usize = 50;

/// A connection that was ticked, and what became of it.
struct Row {
    /// As the list sends it.
    name: String,
    integration: String,
    id: String,
    link: String,
    /// A reconnect link.
    made: Option<String>,
    /// Whether it went wrong.
    has_failed: bool,
    said: String,
}

/// What a page asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    Nothing,
    /// Whether they shall really go.
    Sure,
    /// A name and a value.
    Tag,
}

#[derive(Template)]
#[template(path = "dashboard/connections_bulk.html")]
struct BulkPage {
    frame: Frame,
    here: String,
    list: String,
    count: String,
    rows: Vec<Row>,
    /// What has to be said before it is done.
    asks: Asks,
    tag_name: String,
    tag_value: String,
    issues: Issues,
}

fn rows(visit: &Visit) -> Vec<Row> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = visit.form.all("row").filter_map(|name| Some((name, name.split_once('/')?)));
    let rows = pairs.take(AT_ONCE_MAX).map(|(name, (integration, id))| {
        let (integration, id) = (decoded(integration), decoded(id));
        Row {
            name: name.to_owned(),
            link: connection_link(visit, &integration, &id),
            integration,
            id,
            made: None,
            has_failed: false,
            said: String::new(),
        }
    });
    rows.collect()
}

fn page(visit: &Visit, rows: Vec<Row>, asks: Asks, issues: Issues) -> BulkPage {
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    BulkPage {
        frame: visit.frame("Several connections"),
        here: visit.environment_link("/connections/bulk"),
        list: visit.environment_link("/connections"),
        count: words::counted(count, "connection"),
        rows,
        asks,
        tag_name: visit.form.text("tag_name").to_owned(),
        tag_value: visit.form.text("tag_value").to_owned(),
        issues,
    }
}

pub(super) async fn run(visit: Visit) -> Result<Response, Failure> {
    let rows = rows(&visit);
    if rows.is_empty() {
        return Err(Failure::Refused("No connection was ticked.".to_owned()));
    }
    let action = visit.form.text("action");
    if !matches!(action, "links" | "refresh") && !visit.may(Permission::Change) {
        return Err(Failure::Denied);
    }
    match action {
        "delete" => Ok(visit.page(&page(&visit, rows, Asks::Sure, Issues::default()))),
        "tag" => Ok(visit.page(&page(&visit, rows, Asks::Tag, Issues::default()))),
        "delete-sure" if visit.form.text("confirm") != rows.len().to_string() => {
            let issues = Issues::one("confirm", format!("Type {}.", rows.len()));
            Ok(visit.corrected(&page(&visit, rows, Asks::Sure, issues)))
        }
        "tag-sure" if let Some(issues) = tag_issues(&visit) => {
            Ok(visit.corrected(&page(&visit, rows, Asks::Tag, issues)))
        }
        "links" | "refresh" | "tag-sure" | "delete-sure" => {
            let mut done = Vec::with_capacity(rows.len());
            for row in rows {
                done.push(act(&visit, action, row).await?);
            }
            Ok(visit.page(&page(&visit, done, Asks::Nothing, Issues::default())))
        }
        _ => Err(Failure::Refused("There is no such action.".to_owned())),
    }
}

/// What is wrong with a tag, by the rules the API has for tags. Without a value it is removed.
fn tag_issues(visit: &Visit) -> Option<Issues> {
    let (name, value) = (visit.form.text("tag_name").trim(), visit.form.filled("tag_value"));
    let one = |name: &str, value: &str| {
        let tags = json!({ name: value });
        named::tags().check(Some(tags)).err().and_then(|issues| issues.into_iter().next())
    };
    if let Some(issue) = one(name, "x") {
        return Some(Issues::one("tag_name", issue.message));
    }
    let issue = one(name, value?)?;
    Some(Issues::one("tag_value", issue.message))
}

/// Does it to one. A failure is said of it and ends nothing.
async fn act(visit: &Visit, action: &str, mut row: Row) -> Result<Row, Failure> {
    let (engine, environment, actor) = (visit.engine(), visit.environment()?, visit.actor());
    let (key, id) = (&row.integration, &row.id);
    let result = match action {
        "links" => engine
            .reconnect_session_of_member(environment, key, id, &actor)
            .await
            .map(|made| (Some(made.connect_link), "")),
        "refresh" => {
            engine.refresh_now(environment, key, id, &actor).await.map(|_| (None, "refreshed"))
        }
        "tag-sure" => {
            let tag = (visit.form.text("tag_name").trim(), visit.form.filled("tag_value"));
            engine
                .tag_connection(environment, key, id, tag, &actor)
                .await
                .map(|()| (None, "tagged"))
        }
        _ => {
            engine.delete_connection(environment, key, id, &actor).await.map(|()| (None, "deleted"))
        }
    };
    match result {
        Ok((made, said)) => {
            row.made = made;
            said.clone_into(&mut row.said);
        }
        Err(error) => {
            row.has_failed = true;
            row.said = match Failure::from(error) {
                Failure::Refused(message) => message,
                Failure::Missing => "It is not there any more.".to_owned(),
                other => return Err(other),
            };
        }
    }
    Ok(row)
}
