//! The store: where operations go.

use crate::error::{Error, Result};
use crate::lite::{self, Faults, Inline, Lite};
use crate::pg::Pg;
use crate::tx::{Dialect, Op, Tx, number};
use firedog_domain::time::from_micros;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A handle; clones share the same database.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    ops: Mutex<BTreeMap<&'static str, OpStats>>,
}

enum Engine {
    Lite(Lite),
    Inline(Inline),
    Pg(Pg),
}

/// What operations of one name have cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpStats {
    pub calls: u64,
    pub failures: u64,
    /// From asking to the answer, waiting included.
    pub time: Duration,
}

/// Counts since the start, for `/metrics`. Fields that an engine does not have are 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub ops: BTreeMap<&'static str, OpStats>,
    /// Commits, and operations in them: their ratio is the size of a group commit.
    pub commits: u64,
    pub committed_ops: u64,
    /// Operations that wait for the writer now.
    pub waiting: u64,
    pub log_pages: u64,
    /// Of the database file and its log.
    pub size_bytes: u64,
}

/// What it costs to make a write durable, measured now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fsync {
    pub median: Duration,
    pub worst: Duration,
}

/// Writes per probe: enough for a median, few enough to disturb nobody.
const PROBES: usize = 16;

impl Store {
    /// Opens `sqlite:PATH`, `sqlite::memory:` or `postgres://…` and brings its schema up to date.
    /// Every error is [`Error::Broken`] with what to do, or [`Error::Busy`] while PostgreSQL cannot be reached.
    pub async fn open(url: &str) -> Result<Self> {
        let engine = if url == "sqlite::memory:" {
            Engine::Inline(Inline::open(None)?)
        } else if let Some(path) = url.strip_prefix("sqlite:") {
            let path = PathBuf::from(path);
            if path.as_os_str().is_empty() {
                return Err(Error::broken("`sqlite:` needs a path, for example sqlite:firedog.db"));
            }
            Engine::Lite(blocking(move || Lite::open(&path)).await?)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Engine::Pg(Pg::open(url).await?)
        } else {
            return Err(Error::broken("the database address must start with sqlite: or postgres://"));
        };
        Ok(Self::of(engine))
    }

    /// No other process can have it open.
    pub fn is_alone(&self) -> bool {
        !matches!(self.inner.engine, Engine::Pg(_))
    }

    /// An in-memory database whose operations run on the calling task: their futures are ready at once.
    pub fn memory() -> Result<Self> {
        Ok(Self::of(Engine::Inline(Inline::open(None)?)))
    }

    /// The same, with faults.
    pub fn memory_with(faults: Arc<dyn Faults>) -> Result<Self> {
        Ok(Self::of(Engine::Inline(Inline::open(Some(faults))?)))
    }

    fn of(engine: Engine) -> Self {
        Self { inner: Arc::new(Inner { engine, ops: Mutex::default() }) }
    }

    /// Runs an operation in a transaction; `Ok` means that it is durable.
    pub async fn write<O: Op>(&self, op: O) -> Result<O::Out> {
        let begun = Instant::now();
        let done = match &self.inner.engine {
            Engine::Lite(lite) => lite.write(op).await,
            Engine::Inline(inline) => inline.write(&op),
            Engine::Pg(pg) => Box::pin(pg.write(&op)).await,
        };
        self.note::<O>(begun, done.is_ok());
        done
    }

    /// Runs an operation that only reads; all its statements see one state.
    pub async fn read<O: Op>(&self, op: O) -> Result<O::Out> {
        let begun = Instant::now();
        let done = match &self.inner.engine {
            Engine::Lite(lite) => lite.read(op).await,
            Engine::Inline(inline) => inline.read(&op),
            Engine::Pg(pg) => Box::pin(pg.read(&op)).await,
        };
        self.note::<O>(begun, done.is_ok());
        done
    }

    fn note<O: Op>(&self, begun: Instant, ok: bool) {
        let mut ops = self.inner.ops.lock().unwrap_or_else(PoisonError::into_inner);
        let stats = ops.entry(O::NAME).or_default();
        stats.calls += 1;
        stats.failures += u64::from(!ok);
        stats.time += begun.elapsed();
    }

