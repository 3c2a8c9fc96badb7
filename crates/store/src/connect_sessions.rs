//! Connect sessions: 30 minutes in which a browser may make or repair a connection.

use valetkey_base::{Sealed, Timestamp};

use crate::db::{Row, Tx, params};
use crate::error::Result;
use crate::open::Store;

/// A connect session.
#[derive(Clone, Debug)]
pub struct ConnectSession {
    /// Random id, part of the sealing's row binding.
    pub id: String,
    /// The environment.
    pub environment_id: i64,
    /// What it allows and presets, sealed: presets may hold secrets.
    pub payload: Sealed,
    /// The connection to repair.
    pub reconnect_row: Option<i64>,
    /// The log operation the flow goes on writing to.
    pub operation_id: String,
    /// When the token stops working.
    pub expires_at: Timestamp,
}

/// A session to be stored.
#[derive(Clone, Debug)]
pub struct NewConnectSession {
    /// The session.
    pub session: ConnectSession,
    /// Hex SHA-256 of the token.
    pub token_hash: String,
}

const BY_HASH: &str = "SELECT id, environment_id, payload_sealed, reconnect_row, operation_id,
     expires_at FROM connect_sessions WHERE token_hash = $1 AND expires_at > $2";
const BY_ID: &str = "SELECT id, environment_id, payload_sealed, reconnect_row, operation_id,
     expires_at FROM connect_sessions WHERE id = $1";
const INSERT: &str = "INSERT INTO connect_sessions (id, environment_id, token_hash, payload_sealed,
     reconnect_row, operation_id, expires_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const DELETE: &str = "DELETE FROM connect_sessions WHERE id = $1";

fn connect_session(row: &Row) -> Result<ConnectSession> {
    Ok(ConnectSession {
        id: row.get("id")?,
        environment_id: row.get("environment_id")?,
        payload: row.get("payload_sealed")?,
        reconnect_row: row.get("reconnect_row")?,
        operation_id: row.get("operation_id")?,
        expires_at: row.get("expires_at")?,
    })
}

impl Store {
    /// A session that has not expired, by the hash of its token.
    pub async fn connect_session(
        &self,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<ConnectSession>> {
        let row = self.db.fetch_optional(BY_HASH, params![token_hash, now]).await?;
        row.as_ref().map(connect_session).transpose()
    }

    /// A session by id, expired or not.
    pub async fn connect_session_by_id(&self, id: &str) -> Result<Option<ConnectSession>> {
        let row = self.db.fetch_optional(BY_ID, params![id]).await?;
        row.as_ref().map(connect_session).transpose()
    }
}

impl Tx {
    /// Stores a session.
    pub async fn insert_connect_session(
        &mut self,
        new: &NewConnectSession,
        now: Timestamp,
    ) -> Result<()> {
        let session = &new.session;
        let values = params![
            &session.id,
            session.environment_id,
            &new.token_hash,
            &session.payload,
            session.reconnect_row,
            &session.operation_id,
            session.expires_at,
            now,
        ];
        self.execute(INSERT, values).await.map(|_| ())
    }

    /// Ends a session and says whether it was there.
    pub async fn delete_connect_session(&mut self, id: &str) -> Result<bool> {
        Ok(self.execute(DELETE, params![id]).await? > 0)
    }
}
