//! Runbooks and their runs: listing, starting, and what people do to them.

use super::{Error, Result, approve, record, rights, telling};
use crate::app::App;
use crate::auth::{Caller, Role};
use firedog_connectors::mask;
use firedog_domain::alert::{Alert, State};
use firedog_domain::case;
use firedog_domain::id::{AlertId, InstitutionId, RunId, RunbookId, ServiceId, TeamId, UserId};
use firedog_domain::route::OnAlert;
use firedog_domain::runbook::evidence::{self, Evidence};
use firedog_domain::runbook::means::Means;
use firedog_domain::runbook::run::{Input, Line, Member, Notice, Run, StepState, Surroundings};
use firedog_domain::runbook::{Need, Runbook, reference};
use firedog_domain::setup::catalogue::{ENVIRONMENT_LABEL, Link};
use firedog_domain::setup::{Capability, ConnectionKind, Institution, Setup, Vendor};
use firedog_domain::time::after;
use firedog_engine::Moved;
use firedog_store::audit::Record;
use firedog_store::run::{self as kept, Filter, Kept};
use firedog_store::{Op, Tx};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Most runs that are listed.
pub const MAX_LISTED: u32 = 500;
/// Most lines that are read at once.
pub const MAX_LINES: u32 = 1_000;
/// Longest text that a run is told when it starts, in characters.
const MAX_TEXT: usize = 1_000;
/// An alert that is older starts nothing by itself: whoever has it has begun.
const STARTS_WITHIN: SignedDuration = SignedDuration::from_mins(15);
/// Support is told within half a minute of the alert.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Who has started a run that nobody has.
pub(super) const BY_ALERT: &str = "alert";
/// Alerts looked at for runbooks that start by themselves.
const MAX_ALERTS: u32 = 500;
/// Links of one run, at most.
const MAX_LINKS: usize = 50;
/// Links look so far back from a run's begin.
const BEFORE: SignedDuration = SignedDuration::from_mins(15);
/// Runs that began earlier take in no alerts any more.
const LONG_RUNS: SignedDuration = SignedDuration::from_hours(24);

/// A runbook by its id, with the runbooks in it.
pub async fn runbook(app: &App, id: &str) -> Result<Runbook> {
    as_done(&app.engine.scene().await?.world.setup, id)
}

fn as_done(setup: &Setup, id: &str) -> Result<Runbook> {
    setup.runbook(id).ok_or_else(|| Error::NotFound(format!("there is no runbook `{id}`; see them: firedog runbook list")))
}

/// When a runbook was last begun, and how that ended.
#[derive(Clone, Debug, Default)]
pub struct LastRun {
    pub at: Option<Timestamp>,
    pub state: Option<String>,
    /// In words, if nobody knows whether it still works.
    pub stale: Option<String>,
}

/// Of one runbook after the other.
pub async fn last_runs(app: &App, runbooks: &[Runbook]) -> Result<Vec<LastRun>> {
    let mut all: BTreeMap<RunbookId, (Timestamp, String)> =
        app.engine.store().read(Last).await?.into_iter().map(|(id, at, state)| (id, (at, state))).collect();
    let now = app.now();
    let of = |runbook: &Runbook| match all.remove(&runbook.id) {
        None => LastRun { stale: Some("never run".to_owned()), ..LastRun::default() },
        Some((at, state)) => {
            let is_stale = after(at, runbook.stale_after) <= now;
            let stale = is_stale.then(|| format!("not run for {} days", runbook.stale_after.as_hours() / 24));
            LastRun { at: Some(at), state: Some(state), stale }
        }
    };
    Ok(runbooks.iter().map(of).collect())
}

pub async fn runbooks(app: &App) -> Result<Vec<Runbook>> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    Ok(setup.runbooks.slugs().filter_map(|id| setup.runbook(id)).collect())
}

/// Whether the caller may start it and act in its runs.
pub fn may_run(setup: &Setup, caller: &Caller, runbook: &str) -> Result<()> {
    let team = setup.runbooks.get(runbook).and_then(|runbook| runbook.team.as_ref());
    if caller.role >= Role::Responder && rights::in_team(setup, caller, team) {
        return Ok(());
    }
    let team = team.map_or("", TeamId::as_str);
    Err(Error::NotAllowed(format!("the runbook {runbook} belongs to the team {team}, and you are not one of its members")))
}

