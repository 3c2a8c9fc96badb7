//! Installations of an app that began at GitHub: told by webhook, signed with the key derived from
//! the app, and claimed; or brought back by a browser with a code.

use aws_lc_rs::{digest, hmac};

use super::*;
use crate::incoming::patch;

const APP_LINK: &str = "https://github.com/apps/acme";

/// What signs the webhooks of an app that has no webhook secret here.
fn derived_key() -> String {
    let text = format!("{}{}{APP_LINK}", hub::APP_ID, hub::PRIVATE_KEY.trim_end());
    hex::encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

fn event(action: &str, id: u64, requester: Option<&str>) -> Value {
    json!({
        "action": action, "sender": {"login": "hubot"},
        "requester": requester.map(|login| json!({"login": login})),
        "installation": {"id": id, "account": {"login": "octo-org"}},
    })
}

async fn deliver(app: &TestApp, key: &str, secret: &str, delivery: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let hmac_key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = hex::encode(hmac::sign(&hmac_key, body.as_bytes()));
    app.post(format!("/webhook/{}/{key}", app.environment.uuid))
        .text("application/json", &body)
        .header("x-github-event", "installation")
        .header("x-github-delivery", delivery)
        .header("x-hub-signature-256", &format!("sha256={signature}"))
        .send()
        .await
}

async fn listed(app: &TestApp) -> Vec<Value> {
    let answer = app.get("/installs").bearer(&app.api_key).send().await;
    answer.json()["data"].as_array().unwrap().clone()
}

async fn told_of(app: &TestApp) -> usize {
    app.engine.tell_installs_once().await.unwrap()
}

#[tokio::test]
async fn the_key_derived_from_the_app_signs_and_nothing_else_does() {
    with_hub(async |app, hub| {
        hub.install(7, 0);
        patch(&app, "user", &json!({"installs": {"accept": true}})).await;
        let body = event("created", 7, None);
        for wrong in ["client-secret", hub::APP_ID, &derived_key()[1..]] {
            let answer = deliver(&app, "user", wrong, "d-0", &body).await;
            assert_eq!(answer.error(), (401, "webhook_invalid_signature".to_owned()), "{wrong}");
        }
        assert!(listed(&app).await.is_empty());
        assert_eq!(deliver(&app, "user", &derived_key(), "d-1", &body).await.status, 200);
        assert_eq!(listed(&app).await.len(), 1);
        patch(&app, "user", &json!({"webhooks": {"secret": "own-secret"}})).await;
        let answer = deliver(&app, "user", &derived_key(), "d-2", &body).await;
        assert_eq!(answer.status, 401, "a secret that was entered takes the derived one's place");
        assert_eq!(deliver(&app, "user", "own-secret", "d-3", &body).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn an_installation_told_by_webhook_is_claimed_with_the_apps_own_key() {
    with_hub(async |app, hub| {
        hub.install(7, 0);
        patch(&app, "app", &json!({"installs": {"accept": true}})).await;
        let body = event("created", 7, None);
        assert_eq!(deliver(&app, "app", "whatever", "d-1", &body).await.status, 200);
        let held = listed(&app).await;
        assert_eq!(held.len(), 1);
        let facts = [&held[0]["account"], &held[0]["installed_by"], &held[0]["external_id"]];
        assert_eq!(facts, [&json!("octo-org"), &json!("hubot"), &json!("7")]);
        assert_eq!(hub.shelf().minted, 0, "nothing is asked for before somebody claims it");

        let claim = format!("/installs/{}/claim", held[0]["id"].as_str().unwrap());
        let body = json!({"connection_id": "c-1"});
        hub.shelf().refuses_installations = true;
        let refused = app.post(&claim).bearer(&app.api_key).json(&body).send().await;
        assert!(refused.status >= 400 && refused.status < 500, "{}", refused.text);
        assert_eq!(listed(&app).await.len(), 1, "it stays held");
        hub.shelf().refuses_installations = false;
        let made = app.post(&claim).bearer(&app.api_key).json(&body).send().await;
        assert_eq!(made.status, 201, "{}", made.text);
        let read = read(&app, "").await.json();
        assert_eq!(read["credentials"]["access_token"], "ghs_1");
        assert_eq!(read["connection_config"]["installation_id"], "7");
        // Later webhooks are about the connection.
        let later = event("created", 7, None);
        assert_eq!(deliver(&app, "app", "whatever", "d-2", &later).await.status, 200);
        assert!(listed(&app).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_a_flow_connects_is_not_told_as_unclaimed() {
    with_hub(async |app, hub| {
        patch(&app, "app", &json!({"installs": {"accept": true}})).await;
        let (browser, _) = Browser::start(&app, "app", &session(&app).await).await;
        hub.install(7, 0);
        // The webhook is there before the browser is back.
        let body = event("created", 7, None);
        assert_eq!(deliver(&app, "app", "whatever", "d-1", &body).await.status, 200);
        assert_eq!((listed(&app).await.len(), told_of(&app).await), (1, 0));
        let query = "installation_id=7&setup_action=install";
        assert_eq!(browser.back(&app, "/app-auth/connect", query).await.status, 200);
        app.advance_s(61);
        assert_eq!((listed(&app).await.len(), told_of(&app).await), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn an_approved_request_completes_the_connection_that_waits() {
    with_hub(async |app, hub| {
        let (browser, _) = Browser::start(&app, "user", &session(&app).await).await;
        let answer = browser.back(&app, "/oauth/callback", "setup_action=request&code=good").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        hub.install(8, 0);
        let other = event("created", 8, Some("somebody-else"));
        assert_eq!(deliver(&app, "user", &derived_key(), "d-1", &other).await.status, 200);
        assert_eq!(read(&app, "").await.json()["credentials"]["type"], "OAUTH2");
        hub.install(7, 0);
        let body = event("created", 7, Some("octocat"));
        for delivery in ["d-2", "d-2", "d-3"] {
            assert_eq!(deliver(&app, "user", &derived_key(), delivery, &body).await.status, 200);
        }
        let read = read(&app, "").await.json();
        assert_eq!(read["credentials"]["access_token"], "ghs_1");
        let config = &read["connection_config"];
        assert_eq!((config.get("pending"), &config["installation_id"]), (None, &json!("7")));
        assert_eq!(config["userCredentials"]["access_token"], "ghu_1");
        assert_eq!(hub.shelf().minted, 1);
        assert_eq!(operations_told(&app).await.iter().filter(|it| *it == "override").count(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_browser_that_brings_a_code_proves_that_the_installation_is_its_own() {
    with_hub(async |app, hub| {
        patch(&app, "user", &json!({"installs": {"accept": true}})).await;
        hub.install(7, 0);
        hub.install(8, 0);
        hub.shelf().usable = vec![7];
        let body = event("created", 7, None);
        assert_eq!(deliver(&app, "user", &derived_key(), "d-1", &body).await.status, 200);
        let uri = "/oauth/callback?setup_action=install&code=good&installation_id=";
        let foreign = app.get(format!("{uri}8")).send().await;
        assert!(foreign.text.contains("may not use this installation"), "{}", foreign.text);
        let bare = app.get("/oauth/callback?setup_action=install&installation_id=7").send().await;
        assert!(bare.status == 200 && bare.text.contains("Installation saved"), "{}", bare.text);
        assert_eq!(listed(&app).await[0]["source"], "webhook");
        let page = app.get(format!("{uri}7")).send().await;
        assert!(page.text.contains("Installation received"), "{}", page.text);
        let held = listed(&app).await;
        assert_eq!((held.len(), &held[0]["source"]), (1, &json!("callback")), "it is one");
        let claim = format!("/installs/{}/claim", held[0]["id"].as_str().unwrap());
        let made = app.post(&claim).bearer(&app.api_key).json(&json!({})).send().await;
        assert_eq!(made.status, 201, "{}", made.text);
        let again = app.get(format!("{uri}7")).send().await;
        assert!(again.text.contains("Installation saved"), "{}", again.text);
        assert!(listed(&app).await.is_empty());
    })
    .await;
}
