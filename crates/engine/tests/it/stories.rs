//! Small stories on one node: groups, late repeats, batches, events that cannot be stored.

use crate::sim::{seen, setups};
use crate::stage::{Stage, event, start};
use crate::wait;
use firedog_domain::alert::{Actor, Input, State};
use firedog_domain::event::{Action, Event};
use firedog_domain::id::AlertId;
use firedog_domain::matcher::{MatchOp, Matcher};
use firedog_domain::setup::Silence;
use firedog_domain::time::{after, mins, secs};
use firedog_store::{self as store, Op, Tx};

const GROUPED: &str = "grouped/in";

fn labelled(action: Action, key: &str, name: &str, value: &str) -> Event {
    let mut event = event(action, GROUPED, key);
    event.labels.insert(name.to_owned(), value.to_owned());
    event
}

/// A leader that pages and an alert that waits behind it.
fn pair(stage: &mut Stage) -> (AlertId, AlertId) {
    let accepted =
        stage.send_all(vec![labelled(Action::Trigger, "a", "host", "one"), labelled(Action::Trigger, "b", "host", "two")]);
    let (a, b) = (accepted[0].alert.clone().expect("an alert"), accepted[1].alert.clone().expect("an alert"));
    assert_eq!(stage.alert(&b).follows, Some(a.clone()));
    stage.pass(secs(10));
    assert!(stage.reached(&a, start()) && !stage.reached(&b, start()));
    (a, b)
}

#[test]
fn a_follower_pages_when_its_leader_resolves() {
    let mut stage = Stage::memory();
    let (a, b) = pair(&mut stage);
    stage.send(Action::Resolve, GROUPED, "a");
    stage.pass(secs(1));
    assert_eq!((stage.state(&a), stage.state(&b)), (State::Resolved, State::Triggered));
    assert!(stage.reached(&b, start()), "nobody else will page for it");
}

#[test]
fn a_leader_that_comes_and_goes_in_one_batch_leaves_its_follower_paging() {
    let mut stage = Stage::memory();
    let batch = [(Action::Trigger, "a"), (Action::Trigger, "b"), (Action::Resolve, "a")];
    let accepted = stage.send_all(batch.map(|(action, key)| event(action, GROUPED, key)).into());
    let (a, b) = (accepted[0].alert.clone().expect("an alert"), accepted[1].alert.clone().expect("an alert"));
    stage.pass(secs(1));
    assert_eq!((stage.state(&a), stage.state(&b)), (State::Resolved, State::Triggered));
    assert!(stage.reached(&b, start()));
    assert!(!stage.reached(&a, start()), "what is over before it is stored pages nobody");
}

#[test]
fn a_follower_in_the_batch_of_the_acknowledgement_is_acknowledged() {
    let mut stage = Stage::memory();
    let batch = [(Action::Trigger, "a"), (Action::Trigger, "b"), (Action::Acknowledge, "a"), (Action::Trigger, "c")];
    let accepted = stage.send_all(batch.map(|(action, key)| event(action, GROUPED, key)).into());
    let alerts: Vec<AlertId> = accepted.into_iter().filter_map(|one| one.alert).collect();
    stage.pass(secs(1));
    assert_eq!((stage.state(&alerts[0]), stage.state(&alerts[1])), (State::Acknowledged, State::Acknowledged));
    assert!(!stage.reached(&alerts[0], start()) && !stage.reached(&alerts[1], start()));
    // Whoever acknowledged the first has not seen the one that came after.
    assert!(stage.reached(&alerts[3], start()));
}

#[test]
fn a_group_is_snoozed_as_one() {
    let mut stage = Stage::memory();
    let (a, b) = pair(&mut stage);
    stage.act(&a, Input::Snooze { until: after(stage.clock.now(), mins(30)) });
    stage.pass(mins(29));
    assert_eq!((stage.state(&a), stage.state(&b)), (State::Acknowledged, State::Acknowledged));
    assert!(!stage.reached(&b, start()), "whoever snoozed it has seen both");
    let then = stage.clock.now();
    stage.pass(mins(2));
    assert!(stage.reached(&a, then) && stage.reached(&b, then), "afterwards both page again");
}

#[test]
fn a_silence_on_the_leader_does_not_silence_its_followers() {
    let mut stage = Stage::memory();
    let silence = |until| Silence {
        id: "".into(),
        service: Some("grouped".into()),
        integration: None,
        matchers: vec![Matcher::new("host", MatchOp::Equal, "one").expect("a matcher")],
        from: start(),
        until,
        why: "known".to_owned(),
        created_by: "ada".to_owned(),
    };
    let (a, b) = pair(&mut stage);
    wait(stage.core.put_silence(silence(after(start(), mins(60))), &Actor::System)).expect("a silence");
    stage.pass(secs(1));
    assert_eq!(stage.state(&a), State::Triggered);
    assert!(stage.reached(&b, start()), "the silence is not about it");
    // Nor does a new one wait behind the one that is silent.
    let then = stage.clock.now();
    let c = stage.send_all(vec![labelled(Action::Trigger, "c", "host", "one"), labelled(Action::Trigger, "d", "host", "three")]);
    stage.pass(secs(1));
    let (c, d) = (c[0].alert.clone().expect("an alert"), c[1].alert.clone().expect("an alert"));
    assert!(!stage.reached(&c, then), "silent itself");
    assert_eq!(stage.alert(&d).follows, Some(b), "behind one that pages");
}

