//! Removal of what is past its keeping.

use serde_json::json;
use valetkey_base::Timestamp;
use valetkey_store::{
    Attempt, ConnectSession, ConnectionPatch, DeliveryOutcome, MessageRow, NewConnectSession,
    NewConnection, NewOperation, OauthState, RetentionCutoffs,
};
use valetkey_testkit::on_each_database;

use crate::seed::{Seed, after, object, sealed, seed};

/// Stores one row of everything that is removed one day, made at that instant.
async fn fill(seed: &Seed, name: &'static str, at: Timestamp) {
    let connection = NewConnection {
        patch: ConnectionPatch {
            tags: Some(object(&json!({"team": "blue"}))),
            ..ConnectionPatch::default()
        },
        ..seed.new_connection(name)
    };
    let row = seed.insert(connection, at).await;
    let session = NewConnectSession {
        session: ConnectSession {
            id: name.to_owned(),
            environment_id: seed.environment,
            payload: sealed("p"),
            reconnect_row: Some(row),
            operation_id: format!("session {name}"),
            expires_at: at,
        },
        token_hash: name.to_owned(),
    };
    let state = OauthState {
        state_hash: name.to_owned(),
        environment_id: seed.environment,
        integration_id: seed.integration,
        connect_session_id: name.to_owned(),
        browser_hash: "b".to_owned(),
        payload: sealed("p"),
        client_id: None,
        operation_id: "op".to_owned(),
        expires_at: at,
    };
    let operation = NewOperation {
        id: name.to_owned(),
        environment_id: seed.environment,
        kind: "auth",
        action: "create_connection",
        state: "success",
        title: "Connected".to_owned(),
        integration_key: None,
        provider: None,
        connection_row: Some(row),
        connection_id: None,
        error: None,
        ended_at: Some(at),
        expires_at: None,
    };
    let message = MessageRow {
        operation_id: name.to_owned(),
        level: "info",
        message: "said".to_owned(),
        detail: None,
        created_at: at,
    };
    let environment = seed.environment;
    seed.store.add_connect_session(session, at).await.unwrap();
    commit!(seed.store, |tx| {
        tx.insert_oauth_state(&state, at).await?;
        tx.insert_flow_result(name, "{}", at).await?;
        tx.insert_operation(&operation, at).await?;
        tx.insert_messages(&[message]).await?;
        tx.delete_connection(environment, row, at).await
    })
    .unwrap();
}

/// Stores an event with one delivery that arrived and one that did not.
async fn tell(seed: &Seed, name: &str, at: Timestamp) {
    seed.tell(name, at, &["https://app.example/", "https://backup.example/"]).await;
    let attempt = Attempt {
        started_at: at,
        duration_ms: 1,
        status: Some(200),
        error: None,
        response_excerpt: None,
    };
    let delivery = format!("{name}.0");
    commit!(seed.store, |tx| {
        tx.settle_delivery(&delivery, &attempt, DeliveryOutcome::Delivered, at).await
    })
    .unwrap();
}

#[tokio::test]
async fn what_is_past_its_keeping_goes_and_the_rest_stays() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        seed.connect("live").await;
        for (name, at) in [("old", after(-10)), ("new", after(10))] {
            fill(&seed, name, at).await;
            tell(&seed, name, at).await;
        }
        let cutoffs = RetentionCutoffs {
            expired: after(0),
            logs: after(0),
            events: after(0),
            deleted: after(0),
        };
        let purge = async || commit!(seed.store, |tx| tx.purge(cutoffs).await).unwrap().rows;
        // Session, state, result; two operations (one is the session's), message; attempt, two
        // deliveries, event; tag, connection. The session went first, so nothing pointed at the
        // connection any more.
        assert_eq!(purge().await, 12);
        assert_eq!(purge().await, 0);
        let store = &seed.store;
        for (name, stays) in [("old", false), ("new", true)] {
            assert_eq!(store.connect_session_by_id(name).await.unwrap().is_some(), stays);
            assert_eq!(store.flow_result(name).await.unwrap().is_some(), stays);
            let operation = store.operation(seed.environment, name).await.unwrap();
            assert_eq!(operation.is_some(), stays);
            assert_eq!(store.messages(name, 1).await.unwrap().len(), usize::from(stays));
            let attempts = store.delivery_attempts(&format!("{name}.0")).await.unwrap();
            assert_eq!(attempts.len(), usize::from(stays));
        }
        assert_eq!(store.events(seed.environment, None, 9).await.unwrap().len(), 1);
        assert_eq!(store.deliveries(seed.environment, None, 9).await.unwrap().len(), 2);
        assert!(seed.find("live").await.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_session_outlives_the_connection_it_was_to_repair() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        fill(&seed, "old", after(-10)).await;
        let cutoffs = RetentionCutoffs {
            expired: after(-20),
            logs: after(-20),
            events: after(-20),
            deleted: after(0),
        };
        commit!(seed.store, |tx| tx.purge(cutoffs).await).unwrap();
        let session = seed.store.connect_session_by_id("old").await.unwrap().unwrap();
        assert_eq!(session.reconnect_row, None);
    })
    .await;
}
