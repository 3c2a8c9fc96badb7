//! Whose move it is after a provider said no (RFC 6749 §5.2 and the words providers use instead).

use serde_json::{Map, Value};
use valetkey_base::Secret;

use crate::error::{AuthError, Class};
use crate::mode::{Pending, Purpose};
use crate::request::HttpReply;
use crate::token_reply::parse_body;

/// Longest provider description kept, in characters.
const DESCRIPTION_CHARS_MAX: usize = 500;
const ERROR_CHARS_MAX: usize = 120;

/// The grant is gone.
const TERMINAL: &[&str] = &[
    "access_denied",
    "account_inactive",
    "bad_refresh_token",
    "bad_verification_code",
    "consent_required",
    "expired_token",
    "interaction_required",
    "invalid_code",
    "invalid_grant",
    "invalid_refresh_token",
    "invalid_token",
    "login_required",
    "org_login_required",
    "permission_denied",
    "refresh_token_expired",
    "token_expired",
    "token_rejected",
    "token_revoked",
    "token_used",
    "user_refused",
];

/// The integration is set up wrongly.
const OURS: &[&str] = &[
    "bad_client_secret",
    "bad_redirect_uri",
    "consumer_key_refused",
    "consumer_key_rejected",
    "consumer_key_unknown",
    "incorrect_client_credentials",
    "invalid_client",
    "invalid_client_id",
    "invalid_nonce",
    "invalid_scope",
    "invalid_signature",
    "nonce_used",
    "redirect_uri_mismatch",
    "signature_invalid",
    "signature_method_rejected",
    "timestamp_refused",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_signature_method",
];

/// The provider is busy or broken for now.
const TRANSIENT: &[&str] = &[
    "internal_error",
    "rate_limit_exceeded",
    "rate_limited",
    "ratelimited",
    "server_error",
    "service_unavailable",
    "slow_down",
    "temporarily_unavailable",
];

/// Words that tell of a dead grant where the code does not.
const DEAD_WORDS: &[&str] = &[
    "revoked",
    "expired",
    "refresh token is invalid",
    "invalid refresh token",
    "refresh token not found",
    "no longer valid",
];

/// The error for a reply that brought no token.
pub(crate) fn failure(pending: &Pending, reply: &HttpReply) -> AuthError {
    let body = parse_body(reply).or_else(|| first_of_list(reply)).unwrap_or_default();
    let (error, description) = provider_words(&body);
    let class = class_of(pending.purpose, reply.status, error.as_deref(), description.as_deref());
    let message = match (class, pending.purpose) {
        (Class::Transient, _) => "The provider could not handle the token request for now.",
        (Class::Ours, _) => "The provider refused the integration's client or its settings.",
        (Class::Terminal, purpose) if purpose.is_personal() => {
            "The provider refused the credentials."
        }
        (Class::Terminal, Purpose::Refresh) => {
            "The provider no longer accepts the refresh token. The person has to connect again."
        }
        (Class::Terminal, _) => "The provider refused the authorization.",
    };
    AuthError {
        class,
        code: pending.error_code().to_owned(),
        message: message.to_owned(),
        provider_status: Some(reply.status),
        provider_error: error.map(|text| scrubbed(&text, &pending.secrets, ERROR_CHARS_MAX)),
        provider_description: description
            .map(|text| scrubbed(&text, &pending.secrets, DESCRIPTION_CHARS_MAX)),
        retry_after_seconds: reply
            .header("retry-after")
            .and_then(|value| value.trim().parse().ok()),
    }
}

/// The first of several problems that are listed without anything around them.
fn first_of_list(reply: &HttpReply) -> Option<Map<String, Value>> {
    let items: Vec<Value> = serde_json::from_slice(&reply.body).ok()?;
    items.into_iter().find_map(|item| match item {
        Value::Object(map) => Some(map),
        _ => None,
    })
}

/// The class of a refusal.
fn class_of(
    purpose: Purpose,
    status: u16,
    error: Option<&str>,
    description: Option<&str>,
) -> Class {
    if status >= 500 || matches!(status, 408 | 425 | 429) {
        return Class::Transient;
    }
    let error = error.unwrap_or_default().to_ascii_lowercase();
    let is_one_of = |list: &[&str]| list.contains(&error.as_str());
    if is_one_of(TRANSIENT) {
        return Class::Transient;
    }
    if is_one_of(TERMINAL) {
        return Class::Terminal;
    }
    if purpose.is_personal() {
        // The client is the person's own here, so a refused client is a dead grant.
        let is_refused_client = is_one_of(OURS) && error.contains("client");
        return match status {
            401 | 403 => Class::Terminal,
            _ if is_refused_client => Class::Terminal,
            400..=499 if is_one_of(OURS) => Class::Ours,
            _ => Class::Transient,
        };
    }
    if is_one_of(OURS) {
        return Class::Ours;
    }
    let words = format!("{error} {}", description.unwrap_or_default()).to_ascii_lowercase();
    if DEAD_WORDS.iter().any(|dead| words.contains(dead)) {
        return Class::Terminal;
    }
    match purpose {
        Purpose::Refresh => Class::Transient,
        // Nobody but the integration has taken part yet.
        Purpose::RequestToken if (400..500).contains(&status) => Class::Ours,
        _ if (400..500).contains(&status) => Class::Terminal,
        _ => Class::Transient,
    }
}

