//! The one writing thread. Everything that queued up during the previous commit goes into the next one:
//! under load one fsync serves hundreds of callers, and a single caller waits for nothing.

use super::queue::{Queue, Taken};
use super::{LiteTx, map};
use crate::error::{Error, Result};
use crate::tx::Op;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

/// Operations per commit. Bounds how long the first of a batch waits for the last.
const BATCH: usize = 1_024;

/// Callers waiting for the writer, about four commits' worth; more are refused so that they can say so to their peers.
pub(super) const WAITING: usize = 4_096;

/// Pages in the log that start a checkpoint under load: 16 MiB, after which the log is overwritten from its start.
const LOG_PAGES: i64 = 4_096;

/// A checkpoint costs two fsyncs; when idle it is worth that from here on.
const IDLE_PAGES: i64 = 64;

/// How long the queue has to be empty to count as idle.
const IDLE: Duration = Duration::from_millis(500);

/// Someone's operation, with where its answer goes.
pub(super) trait Job: Send {
    /// Runs it and keeps its outcome. An error means that nothing of it may be kept.
    fn run(&mut self, tx: &mut LiteTx<'_>) -> Result<()>;
    /// Hands the outcome over, now that the transaction is committed, or `Err` with why it was not.
    fn answer(self: Box<Self>, committed: Result<()>);
}

pub(super) struct Call<O: Op> {
    pub(super) op: O,
    pub(super) out: Option<Result<O::Out>>,
    pub(super) reply: oneshot::Sender<Result<O::Out>>,
}

impl<O: Op> Job for Call<O> {
    fn run(&mut self, tx: &mut LiteTx<'_>) -> Result<()> {
        // A panic in one operation must not take the writer with it.
        let out = catch_unwind(AssertUnwindSafe(|| tx.run(&self.op)))
            .unwrap_or_else(|_| Err(Error::Broken(format!("the operation `{}` panicked", O::NAME))));
        let verdict = out.as_ref().map(|_| ()).map_err(Clone::clone);
        self.out = Some(out);
        verdict
    }

    fn answer(self: Box<Self>, committed: Result<()>) {
        let out = match (committed, self.out) {
            // An operation that failed by itself keeps its own error, whatever became of the others.
            (_, Some(Err(error))) => Err(error),
            (Ok(()), Some(out)) => out,
            (Ok(()), None) => Err(Error::broken("an operation was not run")),
            (Err(error), _) => Err(error),
        };
        // The caller may have gone away.
        let _ = self.reply.send(out);
    }
}

/// What the threads share with those who ask about them.
#[derive(Default)]
pub(super) struct Pulse {
    pub(super) broken: AtomicBool,
    pub(super) commits: AtomicU64,
    pub(super) committed_ops: AtomicU64,
    pub(super) log_pages: AtomicU64,
}

pub(super) fn write(conn: &mut Connection, queue: &Queue<Box<dyn Job>>, pulse: &Pulse) {
    loop {
        match queue.take(BATCH, IDLE) {
            Taken::Items(jobs) => {
                commit(conn, jobs, pulse);
                checkpoint(conn, LOG_PAGES, pulse);
            }
            Taken::Idle => checkpoint(conn, IDLE_PAGES, pulse),
            Taken::Closed => {
                checkpoint(conn, 1, pulse);
                return;
            }
        }
    }
}

/// One transaction for all jobs, a savepoint for each, and the answers only after `COMMIT`.
fn commit(conn: &mut Connection, mut jobs: Vec<Box<dyn Job>>, pulse: &Pulse) {
    let mut tx = LiteTx::new(conn);
    let verdict = match pulse.broken.load(Ordering::Acquire) {
        true => Err(Error::broken("the database failed earlier; the process must be restarted")),
        false => attempt(&mut tx, &mut jobs),
    };
    if let Some(error) = tx.fatal.take() {
        // After a failed fsync nobody knows what the disk holds; only reading it afresh can tell.
        tracing::error!(%error, "the database cannot be trusted any more: stopping");
        pulse.broken.store(true, Ordering::Release);
    }
    if verdict.is_err() && !tx.conn.is_autocommit() {
        let _ = tx.frame("ROLLBACK");
    }
    if verdict.is_ok() {
        pulse.commits.fetch_add(1, Ordering::Relaxed);
        pulse.committed_ops.fetch_add(jobs.len() as u64, Ordering::Relaxed);
    }
    for job in jobs {
        job.answer(verdict.clone());
    }
}

fn attempt(tx: &mut LiteTx<'_>, jobs: &mut [Box<dyn Job>]) -> Result<()> {
    tx.frame("BEGIN IMMEDIATE")?;
    for job in jobs.iter_mut() {
        tx.frame("SAVEPOINT op")?;
        let done = job.run(tx);
        if let Some(error) = &tx.fatal {
            return Err(error.clone());
        }
        // A full disk can make SQLite roll back the whole transaction by itself: then nobody's work is kept.
        if tx.conn.is_autocommit() {
            return Err(done.err().unwrap_or_else(|| Error::broken("an operation ended the transaction")));
        }
        if done.is_err() {
            tx.frame("ROLLBACK TO op")?;
        }
        tx.frame("RELEASE op")?;
    }
    tx.frame("COMMIT")
}

/// Copies the log into the database once it has `pages` that were not copied yet. Never blocks readers or
/// shortens the log.
fn checkpoint(conn: &mut Connection, pages: i64, pulse: &Pulse) {
    if pulse.broken.load(Ordering::Acquire) {
        return;
    }
    let counts = |mode: &str| {
        let mut pragma = conn.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
        pragma.query_row([], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))
    };
    let done = counts("NOOP").and_then(|(log, copied)| match log - copied >= pages {
        true => counts("PASSIVE"),
        false => Ok((log, copied)),
    });
    match done {
        Ok((log, _)) => pulse.log_pages.store(log.max(0) as u64, Ordering::Relaxed),
        Err(error) if super::is_fatal(&error) => {
            tracing::error!(%error, "the database cannot be trusted any more: stopping");
            pulse.broken.store(true, Ordering::Release);
        }
        Err(error) => tracing::warn!(error = %map(error), "checkpoint postponed"),
    }
}
