//! Integrations.

use valetkey_testkit::on_each_database;

use crate::seed::{NOW, after, environment, is_duplicate, new_integration, sealed, seed};

#[tokio::test]
async fn a_key_is_unique_in_its_environment() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let same = new_integration(seed.environment, "github");
        let taken = commit!(seed.store, |tx| tx.insert_integration(&same, NOW).await);
        assert!(is_duplicate(&taken));
        let (_, other) = environment(&seed.store, "other").await;
        let elsewhere = new_integration(other, "github");
        commit!(seed.store, |tx| tx.insert_integration(&elsewhere, NOW).await).unwrap();
        let hidden = seed.store.integration(other, seed.integration).await;
        assert!(hidden.unwrap().is_none(), "another tenant's row");
    })
    .await;
}

#[tokio::test]
async fn every_column_comes_back_as_it_was_stored() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let row = seed.store.integration_by_key(seed.environment, "github").await;
        let mut row = row.unwrap().unwrap();
        assert_eq!((row.id, row.provider.as_str()), (seed.integration, "github"));
        assert_eq!((row.scopes.as_str(), row.row_uuid.as_str()), ("repo,user", "integration row"));
        assert_eq!(row.secrets, Some(sealed("secret")));
        assert!(row.forward_webhooks && row.display_name.is_none());

        row.unique_key = "renamed".to_owned();
        row.display_name = Some("Näme".to_owned());
        row.client_id = None;
        row.secrets = None;
        row.forward_webhooks = false;
        let changed = row.clone();
        let updated = commit!(seed.store, |tx| tx.update_integration(&changed, after(9)).await);
        let updated = updated.unwrap();
        assert_eq!((updated.created_at, updated.updated_at), (NOW, after(9)));
        let row = seed.store.integration(seed.environment, seed.integration).await;
        let row = row.unwrap().unwrap();
        assert_eq!(row.unique_key, "renamed");
        assert_eq!(row.display_name.as_deref(), Some("Näme"));
        assert!(row.client_id.is_none() && row.secrets.is_none() && !row.forward_webhooks);
    })
    .await;
}

#[tokio::test]
async fn a_list_is_sorted_by_provider_and_age() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        for (key, provider, at) in [("z", "asana", 2), ("y", "github", 5), ("x", "asana", 1)] {
            let mut new = new_integration(seed.environment, key);
            new.provider = provider.to_owned();
            commit!(seed.store, |tx| tx.insert_integration(&new, after(at)).await).unwrap();
        }
        let rows = seed.store.integrations(seed.environment).await.unwrap();
        let keys: Vec<&str> = rows.iter().map(|row| row.unique_key.as_str()).collect();
        assert_eq!(keys, ["x", "z", "github", "y"]);
    })
    .await;
}

#[tokio::test]
async fn deleting_takes_its_connections_along_and_frees_the_key() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        seed.connect("c-1").await;
        let (environment, id) = (seed.environment, seed.integration);
        let count = async || {
            commit!(seed.store, |tx| tx.integration_connection_count(environment, id).await)
                .unwrap()
        };
        assert_eq!(count().await, 1);
        let locked = commit!(seed.store, |tx| tx.lock_integration(environment, "github").await);
        assert_eq!(locked.unwrap().unwrap().id, id);
        commit!(seed.store, |tx| tx.delete_integration(environment, id, NOW).await).unwrap();
        assert_eq!(count().await, 0);
        assert!(seed.find("c-1").await.is_none());
        let again = new_integration(environment, "github");
        let again = commit!(seed.store, |tx| tx.insert_integration(&again, NOW).await);
        assert_ne!(again.unwrap().id, id);
        assert!(seed.find("c-1").await.is_none(), "the old connection stays gone");
    })
    .await;
}
