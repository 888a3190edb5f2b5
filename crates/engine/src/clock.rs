//! The only clock. Everything else gets its time as an argument.

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};
use std::sync::{Arc, Mutex, PoisonError};

/// What time it is: the system's, or a test's.
///
/// The system clock is the wall clock at start plus the time since (counting suspends), so that intervals neither shrink nor
/// grow when somebody sets the wall clock; [`Clock::drift`] tells how far the two have come apart.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// The wall clock when [`since_boot`] was the second value.
    System(Arc<Mutex<(Timestamp, SignedDuration)>>),
    Manual(Arc<Mutex<Timestamp>>),
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn wall() -> Timestamp {
    Timestamp::now()
}

/// CLOCK_BOOTTIME: nobody can set it, and unlike CLOCK_MONOTONIC it goes on while the machine is suspended.
fn since_boot() -> SignedDuration {
    let time = clock_gettime(ClockId::Boottime);
    SignedDuration::new(time.tv_sec, i32::try_from(time.tv_nsec).unwrap_or(0))
}

impl Clock {
    pub fn system() -> Self {
        Self(Kind::System(Arc::new(Mutex::new((wall(), since_boot())))))
    }

    /// Stands still until [`Clock::advance`] or [`Clock::set`].
    pub fn manual(at: Timestamp) -> Self {
        Self(Kind::Manual(Arc::new(Mutex::new(at))))
    }

    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::System(anchor) => {
                let (at, boot) = *anchor.lock().unwrap_or_else(PoisonError::into_inner);
                // The store keeps microseconds: finer parts would compare unequal after a round trip.
                truncate(at.saturating_add(since_boot() - boot).unwrap_or(Timestamp::MAX))
            }
            Kind::Manual(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// How far the wall clock has moved against us since the start; zero for a manual clock.
    pub fn drift(&self) -> SignedDuration {
        match &self.0 {
            Kind::System(_) => wall().duration_since(self.now()),
            Kind::Manual(_) => SignedDuration::ZERO,
        }
    }

    /// Takes the wall clock for true from now on. Shifts every running interval once: only with a second witness.
    pub(crate) fn trust_wall(&self) {
        if let Kind::System(anchor) = &self.0 {
            *anchor.lock().unwrap_or_else(PoisonError::into_inner) = (wall(), since_boot());
        }
    }

    pub fn is_manual(&self) -> bool {
        matches!(self.0, Kind::Manual(_))
    }

    /// Moves a manual clock; the system's cannot be moved.
    pub fn advance(&self, by: SignedDuration) {
        if let Kind::Manual(at) = &self.0 {
            let mut at = at.lock().unwrap_or_else(PoisonError::into_inner);
            *at = at.saturating_add(by).unwrap_or(Timestamp::MAX);
        }
    }

    pub fn set(&self, to: Timestamp) {
        if let Kind::Manual(at) = &self.0 {
            *at.lock().unwrap_or_else(PoisonError::into_inner) = to;
        }
    }
}

fn truncate(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}
