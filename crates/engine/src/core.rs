//! The engine without a runtime: every operation on alerts, as the shell and the simulator call it.

use crate::changes::{Changes, LEASE, leads, source_alive, storm_of};
use crate::news::Announcer;
use crate::scene::{Pins, Scene};
use crate::{Clock, Dispatch, Error, Result, heartbeat, send};
use firedog_domain::alert::{Actor, Alert, Input};
use firedog_domain::id::{AlertId, IntegrationId, ServiceId};
use firedog_domain::suppression::World;
use firedog_store::{self as store, Op, Store, Tx};
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How often an operation runs again because something else changed the same rows. Under a storm of acknowledgements on one
/// alert each round lets one writer through; more than this is not contention but a bug.
const MAX_CONFLICTS: u32 = 50;
/// After a start, sources get this long to be heard of again before their silence counts: Prometheus repeats what fires
/// every minute, and its promises last four.
pub(crate) const AFTER_START: SignedDuration = SignedDuration::from_mins(5);
/// Alerts decided in one transaction.
const DUE_BATCH: u32 = 128;

/// What an operator may turn.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names this process in leases and logs.
    pub node: String,
    /// How many messages may be on their way at once.
    pub in_flight: usize,
    /// How many events may wait for their commit; beyond it, senders are refused before their body is read.
    pub queue: usize,
    /// How long closed alerts are kept.
    pub retention: SignedDuration,
    /// Ids from a counter instead of randomness, so that a simulated run repeats exactly.
    pub counted_ids: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            node: "firedog".to_owned(),
            in_flight: 128,
            queue: 10_000,
            retention: SignedDuration::from_hours(24 * 400),
            counted_ids: false,
        }
    }
}

/// What one look at everything that is due has brought.
#[derive(Debug, Default)]
pub struct Step {
    /// To be handed to providers now.
    pub dispatches: Vec<Dispatch>,
    /// When to look again; `None`: nothing is waiting for a time.
    pub next_wake: Option<Timestamp>,
    /// There was more than one batch holds: look again at once.
    pub more: bool,
}

#[derive(Clone)]
pub struct Core(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) options: Options,
    scene: Mutex<Option<Arc<Scene>>>,
    pub(crate) pins: Pins,
    pub(crate) news: Announcer,
    counter: AtomicU64,
    /// Since when this process has been there to be told.
    pub(crate) up_since: Timestamp,
}

impl Core {
    pub fn new(store: Store, clock: Clock, options: Options) -> Self {
        let up_since = clock.now();
        Self(Arc::new(Inner {
            store,
            clock,
            options,
            scene: Mutex::new(None),
            pins: Pins::default(),
            news: Announcer::default(),
            counter: AtomicU64::new(0),
            up_since,
        }))
    }

    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    /// A UUIDv7: sorts by time within a node.
    pub fn new_id(&self) -> String {
        let ms = u64::try_from(self.now().as_millisecond()).unwrap_or(0);
        if self.0.options.counted_ids {
            let n = self.0.counter.fetch_add(1, Ordering::Relaxed);
            // Two counting nodes must not count alike.
            let node = self.0.options.node.bytes().fold(7_u16, |hash, b| hash.wrapping_mul(31).wrapping_add(u16::from(b)));
            let mut bytes = [0_u8; 10];
            bytes[..2].copy_from_slice(&node.to_be_bytes());
            bytes[2..].copy_from_slice(&n.to_be_bytes());
            return uuid::Builder::from_unix_timestamp_millis(ms, &bytes).into_uuid().to_string();
        }
        let ts = uuid::Timestamp::from_unix_time(ms / 1000, u32::try_from(ms % 1000).unwrap_or(0) * 1_000_000, 0, 0);
        uuid::Uuid::new_v7(ts).to_string()
    }

