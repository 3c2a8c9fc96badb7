//! API keys.

use valetkey_base::ScopeSet;
use valetkey_store::{ApiKey, KeyUse, NewApiKey};
use valetkey_testkit::on_each_database;

use crate::seed::{NOW, Seed, after, is_duplicate, seed};

fn new_key(seed: &Seed, name: &str, hash: &str) -> NewApiKey {
    NewApiKey {
        account_id: seed.account,
        environment_id: Some(seed.environment),
        display_name: name.to_owned(),
        token_hash: hash.to_owned(),
        prefix: "vk_1".to_owned(),
        scopes: ScopeSet::new(vec!["environment:proxy".to_owned()]),
        origin: "created".to_owned(),
        expires_at: Some(after(10)),
    }
}

async fn insert(seed: &Seed, key: NewApiKey) -> Result<ApiKey, valetkey_store::Error> {
    commit!(seed.store, |tx| tx.insert_api_key(&key, NOW).await)
}

#[tokio::test]
async fn a_key_is_found_by_its_hash_until_it_is_revoked() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let made = insert(&seed, new_key(&seed, "ci", "hash")).await.unwrap();
        let found = seed.store.api_key_by_hash("hash").await.unwrap().unwrap();
        assert_eq!((found.id, found.expires_at), (made.id, Some(after(10))));
        assert_eq!(found.environment_id, Some(seed.environment));
        assert_eq!(found.scopes.as_slice(), ["environment:proxy"]);
        assert_eq!((found.created_at, found.last_used_at), (NOW, None));
        let (account, id) = (seed.account, made.id);
        let revoke = async |account| {
            commit!(seed.store, |tx| tx.revoke_api_key(account, id, NOW).await).unwrap()
        };
        assert!(!revoke(account + 1).await, "another account's key");
        assert!(revoke(account).await);
        assert!(!revoke(account).await, "twice");
        assert!(seed.store.api_key_by_hash("hash").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn names_are_unique_among_live_keys_and_hashes_for_ever() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let first = insert(&seed, new_key(&seed, "ci", "1")).await.unwrap();
        assert!(is_duplicate(&insert(&seed, new_key(&seed, "ci", "2")).await));
        assert!(is_duplicate(&insert(&seed, new_key(&seed, "other", "1")).await));
        // The account's own keys are another room.
        let of_account = NewApiKey { environment_id: None, ..new_key(&seed, "ci", "3") };
        insert(&seed, of_account).await.unwrap();
        let account = seed.account;
        commit!(seed.store, |tx| tx.revoke_api_key(account, first.id, NOW).await).unwrap();
        insert(&seed, new_key(&seed, "ci", "4")).await.unwrap();
        let names = async |environment| -> Vec<String> {
            let keys = seed.store.api_keys(account, environment).await.unwrap();
            keys.into_iter().map(|key| key.display_name).collect()
        };
        assert_eq!(names(Some(seed.environment)).await, ["ci"]);
        assert_eq!(names(None).await, ["ci"]);
        let environment = seed.environment;
        let count = commit!(seed.store, |tx| tx.api_key_count(environment).await);
        assert_eq!(count.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn keys_defined_by_the_operator_come_and_go_with_the_definition() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        insert(&seed, new_key(&seed, "made by hand", "1")).await.unwrap();
        let defined =
            NewApiKey { origin: "environment".to_owned(), ..new_key(&seed, "defined", "2") };
        insert(&seed, defined).await.unwrap();
        let (account, environment) = (seed.account, seed.environment);
        commit!(seed.store, |tx| tx.revoke_environment_defined_keys(account, NOW).await).unwrap();
        assert!(seed.store.api_key_by_hash("1").await.unwrap().is_some());
        assert!(seed.store.api_key_by_hash("2").await.unwrap().is_none());
        let revive = async |hash: &'static str| {
            let scopes = ScopeSet::full_environment();
            commit!(seed.store, |tx| tx.revive_api_key(hash, environment, &scopes).await).unwrap()
        };
        assert!(revive("2").await);
        assert!(!revive("3").await, "never stored");
        let key = seed.store.api_key_by_hash("2").await.unwrap().unwrap();
        assert_eq!(key.scopes, ScopeSet::full_environment());
    })
    .await;
}

#[tokio::test]
async fn uses_are_noted_in_one_statement() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let mut ids = Vec::new();
        for number in 0..5 {
            let name = number.to_string();
            ids.push(insert(&seed, new_key(&seed, &name, &name)).await.unwrap().id);
        }
        let of = |id: &i64, used_from: Option<&str>| KeyUse {
            id: *id,
            used_from: used_from.map(|text| text.parse().unwrap()),
        };
        let used: Vec<_> = ids[1..].iter().map(|id| of(id, Some("2001:db8::1"))).collect();
        commit!(seed.store, |tx| tx.touch_api_keys(&used, after(4)).await).unwrap();
        let again: Vec<_> = ids[1..].iter().map(|id| of(id, None)).collect();
        commit!(seed.store, |tx| tx.touch_api_keys(&again, after(5)).await).unwrap();
        let keys = seed.store.api_keys(seed.account, Some(seed.environment)).await;
        for key in keys.unwrap() {
            let expected = (key.id != ids[0]).then_some(after(5));
            assert_eq!(key.last_used_at, expected, "{key:?}");
            let address = expected.map(|_| "2001:db8::1".to_owned());
            assert_eq!(key.last_used_from, address, "what is known stays");
        }
    })
    .await;
}
