//! How far somebody who is new has come in an environment, told by what happened, not by what was
//! clicked.

use url::Url;
use valetkey_catalog::AuthMode;
use valetkey_store::{Connection, ConnectionFilter, ConnectionPage};

use crate::attention::was_read;
use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::Result;

/// How the names of the emulated providers begin, which development servers have.
const EMULATED: &str = "emulator-";
/// Connections looked at for one of a real provider; who has more is not new.
const LOOKED_AT_MAX: i64 = 100;

/// The emulated provider of a development server.
#[derive(Clone, Debug)]
pub struct Demo {
    /// The key of its integration.
    pub integration_key: String,
    /// Where the provider's own page is, on which grants are withdrawn.
    pub provider_page: Option<String>,
    /// The last connection to it.
    pub connection: Option<Connection>,
}

/// How far somebody has come.
#[derive(Clone, Debug, Default)]
pub struct GettingStarted {
    /// The emulated provider, where there is one.
    pub demo: Option<Demo>,
    /// The key of the first integration of a real provider.
    pub own_integration: Option<String>,
    /// A connection to a real provider.
    pub own_connection: Option<Connection>,
}

impl GettingStarted {
    /// Whether somebody read the credentials of the connection that is talked of: the demo's, or
    /// without one their own.
    pub fn has_read(&self) -> bool {
        let connection = match &self.demo {
            Some(demo) => demo.connection.as_ref(),
            None => self.own_connection.as_ref(),
        };
        connection.is_some_and(was_read)
    }
}

impl Engine {
    /// How far somebody has come in an environment.
    pub async fn getting_started(&self, environment: &EnvironmentView) -> Result<GettingStarted> {
        let mut found = GettingStarted::default();
        for (row, provider) in self.integrations(environment).await? {
            let is_emulated = row.provider.starts_with(EMULATED);
            if !is_emulated && found.own_integration.is_none() {
                found.own_integration = Some(row.unique_key.clone());
            }
            let Some(provider) = provider.filter(|it| it.auth_mode == AuthMode::OAuth2) else {
                continue;
            };
            if is_emulated && found.demo.is_none() {
                let page = ConnectionPage {
                    environment_id: environment.id,
                    integration_id: Some(row.id),
                    failing: false,
                    search: None,
                    after: None,
                    limit: 1,
                };
                found.demo = Some(Demo {
                    integration_key: row.unique_key,
                    provider_page: provider.authorization_url.as_deref().and_then(origin),
                    connection: self.connection_page(&page).await?.into_iter().next(),
                });
            }
        }
        let newest = ConnectionFilter { limit: LOOKED_AT_MAX, ..ConnectionFilter::default() };
        let newest = self.store.connections(environment.id, &newest).await?;
        found.own_connection = newest.into_iter().find(|row| !row.provider.starts_with(EMULATED));
        Ok(found)
    }
}

fn origin(url: &str) -> Option<String> {
    Some(format!("{}/", Url::parse(url).ok()?.origin().ascii_serialization()))
}
