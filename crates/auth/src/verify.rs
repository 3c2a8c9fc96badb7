//! The call that tells good credentials from bad ones.

use serde_json::Value;
use valetkey_catalog::template::find;
use valetkey_catalog::{Provider, UrlError};

use crate::api_request::{self, ApiCall};
use crate::credentials::Credentials;
use crate::error::{AuthError, Class};
use crate::mode::{Context, Mode};
use crate::modes::mode;
use crate::request::{HttpReply, HttpRequest};

/// The test calls of a provider for secrets a person typed, to be tried in order until one answers
/// well ([`accepts`]); when none does the credentials are bad. Empty when the provider has no test,
/// or when the mode needs none because a token was just issued. Credentials whose test cannot be
/// built do not get this far: submitting them fails.
pub fn verification(context: &Context<'_>, credentials: &Credentials) -> Vec<HttpRequest> {
    calls(context, credentials).unwrap_or_default()
}

/// Fails when the provider has a test that cannot be built from what was given, so that nothing is
/// accepted untested by way of a broken address.
pub(crate) fn ensure_testable(
    context: &Context<'_>,
    credentials: &Credentials,
) -> Result<(), AuthError> {
    calls(context, credentials).map(|_| ()).map_err(|error| {
        let message = format!("The provider's API address cannot be built: {error}.");
        AuthError::new(Class::Ours, "url_param_err", message)
    })
}

/// Whether an answer to a test call proves the credentials.
pub fn accepts(provider: &Provider, reply: &HttpReply) -> bool {
    let success = &provider.verification_success;
    let has_status = match success.statuses.as_slice() {
        [] => reply.is_success(),
        statuses => statuses.contains(&reply.status),
    };
    if !has_status {
        return false;
    }
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let at = |path: &str| body.as_object().and_then(|map| find(map, path));
    let lacks = success.lacks.as_ref().is_none_or(|text| {
        let body = String::from_utf8_lossy(&reply.body).to_ascii_lowercase();
        !body.contains(&text.to_ascii_lowercase())
    });
    lacks
        && success.equals.as_ref().is_none_or(|(path, value)| at(path) == Some(value))
        && success.exists.as_ref().is_none_or(|path| at(path).is_some_and(|value| !value.is_null()))
}

fn calls(context: &Context<'_>, credentials: &Credentials) -> Result<Vec<HttpRequest>, UrlError> {
    let provider = context.provider;
    let is_tested = mode(provider.auth_mode).is_some_and(Mode::takes_typed_secrets);
    let Some(check) = provider.proxy.verification.as_ref().filter(|_| is_tested) else {
        return Ok(Vec::new());
    };
    check
        .endpoints
        .iter()
        .map(|endpoint| {
            let call = ApiCall {
                by_post: check.method == "POST",
                endpoint,
                base_url: check.base_url_override.as_ref(),
                headers: &check.headers,
                body: check.data.clone(),
            };
            api_request::build(context, credentials, call)
        })
        .collect()
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
