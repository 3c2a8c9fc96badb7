//! OAUTH2: the authorization code grant with PKCE (RFC 6749 §4.1, RFC 7636), and refresh (§6).

use serde_json::{Map, Value};
use url::Url;
use valetkey_catalog::fields::{VALUE_BYTES_MAX, check_value};
use valetkey_catalog::{AuthMode, Provider, render};

use crate::assertion::{REDIRECT_HOST, host_of, names_redirect_host};
use crate::body::{BodyIssue, Reader};
use crate::client_auth::{ActiveClient, own_client};
use crate::credentials::Credentials;
use crate::error::{AuthError, Class};
use crate::mode::{
    AuthorizeInput, CallbackInput, Context, Grant, Mode, Pending, Purpose, Redirect, Step,
};
use crate::request::{HttpReply, HttpRequest};
use crate::token_reply::{Names, Tokens, read};
use crate::token_request::{Draft, build, endpoint, render_params, resource, secrets_of};

pub(super) mod authorize_url;
mod upgrade;

mod user_token;

use authorize_url::Rules;

const TOKEN_CHARS_MAX: usize = 16_384;

pub(super) struct OAuth2;

impl Mode for OAuth2 {
    fn mode(&self) -> AuthMode {
        AuthMode::OAuth2
    }

    fn uses_browser(&self) -> bool {
        true
    }

    fn authorize(&self, context: &Context<'_>, input: &AuthorizeInput<'_>) -> Step {
        if context.provider.installation_outbound {
            let message = "This provider starts the installation itself.";
            return Step::Failed(AuthError::new(Class::Ours, "auth_mode_err", message));
        }
        match authorize_url::build(context, input, Rules::OAuth2) {
            Ok(url) => Step::Redirect(Redirect { url, memory: Map::new() }),
            Err(error) => Step::Failed(error),
        }
    }

    fn callback(&self, context: &Context<'_>, input: &CallbackInput<'_>) -> Step {
        sent(exchange(context, input))
    }

    fn can_refresh(&self, provider: &Provider, credentials: &Credentials) -> bool {
        is_refreshable(provider, credentials)
    }

    fn refresh(&self, context: &Context<'_>, credentials: &Credentials) -> Step {
        sent(refresh(context, credentials))
    }

    fn reply(&self, context: &Context<'_>, pending: &Pending, reply: &HttpReply) -> Step {
        tokens(context, pending, reply)
    }

    fn unanswered(&self, context: &Context<'_>, pending: &Pending, error: AuthError) -> Step {
        user_token::unanswered(context, pending, &error).unwrap_or_else(|| Step::Failed(error))
    }

    /// Begins what the provider finishes by a webhook.
    fn submit(&self, context: &Context<'_>, _: &Value) -> Result<Step, Vec<BodyIssue>> {
        if !context.provider.installation_outbound {
            let message = "The connections of this provider are made through a redirect.";
            return Ok(Step::Failed(AuthError::new(Class::Ours, "invalid_auth_mode", message)));
        }
        let credentials = Map::from_iter([("type".to_owned(), Value::from("OAUTH2"))]);
        let pending = Map::from_iter([("pending".to_owned(), Value::from(true))]);
        let credentials = Credentials::new(credentials);
        Ok(Step::Done(Grant { credentials, connection_config: pending }))
    }

    fn import(&self, credentials: &Value) -> Result<Credentials, Vec<BodyIssue>> {
        let mut reader = Reader::new(credentials, &["credentials"]);
        reader.ignore("type");
        let access_token = reader.text("access_token", 1, TOKEN_CHARS_MAX);
        let refresh_token = reader.optional_text("refresh_token", 1, TOKEN_CHARS_MAX);
        let expires_at = reader.optional_date("expires_at");
        let config_override = reader.optional_override();
        let issues = reader.strict();
        if !issues.is_empty() {
            return Err(issues);
        }
        let mut map = base(&access_token, refresh_token.as_deref());
        if let Some(expires_at) = expires_at {
            map.insert("expires_at".to_owned(), expires_at.to_iso_z().into());
        }
        if let Some(config_override) = config_override {
            map.insert("config_override".to_owned(), Value::Object(config_override));
        }
        let raw = map.clone();
        map.insert("raw".to_owned(), Value::Object(raw));
        Ok(Credentials::new(map))
    }
}

