//! The first page: first steps, what needs attention, charts.

use serde_json::json;
use valetkey_base::Timestamp;
use valetkey_engine::members::Role;
use valetkey_store::{Event, NewDelivery, NewEvent, NewOperation};

use crate::app::{START, TestApp, on_each};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

async fn operations(app: &TestApp, state: &'static str, key: &'static str, days_ago: i64, n: i64) {
    let environment_id = app.environment.id;
    let at = Timestamp::from_millis(START.millis() - days_ago * DAY_MS);
    app.engine
        .store()
        .write::<_, valetkey_store::Error, _>(move |tx| {
            Box::pin(async move {
                for number in 0..n {
                    let new = NewOperation {
                        id: format!("{key}_{state}_{days_ago}_{number}"),
                        environment_id,
                        kind: "auth",
                        action: "refresh_token",
                        state,
                        title: "Refresh".to_owned(),
                        integration_key: Some(key.to_owned()),
                        provider: None,
                        connection_row: None,
                        connection_id: None,
                        error: None,
                        ended_at: Some(at),
                        expires_at: None,
                    };
                    tx.insert_operation(&new, at).await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn an_empty_environment_shows_the_first_steps() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        let page = owner.get("/dev").await.text;
        for text in ["Make an integration", "Connect an account", "Read it from your app"] {
            assert!(page.contains(text), "{text}");
        }
        assert!(page.contains("class=\"button primary\" href=\"/dashboard/dev/integrations\""));
        assert!(page.contains("All well") && !page.contains("<svg class=\"chart\""));
        let reader = app.person(Role::ReadOnly).await;
        let page = reader.get("/dev").await.text;
        assert!(!page.contains("class=\"button primary\" href=\"/dashboard/dev/integrations\""));
        app.integration("emulator-api-key", "keys").await;
        let page = owner.get("/dev").await.text;
        assert!(page.contains("class=\"button primary\" href=\"/dashboard/dev/connections\""));
    })
    .await;
}

#[tokio::test]
async fn charts_count_each_day_and_each_integration() {
    on_each(async |app: TestApp| {
        app.integration("emulator-api-key", "keys").await;
        app.integration("emulator-basic", "logins").await;
        operations(&app, "success", "keys", 0, 3).await;
        operations(&app, "failed", "keys", 0, 1).await;
        operations(&app, "success", "logins", 13, 2).await;
        operations(&app, "success", "logins", 14, 9).await;
        let owner = app.owner().await;
        assert!(!owner.get("/dev").await.text.contains("<svg class=\"chart\""), "not counted yet");
        app.engine.count_operations_once().await.unwrap();
        app.engine.count_operations_once().await.unwrap();
        let page = owner.get("/dev").await.text;
        assert!(page.contains("1 Mar: 3 succeeded, 1 failed"), "{page}");
        assert!(page.contains("16 Feb: 2 succeeded, 0 failed"), "{page}");
        assert!(page.contains("<strong>5</strong>") && page.contains("<strong>1</strong>"));
        assert!(page.contains("from=2026-03-01T00%3A00&#38;to=2026-03-02T00%3A00"), "{page}");
        let page = owner.get("/dev?integration=keys").await.text;
        assert!(page.contains("1 Mar: 3 succeeded, 1 failed"));
        assert!(page.contains("16 Feb: 0 succeeded, 0 failed"));
        assert!(page.contains("<option value=\"keys\" selected>"));
        assert!(!owner.get("/prod").await.text.contains("<svg class=\"chart\""));
        operations(&app, "success", "keys", 0, 0).await;
        app.advance_s(3600);
        app.engine.count_operations_once().await.unwrap();
        assert!(owner.get("/dev").await.text.contains("1 Mar: 3 succeeded, 1 failed"));
    })
    .await;
}

#[tokio::test]
async fn what_needs_somebody_comes_first() {
    on_each(async |app: TestApp| {
        app.integration("emulator-api-key", "keys").await;
        let request = json!({"provider_config_key": "keys", "connection_id": "c/1",
            "credentials": {"type": "API_KEY", "apiKey": "emk_0123456789"}});
        let made = app.post("/connections").bearer(&app.api_key).json(&request).send().await;
        assert!(made.status < 300, "{}", made.text);
        let environment_id = app.environment.id;
        let row = app.engine.store().connection(environment_id, "keys", "c/1").await;
        let row = row.unwrap().unwrap();
        let script = "<script>alert(1)</script>";
        let error = json!({"class": "terminal", "code": "x", "message": script, "log_id": "1_x",
            "in_a_row": 1, "told": true})
        .to_string();
        app.engine
            .store()
            .write::<_, valetkey_store::Error, _>(move |tx| {
                Box::pin(async move {
                    tx.lease_refresh(
                        &row,
                        "test",
                        Timestamp::from_millis(START.millis() + 1),
                        START,
                    )
                    .await?;
                    let failure = valetkey_store::RefreshFailure {
                        failures: 1,
                        retry_at: None,
                        exhausted: true,
                        error,
                    };
                    tx.refresh_failed(&row, "test", &failure, START).await?;
                    let event = Event {
                        id: "event".to_owned(),
                        environment_id,
                        connection_row: None,
                        kind: "auth.creation".to_owned(),
                        payload: "{}".to_owned(),
                        created_at: START,
                    };
                    let event = NewEvent {
                        event,
                        deliveries: vec![NewDelivery {
                            id: "delivery".to_owned(),
                            url: "https://app.example/hook?secret=hush".to_owned(),
                            destination: "https://app.example".to_owned(),
                        }],
                    };
                    tx.insert_event(&event).await?;
                    let attempt = valetkey_store::Attempt {
                        started_at: START,
                        duration_ms: 1,
                        status: Some(500),
                        error: Some("it answered 500".to_owned()),
                        response_excerpt: None,
                    };
                    let dead = valetkey_store::DeliveryOutcome::Dead;
                    tx.settle_delivery("delivery", &attempt, dead, START).await
                })
            })
            .await
            .unwrap();
        let reader = app.person(Role::ReadOnly).await;
        let page = reader.get("/dev").await.text;
        assert!(page.contains("/dashboard/dev/connections/keys/c%2F1\""), "{page}");
        assert!(page.contains("https://app.example") && page.contains("it answered 500"));
        assert!(!page.contains("hush") && !page.contains("<script>alert"));
        let prod = reader.get("/prod").await.text;
        assert!(prod.contains("All well") && !prod.contains("app.example"));
    })
    .await;
}
