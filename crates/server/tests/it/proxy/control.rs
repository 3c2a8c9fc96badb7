//! The steering headers, base URLs of calls, and where credentials may go.

use axum::body::Body;
use http_body_util::BodyExt as _;
use serde_json::json;
use valetkey_engine::Settings;
use valetkey_engine::proxy::{BaseUrlOverride, ProxySettings};
use valetkey_server::app::Options;
use valetkey_testkit::on_each_database;

use super::api::Api;
use super::{Bench, on_each};
use crate::app::TestApp;

#[tokio::test]
async fn what_is_wrong_with_a_header_is_said_of_each() {
    on_each("", async |bench| {
        for (name, value) in [
            ("retries", "-1"),
            ("retries", "21"),
            ("retry-on", "404;500"),
            ("retry-on", "99"),
            ("base-url-override", "nowhere"),
            ("decompress", "yes"),
            ("forward-headers-on-redirect", "1"),
            ("nango-is-sync", "TRUE"),
            ("valetkey-timeout-ms", "0"),
        ] {
            let got = bench.get("/x", &[(name, value)]).await;
            assert_eq!((got.status, got.code().as_str()), (400, "invalid_headers"), "{name}");
            let issues = got.json()["error"]["errors"].clone();
            assert_eq!(issues[0]["path"], json!([name]), "{issues}");
        }
        let both = [("base-url-override", ""), ("nango-activity-log-id", "")];
        assert_eq!(bench.get("/x", &both).await.status, 200, "the SDK sends them empty");
        assert_eq!(bench.api.seen().len(), 1, "what is refused asks nobody");
    })
    .await;
}

#[tokio::test]
async fn integrations_and_connections_that_are_not_there_are_told_apart() {
    on_each("", async |bench| {
        let send = async |key: &str, id: &str| {
            let call = bench.app.get("/proxy/x").bearer(&bench.app.api_key);
            let call = call.header("provider-config-key", key).header("connection-id", id);
            call.send().await
        };
        let other = send("other", "c").await;
        assert_eq!(other.error(), (404, "unknown_provider_config".to_owned()));
        let none = send("own", "d").await;
        assert_eq!(none.error(), (400, "server_error".to_owned()));
        assert_eq!(none.json()["error"]["payload"]["code"], "unknown_connection");
    })
    .await;
}

#[tokio::test]
async fn a_base_url_of_the_call_must_belong_to_the_provider() {
    on_each("", async |bench| {
        let base = bench.api.base.clone();
        let own = format!("{base}/other");
        assert_eq!(bench.get("/x?a=1", &[("base-url-override", &own)]).await.status, 200);
        assert_eq!(bench.api.last().target, "/other/x?a=1");
        let second = Api::start(&bench.app).await;
        let to = |base: &str| [("base-url-override", base.to_owned())];
        let foreign = to(&second.base);
        let foreign = [(foreign[0].0, foreign[0].1.as_str())];
        let refused = bench.get("/x", &foreign).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, "base_url_override_not_allowed")
        );
        assert!(refused.text().contains("allowed hosts of the integration own"));
        assert!(second.seen().is_empty(), "no credentials went there");
        let host = second.base.strip_prefix("http://").unwrap();
        bench.change(json!({"allowed_hosts": [host]})).await;
        assert_eq!(bench.get("/x", &foreign).await.status, 200);
        assert_eq!(second.only().header("authorization"), "Bearer the-token");
    })
    .await;
}

#[tokio::test]
async fn the_address_guard_holds_for_calls_and_their_redirects() {
    on_each("", async |bench| {
        bench.change(json!({"allowed_hosts": ["*"]})).await;
        for address in [
            "http://169.254.169.254/latest",
            "http://2852039166/",
            "http://0251.0376.0251.0376/",
            "http://[::ffff:a9fe:a9fe]/",
            "http://[fd00::1]/",
            "http://10.0.0.1/",
            "http://metadata.google.internal/",
            "http://user:pass@example.com/",
            "ftp://example.com/",
        ] {
            let got = bench.get("/x", &[("base-url-override", address)]).await;
            assert_eq!(got.status, 400, "{address} {}", got.text());
            assert_eq!(got.code(), "base_url_override_not_allowed", "{address}");
        }
        bench.api.then_status(302, &[("location", "http://169.254.169.254/latest")], "");
        let got = bench.get("/x", &[]).await;
        assert_eq!((got.status, got.code().as_str()), (400, "base_url_override_not_allowed"));
    })
    .await;
}

