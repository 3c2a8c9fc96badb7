//! The redirect flow, from the first address in the popup to the page at its end.

use serde_json::{Value, json};

use crate::app::{Answer, PUBLIC_URL, TestApp, on_each};

const WAITING: &str = "0e3a5a1e-6d6b-4a8f-9c70-1b7b6d1e2f3a";

/// A browser that has been sent to the provider.
struct AtProvider {
    authorize_url: String,
    cookie: String,
}

async fn start(app: &TestApp, more: &str) -> AtProvider {
    app.integration("emulator-oauth2", "notes").await;
    let token = app.session(json!({"tags": {"team": "a"}})).await;
    let uri =
        format!("/oauth/connect/notes?connect_session_token={token}&ws_client_id={WAITING}{more}");
    let answer = app.get(uri).send().await;
    assert_eq!(answer.status, 302, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    AtProvider { authorize_url: answer.location(), cookie: answer.cookie() }
}

async fn result(app: &TestApp) -> Value {
    let answer = app.get(format!("/connect/result/{WAITING}")).send().await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let data = answer.json()["data"].clone();
    assert_eq!(answer.status, if data.is_null() { 202 } else { 200 });
    data
}

fn assert_failure_page(answer: &Answer, error_type: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.header("content-type").starts_with("text/html"));
    let expected = format!("data-error-type=\"{error_type}\"");
    assert!(answer.text.contains(&expected), "no {expected} in {}", answer.text);
    assert!(answer.text.contains("callback.js"));
}

#[tokio::test]
async fn a_connection_is_made_and_everybody_told() {
    on_each(async |app| {
        let browser = start(&app, "").await;
        assert!(browser.authorize_url.contains("code_challenge_method=S256"));
        assert!(
            browser
                .authorize_url
                .contains("redirect_uri=http%3A%2F%2Flocalhost%3A3003%2Foauth%2Fcallback")
        );
        assert_eq!(result(&app).await, Value::Null);
        let back = app.visit_provider(&browser.authorize_url, "auto=approve").await;
        let page = app.get(&back).cookie(&browser.cookie).send().await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(page.text.contains("data-outcome=\"success\""));
        assert!(page.header("set-cookie").contains("Max-Age=0"));
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("cache-control"), "no-store");
        assert!(!page.text.contains("<style") && !page.text.contains("<script>"));

        let told = result(&app).await;
        assert_eq!(told["message_type"], "success");
        assert_eq!(told["provider_config_key"], "notes");
        assert_eq!(told["is_pending"], false);
        let id = told["connection_id"].as_str().unwrap();
        let row = app.engine.store().connection(app.environment.id, "notes", id).await.unwrap();
        assert_eq!(row.unwrap().tags, r#"{"team":"a"}"#);
    })
    .await;
}

#[tokio::test]
async fn a_flow_in_the_tab_of_the_connect_ui_leads_back_to_it() {
    on_each(async |app| {
        let back_to_it = format!("{PUBLIC_URL}/connect-ui/?flow={WAITING}&lang=fr");
        let browser = start(&app, "&same_tab=true&lang=fr").await;
        let back = app.visit_provider(&browser.authorize_url, "auto=approve").await;
        let answer = app.get(&back).cookie(&browser.cookie).send().await;
        assert_eq!((answer.status, answer.location()), (303, back_to_it.clone()));
        assert_eq!(result(&app).await["message_type"], "success");

        let gone = format!(
            "/oauth/connect/notes?connect_session_token=nango_connect_session_{}&ws_client_id={WAITING}\
             &same_tab=true&lang=fr",
            "0".repeat(64)
        );
        let answer = app.get(gone).send().await;
        assert_eq!((answer.status, answer.location()), (303, back_to_it));
    })
    .await;
}

