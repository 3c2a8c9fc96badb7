//! Single connections: making, replacing, patching, deleting.

use futures::future::join_all;
use serde_json::json;
use valetkey_store::{ConnectionPatch, NewConnection};
use valetkey_testkit::on_each_database;

use crate::seed::{NOW, Seed, after, environment, object, sealed, seed};

#[tokio::test]
async fn every_column_comes_back_as_it_was_stored() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        // Numbers, key order and spaces are the caller's.
        let metadata = "{\"z\": 1.0,  \"a\":12345678901234567890, \"n\":1e2, \"é\":\"\\u00e9\"}";
        let end_user = json!({"id": "u-1", "display_name": "Ann", "email": "Ann@Acme.example",
            "tags": null, "organization": {"id": "o-1", "display_name": null}});
        let new = NewConnection {
            patch: ConnectionPatch {
                metadata: Some(metadata.to_owned()),
                tags: Some(object(&json!({"team": "blue"}))),
                end_user: Some(end_user.to_string()),
                webhook_url_override: Some("https://own.example/".to_owned()),
            },
            ..seed.new_connection("c-1")
        };
        let id = seed.insert(new, NOW).await;
        let row = seed.read("c-1").await;
        assert_eq!((row.id, row.integration_id), (id, seed.integration));
        assert_eq!((row.integration_key.as_str(), row.provider.as_str()), ("github", "github"));
        assert_eq!(row.row_uuid, "row of c-1");
        assert_eq!((&row.credentials, &row.config), (&sealed("credentials"), &sealed("config")));
        assert_eq!(row.metadata.as_deref(), Some(metadata));
        assert_eq!(row.tags, "{\"team\":\"blue\"}");
        assert_eq!(row.end_user, Some(end_user.to_string()));
        assert_eq!(row.webhook_url_override.as_deref(), Some("https://own.example/"));
        assert_eq!((row.generation, row.refresh_failures), (1, 0));
        assert_eq!(row.expires_at, Some(after(3_600_000)));
        assert_eq!(row.refresh_due_at, Some(after(3_000_000)));
        assert!(row.lease_until.is_none() && row.refresh_error.is_none());
        assert!(!row.refresh_exhausted);
        assert_eq!((row.created_at, row.updated_at, row.last_fetched_at), (NOW, NOW, Some(NOW)));
        let by_row = seed.store.connection_by_row(seed.environment, id).await.unwrap();
        assert_eq!(by_row.unwrap().connection_id, "c-1");
    })
    .await;
}

#[tokio::test]
async fn another_tenant_finds_nothing() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let row = seed.connect("c-1").await;
        let (_, other) = environment(&seed.store, "other").await;
        assert!(seed.store.connection(other, "github", "c-1").await.unwrap().is_none());
        assert!(seed.store.connection_by_row(other, row.id).await.unwrap().is_none());
        let (deleted, locked) = commit!(seed.store, |tx| {
            let deleted = tx.delete_connection(other, row.id, NOW).await?;
            let locked = tx.lock_connection_row(other, row.id).await?;
            Ok((deleted, locked.is_some()))
        })
        .unwrap();
        assert!(!deleted && !locked);
        assert!(seed.find("c-1").await.is_some());
    })
    .await;
}

#[tokio::test]
async fn of_twenty_simultaneous_inserts_one_makes_the_row() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let upserts = (0..20).map(|_| upsert(&seed));
        let made = join_all(upserts).await;
        assert_eq!(made.iter().filter(|made| **made).count(), 1);
        let row = seed.read("c-1").await;
        assert_eq!(row.generation, 20, "one insert and nineteen replacements");
    })
    .await;
}

/// Inserts, or replaces what is there, as a flow does. Says which.
async fn upsert(seed: &Seed) -> bool {
    let (environment, new) = (seed.environment, seed.new_connection("c-1"));
    commit!(seed.store, |tx| {
        if tx.insert_connection(&new, NOW).await?.is_some() {
            return Ok(true);
        }
        let existing = tx.lock_connection(environment, "github", "c-1").await?.unwrap();
        tx.replace_credentials(&existing, &new, NOW).await?;
        Ok(false)
    })
    .unwrap()
}

