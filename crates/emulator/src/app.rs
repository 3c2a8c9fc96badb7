//! The sample app: what a product that uses Valetkey builds on its side.
//!
//! The browser part is `assets/app.js` on top of `assets/connect.js`; the backend part, which
//! holds the API key, is [`api`]. Tokens stay in the backend: the browser sees them masked.

mod api;
mod mask;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::Value;
use url::Url;

use crate::page::{self, Guard, Policy};
use crate::provider::EmulatorState;

/// The one user of the sample app. A real app takes it from its own session.
pub(crate) const END_USER_ID: &str = "sample-user";
/// That user's email address.
pub(crate) const END_USER_EMAIL: &str = "dana@example.com";

/// Status and JSON body of an answer of Valetkey, or why there was none.
pub type ApiReply = Result<(u16, Value), String>;

/// Calls Valetkey's API: method, path with query, JSON body. Whoever provides it adds the API key
/// and opens the connection.
pub type ApiCall = Arc<
    dyn Fn(Method, String, Option<Value>) -> Pin<Box<dyn Future<Output = ApiReply> + Send>>
        + Send
        + Sync,
>;

/// How the app is set up.
#[derive(Clone)]
pub struct AppOptions {
    /// Where the app is reached.
    pub base_url: String,
    /// Valetkey's public address, as browsers reach it.
    pub valetkey_url: Url,
    /// Its WebSocket, as browsers reach it.
    pub valetkey_ws_url: Url,
    /// Integration of an OAuth 2 provider.
    pub oauth_integration: String,
    /// Integration of an API-key provider.
    pub api_key_integration: String,
    /// The webhook inbox, linked from the page.
    pub inbox_url: Option<String>,
    /// The emulator behind the OAuth integration: it is linked, and "Break it" works.
    pub emulator: Option<EmulatorState>,
    /// How the backend reaches Valetkey.
    pub http: ApiCall,
}

impl AppOptions {
    fn knows(&self, integration: &str) -> bool {
        integration == self.oauth_integration || integration == self.api_key_integration
    }
}

#[derive(Clone)]
struct AppState(Arc<AppOptions>);

#[derive(Template)]
#[template(path = "app.html")]
struct Page<'a> {
    user: &'a str,
    valetkey_url: &'a str,
    valetkey_ws_url: &'a str,
    oauth_integration: &'a str,
    api_key_integration: &'a str,
    inbox_url: Option<&'a str>,
    emulator_url: Option<&'a str>,
}

/// The app's page and its backend.
pub fn router(options: AppOptions) -> Router {
    let guard = Guard::new(&options.base_url);
    Router::new()
        .route("/", get(show))
        .route("/app-assets/icon.svg", get(page::icon))
        .route("/app-assets/style.css", get(page::style))
        .route("/app-assets/app.js", get(async || page::js(include_str!("../assets/app.js"))))
        .route(
            "/app-assets/connect.js",
            get(async || page::js(include_str!("../assets/connect.js"))),
        )
        .route("/api/session", post(api::session))
        .route("/api/session/reconnect", post(api::reconnect))
        .route("/api/connections", get(api::list))
        .route("/api/connections/{id}", get(api::read).delete(api::remove))
        .route("/api/connections/{id}/refresh", post(api::refresh))
        .route("/api/connections/{id}/break", post(api::break_grant))
        .layer(DefaultBodyLimit::max(page::BODY_BYTES_MAX))
        .layer(from_fn_with_state(guard, page::guard))
        .with_state(AppState(Arc::new(options)))
}

async fn show(State(AppState(options)): State<AppState>) -> Response {
    let page = Page {
        user: END_USER_EMAIL,
        valetkey_url: options.valetkey_url.as_str().trim_end_matches('/'),
        valetkey_ws_url: options.valetkey_ws_url.as_str(),
        oauth_integration: &options.oauth_integration,
        api_key_integration: &options.api_key_integration,
        inbox_url: options.inbox_url.as_deref(),
        emulator_url: options.emulator.as_ref().map(EmulatorState::base_url),
    };
    let connect = format!(
        "{} {}",
        options.valetkey_url.origin().ascii_serialization(),
        options.valetkey_ws_url.origin().ascii_serialization(),
    );
    page::html(StatusCode::OK, &page, &Policy { connect, ..Policy::closed() })
}

#[cfg(test)]
mod tests;
