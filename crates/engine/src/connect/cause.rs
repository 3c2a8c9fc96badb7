//! Why an attempt to connect failed, as the person in front of it needs it told: what happened, and
//! whose move it is. Pages have a sentence for each cause in every language.

use serde::{Deserialize, Serialize};
use valetkey_auth::{AuthError, Class};

use crate::error::Error;

/// What stands behind a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The person said no at the provider.
    Declined,
    /// The provider gave no authorization, for a reason of its own.
    ProviderRefused,
    /// The provider does not know, or does not grant, the permissions the app asks for.
    Scope,
    /// The provider does not know the address it was to send the browser back to.
    RedirectUri,
    /// The provider does not accept the app's client id or secret.
    Client,
    /// The address of the account at the provider is wrong: a subdomain, a region, a host.
    Address,
    /// What the provider handed out was too old or used already.
    CodeExpired,
    /// The clocks of this server and the provider disagree.
    Clock,
    /// The provider asks for fewer requests.
    Busy,
    /// The provider did not answer, or answered that it is down.
    Unavailable,
    /// The provider did not accept the credentials that were entered.
    CredentialsRefused,
    /// The connect session is over.
    SessionEnded,
    /// The flow is unknown, took too long, or was completed before.
    Stale,
    /// The flow came back in another browser, or without its cookie.
    OtherBrowser,
    /// The session does not allow this integration.
    NotAllowed,
    /// The integration, or its entry in the catalogue, is not set up properly.
    Misconfigured,
    /// The connection that was to be repaired is gone.
    ConnectionGone,
    /// A value that was entered is not right.
    Input,
    /// Something failed in this server.
    Ours,
}

impl Cause {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::ProviderRefused => "provider_refused",
            Self::Scope => "scope",
            Self::RedirectUri => "redirect_uri",
            Self::Client => "client",
            Self::Address => "address",
            Self::CodeExpired => "code_expired",
            Self::Clock => "clock",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::CredentialsRefused => "credentials_refused",
            Self::SessionEnded => "session_ended",
            Self::Stale => "stale",
            Self::OtherBrowser => "other_browser",
            Self::NotAllowed => "not_allowed",
            Self::Misconfigured => "misconfigured",
            Self::ConnectionGone => "connection_gone",
            Self::Input => "input",
            Self::Ours => "ours",
        }
    }

    /// The cause behind a failure that is known by its code alone.
    pub fn of_code(code: &str) -> Self {
        match code {
            "state_err" => Self::Stale,
            "state_cookie_err" => Self::OtherBrowser,
            "callback_err" | "token_err" => Self::ProviderRefused,
            "url_param_err" | "invalid_body" | "invalid_query_params" => Self::Input,
            "integration_not_allowed" => Self::NotAllowed,
            "missing_public_key"
            | "deprecated_authentication"
            | "invalid_connect_session_token_format"
            | "unknown_connect_session_token" => Self::SessionEnded,
            "invalid_connection" => Self::ConnectionGone,
            "connection_test_failed" => Self::CredentialsRefused,
            "provider_config_err"
            | "unknown_config_key"
            | "unknown_provider_config"
            | "unknown_provider_template"
            | "auth_mode_err"
            | "invalid_auth_mode"
            | "grant_type_err"
            | "not_found" => Self::Misconfigured,
            _ => Self::Ours,
        }
    }

    /// The cause behind an exchange with a provider that failed. The provider's own words count
    /// most: their codes are those of RFC 6749 sections 4.1.2.1 and 5.2, with what is common beside
    /// them.
    pub fn of_exchange(error: &AuthError) -> Self {
        let code = error.provider_error.as_deref().unwrap_or_default().to_ascii_lowercase();
        let description = error.provider_description.as_deref().unwrap_or_default();
        let description = description.to_ascii_lowercase();
        let says = |words: &[&str]| {
            words.iter().any(|word| code.contains(word) || description.contains(word))
        };
        if error.provider_status == Some(429) || says(&["slow_down", "rate limit", "too many req"])
        {
            return Self::Busy;
        }
        if says(&["access_denied", "user_denied", "user_cancel", "user denied", "consent_declined"])
        {
            return Self::Declined;
        }
        if says(&["redirect_uri", "redirect uri", "redirect url"]) {
            return Self::RedirectUri;
        }
        if says(&["invalid_scope", "scope"]) {
            return Self::Scope;
        }
        if says(&["clock", "issued in the future", "not yet valid", "timestamp_refused", "(iat)"]) {
            return Self::Clock;
        }
        if error.code == "callback_err" {
            return Self::ProviderRefused;
        }
        if code == "invalid_client" || code == "unauthorized_client" {
            return Self::Client;
        }
        if code == "invalid_grant" {
            return Self::CodeExpired;
        }
        if error.message.contains(UNKNOWN_HOST) {
            return Self::Address;
        }
        match (error.class, error.provider_status) {
            (Class::Transient, _) | (_, Some(500..)) => Self::Unavailable,
            (_, Some(404)) => Self::Address,
            (_, Some(400..=499)) => Self::ProviderRefused,
            _ => Self::of_code(&error.code),
        }
    }

    /// The same, where a person typed the credentials in: then it is they that were refused.
    pub fn of_login(error: &AuthError) -> Self {
        match Self::of_exchange(error) {
            Self::Client | Self::CodeExpired | Self::ProviderRefused => Self::CredentialsRefused,
            other => other,
        }
    }
}

