//! Logs: operations, and the messages inside them.

use serde::Serialize;
use valetkey_base::Timestamp;

use crate::db::{Row, Sql, Tx, Value, json_text, params};
use crate::error::Result;
use crate::open::Store;

/// One activity: a flow, a refresh, a webhook, an import.
#[derive(Clone, Debug)]
pub struct Operation {
    /// `<milliseconds>_<8 characters>`.
    pub id: String,
    /// The environment.
    pub environment_id: i64,
    /// `auth`, `webhook`, …
    pub kind: String,
    /// `create_connection`, `refresh_token`, …
    pub action: String,
    /// `running`, `success`, `failed`, `timeout`, `cancelled`.
    pub state: String,
    /// A sentence for people.
    pub title: String,
    /// The integration's key.
    pub integration_key: Option<String>,
    /// The connection's id.
    pub connection_id: Option<String>,
    /// JSON text: class, code, message and the provider's own answer.
    pub error: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// A refresh of a connection that ended.
#[derive(Clone, Debug)]
pub struct Refresh {
    /// See [`Operation`].
    pub operation_id: String,
    /// See [`Operation`].
    pub state: String,
    /// See [`Operation`].
    pub error: Option<String>,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Until when the token works that it brought, if that is known.
    pub token_expires_at: Option<Timestamp>,
}

/// An operation to be stored.
#[derive(Clone, Debug, Serialize)]
pub struct NewOperation {
    /// See [`Operation`].
    pub id: String,
    /// See [`Operation`].
    pub environment_id: i64,
    /// See [`Operation`].
    pub kind: &'static str,
    /// See [`Operation`].
    pub action: &'static str,
    /// See [`Operation`].
    pub state: &'static str,
    /// See [`Operation`].
    pub title: String,
    /// See [`Operation`].
    pub integration_key: Option<String>,
    /// Name of the catalogue entry.
    pub provider: Option<String>,
    /// The connection's row.
    pub connection_row: Option<i64>,
    /// See [`Operation`].
    pub connection_id: Option<String>,
    /// See [`Operation`].
    pub error: Option<String>,
    /// See [`Operation`].
    pub ended_at: Option<Timestamp>,
    /// When a running one counts as abandoned.
    pub expires_at: Option<Timestamp>,
}

/// A call that has ended: its operation, and the one message of it.
#[derive(Clone, Debug)]
pub struct EndedCall {
    /// The operation, with its end.
    pub operation: NewOperation,
    /// When it began.
    pub began: Timestamp,
    /// What is said of it.
    pub message: MessageRow,
}

#[derive(Serialize)]
struct CallRow<'a> {
    #[serde(flatten)]
    operation: &'a NewOperation,
    created_at: Timestamp,
}

/// A message of an operation.
#[derive(Clone, Debug, Serialize)]
pub struct MessageRow {
    /// The operation.
    pub operation_id: String,
    /// `debug`, `info`, `warn`, `error`.
    pub level: &'static str,
    /// A sentence for people.
    pub message: String,
    /// JSON text with what belongs to it, secrets redacted.
    pub detail: Option<String>,
    /// When.
    pub created_at: Timestamp,
}

/// Calls that one statement stores.
const CALLS_PER_STATEMENT: usize = 500;
const INSERT: &str = "INSERT INTO operations (id, environment_id, kind, action, state, title,
     integration_key, provider, connection_row, connection_id, error, created_at, ended_at,
     expires_at, token_expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
/// The same for many that have ended, as [`CallRow`]s.
const INSERT_CALLS: Sql = Sql {
    sqlite: "INSERT INTO operations (id, environment_id, kind, action, state, title,
     integration_key, provider, connection_row, connection_id, error, created_at, ended_at)
     SELECT value ->> 'id', value ->> 'environment_id', value ->> 'kind', value ->> 'action',
     value ->> 'state', value ->> 'title', value ->> 'integration_key', value ->> 'provider',
     value ->> 'connection_row', value ->> 'connection_id', value ->> 'error',
     value ->> 'created_at', value ->> 'ended_at' FROM json_each($1)",
    postgres: "INSERT INTO operations (id, environment_id, kind, action, state, title,
     integration_key, provider, connection_row, connection_id, error, created_at, ended_at)
     SELECT id, environment_id, kind, action, state, title, integration_key, provider,
     connection_row, connection_id, error, created_at, ended_at
     FROM jsonb_to_recordset($1::jsonb)
     AS r(id text, environment_id bigint, kind text, action text, state text, title text,
     integration_key text, provider text, connection_row bigint, connection_id text, error text,
     created_at bigint, ended_at bigint)",
};
const FINISH: &str = "UPDATE operations SET state = $2, error = $3, ended_at = $4,
     integration_key = COALESCE($5, integration_key), provider = COALESCE($6, provider),
     connection_row = COALESCE($7, connection_row), connection_id = COALESCE($8, connection_id),
     expires_at = NULL WHERE id = $1";
