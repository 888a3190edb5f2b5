//! What a batch of decisions changes, gathered in memory and written set by set in one transaction.

use crate::Dispatch;
use crate::core::Core;
use crate::news::Announcer;
use crate::scene::{Pinned, Pins, Scene};
use firedog_domain::alert::{
    self, Actor, Alert, Cursor, Effects, Entry, EntryKind, Input, Next, NextKind, Opening, Pin, State, storm_look,
};
use firedog_domain::delivery::{Delivery, Kind, Notification, tell};
use firedog_domain::id::{AlertId, IntegrationId};
use firedog_domain::setup::{Channel, Policy, Setup, Urgency, Zone};
use firedog_store::{self as store, Tx};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The lease on a notification that is being sent: longer than any provider's timeout, so that a slow answer is not
/// taken for a crash; short enough that a crash delays a page by no more.
pub(crate) const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// Long enough that a decision that panics again and again does not spin, short enough to be a page.
const CATCH_ALL_AFTER_BUG: SignedDuration = SignedDuration::from_secs(5);

/// One transaction's worth of decisions.
pub(crate) struct Changes<'a> {
    scene: &'a Scene,
    pins: &'a Pins,
    news: &'a Announcer,
    pinned: Pinned,
    now: Timestamp,
    /// Alerts as loaded, by id; `None`: opened in this batch.
    loaded: BTreeMap<AlertId, Option<i64>>,
    alerts: BTreeMap<AlertId, Alert>,
    entries: Vec<(AlertId, String, Entry)>,
    notifications: Vec<Notification>,
    cancel: BTreeSet<AlertId>,
    tell: Vec<(AlertId, Kind)>,
    leaders: Vec<(AlertId, Actor)>,
    /// Alerts to write.
    touched: BTreeSet<AlertId>,
    /// Notifications to write again.
    rewritten: Vec<Notification>,
}

impl<'a> Changes<'a> {
    pub(crate) fn new(scene: &'a Scene, core: &'a Core, now: Timestamp) -> Self {
        Self::with(scene, &core.0.pins, &core.0.news, now)
    }

    fn with(scene: &'a Scene, pins: &'a Pins, news: &'a Announcer, now: Timestamp) -> Self {
        Self {
            scene,
            pins,
            news,
            pinned: Pinned::default(),
            now,
            loaded: BTreeMap::new(),
            alerts: BTreeMap::new(),
            entries: Vec::new(),
            notifications: Vec::new(),
            cancel: BTreeSet::new(),
            tell: Vec::new(),
            leaders: Vec::new(),
            touched: BTreeSet::new(),
            rewritten: Vec::new(),
        }
    }

    /// Puts loaded alerts on the table, together with the policies they pinned.
    pub(crate) async fn load(&mut self, tx: &mut dyn Tx, alerts: Vec<Alert>) -> store::Result<()> {
        for alert in alerts {
            let version = alert.setup_version;
            if version != self.scene.world.version && self.pinned.missing(version) {
                let setup = match self.pins.get(version) {
                    Some(setup) => Some(setup),
                    None => parse(store::setup::get(tx, version).await?),
                };
                if let Some(setup) = &setup {
                    self.pins.keep(version, setup.clone());
                }
                self.pinned.add(version, setup);
            }
            self.loaded.entry(alert.id.clone()).or_insert(Some(alert.version));
            self.alerts.entry(alert.id.clone()).or_insert(alert);
        }
        Ok(())
    }

    pub(crate) fn alert(&self, id: &AlertId) -> Option<&Alert> {
        self.alerts.get(id)
    }

