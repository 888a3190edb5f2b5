//! Who is on, worked out the slow and obvious way: a clock on the wall that is read every minute, turns
//! that are counted one by one from the start. It shares no code with the resolver, and the properties
//! below hold the resolver to it. `PROPTEST_CASES` raises the number of cases.

use super::{HORIZON, Inputs, NANOSECOND, OnCall, Span, render, shift_at, wall, who_is_on};
use crate::id::{OverrideId, ScheduleId, UserId};
use crate::setup::{Change, Days, Every, Layer, Override, Schedule, Unit, Window, Zone};
use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;
use std::collections::BTreeSet;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Two days: more than any clock was ever set back, so that a walk which begins in the middle of a
/// repeated hour has read the wall clock before.
const WARM_UP: SignedDuration = SignedDuration::from_hours(48);

/// The wall clock of a zone, read minute by minute. It never goes back: a repeated hour is no news.
struct WallClock<'a> {
    tz: &'a TimeZone,
    at: Timestamp,
    high: DateTime,
}

impl<'a> WallClock<'a> {
    fn warm(tz: &'a TimeZone, at: Timestamp) -> Self {
        let start = at - WARM_UP;
        let mut clock = Self { tz, at: start, high: tz.to_datetime(start) };
        while clock.at < at {
            clock.tick();
        }
        clock
    }

    fn tick(&mut self) {
        self.at += MINUTE;
        self.high = self.high.max(self.tz.to_datetime(self.at));
    }
}

/// The first second at which the wall clock has reached a local time.
fn second_of(tz: &TimeZone, local: DateTime) -> Timestamp {
    let in_utc = TimeZone::UTC.to_timestamp(local).unwrap();
    let mut clock = WallClock::warm(tz, in_utc - SignedDuration::from_hours(50));
    while clock.high < local {
        clock.tick();
    }
    let mut seconds = (0..=60).map(|s| clock.at - MINUTE + SignedDuration::from_secs(s));
    seconds.find(|second| tz.to_datetime(*second) >= local).unwrap()
}

/// How many turns of a layer have begun.
struct Turns<'a> {
    layer: &'a Layer,
    begun: i64,
    /// Of an hourly rotation.
    start: Option<Timestamp>,
}

impl<'a> Turns<'a> {
    fn of(layer: &'a Layer, tz: &TimeZone) -> Self {
        let start = (layer.every.unit == Unit::Hour).then(|| second_of(tz, layer.start));
        Self { layer, begun: 0, start }
    }

