//! What every scene of an entry shares: an integration, a connection's settings, the time.

use serde_json::{Map, Value};
use valetkey_auth::follow_up::{self, Occasion};
use valetkey_auth::{
    AuthError, AuthorizeInput, CallbackInput, Client, Context, Grant, HttpRequest, Mode, Step,
};
use valetkey_base::{Rng, Timestamp};
use valetkey_catalog::schema::ClientRegistration;
use valetkey_catalog::{AuthMode, ClientAuth, Provider, validate_connection_config};

use crate::personality::Personality;
use crate::sample;

pub(crate) const REDIRECT_URI: &str = "https://valetkey.example.com/oauth/callback";
pub(crate) const STATE: &str = "state-1";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const USER_SCOPE: &str = "me:read,me:write";
const REQUESTS_MAX: usize = 12;

/// The world of one entry.
pub(crate) struct Stage<'a> {
    pub(crate) provider: &'a Provider,
    pub(crate) mode: &'static dyn Mode,
    pub(crate) client: Client,
    /// What the person typed besides secrets, checked and completed.
    pub(crate) config: Map<String, Value>,
    pub(crate) now: Timestamp,
    rng: Rng,
}

/// Where a run of requests ended.
pub(crate) enum Ending {
    Granted(Box<Grant>),
    Redirected,
    Failed(AuthError),
}

impl<'a> Stage<'a> {
    pub(crate) fn new(provider: &'a Provider) -> Result<Self, String> {
        let mode = valetkey_auth::mode(provider.auth_mode).ok_or("the mode is not known")?;
        let mut given = sample::values(provider, &provider.connection_config)?;
        add_fixed_names(provider, &mut given);
        let config = validate_connection_config(provider, &given).map_err(|issues| {
            issues.into_iter().map(|issue| issue.message).collect::<Vec<_>>().join(" ")
        })?;
        Ok(Self {
            provider,
            mode,
            client: client(provider)?,
            config,
            now: Timestamp::from_millis(1_772_356_211_120),
            rng: Rng::seeded(5),
        })
    }

    /// The context with other settings than the typed ones.
    pub(crate) fn context_with<'c>(&'c self, config: &'c Map<String, Value>) -> Context<'c> {
        Context {
            provider: self.provider,
            client: &self.client,
            connection_config: config,
            repairs: None,
            now: self.now,
            rng: &self.rng,
        }
    }

