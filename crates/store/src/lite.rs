//! SQLite.

mod backup;
mod inline;
mod pool;
mod queue;
mod restore;
mod writer;

use crate::error::{Error, Result};
use crate::tx::{BoxFut, Dialect, Op, Tx};
use crate::value::{Row, Val};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, Statement};
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub(crate) use backup::copy;
pub(crate) use inline::Inline;
pub use inline::{Fault, Faults};
pub(crate) use pool::Lite;
pub use restore::{restore, verify_backup};

/// Statements kept prepared per connection: all of ours, and the handful of shapes of a list.
const STATEMENTS: usize = 256;

/// How long to wait for a lock that only a foreign program (a shell) can hold: there is one writer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Page cache per connection, in KiB; the operating system keeps the rest.
const CACHE_KIB: i64 = 16 * 1024;

pub(crate) fn open(path: &Path) -> Result<Connection> {
    let failed = |e: &dyn std::fmt::Display| Error::Broken(format!("cannot open {}: {e}", path.display()));
    private(path).map_err(|e| failed(&e))?;
    let conn = Connection::open(path).map_err(|e| failed(&e))?;
    conn.busy_timeout(BUSY_TIMEOUT).map_err(map)?;
    // FULL: a commit is on the disk before it is answered. Checkpoints are the writer's own business,
    // and the log is recycled, never shortened: overwriting blocks is cheaper than appending them.
    conn.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
         PRAGMA foreign_keys = ON; PRAGMA cache_size = -{CACHE_KIB}; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
    ))
    .map_err(map)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(conn)
}

/// Makes the file, if it is new, readable to its owner only; SQLite gives its log the same rights.
fn private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(options.append(true).create(true), 0o600);
    options.open(path).map(|_| ())
}

pub(crate) fn open_memory() -> Result<Connection> {
    let conn = Connection::open_in_memory().map_err(map)?;
    conn.execute_batch("PRAGMA foreign_keys = ON;").map_err(map)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(conn)
}

/// A transaction on a connection; what begins and ends it stands around it.
pub(crate) struct LiteTx<'c> {
    pub(crate) conn: &'c mut Connection,
    /// An error after which this file must not be touched any more, even if the operation hid it.
    pub(crate) fatal: Option<Error>,
    /// The running operation's first failed statement.
    failed: Option<Error>,
}

impl<'c> LiteTx<'c> {
    pub(crate) fn new(conn: &'c mut Connection) -> Self {
        Self { conn, fatal: None, failed: None }
    }

    /// Runs an operation to its end. Nothing on SQLite is ever pending, so it is polled once. A statement
    /// that failed dooms the operation even if that goes on, because on PostgreSQL it does.
    pub(crate) fn run<O: Op>(&mut self, op: &O) -> Result<O::Out> {
        self.failed = None;
        let out = ready(op.run(self)).unwrap_or_else(|| {
            Err(Error::Broken(format!("the operation `{}` awaited something other than its transaction", O::NAME)))
        });
        match (out, self.failed.take()) {
            (Ok(_), Some(error)) => Err(error),
            (out, _) => out,
        }
    }

    /// One statement of the frame around operations: `BEGIN`, `SAVEPOINT op`.
    pub(crate) fn frame(&mut self, sql: &str) -> Result<()> {
        let done = self.exec_now(sql, &[]);
        self.note(done).map(|_| ())
    }

    fn note<T>(&mut self, done: rusqlite::Result<T>) -> Result<T> {
        done.map_err(|error| {
            let fatal = is_fatal(&error);
            let error = map(error);
            if fatal {
                self.fatal.get_or_insert(error.clone());
            }
            self.failed.get_or_insert(error.clone());
            error
        })
    }

