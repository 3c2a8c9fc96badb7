//! What follows a grant before it is stored: the expiry a token answer left out (RFC 7662), second
//! tokens, and facts about the account.
//!
//! Sans I/O like the modes: [`tasks`] says what there is to do, [`begin`] makes a request of a task
//! or does it at once, [`finish`] reads the answer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use regex::Regex;
use serde_json::{Map, Value};
use url::Url;
use valetkey_catalog::schema::{CompanionToken, FactSource, FactStep, Pick};
use valetkey_catalog::template::find;
use valetkey_catalog::{Provider, Scope, render, render_url, scalar_text};

use crate::api_request::{self, ApiCall};
use crate::client_auth::{self, ActiveClient};
use crate::credentials::Credentials;
use crate::error::{AuthError, Class};
use crate::expiry;
use crate::mode::{Context, Grant};
use crate::request::{Body, HttpReply, HttpRequest};
use crate::token_reply::parse_body;
use crate::token_request::render_params;

/// Longest value kept, in bytes.
const VALUE_BYTES_MAX: usize = 4096;

/// When a grant was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// A person has just connected.
    Connect,
    /// A token was renewed.
    Refresh,
}

/// One thing to do after a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Ask for the token's expiry.
    Introspection,
    /// Get the second token of that index.
    Companion(usize),
    /// Learn the fact of that index.
    Fact(usize),
}

/// What there is to do, in order.
pub fn tasks(provider: &Provider, grant: &Grant, occasion: Occasion) -> Vec<Task> {
    let mut tasks = Vec::new();
    if provider.introspection_url.is_some() && grant.credentials.expires_at().is_none() {
        tasks.push(Task::Introspection);
    }
    if occasion == Occasion::Connect {
        tasks.extend((0..provider.post_connection.len()).map(Task::Fact));
    }
    // Last, because a fact may say where a second token comes from.
    tasks.extend((0..provider.companion_tokens.len()).map(Task::Companion));
    tasks
}

/// Whether the grant is worth nothing when the task fails. After a refresh nothing is required: a
/// refresh token was spent for the new one, which must not be lost over a second request.
pub fn is_required(provider: &Provider, task: Task, occasion: Occasion) -> bool {
    match task {
        _ if occasion == Occasion::Refresh => false,
        Task::Introspection => false,
        Task::Companion(_) => true,
        Task::Fact(index) => provider.post_connection.get(index).is_some_and(|step| step.required),
    }
}

/// The request of a task; none when it needs none, and then it is done.
pub fn begin(
    context: &Context<'_>,
    grant: &mut Grant,
    task: Task,
) -> Result<Option<HttpRequest>, AuthError> {
    let known = known(context, grant);
    let context = Context { connection_config: &known, ..*context };
    match task {
        Task::Introspection => introspection(&context, &grant.credentials).map(Some),
        Task::Companion(index) => match context.provider.companion_tokens.get(index) {
            Some(companion) => companion_request(&context, &grant.credentials, companion),
            None => Ok(None),
        },
        Task::Fact(index) => match context.provider.post_connection.get(index) {
            Some(step) => fact_request(&context, grant, step),
            None => Ok(None),
        },
    }
}

/// Reads the answer to a task's request into the grant.
pub fn finish(
    context: &Context<'_>,
    grant: &mut Grant,
    task: Task,
    reply: &HttpReply,
) -> Result<(), AuthError> {
    let known = known(context, grant);
    let context = Context { connection_config: &known, ..*context };
    let body: Option<Value> = serde_json::from_slice(&reply.body).ok();
    let Some(body) = body.filter(|_| reply.is_success()) else {
        return Err(unanswered(&context, reply));
    };
    match task {
        Task::Introspection => {
            learn_expiry(&context, grant, &body);
            Ok(())
        }
        Task::Companion(index) => match context.provider.companion_tokens.get(index) {
            Some(companion) => keep_companion(&context, grant, companion, reply),
            None => Ok(()),
        },
        Task::Fact(index) => match context.provider.post_connection.get(index) {
            Some(step) => learn(&context, grant, step, &body),
            None => Ok(()),
        },
    }
}

/// The configuration with what the grant has learned so far.
fn known(context: &Context<'_>, grant: &Grant) -> Map<String, Value> {
    crate::stored_connection_config(context.connection_config, &grant.connection_config)
}

fn cannot_build(what: &str, error: &dyn std::fmt::Display) -> AuthError {
    AuthError::new(Class::Ours, "url_param_err", format!("{what} cannot be built: {error}."))
}

