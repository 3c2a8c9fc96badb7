//! The feed of events, and their deliveries: what failed can be seen and sent again.

use http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use valetkey_engine::activity::{DeliveryRow, Event};

use crate::app::App;
use crate::call::Call;
use crate::error::ApiResult;
use crate::reply;
use crate::route::{Auth, Endpoint};
use crate::schema::{Schema, any, array, boolean, field, integer, named, object, one_of, string};

const TAG: &str = "Webhooks";
const READ: &[&str] = &["environment:webhooks:read"];
const REPLAY: &[&str] = &["environment:webhooks:replay"];
/// Most characters of the id of an event or a delivery.
const ID_CHARS_MAX: i64 = 64;

/// The operations.
pub fn endpoints() -> Vec<Endpoint<App>> {
    let event = object(vec![
        field("id", string()),
        field("type", string()),
        field("payload", any()),
        field("created_at", string()),
    ]);
    let data = |item: Schema| object(vec![field("data", array(item))]);
    vec![
        Endpoint::new(Method::GET, "/environment/events", Auth::ApiKey(READ), feed)
            .documented(TAG, "Events, oldest first, whether they were delivered or not")
            .query(vec![
                field(
                    "after",
                    named::text(ID_CHARS_MAX).optional().about("The last event you have"),
                ),
                limit(),
            ])
            .returns(data(event)),
        Endpoint::new(Method::GET, "/environment/deliveries", Auth::ApiKey(READ), deliveries)
            .documented(TAG, "Deliveries of events, newest first")
            .query(vec![
                field("state", one_of(&["pending", "delivered", "dead"]).optional()),
                limit(),
            ])
            .returns(data(delivery_schema())),
        Endpoint::new(
            Method::POST,
            "/environment/deliveries/{id}/replay",
            Auth::ApiKey(REPLAY),
            replay,
        )
        .documented(TAG, "Send a finished delivery again")
        .parameter("id", named::text(ID_CHARS_MAX))
        .returns(object(vec![field("success", boolean())])),
    ]
}

fn limit() -> crate::schema::Field {
    field("limit", integer().coerced().min(1).max(1000).default(100))
}

fn delivery_schema() -> Schema {
    object(vec![
        field("id", string()),
        field("event_id", string()),
        field("url", string()),
        field("state", string()),
        field("attempts", integer()),
        field("next_attempt_at", string().nullable()),
        field("last_status", integer().nullable()),
        field("last_error", string().nullable()),
    ])
}

#[derive(Deserialize)]
struct Feed {
    after: Option<String>,
    limit: i64,
}

async fn feed(mut call: Call<App>) -> ApiResult {
    let query: Feed = call.query()?;
    let id = call.caller()?.environment()?.id;
    let events = call.host.engine.events(id, query.after.as_deref(), query.limit).await?;
    let data: Vec<EventView> = events.into_iter().map(EventView::from).collect();
    Ok(reply::ok(&Data { data }))
}

#[derive(serde::Serialize)]
struct Data<T> {
    data: Vec<T>,
}

#[derive(serde::Serialize)]
struct EventView {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    /// As it is delivered, byte for byte.
    payload: Option<Box<RawValue>>,
    created_at: String,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            kind: event.kind,
            payload: RawValue::from_string(event.payload).ok(),
            created_at: event.created_at.to_iso_z(),
        }
    }
}

#[derive(Deserialize)]
struct Deliveries {
    state: Option<String>,
    limit: i64,
}

async fn deliveries(mut call: Call<App>) -> ApiResult {
    let query: Deliveries = call.query()?;
    let id = call.caller()?.environment()?.id;
    let rows = call.host.engine.deliveries(id, query.state.as_deref(), query.limit).await?;
    let data: Vec<Value> = rows.iter().map(delivery).collect();
    Ok(reply::ok(&json!({"data": data})))
}

fn delivery(row: &DeliveryRow) -> Value {
    let next = (row.state == "pending").then(|| row.next_attempt_at.to_iso_z());
    json!({
        "id": row.id,
        "event_id": row.event_id,
        "url": row.url,
        "state": row.state,
        "attempts": row.attempts,
        "next_attempt_at": next,
        "last_status": row.last_status,
        "last_error": row.last_error,
    })
}

async fn replay(call: Call<App>) -> ApiResult {
    let caller = call.caller()?;
    let id = caller.environment()?.id;
    call.host.engine.replay_delivery(id, call.path("id"), &caller.actor()).await?;
    Ok(reply::ok(&json!({"success": true})))
}
