//! Log lines on standard error.

use std::io::{IsTerminal as _, stderr};

use anyhow::Result;
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Starts logging. `filter` is a level, or levels by module.
pub(crate) fn start(format: LogFormat, filter: &str) -> Result<()> {
    let builder = tracing_subscriber::fmt()
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_env_filter(EnvFilter::try_new(filter)?);
    let started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging could not be started: {error}"))
}

/// Starts logging for commands that answer on standard output and end.
pub(crate) fn start_quiet() -> Result<()> {
    start(LogFormat::Text, "warn")
}
