//! What people change while Firedog runs: overrides, silences, maintenance. Those of the setup files are listed
//! beside them; they are changed in the files.

use super::{Error, Result};
use crate::app::App;
use crate::auth::Caller;
use firedog_domain::alert::Alert;
use firedog_domain::id::*;
use firedog_domain::matcher::Matcher;
use firedog_domain::setup::{Change, Maintenance, MaintenanceWhen, Override, Silence};
use firedog_store::alert::Filter;
use firedog_store::live::{self, Kept};
use firedog_store::{Op, Tx};
use jiff::{SignedDuration, Timestamp};

/// Most rows of a kind that are listed.
const MAX_LISTED: u32 = 5_000;
/// Longest reason, in characters.
const MAX_WHY: usize = 500;
/// Longest override, silence or window: a typing mistake in the year should not silence a service for a century.
const LONGEST: SignedDuration = SignedDuration::from_hours(5 * 366 * 24);
/// Most matchers of one silence.
const MAX_MATCHERS: usize = 64;

/// An item and where it comes from.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    pub item: T,
    /// Who made it; `None`: it stands in the setup files.
    pub created_by: Option<String>,
    pub ended: bool,
}

fn listed<T>(kept: Kept<T>) -> Listed<T> {
    Listed { item: kept.item, created_by: Some(kept.created_by), ended: kept.ended_at.is_some() }
}

pub(super) fn check_span(from: Timestamp, to: Timestamp, now: Timestamp) -> Result<()> {
    if to <= from {
        return Err(Error::Invalid("it must end after it begins".to_owned()));
    }
    if to <= now {
        return Err(Error::Invalid("it would be over already".to_owned()));
    }
    if to.duration_since(from) > LONGEST {
        return Err(Error::Invalid("it may last five years at most".to_owned()));
    }
    Ok(())
}

pub(super) fn check_why(why: &str) -> Result<String> {
    if why.chars().count() > MAX_WHY {
        return Err(Error::Invalid(format!("a reason has at most {MAX_WHY} characters")));
    }
    Ok(why.trim().to_owned())
}

/// Those that are not over, of the files and live.
pub async fn overrides(app: &App) -> Result<Vec<(ScheduleId, Listed<Override>)>> {
    let scene = app.engine.scene().await?;
    let now = app.now();
    let from_files = scene.world.setup.schedules.iter().flat_map(|schedule| {
        // Numbered as the loader of the files does; the store keeps no numbers.
        let numbered = (1..).zip(&schedule.overrides).filter(|(_, item)| item.to > now);
        numbered.map(|(n, item): (u32, _)| {
            let item = Override { id: OverrideId(format!("{}#{n}", schedule.id)), ..item.clone() };
            (schedule.id.clone(), Listed { item, created_by: None, ended: false })
        })
    });
    let mut all: Vec<_> = from_files.collect();
    all.extend(app.engine.store().read(Overrides(now)).await?.into_iter().map(|(schedule, kept)| (schedule, listed(kept))));
    all.retain(|(_, listed)| !listed.ended);
    Ok(all)
}

pub async fn add_override(
    app: &App,
    schedule: &str,
    change: Change,
    from: Option<Timestamp>,
    to: Timestamp,
    caller: &Caller,
) -> Result<(ScheduleId, Override)> {
    let from = from.unwrap_or_else(|| app.now());
    check_span(from, to, app.now())?;
    let schedule = ScheduleId::from(schedule);
    let mut item = Override { id: OverrideId::from(""), change, from, to, created_at: app.now() };
    item.id = app.engine.add_override(&schedule, item.clone(), &caller.actor()).await?;
    Ok((schedule, item))
}

pub async fn end_override(app: &App, id: &str, caller: &Caller) -> Result<()> {
    if id.contains('#') {
        return Err(Error::Conflict("this override stands in the setup files; change it there and apply".to_owned()));
    }
    gone(app.engine.end_override(&OverrideId::from(id), &caller.actor()).await, "override", id)
}

