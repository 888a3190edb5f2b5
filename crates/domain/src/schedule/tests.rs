//! Decision tables: schedules as they stand in setup files, and who must be on when.

use super::*;
use crate::id::OverrideId;
use crate::setup::Change;
use serde_json::{Value, json};

/// A schedule in a zone from its layers in the form of the setup files.
fn schedule(zone: &str, layers: Value) -> Schedule {
    serde_json::from_value(json!({ "id": "s", "timezone": zone, "layers": layers })).unwrap()
}

fn layer(users: Value, start: &str, every: &str) -> Value {
    json!({ "id": "l", "users": users, "start": start, "every": every })
}

/// `2026-01-05T09:00` in the schedule's zone, or an instant with an offset or `Z`.
fn instant(schedule: &Schedule, text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| wall::first_instant(schedule.timezone.tz(), text.parse().unwrap()))
}

fn change(schedule: &Schedule, change: Change, from: &str, to: &str, created_at: i64) -> Override {
    let (from, to) = (instant(schedule, from), instant(schedule, to));
    Override { id: OverrideId::from("o"), change, from, to, created_at: Timestamp::from_second(created_at).unwrap() }
}

fn names(users: &[UserId]) -> String {
    if users.is_empty() { "-".to_owned() } else { users.iter().map(UserId::as_str).collect::<Vec<_>>().join("+") }
}

/// Each row: an instant, and who is on then (`-`: nobody). Asked directly, and as part of a rendered day.
fn check_with(schedule: &Schedule, live: &[Override], rows: &[(&str, &str)]) {
    for (at, expect) in rows {
        let at_instant = instant(schedule, at);
        assert_eq!(names(&who_is_on(schedule, live, at_instant).users), *expect, "at {at}");
        let day = SignedDuration::from_hours(24);
        let spans = render(schedule, live, at_instant - day, at_instant + day);
        let span = spans.iter().find(|span| span.from <= at_instant && at_instant < span.until).unwrap();
        assert_eq!(names(&span.users), *expect, "rendered at {at}");
    }
}

fn check(schedule: &Schedule, rows: &[(&str, &str)]) {
    check_with(schedule, &[], rows);
}

/// The rendered spans as `local start  people`.
fn rendered(schedule: &Schedule, from: &str, to: &str) -> Vec<String> {
    let tz = schedule.timezone.tz();
    let spans = render(schedule, &[], instant(schedule, from), instant(schedule, to));
    let line = |span: &Span| format!("{} {}", span.from.to_zoned(tz.clone()).strftime("%a %m-%d %H:%M %Z"), names(&span.users));
    spans.iter().map(line).collect()
}

/// The first schedule of the example in the contract.
fn pupper_primary() -> Schedule {
    let mut schedule = schedule(
        "America/Chicago",
        json!([
            { "id": "weekly", "users": ["ada", "grace", "linus"], "start": "2026-01-05T09:00", "every": "1w" },
            { "id": "nights", "users": ["linus"], "start": "2026-01-05T00:00", "every": "1w",
              "only": [ { "days": "mon-fri", "from": "22:00", "to": "06:00" } ] },
        ]),
    );
    let grace = Change::Replace(UserId::from("grace"));
    schedule.overrides = vec![change(&schedule, grace, "2026-02-01T09:00", "2026-02-02T09:00", 0)];
    schedule
}

#[test]
fn the_example_of_the_contract() {
    check(
        &pupper_primary(),
        &[
            ("2026-01-04T12:00", "-"), // before every start
            ("2026-01-05T00:00", "-"), // nights has begun, but its windows are closed
            ("2026-01-05T08:59:59", "-"),
            ("2026-01-05T09:00", "ada"),
            ("2026-01-05T21:59:59", "ada"),
            ("2026-01-05T22:00", "linus"), // the later layer wins
            ("2026-01-06T05:59:59", "linus"),
            ("2026-01-06T06:00", "ada"),
            ("2026-01-09T23:00", "linus"),    // Friday night
            ("2026-01-10T05:59:59", "linus"), // ends on Saturday
            ("2026-01-10T06:00", "ada"),
            ("2026-01-10T22:00", "ada"), // no window starts on Saturday
            ("2026-01-12T05:00", "ada"), // nor on Sunday
            ("2026-01-12T09:00", "grace"),
            ("2026-01-19T09:00", "linus"),
            ("2026-01-26T09:00", "ada"),
            ("2026-02-01T08:59:59", "ada"),
            ("2026-02-01T09:00", "grace"), // the override
            ("2026-02-02T08:59:59", "grace"),
            ("2026-02-02T09:00", "grace"), // her own week
            ("2026-03-08T09:00", "linus"), // the clocks went forward in the night
            ("2026-03-09T08:59:59", "linus"),
            ("2026-03-09T09:00", "ada"), // still at nine
        ],
    );
}

