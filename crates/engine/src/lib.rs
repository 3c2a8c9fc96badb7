//! The use cases of Valetkey: knows no HTTP server and no SQL.
//!
//! Start at [`engine::Engine`]; each module holds the use cases of one capability.

pub mod activity;
pub mod alerts;
pub mod attention;
pub mod audit;
pub mod callback_url;
pub mod charts;
pub mod connect;
pub mod connect_ui;
pub mod connection_lists;
pub mod connections;
pub mod end_user;
pub mod engine;
pub mod environment_settings;
pub mod environments;
pub mod error;
pub mod events;
pub mod explanation;
mod follow_up;
pub mod getting_started;
pub mod incoming;
pub mod installs;
mod integration_config;
pub mod integrations;
pub mod jobs;
pub mod keys;
pub mod logs;
pub mod members;
pub mod oauth_client;
mod opened;
mod operations;
mod protocol;
pub mod proxy;
pub mod read;
pub mod recorder;
pub mod recovery;
mod refresh;
pub mod rotation;
pub mod sealing;
pub mod sessions;
pub mod sockets;
pub mod webhooks;

pub use engine::{Engine, Parts, Settings};
pub use environment_settings::EnvironmentSettings;
pub use environments::EnvironmentView;
pub use error::{Error, Issue, NotFresh, Result};
pub use keys::{Caller, DefinedKey};
pub use recorder::Recorder;
pub use sealing::Sealer;
pub use sessions::Session;
