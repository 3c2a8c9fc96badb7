//! `POST /integrations` and `POST /integrations/quickstart`.

use http::{Method, StatusCode};
use serde_json::json;
use valetkey_engine::integrations::CreateIntegration;

use super::view::{self, Include};
use super::{BODY_BYTES_MAX, CREATE, TAG, common_fields, one_schema};
use crate::app::App;
use crate::call::Call;
use crate::error::{ApiError, ApiResult};
use crate::reply;
use crate::route::{Auth, Endpoint};
use crate::schema::{Schema, boolean, field, named, object};

/// What makes an integration.
pub(crate) fn create_body() -> Schema {
    let mut fields = vec![
        field("provider", named::provider_name()),
        field("unique_key", named::integration_key()),
    ];
    fields.extend(common_fields());
    object(fields)
}

pub(super) fn endpoints() -> Vec<Endpoint<App>> {
    let quickstart = object(vec![
        field("provider", named::provider_name()),
        field("unique_key", named::integration_key()),
        field("display_name", named::text(255).optional()),
        field("forward_webhooks", boolean().optional()),
    ]);
    vec![
        Endpoint::new(Method::POST, "/integrations", Auth::ApiKey(CREATE), create)
            .documented(TAG, "Make an integration")
            .body(create_body())
            .body_bytes_max(BODY_BYTES_MAX)
            .returns(one_schema()),
        Endpoint::new(Method::POST, "/integrations/quickstart", Auth::ApiKey(CREATE), shared)
            .documented(TAG, "Make an integration with an app this server shares; it shares none")
            .body(quickstart)
            .body_bytes_max(BODY_BYTES_MAX)
            .returns(one_schema()),
    ]
}

async fn create(mut call: Call<App>) -> ApiResult {
    let body: CreateIntegration = call.body()?;
    let caller = call.caller()?;
    let engine = &call.host.engine;
    let made = engine.create_integration(caller.environment()?, body, &caller.actor()).await?;
    Ok(reply::ok(&json!({"data": view::full(engine, &made, Include::default())})))
}

/// A shared app would put one party's name on every customer's consent page; there is none here.
async fn shared(_call: Call<App>) -> ApiResult {
    Err(ApiError::simple(
        StatusCode::BAD_REQUEST,
        "invalid_body",
        "This server shares no app for any provider. Register your own with the provider and \
         make the integration with its credentials",
    ))
}
