//! Claiming, exchanging a claim token, dismissing.

use super::*;

async fn exchange(app: &TestApp, token: &str) -> Answer {
    let body = json!({"claim_token": token});
    app.post("/installs/exchange").bearer(&app.api_key).json(&body).send().await
}

#[tokio::test]
async fn a_claim_makes_the_connection_it_says_once() {
    with_market(async |app, _| {
        accept(&app, "shop").await;
        let (id, _) = install(&app, "good").await;
        let wrong = claim(&app, &id, &json!({"connection_id": "a\u{0}b", "owner": 1})).await;
        assert_eq!(wrong.error(), (400, "invalid_body".to_owned()));
        assert_eq!(listed(&app, "").await.len(), 1, "bad input changes nothing");
        let body = json!({"connection_id": "c-1", "tags": {"Plan": "pro"},
            "end_user": {"id": "u-1", "email": "ann@example.com"}, "metadata": {"k": 1}});
        let made = claim(&app, &id, &body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(
            made.json(),
            json!({"connection_id": "c-1", "provider_config_key": "shop", "created": true})
        );
        let read = app.get("/connections/c-1?provider_config_key=shop").bearer(&app.api_key);
        let read = read.send().await.json();
        assert_eq!(read["credentials"]["access_token"], ACCESS_TOKEN);
        assert_eq!((&read["tags"]["plan"], &read["metadata"]["k"]), (&json!("pro"), &json!(1)));
        assert_eq!(read["end_user"]["id"], "u-1");
        assert_eq!(listed(&app, "").await, Vec::<Value>::new());
        assert_eq!(claim(&app, &id, &body).await.error(), (404, "not_found".to_owned()));
        let events = app.engine.events(app.environment.id, None, 100).await.unwrap();
        let creations = events.iter().filter(|event| event.kind == "auth.creation").count();
        assert_eq!(creations, 1);
    })
    .await;
}

#[tokio::test]
async fn of_many_claims_at_once_one_succeeds() {
    with_market(async |app, _| {
        accept(&app, "shop").await;
        let (id, _) = install(&app, "good").await;
        let bodies: Vec<Value> =
            (0..8).map(|number| json!({"connection_id": format!("c-{number}")})).collect();
        let claims = bodies.iter().map(|body| claim(&app, &id, body));
        let answers = futures::future::join_all(claims).await;
        let made = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(made, 1);
        assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 404)));
        assert_eq!(connections(&app).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_claim_token_counts_once_and_not_for_long() {
    with_market(async |app, _| {
        accept(&app, "shop").await;
        let (id, token) = install(&app, "good-1").await;
        let shown = exchange(&app, &token).await;
        assert_eq!((shown.status, &shown.json()["data"]["id"]), (200, &json!(id)));
        assert!(!shown.text.contains(ACCESS_TOKEN));
        assert_eq!(exchange(&app, &token).await.error(), (404, "not_found".to_owned()));
        assert_eq!(exchange(&app, "vk_claim_x").await.error(), (404, "not_found".to_owned()));
        let (_, late) = install(&app, "good-2").await;
        app.advance_s(15 * 60 + 1);
        assert_eq!(exchange(&app, &late).await.error(), (404, "not_found".to_owned()));
        assert_eq!(listed(&app, "").await.len(), 2, "they are still to be claimed by id");
    })
    .await;
}

#[tokio::test]
async fn another_environment_neither_sees_nor_claims_it() {
    with_market(async |app, _| {
        accept(&app, "shop").await;
        let (id, token) = install(&app, "good").await;
        let other = app.engine.environment_by_name(app.account_id, "prod").await.unwrap();
        let other = crate::every_route::key(&app, Some(other.id), &["environment:*"]).await;
        let list = app.get("/installs").bearer(&other).send().await;
        assert_eq!(list.json(), json!({"data": []}));
        let body = json!({"claim_token": token});
        for call in [
            app.get(format!("/installs/{id}")),
            app.post(format!("/installs/{id}/claim")).json(&json!({})),
            app.call(Method::DELETE, format!("/installs/{id}")),
            app.post("/installs/exchange").json(&body),
        ] {
            let answer = call.bearer(&other).send().await;
            assert_eq!(answer.error(), (404, "not_found".to_owned()));
        }
        assert_eq!(exchange(&app, &token).await.status, 200, "a stranger's try spends nothing");
    })
    .await;
}

#[tokio::test]
async fn what_nobody_wants_is_dismissed() {
    with_market(async |app, _| {
        accept(&app, "shop").await;
        let (id, _) = install(&app, "good").await;
        let path = format!("/installs/{id}");
        let gone = app.call(Method::DELETE, &path).bearer(&app.api_key).send().await;
        assert_eq!(gone.json(), json!({"success": true}));
        for call in [app.get(&path), app.call(Method::DELETE, &path)] {
            assert_eq!(call.bearer(&app.api_key).send().await.error().0, 404);
        }
        assert_eq!(told(&app).await, Vec::<Value>::new(), "nobody is told of what is gone");
    })
    .await;
}
