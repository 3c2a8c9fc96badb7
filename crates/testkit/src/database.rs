//! A database per test, on every engine there is.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::thread;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Row as _};
use valetkey_base::{Rng, Secret, Tasks};
use valetkey_store::{Settings, Store};

use crate::template::template;

/// Names the PostgreSQL server the tests may make databases on.
const POSTGRES_VARIABLE: &str = "VALETKEY_TEST_POSTGRES";
/// Name of a SQLite database in its folder.
const FILE_NAME: &str = "valetkey.db";
/// Connections of one opened store. Several test binaries share the server.
const POSTGRES_CONNECTIONS_MAX: u32 = 8;

/// Where databases for tests can be made.
#[derive(Clone, Debug)]
pub enum DatabaseServer {
    /// Files in the machine's temporary folder.
    Sqlite,
    /// A server on which the user of this URL may create databases.
    Postgres(Secret),
}

/// Every engine a test has to pass on.
///
/// # Panics
/// In CI (`CI=true`) when `VALETKEY_TEST_POSTGRES` is not set. Elsewhere PostgreSQL is then left
/// out, and a line on standard error says so.
pub fn databases() -> Vec<DatabaseServer> {
    let mut servers = vec![DatabaseServer::Sqlite];
    if let Some(url) = variable(POSTGRES_VARIABLE) {
        servers.push(DatabaseServer::Postgres(Secret::new(url)));
    } else {
        assert!(
            variable("CI").as_deref() != Some("true"),
            "{POSTGRES_VARIABLE} must name a PostgreSQL server in CI"
        );
        say(&format!(
            "!!! SKIPPED ON POSTGRESQL: set {POSTGRES_VARIABLE}=postgres://user@host/database"
        ));
    }
    servers
}

/// Runs a test on a database of every engine, one after the other. It holds no rows.
pub async fn on_each_database<F>(test: F)
where
    F: AsyncFn(&TestDatabase),
{
    for server in databases() {
        let database = server.create().await;
        say(&format!("on {database:?}"));
        test(&database).await;
    }
}

/// Like [`on_each_database`], of databases that have no tables either.
pub async fn on_each_empty_database<F>(test: F)
where
    F: AsyncFn(&TestDatabase),
{
    for server in databases() {
        let database = server.create_empty().await;
        say(&format!("on {database:?}"));
        test(&database).await;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told about the machine by its environment"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[expect(clippy::print_stderr, reason = "the test harness shows it beside a failure")]
fn say(text: &str) {
    eprintln!("{text}");
}

impl DatabaseServer {
    /// Makes a database without rows. On PostgreSQL its tables are there already, for speed.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn create(&self) -> TestDatabase {
        match self {
            Self::Sqlite => in_a_folder(),
            Self::Postgres(url) => {
                let server = options(url);
                let template = template(&server)
                    .await
                    .unwrap_or_else(|error| panic!("could not make a template: {error}"));
                on_a_server(server, template).await
            }
        }
    }

    /// Makes an empty database.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn create_empty(&self) -> TestDatabase {
        match self {
            Self::Sqlite => in_a_folder(),
            Self::Postgres(url) => on_a_server(options(url), "template0").await,
        }
    }
}

fn new_name() -> String {
    format!("valetkey_test_{}", Rng::system().hex(8))
}

fn in_a_folder() -> TestDatabase {
    let folder = std::env::temp_dir().join(new_name());
    fs::create_dir(&folder)
        .unwrap_or_else(|error| panic!("could not create {}: {error}", folder.display()));
    TestDatabase { place: Place::Folder(folder), tasks: Tasks::new() }
}

fn options(url: &Secret) -> PgConnectOptions {
    PgConnectOptions::from_str(url.expose())
        .unwrap_or_else(|_| panic!("{POSTGRES_VARIABLE} is not a PostgreSQL URL"))
}

async fn on_a_server(server: PgConnectOptions, template: &str) -> TestDatabase {
    let name = new_name();
    execute(&server, format!("CREATE DATABASE {name} TEMPLATE {template}"))
        .await
        .unwrap_or_else(|error| panic!("could not create a database: {error}"));
    TestDatabase { place: Place::Postgres { server: Box::new(server), name }, tasks: Tasks::new() }
}

/// A database that lives as long as this value. Stores opened on it are stopped with it.
pub struct TestDatabase {
    place: Place,
    tasks: Tasks,
}

enum Place {
    Folder(PathBuf),
    Postgres { server: Box<PgConnectOptions>, name: String },
}

