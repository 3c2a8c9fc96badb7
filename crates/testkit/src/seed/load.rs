//! Rows into tables, many at once: lists of values on SQLite, `COPY` on PostgreSQL.

use std::fmt::Write as _;
use std::str::FromStr as _;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Row as _};
use valetkey_store::Settings;

use super::Result;

/// Values of one statement on SQLite, which takes 32,766.
const VALUES_MAX: usize = 4_000;
/// Page cache on SQLite, in KiB, as SQLite writes it.
const CACHE: &str = "-400000";
/// Pages of the write-ahead log after which it is folded into the file.
const CHECKPOINT_PAGES: &str = "50000";
/// Tables whose indexes are put aside.
const LARGE: &str = "'operations', 'messages', 'operation_texts', 'connections', 'connection_tags'";

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Bool(bool),
    Text(String),
    Bytes(Vec<u8>),
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<bool> for Cell {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}
impl From<String> for Cell {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}
impl From<Vec<u8>> for Cell {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}
impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Values of a row, in the order of its columns.
macro_rules! cells {
    ($($value:expr),* $(,)?) => { [$($crate::seed::load::Cell::from($value)),*] };
}
pub(super) use cells;

/// A table, and the columns that rows have.
#[derive(Clone, Copy)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [&'static str],
    /// The same on SQLite, where it differs.
    pub(super) on_sqlite: Option<&'static [&'static str]>,
}

/// Rows of a table, one after the other.
pub(super) struct Rows {
    table: Table,
    cells: Vec<Cell>,
    /// The same on SQLite, where the columns differ.
    cells_on_sqlite: Vec<Cell>,
}

impl Rows {
    pub(super) fn of(table: Table) -> Self {
        Self { table, cells: Vec::new(), cells_on_sqlite: Vec::new() }
    }

    pub(super) fn push<const N: usize>(&mut self, row: [Cell; N]) {
        debug_assert_eq!(N, self.table.columns.len());
        self.cells.extend(row);
    }

    pub(super) fn push_on_sqlite<const N: usize>(&mut self, row: [Cell; N]) {
        self.cells_on_sqlite.extend(row);
    }
}

/// A connection of its own to the database.
pub(super) enum Loader {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Loader {
    pub(super) async fn open(settings: &Settings) -> Result<Self> {
        Ok(match settings {
            Settings::Sqlite { path } => {
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .synchronous(SqliteSynchronous::Off)
                    .foreign_keys(false)
                    .pragma("cache_size", CACHE)
                    .pragma("wal_autocheckpoint", CHECKPOINT_PAGES);
                Self::Sqlite(options.connect().await?)
            }
            Settings::Postgres { url, .. } => {
                let mut connection = PgConnectOptions::from_str(url.expose())?.connect().await?;
                connection.execute("SET synchronous_commit = off").await?;
                connection.execute("SET maintenance_work_mem = '512MB'").await?;
                Self::Postgres(connection)
            }
        })
    }

    pub(super) async fn execute(&mut self, sql: String) -> Result<()> {
        match self {
            Self::Sqlite(connection) => connection.execute(AssertSqlSafe(sql)).await.map(|_| ())?,
            Self::Postgres(connection) => {
                connection.execute(AssertSqlSafe(sql)).await.map(|_| ())?;
            }
        }
        Ok(())
    }

    /// The column `n` of the only row.
    pub(super) async fn number(&mut self, sql: &'static str) -> Result<i64> {
        Ok(match self {
            Self::Sqlite(connection) => connection.fetch_one(sql).await?.try_get("n")?,
            Self::Postgres(connection) => connection.fetch_one(sql).await?.try_get("n")?,
        })
    }

