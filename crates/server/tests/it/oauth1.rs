//! OAUTH1: the redirect flow with signed requests, at a small provider that verifies each of them.

mod provider;

use serde_json::{Value, json};

use self::provider::Provider;
use crate::app::{Answer, PUBLIC_URL, TestApp, on_each};

const WAITING: &str = "0e3a5a1e-6d6b-4a8f-9c70-1b7b6d1e2f3b";

/// Starts a provider and makes the integration `own` at it.
async fn provider(app: &TestApp, consumer_secret: &str) -> Provider {
    let provider = Provider::default();
    let base = app.serve_beside(provider.router()).await;
    provider.0.lock().unwrap().base_url.clone_from(&base);
    let entry = ENTRY.replace("BASE", &base);
    let (catalog, findings) = app.engine.catalog().overlay(&entry, "own").unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    app.engine.set_catalog(catalog);
    let request = json!({
        "provider": "own", "unique_key": "own",
        "credentials": {
            "type": "OAUTH1", "client_id": provider::CONSUMER_KEY, "client_secret": consumer_secret,
            "scopes": "read,write"
        },
    });
    let made = app.post("/integrations").bearer(&app.api_key).json(&request).send().await;
    assert_eq!(made.status, 200, "{}", made.text);
    provider
}

const ENTRY: &str = "
own:
  display_name: Own
  auth_mode: OAUTH1
  request_url: 'BASE/request?kind=a+b'
  request_params: {access: 'read & write'}
  authorization_url: BASE/authorize
  authorization_params: {expiration: never}
  token_url: BASE/access
  signature_method: HMAC-SHA1
  scope_separator: ','
  redirect_uri_metadata: [realm]
  connection_config:
    user: {type: string, automated: true}
  proxy: {base_url: BASE, query: {view: 'one two'}}
  post_connection:
    - {url: '/me?field=a%2Bb', keep: {user: name}, required: true}
";

async fn start(app: &TestApp, session: &str) -> Answer {
    let uri = format!("/oauth/connect/own?connect_session_token={session}&ws_client_id={WAITING}");
    app.get(uri).send().await
}

/// Begins a flow. What the provider is asked in the browser, and the browser's cookie.
async fn sent_away(app: &TestApp) -> (String, String) {
    let session = app.session(json!({"tags": {"team": "a"}})).await;
    let answer = start(app, &session).await;
    assert_eq!(answer.status, 302, "{}", answer.text);
    (answer.location(), answer.cookie())
}

/// Follows the browser to the provider and back.
fn back(provider: &Provider, page: &str) -> String {
    let back = provider.visit(page);
    let path = back.strip_prefix(PUBLIC_URL);
    path.unwrap_or_else(|| panic!("sent elsewhere: {back}")).to_owned()
}

async fn connected(app: &TestApp, provider: &Provider) -> Value {
    let (page, cookie) = sent_away(app).await;
    let done = app.get(back(provider, &page)).cookie(&cookie).send().await;
    assert_eq!(done.status, 200, "{}", done.text);
    only_connection(app).await
}

async fn only_connection(app: &TestApp) -> Value {
    let answer = app.get("/connections").bearer(&app.api_key).send().await;
    let connections = answer.json()["connections"].as_array().unwrap().clone();
    assert_eq!(connections.len(), 1, "{}", answer.text);
    let id = connections[0]["connection_id"].as_str().unwrap().to_owned();
    let uri = format!("/connections/{id}?provider_config_key=own");
    app.get(uri).bearer(&app.api_key).send().await.json()
}

async fn assert_nothing_stored(app: &TestApp) {
    let answer = app.get("/connections").bearer(&app.api_key).send().await;
    assert_eq!(answer.json()["connections"], json!([]));
}

/// What the waiting page is told of a failure.
async fn told(app: &TestApp) -> (String, String) {
    let answer = app.get(format!("/connect/result/{WAITING}")).send().await;
    let data = answer.json()["data"].clone();
    let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
    (text("error_type"), text("error_desc"))
}