/// Those that are not over, of the files and live.
pub async fn silences(app: &App) -> Result<Vec<Listed<Silence>>> {
    let scene = app.engine.scene().await?;
    let now = app.now();
    let from_files = scene.world.setup.silences.iter().filter(|silence| silence.until > now);
    let mut all: Vec<_> = from_files.map(|item| Listed { item: item.clone(), created_by: None, ended: false }).collect();
    all.extend(silences_since(app, now).await?.into_iter().map(listed));
    Ok(all)
}

/// The live ones that end after `since`, ended ones too: what Alertmanager's API lists.
pub async fn silences_since(app: &App, since: Timestamp) -> Result<Vec<Kept<Silence>>> {
    Ok(app.engine.store().read(Silences(since)).await?)
}

/// A live silence, over or not.
pub async fn silence(app: &App, id: &SilenceId) -> Result<Option<Kept<Silence>>> {
    Ok(app.engine.store().read(OneSilence(id.clone())).await?)
}

/// A silence in the making.
#[derive(Clone, Debug)]
pub struct NewSilence {
    /// Replaces the one with this id.
    pub id: Option<SilenceId>,
    pub service: Option<ServiceId>,
    /// Holds back only what came in through it.
    pub integration: Option<IntegrationId>,
    pub matchers: Vec<Matcher>,
    pub from: Option<Timestamp>,
    pub until: Timestamp,
    pub why: String,
    pub created_by: String,
}

pub async fn put_silence(app: &App, new: NewSilence, by: &firedog_domain::alert::Actor) -> Result<Silence> {
    let from = new.from.unwrap_or_else(|| app.now());
    check_span(from, new.until, app.now())?;
    if new.service.is_none() && new.matchers.iter().all(Matcher::matches_empty) {
        return Err(Error::Invalid("this would silence everything: name a service or a label that must match".to_owned()));
    }
    if new.matchers.len() > MAX_MATCHERS {
        return Err(Error::Invalid(format!("a silence has at most {MAX_MATCHERS} matchers")));
    }
    let mut silence = Silence {
        id: new.id.unwrap_or_else(|| SilenceId::from("")),
        service: new.service,
        integration: new.integration,
        matchers: new.matchers,
        from,
        until: new.until,
        why: check_why(&new.why)?,
        created_by: new.created_by,
    };
    silence.id = app.engine.put_silence(silence.clone(), by).await?;
    Ok(silence)
}

/// How far back it is looked what a silence would have hidden, and through how many alerts.
const HIDDEN_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);
const LOOKED_THROUGH: u32 = 5_000;

/// The alerts of the last week that a silence (or, with `services`, a maintenance window) would cover, newest first.
pub async fn hidden(app: &App, service: Option<&str>, matchers: &[String], services: &[String]) -> Result<Vec<Alert>> {
    if matchers.len() > MAX_MATCHERS {
        return Err(Error::Invalid(format!("a silence has at most {MAX_MATCHERS} matchers")));
    }
    let read = |text: &String| text.parse::<Matcher>().map_err(Error::Invalid);
    let matchers: Vec<Matcher> = matchers.iter().map(read).collect::<Result<_>>()?;
    let mut of: Vec<ServiceId> = services.iter().map(|id| ServiceId::from(id.as_str())).collect();
    of.extend(service.map(ServiceId::from));
    if of.is_empty() && matchers.iter().all(Matcher::matches_empty) {
        return Err(Error::Invalid("name a service or a label that must match".to_owned()));
    }
    let since = firedog_domain::time::after(app.now(), -HIDDEN_WITHIN);
    let alerts = app.engine.store().read(Since { since, services: of }).await?;
    Ok(alerts.into_iter().filter(|alert| matchers.iter().all(|matcher| matcher.matches(&alert.labels))).collect())
}