#[test]
fn rendering_the_example() {
    let spans = rendered(&pupper_primary(), "2026-01-30T12:00", "2026-02-03T00:00");
    assert_eq!(
        spans,
        [
            "Fri 01-30 12:00 CST ada",
            "Fri 01-30 22:00 CST linus",
            "Sat 01-31 06:00 CST ada",
            "Sun 02-01 09:00 CST grace", // the override and her week are one span
            "Mon 02-02 22:00 CST linus",
        ]
    );
}

#[test]
fn units() {
    let abc = json!(["a", "b", "c"]);
    let hours = schedule("Europe/Berlin", json!([layer(abc.clone(), "2026-03-28T20:00", "6h")]));
    check(
        &hours,
        &[
            ("2026-03-28T20:00", "a"),
            ("2026-03-29T01:59:59", "a"),
            ("2026-03-29T03:00", "b"), // 02:00 was skipped
            ("2026-03-29T08:59:59", "b"),
            ("2026-03-29T09:00", "c"), // hours are elapsed hours
        ],
    );
    let two_days = schedule("Europe/Berlin", json!([layer(abc.clone(), "2026-03-27T09:00", "2d")]));
    check(
        &two_days,
        &[("2026-03-29T08:59:59", "a"), ("2026-03-29T09:00", "b"), ("2026-03-31T09:00", "c"), ("2026-04-02T09:00", "a")],
    );
    let two_weeks = schedule("Europe/Berlin", json!([layer(abc.clone(), "2026-01-05T09:00", "2w")]));
    check(&two_weeks, &[("2026-01-19T08:59:59", "a"), ("2026-01-19T09:00", "b"), ("2026-02-16T09:00", "a")]);
    let months = schedule("Europe/Berlin", json!([layer(abc.clone(), "2026-01-31T09:00", "1mo")]));
    check(
        &months,
        &[
            ("2026-02-28T08:59:59", "a"),
            ("2026-02-28T09:00", "b"), // clamped
            ("2026-03-28T09:00", "b"),
            ("2026-03-31T08:59:59", "b"),
            ("2026-03-31T09:00", "c"), // from the start, not from the clamped one
            ("2026-04-30T09:00", "a"),
            ("2028-02-29T09:00", "b"),
        ],
    );
    let quarters = schedule("Europe/Berlin", json!([layer(abc, "2025-11-30T00:00", "3mo")]));
    check(
        &quarters,
        &[("2026-02-27T23:59:59", "a"), ("2026-02-28T00:00", "b"), ("2026-05-30T00:00", "c"), ("2026-08-30T00:00", "a")],
    );
}

#[test]
fn several_people_and_empty_turns() {
    let pairs = schedule("UTC", json!([layer(json!([["b", "a"], "c", ["a", "a"]]), "2026-01-01T00:00", "1d")]));
    check(
        &pairs,
        &[("2026-01-01T12:00", "a+b"), ("2026-01-02T12:00", "c"), ("2026-01-03T12:00", "a"), ("2026-01-04T00:00", "a+b")],
    );
    // A turn without people is transparent, on top of another layer and by itself.
    let below = layer(json!(["z"]), "2026-01-02T12:00", "1d");
    let holes = schedule("UTC", json!([below, layer(json!(["a", []]), "2026-01-01T00:00", "1d")]));
    check(&holes, &[("2026-01-01T12:00", "a"), ("2026-01-02T06:00", "-"), ("2026-01-02T18:00", "z"), ("2026-01-03T06:00", "a")]);
    check(&schedule("UTC", json!([layer(json!([]), "2026-01-01T00:00", "1d")])), &[("2026-01-02T00:00", "-")]);
    check(&schedule("UTC", json!([])), &[("2026-01-02T00:00", "-")]);
}

