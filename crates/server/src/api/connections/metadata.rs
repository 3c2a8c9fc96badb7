//! Metadata: what the app keeps with a connection. Replaced by `POST`, merged by `PATCH`.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use valetkey_engine::Error;
use valetkey_engine::connections::MetadataChange;

use super::{BODY_BYTES_MAX, TAG, UPDATE, unknown_integration_is_400};
use crate::app::App;
use crate::call::Call;
use crate::error::{ApiError, ApiResult, Part};
use crate::reply;
use crate::route::{Auth, BodyRule, Endpoint};
use crate::schema::{Issue, Schema, any, any_of, array, field, named, object, record, string};

/// Most connections one call may write.
const IDS_MAX: i64 = 1000;

pub(super) fn endpoints() -> Vec<Endpoint<App>> {
    let replaced = (StatusCode::CREATED, "The body, as it was sent");
    let merged = (StatusCode::OK, "The body, as it was sent");
    vec![
        Endpoint::new(Method::POST, "/connections/metadata", Auth::ApiKey(UPDATE), replace)
            .alias("/connection/metadata")
            .documented(TAG, "Replace the metadata of one or several connections")
            .body(body_schema())
            .body_bytes_max(BODY_BYTES_MAX)
            .answers(replaced.0, replaced.1)
            .returns(body_schema()),
        Endpoint::new(Method::PATCH, "/connections/metadata", Auth::ApiKey(UPDATE), merge)
            .alias("/connection/metadata")
            .documented(TAG, "Merge keys into the metadata of one or several connections")
            .body(body_schema())
            .body_bytes_max(BODY_BYTES_MAX)
            .answers(merged.0, merged.1)
            .returns(body_schema()),
        per_connection(Method::POST, MetadataChange::Replace)
            .documented(TAG, "Replace the metadata of a connection")
            .answers(replaced.0, replaced.1),
        per_connection(Method::PATCH, MetadataChange::Merge)
            .documented(TAG, "Merge keys into the metadata of a connection")
            .answers(merged.0, merged.1),
    ]
}

fn body_schema() -> Schema {
    let id = named::connection_id;
    object(vec![
        field("connection_id", any_of(vec![id(), array(id()).max(IDS_MAX)])),
        field("provider_config_key", named::integration_key()),
        field("metadata", record(string(), any())),
    ])
}

/// The older form: the path names the connection, the whole body is the metadata.
fn per_connection(method: Method, change: MetadataChange) -> Endpoint<App> {
    let path = "/connection/{connectionId}/metadata";
    Endpoint::new(method, path, Auth::ApiKey(UPDATE), move |call| write_one(call, change))
        .any_query()
        .body_rule(BodyRule::AnyJson)
        .body_bytes_max(BODY_BYTES_MAX)
        .deprecated()
}

#[derive(Deserialize)]
struct Body {
    connection_id: Ids,
    provider_config_key: String,
    metadata: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Ids {
    One(String),
    Several(Vec<String>),
}

async fn replace(call: Call<App>) -> ApiResult {
    write(call, StatusCode::CREATED, MetadataChange::Replace).await
}

async fn merge(call: Call<App>) -> ApiResult {
    write(call, StatusCode::OK, MetadataChange::Merge).await
}

async fn write(mut call: Call<App>, status: StatusCode, change: MetadataChange) -> ApiResult {
    let body = call.body_value().unwrap_or_default();
    let answer = reply::json(status, &body);
    let body: Body = serde_json::from_value(body).map_err(ApiError::internal)?;
    let (ids, several) = match body.connection_id {
        Ids::One(id) => (vec![id], false),
        Ids::Several(ids) => (ids, true),
    };
    let caller = call.caller()?;
    let (environment, key) = (caller.environment()?, &body.provider_config_key);
    call.host
        .engine
        .write_metadata(environment, key, &ids, body.metadata, change, &caller.actor())
        .await
        .map_err(|error| unknown_connection(error, several))?;
    Ok(answer)
}

fn unknown_connection(error: Error, several: bool) -> ApiError {
    let mut message = error.to_string();
    match error {
        Error::UnknownConnection { .. } => {
            if several {
                message += " Nothing was changed.";
            }
            ApiError::simple(StatusCode::NOT_FOUND, "unknown_connection", message)
        }
        other => unknown_integration_is_400(other),
    }
}

async fn write_one(mut call: Call<App>, change: MetadataChange) -> ApiResult {
    let metadata = match call.body_value() {
        Some(Value::Object(metadata)) => metadata,
        other => {
            let received = if other.is_some() { "array" } else { "undefined" };
            return Err(ApiError::validation(
                Part::Body,
                vec![Issue {
                    code: "invalid_type",
                    message: format!("Invalid input: expected object, received {received}"),
                    path: Vec::new(),
                }],
            ));
        }
    };
    let key = call.query_map().get("provider_config_key").and_then(Value::as_str);
    let Some(key) = key.or_else(|| call.header("provider-config-key")) else {
        return Err(ApiError::legacy(
            StatusCode::BAD_REQUEST,
            "missing_provider_config",
            "Name the integration in the query parameter provider_config_key",
            None,
        ));
    };
    let id = call.path("connectionId").to_owned();
    let status = match change {
        MetadataChange::Replace => StatusCode::CREATED,
        MetadataChange::Merge => StatusCode::OK,
    };
    let answer = reply::json(status, &metadata);
    let caller = call.caller()?;
    let environment = caller.environment()?;
    let written = call
        .host
        .engine
        .write_metadata(environment, key, &[id], metadata, change, &caller.actor())
        .await;
    match written {
        Ok(()) => Ok(answer),
        Err(error) => {
            let text = error.to_string();
            Err(match error {
                Error::UnknownConnection { connection_id, integration_key } => ApiError::legacy(
                    StatusCode::NOT_FOUND,
                    "unknown_connection",
                    text,
                    json!({"connectionId": connection_id, "providerConfigKey": integration_key}),
                ),
                other => other.into(),
            })
        }
    }
}
