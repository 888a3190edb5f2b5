//! A schedule over time, lane by lane, and what a change to it would do, before it is made.

use super::oncall::find_schedule;
use super::sign_in::nobody;
use super::{Error, Result, live};
use crate::app::App;
use crate::auth::Caller;
use firedog_domain::id::{OverrideId, ScheduleId, UserId};
use firedog_domain::schedule::{Span, render, shift_at};
use firedog_domain::setup::{Change, Override, Schedule};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Changes of the zone's offset that are told; a range of five years has ten.
const MAX_TRANSITIONS: usize = 50;
/// Longest range, which takes well under a millisecond however often the turns change.
pub(super) const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);
/// How far ahead a person's shifts are looked for at the most.
pub const MAX_SHIFT_DAYS: i64 = 366;

/// A stretch of time and who is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SpanRow {
    pub from: Timestamp,
    /// Exclusive.
    pub until: Timestamp,
    /// Empty: nobody.
    #[schema(value_type = Vec<String>)]
    pub users: Vec<UserId>,
}

impl From<Span> for SpanRow {
    fn from(span: Span) -> Self {
        Self { from: span.from, until: span.until, users: span.users }
    }
}

/// What one layer alone says.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LayerLane {
    pub id: String,
    pub every: String,
    pub spans: Vec<SpanRow>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OverrideLane {
    pub id: String,
    pub from: Timestamp,
    pub until: Timestamp,
    /// `replace`, `add` or `remove`.
    pub change: &'static str,
    #[schema(value_type = String)]
    pub user: UserId,
    /// `files`: it is changed there; `app`: it can be taken back.
    pub origin: &'static str,
    pub created_by: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LeaveLane {
    pub id: String,
    #[schema(value_type = String)]
    pub user: UserId,
    pub from: Timestamp,
    pub until: Timestamp,
}

/// The zone's clock is set.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Transition {
    pub at: Timestamp,
    /// From UTC, in seconds, from then on.
    pub offset_s: i32,
}

/// A schedule over a range, lane by lane.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Timeline {
    #[schema(value_type = String)]
    pub schedule: ScheduleId,
    pub name: String,
    pub team: Option<String>,
    pub timezone: String,
    /// Later layers win.
    pub layers: Vec<LayerLane>,
    pub overrides: Vec<OverrideLane>,
    /// Who is away, of those whom the schedule would have on.
    pub leave: Vec<LeaveLane>,
    /// Who really is on.
    #[serde(rename = "final")]
    pub last: Vec<SpanRow>,
    pub transitions: Vec<Transition>,
}

fn check_range(from: Timestamp, to: Timestamp) -> Result<()> {
    if to <= from || to.duration_since(from) > LONGEST {
        return Err(Error::Invalid("the range ends after it begins, and within a year".to_owned()));
    }
    Ok(())
}

pub async fn timeline(app: &App, id: &str, from: Timestamp, to: Timestamp) -> Result<Timeline> {
    check_range(from, to)?;
    let scene = app.engine.scene().await?;
    let schedule = find_schedule(&scene.world.setup, id)?;
    let live = scene.world.live.overrides_of(&schedule.id);
    let alone = |layer: &firedog_domain::setup::Layer| {
        let only = Schedule { layers: vec![layer.clone()], overrides: Vec::new(), ..schedule.clone() };
        render(&only, &[], from, to).into_iter().filter(|span| !span.users.is_empty()).map(SpanRow::from).collect()
    };
    let layers = schedule
        .layers
        .iter()
        .map(|layer| LayerLane { id: layer.id.clone(), every: layer.every.to_string(), spans: alone(layer) })
        .collect();
    let all = live::overrides(app).await?;
    let of_schedule = all.into_iter().filter(|(of, listed)| *of == schedule.id && listed.item.from < to && listed.item.to > from);
    let overrides = of_schedule
        .map(|(_, listed)| {
            let (change, user) = match listed.item.change {
                Change::Replace(user) => ("replace", user),
                Change::Add(user) => ("add", user),
                Change::Remove(user) => ("remove", user),
            };
            OverrideLane {
                id: listed.item.id.to_string(),
                from: listed.item.from,
                until: listed.item.to,
                change,
                user,
                origin: if listed.created_by.is_some() { "app" } else { "files" },
                created_by: listed.created_by,
            }
        })
        .collect();
    let taken_off = |id: &str| live.iter().any(|item| item.id.as_str().strip_prefix("leave:") == Some(id));
    let leave = scene.world.live.leave.iter().filter(|leave| leave.from < to && leave.to > from && taken_off(leave.id.as_str()));
    let leave = leave
        .map(|leave| LeaveLane { id: leave.id.to_string(), user: leave.user.clone(), from: leave.from, until: leave.to })
        .collect();
    let transitions = schedule.timezone.tz().following(from).take_while(|transition| transition.timestamp() < to);
    let transitions = transitions
        .take(MAX_TRANSITIONS)
        .map(|transition| Transition { at: transition.timestamp(), offset_s: transition.offset().seconds() })
        .collect();
    Ok(Timeline {
        schedule: schedule.id.clone(),
        name: schedule.name.clone(),
        team: schedule.team.as_ref().map(ToString::to_string),
        timezone: schedule.timezone.name().to_owned(),
        layers,
        overrides,
        leave,
        last: render(schedule, live, from, to).into_iter().map(SpanRow::from).collect(),
        transitions,
    })
}

/// What somebody gains or loses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Share {
    #[schema(value_type = String)]
    pub user: UserId,
    pub before_s: i64,
    pub after_s: i64,
    pub delta_s: i64,
}

