//! `PATCH` and `DELETE /connections/{connectionId}`.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use valetkey_engine::Error;
use valetkey_engine::connections::PatchConnection;

use super::{DELETE, TAG, UPDATE, unknown_integration_is_400};
use crate::api::webhook_url;
use crate::app::App;
use crate::call::Call;
use crate::error::{ApiError, ApiResult, Part};
use crate::reply;
use crate::route::{Auth, Endpoint};
use crate::schema::{Field, Schema, boolean, field, named, object};

/// Most bytes of the body of a change.
const PATCH_BODY_BYTES_MAX: usize = 64 * 1024;

fn integration_key() -> Vec<Field> {
    vec![field("provider_config_key", named::integration_key())]
}

fn success() -> Schema {
    object(vec![field("success", boolean())])
}

pub(super) fn patch_endpoint() -> Endpoint<App> {
    Endpoint::new(Method::PATCH, "/connections/{connectionId}", Auth::ApiKey(UPDATE), patch)
        .documented(TAG, "Change a connection's end user, tags or webhook URL")
        .parameter("connectionId", named::connection_id())
        .query(integration_key())
        .body(object(vec![
            field("end_user", named::end_user().optional()),
            field("tags", named::tags().optional().about("These replace the tags there are")),
            field(webhook_url::FIELD, webhook_url::schema().optional()),
        ]))
        .body_bytes_max(PATCH_BODY_BYTES_MAX)
        .returns(success())
}

pub(super) fn delete_endpoint() -> Endpoint<App> {
    Endpoint::new(Method::DELETE, "/connections/{connectionId}", Auth::ApiKey(DELETE), delete)
        .alias("/connection/{connectionId}")
        .documented(TAG, "Delete a connection")
        .parameter("connectionId", named::connection_id())
        .query(integration_key())
        .order([Part::Path, Part::Query, Part::Body])
        .returns(success())
}

#[derive(Deserialize)]
struct Query {
    provider_config_key: String,
}

async fn patch(mut call: Call<App>) -> ApiResult {
    let query: Query = call.query()?;
    let body: PatchConnection = call.body()?;
    let caller = call.caller()?;
    let engine = &call.host.engine;
    webhook_url::check(engine, body.webhook_url_override.as_deref())?;
    let (key, id) = (&query.provider_config_key, call.path("connectionId"));
    engine
        .patch_connection(caller.environment()?, key, id, body, &caller.actor())
        .await
        .map_err(unknown_integration_is_400)?;
    Ok(reply::ok(&json!({"success": true})))
}

async fn delete(mut call: Call<App>) -> ApiResult {
    let query: Query = call.query()?;
    let caller = call.caller()?;
    let (key, id) = (&query.provider_config_key, call.path("connectionId"));
    call.host
        .engine
        .delete_connection(caller.environment()?, key, id, &caller.actor())
        .await
        .map_err(|error| match error {
            // Here an unknown connection is 400, which existing clients branch on.
            Error::UnknownConnection { .. } => {
                ApiError::simple(StatusCode::BAD_REQUEST, "unknown_connection", error.to_string())
            }
            other => unknown_integration_is_400(other),
        })?;
    Ok(reply::ok(&json!({"success": true})))
}