/// What a run is told, by the names of its runbook: ids of things of the setup become these things, as they are now.
fn inputs(setup: &Setup, runbook: &Runbook, given: &Map<String, Value>, alert: Option<&Alert>) -> Result<Map<String, Value>> {
    if let Some(unknown) = given.keys().find(|name| !runbook.inputs.contains_key(*name)) {
        let known = runbook.inputs.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "nothing".to_owned() } else { known };
        return Err(Error::Invalid(format!("{} is not told `{unknown}`; it takes {known}", runbook.id)));
    }
    let mut inputs = Map::new();
    for (name, need) in &runbook.inputs {
        let of_alert = || match name.as_str() {
            "service" => alert?.service.as_ref().map(|id| id.as_str()),
            name => alert?.labels.get(name).map(String::as_str),
        };
        let text = match given.get(name) {
            Some(Value::String(text)) => Some(text.as_str()),
            Some(Value::Null) | None => of_alert(),
            Some(_) => return Err(Error::Invalid(format!("`{name}` is a text"))),
        };
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            if *need == Need::Required {
                return Err(Error::Invalid(format!("{} has to be told `{name}`", runbook.id)));
            }
            continue;
        };
        if text.chars().count() > MAX_TEXT {
            return Err(Error::Invalid(format!("`{name}` is longer than {MAX_TEXT} characters")));
        }
        let value = match name.as_str() {
            "institution" => {
                let institution =
                    setup.institutions.get(text).ok_or_else(|| no_such("institution", text, setup.institutions.slugs()))?;
                let mut value = json!(institution);
                value.as_object_mut().map(|parts| parts.remove("authority"));
                value["name"] = json!(if institution.name.is_empty() { text } else { &institution.name });
                value["code"] = json!(institution.code.as_deref().unwrap_or(text));
                value
            }
            "service" => {
                let service = setup.services.get(text).ok_or_else(|| no_such("service", text, setup.services.slugs()))?;
                json!({ "id": service.id, "name": if service.name.is_empty() { text } else { &service.name }, "team": service.team })
            }
            _ => Value::from(mask::text(text)),
        };
        inputs.insert(name.clone(), value);
    }
    if let Some(alert) = alert {
        let told = json!({
            "id": alert.id, "service": alert.service, "summary": alert.summary, "dedup_key": alert.dedup_key,
            "severity": alert.severity, "created_at": alert.created_at, "labels": alert.labels,
        });
        inputs.insert("alert".to_owned(), told);
    }
    Ok(inputs)
}

pub(super) fn no_such<'a>(kind: &str, id: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let known: Vec<&str> = known.take(12).collect();
    let known = if known.is_empty() { format!("the setup has no {kind}") } else { format!("there is: {}", known.join(", ")) };
    Error::NotFound(format!("there is no {kind} `{id}`; {known}"))
}

/// Starts a runbook, or joins the run that is open for the same institution or service.
pub async fn start(app: &App, id: &str, given: &Map<String, Value>, alert: Option<&AlertId>, caller: &Caller) -> Result<Moved> {
    let scene = app.engine.scene().await?;
    let runbook = as_done(&scene.world.setup, id)?;
    may_run(&scene.world.setup, caller, id)?;
    let alert = match alert {
        Some(id) => Some(super::alerts::show(app, id).await?.alert),
        None => None,
    };
    let row = record::of(app, caller, "run.start", String::new());
    begin(app, &scene.world.setup, &runbook, given, alert.as_ref(), who(caller), row).await
}

async fn begin(
    app: &App,
    setup: &Setup,
    runbook: &Runbook,
    given: &Map<String, Value>,
    alert: Option<&Alert>,
    by: String,
    row: Record,
) -> Result<Moved> {
    let inputs = inputs(setup, runbook, given, alert)?;
    let mut run = runbook.start(RunId(app.engine.new_id()), inputs, by, app.now());
    run.alert = alert.map(|alert| alert.id.clone());
    run.service = run.service.or_else(|| alert.and_then(|alert| alert.service.clone()));
    let row = Record { subject: format!("run:{}", run.id), detail: Some(run.subject.clone()), ..row };
    let moved = app.runs.start(run, row).await?;
    telling::soon(app);
    Ok(moved)
}

