//! The app's backend: the only place that talks to Valetkey with the API key.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::mask::masked;
use super::{AppOptions, AppState, END_USER_EMAIL, END_USER_ID};
use crate::fields::Fields;
use crate::page;

/// How many of the user's connections the page knows.
const CONNECTIONS_MAX: usize = 50;

/// `POST /api/session`: a connect session for this user and one integration.
pub(crate) async fn session(
    State(AppState(app)): State<AppState>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let integration = match integration_field(&app, &headers, &body) {
        Ok((integration, _)) => integration,
        Err(message) => return invalid(&message),
    };
    let wanted = json!({
        "tags": {"end_user_id": END_USER_ID, "end_user_email": END_USER_EMAIL},
        "allowed_integrations": [integration],
    });
    // The session token is meant for the browser, so this answer is not masked.
    call(&app, Method::POST, "/connect/sessions".to_owned(), Some(wanted))
        .await
        .map_or_else(|response| response, |(status, body)| page::json_reply(status, &body))
}

/// `POST /api/session/reconnect`: a session that repairs one connection of this user.
pub(crate) async fn reconnect(
    State(AppState(app)): State<AppState>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (integration, fields) = match integration_field(&app, &headers, &body) {
        Ok(found) => found,
        Err(message) => return invalid(&message),
    };
    let id = fields.get("connection_id").unwrap_or_default();
    if let Err(response) = owned(&app, id, &integration).await {
        return response;
    }
    let wanted = json!({
        "connection_id": id,
        "integration_id": integration,
        "tags": {"end_user_id": END_USER_ID, "end_user_email": END_USER_EMAIL},
    });
    call(&app, Method::POST, "/connect/sessions/reconnect".to_owned(), Some(wanted))
        .await
        .map_or_else(|response| response, |(status, body)| page::json_reply(status, &body))
}

/// `GET /api/connections`: this user's connections.
pub(crate) async fn list(State(AppState(app)): State<AppState>) -> Response {
    match connections(&app).await {
        Ok(connections) => {
            page::json_reply(StatusCode::OK, &masked(json!({"connections": connections})))
        }
        Err(response) => response,
    }
}

/// `GET /api/connections/{id}?integration=…`: a fresh token, masked.
pub(crate) async fn read(
    State(AppState(app)): State<AppState>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    fetch(&app, &id, &query, "").await.map_or_else(|response| response, shown)
}

/// `POST /api/connections/{id}/refresh?integration=…`: a new token now, masked.
pub(crate) async fn refresh(
    State(AppState(app)): State<AppState>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    fetch(&app, &id, &query, "&force_refresh=true").await.map_or_else(|response| response, shown)
}

/// `DELETE /api/connections/{id}?integration=…`
pub(crate) async fn remove(
    State(AppState(app)): State<AppState>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let integration = query.get("integration").map_or("", String::as_str);
    if let Err(response) = owned(&app, &id, integration).await {
        return response;
    }
    let path = connection_path(&id, integration);
    call(&app, Method::DELETE, path, None).await.map_or_else(|response| response, shown)
}

/// `POST /api/connections/{id}/break?integration=…`: plays a user who withdraws the grant on the
/// provider's own page. Only the emulator lets an app do that.
pub(crate) async fn break_grant(
    State(AppState(app)): State<AppState>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let Some(emulator) = &app.emulator else {
        let text = "this app runs without the provider emulator";
        return page::problem(StatusCode::NOT_FOUND, "no_emulator", text);
    };
    let (status, body) = match fetch(&app, &id, &query, "").await {
        Ok(reply) => reply,
        Err(response) => return response,
    };
    let Some(token) = body.pointer("/credentials/access_token").and_then(Value::as_str) else {
        return shown((status, body));
    };
    let known = emulator.revoke_grant_of_token(token);
    page::json_reply(StatusCode::OK, &json!({"withdrawn_at_provider": known}))
}

/// Reads a connection of this user.
async fn fetch(
    app: &AppOptions,
    id: &str,
    query: &HashMap<String, String>,
    flags: &str,
) -> Result<(StatusCode, Value), Response> {
    let integration = query.get("integration").map_or("", String::as_str);
    owned(app, id, integration).await?;
    call(app, Method::GET, connection_path(id, integration) + flags, None).await
}

/// Refuses connections that are not this user's: an id from a browser proves nothing.
async fn owned(app: &AppOptions, id: &str, integration: &str) -> Result<(), Response> {
    let known = connections(app).await?.into_iter().any(|connection| {
        connection["connection_id"] == id && connection["provider_config_key"] == integration
    });
    if known {
        return Ok(());
    }
    let text = "this user has no such connection";
    Err(page::problem(StatusCode::NOT_FOUND, "not_found", text))
}

async fn connections(app: &AppOptions) -> Result<Vec<Value>, Response> {
    let path = format!("/connections?tags%5Bend_user_id%5D={END_USER_ID}&limit={CONNECTIONS_MAX}");
    let (status, mut body) = call(app, Method::GET, path, None).await?;
    match body.get_mut("connections").map(Value::take) {
        Some(Value::Array(connections)) if status.is_success() => Ok(connections
            .into_iter()
            .filter(|it| it["provider_config_key"].as_str().is_some_and(|key| app.knows(key)))
            .collect()),
        _ => Err(shown((status, body))),
    }
}

async fn call(
    app: &AppOptions,
    method: Method,
    path: String,
    body: Option<Value>,
) -> Result<(StatusCode, Value), Response> {
    match (app.http)(method, path, body).await {
        Ok((status, body)) => {
            Ok((StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY), body))
        }
        Err(message) => {
            Err(page::problem(StatusCode::BAD_GATEWAY, "valetkey_unreachable", &message))
        }
    }
}

fn shown((status, body): (StatusCode, Value)) -> Response {
    page::json_reply(status, &masked(body))
}

fn connection_path(id: &str, integration: &str) -> String {
    let id = utf8_percent_encode(id, NON_ALPHANUMERIC);
    let integration = utf8_percent_encode(integration, NON_ALPHANUMERIC);
    format!("/connections/{id}?provider_config_key={integration}")
}

/// The integration a request names, and its other fields; the error is a sentence.
fn integration_field(
    app: &AppOptions,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(String, Fields), String> {
    let fields = Fields::read(headers, body)?;
    match fields.get("integration") {
        Some(integration) if app.knows(integration) => Ok((integration.to_owned(), fields)),
        _ => Err("this app does not offer that integration".to_owned()),
    }
}

fn invalid(message: &str) -> Response {
    page::problem(StatusCode::BAD_REQUEST, "invalid_body", message)
}