#[test]
fn only_never_shifts_the_rotation() {
    let mut days = layer(json!(["a", "b"]), "2026-01-05T00:00", "1d");
    days["only"] = json!([{ "days": "mon-fri", "from": "09:00", "to": "17:00" }]);
    check(
        &schedule("UTC", json!([days])),
        &[
            ("2026-01-05T08:59:59", "-"),
            ("2026-01-05T09:00", "a"),
            ("2026-01-05T16:59:59", "a"),
            ("2026-01-05T17:00", "-"),
            ("2026-01-06T09:00", "b"),
            ("2026-01-09T09:00", "a"),
            ("2026-01-10T12:00", "-"), // Saturday counts as a turn
            ("2026-01-12T09:00", "b"),
        ],
    );
}

#[test]
fn windows_that_meet() {
    let mut night = layer(json!(["a"]), "2026-01-01T00:00", "1w");
    night["only"] =
        json!([{ "days": "fri", "from": "18:00", "to": "00:00" }, { "days": "sat,sun" }, { "days": "mon", "to": "06:00" }]);
    let weekend = schedule("UTC", json!([night]));
    assert_eq!(
        rendered(&weekend, "2026-01-07T00:00", "2026-01-14T00:00"),
        ["Wed 01-07 00:00 UTC -", "Fri 01-09 18:00 UTC a", "Mon 01-12 06:00 UTC -",]
    );
    // Equal times are 24 hours, from any time of day.
    let mut day = layer(json!(["a"]), "2026-01-01T00:00", "1w");
    day["only"] = json!([{ "days": "sat", "from": "09:00", "to": "09:00" }]);
    let saturday = schedule("UTC", json!([day]));
    assert_eq!(
        rendered(&saturday, "2026-01-09T00:00", "2026-01-18T00:00"),
        ["Fri 01-09 00:00 UTC -", "Sat 01-10 09:00 UTC a", "Sun 01-11 09:00 UTC -", "Sat 01-17 09:00 UTC a",]
    );
    let gap = who_is_on(&saturday, &[], instant(&saturday, "2026-01-11T12:00"));
    assert_eq!((gap.since, gap.until), (instant(&saturday, "2026-01-11T09:00"), instant(&saturday, "2026-01-17T09:00")));
    // Over for today: the next one is in a week.
    let mut hour = layer(json!(["a"]), "2026-01-01T00:00", "1w");
    hour["only"] = json!([{ "days": "sat", "from": "09:00", "to": "10:00" }]);
    let hour = schedule("UTC", json!([hour]));
    let gap = who_is_on(&hour, &[], instant(&hour, "2026-01-10T12:00"));
    assert_eq!((gap.since, gap.until), (instant(&hour, "2026-01-10T10:00"), instant(&hour, "2026-01-17T09:00")));
    // Many windows that overlap and meet are one stretch, from wherever in it one asks.
    let mut many = layer(json!(["a"]), "2025-01-01T00:00", "1w");
    many["only"] = json!([{ "days": "mon-fri", "to": "02:46" }, { "days": "sat-thu", "from": "00:40", "to": "00:00" }]);
    let many = schedule("UTC", json!([many]));
    for at in ["2026-01-04T00:40", "2026-01-04T12:00", "2026-01-07T00:00", "2026-01-09T02:45"] {
        let open = who_is_on(&many, &[], instant(&many, at));
        assert_eq!((open.since, open.until), (instant(&many, "2026-01-04T00:40"), instant(&many, "2026-01-09T02:46")), "{at}");
    }
    // Around the clock is no window at all, and its span does not end each midnight.
    let mut always = layer(json!(["a"]), "2026-01-01T00:00", "1w");
    always["only"] = json!([{}]);
    let always = schedule("UTC", json!([always]));
    let at = instant(&always, "2026-06-01T12:00");
    assert_eq!(who_is_on(&always, &[], at).until, at + HORIZON);
    let shift = shift_at(&always, &[], at);
    assert_eq!((shift.since, shift.until), (instant(&always, "2026-01-01T00:00"), instant(&always, "2027-07-06T12:00")));
}

