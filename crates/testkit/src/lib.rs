//! What tests share: real databases, one per test, a receiver for what is sent out, an authenticator
//! with a passkey, and [`seed`], which fills a database with as much as a busy installation has.
//!
//! Nothing here stands in for a database. SQLite is a file in a temporary folder, PostgreSQL a
//! database of its own on the server named by `VALETKEY_TEST_POSTGRES`; both are gone when the
//! test ends, however it ends.

pub mod authenticator;
pub mod database;
pub mod receiver;
pub mod seed;
mod template;

pub use database::{
    DatabaseServer, TestDatabase, databases, on_each_database, on_each_empty_database,
};
pub use receiver::{Answer, Received, Receiver};
