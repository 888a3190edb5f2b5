//! Messages on their way: room for them, handing them out, recording how it went.

use super::{AFTER_ERROR, Engine};
use crate::{Dispatch, Error, Result};
use firedog_domain::delivery::{Notification, Outcome};
use std::sync::atomic::Ordering;
use tokio::sync::OwnedSemaphorePermit;

/// Messages that one operation hands out at the most; more of them are claimed by the next one.
const ROOM: usize = 64;
/// How often an outcome is recorded again while the store cannot take it: with [`AFTER_ERROR`] between, until the lease ends.
const RECORD_TRIES: u32 = 120;

/// Permits for messages that are about to leave.
pub(super) struct Room {
    permits: Option<OwnedSemaphorePermit>,
    pub(super) n: usize,
}

impl Room {
    fn one(&mut self) -> Option<OwnedSemaphorePermit> {
        let one = self.permits.as_mut()?.split(1)?;
        self.n -= 1;
        Some(one)
    }
}

impl Engine {
    pub(super) fn has_permits(&self) -> bool {
        self.0.permits.available_permits() > 0
    }

    /// Room for messages that an operation may hand out, reserved before it runs: what is claimed leaves at once, so that no
    /// lease runs out in a queue of ours.
    pub(super) fn reserve(&self) -> Room {
        let mut wanted = self.0.permits.available_permits().min(ROOM);
        while wanted > 0 {
            let n = u32::try_from(wanted).unwrap_or(u32::MAX);
            if let Ok(permits) = self.0.permits.clone().try_acquire_many_owned(n) {
                return Room { permits: Some(permits), n: wanted };
            }
            wanted = wanted.min(self.0.permits.available_permits()) / 2;
        }
        self.0.starved.store(true, Ordering::Relaxed);
        Room { permits: None, n: 0 }
    }

    /// Hands messages out. Each holds a permit of `room` until its outcome is recorded; the rest goes back.
    pub(super) fn launch(&self, dispatches: Vec<Dispatch>, mut room: Room) {
        let had_room = room.n > 0;
        for dispatch in dispatches {
            let permit = room.one();
            debug_assert!(permit.is_some(), "an operation handed out more than it had room for");
            let engine = self.clone();
            tokio::spawn(async move {
                let held = match permit {
                    Some(permit) => permit,
                    None => match engine.0.permits.clone().acquire_owned().await {
                        Ok(permit) => permit,
                        Err(_) => return,
                    },
                };
                engine.send(dispatch).await;
                drop(held);
                engine.0.wake.notify_one();
            });
        }
        drop(room);
        // Whoever found no room while this was reserved left its messages to the loop. (A message that comes back wakes it anyway.)
        if had_room && self.0.starved.swap(false, Ordering::Relaxed) {
            self.0.wake.notify_one();
        }
    }

    async fn send(&self, dispatch: Dispatch) {
        if dispatch.is_stale(self.clock().now()) {
            return tracing::warn!(notification = %dispatch.notification.id, "a message waited too long to be sent; it is claimed again");
        }
        let tried = dispatch.notifications();
        let deliver = self.0.deliver.deliver(dispatch);
        // A sender that panics has maybe sent: that is what unknown means.
        let outcome =
            tokio::spawn(deliver).await.unwrap_or_else(|e| Outcome::Unknown { reason: format!("the sender failed: {e}") });
        if outcome != Outcome::Sent {
            tracing::warn!(notification = %tried[0].id, outcome = outcome.as_str(), reason = outcome.reason(), "a message did not go out");
        }
        for tried in &tried {
            match self.record(tried, &outcome).await {
                Ok((dispatches, room)) => self.launch(dispatches, room),
                Err(error) => tracing::error!(%error, notification = %tried.id, "the outcome of a message could not be recorded"),
            }
        }
    }

    /// Records an outcome; if the store cannot take it, again for as long as the lease lasts. A database that restarts
    /// must not make us send twice. After that the message is tried again under the same key.
    async fn record(&self, tried: &Notification, outcome: &Outcome) -> Result<(Vec<Dispatch>, Room)> {
        let one = std::slice::from_ref(tried);
        let mut tries = RECORD_TRIES;
        loop {
            let room = self.reserve();
            match self.0.core.record(one, outcome, self.clock().now(), room.n).await {
                Err(Error::Busy | Error::Unavailable(_))
                    if tries > 0 && tried.ready_at.is_some_and(|lease| self.clock().now() < lease) =>
                {
                    drop(room);
                    tries -= 1;
                    tokio::time::sleep(AFTER_ERROR).await;
                }
                done => return done.map(|dispatches| (dispatches, room)),
            }
        }
    }
}
