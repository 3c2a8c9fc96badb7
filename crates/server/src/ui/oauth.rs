//! The two ends of a redirect flow in the popup: `GET /oauth/connect/{key}` sends the browser to
//! the provider, `GET /oauth/callback` takes it back.
//!
//! However a flow fails, the person sees a page, the window that opened the popup gets a message,
//! and a browser that waits at the WebSocket is told.

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, COOKIE, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde_json::{Map, Value};
use url::form_urlencoded;
use valetkey_engine::Session;
use valetkey_engine::connect::{
    BrowserParams, Callback, FlowFailure, Started, callback_cookie_name,
};

use super::{Pages, page};
use crate::auth_header::{self, Credential, Refusal};
use crate::connect::params;
use crate::error::ApiError;
use crate::query;

/// What the pages may do beside loading our files: nothing.
const POLICY: &str = "form-action 'none'; frame-ancestors 'none'";
/// Where the cookie of a flow is sent, unless the flow may come back to another address.
const FLOW_PATH: &str = "/oauth";
/// Most bytes of an integration's key.
const KEY_BYTES_MAX: usize = 255;

#[derive(Template)]
#[template(path = "callback.html")]
struct Ending<'a> {
    assets: &'a str,
    failure: Option<&'a FlowFailure>,
    next_step: &'static str,
}

#[derive(Template)]
#[template(path = "installed.html")]
struct Installed<'a> {
    assets: &'a str,
}

