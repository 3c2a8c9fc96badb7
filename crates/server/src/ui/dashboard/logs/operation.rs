//! One operation: what it did, why it failed, and its messages.

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde_json::{Value, json};
use valetkey_engine::explanation::{Explanation, Suspect};
use valetkey_engine::logs::{Operation, masked_json};

use super::super::failure::Failure;
use super::super::frame::Frame;
use super::super::visit::Visit;
use super::super::words;
use super::{connection_link, curl, integration_link, operation_link, part, told};

/// A message, as the page shows it.
struct MessageRow {
    at: String,
    full: String,
    level: String,
    colour: &'static str,
    text: String,
    detail: Option<String>,
    curl: Option<String>,
}

#[derive(Template)]
#[template(path = "dashboard/logs_operation.html")]
struct OperationPage {
    frame: Frame,
    list: String,
    id: String,
    title: String,
    action: String,
    state: String,
    colour: &'static str,
    began_at: String,
    began: String,
    began_ago: String,
    ended: Option<String>,
    duration: String,
    integration: Option<(String, String)>,
    connection: Option<(String, String)>,
    /// Other operations of the same connection.
    neighbours: Option<String>,
    explanation: Option<Explanation>,
    message: String,
    code: String,
    error: Option<String>,
    messages: Vec<MessageRow>,
    address: String,
    download: String,
}

impl OperationPage {
    fn verdict(&self) -> Option<&Suspect> {
        self.explanation.as_ref().and_then(|it| it.suspects.first())
    }

    fn others(&self) -> &[Suspect] {
        self.explanation.as_ref().and_then(|it| it.suspects.get(1..)).unwrap_or_default()
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// Number of levels is small, so their colours are here.
fn level_colour(level: &str) -> &'static str {
    match level {
        "error" => "bad",
        "warn" => "warn",
        _ => "",
    }
}

pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let (it, messages) = visit.engine().operation(environment.id, visit.path("id")).await?;
    let explanation = visit.engine().explain(&it).await?;
    let now = visit.now();
    let (state, colour) = told::state(&it.state);
    let error = it.error.as_deref().map(masked_json);
    let said = |name: &str| {
        error.as_ref().and_then(|error| error[name].as_str()).unwrap_or_default().to_owned()
    };
    let messages = messages.into_iter().map(|message| {
        let detail = message.detail.as_deref().map(masked_json);
        MessageRow {
            at: words::machine_time(message.at),
            full: told::exact_time(message.at),
            colour: level_colour(&message.level),
            level: message.level,
            text: message.text,
            curl: detail.as_ref().and_then(curl::command),
            detail: detail.as_ref().map(pretty),
        }
    });
    let page = OperationPage {
        frame: visit.frame(if it.title.is_empty() { "Operation" } else { &it.title }),
        list: visit.environment_link("/logs"),
        state,
        colour,
        action: told::action(&it.kind, &it.action),
        began_at: words::machine_time(it.created_at),
        began: told::exact_time(it.created_at),
        began_ago: words::relative_time(it.created_at, now),
        ended: it.ended_at.map(told::exact_time),
        duration: told::duration(&it, now),
        integration: integration(&visit, &it),
        connection: connection(&visit, &it),
        neighbours: it
            .connection_id
            .as_ref()
            .map(|id| visit.environment_link(&format!("/logs?connection={}", part(id)))),
        explanation,
        message: said("message"),
        code: said("code"),
        error: error.as_ref().map(pretty),
        messages: messages.collect(),
        address: format!("{}{}", visit.pages.place.origin, operation_link(&visit, &it.id)),
        download: format!("{}/json", operation_link(&visit, &it.id)),
        title: it.title,
        id: it.id,
    };
    Ok(visit.page(&page))
}

fn integration(visit: &Visit, it: &Operation) -> Option<(String, String)> {
    it.integration_key.clone().map(|key| (integration_link(visit, &key), key))
}

fn connection(visit: &Visit, it: &Operation) -> Option<(String, String)> {
    let key = it.integration_key.as_deref().unwrap_or_default();
    it.connection_id.clone().map(|id| (connection_link(visit, key, &id), id))
}

pub(super) async fn download(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let (it, messages) = visit.engine().operation(environment.id, visit.path("id")).await?;
    let explanation = visit.engine().explain(&it).await?;
    let messages = messages.into_iter().map(|message| {
        json!({
            "at": words::machine_time(message.at),
            "level": message.level,
            "text": message.text,
            "detail": message.detail.as_deref().map(masked_json),
        })
    });
    let body = json!({
        "id": it.id,
        "environment": environment.name,
        "kind": it.kind,
        "action": it.action,
        "state": it.state,
        "title": it.title,
        "integration": it.integration_key,
        "connection_id": it.connection_id,
        "began_at": words::machine_time(it.created_at),
        "ended_at": it.ended_at.map(words::machine_time),
        "error": it.error.as_deref().map(masked_json),
        "explanation": explanation,
        "messages": messages.collect::<Vec<_>>(),
    });
    // Ids are digits, letters and a low line.
    let name: String =
        it.id.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
    let headers = [
        (CONTENT_TYPE, "application/json".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"operation-{name}.json\"")),
    ];
    Ok((headers, pretty(&body)).into_response())
}
