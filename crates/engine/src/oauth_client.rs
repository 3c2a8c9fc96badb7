//! OAuth clients that nobody registers by hand: registered at the provider by this server
//! (RFC 7591, RFC 7592), or described by a document the provider reads (client ID metadata document).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use url::Url;
use valetkey_auth::registration::{self, ERROR_CODE};
use valetkey_auth::{AuthError, Class, ClientMetadata, HttpRequest, RegisteredClient};
use valetkey_base::Timestamp;
use valetkey_catalog::schema::ClientRegistration;
use valetkey_catalog::{AuthMode, Provider, Scope, render_url};
use valetkey_egress::Redirects;
use valetkey_store::Tx;
use valetkey_vault::DataKey;

use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::{Error, Result};
use crate::integrations::{IntegrationSecrets, IntegrationView};

/// Registered clients kept with an integration. Tokens of an older one can no longer be refreshed.
const REGISTRATIONS_MAX: usize = 8;
/// The name of a client nobody named.
const CLIENT_NAME: &str = "Valetkey";
/// Where client documents are, below the public URL.
const DOCUMENTS: &str = "/oauth/client-metadata/";
/// What stays as it is in a path (RFC 3986 section 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why there is no client document.
#[derive(Debug)]
pub enum NoDocument {
    /// Providers can only read it over https.
    NotHttps,
    /// No environment has this id.
    UnknownEnvironment,
    /// The environment has no such integration, or it is of another mode.
    UnknownIntegration,
    /// It could not be looked up.
    Failed(Error),
}

/// The client of an integration in the making.
pub(crate) enum FirstClient {
    /// As the request says.
    Given,
    /// The id is the address of its document.
    Document(String),
    /// Registered just now.
    Registered(RegisteredClient),
}

fn is_mcp(provider: &Provider) -> bool {
    matches!(provider.auth_mode, AuthMode::McpOAuth2 | AuthMode::McpOAuth2Generic)
}

impl Engine {
    /// The address of the document that describes an integration's client; none where providers
    /// could not read it.
    pub fn client_document_url(
        &self,
        environment: &EnvironmentView,
        integration_key: &str,
    ) -> Option<String> {
        let public_url = self.settings.public_url.trim_end_matches('/');
        let key = utf8_percent_encode(integration_key, ESCAPED);
        let is_https = public_url.starts_with("https://");
        is_https.then(|| format!("{public_url}{DOCUMENTS}{}/{key}", environment.uuid))
    }

    /// The document that describes an integration's client.
    ///
    /// # Errors
    /// [`NoDocument`] says why there is none.
    pub async fn client_document(
        &self,
        environment_uuid: &str,
        integration_key: &str,
    ) -> Result<Value, NoDocument> {
        if !self.settings.public_url.starts_with("https://") {
            return Err(NoDocument::NotHttps);
        }
        let environment = self
            .environment_by_uuid(environment_uuid)
            .await
            .map_err(NoDocument::Failed)?
            .ok_or(NoDocument::UnknownEnvironment)?;
        let found = self.integration(environment.id, integration_key).await;
        let view = found.map_err(|error| match error {
            Error::UnknownIntegration(_) | Error::UnknownProvider(_) => {
                NoDocument::UnknownIntegration
            }
            other => NoDocument::Failed(other),
        })?;
        let url = self.client_document_url(&environment, integration_key);
        let url = url.filter(|_| is_mcp(&view.provider)).ok_or(NoDocument::UnknownIntegration)?;
        let mut metadata = ClientMetadata::public(&self.redirect_uri(&environment), CLIENT_NAME);
        metadata.client_uri = Some(self.settings.public_url.clone());
        Ok(metadata.described_by(&view.secrets.custom).document(&url))
    }

