//! Values opened a moment ago.
//!
//! Opening costs two key derivations and parsing; an app reads the same connection again and again.
//! An entry counts only for a row whose sealed bytes are the same, so it can never be older than
//! the row, on either engine. It lives for a minute at most, and without refresh tokens.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use valetkey_store::Connection;

use crate::connections::OpenedJson;

/// Most bytes of opened values kept.
const BYTES_MAX: u64 = 8 * 1024 * 1024;
/// How long one is kept.
const KEPT_FOR: Duration = Duration::from_mins(1);
/// What an entry costs beside its texts and its row, in bytes.
const ENTRY_OVERHEAD_BYTES: usize = 300;

struct Entry {
    row: Arc<Connection>,
    opened: Arc<OpenedJson>,
}

/// The cache, by connection row.
pub(crate) struct Opened(Cache<i64, Arc<Entry>>);

impl Opened {
    pub(crate) fn new() -> Self {
        let weigh = |_: &i64, entry: &Arc<Entry>| {
            let sealed = entry.row.credentials.as_bytes().len() + entry.row.config.as_bytes().len();
            let bytes = sealed + entry.opened.bytes() + ENTRY_OVERHEAD_BYTES;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(BYTES_MAX).time_to_live(KEPT_FOR).weigher(weigh).build())
    }

    pub(crate) fn get(&self, row: &Arc<Connection>) -> Option<Arc<OpenedJson>> {
        let entry = self.0.get(&row.id)?;
        let same = Arc::ptr_eq(&entry.row, row)
            || (entry.row.credentials == row.credentials && entry.row.config == row.config);
        same.then(|| entry.opened.clone())
    }

    pub(crate) fn keep(&self, row: Arc<Connection>, opened: Arc<OpenedJson>) {
        self.0.insert(row.id, Arc::new(Entry { row, opened }));
    }
}