    fn exec_now(&self, sql: &str, params: &[Val<'_>]) -> rusqlite::Result<u64> {
        let mut statement = self.conn.prepare_cached(sql)?;
        bind(&mut statement, params)?;
        statement.raw_execute().map(|n| n as u64)
    }

    fn query_now(&self, sql: &str, params: &[Val<'_>]) -> rusqlite::Result<Vec<Row>> {
        let mut statement = self.conn.prepare_cached(sql)?;
        bind(&mut statement, params)?;
        let width = statement.column_count();
        let mut rows = statement.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let mut values = Vec::with_capacity(width);
            for i in 0..width {
                values.push(match row.get_ref(i)? {
                    ValueRef::Null => Val::Null,
                    ValueRef::Integer(n) => Val::Int(n),
                    // No column is a REAL; a reader that asks for a number gets an error, not a rounded one.
                    ValueRef::Real(x) => Val::Text(x.to_string().into()),
                    ValueRef::Text(text) => Val::Text(String::from_utf8_lossy(text).into_owned().into()),
                    ValueRef::Blob(bytes) => Val::Bytes(bytes.to_vec().into()),
                });
            }
            found.push(Row::new(values));
        }
        Ok(found)
    }
}

impl Tx for LiteTx<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn exec<'a>(&'a mut self, sql: &'a str, params: &'a [Val<'a>]) -> BoxFut<'a, Result<u64>> {
        let done = self.exec_now(sql, params);
        Box::pin(std::future::ready(self.note(done)))
    }

    fn query<'a>(&'a mut self, sql: &'a str, params: &'a [Val<'a>]) -> BoxFut<'a, Result<Vec<Row>>> {
        let done = self.query_now(sql, params);
        Box::pin(std::future::ready(self.note(done)))
    }
}

/// SQLite reads `$3` as a name and numbers names by first appearance, so parameters go by name.
fn bind(statement: &mut Statement<'_>, params: &[Val<'_>]) -> rusqlite::Result<()> {
    for i in 1..=statement.parameter_count() {
        let n: usize = statement.parameter_name(i).and_then(|name| name[1..].parse().ok()).unwrap_or(0);
        let value = n.checked_sub(1).and_then(|n| params.get(n));
        let value = value.ok_or(rusqlite::Error::InvalidParameterCount(params.len(), n))?;
        statement.raw_bind_parameter(i, value)?;
    }
    Ok(())
}

impl rusqlite::ToSql for Val<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Val::Null => ValueRef::Null,
            Val::Bool(b) => ValueRef::Integer((*b).into()),
            Val::Int(n) => ValueRef::Integer(*n),
            Val::Text(text) => ValueRef::Text(text.as_bytes()),
            Val::Bytes(bytes) => ValueRef::Blob(bytes),
            Val::List(_) => return Err(rusqlite::Error::ToSqlConversionFailure("SQLite has no arrays".into())),
        }))
    }
}

/// The value of a future that is ready at once; `None` if it is not.
fn ready<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Splits SQLite's errors by what the caller can do. A full disk is refused cleanly (the transaction is
/// rolled back); a failed read, write or fsync is not survivable: what the file holds is unknown.
pub(crate) fn map(error: rusqlite::Error) -> Error {
    match &error {
        rusqlite::Error::SqliteFailure(code, _) => match code.code {
            ErrorCode::ConstraintViolation => match code.extended_code {
                rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY => Error::Conflict,
                _ => Error::Broken(error.to_string()),
            },
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                Error::Busy(format!("another program holds the database: {error}"))
            }
            ErrorCode::DiskFull => Error::Busy("the disk is full".to_owned()),
            _ => Error::Broken(error.to_string()),
        },
        _ => Error::Broken(error.to_string()),
    }
}

/// Whether an error leaves the file itself in doubt; a mistake in a statement does not.
pub(crate) fn is_fatal(error: &rusqlite::Error) -> bool {
    let Some(failure) = error.sqlite_error() else { return false };
    match failure.code {
        ErrorCode::SystemIoFailure
        | ErrorCode::DatabaseCorrupt
        | ErrorCode::NotADatabase
        | ErrorCode::CannotOpen
        | ErrorCode::OutOfMemory
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::InternalMalfunction
        | ErrorCode::PermissionDenied => true,
        // The plain code is a reader that tried to write; the extended ones say that the file was moved or cannot be recovered.
        ErrorCode::ReadOnly => failure.extended_code != rusqlite::ffi::SQLITE_READONLY,
        _ => false,
    }
}
