//! One connection: what it is, how it does, and what can be done about it.

use std::sync::Arc;

use askama::Template;
use axum::response::Response;
use serde_json::{Map, Value};
use valetkey_engine::Error;
use valetkey_engine::activity::{Operation, Refresh};
use valetkey_engine::connection_lists::{Health, health};
use valetkey_engine::connections::ConnectionView;
use valetkey_engine::read::ReadOptions;

use super::super::failure::Failure;
use super::super::form::Issues;
use super::super::frame::{Abilities, Frame};
use super::super::logs::{integration_link, operation_link};
use super::super::visit::Visit;
use super::super::words;
use super::{customer, state};

/// Operations that are shown.
const OPERATIONS_SHOWN: i64 = 15;
/// Refreshes that are shown.
const REFRESHES_SHOWN: i64 = 10;
/// Deliveries that are shown.
const DELIVERIES_SHOWN: i64 = 10;

/// A failure in words.
struct Trouble {
    what: String,
    who: &'static str,
    link: String,
    needs_reconnect: bool,
}

/// An operation of the connection.
struct OperationRow {
    link: String,
    title: String,
    state: String,
    at: String,
    at_full: String,
}

/// A refresh that ended.
struct RefreshRow {
    link: String,
    at: String,
    at_full: String,
    is_good: bool,
    /// Why it failed; empty when it did not.
    why: String,
    took: String,
    /// How long the token works that it brought.
    gave: String,
    gave_full: String,
}

/// An event that the app was told.
struct DeliveryRow {
    link: String,
    kind: String,
    state: String,
    status: String,
    at: String,
    at_full: String,
}

