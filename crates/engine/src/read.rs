//! Reading a connection with credentials that work.

use std::sync::Arc;

use serde_json::{Map, Value};
use valetkey_auth::{AuthError, Class, Credentials, strip_config_secrets, strip_refresh_tokens};
use valetkey_catalog::AuthMode;
use valetkey_store::Connection;

use crate::connections::{ConnectionView, OpenedJson, stored_error};
use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::{Error, NotFresh, Result};
use crate::protocol::class_name;
use crate::refresh::{Outcome, Want};
use crate::sealing::Column;

/// What a reader asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOptions {
    /// Whether the caller may see credentials; without, nothing is refreshed or noted.
    pub with_credentials: bool,
    /// Refresh even a token that is good, and in spite of back-off and exhaustion.
    pub force_refresh: bool,
    /// Leave refresh tokens in the answer.
    pub with_refresh_token: bool,
    /// Sign the app's own token again, for connections that have one.
    pub renew_app_token: bool,
}

impl Engine {
    /// A connection with fresh credentials.
    ///
    /// # Errors
    /// [`Error::UnknownIntegration`], [`Error::UnknownConnection`], and [`Error::NotFresh`] when the
    /// token is dead and could not be replaced.
    pub async fn read_connection(
        &self,
        environment: &EnvironmentView,
        integration_key: &str,
        connection_id: &str,
        options: ReadOptions,
        actor: &str,
    ) -> Result<ConnectionView> {
        if !options.with_credentials {
            let row = self.known_connection(environment, integration_key, connection_id).await?;
            return self.view_without_credentials(row).await;
        }
        let row =
            self.fresh_connection(environment, integration_key, connection_id, options).await?;
        self.recorder.credentials_read(environment.id, actor, row.id);
        let opened = self.opened(&row, options.with_refresh_token).await?;
        Ok(ConnectionView { last_fetched_at: Some(self.clock.now()), row, opened })
    }

    /// The row of a connection with credentials that work.
    pub(crate) async fn fresh_connection(
        &self,
        environment: &EnvironmentView,
        integration_key: &str,
        connection_id: &str,
        options: ReadOptions,
    ) -> Result<Arc<Connection>> {
        let row = self.known_connection(environment, integration_key, connection_id).await?;
        if options.force_refresh || self.is_due(&row) {
            self.recorder.touch_connection(row.id);
            self.freshen(environment, row, options.force_refresh).await
        } else if options.renew_app_token && self.has_app_token(&row).await? {
            self.renew_app_token(environment, row).await
        } else {
            Ok(row)
        }
    }

    /// The row of a connection after a refresh that the provider gave reason for, by refusing a
    /// token that seemed good. None when that token came from such a refresh itself a moment ago, or
    /// when there is no other.
    pub(crate) async fn refreshed_since(
        &self,
        environment: &EnvironmentView,
        refused: &Connection,
    ) -> Option<Arc<Connection>> {
        let now = self.clock.now();
        let is_new = self.prepared.was_renewed(refused.id, refused.generation);
        let row = self.reread(refused).await.ok()?;
        if row.generation != refused.generation {
            return Some(row);
        }
        if is_new || row.refresh_exhausted || row.refresh_retry_at.is_some_and(|at| at > now) {
            return None;
        }
        match self.refresh(environment, refused, Want::Forced).await {
            Outcome::Refreshed => {
                let fresh = self.reread(refused).await.ok()?;
                self.prepared.renewed(fresh.id, fresh.generation);
                Some(fresh)
            }
            _ => None,
        }
    }

    async fn known_connection(
        &self,
        environment: &EnvironmentView,
        integration_key: &str,
        connection_id: &str,
    ) -> Result<Arc<Connection>> {
        let row = self.store.connection(environment.id, integration_key, connection_id).await?;
        if let Some(row) = row {
            return Ok(row);
        }
        self.check_integration_exists(environment.id, integration_key).await?;
        Err(Error::UnknownConnection {
            connection_id: connection_id.to_owned(),
            integration_key: integration_key.to_owned(),
        })
    }

    /// The opened values of a row, from memory when the same sealed bytes were opened a moment ago.
    async fn opened(
        &self,
        row: &Arc<Connection>,
        with_refresh_token: bool,
    ) -> Result<Arc<OpenedJson>> {
        if !with_refresh_token && let Some(opened) = self.opened.get(row) {
            return Ok(opened);
        }
        let (credentials, config) = self.open_connection(row).await?;
        let opened = opened_json(&credentials, config, with_refresh_token)?;
        if !with_refresh_token {
            self.opened.keep(row.clone(), opened.clone());
        }
        Ok(opened)
    }

    fn is_due(&self, row: &Connection) -> bool {
        row.refresh_due_at.is_some_and(|due| due <= self.clock.now())
    }

    async fn has_app_token(&self, row: &Connection) -> Result<bool> {
        let view = self.integration(row.environment_id, &row.integration_key).await?;
        Ok(matches!(view.provider.auth_mode, AuthMode::App | AuthMode::Custom))
    }

