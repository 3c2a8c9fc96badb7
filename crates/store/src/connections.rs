//! Connections: one customer's credentials for one integration.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use valetkey_base::{Sealed, Timestamp};

use crate::batch::Batcher;
use crate::db::{Db, Row, Sql, Tx, json_text, params};
use crate::error::{Error, Result};
use crate::open::Store;

/// A connection. JSON columns are kept as text: they leave as they came.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Row id, also on the wire.
    pub id: i64,
    /// The environment.
    pub environment_id: i64,
    /// The integration's row.
    pub integration_id: i64,
    /// The integration's key.
    pub integration_key: String,
    /// The integration's provider.
    pub provider: String,
    /// The id clients use.
    pub connection_id: String,
    /// Part of the sealing's row binding.
    pub row_uuid: String,
    /// Credentials JSON, sealed.
    pub credentials: Sealed,
    /// Connection configuration JSON, sealed.
    pub config: Sealed,
    /// JSON object text; none for null.
    pub metadata: Option<String>,
    /// JSON object text, string to string.
    pub tags: String,
    /// JSON object text in the wire's form.
    pub end_user: Option<String>,
    /// Where this connection's events go instead of the environment's URLs.
    pub webhook_url_override: Option<String>,
    /// Counts credential replacements; a write names the one it read.
    pub generation: i64,
    /// When the access token dies.
    pub expires_at: Option<Timestamp>,
    /// When the background job should refresh it.
    pub refresh_due_at: Option<Timestamp>,
    /// Until when another process refreshes it.
    pub lease_until: Option<Timestamp>,
    /// Failed refreshes in a row that count towards exhaustion.
    pub refresh_failures: i64,
    /// The last failed refresh since the last good one.
    pub refresh_failed_at: Option<Timestamp>,
    /// Until when refreshes back off.
    pub refresh_retry_at: Option<Timestamp>,
    /// Whether only a new authorization or a forced refresh helps.
    pub refresh_exhausted: bool,
    /// JSON text that describes the active failure.
    pub refresh_error: Option<String>,
    /// When it was last read with credentials.
    pub last_fetched_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A connection to be stored, new or over an existing one with the same key.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// The environment.
    pub environment_id: i64,
    /// The integration's row.
    pub integration_id: i64,
    /// The id clients use.
    pub connection_id: String,
    /// For a new row; an existing row keeps its own.
    pub row_uuid: String,
    /// Sealed for `row_uuid`.
    pub credentials: Sealed,
    /// Sealed for `row_uuid`.
    pub config: Sealed,
    /// When the access token dies.
    pub expires_at: Option<Timestamp>,
    /// When the background job should refresh it.
    pub refresh_due_at: Option<Timestamp>,
    /// Everything that is not credentials.
    pub patch: ConnectionPatch,
}

/// What changes beside the credentials; `None` keeps what is stored.
#[derive(Clone, Debug, Default)]
pub struct ConnectionPatch {
    /// JSON object text.
    pub metadata: Option<String>,
    /// The complete new tags.
    pub tags: Option<Map<String, Json>>,
    /// JSON object text in the wire's form.
    pub end_user: Option<String>,
    /// The new override; an empty text clears it.
    pub webhook_url_override: Option<String>,
}

/// Whether an upsert made a row or replaced credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upserted {
    /// A new row.
    Created,
    /// New credentials in an existing row.
    Overridden,
}

/// Which connections a list shows. All conditions hold together.
#[derive(Clone, Debug, Default)]
pub struct ConnectionFilter {
    /// Exact connection id.
    pub connection_id: Option<String>,
    /// Lower-case part of the connection id, or of the end user's name or address.
    pub search: Option<String>,
    /// Exact end user id.
    pub end_user_id: Option<String>,
    /// Exact organization id.
    pub end_user_organization_id: Option<String>,
    /// One of these integration keys.
    pub integration_keys: Option<Vec<String>>,
    /// All of these tags.
    pub tags: Map<String, Json>,
    /// Rows to answer.
    pub limit: i64,
    /// Rows to skip.
    pub offset: i64,
}