const INSERT_MESSAGES: Sql = Sql {
    sqlite: "INSERT INTO messages (operation_id, level, message, detail, created_at)
     SELECT value ->> 'operation_id', value ->> 'level', value ->> 'message', value ->> 'detail',
     value ->> 'created_at' FROM json_each($1)",
    postgres: "INSERT INTO messages (operation_id, level, message, detail, created_at)
     SELECT operation_id, level, message, detail, created_at
     FROM jsonb_to_recordset($1::jsonb)
     AS r(operation_id text, level text, message text, detail text, created_at bigint)",
};
macro_rules! list {
    ($index:literal, $more:literal) => {
        concat!(
            "SELECT id, environment_id, kind, action, state, title, integration_key,
     connection_id, error, created_at, ended_at FROM operations",
            $index,
            " WHERE environment_id = $1 AND ($2 IS NULL OR kind = $2)",
            $more,
            " ORDER BY created_at DESC, id DESC LIMIT $3"
        )
    };
}
const LIST: &str = list!("", "");
/// SQLite is told the index: without statistics it takes the one that is in order already.
const LIST_OF_CONNECTION: Sql = Sql {
    sqlite: list!(" INDEXED BY operations_connection", " AND connection_id = $4"),
    postgres: list!("", " AND connection_id = $4"),
};
macro_rules! refreshes {
    ($index:literal) => {
        concat!(
            "SELECT id, state, error, created_at, ended_at, token_expires_at FROM (
     SELECT id, kind, action, state, error, integration_key, created_at, ended_at,
     token_expires_at FROM operations",
            $index,
            " WHERE environment_id = $1 AND connection_id = $2
     ORDER BY created_at DESC, id DESC LIMIT $4) AS o
     WHERE kind = 'auth' AND action = 'refresh_token' AND integration_key = $3
     AND ended_at IS NOT NULL ORDER BY created_at DESC, id DESC LIMIT $5"
        )
    };
}
const REFRESHES: Sql =
    Sql { sqlite: refreshes!(" INDEXED BY operations_connection"), postgres: refreshes!("") };
/// Operations of a connection among which its refreshes are looked for.
const LOOKED_AT_MAX: i64 = 500;
const BY_ID: &str = "SELECT id, environment_id, kind, action, state, title, integration_key,
     connection_id, error, created_at, ended_at FROM operations
     WHERE environment_id = $1 AND id = $2";
const MESSAGES: &str = "SELECT level, message, detail, created_at FROM messages
     WHERE operation_id = $1 ORDER BY id LIMIT $2";
const ABANDON: &str = "UPDATE operations SET ended_at = $1, expires_at = NULL,
     state = CASE WHEN kind = 'auth' AND action = 'create_connection' THEN 'cancelled'
     ELSE 'timeout' END
     WHERE expires_at <= $1 AND state IN ('running', 'waiting')";

pub(crate) fn operation(row: &Row) -> Result<Operation> {
    Ok(Operation {
        id: row.get("id")?,
        environment_id: row.get("environment_id")?,
        kind: row.get("kind")?,
        action: row.get("action")?,
        state: row.get("state")?,
        title: row.get("title")?,
        integration_key: row.get("integration_key")?,
        connection_id: row.get("connection_id")?,
        error: row.get("error")?,
        created_at: row.get("created_at")?,
        ended_at: row.get("ended_at")?,
    })
}

