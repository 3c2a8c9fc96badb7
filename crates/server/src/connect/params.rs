//! What a browser may say in the query string when it connects. None of it is trusted: the engine
//! checks it against the provider and lays the session's presets over it.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::{ApiError, Part};
use crate::query;
use crate::schema::Issue;

/// Overrides of the OAuth client; they travel as connection configuration.
const CLIENT_OVERRIDES: [&str; 2] = ["oauth_client_id_override", "oauth_client_secret_override"];
/// Means something only beside an override of the client.
const REFRESH_TOKEN_OVERRIDE: &str = "oauth_refresh_token_override";

/// `params[…]`: the connection's configuration. Only plain texts count, and where webhooks go is
/// not for browsers to say.
pub(crate) fn connection_config(query: &Map<String, Value>) -> Map<String, Value> {
    let mut config = texts(query, "params");
    config.shift_remove("webhook_url");
    config
}

/// `params[…]` with the overrides of `credentials[…]`.
pub(crate) fn config_with_overrides(query: &Map<String, Value>) -> Map<String, Value> {
    let mut config = connection_config(query);
    let mut given = texts(query, "credentials");
    let mut has_client = false;
    for name in CLIENT_OVERRIDES {
        if let Some(value) = given.shift_remove(name) {
            config.insert(name.to_owned(), value);
            has_client = true;
        }
    }
    if let Some(value) = given.shift_remove(REFRESH_TOKEN_OVERRIDE).filter(|_| has_client) {
        config.insert(REFRESH_TOKEN_OVERRIDE.to_owned(), value);
    }
    config
}

/// `authorization_params[…]`: parameters for the provider's authorization page.
pub(crate) fn authorization_params(query: &Map<String, Value>) -> Map<String, Value> {
    texts(query, "authorization_params")
}

/// The id under which a browser waits for the outcome. Anything but a UUID is nobody's.
pub(crate) fn client_id(text: &str) -> Option<String> {
    Uuid::try_parse(text).ok().map(|id| id.to_string())
}

/// A connect session says itself which connection is meant.
pub(crate) fn refuse_connection_id(query: &Map<String, Value>) -> Result<(), ApiError> {
    if query::first(query, "connection_id").is_none() {
        return Ok(());
    }
    let message = "A connect session chooses the connection id; leave connection_id out";
    let issue = Issue::custom(message, &["connection_id"]);
    Err(ApiError::validation(Part::Query, vec![issue]))
}

fn texts(query: &Map<String, Value>, name: &str) -> Map<String, Value> {
    let members = query.get(name).and_then(Value::as_object);
    members
        .into_iter()
        .flatten()
        .filter(|(_, value)| value.is_string())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(raw: &str) -> Map<String, Value> {
        query::parse(raw).unwrap()
    }

    #[test]
    fn only_plain_texts_are_taken_and_no_webhook_url() {
        let query =
            parsed("params[a]=1+%26&params%5Bb%5D=2&params[c][]=x&params[webhook_url]=u&q=1");
        assert_eq!(Value::Object(connection_config(&query)), json!({"a": "1 &", "b": "2"}));
        assert!(connection_config(&parsed("params=text")).is_empty());
    }

    #[test]
    fn a_refresh_token_needs_a_client_beside_it() {
        let alone = parsed("credentials[oauth_refresh_token_override]=r");
        assert!(config_with_overrides(&alone).is_empty());
        let both = parsed(
            "credentials[oauth_client_id_override]=i%26&credentials[oauth_refresh_token_override]=r\
             &credentials[other]=x",
        );
        let expected =
            json!({"oauth_client_id_override": "i&", "oauth_refresh_token_override": "r"});
        assert_eq!(Value::Object(config_with_overrides(&both)), expected);
    }

    #[test]
    fn waiting_ids_are_uuids() {
        let id = "0E3A5A1E-6D6B-4A8F-9C70-1B7B6D1E2F3A";
        assert_eq!(client_id(id), Some(id.to_ascii_lowercase()));
        assert_eq!(client_id("anything else"), None);
    }
}
