//! The requests between a callback, a refresh or an import and an installation's token, in order.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use valetkey_base::{Secret, Timestamp};
use valetkey_catalog::{AuthMode, scalar_text};

use super::user::{USER, code_request, installation_token_url, renew_request, user_credentials};
use super::{App, SKEW_SECONDS, TOKEN_ERROR, address, credentials, facts, refused, sign_in_client};
use crate::classify;
use crate::credentials::Credentials;
use crate::error::{AuthError, Class};
use crate::mode::{Context, Grant, Pending, Purpose, Step};
use crate::request::{Body, HttpReply, HttpRequest};
use crate::token_reply::{Names, read};
use crate::user_token::{USER_ERROR, warning};

/// Media type of the provider's answers.
const ACCEPT: &str = "application/vnd.github+json";
/// Installations on one page of a person's list.
const PAGE_ITEMS: usize = 100;
/// Most pages looked through; with the other requests that is what one flow may send.
const PAGES_MAX: usize = 8;
/// Key of the journey in a request's memory.
const MEMORY: &str = "journey";

/// What has been asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    /// The installation itself, as the app.
    Installation,
    /// The person's token for a code.
    Code,
    /// The installations the person may use.
    List,
    /// The installation's token.
    Token,
    /// A younger token of the person.
    Renewal,
}

/// What is known on the way.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Journey {
    stage: Stage,
    installation_id: Option<String>,
    /// A code of this flow that is not spent yet, with its callback.
    code: Option<(String, String)>,
    /// When the flow began, in milliseconds.
    started_at_ms: Option<i64>,
    page: usize,
    /// The person's token.
    user: Option<Map<String, Value>>,
    /// The installation's credentials, and what goes with them.
    minted: Option<(Map<String, Value>, Map<String, Value>)>,
    is_refresh: bool,
}

impl Journey {
    fn new(installation_id: Option<String>) -> Self {
        Self {
            stage: Stage::Installation,
            installation_id,
            code: None,
            started_at_ms: None,
            page: 1,
            user: None,
            minted: None,
            is_refresh: false,
        }
    }

    /// From a callback.
    pub(crate) fn connect(
        context: &Context<'_>,
        installation_id: Option<String>,
        code: Option<&str>,
        redirect_uri: &str,
        started_at: Timestamp,
    ) -> Step {
        let mut journey = Self::new(installation_id);
        journey.started_at_ms = Some(started_at.millis());
        let code = code.filter(|_| sign_in_client(context).is_some());
        journey.code = code.map(|code| (code.to_owned(), redirect_uri.to_owned()));
        match journey.installation_id {
            Some(_) => journey.go(context, Stage::Installation),
            None => journey.go(context, Stage::Code),
        }
    }

    /// For an installation the app's backend vouches for.
    pub(crate) fn import(context: &Context<'_>, installation_id: String) -> Step {
        Self::new(Some(installation_id)).go(context, Stage::Token)
    }

    /// For a stored installation. With `user`, that token is renewed afterwards.
    pub(crate) fn refresh(
        context: &Context<'_>,
        installation_id: String,
        user: Option<Credentials>,
    ) -> Step {
        let mut journey = Self::new(Some(installation_id));
        journey.is_refresh = true;
        journey.user = user.map(|user| user.as_map().clone());
        journey.go(context, Stage::Token)
    }

    /// For a connection that has only the person's token yet.
    pub(crate) fn refresh_user(context: &Context<'_>, user: &Credentials) -> Step {
        let mut journey = Self::new(None);
        journey.is_refresh = true;
        journey.user = Some(user.as_map().clone());
        journey.go(context, Stage::Renewal)
    }

    fn go(mut self, context: &Context<'_>, stage: Stage) -> Step {
        self.stage = stage;
        match self.request(context) {
            Ok((request, mut pending)) => {
                let memory = serde_json::to_value(&self).unwrap_or_default();
                pending.memory.insert(MEMORY.to_owned(), memory);
                Step::Send { request, pending }
            }
            Err(error) if stage == Stage::Renewal => self.without_renewal(context, error),
            Err(error) => Step::Failed(error),
        }
    }

