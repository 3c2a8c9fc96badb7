//! Rows that other rows need, and the shape of a write.

use std::sync::Arc;

use serde_json::{Map, Value};
use valetkey_base::{Sealed, Timestamp};
use valetkey_store::{
    Connection, ConnectionPatch, Error, Event, NewConnection, NewDelivery, NewEvent,
    NewIntegration, NewMember, Store,
};
use valetkey_testkit::TestDatabase;

/// The instant most rows are made at.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_772_356_211_120);

/// An instant that many milliseconds after [`NOW`].
pub(crate) const fn after(millis: i64) -> Timestamp {
    Timestamp::from_millis(NOW.millis() + millis)
}

/// Runs an expression in a transaction and answers what it answers.
macro_rules! commit {
    ($store:expr, |$tx:ident| $work:expr) => {
        $store.write::<_, valetkey_store::Error, _>(move |$tx| Box::pin(async move { $work })).await
    };
}

/// A store with an account, an environment and an integration in it.
pub(crate) struct Seed {
    pub(crate) store: Store,
    pub(crate) account: i64,
    pub(crate) environment: i64,
    pub(crate) integration: i64,
}

pub(crate) async fn seed(database: &TestDatabase) -> Seed {
    let store = database.open().await;
    let (account, environment) = environment(&store, "dev").await;
    let new = new_integration(environment, "github");
    let integration = commit!(store, |tx| tx.insert_integration(&new, NOW).await).unwrap();
    Seed { store, account, environment, integration: integration.id }
}

/// An environment in an account of its own.
pub(crate) async fn environment(store: &Store, name: &'static str) -> (i64, i64) {
    commit!(store, |tx| {
        let account = tx.insert_account("Acme", NOW).await?.id;
        let uuid = format!("uuid of {name} {account}");
        let row = tx.insert_environment(account, name, &uuid, false, "{}", NOW).await?;
        Ok((account, row.id))
    })
    .unwrap()
}

pub(crate) fn new_integration(environment_id: i64, unique_key: &str) -> NewIntegration {
    NewIntegration {
        environment_id,
        unique_key: unique_key.to_owned(),
        provider: "github".to_owned(),
        display_name: None,
        client_id: Some("client".to_owned()),
        secrets: Some(sealed("secret")),
        scopes: "repo,user".to_owned(),
        row_uuid: "integration row".to_owned(),
        forward_webhooks: true,
    }
}

pub(crate) fn new_member(account_id: i64, email: &str) -> NewMember {
    NewMember {
        account_id,
        email: email.to_owned(),
        password_hash: "hash".to_owned(),
        role: "owner".to_owned(),
        name: String::new(),
        oidc_subject: None,
    }
}

pub(crate) fn sealed(text: &str) -> Sealed {
    Sealed::from_bytes(text.as_bytes().to_vec())
}

pub(crate) fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

impl Seed {
    pub(crate) fn new_connection(&self, connection_id: &str) -> NewConnection {
        NewConnection {
            environment_id: self.environment,
            integration_id: self.integration,
            connection_id: connection_id.to_owned(),
            row_uuid: format!("row of {connection_id}"),
            credentials: sealed("credentials"),
            config: sealed("config"),
            expires_at: Some(after(3_600_000)),
            refresh_due_at: Some(after(3_000_000)),
            patch: ConnectionPatch::default(),
        }
    }

    /// Stores a connection and answers its row id.
    pub(crate) async fn insert(&self, new: NewConnection, now: Timestamp) -> i64 {
        commit!(self.store, |tx| tx.insert_connection(&new, now).await).unwrap().unwrap()
    }

    pub(crate) async fn connect(&self, connection_id: &str) -> Arc<Connection> {
        self.insert(self.new_connection(connection_id), NOW).await;
        self.read(connection_id).await
    }

    pub(crate) async fn read(&self, connection_id: &str) -> Arc<Connection> {
        self.find(connection_id).await.unwrap()
    }

    pub(crate) async fn find(&self, connection_id: &str) -> Option<Arc<Connection>> {
        self.store.connection(self.environment, "github", connection_id).await.unwrap()
    }

    /// Stores an event with a delivery to each URL; delivery ids are the event's with a number.
    pub(crate) async fn tell(&self, id: &str, at: Timestamp, urls: &[&str]) {
        let deliveries = urls.iter().enumerate().map(|(index, url)| NewDelivery {
            id: format!("{id}.{index}"),
            url: (*url).to_owned(),
            destination: destination(url),
        });
        let event = NewEvent {
            event: Event {
                id: id.to_owned(),
                environment_id: self.environment,
                connection_row: Some(7),
                kind: "auth.creation".to_owned(),
                payload: format!("{{\"id\":\"{id}\"}}"),
                created_at: at,
            },
            deliveries: deliveries.collect(),
        };
        commit!(self.store, |tx| tx.insert_event(&event).await).unwrap();
    }
}

fn destination(url: &str) -> String {
    url.split('/').take(3).collect::<Vec<_>>().join("/")
}

/// Whether this is the refusal of a key that is taken.
pub(crate) fn is_duplicate<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Duplicate { .. }))
}
