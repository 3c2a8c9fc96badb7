//! The seam: statement and values in, rows out. The only file that knows there are two engines.
//!
//! Every statement is written once in the SQL both engines share (see the README of this crate);
//! where they truly differ, [`Sql`] is a pair. SQLite has one writer connection, fed by a queue
//! that commits many small transactions at once ([`crate::writer`]); PostgreSQL has a pool.

use std::collections::HashSet;

use serde::Serialize;
use sqlx::postgres::{PgPool, PgRow, Postgres};
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{Row as _, Transaction, ValueRef as _};
use valetkey_base::{Sealed, Timestamp};

use crate::error::{Error, Result};
use crate::notice::Notice;
use crate::operation_texts::Text;
use crate::writer::Writer;

/// A statement, or one per engine where they differ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sql {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }
}

/// The portable value types. NULL is typed because PostgreSQL binds by type.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Int(Option<i64>),
    Bool(bool),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

macro_rules! value_from {
    ($($from:ty => |$value:ident| $to:expr;)*) => {
        $(impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $to
            }
        })*
    };
}

value_from! {
    i64 => |value| Value::Int(Some(value));
    Option<i64> => |value| Value::Int(value);
    bool => |value| Value::Bool(value);
    &str => |value| Value::Text(Some(value.to_owned()));
    &String => |value| Value::Text(Some(value.clone()));
    String => |value| Value::Text(Some(value));
    Option<String> => |value| Value::Text(value);
    Option<&str> => |value| Value::Text(value.map(ToOwned::to_owned));
    &Option<String> => |value| Value::Text(value.clone());
    Timestamp => |value| Value::Int(Some(value.millis()));
    Option<Timestamp> => |value| Value::Int(value.map(Timestamp::millis));
    &Vec<u8> => |value| Value::Bytes(Some(value.clone()));
    &Sealed => |value| Value::Bytes(Some(value.as_bytes().to_vec()));
    Option<&Sealed> => |value| Value::Bytes(value.map(|sealed| sealed.as_bytes().to_vec()));
}

/// The values of a statement, in the order of `$1, $2, …`.
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::db::Value::from($value)),*] };
}
pub(crate) use params;

macro_rules! bind {
    ($sql:expr, $values:expr) => {{
        let mut query = sqlx::query($sql);
        for value in $values {
            query = match value {
                Value::Int(value) => query.bind(value),
                Value::Bool(value) => query.bind(value),
                Value::Text(value) => query.bind(value.map(storable)),
                Value::Bytes(value) => query.bind(value),
            };
        }
        query
    }};
}

/// PostgreSQL's text cannot hold U+0000. It is stored as U+FFFD on both engines, and a lookup by the
/// same text finds it.
fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// A list of rows or values as the JSON that a statement expands, with [`storable`] texts.
pub(crate) fn json_text(values: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(values).map_err(Error::Encode)?;
    if !text.contains("\\u0000") {
        return Ok(text);
    }
    // An escaped backslash before `u0000` is a text of six letters.
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        kept.push_str(before);
        let length = if escape.starts_with("\\u") { 6 } else { 2 };
        let (escape, after) = escape.split_at(length);
        kept.push_str(if escape == "\\u0000" { "\\ufffd" } else { escape });
        rest = after;
    }
    kept.push_str(rest);
    Ok(kept)
}

/// The database.
#[derive(Clone)]
pub(crate) enum Db {
    Sqlite { readers: SqlitePool, writer: Writer },
    Postgres(PgPool),
}

impl Db {
    pub(crate) async fn fetch_optional(
        &self,
        sql: impl Into<Sql>,
        values: Vec<Value>,
    ) -> Result<Option<Row>> {
        let sql = sql.into();
        Ok(match self {
            Db::Sqlite { readers, .. } => {
                bind!(sql.sqlite, values).fetch_optional(readers).await?.map(Row::Sqlite)
            }
            Db::Postgres(pool) => {
                bind!(sql.postgres, values).fetch_optional(pool).await?.map(Row::Postgres)
            }
        })
    }

