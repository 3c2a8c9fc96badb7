use futures::future::join_all;
use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn an_import_answers_with_the_whole_connection() {
    on_each(async |bench: Bench| {
        let answer = bench
            .send(
                "POST /connections",
                json!({
                    "provider_config_key": "github-prod", "connection_id": "ann-github",
                    "credentials": {
                        "type": "OAUTH2", "access_token": "gho_x", "refresh_token": "ghr_y",
                        "expires_at": "2026-03-01T17:00:00Z",
                    },
                    "tags": {"end_user_id": "usr_42"},
                }),
            )
            .await;
        let id = expect(&answer, 201)["id"].to_string();
        let expected = r#"{"id":ID,"connection_id":"ann-github","provider_config_key":"github-prod",
            "provider":"emulator-oauth2","errors":[],"end_user":null,
            "tags":{"end_user_id":"usr_42"},"metadata":{},"connection_config":{},
            "webhook_url_override":null,"created_at":"2026-03-01T09:10:11.120Z",
            "updated_at":"2026-03-01T09:10:11.120Z","last_fetched_at":"2026-03-01T09:10:11.120Z",
            "credentials":{"type":"OAUTH2","access_token":"gho_x","refresh_token":"ghr_y",
            "expires_at":"2026-03-01T17:00:00.000Z","raw":{"type":"OAUTH2",
            "access_token":"gho_x","refresh_token":"ghr_y",
            "expires_at":"2026-03-01T17:00:00.000Z"}}}"#;
        let expected: String = expected.lines().map(str::trim).collect();
        assert_eq!(answer.text, expected.replace("ID", &id));
    })
    .await;
}

#[tokio::test]
async fn every_mode_is_imported_in_its_own_form() {
    on_each(async |bench: Bench| {
        for (key, credentials, answered) in [
            (
                "keyed",
                json!({"type": "API_KEY", "apiKey": "emk_0123456789"}),
                json!({"type": "API_KEY", "apiKey": "emk_0123456789"}),
            ),
            (
                "basic",
                json!({"type": "BASIC", "username": "demo", "password": "emulator-password"}),
                json!({"type": "BASIC", "username": "demo", "password": "emulator-password"}),
            ),
            ("silent", json!({"type": "NONE"}), json!({})),
            (
                "machine",
                json!({
                    "type": "OAUTH2_CC", "token": "t", "client_id": "c", "client_secret": "s",
                    "expires_at": null,
                }),
                json!({
                    "type": "OAUTH2_CC", "token": "t", "client_id": "c", "client_secret": "s",
                    "raw": {
                        "type": "OAUTH2_CC", "token": "t", "client_id": "c", "client_secret": "s",
                    },
                }),
            ),
        ] {
            let body = json!({"provider_config_key": key, "credentials": credentials});
            let made = bench.import(body).await;
            assert_eq!(made["credentials"], answered);
            let id = made["connection_id"].as_str().unwrap();
            assert_eq!(uuid::Uuid::parse_str(id).unwrap().get_version_num(), 4);
        }
    })
    .await;
}

#[tokio::test]
async fn an_import_over_a_connection_keeps_what_it_omits() {
    on_each(async |bench: Bench| {
        let first = bench
            .import_keyed(
                "a",
                json!({
                    "metadata": {"team": "x"}, "connection_config": {"region": "eu"},
                    "webhook_url_override": "https://hooks.example.com/a",
                    "end_user": {"id": "u1", "email": "ann@example.com"}, "tags": {"Plan": "pro"},
                }),
            )
            .await;
        let tags = json!({"end_user_id": "u1", "end_user_email": "ann@example.com", "plan": "pro"});
        assert_eq!(first["tags"], tags);
        let end_user = json!({
            "id": "u1", "display_name": null, "email": "ann@example.com", "tags": null,
            "organization": null,
        });
        assert_eq!(first["end_user"], end_user);
        bench.advance(60);
        let credentials = json!({"type": "API_KEY", "apiKey": "emk_abcdefghij"});
        let second = bench.import_keyed("a", json!({"credentials": credentials})).await;
        assert_eq!(second["credentials"]["apiKey"], "emk_abcdefghij");
        for kept in [
            "id",
            "created_at",
            "metadata",
            "connection_config",
            "webhook_url_override",
            "end_user",
            "tags",
        ] {
            assert_eq!(second[kept], first[kept], "{kept}");
        }
        let cleared = bench
            .import_keyed(
                "a",
                json!({
                    "metadata": {}, "connection_config": {}, "webhook_url_override": "",
                    "tags": {},
                }),
            )
            .await;
        assert_eq!(cleared["metadata"], json!({}));
        assert_eq!(cleared["connection_config"], json!({}));
        assert_eq!(cleared["webhook_url_override"], Value::Null);
        assert_eq!(cleared["tags"], json!({}));
    })
    .await;
}

