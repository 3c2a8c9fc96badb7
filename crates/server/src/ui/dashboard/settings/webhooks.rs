//! Where events go, which are told, the key that signs them, and how the last deliveries went.

use std::time::Duration;

use askama::Template;
use axum::response::Response;
use valetkey_base::{Secret, Timestamp};
use valetkey_engine::Error;
use valetkey_engine::activity::DeliveryRow;

use super::super::failure::Failure;
use super::super::form::Issues;
use super::super::frame::{Abilities, Frame, Way};
use super::super::visit::Visit;
use super::super::words;
use super::{Values, place, read, store, tabs};

const TAB: &str = "/webhooks";
const URLS: &[&str] = &["webhook_url", "webhook_url_secondary"];
/// Deliveries that are listed.
const LISTED_MAX: i64 = 20;
/// How long the answer to a test waits for the delivery, so that the page can show how it went.
const TEST_WAIT: Duration = Duration::from_secs(4);
const TEST_LOOK_EVERY: Duration = Duration::from_millis(100);

/// A switch for events.
pub(super) struct Switch {
    name: &'static str,
    title: &'static str,
    meaning: &'static str,
}

const SWITCHES: &[Switch] = &[
    Switch {
        name: "on_auth_creation",
        title: "Send new connection creation webhooks",
        meaning: "type auth, operation creation: a customer connected, or tried to and failed. \
                  Save the connectionId of it.",
    },
    Switch {
        name: "on_auth_refresh_error",
        title: "Send refresh failure webhooks",
        meaning: "type auth, operation refresh, success false: a token could not be renewed. Ask \
                  the customer to reconnect.",
    },
    Switch {
        name: "on_auth_refresh_success",
        title: "Send refresh success webhooks",
        meaning: "type auth, operation refresh, success true: a token was renewed. Many; for \
                  copies of tokens only.",
    },
];

struct DeliveryLine {
    id: String,
    link: String,
    kind: String,
    url: String,
    state: String,
    status: String,
    attempts: i64,
    at: String,
    ago: String,
    error: Option<String>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "dashboard/settings/webhooks.html")]
struct WebhooksPage {
    frame: Frame,
    tabs: Vec<Way>,
    here: String,
    values: Values,
    switches: &'static [Switch],
    has_url: bool,
    deliveries: Vec<DeliveryLine>,
    overlap: String,
    /// Keys that sign now, the current one first, when somebody asked for them.
    keys: Vec<Secret>,
    can: Abilities,
    issues: Issues,
}

#[derive(Template)]
#[template(path = "dashboard/settings/delivery.html")]
struct DeliveryPage {
    frame: Frame,
    tabs: Vec<Way>,
    here: String,
    line: DeliveryLine,
    event: String,
    payload: String,
    attempts: Vec<AttemptRow>,
    can: Abilities,
}

struct AttemptRow {
    at: String,
    took: String,
    status: String,
    error: Option<String>,
    answer: Option<String>,
}

fn status(status: Option<i64>) -> String {
    status.map_or_else(|| "no answer".to_owned(), |status| status.to_string())
}

fn line(visit: &Visit, row: DeliveryRow, now: Timestamp) -> DeliveryLine {
    let was_tried = row.attempts > 0;
    DeliveryLine {
        link: place(visit, &format!("{TAB}/deliveries/{}", row.id)),
        id: row.id,
        kind: row.kind,
        url: row.url,
        status: if was_tried { status(row.last_status) } else { String::new() },
        attempts: row.attempts,
        at: words::full_time(row.created_at),
        ago: words::relative_time(row.created_at, now),
        error: row.last_error.filter(|_| row.state != "delivered"),
        next: (row.state == "pending" && was_tried)
            .then(|| words::relative_time(row.next_attempt_at, now)),
        state: row.state,
    }
}

