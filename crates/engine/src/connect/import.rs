//! Connections an app's backend already has credentials for.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use valetkey_auth::{Credentials, Grant, Mode, Step, merge_config};
use valetkey_catalog::AuthMode;
use valetkey_store::ConnectionPatch;

use super::save::{Config, LogEntry, Save};
use super::submit::body_issue;
use crate::connections::ConnectionView;
use crate::end_user::{EndUser, end_user_json, merged_tags};
use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::{Error, Result};
use crate::integrations::IntegrationView;
use crate::protocol::Party;
use crate::read::opened_json;

/// A validated import. What it omits keeps its stored value when the id is in use.
#[derive(Clone, Debug, Deserialize)]
pub struct ImportConnection {
    /// Key of the integration.
    pub provider_config_key: String,
    /// Id; a random one when omitted.
    pub connection_id: Option<String>,
    /// Credentials, by `type`.
    pub credentials: Value,
    /// The provider's token response, kept as `raw`; the credentials themselves when omitted.
    pub raw: Option<Value>,
    /// Metadata; `{}` for a new connection when omitted.
    pub metadata: Option<Map<String, Value>>,
    /// Configuration.
    pub connection_config: Option<Map<String, Value>>,
    /// Where the connection's events go; an empty text clears it.
    pub webhook_url_override: Option<String>,
    /// Who it belongs to.
    pub end_user: Option<EndUser>,
    /// Tags.
    pub tags: Option<Map<String, Value>>,
}

impl Engine {
    /// Stores credentials as a connection; over an existing one they replace its credentials.
    ///
    /// # Errors
    /// [`Error::UnknownIntegration`], [`Error::UnknownProvider`], [`Error::Refused`] when the
    /// credentials are of another mode, [`Error::Invalid`] for their fields,
    /// [`Error::CredentialsRejected`] when the provider does not accept them.
    pub async fn import_connection(
        &self,
        environment: &EnvironmentView,
        request: ImportConnection,
        check: bool,
        actor: &str,
    ) -> Result<ConnectionView> {
        let began = self.clock.now();
        let view = self.integration(environment.id, &request.provider_config_key).await?;
        let mode_name = view.provider.auth_mode.as_str();
        let kind = request.credentials.get("type").and_then(Value::as_str).unwrap_or_default();
        if kind != mode_name {
            return Err(Error::Refused {
                code: "invalid_body",
                message: format!(
                    "Integration '{}' takes credentials of type {mode_name}, not {kind}.",
                    request.provider_config_key
                ),
            });
        }
        let mode = valetkey_auth::mode(view.provider.auth_mode).ok_or_else(|| Error::Refused {
            code: "invalid_body",
            message: format!("Connections of type {mode_name} cannot be imported."),
        })?;
        let (grant, lifetime_is_known) = self.imported(mode, &view, &request).await?;
        let credentials = with_raw(grant.credentials, request.raw);
        let learned = grant.connection_config;
        let config = match request.connection_config {
            Some(mut config) => {
                merge_config(&mut config, learned);
                Config::Replace(config)
            }
            None if learned.is_empty() => Config::Keep,
            None => Config::Merge(learned),
        };
        if check
            && matches!(view.provider.auth_mode, AuthMode::ApiKey | AuthMode::Basic | AuthMode::Tba)
        {
            self.verify(&view, &config.given(), &credentials).await?;
        }
        let connection_id = request.connection_id.unwrap_or_else(|| self.rng.uuid().to_string());
        let key = &request.provider_config_key;
        let exists = self.store.connection(environment.id, key, &connection_id).await?.is_some();
        let about = About {
            metadata: request.metadata,
            tags: request.tags,
            end_user: request.end_user,
            webhook_url_override: request.webhook_url_override,
        };
        let patch = about.patch(exists)?;
        let saved = self
            .save(Save {
                environment: environment.clone(),
                view,
                connection_id,
                repairs: None,
                claims: None,
                completes: false,
                ends_session: None,
                credentials: credentials.clone(),
                lifetime_is_known,
                config,
                patch,
                operation: LogEntry::Insert { title: "Connection imported".to_owned(), began },
                client_id: None,
                actor: actor.to_owned(),
            })
            .await?;
        let (_, config) = self.open_connection(&saved.row).await?;
        Ok(ConnectionView {
            last_fetched_at: Some(self.clock.now()),
            row: Arc::new(saved.row),
            opened: opened_json(&credentials, config, true)?,
        })
    }

    /// The credentials of an import, and whether a token was issued for it just now.
    async fn imported(
        &self,
        mode: &dyn Mode,
        view: &IntegrationView,
        request: &ImportConnection,
    ) -> Result<(Grant, bool)> {
        let client = view.client();
        let config = request.connection_config.clone().unwrap_or_default();
        let party =
            Party { provider: &view.provider, client: &client, config: &config, repairs: None };
        let step = mode
            .import_step(&self.context(&party), &request.credentials)
            .map_err(|issues| Error::Invalid(issues.into_iter().map(body_issue).collect()))?;
        let is_issued = matches!(step, Step::Send { .. });
        let grant = self.run_steps(mode, &party, step).await;
        Ok((grant.map_err(|error| Error::Provider(Box::new(error)))?, is_issued))
    }
}

/// What an import says about a connection beside its credentials.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct About {
    /// Metadata.
    pub metadata: Option<Map<String, Value>>,
    /// Tags.
    pub tags: Option<Map<String, Value>>,
    /// Who it belongs to.
    pub end_user: Option<EndUser>,
    /// Where the connection's events go; an empty text clears it.
    pub webhook_url_override: Option<String>,
}

impl About {
    pub(crate) fn patch(self, exists: bool) -> Result<ConnectionPatch> {
        let tags = if self.tags.is_some() || self.end_user.is_some() {
            let tags = merged_tags(self.end_user.as_ref(), None, self.tags.as_ref());
            Some(tags.map_err(|issue| Error::Invalid(vec![issue]))?)
        } else {
            None
        };
        let metadata = self.metadata.map(|metadata| Value::Object(metadata).to_string());
        Ok(ConnectionPatch {
            metadata: metadata.or_else(|| (!exists).then(|| "{}".to_owned())),
            tags,
            end_user: self.end_user.as_ref().map(|user| end_user_json(user, None).to_string()),
            webhook_url_override: self.webhook_url_override,
        })
    }
}

/// Puts the provider's own response in the place of the copy that OAuth modes make.
fn with_raw(credentials: Credentials, raw: Option<Value>) -> Credentials {
    match raw {
        Some(raw) if credentials.as_map().contains_key("raw") => {
            let mut map = credentials.as_map().clone();
            map.insert("raw".to_owned(), raw);
            Credentials::new(map)
        }
        _ => credentials,
    }
}
