use serde_json::{Value, json};

use super::*;

const LINE: &str = "PATCH /connections/c?provider_config_key=keyed";

async fn read(bench: &Bench) -> Value {
    expect(&bench.get("/connections/c?provider_config_key=keyed").await, 200)
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    on_each(async |bench: Bench| {
        let before =
            bench.import_keyed("c", json!({"tags": {"plan": "pro"}, "metadata": {"a": 1}})).await;
        bench.advance(1);
        let answer = bench.send(LINE, json!({})).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"success":true}"#));
        assert_eq!(read(&bench).await["tags"], before["tags"]);

        let url = json!({"webhook_url_override": "https://hooks.example.com/x"});
        expect(&bench.send(LINE, url).await, 200);
        let user = json!({"end_user": {"id": "u2", "display_name": "Bea"}});
        expect(&bench.send(LINE, user).await, 200);
        let now = read(&bench).await;
        assert_eq!(now["tags"], json!({"end_user_id": "u2", "end_user_display_name": "Bea"}));
        assert_eq!(now["end_user"]["id"], "u2");
        assert_eq!(now["webhook_url_override"], "https://hooks.example.com/x");
        assert_eq!(now["metadata"], json!({"a": 1}));
        assert_eq!(now["updated_at"], "2026-03-01T09:10:12.120+00:00");
        let found = bench.get("/connections?search=bea").await.json();
        assert_eq!(found["connections"][0]["connection_id"], "c");

        let clear = json!({"tags": {}, "webhook_url_override": ""});
        expect(&bench.send(LINE, clear).await, 200);
        let now = read(&bench).await;
        assert_eq!((&now["tags"], &now["webhook_url_override"]), (&json!({}), &Value::Null));
        assert_eq!(now["end_user"]["id"], "u2");
    })
    .await;
}

#[tokio::test]
async fn a_wrong_patch_changes_nothing() {
    on_each(async |bench: Bench| {
        bench.import_keyed("c", json!({"tags": {"plan": "pro"}})).await;
        let absent = "PATCH /connections/c?provider_config_key=absent";
        let other = "PATCH /connections/d?provider_config_key=keyed";
        let tags: Value = (0..10)
            .map(|n| (format!("t{n}"), json!("v")))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let too_many = json!({"end_user": {"id": "u"}, "tags": tags});
        for (line, body, status, code) in [
            (LINE, Value::Null, 400, "invalid_body"),
            (LINE, json!([]), 400, "invalid_body"),
            (LINE, json!({"metadata": {}}), 400, "invalid_body"),
            (LINE, json!({"end_user": {}}), 400, "invalid_body"),
            (LINE, json!({"tags": {"a": "x".repeat(256)}}), 400, "invalid_body"),
            (LINE, json!({"webhook_url_override": "http://169.254.169.254/"}), 400, "invalid_body"),
            (LINE, too_many, 400, "invalid_body"),
            ("PATCH /connections/c", json!({}), 400, "invalid_query_params"),
            (absent, json!({}), 400, "unknown_provider_config"),
            (other, json!({}), 404, "not_found"),
        ] {
            let answer = bench.send(line, body).await;
            assert_eq!(answer.outcome(), (status, code.to_owned()), "{}", answer.text);
        }
        assert_eq!(read(&bench).await["tags"], json!({"plan": "pro"}));
        let aliased = bench.send("PATCH /connection/c?provider_config_key=keyed", json!({})).await;
        assert_eq!(aliased.status, 405);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_connection_is_gone_and_its_id_free() {
    on_each(async |bench: Bench| {
        let first = bench.import_keyed("c", json!({})).await;
        let line = "DELETE /connections/c?provider_config_key=keyed";
        let answer = bench.send(line, Value::Null).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"success":true}"#));
        let read = bench.get("/connections/c?provider_config_key=keyed").await;
        assert_eq!(read.outcome(), (404, "not_found".to_owned()));
        assert_eq!(bench.get("/connections").await.text, r#"{"connections":[]}"#);
        for line in [line, "DELETE /connection/c?provider_config_key=absent"] {
            let again = bench.send(line, Value::Null).await;
            assert_eq!(again.outcome(), (400, "unknown_connection".to_owned()));
        }
        let bad = bench.send("DELETE /connections/%C3%A9?x=1", Value::Null).await;
        assert_eq!(bad.outcome(), (400, "invalid_uri_params".to_owned()));
        let second = bench.import_keyed("c", json!({})).await;
        assert_ne!(first["id"], second["id"]);
        let line = "DELETE /connection/c?provider_config_key=keyed";
        expect(&bench.send(line, Value::Null).await, 200);
    })
    .await;
}
