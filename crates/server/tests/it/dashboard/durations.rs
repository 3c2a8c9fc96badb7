//! How long things took, where it is shown: with one operation, on the connection's page, and as
//! charts on the first page.

use std::time::Duration;

use serde_json::json;
use valetkey_base::Timestamp;
use valetkey_store::NewOperation;
use valetkey_testkit::{Answer, Receiver};

use super::person::Person;
use crate::app::{START, TestApp, on_each};

/// How long something is waited for that happens at once.
const WAITED_MAX: Duration = Duration::from_secs(20);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A connection `c` of `held` whose token ended, with a provider that is `receiver`.
async fn expired(app: &TestApp, receiver: &Receiver) {
    let provider = format!(
        "held:\n  display_name: Held\n  categories: [other]\n  auth_mode: OAUTH2\n  \
         authorization_url: {0}/authorize\n  token_url: {0}/token\n  docs: https://example.com\n  \
         source: https://example.com\n  checked: \"2026-11-22\"\n",
        receiver.url()
    );
    let (catalog, _) = app.engine.catalog().overlay(&provider, "test").unwrap();
    app.engine.set_catalog(catalog);
    let request = json!({"provider": "held", "unique_key": "held", "credentials": {
        "type": "OAUTH2", "client_id": "c", "client_secret": "s"}});
    let request = serde_json::from_value(request).unwrap();
    app.engine.create_integration(&app.environment, request, "test").await.unwrap();
    let body = json!({"provider_config_key": "held", "connection_id": "c", "credentials": {
        "type": "OAUTH2", "access_token": "old", "refresh_token": "r",
        "expires_at": "2020-01-01T00:00:00Z"}});
    let made = app.post("/connections").bearer(&app.api_key).json(&body).send().await;
    assert_eq!(made.status, 201, "{}", made.text);
}

/// Reads the connection, with a provider that takes its time and then answers.
async fn read_slowly(app: &TestApp, receiver: &Receiver, took: Duration, answer: Answer) -> u16 {
    let count = receiver.received().len();
    receiver.answer(Answer::Held);
    let read = app.get("/connections/c?provider_config_key=held").bearer(&app.api_key).send();
    let answered = async {
        // A bound for when it is not asked at all.
        let asked = tokio::time::timeout(WAITED_MAX, receiver.wait_for(count + 1)).await;
        assert!(asked.is_ok(), "the provider was not asked");
        app.clock.advance(took);
        receiver.answer(answer);
    };
    let (read, ()) = futures::join!(read, answered);
    read.status
}

/// The page of the newest operation in the log.
async fn newest_operation(owner: &Person<'_>, query: &str) -> String {
    let list = owner.get(&format!("/dev/logs?{query}")).await.text;
    let (_, link) = list.split_once("href=\"/dashboard/dev/logs/1").unwrap();
    let id = link.split('"').next().unwrap();
    owner.get(&format!("/dev/logs/1{id}")).await.text
}

#[tokio::test]
async fn a_refresh_says_how_long_it_took_and_what_it_brought() {
    on_each(async |app: TestApp| {
        let receiver = Receiver::start().await;
        expired(&app, &receiver).await;
        let owner = app.owner().await;
        let page = owner.get("/dev/connections/held/c").await.text;
        assert!(!page.contains("Last refreshes"), "{page}");

        let failed = Answer::Status(500, None, "{}");
        let status = read_slowly(&app, &receiver, Duration::from_millis(700), failed).await;
        assert_eq!(status, 400);
        app.advance_s(3600);
        let new = "{\"access_token\":\"new\",\"expires_in\":7200}";
        let good = Answer::Status(200, None, new);
        let status = read_slowly(&app, &receiver, Duration::from_millis(2500), good).await;
        assert_eq!(status, 200);

        let page = owner.get("/dev/connections/held/c").await.text;
        let (_, table) = page.split_once("Last refreshes").unwrap();
        let (table, _) = table.split_once("</table>").unwrap();
        let (newer, older) = table.split_once("chip bad").unwrap();
        assert!(newer.contains("data-label=\"Took\">2.5 s<"), "{table}");
        assert!(newer.contains(">2 hours</span>"), "{table}");
        assert!(newer.contains("1 Mar 2026, 12:10:14 UTC"), "{table}");
        assert!(older.contains("data-label=\"Took\">700 ms<"), "{table}");
        let operation = newest_operation(&owner, "kind=auth.refresh_token").await;
        assert!(operation.contains("<dt>Took</dt><dd>2.5 s</dd>"), "{operation}");
        assert!(operation.contains("1 Mar 2026, 10:10:11.820 UTC"), "{operation}");
    })
    .await;
}

