//! The built program as its users start it: arguments, environment, exit codes, signals.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod client;
mod config;
mod dev;
mod help;
mod program;
mod provider_pages;
mod providers;
mod serve;
