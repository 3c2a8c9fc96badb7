//! Sessions in which browsers connect.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Data;
use crate::client::Client;
use crate::error::Result;
use crate::routes::{CREATE_SESSION, RECONNECT_SESSION};
use crate::secret::Secret;

/// Sessions in which browsers connect.
#[derive(Debug)]
pub struct ConnectSessions<'a>(pub(crate) &'a Client);

/// What a session is for. Without an end user it needs tags, be they empty.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct CreateSession {
    /// Who connects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_user: Option<EndUser>,
    /// Tags of the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
    /// Keys of the integrations to choose from; none are all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_integrations: Option<Vec<String>>,
    /// Presets per integration: `connection_config`, `authorization_params`, `user_scopes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integrations_config_defaults: Option<Map<String, Value>>,
    /// Where the connection's webhooks go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_url_override: Option<String>,
    /// Where the connect link leads afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// The language of the connect link, such as `fr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// How the Connect UI looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_ui_settings: Option<Value>,
}

/// Who connects, or has connected.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EndUser {
    /// The app's own id of them.
    pub id: String,
    /// Their address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Their name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

/// A session just made.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ConnectSession {
    /// For the browser.
    pub token: Secret,
    /// A page that does the whole of it. It has the token in it.
    pub connect_link: String,
    /// When it stops working, as ISO 8601.
    pub expires_at: String,
}

impl CreateSession {
    /// A session for connections with these tags.
    pub fn tagged<K: Into<String>, V: Into<String>>(
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let tags = tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        Self { tags: Some(tags), ..Self::default() }
    }

    /// Only these integrations.
    #[must_use]
    pub fn allow<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.allowed_integrations = Some(keys.into_iter().map(Into::into).collect());
        self
    }

    /// Leads people there afterwards, when they came by the link.
    #[must_use]
    pub fn return_to(mut self, url: impl Into<String>) -> Self {
        self.return_url = Some(url.into());
        self
    }
}

impl ConnectSessions<'_> {
    /// Makes a session for new connections.
    ///
    /// # Errors
    /// [`crate::Error`]; `invalid_body` with issues for what is wrong with the request.
    pub async fn create(&self, request: &CreateSession) -> Result<ConnectSession> {
        let made: Data<_> = self.0.call(CREATE_SESSION).body(request)?.send().await?;
        Ok(made.data)
    }

    /// Makes a session that repairs one connection.
    ///
    /// # Errors
    /// As above, also when there is no such connection.
    pub async fn reconnect(
        &self,
        integration: &str,
        connection_id: &str,
        request: &CreateSession,
    ) -> Result<ConnectSession> {
        #[derive(Serialize)]
        struct Reconnect<'a> {
            connection_id: &'a str,
            integration_id: &'a str,
            #[serde(flatten)]
            session: &'a CreateSession,
        }
        // A repair is for its own integration, and the field is not part of its body.
        let session = &CreateSession { allowed_integrations: None, ..request.clone() };
        let body = Reconnect { connection_id, integration_id: integration, session };
        let made: Data<_> = self.0.call(RECONNECT_SESSION).body(&body)?.send().await?;
        Ok(made.data)
    }
}
