//! What a client sees of the engine's errors. An endpoint whose contract differs maps the variant
//! itself and leaves the rest to this.

use http::StatusCode;
use valetkey_engine::Error;

use crate::error::{ApiError, Part};
use crate::schema::Issue;

/// Issue codes the engine uses; the wire form holds them for good.
const ISSUE_CODES: &[&str] = &[
    "custom",
    "invalid_format",
    "invalid_string",
    "invalid_type",
    "invalid_union",
    "invalid_value",
    "missing_client_id",
    "missing_client_secret",
    "too_big",
    "too_small",
    "unrecognized_keys",
];

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::UnknownIntegration(_) => {
                Self::simple(StatusCode::NOT_FOUND, "unknown_provider_config", text)
            }
            Error::UnknownProvider(_) => {
                Self::simple(StatusCode::NOT_FOUND, "unknown_provider_template", text)
            }
            Error::UnknownConnection { .. } | Error::NotFound(_) => Self::not_found(text),
            Error::Invalid(issues) => Self::validation(Part::Body, wire_issues(issues)),
            Error::Refused { code, message } => {
                Self::simple(StatusCode::BAD_REQUEST, code, message)
            }
            Error::Conflict(message) => Self::simple(StatusCode::CONFLICT, "conflict", message),
            Error::CredentialsRejected(message) => {
                Self::simple(StatusCode::BAD_REQUEST, "connection_test_failed", message)
            }
            Error::Provider(error) => {
                Self::simple(provider_status(&error.code), &error.code, error.to_string())
            }
            Error::NotFresh(why) => {
                let status = StatusCode::from_u16(why.status).unwrap_or(StatusCode::BAD_REQUEST);
                Self::simple(status, "invalid_credentials", why.message)
            }
            Error::Store(source) if source.is_transient() => Self::simple(
                StatusCode::SERVICE_UNAVAILABLE,
                "service_unavailable",
                "The database does not answer right now. Try again in a moment",
            ),
            other @ (Error::Store(_) | Error::Vault(_) | Error::Corrupt(_)) => {
                Self::internal(other)
            }
        }
    }
}

/// The status clients branch on when a call to the provider failed.
fn provider_status(code: &str) -> StatusCode {
    match code {
        "aws_sigv4_sts_request_failed" => StatusCode::BAD_GATEWAY,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// The engine's issues in the form the API has for them.
pub fn wire_issues(issues: Vec<valetkey_engine::Issue>) -> Vec<Issue> {
    let wire = |issue: valetkey_engine::Issue| Issue {
        code: ISSUE_CODES.iter().find(|code| **code == issue.code).copied().unwrap_or("custom"),
        message: issue.message,
        path: issue.path,
    };
    issues.into_iter().map(wire).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_the_code_that_clients_branch_on() {
        let cases = [
            (Error::UnknownIntegration("x".to_owned()), 404, "unknown_provider_config"),
            (Error::NotFound("session"), 404, "not_found"),
            (Error::Invalid(Vec::new()), 400, "invalid_body"),
            (
                Error::Refused { code: "integration_not_allowed", message: String::new() },
                400,
                "integration_not_allowed",
            ),
            (Error::Store(valetkey_store::Error::Overloaded), 503, "service_unavailable"),
            (Error::Corrupt("tags"), 500, "generic_error_support"),
        ];
        for (error, status, code) in cases {
            let error = ApiError::from(error);
            assert_eq!((error.status().as_u16(), error.code()), (status, code));
        }
    }
}
