//! A server of the catalogue: the client comes with the integration and follows the callback.

use serde_json::{Value, json};

use super::server::McpServer;
use super::{add_entries, begin, connections, make, make_known, read, sent};
use crate::app::{PUBLIC_URL, TestApp, on_each};

const MOVED: &str = "https://auth.customer.example/callback";

async fn ready(app: &TestApp) -> McpServer {
    let server = McpServer::start(app).await;
    add_entries(app, &server.base, "");
    server
}

async fn move_callback(app: &TestApp) {
    let changed = app.engine.update_environment_settings(app.environment.id, "test", |settings| {
        settings.callback_url = Some(MOVED.to_owned());
    });
    changed.await.unwrap();
}

async fn credentials(app: &TestApp) -> Value {
    let uri = "/integrations/known?include=credentials";
    let answer = app.get(uri).bearer(&app.api_key).send().await;
    answer.json()["data"]["credentials"].clone()
}

#[tokio::test]
async fn making_an_integration_registers_a_client() {
    on_each(async |app| {
        let server = ready(&app).await;
        let made = make_known(&app).await;
        assert_eq!(made.status, 200, "{}", made.text);
        assert_eq!(
            server.asked("POST /register")[0].json(),
            json!({
                "client_name": "Valetkey dev Known",
                "redirect_uris": [format!("{PUBLIC_URL}/oauth/callback")],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none"
            })
        );
        assert_eq!(credentials(&app).await["client_id"], "client-1");
        let browser = sent(&app, "known", &server).await;
        assert_eq!(browser.asks("client_id"), "client-1");
        assert_eq!(browser.asks("resource"), server.url());
        assert_eq!(browser.asks("code_challenge_method"), "S256");
        assert_eq!(browser.asks("prompt"), "");
        assert_eq!(browser.back(&app, "").await.status, 200);
        let exchanged = server.asked("POST /token")[0].form();
        assert_eq!(exchanged["client_id"], "client-1");
        assert_eq!(exchanged["resource"], server.url());
        assert!(!exchanged.contains_key("client_secret"));
        let connection = connections(&app).await.remove(0);
        assert_eq!(connection["credentials"]["type"], "OAUTH2");
    })
    .await;
}

#[tokio::test]
async fn a_registration_that_fails_stores_nothing() {
    on_each(async |app| {
        let server = ready(&app).await;
        let body = json!({"error": "invalid_redirect_uri", "error_description": "not https"});
        for (status, body, expected) in [
            (400, body, "invalid_redirect_uri: not https"),
            (503, json!({}), "answered 503"),
            (201, json!({"client_name": "x"}), "no client_id"),
        ] {
            server.says("/register", status, &body);
            let refused = make_known(&app).await;
            assert_eq!(refused.error(), (400, "client_registration_err".to_owned()));
            assert!(refused.text.contains(expected), "{}", refused.text);
        }
        let none = app.get("/integrations").bearer(&app.api_key).send().await;
        assert_eq!(none.json()["data"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_moved_callback_is_changed_at_the_provider_that_allows_it() {
    on_each(async |app| {
        let server = ready(&app).await;
        server.registers_with(json!({
            "registration_access_token": "rat-1",
            "registration_client_uri": format!("{}/register/client-1", server.base)
        }));
        make_known(&app).await;
        move_callback(&app).await;
        let browser = sent(&app, "known", &server).await;
        assert_eq!(browser.asks("redirect_uri"), MOVED);
        assert_eq!(browser.asks("client_id"), "client-1");
        let changed = server.asked("PUT /register/client-1");
        assert_eq!(changed.len(), 1);
        assert_eq!(changed[0].authorization.as_deref(), Some("Bearer rat-1"));
        assert_eq!(changed[0].json()["redirect_uris"], json!([MOVED]));
        sent(&app, "known", &server).await;
        assert_eq!(server.asked("PUT /register/client-1").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn else_a_new_client_is_registered_and_the_old_one_keeps_its_tokens() {
    on_each(async |app| {
        let server = ready(&app).await;
        server.registers_with(json!({
            "client_secret": "first-secret", "token_endpoint_auth_method": "client_secret_post"
        }));
        make_known(&app).await;
        assert_eq!(sent(&app, "known", &server).await.back(&app, "").await.status, 200);
        let under_way = sent(&app, "known", &server).await;

        server.registers_with(json!({}));
        move_callback(&app).await;
        let browser = sent(&app, "known", &server).await;
        assert_eq!(
            (browser.asks("client_id"), browser.asks("redirect_uri")),
            ("client-2".to_owned(), MOVED.to_owned())
        );
        assert_eq!(browser.back(&app, "").await.status, 200);
        assert_eq!(credentials(&app).await["client_secret"], Value::Null);

        // A flow that was under way ends with the client it began with.
        server.forget();
        assert_eq!(under_way.back(&app, "").await.status, 200);
        assert_eq!(server.asked("POST /token")[0].form()["client_id"], "client-1");

        app.advance_s(3600);
        let clients = [("client-1", true), ("client-2", false), ("client-1", true)];
        for (connection, (client, has_secret)) in connections(&app).await.iter().zip(clients) {
            server.forget();
            assert_eq!(read(&app, connection, "&force_refresh=true").await.status, 200);
            let refreshed = server.asked("POST /token").remove(0).form();
            assert_eq!(refreshed["client_id"], client);
            assert_eq!(refreshed.contains_key("client_secret"), has_secret);
            assert_eq!(refreshed["resource"], server.url());
        }
    })
    .await;
}

#[tokio::test]
async fn a_callback_that_nobody_registers_ends_the_flow_and_is_told() {
    on_each(async |app| {
        let server = ready(&app).await;
        make_known(&app).await;
        move_callback(&app).await;
        server.says("/register", 503, &json!({}));
        let page = begin(&app, "known", "").await.err().unwrap();
        assert_eq!(page.status, 400);
        assert!(page.text.contains("answered 503"), "{}", page.text);
    })
    .await;
}

#[tokio::test]
async fn a_client_of_ones_own_is_used_as_it_is() {
    on_each(async |app| {
        let server = ready(&app).await;
        let credentials = json!({"type": "MCP_OAUTH2", "client_id": "mine"});
        let request =
            json!({"provider": "known", "unique_key": "known", "credentials": credentials});
        assert_eq!(make(&app, request).await.status, 200);
        move_callback(&app).await;
        assert_eq!(sent(&app, "known", &server).await.asks("client_id"), "mine");
        assert_eq!(server.asked("POST /register").len(), 0);
    })
    .await;
}

#[tokio::test]
async fn some_providers_need_a_client_or_https() {
    on_each(async |app| {
        let server = McpServer::start(&app).await;
        let entries = "by-hand: {extends: known, display_name: A, client_registration: static}\n\
                       by-document: {extends: known, display_name: B, client_registration: cimd}\n";
        add_entries(&app, &server.base, entries);
        let refused = make(&app, json!({"provider": "by-hand", "unique_key": "a"})).await;
        assert_eq!(refused.error(), (400, "invalid_body".to_owned()));
        let refused = make(&app, json!({"provider": "by-document", "unique_key": "b"})).await;
        assert_eq!(refused.error(), (400, "feature_disabled".to_owned()));
    })
    .await;
}
