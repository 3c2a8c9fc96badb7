//! Connect sessions, redirect flows and their outcomes.

use futures::future::join_all;
use valetkey_store::{ConnectSession, NewConnectSession, OauthState};
use valetkey_testkit::on_each_database;

use crate::seed::{NOW, Seed, after, is_duplicate, sealed, seed};

fn session(seed: &Seed, id: &str, token_hash: &str) -> NewConnectSession {
    NewConnectSession {
        session: ConnectSession {
            id: id.to_owned(),
            environment_id: seed.environment,
            payload: sealed("presets"),
            reconnect_row: None,
            operation_id: format!("operation of {id}"),
            expires_at: after(1000),
        },
        token_hash: token_hash.to_owned(),
    }
}

#[tokio::test]
async fn sessions_made_at_once_are_all_there_with_their_operations() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let made = (0..300).map(|n| {
            let new = session(&seed, &format!("s-{n}"), &format!("hash-{n}"));
            seed.store.add_connect_session(new, NOW)
        });
        assert!(join_all(made).await.into_iter().all(|result| result.is_ok()));
        for n in 0..300 {
            let found = seed.store.connect_session(&format!("hash-{n}"), NOW).await.unwrap();
            let operation = found.unwrap().operation_id;
            let logged = seed.store.operation(seed.environment, &operation).await.unwrap();
            assert_eq!(logged.unwrap().state, "waiting");
        }
    })
    .await;
}

fn state(seed: &Seed, hash: &str) -> OauthState {
    OauthState {
        state_hash: hash.to_owned(),
        environment_id: seed.environment,
        integration_id: seed.integration,
        connect_session_id: "session".to_owned(),
        browser_hash: "browser".to_owned(),
        payload: sealed("verifier"),
        client_id: Some("socket".to_owned()),
        operation_id: "op".to_owned(),
        expires_at: after(1000),
    }
}

#[tokio::test]
async fn a_session_is_found_by_its_token_until_it_expires_or_ends() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let row = seed.connect("c-1").await;
        let mut new = session(&seed, "s-1", "hash");
        new.session.reconnect_row = Some(row.id);
        let (first, same_token) = (new.clone(), session(&seed, "s-2", "hash"));
        seed.store.add_connect_session(first, NOW).await.unwrap();
        let taken = seed.store.add_connect_session(same_token, NOW).await;
        assert!(is_duplicate(&taken));
        let found = seed.store.connect_session("hash", after(999)).await.unwrap().unwrap();
        assert_eq!((found.id.as_str(), found.reconnect_row), ("s-1", Some(row.id)));
        assert_eq!((found.payload, found.expires_at), (sealed("presets"), after(1000)));
        assert!(seed.store.connect_session("hash", after(1000)).await.unwrap().is_none());
        assert!(seed.store.connect_session_by_id("s-1").await.unwrap().is_some());
        let end =
            async || commit!(seed.store, |tx| tx.delete_connect_session("s-1").await).unwrap();
        assert!(end().await);
        assert!(!end().await);
        assert!(seed.store.connect_session("hash", NOW).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn of_twenty_simultaneous_callbacks_one_gets_the_flow() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let other = database.open().await;
        let new = state(&seed, "hash");
        commit!(seed.store, |tx| tx.insert_oauth_state(&new, NOW).await).unwrap();
        let callbacks =
            (0..20).map(|number| {
                let store = if number % 2 == 0 { &seed.store } else { &other };
                async move {
                    commit!(store, |tx| tx.consume_oauth_state("hash", after(1)).await).unwrap()
                }
            });
        let mut got: Vec<OauthState> = join_all(callbacks).await.into_iter().flatten().collect();
        assert_eq!(got.len(), 1);
        let flow = got.remove(0);
        assert_eq!((flow.integration_id, flow.payload), (seed.integration, sealed("verifier")));
        assert_eq!(flow.browser_hash, "browser");
        assert_eq!(flow.client_id.as_deref(), Some("socket"));
        assert_eq!(flow.expires_at, after(1000), "the caller checks it");
        let unknown = commit!(seed.store, |tx| tx.consume_oauth_state("other", NOW).await);
        assert!(unknown.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_state_that_was_undone_can_be_consumed_again() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let new = state(&seed, "hash");
        commit!(seed.store, |tx| tx.insert_oauth_state(&new, NOW).await).unwrap();
        let undone: Result<(), _> = commit!(seed.store, |tx| {
            assert!(tx.consume_oauth_state("hash", NOW).await?.is_some());
            Err(valetkey_store::Error::Missing)
        });
        assert!(undone.is_err());
        let again = commit!(seed.store, |tx| tx.consume_oauth_state("hash", NOW).await);
        assert!(again.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn the_first_outcome_of_a_flow_counts() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        assert_eq!(seed.store.flow_result("socket").await.unwrap(), None);
        for result in ["{\"first\":1}", "{\"second\":1}"] {
            commit!(seed.store, |tx| tx.insert_flow_result("socket", result, NOW).await).unwrap();
        }
        let stored = seed.store.flow_result("socket").await.unwrap();
        assert_eq!(stored.as_deref(), Some("{\"first\":1}"));
    })
    .await;
}
