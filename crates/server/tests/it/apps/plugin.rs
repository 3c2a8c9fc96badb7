//! Plug-ins installed at the provider.

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::get;
use http::{HeaderMap, StatusCode};

use super::*;

/// `Basic` of `id:right`.
const GOOD: &str = "Basic aWQ6cmlnaHQ=";

async fn chat(app: &TestApp, password: &str) {
    let account = async |headers: HeaderMap| match headers.get("authorization") {
        Some(value) if value == GOOD => StatusCode::OK.into_response(),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    };
    let base =
        app.serve_beside(Router::new().route("/v1/plugin/connect/account", get(account))).await;
    let entry = format!(
        "chat:\n  extends: crisp-plugin-install\n  display_name: Chat\n  proxy: {{base_url: '{base}'}}\n"
    );
    let (catalog, findings) = app.engine.catalog().overlay(&entry, "chat").unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    app.engine.set_catalog(catalog);
    let body = json!({"provider": "chat", "unique_key": "chat", "custom": {
        "username": "id", "password": password, "app_link": "https://chat.example/plugins/1"}});
    let made = app.post("/integrations").bearer(&app.api_key).json(&body).send().await;
    assert_eq!(made.status, 200, "{}", made.text);
}

#[tokio::test]
async fn a_plug_in_is_connected_with_its_own_credentials() {
    on_each(async |app| {
        chat(&app, "right").await;
        let (browser, page) = Browser::start(&app, "chat", &session(&app).await).await;
        assert!(page.starts_with("https://chat.example/plugins/1?payload="), "{page}");
        let uri = format!("/oauth/callback?website_id=w1&payload={}", browser.state);
        let answer = app.get(uri).cookie(&browser.cookie).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let body = read(&app, "").await.json();
        let credentials = json!({"type": "BASIC", "username": "id", "password": "right"});
        assert_eq!(body["credentials"], credentials);
        assert_eq!(body["connection_config"], json!({"website_id": "w1"}));
        assert_eq!(body["tags"], json!({"team": "a"}));
    })
    .await;
}

#[tokio::test]
async fn refused_credentials_end_like_every_other_failure() {
    on_each(async |app| {
        chat(&app, "wrong").await;
        let (browser, _) = Browser::start(&app, "chat", &session(&app).await).await;
        let uri = format!("/oauth/callback?website_id=w1&payload={}", browser.state);
        let answer = app.get(uri).cookie(&browser.cookie).send().await;
        assert_refused(&app, &answer, "data-error-type=\"connection_test_failed\"").await;
        assert_eq!(told(&app).await["error_type"], "connection_test_failed");
    })
    .await;
}
