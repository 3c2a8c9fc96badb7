//! Integrations: a provider configured in an environment.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use valetkey_auth::{Client, RegisteredClient};
use valetkey_base::{Secret, Timestamp};
use valetkey_catalog::schema::ClientRegistration;
use valetkey_catalog::{AuthMode, Provider};
pub use valetkey_store::Integration;
use valetkey_store::{NewIntegration, Tx};
use valetkey_vault::DataKey;

use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::{Error, Issue, Result};
use crate::incoming::{UpdateWebhooks, WebhookSettings};
use crate::installs::{InstallSettings, UpdateInstalls};
use crate::oauth_client::{self, FirstClient};
use crate::sealing::Column;

/// What is sealed with an integration.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct IntegrationSecrets {
    /// OAuth client secret, or a GitHub App's PEM key.
    pub client_secret: Option<String>,
    /// Secret of incoming webhooks.
    pub webhook_secret: Option<String>,
    /// Public link of an app.
    pub app_link: Option<String>,
    /// Values of the provider's integration configuration.
    pub custom: Map<String, Value>,
    /// Clients this server registered at the provider, the latest last.
    pub registrations: Vec<RegisteredClient>,
    /// How calls through the proxy are bounded: no secret, but it says where secrets may go.
    pub proxy: ProxyLimits,
    /// What was decided about incoming webhooks.
    pub webhooks: WebhookSettings,
    /// What was decided about installations that begin at the provider.
    pub installs: InstallSettings,
}

/// Bounds of an integration's calls through the proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxyLimits {
    /// Hosts beside the provider's own that calls may name, see [`crate::proxy::is_host_pattern`].
    pub allowed_hosts: Vec<String>,
    /// Most calls a minute of the whole integration.
    pub calls_per_minute: Option<u32>,
    /// Most calls a minute of each of its connections.
    pub calls_per_minute_per_connection: Option<u32>,
}

impl IntegrationSecrets {
    fn is_empty(&self) -> bool {
        self.client_secret.is_none()
            && self.webhook_secret.is_none()
            && self.app_link.is_none()
            && self.custom.is_empty()
            && self.registrations.is_empty()
            && self.proxy == ProxyLimits::default()
            && self.webhooks == WebhookSettings::default()
            && self.installs == InstallSettings::default()
    }
}

/// An integration with its secrets opened and its provider found.
#[derive(Clone)]
pub struct IntegrationView {
    /// The row.
    pub row: Integration,
    /// Its opened secrets.
    pub secrets: IntegrationSecrets,
    /// The catalogue entry.
    pub provider: Arc<Provider>,
}

impl IntegrationView {
    /// What an auth mode needs to know of it.
    pub fn client(&self) -> Client {
        Client {
            client_id: self.row.client_id.clone(),
            client_secret: self.secrets.client_secret.clone().map(Secret::new),
            scopes: split_scopes(&self.row.scopes),
            custom: self.secrets.custom.clone(),
            app_link: self.app_link(),
            registrations: self.secrets.registrations.clone(),
            document_url: None,
        }
    }
}

impl IntegrationView {
    /// The public link of the app; that of a plug-in stands among the settings.
    fn app_link(&self) -> Option<String> {
        let among_settings = || {
            let link = self.secrets.custom.get("app_link").and_then(Value::as_str)?;
            (!link.is_empty()).then(|| link.to_owned())
        };
        self.secrets.app_link.clone().or_else(among_settings)
    }
}

/// Scopes as they are stored: comma separated.
pub fn split_scopes(scopes: &str) -> Vec<String> {
    scopes.split(',').map(str::trim).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
}

/// `credentials` of a request, already validated.
#[derive(Clone, Deserialize)]
pub struct ClientCredentials {
    /// An auth mode's name.
    #[serde(rename = "type")]
    pub kind: String,
    /// OAuth client id.
    pub client_id: Option<String>,
    /// OAuth client secret.
    pub client_secret: Option<String>,
    /// Comma separated.
    pub scopes: Option<String>,
    /// Secret of incoming webhooks; an empty text removes it.
    pub webhook_secret: Option<String>,
    /// App id of a GitHub App.
    pub app_id: Option<String>,
    /// Public link of an app.
    pub app_link: Option<String>,
    /// PEM key of an app.
    pub private_key: Option<String>,
}

/// A validated request to make an integration.
#[derive(Clone, Deserialize)]
pub struct CreateIntegration {
    /// Catalogue name.
    pub provider: String,
    /// Key.
    pub unique_key: String,
    /// Own name.
    pub display_name: Option<String>,
    /// Whether incoming webhooks are relayed; yes unless said otherwise.
    pub forward_webhooks: Option<bool>,
    /// OAuth client or app.
    pub credentials: Option<ClientCredentials>,
    /// Values for a provider with an integration configuration.
    pub integration_config: Option<Map<String, Value>>,
    /// Values for a provider without one.
    pub custom: Option<Map<String, Value>>,
    /// Bounds of calls through the proxy.
    pub proxy: Option<ProxyLimits>,
}

