//! What must hold after every step, checked against the whole database.

use super::provider::Provider;
use firedog_domain::alert::{Alert, EntryKind, NextKind, Resolved, State};
use firedog_domain::delivery::{Kind, Notification};
use firedog_domain::event::{Action, Event};
use firedog_domain::id::*;
use firedog_engine::Accepted;
use firedog_store::{self as store, Op, Store, Tx};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What the outside knows: every event it got a 2xx for, every claim, every excuse for a duplicate.
#[derive(Default)]
pub(crate) struct Book {
    /// Events with a 2xx, by their number: the alert they belong to.
    accepted: BTreeMap<u64, AlertId>,
    /// Events of unknown fate.
    unknown: BTreeSet<u64>,
    episodes: BTreeMap<(IntegrationId, String), Episode>,
    /// Claims that have not been recorded: whoever holds them may have handed the message over.
    held: BTreeMap<NotificationId, i64>,
    /// Per notification: how often somebody else took it over from whoever held it (a crash, a lost lease).
    excuses: BTreeMap<NotificationId, u32>,
    /// A node came back with its wall clock set wrong: intervals across that restart are not ours to keep.
    pub(crate) clock_moved: bool,
    last_open: BTreeMap<(IntegrationId, String), AlertId>,
}

/// A source's own view of one key.
#[derive(Clone, Default)]
pub(crate) struct Episode {
    pub(crate) current: Option<Timestamp>,
    pub(crate) ended: Option<Timestamp>,
    resolved_alert: Option<AlertId>,
}

fn number(event: &Event) -> u64 {
    event.details["n"].as_u64().expect("every event has its number")
}

impl Book {
    pub(crate) fn episode(&self, integration: &IntegrationId, key: &str, _action: Action) -> Episode {
        self.episodes.get(&(integration.clone(), key.to_owned())).cloned().unwrap_or_default()
    }

    pub(crate) fn accepted(&mut self, event: &Event, accepted: &Accepted, now: Timestamp) {
        let id = (event.integration.clone(), event.dedup_key.clone());
        let episode = self.episodes.entry(id.clone()).or_default();
        match (event.action, &accepted.alert) {
            (Action::Trigger, Some(alert)) => {
                // I6: a trigger after a resolve opens a new alert.
                assert_ne!(episode.resolved_alert.as_ref(), Some(alert), "I6: a resolved alert was opened again");
                episode.current = event.started_at;
                self.last_open.insert(id, alert.clone());
            }
            (Action::Trigger, None) => {
                // I7: only a late repeat of an ended episode may be dropped.
                let late = episode.ended.zip(event.started_at).is_some_and(|(ended, started)| started <= ended);
                assert!(late, "I7: a trigger was dropped: {accepted:?}");
            }
            (Action::Resolve, Some(alert)) => {
                episode.ended = episode.current.take().or(Some(now)).max(episode.ended);
                episode.resolved_alert = Some(alert.clone());
            }
            _ => {}
        }
        if let Some(alert) = &accepted.alert {
            self.accepted.insert(number(event), alert.clone());
        }
    }

    pub(crate) fn unknown_batch(&mut self, batch: &[Event]) {
        for event in batch {
            self.unknown.insert(number(event));
            // From here on we do not know which episode the key is in.
            let id = (event.integration.clone(), event.dedup_key.clone());
            let episode = self.episodes.entry(id).or_default();
            if event.action == Action::Resolve {
                episode.ended = episode.current.or(event.started_at).max(episode.ended);
            }
            episode.current = None;
            episode.resolved_alert = None;
        }
    }

    pub(crate) fn claimed(&mut self, n: &Notification) {
        if self.held.insert(n.id.clone(), n.fence).is_some() {
            *self.excuses.entry(n.id.clone()).or_default() += 1;
        }
    }

    pub(crate) fn recorded(&mut self, n: &Notification) {
        if self.held.get(&n.id) == Some(&n.fence) {
            self.held.remove(&n.id);
        }
    }

    pub(crate) fn check(&self, store: &Store, provider: &Provider, now: Timestamp) -> Result<(), String> {
        let seen = super::now(store.read(Everything { now })).map_err(|e| e.to_string())?;
        self.events(&seen)?;
        self.alerts(&seen, now)?;
        self.deliveries(&seen, provider)?;
        if self.clock_moved { Ok(()) } else { pace(&seen) }
    }

    /// I1: every accepted event is there exactly once.
    fn events(&self, seen: &Seen) -> Result<(), String> {
        let mut found: BTreeMap<u64, (u32, AlertId)> = BTreeMap::new();
        for received in &seen.events {
            if let Some(n) = received.event.details["n"].as_u64() {
                let entry = found.entry(n).or_insert((0, received.alert.clone()));
                entry.0 += 1;
            }
        }
        for (n, alert) in &self.accepted {
            match found.get(n) {
                Some((1, kept)) if kept == alert => {}
                other => return Err(format!("I1: accepted event {n} of alert {alert} is kept as {other:?}")),
            }
        }
        for n in found.keys() {
            if !self.accepted.contains_key(n) && !self.unknown.contains(n) {
                return Err(format!("I1: event {n} is kept although it was refused"));
            }
        }
        Ok(())
    }

