//! The refresh lease and what is written under it.

use std::sync::Arc;

use futures::future::join_all;
use valetkey_base::Timestamp;
use valetkey_store::{Connection, NewConnection, RefreshFailure, RefreshSuccess, Store};
use valetkey_testkit::on_each_database;

use crate::seed::{NOW, Seed, after, sealed, seed};

async fn lease(store: &Store, row: &Arc<Connection>, owner: &str, until: i64, now: i64) -> bool {
    let (row, owner) = (row.clone(), owner.to_owned());
    commit!(store, |tx| tx.lease_refresh(&row, &owner, after(until), after(now)).await).unwrap()
}

async fn succeed(seed: &Seed, row: &Arc<Connection>, owner: &'static str) -> bool {
    let row = row.clone();
    let success = RefreshSuccess {
        credentials: sealed(owner),
        config: None,
        expires_at: Some(after(7_200_000)),
        refresh_due_at: None,
    };
    commit!(seed.store, |tx| tx.refresh_succeeded(&row, owner, &success, after(5)).await).unwrap()
}

async fn fail(seed: &Seed, row: &Arc<Connection>, owner: &'static str, exhausted: bool) -> bool {
    let row = row.clone();
    let failure = RefreshFailure {
        failures: 2,
        retry_at: (!exhausted).then(|| after(60_000)),
        exhausted,
        error: "{\"code\":\"x\"}".to_owned(),
    };
    commit!(seed.store, |tx| tx.refresh_failed(&row, owner, &failure, after(5)).await).unwrap()
}

/// The row as it is on disk.
async fn stored(seed: &Seed, row: &Connection) -> Connection {
    let row = seed.store.connection_by_row(seed.environment, row.id).await;
    row.unwrap().unwrap()
}

#[tokio::test]
async fn of_many_owners_one_gets_the_lease() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let other = database.open().await;
        let row = seed.connect("c-1").await;
        let takes = (0..20).map(|number| {
            let store = if number % 2 == 0 { &seed.store } else { &other };
            let row = row.clone();
            async move { lease(store, &row, &format!("owner {number}"), 100, 0).await }
        });
        let taken = join_all(takes).await;
        assert_eq!(taken.iter().filter(|taken| **taken).count(), 1);
        assert!(!lease(&seed.store, &row, "late", 200, 99).await);
        assert!(lease(&seed.store, &row, "later", 200, 100).await, "it ran out");
    })
    .await;
}

#[tokio::test]
async fn a_success_is_a_new_generation_with_a_clean_state() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let row = seed.connect("c-1").await;
        assert!(lease(&seed.store, &row, "me", 100, 0).await);
        assert!(fail(&seed, &row, "me", false).await);
        let failed = Arc::new(stored(&seed, &row).await);
        assert_eq!((failed.refresh_failures, failed.generation), (2, 1));
        assert_eq!(failed.refresh_failed_at, Some(after(5)));
        assert_eq!(failed.refresh_retry_at, Some(after(60_000)));
        assert_eq!(failed.refresh_error.as_deref(), Some("{\"code\":\"x\"}"));
        assert!(failed.lease_until.is_none() && !failed.refresh_exhausted);
        assert_eq!(failed.updated_at, NOW, "credentials did not change");

        assert!(!lease(&seed.store, &row, "you", 100, 10).await, "it failed since that was read");
        assert!(lease(&seed.store, &failed, "me", 100, 10).await, "the lease was given back");
        assert!(succeed(&seed, &row, "me").await);
        let fresh = stored(&seed, &row).await;
        assert_eq!((fresh.generation, &fresh.credentials), (2, &sealed("me")));
        assert_eq!(fresh.config, sealed("config"), "kept");
        assert_eq!((fresh.expires_at, fresh.refresh_due_at), (Some(after(7_200_000)), None));
        assert_eq!((fresh.refresh_failures, fresh.refresh_failed_at), (0, None));
        assert!(fresh.refresh_retry_at.is_none() && fresh.refresh_error.is_none());
        assert!(fresh.lease_until.is_none() && fresh.updated_at == after(5));
    })
    .await;
}

