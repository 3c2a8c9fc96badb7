//! Lists of operations: filtered, searched, page by page, and counted for the filters beside them.
//!
//! Every list walks one index from the newest row back and looks at no more than
//! [`LOOKED_AT_MAX`] rows at a time, whatever the filters: an index of the connection, of the
//! integration, of failures, of the words, or of time alone. When it stops before the page is full
//! it says where, and the next page goes on from there. So a page costs the same with ten thousand
//! rows and with ten million.

use valetkey_base::Timestamp;

use crate::db::{Sql, Value, params};
use crate::error::Result;
use crate::open::Store;
use crate::operation_texts::Question;
use crate::operations::{Operation, operation};

/// Rows of an index that one list looks at.
const LOOKED_AT_MAX: i64 = 2000;
/// Later than any row; SQLite's row ids have room for it.
const FAR_AWAY: Timestamp = Timestamp::from_millis(8_000_000_000_000);

/// Which operations.
#[derive(Clone, Debug, Default)]
pub struct OperationFilter {
    /// The environment.
    pub environment_id: i64,
    /// Only this state.
    pub state: Option<String>,
    /// Only this kind.
    pub kind: Option<String>,
    /// Only this action.
    pub action: Option<String>,
    /// Only this integration, by key.
    pub integration_key: Option<String>,
    /// Only connections of this id.
    pub connection_id: Option<String>,
    /// Only those that began at this instant or later.
    pub since: Option<Timestamp>,
    /// Only those that began before this instant.
    pub until: Option<Timestamp>,
    /// Only those with these words.
    pub question: Option<Question>,
}

/// A place in a list: the next page has what is older.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// When the operation there began.
    pub at: Timestamp,
    /// Its id.
    pub id: String,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct OperationPage {
    /// Newest first.
    pub rows: Vec<Operation>,
    /// Where the next page begins, if there is one.
    pub older: Option<Position>,
    /// Whether the page is not full only because it looked at as many rows as it may.
    pub is_cut: bool,
}

/// Operations of the same state, kind and action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationGroup {
    /// See [`Operation`].
    pub state: String,
    /// See [`Operation`].
    pub kind: String,
    /// See [`Operation`].
    pub action: String,
    /// How many.
    pub times: i64,
}

/// The newest rows of an index: `$1` environment, `$2` since, `$3` and `$4` position, `$5` most
/// rows. `$6` state, `$7` kind, `$8` action, `$9` integration, `$10` connection.
macro_rules! walk {
    ($by:literal, $index:literal, $more:literal) => {
        concat!(
            "(SELECT id, environment_id, kind, action, state, title, integration_key,
     connection_id, error, created_at, ended_at FROM operations",
            $by,
            $index,
            " WHERE environment_id = $1 AND created_at >= $2 AND created_at <= $3
     AND (created_at < $3 OR id < $4) ",
            $more,
            " ORDER BY created_at DESC, id DESC LIMIT $5) AS o"
        )
    };
}

