//! Pages of connections for people: newest first, as many as there may be.
//!
//! Each filter that narrows much has a statement of its own whose condition stands alone, so that
//! the planner walks the index made for it. What people type is looked for at the beginning of ids
//! and of tag values: a range in an index, where a word inside would read every row.

use valetkey_base::Timestamp;

use crate::connections::{Connection, columns, connection};
use crate::db::{Sql, params};
use crate::error::Result;
use crate::open::Store;

/// Most ids, and most tags, that one search looks at.
pub const FOUND_MAX: i64 = 500;

/// Which connections a page shows. All conditions hold together.
#[derive(Clone, Debug)]
pub struct ConnectionPage {
    /// The environment.
    pub environment_id: i64,
    /// The row of an integration.
    pub integration_id: Option<i64>,
    /// Those whose last refresh failed.
    pub failing: bool,
    /// The beginning of an id, or of a tag's value.
    pub search: Option<String>,
    /// Rows after this place, as [`Connection::created_at`] and [`Connection::id`] name it.
    pub after: Option<(Timestamp, i64)>,
    /// Rows to answer, or to count to.
    pub limit: i64,
}

/// Rows of a list, newest first. SQLite is told the index: without statistics it takes another. A
/// cross join keeps it from beginning with the integrations.
macro_rules! page {
    ($from:expr, $more:expr) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM ",
            $from,
            " CROSS JOIN integrations i
     WHERE i.id = c.integration_id AND c.environment_id = $1 AND c.deleted_at IS NULL
     AND (c.created_at, c.id) < ($2, $3)",
            $more,
            " ORDER BY c.created_at DESC, c.id DESC LIMIT $4"
        )
    };
}
/// How many there are, up to a limit, out of the index alone.
macro_rules! count {
    ($from:expr, $more:expr) => {
        concat!(
            "SELECT COUNT(*) AS n FROM (SELECT 1 FROM ",
            $from,
            " WHERE c.deleted_at IS NULL AND (c.created_at, c.id) < ($2, $3)",
            $more,
            " LIMIT $4) found"
        )
    };
}
/// Both along an index. What makes a page narrower stands alone in it, so that a partial index fits;
/// the integration is looked up in its environment.
macro_rules! along {
    ($index:literal, $page:literal, $count:literal) => {
        [
            Sql {
                sqlite: page!(concat!("connections c INDEXED BY ", $index), $page),
                postgres: page!("connections c", $page),
            },
            Sql {
                sqlite: count!(concat!("connections c INDEXED BY ", $index), $count),
                postgres: count!("connections c", $count),
            },
        ]
    };
}
/// The beginning of an id in [`found`], or of a tag's value, each up to [`FOUND_MAX`].
macro_rules! ids {
    ($by:literal, $id:literal) => {
        concat!(
            "SELECT id FROM connections",
            $by,
            " WHERE environment_id = $1 AND deleted_at IS NULL AND ",
            $id,
            " LIMIT 500"
        )
    };
}
macro_rules! tags {
    ($by:literal, $value:literal) => {
        concat!(
            "SELECT connection_row AS id FROM connection_tags",
            $by,
            " WHERE environment_id = $1 AND ",
            $value,
            " LIMIT 500"
        )
    };
}
macro_rules! ids_sqlite {
    () => {
        ids!(" INDEXED BY connections_by_id", "connection_id >= $5 AND connection_id < $6")
    };
}
macro_rules! tags_sqlite {
    () => {
        tags!(" INDEXED BY connection_tags_value", "value >= $5 AND value < $6")
    };
}
macro_rules! ids_postgres {
    () => {
        ids!("", "connection_id COLLATE \"C\" >= $5 AND connection_id COLLATE \"C\" < $6")
    };
}
macro_rules! tags_postgres {
    () => {
        tags!("", "value COLLATE \"C\" >= $5 AND value COLLATE \"C\" < $6")
    };
}
macro_rules! found {
    ($ids:expr, $tags:expr) => {
        concat!(
            "(SELECT id FROM (",
            $ids,
            ") ids UNION SELECT id FROM (",
            $tags,
            ") tags) f CROSS JOIN connections c"
        )
    };
}
macro_rules! is_cut {
    ($ids:expr, $tags:expr) => {
        concat!(
            "SELECT (SELECT COUNT(*) FROM (",
            $ids,
            ") ids) AS of_ids, (SELECT COUNT(*) FROM (",
            $tags,
            ") tags) AS of_tags"
        )
    };
}
macro_rules! narrowed {
    () => {
        " AND c.id = f.id AND ($7 = 0 OR c.integration_id = $7)
     AND ($8 = 0 OR c.refresh_error IS NOT NULL)"
    };
}

