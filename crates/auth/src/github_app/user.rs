//! The person's own token beside an installation's.

use serde_json::{Map, Value};
use url::Url;
use valetkey_catalog::{AuthMode, ClientAuth, Provider};

use super::{address, sign_in_client};
use crate::client_auth::ActiveClient;
use crate::credentials::Credentials;
use crate::error::{AuthError, Class};
use crate::mode::{Context, Pending};
use crate::request::HttpRequest;
use crate::token_reply::Tokens;
use crate::token_request::{Draft, build, endpoint, render_params, secrets_of};
use crate::user_token::is_known_dead;

/// Where the person's token lies in a connection's configuration; clients look there.
pub(super) const USER: &str = "userCredentials";

/// The request that exchanges a code for the person's token. No PKCE: the page the code comes from
/// takes no challenge.
pub(super) fn code_request(
    context: &Context<'_>,
    code: &str,
    redirect_uri: &str,
    pending: &mut Pending,
) -> Result<HttpRequest, AuthError> {
    let client = client(context)?;
    let scope = context.scope(context.connection_config);
    let mut params = Map::new();
    params.insert("grant_type".to_owned(), "authorization_code".into());
    params.insert("code".to_owned(), code.into());
    params.insert("redirect_uri".to_owned(), redirect_uri.into());
    params.extend(render_params(&context.provider.token_params, &scope)?);
    pending.secrets = secrets_of(&client, &[code]);
    request(context, &client, params, user_token_url(context)?)
}

/// The request that renews it.
pub(super) fn renew_request(
    context: &Context<'_>,
    user: &Credentials,
    pending: &mut Pending,
) -> Result<HttpRequest, AuthError> {
    let client = ActiveClient::stored(context, user)?;
    let scope = context.scope(context.connection_config);
    let token = user.refresh_token().unwrap_or_default();
    let mut params = Map::new();
    params.insert("grant_type".to_owned(), "refresh_token".into());
    params.insert("refresh_token".to_owned(), token.into());
    if let Some(extra) = &context.provider.refresh_params {
        params.extend(render_params(extra, &scope)?);
    }
    pending.secrets = secrets_of(&client, &[token]);
    request(context, &client, params, endpoint(context.provider, &scope, true)?)
}

fn client(context: &Context<'_>) -> Result<ActiveClient, AuthError> {
    sign_in_client(context).ok_or_else(|| {
        let message = "The integration has no OAuth client for people to sign in with.";
        AuthError::new(Class::Ours, "provider_config_err", message)
    })
}

fn user_token_url(context: &Context<'_>) -> Result<Url, AuthError> {
    let provider = context.provider;
    match &provider.app_installation.user_token_url {
        Some(url) => address(context, context.connection_config, url, "token"),
        None => endpoint(provider, &context.scope(context.connection_config), false),
    }
}

fn request(
    context: &Context<'_>,
    client: &ActiveClient,
    params: Map<String, Value>,
    url: Url,
) -> Result<HttpRequest, AuthError> {
    let scope = context.scope(context.connection_config);
    let auth = match context.provider.auth_mode {
        AuthMode::Custom => context.provider.token_client_auth,
        _ => ClientAuth::Body,
    };
    build(context, &scope, Draft { url, params, client, auth, omit: &[], by_get: false })
}

/// The person's token in the form it is stored. What a renewal does not repeat stays.
pub(super) fn user_credentials(tokens: Tokens, before: Option<&Credentials>) -> Map<String, Value> {
    let kept = before.and_then(Credentials::refresh_token).map(str::to_owned);
    let mut map = Map::new();
    map.insert("type".to_owned(), "OAUTH2".into());
    map.insert("access_token".to_owned(), tokens.access_token.into());
    if let Some(refresh_token) = tokens.refresh_token.or(kept) {
        map.insert("refresh_token".to_owned(), refresh_token.into());
    }
    if let Some(expires_at) = tokens.expires_at {
        map.insert("expires_at".to_owned(), expires_at.to_iso_z().into());
    }
    map.insert("raw".to_owned(), Value::Object(tokens.raw));
    if let Some(own) = before.and_then(|before| before.as_map().get("config_override")) {
        map.insert("config_override".to_owned(), own.clone());
    }
    map
}

/// The person's token of a connection.
pub(crate) fn stored_user(context: &Context<'_>) -> Option<Credentials> {
    let user = context.connection_config.get(USER)?.clone();
    Some(Credentials::from_json(user)).filter(|user| user.access_token().is_some())
}

/// Whether the person's token can be renewed, and it is not known already that it is dead.
pub(crate) fn may_renew(context: &Context<'_>, user: &Credentials) -> bool {
    user.refresh_token().is_some() && !is_known_dead(context)
}

/// Where installation tokens come from.
pub(super) fn installation_token_url(provider: &Provider) -> Result<&str, AuthError> {
    let url = match provider.auth_mode {
        AuthMode::Custom => provider.app_token_url.as_deref(),
        _ => provider.app_token_url.as_deref().or(provider.token_url.as_deref()),
    };
    url.ok_or_else(|| {
        let message = format!("The provider entry {} has no app token URL.", provider.name);
        AuthError::new(Class::Ours, "missing_token_url", message)
    })
}