/// A value of the metadata that would be another one.
pub(super) struct Difference {
    pub(super) path: String,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

/// What is known, as name and value.
struct Fact {
    name: &'static str,
    value: String,
    full: String,
}

#[derive(Template)]
#[template(path = "dashboard/connection.html")]
pub(super) struct DetailPage {
    frame: Frame,
    id: String,
    integration: String,
    integration_link: String,
    logo: String,
    title: String,
    below: String,
    state: &'static str,
    tone: &'static str,
    trouble: Option<Trouble>,
    facts: Vec<Fact>,
    tags: Vec<(String, String)>,
    metadata: String,
    /// What the metadata was when the page was made, so that no other change is lost.
    metadata_mark: String,
    config: String,
    /// Tags as they are edited: one on each line.
    tag_lines: String,
    /// What a save of the metadata would change, to be confirmed.
    changes: Vec<Difference>,
    /// Confirms exactly this text.
    metadata_sure: String,
    refreshes: Vec<RefreshRow>,
    operations: Vec<OperationRow>,
    deliveries: Vec<DeliveryRow>,
    logs: String,
    here: String,
    /// A link that was just made.
    link: Option<String>,
    /// Credentials that were asked for.
    credentials: Vec<(String, String)>,
    can: Abilities,
    issues: Issues,
}

/// What a form adds to the page.
#[derive(Default)]
pub(super) struct Added {
    pub(super) link: Option<String>,
    pub(super) credentials: Vec<(String, String)>,
    pub(super) metadata: Option<String>,
    pub(super) changes: Vec<Difference>,
    pub(super) tags: Option<String>,
    pub(super) issues: Issues,
}

pub(super) async fn view(visit: &Visit) -> Result<ConnectionView, Failure> {
    let (integration, id) = (visit.path("integration"), visit.path("connection"));
    let environment = visit.environment()?;
    let engine = visit.engine();
    Ok(engine.connection_without_credentials(environment, integration, id, &visit.actor()).await?)
}

pub(super) fn pretty(text: Option<&str>) -> String {
    let value: Value = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
    match value {
        Value::Null => "{}".to_owned(),
        value => serde_json::to_string_pretty(&value).unwrap_or_default(),
    }
}

/// Tells one text from another; not a matter of security.
pub(super) fn mark(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    hex::encode(&digest.as_ref()[..8])
}

fn facts(visit: &Visit, view: &ConnectionView) -> Vec<Fact> {
    let (row, now) = (&view.row, visit.now());
    let time = |name, at: Option<valetkey_base::Timestamp>, otherwise: &str| Fact {
        name,
        value: at.map_or(otherwise.to_owned(), |at| words::relative_time(at, now)),
        full: at.map_or_else(String::new, words::full_time),
    };
    let text = |name, value: String| Fact { name, value, full: String::new() };
    vec![
        text("Connection id", row.connection_id.clone()),
        text("Provider", row.provider.clone()),
        time("Made", Some(row.created_at), ""),
        time("Changed", Some(row.updated_at), ""),
        time("Last read with credentials", row.last_fetched_at, "never"),
        time("Access token ends", row.expires_at, "not known"),
        time("Next refresh", row.refresh_due_at, "none planned"),
        text("Credentials replaced", words::counted(row.generation - 1, "time")),
    ]
}

fn trouble(visit: &Visit, view: &ConnectionView) -> Option<Trouble> {
    let (health, error) = health(&view.row);
    let error = error?;
    let who = match health {
        Health::NeedsReconnect => {
            "Its owner has to authorize again: send them the reconnect link, or do it here together."
        }
        Health::NeedsOperator => {
            "You have to mend the integration's settings; it is tried again by itself afterwards."
        }
        Health::Good | Health::Retrying => "Nobody: it is tried again by itself.",
    };
    Some(Trouble {
        what: error.message,
        who,
        link: operation_link(visit, &error.log_id),
        needs_reconnect: health == Health::NeedsReconnect,
    })
}

fn operation_row(visit: &Visit, it: Operation) -> OperationRow {
    OperationRow {
        link: operation_link(visit, &it.id),
        title: it.title,
        state: it.state,
        at: words::relative_time(it.created_at, visit.now()),
        at_full: words::full_time(it.created_at),
    }
}

fn refresh_row(visit: &Visit, it: Refresh) -> RefreshRow {
    let now = visit.now();
    let error: Value = it.error.and_then(|it| serde_json::from_str(&it).ok()).unwrap_or_default();
    RefreshRow {
        link: operation_link(visit, &it.operation_id),
        at: words::relative_time(it.began, now),
        at_full: words::full_time(it.began),
        is_good: it.state == "success",
        why: error["message"].as_str().unwrap_or_default().to_owned(),
        took: words::duration(it.ended_at.since(it.began)),
        gave: it
            .token_expires_at
            .map_or_else(String::new, |until| words::duration(until.since(it.ended_at))),
        gave_full: it.token_expires_at.map_or_else(String::new, words::full_time),
    }
}

pub(super) async fn page(visit: &Visit, added: Added) -> Result<DetailPage, Failure> {
    let view = view(visit).await?;
    let row = &view.row;
    let environment = visit.environment()?;
    let engine = visit.engine();
    let operations =
        engine.operations(environment.id, None, Some(&row.connection_id), OPERATIONS_SHOWN).await?;
    let now = visit.now();
    let operations = operations.into_iter().map(|it| operation_row(visit, it));
    let refreshes = engine.refreshes(row, REFRESHES_SHOWN).await?.into_iter();
    let deliveries = engine.connection_deliveries(row, DELIVERIES_SHOWN).await?;
    let deliveries = deliveries.into_iter().map(|it| DeliveryRow {
        link: visit.environment_link(&format!("/settings/webhooks/deliveries/{}", it.id)),
        kind: it.kind,
        state: it.state,
        status: it.last_status.map_or_else(String::new, |status| status.to_string()),
        at: words::relative_time(it.created_at, now),
        at_full: words::full_time(it.created_at),
    });
    let (name, below) = customer(row);
    let (state, tone) = state(row);
    let tags: Map<String, Value> = serde_json::from_str(&row.tags).unwrap_or_default();
    let tags = tags
        .into_iter()
        .map(|(name, value)| (name, value.as_str().map_or(value.to_string(), str::to_owned)));
    let tags: Vec<(String, String)> = tags.collect();
    let lines = || tags.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
    let stored = pretty(row.metadata.as_deref());
    let title = if name.is_empty() { row.connection_id.clone() } else { name };
    Ok(DetailPage {
        frame: visit.frame(&title),
        integration_link: integration_link(visit, &row.integration_key),
        logo: visit.logo(&row.provider),
        facts: facts(visit, &view),
        trouble: trouble(visit, &view),
        metadata_mark: mark(&stored),
        metadata_sure: added.metadata.as_deref().map(mark).unwrap_or_default(),
        metadata: added.metadata.unwrap_or(stored),
        changes: added.changes,
        tag_lines: added.tags.unwrap_or_else(|| lines().join("\n")),
        config: pretty(Some(view.opened.config.get())),
        refreshes: refreshes.map(|it| refresh_row(visit, it)).collect(),
        operations: operations.collect(),
        deliveries: deliveries.collect(),
        logs: visit.environment_link(&format!(
            "/logs?connection={}",
            percent_encoding::utf8_percent_encode(
                &row.connection_id,
                percent_encoding::NON_ALPHANUMERIC
            )
        )),
        here: super::super::logs::connection_link(visit, &row.integration_key, &row.connection_id),
        id: row.connection_id.clone(),
        integration: row.integration_key.clone(),
        title,
        below,
        state,
        tone,
        tags,
        link: added.link,
        credentials: added.credentials,
        can: Abilities::of(visit),
        issues: added.issues,
    })
}

pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    let page = page(&visit, Added::default()).await?;
    Ok(visit.page(&page))
}

