//! Budgets of calls through the proxy: token buckets that all processes draw from.

use valetkey_base::Timestamp;

use crate::db::{Tx, params};
use crate::error::Result;

/// How full a bucket was at a time. The unit is the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// What it held.
    pub filled: i64,
    /// When.
    pub at: Timestamp,
}

/// Also locks the row until the transaction ends, on both engines.
const OPEN: &str = "INSERT INTO proxy_budgets (scope, row_id, filled, filled_at)
     VALUES ($1, $2, $3, $4)
     ON CONFLICT (scope, row_id) DO UPDATE SET filled = proxy_budgets.filled
     RETURNING filled, filled_at";
const SET: &str =
    "UPDATE proxy_budgets SET filled = $3, filled_at = $4 WHERE scope = $1 AND row_id = $2";

impl Tx {
    /// A bucket, which nobody else changes until this transaction ends. One that is not stored yet
    /// is as `new` says.
    pub async fn open_proxy_budget(
        &mut self,
        scope: &str,
        row_id: i64,
        new: Bucket,
    ) -> Result<Bucket> {
        let row = self.fetch_one(OPEN, params![scope, row_id, new.filled, new.at]).await?;
        Ok(Bucket { filled: row.get("filled")?, at: row.get("filled_at")? })
    }

    /// Keeps what is left in a bucket.
    pub async fn set_proxy_budget(
        &mut self,
        scope: &str,
        row_id: i64,
        bucket: Bucket,
    ) -> Result<()> {
        self.execute(SET, params![scope, row_id, bucket.filled, bucket.at]).await?;
        Ok(())
    }
}
