//! The list of settings.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;
use valetkey_base::Secret;
use valetkey_egress::{AllowList, SmtpServer, is_mailbox};
use valetkey_engine::members::Role;
use valetkey_engine::proxy::BaseUrlOverride;
use valetkey_server::middleware::client_address::TrustedProxies;
use valetkey_server::ui::{CopyOverrides, check_websockets_path};
use valetkey_vault::MasterKey;

use super::key::{Key, Kind};
use super::section::Section;
use super::{Config, LogFormat};

/// A family of variables, one per environment.
pub(crate) struct Pattern {
    pub(crate) prefix: &'static str,
    pub(crate) doc: &'static str,
}

/// Variables that define API keys.
pub(crate) const PATTERNS: &[Pattern] = &[
    Pattern {
        prefix: "VALETKEY_API_KEY_",
        doc: "Defines an API key of the environment named by the rest, with every scope of it: \
              `VALETKEY_API_KEY_DEV` for `dev`. Upper and lower case are the same, and `_` also \
              stands for `-`. The key is `vk_` and any visible ASCII characters, or a version 4 \
              UUID. Once the variable is gone, the key stops working at the next start.",
    },
    Pattern {
        prefix: "NANGO_SECRET_KEY_",
        doc: "The same under the name that existing deployments use.",
    },
];

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);
const YEARS_TEN: Duration = Duration::from_hours(24 * 3650);

/// A setting that always has a value, and one that may be shown.
const PLAIN: Key = Key {
    name: "",
    variable: "",
    section: Section::Server,
    doc: "",
    default: None,
    otherwise: "",
    secret: false,
    kind: Kind::Text { form: "", set: |_, _| Err(None) },
};

