//! Decision tables: a setup in a few lines, an input, what came of it.

use super::*;
use crate::matcher::{MatchOp, Matcher};
use crate::setup::*;
use crate::suppression::{Live, World};
use crate::time::secs;

fn at(s: i64) -> Timestamp {
    "2026-03-02T12:00:00Z".parse::<Timestamp>().expect("a time").checked_add(secs(s)).expect("in range")
}

fn setup(json: serde_json::Value) -> Setup {
    serde_json::from_value(json).expect("a setup")
}

/// Ada is primary, Grace secondary, Linus the catch-all; two passes of 5 and 10 minutes.
fn world() -> World {
    let contact = |id: &str| serde_json::json!([{ "id": "mail", "email": format!("{id}@example.org") }]);
    let on = |id: &str, user: &str| serde_json::json!({ "id": id, "timezone": "UTC", "layers": [{ "id": "l", "users": [user], "start": "2026-01-01T00:00", "every": "1w" }] });
    World {
        setup: setup(serde_json::json!({
            "teams": [{ "id": "pupper", "members": ["ada", "grace"], "policy": "pupper" }],
            "users": [
                { "id": "ada", "contact": contact("ada") },
                { "id": "grace", "contact": contact("grace") },
                { "id": "linus", "contact": contact("linus") },
                { "id": "mute" },
            ],
            "schedules": [on("primary", "ada"), on("secondary", "grace"), { "id": "empty", "timezone": "UTC", "layers": [] }],
            "policies": [
                { "id": "pupper", "repeat": 1, "steps": [
                    { "page": [{ "schedule": "primary" }], "wait": "5m" },
                    { "page": [{ "schedule": "secondary" }], "wait": "10m" },
                ] },
                { "id": "gappy", "steps": [
                    { "page": [{ "schedule": "empty" }, { "user": "mute" }], "wait": "5m" },
                    { "page": [{ "schedule": "secondary" }], "wait": "10m" },
                ] },
                { "id": "nobody", "repeat": 3, "steps": [{ "page": [{ "schedule": "empty" }] }] },
            ],
            "catch_all": { "page": [{ "user": "linus" }], "every": "30m" },
            "services": [
                { "id": "api", "team": "pupper", "ack_timeout": "30m" },
                { "id": "gappy", "team": "pupper", "policy": "gappy" },
                { "id": "nobody", "team": "pupper", "policy": "nobody" },
                { "id": "grouped", "team": "pupper", "group": { "by": ["institution"], "for": "5m" } },
            ],
        })),
        version: 1,
        live: Live::default(),
    }
}

fn opening(world: &World, service: &str, urgency: Urgency) -> Opening {
    let policy = world.setup.service(&service.into()).and_then(|s| world.setup.policy_of(s)).expect("a policy");
    Opening {
        id: "a1".into(),
        service: Some(service.into()),
        integration: None,
        dedup_key: "k".to_owned(),
        urgency,
        severity: Severity::Critical,
        summary: "it is broken".to_owned(),
        source: None,
        labels: BTreeMap::from([("institution".to_owned(), "0042".to_owned())]),
        policy: Pin::Policy(policy.id.clone()),
        started_at: None,
        quiet_at: None,
        because: "a test".to_owned(),
    }
}

fn opened(world: &World, service: &str) -> (Alert, Effects) {
    open(world, opening(world, service, Urgency::High), None, &Actor::System, at(0))
}

fn then(world: &World, alert: &Alert, input: Input, by: &Actor, now: i64) -> (Alert, Effects) {
    let pinned = match &alert.policy {
        Pin::Policy(id) => world.setup.policy(id),
        _ => None,
    };
    decide(world, pinned, alert, &input, by, at(now))
}

const DUE: Input = Input::Due { leader: None, source_alive: true, storm: None };

fn ada() -> Actor {
    Actor::User("ada".into())
}

/// Who is paged when, in seconds, if everybody stays silent: follows the alert's own next actions.
fn pages(world: &World, service: &str, until: i64) -> Vec<(i64, String)> {
    let (mut alert, mut fx) = opened(world, service);
    let mut pages = Vec::new();
    let mut now = 0;
    loop {
        pages.extend(fx.notifications.iter().map(|n| (now, n.user.to_string())));
        let next = alert.next.expect("a triggered alert has a next action").at;
        now = next.duration_since(at(0)).as_secs();
        if now > until {
            return pages;
        }
        (alert, fx) = then(world, &alert, DUE, &Actor::System, now);
    }
}