    /// The client of an integration that is made without one.
    ///
    /// # Errors
    /// [`Error::Provider`] when the provider registers none, [`Error::Refused`] when it has nowhere
    /// to read the document.
    pub(crate) async fn first_client(
        &self,
        environment: &EnvironmentView,
        provider: &Provider,
        key: &str,
        secrets: &IntegrationSecrets,
    ) -> Result<FirstClient> {
        if provider.auth_mode != AuthMode::McpOAuth2 {
            return Ok(FirstClient::Given);
        }
        match provider.registration.kind {
            ClientRegistration::Static => Ok(FirstClient::Given),
            ClientRegistration::Cimd => self
                .client_document_url(environment, key)
                .map(FirstClient::Document)
                .ok_or_else(|| Error::Refused {
                    code: "feature_disabled",
                    message: format!(
                        "{} reads who its clients are from this server, which needs a public URL \
                         that begins with https://.",
                        provider.display_name
                    ),
                }),
            ClientRegistration::Dynamic => {
                let client = self.register_client(environment, provider, secrets).await;
                let client = client.map_err(|error| Error::Provider(Box::new(error)))?;
                Ok(FirstClient::Registered(client))
            }
        }
    }

    /// The integration with a client that can be used now: one whose callback has changed, or whose
    /// secret has ended, is changed at the provider or registered anew.
    pub(crate) async fn with_current_client(
        &self,
        environment: &EnvironmentView,
        view: IntegrationView,
    ) -> Result<IntegrationView> {
        if view.provider.auth_mode != AuthMode::McpOAuth2 {
            return Ok(view);
        }
        let used = view.row.client_id.as_deref();
        match view.provider.registration.kind {
            ClientRegistration::Static => Ok(view),
            ClientRegistration::Cimd => {
                let url = self.client_document_url(environment, &view.row.unique_key);
                let is_ours = used
                    .is_none_or(|used| used.contains(&format!("{DOCUMENTS}{}/", environment.uuid)));
                match url.filter(|url| is_ours && used != Some(url)) {
                    Some(url) => self.keep_client(environment, view, url, None).await,
                    None => Ok(view),
                }
            }
            ClientRegistration::Dynamic => {
                let latest = view.secrets.registrations.last();
                // A client that somebody entered by hand is theirs to change.
                let ours = latest.filter(|latest| used == Some(latest.client_id.as_str()));
                let now = self.clock.now();
                let redirect_uri = self.redirect_uri(environment);
                let is_current = match ours {
                    Some(ours) => ours.serves(&redirect_uri, now),
                    None => used.is_some(),
                };
                if is_current {
                    return Ok(view);
                }
                let client = self.renew_client(environment, &view, ours.cloned()).await;
                let client = client.map_err(|error| Error::Provider(Box::new(error)))?;
                let id = client.client_id.clone();
                self.keep_client(environment, view, id, Some(client)).await
            }
        }
    }

    /// Changes a registration, or makes a new one where that cannot be done.
    async fn renew_client(
        &self,
        environment: &EnvironmentView,
        view: &IntegrationView,
        registered: Option<RegisteredClient>,
    ) -> Result<RegisteredClient, AuthError> {
        let metadata = self.client_metadata(environment, &view.provider, &view.secrets);
        let change = registered.as_ref().and_then(|client| registration::update(client, &metadata));
        if let Some(change) = change {
            let changed = self.ask(change, &metadata, registered.as_ref()).await;
            let now = self.clock.now();
            match changed {
                Ok(changed) if changed.serves(&metadata.redirect_uri, now) => return Ok(changed),
                Err(error) if error.class == Class::Transient => return Err(error),
                Ok(_) | Err(_) => tracing::warn!(
                    integration = view.row.unique_key,
                    "the provider does not let the registered client be changed; it is registered anew"
                ),
            }
        }
        self.register_client(environment, &view.provider, &view.secrets).await
    }

    async fn register_client(
        &self,
        environment: &EnvironmentView,
        provider: &Provider,
        secrets: &IntegrationSecrets,
    ) -> Result<RegisteredClient, AuthError> {
        let metadata = self.client_metadata(environment, provider, secrets);
        let scope = Scope::new(self.clock.now(), &self.rng);
        let url = provider.registration.url.as_deref();
        let url = url.and_then(|url| render_url(url, &scope, false).ok()).ok_or_else(|| {
            let message = format!("The provider entry {} has no registration URL.", provider.name);
            AuthError::new(Class::Ours, ERROR_CODE, message)
        })?;
        self.ask(registration::register(url, &metadata), &metadata, None).await
    }