impl Cause {
    /// The cause behind a use case that failed while a form was submitted.
    pub fn of_submission(error: &Error) -> Self {
        match error {
            Error::Invalid(_) => Self::Input,
            Error::Refused { code, .. } => Self::of_code(code),
            Error::CredentialsRejected(message) if message.contains(UNKNOWN_HOST) => Self::Address,
            Error::CredentialsRejected(_) => Self::CredentialsRefused,
            Error::Provider(error) => Self::of_login(error),
            Error::UnknownIntegration(_) | Error::UnknownProvider(_) | Error::NotFound(_) => {
                Self::Misconfigured
            }
            Error::UnknownConnection { .. } => Self::ConnectionGone,
            Error::Conflict(_)
            | Error::NotFresh(_)
            | Error::Store(_)
            | Error::Vault(_)
            | Error::Corrupt(_) => Self::Ours,
        }
    }
}

/// How the outgoing client says that a name does not resolve.
const UNKNOWN_HOST: &str = "could not be resolved";

#[cfg(test)]
mod tests {
    use super::*;

    fn error(class: Class, status: Option<u16>, code: &str, description: &str) -> AuthError {
        let words = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        AuthError {
            provider_status: status,
            provider_error: words(code),
            provider_description: words(description),
            ..AuthError::new(class, "token_err", "The provider refused.")
        }
    }

    #[test]
    fn the_providers_words_say_whose_move_it_is() {
        let cases = [
            ("access_denied", "", Cause::Declined),
            ("invalid_scope", "", Cause::Scope),
            (
                "invalid_request",
                "The redirect_uri MUST match the registered one",
                Cause::RedirectUri,
            ),
            ("redirect_uri_mismatch", "", Cause::RedirectUri),
            ("invalid_client", "", Cause::Client),
            ("invalid_grant", "Code expired", Cause::CodeExpired),
            ("invalid_grant", "Token issued in the future. Check your clock", Cause::Clock),
            ("", "", Cause::ProviderRefused),
        ];
        for (code, description, cause) in cases {
            let error = error(Class::Terminal, Some(400), code, description);
            assert_eq!(Cause::of_exchange(&error), cause, "{code} {description}");
        }
    }

    #[test]
    fn statuses_count_where_words_are_missing() {
        let of = |class, status| Cause::of_exchange(&error(class, status, "", ""));
        assert_eq!(of(Class::Transient, Some(429)), Cause::Busy);
        assert_eq!(of(Class::Transient, Some(503)), Cause::Unavailable);
        assert_eq!(of(Class::Transient, None), Cause::Unavailable);
        assert_eq!(of(Class::Terminal, Some(404)), Cause::Address);
    }

    #[test]
    fn a_typed_login_is_refused_where_a_client_would_be() {
        let refused = error(Class::Ours, Some(401), "invalid_client", "");
        assert_eq!(Cause::of_exchange(&refused), Cause::Client);
        assert_eq!(Cause::of_login(&refused), Cause::CredentialsRefused);
    }

    #[test]
    fn the_name_is_the_one_that_is_serialized() {
        let all = [
            Cause::Declined,
            Cause::ProviderRefused,
            Cause::Scope,
            Cause::RedirectUri,
            Cause::Client,
            Cause::Address,
            Cause::CodeExpired,
            Cause::Clock,
            Cause::Busy,
            Cause::Unavailable,
            Cause::CredentialsRefused,
            Cause::SessionEnded,
            Cause::Stale,
            Cause::OtherBrowser,
            Cause::NotAllowed,
            Cause::Misconfigured,
            Cause::ConnectionGone,
            Cause::Input,
            Cause::Ours,
        ];
        for cause in all {
            assert_eq!(serde_json::to_value(cause).unwrap(), cause.as_str());
        }
    }
}