#[track_caller]
fn check_pages(service: &str, until: i64, expect: &[(i64, &str)]) {
    let expect: Vec<(i64, String)> = expect.iter().map(|(at, user)| (*at, (*user).to_owned())).collect();
    assert_eq!(pages(&world(), service, until), expect);
}

#[test]
fn nobody_answers() {
    // 5 m, 10 m, a second pass, then the catch-all every 30 m for ever.
    check_pages(
        "api",
        8000,
        &[
            (0, "ada"),
            (300, "grace"),
            (900, "ada"),
            (1200, "grace"),
            (1800, "linus"),
            (3600, "linus"),
            (5400, "linus"),
            (7200, "linus"),
        ],
    );
}

#[test]
fn a_step_that_reaches_nobody_is_skipped_at_once() {
    check_pages("gappy", 700, &[(0, "grace"), (600, "linus")]);
    let (_, fx) = opened(&world(), "gappy");
    let skipped = fx.entries.iter().find(|e| e.kind == EntryKind::Skipped).and_then(|e| e.reason.clone()).expect("it says so");
    assert!(skipped.contains("nobody is on call") && skipped.contains("no contact method"), "{skipped}");
}

#[test]
fn a_policy_that_reaches_nobody_is_the_catch_alls_at_once() {
    check_pages("nobody", 100, &[(0, "linus")]);
}

#[test]
fn without_any_catch_all_the_owning_team_is_paged_then_everybody() {
    let mut world = world();
    world.setup.catch_all = None;
    assert_eq!(pages(&world, "nobody", 100), [(0, "ada".to_owned()), (0, "grace".to_owned())]);
    world.setup.teams = Named::default();
    let everybody: Vec<String> = pages(&world, "nobody", 100).into_iter().map(|(_, user)| user).collect();
    assert_eq!(everybody, ["ada", "grace", "linus"]);
}

#[test]
fn an_acknowledgement_stops_the_pages_and_expires() {
    let world = world();
    let (alert, _) = opened(&world, "api");
    let (alert, fx) = then(&world, &alert, Input::Acknowledge, &ada(), 60);
    assert_eq!((alert.state, alert.acknowledged_by.clone()), (State::Acknowledged, Some("ada".into())));
    assert_eq!((fx.cancel_pages, fx.tell), (true, Some(Kind::Acknowledged)));
    assert_eq!(alert.next, Some(Next { at: at(60 + 1800), kind: NextKind::AckExpires }));
    // Looking at it before its time changes nothing.
    let (same, fx) = then(&world, &alert, DUE, &Actor::System, 600);
    assert_eq!((same.state, fx.notifications.len()), (State::Acknowledged, 0));
    let (alert, fx) = then(&world, &alert, DUE, &Actor::System, 1860);
    assert_eq!(alert.state, State::Triggered);
    assert_eq!(fx.notifications.iter().map(|n| n.user.as_str()).collect::<Vec<_>>(), ["ada"], "from the first step again");
}

#[test]
fn a_resolved_alert_is_left_alone() {
    let world = world();
    let (alert, _) = opened(&world, "api");
    let (alert, fx) = then(&world, &alert, Input::Resolve, &ada(), 60);
    assert_eq!((alert.state, alert.ready_at(), fx.tell), (State::Resolved, None, Some(Kind::Resolved)));
    for input in [Input::Acknowledge, Input::Resolve, Input::Escalate, Input::Snooze { until: at(100) }, DUE] {
        let (after, fx) = then(&world, &alert, input, &ada(), 61);
        assert!(fx.refused.is_some() && after == alert);
    }
}

#[test]
fn snooze_pages_again_afterwards() {
    let world = world();
    let (alert, _) = opened(&world, "api");
    let (alert, fx) = then(&world, &alert, Input::Snooze { until: at(3600) }, &ada(), 60);
    assert_eq!(alert.next, Some(Next { at: at(3600), kind: NextKind::SnoozeEnds }));
    assert!(fx.cancel_pages);
    let (alert, fx) = then(&world, &alert, DUE, &Actor::System, 3600);
    assert_eq!((alert.state, fx.notifications.len()), (State::Triggered, 1));
}

#[test]
fn escalating_by_hand_pages_the_next_step() {
    let world = world();
    let (alert, _) = opened(&world, "api");
    let (alert, _) = then(&world, &alert, Input::Acknowledge, &ada(), 10);
    let (alert, fx) = then(&world, &alert, Input::Escalate, &ada(), 20);
    assert_eq!(fx.notifications.iter().map(|n| n.user.as_str()).collect::<Vec<_>>(), ["grace"]);
    assert_eq!((alert.state, alert.next), (State::Triggered, Some(Next { at: at(620), kind: NextKind::Page })));
}

