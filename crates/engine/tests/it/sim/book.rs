//! What the outside knows and holds the engine to: every event it got a 2xx for, and every message it was given.

use super::sources::{is_late, number};
use firedog_domain::delivery::{Delivery, Notification};
use firedog_domain::event::{Action, Event};
use firedog_domain::id::*;
use firedog_engine::Accepted;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(crate) struct Book {
    /// Events with a 2xx, by their number: the alert they belong to.
    pub(crate) accepted: BTreeMap<u64, AlertId>,
    /// Events of unknown fate.
    pub(crate) unknown: BTreeSet<u64>,
    /// Alerts that their source was told are resolved.
    resolved: BTreeSet<AlertId>,
    /// The last claim of each notification that somebody got to see.
    claims: BTreeMap<NotificationId, Claim>,
    /// Notifications with an end: sent, failed, cancelled.
    ended: BTreeSet<NotificationId>,
}

struct Claim {
    fence: i64,
    /// Nobody else may claim it before; `None` once its outcome is recorded.
    lease: Option<Timestamp>,
}

impl Book {
    pub(crate) fn accepted(&mut self, event: &Event, accepted: &Accepted) -> Result<(), String> {
        match (event.action, &accepted.alert) {
            (Action::Trigger, Some(alert)) if self.resolved.contains(alert) => {
                return Err(format!("I6: {alert} was resolved and takes event {:?} all the same", number(event)));
            }
            (Action::Trigger, None) if !is_late(event) => {
                return Err(format!("I7: a trigger was dropped: {event:?}, {accepted:?}"));
            }
            (Action::Resolve, Some(alert)) => {
                self.resolved.insert(alert.clone());
            }
            _ => {}
        }
        if let (Some(n), Some(alert)) = (number(event), &accepted.alert) {
            self.accepted.insert(n, alert.clone());
        }
        Ok(())
    }

    pub(crate) fn unknown_batch(&mut self, batch: &[Event]) {
        self.unknown.extend(batch.iter().filter_map(number));
    }

    /// I5: a message is handed to one sender at a time, and never again once it has an end. `at`: the claiming node's clock.
    pub(crate) fn claimed(&mut self, n: &Notification, at: Timestamp) -> Result<(), String> {
        if self.ended.contains(&n.id) {
            return Err(format!("I5: {} has had its end and is handed out again", n.id));
        }
        let before = self.claims.insert(n.id.clone(), Claim { fence: n.fence, lease: n.ready_at });
        match before {
            Some(before) if before.fence >= n.fence => Err(format!("I10: {} is handed out again under fence {}", n.id, n.fence)),
            Some(Claim { lease: Some(lease), .. }) if lease > at => {
                Err(format!("I5: {} is handed out at {at}, during a lease", n.id))
            }
            _ => Ok(()),
        }
    }

    /// Somebody has tried to record the outcome of `tried`; the row `before` and `after`. `ok`: they were told it is recorded.
    pub(crate) fn recorded(
        &mut self,
        tried: &Notification,
        before: Option<&Notification>,
        after: Option<&Notification>,
        ok: bool,
    ) -> Result<(), String> {
        let (Some(before), Some(after)) = (before, after) else { return Err(format!("{} has left the outbox", tried.id)) };
        let held = before.fence == tried.fence && before.state == Delivery::Sending;
        // What a sender knows must not undo what another one does.
        if !held {
            return if before == after { Ok(()) } else { Err(format!("I10: {} was written under an old fence", tried.id)) };
        }
        let written = after.fence == tried.fence && after.state != Delivery::Sending;
        if ok && !written {
            return Err(format!("I5: the outcome of {} was recorded and is not there", tried.id));
        }
        if written && let Some(claim) = self.claims.get_mut(&tried.id) {
            claim.lease = None;
        }
        if written && after.state != Delivery::Pending {
            self.ended.insert(tried.id.clone());
        }
        Ok(())
    }
}