    /// Counts on to what the clock shows; answers whose turn it is.
    fn at(&mut self, clock: &WallClock<'_>) -> &'a [UserId] {
        let Layer { every: Every { n, unit }, start, users, .. } = self.layer;
        loop {
            let units = self.begun * i64::from(*n);
            let begins = match unit {
                Unit::Hour => self.start.unwrap() + SignedDuration::from_hours(units) <= clock.at,
                Unit::Day => start.checked_add(units.days()).unwrap() <= clock.high,
                Unit::Week => start.checked_add(units.weeks()).unwrap() <= clock.high,
                Unit::Month => start.checked_add(units.months()).unwrap() <= clock.high,
            };
            if !begins {
                break;
            }
            self.begun += 1;
        }
        if self.begun == 0 || users.is_empty() { &[] } else { &users[(self.begun - 1) as usize % users.len()] }
    }
}

fn open(window: &Window, high: DateTime) -> bool {
    (-2..=1).any(|shift| {
        let day = high.date().checked_add(shift.days()).unwrap();
        let end = if window.to > window.from { day } else { day.tomorrow().unwrap() };
        window.days.contains(day.weekday()) && day.to_datetime(window.from) <= high && high < end.to_datetime(window.to)
    })
}

/// Who is on in each of the minutes from `from`.
fn minutes(schedule: &Schedule, live: &[Override], from: Timestamp, count: usize) -> Vec<BTreeSet<UserId>> {
    let tz = schedule.timezone.tz();
    let mut clock = WallClock::warm(tz, from);
    let mut layers: Vec<_> = schedule.layers.iter().map(|layer| Turns::of(layer, tz)).collect();
    let mut answers = Vec::new();
    for _ in 0..count {
        let mut on: BTreeSet<UserId> = BTreeSet::new();
        for turns in &mut layers {
            let only = &turns.layer.only;
            let users = turns.at(&clock);
            if !users.is_empty() && (only.is_empty() || only.iter().any(|window| open(window, clock.high))) {
                on = users.iter().cloned().collect();
            }
        }
        let all: Vec<&Override> = schedule.overrides.iter().chain(live).collect();
        let now: Vec<_> = all.into_iter().filter(|o| o.from <= clock.at && clock.at < o.to).collect();
        let mut last = None;
        for o in &now {
            if let Change::Replace(user) = &o.change
                && last.is_none_or(|made| o.created_at >= made)
            {
                last = Some(o.created_at);
                on = BTreeSet::from([user.clone()]);
            }
        }
        on.extend(now.iter().filter_map(|o| if let Change::Add(user) = &o.change { Some(user.clone()) } else { None }));
        on.retain(|user| !now.iter().any(|o| o.change == Change::Remove(user.clone())));
        answers.push(on);
        clock.tick();
    }
    answers
}

/// A schedule and the instant worth looking at: near a clock change of its zone where there is one.
#[derive(Clone, Debug)]
struct Scene {
    schedule: Schedule,
    live: Vec<Override>,
    at: Timestamp,
}

/// Odd ones: half-hour clock changes, days that were skipped, changes at midnight, seconds, far offsets,
/// clocks put back for Ramadan, a summer time that is negative.
const ODD_ZONES: [&str; 16] = [
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "Pacific/Kiritimati",
    "Pacific/Enderbury",
    "Africa/Monrovia",
    "Africa/Casablanca",
    "Africa/Cairo",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Scoresbysund",
    "Antarctica/Troll",
    "Antarctica/Casey",
    "Asia/Kathmandu",
    "Asia/Gaza",
    "Europe/Dublin",
];

fn scene(zone: impl Strategy<Value = String>) -> impl Strategy<Value = Scene> {
    let layers = prop::collection::vec(layer_form(), 0..4);
    let overrides = prop::collection::vec(override_form(), 0..5);
    (zone, 1970..2100_i16, 0..366_i64, -300..300_i64, layers, overrides, 0..5_usize).prop_map(
        |(zone, year, day, shift, layers, overrides, in_files)| {
            let timezone = Zone::get(&zone).unwrap();
            let tz = timezone.tz();
            let day = jiff::civil::date(year, 1, 1).checked_add(day.days()).unwrap();
            let somewhere = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).unwrap();
            let change = tz.following(somewhere).next().map(|change| change.timestamp());
            // Rules of a zone without summer time end somewhere; the last change may be far away.
            let centre = change.filter(|change| change.duration_since(somewhere).as_hours() < 400 * 24).unwrap_or(somewhere);
            let local = tz.to_datetime(centre);
            let layers = layers.into_iter().enumerate().map(|(i, form)| form.layer(i, local)).collect();
            let mut files: Vec<_> = overrides.into_iter().map(|form| form.item(centre)).collect();
            let live = files.split_off(in_files.min(files.len()));
            let id = ScheduleId::from("s");
            let schedule = Schedule { id, name: String::new(), team: None, timezone, layers, overrides: files };
            Scene { schedule, live, at: centre + SignedDuration::from_mins(shift) }
        },
    )
}

#[derive(Clone, Debug)]
struct LayerForm {
    turns: Vec<Vec<UserId>>,
    days_before: i64,
    minutes_off: i64,
    every: Every,
    only: Vec<(u8, i64, i64)>,
}

fn user() -> impl Strategy<Value = UserId> {
    prop::sample::select(vec!["ada", "bob", "cyd", "dan", "eve"]).prop_map(UserId::from)
}

fn every() -> impl Strategy<Value = Every> {
    prop_oneof![
        (1..40_u32).prop_map(|n| Every { n, unit: Unit::Hour }),
        (1..4_u32).prop_map(|n| Every { n, unit: Unit::Day }),
        (1..4_u32).prop_map(|n| Every { n, unit: Unit::Week }),
        (1..4_u32).prop_map(|n| Every { n, unit: Unit::Month }),
    ]
}

