//! Sending a browser to the provider (RFC 6749 section 4.1.1, RFC 7636).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
use valetkey_auth::{AuthorizeInput, Client, Mode};
use valetkey_base::Timestamp;
use valetkey_catalog::{AuthMode, Provider, validate_merged_connection_config};
use valetkey_store::{NewOperation, OauthState};
use valetkey_vault::token_hash_hex;

use super::outcome::{FlowFailure, Visit, failure_json};
use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::{Error, Result};
use crate::events::AuthEventInput;
use crate::integrations::IntegrationView;
use crate::protocol::{Ending, Party};
use crate::sealing::Column;
use crate::sessions::Session;
use crate::webhooks::payload::AuthOperation;

/// Random bytes of a state and of the cookie that binds it to its browser.
const STATE_BYTES: usize = 32;
/// Random bytes of a code verifier: 64 characters (RFC 7636 section 4.1 asks for 43 to 128).
const VERIFIER_BYTES: usize = 48;

/// What a browser may say when it starts a flow. None of it is trusted.
#[derive(Clone, Default)]
pub struct BrowserParams {
    /// `params[…]` and `credentials[oauth_…_override]`: connection configuration.
    pub config: Map<String, Value>,
    /// `authorization_params[…]`.
    pub authorization_params: Map<String, Value>,
    /// The socket that waits for the outcome.
    pub client_id: Option<String>,
    /// How the browser came.
    pub visit: Visit,
}

/// What the callback needs to go on: sealed in the state's row.
#[derive(Serialize, Deserialize)]
pub(crate) struct StatePayload {
    pub(crate) verifier: String,
    pub(crate) redirect_uri: String,
    pub(crate) config: Map<String, Value>,
    pub(crate) scopes: Vec<String>,
    pub(crate) connection_id: String,
    /// What the auth mode wants to know again.
    #[serde(default)]
    pub(crate) memory: Map<String, Value>,
    /// Configuration of the connection that is being repaired.
    #[serde(default)]
    pub(crate) repairs: Option<Map<String, Value>>,
    pub(crate) started_at: Timestamp,
    #[serde(default)]
    pub(crate) visit: Visit,
}

/// A flow under way.
#[derive(Debug)]
pub struct Started {
    /// Where to send the browser.
    pub redirect: Url,
    /// Name of the cookie that binds the flow to this browser.
    pub cookie_name: String,
    /// Its value.
    pub cookie_value: String,
    /// How long it must live.
    pub cookie_lifetime: Duration,
    /// Whether the browser may come back to another address than the callback.
    pub returns_elsewhere: bool,
}

/// The cookie of a flow, by the hash of its state, so that flows side by side do not disturb each
/// other.
pub fn cookie_name(state_hash: &str) -> String {
    format!("valetkey_oauth_{}", &state_hash[..16])
}

impl Engine {
    /// Begins a redirect flow.
    ///
    /// # Errors
    /// A [`FlowFailure`] that has been logged, told to the app and to the waiting socket.
    pub async fn start_flow(
        &self,
        session: &Session,
        integration_key: &str,
        params: BrowserParams,
    ) -> Result<Started, FlowFailure> {
        let (client_id, visit) = (params.client_id.clone(), params.visit.clone());
        match self.try_start(session, integration_key, params).await {
            Ok(started) => Ok(started),
            Err(mut failure) => {
                failure.client_id = client_id;
                failure.visit = visit;
                failure.integration_key.get_or_insert_with(|| integration_key.to_owned());
                failure.operation_id = Some(session.row.operation_id.clone());
                self.flow_failed(
                    session.row.environment_id,
                    &failure,
                    failure_json(&failure.error_type, &failure.message),
                    None,
                )
                .await;
                Err(failure)
            }
        }
    }

    async fn try_start(
        &self,
        session: &Session,
        integration_key: &str,
        params: BrowserParams,
    ) -> Result<Started, FlowFailure> {
        let environment = self.environment(session.row.environment_id).await.map_err(as_failure)?;
        let view = self.integration_for(session, &environment, integration_key).await?;
        let view = self.with_current_client(&environment, view).await.map_err(as_failure)?;
        let connection_id = self.target_connection(session, &view).await?;
        let defaults = session.payload.defaults(integration_key);
        let preset = preset_config(defaults);
        let repairs = self.repaired_config(session).await.map_err(as_failure)?;
        let given = with_stored(&view.provider, params.config, repairs.as_ref());
        let config = flow_config(&view.provider, &given, &preset)?;
        let client = self.flow_client(&environment, &view, &preset);
        let mode = browser_mode(&view)?;
        let state = self.rng.base64url(STATE_BYTES);
        let verifier = self.rng.base64url(VERIFIER_BYTES);
        let redirect_uri = self.redirect_uri(&environment);
        let user_scopes =
            defaults.and_then(|defaults| defaults.get("user_scopes")).and_then(Value::as_str);
        let party = Party {
            provider: &view.provider,
            client: &client,
            config: &config,
            repairs: repairs.as_ref(),
        };
        let step = mode.authorize(
            &self.context(&party),
            &AuthorizeInput {
                redirect_uri: &redirect_uri,
                state: &state,
                verifier: &verifier,
                user_scope: user_scopes,
                session_params: defaults
                    .and_then(|defaults| defaults.get("authorization_params"))
                    .and_then(Value::as_object),
                browser_params: &params.authorization_params,
            },
        );
        let redirect = match self.run_to_end(mode, &party, step).await {
            Ok(Ending::Redirected(redirect)) => redirect,
            Ok(Ending::Granted(_)) => {
                return Err(FlowFailure::new(
                    "auth_mode_err",
                    "The provider entry does not lead to a browser redirect.",
                ));
            }
            Err(error) => return Err(FlowFailure::of_exchange(&error)),
        };
        let payload = StatePayload {
            verifier,
            redirect_uri,
            config,
            scopes: client.scopes.clone(),
            connection_id,
            memory: redirect.memory,
            repairs,
            started_at: self.clock.now(),
            visit: params.visit,
        };
        self.store_state(session, &view, &state, payload, params.client_id, redirect.url)
            .await
            .map_err(as_failure)
    }

