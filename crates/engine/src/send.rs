//! The outbox: claim what is due, hand it out, record how it went.

use crate::changes::{Changes, LEASE, address};
use crate::core::{Core, check_head};
use crate::scene::Scene;
use crate::{Dispatch, Result};
use firedog_domain::alert::{Actor, Alert, Input, State};
use firedog_domain::delivery::{Delivery, Kind, Notification, Outcome, record};
use firedog_domain::id::AlertId;
use firedog_domain::setup::Channel;
use firedog_store::{self as store, Op, Tx};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Notifications claimed in one transaction.
pub(crate) const BATCH: usize = 64;
/// Pages in one message, each with a link of its own: more is a wall of text.
const BUNDLE: usize = 20;

/// Claims notifications that are due, and drops those whose alert no longer wants them.
pub(crate) struct Claim {
    pub(crate) scene: Arc<Scene>,
    pub(crate) now: Timestamp,
    pub(crate) room: usize,
}

pub(crate) struct Claimed {
    pub(crate) found: usize,
    pub(crate) dispatches: Vec<Dispatch>,
    pub(crate) undeliverable: Vec<(Notification, Outcome)>,
}

impl Op for Claim {
    type Out = Claimed;
    const NAME: &'static str = "claim_notifications";

    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Claimed> {
        check_head(tx, &self.scene).await?;
        let limit = u32::try_from(self.room.min(BATCH)).unwrap_or(1);
        let claimed = store::notification::claim_due(tx, self.now, firedog_domain::time::after(self.now, LEASE), limit).await?;
        let mut out = Claimed { found: claimed.len(), dispatches: Vec::new(), undeliverable: Vec::new() };
        if claimed.is_empty() {
            return Ok(out);
        }
        let ids: BTreeSet<AlertId> = claimed.iter().map(|n| n.alert.clone()).collect();
        let alerts = store::alert::get_many(tx, &ids.into_iter().collect::<Vec<_>>()).await?;
        let mut unwanted = Vec::new();
        for n in claimed {
            let alert = alerts.iter().find(|alert| alert.id == n.alert);
            match alert {
                Some(alert) if wanted(alert, &n) => match address(&self.scene, alert, &n) {
                    Some(dispatch) => out.dispatches.push(dispatch),
                    None => {
                        let reason = format!("setup_removed: {} has no contact method {} any more", n.user, n.contact);
                        out.undeliverable.push((n, Outcome::Rejected { reason }));
                    }
                },
                _ => unwanted.push(Notification { state: Delivery::Cancelled, ready_at: None, ..n }),
            }
        }
        if !store::notification::update_many(tx, &unwanted).await?.is_empty() {
            return Err(store::Error::Conflict);
        }
        Ok(out)
    }
}

/// A page is for an alert that nobody has; news about it may go out at any time.
fn wanted(alert: &Alert, n: &Notification) -> bool {
    n.kind != Kind::Page || alert.state == State::Triggered
}

/// Puts pages by e-mail to the same address, and those to the same person's devices, into one message.
pub(crate) fn bundle(dispatches: Vec<Dispatch>) -> Vec<Dispatch> {
    let mut bundles: Vec<Dispatch> = Vec::with_capacity(dispatches.len());
    for dispatch in dispatches {
        let n = &dispatch.notification;
        let fits = |other: &&mut Dispatch| {
            let o = &other.notification;
            matches!(n.channel, Channel::Email | Channel::Push)
                && (n.kind, &n.user, &n.contact) == (Kind::Page, &o.user, &o.contact)
                && o.kind == Kind::Page
                && other.bundled.len() + 1 < BUNDLE
        };
        match bundles.iter_mut().find(fits) {
            Some(bundle) => bundle.bundled.push((dispatch.notification, dispatch.alert)),
            None => bundles.push(dispatch),
        }
    }
    bundles
}

impl Dispatch {
    /// Every notification that this message stands for.
    pub fn notifications(&self) -> Vec<Notification> {
        std::iter::once(self.notification.clone()).chain(self.bundled.iter().map(|(n, _)| n.clone())).collect()
    }

    /// Whether the claim has run out before anything was sent: somebody else may be sending it by now.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        let ends = |n: &Notification| n.ready_at.is_none_or(|lease| lease <= now);
        ends(&self.notification) || self.bundled.iter().any(|(n, _)| ends(n))
    }
}

impl Core {
    /// Records the outcome of an attempt for all notifications it stood for. Answers what may go out because of it.
    pub async fn record(&self, tried: &[Notification], outcome: &Outcome, now: Timestamp, room: usize) -> Result<Vec<Dispatch>> {
        let mut dispatches = Vec::new();
        for n in tried {
            let left = room.saturating_sub(dispatches.len());
            let op = |scene| Record { core: self.clone(), scene, tried: n.clone(), outcome: outcome.clone(), now, room: left };
            dispatches.extend(self.write(op).await?);
        }
        Ok(dispatches)
    }
}

/// Takes every attempt under way for lost.
pub(crate) struct Release {
    pub(crate) now: Timestamp,
}

impl Op for Release {
    type Out = u64;
    const NAME: &'static str = "release_notifications";

    async fn run(&self, tx: &mut dyn Tx) -> store::Result<u64> {
        store::notification::release_sending(tx, self.now).await
    }
}

struct Record {
    core: Core,
    scene: Arc<Scene>,
    tried: Notification,
    outcome: Outcome,
    now: Timestamp,
    room: usize,
}

impl Op for Record {
    type Out = Vec<Dispatch>;
    const NAME: &'static str = "record_outcome";

    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Vec<Dispatch>> {
        check_head(tx, &self.scene).await?;
        let Some(alert) = store::alert::lock(tx, &self.tried.alert).await? else {
            return Ok(Vec::new());
        };
        let siblings = store::notification::load_for_page(tx, &self.tried.alert, self.tried.page).await?;
        // Somebody else claimed it after our lease had run out: their outcome counts, ours only for the timeline.
        let current = siblings.iter().find(|n| n.id == self.tried.id);
        let ours = current.is_some_and(|n| n.fence == self.tried.fence && n.state == Delivery::Sending);
        let recorded = record(&self.scene.world, &alert, &siblings, &self.tried, &self.outcome, self.now);
        let mut changes = Changes::new(&self.scene, &self.core, self.now);
        let id = alert.id.clone();
        changes.load(tx, vec![alert]).await?;
        changes.attempt_entry(&self.tried, recorded.entry);
        if ours {
            changes.rewrite(recorded.changed);
            changes.add(recorded.added);
            if recorded.unreached {
                changes.decide(&id, &Input::Unreached, &Actor::System);
            }
        }
        changes.write(tx, self.room).await
    }
}
