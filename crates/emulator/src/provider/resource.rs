//! The API behind the tokens, and the server's description of itself.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::{
    ACCOUNTS, API_KEY_PREFIX, BASIC_PASSWORD, BASIC_USERNAME, EmulatorState, Target, signed, token,
};
use crate::page;

/// Shortest API key that is accepted.
const API_KEY_BYTES_MIN: usize = 12;

/// Answers `GET /.well-known/oauth-authorization-server` (RFC 8414).
pub(crate) async fn metadata(State(state): State<EmulatorState>) -> Response {
    let base = state.base_url();
    let body = json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/oauth/authorize"),
        "token_endpoint": format!("{base}/oauth/token"),
        "revocation_endpoint": format!("{base}/oauth/revoke"),
        "userinfo_endpoint": format!("{base}/userinfo"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post"],
        "scopes_supported": ["profile", "email", "notes:read", "notes:write", "offline_access"],
        "authorization_response_iss_parameter_supported": true,
    });
    page::json_reply(StatusCode::OK, &body)
}

/// Answers `GET /userinfo`: Bearer tokens only.
pub(crate) async fn userinfo(State(state): State<EmulatorState>, headers: HeaderMap) -> Response {
    if let Some(response) = struck(&state).await {
        return response;
    }
    bearer(&headers)
        .and_then(|token| person(&state, token))
        .map_or_else(unauthorized, |person| page::json_reply(StatusCode::OK, &person))
}

/// Answers `GET /api/me`: a Bearer token, an API key in `X-Api-Key`, a Basic user name and password,
/// or a signature. The first that is sent decides, in the order key, token, password, signature.
pub(crate) async fn me(
    State(state): State<EmulatorState>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if let Some(response) = struck(&state).await {
        return response;
    }
    let key = headers.get("x-api-key").and_then(|value| value.to_str().ok());
    let person = if let Some(key) = key {
        api_key_owner(&state, key)
    } else if let Some(token) = bearer(&headers) {
        person(&state, token)
    } else {
        headers.get(header::AUTHORIZATION).and_then(basic_owner)
    };
    let person = person
        .or_else(|| signed::owner(&Method::GET, state.base_url(), &uri, &headers, state.now()));
    person.map_or_else(unauthorized, |person| page::json_reply(StatusCode::OK, &person))
}

async fn struck(state: &EmulatorState) -> Option<Response> {
    let fault = {
        let mut ledger = state.ledger();
        ledger.count_resource_request();
        ledger.faults.take(Target::Userinfo)
    };
    fault?.strike().await
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn person(state: &EmulatorState, token: &str) -> Option<Value> {
    let now = state.now();
    let ledger = state.ledger();
    let grant = ledger.grant_of_access_token(token, now)?;
    let account = ACCOUNTS.iter().find(|account| account.id == grant.subject);
    Some(match account {
        Some(account) => json!({
            "sub": account.id,
            "name": account.name,
            "email": account.email,
            "email_verified": true,
            "scope": grant.scope,
        }),
        None => json!({"sub": grant.subject, "name": grant.client_id, "scope": grant.scope}),
    })
}

fn api_key_owner(state: &EmulatorState, key: &str) -> Option<Value> {
    let well_formed = key.starts_with(API_KEY_PREFIX) && key.len() >= API_KEY_BYTES_MIN;
    if !well_formed || state.ledger().api_key_is_revoked(key) {
        return None;
    }
    Some(json!({"sub": "workspace_demo", "name": "Demo workspace"}))
}

fn basic_owner(value: &HeaderValue) -> Option<Value> {
    let (username, password) = token::basic(value, false)?;
    let right = username == BASIC_USERNAME && password == BASIC_PASSWORD;
    right.then(|| json!({"sub": username, "name": "Demo user"}))
}

fn unauthorized() -> Response {
    let text = "the token, key or password is unknown, expired or revoked";
    let body = json!({"error": "invalid_token", "error_description": text});
    let mut response = page::json_reply(StatusCode::UNAUTHORIZED, &body);
    let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}
