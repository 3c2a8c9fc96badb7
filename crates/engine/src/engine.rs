//! The engine: everything a use case needs, in one cheap handle.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::Semaphore;
use tokio::sync::broadcast::error::RecvError;
use valetkey_base::{Clock, Rng, Tasks, Timestamp};
use valetkey_catalog::{Catalog, Provider};
use valetkey_egress::{Egress, Mailer};
use valetkey_store::{Notice, Store};
use valetkey_vault::MasterKeyRing;

use crate::environments::EnvironmentView;
use crate::error::{Error, Result};
use crate::incoming::{FETCHED_ANEW_AFTER, FETCHED_FOR, FETCHED_MAX};
use crate::keys::Caller;
use crate::members::openid::OpenIdSettings;
use crate::opened::Opened;
use crate::proxy::{Budgets, Prepared, ProxySettings};
use crate::recorder::Recorder;
use crate::refresh::Flights;
use crate::sealing::Sealer;

/// Authenticated keys kept in memory. A change clears them; this bounds how many there are.
const CALLERS_CACHED_MAX: u64 = 10_000;
/// How long a cached key lives even when no change was noticed.
const CALLERS_CACHED_FOR: Duration = Duration::from_secs(10);

/// Passwords that are hashed at once.
const PASSWORDS_AT_ONCE: usize = 2;

/// How the engine behaves. Every limit has its unit in its name or type.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where browsers and providers reach this server, without a trailing slash.
    pub public_url: String,
    /// Where the Connect UI is served, without a trailing slash.
    pub connect_url: String,
    /// How long a token request may take.
    pub token_timeout: Duration,
    /// How often the background jobs look for work when nothing wakes them.
    pub job_interval: Duration,
    /// Connections read within this are refreshed ahead of their readers.
    pub refresh_active_within: Duration,
    /// Idle connections are refreshed this long after they fell due, so that no refresh token
    /// dies of disuse.
    pub refresh_idle_after: Duration,
    /// How long a connect session lives.
    pub session_lifetime: Duration,
    /// How long a redirect flow may take.
    pub state_lifetime: Duration,
    /// How long operations and messages are kept.
    pub log_retention: Duration,
    /// How long finished events and deliveries are kept.
    pub event_retention: Duration,
    /// How long deleted connections are kept.
    pub deleted_retention: Duration,
    /// How long a replaced webhook signing key signs beside the new one.
    pub signing_overlap: Duration,
    /// How long one webhook attempt may take.
    pub webhook_timeout: Duration,
    /// Deliveries this process sends at once.
    pub webhook_parallel_max: usize,
    /// Where members may sign in beside their password.
    pub openid: Option<OpenIdSettings>,
    /// Memory that hashing a new password takes, in KiB (Argon2id, RFC 9106).
    pub password_memory_kib: u32,
    /// Browser sockets that may wait at once.
    pub sockets_max: usize,
    /// How calls to providers are carried.
    pub proxy: ProxySettings,
}

/// What a refresh may need beside its requests: reading, sealing and writing, with retries.
const LEASE_BEYOND_REQUESTS: Duration = Duration::from_secs(15);

impl Settings {
    /// How long a refresh lease holds: longer than every request of a refresh together, so that a
    /// slow provider never means two refreshes.
    pub fn refresh_lease(&self) -> Duration {
        self.token_timeout + LEASE_BEYOND_REQUESTS
    }

    /// The defaults, for a server reached at `public_url`.
    pub fn new(public_url: &str) -> Self {
        const DAY: Duration = Duration::from_hours(24);
        let public_url = public_url.trim_end_matches('/').to_owned();
        Self {
            connect_url: format!("{public_url}/connect-ui"),
            public_url,
            token_timeout: Duration::from_secs(30),
            job_interval: Duration::from_secs(5),
            refresh_active_within: DAY,
            refresh_idle_after: DAY,
            session_lifetime: Duration::from_mins(30),
            state_lifetime: Duration::from_hours(1),
            log_retention: DAY * 15,
            event_retention: DAY * 30,
            deleted_retention: DAY * 31,
            signing_overlap: DAY,
            webhook_timeout: Duration::from_secs(20),
            webhook_parallel_max: 32,
            openid: None,
            password_memory_kib: 64 * 1024,
            sockets_max: 10_000,
            proxy: ProxySettings::default(),
        }
    }
}

/// What the engine is built from.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// Master keys.
    pub master_keys: MasterKeyRing,
    /// Providers.
    pub catalog: Catalog,
    /// The outgoing client.
    pub egress: Egress,
    /// Sends mail, if the operator has a server for it.
    pub mailer: Option<Mailer>,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub rng: Rng,
    /// Where background work runs.
    pub tasks: Tasks,
    /// Behaviour.
    pub settings: Settings,
}

/// The use cases. Clones share everything.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

