//! How a client proves itself at a token endpoint (RFC 6749 §2.3, RFC 7523 §2.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};
use valetkey_base::Secret;
use valetkey_catalog::ClientAuth;
use valetkey_catalog::schema::ClientRegistration;

use crate::assertion;
use crate::credentials::Credentials;
use crate::error::{AuthError, Class};
use crate::mode::Context;
use crate::registration::RegisteredClient;
use crate::request::ClientIdentity;

/// The client a request is made with: the integration's, or the connection's own.
#[derive(Clone, Debug)]
pub(crate) struct ActiveClient {
    pub(crate) id: String,
    pub(crate) secret: Secret,
    /// For a client assertion: a private JWK or a PEM key.
    pub(crate) private_key: Option<Secret>,
    /// The TLS certificate it shows.
    pub(crate) identity: Option<ClientIdentity>,
}

impl ActiveClient {
    /// The integration's client, each half replaced where the connection brings its own. `used` is
    /// the id of the client it began with; `named` gives the two keys of the replacing map.
    fn overridden(
        context: &Context<'_>,
        used: Option<&str>,
        own: Option<&Map<String, Value>>,
        named: (&str, &str),
    ) -> Result<Self, AuthError> {
        let own = |name: &str| {
            own.and_then(|map| map.get(name)?.as_str()).filter(|text| !text.is_empty())
        };
        let (client_id, client_secret) = issued_to(context, used);
        let id = own(named.0).map(str::to_owned).or(client_id);
        let secret = own(named.1).map(Secret::from).or(client_secret);
        let Some(id) = id else {
            return Err(AuthError::new(
                Class::Ours,
                "provider_config_err",
                "The integration has no client id. Set its OAuth client first.",
            ));
        };
        Ok(Self { id, secret: secret.unwrap_or_default(), private_key: None, identity: None })
    }

    /// While connecting: overrides stand in the session's configuration.
    pub(crate) fn connecting(context: &Context<'_>) -> Result<Self, AuthError> {
        Self::resuming(context, &Map::new())
    }

    /// At the callback: the client the flow began with, should the integration have another by now.
    pub(crate) fn resuming(
        context: &Context<'_>,
        memory: &Map<String, Value>,
    ) -> Result<Self, AuthError> {
        let named = ("oauth_client_id_override", "oauth_client_secret_override");
        let used = memory.get(ISSUED_TO).and_then(Value::as_str);
        Self::overridden(context, used, Some(context.connection_config), named)
    }

    /// Later: overrides stand in the stored credentials.
    pub(crate) fn stored(
        context: &Context<'_>,
        credentials: &Credentials,
    ) -> Result<Self, AuthError> {
        let own = credentials.as_map().get("config_override").and_then(Value::as_object);
        let used = context.connection_config.get(ISSUED_TO).and_then(Value::as_str);
        Self::overridden(context, used, own, ("client_id", "client_secret"))
    }

    /// How it proves itself: as agreed when it was registered, else as the provider entry says.
    pub(crate) fn auth(&self, context: &Context<'_>, otherwise: ClientAuth) -> ClientAuth {
        let mut registered = context.client.registrations.iter();
        let registered = registered.find(|client| client.client_id == self.id);
        registered.and_then(RegisteredClient::client_auth).unwrap_or(otherwise)
    }
}

/// What a session's configuration says of a client of the connection's own, as `config_override`
/// keeps it. Empty when it says nothing.
pub(crate) fn own_client(config: &Map<String, Value>) -> Map<String, Value> {
    let mut own = Map::new();
    for name in ["client_id", "client_secret"] {
        let given = config.get(&format!("oauth_{name}_override")).and_then(Value::as_str);
        if let Some(text) = given.filter(|text| !text.is_empty()) {
            own.insert(name.to_owned(), text.into());
        }
    }
    own
}

/// Where a connection keeps the id of the client its tokens were issued to, when the integration's
/// client is one that may change without anybody's doing.
pub(crate) const ISSUED_TO: &str = "oauth_client_id";

/// The client of that id among those the integration has had, else its present one.
fn issued_to(context: &Context<'_>, used: Option<&str>) -> (Option<String>, Option<Secret>) {
    let client = context.client;
    let present = || (client.client_id.clone(), client.client_secret.clone());
    let Some(used) = used.filter(|used| client.client_id.as_deref() != Some(*used)) else {
        return present();
    };
    let earlier = client.registrations.iter().find(|earlier| earlier.client_id == used);
    match earlier {
        Some(earlier) => (Some(earlier.client_id.clone()), Some(earlier.secret())),
        // The address of a document needs no secret to go with it.
        None if context.provider.registration.kind == ClientRegistration::Cimd
            && used.starts_with("https://") =>
        {
            (Some(used.to_owned()), None)
        }
        None => present(),
    }
}

/// Adds the proof to a request's parameters or headers. What the provider's parameters already say
/// stays.
pub(crate) fn apply(
    auth: ClientAuth,
    client: &ActiveClient,
    token_url: &Url,
    context: &Context<'_>,
    params: &mut Map<String, Value>,
    headers: &mut Vec<(String, String)>,
) -> Result<(), AuthError> {
    let secret = client.secret.expose();
    let mut basic = |user: &str, password: &str| {
        let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        headers.push(("authorization".to_owned(), value));
    };
    match auth {
        ClientAuth::Nothing => {}
        ClientAuth::Public => add_to(params, "client_id", &client.id),
        ClientAuth::Body => {
            add_to(params, "client_id", &client.id);
            // A public client has no secret; an empty parameter would be a wrong one.
            if !secret.is_empty() {
                add_to(params, "client_secret", secret);
            }
        }
        ClientAuth::BasicRaw => basic(&client.id, secret),
        ClientAuth::BasicEncoded => basic(&form_encoded(&client.id), &form_encoded(secret)),
        ClientAuth::SecretAsUser => basic(secret, ""),
        ClientAuth::Credentials => {
            add_to(params, "username", &client.id);
            add_to(params, "password", secret);
        }
        ClientAuth::PrivateKeyJwt => {
            let key = client.private_key.as_ref().unwrap_or(&client.secret);
            let redirect_uri = params.get("redirect_uri").and_then(Value::as_str);
            let signed =
                assertion::client_assertion(&client.id, token_url, key, redirect_uri, context)
                    .map_err(|reason| {
                        AuthError::new(Class::Ours, "invalid_client_private_key", reason)
                    })?;
            add_to(params, "client_id", &client.id);
            add_to(params, "client_assertion_type", assertion::TYPE);
            add_to(params, "client_assertion", &signed);
        }
    }
    Ok(())
}

fn add_to(params: &mut Map<String, Value>, name: &str, value: &str) {
    params.insert(name.to_owned(), Value::String(value.to_owned()));
}

fn form_encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_encoding_is_that_of_rfc_6749_appendix_b() {
        assert_eq!(form_encoded(" %&+£€"), "+%25%26%2B%C2%A3%E2%82%AC");
    }
}
