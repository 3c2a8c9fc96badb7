//! `/environments`, `/environment-variables`, `/environment/api-keys` and the signing key.

use http::Method;
use serde_json::{Value, json};
use valetkey_base::{ScopeSet, Secret};

use super::{error, issues};
use crate::app::{Answer, TestApp, on_each};

/// A key of the account with these scopes.
async fn account_key(app: &TestApp, scopes: &[&str]) -> String {
    let name = scopes.join(" ");
    let scopes = ScopeSet::new(scopes.iter().map(|&scope| scope.to_owned()).collect());
    let made = app.engine.create_api_key(app.account_id, None, &name, scopes, None, "test").await;
    made.unwrap().1.expose().to_owned()
}

async fn send(app: &TestApp, key: &str, line: &str, body: &Value) -> Answer {
    let (method, uri) = line.split_once(' ').unwrap();
    let call = app.call(method.parse::<Method>().unwrap(), uri).bearer(key);
    if body.is_null() { call.send().await } else { call.json(body).send().await }
}

#[tokio::test]
async fn an_environment_is_made_used_and_deleted() {
    on_each(async |app: TestApp| {
        let key = account_key(&app, &["account:*"]).await;
        let body = json!({"name": "staging", "callback_url": "https://auth.example.com/cb"});
        let made = send(&app, &key, "POST /environments", &body).await;
        assert_eq!(made.status, 200, "{}", made.text);
        let id = made.json()["data"]["id"].as_i64().unwrap();
        assert_eq!(made.json()["data"]["name"], "staging");
        let view = app.engine.environment(id).await.unwrap();
        assert_eq!(view.settings.callback_url.as_deref(), Some("https://auth.example.com/cb"));
        let again = send(&app, &key, "POST /environments", &body).await;
        assert_eq!(again.error(), error(409, "conflict"));

        let body = json!({"environment_id": id.to_string(), "display_name": "ci"});
        let made = send(&app, &key, "POST /environment/api-keys", &body).await;
        assert_eq!(made.status, 200, "{}", made.text);
        let data = made.json()["data"].clone();
        assert_eq!(data["scopes"], json!(["environment:*"]));
        assert_eq!(data["created_at"], "2026-03-01T09:10:11.120Z");
        let secret = data["secret"].as_str().unwrap();
        assert_eq!(send(&app, secret, "GET /connections", &Value::Null).await.status, 200);
        let again = send(&app, &key, "POST /environment/api-keys", &body).await;
        assert_eq!(again.error(), error(409, "conflict"));

        let line = "DELETE /environment/api-keys";
        let other = json!({"environment_id": app.environment.id, "key_id": data["id"]});
        assert_eq!(send(&app, &key, line, &other).await.error(), error(404, "not_found"));
        let own = json!({"environment_id": id, "key_id": data["id"]});
        let deleted = send(&app, &key, line, &own).await;
        assert_eq!((deleted.status, deleted.text.as_str()), (200, r#"{"success":true}"#));
        let gone = send(&app, secret, "GET /connections", &Value::Null).await;
        assert_eq!(gone.error(), error(401, "unknown_account"));

        let line = format!("DELETE /environments/{id}");
        let deleted = send(&app, &key, &line, &Value::Null).await;
        assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
        assert_eq!(send(&app, &key, &line, &Value::Null).await.error(), error(404, "not_found"));
        let body = json!({"environment_id": id, "display_name": "late"});
        let late = send(&app, &key, "POST /environment/api-keys", &body).await;
        assert_eq!(late.error(), error(404, "not_found"));
    })
    .await;
}

#[tokio::test]
async fn production_needs_its_own_scope_and_stays() {
    on_each(async |app: TestApp| {
        let scopes = ["account:environments:create", "account:environments:delete"];
        let key = account_key(&app, &scopes).await;
        let line = "POST /environments";
        let refused = send(&app, &key, line, &json!({"name": "live", "is_production": true})).await;
        assert_eq!(refused.error(), error(403, "forbidden"));
        assert!(refused.text.contains("account:environments:set_production"));
        let prod = send(&app, &key, line, &json!({"name": "prod"})).await;
        assert_eq!(prod.error(), error(403, "forbidden"));
        let odd = send(&app, &key, line, &json!({"name": "prod", "is_production": false})).await;
        assert_eq!(odd.error(), error(400, "invalid_is_prod_flag"));

        let environments = app.engine.environments(app.account_id).await.unwrap();
        let prod = environments.iter().find(|one| one.name == "prod").unwrap().id;
        let kept = send(&app, &key, &format!("DELETE /environments/{prod}"), &Value::Null).await;
        assert_eq!(kept.error(), error(400, "cannot_delete_prod_environment"));
        for (id, code) in [("0", "too_small"), ("x", "invalid_type"), ("1.5", "invalid_type")] {
            let answer =
                send(&app, &key, &format!("DELETE /environments/{id}"), &Value::Null).await;
            assert_eq!(answer.error(), error(400, "invalid_uri_params"), "{id}");
            assert_eq!(issues(&answer), [format!("{code} environmentId")]);
        }
        let bad = json!({"name": "Live", "hmac_key": "x".repeat(1001), "otlp_endpoint": "no",
            "otlp_headers": [{"name": ""}]});
        assert_eq!(
            issues(&send(&app, &key, line, &bad).await),
            [
                "invalid_format name",
                "too_big hmac_key",
                "invalid_union otlp_endpoint",
                "too_small otlp_headers.0.name",
                "invalid_type otlp_headers.0.value",
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn keys_of_an_environment_and_of_the_account_are_apart() {
    on_each(async |app: TestApp| {
        let account = account_key(&app, &["account:*"]).await;
        let own = app.api_key.as_str();
        let body = json!({"name": "x"});
        let by_environment = send(&app, own, "POST /environments", &body).await;
        assert_eq!(by_environment.error(), error(403, "forbidden"));
        let by_account = send(&app, &account, "GET /connections", &Value::Null).await;
        assert_eq!(by_account.error(), error(403, "forbidden"));
    })
    .await;
}

#[tokio::test]
async fn variables_are_a_bare_list() {
    on_each(async |app: TestApp| {
        let line = "GET /environment-variables";
        assert_eq!(send(&app, &app.api_key, line, &Value::Null).await.text, "[]");
        let value = Secret::new("https://x");
        let id = app.environment.id;
        app.engine.set_environment_variable(id, "API_URL", &value, "test").await.unwrap();
        assert_eq!(
            send(&app, &app.api_key, line, &Value::Null).await.text,
            r#"[{"name":"API_URL","value":"https://x"}]"#
        );
        let body = json!({"a": 1});
        assert_eq!(issues(&send(&app, &app.api_key, line, &body).await), ["unrecognized_keys "]);
    })
    .await;
}

#[tokio::test]
async fn a_replaced_signing_key_signs_on_beside_the_new_one() {
    on_each(async |app: TestApp| {
        let before = app.engine.signing_keys(app.environment.id).await.unwrap();
        let line = "POST /environment/webhook-signing-key/rotate";
        let answer = send(&app, &app.api_key, line, &json!({"ignored": true})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let body = answer.json();
        let key = body["data"]["webhook_signing_key"].as_str().unwrap();
        assert!(uuid::Uuid::try_parse(key).is_ok_and(|id| id.get_version_num() == 4));
        let now = app.engine.signing_keys(app.environment.id).await.unwrap();
        let shown: Vec<&str> = now.iter().map(Secret::expose).collect();
        assert_eq!(shown, [key, before[0].expose()]);
    })
    .await;
}