    /// Drops the indexes of large tables; answers names and statements that make them again.
    pub(super) async fn put_indexes_aside(&mut self) -> Result<Vec<(String, String)>> {
        let mut found: Vec<(String, String)> = Vec::new();
        match self {
            Self::Sqlite(connection) => {
                let sql = format!(
                    "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL
                     AND tbl_name IN ({LARGE}) ORDER BY name"
                );
                for row in connection.fetch_all(AssertSqlSafe(sql)).await? {
                    found.push((row.try_get("name")?, row.try_get("sql")?));
                }
            }
            Self::Postgres(connection) => {
                // What belongs to a constraint stays.
                let sql = format!(
                    "SELECT indexname::text AS name, indexdef AS sql FROM pg_indexes
                     WHERE schemaname = current_schema() AND tablename IN ({LARGE})
                     AND indexname NOT IN (SELECT conname FROM pg_constraint) ORDER BY 1"
                );
                for row in connection.fetch_all(AssertSqlSafe(sql)).await? {
                    found.push((row.try_get("name")?, row.try_get("sql")?));
                }
            }
        }
        for (name, _) in &found {
            self.execute(format!("DROP INDEX {name}")).await?;
        }
        Ok(found)
    }

    /// Stores rows.
    pub(super) async fn write(&mut self, all: Vec<Rows>) -> Result<()> {
        for rows in &all {
            match self {
                Self::Sqlite(connection) => insert(connection, rows).await?,
                Self::Postgres(connection) if !rows.cells.is_empty() => {
                    copy(connection, rows).await?;
                }
                Self::Postgres(_) => {}
            }
        }
        Ok(())
    }

    /// Leaves the database as one that has been at work for a while.
    pub(super) async fn finish(mut self) -> Result<()> {
        if matches!(self, Self::Postgres(_)) {
            for table in ["connections", "integrations"] {
                let sql = format!(
                    "SELECT setval(pg_get_serial_sequence('{table}', 'id'),
                     (SELECT MAX(id) FROM {table}))"
                );
                self.execute(sql).await?;
            }
            self.execute("VACUUM ANALYZE".to_owned()).await?;
        }
        match self {
            Self::Sqlite(connection) => connection.close().await?,
            Self::Postgres(connection) => connection.close().await?,
        }
        Ok(())
    }
}

async fn insert(connection: &mut SqliteConnection, rows: &Rows) -> Result<()> {
    let columns = rows.table.on_sqlite.unwrap_or(rows.table.columns);
    let cells = if rows.table.on_sqlite.is_some() { &rows.cells_on_sqlite } else { &rows.cells };
    let width = columns.len();
    for some in cells.chunks(VALUES_MAX / width * width) {
        let row = format!("({})", vec!["?"; width].join(","));
        let values = vec![row; some.len() / width].join(",");
        let sql =
            format!("INSERT INTO {} ({}) VALUES {values}", rows.table.name, columns.join(","));
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for cell in some {
            query = match cell {
                Cell::Null => query.bind(None::<i64>),
                Cell::Int(value) => query.bind(value),
                Cell::Bool(value) => query.bind(value),
                Cell::Text(value) => query.bind(value),
                Cell::Bytes(value) => query.bind(value),
            };
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

async fn copy(connection: &mut PgConnection, rows: &Rows) -> Result<()> {
    let mut text = String::new();
    for row in rows.cells.chunks(rows.table.columns.len()) {
        for (place, cell) in row.iter().enumerate() {
            if place > 0 {
                text.push('\t');
            }
            write_cell(&mut text, cell)?;
        }
        text.push('\n');
    }
    let sql = format!("COPY {} ({}) FROM STDIN", rows.table.name, rows.table.columns.join(","));
    let mut copying = connection.copy_in_raw(&sql).await?;
    copying.send(text.into_bytes()).await?;
    copying.finish().await?;
    Ok(())
}

fn write_cell(text: &mut String, cell: &Cell) -> std::fmt::Result {
    match cell {
        Cell::Null => text.push_str("\\N"),
        Cell::Int(value) => write!(text, "{value}")?,
        Cell::Bool(value) => text.push(if *value { 't' } else { 'f' }),
        Cell::Text(value) => {
            for letter in value.chars() {
                match letter {
                    '\\' => text.push_str("\\\\"),
                    '\n' => text.push_str("\\n"),
                    '\r' => text.push_str("\\r"),
                    '\t' => text.push_str("\\t"),
                    letter => text.push(letter),
                }
            }
        }
        Cell::Bytes(value) => {
            text.push_str("\\\\x");
            for byte in value {
                write!(text, "{byte:02x}")?;
            }
        }
    }
    Ok(())
}
