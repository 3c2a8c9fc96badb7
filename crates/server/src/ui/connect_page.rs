//! `GET /connect-ui/`: where a connect link leads, and what the frontend SDK puts into its frame.
//! The page is empty but for its texts; its script takes the session token out of the address.

use askama::Template;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LANGUAGE, HOST, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use url::{Url, form_urlencoded};

use super::copy::Language;
use super::{Pages, assets, page};

/// Addresses of the page below its folder: the script keeps its place in them across reloads.
const VIEWS: [&str; 3] = ["", "integrations", "go"];

/// How the Connect UI is served, beside its look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectPageOptions {
    /// Further addresses of this API that a page may be told to use.
    pub api_urls: Vec<String>,
    /// Who may frame it, as CSP sources; `*` is any site.
    pub frame_ancestors: String,
    /// The operator's own words.
    pub copy: super::copy::CopyOverrides,
}

impl Default for ConnectPageOptions {
    fn default() -> Self {
        let copy = super::copy::CopyOverrides::default();
        Self { api_urls: Vec::new(), frame_ancestors: "*".to_owned(), copy }
    }
}

#[derive(Template)]
#[template(path = "connect.html")]
struct ConnectPage<'a> {
    assets: &'a str,
    modules: &'a [&'static str],
    language: &'a Language,
    /// Where the API is, when not beside this page.
    api_url: &'a str,
    base_path: &'a str,
    api_urls: String,
    websockets_path: &'a str,
}

/// The page below `folder`, which has no slash at its end.
pub(super) fn routes(folder: &str) -> Router<Pages> {
    let router = VIEWS
        .iter()
        .fold(Router::new(), |router, view| router.route(&format!("{folder}/{view}"), get(show)));
    if folder.is_empty() { router } else { router.route(folder, get(show)) }
}

async fn show(
    State(pages): State<Pages>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let asked = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find_map(|(name, value)| (name == "lang").then(|| value.into_owned()));
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let language = pages.copy.pick(asked.as_deref(), text(ACCEPT_LANGUAGE));
    let options = &pages.app.options;
    let place = &pages.place;
    let is_apart = place.is_connect_host(text(HOST).unwrap_or_default());
    let template = ConnectPage {
        assets: if is_apart { &pages.assets.connect_folder } else { &pages.assets.folder },
        modules: assets::CONNECT_MODULES,
        language,
        api_url: if is_apart { &pages.app.engine.settings().public_url } else { "" },
        base_path: &place.base_path,
        api_urls: options.connect_page.api_urls.join(" "),
        websockets_path: &options.websockets_path,
    };
    let mut reached = vec![place.origin.as_str(), place.socket_origin.as_str()];
    let further: Vec<String> =
        options.connect_page.api_urls.iter().flat_map(|url| origins(url)).collect();
    reached.extend(further.iter().map(String::as_str));
    // Which sites embed the SDK is not known here, unless the operator says so.
    let more = format!(
        "connect-src 'self' {}; form-action 'none'; frame-ancestors {}",
        reached.join(" "),
        options.connect_page.frame_ancestors
    );
    let mut response = page(StatusCode::OK, &template, &more);
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("accept-language"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag));
    response
}

/// The origins of an API: for requests, and for the WebSocket, which older browsers do not count
/// as the same.
fn origins(url: &str) -> Vec<String> {
    let origin = Url::parse(url).map(|url| url.origin().ascii_serialization());
    origin.map_or(Vec::new(), |origin| vec![origin.replacen("http", "ws", 1), origin])
}
