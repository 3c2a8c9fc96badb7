//! Opening a database, and the transaction every write goes through.

use std::collections::HashSet;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::broadcast;
use valetkey_base::{Secret, Tasks};

use crate::batch::Batcher;
use crate::connect_sessions::{self, SessionToAdd};
use crate::connection_cache::ConnectionCache;
use crate::connections::{self, Connection, ConnectionKey};
use crate::db::{Db, Tx, TxInner, params};
use crate::error::{Error, Result};
use crate::migrate;
use crate::notice::{CHANNEL, Notice, Publisher, listen, watch_foreign_writes};
use crate::writer::Writer;

/// Reading connections of a SQLite database.
const SQLITE_READERS: u32 = 4;
/// Page cache of each SQLite connection, in KiB, as SQLite writes it.
const SQLITE_CACHE: &str = "-4000";
/// Batches of one kind that may be under way at once on PostgreSQL.
const BATCHES_AT_ONCE: usize = 2;
/// How long SQLite waits for another process's write.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a caller waits for a PostgreSQL connection.
const POSTGRES_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Notices a slow receiver may fall behind before it is told to look at everything.
const NOTICES_BUFFERED: usize = 1024;

/// Where the data lies.
#[derive(Clone, Debug)]
pub enum Settings {
    /// One file, created when missing; its folder must exist.
    Sqlite {
        /// The database file.
        path: PathBuf,
    },
    /// A PostgreSQL server, version 13 or newer.
    Postgres {
        /// `postgres://user:password@host/database`.
        url: Secret,
        /// Connections this process may hold.
        connections_max: u32,
    },
}

/// The database, its write queue and its notices.
#[derive(Clone)]
pub struct Store {
    pub(crate) db: Db,
    pub(crate) publisher: Publisher,
    pub(crate) batches: Batches,
}

/// What is asked often enough to be asked together.
#[derive(Clone)]
pub(crate) struct Batches {
    pub(crate) sessions: Batcher<SessionToAdd, ()>,
    /// Only on PostgreSQL; on SQLite rows come from memory or from a local disk.
    pub(crate) connections: Option<Batcher<ConnectionKey, Option<Arc<Connection>>>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.db {
            Db::Sqlite { .. } => "Store(sqlite)",
            Db::Postgres(_) => "Store(postgres)",
        })
    }
}

impl Store {
    /// Opens the database, brings its schema up to date, and starts the tasks it needs.
    ///
    /// # Errors
    /// [`Error::Settings`] for a malformed URL, [`Error::Unavailable`] when nothing answers,
    /// [`Error::Migration`] when the schema is from a newer version or was altered.
    pub async fn open(settings: &Settings, tasks: &Tasks) -> Result<Self> {
        let (notices, _) = broadcast::channel(NOTICES_BUFFERED);
        match settings {
            Settings::Sqlite { path } => Self::open_sqlite(path.clone(), notices, tasks).await,
            Settings::Postgres { url, connections_max } => {
                Self::open_postgres(url, *connections_max, notices, tasks).await
            }
        }
    }

    async fn open_sqlite(
        path: PathBuf,
        notices: broadcast::Sender<Notice>,
        tasks: &Tasks,
    ) -> Result<Self> {
        let publisher = Publisher { channel: notices, cache: Some(ConnectionCache::new()) };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An accepted write survives a power cut; the write queue shares the cost.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(SQLITE_BUSY_TIMEOUT)
            .foreign_keys(true)
            .pragma("cache_size", SQLITE_CACHE)
            .optimize_on_close(true, None);
        let writing = options.connect().await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(SQLITE_READERS)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options)
            .await?;
        migrate::sqlite(&readers).await?;
        let (writer, run) = Writer::new(writing, publisher.clone());
        // Not one of the tracked tasks: it must outlive every task that still writes, and ends
        // when the last handle is dropped.
        #[expect(
            clippy::disallowed_methods,
            reason = "outlives the tasks that shutdown waits for"
        )]
        tokio::spawn(run);
        let db = Db::Sqlite { readers, writer };
        let batches =
            Batches { sessions: connect_sessions::batcher(db.clone(), 1), connections: None };
        let store = Self { db, publisher, batches };
        let seen = store.foreign_write_counter().await?;
        tasks.spawn(watch_foreign_writes(store.clone(), seen, tasks.stopping()));
        Ok(store)
    }

    async fn open_postgres(
        url: &Secret,
        connections_max: u32,
        notices: broadcast::Sender<Notice>,
        tasks: &Tasks,
    ) -> Result<Self> {
        let options = PgConnectOptions::from_str(url.expose())
            .map_err(|_| {
                Error::Settings(
                    "DATABASE_URL is not a PostgreSQL URL (postgres://user:password@host/name)"
                        .to_owned(),
                )
            })?
            .application_name("valetkey");
        let pool = PgPoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(POSTGRES_ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_with(options)
            .await?;
        migrate::postgres(&pool).await?;
        tasks.spawn(listen(pool.clone(), notices.clone(), tasks.stopping()));
        let db = Db::Postgres(pool);
        let publisher = Publisher { channel: notices, cache: None };
        let batches = Batches {
            sessions: connect_sessions::batcher(db.clone(), BATCHES_AT_ONCE),
            connections: Some(connections::batcher(db.clone(), BATCHES_AT_ONCE)),
        };
        Ok(Self { db, publisher, batches })
    }

    /// Runs a closure in a transaction: committed when it answers `Ok`, undone otherwise.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        self.db.write(work).await
    }

    /// Notices from now on. A receiver that lags behind should treat it as [`Notice::Anything`].
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.publisher.channel.subscribe()
    }

    /// Whether several servers may share this database.
    pub fn is_shared(&self) -> bool {
        matches!(self.db, Db::Postgres(_))
    }

    /// Answers when the database does.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<()> {
        self.db.fetch_optional("SELECT 1 AS one", params![]).await.map(|_| ())
    }

    /// Changes when another process writes to the SQLite file.
    pub(crate) async fn foreign_write_counter(&self) -> Result<i64> {
        self.write(|tx| {
            Box::pin(async move {
                tx.fetch_one("SELECT data_version FROM pragma_data_version", params![])
                    .await?
                    .get("data_version")
            })
        })
        .await
    }

    /// Closes the reading connections and, on SQLite, folds the write-ahead log into the file.
    pub async fn close(self) {
        match self.db {
            Db::Sqlite { readers, .. } => readers.close().await,
            Db::Postgres(pool) => pool.close().await,
        }
    }
}

impl Db {
    /// See [`Store::write`].
    pub(crate) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        match self {
            Db::Sqlite { writer, .. } => writer.write(work).await,
            Db::Postgres(pool) => {
                let transaction = pool.begin().await.map_err(Error::from)?;
                let mut tx = Tx::new(TxInner::Postgres(transaction));
                let value = work(&mut tx).await?;
                tx.write_texts().await?;
                tx.send_notices().await?;
                if let TxInner::Postgres(transaction) = tx.inner {
                    transaction.commit().await.map_err(Error::from)?;
                }
                Ok(value)
            }
        }
    }
}

impl Tx {
    /// Tells everybody once this transaction is committed.
    pub fn notify(&mut self, notice: Notice) {
        self.notices.insert(notice);
    }

    pub(crate) async fn send_notices(&mut self) -> Result<()> {
        let notices: HashSet<Notice> = std::mem::take(&mut self.notices);
        for notice in notices {
            self.execute("SELECT pg_notify($1, $2)", params![CHANNEL, notice.to_text()]).await?;
        }
        Ok(())
    }
}
