//! `POST /oauth/token` and `POST /oauth/revoke`.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::ledger::{Redemption, Refusal, Tokens};
use super::{CLIENT_ID, CLIENT_SECRET, EmulatorState, Kind, Target};
use crate::fields::Fields;
use crate::page;

/// Answers `POST /oauth/token`.
pub(crate) async fn token(
    State(state): State<EmulatorState>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let read = Fields::read(&headers, &body);
    let grant_type = read.as_ref().ok().and_then(|fields| fields.get("grant_type"));
    let fault = {
        let mut ledger = state.ledger();
        ledger.count_token_request(grant_type);
        ledger.faults.take(Target::Token)
    };
    if let Some(fault) = &fault
        && let Some(response) = fault.strike().await
    {
        state.ledger().count_token_error(fault.kind.name());
        return response;
    }
    let keep_refresh_token = fault.as_ref().is_some_and(|it| it.kind == Kind::NoRefreshToken);
    let granted = read
        .map_err(|_| Refusal("invalid_request", "the body is not a readable form"))
        .and_then(|fields| grant(&state, &headers, &fields, keep_refresh_token));
    match granted {
        Ok(reply) => fault
            .and_then(|fault| fault.reshape(&reply))
            .unwrap_or_else(|| page::json_reply(StatusCode::OK, &Value::Object(reply))),
        Err(refusal) => {
            state.ledger().count_token_error(refusal.0);
            refuse(refusal)
        }
    }
}

/// Answers `POST /oauth/revoke` (RFC 7009): an unknown token is a success too.
pub(crate) async fn revoke(
    State(state): State<EmulatorState>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = state.ledger().faults.take(Target::Revoke);
    if let Some(fault) = fault
        && let Some(response) = fault.strike().await
    {
        return response;
    }
    let Ok(fields) = Fields::read(&headers, &body) else {
        return refuse(Refusal("invalid_request", "the body is not a readable form"));
    };
    if let Err(refusal) = authenticate(&headers, &fields) {
        return refuse(refusal);
    }
    let Some(token) = fields.get("token") else {
        return refuse(Refusal("invalid_request", "token is missing"));
    };
    state.ledger().revoke_token(token, CLIENT_ID);
    page::json_reply(StatusCode::OK, &json!({}))
}

fn grant(
    state: &EmulatorState,
    headers: &HeaderMap,
    fields: &Fields,
    keep_refresh_token: bool,
) -> Result<Tokens, Refusal> {
    authenticate(headers, fields)?;
    let (now, rng) = (state.now(), &state.options().rng);
    // One lock from the check to the issue: of two equal requests only one can win.
    let mut ledger = state.ledger();
    match fields.get("grant_type") {
        Some("authorization_code") => {
            let Some(code) = fields.get("code") else {
                return Err(Refusal("invalid_request", "code is missing"));
            };
            let redemption = Redemption {
                code,
                client_id: CLIENT_ID,
                redirect_uri: fields.get("redirect_uri"),
                verifier: fields.get("code_verifier"),
            };
            let grant_id = ledger.redeem_code(&redemption, now, rng)?;
            Ok(ledger.issue_tokens(&grant_id, !keep_refresh_token, now, rng))
        }
        Some("refresh_token") => {
            let Some(token) = fields.get("refresh_token") else {
                return Err(Refusal("invalid_request", "refresh_token is missing"));
            };
            let rotate = state.options().refresh_token_rotation && !keep_refresh_token;
            let scope = fields.get("scope");
            let grant_id = ledger.spend_refresh_token(token, CLIENT_ID, scope, rotate)?;
            Ok(ledger.issue_tokens(&grant_id, rotate, now, rng))
        }
        Some("client_credentials") => {
            let scope = fields.get("scope").unwrap_or_default();
            let grant_id = ledger.client_grant(CLIENT_ID, scope, now, rng);
            Ok(ledger.issue_tokens(&grant_id, false, now, rng))
        }
        Some(_) => Err(Refusal("unsupported_grant_type", "this grant_type is not offered")),
        None => Err(Refusal("invalid_request", "grant_type is missing")),
    }
}

/// Client authentication by header or body (RFC 6749, 2.3.1). Sending both is accepted when both
/// are right, because some clients do.
fn authenticate(headers: &HeaderMap, fields: &Fields) -> Result<(), Refusal> {
    let in_body = fields.get("client_id").zip(fields.get("client_secret"));
    let in_body = in_body.map(|(id, secret)| is_client(id, secret));
    let in_header = headers.get(header::AUTHORIZATION).map(|value| {
        basic(value, true).is_some_and(|(id, secret)| is_client(&id, &secret))
            || basic(value, false).is_some_and(|(id, secret)| is_client(&id, &secret))
    });
    match (in_header, in_body) {
        (None, None) => Err(Refusal("invalid_client", "the client did not authenticate")),
        (Some(false), _) | (_, Some(false)) => {
            Err(Refusal("invalid_client", "the client id or secret is wrong"))
        }
        _ => Ok(()),
    }
}

fn is_client(id: &str, secret: &str) -> bool {
    id == CLIENT_ID && secret == CLIENT_SECRET
}

/// The two halves of a Basic header, form-decoded when asked to (RFC 6749 wants it encoded, many
/// clients send it raw).
pub(crate) fn basic(value: &HeaderValue, form_decoded: bool) -> Option<(String, String)> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    if !form_decoded {
        return Some((id.to_owned(), secret.to_owned()));
    }
    let decode = |part: &str| {
        let spaced = part.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(std::borrow::Cow::into_owned).ok()
    };
    Some((decode(id)?, decode(secret)?))
}

fn refuse(refusal: Refusal) -> Response {
    let Refusal(code, text) = refusal;
    let status =
        if code == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
    let body = json!({"error": code, "error_description": text});
    let mut response = page::json_reply(status, &body);
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Basic realm=\"emulator\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}
