//! The authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3) as a URL.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};
use valetkey_catalog::{references, render_url, scalar_text};

use crate::client_auth::ActiveClient;
use crate::error::{AuthError, Class};
use crate::mode::{AuthorizeInput, Context};
use crate::pkce;
use crate::token_request::{endpoint, joined_scopes, render_params, resource};

use super::parsed;

/// What makes the flow safe. Nobody but this file sets these.
const PROTOCOL: &[&str] = &[
    "response_type",
    "client_id",
    "redirect_uri",
    "state",
    "code_challenge",
    "code_challenge_method",
];

/// Further names a browser may not set: they widen the request or move its answer.
pub(in crate::modes) const NOT_FOR_BROWSERS: &[&str] =
    &["scope", "request", "request_uri", "response_mode"];

/// What would end a query value. Everything else a provider wants raw stays raw.
const SCOPE_ESCAPED: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'&').add(b'<').add(b'>');

/// Everything but the unreserved characters of RFC 3986 §2.3.
const NON_ALPHANUMERIC_URI: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whose parameters an authorization request takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::modes) enum Rules {
    /// The entry may replace the response type and the scope; the app's backend and the browser add
    /// to it.
    OAuth2,
    /// For an MCP server: the entry may only add, and nobody else may.
    Mcp,
}

/// Where to send the browser.
pub(in crate::modes) fn build(
    context: &Context<'_>,
    input: &AuthorizeInput<'_>,
    rules: Rules,
) -> Result<Url, AuthError> {
    let provider = context.provider;
    let base = base_url(context)?;
    check_token_request(context, rules)?;
    let client = ActiveClient::connecting(context)?;

    let mut query = Query(base.query_pairs().into_owned().collect());
    query.set("response_type", "code");
    query.set("client_id", &client.id);
    query.set("redirect_uri", input.redirect_uri);
    query.set("scope", &joined_scopes(provider, &context.client.scopes));
    query.set("state", input.state);
    let scope = context.scope(context.connection_config);
    for (name, value) in &render_params(&provider.authorization_params, &scope)? {
        let is_settable = match rules {
            Rules::OAuth2 => name == "response_type" || !PROTOCOL.contains(&name.as_str()),
            Rules::Mcp => name != "scope" && !PROTOCOL.contains(&name.as_str()),
        };
        if let (true, Some(text)) = (is_settable, scalar_text(value)) {
            query.set(name, &text);
        }
    }
    if let Some(resource) = resource(context)? {
        query.set("resource", &resource);
    }
    if provider.uses_pkce() {
        query.set("code_challenge", &pkce::challenge(input.verifier));
        query.set("code_challenge_method", pkce::METHOD);
    }
    if let (Some(name), Some(user_scope)) =
        (&provider.authorization_user_scope_param, input.user_scope)
        && !user_scope.is_empty()
    {
        query.set(name, &joined_scopes(provider, &[user_scope]));
    }
    match input.session_params {
        _ if rules == Rules::Mcp => {}
        Some(params) => query.overlay(params, |name| !PROTOCOL.contains(&name)),
        None => query.overlay(input.browser_params, |name| browser_may_set(context, name)),
    }
    finish(context, base, query, rules)
}

fn base_url(context: &Context<'_>) -> Result<Url, AuthError> {
    let provider = context.provider;
    let Some(template) = &provider.authorization_url else {
        let message = format!("The provider entry {} has no authorization URL.", provider.name);
        return Err(AuthError::new(Class::Ours, "provider_config_err", message));
    };
    let scope = context.scope(context.connection_config);
    render_url(template, &scope, provider.authorization_url_raw_values).map_err(|error| {
        let message = format!("The provider's authorization URL cannot be built: {error}.");
        AuthError::new(Class::Ours, "url_param_err", message)
    })
}