/// Answers `GET /oauth/connect/{key}`.
pub(super) async fn start(
    State(pages): State<Pages>,
    key: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Response {
    let raw = uri.query().unwrap_or_default();
    // Read by itself, so that whoever waits is told even of a query string that cannot be read.
    let client_id = form_urlencoded::parse(raw.as_bytes())
        .find(|(name, _)| name == "ws_client_id")
        .and_then(|(_, id)| params::client_id(&id));
    let admitted = match query::parse(raw) {
        Ok(query) => admit(&pages, &query).await.map(|session| (session, query)),
        Err(error) => Err(error.into()),
    };
    let key = key.map(|Path(key)| key).unwrap_or_default();
    let admitted = admitted.and_then(|admitted| match key.len() {
        1..=KEY_BYTES_MAX => Ok(admitted),
        _ => Err(ApiError::not_found("There is no integration with this key")),
    });
    let (session, query) = match admitted {
        Ok(admitted) => admitted,
        Err(error) => return refused(&pages, client_id, &error).await,
    };
    let browser = BrowserParams {
        config: params::config_with_overrides(&query),
        authorization_params: params::authorization_params(&query),
        client_id,
    };
    match pages.app.engine.start_flow(&session, &key, browser).await {
        Ok(started) => redirect(&pages, &started),
        Err(failure) => ending(&pages, Some(&failure)),
    }
}

/// The session of a query string that asks for nothing a session may not have.
async fn admit(pages: &Pages, query: &Map<String, Value>) -> Result<Session, ApiError> {
    let token = match query::first(query, "connect_session_token") {
        Some(token) => token,
        None if query.contains_key("public_key") => return Err(Refusal::PublicKey.into()),
        None => return Err(Refusal::MissingSession.into()),
    };
    let Credential::Session(token) = auth_header::session(&token)? else {
        return Err(Refusal::SessionFormat.into());
    };
    let session = pages.app.engine.session(token.expose()).await?;
    let session = session.ok_or(Refusal::UnknownSession)?;
    params::refuse_connection_id(query)?;
    Ok(session)
}

/// A flow that ended before anything was known about it: no log can take it, but who waits hears.
async fn refused(pages: &Pages, client_id: Option<String>, error: &ApiError) -> Response {
    let code = error.code();
    let failure = if error.status().is_server_error() {
        tracing::error!(?error, "a flow could not begin");
        FlowFailure::new("unknown_err", "Something failed on our side.")
    } else if code == "unknown_connect_session_token" {
        // The API's words are for programmers; here a customer reads.
        FlowFailure::new(code, "The session behind this window has expired.")
    } else {
        FlowFailure::new(code, format!("{}.", error.message().trim_end_matches('.')))
    };
    if let Some(client_id) = &client_id {
        pages.app.engine.tell_flow_failed(client_id, &failure).await;
    }
    ending(pages, Some(&failure))
}

fn redirect(pages: &Pages, started: &Started) -> Response {
    let lifetime_s = started.cookie_lifetime.as_secs();
    let path = if started.returns_elsewhere { "/" } else { FLOW_PATH };
    let cookie = cookie(pages, &started.cookie_name, &started.cookie_value, lifetime_s, path);
    let mut response = StatusCode::FOUND.into_response();
    let headers = response.headers_mut();
    let (Ok(location), Ok(cookie)) =
        (HeaderValue::from_str(started.redirect.as_str()), HeaderValue::from_str(&cookie))
    else {
        return ApiError::internal("the redirect does not fit into headers").into_response();
    };
    headers.insert(LOCATION, location);
    headers.insert(SET_COOKIE, cookie);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// `Lax`, because the provider's redirect back is a top-level navigation from another site.
fn cookie(pages: &Pages, name: &str, value: &str, lifetime_s: u64, path: &str) -> String {
    let secure = if pages.place.is_https { "; Secure" } else { "" };
    let base_path = &pages.place.base_path;
    format!(
        "{name}={value}; Path={base_path}{path}; Max-Age={lifetime_s}; HttpOnly; \
         SameSite=Lax{secure}"
    )
}

/// Answers `GET /oauth/callback`, and `GET /app-auth/connect`, to which installations of apps come
/// back. Providers append what they like, in whatever encoding they like,
/// so the query is read leniently and only what the flow needs counts.
pub(super) async fn callback(State(pages): State<Pages>, uri: Uri, headers: HeaderMap) -> Response {
    let query: Vec<(String, String)> =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .take(query::PARAMETERS_MAX)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
    let has = |name: &str| query.iter().any(|(key, value)| key == name && !value.is_empty());
    if has("setup_action") && !has("state") {
        // Somebody changed the installation in the provider's own settings: no flow waits for it.
        let template = Installed { assets: &pages.assets.folder };
        return page(StatusCode::OK, &template, POLICY);
    }
    let find_cookie = |name: &str| find_cookie(&headers, name);
    let callback = Callback { query: &query, cookie: &find_cookie };
    let finished = pages.app.engine.finish_flow(callback).await;
    let mut response = ending(&pages, finished.as_ref().err());
    // The state is spent either way.
    let spent = callback_cookie_name(&query).filter(|name| find_cookie(name).is_some());
    for (name, path) in spent.iter().flat_map(|name| [(name, FLOW_PATH), (name, "/")]) {
        if let Ok(cookie) = HeaderValue::from_str(&cookie(&pages, name, "", 0, path)) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    response
}

fn find_cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

fn ending(pages: &Pages, failure: Option<&FlowFailure>) -> Response {
    let template = Ending {
        assets: &pages.assets.folder,
        failure,
        next_step: failure.map_or("", |failure| next_step(&failure.error_type)),
    };
    let status = match failure {
        Some(_) => StatusCode::BAD_REQUEST,
        None => StatusCode::OK,
    };
    page(status, &template, POLICY)
}

/// What the person in front of a failure can do.
fn next_step(error_type: &str) -> &'static str {
    match error_type {
        "state_err"
        | "state_cookie_err"
        | "missing_public_key"
        | "deprecated_authentication"
        | "invalid_connect_session_token_format"
        | "unknown_connect_session_token" => {
            "Close this window, go back to the app you came from, and start again there."
        }
        "callback_err" => {
            "If you declined by mistake, close this window and try again. Otherwise send the \
             details below to the support of the app you came from."
        }
        "url_param_err" => "Close this window, check what you entered, and try again.",
        "invalid_connection" => {
            "Close this window and connect again from the app, as if for the first time."
        }
        "unknown_err" => {
            "Close this window and try again. If it fails again, send the details below to the \
             support of the app you came from."
        }
        _ => {
            "Only the team of the app you came from can fix this. Send them the details below, \
             then close this window."
        }
    }
}
