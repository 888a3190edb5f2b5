//! The shell: a queue in front of the core, a loop behind it, and messages on their way.

use crate::core::{Core, Options};
use crate::ingest::{Accepted, BATCH, Incoming};
use crate::{Applied, Clock, Deliver, Error, Health, Ping, Raise, Result, Scene, send};
use firedog_domain::alert::{Actor, Alert, Input};
use firedog_domain::event::Event;
use firedog_domain::id::*;
use firedog_domain::setup::{Maintenance, Override, Setup, Silence};
use firedog_domain::suppression::Leave;
use firedog_store::{Dialect, Op, Store};
use jiff::SignedDuration;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, Notify, Semaphore, mpsc, oneshot};

mod flight;

/// How long the loop sleeps at most although nothing is due: another node, or a hand in the database, may have
/// added work that no signal told us about.
const POLL: Duration = Duration::from_millis(500);
/// After a failure of the store the loop tries again so soon.
const AFTER_ERROR: Duration = Duration::from_millis(250);
/// Batches on their way into the store at once. SQLite has one writer: a second batch is made while the first is synced.
const WORKERS_SQLITE: usize = 2;
const WORKERS_POSTGRES: usize = 4;
/// How long a drain waits for messages on their way: longer than any provider's timeout.
const DRAIN: Duration = Duration::from_secs(25);
/// Answers to requests with an `Idempotency-Key` are kept for so long, whatever the retention is.
const ANSWERS_KEPT: SignedDuration = SignedDuration::from_hours(24);
/// Sessions, links and failed sign-ins that are over are kept for so long, for whoever asks who was there.
const SESSIONS_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How often a node compares its clock with the database's, and how far they may be apart before it claims nothing more:
/// nodes that disagree about the time would escalate each other's alerts early.
const SKEW_EVERY: Duration = Duration::from_secs(5);
const MAX_SKEW: SignedDuration = SignedDuration::from_secs(1);
/// Comparisons in a row (a quarter of a minute) after which two witnesses are believed.
const WRONG_LOOKS: u32 = 3;
/// Closed alerts deleted in one transaction.
const RETENTION_BATCH: u32 = 200;

/// A running Firedog. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Engine(Arc<Shell>);

struct Shell {
    core: Core,
    deliver: Arc<dyn Deliver>,
    queue: mpsc::Sender<Waiting>,
    incoming: Mutex<mpsc::Receiver<Waiting>>,
    queued: AtomicUsize,
    wake: Notify,
    permits: Arc<Semaphore>,
    /// Somebody found no permit left.
    starved: AtomicBool,
    /// The loop does its work: it looked at what is due without an error the last time.
    looping: AtomicBool,
    draining: AtomicBool,
    /// Our clock and the database's are too far apart: others may claim, we do not.
    skewed: AtomicBool,
}

/// The events of one request, and whoever waits for their commit.
struct Waiting {
    events: Vec<Incoming>,
    answer: oneshot::Sender<Result<Vec<Accepted>>>,
}

impl Engine {
    pub fn new(store: Store, clock: Clock, deliver: Arc<dyn Deliver>, options: Options) -> Self {
        let (queue, incoming) = mpsc::channel(options.queue.max(1));
        let permits = Arc::new(Semaphore::new(options.in_flight.max(1)));
        Self(Arc::new(Shell {
            core: Core::new(store, clock, options),
            deliver,
            queue,
            incoming: Mutex::new(incoming),
            queued: AtomicUsize::new(0),
            wake: Notify::new(),
            permits,
            starved: AtomicBool::new(false),
            looping: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            skewed: AtomicBool::new(false),
        }))
    }

    pub fn core(&self) -> &Core {
        &self.0.core
    }
    pub fn clock(&self) -> &Clock {
        &self.0.core.0.clock
    }
    pub fn options(&self) -> &Options {
        &self.0.core.0.options
    }
    pub fn store(&self) -> &Store {
        self.0.core.store()
    }
    pub fn new_id(&self) -> String {
        self.0.core.new_id()
    }

