//! Searching operations by words: from the newest back, in windows of time.
//!
//! The first window has the newest operations; each further one is longer. So a word that is
//! everywhere is found in the first, a rare one is looked for in all of them, which its index makes
//! cheap, and with words that are common but never meet it stops before that takes long: the list
//! then says how far back it looked, and the next page goes on from there.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use valetkey_base::Timestamp;

use crate::db::{Row, Sql, Value, json_text, params};
use crate::error::Result;
use crate::open::Store;
use crate::operation_lists::{FAR_AWAY, OperationFilter, OperationGroup, OperationPage, Position};
use crate::operation_texts::{Asked, BEGINNINGS_MAX, Question};
use crate::operations::{Operation, operation};

/// Rows of words that one search takes.
const FOUND_MAX: usize = 1000;
/// Operations in the first window.
const WINDOW_OPERATIONS: i64 = 10_000;
/// How much longer each window is than the one before.
const WINDOW_GROWTH: u32 = 4;
/// The shortest first window.
const WINDOW_MIN: Duration = Duration::from_secs(10);
/// Windows that are looked through however long that takes.
const WINDOWS_MIN: usize = 2;
/// No window is begun that would not end by then, if it took as much longer than the last as it is
/// longer.
const PATIENCE: Duration = Duration::from_millis(50);

const WINDOW: Sql = Sql {
    sqlite: "SELECT created_at FROM operations INDEXED BY operations_recent
     WHERE environment_id = $1 AND created_at <= $2 ORDER BY created_at DESC LIMIT 1 OFFSET $3",
    postgres: "SELECT created_at FROM operations
     WHERE environment_id = $1 AND created_at <= $2 ORDER BY created_at DESC LIMIT 1 OFFSET $3",
};
const FIRST: Sql = Sql {
    sqlite: "SELECT created_at FROM operations INDEXED BY operations_recent
     WHERE environment_id = $1 ORDER BY created_at LIMIT 1",
    postgres: "SELECT created_at FROM operations
     WHERE environment_id = $1 ORDER BY created_at LIMIT 1",
};
const TEXTS: Sql = Sql {
    sqlite: "SELECT operation_id, rowid / 1048576 AS created_at FROM operation_texts
     WHERE operation_texts MATCH $1 AND rowid >= $2 * 1048576 AND rowid < ($3 + 1) * 1048576
     ORDER BY rowid DESC LIMIT $4",
    postgres: "SELECT operation_id, created_at FROM operation_texts
     WHERE words @@ $1::tsquery AND created_at >= $2 AND created_at <= $3
     ORDER BY created_at DESC LIMIT $4",
};
/// SQLite keeps the order of a cross join; it would read all operations first.
const MARKS: Sql = Sql {
    sqlite: "SELECT o.id, o.kind, o.action, o.state, o.integration_key, o.connection_id,
     o.created_at FROM json_each($2) AS t CROSS JOIN operations o
     WHERE o.id = t.value AND o.environment_id = $1",
    postgres: "SELECT o.id, o.kind, o.action, o.state, o.integration_key, o.connection_id,
     o.created_at FROM jsonb_array_elements_text($2::jsonb) AS t(value) JOIN operations o
     ON o.id = t.value WHERE o.environment_id = $1",
};
const ROWS: Sql = Sql {
    sqlite: "SELECT o.id, o.environment_id, o.kind, o.action, o.state, o.title, o.integration_key,
     o.connection_id, o.error, o.created_at, o.ended_at FROM json_each($2) AS t
     CROSS JOIN operations o WHERE o.id = t.value AND o.environment_id = $1
     ORDER BY o.created_at DESC, o.id DESC",
    postgres: "SELECT o.id, o.environment_id, o.kind, o.action, o.state, o.title,
     o.integration_key, o.connection_id, o.error, o.created_at, o.ended_at
     FROM jsonb_array_elements_text($2::jsonb) AS t(value) JOIN operations o ON o.id = t.value
     WHERE o.environment_id = $1 ORDER BY o.created_at DESC, o.id DESC",
};
/// SQLite only: leaps from word to word. Words have no control characters.
const WORDS: &str = "WITH RECURSIVE found(term) AS (
     SELECT (SELECT term FROM operation_words WHERE term >= $1 ORDER BY term LIMIT 1)
     UNION ALL
     SELECT (SELECT term FROM operation_words WHERE term >= found.term || char(1)
         ORDER BY term LIMIT 1)
     FROM found WHERE found.term >= $1 AND found.term < $2)
     SELECT term FROM found WHERE term >= $1 AND term < $2 LIMIT $3";