    pub(crate) fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.values()
    }

    pub(crate) fn open(&mut self, opening: Opening, leader: Option<&AlertId>, by: &Actor) -> AlertId {
        let leader = leader.and_then(|id| self.alerts.get(id)).cloned();
        let (alert, fx) = alert::open(&self.scene.world, opening, leader.as_ref(), by, self.now);
        let id = alert.id.clone();
        self.loaded.insert(id.clone(), None);
        self.alerts.insert(id.clone(), alert);
        self.take(&id, fx, by);
        id
    }

    /// Applies an input to a loaded alert. Answers why nothing was done, if so.
    pub(crate) fn decide(&mut self, id: &AlertId, input: &Input, by: &Actor) -> Option<&'static str> {
        let before = self.alerts.get(id)?;
        let pinned = policy(&self.pinned, self.scene, before);
        let decision = catch_unwind(AssertUnwindSafe(|| alert::decide(&self.scene.world, pinned, before, input, by, self.now)));
        let Ok((after, fx)) = decision else {
            self.give_to_catch_all(id);
            return None;
        };
        if fx.refused.is_some() {
            return fx.refused;
        }
        self.alerts.insert(id.clone(), after);
        self.take(id, fx, by);
        None
    }

    /// A decision that panicked is a bug of ours; the alert must page all the same, and the others must not suffer.
    fn give_to_catch_all(&mut self, id: &AlertId) {
        tracing::error!(alert = %id, "deciding panicked; the catch-all has this alert now");
        let Some(alert) = self.alerts.get_mut(id).filter(|alert| alert.is_open()) else { return };
        alert.acknowledged_by = None;
        alert.policy = Pin::CatchAll;
        alert.cursor = Cursor::default();
        alert.state = State::Triggered;
        alert.quiet_at = None;
        alert.follows = None;
        alert.next = Some(Next { at: firedog_domain::time::after(self.now, CATCH_ALL_AFTER_BUG), kind: NextKind::Page });
        self.touched.insert(id.clone());
        let reason = Some("Firedog could not decide this and gave it to the catch-all; please report it".to_owned());
        self.entry(
            id,
            Entry { at: self.now, kind: EntryKind::Event, user: None, contact: None, channel: None, outcome: None, reason },
        );
    }

    fn is_new(&self, id: &AlertId) -> bool {
        self.loaded.get(id).is_some_and(Option::is_none)
    }

    fn take(&mut self, id: &AlertId, fx: Effects, by: &Actor) {
        self.touched.insert(id.clone());
        for entry in fx.entries {
            self.entry(id, entry);
        }
        if fx.cancel_pages {
            self.cancel.insert(id.clone());
            let pending = |n: &&mut Notification| n.alert == *id && n.kind == Kind::Page && n.state == Delivery::Pending;
            for n in self.notifications.iter_mut().filter(pending) {
                n.state = Delivery::Cancelled;
                n.ready_at = None;
            }
        }
        self.notifications.extend(fx.notifications);
        if let Some(kind) = fx.tell {
            self.tell.push((id.clone(), kind));
        }
        if fx.followers {
            self.leaders.push((id.clone(), by.clone()));
        }
    }

    /// Adds a line to an alert's timeline. Its key orders lines of one instant and makes writing it twice harmless.
    pub(crate) fn entry(&mut self, id: &AlertId, entry: Entry) {
        // The version that this write makes: opening an alert makes 0, and what follows in the same microsecond comes after it.
        let version = self.alerts.get(id).map_or(0, |alert| if self.is_new(id) { 0 } else { alert.version + 1 });
        let key = format!("{version:010}.{:04}", self.entries.len());
        self.entries.push((id.clone(), key, entry));
    }

    /// Adds the line of an attempt. In its instant it stands after what led to it and before what it leads to.
    pub(crate) fn attempt_entry(&mut self, tried: &Notification, entry: Entry) {
        let version = self.alerts.get(&tried.alert).map_or(0, |alert| alert.version);
        self.entries.push((tried.alert.clone(), format!("{version:010}.9999.{}.{:04}", tried.id, tried.attempt), entry));
    }

    pub(crate) fn add(&mut self, notifications: Vec<Notification>) {
        self.notifications.extend(notifications);
    }

    pub(crate) fn rewrite(&mut self, notifications: Vec<Notification>) {
        self.rewritten.extend(notifications);
    }

    /// Writes everything. What may go out at once is written as already claimed, and answered: from accepting an event to
    /// handing its page to a provider takes this one commit.
    /// `room` bounds how many; the rest waits for the next claim.
    pub(crate) async fn write(mut self, tx: &mut dyn Tx, room: usize) -> store::Result<Vec<Dispatch>> {
        self.lead(tx).await?;
        let written = self.touched.iter().filter_map(|id| self.alerts.get(id)).cloned();
        let (inserts, updates): (Vec<Alert>, Vec<Alert>) = written.partition(|alert| self.is_new(&alert.id));
        // Updates first: an alert that closes in this batch makes room for the next one with its key.
        if !store::alert::update_many(tx, &updates).await?.is_empty() {
            return Err(store::Error::Conflict);
        }
        store::alert::insert_many(tx, &inserts).await?;
        let cancel: Vec<AlertId> = self.cancel.iter().filter(|id| !self.is_new(id)).cloned().collect();
        store::notification::cancel_pending(tx, &cancel).await?;
        if !store::notification::update_many(tx, &self.rewritten).await?.is_empty() {
            return Err(store::Error::Conflict);
        }
        self.tell(tx).await?;
        let dispatches = self.claim(room);
        store::notification::insert_many(tx, &self.notifications).await?;
        store::timeline::append_many(tx, &self.entries).await?;
        self.announce();
        Ok(dispatches)
    }

    fn announce(&self) {
        let noted = self.entries.iter().map(|(id, _, _)| id).filter(|id| !self.touched.contains(*id));
        for id in self.touched.iter().chain(noted) {
            // An update raises the version; a new alert has the one it was made with.
            let version = match self.loaded.get(id) {
                Some(Some(version)) => version + i64::from(self.touched.contains(id)),
                _ => 1,
            };
            self.news.announce(id, version);
        }
    }

    /// Followers go the way of their leader.
    async fn lead(&mut self, tx: &mut dyn Tx) -> store::Result<()> {
        let leaders = std::mem::take(&mut self.leaders);
        for (leader, by) in leaders {
            // A new alert has no followers in the store yet, and without groups nobody has any.
            if self.groups() && !self.is_new(&leader) {
                store::alert::lock(tx, &leader).await?;
                let rows = store::alert::followers_of(tx, &leader).await?;
                self.load(tx, rows).await?;
            }
            let Some(now_leads) = self.alerts.get(&leader).cloned() else { continue };
            let mut of_leader: Vec<(Timestamp, AlertId)> = self
                .alerts
                .values()
                .filter(|a| a.follows.as_ref() == Some(&leader))
                .map(|a| (a.created_at, a.id.clone()))
                .collect();
            of_leader.sort();
            // Where the leader has gone for good, the first of them that pages leads the others.
            let mut heir: Option<AlertId> = None;
            for (_, follower) in of_leader {
                let own = self.alerts.get(&follower).and_then(|alert| storm_of(self.scene, alert, &now_leads)).is_some();
                let input = match (now_leads.state, now_leads.next) {
                    // Nobody has been told of it yet: whoever acknowledged the leader has not seen this one.
                    (State::Acknowledged, _) if own => self.after(heir.as_ref(), &follower, &now_leads),
                    (State::Acknowledged, Some(Next { at, kind: NextKind::SnoozeEnds })) => Input::Snooze { until: at },
                    (State::Acknowledged, _) => Input::Acknowledge,
                    _ => self.after(heir.as_ref(), &follower, &now_leads),
                };
                self.decide(&follower, &input, &by);
                if heir.as_ref().and_then(|id| self.alerts.get(id)).is_none_or(|heir| !leads(heir)) {
                    heir = Some(follower);
                }
            }
        }
        // A follower leads nobody: what its own decision asked for here has no one to go to.
        self.leaders.clear();
        Ok(())
    }

    /// What becomes of a follower whose leader may be gone: it goes on with the heir, if there is one that pages.
    fn after(&self, heir: Option<&AlertId>, follower: &AlertId, leader: &Alert) -> Input {
        // Whoever may sleep through the heir must not sleep through this one.
        let goes_with = |heir: &&Alert| {
            let one = self.alerts.get(follower);
            leads(heir) && one.is_some_and(|one| one.urgency == heir.urgency || heir.urgency == Urgency::High)
        };
        match heir.and_then(|id| self.alerts.get(id)).filter(goes_with) {
            Some(heir) => Input::Follow(heir.id.clone()),
            None => Input::Due { leader: leads(leader).then_some(leader.state), source_alive: true, storm: None },
        }
    }

    fn groups(&self) -> bool {
        self.scene.world.setup.services.iter().any(|service| service.group.is_some())
    }

    async fn tell(&mut self, tx: &mut dyn Tx) -> store::Result<()> {
        let paged = |id: &&AlertId| !self.is_new(id) && self.alerts.get(*id).is_some_and(|alert| alert.pages > 0);
        let ids: Vec<AlertId> = self.tell.iter().map(|(id, _)| id).filter(paged).cloned().collect();
        if ids.is_empty() {
            return Ok(());
        }
        let sent = store::notification::load_for_alerts(tx, &ids).await?;
        for (id, kind) in &self.tell {
            let Some(alert) = self.alerts.get(id) else { continue };
            let of_alert: Vec<Notification> = sent.iter().filter(|n| n.alert == *id).cloned().collect();
            let told = tell(alert, &of_alert, *kind, self.now);
            self.notifications
                .extend(told.into_iter().map(|n| Notification { id: format!("{}.{}", n.id, kind.as_str()).into(), ..n }));
        }
        Ok(())
    }

    /// Marks what is ready now as being sent by us.
    fn claim(&mut self, room: usize) -> Vec<Dispatch> {
        let mut dispatches = Vec::new();
        for n in &mut self.notifications {
            if dispatches.len() >= room {
                break;
            }
            let ready = n.state == Delivery::Pending && n.ready_at.is_some_and(|at| at <= self.now);
            let Some(alert) = self.alerts.get(&n.alert).filter(|_| ready) else { continue };
            let Some(dispatch) = address(self.scene, alert, n) else { continue };
            n.state = Delivery::Sending;
            n.ready_at = Some(firedog_domain::time::after(self.now, LEASE));
            n.attempt += 1;
            n.fence += 1;
            dispatches.push(Dispatch { notification: n.clone(), ..dispatch });
        }
        dispatches
    }
}