/// The step that sends a request.
pub(super) fn sent(request: Result<(HttpRequest, Pending), AuthError>) -> Step {
    match request {
        Ok((request, pending)) => Step::Send { request, pending },
        Err(error) => Step::Failed(error),
    }
}

/// Whether there is something to show for a fresh token.
pub(super) fn is_refreshable(provider: &Provider, credentials: &Credentials) -> bool {
    credentials.refresh_token().is_some()
        || (provider.refreshes_by_access_token() && credentials.access_token().is_some())
}

/// Reads the answer to a token request.
pub(super) fn tokens(context: &Context<'_>, pending: &Pending, reply: &HttpReply) -> Step {
    if let Some(step) = user_token::reply(context, pending, reply) {
        return step;
    }
    let tokens = match read(context.provider, pending, reply, Names::OAuth2, context.now) {
        Ok(tokens) => tokens,
        Err(error) => return Step::Failed(error),
    };
    if let Some(step) = upgrade::next(context, pending, &tokens) {
        return step;
    }
    let tokens = upgrade::completed(pending, tokens);
    match &pending.before {
        Some(before) => {
            user_token::after(context, before, renewed(context.provider, before, tokens))
        }
        None => Step::Done(granted(context, pending, tokens)),
    }
}

fn base(access_token: &str, refresh_token: Option<&str>) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("type".to_owned(), "OAUTH2".into());
    map.insert("access_token".to_owned(), access_token.into());
    if let Some(refresh_token) = refresh_token {
        map.insert("refresh_token".to_owned(), refresh_token.into());
    }
    map
}

/// The token request for the code a callback brought.
pub(super) fn exchange(
    context: &Context<'_>,
    input: &CallbackInput<'_>,
) -> Result<(HttpRequest, Pending), AuthError> {
    let provider = context.provider;
    check_issuer(context, input)?;
    let code = value_of(input, &provider.authorization_code_param_in_callback)
        .filter(|code| !code.is_empty())
        .ok_or_else(|| refused(input))?;
    let mut metadata = callback_metadata(provider, input)?;
    let client = ActiveClient::resuming(context, input.memory)?;

    let known = under(context.connection_config, &metadata, |_| true);
    let addressing = under(context.connection_config, &metadata, |name| {
        may_address(provider, name, metadata.get(name))
    });
    let scope = context.scope(&known);
    let url = endpoint(provider, &context.scope(&addressing), false)?;

    let mut params = Map::new();
    params.insert("grant_type".to_owned(), "authorization_code".into());
    params.insert("code".to_owned(), code.into());
    params.insert("redirect_uri".to_owned(), input.redirect_uri.into());
    params.extend(render_params(&provider.token_params, &scope)?);
    if let Some(resource) = resource(context)? {
        params.insert("resource".to_owned(), resource.into());
    }
    // An authorization that began at the provider has none.
    if provider.uses_pkce() && !input.verifier.is_empty() {
        params.insert("code_verifier".to_owned(), input.verifier.into());
    }
    let draft = Draft {
        url,
        params,
        client: &client,
        auth: client.auth(context, provider.token_client_auth),
        omit: &provider.token_request_omit,
        by_get: false,
    };
    let request = build(context, &scope, draft)?;
    let secrets = secrets_of(&client, &[code, input.verifier]);
    if names_redirect_host(provider)
        && let Some(host) = host_of(input.redirect_uri)
    {
        // A refresh signs for the same host, and knows no callback.
        metadata.insert(REDIRECT_HOST.to_owned(), host.into());
    }
    Ok((request, Pending { metadata, secrets, ..Pending::new(Purpose::Exchange) }))
}

