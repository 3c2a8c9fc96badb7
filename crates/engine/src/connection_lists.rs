//! Connections as the dashboard lists and shows them: without credentials.

use std::sync::Arc;

use valetkey_base::Timestamp;
pub use valetkey_store::{ConnectionPage, FOUND_MAX, IntegrationCount};

use crate::connections::{Connection, ConnectionView, StoredRefreshError, stored_error};
use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::Result;
use crate::read::ReadOptions;
use crate::sessions::{CreateSession, MadeSession};

/// How a connection does, in the words of whose move it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing is wrong.
    Good,
    /// A refresh failed for a reason that passes; it is tried again.
    Retrying,
    /// Its owner has to authorize again.
    NeedsReconnect,
    /// The app's own settings have to be mended.
    NeedsOperator,
}

/// What a connection's stored failure means.
pub fn health(row: &Connection) -> (Health, Option<StoredRefreshError>) {
    let Some(error) = stored_error(row) else {
        return (Health::Good, None);
    };
    let health = match error.class.as_str() {
        "terminal" => Health::NeedsReconnect,
        "ours" => Health::NeedsOperator,
        _ => Health::Retrying,
    };
    (health, Some(error))
}

/// Where a list goes on.
pub fn place_after(row: &Connection) -> (Timestamp, i64) {
    (row.created_at, row.id)
}

impl Engine {
    /// A page of connections, newest first.
    pub async fn connection_page(&self, page: &ConnectionPage) -> Result<Vec<Connection>> {
        Ok(self.store.connection_page(page).await?)
    }

    /// How many connections match, counted to the page's limit.
    pub async fn connection_count(&self, page: &ConnectionPage) -> Result<i64> {
        Ok(self.store.connection_count(page).await?)
    }

    /// Whether more ids or tags begin with what a page searches than [`FOUND_MAX`], which is as many
    /// as are looked at.
    pub async fn connection_search_is_cut(&self, page: &ConnectionPage) -> Result<bool> {
        let Some(text) = &page.search else { return Ok(false) };
        Ok(self.store.connection_search_is_cut(page.environment_id, text).await?)
    }

    /// Connections of every integration of an environment, each counted to a limit.
    pub async fn connections_per_integration(
        &self,
        environment: &EnvironmentView,
        limit: i64,
    ) -> Result<Vec<IntegrationCount>> {
        Ok(self.store.connections_per_integration(environment.id, limit).await?)
    }

    /// A connection with its configuration, without any secret.
    ///
    /// # Errors
    /// [`crate::Error::UnknownIntegration`], [`crate::Error::UnknownConnection`].
    pub async fn connection_without_credentials(
        &self,
        environment: &EnvironmentView,
        integration_key: &str,
        connection_id: &str,
        actor: &str,
    ) -> Result<ConnectionView> {
        let options = ReadOptions { with_credentials: false, ..ReadOptions::default() };
        self.read_connection(environment, integration_key, connection_id, options, actor).await
    }

    /// Asks the provider for new credentials now, whether they are due or not.
    ///
    /// # Errors
    /// As [`Engine::read_connection`]; the failure is stored with the connection, too.
    pub async fn refresh_now(
        &self,
        environment: &EnvironmentView,
        integration_key: &str,
        connection_id: &str,
        actor: &str,
    ) -> Result<Arc<Connection>> {
        let options =
            ReadOptions { with_credentials: true, force_refresh: true, ..ReadOptions::default() };
        let view = self
            .read_connection(environment, integration_key, connection_id, options, actor)
            .await?;
        self.recorder.audit(Some(environment.id), actor, "connection.refresh_asked", connection_id);
        Ok(view.row)
    }

    /// A session that repairs a connection, made for a member.
    ///
    /// # Errors
    /// As [`Engine::create_reconnect_session`].
    pub async fn reconnect_session_of_member(
        &self,
        environment: &EnvironmentView,
        integration_key: &str,
        connection_id: &str,
        actor: &str,
    ) -> Result<MadeSession> {
        let request = CreateSession::default();
        self.create_reconnect_session(environment, connection_id, integration_key, request, actor)
            .await
    }
}