/// A pinned setup that cannot be read (another release wrote it) counts as gone: the alert is the catch-all's, and the others
/// of its batch go on.
fn parse(stored: Option<store::setup::Stored>) -> Option<Arc<Setup>> {
    let stored = stored?;
    match serde_json::from_str(&stored.body) {
        Ok(setup) => Some(Arc::new(setup)),
        Err(error) => {
            tracing::error!(version = stored.version, %error, "a pinned setup cannot be read; its alerts go to the catch-all");
            None
        }
    }
}

/// Whom and where a notification goes to, from the current setup; `None` when that is gone.
pub(crate) fn address(scene: &Scene, alert: &Alert, n: &Notification) -> Option<Dispatch> {
    let user = scene.world.setup.user(&n.user)?;
    let contact = match n.channel {
        Channel::Push => scene.world.live.push_contact(&user.id)?,
        _ => user.contacts().into_iter().find(|contact| contact.id == n.contact)?,
    };
    Some(Dispatch {
        notification: n.clone(),
        user: user.clone(),
        contact,
        alert: alert.clone(),
        zone: zone(scene, alert),
        bundled: Vec::new(),
    })
}

/// The zone in which a service's team lives: that of its first schedule.
fn zone(scene: &Scene, alert: &Alert) -> Option<Zone> {
    let team = &scene.world.setup.service(alert.service.as_ref()?)?.team;
    scene
        .world
        .setup
        .schedules
        .iter()
        .find(|schedule| schedule.team.as_ref() == Some(team))
        .map(|schedule| schedule.timezone.clone())
}

