//! A Valetkey under test: its settings and its database, which outlive the processes started on it.

use std::{
    fs,
    io::Read,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    child::{self, Process},
    load::{Load, Outcome},
    request::{NUMBER, Numbers, Request},
    token::TokenServer,
    wire::{self, Connection},
};

const READY_TIMEOUT: Duration = Duration::from_mins(1);
/// The integration every connection of the bench belongs to.
const INTEGRATION: &str = "bench";
/// About as long as the access tokens of large providers.
const ACCESS_TOKEN_CHARS: usize = 180;
/// Not within any run of this program.
const NEVER: &str = "2099-01-01T00:00:00.000Z";
const LONG_AGO: &str = "2020-01-01T00:00:00.000Z";

/// The two engines, as the table names them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(super) const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// What all sites of a run share.
pub(super) struct Ground {
    pub(super) binary: PathBuf,
    pub(super) folder: PathBuf,
    providers: PathBuf,
}

impl Ground {
    /// Write the catalogue entry of the token server into `folder`.
    pub(super) fn new(binary: &Path, folder: &Path, token: &TokenServer) -> Result<Self> {
        let providers = folder.join("providers.yaml");
        // JSON is YAML.
        fs::write(&providers, token.catalogue().to_string())
            .with_context(|| format!("writing {}", providers.display()))?;
        Ok(Self { binary: binary.to_path_buf(), folder: folder.to_path_buf(), providers })
    }
}