/// The same by words: `$12`. Texts are walked, and the operations they belong to are read. SQLite
/// keeps the order of a cross join; it would read all operations first.
macro_rules! walk_texts {
    ($texts:ident) => {
        concat!(
            "(SELECT o.id, o.environment_id, o.kind, o.action, o.state, o.title,
     o.integration_key, o.connection_id, o.error, o.created_at, o.ended_at
     FROM (SELECT DISTINCT operation_id FROM (",
            $texts!(),
            ") AS t) AS t CROSS JOIN operations o
     WHERE o.id = t.operation_id AND o.environment_id = $1 AND o.created_at >= $2 AND o.created_at <= $3
     AND (o.created_at < $3 OR o.id < $4)) AS o"
        )
    };
}

macro_rules! texts_sqlite {
    () => {
        "SELECT operation_id, rowid / 1048576 AS created_at FROM operation_texts
     WHERE operation_texts MATCH $12
     AND rowid >= $2 * 1048576 AND rowid < ($3 + 1) * 1048576 ORDER BY rowid DESC LIMIT $5"
    };
}

macro_rules! texts_postgres {
    () => {
        "SELECT operation_id, created_at FROM operation_texts WHERE words @@ $12::tsquery
     AND created_at >= $2 AND created_at <= $3 ORDER BY created_at DESC LIMIT $5"
    };
}

/// A statement for each index that can be walked.
struct Walks {
    recent: Sql,
    connection: Sql,
    integration: Sql,
    failed: Sql,
    words: Sql,
}

/// SQLite is told which index: without statistics it takes the one that is in order already.
macro_rules! along {
    ($index:literal, $head:literal, $more:literal, $tail:literal) => {
        Sql {
            sqlite: concat!($head, walk!(" INDEXED BY ", $index, $more), $tail),
            postgres: concat!($head, walk!("", "", $more), $tail),
        }
    };
}

macro_rules! walks {
    ($head:literal, $tail:literal) => {
        Walks {
            recent: along!("operations_recent", $head, "", $tail),
            connection: along!("operations_connection", $head, "AND connection_id = $10", $tail),
            integration: along!("operations_integration", $head, "AND integration_key = $9", $tail),
            failed: along!("operations_failed", $head, "AND state = 'failed'", $tail),
            words: Sql {
                sqlite: concat!($head, walk_texts!(texts_sqlite), $tail),
                postgres: concat!($head, walk_texts!(texts_postgres), $tail),
            },
        }
    };
}

const LIST: Walks = walks!(
    "SELECT id, environment_id, kind, action, state, title, integration_key, connection_id, error,
     created_at, ended_at FROM ",
    " WHERE ($6 IS NULL OR state = $6) AND ($7 IS NULL OR kind = $7)
     AND ($8 IS NULL OR action = $8) AND ($9 IS NULL OR integration_key = $9)
     AND ($10 IS NULL OR connection_id = $10) ORDER BY created_at DESC, id DESC LIMIT $11"
);
const GROUPS: Walks = walks!(
    "SELECT state, kind, action, COUNT(*) AS times FROM ",
    " WHERE ($9 IS NULL OR integration_key = $9) AND ($10 IS NULL OR connection_id = $10)
     GROUP BY state, kind, action ORDER BY state, kind, action"
);
const LOOKED_AT: Walks =
    walks!("SELECT COUNT(*) AS times, COALESCE(MIN(created_at), 0) AS oldest FROM ", "");
const TEXTS_LOOKED_AT: Sql = Sql {
    sqlite: concat!(
        "SELECT COUNT(*) AS times, COALESCE(MIN(created_at), 0) AS oldest FROM (",
        texts_sqlite!(),
        ") AS t"
    ),
    postgres: concat!(
        "SELECT COUNT(*) AS times, COALESCE(MIN(created_at), 0) AS oldest FROM (",
        texts_postgres!(),
        ") AS t"
    ),
};

impl Walks {
    /// The statement that has least to look at.
    fn choose(&self, filter: &OperationFilter, state: Option<&str>) -> Sql {
        if filter.question.is_some() {
            self.words
        } else if filter.connection_id.is_some() {
            self.connection
        } else if filter.integration_key.is_some() {
            self.integration
        } else if state == Some("failed") {
            self.failed
        } else {
            self.recent
        }
    }
}

impl Store {
    fn values(&self, filter: &OperationFilter, after: Option<&Position>, limit: i64) -> Vec<Value> {
        // Nothing has an empty id or comes before it: `until` is left out.
        let end = Position { at: filter.until.unwrap_or(FAR_AWAY), id: String::new() };
        let from = after.filter(|after| after.at <= end.at).unwrap_or(&end);
        let id = filter.environment_id;
        let question = filter.question.as_ref().map(|question| {
            if self.is_shared() { question.postgres(id) } else { question.sqlite(id) }
        });
        let mut values = params![
            id,
            filter.since.unwrap_or(Timestamp::from_millis(0)).min(FAR_AWAY),
            from.at.min(FAR_AWAY),
            &from.id,
            LOOKED_AT_MAX,
            &filter.state,
            &filter.kind,
            &filter.action,
            &filter.integration_key,
            &filter.connection_id,
            limit,
        ];
        values.extend(question.map(Value::from));
        values
    }

    /// A page of operations, newest first.
    pub async fn operation_page(
        &self,
        filter: &OperationFilter,
        after: Option<&Position>,
        limit: i64,
    ) -> Result<OperationPage> {
        let state = filter.state.as_deref();
        let values = self.values(filter, after, limit + 1);
        let found = self.db.fetch_all_planned(LIST.choose(filter, state), values.clone()).await?;
        let mut rows: Vec<Operation> = found.iter().map(operation).collect::<Result<_>>()?;
        if rows.len() as i64 > limit {
            rows.truncate(limit as usize);
            let last = rows.last().map(|row| Position { at: row.created_at, id: row.id.clone() });
            return Ok(OperationPage { rows, older: last, is_cut: false });
        }
        let looked_at = match &filter.question {
            Some(_) => TEXTS_LOOKED_AT,
            None => LOOKED_AT.choose(filter, state),
        };
        let found = self.db.fetch_all_planned(looked_at, values).await?;
        let row = found.first().ok_or(crate::error::Error::Missing)?;
        let is_cut = row.get::<i64>("times")? >= LOOKED_AT_MAX;
        let oldest: Timestamp = row.get("oldest")?;
        // Others of that very millisecond may not have been looked at.
        let next = Position { at: Timestamp::from_millis(oldest.millis() + 1), id: String::new() };
        Ok(OperationPage { rows, older: is_cut.then_some(next), is_cut })
    }

    /// How many operations there are by state, kind and action, whatever the filter says of those
    /// three. Of the newest rows only: the flag says whether there may be more.
    pub async fn operation_groups(
        &self,
        filter: &OperationFilter,
    ) -> Result<(Vec<OperationGroup>, bool)> {
        let values = self.values(filter, None, 0);
        let rows = self.db.fetch_all_planned(GROUPS.choose(filter, None), values.clone()).await?;
        let groups: Vec<OperationGroup> = rows
            .iter()
            .map(|row| {
                Ok(OperationGroup {
                    state: row.get("state")?,
                    kind: row.get("kind")?,
                    action: row.get("action")?,
                    times: row.get("times")?,
                })
            })
            .collect::<Result<_>>()?;
        let looked_at = if filter.question.is_some() {
            let found = self.db.fetch_all_planned(TEXTS_LOOKED_AT, values).await?;
            found.first().map_or(Ok(0), |row| row.get::<i64>("times"))?
        } else {
            groups.iter().map(|group| group.times).sum()
        };
        Ok((groups, looked_at >= LOOKED_AT_MAX))
    }
}