#[tokio::test]
async fn simultaneous_imports_of_one_id_make_one_row() {
    on_each(async |bench: Bench| {
        let imports = (0..20).map(|_| bench.import_keyed("same", json!({})));
        let made = join_all(imports).await;
        assert!(made.iter().all(|connection| connection["id"] == made[0]["id"]));
        let list = bench.get("/connections").await.json();
        assert_eq!(list["connections"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_import_names_its_fields() {
    on_each(async |bench: Bench| {
        let body = json!({"provider_config_key": "github-prod", "credentials": {"type": "OAUTH2"}});
        let answer = bench.send("POST /connections", body).await;
        assert_eq!(answer.outcome(), (400, "invalid_body".to_owned()));
        let issue = json!([{
            "code": "invalid_type",
            "message": "Invalid input: expected string, received undefined",
            "path": ["credentials", "access_token"],
        }]);
        assert_eq!(answer.json()["error"]["errors"], issue);

        let wrong = [
            (json!({"credentials": {"type": "JWT"}}), "invalid_union credentials/type"),
            (json!({"credentials": "x"}), "invalid_type credentials"),
            (
                json!({"credentials": {"type": "API_KEY", "apiKey": "k", "more": 1}}),
                "unrecognized_keys credentials",
            ),
            (
                json!({"credentials": {"type": "API_KEY", "apiKey": "k".repeat(1025)}}),
                "too_big credentials/apiKey",
            ),
            (json!({"extra": 1}), "unrecognized_keys "),
            (json!({"connection_id": "é"}), "invalid_format connection_id"),
            (json!({"connection_id": "a".repeat(256)}), "too_big connection_id"),
            (json!({"metadata": []}), "invalid_type metadata"),
            (
                json!({"connection_config": {"oauth_scopes_override": "a,b"}}),
                "invalid_type connection_config/oauth_scopes_override",
            ),
            (json!({"webhook_url_override": "nope"}), "invalid_union webhook_url_override"),
            (json!({"webhook_url_override": "http://10.0.0.1/x"}), "custom webhook_url_override"),
            (json!({"end_user": {"id": ""}}), "too_small end_user/id"),
            (json!({"tags": {"1": "x"}}), "invalid_key tags/1"),
            (json!({"metadata": {"a": ["x\0"]}}), "custom metadata/a/0"),
        ];
        for (more, issue) in wrong {
            let mut body = json!({
                "provider_config_key": "keyed",
                "credentials": {"type": "API_KEY", "apiKey": "emk_0123456789"},
            });
            body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
            let answer = bench.send("POST /connections", body).await;
            assert_eq!(answer.outcome(), (400, "invalid_body".to_owned()), "{issue}");
            let (code, path) = issue.split_once(' ').unwrap();
            assert_eq!(answer.issues(), [(code.to_owned(), path.to_owned())], "{}", answer.text);
        }
        assert_eq!(bench.get("/connections").await.text, r#"{"connections":[]}"#);
    })
    .await;
}

#[tokio::test]
async fn an_import_that_does_not_fit_its_integration_is_refused() {
    on_each(async |bench: Bench| {
        let key = json!({"type": "API_KEY", "apiKey": "emk_0123456789"});
        let oauth1 = json!({"type": "OAUTH1", "oauth_token": "t", "oauth_token_secret": "s"});
        let refused = json!({"type": "API_KEY", "apiKey": "wrong_0123456789"});
        for (integration, credentials, status, code) in [
            ("absent", &key, 404, "not_found"),
            ("basic", &key, 400, "invalid_body"),
            ("twitterish", &key, 400, "invalid_body"),
            ("basic", &oauth1, 400, "invalid_body"),
            ("keyed", &refused, 400, "connection_test_failed"),
        ] {
            let body = json!({"provider_config_key": integration, "credentials": credentials});
            let answer = bench.send("POST /connections", body).await;
            assert_eq!(answer.outcome(), (status, code.to_owned()), "{}", answer.text);
            assert_eq!(answer.json()["error"]["errors"], Value::Null);
            assert!(!answer.text.contains("0123456789"), "{}", answer.text);
        }
    })
    .await;
}