macro_rules! columns {
    () => {
        "c.id, c.environment_id, c.integration_id, i.unique_key, i.provider, c.connection_id,
     c.row_uuid, c.credentials_sealed, c.config_sealed, c.metadata, c.tags, c.end_user,
     c.webhook_url_override, c.generation, c.expires_at, c.refresh_due_at, c.lease_until,
     c.refresh_failures, c.refresh_failed_at, c.refresh_retry_at, c.refresh_exhausted,
     c.refresh_error, c.last_fetched_at, c.created_at, c.updated_at"
    };
}
pub(crate) use columns;

const BY_KEY: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM connections c JOIN integrations i ON i.id = c.integration_id
     WHERE c.environment_id = $1 AND i.environment_id = $1 AND i.unique_key = $2
     AND i.deleted_at IS NULL AND c.connection_id = $3 AND c.deleted_at IS NULL"
);
const BY_ROW: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM connections c JOIN integrations i ON i.id = c.integration_id
     WHERE c.environment_id = $1 AND c.id = $2 AND c.deleted_at IS NULL"
);
/// PostgreSQL only. The lateral join makes it one look into the index per key, however the planner
/// judges the sizes.
const BY_KEYS: &str = concat!(
    "SELECT wanted.n, ",
    columns!(),
    " FROM jsonb_to_recordset($1::jsonb) AS wanted(n bigint, e bigint, k text, c text)
     JOIN integrations i ON i.environment_id = wanted.e AND i.unique_key = wanted.k
     AND i.deleted_at IS NULL
     CROSS JOIN LATERAL (SELECT * FROM connections WHERE environment_id = wanted.e
     AND integration_id = i.id AND connection_id = wanted.c AND deleted_at IS NULL LIMIT 1) c"
);
const LOCK: Sql = Sql {
    sqlite: BY_KEY,
    postgres: concat!(
        "SELECT ",
        columns!(),
        " FROM connections c JOIN integrations i ON i.id = c.integration_id
     WHERE c.environment_id = $1 AND i.environment_id = $1 AND i.unique_key = $2
     AND i.deleted_at IS NULL AND c.connection_id = $3 AND c.deleted_at IS NULL FOR UPDATE OF c"
    ),
};
const LOCK_ROW: Sql = Sql {
    sqlite: BY_ROW,
    postgres: concat!(
        "SELECT ",
        columns!(),
        " FROM connections c JOIN integrations i ON i.id = c.integration_id
     WHERE c.environment_id = $1 AND c.id = $2 AND c.deleted_at IS NULL FOR UPDATE OF c"
    ),
};

macro_rules! list {
    ($integrations:literal, $tags:literal, $first_tag:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM connections c JOIN integrations i ON i.id = c.integration_id
     WHERE c.environment_id = $1 AND c.deleted_at IS NULL",
            $first_tag,
            " AND ($2 IS NULL OR c.connection_id = $2)
     AND ($3 IS NULL OR c.search_text LIKE $3 ESCAPE '\\')
     AND ($4 IS NULL OR c.end_user_id = $4)
     AND ($5 IS NULL OR c.end_user_organization_id = $5)
     AND ($6 IS NULL OR i.unique_key IN (",
            $integrations,
            "))
     AND ($7 IS NULL OR NOT EXISTS (SELECT 1 FROM ",
            $tags,
            " wanted WHERE NOT EXISTS (SELECT 1 FROM connection_tags t
         WHERE t.connection_row = c.id AND t.environment_id = c.environment_id
         AND t.key = wanted.key AND t.value = wanted.value)))
     ORDER BY c.created_at DESC, c.id DESC LIMIT $8 OFFSET $9"
        )
    };
}

const LIST: Sql = Sql {
    sqlite: list!("SELECT value FROM json_each($6)", "json_each($7)", ""),
    postgres: list!(
        "SELECT jsonb_array_elements_text($6::jsonb)",
        "jsonb_each_text($7::jsonb)",
        ""
    ),
};
/// The same, driven by the tag index, so that a rare tag among many connections is found at once.
const LIST_BY_TAG: Sql = Sql {
    sqlite: list!(
        "SELECT value FROM json_each($6)",
        "json_each($7)",
        " AND c.id IN (SELECT connection_row FROM connection_tags
         WHERE environment_id = $1 AND key = $10 AND value = $11)"
    ),
    postgres: list!(
        "SELECT jsonb_array_elements_text($6::jsonb)",
        "jsonb_each_text($7::jsonb)",
        " AND c.id IN (SELECT connection_row FROM connection_tags
         WHERE environment_id = $1 AND key = $10 AND value = $11)"
    ),
};

