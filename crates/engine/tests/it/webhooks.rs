//! Delivery of the outbox.

use std::collections::HashSet;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use valetkey_base::Clock;
use valetkey_store::Error;
use valetkey_testkit::{Answer, Receiver, on_each_database};

use crate::stage::{START, Stage, beside, payload, stage, stage_with};

const SECOND: Duration = Duration::from_secs(1);
const CREATION: &str = "auth.creation";

fn hook(receiver: &Receiver) -> Vec<String> {
    vec![format!("{}/hook?token=s3cret", receiver.url())]
}

#[tokio::test]
async fn an_event_arrives_signed_and_is_recorded() {
    on_each_database(async |database| {
        let stage = stage(database).await;
        let receiver = Receiver::start().await;
        receiver.answer(Answer::Status(202, None, "thanks"));
        stage.tell("evt_1", CREATION, &hook(&receiver)).await;
        assert_eq!(stage.deliver().await, 1);

        let request = receiver.received().remove(0);
        assert_eq!(
            (request.path.as_str(), request.text()),
            ("/hook?token=s3cret", payload("evt_1").as_str())
        );
        assert_eq!(request.header("content-type"), "application/json");
        assert!(request.header("user-agent").starts_with("valetkey-webhooks/"));
        let keys = stage.engine.signing_keys(stage.environment).await.unwrap();
        let tag = |text: &str| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, keys[0].expose().as_bytes());
            hmac::sign(&key, text.as_bytes())
        };
        assert_eq!(request.header("x-nango-hmac-sha256"), hex::encode(tag(request.text())));
        assert_eq!(request.header("webhook-id"), "evt_1");
        assert_eq!(request.header("webhook-timestamp"), START.seconds().to_string());
        let signed = tag(&format!("evt_1.{}.{}", START.seconds(), request.text()));
        let expected = format!("v1,{}", STANDARD.encode(signed));
        assert_eq!(request.header("webhook-signature"), expected);

        assert_eq!(stage.delivery("evt_1-0").await, ("delivered".to_owned(), 1, START));
        let attempts = stage.engine.store().delivery_attempts("evt_1-0").await.unwrap();
        assert_eq!(attempts.len(), 1);
        assert_eq!((attempts[0].status, &attempts[0].error), (Some(202), &None));
        assert_eq!(attempts[0].response_excerpt.as_deref(), Some("thanks"));
    })
    .await;
}