/// As a run names people and tokens.
pub(super) fn who(caller: &Caller) -> String {
    caller.user.as_ref().map_or_else(|| format!("token {}", caller.name), UserId::to_string)
}

pub async fn get(app: &App, id: &str) -> Result<Run> {
    let found = app.engine.store().read(One(RunId::from(id))).await?;
    found.map(|kept| kept.run).ok_or_else(|| Error::NotFound(format!("there is no run {id}; see them: firedog run list")))
}

pub async fn list(app: &App, filter: Filter, limit: u32) -> Result<Vec<Run>> {
    let found = app.engine.store().read(All { filter, limit: limit.min(MAX_LISTED) }).await?;
    Ok(found.into_iter().map(|kept| kept.run).collect())
}

pub async fn lines(app: &App, id: &str, after: i64) -> Result<Vec<(i64, Line)>> {
    get(app, id).await?;
    Ok(app.engine.store().read(Lines { id: RunId::from(id), after }).await?)
}

/// What a vendor is given of a run, and the vendor that it is for.
pub async fn evidence(app: &App, id: &str) -> Result<(Evidence, Option<Vendor>)> {
    let run = get(app, id).await?;
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    let case = run.steps.iter().find(|step| step.spec.uses.as_deref() == Some(case::ACTION));
    let vendor = case::vendor_of(&run, case.map_or("", |step| &step.place), setup).cloned();
    Ok((evidence::evidence(&run, &case::zone_of(&run, setup)), vendor))
}

/// What a person does to a run.
#[derive(Clone, Debug)]
pub enum Deed {
    Answer(Map<String, Value>),
    Choose { choice: String },
    Confirm { hash: String },
    Decline { reason: String },
    Skip { reason: String },
    Retry,
}

/// To one of its steps.
pub async fn act(app: &App, id: &str, place: &str, deed: Deed, caller: &Caller) -> Result<Run> {
    let run = get(app, id).await?;
    let scene = app.engine.scene().await?;
    let agrees = matches!(deed, Deed::Confirm { .. } | Deed::Decline { .. }) && caller.role >= Role::Responder;
    if !(agrees && approve::may_agree(&scene.world, &run, place, caller.user.as_ref(), app.now())) {
        may_run(&scene.world.setup, caller, run.runbook.as_str())?;
    }
    let (by, place) = (who(caller), place.to_owned());
    let text = |text: String| mask::text(text.trim()).into_owned();
    let (action, input) = match deed {
        Deed::Answer(values) => {
            let Value::Object(values) = mask::value(Value::Object(values)) else {
                return Err(Error::Invalid("answer by name".to_owned()));
            };
            ("run.answer", Input::Answer { place: place.clone(), values, by })
        }
        Deed::Choose { choice } => ("run.choose", Input::Choose { place: place.clone(), choice, by }),
        Deed::Confirm { hash } => ("run.confirm", Input::Confirm { place: place.clone(), hash, by }),
        Deed::Decline { reason } => ("run.decline", Input::Decline { place: place.clone(), reason: text(reason), by }),
        Deed::Skip { reason } => ("run.skip", Input::Skip { place: place.clone(), reason: text(reason), by }),
        Deed::Retry => ("run.retry", Input::Retry { place: place.clone(), by }),
    };
    let row = Record { detail: Some(format!("step {place}")), ..record::of(app, caller, action, format!("run:{id}")) };
    let moved = app.runs.input(&run.id, input, row).await?;
    telling::soon(app);
    Ok(moved.run)
}

/// By the label of the alert that has begun the run.
fn named_environment(run: &Run) -> Option<&str> {
    run.inputs.get("alert")?.get("labels")?.get(ENVIRONMENT_LABEL)?.as_str()
}