/// What clones share. Its fields are for the use cases of this crate alone.
pub struct Inner {
    pub(crate) store: Store,
    pub(crate) sealer: Sealer,
    pub(crate) egress: Egress,
    pub(crate) mailer: Option<Mailer>,
    pub(crate) clock: Clock,
    pub(crate) rng: Rng,
    pub(crate) tasks: Tasks,
    pub(crate) settings: Settings,
    pub(crate) recorder: Recorder,
    pub(crate) flights: Flights,
    pub(crate) opened: Opened,
    pub(crate) prepared: Prepared,
    pub(crate) budgets: Budgets,
    /// Names this process in leases and audit chains.
    pub(crate) instance: String,
    pub(crate) callers: Cache<String, Arc<Caller>>,
    pub(crate) environments: Cache<i64, Arc<EnvironmentView>>,
    /// Providers' public keys for their webhooks, by address.
    pub(crate) webhook_keys: Cache<String, serde_json::Value>,
    /// Addresses that were asked anew a moment ago.
    pub(crate) webhook_keys_asked: Cache<String, ()>,
    /// Passwords hashed at once: each takes 64 MiB.
    pub(crate) password_turns: Semaphore,
    catalog: RwLock<Arc<Catalog>>,
}

impl std::ops::Deref for Engine {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Engine {
    /// Builds the engine and starts what it always needs: the recorder and the cache watcher.
    /// Jobs are started apart, by [`Engine::start_jobs`], so that tests can run them by hand.
    pub fn new(parts: Parts) -> Self {
        let instance = parts.rng.alphanumeric(12);
        let callers = Cache::builder()
            .max_capacity(CALLERS_CACHED_MAX)
            .time_to_live(CALLERS_CACHED_FOR)
            .build();
        let environments = Cache::builder()
            .max_capacity(CALLERS_CACHED_MAX)
            .time_to_live(CALLERS_CACHED_FOR)
            .build();
        let recorder = Recorder::new(parts.store.clone(), parts.clock.clone(), instance.clone());
        let engine = Self(Arc::new(Inner {
            sealer: Sealer::new(parts.master_keys, parts.store.clone(), parts.rng.clone()),
            store: parts.store,
            egress: parts.egress,
            mailer: parts.mailer,
            clock: parts.clock,
            rng: parts.rng,
            tasks: parts.tasks,
            settings: parts.settings,
            recorder: recorder.clone(),
            flights: Flights::default(),
            opened: Opened::new(),
            prepared: Prepared::new(),
            budgets: Budgets::new(),
            instance,
            callers,
            environments,
            webhook_keys: Cache::builder()
                .max_capacity(FETCHED_MAX)
                .time_to_live(FETCHED_FOR)
                .build(),
            webhook_keys_asked: Cache::builder()
                .max_capacity(FETCHED_MAX)
                .time_to_live(FETCHED_ANEW_AFTER)
                .build(),
            password_turns: Semaphore::new(PASSWORDS_AT_ONCE),
            catalog: RwLock::new(Arc::new(parts.catalog)),
        }));
        engine.tasks.spawn(recorder.run(engine.tasks.stopping()));
        engine.tasks.spawn(engine.clone().watch_changes());
        engine
    }

    /// Drops cached keys and environments when somebody changed one, here or elsewhere.
    async fn watch_changes(self) {
        let stop = self.tasks.stopping();
        let mut notices = self.store.notices();
        loop {
            let notice = tokio::select! {
                () = stop.cancelled() => return,
                notice = notices.recv() => notice,
            };
            match notice {
                Ok(Notice::Environment(_) | Notice::Anything) | Err(RecvError::Lagged(_)) => {
                    self.forget_cached();
                }
                Ok(_) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Drops cached keys and environments of this process.
    pub(crate) fn forget_cached(&self) {
        self.callers.invalidate_all();
        self.environments.invalidate_all();
        self.prepared.forget_integrations();
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The clock everything here reads.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The randomness everything here draws from.
    pub fn rng(&self) -> &Rng {
        &self.rng
    }

    /// Where background work runs.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// How the engine behaves.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Audit entries and marks that are written in batches.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// The address guard and the client behind it.
    pub fn egress(&self) -> &Egress {
        &self.egress
    }

    /// The catalogue as it is now.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the catalogue.
    pub fn set_catalog(&self, catalog: Catalog) {
        *self.catalog.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalog);
        self.prepared.forget_integrations();
    }

    /// A catalogue entry that must be there.
    pub(crate) fn provider(&self, name: &str) -> Result<Arc<Provider>> {
        self.catalog().get(name).cloned().ok_or_else(|| Error::UnknownProvider(name.to_owned()))
    }

    /// A new log operation id: milliseconds and eight random characters, so that ids sort by time.
    pub(crate) fn operation_id(&self) -> String {
        self.operation_id_at(self.clock.now())
    }

    /// The id of an operation that began at an instant.
    pub(crate) fn operation_id_at(&self, began: Timestamp) -> String {
        format!("{}_{}", began.millis(), self.rng.alphanumeric(8))
    }
}