/// Settings and database of one installation.
pub(super) struct Site {
    folder: PathBuf,
    binary: PathBuf,
    settings: Vec<(&'static str, String)>,
    pub(super) api_key: String,
}

impl Site {
    /// Without `database_url` it is on SQLite, in its own folder.
    pub(super) fn new(ground: &Ground, name: &str, database_url: Option<String>) -> Result<Self> {
        let folder = ground.folder.join(name);
        fs::create_dir(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let api_key = uuid::Uuid::new_v4().to_string();
        let mut settings = vec![
            ("VALETKEY_DATA_DIR", folder.join("data").display().to_string()),
            ("VALETKEY_MASTER_KEY", BASE64_STANDARD.encode(master_key()?)),
            ("VALETKEY_API_KEY_DEV", api_key.clone()),
            ("VALETKEY_EGRESS_ALLOW", "127.0.0.0/8".to_owned()),
            ("VALETKEY_PROVIDERS", ground.providers.display().to_string()),
            ("VALETKEY_RATE_LIMIT_PER_MIN", "0".to_owned()),
        ];
        settings.extend(database_url.map(|url| ("DATABASE_URL", url)));
        Ok(Self { folder, binary: ground.binary.clone(), settings, api_key })
    }

    /// Start a server process on it and wait for its first 200 on `/ready`.
    pub(super) fn start(&self) -> Result<Server> {
        let address = child::free_address()?;
        let log = self.folder.join(format!("server-{}.log", address.port()));
        let mut command = Command::new(&self.binary);
        command
            .arg("serve")
            .current_dir(&self.folder)
            .env_clear()
            .envs(self.settings.iter().map(|(name, value)| (*name, value)))
            .env("VALETKEY_LISTEN", address.to_string())
            .stdout(Stdio::null());
        let request = Request::new("GET", "/ready", &self.api_key, None, Numbers::Random(1));
        let request = request.about(0);
        let runtime = wire::runtime()?;
        let begin = Instant::now();
        let mut process = Process::spawn(&mut command, &log)?;
        runtime.block_on(async {
            while !is_ready(address, &request).await {
                process.check_running()?;
                child::pause_until(begin + READY_TIMEOUT)
                    .await
                    .with_context(|| format!("waiting for /ready:\n{}", process.log_end()))?;
            }
            Ok(Server { ready_after: begin.elapsed(), process, address })
        })
    }

    /// Create the integration that the connections belong to.
    pub(super) fn create_integration(&self, server: &Server) -> Result<()> {
        let body = json!({
            "provider": "bench",
            "unique_key": INTEGRATION,
            "credentials": {
                "type": "OAUTH2",
                "client_id": "bench-client",
                "client_secret": "bench-client-secret",
            },
        });
        self.call(server, "POST", "/integrations", Some(&body))
            .context("creating the integration")?;
        Ok(())
    }

    /// Import the connections `start..end` that expire at no time of a run.
    pub(super) fn import(
        &self,
        server: &Server,
        numbers: (u64, u64),
        connections: usize,
        time_max: Duration,
    ) -> Result<Outcome> {
        let id = format!("bench-{NUMBER}");
        let body = import_body(&id, NEVER).to_string();
        let numbers_left = Numbers::sequence(numbers.0, numbers.1);
        let request =
            Request::new("POST", "/connections", &self.api_key, Some(&body), numbers_left);
        let outcome = Load {
            address: server.address,
            request: Arc::new(request),
            connections,
            warm_up: Duration::ZERO,
            measured: time_max,
        }
        .run()
        .context("importing connections")?;
        let missing = (numbers.1 - numbers.0).saturating_sub(outcome.histogram.total());
        if missing > 0 {
            bail!(
                "{missing} connections were not imported; the first error: {}",
                outcome.first_error.as_deref().unwrap_or("out of time")
            );
        }
        Ok(outcome)
    }

    /// Import a connection whose token has to be refreshed before it is served.
    pub(super) fn import_expired(&self, server: &Server, id: &str) -> Result<()> {
        let body = import_body(id, LONG_AGO);
        self.call(server, "POST", "/connections", Some(&body))
            .context("importing an expired connection")?;
        Ok(())
    }

    /// Let calls of the integration go to hosts beside its provider's.
    pub(super) fn allow_hosts(&self, server: &Server, hosts: &[&str]) -> Result<()> {
        let body = json!({ "proxy": { "allowed_hosts": hosts } });
        let target = format!("/integrations/{INTEGRATION}");
        self.call(server, "PATCH", &target, Some(&body)).context("allowing hosts")?;
        Ok(())
    }

    /// What makes a request a call through the proxy, with the credentials of the first connection.
    pub(super) fn proxy_headers(base_url: &str) -> Vec<String> {
        vec![
            format!("provider-config-key: {INTEGRATION}"),
            "connection-id: bench-00000000".to_owned(),
            format!("base-url-override: {base_url}"),
        ]
    }

    fn call(
        &self,
        server: &Server,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Vec<u8>> {
        let body = body.map(Value::to_string);
        let request =
            Request::new(method, target, &self.api_key, body.as_deref(), Numbers::Random(1));
        wire::runtime()?.block_on(async {
            let mut connection = Connection::open(server.address).await?;
            let bytes = request.about(0);
            let reply = connection.exchange(&bytes).await?;
            if !reply.is_success() {
                bail!("{method} {target}: {}", reply.summary());
            }
            Ok(reply.body.to_vec())
        })
    }
}

/// A running server process of a site.
pub(super) struct Server {
    pub(super) process: Process,
    pub(super) address: SocketAddr,
    /// From before the process was made to the first 200 on `/ready`.
    pub(super) ready_after: Duration,
}

/// The target that reads connection `id`.
pub(super) fn read_target(id: &str) -> String {
    format!("/connections/{id}?provider_config_key={INTEGRATION}")
}

/// The body that asks for a connect session.
pub(super) fn session_body() -> String {
    json!({
        "end_user": { "id": "user-1", "email": "ann@example.com" },
        "allowed_integrations": [INTEGRATION],
    })
    .to_string()
}

fn import_body(id: &str, expires_at: &str) -> Value {
    json!({
        "provider_config_key": INTEGRATION,
        "connection_id": id,
        "credentials": {
            "type": "OAUTH2",
            "access_token": format!("stale-{}", "a".repeat(ACCESS_TOKEN_CHARS)),
            "refresh_token": format!("bench-refresh-{id}"),
            "expires_at": expires_at,
        },
    })
}

async fn is_ready(address: SocketAddr, request: &[u8]) -> bool {
    let Ok(mut connection) = Connection::open(address).await else {
        return false;
    };
    let reply = connection.exchange(request).await;
    reply.is_ok_and(|reply| reply.status == 200)
}

fn master_key() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context("reading randomness")?;
    Ok(bytes)
}
