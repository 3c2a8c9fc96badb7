//! The consent page: `GET /oauth/authorize` asks, `POST` takes the answer. `GET /install` asks the
//! same of somebody who found the app in the provider's directory, so that no client began it.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use url::Url;
use valetkey_base::Timestamp;

use super::ledger::Authorization;
use super::{ACCOUNTS, Account, CLIENT_ID, EmulatorState, Options};
use crate::fields::Fields;
use crate::page::{self, Policy};

/// Scopes the consent page can explain; others are shown by name.
const SCOPES: [(&str, &str); 5] = [
    ("profile", "See your name"),
    ("email", "See your email address"),
    ("notes:read", "Read your notes"),
    ("notes:write", "Add and change your notes"),
    ("offline_access", "Keep access while you are away"),
];
/// What the directory's entry asks for.
const INSTALL_SCOPES: &str = "profile offline_access";
/// Longest `state`, in bytes, that is carried through.
const STATE_BYTES_MAX: usize = 4096;

#[derive(Template)]
#[template(path = "consent.html")]
struct Consent<'a> {
    client_name: &'a str,
    redirect_host: &'a str,
    ticket: &'a str,
    accounts: &'a [Account],
    chosen: &'a str,
    scopes: Vec<&'a str>,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Problem<'a> {
    title: &'a str,
    message: &'a str,
}

/// Answers `GET /oauth/authorize`.
pub(crate) async fn ask(
    State(state): State<EmulatorState>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let (redirect, authorization) = match check(state.options(), &query) {
        Ok(checked) => checked,
        Err(Refused::Here(message)) => return problem(&message),
        Err(Refused::AtClient(redirect, error, text)) => {
            let mut answer = vec![("error", error), ("error_description", text)];
            answer.extend(query.get("state").map(|state| ("state", state.as_str())));
            return redirect_back(redirect, &answer, state.base_url());
        }
    };
    consent(&state, redirect, authorization, &query)
}

/// Answers `GET /install`: the app's entry in the provider's directory. `redirect_uri` is where the
/// app wants to be told. There is neither state nor PKCE challenge, as no client began it.
pub(crate) async fn install(
    State(state): State<EmulatorState>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let redirect_uri = query.get("redirect_uri").map(String::as_str).unwrap_or_default();
    let Some(redirect) = allowed_redirect(state.options(), redirect_uri) else {
        return problem("redirect_uri is not an address of this machine.");
    };
    let authorization = Authorization {
        client_id: CLIENT_ID.to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        scope: INSTALL_SCOPES.to_owned(),
        state: None,
        code_challenge: None,
    };
    consent(&state, redirect, authorization, &query)
}

/// Asks the person, unless the request has the answer.
fn consent(
    state: &EmulatorState,
    redirect: Url,
    authorization: Authorization,
    query: &HashMap<String, String>,
) -> Response {
    let hint = query.get("login_hint").or_else(|| query.get("account"));
    let account = hint.map_or(&ACCOUNTS[0], |hint| account(hint));
    match query.get("auto").map(String::as_str) {
        Some("approve") => approve(state, redirect, authorization, account),
        Some("deny") => deny(state, redirect, &authorization),
        _ => consent_page(state, &redirect, authorization, account),
    }
}

