//! The weather of the town: who is there, what is wrong and since when. All doubles tell the same story from it.
//!
//! Log entries and metrics are computed, not kept: they follow from who is there and from the history of conditions and
//! restarts, so that a question about a span of time has the same answer whenever it is asked. Time is the town's own: handed
//! in, settable, and as fast as wanted.

use crate::hold::Holds;
use crate::{jenkins, kubernetes};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

mod cast;
mod cause;
pub(crate) mod chance;
mod clock;
mod condition;
mod fleet;
mod institution;
pub(crate) mod lines;
pub(crate) mod traffic;

pub use cast::{Cast, MAX_SERVICES, Service};
pub use cause::Cause;
pub use clock::MAX_SPEED;
pub use condition::{Builds, Condition, CoreFault, Outage, System};
pub(crate) use fleet::{Fleet, Instance, Rollout, SLOTS, TooMany, after};
pub use fleet::{Pace, Trouble};
pub use institution::{Institution, MAX_INSTITUTIONS};
pub use lines::PLANTED;

/// Conditions remembered; the history of a long demo fits many times.
const MAX_SPELLS: usize = 1_024;

/// Failures that can be laid up for a system's next requests.
const MAX_NEXT: usize = 1_024;

/// How long before the town's beginning its logs and metrics reach back.
const HISTORY: jiff::SignedDuration = jiff::SignedDuration::from_hours(6);

/// Where services run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    Marathon,
    Kubernetes,
}

/// Names a condition that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpellId(u64);

/// A condition and the time in which it holds: from `from` on, until before `until`.
pub(crate) struct Spell {
    id: SpellId,
    pub(crate) condition: Condition,
    pub(crate) from: Timestamp,
    pub(crate) until: Option<Timestamp>,
}

impl Spell {
    pub(crate) fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

/// A handle to the weather; clones share it.
#[derive(Clone)]
pub struct Weather {
    shared: Arc<Shared>,
}

struct Shared {
    sky: Mutex<Sky>,
    changed: watch::Sender<u64>,
    holds: Holds,
}

/// Everything that is true in the town.
pub(crate) struct Sky {
    clock: clock::Clock,
    /// The time of this look: one look sees one moment.
    pub(crate) now: Timestamp,
    /// Logs and metrics reach back to here.
    pub(crate) begin: Timestamp,
    pub(crate) services: Vec<Service>,
    pub(crate) institutions: Vec<Institution>,
    /// The port of each institution's core, once the town has opened them.
    pub(crate) ports: Vec<u16>,
    pub(crate) spells: Vec<Spell>,
    pub(crate) fleets: Vec<Fleet>,
    /// Where each service runs.
    live: Vec<Platform>,
    pub(crate) jenkins: jenkins::Book,
    pub(crate) kubernetes: kubernetes::Written,
    next: Vec<(System, VecDeque<Outage>)>,
    spells_set: u64,
}

impl Weather {
    /// Fine weather over `institutions` institutions (1 to [`MAX_INSTITUTIONS`]), with the services running on Marathon, at
    /// `now`. The clock runs at real speed from there.
    pub fn new(institutions: usize, now: Timestamp) -> Self {
        Self::over(Cast::usual(institutions), now)
    }

    /// Fine weather over whoever is there, at `now`.
    pub fn over(cast: Cast, now: Timestamp) -> Self {
        let Cast { services, institutions, jobs } = cast;
        let (services, live): (Vec<Service>, Vec<Platform>) = services.into_iter().unzip();
        let clock = clock::Clock::at(now);
        let now = clock.now();
        let begin = now.checked_sub(HISTORY).unwrap_or(Timestamp::MIN);
        let fleets = [Platform::Marathon, Platform::Kubernetes]
            .into_iter()
            .flat_map(|platform| services.iter().map(move |service| Fleet::new(platform, *service, begin)))
            .collect();
        let sky = Sky {
            clock,
            now,
            begin,
            services,
            institutions,
            ports: Vec::new(),
            spells: Vec::new(),
            fleets,
            live,
            jenkins: jenkins::Book::new(jobs),
            kubernetes: kubernetes::Written::default(),
            next: Vec::new(),
            spells_set: 0,
        };
        Self { shared: Arc::new(Shared { sky: Mutex::new(sky), changed: watch::Sender::new(0), holds: Holds::new() }) }
    }