pub(super) fn value_of<'q>(input: &CallbackInput<'q>, name: &str) -> Option<&'q str> {
    input.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// The answer must come from the server that was asked (RFC 9207), when both are known.
fn check_issuer(context: &Context<'_>, input: &CallbackInput<'_>) -> Result<(), AuthError> {
    let Some(template) = &context.provider.issuer else {
        return Ok(());
    };
    let Some(given) = value_of(input, "iss") else {
        return Ok(());
    };
    let scope = context.scope(context.connection_config);
    match render(template, &scope) {
        Ok(expected) if expected != given => Err(AuthError::new(
            Class::Terminal,
            "callback_err",
            "The answer came from another authorization server than the one that was asked.",
        )),
        _ => Ok(()),
    }
}

/// The error of a callback without a code, in the provider's words where it has some.
pub(super) fn refused(input: &CallbackInput<'_>) -> AuthError {
    let words = |names: &[&str], chars_max: usize| {
        let text = names.iter().find_map(|name| value_of(input, name))?;
        Some(crate::classify::scrubbed(text, &[], chars_max)).filter(|text| !text.is_empty())
    };
    let provider_error = words(&["error", "error_reason", "status_code"], 120);
    let message = match provider_error.as_deref() {
        Some("access_denied") => "The authorization was declined at the provider.",
        Some(_) => "The provider did not grant the authorization.",
        None => "The provider's answer holds no authorization code.",
    };
    AuthError {
        provider_error,
        provider_description: words(&["error_description", "error_message", "error_uri"], 500),
        ..AuthError::new(Class::Terminal, "callback_err", message)
    }
}

/// Callback parameters to keep. They came through the person's browser, so a declared input's rules
/// hold for them.
pub(super) fn callback_metadata(
    provider: &Provider,
    input: &CallbackInput<'_>,
) -> Result<Map<String, Value>, AuthError> {
    let mut metadata = Map::new();
    for name in &provider.redirect_uri_metadata {
        let Some(value) = value_of(input, name).filter(|value| !value.is_empty()) else {
            continue;
        };
        let fits = value.len() <= VALUE_BYTES_MAX
            && provider
                .connection_field(name)
                .is_none_or(|field| check_value(field, value).is_ok());
        if !fits {
            let message = format!("The provider's answer holds an unexpected {name}.");
            return Err(AuthError::new(Class::Terminal, "callback_err", message));
        }
        metadata.insert(name.clone(), value.into());
    }
    Ok(metadata)
}

/// Whether a callback parameter may take part in the token URL. The client secret goes there and
/// the person could have edited the callback, so an address needs a declared pattern or list; a
/// plain word, which names no host, does not.
fn may_address(provider: &Provider, name: &str, value: Option<&Value>) -> bool {
    let is_constrained = provider
        .connection_field(name)
        .is_some_and(|field| field.pattern.is_some() || !field.one_of.is_empty());
    let is_plain_word = value.and_then(Value::as_str).is_some_and(|text| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    });
    is_constrained || is_plain_word
}

/// The configuration with what was learned below it: an empty text yields.
fn under(
    config: &Map<String, Value>,
    learned: &Map<String, Value>,
    admit: impl Fn(&str) -> bool,
) -> Map<String, Value> {
    let mut map = config.clone();
    for (name, value) in learned {
        let is_free = map.get(name).is_none_or(|held| held.as_str() == Some(""));
        if is_free && admit(name) {
            map.insert(name.clone(), value.clone());
        }
    }
    map
}

