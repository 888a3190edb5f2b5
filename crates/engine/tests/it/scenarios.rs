//! The main scenarios with one fault at the N-th operation, for every N and every kind of fault: whatever fails, the
//! sender that tries again is served, and a human is reached.

use crate::sim::{Weather, checks, now, provider::Provider, setups};
use firedog_domain::alert::{Actor, Input, State};
use firedog_domain::delivery::Outcome;
use firedog_domain::event::{Action, Event, Severity};
use firedog_domain::id::AlertId;
use firedog_domain::time::{after, mins, secs};
use firedog_engine::{Clock, Core, Dispatch, Error, Options};
use firedog_store::{Fault, Store};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;

const FAULTS: [Fault; 4] = [Fault::Busy, Fault::Conflict, Fault::LostAnswer, Fault::Crash];
/// A client tries again so often; one fault needs one.
const TRIES: usize = 3;

struct Stage {
    core: Core,
    clock: Clock,
    store: Store,
    weather: Arc<Weather>,
    provider: Provider,
    flights: Vec<Dispatch>,
}

impl Stage {
    fn new() -> Self {
        let weather = Weather::new(1);
        let store = Store::memory_with(weather.clone()).expect("a database in memory");
        let clock = Clock::manual("2026-03-02T12:00:00Z".parse().expect("a time"));
        let core = Core::new(store.clone(), clock.clone(), Options { counted_ids: true, ..Options::default() });
        now(core.apply(setups::first(), &Actor::System, None)).expect("the setup");
        Self { core, clock, store, weather, provider: Provider::new(1), flights: Vec::new() }
    }

    /// What a client does that got no 2xx: again.
    fn insist<T>(&mut self, mut what: impl FnMut(&Core) -> Result<T, Error>) -> T {
        for _ in 0..TRIES {
            if let Ok(done) = what(&self.core) {
                return done;
            }
        }
        panic!("one fault must not defeat a client that tries again");
    }

    fn send(&mut self, action: Action, key: &str) -> Option<AlertId> {
        let event = Event {
            integration: "api/in".into(),
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
        };
        let (accepted, dispatches) = self.insist(|core| now(core.ingest(vec![event.clone()], 8)));
        self.flights.extend(dispatches);
        accepted[0].alert.clone()
    }

    fn act(&mut self, alert: &AlertId, input: Input) {
        for _ in 0..TRIES {
            match now(self.core.act(alert, input.clone(), &Actor::User("ada".into()), 8)) {
                Ok((_, dispatches)) => return self.flights.extend(dispatches),
                // Done already: the answer of the first try was lost.
                Err(Error::Conflict(_)) => return,
                Err(_) => {}
            }
        }
        panic!("one fault must not defeat a person who tries again");
    }

    /// Time passes in small steps; messages fly and are recorded.
    fn pass(&mut self, time: SignedDuration) {
        let until = after(self.clock.now(), time);
        loop {
            for dispatch in std::mem::take(&mut self.flights) {
                let outcome = self.provider.deliver(&dispatch, self.clock.now());
                assert_eq!(outcome, Outcome::Sent);
                if let Ok(more) = now(self.core.record(&dispatch.notifications(), &outcome, self.clock.now(), 8)) {
                    self.flights.extend(more);
                }
            }
            if let Ok(step) = now(self.core.step(self.clock.now(), 8)) {
                self.flights.extend(step.dispatches);
            }
            if self.clock.now() >= until && self.flights.is_empty() {
                return;
            }
            if self.flights.is_empty() {
                self.clock.advance(secs(5));
            }
        }
    }
}

/// Runs `scenario` without a fault to count its operations, then once for every operation and kind of fault.
fn sweep(name: &str, scenario: impl Fn(&mut Stage)) {
    let mut runs = 0;
    for fault in FAULTS {
        for n in 1.. {
            let mut stage = Stage::new();
            stage.weather.strike(n, fault);
            scenario(&mut stage);
            if !stage.weather.struck() {
                break;
            }
            runs += 1;
            assert!(n < 5_000, "{name} does not end");
        }
    }
    assert!(runs > 20, "{name} has hardly any operations to fail");
    println!("{name}: {runs} faults survived");
}

#[test]
fn a_page_is_answered() {
    sweep("a page is answered", |stage| {
        let alert = stage.send(Action::Trigger, "k").expect("an alert");
        stage.pass(mins(1));
        let weather = stage.weather.clone();
        weather.calm(|| assert!(stage.provider.reached_since(&alert, "2026-03-02T12:00:00Z".parse().expect("a time"))));
        stage.act(&alert, Input::Acknowledge);
        let pages = stage.provider.arrived.len();
        stage.pass(mins(10));
        weather.calm(|| assert_eq!(checks::state_of(&stage.store, &alert), Some(State::Acknowledged)));
        let after = stage.provider.arrived.keys().filter(|id| !id.as_str().contains(".v")).count();
        assert!(after <= pages + 1, "nobody is paged for an acknowledged alert");
        stage.send(Action::Resolve, "k");
        stage.pass(mins(2));
        weather.calm(|| {
            assert_eq!(checks::state_of(&stage.store, &alert), Some(State::Resolved));
            assert!(checks::resolved_because(&stage.store, &alert).is_some());
            assert_eq!(checks::outbox(&stage.store), 0);
        });
    });
}

#[test]
fn nobody_answers_and_the_secondary_is_reached_in_time() {
    sweep("nobody answers", |stage| {
        let begun = stage.clock.now();
        let alert = stage.send(Action::Trigger, "k").expect("an alert");
        stage.pass(mins(7));
        let weather = stage.weather.clone();
        let rows = weather.calm(|| checks::pages(&stage.store, &alert));
        let second = rows.iter().find(|n| n.page == 2).expect("the secondary is paged");
        assert_eq!(second.user.as_str(), "grace");
        let waited = second.created_at.duration_since(begun);
        // A fault may cost the lease, or a look; it must never make the step come early.
        assert!(waited >= mins(5) && waited <= mins(5) + secs(45), "{waited:#}");
        assert!(stage.provider.arrived.contains_key(&second.id), "and the page arrives");
    });
}
