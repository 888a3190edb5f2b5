//! Who is on call now, across teams, with who comes next, how they can be reached, and what they have in hand.

use super::readiness::{self, ContactState};
use super::{Result, alerts};
use crate::app::App;
use firedog_domain::id::UserId;
use firedog_domain::schedule::shift_at;
use firedog_domain::setup::{Schedule, Setup};
use firedog_domain::suppression::World;
use jiff::Timestamp;

/// Hand-overs that are looked through for somebody else; a schedule of one person has none.
const LOOKED_THROUGH: usize = 50;
/// Open alerts that are counted.
const COUNTED: u32 = 500;

/// A schedule, now.
#[derive(Clone, Debug)]
pub struct Place {
    pub schedule: String,
    pub name: String,
    pub team: Option<String>,
    pub timezone: String,
    /// Empty: nobody.
    pub on: Vec<Present>,
    pub until: Option<Timestamp>,
    /// Who comes then, and from when; `None`: it stays like this.
    pub next: Option<(Timestamp, Vec<UserId>)>,
    /// Who would be on if they were not away.
    pub away: Vec<(UserId, Timestamp)>,
}

/// Somebody who is on call.
#[derive(Clone, Debug)]
pub struct Present {
    pub user: UserId,
    pub contacts: Vec<ContactState>,
    /// Why nobody knows whether they would wake.
    pub lacking: Option<String>,
    /// Open alerts that they have.
    pub busy: usize,
}

pub async fn board(app: &App) -> Result<Vec<Place>> {
    let reach = readiness::of(app, None).await?;
    let query = alerts::Query { state: Some("acknowledged".to_owned()), limit: Some(COUNTED), ..alerts::Query::default() };
    let open = alerts::list(app, &query).await?.items;
    let scene = app.engine.scene().await?;
    let world = &scene.world;
    let now = app.now();
    let present = |user: &UserId| {
        let found = reach.iter().find(|row| row.user == *user);
        Present {
            user: user.clone(),
            contacts: found.map(|row| row.contacts.clone()).unwrap_or_default(),
            lacking: found.and_then(|row| row.lacking.clone()),
            busy: open.iter().filter(|alert| alert.acknowledged_by.as_ref() == Some(user)).count(),
        }
    };
    let place = |schedule: &Schedule| {
        let live = world.live.overrides_of(&schedule.id);
        let shift = shift_at(schedule, live, now);
        Place {
            schedule: schedule.id.to_string(),
            name: schedule.name.clone(),
            team: schedule.team.as_ref().map(|team| team_name(&world.setup, team.as_str())),
            timezone: schedule.timezone.name().to_owned(),
            until: Some(shift.until),
            next: next(schedule, world, shift.until, &shift.users),
            on: shift.users.iter().map(present).collect(),
            away: away(schedule, world, now),
        }
    };
    Ok(world.setup.schedules.iter().map(place).collect())
}

fn team_name(setup: &Setup, id: &str) -> String {
    setup.teams.get(id).map(|team| team.name.as_str()).filter(|name| !name.is_empty()).unwrap_or(id).to_owned()
}

fn next(schedule: &Schedule, world: &World, from: Timestamp, now_on: &[UserId]) -> Option<(Timestamp, Vec<UserId>)> {
    let live = world.live.overrides_of(&schedule.id);
    let mut at = from;
    for _ in 0..LOOKED_THROUGH {
        let shift = shift_at(schedule, live, at);
        if shift.users != now_on {
            return Some((at, shift.users));
        }
        if shift.until <= at {
            return None;
        }
        at = shift.until;
    }
    None
}

fn away(schedule: &Schedule, world: &World, now: Timestamp) -> Vec<(UserId, Timestamp)> {
    let live = world.live.overrides_of(&schedule.id);
    let without: Vec<_> = live.iter().filter(|item| !item.id.as_str().starts_with("leave:")).cloned().collect();
    let would = shift_at(schedule, &without, now).users;
    let gone = world.live.leave.iter().filter(|leave| leave.from <= now && now < leave.to && would.contains(&leave.user));
    gone.map(|leave| (leave.user.clone(), leave.to)).collect()
}
