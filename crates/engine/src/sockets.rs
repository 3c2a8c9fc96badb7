//! Browsers that wait for a flow's outcome.
//!
//! The outcome is a row, written in the flow's own transaction on whichever replica finished it.
//! A waiting socket is woken by a notice and reads the row; a socket that dropped, or a client
//! that cannot open one, reads the same row by polling.

use std::time::Duration;

use valetkey_store::Notice;

use crate::engine::Engine;
use crate::error::Result;

/// How often a waiting socket looks even when no notice came.
const LOOK_EVERY: Duration = Duration::from_secs(2);

impl Engine {
    /// The outcome of a flow as JSON text, if it has ended.
    pub async fn flow_result(&self, client_id: &str) -> Result<Option<String>> {
        Ok(self.store.flow_result(client_id).await?)
    }

    /// Waits until the flow has ended and answers with its outcome as JSON text.
    pub async fn wait_for_flow(&self, client_id: &str) -> Result<String> {
        let mut notices = self.store.notices();
        loop {
            if let Some(result) = self.store.flow_result(client_id).await? {
                return Ok(result);
            }
            let mine = async {
                loop {
                    match notices.recv().await {
                        Ok(Notice::Flow(id)) if id == client_id => return,
                        Ok(Notice::Anything) | Err(_) => return,
                        Ok(_) => {}
                    }
                }
            };
            // Waking late or for nothing only costs a look.
            let _ = tokio::time::timeout(LOOK_EVERY, mine).await;
        }
    }
}
