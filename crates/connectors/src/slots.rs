//! How many messages may be under way to one target at once: a host that is dead or slow must not hold what is meant for others.

use firedog_domain::delivery::Outcome;
use jiff::SignedDuration;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a message waits for its turn at a target that answers.
const PATIENCE: Duration = Duration::from_secs(2);
/// When a message that found no turn is tried again; meanwhile the person's next contact method is used.
pub(crate) const TRY_AGAIN: SignedDuration = SignedDuration::from_secs(5);
/// Targets that are remembered; beyond it those with nothing under way are forgotten.
const MAX_TARGETS: usize = 1_024;

/// There was no turn: so many wait for the target's answer already. Nothing was sent.
#[derive(Debug)]
pub(crate) struct Full {
    pub(crate) under_way: usize,
}

impl From<Full> for Outcome {
    fn from(full: Full) -> Self {
        let reason = format!("{} messages to the same host are waiting for its answer", full.under_way);
        Self::RetryAfter { after: Some(TRY_AGAIN), reason }
    }
}

/// Turns at targets, by a name of theirs (host and port).
pub(crate) struct Slots {
    each: usize,
    targets: Mutex<HashMap<String, Arc<Target>>>,
}

struct Target {
    turns: Arc<Semaphore>,
    /// The last attempt got no answer: nobody waits for a turn there.
    silent: AtomicBool,
}

/// A turn at a target; over when it is dropped.
pub(crate) struct Slot {
    target: Arc<Target>,
    _turn: OwnedSemaphorePermit,
}

impl Slots {
    /// `each`: messages under way to one target at once.
    pub(crate) fn new(each: usize) -> Self {
        Self { each, targets: Mutex::default() }
    }

    /// A turn at `target`.
    pub(crate) async fn take(&self, target: &str) -> Result<Slot, Full> {
        let target = self.target(target);
        let turns = target.turns.clone();
        let turn = match turns.clone().try_acquire_owned() {
            Ok(turn) => Some(turn),
            Err(_) if target.silent.load(Ordering::Relaxed) => None,
            Err(_) => tokio::time::timeout(PATIENCE, turns.acquire_owned()).await.ok().and_then(Result::ok),
        };
        turn.map(|turn| Slot { target, _turn: turn }).ok_or(Full { under_way: self.each })
    }

    fn target(&self, name: &str) -> Arc<Target> {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        if targets.len() >= MAX_TARGETS && !targets.contains_key(name) {
            targets.retain(|_, target| Arc::strong_count(target) > 1);
        }
        let made = || Arc::new(Target { turns: Arc::new(Semaphore::new(self.each)), silent: AtomicBool::new(false) });
        targets.entry(name.to_owned()).or_insert_with(made).clone()
    }
}

impl Slot {
    /// Whether the target has answered at all; what it said does not matter.
    pub(crate) fn answered(&self, answered: bool) {
        self.target.silent.store(!answered, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_target_has_so_many_turns_and_others_have_their_own() {
        let slots = Slots::new(2);
        let (a, _b) = (slots.take("dead:443").await.unwrap(), slots.take("dead:443").await.unwrap());
        let begun = tokio::time::Instant::now();
        let full = slots.take("dead:443").await.err().expect("there is no third turn");
        let Outcome::RetryAfter { after, reason } = Outcome::from(full) else { panic!("it is tried again") };
        assert_eq!((after, begun.elapsed()), (Some(TRY_AGAIN), PATIENCE));
        assert!(reason.contains("2 messages"), "{reason}");
        assert!(slots.take("alive:443").await.is_ok());
        drop(a);
        assert!(slots.take("dead:443").await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_target_that_does_not_answer() {
        let slots = Slots::new(1);
        let slot = slots.take("dead:443").await.unwrap();
        slot.answered(false);
        let begun = tokio::time::Instant::now();
        assert!(slots.take("dead:443").await.is_err());
        assert_eq!(begun.elapsed(), Duration::ZERO);
        slot.answered(true);
        drop(slot);
        assert!(slots.take("dead:443").await.is_ok());
    }

    #[tokio::test]
    async fn targets_that_nothing_goes_to_are_forgotten() {
        let slots = Slots::new(1);
        let kept = slots.take("kept:443").await.unwrap();
        for n in 0..2 * MAX_TARGETS {
            drop(slots.take(&format!("host{n}:443")).await.unwrap());
        }
        assert!(slots.targets.lock().unwrap().len() <= MAX_TARGETS);
        assert!(slots.targets.lock().unwrap().contains_key("kept:443"));
        drop(kept);
    }
}
