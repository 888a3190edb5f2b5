//! The instances of a service on one platform, and how a rolling restart replaces them over time.
//!
//! Everything is a function of the restarts asked for and a point in time: nothing runs in the background.

use super::chance::{mix, mix_text, uuid};
use super::{Platform, Service};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// Instances per service.
pub(crate) const SLOTS: usize = 3;

/// Restarts remembered per fleet; what was served by whom is told from them, so none is forgotten.
const MAX_ROLLOUTS: usize = 512;

/// What goes wrong with the next restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trouble {
    #[default]
    None,
    /// The cluster has no room: a new instance is never launched.
    NoRoom,
    /// The new instance starts and never becomes healthy: a crash loop on Marathon, an image that cannot be pulled on
    /// Kubernetes.
    Unhealthy,
    /// The deployment is paused: its template changes, and nothing is launched. It stays so for this restart.
    Paused,
}

/// How long a restart takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Until the platform notices that it was asked: until Marathon lists the deployment, until a Kubernetes controller
    /// observes the new generation.
    pub notice: Duration,
    /// From the launch of an instance until it is healthy and its predecessor is gone.
    pub each: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { notice: Duration::from_secs(1), each: Duration::from_secs(10) }
    }
}

pub(crate) struct Rollout {
    pub(crate) at: Timestamp,
    pub(crate) pace: Pace,
    pub(crate) trouble: Trouble,
    pub(crate) cancelled: Option<Timestamp>,
    /// What Kubernetes was asked to write into the template, if it was Kubernetes.
    pub(crate) annotation: Option<String>,
    pub(crate) id: String,
}

pub(crate) struct Fleet {
    pub(crate) platform: Platform,
    pub(crate) service: Service,
    pub(crate) pace: Pace,
    pub(crate) trouble: Trouble,
    born: Timestamp,
    pub(crate) rollouts: Vec<Rollout>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instance {
    pub(crate) slot: usize,
    /// 0 for those that were there at first, then the number of the rollout.
    pub(crate) revision: usize,
    pub(crate) launched: Timestamp,
    /// `None` while it is not.
    pub(crate) healthy: Option<Timestamp>,
}

/// More restarts than a town remembers.
#[derive(Debug)]
pub(crate) struct TooMany;

impl Rollout {
    fn launch(&self, slot: usize) -> Timestamp {
        after(self.at, self.pace.notice + self.pace.each * slot as u32)
    }

    pub(crate) fn takes_over(&self, slot: usize) -> Option<Timestamp> {
        let at = after(self.at, self.pace.notice + self.pace.each * (slot as u32 + 1));
        let broken = self.trouble != Trouble::None || self.cancelled.is_some_and(|cancelled| cancelled < at);
        (!broken).then_some(at)
    }

    pub(crate) fn noticed(&self) -> Timestamp {
        after(self.at, self.pace.notice)
    }

    /// When the last instance was replaced, or it was given up.
    pub(crate) fn ends(&self) -> Option<Timestamp> {
        self.cancelled.or_else(|| self.takes_over(SLOTS - 1))
    }
}

impl Fleet {
    pub(crate) fn new(platform: Platform, service: Service, born: Timestamp) -> Self {
        Self { platform, service, pace: Pace::default(), trouble: Trouble::None, born, rollouts: Vec::new() }
    }

    /// Starts a rolling restart at `at`; one under way ends there with a mix of old and new.
    pub(crate) fn restart(&mut self, at: Timestamp, annotation: Option<String>) -> Result<&Rollout, TooMany> {
        if self.rollouts.len() >= MAX_ROLLOUTS {
            return Err(TooMany);
        }
        self.cancel(at);
        let seed = mix(&[mix_text(self.service.name()), self.platform as u64, self.rollouts.len() as u64, 99]);
        self.rollouts.push(Rollout { at, pace: self.pace, trouble: self.trouble, cancelled: None, annotation, id: uuid(seed) });
        Ok(&self.rollouts[self.rollouts.len() - 1])
    }

    pub(crate) fn cancel(&mut self, at: Timestamp) {
        if let Some(last) = self.rollouts.last_mut()
            && last.ends().is_none_or(|ends| ends > at)
        {
            last.cancelled = Some(at);
        }
    }

    /// The rollout under way.
    pub(crate) fn under_way(&self, now: Timestamp) -> Option<&Rollout> {
        self.rollouts.last().filter(|last| last.at <= now && last.ends().is_none_or(|ends| ends > now))
    }

