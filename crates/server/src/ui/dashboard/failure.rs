//! What a page can be instead of itself.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use valetkey_engine::Error;

use super::frame::{Frame, POLICY};
use super::visit::Visit;
use crate::error::ApiError;
use crate::ui;

/// Why there is no page.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing is here, or it is in another environment.
    Missing,
    /// The member's role does not allow it.
    Denied,
    /// The form is too old, or comes from elsewhere.
    Forged,
    /// What a form asked for cannot be done; the sentence is for people.
    Refused(String),
    /// Everything else: ours. The reason is for the log.
    Broken(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(_)
            | Error::UnknownIntegration(_)
            | Error::UnknownConnection { .. }
            | Error::UnknownProvider(_) => Self::Missing,
            Error::Refused { message, .. } => Self::Refused(message),
            Error::Conflict(message) | Error::CredentialsRejected(message) => {
                Self::Refused(message)
            }
            Error::Provider(error) => Self::Refused(error.message.clone()),
            Error::NotFresh(not_fresh) => Self::Refused(not_fresh.message.clone()),
            Error::Invalid(issues) => Self::Refused(
                issues.into_iter().map(|issue| issue.message).collect::<Vec<_>>().join(" "),
            ),
            Error::Store(_) | Error::Vault(_) | Error::Corrupt(_) => {
                let mut reason = error.to_string();
                let mut cause = std::error::Error::source(&error);
                while let Some(next) = cause {
                    reason = format!("{reason}: {next}");
                    cause = next.source();
                }
                Self::Broken(reason)
            }
        }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Refused(error.message().to_owned())
    }
}

#[derive(Template)]
#[template(path = "dashboard/failure_member.html")]
struct MemberPage<'a> {
    frame: Frame,
    title: &'a str,
    text: &'a str,
    next: &'a str,
}

#[derive(Template)]
#[template(path = "dashboard/failure_stranger.html")]
struct StrangerPage<'a> {
    frame: Frame,
    title: &'a str,
    text: &'a str,
    next: &'a str,
}

impl Failure {
    pub(super) fn answer(self, visit: &Visit) -> Response {
        if let Self::Broken(reason) = &self {
            tracing::error!(reason, "a page could not be made");
        }
        let (status, title, text, next) = match &self {
            Self::Missing => (
                StatusCode::NOT_FOUND,
                "There is nothing here",
                "It was removed, or the address has a mistake in it.",
                "Go back, or search for it.",
            ),
            Self::Denied => (
                StatusCode::FORBIDDEN,
                "Your role does not allow this",
                "An owner or an admin can do it, or give you another role.",
                "Their names are on the page “Team”.",
            ),
            Self::Forged => (
                StatusCode::FORBIDDEN,
                "This form is too old",
                "It was made for a session that has ended since, or it came from another site. \
                 Nothing was changed.",
                "Reload the page it is on and send it again.",
            ),
            Self::Refused(message) => (
                StatusCode::BAD_REQUEST,
                "That was not possible",
                message.as_str(),
                "Nothing was changed.",
            ),
            Self::Broken(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something failed in this server",
                "The server's log has the reason. Trying again may help.",
                "",
            ),
        };
        let frame = visit.frame(title);
        if visit.signed_in().is_some() {
            ui::page(status, &MemberPage { frame, title, text, next }, POLICY)
        } else {
            ui::page(status, &StrangerPage { frame, title, text, next }, POLICY)
        }
    }
}
