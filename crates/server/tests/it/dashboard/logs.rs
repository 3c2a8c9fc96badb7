//! Logs: filters, words, one operation, what comes in while somebody looks.

use std::time::Duration;

use http::Request;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use valetkey_base::Timestamp;
use valetkey_engine::members::Role;
use valetkey_store::{MessageRow, NewOperation};

use crate::app::{START, TestApp, on_each};

fn at(seconds_ago: i64) -> Timestamp {
    Timestamp::from_millis(START.millis() - seconds_ago * 1000)
}

fn operation(app: &TestApp, id: &str, title: &str) -> NewOperation {
    NewOperation {
        id: id.to_owned(),
        environment_id: app.environment.id,
        kind: "auth",
        action: "refresh_token",
        state: "success",
        title: title.to_owned(),
        integration_key: Some("notes".to_owned()),
        provider: None,
        connection_row: None,
        connection_id: Some("c-1".to_owned()),
        error: None,
        ended_at: Some(START),
        expires_at: None,
    }
}

fn message(id: &str, text: &str, detail: Option<&str>) -> MessageRow {
    MessageRow {
        operation_id: id.to_owned(),
        level: "warn",
        message: text.to_owned(),
        detail: detail.map(str::to_owned),
        created_at: START,
    }
}

async fn store(app: &TestApp, new: NewOperation, messages: Vec<MessageRow>, began: Timestamp) {
    app.engine
        .store()
        .write::<_, valetkey_store::Error, _>(move |tx| {
            Box::pin(async move {
                tx.insert_operation(&new, began).await?;
                tx.insert_messages(&messages).await
            })
        })
        .await
        .unwrap();
}

/// Three operations of `dev` and one of `prod`.
async fn seed(app: &TestApp) {
    store(app, operation(app, "1_refresh", "First refresh"), vec![], at(7200)).await;
    let failed = NewOperation {
        state: "failed",
        connection_id: Some("c/2 ü".to_owned()),
        error: Some(
            "{\"class\":\"terminal\",\"code\":\"refresh_token_external_error\",\
             \"message\":\"The provider refused.\",\"provider_status\":400,\
             \"provider_error\":\"invalid_grant\",\
             \"provider_description\":\"Token has been revoked\"}"
                .to_owned(),
        ),
        ..operation(app, "2_failed", "Second refresh")
    };
    store(app, failed, vec![], at(600)).await;
    let webhook = NewOperation {
        kind: "webhook",
        action: "connection_create",
        integration_key: Some("other".to_owned()),
        ..operation(app, "3_webhook", "Webhook delivered")
    };
    let detail = "{\"method\":\"POST\",\"url\":\"https://app.example/hook\",\
                   \"headers\":{\"authorization\":\"Bearer hush-hush\"}}";
    let said = message("3_webhook", "The quokka answered", Some(detail));
    store(app, webhook, vec![said], at(60)).await;
    let prod = app.engine.environment_by_name(app.account_id, "prod").await.unwrap();
    let elsewhere =
        NewOperation { environment_id: prod.id, ..operation(app, "4_prod", "Elsewhere") };
    store(app, elsewhere, vec![message("4_prod", "The quokka is here too", None)], at(60)).await;
}

/// Which of the seeded operations a page links to.
fn shown(text: &str) -> Vec<&'static str> {
    ["1_refresh", "2_failed", "3_webhook", "4_prod"]
        .into_iter()
        .filter(|id| text.contains(&format!("/logs/{id}\"")))
        .collect()
}