    /// Whether somebody wants to know which alerts change; until then nobody keeps count.
    pub fn watch(&self, watched: bool) {
        self.0.core.0.news.watch(watched);
    }

    /// Ends after a commit that changed alerts, while somebody watches.
    pub async fn changed(&self) {
        self.0.core.0.news.changed().await;
    }

    /// The alerts that have changed since the last look, as they are now; `None`: too many to name.
    pub async fn news(&self) -> Result<Option<Vec<Alert>>> {
        let news = self.0.core.0.news.waiting();
        let alerts = if news.alerts.is_empty() { Vec::new() } else { self.0.core.read(Named { ids: news.alerts }).await? };
        self.0.core.0.news.read(&alerts);
        Ok((!news.all).then_some(alerts))
    }

    /// Reads through a named operation.
    pub async fn read<O: Op>(&self, op: O) -> Result<O::Out> {
        self.0.core.read(op).await
    }

    /// The present setup and live data.
    pub async fn scene(&self) -> Result<Arc<Scene>> {
        self.0.core.scene().await
    }

    /// Whether more events may come; ask before reading a body.
    pub fn has_room(&self) -> bool {
        !self.0.draining.load(Ordering::Relaxed) && self.0.queued.load(Ordering::Relaxed) < self.options().queue
    }

    /// How many events wait for their commit.
    pub fn queued(&self) -> usize {
        self.0.queued.load(Ordering::Relaxed)
    }

