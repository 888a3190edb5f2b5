//! Asking others to take a shift, or to swap one: whom it is offered to, and what a yes does to the schedules.

use crate::id::*;
use crate::schedule::render;
use crate::setup::{Change, Override, Schedule};
use crate::suppression::World;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Somebody asks to be covered. The first yes becomes an override.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cover {
    pub id: CoverId,
    pub schedule: ScheduleId,
    /// Who asks to be covered.
    pub user: UserId,
    pub from: Timestamp,
    /// Exclusive.
    pub until: Timestamp,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Who is asked; empty: everybody who could.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<UserId>,
    /// A swap: what `user` takes of the one who says yes, on the same schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_return: Option<Stretch>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declined: Vec<UserId>,
    pub state: CoverState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_by: Option<UserId>,
    /// The overrides that came of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<OverrideId>,
    pub created_at: Timestamp,
    pub created_by: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    pub from: Timestamp,
    /// Exclusive.
    pub until: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CoverState {
    Open,
    Taken,
    /// Taken back by whoever asked.
    Cancelled,
}

impl CoverState {
    pub const ALL: [Self; 3] = [Self::Open, Self::Taken, Self::Cancelled];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Taken => "taken",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why somebody cannot take it.
pub type Refusal = String;

impl Cover {
    /// Those who may say yes and have not said no: whoever is asked, else the schedule's team and everybody in its turns; never the one
    /// who asks, nor anybody who is away meanwhile.
    pub fn eligible(&self, world: &World) -> Vec<UserId> {
        let setup = &world.setup;
        let Some(schedule) = setup.schedule(&self.schedule) else { return Vec::new() };
        let members = schedule.team.as_ref().and_then(|team| setup.team(team)).into_iter().flat_map(|team| &team.members);
        let turns = schedule.layers.iter().flat_map(|layer| layer.users.iter().flatten());
        let mut all: Vec<UserId> =
            if self.asked.is_empty() { members.chain(turns).cloned().collect() } else { self.asked.clone() };
        all.sort();
        all.dedup();
        let away = |user: &UserId| {
            let overlaps = |from: Timestamp, until: Timestamp| from < self.until && self.from < until;
            world.live.leave.iter().any(|leave| leave.user == *user && overlaps(leave.from, leave.to))
        };
        all.retain(|user| *user != self.user && setup.user(user).is_some() && !self.declined.contains(user) && !away(user));
        all
    }

    /// What a yes of `taker` for `part` does. The part lies within what was asked for; a swap is taken whole.
    pub fn accept(&self, world: &World, taker: &UserId, part: Stretch, now: Timestamp) -> Result<Vec<Override>, Refusal> {
        let schedule = world.setup.schedule(&self.schedule).ok_or("the schedule is gone")?;
        if part.from < self.from || part.until > self.until || part.from >= part.until {
            return Err("take a part of what was asked for".to_owned());
        }
        if part.until <= now {
            return Err("it is over already".to_owned());
        }
        let whole = Stretch { from: self.from, until: self.until };
        if self.in_return.is_some() && part != whole {
            return Err("a swap is taken whole".to_owned());
        }
        let mut changes = instead(schedule, world, &self.user, taker, part, now);
        if changes.is_empty() {
            return Err(format!("{} is not on {} in that time any more", self.user, self.schedule));
        }
        if let Some(back) = self.in_return {
            let returned = instead(schedule, world, taker, &self.user, back, now);
            if returned.is_empty() {
                return Err(format!("{taker} is not on {} in the time that was offered in return", self.schedule));
            }
            changes.extend(returned);
        }
        Ok(changes)
    }

    /// What is left to ask for after `part` has been taken.
    pub fn rest(&self, part: Stretch) -> Vec<Stretch> {
        let before = Stretch { from: self.from, until: part.from };
        let after = Stretch { from: part.until, until: self.until };
        [before, after].into_iter().filter(|left| left.from < left.until).collect()
    }
}

/// `taker` instead of `user` wherever `user` is on within `part`. Whoever is on beside them stays on.
fn instead(schedule: &Schedule, world: &World, user: &UserId, taker: &UserId, part: Stretch, now: Timestamp) -> Vec<Override> {
    let live = world.live.overrides_of(&schedule.id);
    let spans = render(schedule, live, part.from.max(now).min(part.until), part.until);
    let mut changes: Vec<Override> = Vec::new();
    for span in spans.into_iter().filter(|span| span.users.contains(user)) {
        let make = |change| Override { id: OverrideId::from(""), change, from: span.from, to: span.until, created_at: now };
        let wanted = if span.users.len() == 1 {
            vec![make(Change::Replace(taker.clone()))]
        } else {
            vec![make(Change::Add(taker.clone())), make(Change::Remove(user.clone()))]
        };
        for one in wanted {
            match changes.iter_mut().find(|last| last.change == one.change && last.to == one.from) {
                Some(last) => last.to = one.to,
                None => changes.push(one),
            }
        }
    }
    changes
}

#[cfg(test)]
mod tests;
