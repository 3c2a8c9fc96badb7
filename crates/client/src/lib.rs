#![doc = include_str!("../README.md")]

mod client;
mod error;
mod proxied;
mod resources;
mod retry;
mod routes;
mod secret;
pub mod webhooks;

pub use client::{Client, ClientBuilder};
pub use error::{ApiError, Error, Issue, Result};
pub use proxied::{Proxy, ProxyAnswer, ProxyRequest};
pub use resources::connect_sessions::{ConnectSession, ConnectSessions, CreateSession, EndUser};
pub use resources::connections::{
    Connection, ConnectionFilter, ConnectionProblem, Connections, Credentials, ImportConnection,
    ListedConnection, PatchConnection, ReadOptions,
};
pub use resources::environments::{CreatedKey, Environment, Environments, Variable};
pub use resources::events::{Delivery, Events, FeedEvent};
pub use resources::functions::Functions;
pub use resources::health::Health;
pub use resources::installs::{ClaimInstall, ClaimedInstall, Install, InstallFilter, Installs};
pub use resources::integrations::{
    Integration, Integrations, PatchInstalls, PatchIntegration, SaveIntegration,
};
pub use resources::logs::{Logs, Message, Operation, OperationFilter};
pub use resources::providers::{Provider, Providers};
pub use resources::proxy_keys::{
    AllowedCall, CreatedProxyKey, NewProxyKey, ProxyKey, ProxyKeys, ProxyRules,
};
pub use routes::ROUTES;
pub use secret::Secret;
