//! What an operator looks at first: what needs somebody.

use std::time::Duration;

use valetkey_base::Timestamp;
use valetkey_store::{Connection, ConnectionFilter};

use crate::connections::StoredRefreshError;
use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::Result;
use crate::integrations::needs_credentials;

/// Most rows that are counted; beyond it there are "more".
pub const COUNTED_MAX: i64 = 1000;
/// Examples of each trouble.
const SHOWN_MAX: usize = 5;
/// Deliveries that failed longer ago are history.
const FAILED_WITHIN: Duration = Duration::from_hours(24 * 7);
/// Connections that are looked at for whether anybody reads them.
const READERS_LOOKED_AT: i64 = 20;

/// A connection that does not work.
#[derive(Clone, Debug)]
pub struct FailingConnection {
    /// Key of the integration.
    pub integration_key: String,
    /// The id clients use.
    pub connection_id: String,
    /// What failed.
    pub message: String,
    /// The operation that tells more.
    pub operation_id: String,
    /// When it last failed.
    pub failed_at: Timestamp,
}

/// An integration that lacks what its provider needs.
#[derive(Clone, Debug)]
pub struct IncompleteIntegration {
    /// Its key.
    pub key: String,
    /// What is missing.
    pub what: &'static str,
}

/// A delivery that was given up.
#[derive(Clone, Debug)]
pub struct FailedDelivery {
    /// Its id.
    pub id: String,
    /// Where to, without what may be secret in it.
    pub destination: String,
    /// Why the last attempt failed.
    pub error: String,
    /// When it was made.
    pub at: Timestamp,
}

/// A destination that rests because it failed again and again.
#[derive(Clone, Debug)]
pub struct RestingDestination {
    /// Scheme, host and port.
    pub destination: String,
    /// Failures in a row.
    pub failures: i64,
    /// Until when nothing is sent.
    pub until: Timestamp,
}

/// What needs somebody. Counts end at [`COUNTED_MAX`].
#[derive(Clone, Debug, Default)]
pub struct Attention {
    /// The latest connections that fail.
    pub failing: Vec<FailingConnection>,
    /// How many there are.
    pub failing_count: i64,
    /// Integrations that cannot work yet.
    pub incomplete: Vec<IncompleteIntegration>,
    /// The latest deliveries of this week that were given up.
    pub failed: Vec<FailedDelivery>,
    /// How many there are.
    pub failed_count: i64,
    /// Destinations of this environment that rest.
    pub resting: Vec<RestingDestination>,
}

/// How far an environment has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirstSteps {
    /// It has an integration.
    pub has_integration: bool,
    /// It has a connection.
    pub has_connection: bool,
    /// Somebody read one.
    pub has_read: bool,
}

/// Whether somebody read a connection since it was made, which counts as a first reading.
pub(crate) fn was_read(row: &Connection) -> bool {
    row.last_fetched_at.is_some_and(|at| at > row.created_at)
}

impl Engine {
    /// What needs somebody in an environment.
    pub async fn attention(&self, environment: &EnvironmentView) -> Result<Attention> {
        let now = self.clock.now();
        let id = environment.id;
        let mut failing = Vec::new();
        let mut failing_count = 0;
        for row in self.store.failing_connections(id, COUNTED_MAX).await? {
            // A hiccup that no reader felt needs nobody.
            let stored: Option<StoredRefreshError> = serde_json::from_str(&row.error).ok();
            let Some(stored) = stored.filter(|stored| stored.told) else { continue };
            failing_count += 1;
            if failing.len() < SHOWN_MAX {
                failing.push(FailingConnection {
                    integration_key: row.integration_key,
                    connection_id: row.connection_id,
                    message: stored.message,
                    operation_id: stored.log_id,
                    failed_at: row.failed_at.unwrap_or(now),
                });
            }
        }
        let dead = self.store.dead_deliveries(id, now.minus(FAILED_WITHIN), COUNTED_MAX).await?;
        let failed_count = i64::try_from(dead.len()).unwrap_or(COUNTED_MAX);
        let failed = dead.into_iter().take(SHOWN_MAX).map(|row| FailedDelivery {
            id: row.id,
            destination: row.destination,
            error: row.error.unwrap_or_default(),
            at: row.created_at,
        });
        let resting = self.store.resting_destinations(id, now).await?;
        let resting = resting.into_iter().map(|(destination, failures, until)| {
            RestingDestination { destination, failures, until }
        });
        Ok(Attention {
            failing,
            failing_count,
            incomplete: self.incomplete_integrations(environment).await?,
            failed: failed.collect(),
            failed_count,
            resting: resting.collect(),
        })
    }

    async fn incomplete_integrations(
        &self,
        environment: &EnvironmentView,
    ) -> Result<Vec<IncompleteIntegration>> {
        let integrations = self.integrations(environment).await?.into_iter();
        Ok(integrations
            .filter_map(|(row, provider)| {
                let what = match provider {
                    None => "Its provider is not in the catalogue any more.",
                    Some(provider) if needs_credentials(&provider) && row.client_id.is_none() => {
                        "It has no client id yet."
                    }
                    Some(_) => return None,
                };
                Some(IncompleteIntegration { key: row.unique_key, what })
            })
            .collect())
    }

    /// How far an environment has come.
    pub async fn first_steps(&self, environment: &EnvironmentView) -> Result<FirstSteps> {
        let has_integration = !self.store.integrations(environment.id).await?.is_empty();
        let filter = ConnectionFilter { limit: READERS_LOOKED_AT, ..ConnectionFilter::default() };
        let newest = self.store.connections(environment.id, &filter).await?;
        Ok(FirstSteps {
            has_integration,
            has_connection: !newest.is_empty(),
            has_read: newest.iter().any(was_read),
        })
    }
}
