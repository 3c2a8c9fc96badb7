//! `POST /connect/telemetry`: the Connect UI tells what a person saw and did, for the log of the
//! session. Nothing leaves this server.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use valetkey_base::Timestamp;

use crate::app::{App, Caller};
use crate::auth_header::{self, Refusal};
use crate::call::Call;
use crate::error::{ApiError, ApiResult, Part};
use crate::middleware::rate_limit::Bucket;
use crate::reply;
use crate::route::{Auth, BodyRule, Endpoint, Host as _};
use crate::schema::{Issue, Schema, date, field, named, object, one_of, string};

const BODY_BYTES_MAX: usize = 8 * 1024;
/// How far a browser's clock may be off.
const CLOCK_DIFFERENCE_MAX: Duration = Duration::from_hours(2);

const EVENTS: &[&str] = &[
    "open",
    "view:list",
    "view:integration",
    "view:unknown_error",
    "view:credentials_error",
    "view:success",
    "click:integration",
    "click:doc",
    "click:doc_section",
    "click:connect",
    "click:close",
    "click:finish",
    "click:outside",
    "popup:blocked_by_browser",
    "popup:closed_early",
];

/// The operation. A browser that is leaving the page can send no header, so the token is in the
/// body and looked up here.
pub fn endpoints() -> Vec<Endpoint<App>> {
    vec![
        Endpoint::new(Method::POST, "/connect/telemetry", Auth::None, record)
            .documented("Connect sessions", "Add what a person did to the session's log")
            .body_rule(BodyRule::AnyJson)
            .body_bytes_max(BODY_BYTES_MAX)
            .answers(StatusCode::NO_CONTENT, "Noted"),
    ]
}

fn body_schema() -> Schema {
    let dimensions = object(vec![field("integration", named::integration_key().optional())]);
    object(vec![
        field("token", string()),
        field("event", one_of(EVENTS)),
        field("timestamp", date()),
        field("dimensions", dimensions.optional()),
    ])
}

#[derive(Deserialize)]
struct Body {
    event: String,
    timestamp: Timestamp,
    dimensions: Option<Value>,
}

async fn record(mut call: Call<App>) -> ApiResult {
    let body = call.body_value();
    let token = body.as_ref().and_then(|body| body.get("token")?.as_str());
    let credential = auth_header::session(token.ok_or(Refusal::MissingHeader)?)?;
    let Caller::Session(caller) = call.host.authenticate(credential, None).await? else {
        return Err(Refusal::UnknownSession.into());
    };
    let now = call.host.engine.clock().now();
    call.count(Bucket::Sessions(caller.environment.account_id), now)?;
    let invalid = |issues| ApiError::validation(Part::Body, issues);
    let checked = body_schema().check(body).map_err(invalid)?.unwrap_or_default();
    let event: Body = serde_json::from_value(checked).map_err(ApiError::internal)?;
    let off = now.since(event.timestamp).max(event.timestamp.since(now));
    if off > CLOCK_DIFFERENCE_MAX {
        let message = "This is more than 2 hours from the server's time";
        return Err(invalid(vec![Issue::custom(message, &["timestamp"])]));
    }
    let detail = json!({"at": event.timestamp.to_iso_z(), "dimensions": event.dimensions});
    call.host.engine.note_session_event(
        &caller.session,
        format!("The Connect UI reports {}", event.event),
        Some(detail.to_string()),
    );
    Ok(reply::no_content())
}