/// What can be known to fail at the callback should fail now, before the person has consented.
fn check_token_request(context: &Context<'_>, rules: Rules) -> Result<(), AuthError> {
    let provider = context.provider;
    let scope = context.scope(context.connection_config);
    let params = render_params(&provider.token_params, &scope)?;
    let grant = params.get("grant_type").and_then(Value::as_str);
    if grant.is_some_and(|grant| grant != "authorization_code") {
        let message = "The provider entry asks for a grant type that this flow cannot use.";
        return Err(AuthError::new(Class::Ours, "grant_type_err", message));
    }
    let names = provider.token_url.as_deref().map(references).unwrap_or_default();
    let may_come_later = rules == Rules::OAuth2
        && names.iter().any(|name| {
            let name = name.strip_prefix("connectionConfig.").unwrap_or(name);
            provider.redirect_uri_metadata.iter().any(|later| later == name)
        });
    if !may_come_later {
        endpoint(provider, &scope, false)?;
    }
    Ok(())
}

fn browser_may_set(context: &Context<'_>, name: &str) -> bool {
    let provider = context.provider;
    let is_renamed = provider.authorization_url_replacements.iter().any(|(_, to)| to == name);
    let is_user_scope = provider.authorization_user_scope_param.as_deref() == Some(name);
    !(PROTOCOL.contains(&name) || NOT_FOR_BROWSERS.contains(&name) || is_renamed || is_user_scope)
}

/// Applies the provider's rewrites of the finished URL.
fn finish(
    context: &Context<'_>,
    base: Url,
    mut query: Query,
    rules: Rules,
) -> Result<Url, AuthError> {
    let provider = context.provider;
    let raw_scope = provider.authorization_url_raw_scopes.then(|| query.take("scope")).flatten();
    let raw_scope = raw_scope.map(|scope| match rules {
        Rules::OAuth2 => utf8_percent_encode(&scope, SCOPE_ESCAPED).to_string(),
        Rules::Mcp => each_encoded(&scope, &provider.scope_separator),
    });
    let mut textual = Vec::new();
    for (from, to) in &provider.authorization_url_replacements {
        if !query.rename(from, to) {
            textual.push((from, to));
        }
    }
    if provider.authorization_url_skip_empty {
        query.0.retain(|(_, value)| !value.is_empty());
    }
    let mut encoded =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&query.0).finish();
    if let Some(scope) = raw_scope.filter(|scope| !scope.is_empty()) {
        encoded.push_str("&scope=");
        encoded.push_str(&scope);
    }
    let mut bare = base;
    bare.set_query(None);
    bare.set_fragment(None);
    let host = bare.host_str().map(str::to_owned);
    let mut text = match &provider.authorization_url_fragment {
        Some(fragment) => format!("{bare}#{fragment}?{encoded}"),
        None => format!("{bare}?{encoded}"),
    };
    for (from, to) in textual {
        text = text.replacen(from.as_str(), to, 1);
    }
    let url = parsed(&text)?;
    // A rewrite is about parameters; it never leads elsewhere.
    if url.host_str().map(str::to_owned) == host { Ok(url) } else { parsed("") }
}

/// Scopes escaped one by one, so that nothing but the separator between them stays raw.
fn each_encoded(scopes: &str, separator: &str) -> String {
    let escaped = |scope: &str| utf8_percent_encode(scope.trim(), NON_ALPHANUMERIC_URI).to_string();
    let scopes: Vec<String> = scopes.split(separator).map(escaped).collect();
    scopes.join(utf8_percent_encode(separator, SCOPE_ESCAPED).to_string().as_str())
}

/// Query parameters in order; a name stands once.
pub(in crate::modes) struct Query(pub(in crate::modes) Vec<(String, String)>);

impl Query {
    pub(in crate::modes) fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(key, _)| key == name) {
            Some((_, held)) => value.clone_into(held),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.remove(at).1)
    }

    /// Renames a parameter, or drops it when the new name is empty. False when there is none.
    fn rename(&mut self, from: &str, to: &str) -> bool {
        let Some(at) = self.0.iter().position(|(key, _)| key == from) else {
            return false;
        };
        if to.is_empty() {
            self.0.remove(at);
        } else if let Some((key, _)) = self.0.get_mut(at) {
            to.clone_into(key);
        }
        true
    }

    /// Lays parameters from outside over these. The text `undefined` removes one.
    pub(in crate::modes) fn overlay(
        &mut self,
        params: &Map<String, Value>,
        may_set: impl Fn(&str) -> bool,
    ) {
        for (name, value) in params {
            let Some(text) = scalar_text(value).filter(|_| may_set(name)) else {
                continue;
            };
            if text == "undefined" {
                self.take(name);
            } else {
                self.set(name, &text);
            }
        }
    }
}
