//! What a mode is: the trait, what goes in, and the steps that come out.

use std::fmt;

use serde_json::{Map, Value};
use url::Url;
use valetkey_base::{Rng, Secret, Timestamp};
use valetkey_catalog::{AuthMode, Provider, Scope};

use crate::api_request::authorize_with_bearer;
use crate::body::BodyIssue;
use crate::credentials::Credentials;
use crate::error::{AuthError, Class};
use crate::registration::RegisteredClient;
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
    /// Public link of an app.
    pub app_link: Option<String>,
    /// Clients this server registered at the provider for the integration, the latest last. Earlier
    /// ones count for the tokens that were issued to them.
    pub registrations: Vec<RegisteredClient>,
    /// Address of the document that describes the client to servers that read such (client ID
    /// metadata document). None when they could not reach it.
    pub document_url: Option<String>,
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
    /// What is stored with the connection that is being repaired.
    pub repairs: Option<&'a Map<String, Value>>,
    /// The current instant.
    pub now: Timestamp,
    /// Randomness for nonces and identifiers.
    pub rng: &'a Rng,
}

impl<'a> Context<'a> {
    /// The names templates may use, with the given configuration.
    pub(crate) fn scope(&self, connection_config: &'a Map<String, Value>) -> Scope<'a> {
        Scope::new(self.now, self.rng)
            .with_connection_config(connection_config)
            .with_fields(&self.provider.connection_config)
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
    /// The PKCE code verifier of the redirect; empty for an authorization that we did not begin.
    pub verifier: &'a str,
    /// What the mode wanted to know again ([`Redirect::memory`]).
    pub memory: &'a Map<String, Value>,
    /// When the flow began.
    pub started_at: Timestamp,
}

/// Where the browser goes, and what the mode wants to know again when it is back.
#[derive(Clone)]
pub struct Redirect {
    /// The provider's page.
    pub url: Url,
    /// Kept sealed until the callback. Keys the mode chooses.
    pub memory: Map<String, Value>,
}

impl fmt::Debug for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redirect({})", crate::request::without_query_values(&self.url))
    }
}

/// What comes next.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a step is matched where it is made, never kept")]
pub enum Step {
    /// Send the browser there.
    Redirect(Redirect),
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
    /// gave ([`crate::stored_connection_config`]); after a refresh they replace what is stored. A
    /// `null` removes what is stored.
    pub connection_config: Map<String, Value>,
}

/// What a request in flight is for. Holds secrets; its `Debug` shows none.
pub struct Pending {
    pub(crate) purpose: Purpose,
    /// The credentials before, or those typed in.
    pub(crate) before: Option<Credentials>,
    /// Values the callback brought.
    pub(crate) metadata: Map<String, Value>,
    /// Whatever else the mode needs to go on.
    pub(crate) memory: Map<String, Value>,
    /// Texts that must not appear in an error, should the provider repeat them.
    pub(crate) secrets: Vec<Secret>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A token for an authorization.
    Exchange,
    /// A token for an older one.
    Refresh,
    /// A token for credentials the person brings.
    ClientCredentials,
    /// A temporary token that the authorization begins with (OAuth 1).
    RequestToken,
    /// A token for credentials in steps.
    TwoStep,
    /// A session for a user name and a password (BILL).
    Login,
    /// A token for an app's installation.
    Installation,
    /// Temporary keys for a role (AWS).
    AssumeRole,
    /// What a server says about itself.
    Discovery,
    /// A client at a server.
    Registration,
}

impl Purpose {
    /// Whether the credentials are the person's own, so that a refusal means them.
    pub(crate) fn is_personal(self) -> bool {
        matches!(self, Self::ClientCredentials | Self::TwoStep | Self::Login | Self::AssumeRole)
    }
}

impl Pending {
    /// A request for that purpose, with nothing to remember.
    pub(crate) fn new(purpose: Purpose) -> Self {
        Self {
            purpose,
            before: None,
            metadata: Map::new(),
            memory: Map::new(),
            secrets: Vec::new(),
        }
    }

