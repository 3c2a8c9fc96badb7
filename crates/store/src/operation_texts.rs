//! The words of operations and their messages, for searching.
//!
//! A full-text index is a plain list of words here: they are split and made small before they are
//! stored, so that both engines find the same. Rows are gathered while a transaction runs and
//! written in one statement before its commit; on SQLite that is once for all the small
//! transactions that share a commit. How they are searched: [`crate::operation_search`].

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value as Json;
use valetkey_base::Timestamp;

use crate::db::{Sql, Tx, json_text, params};
use crate::error::Result;

/// Different words kept of one text.
const WORDS_MAX: usize = 200;
/// Characters kept of one word.
const WORD_CHARACTERS_MAX: usize = 64;
/// Words of a question.
const ASKED_MAX: usize = 12;
/// Different words that one beginning may stand for, where they have to be looked for one by one.
pub(crate) const BEGINNINGS_MAX: usize = 30;
/// Letters that a beginning must have.
const BEGINNING_CHARACTERS_MIN: usize = 3;

/// Words to be stored with an operation.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Text {
    operation_id: String,
    words: String,
}

const INSERT: Sql = Sql {
    sqlite: "INSERT INTO operation_texts (rowid, words, operation_id)
     SELECT o.created_at * 1048576 + ROW_NUMBER() OVER (PARTITION BY o.created_at)
         + COALESCE((SELECT MAX(t.rowid) % 1048576 FROM operation_texts t
             WHERE t.rowid >= o.created_at * 1048576 AND t.rowid < (o.created_at + 1) * 1048576), 0),
         '_' || o.environment_id || ' ' || (value ->> 'words'), o.id
     FROM json_each($1) JOIN operations o ON o.id = value ->> 'operation_id'",
    postgres: "INSERT INTO operation_texts (operation_id, created_at, words)
     SELECT o.id, o.created_at,
         array_to_tsvector(string_to_array('_' || o.environment_id || ' ' || r.words, ' '))
     FROM jsonb_to_recordset($1::jsonb) AS r(operation_id text, words text)
     JOIN operations o ON o.id = r.operation_id",
};
const PURGE: Sql = Sql {
    sqlite: "DELETE FROM operation_texts WHERE rowid < $1 * 1048576",
    postgres: "DELETE FROM operation_texts WHERE created_at < $1",
};

/// The words of some texts, each once.
fn words(texts: &[&str]) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for text in texts {
        for word in text.split(|letter: char| !letter.is_alphanumeric()) {
            if words.len() >= WORDS_MAX {
                return words;
            }
            let word = word.to_lowercase();
            // Small letters of some alphabets come with marks that are no letters.
            let word: String = word.chars().filter(|letter| letter.is_alphanumeric()).collect();
            if !word.is_empty() {
                words.insert(word.chars().take(WORD_CHARACTERS_MAX).collect());
            }
        }
    }
    words
}

/// The texts and numbers in JSON, without the names of its fields.
fn values_of(json: &str) -> String {
    fn collect(value: &Json, into: &mut String) {
        match value {
            Json::String(text) => {
                into.push_str(text);
                into.push(' ');
            }
            Json::Number(number) => {
                into.push_str(&number.to_string());
                into.push(' ');
            }
            Json::Array(items) => items.iter().for_each(|item| collect(item, into)),
            Json::Object(fields) => fields.values().for_each(|field| collect(field, into)),
            Json::Null | Json::Bool(_) => {}
        }
    }
    let Ok(value) = serde_json::from_str(json) else { return json.to_owned() };
    let mut text = String::new();
    collect(&value, &mut text);
    text
}

/// A question: every word must be there; one that ends in `*` is the beginning of one. `None` when it has no words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    words: Vec<(String, bool)>,
}

impl Question {
    /// Reads what a person typed.
    pub fn parse(text: &str) -> Option<Self> {
        let mut asked = Vec::new();
        for part in text.split_whitespace() {
            let is_beginning = part.ends_with('*');
            let mut found: Vec<_> = part
                .split(|letter: char| !letter.is_alphanumeric())
                .flat_map(|word| words(&[word]))
                .map(|word| (word, false))
                .collect();
            if let Some((word, begins)) = found.last_mut() {
                *begins = is_beginning && word.chars().count() >= BEGINNING_CHARACTERS_MIN;
            }
            asked.extend(found);
        }
        asked.truncate(ASKED_MAX);
        (!asked.is_empty()).then_some(Self { words: asked })
    }