struct Since {
    since: Timestamp,
    services: Vec<ServiceId>,
}

impl Op for Since {
    type Out = Vec<Alert>;
    const NAME: &'static str = "silence_preview";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        let filter = Filter { services: self.services.clone(), since: Some(self.since), ..Filter::default() };
        firedog_store::alert::list(tx, &filter, None, LOOKED_THROUGH).await
    }
}

pub async fn end_silence(app: &App, id: &str, by: &firedog_domain::alert::Actor) -> Result<()> {
    if app.engine.scene().await?.world.setup.silences.contains(id) {
        return Err(Error::Conflict("this silence stands in the setup files; change it there and apply".to_owned()));
    }
    gone(app.engine.end_silence(&SilenceId::from(id), by).await, "silence", id)
}

/// Those that are not over, of the files and live.
pub async fn maintenance(app: &App) -> Result<Vec<Listed<Maintenance>>> {
    let scene = app.engine.scene().await?;
    let now = app.now();
    let current = |item: &&Maintenance| match item.when {
        MaintenanceWhen::Once { to, .. } => to > now,
        MaintenanceWhen::Recurring { .. } => true,
    };
    let from_files = scene.world.setup.maintenance.iter().filter(current);
    let mut all: Vec<_> = from_files.map(|item| Listed { item: item.clone(), created_by: None, ended: false }).collect();
    all.extend(app.engine.store().read(Windows(now)).await?.into_iter().map(listed));
    all.retain(|listed| !listed.ended);
    Ok(all)
}

pub async fn add_maintenance(
    app: &App,
    services: Vec<ServiceId>,
    from: Option<Timestamp>,
    to: Timestamp,
    why: &str,
    caller: &Caller,
) -> Result<Maintenance> {
    let from = from.unwrap_or_else(|| app.now());
    check_span(from, to, app.now())?;
    if services.is_empty() {
        return Err(Error::Invalid("name at least one service".to_owned()));
    }
    let when = MaintenanceWhen::Once { from, to };
    let mut item = Maintenance { id: MaintenanceId::from(""), services, when, why: check_why(why)? };
    item.id = app.engine.add_maintenance(item.clone(), &caller.actor()).await?;
    Ok(item)
}

pub async fn end_maintenance(app: &App, id: &str, caller: &Caller) -> Result<()> {
    if app.engine.scene().await?.world.setup.maintenance.contains(id) {
        return Err(Error::Conflict("this window stands in the setup files; change it there and apply".to_owned()));
    }
    gone(app.engine.end_maintenance(&MaintenanceId::from(id), &caller.actor()).await, "maintenance window", id)
}

/// The store only knows that it is not there.
fn gone(done: firedog_engine::Result<()>, what: &str, id: &str) -> Result<()> {
    match done {
        Err(firedog_engine::Error::NotFound(_)) => {
            Err(Error::NotFound(format!("there is no {what} {id}, or it is over already")))
        }
        done => Ok(done?),
    }
}

struct Overrides(Timestamp);

impl Op for Overrides {
    type Out = Vec<(ScheduleId, Kept<Override>)>;
    const NAME: &'static str = "override_list";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        live::list_overrides(tx, self.0, MAX_LISTED).await
    }
}

struct Silences(Timestamp);

impl Op for Silences {
    type Out = Vec<Kept<Silence>>;
    const NAME: &'static str = "silence_list";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        live::list_silences(tx, self.0, MAX_LISTED).await
    }
}

struct OneSilence(SilenceId);

impl Op for OneSilence {
    type Out = Option<Kept<Silence>>;
    const NAME: &'static str = "silence_get";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        live::get_silence(tx, &self.0).await
    }
}

struct Windows(Timestamp);

impl Op for Windows {
    type Out = Vec<Kept<Maintenance>>;
    const NAME: &'static str = "maintenance_list";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        live::list_maintenance(tx, self.0, MAX_LISTED).await
    }
}
