//! Logins that give a token or a session: `POST /login/token` and `POST /login/session`.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::{BASIC_PASSWORD, BASIC_USERNAME, EmulatorState, Target};
use crate::fields::Fields;
use crate::page;

/// Who the grants of logins belong to.
const LOGIN_CLIENT: &str = "login";
/// The organisation and developer key that a session needs: public demo values.
pub const ORGANIZATION_ID: &str = "org_demo";
/// The developer key of a session.
pub const DEVELOPER_KEY: &str = "emulator-developer-key";

/// Answers `POST /login/token`: a user name and a password, or a refresh token, for a token.
pub(crate) async fn token(
    State(state): State<EmulatorState>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(response) = struck(&state).await {
        return response;
    }
    let fields = Fields::read(&headers, &body).unwrap_or_default();
    let (now, rng) = (state.now(), &state.options().rng);
    let mut ledger = state.ledger();
    let grant = match fields.get("refresh_token") {
        Some(token) => ledger.spend_refresh_token(token, LOGIN_CLIENT, None, true).ok(),
        None => is_person(&fields).then(|| ledger.client_grant(LOGIN_CLIENT, "login", now, rng)),
    };
    let Some(grant) = grant else {
        return refused();
    };
    let tokens = ledger.issue_tokens(&grant, true, now, rng);
    drop(ledger);
    let body = json!({
        "data": {
            "token": tokens.get("access_token"),
            "renewal": tokens.get("refresh_token"),
            "lifetime": tokens.get("expires_in"),
        }
    });
    page::json_reply(StatusCode::OK, &body)
}

/// Answers `POST /login/session`: the login of a bookkeeping service.
pub(crate) async fn session(
    State(state): State<EmulatorState>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(response) = struck(&state).await {
        return response;
    }
    let fields = Fields::read(&headers, &body).unwrap_or_default();
    let is_known = is_person(&fields)
        && fields.get("organizationId") == Some(ORGANIZATION_ID)
        && fields.get("devKey") == Some(DEVELOPER_KEY);
    if !is_known {
        return refused();
    }
    let (now, rng) = (state.now(), &state.options().rng);
    let mut ledger = state.ledger();
    let grant = ledger.client_grant(LOGIN_CLIENT, "session", now, rng);
    let tokens = ledger.issue_tokens(&grant, false, now, rng);
    drop(ledger);
    let body = json!({
        "sessionId": tokens.get("access_token").cloned().unwrap_or(Value::Null),
        "userId": BASIC_USERNAME,
        "organizationId": ORGANIZATION_ID,
    });
    page::json_reply(StatusCode::OK, &body)
}

async fn struck(state: &EmulatorState) -> Option<Response> {
    let fault = {
        let mut ledger = state.ledger();
        ledger.count_token_request(Some("login"));
        ledger.faults.take(Target::Token)
    };
    fault?.strike().await
}

fn is_person(fields: &Fields) -> bool {
    fields.get("username") == Some(BASIC_USERNAME) && fields.get("password") == Some(BASIC_PASSWORD)
}

fn refused() -> Response {
    let body = json!({
        "error": "invalid_credentials",
        "error_description": "the user name, password or key is wrong"
    });
    page::json_reply(StatusCode::UNAUTHORIZED, &body)
}