#[tokio::test]
async fn a_connection_is_made_and_calls_are_signed() {
    on_each(async |app| {
        let provider = provider(&app, provider::CONSUMER_SECRET).await;
        let connection = connected(&app, &provider).await;
        assert_eq!(
            connection["credentials"],
            json!({
                "type": "OAUTH1", "oauth_token": "a2", "oauth_token_secret": "a2-secret",
                "raw": {"oauth_token": "a2", "oauth_token_secret": "a2-secret", "user_id": "7"}
            })
        );
        // The name was told in answer to a call that was signed with the new token.
        assert_eq!(connection["connection_config"], json!({"user": "Ann", "realm": "r 1"}));
        let asked = provider.0.lock().unwrap().authorization.clone();
        let asked = |name: &str| asked.get(name).cloned().unwrap_or_default();
        assert_eq!((asked("scope"), asked("expiration")), ("read,write".into(), "never".into()));
        assert!(
            asked("oauth_callback").starts_with(&format!("{PUBLIC_URL}/oauth/callback?state="))
        );

        app.advance_s(400 * 86_400);
        assert_eq!(only_connection(&app).await["credentials"], connection["credentials"]);
        assert_eq!(provider.0.lock().unwrap().signed, 3, "such tokens do not age");
    })
    .await;
}

#[tokio::test]
async fn an_answer_for_another_flow_is_refused() {
    on_each(async |app| {
        let provider = provider(&app, provider::CONSUMER_SECRET).await;
        let (page, cookie) = sent_away(&app).await;
        let (other, _) = sent_away(&app).await;
        // The victim's browser brings the attacker's token and verifier to its own state.
        let mine = back(&provider, &page);
        let theirs = back(&provider, &other);
        let pair = |path: &str| path.split_once("&oauth_token=").unwrap().1.to_owned();
        let (state, _) = mine.split_once("&oauth_token=").unwrap();
        let mixed = format!("{state}&oauth_token={}", pair(&theirs));
        let answer = app.get(mixed).cookie(&cookie).send().await;
        assert_eq!(answer.status, 400);
        let (code, words) = told(&app).await;
        assert_eq!(code, "callback_err");
        assert!(words.contains("another authorization"), "{words}");
        assert_nothing_stored(&app).await;
        let late = app.get(mine).cookie(&cookie).send().await;
        assert_eq!(late.status, 400, "a state is spent by the first answer");
        assert_eq!(provider.0.lock().unwrap().signed, 2, "nothing was exchanged");
    })
    .await;
}

#[tokio::test]
async fn declining_is_told_in_words_and_nothing_is_stored() {
    on_each(async |app| {
        let provider = provider(&app, provider::CONSUMER_SECRET).await;
        for (decision, words) in [
            ("denied=REQUEST", "declined at the provider"),
            ("oauth_token=REQUEST", "declined or not completed"),
            ("oauth_token=REQUEST&oauth_verifier=null", "declined or not completed"),
            ("oauth_problem=user_refused", "declined at the provider"),
            ("error=access_denied&error_description=she+said+no", "she said no"),
        ] {
            provider.0.lock().unwrap().decision = Some(decision.to_owned());
            let (page, cookie) = sent_away(&app).await;
            let answer = app.get(back(&provider, &page)).cookie(&cookie).send().await;
            assert_eq!(answer.status, 400, "{decision}");
            assert!(answer.text.contains("callback_err"), "{decision}: {}", answer.text);
            assert!(answer.text.contains(words), "{decision}: {}", answer.text);
        }
        assert_nothing_stored(&app).await;
    })
    .await;
}

#[tokio::test]
async fn a_provider_that_gives_no_request_token_is_quoted() {
    on_each(async |app| {
        let provider = provider(&app, provider::CONSUMER_SECRET).await;
        let session = app.session(json!({"tags": {"team": "a"}})).await;
        for (status, body, words) in [
            (401, "invalid key", "invalid key"),
            (401, "oauth_problem=consumer_key_unknown", "integration"),
            (500, "<html>down</html>", "for now"),
            (200, "<html>what</html>", "holds no token"),
            (200, "oauth_token=r&oauth_token_secret=s&oauth_callback_confirmed=false", "callback"),
        ] {
            provider.0.lock().unwrap().next_answer = Some((status, body.to_owned()));
            let page = start(&app, &session).await;
            assert_eq!(page.status, 400, "{body}");
            assert!(page.text.contains("data-error-type=\"token_err\""), "{body}: {}", page.text);
            assert!(page.text.contains(words), "{body}: {}", page.text);
        }
        assert_eq!(start(&app, &session).await.status, 302, "the session is still good");
    })
    .await;
}

