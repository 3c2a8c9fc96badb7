//! Troubles that somebody was told of, until they are over.

use serde_json::json;
use valetkey_base::Timestamp;

use crate::db::{Sql, Tx, params};
use crate::error::Result;

const TOLD: &str = "SELECT subject FROM alerts WHERE environment_id = $1 ORDER BY subject";
const TELL: Sql = Sql {
    sqlite: "INSERT INTO alerts (environment_id, subject, told_at)
     SELECT $1, value, $3 FROM json_each($2) WHERE true ON CONFLICT DO NOTHING",
    postgres:
        "INSERT INTO alerts (environment_id, subject, told_at)
     SELECT $1, value, $3 FROM jsonb_array_elements_text($2::jsonb) AS value ON CONFLICT DO NOTHING",
};
const OVER: Sql = Sql {
    sqlite: "DELETE FROM alerts WHERE environment_id = $1
     AND subject IN (SELECT value FROM json_each($2))",
    postgres: "DELETE FROM alerts WHERE environment_id = $1
     AND subject IN (SELECT jsonb_array_elements_text($2::jsonb))",
};

impl Tx {
    /// Troubles of an environment that somebody was told of.
    pub async fn told_alerts(&mut self, environment_id: i64) -> Result<Vec<String>> {
        let rows = self.fetch_all(TOLD, params![environment_id]).await?;
        rows.iter().map(|row| row.get("subject")).collect()
    }

    /// Notes new troubles, and forgets those that are over.
    pub async fn change_alerts(
        &mut self,
        environment_id: i64,
        new: &[String],
        over: &[String],
        now: Timestamp,
    ) -> Result<()> {
        if !new.is_empty() {
            let subjects = json!(new).to_string();
            self.execute(TELL, params![environment_id, subjects, now]).await?;
        }
        if !over.is_empty() {
            self.execute(OVER, params![environment_id, json!(over).to_string()]).await?;
        }
        Ok(())
    }
}
