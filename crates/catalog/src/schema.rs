//! The typed form of a provider entry.
//!
//! Field names are the keys of the file. Keys of our own, which describe a provider's departures
//! from the standards as data, are marked "ours"; they are not part of the entry that clients see.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

mod proxy;
mod steps;
mod webhook_texts;
mod webhooks;

pub use proxy::{Proxy, Retry, StatusRange, Verification, WaitInBody};
pub use steps::{
    AppInstallation, AssertionKind, AssertionRecipe, ClientAssertion, ClientRegistration,
    CompanionToken, CredentialSplit, ExpiryStrategy, FactSource, FactStep, Kept, KeyPlacement,
    OAuth1, OAuth1Signature, Pick, Registration, SignatureProtocol, SignedToken, StepFormat,
    TokenPaths, TokenStep, TwoStep, VerificationSuccess,
};
pub use webhook_texts::{Extract, Piece, Place, Target, Template};
pub use webhooks::{
    Condition, Encoding, Fetch, Hash, Install, Jwt, KeyEncoding, KeySource, Reply, Rule, Scheme,
    Stamp, StampUnit, Verify, Webhooks,
};

/// How a provider lets itself be used. The wire names are upper case (`OAUTH2_CC`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AuthMode {
    /// OAuth 1.0a.
    OAuth1,
    /// OAuth 2 authorization code.
    OAuth2,
    /// OAuth 2 client credentials.
    OAuth2Cc,
    /// User name and password in an HTTP Basic header.
    Basic,
    /// One API key.
    ApiKey,
    /// A GitHub App together with its user tokens.
    Custom,
    /// A GitHub App installation.
    App,
    /// No credentials at all.
    None,
    /// Token-based authentication of NetSuite.
    Tba,
    /// A JWT we sign ourselves.
    Jwt,
    /// The session login of BILL.
    Bill,
    /// Credentials exchanged for a token.
    TwoStep,
    /// A signed user name token (WSSE).
    Signature,
    /// OAuth 2 of a known MCP server.
    McpOAuth2,
    /// OAuth 2 of any MCP server, discovered.
    McpOAuth2Generic,
    /// A plug-in installed at the provider.
    InstallPlugin,
    /// AWS request signing with a role.
    AwsSigV4,
}

impl AuthMode {
    /// Every mode, in the order clients document them.
    pub const ALL: [Self; 17] = [
        Self::OAuth1,
        Self::OAuth2,
        Self::OAuth2Cc,
        Self::Basic,
        Self::ApiKey,
        Self::Custom,
        Self::App,
        Self::None,
        Self::Tba,
        Self::Jwt,
        Self::Bill,
        Self::TwoStep,
        Self::Signature,
        Self::McpOAuth2,
        Self::McpOAuth2Generic,
        Self::InstallPlugin,
        Self::AwsSigV4,
    ];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OAuth1 => "OAUTH1",
            Self::OAuth2 => "OAUTH2",
            Self::OAuth2Cc => "OAUTH2_CC",
            Self::Basic => "BASIC",
            Self::ApiKey => "API_KEY",
            Self::Custom => "CUSTOM",
            Self::App => "APP",
            Self::None => "NONE",
            Self::Tba => "TBA",
            Self::Jwt => "JWT",
            Self::Bill => "BILL",
            Self::TwoStep => "TWO_STEP",
            Self::Signature => "SIGNATURE",
            Self::McpOAuth2 => "MCP_OAUTH2",
            Self::McpOAuth2Generic => "MCP_OAUTH2_GENERIC",
            Self::InstallPlugin => "INSTALL_PLUGIN",
            Self::AwsSigV4 => "AWS_SIGV4",
        }
    }
}

impl fmt::Display for AuthMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no wire name of an auth mode.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no auth mode is called \"{0}\"")]
pub struct UnknownAuthMode(pub String);

impl FromStr for AuthMode {
    type Err = UnknownAuthMode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| UnknownAuthMode(text.to_owned()))
    }
}

/// Which rules the file of an entry is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Form {
    /// Our own form, described by the JSON schema: a mistake in it is an error.
    #[default]
    Own,
    /// A map of entries in the widespread keys: what has no effect here is a warning.
    Foreign,
}