/// Where people look for the steps that wait for them, each at its place; addresses are filled in.
pub async fn links(app: &App, run: &Run) -> Result<Vec<(String, Link)>> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    let institution = run.inputs.get("institution").and_then(|institution| institution.get("id")?.as_str());
    let mut all = Vec::new();
    for (_, step) in run.open_asks() {
        let Some(capability) = step.spec.uses.as_deref().and_then(Capability::of_action) else { continue };
        let named = step.args.get("service").and_then(Value::as_str).or(run.service.as_ref().map(ServiceId::as_str));
        // Without a service that is named, those of all that serve the institution.
        let services = setup.services.iter().filter(|service| match (named, institution) {
            (Some(id), _) => service.id.as_str() == id,
            (None, Some(institution)) => service.serves(&InstitutionId::from(institution)),
            (None, None) => false,
        });
        for service in services {
            let environment = service.environment(named_environment(run));
            let value = |name: &str| match name {
                "institution" => institution.map(str::to_owned),
                "service" => Some(service.id.to_string()),
                "environment" => environment.map(|one| one.id.clone()),
                "suffix" => environment.map(|one| one.suffix.clone()),
                "from" => run.started_at.checked_sub(BEFORE).ok().map(|at| at.to_string()),
                _ => Some(app.now().to_string()),
            };
            let links = service.links.iter().filter(|link| link.capability == Some(capability));
            all.extend(links.map(|link| (step.place.clone(), Link { url: link.filled(value), ..link.clone() })));
            if all.len() >= MAX_LINKS {
                all.truncate(MAX_LINKS);
                return Ok(all);
            }
        }
    }
    Ok(all)
}

pub async fn cancel(app: &App, id: &str, reason: &str, caller: &Caller) -> Result<Run> {
    let run = get(app, id).await?;
    let scene = app.engine.scene().await?;
    may_run(&scene.world.setup, caller, run.runbook.as_str())?;
    let reason = mask::text(reason.trim()).into_owned();
    if reason.is_empty() {
        return Err(Error::Invalid("say why it is cancelled: whoever reads this later has to know".to_owned()));
    }
    let row = Record { detail: Some(reason.clone()), ..record::of(app, caller, "run.cancel", format!("run:{id}")) };
    let moved = app.runs.input(&run.id, Input::Cancel { reason, by: who(caller) }, row).await?;
    telling::soon(app);
    Ok(moved.run)
}

/// One step of a run that is only thought through.
#[derive(Clone, Debug)]
pub struct Foreseen {
    pub place: String,
    pub what: String,
    pub uses: Option<String>,
    pub when: Option<String>,
    /// As far as it is known before anything is done.
    pub args: Map<String, Value>,
    /// What stands in the way: nothing connected, a value that is not known yet.
    pub by_hand: Option<String>,
    /// What somebody would have to agree to.
    pub confirms: Vec<String>,
}

/// What a run would do: every value that can be told is, nothing is called.
pub async fn dry_run(app: &App, id: &str, given: &Map<String, Value>) -> Result<Vec<Foreseen>> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    let runbook = as_done(setup, id)?;
    let known = inputs(setup, &runbook, given, None)?;
    let means = Means(setup);
    let mut all = Vec::new();
    let mut todo: Vec<(String, &firedog_domain::runbook::Step, Option<Value>)> =
        runbook.steps.iter().enumerate().map(|(n, step)| ((n + 1).to_string(), step, None)).rev().collect();
    while let Some((place, step, item)) = todo.pop() {
        let mut context = known.clone();
        context.extend(item.clone().map(|item| ("item".to_owned(), item)));
        // What is not known yet stays as it is written.
        let value = |value: &Value| reference::resolve(value, &context).unwrap_or_else(|_| value.clone());
        let args: Map<String, Value> = step.with.iter().map(|(name, given)| (name.clone(), value(given))).collect();
        let action = step.uses.as_deref().and_then(firedog_domain::runbook::actions::get);
        let mut args = args;
        if step.uses.as_deref() == Some(case::ACTION) && !args.contains_key("vendor") {
            let vendor = known.get("institution").and_then(|one| setup.vendors.get(one.get("vendor")?.as_str()?));
            let own = vendor.filter(|vendor| case::opens(vendor, setup).is_some());
            args.extend(own.map(|vendor| ("vendor".to_owned(), Value::from(vendor.id.as_str()))));
        }
        let by_hand = action.and_then(|action| means.means(action, &args).err());
        let asks = |action: &&firedog_domain::runbook::actions::Action| {
            action.destructive || step.confirm.is_some() || means.confirms(action, &args)
        };
        let confirms = match action.filter(asks) {
            Some(action) => means.consequences(action, &args, &context),
            None => Vec::new(),
        };
        let inner = step.parallel.iter().map(|inner| (inner, item.clone()));
        let mut inside: Vec<_> =
            inner.enumerate().map(|(n, (inner, item))| (format!("{place}.{}", n + 1), inner, item)).collect();
        if let Some(each) = &step.each {
            let items = value(each).as_array().cloned().unwrap_or_default();
            for (round, item) in items.into_iter().enumerate() {
                let steps = step.steps.iter().enumerate();
                inside.extend(steps.map(|(n, inner)| (format!("{place}.{}.{}", round + 1, n + 1), inner, Some(item.clone()))));
            }
        }
        todo.extend(inside.into_iter().rev());
        all.push(Foreseen {
            place,
            what: step.what.clone(),
            uses: step.uses.clone(),
            when: step.when.clone(),
            args,
            by_hand,
            confirms,
        });
    }
    Ok(all)
}

