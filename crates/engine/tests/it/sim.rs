//! The simulator: the real engine on an in-memory SQLite, a manual clock, seeded faults.
//!
//! One seed decides everything: who complains about what and when, who answers, what the database and the providers
//! do, when a node dies, pauses, or wakes with its clock set wrong. After every step the [`checks`] look at the whole
//! database; at the end faults stop, and every alert must reach a human ([`Sim::liveness`]).

pub(crate) mod book;
pub(crate) mod checks;
pub(crate) mod provider;
pub(crate) mod rng;
pub(crate) mod seen;
pub(crate) mod setups;
pub(crate) mod sources;
pub(crate) mod weather;

use book::Book;
use firedog_domain::alert::{Actor, Input, Pin, State};
use firedog_domain::delivery::{Kind, Outcome};
use firedog_domain::event::Event;
use firedog_domain::id::*;
use firedog_domain::matcher::{MatchOp, Matcher};
use firedog_domain::setup::Silence;
use firedog_domain::time::{after, mins, secs};
use firedog_engine::{Clock, Core, Dispatch, Error, Options, Ping};
use firedog_store::Store;
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use rng::Rng;
use seen::Seen;
use sources::Sources;
use std::sync::Arc;
use weather::Weather;

/// The store inline answers at once; a future that waits would be a bug of the engine.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing in the core waits on anything but the store")
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
    seen: Seen,
    checks: u64,
    sources: Sources,
    /// Nothing fails: then nothing may be sent twice, or late.
    fair: bool,
    /// Nodes come back with their clocks set wrong.
    skews: bool,
    /// One has: intervals across that restart are not ours to keep.
    skewed: bool,
    /// Everything that happened, for comparing two runs of one seed.
    pub(crate) log: Vec<String>,
}

