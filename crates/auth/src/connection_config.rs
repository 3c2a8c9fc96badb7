//! What a finished flow leaves in the connection's configuration.

use serde_json::{Map, Value};

/// Keys that only steer a flow. They never reach the stored configuration.
const FLOW_ONLY: &[&str] = &[
    "oauth_client_id_override",
    "oauth_client_secret_override",
    "oauth_refresh_token_override",
    "oauth_code_verifier",
];

/// What a flow proved or was given by the provider, over whatever the session says.
const PROVEN: &[&str] = &[
    "app_id",
    "external_id",
    "installation_id",
    "jwtToken",
    "oauth_client_id",
    "oauth_client_info",
    "oauth_metadata",
    "oauth_resource_url",
    "pending",
    "pendingLog",
    "region",
    "role_arn",
    "service",
    "userCredentials",
    "userCredentialsError",
];

/// Members of a stored configuration that are secrets, because clients look for them there. A caller
/// that may not read credentials may not read them either.
const SECRETS: &[&str] = &[
    "botFrameworkAccessToken",
    "jwtToken",
    "oauth_client_info",
    "oauth_client_secret",
    "oauth_code_verifier",
    "sharepointAccessToken",
    "userCredentials",
];

/// Takes the secrets out of a stored configuration.
pub fn strip_config_secrets(config: &mut Map<String, Value>) {
    config.retain(|name, _| !SECRETS.contains(&name.as_str()));
}

/// Lays new values over stored ones; a `null` removes.
pub fn merge_config(stored: &mut Map<String, Value>, new: Map<String, Value>) {
    for (name, value) in new {
        if value.is_null() {
            stored.shift_remove(&name);
        } else {
            stored.insert(name, value);
        }
    }
}

/// The configuration to store after connecting: what the flow learned, under what the session gave.
/// An empty text of the session yields to a learned value, and everything to what was proven. Client overrides are left out, because
/// they moved into the credentials, and `oauth_scopes_override` becomes a list.
pub fn stored_connection_config(
    session: &Map<String, Value>,
    learned: &Map<String, Value>,
) -> Map<String, Value> {
    let mut stored = learned.clone();
    for (name, value) in session {
        let is_proven = PROVEN.contains(&name.as_str()) && learned.contains_key(name);
        if FLOW_ONLY.contains(&name.as_str()) || is_proven {
            continue;
        }
        if value.as_str() == Some("") && stored.contains_key(name) {
            continue;
        }
        let value = match value {
            Value::String(text) if name == "oauth_scopes_override" => {
                text.split(',').map(str::trim).filter(|scope| !scope.is_empty()).collect()
            }
            value => value.clone(),
        };
        stored.insert(name.clone(), value);
    }
    stored
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_proven_wins_and_null_removes() {
        let session = json!({"installation_id": "1", "a": "b"});
        let learned = json!({"installation_id": "2", "pending": null});
        let new =
            stored_connection_config(session.as_object().unwrap(), learned.as_object().unwrap());
        let mut stored = json!({"pending": true, "kept": 1}).as_object().unwrap().clone();
        merge_config(&mut stored, new);
        assert_eq!(Value::Object(stored), json!({"kept": 1, "installation_id": "2", "a": "b"}));
    }

    #[test]
    fn secrets_are_taken_out_by_name() {
        let mut config =
            json!({"installation_id": "1", "handle": "octo"}).as_object().unwrap().clone();
        let open = config.clone();
        for name in SECRETS {
            config.insert((*name).to_owned(), json!({"access_token": "hush"}));
        }
        strip_config_secrets(&mut config);
        assert_eq!(config, open);
    }

    #[test]
    fn the_session_wins_unless_it_is_empty() {
        let session = json!({
            "subdomain": "acme", "instance_url": "", "oauth_scopes_override": "a, b",
            "oauth_client_secret_override": "hush", "empty": ""
        });
        let learned =
            json!({"instance_url": "https://i.test", "subdomain": "other", "team.id": "T1"});
        let stored =
            stored_connection_config(session.as_object().unwrap(), learned.as_object().unwrap());
        assert_eq!(
            Value::Object(stored),
            json!({
                "instance_url": "https://i.test", "subdomain": "acme", "team.id": "T1",
                "oauth_scopes_override": ["a", "b"], "empty": ""
            })
        );
    }
}
