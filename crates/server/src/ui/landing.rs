//! `GET /`: a browser that came by itself, or one that wants the WebSocket.

use askama::Template;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::Response;
use http::StatusCode;

use super::{Pages, page, socket};

#[derive(Template)]
#[template(path = "landing.html")]
struct Landing<'a> {
    assets: &'a str,
    base_path: &'a str,
}

pub(super) async fn show(
    State(pages): State<Pages>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if let Ok(upgrade) = upgrade
        && pages.app.options.websockets_path == "/"
    {
        return socket::open(&pages, upgrade);
    }
    let template = Landing { assets: &pages.assets.folder, base_path: &pages.place.base_path };
    page(StatusCode::OK, &template, "form-action 'none'; frame-ancestors 'none'")
}
