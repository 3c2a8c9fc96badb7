//! Reads what a token endpoint answers (RFC 6749 §5.1), in the shapes providers really send.

use serde_json::{Map, Value};
use url::form_urlencoded;
use valetkey_base::Timestamp;
use valetkey_catalog::Provider;
use valetkey_catalog::template::find;

use crate::classify;
use crate::error::{AuthError, Class};
use crate::expiry;
use crate::mode::Pending;
use crate::request::HttpReply;

/// What a good reply holds.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    pub(crate) refresh_token: Option<String>,
    pub(crate) expires_at: Option<Timestamp>,
    /// The reply as parsed.
    pub(crate) raw: Map<String, Value>,
    /// Values for the connection's configuration.
    pub(crate) metadata: Map<String, Value>,
}

/// Where the access token stands, beyond `access_token`.
#[derive(Clone, Copy)]
pub(crate) enum Names {
    /// An authorization code or refresh grant.
    OAuth2,
    /// Client credentials, where `data.token` and `jwt` occur too.
    ClientCredentials,
}

/// Reads a reply. A refusal, with whatever status, becomes a classified error.
pub(crate) fn read(
    provider: &Provider,
    pending: &Pending,
    reply: &HttpReply,
    names: Names,
    now: Timestamp,
) -> Result<Tokens, AuthError> {
    if !reply.is_success() {
        return Err(classify::failure(pending, reply));
    }
    let Some(raw) = parse_body(reply) else {
        return Err(no_token(
            pending,
            Class::Transient,
            "The provider's answer to the token request is neither JSON nor form data.",
        ));
    };
    if let Some(test) = &provider.token_response_success
        && find(&raw, &test.path) != Some(&test.equals)
    {
        return Err(classify::failure(pending, reply));
    }
    let view = standard_view(provider, &raw);
    let found = locate(provider, &view, names);
    let Some((access_token, holder)) = found else {
        let is_refusal = view.get("error").is_some_and(|error| !error.is_null())
            || raw.get("ok") == Some(&Value::Bool(false));
        return Err(if is_refusal {
            classify::failure(pending, reply)
        } else {
            let message = "The provider's answer to the token request holds no access token.";
            no_token(pending, Class::Ours, message)
        });
    };
    Ok(Tokens {
        access_token,
        refresh_token: text(holder.get("refresh_token")),
        expires_at: expires_at(provider, holder, now),
        metadata: metadata(&provider.token_response_metadata, &raw),
        raw,
    })
}

fn no_token(pending: &Pending, class: Class, message: &str) -> AuthError {
    AuthError::new(class, pending.parse_error_code(), message)
}

/// A body as an object, from JSON or form data whatever the content type claims.
pub(crate) fn parse_body(reply: &HttpReply) -> Option<Map<String, Value>> {
    let text = std::str::from_utf8(&reply.body).ok()?.trim_start_matches('\u{feff}').trim();
    if let Ok(value) = serde_json::from_str(text) {
        return match value {
            Value::Object(map) => Some(map),
            _ => None,
        };
    }
    let is_form = text.contains('=')
        && !text.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '{' | '"'));
    is_form.then(|| {
        form_urlencoded::parse(text.as_bytes())
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
            .collect()
    })
}

/// The part of the reply with the token members, under their standard names.
fn standard_view(provider: &Provider, raw: &Map<String, Value>) -> Map<String, Value> {
    let part = provider
        .token_response_path
        .as_ref()
        .and_then(|path| find(raw, path)?.as_object())
        .unwrap_or(raw);
    let mut view = part.clone();
    for (from, to) in &provider.token_response_rename {
        if let Some(value) = find(part, from) {
            view.insert(to.clone(), value.clone());
        }
    }
    view
}

/// The access token and the object that holds what goes with it.
fn locate<'v>(
    provider: &Provider,
    view: &'v Map<String, Value>,
    names: Names,
) -> Option<(String, &'v Map<String, Value>)> {
    if let Some(token) = text(view.get("access_token")) {
        return Some((token, view));
    }
    if let Some(path) = &provider.alternate_access_token_response_path {
        match find(view, path) {
            Some(Value::Object(inner)) => {
                return text(inner.get("access_token")).map(|token| (token, inner));
            }
            other => {
                if let Some(token) = text(other) {
                    return Some((token, view));
                }
            }
        }
    }
    match names {
        Names::OAuth2 => None,
        Names::ClientCredentials => text(find(view, "data.token"))
            .or_else(|| text(view.get("jwt")))
            .map(|token| (token, view)),
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The end of the token's life: a fixed lifetime, a moment, or a lifetime.
fn expires_at(
    provider: &Provider,
    holder: &Map<String, Value>,
    now: Timestamp,
) -> Option<Timestamp> {
    if let Some(seconds) = provider.token_fixed_lifetime_seconds {
        return expiry::after(now, seconds as f64);
    }
    let moment = holder.get("expires_at").and_then(|value| expiry::parse_moment(value, now));
    moment.or_else(|| {
        let lifetime = expiry::parse_lifetime(holder.get("expires_in")?)?;
        let seconds = if provider.expires_in_milliseconds { lifetime / 1000.0 } else { lifetime };
        expiry::after(now, seconds)
    })
}

/// Scalars of the reply at the given paths, under the dotted path as a flat key.
pub(crate) fn metadata(paths: &[String], raw: &Map<String, Value>) -> Map<String, Value> {
    paths
        .iter()
        .filter_map(|path| match find(raw, path) {
            Some(value @ (Value::String(_) | Value::Bool(_) | Value::Number(_))) => {
                Some((path.clone(), value.clone()))
            }
            _ => None,
        })
        .collect()
}

#[cfg(test)]
#[path = "token_reply_tests.rs"]
mod tests;
