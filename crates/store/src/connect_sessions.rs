//! Connect sessions: 30 minutes in which a browser may make or repair a connection.

use serde_json::{Value as Json, json};
use valetkey_base::{Sealed, Timestamp};

use crate::batch::Batcher;
use crate::db::{Db, Row, Sql, Tx, json_text, params};
use crate::error::{Error, Result};
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
/// As in the statement below.
const TITLE: &str = "Connect session";
const INSERT_OPERATIONS: Sql = Sql {
    sqlite: "INSERT INTO operations (id, environment_id, kind, action, state, title,
     connection_row, created_at, expires_at)
     SELECT value ->> 'operation', value ->> 'environment', 'auth', 'create_connection', 'waiting',
     'Connect session', value ->> 'reconnect', value ->> 'now', value ->> 'expires'
     FROM json_each($1)",
    postgres: "INSERT INTO operations (id, environment_id, kind, action, state, title,
     connection_row, created_at, expires_at)
     SELECT operation, environment, 'auth', 'create_connection', 'waiting', 'Connect session',
     reconnect, now, expires FROM jsonb_to_recordset($1::jsonb) AS r(operation text,
     environment bigint, reconnect bigint, now bigint, expires bigint)",
};
const INSERT_SESSIONS: Sql = Sql {
    sqlite: "INSERT INTO connect_sessions (id, environment_id, token_hash, payload_sealed,
     reconnect_row, operation_id, expires_at, created_at)
     SELECT value ->> 'id', value ->> 'environment', value ->> 'token', unhex(value ->> 'payload'),
     value ->> 'reconnect', value ->> 'operation', value ->> 'expires', value ->> 'now'
     FROM json_each($1)",
    postgres: "INSERT INTO connect_sessions (id, environment_id, token_hash, payload_sealed,
     reconnect_row, operation_id, expires_at, created_at)
     SELECT id, environment, token, decode(payload, 'hex'), reconnect, operation, expires, now
     FROM jsonb_to_recordset($1::jsonb) AS r(id text, environment bigint, token text,
     payload text, reconnect bigint, operation text, expires bigint, now bigint)",
};
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

/// A session to be stored, and when it was made.
pub(crate) type SessionToAdd = (NewConnectSession, Timestamp);

/// Sessions of many callers as one transaction.
pub(crate) fn batcher(db: Db, at_once: usize) -> Batcher<SessionToAdd, ()> {
    Batcher::start(at_once, move |sessions: Vec<SessionToAdd>| {
        let db = db.clone();
        Box::pin(async move {
            let operations: Vec<String> =
                sessions.iter().map(|(new, _)| new.session.operation_id.clone()).collect();
            let rows = json_text(&sessions.iter().map(session_json).collect::<Vec<_>>())?;
            db.write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    tx.execute(INSERT_OPERATIONS, params![&rows]).await?;
                    for id in &operations {
                        tx.index(id, &[id, TITLE], None);
                    }
                    tx.execute(INSERT_SESSIONS, params![rows]).await
                })
            })
            .await?;
            Ok(vec![(); sessions.len()])
        })
    })
}

fn session_json((new, now): &SessionToAdd) -> Json {
    let session = &new.session;
    json!({
        "id": session.id,
        "environment": session.environment_id,
        "token": new.token_hash,
        "payload": hex::encode(session.payload.as_bytes()),
        "reconnect": session.reconnect_row,
        "operation": session.operation_id,
        "expires": session.expires_at,
        "now": now,
    })
}

impl Store {
    /// Stores a session together with the log operation it opens.
    pub async fn add_connect_session(&self, new: NewConnectSession, now: Timestamp) -> Result<()> {
        self.batches.sessions.ask((new, now)).await
    }

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
    /// Ends a session and says whether it was there.
    pub async fn delete_connect_session(&mut self, id: &str) -> Result<bool> {
        Ok(self.execute(DELETE, params![id]).await? > 0)
    }
}
