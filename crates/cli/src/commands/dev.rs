//! `valetkey dev`: the whole loop in one process and offline. The server, an emulated provider, an
//! app that uses the server, and a webhook inbox, all on loopback.

mod demo;
mod own_app;

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use axum::Router;
use clap::{Args, value_parser};
use tokio::net::TcpListener;
use url::Url;
use valetkey_base::Secret;
use valetkey_catalog::Catalog;
use valetkey_egress::AllowList;
use valetkey_emulator::{app, catalog, inbox, provider};
use valetkey_engine::keys::KEY_PREFIX;
use valetkey_engine::{DefinedKey, Engine};

use self::own_app::{OwnApp, Told};
use crate::config::{Config, LogFormat, Problem, Problems};
use crate::data_folder::{self, DATABASE_FILE, MASTER_KEY_FILE};
use crate::open::Opened;
use crate::output::say;
use crate::providers::{self, ProviderFiles};
use crate::serving::{self, Signals};
use crate::{commands::serve, logging};

const API_KEY_FILE: &str = "api.key";

const HELP: &str = "\
Open the app it prints, press Connect, and approve. The connection's webhook is in the inbox, its
token in the app; tokens live two minutes, so you can watch a refresh. \"Break it\" withdraws the
grant at the provider, and Reconnect repairs the connection.

The data folder is kept between runs. The emulated provider is not: it forgets its grants, so
connections of an earlier run need a reconnect.

An app of your own is started with what it needs as variables: VALETKEY_HOST, VALETKEY_API_KEY,
VALETKEY_SIGNING_KEY, and PORT to listen on; webhooks come to its path /webhooks:

  valetkey dev -- node examples/app/server.mjs

Settings of `valetkey serve` (variables and file) are not read.";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// The server's port; the provider and the apps take the next three. 0 takes any free ones.
    #[arg(long, default_value_t = 3003, value_parser = value_parser!(u16).range(0..=65532))]
    port_base: u16,
    /// Folder for the database and keys.
    #[arg(long, default_value = "./data/dev", value_name = "FOLDER")]
    data_dir: PathBuf,
    /// Start anew: delete what earlier runs left in the folder.
    #[arg(long)]
    fresh: bool,
    /// Provider files or folders over the catalogue, separated by commas. Changes are noticed.
    #[arg(long, value_name = "PATHS", value_delimiter = ',')]
    providers: Vec<PathBuf>,
    /// What to log on standard error: a level, or levels by module.
    #[arg(long, default_value = "warn", value_name = "FILTER")]
    log_filter: String,
    /// An app of your own to start beside the server, after `--`.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// The three ports and the URLs they are reached at.
struct Ports {
    server: TcpListener,
    provider: TcpListener,
    app: TcpListener,
    server_url: String,
    provider_url: String,
    app_url: String,
}

impl Ports {
    async fn open(base: u16) -> Result<Self> {
        let port = |offset: u16| if base == 0 { 0 } else { base + offset };
        let [server, provider, app] = [port(0), port(1), port(2)]
            .map(async |port| serving::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await);
        let (server, provider, app) = (server.await?, provider.await?, app.await?);
        let url = |address: SocketAddr| format!("http://{address}");
        Ok(Self {
            server_url: url(server.1),
            provider_url: url(provider.1),
            app_url: url(app.1),
            server: server.0,
            provider: provider.0,
            app: app.0,
        })
    }
}

