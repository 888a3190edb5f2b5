//! One node with a client, a provider and a clock, for scenarios that are told step by step.

use crate::sim::{provider::Provider, seen, setups};
use crate::wait;
use firedog_domain::alert::{Actor, Alert, Input, State};
use firedog_domain::delivery::{Notification, Outcome};
use firedog_domain::event::{Action, Event, Severity};
use firedog_domain::id::*;
use firedog_domain::setup::Setup;
use firedog_domain::time::{after, secs};
use firedog_engine::{Accepted, Clock, Core, Dispatch, Error, Options};
use firedog_store::Store;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// A client tries again so often; one fault needs one.
const TRIES: usize = 3;
/// Messages that may be on their way at once.
const ROOM: usize = 8;

pub(crate) struct Stage {
    pub(crate) core: Core,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) provider: Provider,
    flights: Vec<Dispatch>,
}

pub(crate) fn start() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().expect("a time")
}

pub(crate) fn event(action: Action, integration: &str, key: &str) -> Event {
    Event {
        integration: integration.into(),
        action,
        dedup_key: key.to_owned(),
        summary: key.to_owned(),
        severity: Severity::Critical,
        source: None,
        labels: BTreeMap::new(),
        details: serde_json::Value::Null,
        links: Vec::new(),
        started_at: None,
        valid_until: None,
    }
}

pub(crate) fn node(store: &Store, clock: &Clock, name: &str) -> Core {
    Core::new(store.clone(), clock.clone(), Options { node: name.to_owned(), counted_ids: true, ..Options::default() })
}

impl Stage {
    /// With the first setup in force.
    pub(crate) fn new(store: Store) -> Self {
        let clock = Clock::manual(start());
        let stage = Self { core: node(&store, &clock, "node"), clock, store, provider: Provider::new(1), flights: Vec::new() };
        stage.apply(setups::first());
        stage
    }

    pub(crate) fn memory() -> Self {
        Self::new(Store::memory().expect("a database in memory"))
    }

    pub(crate) fn apply(&self, setup: Setup) {
        wait(self.core.apply(setup, &Actor::System, None)).expect("the setup is applied");
    }

    /// What a client does that got no 2xx: again.
    pub(crate) fn insist<T>(&mut self, mut what: impl FnMut(&Core) -> Result<T, Error>) -> T {
        let mut last = None;
        for _ in 0..TRIES {
            match what(&self.core) {
                Ok(done) => return done,
                Err(error) => last = Some(error),
            }
        }
        panic!("one fault must not defeat a client that tries again: {last:?}");
    }

    /// One batch, as it is committed.
    pub(crate) fn send_all(&mut self, events: Vec<Event>) -> Vec<Accepted> {
        let (accepted, dispatches) = self.insist(|core| wait(core.ingest(events.clone(), ROOM)));
        self.flights.extend(dispatches);
        accepted
    }

    pub(crate) fn send(&mut self, action: Action, integration: &str, key: &str) -> Option<AlertId> {
        self.send_all(vec![event(action, integration, key)]).remove(0).alert
    }

    pub(crate) fn act(&mut self, alert: &AlertId, input: Input) {
        for _ in 0..TRIES {
            match wait(self.core.act(alert, input.clone(), &Actor::User("ada".into()), ROOM)) {
                Ok((_, dispatches)) => return self.flights.extend(dispatches),
                // Done already: the answer of the first try was lost.
                Err(Error::Conflict(_)) => return,
                Err(_) => {}
            }
        }
        panic!("one fault must not defeat a person who tries again");
    }

    /// Time passes, from one due time to the next; messages fly and are recorded.
    pub(crate) fn pass(&mut self, time: SignedDuration) {
        let until = after(self.clock.now(), time);
        for _ in 0..1_000 {
            self.fly();
            let (busy, wake) = match wait(self.core.step(self.clock.now(), ROOM)) {
                Ok(step) => {
                    self.flights.extend(step.dispatches);
                    (step.more || !self.flights.is_empty(), step.next_wake)
                }
                // The loop tries again in a moment.
                Err(_) => (false, Some(after(self.clock.now(), secs(1)))),
            };
            if busy {
                continue;
            }
            let now = self.clock.now();
            if now >= until {
                return;
            }
            self.clock.set(wake.unwrap_or(until).clamp(after(now, SignedDuration::from_millis(1)), until));
        }
        panic!("{time:#} do not pass in a thousand looks");
    }

    fn fly(&mut self) {
        while let Some(dispatch) = self.flights.pop() {
            if dispatch.is_stale(self.clock.now()) {
                continue;
            }
            let outcome = self.provider.deliver(&dispatch, self.clock.now());
            assert_eq!(outcome, Outcome::Sent);
            let tried = dispatch.notifications();
            let more = self.insist(|core| wait(core.record(&tried, &outcome, core.now(), ROOM)));
            self.flights.extend(more);
        }
    }

    pub(crate) fn alert(&self, id: &AlertId) -> Alert {
        seen::alert(&self.store, id).expect("the alert is kept")
    }

    pub(crate) fn state(&self, id: &AlertId) -> State {
        self.alert(id).state
    }

    pub(crate) fn pages(&self, id: &AlertId) -> Vec<Notification> {
        seen::pages(&self.store, id)
    }

    /// Whether a page about this alert has arrived since `since`.
    pub(crate) fn reached(&self, id: &AlertId, since: Timestamp) -> bool {
        self.provider.reached_since(id, since)
    }

    /// Nothing waits, and every message has arrived exactly once.
    pub(crate) fn at_rest(&self) {
        assert_eq!(seen::outbox(&self.store), 0, "nothing is left in the outbox");
        let again: Vec<_> = self.provider.arrived.iter().filter(|(_, fences)| fences.len() != 1).collect();
        assert!(again.is_empty(), "sent more than once: {again:?}");
    }
}
