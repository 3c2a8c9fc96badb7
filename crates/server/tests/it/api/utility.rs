//! `/health`, `/ready`, `/logs`, the feed of events and deliveries.

use serde_json::{Value, json};
use valetkey_engine::Error;
use valetkey_store::{Attempt, DeliveryOutcome};

use super::{error, issues};
use crate::app::{Answer, TestApp, on_each};

async fn get(app: &TestApp, uri: &str) -> Answer {
    app.get(uri).bearer(&app.api_key).send().await
}

#[tokio::test]
async fn a_server_is_ready_until_it_stops() {
    on_each(async |app: TestApp| {
        let ok = r#"{"result":"ok"}"#;
        for uri in ["/health", "/ready", "/HEALTH/", "/health?x=1"] {
            let answer = app.get(uri).send().await;
            assert_eq!((answer.status, answer.text.as_str()), (200, ok), "{uri}");
        }
        app.tasks.stopping().cancel();
        let answer = app.get("/ready").send().await;
        assert_eq!((answer.status, answer.text.as_str()), (503, r#"{"result":"not ready"}"#));
        assert_eq!(app.get("/health").send().await.status, 200);
    })
    .await;
}

/// Imports connections, each of which makes an event.
async fn import(app: &TestApp, ids: &[&str]) {
    app.integration("emulator-oauth2", "github").await;
    let change = |settings: &mut valetkey_engine::EnvironmentSettings| {
        settings.webhook_url = Some("https://hooks.example.com/in".to_owned());
    };
    let changed = app.engine.update_environment_settings(app.environment.id, "test", change);
    changed.await.unwrap();
    for id in ids {
        app.advance_s(1);
        let body = json!({"provider_config_key": "github", "connection_id": id,
            "credentials": {"type": "OAUTH2", "access_token": "t"}});
        let answer = app.post("/connections").bearer(&app.api_key).json(&body).send().await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
}

#[tokio::test]
async fn events_are_read_page_by_page() {
    on_each(async |app: TestApp| {
        import(&app, &["one", "two"]).await;
        let first = get(&app, "/environment/events?limit=1").await.json();
        let event = &first["data"][0];
        assert_eq!(
            (&event["type"], &event["payload"]["connectionId"]),
            (&json!("auth.creation"), &json!("one"))
        );
        assert_eq!(event["created_at"], "2026-03-01T09:10:12.120Z");
        let id = event["id"].as_str().unwrap();
        let rest = get(&app, &format!("/environment/events?after={id}")).await.json();
        assert_eq!(rest["data"].as_array().unwrap().len(), 1);
        assert_eq!(rest["data"][0]["payload"]["connectionId"], "two");
        let wrong = get(&app, "/environment/events?limit=0&after=").await;
        assert_eq!(issues(&wrong), ["too_small after", "too_small limit"]);
    })
    .await;
}

#[tokio::test]
async fn a_dead_delivery_is_seen_and_sent_again() {
    on_each(async |app: TestApp| {
        import(&app, &["one"]).await;
        let list = get(&app, "/environment/deliveries").await.json();
        let delivery = &list["data"][0];
        assert_eq!(delivery["state"], "pending");
        assert_eq!(delivery["url"], "https://hooks.example.com/in");
        assert_eq!(delivery["next_attempt_at"], "2026-03-01T09:10:12.120Z");
        let id = delivery["id"].as_str().unwrap().to_owned();
        let line = format!("/environment/deliveries/{id}/replay");
        let early = app.post(line.clone()).bearer(&app.api_key).send().await;
        assert_eq!(early.error(), error(404, "not_found"));

        give_up(&app, id.clone()).await;
        let dead = get(&app, "/environment/deliveries?state=dead").await.json();
        assert_eq!(
            dead["data"][0],
            json!({
                "id": id, "event_id": delivery["event_id"], "url": delivery["url"],
                "state": "dead", "attempts": 1, "next_attempt_at": null, "last_status": 500,
                "last_error": "status 500",
            })
        );
        let replayed = app.post(line).bearer(&app.api_key).send().await;
        assert_eq!((replayed.status, replayed.text.as_str()), (200, r#"{"success":true}"#));
        let pending = get(&app, "/environment/deliveries?state=pending&limit=1").await.json();
        assert_eq!(pending["data"][0]["id"], id);
        let wrong = get(&app, "/environment/deliveries?state=lost").await;
        assert_eq!(issues(&wrong), ["invalid_value state"]);
    })
    .await;
}

/// What the delivery job does after the last failed attempt.
async fn give_up(app: &TestApp, id: String) {
    let now = app.clock.now();
    let attempt = Attempt {
        started_at: now,
        duration_ms: 5,
        status: Some(500),
        error: Some("status 500".to_owned()),
        response_excerpt: None,
    };
    let settled = app.engine.store().write::<_, Error, _>(move |tx| {
        Box::pin(
            async move { Ok(tx.settle_delivery(&id, &attempt, DeliveryOutcome::Dead, now).await?) },
        )
    });
    settled.await.unwrap();
}

#[tokio::test]
async fn operations_are_listed_newest_first() {
    on_each(async |app: TestApp| {
        app.session(json!({"tags": {}})).await;
        import(&app, &["one"]).await;
        let all = get(&app, "/logs/operations").await.json();
        let data = all["data"].as_array().unwrap();
        assert!(data.len() >= 2, "{all}");
        let times: Vec<&str> = data.iter().map(|one| one["created_at"].as_str().unwrap()).collect();
        assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
        let of_one = get(&app, "/logs/operations?connection_id=one&limit=5").await.json();
        let operation = &of_one["data"][0];
        assert_eq!(operation["connection_id"], "one");
        let uri = format!("/logs/operations/{}", operation["id"].as_str().unwrap());
        let one = get(&app, &uri).await.json();
        assert_eq!(one["data"]["id"], operation["id"]);
        assert!(one["data"]["messages"].is_array());
        let unknown = get(&app, "/logs/operations/nope").await;
        assert_eq!(unknown.error(), error(404, "not_found"));
        assert_eq!(Value::Null, unknown.json()["data"]);
    })
    .await;
}

#[tokio::test]
async fn the_openapi_document_is_served_to_everyone() {
    on_each(async |app: TestApp| {
        let answer = app.get("/openapi.json").send().await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["openapi"], "3.1.0");
        assert!(answer.json()["paths"]["/connect/sessions"]["post"].is_object());
    })
    .await;
}