pub(crate) async fn run(options: &Options) -> Result<ExitCode> {
    let config = config(options)?;
    logging::start(LogFormat::Text, &config.log_filter)?;
    let lock = folder(options)?;
    let ports = Ports::open(options.port_base)
        .await
        .context("a port of the three is taken; choose others with --port-base")?;
    let (signals, hangup) = (Signals::new()?, serving::hangup()?);
    let (base, _) = Catalog::bundled()
        .overlay(&catalog::providers_yaml(&ports.provider_url), "emulator.yaml")
        .context("the emulator's provider file cannot be used")?;
    let mut provider_files = ProviderFiles::new(base, &options.providers);
    let overlay = provider_files.read_at_start()?;
    providers::log_start(&overlay);
    let catalog = overlay.catalog;
    let Opened { engine, account_id } = Opened::new(&config, catalog, &ports.server_url).await?;
    serve::prepare(&engine, account_id, &config).await?;
    let key = api_key(&engine, account_id, &options.data_dir).await?;
    let environment = super::environment(&engine, account_id, "dev").await?;
    let own_app_port = if options.port_base == 0 { 0 } else { options.port_base + 3 };
    let own_app = OwnApp::new(&options.command, own_app_port).await?;
    let own_webhook_url = own_app.as_ref().map(OwnApp::webhook_url);
    let inbox_url = format!("{}/webhooks", ports.app_url);
    demo::seed(&engine, &environment, &inbox_url, own_webhook_url).await?;
    engine.start_jobs();
    let interval = config.providers_reload_interval;
    engine.tasks().spawn(provider_files.watch(engine.clone(), hangup, interval));

    let server = valetkey_server::app::router(engine.clone(), config.server_options());
    let provider = emulator(&engine, &ports);
    let signing_key = signing_key(&engine, environment.id).await?;
    let inbox = inbox::InboxState::new(inbox::InboxOptions {
        base_url: ports.app_url.clone(),
        clock: engine.clock().clone(),
        signing_key: Some(signing_key.clone()),
    });
    engine.tasks().spawn(follow_rotation(engine.clone(), environment.id, inbox.clone()));
    let app = app::router(app_options(&ports, provider.clone(), server.clone(), key.clone())?);
    let own_url = own_app.as_ref().map(OwnApp::url);
    let dashboard = dashboard(&engine, account_id, &ports.server_url).await?;
    say(banner(&ports, own_url.as_deref(), &key, &signing_key, &dashboard));
    if let Some(own) = own_app {
        let told = Told { host: &ports.server_url, api_key: &key, signing_key: &signing_key };
        own.start(&engine, &told)?;
    }
    let servers: Vec<(TcpListener, Router)> = vec![
        (ports.server, server),
        (ports.provider, provider::router(provider)),
        (ports.app, app.merge(inbox::router(inbox))),
    ];
    let ended = serving::until_stopped(servers, engine, signals, config.shutdown_timeout).await;
    drop(lock);
    Ok(serve::exit_code(ended))
}

fn config(options: &Options) -> Result<Config, Problems> {
    let mut config = Config::defaults();
    config.data_dir.clone_from(&options.data_dir);
    // One's own clicks and scripts should never meet the limit.
    config.rate_limit_per_min = 0;
    config.log_filter.clone_from(&options.log_filter);
    let wrong = |source: &str| {
        let source = source.to_owned();
        move |message: String| Problems::from(Problem::new(source, message))
    };
    config.egress_allow = AllowList::parse("127.0.0.0/8").map_err(wrong("egress_allow"))?;
    tracing_subscriber::EnvFilter::try_new(&config.log_filter)
        .map_err(|error| wrong("--log-filter")(error.to_string()))?;
    Ok(config)
}

fn folder(options: &Options) -> Result<File> {
    let folder = &options.data_dir;
    data_folder::create(folder)?;
    let lock = data_folder::lock(folder)?;
    if options.fresh {
        let database = ["", "-wal", "-shm"].map(|end| format!("{DATABASE_FILE}{end}"));
        let keys = [MASTER_KEY_FILE, API_KEY_FILE].map(str::to_owned);
        // By name, never the folder: somebody may have pointed this at one with other things in it.
        for name in database.iter().chain(&keys) {
            let path = folder.join(name);
            if path.exists() {
                let cannot = || format!("{} cannot be deleted", path.display());
                fs::remove_file(&path).with_context(cannot)?;
            }
        }
    }
    Ok(lock)
}

