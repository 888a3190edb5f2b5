//! Looking into the database: the whole of it, or one row.

use super::setups::SLOW_WAIT;
use super::sources::number;
use crate::wait;
use firedog_domain::alert::{Alert, Entry, State};
use firedog_domain::delivery::{Kind, Notification};
use firedog_domain::id::*;
use firedog_store::{self as store, Op, Store, Tx};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The whole database, read again where a version has moved: whatever is added to an alert moves it, except the lines
/// of attempts, which no check asks for.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) alerts: BTreeMap<AlertId, Alert>,
    histories: BTreeMap<AlertId, History>,
    pub(crate) notifications: BTreeMap<NotificationId, Notification>,
    pub(crate) without_next: Vec<Alert>,
    /// The versions that are kept; whether they are the slow one of the two setups.
    pub(crate) setups: BTreeMap<i64, bool>,
}

/// What happened to an alert, as of a version of it.
struct History {
    version: i64,
    /// The numbers of its events.
    events: Vec<u64>,
    timeline: Vec<Entry>,
}

impl Seen {
    /// `anew`: also what should not have changed.
    pub(crate) fn look(&mut self, store: &Store, anew: bool) {
        if anew {
            *self = Self::default();
        }
        let known = self.histories.iter().map(|(id, history)| (id.clone(), history.version)).collect();
        let mut fresh = wait(store.read(Everything { known, setups: self.setups.clone() })).expect("a calm read");
        let kept = std::mem::take(&mut self.histories).into_iter().filter(|(id, _)| fresh.alerts.contains_key(id));
        for (id, history) in kept {
            fresh.histories.entry(id).or_insert(history);
        }
        *self = fresh;
    }

    pub(crate) fn entries(&self, id: &AlertId) -> impl Iterator<Item = &Entry> {
        self.histories.get(id).into_iter().flat_map(|history| &history.timeline)
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = (u64, &AlertId)> {
        self.histories.iter().flat_map(|(id, history)| history.events.iter().map(move |n| (*n, id)))
    }
}

struct Everything {
    known: BTreeMap<AlertId, i64>,
    setups: BTreeMap<i64, bool>,
}

impl Op for Everything {
    type Out = Seen;
    const NAME: &'static str = "everything";
    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Seen> {
        let alerts = store::alert::list(tx, &store::alert::Filter::default(), None, 100_000).await?;
        let mut histories = BTreeMap::new();
        for alert in alerts.iter().filter(|alert| self.known.get(&alert.id) != Some(&alert.version)) {
            let events = store::event::for_alert(tx, &alert.id, 10_000).await?;
            let timeline = store::timeline::list(tx, &alert.id, 10_000).await?;
            let events = events.iter().filter_map(|received| number(&received.event)).collect();
            histories.insert(alert.id.clone(), History { version: alert.version, events, timeline });
        }
        let ids: Vec<AlertId> = alerts.iter().map(|alert| alert.id.clone()).collect();
        let rows = store::notification::load_for_alerts(tx, &ids).await?;
        let mut setups = BTreeMap::new();
        for one in store::setup::list(tx, 10_000).await? {
            let slow = match self.setups.get(&one.version) {
                Some(slow) => *slow,
                None => store::setup::get(tx, one.version).await?.is_some_and(|stored| stored.body.contains(SLOW_WAIT)),
            };
            setups.insert(one.version, slow);
        }
        Ok(Seen {
            histories,
            notifications: rows.into_iter().map(|n| (n.id.clone(), n)).collect(),
            without_next: store::alert::open_without_next(tx, 5).await?,
            setups,
            alerts: alerts.into_iter().map(|alert| (alert.id.clone(), alert)).collect(),
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
    wait(store.read(GetAlert { id: id.clone() })).expect("a calm read").map(|alert| alert.state)
}
pub(crate) fn alert(store: &Store, id: &AlertId) -> Option<Alert> {
    wait(store.read(GetAlert { id: id.clone() })).expect("a calm read")
}
pub(crate) fn notification(store: &Store, id: &NotificationId) -> Option<Notification> {
    wait(store.read(GetNotification { id: id.clone() })).expect("a calm read")
}
pub(crate) fn next_wake(store: &Store) -> Option<Timestamp> {
    wait(store.read(Wake {})).expect("a calm read")
}
pub(crate) fn outbox(store: &Store) -> i64 {
    wait(store.read(Outbox {})).expect("a calm read")
}
pub(crate) fn a_silence(store: &Store, now: Timestamp) -> Option<SilenceId> {
    wait(store.read(Silences { now })).expect("a calm read")
}
pub(crate) fn open(store: &Store) -> Vec<Alert> {
    wait(store.read(Open {})).expect("a calm read")
}
look!(Pages, (id: AlertId), Vec<Notification>, |tx, this| {
    let rows = store::notification::load_for_alerts(tx, std::slice::from_ref(&this.id)).await?;
    Ok(rows.into_iter().filter(|n| n.kind == Kind::Page).collect())
});

pub(crate) fn pages(store: &Store, id: &AlertId) -> Vec<Notification> {
    wait(store.read(Pages { id: id.clone() })).expect("a calm read")
}
