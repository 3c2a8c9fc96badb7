//! `GET /`: a browser that came by itself, or one that wants the WebSocket.

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::{Pages, dashboard, socket};

pub(super) async fn show(
    State(pages): State<Pages>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if let Ok(upgrade) = upgrade
        && pages.app.options.websockets_path == "/"
    {
        return socket::open(&pages, upgrade);
    }
    Redirect::to(&format!("{}{}/", pages.place.base_path, dashboard::ROOT)).into_response()
}
