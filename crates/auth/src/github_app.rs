//! Installations of a GitHub App: the app's own token, the proof that an installation is the
//! person's to connect, and the installation's token.
//!
//! An `installation_id` comes through the browser and proves nothing. Before anything is stored the
//! provider is asked whether the installation is this app's and in use; and either a person who may
//! use it has signed in, or it was made or changed while this very flow was under way, or it is that
//! of the connection under repair.

use serde_json::{Map, Value, json};
use url::Url;
use valetkey_base::Secret;
use valetkey_catalog::{AuthMode, render_url, scalar_text};

use crate::client_auth::ActiveClient;
use crate::error::{AuthError, Class};
use crate::keys::{Algorithm, SigningKey, signed_jwt};
use crate::mode::{AuthorizeInput, CallbackInput, Context, Redirect, Step};

mod journey;
mod user;

pub(crate) use journey::{Journey, reply, unanswered};
pub(crate) use user::{may_renew, stored_user};

/// The clocks of two machines may differ by this much, in seconds.
const SKEW_SECONDS: i64 = 60;
/// How long the app's token holds, in seconds; the provider takes ten minutes at most.
const APP_TOKEN_SECONDS: i64 = 540;
/// Most digits of an installation's id.
const INSTALLATION_ID_CHARS_MAX: usize = 20;

/// The code of everything that fails around an app's token.
const TOKEN_ERROR: &str = "github_app_token_fetch_error";

/// The app an integration stands for.
pub(crate) struct App {
    pub(crate) id: String,
    key: Secret,
}

impl App {
    /// The app of an integration. Its key lies with the client secret, or beside a client of its own
    /// in the settings; which of them is for the mode to say, not for what the settings hold.
    pub(crate) fn of(context: &Context<'_>) -> Result<Self, AuthError> {
        let client = context.client;
        let custom = |name: &str| {
            client.custom.get(name).and_then(scalar_text).filter(|text| !text.is_empty())
        };
        let (id, key) = match context.provider.auth_mode {
            AuthMode::Custom => (custom("app_id"), custom("private_key").map(Secret::new)),
            _ => (client.client_id.clone(), client.client_secret.clone()),
        };
        let missing = |what: &str| {
            let message = format!("The integration has no {what}. Set up its app first.");
            AuthError::new(Class::Ours, "provider_config_err", message)
        };
        let id = id.filter(|id| !id.is_empty()).ok_or_else(|| missing("app id"))?;
        let key = key.filter(|key| !key.is_empty()).ok_or_else(|| missing("private key"))?;
        Ok(Self { id, key })
    }

    /// The app's own token (RFC 7519). It begins a minute ago, because clocks differ.
    pub(crate) fn token(&self, context: &Context<'_>) -> Result<String, AuthError> {
        let now = context.now.seconds();
        let claims = Map::from_iter([
            ("iat".to_owned(), Value::from(now - SKEW_SECONDS)),
            ("exp".to_owned(), Value::from(now + APP_TOKEN_SECONDS)),
            ("iss".to_owned(), Value::from(self.id.as_str())),
        ]);
        SigningKey::private(self.key.expose())
            .and_then(|key| signed_jwt(Map::new(), &claims, &key, Algorithm::Rs256))
            .map_err(|error| {
                let message = format!("The private key of the integration's app {error}.");
                AuthError::new(Class::Ours, TOKEN_ERROR, message)
            })
    }
}

/// The page where the person installs the app.
pub(crate) fn install_page(context: &Context<'_>, input: &AuthorizeInput<'_>) -> Step {
    match install_url(context, input) {
        Ok(url) => Step::Redirect(Redirect { url, memory: Map::new() }),
        Err(error) => Step::Failed(error),
    }
}

fn install_url(context: &Context<'_>, input: &AuthorizeInput<'_>) -> Result<Url, AuthError> {
    // A broken key is told before the person is sent away.
    App::of(context)?.token(context)?;
    let Some(link) = context.client.app_link.as_deref().filter(|link| !link.is_empty()) else {
        let message = "The integration has no public link of its app. Set it first.";
        return Err(AuthError::new(Class::Ours, "provider_config_err", message));
    };
    let mut config = context.connection_config.clone();
    config.insert("appPublicLink".to_owned(), link.trim_end_matches('/').into());
    let template = context.provider.authorization_url.as_deref();
    let template = template.unwrap_or("${connectionConfig.appPublicLink}/installations/new");
    let mut url = address(context, &config, template, "installation page")?;
    for (name, value) in input.session_params.into_iter().flatten() {
        if let Some(text) = scalar_text(value).filter(|_| name != "state") {
            url.query_pairs_mut().append_pair(name, &text);
        }
    }
    url.query_pairs_mut().append_pair("state", input.state);
    Ok(url)
}

