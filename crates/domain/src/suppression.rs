//! What keeps an alert from paging for a while (silences, maintenance), always with a name and an
//! end; and [`Live`], what people changed since the setup was applied.

use crate::id::*;
use crate::schedule::wall::{first_instant, reached};
use crate::schedule::windows;
use crate::setup::{
    Address, Change, Contact, Content, Days, Device, Maintenance, MaintenanceWhen, Override, PUSH, Period, Setup, Silence, User,
    Window, Zone,
};
use crate::time::after;
use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Operational data that deciding reads beside the setup. Never deleted by `apply`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    pub overrides: BTreeMap<ScheduleId, Vec<Override>>,
    pub silences: Vec<Silence>,
    pub maintenance: Vec<Maintenance>,
    pub leave: Vec<Leave>,
    /// Browsers that take push messages.
    pub devices: BTreeMap<UserId, Arc<[Device]>>,
}

/// A person is away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    pub id: LeaveId,
    pub user: UserId,
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

impl Live {
    /// Takes whoever is away off every schedule that names them. To a schedule, leave is an override like any other, and
    /// being taken off comes after everything that puts somebody on; so paging, `simulate`, `prove` and every calendar agree.
    pub fn apply_leave(&mut self, setup: &Setup) {
        for leave in std::mem::take(&mut self.leave) {
            for schedule in setup.schedules.iter() {
                let live = self.overrides.get(&schedule.id).map_or(&[][..], Vec::as_slice);
                let put_on =
                    |item: &Override| matches!(&item.change, Change::Replace(user) | Change::Add(user) if *user == leave.user);
                let in_layers =
                    schedule.layers.iter().flat_map(|layer| layer.users.iter().flatten()).any(|user| *user == leave.user);
                if in_layers || schedule.overrides.iter().chain(live).any(put_on) {
                    self.overrides.entry(schedule.id.clone()).or_default().push(Override {
                        id: OverrideId(format!("leave:{}", leave.id)),
                        change: Change::Remove(leave.user.clone()),
                        from: leave.from,
                        to: leave.to,
                        created_at: leave.from,
                    });
                }
            }
            self.leave.push(leave);
        }
    }

    /// The contact method `push` of whoever has registered a device.
    pub fn push_contact(&self, user: &UserId) -> Option<Contact> {
        let devices = self.devices.get(user).filter(|devices| !devices.is_empty())?;
        let address = Address::Push(devices.clone());
        Some(Contact { id: ContactId::from(PUSH), address, secret: None, content: Content::Full, rings: false })
    }

    pub fn overrides_of(&self, schedule: &ScheduleId) -> &[Override] {
        self.overrides.get(schedule).map_or(&[], Vec::as_slice)
    }
}

/// The setup and the live data that one decision sees: both old or both new, never a mixture.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub setup: Setup,
    /// Version of the setup; recorded by every decision made under it.
    pub version: i64,
    pub live: Live,
}

/// Why an alert is held back, by what, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// `silence known-noise`, `maintenance core-nightly`.
    pub by: String,
    pub why: String,
    pub until: Timestamp,
}

/// What holds back an alert of a service, an integration (`None`: by hand) and these labels at `now`; where several do, the one
/// that ends last.
pub fn held(
    world: &World,
    service: Option<&ServiceId>,
    integration: Option<&IntegrationId>,
    labels: &BTreeMap<String, String>,
    now: Timestamp,
) -> Option<Held> {
    let all = world.setup.silences.iter().chain(&world.live.silences);
    let silenced = all.filter(|s| silences(s, service, integration, labels, now)).map(|s| Held {
        by: format!("silence {}", s.id),
        why: s.why.clone(),
        until: s.until,
    });
    let windows = world.setup.maintenance.iter().chain(&world.live.maintenance);
    let maintained = windows.filter(|m| service.is_some_and(|service| m.services.contains(service))).filter_map(|m| {
        let (_, until) = occurrence(m, now)?;
        Some(Held { by: format!("maintenance {}", m.id), why: m.why.clone(), until })
    });
    silenced.chain(maintained).max_by_key(|held| held.until)
}

