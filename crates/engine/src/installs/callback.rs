//! A callback with a code but without a state of ours: somebody authorized the app from the
//! provider's side. To finish it as somebody's flow would be a login forgery (RFC 6749 section
//! 10.12); it is held, for integrations that take such, and otherwise refused.

use serde_json::{Map, Value};
use url::Url;
use valetkey_auth::{AuthError, CallbackInput, Grant};
use valetkey_base::Secret;
use valetkey_catalog::schema::Target;
use valetkey_catalog::{AuthMode, Provider, scalar_text};
use valetkey_vault::token_hash_hex;

use super::hold::{Fresh, Held};
use super::{
    CALLBACKS_PER_MINUTE, CLAIM_TOKEN_LIVES, CLAIM_TOKEN_PARAMETER, CLAIM_TOKEN_PREFIX,
    external_id_in, identity, identity_of_id,
};
use crate::connect::FlowFailure;
use crate::connect_ui::check_return_url;
use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::Result;
use crate::follow_up::Occasion;
use crate::incoming::{UNRESERVED, at, recipe_of};
use crate::integrations::IntegrationView;
use crate::protocol::Party;
use crate::proxy::Whose;

/// Random characters of a claim token: 256 bits.
const TOKEN_CHARACTERS: usize = 43;
/// Integrations that are looked through for the one a callback is for.
const TAKERS_MAX: i64 = 100;

/// Where a callback without a state leads.
#[derive(Debug)]
pub enum Landing {
    /// Nobody takes it: what happens then is as if there were no installations.
    NotTaken,
    /// A connection has this installation already.
    Known,
    /// It is held.
    Held(Received),
    /// It failed; logged where there is a log.
    Failed(Box<FlowFailure>),
}

/// An installation that is held now.
#[derive(Debug)]
pub struct Received {
    /// The provider's name for people.
    pub provider_name: String,
    /// The account it was installed in.
    pub label: Option<String>,
    /// The app's page, with a claim token. Holds a secret that counts once.
    pub claim_url: Option<Secret>,
}

/// The integration a callback is for.
struct Taker {
    environment: EnvironmentView,
    view: IntegrationView,
    redirect_uri: String,
}

impl Engine {
    /// The address of an integration for authorizations that begin at the provider: registered
    /// there beside the callback, it says by itself which integration they are for.
    pub fn install_url(&self, environment: &EnvironmentView, key: &str) -> String {
        let key = percent_encoding::utf8_percent_encode(key, UNRESERVED);
        format!("{}/oauth/install/{}/{key}", self.settings.public_url, environment.uuid)
    }

    /// Takes a callback that brings no state; `address` is the environment and the integration that
    /// it came to, if it did not come to the common one.
    pub async fn receive_install(
        &self,
        query: &[(String, String)],
        address: Option<(&str, &str)>,
    ) -> Landing {
        let value = |name: &str| find(query, name);
        let taker = match address {
            Some((uuid, key)) => self.addressed_taker(uuid, key).await,
            None => self.only_taker(query).await,
        };
        let taker = match taker {
            Ok(Some(taker)) => taker,
            Ok(None) => return Landing::NotTaken,
            Err(error) => return failed(crate::connect::start::as_failure(error)),
        };
        let code = &taker.view.provider.authorization_code_param_in_callback;
        if value(code).is_none() && value("error").is_none() {
            return Landing::NotTaken;
        }
        match self.take_in(&taker, query).await {
            Ok(landing) => landing,
            Err(mut failure) => {
                failure.integration_key = Some(taker.view.row.unique_key.clone());
                failure.provider_name = Some(taker.view.provider.display_name.clone());
                tracing::warn!(
                    integration = taker.view.row.unique_key,
                    reason = failure.message,
                    "an installation that began at the provider was not taken"
                );
                failed(failure)
            }
        }
    }

