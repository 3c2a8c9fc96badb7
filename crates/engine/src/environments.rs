//! Environments: the first run, settings, variables and webhook signing keys.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use valetkey_base::{Secret, Timestamp};
use valetkey_store::{Environment, SigningKeyRow, Tx};
use valetkey_vault::DataKey;

use crate::connect_ui::ConnectUiSettings;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::sealing::{Column, SERVER_ENVIRONMENT};

/// Names of the environments the first run makes.
const FIRST_ENVIRONMENTS: &[&str] = &["dev", "prod"];

/// What an operator sets per environment. Stored as JSON; a missing key has its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnvironmentSettings {
    /// Where events go.
    pub webhook_url: Option<String>,
    /// Where events go as well.
    pub webhook_url_secondary: Option<String>,
    /// Whether new connections, and failed attempts to make one, are told.
    pub on_auth_creation: bool,
    /// Whether failed refreshes are told.
    pub on_auth_refresh_error: bool,
    /// Whether good refreshes are told.
    pub on_auth_refresh_success: bool,
    /// The `redirect_uri` sent to providers instead of our own; it must lead to ours by a 308.
    pub callback_url: Option<String>,
    /// How the Connect UI looks.
    pub connect_ui: ConnectUiSettings,
    /// Where the Connect UI may send people afterwards: origins, or addresses with everything below.
    pub return_urls: Vec<String>,
    /// Whether a connect session ends with the first connection made in it.
    pub single_use_sessions: bool,
}

impl Default for EnvironmentSettings {
    fn default() -> Self {
        Self {
            webhook_url: None,
            webhook_url_secondary: None,
            on_auth_creation: true,
            on_auth_refresh_error: true,
            on_auth_refresh_success: false,
            callback_url: None,
            connect_ui: ConnectUiSettings::default(),
            return_urls: Vec::new(),
            single_use_sessions: false,
        }
    }
}

/// An environment with its settings read.
#[derive(Clone, Debug)]
pub struct EnvironmentView {
    /// Row id.
    pub id: i64,
    /// The account.
    pub account_id: i64,
    /// Its name.
    pub name: String,
    /// Public id.
    pub uuid: String,
    /// Whether it serves real customers.
    pub is_production: bool,
    /// Its settings.
    pub settings: EnvironmentSettings,
}

impl EnvironmentView {
    fn read(row: Environment) -> Result<Self> {
        Ok(Self {
            id: row.id,
            account_id: row.account_id,
            name: row.name,
            uuid: row.uuid,
            is_production: row.is_production,
            settings: serde_json::from_str(&row.settings)
                .map_err(|_| Error::Corrupt("environment settings"))?,
        })
    }
}

/// What the first run needs to say.
#[derive(Debug)]
pub struct FirstRun {
    /// The account.
    pub account_id: i64,
    /// Whether this very call made it.
    pub made_now: bool,
}

