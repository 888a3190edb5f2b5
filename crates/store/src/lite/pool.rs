//! A SQLite file with its threads: one that writes, a few that read.

use super::queue::{Queue, Taken};
use super::writer::{Call, Job, Pulse, WAITING, write};
use super::{LiteTx, open};
use crate::error::{Error, Result};
use crate::migrate;
use crate::tx::Op;
use rusqlite::Connection;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Readers. Pages for people are short; two cores are kept busy by four.
const READERS: usize = 4;

/// Reads waiting for a reader; more are refused.
const READS_WAITING: usize = 1_024;

type Jobs = Queue<Box<dyn Job>>;

pub(crate) struct Lite {
    path: PathBuf,
    writes: Arc<Jobs>,
    reads: Arc<Jobs>,
    pulse: Arc<Pulse>,
    threads: Vec<JoinHandle<()>>,
    /// Held as long as the store is open; a second process finds it locked.
    _lock: File,
}

impl Lite {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let lock = lock(path)?;
        let mut conn = open(path)?;
        migrate::sqlite(&mut conn)?;
        let writes = Arc::new(Queue::new(WAITING));
        let reads = Arc::new(Queue::new(READS_WAITING));
        let mut lite = Self { path: path.to_owned(), writes, reads, pulse: Arc::default(), threads: Vec::new(), _lock: lock };
        lite.start("store-writer", Arc::clone(&lite.writes), move |queue, pulse| write(&mut conn, queue, pulse))?;
        for n in 0..READERS {
            let mut conn = open(path)?;
            conn.execute_batch("PRAGMA query_only = ON").map_err(super::map)?;
            let name = format!("store-reader-{n}");
            lite.start(&name, Arc::clone(&lite.reads), move |queue, pulse| read(&mut conn, queue, pulse))?;
        }
        Ok(lite)
    }

    fn start(&mut self, name: &str, queue: Arc<Jobs>, body: impl FnOnce(&Jobs, &Pulse) + Send + 'static) -> Result<()> {
        let pulse = Arc::clone(&self.pulse);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let alarm = Alarm { queue: &queue, pulse: &pulse };
            body(alarm.queue, alarm.pulse);
        });
        self.threads.push(thread.map_err(|e| Error::Broken(format!("cannot start a thread: {e}")))?);
        Ok(())
    }

    pub(crate) async fn write<O: Op>(&self, op: O) -> Result<O::Out> {
        if self.is_broken() {
            return Err(Error::broken("the database failed earlier; the process must be restarted"));
        }
        call(&self.writes, op).await
    }

    pub(crate) async fn read<O: Op>(&self, op: O) -> Result<O::Out> {
        call(&self.reads, op).await
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.pulse.broken.load(Ordering::Acquire)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Commits, operations in them, waiting operations, pages in the log.
    pub(crate) fn counts(&self) -> [u64; 4] {
        [
            self.pulse.commits.load(Ordering::Relaxed),
            self.pulse.committed_ops.load(Ordering::Relaxed),
            self.writes.len() as u64,
            self.pulse.log_pages.load(Ordering::Relaxed),
        ]
    }
}

impl Drop for Lite {
    /// Works off what is queued, then lets go of the file: a store that was dropped can be opened again.
    fn drop(&mut self) {
        self.writes.close();
        self.reads.close();
        for thread in self.threads.drain(..) {
            // An operation may have held the last handle; its thread cannot wait for itself.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

/// A thread that dies of a bug of ours must not leave its callers waiting.
struct Alarm<'a> {
    queue: &'a Jobs,
    pulse: &'a Pulse,
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.pulse.broken.store(true, Ordering::Release);
            self.queue.close();
            while let Taken::Items(jobs) = self.queue.take(usize::MAX, Duration::ZERO) {
                drop(jobs);
            }
        }
    }
}

async fn call<O: Op>(queue: &Jobs, op: O) -> Result<O::Out> {
    let (reply, answer) = oneshot::channel();
    queue.push(Box::new(Call { op, out: None, reply }))?;
    answer.await.unwrap_or_else(|_| Err(Error::Unknown("the store stopped before it answered".to_owned())))
}

/// Each read sees one state of the database, however many statements it has.
fn read(conn: &mut Connection, queue: &Jobs, pulse: &Pulse) {
    loop {
        let job = match queue.take(1, Duration::from_secs(3_600)) {
            Taken::Items(jobs) => jobs,
            Taken::Idle => continue,
            Taken::Closed => return,
        };
        for mut job in job {
            let mut tx = LiteTx::new(conn);
            let begun = tx.frame("BEGIN").and_then(|()| job.run(&mut tx));
            if !tx.conn.is_autocommit() {
                let _ = tx.frame("ROLLBACK");
            }
            if let Some(error) = tx.fatal.take() {
                tracing::error!(%error, "the database cannot be trusted any more: stopping");
                pulse.broken.store(true, Ordering::Release);
            }
            job.answer(begun);
        }
    }
}

/// Two processes on one file would both page. SQLite itself would let them.
pub(super) fn lock(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    let broken = |e: &dyn std::fmt::Display| Error::Broken(format!("cannot lock {}: {e}", path.display()));
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&name).map_err(|e| broken(&e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Broken(format!(
            "{} is in use by another process; stop it first, or use PostgreSQL to run several nodes",
            path.display()
        ))),
        Err(TryLockError::Error(e)) => Err(broken(&e)),
    }
}
