//! What a provider's own webhooks look like: how they are signed, what its handshakes expect, and
//! which connection they are about. Ours: `webhooks`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::webhook_texts::{Extract, Place, Target, Template};

/// The recipe of a provider's webhooks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhooks {
    /// The provider's page that describes them.
    pub docs: Option<String>,
    /// What an operator enters as the secret, in a sentence.
    pub secret: Option<String>,
    /// Ways to verify, tried in order; the first whose signature is present counts.
    pub verify: Vec<Verify>,
    /// Requests that are answered and never forwarded.
    pub replies: Vec<Reply>,
    /// The field of a form that holds JSON, which then is the payload.
    pub form_json: Option<String>,
    /// Path of the list of events in the body; empty means the body itself.
    pub items: Option<String>,
    /// Where the event's type stands.
    pub event_type: Option<Place>,
    /// The id that a repeated delivery repeats, a template; all of it must be there.
    pub delivery_id: Option<Template>,
    /// Rules that find the connections, tried in order.
    pub connection: Vec<Rule>,
    /// A repeat within this many seconds is not forwarded again.
    pub remember_seconds: u64,
    /// What an accepted delivery is answered with, where the provider wants a text of its own.
    pub answer: Option<String>,
    /// Installations that begin at the provider.
    pub install: Option<Install>,
}

/// A repeat within a day is not forwarded again.
const REMEMBER_SECONDS: u64 = 24 * 60 * 60;

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            docs: None,
            secret: None,
            verify: Vec::new(),
            replies: Vec::new(),
            form_json: None,
            items: None,
            event_type: None,
            delivery_id: None,
            connection: Vec::new(),
            remember_seconds: REMEMBER_SECONDS,
            answer: None,
            install: None,
        }
    }
}

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// HMAC (RFC 2104) of the signed text.
    Hmac,
    /// A plain digest of a text that holds the secret. Older providers only.
    Digest,
    /// Standard Webhooks: HMAC-SHA256 over id, time and body, key in Base64 behind `whsec_`. The
    /// signature's header says the family: `webhook-signature`, `svix-signature`.
    StandardWebhooks,
    /// Ed25519 (RFC 8032); the secret is the public key.
    Ed25519,
    /// RSASSA-PKCS1-v1_5 with SHA-256; the secret is the public key in PEM.
    Rsa,
    /// ECDSA on P-256 with SHA-256, DER signatures; the secret is the public key in Base64.
    Ecdsa,
    /// The secret itself is sent along.
    Token,
    /// A JSON Web Token (RFC 7519) of the provider's.
    Jwt,
}

/// The hash of [`Scheme::Hmac`] and [`Scheme::Digest`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hash {
    /// SHA-1, where a provider has nothing better.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How signature bytes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Lower-case or upper-case hex.
    #[default]
    Hex,
    /// Base64, padded or not, of either alphabet.
    Base64,
    /// Whichever of the two it is.
    Any,
}

/// How the key's bytes are written in the secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyEncoding {
    /// Its UTF-8 bytes.
    #[default]
    Text,
    /// Hex.
    Hex,
    /// Base64, behind `whsec_` if that is there.
    Base64,
    /// The SHA-256 digest of its UTF-8 bytes.
    Sha256,
}

/// Where a key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The integration's webhook secret, and what handshakes taught.
    WebhookSecret,
    /// The OAuth client secret.
    ClientSecret,
    /// The OAuth client id.
    ClientId,
    /// Hex SHA-256 of a GitHub App's id, key and public link.
    GithubApp,
    /// A member of the connection's metadata; the connection is found before.
    Metadata(String),
    /// A member of the connection's configuration; the connection is found before.
    Config(String),
    /// Fetched as [`Verify::fetch`] says.
    Fetched,
}

/// One way to verify a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// How it is signed.
    pub scheme: Scheme,
    /// Where the signature stands.
    pub signature: Place,
    /// The hash.
    #[serde(default)]
    pub hash: Hash,
    /// Where the key comes from; the first that is set counts.
    #[serde(default = "webhook_secret")]
    pub key: Vec<KeySource>,
    /// How the key is written.
    #[serde(default)]
    pub key_encoding: KeyEncoding,
    /// What is signed.
    #[serde(default = "Template::body")]
    pub signed: Template,
    /// How the signature is written.
    #[serde(default)]
    pub encoding: Encoding,
    /// What several values in the signature's place are separated by.
    #[serde(default)]
    pub split: Option<String>,
    /// What stands before the signature; values without it are not signatures.
    #[serde(default)]
    pub prefix: String,
    /// What is cut off when it is there.
    #[serde(default)]
    pub optional_prefix: Option<String>,
    /// When it was signed.
    #[serde(default)]
    pub timestamp: Option<Stamp>,
    /// How far that may be from now, either way.
    #[serde(default = "tolerance")]
    pub tolerance_seconds: u64,
    /// [`Scheme::Jwt`]: what the token must say.
    #[serde(default)]
    pub jwt: Option<Jwt>,
    /// [`KeySource::Fetched`]: where from.
    #[serde(default)]
    pub fetch: Option<Fetch>,
}

