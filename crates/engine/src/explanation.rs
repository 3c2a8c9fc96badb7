//! What a failed operation means: what happened, whose move it is, and what to do, in sentences.

mod call;
mod grant;

use serde::Serialize;
use serde_json::Value;
use valetkey_auth::{AuthError, Class};

pub use grant::Suspect;

use crate::connect::Cause;
use crate::engine::Engine;
use crate::error::Result;
use crate::logs::{Operation, OperationFilter};

/// A failure, explained.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// What happened.
    pub what: String,
    /// Whose move it is.
    pub who: &'static str,
    /// What they can do.
    pub next: &'static str,
    /// For a grant that a provider does not accept any more: what may be behind it, the most likely
    /// first.
    pub suspects: Vec<Suspect>,
    /// What the provider said, as it said it.
    pub provider_status: Option<u16>,
    /// Its error code.
    pub provider_error: Option<String>,
    /// Its own sentence.
    pub provider_description: Option<String>,
}

const CUSTOMER: &str = "Your customer";
const YOU: &str = "You, in the integration's settings";
const DEVELOPERS: &str = "Your app's developers";
const NOBODY: &str = "Nobody for now";
const OPERATORS: &str = "Whoever runs this server";

/// An error as the log keeps it; see `operations::error_json`.
fn logged_error(text: Option<&str>) -> Option<AuthError> {
    let value: Value = serde_json::from_str(text?).ok()?;
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    let class = match value["class"].as_str() {
        Some("transient") => Class::Transient,
        Some("terminal") => Class::Terminal,
        _ => Class::Ours,
    };
    let status = value["provider_status"].as_u64().and_then(|status| u16::try_from(status).ok());
    Some(AuthError {
        provider_status: status,
        provider_error: text("provider_error"),
        provider_description: text("provider_description"),
        ..AuthError::new(
            class,
            &text("code").unwrap_or_default(),
            text("message").unwrap_or_default(),
        )
    })
}

/// Whether the provider was asked and said no, or did not answer.
fn is_exchange(error: &AuthError) -> bool {
    error.provider_status.is_some()
        || error.provider_error.is_some()
        || error.provider_description.is_some()
        || error.class != Class::Ours
}

fn cause_of(error: &AuthError) -> Cause {
    if is_exchange(error) { Cause::of_exchange(error) } else { Cause::of_code(&error.code) }
}

