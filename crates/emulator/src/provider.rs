//! An OAuth 2 authorization server with an API behind it, and a control page to break both.
//!
//! Implements the authorization code grant with PKCE (RFC 6749, RFC 7636), refresh tokens with
//! rotation and reuse detection (RFC 9700, 4.14), client credentials, revocation (RFC 7009),
//! metadata (RFC 8414) and the issuer in the callback (RFC 9207).

mod authorize;
mod control;
mod fault;
mod ledger;
mod login;
mod resource;
mod signed;
mod token;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use serde_json::Value;
use valetkey_base::{Clock, Rng, Timestamp};

use crate::page::{self, Guard};
pub use fault::{Fault, Kind, Target};
use ledger::Ledger;
pub use login::{DEVELOPER_KEY, ORGANIZATION_ID};
pub use signed::{JWT_KEY_ID, JWT_SECRET_HEX, TOKEN_ID, TOKEN_SECRET};

/// The one registered client.
pub const CLIENT_ID: &str = "emulator-client";
/// Its secret: a public demo value.
pub const CLIENT_SECRET: &str = "emulator-secret";
/// User name that `GET /api/me` accepts with Basic authentication.
pub const BASIC_USERNAME: &str = "demo";
/// Password for [`BASIC_USERNAME`]: a public demo value.
pub const BASIC_PASSWORD: &str = "emulator-password";
/// Every API key that starts so, and is at least 12 characters long, is accepted by `GET /api/me`.
pub const API_KEY_PREFIX: &str = "emk_";

/// One of the accounts a person can choose on the consent page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) email: &'static str,
    pub(crate) initials: &'static str,
}

pub(crate) const ACCOUNTS: [Account; 2] = [
    Account { id: "user_ada", name: "Ada Moreau", email: "ada@example.com", initials: "AM" },
    Account { id: "user_ben", name: "Ben Okafor", email: "ben@example.com", initials: "BO" },
];

/// How the emulated provider behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it is reached, without a slash at the end; also its issuer.
    pub base_url: String,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Where tokens come from.
    pub rng: Rng,
    /// How long access tokens live.
    pub access_token_lifetime: Duration,
    /// Whether a refresh token is spent by its use; spending one twice revokes the grant.
    pub refresh_token_rotation: bool,
    /// Whether the code grant needs an S256 challenge.
    pub pkce_required: bool,
    /// Redirect URIs accepted besides those on loopback hosts, compared exactly.
    pub redirect_uris: Vec<String>,
    /// How many codes, grants and tokens are remembered, each; the oldest are dropped.
    pub entries_max: usize,
}

impl Options {
    /// What `valetkey dev` uses: two-minute access tokens, rotation, PKCE.
    pub fn new(base_url: impl Into<String>, clock: Clock, rng: Rng) -> Self {
        Self {
            base_url: base_url.into().trim_end_matches('/').to_owned(),
            clock,
            rng,
            access_token_lifetime: Duration::from_mins(2),
            refresh_token_rotation: true,
            pkce_required: true,
            redirect_uris: Vec::new(),
            entries_max: 20_000,
        }
    }
}

/// The running provider. Clones share everything.
#[derive(Clone)]
pub struct EmulatorState(Arc<Inner>);

struct Inner {
    options: Options,
    ledger: Mutex<Ledger>,
}

impl EmulatorState {
    /// A provider without any grant yet.
    pub fn new(options: Options) -> Self {
        let ledger = Mutex::new(Ledger::new(options.entries_max, options.access_token_lifetime));
        Self(Arc::new(Inner { options, ledger }))
    }

    /// Where the provider is reached.
    pub fn base_url(&self) -> &str {
        &self.0.options.base_url
    }

    /// What `GET /control/stats` answers.
    pub fn stats(&self) -> Value {
        self.ledger().stats()
    }

    /// Adds a failure to the queue; false when the queue is full.
    pub fn add_fault(&self, fault: Fault) -> bool {
        self.ledger().faults.push(fault)
    }

    /// Sets the lifetime of access tokens issued from now on.
    pub fn set_access_token_lifetime(&self, lifetime: Duration) {
        self.ledger().access_token_lifetime = lifetime;
    }

    /// Withdraws the whole grant a token belongs to, as its user would do on the provider's
    /// account page. False when the token is unknown.
    pub fn revoke_grant_of_token(&self, token: &str) -> bool {
        self.ledger().revoke_grant_of_token(token)
    }

    /// Makes the provider refuse an API key from now on.
    pub fn revoke_api_key(&self, key: &str) {
        self.ledger().revoke_api_key(key);
    }

    /// Forgets every grant, token, failure and count.
    pub fn reset(&self) {
        let options = &self.0.options;
        *self.ledger() = Ledger::new(options.entries_max, options.access_token_lifetime);
    }

    fn options(&self) -> &Options {
        &self.0.options
    }

    fn now(&self) -> Timestamp {
        self.0.options.clock.now()
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All endpoints and pages of the provider.
pub fn router(state: EmulatorState) -> Router {
    let guard = Guard::new(state.base_url());
    Router::new()
        .route("/", get(control::page))
        .route("/provider-assets/icon.svg", get(page::icon))
        .route("/provider-assets/style.css", get(page::style))
        .route("/oauth/authorize", get(authorize::ask).post(authorize::decide))
        .route("/install", get(authorize::install))
        .route("/oauth/token", post(token::token))
        .route("/oauth/revoke", post(token::revoke))
        .route("/login/token", post(login::token))
        .route("/login/session", post(login::session))
        .route("/.well-known/oauth-authorization-server", get(resource::metadata))
        .route("/userinfo", get(resource::userinfo))
        .route("/api/me", get(resource::me))
        .route("/control/stats", get(control::stats))
        .route("/control/faults", post(control::add_fault))
        .route("/control/faults/clear", post(control::clear_faults))
        .route("/control/lifetimes", post(control::lifetimes))
        .route("/control/reset", post(control::reset))
        .route("/control/grants/{id}/revoke", post(control::revoke_grant))
        .route("/control/grants/{id}/expire", post(control::expire_grant))
        .layer(DefaultBodyLimit::max(page::BODY_BYTES_MAX))
        .layer(from_fn_with_state(guard, page::guard))
        .with_state(state)
}

#[cfg(test)]
mod tests;
