//! Tokens this server signs itself, from the templates of a provider entry: header, claims and key.

use std::time::Duration;

use serde_json::{Map, Value};
use valetkey_base::Timestamp;
use valetkey_catalog::schema::{SignatureProtocol, SignedToken};
use valetkey_catalog::template::render_verbatim;
use valetkey_catalog::{Provider, Scope, references, render};

use crate::body::BodyIssue;
use crate::error::{AuthError, Class};
use crate::keys::{Algorithm, SignError, SigningKey, signed_jwt};

/// Lifetime of a token whose entry names none: 5 minutes.
const DEFAULT_LIFETIME_MS: u64 = 300_000;

/// A token and its end.
pub(crate) struct Signed {
    pub(crate) token: String,
    pub(crate) expires_at: Timestamp,
}

/// Why a token could not be signed: whether it is the entry's fault or that of what was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SigningFault {
    /// The provider entry is incomplete.
    Entry { code: &'static str, message: String },
    /// A typed value does not do. The path lies in the form.
    Typed { path: Vec<String>, title: String, problem: String },
}

impl SigningFault {
    fn entry(code: &'static str, message: impl Into<String>) -> Self {
        Self::Entry { code, message: message.into() }
    }

    /// What a form says about it.
    pub(crate) fn into_issue(self) -> Result<BodyIssue, AuthError> {
        match self {
            Self::Typed { path, title, problem } => Ok(BodyIssue {
                code: "custom".to_owned(),
                message: format!("{title} {problem}."),
                path,
            }),
            fault @ Self::Entry { .. } => Err(fault.into_error()),
        }
    }

    /// What is said of it when nobody is there to type.
    pub(crate) fn into_error(self) -> AuthError {
        match self {
            Self::Entry { code, message } => AuthError::new(Class::Ours, code, message),
            Self::Typed { title, problem, .. } => {
                let message =
                    format!("{title} {problem}. The person has to connect again with another one.");
                AuthError::new(Class::Terminal, "failed_to_sign", message)
            }
        }
    }
}

/// The token of an entry; none when the entry has no templates for one.
pub(crate) fn signed_token(
    provider: &Provider,
    scope: &Scope<'_>,
    now: Timestamp,
) -> Result<Option<Signed>, SigningFault> {
    let Some(recipe) = &provider.signed_token else { return Ok(None) };
    let protocol = match provider.signature {
        None => {
            let message = "The provider entry does not say how its token is signed.";
            return Err(SigningFault::entry("missing_signature_type", message));
        }
        Some(SignatureProtocol::Wsse) => return Ok(None),
        Some(protocol) => protocol,
    };
    if recipe.payload.is_empty() && recipe.header.is_empty() {
        let message = "The provider entry does not say what its token holds.";
        return Err(SigningFault::entry("missing_token_body", message));
    }
    let Some(template) = &recipe.signing_key else {
        let message = "The provider entry does not name the key its token is signed with.";
        return Err(SigningFault::entry("failed_to_sign", message));
    };
    let lifetime = Duration::from_millis(recipe.lifetime_ms.unwrap_or(DEFAULT_LIFETIME_MS));
    let expires_at = now.plus(lifetime);
    let claims = claims(&recipe.payload, scope, now, expires_at);
    let key = signing_key(provider, protocol, template, scope)?;
    let token =
        signed(recipe, scope, &claims, &key).map_err(|error| of_key(provider, template, error))?;
    Ok(Some(Signed { token, expires_at }))
}

fn signed(
    recipe: &SignedToken,
    scope: &Scope<'_>,
    claims: &Map<String, Value>,
    key: &SigningKey,
) -> Result<String, SignError> {
    let header = members(&recipe.header, scope);
    let algorithm = header_algorithm(&header, key)?;
    signed_jwt(header, claims, key, algorithm)
}

fn signing_key(
    provider: &Provider,
    protocol: SignatureProtocol,
    template: &str,
    scope: &Scope<'_>,
) -> Result<SigningKey, SigningFault> {
    let text = key_text(provider, template, scope)?;
    let key = match protocol {
        SignatureProtocol::Hmac => SigningKey::shared(&text, provider.signature_secret_is_text),
        _ => SigningKey::private(&text),
    };
    key.map_err(|error| of_key(provider, template, error))
}

