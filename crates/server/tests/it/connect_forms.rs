//! Credentials typed into forms: what the frontend SDK posts.

use serde_json::{Value, json};
use valetkey_emulator::provider;

use crate::app::{Answer, TestApp, on_each};

async fn submit(app: &TestApp, path: &str, more: &str, body: Value) -> Answer {
    let token = app.session(json!({"tags": {"a": "b"}})).await;
    let uri = format!("{path}?connect_session_token={token}{more}");
    app.post(uri).json(&body).send().await
}

/// `errors[]` as `path: code`.
fn issues(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let issue = |issue: &Value| {
        let path: Vec<_> =
            issue["path"].as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect();
        format!("{}: {}", path.join("."), issue["code"].as_str().unwrap())
    };
    body["error"]["errors"].as_array().unwrap().iter().map(issue).collect()
}

#[tokio::test]
async fn each_mode_makes_a_connection() {
    on_each(async |app| {
        for (provider, key) in [
            ("emulator-api-key", "keys"),
            ("emulator-basic", "basic"),
            ("emulator-oauth2-cc", "machine"),
            ("test-none", "open"),
        ] {
            app.integration(provider, key).await;
        }
        let basic =
            json!({"username": provider::BASIC_USERNAME, "password": provider::BASIC_PASSWORD});
        let client =
            json!({"client_id": provider::CLIENT_ID, "client_secret": provider::CLIENT_SECRET});
        for (path, key, body) in [
            ("/api-auth/api-key/keys", "keys", json!({"apiKey": "emk_0123456789"})),
            ("/api-auth/basic/basic", "basic", basic),
            ("/oauth2/auth/machine", "machine", client),
            ("/auth/unauthenticated/open", "open", json!({})),
        ] {
            let answer = submit(&app, path, "", body).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            let id = answer.json()["connectionId"].as_str().unwrap().to_owned();
            let expected = format!(r#"{{"connectionId":"{id}","providerConfigKey":"{key}"}}"#);
            assert_eq!(answer.text, expected);
            let row = app.engine.store().connection(app.environment.id, key, &id).await.unwrap();
            assert!(row.is_some());
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_without_content_type_or_content_is_enough_for_no_credentials() {
    on_each(async |app| {
        app.integration("test-none", "open").await;
        let token = app.session(json!({"tags": {"a": "b"}})).await;
        let uri = format!("/auth/unauthenticated/open?connect_session_token={token}");
        assert_eq!(app.post(&uri).send().await.status, 200);
        let empty = app.post(&uri).header("content-type", "application/json").send().await;
        assert_eq!(empty.status, 200, "{}", empty.text);
    })
    .await;
}

#[tokio::test]
async fn wrong_fields_are_named() {
    on_each(async |app| {
        app.integration("emulator-api-key", "keys").await;
        app.integration("emulator-oauth2-cc", "machine").await;
        app.integration("test-shop", "shop").await;
        let missing = submit(&app, "/api-auth/api-key/keys", "", json!({})).await;
        assert_eq!(missing.error(), (400, "invalid_body".to_owned()));
        assert_eq!(issues(&missing), ["apiKey: invalid_type"]);
        let pattern = submit(&app, "/api-auth/api-key/keys", "", json!({"apiKey": "wrong"})).await;
        assert_eq!(issues(&pattern), ["apiKey: custom"]);
        assert!(!pattern.text.contains("wrong"), "what was typed is not repeated");
        let client = submit(&app, "/oauth2/auth/machine", "", json!({"client_id": "i"})).await;
        assert_eq!(issues(&client), ["client_secret: missing_client_secret"]);

        let config = submit(
            &app,
            "/api-auth/api-key/shop",
            "&params[subdomain]=a%20b&params%5Bregion%5D=mars",
            json!({"apiKey": "k"}),
        )
        .await;
        assert_eq!(config.error(), (400, "invalid_query_params".to_owned()));
        assert_eq!(issues(&config), ["params.subdomain: custom", "params.region: custom"]);
    })
    .await;
}

#[tokio::test]
async fn configuration_is_kept_as_texts_only() {
    on_each(async |app| {
        app.integration("test-shop", "shop").await;
        let more = "&params[subdomain]=acme.example.com&params[list][]=x&other=1\
                    &params[webhook_url]=http%3A%2F%2Fevil";
        let answer = submit(&app, "/api-auth/api-key/shop", more, json!({"apiKey": "k"})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let id = answer.json()["connectionId"].as_str().unwrap().to_owned();
        let row = app.engine.store().connection(app.environment.id, "shop", &id).await.unwrap();
        assert_eq!(row.unwrap().webhook_url_override, None);
    })
    .await;
}

#[tokio::test]
async fn refusals_have_their_codes() {
    on_each(async |app| {
        app.integration("emulator-api-key", "keys").await;
        app.integration("emulator-basic", "basic").await;
        app.integration("emulator-oauth2-cc", "machine").await;
        let token = app
            .session(json!({"tags": {"a": "b"}, "allowed_integrations": ["keys", "machine"]}))
            .await;
        let unknown = format!("nango_connect_session_{}", "0".repeat(64));
        let key = json!({"apiKey": "emk_0123456789"});
        let client = json!({"client_id": "x", "client_secret": "y"});
        let user = json!({"username": "u", "password": "p"});
        let session = format!("connect_session_token={token}");
        for (uri, body, status, code) in [
            ("/api-auth/api-key/keys".to_owned(), &key, 401, "missing_public_key"),
            (
                "/api-auth/api-key/keys?public_key=x".to_owned(),
                &key,
                401,
                "deprecated_authentication",
            ),
            (
                "/api-auth/api-key/keys?connect_session_token=x".to_owned(),
                &key,
                401,
                "invalid_connect_session_token_format",
            ),
            (
                format!("/api-auth/api-key/keys?connect_session_token={unknown}"),
                &key,
                401,
                "unknown_connect_session_token",
            ),
            (
                format!("/api-auth/api-key/keys?{session}&connection_id=x"),
                &key,
                400,
                "invalid_query_params",
            ),
            (format!("/api-auth/api-key/missing?{session}"), &key, 404, "unknown_provider_config"),
            (format!("/api-auth/api-key/a%2Fb?{session}"), &key, 400, "invalid_uri_params"),
            (format!("/api-auth/api-key/machine?{session}"), &key, 400, "invalid_auth_mode"),
            (format!("/api-auth/basic/basic?{session}"), &user, 400, "integration_not_allowed"),
            (
                format!("/oauth2/auth/machine?{session}"),
                &client,
                400,
                "client_credentials_fetch_error",
            ),
        ] {
            let answer = app.post(&uri).json(body).send().await;
            assert_eq!(answer.error(), (status, code.to_owned()), "{uri}: {}", answer.text);
        }
        app.emulator.revoke_api_key("emk_0123456789");
        let rejected =
            app.post(format!("/api-auth/api-key/keys?{session}")).json(&key).send().await;
        assert_eq!(rejected.error(), (400, "connection_test_failed".to_owned()));
        let form =
            app.post(format!("/api-auth/api-key/keys?{session}")).form("apiKey=x").send().await;
        assert_eq!(form.status, 415);
    })
    .await;
}