/// A validated request to change an integration; absent keeps.
#[derive(Clone, Default, Deserialize)]
pub struct UpdateIntegration {
    /// New key.
    pub unique_key: Option<String>,
    /// New name.
    pub display_name: Option<String>,
    /// New switch.
    pub forward_webhooks: Option<bool>,
    /// New client.
    pub credentials: Option<ClientCredentials>,
    /// Values to merge.
    pub integration_config: Option<Map<String, Value>>,
    /// Values to merge.
    pub custom: Option<Map<String, Value>>,
    /// New bounds of calls through the proxy, as a whole.
    pub proxy: Option<ProxyLimits>,
    /// What to change about incoming webhooks.
    pub webhooks: Option<UpdateWebhooks>,
    /// What to change about installations that begin at the provider.
    pub installs: Option<UpdateInstalls>,
}

fn refused(message: impl Into<String>) -> Error {
    Error::Refused { code: "invalid_body", message: message.into() }
}

/// Whether an app has to be registered with the provider first.
pub fn needs_credentials(provider: &Provider) -> bool {
    match provider.auth_mode {
        AuthMode::OAuth1 | AuthMode::OAuth2 | AuthMode::App | AuthMode::Custom => true,
        AuthMode::McpOAuth2 => provider.registration.kind == ClientRegistration::Static,
        _ => false,
    }
}

