//! The outbox: events, claims, attempts, breakers, replay.

use std::collections::HashSet;

use futures::future::join_all;
use valetkey_store::{Attempt, Breaker, Delivery, DeliveryOutcome, Store};
use valetkey_testkit::on_each_database;

use crate::seed::{NOW, Seed, after, environment, is_duplicate, seed};

const APP: &str = "https://app.example/hook";
const BACKUP: &str = "https://backup.example/hook";

async fn claim(store: &Store, now: i64, limit: i64) -> Vec<Delivery> {
    claim_beside(store, now, limit, &[]).await
}

async fn claim_beside(store: &Store, now: i64, limit: i64, busy: &[&str]) -> Vec<Delivery> {
    let busy: Vec<String> = busy.iter().map(|&text| text.to_owned()).collect();
    let (now, until) = (after(now), after(now + 50));
    commit!(store, |tx| tx.claim_deliveries(now, until, limit, &busy).await).unwrap()
}

fn ids(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.id.as_str()).collect()
}

async fn settle(seed: &Seed, id: &str, status: i64, outcome: DeliveryOutcome) {
    let id = id.to_owned();
    let attempt = Attempt {
        started_at: NOW,
        duration_ms: 12,
        status: Some(status),
        error: (status >= 300).then(|| "refused".to_owned()),
        response_excerpt: Some("ok".to_owned()),
    };
    commit!(seed.store, |tx| tx.settle_delivery(&id, &attempt, outcome, after(3)).await).unwrap();
}

#[tokio::test]
async fn an_event_is_in_the_feed_and_goes_to_each_url() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        seed.tell("evt_2", NOW, &[APP, BACKUP]).await;
        seed.tell("evt_1", after(-5), &[]).await;
        seed.tell("evt_3", after(9), &[APP]).await;
        let feed = async |after, limit| -> Vec<String> {
            let events = seed.store.events(seed.environment, after, limit).await.unwrap();
            events.into_iter().map(|event| event.id).collect()
        };
        assert_eq!(feed(None, 10).await, ["evt_1", "evt_2", "evt_3"]);
        assert_eq!(feed(Some("evt_1"), 1).await, ["evt_2"]);
        let (_, other) = environment(&seed.store, "other").await;
        assert!(seed.store.events(other, None, 10).await.unwrap().is_empty());

        let claimed = claim(&seed.store, 0, 10).await;
        assert_eq!(ids(&claimed), ["evt_2.0", "evt_2.1"], "the third is not due yet");
        let first = &claimed[0];
        assert_eq!((first.url.as_str(), first.destination.as_str()), (APP, "https://app.example"));
        assert_eq!((first.event_id.as_str(), first.attempts), ("evt_2", 0));
        assert_eq!(first.payload, "{\"id\":\"evt_2\"}");
        assert_eq!((first.kind.as_str(), first.created_at), ("auth.creation", NOW));
        assert_eq!((first.environment_id, first.connection_row), (seed.environment, Some(7)));
    })
    .await;
}

#[tokio::test]
async fn an_event_id_is_used_once() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        seed.tell("evt_1", NOW, &[]).await;
        let again = valetkey_store::NewEvent {
            event: seed.store.events(seed.environment, None, 1).await.unwrap().remove(0),
            deliveries: Vec::new(),
        };
        assert!(is_duplicate(&commit!(seed.store, |tx| tx.insert_event(&again).await)));
    })
    .await;
}

#[tokio::test]
async fn no_delivery_is_in_two_hands() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let other = database.open().await;
        let tells = (0..100).map(|number| {
            let (seed, id) = (&seed, format!("evt_{number:03}"));
            async move { seed.tell(&id, NOW, &[APP]).await }
        });
        join_all(tells).await;
        // On SQLite the second store stands for a second process beside the server.
        let claims = (0..20).map(|number| {
            let store = if number % 2 == 0 { &seed.store } else { &other };
            claim(store, 0, 10)
        });
        let mut claimed: Vec<String> = Vec::new();
        for batch in join_all(claims).await {
            assert!(batch.len() <= 10, "{}", batch.len());
            claimed.extend(batch.into_iter().map(|delivery| delivery.id));
        }
        claimed.extend(claim(&other, 49, 100).await.into_iter().map(|delivery| delivery.id));
        assert_eq!(claimed.len(), 100);
        assert_eq!(claimed.iter().collect::<HashSet<_>>().len(), 100);
        assert_eq!(claim(&other, 50, 200).await.len(), 100, "the leases ran out");
    })
    .await;
}

#[tokio::test]
async fn the_most_overdue_go_first_and_a_released_one_is_free_at_once() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        for (id, at) in [("evt_c", -1), ("evt_a", -3), ("evt_b", -2)] {
            seed.tell(id, after(at), &[APP]).await;
        }
        let claimed = claim(&seed.store, 0, 2).await;
        assert_eq!(ids(&claimed), ["evt_a.0", "evt_b.0"]);
        commit!(seed.store, |tx| tx.release_delivery("evt_a.0").await).unwrap();
        let claimed = claim(&seed.store, 0, 9).await;
        assert_eq!(ids(&claimed), ["evt_a.0", "evt_c.0"]);
        assert_eq!(claimed[0].attempts, 0);
    })
    .await;
}

#[tokio::test]
async fn busy_and_resting_destinations_are_passed_over() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        seed.tell("evt_1", NOW, &[APP, BACKUP]).await;
        let claimed = claim_beside(&seed.store, 0, 9, &["https://app.example", "x\"y"]).await;
        assert_eq!(ids(&claimed), ["evt_1.1"]);
        let rest = async |until: i64| {
            let breaker = Breaker { failures: 5, open_until: after(until) };
            commit!(seed.store, |tx| tx.set_breaker("https://app.example", breaker).await).unwrap();
        };
        rest(30).await;
        assert!(claim(&seed.store, 29, 9).await.is_empty());
        assert_eq!(seed.store.next_delivery_due(NOW).await.unwrap(), Some(after(30)));
        assert_eq!(ids(&claim(&seed.store, 30, 9).await), ["evt_1.0"]);
    })
    .await;
}

