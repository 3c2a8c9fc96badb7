//! The keys a delivery may be signed with: the integration's, a connection's, or the provider's own
//! that are fetched and kept for a while.

use std::time::Duration;

use aws_lc_rs::digest;
use http::Method;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;
use url::Url;
use valetkey_base::Secret;
use valetkey_catalog::schema::{Fetch, Jwt, KeySource};
use valetkey_catalog::{AuthMode, scalar_text};
use valetkey_egress::{Redirects, Request};

use super::message::{Fill, Message, at};
use super::verify::{Verdict, Way};
use crate::engine::Engine;
use crate::integrations::{IntegrationSecrets, IntegrationView};

/// Signatures of tokens that are taken. `none` is not.
const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::ES256, Algorithm::EdDSA];
/// How far the provider's clock may be from ours.
const CLOCK_SKEW_S: i64 = 60;
/// How long fetched keys are used without asking again.
pub(crate) const FETCHED_FOR: Duration = Duration::from_hours(1);
/// Answers with keys that are kept at once.
pub(crate) const FETCHED_MAX: u64 = 256;
/// How soon an address is asked again for a key that it did not have.
pub(crate) const FETCHED_ANEW_AFTER: Duration = Duration::from_mins(1);
/// How long a provider's keys may take to come.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Metadata and configuration of the connection that a delivery names.
pub(super) type Named = (Map<String, Value>, Map<String, Value>);

/// The secrets of an integration's webhooks, those learned included.
pub(super) fn webhook_secrets(secrets: &IntegrationSecrets) -> Vec<Secret> {
    let among_settings = secrets.custom.get("webhookSecret").and_then(Value::as_str);
    let own = secrets.webhook_secret.as_deref().into_iter().chain(among_settings);
    let learned = secrets.webhooks.learned.iter().rev().map(String::as_str);
    own.chain(learned).filter(|secret| !secret.is_empty()).map(Secret::from).collect()
}

/// Hex SHA-256 over id, key and public link of a GitHub App.
fn github_app(view: &IntegrationView) -> Option<Secret> {
    let custom = |name: &str| view.secrets.custom.get(name).and_then(Value::as_str);
    let is_custom = view.provider.auth_mode == AuthMode::Custom;
    let id = if is_custom { custom("app_id") } else { view.row.client_id.as_deref() };
    let key = if is_custom { custom("private_key") } else { view.secrets.client_secret.as_deref() };
    let link = view.secrets.app_link.as_deref().unwrap_or_default();
    let text = format!("{}{}{link}", id?, key?);
    Some(Secret::new(hex::encode(digest::digest(&digest::SHA256, text.as_bytes()))))
}

impl Engine {
    /// The keys of the first source that has any.
    pub(super) async fn keys_of(
        &self,
        way: &Way<'_>,
        message: &Message<'_>,
        view: &IntegrationView,
        named: Option<&Named>,
    ) -> Vec<Secret> {
        for source in &way.verify().key {
            let one = |text: Option<String>| text.into_iter().map(Secret::new).collect();
            let keys: Vec<Secret> = match source {
                KeySource::WebhookSecret => webhook_secrets(&view.secrets),
                KeySource::ClientSecret => one(view.secrets.client_secret.clone()),
                KeySource::ClientId => one(view.row.client_id.clone()),
                KeySource::GithubApp => github_app(view).into_iter().collect(),
                KeySource::Metadata(key) => {
                    one(named.and_then(|(metadata, _)| metadata.get(key)).and_then(scalar_text))
                }
                KeySource::Config(key) => {
                    one(named.and_then(|(_, config)| config.get(key)).and_then(scalar_text))
                }
                KeySource::Fetched => match &way.verify().fetch {
                    Some(fetch) => self.fetched_key(fetch, message).await.into_iter().collect(),
                    None => Vec::new(),
                },
            };
            let keys: Vec<Secret> =
                keys.into_iter().filter(|key| !key.expose().is_empty()).collect();
            if !keys.is_empty() {
                return keys;
            }
        }
        Vec::new()
    }

    async fn fetched_key(&self, fetch: &Fetch, message: &Message<'_>) -> Option<Secret> {
        let url = Url::parse(&message.value(&fetch.url, None)?).ok()?;
        let host = url.host_str()?.to_ascii_lowercase();
        let is_known = |known: &String| match known.strip_prefix('.') {
            Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
            None => host == *known,
        };
        let is_loopback = host == "127.0.0.1";
        let is_plain = url.scheme() == "http" && is_loopback;
        if !fetch.hosts.iter().any(is_known) || (url.scheme() != "https" && !is_plain) {
            return None;
        }
        let answer = self.fetched_json(url, false).await?;
        at(&answer, &fetch.path).and_then(scalar_text).map(Secret::new)
    }

