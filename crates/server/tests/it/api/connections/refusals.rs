//! What every endpoint refuses: callers without right, other tenants, broken bodies.

use serde_json::{Value, json};

use super::*;

/// Each endpoint with a valid call, the scope it needs, and what another tenant is told.
fn calls() -> Vec<(&'static str, Value, &'static str, (u16, &'static str))> {
    let import = json!({
        "provider_config_key": "keyed", "connection_id": "c",
        "credentials": {"type": "API_KEY", "apiKey": "emk_0123456789"},
    });
    let flat = json!({"provider_config_key": "keyed", "connection_id": "c", "api_key": "k"});
    let metadata = json!({
        "connection_id": "c", "provider_config_key": "keyed", "metadata": {"stolen": true},
    });
    vec![
        ("GET /connections", Value::Null, "list", (200, "-")),
        ("GET /connection", Value::Null, "list", (200, "-")),
        ("POST /connections", import, "create", (404, "not_found")),
        ("POST /connection", flat, "create", (400, "unknown_provider_config")),
        (
            "GET /connections/c?provider_config_key=keyed",
            Value::Null,
            "read",
            (400, "unknown_provider_config"),
        ),
        (
            "PATCH /connections/c?provider_config_key=keyed",
            json!({"tags": {"stolen": "1"}}),
            "update",
            (400, "unknown_provider_config"),
        ),
        ("POST /connections/metadata", metadata.clone(), "update", (404, "unknown_connection")),
        ("PATCH /connections/metadata", metadata, "update", (404, "unknown_connection")),
        (
            "POST /connection/c/metadata?provider_config_key=keyed",
            json!({}),
            "update",
            (404, "unknown_connection"),
        ),
        (
            "DELETE /connections/c?provider_config_key=keyed",
            Value::Null,
            "delete",
            (400, "unknown_connection"),
        ),
    ]
}

#[tokio::test]
async fn callers_without_right_are_refused() {
    on_each(async |bench: Bench| {
        bench.import_keyed("c", json!({})).await;
        let scopes = ["list", "create", "read", "update", "delete"];
        let other_tenant = bench.key_with("prod", &["environment:*"]).await;
        for (line, body, scope, foreign) in calls() {
            let answer = bench.send_as("", line, body.clone()).await;
            assert_eq!(answer.outcome(), (401, "missing_auth_header".to_owned()), "{line}");
            let unknown = "00000000-0000-4000-8000-000000000000";
            let answer = bench.send_as(unknown, line, body.clone()).await;
            assert_eq!(answer.outcome(), (401, "unknown_account".to_owned()), "{line}");
            let held: Vec<String> = scopes
                .iter()
                .filter(|held| **held != scope)
                .map(|held| format!("environment:connections:{held}"))
                .collect();
            let held: Vec<&str> = held.iter().map(String::as_str).collect();
            let key = bench.key_with("dev", &held).await;
            let answer = bench.send_as(&key, line, body.clone()).await;
            assert_eq!(answer.outcome(), (403, "forbidden".to_owned()), "{line}");
            assert!(answer.text.contains(&format!("environment:connections:{scope}")));
            let answer = bench.send_as(&other_tenant, line, body).await;
            assert_eq!(answer.outcome(), (foreign.0, foreign.1.to_owned()), "{line}");
            assert!(!answer.text.contains("emk_"), "{line}");
        }
        let list = bench.send_as(&other_tenant, "GET /connections", Value::Null).await;
        assert_eq!(list.text, r#"{"connections":[]}"#);
        let kept = expect(&bench.get("/connections/c?provider_config_key=keyed").await, 200);
        assert_eq!((&kept["tags"], &kept["metadata"]), (&json!({}), &json!({})));
    })
    .await;
}

#[tokio::test]
async fn broken_bodies_are_refused_everywhere() {
    on_each(async |bench: Bench| {
        for (line, body, _, _) in calls() {
            if body.is_null() {
                continue;
            }
            for text in ["{", "\"abc\"", "null", " "] {
                let answer = bench.send_text(&bench.app.api_key, line, &[], text).await;
                assert_eq!(answer.outcome(), (400, "invalid_json".to_owned()), "{line} {text}");
            }
            let nul = json!({"metadata": "\0"}).to_string();
            let answer = bench.send_text(&bench.app.api_key, line, &[], &nul).await;
            assert_eq!(answer.outcome(), (400, "invalid_body".to_owned()), "{line}");
            let large = json!({"metadata": "x".repeat(5 * 1024 * 1024)}).to_string();
            let answer = bench.send_text(&bench.app.api_key, line, &[], &large).await;
            assert_eq!(answer.outcome(), (413, "payload_too_large".to_owned()), "{line}");
        }
    })
    .await;
}
