//! The command line.

mod config;
mod dev;
mod env;
mod healthcheck;
mod keys;
mod migrate;
mod providers;
mod serve;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  valetkey dev                         try everything on this machine, offline
  valetkey serve                       SQLite in ./data, on 127.0.0.1:3003
  DATABASE_URL=postgres://… VALETKEY_MASTER_KEY=… valetkey serve
                                       the same on PostgreSQL, any number of times
  valetkey env set dev webhook_url=https://app.example.com/hooks
                                       settings of an environment, beside a running server
  valetkey keys create prod --name backend
                                       an API key, shown once
  valetkey config default > valetkey.toml && valetkey serve --config valetkey.toml
                                       settings in a file

Exit codes: 0 done, 1 failed, 2 wrong arguments or settings.";

/// Keeps the credentials of your customers' accounts: connects them, refreshes them, and hands
/// them to your backend.
#[derive(Debug, Parser)]
#[command(name = "valetkey", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::Options),
    /// Run everything in one process, offline: server, an emulated provider, an app, an inbox.
    Dev(dev::Options),
    /// Show and change environments, their settings and variables, beside a running server.
    #[command(subcommand)]
    Env(env::Command),
    /// Make, list and revoke API keys, beside a running server.
    #[command(subcommand)]
    Keys(keys::Command),
    /// List, look over, show and test the providers of the catalogue.
    #[command(subcommand)]
    Providers(providers::Command),
    /// Bring the database's schema up to date and end.
    Migrate(migrate::Options),
    /// Check the settings, print the default file or the reference.
    #[command(subcommand)]
    Config(config::Command),
    /// Ask a running server whether it is ready; for container health checks.
    Healthcheck(healthcheck::Options),
}

impl Arguments {
    /// Runs the command and says how the process ends.
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let done = |()| ExitCode::SUCCESS;
        match self.command {
            Command::Serve(options) => serve::run(&options).await,
            Command::Dev(options) => dev::run(&options).await,
            Command::Env(command) => env::run(command).await.map(done),
            Command::Keys(command) => keys::run(command).await.map(done),
            Command::Providers(command) => providers::run(&command),
            Command::Migrate(options) => migrate::run(&options).await.map(done),
            Command::Config(command) => config::run(&command).map(done),
            Command::Healthcheck(options) => healthcheck::run(&options).await.map(done),
        }
    }
}

/// An environment by name.
///
/// # Errors
/// The names there are, when this is none of them.
async fn environment(
    engine: &valetkey_engine::Engine,
    account_id: i64,
    name: &str,
) -> Result<valetkey_engine::EnvironmentView> {
    let environments = engine.environments(account_id).await?;
    let names: Vec<_> = environments.iter().map(|view| view.name.clone()).collect();
    environments.into_iter().find(|view| view.name == name).ok_or_else(|| {
        anyhow::anyhow!("there is no environment {name:?}; there are: {}", names.join(", "))
    })
}
