//! Keys for some calls through the proxy.

use serde::{Deserialize, Serialize};

use super::Data;
use crate::client::Client;
use crate::error::Result;
use crate::routes::{CREATE_PROXY_KEY, DELETE_PROXY_KEY, LIST_PROXY_KEYS};
use crate::secret::Secret;

/// Keys for some calls through the proxy, to be given to an agent instead of a token.
#[derive(Debug)]
pub struct ProxyKeys<'a>(pub(crate) &'a Client);

/// What a key is for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ProxyRules {
    /// The integration.
    pub provider_config_key: String,
    /// The connection; any of the integration's without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// The calls; one of them must fit.
    pub calls: Vec<AllowedCall>,
}

/// Calls of some methods to some paths.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AllowedCall {
    /// In upper case; any without.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Below the provider's base URL: `*` stands for one segment, a last `**` for all that follow.
    pub path: String,
}

/// A key to make.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewProxyKey {
    /// What it is for.
    #[serde(flatten)]
    pub rules: ProxyRules,
    /// Seconds until it ends, up to a day; an hour without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in_s: Option<u32>,
    /// How many calls it may make; as many as it can without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_max: Option<u32>,
}

/// A key, without its secret.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ProxyKey {
    /// Its id.
    pub id: i64,
    /// What it is for.
    pub rules: ProxyRules,
    /// Calls it may still make; none without such a bound.
    pub calls_left: Option<i64>,
    /// When it ends, in ISO 8601.
    pub expires_at: String,
    /// When it was made, in ISO 8601.
    pub created_at: String,
}

/// A key just made.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct CreatedProxyKey {
    /// What is known of it later, too.
    #[serde(flatten)]
    pub about: ProxyKey,
    /// The key, which is shown this once.
    pub key: Secret,
}

impl ProxyKeys<'_> {
    /// Makes a key.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn create(&self, key: &NewProxyKey) -> Result<CreatedProxyKey> {
        self.0.call(CREATE_PROXY_KEY).body(key)?.send::<Data<_>>().await.map(|it| it.data)
    }

    /// The keys that work now, newest first.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn list(&self) -> Result<Vec<ProxyKey>> {
        self.0.call(LIST_PROXY_KEYS).send::<Data<_>>().await.map(|it| it.data)
    }

    /// Ends a key.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn delete(&self, id: i64) -> Result<()> {
        self.0.call(DELETE_PROXY_KEY).segment(id.to_string()).done().await
    }
}