impl Engine {
    /// Makes the account and its first environments, unless they are there.
    pub async fn first_run(&self) -> Result<FirstRun> {
        let engine = self.clone();
        let now = self.clock.now();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.lock_first_run().await?;
                    if tx.active_data_key(SERVER_ENVIRONMENT).await?.is_none() {
                        engine.sealer.insert_data_key(tx, SERVER_ENVIRONMENT, now).await?;
                    }
                    if let Some(account) = tx.first_account().await? {
                        return Ok(FirstRun { account_id: account.id, made_now: false });
                    }
                    let account = tx.insert_account("Valetkey", now).await?;
                    for name in FIRST_ENVIRONMENTS {
                        let settings = EnvironmentSettings::default();
                        engine
                            .insert_environment(
                                tx,
                                account.id,
                                name,
                                *name == "prod",
                                &settings,
                                now,
                            )
                            .await?;
                    }
                    Ok(FirstRun { account_id: account.id, made_now: true })
                })
            })
            .await
    }

    /// Makes an environment with a data key and a signing key of its own.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the name is taken.
    pub async fn create_environment(
        &self,
        account_id: i64,
        name: &str,
        is_production: bool,
        settings: EnvironmentSettings,
        actor: &str,
    ) -> Result<EnvironmentView> {
        let (engine, name, now) = (self.clone(), name.to_owned(), self.clock.now());
        let row = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    engine
                        .insert_environment(tx, account_id, &name, is_production, &settings, now)
                        .await
                })
            })
            .await?;
        self.recorder.audit(Some(row.id), actor, "environment.created", row.name.clone());
        EnvironmentView::read(row)
    }

    async fn insert_environment(
        &self,
        tx: &mut Tx,
        account_id: i64,
        name: &str,
        is_production: bool,
        settings: &EnvironmentSettings,
        now: Timestamp,
    ) -> Result<Environment> {
        let text = serde_json::to_string(settings).map_err(|_| Error::Corrupt("settings"))?;
        let uuid = self.rng.uuid().to_string();
        let row = tx
            .insert_environment(account_id, name, &uuid, is_production, &text, now)
            .await
            .map_err(|error| match error {
            valetkey_store::Error::Duplicate { .. } => {
                Error::Conflict(format!("An environment named '{name}' exists."))
            }
            other => other.into(),
        })?;
        let key = self.sealer.insert_data_key(tx, row.id, now).await?;
        self.insert_signing_key(tx, &key, row.id, now).await?;
        Ok(row)
    }

    async fn insert_signing_key(
        &self,
        tx: &mut Tx,
        key: &DataKey,
        environment_id: i64,
        now: Timestamp,
    ) -> Result<Secret> {
        let id = self.rng.alphanumeric(16);
        let secret = self.rng.uuid().to_string();
        let sealed =
            self.sealer.seal_with(key, environment_id, Column::SIGNING_KEY, &id, secret.as_bytes());
        let row = SigningKeyRow { id, environment_id, key: sealed, expires_at: None };
        tx.insert_signing_key(&row, now.plus(self.settings.signing_overlap), now).await?;
        Ok(Secret::new(secret))
    }

    /// An environment by row id.
    pub async fn environment(&self, id: i64) -> Result<Arc<EnvironmentView>> {
        if let Some(view) = self.environments.get(&id) {
            return Ok(view);
        }
        let row = self.store.environment(id).await?.ok_or(Error::NotFound("environment"))?;
        let view = Arc::new(EnvironmentView::read(row)?);
        self.environments.insert(id, view.clone());
        Ok(view)
    }

    /// An environment by its public id, if there is one.
    pub async fn environment_by_uuid(&self, uuid: &str) -> Result<Option<EnvironmentView>> {
        let row = self.store.environment_by_uuid(uuid).await?;
        row.map(EnvironmentView::read).transpose()
    }

    /// An environment of an account by name.
    pub async fn environment_by_name(
        &self,
        account_id: i64,
        name: &str,
    ) -> Result<EnvironmentView> {
        let row = self.store.environment_by_name(account_id, name).await?;
        EnvironmentView::read(row.ok_or(Error::NotFound("environment"))?)
    }

    /// Every environment of an account.
    pub async fn environments(&self, account_id: i64) -> Result<Vec<EnvironmentView>> {
        self.store.environments(account_id).await?.into_iter().map(EnvironmentView::read).collect()
    }

    /// Deletes an environment with everything in it. The one named `prod` stays.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another account's, [`Error::Refused`] for `prod`.
    pub async fn delete_environment(&self, account_id: i64, id: i64, actor: &str) -> Result<()> {
        let row = self.store.environment(id).await?.filter(|row| row.account_id == account_id);
        let row = row.ok_or(Error::NotFound("environment"))?;
        if row.name == "prod" {
            return Err(Error::Refused {
                code: "cannot_delete_prod_environment",
                message: "The environment 'prod' cannot be deleted.".to_owned(),
            });
        }
        let now = self.clock.now();
        self.store
            .write(move |tx| Box::pin(async move { tx.delete_environment(id, now).await }))
            .await?;
        self.forget_cached();
        self.recorder.audit(Some(id), actor, "environment.deleted", row.name);
        Ok(())
    }

    /// Changes settings under a lock, so that simultaneous changes of different keys all survive.
    pub async fn update_environment_settings<F>(
        &self,
        id: i64,
        actor: &str,
        change: F,
    ) -> Result<EnvironmentSettings>
    where
        F: FnOnce(&mut EnvironmentSettings) + Send + 'static,
    {
        let now = self.clock.now();
        let settings = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let row =
                        tx.lock_environment(id).await?.ok_or(Error::NotFound("environment"))?;
                    let mut settings = EnvironmentView::read(row)?.settings;
                    change(&mut settings);
                    let text =
                        serde_json::to_string(&settings).map_err(|_| Error::Corrupt("settings"))?;
                    tx.update_environment_settings(id, &text, now).await?;
                    Ok::<_, Error>(settings)
                })
            })
            .await?;
        self.forget_cached();
        self.recorder.audit(Some(id), actor, "environment.settings_changed", id.to_string());
        Ok(settings)
    }

    /// Webhook signing keys that are valid now, the current one first.
    pub async fn signing_keys(&self, environment_id: i64) -> Result<Vec<Secret>> {
        let rows = self.store.signing_keys(environment_id, self.clock.now()).await?;
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows {
            let text =
                self.sealer.open(environment_id, Column::SIGNING_KEY, &row.id, &row.key).await?;
            keys.push(Secret::new(
                String::from_utf8(text).map_err(|_| Error::Corrupt("signing key"))?,
            ));
        }
        Ok(keys)
    }

    /// Makes a new signing key; the old one signs beside it for the overlap.
    pub async fn rotate_signing_key(&self, environment_id: i64, actor: &str) -> Result<Secret> {
        let id = self.rng.alphanumeric(16);
        let secret = Secret::new(self.rng.uuid().to_string());
        let sealed = self
            .sealer
            .seal(environment_id, Column::SIGNING_KEY, &id, secret.expose().as_bytes())
            .await?;
        let row = SigningKeyRow { id, environment_id, key: sealed, expires_at: None };
        let (now, overlap) = (self.clock.now(), self.settings.signing_overlap);
        self.store
            .write(move |tx| {
                Box::pin(async move { tx.insert_signing_key(&row, now.plus(overlap), now).await })
            })
            .await?;
        self.recorder.audit(Some(environment_id), actor, "webhook_signing_key.rotated", "");
        Ok(secret)
    }

    /// Variables of an environment by name.
    pub async fn environment_variables(
        &self,
        environment_id: i64,
    ) -> Result<Vec<(String, Secret)>> {
        let mut variables = Vec::new();
        for (name, sealed) in self.store.environment_variables(environment_id).await? {
            let text = self.sealer.open(environment_id, Column::VARIABLE, &name, &sealed).await?;
            let value = String::from_utf8(text).map_err(|_| Error::Corrupt("variable"))?;
            variables.push((name, Secret::new(value)));
        }
        Ok(variables)
    }

    /// Sets a variable.
    pub async fn set_environment_variable(
        &self,
        environment_id: i64,
        name: &str,
        value: &Secret,
        actor: &str,
    ) -> Result<()> {
        let sealed = self
            .sealer
            .seal(environment_id, Column::VARIABLE, name, value.expose().as_bytes())
            .await?;
        let owned = name.to_owned();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.set_environment_variable(environment_id, &owned, &sealed).await
                })
            })
            .await?;
        self.recorder.audit(Some(environment_id), actor, "environment_variable.set", name);
        Ok(())
    }

    /// Removes a variable and says whether there was one.
    pub async fn unset_environment_variable(
        &self,
        environment_id: i64,
        name: &str,
        actor: &str,
    ) -> Result<bool> {
        let owned = name.to_owned();
        let removed = self
            .store
            .write::<_, Error, _>(move |tx| {
                Box::pin(
                    async move { Ok(tx.unset_environment_variable(environment_id, &owned).await?) },
                )
            })
            .await?;
        self.recorder.audit(Some(environment_id), actor, "environment_variable.unset", name);
        Ok(removed)
    }
}
