//! The proof against the thing it proves: a dry run at every single minute.

use super::*;
use crate::setup::Setup;
use crate::time::{mins, secs};
use crate::trace::simulate;
use std::collections::BTreeSet;

/// Nights with a gap, people asleep, a policy that waits long, one that names one person only.
fn world() -> World {
    let setup: Setup = serde_json::from_value(serde_json::json!({
        "users": [
            { "id": "ada", "timezone": "America/Chicago", "contact": [{ "id": "mail", "email": "a@example.org" }, { "id": "hook", "webhook": "http://127.0.0.1/a" }],
              "rules": { "high": [{ "via": "mail" }, { "via": "hook", "after": "7m" }] } },
            { "id": "grace", "contact": [{ "id": "mail", "email": "g@example.org" }], "waking": { "from": "22:00", "to": "06:00" } },
            { "id": "linus", "contact": [{ "id": "hook", "webhook": "http://127.0.0.1/l" }] },
        ],
        "schedules": [
            { "id": "day", "timezone": "America/Chicago", "layers": [
                { "id": "l", "users": ["ada", "grace"], "start": "2026-01-05T09:00", "every": "1d", "only": [{ "days": "mon-fri", "from": "08:00", "to": "19:30" }] } ] },
            { "id": "odd", "timezone": "Asia/Kathmandu", "layers": [{ "id": "l", "users": ["grace", "linus"], "start": "2026-01-05T00:13", "every": "11h" }] },
        ],
        "policies": [
            { "id": "layers", "repeat": 1, "steps": [
                { "page": [{ "schedule": "day" }], "wait": "9m" },
                { "page": [{ "schedule": "odd" }, { "schedule": "day" }], "wait": "25m" } ] },
            { "id": "one", "steps": [{ "page": [{ "user": "linus" }], "wait": "45m" }] },
        ],
        "catch_all": { "page": [{ "user": "linus" }], "every": "30m" },
    }))
    .expect("a setup");
    World { setup, version: 1, ..World::default() }
}

#[test]
fn every_minute_agrees_with_a_dry_run() {
    let world = world();
    let from: Timestamp = "2026-03-07T20:00:00Z".parse().expect("a time");
    // From Saturday evening over a clock change in Chicago into Monday.
    let to = from + mins(2 * 1440);
    let within = mins(20);
    let findings = prove(&world, from, to, within);
    let mut said: BTreeSet<(String, Urgency, Failure)> = BTreeSet::new();
    for policy in world.setup.policies.iter() {
        for urgency in [Urgency::High, Urgency::Low] {
            let start = Start { service: None, policy: Pin::Policy(policy.id.clone()), urgency };
            let mut at = from;
            while at < to {
                let dry = |faults: &Faults| simulate(&world, &start, at, faults);
                let all = dry(&Faults { nobody_answers: true, ..Faults::default() });
                for failure in all_failures(&world) {
                    let survivor =
                        all.entries.iter().find(|entry| survives(entry, &failure)).map(|entry| entry.after - entry.asleep);
                    let late = survivor.is_none_or(|after| after > within);
                    let finding = findings.iter().find(|f| {
                        f.policy == policy.id
                            && f.urgency == urgency
                            && f.from <= at
                            && at < f.until
                            && (f.failure == failure || f.failure == Failure::None)
                    });
                    assert_eq!(late, finding.is_some(), "{} {urgency:?} {failure:?} at {at}: {survivor:?}", policy.id);
                    if let Some(finding) = finding.filter(|f| f.failure == failure) {
                        assert_eq!(finding.reached_after, survivor, "{} {urgency:?} {failure:?} at {at}", policy.id);
                        said.insert((policy.id.to_string(), urgency, failure.clone()));
                    }
                    // The real run under that failure is never slower than the proof says.
                    if urgency == Urgency::High && at.as_second() % 3600 == 0 {
                        let faults = match &failure {
                            Failure::None => Faults::default(),
                            Failure::Person(user) => Faults { silent: BTreeSet::from([user.clone()]), ..Faults::default() },
                            Failure::Channel(channel) => {
                                Faults { nobody_answers: true, down: BTreeSet::from([*channel]), ..Faults::default() }
                            }
                        };
                        let real = dry(&faults).entries.into_iter().find(|e| survives(e, &failure)).map(|e| e.after);
                        if let Some(proved) = survivor {
                            assert!(real.is_some_and(|real| real <= proved), "{failure:?} at {at}: {real:?} after {proved:?}");
                        }
                    }
                }
                at += mins(1);
            }
        }
    }
    // The test would prove nothing if the setup had no holes, or nothing but holes.
    assert!(said.len() >= 4, "{said:?}");
    assert!(findings.iter().all(|f| f.from < f.until));
}

