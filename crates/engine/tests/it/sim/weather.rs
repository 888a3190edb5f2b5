//! Faults of the database, by seed or at the N-th operation.

use super::rng::Rng;
use firedog_store::{Fault, Faults};
use std::sync::{Arc, Mutex, MutexGuard};

const FAULTS: [Fault; 4] = [Fault::Busy, Fault::Conflict, Fault::LostAnswer, Fault::Crash];

pub(crate) struct Weather {
    sky: Mutex<Sky>,
}

struct Sky {
    rng: Rng,
    /// In a thousand.
    odds: u64,
    at: Option<(u64, Fault)>,
    calls: u64,
    hit: bool,
    quiet: bool,
}

impl Weather {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        let sky = Sky { rng: Rng::new(seed), odds: 0, at: None, calls: 0, hit: false, quiet: false };
        Arc::new(Self { sky: Mutex::new(sky) })
    }

    fn sky(&self) -> MutexGuard<'_, Sky> {
        self.sky.lock().expect("nothing panics while looking at the sky")
    }

    pub(crate) fn odds(&self, in_a_thousand: u64) {
        self.sky().odds = in_a_thousand;
    }

    /// One fault at the `n`-th operation from now.
    pub(crate) fn strike(&self, n: u64, fault: Fault) {
        let mut sky = self.sky();
        sky.calls = 0;
        sky.hit = false;
        sky.at = Some((n, fault));
    }

    pub(crate) fn struck(&self) -> bool {
        self.sky().hit
    }

    /// Without faults, for checks.
    pub(crate) fn calm<T>(&self, look: impl FnOnce() -> T) -> T {
        self.sky().quiet = true;
        let seen = look();
        self.sky().quiet = false;
        seen
    }
}

impl Faults for Weather {
    fn before(&self, _op: &'static str) -> Fault {
        let mut sky = self.sky();
        if sky.quiet {
            return Fault::None;
        }
        sky.calls += 1;
        if let Some((n, fault)) = sky.at {
            if sky.calls == n {
                sky.hit = true;
                return fault;
            }
            return Fault::None;
        }
        let odds = sky.odds;
        if sky.rng.below(1000) >= odds {
            return Fault::None;
        }
        FAULTS[sky.rng.below(4) as usize]
    }
}
