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

/// The cache. Clones share it. Rows are kept by row id, which is what a commit names: whatever the
/// index of keys has forgotten, a changed row is dropped.
#[derive(Clone)]
pub(crate) struct ConnectionCache {
    rows: Cache<i64, Arc<Connection>>,
    ids: Cache<Key, i64>,
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
            ids: Cache::new(BYTES_MAX / ROW_OVERHEAD_BYTES as u64),
            commits: Arc::default(),
        }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Connection>> {
        let row = self.rows.get(&self.ids.get(key)?)?;
        let (environment_id, integration_key, connection_id) = key;
        let is_it = row.environment_id == *environment_id
            && row.integration_key == *integration_key
            && row.connection_id == *connection_id;
        is_it.then_some(row)
    }

    /// To be taken before a row is read from disk.
    pub(crate) fn commits(&self) -> u64 {
        *self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a row, unless something was committed since `commits` was taken.
    pub(crate) fn keep(&self, key: Key, row: Arc<Connection>, commits: u64) {
        let now = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        if *now == commits {
            self.ids.insert(key, row.id);
            self.rows.insert(row.id, row);
        }
    }

    /// Drops what a commit changed.
    pub(crate) fn committed<'n>(&self, notices: impl Iterator<Item = &'n Notice>) {
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        *commits += 1;
        for notice in notices {
            match notice {
                Notice::Connection(id) => self.rows.invalidate(id),
                Notice::Environment(_) | Notice::Anything => {
                    self.rows.invalidate_all();
                    self.ids.invalidate_all();
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

#[cfg(test)]
mod tests {
    use valetkey_base::{Sealed, Timestamp};

    use super::*;

    fn row(id: i64) -> Arc<Connection> {
        let now = Timestamp::from_millis(1);
        Arc::new(Connection {
            id,
            environment_id: 1,
            integration_id: 1,
            integration_key: "github".to_owned(),
            provider: "github".to_owned(),
            connection_id: id.to_string(),
            row_uuid: String::new(),
            credentials: Sealed::from_bytes(vec![0; 100]),
            config: Sealed::from_bytes(vec![]),
            metadata: None,
            tags: "{}".to_owned(),
            end_user: None,
            webhook_url_override: None,
            generation: 1,
            expires_at: None,
            refresh_due_at: None,
            lease_until: None,
            refresh_failures: 0,
            refresh_failed_at: None,
            refresh_retry_at: None,
            refresh_exhausted: false,
            refresh_error: None,
            last_fetched_at: None,
            created_at: now,
            updated_at: now,
        })
    }

    fn key(id: i64) -> Key {
        (1, "github".to_owned(), id.to_string())
    }

    #[test]
    fn a_changed_row_is_dropped_however_many_were_read() {
        let cache = ConnectionCache::new();
        // More than it has room for, so that some of each part is evicted.
        let ids = 0..30_000;
        for id in ids.clone() {
            cache.keep(key(id), row(id), cache.commits());
        }
        let kept = ids.clone().filter(|id| cache.get(&key(*id)).is_some()).count();
        assert!(kept > 0);
        let changed: Vec<Notice> = ids.clone().map(Notice::Connection).collect();
        cache.committed(changed.iter());
        assert_eq!(ids.filter(|id| cache.get(&key(*id)).is_some()).count(), 0);
    }

    #[test]
    fn a_row_read_while_something_was_committed_is_not_kept() {
        let cache = ConnectionCache::new();
        let before = cache.commits();
        cache.committed([Notice::Events].iter());
        cache.keep(key(1), row(1), before);
        assert!(cache.get(&key(1)).is_none());
        cache.keep(key(1), row(1), cache.commits());
        assert_eq!(cache.get(&key(1)).map(|row| row.id), Some(1));
        cache.committed([Notice::Environment(1)].iter());
        assert!(cache.get(&key(1)).is_none());
    }

    #[test]
    fn a_key_that_another_row_took_over_is_not_answered_with_the_old_row() {
        let cache = ConnectionCache::new();
        cache.keep(key(1), row(2), cache.commits());
        assert!(cache.get(&key(1)).is_none());
    }
}
