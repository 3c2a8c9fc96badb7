//! Connect sessions: what an app's backend mints so that a browser may make or repair a connection.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use valetkey_base::{Secret, Timestamp};
use valetkey_store::{ConnectSession, Integration, NewConnectSession};
use valetkey_vault::token_hash_hex;

use crate::connect_ui::{ConnectUiSettings, check_return_url};
use crate::end_user::{EndUser, Organization, end_user_json, merged_tags};
use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::{Error, Issue, Result};
use crate::sealing::Column;

/// How every session token begins, on the wire.
pub const TOKEN_PREFIX: &str = "nango_connect_session_";
/// Random bytes of a token, written as hex.
const TOKEN_BYTES: usize = 32;

/// A validated request for a session, new or to reconnect.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CreateSession {
    /// Who it is for.
    pub end_user: Option<EndUser>,
    /// Their organization.
    pub organization: Option<Organization>,
    /// Keys of the integrations it may use; none or empty means all.
    pub allowed_integrations: Option<Vec<String>>,
    /// Presets per integration.
    pub integrations_config_defaults: Option<Map<String, Value>>,
    /// Overrides per integration.
    pub overrides: Option<Map<String, Value>>,
    /// Where the connection's events go.
    pub webhook_url_override: Option<String>,
    /// Tags of the connection.
    pub tags: Option<Map<String, Value>>,
    /// How the Connect UI looks in it, over the environment's settings.
    pub connect_ui_settings: Option<ConnectUiSettings>,
    /// Where the Connect UI, opened by its link, leads afterwards.
    pub return_url: Option<String>,
    /// The language of its link.
    pub lang: Option<String>,
}

/// What a session is for: sealed in its row.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionPayload {
    /// Wire form of the end user; none for a session made with tags alone.
    pub end_user: Option<Value>,
    /// Tags for the connection; `None` when a reconnect request named none.
    pub tags: Option<Map<String, Value>>,
    /// Integration keys it may use.
    pub allowed_integrations: Option<Vec<String>>,
    /// Presets per integration.
    pub integrations_config_defaults: Option<Map<String, Value>>,
    /// Overrides per integration.
    pub overrides: Option<Map<String, Value>>,
    /// Where the connection's events go; `None` keeps what a repaired connection has.
    pub webhook_url_override: Option<String>,
    /// How the Connect UI looks in it, over the environment's settings.
    pub connect_ui_settings: Option<ConnectUiSettings>,
    /// Where the Connect UI, opened by its link, leads afterwards.
    pub return_url: Option<String>,
}

impl SessionPayload {
    /// Whether the session may use an integration.
    pub fn allows(&self, integration_key: &str) -> bool {
        match &self.allowed_integrations {
            Some(keys) if !keys.is_empty() => keys.iter().any(|key| key == integration_key),
            _ => true,
        }
    }

    /// The presets for an integration.
    pub fn defaults(&self, integration_key: &str) -> Option<&Map<String, Value>> {
        self.integrations_config_defaults.as_ref()?.get(integration_key)?.as_object()
    }
}

/// A live session.
#[derive(Clone, Debug)]
pub struct Session {
    /// The row.
    pub row: ConnectSession,
    /// What it is for.
    pub payload: SessionPayload,
}

impl Session {
    /// The name of whoever holds the token in the audit trail.
    pub fn actor(&self) -> String {
        format!("session:{}", self.row.id)
    }

    /// The id of this session, if it ends with the connection made in it.
    pub(crate) fn ends_after(&self, environment: &EnvironmentView) -> Option<String> {
        environment.settings.single_use_sessions.then(|| self.row.id.clone())
    }
}

/// A session just made.
#[derive(Debug)]
pub struct MadeSession {
    /// The token; answered once, stored as a hash.
    pub token: Secret,
    /// A link that opens the Connect UI with it.
    pub connect_link: String,
    /// When it stops working.
    pub expires_at: Timestamp,
}

impl Engine {
    /// Makes a session for new connections.
    ///
    /// # Errors
    /// [`Error::Invalid`] for unknown integrations and for too many tags.
    pub async fn create_session(
        &self,
        environment: &EnvironmentView,
        request: CreateSession,
        actor: &str,
    ) -> Result<MadeSession> {
        let tags = merged_tags(
            request.end_user.as_ref(),
            request.organization.as_ref(),
            request.tags.as_ref(),
        )
        .map_err(|issue| Error::Invalid(vec![issue]))?;
        check_page(environment, &request)?;
        self.check_integrations_exist(environment, &request).await?;
        let lang = request.lang.clone();
        let payload = SessionPayload { tags: Some(tags), ..payload(request) };
        self.store_session(environment, payload, None, lang.as_deref(), actor).await
    }

    /// Makes a session that repairs one connection.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is no such connection, [`Error::Invalid`] as above.
    pub async fn create_reconnect_session(
        &self,
        environment: &EnvironmentView,
        connection_id: &str,
        integration_key: &str,
        request: CreateSession,
        actor: &str,
    ) -> Result<MadeSession> {
        let row = self.store.connection(environment.id, integration_key, connection_id).await?;
        let row = row.ok_or_else(|| Error::Refused {
            code: "invalid_body",
            message: format!("There is no connection '{connection_id}' for integration '{integration_key}' to repair."),
        })?;
        check_page(environment, &request)?;
        self.check_integrations_exist(environment, &request).await?;
        let lang = request.lang.clone();
        let names_tags =
            request.tags.is_some() || request.end_user.is_some() || request.organization.is_some();
        let tags = merged_tags(
            request.end_user.as_ref(),
            request.organization.as_ref(),
            request.tags.as_ref(),
        )
        .map_err(|issue| Error::Invalid(vec![issue]))?;
        let stored_user = row.end_user.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let mut payload = SessionPayload { tags: names_tags.then_some(tags), ..payload(request) };
        payload.end_user = payload.end_user.or(stored_user);
        payload.allowed_integrations = Some(vec![integration_key.to_owned()]);
        self.store_session(environment, payload, Some(row.id), lang.as_deref(), actor).await
    }