/// A row of either engine.
enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl TestDatabase {
    /// What a server is given to open this database.
    pub fn settings(&self) -> Settings {
        match &self.place {
            Place::Folder(folder) => Settings::Sqlite { path: folder.join(FILE_NAME) },
            Place::Postgres { server, name } => Settings::Postgres {
                url: Secret::new(
                    PgConnectOptions::clone(server).database(name).to_url_lossy().to_string(),
                ),
                connections_max: POSTGRES_CONNECTIONS_MAX,
            },
        }
    }

    /// Opens the database. A second store is what a second server process would be.
    ///
    /// # Panics
    /// When it does not open.
    pub async fn open(&self) -> Store {
        Store::open(&self.settings(), &self.tasks)
            .await
            .unwrap_or_else(|error| panic!("could not open {self:?}: {error:?}"))
    }

    /// Runs a statement behind the stores' back, as an operator's tool would.
    ///
    /// # Panics
    /// When the database refuses it.
    pub async fn execute(&self, sql: &'static str) {
        let done = match &self.place {
            Place::Folder(folder) => execute_in_file(&folder.join(FILE_NAME), sql).await,
            Place::Postgres { server, name } => {
                let options = PgConnectOptions::clone(server).database(name);
                execute(&options, sql.to_owned()).await
            }
        };
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The column `n` of the only row that a statement answers.
    ///
    /// # Panics
    /// When the database refuses it.
    pub async fn number(&self, sql: String) -> i64 {
        match self.row(sql).await {
            Row::Sqlite(row) => row.try_get("n"),
            Row::Postgres(row) => row.try_get("n"),
        }
        .unwrap_or_else(|error| panic!("no number: {error}"))
    }

    /// The column `t` of the only row that a statement answers.
    ///
    /// # Panics
    /// When the database refuses it.
    pub async fn text(&self, sql: String) -> String {
        match self.row(sql).await {
            Row::Sqlite(row) => row.try_get("t"),
            Row::Postgres(row) => row.try_get("t"),
        }
        .unwrap_or_else(|error| panic!("no text: {error}"))
    }

    async fn row(&self, sql: String) -> Row {
        let failed = |error: sqlx::Error| -> ! { panic!("{sql}: {error}") };
        let sql = AssertSqlSafe(sql.clone());
        match &self.place {
            Place::Folder(folder) => {
                let file = SqliteConnectOptions::new().filename(folder.join(FILE_NAME));
                let mut connection = file.connect().await.unwrap_or_else(|error| failed(error));
                Row::Sqlite(connection.fetch_one(sql).await.unwrap_or_else(|error| failed(error)))
            }
            Place::Postgres { server, name } => {
                let options = PgConnectOptions::clone(server).database(name);
                let mut connection: PgConnection =
                    options.connect().await.unwrap_or_else(|error| failed(error));
                Row::Postgres(connection.fetch_one(sql).await.unwrap_or_else(|error| failed(error)))
            }
        }
    }

    /// The tasks of the stores opened here. They are told to stop when the database goes.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Whether several processes may share it.
    pub fn is_postgres(&self) -> bool {
        matches!(self.place, Place::Postgres { .. })
    }
}

impl std::fmt::Debug for TestDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Place::Folder(folder) => write!(f, "SQLite in {}", folder.display()),
            Place::Postgres { name, .. } => write!(f, "PostgreSQL database {name}"),
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        self.tasks.stopping().cancel();
        match &self.place {
            // Whoever still has the file open keeps it open; the space is freed when they end.
            Place::Folder(folder) => {
                if let Err(error) = fs::remove_dir_all(folder) {
                    say(&format!("could not remove {}: {error}", folder.display()));
                }
            }
            Place::Postgres { server, name } => {
                let (server, name) = (server.clone(), name.clone());
                // A runtime of its own: this may run inside the test's.
                let dropped = thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .map_err(sqlx::Error::Io)?;
                    let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                    runtime.block_on(execute(&server, sql))
                });
                if !matches!(dropped.join(), Ok(Ok(()))) {
                    say(&format!("could not drop {self:?}"));
                }
            }
        }
    }
}

async fn execute_in_file(file: &Path, sql: &'static str) -> sqlx::Result<()> {
    let mut connection = SqliteConnectOptions::new().filename(file).connect().await?;
    connection.execute(sql).await?;
    connection.close().await
}

/// Runs a statement on a server. Names in it are made above, of letters and digits.
async fn execute(server: &PgConnectOptions, sql: String) -> sqlx::Result<()> {
    let mut connection: PgConnection = server.connect().await?;
    connection.execute(AssertSqlSafe(sql)).await?;
    connection.close().await
}
