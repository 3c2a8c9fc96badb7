use futures::future::join_all;
use serde_json::{Value, json};
use valetkey_emulator::provider::Kind;

use super::*;

fn token(read: &Value) -> &str {
    read["credentials"]["access_token"].as_str().unwrap()
}

#[tokio::test]
async fn an_expired_token_is_replaced_before_it_is_answered() {
    on_each(async |bench: Bench| {
        let old = bench.import_living("c").await;
        assert_eq!(token(&expect(&bench.read("c", "").await, 200)), old);
        bench.advance(130);
        let read = expect(&bench.read("c", "").await, 200);
        assert_ne!(token(&read), old);
        assert_eq!(read["credentials"]["expires_at"], "2026-03-01T09:14:21.120Z");
        assert!(!serde_json::to_string(&read).unwrap().contains("refresh_token"));
        let again = expect(&bench.read("c", "&refresh_token=1").await, 200);
        assert_eq!(token(&again), token(&read));
        assert!(again["credentials"]["refresh_token"].as_str().unwrap().starts_with("emu_rt_"));
        assert_eq!(bench.refreshes(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_readers_of_an_expired_token_cost_one_request() {
    on_each(async |bench: Bench| {
        let old = bench.import_living("c").await;
        bench.advance(130);
        let answers = join_all((0..50).map(|_| bench.read("c", ""))).await;
        let first = expect(&answers[0], 200);
        assert_ne!(token(&first), old);
        for answer in &answers {
            assert_eq!(token(&expect(answer, 200)), token(&first));
        }
        assert_eq!(bench.refreshes(), 1);
        assert_eq!(bench.refresh_failures_told().await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_readers_of_a_failing_refresh_cost_one_request_and_one_event() {
    on_each(async |bench: Bench| {
        bench.import_living("c").await;
        bench.advance(130);
        bench.fail_tokens(Kind::Http500, 1000);
        let answers = join_all((0..50).map(|_| bench.read("c", ""))).await;
        for answer in &answers {
            assert!(matches!(answer.status, 400 | 424), "{}", answer.text);
            assert_eq!(answer.json()["error"]["code"], "invalid_credentials");
        }
        assert_eq!(bench.refreshes(), 1);
        assert_eq!(bench.refresh_failures_told().await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_passing_failure_is_400_then_424_and_heals() {
    on_each(async |bench: Bench| {
        bench.import_living("c").await;
        bench.advance(130);
        bench.fail_tokens(Kind::Http500, 1);
        let failed = bench.read("c", "").await;
        assert_eq!(failed.outcome(), (400, "invalid_credentials".to_owned()));
        let error = &failed.json()["error"];
        let names: Vec<&String> = error.as_object().unwrap().keys().collect();
        assert_eq!(names, ["code", "message", "payload"]);
        assert_eq!(error["payload"]["needs_reconnect"], false, "the provider is down, no more");
        let connection = &error["payload"]["connection"];
        assert_eq!(connection["connection_id"], "c");
        assert_eq!(connection["credentials"], json!({}));
        assert_eq!(connection["created_at"], "2026-03-01T09:10:11.120+00:00");
        assert_eq!(connection["errors"][0]["type"], "auth");
        assert!(connection["errors"][0]["log_id"].is_string());
        let names: Vec<&String> = connection.as_object().unwrap().keys().collect();
        let read_names = [
            "id",
            "connection_id",
            "provider_config_key",
            "provider",
            "errors",
            "end_user",
            "tags",
            "metadata",
            "connection_config",
            "webhook_url_override",
            "created_at",
            "updated_at",
            "last_fetched_at",
            "credentials",
        ];
        assert_eq!(names, read_names);

        let waiting = bench.read("c", "").await;
        assert_eq!(waiting.outcome(), (424, "invalid_credentials".to_owned()));
        assert_eq!(waiting.json()["error"]["payload"]["connection"]["connection_id"], "c");
        assert_eq!(waiting.json()["error"]["payload"]["needs_reconnect"], false);
        assert_eq!(bench.refreshes(), 1);
        let list = bench.get("/connections").await.json();
        assert_eq!(list["connections"][0]["errors"], connection["errors"]);

        bench.advance(31);
        let healed = expect(&bench.read("c", "").await, 200);
        assert_eq!(healed["errors"], json!([]));
        assert_eq!(bench.refreshes(), 2);
        assert_eq!(bench.refresh_failures_told().await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_dead_grant_stays_424_until_forced() {
    on_each(async |bench: Bench| {
        bench.import_living("c").await;
        bench.advance(130);
        bench.fail_tokens(Kind::InvalidGrant, 1);
        let refused = bench.read("c", "").await;
        assert_eq!(refused.status, 400);
        assert_eq!(refused.json()["error"]["payload"]["needs_reconnect"], true);
        bench.advance(24 * 60 * 60);
        let exhausted = bench.read("c", "").await;
        assert_eq!(exhausted.outcome(), (424, "invalid_credentials".to_owned()));
        assert_eq!(exhausted.json()["error"]["payload"]["needs_reconnect"], true);
        assert_eq!(bench.refreshes(), 1);
        assert_eq!(bench.refresh_failures_told().await, 1);
        // The provider only pretended, so a manual retry helps.
        let forced = expect(&bench.read("c", "&force_refresh=true").await, 200);
        assert_eq!(forced["errors"], json!([]));
        assert_eq!(bench.refreshes(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_failed_early_refresh_serves_the_token_that_still_works() {
    on_each(async |bench: Bench| {
        let old = bench.import_living("c").await;
        bench.advance(110);
        bench.fail_tokens(Kind::Http500, 1);
        for _ in 0..2 {
            let read = expect(&bench.read("c", "").await, 200);
            assert_eq!(token(&read), old);
            assert_eq!(read["errors"], json!([]));
        }
        assert_eq!(bench.refreshes(), 1);
        assert_eq!(bench.refresh_failures_told().await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_forced_refresh_replaces_a_good_token() {
    on_each(async |bench: Bench| {
        let old = bench.import_living("c").await;
        let forced = expect(&bench.read("c", "&force_refresh=true").await, 200);
        assert_ne!(token(&forced), old);
        assert_eq!(bench.refreshes(), 1);
        // There is nothing to refresh with; this is not a failure.
        bench
            .import(json!({
                "provider_config_key": "github-prod", "connection_id": "bare",
                "credentials": {"type": "OAUTH2", "access_token": "t"},
            }))
            .await;
        let bare = expect(&bench.read("bare", "&force_refresh=true").await, 200);
        assert_eq!(token(&bare), "t");
        bench.fail_tokens(Kind::Http500, 1);
        let failed = bench.read("c", "&force_refresh=true").await;
        assert_eq!(failed.outcome(), (400, "invalid_credentials".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn client_credentials_are_minted_anew() {
    on_each(async |bench: Bench| {
        bench
            .import(json!({
                "provider_config_key": "machine", "connection_id": "m",
                "credentials": {
                    "type": "OAUTH2_CC", "token": "old", "client_id": "emulator-client",
                    "client_secret": "emulator-secret", "expires_at": "2026-03-01T09:10:00Z",
                },
            }))
            .await;
        let path = "/connections/m?provider_config_key=machine";
        let read = expect(&bench.get(path).await, 200);
        assert!(read["credentials"]["token"].as_str().unwrap().starts_with("emu_at_"));
    })
    .await;
}

#[tokio::test]
async fn the_job_refreshes_what_is_read_ahead_of_time_and_what_is_idle_once_a_day() {
    on_each(async |bench: Bench| {
        bench.import_living("c").await;
        let run = async || bench.app.engine.refresh_due_once(100).await.unwrap();
        assert_eq!(run().await, 0, "a young token is left alone");
        bench.advance(110);
        assert_eq!(run().await, 1, "a token that was read today is replaced before it dies");
        assert_eq!(bench.refreshes(), 1);
        bench.advance(2 * 24 * 60 * 60);
        assert_eq!(run().await, 1, "an idle one is kept from dying of disuse");
        assert_eq!(bench.refreshes(), 2);
        bench.advance(60 * 60);
        assert_eq!(run().await, 0, "but not at every end of its life");
        bench.advance(24 * 60 * 60);
        assert_eq!(run().await, 1);
        assert_eq!(bench.refreshes(), 3);
    })
    .await;
}
