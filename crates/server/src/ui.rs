//! What people see in a browser, and the WebSocket a browser waits at. The API's operations are in
//! the endpoint list; these are an ordinary router behind it.
//!
//! Every page is complete in itself: its style and script come from [`assets`], nothing is inline,
//! and nothing is loaded from anywhere else.

mod assets;
mod connect_page;
mod cookies;
mod copy;
pub mod dashboard;
mod install;
mod landing;
mod oauth;
mod setup;
mod socket;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};
use tower_http::compression::CompressionLayer;
use url::Url;

use crate::app::App;
use crate::error::ApiError;
use crate::reply;
use assets::Assets;
use copy::Copy;
use socket::Sockets;

pub use connect_page::ConnectPageOptions;
pub use copy::CopyOverrides;
pub use socket::check_websockets_path;

/// What pages are made from. Clones share everything.
#[derive(Clone)]
struct Pages {
    app: App,
    place: Arc<Place>,
    assets: Arc<Assets>,
    copy: Arc<Copy>,
    sockets: Sockets,
}

/// Where browsers reach this server.
struct Place {
    /// Scheme and authority of the server.
    origin: String,
    /// Path before every address of ours, without a slash at the end; mostly empty.
    base_path: String,
    /// Scheme and authority of the WebSocket.
    socket_origin: String,
    /// Whether browsers come by TLS.
    is_https: bool,
    /// Host, and port where it is not the scheme's, of a Connect UI with an address of its own.
    connect_host: Option<String>,
    /// Path before every address there.
    connect_path: String,
}

impl Place {
    fn new(public_url: &str, connect_url: &str) -> Self {
        let url = Url::parse(public_url).ok();
        let base_path = url.as_ref().map_or("", Url::path).trim_end_matches('/');
        let origin = url.as_ref().map(|url| url.origin().ascii_serialization());
        let origin = origin.unwrap_or_default();
        let connect = Url::parse(connect_url)
            .ok()
            .filter(|connect| connect.origin().ascii_serialization() != origin);
        let connect_path = connect.as_ref().map_or("", Url::path).trim_end_matches('/');
        Self {
            base_path: base_path.to_owned(),
            socket_origin: origin.replacen("http", "ws", 1),
            origin,
            connect_path: connect_path.to_owned(),
            connect_host: connect.map(|url| url.authority().to_owned()),
            is_https: url.is_some_and(|url| url.scheme() == "https"),
        }
    }

    /// Whether a request for `host` is for the Connect UI at an address of its own.
    fn is_connect_host(&self, host: &str) -> bool {
        self.connect_host.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(host))
    }
}

impl Pages {
    fn new(app: &App) -> Self {
        let settings = app.engine.settings();
        let place = Place::new(&settings.public_url, &settings.connect_url);
        Self {
            assets: Arc::new(Assets::new(&place.base_path, &place.connect_path)),
            copy: Arc::new(Copy::new(&app.options.connect_page.copy)),
            place: Arc::new(place),
            sockets: Sockets::new(settings.sockets_max),
            app: app.clone(),
        }
    }
}

/// The Connect UI alone, for a port of its own.
pub(crate) fn connect_pages(app: &App) -> Router {
    let router = Router::new().route("/static/{fingerprint}/{name}", get(assets::serve));
    finished(router.merge(connect_page::routes("")).merge(connect_page::routes("/connect-ui")), app)
}

/// Every page of ours.
pub(crate) fn pages(app: &App) -> Router {
    let router = Router::new()
        .route("/", get(landing::show))
        .route("/oauth/connect/{key}", get(oauth::start))
        .route("/oauth/callback", get(oauth::callback))
        .route("/oauth/install/{environment}/{key}", get(oauth::installed))
        .route("/app-auth/connect", get(oauth::callback))
        .route("/setup", get(setup::ask).post(setup::create))
        .merge(connect_page::routes("/connect-ui"))
        .merge(dashboard::routes())
        .route("/static/{fingerprint}/{name}", get(assets::serve));
    let router = match check_websockets_path(&app.options.websockets_path) {
        Ok("/") => router,
        Ok(path) => router.route(path, get(socket::wait)),
        Err(problem) => {
            tracing::error!(problem, "WebSockets are off");
            router
        }
    };
    finished(router, app)
}

fn finished(router: Router<Pages>, app: &App) -> Router {
    router
        .method_not_allowed_fallback(async || {
            ApiError::simple(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "This page does not take that method",
            )
        })
        .layer(CompressionLayer::new())
        .with_state(Pages::new(app))
}

/// A page, under a policy that allows our own files and `more`.
fn page(status: StatusCode, template: &impl Template, more: &str) -> Response {
    let body = match template.render() {
        Ok(body) => body,
        Err(error) => return ApiError::internal(error).into_response(),
    };
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
         base-uri 'none'; {more}"
    );
    let mut response = reply::html(status, body);
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    // Addresses of ours carry tokens, codes and states.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_says_where_pages_sockets_and_cookies_are() {
        let plain = Place::new("http://localhost:3003", "http://localhost:3003/connect-ui");
        assert_eq!((plain.base_path.as_str(), plain.is_https), ("", false));
        assert_eq!(plain.socket_origin, "ws://localhost:3003");
        assert_eq!(plain.connect_host, None);
        let below = Place::new("https://example.com/keys/", "https://connect.example.com:8443/x/");
        assert_eq!(below.connect_path, "/x");
        assert!(below.is_connect_host("Connect.example.com:8443"));
        assert!(!below.is_connect_host("example.com"));
        assert_eq!((below.base_path.as_str(), below.is_https), ("/keys", true));
        assert_eq!(below.socket_origin, "wss://example.com");
    }
}
