//! What each outcome leads to.

use super::*;
use crate::alert::{Actor, Opening, Pin, open};
use crate::event::Severity;
use crate::setup::Setup;
use crate::time::secs;
use std::collections::BTreeMap;

fn at(s: i64) -> Timestamp {
    "2026-03-02T12:00:00Z".parse::<Timestamp>().expect("a time").checked_add(secs(s)).expect("in range")
}

/// Ada: mail at once, hook after a minute, a spare that no rule names.
fn world() -> World {
    let setup: Setup = serde_json::from_value(serde_json::json!({
        "users": [{
            "id": "ada",
            "contact": [{ "id": "mail", "email": "ada@example.org" }, { "id": "hook", "webhook": "http://127.0.0.1/a" }, { "id": "spare", "webhook": "http://127.0.0.1/b" }],
            "rules": { "high": [{ "via": "mail" }, { "via": "hook", "after": "1m" }] },
        }],
    }))
    .expect("a setup");
    World { setup, ..World::default() }
}

fn paged(world: &World) -> (Alert, Vec<Notification>) {
    let opening = Opening {
        id: "a1".into(),
        service: None,
        integration: None,
        dedup_key: "k".to_owned(),
        urgency: Urgency::High,
        severity: Severity::Critical,
        summary: "help".to_owned(),
        source: None,
        labels: BTreeMap::new(),
        policy: Pin::User("ada".into()),
        started_at: None,
        quiet_at: None,
        because: "a test".to_owned(),
    };
    let (alert, fx) = open(world, opening, None, &Actor::System, at(0));
    let mut rows = fx.notifications;
    claim(&mut rows[0]);
    (alert, rows)
}

fn claim(n: &mut Notification) {
    n.state = Delivery::Sending;
    n.attempt += 1;
    n.fence += 1;
}

fn down() -> Outcome {
    Outcome::RetryAfter { after: None, reason: "connection refused".to_owned() }
}

fn rejected() -> Outcome {
    Outcome::Rejected { reason: "no such mailbox".to_owned() }
}

#[test]
fn sent_is_final() {
    let world = world();
    let (alert, rows) = paged(&world);
    let done = record(&world, &alert, &rows, &rows[0], &Outcome::Sent, at(1));
    assert_eq!((done.changed.len(), done.changed[0].state, done.changed[0].ready_at), (1, Delivery::Sent, None));
    assert_eq!((done.added.len(), done.unreached, done.entry.outcome.as_deref()), (0, false, Some("sent")));
}

#[test]
fn a_failure_hurries_the_next_contact_method_and_retries_this_one() {
    let world = world();
    let (alert, rows) = paged(&world);
    let done = record(&world, &alert, &rows, &rows[0], &down(), at(1));
    assert_eq!(done.changed[0].state, Delivery::Pending);
    let retry = done.changed[0].ready_at.expect("a retry").duration_since(at(1));
    assert!(retry >= secs(2) && retry <= secs(3), "{retry}");
    assert_eq!((done.changed[1].contact.as_str(), done.changed[1].ready_at), ("hook", Some(at(1))));
    // A second failure does not hurry what is due already.
    let rows = done.changed;
    let again = record(&world, &alert, &rows, &rows[0], &down(), at(1));
    assert_eq!((again.changed.len(), again.added.len()), (1, 0));
}

#[test]
fn a_contact_method_that_no_rule_names_is_the_last_hope() {
    let world = world();
    let (alert, mut rows) = paged(&world);
    rows[0] = record(&world, &alert, &rows, &rows[0], &rejected(), at(1)).changed[0].clone();
    claim(&mut rows[1]);
    let done = record(&world, &alert, &rows, &rows[1], &rejected(), at(2));
    assert_eq!(done.added.iter().map(|n| (n.contact.as_str(), n.ready_at)).collect::<Vec<_>>(), [("spare", Some(at(2)))]);
    assert!(!done.unreached, "the spare is still to be tried");
    rows[1] = done.changed[0].clone();
    rows.extend(done.added);
    claim(&mut rows[2]);
    assert!(record(&world, &alert, &rows, &rows[2], &rejected(), at(3)).unreached);
}