/// Every setting, in the order of the default file.
pub(crate) const KEYS: &[Key] = &[
    Key {
        name: "listen",
        variable: "VALETKEY_LISTEN",
        section: Section::Server,
        doc: "Address and port to listen on. Port 0 takes a free one. TLS is the business of the \
              proxy in front.",
        default: Some("127.0.0.1:3003"),
        kind: Kind::Text { form: "an IP address and port, such as 127.0.0.1:3003", set: listen },
        ..PLAIN
    },
    Key {
        name: "public_url",
        variable: "VALETKEY_PUBLIC_URL",
        section: Section::Server,
        doc: "Where browsers and providers reach this server. Register \
              `<public_url>/oauth/callback` with providers.",
        default: None,
        otherwise: "`http://` and the address listened on",
        secret: false,
        kind: Kind::Text {
            form: URL_FORM,
            set: |config, text| url(text).map(|url| config.public_url = Some(url)),
        },
    },
    Key {
        name: "trusted_proxies",
        variable: "VALETKEY_TRUSTED_PROXIES",
        section: Section::Server,
        doc: "Proxies in front of this server: addresses and networks (`10.0.0.0/8`), separated by \
              commas. What they append to `X-Forwarded-For` is taken as the address of the client, \
              by which guessing is slowed down and sessions are told apart.",
        default: None,
        otherwise: "none: the client is who connects",
        secret: false,
        kind: Kind::Text {
            form: "addresses or networks, separated by commas",
            set: |config, text| {
                config.trusted_proxies = TrustedProxies::parse(text).map_err(Some)?;
                Ok(())
            },
        },
    },
    Key {
        name: "connect_url",
        variable: "VALETKEY_CONNECT_URL",
        section: Section::Server,
        doc: "Where the Connect UI is reached, when a proxy serves it elsewhere.",
        default: None,
        otherwise: "`<public_url>/connect-ui`",
        secret: false,
        kind: Kind::Text {
            form: URL_FORM,
            set: |config, text| url(text).map(|url| config.connect_url = Some(url)),
        },
    },
    Key {
        name: "connect_listen",
        variable: "VALETKEY_CONNECT_LISTEN",
        section: Section::Server,
        doc: "Address and port on which the Connect UI is served alone, beside its place on the \
              server's own. Its links then lead there, unless `connect_url` says otherwise.",
        default: None,
        otherwise: "none",
        secret: false,
        kind: Kind::Text {
            form: "an IP address and port, such as 127.0.0.1:3009",
            set: |config, text| address(text).map(|at| config.connect_listen = Some(at)),
        },
    },
    Key {
        name: "connect_api_urls",
        variable: "VALETKEY_CONNECT_API_URLS",
        section: Section::Server,
        doc: "Further addresses of this server's API that a page with the Connect UI may name as \
              `apiURL`, separated by commas. Any other is refused, so that no link can send what \
              people type elsewhere.",
        default: None,
        otherwise: "`public_url` and the page's own address",
        secret: false,
        kind: Kind::Text {
            form: "http or https URLs without query, separated by commas",
            set: |config, text| {
                config.connect_page.api_urls = items(text).map(url).collect::<Result<_, _>>()?;
                Ok(())
            },
        },
    },
    Key {
        name: "connect_frame_ancestors",
        variable: "VALETKEY_CONNECT_FRAME_ANCESTORS",
        section: Section::Server,
        doc: "Sites that may show the Connect UI in a frame: origins, or `https://*.example.com`, \
              separated by commas; `*` for any site, `none` for links alone.",
        default: Some("*"),
        kind: Kind::Text { form: "*, none, or origins separated by commas", set: frame_ancestors },
        ..PLAIN
    },
    Key {
        name: "connect_copy",
        variable: "VALETKEY_CONNECT_COPY",
        section: Section::Server,
        doc: "A JSON file with words of your own for the Connect UI: language (or `*`), name, \
              text, as in `{\"fr\": {\"form.connect\": \"Relier\"}}`.",
        default: None,
        otherwise: "none",
        secret: false,
        kind: Kind::Text { form: "a file that can be read", set: connect_copy },
    },
    Key {
        name: "openid_issuer",
        variable: "VALETKEY_OPENID_ISSUER",
        section: Section::Members,
        doc: "An OpenID provider at which members may sign in to the dashboard: its issuer, to \
              which `/.well-known/openid-configuration` is appended. Register \
              `<public_url>/dashboard/account/openid/callback` there. Inside your network it must \
              be in `egress_allow`.",
        default: None,
        otherwise: "passwords only",
        secret: false,
        kind: Kind::Text { form: "an http or https URL without query", set: openid_issuer },
    },
    Key {
        name: "openid_client_id",
        variable: "VALETKEY_OPENID_CLIENT_ID",
        section: Section::Members,
        doc: "This server's client id at the OpenID provider.",
        default: None,
        otherwise: "none",
        secret: false,
        kind: Kind::Text { form: "a text", set: openid_client_id },
    },
    Key {
        name: "openid_client_secret",
        variable: "VALETKEY_OPENID_CLIENT_SECRET",
        section: Section::Members,
        doc: "This server's client secret at the OpenID provider.",
        default: None,
        otherwise: "none, as for a public client",
        secret: true,
        kind: Kind::Text { form: "a text", set: openid_client_secret },
    },
    Key {
        name: "openid_domains",
        variable: "VALETKEY_OPENID_DOMAINS",
        section: Section::Members,
        doc: "Domains of verified e-mail addresses whose people become members by signing in, \
              separated by commas. Everybody else has to be invited first.",
        default: None,
        otherwise: "none",
        secret: false,
        kind: Kind::Text { form: "domains such as example.com", set: openid_domains },
    },
    Key {
        name: "openid_role",
        variable: "VALETKEY_OPENID_ROLE",
        section: Section::Members,
        doc: "What people of `openid_domains` become: `read_only`, `support`, `developer`, \
              `admin` or `owner`.",
        default: Some("read_only"),
        kind: Kind::Text { form: "a role", set: openid_role },
        ..PLAIN
    },
    Key {
        name: "password_memory",
        variable: "VALETKEY_PASSWORD_MEMORY",
        section: Section::Members,
        doc: "Memory that hashing a password takes (Argon2id, three passes): what somebody with a \
              stolen database must spend on every guess. Two are hashed at once. Passwords set \
              before it was changed keep theirs.",
        default: Some("64MiB"),
        kind: Kind::Bytes { min: 19 << 20, max: 1 << 30, at: |config| &mut config.password_memory },
        ..PLAIN
    },
    Key {
        name: "websockets_path",
        variable: "VALETKEY_WEBSOCKETS_PATH",
        section: Section::Server,
        doc: "The path at which browsers open their WebSocket while a connection is made.",
        default: Some("/"),
        kind: Kind::Text { form: "a path that begins with /", set: websockets_path },
        ..PLAIN
    },
    Key {
        name: "body_bytes_max",
        variable: "VALETKEY_BODY_BYTES_MAX",
        section: Section::Server,
        doc: "Largest request body. Larger ones are answered with 413.",
        default: Some("75MiB"),
        kind: Kind::Bytes { min: 1 << 10, max: 1 << 30, at: |config| &mut config.body_bytes_max },
        ..PLAIN
    },
    Key {
        name: "rate_limit_per_min",
        variable: "VALETKEY_RATE_LIMIT_PER_MIN",
        section: Section::Server,
        doc: "Requests a minute of one account with API keys, and as many with connect sessions. \
              0 is no limit. Each process counts for itself.",
        default: Some("200"),
        kind: Kind::Number {
            min: 0,
            max: 1_000_000_000,
            at: |config| &mut config.rate_limit_per_min,
        },
        ..PLAIN
    },
    Key {
        name: "webhook_rate_limit_per_min",
        variable: "VALETKEY_WEBHOOK_RATE_LIMIT_PER_MIN",
        section: Section::Server,
        doc: "Webhooks a minute that a provider may send for one integration. 0 is no limit. Each \
              process counts for itself.",
        default: Some("4000"),
        kind: Kind::Number {
            min: 0,
            max: 1_000_000_000,
            at: |config| &mut config.webhook_rate_limit_per_min,
        },
        ..PLAIN
    },
    Key {
        name: "sockets_max",
        variable: "VALETKEY_SOCKETS_MAX",
        section: Section::Server,
        doc: "Browser WebSockets that may wait for a result at once.",
        default: Some("10000"),
        kind: Kind::Number { min: 1, max: 1_000_000, at: |config| &mut config.sockets_max },
        ..PLAIN
    },
    Key {
        name: "shutdown_timeout",
        variable: "VALETKEY_SHUTDOWN_TIMEOUT",
        section: Section::Server,
        doc: "How long a stopping server waits for requests and jobs in flight.",
        default: Some("20s"),
        kind: Kind::Duration {
            min: SECOND,
            max: Duration::from_mins(10),
            at: |config| &mut config.shutdown_timeout,
        },
        ..PLAIN
    },
    Key {
        name: "data_dir",
        variable: "VALETKEY_DATA_DIR",
        section: Section::Storage,
        doc: "Folder of the SQLite database and of the master key made at the first start. It is \
              created for this user only. Not used on PostgreSQL.",
        default: Some("./data"),
        kind: Kind::Text {
            form: "a folder",
            set: |config, text| {
                config.data_dir = PathBuf::from(text);
                Ok(())
            },
        },
        ..PLAIN
    },
    Key {
        name: "database_url",
        variable: "DATABASE_URL",
        section: Section::Storage,
        doc: "A PostgreSQL database, version 13 or newer, to use instead of SQLite. Any number of \
              servers may share it.",
        default: None,
        otherwise: "SQLite in the data folder",
        secret: true,
        kind: Kind::Text { form: "postgres://user:password@host/database", set: database_url },
    },
    Key {
        name: "postgres_connections_max",
        variable: "VALETKEY_POSTGRES_CONNECTIONS_MAX",
        section: Section::Storage,
        doc: "PostgreSQL connections this process may hold.",
        default: Some("16"),
        kind: Kind::Number { min: 2, max: 1000, at: |config| &mut config.postgres_connections_max },
        ..PLAIN
    },
    Key {
        name: "master_key",
        variable: "VALETKEY_MASTER_KEY",
        section: Section::Storage,
        doc: "The key under which all data keys are sealed. Make one with \
              `openssl rand -base64 32`, keep it apart from the database, and never lose it.",
        default: None,
        otherwise: "`master.key` in the data folder; required on PostgreSQL",
        secret: true,
        kind: Kind::Text {
            form: MASTER_KEY_FORM,
            set: |config, text| {
                config.master_key = Some(master_key(text)?);
                Ok(())
            },
        },
    },
    Key {
        name: "master_key_previous",
        variable: "VALETKEY_MASTER_KEY_PREVIOUS",
        section: Section::Storage,
        doc: "Master keys that were replaced, separated by commas. They open what they sealed; \
              at start every data key is sealed anew under the current one.",
        default: None,
        otherwise: "none",
        secret: true,
        kind: Kind::Text {
            form: "base64 of 32 bytes, or several separated by commas",
            set: |config, text| {
                config.master_keys_previous =
                    items(text).map(master_key).collect::<Result<_, _>>()?;
                Ok(())
            },
        },
    },
    Key {
        name: "providers",
        variable: "VALETKEY_PROVIDERS",
        section: Section::Providers,
        doc: "Provider files, or folders of them, that add to the catalogue or override its \
              entries. Separated by commas; later ones win.",
        default: None,
        otherwise: "the bundled catalogue alone",
        secret: false,
        kind: Kind::Text {
            form: "files or folders, separated by commas",
            set: |config, text| {
                config.providers = items(text).map(PathBuf::from).collect();
                Ok(())
            },
        },
    },
    Key {
        name: "providers_reload_interval",
        variable: "VALETKEY_PROVIDERS_RELOAD_INTERVAL",
        section: Section::Providers,
        doc: "How often provider files are looked at for changes, by time and size. 0 never does; \
              SIGHUP reloads them at any time.",
        default: Some("5s"),
        kind: Kind::Duration {
            min: Duration::ZERO,
            max: Duration::from_hours(1),
            at: |config| &mut config.providers_reload_interval,
        },
        ..PLAIN
    },
    Key {
        name: "egress_allow",
        variable: "VALETKEY_EGRESS_ALLOW",
        section: Section::Providers,
        doc: "Destinations that outgoing requests may reach although they are private: addresses, \
              networks (`10.0.0.0/8`), host names and `*.name`, separated by commas.",
        default: None,
        otherwise: "public addresses alone",
        secret: false,
        kind: Kind::Text {
            form: "addresses, networks, host names or *.name, separated by commas",
            set: |config, text| {
                config.egress_allow = AllowList::parse(text).map_err(Some)?;
                Ok(())
            },
        },
    },
    Key {
        name: "token_timeout",
        variable: "VALETKEY_TOKEN_TIMEOUT",
        section: Section::Work,
        doc: "How long a provider's token endpoint may take to answer.",
        default: Some("30s"),
        kind: Kind::Duration {
            min: SECOND,
            max: Duration::from_mins(5),
            at: |config| &mut config.token_timeout,
        },
        ..PLAIN
    },
    Key {
        name: "proxy_timeout",
        variable: "VALETKEY_PROXY_TIMEOUT",
        section: Section::Work,
        doc: "How long a provider's API may take to begin its answer to a proxied call.",
        default: Some("2m"),
        kind: Kind::Duration {
            min: SECOND,
            max: Duration::from_hours(1),
            at: |config| &mut config.proxy.timeout,
        },
        ..PLAIN
    },
    Key {
        name: "proxy_deadline",
        variable: "VALETKEY_PROXY_DEADLINE",
        section: Section::Work,
        doc: "How long a proxied call may take with all its attempts and the waits between them.",
        default: Some("10m"),
        kind: Kind::Duration {
            min: SECOND,
            max: Duration::from_hours(1),
            at: |config| &mut config.proxy.deadline,
        },
        ..PLAIN
    },
    Key {
        name: "proxy_replay_max",
        variable: "VALETKEY_PROXY_REPLAY_MAX",
        section: Section::Work,
        doc: "How much of a proxied call's body is kept in memory for another attempt. A larger \
              body is sent once.",
        default: Some("1MiB"),
        kind: Kind::Bytes {
            min: 0,
            max: 64 * 1024 * 1024,
            at: |config| &mut config.proxy_replay_max,
        },
        ..PLAIN
    },
    Key {
        name: "proxy_signed_max",
        variable: "VALETKEY_PROXY_SIGNED_MAX",
        section: Section::Work,
        doc: "Largest body of a proxied call to a provider whose requests are signed, which takes \
              the whole body.",
        default: Some("16MiB"),
        kind: Kind::Bytes {
            min: 1024,
            max: 1024 * 1024 * 1024,
            at: |config| &mut config.proxy_signed_max,
        },
        ..PLAIN
    },
    Key {
        name: "proxy_base_url_override",
        variable: "VALETKEY_PROXY_BASE_URL_OVERRIDE",
        section: Section::Providers,
        doc: "Where a proxied call may go that names a base URL: nowhere, to the provider's own \
              hosts and those its integration allows, or to any host. The address guard holds for all.",
        default: Some("provider"),
        kind: Kind::Text {
            form: "off, provider or any",
            set: |config, text| {
                config.proxy.base_url_override = match text {
                    "off" => BaseUrlOverride::Off,
                    "provider" => BaseUrlOverride::Provider,
                    "any" => BaseUrlOverride::Any,
                    _ => return Err(None),
                };
                Ok(())
            },
        },
        ..PLAIN
    },
    Key {
        name: "webhook_timeout",
        variable: "VALETKEY_WEBHOOK_TIMEOUT",
        section: Section::Work,
        doc: "How long the receiver of a webhook may take to answer.",
        default: Some("20s"),
        kind: Kind::Duration {
            min: SECOND,
            max: Duration::from_mins(2),
            at: |config| &mut config.webhook_timeout,
        },
        ..PLAIN
    },
    Key {
        name: "webhook_parallel_max",
        variable: "VALETKEY_WEBHOOK_PARALLEL_MAX",
        section: Section::Work,
        doc: "Webhooks this process sends at once.",
        default: Some("32"),
        kind: Kind::Number { min: 1, max: 1000, at: |config| &mut config.webhook_parallel_max },
        ..PLAIN
    },
    Key {
        name: "log_retention",
        variable: "VALETKEY_LOG_RETENTION",
        section: Section::Work,
        doc: "How long operations and their messages are kept in the database.",
        default: Some("15d"),
        kind: Kind::Duration { min: DAY, max: YEARS_TEN, at: |config| &mut config.log_retention },
        ..PLAIN
    },
    Key {
        name: "event_retention",
        variable: "VALETKEY_EVENT_RETENTION",
        section: Section::Work,
        doc: "How long finished events and their deliveries are kept.",
        default: Some("30d"),
        kind: Kind::Duration { min: DAY, max: YEARS_TEN, at: |config| &mut config.event_retention },
        ..PLAIN
    },
    Key {
        name: "deleted_retention",
        variable: "VALETKEY_DELETED_RETENTION",
        section: Section::Work,
        doc: "How long deleted connections are kept before they are erased.",
        default: Some("31d"),
        kind: Kind::Duration {
            min: DAY,
            max: YEARS_TEN,
            at: |config| &mut config.deleted_retention,
        },
        ..PLAIN
    },
    Key {
        name: "smtp_url",
        variable: "VALETKEY_SMTP_URL",
        section: Section::Mail,
        doc: "The mail server that alerts are sent through: `smtps://user:password@host` (TLS, port \
              465), `smtp://…` (STARTTLS, port 587), or `smtp://host:25?tls=none` without a \
              password. Signs in `user` and `password` are percent-encoded. It may be inside your \
              network.",
        default: None,
        otherwise: "no mail is sent",
        secret: true,
        kind: Kind::Text { form: "smtps://user:password@host or smtp://…", set: smtp_url },
    },
    Key {
        name: "smtp_from",
        variable: "VALETKEY_SMTP_FROM",
        section: Section::Mail,
        doc: "Who mail comes from, such as `Valetkey <valetkey@example.com>`.",
        default: None,
        otherwise: "no mail is sent",
        secret: false,
        kind: Kind::Text { form: "an e-mail address, with a name or without", set: smtp_from },
    },
    Key {
        name: "log_format",
        variable: "VALETKEY_LOG_FORMAT",
        section: Section::Logs,
        doc: "How lines on standard error look.",
        default: Some("text"),
        kind: Kind::Text {
            form: "text or json",
            set: |config, text| {
                config.log_format = match text {
                    "text" => LogFormat::Text,
                    "json" => LogFormat::Json,
                    _ => return Err(None),
                };
                Ok(())
            },
        },
        ..PLAIN
    },
    Key {
        name: "log_filter",
        variable: "VALETKEY_LOG_FILTER",
        section: Section::Logs,
        doc: "What is logged: a level, or levels by module, such as `info,valetkey_engine=debug`.",
        default: Some("info,sqlx=warn"),
        kind: Kind::Text { form: "levels (error, warn, info, debug, trace)", set: log_filter },
        ..PLAIN
    },
];

