//! OAuth 2: the code grant and client credentials.

use serde_json::{Map, Value, json};
use valetkey_auth::follow_up::Occasion;
use valetkey_auth::{Class, Credentials, Grant, HttpRequest, Step, revocation};
use valetkey_catalog::{AuthMode, Provider, scalar_text};

use super::{call, facts, refusals};
use crate::expect::{self, Fields, TokenRequest, filled, same_address};
use crate::personality::{LIFETIME_S, Personality, json_reply, token_answer};
use crate::stage::{Ending, REDIRECT_URI, STATE, Stage, USER_SCOPE, VERIFIER, is_resolved};
use crate::{Script, sample};

/// The S256 challenge of [`VERIFIER`] (RFC 7636, appendix B).
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(super) fn play(stage: &Stage<'_>, script: &mut Script) {
    if stage.provider.installation_outbound {
        script.scene("outbound", || match stage.authorize() {
            Step::Failed(_) => Ok(()),
            _ => Err("the provider starts the installation itself".to_owned()),
        });
        return;
    }
    let redirect = script.scene_with("authorize", || authorize(stage));
    let Some(memory) = redirect else { return };
    script.scene("denial", || denial(stage, &memory));
    let query = callback_query(stage.provider);
    let query: Vec<(&str, &str)> =
        query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let begin = || stage.callback(&query, &memory);
    let granted = script.scene_with("exchange", || {
        let answer = exchange_answer(stage)?;
        let compare = |request: &HttpRequest, asked| {
            if asked == 1 {
                compare_exchange(stage, request)?;
            } else {
                compare_upgrade(stage, request)?;
            }
            Ok(json_reply(&answer))
        };
        let mut personality = Personality::new(stage.context(), Box::new(compare));
        let grant = stage.granted(&stage.config, begin(), &mut personality)?;
        stored(stage, &grant)?;
        Ok(grant)
    });
    let Some(grant) = granted else { return };
    script.scene("refusals", || refusals(stage, &begin, false, false));
    let Some(grant) = script.scene_with("facts", || facts(stage, grant, Occasion::Connect)) else {
        return;
    };
    script.scene("call", || call(stage, &grant));
    script.scene("refresh", || refresh(stage, &grant));
    script.scene("revocation", || revoke(stage, &grant));
}

/// The redirect, compared with the entry; gives what the mode remembers.
fn authorize(stage: &Stage<'_>) -> Result<Map<String, Value>, String> {
    let provider = stage.provider;
    let redirect = match stage.authorize() {
        Step::Redirect(redirect) => redirect,
        Step::Failed(error) => return Err(format!("{} ({})", error.message, error.code)),
        _ => return Err("no redirect".to_owned()),
    };
    let empty = Map::new();
    let context = stage.context();
    let scope = expect::scope(&context, &empty, &[]);
    let template = provider.authorization_url.as_deref().unwrap_or_default();
    let base = expect::url(template, &scope, provider.authorization_url_raw_values)?;
    // Left as it is, a plus sign arrives as a space.
    let is_raw_plus = provider.authorization_url_raw_scopes && provider.scope_separator == "+";
    let separator = if is_raw_plus { " " } else { &provider.scope_separator };
    let mut query = Fields::from([
        ("response_type".to_owned(), json!("code")),
        ("client_id".to_owned(), json!("client-1")),
        ("redirect_uri".to_owned(), json!(REDIRECT_URI)),
        ("scope".to_owned(), json!(["one", "two"].join(separator))),
        ("state".to_owned(), json!(STATE)),
    ]);
    let is_mcp = provider.auth_mode == AuthMode::McpOAuth2;
    for (name, value) in filled(&provider.authorization_params, &scope) {
        if !(is_mcp && query.contains_key(&name)) {
            query.insert(name, scalar_text(&value).unwrap_or_default().into());
        }
    }
    if !provider.disable_pkce || is_mcp {
        query.insert("code_challenge".to_owned(), CHALLENGE.into());
        query.insert("code_challenge_method".to_owned(), "S256".into());
    }
    if let Some(name) = &provider.authorization_user_scope_param {
        let scopes: Vec<&str> = USER_SCOPE.split(',').collect();
        query.insert(name.clone(), scopes.join(&provider.scope_separator).into());
    }
    for (from, to) in &provider.authorization_url_replacements {
        if let Some(value) = query.remove(from)
            && !to.is_empty()
        {
            query.insert(to.clone(), value);
        }
    }
    if provider.authorization_url_skip_empty {
        query.retain(|_, value| value.as_str() != Some(""));
    }
    let mut found = redirect.url.clone();
    if let Some(fragment) = &provider.authorization_url_fragment {
        let text = redirect.url.fragment().unwrap_or_default().to_owned();
        let inner = text.strip_prefix(fragment.as_str()).and_then(|text| text.strip_prefix('?'));
        found.set_query(Some(inner.ok_or("the parameters are not behind the fragment")?));
        found.set_fragment(None);
    }
    if is_mcp {
        // A resource indicator (RFC 8707) is the mode's own.
        if let Some(resource) = expect::pairs(&found).remove("resource") {
            query.insert("resource".to_owned(), resource);
        }
    }
    let sent = expect::pairs(&found);
    for (name, template) in &provider.authorization_params {
        // Another value each time: only that there is one can be compared.
        if template.as_str().is_some_and(|text| text.contains("${random") || text.contains("${now"))
            && let Some(value) = sent.get(name)
        {
            query.insert(name.clone(), value.clone());
        }
    }
    same_address(&base, &query, &found)?;
    Ok(redirect.memory)
}