/// What happened, whose move it is and what to do.
type Sentences = (&'static str, &'static str, &'static str);

/// Where the person at the browser, or the provider, has the next move.
fn at_connecting(cause: Cause) -> Sentences {
    match cause {
        Cause::Declined => (
            "The person said no on the provider's page.",
            CUSTOMER,
            "If it was a mistake, they can connect again.",
        ),
        Cause::Address => (
            "Nothing of the provider answers at the address that belongs to the account.",
            CUSTOMER,
            "They should check the subdomain, region or host they entered, and connect again.",
        ),
        Cause::CodeExpired => (
            "What the provider handed out was too old, or had been used already.",
            CUSTOMER,
            "They can connect again; reloading the last page does not help.",
        ),
        Cause::Busy => (
            "The provider asks for fewer requests.",
            NOBODY,
            "Try again in some minutes. If it stays, ask the provider for a higher limit.",
        ),
        Cause::Unavailable => (
            "The provider did not answer, or said that it is down.",
            NOBODY,
            "Try again later. The provider's status page may say more.",
        ),
        Cause::CredentialsRefused => (
            "The provider did not accept the credentials that were entered.",
            CUSTOMER,
            "They should check them at the provider and enter them again.",
        ),
        Cause::Stale => (
            "The way back from the provider was unknown, too late, or taken a second time.",
            CUSTOMER,
            "They can connect again.",
        ),
        Cause::OtherBrowser => (
            "The way back came in another browser than the one that began, or without its cookie.",
            CUSTOMER,
            "They should begin and end in one browser that keeps cookies of this server.",
        ),
        Cause::ProviderRefused => (
            "The provider refused, for a reason of its own.",
            YOU,
            "Read its answer below; most often the app at the provider lacks a setting.",
        ),
        other => at_set_up(other),
    }
}

/// Where the app or this server has to be set up otherwise.
fn at_set_up(cause: Cause) -> Sentences {
    match cause {
        Cause::Scope => (
            "The provider does not know or does not grant the permissions that were asked for.",
            YOU,
            "Compare the scopes of the integration with those the app has at the provider.",
        ),
        Cause::RedirectUri => (
            "The provider does not know the address it was to send the browser back to.",
            YOU,
            "Register this server's callback address with the app at the provider, letter by letter.",
        ),
        Cause::Client => (
            "The provider does not accept the app's client id or secret.",
            YOU,
            "Copy both again from the provider, and check that the app there is active.",
        ),
        Cause::Clock => (
            "The clocks of this server and of the provider disagree.",
            OPERATORS,
            "Set the server's clock by NTP, then connect again.",
        ),
        Cause::SessionEnded => (
            "The connect session was over.",
            DEVELOPERS,
            "Make a new session each time somebody opens Connect; one lasts for half an hour.",
        ),
        Cause::NotAllowed => (
            "The connect session does not allow this integration.",
            DEVELOPERS,
            "Name the integration in `allowed_integrations` of the session.",
        ),
        Cause::Misconfigured => (
            "The integration, or its provider's entry, is not set up completely.",
            YOU,
            "Open the integration and fill in what is missing.",
        ),
        Cause::ConnectionGone => (
            "The connection that was to be repaired is gone.",
            DEVELOPERS,
            "Make a session for a new connection.",
        ),
        Cause::Input => {
            ("A value that was sent is not right.", DEVELOPERS, "The message below names it.")
        }
        _ => (
            "Something failed in this server.",
            OPERATORS,
            "The server's own log has the reason. Trying again may help.",
        ),
    }
}

fn at_refreshing(cause: Cause, is_terminal: bool) -> Sentences {
    match cause {
        Cause::CodeExpired => (
            "The provider does not accept the refresh token any more.",
            CUSTOMER,
            "They have to connect again. Make a reconnect link from the connection's page.",
        ),
        Cause::Client => (
            "The provider does not accept the app's client id or secret, so nothing of this \
             integration can be refreshed.",
            YOU,
            "Enter the client id and secret that are valid at the provider. The connections then \
             refresh by themselves.",
        ),
        Cause::Busy => (
            "The provider asks for fewer requests.",
            NOBODY,
            "It is tried again later by itself, after the pause the provider asked for.",
        ),
        Cause::Unavailable => (
            "The provider did not answer, or said that it is down.",
            NOBODY,
            "It is tried again by itself, with growing pauses. The present token is served as long \
             as it lives.",
        ),
        Cause::Scope => (
            "The provider does not grant the permissions any more.",
            CUSTOMER,
            "Compare the integration's scopes with the app at the provider, then have them connect \
             again.",
        ),
        Cause::Ours | Cause::Misconfigured if !is_terminal => (
            "The refresh failed because of how this server or the integration is set up.",
            YOU,
            "Correct what the message says. It is tried again by itself.",
        ),
        Cause::ProviderRefused | Cause::Ours if is_terminal => (
            "The provider refused to refresh, and will refuse again.",
            CUSTOMER,
            "They have to connect again. Make a reconnect link from the connection's page.",
        ),
        other => at_connecting(other),
    }
}

/// A provider's webhook that was not taken.
fn of_incoming(code: &str) -> Sentences {
    match code {
        "webhook_missing_secret" => (
            "There is no secret to tell the provider's webhooks from anybody else's.",
            YOU,
            "Enter the webhook secret there. The provider will most likely send this one again.",
        ),
        "webhook_secret_not_expected" => (
            "The provider brought a signing secret, and nobody waited for one.",
            YOU,
            "Let the integration wait for a secret, then create the webhook again.",
        ),
        "webhook_missing_signature" => (
            "The webhook was not signed: it came from somebody else, or signing is off.",
            YOU,
            "Turn signing on at the provider, with the secret that is stored here.",
        ),
        _ => (
            "The webhook's signature does not fit the secret, or it is too old.",
            YOU,
            "Enter the secret that the provider shows now. If it is right, compare the clocks.",
        ),
    }
}

fn of_webhook(status: Option<u16>) -> Sentences {
    match status {
        Some(401 | 403) => (
            "The receiver refused the webhook: it did not trust it.",
            DEVELOPERS,
            "Compare the signing secret of the receiver with the one in the environment's settings.",
        ),
        Some(404 | 410) => (
            "Nothing is at the webhook's address.",
            DEVELOPERS,
            "Correct the URL in the environment's settings, then send the delivery again.",
        ),
        Some(500..) => (
            "The receiver failed while it handled the webhook.",
            DEVELOPERS,
            "Look into the receiver's log. Retries follow by themselves; after that, send it again.",
        ),
        Some(_) => (
            "The receiver refused the webhook.",
            DEVELOPERS,
            "Its answer is in the message below. Correct the receiver, then send it again.",
        ),
        None => (
            "The webhook did not reach its receiver.",
            DEVELOPERS,
            "Check the address and that it can be reached from this server. Retries follow.",
        ),
    }
}

impl Engine {
    /// What a failed operation means; `None` for one that did not fail.
    pub async fn explain(&self, operation: &Operation) -> Result<Option<Explanation>> {
        let Some(error) = logged_error(operation.error.as_deref()) else {
            return Ok(unfinished(operation));
        };
        let mut suspects = Vec::new();
        let (what, who, next) = match (operation.kind.as_str(), operation.action.as_str()) {
            ("webhook", "incoming") => of_incoming(&error.code),
            ("webhook", _) => of_webhook(status_in(&error.message)),
            ("proxy", _) => call::of_call(&error.code, error.provider_status),
            (_, "refresh_token") => {
                let cause = cause_of(&error);
                if cause == Cause::CodeExpired {
                    suspects = grant::suspects(&error, &self.evidence(operation).await?);
                }
                at_refreshing(cause, error.class == Class::Terminal)
            }
            _ => at_connecting(cause_of(&error)),
        };
        Ok(Some(Explanation {
            what: what.to_owned(),
            who,
            next,
            suspects,
            provider_status: error.provider_status,
            provider_error: error.provider_error,
            provider_description: error.provider_description,
        }))
    }

    /// What the log and the rows tell about a connection before an operation.
    async fn evidence(&self, operation: &Operation) -> Result<grant::Evidence> {
        let before = OperationFilter {
            environment_id: operation.environment_id,
            kind: Some("auth".to_owned()),
            state: Some("success".to_owned()),
            integration_key: operation.integration_key.clone(),
            connection_id: operation.connection_id.clone(),
            until: Some(operation.created_at),
            ..OperationFilter::default()
        };
        let newest = async |filter: &OperationFilter| -> Result<_> {
            let page = self.store.operation_page(filter, None, 1).await?;
            Ok(page.rows.first().map(|row| row.ended_at.unwrap_or(row.created_at)))
        };
        let is_known = operation.connection_id.is_some();
        let worked = if is_known { newest(&before).await? } else { None };
        let authorizing =
            OperationFilter { action: Some("create_connection".to_owned()), ..before };
        let authorized = if is_known { newest(&authorizing).await? } else { None };
        let integration = match &operation.integration_key {
            Some(key) => self.store.integration_by_key(operation.environment_id, key).await?,
            None => None,
        };
        Ok(grant::Evidence {
            failed: operation.created_at,
            worked,
            authorized,
            changed: integration.map(|row| row.updated_at),
        })
    }
}

/// The status in the sentence of a failed delivery.
fn status_in(message: &str) -> Option<u16> {
    message
        .split(|letter: char| !letter.is_ascii_digit())
        .filter(|digits| digits.len() == 3)
        .find_map(|digits| digits.parse().ok().filter(|status| (300..600).contains(status)))
}

/// What became of an operation that nobody ended.
fn unfinished(operation: &Operation) -> Option<Explanation> {
    let (what, who, next) = match operation.state.as_str() {
        "cancelled" => (
            "Nobody came to the end of it: the window was closed, or the session ran out.",
            NOBODY,
            "Nothing was stored. If a customer is stuck, send them a new connect link.",
        ),
        "timeout" => (
            "It was not finished in time.",
            OPERATORS,
            "The server may have been stopped meanwhile. What is due is tried again by itself.",
        ),
        _ => return None,
    };
    Some(Explanation {
        what: what.to_owned(),
        who,
        next,
        suspects: Vec::new(),
        provider_status: None,
        provider_error: None,
        provider_description: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_delivery_is_in_its_sentence() {
        assert_eq!(status_in("the receiver answered 503"), Some(503));
        assert_eq!(status_in("HTTP 401 Unauthorized"), Some(401));
        assert_eq!(status_in("could not connect to 127.0.0.1:8080"), None);
    }
}
