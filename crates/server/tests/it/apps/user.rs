//! Apps with their user's token.

use super::*;

const INSTALLED: &str = "installation_id=7&setup_action=install&code=good";

#[tokio::test]
async fn the_installation_and_the_person_are_kept_together() {
    with_hub(async |app, hub| {
        hub.install(7, 86_400);
        hub.shelf().usable = vec![7];
        let (browser, _) = Browser::start(&app, "user", &session(&app).await).await;
        let answer = browser.back(&app, "/oauth/callback", INSTALLED).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(told(&app).await["is_pending"], false);
        let body = read(&app, "&refresh_token=true").await.json();
        assert_eq!(body["credentials"]["type"], "APP");
        assert_eq!(body["credentials"]["access_token"], "ghs_1");
        let config = &body["connection_config"];
        assert_eq!(config["handle"], "octocat");
        assert_eq!(config["installation_id"], "7");
        let user = &config["userCredentials"];
        assert_eq!(user["type"], "OAUTH2");
        assert_eq!(
            (&user["access_token"], &user["refresh_token"]),
            (&json!("ghu_1"), &json!("ghr_1"))
        );
        assert_eq!(user["expires_at"], "2026-03-01T17:10:11.120Z");
        assert_eq!(config.get("pending"), None);
        let plain = read(&app, "").await;
        assert!(!plain.text.contains("ghr_1"), "{}", plain.text);
        let hidden = read_as(&app, &open_key(&app).await, "").await;
        assert_eq!(hidden.status, 200);
        assert!(!hidden.text.contains("ghu_1") && !hidden.text.contains("jwtToken"));
        assert_eq!(operations_told(&app).await, ["creation"], "one authorization, one event");
    })
    .await;
}

#[tokio::test]
async fn a_person_without_access_is_refused() {
    with_hub(async |app, hub| {
        hub.install(7, 0);
        for (query, words) in [
            (INSTALLED, "may not use this installation"),
            ("installation_id=7&setup_action=install&code=bad", "refused the authorization"),
            ("installation_id=5&setup_action=install&code=good", "does not belong to the app"),
        ] {
            let (browser, _) = Browser::start(&app, "user", &session(&app).await).await;
            let answer = browser.back(&app, "/oauth/callback", query).await;
            assert_refused(&app, &answer, words).await;
        }
        assert_eq!(hub.shelf().minted, 0);
    })
    .await;
}

#[tokio::test]
async fn an_installation_that_waits_for_an_owner_is_pending() {
    with_hub(async |app, hub| {
        let (browser, _) = Browser::start(&app, "user", &session(&app).await).await;
        let answer = browser.back(&app, "/oauth/callback", "setup_action=request&code=good").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(told(&app).await["is_pending"], true);
        let body = read(&app, "").await.json();
        assert_eq!(body["credentials"]["type"], "OAUTH2");
        assert_eq!(body["credentials"]["access_token"], "ghu_1");
        let config = &body["connection_config"];
        assert_eq!((&config["pending"], &config["app_id"]), (&json!(true), &json!("4711")));
        assert_eq!(config["handle"], "octocat");
        assert!(config["pendingLog"].is_string());
        assert_eq!(config["userCredentials"]["access_token"], "ghu_1");

        app.advance_s(28_000);
        let body = read(&app, "").await.json();
        assert_eq!(body["credentials"]["access_token"], "ghu_2");
        assert_eq!(body["connection_config"]["userCredentials"]["access_token"], "ghu_2");
        assert_eq!(hub.shelf().minted, 0);

        // Approved, the same connection is completed by connecting once more.
        hub.install(7, 10);
        hub.shelf().usable = vec![7];
        let reconnect = json!({"connection_id": body["connection_id"], "integration_id": "user"});
        let made = app.post("/connect/sessions/reconnect").bearer(&app.api_key);
        let made = made.json(&reconnect).send().await;
        let token = made.json()["data"]["token"].as_str().unwrap().to_owned();
        let (browser, _) = Browser::start(&app, "user", &token).await;
        assert_eq!(browser.back(&app, "/oauth/callback", INSTALLED).await.status, 200);
        let body = read(&app, "").await.json();
        assert_eq!(body["credentials"]["type"], "APP");
        let config = &body["connection_config"];
        assert_eq!((config.get("pending"), config.get("pendingLog")), (None, None));
    })
    .await;
}

#[tokio::test]
async fn an_update_without_a_code_needs_a_fresh_installation() {
    with_hub(async |app, hub| {
        hub.install(7, 3600);
        let query = "installation_id=7&setup_action=update";
        let (browser, _) = Browser::start(&app, "user", &session(&app).await).await;
        let answer = browser.back(&app, "/oauth/callback", query).await;
        assert_refused(&app, &answer, "was there before").await;
        hub.install(7, 0);
        let (browser, _) = Browser::start(&app, "user", &session(&app).await).await;
        assert_eq!(browser.back(&app, "/oauth/callback", query).await.status, 200);
        assert_eq!(read(&app, "").await.json()["credentials"]["type"], "APP");
    })
    .await;
}
