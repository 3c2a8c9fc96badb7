//! `valetkey env variables`: values an app reads from `GET /environment-variables`, sealed.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use valetkey_base::Secret;
use valetkey_engine::environments::{VARIABLE_BYTES_MAX, VARIABLE_NAME_BYTES_MAX};

use super::super::environment;
use crate::config::flags::StorageSettings;
use crate::config::{Needs, Problem, Problems};
use crate::open::{ACTOR, Opened};
use crate::output::say;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set variables; the values are sealed in the database.
    Set(Set),
    /// Remove a variable.
    Unset(Unset),
    /// List the names of the variables.
    List(List),
}

#[derive(Args, Debug)]
pub(crate) struct Set {
    /// Name of the environment.
    environment: String,
    /// What to set.
    #[arg(required = true, value_name = "NAME=VALUE")]
    variables: Vec<String>,
    #[command(flatten)]
    settings: StorageSettings,
}

#[derive(Args, Debug)]
pub(crate) struct Unset {
    /// Name of the environment.
    environment: String,
    /// Name of the variable.
    name: String,
    #[command(flatten)]
    settings: StorageSettings,
}

#[derive(Args, Debug)]
pub(crate) struct List {
    /// Name of the environment.
    environment: String,
    #[command(flatten)]
    settings: StorageSettings,
}

pub(super) async fn run(command: Command) -> Result<()> {
    match command {
        Command::Set(set) => self::set(set).await,
        Command::Unset(unset) => self::unset(unset).await,
        Command::List(list) => self::list(list).await,
    }
}

async fn set(set: Set) -> Result<()> {
    let variables = read(&set.variables)?;
    let config = set.settings.load(Needs::MasterKey)?;
    let opened = Opened::for_command(&config).await?;
    opened
        .run(async |engine, account_id| {
            let view = environment(engine, account_id, &set.environment).await?;
            for (name, value) in &variables {
                engine.set_environment_variable(view.id, name, value, ACTOR).await?;
            }
            Ok(())
        })
        .await
}

fn read(written: &[String]) -> Result<Vec<(String, Secret)>, Problems> {
    let mut variables = Vec::new();
    let mut problems = Vec::new();
    for (index, text) in written.iter().enumerate() {
        match text.split_once('=') {
            Some((name, value))
                if !name.is_empty()
                    && name.len() <= VARIABLE_NAME_BYTES_MAX
                    && value.len() <= VARIABLE_BYTES_MAX =>
            {
                variables.push((name.to_owned(), Secret::new(value)));
            }
            // The text may be a secret, so it is counted and not shown.
            _ => problems.push(Problem::new(
                format!("variable {}", index + 1),
                "expected a name of at most 255 bytes, =, and a value of at most 64 KiB",
            )),
        }
    }
    if problems.is_empty() { Ok(variables) } else { Err(Problems(problems)) }
}

async fn unset(unset: Unset) -> Result<()> {
    let config = unset.settings.load(Needs::MasterKey)?;
    let opened = Opened::for_command(&config).await?;
    opened
        .run(async |engine, account_id| {
            let view = environment(engine, account_id, &unset.environment).await?;
            if !engine.unset_environment_variable(view.id, &unset.name, ACTOR).await? {
                bail!("{} has no variable {:?}", view.name, unset.name);
            }
            Ok(())
        })
        .await
}

async fn list(list: List) -> Result<()> {
    let config = list.settings.load(Needs::MasterKey)?;
    let opened = Opened::for_command(&config).await?;
    let variables = opened
        .run(async |engine, account_id| {
            let view = environment(engine, account_id, &list.environment).await?;
            Ok(engine.environment_variables(view.id).await?)
        })
        .await?;
    for (name, _) in variables {
        say(name);
    }
    Ok(())
}
