//! What the app gets: which connection, which body, which headers, signed; once.

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use valetkey_engine::webhooks::signature::{SigningKeys, sign};
use valetkey_testkit::Receiver;

use super::{Hook, patch};
use crate::app::{Answer, TestApp, on_each};

const SECRET: &str = "a-webhook-secret-of-the-test";

fn signature(body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    hex::encode(hmac::sign(&key, body.as_bytes()))
}

/// A delivery of the generic HMAC recipe.
async fn deliver(app: &TestApp, path: &str, body: &str) -> Answer {
    let call = app.post(path).text("application/json", body);
    call.header("x-webhook-signature", &signature(body)).send().await
}

async fn destination(app: &TestApp, url: &str) {
    let (url, id) = (url.to_owned(), app.environment.id);
    app.engine
        .update_environment_settings(id, "test", move |settings| {
            settings.webhook_url = Some(format!("{url}/hook"));
        })
        .await
        .unwrap();
}

async fn generic<'a>(app: &'a TestApp, key: &str) -> Hook<'a> {
    let hook = Hook::new(app, "linkhut", key).await;
    patch(app, key, &json!({"webhooks": {"secret": SECRET}})).await;
    hook
}

#[tokio::test]
async fn a_delivery_reaches_the_app_with_its_body_and_headers_and_our_signatures() {
    on_each(async |app: TestApp| {
        let receiver = Receiver::start().await;
        destination(&app, receiver.url()).await;
        let hook = generic(&app, "g").await;
        hook.connection("c-1", &json!({}), &json!({})).await;
        while app.engine.deliver_due_once().await.unwrap() > 0 {}
        let before = receiver.received().len();
        let body = "{ \"z\": 12345678901234567890.5, \"a\": \"\\u00e9 b\", \"type\": \"made\"}";
        let path = format!("{}?connection_id=c-1", hook.path);
        let call = app.post(path).text("application/json", body);
        let answer = call
            .header("x-webhook-signature", &signature(body))
            .header("x-provider", "yes")
            .header("cookie", "no=1")
            .header("authorization", "Bearer no")
            .header("x-nango-signature", "forged")
            .header("x-valetkey-unverified", "forged")
            .header("webhook-id", "forged")
            .send()
            .await;
        assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"status":"success"}"#));
        assert_eq!(app.engine.deliver_due_once().await.unwrap(), 1);
        let got = receiver.received().split_off(before).remove(0);
        assert_eq!(
            got.text(),
            format!(
                "{{\"connectionId\":\"c-1\",\"from\":\"t-g\",\"payload\":{{\"z\":\
                 12345678901234567890.5,\"a\":\"\\u00e9 b\",\"type\":\"made\"}},\
                 \"providerConfigKey\":\"g\",\"type\":\"forward\"}}"
            )
        );
        assert_eq!(
            (got.header("x-provider"), got.header("x-webhook-signature")),
            ("yes", &*signature(body))
        );
        for gone in ["cookie", "authorization", "x-valetkey-unverified", "x-valetkey-unattributed"]
        {
            assert_eq!(got.header(gone), "", "{gone}");
        }
        let current = app.engine.signing_keys(app.environment.id).await.unwrap().remove(0);
        let keys = SigningKeys { current, previous: None };
        assert!(got.header("webhook-id").starts_with("evt_"));
        for (name, value) in sign(got.text(), &keys, got.header("webhook-id"), app.clock.now()) {
            assert_eq!(got.header(&name), value, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn without_a_connection_the_bare_body_is_sent_and_marked() {
    on_each(async |app: TestApp| {
        let receiver = Receiver::start().await;
        destination(&app, receiver.url()).await;
        let hook = generic(&app, "g").await;
        hook.connection("c-1", &json!({}), &json!({})).await;
        while app.engine.deliver_due_once().await.unwrap() > 0 {}
        let before = receiver.received().len();
        for body in [r#"{"n":1}"#, r#"{"n":2,"connection_id":"nobody"}"#] {
            assert_eq!(deliver(&app, &hook.path, body).await.status, 200);
            assert_eq!(app.engine.deliver_due_once().await.unwrap(), 1);
            let got = receiver.received().pop().unwrap();
            assert_eq!(got.text(), body);
            assert_eq!(got.header("x-valetkey-unattributed"), "true");
        }
        assert_eq!(receiver.received().len(), before + 2);
        assert_eq!(hook.events().await, [Value::Null; 0], "never to every connection");
    })
    .await;
}

#[tokio::test]
async fn identifiers_follow_a_connection_as_it_changes() {
    on_each(async |app: TestApp| {
        let entry = json!({
            "auth_mode": "OAUTH2", "authorization_url": "https://a.test/a",
            "token_url": "https://a.test/t",
            "webhooks": {
                "verify": [{"scheme": "hmac", "signature": "header.x-webhook-signature"}],
                "items": "events",
                "connection": [
                    {"from": ["item.account"], "to": ["metadata.accounts", "connection_config.team.id"]},
                ],
            },
        });
        let hook = Hook::with(&app, "matching", "m", &entry).await;
        patch(&app, "m", &json!({"webhooks": {"secret": SECRET}})).await;
        hook.connection("equal", &json!({"accounts": "a1"}), &json!({})).await;
        hook.connection("list", &json!({"accounts": ["a2", "a3"]}), &json!({})).await;
        hook.connection("key", &json!({"accounts": {"a3": true}}), &json!({})).await;
        hook.connection("config", &json!({}), &json!({"team.id": "a4"})).await;
        let reached = async |n: usize, accounts: &[&str]| {
            // Events of one millisecond have no order in the feed.
            app.advance_s(1);
            let before = hook.events().await.len();
            let events: Vec<_> = accounts.iter().map(|it| json!({"account": it, "n": n})).collect();
            let body = json!({"events": events}).to_string();
            assert_eq!(deliver(&app, &hook.path, &body).await.status, 200);
            let events = hook.events().await.split_off(before);
            let ids = events.iter().map(|it| it["connectionId"].as_str().unwrap().to_owned());
            let mut ids: Vec<String> = ids.collect();
            ids.sort();
            ids
        };
        assert_eq!(reached(1, &["a1"]).await, ["equal"]);
        assert_eq!(reached(2, &["a3"]).await, ["key", "list"]);
        assert_eq!(reached(3, &["a4"]).await, ["config"]);
        assert_eq!(reached(4, &["a1", "a2", "a2"]).await, ["equal", "list"]);
        assert_eq!(reached(5, &["a5"]).await, [""; 0]);
        let change = json!({"connection_id": "equal", "provider_config_key": "m",
            "metadata": {"accounts": "a5"}});
        let call = app.call(http::Method::PATCH, "/connections/metadata").bearer(&app.api_key);
        let changed = call.json(&change).send().await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        assert_eq!(reached(6, &["a5"]).await, ["equal"]);
        assert_eq!(reached(7, &["a1"]).await, [""; 0]);
        let gone = app.call(http::Method::DELETE, "/connections/config?provider_config_key=m");
        assert_eq!(gone.bearer(&app.api_key).send().await.status, 200);
        assert_eq!(reached(8, &["a4"]).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn what_nobody_can_verify_is_refused_until_the_operator_allows_it() {
    on_each(async |app: TestApp| {
        let hook = Hook::new(&app, "linkhut", "g").await;
        hook.connection("c-1", &json!({}), &json!({})).await;
        let path = format!("{}?connection_id=c-1", hook.path);
        let send = async |n: u32| app.post(&*path).json(&json!({"n": n})).send().await;
        let refused = send(1).await;
        assert_eq!(refused.error(), (401, "webhook_missing_secret".to_owned()));
        let logged = app.get("/logs/operations").bearer(&app.api_key).send().await.text;
        assert!(logged.contains("Webhook refused"), "{logged}");
        patch(&app, "g", &json!({"webhooks": {"accept_unverified": true}})).await;
        assert_eq!(send(2).await.status, 200);
        assert_eq!(hook.events().await[0]["verified"], false);
        patch(&app, "g", &json!({"webhooks": {"secret": SECRET}})).await;
        assert_eq!(send(3).await.error(), (401, "webhook_missing_signature".to_owned()));
        assert_eq!(hook.events().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_integration_that_does_not_forward_only_notes() {
    on_each(async |app: TestApp| {
        let hook = generic(&app, "g").await;
        patch(&app, "g", &json!({"forward_webhooks": false})).await;
        assert_eq!(deliver(&app, &hook.path, r#"{"n":1}"#).await.status, 200);
        let events = app.engine.events(app.environment.id, None, 100).await.unwrap();
        assert!(events.iter().all(|event| event.kind != "forward"));
    })
    .await;
}

#[tokio::test]
async fn strangers_and_floods_get_an_answer_and_no_further() {
    valetkey_testkit::on_each_database(async |database| {
        let options = valetkey_server::app::Options {
            webhook_rate_limit_per_min: 3,
            rate_limit_per_min: 0,
            body_bytes_max: 64 * 1024,
            ..Default::default()
        };
        let app = TestApp::with_options(database, options).await;
        let hook = generic(&app, "g").await;
        let elsewhere =
            hook.path.replace(&app.environment.uuid, "5f0c8e5e-6d6b-4a8f-9c70-1b7b6d1e2f3a");
        let wrong = hook.path.replace(&app.environment.uuid, "nonsense");
        for (path, expected) in [
            (elsewhere, (404, "unknown_environment")),
            (hook.path.replace("/g", "/h"), (404, "unknown_provider_config")),
            (wrong, (400, "invalid_uri_params")),
        ] {
            let answer = deliver(&app, &path, "{}").await;
            assert_eq!(answer.error(), (expected.0, expected.1.to_owned()), "{path}");
        }
        let large = format!("\"{}\"", "x".repeat(64 * 1024));
        assert_eq!(
            deliver(&app, &hook.path, &large).await.error(),
            (413, "payload_too_large".to_owned())
        );
        let asked = app.get(&*hook.path).send().await;
        assert_eq!(asked.error(), (405, "method_not_allowed".to_owned()));
        for n in 0..2 {
            let answer = deliver(&app, &hook.path, &format!("{{\"n\":{n}}}")).await;
            assert_eq!((answer.status, answer.header("x-ratelimit-limit")), (200, "3"));
        }
        let answer = deliver(&app, &hook.path, "{\"n\":9}").await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, "60"));
        app.advance_s(61);
        assert_eq!(deliver(&app, &hook.path, "{\"n\":9}").await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_repeat_is_forgotten_after_its_time() {
    on_each(async |app: TestApp| {
        let hook = generic(&app, "g").await;
        hook.connection("c-1", &json!({}), &json!({})).await;
        let path = format!("{}?connection_id=c-1", hook.path);
        for (wait_s, count) in [(0, 1), (60, 1), (24 * 3600, 2)] {
            app.advance_s(wait_s);
            assert_eq!(deliver(&app, &path, "{}").await.status, 200);
            assert_eq!(hook.events().await.len(), count);
        }
        app.advance_s(26 * 3600);
        assert!(app.engine.purge_once().await.unwrap().rows >= 1);
    })
    .await;
}
