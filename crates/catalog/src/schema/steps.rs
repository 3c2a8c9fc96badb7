//! Flows that are more than one token request: OAuth 1, exchanges in steps, tokens and assertions
//! signed here, registration at MCP servers, and what is looked up after authorization.

use serde_json::{Map, Value};

/// How OAuth 1.0a requests are signed (RFC 5849 §3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OAuth1Signature {
    /// `HMAC-SHA1`.
    #[default]
    HmacSha1,
    /// `HMAC-SHA256`.
    HmacSha256,
    /// `RSA-SHA1`; the consumer secret is the private key. Read, but not made: the linter says so.
    RsaSha1,
    /// `PLAINTEXT`.
    Plaintext,
}

/// The endpoints of OAuth 1.0a beside the authorization and token URLs.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct OAuth1 {
    /// Where request tokens come from, a template.
    pub request_url: Option<String>,
    /// Extra signed parameters there, templates.
    pub request_params: Map<String, Value>,
    /// The request token is asked for with `GET`.
    pub request_by_get: bool,
    /// The access token is asked for with `GET`.
    pub token_by_get: bool,
    /// How requests are signed.
    pub signature: OAuth1Signature,
}

/// How the body of a step is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum StepFormat {
    /// `application/json`.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// XML; names that start with `$` are attributes. The answer is read as XML too.
    Xml,
}

/// How an expiry value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ExpiryStrategy {
    /// A moment: ISO date, epoch seconds or milliseconds, or `D:HH:MM` from now.
    #[default]
    At,
    /// A lifetime: seconds, or a text such as `2 hours`.
    In,
}

/// Where the last answer of an exchange holds what.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TokenPaths {
    /// Path of the token; empty means that the whole answer is the token.
    pub token: String,
    /// Path of the refresh token.
    pub refresh_token: Option<String>,
    /// Path of the expiry.
    pub expiration: Option<String>,
    /// How it is read.
    pub strategy: ExpiryStrategy,
}

/// One further request of an exchange. Its texts may name `stepN.path` of earlier answers.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TokenStep {
    /// Where to, a template.
    pub url: String,
    /// `GET` without a body.
    pub by_get: bool,
    /// Headers, templates.
    pub headers: Map<String, Value>,
    /// Body members, templates.
    pub params: Map<String, Value>,
    /// How the body is written; as the first step's unless given.
    pub format: Option<StepFormat>,
}

/// Credentials exchanged for a token (TWO_STEP). The first request is made of the provider's
/// `token_url`, `token_params` and `token_headers`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TwoStep {
    /// `GET` without a body.
    pub by_get: bool,
    /// How bodies are written.
    pub format: StepFormat,
    /// How the last answer is read.
    pub response: TokenPaths,
    /// Lifetime when the answer names none, in milliseconds; 0 means no expiry.
    pub lifetime_ms: Option<u64>,
    /// Response headers kept as credentials. `set-cookie` gives one credential a cookie, and
    /// `_cookies`.
    pub headers_kept: Vec<String>,
    /// Body of a refresh, when a refresh token is held.
    pub refresh_params: Option<Map<String, Value>>,
    /// Headers of a refresh.
    pub refresh_headers: Option<Map<String, Value>>,
    /// Requests after the first.
    pub additional: Vec<TokenStep>,
}

/// What kind of assertion is built before the token request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionKind {
    /// A JWT (RFC 7523).
    Jwt,
    /// A SAML 2.0 assertion (RFC 7522).
    Saml,
}

/// An assertion built before the token request. Every text is a template that may also name
/// `assertionOption.x`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssertionRecipe {
    /// Which kind.
    pub kind: AssertionKind,
    /// The signing key.
    pub key: Option<String>,
    /// How long it holds, in seconds; 3600 for a JWT and 300 for SAML unless given.
    pub lifetime_seconds: Option<u64>,
    /// JWT header members.
    pub header: Map<String, Value>,
    /// JWT claims.
    pub payload: Map<String, Value>,
    /// SAML issuer.
    pub issuer: Option<String>,
    /// SAML audiences, a comma list.
    pub audiences: Option<String>,
    /// SAML recipient.
    pub recipient: Option<String>,
    /// SAML session index.
    pub session_index: Option<String>,
    /// SAML subject name.
    pub name_identifier: Option<String>,
    /// SAML attributes.
    pub attributes: Map<String, Value>,
}

/// How a token signed here is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureProtocol {
    /// RS256 or what the header's `alg` says.
    Rsa,
    /// ES256 or what the header's `alg` says.
    Ec,
    /// HS256 or what the header's `alg` says.
    Hmac,
    /// A WSSE user name token.
    Wsse,
}

