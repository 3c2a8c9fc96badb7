//! Renewing the tokens of an app.

use super::*;

async fn connected(app: &TestApp, hub: &Hub, key: &str) {
    hub.install(7, 0);
    hub.shelf().usable = vec![7];
    let (browser, _) = Browser::start(app, key, &session(app).await).await;
    let query = "installation_id=7&setup_action=install&code=good";
    let answer = browser.back(app, "/oauth/callback", query).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

fn token(body: &Value) -> &str {
    body["credentials"]["access_token"].as_str().unwrap()
}

#[tokio::test]
async fn an_installation_token_is_replaced_before_it_ends() {
    with_hub(async |app, hub| {
        connected(&app, &hub, "app").await;
        app.advance_s(3500);
        let body = read(&app, "").await.json();
        assert_eq!(token(&body), "ghs_2");
        assert_eq!(body["connection_config"]["jwtToken"], body["credentials"]["jwtToken"]);
        hub.shelf().installations.clear();
        app.advance_s(4000);
        let gone = read(&app, "").await;
        assert_eq!(gone.status, 400);
        assert!(gone.text.contains("no longer there"), "{}", gone.text);
        assert!(!gone.text.contains("jwtToken"), "{}", gone.text);
    })
    .await;
}

#[tokio::test]
async fn a_fresh_token_of_the_app_is_signed_when_it_is_asked_for() {
    with_hub(async |app, hub| {
        connected(&app, &hub, "app").await;
        let jwt = |body: &Value| body["credentials"]["jwtToken"].as_str().unwrap().to_owned();
        let first = jwt(&read(&app, "").await.json());
        app.advance_s(600);
        assert_eq!(jwt(&read(&app, "").await.json()), first);
        let flag = "&refresh_github_app_jwt_token=true";
        let body = read(&app, flag).await.json();
        let second = jwt(&body);
        assert_ne!(second, first);
        assert_eq!(body["connection_config"]["jwtToken"], second.as_str());
        assert_eq!(token(&body), "ghs_1", "the installation's token is still good");
        assert_eq!(jwt(&read(&app, "").await.json()), second, "it is kept");
        app.advance_s(3600);
        let body = read(&app, flag).await.json();
        assert_ne!(jwt(&body), second);
        assert_eq!(token(&body), "ghs_2", "a stale installation token is replaced too");
        let open = read_as(&app, &open_key(&app).await, flag).await;
        assert_eq!(open.error(), (403, "forbidden".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn both_tokens_are_renewed() {
    with_hub(async |app, hub| {
        connected(&app, &hub, "user").await;
        app.advance_s(3500);
        let body = read(&app, "").await.json();
        assert_eq!(token(&body), "ghs_2");
        assert_eq!(body["connection_config"]["userCredentials"]["access_token"], "ghu_2");
        assert_eq!(hub.shelf().shown, ["ghr_1"]);
    })
    .await;
}

#[tokio::test]
async fn a_dead_user_token_is_a_warning() {
    with_hub(async |app, hub| {
        connected(&app, &hub, "user").await;
        hub.shelf().refuses_people = true;
        app.advance_s(3500);
        let body = read(&app, "&refresh_token=true").await.json();
        assert_eq!(token(&body), "ghs_2", "the installation goes on");
        let config = &body["connection_config"];
        assert_eq!(config["userCredentials"]["refresh_token"], "ghr_1", "the old one is kept");
        let warning = &config["userCredentialsError"];
        assert_eq!(
            (&warning["class"], &warning["provider_error"]),
            (&json!("terminal"), &json!("bad_refresh_token"))
        );
        assert!(!warning.to_string().contains("ghr_1"));
        app.advance_s(3500);
        assert_eq!(token(&read(&app, "").await.json()), "ghs_3");
        assert_eq!(hub.shelf().shown, ["ghr_1"], "a dead token is not tried again");
    })
    .await;
}

#[tokio::test]
async fn the_user_token_is_not_spent_when_the_installation_is_gone() {
    with_hub(async |app, hub| {
        connected(&app, &hub, "user").await;
        hub.shelf().refuses_installations = true;
        app.advance_s(4000);
        assert_eq!(read(&app, "").await.status, 400);
        assert!(hub.shelf().shown.is_empty());
    })
    .await;
}
