//! `/integrations` and `/scripts/config`.

use http::Method;
use serde_json::{Value, json};
use valetkey_base::ScopeSet;

use super::{error, issues};
use crate::app::{Answer, TestApp, on_each};

async fn send(app: &TestApp, line: &str, body: &Value) -> Answer {
    let (method, uri) = line.split_once(' ').unwrap();
    let call = app.call(method.parse::<Method>().unwrap(), uri).bearer(&app.api_key);
    if body.is_null() { call.send().await } else { call.json(body).send().await }
}

fn github() -> Value {
    json!({
        "provider": "github", "unique_key": "github-prod",
        "credentials": {"type": "OAUTH2", "client_id": "cid", "client_secret": "sec",
            "scopes": "repo,read:user"},
    })
}

async fn make(app: &TestApp, body: &Value) -> Value {
    let answer = send(app, "POST /integrations", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["data"].clone()
}

#[tokio::test]
async fn an_integration_is_made_read_changed_and_deleted() {
    on_each(async |app: TestApp| {
        let answer = send(&app, "POST /integrations", &github()).await;
        let expected = concat!(
            r#"{"data":{"unique_key":"github-prod","provider":"github","display_name":"GitHub (OAuth app)","#,
            r#""logo":"http://localhost:3003/images/template-logos/github.svg","#,
            r#""forward_webhooks":true,"created_at":"2026-03-01T09:10:11.120Z","#,
            r#""updated_at":"2026-03-01T09:10:11.120Z"}}"#
        );
        assert_eq!((answer.status, answer.text.as_str()), (200, expected));

        let line = "GET /integrations/github-prod?include=credentials&include=webhook";
        let full = send(&app, line, &Value::Null).await.json()["data"].clone();
        let names: Vec<&String> = full.as_object().unwrap().keys().collect();
        assert_eq!(
            names,
            [
                "unique_key",
                "provider",
                "display_name",
                "logo",
                "webhook_url",
                "credentials",
                "forward_webhooks",
                "created_at",
                "updated_at",
            ]
        );
        assert_eq!(
            full["credentials"],
            json!({"type": "OAUTH2", "client_id": "cid", "client_secret": "sec",
                "scopes": "repo,read:user", "webhook_secret": null})
        );

        app.advance_s(1);
        let change = json!({
            "unique_key": "gh", "display_name": "Code", "forward_webhooks": false,
            "credentials": {"type": "OAUTH2", "client_id": "new", "client_secret": "secret",
                "webhook_secret": "w"},
        });
        let changed = send(&app, "PATCH /integrations/github-prod", &change).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        let data = &changed.json()["data"];
        assert_eq!((&data["unique_key"], &data["display_name"]), (&json!("gh"), &json!("Code")));
        assert_eq!(data["updated_at"], "2026-03-01T09:10:12.120Z");
        let full = send(&app, "GET /integrations/gh?include=credentials", &Value::Null).await;
        assert_eq!(
            full.json()["data"]["credentials"],
            json!({"type": "OAUTH2", "client_id": "new", "client_secret": "secret",
                "scopes": "repo,read:user", "webhook_secret": "w"})
        );

        let deleted = send(&app, "DELETE /integrations/gh", &Value::Null).await;
        assert_eq!((deleted.status, deleted.text.as_str()), (200, r#"{"success":true}"#));
        for line in ["GET", "PATCH", "DELETE"] {
            let body = if line == "PATCH" { json!({}) } else { Value::Null };
            let gone = send(&app, &format!("{line} /integrations/gh"), &body).await;
            assert_eq!(gone.error(), error(404, "not_found"), "{line}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_wrong_integration_is_refused_with_its_reason() {
    on_each(async |app: TestApp| {
        make(&app, &github()).await;
        let with = |name: &str, value: Value| {
            let mut body = github();
            body["unique_key"] = json!("other");
            body[name] = value;
            body
        };
        let without_credentials = json!({"provider": "github", "unique_key": "other"});
        let pem = json!({"type": "APP", "app_id": "1", "app_link": "l", "private_key": "k"});
        let cases = [
            (with("provider", json!("nope")), vec!["invalid_string provider"]),
            (github(), vec!["invalid_string uniqueKey"]),
            (with("unique_key", json!("a/b")), vec!["invalid_format unique_key"]),
            (with("display_name", json!("")), vec!["too_small display_name"]),
            (with("forward_webhooks", json!("yes")), vec!["invalid_type forward_webhooks"]),
            (with("credentials", json!({"type": "JWT"})), vec!["invalid_union credentials.type"]),
            (with("credentials", json!("x")), vec!["invalid_type credentials"]),
            (with("credentials", pem), vec!["invalid_format credentials.private_key"; 2]),
            (with("extra", json!(1)), vec!["unrecognized_keys "]),
            (json!({}), vec!["invalid_type provider", "invalid_type unique_key"]),
            // The rest are about the whole and have no issues.
            (without_credentials, vec![]),
            (
                with("credentials", json!({"type": "TBA", "client_id": "a", "client_secret": "b"})),
                vec![],
            ),
            (with("integration_config", json!({"a": "b"})), vec![]),
        ];
        for (body, expected) in cases {
            let answer = send(&app, "POST /integrations", &body).await;
            assert_eq!(answer.error(), error(400, "invalid_body"), "{body}");
            assert_eq!(issues(&answer), expected, "{body}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_in_use_cannot_be_taken_or_renamed() {
    on_each(async |app: TestApp| {
        app.integration("emulator-oauth2", "one").await;
        app.integration("emulator-oauth2", "two").await;
        let taken = send(&app, "PATCH /integrations/one", &json!({"unique_key": "two"})).await;
        assert_eq!(taken.error(), error(400, "invalid_body"));
        let import = json!({"provider_config_key": "one",
            "credentials": {"type": "OAUTH2", "access_token": "t"}});
        assert_eq!(send(&app, "POST /connections", &import).await.status, 201);
        let used = send(&app, "PATCH /integrations/one", &json!({"unique_key": "three"})).await;
        assert_eq!(used.error(), error(400, "invalid_body"));
        let same = send(&app, "PATCH /integrations/one", &json!({"unique_key": "one"})).await;
        assert_eq!(same.status, 200);

        assert_eq!(send(&app, "DELETE /integrations/one", &Value::Null).await.status, 200);
        let left = send(&app, "GET /connections", &Value::Null).await.json();
        assert_eq!(left["connections"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn the_list_is_ordered_and_a_session_sees_what_it_may_use() {
    on_each(async |app: TestApp| {
        app.integration("test-none", "z").await;
        app.integration("emulator-oauth2", "b").await;
        app.advance_s(1);
        app.integration("emulator-oauth2", "a").await;
        let keys = |answer: &Answer| -> Vec<String> {
            let body = answer.json();
            let data = body["data"].as_array().unwrap();
            data.iter().map(|one| one["unique_key"].as_str().unwrap().to_owned()).collect()
        };
        let all = send(&app, "GET /integrations", &Value::Null).await;
        assert_eq!(keys(&all), ["b", "a", "z"]);
        assert!(!all.text.contains("credentials") && !all.text.contains("webhook_url"));
        for (allowed, expected) in [(json!(["a"]), vec!["a"]), (json!([]), vec!["b", "a", "z"])] {
            let request = json!({"tags": {}, "allowed_integrations": allowed});
            let token = app.session(request).await;
            let seen = app.get("/integrations").bearer(&token).send().await;
            assert_eq!(keys(&seen), expected);
        }
        let query = send(&app, "GET /integrations?foo=bar", &Value::Null).await;
        assert_eq!(query.error(), error(400, "invalid_query_params"));
        assert_eq!(
            query.json()["error"]["errors"],
            json!([{"code": "unrecognized_keys", "message": "Unrecognized key: \"foo\"",
                "path": []}])
        );
    })
    .await;
}

#[tokio::test]
async fn credentials_need_their_scope_and_are_left_out_without_it() {
    on_each(async |app: TestApp| {
        make(&app, &github()).await;
        let scopes = ScopeSet::new(vec!["environment:integrations:read".to_owned()]);
        let environment = Some(app.environment.id);
        let made =
            app.engine.create_api_key(app.account_id, environment, "reader", scopes, None, "test");
        let (_, reader) = made.await.unwrap();
        let line = "/integrations/github-prod?include=credentials";
        let answer = app.get(line).bearer(reader.expose()).send().await;
        assert_eq!(answer.status, 200);
        assert!(answer.json()["data"].get("credentials").is_none());

        assert_eq!(app.get(line).bearer(&app.api_key).send().await.status, 200);
        app.engine.recorder().flush().await.unwrap();
        let audit = app.engine.store().audit(app.environment.id, 100).await.unwrap();
        let reads = audit.iter().filter(|row| row.action == "integration.credentials_read");
        assert_eq!(reads.count(), 1);

        let wrong = app.get("/integrations/github-prod?include=all").bearer(&app.api_key);
        assert_eq!(issues(&wrong.send().await), ["invalid_union include"]);
    })
    .await;
}

#[tokio::test]
async fn there_are_no_shared_apps_and_no_functions() {
    on_each(async |app: TestApp| {
        app.integration("test-none", "open").await;
        let body = json!({"provider": "github", "unique_key": "quick"});
        let quick = send(&app, "POST /integrations/quickstart", &body).await;
        assert_eq!(quick.error(), error(400, "invalid_body"));
        assert!(issues(&quick).is_empty());

        let list = send(&app, "GET /integrations/open/functions", &Value::Null).await;
        assert_eq!(list.text, r#"{"data":[],"pagination":{"total":0,"page":0,"limit":20}}"#);
        for line in [
            "GET /integrations/absent/functions",
            "GET /integrations/open/functions/f",
            "GET /integrations/open/functions/f/code?type=sync",
            "DELETE /integrations/open/functions/f?type=action",
        ] {
            let answer = send(&app, line, &Value::Null).await;
            assert_eq!(answer.error(), error(404, "not_found"), "{line}");
        }
        let config = send(&app, "GET /scripts/config?format=nango", &Value::Null).await;
        assert_eq!((config.status, config.text.as_str()), (200, "[]"));
    })
    .await;
}
