//! Who fails, against everybody else and against what is usual.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Fewer calls tell nothing of an institution.
const LEAST_CALLS: u64 = 5;
/// From this share of failed calls on an institution fails.
const FAILS_FROM: f64 = 0.5;
/// How many times its usual share it has to be.
const TIMES_USUAL: f64 = 3.0;
/// From this share on it fails whatever is usual: an outage that lasts does not become the usual.
const ALL_BUT_ALL: f64 = 0.9;

/// Calls of one institution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    pub failed: u64,
    pub total: u64,
}

impl Calls {
    #[allow(clippy::cast_precision_loss, reason = "counts of minutes")]
    fn share(self) -> f64 {
        if self.total == 0 { 0.0 } else { self.failed as f64 / self.total as f64 }
    }

    /// There are enough calls to tell, and at least half of them fail; whatever is usual.
    pub fn mostly_fails(self) -> bool {
        self.total >= LEAST_CALLS && self.share() >= FAILS_FROM
    }

    fn fails(self, usual: Self) -> bool {
        let unusual = self.share() >= TIMES_USUAL * usual.share() || self.share() >= ALL_BUT_ALL;
        self.mostly_fails() && unusual
    }
}

impl std::ops::Add for Calls {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { failed: self.failed + other.failed, total: self.total + other.total }
    }
}

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    pub now: BTreeMap<String, Calls>,
    /// The same length of time a day before, at the same time of day.
    pub usual: BTreeMap<String, Calls>,
    /// The host of each institution that shares one.
    pub hosts: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Blast {
    pub failed: u64,
    pub total: u64,
    /// It fails itself; if not, what was reported is not to be seen here.
    pub fails: bool,
    pub others_failing: usize,
    /// With enough calls to tell.
    pub others_total: usize,
    /// Everybody on its host fails, at least one beside it, and nobody on others.
    pub shared_host_down: bool,
    /// Too little traffic to tell anything.
    pub few: bool,
    pub text: String,
}

pub fn blast(subject: &str, counted: &Counted) -> Blast {
    let of = |map: &BTreeMap<String, Calls>, id: &str| map.get(id).copied().unwrap_or_default();
    let fails = |id: &str| of(&counted.now, id).fails(of(&counted.usual, id));
    let own = of(&counted.now, subject);
    let others =
        || counted.now.iter().filter(|(id, calls)| *id != subject && calls.total >= LEAST_CALLS).map(|(id, _)| id.as_str());
    let failing: BTreeSet<&str> = others().filter(|id| fails(id)).collect();
    let others_total = others().count();
    let host = counted.hosts.get(subject);
    let beside: BTreeSet<&str> = others().filter(|id| host.is_some() && counted.hosts.get(*id) == host).collect();
    let shared_host_down = fails(subject) && !beside.is_empty() && beside == failing;
    let few = own.total < LEAST_CALLS;
    let text = format!("{} of {} failed, {} of {others_total} others failing", own.failed, own.total, failing.len());
    Blast {
        failed: own.failed,
        total: own.total,
        fails: fails(subject),
        others_failing: failing.len(),
        others_total,
        shared_host_down,
        few,
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(now: (u64, u64), usual: (u64, u64)) -> bool {
        let calls = |(failed, total)| BTreeMap::from([("inst-1".to_owned(), Calls { failed, total })]);
        blast("inst-1", &Counted { now: calls(now), usual: calls(usual), hosts: BTreeMap::new() }).fails
    }

    #[test]
    fn an_outage_that_lasts_does_not_become_the_usual() {
        assert!(failing((214, 214), (214, 214)));
        assert!(failing((214, 214), (0, 0)));
        assert!(failing((120, 214), (10, 214)));
        assert!(!failing((120, 214), (90, 214)), "it always refuses every other call");
        assert!(!failing((4, 4), (0, 0)), "too few to tell");
    }
}
