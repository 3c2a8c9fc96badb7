//! The catalogue.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Data;
use crate::client::Client;
use crate::error::Result;
use crate::routes::{CATALOGUE, LIST_PROVIDERS, PROVIDER_TEMPLATES, READ_PROVIDER};

/// The catalogue.
#[derive(Debug)]
pub struct Providers<'a>(pub(crate) &'a Client);

/// A provider: what every entry has, and the whole of it.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Provider {
    /// Its name in the catalogue.
    pub name: String,
    /// Its name for people.
    pub display_name: String,
    /// How it authorizes, such as `OAUTH2`.
    pub auth_mode: String,
    /// Everything else.
    #[serde(flatten)]
    pub entry: Map<String, Value>,
}

impl Providers<'_> {
    /// Those whose name matches, or all.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn list(&self, search: Option<&str>) -> Result<Vec<Provider>> {
        let call = self.0.call(LIST_PROVIDERS).query_if("search", search);
        call.send::<Data<_>>().await.map(|listed| listed.data)
    }

    /// One of them.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn get(&self, name: &str) -> Result<Provider> {
        self.0.call(READ_PROVIDER).segment(name).send::<Data<_>>().await.map(|it| it.data)
    }

    /// Templates of functions for one of them.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn templates(&self, name: &str) -> Result<Vec<Value>> {
        self.0.call(PROVIDER_TEMPLATES).segment(name).send::<Data<_>>().await.map(|it| it.data)
    }

    /// The whole catalogue, by name.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn catalogue(&self) -> Result<Map<String, Value>> {
        self.0.call(CATALOGUE).send().await
    }
}
