//! The control page and its endpoints: what was granted, and what shall go wrong.

use std::time::Duration;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;
use valetkey_base::Timestamp;

use super::ledger::{Counts, Grant};
use super::{
    ACCOUNTS, BASIC_PASSWORD, BASIC_USERNAME, CLIENT_ID, CLIENT_SECRET, EmulatorState, Fault, Kind,
};
use crate::fields::Fields;
use crate::page::{self, Policy};

/// How many grants the page lists.
const GRANTS_SHOWN_MAX: usize = 50;
/// Longest access token lifetime that can be set: a year.
const LIFETIME_S_MAX: u64 = 365 * 24 * 3600;

#[derive(Template)]
#[template(path = "control.html")]
struct Control {
    counts: Counts,
    lifetime_s: u64,
    grants: Vec<GrantRow>,
    waiting: Vec<FaultRow>,
    token_faults: &'static [(Kind, &'static str)],
    api_faults: &'static [(Kind, &'static str)],
    client_id: &'static str,
    client_secret: &'static str,
    basic_username: &'static str,
    basic_password: &'static str,
}

struct GrantRow {
    id: String,
    person: String,
    scope: String,
    created: String,
    refreshes: u64,
    status: &'static str,
    tone: &'static str,
    live: bool,
}

struct FaultRow {
    target: &'static str,
    kind: &'static str,
    times: u64,
}

const TOKEN_FAULTS: [(Kind, &str); 11] = [
    (Kind::Http500, "Status 500"),
    (Kind::Http429, "Status 429"),
    (Kind::InvalidGrant, "invalid_grant"),
    (Kind::InvalidClient, "invalid_client"),
    (Kind::Timeout, "No answer"),
    (Kind::Slow, "Slow answer"),
    (Kind::MalformedJson, "Broken JSON"),
    (Kind::FormEncoded, "Form instead of JSON"),
    (Kind::MissingAccessToken, "No access token"),
    (Kind::NoRefreshToken, "No refresh token"),
    (Kind::LostReply, "Reply lost on the way"),
];

const API_FAULTS: [(Kind, &str); 5] = [
    (Kind::Http500, "Status 500"),
    (Kind::Http429, "Status 429"),
    (Kind::Timeout, "No answer"),
    (Kind::Slow, "Slow answer"),
    (Kind::MalformedJson, "Broken JSON"),
];

/// Answers `GET /`.
pub(crate) async fn page(State(state): State<EmulatorState>) -> Response {
    let now = state.now();
    let control = {
        let ledger = state.ledger();
        let grants = ledger.grants().take(GRANTS_SHOWN_MAX);
        Control {
            counts: ledger.counts(),
            lifetime_s: ledger.access_token_lifetime.as_secs(),
            grants: grants.map(|(id, grant)| row(id, grant, now)).collect(),
            waiting: ledger.faults.waiting().map(fault_row).collect(),
            token_faults: &TOKEN_FAULTS,
            api_faults: &API_FAULTS,
            client_id: CLIENT_ID,
            client_secret: CLIENT_SECRET,
            basic_username: BASIC_USERNAME,
            basic_password: BASIC_PASSWORD,
        }
    };
    page::html(StatusCode::OK, &control, &Policy::closed())
}

fn row(id: &str, grant: &Grant, now: Timestamp) -> GrantRow {
    let account = ACCOUNTS.iter().find(|account| account.id == grant.subject);
    let left = grant.access_expires_at.since(now).as_secs();
    let (status, tone) = match (grant.revoked, grant.reuse_detected, left) {
        (_, true, _) => ("Revoked: token reused", "bad"),
        (true, _, _) => ("Revoked", "bad"),
        (_, _, 0) => ("Access token expired", "warn"),
        _ => ("Active", "good"),
    };
    GrantRow {
        id: id.to_owned(),
        person: account.map_or_else(|| "Client itself".to_owned(), |it| it.name.to_owned()),
        scope: grant.scope.clone(),
        created: grant.created_at.format("%H:%M:%S UTC"),
        refreshes: grant.refreshes,
        status,
        tone,
        live: !grant.revoked,
    }
}

fn fault_row(fault: &Fault) -> FaultRow {
    FaultRow { target: fault.target.name(), kind: fault.kind.name(), times: fault.times }
}

/// Answers `GET /control/stats`.
pub(crate) async fn stats(State(state): State<EmulatorState>) -> Response {
    page::json_reply(StatusCode::OK, &state.stats())
}

/// Answers `POST /control/faults`.
pub(crate) async fn add_fault(
    State(state): State<EmulatorState>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fields = Fields::read(&headers, &body);
    let fault = fields.and_then(|fields| Fault::read(&fields).map(|fault| (fields, fault)));
    match fault {
        Err(message) => invalid(&message),
        Ok((fields, fault)) if state.add_fault(fault) => done(&fields),
        Ok(_) => invalid("too many failures wait already; clear them first"),
    }
}

/// Answers `POST /control/faults/clear`.
pub(crate) async fn clear_faults(
    State(state): State<EmulatorState>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    state.ledger().faults.clear();
    finish(&headers, &body)
}

/// Answers `POST /control/lifetimes`: `access_token_s`, for tokens issued from now on.
pub(crate) async fn lifetimes(
    State(state): State<EmulatorState>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let read = Fields::read(&headers, &body)
        .and_then(|fields| Ok((fields.number("access_token_s", LIFETIME_S_MAX)?, fields)));
    match read {
        Err(message) => invalid(&message),
        Ok((Some(seconds), fields)) => {
            state.set_access_token_lifetime(Duration::from_secs(seconds));
            done(&fields)
        }
        Ok((None, _)) => invalid("access_token_s is missing"),
    }
}

/// Answers `POST /control/reset`.
pub(crate) async fn reset(
    State(state): State<EmulatorState>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    state.reset();
    finish(&headers, &body)
}

/// Answers `POST /control/grants/{id}/revoke`: the user changes their mind.
pub(crate) async fn revoke_grant(
    State(state): State<EmulatorState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let known = state.ledger().revoke(&id);
    if known { finish(&headers, &body) } else { unknown_grant() }
}

/// Answers `POST /control/grants/{id}/expire`: its access tokens end earlier than promised.
pub(crate) async fn expire_grant(
    State(state): State<EmulatorState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now = state.now();
    let known = state.ledger().expire_access_tokens(&id, now);
    if known { finish(&headers, &body) } else { unknown_grant() }
}

/// A page for a form, JSON for a script.
fn done(fields: &Fields) -> Response {
    if fields.from_form {
        Redirect::to("/").into_response()
    } else {
        page::json_reply(StatusCode::OK, &json!({"success": true}))
    }
}

fn finish(headers: &HeaderMap, body: &[u8]) -> Response {
    done(&Fields::read(headers, body).unwrap_or_default())
}

fn invalid(message: &str) -> Response {
    page::problem(StatusCode::BAD_REQUEST, "invalid_body", message)
}

fn unknown_grant() -> Response {
    page::problem(StatusCode::NOT_FOUND, "unknown_grant", "there is no such grant")
}
