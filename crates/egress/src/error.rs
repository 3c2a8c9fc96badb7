//! Why a request brought no reply.

use std::time::Duration;

use thiserror::Error;

use crate::guard::Refusal;

/// A request without a reply. Texts name the host and nothing else of the URL: path, query, headers
/// and bodies may hold secrets.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum EgressError {
    /// The address guard refused the destination. Nothing was sent to it.
    #[error("requests to {host} are not allowed: {reason}")]
    Denied { host: String, reason: Refusal },

    /// The URL can never be requested, whatever the policy says. Nothing was sent.
    #[error("the URL of {host} cannot be requested: {reason}")]
    InvalidUrl { host: String, reason: &'static str },

    /// A header cannot be written as HTTP. Nothing was sent.
    #[error("the header {name:?} for {host} is not a valid HTTP header")]
    InvalidHeader { host: String, name: String },

    /// No complete reply within the time given. The request may have been acted on.
    #[error("no complete reply within {after_ms} ms")]
    Timeout { after_ms: u64 },

    /// The name did not resolve or no connection was made. Nothing was sent.
    #[error("could not connect to {host}: {reason}")]
    Connect { host: String, reason: String },

    /// The TLS handshake failed, most often on the certificate. Nothing was sent.
    #[error("no secure connection to {host}: {reason}")]
    Tls { host: String, reason: String },

    /// The body, decompressed, is larger than allowed. The request was acted on.
    #[error("the reply is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: usize },

    /// More redirects than [`crate::Limits::redirects_max`].
    #[error("too many redirects")]
    TooManyRedirects,

    /// The reply was a redirect that is not followed.
    #[error("a redirect from {host} was not followed: {reason}")]
    RedirectRefused { host: String, reason: &'static str },

    /// The connection broke, or the reply could not be read. The request may have been acted on.
    #[error("the exchange with {host} broke off: {reason}")]
    Interrupted { host: String, reason: String },

    /// The HTTP client could not be built.
    #[error("the HTTP client could not be built: {reason}")]
    Setup { reason: String },
}

impl EgressError {
    /// Whether the same request may succeed later although nothing was changed on this side.
    /// Certificates count: they are renewed by the other side.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Timeout { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::Interrupted { .. } => true,
            Self::Denied { .. }
            | Self::InvalidUrl { .. }
            | Self::InvalidHeader { .. }
            | Self::TooLarge { .. }
            | Self::TooManyRedirects
            | Self::RedirectRefused { .. }
            | Self::Setup { .. } => false,
        }
    }

    /// A stable name for logs and API errors.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied { .. } => "egress_denied",
            Self::InvalidUrl { .. } => "egress_invalid_url",
            Self::InvalidHeader { .. } => "egress_invalid_header",
            Self::Timeout { .. } => "egress_timeout",
            Self::Connect { .. } => "egress_connect",
            Self::Tls { .. } => "egress_tls",
            Self::TooLarge { .. } => "egress_too_large",
            Self::TooManyRedirects => "egress_too_many_redirects",
            Self::RedirectRefused { .. } => "egress_redirect_refused",
            Self::Interrupted { .. } => "egress_interrupted",
            Self::Setup { .. } => "egress_setup",
        }
    }

    pub(crate) fn timeout(after: Duration) -> Self {
        Self::Timeout { after_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX) }
    }
}
