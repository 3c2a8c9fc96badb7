//! Claiming: an unclaimed installation becomes a connection, once, for whom the app says.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use valetkey_auth::{Credentials, Grant, merge_config};
use valetkey_catalog::{AuthMode, scalar_text};
use valetkey_store::{Install, Upserted};
use valetkey_vault::token_hash_hex;

use super::Content;
use crate::connect::import::About;
use crate::connect::save::{Config, LogEntry, Save};
use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::{Error, Result};
use crate::integrations::IntegrationView;
use crate::protocol::Party;
use crate::sealing::Column;

/// A validated claim.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ClaimInstall {
    /// Id of the connection; a random one when omitted. One in use gets the credentials, as with an
    /// import.
    pub connection_id: Option<String>,
    /// What the app says of it.
    #[serde(flatten)]
    pub about: About,
}

/// What a claim made.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Id of the connection.
    pub connection_id: String,
    /// Key of the integration.
    pub integration_key: String,
    /// Whether the connection is new.
    pub is_new: bool,
}

impl Engine {
    /// Makes a connection of an unclaimed installation. Of any number of claims, one succeeds.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not, or no longer, held; [`Error::Provider`] when the provider
    /// does not hand out credentials for it; then it stays held.
    pub async fn claim_install(
        &self,
        environment: &EnvironmentView,
        id: &str,
        request: ClaimInstall,
        actor: &str,
    ) -> Result<Claimed> {
        let began = self.clock.now();
        let found = self.store.install(environment.id, id, began).await?;
        let (install, sealed) = found.ok_or(Error::NotFound("installation"))?;
        let content: Content =
            self.sealer.open_json(environment.id, Column::INSTALL, id, &sealed).await?;
        let view = self.integration(environment.id, &install.integration_key).await?;
        let connection_id = request.connection_id.unwrap_or_else(|| self.rng.uuid().to_string());
        let key = &view.row.unique_key;
        let exists = self.store.connection(environment.id, key, &connection_id).await?.is_some();
        let patch = request.about.patch(exists)?;
        let Content { credentials, mut config } = content;
        let (credentials, lifetime_is_known) = if let Some(map) = credentials {
            (Credentials::new(map), false)
        } else {
            let asked = self.installation_credentials(&view, &install).await?;
            merge_config(&mut config, asked.connection_config);
            (asked.credentials, true)
        };
        let saved = self
            .save(Save {
                environment: environment.clone(),
                view,
                connection_id,
                repairs: None,
                claims: Some(install.id),
                completes: false,
                ends_session: None,
                credentials,
                lifetime_is_known,
                config: Config::Merge(config),
                patch,
                operation: LogEntry::Insert { title: "Installation claimed".to_owned(), began },
                client_id: None,
                actor: actor.to_owned(),
            })
            .await?;
        self.recorder.audit(Some(environment.id), actor, "install.claimed", id);
        Ok(Claimed {
            connection_id: saved.row.connection_id,
            integration_key: saved.row.integration_key,
            is_new: matches!(saved.upserted, Upserted::Created),
        })
    }

    async fn installation_credentials(
        &self,
        view: &IntegrationView,
        install: &Install,
    ) -> Result<Grant> {
        let id = install.external_id.as_deref().ok_or(Error::Corrupt("installation"))?;
        let grant = self.app_credentials(view, id, &Map::new()).await;
        grant.map_err(|error| Error::Provider(Box::new(error)))
    }

    /// The credentials of an app's installation, which the app may ask for by itself.
    pub(crate) async fn app_credentials(
        &self,
        view: &IntegrationView,
        installation_id: &str,
        config: &Map<String, Value>,
    ) -> Result<Grant, valetkey_auth::AuthError> {
        let refused = || {
            let text = "Credentials of an installation cannot be had for this provider without a \
                        person's authorization.";
            crate::protocol::ours("auth_mode_err", text)
        };
        let mode = valetkey_auth::mode(view.provider.auth_mode).ok_or_else(refused)?;
        let app_id = match view.provider.auth_mode {
            AuthMode::App => view.row.client_id.clone(),
            AuthMode::Custom => view.secrets.custom.get("app_id").and_then(scalar_text),
            _ => return Err(refused()),
        };
        let client = view.client();
        let party = Party { provider: &view.provider, client: &client, config, repairs: None };
        let asked = json!({
            "type": view.provider.auth_mode.as_str(),
            "app_id": app_id.unwrap_or_default(),
            "installation_id": installation_id,
        });
        let step = mode.import_step(&self.context(&party), &asked).map_err(|_| refused())?;
        self.run_steps(mode, &party, step).await
    }

    /// Spends the token that a claim page was opened with, and says what it is for.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is unknown, spent or too old.
    pub async fn exchange_claim_token(
        &self,
        environment: &EnvironmentView,
        token: &str,
    ) -> Result<Install> {
        let (environment_id, hash, now) = (environment.id, token_hash_hex(token), self.clock.now());
        let id = self
            .store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.take_claim_token(environment_id, &hash, now).await?) })
            })
            .await?;
        self.install(environment, &id.ok_or(Error::NotFound("claim token"))?).await
    }
}