/// Hand-offs in the hour that is skipped or repeated: no gap, no overlap, one hand-off.
#[test]
fn hand_offs_at_clock_changes() {
    for (zone, start, from, to, expect) in [
        // 02:30 does not exist on 2026-03-08: the hand-off is at 03:00, half an hour "late" by the wall, not by the clock.
        (
            "America/Chicago",
            "2026-03-06T02:30",
            "2026-03-07T12:00",
            "2026-03-10T00:00",
            &["Sat 03-07 12:00 CST b", "Sun 03-08 03:00 CDT a", "Mon 03-09 02:30 CDT b"][..],
        ),
        // 01:30 comes twice on 2026-11-01: the first counts.
        (
            "America/Chicago",
            "2026-10-30T01:30",
            "2026-10-31T12:00",
            "2026-11-03T00:00",
            &["Sat 10-31 12:00 CDT b", "Sun 11-01 01:30 CDT a", "Mon 11-02 01:30 CST b"],
        ),
        // Exactly at the change, both ways.
        (
            "Europe/Berlin",
            "2026-03-27T02:00",
            "2026-03-28T12:00",
            "2026-03-30T12:00",
            &["Sat 03-28 12:00 CET b", "Sun 03-29 03:00 CEST a", "Mon 03-30 02:00 CEST b"],
        ),
        (
            "Europe/Berlin",
            "2026-10-23T03:00",
            "2026-10-24T12:00",
            "2026-10-26T12:00",
            &["Sat 10-24 12:00 CEST b", "Sun 10-25 03:00 CET a", "Mon 10-26 03:00 CET b"],
        ),
        // Half an hour: Lord Howe skips 02:00-02:30.
        (
            "Australia/Lord_Howe",
            "2026-10-02T02:15",
            "2026-10-03T12:00",
            "2026-10-05T12:00",
            &["Sat 10-03 12:00 +1030 b", "Sun 10-04 02:30 +11 a", "Mon 10-05 02:15 +11 b"],
        ),
        // Midnight itself is skipped in Cairo: the day begins at 01:00.
        (
            "Africa/Cairo",
            "2026-04-22T00:00",
            "2026-04-23T12:00",
            "2026-04-25T12:00",
            &["Thu 04-23 12:00 EET b", "Fri 04-24 01:00 EEST a", "Sat 04-25 00:00 EEST b"],
        ),
        // Samoa had no 30 December 2011: that turn begins with the 31st and lasts until its own hand-off.
        (
            "Pacific/Apia",
            "2011-12-28T09:00",
            "2011-12-29T00:00",
            "2012-01-01T12:00",
            &[
                "Thu 12-29 00:00 -10 a",
                "Thu 12-29 09:00 -10 b",
                "Sat 12-31 00:00 +14 a",
                "Sat 12-31 09:00 +14 b",
                "Sun 01-01 09:00 +14 a",
            ],
        ),
        // At midnight the skipped turn has no length.
        (
            "Pacific/Apia",
            "2011-12-28T00:00",
            "2011-12-28T12:00",
            "2012-01-01T12:00",
            &["Wed 12-28 12:00 -10 a", "Thu 12-29 00:00 -10 b", "Sun 01-01 00:00 +14 a"],
        ),
        // Kwajalein skipped 21 August 1993.
        (
            "Pacific/Kwajalein",
            "1993-08-19T12:00",
            "1993-08-20T00:00",
            "1993-08-23T00:00",
            &["Fri 08-20 00:00 -12 a", "Fri 08-20 12:00 -12 b", "Sun 08-22 00:00 +12 a", "Sun 08-22 12:00 +12 b"],
        ),
    ] {
        let schedule = schedule(zone, json!([layer(json!(["a", "b"]), start, "1d")]));
        assert_eq!(rendered(&schedule, from, to), expect, "{zone} {start}");
    }
}

