//! The WebSocket at which the frontend SDK waits for the outcome of a redirect flow. The server
//! speaks first, and the client never does:
//! `{"message_type":"connection_ack","ws_client_id":…}`, then the outcome, once.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, interval_at, sleep, sleep_until, timeout};
use valetkey_engine::Engine;

use super::Pages;
use crate::error::ApiError;

/// How often a quiet socket is used, so that proxies do not cut it.
const PING_EVERY: Duration = Duration::from_secs(25);
/// How long a socket stays open after the outcome; clients close theirs at once.
const LINGER: Duration = Duration::from_secs(30);
/// How long a client may take to accept a message.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How soon the outcome is looked for again after the database failed to answer.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// Most bytes of a message from a client, which has nothing to say.
const MESSAGE_BYTES_MAX: usize = 1024;
/// Bytes read at once, for the same reason.
const READ_BUFFER_BYTES: usize = 1024;
/// Pages that exist already; the socket's path is another.
const TAKEN: [&str; 4] = ["oauth", "setup", "connect-ui", "static"];

/// Room for waiting browsers.
#[derive(Clone)]
pub(super) struct Sockets(Arc<Semaphore>);

impl Sockets {
    pub(super) fn new(sockets_max: usize) -> Self {
        Self(Arc::new(Semaphore::new(sockets_max.min(Semaphore::MAX_PERMITS))))
    }
}

/// Checks a path for the WebSocket: `/`, or segments of letters, digits, `.`, `_` and `-`.
///
/// # Errors
/// What is wrong, for the operator.
pub fn check_websockets_path(path: &str) -> Result<&str, &'static str> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err("the WebSocket path must begin with a slash");
    };
    if rest.is_empty() {
        return Ok(path);
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let mut segments = rest.split('/');
    if !segments.all(|segment| !segment.is_empty() && segment.chars().all(plain)) {
        return Err(
            "the WebSocket path may hold letters, digits, '.', '_', '-' and single slashes",
        );
    }
    if rest.split('/').next().is_some_and(|first| TAKEN.contains(&first)) {
        return Err("the WebSocket path is taken by a page");
    }
    Ok(path)
}

/// Answers `GET` at a WebSocket path of its own.
pub(super) async fn wait(
    State(pages): State<Pages>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    match upgrade {
        Ok(upgrade) => open(&pages, upgrade),
        Err(_) => ApiError::simple(
            StatusCode::UPGRADE_REQUIRED,
            "upgrade_required",
            "This address is a WebSocket",
        )
        .into_response(),
    }
}

/// Takes the connection over, if there is room.
pub(super) fn open(pages: &Pages, upgrade: WebSocketUpgrade) -> Response {
    let Ok(permit) = pages.sockets.0.clone().try_acquire_owned() else {
        return ApiError::simple(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_sockets",
            "Too many browsers wait here right now. Try again in a moment",
        )
        .into_response();
    };
    let engine = pages.app.engine.clone();
    upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .read_buffer_size(READ_BUFFER_BYTES)
        .on_upgrade(move |socket| serve(socket, engine, permit))
}

async fn serve(mut socket: WebSocket, engine: Engine, _permit: OwnedSemaphorePermit) {
    let id = engine.rng().uuid().to_string();
    let ack = json!({"message_type": "connection_ack", "ws_client_id": id}).to_string();
    if !send(&mut socket, Message::Text(ack.into())).await {
        return;
    }
    let stopping = engine.tasks().stopping();
    let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    let mut ends_at = Instant::now() + engine.settings().state_lifetime;
    let outcome = outcome(&engine, &id);
    tokio::pin!(outcome);
    let mut is_told = false;
    loop {
        let alive = tokio::select! {
            text = &mut outcome, if !is_told => {
                is_told = true;
                ends_at = Instant::now() + LINGER;
                send(&mut socket, Message::Text(text)).await
            }
            _ = pings.tick() => send(&mut socket, Message::Ping(Bytes::new())).await,
            message = socket.recv() => matches!(message, Some(Ok(message)) if !is_close(&message)),
            () = sleep_until(ends_at) => false,
            () = stopping.cancelled() => false,
        };
        if !alive {
            break;
        }
    }
    // Whether the client still hears it does not matter.
    send(&mut socket, Message::Close(None)).await;
}

fn is_close(message: &Message) -> bool {
    matches!(message, Message::Close(_))
}

/// Whether the client took the message.
async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(timeout(SEND_TIMEOUT, socket.send(message)).await, Ok(Ok(())))
}

async fn outcome(engine: &Engine, id: &str) -> Utf8Bytes {
    loop {
        match engine.wait_for_flow(id).await {
            Ok(text) => return text.into(),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot look for an outcome"
                );
                sleep(RETRY_AFTER).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_plain_and_free() {
        assert_eq!(check_websockets_path("/"), Ok("/"));
        assert_eq!(check_websockets_path("/ws/v1"), Ok("/ws/v1"));
        for wrong in ["", "ws", "//", "/ws/", "/{x}", "/a b", "/static/x", "/setup"] {
            assert!(check_websockets_path(wrong).is_err(), "{wrong}");
        }
    }
}
