//! Runs of runbooks: the same loop as for alerts, apart from it, so that no runbook ever holds up a page.

use crate::core::{Core, check_head};
use crate::redact::Secrets;
use crate::scene::Scene;
use crate::{Error, Result};
use firedog_domain::case::{self, Case};
use firedog_domain::id::{CaseId, RunId, ServiceId};
use firedog_domain::runbook::means::Means;
use firedog_domain::runbook::run::{Act, Effects, Input, Line, LineKind, Member, Progress, Run, RunStep, StepState};
use firedog_domain::runbook::sequel::{Sequel, SequelKind};
use firedog_domain::time::after;
use firedog_store::audit::{self, Record};
use firedog_store::run::{self as kept, Holder, Kept};
use firedog_store::{self as store, Op, Tx};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// Runs moved on in one transaction.
const BATCH: u32 = 64;
/// Calls of actions at once. What finds no room waits; pages have room of their own.
const AT_ONCE: usize = 64;
/// How long the loop sleeps at most: another node may have added work.
const POLL: Duration = Duration::from_millis(500);
const AFTER_ERROR: Duration = Duration::from_millis(500);
/// A claim is written over in the same transaction; this only matters if that dies half-way.
const CLAIM: SignedDuration = SignedDuration::from_secs(30);
/// A call that has not come back by then is given up, well before its lease ends.
const CALL: Duration = Duration::from_secs(75);

/// Cases of one run that are looked through.
const MAX_CASES: u32 = 100;

/// Carries out actions. Bounded in time by whoever calls it.
pub trait Perform: Send + Sync + 'static {
    /// Never repeats what may have been done, unless it has looked for `act.call.key` first.
    fn perform(&self, run: Run, act: Act) -> Pin<Box<dyn Future<Output = Progress> + Send>>;
    /// What no run may keep.
    fn secrets(&self) -> Pin<Box<dyn Future<Output = Secrets> + Send>>;
}

/// A run and what it wants done now.
#[derive(Clone, Debug)]
pub struct Moved {
    pub run: Run,
    pub acts: Vec<Act>,
    /// It was open already, and was joined.
    pub joined: bool,
}

/// Whether a step may interrupt a service.
#[derive(Clone, Debug, PartialEq)]
pub enum Hold {
    Yours,
    /// Another run is at it.
    Busy(RunId),
    /// Another run has done it since this one was started: its output.
    Done(RunId, Map<String, Value>),
}

/// The loop around runs. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Runs(Arc<Shell>);

struct Shell {
    core: Core,
    perform: Arc<dyn Perform>,
    wake: Notify,
    room: Arc<Semaphore>,
    stopping: AtomicBool,
    /// Calls that have been launched and are not recorded yet.
    calls: AtomicUsize,
}

impl Core {
    /// Starts a run, or joins the open one of its subject.
    pub async fn start_run(&self, run: Run, record: Record) -> Result<Moved> {
        let now = self.now();
        self.write(|scene| Start { scene, run: run.clone(), record: record.clone(), now }).await?.map_err(Error::Conflict)
    }

    /// Moves a run on by what a person or an action says.
    pub async fn move_run(&self, id: &RunId, input: Input, record: Option<Record>) -> Result<Moved> {
        let now = self.now();
        let ids = (self.new_id(), self.new_id());
        let make = |scene| Move { scene, id: id.clone(), input: input.clone(), record: record.clone(), now, ids: ids.clone() };
        let done = self.write(make).await?;
        match done {
            Some(moved) => moved.map_err(Error::Conflict),
            None => Err(Error::NotFound(format!("there is no run {id}"))),
        }
    }

    /// Lets a step interrupt a service, unless another one does at this moment.
    pub async fn hold(&self, service: &ServiceId, run: &Run, act: &Act) -> Result<Hold> {
        let holder = Holder { run: run.id.clone(), place: act.place.clone(), key: act.call.key.clone() };
        let (service, since) = (service.clone(), run.started_at);
        self.write(|_| TakeHold { service: service.clone(), holder: holder.clone(), since }).await
    }

