//! Lists of connections: filters, search, tags, order, pages.

use serde_json::{Value, json};
use valetkey_store::{ConnectionFilter, ConnectionPatch, NewConnection};
use valetkey_testkit::on_each_database;

use crate::seed::{NOW, Seed, after, environment, new_integration, object, seed};

fn filter() -> ConnectionFilter {
    ConnectionFilter { limit: 100, ..ConnectionFilter::default() }
}

/// Connection ids the filter lets through, sorted unless order is what the test is about.
async fn ids(seed: &Seed, filter: ConnectionFilter) -> Vec<String> {
    let rows = seed.store.connections(seed.environment, &filter).await.unwrap();
    rows.into_iter().map(|row| row.connection_id).collect()
}

async fn sorted(seed: &Seed, filter: ConnectionFilter) -> Vec<String> {
    let mut ids = ids(seed, filter).await;
    ids.sort();
    ids
}

async fn connect(seed: &Seed, id: &str, end_user: Value, tags: Value) {
    let patch = ConnectionPatch {
        end_user: Some(end_user.to_string()).filter(|_| !end_user.is_null()),
        tags: tags.as_object().cloned(),
        ..ConnectionPatch::default()
    };
    let new = NewConnection { patch, ..seed.new_connection(id) };
    seed.insert(new, NOW).await;
}

#[tokio::test]
async fn pages_go_from_the_newest_to_the_oldest_without_gaps() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        // Two of each age: equals are told apart by their row.
        for number in 0..10 {
            let new = seed.new_connection(&format!("c-{number}"));
            seed.insert(new, after(number / 2)).await;
        }
        let mut seen = Vec::new();
        for page in 0..4 {
            let page = ConnectionFilter { limit: 3, offset: page * 3, ..filter() };
            seen.extend(ids(&seed, page).await);
        }
        let newest_first: Vec<String> = (0..10).rev().map(|number| format!("c-{number}")).collect();
        assert_eq!(seen, newest_first);
    })
    .await;
}

#[tokio::test]
async fn search_takes_its_text_literally_and_ignores_case() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        connect(&seed, "100%-real", Value::Null, Value::Null).await;
        connect(&seed, "100x-real", json!({"display_name": "Ann O_Hara"}), Value::Null).await;
        connect(&seed, "back\\slash", json!({"email": "Bob@Acme.example"}), Value::Null).await;
        connect(&seed, "under_score", json!({"display_name": "ÄRGER"}), Value::Null).await;
        let find = async |text: &str| {
            let search = ConnectionFilter { search: Some(text.to_owned()), ..filter() };
            sorted(&seed, search).await
        };
        assert_eq!(find("100%").await, ["100%-real"]);
        assert_eq!(find("_").await, ["100x-real", "under_score"]);
        assert_eq!(find("\\").await, ["back\\slash"]);
        assert_eq!(find("ann o").await, ["100x-real"]);
        assert_eq!(find("ANN").await, ["100x-real"]);
        assert_eq!(find("bob@acme").await, ["back\\slash"]);
        assert_eq!(find("ärger").await, ["under_score"]);
        assert_eq!(find("REAL").await, ["100%-real", "100x-real"]);
        assert!(find("x%real").await.is_empty());
        assert_eq!(find("").await.len(), 4);
    })
    .await;
}

#[tokio::test]
async fn search_follows_a_changed_end_user() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        connect(&seed, "c-1", json!({"id": "u-1", "email": "old@acme.example"}), Value::Null).await;
        let row = seed.read("c-1").await;
        let patch = ConnectionPatch {
            end_user: Some(json!({"id": "u-2", "email": "new@acme.example"}).to_string()),
            ..ConnectionPatch::default()
        };
        commit!(seed.store, |tx| tx.patch_connection(&row, &patch, NOW).await).unwrap();
        let search = |text: &str| ConnectionFilter { search: Some(text.to_owned()), ..filter() };
        assert!(ids(&seed, search("old@")).await.is_empty());
        assert_eq!(ids(&seed, search("new@")).await, ["c-1"]);
        let by_user = ConnectionFilter { end_user_id: Some("u-2".to_owned()), ..filter() };
        assert_eq!(ids(&seed, by_user).await, ["c-1"]);
    })
    .await;
}

