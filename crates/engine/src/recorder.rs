//! What is written off the hot path: audit entries, "last used" marks and log messages.
//!
//! A read of credentials must be recorded, but must not wait for a disk. Entries gather in memory
//! and one task writes them twice a second in one transaction; equal reads of a moment become one
//! entry with a count. A crash loses at most that moment. Each process writes a hash chain of its
//! own, so that a removed or changed entry shows.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use tokio_util::sync::CancellationToken;
use valetkey_base::{Clock, Timestamp};
use valetkey_store::{AuditRow, EndedCall, Error, KeyUse, MessageRow, Store};

/// How often the buffer is written.
const FLUSH_EVERY: Duration = Duration::from_millis(500);
/// Entries after which the buffer is written at once.
const BUFFERED_MAX: usize = 20_000;
/// Calls through the proxy that may wait to be written.
const CALLS_MAX: usize = 20_000;

#[derive(Clone, PartialEq, Eq, Hash)]
struct AuditKey {
    environment_id: Option<i64>,
    actor: String,
    action: &'static str,
    target: String,
}

/// Reads of one connection by one actor.
struct Reads {
    actor: String,
    times: i64,
    first: Timestamp,
}

#[derive(Default)]
struct Buffer {
    audit: HashMap<AuditKey, (i64, Timestamp)>,
    /// By environment and connection row. Apart from the rest because a read must not allocate.
    reads: HashMap<(i64, i64), Vec<Reads>>,
    connections: HashSet<i64>,
    keys: HashMap<i64, Option<IpAddr>>,
    messages: Vec<MessageRow>,
    /// Calls through the proxy.
    calls: Vec<EndedCall>,
    /// Calls there was no room for.
    calls_dropped: u64,
}

impl Buffer {
    /// Turns reads into audit entries and marks.
    fn gather_reads(&mut self) {
        for ((environment_id, row), all) in self.reads.drain() {
            self.connections.insert(row);
            for reads in all {
                let key = AuditKey {
                    environment_id: Some(environment_id),
                    actor: reads.actor,
                    action: "connection.credentials_read",
                    target: row.to_string(),
                };
                let entry = self.audit.entry(key).or_insert((0, reads.first));
                entry.0 += reads.times;
            }
        }
    }
}

struct Chain {
    name: String,
    position: i64,
    hash: String,
}

/// Gathers records and writes them in batches.
#[derive(Clone)]
pub struct Recorder {
    store: Store,
    clock: Clock,
    buffer: Arc<Mutex<Buffer>>,
    full: Arc<tokio::sync::Notify>,
    chain: Arc<tokio::sync::Mutex<Chain>>,
}

impl Recorder {
    pub(crate) fn new(store: Store, clock: Clock, chain: String) -> Self {
        Self {
            store,
            clock,
            buffer: Arc::default(),
            full: Arc::default(),
            chain: Arc::new(tokio::sync::Mutex::new(Chain {
                name: chain,
                position: 0,
                hash: String::new(),
            })),
        }
    }

    /// Records who did what to what.
    pub fn audit(
        &self,
        environment_id: Option<i64>,
        actor: impl Into<String>,
        action: &'static str,
        target: impl Into<String>,
    ) {
        let key = AuditKey { environment_id, actor: actor.into(), action, target: target.into() };
        let now = self.clock.now();
        self.with(|buffer| {
            let entry = buffer.audit.entry(key).or_insert((0, now));
            entry.0 += 1;
        });
    }

    /// Records that somebody read a connection's credentials.
    pub fn credentials_read(&self, environment_id: i64, actor: &str, row: i64) {
        let now = self.clock.now();
        self.with(|buffer| {
            let reads = buffer.reads.entry((environment_id, row)).or_default();
            match reads.iter_mut().find(|reads| reads.actor == actor) {
                Some(reads) => reads.times += 1,
                None => reads.push(Reads { actor: actor.to_owned(), times: 1, first: now }),
            }
        });
    }

    /// Notes that somebody asked for a connection's credentials, whether they got them or not.
    pub fn touch_connection(&self, row: i64) {
        self.with(|buffer| {
            buffer.connections.insert(row);
        });
    }

    /// Notes that an API key was used, and by whom.
    pub fn touch_key(&self, id: i64, client: Option<IpAddr>) {
        self.with(|buffer| {
            let known = buffer.keys.entry(id).or_default();
            *known = client.or(*known);
        });
    }

    /// Adds a message to an operation.
    pub fn message(&self, message: MessageRow) {
        self.with(|buffer| buffer.messages.push(message));
    }