/// Answers `POST /oauth/authorize`, the consent page's form.
pub(crate) async fn decide(
    State(state): State<EmulatorState>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Response {
    let fields = match Fields::read(&headers, &body) {
        Ok(fields) => fields,
        Err(message) => return problem(&message),
    };
    let ticket = fields.get("ticket").unwrap_or_default();
    let closed = state.ledger().close_consent(ticket, state.now());
    let Some(authorization) = closed else {
        return problem("This page was answered already, or is too old. Start again in the app.");
    };
    let Ok(redirect) = Url::parse(&authorization.redirect_uri) else {
        return problem("The redirect address is not a URL.");
    };
    match fields.get("decision") {
        Some("approve") => {
            let account = account(fields.get("account").unwrap_or_default());
            approve(&state, redirect, authorization, account)
        }
        _ => deny(&state, redirect, &authorization),
    }
}

fn consent_page(
    state: &EmulatorState,
    redirect: &Url,
    authorization: Authorization,
    chosen: &Account,
) -> Response {
    let scope = authorization.scope.clone();
    let now: Timestamp = state.now();
    let ticket = state.ledger().open_consent(authorization, now, &state.options().rng);
    let page = Consent {
        client_name: CLIENT_ID,
        redirect_host: &redirect.origin().ascii_serialization(),
        ticket: &ticket,
        accounts: &ACCOUNTS,
        chosen: chosen.id,
        scopes: scope.split(' ').filter(|name| !name.is_empty()).map(explain).collect(),
    };
    // Browsers hold `form-action` against every hop after the form, and where the client's own
    // callback leads is not known here; so this page does not restrict it.
    let policy = Policy { forms_stay_here: false, ..Policy::closed() };
    page::html(StatusCode::OK, &page, &policy)
}

fn approve(
    state: &EmulatorState,
    redirect: Url,
    authorization: Authorization,
    account: &Account,
) -> Response {
    let client_state = authorization.state.clone();
    let (now, rng) = (state.now(), &state.options().rng);
    let code = state.ledger().issue_code(authorization, account, now, rng);
    let mut answer = vec![("code", code.as_str())];
    answer.extend(client_state.as_deref().map(|text| ("state", text)));
    redirect_back(redirect, &answer, state.base_url())
}

fn deny(state: &EmulatorState, redirect: Url, authorization: &Authorization) -> Response {
    let text = "the user declined";
    let mut answer = vec![("error", "access_denied"), ("error_description", text)];
    answer.extend(authorization.state.as_deref().map(|text| ("state", text)));
    redirect_back(redirect, &answer, state.base_url())
}

/// Sends the browser back with an answer and the issuer (RFC 9207).
fn redirect_back(mut redirect: Url, answer: &[(&str, &str)], issuer: &str) -> Response {
    redirect.query_pairs_mut().extend_pairs(answer).append_pair("iss", issuer);
    Redirect::to(redirect.as_str()).into_response()
}

fn problem(message: &str) -> Response {
    let page = Problem { title: "This authorization request cannot go on", message };
    page::html(StatusCode::BAD_REQUEST, &page, &Policy::closed())
}

fn account(hint: &str) -> &'static Account {
    let known = |account: &&Account| account.id == hint || account.email == hint;
    ACCOUNTS.iter().find(known).unwrap_or(&ACCOUNTS[0])
}

fn explain(scope: &str) -> &str {
    SCOPES.iter().find(|(name, _)| *name == scope).map_or(scope, |(_, text)| text)
}

/// Why a request is refused, and who is told.
enum Refused {
    /// The user, because the client cannot be trusted with the answer (RFC 6749, 4.1.2.1).
    Here(String),
    /// The client, with an error code and a sentence.
    AtClient(Url, &'static str, &'static str),
}

fn check(
    options: &Options,
    query: &HashMap<String, String>,
) -> Result<(Url, Authorization), Refused> {
    let get = |name: &str| query.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let Some(client_id) = get("client_id") else {
        return Err(Refused::Here("client_id is missing.".to_owned()));
    };
    if client_id != CLIENT_ID {
        return Err(Refused::Here(format!("No client is registered as {client_id:?}.")));
    }
    let Some(redirect_uri) = get("redirect_uri") else {
        return Err(Refused::Here("redirect_uri is missing.".to_owned()));
    };
    let Some(redirect) = allowed_redirect(options, redirect_uri) else {
        let text = format!("The redirect address {redirect_uri:?} is not registered.");
        return Err(Refused::Here(text));
    };
    let refuse = |error, text| Err(Refused::AtClient(redirect.clone(), error, text));
    if get("response_type") != Some("code") {
        return refuse("unsupported_response_type", "response_type must be code");
    }
    if get("state").is_some_and(|state| state.len() > STATE_BYTES_MAX) {
        return Err(Refused::Here("state is too long.".to_owned()));
    }
    let challenge = get("code_challenge");
    if challenge.is_none() && options.pkce_required {
        return refuse("invalid_request", "code_challenge is missing");
    }
    if challenge.is_some() && get("code_challenge_method") != Some("S256") {
        return refuse("invalid_request", "code_challenge_method must be S256");
    }
    // The base64url form of a SHA-256 hash has 43 characters.
    if challenge.is_some_and(|challenge| challenge.len() != 43) {
        return refuse("invalid_request", "code_challenge is not a SHA-256 hash");
    }
    let authorization = Authorization {
        client_id: client_id.to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        scope: get("scope").unwrap_or_default().to_owned(),
        state: get("state").map(str::to_owned),
        code_challenge: challenge.map(str::to_owned),
    };
    Ok((redirect, authorization))
}

/// Any HTTP address on a loopback host, and whatever the options register.
fn allowed_redirect(options: &Options, redirect_uri: &str) -> Option<Url> {
    let url = Url::parse(redirect_uri).ok()?;
    if options.redirect_uris.iter().any(|known| known == redirect_uri) {
        return Some(url);
    }
    let plain = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    let on_loopback = url.host_str().is_some_and(page::is_loopback_host);
    (plain && on_loopback && matches!(url.scheme(), "http" | "https")).then_some(url)
}
