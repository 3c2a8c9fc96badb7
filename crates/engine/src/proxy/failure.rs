//! Why a call brought no answer of the provider.

use valetkey_auth::ProxiedError;
use valetkey_egress::{CollectError, EgressError};

use super::budget::{Budget, Whose};
use crate::error::Error;

/// A call without an answer of the provider. The texts are for the app's developers.
#[derive(Debug, thiserror::Error)]
pub enum ProxyFailure {
    /// The operator switched base URLs of calls off.
    #[error("Base-Url-Override is switched off on this server (VALETKEY_PROXY_BASE_URL_OVERRIDE)")]
    OverrideDisabled,
    /// The base URL is not the provider's.
    #[error(
        "Base-Url-Override names {host}, which is no host of this provider. If credentials may go \
         there, add it to the allowed hosts of the integration {integration}"
    )]
    OverrideNotAllowed {
        /// The host.
        host: String,
        /// Key of the integration.
        integration: String,
    },
    /// The address guard refuses the address, or that of a redirect.
    #[error("{0}")]
    Unsendable(EgressError),
    /// The connection's credentials cannot be had.
    #[error("{0}")]
    Engine(#[from] Error),
    /// The request cannot be built.
    #[error("{0}")]
    Unbuildable(ProxiedError),
    /// A header cannot be written.
    #[error("the header {0:?} is not a valid HTTP header")]
    InvalidHeader(String),
    /// The body has to be known before it is sent, and is too large for that.
    #[error(
        "this provider's requests are signed or added to, so their body is read first, and it is \
         larger than {limit_bytes} bytes"
    )]
    BodyTooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// The app broke its request off.
    #[error("the request body broke off")]
    BodyBroken,
    /// The caller's narrow key is for other calls.
    #[error("the proxy key does not allow this call: {0}")]
    NotGranted(&'static str),
    /// The caller's narrow key has made all its calls.
    #[error("the proxy key has made all the calls it was given")]
    GrantSpent,
    /// The shared budget is spent.
    #[error("the budget of calls per minute is spent")]
    OverBudget {
        /// Whose budget.
        whose: Whose,
        /// What it is.
        budget: Budget,
    },
    /// The provider did not answer.
    #[error("{0}")]
    NoAnswer(EgressError),
}

impl ProxyFailure {
    pub(super) fn of(error: EgressError) -> Self {
        match error {
            EgressError::Denied { .. } | EgressError::InvalidUrl { .. } => Self::Unsendable(error),
            other => Self::NoAnswer(other),
        }
    }

    pub(super) fn of_body(error: &CollectError) -> Self {
        match error {
            CollectError::TooLarge(limit) => Self::BodyTooLarge { limit_bytes: limit.limit_bytes },
            CollectError::Broken => Self::BodyBroken,
        }
    }

    /// A stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OverrideDisabled => "base_url_override_disabled",
            Self::OverrideNotAllowed { .. } | Self::Unsendable(_) => {
                "base_url_override_not_allowed"
            }
            Self::Engine(_) => "server_error",
            Self::Unbuildable(ProxiedError::NoBaseUrl) => "missing_api_url",
            Self::Unbuildable(ProxiedError::Certificate(_)) => "invalid_certificate_or_key_format",
            Self::Unbuildable(_) => "invalid_request_url",
            Self::InvalidHeader(_) => "invalid_headers",
            Self::BodyTooLarge { .. } => "request_too_large",
            Self::BodyBroken => "invalid_body",
            Self::NotGranted(_) => "forbidden",
            Self::GrantSpent => "proxy_key_spent",
            Self::OverBudget { .. } => "proxy_budget_exceeded",
            Self::NoAnswer(EgressError::Timeout { .. }) => "provider_timeout",
            Self::NoAnswer(EgressError::TooManyRedirects) => "provider_redirects",
            Self::NoAnswer(_) => "provider_unreachable",
        }
    }
}
