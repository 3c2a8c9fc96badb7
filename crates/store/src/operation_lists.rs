//! Lists of operations: filtered, searched, page by page, and counted for the filters beside them.
//!
//! Every list walks one index from the newest row back and looks at no more than
//! [`LOOKED_AT_MAX`] rows at a time, whatever the filters: an index of the connection, of the
//! integration, of failures, or of time alone. When it stops before the page is full
//! it says where, and the next page goes on from there. So a page costs the same with ten thousand
//! rows and with ten million. Words are searched by [`crate::operation_search`].

use valetkey_base::Timestamp;

use crate::db::{Sql, Value, params};
use crate::error::Result;
use crate::open::Store;
use crate::operation_texts::Question;
use crate::operations::{Operation, operation};

/// Rows of an index that one list looks at.
const LOOKED_AT_MAX: i64 = 2000;
/// Fitting operations after which groups of a search are counted no further.
const GROUPS_ENOUGH: i64 = 50;
/// Later than any row; SQLite's row ids have room for it.
pub(crate) const FAR_AWAY: Timestamp = Timestamp::from_millis(8_000_000_000_000);

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
    /// Whether more words begin like one of the question than were looked for.
    pub left_out: bool,
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

/// A statement for each index that can be walked.
struct Walks {
    recent: Sql,
    connection: Sql,
    integration: Sql,
    failed: Sql,
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
impl Walks {
    /// The statement that has least to look at.
    fn choose(&self, filter: &OperationFilter, state: Option<&str>) -> Sql {
        if filter.connection_id.is_some() {
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
    fn values(filter: &OperationFilter, after: Option<&Position>, limit: i64) -> Vec<Value> {
        // Nothing has an empty id or comes before it: `until` is left out.
        let end = Position { at: filter.until.unwrap_or(FAR_AWAY), id: String::new() };
        let from = after.filter(|after| after.at <= end.at).unwrap_or(&end);
        let id = filter.environment_id;
        params![
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
        ]
    }

    /// A page of operations, newest first.
    pub async fn operation_page(
        &self,
        filter: &OperationFilter,
        after: Option<&Position>,
        limit: i64,
    ) -> Result<OperationPage> {
        if let Some(question) = &filter.question {
            let found = self.search_operations(filter, question, after, limit).await?;
            return found.page(self, filter, limit).await;
        }
        let state = filter.state.as_deref();
        let values = Self::values(filter, after, limit + 1);
        let found = self.db.fetch_all_planned(LIST.choose(filter, state), values.clone()).await?;
        let mut rows: Vec<Operation> = found.iter().map(operation).collect::<Result<_>>()?;
        if rows.len() as i64 > limit {
            rows.truncate(limit as usize);
            let last = rows.last().map(|row| Position { at: row.created_at, id: row.id.clone() });
            return Ok(OperationPage { rows, older: last, is_cut: false, left_out: false });
        }
        let found = self.db.fetch_all_planned(LOOKED_AT.choose(filter, state), values).await?;
        let row = found.first().ok_or(crate::error::Error::Missing)?;
        let is_cut = row.get::<i64>("times")? >= LOOKED_AT_MAX;
        let oldest: Timestamp = row.get("oldest")?;
        // Others of that very millisecond may not have been looked at.
        let next = Position { at: Timestamp::from_millis(oldest.millis() + 1), id: String::new() };
        Ok(OperationPage { rows, older: is_cut.then_some(next), is_cut, left_out: false })
    }

    /// How many operations there are by state, kind and action, whatever the filter says of those
    /// three. Of the newest rows only: the flag says whether there may be more.
    pub async fn operation_groups(
        &self,
        filter: &OperationFilter,
    ) -> Result<(Vec<OperationGroup>, bool)> {
        if let Some(question) = &filter.question {
            return Ok(self
                .search_operations(filter, question, None, GROUPS_ENOUGH)
                .await?
                .groups());
        }
        let values = Self::values(filter, None, 0);
        let rows = self.db.fetch_all_planned(GROUPS.choose(filter, None), values).await?;
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
        let looked_at: i64 = groups.iter().map(|group| group.times).sum();
        Ok((groups, looked_at >= LOOKED_AT_MAX))
    }

    /// A page and the groups beside it. For words that is one search instead of two.
    pub async fn operation_list(
        &self,
        filter: &OperationFilter,
        after: Option<&Position>,
        limit: i64,
    ) -> Result<(OperationPage, Vec<OperationGroup>, bool)> {
        if let Some(question) = filter.question.as_ref().filter(|_| after.is_none()) {
            let found = self.search_operations(filter, question, None, limit).await?;
            let (groups, has_more) = found.groups();
            return Ok((found.page(self, filter, limit).await?, groups, has_more));
        }
        let page = self.operation_page(filter, after, limit).await?;
        let (groups, has_more) = self.operation_groups(filter).await?;
        Ok((page, groups, has_more))
    }
}
