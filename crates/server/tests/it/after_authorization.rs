//! What follows an authorization: facts about the account, and the end of a grant.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, on_each};

/// Adds an entry like the emulator's with `more` on top, and an integration of it.
async fn integration(app: &TestApp, more: &str) {
    let base = app.emulator.base_url();
    let entry = format!(
        "own:\n  extends: emulator-oauth2\n  display_name: Own\n  \
         revocation_url: '{base}/oauth/revoke'\n{more}"
    );
    let (catalog, findings) = app.engine.catalog().overlay(&entry, "own").unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    app.engine.set_catalog(catalog);
    app.integration("own", "own").await;
}

/// Goes through the redirect; gives the page at its end.
async fn connect(app: &TestApp) -> Answer {
    let token = app.session(json!({"tags": {"team": "a"}})).await;
    let uri = format!("/oauth/connect/own?connect_session_token={token}");
    let answer = app.get(uri).send().await;
    assert_eq!(answer.status, 302, "{}", answer.text);
    let back = app.visit_provider(&answer.location(), "auto=approve").await;
    app.get(back).cookie(&answer.cookie()).send().await
}

async fn only_connection(app: &TestApp) -> Value {
    let answer = app.get("/connections").bearer(&app.api_key).send().await;
    let connections = answer.json()["connections"].as_array().unwrap().clone();
    assert_eq!(connections.len(), 1, "{}", answer.text);
    let id = connections[0]["connection_id"].as_str().unwrap().to_owned();
    let uri = format!("/connections/{id}?provider_config_key=own");
    app.get(uri).bearer(&app.api_key).send().await.json()
}

#[tokio::test]
async fn facts_are_there_before_anybody_is_told() {
    on_each(async |app| {
        let steps = "  connection_config: {user: {type: string, automated: true}}\n  \
                     post_connection:\n    \
                     - {url: /api/me, keep: {user: sub, mailHost: {path: email, pattern: '@(.+)$'}}, required: true}\n    \
                     - {url: /nowhere, keep: {nothing: id}}\n    \
                     - {from: token_response, keep: {kind: token_type}}\n";
        integration(&app, steps).await;
        let page = connect(&app).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let config = only_connection(&app).await["connection_config"].clone();
        assert_eq!(config, json!({"user": "user_ada", "mailHost": "example.com", "kind": "Bearer"}));
    })
    .await;
}

#[tokio::test]
async fn without_a_fact_it_needs_nothing_is_stored() {
    on_each(async |app| {
        let steps = "  post_connection:\n    - {url: /api/me, keep: {site: no.such.thing}, required: true}\n";
        integration(&app, steps).await;
        let page = connect(&app).await;
        assert_eq!(page.status, 400);
        assert!(page.text.contains("did not say its site"), "{}", page.text);
        let answer = app.get("/connections").bearer(&app.api_key).send().await;
        assert_eq!(answer.json()["connections"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_deleted_connection_is_revoked_and_the_outcome_recorded() {
    on_each(async |app| {
        integration(&app, "").await;
        assert_eq!(connect(&app).await.status, 200);
        let id = only_connection(&app).await["connection_id"].as_str().unwrap().to_owned();
        let uri = format!("/connections/{id}?provider_config_key=own");
        let answer = app.call(Method::DELETE, uri).bearer(&app.api_key).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        recorded(&app, "connection.revoked_at_provider").await;
        assert!(app.emulator.stats()["revocations"].as_u64().unwrap() >= 1);
    })
    .await;
}

#[tokio::test]
async fn a_refused_revocation_is_recorded_and_the_connection_is_gone() {
    on_each(async |app| {
        let base = app.emulator.base_url().to_owned();
        integration(&app, &format!("  revocation_method: DELETE\n  revocation_params: {{}}\n  revocation_client: none\n  refresh_url: '{base}/oauth/token'\n")).await;
        assert_eq!(connect(&app).await.status, 200);
        let id = only_connection(&app).await["connection_id"].as_str().unwrap().to_owned();
        let uri = format!("/connections/{id}?provider_config_key=own");
        let answer = app.call(Method::DELETE, &uri).bearer(&app.api_key).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        recorded(&app, "connection.revocation_failed").await;
        assert_eq!(app.get(uri).bearer(&app.api_key).send().await.status, 404);
    })
    .await;
}

/// Waits until the audit trail holds the action.
async fn recorded(app: &TestApp, action: &str) {
    for _ in 0..200 {
        app.engine.recorder().flush().await.unwrap();
        let rows = app.engine.store().audit(app.environment.id, 50).await.unwrap();
        if rows.iter().any(|row| row.action == action) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{action} was not recorded");
}