    /// Where the traffic goes: a restart on the other platform changes nothing for it. Set it before anything is asked.
    pub fn on(self, platform: Platform) -> Self {
        self.change(|sky| sky.live.fill(platform));
        self
    }

    pub fn now(&self) -> Timestamp {
        self.look().now
    }

    /// Moves the clock. Backwards as well, which no system of the town expects.
    pub fn set_now(&self, now: Timestamp) {
        self.change(|sky| sky.clock.set(now));
    }

    pub fn advance(&self, by: std::time::Duration) {
        self.change(|sky| sky.clock.set(after(sky.now, by)));
    }

    /// Town seconds per real second: 0 stops the clock, 1 is real time, at most 3600.
    pub fn set_speed(&self, speed: u32) {
        self.change(|sky| sky.clock.set_speed(speed));
    }

    /// Holds from now on.
    pub fn set(&self, condition: Condition) -> SpellId {
        let now = self.now();
        self.set_between(condition, now, None)
    }

    /// Holds, or held, from `from` until before `until`. Beyond 1,024 conditions the oldest is forgotten.
    pub fn set_between(&self, condition: Condition, from: Timestamp, until: Option<Timestamp>) -> SpellId {
        self.change(|sky| {
            sky.spells_set += 1;
            let id = SpellId(sky.spells_set);
            if sky.spells.len() >= MAX_SPELLS {
                sky.spells.remove(0);
            }
            sky.spells.push(Spell { id, condition, from, until });
            id
        })
    }

    /// Ends a condition now; what it did until then stays true.
    pub fn clear(&self, id: SpellId) {
        self.change(|sky| {
            let now = sky.now;
            sky.spells.iter_mut().filter(|spell| spell.id == id && spell.until.is_none_or(|until| until > now)).for_each(
                |spell| {
                    spell.until = Some(now);
                },
            );
        });
    }

    /// Ends all conditions now.
    pub fn clear_all(&self) {
        self.change(|sky| {
            let now = sky.now;
            sky.spells.iter_mut().filter(|spell| spell.until.is_none_or(|until| until > now)).for_each(|spell| {
                spell.until = Some(now);
            });
        });
    }

    /// The next `times` requests to a system fail in this way. [`Outage::Refuses`] counts as [`Outage::Drops`] here.
    pub fn fail_next(&self, of: System, how: Outage, times: usize) {
        self.change(|sky| {
            if !sky.next.iter().any(|(system, _)| *system == of) {
                sky.next.push((of, VecDeque::new()));
            }
            for (_, next) in sky.next.iter_mut().filter(|(system, _)| *system == of) {
                next.extend(std::iter::repeat_n(how, times.min(MAX_NEXT.saturating_sub(next.len()))));
            }
        });
    }

    /// Where requests of the town's systems are counted and held.
    pub fn holds(&self) -> &Holds {
        &self.shared.holds
    }

    pub fn services(&self) -> Vec<Service> {
        self.look().services.clone()
    }

    pub fn institutions(&self) -> Vec<Institution> {
        self.look().institutions.clone()
    }

    /// How long restarts take from now on.
    pub fn set_pace(&self, platform: Platform, pace: Pace) {
        self.change(|sky| sky.fleets.iter_mut().filter(|fleet| fleet.platform == platform).for_each(|fleet| fleet.pace = pace));
    }

    /// How many restarts of a service were begun on a platform.
    pub fn restarts(&self, platform: Platform, service: Service) -> usize {
        self.look().fleet(platform, service).rollouts.len()
    }

    /// When each restart of a service on a platform was begun, oldest first.
    pub fn restarted_at(&self, platform: Platform, service: Service) -> Vec<Timestamp> {
        self.look().fleet(platform, service).rollouts.iter().map(|rollout| rollout.at).collect()
    }