/// How the client proves itself to the token endpoint (RFC 6749 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// `client_id` and `client_secret` as body parameters.
    #[default]
    Body,
    /// Only `client_id`, as a body parameter: a public client.
    Public,
    /// Nothing at all.
    Nothing,
    /// HTTP Basic of the id and secret as they are.
    BasicRaw,
    /// HTTP Basic of the id and secret, each form-encoded first as RFC 6749 §2.3.1 asks.
    BasicEncoded,
    /// HTTP Basic with the secret as the user name and no password.
    SecretAsUser,
    /// Body parameters `username` and `password`.
    Credentials,
    /// A signed client assertion (RFC 7523).
    PrivateKeyJwt,
}

/// How a request body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BodyFormat {
    /// `application/x-www-form-urlencoded`.
    #[default]
    Form,
    /// `application/json`.
    Json,
    /// Everything in the query string, no body.
    Query,
}

/// Which stored token a refresh shows. Ours: `refresh_with`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RefreshWith {
    /// The refresh token.
    #[default]
    RefreshToken,
    /// The access token itself, exchanged for a younger one.
    AccessToken,
}

/// What the value of an input field must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Letters, digits, dots and hyphens.
    Hostname,
    /// An absolute http or https URL.
    Uri,
    /// A UUID.
    Uuid,
    /// An email address.
    Email,
}

/// The field and its value that make another field count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisibleWhen {
    /// The other field's name.
    pub field: String,
    /// The value it must have.
    pub equals: String,
}

/// One input of a connection or of its credentials.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Field {
    /// The key under which the value is stored.
    pub name: String,
    /// The label people see; falls back to the name.
    pub title: String,
    /// Help text.
    pub description: Option<String>,
    /// A sample value.
    pub example: Option<String>,
    /// A JavaScript regular expression the value must match somewhere.
    pub pattern: Option<String>,
    /// What kind of value it is.
    pub format: Option<Format>,
    /// The allowed values; empty means any.
    pub one_of: Vec<String>,
    /// May be left out.
    pub optional: bool,
    /// Taken when nothing is given. An empty default allows an empty value.
    pub default_value: Option<String>,
    /// Not shown; the default is submitted.
    pub hidden: bool,
    /// Never asked: filled from a callback, a token reply or by the server.
    pub automated: bool,
    /// Masked while typed.
    pub secret: bool,
    /// Shown before the input, not stored.
    pub prefix: Option<String>,
    /// Shown after the input, not stored.
    pub suffix: Option<String>,
    /// Position among the inputs.
    pub order: Option<i64>,
    /// Section of the help page that explains the field.
    pub doc_section: Option<String>,
    /// Counts only while another field of the same group has this value.
    pub visible_when: Option<VisibleWhen>,
}

impl Field {
    /// Whether a person must give a value.
    pub const fn is_required(&self) -> bool {
        !(self.optional || self.automated || self.hidden || self.default_value.is_some())
    }
}

/// What a field of a token reply must hold for the reply to be a success.
/// Ours: `token_response_success`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuccessTest {
    /// Dotted path in the reply.
    pub path: String,
    /// The value it must have.
    pub equals: Value,
}