    /// The client a flow is made with.
    fn flow_client(
        &self,
        environment: &EnvironmentView,
        view: &IntegrationView,
        preset: &Map<String, Value>,
    ) -> Client {
        let mut client = view.client();
        client.document_url = self.client_document_url(environment, &view.row.unique_key);
        if let Some(scopes) = preset.get("oauth_scopes_override").and_then(Value::as_str) {
            client.scopes = crate::integrations::split_scopes(scopes);
        }
        client
    }

    async fn store_state(
        &self,
        session: &Session,
        view: &IntegrationView,
        state: &str,
        payload: StatePayload,
        client_id: Option<String>,
        redirect: Url,
    ) -> Result<Started> {
        let now = self.clock.now();
        let state_hash = token_hash_hex(state);
        let cookie_value = self.rng.base64url(STATE_BYTES);
        let environment_id = session.row.environment_id;
        let row = OauthState {
            payload: self
                .sealer
                .seal_json(environment_id, Column::STATE, &state_hash, &payload)
                .await?,
            environment_id,
            integration_id: view.row.id,
            connect_session_id: session.row.id.clone(),
            browser_hash: token_hash_hex(&cookie_value),
            client_id,
            operation_id: session.row.operation_id.clone(),
            expires_at: now.plus(self.settings.state_lifetime),
            state_hash,
        };
        let cookie_name = cookie_name(&row.state_hash);
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.insert_oauth_state(&row, now).await?) })
            })
            .await?;
        Ok(Started {
            redirect,
            cookie_name,
            cookie_value,
            cookie_lifetime: self.settings.state_lifetime,
            returns_elsewhere: matches!(view.provider.auth_mode, AuthMode::App | AuthMode::Custom),
        })
    }

    /// The address providers send browsers back to.
    pub fn redirect_uri(&self, environment: &EnvironmentView) -> String {
        match &environment.settings.callback_url {
            Some(url) if !url.is_empty() => url.clone(),
            _ => self.own_callback_url(),
        }
    }

    /// The integration, if the session may use it.
    pub(crate) async fn integration_for(
        &self,
        session: &Session,
        environment: &EnvironmentView,
        key: &str,
    ) -> Result<IntegrationView, FlowFailure> {
        let view = self.integration(environment.id, key).await.map_err(|error| match error {
            Error::UnknownIntegration(_) => {
                FlowFailure::new("provider_config_err", error.to_string())
            }
            Error::UnknownProvider(_) => FlowFailure::new("unknown_config_key", error.to_string()),
            other => as_failure(other),
        })?;
        if !session.payload.allows(key) {
            return Err(FlowFailure::new(
                "integration_not_allowed",
                format!("This session may not use integration '{key}'."),
            ));
        }
        Ok(view)
    }

    /// The id of the connection to be made or repaired.
    pub(crate) async fn target_connection(
        &self,
        session: &Session,
        view: &IntegrationView,
    ) -> Result<String, FlowFailure> {
        let Some(row) = session.row.reconnect_row else {
            return Ok(self.rng.uuid().to_string());
        };
        let row = self
            .store
            .connection_by_row(session.row.environment_id, row)
            .await
            .map_err(|error| as_failure(error.into()))?;
        match row {
            Some(row) if row.integration_id == view.row.id => Ok(row.connection_id),
            _ => Err(FlowFailure::new(
                "invalid_connection",
                "The connection to be repaired was deleted meanwhile.",
            )),
        }
    }

    /// Configuration of the connection that a reconnect session repairs.
    pub(crate) async fn repaired_config(
        &self,
        session: &Session,
    ) -> Result<Option<Map<String, Value>>> {
        let Some(row) = session.row.reconnect_row else {
            return Ok(None);
        };
        match self.store.connection_by_row(session.row.environment_id, row).await? {
            Some(row) => Ok(Some(self.stored_config(&row).await?)),
            None => Ok(None),
        }
    }

    /// Logs a failed flow, tells the app and the waiting socket. Never fails itself.
    pub(crate) async fn flow_failed(
        &self,
        environment_id: i64,
        failure: &FlowFailure,
        log: String,
        event_code: Option<&str>,
    ) {
        let now = self.clock.now();
        let operation = failure.operation_id.clone().map(|id| NewOperation {
            id,
            environment_id,
            kind: "auth",
            action: "create_connection",
            state: "failed",
            title: String::new(),
            integration_key: failure.integration_key.clone(),
            provider: None,
            connection_row: None,
            connection_id: failure.connection_id.clone(),
            error: Some(log),
            ended_at: Some(now),
            expires_at: None,
        });
        let event = match event_code {
            Some(code) => self.failure_event(environment_id, failure, code).await,
            None => None,
        };
        let told = failure.client_id.clone().zip(serde_json::to_string(&failure.result()).ok());
        let written = self
            .store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    if let Some(operation) = &operation {
                        tx.finish_operation(operation, now).await?;
                    }
                    if let Some(event) = &event {
                        tx.insert_event(event).await?;
                    }
                    if let Some((client_id, result)) = &told {
                        tx.insert_flow_result(client_id, result, now).await?;
                    }
                    Ok(())
                })
            })
            .await;
        if let Err(error) = written {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a failed flow could not be logged"
            );
        }
    }

    async fn failure_event(
        &self,
        environment_id: i64,
        failure: &FlowFailure,
        code: &str,
    ) -> Option<valetkey_store::NewEvent> {
        let environment = self.environment(environment_id).await.ok()?;
        let key = failure.integration_key.as_deref()?;
        let view = self.integration(environment_id, key).await.ok()?;
        let connection_id = failure.connection_id.as_deref()?;
        let existing =
            self.store.connection(environment_id, key, connection_id).await.ok().flatten();
        Some(self.auth_event(&AuthEventInput {
            environment: &environment,
            operation: if existing.is_some() {
                AuthOperation::Override
            } else {
                AuthOperation::Creation
            },
            connection_id,
            connection_row: existing.as_ref().map(|row| row.id),
            integration_key: key,
            provider: &view.provider.name,
            auth_mode: view.provider.auth_mode.as_str(),
            tags: None,
            end_user: None,
            webhook_url_override:
                existing.as_ref().and_then(|row| row.webhook_url_override.as_deref()),
            failure: Some((code, &failure.message)),
        }))
    }
}

