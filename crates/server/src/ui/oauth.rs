//! The two ends of a redirect flow in the popup: `GET /oauth/connect/{key}` sends the browser to
//! the provider, `GET /oauth/callback` takes it back.
//!
//! However a flow fails, the person sees a page, the window that opened the popup gets a message,
//! and a browser that waits at the WebSocket is told.

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde_json::{Map, Value};
use url::form_urlencoded;
use valetkey_engine::Session;
use valetkey_engine::callback_url;
use valetkey_engine::connect::{
    BrowserParams, Callback, Finished, FlowFailure, Started, Visit, callback_cookie_name,
};
use valetkey_engine::installs::Landing;

use super::copy::Language;
use super::install;
use super::{Pages, cookies, page};
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
    language: &'a Language,
    failure: Option<&'a FlowFailure>,
    what: String,
    next_step: String,
}

/// Answers `GET /oauth/connect/{key}`.
pub(super) async fn start(
    State(pages): State<Pages>,
    key: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let raw = uri.query().unwrap_or_default();
    // Read by itself, so that whoever waits is told even of a query string that cannot be read.
    let client_id = form_urlencoded::parse(raw.as_bytes())
        .find(|(name, _)| name == "ws_client_id")
        .and_then(|(_, id)| params::client_id(&id));
    let visit = visit(&pages, raw, &headers);
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
        Err(error) => return refused(&pages, client_id, visit, &error, &headers).await,
    };
    let browser = BrowserParams {
        config: params::config_with_overrides(&query),
        authorization_params: params::authorization_params(&query),
        client_id,
        visit,
    };
    match pages.app.engine.start_flow(&session, &key, browser).await {
        Ok(started) => redirect(&pages, &started),
        Err(failure) => ended(&pages, Err(&failure), &headers),
    }
}

/// How the browser came: read by itself as well, for the page that says what was wrong.
fn visit(pages: &Pages, raw: &str, headers: &HeaderMap) -> Visit {
    let value = |wanted: &str| {
        form_urlencoded::parse(raw.as_bytes())
            .find_map(|(name, value)| (name == wanted).then(|| value.into_owned()))
    };
    Visit {
        in_same_tab: value("same_tab").as_deref() == Some("true"),
        language: Some(language(pages, value("lang").as_deref(), headers).tag.to_owned()),
    }
}

/// The language of a page: the one the flow began in, otherwise the browser's.
fn language<'p>(pages: &'p Pages, asked: Option<&str>, headers: &HeaderMap) -> &'p Language {
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    pages.copy.pick(asked, accepted)
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
async fn refused(
    pages: &Pages,
    client_id: Option<String>,
    visit: Visit,
    error: &ApiError,
    headers: &HeaderMap,
) -> Response {
    let code = error.code();
    let mut failure = if error.status().is_server_error() {
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
    failure.client_id = client_id;
    failure.visit = visit;
    ended(pages, Err(&failure), headers)
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
    let path = format!("{}{path}", pages.place.base_path);
    cookies::text(name, value, lifetime_s, &path, pages.place.is_https)
}

/// Answers `GET /oauth/callback`, and `GET /app-auth/connect`, to which installations of apps come
/// back. Providers append what they like, in whatever encoding they like,
/// so the query is read leniently and only what the flow needs counts.
pub(super) async fn callback(State(pages): State<Pages>, uri: Uri, headers: HeaderMap) -> Response {
    came_back(&pages, &uri, &headers, None).await
}

/// Answers `GET /oauth/install/{environment}/{key}`: a callback that says by its address which
/// integration it is for, when no state says it.
pub(super) async fn installed(
    State(pages): State<Pages>,
    address: Result<Path<(String, String)>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let address = address.map(|Path(address)| address).ok();
    let address = address.as_ref().map(|(uuid, key)| (uuid.as_str(), key.as_str()));
    came_back(&pages, &uri, &headers, address.or(Some(("", "")))).await
}

async fn came_back(
    pages: &Pages,
    uri: &Uri,
    headers: &HeaderMap,
    address: Option<(&str, &str)>,
) -> Response {
    let query: Vec<(String, String)> =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .take(query::PARAMETERS_MAX)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
    let has = |name: &str| query.iter().any(|(key, value)| key == name && !value.is_empty());
    if let Some((_, nonce)) = query.iter().find(|(name, _)| name == callback_url::PROBE)
        && query.len() == 1
        && let Ok(nonce) = HeaderValue::from_str(nonce)
    {
        // We ourselves ask whether an address leads here.
        return (StatusCode::NO_CONTENT, [(callback_url::PROBE_HEADER, nonce)]).into_response();
    }
    if callback_cookie_name(&query).is_none() {
        // Nobody here began it.
        let language = language(pages, None, headers);
        match pages.app.engine.receive_install(&query, address).await {
            Landing::Held(received) => return install::received(pages, language, &received),
            Landing::Failed(failure) => return ended(pages, Err(&failure), headers),
            Landing::Known => return install::saved(pages, language),
            // Somebody changed the installation in the provider's own settings.
            Landing::NotTaken if has("setup_action") => return install::saved(pages, language),
            Landing::NotTaken => {}
        }
    }
    let find_cookie = |name: &str| cookies::find(headers, name);
    let callback = Callback { query: &query, cookie: &find_cookie };
    let finished = Box::pin(pages.app.engine.finish_flow(callback)).await;
    let mut response = ended(pages, finished.as_ref(), headers);
    // The state is spent either way.
    let spent = callback_cookie_name(&query).filter(|name| find_cookie(name).is_some());
    for (name, path) in spent.iter().flat_map(|name| [(name, FLOW_PATH), (name, "/")]) {
        if let Ok(cookie) = HeaderValue::from_str(&cookie(pages, name, "", 0, path)) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    response
}

/// The page at the end of a flow, or the way back to the Connect UI whose tab the flow took.
fn ended(pages: &Pages, outcome: Result<&Finished, &FlowFailure>, headers: &HeaderMap) -> Response {
    let (client_id, visit) = match outcome {
        Ok(finished) => (&finished.client_id, &finished.visit),
        Err(failure) => (&failure.client_id, &failure.visit),
    };
    if let (true, Some(client_id)) = (visit.in_same_tab, client_id) {
        return back(pages, client_id, visit.language.as_deref());
    }
    ending(pages, language(pages, visit.language.as_deref(), headers), outcome.err())
}

/// Back to the Connect UI, which asks how its flow ended.
fn back(pages: &Pages, client_id: &str, language: Option<&str>) -> Response {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("flow", client_id);
    if let Some(language) = language {
        query.append_pair("lang", language);
    }
    let url = format!("{}/?{}", pages.app.engine.settings().connect_url, query.finish());
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    match HeaderValue::from_str(&url) {
        Ok(url) => headers.insert(LOCATION, url),
        Err(error) => return ApiError::internal(error).into_response(),
    };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn ending(pages: &Pages, language: &Language, failure: Option<&FlowFailure>) -> Response {
    let provider = match failure.and_then(|failure| failure.provider_name.clone()) {
        Some(name) => name,
        None => language.text("the_provider", &[]),
    };
    let say = |group: &str| {
        let name = failure.map(|failure| format!("{group}.{}", failure.cause.as_str()));
        language.text(&name.unwrap_or_default(), &[("provider", &provider)])
    };
    let template = Ending {
        assets: &pages.assets.folder,
        language,
        failure,
        what: say("cause"),
        next_step: say("next"),
    };
    let status = match failure {
        Some(_) => StatusCode::BAD_REQUEST,
        None => StatusCode::OK,
    };
    page(status, &template, POLICY)
}