#[tokio::test]
async fn the_log_says_what_happened_without_the_receivers_secret() {
    on_each_database(async |database| {
        let stage = stage(database).await;
        let receiver = Receiver::start().await;
        stage.tell("evt_1", CREATION, &hook(&receiver)).await;
        stage.deliver().await;
        receiver.answer(Answer::status(500));
        stage.tell("evt_2", "auth.refresh", &hook(&receiver)).await;
        stage.deliver().await;

        let store = stage.engine.store();
        let mut rows = store.operations(stage.environment, Some("webhook"), None, 9).await.unwrap();
        rows.sort_by(|one, other| one.action.cmp(&other.action));
        let [created, refreshed] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!(
            (created.action.as_str(), created.state.as_str()),
            ("connection_create", "success")
        );
        assert_eq!(
            (refreshed.action.as_str(), refreshed.state.as_str()),
            ("connection_refresh", "failed")
        );
        assert_eq!(created.connection_id.as_deref(), Some("c-1"));
        assert_eq!(created.integration_key.as_deref(), Some("gh"));
        assert!(refreshed.error.as_deref().unwrap().contains("status 500"));
        let messages = store.messages(&refreshed.id, 9).await.unwrap();
        let [(level, text, Some(detail), _)] = messages.as_slice() else { panic!("{messages:?}") };
        assert_eq!(level, "warn");
        assert!(text.contains(&format!("{}/hook", receiver.url())), "{text}");
        assert!(detail.contains("\"attempt\":1") && detail.contains("\"status\":500"), "{detail}");
        for said in [text, detail, refreshed.error.as_ref().unwrap(), &refreshed.title] {
            assert!(!said.contains("s3cret"), "{said}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_failure_is_tried_again_with_the_same_id_until_it_arrives() {
    on_each_database(async |database| {
        let stage = stage(database).await;
        let receiver = Receiver::start().await;
        receiver.answer(Answer::status(503));
        stage.tell("evt_1", CREATION, &hook(&receiver)).await;
        assert_eq!(stage.deliver().await, 1);
        let (state, attempts, next) = stage.delivery("evt_1-0").await;
        assert_eq!((state.as_str(), attempts), ("pending", 1));
        let wait = next.since(START);
        assert!(wait >= SECOND * 4 && wait <= SECOND * 6, "{wait:?}");
        assert_eq!(stage.deliver().await, 0, "not due yet");

        receiver.answer(Answer::status(200));
        stage.clock.advance(SECOND * 6);
        assert_eq!(stage.deliver().await, 1);
        assert_eq!(stage.delivery("evt_1-0").await.0, "delivered");
        let ids: Vec<String> = receiver
            .received()
            .iter()
            .map(|request| request.header("webhook-id").to_owned())
            .collect();
        assert_eq!(ids, ["evt_1", "evt_1"]);
        let times: HashSet<String> = receiver
            .received()
            .iter()
            .map(|request| request.header("webhook-timestamp").to_owned())
            .collect();
        assert_eq!(times.len(), 2, "each attempt is signed at its own time");
    })
    .await;
}

#[tokio::test]
async fn retry_after_is_honoured() {
    on_each_database(async |database| {
        let stage = stage(database).await;
        let receiver = Receiver::start().await;
        receiver.answer(Answer::Status(429, Some("3600"), ""));
        stage.tell("evt_1", CREATION, &hook(&receiver)).await;
        stage.deliver().await;
        assert_eq!(stage.delivery("evt_1-0").await.2, START.plus(SECOND * 3600));
    })
    .await;
}

#[tokio::test]
async fn what_cannot_arrive_is_kept_and_can_be_replayed() {
    on_each_database(async |database| {
        let stage = stage(database).await;
        let receiver = Receiver::start().await;
        receiver.answer(Answer::status(410));
        stage.tell("evt_1", CREATION, &hook(&receiver)).await;
        stage.deliver().await;
        assert_eq!(stage.delivery("evt_1-0").await.0, "dead");
        receiver.answer(Answer::status(200));
        let (environment, now) = (stage.environment, stage.clock.now());
        let replayed = stage
            .engine
            .store()
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { tx.replay_delivery(environment, "evt_1-0", now).await })
            })
            .await;
        assert!(replayed.unwrap());
        assert_eq!(stage.deliver().await, 1);
        assert_eq!(stage.delivery("evt_1-0").await.0, "delivered");
    })
    .await;
}

#[tokio::test]
async fn a_private_address_is_refused_and_nothing_is_sent() {
    on_each_database(async |database| {
        let stage = stage_with(database, &Clock::manual(START), "").await;
        let receiver = Receiver::start().await;
        let urls = [hook(&receiver), vec!["not a url".to_owned()]].concat();
        stage.tell("evt_1", CREATION, &urls).await;
        stage.deliver().await;
        for id in ["evt_1-0", "evt_1-1"] {
            assert_eq!(stage.delivery(id).await.0, "dead", "{id}");
            let attempts = stage.engine.store().delivery_attempts(id).await.unwrap();
            let error = attempts[0].error.as_deref().unwrap();
            assert!(!error.contains("s3cret") && attempts[0].status.is_none(), "{error}");
        }
        assert!(receiver.received().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_destination_that_is_down_rests_and_is_probed() {
    on_each_database(async |database| {
        let stage = stage(database).await;
        let (down, well) = (Receiver::start().await, Receiver::start().await);
        down.answer(Answer::status(503));
        for number in 0..5 {
            stage.tell(&format!("evt_{number}"), CREATION, &hook(&down)).await;
        }
        assert_eq!(stage.deliver().await, 5);
        for number in 5..8 {
            stage.tell(&format!("evt_{number}"), CREATION, &hook(&down)).await;
        }
        stage.tell("evt_well", CREATION, &hook(&well)).await;
        assert_eq!(stage.deliver().await, 1, "the one to the other destination");
        assert_eq!(well.received().len(), 1);
        assert_eq!(stage.delivery("evt_7-0").await.1, 0, "waiting is no attempt");

        // A minute later one of the eight goes first, and fails.
        stage.clock.advance(SECOND * 61);
        assert_eq!(stage.deliver().await, 1);
        assert_eq!(down.received().len(), 6);
        stage.clock.advance(SECOND * 61);
        assert_eq!(stage.deliver().await, 0, "the pause has doubled");
        down.answer(Answer::status(200));
        stage.clock.advance(SECOND * 61);
        assert_eq!(stage.deliver().await, 8, "the probe found it well, and the rest followed");
        assert_eq!(down.received().len(), 14);
        for number in 0..8 {
            assert_eq!(stage.delivery(&format!("evt_{number}-0")).await.0, "delivered");
        }
    })
    .await;
}

#[tokio::test]
async fn a_dead_process_leaves_its_deliveries_to_the_others() {
    on_each_database(async |database| {
        let stage = stage(database).await;
        let receiver = Receiver::start().await;
        stage.tell("evt_1", CREATION, &hook(&receiver)).await;
        // Claimed and never settled: the process was killed.
        let (now, until) = (START, START.plus(SECOND * 50));
        let claimed = stage
            .engine
            .store()
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { tx.claim_deliveries(now, until, 9, &[]).await })
            })
            .await;
        assert_eq!(claimed.unwrap().len(), 1);
        let other = beside(&stage, database).await;
        assert_eq!(other.deliver().await, 0);
        stage.clock.advance(SECOND * 50);
        assert_eq!(other.deliver().await, 1);
        assert_eq!(stage.delivery("evt_1-0").await.0, "delivered");
    })
    .await;
}

#[tokio::test]
async fn two_servers_send_each_event_once() {
    on_each_database(async |database| {
        if !database.is_postgres() {
            return;
        }
        let one = stage(database).await;
        let two = beside(&one, database).await;
        let receiver = Receiver::start().await;
        one.engine.start_jobs();
        two.engine.start_jobs();
        for number in 0..60 {
            let teller = if number % 2 == 0 { &one } else { &two };
            teller.tell(&format!("evt_{number}"), CREATION, &hook(&receiver)).await;
        }
        receiver.wait_for(60).await;
        shut_down(&one).await;
        shut_down(&two).await;
        let received = receiver.received();
        let ids: HashSet<&str> =
            received.iter().map(|request| request.header("webhook-id")).collect();
        assert_eq!((received.len(), ids.len()), (60, 60));
    })
    .await;
}

async fn shut_down(stage: &Stage) {
    assert!(stage.engine.tasks().shutdown(SECOND * 10).await, "tasks were left");
}

#[tokio::test]
async fn a_slow_destination_holds_up_no_other() {
    on_each_database(async |database| {
        let stage = stage(database).await;
        let (slow, well) = (Receiver::start().await, Receiver::start().await);
        slow.answer(Answer::Held);
        for number in 0..40 {
            stage.tell(&format!("evt_{number}"), CREATION, &hook(&slow)).await;
        }
        stage.engine.start_jobs();
        slow.wait_for(8).await;
        for number in 0..20 {
            stage.tell(&format!("evt_well_{number}"), CREATION, &hook(&well)).await;
        }
        well.wait_for(20).await;
        assert_eq!(slow.received().len(), 8, "as many as one destination may have");
        slow.answer(Answer::status(200));
        slow.wait_for(40).await;
        shut_down(&stage).await;
        assert_eq!(slow.received().len(), 40);
    })
    .await;
}

#[tokio::test]
async fn a_shutdown_finishes_what_is_under_way_and_starts_no_more() {
    on_each_database(async |database| {
        let stage = stage(database).await;
        let receiver = Receiver::start().await;
        receiver.answer(Answer::Held);
        for number in 0..9 {
            stage.tell(&format!("evt_{number}"), CREATION, &hook(&receiver)).await;
        }
        stage.engine.start_jobs();
        receiver.wait_for(8).await;
        let stopping = async {
            stage.engine.tasks().stopping().cancelled().await;
            receiver.answer(Answer::status(200));
        };
        let (ended, ()) = futures::join!(stage.engine.tasks().shutdown(SECOND * 10), stopping);
        assert!(ended);
        let mut states = Vec::new();
        for number in 0..9 {
            states.push(stage.delivery(&format!("evt_{number}-0")).await.0);
        }
        states.sort();
        assert_eq!(states[..8], vec!["delivered"; 8]);
        assert_eq!(states[8], "pending");
    })
    .await;
}

#[tokio::test]
async fn a_running_server_sends_at_once_and_tries_again_when_due() {
    on_each_database(async |database| {
        let stage = stage(database).await;
        let receiver = Receiver::start().await;
        receiver.answer(Answer::status(500));
        stage.engine.start_jobs();
        stage.tell("evt_1", CREATION, &hook(&receiver)).await;
        receiver.wait_for(1).await;
        // The result is written before the clock moves on.
        while stage.delivery("evt_1-0").await.1 == 0 {
            tokio::task::yield_now().await;
        }
        receiver.answer(Answer::status(200));
        stage.clock.advance(SECOND * 6);
        receiver.wait_for(2).await;
        shut_down(&stage).await;
        assert_eq!(stage.delivery("evt_1-0").await.0, "delivered");
    })
    .await;
}