/// What the provider sends the browser back with.
fn callback_query(provider: &Provider) -> Vec<(String, String)> {
    let code = provider.authorization_code_param_in_callback.clone();
    let mut query = vec![(code, "code-1".to_owned()), ("state".to_owned(), STATE.to_owned())];
    for name in &provider.redirect_uri_metadata {
        let value = provider
            .connection_field(name)
            .and_then(|field| sample::of(provider, field).ok())
            .unwrap_or_else(|| "abc".to_owned());
        query.push((name.clone(), value));
    }
    query
}

fn denial(stage: &Stage<'_>, memory: &Map<String, Value>) -> Result<(), String> {
    let denied = [("error", "access_denied"), ("error_description", "No thanks"), ("state", STATE)];
    for query in [&denied[..], &denied[2..]] {
        match stage.callback(query, memory) {
            Step::Failed(error)
                if error.class == Class::Terminal && error.code == "callback_err" => {}
            other => return Err(format!("a callback without a code gives {other:?}")),
        }
    }
    Ok(())
}

fn exchange_answer(stage: &Stage<'_>) -> Result<Value, String> {
    token_answer(&stage.context(), "access-1", Some("refresh-1"))
}

/// Settings together with what the callback brought.
fn with_callback(stage: &Stage<'_>) -> Map<String, Value> {
    let mut config = stage.config.clone();
    for (name, value) in callback_query(stage.provider) {
        if stage.provider.redirect_uri_metadata.contains(&name) {
            config.entry(name).or_insert(value.into());
        }
    }
    config
}

fn compare_exchange(stage: &Stage<'_>, request: &HttpRequest) -> Result<(), String> {
    let provider = stage.provider;
    let config = with_callback(stage);
    let context = stage.context_with(&config);
    let empty = Map::new();
    let scope = expect::scope(&context, &empty, &[]);
    let template = provider.token_url.as_deref().unwrap_or_default();
    let mut params = Fields::from([
        ("grant_type".to_owned(), json!("authorization_code")),
        ("code".to_owned(), json!("code-1")),
        ("redirect_uri".to_owned(), json!(REDIRECT_URI)),
    ]);
    params.extend(filled(&provider.token_params, &scope));
    if !provider.disable_pkce || provider.auth_mode == AuthMode::McpOAuth2 {
        params.insert("code_verifier".to_owned(), VERIFIER.into());
    }
    let sent = expect::body_fields(&request.body);
    if provider.auth_mode == AuthMode::McpOAuth2
        && let Some(resource) = sent.get("resource")
    {
        params.insert("resource".to_owned(), resource.clone());
    }
    TokenRequest {
        provider,
        url: expect::url(template, &scope, false)?,
        params,
        client: client_of(stage),
        auth: provider.token_client_auth,
        omit: &provider.token_request_omit,
        by_get: false,
    }
    .compare(request)
}

/// The request that swaps the first token, where the entry has one.
fn compare_upgrade(stage: &Stage<'_>, request: &HttpRequest) -> Result<(), String> {
    let Some(step) = &stage.provider.token_upgrade else {
        return Err("a second request is sent".to_owned());
    };
    let context = stage.context();
    let (empty, (id, secret)) = (Map::new(), client_of(stage));
    let flat = [
        ("accessToken", json!("access-1")),
        ("clientId", json!(id)),
        ("clientSecret", json!(secret)),
    ];
    let scope = expect::scope(&context, &empty, &flat);
    let url = expect::url(&step.url, &scope, false)?;
    let params = filled(&step.params, &scope);
    if step.by_get {
        same_address(&url, &params, &request.url)
    } else {
        same_address(&url, &Fields::new(), &request.url)?;
        expect::same_fields("body", &params, &expect::body_fields(&request.body))
    }
}

fn client_of<'s>(stage: &'s Stage<'_>) -> (&'s str, &'s str) {
    let id = stage.client.client_id.as_deref().unwrap_or_default();
    let secret = stage.client.client_secret.as_ref().map_or("", |secret| secret.expose());
    (id, secret)
}

