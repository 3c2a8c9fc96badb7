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

/// Most connections that one search looks at.
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

macro_rules! page {
    ($select:expr, $more:expr, $end:expr) => {
        concat!(
            "SELECT ",
            $select,
            " FROM connections c JOIN integrations i ON i.id = c.integration_id
     WHERE c.environment_id = $1 AND c.deleted_at IS NULL
     AND (c.created_at < $2 OR (c.created_at = $2 AND c.id < $3))",
            $more,
            $end
        )
    };
}
macro_rules! pages {
    ($more_sqlite:expr, $more_postgres:expr) => {
        [
            Sql {
                sqlite: page!(
                    columns!(),
                    $more_sqlite,
                    " ORDER BY c.created_at DESC, c.id DESC LIMIT $4"
                ),
                postgres: page!(
                    columns!(),
                    $more_postgres,
                    " ORDER BY c.created_at DESC, c.id DESC LIMIT $4"
                ),
            },
            Sql {
                sqlite: concat!(
                    "SELECT COUNT(*) AS n FROM (",
                    page!("1", $more_sqlite, " LIMIT $4"),
                    ") found"
                ),
                postgres: concat!(
                    "SELECT COUNT(*) AS n FROM (",
                    page!("1", $more_postgres, " LIMIT $4"),
                    ") found"
                ),
            },
        ]
    };
}
macro_rules! found {
    ($id:literal, $value:literal) => {
        concat!(
            " AND c.id IN (SELECT id FROM (SELECT id FROM connections WHERE environment_id = $1
         AND deleted_at IS NULL AND ",
            $id,
            " LIMIT 500) ids
         UNION SELECT connection_row FROM (SELECT connection_row FROM connection_tags
         WHERE environment_id = $1 AND ",
            $value,
            " LIMIT 500) tags)
     AND ($7 = 0 OR c.integration_id = $7) AND ($8 = 0 OR c.refresh_error IS NOT NULL)"
        )
    };
}

const ALL: [Sql; 2] = pages!("", "");
const FAILING: [Sql; 2] =
    pages!(" AND c.refresh_error IS NOT NULL", " AND c.refresh_error IS NOT NULL");
const OF_INTEGRATION: [Sql; 2] = pages!(
    " AND c.integration_id = $5 AND ($6 = 0 OR c.refresh_error IS NOT NULL)",
    " AND c.integration_id = $5 AND ($6 = 0 OR c.refresh_error IS NOT NULL)"
);
const FOUND: [Sql; 2] = pages!(
    found!("connection_id >= $5 AND connection_id < $6", "value >= $5 AND value < $6"),
    found!(
        "connection_id COLLATE \"C\" >= $5 AND connection_id COLLATE \"C\" < $6",
        "value COLLATE \"C\" >= $5 AND value COLLATE \"C\" < $6"
    )
);

impl ConnectionPage {
    fn statement(&self, kind: usize) -> (Sql, Vec<crate::db::Value>) {
        let (at, id) = self.after.map_or((i64::MAX, i64::MAX), |(at, id)| (at.millis(), id));
        let mut values = params![self.environment_id, at, id, self.limit];
        let failing = i64::from(self.failing);
        let sql = if let Some(text) = &self.search {
            // Above every text that begins so, in the order of bytes.
            let above = format!("{text}\u{10ffff}");
            values.extend(params![text, above, self.integration_id.unwrap_or(0), failing]);
            &FOUND
        } else if let Some(integration) = self.integration_id {
            values.extend(params![integration, failing]);
            &OF_INTEGRATION
        } else if self.failing {
            &FAILING
        } else {
            &ALL
        };
        (sql[kind], values)
    }
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
}
