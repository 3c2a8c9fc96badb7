//! Registration of an OAuth client at the provider (RFC 7591), and its later change (RFC 7592).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;
use valetkey_base::{Secret, Timestamp};
use valetkey_catalog::ClientAuth;
use valetkey_catalog::schema::Registration;

use crate::classify;
use crate::error::{AuthError, Class};
use crate::request::{Body, HttpReply, HttpRequest};
use crate::token_reply::parse_body;

/// The code clients see when a registration fails.
pub const ERROR_CODE: &str = "client_registration_err";

/// Longest client id, secret or token taken from an answer, in bytes.
const TEXT_BYTES_MAX: usize = 8192;
/// How the token endpoint is to know a client that keeps no secret (RFC 7591 §2).
pub(crate) const PUBLIC: &str = "none";

/// What a client says about itself (RFC 7591 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientMetadata {
    /// Our callback.
    pub redirect_uri: String,
    /// The name people read on the consent page.
    pub client_name: String,
    /// The home page of the client.
    pub client_uri: Option<String>,
    /// Its logo.
    pub logo_uri: Option<String>,
    /// The scopes it may ask for, joined by spaces.
    pub scope: Option<String>,
    /// The grants it uses.
    pub grant_types: Vec<String>,
    /// The answers it takes at the callback.
    pub response_types: Vec<String>,
    /// How it proves itself at the token endpoint.
    pub token_endpoint_auth_method: String,
}

impl ClientMetadata {
    /// A client for authorization codes and refresh tokens that keeps no secret.
    pub fn public(redirect_uri: &str, client_name: &str) -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Self {
            redirect_uri: redirect_uri.to_owned(),
            client_name: client_name.to_owned(),
            client_uri: None,
            logo_uri: None,
            scope: None,
            grant_types: owned(&["authorization_code", "refresh_token"]),
            response_types: owned(&["code"]),
            token_endpoint_auth_method: PUBLIC.to_owned(),
        }
    }

    /// With the name, home page and logo that an integration's settings give.
    #[must_use]
    pub fn described_by(mut self, custom: &Map<String, Value>) -> Self {
        let text = |name: &str| {
            let text = custom.get(name).and_then(Value::as_str).map(str::trim);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        if let Some(name) = text("oauth_client_name") {
            self.client_name = name;
        }
        self.client_uri = text("oauth_client_uri").or(self.client_uri);
        self.logo_uri = text("oauth_client_logo_uri").or(self.logo_uri);
        self
    }

    /// With the grants and answers a provider entry names (`registration_params`).
    #[must_use]
    pub fn with_params_of(mut self, registration: &Registration) -> Self {
        let list = |name: &str| {
            let items = registration.params.get(name)?.as_array()?;
            Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        };
        if let Some(grant_types) = list("grant_types") {
            self.grant_types = grant_types;
        }
        if let Some(response_types) = list("response_types") {
            self.response_types = response_types;
        }
        self
    }

    /// The document of a client (client ID metadata document), whose id is its own address.
    pub fn document(&self, client_id: &str) -> Value {
        let mut map = Map::new();
        map.insert("client_id".to_owned(), client_id.into());
        map.extend(self.to_map());
        Value::Object(map)
    }

    fn to_map(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("client_name".to_owned(), self.client_name.clone().into());
        for (name, value) in
            [("client_uri", &self.client_uri), ("logo_uri", &self.logo_uri), ("scope", &self.scope)]
        {
            if let Some(value) = value {
                map.insert(name.to_owned(), value.clone().into());
            }
        }
        map.insert("redirect_uris".to_owned(), json!([self.redirect_uri]));
        map.insert("grant_types".to_owned(), json!(self.grant_types));
        map.insert("response_types".to_owned(), json!(self.response_types));
        map.insert(
            "token_endpoint_auth_method".to_owned(),
            self.token_endpoint_auth_method.clone().into(),
        );
        map
    }
}

/// A client as the provider registered it (RFC 7591 §3.2.1), under the names of the RFC. Holds
/// secrets: its `Debug` shows none, and it is stored sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredClient {
    /// Its id.
    pub client_id: String,
    /// Its secret, unless it is a public client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// When the secret ends, in seconds since 1970; zero means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_expires_at: Option<i64>,
    /// How it proves itself at the token endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<String>,
    /// Where the provider may send browsers back to.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// What changing the registration takes (RFC 7592).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_access_token: Option<String>,
    /// Where it is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_client_uri: Option<String>,
}

impl fmt::Debug for RegisteredClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegisteredClient({})", self.client_id)
    }
}

impl RegisteredClient {
    /// The secret; empty for a public client.
    pub fn secret(&self) -> Secret {
        Secret::new(self.client_secret.clone().unwrap_or_default())
    }

    /// How it proves itself, when that was agreed.
    pub fn client_auth(&self) -> Option<ClientAuth> {
        auth_named(self.token_endpoint_auth_method.as_deref()?)
    }

    /// Whether a flow that ends at this callback can use it.
    pub fn serves(&self, redirect_uri: &str, now: Timestamp) -> bool {
        let has_ended = self
            .client_secret_expires_at
            .is_some_and(|at| at > 0 && at.saturating_mul(1000) <= now.millis());
        !has_ended && self.redirect_uris.iter().any(|uri| uri == redirect_uri)
    }
}

