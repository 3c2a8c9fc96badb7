//! What a finished flow leaves in the connection's configuration.

use serde_json::{Map, Value};

/// Keys that only steer a flow. They never reach the stored configuration.
const FLOW_ONLY: &[&str] = &[
    "oauth_client_id_override",
    "oauth_client_secret_override",
    "oauth_refresh_token_override",
    "oauth_code_verifier",
];

/// The configuration to store after connecting: what the flow learned, under what the session gave.
/// An empty text of the session yields to a learned value. Client overrides are left out, because
/// they moved into the credentials, and `oauth_scopes_override` becomes a list.
pub fn stored_connection_config(
    session: &Map<String, Value>,
    learned: &Map<String, Value>,
) -> Map<String, Value> {
    let mut stored = learned.clone();
    for (name, value) in session {
        if FLOW_ONLY.contains(&name.as_str()) {
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