/// The text of a key template. In it `||` is plain text.
pub(crate) fn key_text(
    provider: &Provider,
    template: &str,
    scope: &Scope<'_>,
) -> Result<String, SigningFault> {
    render_verbatim(template, scope)
        .map_err(|_| typed_fault(provider, template, "is required".to_owned()))
}

/// A fault of the key a template names.
pub(crate) fn of_key(provider: &Provider, template: &str, error: SignError) -> SigningFault {
    if error == SignError::UnknownAlgorithm {
        let message = "The provider entry names a signing algorithm that its key cannot use.";
        return SigningFault::entry("failed_to_sign", message);
    }
    typed_fault(provider, template, error.to_string())
}

/// A fault of the first typed value a template names.
fn typed_fault(provider: &Provider, template: &str, problem: String) -> SigningFault {
    let names = references(template);
    let Some(name) = names.iter().find(|name| !name.starts_with("connectionConfig.")) else {
        let message = format!("The key of the provider entry {problem}.");
        return SigningFault::entry("failed_to_sign", message);
    };
    let (group, name, fields) = match name.strip_prefix("assertionOption.") {
        Some(name) => (Some("assertionOption"), name, &provider.assertion_option),
        None => (None, name.strip_prefix("credentials.").unwrap_or(name), &provider.credentials),
    };
    let name = name.split('.').next().unwrap_or(name);
    let field = fields.iter().find(|field| field.name == name);
    let title = field.map_or(name, |field| field.title.as_str()).to_owned();
    let path = group.into_iter().chain([name]).map(str::to_owned).collect();
    SigningFault::Typed { path, title, problem }
}

/// Claims of a token: the templates of the entry, and the times.
pub(crate) fn claims(
    templates: &Map<String, Value>,
    scope: &Scope<'_>,
    now: Timestamp,
    expires_at: Timestamp,
) -> Map<String, Value> {
    let mut claims = members(templates, scope);
    claims.insert("iat".to_owned(), now.seconds().into());
    claims.insert("exp".to_owned(), expires_at.seconds().into());
    claims
}

/// A map of templates filled in; a member that stays without a value is left out.
pub(crate) fn members(templates: &Map<String, Value>, scope: &Scope<'_>) -> Map<String, Value> {
    templates
        .iter()
        .filter_map(|(name, template)| Some((name.clone(), member(template, scope)?)))
        .collect()
}

fn member(template: &Value, scope: &Scope<'_>) -> Option<Value> {
    match template {
        Value::String(text) => text_of(text, scope).map(Value::String),
        Value::Array(items) => {
            let mut list = Vec::new();
            for item in items {
                match item {
                    // What a person typed may be a list with commas.
                    Value::String(text) => {
                        let text = text_of(text, scope).unwrap_or_default();
                        let parts = text.split(',').map(str::trim);
                        list.extend(parts.filter(|part| !part.is_empty()).map(Value::from));
                    }
                    other => list.extend(member(other, scope)),
                }
            }
            (!list.is_empty()).then_some(Value::Array(list))
        }
        Value::Object(map) => Some(Value::Object(members(map, scope))),
        other => Some(other.clone()),
    }
}

/// A text filled in; none when a value is missing, or when nothing is left of it.
fn text_of(template: &str, scope: &Scope<'_>) -> Option<String> {
    render(template, scope).ok().filter(|text| !text.is_empty() || template.is_empty())
}

/// The algorithm a header names, or the usual one of the key.
pub(crate) fn header_algorithm(
    header: &Map<String, Value>,
    key: &SigningKey,
) -> Result<Algorithm, SignError> {
    match header.get("alg").and_then(Value::as_str) {
        Some(name) => name.parse(),
        None => Ok(key.usual_algorithm()),
    }
}

#[cfg(test)]
#[path = "jwt_tests.rs"]
mod tests;
