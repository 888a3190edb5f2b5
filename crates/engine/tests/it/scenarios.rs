//! The main scenarios, and each of them with one fault at the N-th operation, for every N and every kind of fault:
//! whatever fails, a sender that tries again is served, a human is reached, and nothing is sent twice.

use crate::sim::{seen, setups, weather::Weather};
use crate::stage::{Stage, event, start};
use crate::wait;
use firedog_domain::alert::{Input, State};
use firedog_domain::event::Action;
use firedog_domain::time::{after, mins, secs};
use firedog_engine::Ping;
use firedog_store::{Fault, Store};
use std::sync::Arc;

const FAULTS: [Fault; 4] = [Fault::Busy, Fault::Conflict, Fault::LostAnswer, Fault::Crash];

/// Looks into the database; the fault of a sweep must not hit a look.
pub(crate) type Calm<'a> = &'a dyn Fn(&mut dyn FnMut());

pub(crate) fn a_page_is_answered(stage: &mut Stage, calm: Calm<'_>) {
    let alert = stage.send(Action::Trigger, "api/in", "k").expect("an alert");
    stage.pass(mins(2));
    assert!(stage.reached(&alert, start()), "somebody is paged");
    let arrived = |stage: &Stage| stage.provider.arrived.keys().filter(|id| !id.as_str().contains(".v")).count();
    stage.act(&alert, Input::Acknowledge);
    let pages = arrived(stage);
    stage.pass(mins(10));
    calm(&mut || assert_eq!(stage.state(&alert), State::Acknowledged));
    assert_eq!(arrived(stage), pages, "nobody is paged for an alert that somebody has");
    stage.send(Action::Resolve, "api/in", "k");
    stage.pass(mins(2));
    calm(&mut || {
        assert_eq!(stage.state(&alert), State::Resolved);
        assert!(stage.alert(&alert).resolved_because.is_some());
        stage.at_rest();
    });
}

pub(crate) fn nobody_answers(stage: &mut Stage, calm: Calm<'_>) {
    let begun = stage.clock.now();
    let alert = stage.send(Action::Trigger, "api/in", "k").expect("an alert");
    stage.pass(mins(7));
    let mut rows = Vec::new();
    calm(&mut || rows = stage.pages(&alert));
    let second = rows.iter().find(|n| n.page == 2).expect("the secondary is paged");
    assert_eq!(second.user.as_str(), "grace");
    let waited = second.created_at.duration_since(begun);
    // A fault may cost a look, a second later the next one sees it; it must never make the step come early.
    assert!(waited >= mins(5) && waited <= mins(5) + secs(5), "{waited:#}");
    assert!(stage.provider.arrived.contains_key(&second.id), "and the page arrives");
    stage.act(&alert, Input::Resolve);
    stage.pass(mins(2));
    calm(&mut || stage.at_rest());
}

pub(crate) fn a_setup_changes_under_an_open_alert(stage: &mut Stage, calm: Calm<'_>) {
    let begun = stage.clock.now();
    let alert = stage.send(Action::Trigger, "api/in", "k").expect("an alert");
    stage.pass(mins(3));
    stage.insist(|core| wait(core.apply(setups::second(), &firedog_domain::alert::Actor::System, None)));
    stage.pass(mins(4));
    let mut rows = Vec::new();
    calm(&mut || rows = stage.pages(&alert));
    let second = rows.iter().find(|n| n.page == 2).expect("the secondary is paged");
    // The waits are those it triggered with; the people are those of now.
    assert_eq!(second.user.as_str(), "linus");
    let waited = second.created_at.duration_since(begun);
    assert!(waited >= mins(5) && waited <= mins(5) + secs(5), "{waited:#}");
    stage.act(&alert, Input::Resolve);
    stage.pass(mins(2));
    calm(&mut || stage.at_rest());
}

pub(crate) fn a_group_is_acknowledged_at_once(stage: &mut Stage, calm: Calm<'_>) {
    let first = stage.send(Action::Trigger, "grouped/in", "a").expect("an alert");
    let second = stage.send(Action::Trigger, "grouped/in", "b").expect("an alert");
    stage.pass(mins(2));
    assert!(stage.reached(&first, start()));
    calm(&mut || {
        assert_eq!(stage.alert(&second).follows.as_ref(), Some(&first));
        assert!(stage.pages(&second).is_empty(), "one page for both");
    });
    stage.act(&first, Input::Acknowledge);
    stage.pass(mins(10));
    calm(&mut || {
        assert_eq!((stage.state(&first), stage.state(&second)), (State::Acknowledged, State::Acknowledged));
        assert!(stage.pages(&second).is_empty());
    });
    stage.send_all(vec![event(Action::Resolve, "grouped/in", "a"), event(Action::Resolve, "grouped/in", "b")]);
    stage.pass(mins(2));
    calm(&mut || stage.at_rest());
}

pub(crate) fn a_heartbeat_stays_out(stage: &mut Stage, calm: Calm<'_>) {
    let ping = |stage: &mut Stage| stage.insist(|core| wait(core.ping(&"calm/beat".into(), Ping::Success, 0)));
    ping(stage);
    stage.pass(mins(5));
    calm(&mut || assert!(seen::open(&stage.store).is_empty(), "it has a minute of grace"));
    stage.pass(mins(3));
    let mut open = Vec::new();
    calm(&mut || open = seen::open(&stage.store));
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!(open[0].dedup_key, "heartbeat:beat");
    let waited = open[0].created_at.duration_since(start());
    assert!(waited >= mins(6) && waited <= mins(6) + secs(5), "{waited:#}");
    assert!(stage.reached(&open[0].id, after(start(), mins(6))));
    ping(stage);
    stage.pass(mins(2));
    calm(&mut || {
        assert_eq!(stage.state(&open[0].id), State::Resolved);
        // The clock of the heartbeat itself goes on; no message waits.
        stage.at_rest();
    });
}

/// Runs a scenario once for every operation and kind of fault, until the fault comes after its end.
fn sweep(scenario: fn(&mut Stage, Calm<'_>)) {
    for fault in FAULTS {
        let mut hits = 0;
        for n in 1.. {
            let weather = Weather::new(1);
            let store = Store::memory_with(Arc::clone(&weather) as Arc<dyn firedog_store::Faults>).expect("a database in memory");
            let mut stage = Stage::new(store);
            weather.strike(n, fault);
            scenario(&mut stage, &|look| weather.calm(look));
            if !weather.struck() {
                break;
            }
            hits += 1;
            assert!(n < 5_000, "the scenario does not end");
        }
        assert!(hits > 20, "only {hits} operations to fail");
    }
}

#[test]
fn a_page_is_answered_whatever_fails() {
    sweep(a_page_is_answered);
}

#[test]
fn the_secondary_is_reached_in_time_whatever_fails() {
    sweep(nobody_answers);
}

#[test]
fn a_setup_changes_whatever_fails() {
    sweep(a_setup_changes_under_an_open_alert);
}

#[test]
fn a_group_is_acknowledged_whatever_fails() {
    sweep(a_group_is_acknowledged_at_once);
}

#[test]
fn a_heartbeat_is_missed_whatever_fails() {
    sweep(a_heartbeat_stays_out);
}
