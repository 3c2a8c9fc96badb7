//! The provider sends the browser back (RFC 6749 section 4.1.2, RFC 9207).

use serde_json::{Map, Value};
use valetkey_auth::{AuthError, CallbackInput, Class, Grant, stored_connection_config};
use valetkey_store::{ConnectionPatch, OauthState};
use valetkey_vault::token_hash_hex;

use super::outcome::{FlowFailure, Visit, event_code, failure_json};
use super::save::{Config, LogEntry, Save, is_pending};
use super::start::{StatePayload, as_failure, cookie_name};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::follow_up::Occasion;
use crate::operations::error_json;
use crate::protocol::Party;
use crate::sealing::Column;
use crate::sessions::Session;

/// What came back: the query in its own order, and the browser's cookies by name.
pub struct Callback<'a> {
    /// Query parameters.
    pub query: &'a [(String, String)],
    /// Finds a cookie.
    pub cookie: &'a (dyn Fn(&str) -> Option<String> + Sync),
}

/// A flow that succeeded.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Key of the integration.
    pub integration_key: String,
    /// Id of the connection.
    pub connection_id: String,
    /// The cookie that is no longer needed.
    pub cookie_name: String,
    /// The id under which the outcome can be asked for.
    pub client_id: Option<String>,
    /// How the browser came.
    pub visit: Visit,
}

impl Engine {
    /// Ends a redirect flow.
    ///
    /// # Errors
    /// A [`FlowFailure`] that has been logged and told wherever there is somebody to tell.
    pub async fn finish_flow(&self, callback: Callback<'_>) -> Result<Finished, FlowFailure> {
        let Some(state) = state(callback.query) else {
            return Err(FlowFailure::new(
                "state_err",
                "The provider sent the browser back without a state, so it is unknown which authorization this is.",
            ));
        };
        let state_hash = token_hash_hex(state);
        let (hash, now) = (state_hash.clone(), self.clock.now());
        let consumed = self
            .store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.consume_oauth_state(&hash, now).await?) })
            })
            .await
            .map_err(as_failure)?;
        let Some(row) = consumed else {
            return Err(FlowFailure::new(
                "state_err",
                "This authorization is unknown, has expired, or was already completed.",
            ));
        };
        let payload: Result<StatePayload> = self
            .sealer
            .open_json(row.environment_id, Column::STATE, &row.state_hash, &row.payload)
            .await;
        let visit = payload.as_ref().map(|payload| payload.visit.clone()).unwrap_or_default();
        match self.go_on(&callback, &row, payload).await {
            Ok((integration_key, connection_id)) => Ok(Finished {
                integration_key,
                connection_id,
                cookie_name: cookie_name(&state_hash),
                client_id: row.client_id,
                visit,
            }),
            Err((mut failure, log, code)) => {
                failure.visit = visit;
                failure.client_id.clone_from(&row.client_id);
                failure.operation_id = Some(row.operation_id.clone());
                self.flow_failed(row.environment_id, &failure, log, code.as_deref()).await;
                Err(failure)
            }
        }
    }

    async fn go_on(
        &self,
        callback: &Callback<'_>,
        row: &OauthState,
        payload: Result<StatePayload>,
    ) -> Result<(String, String), (FlowFailure, String, Option<String>)> {
        let plain = |failure: FlowFailure| {
            let log = failure_json(&failure.error_type, &failure.message);
            (failure, log, None)
        };
        let payload = payload.map_err(|error| plain(as_failure(error)))?;
        let session = self.live_session(row).await.map_err(&plain)?;
        let view = self.store.integration(row.environment_id, row.integration_id).await;
        let view = match view {
            Ok(Some(row)) => {
                self.open_integration(row).await.map_err(|error| plain(as_failure(error)))?
            }
            Ok(None) => {
                return Err(plain(FlowFailure::new(
                    "provider_config_err",
                    "The integration was deleted meanwhile.",
                )));
            }
            Err(error) => return Err(plain(as_failure(error.into()))),
        };
        let key = view.row.unique_key.clone();
        let provider_name = view.provider.display_name.clone();
        let located = |mut failure: FlowFailure| {
            failure.provider_name = Some(provider_name.clone());
            failure.integration_key = Some(key.clone());
            failure.connection_id = Some(payload.connection_id.clone());
            failure
        };
        let cookie = (callback.cookie)(&cookie_name(&row.state_hash));
        let same_browser = cookie.is_some_and(|value| {
            use subtle::ConstantTimeEq as _;
            bool::from(token_hash_hex(&value).as_bytes().ct_eq(row.browser_hash.as_bytes()))
        });
        if !same_browser {
            return Err(plain(located(FlowFailure::new(
                "state_cookie_err",
                "This authorization was started in another browser, or cookies are blocked. Start again in this browser.",
            ))));
        }
        if row.expires_at <= self.clock.now() {
            return Err(plain(located(FlowFailure::new(
                "state_err",
                "The authorization took too long. Start again.",
            ))));
        }
        let grant = self.exchange_code(callback, &view, &payload).await.map_err(|error| {
            let failure = located(FlowFailure::of_exchange(&error));
            (failure, error_json(&error).to_string(), Some(event_code(&error).to_owned()))
        })?;
        let saved = self.save_granted(row, &session, view.clone(), payload, grant).await;
        let saved = saved.map_err(|error| {
            let failure = FlowFailure { integration_key: Some(key.clone()), ..as_failure(error) };
            let log = failure_json(&failure.error_type, &failure.message);
            (failure, log, Some("unknown".to_owned()))
        })?;
        Ok((key, saved.row.connection_id))
    }

    async fn live_session(&self, row: &OauthState) -> Result<Session, FlowFailure> {
        let session = self
            .store
            .connect_session_by_id(&row.connect_session_id)
            .await
            .map_err(|error| as_failure(error.into()))?;
        match session {
            // The customer may take longer at the provider than the session lives: the flow began
            // in time, and has a limit of its own.
            Some(session) => self.open_session(session).await.map_err(as_failure),
            None => Err(FlowFailure::new(
                "unknown_connect_session_token",
                "The session was ended by the app. Start again from where you came.",
            )),
        }
    }

    async fn exchange_code(
        &self,
        callback: &Callback<'_>,
        view: &crate::integrations::IntegrationView,
        payload: &StatePayload,
    ) -> Result<Grant, AuthError> {
        let mut client = view.client();
        client.scopes.clone_from(&payload.scopes);
        let Some(mode) = valetkey_auth::mode(view.provider.auth_mode) else {
            return Err(crate::protocol::ours(
                "auth_mode_err",
                "This authorization mode is not supported.",
            ));
        };
        let party = Party {
            provider: &view.provider,
            client: &client,
            config: &payload.config,
            repairs: payload.repairs.as_ref(),
        };
        let step = mode.callback(
            &self.context(&party),
            &CallbackInput {
                query: callback.query,
                redirect_uri: &payload.redirect_uri,
                verifier: &payload.verifier,
                memory: &payload.memory,
                started_at: payload.started_at,
            },
        );
        let grant = self.run_steps(mode, &party, step).await?;
        if mode.takes_typed_secrets() {
            self.verify_granted(view, payload, &grant).await?;
        }
        self.follow_up(&party, grant, Occasion::Connect).await
    }

    /// Tests credentials that nobody issued just now.
    async fn verify_granted(
        &self,
        view: &crate::integrations::IntegrationView,
        payload: &StatePayload,
        grant: &Grant,
    ) -> Result<(), AuthError> {
        let config = stored_connection_config(&payload.config, &grant.connection_config);
        self.verify(view, &config, &grant.credentials).await.map_err(|error| {
            let message = match error {
                Error::CredentialsRejected(message) => message,
                _ => "The credentials of the integration could not be tested.".to_owned(),
            };
            AuthError::new(Class::Ours, "connection_test_failed", message)
        })
    }

    async fn save_granted(
        &self,
        row: &OauthState,
        session: &Session,
        view: crate::integrations::IntegrationView,
        payload: StatePayload,
        grant: Grant,
    ) -> Result<super::save::Saved> {
        let environment = self.environment(row.environment_id).await?;
        let mut config = stored_connection_config(&payload.config, &grant.connection_config);
        note_pending(&mut config, &row.operation_id);
        self.save(Save {
            environment: (*environment).clone(),
            view,
            connection_id: payload.connection_id,
            repairs: session.row.reconnect_row,
            claims: None,
            completes: false,
            ends_session: session.ends_after(&environment),
            credentials: grant.credentials,
            lifetime_is_known: true,
            config: Config::Merge(config),
            patch: session_patch(session),
            operation: LogEntry::Finish(row.operation_id.clone()),
            client_id: row.client_id.clone(),
            actor: session.actor(),
        })
        .await
    }
}

