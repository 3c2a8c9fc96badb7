//! What a finished discovery leaves with the connection, under the names clients know.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use url::Url;
use valetkey_catalog::ClientAuth;

use super::address;
use super::metadata::ServerMetadata;
use crate::client_auth::ActiveClient;
use crate::error::{AuthError, Class};
use crate::mode::Context;
use crate::registration::{RegisteredClient, auth_named};

/// The authorization server, as JSON text.
const METADATA: &str = "oauth_metadata";
/// The client at it, as JSON text. Holds its secret, if it was given one.
const CLIENT: &str = "oauth_client_info";
/// The resource indicator.
const RESOURCE: &str = "oauth_resource_url";
/// The MCP server.
const SERVER: &str = "mcp_server_url";

pub(super) struct Known {
    pub(super) metadata: ServerMetadata,
    pub(super) client: RegisteredClient,
    pub(super) resource: Option<String>,
    pub(super) server: String,
}

impl Known {
    pub(super) fn of(config: &Map<String, Value>) -> Result<Self, AuthError> {
        let metadata: ServerMetadata =
            member(config, METADATA, "missing_oauth_metadata", "invalid_oauth_metadata")?;
        let client = member(config, CLIENT, "missing_oauth_metadata", "invalid_oauth_metadata")?;
        let text = |name: &str| config.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            metadata,
            client,
            resource: text(RESOURCE).filter(|text| !text.is_empty()),
            server: text(SERVER).unwrap_or_default(),
        })
    }

    /// A missing resource is written down as such: an earlier one must not stay.
    pub(super) fn to_config(&self) -> Map<String, Value> {
        let text = |value: serde_json::Result<String>| Value::from(value.unwrap_or_default());
        let mut config = Map::new();
        config.insert(METADATA.to_owned(), text(serde_json::to_string(&self.metadata)));
        config.insert(CLIENT.to_owned(), text(serde_json::to_string(&self.client)));
        config.insert(RESOURCE.to_owned(), self.resource.clone().into());
        config.insert(SERVER.to_owned(), self.server.clone().into());
        config
    }

    /// The token endpoint; looked at again, because it was stored.
    pub(super) fn token_endpoint(&self) -> Result<Url, AuthError> {
        let server = address::server(&self.server)
            .map_err(|error| AuthError { code: "invalid_token_endpoint".to_owned(), ..error })?;
        address::named(&self.metadata.token_endpoint, "token endpoint", &server)
            .map_err(|error| AuthError { code: "invalid_token_endpoint".to_owned(), ..error })
    }

    /// The client with its secret: its own, or the integration's where that is who it is.
    pub(super) fn active_client(&self, context: &Context<'_>) -> ActiveClient {
        let is_integrations = context.client.client_id.as_ref() == Some(&self.client.client_id);
        let secret = match &context.client.client_secret {
            Some(secret) if is_integrations => secret.clone(),
            _ => self.client.secret(),
        };
        ActiveClient {
            id: self.client.client_id.clone(),
            secret,
            private_key: None,
            identity: None,
        }
    }

    /// How the client proves itself: as it was registered if the server still does that, else as
    /// the server can.
    pub(super) fn auth(&self, client: &ActiveClient) -> ClientAuth {
        let listed = self.metadata.token_endpoint_auth_methods_supported.as_deref();
        let is_listed =
            |method: &str| listed.is_none_or(|listed| listed.iter().any(|it| it == method));
        let registered = self.client.token_endpoint_auth_method.as_deref();
        if let Some(auth) = registered.filter(|method| is_listed(method)).and_then(auth_named) {
            return auth;
        }
        // What a server does that lists nothing is basic (RFC 8414 §2).
        match () {
            () if client.secret.is_empty() => ClientAuth::Public,
            () if is_listed("client_secret_basic") => ClientAuth::BasicEncoded,
            () => ClientAuth::Body,
        }
    }
}

fn member<T: DeserializeOwned>(
    config: &Map<String, Value>,
    name: &str,
    missing: &str,
    invalid: &str,
) -> Result<T, AuthError> {
    let refused = |code: &str, what: &str| {
        let message = format!("The connection's {name} {what}. The person has to connect again.");
        AuthError::new(Class::Terminal, code, message)
    };
    let value = config.get(name).filter(|value| !value.is_null());
    let value = value.ok_or_else(|| refused(missing, "is missing"))?;
    let read = match value {
        Value::String(text) => serde_json::from_str(text),
        value => serde_json::from_value(value.clone()),
    };
    read.map_err(|_| refused(invalid, "cannot be read"))
}
