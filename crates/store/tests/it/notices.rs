//! Telling other processes that something changed.

use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use valetkey_store::{Error, Notice};
use valetkey_testkit::on_each_database;

use crate::seed::{NOW, after, seed};

/// Waits until the notice comes, and fails the test when it does not.
async fn hear(notices: &mut Receiver<Notice>, wanted: &Notice) {
    let hearing = async { while notices.recv().await.unwrap() != *wanted {} };
    tokio::time::timeout(Duration::from_secs(10), hearing)
        .await
        .unwrap_or_else(|_| panic!("{wanted:?} did not come"));
}

#[tokio::test]
async fn a_process_hears_what_it_commits() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let mut notices = seed.store.notices();
        let row = seed.connect("c-1").await;
        let (environment, id) = (seed.environment, row.id);
        commit!(seed.store, |tx| tx.delete_connection(environment, id, NOW).await).unwrap();
        hear(&mut notices, &Notice::Connection(id)).await;
        commit!(seed.store, |tx| tx.insert_flow_result("a b", "{}", NOW).await).unwrap();
        hear(&mut notices, &Notice::Flow("a b".to_owned())).await;
        seed.tell("evt_1", NOW, &[]).await;
        hear(&mut notices, &Notice::Events).await;
        commit!(seed.store, |tx| {
            tx.update_environment_settings(environment, "{}", after(1)).await
        })
        .unwrap();
        hear(&mut notices, &Notice::Environment(environment)).await;
    })
    .await;
}

#[tokio::test]
async fn another_process_hears_that_something_was_committed() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let other = database.open().await;
        let mut notices = other.notices();
        if database.is_postgres() {
            // It listens once it has said that anything may have changed before.
            hear(&mut notices, &Notice::Anything).await;
            let undone: Result<(), Error> = commit!(seed.store, |tx| {
                tx.insert_flow_result("undone", "{}", NOW).await?;
                Err(Error::Missing)
            });
            assert!(undone.is_err());
            commit!(seed.store, |tx| tx.insert_flow_result("done", "{}", NOW).await).unwrap();
            let first = notices.recv().await.unwrap();
            assert_eq!(first, Notice::Flow("done".to_owned()), "and not of what was undone");
        } else {
            seed.tell("evt_1", NOW, &[]).await;
            hear(&mut notices, &Notice::Anything).await;
        }
    })
    .await;
}

#[tokio::test]
async fn another_process_reads_what_was_committed() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let other = database.open().await;
        let row = seed.connect("c-1").await;
        let read = async || {
            let row = other.connection(seed.environment, "github", "c-1").await.unwrap();
            row.map(|row| row.generation)
        };
        assert_eq!(read().await, Some(1));
        let mut notices = other.notices();
        let new = seed.new_connection("c-1");
        commit!(seed.store, |tx| tx.replace_credentials(&row, &new, NOW).await).unwrap();
        if !database.is_postgres() && read().await != Some(2) {
            // A row kept in memory is dropped when the foreign write is noticed.
            hear(&mut notices, &Notice::Anything).await;
        }
        assert_eq!(read().await, Some(2));
    })
    .await;
}
