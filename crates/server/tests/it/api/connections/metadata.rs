use futures::future::join_all;
use serde_json::{Value, json};

use super::*;

fn body(ids: Value, metadata: Value) -> Value {
    let mut body = json!({"connection_id": null, "provider_config_key": "keyed"});
    body["connection_id"] = ids;
    body["metadata"] = metadata;
    body
}

async fn stored(bench: &Bench, id: &str) -> Value {
    let path = format!("/connections/{id}?provider_config_key=keyed");
    expect(&bench.get(&path).await, 200)["metadata"].clone()
}

#[tokio::test]
async fn metadata_is_replaced_by_post_and_merged_by_patch() {
    on_each(async |bench: Bench| {
        bench.import_keyed("a", json!({"metadata": {"old": 1}})).await;
        bench.import_keyed("b", json!({})).await;
        let answer = bench
            .send("POST /connections/metadata", body(json!("a"), json!({"x": {"y": [1]}, "z": null})))
            .await;
        let echo = r#"{"connection_id":"a","provider_config_key":"keyed","metadata":{"x":{"y":[1]},"z":null}}"#;
        assert_eq!((answer.status, answer.text.as_str()), (201, echo));
        assert_eq!(stored(&bench, "a").await, json!({"x": {"y": [1]}, "z": null}));

        let answer = bench
            .send("PATCH /connection/metadata", body(json!(["a", "b"]), json!({"x": 2, "team": "x"})))
            .await;
        let echo = r#"{"connection_id":["a","b"],"provider_config_key":"keyed","metadata":{"x":2,"team":"x"}}"#;
        assert_eq!((answer.status, answer.text.as_str()), (200, echo));
        assert_eq!(stored(&bench, "a").await, json!({"x": 2, "z": null, "team": "x"}));
        assert_eq!(stored(&bench, "b").await, json!({"x": 2, "team": "x"}));
        let nobody = bench.send("PATCH /connections/metadata", body(json!([]), json!({}))).await;
        assert_eq!(nobody.status, 200);
    })
    .await;
}

#[tokio::test]
async fn twenty_merges_at_once_all_survive() {
    on_each(async |bench: Bench| {
        bench.import_keyed("a", json!({"metadata": {"kept": true}})).await;
        let merges = (0..20).map(|n| {
            let mut metadata = serde_json::Map::new();
            metadata.insert(format!("k{n}"), json!(n));
            bench.send("PATCH /connections/metadata", body(json!("a"), metadata.into()))
        });
        for answer in join_all(merges).await {
            expect(&answer, 200);
        }
        let metadata = stored(&bench, "a").await;
        assert_eq!(metadata.as_object().unwrap().len(), 21);
        assert!((0..20).all(|n| metadata[format!("k{n}")] == n));
    })
    .await;
}

#[tokio::test]
async fn one_unknown_connection_stops_them_all() {
    on_each(async |bench: Bench| {
        bench.import_keyed("a", json!({"metadata": {"old": 1}})).await;
        for ids in [json!("z"), json!(["a", "z"]), json!(["z", "a"])] {
            for line in ["POST /connections/metadata", "PATCH /connections/metadata"] {
                let answer = bench.send(line, body(ids.clone(), json!({"new": 1}))).await;
                assert_eq!(answer.outcome(), (404, "unknown_connection".to_owned()));
                assert!(answer.text.contains("'z'"), "{}", answer.text);
            }
        }
        assert_eq!(stored(&bench, "a").await, json!({"old": 1}));
    })
    .await;
}

#[tokio::test]
async fn a_wrong_body_names_its_fields() {
    on_each(async |bench: Bench| {
        let long = "a".repeat(256);
        for (body, issues) in [
            (Value::Null, vec!["invalid_type "]),
            (
                json!({}),
                vec![
                    "invalid_union connection_id",
                    "invalid_type provider_config_key",
                    "invalid_type metadata",
                ],
            ),
            (body(json!("é"), json!({})), vec!["invalid_union connection_id"]),
            (body(json!([1]), json!({})), vec!["invalid_union connection_id"]),
            (body(json!(long), json!({})), vec!["invalid_union connection_id"]),
            (body(json!("a"), json!([])), vec!["invalid_type metadata"]),
            (body(json!("a"), json!({"k\0": 1})), vec!["custom metadata"]),
        ] {
            let answer = bench.send("PATCH /connections/metadata", body).await;
            assert_eq!(answer.outcome(), (400, "invalid_body".to_owned()));
            let found: Vec<String> =
                answer.issues().into_iter().map(|(code, path)| format!("{code} {path}")).collect();
            assert_eq!(found, issues, "{}", answer.text);
        }
    })
    .await;
}

#[tokio::test]
async fn the_older_path_names_the_integration_in_query_or_header() {
    on_each(async |bench: Bench| {
        bench.import_keyed("a", json!({"metadata": {"old": 1}})).await;
        let merged = bench
            .send("PATCH /connection/a/metadata?provider_config_key=keyed", json!({"q": 1}))
            .await;
        assert_eq!((merged.status, merged.text.as_str()), (200, r#"{"q":1}"#));
        assert_eq!(stored(&bench, "a").await, json!({"old": 1, "q": 1}));
        let header = [("Provider-Config-Key", "keyed")];
        let line = "POST /connection/a/metadata";
        let replaced = bench.send_text(&bench.app.api_key, line, &header, r#"{"h":1}"#).await;
        assert_eq!((replaced.status, replaced.text.as_str()), (201, r#"{"h":1}"#));
        assert_eq!(stored(&bench, "a").await, json!({"h": 1}));

        let line = "POST /connection/z/metadata?provider_config_key=keyed";
        let unknown = bench.send(line, json!({})).await;
        assert_eq!(unknown.outcome(), (404, "unknown_connection".to_owned()));
        let payload = json!({"connectionId": "z", "providerConfigKey": "keyed"});
        assert_eq!(unknown.json()["error"]["payload"], payload);
        let keyless = bench.send("POST /connection/a/metadata", json!({})).await;
        assert_eq!(keyless.outcome(), (400, "missing_provider_config".to_owned()));
        let line = "POST /connection/a/metadata?provider_config_key=keyed";
        let list = bench.send(line, json!([1])).await;
        assert_eq!(list.outcome(), (400, "invalid_body".to_owned()));
    })
    .await;
}