/// What a filter asks of an operation.
struct Mark {
    id: String,
    at: Timestamp,
    state: String,
    kind: String,
    action: String,
}

/// What a search found.
pub(crate) struct Found {
    /// Newest first. State, kind and action were not asked for.
    marks: Vec<Mark>,
    /// Where it stopped, if that was before the end.
    stopped: Option<Position>,
    /// Whether more words begin so than were looked for.
    left_out: bool,
}

/// A search under way.
struct Search<'a> {
    store: &'a Store,
    filter: &'a OperationFilter,
    text: String,
    from: Position,
}

impl Store {
    /// Looks for the words of a filter. Stops when more than `enough` operations fit all of it.
    pub(crate) async fn search_operations(
        &self,
        filter: &OperationFilter,
        question: &Question,
        after: Option<&Position>,
        enough: i64,
    ) -> Result<Found> {
        let end = Position { at: filter.until.unwrap_or(FAR_AWAY), id: String::new() };
        let from = after.filter(|after| after.at <= end.at).cloned().unwrap_or(end);
        let mut found = Found { marks: Vec::new(), stopped: None, left_out: false };
        let (asked, left_out) = self.asked(question).await?;
        found.left_out = left_out;
        let Some(asked) = asked else { return Ok(found) };
        let text = asked.text(self.is_shared(), filter.environment_id);
        let search = Search { store: self, filter, text, from };
        search.run(enough, &mut found).await?;
        Ok(found)
    }

    /// The question with its beginnings as whole words where the index knows no beginnings. `None`
    /// when no word begins so.
    async fn asked(&self, question: &Question) -> Result<(Option<Asked>, bool)> {
        if self.is_shared() {
            return Ok((Some(Asked::as_is(question)), false));
        }
        let (mut lists, mut left_out) = (Vec::new(), false);
        for (word, is_beginning) in question.words() {
            let mut list = vec![word.clone()];
            if *is_beginning {
                let above = format!("{word}\u{10ffff}");
                let values = params![word, above, BEGINNINGS_MAX as i64 + 1];
                let rows = self.db.fetch_all(WORDS, values).await?;
                list = rows.iter().map(|row| row.get("term")).collect::<Result<_>>()?;
                left_out |= list.len() > BEGINNINGS_MAX;
                list.truncate(BEGINNINGS_MAX);
            }
            if list.is_empty() {
                return Ok((None, false));
            }
            lists.push(list);
        }
        Ok((Some(Asked::spelled_out(lists)), left_out))
    }

    async fn instant(&self, sql: Sql, values: Vec<Value>) -> Result<Option<Timestamp>> {
        self.db.fetch_optional(sql, values).await?.map(|row| row.get("created_at")).transpose()
    }
}

