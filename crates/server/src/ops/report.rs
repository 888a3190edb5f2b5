//! Load and fairness: whom the pages of a span have interrupted, when, over what, and which of them need not have.

use super::{Error, Result};
use crate::app::App;
use firedog_domain::alert::{Alert, Resolved};
use firedog_domain::delivery::{Delivery, Kind, Notification};
use firedog_domain::id::{AlertId, ServiceId, TeamId, UserId};
use firedog_domain::schedule::render;
use firedog_domain::setup::{Setup, Zone};
use firedog_store::alert::{Filter, Position};
use firedog_store::{Op, Tx};
use jiff::civil::Weekday;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Longest span.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);
/// Alerts that are looked at; a span with more is reported as far as they reach.
const MAX_ALERTS: usize = 20_000;
/// Alerts read in one transaction.
const BATCH: u32 = 500;
/// Night, in the person's own zone.
const NIGHT_FROM: i8 = 22;
const NIGHT_TO: i8 = 7;
/// What is over by itself within this, unseen, need not have paged anybody.
const BRIEF: SignedDuration = SignedDuration::from_mins(10);
/// So often the same complaint is a candidate for noise.
const OFTEN: usize = 3;
const MAX_NOISE: usize = 20;

#[derive(Clone, Debug, Default)]
pub struct Report {
    pub people: Vec<Person>,
    pub services: Vec<OfService>,
    pub noise: Vec<Noise>,
    pub alerts: usize,
    /// There were more alerts than are looked at; the newest were.
    pub truncated: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Person {
    pub user: String,
    /// Alerts that paged them.
    pub interruptions: usize,
    /// Of them, at night.
    pub nights: usize,
    /// Of them, by hour of their day.
    pub hours: Vec<usize>,
    /// Messages that went out to them.
    pub pages: usize,
    /// Alerts that they took.
    pub acknowledged: usize,
    /// Time on call, and of it nights and weekends, in seconds.
    pub oncall_s: i64,
    pub unsocial_s: i64,
}

#[derive(Clone, Debug, Default)]
pub struct OfService {
    pub service: Option<String>,
    pub alerts: usize,
    pub interruptions: usize,
    pub nights: usize,
    /// Acknowledged by a person.
    pub acknowledged: usize,
    /// Over without anybody.
    pub by_themselves: usize,
}

/// The same complaint, again and again, that nobody does anything about.
#[derive(Clone, Debug)]
pub struct Noise {
    pub service: Option<String>,
    pub summary: String,
    pub alerts: usize,
    pub interruptions: usize,
    /// Nobody acknowledged these.
    pub ignored: usize,
    /// Over within ten minutes by themselves.
    pub brief: usize,
}

pub async fn report(app: &App, from: Timestamp, to: Timestamp, team: Option<&str>) -> Result<Report> {
    if to <= from || to.duration_since(from) > LONGEST {
        return Err(Error::Invalid("the span ends after it begins, and within a year".to_owned()));
    }
    let services = match team {
        Some(team) => {
            let scene = app.engine.scene().await?;
            if !scene.world.setup.teams.contains(team) {
                return Err(Error::NotFound(format!("there is no team `{team}`")));
            }
            let of = scene.world.setup.services.iter().filter(|service| service.team.as_str() == team);
            of.map(|service| service.id.clone()).collect()
        }
        None => Vec::new(),
    };
    let mut seen = Seen::default();
    let mut after = None;
    if team.is_none() || !services.is_empty() {
        loop {
            let filter = Filter { services: services.clone(), since: Some(from), until: Some(to), ..Filter::default() };
            let (alerts, pages) = app.engine.store().read(Read { filter, after: after.take() }).await?;
            let whole = alerts.len() == BATCH as usize;
            after = alerts.last().map(Position::of);
            let scene = app.engine.scene().await?;
            seen.add(&scene.world.setup, &alerts, &pages);
            if !whole {
                break;
            }
            if seen.alerts >= MAX_ALERTS {
                seen.truncated = true;
                break;
            }
        }
    }
    let scene = app.engine.scene().await?;
    seen.on_call(&scene.world, from, to, team.map(TeamId::from).as_ref());
    Ok(seen.report())
}

#[derive(Default)]
struct Seen {
    people: BTreeMap<UserId, Person>,
    services: BTreeMap<Option<ServiceId>, OfService>,
    noise: BTreeMap<(Option<ServiceId>, String), Noise>,
    alerts: usize,
    truncated: bool,
}

impl Seen {
    fn add(&mut self, setup: &Setup, alerts: &[Alert], pages: &[Notification]) {
        let mut of_alert: BTreeMap<&AlertId, Vec<&Notification>> = BTreeMap::new();
        for page in pages.iter().filter(|page| page.kind == Kind::Page && went_out(page)) {
            of_alert.entry(&page.alert).or_default().push(page);
        }
        for alert in alerts {
            self.alerts += 1;
            let pages = of_alert.remove(&alert.id).unwrap_or_default();
            let people: BTreeSet<&UserId> = pages.iter().map(|page| &page.user).collect();
            let mut nights = 0;
            for user in &people {
                let first = pages.iter().filter(|page| page.user == **user).map(|page| page.created_at).min();
                let person = self.person(user);
                person.pages += pages.iter().filter(|page| page.user == **user).count();
                person.interruptions += 1;
                if let Some(at) = first {
                    let hour = local_hour(setup, user, at);
                    person.hours[usize::try_from(hour).unwrap_or(0).min(23)] += 1;
                    if is_night(hour) {
                        person.nights += 1;
                        nights += 1;
                    }
                }
            }
            if let Some(user) = &alert.acknowledged_by {
                self.person(user).acknowledged += 1;
            }
            let unseen = alert.acknowledged_by.is_none();
            let by_itself = unseen && matches!(alert.resolved_because, Some(Resolved::Source | Resolved::SourceQuiet));
            let brief = by_itself && alert.resolved_at.is_some_and(|at| at.duration_since(alert.created_at) <= BRIEF);
            let service = self.services.entry(alert.service.clone()).or_default();
            service.service = alert.service.as_ref().map(ToString::to_string);
            service.alerts += 1;
            service.interruptions += people.len();
            service.nights += nights;
            service.acknowledged += usize::from(!unseen);
            service.by_themselves += usize::from(by_itself);
            let what = alert.labels.get("alertname").cloned().unwrap_or_else(|| alert.summary.clone());
            let noise = self.noise.entry((alert.service.clone(), what.clone())).or_insert_with(|| Noise {
                service: alert.service.as_ref().map(ToString::to_string),
                summary: what,
                alerts: 0,
                interruptions: 0,
                ignored: 0,
                brief: 0,
            });
            noise.alerts += 1;
            noise.interruptions += people.len();
            noise.ignored += usize::from(unseen && !alert.is_open());
            noise.brief += usize::from(brief);
        }
    }