#[test]
fn retries_end_and_unknown_stays_unknown() {
    let world = world();
    let (alert, mut rows) = paged(&world);
    for (outcome, end) in [(down(), Delivery::Failed), (Outcome::Unknown { reason: "reset".to_owned() }, Delivery::Unknown)] {
        rows[0].attempt = MAX_ATTEMPTS;
        assert_eq!(record(&world, &alert, &rows, &rows[0], &outcome, at(1)).changed[0].state, end);
    }
}

#[test]
fn a_provider_may_ask_for_more_time_but_not_for_ever() {
    let world = world();
    let (alert, rows) = paged(&world);
    for (asked, got) in [(20, 20), (100_000, 300)] {
        let outcome = Outcome::RetryAfter { after: Some(secs(asked)), reason: "slow down".to_owned() };
        assert_eq!(record(&world, &alert, &rows, &rows[0], &outcome, at(0)).changed[0].ready_at, Some(at(got)));
    }
}

#[test]
fn nobody_is_paged_again_for_an_alert_that_somebody_has() {
    let world = world();
    let (mut alert, rows) = paged(&world);
    alert.state = State::Acknowledged;
    let done = record(&world, &alert, &rows, &rows[0], &down(), at(1));
    assert_eq!((done.changed.len(), done.changed[0].state, done.added.len()), (1, Delivery::Cancelled, 0));
}

#[test]
fn only_those_who_were_paged_are_told() {
    let world = world();
    let (mut alert, rows) = paged(&world);
    alert.acknowledged_by = Some("grace".into());
    let told = tell(&alert, &rows, Kind::Acknowledged, at(9));
    assert_eq!(told.iter().map(|n| n.contact.as_str()).collect::<Vec<_>>(), ["mail"], "the hook had not been tried yet");
    alert.acknowledged_by = Some("ada".into());
    assert!(tell(&alert, &rows, Kind::Acknowledged, at(9)).is_empty(), "no mail about what she did herself");
    assert_eq!(tell(&alert, &rows, Kind::Resolved, at(9)).len(), 1);
}

fn with_device(mut world: World) -> World {
    use crate::setup::Device;
    let device = Device { id: "d1".into(), endpoint: String::new(), p256dh: String::new(), auth: String::new() };
    world.live.devices.insert("ada".into(), [device].into());
    world
}

#[test]
fn a_push_that_fails_hurries_nobody() {
    let world = with_device(world());
    let (alert, mut rows) = paged(&world);
    let push = rows.iter().position(|n| n.channel == Channel::Push).expect("a push");
    claim(&mut rows[push]);
    let recorded = record(&world, &alert, &rows, &rows[push].clone(), &rejected(), at(1));
    assert_eq!((recorded.changed.len(), recorded.added.len(), recorded.unreached), (1, 0, false));
    assert_eq!(recorded.changed[0].state, Delivery::Failed);
}

#[test]
fn a_push_that_went_out_does_not_count_as_reaching_anybody() {
    let world = with_device(world());
    let (alert, mut rows) = paged(&world);
    for n in rows.iter_mut().filter(|n| n.channel == Channel::Push) {
        n.state = Delivery::Sent;
    }
    // Everything that could wake Ada fails, one after the other.
    for _ in 0..3 {
        let i = rows
            .iter()
            .position(|n| n.channel.wakes() && matches!(n.state, Delivery::Pending | Delivery::Sending))
            .expect("one more");
        claim(&mut rows[i]);
        let recorded = record(&world, &alert, &rows, &rows[i].clone(), &rejected(), at(2));
        for changed in recorded.changed {
            let row = rows.iter_mut().find(|n| n.id == changed.id).expect("a row");
            *row = changed;
        }
        rows.extend(recorded.added);
        let left = rows.iter().any(|n| n.channel.wakes() && n.state != Delivery::Failed);
        assert_eq!(recorded.unreached, !left);
    }
    assert!(rows.iter().all(|n| !n.channel.wakes() || n.state == Delivery::Failed));
}

#[test]
fn where_push_is_all_there_is_its_failure_counts() {
    let mut world = with_device(world());
    let mut user = world.setup.users.get("ada").expect("ada").clone();
    (user.contact, user.rules) = (Vec::new(), Default::default());
    world.setup.users.insert(user);
    let (alert, rows) = paged(&world);
    assert_eq!(rows.iter().map(|n| n.channel).collect::<Vec<_>>(), [Channel::Push]);
    assert!(record(&world, &alert, &rows, &rows[0], &rejected(), at(1)).unreached);
}