impl Search<'_> {
    async fn run(&self, enough: i64, found: &mut Found) -> Result<()> {
        let environment = self.filter.environment_id;
        let at = |high: Timestamp, skipped: i64| params![environment, high, skipped];
        let newest = self.store.instant(WINDOW, at(self.from.at.min(FAR_AWAY), 0)).await?;
        let first = self.store.instant(FIRST, params![environment]).await?;
        let Some((mut high, first)) = newest.zip(first) else { return Ok(()) };
        let end = self.filter.since.map_or(first, |since| since.max(first));
        let low = self.store.instant(WINDOW, at(high, WINDOW_OPERATIONS)).await?;
        let mut low = low.unwrap_or(end).max(end);
        let mut length = high.since(low).max(WINDOW_MIN);
        let begin = Instant::now();
        let (mut windows, mut room) = (0, FOUND_MAX);
        loop {
            let window_begin = Instant::now();
            let texts = self.texts(low, high, room).await?;
            windows += 1;
            let is_full = texts.len() >= room;
            room -= texts.len();
            if let Some((_, oldest)) = texts.last().filter(|_| is_full) {
                let oldest = *oldest;
                self.add(texts, found).await?;
                // Others of that very millisecond may not have been looked at.
                let has_newer = found.marks.first().is_some_and(|mark| mark.at > oldest);
                found.marks.retain(|mark| !has_newer || mark.at > oldest);
                let at = Timestamp::from_millis(oldest.millis() + i64::from(has_newer));
                found.stopped = Some(Position { at, id: String::new() });
                return Ok(());
            }
            self.add(texts, found).await?;
            if low <= end {
                return Ok(());
            }
            let fitting = found.marks.iter().filter(|mark| mark.fits(self.filter)).count() as i64;
            let would_take = begin.elapsed() + window_begin.elapsed() * WINDOW_GROWTH;
            if fitting > enough || (windows >= WINDOWS_MIN && would_take >= PATIENCE) {
                found.stopped = Some(Position { at: low, id: String::new() });
                return Ok(());
            }
            length *= WINDOW_GROWTH;
            high = Timestamp::from_millis(low.millis() - 1);
            low = low.minus(length).max(end);
        }
    }

    /// Ids of operations and when they began, of the newest rows of words in a window.
    async fn texts(
        &self,
        low: Timestamp,
        high: Timestamp,
        room: usize,
    ) -> Result<Vec<(String, Timestamp)>> {
        let values = params![&self.text, low, high, room as i64];
        let rows = self.store.db.fetch_all_planned(TEXTS, values).await?;
        rows.iter().map(|row| Ok((row.get("operation_id")?, row.get("created_at")?))).collect()
    }

    /// Reads the operations of some rows of words, each once.
    async fn add(&self, texts: Vec<(String, Timestamp)>, found: &mut Found) -> Result<()> {
        let (filter, from) = (self.filter, &self.from);
        let mut ids: Vec<String> = texts
            .into_iter()
            .filter(|(id, at)| *at < from.at || *id < from.id)
            .map(|(id, _)| id)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(());
        }
        let values = params![filter.environment_id, json_text(&ids)?];
        let rows = self.store.db.fetch_all(MARKS, values).await?;
        let fits = |row: &Row, name, wanted: &Option<String>| -> Result<bool> {
            let stored: Option<String> = row.get(name)?;
            Ok(wanted.is_none() || stored == *wanted)
        };
        let known = found.marks.len();
        for row in &rows {
            if fits(row, "integration_key", &filter.integration_key)?
                && fits(row, "connection_id", &filter.connection_id)?
            {
                found.marks.push(Mark {
                    id: row.get("id")?,
                    at: row.get("created_at")?,
                    state: row.get("state")?,
                    kind: row.get("kind")?,
                    action: row.get("action")?,
                });
            }
        }
        // Windows come from the newest back.
        found.marks[known..].sort_by(|left, right| (right.at, &right.id).cmp(&(left.at, &left.id)));
        Ok(())
    }
}

impl Mark {
    fn fits(&self, filter: &OperationFilter) -> bool {
        let fits = |wanted: &Option<String>, is: &String| wanted.as_ref().is_none_or(|it| it == is);
        fits(&filter.state, &self.state)
            && fits(&filter.kind, &self.kind)
            && fits(&filter.action, &self.action)
    }
}

impl Found {
    /// The page that begins where the search did.
    pub(crate) async fn page(
        &self,
        store: &Store,
        filter: &OperationFilter,
        limit: i64,
    ) -> Result<OperationPage> {
        let limit = usize::try_from(limit).unwrap_or(0);
        let fitting: Vec<&Mark> = self.marks.iter().filter(|mark| mark.fits(filter)).collect();
        let shown = &fitting[..fitting.len().min(limit)];
        let ids: Vec<&str> = shown.iter().map(|mark| mark.id.as_str()).collect();
        let values = params![filter.environment_id, json_text(&ids)?];
        let rows = store.db.fetch_all(ROWS, values).await?;
        let rows = rows.iter().map(operation).collect::<Result<Vec<Operation>>>()?;
        let left_out = self.left_out;
        if let Some(last) = shown.last().filter(|_| fitting.len() > limit) {
            let older = Some(Position { at: last.at, id: last.id.clone() });
            return Ok(OperationPage { rows, older, is_cut: false, left_out });
        }
        let is_cut = self.stopped.is_some();
        Ok(OperationPage { rows, older: self.stopped.clone(), is_cut, left_out })
    }

    /// How many there are by state, kind and action, and whether there may be more.
    pub(crate) fn groups(&self) -> (Vec<OperationGroup>, bool) {
        let mut times = BTreeMap::new();
        for mark in &self.marks {
            *times.entry((&mark.state, &mark.kind, &mark.action)).or_insert(0) += 1;
        }
        let groups = times.into_iter().map(|((state, kind, action), times)| OperationGroup {
            state: state.clone(),
            kind: kind.clone(),
            action: action.clone(),
            times,
        });
        (groups.collect(), self.stopped.is_some() || self.left_out)
    }
}
