//! Telling people what runs ask them. Whoever has to agree is paged first; messages hold up nothing, and each other as little.

use super::{Error, Result, approve, chat, cover, run};
use crate::app::App;
use crate::deliver::Words;
use firedog_connectors::Aside;
use firedog_domain::id::{RunId, UserId};
use firedog_domain::runbook::run::{Run, RunStep, StepState};
use firedog_domain::runbook::sequel::SequelKind;
use firedog_domain::time::after;
use firedog_store::run::{self as kept, Kept};
use firedog_store::{Op, Tx};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const EVERY: Duration = Duration::from_secs(1);
/// Nobody else tells of a run meanwhile.
const LEASE: SignedDuration = SignedDuration::from_mins(2);
/// Well below the lease: who could not be told by then reads it in the app.
const WITHIN: Duration = Duration::from_secs(60);
const BATCH: u32 = 16;
/// Runs whose people are being told at once.
static AT_ONCE: Semaphore = Semaphore::const_new(64);

/// A run whose people are to be told.
struct Due {
    run: Run,
    /// A plan is left that no policy is for: those who may agree are told one by one.
    unpaged: bool,
    lease: Timestamp,
}

/// Until it is aborted.
pub async fn keep(app: App) {
    let mut under_way = JoinSet::new();
    loop {
        tokio::time::sleep(EVERY).await;
        while under_way.try_join_next().is_some() {}
        match settle(&app).await {
            Ok(due) => begin(&app, due, &mut under_way),
            Err(error) => tracing::warn!(%error, "people could not be told of what a run asks; trying again"),
        }
    }
}

/// Nobody waits for messages; the loop sends what this does not.
pub(super) fn soon(app: &App) {
    let app = app.clone();
    tokio::spawn(async move {
        if let Err(error) = tell_due(&app).await {
            tracing::warn!(%error, "people could not be told of what a run asks; it is tried again");
        }
    });
}

/// Tells whoever is to look at a run that it waits for them.
pub async fn tell_due(app: &App) -> Result<()> {
    let mut under_way = JoinSet::new();
    begin(app, settle(app).await?, &mut under_way);
    while under_way.join_next().await.is_some() {}
    Ok(())
}

/// Pages whoever may agree. A mail server that hangs holds up nobody's page, and what fails of one run concerns no other.
async fn settle(app: &App) -> Result<Vec<Due>> {
    let now = app.now();
    let lease = after(now, LEASE);
    let claimed = app.engine.store().write(Claim { now, lease }).await?;
    let mut due = Vec::new();
    for Kept { run, .. } in claimed {
        match approve::settle(app, &run).await {
            Ok(unpaged) => due.push(Due { run, unpaged, lease }),
            Err(error) => tracing::warn!(%error, run = %run.id, "whoever may agree could not be paged; it is tried again"),
        }
    }
    Ok(due)
}

fn begin(app: &App, due: Vec<Due>, under_way: &mut JoinSet<()>) {
    for due in due {
        let app = app.clone();
        under_way.spawn(async move {
            let Ok(_room) = AT_ONCE.acquire().await else { return };
            // Somebody else tells of it, now that this has waited so long.
            if due.lease <= app.now() {
                return;
            }
            let told = async {
                tell(&app, &due.run, due.unpaged).await?;
                Ok::<_, Error>(app.engine.store().write(Told { id: due.run.id.clone(), lease: due.lease }).await?)
            };
            if let Err(error) = told.await {
                tracing::warn!(%error, run = %due.run.id, "people could not be told of what it asks; it is tried again");
            }
        });
    }
}

async fn tell(app: &App, run: &Run, unpaged: bool) -> Result<()> {
    // What goes on by itself and may be told something is not what somebody waits for.
    let waits = |step: &RunStep| matches!(step.state, StepState::Waiting { .. });
    let asks = || run.open_asks().map(|(_, step)| step);
    let watches = || run.sequels().find(|(_, sequel)| sequel.kind == SequelKind::Watch);
    let (step, title) = match (asks().find(|step| !waits(step)).or_else(|| asks().next()), watches()) {
        (Some(step), _) => (step, format!("{} waits for you", run.called())),
        (None, Some((step, _))) => (step, format!("{} is not verified yet", run.called())),
        (None, None) => return Ok(()),
    };
    let what = step.called();
    let text = match &step.state {
        StepState::Confirming { plan, .. } => format!("Agree or decline: {}", plan.in_short()),
        _ => match step.going() {
            Some(watch) => {
                format!("{what}: {}. It is watched until {:.0}; you are paged only if calls fail.", watch.text, watch.until)
            }
            None => what,
        },
    };
    let words = Words {
        aside: Aside::Ask,
        // The same however often it is told.
        key: format!("run-{}-{}-{}-{}", run.id, step.place, step.state.as_str(), step.asked_at().map_or(0, Timestamp::as_second)),
        title,
        text,
        url: format!("{}/runs/{}", app.links_base, run.id),
    };
    let two_person = matches!(&step.state, StepState::Confirming { plan, .. } if plan.two_person);
    let people = match (two_person, unpaged) {
        (false, _) => asked(app, run).await?,
        (true, true) => others(app, run).await?,
        (true, false) => Vec::new(),
    };
    let scene = app.engine.scene().await?;
    let world = &scene.world;
    let each = people.iter().filter_map(|id| world.setup.user(id)).map(|user| {
        let (mail, chat) = (cover::tell_one(app, world, user, &words), chat::ask(app, &world.setup, user, run, step, &words));
        async { tokio::join!(mail, chat) }
    });
    if tokio::time::timeout(WITHIN, join_all(each)).await.is_err() {
        tracing::warn!(run = %run.id, "not everybody could be told in time of what it asks");
    }
    Ok(())
}

/// Who started it, else who is on call for its service, else the runbook's team.
async fn asked(app: &App, run: &Run) -> Result<Vec<UserId>> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    let starter = UserId::from(run.started_by.as_str());
    if setup.user(&starter).is_some() {
        return Ok(vec![starter]);
    }
    if let Some(service) = &run.service {
        let first = run::on_call(app, service).await?;
        if !first.is_empty() {
            return Ok(first);
        }
    }
    let team = setup.runbooks.get(run.runbook.as_str()).and_then(|runbook| setup.team(runbook.team.as_ref()?));
    Ok(team.map(|team| team.members.clone()).unwrap_or_default())
}

/// Who may agree where the one who started it may not: whoever is on call for its service, and the runbook's team.
async fn others(app: &App, run: &Run) -> Result<Vec<UserId>> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    let team = setup.runbooks.get(run.runbook.as_str()).and_then(|runbook| setup.team(runbook.team.as_ref()?));
    let mut people = match &run.service {
        Some(service) => run::on_call(app, service).await?,
        None => Vec::new(),
    };
    people.extend(team.map(|team| team.members.clone()).unwrap_or_default());
    let mut seen = BTreeSet::new();
    people.retain(|id| id.as_str() != run.started_by && seen.insert(id.clone()));
    Ok(people)
}

struct Claim {
    now: Timestamp,
    lease: Timestamp,
}

impl Op for Claim {
    type Out = Vec<Kept>;
    const NAME: &'static str = "run_claim_told";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        kept::claim_told(tx, self.now, self.lease, BATCH).await
    }
}

struct Told {
    id: RunId,
    lease: Timestamp,
}

impl Op for Told {
    type Out = ();
    const NAME: &'static str = "run_told";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        kept::told(tx, &self.id, self.lease).await
    }
}