    /// A provider's public document, kept for [`FETCHED_FOR`]. `None` when it cannot be had.
    async fn fetched_json(&self, url: Url, anew: bool) -> Option<Value> {
        let name = url.to_string();
        if let Some(known) = self.webhook_keys.get(&name).filter(|_| !anew) {
            return Some(known);
        }
        let request = Request {
            method: Method::GET,
            url,
            headers: vec![("accept".to_owned(), "application/json".to_owned())],
            body: bytes::Bytes::new(),
            timeout: Some(FETCH_TIMEOUT),
            redirects: Redirects::Refuse,
            identity: None,
        };
        let reply = match self.egress.send(request).await {
            Ok(reply) if reply.status == 200 => reply,
            Ok(reply) => {
                tracing::warn!(url = name, status = reply.status, "webhook keys were not given");
                return None;
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(url = name, error, "webhook keys could not be fetched");
                return None;
            }
        };
        let value: Value = serde_json::from_slice(&reply.body).ok()?;
        self.webhook_keys.insert(name, value.clone());
        Some(value)
    }

    /// Whether a token is the provider's and means this integration (RFC 7519, section 7.2).
    pub(super) async fn judge_token(
        &self,
        way: &Way<'_>,
        rules: &Jwt,
        message: &Message<'_>,
        keys: &[Secret],
    ) -> Verdict {
        let Some(token) = way.values.first() else { return Verdict::Bad };
        let Some(claims) = self.token_claims(rules, token, keys).await else {
            return Verdict::Bad;
        };
        let issuer = claims["iss"].as_str().unwrap_or_default();
        if !rules.issuers.is_empty() && !rules.issuers.iter().any(|known| known == issuer) {
            return Verdict::Bad;
        }
        if let Some(audience) = &rules.audience {
            let wanted = message.fill(audience, &Fill { secret: "", timestamp: "" });
            let is_it = |given: &Value| {
                given.as_str().map(str::as_bytes) == wanted.as_deref() && wanted.is_some()
            };
            let is_for_us = match &claims["aud"] {
                Value::Array(many) => many.iter().any(is_it),
                one => is_it(one),
            };
            if !is_for_us {
                return Verdict::Bad;
            }
        }
        if let Some(name) = &rules.claim {
            let given = claims[name].as_str().unwrap_or_default().as_bytes();
            if !keys.iter().any(|key| bool::from(key.expose().as_bytes().ct_eq(given))) {
                return Verdict::Bad;
            }
        }
        let now_s = self.clock.now().seconds();
        let is_alive = match claims["exp"].as_i64() {
            Some(exp) => now_s < exp.saturating_add(CLOCK_SKEW_S),
            // What is signed with a secret of ours need not end.
            None => rules.keys_url.is_none(),
        };
        let began = claims["iat"].as_i64().or(claims["nbf"].as_i64()).unwrap_or(now_s);
        if !is_alive || began > now_s + CLOCK_SKEW_S {
            return Verdict::Stale;
        }
        Verdict::Good(token.as_bytes().to_vec())
    }

    async fn token_claims(&self, rules: &Jwt, token: &str, keys: &[Secret]) -> Option<Value> {
        let header = decode_header(token).ok()?;
        let validation = |algorithm| {
            let mut validation = Validation::new(algorithm);
            // Time comes from our own clock; the rest is compared by the caller.
            validation.validate_exp = false;
            validation.validate_aud = false;
            validation.required_spec_claims.clear();
            validation
        };
        let Some(url) = &rules.keys_url else {
            return keys.iter().find_map(|key| {
                let key = DecodingKey::from_secret(key.expose().as_bytes());
                let rules = validation(Algorithm::HS256);
                decode::<Value>(token, &key, &rules).ok().map(|data| data.claims)
            });
        };
        if !ALGORITHMS.contains(&header.alg) {
            return None;
        }
        let url = Url::parse(url).ok()?;
        let id = header.kid.as_deref()?;
        for anew in [false, true] {
            // Whoever sends unknown key ids may make us ask once in a while, and no more.
            if anew && !self.may_fetch_anew(&url) {
                return None;
            }
            let set: JwkSet =
                serde_json::from_value(self.fetched_json(url.clone(), anew).await?).ok()?;
            if let Some(key) = set.find(id) {
                let key = DecodingKey::from_jwk(key).ok()?;
                let claims = decode::<Value>(token, &key, &validation(header.alg));
                return claims.ok().map(|data| data.claims);
            }
        }
        None
    }

    /// Once a minute for an address.
    fn may_fetch_anew(&self, url: &Url) -> bool {
        let entry = self.webhook_keys_asked.entry(url.to_string());
        entry.or_insert(()).is_fresh()
    }
}
