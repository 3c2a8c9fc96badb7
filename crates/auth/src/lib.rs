//! Every auth mode without I/O: a mode is given what is known and answers with the next [`Step`]:
//! send this request, redirect there, done with these credentials, or failed because.
//!
//! The crate opens no connection and reads no clock; time and randomness come in with the
//! [`Context`]. A mode is tested by looking at the requests it builds. What a provider does its own
//! way is data of the catalogue; no code here knows a provider by name.

pub mod api_request;
pub mod assertion;
pub mod body;
pub mod classify;
pub mod client_auth;
pub mod connection_config;
pub mod credentials;
pub mod error;
pub mod expiry;
pub mod follow_up;
mod form;
mod github_app;
mod jwt;
mod keys;
pub mod mode;
pub mod modes;
mod oauth1_signature;
pub mod pkce;
pub mod proxied;
pub mod registration;
pub mod request;
pub mod revoke;
mod saml;
mod sigv4;
pub mod token_reply;
pub mod token_request;
mod user_token;
pub mod verify;

#[cfg(test)]
mod test_keys;

pub use body::BodyIssue;
pub use connection_config::{merge_config, stored_connection_config, strip_config_secrets};
pub use credentials::{Credentials, strip_refresh_tokens};
pub use error::{AuthError, Class, transport_failure};
pub use mode::{
    AuthorizeInput, CallbackInput, Client, Context, Grant, Mode, Pending, Redirect, Step,
};
pub use modes::mcp_oauth2_generic::is_issuer;
pub use modes::{MODES, can_refresh, mode};
pub use proxied::{ProxiedCall, ProxiedError, needs_body, proxied};
pub use registration::{ClientMetadata, RegisteredClient};
pub use request::{Body, ClientIdentity, HttpReply, HttpRequest};
pub use revoke::revocation;
pub use verify::{accepts, verification};