fn unanswered(context: &Context<'_>, reply: &HttpReply) -> AuthError {
    let class = match reply.status {
        408 | 425 | 429 | 500.. => Class::Transient,
        _ => Class::Terminal,
    };
    let name = &context.provider.display_name;
    let message =
        format!("{name} did not tell about the account it let in (HTTP {}).", reply.status);
    AuthError {
        provider_status: Some(reply.status),
        ..AuthError::new(class, "unknown_err", message)
    }
}

fn introspection(
    context: &Context<'_>,
    credentials: &Credentials,
) -> Result<HttpRequest, AuthError> {
    let template = context.provider.introspection_url.as_deref().unwrap_or_default();
    let url = render_url(template, &context.scope(context.connection_config), false)
        .map_err(|error| cannot_build("The provider's introspection URL", &error))?;
    let params = Map::from_iter([
        ("token".to_owned(), credentials.access_token().unwrap_or_default().into()),
        ("token_type_hint".to_owned(), "access_token".into()),
    ]);
    as_client(context, credentials, url, params)
}

/// A form posted in the name of the client.
fn as_client(
    context: &Context<'_>,
    credentials: &Credentials,
    url: Url,
    mut params: Map<String, Value>,
) -> Result<HttpRequest, AuthError> {
    let client = ActiveClient::stored(context, credentials)?;
    let mut request = HttpRequest::new(http::Method::POST, url);
    request.headers.push(("accept".to_owned(), "application/json".to_owned()));
    client_auth::apply(
        context.provider.token_client_auth,
        &client,
        &request.url,
        context,
        &mut params,
        &mut request.headers,
    )?;
    let pairs = params.iter().filter_map(|(name, value)| Some((name.clone(), scalar_text(value)?)));
    request.body = Body::Form(pairs.collect());
    Ok(request)
}

/// `exp` of an active token (RFC 7662 §2.2).
fn learn_expiry(context: &Context<'_>, grant: &mut Grant, body: &Value) {
    let is_active = body.get("active") == Some(&Value::Bool(true));
    let moment = body.get("exp").and_then(|exp| expiry::parse_moment(exp, context.now));
    if let Some(moment) = moment.filter(|_| is_active) {
        let mut map = grant.credentials.as_map().clone();
        map.insert("expires_at".to_owned(), moment.to_iso_z().into());
        grant.credentials = Credentials::new(map);
    }
}

fn companion_request(
    context: &Context<'_>,
    credentials: &Credentials,
    companion: &CompanionToken,
) -> Result<Option<HttpRequest>, AuthError> {
    if companion.when.as_ref().is_some_and(|name| !has_value(context, name)) {
        return Ok(None);
    }
    let scope = api_request::scope(context, credentials);
    let template = companion.url.as_ref().or(context.provider.token_url.as_ref());
    let url = render_url(template.map_or("", String::as_str), &scope, false)
        .map_err(|error| cannot_build("The URL of a second token", &error))?;
    let params = render_params(&companion.params, &scope)?;
    as_client(context, credentials, url, params).map(Some)
}

/// Keeps a second token under its name, with `expires_at` in milliseconds; a refresh token that
/// comes with it takes the place of the first one, which the provider has rotated.
fn keep_companion(
    context: &Context<'_>,
    grant: &mut Grant,
    companion: &CompanionToken,
    reply: &HttpReply,
) -> Result<(), AuthError> {
    let mut token = parse_body(reply).unwrap_or_default();
    if token.get("access_token").and_then(Value::as_str).is_none() {
        return Err(unanswered(context, reply));
    }
    let lifetime = token.get("expires_in").and_then(expiry::parse_lifetime);
    if let Some(at) = lifetime.and_then(|seconds| expiry::after(context.now, seconds)) {
        token.insert("expires_at".to_owned(), at.millis().into());
    }
    if let Some(Value::String(refresh_token)) = token.shift_remove("refresh_token") {
        let mut map = grant.credentials.as_map().clone();
        map.insert("refresh_token".to_owned(), refresh_token.into());
        grant.credentials = Credentials::new(map);
    }
    grant.connection_config.insert(companion.store.clone(), Value::Object(token));
    Ok(())
}

fn has_value(context: &Context<'_>, name: &str) -> bool {
    match context.connection_config.get(name) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    }
}

