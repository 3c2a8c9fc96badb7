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
use crate::schema::{Schema, any_of, array, field, named, object, one_of};

const INCLUDES: &[&str] = &["webhook", "credentials"];

/// What changes an integration.
pub(crate) fn update_body() -> Schema {
    let mut fields = vec![field("unique_key", named::integration_key().optional())];
    fields.extend(common_fields());
    object(fields)
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
    let include = Include {
        webhook: query.asks_for("webhook"),
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
