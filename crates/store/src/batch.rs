//! Many small requests as one statement.
//!
//! A statement costs a round trip and, when it writes, a commit; at sixty-four callers that is most
//! of the cost. Requests that arrive while a batch is under way wait and go together in the next
//! one. Nobody waits for company: a lone request is a batch of one. A batch begins after every
//! request in it has arrived, so a read still sees whatever was committed before it was asked.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::error::{Error, Result};

/// Requests that may wait; beyond it callers are told that the server is overloaded.
const QUEUE_MAX: usize = 16_384;
/// Requests that go together.
const BATCH_MAX: usize = 128;

type Waiting<Q, A> = (Q, oneshot::Sender<Result<A>>);

/// Answers questions of one kind in batches.
pub(crate) struct Batcher<Q, A> {
    queue: mpsc::Sender<Waiting<Q, A>>,
}

impl<Q, A> Clone for Batcher<Q, A> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

impl<Q: Send + 'static, A: Send + 'static> Batcher<Q, A> {
    /// Starts `workers` tasks, so that one batch gathers while another is under way. `run` must
    /// answer with one result per question, in their order. The tasks end with the last handle.
    pub(crate) fn start<F>(workers: usize, run: F) -> Self
    where
        F: Fn(Vec<Q>) -> BoxFuture<'static, Result<Vec<A>>> + Send + Sync + 'static,
    {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        let run = Arc::new(run);
        for _ in 0..workers {
            // Like SQLite's writer these outlive the tasks that shutdown waits for, and end when
            // the last handle is dropped.
            #[expect(clippy::disallowed_methods, reason = "ends with the last handle")]
            tokio::spawn(work(waiting.clone(), run.clone()));
        }
        Self { queue }
    }

    /// Asks one question.
    pub(crate) async fn ask(&self, question: Q) -> Result<A> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send((question, answer)).map_err(|_| Error::Overloaded)?;
        answered.await.map_err(|_| Error::Overloaded)?
    }
}

async fn work<Q, A, F>(waiting: Arc<Mutex<mpsc::Receiver<Waiting<Q, A>>>>, run: Arc<F>)
where
    F: Fn(Vec<Q>) -> BoxFuture<'static, Result<Vec<A>>>,
{
    let mut taken = Vec::with_capacity(BATCH_MAX);
    loop {
        if waiting.lock().await.recv_many(&mut taken, BATCH_MAX).await == 0 {
            return;
        }
        let (questions, callers): (Vec<Q>, Vec<_>) = taken.drain(..).unzip();
        match run(questions).await {
            Ok(answers) => {
                for (caller, answer) in callers.into_iter().zip(answers) {
                    // A caller that went away does not need the answer.
                    let _ = caller.send(Ok(answer));
                }
            }
            Err(error) => {
                let mut callers = callers.into_iter();
                let first = callers.next();
                for caller in callers {
                    let _ = caller.send(Err(error.for_another_caller()));
                }
                if let Some(first) = first {
                    let _ = first.send(Err(error));
                }
            }
        }
    }
}
