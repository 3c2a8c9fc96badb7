//! Installations that begin at the provider.

use super::*;

#[tokio::test]
async fn it_begins_with_a_connection_that_waits() {
    on_each(async |app| {
        let body = json!({"provider": "sentry-oauth", "unique_key": "sentry", "credentials": {
            "type": "OAUTH2", "client_id": "c", "client_secret": "s"}});
        let made = app.post("/integrations").bearer(&app.api_key).json(&body).send().await;
        assert_eq!(made.status, 200, "{}", made.text);
        let token = session(&app).await;
        let redirect = app.get(format!("/oauth/connect/sentry?connect_session_token={token}&params[hostname]=sentry.io&params[actor]=12"));
        let redirect = redirect.send().await;
        assert!(redirect.text.contains("data-error-type=\"auth_mode_err\""), "{}", redirect.text);
        let uri = format!(
            "/auth/oauth-outbound/sentry?connect_session_token={token}&params[hostname]=de.sentry.io&params[actor]=12"
        );
        let answer = app.post(&uri).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let body = answer.json();
        assert_eq!((&body["isPending"], &body["providerConfigKey"]), (&json!(true), &json!("sentry")));
        let body = read(&app, "").await.json();
        assert_eq!(body["credentials"], json!({"type": "OAUTH2"}));
        let config = &body["connection_config"];
        assert_eq!((&config["pending"], &config["actor"]), (&json!(true), &json!("12")));
        assert!(config["pendingLog"].is_string());

        app.integration("emulator-oauth2", "notes").await;
        let other = app.post(format!("/auth/oauth-outbound/notes?connect_session_token={}", session(&app).await));
        assert_eq!(other.send().await.error(), (400, "invalid_auth_mode".to_owned()));
    })
    .await;
}
