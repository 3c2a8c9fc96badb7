//! A provider whose answer holds a person's token with a refresh token of its own, inside that of the
//! app (`user_token_path`). Both are renewed; what was renewed first is never lost over the second.

use serde_json::{Map, Value, json};
use valetkey_base::Timestamp;
use valetkey_catalog::template::find;

use crate::credentials::Credentials;
use crate::error::AuthError;
use crate::expiry;
use crate::mode::{Context, Grant, Pending, Step};
use crate::request::HttpReply;
use crate::token_reply::{Names, read};
use crate::user_token::{USER_ERROR, is_known_dead, warning};

use super::refresh;

/// Key of the first outcome in a request's memory.
const FIRST: &str = "first";

/// Goes on after the app's token was renewed.
pub(super) fn after(context: &Context<'_>, before: &Credentials, grant: Grant) -> Step {
    let Some(old) = user_token(context, before) else { return Step::Done(grant) };
    // A connection without a token of the app is made with the person's own.
    let own = old.get("refresh_token").and_then(Value::as_str).filter(|token| {
        !token.is_empty() && Some(*token) != before.refresh_token() && !is_known_dead(context)
    });
    let Some(own) = own else { return Step::Done(grant) };
    let mut shown = Map::from_iter([("refresh_token".to_owned(), Value::from(own))]);
    if let Some(client) = before.as_map().get("config_override") {
        shown.insert("config_override".to_owned(), client.clone());
    }
    match refresh(context, &Credentials::new(shown)) {
        Ok((request, mut pending)) => {
            let first = json!({
                "credentials": grant.credentials.to_json(),
                "connection_config": grant.connection_config,
            });
            pending.memory.insert(FIRST.to_owned(), first);
            pending.before = Some(before.clone());
            Step::Send { request, pending }
        }
        Err(error) => Step::Done(with_warning(context, grant, &error)),
    }
}

/// Reads the answer about the person's token; none when the request was not about it.
pub(super) fn reply(context: &Context<'_>, pending: &Pending, reply: &HttpReply) -> Option<Step> {
    let first = first(pending)?;
    let before = pending.before.clone().unwrap_or_default();
    let path = context.provider.user_token_path.clone().unwrap_or_default();
    let tokens = match read(context.provider, pending, reply, Names::OAuth2, context.now) {
        Ok(tokens) => tokens,
        Err(error) => return Some(Step::Done(with_warning(context, first, &error))),
    };
    let mut user = user_token(context, &before).unwrap_or_default();
    user.insert("access_token".to_owned(), tokens.access_token.into());
    for name in ["refresh_token", "expires_in", "token_type", "scope"] {
        if let Some(value) = tokens.raw.get(name) {
            user.insert(name.to_owned(), value.clone());
        }
    }
    let mut map = first.credentials.as_map().clone();
    if let Some(Value::Object(raw)) = map.get_mut("raw") {
        raw.insert(path, Value::Object(user));
    }
    if let Some(at) = earlier(first.credentials.expires_at(), tokens.expires_at) {
        map.insert("expires_at".to_owned(), at.to_iso_z().into());
    }
    let mut connection_config = first.connection_config;
    connection_config.insert(USER_ERROR.to_owned(), Value::Null);
    Some(Step::Done(Grant { credentials: Credentials::new(map), connection_config }))
}

/// Goes on when there was no answer about the person's token; none when it was not about it.
pub(super) fn unanswered(
    context: &Context<'_>,
    pending: &Pending,
    error: &AuthError,
) -> Option<Step> {
    first(pending).map(|first| Step::Done(with_warning(context, first, error)))
}

/// The end of the first of two tokens, when the answer holds a person's too.
pub(super) fn earliest(
    context: &Context<'_>,
    raw: &Map<String, Value>,
    expires_at: Option<Timestamp>,
) -> Option<Timestamp> {
    let path = context.provider.user_token_path.as_deref();
    let lifetime = path.and_then(|path| find(raw, path)?.get("expires_in"));
    let seconds = lifetime.and_then(expiry::parse_lifetime);
    earlier(expires_at, seconds.and_then(|seconds| expiry::after(context.now, seconds)))
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn user_token(context: &Context<'_>, credentials: &Credentials) -> Option<Map<String, Value>> {
    let path = context.provider.user_token_path.as_deref()?;
    let raw = credentials.as_map().get("raw")?.as_object()?;
    find(raw, path)?.as_object().cloned()
}

fn first(pending: &Pending) -> Option<Grant> {
    let first = pending.memory.get(FIRST)?;
    let config = first.get("connection_config").and_then(Value::as_object);
    Some(Grant {
        credentials: Credentials::from_json(first.get("credentials")?.clone()),
        connection_config: config.cloned().unwrap_or_default(),
    })
}

fn with_warning(context: &Context<'_>, mut grant: Grant, error: &AuthError) -> Grant {
    grant.connection_config.insert(USER_ERROR.to_owned(), warning(context, error));
    grant
}
