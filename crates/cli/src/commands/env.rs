//! `valetkey env`: environments from the shell. A running server notices at once.

mod settings;
mod variables;

use anyhow::{Result, anyhow};
use clap::{Args, Subcommand};
use valetkey_engine::{EnvironmentSettings, EnvironmentView, Error};

use super::environment;
use crate::config::flags::StorageSettings;
use crate::config::{Needs, Problem, Problems};
use crate::logging;
use crate::open::{ACTOR, Opened};
use crate::output::{say, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Change settings of an environment.
    Set(Set),
    /// Print the settings of an environment.
    Get(Get),
    /// List environments.
    List(List),
    /// Make an environment.
    Create(Create),
    /// Print the keys that sign webhooks now, the current one first.
    SigningKey(SigningKey),
    /// Set, unset and list variables of an environment.
    #[command(subcommand)]
    Variables(variables::Command),
}

const SET_HELP: &str = "\
Settings:
  webhook_url              where events go
  webhook_url_secondary    where they go as well
  alert_url                where operators are told what needs somebody, such as a chat's webhook
  alert_emails             e-mail addresses that are told as well, by commas; needs VALETKEY_SMTP_URL
  on_auth_creation         tell new connections (true or false)
  on_auth_refresh_error    tell failed refreshes (true or false)
  on_auth_refresh_success  tell good refreshes (true or false)
  callback_url             sent to providers as redirect_uri; must redirect (308) to this server's
  return_urls              where a connect link may lead afterwards: origins or addresses, by commas
  single_use_sessions      end a connect session with its first connection (true or false)
  connect_ui_name          your product's name on the Connect UI
  connect_ui_logo          its logo, as data:image/svg+xml;base64,… (32 KiB)
  connect_ui_primary_light, connect_ui_primary_dark
                           colour of its buttons, such as #1c6a50
  connect_ui_font_family   fonts of the device, such as \"Inter\", sans-serif
  connect_ui_radius        radius of its corners in pixels, 0 to 32
  connect_ui_theme         light, dark or system
  connect_ui_watermark     say what it is made with (true or false)

Nothing after the = puts the default back. All changes are made, or none.

Examples:
  valetkey env set dev webhook_url=https://app.example.com/hooks on_auth_creation=true
  valetkey env set dev callback_url=";

#[derive(Args, Debug)]
#[command(after_help = SET_HELP)]
pub(crate) struct Set {
    /// Name of the environment.
    environment: String,
    /// What to change.
    #[arg(required = true, value_name = "SETTING=VALUE")]
    changes: Vec<String>,
    #[command(flatten)]
    settings: StorageSettings,
}

#[derive(Args, Debug)]
pub(crate) struct Get {
    /// Name of the environment.
    environment: String,
    #[command(flatten)]
    settings: StorageSettings,
}

#[derive(Args, Debug)]
pub(crate) struct SigningKey {
    /// Name of the environment.
    environment: String,
    #[command(flatten)]
    settings: StorageSettings,
}

#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    settings: StorageSettings,
}

#[derive(Args, Debug)]
pub(crate) struct Create {
    /// Its name: lower-case letters, digits, hyphens and underscores.
    name: String,
    /// Whether it serves real customers.
    #[arg(long)]
    production: bool,
    #[command(flatten)]
    settings: StorageSettings,
}

pub(crate) async fn run(command: Command) -> Result<()> {
    logging::start_quiet()?;
    match command {
        Command::Set(set) => self::set(set).await,
        Command::Get(get) => self::get(get).await,
        Command::SigningKey(wanted) => signing_key(wanted).await,
        Command::List(list) => self::list(list).await,
        Command::Create(create) => self::create(create).await,
        Command::Variables(command) => variables::run(command).await,
    }
}

async fn set(set: Set) -> Result<()> {
    let config = set.settings.load(Needs::MasterKey)?;
    let opened = Opened::for_command(&config).await?;
    let settings = opened
        .run(async |engine, account_id| {
            let changes = settings::read(&set.changes, engine.egress())?;
            let view = environment(engine, account_id, &set.environment).await?;
            let apply = move |current: &mut EnvironmentSettings| {
                for change in changes {
                    change.apply(current);
                }
            };
            Ok(engine.update_environment_settings(view.id, ACTOR, apply).await?)
        })
        .await?;
    say(settings::show(&settings));
    Ok(())
}

async fn get(get: Get) -> Result<()> {
    let config = get.settings.load(Needs::MasterKey)?;
    let opened = Opened::for_command(&config).await?;
    let view = opened
        .run(async |engine, account_id| environment(engine, account_id, &get.environment).await)
        .await?;
    say(settings::show(&view.settings));
    Ok(())
}

async fn signing_key(wanted: SigningKey) -> Result<()> {
    let config = wanted.settings.load(Needs::MasterKey)?;
    let opened = Opened::for_command(&config).await?;
    let keys = opened
        .run(async |engine, account_id| {
            let view = environment(engine, account_id, &wanted.environment).await?;
            let recorder = engine.recorder();
            recorder.audit(Some(view.id), ACTOR, "webhook_signing_key.read", "");
            let keys = engine.signing_keys(view.id).await?;
            recorder.flush().await?;
            Ok(keys)
        })
        .await?;
    for key in keys {
        say(key.expose());
    }
    Ok(())
}

async fn list(list: List) -> Result<()> {
    let config = list.settings.load(Needs::MasterKey)?;
    let opened = Opened::for_command(&config).await?;
    let views =
        opened.run(async |engine, account_id| Ok(engine.environments(account_id).await?)).await?;
    let row = |view: EnvironmentView| {
        let kind = if view.is_production { "production" } else { "test" };
        let webhook = view.settings.webhook_url.unwrap_or_else(|| "-".to_owned());
        [view.name, kind.to_owned(), view.uuid, webhook]
    };
    let rows: Vec<_> = views.into_iter().map(row).collect();
    say(table(["name", "kind", "uuid", "webhook_url"], &rows));
    Ok(())
}

async fn create(create: Create) -> Result<()> {
    let config = create.settings.load(Needs::MasterKey)?;
    let opened = Opened::for_command(&config).await?;
    let view = opened
        .run(async |engine, account_id| {
            let settings = EnvironmentSettings::default();
            engine
                .create_environment(account_id, &create.name, create.production, settings, ACTOR)
                .await
                .map_err(|error| match error {
                    Error::Invalid(issues) => {
                        let messages: Vec<_> = issues.into_iter().map(|it| it.message).collect();
                        Problems::from(Problem::new("NAME", messages.join(" "))).into()
                    }
                    other => anyhow!("{other}"),
                })
        })
        .await?;
    say(format_args!("{} is there; make it a key with `valetkey keys create`.", view.name));
    Ok(())
}