/// A connection that still has to be confirmed names the log entry it began with.
pub(crate) fn note_pending(config: &mut Map<String, Value>, operation_id: &str) {
    if is_pending(config) {
        config.insert("pendingLog".to_owned(), Value::from(operation_id));
    }
}

/// What a session says about the connection beside its credentials; what it does not say is kept.
pub(crate) fn session_patch(session: &Session) -> ConnectionPatch {
    ConnectionPatch {
        metadata: None,
        tags: session.payload.tags.clone(),
        end_user: session.payload.end_user.as_ref().map(ToString::to_string),
        webhook_url_override: session.payload.webhook_url_override.clone(),
    }
}

/// The error type the socket gets.
pub(super) fn socket_code(error: &AuthError) -> String {
    match error.code.as_str() {
        code @ ("callback_err"
        | "token_err"
        | "url_param_err"
        | "grant_type_err"
        | "provider_config_err"
        | "connection_test_failed"
        | "auth_mode_err") => code.to_owned(),
        "invalid_callback" => "callback_err".to_owned(),
        _ => "unknown_err".to_owned(),
    }
}

pub(super) fn explain(error: &AuthError) -> String {
    match &error.provider_description {
        Some(description) if !error.message.contains(description.as_str()) => {
            format!("{} ({description})", error.message)
        }
        _ => error.message.clone(),
    }
}

/// The name of the cookie that binds the flow of a callback to its browser: to be dropped once the
/// callback is answered, however it ended.
pub fn callback_cookie_name(query: &[(String, String)]) -> Option<String> {
    state(query).map(|state| cookie_name(&token_hash_hex(state)))
}

fn state(query: &[(String, String)]) -> Option<&str> {
    ["state", "payload", "customField"].iter().find_map(|name| find(query, name))
}

fn find<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query
        .iter()
        .find(|(key, value)| key == name && !value.is_empty())
        .map(|(_, value)| value.as_str())
}
