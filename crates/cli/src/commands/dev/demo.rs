//! What `valetkey dev` puts into the database, and how the sample app reaches the server.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use valetkey_base::Secret;
use valetkey_emulator::app::{ApiCall, ApiReply};
use valetkey_emulator::provider::{API_KEY_PREFIX, CLIENT_ID, CLIENT_SECRET};
use valetkey_engine::connect::ImportConnection;
use valetkey_engine::integrations::CreateIntegration;
use valetkey_engine::{Engine, EnvironmentSettings, EnvironmentView, Error};

use crate::open::ACTOR;

/// The integration of the emulated OAuth provider.
pub(super) const OAUTH: &str = "emulator";
/// The integration of its API with a key.
pub(super) const API_KEY: &str = "emulator-api-key";
/// A connection that is there from the start, for the first curl.
pub(super) const CONNECTION: &str = "demo";

/// Largest answer the sample app reads, in bytes.
const REPLY_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Makes the integrations and the first connection, unless an earlier run did, and sends webhooks
/// to the inbox of this one, and to the developer's own app before it.
pub(super) async fn seed(
    engine: &Engine,
    environment: &EnvironmentView,
    inbox_url: &str,
    own_webhook_url: Option<String>,
) -> Result<()> {
    let client = json!({
        "type": "OAUTH2", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
    });
    integration(engine, environment, OAUTH, "emulator-oauth2", Some(client)).await?;
    integration(engine, environment, API_KEY, "emulator-api-key", None).await?;
    let stored = engine.store().connection(environment.id, API_KEY, CONNECTION).await?;
    if stored.is_none() {
        let import: ImportConnection = serde_json::from_value(json!({
            "provider_config_key": API_KEY,
            "connection_id": CONNECTION,
            "credentials": {"type": "API_KEY", "apiKey": format!("{API_KEY_PREFIX}demo_1234567890")},
        }))?;
        // The provider does not listen yet, so it is not asked.
        engine
            .import_connection(environment, import, false, ACTOR)
            .await
            .context("the first connection could not be made")?;
    }
    let inbox_url = inbox_url.to_owned();
    let change = move |settings: &mut EnvironmentSettings| {
        (settings.webhook_url, settings.webhook_url_secondary) = match own_webhook_url {
            Some(own) => (Some(own), Some(inbox_url)),
            None => (Some(inbox_url), None),
        };
        settings.on_auth_refresh_success = true;
    };
    engine.update_environment_settings(environment.id, ACTOR, change).await?;
    Ok(())
}

async fn integration(
    engine: &Engine,
    environment: &EnvironmentView,
    unique_key: &str,
    provider: &str,
    credentials: Option<Value>,
) -> Result<()> {
    match engine.integration(environment.id, unique_key).await {
        Ok(_) => return Ok(()),
        Err(Error::UnknownIntegration(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let create: CreateIntegration = serde_json::from_value(json!({
        "provider": provider, "unique_key": unique_key, "credentials": credentials,
    }))?;
    engine
        .create_integration(environment, create, ACTOR)
        .await
        .with_context(|| format!("the integration {unique_key} could not be made"))?;
    Ok(())
}

/// How the sample app's backend calls the server: through its router, without a socket.
pub(super) fn in_process(server: Router, key: Secret) -> ApiCall {
    Arc::new(move |method, path, body| {
        let (server, key) = (server.clone(), key.clone());
        Box::pin(async move { call(server, &key, method, &path, body).await })
    })
}

async fn call(
    server: Router,
    key: &Secret,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> ApiReply {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {}", key.expose()));
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let request = request.body(body).map_err(|error| error.to_string())?;
    let response = match server.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), REPLY_BYTES_MAX).await;
    let bytes = bytes.map_err(|error| error.to_string())?;
    if bytes.is_empty() {
        return Ok((status, Value::Null));
    }
    let value = serde_json::from_slice(&bytes);
    value.map(|value| (status, value)).map_err(|error| error.to_string())
}
