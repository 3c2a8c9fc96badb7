use serde_json::{Value, json};

use super::*;

async fn listed(bench: &Bench, query: &str) -> Vec<String> {
    let list = expect(&bench.get(&format!("/connections{query}")).await, 200);
    let rows = list["connections"].as_array().unwrap();
    rows.iter().map(|row| row["connection_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_listed_connection_has_the_form_clients_read() {
    on_each(async |bench: Bench| {
        let made = bench
            .import_keyed("conn-1", json!({"tags": {"end_user_email": "ann@example.com"}}))
            .await;
        let expected = r#"{"connections":[{"id":ID,"connection_id":"conn-1","provider_config_key":"keyed","provider":"emulator-api-key","errors":[],"end_user":null,"tags":{"end_user_email":"ann@example.com"},"metadata":{},"created":"2026-03-01T09:10:11.12+00:00"}]}"#;
        let expected = expected.replace("ID", &made["id"].to_string());
        let tag = "tags%5Bend_user_email%5D=ann%40example.com";
        for path in ["/connections", "/connection", "/Connections/", "/connections?limit=50&page=0"]
        {
            assert_eq!(bench.get(path).await.text, expected, "{path}");
        }
        assert_eq!(bench.get(&format!("/connections?{tag}&limit=50")).await.text, expected);
    })
    .await;
}

#[tokio::test]
async fn filters_hold_together_and_the_newest_come_first() {
    on_each(async |bench: Bench| {
        let ann = json!({
            "end_user": {"id": "u1", "email": "Ann@Example.com", "display_name": "Ann Léa"},
            "tags": {"plan": "pro", "region": "eu"},
        });
        bench.import_keyed("first", ann).await;
        bench.advance(1);
        bench.import_keyed("second_", json!({"tags": {"plan": "pro"}})).await;
        bench.import_keyed("third", json!({"tags": {"plan": "free"}})).await;
        let silent = json!({
            "provider_config_key": "silent", "connection_id": "first",
            "credentials": {"type": "NONE"},
        });
        bench.advance(1);
        bench.import(silent).await;
        for (query, found) in [
            ("", vec!["first", "third", "second_", "first"]),
            ("?connectionId=first", vec!["first", "first"]),
            ("?connectionId=FIRST", vec![]),
            ("?search=IR", vec!["first", "third", "first"]),
            ("?search=%25", vec![]),
            ("?search=d_", vec!["second_"]),
            ("?search=example.COM", vec!["first"]),
            ("?search=ann+l%C3%A9", vec!["first"]),
            ("?endUserId=u1", vec!["first"]),
            ("?endUserOrganizationId=o1", vec![]),
            ("?integrationId=silent", vec!["first"]),
            ("?integrationId=silent,%20keyed&connectionId=first", vec!["first", "first"]),
            ("?integrationId=absent", vec![]),
            ("?tags[plan]=pro", vec!["second_", "first"]),
            ("?tags[PLAN]=pro&tags[region]=eu", vec!["first"]),
            ("?tags[plan]=PRO", vec![]),
            ("?limit=2", vec!["first", "third"]),
            ("?limit=2&page=1", vec!["second_", "first"]),
            ("?limit=%203%20&page=1e0", vec!["first"]),
            ("?page=1", vec![]),
            ("?page=1e300", vec![]),
        ] {
            assert_eq!(listed(&bench, query).await, found, "{query}");
        }
        let user = bench.get("/connections?endUserId=u1").await.json();
        let user = user["connections"][0]["end_user"].clone();
        let expected = json!({
            "id": "u1", "display_name": "Ann Léa", "email": "Ann@Example.com", "tags": null,
            "organization": null,
        });
        assert_eq!(user, expected);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_query_names_its_parameters() {
    on_each(async |bench: Bench| {
        let answer = bench.get("/connections?limit=5000").await;
        let error = &answer.json()["error"];
        assert_eq!(error["code"], "invalid_query_params");
        let issues = json!([{
            "code": "too_big", "message": "Too big: expected number to be <=2000",
            "path": ["limit"],
        }]);
        assert_eq!(error["errors"], issues);
        let long = format!("search={}", "a".repeat(256));
        for (query, code, path) in [
            ("limit=0", "too_small", "limit"),
            ("limit=x", "invalid_type", "limit"),
            ("page=-1", "too_small", "page"),
            ("foo=bar", "unrecognized_keys", ""),
            ("connectionId=", "too_small", "connectionId"),
            ("integrationId=", "too_small", "integrationId"),
            ("tags[a]=1&tags[a]=2", "invalid_type", "tags/a"),
            ("tags=x", "invalid_type", "tags"),
            ("endUserId=%00", "custom", ""),
            (long.as_str(), "too_big", "search"),
        ] {
            let answer = bench.get(&format!("/connections?{query}")).await;
            assert_eq!(answer.outcome(), (400, "invalid_query_params".to_owned()), "{query}");
            assert_eq!(answer.issues(), [(code.to_owned(), path.to_owned())], "{query}");
        }
        assert_eq!(
            bench.get("/connections").await.json(),
            json!({"connections": Value::Array(vec![])})
        );
    })
    .await;
}
