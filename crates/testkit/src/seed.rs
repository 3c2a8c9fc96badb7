//! Fills a database with customers, connections and their log, as a busy installation has them: by
//! the same numbers the same rows, on both engines. For measuring and for looking around; nothing
//! is asked of any provider, and no connection is due for a refresh within two months.
//!
//! Rows are made on a thread of their own and written in bulk. Before many rows the indexes of the
//! large tables are put aside and made again afterwards, so a database whose filling was
//! interrupted is of no use.

mod cast;
mod connections;
mod dice;
mod load;
mod log;
mod sorts;

use std::fmt::Write as _;
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;
use valetkey_base::Timestamp;
use valetkey_store::Settings;

use cast::Cast;
use load::Loader;

/// Whatever went wrong, as a sentence.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Days that the log covers, which is a little less than it is kept.
pub const LOG_DAYS: i64 = 14;
/// More operations than this are written without their indexes, which are made afterwards.
const WITH_INDEXES_MAX: u64 = 50_000;
/// Rows made at once.
const BATCH: u64 = 2_000;
/// Batches that are committed together: pages of an index that many of them change are written once.
const BATCHES_COMMITTED: u64 = 20;
/// Batches that may wait to be written.
const BATCHES_WAITING: usize = 4;

/// Seals a text (the third) for the row with an id (the second) of a column (the first, as its
/// table and name).
pub type Seal = dyn Fn((&'static str, &'static str), &str, &str) -> Vec<u8> + Send + Sync;

/// What to fill in, and where.
#[derive(Clone)]
pub struct Plan {
    /// The environment.
    pub environment_id: i64,
    /// The end of the log.
    pub now: Timestamp,
    /// How many connections.
    pub connections: u64,
    /// How many operations.
    pub operations: u64,
    /// The same number makes the same rows.
    pub seed: u64,
    /// Seals credentials and settings. Without it no key opens the connections, and integrations
    /// have no secrets.
    pub seal: Option<Arc<Seal>>,
}

/// Fills a database that a server has made, and tells `said` how far it is.
///
/// # Errors
/// When the database has connections already, or refuses a statement.
pub async fn fill(settings: &Settings, plan: &Plan, said: &(dyn Fn(&str) + Sync)) -> Result<()> {
    let mut loader = Loader::open(settings).await?;
    let first = loader.number("SELECT COALESCE(MAX(id), 0) + 1 AS n FROM connections").await?;
    if loader.number("SELECT COUNT(*) AS n FROM (SELECT 1 FROM connections LIMIT 1) c").await? > 0 {
        return Err("the database has connections already; take a new one".into());
    }
    let integration = loader.number("SELECT COALESCE(MAX(id), 0) + 1 AS n FROM integrations");
    let cast = Arc::new(Cast::new(plan.clone(), integration.await?, first));
    let put_aside = if plan.operations.max(plan.connections) > WITH_INDEXES_MAX {
        loader.put_indexes_aside().await?
    } else {
        Vec::new()
    };
    loader.write(connections::integrations(&cast)).await?;
    write_all(&mut loader, &cast, "connections", cast.plan.connections, said, connections::batch)
        .await?;
    let mut counts = log::Counts::default();
    let mut log = log::Log::default();
    let made = move |cast: &Cast, range| log.batch(cast, range);
    write_all(&mut loader, &cast, "operations", cast.plan.operations, said, made).await?;
    counts.count(&cast);
    loader.write(counts.rows(&cast)).await?;
    for (name, sql) in put_aside {
        said(&format!("making the index {name}"));
        loader.execute(sql).await?;
    }
    said("finishing");
    loader.finish().await
}

async fn write_all(
    loader: &mut Loader,
    cast: &Arc<Cast>,
    what: &str,
    all: u64,
    said: &(dyn Fn(&str) + Sync),
    mut make: impl FnMut(&Cast, std::ops::Range<u64>) -> Vec<load::Rows> + Send + 'static,
) -> Result<()> {
    let (send, mut receive) = mpsc::channel(BATCHES_WAITING);
    let maker = cast.clone();
    let making = thread::spawn(move || {
        let mut start = 0;
        while start < all {
            let end = (start + BATCH).min(all);
            // Whoever writes has failed, and says so.
            if send.blocking_send((end, make(&maker, start..end))).is_err() {
                return;
            }
            start = end;
        }
    });
    let (mut told, mut batches) = (0, 0);
    loader.execute("BEGIN".to_owned()).await?;
    while let Some((end, rows)) = receive.recv().await {
        loader.write(rows).await?;
        batches += 1;
        if batches % BATCHES_COMMITTED == 0 {
            loader.execute("COMMIT".to_owned()).await?;
            loader.execute("BEGIN".to_owned()).await?;
        }
        let percent = end * 100 / all;
        if percent >= told + 5 || end == all {
            told = percent;
            let mut text = String::new();
            // Writing to a string cannot fail.
            let _ = write!(text, "{end} of {all} {what}");
            said(&text);
        }
    }
    loader.execute("COMMIT".to_owned()).await?;
    making.join().map_err(|_| "the thread that makes rows ended early".into())
}
