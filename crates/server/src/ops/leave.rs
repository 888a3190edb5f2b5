//! Being away: a leave takes a person off every schedule for a while, and shows what that leaves open.

use super::live::{self, Listed};
use super::sign_in::nobody;
use super::timeline::{self, Shift};
use super::{Error, Result, rights};
use crate::app::App;
use crate::auth::{Caller, Role};
use firedog_domain::id::{LeaveId, UserId};
use firedog_domain::schedule::render;
use firedog_domain::suppression::Leave;
use firedog_store::live::Kept;
use firedog_store::{Op, Tx};
use jiff::Timestamp;

/// Most leaves that are listed.
const MAX_LISTED: u32 = 5_000;

/// A stretch of a schedule that a leave leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub shift: Shift,
    /// Nobody else is on for some of it.
    pub alone: bool,
}

/// Those that are not over.
pub async fn list(app: &App) -> Result<Vec<Listed<Leave>>> {
    let kept = app.engine.store().read(All(app.now())).await?;
    let listed =
        |kept: Kept<Leave>| Listed { item: kept.item, created_by: Some(kept.created_by), ended: kept.ended_at.is_some() };
    Ok(kept.into_iter().map(listed).filter(|listed| !listed.ended).collect())
}

/// Whoever may say that somebody is away: they themselves, a manager of one of their teams, an administrator.
async fn allowed(app: &App, caller: &Caller, user: &UserId) -> Result<()> {
    if caller.role == Role::Admin || caller.user.as_ref() == Some(user) {
        return Ok(());
    }
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    let shared = rights::teams_of(setup, user).iter().any(|team| rights::in_team(setup, caller, Some(team)));
    if caller.role >= Role::Manager && shared {
        return Ok(());
    }
    Err(Error::NotAllowed(format!("{user} says so, or somebody who manages one of their teams")))
}

pub async fn add(
    app: &App,
    user: Option<UserId>,
    from: Option<Timestamp>,
    to: Timestamp,
    why: &str,
    caller: &Caller,
) -> Result<Leave> {
    let user = user.or_else(|| caller.user.clone()).ok_or_else(nobody)?;
    allowed(app, caller, &user).await?;
    let from = from.unwrap_or_else(|| app.now());
    live::check_span(from, to, app.now())?;
    let mut leave = Leave { id: LeaveId::from(""), user, from, to, why: live::check_why(why)? };
    leave.id = app.engine.add_leave(leave.clone(), &caller.actor()).await?;
    Ok(leave)
}

pub async fn end(app: &App, id: &str, caller: &Caller) -> Result<()> {
    let gone = || Error::NotFound(format!("there is no leave {id}, or it is over already"));
    let leave = list(app).await?.into_iter().find(|listed| listed.item.id.as_str() == id).ok_or_else(gone)?;
    allowed(app, caller, &leave.item.user).await?;
    match app.engine.end_leave(&LeaveId::from(id), &caller.actor()).await {
        Err(firedog_engine::Error::NotFound(_)) => Err(gone()),
        done => Ok(done?),
    }
}

/// What somebody would be on for during their leave, and whether anybody else is.
pub async fn left(app: &App, leave: &Leave) -> Result<Vec<Left>> {
    let scene = app.engine.scene().await?;
    let own = format!("leave:{}", leave.id);
    let mut all = Vec::new();
    for schedule in scene.world.setup.schedules.iter() {
        let present = scene.world.live.overrides_of(&schedule.id);
        let without: Vec<_> = present.iter().filter(|item| item.id.as_str() != own).cloned().collect();
        let (from, to) = (leave.from, leave.to.min(firedog_domain::time::after(leave.from, timeline::LONGEST)));
        let now_on = render(schedule, present, from, to);
        for span in render(schedule, &without, from, to).into_iter().filter(|span| span.users.contains(&leave.user)) {
            let alone = now_on.iter().any(|other| other.users.is_empty() && other.from < span.until && other.until > span.from);
            let with = span.users.into_iter().filter(|other| *other != leave.user).collect();
            let shift = Shift {
                schedule: schedule.id.clone(),
                schedule_name: schedule.name.clone(),
                team: schedule.team.as_ref().map(ToString::to_string),
                timezone: schedule.timezone.name().to_owned(),
                from: span.from,
                until: span.until,
                with,
                now: span.from <= app.now() && app.now() < span.until,
            };
            all.push(Left { shift, alone });
        }
    }
    all.sort_by(|a, b| (a.shift.from, &a.shift.schedule).cmp(&(b.shift.from, &b.shift.schedule)));
    Ok(all)
}

struct All(Timestamp);

impl Op for All {
    type Out = Vec<Kept<Leave>>;
    const NAME: &'static str = "leave_list";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        firedog_store::live::list_leave(tx, self.0, MAX_LISTED).await
    }
}
