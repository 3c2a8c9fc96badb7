//! Integrations: list, make, read, change, delete; and their functions, of which there are none.

mod create;
mod functions;
mod manage;
mod view;

pub(crate) use create::create_body;
pub(crate) use manage::update_body;

use http::{Method, StatusCode};
use serde_json::json;
use valetkey_engine::Error;

use crate::app::{App, Caller};
use crate::call::Call;
use crate::error::{ApiError, ApiResult};
use crate::reply;
use crate::route::{Auth, Endpoint};
use crate::schema::{Field, Schema, array, boolean, field, integer, named, object, record, string};

/// The group in the OpenAPI document.
const TAG: &str = "Integrations";

const LIST: &[&str] =
    &["environment:integrations:list", "environment:integrations:list_credentials"];
const READ: &[&str] = &["environment:integrations:read", READ_CREDENTIALS];
const READ_CREDENTIALS: &str = "environment:integrations:read_credentials";
const CREATE: &[&str] = &["environment:integrations:create"];
const UPDATE: &[&str] = &["environment:integrations:update"];
const DELETE: &[&str] = &["environment:integrations:delete"];

/// Most bytes of a body: credentials and the provider's settings.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Most characters of a provider setting.
const SETTING_CHARS_MAX: i64 = 8192;
/// Hosts beside the provider's own.
pub(crate) const HOSTS_MAX: i64 = 20;
/// Most calls a minute that a budget may say.
pub(crate) const CALLS_PER_MINUTE_MAX: i64 = 1_000_000;

const ONE: &str = "/integrations/{uniqueKey}";

/// The operations on integrations.
pub fn endpoints() -> Vec<Endpoint<App>> {
    let list = Endpoint::new(Method::GET, "/integrations", Auth::ApiKeyOrSession(LIST), list)
        .documented(TAG, "Integrations; a session sees those it may use")
        .returns(object(vec![field("data", array(view::schema()))]));
    let mut all = vec![list];
    all.extend(create::endpoints());
    all.extend(manage::endpoints());
    all.extend(functions::endpoints());
    all
}

async fn list(call: Call<App>) -> ApiResult {
    let caller = call.caller()?;
    let environment = caller.environment()?;
    let engine = &call.host.engine;
    let mut data = Vec::new();
    for (row, provider) in engine.integrations(environment).await? {
        let allowed = match caller {
            Caller::Session(caller) => caller.session.payload.allows(&row.unique_key),
            Caller::Key(_) => true,
        };
        if allowed {
            let categories = provider.as_ref().map(|provider| provider.categories.clone());
            let mut listed = view::listed(engine, environment.id, row, provider).await?;
            if let (Caller::Session(_), Some(categories)) = (caller, categories) {
                // A person chooses from them, and many are easier to find in groups.
                listed["categories"] = categories.into();
            }
            data.push(listed);
        }
    }
    Ok(reply::ok(&json!({"data": data})))
}

/// What making and changing an integration have in common.
fn common_fields() -> Vec<Field> {
    let setting = || string().max(SETTING_CHARS_MAX);
    vec![
        field("display_name", named::text(255).optional()),
        field("forward_webhooks", boolean().optional()),
        field("credentials", named::integration_credentials().optional()),
        field("integration_config", record(string().max(255), setting()).optional()),
        field("custom", record(string().max(255), setting()).optional()),
        field("proxy", proxy_limits().optional()),
    ]
}

/// Bounds of calls through the proxy.
fn proxy_limits() -> Schema {
    let calls = || integer().min(1).max(CALLS_PER_MINUTE_MAX).nullable().optional();
    object(vec![
        field(
            "allowed_hosts",
            array(string().max(255).custom(not_a_host)).max(HOSTS_MAX).optional(),
        ),
        field("calls_per_minute", calls()),
        field("calls_per_minute_per_connection", calls()),
    ])
}

fn not_a_host(value: &serde_json::Value) -> Option<String> {
    let text = value.as_str().unwrap_or_default();
    let message = "Expected is a host such as api.example.com, *.example.com, or * for any";
    (!valetkey_engine::proxy::is_host_pattern(text)).then(|| message.to_owned())
}

fn one_schema() -> Schema {
    object(vec![field("data", view::schema())])
}

fn success_schema() -> Schema {
    object(vec![field("success", boolean())])
}

/// Here the integration is what was looked for: 404 `not_found`.
fn not_found(error: Error) -> ApiError {
    match error {
        Error::UnknownIntegration(_) | Error::UnknownProvider(_) => {
            ApiError::simple(StatusCode::NOT_FOUND, "not_found", error.to_string())
        }
        other => other.into(),
    }
}