    /// The row with a new token of the app's own; the provider's tokens are good.
    async fn renew_app_token(
        &self,
        environment: &EnvironmentView,
        row: Arc<Connection>,
    ) -> Result<Arc<Connection>> {
        match self.refresh(environment, &row, Want::AppToken).await {
            Outcome::Refreshed | Outcome::NothingToDo => self.reread(&row).await,
            Outcome::Gone => Err(gone(&row)),
            Outcome::Failed(failed) => Err(self.not_fresh(&row, &failed).await?),
            Outcome::Trouble => Err(Error::Store(valetkey_store::Error::Overloaded)),
        }
    }

    async fn not_fresh(&self, row: &Connection, failed: &AuthError) -> Result<Error> {
        let row = self.reread(row).await?;
        Ok(Error::NotFresh(Box::new(NotFresh {
            status: status_of(&failed.code),
            cause: failed.code.clone(),
            message: failed.message.clone(),
            needs_reconnect: failed.class == Class::Terminal,
            connection: self.view_without_credentials(row).await?,
        })))
    }

    /// Refreshes a row that is due, unless it backs off; answers with the row as it is afterwards.
    async fn freshen(
        &self,
        environment: &EnvironmentView,
        row: Arc<Connection>,
        forced: bool,
    ) -> Result<Arc<Connection>> {
        let now = self.clock.now();
        let still_valid = row.expires_at.is_some_and(|at| at > now);
        if !forced && (row.refresh_exhausted || row.refresh_retry_at.is_some_and(|at| at > now)) {
            if still_valid {
                return Ok(row);
            }
            return Err(self.refused_without_trying(row).await?);
        }
        let leased_elsewhere = row.lease_until.is_some_and(|until| until > now);
        if !forced && still_valid && leased_elsewhere && !self.flights.has(row.id) {
            return Ok(row);
        }
        let want = if forced { Want::Forced } else { Want::Due };
        match self.refresh(environment, &row, want).await {
            Outcome::Refreshed | Outcome::NothingToDo => self.reread(&row).await,
            Outcome::Gone => Err(gone(&row)),
            Outcome::Failed(_) if still_valid && !forced => self.reread(&row).await,
            Outcome::Failed(failed) => Err(self.not_fresh(&row, &failed).await?),
            Outcome::Trouble => Err(Error::Store(valetkey_store::Error::Overloaded)),
        }
    }

    async fn reread(&self, row: &Connection) -> Result<Arc<Connection>> {
        let fresh = self.store.connection_by_row(row.environment_id, row.id).await?;
        fresh.map(Arc::new).ok_or_else(|| gone(row))
    }

    async fn refused_without_trying(&self, row: Arc<Connection>) -> Result<Error> {
        let stored = stored_error(&row);
        let reason =
            stored.as_ref().map_or("The last refresh failed.", |error| error.message.as_str());
        let (cause, message) = if row.refresh_exhausted {
            (
                "connection_refresh_exhausted",
                format!(
                    "{reason} The customer has to authorize again; mint a reconnect session for this connection."
                ),
            )
        } else {
            (
                "connection_refresh_backoff",
                format!("{reason} The next attempt is made in a moment."),
            )
        };
        Ok(Error::NotFresh(Box::new(NotFresh {
            status: 424,
            cause: cause.to_owned(),
            message,
            needs_reconnect: stored.is_some_and(|error| error.class == class_name(Class::Terminal)),
            connection: self.view_without_credentials(row).await?,
        })))
    }

    async fn view_without_credentials(&self, row: Arc<Connection>) -> Result<ConnectionView> {
        let mut config = self.open_config(&row).await?;
        strip_refresh_tokens(&mut config);
        if let Some(config) = config.as_object_mut() {
            strip_config_secrets(config);
        }
        let opened = OpenedJson::new(&Value::Object(Map::new()), &config)?;
        Ok(ConnectionView { last_fetched_at: row.last_fetched_at, row, opened })
    }

    async fn open_config(&self, row: &Connection) -> Result<Value> {
        self.sealer.open_json(row.environment_id, Column::CONFIG, &row.row_uuid, &row.config).await
    }

    /// Credentials and configuration of a row, opened.
    pub(crate) async fn open_connection(
        &self,
        row: &Connection,
    ) -> Result<(Credentials, Map<String, Value>)> {
        let credentials: Value = self
            .sealer
            .open_json(row.environment_id, Column::CREDENTIALS, &row.row_uuid, &row.credentials)
            .await?;
        let Value::Object(config) = self.open_config(row).await? else {
            return Err(Error::Corrupt("connection_config"));
        };
        Ok((Credentials::from_json(credentials), config))
    }
}

/// What a client gets; refresh tokens leave only when asked for.
pub(crate) fn opened_json(
    credentials: &Credentials,
    config: Map<String, Value>,
    with_refresh_token: bool,
) -> Result<Arc<OpenedJson>> {
    let credentials = credentials.shown(with_refresh_token);
    let mut config = Value::Object(config);
    if !with_refresh_token {
        strip_refresh_tokens(&mut config);
    }
    OpenedJson::new(&credentials, &config)
}

/// The status of an answer without working credentials, by its cause.
fn status_of(code: &str) -> u16 {
    match code {
        "aws_sigv4_sts_request_failed" => 502,
        _ => 400,
    }
}

fn gone(row: &Connection) -> Error {
    Error::UnknownConnection {
        connection_id: row.connection_id.clone(),
        integration_key: row.integration_key.clone(),
    }
}