    async fn addressed_taker(&self, uuid: &str, key: &str) -> Result<Option<Taker>> {
        let Some(environment) = self.environment_by_uuid(uuid).await? else { return Ok(None) };
        let Some(row) = self.store.integration_by_key(environment.id, key).await? else {
            return Ok(None);
        };
        let view = self.open_integration(row).await?;
        let redirect_uri = self.install_url(&environment, key);
        Ok(Some(Taker { environment, view, redirect_uri }).filter(takes))
    }

    /// The only integration of the server that a callback at the common address can be for. Several
    /// that are as likely have to use their own addresses.
    async fn only_taker(&self, query: &[(String, String)]) -> Result<Option<Taker>> {
        let mut fitting: Vec<Taker> = Vec::new();
        for (environment_id, key) in self.store.install_takers(TAKERS_MAX).await? {
            let environment = (*self.environment(environment_id).await?).clone();
            let view = self.integration(environment_id, &key).await?;
            let brings = |name: &String| find(query, name).is_some();
            if !view.provider.redirect_uri_metadata.iter().all(brings) {
                continue;
            }
            let redirect_uri = self.redirect_uri(&environment);
            fitting.extend(Some(Taker { environment, view, redirect_uri }).filter(takes));
        }
        let is_app = find(query, "installation_id").is_some();
        if fitting.len() > 1 {
            fitting.retain(|it| it.view.provider.app_installation.url.is_some() == is_app);
        }
        if fitting.len() > 1 {
            tracing::warn!(
                integrations = fitting.len(),
                "a callback without a state could be for several integrations: give each its own \
                 address at the provider"
            );
        }
        Ok(fitting.pop().filter(|_| fitting.is_empty()))
    }

    async fn take_in(
        &self,
        taker: &Taker,
        query: &[(String, String)],
    ) -> Result<Landing, FlowFailure> {
        let view = &taker.view;
        let from_store = crate::connect::start::as_failure;
        let given_id = find(query, "installation_id");
        if view.provider.app_installation.url.is_some() {
            // Without both, nothing proves that the person may use the installation.
            let Some(id) = given_id else { return Ok(Landing::NotTaken) };
            if self.has_installation(view, id).await.map_err(from_store)? {
                return Ok(Landing::Known);
            }
        }
        let whose = Whose::Installs(view.row.id);
        let now = self.clock.now();
        let taken = self.budgets.take(&self.store, whose, CALLBACKS_PER_MINUTE, now).await;
        if taken.map_err(from_store)?.is_err() {
            let text = "Very many installations came within a minute. Start again in a moment.";
            return Err(FlowFailure::new("too_many_request", text));
        }
        let grant = self
            .exchange_install(view, query, &taker.redirect_uri, &Map::new())
            .await
            .map_err(|error| FlowFailure::of_exchange(&error))?;
        self.hold_granted(taker, query, grant).await
    }

    async fn hold_granted(
        &self,
        taker: &Taker,
        query: &[(String, String)],
        grant: Grant,
    ) -> Result<Landing, FlowFailure> {
        let view = &taker.view;
        let from_store = crate::connect::start::as_failure;
        let label = label_of(view, &grant);
        let config = grant.connection_config;
        let external_id = external_id_in(view, &config);
        let code = find(query, &view.provider.authorization_code_param_in_callback);
        let identity = match &external_id {
            Some(id) => identity_of_id(view, id),
            None => identity(view, "code", code.unwrap_or_default()),
        };
        let token =
            Secret::new(format!("{CLAIM_TOKEN_PREFIX}{}", self.rng.alphanumeric(TOKEN_CHARACTERS)));
        let claim_url = claim_url(taker, &token);
        let until = self.clock.now().plus(CLAIM_TOKEN_LIVES);
        let fresh = Fresh {
            identity,
            source: "callback",
            label: label.clone(),
            by: config.get("handle").and_then(scalar_text),
            external_id,
            credentials: Some(grant.credentials),
            config,
            claim: claim_url.is_some().then(|| (token_hash_hex(token.expose()), until)),
            told_after: std::time::Duration::ZERO,
        };
        if self.hold_install(view, fresh, None).await.map_err(from_store)? == Held::Full {
            let text = "Too many installations wait to be claimed. Whoever runs the app has to \
                        claim or dismiss some first.";
            return Err(FlowFailure::new("too_many_installs", text));
        }
        let provider_name = view.provider.display_name.clone();
        Ok(Landing::Held(Received { provider_name, label, claim_url }))
    }