#[tokio::test]
async fn new_credentials_keep_what_they_do_not_name() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let first = NewConnection {
            patch: ConnectionPatch {
                metadata: Some("{\"a\":1}".to_owned()),
                tags: Some(object(&json!({"team": "blue"}))),
                end_user: Some(json!({"id": "u-1"}).to_string()),
                webhook_url_override: Some("https://own.example/".to_owned()),
            },
            ..seed.new_connection("c-1")
        };
        seed.insert(first, NOW).await;
        let before = seed.read("c-1").await;
        let second = NewConnection {
            credentials: sealed("newer"),
            expires_at: None,
            refresh_due_at: None,
            ..seed.new_connection("c-1")
        };
        let existing = before.clone();
        commit!(seed.store, |tx| tx.replace_credentials(&existing, &second, after(5)).await)
            .unwrap();
        let row = seed.read("c-1").await;
        assert_eq!((row.id, row.generation, row.updated_at), (before.id, 2, after(5)));
        assert_eq!((&row.credentials, row.expires_at), (&sealed("newer"), None));
        assert_eq!((&row.metadata, &row.tags), (&before.metadata, &before.tags));
        assert_eq!((&row.end_user, row.created_at), (&before.end_user, NOW));
        assert_eq!(row.webhook_url_override, before.webhook_url_override);
    })
    .await;
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let row = seed.connect("c-1").await;
        let patch = ConnectionPatch {
            tags: Some(object(&json!({"team": "red", "size": "s"}))),
            webhook_url_override: Some("https://own.example/".to_owned()),
            ..ConnectionPatch::default()
        };
        commit!(seed.store, |tx| tx.patch_connection(&row, &patch, after(1)).await).unwrap();
        let row = seed.read("c-1").await;
        assert_eq!(row.tags, "{\"team\":\"red\",\"size\":\"s\"}");
        assert_eq!((row.generation, row.updated_at), (1, after(1)));
        assert_eq!(row.webhook_url_override.as_deref(), Some("https://own.example/"));
        let cleared = ConnectionPatch {
            webhook_url_override: Some(String::new()),
            ..ConnectionPatch::default()
        };
        commit!(seed.store, |tx| tx.patch_connection(&row, &cleared, after(2)).await).unwrap();
        let row = seed.read("c-1").await;
        assert_eq!(row.webhook_url_override, None);
        assert_eq!(row.tags, "{\"team\":\"red\",\"size\":\"s\"}");
    })
    .await;
}

#[tokio::test]
async fn simultaneous_merges_under_a_lock_all_survive() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        seed.connect("c-1").await;
        let merges = (0..20).map(|number| {
            let (store, environment) = (seed.store.clone(), seed.environment);
            async move {
                commit!(store, |tx| {
                    let row = tx.lock_connection(environment, "github", "c-1").await?.unwrap();
                    let patch = ConnectionPatch {
                        metadata: Some(format!(
                            "{} {number}",
                            row.metadata.as_deref().unwrap_or("")
                        )),
                        ..ConnectionPatch::default()
                    };
                    tx.patch_connection(&row, &patch, NOW).await
                })
                .unwrap();
            }
        });
        join_all(merges).await;
        let metadata = seed.read("c-1").await.metadata.clone().unwrap();
        assert_eq!(metadata.split_whitespace().count(), 20, "{metadata}");
    })
    .await;
}

#[tokio::test]
async fn a_deleted_connection_is_gone_and_its_key_is_free() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let row = seed.connect("c-1").await;
        let (environment, id) = (seed.environment, row.id);
        let delete = async || {
            commit!(seed.store, |tx| tx.delete_connection(environment, id, NOW).await).unwrap()
        };
        assert!(delete().await);
        assert!(!delete().await, "twice");
        assert!(seed.find("c-1").await.is_none());
        let again = seed.connect("c-1").await;
        assert_ne!(again.id, id);
    })
    .await;
}

#[tokio::test]
async fn reads_are_noted_in_one_statement() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let one = seed.connect("c-1").await.id;
        let two = seed.connect("c-2").await.id;
        let three = seed.connect("c-3").await.id;
        commit!(seed.store, |tx| tx.touch_connections(&[one, three], after(7)).await).unwrap();
        let mut fetched = Vec::new();
        for id in [one, two, three] {
            let row = seed.store.connection_by_row(seed.environment, id).await.unwrap();
            fetched.push(row.unwrap().last_fetched_at);
        }
        assert_eq!(fetched, [Some(after(7)), Some(NOW), Some(after(7))]);
    })
    .await;
}

#[tokio::test]
async fn marks_of_two_processes_do_not_lock_each_other_out() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let other = database.open().await;
        let inserts =
            (0..200).map(|number| seed.insert(seed.new_connection(&format!("c-{number}")), NOW));
        let ids = join_all(inserts).await;
        let backwards: Vec<i64> = ids.iter().rev().copied().collect();
        let rounds = (0..10).map(|_| async {
            let (ids, backwards) = (ids.clone(), backwards.clone());
            let one = async { commit!(seed.store, |tx| tx.touch_connections(&ids, NOW).await) };
            let two = async { commit!(other, |tx| tx.touch_connections(&backwards, NOW).await) };
            let (one, two) = futures::join!(one, two);
            one.and(two)
        });
        for round in join_all(rounds).await {
            round.unwrap();
        }
    })
    .await;
}
