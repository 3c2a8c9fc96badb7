//! The schema's versions.

use valetkey_store::{Error, latest_version, versions};
use valetkey_testkit::{on_each_database, on_each_empty_database};

use crate::seed::seed;

#[test]
fn versions_count_up_without_gaps() {
    let numbers: Vec<i64> = versions().map(|(number, _)| number).collect();
    assert_eq!(numbers, (1..=latest_version()).collect::<Vec<_>>());
}

#[test]
fn both_engines_have_the_same_versions() {
    let files = |engine: &str| {
        let folder = format!("{}/migrations/{engine}", env!("CARGO_MANIFEST_DIR"));
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let expected: Vec<String> =
        versions().map(|(number, what)| format!("{number:04}_{what}.sql")).collect();
    assert_eq!(files("sqlite"), expected);
    assert_eq!(files("postgres"), expected);
}

#[tokio::test]
async fn opening_again_keeps_what_is_stored() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        seed.connect("c-1").await;
        let again = database.open().await;
        let row = again.connection(seed.environment, "github", "c-1").await;
        assert!(row.unwrap().is_some());
        again.ping().await.unwrap();
        assert_eq!(again.is_shared(), database.is_postgres());
    })
    .await;
}

#[tokio::test]
async fn several_servers_may_open_an_empty_database_at_once() {
    on_each_empty_database(async |database| {
        // On SQLite there is one server; the command line beside it finds a migrated file.
        let servers = if database.is_postgres() { 4 } else { 1 };
        futures::future::join_all((0..servers).map(|_| database.open())).await;
    })
    .await;
}

#[tokio::test]
async fn a_schema_from_a_newer_version_is_refused() {
    on_each_database(async |database| {
        database.open().await.close().await;
        database
            .execute(
                "INSERT INTO _sqlx_migrations
                 (version, description, success, checksum, execution_time)
                 SELECT 9999, 'from the future', success, checksum, 0 FROM _sqlx_migrations
                 WHERE version = 1",
            )
            .await;
        let opened = valetkey_store::Store::open(&database.settings(), database.tasks()).await;
        assert!(matches!(opened, Err(Error::Migration(_))));
    })
    .await;
}

/// Without statistics PostgreSQL takes the newest of equal indexes; with another than this one, a
/// read by key would scan its environment.
#[tokio::test]
async fn the_index_of_keys_is_the_newest_of_the_connections() {
    on_each_database(async |database| {
        if !database.is_postgres() {
            return;
        }
        database.open().await.close().await;
        database
            .execute(
                "DO $$ BEGIN ASSERT 'connections_key' = (SELECT relname
                 FROM pg_index JOIN pg_class ON oid = indexrelid
                 WHERE indrelid = 'connections'::regclass ORDER BY oid DESC LIMIT 1);
                 END $$",
            )
            .await;
    })
    .await;
}
