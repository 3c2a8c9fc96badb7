//! Redirect flows under way: found by a hash of the state, consumed exactly once.

use valetkey_base::{Sealed, Timestamp};

use crate::db::{Row, Tx, params};
use crate::error::Result;

/// A redirect flow under way.
#[derive(Clone, Debug)]
pub struct OauthState {
    /// Hex SHA-256 of the state, part of the sealing's row binding.
    pub state_hash: String,
    /// The environment.
    pub environment_id: i64,
    /// The integration's row.
    pub integration_id: i64,
    /// The session that started it.
    pub connect_session_id: String,
    /// Hex SHA-256 of the cookie given to the browser that started it.
    pub browser_hash: String,
    /// Code verifier, configuration and overrides, sealed.
    pub payload: Sealed,
    /// The socket that waits for the outcome.
    pub client_id: Option<String>,
    /// The log operation.
    pub operation_id: String,
    /// When it can no longer be finished.
    pub expires_at: Timestamp,
}

/// A flow to be stored; the same fields.
pub type NewOauthState = OauthState;

const INSERT: &str = "INSERT INTO oauth_states (state_hash, environment_id, integration_id,
     connect_session_id, browser_hash, payload_sealed, client_id, operation_id, expires_at,
     created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const CONSUME: &str = "UPDATE oauth_states SET consumed_at = $2
     WHERE state_hash = $1 AND consumed_at IS NULL
     RETURNING state_hash, environment_id, integration_id, connect_session_id, browser_hash,
     payload_sealed, client_id, operation_id, expires_at";

fn oauth_state(row: &Row) -> Result<OauthState> {
    Ok(OauthState {
        state_hash: row.get("state_hash")?,
        environment_id: row.get("environment_id")?,
        integration_id: row.get("integration_id")?,
        connect_session_id: row.get("connect_session_id")?,
        browser_hash: row.get("browser_hash")?,
        payload: row.get("payload_sealed")?,
        client_id: row.get("client_id")?,
        operation_id: row.get("operation_id")?,
        expires_at: row.get("expires_at")?,
    })
}

impl Tx {
    /// Stores a flow.
    pub async fn insert_oauth_state(&mut self, new: &NewOauthState, now: Timestamp) -> Result<()> {
        let values = params![
            &new.state_hash,
            new.environment_id,
            new.integration_id,
            &new.connect_session_id,
            &new.browser_hash,
            &new.payload,
            &new.client_id,
            &new.operation_id,
            new.expires_at,
            now,
        ];
        self.execute(INSERT, values).await.map(|_| ())
    }

    /// Takes a flow for good: of any number of simultaneous callbacks, one gets it.
    pub async fn consume_oauth_state(
        &mut self,
        state_hash: &str,
        now: Timestamp,
    ) -> Result<Option<OauthState>> {
        let row = self.fetch_optional(CONSUME, params![state_hash, now]).await?;
        row.as_ref().map(oauth_state).transpose()
    }
}