    /// Moves on every run whose time has come. Answers when to look again.
    pub async fn due_runs(&self, now: Timestamp) -> Result<(Vec<Moved>, Option<Timestamp>)> {
        let next = self.read(NextRun).await?;
        if next.is_none_or(|at| at > now) {
            return Ok((Vec::new(), next));
        }
        let moved = self.write(|scene| Due { scene, now }).await?;
        Ok((moved, self.read(NextRun).await?))
    }
}

impl Runs {
    pub fn new(core: Core, perform: Arc<dyn Perform>) -> Self {
        let room = Arc::new(Semaphore::new(AT_ONCE));
        Self(Arc::new(Shell {
            core,
            perform,
            wake: Notify::new(),
            room,
            stopping: AtomicBool::new(false),
            calls: AtomicUsize::new(0),
        }))
    }

    pub async fn start(&self, run: Run, record: Record) -> Result<Moved> {
        // To the end even if whoever asked goes away: what has been committed must be carried out.
        let (runs, core) = (self.clone(), self.0.core.clone());
        spawned(async move {
            let run = runs.0.perform.secrets().await.run(run);
            Ok(runs.launch(core.start_run(run, record).await?))
        })
        .await
    }

    pub async fn input(&self, id: &RunId, input: Input, record: Record) -> Result<Moved> {
        let (runs, core, id) = (self.clone(), self.0.core.clone(), id.clone());
        spawned(async move {
            let secrets = runs.0.perform.secrets().await;
            let (input, record) = (secrets.input(input), secrets.record(record));
            Ok(runs.launch(core.move_run(&id, input, Some(record)).await?))
        })
        .await
    }

    /// What Firedog itself finds out about a run.
    pub async fn note(&self, id: &RunId, input: Input) -> Result<Moved> {
        let (runs, core, id) = (self.clone(), self.0.core.clone(), id.clone());
        spawned(async move { Ok(runs.launch(core.move_run(&id, input, None).await?)) }).await
    }

    /// Takes up at once what was under way when the last process of this database died. Only for whoever has it alone.
    pub async fn resume(&self) -> Result<usize> {
        let (mut after, mut resumed) = (String::new(), 0);
        loop {
            let open = self.0.core.read(Going { after: after.clone() }).await?;
            let Some(last) = open.last() else { return Ok(resumed) };
            after = last.run.id.to_string();
            for Kept { run, .. } in &open {
                let is_called = |step: &RunStep| {
                    matches!(step.state, StepState::Doing { .. }) || step.going().is_some_and(|going| going.calling.is_some())
                };
                if run.steps.iter().any(is_called) {
                    match self.0.core.move_run(&run.id, Input::Lost, None).await {
                        Ok(moved) => {
                            self.launch(moved);
                            resumed += 1;
                        }
                        // The others go on; this one does when its lease ends.
                        Err(error) => tracing::warn!(run = %run.id, %error, "a run that was interrupted could not be resumed"),
                    }
                }
            }
        }
    }

    /// Looks at what is due until it is aborted. A call that is cut off by that is taken up again after its lease.
    pub async fn run(self) {
        loop {
            let pause = match self.tick().await {
                Ok(next) => {
                    let left = next.map(|at| at.duration_since(self.0.core.now()));
                    left.map_or(POLL, |left| Duration::try_from(left).unwrap_or(Duration::ZERO).min(POLL))
                }
                Err(error) => {
                    tracing::warn!(%error, "looking at runs that are due failed; trying again");
                    AFTER_ERROR
                }
            };
            let _ = tokio::time::timeout(pause, self.0.wake.notified()).await;
        }
    }

