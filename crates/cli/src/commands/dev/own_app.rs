//! An app of the developer's own beside the server: `valetkey dev -- node server.mjs`. It gets what it
//! needs as variables, and its webhooks from the running server.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use valetkey_base::Secret;
use valetkey_engine::Engine;

/// Path at which the app takes webhooks.
const WEBHOOK_PATH: &str = "/webhooks";

/// A command that was given, and the port it shall listen on.
pub(super) struct OwnApp {
    command: Vec<OsString>,
    port: u16,
}

/// What the app is told, as variables.
pub(super) struct Told<'a> {
    pub(super) host: &'a str,
    pub(super) api_key: &'a Secret,
    pub(super) signing_key: &'a Secret,
}

impl OwnApp {
    /// Finds its port: `wanted`, or a free one for 0. None when no command was given.
    pub(super) async fn new(command: &[OsString], wanted: u16) -> Result<Option<Self>> {
        if command.is_empty() {
            return Ok(None);
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, wanted));
        let probe = TcpListener::bind(address).await.context("the port of the app is taken")?;
        let port = probe.local_addr().context("the port of the app is unknown")?.port();
        Ok(Some(Self { command: command.to_vec(), port }))
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn webhook_url(&self) -> String {
        self.url() + WEBHOOK_PATH
    }

    /// Starts it; it ends with the server. That it ended by itself is said, and ends nothing else:
    /// whoever mends it starts it again beside the server.
    ///
    /// # Errors
    /// When there is no such program.
    pub(super) fn start(&self, engine: &Engine, told: &Told<'_>) -> Result<()> {
        let [program, arguments @ ..] = self.command.as_slice() else { return Ok(()) };
        let child = Command::new(program)
            .args(arguments)
            .env("VALETKEY_HOST", told.host)
            .env("VALETKEY_API_KEY", told.api_key.expose())
            .env("VALETKEY_SIGNING_KEY", told.signing_key.expose())
            .env("PORT", self.port.to_string())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        engine.tasks().spawn(watch(child, engine.clone()));
        Ok(())
    }
}

async fn watch(mut child: Child, engine: Engine) {
    let stop = engine.tasks().stopping();
    tokio::select! {
        () = stop.cancelled() => {
            // Gone with the handle as well; waited for, so that its port is free afterwards.
            let _ = child.kill().await;
        }
        ended = child.wait() => match ended {
            Ok(status) => tracing::warn!("the app ended with {status}"),
            Err(error) => tracing::warn!(%error, "the app is out of sight"),
        },
    }
}