const INSERT: &str = "INSERT INTO connections (environment_id, integration_id, connection_id,
     row_uuid, credentials_sealed, config_sealed, metadata, tags, end_user, end_user_id,
     end_user_organization_id, search_text, webhook_url_override, generation, expires_at,
     refresh_due_at, refresh_failures, refresh_exhausted, last_fetched_at, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1, $14, $15, 0, $16,
     $17, $17, $17)
     ON CONFLICT (environment_id, integration_id, connection_id) WHERE deleted_at IS NULL
     DO NOTHING RETURNING id";
const REPLACE_CREDENTIALS: &str = "UPDATE connections SET credentials_sealed = $3,
     config_sealed = $4, generation = generation + 1, expires_at = $5, refresh_due_at = $6,
     lease_owner = NULL, lease_until = NULL, refresh_failures = 0, refresh_failed_at = NULL,
     refresh_retry_at = NULL, refresh_exhausted = $7, refresh_error = NULL, refreshed_at = $8,
     last_fetched_at = $8, updated_at = $8, lookups_at = NULL
     WHERE environment_id = $1 AND id = $2 AND deleted_at IS NULL";
const UPDATE_DETAILS: &str = "UPDATE connections SET metadata = $3, tags = $4, end_user = $5,
     end_user_id = $6, end_user_organization_id = $7, search_text = $8,
     webhook_url_override = $9, updated_at = $10, lookups_at = NULL
     WHERE environment_id = $1 AND id = $2 AND deleted_at IS NULL";
const DELETE: &str = "UPDATE connections SET deleted_at = $3, updated_at = $3,
     refresh_due_at = NULL WHERE environment_id = $1 AND id = $2 AND deleted_at IS NULL";
const DROP_TAGS: &str = "DELETE FROM connection_tags WHERE connection_row = $1";
const INSERT_TAG: &str = "INSERT INTO connection_tags (environment_id, key, value, connection_row)
     VALUES ($1, $2, $3, $4)";
const TOUCH: Sql = Sql {
    sqlite: "UPDATE connections SET last_fetched_at = $1
     WHERE id IN (SELECT value FROM json_each($2))",
    // Locked in the order of ids, so that two processes with the same rows do not deadlock.
    postgres: "UPDATE connections SET last_fetched_at = $1 WHERE id IN (
         SELECT id FROM connections
         WHERE id IN (SELECT value::bigint FROM jsonb_array_elements_text($2::jsonb))
         ORDER BY id FOR NO KEY UPDATE)",
};

