//! What a mode is: the trait, what goes in, and the steps that come out.

use std::fmt;

use serde_json::{Map, Value};
use url::Url;
use valetkey_base::{Rng, Secret, Timestamp};
use valetkey_catalog::{AuthMode, Provider, Scope};

use crate::body::BodyIssue;
use crate::credentials::Credentials;
use crate::error::AuthError;
use crate::request::{HttpReply, HttpRequest};

/// What an integration brings: its client at the provider and its settings.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// The OAuth client id.
    pub client_id: Option<String>,
    /// The OAuth client secret.
    pub client_secret: Option<Secret>,
    /// The scopes to ask for, any override already applied.
    pub scopes: Vec<String>,
    /// The integration's own settings.
    pub custom: Map<String, Value>,
}

/// What every step may use.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The provider.
    pub provider: &'a Provider,
    /// The integration's client.
    pub client: &'a Client,
    /// The connection's configuration: while connecting, what the session and the browser gave (and
    /// `oauth_*_override` keys with it); later, what is stored.
    pub connection_config: &'a Map<String, Value>,
    /// The current instant.
    pub now: Timestamp,
    /// Randomness for nonces and identifiers.
    pub rng: &'a Rng,
}

impl<'a> Context<'a> {
    /// The names templates may use, with the given configuration.
    pub(crate) fn scope(&self, connection_config: &'a Map<String, Value>) -> Scope<'a> {
        Scope::new(self.now, self.rng).with_connection_config(connection_config)
    }
}

/// What a redirect to the provider is made of.
#[derive(Clone, Copy, Debug)]
pub struct AuthorizeInput<'a> {
    /// Our callback, as registered at the provider.
    pub redirect_uri: &'a str,
    /// The single-use state.
    pub state: &'a str,
    /// The PKCE code verifier.
    pub verifier: &'a str,
    /// Scopes asked in the person's own name, joined by commas.
    pub user_scope: Option<&'a str>,
    /// Parameters from the customer's backend. They may replace anything but protocol fields, and
    /// when present they stand in for the browser's.
    pub session_params: Option<&'a Map<String, Value>>,
    /// Parameters from the browser. They may not touch protocol fields nor scopes. The text
    /// `undefined` removes a parameter.
    pub browser_params: &'a Map<String, Value>,
}

/// What the provider sent the browser back with.
#[derive(Clone, Copy)]
pub struct CallbackInput<'a> {
    /// The decoded query parameters.
    pub query: &'a [(String, String)],
    /// The same callback as in the redirect.
    pub redirect_uri: &'a str,
    /// The PKCE code verifier of the redirect.
    pub verifier: &'a str,
}

/// What comes next.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a step is matched where it is made, never kept")]
pub enum Step {
    /// Send the browser there.
    Redirect(Url),
    /// Send this request and hand the reply, with `pending`, to [`Mode::reply`].
    Send {
        /// The request.
        request: HttpRequest,
        /// What the mode wants to know again when the reply is there.
        pending: Pending,
    },
    /// The credentials are there.
    Done(Grant),
    /// It failed.
    Failed(AuthError),
}

/// The outcome of a flow or a refresh.
#[derive(Debug)]
pub struct Grant {
    /// What to store, sealed.
    pub credentials: Credentials,
    /// Additions to the connection's configuration. While connecting they yield to what the session
    /// gave ([`crate::stored_connection_config`]); after a refresh they replace what is stored.
    pub connection_config: Map<String, Value>,
}

/// What a request in flight is for. Holds secrets; its `Debug` shows none.
pub struct Pending {
    pub(crate) purpose: Purpose,
    /// The credentials before, or those typed in.
    pub(crate) before: Option<Credentials>,
    /// Values the callback brought.
    pub(crate) metadata: Map<String, Value>,
    /// Texts that must not appear in an error, should the provider repeat them.
    pub(crate) secrets: Vec<Secret>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Exchange,
    Refresh,
    ClientCredentials,
}

impl Pending {
    /// The code clients see when this request fails.
    pub fn error_code(&self) -> &'static str {
        match self.purpose {
            Purpose::Exchange => "unknown_err",
            Purpose::Refresh => "refresh_token_external_error",
            Purpose::ClientCredentials => "client_credentials_fetch_error",
        }
    }

    /// The code clients see when the reply holds no token.
    pub(crate) fn parse_error_code(&self) -> &'static str {
        match self.purpose {
            Purpose::Exchange => "unable_to_parse_token_response",
            Purpose::Refresh | Purpose::ClientCredentials => self.error_code(),
        }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pending({:?})", self.purpose)
    }
}

/// One auth mode. Modes hold no state; [`crate::MODES`] lists them.
pub trait Mode: Sync {
    /// Which one.
    fn mode(&self) -> AuthMode;

    /// Whether connecting leads the browser to the provider.
    fn uses_browser(&self) -> bool {
        false
    }

    /// Starts a browser flow.
    fn authorize(&self, context: &Context<'_>, input: &AuthorizeInput<'_>) -> Step;

    /// Goes on when the browser is back.
    fn callback(&self, context: &Context<'_>, input: &CallbackInput<'_>) -> Step;

    /// Takes credentials from a form. The issues name body fields; `missing_client_id` and
    /// `missing_client_secret` stand for errors of their own.
    fn submit(&self, context: &Context<'_>, body: &Value) -> Result<Step, Vec<BodyIssue>>;

    /// Gets fresh credentials.
    fn refresh(&self, context: &Context<'_>, credentials: &Credentials) -> Step;

    /// Reads the reply to a request of [`Step::Send`].
    fn reply(&self, context: &Context<'_>, pending: &Pending, reply: &HttpReply) -> Step;

    /// Takes the `credentials` object of an import. Issue paths begin with `credentials`.
    fn import(&self, credentials: &Value) -> Result<Credentials, Vec<BodyIssue>>;
}
