//! TWO_STEP: credentials exchanged for a token in one or more requests.
//!
//! The first request is a login with what the person typed, or, when the provider has one and a
//! refresh token is held, a refresh. Further steps may name values of earlier answers; the last
//! answer holds the token.

use std::time::Duration;

use serde_json::{Map, Value};
use valetkey_base::Secret;
use valetkey_catalog::schema::{ExpiryStrategy, TokenStep};
use valetkey_catalog::template::find;
use valetkey_catalog::{AuthMode, Provider};

use crate::body::BodyIssue;
use crate::classify;
use crate::credentials::{Credentials, HIDDEN_MEMBER};
use crate::error::{AuthError, Class};
use crate::expiry::{self, LIFETIME_SECONDS_MAX};
use crate::form;
use crate::jwt::SigningFault;
use crate::keys::unverified_claims;
use crate::mode::{Context, Grant, Mode, Pending, Purpose, Step};
use crate::request::{HttpReply, HttpRequest};
use crate::token_reply::metadata;

mod answer;
mod known;
mod request;
pub(super) mod xml;

use known::Known;

/// The code of an answer without a token.
const NO_TOKEN: &str = "invalid_two_step_credentials";

pub(super) struct TwoStep;

impl Mode for TwoStep {
    fn mode(&self) -> AuthMode {
        AuthMode::TwoStep
    }

    fn submit(&self, context: &Context<'_>, body: &Value) -> Result<Step, Vec<BodyIssue>> {
        let form = form::read(context, body)?;
        let mut typed = form.fields;
        if !form.options.is_empty() {
            typed.insert(HIDDEN_MEMBER.to_owned(), Value::Object(form.options));
        }
        match begin(context, &Credentials::new(typed), Phase::Login) {
            Ok(step) => Ok(step),
            Err(Fault::Other(error)) => Ok(Step::Failed(error)),
            Err(Fault::Signing(fault)) => match fault.into_issue() {
                Ok(issue) => Err(vec![issue]),
                Err(error) => Ok(Step::Failed(error)),
            },
        }
    }

    fn can_refresh(&self, provider: &Provider, credentials: &Credentials) -> bool {
        credentials.kind() == Some(AuthMode::TwoStep) && provider.token_url.is_some()
    }

    fn refresh(&self, context: &Context<'_>, credentials: &Credentials) -> Step {
        let recipe = &context.provider.two_step;
        let has_request = recipe.refresh_params.is_some() || recipe.refresh_headers.is_some();
        let phase = match credentials.refresh_token() {
            Some(_) if has_request => Phase::Refresh,
            _ => Phase::Login,
        };
        begin(context, credentials, phase).unwrap_or_else(Fault::into_step)
    }

    fn reply(&self, context: &Context<'_>, pending: &Pending, reply: &HttpReply) -> Step {
        let progress = Progress::recall(pending);
        if !matches!(reply.status, 200 | 201) {
            let error = refused(pending, &progress, reply);
            if progress.phase == Phase::Refresh
                && progress.steps_done == 0
                && error.class == Class::Terminal
                && let Some(before) = &pending.before
            {
                // The refresh token is spent; what the person typed is still there.
                return begin(context, before, Phase::Login).unwrap_or_else(Fault::into_step);
            }
            return Step::Failed(error);
        }
        advance(context, pending, progress, reply).unwrap_or_else(Step::Failed)
    }
}

/// What the first request is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Login,
    Refresh,
}

/// Why nothing can be sent.
enum Fault {
    Signing(SigningFault),
    Other(AuthError),
}

impl Fault {
    fn into_step(self) -> Step {
        Step::Failed(match self {
            Self::Signing(fault) => fault.into_error(),
            Self::Other(error) => error,
        })
    }
}

/// What is remembered between the requests of one exchange.
struct Progress {
    phase: Phase,
    steps_done: usize,
    /// `step1`, `step2`, …: the answers so far.
    answers: Map<String, Value>,
    /// Headers and cookies kept so far.
    kept: Map<String, Value>,
}

impl Progress {
    fn recall(pending: &Pending) -> Self {
        let map = |name: &str| {
            pending.memory.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
        };
        let answers = map("answers");
        let is_refresh = pending.memory.get("refresh") == Some(&Value::Bool(true));
        Self {
            phase: if is_refresh { Phase::Refresh } else { Phase::Login },
            steps_done: answers.len(),
            answers,
            kept: map("kept"),
        }
    }