impl Engine {
    /// Every integration of an environment with its provider; by provider, then by age.
    pub async fn integrations(
        &self,
        environment: &EnvironmentView,
    ) -> Result<Vec<(Integration, Option<Arc<Provider>>)>> {
        let catalog = self.catalog();
        let rows = self.store.integrations(environment.id).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let provider = catalog.get(&row.provider).cloned();
                (row, provider)
            })
            .collect())
    }

    /// An integration by key, opened.
    ///
    /// # Errors
    /// [`Error::UnknownIntegration`], [`Error::UnknownProvider`].
    pub async fn integration(&self, environment_id: i64, key: &str) -> Result<IntegrationView> {
        let row = self.store.integration_by_key(environment_id, key).await?;
        self.open_integration(row.ok_or_else(|| Error::UnknownIntegration(key.to_owned()))?).await
    }

    pub(crate) async fn open_integration(&self, row: Integration) -> Result<IntegrationView> {
        let provider = self.provider(&row.provider)?;
        let secrets = self.integration_secrets(&row).await?;
        Ok(IntegrationView { row, secrets, provider })
    }

    pub(crate) async fn integration_secrets(
        &self,
        row: &Integration,
    ) -> Result<IntegrationSecrets> {
        match &row.secrets {
            None => Ok(IntegrationSecrets::default()),
            Some(sealed) => {
                self.sealer
                    .open_json(row.environment_id, Column::INTEGRATION, &row.row_uuid, sealed)
                    .await
            }
        }
    }

    /// Makes an integration.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown provider or a taken key, [`Error::Refused`] for credentials
    /// or configuration that do not fit the provider.
    pub async fn create_integration(
        &self,
        environment: &EnvironmentView,
        request: CreateIntegration,
        actor: &str,
    ) -> Result<IntegrationView> {
        let provider = self.provider(&request.provider).map_err(|_| {
            Error::Invalid(vec![Issue {
                code: "invalid_string".to_owned(),
                message: format!("The catalogue has no provider '{}'.", request.provider),
                path: vec!["provider".to_owned()],
            }])
        })?;
        check_credentials(&provider, request.credentials.as_ref())?;
        if request.credentials.is_none() && needs_credentials(&provider) {
            return Err(refused(format!(
                "Provider '{}' needs `credentials` of type {}.",
                provider.name,
                provider.auth_mode.as_str()
            )));
        }
        if self.store.integration_by_key(environment.id, &request.unique_key).await?.is_some() {
            return Err(key_taken(&request.unique_key));
        }
        let mut row = NewIntegration {
            environment_id: environment.id,
            unique_key: request.unique_key,
            provider: provider.name.clone(),
            display_name: request.display_name,
            client_id: None,
            secrets: None,
            scopes: String::new(),
            row_uuid: self.rng.uuid().to_string(),
            forward_webhooks: request.forward_webhooks.unwrap_or(true),
        };
        let mut secrets = IntegrationSecrets::default();
        let is_given = request.credentials.is_some();
        secrets.custom = crate::integration_config::on_create(
            &provider,
            request.integration_config,
            request.custom,
        )
        .map_err(refused)?;
        secrets.proxy = request.proxy.unwrap_or_default();
        // Last: the settings may not stand in for a part of the credentials.
        apply_credentials(request.credentials, &mut row.client_id, &mut row.scopes, &mut secrets);
        if row.scopes.is_empty() {
            row.scopes = provider.default_scopes.join(",");
        }
        check_issuer(&provider, row.client_id.as_ref(), &secrets.custom)?;
        if !is_given {
            self.give_first_client(environment, &provider, &mut row, &mut secrets).await?;
        }
        let data_key = self.sealer.data_key(environment.id).await?;
        row.secrets = self.seal_secrets(environment.id, &data_key, &row.row_uuid, &secrets)?;
        let now = self.clock.now();
        let row = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    tx.insert_integration(&row, now).await.map_err(|error| match error {
                        valetkey_store::Error::Duplicate { .. } => key_taken(&row.unique_key),
                        other => other.into(),
                    })
                })
            })
            .await?;
        self.recorder.audit(
            Some(environment.id),
            actor,
            "integration.created",
            row.unique_key.clone(),
        );
        Ok(IntegrationView { row, secrets, provider })
    }

    async fn give_first_client(
        &self,
        environment: &EnvironmentView,
        provider: &Provider,
        row: &mut NewIntegration,
        secrets: &mut IntegrationSecrets,
    ) -> Result<()> {
        match self.first_client(environment, provider, &row.unique_key, secrets).await? {
            FirstClient::Given => {}
            FirstClient::Document(id) => row.client_id = Some(id),
            FirstClient::Registered(client) => {
                row.client_id = Some(client.client_id.clone());
                oauth_client::keep(secrets, client);
            }
        }
        Ok(())
    }

    pub(crate) fn seal_secrets(
        &self,
        environment_id: i64,
        data_key: &DataKey,
        row_uuid: &str,
        secrets: &IntegrationSecrets,
    ) -> Result<Option<valetkey_base::Sealed>> {
        if secrets.is_empty() {
            return Ok(None);
        }
        let text = serde_json::to_vec(secrets).map_err(|_| Error::Corrupt("secrets"))?;
        let column = Column::INTEGRATION;
        Ok(Some(self.sealer.seal_with(data_key, environment_id, column, row_uuid, &text)))
    }

    /// Changes an integration.
    ///
    /// # Errors
    /// [`Error::UnknownIntegration`]; [`Error::Refused`] when the change does not fit the provider,
    /// the new key is taken, or a key is renamed while connections use it.
    pub async fn update_integration(
        &self,
        environment: &EnvironmentView,
        key: &str,
        request: UpdateIntegration,
        actor: &str,
    ) -> Result<IntegrationView> {
        let (engine, environment_id, key, now) =
            (self.clone(), environment.id, key.to_owned(), self.clock.now());
        let audited = key.clone();
        if let Some(change) = &request.installs {
            change.check(environment)?;
        }
        // Keys are fetched here: inside the transaction that would need a second connection of
        // the pool, and transactions that have taken all of them would wait for each other.
        self.integration(environment_id, &key).await?;
        let data_key = self.sealer.data_key(environment_id).await?;
        let view = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    engine
                        .change_integration(tx, environment_id, &key, request, &data_key, now)
                        .await
                })
            })
            .await?;
        self.prepared.forget_integrations();
        self.recorder.audit(Some(environment_id), actor, "integration.updated", audited);
        Ok(view)
    }

    async fn change_integration(
        &self,
        tx: &mut Tx,
        environment_id: i64,
        key: &str,
        request: UpdateIntegration,
        data_key: &DataKey,
        now: Timestamp,
    ) -> Result<IntegrationView> {
        let row = tx.lock_integration(environment_id, key).await?;
        let mut row = row.ok_or_else(|| Error::UnknownIntegration(key.to_owned()))?;
        let provider = self.provider(&row.provider)?;
        let mut secrets = self.integration_secrets(&row).await?;
        check_credentials(&provider, request.credentials.as_ref())?;
        if let Some(new_key) = request.unique_key.filter(|new_key| *new_key != row.unique_key) {
            if tx.lock_integration(environment_id, &new_key).await?.is_some() {
                return Err(refused(format!(
                    "The key '{new_key}' is used by another integration."
                )));
            }
            if tx.integration_connection_count(environment_id, row.id).await? > 0 {
                return Err(refused(
                    "The key cannot be changed while the integration has connections.",
                ));
            }
            row.unique_key = new_key;
        }
        if request.display_name.is_some() {
            row.display_name = request.display_name;
        }
        row.forward_webhooks = request.forward_webhooks.unwrap_or(row.forward_webhooks);
        crate::integration_config::on_update(
            &provider,
            &mut secrets.custom,
            request.integration_config,
            request.custom,
        )
        .map_err(refused)?;
        secrets.proxy = request.proxy.unwrap_or(secrets.proxy);
        apply_credentials(request.credentials, &mut row.client_id, &mut row.scopes, &mut secrets);
        if let Some(change) = request.webhooks {
            change.apply(&mut secrets, now);
        }
        if let Some(change) = request.installs {
            change.apply(&mut secrets.installs);
            tx.set_install_taker(row.id, secrets.installs.accept).await?;
        }
        check_issuer(&provider, row.client_id.as_ref(), &secrets.custom)?;
        row.secrets = self.seal_secrets(environment_id, data_key, &row.row_uuid, &secrets)?;
        let row = tx.update_integration(&row, now).await?;
        Ok(IntegrationView { row, secrets, provider })
    }

    /// Deletes an integration and its connections.
    ///
    /// # Errors
    /// [`Error::UnknownIntegration`].
    pub async fn delete_integration(
        &self,
        environment: &EnvironmentView,
        key: &str,
        actor: &str,
    ) -> Result<()> {
        let (environment_id, owned, now) = (environment.id, key.to_owned(), self.clock.now());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let row = tx.lock_integration(environment_id, &owned).await?;
                    let row = row.ok_or(Error::UnknownIntegration(owned))?;
                    tx.delete_integration(environment_id, row.id, now).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.prepared.forget_integrations();
        self.recorder.audit(Some(environment_id), actor, "integration.deleted", key);
        Ok(())
    }
}

