//! What a call needs of a connection, opened a moment ago: an app makes many calls with the same
//! one. An entry counts only for a row whose sealed bytes are the same, and integrations are
//! dropped when a notice says that something in an environment changed.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use serde_json::{Map, Value};
use valetkey_auth::{Client, Credentials};
use valetkey_store::Connection;

use crate::engine::Engine;
use crate::error::Result;
use crate::integrations::IntegrationView;

/// Connections kept.
const CONNECTIONS_MAX: u64 = 2_000;
/// Integrations kept.
const INTEGRATIONS_MAX: u64 = 1_000;
/// How long either is kept.
const KEPT_FOR: Duration = Duration::from_secs(10);
/// For so long a token that came because a provider refused the one before is not replaced for that
/// reason again: a provider that answers 401 to everything would be asked for one at every call.
const RENEWED_FOR: Duration = Duration::from_mins(1);
/// Such tokens that are remembered.
const RENEWED_MAX: u64 = 10_000;

/// Credentials and configuration of a row.
pub(crate) struct Secrets {
    row: Arc<Connection>,
    pub(super) credentials: Credentials,
    pub(super) config: Map<String, Value>,
}

/// An integration with its client.
pub(crate) struct Target {
    pub(super) view: IntegrationView,
    pub(super) client: Client,
}

/// The caches.
pub(crate) struct Prepared {
    secrets: Cache<i64, Arc<Secrets>>,
    targets: Cache<(i64, String), Arc<Target>>,
    /// Rows and generations.
    renewed: Cache<(i64, i64), ()>,
}

impl Prepared {
    pub(crate) fn new() -> Self {
        Self {
            secrets: Cache::builder().max_capacity(CONNECTIONS_MAX).time_to_live(KEPT_FOR).build(),
            targets: Cache::builder().max_capacity(INTEGRATIONS_MAX).time_to_live(KEPT_FOR).build(),
            renewed: Cache::builder().max_capacity(RENEWED_MAX).time_to_live(RENEWED_FOR).build(),
        }
    }

    pub(crate) fn renewed(&self, row: i64, generation: i64) {
        self.renewed.insert((row, generation), ());
    }

    pub(crate) fn was_renewed(&self, row: i64, generation: i64) -> bool {
        self.renewed.contains_key(&(row, generation))
    }

    pub(crate) fn forget_integrations(&self) {
        self.targets.invalidate_all();
    }
}

impl Engine {
    pub(super) async fn secrets_of(&self, row: &Arc<Connection>) -> Result<Arc<Secrets>> {
        if let Some(known) = self.prepared.secrets.get(&row.id)
            && (Arc::ptr_eq(&known.row, row)
                || (known.row.credentials == row.credentials && known.row.config == row.config))
        {
            return Ok(known);
        }
        let (credentials, config) = self.open_connection(row).await?;
        let secrets = Arc::new(Secrets { row: row.clone(), credentials, config });
        self.prepared.secrets.insert(row.id, secrets.clone());
        Ok(secrets)
    }

    pub(super) async fn target(&self, environment_id: i64, key: &str) -> Result<Arc<Target>> {
        let place = (environment_id, key.to_owned());
        if let Some(known) = self.prepared.targets.get(&place) {
            return Ok(known);
        }
        let view = self.integration(environment_id, key).await?;
        let client = view.client();
        let target = Arc::new(Target { view, client });
        self.prepared.targets.insert(place, target.clone());
        Ok(target)
    }
}
