//! A store that cannot be reached for a while: nothing is sent twice, nothing that was claimed is lost.

use crate::sim::{seen, setups};
use crate::stage::{event, node, start};
use crate::wait;
use firedog_domain::alert::Actor;
use firedog_domain::delivery::{Delivery, Outcome};
use firedog_domain::event::Action;
use firedog_domain::time::mins;
use firedog_engine::{Clock, Deliver, Dispatch, Engine, Options};
use firedog_store::{Fault, Faults, Store};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The next `left` operations of one name meet a fault, or a bug.
struct Outage {
    op: &'static str,
    left: AtomicU32,
    fault: Option<Fault>,
}

impl Outage {
    fn of(op: &'static str, fault: Option<Fault>) -> Arc<Self> {
        Arc::new(Self { op, left: AtomicU32::new(0), fault })
    }
    fn begin(&self, operations: u32) {
        self.left.store(operations, Ordering::SeqCst);
    }
    fn is_over(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }
}

impl Faults for Outage {
    fn before(&self, op: &'static str) -> Fault {
        let hit = op == self.op && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
        match (hit, self.fault) {
            (false, _) => Fault::None,
            (true, Some(fault)) => fault,
            (true, None) => panic!("a bug in {op}"),
        }
    }
}

fn store(outage: &Arc<Outage>) -> Store {
    Store::memory_with(Arc::clone(outage) as Arc<dyn Faults>).expect("a database in memory")
}

/// Everything arrives.
#[derive(Default)]
struct Post(AtomicU32);

impl Deliver for Post {
    fn deliver(&self, _dispatch: Dispatch) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Outcome::Sent })
    }
}

#[test]
fn an_outcome_is_recorded_once_the_store_is_back() {
    for fault in [Fault::Busy, Fault::Crash, Fault::LostAnswer] {
        let outage = Outage::of("record_outcome", Some(fault));
        let (store, post) = (store(&outage), Arc::new(Post::default()));
        let engine = Engine::new(store.clone(), Clock::system(), Arc::clone(&post) as Arc<dyn Deliver>, Options::default());
        wait(engine.core().apply(setups::first(), &Actor::System, None)).expect("the setup");
        outage.begin(3);
        let told = wait(async {
            let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
            let running = tokio::spawn({
                let engine = engine.clone();
                async move { engine.run(async { drop(stopped.await) }).await }
            });
            let accepted = engine.ingest(vec![event(Action::Trigger, "api/in", "k")]).await.expect("accepted");
            let alert = accepted[0].alert.clone().expect("an alert");
            tokio::time::timeout(Duration::from_secs(20), async {
                while !outage.is_over() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
            .await
            .expect("it goes on trying");
            drop(stop);
            running.await.expect("no panic").expect("a clean end");
            alert
        });
        let mail = seen::pages(&store, &told).into_iter().find(|n| n.contact.as_str() == "mail").expect("a page by mail");
        assert_eq!((mail.state, mail.attempt), (Delivery::Sent, 1), "{fault:?}");
        assert_eq!(post.0.load(Ordering::SeqCst), 1, "{fault:?}: sent once");
    }
}

#[test]
fn what_a_look_has_claimed_goes_out_although_the_rest_of_it_fails() {
    for op in ["missing_heartbeats", "claim_notifications", "next_wake"] {
        let outage = Outage::of(op, Some(Fault::Busy));
        let (store, clock) = (store(&outage), Clock::manual(start()));
        let core = node(&store, &clock, "node");
        wait(core.apply(setups::first(), &Actor::System, None)).expect("the setup");
        wait(core.ingest(vec![event(Action::Trigger, "api/in", "k")], 8)).expect("accepted");
        clock.advance(mins(5));
        // The first look of a step is the one that finds out whether there is anything to do.
        outage.begin(1);
        let step = match wait(core.step(clock.now(), 8)) {
            Err(_) if op == "next_wake" => wait(core.step(clock.now(), 8)),
            step => step,
        };
        let step = step.expect("part of a step is a step");
        assert!(step.dispatches.iter().any(|d| d.notification.page == 2), "{op}: the second step pages: {step:?}");
    }
}

#[test]
fn a_bug_in_one_operation_costs_one_event_at_most() {
    let outage = Outage::of("ingest", None);
    let (store, clock) = (store(&outage), Clock::manual(start()));
    let core = node(&store, &clock, "node");
    wait(core.apply(setups::first(), &Actor::System, None)).expect("the setup");
    // The batch, the batch once more, one half of it, and one event.
    outage.begin(4);
    let batch = ["a", "b", "c", "d"].map(|key| event(Action::Trigger, "api/in", key)).into();
    let (accepted, _) = wait(core.ingest(batch, 0)).expect("the task lives on");
    let summaries: Vec<String> = accepted
        .iter()
        .map(|one| seen::alert(&store, one.alert.as_ref().expect("an alert")).expect("it is kept").summary)
        .collect();
    assert_eq!(summaries.iter().filter(|text| text.contains("could not be processed")).count(), 1, "{summaries:?}");
    assert_eq!(summaries.iter().filter(|text| text.len() == 1).count(), 3, "{summaries:?}");
}

/// Takes what it is given and never comes back.
struct Hole;

impl Deliver for Hole {
    fn deliver(&self, _: Dispatch) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        Box::pin(std::future::pending())
    }
}

#[test]
fn the_loop_rests_when_there_is_nothing_to_do_and_when_there_is_no_room() {
    for alerts in [0, 3] {
        let store = store(&Outage::of("", None));
        let options = Options { in_flight: 1, ..Options::default() };
        let engine = Engine::new(store.clone(), Clock::system(), Arc::new(Hole), options);
        wait(engine.core().apply(setups::first(), &Actor::System, None)).expect("the setup");
        let looks = |engine: &Engine| engine.store().stats().ops.get("next_wake").map_or(0, |cost| cost.calls);
        wait(async {
            // Ends with its runtime: the message that never comes back would hold a drain.
            tokio::spawn({
                let engine = engine.clone();
                async move { engine.run(std::future::pending()).await }
            });
            for n in 0..alerts {
                engine.ingest(vec![event(Action::Trigger, "api/in", &format!("k{n}"))]).await.expect("accepted");
            }
            let before = looks(&engine);
            tokio::time::sleep(Duration::from_millis(400)).await;
            let after = looks(&engine);
            assert!(after - before < 20, "{alerts} alerts: it looked {} times", after - before);
        });
    }
}