pub(crate) fn connection(row: &Row) -> Result<Connection> {
    Ok(Connection {
        id: row.get("id")?,
        environment_id: row.get("environment_id")?,
        integration_id: row.get("integration_id")?,
        integration_key: row.get("unique_key")?,
        provider: row.get("provider")?,
        connection_id: row.get("connection_id")?,
        row_uuid: row.get("row_uuid")?,
        credentials: row.get("credentials_sealed")?,
        config: row.get("config_sealed")?,
        metadata: row.get("metadata")?,
        tags: row.get("tags")?,
        end_user: row.get("end_user")?,
        webhook_url_override: row.get("webhook_url_override")?,
        generation: row.get("generation")?,
        expires_at: row.get("expires_at")?,
        refresh_due_at: row.get("refresh_due_at")?,
        lease_until: row.get("lease_until")?,
        refresh_failures: row.get("refresh_failures")?,
        refresh_failed_at: row.get("refresh_failed_at")?,
        refresh_retry_at: row.get("refresh_retry_at")?,
        refresh_exhausted: row.get("refresh_exhausted")?,
        refresh_error: row.get("refresh_error")?,
        last_fetched_at: row.get("last_fetched_at")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

/// The columns a list searches, taken out of the end user JSON.
struct EndUserColumns {
    id: Option<String>,
    organization_id: Option<String>,
    search_text: String,
}

fn end_user_columns(connection_id: &str, end_user: Option<&str>) -> Result<EndUserColumns> {
    let json: Json = end_user
        .map_or(Ok(Json::Null), serde_json::from_str)
        .map_err(|_| Error::Malformed { column: "end_user" })?;
    let text = |value: &Json| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let searched =
        [Some(connection_id.to_owned()), text(&json["display_name"]), text(&json["email"])];
    Ok(EndUserColumns {
        id: text(&json["id"]),
        organization_id: text(&json["organization"]["id"]),
        search_text: searched.into_iter().flatten().collect::<Vec<_>>().join("\n").to_lowercase(),
    })
}

fn like_pattern(part: &str) -> String {
    let mut pattern = String::with_capacity(part.len() + 2);
    pattern.push('%');
    for letter in part.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// Environment, integration key and connection id.
pub(crate) type ConnectionKey = (i64, String, String);

/// Reads of many callers as one statement, on PostgreSQL.
pub(crate) fn batcher(db: Db, at_once: usize) -> Batcher<ConnectionKey, Option<Arc<Connection>>> {
    Batcher::start(at_once, move |keys: Vec<ConnectionKey>| {
        let db = db.clone();
        Box::pin(async move {
            let wanted: Vec<Json> = keys
                .iter()
                .enumerate()
                .map(|(n, (environment, key, id))| json!({"n": n, "e": environment, "k": key, "c": id}))
                .collect();
            let rows = db.fetch_all(BY_KEYS, params![json_text(&wanted)?]).await?;
            let mut found = vec![None; keys.len()];
            for row in rows {
                let n: i64 = row.get("n")?;
                if let Some(place) = usize::try_from(n).ok().and_then(|n| found.get_mut(n)) {
                    *place = Some(Arc::new(connection(&row)?));
                }
            }
            Ok(found)
        })
    })
}

impl Store {
    /// A connection by its integration's key and its own id. The row is shared because it may
    /// come from memory.
    pub async fn connection(
        &self,
        environment_id: i64,
        integration_key: &str,
        connection_id: &str,
    ) -> Result<Option<Arc<Connection>>> {
        let key = (environment_id, integration_key.to_owned(), connection_id.to_owned());
        if let Some(batcher) = &self.batches.connections {
            return batcher.ask(key).await;
        }
        let Some(cache) = &self.publisher.cache else {
            return self.connection_on_disk(&key).await;
        };
        if let Some(row) = cache.get(&key) {
            return Ok(Some(row));
        }
        let commits = cache.commits();
        let row = self.connection_on_disk(&key).await?;
        if let Some(row) = &row {
            cache.keep(key, row.clone(), commits);
        }
        Ok(row)
    }

    async fn connection_on_disk(
        &self,
        (environment_id, integration_key, connection_id): &ConnectionKey,
    ) -> Result<Option<Arc<Connection>>> {
        let values = params![*environment_id, integration_key, connection_id];
        let row = self.db.fetch_optional(BY_KEY, values).await?;
        Ok(row.as_ref().map(connection).transpose()?.map(Arc::new))
    }

    /// A connection by row id.
    pub async fn connection_by_row(
        &self,
        environment_id: i64,
        id: i64,
    ) -> Result<Option<Connection>> {
        let row = self.db.fetch_optional(BY_ROW, params![environment_id, id]).await?;
        row.as_ref().map(connection).transpose()
    }

    /// Connections that match, newest first.
    pub async fn connections(
        &self,
        environment_id: i64,
        filter: &ConnectionFilter,
    ) -> Result<Vec<Connection>> {
        let keys = filter.integration_keys.as_ref().map(json_text).transpose()?;
        let tags = Some(&filter.tags).filter(|tags| !tags.is_empty()).map(json_text).transpose()?;
        let mut values = params![
            environment_id,
            &filter.connection_id,
            filter.search.as_deref().map(|part| like_pattern(&part.to_lowercase())),
            &filter.end_user_id,
            &filter.end_user_organization_id,
            keys,
            tags,
            filter.limit,
            filter.offset,
        ];
        let sql = match filter.tags.iter().next() {
            Some((key, value)) => {
                values.extend(params![key, value.as_str().unwrap_or_default()]);
                LIST_BY_TAG
            }
            None => LIST,
        };
        self.db.fetch_all(sql, values).await?.iter().map(connection).collect()
    }
}

impl Tx {
    /// A connection by its key, held until commit.
    pub async fn lock_connection(
        &mut self,
        environment_id: i64,
        integration_key: &str,
        connection_id: &str,
    ) -> Result<Option<Connection>> {
        let values = params![environment_id, integration_key, connection_id];
        self.fetch_optional(LOCK, values).await?.as_ref().map(connection).transpose()
    }

    /// A connection by row id, held until commit.
    pub async fn lock_connection_row(
        &mut self,
        environment_id: i64,
        id: i64,
    ) -> Result<Option<Connection>> {
        let row = self.fetch_optional(LOCK_ROW, params![environment_id, id]).await?;
        row.as_ref().map(connection).transpose()
    }

    /// Stores a new connection. `None` when one with the same key exists: lock it and call
    /// [`Tx::replace_credentials`], sealing for its own `row_uuid`.
    pub async fn insert_connection(
        &mut self,
        new: &NewConnection,
        now: Timestamp,
    ) -> Result<Option<i64>> {
        let patch = &new.patch;
        let user = end_user_columns(&new.connection_id, patch.end_user.as_deref())?;
        let tags = patch.tags.clone().unwrap_or_default();
        let values = params![
            new.environment_id,
            new.integration_id,
            &new.connection_id,
            &new.row_uuid,
            &new.credentials,
            &new.config,
            &patch.metadata,
            serde_json::to_string(&tags).unwrap_or_default(),
            &patch.end_user,
            user.id,
            user.organization_id,
            user.search_text,
            patch.webhook_url_override.clone().filter(|url| !url.is_empty()),
            new.expires_at,
            new.refresh_due_at,
            false,
            now,
        ];
        let Some(row) = self.fetch_optional(INSERT, values).await? else {
            return Ok(None);
        };
        let id = row.get("id")?;
        self.insert_tags(new.environment_id, id, &tags).await?;
        Ok(Some(id))
    }

    /// Replaces the credentials of a locked connection: a new generation, a clean refresh state.
    pub async fn replace_credentials(
        &mut self,
        existing: &Connection,
        new: &NewConnection,
        now: Timestamp,
    ) -> Result<()> {
        let values = params![
            existing.environment_id,
            existing.id,
            &new.credentials,
            &new.config,
            new.expires_at,
            new.refresh_due_at,
            false,
            now,
        ];
        self.execute(REPLACE_CREDENTIALS, values).await?;
        self.patch_connection(existing, &new.patch, now).await?;
        self.notify(crate::Notice::Connection(existing.id));
        Ok(())
    }

    /// Writes the parts a patch names over a locked connection.
    pub async fn patch_connection(
        &mut self,
        existing: &Connection,
        patch: &ConnectionPatch,
        now: Timestamp,
    ) -> Result<()> {
        let end_user = patch.end_user.clone().or_else(|| existing.end_user.clone());
        let user = end_user_columns(&existing.connection_id, end_user.as_deref())?;
        let tags = match &patch.tags {
            Some(tags) => serde_json::to_string(tags).unwrap_or_default(),
            None => existing.tags.clone(),
        };
        let webhook_url =
            patch.webhook_url_override.clone().or_else(|| existing.webhook_url_override.clone());
        let values = params![
            existing.environment_id,
            existing.id,
            patch.metadata.clone().or_else(|| existing.metadata.clone()),
            tags,
            end_user,
            user.id,
            user.organization_id,
            user.search_text,
            webhook_url.filter(|url| !url.is_empty()),
            now,
        ];
        self.execute(UPDATE_DETAILS, values).await?;
        self.notify(crate::Notice::Connection(existing.id));
        if let Some(tags) = &patch.tags {
            self.execute(DROP_TAGS, params![existing.id]).await?;
            self.insert_tags(existing.environment_id, existing.id, tags).await?;
        }
        Ok(())
    }

    /// Marks a connection as deleted and says whether it was live.
    pub async fn delete_connection(
        &mut self,
        environment_id: i64,
        id: i64,
        now: Timestamp,
    ) -> Result<bool> {
        let deleted = self.execute(DELETE, params![environment_id, id, now]).await? > 0;
        self.notify(crate::Notice::Connection(id));
        Ok(deleted)
    }

    /// Notes that connections were read.
    pub async fn touch_connections(&mut self, ids: &[i64], now: Timestamp) -> Result<()> {
        self.execute(TOUCH, params![now, serde_json::json!(ids).to_string()]).await.map(|_| ())
    }

    async fn insert_tags(
        &mut self,
        environment_id: i64,
        row: i64,
        tags: &Map<String, Json>,
    ) -> Result<()> {
        for (key, value) in tags {
            let value = value.as_str().unwrap_or_default();
            self.execute(INSERT_TAG, params![environment_id, key, value, row]).await?;
        }
        Ok(())
    }
}