    /// Writes a call down that has ended. When they come faster than the database takes them, those
    /// that went well are the first to be left out.
    pub(crate) fn call(&self, call: EndedCall) {
        self.with(|buffer| {
            let room = if call.operation.error.is_some() { CALLS_MAX } else { CALLS_MAX / 2 };
            if buffer.calls.len() < room {
                buffer.calls.push(call);
            } else {
                buffer.calls_dropped += 1;
            }
        });
    }

    fn with(&self, change: impl FnOnce(&mut Buffer)) {
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut buffer);
        if buffer.audit.len() + buffer.reads.len() + buffer.messages.len() + buffer.calls.len()
            >= BUFFERED_MAX
        {
            self.full.notify_one();
        }
    }

    /// Writes until told to stop, and once more then.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            let stopping = tokio::select! {
                () = stop.cancelled() => true,
                () = self.full.notified() => false,
                () = tokio::time::sleep(FLUSH_EVERY) => false,
            };
            if let Err(error) = self.flush().await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "could not write audit records"
                );
            }
            if stopping {
                return;
            }
        }
    }

    /// Writes what has gathered. On failure it is kept for the next time.
    pub async fn flush(&self) -> Result<(), Error> {
        let mut chain = self.chain.lock().await;
        let mut buffer =
            std::mem::take(&mut *self.buffer.lock().unwrap_or_else(PoisonError::into_inner));
        buffer.gather_reads();
        if buffer.audit.is_empty()
            && buffer.connections.is_empty()
            && buffer.keys.is_empty()
            && buffer.messages.is_empty()
            && buffer.calls.is_empty()
        {
            return Ok(());
        }
        let now = self.clock.now();
        let (rows, position, hash) = link(&chain, &buffer.audit);
        let connections: Vec<i64> = buffer.connections.iter().copied().collect();
        let keys =
            buffer.keys.iter().map(|(id, used_from)| KeyUse { id: *id, used_from: *used_from });
        let keys: Vec<_> = keys.collect();
        let messages = buffer.messages.clone();
        let calls = buffer.calls.clone();
        if buffer.calls_dropped > 0 {
            let count = std::mem::take(&mut buffer.calls_dropped);
            tracing::warn!(count, "calls were not logged: more came than can be written");
        }
        let written = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    tx.insert_audit(&rows).await?;
                    if !connections.is_empty() {
                        tx.touch_connections(&connections, now).await?;
                    }
                    if !keys.is_empty() {
                        tx.touch_api_keys(&keys, now).await?;
                    }
                    tx.insert_calls(&calls).await?;
                    tx.insert_messages(&messages).await
                })
            })
            .await;
        match written {
            Ok(()) => {
                chain.position = position;
                chain.hash = hash;
                Ok(())
            }
            Err(error) => {
                self.put_back(buffer);
                Err(error)
            }
        }
    }

    fn put_back(&self, failed: Buffer) {
        self.with(|buffer| {
            for (key, (times, at)) in failed.audit {
                let entry = buffer.audit.entry(key).or_insert((0, at));
                entry.0 += times;
                entry.1 = entry.1.min(at);
            }
            buffer.connections.extend(failed.connections);
            for (id, client) in failed.keys {
                let known = buffer.keys.entry(id).or_default();
                *known = known.or(client);
            }
            buffer.messages.extend(failed.messages);
            let room = CALLS_MAX.saturating_sub(buffer.calls.len());
            buffer.calls.extend(failed.calls.into_iter().take(room));
        });
    }
}

fn link(
    chain: &Chain,
    entries: &HashMap<AuditKey, (i64, Timestamp)>,
) -> (Vec<AuditRow>, i64, String) {
    let mut position = chain.position;
    let mut hash = chain.hash.clone();
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by_key(|(_, (_, at))| *at);
    let rows = sorted
        .into_iter()
        .map(|(key, &(times, at))| {
            position += 1;
            let mut row = AuditRow {
                chain: chain.name.clone(),
                position,
                environment_id: key.environment_id,
                actor: key.actor.clone(),
                action: key.action.to_owned(),
                target: key.target.clone(),
                times,
                at,
                previous_hash: std::mem::take(&mut hash),
                hash: String::new(),
            };
            row.hash = entry_hash(&row);
            hash.clone_from(&row.hash);
            row
        })
        .collect();
    (rows, position, hash)
}

/// The hash an entry must carry: SHA-256 over its fields and the hash before it.
pub fn entry_hash(row: &AuditRow) -> String {
    let text = serde_json::json!([
        row.previous_hash,
        row.chain,
        row.position,
        row.environment_id,
        row.actor,
        row.action,
        row.target,
        row.times,
        row.at,
    ])
    .to_string();
    hex::encode(digest(&SHA256, text.as_bytes()))
}