    fn request(&mut self, context: &Context<'_>) -> Result<(HttpRequest, Pending), AuthError> {
        let mut pending = Pending::new(match self.stage {
            Stage::Code => Purpose::Exchange,
            Stage::Renewal => Purpose::Refresh,
            _ => Purpose::Installation,
        });
        let request = match self.stage {
            Stage::Installation => self.as_app(context, &mut pending, false)?,
            Stage::Token => self.as_app(context, &mut pending, true)?,
            Stage::List => self.as_user(context, &mut pending)?,
            Stage::Code => {
                let (code, redirect_uri) = self
                    .code
                    .take()
                    .ok_or_else(|| refused("The provider's answer holds no authorization code."))?;
                code_request(context, &code, &redirect_uri, &mut pending)?
            }
            Stage::Renewal => renew_request(context, &self.user(), &mut pending)?,
        };
        Ok((request, pending))
    }

    /// A request about the installation, made by the app itself.
    fn as_app(
        &self,
        context: &Context<'_>,
        pending: &mut Pending,
        for_token: bool,
    ) -> Result<HttpRequest, AuthError> {
        let template = match context.provider.app_installation.url.as_deref() {
            _ if for_token => installation_token_url(context.provider)?,
            Some(url) => url,
            None => return Err(no_address(context, "app_installation.url")),
        };
        let mut config = context.connection_config.clone();
        config.insert("installation_id".to_owned(), self.id().into());
        let url = address(context, &config, template, "installation")?;
        let token = App::of(context)?.token(context)?;
        let method = if for_token { http::Method::POST } else { http::Method::GET };
        let mut request = HttpRequest::new(method, url);
        if for_token {
            request.body = Body::Json(Value::Object(Map::new()));
        }
        bear(&mut request, &token);
        pending.secrets.push(Secret::from(token.as_str()));
        pending.memory.insert("jwt".to_owned(), token.into());
        Ok(request)
    }

    fn as_user(
        &self,
        context: &Context<'_>,
        pending: &mut Pending,
    ) -> Result<HttpRequest, AuthError> {
        let Some(template) = &context.provider.app_installation.user_installations_url else {
            return Err(no_address(context, "app_installation.user_installations_url"));
        };
        let mut url = address(context, context.connection_config, template, "installations")?;
        url.query_pairs_mut()
            .append_pair("per_page", &PAGE_ITEMS.to_string())
            .append_pair("page", &self.page.to_string());
        let user = self.user();
        let token = user.access_token().unwrap_or_default();
        let mut request = HttpRequest::new(http::Method::GET, url);
        bear(&mut request, token);
        pending.secrets.push(Secret::from(token));
        Ok(request)
    }

    fn id(&self) -> &str {
        self.installation_id.as_deref().unwrap_or_default()
    }

    fn user(&self) -> Credentials {
        Credentials::new(self.user.clone().unwrap_or_default())
    }

    /// The installation is there. Whose is it?
    fn found(mut self, context: &Context<'_>, body: &Map<String, Value>) -> Step {
        if let Err(error) = self.check_installation(context, body) {
            return Step::Failed(error);
        }
        if self.code.is_some() {
            return self.go(context, Stage::Code);
        }
        let repaired = context.repairs.and_then(|config| config.get("installation_id"));
        let is_repaired = repaired.and_then(scalar_text).as_deref() == Some(self.id());
        if is_repaired || self.is_of_this_flow(body) {
            self.page = 1;
            return self.go(context, Stage::Token);
        }
        Step::Failed(refused(
            "This installation was there before and was not changed just now, so it cannot be told \
             whether it is yours to connect. Start again, and on the page that opens save the \
             installation's repository access anew, or remove the app and install it again.",
        ))
    }

    fn check_installation(
        &self,
        context: &Context<'_>,
        body: &Map<String, Value>,
    ) -> Result<(), AuthError> {
        let app = App::of(context)?;
        let text = |name: &str| body.get(name).and_then(scalar_text);
        let is_this = text("id").as_deref() == Some(self.id());
        // An app is known by a number, and by the id of its client.
        let names = [text("app_id"), text("client_id")];
        let is_ours = names.iter().flatten().any(|name| *name == app.id);
        if !is_this || !is_ours {
            return Err(foreign());
        }
        if body.get("suspended_at").is_some_and(|at| !at.is_null()) {
            return Err(refused(format!(
                "The installation is suspended at {}. Lift the suspension in the settings of the \
                 account it belongs to, then connect again.",
                context.provider.display_name
            )));
        }
        Ok(())
    }