    pub(crate) fn context(&self) -> Context<'_> {
        self.context_with(&self.config)
    }

    /// The settings as they would be stored with a grant.
    pub(crate) fn stored(&self, grant: &Grant) -> Map<String, Value> {
        valetkey_auth::stored_connection_config(&self.config, &grant.connection_config)
    }

    pub(crate) fn authorize(&self) -> Step {
        let input = AuthorizeInput {
            redirect_uri: REDIRECT_URI,
            state: STATE,
            verifier: VERIFIER,
            user_scope: Some(USER_SCOPE),
            session_params: None,
            browser_params: &Map::new(),
        };
        self.mode.authorize(&self.context(), &input)
    }

    pub(crate) fn callback(&self, query: &[(&str, &str)], memory: &Map<String, Value>) -> Step {
        let query: Vec<(String, String)> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let input = CallbackInput {
            query: &query,
            redirect_uri: REDIRECT_URI,
            verifier: VERIFIER,
            memory,
            started_at: self.now,
        };
        self.mode.callback(&self.context(), &input)
    }

    /// Hands every request to the personality until there is an end.
    pub(crate) fn run(
        &self,
        config: &Map<String, Value>,
        first: Step,
        personality: &mut Personality<'_>,
    ) -> Result<Ending, String> {
        let context = self.context_with(config);
        let mut step = first;
        for _ in 0..REQUESTS_MAX {
            step = match step {
                Step::Done(grant) => return Ok(Ending::Granted(Box::new(grant))),
                Step::Failed(error) => return Ok(Ending::Failed(error)),
                Step::Redirect(_) => return Ok(Ending::Redirected),
                Step::Send { request, pending } => {
                    is_resolved(&request)?;
                    let reply = personality.answer(&request)?;
                    self.mode.reply(&context, &pending, &reply)
                }
            };
        }
        Err(format!("more than {REQUESTS_MAX} requests"))
    }

    /// As [`Stage::run`], where only a grant will do.
    pub(crate) fn granted(
        &self,
        config: &Map<String, Value>,
        first: Step,
        personality: &mut Personality<'_>,
    ) -> Result<Grant, String> {
        match self.run(config, first, personality)? {
            Ending::Granted(grant) => Ok(*grant),
            Ending::Failed(error) => Err(format!("refused: {} ({})", error.message, error.code)),
            Ending::Redirected => Err("a browser is asked for".to_owned()),
        }
    }

    /// What follows a grant: expiry, facts, second tokens.
    pub(crate) fn follow_up(
        &self,
        mut grant: Grant,
        occasion: Occasion,
        personality: &mut Personality<'_>,
    ) -> Result<Grant, String> {
        let words = |error: AuthError| format!("{} ({})", error.message, error.code);
        for task in follow_up::tasks(self.provider, &grant, occasion) {
            let request = follow_up::begin(&self.context(), &mut grant, task).map_err(words)?;
            if let Some(request) = request {
                is_resolved(&request)?;
                let reply = personality.answer_task(task, &request)?;
                follow_up::finish(&self.context(), &mut grant, task, &reply).map_err(words)?;
            }
        }
        Ok(grant)
    }
}

/// Nothing of a template may be left in a request.
pub(crate) fn is_resolved(request: &HttpRequest) -> Result<(), String> {
    let body = String::from_utf8_lossy(&request.body.encode().1).into_owned();
    let headers: Vec<&str> = request.headers.iter().map(|(_, value)| value.as_str()).collect();
    let headers = headers.join("\n");
    let looks_open = |text: &str| text.contains("${") || text.contains("$%7B");
    if looks_open(request.url.as_str()) || looks_open(&body) || looks_open(&headers) {
        return Err(format!("a placeholder stays open in {request:?}"));
    }
    Ok(())
}

/// Settings some modes read although the entry need not ask for them.
fn add_fixed_names(provider: &Provider, given: &mut Map<String, Value>) {
    if provider.auth_mode == AuthMode::McpOAuth2Generic {
        given.insert("mcp_server_url".to_owned(), "https://mcp.example.com/mcp".into());
    }
}

fn client(provider: &Provider) -> Result<Client, String> {
    let mut custom = sample::values(provider, &provider.integration_config)?;
    for (name, value) in [
        ("app_id", "1234".to_owned()),
        ("private_key", sample::rsa_key()),
        ("username", "plugin-user".to_owned()),
        ("password", "plugin-password".to_owned()),
    ] {
        if matches!(provider.auth_mode, AuthMode::Custom | AuthMode::InstallPlugin) {
            custom.entry(name).or_insert(value.into());
        }
    }
    let is_public = provider.registration.kind == ClientRegistration::Dynamic
        || provider.token_client_auth == ClientAuth::Public;
    let secret = match provider.auth_mode {
        AuthMode::App => sample::rsa_key(),
        _ if provider.token_client_auth == ClientAuth::PrivateKeyJwt => sample::rsa_key(),
        _ if is_public => String::new(),
        _ => "secret-1".to_owned(),
    };
    Ok(Client {
        client_id: Some(match provider.auth_mode {
            AuthMode::App => "1234".to_owned(),
            _ => "client-1".to_owned(),
        }),
        client_secret: Some(secret.into()),
        scopes: vec!["one".to_owned(), "two".to_owned()],
        custom,
        app_link: Some("https://provider.example.com/apps/valetkey".to_owned()),
        ..Client::default()
    })
}