fn webhook_secret() -> Vec<KeySource> {
    vec![KeySource::WebhookSecret]
}

const fn tolerance() -> u64 {
    300
}

/// Where the time of signing stands, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    /// Its own place.
    #[serde(default)]
    pub from: Option<Place>,
    /// Or what it begins with among the values in the signature's place.
    #[serde(default)]
    pub prefix: Option<String>,
    /// How it is written.
    #[serde(default)]
    pub unit: StampUnit,
}

/// How an instant is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StampUnit {
    /// Seconds since 1970.
    #[default]
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// RFC 3339.
    Rfc3339,
}

/// What a provider's token must say.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwt {
    /// Where the keys are; none means that the secret is the key (HS256).
    #[serde(default)]
    pub keys_url: Option<String>,
    /// Issuers that are taken; empty means any.
    #[serde(default)]
    pub issuers: Vec<String>,
    /// The audience: a template of `${url}` and `${client_id}`.
    #[serde(default)]
    pub audience: Option<Template>,
    /// The claim that must equal the integration's webhook secret.
    #[serde(default)]
    pub claim: Option<String>,
}

/// Where a key is fetched.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fetch {
    /// Where the delivery names the address.
    pub url: Place,
    /// Hosts it may be at; a leading dot means any host below.
    pub hosts: Vec<String>,
    /// Path of the key in the answer.
    pub path: String,
}

/// A request that is answered and goes no further.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// Its method, in capitals; any unless given.
    #[serde(default)]
    pub method: Option<String>,
    /// What it looks like.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// It comes before there is a secret, unsigned.
    #[serde(default)]
    pub unsigned: bool,
    /// The status of the answer.
    #[serde(default = "ok")]
    pub status: u16,
    /// The answer as text.
    #[serde(default)]
    pub text: Option<Template>,
    /// The answer as JSON; its texts are templates.
    #[serde(default)]
    pub json: Option<Value>,
    /// Headers of the answer, templates.
    #[serde(default)]
    pub headers: Map<String, Value>,
    /// Where a secret stands that signs from now on. Kept only while an operator waits for it.
    #[serde(default)]
    pub learn: Option<Place>,
}

const fn ok() -> u16 {
    200
}

/// A value that a request has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Where.
    pub at: Place,
    /// What it is; anything unless given.
    #[serde(default)]
    pub equals: Option<Template>,
}

/// How connections are found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Where the identifier stands; the first place that has one counts.
    pub from: Vec<Place>,
    /// The identifier is at this path of JSON in Base64.
    #[serde(default)]
    pub base64_json: Option<String>,
    /// The first group of this pattern, with percent escapes undone, is the identifier.
    #[serde(default)]
    pub pattern: Option<Extract>,
    /// What it is compared with; the first that finds connections counts.
    pub to: Vec<Target>,
}

/// How an installation that began at the provider is told of, and what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Install {
    /// What the webhook of a new installation looks like; none when the provider sends no such.
    pub when: Vec<Condition>,
    /// What the webhook of one that ended looks like.
    pub gone: Vec<Condition>,
    /// Where the webhook names the installation.
    pub id: Option<Place>,
    /// The member of the connection's configuration that has the same id.
    pub id_key: Option<String>,
    /// More for the configuration of an unclaimed one, by its name there.
    pub keep: BTreeMap<String, Place>,
    /// Where the webhook says in which account it is.
    pub label: Option<Place>,
    /// Where the webhook says who installed it.
    pub by: Option<Place>,
    /// Members of the configuration that say in which account it is, after an authorization; the
    /// first that is there counts.
    pub label_keys: Vec<String>,
    /// Rules that find the pending connection which the installation completes.
    pub completes: Vec<Rule>,
    /// Only one that began within these seconds, where anybody may claim to be the installer.
    pub completes_within_seconds: Option<u64>,
}