    pub(crate) async fn fetch_all(
        &self,
        sql: impl Into<Sql>,
        values: Vec<Value>,
    ) -> Result<Vec<Row>> {
        let sql = sql.into();
        Ok(match self {
            Db::Sqlite { readers, .. } => {
                let rows = bind!(sql.sqlite, values).fetch_all(readers).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Db::Postgres(pool) => {
                let rows = bind!(sql.postgres, values).fetch_all(pool).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }
}

impl Db {
    /// The same, planned for these values alone. PostgreSQL plans a statement it has seen before
    /// for any values, which goes wrong where some match everything and others nothing.
    pub(crate) async fn fetch_all_planned(
        &self,
        sql: impl Into<Sql>,
        values: Vec<Value>,
    ) -> Result<Vec<Row>> {
        let sql = sql.into();
        match self {
            Db::Sqlite { .. } => self.fetch_all(sql, values).await,
            Db::Postgres(pool) => {
                let query = bind!(sql.postgres, values).persistent(false);
                Ok(query.fetch_all(pool).await?.into_iter().map(Row::Postgres).collect())
            }
        }
    }
}

/// A transaction under way. Statements see what earlier ones of the same transaction wrote.
pub struct Tx {
    pub(crate) inner: TxInner,
    pub(crate) notices: HashSet<Notice>,
    /// Words to be written before the commit.
    pub(crate) texts: Vec<Text>,
}

pub(crate) enum TxInner {
    Sqlite(Box<SqliteConnection>),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    pub(crate) fn new(inner: TxInner) -> Self {
        Self { inner, notices: HashSet::new(), texts: Vec::new() }
    }

    /// Runs a statement and says how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: impl Into<Sql>, values: Vec<Value>) -> Result<u64> {
        let sql = sql.into();
        Ok(match &mut self.inner {
            TxInner::Sqlite(connection) => {
                bind!(sql.sqlite, values).execute(connection.as_mut()).await?.rows_affected()
            }
            TxInner::Postgres(transaction) => {
                bind!(sql.postgres, values).execute(transaction.as_mut()).await?.rows_affected()
            }
        })
    }

    pub(crate) async fn fetch_optional(
        &mut self,
        sql: impl Into<Sql>,
        values: Vec<Value>,
    ) -> Result<Option<Row>> {
        let sql = sql.into();
        Ok(match &mut self.inner {
            TxInner::Sqlite(connection) => bind!(sql.sqlite, values)
                .fetch_optional(connection.as_mut())
                .await?
                .map(Row::Sqlite),
            TxInner::Postgres(transaction) => bind!(sql.postgres, values)
                .fetch_optional(transaction.as_mut())
                .await?
                .map(Row::Postgres),
        })
    }

    /// One row that must be there, such as the one an `INSERT … RETURNING` answers.
    pub(crate) async fn fetch_one(
        &mut self,
        sql: impl Into<Sql>,
        values: Vec<Value>,
    ) -> Result<Row> {
        self.fetch_optional(sql, values).await?.ok_or(Error::Missing)
    }

    pub(crate) async fn fetch_all(
        &mut self,
        sql: impl Into<Sql>,
        values: Vec<Value>,
    ) -> Result<Vec<Row>> {
        let sql = sql.into();
        Ok(match &mut self.inner {
            TxInner::Sqlite(connection) => {
                let rows = bind!(sql.sqlite, values).fetch_all(connection.as_mut()).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            TxInner::Postgres(transaction) => {
                let rows = bind!(sql.postgres, values).fetch_all(transaction.as_mut()).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// Whether this is PostgreSQL, for the few things only one engine has.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.inner, TxInner::Postgres(_))
    }
}

/// A row of either engine.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// A column by name.
    pub(crate) fn get<T: Column>(&self, name: &'static str) -> Result<T> {
        Ok(match self {
            // sqlx reads NULL from SQLite as zero, false or empty; refuse it here, once.
            Row::Sqlite(row) if !T::NULLABLE && row.try_get_raw(name)?.is_null() => {
                return Err(Error::UnexpectedNull(name));
            }
            Row::Sqlite(row) => T::sqlite(row, name)?,
            Row::Postgres(row) => T::postgres(row, name)?,
        })
    }
}

/// A type a column may have.
pub(crate) trait Column: Sized {
    const NULLABLE: bool;
    fn sqlite(row: &SqliteRow, name: &str) -> sqlx::Result<Self>;
    fn postgres(row: &PgRow, name: &str) -> sqlx::Result<Self>;
}

macro_rules! column {
    ($($plain:ty as $target:ty => |$value:ident| $to:expr;)*) => {
        $(impl Column for $target {
            const NULLABLE: bool = false;
            fn sqlite(row: &SqliteRow, name: &str) -> sqlx::Result<Self> {
                let $value: $plain = row.try_get(name)?;
                Ok($to)
            }
            fn postgres(row: &PgRow, name: &str) -> sqlx::Result<Self> {
                let $value: $plain = row.try_get(name)?;
                Ok($to)
            }
        }
        impl Column for Option<$target> {
            const NULLABLE: bool = true;
            fn sqlite(row: &SqliteRow, name: &str) -> sqlx::Result<Self> {
                Ok(row.try_get::<Option<$plain>, _>(name)?.map(|$value| $to))
            }
            fn postgres(row: &PgRow, name: &str) -> sqlx::Result<Self> {
                Ok(row.try_get::<Option<$plain>, _>(name)?.map(|$value| $to))
            }
        })*
    };
}

column! {
    i64 as i64 => |value| value;
    bool as bool => |value| value;
    String as String => |value| value;
    i64 as Timestamp => |value| Timestamp::from_millis(value);
    Vec<u8> as Vec<u8> => |value| value;
    Vec<u8> as Sealed => |value| Sealed::from_bytes(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_escape_of_a_nul_is_replaced() {
        let texts = ["plain", "nul \0 and \\u0000", "\\\0\u{1}\n\"é"];
        let text = json_text(&texts).unwrap();
        let back: Vec<String> = serde_json::from_str(&text).unwrap();
        let wanted: Vec<String> = texts.iter().map(|text| text.replace('\0', "\u{fffd}")).collect();
        assert_eq!(back, wanted);
    }
}
