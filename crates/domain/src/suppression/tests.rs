use super::*;
use serde_json::{Value, json};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn maintenance(form: Value) -> Maintenance {
    let mut whole = json!({ "id": "m", "services": ["web"] });
    whole.as_object_mut().unwrap().extend(form.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

fn silence(id: &str, service: Option<&str>, matchers: &[&str], from: &str, until: &str) -> Silence {
    Silence {
        id: SilenceId::from(id),
        service: service.map(ServiceId::from),
        integration: None,
        matchers: matchers.iter().map(|text| text.parse().unwrap()).collect(),
        from: at(from),
        until: at(until),
        why: format!("why {id}"),
        created_by: String::new(),
    }
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn recurring_maintenance() {
    let nightly = json!({ "every": "day", "from": "02:00", "to": "03:00", "timezone": "America/Chicago" });
    let late = json!({ "every": "day", "from": "23:00", "to": "01:00", "timezone": "America/Chicago" });
    let repeated = json!({ "every": "day", "from": "01:00", "to": "02:00", "timezone": "America/Chicago" });
    let weekly = json!({ "every": "week", "days": "sun", "from": "22:00", "to": "04:00", "timezone": "UTC" });
    let monthly = json!({ "every": "month", "day": 31, "from": "12:00", "to": "12:00", "timezone": "UTC" });
    let first = json!({ "every": "month", "from": "00:00", "to": "06:00", "timezone": "UTC" });
    /// What, an instant, the occurrence that covers it, the next one.
    type Row<'a> = (&'a str, &'a Value, &'a str, Option<[&'a str; 2]>, [&'a str; 2]);
    let rows: &[Row<'_>] = &[
        ("before", &nightly, "2026-01-05T07:59:59Z", None, ["2026-01-05T08:00Z", "2026-01-05T09:00Z"]),
        (
            "in it",
            &nightly,
            "2026-01-05T08:00Z",
            Some(["2026-01-05T08:00Z", "2026-01-05T09:00Z"]),
            ["2026-01-06T08:00Z", "2026-01-06T09:00Z"],
        ),
        ("over", &nightly, "2026-01-05T09:00Z", None, ["2026-01-06T08:00Z", "2026-01-06T09:00Z"]),
        (
            "summer time",
            &nightly,
            "2026-07-05T07:30Z",
            Some(["2026-07-05T07:00Z", "2026-07-05T08:00Z"]),
            ["2026-07-06T07:00Z", "2026-07-06T08:00Z"],
        ),
        ("swallowed by the clock change", &nightly, "2026-03-08T08:00Z", None, ["2026-03-09T07:00Z", "2026-03-09T08:00Z"]),
        ("skips the swallowed one", &nightly, "2026-03-07T12:00Z", None, ["2026-03-09T07:00Z", "2026-03-09T08:00Z"]),
        (
            "the hour that comes twice",
            &repeated,
            "2026-11-01T06:30Z",
            Some(["2026-11-01T06:00Z", "2026-11-01T08:00Z"]),
            ["2026-11-02T07:00Z", "2026-11-02T08:00Z"],
        ),
        (
            "its second time",
            &repeated,
            "2026-11-01T07:59:59Z",
            Some(["2026-11-01T06:00Z", "2026-11-01T08:00Z"]),
            ["2026-11-02T07:00Z", "2026-11-02T08:00Z"],
        ),
        ("it is two o'clock", &repeated, "2026-11-01T08:00Z", None, ["2026-11-02T07:00Z", "2026-11-02T08:00Z"]),
        (
            "across midnight",
            &late,
            "2026-01-06T06:30Z",
            Some(["2026-01-06T05:00Z", "2026-01-06T07:00Z"]),
            ["2026-01-07T05:00Z", "2026-01-07T07:00Z"],
        ),
        ("across midnight, over", &late, "2026-01-06T07:00Z", None, ["2026-01-07T05:00Z", "2026-01-07T07:00Z"]),
        (
            "Sunday night",
            &weekly,
            "2026-01-11T22:00Z",
            Some(["2026-01-11T22:00Z", "2026-01-12T04:00Z"]),
            ["2026-01-18T22:00Z", "2026-01-19T04:00Z"],
        ),
        (
            "Monday morning",
            &weekly,
            "2026-01-12T03:59:59Z",
            Some(["2026-01-11T22:00Z", "2026-01-12T04:00Z"]),
            ["2026-01-18T22:00Z", "2026-01-19T04:00Z"],
        ),
        ("Saturday night", &weekly, "2026-01-10T23:00Z", None, ["2026-01-11T22:00Z", "2026-01-12T04:00Z"]),
        (
            "the last of the month",
            &monthly,
            "2026-02-28T12:00Z",
            Some(["2026-02-28T12:00Z", "2026-03-01T12:00Z"]),
            ["2026-03-31T12:00Z", "2026-04-01T12:00Z"],
        ),
        (
            "24 hours of it",
            &monthly,
            "2026-03-01T11:59:59Z",
            Some(["2026-02-28T12:00Z", "2026-03-01T12:00Z"]),
            ["2026-03-31T12:00Z", "2026-04-01T12:00Z"],
        ),
        ("not the 30th of 31", &monthly, "2026-03-30T12:00Z", None, ["2026-03-31T12:00Z", "2026-04-01T12:00Z"]),
        (
            "without a day: the first",
            &first,
            "2026-03-01T05:00Z",
            Some(["2026-03-01T00:00Z", "2026-03-01T06:00Z"]),
            ["2026-04-01T00:00Z", "2026-04-01T06:00Z"],
        ),
    ];
    for (name, form, now, expect, next) in rows {
        let window = maintenance((*form).clone());
        assert_eq!(occurrence(&window, at(now)), expect.map(|[from, to]| (at(from), at(to))), "{name}");
        assert_eq!(next_occurrence(&window, at(now)), Some((at(next[0]), at(next[1]))), "{name}: next");
    }
}

#[test]
fn maintenance_once() {
    let window = maintenance(json!({ "from": "2026-01-05T08:00:00Z", "to": "2026-01-05T09:00:00Z" }));
    let span = Some((at("2026-01-05T08:00Z"), at("2026-01-05T09:00Z")));
    for (now, covered, next) in [
        ("2026-01-05T07:59:59Z", None, span),
        ("2026-01-05T08:00Z", span, None),
        ("2026-01-05T08:59:59Z", span, None),
        ("2026-01-05T09:00Z", None, None),
    ] {
        assert_eq!((occurrence(&window, at(now)), next_occurrence(&window, at(now))), (covered, next), "{now}");
    }
    let never = maintenance(json!({ "from": "2026-01-05T09:00:00Z", "to": "2026-01-05T08:00:00Z" }));
    assert_eq!((occurrence(&never, at("2026-01-05T08:30Z")), next_occurrence(&never, at("2026-01-01T00:00Z"))), (None, None));
}

#[test]
fn what_holds_an_alert() {
    let mut world = World::default();
    let (start, noon, evening) = ("2026-01-05T00:00Z", "2026-01-05T12:00Z", "2026-01-05T18:00Z");
    world.setup.silences.insert(silence("noisy", Some("web"), &["alertname=Noisy"], start, noon));
    world.live.silences.push(silence("everywhere", None, &["env=~test|dev", "team!=core"], start, evening));
    world.live.silences.push(silence("all-of-db", Some("db"), &[], start, noon));
    let nightly = json!({ "every": "day", "from": "08:00", "to": "09:00", "timezone": "UTC", "why": "patches" });
    world.setup.maintenance.insert(maintenance(nightly));
    let once = json!({ "id": "x", "from": "2026-01-05T08:30:00Z", "to": "2026-01-05T20:00:00Z" });
    world.live.maintenance.push(Maintenance { id: MaintenanceId::from("live"), ..maintenance(once) });

    let noisy: &[(&str, &str)] = &[("alertname", "Noisy")];
    for (service, pairs, now, expect) in [
        (Some("web"), noisy, "2026-01-05T01:00Z", Some(("silence noisy", noon))),
        (Some("web"), noisy, "2026-01-04T23:59:59Z", None),
        (Some("web"), &[("alertname", "Other")], "2026-01-05T01:00Z", None),
        (Some("db"), noisy, "2026-01-05T01:00Z", Some(("silence all-of-db", noon))),
        (Some("db"), noisy, noon, None), // its end is exclusive
        (None, noisy, "2026-01-05T01:00Z", None),
        (None, &[("env", "test")], "2026-01-05T01:00Z", Some(("silence everywhere", evening))),
        (None, &[("env", "test"), ("team", "core")], "2026-01-05T01:00Z", None), // all must match
        (Some("web"), &[("alertname", "Noisy"), ("env", "dev")], "2026-01-05T01:00Z", Some(("silence everywhere", evening))),
        (Some("web"), &[], "2026-01-05T08:00Z", Some(("maintenance m", "2026-01-05T09:00Z"))),
        (Some("web"), noisy, "2026-01-05T08:00Z", Some(("silence noisy", noon))), // what ends last
        (Some("web"), noisy, "2026-01-05T08:45Z", Some(("maintenance live", "2026-01-05T20:00Z"))),
        (Some("other"), &[], "2026-01-05T08:45Z", None),
        (None, &[], "2026-01-05T08:45Z", None),
    ] {
        let service = service.map(ServiceId::from);
        let held = held(&world, service.as_ref(), None, &labels(pairs), at(now));
        let brief = held.as_ref().map(|held| (held.by.as_str(), held.until));
        assert_eq!(brief, expect.map(|(by, until)| (by, at(until))), "{service:?} {pairs:?} {now}");
    }
    let why = |now| held(&world, Some(&ServiceId::from("web")), None, &labels(noisy), at(now)).unwrap().why;
    assert_eq!((why("2026-01-05T01:00Z"), why("2026-01-06T08:00Z")), ("why noisy".to_owned(), "patches".to_owned()));
}

#[test]
fn a_silence_made_through_a_key_holds_back_only_what_came_in_through_it() {
    let from_shop = Some(IntegrationId::from("shop/am"));
    let quiet =
        Silence { integration: from_shop.clone(), ..silence("s", None, &["env=test"], "2026-01-05T00:00Z", "2026-01-06T00:00Z") };
    let mut world = World::default();
    world.live.silences.push(quiet);
    let other = Some(IntegrationId::from("web/am"));
    for (service, integration, expect) in
        [("shop", &from_shop, true), ("web", &from_shop, true), ("shop", &other, false), ("shop", &None, false)]
    {
        let held =
            held(&world, Some(&service.into()), integration.as_ref(), &labels(&[("env", "test")]), at("2026-01-05T01:00Z"));
        assert_eq!(held.is_some(), expect, "{service} {integration:?}");
    }
}

#[test]
fn waking_hours() {
    let user = |zone: Option<&str>, from: &str, to: &str| -> User {
        serde_json::from_value(json!({ "id": "u", "timezone": zone, "waking": { "from": from, "to": to } })).unwrap()
    };
    let now = |until| Awake::Now { until: at(until) };
    let from = |from| Awake::At { from: at(from) };
    let berlin = Zone::get("Europe/Berlin").unwrap();
    for (zone, hours, fallback, instant, expect) in [
        (None, ("08:00", "20:00"), None, "2026-01-05T08:00Z", now("2026-01-05T20:00Z")),
        (None, ("08:00", "20:00"), None, "2026-01-05T07:59:59Z", from("2026-01-05T08:00Z")),
        (None, ("08:00", "20:00"), None, "2026-01-05T20:00Z", from("2026-01-06T08:00Z")),
        (None, ("08:00", "20:00"), Some(&berlin), "2026-01-05T07:00Z", now("2026-01-05T19:00Z")),
        (Some("America/Chicago"), ("08:00", "20:00"), Some(&berlin), "2026-01-05T07:00Z", from("2026-01-05T14:00Z")),
        (Some("America/Chicago"), ("08:00", "20:00"), None, "2026-03-08T02:00Z", from("2026-03-08T13:00Z")), // the clocks go forward
        (None, ("22:00", "06:00"), None, "2026-01-05T23:00Z", now("2026-01-06T06:00Z")),
        (None, ("22:00", "06:00"), None, "2026-01-06T05:00Z", now("2026-01-06T06:00Z")),
        (None, ("22:00", "06:00"), None, "2026-01-06T06:00Z", from("2026-01-06T22:00Z")),
        (None, ("09:00", "09:00"), None, "2026-01-06T08:00Z", now("2026-01-07T08:00Z")), // around the clock
    ] {
        assert_eq!(waking(&user(zone, hours.0, hours.1), fallback, at(instant)), expect, "{zone:?} {hours:?} {instant}");
    }
    let default: User = serde_json::from_value(json!({ "id": "u" })).unwrap();
    assert_eq!(waking(&default, None, at("2026-01-05T12:00Z")), now("2026-01-05T20:00Z"));
}

#[test]
fn whoever_is_away_is_on_no_schedule_however_they_were_put_on() {
    let setup: Setup = serde_json::from_value(serde_json::json!({
        "users": [{ "id": "ada" }, { "id": "bob" }],
        "schedules": [
            { "id": "alone", "timezone": "UTC", "layers": [{ "id": "l", "users": ["ada"], "start": "2026-01-05T00:00", "every": "1w" }] },
            { "id": "both", "timezone": "UTC", "layers": [{ "id": "l", "users": [["ada", "bob"]], "start": "2026-01-05T00:00", "every": "1w" }] },
            { "id": "others", "timezone": "UTC", "layers": [{ "id": "l", "users": ["bob"], "start": "2026-01-05T00:00", "every": "1w" }] },
        ],
    }))
    .unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let span = (at("2026-03-02T08:00:00Z"), at("2026-03-02T12:00:00Z"));
    let leave = Leave { id: LeaveId::from("l1"), user: UserId::from("ada"), from: span.0, to: span.1, why: String::new() };
    // Somebody puts her on all the same, later: she is still away.
    let put_on = Override {
        id: OverrideId::from("o"),
        change: Change::Replace(UserId::from("ada")),
        from: span.0,
        to: span.1,
        created_at: span.1,
    };
    let mut live = Live { leave: vec![leave.clone()], ..Live::default() };
    live.overrides.insert(ScheduleId::from("others"), vec![put_on]);
    live.apply_leave(&setup);
    assert_eq!(live.leave, [leave]);
    let on = |schedule: &str, when: &str| {
        let schedule = setup.schedules.get(schedule).unwrap();
        let users = crate::schedule::who_is_on(schedule, live.overrides_of(&schedule.id), at(when)).users;
        users.into_iter().map(|user| user.0).collect::<Vec<_>>()
    };
    for (schedule, during, after) in
        [("alone", vec![], vec!["ada"]), ("both", vec!["bob"], vec!["ada", "bob"]), ("others", vec![], vec!["bob"])]
    {
        assert_eq!(on(schedule, "2026-03-02T10:00:00Z"), during, "{schedule}");
        assert_eq!(on(schedule, "2026-03-02T12:00:00Z"), after, "{schedule}");
    }
}