/// What is stored is what the answer held.
fn stored(stage: &Stage<'_>, grant: &Grant) -> Result<(), String> {
    let provider = stage.provider;
    let credentials = &grant.credentials;
    if credentials.access_token().is_none_or(|token| token != "access-1" && !token.contains('.')) {
        return Err("the access token of the answer is not the one stored".to_owned());
    }
    if credentials.refresh_token() != Some("refresh-1") && !provider.refreshes_by_access_token() {
        return Err("the refresh token of the answer is not stored".to_owned());
    }
    expiry(stage, credentials)?;
    for path in &provider.token_response_metadata {
        if !grant.connection_config.contains_key(path) {
            return Err(format!("token_response_metadata {path} is not kept"));
        }
    }
    for name in &provider.redirect_uri_metadata {
        if !grant.connection_config.contains_key(name) {
            return Err(format!("redirect_uri_metadata {name} is not kept"));
        }
    }
    Ok(())
}

fn expiry(stage: &Stage<'_>, credentials: &Credentials) -> Result<(), String> {
    let fixed = stage.provider.token_fixed_lifetime_seconds.map(|seconds| seconds as i64);
    let expected = stage.now.seconds() + fixed.unwrap_or(LIFETIME_S);
    match credentials.expires_at() {
        Some(at) if at.seconds() == expected => Ok(()),
        Some(at) => Err(format!("the token ends {} s off", at.seconds() - expected)),
        None => Err("the token's end is not stored".to_owned()),
    }
}

/// A refresh with rotation, one without, and each refusal.
fn refresh(stage: &Stage<'_>, grant: &Grant) -> Result<(), String> {
    let provider = stage.provider;
    let credentials = &grant.credentials;
    if !stage.mode.can_refresh(provider, credentials) {
        return Err("credentials with a refresh token cannot be refreshed".to_owned());
    }
    let config = stage.stored(grant);
    let context = stage.context_with(&config);
    let begin = || stage.mode.refresh(&context, credentials);
    for (rotated, expected) in [(Some("refresh-2"), "refresh-2"), (None, "refresh-1")] {
        let answer = token_answer(&context, "access-2", rotated)?;
        let compare = |request: &HttpRequest, _| {
            compare_refresh(stage, &config, credentials, request)?;
            Ok(json_reply(&answer))
        };
        let mut personality = Personality::new(context, Box::new(compare));
        let renewed = stage.granted(&config, begin(), &mut personality)?;
        let renewed = facts(stage, renewed, Occasion::Refresh)?;
        let token = renewed.credentials.access_token().unwrap_or_default();
        if token != "access-2" && !token.contains('.') {
            return Err("the new access token is not the one stored".to_owned());
        }
        let kept = renewed.credentials.refresh_token().unwrap_or_default();
        if kept != expected && !provider.refreshes_by_access_token() {
            return Err(format!("the refresh token is {kept}, not {expected}"));
        }
        expiry(stage, &renewed.credentials)?;
    }
    refusals(stage, &begin, false, true)
}

fn compare_refresh(
    stage: &Stage<'_>,
    config: &Map<String, Value>,
    credentials: &Credentials,
    request: &HttpRequest,
) -> Result<(), String> {
    let provider = stage.provider;
    let context = stage.context_with(config);
    let empty = Map::new();
    let scope = expect::scope(&context, &empty, &[]);
    let template = provider.refresh_url.as_ref().or(provider.token_url.as_ref());
    let mut params = Fields::from([("grant_type".to_owned(), json!("refresh_token"))]);
    let extra = provider.refresh_params.as_ref().unwrap_or(&provider.token_params);
    for (name, value) in filled(extra, &scope) {
        let is_code_grant = name == "grant_type" && value == json!("authorization_code");
        if !is_code_grant {
            params.insert(name, value);
        }
    }
    let token = if provider.refreshes_by_access_token() {
        credentials.access_token()
    } else {
        credentials.refresh_token()
    };
    params.insert(provider.refresh_token_param.clone(), token.unwrap_or_default().into());
    if provider.auth_mode == AuthMode::McpOAuth2
        && let Some(resource) = expect::body_fields(&request.body).get("resource")
    {
        params.insert("resource".to_owned(), resource.clone());
    }
    TokenRequest {
        provider,
        url: expect::url(template.map_or("", String::as_str), &scope, false)?,
        params,
        client: client_of(stage),
        auth: provider.refresh_client_auth,
        omit: &provider.refresh_request_omit,
        by_get: provider.refresh_by_get,
    }
    .compare(request)
}

