//! Recently read connection rows, for the engine that has one server process: SQLite.
//!
//! The writer drops a row from the cache after its commit and before the caller hears of it, so a
//! caller always reads what it wrote. A row that was read from disk while something was committed
//! is not kept, because it may be older than the commit. On PostgreSQL other replicas write as
//! well, so nothing is cached there. Rows are kept sealed.

use std::sync::{Arc, Mutex, PoisonError};

use moka::sync::Cache;

use crate::connections::Connection;
use crate::notice::Notice;

/// Most bytes of rows kept.
const BYTES_MAX: u64 = 16 * 1024 * 1024;
/// What a row costs beside its texts and sealed values, in bytes, generously.
const ROW_OVERHEAD_BYTES: usize = 800;

type Key = (i64, String, String);

/// The cache. Clones share it.
#[derive(Clone)]
pub(crate) struct ConnectionCache {
    rows: Cache<Key, Arc<Connection>>,
    keys: Cache<i64, Key>,
    /// Counts commits; held while an entry is added or dropped.
    commits: Arc<Mutex<u64>>,
}

impl ConnectionCache {
    pub(crate) fn new() -> Self {
        Self {
            rows: Cache::builder()
                .max_capacity(BYTES_MAX)
                .weigher(|_, row: &Arc<Connection>| bytes(row))
                .build(),
            keys: Cache::new(BYTES_MAX / ROW_OVERHEAD_BYTES as u64),
            commits: Arc::default(),
        }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Connection>> {
        self.rows.get(key)
    }

    /// To be taken before a row is read from disk.
    pub(crate) fn commits(&self) -> u64 {
        *self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a row, unless something was committed since `commits` was taken.
    pub(crate) fn keep(&self, key: Key, row: Arc<Connection>, commits: u64) {
        let now = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        if *now == commits {
            self.keys.insert(row.id, key.clone());
            self.rows.insert(key, row);
        }
    }

    /// Drops what a commit changed.
    pub(crate) fn committed<'n>(&self, notices: impl Iterator<Item = &'n Notice>) {
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        *commits += 1;
        for notice in notices {
            match notice {
                Notice::Connection(id) => {
                    if let Some(key) = self.keys.remove(id) {
                        self.rows.invalidate(&key);
                    }
                }
                Notice::Environment(_) | Notice::Anything => {
                    self.rows.invalidate_all();
                    self.keys.invalidate_all();
                }
                Notice::Flow(_) | Notice::Events => {}
            }
        }
    }
}

fn bytes(row: &Connection) -> u32 {
    let texts = row.connection_id.len()
        + row.credentials.as_bytes().len()
        + row.config.as_bytes().len()
        + row.metadata.as_ref().map_or(0, String::len)
        + row.tags.len()
        + row.end_user.as_ref().map_or(0, String::len);
    u32::try_from(texts + ROW_OVERHEAD_BYTES).unwrap_or(u32::MAX)
}
