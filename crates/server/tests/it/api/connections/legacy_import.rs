use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn the_flat_import_echoes_its_body_and_the_id() {
    on_each(async |bench: Bench| {
        let body = json!({
            "provider_config_key": "github-prod", "access_token": "gho_x", "no_expiration": true,
        });
        let answer = bench.send("POST /connection", body).await;
        let id = expect(&answer, 201)["connection_id"].as_str().unwrap().to_owned();
        let echo = r#"{"provider_config_key":"github-prod","access_token":"gho_x","no_expiration":true,"connection_id":"ID"}"#;
        assert_eq!(answer.text, echo.replace("ID", &id));
        let read = bench.read(&id, "").await.json();
        assert_eq!(read["credentials"]["access_token"], "gho_x");
        assert_eq!(read["credentials"]["expires_at"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn every_mode_has_its_flat_fields() {
    on_each(async |bench: Bench| {
        for (body, stored) in [
            (
                json!({
                    "provider_config_key": "github-prod", "access_token": "t",
                    "refresh_token": "r", "expires_in": "3600", "oauth_client_id_override": "c",
                    "oauth_client_secret_override": "s", "raw": {"scope": "a"},
                    "connection_config": {"oauth_scopes_override": "a, b"}, "unknown": 1,
                }),
                json!({
                    "type": "OAUTH2", "access_token": "t", "refresh_token": "r",
                    "expires_at": "2026-03-01T10:10:11.120Z",
                    "config_override": {"client_id": "c", "client_secret": "s"},
                    "raw": {"scope": "a"},
                }),
            ),
            (
                json!({
                    "provider_config_key": "machine", "access_token": "t",
                    "oauth_client_id_override": "c", "oauth_client_secret_override": "s",
                }),
                json!({
                    "type": "OAUTH2_CC", "token": "t", "client_id": "c", "client_secret": "s",
                    "expires_at": "2026-03-01T10:05:11.120Z",
                    "raw": {
                        "type": "OAUTH2_CC", "token": "t", "client_id": "c", "client_secret": "s",
                        "expires_at": "2026-03-01T10:05:11.120Z",
                    },
                }),
            ),
            (
                json!({"provider_config_key": "keyed", "api_key": "any key is taken unseen"}),
                json!({"type": "API_KEY", "apiKey": "any key is taken unseen"}),
            ),
            (
                json!({"provider_config_key": "basic", "username": "u"}),
                json!({"type": "BASIC", "username": "u", "password": ""}),
            ),
            (json!({"provider_config_key": "silent"}), json!({})),
        ] {
            let made = expect(&bench.send("POST /connection", body.clone()).await, 201);
            let (key, id) = (&made["provider_config_key"], &made["connection_id"]);
            let path = format!(
                "/connection/{}?provider_config_key={}&refresh_token=true",
                id.as_str().unwrap(),
                key.as_str().unwrap()
            );
            let read = expect(&bench.get(&path).await, 200);
            assert_eq!(read["credentials"], stored);
            if body.get("connection_config").is_some() {
                let config = json!({"oauth_scopes_override": ["a", "b"]});
                assert_eq!(read["connection_config"], config);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn each_thing_missing_has_its_code() {
    on_each(async |bench: Bench| {
        let token = |more: Value| {
            let mut body = json!({"provider_config_key": "github-prod", "access_token": "t"});
            body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
            body
        };
        let of = |key: &str| json!({"provider_config_key": key});
        for (body, code) in [
            (Value::Null, "missing_provider_config"),
            (json!({"access_token": "t"}), "missing_provider_config"),
            (of("absent"), "unknown_provider_config"),
            (of("github-prod"), "missing_access_token"),
            (of("machine"), "missing_access_token"),
            (token(json!({})), "missing_expires_at"),
            (token(json!({"expires_at": "soon"})), "invalid_expires_at"),
            (token(json!({"expires_in": "soon"})), "invalid_expires_at"),
            (token(json!({"webhook_url_override": "nope"})), "invalid_body"),
            (token(json!({"webhook_url_override": "http://10.0.0.1"})), "invalid_body"),
            (token(json!({"connection_id": "é", "no_expiration": true})), "invalid_body"),
            (of("basic"), "missing_basic_username"),
            (of("keyed"), "missing_api_key"),
            (of("twitterish"), "missing_oauth_token"),
        ] {
            let answer = bench.send("POST /connection", body).await;
            assert_eq!(answer.outcome(), (400, code.to_owned()), "{}", answer.text);
        }
        let unknown = bench.send("POST /connection", of("absent")).await.json();
        let payload = json!({"providerConfigKey": "absent", "environmentName": "dev"});
        assert_eq!(unknown["error"]["payload"], payload);
        let long = json!({"provider_config_key": "keyed", "api_key": "k".repeat(1025)});
        let answer = bench.send("POST /connection", long).await;
        assert_eq!(answer.issues(), [("too_big".to_owned(), "api_key".to_owned())]);
    })
    .await;
}