const URL_FORM: &str = "an http or https URL without query, such as https://connect.example.com";
const MASTER_KEY_FORM: &str = "base64 of 32 bytes, as `openssl rand -base64 32` prints it";

type Outcome<T = ()> = Result<T, Option<String>>;

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn listen(config: &mut Config, text: &str) -> Outcome {
    config.listen = address(text)?;
    Ok(())
}

fn address(text: &str) -> Outcome<SocketAddr> {
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    numeric.parse().map_err(|_| None)
}

/// Sources of CSP's `frame-ancestors`. They stand in a header, so nothing else may be in them.
fn frame_ancestors(config: &mut Config, text: &str) -> Outcome {
    config.connect_page.frame_ancestors = match text {
        "*" => "*".to_owned(),
        "none" => "'none'".to_owned(),
        list => items(list).map(origin).collect::<Result<Vec<_>, _>>()?.join(" "),
    };
    Ok(())
}

fn origin(text: &str) -> Outcome<String> {
    let concrete = text.replacen("://*.", "://any.", 1);
    let url = Url::parse(&concrete).map_err(|_| None)?;
    let is_origin = matches!(url.scheme(), "http" | "https")
        && url.origin().ascii_serialization() == concrete.trim_end_matches('/');
    if is_origin { Ok(text.trim_end_matches('/').to_owned()) } else { Err(None) }
}