#[test]
fn a_silence_holds_says_by_what_and_ends() {
    let mut world = world();
    world.live.silences.push(Silence {
        id: "noise".into(),
        service: None,
        integration: None,
        matchers: vec![Matcher::new("institution", MatchOp::Equal, "0042").expect("a matcher")],
        from: at(-10),
        until: at(600),
        why: "ticket 42".to_owned(),
        created_by: "ada".to_owned(),
    });
    let (alert, fx) = opened(&world, "api");
    assert_eq!((fx.notifications.len(), alert.next), (0, Some(Next { at: at(600), kind: NextKind::Release })));
    let held = fx.entries.iter().find(|e| e.kind == EntryKind::Held).and_then(|e| e.reason.clone()).expect("it says so");
    assert!(held.contains("silence noise") && held.contains("ticket 42"), "{held}");
    let (alert, fx) = then(&world, &alert, DUE, &Actor::System, 600);
    assert_eq!((fx.notifications.len(), alert.pages), (1, 1));
    // A silence that comes while it escalates holds it too, and stops what is on its way.
    world.live.silences[0].until = at(2000);
    let (alert, fx) = then(&world, &alert, DUE, &Actor::System, 700);
    assert_eq!((fx.cancel_pages, alert.next), (true, Some(Next { at: at(2000), kind: NextKind::Release })));
    // Somebody who asks for the next person gets them all the same.
    let (_, fx) = then(&world, &alert, Input::Escalate, &ada(), 750);
    assert_eq!(fx.notifications.iter().map(|n| n.user.as_str()).collect::<Vec<_>>(), ["grace"]);
    // Ended early: released early, and from the first step, whose messages may have been cancelled unsent.
    world.live.silences.clear();
    let (_, fx) = then(&world, &alert, DUE, &Actor::System, 800);
    assert_eq!(fx.notifications.iter().map(|n| n.user.as_str()).collect::<Vec<_>>(), ["ada"]);
}

#[test]
fn a_quiet_source_resolves_unless_its_own_heartbeat_is_missing() {
    let world = world();
    let (mut alert, _) = opened(&world, "api");
    alert.quiet_at = Some(at(240));
    let (same, _) = then(&world, &alert, Input::Due { leader: None, source_alive: false, storm: None }, &Actor::System, 240);
    assert_eq!((same.state, same.quiet_at), (State::Triggered, Some(at(300))));
    let (resolved, fx) = then(&world, &alert, DUE, &Actor::System, 240);
    assert_eq!(
        (resolved.state, resolved.resolved_because, fx.tell),
        (State::Resolved, Some(Resolved::SourceQuiet), Some(Kind::Resolved))
    );
}

#[test]
fn low_urgency_waits_for_waking_hours_and_so_does_the_next_step() {
    let world = world();
    let night = "2026-03-03T03:00:00Z".parse().expect("a time");
    let (alert, fx) = open(&world, opening(&world, "api", Urgency::Low), None, &Actor::System, night);
    let morning: Timestamp = "2026-03-03T08:00:00Z".parse().expect("a time");
    assert_eq!(fx.notifications.iter().map(|n| n.ready_at).collect::<Vec<_>>(), [Some(morning)]);
    assert_eq!(alert.next.map(|next| next.at), Some(morning + mins(5)), "Grace is not asked before Ada has been");
    let why = fx.entries.iter().find(|e| e.kind == EntryKind::Paged).and_then(|e| e.reason.clone()).expect("it says so");
    assert!(why.contains("waking hours"), "{why}");
}

#[test]
fn a_group_follows_its_first_alert() {
    let world = world();
    let (leader, fx) = opened(&world, "grouped");
    assert_eq!(fx.notifications.len(), 1, "the first page is never delayed");
    let second = Opening { id: "a2".into(), ..opening(&world, "grouped", Urgency::High) };
    let (follower, fx) = open(&world, second, Some(&leader), &Actor::System, at(30));
    assert_eq!((fx.notifications.len(), follower.follows.clone()), (0, Some(leader.id.clone())));
    let stays = Input::Due { leader: Some(State::Triggered), source_alive: true, storm: None };
    let (follower, fx) = then(&world, &follower, stays, &Actor::System, 330);
    assert_eq!((fx.notifications.len(), follower.next.map(|n| n.at)), (0, Some(at(630))));
    let gone = Input::Due { leader: Some(State::Resolved), source_alive: true, storm: None };
    let (follower, fx) = then(&world, &follower, gone, &Actor::System, 400);
    assert_eq!((fx.notifications.len(), follower.follows), (1, None));
}

