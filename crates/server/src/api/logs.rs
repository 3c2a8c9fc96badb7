//! `GET /logs/operations` and `GET /logs/operations/{id}`: what happened in an environment.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use valetkey_engine::activity::{Message, Operation};

use crate::app::App;
use crate::call::Call;
use crate::error::ApiResult;
use crate::reply;
use crate::route::{Auth, Endpoint};
use crate::schema::{Field, any, array, field, integer, named, object, string};

const TAG: &str = "Logs";
const READ: &[&str] = &["environment:logs:read"];

/// The operations.
pub fn endpoints() -> Vec<Endpoint<App>> {
    let mut with_messages = operation_fields();
    let message = object(vec![
        field("level", string()),
        field("message", string()),
        field("detail", any()),
        field("created_at", string()),
    ]);
    with_messages.push(field("messages", array(message)));
    vec![
        Endpoint::new(Method::GET, "/logs/operations", Auth::ApiKey(READ), list)
            .documented(TAG, "Flows, refreshes, webhooks and imports, newest first")
            .query(vec![
                field("kind", named::text(64).optional()),
                field("connection_id", named::connection_id().optional()),
                field("limit", integer().coerced().min(1).max(1000).default(100)),
            ])
            .returns(object(vec![field("data", array(object(operation_fields())))])),
        Endpoint::new(Method::GET, "/logs/operations/{id}", Auth::ApiKey(READ), one)
            .documented(TAG, "One operation with its messages")
            .parameter("id", named::text(64))
            .returns(object(vec![field("data", object(with_messages))])),
    ]
}

fn operation_fields() -> Vec<Field> {
    let maybe = || string().nullable();
    vec![
        field("id", string()),
        field("kind", string()),
        field("action", string()),
        field("state", string()),
        field("title", string()),
        field("integration", maybe()),
        field("connection_id", maybe()),
        field("error", any()),
        field("created_at", string()),
        field("ended_at", maybe()),
    ]
}

#[derive(Deserialize)]
struct Query {
    kind: Option<String>,
    connection_id: Option<String>,
    limit: i64,
}

async fn list(mut call: Call<App>) -> ApiResult {
    let query: Query = call.query()?;
    let id = call.caller()?.environment()?.id;
    let (kind, connection) = (query.kind.as_deref(), query.connection_id.as_deref());
    let rows = call.host.engine.operations(id, kind, connection, query.limit).await?;
    let data: Vec<Value> = rows.iter().map(operation).collect();
    Ok(reply::ok(&json!({"data": data})))
}

async fn one(call: Call<App>) -> ApiResult {
    let environment_id = call.caller()?.environment()?.id;
    let (row, messages) = call.host.engine.operation(environment_id, call.path("id")).await?;
    let mut data = operation(&row);
    data["messages"] = messages.iter().map(message).collect();
    Ok(reply::ok(&json!({"data": data})))
}

fn operation(row: &Operation) -> Value {
    json!({
        "id": row.id,
        "kind": row.kind,
        "action": row.action,
        "state": row.state,
        "title": row.title,
        "integration": row.integration_key,
        "connection_id": row.connection_id,
        "error": parsed(row.error.as_deref()),
        "created_at": row.created_at.to_iso_z(),
        "ended_at": row.ended_at.map(valetkey_base::Timestamp::to_iso_z),
    })
}

fn message(message: &Message) -> Value {
    json!({
        "level": message.level,
        "message": message.text,
        "detail": parsed(message.detail.as_deref()),
        "created_at": message.at.to_iso_z(),
    })
}

/// Stored JSON text as JSON.
fn parsed(text: Option<&str>) -> Value {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}
