//! API keys: authenticating callers, making and revoking keys.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use valetkey_base::{ScopeSet, Secret, Timestamp};
pub use valetkey_store::ApiKey;
use valetkey_store::NewApiKey;
use valetkey_vault::token_hash_hex;

use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::{Error, Result};
use crate::proxy::{Grant, PROXY_KEY_PREFIX};

/// Live keys an environment may have.
pub const KEYS_PER_ENVIRONMENT_MAX: i64 = 50;
/// How every key we make begins.
pub const KEY_PREFIX: &str = "vk_";
/// Characters of a key that are shown to recognise it by.
const SHOWN_PREFIX_CHARACTERS: usize = 10;

/// The origin of a key that an environment variable of the server defines.
const DEFINED: &str = "environment";

/// Somebody who presented a valid API key.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The key.
    pub key_id: i64,
    /// The account.
    pub account_id: i64,
    /// The environment; none for an account key.
    pub environment: Option<Arc<EnvironmentView>>,
    /// What the key may do.
    pub scopes: ScopeSet,
    /// The calls it is for, when it is a narrow key.
    pub grant: Option<Arc<Grant>>,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Caller {
    /// The name of this caller in the audit trail.
    pub fn actor(&self) -> String {
        let kind = if self.grant.is_some() { "proxy_key" } else { "key" };
        format!("{kind}:{}", self.key_id)
    }
}

/// A key defined by the operator's environment variables.
#[derive(Clone, Debug)]
pub struct DefinedKey {
    /// Name of the environment, lower case.
    pub environment: String,
    /// The key.
    pub secret: Secret,
}

impl Engine {
    /// Finds whose key this is, and notes that `client` used it. `None` when it is unknown, revoked
    /// or expired.
    pub async fn authenticate(
        &self,
        token: &str,
        client: Option<IpAddr>,
    ) -> Result<Option<Arc<Caller>>> {
        let hash = token_hash_hex(token);
        let now = self.clock.now();
        let live = |caller: &Caller| caller.expires_at.is_none_or(|at| at > now);
        let caller = if let Some(caller) = self.callers.get(&hash) {
            caller
        } else if token.starts_with(PROXY_KEY_PREFIX) {
            let Some(caller) = self.proxy_key_caller(&hash).await? else {
                return Ok(None);
            };
            let caller = Arc::new(caller);
            self.callers.insert(hash, caller.clone());
            caller
        } else {
            let Some(key) = self.store.api_key_by_hash(&hash).await? else {
                return Ok(None);
            };
            let environment = match key.environment_id {
                Some(id) => match self.environment(id).await {
                    Ok(environment) => Some(environment),
                    Err(Error::NotFound(_)) => return Ok(None),
                    Err(error) => return Err(error),
                },
                None => None,
            };
            let caller = Arc::new(Caller {
                key_id: key.id,
                account_id: key.account_id,
                environment,
                scopes: key.scopes,
                grant: None,
                expires_at: key.expires_at,
            });
            self.callers.insert(hash, caller.clone());
            caller
        };
        if !live(&caller) {
            return Ok(None);
        }
        if caller.grant.is_none() {
            self.recorder.touch_key(caller.key_id, client);
        }
        Ok(Some(caller))
    }