fn address(
    context: &Context<'_>,
    config: &Map<String, Value>,
    template: &str,
    what: &str,
) -> Result<Url, AuthError> {
    render_url(template, &context.scope(config), true).map_err(|error| {
        let message = format!("The provider's {what} address cannot be built: {error}.");
        AuthError::new(Class::Ours, "url_param_err", message)
    })
}

/// What a callback says about an installation.
pub(crate) struct Returned<'q> {
    pub(crate) installation_id: Option<String>,
    pub(crate) code: Option<&'q str>,
}

impl<'q> Returned<'q> {
    /// Reads a callback; an error when it ends the flow.
    pub(crate) fn read(
        context: &Context<'_>,
        input: &CallbackInput<'q>,
    ) -> Result<Self, AuthError> {
        let value = |name: &str| {
            let found = input.query.iter().find(|(key, value)| key == name && !value.is_empty());
            found.map(|(_, value)| value.as_str())
        };
        if value("error").is_some() {
            return Err(declined(context, value("error"), value("error_description")));
        }
        let code = value("code");
        let installation_id = match value("installation_id") {
            Some(id) => Some(checked_id(id).ok_or_else(|| {
                refused("The provider's answer holds an installation id of an unknown form.")
            })?),
            None => None,
        };
        if installation_id.is_none() && code.is_none() {
            let message = match value("setup_action") {
                Some("request") => {
                    "The installation has to be approved by an owner of the organisation first. \
                     Connect again once they have approved it."
                }
                _ => {
                    "The provider's answer names no installation. Start again and finish the \
                      installation there."
                }
            };
            return Err(refused(message));
        }
        Ok(Self { installation_id, code })
    }
}

/// An installation's id, if it is one: it becomes part of an address.
pub(crate) fn checked_id(text: &str) -> Option<String> {
    let fits = (1..=INSTALLATION_ID_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.to_owned())
}

fn declined(context: &Context<'_>, error: Option<&str>, description: Option<&str>) -> AuthError {
    let words = |text: Option<&str>, chars_max| {
        text.map(|text| crate::classify::scrubbed(text, &[], chars_max))
    };
    let message =
        format!("The authorization was not granted at {}.", context.provider.display_name);
    AuthError {
        provider_error: words(error, 120),
        provider_description: words(description, 500),
        ..refused(message)
    }
}

/// A flow that ends because what came back does not do.
fn refused(message: impl Into<String>) -> AuthError {
    AuthError::new(Class::Terminal, "callback_err", message)
}

/// The client people sign in with, when the integration has one: its own of a CUSTOM integration,
/// and `oauth_client_id` with `oauth_client_secret` among the settings of an APP integration.
fn sign_in_client(context: &Context<'_>) -> Option<ActiveClient> {
    if context.provider.auth_mode == AuthMode::Custom {
        return ActiveClient::connecting(context).ok();
    }
    let custom = |name: &str| {
        let text = context.client.custom.get(name).and_then(Value::as_str)?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    Some(ActiveClient {
        id: custom("oauth_client_id")?,
        secret: Secret::new(custom("oauth_client_secret")?),
        private_key: None,
        identity: None,
    })
}

/// The installation's token as credentials.
fn credentials(raw: Map<String, Value>, jwt: &str) -> Option<Map<String, Value>> {
    let token = raw.get("token").and_then(Value::as_str).filter(|token| !token.is_empty())?;
    let expires_at = raw.get("expires_at").and_then(Value::as_str);
    let expires_at = expires_at.and_then(valetkey_base::Timestamp::parse_iso);
    let mut map = Map::new();
    map.insert("type".to_owned(), "APP".into());
    map.insert("access_token".to_owned(), token.into());
    if let Some(expires_at) = expires_at {
        map.insert("expires_at".to_owned(), expires_at.to_iso_z().into());
    }
    map.insert("raw".to_owned(), Value::Object(raw));
    map.insert("jwtToken".to_owned(), jwt.into());
    Some(map)
}

/// What is kept beside the credentials of an installation.
fn facts(app: &App, installation_id: &str, jwt: &str) -> Map<String, Value> {
    let facts = json!({"installation_id": installation_id, "app_id": app.id, "jwtToken": jwt});
    facts.as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
#[path = "github_app/tests.rs"]
mod tests;
