//! How a browser flow ended, for the socket that waits for it.

use valetkey_base::Timestamp;

use crate::db::{Tx, params};
use crate::error::Result;
use crate::notice::Notice;
use crate::open::Store;

const BY_CLIENT: &str = "SELECT result FROM flow_results WHERE client_id = $1";
const INSERT: &str = "INSERT INTO flow_results (client_id, result, created_at) VALUES ($1, $2, $3)
     ON CONFLICT (client_id) DO NOTHING";

impl Store {
    /// The outcome for a waiting socket, as the JSON text it is sent.
    pub async fn flow_result(&self, client_id: &str) -> Result<Option<String>> {
        let row = self.db.fetch_optional(BY_CLIENT, params![client_id]).await?;
        row.map(|row| row.get("result")).transpose()
    }
}

impl Tx {
    /// Stores an outcome. The first one counts.
    pub async fn insert_flow_result(
        &mut self,
        client_id: &str,
        result: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.execute(INSERT, params![client_id, result, now]).await?;
        self.notify(Notice::Flow(client_id.to_owned()));
        Ok(())
    }
}
