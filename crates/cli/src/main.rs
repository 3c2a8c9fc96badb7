//! The `valetkey` program. Each command is one file in `commands/`; settings are in `config/`.

mod commands;
mod config;
mod data_folder;
mod keys_defined;
mod logging;
mod master_key;
mod open;
mod output;
mod providers;
mod serving;

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Settings, arguments or values were wrong, and nothing was done.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    // Refused only when a provider is installed already, and nothing ran before this.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arguments = commands::Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let outcome = runtime.block_on(arguments.run());
    // What is still running after the commands have waited for it is not worth waiting for.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|error| failed(&error))
}

fn failed(error: &anyhow::Error) -> ExitCode {
    output::tell_error(error);
    if error.chain().any(<dyn std::error::Error>::is::<config::Problems>) {
        ExitCode::from(EXIT_USAGE)
    } else {
        ExitCode::FAILURE
    }
}