/// The credentials of a finished exchange.
fn granted(context: &Context<'_>, pending: &Pending, tokens: Tokens) -> Grant {
    let config = |name: &str| {
        context.connection_config.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    };
    let mut raw = tokens.raw;
    let mut learned = tokens.metadata;
    learned.extend(pending.metadata.clone());
    let mut refresh_token = tokens.refresh_token;
    if let Some(given) = config("oauth_refresh_token_override") {
        refresh_token = Some(given.to_owned());
        raw.insert("refresh_token".to_owned(), given.into());
        learned.insert("overrideTokenRefresh".to_owned(), true.into());
    }
    let mut map = base(&tokens.access_token, refresh_token.as_deref());
    if let Some(expires_at) = user_token::earliest(context, &raw, tokens.expires_at) {
        map.insert("expires_at".to_owned(), expires_at.to_iso_z().into());
    }
    map.insert("raw".to_owned(), Value::Object(raw));
    let own = own_client(context.connection_config);
    if !own.is_empty() {
        map.insert("config_override".to_owned(), Value::Object(own));
    }
    Grant { credentials: Credentials::new(map), connection_config: learned }
}

/// The token request of a refresh.
pub(super) fn refresh(
    context: &Context<'_>,
    credentials: &Credentials,
) -> Result<(HttpRequest, Pending), AuthError> {
    let provider = context.provider;
    let token = if provider.refreshes_by_access_token() {
        credentials.access_token()
    } else {
        credentials.refresh_token()
    };
    let Some(token) = token else {
        let message = "There is no refresh token. The person has to connect again.";
        return Err(AuthError::new(Class::Terminal, "missing_refresh_token", message));
    };
    let client = ActiveClient::stored(context, credentials)?;
    let scope = context.scope(context.connection_config);
    let url = endpoint(provider, &scope, true)?;
    let extra = provider.refresh_params.as_ref().unwrap_or(&provider.token_params);
    let mut params = Map::new();
    params.insert("grant_type".to_owned(), "refresh_token".into());
    params.extend(render_params(extra, &scope)?);
    if params.get("grant_type").and_then(Value::as_str) == Some("authorization_code") {
        params.insert("grant_type".to_owned(), "refresh_token".into());
    }
    if let Some(resource) = resource(context)? {
        params.insert("resource".to_owned(), resource.into());
    }
    params.insert(provider.refresh_token_param.clone(), token.into());
    let draft = Draft {
        url,
        params,
        client: &client,
        auth: client.auth(context, provider.refresh_client_auth),
        omit: &provider.refresh_request_omit,
        by_get: provider.refresh_by_get,
    };
    let request = build(context, &scope, draft)?;
    let secrets = secrets_of(&client, &[token]);
    let before = Some(credentials.clone());
    Ok((request, Pending { before, secrets, ..Pending::new(Purpose::Refresh) }))
}

/// The credentials after a refresh: what the reply does not repeat stays.
fn renewed(provider: &Provider, before: &Credentials, tokens: Tokens) -> Grant {
    let kept = before.refresh_token();
    let refresh_token = tokens.refresh_token.as_deref().or(kept);
    let mut map = base(&tokens.access_token, refresh_token);
    if let Some(expires_at) = tokens.expires_at {
        map.insert("expires_at".to_owned(), expires_at.to_iso_z().into());
    }
    let mut raw = tokens.raw;
    let earlier = before.as_map().get("raw").and_then(Value::as_object);
    for name in &provider.token_response_keep {
        if let Some(value) = earlier.and_then(|raw| raw.get(name))
            && !raw.contains_key(name)
        {
            raw.insert(name.clone(), value.clone());
        }
    }
    map.insert("raw".to_owned(), Value::Object(raw));
    if let Some(own) = before.as_map().get("config_override") {
        map.insert("config_override".to_owned(), own.clone());
    }
    Grant { credentials: Credentials::new(map), connection_config: tokens.metadata }
}

/// Parses a URL this module has put together.
fn parsed(text: &str) -> Result<Url, AuthError> {
    Url::parse(text).map_err(|_| {
        let message = "The provider's authorization URL cannot be built.";
        AuthError::new(Class::Ours, "url_param_err", message)
    })
}

#[cfg(test)]
#[path = "oauth2_tests.rs"]
mod tests;