pub(super) async fn refresh(visit: Visit) -> Result<Response, Failure> {
    let (integration, id) = (visit.path("integration"), visit.path("connection"));
    let environment = visit.environment()?;
    let actor = visit.actor();
    match visit.engine().refresh_now(environment, integration, id, &actor).await {
        Ok(_) => {
            let here = super::super::logs::connection_link(&visit, integration, id);
            Ok(visit.redirect(&here, "refreshed"))
        }
        Err(Error::NotFresh(why)) => {
            let issues = Issues::one("", format!("That did not work: {}", why.message));
            let page = page(&visit, Added { issues, ..Added::default() }).await?;
            Ok(visit.corrected(&page))
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn link(visit: Visit) -> Result<Response, Failure> {
    let (integration, id) = (visit.path("integration"), visit.path("connection"));
    let environment = visit.environment()?;
    let actor = visit.actor();
    let engine = visit.engine();
    let made = engine.reconnect_session_of_member(environment, integration, id, &actor).await?;
    let page = page(&visit, Added { link: Some(made.connect_link), ..Added::default() }).await?;
    Ok(visit.page(&page))
}

/// Every value of a JSON object, with the way to it.
pub(super) fn flat(value: &Value, path: &str, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flat(value, &path, into);
            }
        }
        Value::String(text) => into.push((path.to_owned(), text.clone())),
        Value::Null => {}
        other => into.push((path.to_owned(), other.to_string())),
    }
}

pub(super) async fn reveal(visit: Visit) -> Result<Response, Failure> {
    let (integration, id) = (visit.path("integration"), visit.path("connection"));
    let environment = visit.environment()?;
    let actor = visit.actor();
    let options = ReadOptions { with_credentials: true, ..ReadOptions::default() };
    let read = visit.engine().read_connection(environment, integration, id, options, &actor).await;
    let opened = match read {
        Ok(view) => Arc::clone(&view.opened),
        Err(Error::NotFresh(why)) => {
            let issues = Issues::one("", format!("There are none that work: {}", why.message));
            let page = page(&visit, Added { issues, ..Added::default() }).await?;
            return Ok(visit.corrected(&page));
        }
        Err(error) => return Err(error.into()),
    };
    visit.engine().recorder().audit(
        Some(environment.id),
        actor,
        "connection.credentials_revealed",
        id,
    );
    let value: Value = serde_json::from_str(opened.credentials.get()).unwrap_or_default();
    let mut credentials = Vec::new();
    flat(&value, "", &mut credentials);
    let page = page(&visit, Added { credentials, ..Added::default() }).await?;
    Ok(visit.page(&page))
}