#[tokio::test]
async fn tags_must_all_match_exactly() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        connect(&seed, "both", Value::Null, json!({"team": "blue", "size": "s"})).await;
        connect(&seed, "blue", Value::Null, json!({"team": "blue"})).await;
        connect(&seed, "swapped", Value::Null, json!({"blue": "team", "s": "size"})).await;
        connect(&seed, "odd", Value::Null, json!({"q\"uote": "a%_'\\b", "nul": "\0"})).await;
        connect(&seed, "none", Value::Null, Value::Null).await;
        let find = async |tags: Value| {
            let tagged = ConnectionFilter { tags: object(&tags), ..filter() };
            sorted(&seed, tagged).await
        };
        assert_eq!(find(json!({"team": "blue"})).await, ["blue", "both"]);
        assert_eq!(find(json!({"team": "blue", "size": "s"})).await, ["both"]);
        assert_eq!(find(json!({"size": "s", "team": "blue"})).await, ["both"]);
        assert!(find(json!({"team": "blue", "size": "m"})).await.is_empty());
        assert!(find(json!({"team": "Blue"})).await.is_empty());
        assert_eq!(find(json!({"q\"uote": "a%_'\\b"})).await, ["odd"]);
        assert_eq!(find(json!({"nul": "\0", "q\"uote": "a%_'\\b"})).await, ["odd"]);
        assert_eq!(find(json!({})).await.len(), 5);
    })
    .await;
}

#[tokio::test]
async fn replaced_tags_no_longer_match() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        connect(&seed, "c-1", Value::Null, json!({"team": "blue"})).await;
        let row = seed.read("c-1").await;
        let patch = ConnectionPatch {
            tags: Some(object(&json!({"team": "red"}))),
            ..ConnectionPatch::default()
        };
        commit!(seed.store, |tx| tx.patch_connection(&row, &patch, NOW).await).unwrap();
        let tagged =
            |team: &str| ConnectionFilter { tags: object(&json!({"team": team})), ..filter() };
        assert!(ids(&seed, tagged("blue")).await.is_empty());
        assert_eq!(ids(&seed, tagged("red")).await, ["c-1"]);
    })
    .await;
}

#[tokio::test]
async fn all_conditions_hold_together() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let gitlab = new_integration(seed.environment, "gitlab");
        let gitlab = commit!(seed.store, |tx| tx.insert_integration(&gitlab, NOW).await).unwrap();
        let person = |user: &str| json!({"id": user, "organization": {"id": "o-1"}});
        connect(&seed, "c-1", person("u-1"), json!({"team": "blue"})).await;
        connect(&seed, "c-2", person("u-2"), json!({"team": "blue"})).await;
        let elsewhere = NewConnection { integration_id: gitlab.id, ..seed.new_connection("c-1") };
        seed.insert(elsewhere, NOW).await;

        let of_id = ConnectionFilter { connection_id: Some("c-1".to_owned()), ..filter() };
        assert_eq!(ids(&seed, of_id.clone()).await, ["c-1", "c-1"]);
        let of_organization =
            ConnectionFilter { end_user_organization_id: Some("o-1".to_owned()), ..filter() };
        assert_eq!(sorted(&seed, of_organization.clone()).await, ["c-1", "c-2"]);
        let of_integrations = |keys: &[&str]| ConnectionFilter {
            integration_keys: Some(keys.iter().map(|&key| key.to_owned()).collect()),
            ..filter()
        };
        assert_eq!(ids(&seed, of_integrations(&["gitlab", "unknown"])).await, ["c-1"]);
        assert_eq!(ids(&seed, of_integrations(&["gitlab", "github"])).await.len(), 3);
        assert!(ids(&seed, of_integrations(&[])).await.is_empty());
        let everything = ConnectionFilter {
            search: Some("c-".to_owned()),
            end_user_id: Some("u-1".to_owned()),
            tags: object(&json!({"team": "blue"})),
            integration_keys: Some(vec!["github".to_owned()]),
            connection_id: of_id.connection_id,
            ..of_organization
        };
        assert_eq!(ids(&seed, everything.clone()).await, ["c-1"]);
        let nobody = ConnectionFilter { end_user_id: Some("u-2".to_owned()), ..everything };
        assert!(ids(&seed, nobody).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_list_holds_live_connections_of_its_own_environment() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        connect(&seed, "c-1", Value::Null, json!({"team": "blue"})).await;
        connect(&seed, "gone", Value::Null, json!({"team": "blue"})).await;
        let (environment_id, gone) = (seed.environment, seed.read("gone").await.id);
        commit!(seed.store, |tx| tx.delete_connection(environment_id, gone, NOW).await).unwrap();
        let tagged = ConnectionFilter { tags: object(&json!({"team": "blue"})), ..filter() };
        assert_eq!(ids(&seed, filter()).await, ["c-1"]);
        assert_eq!(ids(&seed, tagged.clone()).await, ["c-1"]);
        let (_, other) = environment(&seed.store, "other").await;
        for filter in [filter(), tagged] {
            assert!(seed.store.connections(other, &filter).await.unwrap().is_empty());
        }
    })
    .await;
}