fn policy<'a>(pinned: &'a Pinned, scene: &'a Scene, alert: &Alert) -> Option<&'a Policy> {
    match &alert.policy {
        Pin::Policy(id) => pinned.policy(scene, alert.setup_version, id),
        _ => None,
    }
}

/// Whether others may wait behind this alert: only while it pages people itself. Behind one that is held back, they would be
/// held back by something that is not about them.
pub(crate) fn leads(alert: &Alert) -> bool {
    alert.state == State::Triggered && alert.follows.is_none() && alert.next.is_some_and(|next| next.kind == NextKind::Page)
}

/// Of an alert of another group than its leader's that waits to see whether it is a storm: more groups than this are one.
pub(crate) fn storm_of(scene: &Scene, alert: &Alert, leader: &Alert) -> Option<u32> {
    let group = scene.world.setup.service(alert.service.as_ref()?)?.group.as_ref()?;
    let looks = alert.follows.is_some() && alert.next.is_some_and(|next| next.at == storm_look(alert));
    group.storm.filter(|_| looks && !group.agree(&alert.labels, &leader.labels))
}

/// Whether the heartbeat of an alert's own source is missing, so that its silence says nothing.
pub(crate) fn source_alive(missing: &BTreeSet<IntegrationId>, alert: &Alert) -> bool {
    alert.integration.as_ref().is_none_or(|id| !missing.contains(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use firedog_domain::event::Severity;
    use firedog_domain::setup::Urgency;
    use firedog_domain::suppression::World;

    fn opening(id: &str) -> Opening {
        Opening {
            id: id.into(),
            service: None,
            integration: None,
            dedup_key: id.to_owned(),
            urgency: Urgency::High,
            severity: Severity::Critical,
            summary: id.to_owned(),
            source: None,
            labels: BTreeMap::new(),
            policy: Pin::CatchAll,
            started_at: None,
            quiet_at: None,
            because: "a test".to_owned(),
        }
    }

    #[test]
    fn an_alert_that_cannot_be_decided_pages_the_catch_all_soon() {
        let now = "2026-03-02T12:00:00Z".parse().unwrap();
        let (scene, pins) = (Scene::new(World::default(), 0).unwrap(), Pins::default());
        let news = Announcer::default();
        let mut changes = Changes::with(&scene, &pins, &news, now);
        let id = changes.open(opening("a"), None, &Actor::System);
        changes.decide(&id, &Input::Acknowledge, &Actor::User("ada".into()));
        changes.give_to_catch_all(&id);
        let alert = changes.alert(&id).unwrap();
        let next = Next { at: firedog_domain::time::after(now, CATCH_ALL_AFTER_BUG), kind: NextKind::Page };
        assert_eq!((alert.state, &alert.policy, alert.next), (State::Triggered, &Pin::CatchAll, Some(next)));
        assert!(changes.entries.last().unwrap().2.reason.as_ref().unwrap().contains("could not decide"));
    }

    #[test]
    fn what_is_over_stays_over_even_after_a_bug() {
        let now = "2026-03-02T12:00:00Z".parse().unwrap();
        let (scene, pins) = (Scene::new(World::default(), 0).unwrap(), Pins::default());
        let news = Announcer::default();
        let mut changes = Changes::with(&scene, &pins, &news, now);
        let id = changes.open(opening("a"), None, &Actor::System);
        changes.decide(&id, &Input::Resolve, &Actor::User("ada".into()));
        changes.give_to_catch_all(&id);
        assert_eq!(changes.alert(&id).unwrap().state, State::Resolved);
    }
}
