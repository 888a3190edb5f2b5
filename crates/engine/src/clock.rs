//! The only clock. Everything else gets its time as an argument.

use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What time it is: the system's, or a test's.
///
/// The system clock is the wall clock at start plus elapsed monotonic time, so that intervals neither shrink nor grow when
/// somebody sets the wall clock; [`Clock::drift`] tells how far the two have come apart.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    System { wall: Timestamp, anchor: Instant },
    Manual(Arc<Mutex<Timestamp>>),
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn system() -> Self {
        Self(Kind::System { wall: Timestamp::now(), anchor: Instant::now() })
    }

    /// Stands still until [`Clock::advance`] or [`Clock::set`].
    pub fn manual(at: Timestamp) -> Self {
        Self(Kind::Manual(Arc::new(Mutex::new(at))))
    }

    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::System { wall, anchor } => {
                let elapsed = SignedDuration::try_from(anchor.elapsed()).unwrap_or(SignedDuration::MAX);
                // The store keeps microseconds: finer parts would compare unequal after a round trip.
                truncate(wall.saturating_add(elapsed).unwrap_or(Timestamp::MAX))
            }
            Kind::Manual(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// How far the wall clock has moved against us since the start; zero for a manual clock.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn drift(&self) -> SignedDuration {
        match &self.0 {
            Kind::System { .. } => Timestamp::now().duration_since(self.now()),
            Kind::Manual(_) => SignedDuration::ZERO,
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