    fn remember(self) -> Map<String, Value> {
        Map::from_iter([
            ("refresh".to_owned(), (self.phase == Phase::Refresh).into()),
            ("answers".to_owned(), Value::Object(self.answers)),
            ("kept".to_owned(), Value::Object(self.kept)),
        ])
    }
}

/// The first request.
fn begin(context: &Context<'_>, before: &Credentials, phase: Phase) -> Result<Step, Fault> {
    let provider = context.provider;
    let recipe = &provider.two_step;
    let Some(login_url) = provider.token_url.as_ref() else {
        let message = format!("The provider entry {} has no token URL.", provider.name);
        return Err(Fault::Other(AuthError::new(Class::Ours, "missing_token_url", message)));
    };
    let mut known = Known::new(context, before);
    let mut stored = before.as_map().clone();
    let step = match phase {
        Phase::Refresh => {
            known.show_tokens(before);
            TokenStep {
                url: provider.refresh_url.as_ref().unwrap_or(login_url).clone(),
                by_get: false,
                headers: recipe.refresh_headers.as_ref().unwrap_or(&provider.token_headers).clone(),
                params: recipe.refresh_params.clone().unwrap_or_default(),
                format: None,
            }
        }
        Phase::Login => {
            let assertion = known.sign(context, before).map_err(Fault::Signing)?;
            if let Some(assertion) = assertion {
                stored.insert("assertion".to_owned(), assertion.into());
            }
            TokenStep {
                url: login_url.clone(),
                by_get: recipe.by_get,
                headers: provider.token_headers.clone(),
                params: provider.token_params.clone(),
                format: None,
            }
        }
    };
    let request = request::build(context, &known, &step).map_err(Fault::Other)?;
    let progress = Progress { phase, steps_done: 0, answers: Map::new(), kept: Map::new() };
    Ok(sent(context, Credentials::new(stored), progress, &known, request))
}

fn sent(
    context: &Context<'_>,
    before: Credentials,
    progress: Progress,
    known: &Known,
    request: HttpRequest,
) -> Step {
    let pending = Pending {
        secrets: secrets(context.provider, &before, known),
        before: Some(before),
        memory: progress.remember(),
        ..Pending::new(Purpose::TwoStep)
    };
    Step::Send { request, pending }
}

/// Everything typed that a field does not declare as harmless, and everything signed.
fn secrets(provider: &Provider, before: &Credentials, known: &Known) -> Vec<Secret> {
    let mut secrets: Vec<Secret> = before.secrets().into_iter().map(Secret::from).collect();
    for (name, value) in &known.values {
        let field = provider.credentials.iter().find(|field| field.name == *name);
        if let Some(text) = value.as_str()
            && field.is_none_or(|field| field.secret)
        {
            secrets.push(Secret::from(text));
        }
    }
    secrets.extend(known.token.as_deref().map(Secret::from));
    secrets
}

/// A refusal by status.
fn refused(pending: &Pending, progress: &Progress, reply: &HttpReply) -> AuthError {
    let mut error = classify::failure(pending, reply);
    if error.provider_error.is_none() && error.provider_description.is_none() {
        error.provider_description = answer::words(reply, &pending.secrets);
    }
    if progress.steps_done > 0 {
        error.code = format!("{NO_TOKEN}_step_{}", progress.steps_done + 1);
    }
    error
}

/// The next step, or the end.
fn advance(
    context: &Context<'_>,
    pending: &Pending,
    mut progress: Progress,
    reply: &HttpReply,
) -> Result<Step, AuthError> {
    let provider = context.provider;
    let recipe = &provider.two_step;
    let before = pending.before.clone().unwrap_or_default();
    let parsed = answer::parse(reply);
    answer::keep_headers(provider, reply, &mut progress.kept);
    // A refresh token belongs to the token of the last step, so its answer is a last answer too.
    let next = recipe.additional.get(progress.steps_done);
    let Some(step) = next.filter(|_| progress.phase == Phase::Login) else {
        return finished(context, pending, &progress, reply, parsed);
    };
    progress.steps_done += 1;
    progress.answers.insert(format!("step{}", progress.steps_done), parsed);
    let mut known = Known::new(context, &before);
    known.token = known::signed(context, &known).map_err(SigningFault::into_error)?;
    known.values.extend(progress.kept.clone());
    known.answers.clone_from(&progress.answers);
    let request = request::build(context, &known, step).map_err(|mut error| {
        // A value an earlier answer should have held: the provider's doing, not the operator's.
        error.code = format!("{NO_TOKEN}_step_{}", progress.steps_done + 1);
        error
    })?;
    Ok(sent(context, before, progress, &known, request))
}

