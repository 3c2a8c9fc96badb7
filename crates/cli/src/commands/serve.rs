//! `valetkey serve`: the server.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use valetkey_catalog::Catalog;
use valetkey_engine::Engine;

use crate::config::flags::AllSettings;
use crate::config::{Config, Needs, reached_at};
use crate::open::{self, Opened};
use crate::output::say;
use crate::providers::ProviderFiles;
use crate::serving::{self, Ended, Signals};
use crate::{data_folder, keys_defined, logging, providers};

const HELP: &str = "\
The first start makes everything: the data folder, the master key in it (back it up!), the
environments dev and prod, and a link, printed once, that creates the owner.

Examples:
  valetkey serve
  valetkey serve --listen 0.0.0.0:3003 --public-url https://connect.example.com
  VALETKEY_API_KEY_DEV=$(uuidgen) valetkey serve
  DATABASE_URL=postgres://valetkey@db/valetkey VALETKEY_MASTER_KEY_FILE=/run/secrets/master \\
    valetkey serve

SIGTERM or Ctrl-C stops it cleanly, a second one at once. SIGHUP reads the provider files anew.";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    #[command(flatten)]
    settings: AllSettings,
}

pub(crate) async fn run(options: &Options) -> Result<ExitCode> {
    let mut config = options.settings.load(Needs::MasterKey)?;
    let mut provider_files = ProviderFiles::new(Catalog::bundled(), &config.providers);
    let overlay = provider_files.read_at_start()?;
    logging::start(config.log_format, &config.log_filter)?;
    providers::log_start(&overlay);
    let catalog = overlay.catalog;
    let providers_count = catalog.len();
    let lock = if config.database_url.is_none() {
        data_folder::create(&config.data_dir)?;
        Some(data_folder::lock(&config.data_dir)?)
    } else {
        None
    };
    let (listener, address) = serving::listen(config.listen).await?;
    let connect_listener = match config.connect_listen {
        Some(address) => {
            let (listener, bound) = serving::listen(address).await?;
            config.connect_url.get_or_insert_with(|| reached_at(bound));
            Some(listener)
        }
        None => None,
    };
    let (signals, hangup) = (Signals::new()?, serving::hangup()?);
    let public_url = config.public_url(address);
    let Opened { engine, account_id } = Opened::new(&config, catalog, &public_url).await?;
    prepare(&engine, account_id, &config).await?;
    engine.start_jobs();
    let interval = config.providers_reload_interval;
    engine.tasks().spawn(provider_files.watch(engine.clone(), hangup, interval));
    let router = valetkey_server::app::router(engine.clone(), config.server_options());

    let names = engine.environments(account_id).await?.into_iter().map(|view| view.name);
    say(format_args!(
        "Valetkey {} listens on http://{address}\n  \
           public URL    {public_url}\n  \
           connect UI    {}\n  \
           database      {}\n  \
           environments  {}\n  \
           providers     {providers_count}",
        env!("CARGO_PKG_VERSION"),
        engine.settings().connect_url,
        open::describe(&config),
        names.collect::<Vec<_>>().join(", "),
    ));
    match engine.make_owner_link(account_id).await? {
        Some(link) => say(format_args!("Create the owner: {}", link.expose())),
        None => say(format_args!("Dashboard: {public_url}/dashboard/")),
    }
    let mut servers = vec![(listener, router)];
    if let Some(listener) = connect_listener {
        let options = config.server_options();
        servers.push((listener, valetkey_server::app::connect_router(engine.clone(), options)));
    }
    let ended = serving::until_stopped(servers, engine, signals, config.shutdown_timeout).await;
    drop(lock);
    Ok(exit_code(ended))
}

/// Exit code of a server that was told to stop.
pub(crate) fn exit_code(ended: Ended) -> ExitCode {
    match ended {
        Ended::Cleanly => ExitCode::SUCCESS,
        Ended::Late | Ended::AtOnce => ExitCode::FAILURE,
    }
}

/// What a server does before it answers anybody.
pub(crate) async fn prepare(engine: &Engine, account_id: i64, config: &Config) -> Result<()> {
    if !config.master_keys_previous.is_empty() {
        let count =
            engine.rewrap_data_keys().await.context("data keys could not be sealed anew")?;
        tracing::info!(count, "sealed data keys under the current master key");
    }
    if !engine.store().is_shared() {
        // The folder is locked, so nobody else can hold one: these are a killed server's.
        let released = engine
            .store()
            .write(|tx| Box::pin(async move { tx.release_all_refreshes().await }))
            .await
            .map_err(valetkey_engine::Error::from)?;
        if released > 0 {
            tracing::info!(count = released, "released refreshes of a server that was killed");
        }
    }
    keys_defined::define(engine, account_id, &config.api_keys).await
}