#[tokio::test]
async fn an_outcome_ends_a_delivery_or_plans_the_next_attempt() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        for id in ["evt_a", "evt_b", "evt_c"] {
            seed.tell(id, NOW, &[APP]).await;
        }
        claim(&seed.store, 0, 9).await;
        settle(&seed, "evt_a.0", 200, DeliveryOutcome::Delivered).await;
        settle(&seed, "evt_b.0", 500, DeliveryOutcome::RetryAt(after(20))).await;
        settle(&seed, "evt_c.0", 410, DeliveryOutcome::Dead).await;
        assert_eq!(seed.store.next_delivery_due(NOW).await.unwrap(), Some(after(20)));
        assert!(claim(&seed.store, 19, 9).await.is_empty());
        let again = claim(&seed.store, 20, 9).await;
        assert_eq!((ids(&again), again[0].attempts), (vec!["evt_b.0"], 1));
        settle(&seed, "evt_b.0", 200, DeliveryOutcome::Delivered).await;
        assert_eq!(seed.store.next_delivery_due(NOW).await.unwrap(), None);

        let list = async |state| {
            let rows = seed.store.deliveries(seed.environment, state, 10).await.unwrap();
            rows.into_iter().map(|row| (row.id, row.attempts)).collect::<Vec<_>>()
        };
        assert_eq!(list(Some("dead")).await, [("evt_c.0".to_owned(), 1)]);
        assert_eq!(list(Some("pending")).await, []);
        assert_eq!(list(None).await.len(), 3);
        let attempts = seed.store.delivery_attempts("evt_b.0").await.unwrap();
        let statuses: Vec<_> = attempts.iter().map(|attempt| attempt.status).collect();
        assert_eq!(statuses, [Some(500), Some(200)]);
        assert_eq!(attempts[0].error.as_deref(), Some("refused"));
        assert_eq!((attempts[1].started_at, attempts[1].duration_ms), (NOW, 12));
        assert_eq!(attempts[1].response_excerpt.as_deref(), Some("ok"));
    })
    .await;
}

#[tokio::test]
async fn a_late_result_does_not_revive_what_has_ended() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        seed.tell("evt_a", NOW, &[APP]).await;
        claim(&seed.store, 0, 9).await;
        settle(&seed, "evt_a.0", 200, DeliveryOutcome::Delivered).await;
        settle(&seed, "evt_a.0", 500, DeliveryOutcome::RetryAt(after(20))).await;
        assert!(claim(&seed.store, 99, 9).await.is_empty());
        let row = seed.store.deliveries(seed.environment, None, 1).await.unwrap().remove(0);
        assert_eq!((row.state.as_str(), row.last_status), ("delivered", Some(200)));
        let attempts = seed.store.delivery_attempts("evt_a.0").await.unwrap();
        assert_eq!(attempts.len(), 2, "both happened");
    })
    .await;
}

#[tokio::test]
async fn a_replay_starts_the_schedule_again() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        seed.tell("evt_a", NOW, &[APP]).await;
        let (own, (_, other)) = (seed.environment, environment(&seed.store, "other").await);
        let replay = async |environment| {
            commit!(seed.store, |tx| {
                tx.replay_delivery(environment, "evt_a.0", after(40)).await
            })
            .unwrap()
        };
        assert!(!replay(own).await, "it is still under way");
        claim(&seed.store, 0, 9).await;
        settle(&seed, "evt_a.0", 410, DeliveryOutcome::Dead).await;
        assert!(!replay(other).await, "another tenant's");
        assert!(replay(own).await);
        assert!(claim(&seed.store, 39, 9).await.is_empty());
        let claimed = claim(&seed.store, 40, 9).await;
        assert_eq!((ids(&claimed), claimed[0].attempts), (vec!["evt_a.0"], 0));
        assert_eq!(seed.store.delivery_attempts("evt_a.0").await.unwrap().len(), 1, "kept");
    })
    .await;
}

#[tokio::test]
async fn a_breaker_is_shared_and_a_healthy_one_is_nothing() {
    on_each_database(async |database| {
        let (one, two) = (database.open().await, database.open().await);
        assert_eq!(one.breaker("d").await.unwrap(), Breaker::default());
        for failures in [1, 2] {
            let breaker = Breaker { failures, open_until: after(failures) };
            commit!(one, |tx| tx.set_breaker("d", breaker).await).unwrap();
            assert_eq!(two.breaker("d").await.unwrap(), breaker);
        }
        let locked = commit!(two, |tx| tx.lock_breaker("d").await).unwrap();
        assert_eq!(locked.failures, 2);
        commit!(two, |tx| tx.set_breaker("d", Breaker::default()).await).unwrap();
        assert_eq!(one.breaker("d").await.unwrap(), Breaker::default());
    })
    .await;
}

#[tokio::test]
async fn failures_counted_under_the_lock_all_count() {
    on_each_database(async |database| {
        let store = database.open().await;
        let counts = (0..20).map(|_| async {
            commit!(store, |tx| {
                let breaker = tx.hold_breaker("d").await?;
                let next = Breaker { failures: breaker.failures + 1, ..breaker };
                tx.set_breaker("d", next).await
            })
            .unwrap();
        });
        join_all(counts).await;
        assert_eq!(store.breaker("d").await.unwrap().failures, 20);
    })
    .await;
}
