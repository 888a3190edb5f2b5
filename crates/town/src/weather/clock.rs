//! The town's own time: handed in, settable, and faster than real time when a demo wants that.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Faster than that and a poll every second sees nothing of what happens between two of them.
pub const MAX_SPEED: u32 = 3_600;

pub(crate) struct Clock {
    town: Timestamp,
    real: Instant,
    speed: u32,
}

impl Clock {
    pub(crate) fn at(now: Timestamp) -> Self {
        Self { town: now, real: Instant::now(), speed: 1 }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.real.elapsed()).unwrap_or(SignedDuration::MAX);
        let passed = elapsed.checked_mul(i32::try_from(self.speed).unwrap_or(i32::MAX)).unwrap_or(SignedDuration::MAX);
        let now = self.town.checked_add(passed).unwrap_or(Timestamp::MAX);
        // Whole milliseconds, as all systems of the town write dates: what began now has begun for each of them.
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    pub(crate) fn set(&mut self, now: Timestamp) {
        *self = Self { town: now, real: Instant::now(), speed: self.speed };
    }

    /// 0 stops the clock.
    pub(crate) fn set_speed(&mut self, speed: u32) {
        *self = Self { town: self.now(), real: Instant::now(), speed: speed.min(MAX_SPEED) };
    }
}