    /// Whether it was made or changed since the flow began.
    fn is_of_this_flow(&self, body: &Map<String, Value>) -> bool {
        let Some(started_at_ms) = self.started_at_ms else { return false };
        let since = started_at_ms - SKEW_SECONDS * 1000;
        ["created_at", "updated_at"].iter().any(|name| {
            let at = body.get(*name).and_then(Value::as_str).and_then(Timestamp::parse_iso);
            at.is_some_and(|at| at.millis() >= since)
        })
    }

    /// The person's token is there.
    fn signed_in(mut self, context: &Context<'_>, user: Map<String, Value>) -> Step {
        self.user = Some(user);
        if self.installation_id.is_some() {
            return self.go(context, Stage::List);
        }
        self.pending(context)
    }

    /// A connection that waits for its installation to be approved.
    fn pending(self, context: &Context<'_>) -> Step {
        let app = match App::of(context) {
            Ok(app) => app,
            Err(error) => return Step::Failed(error),
        };
        let user = self.user.unwrap_or_default();
        let learned = Map::from_iter([
            ("app_id".to_owned(), Value::from(app.id)),
            ("pending".to_owned(), Value::from(true)),
            (USER.to_owned(), Value::Object(user.clone())),
            (USER_ERROR.to_owned(), Value::Null),
        ]);
        Step::Done(Grant { credentials: Credentials::new(user), connection_config: learned })
    }

    fn listed(mut self, context: &Context<'_>, body: &Map<String, Value>) -> Step {
        let items = body.get("installations").and_then(Value::as_array);
        let items = items.map(Vec::as_slice).unwrap_or_default();
        let id = |item: &Value| item.get("id").and_then(scalar_text);
        if items.iter().any(|item| id(item).as_deref() == Some(self.id())) {
            return self.go(context, Stage::Token);
        }
        if items.len() == PAGE_ITEMS && self.page < PAGES_MAX {
            self.page += 1;
            return self.go(context, Stage::List);
        }
        Step::Failed(refused(format!(
            "The account you are signed in with at {} may not use this installation. Sign in there \
             as somebody who may, then connect again.",
            context.provider.display_name
        )))
    }

    /// The installation's token is there.
    fn minted(mut self, context: &Context<'_>, raw: Map<String, Value>, jwt: &str) -> Step {
        let (Ok(app), Some(credentials)) = (App::of(context), credentials(raw, jwt)) else {
            let message = "The provider's answer to the token request holds no token.";
            return Step::Failed(AuthError::new(Class::Ours, TOKEN_ERROR, message));
        };
        let mut facts = facts(&app, self.id(), jwt);
        for name in ["pending", "pendingLog"] {
            facts.insert(name.to_owned(), Value::Null);
        }
        self.minted = Some((credentials, facts));
        if self.is_refresh && self.user.is_some() {
            // Not before the installation's token is there: the person's refresh token is spent.
            return self.go(context, Stage::Renewal);
        }
        let keeps_user = context.provider.auth_mode == AuthMode::Custom;
        let learned = match self.user.take().filter(|_| keeps_user) {
            Some(user) => {
                vec![(USER.to_owned(), Value::Object(user)), (USER_ERROR.to_owned(), Value::Null)]
            }
            None => Vec::new(),
        };
        self.done(learned)
    }

    fn renewed(self, user: Map<String, Value>) -> Step {
        let value = Value::Object(user.clone());
        let learned = vec![(USER.to_owned(), value), (USER_ERROR.to_owned(), Value::Null)];
        if self.minted.is_some() {
            return self.done(learned);
        }
        let connection_config = learned.into_iter().collect();
        Step::Done(Grant { credentials: Credentials::new(user), connection_config })
    }