/// Starts runbooks whose `on` holds for alerts that are new. Until it is aborted.
pub async fn keep(app: App) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Err(error) = start_due(&app).await {
            tracing::warn!(%error, "runbooks that start by themselves could not be looked at; trying again");
        }
    }
}

/// Answers how many have begun.
pub async fn start_due(app: &App) -> Result<usize> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    let ready = |runbook: &Runbook| Some((setup.runbook(runbook.id.as_str())?, OnAlert::compile(runbook.on.as_ref()?).ok()?));
    let rules: Vec<(Runbook, OnAlert)> = setup.runbooks.iter().filter_map(ready).collect();
    if rules.is_empty() {
        return Ok(0);
    }
    let since = app.now().checked_sub(STARTS_WITHIN).unwrap_or(Timestamp::MIN);
    let (alerts, seen) = app.engine.store().read(Fresh { since }).await?;
    let mut begun = 0;
    for alert in &alerts {
        for (runbook, on) in &rules {
            // What cannot be told starts nothing; the alert pages all the same.
            if seen.contains(&(alert.id.clone(), runbook.id.clone())) || !on.hold(alert).unwrap_or(false) {
                continue;
            }
            match begin_for(app, setup, runbook, alert).await {
                Ok(is_new) => begun += usize::from(is_new),
                Err(error) => tracing::debug!(runbook = %runbook.id, alert = %alert.id, %error, "a runbook did not start"),
            }
        }
    }
    Ok(begun)
}

