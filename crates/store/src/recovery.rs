//! Taking a deletion back: environments and integrations keep what went with them until it is purged.
//! What went in one deletion carries one instant, and comes back by it.

use valetkey_base::Timestamp;

use crate::db::{Row, Tx, params};
use crate::error::Result;
use crate::notice::Notice;
use crate::open::Store;

/// Something that was deleted and can come back.
#[derive(Clone, Debug)]
pub struct Deleted {
    /// Row id.
    pub id: i64,
    /// The environment's name, or the integration's key.
    pub name: String,
    /// When it was deleted.
    pub deleted_at: Timestamp,
}

const ENVIRONMENTS: &str = "SELECT id, name, deleted_at FROM environments
     WHERE account_id = $1 AND deleted_at > $2 ORDER BY deleted_at DESC, id DESC LIMIT $3";
const INTEGRATIONS: &str = "SELECT id, unique_key AS name, deleted_at FROM integrations
     WHERE environment_id = $1 AND deleted_at > $2 ORDER BY deleted_at DESC, id DESC LIMIT $3";
const RESTORE_ENVIRONMENT: &str =
    "UPDATE environments SET deleted_at = NULL WHERE id = $1 AND deleted_at = $2";
const RESTORE_ALL_INTEGRATIONS: &str =
    "UPDATE integrations SET deleted_at = NULL WHERE environment_id = $1 AND deleted_at = $2";
const RESTORE_ALL_CONNECTIONS: &str =
    "UPDATE connections SET deleted_at = NULL WHERE environment_id = $1 AND deleted_at = $2";
const RESTORE_KEYS: &str =
    "UPDATE api_keys SET revoked_at = NULL WHERE environment_id = $1 AND revoked_at = $2";
const RESTORE_INTEGRATION: &str = "UPDATE integrations SET deleted_at = NULL
     WHERE environment_id = $1 AND id = $2 AND deleted_at = $3";
const RESTORE_CONNECTIONS: &str = "UPDATE connections SET deleted_at = NULL
     WHERE environment_id = $1 AND integration_id = $2 AND deleted_at = $3";

fn deleted(row: &Row) -> Result<Deleted> {
    Ok(Deleted { id: row.get("id")?, name: row.get("name")?, deleted_at: row.get("deleted_at")? })
}

impl Store {
    /// Environments of an account that were deleted after an instant, the last one first.
    pub async fn deleted_environments(
        &self,
        account_id: i64,
        after: Timestamp,
        limit: i64,
    ) -> Result<Vec<Deleted>> {
        let rows = self.db.fetch_all(ENVIRONMENTS, params![account_id, after, limit]).await?;
        rows.iter().map(deleted).collect()
    }

    /// Integrations of an environment that were deleted after an instant, the last one first.
    pub async fn deleted_integrations(
        &self,
        environment_id: i64,
        after: Timestamp,
        limit: i64,
    ) -> Result<Vec<Deleted>> {
        let rows = self.db.fetch_all(INTEGRATIONS, params![environment_id, after, limit]).await?;
        rows.iter().map(deleted).collect()
    }
}

impl Tx {
    /// Brings an environment back, with what went with it. A taken name is
    /// [`crate::Error::Duplicate`].
    pub async fn restore_environment(&mut self, deleted: &Deleted) -> Result<bool> {
        let values = || params![deleted.id, deleted.deleted_at];
        if self.execute(RESTORE_ENVIRONMENT, values()).await? == 0 {
            return Ok(false);
        }
        for sql in [RESTORE_ALL_INTEGRATIONS, RESTORE_ALL_CONNECTIONS, RESTORE_KEYS] {
            self.execute(sql, values()).await?;
        }
        self.notify(Notice::Anything);
        Ok(true)
    }

    /// Brings an integration back, with the connections that went with it. A taken key is
    /// [`crate::Error::Duplicate`].
    pub async fn restore_integration(
        &mut self,
        environment_id: i64,
        deleted: &Deleted,
    ) -> Result<bool> {
        let values = || params![environment_id, deleted.id, deleted.deleted_at];
        if self.execute(RESTORE_INTEGRATION, values()).await? == 0 {
            return Ok(false);
        }
        self.execute(RESTORE_CONNECTIONS, values()).await?;
        self.notify(Notice::Environment(environment_id));
        Ok(true)
    }
}