#[test]
fn many_groups_at_once_page_as_one_and_few_page_each() {
    let mut world = world();
    let setup = &mut world.setup;
    let mut service = setup.services.get("grouped").cloned().expect("the service");
    service.group = Some(Group { by: vec!["institution".to_owned()], window: mins(5), storm: Some(5) });
    setup.services.insert(service);
    let labels = |institution: &str| [("institution".to_owned(), institution.to_owned())].into();
    let first = Opening { labels: labels("1"), ..opening(&world, "grouped", Urgency::High) };
    let (leader, _) = open(&world, first, None, &Actor::System, at(0));
    let second = Opening { id: "a2".into(), labels: labels("2"), ..opening(&world, "grouped", Urgency::High) };
    let (follower, fx) = open(&world, second, Some(&leader), &Actor::System, at(10));
    assert_eq!((fx.notifications.len(), follower.next.map(|n| n.at)), (0, Some(at(40))), "half a minute at the most");
    let look = |storm| Input::Due { leader: Some(State::Triggered), source_alive: true, storm: Some(storm) };
    let (released, fx) = then(&world, &follower, look(false), &Actor::System, 40);
    assert_eq!((fx.notifications.len(), released.follows), (1, None));
    let (held, fx) = then(&world, &follower, look(true), &Actor::System, 40);
    assert_eq!((fx.notifications.len(), held.next.map(|n| n.at)), (0, Some(at(340))));
    // Once it is a storm it stays one, however few are new.
    let (held, fx) = then(&world, &held, look(false), &Actor::System, 340);
    assert_eq!((fx.notifications.len(), held.next.map(|n| n.at)), (0, Some(at(640))));
    // The first one is over: the next one leads, and this one goes on with it.
    let (held, fx) = then(&world, &held, Input::Follow("a3".into()), &Actor::System, 400);
    assert_eq!((fx.notifications.len(), held.follows), (0, Some("a3".into())));
}

#[test]
fn people_who_left_the_setup_are_skipped_with_the_reason() {
    let mut world = world();
    let (alert, _) = opened(&world, "api");
    let pinned = world.setup.policies.remove("pupper").expect("the policy");
    world.setup.users.remove("grace");
    let (alert, fx) = decide(&world, Some(&pinned), &alert, &DUE, &Actor::System, at(300));
    assert_eq!(fx.notifications.iter().map(|n| n.user.as_str()).collect::<Vec<_>>(), ["ada"], "the next pass at once");
    assert!(fx.entries.iter().any(|e| e.reason.as_deref().is_some_and(|r| r.contains("setup_removed"))));
    // Even the pinned policy is lost: the catch-all.
    let (_, fx) = decide(&world, None, &alert, &DUE, &Actor::System, at(600));
    assert_eq!(fx.notifications.iter().map(|n| n.user.as_str()).collect::<Vec<_>>(), ["linus"]);
}

#[test]
fn urgency_rises_with_a_repeat_and_never_falls() {
    let world = world();
    let night = "2026-03-03T03:00:00Z".parse().expect("a time");
    let (alert, _) = open(&world, opening(&world, "api", Urgency::Low), None, &Actor::System, night);
    let event = Event {
        integration: "api/x".into(),
        action: crate::event::Action::Trigger,
        dedup_key: "k".to_owned(),
        summary: "worse".to_owned(),
        severity: Severity::Critical,
        source: None,
        labels: BTreeMap::new(),
        details: serde_json::Value::Null,
        links: Vec::new(),
        started_at: None,
        valid_until: None,
    };
    let again = |urgency| Input::Trigger(Box::new(event.clone()), urgency);
    let (alert, fx) =
        decide(&world, world.setup.policy(&"pupper".into()), &alert, &again(Urgency::High), &Actor::System, night + mins(1));
    assert_eq!((alert.urgency, alert.count, fx.notifications[0].ready_at), (Urgency::High, 2, Some(night + mins(1))));
    let (alert, fx) =
        decide(&world, world.setup.policy(&"pupper".into()), &alert, &again(Urgency::Low), &Actor::System, night + mins(2));
    assert_eq!((alert.urgency, alert.count, fx.notifications.len()), (Urgency::High, 3, 0));
}