/// The credentials of the last answer.
fn finished(
    context: &Context<'_>,
    pending: &Pending,
    progress: &Progress,
    reply: &HttpReply,
    parsed: Value,
) -> Result<Step, AuthError> {
    let provider = context.provider;
    let paths = &provider.two_step.response;
    let before = pending.before.clone().unwrap_or_default();
    let succeeded = provider.token_response_success.as_ref().is_none_or(|test| {
        parsed.as_object().and_then(|map| find(map, &test.path)) == Some(&test.equals)
    });
    let token = answer::text_at(&parsed, &paths.token).filter(|_| succeeded);
    let Some(token) = token else {
        return Err(no_token(pending, reply, &paths.token));
    };
    let refresh_token =
        paths.refresh_token.as_ref().and_then(|path| answer::text_at(&parsed, path)).or_else(
            || {
                // A login that brings none makes the old one worthless.
                let held = before.refresh_token().filter(|_| progress.phase == Phase::Refresh);
                held.map(str::to_owned)
            },
        );
    let mut map = Map::new();
    map.insert("type".to_owned(), "TWO_STEP".into());
    map.insert("token".to_owned(), token.as_str().into());
    if let Some(refresh_token) = &refresh_token {
        map.insert("refresh_token".to_owned(), refresh_token.as_str().into());
    }
    let expires_at = expires_at(context, &parsed, &token, refresh_token.as_deref());
    if let Some(expires_at) = expires_at {
        map.insert("expires_at".to_owned(), expires_at.to_iso_z().into());
    }
    let mut learned = Map::new();
    for answer in progress.answers.values().chain([&parsed]).filter_map(Value::as_object) {
        learned.extend(metadata(&provider.token_response_metadata, answer));
    }
    map.insert("raw".to_owned(), parsed);
    for (name, value) in before.as_map() {
        if name == HIDDEN_MEMBER || !form::RESERVED.contains(&name.as_str()) {
            map.insert(name.clone(), value.clone());
        }
    }
    map.extend(progress.kept.clone());
    Ok(Step::Done(Grant { credentials: Credentials::new(map), connection_config: learned }))
}

/// An answer that looks well and holds no token.
fn no_token(pending: &Pending, reply: &HttpReply, path: &str) -> AuthError {
    let mut error = classify::failure(pending, reply);
    NO_TOKEN.clone_into(&mut error.code);
    if error.provider_error.is_none() && error.provider_description.is_none() {
        error.provider_description = answer::words(reply, &pending.secrets);
    }
    if error.provider_error.is_some() || error.provider_description.is_some() {
        error.class = Class::Terminal;
        "The provider did not accept the credentials.".clone_into(&mut error.message);
    } else {
        error.class = Class::Ours;
        error.message = format!("The provider's answer holds no token at \"{path}\".");
    }
    error
}

/// When the token ends: what the answer says, else what the entry says, and never later than what
/// the tokens say themselves. The margin before the end is the engine's to keep.
fn expires_at(
    context: &Context<'_>,
    parsed: &Value,
    token: &str,
    refresh_token: Option<&str>,
) -> Option<valetkey_base::Timestamp> {
    let (provider, now) = (context.provider, context.now);
    let paths = &provider.two_step.response;
    let told = paths.expiration.as_ref().and_then(|path| answer::value_at(parsed, path));
    let told = told.and_then(|value| match paths.strategy {
        ExpiryStrategy::At => expiry::parse_moment(&value, now),
        ExpiryStrategy::In => {
            expiry::parse_duration(&value).and_then(|seconds| expiry::after(now, seconds))
        }
    });
    let fixed = provider.token_fixed_lifetime_seconds.map(|seconds| seconds as f64);
    let by_entry = match (fixed, provider.two_step.lifetime_ms) {
        (Some(seconds), _) => expiry::after(now, seconds),
        (None, Some(millis)) => expiry::after(now, millis as f64 / 1000.0),
        (None, None) => Some(now.plus(Duration::from_secs(LIFETIME_SECONDS_MAX))),
    };
    let own_end = |token: &str| {
        let end = expiry::parse_moment(unverified_claims(token)?.get("exp")?, now)?;
        (end > now).then_some(end)
    };
    let mut ends = told.or(by_entry);
    let of_token = if told.is_none() { own_end(token) } else { None };
    for end in [of_token, refresh_token.and_then(own_end)].into_iter().flatten() {
        ends = Some(ends.map_or(end, |known| known.min(end)));
    }
    ends
}

#[cfg(test)]
#[path = "two_step_tests.rs"]
mod tests;