    /// Its words, and whether each is a beginning.
    pub(crate) fn words(&self) -> &[(String, bool)] {
        &self.words
    }
}

/// A question ready to be asked: of every list, one word must be there.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    lists: Vec<Vec<String>>,
    /// Whether the last letters of words at these places are left open.
    beginnings: Vec<bool>,
}

impl Asked {
    /// For an index that finds beginnings.
    pub(crate) fn as_is(question: &Question) -> Self {
        let (lists, beginnings) =
            question.words.iter().map(|(word, begins)| (vec![word.clone()], *begins)).unzip();
        Self { lists, beginnings }
    }

    /// For one that does not: each list has all words that may be meant.
    pub(crate) fn spelled_out(lists: Vec<Vec<String>>) -> Self {
        Self { beginnings: vec![false; lists.len()], lists }
    }

    /// In the language of SQLite's `MATCH`, or of PostgreSQL's `tsquery`. Words are letters and
    /// digits, so quotes need no escape.
    pub(crate) fn text(&self, is_postgres: bool, environment_id: i64) -> String {
        let (and, or, quote, open) =
            if is_postgres { (" & ", " | ", '\'', ":*") } else { (" AND ", " OR ", '"', "*") };
        let mut text = format!("{quote}_{environment_id}{quote}");
        for (list, begins) in self.lists.iter().zip(&self.beginnings) {
            let end = if *begins { open } else { "" };
            let words: Vec<_> =
                list.iter().map(|word| format!("{quote}{word}{quote}{end}")).collect();
            text.push_str(and);
            match words.as_slice() {
                [one] => text.push_str(one),
                many => text.extend(["(", &many.join(or), ")"]),
            }
        }
        text
    }
}

/// The words under which some texts and a JSON text are found, as the index has them; with a space
/// between.
pub fn indexed_words(texts: &[&str], json: Option<&str>) -> String {
    let values = json.map(values_of).unwrap_or_default();
    let mut all = texts.to_vec();
    all.push(&values);
    words(&all).into_iter().collect::<Vec<_>>().join(" ")
}

impl Tx {
    /// Remembers the words of some texts and of a JSON text, to be written with this transaction.
    pub(crate) fn index(&mut self, operation_id: &str, texts: &[&str], json: Option<&str>) {
        let words = indexed_words(texts, json);
        if words.is_empty() {
            return;
        }
        self.texts.push(Text { operation_id: operation_id.to_owned(), words });
    }

    /// Writes what [`Tx::index`] gathered. Words of operations that are not there are dropped.
    pub(crate) async fn write_texts(&mut self) -> Result<()> {
        let texts = std::mem::take(&mut self.texts);
        if texts.is_empty() {
            return Ok(());
        }
        self.execute(INSERT, params![json_text(&texts)?]).await.map(|_| ())
    }

    /// Removes the words of operations that began before.
    pub(crate) async fn purge_texts(&mut self, before: Timestamp) -> Result<()> {
        self.execute(PURGE, params![before]).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_words() {
        let found: Vec<_> =
            words(&["Refresh failed: invalid_grant (HTTP 400), Übergröße", "refresh"])
                .into_iter()
                .collect();
        assert_eq!(found, ["400", "failed", "grant", "http", "invalid", "refresh", "übergröße"]);
        assert_eq!(values_of("{\"code\":\"x\",\"n\":[400,null,true]}"), "x 400 ");
        assert_eq!(words(&["x".repeat(100).as_str()]).first().unwrap().len(), 64);
    }

    #[test]
    fn questions_are_safe_in_both_languages() {
        let question = Question::parse("Invalid_Grant \"' OR* :conn* x*").unwrap();
        let asked = Asked::as_is(&question);
        assert_eq!(
            asked.text(false, 7),
            "\"_7\" AND \"invalid\" AND \"grant\" AND \"or\" AND \"conn\"* AND \"x\""
        );
        assert_eq!(asked.text(true, 7), "'_7' & 'invalid' & 'grant' & 'or' & 'conn':* & 'x'");
        let lists = vec![vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()]];
        let asked = Asked::spelled_out(lists);
        assert_eq!(asked.text(false, 7), "\"_7\" AND (\"a\" OR \"b\") AND \"c\"");
        assert_eq!(Question::parse(" *:'\" "), None);
    }
}
