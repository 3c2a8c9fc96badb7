//! Browsers that wait for a flow's outcome.
//!
//! The outcome is a row, written in the flow's own transaction on whichever replica finished it.
//! A waiting socket is woken by a notice and reads the row; a socket that dropped, or a client
//! that cannot open one, reads the same row by polling.

use std::time::Duration;

use valetkey_store::Notice;

use crate::connect::FlowFailure;
use crate::engine::Engine;
use crate::error::{Error, Result};

/// How often a waiting socket looks even when no notice came.
const LOOK_EVERY: Duration = Duration::from_secs(15);

impl Engine {
    /// The outcome of a flow as JSON text, if it has ended.
    pub async fn flow_result(&self, client_id: &str) -> Result<Option<String>> {
        Ok(self.store.flow_result(client_id).await?)
    }

    /// Tells a waiting browser of a flow that failed before anything was known about it: there is
    /// no session whose log could take it. Never fails itself.
    pub async fn tell_flow_failed(&self, client_id: &str, failure: &FlowFailure) {
        let Ok(result) = serde_json::to_string(&failure.result()) else {
            return;
        };
        let (client_id, now) = (client_id.to_owned(), self.clock.now());
        let written = self
            .store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.insert_flow_result(&client_id, &result, now).await?) })
            })
            .await;
        if let Err(error) = written {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a waiting browser could not be told"
            );
        }
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