    /// The view of the present head, loaded again when the head has moved.
    pub async fn scene(&self) -> Result<Arc<Scene>> {
        let kept = self.0.scene.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let heads = self.read(Heads).await?;
        match kept {
            Some(scene) if scene.head() == (heads.setup, heads.live) => Ok(scene),
            _ => self.load_scene().await,
        }
    }

    /// The last view; operations check it against the head in their own transaction.
    async fn recent_scene(&self) -> Result<Arc<Scene>> {
        let kept = self.0.scene.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match kept {
            // Live data that has ended stays in the view until it is loaded again; deciding looks at the times itself.
            Some(scene) => Ok(scene),
            None => self.load_scene().await,
        }
    }

    async fn load_scene(&self) -> Result<Arc<Scene>> {
        let (heads, stored, live) = self.read(LoadScene { now: self.now() }).await?;
        let setup = match stored {
            Some(stored) => serde_json::from_str(&stored.body).map_err(|e| Error::Broken(format!("stored setup: {e}")))?,
            None => firedog_domain::setup::Setup::default(),
        };
        let mut live = live;
        live.apply_leave(&setup);
        let world = World { setup, version: heads.setup, live };
        let scene = Arc::new(Scene::new(world, heads.live).map_err(Error::Broken)?);
        *self.0.scene.lock().unwrap_or_else(PoisonError::into_inner) = Some(scene.clone());
        Ok(scene)
    }

    pub(crate) async fn read<O: Op>(&self, op: O) -> Result<O::Out> {
        self.0.store.read(op).await.map_err(from_store)
    }

    /// Runs an operation until nothing has changed under it: `make` gets the view to decide under.
    pub(crate) async fn write<O: Op>(&self, make: impl Fn(Arc<Scene>) -> O + Send + Sync) -> Result<O::Out> {
        for _ in 0..MAX_CONFLICTS {
            let scene = self.recent_scene().await?;
            // A bug in one operation must not end the task that runs everybody's.
            let done = AssertUnwindSafe(self.0.store.write(make(scene))).catch_unwind().await;
            match done.unwrap_or_else(|_| Err(store::Error::Broken(format!("the operation `{}` panicked", O::NAME)))) {
                Err(store::Error::Conflict) => {}
                Err(store::Error::Stale) => {
                    self.load_scene().await?;
                }
                done => {
                    if done.is_ok() {
                        self.0.news.tell();
                    }
                    return done.map_err(from_store);
                }
            }
        }
        Err(Error::Busy)
    }

    /// Looks at everything that is due: alerts, heartbeats, notifications. `room`: how many messages may be handed out.
    pub async fn step(&self, now: Timestamp, room: usize) -> Result<Step> {
        let mut step = Step::default();
        // Most looks find nothing: one read of three indexes spares the writer three empty transactions.
        let next_wake = self.read(NextWake).await?;
        if next_wake.is_none_or(|at| at > now) {
            return Ok(Step { next_wake, ..step });
        }
        match self.gather(&mut step, now, room).await {
            Ok(()) => step.next_wake = self.read(NextWake).await.unwrap_or(Some(now)),
            Err(error) if step.dispatches.is_empty() => return Err(error),
            // What has been claimed must go out now; whatever is wrong, the next look meets it again.
            Err(error) => {
                tracing::warn!(%error, claimed = step.dispatches.len(), "a look at what is due broke off half-way");
                step.more = true;
            }
        }
        step.dispatches = send::bundle(step.dispatches);
        Ok(step)
    }

