//! Environments and what belongs to one: variables, API keys, the webhook signing key. Most of it
//! is for keys of the account, which infrastructure code uses.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use valetkey_base::ScopeSet;
use valetkey_engine::{EnvironmentSettings, EnvironmentView};

use crate::app::{App, Caller};
use crate::call::Call;
use crate::error::{ApiError, ApiResult};
use crate::reply;
use crate::route::{Auth, Endpoint, Principal as _};
use crate::schema::{
    Schema, any_of, array, boolean, field, integer, named, nothing, object, one_of, string,
};

const TAG: &str = "Environments";
const READ_VARIABLES: &[&str] = &["environment:variables:read"];
const ROTATE: &[&str] = &["environment:webhook_signing_key:rotate"];
const CREATE: &str = "account:environments:create";
const DELETE: &str = "account:environments:delete";
const SET_PRODUCTION: &str = "account:environments:set_production";
const CREATE_KEY: &str = "account:environments:api_keys:create";
const DELETE_KEY: &str = "account:environments:api_keys:delete";
/// The name that means production unless the request says otherwise.
const PRODUCTION: &str = "prod";
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The operations.
pub fn endpoints() -> Vec<Endpoint<App>> {
    let mut all = environment_endpoints();
    all.extend(key_endpoints());
    all
}

fn environment_endpoints() -> Vec<Endpoint<App>> {
    let variable = object(vec![field("name", string()), field("value", string())]);
    let made = object(vec![field("id", integer()), field("name", string())]);
    let rotated = object(vec![field("webhook_signing_key", string())]);
    let rotate_path = "/environment/webhook-signing-key/rotate";
    vec![
        Endpoint::new(
            Method::GET,
            "/environment-variables",
            Auth::ApiKey(READ_VARIABLES),
            variables,
        )
        .documented(TAG, "Variables of the environment")
        .body(nothing().optional())
        .returns(array(variable)),
        Endpoint::new(Method::POST, "/environments", Auth::AccountKey(CREATE), create)
            .documented(TAG, "Make an environment")
            .body(create_body())
            .body_bytes_max(BODY_BYTES_MAX)
            .returns(object(vec![field("data", made)])),
        Endpoint::new(
            Method::DELETE,
            "/environments/{environmentId}",
            Auth::AccountKey(DELETE),
            delete,
        )
        .documented(TAG, "Delete an environment with everything in it")
        .parameter("environmentId", integer().coerced().positive())
        .answers(StatusCode::NO_CONTENT, "The environment was deleted"),
        Endpoint::new(Method::POST, rotate_path, Auth::ApiKey(ROTATE), rotate)
            .documented(TAG, "Replace the key that signs webhooks; the old one signs on for a day")
            .returns(object(vec![field("data", rotated)])),
    ]
}

fn key_endpoints() -> Vec<Endpoint<App>> {
    let id = || integer().coerced().positive();
    let made = object(vec![
        field("id", integer()),
        field("display_name", string()),
        field("scopes", array(string())),
        field("secret", string()),
        field("created_at", string()),
    ]);
    let path = "/environment/api-keys";
    vec![
        Endpoint::new(Method::POST, path, Auth::AccountKey(CREATE_KEY), create_key)
            .documented(TAG, "Make an API key with every scope of an environment")
            .body(object(vec![
                field("environment_id", id()),
                field("display_name", named::text(255)),
            ]))
            .body_bytes_max(BODY_BYTES_MAX)
            .returns(object(vec![field("data", made)])),
        Endpoint::new(Method::DELETE, path, Auth::AccountKey(DELETE_KEY), delete_key)
            .documented(TAG, "Revoke an API key")
            .body(object(vec![field("environment_id", id()), field("key_id", id())]))
            .body_bytes_max(BODY_BYTES_MAX)
            .returns(object(vec![field("success", boolean())])),
    ]
}

fn create_body() -> Schema {
    let unused = "Accepted so that existing clients work; has no effect";
    let header = object(vec![field("name", named::text(256)), field("value", named::text(4000))]);
    object(vec![
        field("name", named::environment_name()),
        field("is_production", boolean().optional()),
        field("callback_url", named::url().max(2048).optional()),
        field("hmac_key", string().max(1000).optional().about(unused)),
        field("hmac_enabled", boolean().optional().about(unused)),
        field("slack_notifications", boolean().optional().about(unused)),
        field("otlp_endpoint", any_of(vec![named::url(), one_of(&[""])]).optional().about(unused)),
        field("otlp_headers", array(header).max(100).optional().about(unused)),
    ])
}

