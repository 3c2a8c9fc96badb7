//! Why a flow or a refresh failed, and whose move it is.

use std::fmt;

use crate::mode::Pending;

/// Whose move it is after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The provider is down, slow or busy: try again later. Never counts towards a connection's end.
    Transient,
    /// The grant is gone: the person must connect again.
    Terminal,
    /// The integration is set up wrongly: its operator must act.
    Ours,
}

/// A failure. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct AuthError {
    /// Whose move it is.
    pub class: Class,
    /// The code clients see, for example `refresh_token_external_error`.
    pub code: String,
    /// What happened, for a person.
    pub message: String,
    /// The HTTP status the provider answered with.
    pub provider_status: Option<u16>,
    /// The provider's `error`.
    pub provider_error: Option<String>,
    /// The provider's `error_description`, cut to 500 characters.
    pub provider_description: Option<String>,
    /// How long the provider asked us to wait.
    pub retry_after_seconds: Option<u64>,
}

impl AuthError {
    /// An error without anything from the provider.
    pub fn new(class: Class, code: &str, message: impl Into<String>) -> Self {
        Self {
            class,
            code: code.to_owned(),
            message: message.into(),
            provider_status: None,
            provider_error: None,
            provider_description: None,
            retry_after_seconds: None,
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(error) = &self.provider_error {
            write!(f, " ({error}")?;
            if let Some(description) = &self.provider_description {
                write!(f, ": {description}")?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

/// The error for a request that got no reply at all. `text` is the egress client's own description,
/// which holds no secret.
pub fn transport_failure(pending: &Pending, timed_out: bool, text: &str) -> AuthError {
    let message = if timed_out {
        "The provider did not answer in time.".to_owned()
    } else {
        format!("The provider could not be reached: {text}.")
    };
    AuthError::new(Class::Transient, pending.error_code(), message)
}