#[test]
fn windows_at_clock_changes() {
    for (zone, window, from, to, expect) in [
        // 02:00-03:00 does not exist this night.
        (
            "America/Chicago",
            ("02:00", "03:00"),
            "2026-03-07T12:00",
            "2026-03-09T12:00",
            &["Sat 03-07 12:00 CST -", "Mon 03-09 02:00 CDT a", "Mon 03-09 03:00 CDT -"][..],
        ),
        // 01:00-02:00 comes twice; it begins with the first and ends when two o'clock is reached.
        (
            "America/Chicago",
            ("01:00", "02:00"),
            "2026-10-31T12:00",
            "2026-11-01T12:00",
            &["Sat 10-31 12:00 CDT -", "Sun 11-01 01:00 CDT a", "Sun 11-01 02:00 CST -"],
        ),
        // Ends in the repeated hour: its first occurrence.
        (
            "America/Chicago",
            ("22:00", "01:30"),
            "2026-10-31T12:00",
            "2026-11-01T12:00",
            &["Sat 10-31 12:00 CDT -", "Sat 10-31 22:00 CDT a", "Sun 11-01 01:30 CDT -"],
        ),
        // Across the change: nothing special, an hour shorter.
        (
            "Europe/Berlin",
            ("22:00", "06:00"),
            "2026-03-28T12:00",
            "2026-03-29T12:00",
            &["Sat 03-28 12:00 CET -", "Sat 03-28 22:00 CET a", "Sun 03-29 06:00 CEST -"],
        ),
    ] {
        let mut only = layer(json!(["a"]), "2020-01-01T00:00", "1w");
        only["only"] = json!([{ "from": window.0, "to": window.1 }]);
        let schedule = schedule(zone, json!([only]));
        assert_eq!(rendered(&schedule, from, to), expect, "{zone} {window:?}");
    }
}

#[test]
fn overrides() {
    let [add, remove, replace] = [Change::Add, Change::Remove, Change::Replace];
    let user = UserId::from;
    let mut base = schedule("UTC", json!([layer(json!([["a", "b"]]), "2026-01-01T00:00", "1w")]));
    base.overrides = vec![change(&base, replace(user("f")), "2026-01-10T00:00", "2026-01-20T00:00", 0)];
    let live = |rows: Vec<(Change, &str, &str, i64)>| -> Vec<Override> {
        rows.into_iter().map(|(what, from, to, made)| change(&base, what, from, to, made)).collect()
    };
    let outside = ("2026-01-09T23:59:59", "a+b");
    for (name, live, rows) in [
        (
            "files",
            live(vec![]),
            &[outside, ("2026-01-10T00:00", "f"), ("2026-01-19T23:59:59", "f"), ("2026-01-20T00:00", "a+b")][..],
        ),
        (
            "live over files",
            live(vec![(replace(user("x")), "2026-01-12T00:00", "2026-01-13T00:00", 5)]),
            &[("2026-01-11T00:00", "f"), ("2026-01-12T00:00", "x"), ("2026-01-13T00:00", "f")],
        ),
        (
            "live over files made at the same time",
            live(vec![(replace(user("x")), "2026-01-12T00:00", "2026-01-13T00:00", 0)]),
            &[("2026-01-12T00:00", "x")],
        ),
        (
            "the one made last",
            live(vec![
                (replace(user("x")), "2026-01-12T00:00", "2026-01-16T00:00", 9),
                (replace(user("y")), "2026-01-11T00:00", "2026-01-14T00:00", 7),
            ]),
            &[("2026-01-11T00:00", "y"), ("2026-01-12T00:00", "x"), ("2026-01-15T00:00", "x"), ("2026-01-16T00:00", "f")],
        ),
        (
            "add",
            live(vec![(add(user("x")), "2026-01-09T00:00", "2026-01-11T00:00", 1)]),
            &[("2026-01-08T23:59", "a+b"), ("2026-01-09T00:00", "a+b+x"), ("2026-01-10T00:00", "f+x"), ("2026-01-11T00:00", "f")],
        ),
        (
            "add who is on",
            live(vec![(add(user("a")), "2026-01-09T00:00", "2026-01-11T00:00", 1)]),
            &[("2026-01-09T00:00", "a+b")],
        ),
        (
            "remove",
            live(vec![(remove(user("a")), "2026-01-09T00:00", "2026-01-11T00:00", 1)]),
            &[("2026-01-09T00:00", "b"), ("2026-01-10T00:00", "f")],
        ),
        (
            "remove the last one: a gap",
            live(vec![(remove(user("f")), "2026-01-12T00:00", "2026-01-13T00:00", 1)]),
            &[("2026-01-12T12:00", "-")],
        ),
        (
            "removed is off, whenever added",
            live(vec![
                (remove(user("x")), "2026-01-12T00:00", "2026-01-13T00:00", 1),
                (add(user("x")), "2026-01-12T00:00", "2026-01-13T00:00", 2),
                (replace(user("x")), "2026-01-12T00:00", "2026-01-13T00:00", 3),
            ]),
            &[("2026-01-12T12:00", "-")],
        ),
        (
            "empty and backward spans are nothing",
            live(vec![
                (replace(user("x")), "2026-01-12T00:00", "2026-01-12T00:00", 3),
                (replace(user("x")), "2026-01-13T00:00", "2026-01-11T00:00", 3),
            ]),
            &[("2026-01-12T00:00", "f")],
        ),
        (
            "where no layer says anything",
            live(vec![(add(user("x")), "2025-12-01T00:00", "2025-12-02T00:00", 3)]),
            &[("2025-11-30T23:59", "-"), ("2025-12-01T00:00", "x"), ("2025-12-02T00:00", "-")],
        ),
    ] {
        println!("{name}");
        check_with(&base, &live, rows);
    }
}