    /// I2, I6, I11, I13.
    fn alerts(&self, seen: &Seen, _now: Timestamp) -> Result<(), String> {
        let mut open: BTreeSet<(Option<ServiceId>, String)> = BTreeSet::new();
        for alert in &seen.alerts {
            let id = &alert.id;
            if alert.is_open() && alert.service.is_some() && !open.insert((alert.service.clone(), alert.dedup_key.clone())) {
                return Err(format!("I6: two open alerts for {:?}/{}", alert.service, alert.dedup_key));
            }
            match alert.state {
                State::Triggered if alert.next.is_none() => return Err(format!("I2: {id} is triggered and has no next action")),
                State::Triggered if !matches!(alert.next.map(|n| n.kind), Some(NextKind::Page | NextKind::Release)) => {
                    return Err(format!("I2: {id} is triggered and waits for {:?}", alert.next));
                }
                State::Acknowledged if matches!(alert.next.map(|n| n.kind), Some(NextKind::Page | NextKind::Release)) => {
                    return Err(format!("I2: {id} is acknowledged and would page"));
                }
                State::Acknowledged if alert.service.as_ref().is_some_and(|s| s.as_str() == "api") && alert.next.is_none() => {
                    return Err(format!("I2: {id} is acknowledged without its timeout"));
                }
                State::Resolved if alert.next.is_some() || alert.resolved_at.is_none() || alert.resolved_because.is_none() => {
                    return Err(format!("I2: {id} is resolved, but not tidily"));
                }
                _ => {}
            }
            // I11: whatever holds an alert back is named, and ends.
            if alert.state == State::Triggered && alert.next.is_some_and(|n| n.kind == NextKind::Release) {
                let named = seen.entries(id).any(|e| {
                    e.kind == EntryKind::Held
                        && e.reason.as_deref().is_some_and(|r| r.contains("until") || r.contains("again at"))
                });
                if !named {
                    return Err(format!("I11: {id} is held back and nothing says by what"));
                }
            }
            // I13: the pinned setup exists.
            if alert.is_open() && !seen.setups.contains(&alert.setup_version) {
                return Err(format!("I13: {id} pins setup {} which is gone", alert.setup_version));
            }
        }
        if let Some(broken) = seen.without_next.first() {
            return Err(format!("I2: the auditor finds {}", broken.id));
        }
        Ok(())
    }

    /// I5: one delivery, and one more for each attempt whose end nobody could know.
    fn deliveries(&self, seen: &Seen, provider: &Provider) -> Result<(), String> {
        for (id, arrived) in &provider.arrived {
            let excuses =
                self.excuses.get(id).copied().unwrap_or_default() + provider.unknown.get(id).copied().unwrap_or_default();
            if *arrived > 1 + excuses {
                return Err(format!("I5: {id} arrived {arrived} times with {excuses} excuses"));
            }
            // I1: nothing is sent that is not in the outbox.
            if !seen.notifications.contains_key(id) {
                return Err(format!("{id} was sent and is in no outbox"));
            }
        }
        Ok(())
    }
}

/// I9: no step comes earlier after the one before it than the pinned policy says, unless something in the timeline says why.
fn pace(seen: &Seen) -> Result<(), String> {
    let mut pages: BTreeMap<&AlertId, BTreeMap<u32, &Notification>> = BTreeMap::new();
    for n in seen.notifications.values().filter(|n| n.kind == Kind::Page) {
        let page = pages.entry(&n.alert).or_default().entry(n.page).or_insert(n);
        if n.created_at < page.created_at {
            *page = n;
        }
    }
    for (alert, pages) in pages {
        for ((_, before), (_, after)) in pages.iter().zip(pages.iter().skip(1)) {
            let wait = wait_of(seen, alert, before);
            let hurried = seen.entries(alert).any(|e| {
                e.at > before.created_at && e.at <= after.created_at || e.at == after.created_at
            } && matches!(e.kind, EntryKind::Escalated | EntryKind::AckExpired | EntryKind::SnoozeEnded | EntryKind::Released | EntryKind::Event));
            if !hurried && after.created_at.duration_since(before.created_at) < wait {
                return Err(format!(
                    "I9: {alert} paged {} at {} only {:#} after {}",
                    after.user,
                    after.created_at,
                    after.created_at.duration_since(before.created_at),
                    before.id
                ));
            }
        }
    }
    Ok(())
}

/// The wait after a page, by the setup that the alert pinned (the waits differ between the two).
fn wait_of(seen: &Seen, alert: &AlertId, page: &Notification) -> jiff::SignedDuration {
    use firedog_domain::time::mins;
    let slow = seen.alerts.iter().find(|a| a.id == *alert).is_some_and(|a| seen.slow.contains(&a.setup_version));
    match () {
        () if page.reason.starts_with("step 1") => mins(if slow { 7 } else { 5 }),
        () if page.reason.starts_with("step 2") => mins(if slow { 12 } else { 10 }),
        () => mins(30),
    }
}