async fn variables(call: Call<App>) -> ApiResult {
    let environment = call.caller()?.environment()?;
    let variables = call.host.engine.environment_variables(environment.id).await?;
    let list: Vec<Value> = variables
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value.expose()}))
        .collect();
    Ok(reply::ok(&list))
}

#[derive(Deserialize)]
struct Create {
    name: String,
    is_production: Option<bool>,
    callback_url: Option<String>,
}

async fn create(mut call: Call<App>) -> ApiResult {
    let body: Create = call.body()?;
    let caller = call.caller()?;
    if body.name == PRODUCTION && body.is_production == Some(false) {
        return Err(ApiError::simple(
            StatusCode::BAD_REQUEST,
            "invalid_is_prod_flag",
            "The environment 'prod' is a production environment; leave is_production out",
        ));
    }
    let is_production = body.is_production.unwrap_or(body.name == PRODUCTION);
    if is_production && !caller.scopes().grants(SET_PRODUCTION) {
        return Err(ApiError::forbidden(format!(
            "A production environment needs an API key with the scope {SET_PRODUCTION}"
        )));
    }
    let settings =
        EnvironmentSettings { callback_url: body.callback_url, ..EnvironmentSettings::default() };
    let made = call
        .host
        .engine
        .create_environment(
            caller.account_id(),
            &body.name,
            is_production,
            settings,
            &caller.actor(),
        )
        .await?;
    Ok(reply::ok(&json!({"data": {"id": made.id, "name": made.name}})))
}

async fn delete(call: Call<App>) -> ApiResult {
    let caller = call.caller()?;
    // A number too large for an id, or in a notation like 1e3, is nobody's.
    let id: i64 = call.path("environmentId").parse().map_err(|_| no_environment())?;
    call.host.engine.delete_environment(caller.account_id(), id, &caller.actor()).await?;
    Ok(reply::no_content())
}

#[derive(Deserialize)]
struct CreateKey {
    environment_id: i64,
    display_name: String,
}

async fn create_key(mut call: Call<App>) -> ApiResult {
    let body: CreateKey = call.body()?;
    let caller = call.caller()?;
    let environment = own_environment(&call.host, caller, body.environment_id).await?;
    let (key, secret) = call
        .host
        .engine
        .create_api_key(
            caller.account_id(),
            Some(environment.id),
            &body.display_name,
            ScopeSet::full_environment(),
            None,
            &caller.actor(),
        )
        .await?;
    Ok(reply::ok(&json!({"data": {
        "id": key.id,
        "display_name": key.display_name,
        "scopes": key.scopes.as_slice(),
        "secret": secret.expose(),
        "created_at": key.created_at.to_iso_z(),
    }})))
}

#[derive(Deserialize)]
struct DeleteKey {
    environment_id: i64,
    key_id: i64,
}

async fn delete_key(mut call: Call<App>) -> ApiResult {
    let body: DeleteKey = call.body()?;
    let caller = call.caller()?;
    let environment = own_environment(&call.host, caller, body.environment_id).await?;
    call.host
        .engine
        .revoke_api_key(caller.account_id(), Some(environment.id), body.key_id, &caller.actor())
        .await?;
    Ok(reply::ok(&json!({"success": true})))
}

async fn rotate(call: Call<App>) -> ApiResult {
    let caller = call.caller()?;
    let environment = caller.environment()?;
    let key = call.host.engine.rotate_signing_key(environment.id, &caller.actor()).await?;
    Ok(reply::ok(&json!({"data": {"webhook_signing_key": key.expose()}})))
}

/// An environment of the caller's account. Another account's is as unknown as none.
async fn own_environment(app: &App, caller: &Caller, id: i64) -> ApiResult<Arc<EnvironmentView>> {
    let environment = app.engine.environment(id).await?;
    if environment.account_id == caller.account_id() {
        Ok(environment)
    } else {
        Err(no_environment())
    }
}

fn no_environment() -> ApiError {
    ApiError::not_found("There is no such environment.")
}
