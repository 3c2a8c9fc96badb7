//! The call that tells good credentials from bad ones.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use url::Url;
use valetkey_catalog::{AuthMode, Scope, UrlError, Verification, render_url, scalar_text};

use crate::credentials::Credentials;
use crate::error::{AuthError, Class};
use crate::mode::Context;
use crate::request::{Body, HttpRequest};
use crate::token_request::{render_lenient, set_header};

/// The test calls of a provider for secrets a person typed (API_KEY, BASIC), to be tried in order
/// until one answers 2xx; when none does the credentials are bad. Empty when the provider has no
/// test. Credentials whose test cannot be built do not get this far: submitting them fails.
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

fn calls(context: &Context<'_>, credentials: &Credentials) -> Result<Vec<HttpRequest>, UrlError> {
    let proxy = &context.provider.proxy;
    // A token that was just issued needs no test; a typed secret does.
    let is_typed = matches!(context.provider.auth_mode, AuthMode::ApiKey | AuthMode::Basic);
    let Some(check) = proxy.verification.as_ref().filter(|_| is_typed) else {
        return Ok(Vec::new());
    };
    let scope = api_scope(context, credentials);
    let headers = headers(context, credentials, check, &scope);
    let base = check.base_url_override.as_ref().or(proxy.base_url.as_ref());
    let is_post = check.method == "POST";
    check
        .endpoints
        .iter()
        .map(|endpoint| {
            let mut url = endpoint_url(base, endpoint, &scope)?;
            for (name, value) in render_lenient(&proxy.query, &scope) {
                url.query_pairs_mut().append_pair(&name, &value);
            }
            let body = match &check.data {
                Some(data) if is_post => body_of(data, &headers),
                _ => Body::Empty,
            };
            let method = if is_post { http::Method::POST } else { http::Method::GET };
            Ok(HttpRequest { method, url, headers: headers.clone(), body })
        })
        .collect()
}

/// The names of a provider's API templates: the credentials' own members too.
fn api_scope<'a>(context: &Context<'a>, credentials: &'a Credentials) -> Scope<'a> {
    let mut scope = context.scope(context.connection_config).with_credentials(credentials.as_map());
    for (name, value) in credentials.as_map() {
        if !value.is_object() {
            scope.set(name, value.clone());
        }
    }
    if let Some(token) = credentials.access_token() {
        scope.set("accessToken", token);
    }
    if let Some(id) = &context.client.client_id {
        scope.set("clientId", id.as_str());
    }
    if let Some(secret) = &context.client.client_secret {
        scope.set("clientSecret", secret.expose());
    }
    scope
}

fn headers(
    context: &Context<'_>,
    credentials: &Credentials,
    check: &Verification,
    scope: &Scope<'_>,
) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    if let Some(value) = automatic_authorization(context.provider.auth_mode, credentials) {
        set_header(&mut headers, "authorization", value);
    }
    for map in [&context.provider.proxy.headers, &check.headers] {
        for (name, value) in render_lenient(map, scope) {
            set_header(&mut headers, &name, value);
        }
    }
    headers
}

/// The header a mode adds by itself.
fn automatic_authorization(mode: AuthMode, credentials: &Credentials) -> Option<String> {
    if mode != AuthMode::Basic {
        return None;
    }
    let member = |name: &str| credentials.as_map().get(name).and_then(Value::as_str);
    let pair = format!("{}:{}", member("username")?, member("password").unwrap_or_default());
    Some(format!("Basic {}", STANDARD.encode(pair)))
}

fn body_of(data: &Value, headers: &[(String, String)]) -> Body {
    let is_form = headers
        .iter()
        .any(|(name, value)| name == "content-type" && value.contains("x-www-form-urlencoded"));
    match data {
        Value::Object(map) if is_form => Body::Form(form_pairs(map)),
        other => Body::Json(other.clone()),
    }
}

fn form_pairs(map: &Map<String, Value>) -> Vec<(String, String)> {
    map.iter().filter_map(|(name, value)| Some((name.clone(), scalar_text(value)?))).collect()
}

/// The endpoint under the base URL, or on its own when it is a whole address.
fn endpoint_url(base: Option<&String>, endpoint: &str, scope: &Scope<'_>) -> Result<Url, UrlError> {
    if endpoint.starts_with("http") || endpoint.starts_with("${") {
        return render_url(endpoint, scope, true);
    }
    let mut url = render_url(base.ok_or(UrlError::Invalid)?, scope, true)?;
    // Escaped by its place in the path before it is joined to the base.
    let template = format!("https://placeholder.invalid/{}", endpoint.trim_start_matches('/'));
    let rendered = render_url(&template, scope, true)?;
    let path = format!("{}{}", url.path().trim_end_matches('/'), rendered.path());
    url.set_path(&path);
    let query = match (url.query(), rendered.query()) {
        (Some(left), Some(right)) => Some(format!("{left}&{right}")),
        (left, right) => left.or(right).map(str::to_owned),
    };
    url.set_query(query.as_deref());
    Ok(url)
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
