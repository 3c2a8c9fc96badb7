//! Outgoing webhooks: what an event says, how it is signed, when it is tried again, and sending it.
//!
//! Payload, schedule and signature decide and compute; they read no database and open no
//! connection. [`deliver`] does both with what they say. Alerts go to e-mail addresses by the same
//! outbox, as [`mail`].

pub mod deliver;
pub(crate) mod mail;
pub mod payload;
pub mod schedule;
pub mod signature;
pub mod signing_keys;
pub mod test_event;

/// What a delivery says of its sender in `user-agent`.
pub const USER_AGENT: &str = concat!("valetkey-webhooks/", env!("CARGO_PKG_VERSION"));

/// The media type of every delivery.
pub const CONTENT_TYPE: &str = "application/json";
