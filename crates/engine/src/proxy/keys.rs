//! Narrow keys: an agent gets one instead of the token, or of the app's own key. It makes the calls
//! it was made for, through the proxy, for a time, and so many of them; it reads nothing else.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use valetkey_base::{ScopeSet, Secret};
use valetkey_store::NewProxyKey;
pub use valetkey_store::ProxyKey;
use valetkey_vault::token_hash_hex;

use super::ProxyCall;
use super::failure::ProxyFailure;
use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::{Error, Result};
use crate::keys::Caller;

/// How every narrow key begins.
pub const PROXY_KEY_PREFIX: &str = "vk_proxy_";
/// Live narrow keys of an environment.
pub const PROXY_KEYS_MAX: i64 = 10_000;
/// Narrow keys in a list.
const LISTED_MAX: i64 = 100;
/// The one scope of a narrow key.
const SCOPE: &str = "environment:proxy";
/// Headers by which some servers take another method than that of the request.
const METHOD_HEADERS: [&str; 3] = ["x-http-method", "x-http-method-override", "x-method-override"];

/// What a narrow key is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyRules {
    /// The integration.
    pub provider_config_key: String,
    /// The connection; any of the integration's without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// The calls; one of them must fit.
    pub calls: Vec<AllowedCall>,
}

/// Calls of some methods to some paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowedCall {
    /// In upper case; any without.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Below the base URL: `*` stands for one segment, a last `**` for all that follow.
    pub path: String,
}

/// A caller's narrow key.
#[derive(Clone, Debug)]
pub struct Grant {
    pub(crate) id: i64,
    pub(crate) rules: ProxyRules,
    pub(crate) is_counted: bool,
}

/// A narrow key to be made.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// What it is for.
    pub rules: ProxyRules,
    /// How long it lives.
    pub lifetime: Duration,
    /// How many calls it has; any number without.
    pub calls_max: Option<u32>,
}

impl Grant {
    /// Whether a call is one of those the key is for.
    pub(super) fn check(&self, call: &ProxyCall) -> Result<(), ProxyFailure> {
        let rules = &self.rules;
        let refused = |why| Err(ProxyFailure::NotGranted(why));
        if call.integration_key != rules.provider_config_key {
            return refused("it is for another integration");
        }
        if rules.connection_id.as_ref().is_some_and(|id| *id != call.connection_id) {
            return refused("it is for another connection");
        }
        if call.base_url.is_some() {
            return refused("it takes no Base-Url-Override");
        }
        if call.headers.iter().any(|(name, _)| METHOD_HEADERS.contains(&name.as_str())) {
            return refused("it takes no header that changes the method");
        }
        let Some(segments) = plain_segments(&call.path) else {
            return refused(
                "it takes no path with dot segments, escaped slashes or empty segments",
            );
        };
        if rules.calls.iter().any(|allowed| allowed.fits(&call.method, &segments)) {
            return Ok(());
        }
        refused("it is not for this method and path")
    }
}

impl AllowedCall {
    fn fits(&self, method: &Method, segments: &[String]) -> bool {
        let has_method =
            self.methods.is_empty() || self.methods.iter().any(|name| name == method.as_str());
        let mut wanted = self.path.trim_matches('/').split('/').filter(|part| !part.is_empty());
        let mut given = segments.iter();
        loop {
            match (wanted.next(), given.next()) {
                (None, None) | (Some("**"), _) => return has_method,
                (Some("*"), Some(_)) => {}
                (Some(part), Some(segment)) if part == segment => {}
                _ => return false,
            }
        }
    }
}

/// The decoded segments of a path that every server reads alike; none of any other.
fn plain_segments(path: &str) -> Option<Vec<String>> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Some(Vec::new());
    }
    path.split('/')
        .map(|segment| {
            let text = percent_decode_str(segment).decode_utf8().ok()?.into_owned();
            let is_plain = !text.is_empty()
                && text != "."
                && text != ".."
                && !text.contains(['/', '\\', '%', '\0', ';']);
            is_plain.then_some(text)
        })
        .collect()
}

