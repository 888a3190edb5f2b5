//! Whom a request is offered to, and who is on after a yes.

use super::*;
use crate::schedule::who_is_on;
use crate::setup::Setup;
use crate::suppression::Leave;
use crate::time::mins;

fn at(hour: i64) -> Timestamp {
    "2026-03-02T00:00:00Z".parse::<Timestamp>().expect("a time") + mins(60 * hour)
}

/// Ada on Mondays, Grace on Tuesdays, and so on; Linus is in the team only. `pair` has two people on together.
fn world() -> World {
    let setup: Setup = serde_json::from_value(serde_json::json!({
        "teams": [{ "id": "pupper", "members": ["ada", "grace", "linus"] }],
        "users": [{ "id": "ada" }, { "id": "grace" }, { "id": "linus" }, { "id": "edsger" }],
        "schedules": [
            { "id": "primary", "team": "pupper", "timezone": "UTC", "layers": [{ "id": "l", "users": ["ada", "grace"], "start": "2026-03-02T00:00", "every": "1d" }] },
            { "id": "pair", "team": "pupper", "timezone": "UTC", "layers": [{ "id": "l", "users": [["ada", "grace"]], "start": "2026-03-02T00:00", "every": "1d" }] },
        ],
    }))
    .expect("a setup");
    World { setup, version: 1, ..World::default() }
}

fn cover(schedule: &str, from: i64, until: i64) -> Cover {
    Cover {
        id: "c1".into(),
        schedule: schedule.into(),
        user: "ada".into(),
        from: at(from),
        until: at(until),
        note: String::new(),
        asked: Vec::new(),
        in_return: None,
        declined: Vec::new(),
        state: CoverState::Open,
        taken_by: None,
        overrides: Vec::new(),
        created_at: at(0),
        created_by: "ada".to_owned(),
    }
}

fn names(users: &[UserId]) -> Vec<&str> {
    users.iter().map(UserId::as_str).collect()
}

fn on(world: &World, schedule: &str, changes: &[Override], hour: i64) -> Vec<String> {
    let schedule = world.setup.schedules.get(schedule).expect("a schedule");
    who_is_on(schedule, changes, at(hour)).users.iter().map(ToString::to_string).collect()
}

#[test]
fn it_is_offered_to_whoever_could() {
    let mut world = world();
    assert_eq!(names(&cover("primary", 8, 16).eligible(&world)), ["grace", "linus"]);
    let asked = Cover { asked: vec!["linus".into(), "nobody".into()], ..cover("primary", 8, 16) };
    assert_eq!(names(&asked.eligible(&world)), ["linus"]);
    let declined = Cover { declined: vec!["grace".into()], ..cover("primary", 8, 16) };
    assert_eq!(names(&declined.eligible(&world)), ["linus"]);
    world.live.leave.push(Leave { id: "v".into(), user: "linus".into(), from: at(15), to: at(20), why: String::new() });
    assert_eq!(names(&cover("primary", 8, 16).eligible(&world)), ["grace"]);
    assert_eq!(names(&cover("primary", 8, 15).eligible(&world)), ["grace", "linus"]);
    assert!(cover("none", 8, 16).eligible(&world).is_empty());
}

#[test]
fn a_yes_puts_the_taker_on_for_that_time_only() {
    let world = world();
    let asked = cover("primary", 8, 16);
    let all = Stretch { from: at(8), until: at(16) };
    let changes = asked.accept(&world, &"linus".into(), all, at(0)).expect("it can be taken");
    assert_eq!(changes.len(), 1);
    for (hour, who) in [(7, "ada"), (8, "linus"), (15, "linus"), (16, "ada")] {
        assert_eq!(on(&world, "primary", &changes, hour), [who], "{hour}");
    }
    // Beyond Ada's own shift nothing is taken from anybody.
    let wide = cover("primary", 8, 40);
    let changes = wide.accept(&world, &"linus".into(), Stretch { from: at(8), until: at(40) }, at(0)).expect("it can be taken");
    assert_eq!(
        (on(&world, "primary", &changes, 23), on(&world, "primary", &changes, 30)),
        (vec!["linus".into()], vec!["grace".into()])
    );
}

#[test]
fn whoever_is_on_as_well_stays_on() {
    let world = world();
    let asked = cover("pair", 8, 16);
    let all = Stretch { from: at(8), until: at(16) };
    let changes = asked.accept(&world, &"linus".into(), all, at(0)).expect("it can be taken");
    assert_eq!(on(&world, "pair", &changes, 9), ["grace", "linus"]);
    assert_eq!(on(&world, "pair", &changes, 17), ["ada", "grace"]);
}

#[test]
fn a_part_can_be_taken_and_the_rest_stays_open() {
    let world = world();
    let asked = cover("primary", 8, 16);
    let part = Stretch { from: at(10), until: at(12) };
    let changes = asked.accept(&world, &"grace".into(), part, at(0)).expect("it can be taken");
    assert_eq!(
        (on(&world, "primary", &changes, 9), on(&world, "primary", &changes, 11)),
        (vec!["ada".into()], vec!["grace".into()])
    );
    assert_eq!(asked.rest(part), [Stretch { from: at(8), until: at(10) }, Stretch { from: at(12), until: at(16) }]);
    assert_eq!(asked.rest(Stretch { from: at(8), until: at(16) }), []);
    for (from, until) in [(7, 9), (15, 17), (12, 12), (13, 12)] {
        assert!(asked.accept(&world, &"grace".into(), Stretch { from: at(from), until: at(until) }, at(0)).is_err());
    }
}

#[test]
fn a_swap_goes_both_ways_and_whole() {
    let world = world();
    let back = Stretch { from: at(24), until: at(32) };
    let swap = Cover { in_return: Some(back), asked: vec!["grace".into()], ..cover("primary", 8, 16) };
    let all = Stretch { from: at(8), until: at(16) };
    let changes = swap.accept(&world, &"grace".into(), all, at(0)).expect("it can be taken");
    assert_eq!(
        (on(&world, "primary", &changes, 9), on(&world, "primary", &changes, 25)),
        (vec!["grace".into()], vec!["ada".into()])
    );
    assert_eq!(on(&world, "primary", &changes, 33), ["grace"]);
    assert!(swap.accept(&world, &"grace".into(), Stretch { from: at(8), until: at(9) }, at(0)).is_err());
    // Linus has nothing to give in return.
    assert!(swap.accept(&world, &"linus".into(), all, at(0)).expect_err("nothing in return").contains("in return"));
}

#[test]
fn what_is_over_or_no_longer_theirs_is_not_taken() {
    let mut world = world();
    let asked = cover("primary", 8, 16);
    let all = Stretch { from: at(8), until: at(16) };
    assert!(asked.accept(&world, &"grace".into(), all, at(16)).is_err());
    // Half-way through, only what is left.
    let changes = asked.accept(&world, &"grace".into(), all, at(12)).expect("the rest");
    assert_eq!((changes[0].from, changes[0].to), (at(12), at(16)));
    let gone = Override { id: "o".into(), change: Change::Replace("linus".into()), from: at(0), to: at(24), created_at: at(0) };
    world.live.overrides.insert("primary".into(), vec![gone]);
    assert!(asked.accept(&world, &"grace".into(), all, at(0)).expect_err("not hers").contains("not on primary"));
}
