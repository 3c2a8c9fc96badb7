//! The audit trail.

use valetkey_store::AuditRow;
use valetkey_testkit::on_each_database;

use crate::seed::{Seed, after, is_duplicate, seed};

fn entry(seed: &Seed, chain: &str, position: i64) -> AuditRow {
    AuditRow {
        chain: chain.to_owned(),
        position,
        environment_id: (position % 2 == 0).then_some(seed.environment),
        actor: "key:1".to_owned(),
        action: "connection.credentials_read".to_owned(),
        target: format!("\"{position}\" \\ é"),
        times: position * 1_000_000_000_000,
        at: after(position),
        previous_hash: String::new(),
        hash: format!("hash {position}"),
    }
}

#[tokio::test]
async fn entries_are_stored_together_and_read_by_chain_or_environment() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let mut rows: Vec<AuditRow> =
            (1..=500).map(|position| entry(&seed, "a", position)).collect();
        let chain = rows.clone();
        rows.push(entry(&seed, "b", 2));
        commit!(seed.store, |tx| tx.insert_audit(&rows).await).unwrap();
        commit!(seed.store, |tx| tx.insert_audit(&[]).await).unwrap();
        assert_eq!(seed.store.audit_chain("a").await.unwrap(), chain);
        let newest = seed.store.audit(seed.environment, 3).await.unwrap();
        let found: Vec<_> = newest.iter().map(|row| (row.chain.as_str(), row.position)).collect();
        assert_eq!(found, [("b", 2), ("a", 500), ("a", 498)]);
    })
    .await;
}

#[tokio::test]
async fn a_place_in_a_chain_is_taken_once() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let rows = [entry(&seed, "a", 1), entry(&seed, "a", 1)];
        let twice = commit!(seed.store, |tx| tx.insert_audit(&rows).await);
        assert!(is_duplicate(&twice));
        assert!(seed.store.audit_chain("a").await.unwrap().is_empty());
    })
    .await;
}