impl Engine {
    /// Makes a narrow key. The secret is answered once and stored as a hash.
    ///
    /// # Errors
    /// [`Error::UnknownIntegration`]; [`Error::Refused`] (`resource_capped`) when the environment has
    /// [`PROXY_KEYS_MAX`] of them.
    pub async fn create_proxy_key(
        &self,
        environment: &EnvironmentView,
        grant: NewGrant,
        actor: &str,
    ) -> Result<(ProxyKey, Secret)> {
        self.check_integration_exists(environment.id, &grant.rules.provider_config_key).await?;
        let secret = Secret::new(format!("{PROXY_KEY_PREFIX}{}", self.rng.base64url(32)));
        let now = self.clock.now();
        let rules = serde_json::to_string(&grant.rules).map_err(|_| Error::Corrupt("rules"))?;
        let new = NewProxyKey {
            account_id: environment.account_id,
            environment_id: environment.id,
            token_hash: token_hash_hex(secret.expose()),
            made_by: actor.to_owned(),
            rules,
            calls_left: grant.calls_max.map(i64::from),
            expires_at: now.plus(grant.lifetime),
        };
        let key = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let id = new.environment_id;
                    if tx.proxy_key_count(id, now, PROXY_KEYS_MAX).await? >= PROXY_KEYS_MAX {
                        return Err(Error::Refused {
                            code: "resource_capped",
                            message: format!(
                                "An environment may have {PROXY_KEYS_MAX} proxy keys at a time."
                            ),
                        });
                    }
                    Ok(tx.insert_proxy_key(&new, now).await?)
                })
            })
            .await?;
        self.recorder.audit(Some(environment.id), actor, "proxy_key.created", key.id.to_string());
        Ok((key, secret))
    }

    /// The newest live narrow keys of an environment.
    pub async fn proxy_keys(&self, environment: &EnvironmentView) -> Result<Vec<ProxyKey>> {
        Ok(self.store.proxy_keys(environment.id, self.clock.now(), LISTED_MAX).await?)
    }

    /// Ends a narrow key at once.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_proxy_key(
        &self,
        environment: &EnvironmentView,
        id: i64,
        actor: &str,
    ) -> Result<()> {
        let environment_id = environment.id;
        let gone = self
            .store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.delete_proxy_key(environment_id, id).await?) })
            })
            .await?;
        self.forget_cached();
        if !gone {
            return Err(Error::NotFound("proxy key"));
        }
        self.recorder.audit(Some(environment_id), actor, "proxy_key.deleted", id.to_string());
        Ok(())
    }

    /// Whose narrow key this is, expired or not.
    pub(crate) async fn proxy_key_caller(&self, token_hash: &str) -> Result<Option<Caller>> {
        let Some(key) = self.store.proxy_key_by_hash(token_hash).await? else { return Ok(None) };
        let environment = match self.environment(key.environment_id).await {
            Ok(environment) => environment,
            Err(Error::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let rules = serde_json::from_str(&key.rules).map_err(|_| Error::Corrupt("rules"))?;
        let grant = Grant { id: key.id, rules, is_counted: key.calls_left.is_some() };
        let caller = Caller {
            key_id: key.id,
            account_id: key.account_id,
            environment: Some(environment),
            scopes: ScopeSet::new(vec![SCOPE.to_owned()]),
            grant: Some(Arc::new(grant)),
            expires_at: Some(key.expires_at),
        };
        Ok(Some(caller))
    }

    /// Checks a call against the caller's narrow key and takes one of its calls.
    pub(super) async fn spend_grant(
        &self,
        grant: &Grant,
        call: &ProxyCall,
    ) -> Result<(), ProxyFailure> {
        grant.check(call)?;
        if !grant.is_counted {
            return Ok(());
        }
        let id = grant.id;
        let left = self
            .store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.spend_proxy_key(id).await?) })
            })
            .await?;
        left.map(|_| ()).ok_or(ProxyFailure::GrantSpent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, path: &str) -> bool {
        let allowed = AllowedCall { methods: Vec::new(), path: pattern.to_owned() };
        plain_segments(path).is_some_and(|segments| allowed.fits(&Method::GET, &segments))
    }

    #[test]
    fn paths_fit_by_segments() {
        assert!(fits("/v1/users/*", "v1/users/7") && fits("v1/users/*/", "/v1/users/a%20b/"));
        assert!(fits("/v1/**", "/v1/a/b") && fits("/v1/**", "/v1") && fits("/**", ""));
        assert!(!fits("/v1/users/*", "/v1/users") && !fits("/v1/users/*", "/v1/users/7/keys"));
        assert!(!fits("/v1", "/v10") && !fits("/v1/*", "/V1/x"));
        for odd in [
            "/v1/../admin",
            "/v1/%2e%2e/admin",
            "/v1/a%2Fb",
            "/v1//x",
            "/v1/x%5Cy",
            "/v1/%252e%252e/x",
            "/v1/.",
            "/v1/x;y=1",
            "/v1/%zz",
        ] {
            assert!(!fits("/**", odd), "{odd}");
        }
    }
}