/// One provider of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its id, and the stem of its file.
    pub name: String,
    /// The entry as clients see it: aliases resolved, without our own keys.
    pub entry: Map<String, Value>,
    /// The entry with our own keys, for others to extend.
    pub(crate) merged: Map<String, Value>,

    /// Name for people.
    pub display_name: String,
    /// Tags.
    pub categories: Vec<String>,
    /// Help page.
    pub docs: Option<String>,
    /// Help page for the person who connects.
    pub docs_connect: Option<String>,
    /// The flow.
    pub auth_mode: AuthMode,
    /// The form its file was written in.
    pub form: Form,
    /// `installation: outbound`: no browser redirect; a webhook completes the connection.
    pub installation_outbound: bool,
    /// OAUTH2_CC: TLS client certificate and key are asked for.
    pub require_client_certificate: bool,

    /// Where the browser is sent, a template.
    pub authorization_url: Option<String>,
    /// Extra query parameters there, templates.
    pub authorization_params: Map<String, Value>,
    /// First textual replacements in the finished URL; an empty value drops the parameter.
    pub authorization_url_replacements: Vec<(String, String)>,
    /// `authorization_url_skip_encode: [scopes]`: the scope goes in unescaped.
    pub authorization_url_raw_scopes: bool,
    /// `authorization_url_skip_encode: [base_url]`: path values keep their slashes.
    pub authorization_url_raw_values: bool,
    /// Parameters with an empty value are left out.
    pub authorization_url_skip_empty: bool,
    /// Path and query move behind `#`.
    pub authorization_url_fragment: Option<String>,
    /// Callback parameter that carries the code; `code` unless the file says otherwise.
    pub authorization_code_param_in_callback: String,
    /// Authorization parameter for the scopes asked in the person's own name. Ours.
    pub authorization_user_scope_param: Option<String>,
    /// Callback parameters copied into the connection's configuration.
    pub redirect_uri_metadata: Vec<String>,
    /// No PKCE, because the provider refuses it.
    pub disable_pkce: bool,
    /// Joins scopes.
    pub scope_separator: String,
    /// Scopes of a new integration that names none.
    pub default_scopes: Vec<String>,
    /// The issuer that a callback's `iss` must equal (RFC 9207). Ours.
    pub issuer: Option<String>,
    /// The resource indicator of every authorization and token request (RFC 8707), a template. Ours.
    pub resource: Option<String>,

    /// Token endpoint, a template. Its query string is kept.
    pub token_url: Option<String>,
    /// Extra body members of the token request, templates.
    pub token_params: Map<String, Value>,
    /// Extra headers of token requests, templates.
    pub token_headers: Map<String, Value>,
    /// Client authentication at the exchange, from `authorization_method`,
    /// `token_request_auth_method` or our own `token_request_client`.
    pub token_client_auth: ClientAuth,
    /// How token requests are written.
    pub body_format: BodyFormat,
    /// Names dropped from the exchange. Ours.
    pub token_request_omit: Vec<String>,
    /// Names that go in the query of the exchange instead of its body. Ours.
    pub token_request_query: Vec<String>,
    /// Names replaced in token requests (`client_id` → `client_key`). Ours.
    pub token_request_rename: Vec<(String, String)>,
    /// Refresh this long before expiry; 15 minutes when absent.
    pub token_expiration_buffer_seconds: Option<u64>,
    /// Lifetime whatever the reply says. Ours.
    pub token_fixed_lifetime_seconds: Option<u64>,
    /// `expires_in` counts milliseconds.
    pub expires_in_milliseconds: bool,
    /// Where the access token is when it is not at the top.
    pub alternate_access_token_response_path: Option<String>,
    /// The part of the reply that holds the token members (`data`). Ours.
    pub token_response_path: Option<String>,
    /// Members of the reply under their standard names (`accessToken` → `access_token`). Ours.
    pub token_response_rename: Vec<(String, String)>,
    /// What a successful reply says. Ours.
    pub token_response_success: Option<SuccessTest>,
    /// Members of the earlier raw reply that a refresh does not repeat and that stay. Ours.
    pub token_response_keep: Vec<String>,
    /// Paths of the reply copied into the connection's configuration under the dotted name.
    pub token_response_metadata: Vec<String>,

    /// Where refreshes go; the token endpoint when absent. A template.
    pub refresh_url: Option<String>,
    /// Body members of a refresh, templates; used instead of `token_params`.
    pub refresh_params: Option<Map<String, Value>>,
    /// Client authentication at a refresh; as at the exchange unless `refresh_request_client`
    /// (ours) says otherwise.
    pub refresh_client_auth: ClientAuth,
    /// Names dropped from the refresh. Ours.
    pub refresh_request_omit: Vec<String>,
    /// `GET` with everything in the query, or `POST`. Ours: `refresh_request_method`.
    pub refresh_by_get: bool,
    /// Which token is shown. Ours.
    pub refresh_with: RefreshWith,
    /// The parameter that shows it; `refresh_token` unless the file says otherwise. Ours.
    pub refresh_token_param: String,

    /// Revocation endpoint (RFC 7009), a template. Ours.
    pub revocation_url: Option<String>,
    /// Client authentication there; as at the exchange unless given. Ours.
    pub revocation_client_auth: ClientAuth,
    /// `POST`, `DELETE` or `GET`. Ours.
    pub revocation_method: String,
    /// Parameters there, templates, instead of those of RFC 7009. Ours.
    pub revocation_params: Option<Map<String, Value>>,
    /// Extra headers there, templates. Ours.
    pub revocation_headers: Map<String, Value>,
    /// Introspection endpoint (RFC 7662), asked when a token answer names no expiry. Ours.
    pub introspection_url: Option<String>,

    /// OAuth 1.0a endpoints.
    pub oauth1: OAuth1,
    /// The token endpoint of app installations (`token_url.APP`), a template.
    pub app_token_url: Option<String>,
    /// How an app's installation is verified. Ours.
    pub app_installation: AppInstallation,
    /// Where roles are assumed (AWS), a template; the vendor's own address unless given. Ours.
    pub sts_url: Option<String>,
    /// Path of a person's token inside the token answer, with a refresh token of its own. Ours.
    pub user_token_path: Option<String>,
    /// Exchange in steps.
    pub two_step: TwoStep,
    /// An assertion built before the token request.
    pub assertion: Option<AssertionRecipe>,
    /// One-time inputs of the assertion.
    pub assertion_option: Vec<Field>,
    /// How a token signed here is signed.
    pub signature: Option<SignatureProtocol>,
    /// The HMAC secret is plain text and not hex.
    pub signature_secret_is_text: bool,
    /// A token signed here.
    pub signed_token: Option<SignedToken>,
    /// How client assertions depart from the standard. Ours.
    pub client_assertion: ClientAssertion,
    /// Typed texts that are several values in one. Ours.
    pub credentials_split: Vec<CredentialSplit>,
    /// Registration at an MCP server.
    pub registration: Registration,
    /// Path of the code in an installation webhook.
    pub code_in_webhook: Option<String>,
    /// Paths of an installation webhook kept in the connection's configuration.
    pub webhook_response_metadata: Vec<String>,
    /// What is learned right after authorization. Ours.
    pub post_connection: Vec<FactStep>,
    /// What proves credentials beside a 2xx. Ours.
    pub verification_success: VerificationSuccess,
    /// Second tokens. Ours.
    pub companion_tokens: Vec<CompanionToken>,
    /// A request right after the exchange that swaps its token for a longer-lived one. Ours.
    pub token_upgrade: Option<TokenStep>,
    /// A key whose place an integration chooses. Ours.
    pub key_placement: Option<KeyPlacement>,

    /// What the provider's own webhooks look like. Ours.
    pub webhooks: Option<Webhooks>,
    /// How the API is called.
    pub proxy: Proxy,
    /// Inputs of a connection.
    pub connection_config: Vec<Field>,
    /// Secret inputs of a connection.
    pub credentials: Vec<Field>,
    /// Inputs of an integration.
    pub integration_config: Vec<Field>,

    /// Steps to register an app or to find a key at the vendor. Ours.
    pub setup: Vec<String>,
    /// What is unusual, for callers and maintainers. Ours.
    pub quirks: Vec<String>,
    /// The documentation page the entry was written from. Ours.
    pub source: Option<String>,
    /// The day it was last compared with that page, `YYYY-MM-DD`. Ours.
    pub checked: Option<String>,
}