fn layer_form() -> impl Strategy<Value = LayerForm> {
    let turns = prop::collection::vec(prop::collection::vec(user(), 0..3), 0..5);
    // Mostly recent, since every turn is counted; sometimes decades ago, sometimes not begun yet.
    let days_before = prop_oneof![18 => 0..900_i64, 1 => -3..3_i64, 1 => 0..20_000_i64];
    let only = prop::collection::vec((0..128_u8, -200..200_i64, -200..1640_i64), 0..3);
    (turns, days_before, -100..100_i64, every(), only).prop_map(|(turns, days_before, minutes_off, every, only)| LayerForm {
        turns,
        days_before,
        minutes_off,
        every,
        only,
    })
}

impl LayerForm {
    /// Times of day are drawn near the one that is looked at, so that boundaries meet clock changes.
    fn layer(self, i: usize, near: DateTime) -> Layer {
        let off = |minutes: i64| near.checked_add(minutes.minutes()).unwrap();
        let time = |minutes: i64| {
            let time = off(minutes).time();
            Time::new(time.hour(), time.minute(), 0, 0).unwrap()
        };
        let day = |i: u8| Weekday::from_monday_zero_offset(i as i8).unwrap();
        let windows = self.only.iter().map(|(days, from, to)| Window {
            days: Days::of(&(0..7).filter(|i| days & (1 << i) != 0).map(day).collect::<Vec<_>>()),
            from: time(*from),
            to: time(*to),
        });
        Layer {
            id: format!("l{i}"),
            users: self.turns,
            start: off(self.minutes_off).checked_sub(self.days_before.days()).unwrap(),
            every: self.every,
            only: windows.collect(),
        }
    }
}

#[derive(Clone, Debug)]
struct OverrideForm {
    change: Change,
    from: i64,
    length: i64,
    created_at: i64,
}

fn override_form() -> impl Strategy<Value = OverrideForm> {
    let change = prop_oneof![user().prop_map(Change::Replace), user().prop_map(Change::Add), user().prop_map(Change::Remove)];
    (change, -600..600_i64, -5..600_i64, 0..3_i64).prop_map(|(change, from, length, created_at)| OverrideForm {
        change,
        from,
        length,
        created_at,
    })
}

impl OverrideForm {
    fn item(self, near: Timestamp) -> Override {
        let from = near + SignedDuration::from_mins(self.from);
        let created_at = Timestamp::from_second(self.created_at).unwrap();
        Override { id: OverrideId::from("o"), change: self.change, from, to: from + MINUTE * (self.length as i32), created_at }
    }
}

/// The minutes looked at on each side of the instant.
const AROUND: usize = 150;

fn agrees_with_the_oracle(scene: &Scene) -> Result<(), TestCaseError> {
    let Scene { schedule, live, at } = scene;
    let from = *at - MINUTE * (AROUND as i32);
    let to = *at + MINUTE * (AROUND as i32);
    let spans = render(schedule, live, from, to);
    covers_exactly(&spans, from, to)?;
    let mut on: Option<OnCall> = None;
    for (i, expect) in minutes(schedule, live, from, 2 * AROUND).into_iter().enumerate() {
        let minute = from + MINUTE * (i as i32);
        let expect: Vec<UserId> = expect.into_iter().collect();
        let span = spans.iter().find(|span| span.from <= minute && minute < span.until).unwrap();
        prop_assert_eq!(&span.users, &expect, "render at {}", minute);
        // What was promised until then must be true; ask anew only behind it, and every now and then.
        if on.as_ref().is_none_or(|on| minute >= on.until || i % 16 == 0) {
            on = Some(who_is_on(schedule, live, minute));
        }
        let on = on.as_ref().unwrap();
        prop_assert!(on.since <= minute && minute < on.until);
        prop_assert_eq!(&on.users, &expect, "who_is_on at {}", minute);
    }
    Ok(())
}

