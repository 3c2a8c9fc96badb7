//! Events of one connection leave in the order in which they came.

use aws_lc_rs::hmac;
use serde_json::json;
use valetkey_testkit::{Answer, Receiver};

use super::{Hook, patch};
use crate::app::{TestApp, on_each};

const SECRET: &str = "a-webhook-secret-of-the-test";

#[tokio::test]
async fn a_later_event_waits_for_an_earlier_one_of_the_same_connection_only() {
    on_each(async |app: TestApp| {
        let receiver = Receiver::start().await;
        let url = format!("{}/hook", receiver.url());
        app.engine
            .update_environment_settings(app.environment.id, "test", move |settings| {
                settings.webhook_url = Some(url);
            })
            .await
            .unwrap();
        let hook = Hook::new(&app, "linkhut", "g").await;
        patch(&app, "g", &json!({"webhooks": {"secret": SECRET}})).await;
        for id in ["a", "b"] {
            hook.connection(id, &json!({}), &json!({})).await;
        }
        while app.engine.deliver_due_once().await.unwrap() > 0 {}
        let before = receiver.received().len();
        let come = async |id: &str, n: u32| {
            let body = json!({"n": n}).to_string();
            let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
            let tag = hex::encode(hmac::sign(&key, body.as_bytes()));
            let call = app.post(format!("{}?connection_id={id}", hook.path));
            let call = call.text("application/json", &body).header("x-webhook-signature", &tag);
            assert_eq!(call.send().await.status, 200);
        };
        let numbers = || {
            let got = receiver.received().split_off(before);
            let one = |it: &valetkey_testkit::Received| -> (String, u64) {
                let body: serde_json::Value = serde_json::from_slice(&it.body).unwrap();
                let id = body["connectionId"].as_str().unwrap();
                (id.to_owned(), body["payload"]["n"].as_u64().unwrap())
            };
            got.iter().map(one).collect::<Vec<_>>()
        };
        let pair = |id: &str, n: u64| (id.to_owned(), n);
        // All in one millisecond: order does not come from the clock.
        for n in 1..=4 {
            come("a", n).await;
        }
        come("b", 5).await;
        receiver.answer(Answer::status(400));
        assert_eq!(app.engine.deliver_due_once().await.unwrap(), 2, "the first of each connection");
        let mut first = numbers();
        first.sort();
        assert_eq!(first, [pair("a", 1), pair("b", 5)]);
        receiver.answer(Answer::status(200));
        assert_eq!(app.engine.deliver_due_once().await.unwrap(), 0, "the others wait for it");
        app.advance_s(60);
        while app.engine.deliver_due_once().await.unwrap() > 0 {}
        let mut rest = numbers().split_off(2);
        rest.retain(|(id, _)| id == "a");
        assert_eq!(rest, [pair("a", 1), pair("a", 2), pair("a", 3), pair("a", 4)]);
    })
    .await;
}
