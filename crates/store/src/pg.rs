//! PostgreSQL, and what speaks like it.

mod connect;

use crate::error::{Error, Result};
use crate::migrate;
use crate::tx::{BoxFut, Dialect, Op, Tx};
use crate::value::{Row, Val};
use deadpool_postgres::{Object, Pool, PoolError, Transaction};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_postgres::IsolationLevel;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// Writing connections. Measured: more add latency, not throughput.
const WRITERS: usize = 8;

/// Reading connections, apart so that a long list never keeps an alert waiting.
const READERS: usize = 8;

/// Runs of an operation that meets other writers: enough for eight that all want the same row.
const ATTEMPTS: u32 = 16;

/// The longest an operation may take, beyond any good one; then its connection is given up.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct Pg {
    writers: Pool,
    readers: Pool,
}

impl Pg {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        let (writers, readers) = (connect::pool(url, WRITERS)?, connect::pool(url, READERS)?);
        let pg = Self { writers, readers };
        pg.write(&migrate::Prepare).await?;
        while pg.write(&migrate::Step).await? {}
        Ok(pg)
    }

    /// Runs again, a bounded number of times, whatever met another writer.
    pub(crate) async fn write<O: Op>(&self, op: &O) -> Result<O::Out> {
        for attempt in 1..ATTEMPTS {
            match self.attempt(&self.writers, op, false).await {
                Err(Error::Conflict) => tokio::time::sleep(backoff(attempt)).await,
                done => return done,
            }
        }
        self.attempt(&self.writers, op, false).await
    }

    pub(crate) async fn read<O: Op>(&self, op: &O) -> Result<O::Out> {
        // A connection that died of a restarted server is replaced once; reading twice harms nobody.
        match self.attempt(&self.readers, op, true).await {
            Err(Error::Busy(_) | Error::Unknown(_)) => self.attempt(&self.readers, op, true).await,
            done => done,
        }
    }

    async fn attempt<O: Op>(&self, pool: &Pool, op: &O, read_only: bool) -> Result<O::Out> {
        let mut client = pool.get().await.map_err(no_connection)?;
        let committing = AtomicBool::new(false);
        let done = tokio::time::timeout(LIMIT, transact(&mut client, op, read_only, &committing)).await;
        done.unwrap_or_else(|_| {
            // It may be stuck in the network: nobody else shall get it.
            drop(Object::take(client));
            let what = format!("PostgreSQL did not answer `{}` in {} s", O::NAME, LIMIT.as_secs());
            Err(if committing.load(Ordering::Relaxed) { Error::Unknown(what) } else { Error::Busy(what) })
        })
    }
}

fn backoff(attempt: u32) -> Duration {
    Duration::from_millis(1 << attempt.min(6))
}

async fn transact<O: Op>(client: &mut Object, op: &O, read_only: bool, committing: &AtomicBool) -> Result<O::Out> {
    // Writers are told apart by versions, so READ COMMITTED is enough; a reader sees one state.
    let level = if read_only { IsolationLevel::RepeatableRead } else { IsolationLevel::ReadCommitted };
    let transaction = client.build_transaction().isolation_level(level).read_only(read_only).start().await.map_err(map)?;
    let mut tx = PgTx { transaction, read_only, failed: None };
    let out = Box::pin(op.run(&mut tx)).await;
    // After a failed statement PostgreSQL turns COMMIT into ROLLBACK without calling it an error.
    let out = match (out, tx.failed.take()) {
        (Ok(_), Some(error)) => Err(error),
        (out, _) => out,
    };
    match out {
        Ok(out) => {
            committing.store(true, Ordering::Relaxed);
            tx.transaction.commit().await.map_err(at_commit)?;
            Ok(out)
        }
        Err(error) => {
            // The first error is the one that tells; a connection that cannot roll back is dead.
            let _ = tx.transaction.rollback().await;
            Err(error)
        }
    }
}

struct PgTx<'c> {
    transaction: Transaction<'c>,
    read_only: bool,
    failed: Option<Error>,
}

impl PgTx<'_> {
    fn note<T>(&mut self, done: Result<T, tokio_postgres::Error>) -> Result<T> {
        done.map_err(|error| {
            let error = match error.code() {
                // Otherwise it tells of a standby, and to try again.
                Some(&SqlState::READ_ONLY_SQL_TRANSACTION) if self.read_only => Error::Broken(tell(&error)),
                _ => map(error),
            };
            self.failed.get_or_insert(error.clone());
            error
        })
    }
}