fn covers_exactly(spans: &[Span], from: Timestamp, to: Timestamp) -> Result<(), TestCaseError> {
    prop_assert_eq!(spans.first().map(|span| span.from), Some(from));
    prop_assert_eq!(spans.last().map(|span| span.until), Some(to));
    prop_assert!(spans.iter().all(|span| span.from < span.until && span.users.is_sorted_by(|a, b| a < b)));
    for pair in spans.windows(2) {
        prop_assert_eq!(pair[0].until, pair[1].from);
        prop_assert_ne!(&pair[0].users, &pair[1].users);
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_zone_agrees_with_the_oracle(scene in scene(prop::sample::select(Zone::names()))) {
        agrees_with_the_oracle(&scene)?;
    }

    #[test]
    fn odd_zones_agree_with_the_oracle(scene in scene(prop::sample::select(&ODD_ZONES[..]).prop_map(String::from))) {
        agrees_with_the_oracle(&scene)?;
    }

    /// Months rendered at once, and each edge asked for by itself.
    #[test]
    fn render_agrees_with_who_is_on(scene in scene(prop::sample::select(Zone::names())), days in 1..100_i64) {
        let Scene { schedule, live, at } = &scene;
        let to = *at + SignedDuration::from_hours(24 * days);
        let spans = render(schedule, live, *at, to);
        covers_exactly(&spans, *at, to)?;
        for (i, span) in spans.iter().enumerate() {
            for at in [span.from, span.until - NANOSECOND] {
                let on = who_is_on(schedule, live, at);
                prop_assert_eq!(&on.users, &span.users, "at {}", at);
                prop_assert!(on.since <= at && at < on.until);
                prop_assert!(i == 0 || on.since >= span.from);
                prop_assert!(i + 1 == spans.len() || on.until <= span.until);
            }
            if i > 0 && i + 1 < spans.len() && i % 8 == 1 {
                let shift = shift_at(schedule, live, span.from);
                prop_assert_eq!((shift.since, shift.until), (span.from, span.until));
            }
        }
        // Not only at the edges that rendering found, but also where it may have missed one.
        for hour in (0..24 * days).step_by(11) {
            let at = *at + SignedDuration::from_hours(hour);
            let span = spans.iter().find(|span| span.from <= at && at < span.until).unwrap();
            prop_assert_eq!(&who_is_on(schedule, live, at).users, &span.users, "inside at {}", at);
        }
        // A walk remembers what its inputs said; asked anew they say the same.
        let (mut walk, mut next) = (Inputs::within(schedule, live, *at, to), *at);
        for _ in 0..40 {
            let piece = walk.at(next);
            let on = who_is_on(schedule, live, next);
            prop_assert_eq!(on.since, piece.since.max(next - HORIZON), "at {}", next);
            prop_assert_eq!(on.until, piece.until.min(next + HORIZON), "at {}", next);
            if piece.until >= to {
                break;
            }
            next = piece.until;
        }
        let far = shift_at(schedule, live, *at);
        prop_assert!(at.duration_since(far.since) <= HORIZON && far.until.duration_since(*at) <= HORIZON);
    }
}

/// Every zone, every clock change: the two functions that everything rests on mean the same.
#[test]
fn local_times_around_every_clock_change() {
    let (first, last): (Timestamp, Timestamp) = ("1970-01-01T00:00Z".parse().unwrap(), "2100-01-01T00:00Z".parse().unwrap());
    let mut changes = 0;
    for name in Zone::names() {
        let zone = Zone::get(&name).unwrap();
        // Far rules repeat themselves: each year up to 2040, then the last years.
        let seen = zone.tz().following(first).take_while(|change| change.timestamp() < last);
        for change in seen.filter(|change| !(2040..2097).contains(&change.timestamp().to_zoned(TimeZone::UTC).year())) {
            changes += 1;
            let at = change.timestamp();
            // The clock reads more and more, whatever is done to it.
            let probes = [-26 * 60, -90, -30, -1, 0, 1, 20, 30, 59, 60, 90, 26 * 60].map(|m| at + MINUTE * m);
            let read = probes.map(|at| wall::reached(zone.tz(), at));
            assert!(read.is_sorted(), "{name} {at}");
            for (probe, read) in probes.into_iter().zip(read) {
                let local = zone.tz().to_datetime(probe);
                assert!(read >= local, "{name} {probe}");
                assert!(wall::first_instant(zone.tz(), read) <= probe, "{name} {probe}");
                assert!(wall::first_instant(zone.tz(), read.checked_add(1.nanosecond()).unwrap()) > probe, "{name} {probe}");
            }
        }
    }
    assert!(changes > 10_000, "{changes}");
}