#[tokio::test]
async fn a_wrong_consumer_secret_is_a_clear_error() {
    on_each(async |app| {
        provider(&app, "another").await;
        let session = app.session(json!({"tags": {"team": "a"}})).await;
        let page = start(&app, &session).await;
        assert_eq!(page.status, 400);
        let (code, words) = told(&app).await;
        assert_eq!(code, "token_err");
        assert!(words.contains("refused the integration's client"), "{words}");
        assert!(!page.text.contains("another"), "{}", page.text);
        assert_nothing_stored(&app).await;
    })
    .await;
}

#[tokio::test]
async fn a_failed_exchange_stores_nothing() {
    on_each(async |app| {
        let provider = provider(&app, provider::CONSUMER_SECRET).await;
        for (status, body) in
            [(401, "oauth_problem=token_rejected"), (503, ""), (200, "oauth_token=a"), (200, "{}")]
        {
            let (page, cookie) = sent_away(&app).await;
            let path = back(&provider, &page);
            provider.0.lock().unwrap().next_answer = Some((status, body.to_owned()));
            let answer = app.get(path).cookie(&cookie).send().await;
            assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        }
        assert_nothing_stored(&app).await;
    })
    .await;
}

#[tokio::test]
async fn authorizing_again_keeps_what_the_app_stored() {
    on_each(async |app| {
        let provider = provider(&app, provider::CONSUMER_SECRET).await;
        let before = connected(&app, &provider).await;
        let id = before["connection_id"].as_str().unwrap();
        let metadata = json!({
            "connection_id": id, "provider_config_key": "own", "metadata": {"plan": "pro"}
        });
        let set = app.post("/connections/metadata").bearer(&app.api_key).json(&metadata);
        assert_eq!(set.send().await.status, 201);

        let again = json!({"connection_id": id, "integration_id": "own"});
        let session =
            app.post("/connect/sessions/reconnect").bearer(&app.api_key).json(&again).send().await;
        let session = session.json()["data"]["token"].as_str().unwrap().to_owned();
        let sent = start(&app, &session).await;
        let path = back(&provider, &sent.location());
        let done = app.get(path).cookie(&sent.cookie()).send().await;
        assert_eq!(done.status, 200, "{}", done.text);
        let after = only_connection(&app).await;
        assert_ne!(after["credentials"]["oauth_token"], before["credentials"]["oauth_token"]);
        assert_eq!(after["metadata"], json!({"plan": "pro"}));
        for kept in ["id", "connection_id", "tags", "connection_config", "created_at"] {
            assert_eq!(after[kept], before[kept], "{kept}");
        }
    })
    .await;
}

#[tokio::test]
async fn tokens_can_be_imported() {
    on_each(async |app| {
        provider(&app, provider::CONSUMER_SECRET).await;
        let body = json!({
            "provider_config_key": "own", "connection_id": "mine",
            "credentials": {"type": "OAUTH1", "oauth_token": "t", "oauth_token_secret": "s"},
        });
        let made = app.post("/connections").bearer(&app.api_key).json(&body).send().await;
        assert_eq!(made.status, 201, "{}", made.text);
        let stored = json!({
            "type": "OAUTH1", "oauth_token": "t", "oauth_token_secret": "s",
            "raw": {"type": "OAUTH1", "oauth_token": "t", "oauth_token_secret": "s"}
        });
        assert_eq!(made.json()["credentials"], stored);
        let flat = json!({
            "provider_config_key": "own", "connection_id": "mine",
            "oauth_token": "t2", "oauth_token_secret": "s2",
        });
        let made = app.post("/connection").bearer(&app.api_key).json(&flat).send().await;
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(only_connection(&app).await["credentials"]["oauth_token"], "t2");
        let mut extra = body;
        extra["credentials"]["refresh_token"] = json!("x");
        let refused = app.post("/connections").bearer(&app.api_key).json(&extra).send().await;
        assert_eq!(refused.error(), (400, "invalid_body".to_owned()));
    })
    .await;
}