async fn page(visit: &Visit, keys: Vec<Secret>, issues: Issues) -> Result<WebhooksPage, Failure> {
    let (environment, now) = (visit.environment()?, visit.now());
    let rows = visit.engine().deliveries(environment.id, None, LISTED_MAX).await?;
    let values = Values::of(visit)?;
    Ok(WebhooksPage {
        frame: visit.frame("Webhooks"),
        tabs: tabs(visit),
        here: place(visit, TAB),
        switches: SWITCHES,
        has_url: environment.settings.webhook_url.is_some()
            || environment.settings.webhook_url_secondary.is_some(),
        deliveries: rows.into_iter().map(|row| line(visit, row, now)).collect(),
        overlap: words::duration(visit.engine().settings().signing_overlap),
        keys,
        values,
        can: Abilities::of(visit),
        issues,
    })
}

pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    let page = page(&visit, Vec::new(), Issues::default()).await?;
    Ok(visit.page(&page))
}

pub(super) async fn save(visit: Visit) -> Result<Response, Failure> {
    let switches: Vec<_> = SWITCHES.iter().map(|switch| switch.name).collect();
    match read(&visit, URLS, &switches) {
        Ok(changes) => store(&visit, changes, TAB).await,
        Err(mut issues) => {
            // What is not sent is off, and has to be shown so.
            issues.add("switches", "");
            let mut page = page(&visit, Vec::new(), issues).await?;
            for name in switches {
                page.values.0.insert(name.to_owned(), visit.form.text(name).to_owned());
            }
            Ok(visit.corrected(&page))
        }
    }
}

pub(super) async fn test(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    match visit.engine().send_test_event(environment, &visit.actor()).await {
        Ok(()) => {}
        Err(Error::Refused { message, .. }) => {
            let issues = Issues::one("webhook_url", message);
            return Ok(visit.corrected(&page(&visit, Vec::new(), issues).await?));
        }
        Err(error) => return Err(error.into()),
    }
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < TEST_WAIT {
        let last = visit.engine().deliveries(environment.id, None, 2).await?;
        if last.iter().all(|row| row.attempts > 0) {
            break;
        }
        tokio::time::sleep(TEST_LOOK_EVERY).await;
    }
    Ok(visit.redirect(&place(&visit, TAB), "sent"))
}

pub(super) async fn replay(visit: Visit) -> Result<Response, Failure> {
    let id = visit.environment()?.id;
    visit.engine().replay_delivery(id, visit.form.text("id"), &visit.actor()).await?;
    Ok(visit.redirect(&place(&visit, TAB), "replayed"))
}

pub(super) async fn reveal(visit: Visit) -> Result<Response, Failure> {
    let id = visit.environment()?.id;
    let recorder = visit.engine().recorder();
    recorder.audit(Some(id), visit.actor(), "webhook_signing_key.read", "");
    let keys = visit.engine().signing_keys(id).await?;
    let page = page(&visit, keys, Issues::default()).await?;
    Ok(visit.page(&page))
}

pub(super) async fn rotate(visit: Visit) -> Result<Response, Failure> {
    let id = visit.environment()?.id;
    visit.engine().rotate_signing_key(id, &visit.actor()).await?;
    Ok(visit.redirect(&place(&visit, TAB), "rotated"))
}

pub(super) async fn delivery(visit: Visit) -> Result<Response, Failure> {
    let (id, now) = (visit.environment()?.id, visit.now());
    let (row, payload) = visit.engine().delivery(id, visit.path("delivery")).await?;
    let attempts = visit.engine().delivery_attempts(&row).await?;
    let attempts = attempts.into_iter().map(|attempt| AttemptRow {
        at: words::full_time(attempt.started_at),
        took: words::duration(Duration::from_millis(attempt.duration_ms.unsigned_abs())),
        status: status(attempt.status),
        error: attempt.error,
        answer: attempt.response_excerpt.filter(|text| !text.is_empty()),
    });
    let pretty = serde_json::from_str::<serde_json::Value>(&payload)
        .and_then(|value| serde_json::to_string_pretty(&value));
    let page = DeliveryPage {
        frame: visit.frame("Delivery"),
        tabs: tabs(&visit),
        here: place(&visit, TAB),
        event: row.event_id.clone(),
        line: line(&visit, row, now),
        payload: pretty.unwrap_or(payload),
        attempts: attempts.collect(),
        can: Abilities::of(&visit),
    };
    Ok(visit.page(&page))
}
