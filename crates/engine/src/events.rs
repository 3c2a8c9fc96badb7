//! Composing the events that tell an app what happened to a connection.
//!
//! An event is stored in the transaction of the change it tells of, always: apps may read the feed.
//! The environment's settings only decide where it is delivered, and a destination that is not set
//! when the event happens never gets it.

use serde_json::{Map, Value};
use url::Url;
use valetkey_base::Timestamp;
use valetkey_store::{Event, NewDelivery, NewEvent};

use crate::engine::Engine;
use crate::environment_settings::EnvironmentSettings;
use crate::environments::EnvironmentView;
use crate::webhooks::payload::{AuthEvent, AuthFailure, AuthOperation, EndUser};

/// Digits of the milliseconds in an id. Equal lengths make ids sort by time until the year 5138.
const ID_MILLIS_DIGITS: usize = 14;
/// Random characters of an id.
const ID_RANDOM_CHARACTERS: usize = 12;

/// What happened to the credentials of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AuthEventInput<'a> {
    /// Whose settings apply.
    pub(crate) environment: &'a EnvironmentView,
    /// What was done.
    pub(crate) operation: AuthOperation,
    /// The connection, or the id it would have had.
    pub(crate) connection_id: &'a str,
    /// Its row; none when it was not stored.
    pub(crate) connection_row: Option<i64>,
    /// The integration's key.
    pub(crate) integration_key: &'a str,
    /// Name of the catalogue entry, or [`crate::webhooks::payload::PROVIDER_UNKNOWN`].
    pub(crate) provider: &'a str,
    /// The provider's auth mode, such as `OAUTH2`.
    pub(crate) auth_mode: &'a str,
    /// The connection's tags; none when it was not stored.
    pub(crate) tags: Option<&'a Map<String, Value>>,
    /// The end user in the stored form.
    pub(crate) end_user: Option<&'a Value>,
    /// The connection's own URL; a blank one counts as none.
    pub(crate) webhook_url_override: Option<&'a str>,
    /// Error code and a sentence without secrets. None means success.
    pub(crate) failure: Option<(&'a str, &'a str)>,
}

impl Engine {
    /// The event to be stored beside the change, with the deliveries its environment asks for.
    pub(crate) fn auth_event(&self, input: &AuthEventInput<'_>) -> NewEvent {
        let now = self.clock.now();
        let deliveries = destinations(input)
            .into_iter()
            .map(|url| NewDelivery {
                id: self.sortable_id("dlv", now),
                url: url.to_owned(),
                destination: origin(url),
            })
            .collect();
        let event = Event {
            id: self.sortable_id("evt", now),
            environment_id: input.environment.id,
            connection_row: input.connection_row,
            kind: format!("auth.{}", input.operation.as_str()),
            payload: body(input),
            created_at: now,
        };
        NewEvent { event, deliveries }
    }

    pub(crate) fn sortable_id(&self, prefix: &str, now: Timestamp) -> String {
        let (millis, random) = (now.millis(), self.rng.alphanumeric(ID_RANDOM_CHARACTERS));
        format!("{prefix}_{millis:0ID_MILLIS_DIGITS$}_{random}")
    }
}

/// The connection's own URL alone, or the environment's two. Re-authorizations are always told.
fn destinations<'a>(input: &AuthEventInput<'a>) -> Vec<&'a str> {
    let settings = &input.environment.settings;
    if !is_told(settings, input.operation, input.failure.is_some()) {
        return Vec::new();
    }
    urls_of(settings, input.webhook_url_override)
}

/// Where the events of an environment go: to the connection's own URL alone, or to both others.
pub(crate) fn urls_of<'a>(
    settings: &'a EnvironmentSettings,
    webhook_url_override: Option<&'a str>,
) -> Vec<&'a str> {
    if let Some(url) = not_blank(webhook_url_override) {
        return vec![url];
    }
    let primary = not_blank(settings.webhook_url.as_deref());
    let secondary = not_blank(settings.webhook_url_secondary.as_deref());
    let secondary = secondary.filter(|url| Some(*url) != primary);
    primary.into_iter().chain(secondary).collect()
}

fn is_told(settings: &EnvironmentSettings, operation: AuthOperation, failed: bool) -> bool {
    match operation {
        AuthOperation::Creation => settings.on_auth_creation,
        AuthOperation::Override => true,
        AuthOperation::Refresh if failed => settings.on_auth_refresh_error,
        AuthOperation::Refresh => settings.on_auth_refresh_success,
    }
}

/// Scheme, host and port; of what is no URL, all of it: sending will refuse it.
pub(crate) fn origin(url: &str) -> String {
    Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.origin().ascii_serialization())
}

fn not_blank(url: Option<&str>) -> Option<&str> {
    url.map(str::trim).filter(|url| !url.is_empty())
}