const ALL: [Sql; 2] = along!("connections_recent", "", " AND c.environment_id = $1");
const FAILING: [Sql; 2] = along!(
    "connections_with_error",
    " AND c.refresh_error IS NOT NULL",
    " AND c.environment_id = $1 AND c.refresh_error IS NOT NULL"
);
const OF_INTEGRATION: [Sql; 2] = along!(
    "connections_of_integration",
    " AND c.integration_id = $5",
    " AND c.integration_id = (SELECT id FROM integrations WHERE id = $5 AND environment_id = $1)"
);
const FAILING_OF_INTEGRATION: [Sql; 2] = along!(
    "connections_with_error_of",
    " AND c.integration_id = $5 AND c.refresh_error IS NOT NULL",
    " AND c.integration_id = (SELECT id FROM integrations WHERE id = $5 AND environment_id = $1)
     AND c.refresh_error IS NOT NULL"
);
const FOUND: [Sql; 2] = [
    Sql {
        sqlite: page!(found!(ids_sqlite!(), tags_sqlite!()), narrowed!()),
        postgres: page!(found!(ids_postgres!(), tags_postgres!()), narrowed!()),
    },
    Sql {
        sqlite: count!(found!(ids_sqlite!(), tags_sqlite!()), narrowed!()),
        postgres: count!(found!(ids_postgres!(), tags_postgres!()), narrowed!()),
    },
];
const FOUND_IS_CUT: Sql = Sql {
    sqlite: is_cut!(ids_sqlite!(), tags_sqlite!()),
    postgres: is_cut!(ids_postgres!(), tags_postgres!()),
};
const PER_INTEGRATION: Sql = Sql {
    sqlite: "SELECT i.id,
     (SELECT COUNT(*) FROM (SELECT 1 FROM connections c INDEXED BY connections_of_integration
         WHERE c.integration_id = i.id AND c.deleted_at IS NULL LIMIT $2) found) AS times,
     (SELECT COUNT(*) FROM (SELECT 1 FROM connections c INDEXED BY connections_with_error_of
         WHERE c.integration_id = i.id AND c.deleted_at IS NULL AND c.refresh_error IS NOT NULL
         LIMIT $2) found) AS failing
     FROM integrations i WHERE i.environment_id = $1 AND i.deleted_at IS NULL",
    postgres: "SELECT i.id,
     (SELECT COUNT(*) FROM (SELECT 1 FROM connections c
         WHERE c.integration_id = i.id AND c.deleted_at IS NULL LIMIT $2) found) AS times,
     (SELECT COUNT(*) FROM (SELECT 1 FROM connections c
         WHERE c.integration_id = i.id AND c.deleted_at IS NULL AND c.refresh_error IS NOT NULL
         LIMIT $2) found) AS failing
     FROM integrations i WHERE i.environment_id = $1 AND i.deleted_at IS NULL",
};

/// Connections of an integration, counted to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntegrationCount {
    /// The integration's row.
    pub integration_id: i64,
    /// All of them.
    pub connections: i64,
    /// Those whose last refresh failed.
    pub failing: i64,
}

impl ConnectionPage {
    fn statement(&self, kind: usize) -> (Sql, Vec<crate::db::Value>) {
        let (at, id) = self.after.map_or((i64::MAX, i64::MAX), |(at, id)| (at.millis(), id));
        let mut values = params![self.environment_id, at, id, self.limit];
        let failing = i64::from(self.failing);
        let sql = if let Some(text) = &self.search {
            values.extend(params![text, above(text), self.integration_id.unwrap_or(0), failing]);
            &FOUND
        } else if let Some(integration) = self.integration_id {
            values.extend(params![integration]);
            if self.failing { &FAILING_OF_INTEGRATION } else { &OF_INTEGRATION }
        } else if self.failing {
            &FAILING
        } else {
            &ALL
        };
        (sql[kind], values)
    }
}

/// Above every text that begins so, in the order of bytes.
fn above(text: &str) -> String {
    format!("{text}\u{10ffff}")
}

impl Store {
    /// A page of connections, newest first.
    pub async fn connection_page(&self, page: &ConnectionPage) -> Result<Vec<Connection>> {
        let (sql, values) = page.statement(0);
        self.db.fetch_all(sql, values).await?.iter().map(connection).collect()
    }

    /// How many connections match, counted to the page's limit.
    pub async fn connection_count(&self, page: &ConnectionPage) -> Result<i64> {
        let (sql, values) = page.statement(1);
        let row = self.db.fetch_optional(sql, values).await?;
        row.map_or(Ok(0), |row| row.get("n"))
    }

    /// Whether more ids or tags begin so than [`FOUND_MAX`], which is as many as are looked at.
    pub async fn connection_search_is_cut(&self, environment_id: i64, text: &str) -> Result<bool> {
        // Two numbers that the shared texts leave out.
        let values = params![environment_id, 0, 0, 0, text, above(text)];
        let row = self.db.fetch_optional(FOUND_IS_CUT, values).await?;
        let Some(row) = row else { return Ok(false) };
        Ok(row.get::<i64>("of_ids")?.max(row.get("of_tags")?) >= FOUND_MAX)
    }

    /// Connections of every integration of an environment, each counted to a limit.
    pub async fn connections_per_integration(
        &self,
        environment_id: i64,
        limit: i64,
    ) -> Result<Vec<IntegrationCount>> {
        let rows = self.db.fetch_all(PER_INTEGRATION, params![environment_id, limit]).await?;
        let count = |row: &crate::db::Row| {
            Ok(IntegrationCount {
                integration_id: row.get("id")?,
                connections: row.get("times")?,
                failing: row.get("failing")?,
            })
        };
        rows.iter().map(count).collect()
    }
}