/// A token this server signs itself.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SignedToken {
    /// PEM key or HMAC secret, a template in which `||` is plain text.
    pub signing_key: Option<String>,
    /// How long it holds, in milliseconds.
    pub lifetime_ms: Option<u64>,
    /// Header members, templates; one that stays unresolved is left out.
    pub header: Map<String, Value>,
    /// Claims, templates; one that stays unresolved is left out.
    pub payload: Map<String, Value>,
}

/// What a client assertion says (RFC 7523 §3) where a provider departs from the standard. Ours:
/// `client_assertion`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ClientAssertion {
    /// The issuer, a template that may name `redirectHost`, the host of the callback; the client id
    /// unless given.
    pub issuer: Option<String>,
    /// The audience, a template; the token endpoint unless given.
    pub audience: Option<String>,
    /// The algorithm; the usual one of the key unless given.
    pub algorithm: Option<String>,
    /// How long it holds, in seconds; 300 unless given.
    pub lifetime_seconds: Option<u64>,
}

/// A typed text that is several values in one. Ours: `credentials_split`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialSplit {
    /// The credential; what it holds becomes a map.
    pub field: String,
    /// What stands between the values.
    pub separator: String,
    /// The names of the values in order.
    pub into: Vec<String>,
}

/// How an OAuth client comes to be at an MCP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ClientRegistration {
    /// Somebody registers it by hand.
    #[default]
    Static,
    /// Registered when the integration is made (RFC 7591).
    Dynamic,
    /// The client id is the address of a metadata document.
    Cimd,
}

/// Registration at an MCP server.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Registration {
    /// How.
    pub kind: ClientRegistration,
    /// The registration endpoint.
    pub url: Option<String>,
    /// `grant_types` and `response_types` to send.
    pub params: Map<String, Value>,
}

/// What a fact step reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactSource {
    /// The answer to a call: a path under the API's base URL, or a whole address; a template.
    Call {
        /// Where to.
        url: String,
        /// The call is a `POST`.
        by_post: bool,
        /// Extra headers, templates.
        headers: Map<String, Value>,
        /// JSON body, templates.
        body: Option<Value>,
    },
    /// The token answer itself.
    TokenResponse,
    /// The claims of the access token.
    AccessTokenClaims,
    /// The claims of the ID token.
    IdTokenClaims,
}

/// Which item of a list a fact step takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The first.
    First,
    /// The one there is; none of several.
    Only,
}

/// A value a fact step keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its name in the connection's configuration.
    pub name: String,
    /// Its path in the answer or in the chosen item.
    pub path: String,
    /// A regular expression whose first group is the value.
    pub pattern: Option<String>,
}

/// A fact learned right after authorization. Ours: `post_connection`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactStep {
    /// What is read.
    pub source: FactSource,
    /// Path of a list in it; the answer itself when empty.
    pub list: Option<String>,
    /// The item to take: path and template that must be equal. Passed over while a value is missing.
    pub matches: Vec<(String, String)>,
    /// The item to take when none matches.
    pub pick: Option<Pick>,
    /// What is kept.
    pub keep: Vec<Kept>,
    /// Passed over when this setting has a value.
    pub unless: Option<String>,
    /// Passed over unless this setting has a value.
    pub when: Option<String>,
    /// Failing fails the authorization.
    pub required: bool,
}

/// What an answer to a test call must look like when 2xx alone proves nothing.
/// Ours: `verification_success`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct VerificationSuccess {
    /// The statuses of good credentials; any 2xx when empty.
    pub statuses: Vec<u16>,
    /// A path and the value it must have.
    pub equals: Option<(String, Value)>,
    /// A path that must be there.
    pub exists: Option<String>,
    /// A text that must not be there, in any letter case.
    pub lacks: Option<String>,
}

/// Where an app's installations are looked up, so that one is verified before it is used.
/// Ours: `app_installation`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AppInstallation {
    /// The installation itself, asked for with the app's own token; a template.
    pub url: Option<String>,
    /// The installations a person may use, asked for with the person's token; a template.
    pub user_installations_url: Option<String>,
    /// Where a code is exchanged for the person's token, when `token_url` is another; a template.
    pub user_token_url: Option<String>,
}

/// Names of integration settings that say where an API key goes. Ours: `key_placement`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPlacement {
    /// The setting that holds `header` or `query`.
    pub place: String,
    /// The setting that holds the name of the header or parameter.
    pub name: String,
    /// The setting that holds the template of its value.
    pub value: String,
}

/// A second token kept beside the first one. Ours: `companion_tokens`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompanionToken {
    /// Its name among the credentials' companions.
    pub store: String,
    /// Asked for only when this setting has a value.
    pub when: Option<String>,
    /// Where, a template; the token URL unless given.
    pub url: Option<String>,
    /// Body members, templates; they may name `refresh_token`.
    pub params: Map<String, Value>,
}