    /// One look at everything that is due.
    pub async fn tick(&self) -> Result<Option<Timestamp>> {
        let (moved, next) = self.0.core.due_runs(self.0.core.now()).await?;
        moved.into_iter().for_each(|moved| {
            self.launch(moved);
        });
        Ok(next)
    }

    /// Takes nothing more on, and waits for what is being called.
    pub async fn drain(&self, within: Duration) {
        self.0.stopping.store(true, Ordering::Relaxed);
        let _ = tokio::time::timeout(within, self.settled()).await;
    }

    /// Ends when everything that was called has been recorded.
    pub async fn settled(&self) {
        while self.0.calls.load(Ordering::Acquire) > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn launch(&self, moved: Moved) -> Moved {
        for act in &moved.acts {
            // While stopping, the lease leaves it to the next start.
            if !self.0.stopping.load(Ordering::Relaxed) {
                self.0.calls.fetch_add(1, Ordering::AcqRel);
                let (runs, run, act) = (self.clone(), moved.run.clone(), act.clone());
                tokio::spawn(async move {
                    runs.call(run, act).await;
                    runs.0.calls.fetch_sub(1, Ordering::AcqRel);
                });
            }
        }
        self.0.wake.notify_one();
        moved
    }

    async fn call(&self, run: Run, act: Act) {
        let Ok(_room) = self.0.room.clone().acquire_owned().await else { return };
        let mut performed = tokio::spawn(self.0.perform.perform(run.clone(), act.clone()));
        let done = tokio::time::timeout(CALL, &mut performed).await;
        performed.abort();
        let progress = match done {
            Ok(Ok(progress)) => progress,
            Ok(Err(_)) => Progress::Uncertain { reason: "the action failed inside of Firedog".to_owned() },
            Err(_) => Progress::Uncertain { reason: format!("no answer within {} s", CALL.as_secs()) },
        };
        let input = self.0.perform.secrets().await.input(Input::Outcome { place: act.place, attempt: act.attempt, progress });
        // Not recorded, it is as if we had crashed here: the lease ends, and it is taken up again.
        let mut pause = Duration::from_millis(50);
        for _ in 0..8 {
            match self.0.core.move_run(&run.id, input.clone(), None).await {
                Ok(moved) => {
                    self.launch(moved);
                    return;
                }
                Err(error @ (Error::Conflict(_) | Error::NotFound(_) | Error::Refused(_))) => {
                    return tracing::warn!(run = %run.id, %error, "an outcome was refused");
                }
                Err(error) => tracing::warn!(run = %run.id, %error, "an outcome could not be recorded; trying again"),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
}

async fn spawned<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    tokio::spawn(work).await.unwrap_or_else(|_| Err(Error::Unavailable("a task of Firedog failed".to_owned())))
}

struct Going {
    after: String,
}

impl Op for Going {
    type Out = Vec<Kept>;
    const NAME: &'static str = "run_going";
    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Self::Out> {
        kept::going(tx, &self.after, BATCH).await
    }
}

struct TakeHold {
    service: ServiceId,
    holder: Holder,
    since: Timestamp,
}

impl Op for TakeHold {
    type Out = Hold;
    const NAME: &'static str = "run_hold";
    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Self::Out> {
        let before = kept::holder(tx, &self.service).await?;
        if let Some(before) = &before {
            if before.key == self.holder.key {
                return Ok(Hold::Yours);
            }
            let kept = kept::get(tx, &before.run).await?;
            let step = kept.as_ref().and_then(|kept| Some((&kept.run, &kept.run.steps[kept.run.at(&before.place)?])));
            if let Some((run, step)) = step {
                // Whether it still happens is not certain yet, be the run over or not.
                let may_happen = |going: &Sequel| going.kind == SequelKind::TakeBack && going.call.key == before.key;
                if step.going().is_some_and(may_happen) {
                    return Ok(Hold::Busy(run.id.clone()));
                }
                match &step.state {
                    StepState::Doing { call, .. } | StepState::Waiting { call, .. }
                        if run.is_open() && call.key == before.key =>
                    {
                        return Ok(Hold::Busy(run.id.clone()));
                    }
                    // By whoever of us: a person may have done it, and may have said that it was not.
                    StepState::Done
                        if step.ended_at.is_some_and(|ended| ended > self.since)
                            && step.output.get("restarted") == Some(&Value::Bool(true)) =>
                    {
                        return Ok(Hold::Done(run.id.clone(), step.output.clone()));
                    }
                    _ => {}
                }
            }
        }
        kept::hold(tx, &self.service, before.as_ref(), &self.holder).await?;
        Ok(Hold::Yours)
    }
}

struct NextRun;

impl Op for NextRun {
    type Out = Option<Timestamp>;
    const NAME: &'static str = "run_next";
    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Self::Out> {
        kept::next_ready(tx).await
    }
}

struct Start {
    scene: Arc<Scene>,
    run: Run,
    record: Record,
    now: Timestamp,
}

impl Op for Start {
    type Out = std::result::Result<Moved, String>;
    const NAME: &'static str = "run_start";
    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Self::Out> {
        check_head(tx, &self.scene).await?;
        if let Some(open) = kept::open_of(tx, &self.run.subject).await? {
            if let Some(alert) = self.run.alert.as_ref().filter(|alert| open.run.alert.as_ref() != Some(alert)) {
                kept::join(tx, &open.run.id, alert).await?;
            }
            return Ok(Ok(Moved { run: open.run, acts: Vec::new(), joined: true }));
        }
        let mut run = self.run.clone();
        let fx = match run.begin(&Means(&self.scene.world.setup), self.now) {
            Ok(fx) => fx,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if !kept::insert(tx, &run, &fx.lines, tell_at(&fx, self.now)).await? {
            return Err(store::Error::Conflict);
        }
        audit::append_many(tx, std::slice::from_ref(&self.record)).await?;
        Ok(Ok(Moved { run, acts: fx.acts, joined: false }))
    }
}

fn tell_at(fx: &Effects, now: Timestamp) -> Option<Timestamp> {
    fx.ask.as_ref().map(|_| now)
}

/// Whether an earlier call of a step has written to the vendor.
fn was_sent(step: &RunStep) -> bool {
    matches!(&step.state, StepState::Doing { call, .. } | StepState::Waiting { call, .. } if call.memo.get(case::SENT).is_some())
}

struct Move {
    scene: Arc<Scene>,
    id: RunId,
    input: Input,
    record: Option<Record>,
    now: Timestamp,
    /// Of a case that this opens, and of its row in the audit log.
    ids: (String, String),
}

impl Move {
    /// A vendor case is opened in the transaction of what opens it, an answer that says its number or what Firedog itself has done:
    /// it is never without its clock. `sent`: it was opened before, when the vendor was written to. Answers a line for the run's log.
    async fn open_case(&self, tx: &mut dyn Tx, run: &Run, sent: bool) -> store::Result<Option<Line>> {
        let place = match &self.input {
            Input::Answer { place, .. } => place,
            Input::Outcome { place, .. } if !sent => place,
            _ => return Ok(None),
        };
        let setup = &self.scene.world.setup;
        let text = match Case::of_step(CaseId(self.ids.0.clone()), run, place, setup, self.now) {
            None => return Ok(None),
            Some(Err(why)) => why,
            Some(Ok(case)) => match self.number_of_sent(tx, &case).await? {
                Some(text) => text,
                None => self.opened(tx, case).await?,
            },
        };
        Ok(Some(Line { at: self.now, place: place.clone(), kind: LineKind::Progress, by: None, text }))
    }
}

impl Move {
    async fn opened(&self, tx: &mut dyn Tx, case: Case) -> store::Result<String> {
        let (case, joined) = store::case::open(tx, &case).await?;
        if !joined {
            let record = Record {
                id: self.ids.1.clone(),
                at: self.now,
                actor: self.record.as_ref().map_or_else(|| "system".to_owned(), |record| record.actor.clone()),
                action: "case.open".to_owned(),
                subject: format!("case:{}", case.id),
                before: None,
                after: None,
                detail: Some(format!("{} {}", case.vendor, case.number).trim().to_owned()),
            };
            audit::append_many(tx, &[record]).await?;
        }
        let (vendor, number, id) = (&case.vendor, &case.number, &case.id);
        Ok(match (joined, number.is_empty()) {
            (_, true) => format!("opened a case at {vendor}, whose number is not known yet ({id})"),
            (true, _) => format!("joined the case {number} at {vendor} ({id})"),
            (false, _) => format!("opened the case {number} at {vendor} ({id})"),
        })
    }

    /// The case was opened when the vendor was written to; now its number is known. `None`: there is no such case, or the number is
    /// that of another one.
    async fn number_of_sent(&self, tx: &mut dyn Tx, case: &Case) -> store::Result<Option<String>> {
        if case.number.is_empty() || store::case::same(tx, case).await?.is_some() {
            return Ok(None);
        }
        let filter = store::case::Filter {
            open: Some(true),
            vendor: Some(case.vendor.clone()),
            run: case.about.run.clone(),
            ..store::case::Filter::default()
        };
        let found = store::case::list(tx, &filter, MAX_CASES).await?;
        let Some(mut kept) = found.into_iter().find(|kept| kept.case.number.is_empty()) else { return Ok(None) };
        if kept.case.set_number(&case.number, case.url.as_deref().unwrap_or_default()).is_err() {
            return Ok(None);
        }
        store::case::update(tx, &kept, false).await?;
        Ok(Some(format!("{} is the number of the case at {} ({})", case.number, case.vendor, kept.case.id)))
    }
}

impl Op for Move {
    type Out = Option<std::result::Result<Moved, String>>;
    const NAME: &'static str = "run_move";
    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Self::Out> {
        check_head(tx, &self.scene).await?;
        let Some(Kept { mut run, version }) = kept::get(tx, &self.id).await? else { return Ok(None) };
        let sent =
            matches!(&self.input, Input::Outcome { place, .. } if run.at(place).is_some_and(|at| was_sent(&run.steps[at])));
        let mut fx = match run.advance(self.input.clone(), &Means(&self.scene.world.setup), self.now) {
            Ok(fx) => fx,
            Err(refusal) => return Ok(Some(Err(refusal))),
        };
        fx.lines.extend(self.open_case(tx, &run, sent).await?);
        let kept = Kept { run, version };
        kept::update(tx, &kept, &fx.lines, tell_at(&fx, self.now)).await?;
        if let Some(record) = &self.record {
            audit::append_many(tx, std::slice::from_ref(record)).await?;
        }
        if let Input::Join(Member { alert: Some(alert), .. }) = &self.input {
            kept::join(tx, &self.id, alert).await?;
        }
        Ok(Some(Ok(Moved { run: kept.run, acts: fx.acts, joined: false })))
    }
}

struct Due {
    scene: Arc<Scene>,
    now: Timestamp,
}

impl Op for Due {
    type Out = Vec<Moved>;
    const NAME: &'static str = "run_due";
    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Self::Out> {
        check_head(tx, &self.scene).await?;
        let mut all = Vec::new();
        for Kept { mut run, version } in kept::claim_due(tx, self.now, after(self.now, CLAIM), BATCH).await? {
            // A run that is over has no time; a tick is never refused.
            let fx = run.advance(Input::Tick, &Means(&self.scene.world.setup), self.now).unwrap_or_default();
            let kept = Kept { run, version };
            kept::update(tx, &kept, &fx.lines, tell_at(&fx, self.now)).await?;
            all.push(Moved { run: kept.run, acts: fx.acts, joined: false });
        }
        Ok(all)
    }
}