impl Store {
    /// Operations of an environment, newest first.
    pub async fn operations(
        &self,
        environment_id: i64,
        kind: Option<&str>,
        connection_id: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Operation>> {
        let mut values = params![environment_id, kind, limit];
        let sql = if connection_id.is_some() { LIST_OF_CONNECTION } else { LIST.into() };
        values.extend(connection_id.map(Value::from));
        self.db.fetch_all(sql, values).await?.iter().map(operation).collect()
    }

    /// The last refreshes of a connection, newest first. They are looked for among its latest
    /// operations, so there can be more that are older.
    pub async fn refreshes(
        &self,
        environment_id: i64,
        integration_key: &str,
        connection_id: &str,
        limit: i64,
    ) -> Result<Vec<Refresh>> {
        let values = params![environment_id, connection_id, integration_key, LOOKED_AT_MAX, limit];
        let rows = self.db.fetch_all(REFRESHES, values).await?;
        rows.iter()
            .map(|row| {
                Ok(Refresh {
                    operation_id: row.get("id")?,
                    state: row.get("state")?,
                    error: row.get("error")?,
                    began: row.get("created_at")?,
                    ended_at: row.get("ended_at")?,
                    token_expires_at: row.get("token_expires_at")?,
                })
            })
            .collect()
    }

    /// An operation by id.
    pub async fn operation(&self, environment_id: i64, id: &str) -> Result<Option<Operation>> {
        let row = self.db.fetch_optional(BY_ID, params![environment_id, id]).await?;
        row.as_ref().map(operation).transpose()
    }

    /// Messages of an operation, oldest first: level, text, detail, instant.
    pub async fn messages(
        &self,
        operation_id: &str,
        limit: i64,
    ) -> Result<Vec<(String, String, Option<String>, Timestamp)>> {
        let rows = self.db.fetch_all(MESSAGES, params![operation_id, limit]).await?;
        rows.iter()
            .map(|row| {
                Ok((
                    row.get("level")?,
                    row.get("message")?,
                    row.get("detail")?,
                    row.get("created_at")?,
                ))
            })
            .collect()
    }
}

impl Tx {
    /// Stores an operation that began at an instant.
    pub async fn insert_operation(&mut self, new: &NewOperation, began: Timestamp) -> Result<()> {
        self.insert_refresh(new, began, None).await
    }

    /// Stores a refresh that began at an instant, with the end of the token it brought.
    pub async fn insert_refresh(
        &mut self,
        new: &NewOperation,
        began: Timestamp,
        token_expires_at: Option<Timestamp>,
    ) -> Result<()> {
        let values = params![
            &new.id,
            new.environment_id,
            new.kind,
            new.action,
            new.state,
            &new.title,
            &new.integration_key,
            &new.provider,
            new.connection_row,
            &new.connection_id,
            &new.error,
            began,
            new.ended_at,
            new.expires_at,
            token_expires_at,
        ];
        self.execute(INSERT, values).await?;
        self.index_operation(new, "");
        Ok(())
    }

    /// Ends an operation, filling in what became known on the way.
    pub async fn finish_operation(&mut self, end: &NewOperation, now: Timestamp) -> Result<()> {
        let values = params![
            &end.id,
            end.state,
            &end.error,
            now,
            &end.integration_key,
            &end.provider,
            end.connection_row,
            &end.connection_id,
        ];
        self.execute(FINISH, values).await?;
        self.index_operation(end, "");
        Ok(())
    }

    fn index_operation(&mut self, it: &NewOperation, message: &str) {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (key, connection) = (text(&it.integration_key), text(&it.connection_id));
        self.index(&it.id, &[&it.id, &it.title, &key, &connection, message], it.error.as_deref());
    }

    /// Stores messages.
    pub async fn insert_messages(&mut self, messages: &[MessageRow]) -> Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        self.execute(INSERT_MESSAGES, params![json_text(&messages)?]).await?;
        // Messages of one operation are mostly neighbours, and share a row of words.
        for group in messages.chunk_by(|one, next| one.operation_id == next.operation_id) {
            let texts: Vec<&str> = group.iter().map(|message| message.message.as_str()).collect();
            self.index(&group[0].operation_id, &texts, None);
        }
        Ok(())
    }

    /// Stores calls that have ended: as many as there are in few statements, because they may be
    /// many.
    pub async fn insert_calls(&mut self, calls: &[EndedCall]) -> Result<()> {
        for calls in calls.chunks(CALLS_PER_STATEMENT) {
            let rows: Vec<_> = calls
                .iter()
                .map(|it| CallRow { operation: &it.operation, created_at: it.began })
                .collect();
            let messages: Vec<_> = calls.iter().map(|it| &it.message).collect();
            let (rows, messages) = (json_text(&rows)?, json_text(&messages)?);
            self.execute(INSERT_CALLS, params![rows]).await?;
            self.execute(INSERT_MESSAGES, params![messages]).await?;
            for call in calls {
                // Usually the one repeats the other.
                let message = Some(call.message.message.as_str());
                let message = message.filter(|text| *text != call.operation.title);
                self.index_operation(&call.operation, message.unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Ends operations that nobody finished in time.
    pub async fn abandon_operations(&mut self, now: Timestamp) -> Result<u64> {
        self.execute(ABANDON, params![now]).await
    }
}
