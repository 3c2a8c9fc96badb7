//! Builds requests to token endpoints, shared by every mode that has one.

use serde_json::{Map, Value};
use url::Url;
use valetkey_base::Secret;
use valetkey_catalog::schema::BodyFormat;
use valetkey_catalog::{ClientAuth, Provider, Scope, Unresolved, render, render_url, scalar_text};

use crate::client_auth::{self, ActiveClient};
use crate::error::{AuthError, Class};
use crate::mode::Context;
use crate::request::{Body, HttpRequest};

/// What goes into one token request.
pub(crate) struct Draft<'a> {
    pub(crate) url: Url,
    pub(crate) params: Map<String, Value>,
    pub(crate) client: &'a ActiveClient,
    pub(crate) auth: ClientAuth,
    /// Names dropped at the end.
    pub(crate) omit: &'a [String],
    /// `GET` with everything in the query.
    pub(crate) by_get: bool,
}

/// The request of a draft.
pub(crate) fn build(
    context: &Context<'_>,
    scope: &Scope<'_>,
    mut draft: Draft<'_>,
) -> Result<HttpRequest, AuthError> {
    let provider = context.provider;
    let mut headers = vec![("accept".to_owned(), "application/json".to_owned())];
    client_auth::apply(
        draft.auth,
        draft.client,
        &draft.url,
        context,
        &mut draft.params,
        &mut headers,
    )?;
    let mut scope = scope.clone();
    scope.set("clientId", draft.client.id.as_str());
    scope.set("clientSecret", draft.client.secret.expose());
    for (name, value) in render_lenient(&provider.token_headers, &scope) {
        set_header(&mut headers, &name, value);
    }
    let mut url = draft.url;
    let mut params = Map::new();
    for (name, value) in draft.params {
        if draft.omit.contains(&name) {
            continue;
        }
        let renamed = provider.token_request_rename.iter().find(|(from, _)| *from == name);
        let target = renamed.map_or(name.as_str(), |(_, to)| to.as_str()).to_owned();
        if provider.token_request_query.contains(&name) {
            append_query(&mut url, &target, &value);
        } else {
            params.insert(target, value);
        }
    }
    let in_query = draft.by_get || provider.body_format == BodyFormat::Query;
    let body = if in_query {
        for (name, value) in &params {
            append_query(&mut url, name, value);
        }
        Body::Empty
    } else if provider.body_format == BodyFormat::Json {
        Body::Json(Value::Object(params))
    } else {
        Body::Form(params.iter().map(|(name, value)| (name.clone(), form_text(value))).collect())
    };
    let method = if draft.by_get { http::Method::GET } else { http::Method::POST };
    Ok(HttpRequest { method, url, headers, body, identity: draft.client.identity.clone() })
}

fn append_query(url: &mut Url, name: &str, value: &Value) {
    url.query_pairs_mut().append_pair(name, &form_text(value));
}

/// A parameter as text; a nested value as JSON.
fn form_text(value: &Value) -> String {
    scalar_text(value).unwrap_or_else(|| value.to_string())
}

/// Sets a header, replacing one of the same name.
pub(crate) fn set_header(headers: &mut Vec<(String, String)>, name: &str, value: String) {
    let name = name.to_ascii_lowercase();
    headers.retain(|(existing, _)| *existing != name);
    headers.push((name, value));
}

/// The token endpoint, or the refresh endpoint when that is asked and there is one.
pub(crate) fn endpoint(
    provider: &Provider,
    scope: &Scope<'_>,
    for_refresh: bool,
) -> Result<Url, AuthError> {
    let refresh_url = provider.refresh_url.as_ref().filter(|_| for_refresh);
    let Some(template) = refresh_url.or(provider.token_url.as_ref()) else {
        let message = format!("The provider entry {} has no token URL.", provider.name);
        return Err(AuthError::new(Class::Ours, "missing_token_url", message));
    };
    render_url(template, scope, false).map_err(|error| {
        let message = format!("The provider's token URL cannot be built: {error}.");
        AuthError::new(Class::Ours, "url_param_err", message)
    })
}

/// The resource indicator of the provider's tokens (RFC 8707 §2), if they have one.
pub(crate) fn resource(context: &Context<'_>) -> Result<Option<String>, AuthError> {
    let Some(template) = &context.provider.resource else { return Ok(None) };
    let scope = context.scope(context.connection_config);
    render(template, &scope).map(Some).map_err(|error| {
        let message = format!("The provider's resource indicator cannot be built: {error}.");
        AuthError::new(Class::Ours, "url_param_err", message)
    })
}

/// Every text of a map filled in. A text that names a setting which may be left out, and was, is
/// left out with it; any other missing value is an error.
pub(crate) fn render_params(
    params: &Map<String, Value>,
    scope: &Scope<'_>,
) -> Result<Map<String, Value>, AuthError> {
    render_map(params, scope).map_err(|error| {
        let message = format!("The provider's parameters cannot be built: {error}.");
        AuthError::new(Class::Ours, "url_param_err", message)
    })
}

fn render_map(
    map: &Map<String, Value>,
    scope: &Scope<'_>,
) -> Result<Map<String, Value>, Unresolved> {
    let mut out = Map::with_capacity(map.len());
    for (name, value) in map {
        let value = match value {
            Value::String(text) => match render(text, scope) {
                Ok(text) => Value::String(text),
                Err(missing) if scope.may_leave_out(&missing) => continue,
                Err(missing) => return Err(missing),
            },
            Value::Object(inner) => Value::Object(render_map(inner, scope)?),
            other => other.clone(),
        };
        out.insert(name.clone(), value);
    }
    Ok(out)
}

/// The texts of a map filled in; one with a missing value is left out.
pub(crate) fn render_lenient(map: &Map<String, Value>, scope: &Scope<'_>) -> Vec<(String, String)> {
    map.iter()
        .filter_map(|(name, value)| {
            let text = scalar_text(value)?;
            Some((name.clone(), render(&text, scope).ok()?))
        })
        .collect()
}

/// Scopes as the provider wants them joined.
pub(crate) fn joined_scopes<S: AsRef<str>>(provider: &Provider, scopes: &[S]) -> String {
    let scopes: Vec<&str> = scopes
        .iter()
        .flat_map(|scope| scope.as_ref().split(','))
        .map(str::trim)
        .filter(|scope| !scope.is_empty())
        .collect();
    scopes.join(&provider.scope_separator)
}

/// The secrets among a client and some texts, for scrubbing.
pub(crate) fn secrets_of(client: &ActiveClient, more: &[&str]) -> Vec<Secret> {
    let mut secrets = vec![client.secret.clone()];
    secrets.extend(client.private_key.clone());
    secrets.extend(more.iter().map(|text| Secret::from(*text)));
    secrets.retain(|secret| !secret.is_empty());
    secrets
}
