//! The offline half of `valetkey dev`: a provider, an app and a webhook inbox, all on loopback.
//!
//! - [`provider`] is a real OAuth 2 authorization server with an API behind it, and fails on
//!   demand.
//! - [`app`] is a small app that lets its user connect an account the way a customer's app does.
//! - [`inbox`] receives webhooks, checks their signature and shows them.
//! - [`catalog`] writes the provider file that tells Valetkey about the provider.
//!
//! Everything lives in memory, bounded; nothing here opens an outgoing connection. The client
//! credentials and accounts are public demo values: never serve this beyond loopback.

pub mod app;
mod bounded;
pub mod catalog;
mod fields;
pub mod inbox;
mod page;
pub mod provider;
