//! `GET /connect-ui/`: where a connect link leads, and what the frontend SDK puts into its frame.
//! The page is empty but for its script, which takes the session token out of the address.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::{Pages, page};

#[derive(Template)]
#[template(path = "connect.html")]
struct ConnectPage<'a> {
    assets: &'a str,
    base_path: &'a str,
    websockets_path: &'a str,
}

pub(super) async fn show(State(pages): State<Pages>) -> Response {
    let template = ConnectPage {
        assets: &pages.assets.folder,
        base_path: &pages.place.base_path,
        websockets_path: &pages.app.options.websockets_path,
    };
    // Any site may frame it: which ones embed the SDK is not known here. Older browsers do not
    // count the WebSocket as 'self'.
    let more = format!(
        "connect-src 'self' {}; form-action 'none'; frame-ancestors *",
        pages.place.socket_origin
    );
    page(StatusCode::OK, &template, &more)
}
