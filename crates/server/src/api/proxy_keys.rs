//! Narrow keys for calls through the proxy: made by an app for an agent, listed, ended.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use valetkey_engine::proxy::{NewGrant, ProxyKey, ProxyRules};

use crate::app::App;
use crate::call::Call;
use crate::error::{ApiError, ApiResult};
use crate::reply;
use crate::route::{Auth, Endpoint};
use crate::schema::{Field, Schema, array, boolean, field, integer, named, object, string};

const TAG: &str = "Proxy";
const SCOPE: &[&str] = &["environment:proxy"];
const PATH: &str = "/environment/proxy-keys";
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Rules of one key.
const CALLS_MAX: i64 = 50;
const METHODS_MAX: i64 = 10;
const PATH_CHARS_MAX: i64 = 500;
/// A day, in seconds.
const LIFETIME_MAX_S: i64 = 86_400;
/// An hour, in seconds.
const LIFETIME_S: i64 = 3_600;
const BUDGET_MAX: i64 = 1_000_000;

/// The operations.
pub fn endpoints() -> Vec<Endpoint<App>> {
    let mut made = shown();
    made.push(field("key", string().about("Shown this once")));
    vec![
        Endpoint::new(Method::POST, PATH, Auth::ApiKey(SCOPE), create)
            .documented(TAG, "Make a key for some calls through the proxy, for an agent")
            .body(create_body())
            .body_bytes_max(BODY_BYTES_MAX)
            .returns(object(vec![field("data", object(made))])),
        Endpoint::new(Method::GET, PATH, Auth::ApiKey(SCOPE), list)
            .documented(TAG, "Keys for some calls through the proxy that work now, newest first")
            .returns(object(vec![field("data", array(object(shown())))])),
        Endpoint::new(Method::DELETE, "/environment/proxy-keys/{id}", Auth::ApiKey(SCOPE), delete)
            .documented(TAG, "End a key for some calls through the proxy")
            .parameter("id", named::text(64))
            .returns(object(vec![field("success", boolean())])),
    ]
}

/// What is shown of a key at any time.
fn shown() -> Vec<Field> {
    let call = vec![field("methods", array(string())), field("path", string())];
    let rules = vec![
        field("provider_config_key", string()),
        field("connection_id", string().optional()),
        field("calls", array(object(call))),
    ];
    vec![
        field("id", integer()),
        field("rules", object(rules)),
        field("calls_left", integer().nullable()),
        field("expires_at", string()),
        field("created_at", string()),
    ]
}

fn create_body() -> Schema {
    let path = string().min(1).max(PATH_CHARS_MAX).custom(not_a_pattern);
    let call = object(vec![
        field(
            "methods",
            array(named::http_method())
                .max(METHODS_MAX)
                .default(json!([]))
                .about("In upper case. None is any"),
        ),
        field(
            "path",
            path.about("Below the base URL. `*` is one segment, a last `**` all that follow"),
        ),
    ]);
    object(vec![
        field("provider_config_key", named::integration_key()),
        field("connection_id", named::connection_id().optional()),
        field("calls", array(call).min(1).max(CALLS_MAX)),
        field("expires_in_s", integer().min(1).max(LIFETIME_MAX_S).default(LIFETIME_S)),
        field(
            "calls_max",
            integer().min(1).max(BUDGET_MAX).optional().about("How many calls it may make"),
        ),
    ])
}

fn not_a_pattern(value: &Value) -> Option<String> {
    let text = value.as_str().unwrap_or_default();
    let parts: Vec<&str> = text.strip_prefix('/').unwrap_or("?").split('/').collect();
    let is_plain = |part: &&str| *part == "*" || !part.contains(['*', '?', '#', '%', '\\']);
    let (last, rest) = parts.split_last()?;
    let is_fine = rest.iter().all(is_plain) && (*last == "**" || is_plain(last));
    let message = "Expected is a path such as /v1/contacts/*, without a query; ** may only end it";
    (!is_fine).then(|| message.to_owned())
}

#[derive(Deserialize)]
struct Create {
    #[serde(flatten)]
    rules: ProxyRules,
    expires_in_s: u64,
    calls_max: Option<u32>,
}

fn view(key: &ProxyKey) -> Value {
    json!({
        "id": key.id,
        "rules": serde_json::from_str::<Value>(&key.rules).unwrap_or_default(),
        "calls_left": key.calls_left,
        "expires_at": key.expires_at.to_iso_z(),
        "created_at": key.created_at.to_iso_z(),
    })
}

/// A narrow key makes calls; it neither makes nor sees keys.
fn refuse_narrow(call: &Call<App>) -> ApiResult<()> {
    match call.caller()?.grant() {
        Some(_) => Err(ApiError::forbidden("A proxy key is for calls through the proxy only")),
        None => Ok(()),
    }
}

async fn create(mut call: Call<App>) -> ApiResult {
    refuse_narrow(&call)?;
    let Create { rules, expires_in_s, calls_max } = call.body()?;
    let caller = call.caller()?;
    let grant = NewGrant { rules, lifetime: Duration::from_secs(expires_in_s), calls_max };
    let engine = &call.host.engine;
    let (key, secret) =
        engine.create_proxy_key(caller.environment()?, grant, &caller.actor()).await?;
    let mut made = view(&key);
    made["key"] = secret.expose().into();
    Ok(reply::ok(&json!({"data": made})))
}

async fn list(call: Call<App>) -> ApiResult {
    refuse_narrow(&call)?;
    let keys = call.host.engine.proxy_keys(call.caller()?.environment()?).await?;
    let all: Vec<Value> = keys.iter().map(view).collect();
    Ok(reply::ok(&json!({"data": all})))
}

async fn delete(call: Call<App>) -> ApiResult {
    refuse_narrow(&call)?;
    let caller = call.caller()?;
    // What is no number is nobody's id.
    let id = call.path("id").parse().unwrap_or(0);
    let engine = &call.host.engine;
    engine.delete_proxy_key(caller.environment()?, id, &caller.actor()).await?;
    Ok(reply::ok(&json!({"success": true})))
}
