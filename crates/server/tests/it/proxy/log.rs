//! Every call is an operation, without a secret in it.

use serde_json::{Value, json};

use super::{Bench, on_each};

async fn operations(bench: &Bench) -> Vec<Value> {
    bench.app.engine.recorder().flush().await.unwrap();
    let call = bench.app.get("/logs/operations").bearer(&bench.app.api_key);
    let answer = call.send().await;
    let all = answer.json()["data"].as_array().unwrap().clone();
    all.into_iter().filter(|it| it.to_string().contains("\"proxy\"")).collect()
}

async fn one(bench: &Bench, id: &str) -> String {
    let uri = format!("/logs/operations/{id}");
    bench.app.get(uri).bearer(&bench.app.api_key).send().await.text
}

#[tokio::test]
async fn a_call_is_logged_with_its_timing_and_without_values() {
    on_each("", async |bench| {
        let headers = [("nango-proxy-x-secret", "hunter2"), ("retries", "1")];
        bench.api.then_status(500, &[("retry-after", "0")], "");
        bench.get("/things/7?token=hunter2", &headers).await;
        bench.api.then_status(
            422,
            &[("content-type", "application/json"), ("x-trace", "hunter2")],
            "{\"message\":\"no such thing\"}",
        );
        bench.get("/other", &[]).await;
        let all = operations(&bench).await;
        assert_eq!(all.len(), 2, "{all:?}");
        let ids: Vec<_> = all.iter().map(|it| it["id"].as_str().unwrap()).collect();
        let (failed, went_well) = (one(&bench, ids[0]).await, one(&bench, ids[1]).await);
        for part in ["/base/things/7", "token=…", "x-secret", "earlier_attempts", "took_ms"] {
            assert!(went_well.contains(part), "{part}: {went_well}");
        }
        for part in ["422", "no such thing", "x-trace", "\"failed\""] {
            assert!(failed.contains(part), "{part}: {failed}");
        }
        for text in [&failed, &went_well] {
            assert!(!text.contains("hunter2") && !text.contains("the-token"), "{text}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_call_can_be_a_message_of_another_operation_or_nothing() {
    on_each("", async |bench| {
        bench.get("/a", &[]).await;
        let id = operations(&bench).await[0]["id"].as_str().unwrap().to_owned();
        bench.get("/b", &[("nango-activity-log-id", &id)]).await;
        bench.get("/c", &[("nango-is-dry-run", "true")]).await;
        assert_eq!(operations(&bench).await.len(), 1);
        let text = one(&bench, &id).await;
        assert!(text.contains("/base/a") && text.contains("/base/b") && !text.contains("/base/c"));
        let foreign = [("nango-activity-log-id", "1_nothing")];
        let got = bench.get("/d", &foreign).await;
        assert_eq!(got.json_or_text(), json!("ok"), "a log that is not there loses nothing");
        assert_eq!(operations(&bench).await.len(), 2, "it has an operation of its own");
    })
    .await;
}

#[tokio::test]
async fn a_failed_call_is_explained_on_its_page() {
    on_each("", async |bench| {
        for (status, expected) in [
            (403, "does not let these credentials do this"),
            (429, "asks for fewer calls"),
            (503, "The provider failed."),
        ] {
            // The newest is the first: two of one moment have no order.
            bench.app.advance_s(1);
            bench.api.then_status(status, &[("content-type", "text/plain")], "their own words");
            bench.get("/x", &[]).await;
            let id = operations(&bench).await[0]["id"].as_str().unwrap().to_owned();
            let owner = bench.app.owner().await;
            let page = owner.get(&format!("/dev/logs/{id}")).await.text;
            assert!(page.contains(expected), "{status}: {page}");
            assert!(page.contains("their own words") && page.contains("Proxied call"));
        }
    })
    .await;
}
