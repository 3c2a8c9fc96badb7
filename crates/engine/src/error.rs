//! What a use case can answer instead of a result. Variants are by remedy, not by origin.

use serde::Serialize;
use valetkey_auth::AuthError;
use valetkey_vault::VaultError;

use crate::connections::ConnectionView;

/// One thing wrong with one field of an input.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Issue {
    /// `invalid_type`, `custom`, …
    pub code: String,
    /// What is expected, for a person.
    pub message: String,
    /// Where in the input.
    pub path: Vec<String>,
}

impl Issue {
    /// A business rule that a field breaks.
    pub fn custom(path: &[&str], message: impl Into<String>) -> Self {
        Self {
            code: "custom".to_owned(),
            message: message.into(),
            path: path.iter().map(|&part| part.to_owned()).collect(),
        }
    }
}

/// A failure of a use case. Texts are for people and hold no secrets.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No integration with this key in the environment.
    #[error("There is no integration '{0}' in this environment.")]
    UnknownIntegration(String),
    /// No connection with this id for this integration.
    #[error("There is no connection '{connection_id}' for integration '{integration_key}'.")]
    UnknownConnection {
        /// As asked for.
        connection_id: String,
        /// As asked for.
        integration_key: String,
    },
    /// The catalogue has no such provider.
    #[error("There is no provider '{0}' in the catalogue.")]
    UnknownProvider(String),
    /// No such environment, key or session in this account.
    #[error("There is no such {0}.")]
    NotFound(&'static str),
    /// Fields of the body are wrong; nothing was changed.
    #[error("The request has invalid fields.")]
    Invalid(Vec<Issue>),
    /// A rule forbids it, with the code clients branch on.
    #[error("{message}")]
    Refused {
        /// `invalid_body`, `integration_not_allowed`, `invalid_auth_mode`, …
        code: &'static str,
        /// Why, for a person.
        message: String,
    },
    /// Something with this name exists.
    #[error("{0}")]
    Conflict(String),
    /// The provider did not accept the credentials that were entered.
    #[error("{0}")]
    CredentialsRejected(String),
    /// A call to the provider failed while a connection was made.
    #[error("{}", .0.message)]
    Provider(Box<AuthError>),
    /// A connection's credentials could not be refreshed.
    #[error("{}", .0.message)]
    NotFresh(Box<NotFresh>),
    /// The database.
    #[error("storage failed")]
    Store(#[from] valetkey_store::Error),
    /// A sealed value or key.
    #[error("sealing failed")]
    Vault(#[from] VaultError),
    /// A stored value does not have the form this release writes.
    #[error("stored data is malformed: {0}")]
    Corrupt(&'static str),
}

/// Why a read could not answer with working credentials.
#[derive(Debug)]
pub struct NotFresh {
    /// 400 when a refresh was tried and failed, 424 when it was not even tried.
    pub status: u16,
    /// The code of the cause, such as `refresh_token_external_error`.
    pub cause: String,
    /// The sentence for a person.
    pub message: String,
    /// Whether nobody but the connection's owner can help, by authorizing again. Everything else
    /// passes by itself or is the operator's to mend.
    pub needs_reconnect: bool,
    /// The connection without credentials.
    pub connection: ConnectionView,
}

/// Result of a use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;