#[tokio::test]
async fn the_last_page_speaks_the_language_the_flow_began_in() {
    on_each(async |app| {
        let browser = start(&app, "&lang=de").await;
        let back = app.visit_provider(&browser.authorize_url, "auto=deny").await;
        let page =
            app.get(&back).cookie(&browser.cookie).header("accept-language", "fr").send().await;
        assert_failure_page(&page, "callback_err");
        assert!(page.text.contains("<html lang=\"de\">"), "{}", page.text);
        let told = result(&app).await;
        assert_eq!(told["cause"], "declined");
        let reference = told["operation_id"].as_str().unwrap();
        assert!(page.text.contains(reference), "the page shows the log's reference");

        let stranger = app.get("/oauth/callback").header("accept-language", "ja").send().await;
        assert!(stranger.text.contains("<html lang=\"ja\">"));
    })
    .await;
}

#[tokio::test]
async fn the_cookie_is_for_this_flow_only() {
    on_each(async |app| {
        app.integration("emulator-oauth2", "notes").await;
        let token = app.session(json!({"tags": {"a": "b"}})).await;
        let uri = format!("/oauth/connect/notes?connect_session_token={token}");
        let answer = app.get(uri).send().await;
        let line = answer.header("set-cookie");
        for part in ["; Path=/oauth;", "; Max-Age=3600;", "; HttpOnly", "; SameSite=Lax"] {
            assert!(line.contains(part), "no {part} in {line}");
        }
        assert!(!line.contains("Secure"), "the public URL is plain HTTP");
    })
    .await;
}

#[tokio::test]
async fn a_state_works_once() {
    on_each(async |app| {
        let browser = start(&app, "").await;
        let back = app.visit_provider(&browser.authorize_url, "auto=approve").await;
        let first = app.get(&back).cookie(&browser.cookie).send().await;
        assert_eq!(first.status, 200);
        let again = app.get(&back).cookie(&browser.cookie).send().await;
        assert_failure_page(&again, "state_err");
        assert_eq!(result(&app).await["message_type"], "success", "the first outcome stays");
    })
    .await;
}

#[tokio::test]
async fn another_browser_cannot_finish_a_flow() {
    on_each(async |app| {
        let browser = start(&app, "").await;
        let back = app.visit_provider(&browser.authorize_url, "auto=approve").await;
        let name = browser.cookie.split('=').next().unwrap();
        let page = app.get(&back).cookie(&format!("{name}=somebody-else")).send().await;
        assert_failure_page(&page, "state_cookie_err");
        assert_eq!(result(&app).await["error_type"], "state_cookie_err");
        let later = app.get(&back).cookie(&browser.cookie).send().await;
        assert_failure_page(&later, "state_err");
    })
    .await;
}

#[tokio::test]
async fn a_flow_that_took_too_long_has_ended() {
    on_each(async |app| {
        let browser = start(&app, "").await;
        let back = app.visit_provider(&browser.authorize_url, "auto=approve").await;
        app.advance_s(60 * 60);
        let page = app.get(&back).cookie(&browser.cookie).send().await;
        assert_failure_page(&page, "state_err");
    })
    .await;
}

#[tokio::test]
async fn declining_is_told_with_the_providers_words_and_a_reference() {
    on_each(async |app| {
        let browser = start(&app, "").await;
        let back = app.visit_provider(&browser.authorize_url, "auto=deny").await;
        let page = app.get(&back).cookie(&browser.cookie).send().await;
        assert_failure_page(&page, "callback_err");
        assert!(page.text.contains("the user declined"));
        assert!(page.text.contains("<dt>Reference</dt>"));
        assert!(page.header("set-cookie").contains("Max-Age=0"));
        let told = result(&app).await;
        assert_eq!(told["message_type"], "error");
        assert_eq!(told["error_type"], "callback_err");
        assert_eq!(told["provider_config_key"], "notes");
    })
    .await;
}

