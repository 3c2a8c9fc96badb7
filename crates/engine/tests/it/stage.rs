//! Engines as a server builds them, with a clock that is moved by hand.

use std::time::Duration;

use valetkey_base::{Clock, Rng, Tasks, Timestamp};
use valetkey_catalog::Catalog;
use valetkey_egress::{AllowList, Egress, Limits, Policy};
use valetkey_engine::{Engine, Parts, Settings};
use valetkey_store::{Event, NewDelivery, NewEvent};
use valetkey_testkit::TestDatabase;
use valetkey_vault::{MasterKey, MasterKeyRing};

/// When a test begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_772_356_211_120);

/// One server's engine.
pub(crate) struct Stage {
    pub(crate) engine: Engine,
    pub(crate) clock: Clock,
    pub(crate) environment: i64,
}

/// An engine on a database of its own, and the environment `dev`.
pub(crate) async fn stage(database: &TestDatabase) -> Stage {
    stage_with(database, &Clock::manual(START), "127.0.0.0/8").await
}

/// Another engine on the same database and clock: a second server process.
pub(crate) async fn beside(stage: &Stage, database: &TestDatabase) -> Stage {
    stage_with(database, &stage.clock, "127.0.0.0/8").await
}

pub(crate) async fn stage_with(database: &TestDatabase, clock: &Clock, allow: &str) -> Stage {
    let policy = Policy { allow: AllowList::parse(allow).unwrap() };
    let engine = Engine::new(Parts {
        store: database.open().await,
        // The same key for every server of a database.
        master_keys: MasterKeyRing::new(MasterKey::generate(&Rng::seeded(1)), Vec::new()),
        catalog: Catalog::empty(),
        egress: Egress::new(policy, Limits::default()).unwrap(),
        mailer: None,
        clock: clock.clone(),
        rng: Rng::system(),
        tasks: Tasks::new(),
        settings: Settings {
            job_interval: Duration::from_millis(50),
            ..Settings::new("http://127.0.0.1:3003")
        },
    });
    let account = engine.first_run().await.unwrap().account_id;
    let environment = engine.environment_by_name(account, "dev").await.unwrap();
    Stage { engine, clock: clock.clone(), environment: environment.id }
}

impl Stage {
    /// Stores an event of now with a delivery to each URL; delivery ids are the event's with a
    /// number.
    pub(crate) async fn tell(&self, id: &str, kind: &str, urls: &[String]) {
        let deliveries = urls.iter().enumerate().map(|(index, url)| NewDelivery {
            id: format!("{id}-{index}"),
            url: url.clone(),
            destination: url.split('/').take(3).collect::<Vec<_>>().join("/"),
        });
        let event = NewEvent {
            event: Event {
                id: id.to_owned(),
                environment_id: self.environment,
                connection_row: Some(7),
                kind: kind.to_owned(),
                payload: payload(id),
                created_at: self.clock.now(),
            },
            deliveries: deliveries.collect(),
        };
        self.engine
            .store()
            .write::<_, valetkey_store::Error, _>(move |tx| {
                Box::pin(async move { tx.insert_event(&event).await })
            })
            .await
            .unwrap();
    }

    /// State, attempts and next instant of a delivery.
    pub(crate) async fn delivery(&self, id: &str) -> (String, i64, Timestamp) {
        let rows = self.engine.store().deliveries(self.environment, None, 1000).await;
        let row = rows.unwrap().into_iter().find(|row| row.id == id).unwrap();
        (row.state, row.attempts, row.next_attempt_at)
    }

    /// Runs rounds until one finds nothing to send, and says how many attempts that were.
    pub(crate) async fn deliver(&self) -> usize {
        let mut attempts = 0;
        loop {
            match self.engine.deliver_due_once().await.unwrap() {
                0 => return attempts,
                round => attempts += round,
            }
        }
    }
}

/// The body of the event with this id.
pub(crate) fn payload(id: &str) -> String {
    format!(
        "{{\"connectionId\":\"c-1\",\"id\":\"{id}\",\"provider\":\"github\",\
         \"providerConfigKey\":\"gh\"}}"
    )
}