/// The whole database.
pub(crate) struct Seen {
    alerts: Vec<Alert>,
    events: Vec<store::event::Received>,
    timelines: BTreeMap<AlertId, Vec<firedog_domain::alert::Entry>>,
    notifications: BTreeMap<NotificationId, Notification>,
    without_next: Vec<Alert>,
    setups: BTreeSet<i64>,
    slow: BTreeSet<i64>,
}

impl Seen {
    fn entries(&self, id: &AlertId) -> impl Iterator<Item = &firedog_domain::alert::Entry> {
        self.timelines.get(id).into_iter().flatten()
    }
}

struct Everything {
    now: Timestamp,
}

impl Op for Everything {
    type Out = Seen;
    const NAME: &'static str = "everything";
    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Seen> {
        let _ = self.now;
        let alerts = store::alert::list(tx, &store::alert::Filter::default(), None, 100_000).await?;
        let mut events = Vec::new();
        let mut timelines = BTreeMap::new();
        for alert in &alerts {
            events.extend(store::event::for_alert(tx, &alert.id, 10_000).await?);
            timelines.insert(alert.id.clone(), store::timeline::list(tx, &alert.id, 10_000).await?);
        }
        let ids: Vec<AlertId> = alerts.iter().map(|alert| alert.id.clone()).collect();
        let rows = store::notification::load_for_alerts(tx, &ids).await?;
        let stored = store::setup::list(tx, 10_000).await?;
        let mut slow = BTreeSet::new();
        for one in &stored {
            if store::setup::get(tx, one.version).await?.is_some_and(|s| s.body.contains("7m")) {
                slow.insert(one.version);
            }
        }
        Ok(Seen {
            events,
            timelines,
            notifications: rows.into_iter().map(|n| (n.id.clone(), n)).collect(),
            without_next: store::alert::open_without_next(tx, 5).await?,
            setups: stored.iter().map(|s| s.version).collect(),
            slow,
            alerts,
        })
    }
}

macro_rules! look {
    ($name:ident, ($($field:ident: $ty:ty),*), $out:ty, |$tx:ident, $this:ident| $body:expr) => {
        struct $name { $($field: $ty),* }
        impl Op for $name {
            type Out = $out;
            const NAME: &'static str = "look";
            async fn run(&self, $tx: &mut dyn Tx) -> store::Result<$out> {
                let $this = self;
                $body
            }
        }
    };
}

look!(GetAlert, (id: AlertId), Option<Alert>, |tx, this| store::alert::get(tx, &this.id).await);
look!(GetNotification, (id: NotificationId), Option<Notification>, |tx, this| store::notification::get(tx, &this.id).await);
look!(Wake, (), Option<Timestamp>, |tx, _this| store::wake::next_wake(tx).await);
look!(Outbox, (), i64, |tx, _this| store::notification::pending_count(tx).await);
look!(Silences, (now: Timestamp), Option<SilenceId>, |tx, this| {
    Ok(store::live::list_silences(tx, this.now, 1).await?.into_iter().next().map(|kept| kept.item.id))
});
look!(Open, (), Vec<Alert>, |tx, _this| {
    let filter = store::alert::Filter { states: vec![State::Triggered, State::Acknowledged], ..Default::default() };
    store::alert::list(tx, &filter, None, 100_000).await
});

pub(crate) fn state_of(store: &Store, id: &AlertId) -> Option<State> {
    super::now(store.read(GetAlert { id: id.clone() })).expect("a calm read").map(|alert| alert.state)
}
pub(crate) fn alert(store: &Store, id: &AlertId) -> Option<Alert> {
    super::now(store.read(GetAlert { id: id.clone() })).expect("a calm read")
}
pub(crate) fn notification(store: &Store, id: &NotificationId) -> Option<Notification> {
    super::now(store.read(GetNotification { id: id.clone() })).expect("a calm read")
}
pub(crate) fn next_wake(store: &Store) -> Option<Timestamp> {
    super::now(store.read(Wake {})).expect("a calm read")
}
pub(crate) fn outbox(store: &Store) -> i64 {
    super::now(store.read(Outbox {})).expect("a calm read")
}
pub(crate) fn a_silence(store: &Store, now: Timestamp) -> Option<SilenceId> {
    super::now(store.read(Silences { now })).expect("a calm read")
}
pub(crate) fn open(store: &Store) -> Vec<Alert> {
    super::now(store.read(Open {})).expect("a calm read")
}
pub(crate) fn resolved_because(store: &Store, id: &AlertId) -> Option<Resolved> {
    alert(store, id).and_then(|alert| alert.resolved_because)
}

look!(Pages, (id: AlertId), Vec<Notification>, |tx, this| {
    let rows = store::notification::load_for_alerts(tx, std::slice::from_ref(&this.id)).await?;
    Ok(rows.into_iter().filter(|n| n.kind == Kind::Page).collect())
});

pub(crate) fn pages(store: &Store, id: &AlertId) -> Vec<Notification> {
    super::now(store.read(Pages { id: id.clone() })).expect("a calm read")
}
