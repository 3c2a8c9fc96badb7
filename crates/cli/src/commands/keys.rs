//! `valetkey keys`: API keys from the shell.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use clap::{Args, Subcommand};
use valetkey_base::ScopeSet;
use valetkey_base::scope::{ACCOUNT_SCOPES, ENVIRONMENT_SCOPES};
use valetkey_engine::Engine;
use valetkey_store::ApiKey;

use super::environment;
use crate::config::flags::StorageSettings;
use crate::config::{Needs, Problem, Problems, parse_duration};
use crate::logging;
use crate::open::{ACTOR, Opened};
use crate::output::{say, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key. It is printed once and stored as a hash.
    Create(Create),
    /// List live keys.
    List(List),
    /// Make a key stop working at once.
    Revoke(Revoke),
}

const CREATE_HELP: &str = "\
Examples:
  valetkey keys create prod --name backend
  valetkey keys create dev --name ci --scope environment:connections:list --expires-in 90d
  valetkey keys create --account --name provisioning";

#[derive(Args, Debug)]
#[command(after_help = CREATE_HELP)]
pub(crate) struct Create {
    /// Environment that the key opens.
    #[arg(required_unless_present = "account")]
    environment: Option<String>,
    /// Make a key of the account, which manages environments and their keys, instead.
    #[arg(long, conflicts_with = "environment")]
    account: bool,
    /// What to call it; unique among the live keys of the environment.
    #[arg(long)]
    name: String,
    /// What it may do; may be repeated. Everything in the environment when omitted.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// When it stops working: 12h, 90d, … Never when omitted.
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    expires_in: Option<Duration>,
    #[command(flatten)]
    settings: StorageSettings,
}

#[derive(Args, Debug)]
pub(crate) struct List {
    /// Only keys of this environment.
    environment: Option<String>,
    /// Only keys of the account.
    #[arg(long, conflicts_with = "environment")]
    account: bool,
    #[command(flatten)]
    settings: StorageSettings,
}

#[derive(Args, Debug)]
pub(crate) struct Revoke {
    /// Its number in `valetkey keys list`.
    id: i64,
    #[command(flatten)]
    settings: StorageSettings,
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let found = parse_duration(text).filter(|duration| !duration.is_zero());
    found.ok_or_else(|| "expected a whole number and a unit, such as 12h or 90d".to_owned())
}

pub(crate) async fn run(command: Command) -> Result<()> {
    logging::start_quiet()?;
    match command {
        Command::Create(create) => self::create(create).await,
        Command::List(list) => self::list(list).await,
        Command::Revoke(revoke) => self::revoke(revoke).await,
    }
}

async fn create(create: Create) -> Result<()> {
    let scopes = checked_scopes(&create)?;
    let name = create.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > 255 {
        return Err(Problems::from(Problem::new("--name", "expected 1 to 255 characters")).into());
    }
    let config = create.settings.load(Needs::MasterKey)?;
    let opened = Opened::for_command(&config).await?;
    let (key, secret) = opened
        .run(async |engine, account_id| {
            let environment_id = match &create.environment {
                Some(name) => Some(environment(engine, account_id, name).await?.id),
                None => None,
            };
            let expires_at = create.expires_in.map(|lifetime| engine.clock().now().plus(lifetime));
            engine
                .create_api_key(account_id, environment_id, &name, scopes, expires_at, ACTOR)
                .await
                .map_err(|error| anyhow!("{error}"))
        })
        .await?;
    say(secret.expose());
    // The key alone on standard output, so that a script can take it.
    tracing::warn!("key {} was made; it is not shown again", key.id);
    Ok(())
}

fn checked_scopes(create: &Create) -> Result<ScopeSet, Problems> {
    let (known, all) = if create.account {
        (ACCOUNT_SCOPES, "account:*")
    } else {
        (ENVIRONMENT_SCOPES, "environment:*")
    };
    let unknown = |scope: &&String| !known.contains(&scope.as_str());
    let problems: Vec<_> = create
        .scopes
        .iter()
        .filter(unknown)
        .map(|scope| {
            let message = format!("there is no scope {scope:?}; there are: {}", known.join(", "));
            Problem::new("--scope", message)
        })
        .collect();
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let mut scopes = create.scopes.clone();
    if scopes.is_empty() {
        scopes.push(all.to_owned());
    }
    Ok(ScopeSet::new(scopes))
}

/// Every live key, with the name of its environment; the account's own first.
async fn all_keys(engine: &Engine, account_id: i64) -> Result<Vec<(Option<String>, ApiKey)>> {
    let mut keys = Vec::new();
    for key in engine.store().api_keys(account_id, None).await? {
        keys.push((None, key));
    }
    for view in engine.environments(account_id).await? {
        for key in engine.store().api_keys(account_id, Some(view.id)).await? {
            keys.push((Some(view.name.clone()), key));
        }
    }
    Ok(keys)
}

async fn list(list: List) -> Result<()> {
    let config = list.settings.load(Needs::MasterKey)?;
    let opened = Opened::for_command(&config).await?;
    let keys = opened
        .run(async |engine, account_id| {
            if let Some(name) = &list.environment {
                environment(engine, account_id, name).await?;
            }
            all_keys(engine, account_id).await
        })
        .await?;
    let moment = |at: Option<valetkey_base::Timestamp>| {
        at.map_or_else(|| "never".to_owned(), |at| at.format("%Y-%m-%d %H:%M"))
    };
    let wanted = |environment: &Option<String>| match &list.environment {
        Some(_) => *environment == list.environment,
        None => !list.account || environment.is_none(),
    };
    let rows: Vec<_> = keys
        .into_iter()
        .filter(|(environment, _)| wanted(environment))
        .map(|(environment, key)| {
            [
                key.id.to_string(),
                environment.unwrap_or_else(|| "(account)".to_owned()),
                key.display_name,
                key.prefix,
                moment(key.expires_at),
                moment(key.last_used_at),
                key.scopes.as_slice().join(" "),
            ]
        })
        .collect();
    let heading = ["id", "environment", "name", "begins", "expires", "last used", "scopes"];
    say(table(heading, &rows));
    Ok(())
}

async fn revoke(revoke: Revoke) -> Result<()> {
    let config = revoke.settings.load(Needs::MasterKey)?;
    let opened = Opened::for_command(&config).await?;
    opened
        .run(async |engine, account_id| {
            let keys = all_keys(engine, account_id).await?;
            let Some((_, key)) = keys.into_iter().find(|(_, key)| key.id == revoke.id) else {
                bail!("there is no live key {}; `valetkey keys list` shows all", revoke.id);
            };
            engine.revoke_api_key(account_id, key.environment_id, key.id, ACTOR).await?;
            Ok(())
        })
        .await?;
    say(format_args!("Key {} does not work any more.", revoke.id));
    Ok(())
}