    /// How many requests of a span failed, by root cause, as everybody in the town sees them; business errors are left out.
    pub fn failures(&self, institution: &str, from: Timestamp, until: Timestamp) -> Vec<(Cause, usize)> {
        let sky = self.look();
        let mut found = std::collections::BTreeMap::<Cause, usize>::new();
        let wanted = sky.index_of(institution).map(|index| vec![index]).unwrap_or_default();
        sky.each_entry(from.as_millisecond(), until.as_millisecond(), Some(&wanted), None, |entry| {
            if let Some(cause) = entry.cause.filter(|cause| cause.is_failure()) {
                *found.entry(cause).or_default() += 1;
            }
            true
        });
        found.into_iter().collect()
    }

    /// Everything as it is now, after what was due until now.
    pub(crate) fn look(&self) -> MutexGuard<'_, Sky> {
        // A panic while it was held cannot have left more than one look's work undone.
        let mut sky = self.shared.sky.lock().unwrap_or_else(PoisonError::into_inner);
        sky.now = sky.clock.now();
        jenkins::act(&mut sky);
        kubernetes::act(&mut sky);
        sky
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Sky) -> T) -> T {
        let done = change(&mut self.look());
        self.shared.changed.send_modify(|count| *count += 1);
        done
    }

    /// Tells of changes, so that doors can open and close.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    /// Says so when a condition has begun or ended by itself since `seen`, which counts those.
    pub(crate) fn tell_of_edges(&self, seen: &mut usize) {
        let edges = {
            let sky = self.look();
            let begun = sky.spells.iter().filter(|spell| spell.from <= sky.now).count();
            begun + sky.spells.iter().filter(|spell| spell.until.is_some_and(|until| until <= sky.now)).count()
        };
        if std::mem::replace(seen, edges) != edges {
            self.shared.changed.send_modify(|count| *count += 1);
        }
    }
}

impl Sky {
    /// What is wrong now.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.spells.iter().filter(|spell| spell.holds(self.now)).map(|spell| &spell.condition)
    }

    pub(crate) fn outage(&self, of: System) -> Option<Outage> {
        self.conditions().find_map(|condition| match condition {
            Condition::Outage { of: found, how } if *found == of => Some(*how),
            _ => None,
        })
    }

    /// The failure of the request that is being answered, if it is to fail.
    pub(crate) fn take_outage(&mut self, of: System) -> Option<Outage> {
        let next = self.next.iter_mut().find(|(system, _)| *system == of).and_then(|(_, next)| next.pop_front());
        next.or_else(|| self.outage(of))
    }

    pub(crate) fn index_of(&self, institution: &str) -> Option<usize> {
        self.institutions.iter().position(|found| found.id == institution)
    }

    pub(crate) fn service(&self, name: &str) -> Option<Service> {
        self.services.iter().copied().find(|service| service.name() == name)
    }

    pub(crate) fn fleet(&self, platform: Platform, service: Service) -> &Fleet {
        &self.fleets[self.fleet_index(platform, service)]
    }

    /// The instances that take the traffic.
    pub(crate) fn live(&self, service: Service) -> &Fleet {
        self.fleet(self.live[service.index()], service)
    }

    /// In the order in which [`Weather::over`] made them.
    fn fleet_index(&self, platform: Platform, service: Service) -> usize {
        self.services.len() * usize::from(platform == Platform::Kubernetes) + service.index()
    }

    /// Begins a restart, with the trouble that holds for it at `at`.
    pub(crate) fn restart(
        &mut self,
        platform: Platform,
        service: Service,
        at: Timestamp,
        annotation: Option<String>,
    ) -> Result<&Rollout, TooMany> {
        let trouble = self.spells.iter().filter(|spell| spell.holds(at)).find_map(|spell| match &spell.condition {
            Condition::Paused { service: of } if (Platform::Kubernetes, *of) == (platform, service) => Some(Trouble::Paused),
            Condition::Restarts { platform: on, service: of, trouble } if (*on, *of) == (platform, service) => Some(*trouble),
            _ => None,
        });
        let index = self.fleet_index(platform, service);
        let fleet = &mut self.fleets[index];
        fleet.trouble = trouble.unwrap_or_default();
        fleet.restart(at, annotation)
    }

    pub(crate) fn cancel_restart(&mut self, platform: Platform, service: Service) {
        let now = self.now;
        let index = self.fleet_index(platform, service);
        self.fleets[index].cancel(now);
    }
}