/// Whether one silence holds back an alert of a service, an integration and these labels at `now`.
pub fn silences(
    silence: &Silence,
    service: Option<&ServiceId>,
    integration: Option<&IntegrationId>,
    labels: &BTreeMap<String, String>,
    now: Timestamp,
) -> bool {
    let runs = silence.from <= now && now < silence.until;
    let service_agrees = silence.service.as_ref().is_none_or(|wanted| Some(wanted) == service);
    let integration_agrees = silence.integration.as_ref().is_none_or(|wanted| Some(wanted) == integration);
    runs && service_agrees && integration_agrees && silence.matchers.iter().all(|matcher| matcher.matches(labels))
}

/// A span of time: from, and until (exclusive).
pub type Stretch = (Timestamp, Timestamp);

/// The occurrence of a maintenance window that covers `at`.
pub fn occurrence(m: &Maintenance, at: Timestamp) -> Option<Stretch> {
    match &m.when {
        MaintenanceWhen::Once { from, to } => (*from <= at && at < *to).then_some((*from, *to)),
        MaintenanceWhen::Recurring { every, days, day, from, to, timezone } => {
            let local = reached(timezone.tz(), at);
            let window = window(*every, *days, *from, *to);
            let mut near = windows::days(local.date(), -1).take(2).filter(|date| recurs_on(*every, *day, *date));
            let (from, to) = near.find_map(|date| window.on(date).filter(|(from, to)| *from <= local && local < *to))?;
            Some((first_instant(timezone.tz(), from), first_instant(timezone.tz(), to)))
        }
    }
}

/// A recurring window comes at least once in this time (a month, and a night that a clock change swallowed).
const LONGEST_PAUSE_DAYS: usize = 100;

/// The first occurrence that starts after `after`. Occurrences that a clock change swallowed whole do not count.
pub fn next_occurrence(m: &Maintenance, after: Timestamp) -> Option<Stretch> {
    match &m.when {
        MaintenanceWhen::Once { from, to } => (*from > after && from < to).then_some((*from, *to)),
        MaintenanceWhen::Recurring { every, days, day, from, to, timezone } => {
            let local = reached(timezone.tz(), after);
            let window = window(*every, *days, *from, *to);
            let ahead = windows::days(local.date(), 1).take(LONGEST_PAUSE_DAYS).filter(|date| recurs_on(*every, *day, *date));
            let mut starts = ahead.filter_map(|date| window.on(date)).filter(|(from, _)| *from > local);
            starts.find_map(|(from, to)| {
                let found = (first_instant(timezone.tz(), from), first_instant(timezone.tz(), to));
                (found.0 < found.1).then_some(found)
            })
        }
    }
}

/// A monthly window has its day of the month and asks for no weekday.
fn window(every: Period, days: Days, from: Time, to: Time) -> Window {
    Window { days: if every == Period::Month { Days::ALL } else { days }, from, to }
}

/// Whether the period lets a window start on `date`; the weekdays are looked at by [`Window::on`].
fn recurs_on(every: Period, day: Option<i8>, date: Date) -> bool {
    match every {
        Period::Day | Period::Week => true,
        Period::Month => date.day() == day.unwrap_or(1).clamp(1, date.days_in_month()),
    }
}

/// Whether low urgency may disturb a person now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awake {
    /// In their waking hours, until then.
    Now { until: Timestamp },
    /// Not; they start next at `from`.
    At { from: Timestamp },
}

/// Where `at` lies in a person's waking hours: in their own zone, else in `fallback` (that of the schedule
/// that pages them), else in UTC. Equal ends of the waking hours mean around the clock.
pub fn waking(user: &User, fallback: Option<&Zone>, at: Timestamp) -> Awake {
    let in_a_day = after(at, SignedDuration::from_hours(24));
    if user.waking.from == user.waking.to {
        return Awake::Now { until: in_a_day };
    }
    let utc = Zone::utc();
    let tz = user.timezone.as_ref().or(fallback).unwrap_or(&utc).tz();
    let hours = [Window { days: Days::ALL, from: user.waking.from, to: user.waking.to }];
    let piece = windows::inside(&hours, tz, reached(tz, at));
    if piece.says { Awake::Now { until: piece.until } } else { Awake::At { from: piece.until } }
}

#[cfg(test)]
mod tests;