    pub fn dialect(&self) -> Dialect {
        match &self.inner.engine {
            Engine::Lite(_) | Engine::Inline(_) => Dialect::Sqlite,
            Engine::Pg(_) => Dialect::Postgres,
        }
    }

    /// The file failed and must not be trusted any more: stop accepting and exit, so that a restart recovers it.
    pub fn is_broken(&self) -> bool {
        matches!(&self.inner.engine, Engine::Lite(lite) if lite.is_broken())
    }

    pub fn stats(&self) -> Stats {
        let ops = self.inner.ops.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Engine::Lite(lite) = &self.inner.engine else { return Stats { ops, ..Stats::default() } };
        let [commits, committed_ops, waiting, log_pages] = lite.counts();
        let log = PathBuf::from(format!("{}-wal", lite.path().display()));
        let size_bytes = [lite.path(), &log].iter().filter_map(|p| p.metadata().ok()).map(|m| m.len()).sum();
        Stats { ops, commits, committed_ops, waiting, log_pages, size_bytes }
    }

    /// The clock of the database server, for telling how far ours is off. SQLite has none.
    pub async fn now_db(&self) -> Result<Option<Timestamp>> {
        match &self.inner.engine {
            Engine::Pg(_) => self.read(Now).await.map(Some),
            Engine::Lite(_) | Engine::Inline(_) => Ok(None),
        }
    }

    /// Copies a SQLite database to a new file while it is in use, and checks the copy.
    pub async fn backup(&self, to: &Path) -> Result<()> {
        let (from, to) = match &self.inner.engine {
            Engine::Lite(lite) => (lite.path().to_owned(), to.to_owned()),
            Engine::Inline(_) => return Err(Error::broken("a database in memory has no backup")),
            Engine::Pg(_) => {
                return Err(Error::broken("firedog copies only SQLite databases; for PostgreSQL use pg_dump -Fc"));
            }
        };
        blocking(move || lite::copy(&from, &to)).await
    }

    /// Measures what a durable write costs here and now.
    pub async fn probe_fsync(&self) -> Result<Fsync> {
        let mut times = match &self.inner.engine {
            Engine::Lite(lite) => {
                let path = PathBuf::from(format!("{}-probe", lite.path().display()));
                blocking(move || probe(&path)).await?
            }
            Engine::Inline(_) => vec![Duration::ZERO],
            Engine::Pg(_) => {
                let mut times = Vec::new();
                for _ in 0..PROBES {
                    let begun = Instant::now();
                    self.write(Commit).await?;
                    times.push(begun.elapsed());
                }
                times
            }
        };
        times.sort();
        let at = |i: usize| times.get(i).copied().unwrap_or_default();
        Ok(Fsync { median: at(times.len() / 2), worst: at(times.len().saturating_sub(1)) })
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(Error::Broken(format!("a background task failed: {e}"))))
}

/// Overwrites one block again and again, as a recycled log does.
fn probe(path: &Path) -> Result<Vec<Duration>> {
    let measure = || -> std::io::Result<Vec<Duration>> {
        let mut file = std::fs::File::create(path)?;
        let mut times = Vec::new();
        for _ in 0..PROBES {
            let begun = Instant::now();
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&[0; 4_096])?;
            file.sync_data()?;
            times.push(begun.elapsed());
        }
        Ok(times)
    };
    let times = measure().map_err(|e| Error::Broken(format!("cannot write {}: {e}", path.display())));
    let _ = std::fs::remove_file(path);
    times
}

struct Now;

impl Op for Now {
    type Out = Timestamp;
    const NAME: &'static str = "now_db";

    async fn run(&self, tx: &mut dyn Tx) -> Result<Timestamp> {
        let sql = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)";
        number(tx, sql, &[]).await?.map(from_micros).ok_or_else(|| Error::broken("PostgreSQL does not tell the time"))
    }
}

/// The smallest change that has to be made durable.
struct Commit;

impl Op for Commit {
    type Out = ();
    const NAME: &'static str = "probe_commit";

    async fn run(&self, tx: &mut dyn Tx) -> Result<()> {
        tx.exec("UPDATE head SET version = version WHERE name = 'live'", &[]).await.map(|_| ())
    }
}