    fn person(&mut self, user: &UserId) -> &mut Person {
        self.people.entry(user.clone()).or_insert_with(|| Person {
            user: user.to_string(),
            hours: vec![0; 24],
            ..Person::default()
        })
    }

    /// Being on call is load, too, at night and on weekends more so.
    fn on_call(&mut self, world: &firedog_domain::suppression::World, from: Timestamp, to: Timestamp, team: Option<&TeamId>) {
        let schedules = world.setup.schedules.iter().filter(|schedule| team.is_none() || schedule.team.as_ref() == team);
        for schedule in schedules {
            for span in render(schedule, world.live.overrides_of(&schedule.id), from, to) {
                for user in &span.users {
                    let length = span.until.duration_since(span.from).as_secs();
                    let unsocial = unsocial(zone(&world.setup, user).unwrap_or(&schedule.timezone), span.from, span.until);
                    let person = self.person(user);
                    person.oncall_s += length;
                    person.unsocial_s += unsocial;
                }
            }
        }
    }

    fn report(self) -> Report {
        let mut people: Vec<Person> = self.people.into_values().collect();
        people.sort_by_key(|person| (std::cmp::Reverse(person.interruptions), std::cmp::Reverse(person.oncall_s)));
        let mut services: Vec<OfService> = self.services.into_values().collect();
        services.sort_by_key(|service| std::cmp::Reverse((service.interruptions, service.alerts)));
        let mut noise: Vec<Noise> = self.noise.into_values().collect();
        noise.retain(|one| one.alerts >= OFTEN && 2 * one.ignored.max(one.brief) >= one.alerts);
        noise.sort_by_key(|one| std::cmp::Reverse((one.interruptions, one.alerts)));
        noise.truncate(MAX_NOISE);
        Report { people, services, noise, alerts: self.alerts, truncated: self.truncated }
    }
}

fn went_out(page: &Notification) -> bool {
    matches!(page.state, Delivery::Sent | Delivery::Unknown)
}

fn zone<'a>(setup: &'a Setup, user: &UserId) -> Option<&'a Zone> {
    setup.user(user)?.timezone.as_ref()
}

fn local_hour(setup: &Setup, user: &UserId, at: Timestamp) -> i8 {
    match zone(setup, user) {
        Some(zone) => at.to_zoned(zone.tz().clone()).hour(),
        None => at.to_zoned(jiff::tz::TimeZone::UTC).hour(),
    }
}

fn is_night(hour: i8) -> bool {
    !(NIGHT_TO..NIGHT_FROM).contains(&hour)
}

/// Seconds of a span that are night or weekend, hour by hour.
fn unsocial(zone: &Zone, from: Timestamp, until: Timestamp) -> i64 {
    let mut at = from;
    let mut sum = 0;
    while at < until {
        let local = at.to_zoned(zone.tz().clone());
        let left = 3_600 - i64::from(local.minute()) * 60 - i64::from(local.second());
        let next = at.saturating_add(SignedDuration::from_secs(left.max(1))).unwrap_or(until).min(until);
        if is_night(local.hour()) || matches!(local.weekday(), Weekday::Saturday | Weekday::Sunday) {
            sum += next.duration_since(at).as_secs();
        }
        if next <= at {
            break;
        }
        at = next;
    }
    sum
}

struct Read {
    filter: Filter,
    after: Option<Position>,
}

impl Op for Read {
    type Out = (Vec<Alert>, Vec<Notification>);
    const NAME: &'static str = "report_read";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        let alerts = firedog_store::alert::list(tx, &self.filter, self.after.as_ref(), BATCH).await?;
        let ids: Vec<AlertId> = alerts.iter().map(|alert| alert.id.clone()).collect();
        let pages = if ids.is_empty() { Vec::new() } else { firedog_store::notification::load_for_alerts(tx, &ids).await? };
        Ok((alerts, pages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nights_and_weekends_are_counted_in_the_persons_zone() {
        let zone: Zone = serde_json::from_value(serde_json::json!("America/Chicago")).unwrap();
        let at = |text: &str| text.parse().unwrap();
        // Monday 9:00 to Tuesday 9:00 in Chicago: 22:00 to 7:00 is nine hours.
        assert_eq!(unsocial(&zone, at("2026-03-02T15:00:00Z"), at("2026-03-03T15:00:00Z")), 9 * 3_600);
        // A whole Saturday, and half of an hour.
        assert_eq!(unsocial(&zone, at("2026-03-07T18:30:00Z"), at("2026-03-07T20:15:00Z")), 6_300);
        assert!(is_night(23) && is_night(0) && is_night(6) && !is_night(7) && !is_night(21));
    }
}
