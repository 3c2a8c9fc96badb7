use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn a_connection_is_read_with_its_credentials() {
    on_each(async |bench: Bench| {
        let made = bench.import_keyed("conn-1", json!({"metadata": {"b": 1, "a": null}})).await;
        bench.advance(60);
        let expected = r#"{"id":ID,"connection_id":"conn-1","provider_config_key":"keyed","provider":"emulator-api-key","errors":[],"end_user":null,"tags":{},"metadata":{"b":1,"a":null},"connection_config":{},"webhook_url_override":null,"created_at":"2026-03-01T09:10:11.120+00:00","updated_at":"2026-03-01T09:10:11.120+00:00","last_fetched_at":"2026-03-01T09:11:11.120+00:00","credentials":{"type":"API_KEY","apiKey":"emk_0123456789"}}"#;
        let expected = expected.replace("ID", &made["id"].to_string());
        // What the Node SDK sends, and older paths.
        let flags = "force_refresh=false&refresh_token=false&refresh_github_app_jwt_token=false";
        for path in [
            format!("/connections/conn-1?provider_config_key=keyed&{flags}"),
            "/connection/conn-1?provider_config_key=keyed&force_refresh=NO".to_owned(),
            "/CONNECTIONS/conn-1/?provider_config_key=keyed".to_owned(),
        ] {
            assert_eq!(bench.get(&path).await.text, expected, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn odd_ids_survive_the_path() {
    on_each(async |bench: Bench| {
        let id = r#"a/b \"c'{d}|e+f[g]$,;:=~@."#;
        bench.import_keyed(id, json!({})).await;
        let encoded = percent_encode(id.as_bytes(), NON_ALPHANUMERIC);
        let path = format!("/connections/{encoded}?provider_config_key=keyed");
        assert_eq!(expect(&bench.get(&path).await, 200)["connection_id"], id);
    })
    .await;
}

#[tokio::test]
async fn refresh_tokens_leave_only_when_asked_for() {
    on_each(async |bench: Bench| {
        let raw = json!({"refresh_token": "r1", "user": [{"REFRESH-TOKEN": "r2", "id": 1}]});
        let config = json!({"refreshToken": "r3", "deep": {"Refresh_Token_": "r4", "kept": true}});
        let made = bench
            .send(
                "POST /connection",
                json!({
                    "provider_config_key": "github-prod", "connection_id": "c",
                    "access_token": "t", "refresh_token": "r5", "no_expiration": true, "raw": raw,
                    "connection_config": config, "metadata": {"refresh_token": "mine"},
                }),
            )
            .await;
        expect(&made, 201);
        let read = expect(&bench.read("c", "").await, 200);
        let credentials = json!({
            "type": "OAUTH2", "access_token": "t", "raw": {"user": [{"id": 1}]},
        });
        assert_eq!(read["credentials"], credentials);
        assert_eq!(read["connection_config"], json!({"deep": {"kept": true}}));
        assert_eq!(read["metadata"], json!({"refresh_token": "mine"}));
        let whole = expect(&bench.read("c", "&refresh_token=true").await, 200);
        assert_eq!(whole["credentials"]["refresh_token"], "r5");
        assert_eq!(whole["credentials"]["raw"], raw);
        assert_eq!(whole["connection_config"], config);
    })
    .await;
}

#[tokio::test]
async fn without_the_scope_credentials_stay_hidden_and_untouched() {
    on_each(async |bench: Bench| {
        bench.import_living("c").await;
        bench.advance(600);
        let key = bench.key_with("dev", &["environment:connections:read"]).await;
        let path = "GET /connections/c?provider_config_key=github-prod";
        let read = expect(&bench.send_as(&key, path, Value::Null).await, 200);
        assert_eq!(read["credentials"], json!({}));
        assert_eq!(read["last_fetched_at"], "2026-03-01T09:10:11.120+00:00");
        assert_eq!(bench.refreshes(), 0);
        for flag in ["refresh_token", "force_refresh", "refresh_github_app_jwt_token"] {
            let line = format!("{path}&{flag}=yes");
            let answer = bench.send_as(&key, &line, Value::Null).await;
            assert_eq!(answer.outcome(), (403, "forbidden".to_owned()));
            assert!(answer.text.contains("environment:connections:read_credentials"));
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_said_by_its_kind() {
    on_each(async |bench: Bench| {
        for (path, code, status) in [
            ("/connections/c?provider_config_key=absent", "unknown_provider_config", 400),
            ("/connections/c?provider_config_key=keyed", "not_found", 404),
            ("/connections/c", "invalid_query_params", 400),
            ("/connections/c?provider_config_key=keyed&x=1", "invalid_query_params", 400),
            ("/connections/c?provider_config_key=%C3%A9", "invalid_query_params", 400),
            (
                "/connections/c?provider_config_key=keyed&force_refresh=",
                "invalid_query_params",
                400,
            ),
            ("/connections/%C3%A9?provider_config_key=keyed", "invalid_uri_params", 400),
            ("/connections/%00?provider_config_key=keyed", "invalid_uri_params", 400),
            ("/connections/%E0%A4%A?provider_config_key=keyed", "invalid_uri_params", 400),
        ] {
            assert_eq!(bench.get(path).await.outcome(), (status, code.to_owned()), "{path}");
        }
    })
    .await;
}
