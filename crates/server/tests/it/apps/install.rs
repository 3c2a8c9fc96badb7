//! Installing: what is accepted, and what is not.

use super::*;

#[tokio::test]
async fn an_installation_made_just_now_is_connected() {
    with_hub(async |app, hub| {
        let preset = json!({"tags": {"team": "a"}, "integrations_config_defaults": {
            "app": {"connection_config": {"plan": "pro"}}}});
        let (browser, page) = Browser::start(&app, "app", &app.session(preset).await).await;
        assert!(
            page.starts_with("https://github.com/apps/acme/installations/new?state="),
            "{page}"
        );
        hub.install(7, 0);
        let query = "installation_id=7&setup_action=install";
        let answer = browser.back(&app, "/app-auth/connect", query).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(told(&app).await["is_pending"], false);
        let body = read(&app, "").await.json();
        let credentials = &body["credentials"];
        assert_eq!(credentials["type"], "APP");
        assert_eq!(credentials["access_token"], "ghs_1");
        assert_eq!(credentials["expires_at"], "2026-03-01T10:10:11.120Z");
        assert_eq!(credentials["raw"]["permissions"]["contents"], "read");
        let jwt = credentials["jwtToken"].as_str().unwrap();
        let config =
            json!({"plan": "pro", "installation_id": "7", "app_id": "4711", "jwtToken": jwt});
        assert_eq!(body["connection_config"], config);
        assert_eq!(body["tags"], json!({"team": "a"}));

        let hidden = read_as(&app, &open_key(&app).await, "").await.json();
        let open = json!({"plan": "pro", "installation_id": "7", "app_id": "4711"});
        assert_eq!(hidden["connection_config"], open);
        assert_eq!(hidden["credentials"], json!({}));
        let again = browser.back(&app, "/app-auth/connect", query).await;
        assert_eq!(again.status, 400, "a state counts once");
    })
    .await;
}

#[tokio::test]
async fn an_installation_that_is_not_proven_is_refused() {
    with_hub(async |app, hub| {
        hub.install(8, 3600);
        hub.install(666, 0);
        hub.install(9, 0);
        hub.shelf().installations.get_mut(&9).unwrap()["suspended_at"] =
            "2026-03-01T00:00:00Z".into();
        for (query, words) in [
            ("installation_id=5&setup_action=install", "does not belong to the app"),
            ("installation_id=666&setup_action=install", "does not belong to the app"),
            ("installation_id=8&setup_action=install", "was there before"),
            ("installation_id=9&setup_action=install", "suspended"),
            ("installation_id=7%2F..%2F8&setup_action=install", "unknown form"),
            ("setup_action=request", "approved by an owner"),
            ("error=access_denied&installation_id=8", "not granted"),
            // A code proves nothing where nobody can exchange it.
            ("installation_id=8&setup_action=install&code=good", "was there before"),
        ] {
            let (browser, _) = Browser::start(&app, "app", &session(&app).await).await;
            let answer = browser.back(&app, "/app-auth/connect", query).await;
            assert_refused(&app, &answer, words).await;
        }
        assert_eq!(hub.shelf().minted, 0);
    })
    .await;
}

#[tokio::test]
async fn another_browser_cannot_finish_it() {
    with_hub(async |app, hub| {
        hub.install(7, 0);
        let (browser, _) = Browser::start(&app, "app", &session(&app).await).await;
        let other = Browser { cookie: "valetkey_oauth_x=y".to_owned(), ..browser };
        let query = "installation_id=7&setup_action=install";
        let answer = other.back(&app, "/app-auth/connect", query).await;
        assert_refused(&app, &answer, "started in another browser").await;
        let late = session(&app).await;
        let (browser, _) = Browser::start(&app, "app", &late).await;
        app.advance_s(3601);
        hub.install(7, 0);
        let answer = browser.back(&app, "/app-auth/connect", query).await;
        assert_refused(&app, &answer, "").await;
    })
    .await;
}

#[tokio::test]
async fn the_cookie_of_an_installation_is_sent_to_both_addresses() {
    with_hub(async |app, _| {
        let uri = format!("/oauth/connect/app?connect_session_token={}", session(&app).await);
        let answer = app.get(uri).send().await;
        assert!(answer.header("set-cookie").contains("; Path=/;"));
    })
    .await;
}

#[tokio::test]
async fn a_repair_may_be_of_an_old_installation() {
    with_hub(async |app, hub| {
        hub.install(7, 0);
        let (browser, _) = Browser::start(&app, "app", &session(&app).await).await;
        browser.back(&app, "/app-auth/connect", "installation_id=7&setup_action=install").await;
        let id = stored(&app).await[0]["connection_id"].clone();
        app.advance_s(86_400);
        hub.install(8, 86_400);
        for (installation, status) in [("8", 400), ("7", 200)] {
            let body = json!({"connection_id": id, "integration_id": "app"});
            let made = app
                .post("/connect/sessions/reconnect")
                .bearer(&app.api_key)
                .json(&body)
                .send()
                .await;
            let token = made.json()["data"]["token"].as_str().unwrap().to_owned();
            let (browser, _) = Browser::start(&app, "app", &token).await;
            let query = format!("installation_id={installation}&setup_action=update");
            let answer = browser.back(&app, "/app-auth/connect", &query).await;
            assert_eq!(answer.status, status, "{}", answer.text);
        }
        let body = read(&app, "").await.json();
        assert_eq!(body["connection_config"]["installation_id"], "7");
        assert_eq!(body["connection_id"], id);
    })
    .await;
}

#[tokio::test]
async fn a_change_made_in_the_providers_settings_ends_on_a_page_of_ours() {
    with_hub(async |app, _| {
        let uri = "/app-auth/connect?installation_id=7&setup_action=update";
        let answer = app.get(uri).header("referer", "https://evil.example").send().await;
        assert_eq!(answer.status, 200);
        assert!(answer.text.contains("Installation saved"));
        assert!(!answer.headers.contains_key("location"));
        assert_eq!(app.get("/app-auth/connect").send().await.status, 400);
    })
    .await;
}

#[tokio::test]
async fn with_an_oauth_client_the_person_is_asked_for() {
    with_hub(async |app, hub| {
        let custom =
            json!({"custom": {"oauth_client_id": "Iv1", "oauth_client_secret": "client-secret"}});
        let changed = app.call(http::Method::PATCH, "/integrations/app").bearer(&app.api_key);
        let changed = changed.json(&custom).send().await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        hub.install(7, 86_400);
        let query = "installation_id=7&setup_action=install&code=good";
        let (browser, _) = Browser::start(&app, "app", &session(&app).await).await;
        let answer = browser.back(&app, "/oauth/callback", query).await;
        assert_refused(&app, &answer, "may not use this installation").await;
        hub.shelf().usable = (1000..1150).chain([7]).collect();
        let (browser, _) = Browser::start(&app, "app", &session(&app).await).await;
        let answer = browser.back(&app, "/oauth/callback", query).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let config = read(&app, "").await.json()["connection_config"].clone();
        assert_eq!(config.get("userCredentials"), None, "the person only proved who they are");
    })
    .await;
}
