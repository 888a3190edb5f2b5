//! Slack's limits, kept on our side: a channel takes about one message a second, and who was told to wait waits.

use crate::call::CallError;
use jiff::SignedDuration;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a call waits for its turn; beyond it the caller does something else meanwhile.
const PATIENCE: Duration = Duration::from_secs(3);
/// Limits that are remembered; beyond it those that are over are forgotten.
const MAX_KNOWN: usize = 1_024;

/// By what is limited: from when on it is free.
type Limits = Mutex<HashMap<String, Instant>>;

#[derive(Default)]
pub(super) struct Pace {
    /// The next turn that nobody has taken.
    turns: Limits,
    /// What Slack has asked for.
    held: Limits,
}

impl Pace {
    /// Waits for a turn, each `gap` after the one before.
    pub(super) async fn turn(&self, what: &str, gap: Duration) -> Result<(), CallError> {
        let wait = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            forget(&mut turns, now);
            let free_at = turns.get(what).map_or(now, |free_at| now.max(*free_at));
            if free_at - now > PATIENCE {
                return Err(later(free_at - now));
            }
            turns.insert(what.to_owned(), free_at + gap);
            free_at
        };
        tokio::time::sleep_until(wait).await;
        Ok(())
    }

    /// Nothing goes out while Slack has asked us to wait.
    pub(super) fn may(&self, what: &str) -> Result<(), CallError> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let left = held.get(what).map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
        if left.is_zero() { Ok(()) } else { Err(later(left)) }
    }

    pub(super) fn hold(&self, what: &str, after: SignedDuration) {
        let now = Instant::now();
        let until = now + Duration::try_from(after).unwrap_or_default();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        forget(&mut held, now);
        let kept = held.entry(what.to_owned()).or_insert(until);
        *kept = until.max(*kept);
    }
}

fn forget(limits: &mut HashMap<String, Instant>, now: Instant) {
    if limits.len() >= MAX_KNOWN {
        limits.retain(|_, free_at| *free_at > now);
    }
}

fn later(left: Duration) -> CallError {
    let after = SignedDuration::try_from(left).ok();
    CallError::Retry { after, reason: "Slack takes no more of this for now".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_come_one_after_the_other_and_nobody_waits_long() {
        let (pace, gap) = (Pace::default(), Duration::from_secs(1));
        let begun = Instant::now();
        let turns: Vec<_> = (0..8).map(|_| pace.turn("C1", gap)).collect();
        let mut taken = 0;
        for turn in turns {
            taken += usize::from(turn.await.is_ok());
        }
        assert_eq!((taken, begun.elapsed()), (8, Duration::from_secs(7)));
        let (mut at_once, mut refused) = (tokio::task::JoinSet::new(), 0);
        let pace = std::sync::Arc::new(pace);
        for _ in 0..8 {
            let pace = pace.clone();
            at_once.spawn(async move { pace.turn("C2", Duration::from_secs(1)).await });
        }
        while let Some(done) = at_once.join_next().await {
            refused += usize::from(matches!(done.unwrap(), Err(CallError::Retry { after: Some(_), .. })));
        }
        assert_eq!(refused, 4, "four fit into the patience");
        assert!(pace.turn("C3", gap).await.is_ok(), "other channels have their own");
        assert!(pace.may("C2").is_ok(), "whoever has a turn may go");
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_told_to_wait_waits() {
        let pace = Pace::default();
        pace.hold("m", SignedDuration::from_secs(30));
        let Err(CallError::Retry { after, .. }) = pace.may("m") else { panic!() };
        assert_eq!(after, Some(SignedDuration::from_secs(30)));
        assert!(pace.may("n").is_ok());
        tokio::time::advance(Duration::from_secs(31)).await;
        assert!(pace.may("m").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn limits_that_are_over_are_forgotten() {
        let pace = Pace::default();
        for n in 0..3 * MAX_KNOWN {
            pace.turn(&format!("C{n}"), Duration::from_millis(1)).await.unwrap();
            tokio::time::advance(Duration::from_millis(2)).await;
        }
        assert!(pace.turns.lock().unwrap().len() <= MAX_KNOWN);
    }
}
