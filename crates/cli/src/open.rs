//! Opening the database and building the engine, the same way for every command.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use valetkey_base::{Clock, Rng, Tasks};
use valetkey_catalog::Catalog;
use valetkey_egress::{Egress, Limits, Mailer, Policy};
use valetkey_engine::{Engine, Error, Parts};
use valetkey_store::{Settings, Store};
use valetkey_vault::VaultError;

use crate::config::Config;
use crate::{data_folder, master_key};

/// Who the audit trail names for what is done from the shell.
pub(crate) const ACTOR: &str = "cli";
/// How long a mail server may take for a step of the conversation.
const SMTP_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a command that ends waits for its last writes.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// An engine over an open database.
pub(crate) struct Opened {
    pub(crate) engine: Engine,
    pub(crate) account_id: i64,
}

impl Opened {
    /// For a command that does one thing beside a running server. It needs no providers and tells
    /// nobody a URL.
    pub(crate) async fn for_command(config: &Config) -> Result<Self> {
        Self::new(config, Catalog::empty(), &config.public_url(config.listen)).await
    }

    /// Opens the database, makes what a first run makes, and checks that the master key fits.
    pub(crate) async fn new(config: &Config, catalog: Catalog, public_url: &str) -> Result<Self> {
        let (tasks, rng) = (Tasks::new(), Rng::system());
        if config.database_url.is_none() {
            data_folder::create(&config.data_dir)?;
        }
        let master_keys = master_key::ring(config, &rng)?;
        let store = store(config, &tasks).await?;
        let engine = Engine::new(Parts {
            store,
            master_keys,
            catalog,
            egress: egress(config)?,
            mailer: mailer(config)?,
            clock: Clock::system(),
            rng,
            tasks,
            settings: config.engine_settings(public_url),
        });
        match engine.check_master_key().await {
            Err(Error::Vault(VaultError::UnknownKey | VaultError::Open)) => bail!(
                "the database was sealed under another master key: give that one as \
                 VALETKEY_MASTER_KEY, or as VALETKEY_MASTER_KEY_PREVIOUS beside its successor"
            ),
            checked => checked.context("the master key could not be checked")?,
        }
        let first = engine.first_run().await.context("the first run failed")?;
        Ok(Self { engine, account_id: first.account_id })
    }

    /// Writes what is still in memory and closes the database. Says whether all tasks ended.
    pub(crate) async fn close(self) -> bool {
        let ended = self.engine.tasks().shutdown(CLOSE_TIMEOUT).await;
        self.engine.store().clone().close().await;
        ended
    }

    /// Runs one use case and closes, whatever it answers.
    pub(crate) async fn run<T>(
        self,
        work: impl AsyncFnOnce(&Engine, i64) -> Result<T>,
    ) -> Result<T> {
        let answer = work(&self.engine, self.account_id).await;
        self.close().await;
        answer
    }
}

/// Opens the database and brings its schema up to date.
pub(crate) async fn store(config: &Config, tasks: &Tasks) -> Result<Store> {
    let settings = match &config.database_url {
        Some(url) => Settings::Postgres {
            url: url.clone(),
            connections_max: u32::try_from(config.postgres_connections_max).unwrap_or(u32::MAX),
        },
        None => Settings::Sqlite { path: data_folder::database(&config.data_dir) },
    };
    Store::open(&settings, tasks)
        .await
        .with_context(|| format!("{} could not be opened", describe(config)))
}

/// The database for people, without its password.
pub(crate) fn describe(config: &Config) -> String {
    let Some(url) = &config.database_url else {
        return format!("SQLite {}", data_folder::database(&config.data_dir).display());
    };
    // Only host and name: a user name can be as telling as a password.
    let shown = url::Url::parse(url.expose())
        .ok()
        .map(|url| format!("{}{}", url.host_str().unwrap_or("local socket"), url.path()));
    format!("PostgreSQL {}", shown.unwrap_or_default())
}

fn mailer(config: &Config) -> Result<Option<Mailer>> {
    let (Some(server), Some(from)) = (&config.smtp_server, &config.smtp_from) else {
        return Ok(None);
    };
    let mailer = Mailer::new(server, from, SMTP_TIMEOUT);
    Ok(Some(mailer.context("the mail server cannot be used")?))
}

fn egress(config: &Config) -> Result<Egress> {
    let policy = Policy { allow: config.egress_allow.clone() };
    Ok(Egress::new(policy, Limits::default())?)
}
