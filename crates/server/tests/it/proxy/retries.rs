//! Repetitions: by the caller's wish and the provider's rules, and once after a dead token.

use axum::body::{Body, Bytes};
use http::Method;
use serde_json::json;
use valetkey_emulator::provider::{Fault, Kind, Target};

use super::{Bench, api::Api, on_each};

#[tokio::test]
async fn nothing_is_repeated_unless_asked_for() {
    on_each("", async |bench| {
        bench.api.then_status(503, &[], "busy");
        let got = bench.get("/x", &[]).await;
        assert_eq!((got.status, got.text().as_str()), (503, "busy"));
        assert_eq!(got.headers["valetkey-attempts"], "1");
    })
    .await;
}

#[tokio::test]
async fn rate_limits_are_understood_in_six_dialects() {
    on_each("    retry: {at: [x-vendor-reset]}\n", async |bench| {
        let now = bench.app.clock.now();
        let soon = |ms: i64| now.millis() + ms;
        let iso = valetkey_base::Timestamp::from_millis(soon(100)).to_iso_z();
        for (name, value) in [
            ("retry-after", "0.1".to_owned()),
            ("x-vendor-reset", soon(100).to_string()),
            ("x-ratelimit-reset", "100ms".to_owned()),
            ("ratelimit", "\"default\";r=0;t=0".to_owned()),
            ("x-rate-limit-reset", iso),
            ("ratelimit-reset", "0.05".to_owned()),
        ] {
            let begun = tokio::time::Instant::now();
            bench.api.then_status(429, &[(name, &value)], "slow down");
            let got = bench.get("/x", &[("retries", "1")]).await;
            assert_eq!(
                (got.status, got.headers["valetkey-attempts"].to_str().unwrap()),
                (200, "2")
            );
            assert!(begun.elapsed().as_secs() < 2, "{name} was not understood");
        }
        bench.api.then_status(404, &[("retry-after", "0")], "");
        assert_eq!(bench.get("/x", &[("retries", "1")]).await.status, 404);
        bench.api.then_status(404, &[("retry-after", "0")], "");
        let asked = [("retries", "1"), ("retry-on", "404")];
        assert_eq!(bench.get("/x", &asked).await.status, 200);
        bench.api.then_status(429, &[("retry-after", "3600")], "later");
        let got = bench.get("/x", &[("retries", "1"), ("valetkey-timeout-ms", "2000")]).await;
        assert_eq!((got.status, got.text().as_str()), (429, "later"), "longer than it will wait");
        assert_eq!(got.headers["retry-after"], "3600");
    })
    .await;
}

#[tokio::test]
async fn a_repeated_change_has_one_key_and_the_same_body() {
    on_each("", async |bench| {
        for _ in 0..2 {
            bench.api.then_status(500, &[("retry-after", "0")], "");
        }
        bench.send("POST", "/x", &[("retries", "2")], "the body").await;
        let seen = bench.api.seen();
        let keys: Vec<_> = seen.iter().map(|it| it.header("idempotency-key")).collect();
        assert!(keys.len() == 3 && keys.iter().all(|key| *key == keys[0] && key.len() == 36));
        assert!(seen.iter().all(|it| it.body == "the body"));
        bench.send("POST", "/x", &[("retries", "2"), ("idempotency-key", "mine")], "").await;
        assert_eq!(bench.api.last().header("idempotency-key"), "mine");
    })
    .await;
}

#[tokio::test]
async fn a_body_too_large_to_keep_is_sent_once() {
    on_each("", async |bench| {
        bench.api.then_status(500, &[("retry-after", "0")], "no");
        let body = Body::from(Bytes::from(vec![1; 2 * 1024 * 1024]));
        let got = bench.send("PUT", "/x", &[("retries", "3")], body).await;
        assert_eq!((got.status, bench.api.seen().len()), (500, 1));
    })
    .await;
}

/// How often the emulator was asked for a new token.
fn refreshes(bench: &Bench) -> u64 {
    bench.app.emulator.stats()["token_requests"]["refresh_token"].as_u64().unwrap_or(0)
}

/// A connection by the emulator's redirect, its calls to the test API.
async fn authorized(bench: &Bench) -> String {
    let entry = format!("  proxy: {{base_url: '{}'}}\n", bench.api.base);
    let entry = format!("own:\n  extends: emulator-oauth2\n  display_name: Own\n{entry}");
    let (catalog, findings) = bench.app.engine.catalog().overlay(&entry, "own").unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    bench.app.engine.set_catalog(catalog);
    bench.app.integration("own", "own").await;
    let token = bench.app.session(json!({"tags": {}})).await;
    let uri = format!("/oauth/connect/own?connect_session_token={token}");
    let answer = bench.app.get(uri).send().await;
    let back = bench.app.visit_provider(&answer.location(), "auto=approve").await;
    assert_eq!(bench.app.get(back).cookie(&answer.cookie()).send().await.status, 200);
    let list = bench.app.get("/connections").bearer(&bench.app.api_key).send().await.json();
    list["connections"][0]["connection_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_dead_token_is_refreshed_once_however_many_calls_meet_it() {
    crate::app::on_each(async |app| {
        let api = Api::start(&app).await;
        let bench = Bench { app, api };
        let id = authorized(&bench).await;
        let uri = format!("/connections/{id}?provider_config_key=own");
        let read = bench.app.get(uri).bearer(&bench.app.api_key).send().await.json();
        let dead = read["credentials"]["access_token"].as_str().unwrap().to_owned();
        bench.api.refuse(&dead);
        let before = refreshes(&bench);
        let calls = (0..20).map(|_| {
            let call = bench.app.call(Method::POST, "/proxy/x").bearer(&bench.app.api_key);
            let call = call.header("provider-config-key", "own").header("connection-id", &id);
            call.text("text/plain", "the body").send()
        });
        for answer in futures::future::join_all(calls).await {
            assert_eq!((answer.status, answer.text.as_str()), (200, "ok"));
        }
        let after = refreshes(&bench);
        assert_eq!(after - before, 1, "{:?}", bench.app.emulator.stats());
        assert!(bench.api.seen().iter().all(|it| it.body == "the body"));
        // A provider that refuses the new token too is not asked for another at every call.
        let read = bench.api.last().header("authorization").to_owned();
        bench.api.refuse(read.strip_prefix("Bearer ").unwrap());
        for _ in 0..3 {
            let call = bench.app.get("/proxy/x").bearer(&bench.app.api_key);
            let call = call.header("provider-config-key", "own").header("connection-id", &id);
            assert_eq!(call.send().await.status, 401);
        }
        let last = refreshes(&bench);
        assert_eq!(last, after);
    })
    .await;
}

#[tokio::test]
async fn a_call_says_when_only_the_owner_can_help() {
    crate::app::on_each(async |app| {
        let api = Api::start(&app).await;
        let bench = Bench { app, api };
        let id = authorized(&bench).await;
        bench.app.advance_s(4000);
        let fault = Fault::once(Target::Token, Kind::InvalidGrant);
        assert!(bench.app.emulator.add_fault(fault));
        let call = bench.app.get("/proxy/x").bearer(&bench.app.api_key);
        let call = call.header("provider-config-key", "own").header("connection-id", &id);
        let answer = call.send().await;
        assert_eq!(answer.error().1, "server_error", "{}", answer.text);
        assert_eq!(answer.json()["error"]["payload"]["needs_reconnect"], true);
        assert!(bench.api.seen().is_empty());
    })
    .await;
}