fn body(input: &AuthEventInput<'_>) -> String {
    let none = Map::new();
    let event = AuthEvent {
        operation: input.operation,
        connection_id: input.connection_id,
        provider_config_key: input.integration_key,
        environment: &input.environment.name,
        auth_mode: input.auth_mode,
        provider: input.provider,
        tags: input.tags,
        end_user: input.end_user.and_then(|stored| end_user(stored, &none)),
        failure: input.failure.map(|(kind, description)| AuthFailure { kind, description }),
    };
    event.body()
}

/// Reads the stored form. An end user without an id was never attached by a session.
fn end_user<'a>(stored: &'a Value, none: &'a Map<String, Value>) -> Option<EndUser<'a>> {
    Some(EndUser {
        id: stored["id"].as_str()?,
        email: stored["email"].as_str(),
        organization_id: stored["organization"]["id"].as_str(),
        tags: stored["tags"].as_object().unwrap_or(none),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HOOK: &str = "https://app.example/hook";
    const BACKUP: &str = "https://backup.example/hook";
    const OWN: &str = "https://own.example/hook";

    fn environment(settings: EnvironmentSettings) -> EnvironmentView {
        EnvironmentView {
            id: 1,
            account_id: 1,
            name: "dev".to_owned(),
            uuid: String::new(),
            is_production: false,
            settings,
        }
    }

    fn settings() -> EnvironmentSettings {
        EnvironmentSettings {
            webhook_url: Some(HOOK.to_owned()),
            webhook_url_secondary: Some(BACKUP.to_owned()),
            ..EnvironmentSettings::default()
        }
    }

    fn input(environment: &EnvironmentView, operation: AuthOperation) -> AuthEventInput<'_> {
        AuthEventInput {
            environment,
            operation,
            connection_id: "conn-1",
            connection_row: Some(1),
            integration_key: "github",
            provider: "github",
            auth_mode: "OAUTH2",
            tags: None,
            end_user: None,
            webhook_url_override: None,
            failure: None,
        }
    }

    #[test]
    fn an_event_goes_to_both_urls_or_to_the_connections_own() {
        let environment = environment(settings());
        let event = input(&environment, AuthOperation::Creation);
        assert_eq!(destinations(&event), [HOOK, BACKUP]);
        let own = AuthEventInput { webhook_url_override: Some(OWN), ..event };
        assert_eq!(destinations(&own), [OWN]);
        let blank = AuthEventInput { webhook_url_override: Some(" "), ..event };
        assert_eq!(destinations(&blank), [HOOK, BACKUP]);
    }

    #[test]
    fn an_url_that_is_set_twice_is_told_once_and_a_blank_one_never() {
        let twice = environment(EnvironmentSettings {
            webhook_url_secondary: Some(HOOK.to_owned()),
            ..settings()
        });
        assert_eq!(destinations(&input(&twice, AuthOperation::Creation)), [HOOK]);
        let blank = environment(EnvironmentSettings {
            webhook_url: Some(String::new()),
            webhook_url_secondary: None,
            ..settings()
        });
        assert!(destinations(&input(&blank, AuthOperation::Override)).is_empty());
    }

    #[test]
    fn settings_decide_what_is_told_but_a_reconnect_always_is() {
        let quiet = environment(EnvironmentSettings {
            on_auth_creation: false,
            on_auth_refresh_error: false,
            ..settings()
        });
        let defaults = environment(settings());
        let told = |environment, operation, failure| {
            let event = AuthEventInput { failure, ..input(environment, operation) };
            !destinations(&event).is_empty()
        };
        let failure = Some(("invalid_callback", "No code came back."));
        assert!(!told(&quiet, AuthOperation::Creation, None));
        assert!(!told(&quiet, AuthOperation::Creation, failure));
        assert!(told(&quiet, AuthOperation::Override, None));
        assert!(!told(&quiet, AuthOperation::Refresh, failure));
        assert!(told(&defaults, AuthOperation::Creation, failure));
        assert!(told(&defaults, AuthOperation::Refresh, failure));
        assert!(!told(&defaults, AuthOperation::Refresh, None));
    }

    #[test]
    fn the_stored_end_user_is_told_in_the_events_words() {
        let environment = environment(settings());
        let stored = json!({
            "id": "u-1", "display_name": "Ann", "email": null, "tags": null,
            "organization": {"id": "o-1", "display_name": null},
        });
        let event = AuthEventInput {
            end_user: Some(&stored),
            ..input(&environment, AuthOperation::Creation)
        };
        let told: Value = serde_json::from_str(&body(&event)).unwrap();
        assert_eq!(
            told["endUser"],
            json!({"endUserId": "u-1", "endUserEmail": null, "organizationId": "o-1", "tags": {}})
        );
    }
}