    /// Who serves `slot` at `now`.
    pub(crate) fn serving(&self, slot: usize, now: Timestamp) -> Instance {
        let mut found = Instance { slot, revision: 0, launched: self.born, healthy: Some(self.born) };
        for (index, rollout) in self.rollouts.iter().enumerate() {
            if let Some(at) = rollout.takes_over(slot).filter(|at| *at <= now) {
                found = Instance { slot, revision: index + 1, launched: rollout.launch(slot), healthy: Some(at) };
            }
        }
        found
    }

    /// The instance that is being launched, and is to take over a slot.
    pub(crate) fn coming(&self, now: Timestamp) -> Option<Instance> {
        let rollout = self.under_way(now).filter(|rollout| rollout.trouble != Trouble::Paused)?;
        let next = (0..SLOTS).find(|slot| rollout.takes_over(*slot).is_none_or(|at| at > now))?;
        let launched = rollout.launch(next);
        (launched <= now).then_some(Instance { slot: next, revision: self.rollouts.len(), launched, healthy: None })
    }

    /// All that exist at `now`, the coming one last.
    pub(crate) fn instances(&self, now: Timestamp) -> Vec<Instance> {
        (0..SLOTS).map(|slot| self.serving(slot, now)).chain(self.coming(now)).collect()
    }

    /// All that ever existed until `now`, with the time at which they were gone.
    pub(crate) fn gone(&self, now: Timestamp) -> Vec<(Instance, Timestamp)> {
        let mut gone = Vec::new();
        for slot in 0..SLOTS {
            let mut last = Instance { slot, revision: 0, launched: self.born, healthy: Some(self.born) };
            for (index, rollout) in self.rollouts.iter().enumerate() {
                if let Some(at) = rollout.takes_over(slot).filter(|at| *at <= now) {
                    let next = Instance { slot, revision: index + 1, launched: rollout.launch(slot), healthy: Some(at) };
                    gone.push((std::mem::replace(&mut last, next), at));
                }
            }
        }
        gone
    }

    /// Counts up with every rollout.
    pub(crate) fn name_of(&self, instance: &Instance) -> String {
        let seed = mix(&[mix_text(self.service.name()), self.platform as u64, instance.slot as u64, instance.revision as u64]);
        match self.platform {
            Platform::Marathon => format!("core_{}.instance-{}._app.1", self.service.name(), uuid(seed)),
            Platform::Kubernetes => {
                format!(
                    "{}-{}-{}",
                    self.service.name(),
                    self.template_hash(instance.revision),
                    super::chance::word(seed, 5, LETTERS)
                )
            }
        }
    }

    /// What Kubernetes appends to the names of one revision's pods.
    pub(crate) fn template_hash(&self, revision: usize) -> String {
        super::chance::word(mix(&[mix_text(self.service.name()), revision as u64, 5]), 10, LETTERS)
    }
}

/// Kubernetes spells no words by accident: it leaves out vowels and what looks alike.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

pub(crate) fn after(at: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_770_000_000 + second).unwrap()
    }

    fn revisions(fleet: &Fleet, second: i64) -> Vec<usize> {
        (0..SLOTS).map(|slot| fleet.serving(slot, at(second)).revision).collect()
    }

    #[test]
    fn a_restart_replaces_one_instance_after_the_other() {
        let mut fleet = Fleet::new(Platform::Marathon, Service::HTTP, at(0));
        fleet.restart(at(100), None).unwrap();
        assert_eq!(revisions(&fleet, 110), [0, 0, 0]);
        assert_eq!(fleet.coming(at(105)).unwrap().slot, 0);
        assert_eq!(revisions(&fleet, 111), [1, 0, 0]);
        assert_eq!(fleet.instances(at(125)).len(), SLOTS + 1);
        assert!(fleet.under_way(at(130)).is_some());
        assert_eq!(revisions(&fleet, 131), [1, 1, 1]);
        assert!(fleet.under_way(at(131)).is_none());
        assert_eq!(fleet.gone(at(131)).len(), SLOTS);
    }

    #[test]
    fn a_second_restart_leaves_a_mix_and_a_stuck_one_never_ends() {
        let mut fleet = Fleet::new(Platform::Marathon, Service::RPC, at(0));
        fleet.restart(at(100), None).unwrap();
        fleet.trouble = Trouble::Unhealthy;
        fleet.restart(at(115), None).unwrap();
        assert_eq!(revisions(&fleet, 9_000), [1, 0, 0]);
        assert!(fleet.under_way(at(9_000)).is_some());
        assert_eq!(fleet.coming(at(9_000)).unwrap(), Instance { slot: 0, revision: 2, launched: at(116), healthy: None });
    }
}
