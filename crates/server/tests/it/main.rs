//! The server through its router, on real databases, against a real OAuth server on loopback.
//!
//! One binary, one module per subject. [`app::TestApp`] is the server: start there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod after_authorization;
mod api;
mod app;
mod apps;
mod connect_forms;
mod connect_logins;
mod connect_oauth;
mod connect_signed;
mod dashboard;
mod every_route;
mod incoming;
mod installs;
mod integration_names;
mod mcp;
mod oauth1;
mod openapi;
mod pages;
mod proxy;
mod roles;
mod rotation;
mod secrets_at_rest;
mod socket;
