//! Configuration: defaults, a file, the environment, flags; each layer over the one before it.
//!
//! [`keys::KEYS`] is the one list of settings. Parsing, flags, the commented default file and the
//! reference page are all made from it, so a setting is added in one place.

pub(crate) mod document;
mod environment;
pub(crate) mod flags;
pub(crate) mod key;
mod keys;
mod layers;
mod problem;
mod section;
mod units;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use valetkey_base::Secret;
use valetkey_egress::{AllowList, SmtpServer};
use valetkey_engine::Settings;
use valetkey_engine::members::Role;
use valetkey_engine::members::openid::OpenIdSettings;
use valetkey_engine::proxy::ProxySettings;
use valetkey_server::middleware::client_address::TrustedProxies;
use valetkey_server::ui::ConnectPageOptions;
use valetkey_vault::MasterKey;

pub(crate) use environment::variables;
pub(crate) use layers::{Needs, Sources, load};
pub(crate) use problem::{Problem, Problems};
pub(crate) use units::duration as parse_duration;

/// What the configuration means, after every layer.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) public_url: Option<String>,
    pub(crate) connect_url: Option<String>,
    pub(crate) connect_listen: Option<SocketAddr>,
    pub(crate) connect_page: ConnectPageOptions,
    pub(crate) openid: OpenId,
    pub(crate) smtp_server: Option<SmtpServer>,
    pub(crate) smtp_from: Option<String>,
    pub(crate) websockets_path: String,
    pub(crate) body_bytes_max: u64,
    pub(crate) rate_limit_per_min: u64,
    pub(crate) webhook_rate_limit_per_min: u64,
    pub(crate) password_memory: u64,
    pub(crate) sockets_max: u64,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) data_dir: PathBuf,
    pub(crate) database_url: Option<Secret>,
    pub(crate) postgres_connections_max: u64,
    pub(crate) master_key: Option<MasterKey>,
    pub(crate) master_keys_previous: Vec<MasterKey>,
    pub(crate) api_keys: Vec<ConfiguredKey>,
    pub(crate) providers: Vec<PathBuf>,
    pub(crate) providers_reload_interval: Duration,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) egress_allow: AllowList,
    pub(crate) token_timeout: Duration,
    /// Its sizes are beside it.
    pub(crate) proxy: ProxySettings,
    pub(crate) proxy_replay_max: u64,
    pub(crate) proxy_signed_max: u64,
    pub(crate) webhook_timeout: Duration,
    pub(crate) webhook_parallel_max: u64,
    pub(crate) log_retention: Duration,
    pub(crate) event_retention: Duration,
    pub(crate) deleted_retention: Duration,
    pub(crate) log_format: LogFormat,
    pub(crate) log_filter: String,
}

/// What is set of an OpenID provider.
#[derive(Clone, Debug)]
pub(crate) struct OpenId {
    pub(crate) issuer: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<Secret>,
    pub(crate) domains: Vec<String>,
    pub(crate) role: Role,
}

impl Default for OpenId {
    fn default() -> Self {
        let (issuer, client_id, client_secret) = (None, None, None);
        Self { issuer, client_id, client_secret, domains: Vec::new(), role: Role::ReadOnly }
    }
}

impl OpenId {
    /// What the engine gets; none while it is not complete.
    fn settings(&self) -> Option<OpenIdSettings> {
        Some(OpenIdSettings {
            issuer: self.issuer.as_ref()?.parse().ok()?,
            client_id: self.client_id.clone()?,
            client_secret: self.client_secret.clone(),
            domains: self.domains.clone(),
            role: self.role,
        })
    }
}

/// An API key that the operator defined, and where.
#[derive(Clone, Debug)]
pub(crate) struct ConfiguredKey {
    /// The variable, for messages.
    pub(crate) variable: String,
    /// What follows the prefix of the variable, in lower case.
    pub(crate) environment: String,
    pub(crate) secret: Secret,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// Nothing set: [`layers::load`] applies the default of every key to it.
    fn blank() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            public_url: None,
            connect_url: None,
            connect_listen: None,
            connect_page: ConnectPageOptions::default(),
            openid: OpenId::default(),
            smtp_server: None,
            smtp_from: None,
            websockets_path: String::new(),
            body_bytes_max: 0,
            rate_limit_per_min: 0,
            webhook_rate_limit_per_min: 0,
            password_memory: 0,
            sockets_max: 0,
            shutdown_timeout: Duration::ZERO,
            data_dir: PathBuf::new(),
            database_url: None,
            postgres_connections_max: 0,
            master_key: None,
            master_keys_previous: Vec::new(),
            api_keys: Vec::new(),
            providers: Vec::new(),
            providers_reload_interval: Duration::ZERO,
            trusted_proxies: TrustedProxies::default(),
            egress_allow: AllowList::default(),
            token_timeout: Duration::ZERO,
            proxy: ProxySettings::default(),
            proxy_replay_max: 0,
            proxy_signed_max: 0,
            webhook_timeout: Duration::ZERO,
            webhook_parallel_max: 0,
            log_retention: Duration::ZERO,
            event_retention: Duration::ZERO,
            deleted_retention: Duration::ZERO,
            log_format: LogFormat::Text,
            log_filter: String::new(),
        }
    }

    /// Every setting at its default.
    pub(crate) fn defaults() -> Self {
        let mut config = Self::blank();
        for key in keys::KEYS {
            if let Some(text) = key.default {
                // That every default is accepted is held by a test.
                let _ = key.kind.apply(&mut config, text);
            }
        }
        config
    }

    /// Where clients reach a server that listens on `address`, unless it was said.
    pub(crate) fn public_url(&self, address: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| reached_at(address))
    }

    /// How the engine behaves for a server reached at `public_url`.
    pub(crate) fn engine_settings(&self, public_url: &str) -> Settings {
        let mut settings = Settings::new(public_url);
        if let Some(url) = &self.connect_url {
            settings.connect_url.clone_from(url);
        }
        settings.token_timeout = self.token_timeout;
        settings.proxy = ProxySettings {
            replay_bytes_max: to_usize(self.proxy_replay_max),
            signed_bytes_max: to_usize(self.proxy_signed_max),
            ..self.proxy.clone()
        };
        settings.webhook_timeout = self.webhook_timeout;
        settings.webhook_parallel_max = to_usize(self.webhook_parallel_max);
        settings.log_retention = self.log_retention;
        settings.event_retention = self.event_retention;
        settings.deleted_retention = self.deleted_retention;
        settings.openid = self.openid.settings();
        settings.password_memory_kib =
            u32::try_from(self.password_memory >> 10).unwrap_or(u32::MAX);
        settings.sockets_max = to_usize(self.sockets_max);
        settings
    }

    /// How the HTTP server behaves.
    pub(crate) fn server_options(&self) -> valetkey_server::app::Options {
        valetkey_server::app::Options {
            body_bytes_max: to_usize(self.body_bytes_max),
            rate_limit_per_min: u32::try_from(self.rate_limit_per_min).unwrap_or(u32::MAX),
            webhook_rate_limit_per_min: u32::try_from(self.webhook_rate_limit_per_min)
                .unwrap_or(u32::MAX),
            trusted_proxies: self.trusted_proxies.clone(),
            websockets_path: self.websockets_path.clone(),
            connect_page: self.connect_page.clone(),
        }
    }
}

/// The address of a server that listens on `address`, as a browser here would write it.
pub(crate) fn reached_at(address: SocketAddr) -> String {
    // Nobody can call the unspecified address.
    if address.ip().is_unspecified() {
        return format!("http://localhost:{}", address.port());
    }
    format!("http://{address}")
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
