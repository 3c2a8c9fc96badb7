//! `GET`, `PATCH` and `DELETE /integrations/{uniqueKey}`.

use http::Method;
use serde::Deserialize;
use serde_json::json;
use valetkey_engine::integrations::UpdateIntegration;

use super::view::{self, Include};
use super::{
    BODY_BYTES_MAX, DELETE, ONE, READ, READ_CREDENTIALS, TAG, UPDATE, common_fields, not_found,
    one_schema, success_schema,
};
use crate::app::App;
use crate::call::Call;
use crate::error::ApiResult;
use crate::reply;
use crate::route::{Auth, Endpoint, Principal as _};
use crate::schema::{
    Schema, any_of, array, boolean, field, integer, named, object, one_of, string,
};

const INCLUDES: &[&str] = &["webhook", "webhook_settings", "installs", "credentials"];

/// What changes an integration.
pub(crate) fn update_body() -> Schema {
    let mut fields = vec![field("unique_key", named::integration_key().optional())];
    fields.extend(common_fields());
    fields.push(field("webhooks", webhooks().optional()));
    fields.push(field("installs", installs().optional()));
    object(fields)
}

/// Most characters of a webhook secret: it may be a public key.
const WEBHOOK_SECRET_CHARS_MAX: i64 = 4096;
/// Most characters of the address of a claim page.
const CLAIM_URL_CHARS_MAX: i64 = 2048;
/// Most minutes for which a handshake may teach a secret.
const LEARN_MINUTES_MAX: i64 = 60;

/// What can be decided about a provider's webhooks.
fn webhooks() -> Schema {
    let recipes: &[&str] = &["", "standard_webhooks", "hmac_sha256", "token"];
    object(vec![
        field(
            "secret",
            string()
                .max(WEBHOOK_SECRET_CHARS_MAX)
                .optional()
                .about("What deliveries are verified with; an empty text removes it"),
        ),
        field(
            "accept_unverified",
            boolean().optional().about("Take deliveries, marked, while there is no secret"),
        ),
        field(
            "recipe",
            one_of(recipes).optional().about("Verify in this way; empty is the provider's own"),
        ),
        field(
            "learn_minutes",
            integer()
                .min(0)
                .max(LEARN_MINUTES_MAX)
                .optional()
                .about("For so long a handshake may bring a new secret"),
        ),
    ])
}

/// What can be decided about installations that begin at the provider.
fn installs() -> Schema {
    object(vec![
        field(
            "accept",
            boolean().optional().about("Hold installations that begin at the provider"),
        ),
        field(
            "claim_url",
            string().max(CLAIM_URL_CHARS_MAX).optional().about(
                "Your page that a person is led to afterwards, with a claim_token; on the \
                 environment's list of return addresses. An empty text removes it",
            ),
        ),
    ])
}

pub(super) fn endpoints() -> Vec<Endpoint<App>> {
    let include = any_of(vec![one_of(INCLUDES), array(one_of(INCLUDES))]);
    vec![
        Endpoint::new(Method::GET, ONE, Auth::ApiKey(READ), read)
            .documented(TAG, "One integration")
            .parameter("uniqueKey", named::integration_key())
            .query(vec![field(
                "include",
                include.optional().about("May be repeated. Credentials need their own scope"),
            )])
            .returns(one_schema()),
        Endpoint::new(Method::PATCH, ONE, Auth::ApiKey(UPDATE), update)
            .documented(TAG, "Change an integration; what is left out stays")
            .parameter("uniqueKey", named::integration_key())
            .body(update_body())
            .body_bytes_max(BODY_BYTES_MAX)
            .returns(one_schema()),
        Endpoint::new(Method::DELETE, ONE, Auth::ApiKey(DELETE), delete)
            .documented(TAG, "Delete an integration and its connections")
            .parameter("uniqueKey", named::integration_key())
            .returns(success_schema()),
    ]
}

#[derive(Deserialize)]
struct Query {
    include: Option<OneOrMany>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Query {
    fn asks_for(&self, name: &str) -> bool {
        match &self.include {
            None => false,
            Some(OneOrMany::One(only)) => only == name,
            Some(OneOrMany::Many(all)) => all.iter().any(|one| one == name),
        }
    }
}

async fn read(mut call: Call<App>) -> ApiResult {
    let query: Query = call.query()?;
    let caller = call.caller()?;
    let environment = caller.environment()?;
    let engine = &call.host.engine;
    let key = call.path("uniqueKey");
    let found = engine.integration(environment.id, key).await.map_err(not_found)?;
    let url = query.asks_for("webhook").then(|| engine.webhook_url(environment, key));
    let installs = query.asks_for("installs").then(|| engine.install_url(environment, key));
    let include = Include {
        installs: installs.as_deref(),
        webhook: url.as_deref(),
        webhook_settings: query.asks_for("webhook_settings"),
        // Without the scope they are left out rather than refused, as clients expect.
        credentials: query.asks_for("credentials") && caller.scopes().grants(READ_CREDENTIALS),
    };
    if include.credentials {
        let (id, actor) = (Some(environment.id), caller.actor());
        engine.recorder().audit(id, actor, "integration.credentials_read", key);
    }
    Ok(reply::ok(&json!({"data": view::full(engine, &found, include)})))
}

async fn update(mut call: Call<App>) -> ApiResult {
    let body: UpdateIntegration = call.body()?;
    let caller = call.caller()?;
    let engine = &call.host.engine;
    let changed = engine
        .update_integration(caller.environment()?, call.path("uniqueKey"), body, &caller.actor())
        .await
        .map_err(not_found)?;
    Ok(reply::ok(&json!({"data": view::full(engine, &changed, Include::default())})))
}

async fn delete(call: Call<App>) -> ApiResult {
    let caller = call.caller()?;
    call.host
        .engine
        .delete_integration(caller.environment()?, call.path("uniqueKey"), &caller.actor())
        .await
        .map_err(not_found)?;
    Ok(reply::ok(&json!({"success": true})))
}