/// Every so many checks the whole database is read, not only what says that it has changed.
const ANEW: u64 = 50;
/// One seed in so many sees no fault.
const FAIR: u64 = 8;

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
            seen: Seen::default(),
            checks: 0,
            sources: Sources::default(),
            fair: seed.is_multiple_of(FAIR),
            skews: rng.chance(1, 2),
            skewed: false,
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

    /// Ends the test: one line, and with `SIM_LOG` set everything that happened before.
    fn fail(&self, wrong: &str) -> ! {
        if std::env::var_os("SIM_LOG").is_some() {
            println!("{}", self.log.join("\n"));
        }
        let replay = format!("SIM_LOG=1 SIM_SEED={} cargo test -p firedog-engine --test it sim_seed", self.seed);
        panic!("seed {}, after {} lines: {wrong}\nreplay: {replay}", self.seed, self.log.len());
    }

    fn hold(&self, held: Result<(), String>) {
        if let Err(wrong) = held {
            self.fail(&wrong);
        }
    }

    /// Only a fault may make an operation fail; that it does not go with the alert's state is an answer.
    fn excused(&self, error: &Error) {
        if self.fair && !matches!(error, Error::Conflict(_)) {
            self.fail(&format!("an operation failed although nothing had: {error}"));
        }
    }

    /// Looks into the database without a fault.
    fn calm<T>(&self, look: impl FnOnce(&Store) -> T) -> T {
        self.weather.calm(|| look(&self.store))
    }

    /// Lets `steps` things happen under faults, checking after each; then the liveness phase.
    pub(crate) fn run(mut self, steps: usize) -> Vec<String> {
        let (odds, trouble) = (self.rng.below(80), self.rng.below(300));
        if !self.fair {
            self.weather.odds(odds);
            self.provider.trouble = trouble;
        }
        for _ in 0..steps {
            self.happen();
            self.check();
        }
        self.liveness();
        self.log
    }

    fn check(&mut self) {
        self.checks += 1;
        let mut seen = std::mem::take(&mut self.seen);
        self.calm(|store| seen.look(store, self.checks.is_multiple_of(ANEW)));
        self.hold(self.book.check(&seen, &self.provider, !self.skewed));
        self.seen = seen;
        let again = self.provider.arrived.iter().find(|(_, fences)| self.fair && fences.len() > 1);
        if let Some((id, _)) = again {
            self.fail(&format!("I5: {id} was sent twice although nothing had failed"));
        }
    }

    fn happen(&mut self) {
        match self.rng.below(100) {
            0..=24 => self.event(),
            25..=36 => self.person(),
            37..=56 => self.look(),
            57..=76 => self.fly(),
            77..=90 => self.pass(),
            91..=94 if self.fair => {}
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
        let batch: Vec<Event> = (0..count).map(|_| self.sources.make(&mut self.rng, self.now)).collect();
        let room = self.rng.below(4) as usize;
        let result = now(self.nodes[node].core.ingest(batch.clone(), room));
        let said: Vec<String> = batch.iter().map(|e| format!("{:?} {}/{}", e.action, e.integration, e.dedup_key)).collect();
        match result {
            Ok((accepted, dispatches)) => {
                self.say(format!("node {node} accepts {said:?}: {accepted:?}"));
                assert_eq!(batch.len(), accepted.len(), "an answer for every event");
                for (event, accepted) in batch.iter().zip(&accepted) {
                    let held = self.book.accepted(event, accepted);
                    self.hold(held);
                }
                self.claimed(node, dispatches);
            }
            Err(error) => {
                self.say(format!("node {node} refuses {said:?}: {error}"));
                self.excused(&error);
                if matches!(error, Error::Unavailable(_)) {
                    self.book.unknown_batch(&batch);
                }
            }
        }
    }

    /// Messages handed to a node.
    fn claimed(&mut self, node: usize, dispatches: Vec<Dispatch>) {
        let at = self.nodes[node].clock.now();
        for dispatch in dispatches {
            for n in dispatch.notifications() {
                let state = self.calm(|store| seen::state_of(store, &n.alert));
                if n.kind == Kind::Page && state != Some(State::Triggered) {
                    self.fail(&format!("I4: {} is handed out for an alert that is {state:?}", n.id));
                }
                let held = self.book.claimed(&n, at);
                self.hold(held);
            }
            self.nodes[node].flights.push(Flight { dispatch, outcome: None });
        }
    }

    fn person(&mut self) {
        let Some(node) = self.awake() else { return };
        let Some((alert, user)) = self.provider.somebody_paged(&mut self.rng) else { return };
        let by = Actor::User(user);
        let input = match self.rng.below(12) {
            0..=4 => Input::Acknowledge,
            5..=6 => Input::Resolve,
            7 => Input::Escalate,
            8 => Input::Snooze { until: after(self.nodes[node].clock.now(), mins(10)) },
            9 => Input::Unacknowledge,
            10 => Input::Reassign { to: Pin::CatchAll },
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
                self.excused(&error);
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
                self.excused(&error);
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
        self.fly_one(node, i);
    }

    fn fly_one(&mut self, node: usize, i: usize) {
        if self.nodes[node].flights[i].outcome.is_none() {
            if self.nodes[node].flights[i].dispatch.is_stale(self.nodes[node].clock.now()) {
                let late = self.nodes[node].flights.swap_remove(i);
                return self.say(format!("node {node} has held {} for too long", late.dispatch.notification.id));
            }
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
        let rows = |sim: &Self| -> Vec<_> { sim.calm(|store| tried.iter().map(|n| seen::notification(store, &n.id)).collect()) };
        let before = rows(self);
        let result = now(self.nodes[node].core.record(&tried, &outcome, at, room));
        self.say(match &result {
            Ok(_) => format!("node {node} records {} for {}", outcome.as_str(), tried[0].id),
            Err(error) => format!("node {node} cannot record {}: {error}", tried[0].id),
        });
        if let Err(error) = &result {
            self.excused(error);
        }
        for ((n, before), after) in tried.iter().zip(&before).zip(rows(self)) {
            let held = self.book.recorded(n, before.as_ref(), after.as_ref(), result.is_ok());
            self.hold(held);
        }
        self.claimed(node, result.unwrap_or_default());
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
                let next = self.calm(seen::next_wake);
                next.map_or(secs(1), |at| at.duration_since(self.now)).clamp(secs(0), mins(60))
            }
        };
        self.advance(step);
    }

    fn advance(&mut self, by: SignedDuration) {
        if self.fair {
            self.land();
        }
        self.now = after(self.now, by);
        for node in &self.nodes {
            node.clock.set(after(self.now, node.skew));
        }
    }

    /// Lets everything that is on its way arrive and be recorded.
    fn land(&mut self) {
        while let Some(node) = self.nodes.iter().position(|node| !node.flights.is_empty()) {
            self.fly_one(node, 0);
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
            self.skewed = true;
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
            Err(error) => {
                self.say(format!("setup not applied: {error}"));
                self.excused(&error);
            }
        }
    }

    fn silence(&mut self) {
        let Some(node) = self.awake() else { return };
        if self.rng.chance(1, 3) {
            let Some(id) = self.calm(|store| seen::a_silence(store, self.now)) else { return };
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
                self.excused(&error);
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
            let id = self.calm(|store| seen::a_silence(store, self.now))?;
            now(self.nodes[0].core.end_silence(&id, &Actor::System)).expect("no faults any more");
            Some(id)
        })
        .collect();
        self.say(format!("ended {silences:?}"));
        for alert in self.calm(seen::open) {
            if alert.state == State::Acknowledged {
                let _ = now(self.nodes[0].core.act(&alert.id, Input::Escalate, &Actor::System, 0));
            }
        }
        let start = self.now;
        // The longest policy: all passes, then a round of the catch-all; a skewed clock may have put a next action off by an hour.
        let bound = setups::LONGEST + secs(3600);
        while self.now < after(start, bound) {
            self.settle(secs(5));
            let next = self.calm(seen::next_wake);
            let Some(next) = next else { break };
            self.advance(next.duration_since(self.now).clamp(secs(1), mins(30)));
            self.check();
        }
        let unreached: Vec<AlertId> = self
            .calm(seen::open)
            .into_iter()
            .filter(|alert| {
                alert.state == State::Triggered && alert.follows.is_none() && !self.provider.reached_since(&alert.id, start)
            })
            .map(|alert| alert.id)
            .collect();
        if !unreached.is_empty() {
            self.fail(&format!("I3: nobody was reached for {unreached:?}"));
        }
        for alert in self.calm(seen::open) {
            let done = now(self.nodes[0].core.act(&alert.id, Input::Resolve, &Actor::User("ada".into()), 0));
            if let Err(error) = done {
                self.fail(&format!("I3: {alert:?} cannot be resolved: {error}"));
            }
        }
        self.settle(secs(40));
        self.settle(secs(1));
        self.checks = ANEW - 1;
        self.check();
        let left = self.calm(seen::outbox);
        if left > 0 {
            self.fail(&format!("I3: {left} messages never leave the outbox"));
        }
    }

    /// Looks and sends until nothing is due, then lets `by` pass and does it again.
    fn settle(&mut self, by: SignedDuration) {
        for round in 0..2 {
            for _ in 0..1000 {
                self.land();
                for i in 0..self.nodes.len() {
                    self.look_from(i, 64);
                }
                let due = self.calm(seen::next_wake);
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