    /// The code clients see when this request fails.
    pub fn error_code(&self) -> &'static str {
        match self.purpose {
            Purpose::Exchange => "unknown_err",
            Purpose::Refresh => "refresh_token_external_error",
            Purpose::ClientCredentials => "client_credentials_fetch_error",
            Purpose::RequestToken => "token_err",
            Purpose::TwoStep => "two_step_credentials_fetch_error",
            Purpose::Login => "bill_tokens_fetch_error",
            Purpose::Installation => "github_app_token_fetch_error",
            Purpose::AssumeRole => "aws_sigv4_sts_request_failed",
            Purpose::Discovery => "discovery_err",
            Purpose::Registration => "client_registration_err",
        }
    }

    /// Whether the mode wants to see a redirect that answers the request. Requests with secrets
    /// never meet one: it is refused.
    pub fn takes_redirects(&self) -> bool {
        self.purpose == Purpose::Discovery
    }

    /// The code clients see when the reply holds no token.
    pub(crate) fn parse_error_code(&self) -> &'static str {
        match self.purpose {
            Purpose::Exchange => "unable_to_parse_token_response",
            Purpose::TwoStep => "invalid_two_step_credentials",
            Purpose::Login => "invalid_bill_credentials",
            _ => self.error_code(),
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

    /// Whether credentials are secrets a person typed, to be tested before they are accepted. A
    /// token that was just issued needs no test.
    fn takes_typed_secrets(&self) -> bool {
        false
    }

    /// Puts the credentials into a call to the provider's API. What the provider entry says of the
    /// `Authorization` header stays; a signature comes last, over everything else.
    fn authorize_call(
        &self,
        _: &Context<'_>,
        credentials: &Credentials,
        request: &mut HttpRequest,
    ) {
        authorize_with_bearer(credentials, request);
    }

    /// Starts a browser flow. May send requests first; the redirect then comes from
    /// [`Mode::reply`].
    fn authorize(&self, _: &Context<'_>, _: &AuthorizeInput<'_>) -> Step {
        let message = format!("{} connections are not made through a redirect.", self.mode());
        Step::Failed(AuthError::new(Class::Ours, "auth_mode_err", message))
    }

    /// Goes on when the browser is back.
    fn callback(&self, _: &Context<'_>, _: &CallbackInput<'_>) -> Step {
        let message = format!("{} connections are not made through a redirect.", self.mode());
        Step::Failed(AuthError::new(Class::Ours, "auth_mode_err", message))
    }

    /// Takes credentials from a form. The issues name body fields; `missing_client_id` and
    /// `missing_client_secret` stand for errors of their own.
    fn submit(&self, _: &Context<'_>, _: &Value) -> Result<Step, Vec<BodyIssue>> {
        let message = format!("{} connections are made through a redirect.", self.mode());
        Ok(Step::Failed(AuthError::new(Class::Ours, "auth_mode_err", message)))
    }

    /// Whether fresh credentials can be had without the person.
    fn can_refresh(&self, _: &Provider, _: &Credentials) -> bool {
        false
    }

    /// Gets fresh credentials.
    fn refresh(&self, _: &Context<'_>, _: &Credentials) -> Step {
        let message = format!("{} credentials are not refreshed.", self.mode());
        Step::Failed(AuthError::new(Class::Ours, "auth_mode_err", message))
    }

    /// Reads the reply to a request of [`Step::Send`].
    fn reply(&self, _: &Context<'_>, _: &Pending, _: &HttpReply) -> Step {
        let message = format!("{} sends no requests.", self.mode());
        Step::Failed(AuthError::new(Class::Ours, "auth_mode_err", message))
    }

    /// Goes on when a request of [`Step::Send`] got no reply. What a flow already has must not be
    /// lost over what is only wanted beside it.
    fn unanswered(&self, _: &Context<'_>, _: &Pending, error: AuthError) -> Step {
        Step::Failed(error)
    }

    /// Signs the app's own token again and leaves the provider's tokens as they are; none when the
    /// mode has no such token.
    fn renew_app_token(&self, _: &Context<'_>, _: &Credentials) -> Option<Step> {
        None
    }

    /// As [`Mode::import`], for modes that must first get a token with what is imported.
    fn import_step(&self, _: &Context<'_>, credentials: &Value) -> Result<Step, Vec<BodyIssue>> {
        let credentials = self.import(credentials)?;
        Ok(Step::Done(Grant { credentials, connection_config: Map::new() }))
    }

    /// Takes the `credentials` object of an import. Issue paths begin with `credentials`.
    fn import(&self, _: &Value) -> Result<Credentials, Vec<BodyIssue>> {
        Err(vec![BodyIssue {
            code: "custom".to_owned(),
            message: format!("Connections of type {} cannot be imported.", self.mode()),
            path: vec!["credentials".to_owned(), "type".to_owned()],
        }])
    }
}
