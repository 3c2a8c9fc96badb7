//! Environments: the first run, making, renaming and deleting them, settings and variables.

use std::sync::Arc;

use valetkey_base::{Secret, Timestamp};
use valetkey_store::{Environment, Tx};

use crate::engine::Engine;
use crate::environment_settings::{self, EnvironmentSettings};
use crate::error::{Error, Issue, Result};
use crate::sealing::{Column, SERVER_ENVIRONMENT};

/// Names of the environments the first run makes.
const FIRST_ENVIRONMENTS: &[&str] = &["dev", "prod"];

/// The one that means production; it keeps its name and stays.
const PRODUCTION: &str = "prod";
/// Names that would hide pages of the dashboard.
const RESERVED_NAMES: &[&str] = &["account"];
/// Longest name of an environment, in characters.
const NAME_CHARS_MAX: usize = 255;
/// Longest name of a variable, in bytes.
pub const VARIABLE_NAME_BYTES_MAX: usize = 255;
/// Longest value of a variable, in bytes.
pub const VARIABLE_BYTES_MAX: usize = 64 * 1024;
/// Most variables of an environment.
pub const VARIABLES_MAX: usize = 100;

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

/// Whether an environment may be called so.
fn check_name(name: &str) -> Result<()> {
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    let problem = if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.bytes().all(is_plain) {
        "Expected lower-case letters, digits, hyphens and underscores, at most 255.".to_owned()
    } else if RESERVED_NAMES.contains(&name) {
        format!("'{name}' is a name of our own; choose another one.")
    } else {
        return Ok(());
    };
    Err(Error::Invalid(vec![Issue::custom(&["name"], problem)]))
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
                                *name == PRODUCTION,
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
    /// [`Error::Invalid`] at `name`, [`Error::Conflict`] when it is taken.
    pub async fn create_environment(
        &self,
        account_id: i64,
        name: &str,
        is_production: bool,
        settings: EnvironmentSettings,
        actor: &str,
    ) -> Result<EnvironmentView> {
        check_name(name)?;
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
            .map_err(|error| taken(error, name))?;
        let key = self.sealer.insert_data_key(tx, row.id, now).await?;
        self.insert_signing_key(tx, &key, row.id, now).await?;
        Ok(row)
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

    /// Renames an environment, and says whether it serves real customers. The one named `prod` keeps
    /// both.
    ///
    /// # Errors
    /// [`Error::Invalid`] at `name`, [`Error::Conflict`] when it is taken, [`Error::Refused`] for
    /// `prod`.
    pub async fn update_environment(
        &self,
        environment: &EnvironmentView,
        name: &str,
        is_production: bool,
        actor: &str,
    ) -> Result<()> {
        if environment.name == name && environment.is_production == is_production {
            return Ok(());
        }
        check_name(name)?;
        if environment.name == PRODUCTION {
            return Err(Error::Refused {
                code: "cannot_change_prod_environment",
                message: "The environment 'prod' keeps its name and stays a production one."
                    .to_owned(),
            });
        }
        let (id, owned, now) = (environment.id, name.to_owned(), self.clock.now());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.update_environment(id, &owned, is_production, now)
                        .await
                        .map_err(|error| taken(error, &owned))
                })
            })
            .await?;
        self.forget_cached();
        let kind = if is_production { "production" } else { "test" };
        self.recorder.audit(Some(id), actor, "environment.updated", format!("{name}, {kind}"));
        Ok(())
    }

    /// Deletes an environment with everything in it. The one named `prod` stays.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another account's, [`Error::Refused`] for `prod`.
    pub async fn delete_environment(&self, account_id: i64, id: i64, actor: &str) -> Result<()> {
        let row = self.store.environment(id).await?.filter(|row| row.account_id == account_id);
        let row = row.ok_or(Error::NotFound("environment"))?;
        if row.name == PRODUCTION {
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
        let (settings, changed) = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let row =
                        tx.lock_environment(id).await?.ok_or(Error::NotFound("environment"))?;
                    let before = EnvironmentView::read(row)?.settings;
                    let mut settings = before.clone();
                    change(&mut settings);
                    let text =
                        serde_json::to_string(&settings).map_err(|_| Error::Corrupt("settings"))?;
                    tx.update_environment_settings(id, &text, now).await?;
                    let changed = environment_settings::changed(&before, &settings);
                    Ok::<_, Error>((settings, changed))
                })
            })
            .await?;
        self.forget_cached();
        if !changed.is_empty() {
            let changed = changed.join(", ");
            self.recorder.audit(Some(id), actor, "environment.settings_changed", changed);
        }
        Ok(settings)
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

    /// Names of the variables of an environment.
    pub async fn environment_variable_names(&self, environment_id: i64) -> Result<Vec<String>> {
        let rows = self.store.environment_variables(environment_id).await?;
        Ok(rows.into_iter().map(|(name, _)| name).collect())
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

fn taken(error: valetkey_store::Error, name: &str) -> Error {
    match error {
        valetkey_store::Error::Duplicate { .. } => {
            Error::Conflict(format!("An environment named '{name}' exists."))
        }
        other => other.into(),
    }
}
