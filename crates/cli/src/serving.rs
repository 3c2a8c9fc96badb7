//! Serving HTTP until a signal, and the way out: stop accepting, finish what is in flight within a
//! limit, stop the jobs, close the database.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use valetkey_engine::Engine;

/// What the jobs get at least, however long the requests took.
const JOBS_TIMEOUT_MIN: Duration = Duration::from_secs(2);

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Everything was finished.
    Cleanly,
    /// The limit passed first. Whatever was cut off is taken up again at the next start.
    Late,
    /// A second signal came.
    AtOnce,
}

/// Opens a port.
pub(crate) async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let cannot = || format!("cannot listen on {address}");
    let listener = TcpListener::bind(address).await.with_context(cannot)?;
    let bound = listener.local_addr().with_context(cannot)?;
    Ok((listener, bound))
}

/// SIGHUP. It must be taken before anybody is told that the server is ready.
pub(crate) fn hangup() -> Result<Signal> {
    signal(SignalKind::hangup()).context("signals cannot be received")
}

/// SIGTERM and SIGINT. They must be taken before anybody is told that the server is ready.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn new() -> Result<Self> {
        let cannot = "signals cannot be received";
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context(cannot)?,
            interrupt: signal(SignalKind::interrupt()).context(cannot)?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Serves every listener until a signal, and ends everything in order within `limit`.
pub(crate) async fn until_stopped(
    servers: Vec<(TcpListener, Router)>,
    engine: Engine,
    mut signals: Signals,
    limit: Duration,
) -> Ended {
    let stop = CancellationToken::new();
    let serving: Vec<_> = servers
        .into_iter()
        .map(|(listener, router)| {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            let stopping = stop.clone().cancelled_owned();
            let server = axum::serve(listener, service).with_graceful_shutdown(stopping);
            engine.tasks().spawn(server.into_future())
        })
        .collect();
    signals.next().await;
    tracing::info!("stopping: no new requests, at most {} s for those under way", limit.as_secs());
    stop.cancel();
    tokio::select! {
        ended = finish(serving, &engine, limit) => ended,
        () = signals.next() => {
            tracing::warn!("stopping at once");
            Ended::AtOnce
        }
    }
}

async fn finish(
    serving: Vec<JoinHandle<std::io::Result<()>>>,
    engine: &Engine,
    limit: Duration,
) -> Ended {
    let until = Instant::now() + limit;
    let mut late = false;
    for mut server in serving {
        if timeout_at(until, &mut server).await.is_err() {
            server.abort();
            late = true;
        }
    }
    let left = until.saturating_duration_since(Instant::now()).max(JOBS_TIMEOUT_MIN);
    late |= !engine.tasks().shutdown(left).await;
    engine.store().clone().close().await;
    if late {
        tracing::warn!("the limit passed before everything was finished");
        return Ended::Late;
    }
    tracing::info!("stopped");
    Ended::Cleanly
}