/// Revocation reaches the address of the entry and names the token.
pub(super) fn revoke(stage: &Stage<'_>, grant: &Grant) -> Result<(), String> {
    let provider = stage.provider;
    let config = stage.stored(grant);
    let requests = revocation(&stage.context_with(&config), &grant.credentials);
    if provider.revocation_url.is_some() && requests.is_empty() {
        return Err("the entry has a revocation URL and nothing is sent there".to_owned());
    }
    for request in &requests {
        is_resolved(request)?;
        let secrets = grant.credentials.secrets();
        let text = format!(
            "{}{}{}",
            request.url,
            String::from_utf8_lossy(&request.body.encode().1),
            expect::header(request, "authorization").unwrap_or_default()
        );
        // A way of its own may name the account instead.
        let is_standard = provider.revocation_params.is_none();
        if is_standard && !secrets.iter().any(|secret| text.contains(secret)) {
            return Err("a revocation names no token".to_owned());
        }
    }
    Ok(())
}

pub(super) fn play_client_credentials(stage: &Stage<'_>, script: &mut Script) {
    let body = json!({
        "client_id": "client-9", "client_secret": "secret-9",
        "client_certificate": null, "client_private_key": null
    });
    let mut body = body.as_object().cloned().unwrap_or_default();
    body.retain(|_, value| !value.is_null());
    if stage.provider.token_client_auth == valetkey_catalog::ClientAuth::PrivateKeyJwt {
        body.shift_remove("client_secret");
        body.insert("client_private_key".to_owned(), sample::rsa_key().into());
    }
    for field in &stage.provider.credentials {
        if let Ok(value) = sample::of(stage.provider, field) {
            let is_key = field.name == "client_private_key" || field.name == "client_certificate";
            if !is_key || stage.provider.require_client_certificate {
                body.insert(field.name.clone(), value.into());
            }
        }
    }
    let body = Value::Object(body);
    let begin = || match stage.mode.submit(&stage.context(), &body) {
        Ok(step) => Ok(step),
        Err(issues) => Err(issues.into_iter().map(|i| i.message).collect::<Vec<_>>().join(" ")),
    };
    let granted = script.scene_with("exchange", || {
        let answer = token_answer(&stage.context(), "access-1", None)?;
        let compare = |request: &HttpRequest, _| {
            compare_client_credentials(stage, &body, request)?;
            Ok(json_reply(&answer))
        };
        let mut personality = Personality::new(stage.context(), Box::new(compare));
        let grant = stage.granted(&stage.config, begin()?, &mut personality)?;
        expiry(stage, &grant.credentials)?;
        Ok(grant)
    });
    script.scene("bad input", || {
        match stage.mode.submit(&stage.context(), &json!({"client_secret": "x"})) {
            Err(issues) if issues.iter().any(|issue| issue.path == ["client_id"]) => Ok(()),
            _ => Err("a missing client id is not named".to_owned()),
        }
    });
    let Some(grant) = granted else { return };
    let first = || begin().unwrap_or_else(|_| stage.authorize());
    script.scene("refusals", || refusals(stage, &first, true, false));
    let Some(grant) = script.scene_with("facts", || facts(stage, grant, Occasion::Connect)) else {
        return;
    };
    script.scene("call", || call(stage, &grant));
    script.scene("refresh", || {
        let config = stage.stored(&grant);
        let context = stage.context_with(&config);
        let answer = token_answer(&context, "access-2", None)?;
        let mut personality = Personality::always(context, json_reply(&answer));
        let step = stage.mode.refresh(&context, &grant.credentials);
        match stage.run(&config, step, &mut personality)? {
            Ending::Granted(renewed) => expiry(stage, &renewed.credentials),
            _ => Err("no new token".to_owned()),
        }
    });
    script.scene("revocation", || revoke(stage, &grant));
}

fn compare_client_credentials(
    stage: &Stage<'_>,
    body: &Value,
    request: &HttpRequest,
) -> Result<(), String> {
    let provider = stage.provider;
    let context = stage.context();
    let typed = body.as_object().cloned().unwrap_or_default();
    let scope = expect::scope(&context, &typed, &[]);
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let template = provider.token_url.as_deref().unwrap_or_default();
    let mut params = filled(&provider.token_params, &scope);
    // Scopes the person is asked for come before the integration's.
    let own = context.connection_config.get("oauth_scopes").and_then(Value::as_str);
    let scopes: Vec<&str> = own.map_or(vec!["one", "two"], |own| own.split(',').collect());
    params.insert("scope".to_owned(), scopes.join(&provider.scope_separator).into());
    TokenRequest {
        provider,
        url: expect::url(template, &scope, false)?,
        params,
        client: (text("client_id"), text("client_secret")),
        auth: provider.token_client_auth,
        omit: &provider.token_request_omit,
        by_get: false,
    }
    .compare(request)?;
    let has_certificate = request.identity.is_some();
    if provider.require_client_certificate && !has_certificate {
        return Err("the client certificate is not shown".to_owned());
    }
    Ok(())
}
