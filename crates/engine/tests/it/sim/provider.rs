//! The outside world: providers that lose, refuse, and repeat; people who read what arrives.

use super::rng::Rng;
use firedog_domain::delivery::{Kind, Outcome};
use firedog_domain::id::*;
use firedog_engine::Dispatch;
use jiff::Timestamp;
use std::collections::BTreeMap;

pub(crate) struct Provider {
    rng: Rng,
    /// In a thousand: how often an attempt does not simply succeed.
    pub(crate) trouble: u64,
    /// Messages that arrived, by idempotency key: the fence of each attempt that did.
    pub(crate) arrived: BTreeMap<NotificationId, Vec<i64>>,
    pages: Vec<(AlertId, UserId, Timestamp)>,
}

impl Provider {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed), trouble: 0, arrived: BTreeMap::new(), pages: Vec::new() }
    }

    pub(crate) fn deliver(&mut self, dispatch: &Dispatch, now: Timestamp) -> Outcome {
        if self.rng.below(1000) >= self.trouble {
            self.arrive(dispatch, now);
            return Outcome::Sent;
        }
        let reason = "the provider is in trouble".to_owned();
        match self.rng.below(5) {
            0 => Outcome::RetryAfter { after: None, reason },
            1 => Outcome::RetryAfter { after: Some(firedog_domain::time::secs(20)), reason },
            2 => Outcome::Rejected { reason },
            3 => {
                // It went out, and the connection broke before the answer came.
                self.arrive(dispatch, now);
                Outcome::Unknown { reason }
            }
            _ => Outcome::Unknown { reason },
        }
    }

    fn arrive(&mut self, dispatch: &Dispatch, now: Timestamp) {
        for n in dispatch.notifications() {
            self.arrived.entry(n.id.clone()).or_default().push(n.fence);
            if n.kind == Kind::Page {
                self.pages.push((n.alert, n.user, now));
            }
        }
    }

    /// Somebody who has been paged, with the alert: who else would act?
    pub(crate) fn somebody_paged(&self, rng: &mut Rng) -> Option<(AlertId, UserId)> {
        // Mostly about what is recent.
        let recent = self.pages.len().min(8) as u64;
        if recent == 0 {
            return None;
        }
        let (alert, user, _) = &self.pages[self.pages.len() - 1 - rng.below(recent) as usize];
        Some((alert.clone(), user.clone()))
    }

    pub(crate) fn reached_since(&self, alert: &AlertId, since: Timestamp) -> bool {
        self.pages.iter().any(|(id, _, at)| id == alert && *at >= since)
    }
}