impl Tx for PgTx<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn exec<'a>(&'a mut self, sql: &'a str, params: &'a [Val<'a>]) -> BoxFut<'a, Result<u64>> {
        Box::pin(async move {
            let statement = self.transaction.prepare_cached(sql).await;
            let statement = self.note(statement)?;
            let done = self.transaction.execute(&statement, &refs(params)).await;
            self.note(done)
        })
    }

    fn query<'a>(&'a mut self, sql: &'a str, params: &'a [Val<'a>]) -> BoxFut<'a, Result<Vec<Row>>> {
        Box::pin(async move {
            let statement = self.transaction.prepare_cached(sql).await;
            let statement = self.note(statement)?;
            let done = self.transaction.query(&statement, &refs(params)).await;
            self.note(done)?.iter().map(row).collect()
        })
    }
}

fn refs<'a>(params: &'a [Val<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    params.iter().map(|p| p as &(dyn ToSql + Sync)).collect()
}

fn row(row: &tokio_postgres::Row) -> Result<Row> {
    let value = |i: usize, ty: &Type| -> Result<Val<'static>, tokio_postgres::Error> {
        Ok(match *ty {
            Type::BOOL => row.try_get::<_, Option<bool>>(i)?.into(),
            Type::INT8 => row.try_get::<_, Option<i64>>(i)?.into(),
            Type::INT4 => row.try_get::<_, Option<i32>>(i)?.map(i64::from).into(),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(i)?.map_or(Val::Null, |bytes| Val::Bytes(bytes.into())),
            _ => row.try_get::<_, Option<String>>(i)?.into(),
        })
    };
    let values = row.columns().iter().enumerate().map(|(i, column)| value(i, column.type_()));
    values.collect::<Result<_, _>>().map(Row::new).map_err(map)
}

impl ToSql for Val<'_> {
    fn to_sql(&self, ty: &Type, out: &mut bytes::BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Val::Null => Ok(IsNull::Yes),
            Val::Bool(b) => b.to_sql_checked(ty, out),
            Val::Int(n) if *ty == Type::INT4 => i32::try_from(*n)?.to_sql_checked(ty, out),
            Val::Int(n) => n.to_sql_checked(ty, out),
            // PostgreSQL has no NUL in text; JSON of senders may.
            Val::Text(text) if text.contains('\0') => text.replace('\0', "\u{fffd}").to_sql_checked(ty, out),
            Val::Text(text) => text.as_ref().to_sql_checked(ty, out),
            Val::Bytes(bytes) => bytes.as_ref().to_sql_checked(ty, out),
            Val::List(values) => values.to_sql_checked(ty, out),
        }
    }

    /// Each value checks for itself.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Splits PostgreSQL's errors by what the caller can do.
fn map(error: tokio_postgres::Error) -> Error {
    let Some(db) = error.as_db_error() else {
        let lost = error.is_closed() || std::error::Error::source(&error).is_some_and(|e| e.is::<std::io::Error>());
        return if lost { Error::Busy(format!("PostgreSQL: {}", tell(&error))) } else { Error::Broken(tell(&error)) };
    };
    let code = db.code();
    let class = code.code().get(..2).unwrap_or_default();
    // The last two: of several nodes that make the same table at once, `IF NOT EXISTS` spares not all.
    let raced = [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::UNIQUE_VIOLATION,
        SqlState::DUPLICATE_TABLE,
        SqlState::DUPLICATE_OBJECT,
    ];
    if raced.contains(code) {
        return Error::Conflict;
    }
    let what = format!("PostgreSQL: {} ({})", db.message(), code.code());
    // Lost or refused connections, exhausted resources, stopping servers, timeouts, a standby that was promoted away.
    let passing = matches!(class, "08" | "53" | "57" | "58")
        || [SqlState::LOCK_NOT_AVAILABLE, SqlState::READ_ONLY_SQL_TRANSACTION].contains(code);
    if passing { Error::Busy(what) } else { Error::Broken(what) }
}

/// An error in answer to `COMMIT`: unless the server refused, nobody knows.
fn at_commit(error: tokio_postgres::Error) -> Error {
    match map(error) {
        Error::Busy(what) => Error::Unknown(what),
        other => other,
    }
}

fn no_connection(error: PoolError) -> Error {
    match error {
        PoolError::Backend(error) => map(error),
        PoolError::Timeout(_) => Error::Busy("all connections to PostgreSQL are in use".to_owned()),
        other => Error::Busy(format!("PostgreSQL: {other}")),
    }
}

/// An error with its causes: tokio-postgres keeps the telling part in the source.
fn tell(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
