//! The provider of the bench: a token endpoint that counts what it is asked and takes its time.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result};
use axum::{Json, Router, body::Bytes, routing::post};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, time::sleep};

use super::wire;

/// How long the provider takes to answer: long enough for every reader to be waiting.
pub(super) const ANSWER_DELAY: Duration = Duration::from_millis(300);
const LIFETIME_SECONDS: u32 = 86_400;
/// Every access token it gives begins so and ends with a number.
pub(super) const TOKEN_PREFIX: &str = "bench-fresh-";

/// A running token server; it ends with the value.
pub(super) struct TokenServer {
    address: SocketAddr,
    count: Arc<AtomicU64>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TokenServer {
    /// Listen on a free port of loopback.
    pub(super) fn start() -> Result<Self> {
        let runtime = wire::runtime()?;
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .context("the token server's port")?;
        let address = listener.local_addr().context("the token server's port")?;
        let count = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&count);
        let router = Router::new().route(
            "/token",
            post(move |_form: Bytes| {
                let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
                async move {
                    sleep(ANSWER_DELAY).await;
                    Json(reply(number))
                }
            }),
        );
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    served = axum::serve(listener, router) => {
                        if let Err(error) = served {
                            println!("warning: the token server ended: {error}");
                        }
                    }
                    _ = stopped => {}
                }
            });
        });
        Ok(Self { address, count, stop: Some(stop), thread: Some(thread) })
    }

    /// Token requests since it started.
    pub(super) fn requests(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// The catalogue entry `bench` that names this server.
    pub(super) fn catalogue(&self) -> Value {
        let url = format!("http://{}", self.address);
        json!({
            "bench": {
                "display_name": "Bench",
                "docs": format!("{url}/docs"),
                "categories": ["dev-tools"],
                "auth_mode": "OAUTH2",
                "authorization_url": format!("{url}/authorize"),
                "token_url": format!("{url}/token"),
                "token_params": { "grant_type": "authorization_code" },
                "refresh_params": { "grant_type": "refresh_token" },
                "proxy": { "base_url": url },
            }
        })
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It panicked only if axum did; there is nothing left to do for it.
            let _ = thread.join();
        }
    }
}

/// A rotating refresh token, as careful providers give.
fn reply(number: u64) -> Value {
    json!({
        "access_token": format!("{TOKEN_PREFIX}{number:08}"),
        "refresh_token": format!("bench-rotated-{number:08}"),
        "token_type": "bearer",
        "expires_in": LIFETIME_SECONDS,
    })
}