/// Answers whether a run has begun; else the alert has joined one.
async fn begin_for(app: &App, setup: &Setup, runbook: &Runbook, alert: &Alert) -> Result<bool> {
    let row = || Record {
        id: app.engine.new_id(),
        at: app.now(),
        actor: "system".to_owned(),
        action: "run.start".to_owned(),
        subject: String::new(),
        before: None,
        after: None,
        detail: None,
    };
    if let Some(institution) =
        runbook.inputs.get("institution").and_then(|_| setup.institutions.get(alert.labels.get("institution")?))
    {
        let filter = Filter { open: Some(true), runbook: Some(runbook.id.clone()), ..Filter::default() };
        let since = after(app.now(), -runbook.fleet.within);
        // An outage that takes nobody in any more is another one than what fails now.
        let grows = |run: &Run| run.members.last().is_some_and(|member| member.at >= since);
        let by_alerts = |run: &Run| run.started_by == BY_ALERT && (run.started_at >= since || grows(run));
        let mut open: Vec<Run> = list(app, filter, MAX_LISTED).await?.into_iter().filter(by_alerts).collect();
        open.sort_by_key(|run| (run.members.is_empty(), run.started_at, run.id.clone()));
        let of = |run: &Run| run.inputs.get("institution").and_then(|own| own.get("id")?.as_str()).map(str::to_owned);
        let is_known = open.iter().any(|run| of(run).as_deref() == Some(institution.id.as_str()));
        let as_row = |action: &str, run: &Run| Record { action: action.to_owned(), subject: format!("run:{}", run.id), ..row() };
        if let Some(first) = open
            .first()
            .filter(|first| !is_known && (!first.members.is_empty() || open.len() >= runbook.fleet.more_than as usize))
        {
            for other in open.iter().skip(1) {
                // What would be done twice outside is not taken from whoever is at it; it may have begun since they were listed.
                let other = &get(app, other.id.as_str()).await?;
                if !other.is_open() || other.holds_on().is_some() {
                    continue;
                }
                let own = of(other).and_then(|id| setup.institutions.get(&id));
                if let Some(own) = own {
                    let notice = notice(setup, other);
                    let member = Member { notice, ..member(own, other.alert.as_ref(), app.now()) };
                    app.runs.input(&first.id, Input::Join(member), as_row("run.join", first)).await?;
                }
                match app.runs.input(&other.id, Input::GoOnIn(first.id.clone()), as_row("run.join", other)).await {
                    // It has begun something meanwhile, or is over.
                    Ok(_) | Err(firedog_engine::Error::Conflict(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            let member = member(institution, Some(&alert.id), app.now());
            app.runs.input(&first.id, Input::Join(member), as_row("run.join", first)).await?;
            return Ok(false);
        }
    }
    let moved = begin(app, setup, runbook, &Map::new(), Some(alert), BY_ALERT.to_owned(), row()).await?;
    Ok(!moved.joined)
}

fn member(institution: &Institution, alert: Option<&AlertId>, now: Timestamp) -> Member {
    let code = institution.code.clone().unwrap_or_else(|| institution.id.to_string());
    Member { institution: institution.id.to_string(), code, alert: alert.cloned(), at: now, notice: None }
}

/// Where the run has told support, or is doing so at this moment.
fn notice(setup: &Setup, run: &Run) -> Option<Notice> {
    let step = run.steps.iter().find(|step| step.spec.uses.as_deref() == Some("support.tell"))?;
    let (call, doing) = match &step.state {
        StepState::Doing { call, .. } => (call, true),
        StepState::Waiting { call, .. } => (call, false),
        _ => return None,
    };
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let (since, key) = (run.started_at, call.key.clone());
    match (text(&call.memo, "channel"), text(&call.memo, "ts")) {
        (Some(room), Some(ts)) => Some(Notice { room, key, ts: Some(ts), since }),
        _ if doing && call.memo.is_null() => {
            let of_step = step.args.get("room").and_then(Value::as_str).map(str::to_owned);
            let of_institution = || text(run.inputs.get("institution")?, "room");
            let of_setup = || setup.connection(ConnectionKind::Slack)?.room.clone();
            Some(Notice { room: of_step.or_else(of_institution).or_else(of_setup)?, key, ts: None, since })
        }
        _ => None,
    }
}

/// The first step of the service's policy, as it is now.
pub(super) async fn on_call(app: &App, service: &ServiceId) -> Result<Vec<UserId>> {
    let rows = super::oncall::on_call(app, None, Some(service.as_str()), None).await?;
    Ok(rows.into_iter().filter(|row| row.step == Some(1)).filter_map(|row| row.user).collect())
}

struct Last;

impl Op for Last {
    type Out = Vec<(RunbookId, Timestamp, String)>;
    const NAME: &'static str = "run_last_of_runbooks";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        kept::last_of_runbooks(tx).await
    }
}

struct One(RunId);

impl Op for One {
    type Out = Option<Kept>;
    const NAME: &'static str = "run_get";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        kept::get(tx, &self.0).await
    }
}

struct All {
    filter: Filter,
    limit: u32,
}

impl Op for All {
    type Out = Vec<Kept>;
    const NAME: &'static str = "run_list";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        kept::list(tx, &self.filter, self.limit).await
    }
}

struct Lines {
    id: RunId,
    after: i64,
}

impl Op for Lines {
    type Out = Vec<(i64, Line)>;
    const NAME: &'static str = "run_lines";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        kept::lines(tx, &self.id, self.after, MAX_LINES).await
    }
}

/// Alerts that have come since then and are still open.
struct Fresh {
    since: Timestamp,
}

/// Oldest first, with the alerts that runbooks have begun for or joined.
impl Op for Fresh {
    type Out = (Vec<Alert>, BTreeSet<(AlertId, RunbookId)>);
    const NAME: &'static str = "run_fresh_alerts";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        let states = vec![State::Triggered, State::Acknowledged];
        let filter = firedog_store::alert::Filter { states, since: Some(self.since), ..firedog_store::alert::Filter::default() };
        let mut alerts = firedog_store::alert::list(tx, &filter, None, MAX_ALERTS).await?;
        alerts.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        let seen = kept::of_alerts(tx, self.since.checked_sub(LONG_RUNS).unwrap_or(Timestamp::MIN)).await?;
        Ok((alerts, seen.into_iter().collect()))
    }
}
