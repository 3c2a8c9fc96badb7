//! The JSON API: every operation, by resource.

pub mod client_metadata;
pub mod connect_session;
pub mod connect_sessions;
pub mod connections;
pub mod environments;
pub mod events;
pub mod health;
pub mod incoming;
pub mod installs;
pub mod integrations;
pub mod logo;
pub mod logs;
pub mod providers;
pub mod proxy;
pub mod proxy_keys;
pub mod telemetry;
pub mod webhook_url;

use crate::app::App;
use crate::route::Endpoint;

/// Every operation of the API.
pub fn endpoints() -> Vec<Endpoint<App>> {
    let mut all = Vec::new();
    all.extend(connect_sessions::endpoints());
    all.extend(connect_session::endpoints());
    all.extend(telemetry::endpoints());
    all.extend(connections::endpoints());
    all.extend(integrations::endpoints());
    all.extend(providers::endpoints());
    all.extend(proxy::endpoints());
    all.extend(proxy_keys::endpoints());
    all.extend(logo::endpoints());
    all.extend(environments::endpoints());
    all.extend(events::endpoints());
    all.extend(incoming::endpoints());
    all.extend(installs::endpoints());
    all.extend(logs::endpoints());
    all.extend(client_metadata::endpoints());
    all.extend(health::endpoints());
    all
}
