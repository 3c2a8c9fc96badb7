//! Environments, their variables, data keys and signing keys.

use valetkey_base::Sealed;
use valetkey_store::{DataKeyRow, SigningKeyRow};
use valetkey_testkit::on_each_database;

use crate::seed::{NOW, after, is_duplicate, sealed, seed};

#[tokio::test]
async fn a_name_is_unique_in_its_account_and_free_again_after_deletion() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let account = seed.account;
        let insert = async |uuid: &'static str| {
            commit!(seed.store, |tx| {
                tx.insert_environment(account, "staging", uuid, true, "{\"a\":1}", NOW).await
            })
        };
        let made = insert("u-1").await.unwrap();
        assert!(is_duplicate(&insert("u-2").await));
        let found = seed.store.environment_by_name(account, "staging").await;
        let found = found.unwrap().unwrap();
        assert_eq!((found.id, found.uuid.as_str()), (made.id, "u-1"));
        assert!(found.is_production);
        assert_eq!((found.settings.as_str(), found.created_at), ("{\"a\":1}", NOW));
        let elsewhere = seed.store.environment_by_name(account + 1, "staging").await;
        assert!(elsewhere.unwrap().is_none());

        let delete =
            async || commit!(seed.store, |tx| tx.delete_environment(made.id, NOW).await).unwrap();
        assert!(delete().await);
        assert!(!delete().await, "twice");
        assert!(seed.store.environment(made.id).await.unwrap().is_none());
        let again = insert("u-3").await.unwrap();
        let names: Vec<i64> =
            seed.store.environments(account).await.unwrap().iter().map(|row| row.id).collect();
        assert_eq!(names, [seed.environment, again.id]);
    })
    .await;
}

#[tokio::test]
async fn deleting_takes_integrations_connections_and_keys_along() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        seed.connect("c-1").await;
        let environment = seed.environment;
        commit!(seed.store, |tx| tx.delete_environment(environment, NOW).await).unwrap();
        assert!(seed.find("c-1").await.is_none());
        assert!(seed.store.integrations(environment).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn settings_changed_under_a_lock_lose_nothing() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let id = seed.environment;
        let changes = (0..20).map(|number| {
            let store = seed.store.clone();
            async move {
                commit!(store, |tx| {
                    let row = tx.lock_environment(id).await?.unwrap();
                    let longer = format!("{}{}", row.settings, char::from(b'a' + number));
                    tx.update_environment_settings(id, &longer, after(1)).await
                })
                .unwrap();
            }
        });
        futures::future::join_all(changes).await;
        let row = seed.store.environment(id).await.unwrap().unwrap();
        let mut letters: Vec<char> = row.settings.chars().skip(2).collect();
        letters.sort_unstable();
        assert_eq!(letters.into_iter().collect::<String>(), "abcdefghijklmnopqrst");
    })
    .await;
}

#[tokio::test]
async fn variables_are_set_replaced_and_unset() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let id = seed.environment;
        for (name, value) in [("B", "1"), ("A", "2"), ("B", "3")] {
            let value = sealed(value);
            commit!(seed.store, |tx| tx.set_environment_variable(id, name, &value).await).unwrap();
        }
        let variables = seed.store.environment_variables(id).await.unwrap();
        let expected = [("A".to_owned(), sealed("2")), ("B".to_owned(), sealed("3"))];
        assert_eq!(variables, expected);
        let unset = async || {
            commit!(seed.store, |tx| tx.unset_environment_variable(id, "A").await).unwrap()
        };
        assert!(unset().await);
        assert!(!unset().await);
    })
    .await;
}

#[tokio::test]
async fn one_data_key_is_active_and_the_others_still_found() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let environment = seed.environment;
        for (id, at) in [("k1", 0), ("k2", 1)] {
            let key = DataKeyRow {
                id: id.to_owned(),
                environment_id: environment,
                wrapped: Sealed::from_bytes(vec![0, 255, 0]),
            };
            commit!(seed.store, |tx| tx.insert_data_key(&key, after(at)).await).unwrap();
        }
        let active = seed.store.active_data_key(environment).await.unwrap().unwrap();
        assert_eq!(active.id, "k2");
        let other = sealed("rewrapped");
        commit!(seed.store, |tx| tx.rewrap_data_key("k1", &other).await).unwrap();
        let first = seed.store.data_key("k1").await.unwrap().unwrap();
        assert_eq!(first.wrapped, sealed("rewrapped"));
        let all = seed.store.data_keys().await.unwrap();
        let shown: Vec<_> =
            all.iter().map(|key| (key.id.as_str(), key.wrapped.as_bytes())).collect();
        assert_eq!(shown, [("k1", b"rewrapped".as_slice()), ("k2", &[0, 255, 0])]);
        assert!(seed.store.data_key("k3").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_replaced_signing_key_signs_until_its_overlap_ends() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let environment = seed.environment;
        for (id, at) in [("s1", 0), ("s2", 10)] {
            let key = SigningKeyRow {
                id: id.to_owned(),
                environment_id: environment,
                key: sealed(id),
                expires_at: None,
            };
            commit!(seed.store, |tx| {
                tx.insert_signing_key(&key, after(at + 100), after(at)).await
            })
            .unwrap();
        }
        let live = async |at| -> Vec<String> {
            let keys = seed.store.signing_keys(environment, after(at)).await.unwrap();
            keys.into_iter().map(|key| key.id).collect()
        };
        assert_eq!(live(20).await, ["s2", "s1"]);
        assert_eq!(live(109).await, ["s2", "s1"]);
        assert_eq!(live(110).await, ["s2"]);
    })
    .await;
}
