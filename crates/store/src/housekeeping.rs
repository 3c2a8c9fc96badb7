//! Removing what is past its keeping.

use valetkey_base::Timestamp;

use crate::db::{Tx, params};
use crate::error::Result;

/// Everything older than these goes.
#[derive(Clone, Copy, Debug)]
pub struct RetentionCutoffs {
    /// Sessions, states and flow results that expired before.
    pub expired: Timestamp,
    /// Operations and messages made before.
    pub logs: Timestamp,
    /// Events made before, with their deliveries: those, too, that never arrived.
    pub events: Timestamp,
    /// Connections deleted before.
    pub deleted: Timestamp,
}

/// How many rows went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Purged {
    /// Rows of every table together.
    pub rows: u64,
}

const EXPIRED: &[&str] = &[
    "DELETE FROM oauth_states WHERE expires_at < $1",
    "DELETE FROM flow_results WHERE created_at < $1",
    "DELETE FROM connect_sessions WHERE expires_at < $1",
    "DELETE FROM owner_links WHERE expires_at < $1",
    "DELETE FROM member_sessions WHERE expires_at < $1",
    "DELETE FROM sign_in_steps WHERE expires_at < $1",
    "DELETE FROM invitations WHERE expires_at < $1",
    "DELETE FROM proxy_keys WHERE expires_at < $1",
    // Full again, which is what one that is not stored counts as.
    "DELETE FROM proxy_budgets WHERE filled_at < $1",
    "DELETE FROM incoming_webhooks WHERE expires_at < $1",
    "DELETE FROM installs WHERE expires_at < $1",
];
const LOGS: &[&str] = &[
    "DELETE FROM messages WHERE created_at < $1",
    "DELETE FROM operations WHERE created_at < $1",
    "DELETE FROM operation_counts WHERE hour < $1",
    "DELETE FROM operation_days WHERE day < $1 / 86400000",
    "DELETE FROM operation_durations WHERE hour < $1",
    "DELETE FROM operation_duration_days WHERE day < $1 / 86400000",
    "DELETE FROM sign_in_failures WHERE failed_at < $1",
];
const EVENTS: &[&str] = &[
    "DELETE FROM delivery_attempts WHERE delivery_id IN (
         SELECT id FROM deliveries WHERE created_at < $1)",
    "DELETE FROM deliveries WHERE created_at < $1",
    "DELETE FROM events WHERE created_at < $1
         AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = events.id)",
];
const DELETED: &[&str] = &[
    "DELETE FROM connection_tags WHERE connection_row IN (
         SELECT id FROM connections WHERE deleted_at < $1)",
    "DELETE FROM connection_lookups WHERE connection_row IN (
         SELECT id FROM connections WHERE deleted_at < $1)",
    "UPDATE connect_sessions SET reconnect_row = NULL WHERE reconnect_row IN (
         SELECT id FROM connections WHERE deleted_at < $1)",
    "DELETE FROM connections WHERE deleted_at < $1",
];

impl Tx {
    /// Removes what is past its keeping.
    pub async fn purge(&mut self, cutoffs: RetentionCutoffs) -> Result<Purged> {
        let mut rows = 0;
        for (statements, cutoff) in [
            (EXPIRED, cutoffs.expired),
            (LOGS, cutoffs.logs),
            (EVENTS, cutoffs.events),
            (DELETED, cutoffs.deleted),
        ] {
            for sql in statements {
                rows += self.execute(*sql, params![cutoff]).await?;
            }
        }
        self.purge_texts(cutoffs.logs).await?;
        Ok(Purged { rows })
    }
}
