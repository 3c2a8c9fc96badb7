//! One module for each group of operations.

pub(crate) mod connect_sessions;
pub(crate) mod connections;
pub(crate) mod environments;
pub(crate) mod events;
pub(crate) mod functions;
pub(crate) mod health;
pub(crate) mod installs;
pub(crate) mod integrations;
pub(crate) mod logs;
pub(crate) mod providers;
pub(crate) mod proxy_keys;

use serde::Deserialize;

/// The envelope of many answers.
#[derive(Deserialize)]
pub(crate) struct Data<T> {
    pub(crate) data: T,
}
