//! Requests to the discovered token endpoint: RFC 6749 §4.1.3 and §6 with RFC 7636 §4.5 and
//! RFC 8707 §2.2; and to the revocation endpoint (RFC 7009).

use serde_json::{Map, Value};

use super::address;
use super::known::Known;
use crate::client_auth;
use crate::credentials::Credentials;
use crate::error::{AuthError, Class};
use crate::mode::{CallbackInput, Context, Pending, Purpose};
use crate::modes::oauth2::{refused, value_of};
use crate::request::{Body, HttpRequest};
use crate::token_request::{Draft, build, secrets_of};

/// The request for the code a callback brought.
pub(super) fn exchange(
    context: &Context<'_>,
    input: &CallbackInput<'_>,
) -> Result<(HttpRequest, Pending), AuthError> {
    let known = Known::of(input.memory)
        .map_err(|error| AuthError { code: "url_param_err".to_owned(), ..error })?;
    // Before anything else of the answer is believed.
    check_issuer(&known, input)?;
    let code =
        value_of(input, "code").filter(|code| !code.is_empty()).ok_or_else(|| refused(input))?;
    let mut params = Map::new();
    params.insert("grant_type".to_owned(), "authorization_code".into());
    params.insert("code".to_owned(), code.into());
    params.insert("redirect_uri".to_owned(), input.redirect_uri.into());
    params.insert("code_verifier".to_owned(), input.verifier.into());
    let pending = Pending { metadata: known.to_config(), ..Pending::new(Purpose::Exchange) };
    request(context, &known, params, pending, &[code, input.verifier])
}

/// The answer must come from the server that was asked (RFC 9207 §2.4).
fn check_issuer(known: &Known, input: &CallbackInput<'_>) -> Result<(), AuthError> {
    let announced = known.metadata.authorization_response_iss_parameter_supported;
    let message = match value_of(input, "iss") {
        Some(given) if given == known.metadata.issuer => return Ok(()),
        None if !announced => return Ok(()),
        Some(_) => "The answer came from another authorization server than the one that was asked.",
        None => {
            "The answer does not say which authorization server it came from, although this one \
             always says so."
        }
    };
    Err(AuthError::new(Class::Terminal, "callback_err", message))
}

/// The request for fresh tokens.
pub(super) fn refresh(
    context: &Context<'_>,
    credentials: &Credentials,
) -> Result<(HttpRequest, Pending), AuthError> {
    let Some(token) = credentials.refresh_token() else {
        let message = "There is no refresh token. The person has to connect again.";
        return Err(AuthError::new(Class::Terminal, "missing_refresh_token", message));
    };
    let known = Known::of(context.connection_config)?;
    let mut params = Map::new();
    params.insert("grant_type".to_owned(), "refresh_token".into());
    params.insert("refresh_token".to_owned(), token.into());
    let pending = Pending { before: Some(credentials.clone()), ..Pending::new(Purpose::Refresh) };
    request(context, &known, params, pending, &[token])
}

fn request(
    context: &Context<'_>,
    known: &Known,
    mut params: Map<String, Value>,
    mut pending: Pending,
    secrets: &[&str],
) -> Result<(HttpRequest, Pending), AuthError> {
    if let Some(resource) = &known.resource {
        params.insert("resource".to_owned(), resource.clone().into());
    }
    let client = known.active_client(context);
    let draft = Draft {
        url: known.token_endpoint()?,
        params,
        client: &client,
        auth: known.auth(&client),
        omit: &[],
        by_get: false,
    };
    pending.secrets = secrets_of(&client, secrets);
    let scope = context.scope(context.connection_config);
    Ok((build(context, &scope, draft)?, pending))
}

/// The requests that end the grant, the refresh token first.
pub(super) fn revocation(context: &Context<'_>, credentials: &Credentials) -> Vec<HttpRequest> {
    let Ok(known) = Known::of(context.connection_config) else { return Vec::new() };
    let (Some(endpoint), Ok(server)) =
        (&known.metadata.revocation_endpoint, address::server(&known.server))
    else {
        return Vec::new();
    };
    let Ok(url) = address::named(endpoint, "revocation endpoint", &server) else {
        return Vec::new();
    };
    let client = known.active_client(context);
    let tokens = [
        ("refresh_token", credentials.refresh_token()),
        ("access_token", credentials.access_token()),
    ];
    let requests = tokens.into_iter().filter_map(|(hint, token)| {
        let mut params = Map::new();
        params.insert("token".to_owned(), token?.into());
        params.insert("token_type_hint".to_owned(), hint.into());
        let mut request = HttpRequest::new(http::Method::POST, url.clone());
        let auth = known.auth(&client);
        client_auth::apply(auth, &client, &url, context, &mut params, &mut request.headers).ok()?;
        let pairs =
            params.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
        request.body = Body::Form(pairs.collect());
        Some(request)
    });
    requests.collect()
}
