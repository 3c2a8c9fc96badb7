//! Installations that come by webhook: with a code (Sentry), completing what waits for them.

use super::*;

/// The webhook of a new installation.
fn created(uuid: &str, code: &str, actor: u64) -> Value {
    json!({
        "action": "created", "actor": {"id": actor, "name": "Ann", "type": "user"},
        "data": {"installation": {"status": "pending", "organization": {"slug": "acme"},
            "code": code, "uuid": uuid}},
        "installation": {"uuid": uuid},
    })
}

async fn deliver(app: &TestApp, request_id: &str, body: &Value) -> Answer {
    let path = format!("/webhook/{}/sentry", app.environment.uuid);
    let body = body.to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, CLIENT_SECRET.as_bytes());
    let signature = hex::encode(hmac::sign(&key, body.as_bytes()));
    let call = app.post(path).text("application/json", &body).header("request-id", request_id);
    call.header("sentry-hook-resource", "installation")
        .header("sentry-hook-signature", &signature)
        .send()
        .await
}

/// Begins a connect that the provider's webhook ends; the connection's id.
async fn waiting(app: &TestApp, user: &str, actor: u64) -> String {
    let token = app.session(json!({"end_user": {"id": user}})).await;
    let answer = app
        .post(format!(
            "/auth/oauth-outbound/sentry?connect_session_token={token}\
             &params[hostname]=de.sentry.io&params[actor]={actor}"
        ))
        .send()
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["connectionId"].as_str().unwrap().to_owned()
}

async fn read(app: &TestApp, id: &str) -> Value {
    let path = format!("/connections/{id}?provider_config_key=sentry");
    app.get(path).bearer(&app.api_key).send().await.json()
}

#[tokio::test]
async fn a_connection_that_waits_is_completed_exactly_once() {
    with_market(async |app, market| {
        let id = waiting(&app, "u-1", 7).await;
        let body = created("i-1", "good-1", 7);
        let deliveries = ["r-1", "r-1", "r-2"].map(|request| deliver(&app, request, &body));
        for answer in futures::future::join_all(deliveries).await {
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        assert_eq!(market.seen().forms.len(), 1, "the code is exchanged once");
        let one = read(&app, &id).await;
        assert_eq!(one["credentials"]["access_token"], "at-i-1");
        let config = &one["connection_config"];
        assert_eq!((config.get("pending"), config.get("pendingLog")), (None, None));
        assert_eq!(config["installation.uuid"], "i-1");
        assert_eq!(
            (&config["hostname"], &config["organizationSlug"]),
            (&json!("de.sentry.io"), &json!("o"))
        );
        assert_eq!(one["end_user"]["id"], "u-1");
        assert_eq!(connections(&app).await.len(), 1);
        let events = app.engine.events(app.environment.id, None, 100).await.unwrap();
        let count = |kind: &str| events.iter().filter(|event| event.kind == kind).count();
        assert_eq!(count("auth.override"), 1);
        let relayed = events.iter().filter(|event| event.kind == "forward");
        let relayed: Vec<Value> =
            relayed.map(|event| serde_json::from_str(&event.payload).unwrap()).collect();
        assert_eq!(relayed.len(), 1, "deliveries at once are one");
        assert_eq!(relayed[0]["connectionId"], json!(id), "and it is about the connection");
        assert!(listed(&app, "").await.is_empty());
        let later = deliver(&app, "r-3", &created("i-1", "good-2", 7)).await;
        assert_eq!((later.status, market.seen().forms.len()), (200, 1));
    })
    .await;
}

#[tokio::test]
async fn nobody_elses_connection_is_completed() {
    with_market(async |app, market| {
        let stranger = waiting(&app, "u-1", 8).await;
        let (a, b) = (waiting(&app, "u-2", 9).await, waiting(&app, "u-3", 9).await);
        assert_eq!(deliver(&app, "r-1", &created("i-1", "good-1", 7)).await.status, 200);
        // Two customers say that they are the same person at the provider.
        assert_eq!(deliver(&app, "r-2", &created("i-2", "good-2", 9)).await.status, 200);
        // Somebody else has named the person long ago, and waits.
        app.advance_s(901);
        assert_eq!(deliver(&app, "r-3", &created("i-3", "good-3", 8)).await.status, 200);
        assert!(market.seen().forms.is_empty(), "they are off: no code is spent");
        for id in [stranger, a, b] {
            assert_eq!(read(&app, &id).await["credentials"], json!({"type": "OAUTH2"}));
        }
        accept(&app, "sentry").await;
        assert_eq!(deliver(&app, "r-4", &created("i-4", "good-4", 9)).await.status, 200);
        assert_eq!(listed(&app, "").await.len(), 1, "then it is held");
    })
    .await;
}

#[tokio::test]
async fn one_that_nobody_waits_for_is_held_and_can_be_claimed() {
    with_market(async |app, market| {
        accept(&app, "sentry").await;
        market.seen().is_down = true;
        let body = created("i-1", "good-1", 7);
        assert_eq!(deliver(&app, "r-1", &body).await.status, 503, "it should be sent again");
        assert!(listed(&app, "").await.is_empty());
        market.seen().is_down = false;
        assert_eq!(deliver(&app, "r-1", &body).await.status, 200);
        assert_eq!(deliver(&app, "r-1", &body).await.status, 200);
        assert!(titles(&app).await.iter().any(|it| it.contains("Repeat of a webhook")));
        let held = listed(&app, "").await;
        assert_eq!(held.len(), 1);
        let facts = (&held[0]["account"], &held[0]["installed_by"], &held[0]["external_id"]);
        assert_eq!(facts, (&json!("acme"), &json!("Ann"), &json!("i-1")));
        assert_eq!(held[0]["source"], "webhook");
        assert!(told(&app).await.is_empty(), "a flow may still be under way");
        app.advance_s(61);
        assert_eq!(told(&app).await.len(), 1);

        let id = held[0]["id"].as_str().unwrap();
        let made = claim(&app, id, &json!({"connection_id": "c-1"})).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let one = read(&app, "c-1").await;
        assert_eq!(one["credentials"]["access_token"], "at-i-1");
        assert_eq!(one["connection_config"]["installation.uuid"], "i-1");
        let bad = deliver(&app, "r-2", &created("i-2", "spent", 7)).await;
        assert_eq!((bad.status, listed(&app, "").await.len()), (200, 0));
        assert!(titles(&app).await.iter().any(|it| it.starts_with("Installation not taken")));
    })
    .await;
}

#[tokio::test]
async fn one_that_ends_at_the_provider_is_no_longer_to_be_claimed() {
    with_market(async |app, _| {
        accept(&app, "sentry").await;
        deliver(&app, "r-1", &created("i-1", "good-1", 7)).await;
        assert_eq!(listed(&app, "").await.len(), 1);
        let mut gone = created("i-1", "", 7);
        gone["action"] = json!("deleted");
        assert_eq!(deliver(&app, "r-2", &gone).await.status, 200);
        assert!(listed(&app, "").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_nobody_signed_holds_nothing() {
    with_market(async |app, market| {
        accept(&app, "sentry").await;
        let path = format!("/webhook/{}/sentry", app.environment.uuid);
        let body = created("i-1", "good-1", 7);
        let call = app.post(path).json(&body).header("sentry-hook-resource", "installation");
        assert_eq!(call.send().await.status, 401);
        assert!(market.seen().forms.is_empty() && listed(&app, "").await.is_empty());
    })
    .await;
}
