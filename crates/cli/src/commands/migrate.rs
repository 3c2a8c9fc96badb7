//! `valetkey migrate`: the schema, without serving.

use anyhow::Result;
use clap::Args;
use valetkey_base::Tasks;

use crate::config::Needs;
use crate::config::flags::StorageSettings;
use crate::output::say;
use crate::{data_folder, logging, open};

const HELP: &str = "\
`serve` does this by itself at its start. Running it apart lets a deployment migrate once before
its servers are replaced. Back up first: there is no way back.

Example:
  DATABASE_URL=postgres://… valetkey migrate";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    #[command(flatten)]
    settings: StorageSettings,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let config = options.settings.load(Needs::Nothing)?;
    logging::start_quiet()?;
    if config.database_url.is_none() {
        data_folder::create(&config.data_dir)?;
        // A database without a master key beside it would look like one whose key was lost.
        crate::master_key::ring(&config, &valetkey_base::Rng::system())?;
    }
    let tasks = Tasks::new();
    let store = open::store(&config, &tasks).await?;
    tasks.shutdown(config.shutdown_timeout).await;
    store.close().await;
    let version = valetkey_store::latest_version();
    say(format_args!("{} is at schema version {version}", open::describe(&config)));
    Ok(())
}
