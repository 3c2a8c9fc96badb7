//! The engine against real databases and real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stage;

mod housekeeping;
mod webhooks;