/// Members that describe a refusal, and members that name it.
const DESCRIPTIONS: &[&str] = &[
    "error_description",
    "errorDescription",
    "message",
    "error_message",
    "detail",
    "reason",
    "oauth_problem_advice",
];
const CODES: &[&str] = &["code", "type", "status", "error", "errorCode", "oauth_problem"];

/// The provider's error and description, from the shapes in use.
pub(crate) fn provider_words(body: &Map<String, Value>) -> (Option<String>, Option<String>) {
    let text = |map: &Map<String, Value>, names: &[&str]| {
        names.iter().find_map(|name| match map.get(*name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        })
    };
    let described = text(body, DESCRIPTIONS);
    match body.get("error") {
        Some(Value::String(error)) => (Some(error.clone()), described),
        Some(Value::Object(inner)) => (text(inner, CODES), text(inner, DESCRIPTIONS).or(described)),
        _ => match body.get("errors").and_then(|errors| errors.get(0)) {
            Some(Value::Object(inner)) => {
                (text(inner, CODES), text(inner, DESCRIPTIONS).or(described))
            }
            Some(Value::String(error)) => (Some(error.clone()), described),
            _ => (text(body, CODES), described),
        },
    }
}

/// A provider's text, cut, on one line, and without any secret it repeats.
pub(crate) fn scrubbed(text: &str, secrets: &[Secret], chars_max: usize) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| secret.expose().len() >= 4) {
        text = text.replace(secret.expose(), "[redacted]");
    }
    text.chars().filter(|c| !c.is_control()).take(chars_max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(purpose: Purpose) -> Pending {
        let secrets = vec![Secret::new("hunter22")];
        Pending { secrets, ..Pending::new(purpose) }
    }

    fn reply(status: u16, body: &str) -> HttpReply {
        HttpReply { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn each_refusal_has_its_class() {
        use Class::{Ours, Terminal, Transient};
        use Purpose::{ClientCredentials, Exchange, Refresh};
        let cases = [
            (Refresh, 400, r#"{"error":"invalid_grant"}"#, Terminal),
            (Refresh, 200, r#"{"ok":false,"error":"token_revoked"}"#, Terminal),
            (Refresh, 401, r#"{"error":"invalid_client"}"#, Ours),
            (Refresh, 400, r#"{"error":"unauthorized_client"}"#, Ours),
            (Refresh, 400, r#"{"status":"BAD_REFRESH_TOKEN","message":"x"}"#, Terminal),
            (Refresh, 400, r#"{"error":"temporarily_unavailable"}"#, Transient),
            (Refresh, 403, r#"{"error":{"code":"x","message":"Token was REVOKED"}}"#, Terminal),
            (Refresh, 400, r#"{"error":"invalid_request"}"#, Transient),
            (Refresh, 404, "<html>", Transient),
            (Refresh, 503, r#"{"error":"invalid_grant"}"#, Transient),
            (Refresh, 429, "", Transient),
            (Refresh, 400, "error=invalid_grant&error_description=gone", Terminal),
            (Exchange, 400, r#"{"error":"what"}"#, Terminal),
            (Exchange, 401, r#"{"error":"invalid_client"}"#, Ours),
            (ClientCredentials, 401, r#"{"error":"invalid_client"}"#, Terminal),
            (ClientCredentials, 400, r#"{"error":"invalid_scope"}"#, Ours),
            (ClientCredentials, 500, "", Transient),
            (Purpose::RequestToken, 401, "", Ours),
            (Purpose::RequestToken, 401, "oauth_problem=token_expired", Terminal),
            (Purpose::RequestToken, 503, "", Transient),
            (Exchange, 401, "oauth_problem=signature_invalid", Ours),
            (Exchange, 401, "oauth_problem=token_rejected", Terminal),
            (Purpose::Login, 401, r#"[{"code":"BDC_1","message":"no"}]"#, Terminal),
        ];
        for (purpose, status, body, class) in cases {
            let error = failure(&pending(purpose), &reply(status, body));
            assert_eq!(error.class, class, "{purpose:?} {status} {body}");
        }
    }

    #[test]
    fn provider_texts_are_cut_and_scrubbed() {
        let body = format!(
            r#"{{"error":"invalid_grant","error_description":"bad hunter22\n{}"}}"#,
            "x".repeat(900)
        );
        let mut reply = reply(400, &body);
        reply.headers.push(("retry-after".to_owned(), "7".to_owned()));
        let error = failure(&pending(Purpose::Refresh), &reply);
        let description = error.provider_description.unwrap();
        assert!(description.starts_with("bad [redacted]x"));
        assert_eq!(description.chars().count(), DESCRIPTION_CHARS_MAX);
        assert_eq!(error.retry_after_seconds, Some(7));
        assert_eq!(error.code, "refresh_token_external_error");
    }
}
