//! What can go wrong below the queries.

/// A storage failure. Texts name columns and constraints, never values.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A row with the same key exists; the constraint's name tells which.
    #[error("a row with this key exists ({constraint})")]
    Duplicate {
        /// Constraint or index name, or the columns on SQLite.
        constraint: String,
    },
    /// The database could not be reached, or did not answer in time.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// A required column was NULL.
    #[error("column {0} is unexpectedly NULL")]
    UnexpectedNull(&'static str),
    /// A row that must exist did not.
    #[error("an expected row is missing")]
    Missing,
    /// Values could not be written as JSON.
    #[error("values could not be encoded")]
    Encode(#[source] serde_json::Error),
    /// Stored JSON or another stored text does not have its form.
    #[error("column {column} holds an unexpected value")]
    Malformed {
        /// The column.
        column: &'static str,
    },
    /// The schema could not be brought up to date.
    #[error("the schema could not be migrated")]
    Migration(#[source] Box<sqlx::migrate::MigrateError>),
    /// The connection settings are wrong; the text says how.
    #[error("{0}")]
    Settings(String),
    /// The write queue is full or the server is stopping.
    #[error("the write queue takes no more work")]
    Overloaded,
    /// Anything else the driver said.
    #[error("the database refused a statement")]
    Sql(#[source] sqlx::Error),
}

/// Result of a query.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The same for everybody else whose request was in the batch; the cause stays with the log.
    pub(crate) fn for_another_caller(&self) -> Self {
        tracing::warn!(error = self as &dyn std::error::Error, "a batch failed");
        if self.is_transient() { Self::Overloaded } else { Self::Settings(self.to_string()) }
    }

    /// Whether trying again may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Overloaded)
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) if database.is_unique_violation() => {
                let constraint = database
                    .constraint()
                    .map_or_else(|| database.message().to_owned(), ToOwned::to_owned);
                Self::Duplicate { constraint }
            }
            sqlx::Error::Database(database) if is_passing(database.code().as_deref()) => {
                Self::Unavailable(error)
            }
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
                Self::Unavailable(error)
            }
            _ => Self::Sql(error),
        }
    }
}

/// Whether the engine says that the same statement may work later: SQLite's `BUSY`, and
/// PostgreSQL's serialization failure, deadlock, lack of connections, and shutdown.
fn is_passing(code: Option<&str>) -> bool {
    const SQLITE_BUSY: &[&str] = &["5", "261", "517"];
    const POSTGRES: &[&str] = &["40001", "40P01", "53300", "57P01", "57P02", "57P03"];
    code.is_some_and(|code| SQLITE_BUSY.contains(&code) || POSTGRES.contains(&code))
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Migration(Box::new(error))
    }
}