fn all_failures(world: &World) -> Vec<Failure> {
    let people = world.setup.users.iter().map(|user| Failure::Person(user.id.clone()));
    let channels = Channel::ALL.into_iter().map(Failure::Channel);
    std::iter::once(Failure::None).chain(people).chain(channels).collect()
}

#[test]
fn a_counterexample_names_itself() {
    let world = world();
    let from: Timestamp = "2026-03-09T00:00:00Z".parse().expect("a time");
    let findings = prove(&world, from, from + mins(60), mins(20));
    let one = findings.iter().find(|f| f.policy.as_str() == "one" && matches!(f.failure, Failure::Person(_))).expect("a finding");
    assert_eq!((one.failure.clone(), one.reached_after), (Failure::Person("linus".into()), None));
    assert_eq!(one.reason, "if linus does not answer, nobody is ever reached");
    assert_eq!((one.from, one.until), (from, from + mins(60)));
}

#[test]
fn a_sound_setup_has_no_findings() {
    let mut world = world();
    let both = serde_json::json!([{ "id": "mail", "email": "x@example.org" }, { "id": "hook", "webhook": "http://127.0.0.1/x" }]);
    for id in ["ada", "grace"] {
        world.setup.users.insert(serde_json::from_value(serde_json::json!({ "id": id, "contact": both })).expect("a user"));
    }
    let policy = serde_json::json!({ "id": "sound", "steps": [{ "page": [{ "user": "ada" }], "wait": "5m" }, { "page": [{ "user": "grace" }] }] });
    world.setup.policies = std::iter::once(serde_json::from_value(policy).expect("a policy")).collect();
    let from: Timestamp = "2026-03-09T00:00:00Z".parse().expect("a time");
    // Low urgency uses the first contact method only: a channel may fail for longer than the limit, so ask for high only.
    let findings = prove(&world, from, from + secs(86_400 * 90), mins(30));
    assert!(findings.iter().all(|f| f.urgency == Urgency::Low), "{findings:?}");
}

#[test]
fn a_device_proves_nothing() {
    let mut with = world();
    let device = crate::setup::Device { id: "d".into(), endpoint: String::new(), p256dh: String::new(), auth: String::new() };
    for user in ["ada", "grace", "linus"] {
        with.live.devices.insert(user.into(), [device.clone()].into());
    }
    let from: Timestamp = "2026-03-07T20:00:00Z".parse().expect("a time");
    assert_eq!(prove(&with, from, from + mins(1440), mins(20)), prove(&world(), from, from + mins(1440), mins(20)));
    // In a dry run it is seen, and answered by nobody.
    let start = Start { service: None, policy: Pin::Policy("one".into()), urgency: Urgency::High };
    let trace = simulate(&with, &start, from, &Faults { down: [Channel::Webhook].into(), ..Faults::default() });
    assert!(trace.entries.iter().any(|entry| entry.channel == Channel::Push), "{trace:?}");
    assert!(trace.entries.iter().any(|entry| entry.reason.starts_with("the catch-all")), "{trace:?}");
}