    /// The person's token stays as it was, with a warning; the installation's is worth keeping.
    fn without_renewal(self, context: &Context<'_>, error: AuthError) -> Step {
        if self.minted.is_none() {
            return Step::Failed(error);
        }
        let warning = warning(context, &error);
        self.done(vec![(USER_ERROR.to_owned(), warning)])
    }

    fn done(self, learned: Vec<(String, Value)>) -> Step {
        let (credentials, mut connection_config) = self.minted.unwrap_or_default();
        connection_config.extend(learned);
        Step::Done(Grant { credentials: Credentials::new(credentials), connection_config })
    }
}

/// Reads the reply to a request of a journey.
pub(crate) fn reply(context: &Context<'_>, pending: &Pending, reply: &HttpReply) -> Step {
    let Some(journey) = journey_of(pending) else { return Step::Failed(lost()) };
    if matches!(journey.stage, Stage::Code | Stage::Renewal) {
        let before = (journey.stage == Stage::Renewal).then(|| journey.user());
        return match read(context.provider, pending, reply, Names::OAuth2, context.now) {
            Ok(tokens) => {
                let user = user_credentials(tokens, before.as_ref());
                if before.is_some() {
                    journey.renewed(user)
                } else {
                    journey.signed_in(context, user)
                }
            }
            Err(error) if before.is_some() => journey.without_renewal(context, error),
            Err(error) => Step::Failed(error),
        };
    }
    if !reply.is_success() {
        return Step::Failed(failure(context, &journey, pending, reply));
    }
    let Ok(Value::Object(body)) = serde_json::from_slice(&reply.body) else {
        let message = "The provider's answer about the installation is not JSON.";
        return Step::Failed(AuthError::new(Class::Transient, TOKEN_ERROR, message));
    };
    let jwt = pending.memory.get("jwt").and_then(Value::as_str).unwrap_or_default();
    match journey.stage {
        Stage::Installation => journey.found(context, &body),
        Stage::List => journey.listed(context, &body),
        _ => journey.minted(context, body, jwt),
    }
}

/// Goes on when a request of a journey got no reply.
pub(crate) fn unanswered(context: &Context<'_>, pending: &Pending, error: AuthError) -> Step {
    match journey_of(pending) {
        Some(journey) if journey.stage == Stage::Renewal => journey.without_renewal(context, error),
        _ => Step::Failed(error),
    }
}

fn journey_of(pending: &Pending) -> Option<Journey> {
    serde_json::from_value(pending.memory.get(MEMORY)?.clone()).ok()
}

fn lost() -> AuthError {
    AuthError::new(Class::Ours, TOKEN_ERROR, "The steps of the installation were lost on the way.")
}

fn foreign() -> AuthError {
    refused(
        "This installation does not belong to the app of this integration. Start again and install \
         the app from the page that opens.",
    )
}

fn no_address(context: &Context<'_>, key: &str) -> AuthError {
    let message = format!("The provider entry {} has no {key}.", context.provider.name);
    AuthError::new(Class::Ours, "provider_config_err", message)
}

fn bear(request: &mut HttpRequest, token: &str) {
    request.headers.push(("accept".to_owned(), ACCEPT.to_owned()));
    request.headers.push(("authorization".to_owned(), format!("Bearer {token}")));
}

fn failure(
    context: &Context<'_>,
    journey: &Journey,
    pending: &Pending,
    reply: &HttpReply,
) -> AuthError {
    let error = classify::failure(pending, reply);
    let name = &context.provider.display_name;
    let (class, message) = match (journey.stage, reply.status) {
        (Stage::Installation | Stage::Token, 401) => (
            Class::Ours,
            format!(
                "{name} did not take the app's own token. Check the app id and the private key."
            ),
        ),
        (Stage::Installation, 404) => return foreign(),
        (Stage::Token, 404) => (
            Class::Terminal,
            "The installation is no longer there. The person has to install the app again."
                .to_owned(),
        ),
        (Stage::Token, 403) if error.class != Class::Transient => (
            Class::Terminal,
            format!("{name} gives no token for this installation. It may be suspended."),
        ),
        _ => return error,
    };
    AuthError { class, message, ..error }
}