impl Provider {
    /// The entry with everything it extends and our own keys, as files have them.
    pub fn whole_entry(&self) -> &Map<String, Value> {
        &self.merged
    }

    /// The declared input of a connection with that name.
    pub fn connection_field(&self, name: &str) -> Option<&Field> {
        self.connection_config.iter().find(|field| field.name == name)
    }

    /// How long before its expiry a token counts as expired, in seconds.
    pub fn expiry_buffer_seconds(&self) -> u64 {
        self.token_expiration_buffer_seconds.unwrap_or(15 * 60)
    }

    /// Whether authorizations prove that they end where they began (RFC 7636). Every MCP server
    /// must understand that.
    pub fn uses_pkce(&self) -> bool {
        !self.disable_pkce || self.auth_mode == AuthMode::McpOAuth2
    }

    /// Whether a refresh needs no refresh token, because the access token itself is shown.
    pub fn refreshes_by_access_token(&self) -> bool {
        self.refresh_with == RefreshWith::AccessToken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_reads_its_own_wire_name() {
        for mode in AuthMode::ALL {
            assert_eq!(mode.as_str().parse(), Ok(mode));
        }
        assert_eq!("oauth2".parse::<AuthMode>(), Err(UnknownAuthMode("oauth2".to_owned())));
    }
}