#[test]
fn spans_around_an_instant() {
    let schedule = pupper_primary();
    for (at, since, until) in [
        ("2026-01-13T12:00", "2026-01-13T06:00", "2026-01-13T22:00"),
        ("2026-01-18T12:00", "2026-01-17T06:00", "2026-01-19T09:00"),
        ("2026-02-02T12:00", "2026-02-02T09:00", "2026-02-02T22:00"),
    ] {
        let on = who_is_on(&schedule, &[], instant(&schedule, at));
        assert_eq!((on.since, on.until), (instant(&schedule, since), instant(&schedule, until)), "{at}");
    }
    // Grace's override ends where her week begins: for people that is one shift.
    let shift = shift_at(&schedule, &[], instant(&schedule, "2026-02-02T12:00"));
    assert_eq!((shift.since, shift.until), (instant(&schedule, "2026-02-01T09:00"), instant(&schedule, "2026-02-02T22:00")));
}

#[test]
fn ranges_are_bounded() {
    let schedule = pupper_primary();
    let (from, to) = (instant(&schedule, "2026-01-05T09:00"), instant(&schedule, "2026-01-06T09:00"));
    assert_eq!(render(&schedule, &[], to, from), []);
    assert_eq!(render(&schedule, &[], from, from), []);
    let all = render(&schedule, &[], from, Timestamp::MAX);
    assert_eq!(all.last().unwrap().until, from + MAX_RENDER);
    // Time has ends, and so has the calendar; nothing breaks there.
    for zone in ["UTC", "Pacific/Kiritimati", "Etc/GMT+12", "America/Chicago"] {
        for (start, every) in [
            ("-009999-01-01T00:00", "1d"),
            ("9999-12-31T23:59", "1d"),
            ("9999-01-31T00:00", "10000mo"),
            ("1900-01-01T00:00", "10000h"),
        ] {
            let mut edge = layer(json!(["a", "b"]), start, every);
            edge["only"] = json!([{ "from": "22:00", "to": "06:00" }]);
            let schedule = self::schedule(zone, json!([edge]));
            for at in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
                let on = who_is_on(&schedule, &[], at);
                assert!(on.since < on.until, "{zone} {start} {at}");
                render(&schedule, &[], at.saturating_sub(MAX_RENDER).unwrap_or(Timestamp::MIN), Timestamp::MAX);
            }
        }
    }
}