    async fn ask(
        &self,
        request: HttpRequest,
        metadata: &ClientMetadata,
        before: Option<&RegisteredClient>,
    ) -> Result<RegisteredClient, AuthError> {
        let url = request.url.clone();
        let sent = self.exchange(request, self.settings.token_timeout, Redirects::Refuse).await;
        let reply = sent.map_err(|error| {
            let class = if error.is_transient() { Class::Transient } else { Class::Ours };
            let message = format!("A client could not be registered: {error}.");
            AuthError::new(class, ERROR_CODE, message)
        })?;
        registration::read(&url, metadata, before, &reply)
    }

    fn client_metadata(
        &self,
        environment: &EnvironmentView,
        provider: &Provider,
        secrets: &IntegrationSecrets,
    ) -> ClientMetadata {
        let name = format!("{CLIENT_NAME} {} {}", environment.name, provider.display_name);
        let mut metadata = ClientMetadata::public(&self.redirect_uri(environment), &name);
        let home = Url::parse(&self.settings.public_url).ok();
        metadata.client_uri = home.filter(|url| url.scheme() == "https").map(String::from);
        metadata.described_by(&secrets.custom).with_params_of(&provider.registration)
    }

    /// Stores a client that takes the place of the integration's. Whoever changed the client
    /// meanwhile was right.
    async fn keep_client(
        &self,
        environment: &EnvironmentView,
        view: IntegrationView,
        client_id: String,
        registered: Option<RegisteredClient>,
    ) -> Result<IntegrationView> {
        let (engine, environment_id, now) = (self.clone(), environment.id, self.clock.now());
        let key = view.row.unique_key.clone();
        // Fetched outside the transaction, which must not wait for a second connection.
        let data_key = self.sealer.data_key(environment_id).await?;
        let view = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let change = Replacement { client_id, registered };
                    engine.replace_client(tx, view, change, &data_key, now).await
                })
            })
            .await?;
        self.recorder.audit(Some(environment_id), "system", "integration.client_renewed", key);
        Ok(view)
    }

    async fn replace_client(
        &self,
        tx: &mut Tx,
        seen: IntegrationView,
        change: Replacement,
        data_key: &DataKey,
        now: Timestamp,
    ) -> Result<IntegrationView> {
        let environment_id = seen.row.environment_id;
        let row = tx.lock_integration(environment_id, &seen.row.unique_key).await?;
        let row = row.ok_or_else(|| Error::UnknownIntegration(seen.row.unique_key.clone()))?;
        let mut view = self.open_integration(row).await?;
        let latest = |view: &IntegrationView| view.secrets.registrations.last().cloned();
        if view.row.client_id != seen.row.client_id || latest(&view) != latest(&seen) {
            return Ok(view);
        }
        view.row.client_id = Some(change.client_id);
        if let Some(registered) = change.registered {
            keep(&mut view.secrets, registered);
        }
        let uuid = view.row.row_uuid.clone();
        view.row.secrets = self.seal_secrets(environment_id, data_key, &uuid, &view.secrets)?;
        view.row = tx.update_integration(&view.row, now).await?;
        Ok(view)
    }
}

struct Replacement {
    client_id: String,
    registered: Option<RegisteredClient>,
}

/// Makes a registered client the present one. Those before it stay, as many as there is room for.
pub(crate) fn keep(secrets: &mut IntegrationSecrets, registered: RegisteredClient) {
    secrets.client_secret.clone_from(&registered.client_secret);
    let all = &mut secrets.registrations;
    all.retain(|earlier| earlier.client_id != registered.client_id);
    all.push(registered);
    let surplus = all.len().saturating_sub(REGISTRATIONS_MAX);
    all.drain(..surplus);
}