    /// Adds to `step` what is due, stage by stage; what a stage has committed stays there if a later one fails.
    async fn gather(&self, step: &mut Step, now: Timestamp, room: usize) -> Result<()> {
        let due = self.write(|scene| Due { core: self.clone(), scene, now, room }).await?;
        step.more |= due.decided >= DUE_BATCH as usize;
        step.dispatches = due.dispatches;
        let left = room.saturating_sub(step.dispatches.len());
        let beats = self
            .write(|scene| heartbeat::Missing {
                core: self.clone(),
                scene,
                now,
                room: left,
                alert_ids: self.ids(heartbeat::BATCH),
            })
            .await?;
        step.more |= beats.found >= heartbeat::BATCH;
        step.dispatches.extend(beats.dispatches);
        let left = room.saturating_sub(step.dispatches.len());
        if left > 0 {
            let claimed = self.write(|scene| send::Claim { scene, now, room: left }).await?;
            step.more |= claimed.found >= send::BATCH.min(left);
            step.dispatches.extend(claimed.dispatches);
            // What could not be addressed (its user or contact method is gone) is an outcome like any other.
            for (notification, outcome) in claimed.undeliverable {
                step.dispatches.extend(self.record(&[notification], &outcome, now, 0).await?);
                step.more = true;
            }
        }
        Ok(())
    }

    /// Whether the source of something from `heard` has had the time to be heard of again: while we were down it could not
    /// tell us, and its silence says nothing.
    pub(crate) fn could_be_told(&self, heard: Timestamp, now: Timestamp) -> bool {
        heard >= self.0.up_since || now >= firedog_domain::time::after(self.0.up_since, AFTER_START)
    }

    pub(crate) fn ids(&self, n: usize) -> Vec<String> {
        (0..n).map(|_| self.new_id()).collect()
    }
}

pub(crate) fn from_store(error: store::Error) -> Error {
    match error {
        store::Error::NotFound => Error::NotFound("it does not exist".to_owned()),
        store::Error::Busy(_) | store::Error::Conflict | store::Error::Stale => Error::Busy,
        store::Error::Unknown(why) => Error::Unavailable(why),
        store::Error::Broken(why) => Error::Broken(why),
    }
}

/// Refuses to decide under a view that is no longer the head.
pub(crate) async fn check_head(tx: &mut dyn Tx, scene: &Scene) -> store::Result<()> {
    let heads = store::setup::hold_heads(tx).await?;
    if (heads.setup, heads.live) == scene.head() { Ok(()) } else { Err(store::Error::Stale) }
}

struct Heads;

impl Op for Heads {
    type Out = store::setup::Heads;
    const NAME: &'static str = "heads";
    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Self::Out> {
        store::setup::heads(tx).await
    }
}

struct LoadScene {
    now: Timestamp,
}

impl Op for LoadScene {
    type Out = (store::setup::Heads, Option<store::setup::Stored>, firedog_domain::suppression::Live);
    const NAME: &'static str = "load_scene";
    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Self::Out> {
        // READ COMMITTED lets the head move between the statements: read it last as well and compare.
        let before = store::setup::heads(tx).await?;
        let stored = match before.setup {
            0 => None,
            version => store::setup::get(tx, version).await?,
        };
        let live = store::live::load_all(tx, self.now).await?;
        let after = store::setup::heads(tx).await?;
        if before == after {
            Ok((before, stored, live))
        } else {
            Err(store::Error::Busy("the setup is being changed".to_owned()))
        }
    }
}

struct NextWake;

impl Op for NextWake {
    type Out = Option<Timestamp>;
    const NAME: &'static str = "next_wake";
    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Self::Out> {
        store::wake::next_wake(tx).await
    }
}

/// Decides the alerts whose time has come.
struct Due {
    core: Core,
    scene: Arc<Scene>,
    now: Timestamp,
    room: usize,
}

struct DueDone {
    decided: usize,
    dispatches: Vec<Dispatch>,
}

impl Op for Due {
    type Out = DueDone;
    const NAME: &'static str = "decide_due";

