//! The load generator: N keep-alive connections, each sending its next request when the reply to
//! the last has come whole.

use std::{
    net::SocketAddr,
    num::NonZero,
    sync::{Arc, Barrier},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use tokio::{
    pin, select,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    histogram::Histogram,
    request::{Random, Request},
    wire::{self, Connection},
};
use crate::process;

/// How long a request that was under way when the time was over may still take.
const GRACE: Duration = Duration::from_secs(30);
/// A connection that saw this many errors gives up.
const ERRORS_PER_CONNECTION_MAX: u64 = 100;

/// What to send, where, and for how long.
pub(super) struct Load {
    pub(super) address: SocketAddr,
    pub(super) request: Arc<Request>,
    pub(super) connections: usize,
    /// Requests of this time are sent but not counted.
    pub(super) warm_up: Duration,
    /// The time that counts; less when the requests run out before.
    pub(super) measured: Duration,
}

/// What a load saw.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) histogram: Histogram,
    pub(super) elapsed: Duration,
    pub(super) errors: u64,
    pub(super) first_error: Option<String>,
}

#[derive(Clone, Copy)]
struct Window {
    start: Instant,
    end: Instant,
}

impl Load {
    /// Run it on as many threads as there are cores, each with its share of the connections.
    pub(super) fn run(&self) -> Result<Outcome> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = self.connections.min(cores).max(1);
        let barrier = Barrier::new(threads);
        let outcomes: Vec<Result<Outcome>> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads)
                .map(|thread| {
                    let barrier = &barrier;
                    scope.spawn(move || self.run_share(thread, threads, barrier))
                })
                .collect();
            running
                .into_iter()
                .map(|thread| {
                    thread
                        .join()
                        .unwrap_or_else(|_| Err(anyhow!("a load generator thread panicked")))
                })
                .collect()
        });
        let mut all = Outcome::default();
        for outcome in outcomes {
            all.merge(&outcome?);
        }
        if process::interrupted() {
            bail!("interrupted");
        }
        Ok(all)
    }

    fn run_share(&self, thread: usize, threads: usize, barrier: &Barrier) -> Result<Outcome> {
        // Opening must not fail before the barrier, or the other threads wait for ever.
        let opened = wire::runtime().and_then(|runtime| {
            let connections = runtime.block_on(self.open(thread, threads))?;
            Ok((runtime, connections))
        });
        barrier.wait();
        let (runtime, connections) = opened?;
        runtime.block_on(async {
            let start = Instant::now() + self.warm_up;
            let window = Window { start, end: start + self.measured };
            let mut tasks = JoinSet::new();
            for (seed, connection) in connections {
                let (address, request) = (self.address, Arc::clone(&self.request));
                tasks.spawn(drive(connection, address, request, seed, window));
            }
            let mut all = Outcome::default();
            while let Some(outcome) = tasks.join_next().await {
                all.merge(&outcome.context("a connection's task")?);
            }
            Ok(all)
        })
    }

    async fn open(&self, thread: usize, threads: usize) -> Result<Vec<(u64, Connection)>> {
        let mut connections = Vec::new();
        for index in (thread..self.connections).step_by(threads) {
            connections.push((index as u64, Connection::open(self.address).await?));
        }
        Ok(connections)
    }
}

impl Outcome {
    /// Add what other connections saw at the same time.
    fn merge(&mut self, other: &Self) {
        self.elapsed = self.elapsed.max(other.elapsed);
        self.add(other);
    }

    /// Add what was seen at another time.
    pub(super) fn append(&mut self, other: &Self) {
        self.elapsed += other.elapsed;
        self.add(other);
    }

    fn add(&mut self, other: &Self) {
        self.histogram.merge(&other.histogram);
        self.errors += other.errors;
        if self.first_error.is_none() {
            self.first_error.clone_from(&other.first_error);
        }
    }

    /// Successful replies per second.
    pub(super) fn per_second(&self) -> f64 {
        self.histogram.total() as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    fn failed(&mut self, error: String) {
        self.errors += 1;
        self.first_error.get_or_insert(error);
    }
}

async fn drive(
    mut connection: Connection,
    address: SocketAddr,
    request: Arc<Request>,
    seed: u64,
    window: Window,
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut random = Random::new(seed + 1);
    let mut bytes = Vec::with_capacity(2048);
    let give_up = sleep_until(window.end + GRACE);
    pin!(give_up);
    let mut before = Instant::now();
    let mut last = window.start;
    while before < window.end && !process::interrupted() && request.write(&mut bytes, &mut random) {
        let verdict = select! {
            biased;
            reply = connection.exchange(&bytes) => match reply {
                Ok(reply) if reply.is_success() => Ok(None),
                Ok(reply) => Ok(Some(reply.summary())),
                Err(error) => Err(format!("{error:#}")),
            },
            () = &mut give_up => {
                outcome.failed(format!("no reply within {} s", GRACE.as_secs()));
                break;
            }
        };
        let after = Instant::now();
        match verdict {
            Ok(None) if before >= window.start && after <= window.end => {
                outcome.histogram.record(after - before);
                last = after;
            }
            Ok(None) => {}
            Ok(Some(refused)) => outcome.failed(refused),
            Err(broken) => {
                outcome.failed(broken);
                match Connection::open(address).await {
                    Ok(fresh) => connection = fresh,
                    Err(_) => break, // The failure before it says more.
                }
            }
        }
        if outcome.errors >= ERRORS_PER_CONNECTION_MAX {
            break;
        }
        before = Instant::now();
    }
    // Ended by the clock, the whole window counts; otherwise up to the last reply.
    outcome.elapsed =
        if before >= window.end { window.end - window.start } else { last - window.start };
    outcome
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::{Load, Outcome};
    use crate::commands::bench::{
        bare::{self, Answer},
        request::{NUMBER, Numbers, Request},
    };

    fn load(status: u16, numbers: Numbers, measured: Duration) -> Outcome {
        let answer = Answer {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: br#"{"answer":42}"#.to_vec(),
        };
        let address = bare::tests::in_this_process(answer);
        let target = format!("/connections/bench-{NUMBER}");
        let request = Arc::new(Request::new("GET", &target, "key", None, numbers));
        let load = Load { address, request, connections: 3, warm_up: Duration::ZERO, measured };
        load.run().expect("runs")
    }

    #[test]
    fn every_number_of_a_sequence_is_sent_once() {
        let outcome = load(200, Numbers::sequence(0, 500), Duration::from_secs(30));
        assert_eq!(outcome.first_error, None);
        assert_eq!(outcome.histogram.total(), 500);
        assert!(outcome.elapsed < Duration::from_secs(30));
    }

    #[test]
    fn a_timed_load_ends_with_its_time() {
        let outcome = load(201, Numbers::Random(10), Duration::from_millis(50));
        assert_eq!(outcome.errors, 0);
        assert!(outcome.histogram.total() > 0);
        assert_eq!(outcome.elapsed, Duration::from_millis(50));
    }

    #[test]
    fn refusals_are_errors_and_end_the_load() {
        let outcome = load(500, Numbers::Random(10), Duration::from_secs(30));
        assert_eq!(outcome.histogram.total(), 0);
        assert_eq!(outcome.errors, 300);
        assert!(outcome.first_error.expect("is kept").starts_with("500 "));
    }
}
