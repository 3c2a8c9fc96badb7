//! Credentials that a person types into a form.

use serde_json::{Map, Value};
use valetkey_catalog::{AuthMode, validate_merged_connection_config};

use super::callback::{note_pending, session_patch};
use super::outcome::{FlowFailure, failure_json};
use super::save::{Config, LogEntry, Save, is_pending};
use super::start::{preset_config, with_stored};
use crate::engine::Engine;
use crate::error::{Error, Issue, Result};
use crate::follow_up::Occasion;
use crate::integrations::IntegrationView;
use crate::protocol::Party;
use crate::sessions::Session;

/// What was made.
#[derive(Debug)]
pub struct Submitted {
    /// Key of the integration.
    pub integration_key: String,
    /// Id of the connection.
    pub connection_id: String,
    /// Whether the provider still has to confirm.
    pub is_pending: bool,
}

impl Engine {
    /// Makes or repairs a connection from submitted credentials. `mode` is the one the endpoint is
    /// for.
    ///
    /// # Errors
    /// [`Error::Invalid`] for fields, [`Error::Refused`] for what the session or the integration
    /// does not allow, [`Error::CredentialsRejected`] and [`Error::Provider`] for what the provider
    /// said. Nothing is stored then.
    pub async fn submit_credentials(
        &self,
        session: &Session,
        integration_key: &str,
        mode: AuthMode,
        body: &Value,
        params: &Map<String, Value>,
    ) -> Result<Submitted> {
        let result = self.try_submit(session, integration_key, mode, body, params).await;
        if let Err(error) = &result
            && !matches!(error, Error::Invalid(_))
        {
            let (log, message) = match error {
                Error::Provider(error) => {
                    (crate::operations::error_json(error).to_string(), error.message.clone())
                }
                other => {
                    (failure_json("connection_test_failed", &other.to_string()), other.to_string())
                }
            };
            let failure = FlowFailure {
                integration_key: Some(integration_key.to_owned()),
                operation_id: Some(session.row.operation_id.clone()),
                ..FlowFailure::new("unknown_err", message)
            };
            self.flow_failed(session.row.environment_id, &failure, log, None).await;
        }
        result
    }

    async fn try_submit(
        &self,
        session: &Session,
        integration_key: &str,
        mode: AuthMode,
        body: &Value,
        params: &Map<String, Value>,
    ) -> Result<Submitted> {
        let environment = self.environment(session.row.environment_id).await?;
        let view = self.integration(environment.id, integration_key).await?;
        admit(session, &view, mode)?;
        let connection_id = self.target_connection(session, &view).await.map_err(|failure| {
            Error::Refused { code: "invalid_connection", message: failure.message }
        })?;
        let defaults = session.payload.defaults(integration_key);
        let repairs = self.repaired_config(session).await?;
        let given = with_stored(&view.provider, params.clone(), repairs.as_ref());
        let mut config =
            validate_merged_connection_config(&view.provider, &given, &preset_config(defaults))
                .map_err(|issues| Error::Invalid(issues.into_iter().map(config_issue).collect()))?;
        if mode == AuthMode::OAuth2Cc {
            client_credentials_config(&mut config, defaults, &view.row.scopes);
        }
        let mode = valetkey_auth::mode(mode).ok_or_else(|| Error::Refused {
            code: "invalid_auth_mode",
            message: "This authorization mode is not supported.".to_owned(),
        })?;
        let client = view.client();
        let party = Party {
            provider: &view.provider,
            client: &client,
            config: &config,
            repairs: repairs.as_ref(),
        };
        let step = mode
            .submit(&self.context(&party), body)
            .map_err(|issues| Error::Invalid(issues.into_iter().map(body_issue).collect()))?;
        let refused = |error| Error::Provider(Box::new(error));
        let grant = self.run_steps(mode, &party, step).await.map_err(refused)?;
        self.verify(&view, &config, &grant.credentials).await?;
        let grant = self.follow_up(&party, grant, Occasion::Connect).await.map_err(refused)?;
        let mut config = valetkey_auth::stored_connection_config(&config, &grant.connection_config);
        note_pending(&mut config, &session.row.operation_id);
        let is_pending = is_pending(&config);
        self.save(Save {
            environment: (*environment).clone(),
            view,
            connection_id: connection_id.clone(),
            repairs: session.row.reconnect_row,
            claims: None,
            completes: false,
            ends_session: session.ends_after(&environment),
            credentials: grant.credentials,
            lifetime_is_known: true,
            config: Config::Merge(config),
            patch: session_patch(session),
            operation: LogEntry::Finish(session.row.operation_id.clone()),
            client_id: None,
            actor: session.actor(),
        })
        .await?;
        Ok(Submitted { integration_key: integration_key.to_owned(), connection_id, is_pending })
    }
}

/// Whether a session may use an integration in the mode it names.
fn admit(session: &Session, view: &IntegrationView, mode: AuthMode) -> Result<()> {
    let (key, known) = (&view.row.unique_key, view.provider.auth_mode);
    if known != mode {
        let (known, mode) = (known.as_str(), mode.as_str());
        return Err(Error::Refused {
            code: "invalid_auth_mode",
            message: format!("Integration '{key}' uses {known}, not {mode}."),
        });
    }
    if !session.payload.allows(key) {
        return Err(Error::Refused {
            code: "integration_not_allowed",
            message: format!("This session may not use integration '{key}'."),
        });
    }
    Ok(())
}

/// Scopes and parameters that later refreshes repeat.
fn client_credentials_config(
    config: &mut Map<String, Value>,
    defaults: Option<&Map<String, Value>>,
    scopes: &str,
) {
    if let Some(params) = defaults.and_then(|defaults| defaults.get("authorization_params")) {
        config.insert("authorization_params".to_owned(), params.clone());
    }
    if !scopes.is_empty() && !config.contains_key("oauth_scopes") {
        config.insert("oauth_scopes".to_owned(), Value::String(scopes.to_owned()));
    }
}

fn config_issue(issue: valetkey_catalog::FieldIssue) -> Issue {
    Issue { code: "custom".to_owned(), message: issue.message, path: issue.path }
}

pub(crate) fn body_issue(issue: valetkey_auth::BodyIssue) -> Issue {
    Issue { code: issue.code, message: issue.message, path: issue.path }
}