#[test]
fn a_step_that_fails_altogether_is_left_at_once_but_the_catch_all_does_not_spin() {
    let world = world();
    let (alert, _) = opened(&world, "api");
    let mut now = 1;
    let mut alert = alert;
    for expect in ["grace", "ada", "grace", "linus"] {
        let (next, fx) = then(&world, &alert, Input::Unreached, &Actor::System, now);
        assert_eq!(fx.notifications.iter().map(|n| n.user.as_str()).collect::<Vec<_>>(), [expect]);
        (alert, now) = (next, now + 1);
    }
    let (alert, fx) = then(&world, &alert, Input::Unreached, &Actor::System, 10);
    assert_eq!((fx.notifications.len(), alert.next.map(|next| next.at)), (0, Some(at(70))));
    let (_, fx) = then(&world, &alert, DUE, &Actor::System, 70);
    assert_eq!(fx.notifications.iter().map(|n| n.user.as_str()).collect::<Vec<_>>(), ["linus"]);
}

/// A browser of Ada's.
fn with_device(mut world: World) -> World {
    let device =
        Device { id: "d1".into(), endpoint: "https://push.example.net/1".to_owned(), p256dh: String::new(), auth: String::new() };
    world.live.devices.insert("ada".into(), [device].into());
    world
}

#[test]
fn whoever_has_a_device_is_also_told_there_at_once() {
    let world = with_device(world());
    let (alert, fx) = opened(&world, "api");
    let told: Vec<_> = fx.notifications.iter().map(|n| (n.contact.as_str(), n.channel, n.ready_at)).collect();
    assert_eq!(told, [("mail", Channel::Email, Some(at(0))), ("push", Channel::Push, Some(at(0)))]);
    assert_eq!(alert.next.map(|next| next.at), Some(at(300)), "the next step is no later for it");
}

#[test]
fn of_low_urgency_devices_too_wait_for_waking_hours() {
    let world = with_device(world());
    let night = "2026-03-02T02:00:00Z".parse::<Timestamp>().expect("a time");
    let (_, fx) = open(&world, opening(&world, "api", Urgency::Low), None, &Actor::System, night);
    assert!(!fx.notifications.is_empty());
    assert!(fx.notifications.iter().all(|n| n.ready_at > Some(night)), "{:?}", fx.notifications);
}

#[test]
fn an_acknowledgement_that_is_taken_back_pages_again_from_the_beginning() {
    let world = world();
    let (alert, _) = opened(&world, "api");
    let (held, _) = then(&world, &alert, Input::Acknowledge, &Actor::User("ada".into()), 10);
    let (again, fx) = then(&world, &held, Input::Unacknowledge, &Actor::User("ada".into()), 12);
    assert_eq!((again.state, &again.acknowledged_by), (State::Triggered, &None));
    assert_eq!(fx.notifications.iter().map(|n| n.user.as_str()).collect::<Vec<_>>(), ["ada"]);
    assert_eq!(again.next.map(|next| next.at), Some(at(312)));
    assert_eq!(fx.entries[0].kind, EntryKind::Unacknowledged);
    let (_, fx) = then(&world, &again, Input::Unacknowledge, &Actor::User("ada".into()), 13);
    assert!(fx.refused.is_some());
}

#[test]
fn whoever_it_is_reassigned_to_is_paged_and_nobody_has_it_until_they_answer() {
    let world = world();
    let (alert, _) = opened(&world, "api");
    let (held, _) = then(&world, &alert, Input::Acknowledge, &Actor::User("ada".into()), 10);
    let to_linus = Input::Reassign { to: Pin::User("linus".into()) };
    let (given, fx) = then(&world, &held, to_linus, &Actor::User("ada".into()), 20);
    assert_eq!((given.state, &given.policy), (State::Triggered, &Pin::User("linus".into())));
    assert!(fx.cancel_pages);
    assert_eq!(fx.notifications.iter().map(|n| n.user.as_str()).collect::<Vec<_>>(), ["linus"]);
    assert!(given.next.is_some(), "it goes on escalating");
    // Another policy starts at its first step.
    let (given, fx) = then(&world, &given, Input::Reassign { to: Pin::Policy("gappy".into()) }, &Actor::System, 30);
    assert_eq!(fx.notifications.iter().map(|n| n.user.as_str()).collect::<Vec<_>>(), ["grace"]);
    let (over, _) = then(&world, &given, Input::Resolve, &Actor::System, 40);
    let (_, fx) = then(&world, &over, Input::Reassign { to: Pin::CatchAll }, &Actor::System, 50);
    assert!(fx.refused.is_some());
}