fn fact_request(
    context: &Context<'_>,
    grant: &mut Grant,
    step: &FactStep,
) -> Result<Option<HttpRequest>, AuthError> {
    let is_passed_over = step.unless.as_ref().is_some_and(|name| has_value(context, name))
        || step.when.as_ref().is_some_and(|name| !has_value(context, name));
    if is_passed_over {
        return Ok(None);
    }
    let raw = |name: &str| grant.credentials.as_map().get("raw")?.get(name).cloned();
    let at_hand = match &step.source {
        FactSource::Call { url, by_post, headers, body } => {
            let call = ApiCall {
                by_post: *by_post,
                endpoint: url,
                base_url: None,
                headers,
                body: body
                    .as_ref()
                    .map(|body| filled(body, &api_request::scope(context, &grant.credentials))),
            };
            let request = api_request::build(context, &grant.credentials, call)
                .map_err(|error| cannot_build("The provider's account address", &error))?;
            return Ok(Some(request));
        }
        FactSource::TokenResponse => grant.credentials.as_map().get("raw").cloned(),
        FactSource::AccessTokenClaims => grant.credentials.access_token().and_then(claims),
        FactSource::IdTokenClaims => raw("id_token").and_then(|token| claims(token.as_str()?)),
    };
    match at_hand {
        Some(value) => learn(context, grant, step, &value)?,
        None if step.required => return Err(incomplete(context, step)),
        None => {}
    }
    Ok(None)
}

/// A body with its texts filled in; one that cannot be stays as it is.
fn filled(value: &Value, scope: &Scope<'_>) -> Value {
    match value {
        Value::String(text) => render(text, scope).map_or_else(|_| value.clone(), Value::String),
        Value::Object(map) => Value::Object(
            map.iter().map(|(name, value)| (name.clone(), filled(value, scope))).collect(),
        ),
        Value::Array(items) => items.iter().map(|item| filled(item, scope)).collect(),
        other => other.clone(),
    }
}

/// The claims of a JWT, not verified: it came straight from the token endpoint over TLS (OpenID
/// Connect Core §3.1.3.7).
fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn learn(
    context: &Context<'_>,
    grant: &mut Grant,
    step: &FactStep,
    answer: &Value,
) -> Result<(), AuthError> {
    let chosen = chosen(context, &grant.credentials, step, answer);
    let mut learned = 0;
    for kept in &step.keep {
        let value = chosen.and_then(|value| at(value, &kept.path));
        let Some(value) = value.and_then(|value| extracted(value, kept.pattern.as_deref())) else {
            continue;
        };
        grant.connection_config.insert(kept.name.clone(), value);
        learned += 1;
    }
    if step.required && learned < step.keep.len() {
        return Err(incomplete(context, step));
    }
    Ok(())
}

fn incomplete(context: &Context<'_>, step: &FactStep) -> AuthError {
    let names: Vec<&str> = step.keep.iter().map(|kept| kept.name.as_str()).collect();
    let message = format!(
        "{} let the account in but did not say its {}, without which it cannot be used.",
        context.provider.display_name,
        names.join(", ")
    );
    AuthError::new(Class::Terminal, "unknown_err", message)
}

/// The part of an answer that a step reads.
fn chosen<'v>(
    context: &Context<'_>,
    credentials: &Credentials,
    step: &FactStep,
    answer: &'v Value,
) -> Option<&'v Value> {
    let Some(path) = step.list.as_deref().or(step.pick.map(|_| "")) else {
        return Some(answer);
    };
    let items = at(answer, path)?.as_array()?;
    let scope = api_request::scope(context, credentials);
    let wanted: Option<Vec<(&str, String)>> = step
        .matches
        .iter()
        .map(|(path, template)| Some((path.as_str(), render(template, &scope).ok()?)))
        .collect();
    if let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) {
        let is_wanted = |item: &&Value| {
            wanted.iter().all(|(path, text)| {
                at(item, path).and_then(scalar_text).is_some_and(|found| found == *text)
            })
        };
        if let Some(item) = items.iter().find(is_wanted) {
            return Some(item);
        }
    }
    match step.pick {
        Some(Pick::Only) if items.len() != 1 => None,
        Some(_) => items.first(),
        None => None,
    }
}

/// A value at a path of names and list positions; the value itself for an empty path.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    if path.is_empty() {
        return Some(value);
    }
    if let Some(map) = value.as_object()
        && let Some(found) = find(map, path)
    {
        return Some(found);
    }
    path.split('.').try_fold(value, |value, part| match value {
        Value::Object(map) => map.get(part),
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// The value to keep: a scalar or a list of reasonable size, or a part of a text.
fn extracted(value: &Value, pattern: Option<&str>) -> Option<Value> {
    let Some(pattern) = pattern else {
        let is_kept = match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty() && text.len() <= VALUE_BYTES_MAX,
            Value::Bool(_) | Value::Number(_) => true,
            Value::Array(_) | Value::Object(_) => value.to_string().len() <= VALUE_BYTES_MAX,
        };
        return is_kept.then(|| value.clone());
    };
    let text = scalar_text(value)?;
    let found = Regex::new(pattern).ok()?.captures(&text)?.get(1)?.as_str().to_owned();
    (!found.is_empty() && found.len() <= VALUE_BYTES_MAX).then_some(Value::String(found))
}

#[cfg(test)]
#[path = "follow_up_tests.rs"]
mod tests;
