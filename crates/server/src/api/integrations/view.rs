//! An integration on the wire. The order of the members is the one clients document.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use valetkey_base::Timestamp;
use valetkey_catalog::{AuthMode, Provider};
use valetkey_engine::Engine;
use valetkey_engine::incoming::webhook_state;
use valetkey_engine::integrations::{Integration, IntegrationSecrets, IntegrationView};

use crate::api::providers::logo_url;
use crate::error::ApiResult;
use crate::schema::{Schema, any, array, boolean, field, object, record, string};

/// The stored value that labels the credential's input in the Connect UI.
const KEY_LABEL: &str = "keyLabel";

/// What a caller asked for beside the integration itself.
#[derive(Clone, Copy, Default)]
pub(super) struct Include<'a> {
    /// The address of the provider's webhooks.
    pub(super) webhook: Option<&'a str>,
    /// How those are verified.
    pub(super) webhook_settings: bool,
    /// The address of installations that begin at the provider, with what is decided about them.
    pub(super) installs: Option<&'a str>,
    pub(super) credentials: bool,
}

pub(super) fn schema() -> Schema {
    object(vec![
        field("unique_key", string()),
        field("provider", string()),
        field("display_name", string()),
        field("logo", string()),
        field("credentials_label", record(string(), string()).optional()),
        field("preconfigured_credentials", array(string()).optional()),
        field("categories", array(string()).optional()),
        field("webhook_url", string().nullable().optional()),
        field("webhooks", any().optional()),
        field(
            "installs",
            object(vec![
                field("accept", boolean()),
                field("claim_url", string().nullable()),
                field("url", string()),
            ])
            .optional(),
        ),
        field("credentials", any().optional()),
        field("forward_webhooks", boolean()),
        field("created_at", string()),
        field("updated_at", string()),
    ])
}

/// An integration of a list. Its secrets are opened only when the provider's settings may show in
/// the Connect UI. A provider that has left the catalogue takes nothing else from the list.
pub(super) async fn listed(
    engine: &Engine,
    environment_id: i64,
    row: Integration,
    provider: Option<Arc<Provider>>,
) -> ApiResult<Value> {
    let has_settings =
        provider.as_ref().is_some_and(|provider| !provider.integration_config.is_empty());
    if has_settings && row.secrets.is_some() {
        let view = engine.integration(environment_id, &row.unique_key).await?;
        return Ok(full(engine, &view, Include::default()));
    }
    let none = IntegrationSecrets::default();
    Ok(json(engine, &row, provider.as_deref(), &none, Include::default()))
}

/// An integration with its secrets opened, and those of them that were asked for.
pub(super) fn full(engine: &Engine, view: &IntegrationView, include: Include<'_>) -> Value {
    json(engine, &view.row, Some(&view.provider), &view.secrets, include)
}

fn json(
    engine: &Engine,
    row: &Integration,
    provider: Option<&Provider>,
    secrets: &IntegrationSecrets,
    include: Include<'_>,
) -> Value {
    let name = row.display_name.as_deref();
    let name = name.or(provider.map(|provider| provider.display_name.as_str()));
    let mut members = Map::new();
    let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
    add("unique_key", row.unique_key.clone().into());
    add("provider", row.provider.clone().into());
    add("display_name", name.unwrap_or(&row.provider).into());
    add("logo", logo_url(&engine.settings().public_url, &row.provider).into());
    if let Some(provider) = provider.filter(|provider| !provider.integration_config.is_empty()) {
        if let Some(label) = secrets.custom.get(KEY_LABEL).filter(|label| label.is_string()) {
            add("credentials_label", json!({"apiKey": label}));
        }
        let set = settings_with_value(provider, &secrets.custom);
        if provider.auth_mode == AuthMode::TwoStep && !set.is_empty() {
            add("preconfigured_credentials", set.into());
        }
    }
    if let Some(url) = include.webhook {
        add("webhook_url", url.into());
    }
    if include.webhook_settings {
        add("webhooks", webhooks(provider, secrets));
    }
    if let Some(url) = include.installs {
        let settings = &secrets.installs;
        add(
            "installs",
            json!({"accept": settings.accept, "claim_url": settings.claim_url, "url": url}),
        );
    }
    if include.credentials {
        add("credentials", credentials(row, provider, secrets));
    }
    add("forward_webhooks", row.forward_webhooks.into());
    add("created_at", row.created_at.to_iso_z().into());
    add("updated_at", row.updated_at.to_iso_z().into());
    Value::Object(members)
}

/// How the provider's webhooks are verified, and what is set. Never a secret.
fn webhooks(provider: Option<&Provider>, secrets: &IntegrationSecrets) -> Value {
    let Some(provider) = provider else { return Value::Null };
    let state = webhook_state(provider, secrets);
    json!({
        "recipe": state.recipe,
        "has_secret": state.has_secret,
        "secret_hint": state.secret_hint,
        "docs": state.docs,
        "accept_unverified": state.accept_unverified,
        "learn_until": state.learn_until.map(Timestamp::to_iso_z),
    })
}

fn settings_with_value(provider: &Provider, custom: &Map<String, Value>) -> Vec<String> {
    let has_value = |name: &str| {
        custom.get(name).and_then(Value::as_str).is_some_and(|value| !value.is_empty())
    };
    let names = provider.integration_config.iter().map(|field| field.name.clone());
    names.filter(|name| has_value(name)).collect()
}

fn credentials(
    row: &Integration,
    provider: Option<&Provider>,
    secrets: &IntegrationSecrets,
) -> Value {
    let Some(mode) = provider.map(|provider| provider.auth_mode) else {
        return Value::Null;
    };
    match mode {
        AuthMode::OAuth1
        | AuthMode::OAuth2
        | AuthMode::Tba
        | AuthMode::McpOAuth2
        | AuthMode::McpOAuth2Generic => json!({
            "type": mode.as_str(),
            "client_id": row.client_id,
            "client_secret": secrets.client_secret,
            "scopes": Some(&row.scopes).filter(|scopes| !scopes.is_empty()),
            "webhook_secret": secrets.webhook_secret,
        }),
        AuthMode::App => json!({
            "type": mode.as_str(),
            "app_id": row.client_id,
            "private_key": secrets.client_secret,
            "app_link": secrets.app_link,
        }),
        AuthMode::Custom => json!({
            "type": mode.as_str(),
            "client_id": row.client_id,
            "client_secret": secrets.client_secret,
            "app_id": secrets.custom.get("app_id"),
            "app_link": secrets.app_link,
            "private_key": secrets.custom.get("private_key"),
        }),
        _ => Value::Null,
    }
}