/// A method name of the registry (RFC 7591 §2) as this server performs it.
pub(crate) fn auth_named(method: &str) -> Option<ClientAuth> {
    match method {
        PUBLIC => Some(ClientAuth::Public),
        "client_secret_post" => Some(ClientAuth::Body),
        "client_secret_basic" => Some(ClientAuth::BasicEncoded),
        _ => None,
    }
}

/// The request that registers a client (RFC 7591 §3.1).
pub fn register(endpoint: Url, metadata: &ClientMetadata) -> HttpRequest {
    let mut request = HttpRequest::new(http::Method::POST, endpoint);
    request.headers.push(("accept".to_owned(), "application/json".to_owned()));
    request.body = Body::Json(Value::Object(metadata.to_map()));
    request
}

/// The request that changes a registration (RFC 7592 §2.2). None when the provider offers no way.
pub fn update(client: &RegisteredClient, metadata: &ClientMetadata) -> Option<HttpRequest> {
    let token = client.registration_access_token.as_deref()?;
    let url = Url::parse(client.registration_client_uri.as_deref()?).ok()?;
    let mut map = metadata.to_map();
    map.insert("client_id".to_owned(), client.client_id.clone().into());
    if let Some(secret) = &client.client_secret {
        map.insert("client_secret".to_owned(), secret.clone().into());
    }
    if let Some(method) = &client.token_endpoint_auth_method {
        map.insert("token_endpoint_auth_method".to_owned(), method.clone().into());
    }
    let mut request = HttpRequest::new(http::Method::PUT, url);
    request.headers.push(("accept".to_owned(), "application/json".to_owned()));
    request.headers.push(("authorization".to_owned(), format!("Bearer {token}")));
    request.body = Body::Json(Value::Object(map));
    Some(request)
}

/// Reads the answer to [`register`] or [`update`]. What the answer to an update leaves out is as it
/// was in `before`.
///
/// # Errors
/// With the provider's words when it refuses, and when the answer holds no client this server can
/// use.
pub fn read(
    asked: &Url,
    metadata: &ClientMetadata,
    before: Option<&RegisteredClient>,
    reply: &HttpReply,
) -> Result<RegisteredClient, AuthError> {
    let host = asked.host_str().unwrap_or_default();
    let body = parse_body(reply).unwrap_or_default();
    if !reply.is_success() {
        return Err(refused(host, before, reply, &body));
    }
    let text = |name: &str| {
        let text = body.get(name).and_then(Value::as_str)?;
        Some(text.to_owned()).filter(|text| !text.is_empty() && text.len() <= TEXT_BYTES_MAX)
    };
    let Some(client_id) = text("client_id") else {
        let message =
            format!("The answer of {host} to the client registration holds no client_id.");
        return Err(AuthError::new(Class::Ours, ERROR_CODE, message));
    };
    let method = text("token_endpoint_auth_method")
        .or_else(|| before.and_then(|before| before.token_endpoint_auth_method.clone()));
    if let Some(method) = method.as_deref().filter(|method| auth_named(method).is_none()) {
        let method = classify::scrubbed(method, &[], 60);
        let message = format!(
            "{host} registered a client that must prove itself by {method}, which this server does \
             not do. Register one by hand and enter its credentials."
        );
        return Err(AuthError::new(Class::Ours, ERROR_CODE, message));
    }
    let kept = |name: &str, of: fn(&RegisteredClient) -> &Option<String>| {
        text(name).or_else(|| before.and_then(|before| of(before).clone()))
    };
    let expires_at = body.get("client_secret_expires_at").and_then(|value| match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_i64(),
    });
    Ok(RegisteredClient {
        client_id,
        client_secret: kept("client_secret", |before| &before.client_secret),
        client_secret_expires_at: expires_at
            .or_else(|| before.and_then(|before| before.client_secret_expires_at)),
        token_endpoint_auth_method: method,
        redirect_uris: vec![metadata.redirect_uri.clone()],
        registration_access_token: kept("registration_access_token", |before| {
            &before.registration_access_token
        }),
        registration_client_uri: kept("registration_client_uri", |before| {
            &before.registration_client_uri
        })
        .filter(|uri| is_beside(uri, asked)),
    })
}

/// Whether the address of a registration lies where it was made: its token goes nowhere else.
fn is_beside(uri: &str, asked: &Url) -> bool {
    Url::parse(uri).is_ok_and(|uri| uri.origin() == asked.origin())
}

fn refused(
    host: &str,
    before: Option<&RegisteredClient>,
    reply: &HttpReply,
    body: &Map<String, Value>,
) -> AuthError {
    let class = match reply.status {
        408 | 425 | 429 | 500.. => Class::Transient,
        _ => Class::Ours,
    };
    let secrets: Vec<Secret> = before
        .into_iter()
        .flat_map(|before| [&before.client_secret, &before.registration_access_token])
        .flatten()
        .map(|text| Secret::from(text.as_str()))
        .collect();
    let (error, description) = classify::provider_words(body);
    let scrubbed = |text: String, chars_max| classify::scrubbed(&text, &secrets, chars_max);
    AuthError {
        provider_status: Some(reply.status),
        provider_error: error.map(|text| scrubbed(text, 120)),
        provider_description: description.map(|text| scrubbed(text, 500)),
        ..AuthError::new(
            class,
            ERROR_CODE,
            format!("{host} did not register a client: it answered {}.", reply.status),
        )
    }
}

#[cfg(test)]
#[path = "registration_tests.rs"]
mod tests;