fn key_taken(key: &str) -> Error {
    Error::Invalid(vec![Issue {
        code: "invalid_string".to_owned(),
        message: format!("An integration with the key '{key}' exists in this environment."),
        path: vec!["uniqueKey".to_owned()],
    }])
}

fn check_credentials(provider: &Provider, credentials: Option<&ClientCredentials>) -> Result<()> {
    let mode = provider.auth_mode;
    let is_mcp = matches!(mode, AuthMode::McpOAuth2 | AuthMode::McpOAuth2Generic);
    match credentials {
        // Clients that know no MCP types mean the same by it.
        Some(given) if is_mcp && given.kind == AuthMode::OAuth2.as_str() => Ok(()),
        Some(given) if given.kind != provider.auth_mode.as_str() => Err(refused(format!(
            "Provider '{}' takes credentials of type {}, not {}.",
            provider.name,
            provider.auth_mode.as_str(),
            given.kind
        ))),
        _ => Ok(()),
    }
}

/// Any server a person names would be given a client's secret, were it not said whose client it is.
fn check_issuer(
    provider: &Provider,
    client_id: Option<&String>,
    custom: &Map<String, Value>,
) -> Result<()> {
    if provider.auth_mode != AuthMode::McpOAuth2Generic || client_id.is_none() {
        return Ok(());
    }
    let issuer = custom.get("oauth_issuer").and_then(Value::as_str).unwrap_or_default();
    if valetkey_auth::is_issuer(issuer) {
        return Ok(());
    }
    Err(refused(
        "A client of one authorization server needs `custom.oauth_issuer`: the issuer, beginning \
         with https://, at which it is registered.",
    ))
}

fn apply_credentials(
    given: Option<ClientCredentials>,
    client_id: &mut Option<String>,
    scopes: &mut String,
    secrets: &mut IntegrationSecrets,
) {
    let Some(given) = given else { return };
    let is_custom = given.kind == AuthMode::Custom.as_str();
    if let Some(app_id) = given.app_id {
        if is_custom {
            secrets.custom.insert("app_id".to_owned(), Value::String(app_id));
        } else {
            *client_id = Some(app_id);
        }
    }
    if let Some(key) = given.private_key {
        if is_custom {
            secrets.custom.insert("private_key".to_owned(), Value::String(key));
        } else {
            secrets.client_secret = Some(key);
        }
    }
    if given.client_id.is_some() {
        if given.client_id != *client_id && given.client_secret.is_none() {
            // The other client's secret is not this one's, which is a public client then.
            secrets.client_secret = None;
        }
        *client_id = given.client_id;
    }
    if given.client_secret.is_some() {
        secrets.client_secret = given.client_secret;
    }
    if let Some(given_scopes) = given.scopes {
        *scopes = given_scopes;
    }
    if given.app_link.is_some() {
        secrets.app_link = given.app_link;
    }
    if let Some(webhook_secret) = given.webhook_secret {
        secrets.webhook_secret = Some(webhook_secret).filter(|secret| !secret.is_empty());
    }
}
