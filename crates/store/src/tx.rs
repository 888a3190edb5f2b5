//! The small layer over both engines: a transaction, and named operations that run inside one.

use crate::error::Result;
use crate::value::{Row, Val};
use std::future::Future;
use std::pin::Pin;

pub type BoxFut<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

/// An open transaction. One SQL text serves both engines: `$n` placeholders, and the listed
/// fragments of [`Dialect`] where they differ.
pub trait Tx: Send {
    fn dialect(&self) -> Dialect;
    /// Answers how many rows it touched.
    fn exec<'a>(&'a mut self, sql: &'a str, params: &'a [Val<'a>]) -> BoxFut<'a, Result<u64>>;
    fn query<'a>(&'a mut self, sql: &'a str, params: &'a [Val<'a>]) -> BoxFut<'a, Result<Vec<Row>>>;
}

/// A named operation: what it reads and writes happens in one transaction or not at all.
///
/// It may run again (after a serialisation failure, or because its answer was lost), hence `&self`.
/// It must await nothing but its transaction: on SQLite it runs on the one writing thread.
pub trait Op: Send + Sync + 'static {
    type Out: Send + 'static;
    /// Metric label and fault point.
    const NAME: &'static str;

    fn run(&self, tx: &mut dyn Tx) -> impl Future<Output = Result<Self::Out>> + Send;
}

impl Dialect {
    /// Follows a `SELECT` whose rows must not change before this transaction ends; SQLite has one writer anyway.
    pub(crate) fn for_share(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "FOR SHARE",
        }
    }

    /// The same for rows that this transaction is about to change.
    pub(crate) fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "FOR UPDATE",
        }
    }

    /// Follows a claim's inner `SELECT`: leave out the rows that another node is claiming right now.
    pub(crate) fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "FOR UPDATE SKIP LOCKED",
        }
    }
}

/// The first row of an answer that has at most one.
pub(crate) async fn first(tx: &mut dyn Tx, sql: &str, params: &[Val<'_>]) -> Result<Option<Row>> {
    Ok(tx.query(sql, params).await?.into_iter().next())
}

/// A single number: `SELECT count(*)`, `SELECT min(at)`. An empty answer is `None`.
pub(crate) async fn number(tx: &mut dyn Tx, sql: &str, params: &[Val<'_>]) -> Result<Option<i64>> {
    match first(tx, sql, params).await? {
        Some(mut row) => row.int_or_null(),
        None => Ok(None),
    }
}
