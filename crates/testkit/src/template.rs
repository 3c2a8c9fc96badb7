//! A migrated PostgreSQL database that the tests' databases are copies of.
//!
//! Creating some hundred tables and indexes for every test costs more than most tests do.

use aws_lc_rs::digest::{Context, SHA256};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use tokio::sync::OnceCell;
use valetkey_base::{Rng, Secret, Tasks};
use valetkey_store::{Settings, Store, postgres_migrations};

/// Serializes the test binaries that find no template.
const LOCK: i64 = 0x5641_4c45_544b_4559;

static NAME: OnceCell<String> = OnceCell::const_new();

/// The name of the template on the server of this process's tests, made when there is none.
///
/// It is named after the schema, so that a changed migration gets a template of its own. It stays on
/// the server: the next run starts from it.
pub(crate) async fn template(server: &PgConnectOptions) -> sqlx::Result<&'static str> {
    NAME.get_or_try_init(async || {
        let name = format!("valetkey_template_{}", schema());
        let mut connection: PgConnection = server.connect().await?;
        sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut connection).await?;
        let known = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1").bind(&name);
        if known.fetch_optional(&mut connection).await?.is_none() {
            make(server, &mut connection, &name).await?;
        }
        // Closing gives the lock back.
        connection.close().await?;
        Ok(name)
    })
    .await
    .map(String::as_str)
}

/// Another one is another schema.
fn schema() -> String {
    let mut context = Context::new(&SHA256);
    for migration in postgres_migrations() {
        context.update(migration.as_bytes());
    }
    hex::encode(&context.finish().as_ref()[..8])
}

/// Migrates a database under another name first: a template that exists is whole.
async fn make(
    server: &PgConnectOptions,
    connection: &mut PgConnection,
    name: &str,
) -> sqlx::Result<()> {
    let draft = format!("valetkey_draft_{}", Rng::system().hex(8));
    let create = format!("CREATE DATABASE {draft} TEMPLATE template0");
    connection.execute(AssertSqlSafe(create)).await?;
    let url = server.clone().database(&draft).to_url_lossy().to_string();
    let settings = Settings::Postgres { url: Secret::new(url), connections_max: 2 };
    let tasks = Tasks::new();
    let store = Store::open(&settings, &tasks)
        .await
        .unwrap_or_else(|error| panic!("could not migrate a database: {error:?}"));
    store.close().await;
    tasks.stopping().cancel();
    let rename = format!("ALTER DATABASE {draft} RENAME TO {name}");
    connection.execute(AssertSqlSafe(rename)).await?;
    Ok(())
}