/// What the browser gave, and what the connection under repair has of what it left out: nobody is
/// asked twice where their account is.
pub(super) fn with_stored(
    provider: &Provider,
    mut given: Map<String, Value>,
    stored: Option<&Map<String, Value>>,
) -> Map<String, Value> {
    for field in provider.connection_config.iter().filter(|field| !field.automated) {
        if let Some(value) = stored.and_then(|stored| stored.get(&field.name))
            && !given.contains_key(&field.name)
        {
            given.insert(field.name.clone(), value.clone());
        }
    }
    given
}

fn browser_mode(view: &IntegrationView) -> Result<&'static dyn Mode, FlowFailure> {
    let mode = valetkey_auth::mode(view.provider.auth_mode).filter(|mode| mode.uses_browser());
    mode.ok_or_else(|| {
        FlowFailure::new(
            "auth_mode_err",
            format!(
                "{} does not use a browser redirect; submit its credentials instead.",
                view.provider.display_name
            ),
        )
    })
}

/// What a flow begins with: the browser's values checked, the session's over them.
fn flow_config(
    provider: &Provider,
    given: &Map<String, Value>,
    preset: &Map<String, Value>,
) -> Result<Map<String, Value>, FlowFailure> {
    let mut config =
        validate_merged_connection_config(provider, given, preset).map_err(|issues| {
            let messages: Vec<String> = issues.into_iter().map(|issue| issue.message).collect();
            FlowFailure::new("url_param_err", messages.join(" "))
        })?;
    if !preset.contains_key("oauth_scopes_override") {
        // Only the app's backend widens scopes.
        config.shift_remove("oauth_scopes_override");
    }
    Ok(config)
}

/// `connection_config` of the session's presets.
pub(crate) fn preset_config(defaults: Option<&Map<String, Value>>) -> Map<String, Value> {
    let config = defaults.and_then(|defaults| defaults.get("connection_config"));
    config.and_then(Value::as_object).cloned().unwrap_or_default()
}

pub(crate) fn as_failure(error: Error) -> FlowFailure {
    match error {
        Error::Refused { code, message } => FlowFailure::new(code, message),
        Error::CredentialsRejected(message) => FlowFailure::new("connection_test_failed", message),
        Error::Provider(error) => FlowFailure::of_exchange(&error),
        Error::NotFound(_) | Error::UnknownIntegration(_) | Error::UnknownProvider(_) => {
            FlowFailure::new("provider_config_err", error.to_string())
        }
        other => {
            tracing::error!(
                error = &other as &dyn std::error::Error,
                "a flow failed for a reason of ours"
            );
            FlowFailure::new(
                "unknown_err",
                "Something went wrong on our side. Please try again; if it happens again, tell support the reference below.",
            )
        }
    }
}