#[tokio::test]
async fn nothing_is_written_without_the_lease_or_twice() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let row = seed.connect("c-1").await;
        assert!(!succeed(&seed, &row, "me").await, "no lease");
        assert!(lease(&seed.store, &row, "me", 100, 0).await);
        assert!(!succeed(&seed, &row, "you").await, "another's lease");
        assert!(!fail(&seed, &row, "you", true).await, "another's lease");
        assert!(succeed(&seed, &row, "me").await);
        assert!(!succeed(&seed, &row, "me").await, "the generation is spent");
        assert!(!fail(&seed, &row, "me", true).await, "the generation is spent");
        assert!(!lease(&seed.store, &row, "you", 300, 200).await, "the generation is spent");
        assert_eq!(stored(&seed, &row).await.generation, 2);
    })
    .await;
}

#[tokio::test]
async fn a_late_success_does_not_overwrite_a_reconnect() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let row = seed.connect("c-1").await;
        assert!(lease(&seed.store, &row, "me", 100, 0).await);
        let reconnected =
            NewConnection { credentials: sealed("reconnected"), ..seed.new_connection("c-1") };
        let existing = row.clone();
        commit!(seed.store, |tx| tx.replace_credentials(&existing, &reconnected, after(1)).await)
            .unwrap();
        assert!(!succeed(&seed, &row, "me").await);
        assert!(!fail(&seed, &row, "me", true).await);
        let now = stored(&seed, &row).await;
        assert_eq!((now.generation, &now.credentials), (2, &sealed("reconnected")));
        assert!(!now.refresh_exhausted && now.lease_until.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_deleted_connection_takes_no_lease_and_no_result() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let row = seed.connect("c-1").await;
        assert!(lease(&seed.store, &row, "me", 100, 0).await);
        let (environment, id) = (seed.environment, row.id);
        commit!(seed.store, |tx| tx.delete_connection(environment, id, NOW).await).unwrap();
        assert!(!succeed(&seed, &row, "me").await);
        assert!(!lease(&seed.store, &row, "you", 300, 200).await);
    })
    .await;
}

#[tokio::test]
async fn a_lease_is_given_back_by_its_owner_or_all_at_once() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let row = seed.connect("c-1").await;
        assert!(lease(&seed.store, &row, "me", 100, 0).await);
        let release = async |owner: &'static str| {
            let row = row.clone();
            commit!(seed.store, |tx| tx.release_refresh(&row, owner).await).unwrap();
        };
        release("you").await;
        assert!(stored(&seed, &row).await.lease_until.is_some());
        release("me").await;
        assert!(stored(&seed, &row).await.lease_until.is_none());
        assert!(lease(&seed.store, &row, "me", 100, 0).await);
        let released = commit!(seed.store, |tx| tx.release_all_refreshes().await);
        assert_eq!(released.unwrap(), 1);
        assert!(lease(&seed.store, &row, "you", 100, 0).await);
    })
    .await;
}

#[tokio::test]
async fn due_are_the_active_and_the_long_idle_but_not_the_hopeless() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let due = |id: &str, at: i64| NewConnection {
            refresh_due_at: Some(after(at)),
            ..seed.new_connection(id)
        };
        // Read long ago; only "idle" has been due for so long that its token may die of disuse.
        seed.insert(due("idle", -5000), after(-9000)).await;
        seed.insert(due("asleep", -10), after(-9000)).await;
        seed.insert(due("second", -20), NOW).await;
        seed.insert(due("first", -30), NOW).await;
        seed.insert(due("later", 1000), NOW).await;
        for id in ["leased", "waiting", "hopeless"] {
            seed.insert(due(id, -40), NOW).await;
            assert!(lease(&seed.store, &seed.read(id).await, "me", 100, -100).await);
        }
        assert!(fail(&seed, &seed.read("waiting").await, "me", false).await);
        assert!(fail(&seed, &seed.read("hopeless").await, "me", true).await);
        let find = async |now: Timestamp, limit: i64| -> Vec<String> {
            let (active_since, idle_due_before) = (after(-100), after(-1000));
            let rows = seed.store.connections_due(now, active_since, idle_due_before, limit).await;
            rows.unwrap().into_iter().map(|row| row.connection_id).collect()
        };
        assert_eq!(find(NOW, 10).await, ["idle", "first", "second"]);
        assert_eq!(find(NOW, 2).await, ["idle", "first"]);
        let after_lease = ["idle", "leased", "first", "second"];
        assert_eq!(find(after(100), 10).await, after_lease);
        let mut after_pause = find(after(60_000), 10).await;
        after_pause.sort();
        assert_eq!(after_pause, ["first", "idle", "later", "leased", "second", "waiting"]);
    })
    .await;
}