fn openid_issuer(config: &mut Config, text: &str) -> Outcome {
    config.openid.issuer = Some(url(text)?);
    Ok(())
}

fn openid_client_id(config: &mut Config, text: &str) -> Outcome {
    config.openid.client_id = Some(filled(text)?.to_owned());
    Ok(())
}

fn openid_client_secret(config: &mut Config, text: &str) -> Outcome {
    config.openid.client_secret = Some(Secret::new(filled(text)?));
    Ok(())
}

fn smtp_url(config: &mut Config, text: &str) -> Outcome {
    let server = SmtpServer::parse(&Secret::new(text));
    config.smtp_server = Some(server.map_err(|reason| Some(reason.to_owned()))?);
    Ok(())
}

fn smtp_from(config: &mut Config, text: &str) -> Outcome {
    if !is_mailbox(text) {
        return Err(None);
    }
    config.smtp_from = Some(text.to_owned());
    Ok(())
}

/// A text that is not empty.
fn filled(text: &str) -> Outcome<&str> {
    if text.trim().is_empty() { Err(None) } else { Ok(text) }
}

fn openid_domains(config: &mut Config, text: &str) -> Outcome {
    let is_domain = |text: &&str| text.contains('.') && !text.contains(['@', '/', ':', ' ']);
    let domains: Vec<&str> = items(text).collect();
    if !domains.iter().all(is_domain) {
        return Err(None);
    }
    config.openid.domains = domains.into_iter().map(str::to_lowercase).collect();
    Ok(())
}

