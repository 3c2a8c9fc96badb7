//! The store on both engines: every test runs on SQLite, and on PostgreSQL when there is one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[macro_use]
mod seed;

mod accounts;
mod api_keys;
mod audit;
mod connect_flows;
mod connection_lists;
mod connections;
mod deliveries;
mod environments;
mod housekeeping;
mod integrations;
mod migrations;
mod notices;
mod operation_lists;
mod operations;
mod refresh;
mod writes;
