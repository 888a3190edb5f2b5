//! The simulator: the real engine on an in-memory SQLite, a manual clock, seeded faults.
//!
//! One seed decides everything: who complains about what and when, who answers, what the database and the providers
//! do, when a node dies, pauses, or wakes with its clock set wrong. After every step the [`checks`] look at the whole
//! database; at the end faults stop, and every alert must reach a human ([`Sim::liveness`]).

pub(crate) mod checks;
pub(crate) mod provider;
pub(crate) mod rng;
pub(crate) mod setups;

use checks::Book;
use firedog_domain::alert::{Actor, Input, State};
use firedog_domain::delivery::{Kind, Outcome};
use firedog_domain::event::{Action, Event, Severity};
use firedog_domain::id::*;
use firedog_domain::matcher::{MatchOp, Matcher};
use firedog_domain::setup::Silence;
use firedog_domain::time::{after, mins, secs};
use firedog_engine::{Accepted, Clock, Core, Dispatch, Error, Options, Ping};
use firedog_store::{Fault, Faults, Store};
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use rng::Rng;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The store inline answers at once; a future that waits would be a bug of the engine.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing in the core waits on anything but the store")
}

/// Faults of the database, by seed or at the N-th operation.
pub(crate) struct Weather {
    state: Mutex<State0>,
}

struct State0 {
    rng: Rng,
    /// In a thousand.
    odds: u64,
    at: Option<(u64, Fault)>,
    calls: u64,
    hit: bool,
    quiet: bool,
}

impl Weather {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        let state = State0 { rng: Rng::new(seed), odds: 0, at: None, calls: 0, hit: false, quiet: false };
        Arc::new(Self { state: Mutex::new(state) })
    }
    pub(crate) fn odds(&self, in_a_thousand: u64) {
        self.state.lock().expect("weather").odds = in_a_thousand;
    }
    /// One fault at the `n`-th operation from now.
    pub(crate) fn strike(&self, n: u64, fault: Fault) {
        let mut state = self.state.lock().expect("weather");
        state.calls = 0;
        state.hit = false;
        state.at = Some((n, fault));
    }
    pub(crate) fn struck(&self) -> bool {
        self.state.lock().expect("weather").hit
    }
    /// Without faults, for checks.
    pub(crate) fn calm<T>(&self, look: impl FnOnce() -> T) -> T {
        self.state.lock().expect("weather").quiet = true;
        let seen = look();
        self.state.lock().expect("weather").quiet = false;
        seen
    }
}

impl Faults for Weather {
    fn before(&self, _op: &'static str) -> Fault {
        let mut state = self.state.lock().expect("weather");
        if state.quiet {
            return Fault::None;
        }
        state.calls += 1;
        if let Some((n, fault)) = state.at {
            if state.calls == n {
                state.hit = true;
                return fault;
            }
            return Fault::None;
        }
        let odds = state.odds;
        if state.rng.below(1000) >= odds {
            return Fault::None;
        }
        [Fault::Busy, Fault::Conflict, Fault::LostAnswer, Fault::Crash][state.rng.below(4) as usize]
    }
}

/// A message handed to a node's sender and not yet recorded.
struct Flight {
    dispatch: Dispatch,
    /// The provider has answered; the record is still to be written.
    outcome: Option<Outcome>,
}

struct Node {
    core: Core,
    clock: Clock,
    /// Of the node's wall clock against the true time: set at a restart.
    skew: SignedDuration,
    flights: Vec<Flight>,
    paused_until: Option<Timestamp>,
}

pub(crate) struct Sim {
    seed: u64,
    rng: Rng,
    pub(crate) weather: Arc<Weather>,
    store: Store,
    /// True time.
    now: Timestamp,
    nodes: Vec<Node>,
    births: u32,
    provider: provider::Provider,
    book: Book,
    events: u64,
    /// Set wrong clocks at restarts. Off where a scenario measures times.
    skews: bool,
    /// Everything that happened, for comparing two runs of one seed.
    pub(crate) log: Vec<String>,
}

const SERVICES: [&str; 3] = ["api", "grouped", "calm"];