    /// Makes a key. The secret is answered once and stored as a hash.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the name is taken, [`Error::Refused`] (`resource_capped`) when the
    /// environment has [`KEYS_PER_ENVIRONMENT_MAX`] keys.
    pub async fn create_api_key(
        &self,
        account_id: i64,
        environment_id: Option<i64>,
        display_name: &str,
        scopes: ScopeSet,
        expires_at: Option<Timestamp>,
        actor: &str,
    ) -> Result<(ApiKey, Secret)> {
        let (new, secret) =
            self.new_key(account_id, environment_id, display_name, scopes, expires_at);
        let now = self.clock.now();
        let key = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    if let Some(id) = new.environment_id
                        && tx.api_key_count(id).await? >= KEYS_PER_ENVIRONMENT_MAX
                    {
                        return Err(Error::Refused {
                            code: "resource_capped",
                            message: format!(
                                "An environment may have {KEYS_PER_ENVIRONMENT_MAX} API keys."
                            ),
                        });
                    }
                    tx.insert_api_key(&new, now)
                        .await
                        .map_err(|error| taken(error, &new.display_name))
                })
            })
            .await?;
        self.recorder.audit(environment_id, actor, "api_key.created", key.id.to_string());
        Ok((key, secret))
    }

    fn new_key(
        &self,
        account_id: i64,
        environment_id: Option<i64>,
        display_name: &str,
        scopes: ScopeSet,
        expires_at: Option<Timestamp>,
    ) -> (NewApiKey, Secret) {
        let secret = Secret::new(format!("{KEY_PREFIX}{}", self.rng.base64url(32)));
        let new = NewApiKey {
            account_id,
            environment_id,
            display_name: display_name.to_owned(),
            token_hash: token_hash_hex(secret.expose()),
            prefix: secret.expose().chars().take(SHOWN_PREFIX_CHARACTERS).collect(),
            scopes,
            origin: "created".to_owned(),
            expires_at,
        };
        (new, secret)
    }

    /// Live and expired keys of an environment that were not revoked, oldest first.
    pub async fn api_keys(&self, account_id: i64, environment_id: i64) -> Result<Vec<ApiKey>> {
        Ok(self.store.api_keys(account_id, Some(environment_id)).await?)
    }

    /// Makes a key in place of another, with its name and scopes. The old one works for the overlap,
    /// under a name that says so.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the environment has no such key, [`Error::Refused`]
    /// (`defined_by_environment_variable`) when the operator defined it outside.
    pub async fn rotate_api_key(
        &self,
        account_id: i64,
        environment_id: i64,
        id: i64,
        overlap: Duration,
        actor: &str,
    ) -> Result<(ApiKey, Secret)> {
        let keys = self.api_keys(account_id, environment_id).await?;
        let old = keys.into_iter().find(|key| key.id == id).ok_or(Error::NotFound("API key"))?;
        if old.origin == DEFINED {
            return Err(defined_elsewhere());
        }
        let scopes = old.scopes.clone();
        let (new, secret) =
            self.new_key(account_id, Some(environment_id), &old.display_name, scopes, None);
        let now = self.clock.now();
        let ends = now.plus(overlap);
        let ends = old.expires_at.map_or(ends, |at| at.min(ends));
        let key = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let name = format!("{} (replaced, {id})", old.display_name);
                    if !tx.retire_api_key(account_id, id, &name, ends).await? {
                        return Err(Error::NotFound("API key"));
                    }
                    tx.insert_api_key(&new, now)
                        .await
                        .map_err(|error| taken(error, &new.display_name))
                })
            })
            .await?;
        self.forget_cached();
        let target = format!("{id} by {}", key.id);
        self.recorder.audit(Some(environment_id), actor, "api_key.rotated", target);
        Ok((key, secret))
    }

    /// Revokes a key at once.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the account has no such live key in that environment,
    /// [`Error::Refused`] (`defined_by_environment_variable`) when the operator defined it outside.
    pub async fn revoke_api_key(
        &self,
        account_id: i64,
        environment_id: Option<i64>,
        id: i64,
        actor: &str,
    ) -> Result<()> {
        let keys = self.store.api_keys(account_id, environment_id).await?;
        match keys.iter().find(|key| key.id == id) {
            None => return Err(Error::NotFound("API key")),
            Some(key) if key.origin == DEFINED => return Err(defined_elsewhere()),
            Some(_) => {}
        }
        let now = self.clock.now();
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.revoke_api_key(account_id, id, now).await?) })
            })
            .await?;
        self.forget_cached();
        self.recorder.audit(environment_id, actor, "api_key.revoked", id.to_string());
        Ok(())
    }

    /// Makes the keys of the operator's environment variables work, and earlier ones stop.
    ///
    /// # Errors
    /// [`Error::NotFound`] naming no environment when one does not exist: the caller reports it.
    pub async fn define_keys(&self, account_id: i64, keys: &[DefinedKey]) -> Result<()> {
        let mut rows = Vec::new();
        for key in keys {
            let environment = self.environment_by_name(account_id, &key.environment).await?;
            let token_hash = token_hash_hex(key.secret.expose());
            let shown: String = key.secret.expose().chars().take(4).collect();
            rows.push(NewApiKey {
                account_id,
                environment_id: Some(environment.id),
                display_name: format!("environment variable {}", &token_hash[..8]),
                token_hash,
                prefix: format!("{shown}…"),
                scopes: ScopeSet::full_environment(),
                origin: DEFINED.to_owned(),
                expires_at: None,
            });
        }
        let now = self.clock.now();
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    // Servers that start together would else both insert the same key.
                    tx.lock_first_run().await?;
                    tx.revoke_environment_defined_keys(account_id, now).await?;
                    for row in rows {
                        let environment_id = row.environment_id.unwrap_or_default();
                        if !tx.revive_api_key(&row.token_hash, environment_id, &row.scopes).await? {
                            tx.insert_api_key(&row, now).await?;
                        }
                    }
                    Ok(())
                })
            })
            .await?;
        self.forget_cached();
        Ok(())
    }
}

fn taken(error: valetkey_store::Error, name: &str) -> Error {
    match error {
        valetkey_store::Error::Duplicate { .. } => {
            Error::Conflict(format!("An API key named '{name}' exists."))
        }
        other => other.into(),
    }
}

fn defined_elsewhere() -> Error {
    Error::Refused {
        code: "defined_by_environment_variable",
        message: "This key comes from an environment variable of the server; change it there."
            .to_owned(),
    }
}
