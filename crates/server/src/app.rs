//! The application behind the transport: the engine, who its callers are, and the whole router.

use std::sync::{Arc, LazyLock};

use axum::Router;
use valetkey_base::ScopeSet;
use valetkey_engine::proxy::Grant;
use valetkey_engine::{Engine, EnvironmentView, Session};

use crate::api::providers::ProviderBodies;
use crate::auth_header::{Credential, Refusal};
use crate::error::{ApiError, ApiResult};
use crate::middleware::client_address::{ClientAddress, TrustedProxies};
use crate::middleware::rate_limit::RateLimiter;
use crate::route::{Endpoint, Host, Principal};
use crate::{api, connect, transport, ui};

/// Webhooks per minute of one integration, unless configured.
pub const WEBHOOK_RATE_LIMIT_PER_MIN: u32 = 4000;

/// How the server behaves, beside the engine's own settings.
#[derive(Clone, Debug)]
pub struct Options {
    /// Most bytes of a request body; an endpoint may allow less.
    pub body_bytes_max: usize,
    /// Requests per minute of one account and kind of credential; 0 is no limit.
    pub rate_limit_per_min: u32,
    /// Webhooks per minute of one integration; 0 is no limit.
    pub webhook_rate_limit_per_min: u32,
    /// Proxies whose word about the client is taken.
    pub trusted_proxies: TrustedProxies,
    /// The path at which browsers open their WebSocket, see [`ui::check_websockets_path`].
    pub websockets_path: String,
    /// How the Connect UI is served.
    pub connect_page: ui::ConnectPageOptions,
}

impl Default for Options {
    fn default() -> Self {
        let transport = transport::Settings::default();
        Self {
            body_bytes_max: transport.body_bytes_max,
            rate_limit_per_min: transport.rate_limit_per_min,
            webhook_rate_limit_per_min: WEBHOOK_RATE_LIMIT_PER_MIN,
            trusted_proxies: TrustedProxies::default(),
            websockets_path: "/".to_owned(),
            connect_page: ui::ConnectPageOptions::default(),
        }
    }
}

/// What handlers work with. Clones share everything.
#[derive(Clone)]
pub struct App {
    /// The use cases.
    pub engine: Engine,
    /// How the server behaves.
    pub options: Arc<Options>,
    /// Counts webhooks of providers.
    pub(crate) webhook_limiter: Arc<RateLimiter>,
    /// The catalogue as clients get it.
    pub(crate) provider_bodies: Arc<ProviderBodies>,
}

/// Who calls.
pub enum Caller {
    /// Somebody with an API key.
    Key(Arc<valetkey_engine::Caller>),
    /// Somebody's browser with a connect session.
    Session(Box<SessionCaller>),
}

/// A connect session and the environment it lives in.
pub struct SessionCaller {
    /// The session.
    pub session: Session,
    /// Its environment.
    pub environment: Arc<EnvironmentView>,
}

/// What a session may do where API keys call too.
static SESSION_SCOPES: LazyLock<ScopeSet> =
    LazyLock::new(|| ScopeSet::new(vec!["environment:integrations:list".to_owned()]));

impl Principal for Caller {
    fn account_id(&self) -> i64 {
        match self {
            Self::Key(caller) => caller.account_id,
            Self::Session(caller) => caller.environment.account_id,
        }
    }

    fn scopes(&self) -> &ScopeSet {
        match self {
            Self::Key(caller) => &caller.scopes,
            Self::Session(_) => &SESSION_SCOPES,
        }
    }

    fn has_environment(&self) -> bool {
        match self {
            Self::Key(caller) => caller.environment.is_some(),
            Self::Session(_) => true,
        }
    }
}

impl Caller {
    /// The caller's environment.
    ///
    /// # Errors
    /// 500 at an endpoint that lets account keys in: a mistake in the route list.
    pub fn environment(&self) -> ApiResult<&Arc<EnvironmentView>> {
        let environment = match self {
            Self::Key(caller) => caller.environment.as_ref(),
            Self::Session(caller) => Some(&caller.environment),
        };
        environment.ok_or_else(|| ApiError::internal("the caller has no environment"))
    }

    /// The caller's connect session.
    ///
    /// # Errors
    /// 500 at an endpoint that lets API keys in: a mistake in the route list.
    pub fn session(&self) -> ApiResult<&Session> {
        match self {
            Self::Session(caller) => Ok(&caller.session),
            Self::Key(_) => Err(ApiError::internal("the caller has no session")),
        }
    }

    /// The calls the caller's key is for, when it is a narrow one.
    pub fn grant(&self) -> Option<Arc<Grant>> {
        match self {
            Self::Key(caller) => caller.grant.clone(),
            Self::Session(_) => None,
        }
    }

    /// The name of the caller in the audit trail.
    pub fn actor(&self) -> String {
        match self {
            Self::Key(caller) => caller.actor(),
            Self::Session(caller) => caller.session.actor(),
        }
    }
}

impl Host for App {
    type Caller = Caller;

    async fn authenticate(
        &self,
        credential: Credential,
        client: Option<ClientAddress>,
    ) -> ApiResult<Caller> {
        match credential {
            Credential::ApiKey(key) => {
                let caller = self.engine.authenticate(key.expose(), client.map(|it| it.0)).await?;
                caller.map(Caller::Key).ok_or_else(|| Refusal::UnknownKey.into())
            }
            Credential::Session(token) => {
                let session = self.engine.session(token.expose()).await?;
                let session = session.ok_or(Refusal::UnknownSession)?;
                let environment = self.engine.environment(session.row.environment_id).await?;
                Ok(Caller::Session(Box::new(SessionCaller { session, environment })))
            }
        }
    }
}

/// Every operation of the API.
pub fn endpoints() -> Vec<Endpoint<App>> {
    let mut all = api::endpoints();
    all.extend(connect::endpoints());
    all
}

/// The whole server.
pub fn router(engine: Engine, options: Options) -> Router {
    with_pages(engine, options, endpoints(), ui::pages)
}

/// The Connect UI alone, for a port of its own.
pub fn connect_router(engine: Engine, options: Options) -> Router {
    with_pages(engine, options, Vec::new(), ui::connect_pages)
}

fn with_pages(
    engine: Engine,
    options: Options,
    endpoints: Vec<Endpoint<App>>,
    pages: fn(&App) -> Router,
) -> Router {
    let settings = transport::Settings {
        body_bytes_max: options.body_bytes_max,
        rate_limit_per_min: options.rate_limit_per_min,
        trusted_proxies: options.trusted_proxies.clone(),
        public_url: engine.settings().public_url.clone(),
    };
    let sources = (engine.clock().clone(), engine.rng().clone());
    let webhook_limiter = Arc::new(RateLimiter::new(options.webhook_rate_limit_per_min));
    let app = App {
        engine,
        options: Arc::new(options),
        webhook_limiter,
        provider_bodies: Arc::default(),
    };
    let pages = pages(&app);
    transport::router(app, endpoints, pages, settings, sources)
}