/// The same key at every start, so that scripts keep working.
async fn api_key(engine: &Engine, account_id: i64, folder: &Path) -> Result<Secret> {
    let path = folder.join(API_KEY_FILE);
    let secret = if let Some(secret) = data_folder::read_secret(&path)? {
        secret
    } else {
        let new = Secret::new(format!("{KEY_PREFIX}{}", engine.rng().base64url(32)));
        data_folder::write_new_secret(&path, &new, engine.rng())?
    };
    let key = DefinedKey { environment: "dev".to_owned(), secret: secret.clone() };
    engine.define_keys(account_id, &[key]).await?;
    Ok(secret)
}

fn emulator(engine: &Engine, ports: &Ports) -> provider::EmulatorState {
    let (clock, rng) = (engine.clock().clone(), engine.rng().clone());
    provider::EmulatorState::new(provider::Options::new(&ports.provider_url, clock, rng))
}

fn app_options(
    ports: &Ports,
    emulator: provider::EmulatorState,
    server: Router,
    key: Secret,
) -> Result<app::AppOptions> {
    let valetkey_url = Url::parse(&ports.server_url)?;
    let socket_url = ports.server_url.replacen("http://", "ws://", 1);
    Ok(app::AppOptions {
        base_url: ports.app_url.clone(),
        valetkey_url,
        valetkey_ws_url: Url::parse(&format!("{socket_url}/"))?,
        oauth_integration: demo::OAUTH.to_owned(),
        api_key_integration: demo::API_KEY.to_owned(),
        inbox_url: Some(format!("{}/inbox", ports.app_url)),
        emulator: Some(emulator),
        http: demo::in_process(server, key),
    })
}

async fn signing_key(engine: &Engine, environment_id: i64) -> Result<Secret> {
    let keys = engine.signing_keys(environment_id).await?;
    keys.into_iter().next().context("the environment dev has no webhook signing key")
}

/// The inbox goes on checking signatures after the key was rotated.
async fn follow_rotation(engine: Engine, environment_id: i64, inbox: inbox::InboxState) {
    let stop = engine.tasks().stopping();
    let mut notices = engine.store().notices();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            notice = notices.recv() => {
                if matches!(notice, Err(tokio::sync::broadcast::error::RecvError::Closed)) {
                    return;
                }
            }
        }
        if let Ok(key) = signing_key(&engine, environment_id).await {
            inbox.set_signing_key(key);
        }
    }
}

/// The dashboard's address; while nobody can sign in, the link that creates the owner.
async fn dashboard(engine: &Engine, account_id: i64, server_url: &str) -> Result<String> {
    Ok(match engine.make_owner_link(account_id).await? {
        Some(link) => format!("{}   creates the owner, once", link.expose()),
        None => format!("{server_url}/dashboard/"),
    })
}

fn banner(
    ports: &Ports,
    own_url: Option<&str>,
    key: &Secret,
    signing_key: &Secret,
    dashboard: &str,
) -> String {
    let Ports { server_url, provider_url, app_url, .. } = ports;
    let (key, signing_key) = (key.expose(), signing_key.expose());
    let (oauth, api_key, connection) = (demo::OAUTH, demo::API_KEY, demo::CONNECTION);
    let own = own_url.map(|url| format!("  Your app        {url}\n")).unwrap_or_default();
    format!(
        "\
Valetkey {version} for development, offline. Ctrl-C stops it.

{own}  Sample app      {app_url}          start here: press Connect
  Webhook inbox   {app_url}/inbox
  Provider        {provider_url}          what it granted, and failures on demand
  Server          {server_url}
  Dashboard       {dashboard}
  API key (dev)   {key}
  Signing key     {signing_key}          verifies webhooks

Connections, one connection's credentials, and a connect session for a user:

curl -H 'Authorization: Bearer {key}' '{server_url}/connections'

curl -H 'Authorization: Bearer {key}' '{server_url}/connections/{connection}?provider_config_key={api_key}'

curl -X POST -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d \
'{{\"tags\":{{\"end_user_id\":\"user-1\"}},\"allowed_integrations\":[\"{oauth}\"]}}' '{server_url}/connect/sessions'
",
        version = env!("CARGO_PKG_VERSION"),
    )
}