/// A change before it is made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Preview {
    pub before: Vec<SpanRow>,
    pub after: Vec<SpanRow>,
    /// Whose hours change, the largest change first.
    pub people: Vec<Share>,
    /// Time in the range with nobody on, in seconds.
    pub gaps_before_s: i64,
    pub gaps_after_s: i64,
}

/// A change to preview: an override more, one less, or one instead of another.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    pub add: Option<(Change, Timestamp, Timestamp)>,
    pub end: Option<String>,
}

pub async fn preview(app: &App, id: &str, from: Timestamp, to: Timestamp, wish: Wish) -> Result<Preview> {
    check_range(from, to)?;
    let scene = app.engine.scene().await?;
    let schedule = find_schedule(&scene.world.setup, id)?;
    let present = scene.world.live.overrides_of(&schedule.id);
    let mut changed = present.to_vec();
    if let Some(end) = &wish.end {
        let before = changed.len();
        changed.retain(|item| item.id.as_str() != end);
        if changed.len() == before {
            return Err(Error::NotFound(format!("there is no override {end} that could be taken back")));
        }
    }
    if let Some((change, from, to)) = wish.add {
        if to <= from {
            return Err(Error::Invalid("it must end after it begins".to_owned()));
        }
        let user = match &change {
            Change::Replace(user) | Change::Add(user) | Change::Remove(user) => user,
        };
        if scene.world.setup.user(user).is_none() {
            return Err(Error::NotFound(format!("there is no user `{user}`")));
        }
        changed.push(Override { id: OverrideId::from("preview"), change, from, to, created_at: app.now() });
    }
    let (before, after) = (render(schedule, present, from, to), render(schedule, &changed, from, to));
    let mut shares: BTreeMap<UserId, (i64, i64)> = BTreeMap::new();
    for (spans, is_after) in [(&before, false), (&after, true)] {
        for span in spans {
            let length = span.until.duration_since(span.from).as_secs();
            for user in &span.users {
                let share = shares.entry(user.clone()).or_default();
                if is_after { share.1 += length } else { share.0 += length }
            }
        }
    }
    let share =
        |(user, (before_s, after_s)): (UserId, (i64, i64))| Share { user, before_s, after_s, delta_s: after_s - before_s };
    let mut people: Vec<Share> = shares.into_iter().map(share).filter(|share| share.delta_s != 0).collect();
    people.sort_by_key(|share| -share.delta_s.abs());
    let gaps = |spans: &[Span]| -> i64 {
        spans.iter().filter(|span| span.users.is_empty()).map(|span| span.until.duration_since(span.from).as_secs()).sum()
    };
    Ok(Preview {
        gaps_before_s: gaps(&before),
        gaps_after_s: gaps(&after),
        before: before.into_iter().map(SpanRow::from).collect(),
        after: after.into_iter().map(SpanRow::from).collect(),
        people,
    })
}

/// I have it now: until the present shift ends, or until then.
pub async fn take_over(app: &App, id: &str, until: Option<Timestamp>, caller: &Caller) -> Result<(ScheduleId, Override)> {
    let user = caller.user.clone().ok_or_else(nobody)?;
    let until = match until {
        Some(until) => until,
        None => {
            let scene = app.engine.scene().await?;
            let schedule = find_schedule(&scene.world.setup, id)?;
            shift_at(schedule, scene.world.live.overrides_of(&schedule.id), app.now()).until
        }
    };
    live::add_override(app, id, Change::Replace(user), None, until, caller).await
}

/// A stretch that somebody is on call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Shift {
    #[schema(value_type = String)]
    pub schedule: ScheduleId,
    pub schedule_name: String,
    pub team: Option<String>,
    pub timezone: String,
    pub from: Timestamp,
    pub until: Timestamp,
    /// Who is on with them at its beginning.
    #[schema(value_type = Vec<String>)]
    pub with: Vec<UserId>,
    pub now: bool,
}

/// A person's shifts over all schedules, in order of time.
pub async fn shifts_of(app: &App, user: &UserId, days: i64) -> Result<Vec<Shift>> {
    let scene = app.engine.scene().await?;
    if scene.world.setup.user(user).is_none() {
        return Err(Error::NotFound(format!("there is no user `{user}`")));
    }
    let now = app.now();
    let to = firedog_domain::time::after(now, SignedDuration::from_hours(24 * days.clamp(1, MAX_SHIFT_DAYS)));
    let mut shifts: Vec<Shift> = Vec::new();
    for schedule in scene.world.setup.schedules.iter() {
        let live = scene.world.live.overrides_of(&schedule.id);
        let mut own: Vec<Shift> = Vec::new();
        for span in render(schedule, live, now, to).into_iter().filter(|span| span.users.contains(user)) {
            match own.last_mut().filter(|last| last.until == span.from) {
                Some(last) => last.until = span.until,
                None => own.push(Shift {
                    schedule: schedule.id.clone(),
                    schedule_name: schedule.name.clone(),
                    team: schedule.team.as_ref().map(ToString::to_string),
                    timezone: schedule.timezone.name().to_owned(),
                    from: span.from,
                    until: span.until,
                    with: span.users.into_iter().filter(|other| other != user).collect(),
                    now: span.from == now,
                }),
            }
        }
        // A shift that runs has begun before now.
        if let Some(first) = own.first_mut().filter(|shift| shift.now) {
            first.from = shift_at(schedule, live, now).since.min(first.from);
        }
        shifts.extend(own);
    }
    shifts.sort_by(|a, b| (a.from, &a.schedule).cmp(&(b.from, &b.schedule)));
    Ok(shifts)
}
