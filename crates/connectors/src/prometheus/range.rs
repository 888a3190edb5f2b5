//! From when to when, and in which steps.

use crate::call::CallError;
use jiff::{SignedDuration, Timestamp};

/// Most points of a series that the server gives out (its own check is of one step less).
pub const MAX_POINTS: usize = 11_000;

/// Both ends are multiples of the step, so that two ranges line up and the server's cache is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    from: Timestamp,
    to: Timestamp,
    step_s: i64,
}

impl Range {
    /// In the shortest steps that are whole multiples of `finest` (the scrape interval, at least a second) and give at most
    /// `points` points.
    ///
    /// # Errors
    /// `Rejected`: no time at all, or no or too many points.
    pub fn new(from: Timestamp, to: Timestamp, finest: SignedDuration, points: usize) -> Result<Self, CallError> {
        if to < from {
            return Err(CallError::rejected("the time range ends before it begins"));
        }
        if !(2..=MAX_POINTS).contains(&points) {
            return Err(CallError::rejected(format!("a range has 2 to {MAX_POINTS} points")));
        }
        let finest = finest.as_secs().max(1);
        // Aligning may lengthen the range by a step, and both ends count: two less.
        let gaps = (points as i64 - 2).max(1);
        let needed = div_up(to.as_second() - from.as_second(), gaps);
        let step_s = div_up(needed, finest).max(1) * finest;
        let aligned = |at: Timestamp| Timestamp::from_second(at.as_second().div_euclid(step_s) * step_s);
        let outside = |_| CallError::rejected("the time range is outside of what can be told");
        Ok(Self { from: aligned(from).map_err(outside)?, to: aligned(to).map_err(outside)?, step_s })
    }

    pub fn from(&self) -> Timestamp {
        self.from
    }

    pub fn to(&self) -> Timestamp {
        self.to
    }

    /// In seconds.
    pub fn step_s(&self) -> i64 {
        self.step_s
    }

    /// How many points a series without gaps has.
    pub fn points(&self) -> usize {
        ((self.to.as_second() - self.from.as_second()) / self.step_s + 1) as usize
    }
}

/// Rounded up; for what is not negative.
fn div_up(length: i64, by: i64) -> i64 {
    (length + by - 1) / by
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_more_points_than_asked_for(from in 0_i64..4_000_000_000, length in 0_i64..100_000_000, finest in 0_i64..7_200, points in 2_usize..=MAX_POINTS) {
            let at = |second| Timestamp::from_second(second).unwrap();
            let range = Range::new(at(from), at(from + length), SignedDuration::from_secs(finest), points).unwrap();
            prop_assert!(range.points() <= points.max(3), "{range:?} has {} points", range.points());
            prop_assert_eq!((range.step_s() % finest.max(1), range.from().as_second() % range.step_s()), (0, 0));
            prop_assert!(range.from() <= at(from) && at(from + length).as_second() - range.to().as_second() < range.step_s());
        }
    }

    #[test]
    fn steps() {
        let from: Timestamp = "2026-01-02T03:00:07Z".parse().unwrap();
        for (minutes, points, step_s) in
            [(30, 120, 30), (30, 500, 15), (0, 2, 15), (60 * 24, 500, 180), (60 * 24 * 30, 11_000, 240)]
        {
            let range =
                Range::new(from, from + SignedDuration::from_mins(minutes), SignedDuration::from_secs(15), points).unwrap();
            assert_eq!(range.step_s(), step_s, "{minutes} minutes in {points} points");
        }
        let back = from - SignedDuration::from_secs(1);
        assert_eq!(Range::new(from, back, SignedDuration::ZERO, 100).unwrap_err().as_str(), "rejected");
        for points in [0, 1, MAX_POINTS + 1] {
            assert_eq!(Range::new(from, from, SignedDuration::ZERO, points).unwrap_err().as_str(), "rejected");
        }
    }
}