    /// Takes events in; answers after the commit.
    pub async fn ingest(&self, events: Vec<Event>) -> Result<Vec<Accepted>> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        if !self.has_room() {
            return Err(Error::Busy);
        }
        let count = events.len();
        let (answer, answered) = oneshot::channel();
        let events = events.into_iter().map(|event| self.0.core.incoming(event)).collect();
        self.0.queued.fetch_add(count, Ordering::Relaxed);
        let queued = self.0.queue.try_send(Waiting { events, answer });
        if queued.is_err() {
            self.0.queued.fetch_sub(count, Ordering::Relaxed);
            return Err(Error::Busy);
        }
        if self.clock().is_manual() {
            self.drain_queue().await;
        }
        answered.await.unwrap_or_else(|_| Err(Error::Unavailable("Firedog is stopping".to_owned())))
    }

    pub async fn act(&self, alert: &AlertId, input: Input, by: &Actor) -> Result<Alert> {
        let (engine, alert, by) = (self.clone(), alert.clone(), by.clone());
        to_the_end(async move {
            let room = engine.reserve();
            let (alert, dispatches) = engine.0.core.act(&alert, input, &by, room.n).await?;
            engine.launch(dispatches, room);
            Ok(alert)
        })
        .await
    }

    pub async fn raise(&self, raise: Raise, by: &Actor) -> Result<Alert> {
        let (engine, by) = (self.clone(), by.clone());
        to_the_end(async move {
            let room = engine.reserve();
            let (alert, dispatches) = engine.0.core.raise(raise, &by, room.n).await?;
            engine.launch(dispatches, room);
            Ok(alert)
        })
        .await
    }

    pub async fn ping(&self, integration: &IntegrationId, ping: Ping) -> Result<()> {
        let (engine, integration) = (self.clone(), integration.clone());
        to_the_end(async move {
            let room = engine.reserve();
            let dispatches = engine.0.core.ping(&integration, ping, room.n).await?;
            engine.launch(dispatches, room);
            Ok(())
        })
        .await
    }

    pub async fn apply(&self, setup: Setup, app: Vec<String>, by: &Actor, expect: Option<i64>) -> Result<Applied> {
        let applied = self.0.core.apply_with(setup, app, by, expect).await;
        self.0.core.0.news.tell();
        self.0.wake.notify_one();
        applied
    }

    pub async fn add_override(&self, schedule: &ScheduleId, item: Override, by: &Actor) -> Result<OverrideId> {
        self.0.core.add_override(schedule, item, by).await
    }
    pub async fn add_leave(&self, leave: Leave, by: &Actor) -> Result<LeaveId> {
        self.woken(self.0.core.add_leave(leave, by).await)
    }
    pub async fn end_leave(&self, id: &LeaveId, by: &Actor) -> Result<()> {
        self.woken(self.0.core.end_leave(id, by).await)
    }
    pub async fn end_override(&self, id: &OverrideId, by: &Actor) -> Result<()> {
        self.0.core.end_override(id, by).await
    }
    pub async fn put_silence(&self, silence: Silence, by: &Actor) -> Result<SilenceId> {
        self.woken(self.0.core.put_silence(silence, by).await)
    }
    pub async fn end_silence(&self, id: &SilenceId, by: &Actor) -> Result<()> {
        self.woken(self.0.core.end_silence(id, by).await)
    }
    pub async fn add_maintenance(&self, maintenance: Maintenance, by: &Actor) -> Result<MaintenanceId> {
        self.woken(self.0.core.add_maintenance(maintenance, by).await)
    }
    pub async fn end_maintenance(&self, id: &MaintenanceId, by: &Actor) -> Result<()> {
        self.woken(self.0.core.end_maintenance(id, by).await)
    }

    fn woken<T>(&self, done: T) -> T {
        self.0.wake.notify_one();
        done
    }

    /// What the auditor sees now, and whether the loop is at work.
    pub async fn health(&self) -> Result<Health> {
        let mut health = self.0.core.audit(self.clock().now()).await?;
        if !self.clock().is_manual() && !self.0.looping.load(Ordering::Relaxed) {
            health.problems.push("the engine's loop is not running".to_owned());
        }
        if self.0.draining.load(Ordering::Relaxed) {
            health.problems.push("Firedog is stopping".to_owned());
        }
        if self.0.skewed.load(Ordering::Relaxed) {
            health
                .problems
                .push("this node's clock is more than 1 s off the database's; it claims nothing until they agree".to_owned());
        }
        if self.store().is_broken() {
            health.problems.push("the database is broken".to_owned());
        }
        health.ok = health.problems.is_empty();
        Ok(health)
    }

    /// Sends at once what was on its way when the last process of this database died; nobody waits for the end of its lease.
    /// Whoever gets it twice sees the same key. Only for whoever has the database alone, and before anything is sent.
    pub async fn resume(&self) -> Result<u64> {
        let now = self.clock().now();
        self.0.core.write(|_| send::Release { now }).await
    }

    /// Runs until `stop` ends, then takes nothing more in and lets messages on their way arrive.
    /// Answers an error only when the store is broken: then the process has to end and recover.
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) -> Result<()> {
        let workers = if self.store().dialect() == Dialect::Sqlite { WORKERS_SQLITE } else { WORKERS_POSTGRES };
        let tasks: Vec<_> = (0..workers).map(|_| tokio::spawn(self.clone().take_in())).collect();
        let keeper = tokio::spawn(self.clone().keep());
        let comparer = tokio::spawn(self.clone().compare_clocks());
        let result = self.look(stop).await;
        self.0.draining.store(true, Ordering::Relaxed);
        // What was accepted into the queue still has somebody waiting for its answer.
        let emptied = async {
            while self.queued() > 0 && !self.store().is_broken() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(DRAIN, emptied).await;
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        keeper.abort();
        comparer.abort();
        let all = u32::try_from(self.options().in_flight.max(1)).unwrap_or(u32::MAX);
        let _ = tokio::time::timeout(DRAIN, self.0.permits.acquire_many(all)).await;
        result
    }

    /// Looks at what is due, sleeps until something is, and looks again, until `stop` ends. Never breaks off between a commit
    /// and handing out what it has claimed: those messages would wait for the end of their lease.
    async fn look(&self, stop: impl Future<Output = ()> + Send) -> Result<()> {
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = stop.as_mut() => return Ok(()),
                () = std::future::ready(()) => {}
            }
            match self.tick().await {
                Ok((_, true)) => {}
                Ok((next_wake, false)) => {
                    self.0.looping.store(true, Ordering::Relaxed);
                    // Without room nothing can be handed out before a message comes back, and that wakes us.
                    let until = next_wake.filter(|_| self.has_permits()).map_or(POLL, |at| {
                        let left = at.duration_since(self.clock().now());
                        Duration::try_from(left).unwrap_or(Duration::ZERO).min(POLL)
                    });
                    tokio::select! {
                        _ = tokio::time::timeout(until, self.0.wake.notified()) => {}
                        () = stop.as_mut() => return Ok(()),
                    }
                }
                Err(Error::Broken(why)) if self.store().is_broken() => return Err(Error::Broken(why)),
                Err(error) => {
                    self.0.looping.store(false, Ordering::Relaxed);
                    tracing::error!(%error, "looking at what is due failed; trying again");
                    tokio::select! {
                        () = tokio::time::sleep(AFTER_ERROR) => {}
                        () = stop.as_mut() => return Ok(()),
                    }
                }
            }
        }
    }

    /// The only use of the database's clock.
    async fn compare_clocks(self) {
        let mut wrong = 0;
        loop {
            let before = self.clock().now();
            if let Ok(Some(theirs)) = self.store().now_db().await {
                // The answer was made somewhere between the question and now: only what is outside counts.
                let after = self.clock().now();
                let off = (theirs.duration_since(after)).max(before.duration_since(theirs));
                // The wall clock agrees with the database and we do not: it was set right after we had started. Standing still
                // for ever would be worse than one shifted interval.
                let wall_off = (off - self.clock().drift().abs()).abs();
                wrong = if off > MAX_SKEW && wall_off <= MAX_SKEW { wrong + 1 } else { 0 };
                if wrong > WRONG_LOOKS {
                    tracing::error!(?off, "the wall clock and the database agree against this process: following them");
                    self.clock().trust_wall();
                    wrong = 0;
                }
                let skewed = off > MAX_SKEW;
                if self.0.skewed.swap(skewed, Ordering::Relaxed) != skewed {
                    tracing::error!(skewed, ?off, "the distance between this clock and the database's has changed");
                    self.0.wake.notify_one();
                }
            }
            tokio::time::sleep(SKEW_EVERY).await;
        }
    }

    async fn tick(&self) -> Result<(Option<jiff::Timestamp>, bool)> {
        if self.0.skewed.load(Ordering::Relaxed) {
            return Ok((None, false));
        }
        let room = self.reserve();
        let step = self.0.core.step(self.clock().now(), room.n).await?;
        self.launch(step.dispatches, room);
        // Without room the rest waits for a message to come back, which wakes us.
        Ok((step.next_wake, step.more && self.has_permits()))
    }

    /// Takes queued events in, batch by batch.
    async fn take_in(self) {
        loop {
            let Some(first) = self.next_waiting().await else { return };
            self.commit(first).await;
        }
    }

    async fn next_waiting(&self) -> Option<Vec<Waiting>> {
        let mut incoming = self.0.incoming.lock().await;
        let mut batch = vec![incoming.recv().await?];
        self.fill(&mut batch, &mut incoming);
        Some(batch)
    }

    /// Whatever else waits already joins the batch; nothing is waited for.
    fn fill(&self, batch: &mut Vec<Waiting>, incoming: &mut mpsc::Receiver<Waiting>) {
        let mut count: usize = batch.iter().map(|waiting| waiting.events.len()).sum();
        while count < BATCH {
            let Ok(waiting) = incoming.try_recv() else { return };
            count += waiting.events.len();
            batch.push(waiting);
        }
    }

    async fn commit(&self, batch: Vec<Waiting>) {
        let mut events = Vec::new();
        let mut answers = Vec::new();
        for waiting in batch {
            answers.push((waiting.events.len(), waiting.answer));
            events.extend(waiting.events);
        }
        let count = events.len();
        let room = self.reserve();
        let result = self.0.core.ingest_batch(events, room.n).await;
        self.0.queued.fetch_sub(count, Ordering::Relaxed);
        match result {
            Ok((accepted, dispatches)) => {
                let mut accepted = accepted.into_iter();
                for (n, answer) in answers {
                    let _ = answer.send(Ok(accepted.by_ref().take(n).collect()));
                }
                self.launch(crate::send::bundle(dispatches), room);
                self.0.wake.notify_one();
            }
            Err(error) => {
                tracing::error!(%error, events = count, "events could not be stored; their senders are told to try again");
                for (_, answer) in answers {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
    }

    /// Housekeeping: the auditor's voice, retention, old setups.
    async fn keep(self) {
        let mut seconds: u64 = 0;
        loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            seconds += 10;
            match self.health().await {
                Ok(health) if !health.ok => tracing::error!(problems = ?health.problems, "the auditor found something wrong"),
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "the auditor could not look"),
            }
            if seconds.is_multiple_of(600)
                && let Err(error) = self.retain().await
            {
                tracing::warn!(%error, "old rows could not be deleted; trying again later");
            }
        }
    }

    /// Deletes what is past its retention, in bounded batches.
    pub async fn retain(&self) -> Result<u64> {
        let before = firedog_domain::time::after(self.clock().now(), -self.options().retention);
        let mut deleted = 0;
        loop {
            let batch = self.store().write(Retain { before, now: self.clock().now() }).await.map_err(crate::core::from_store)?;
            deleted += batch;
            if batch < u64::from(RETENTION_BATCH) {
                return Ok(deleted);
            }
            tokio::task::yield_now().await;
        }
    }

    /// Tests with a manual clock: does everything that is due by now, including the messages and what follows from them.
    pub async fn settle(&self) -> Result<()> {
        loop {
            self.drain_queue().await;
            let (_, more) = self.tick().await?;
            let all = u32::try_from(self.options().in_flight.max(1)).unwrap_or(u32::MAX);
            // All permits back: every message handed out so far has been recorded.
            tokio::task::yield_now().await;
            drop(self.0.permits.acquire_many(all).await);
            let room = self.reserve();
            let step = self.0.core.step(self.clock().now(), room.n).await?;
            let idle =
                step.dispatches.is_empty() && !step.more && !more && step.next_wake.is_none_or(|at| at > self.clock().now());
            self.launch(step.dispatches, room);
            if idle {
                return Ok(());
            }
        }
    }

    async fn drain_queue(&self) {
        loop {
            let mut batch = Vec::new();
            self.fill(&mut batch, &mut *self.0.incoming.lock().await);
            if batch.is_empty() {
                return;
            }
            self.commit(batch).await;
        }
    }
}