#[tokio::test]
async fn the_list_shows_what_the_filter_names() {
    on_each(async |app: TestApp| {
        seed(&app).await;
        let owner = app.owner().await;
        for (query, expected) in [
            ("", vec!["1_refresh", "2_failed", "3_webhook"]),
            ("state=failed", vec!["2_failed"]),
            ("kind=webhook", vec!["3_webhook"]),
            ("kind=auth.refresh_token", vec!["1_refresh", "2_failed"]),
            ("integration=other", vec!["3_webhook"]),
            ("connection=c/2+%C3%BC", vec!["2_failed"]),
            ("period=1h", vec!["2_failed", "3_webhook"]),
            ("period=5m", vec!["3_webhook"]),
            ("from=2026-03-01T07:00&to=2026-03-01T08:00", vec!["1_refresh"]),
            ("q=quokka", vec!["3_webhook"]),
            ("q=invalid_grant", vec!["2_failed"]),
            ("q=REVOKED+token", vec!["2_failed"]),
            ("q=quok*", vec!["3_webhook"]),
            ("q=refresh&state=success", vec!["1_refresh"]),
            ("q=2_failed", vec!["2_failed"]),
            ("state=cancelled", vec![]),
        ] {
            let page = owner.get(&format!("/dev/logs?{query}")).await;
            assert_eq!(page.status, 200, "{query}");
            assert_eq!(shown(&page.text), expected, "{query}");
            assert_eq!(page.text.contains("No operation matches"), expected.is_empty(), "{query}");
        }
        let page = owner.get("/dev/logs").await.text;
        assert!(page.contains("Operations are kept for 15 days"));
        assert!(page.contains("Failed <span class=\"soft\">1</span>"), "{page}");
        assert!(page.contains("/dashboard/dev/connections/notes/c%2F2%20%C3%BC\""));
        let newest = page.find("3_webhook").unwrap();
        assert!(newest < page.find("1_refresh").unwrap(), "newest first");
        assert_eq!(shown(&owner.get("/prod/logs?q=quokka").await.text), ["4_prod"]);
        assert_eq!(owner.get("/dev/logs/4_prod").await.status, 404);
        assert_eq!(owner.get("/dev/logs/4_prod/json").await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn wrong_filters_are_told_beside_the_field_and_empty_logs_say_what_comes() {
    on_each(async |app: TestApp| {
        let reader = app.person(Role::ReadOnly).await;
        assert!(reader.get("/dev/logs").await.text.contains("Nothing has happened here yet"));
        for (query, field) in [
            ("from=yesterday", "from"),
            ("from=2026-03-02T00:00&to=2026-03-01T00:00", "to"),
            ("q=%27%22*", "q"),
        ] {
            let page = reader.get(&format!("/dev/logs?{query}")).await;
            assert_eq!(page.status, 400, "{query}");
            assert!(page.text.contains(&format!("id=\"{field}-issue\"")), "{query}");
        }
        assert_eq!(reader.get("/dev/logs?before=x&kind=.&period=9y").await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn older_operations_are_a_link_away() {
    on_each(async |app: TestApp| {
        for number in 0..60 {
            let new = operation(&app, &format!("{number:02}_x"), "Many");
            store(&app, new, vec![], at(1000 - number / 7)).await;
        }
        let owner = app.owner().await;
        for query in ["?", "?q=many&"] {
            let first = owner.get(&format!("/dev/logs{query}")).await.text;
            assert_eq!(first.matches("data-label=\"State\"").count(), 50);
            let (_, rest) = first.split_once("before=").unwrap();
            let before = rest.split(['"', '&']).next().unwrap();
            let second = owner.get(&format!("/dev/logs{query}before={before}")).await.text;
            assert_eq!(second.matches("data-label=\"State\"").count(), 10);
            assert!(second.contains("/logs/00_x\"") && !second.contains("/logs/59_x\""));
            assert!(!second.contains("data-live") && !second.contains(">Older<"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_failure_is_explained_and_can_be_taken_along_without_secrets() {
    on_each(async |app: TestApp| {
        seed(&app).await;
        let owner = app.owner().await;
        let page = owner.get("/dev/logs/2_failed").await;
        assert_eq!(page.status, 200);
        for text in [
            "The provider does not accept the refresh token any more.",
            "Your customer",
            "Somebody took the access back",
            "Token has been revoked",
            "invalid_grant",
            "http://localhost:3003/dashboard/dev/logs/2_failed",
        ] {
            assert!(page.text.contains(text), "{text}: {}", page.text);
        }
        let page = owner.get("/dev/logs/3_webhook").await.text;
        assert!(page.contains("The quokka answered") && !page.contains("hush-hush"));
        assert!(page.contains("curl -X POST https://app.example/hook"));
        let file = owner.get("/dev/logs/3_webhook/json").await;
        assert_eq!(
            file.header("content-disposition"),
            "attachment; filename=\"operation-3_webhook.json\""
        );
        let json = file.json();
        assert_eq!(json["messages"][0]["text"], "The quokka answered");
        assert_eq!(json["messages"][0]["detail"]["headers"]["authorization"], "•••");
        assert!(!file.text.contains("hush-hush"));
        let failed = owner.get("/dev/logs/2_failed/json").await.json();
        assert_eq!(failed["explanation"]["suspects"][0]["name"], "revoked");
    })
    .await;
}

#[tokio::test]
async fn scripts_in_the_log_are_text() {
    on_each(async |app: TestApp| {
        let script = "<script>alert(1)</script>";
        let new = NewOperation {
            connection_id: Some(script.to_owned()),
            error: Some(format!("{{\"message\":\"{script}\",\"code\":\"{script}\"}}")),
            state: "failed",
            ..operation(&app, "1_x", script)
        };
        let detail = format!("{{\"{script}\":\"{script}\"}}");
        store(&app, new, vec![message("1_x", script, Some(&detail))], at(1)).await;
        let owner = app.owner().await;
        for path in ["/dev/logs", "/dev/logs/1_x", "/dev/logs?q=%3Cscript%3Ealert(1)"] {
            let page = owner.get(path).await;
            assert_eq!(page.status, 200, "{path}");
            assert!(!page.text.contains("<script>alert"), "{path}");
            assert!(page.text.contains("alert(1)"), "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn purged_operations_are_not_found_by_their_words() {
    on_each(async |app: TestApp| {
        seed(&app).await;
        app.advance_s(15 * 24 * 60 * 60 - 100);
        app.engine.purge_once().await.unwrap();
        let owner = app.owner().await;
        assert_eq!(shown(&owner.get("/dev/logs").await.text), ["3_webhook"]);
        assert_eq!(shown(&owner.get("/dev/logs?q=refresh").await.text), [""; 0]);
        assert_eq!(shown(&owner.get("/dev/logs?q=quokka").await.text), ["3_webhook"]);
    })
    .await;
}

/// The address that an open list listens at.
fn live_address(page: &str) -> String {
    let (_, rest) = page.split_once("data-live=\"").unwrap();
    rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")
}

#[tokio::test]
async fn an_open_list_hears_of_newer_operations_that_match() {
    on_each(async |app: TestApp| {
        seed(&app).await;
        let owner = app.owner().await;
        let page = owner.get("/dev/logs?kind=auth").await.text;
        let request = Request::get(live_address(&page)).header("cookie", &owner.cookie);
        let request = request.body(axum::body::Body::empty()).unwrap();
        let response = app.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut body = response.into_body();
        let other = NewOperation { kind: "webhook", ..operation(&app, "5_x", "Not asked for") };
        store(&app, other, vec![], START).await;
        store(&app, operation(&app, "6_x", "Asked for"), vec![], START).await;
        let frame = tokio::time::timeout(Duration::from_secs(10), body.frame()).await.unwrap();
        let text = frame.unwrap().unwrap().into_data().unwrap();
        assert_eq!(text, "event: newer\ndata: 1\n\n");
        assert_eq!(owner.get("/dev/logs/live").await.status, 404, "it needs to know since when");
        app.tasks.shutdown(Duration::from_millis(1)).await;
        let end = tokio::time::timeout(Duration::from_secs(5), body.frame()).await.unwrap();
        assert!(end.is_none(), "it ends with the server");
    })
    .await;
}