impl Sim {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let weather = Weather::new(rng.next());
        let store = Store::memory_with(weather.clone()).expect("a database in memory");
        let now = "2026-03-02T12:00:00Z".parse().expect("a time");
        let mut sim = Self {
            seed,
            weather,
            store,
            now,
            nodes: Vec::new(),
            births: 0,
            provider: provider::Provider::new(rng.next()),
            book: Book::default(),
            events: 0,
            skews: rng.chance(1, 2),
            log: Vec::new(),
            rng,
        };
        let count = 1 + sim.rng.below(2) as usize;
        for _ in 0..count {
            let node = sim.birth(SignedDuration::ZERO);
            sim.nodes.push(node);
        }
        self::now(sim.nodes[0].core.apply(setups::first(), &Actor::System, None)).expect("the first setup");
        sim
    }

    fn birth(&mut self, skew: SignedDuration) -> Node {
        self.births += 1;
        let clock = Clock::manual(after(self.now, skew));
        let options = Options { node: format!("node-{}", self.births), counted_ids: true, ..Options::default() };
        Node { core: Core::new(self.store.clone(), clock.clone(), options), clock, skew, flights: Vec::new(), paused_until: None }
    }

    fn say(&mut self, what: String) {
        self.log.push(format!("{} {what}", self.now));
    }

    /// Lets `steps` things happen under faults, checking after each; then the liveness phase.
    pub(crate) fn run(mut self, steps: usize) -> Vec<String> {
        let odds = self.rng.below(80);
        self.weather.odds(odds);
        self.provider.trouble = self.rng.below(300);
        for _ in 0..steps {
            self.happen();
            self.check();
        }
        self.liveness();
        self.log
    }

    fn check(&mut self) {
        let found = self.weather.clone().calm(|| self.book.check(&self.store, &self.provider, self.now));
        if let Err(wrong) = found {
            let tail: Vec<&String> = self.log.iter().rev().take(40).rev().collect();
            panic!(
                "seed {}: {wrong}\n{tail:#?}\nreplay: SIM_SEED={} cargo test -p firedog-engine sim_seed",
                self.seed, self.seed
            );
        }
    }

    fn happen(&mut self) {
        match self.rng.below(100) {
            0..=24 => self.event(),
            25..=36 => self.person(),
            37..=56 => self.look(),
            57..=76 => self.fly(),
            77..=90 => self.pass(),
            91..=92 => self.crash(),
            93..=94 => self.pause(),
            95..=96 => self.setup(),
            97..=98 => self.silence(),
            _ => self.heartbeat(),
        }
    }

    /// A node that is awake, chosen by the seed.
    fn awake(&mut self) -> Option<usize> {
        let awake: Vec<usize> =
            (0..self.nodes.len()).filter(|i| self.nodes[*i].paused_until.is_none_or(|until| until <= self.now)).collect();
        if awake.is_empty() {
            return None;
        }
        Some(awake[self.rng.below(awake.len() as u64) as usize])
    }

    fn event(&mut self) {
        let Some(node) = self.awake() else { return };
        let count = 1 + self.rng.below(3);
        let batch: Vec<Event> = (0..count).map(|_| self.make_event()).collect();
        self.send_events(node, batch);
    }

    fn make_event(&mut self) -> Event {
        let service = SERVICES[self.rng.below(3) as usize];
        let key = format!("k{}", self.rng.below(4));
        let action = match self.rng.below(10) {
            0..=5 => Action::Trigger,
            6..=8 => Action::Resolve,
            _ => Action::Acknowledge,
        };
        let integration = IntegrationId::new(&service.into(), "in");
        // The source's own episodes: a late repeat of one that it has ended must open nothing.
        let episode = self.book.episode(&integration, &key, action);
        let late = action == Action::Trigger && self.rng.chance(1, 12);
        let started_at = if late { episode.ended } else { episode.current.or(Some(self.now)) };
        let valid_until = self.rng.chance(1, 4).then(|| after(self.now, mins(4)));
        self.events += 1;
        Event {
            integration,
            action,
            dedup_key: key,
            summary: format!("event {}", self.events),
            severity: Severity::Critical,
            source: None,
            labels: BTreeMap::from([("institution".to_owned(), format!("{}", self.rng.below(2)))]),
            details: serde_json::json!({ "n": self.events }),
            links: Vec::new(),
            started_at: started_at.or(Some(self.now)),
            valid_until,
        }
    }

    fn send_events(&mut self, node: usize, batch: Vec<Event>) {
        let room = self.rng.below(4) as usize;
        let result = now(self.nodes[node].core.ingest(batch.clone(), room));
        let said: Vec<String> = batch.iter().map(|e| format!("{:?} {}/{}", e.action, e.integration, e.dedup_key)).collect();
        match result {
            Ok((accepted, dispatches)) => {
                self.say(format!("node {node} accepts {said:?}: {accepted:?}"));
                self.note_accepted(&batch, &accepted);
                self.claimed(node, dispatches);
            }
            Err(error) => {
                self.say(format!("node {node} refuses {said:?}: {error}"));
                // Nobody knows whether it was stored: the source will say it again some time.
                if matches!(error, Error::Unavailable(_)) {
                    self.book.unknown_batch(&batch);
                }
            }
        }
    }

    fn note_accepted(&mut self, batch: &[Event], accepted: &[Accepted]) {
        assert_eq!(batch.len(), accepted.len(), "an answer for every event");
        for (event, accepted) in batch.iter().zip(accepted) {
            self.book.accepted(event, accepted, self.now);
        }
    }

    /// Messages handed to a node.
    fn claimed(&mut self, node: usize, dispatches: Vec<Dispatch>) {
        for dispatch in dispatches {
            for n in dispatch.notifications() {
                let state = self.weather.clone().calm(|| checks::state_of(&self.store, &n.alert));
                if n.kind == Kind::Page && state != Some(State::Triggered) {
                    panic!("seed {}: I4: {} claimed for an alert that is {state:?}", self.seed, n.id);
                }
                self.book.claimed(&n);
            }
            self.nodes[node].flights.push(Flight { dispatch, outcome: None });
        }
    }

    fn person(&mut self) {
        let Some(node) = self.awake() else { return };
        let Some((alert, user)) = self.provider.somebody_paged(&mut self.rng) else { return };
        let by = Actor::User(user);
        let input = match self.rng.below(10) {
            0..=4 => Input::Acknowledge,
            5..=6 => Input::Resolve,
            7 => Input::Escalate,
            8 => Input::Snooze { until: after(self.nodes[node].clock.now(), mins(10)) },
            _ => Input::Note { text: "looking".to_owned() },
        };
        let room = self.rng.below(4) as usize;
        let result = now(self.nodes[node].core.act(&alert, input.clone(), &by, room));
        match result {
            Ok((_, dispatches)) => {
                self.say(format!("{by:?} does {input:?} to {alert}"));
                self.claimed(node, dispatches);
            }
            Err(error) => {
                self.say(format!("{by:?} fails to {input:?} {alert}: {error}"));
            }
        }
    }

    fn look(&mut self) {
        let Some(node) = self.awake() else { return };
        let room = 1 + self.rng.below(5) as usize;
        self.look_from(node, room);
    }

    fn look_from(&mut self, node: usize, room: usize) -> Option<Timestamp> {
        let at = self.nodes[node].clock.now();
        match now(self.nodes[node].core.step(at, room)) {
            Ok(step) => {
                let keys: Vec<String> = step.dispatches.iter().map(|d| d.notification.id.to_string()).collect();
                self.say(format!("node {node} looks: hands out {keys:?}, next {:?}", step.next_wake));
                self.claimed(node, step.dispatches);
                step.next_wake
            }
            Err(error) => {
                self.say(format!("node {node} cannot look: {error}"));
                // Part of what it claimed may have been committed: nobody holds that, and its lease brings it back.
                None
            }
        }
    }

    /// A message on its way: the provider answers, or the answer is recorded.
    fn fly(&mut self) {
        let Some(node) = self.awake() else { return };
        if self.nodes[node].flights.is_empty() {
            return;
        }
        let i = self.rng.below(self.nodes[node].flights.len() as u64) as usize;
        if self.nodes[node].flights[i].outcome.is_none() {
            let outcome = self.provider.deliver(&self.nodes[node].flights[i].dispatch, self.now);
            let key = self.nodes[node].flights[i].dispatch.notification.id.clone();
            self.say(format!("provider answers {outcome:?} to {key}"));
            self.nodes[node].flights[i].outcome = Some(outcome);
            return;
        }
        let flight = self.nodes[node].flights.swap_remove(i);
        self.record(node, flight);
    }

    fn record(&mut self, node: usize, flight: Flight) {
        let Some(outcome) = flight.outcome else { return };
        let tried = flight.dispatch.notifications();
        let at = self.nodes[node].clock.now();
        let room = self.rng.below(3) as usize;
        let before: Vec<_> =
            self.weather.clone().calm(|| tried.iter().map(|n| checks::notification(&self.store, &n.id)).collect());
        match now(self.nodes[node].core.record(&tried, &outcome, at, room)) {
            Ok(dispatches) => {
                self.say(format!("node {node} records {} for {}", outcome.as_str(), tried[0].id));
                tried.iter().for_each(|n| self.book.recorded(n));
                // I10: somebody else holds it by now; what we know must not undo what they do.
                for (n, before) in tried.iter().zip(before) {
                    let after = self.weather.clone().calm(|| checks::notification(&self.store, &n.id));
                    if before.as_ref().is_some_and(|b| b.fence != n.fence) {
                        assert_eq!(before, after, "seed {}: I10: {} was written under an old fence", self.seed, n.id);
                    }
                }
                self.claimed(node, dispatches);
            }
            Err(error) => {
                self.say(format!("node {node} cannot record {}: {error}", tried[0].id));
            }
        }
    }

    /// Time passes: a moment, to the next due time, or a while.
    fn pass(&mut self) {
        let step = match self.rng.below(6) {
            0 => secs(1),
            1 => secs(7),
            2 => secs(31),
            3 => mins(2),
            4 => mins(6),
            _ => {
                let next = self.weather.clone().calm(|| checks::next_wake(&self.store));
                next.map_or(secs(1), |at| at.duration_since(self.now)).clamp(secs(0), mins(60))
            }
        };
        self.advance(step);
    }

    fn advance(&mut self, by: SignedDuration) {
        self.now = after(self.now, by);
        for node in &self.nodes {
            node.clock.set(after(self.now, node.skew));
        }
    }

    /// A node dies at any point of its messages' way and comes back with what it finds in the database.
    fn crash(&mut self) {
        let i = self.rng.below(self.nodes.len() as u64) as usize;
        let flights = std::mem::take(&mut self.nodes[i].flights);
        self.say(format!("node {i} dies with {} messages on their way", flights.len()));
        for flight in flights {
            // It may have gone out in the last moment.
            if flight.outcome.is_none() && self.rng.chance(1, 2) {
                self.provider.deliver(&flight.dispatch, self.now);
            }
        }
        // Steps of an alert are timed by whichever node looks: with wrong clocks they shift by as much, once.
        let skew =
            if self.skews && self.rng.chance(1, 3) { secs(self.rng.below(7200) as i64 - 3600) } else { SignedDuration::ZERO };
        if skew != SignedDuration::ZERO {
            self.book.clock_moved = true;
        }
        self.nodes[i] = self.birth(skew);
    }

    /// A node stands still for longer than its leases and wakes with its messages in hand.
    fn pause(&mut self) {
        let i = self.rng.below(self.nodes.len() as u64) as usize;
        let until = after(self.now, secs(20 + self.rng.below(100) as i64));
        self.say(format!("node {i} stands still until {until}"));
        self.nodes[i].paused_until = Some(until);
    }

    fn setup(&mut self) {
        let Some(node) = self.awake() else { return };
        let setup = if self.rng.chance(1, 2) { setups::first() } else { setups::second() };
        match now(self.nodes[node].core.apply(setup, &Actor::System, None)) {
            Ok(applied) => self.say(format!("setup {applied:?}")),
            Err(error) => self.say(format!("setup not applied: {error}")),
        }
    }

    fn silence(&mut self) {
        let Some(node) = self.awake() else { return };
        if self.rng.chance(1, 3) {
            let Some(id) = self.weather.clone().calm(|| checks::a_silence(&self.store, self.now)) else { return };
            let ended = now(self.nodes[node].core.end_silence(&id, &Actor::System));
            return self.say(format!("silence {id} ends: {ended:?}"));
        }
        let silence = Silence {
            id: "".into(),
            service: self.rng.chance(1, 2).then(|| "api".into()),
            integration: None,
            matchers: vec![Matcher::new("institution", MatchOp::Equal, "1").expect("a matcher")],
            from: self.nodes[node].clock.now(),
            until: after(self.nodes[node].clock.now(), mins(1 + self.rng.below(20) as i64)),
            why: "noise".to_owned(),
            created_by: "ada".to_owned(),
        };
        let made = now(self.nodes[node].core.put_silence(silence, &Actor::System));
        self.say(format!("a silence: {made:?}"));
    }

    fn heartbeat(&mut self) {
        let Some(node) = self.awake() else { return };
        let ping = [Ping::Success, Ping::Start, Ping::Fail, Ping::Exit(3)][self.rng.below(4) as usize];
        let room = self.rng.below(2) as usize;
        match now(self.nodes[node].core.ping(&"calm/beat".into(), ping, room)) {
            Ok(dispatches) => {
                self.say(format!("heartbeat {ping:?}"));
                self.claimed(node, dispatches);
            }
            Err(error) => {
                self.say(format!("heartbeat {ping:?} fails: {error}"));
            }
        }
    }

    /// Faults stop. Every open alert must reach a human within its policy's bound, and then everything must come to rest.
    pub(crate) fn liveness(&mut self) {
        self.say("faults stop".to_owned());
        self.weather.odds(0);
        self.provider.trouble = 0;
        for i in 0..self.nodes.len() {
            self.nodes[i].paused_until = None;
            self.nodes[i].skew = SignedDuration::ZERO;
        }
        self.advance(SignedDuration::ZERO);
        // Leases of the dead run out.
        self.settle(secs(40));
        let silences: Vec<SilenceId> = std::iter::from_fn(|| {
            let id = self.weather.clone().calm(|| checks::a_silence(&self.store, self.now))?;
            now(self.nodes[0].core.end_silence(&id, &Actor::System)).expect("no faults any more");
            Some(id)
        })
        .collect();
        self.say(format!("ended {silences:?}"));
        for alert in self.weather.clone().calm(|| checks::open(&self.store)) {
            if alert.state == State::Acknowledged {
                let _ = now(self.nodes[0].core.act(&alert.id, Input::Escalate, &Actor::System, 0));
            }
        }
        let start = self.now;
        // The longest policy: all passes, then a round of the catch-all; a skewed clock may have put a next action off by an hour.
        let bound = setups::LONGEST + secs(3600);
        while self.now < after(start, bound) {
            self.settle(secs(5));
            let next = self.weather.clone().calm(|| checks::next_wake(&self.store));
            let Some(next) = next else { break };
            self.advance(next.duration_since(self.now).clamp(secs(1), mins(30)));
            self.check();
        }
        let unreached: Vec<AlertId> = self
            .weather
            .clone()
            .calm(|| checks::open(&self.store))
            .into_iter()
            .filter(|alert| {
                alert.state == State::Triggered && alert.follows.is_none() && !self.provider.reached_since(&alert.id, start)
            })
            .map(|alert| alert.id)
            .collect();
        assert!(unreached.is_empty(), "seed {}: I3: nobody was reached for {unreached:?}\n{:#?}", self.seed, self.log);
        for alert in self.weather.clone().calm(|| checks::open(&self.store)) {
            let done = now(self.nodes[0].core.act(&alert.id, Input::Resolve, &Actor::User("ada".into()), 0));
            assert!(done.is_ok(), "seed {}: {done:?}", self.seed);
        }
        self.settle(secs(40));
        self.settle(secs(1));
        let left = self.weather.clone().calm(|| checks::outbox(&self.store));
        assert_eq!(left, 0, "seed {}: the outbox is not empty\n{:#?}", self.seed, self.log);
        self.check();
    }

    /// Looks and sends until nothing is due, then lets `by` pass and does it again.
    fn settle(&mut self, by: SignedDuration) {
        for round in 0..2 {
            for _ in 0..1000 {
                for i in 0..self.nodes.len() {
                    for mut flight in std::mem::take(&mut self.nodes[i].flights) {
                        if flight.outcome.is_none() {
                            flight.outcome = Some(self.provider.deliver(&flight.dispatch, self.now));
                        }
                        self.record(i, flight);
                    }
                    self.look_from(i, 64);
                }
                let due = self.weather.clone().calm(|| checks::next_wake(&self.store));
                if self.nodes.iter().all(|node| node.flights.is_empty()) && due.is_none_or(|at| at > self.now) {
                    break;
                }
            }
            if round == 0 {
                self.advance(by);
            }
        }
    }
}

/// A bounded number of seeds; `SIM_SEEDS` and `SIM_FROM` choose more and others, for the endless run.
#[test]
fn seeds_hold_every_invariant() {
    let number = |name: &str, default: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (from, seeds) = (number("SIM_FROM", 1), number("SIM_SEEDS", 60));
    for seed in from..from + seeds {
        Sim::new(seed).run(250);
    }
    println!("{seeds} seeds from {from} held every invariant");
}

/// One seed, as a failure's message names it.
#[test]
fn sim_seed() {
    if let Some(seed) = std::env::var("SIM_SEED").ok().and_then(|text| text.parse().ok()) {
        let log = Sim::new(seed).run(250);
        println!("{}", log.join("\n"));
    }
}