#[test]
fn high_urgency_waits_behind_nobody_who_sleeps() {
    let mut stage = Stage::memory();
    let mut setup = setups::first();
    let route = serde_json::json!([{ "when": "labels.urgency == 'low'", "urgency": "low" }]);
    setup.routes = serde_json::from_value(route).expect("a route");
    stage.apply(setup);
    // Past everybody's waking hours.
    stage.clock.set("2026-03-02T23:30:00Z".parse().expect("a time"));
    let low = |key: &str| labelled(Action::Trigger, key, "urgency", "low");
    let accepted = stage.send_all(vec![low("a"), low("b"), labelled(Action::Trigger, "c", "urgency", "high")]);
    let alerts: Vec<AlertId> = accepted.into_iter().filter_map(|one| one.alert).collect();
    stage.pass(secs(1));
    assert!(!stage.reached(&alerts[0], start()), "it waits for the morning");
    assert_eq!(stage.alert(&alerts[1]).follows.as_ref(), Some(&alerts[0]));
    assert!(stage.reached(&alerts[2], start()));
    // What gets worse no longer waits behind what has not.
    stage.send_all(vec![labelled(Action::Trigger, "b", "urgency", "high")]);
    stage.pass(secs(1));
    assert!(stage.reached(&alerts[1], start()));
}

#[test]
fn a_late_repeat_opens_nothing() {
    let mut stage = Stage::memory();
    let at = |action, started| Event { started_at: Some(started), ..event(action, "api/in", "k") };
    let (first, second) = (start(), after(start(), secs(5)));
    let accepted = stage.send_all(vec![at(Action::Trigger, first), at(Action::Resolve, first), at(Action::Trigger, first)]);
    assert!(accepted[2].alert.is_none() && accepted[2].dropped.is_some(), "{accepted:?}");
    stage.pass(secs(5));
    let accepted = stage.send_all(vec![at(Action::Trigger, first), at(Action::Trigger, second)]);
    assert!(accepted[0].alert.is_none() && accepted[0].dropped.is_some(), "{accepted:?}");
    assert!(accepted[1].created, "the next episode is another one");
    // A person may have been wrong about the end: then the source's repeat counts.
    let alert = accepted[1].alert.clone().expect("an alert");
    stage.act(&alert, Input::Resolve);
    let again = stage.send_all(vec![at(Action::Trigger, second)]);
    assert!(again[0].created, "{again:?}");
}

#[test]
fn what_is_told_follows_what_was_paged() {
    let mut stage = Stage::memory();
    let alert = stage.send(Action::Trigger, "api/in", "k").expect("an alert");
    stage.pass(mins(2));
    let batch = [Action::Acknowledge, Action::Resolve, Action::Trigger];
    let accepted = stage.send_all(batch.map(|action| event(action, "api/in", "k")).into());
    assert!(accepted[2].created && accepted[2].alert.as_ref() != Some(&alert), "a trigger after a resolve is another alert");
    stage.pass(secs(1));
    let of_first: Vec<&str> =
        stage.provider.arrived.keys().map(|id| id.as_str()).filter(|id| id.starts_with(alert.as_str())).collect();
    // Mail and webhook: paged, told that somebody had it, told that it is over.
    let about = |what: &str| of_first.iter().filter(|id| id.ends_with(what)).count();
    assert_eq!((of_first.len(), about("acknowledged"), about("resolved")), (6, 2, 2), "{of_first:?}");
    assert!(stage.reached(accepted[2].alert.as_ref().expect("an alert"), start()));
    assert_eq!(stage.alert(&alert).state, State::Resolved);
}

struct Define(String);

impl Op for Define {
    type Out = ();
    const NAME: &'static str = "define";
    async fn run(&self, tx: &mut dyn Tx) -> store::Result<()> {
        tx.exec(&self.0, &[]).await.map(|_| ())
    }
}

/// The database refuses one event of a batch, for ever: all others are stored, and a human hears of that one.
pub(crate) fn poison(stage: &mut Stage, refuse: &str) {
    wait(stage.store.write(Define(refuse.to_owned()))).expect("the database learns to refuse");
    let keys = ["a", "b", "poison", "c", "d", "a"];
    let mut batch = keys.map(|key| event(Action::Trigger, "api/in", key)).to_vec();
    batch.push(event(Action::Resolve, "api/in", "b"));
    let accepted = stage.send_all(batch);
    assert_eq!(accepted.len(), keys.len() + 1);
    let summaries: Vec<String> = accepted.iter().map(|one| stage.alert(one.alert.as_ref().expect("an alert")).summary).collect();
    assert_eq!(summaries[..2], ["a", "b"]);
    assert!(summaries[2].contains("could not be processed"), "{}", summaries[2]);
    assert_eq!(summaries[3..], ["c", "d", "a", "b"]);
    // In their order: the first opens the alert, the last ends one.
    assert!(accepted[0].created && !accepted[5].created && accepted[0].alert == accepted[5].alert, "{accepted:?}");
    assert_eq!(stage.state(accepted[1].alert.as_ref().expect("an alert")), State::Resolved);
    stage.pass(secs(1));
    let poisoned = accepted[2].alert.clone().expect("an alert");
    assert!(stage.reached(&poisoned, start()));
    assert!(stage.pages(&poisoned).iter().all(|n| n.user.as_str() == "linus"), "the catch-all has it");
    assert_eq!(seen::open(&stage.store).len(), 4, "a, c, d and the poisoned one");
}

#[test]
fn one_event_that_cannot_be_stored_is_kept_apart() {
    let refuse = "CREATE TRIGGER poison BEFORE INSERT ON event WHEN NEW.body LIKE '%poison%'
        BEGIN SELECT RAISE(ABORT, 'poisoned'); END";
    poison(&mut Stage::memory(), refuse);
}