#[tokio::test]
async fn odd_parameters_beside_a_code_are_not_a_failure() {
    on_each(async |app| {
        let browser = start(&app, "").await;
        let back = app.visit_provider(&browser.authorize_url, "auto=approve").await;
        let odd = format!("{back}&status_code=200&error_message=&x=%E9%ZZ&scope=a%20b");
        let page = app.get(odd).cookie(&browser.cookie).send().await;
        assert_eq!(page.status, 200, "{}", page.text);
    })
    .await;
}

#[tokio::test]
async fn what_a_page_shows_is_text() {
    on_each(async |app| {
        let page = app.get("/oauth/callback?error=%3Cscript%3Ealert(1)%3C/script%3E").send().await;
        assert_failure_page(&page, "state_err");
        assert!(!page.text.contains("<script>"));
        let token = app.session(json!({"tags": {"a": "b"}})).await;
        let uri = format!("/oauth/connect/%22%3E%3Cb%3E?connect_session_token={token}");
        let page = app.get(uri).send().await;
        assert_eq!(page.status, 400);
        assert!(!page.text.contains("<b>"));
    })
    .await;
}

#[tokio::test]
async fn a_flow_that_cannot_begin_ends_as_a_page_and_is_told() {
    on_each(async |app| {
        app.integration("emulator-oauth2", "notes").await;
        app.integration("emulator-oauth2", "other").await;
        app.integration("emulator-api-key", "keys").await;
        let token = app
            .session(json!({"tags": {"a": "b"}, "allowed_integrations": ["notes", "keys"]}))
            .await;
        let unknown = format!("nango_connect_session_{}", "0".repeat(64));
        let cases = [
            ("notes?", "missing_public_key".to_owned()),
            ("notes?public_key=x&", "deprecated_authentication".to_owned()),
            ("notes?connect_session_token=x&", "invalid_connect_session_token_format".to_owned()),
            (
                &format!("notes?connect_session_token={unknown}&"),
                "unknown_connect_session_token".to_owned(),
            ),
            (
                &format!("notes?connect_session_token={token}&connection_id=x&"),
                "invalid_query_params".to_owned(),
            ),
            (
                &format!("notes?connect_session_token={token}&params[a]=%ZZ&"),
                "invalid_query_params".to_owned(),
            ),
            (
                &format!("other?connect_session_token={token}&"),
                "integration_not_allowed".to_owned(),
            ),
            (&format!("missing?connect_session_token={token}&"), "provider_config_err".to_owned()),
            (&format!("keys?connect_session_token={token}&"), "auth_mode_err".to_owned()),
        ];
        for (index, (query, code)) in cases.into_iter().enumerate() {
            let waiting = format!("0e3a5a1e-6d6b-4a8f-9c70-{index:012}");
            let page =
                app.get(format!("/oauth/connect/{query}ws_client_id={waiting}")).send().await;
            assert_failure_page(&page, &code);
            let told = app.get(format!("/connect/result/{waiting}")).send().await;
            assert_eq!(told.status, 200, "{code}");
            assert_eq!(told.json()["data"]["error_type"], code);
            assert!(!told.json()["data"]["error_desc"].as_str().unwrap().is_empty());
        }
        app.advance_s(31 * 60);
        let expired =
            app.get(format!("/oauth/connect/notes?connect_session_token={token}")).send().await;
        assert_failure_page(&expired, "unknown_connect_session_token");
    })
    .await;
}

#[tokio::test]
async fn a_callback_address_of_the_customers_is_what_the_provider_gets() {
    on_each(async |app| {
        let url = "http://auth.localhost/oauth-callback".to_owned();
        app.engine
            .update_environment_settings(app.environment.id, "test", |settings| {
                settings.callback_url = Some(url);
            })
            .await
            .unwrap();
        let browser = start(&app, "").await;
        assert!(
            browser
                .authorize_url
                .contains("redirect_uri=http%3A%2F%2Fauth.localhost%2Foauth-callback")
        );
        assert!(!browser.authorize_url.contains(PUBLIC_URL));
    })
    .await;
}