#[tokio::test]
async fn a_webhook_says_how_long_its_receiver_took() {
    on_each(async |app: TestApp| {
        let receiver = Receiver::start().await;
        let url = receiver.url().to_owned();
        let owner = app.owner().await;
        let fields = [("webhook_url", url.as_str()), ("on_auth_creation", "true")];
        let saved = owner.post("/dev/settings/webhooks", &fields).await;
        assert_eq!(saved.status, 303, "{}", saved.text);
        app.integration("emulator-api-key", "keys").await;
        let body = json!({"provider_config_key": "keys", "connection_id": "c",
            "credentials": {"type": "API_KEY", "apiKey": "emk_0123456789"}});
        let made = app.post("/connections").bearer(&app.api_key).json(&body).send().await;
        assert_eq!(made.status, 201, "{}", made.text);
        receiver.answer(Answer::Held);
        let answered = async {
            let asked = tokio::time::timeout(WAITED_MAX, receiver.wait_for(1)).await;
            assert!(asked.is_ok(), "the receiver was not told");
            app.clock.advance(Duration::from_millis(1200));
            receiver.answer(Answer::status(200));
        };
        let (sent, ()) = futures::join!(app.engine.deliver_due_once(), answered);
        assert_eq!(sent.unwrap(), 1);
        let operation = newest_operation(&owner, "kind=webhook").await;
        assert!(operation.contains("<dt>Took</dt><dd>1.2 s</dd>"), "{operation}");
    })
    .await;
}

/// Stores an operation for each duration, begun so many days ago.
async fn timed(app: &TestApp, kind: &'static str, key: &'static str, days_ago: i64, took: &[i64]) {
    let environment_id = app.environment.id;
    let at = Timestamp::from_millis(START.millis() - days_ago * DAY_MS);
    let took = took.to_vec();
    app.engine
        .store()
        .write::<_, valetkey_store::Error, _>(move |tx| {
            Box::pin(async move {
                for (number, ms) in took.into_iter().enumerate() {
                    let new = NewOperation {
                        id: format!("{kind}_{key}_{days_ago}_{number}"),
                        environment_id,
                        kind,
                        action: if kind == "auth" { "refresh_token" } else { "call" },
                        state: "success",
                        title: String::new(),
                        integration_key: Some(key.to_owned()),
                        provider: None,
                        connection_row: None,
                        connection_id: None,
                        error: None,
                        ended_at: Some(Timestamp::from_millis(at.millis() + ms)),
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
async fn latency_is_drawn_for_each_day_kind_and_integration() {
    on_each(async |app: TestApp| {
        app.integration("emulator-api-key", "keys").await;
        app.integration("emulator-basic", "logins").await;
        let owner = app.owner().await;
        assert!(!owner.get("/dev").await.text.contains("How long others took"));
        // Of 1 to 1000 ms half take no longer than 500; p95 is told as if the last step were even.
        let even: Vec<i64> = (1..=1000).collect();
        timed(&app, "auth", "keys", 0, &even).await;
        timed(&app, "proxy", "logins", 2, &[10, 10, 10, 40_000]).await;
        app.engine.count_operations_once().await.unwrap();
        app.engine.count_operations_once().await.unwrap();
        let page = owner.get("/dev").await.text;
        assert!(page.contains("1 Mar: p50 500 ms, p95 971 ms, of 1,000"), "{page}");
        // Within a step of the scale: 8 to 16 ms, and 32 to 65 s.
        assert!(page.contains("27 Feb: p50 13 ms, p95 58.9 s, of 4"), "{page}");
        assert!(page.contains("27 Feb: 4 answered, 0 failed"), "{page}");
        assert!(page.contains("id=\"call-latency-title\""));
        assert!(!page.contains("id=\"webhook-latency-title\""));
        let page = owner.get("/dev?integration=logins").await.text;
        assert!(page.contains("27 Feb: p50") && !page.contains("1 Mar: p50"), "{page}");
        assert!(!owner.get("/prod").await.text.contains("How long others took"));
    })
    .await;
}