/// Goes on when whoever asked has gone away: what was committed as claimed must also be handed out.
async fn to_the_end<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    tokio::spawn(work).await.unwrap_or_else(|error| Err(Error::Unavailable(format!("it broke off: {error}"))))
}

struct Named {
    ids: Vec<AlertId>,
}

impl Op for Named {
    type Out = Vec<Alert>;
    const NAME: &'static str = "alert_news";
    async fn run(&self, tx: &mut dyn firedog_store::Tx) -> firedog_store::Result<Self::Out> {
        firedog_store::alert::get_many(tx, &self.ids).await
    }
}

struct Retain {
    before: jiff::Timestamp,
    now: jiff::Timestamp,
}

impl Op for Retain {
    type Out = u64;
    const NAME: &'static str = "retain";
    async fn run(&self, tx: &mut dyn firedog_store::Tx) -> firedog_store::Result<u64> {
        let closed = firedog_store::retention::delete_closed(tx, self.before, RETENTION_BATCH).await?;
        firedog_store::retention::delete_ended(tx, self.before, RETENTION_BATCH).await?;
        firedog_store::run::delete_ended(tx, self.before, RETENTION_BATCH).await?;
        firedog_store::case::delete_closed(tx, self.before, RETENTION_BATCH).await?;
        let answers = firedog_domain::time::after(self.now, -ANSWERS_KEPT);
        firedog_store::retention::delete_answers(tx, answers, RETENTION_BATCH).await?;
        firedog_store::session::delete_over(tx, firedog_domain::time::after(self.now, -SESSIONS_KEPT)).await?;
        firedog_store::setup::prune(tx, 100).await?;
        Ok(closed)
    }
}