    /// Whether a connection has this installation.
    async fn has_installation(&self, view: &IntegrationView, id: &str) -> Result<bool> {
        let recipe = recipe_of(&view.provider, &view.secrets.webhooks);
        let key = recipe.install.as_ref().and_then(|install| install.id_key.clone());
        let Some(key) = key else { return Ok(false) };
        let found = self.found_by(&recipe, view, &Target::Config(key), id).await?;
        Ok(!found.is_empty())
    }

    /// Exchanges the code of an installation for credentials, with the facts that go with them.
    pub(crate) async fn exchange_install(
        &self,
        view: &IntegrationView,
        query: &[(String, String)],
        redirect_uri: &str,
        config: &Map<String, Value>,
    ) -> Result<Grant, AuthError> {
        let Some(mode) = valetkey_auth::mode(view.provider.auth_mode) else {
            let text = "This authorization mode is not supported.";
            return Err(crate::protocol::ours("auth_mode_err", text));
        };
        let client = view.client();
        let party = Party { provider: &view.provider, client: &client, config, repairs: None };
        let input = CallbackInput {
            query,
            redirect_uri,
            verifier: "",
            memory: &Map::new(),
            started_at: self.clock.now(),
        };
        let step = mode.callback(&self.context(&party), &input);
        let grant = self.run_steps(mode, &party, step).await?;
        self.follow_up(&party, grant, Occasion::Connect).await
    }
}

/// Whether a browser may bring an authorization that nobody here began: only where a code, exchanged,
/// proves by itself that the person may grant what it grants.
pub fn by_browser(provider: &Provider) -> bool {
    let mode = provider.auth_mode;
    matches!(mode, AuthMode::OAuth2 | AuthMode::Custom) && !provider.installation_outbound
}

/// Whether the provider tells of installations by webhook.
pub fn by_webhook(provider: &Provider) -> bool {
    let install = provider.webhooks.as_ref().and_then(|webhooks| webhooks.install.as_ref());
    install.is_some_and(|install| install.id.is_some())
}

fn takes(taker: &Taker) -> bool {
    taker.view.secrets.installs.accept && by_browser(&taker.view.provider)
}

fn failed(failure: FlowFailure) -> Landing {
    Landing::Failed(Box::new(failure))
}

fn find<'q>(query: &'q [(String, String)], name: &str) -> Option<&'q str> {
    let found = query.iter().find(|(key, value)| key == name && !value.is_empty());
    found.map(|(_, value)| value.as_str())
}

/// The account, in the provider's words: from the configuration, or from its answer to the code.
fn label_of(view: &IntegrationView, grant: &Grant) -> Option<String> {
    let install = view.provider.webhooks.as_ref()?.install.as_ref()?;
    let answer = grant.credentials.as_map().get("raw");
    install.label_keys.iter().find_map(|key| {
        let known = grant.connection_config.get(key);
        known.or_else(|| at(answer?, key)).and_then(scalar_text)
    })
}

/// The app's page with the token; none unless it is still on the environment's list.
fn claim_url(taker: &Taker, token: &Secret) -> Option<Secret> {
    let text = taker.view.secrets.installs.claim_url.as_deref()?;
    check_return_url(&taker.environment, text).ok()?;
    let mut url = Url::parse(text).ok()?;
    url.query_pairs_mut().append_pair(CLAIM_TOKEN_PARAMETER, token.expose());
    Some(Secret::new(url.to_string()))
}