#[tokio::test]
async fn base_urls_of_calls_can_be_switched_off_and_let_loose() {
    for (setting, expected) in [(BaseUrlOverride::Off, 400), (BaseUrlOverride::Any, 200)] {
        on_each_database(async |database| {
            let proxy = ProxySettings { base_url_override: setting, ..Default::default() };
            let settings = Settings { proxy, ..Settings::new("http://localhost:3003") };
            let options = Options { rate_limit_per_min: 0, ..Options::default() };
            let app = TestApp::with_settings(database, options, settings).await;
            let bench = Bench { api: Api::start(&app).await, app };
            bench.app.integration("emulator-oauth2", "own").await;
            bench.import(json!({"type": "OAUTH2", "access_token": "t"}), json!({})).await;
            let got = bench.get("/x", &[("base-url-override", &bench.api.base.clone())]).await;
            assert_eq!(got.status, expected, "{}", got.text());
            if expected == 400 {
                assert_eq!(got.code(), "base_url_override_disabled");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn redirects_take_credentials_to_no_other_host() {
    on_each("", async |bench| {
        let second = Api::start(&bench.app).await;
        let there = format!("{}/there", second.base);
        bench.api.then_status(302, &[("location", "/here?x=1")], "");
        bench.get("/x", &[("nango-proxy-x-mine", "1")]).await;
        let seen = bench.api.last();
        assert_eq!((seen.target.as_str(), seen.header("x-mine")), ("/here?x=1", "1"));
        assert_eq!(seen.header("authorization"), "Bearer the-token");
        for forwards in ["false", "true"] {
            bench.api.then_status(302, &[("location", &there)], "");
            let headers = [("nango-proxy-x-mine", "1"), ("forward-headers-on-redirect", forwards)];
            let got = bench.get("/x", &headers).await;
            assert_eq!(got.status, 200);
            let seen = second.last();
            assert_eq!((seen.header("authorization"), seen.header("x-mine")), ("", ""));
        }
        let host = second.base.strip_prefix("http://").unwrap();
        bench.change(json!({"allowed_hosts": [host]})).await;
        bench.api.then_status(302, &[("location", &there)], "");
        bench.get("/x", &[("forward-headers-on-redirect", "true")]).await;
        assert_eq!(second.last().header("authorization"), "Bearer the-token", "a listed host");
        bench.change(json!({})).await;
        let before = second.seen().len();
        bench.api.then_status(307, &[("location", &there)], "moved");
        let got = bench.send("POST", "/x", &[], "secret body").await;
        assert_eq!((got.status, got.text().as_str()), (307, "moved"), "it is the answer");
        assert_eq!(second.seen().len(), before, "the body did not go there");
        bench.api.then_status(307, &[("location", "/again")], "");
        bench.send("POST", "/x", &[], "the body").await;
        assert_eq!(
            (&bench.api.last().body[..], bench.api.last().target),
            (&b"the body"[..], "/again".to_owned())
        );
    })
    .await;
}

#[tokio::test]
async fn a_budget_is_shared_and_told() {
    on_each("", async |bench| {
        bench.change(json!({"calls_per_minute": 3, "calls_per_minute_per_connection": 2})).await;
        let got = bench.get("/x", &[]).await;
        assert_eq!(got.headers["valetkey-budget-limit"], "2");
        assert_eq!(got.headers["valetkey-budget-remaining"], "1");
        bench.get("/x", &[]).await;
        let over = bench.get("/x", &[]).await;
        assert_eq!((over.status, over.code().as_str()), (429, "proxy_budget_exceeded"));
        assert_eq!(over.headers["retry-after"], "31");
        assert_eq!(bench.api.seen().len(), 2);
        bench.app.advance_s(31);
        assert_eq!(bench.get("/x", &[]).await.status, 200);
        let wrong = json!({"proxy": {"allowed_hosts": ["https://x"], "calls_per_minute": 0}});
        let call = bench.app.call(http::Method::PATCH, "/integrations/own");
        let answer = call.bearer(&bench.app.api_key).json(&wrong).send().await;
        assert_eq!(answer.status, 400);
        let paths: Vec<_> = answer.json()["error"]["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|issue| issue["path"].clone())
            .collect();
        assert!(paths.contains(&json!(["proxy", "allowed_hosts", "0"])), "{paths:?}");
        assert!(paths.contains(&json!(["proxy", "calls_per_minute"])), "{paths:?}");
    })
    .await;
}

#[tokio::test]
async fn a_key_without_the_scope_calls_nobody() {
    on_each("", async |bench| {
        let scopes = valetkey_base::ScopeSet::new(vec!["environment:connections:read".to_owned()]);
        let (account, id) = (bench.app.account_id, bench.app.environment.id);
        let engine = &bench.app.engine;
        let made = engine.create_api_key(account, Some(id), "narrow", scopes, None, "test").await;
        let key = made.unwrap().1;
        let call = bench.app.get("/proxy/x").bearer(key.expose());
        let call = call.header("provider-config-key", "own").header("connection-id", "c");
        assert_eq!(call.send().await.error(), (403, "forbidden".to_owned()));
        let nobody = http::Request::get("/proxy/x").body(Body::empty()).unwrap();
        let answer = tower::ServiceExt::oneshot(bench.app.router.clone(), nobody).await.unwrap();
        assert_eq!(answer.status(), 401);
        answer.into_body().collect().await.unwrap();
        assert!(bench.api.seen().is_empty());
    })
    .await;
}