    async fn check_integrations_exist(
        &self,
        environment: &EnvironmentView,
        request: &CreateSession,
    ) -> Result<()> {
        let allowed = request.allowed_integrations.iter().flatten();
        let named = allowed
            .enumerate()
            .map(|(index, key)| (vec!["allowed_integrations".to_owned(), index.to_string()], key));
        let defaults = request.integrations_config_defaults.iter().flat_map(Map::keys);
        let named =
            named
                .chain(defaults.map(|key| {
                    (vec!["integrations_config_defaults".to_owned(), key.clone()], key)
                }));
        let overrides = request.overrides.iter().flat_map(Map::keys);
        let named: Vec<_> = named
            .chain(overrides.map(|key| (vec!["overrides".to_owned(), key.clone()], key)))
            .collect();
        if named.is_empty() {
            return Ok(());
        }
        let known: Vec<Integration> = self.store.integrations(environment.id).await?;
        let issues: Vec<Issue> = named
            .into_iter()
            .filter(|(_, key)| !known.iter().any(|row| &row.unique_key == *key))
            .map(|(path, key)| Issue {
                code: "custom".to_owned(),
                message: format!("There is no integration '{key}' in this environment."),
                path,
            })
            .collect();
        if issues.is_empty() { Ok(()) } else { Err(Error::Invalid(issues)) }
    }

    async fn store_session(
        &self,
        environment: &EnvironmentView,
        payload: SessionPayload,
        reconnect_row: Option<i64>,
        lang: Option<&str>,
        actor: &str,
    ) -> Result<MadeSession> {
        let now = self.clock.now();
        let token = Secret::new(format!("{TOKEN_PREFIX}{}", self.rng.hex(TOKEN_BYTES)));
        let id = self.rng.alphanumeric(20);
        let expires_at = now.plus(self.settings.session_lifetime);
        let new = NewConnectSession {
            session: ConnectSession {
                payload: self
                    .sealer
                    .seal_json(environment.id, Column::SESSION, &id, &payload)
                    .await?,
                id: id.clone(),
                environment_id: environment.id,
                reconnect_row,
                operation_id: self.operation_id(),
                expires_at,
            },
            token_hash: token_hash_hex(token.expose()),
        };
        self.store.add_connect_session(new, now).await?;
        self.recorder.audit(Some(environment.id), actor, "connect_session.created", id);
        let lang = lang.map(|lang| format!("&lang={lang}")).unwrap_or_default();
        let connect_link =
            format!("{}/?session_token={}{lang}", self.settings.connect_url, token.expose());
        Ok(MadeSession { token, connect_link, expires_at })
    }

    /// The session of a token. `None` when it is unknown, ended or expired.
    pub async fn session(&self, token: &str) -> Result<Option<Session>> {
        let found = self.store.connect_session(&token_hash_hex(token), self.clock.now()).await?;
        match found {
            Some(row) => Ok(Some(self.open_session(row).await?)),
            None => Ok(None),
        }
    }

    pub(crate) async fn open_session(&self, row: ConnectSession) -> Result<Session> {
        let payload = self
            .sealer
            .open_json(row.environment_id, Column::SESSION, &row.id, &row.payload)
            .await?;
        Ok(Session { row, payload })
    }

    /// Ends a session and says whether it was there.
    pub async fn delete_session(&self, session: &Session) -> Result<bool> {
        let id = session.row.id.clone();
        let ended = self
            .store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.delete_connect_session(&id).await?) })
            })
            .await?;
        self.recorder.audit(
            Some(session.row.environment_id),
            session.actor(),
            "connect_session.ended",
            session.row.id.clone(),
        );
        Ok(ended)
    }
}

fn payload(request: CreateSession) -> SessionPayload {
    SessionPayload {
        end_user: request
            .end_user
            .as_ref()
            .map(|user| end_user_json(user, request.organization.as_ref())),
        tags: None,
        allowed_integrations: request.allowed_integrations,
        integrations_config_defaults: request.integrations_config_defaults,
        overrides: request.overrides,
        webhook_url_override: request.webhook_url_override.filter(|url| !url.is_empty()),
        connect_ui_settings: request.connect_ui_settings,
        return_url: request.return_url,
    }
}

/// Checks what a session says about its page.
fn check_page(environment: &EnvironmentView, request: &CreateSession) -> Result<()> {
    let mut issues = match &request.connect_ui_settings {
        Some(settings) => settings.issues(&["connect_ui_settings"]),
        None => Vec::new(),
    };
    if let Some(url) = &request.return_url
        && let Err(message) = check_return_url(environment, url)
    {
        issues.push(Issue::custom(&["return_url"], message));
    }
    if issues.is_empty() { Ok(()) } else { Err(Error::Invalid(issues)) }
}