fn openid_role(config: &mut Config, text: &str) -> Outcome {
    config.openid.role = Role::parse(text).ok_or(None)?;
    Ok(())
}

fn connect_copy(config: &mut Config, text: &str) -> Outcome {
    let json = std::fs::read_to_string(text).map_err(|error| Some(error.to_string()))?;
    let read = CopyOverrides::parse(&json);
    config.connect_page.copy = read.map_err(|problems| Some(problems.join("; ")))?;
    Ok(())
}

/// An absolute URL without its trailing slash, because paths are appended to it.
fn url(text: &str) -> Outcome<String> {
    let url = Url::parse(text).map_err(|_| None)?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if is_plain { Ok(url.as_str().trim_end_matches('/').to_owned()) } else { Err(None) }
}

fn websockets_path(config: &mut Config, text: &str) -> Outcome {
    let path = check_websockets_path(text).map_err(|reason| Some(reason.to_owned()))?;
    path.clone_into(&mut config.websockets_path);
    Ok(())
}

fn database_url(config: &mut Config, text: &str) -> Outcome {
    let url = Url::parse(text).map_err(|_| None)?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(None);
    }
    config.database_url = Some(Secret::new(text));
    Ok(())
}

fn master_key(text: &str) -> Outcome<MasterKey> {
    MasterKey::from_base64(&Secret::new(text)).map_err(|_| None)
}

fn log_filter(config: &mut Config, text: &str) -> Outcome {
    tracing_subscriber::EnvFilter::try_new(text).map_err(|error| Some(error.to_string()))?;
    text.clone_into(&mut config.log_filter);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_default_is_accepted_and_every_name_is_its_own() {
        let mut names = HashSet::new();
        for key in KEYS {
            if let Some(text) = key.default {
                key.kind.apply(&mut Config::blank(), text).unwrap();
            } else {
                assert!(!key.otherwise.is_empty(), "{}", key.name);
            }
            assert!(names.insert(key.name) && names.insert(key.variable), "{}", key.name);
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_engine_and_the_server() {
        let config = Config::defaults();
        let ours = config.engine_settings("http://127.0.0.1:3003");
        let theirs = valetkey_engine::Settings::new("http://127.0.0.1:3003");
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
        let options = valetkey_server::app::Options::default();
        assert_eq!(format!("{:?}", config.server_options()), format!("{options:?}"));
    }
}