    async fn run(&self, tx: &mut dyn Tx) -> store::Result<DueDone> {
        check_head(tx, &self.scene).await?;
        // The lease only matters if this transaction dies half-way on an engine without real transactions: it is
        // overwritten below, together with everything else.
        let lease = firedog_domain::time::after(self.now, LEASE);
        let due = store::alert::claim_due(tx, self.now, lease, DUE_BATCH).await?;
        if due.is_empty() {
            return Ok(DueDone { decided: 0, dispatches: Vec::new() });
        }
        let missing = missing_sources(tx, &due, self.now).await?;
        let leaders: Vec<AlertId> = due.iter().filter_map(|alert| alert.follows.clone()).collect();
        let leaders = if leaders.is_empty() { Vec::new() } else { store::alert::get_many(tx, &leaders).await? };
        let storms = self.storms(tx, &due, &leaders).await?;
        let mut changes = Changes::new(&self.scene, &self.core, self.now);
        let mut order: Vec<Alert> = due;
        changes.load(tx, order.clone()).await?;
        // Leaders first, so that those who follow see what has become of them.
        order.sort_by_key(|alert| alert.follows.is_some());
        for alert in &order {
            let leader = alert.follows.as_ref().and_then(|id| {
                let leader = changes.alert(id).or_else(|| leaders.iter().find(|leader| leader.id == *id))?;
                leads(leader).then_some(leader.state)
            });
            let source_alive = source_alive(&missing, alert) && self.core.could_be_told(alert.created_at, self.now);
            let input = Input::Due { leader, source_alive, storm: storms.get(&alert.id).copied() };
            changes.decide(&alert.id, &input, &Actor::System);
        }
        let dispatches = changes.write(tx, self.room).await?;
        Ok(DueDone { decided: order.len(), dispatches })
    }
}

impl Due {
    /// Of alerts that follow one of another group, and are looked at for the first time: whether it is a storm.
    async fn storms(&self, tx: &mut dyn Tx, due: &[Alert], leaders: &[Alert]) -> store::Result<BTreeMap<AlertId, bool>> {
        let mut found = BTreeMap::new();
        // Groups of a service that have failed within its window.
        let mut groups: BTreeMap<ServiceId, usize> = BTreeMap::new();
        for alert in due {
            let leader = alert.follows.as_ref().and_then(|id| leaders.iter().chain(due).find(|leader| leader.id == *id));
            let Some(most) = leader.and_then(|leader| storm_of(&self.scene, alert, leader)) else { continue };
            let group = alert.service.as_ref().and_then(|id| Some((id, self.scene.world.setup.service(id)?.group.as_ref()?)));
            let Some((service, group)) = group else { continue };
            if !groups.contains_key(service) {
                let since = firedog_domain::time::after(self.now, -group.window);
                let opened = store::alert::opened_since(tx, service, since).await?;
                let distinct: BTreeSet<Vec<Option<&String>>> =
                    opened.iter().map(|alert| group.by.iter().map(|name| alert.labels.get(name)).collect()).collect();
                groups.insert(service.clone(), distinct.len());
            }
            found.insert(alert.id.clone(), groups.get(service).is_some_and(|count| *count > most as usize));
        }
        Ok(found)
    }
}

/// The sources among those of `due` whose own heartbeat is missing: their silence says nothing.
async fn missing_sources(tx: &mut dyn Tx, due: &[Alert], now: Timestamp) -> store::Result<BTreeSet<IntegrationId>> {
    let quiet = due.iter().filter(|alert| alert.quiet_at.is_some_and(|at| at <= now));
    let sources: BTreeSet<IntegrationId> = quiet.filter_map(|alert| alert.integration.clone()).collect();
    if sources.is_empty() {
        return Ok(sources);
    }
    let sources: Vec<IntegrationId> = sources.into_iter().collect();
    let beats = store::heartbeat::get_many(tx, &sources).await?;
    let overdue = |beat: &store::heartbeat::Heartbeat| {
        beat.state == store::heartbeat::State::Missing || beat.ready_at.is_some_and(|at| at <= now)
    };
    Ok(beats.into_iter().filter(overdue).map(|beat| beat.integration).collect())
}
