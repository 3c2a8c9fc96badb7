//! Installations that began at the provider, until the app claims them.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use valetkey_engine::installs::{ClaimInstall, Install};

use super::webhook_url;
use crate::app::App;
use crate::call::Call;
use crate::error::ApiResult;
use crate::reply;
use crate::route::{Auth, Endpoint};
use crate::schema::{
    Schema, any, array, boolean, field, integer, named, object, one_of, record, string,
};

const TAG: &str = "Installs";
const LIST: &[&str] = &["environment:connections:list"];
const READ: &[&str] = &["environment:connections:read"];
const CREATE: &[&str] = &["environment:connections:create"];
const DELETE: &[&str] = &["environment:connections:delete"];
const PATH: &str = "/installs";
const ONE: &str = "/installs/{installId}";
const ID_CHARS_MAX: i64 = 64;
/// Most characters of a claim token.
const TOKEN_CHARS_MAX: i64 = 128;
const BODY_BYTES_MAX: usize = 256 * 1024;
const PAGE_MAX: i64 = 100;

/// The operations.
pub fn endpoints() -> Vec<Endpoint<App>> {
    let data = || object(vec![field("data", schema())]);
    let id = || named::text(ID_CHARS_MAX);
    vec![
        Endpoint::new(Method::GET, PATH, Auth::ApiKey(LIST), list)
            .documented(
                TAG,
                "Installations that began at the provider and are unclaimed, newest first",
            )
            .query(vec![
                field("provider_config_key", named::integration_key().optional()),
                field("after", id().optional().about("The last one you have")),
                field("limit", integer().coerced().min(1).max(PAGE_MAX).default(PAGE_MAX)),
            ])
            .returns(object(vec![field("data", array(schema()))])),
        Endpoint::new(Method::GET, ONE, Auth::ApiKey(READ), read)
            .documented(TAG, "One unclaimed installation")
            .parameter("installId", id())
            .returns(data()),
        Endpoint::new(Method::POST, "/installs/exchange", Auth::ApiKey(CREATE), exchange)
            .documented(
                TAG,
                "What the claim token is for that a person came to your claim page with",
            )
            .body(object(vec![field("claim_token", named::text(TOKEN_CHARS_MAX))]))
            .body_bytes_max(BODY_BYTES_MAX)
            .returns(data()),
        Endpoint::new(Method::POST, "/installs/{installId}/claim", Auth::ApiKey(CREATE), claim)
            .documented(TAG, "Make a connection of an unclaimed installation")
            .parameter("installId", id())
            .body(claim_body())
            .body_bytes_max(BODY_BYTES_MAX)
            .answers(StatusCode::CREATED, "The connection it became, without credentials")
            .returns(object(vec![
                field("connection_id", string()),
                field("provider_config_key", string()),
                field("created", boolean()),
            ])),
        Endpoint::new(Method::DELETE, ONE, Auth::ApiKey(DELETE), dismiss)
            .documented(TAG, "Dismiss an unclaimed installation; at the provider it stays as it is")
            .parameter("installId", id())
            .returns(object(vec![field("success", boolean())])),
    ]
}

/// What a claim says of the connection.
pub(crate) fn claim_body() -> Schema {
    object(vec![
        field("connection_id", named::connection_id().optional()),
        field("metadata", record(string(), any()).optional()),
        field(webhook_url::FIELD, webhook_url::schema().optional()),
        field("end_user", named::end_user().optional()),
        field("tags", named::tags().optional()),
    ])
}

fn schema() -> Schema {
    object(vec![
        field("id", string()),
        field("provider_config_key", string()),
        field("provider", string()),
        field("source", one_of(&["webhook", "callback"])),
        field("account", string().nullable().about("Where it was installed, as the provider says")),
        field("installed_by", string().nullable()),
        field("external_id", string().nullable().about("The provider's id of the installation")),
        field("created_at", string()),
        field("expires_at", string()),
    ])
}

fn view(install: &Install) -> Value {
    json!({
        "id": install.install_id,
        "provider_config_key": install.integration_key,
        "provider": install.provider,
        "source": install.source,
        "account": install.label,
        "installed_by": install.installed_by,
        "external_id": install.external_id,
        "created_at": install.created_at.to_iso_z(),
        "expires_at": install.expires_at.to_iso_z(),
    })
}

#[derive(Deserialize)]
struct List {
    provider_config_key: Option<String>,
    after: Option<String>,
    limit: i64,
}

async fn list(mut call: Call<App>) -> ApiResult {
    let query: List = call.query()?;
    let environment = call.caller()?.environment()?;
    let (key, after) = (query.provider_config_key.as_deref(), query.after.as_deref());
    let found = call.host.engine.installs(environment, key, after, query.limit).await?;
    Ok(reply::ok(&json!({"data": found.iter().map(view).collect::<Vec<_>>()})))
}

async fn read(call: Call<App>) -> ApiResult {
    let environment = call.caller()?.environment()?;
    let found = call.host.engine.install(environment, call.path("installId")).await?;
    Ok(reply::ok(&json!({"data": view(&found)})))
}

#[derive(Deserialize)]
struct Exchange {
    claim_token: String,
}

async fn exchange(mut call: Call<App>) -> ApiResult {
    let body: Exchange = call.body()?;
    let environment = call.caller()?.environment()?;
    let found = call.host.engine.exchange_claim_token(environment, &body.claim_token).await?;
    Ok(reply::ok(&json!({"data": view(&found)})))
}

async fn claim(mut call: Call<App>) -> ApiResult {
    let body: ClaimInstall = call.body()?;
    let caller = call.caller()?;
    let engine = &call.host.engine;
    webhook_url::check(engine, body.about.webhook_url_override.as_deref())?;
    let claimed = engine
        .claim_install(caller.environment()?, call.path("installId"), body, &caller.actor())
        .await?;
    let answer = json!({
        "connection_id": claimed.connection_id,
        "provider_config_key": claimed.integration_key,
        "created": claimed.is_new,
    });
    Ok(reply::json(StatusCode::CREATED, &answer))
}

async fn dismiss(call: Call<App>) -> ApiResult {
    let caller = call.caller()?;
    let engine = &call.host.engine;
    engine.dismiss_install(caller.environment()?, call.path("installId"), &caller.actor()).await?;
    Ok(reply::ok(&json!({"success": true})))
}
