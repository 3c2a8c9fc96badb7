//! SQLite's one writer: many small transactions, one commit.
//!
//! SQLite lets one connection write at a time and a durable commit costs an fsync. So writes queue
//! for a task that owns the writing connection: it opens a transaction, runs every waiting job in a
//! savepoint of its own, commits once, and only then tells the callers. A job that fails rolls back
//! its savepoint and nobody else's; if the commit itself fails, every caller of the batch hears it.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use sqlx::Executor as _;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};

use crate::db::{Tx, TxInner};
use crate::error::{Error, Result};
use crate::notice::{Notice, Publisher};

/// Jobs that may wait; beyond it callers are told that the server is overloaded.
const QUEUE_JOBS_MAX: usize = 4096;
/// Jobs that share one commit.
const BATCH_JOBS_MAX: usize = 256;

/// What a job leaves behind: whether it worked, and how to tell its caller once the commit is known.
struct Ran {
    keep: bool,
    finish: Box<dyn FnOnce(Result<()>) + Send>,
}

type Job = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Ran> + Send>;

/// Hands writes to the writing task.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Job>,
}

impl Writer {
    /// The handle, and the loop to be spawned. The loop ends when every handle is gone.
    pub(crate) fn new(
        connection: SqliteConnection,
        publisher: Publisher,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (queue, jobs) = mpsc::channel(QUEUE_JOBS_MAX);
        (Self { queue }, run(Tx::new(TxInner::Sqlite(Box::new(connection))), jobs, publisher))
    }

    /// Runs a closure in a transaction and answers when it is committed.
    pub(crate) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel::<Result<T, E>>();
        let job: Job = Box::new(move |tx| {
            Box::pin(async move {
                let outcome = AssertUnwindSafe(work(tx)).catch_unwind().await;
                let outcome = outcome.unwrap_or_else(|panic| Err(panicked(&*panic).into()));
                Ran {
                    keep: outcome.is_ok(),
                    finish: Box::new(move |commit| {
                        // A caller that went away does not need the answer.
                        let _ = answer.send(match (outcome, commit) {
                            (Ok(_), Err(error)) => Err(error.into()),
                            (outcome, _) => outcome,
                        });
                    }),
                }
            })
        });
        self.queue.try_send(job).map_err(|_| Error::Overloaded)?;
        answered.await.map_err(|_| Error::Overloaded)?
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied().unwrap_or("no text");
    tracing::error!(panic = text, "a write panicked and was rolled back");
    Error::Settings("a write failed unexpectedly".to_owned())
}

async fn run(mut tx: Tx, mut jobs: mpsc::Receiver<Job>, publisher: Publisher) {
    let mut waiting = Vec::with_capacity(BATCH_JOBS_MAX);
    while jobs.recv_many(&mut waiting, BATCH_JOBS_MAX).await > 0 {
        let mut finishers = Vec::with_capacity(waiting.len());
        let result = batch(&mut tx, &mut waiting, &mut finishers).await;
        if let Err(error) = &result {
            tracing::error!(error = error as &dyn std::error::Error, "a commit failed");
            let _ = statement(&mut tx, "ROLLBACK").await;
            tx.texts.clear();
        }
        let failed = result.is_err();
        let notices: Vec<Notice> = tx.notices.drain().collect();
        if !failed {
            publisher.publish(notices);
        }
        for finish in finishers {
            finish(if failed { Err(Error::Overloaded) } else { Ok(()) });
        }
        waiting.clear();
    }
}

async fn batch(
    tx: &mut Tx,
    jobs: &mut Vec<Job>,
    finishers: &mut Vec<Box<dyn FnOnce(Result<()>) + Send>>,
) -> Result<()> {
    statement(tx, "BEGIN IMMEDIATE").await?;
    for job in jobs.drain(..) {
        statement(tx, "SAVEPOINT job").await?;
        let texts = tx.texts.len();
        let ran = job(tx).await;
        finishers.push(ran.finish);
        if !ran.keep {
            statement(tx, "ROLLBACK TO job").await?;
            tx.texts.truncate(texts);
        }
        statement(tx, "RELEASE job").await?;
    }
    tx.write_texts().await?;
    statement(tx, "COMMIT").await
}

async fn statement(tx: &mut Tx, sql: &'static str) -> Result<()> {
    if let TxInner::Sqlite(connection) = &mut tx.inner {
        connection.execute(sql).await?;
    }
    Ok(())
}
