//! Instants as people write them on a command line and as they read them.

use firedog_domain::setup::Zone;
use firedog_domain::time::parse_length;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, ToSpan, Unit};

/// Reads an instant: RFC 3339, a local date and time of `zone`, `now`, `now+2h`, `+2h`, `-30m`,
/// `today 09:00`, `tomorrow 09:00`, `yesterday 09:00`, `fri 22:00` (the next one).
pub(crate) fn parse(text: &str, now: Timestamp, zone: &Zone) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    if let Some(instant) = from_now(text, now) {
        return instant;
    }
    let unknown = || {
        format!(
            "`{text}` is not a time; write for example 2026-01-05T09:00Z, 2026-01-05T09:00 (in {}), now+2h, tomorrow 09:00 or fri 22:00",
            zone.name()
        )
    };
    let local = now.to_zoned(zone.tz().clone()).datetime();
    let civil = match text.split_once(' ') {
        Some((day, time)) if day_of(day, local.date()).is_some() => {
            let time = time_of_day(time.trim()).ok_or_else(unknown)?;
            next_of(day, time, local).ok_or_else(unknown)?
        }
        _ => match (day_of(text, local.date()), time_of_day(text)) {
            (Some(_), _) => next_of(text, Time::midnight(), local).ok_or_else(unknown)?,
            (None, Some(time)) => local.date().to_datetime(time),
            (None, None) => text.parse::<DateTime>().map_err(|_| unknown())?,
        },
    };
    resolve(civil, zone.tz()).ok_or_else(unknown)
}

/// Whether `text` means the same instant in every zone, so that nobody needs to ask for the zone.
pub(crate) fn is_absolute(text: &str) -> bool {
    text.trim().parse::<Timestamp>().is_ok() || from_now(text.trim(), Timestamp::UNIX_EPOCH).is_some()
}

/// `now`, `now+2h`, `now - 5m`, `+2h`, `-2h`.
fn from_now(text: &str, now: Timestamp) -> Option<Result<Timestamp, String>> {
    let rest = text.strip_prefix("now").unwrap_or(text).trim_start();
    if rest.is_empty() {
        return (!text.is_empty()).then_some(Ok(now));
    }
    let forward = match rest.chars().next()? {
        '+' => true,
        '-' => false,
        _ => return None,
    };
    Some(parse_length(rest[1..].trim()).and_then(|length| {
        let instant = if forward { now.checked_add(length) } else { now.checked_sub(length) };
        instant.map_err(|_| format!("`{text}` lies beyond the end of time"))
    }))
}

fn time_of_day(text: &str) -> Option<Time> {
    // The colon's place tells `9:00` from a whole date with time, of which jiff would take the time.
    let padded = match text.find(':') {
        Some(1) => format!("0{text}"),
        Some(2) => text.to_owned(),
        _ => return None,
    };
    padded.parse().ok()
}

/// The date that a word names, seen from `today`.
fn day_of(word: &str, today: Date) -> Option<Date> {
    match word.to_ascii_lowercase().as_str() {
        "today" => Some(today),
        "tomorrow" => today.tomorrow().ok(),
        "yesterday" => today.yesterday().ok(),
        word => weekday(word)
            .and_then(|weekday| if weekday == today.weekday() { Some(today) } else { today.nth_weekday(1, weekday).ok() }),
    }
}

/// `fri 22:00` on a Friday at 23:00 means the one in a week.
fn next_of(word: &str, time: Time, now: DateTime) -> Option<DateTime> {
    let at = day_of(word, now.date())?.to_datetime(time);
    if weekday(&word.to_ascii_lowercase()).is_some() && at <= now {
        return at.checked_add(7.days()).ok();
    }
    Some(at)
}

fn weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "mon" | "monday" => Weekday::Monday,
        "tue" | "tuesday" => Weekday::Tuesday,
        "wed" | "wednesday" => Weekday::Wednesday,
        "thu" | "thursday" => Weekday::Thursday,
        "fri" | "friday" => Weekday::Friday,
        "sat" | "saturday" => Weekday::Saturday,
        "sun" | "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

/// The rule of the setup files: a skipped local time means the first valid instant after it, a
/// repeated one its first occurrence.
fn resolve(civil: DateTime, tz: &TimeZone) -> Option<Timestamp> {
    match tz.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(civil).ok(),
        AmbiguousOffset::Gap { before, .. } => {
            // Read with the old offset, the skipped time lies just behind the transition.
            let behind = before.to_timestamp(civil).ok()?.checked_add(SignedDuration::from_secs(1)).ok()?;
            tz.preceding(behind).next().map(|transition| transition.timestamp())
        }
    }
}

/// `Mon 5 Jan 09:00`; with the year where it is not this one, with seconds where there are some.
pub(crate) fn local(at: Timestamp, now: Timestamp, zone: &Zone) -> String {
    let (at, now) = (at.to_zoned(zone.tz().clone()), now.to_zoned(zone.tz().clone()));
    let year = if at.year() == now.year() { "" } else { " %Y" };
    let seconds = if at.second() == 0 { "" } else { ":%S" };
    at.strftime(&format!("%a %-d %b{year} %H:%M{seconds}")).to_string()
}

/// `Mon 5 Jan 09:00 America/Chicago (in 4 h)`.
pub(crate) fn full(at: Timestamp, now: Timestamp, zone: &Zone) -> String {
    format!("{} {} ({})", local(at, now, zone), zone.name(), relative(at, now))
}

/// `in 4 h`, `3 min ago`, `now`.
pub(crate) fn relative(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.duration_since(now).as_secs();
    match rough(seconds.unsigned_abs()) {
        None => "now".to_owned(),
        Some(length) if seconds > 0 => format!("in {length}"),
        Some(length) => format!("{length} ago"),
    }
}

/// One unit, rounded: enough to know how long, without reading.
fn rough(seconds: u64) -> Option<String> {
    let rounded = |unit: u64| (seconds + unit / 2) / unit;
    Some(match seconds {
        0 => return None,
        1..60 => format!("{seconds} s"),
        60..3_570 => format!("{} min", rounded(60)),
        3_570..170_000 => format!("{} h", rounded(3_600)),
        170_000..63_000_000 => format!("{} days", rounded(86_400)),
        _ => format!("{} years", rounded(31_557_600)),
    })
}

/// The minute that an instant lies in.
pub(crate) fn whole_minute(at: Timestamp) -> Timestamp {
    let round = TimestampRound::new().smallest(Unit::Minute).mode(RoundMode::Trunc);
    at.round(round).unwrap_or(at)
}

/// An instant of an answer, if there is one.
pub(crate) fn instant(value: &serde_json::Value, key: &str) -> Option<Timestamp> {
    value[key].as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Thursday, 10:30 in Chicago.
    const NOW: &str = "2026-03-05T16:30:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn chicago() -> Zone {
        Zone::get("America/Chicago").unwrap()
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let expected = [
            ("2026-01-05T09:00:00Z", "2026-01-05T09:00:00Z"),
            ("2026-01-05T09:00Z", "2026-01-05T09:00:00Z"),
            ("2026-01-05T09:00:00+01:00", "2026-01-05T08:00:00Z"),
            ("2026-01-05T09:00", "2026-01-05T15:00:00Z"),
            ("2026-01-05 09:00", "2026-01-05T15:00:00Z"),
            ("2026-01-05T09:00:30", "2026-01-05T15:00:30Z"),
            ("2026-01-05", "2026-01-05T06:00:00Z"),
            ("now", NOW),
            ("now+2h", "2026-03-05T18:30:00Z"),
            ("now + 1h30m", "2026-03-05T18:00:00Z"),
            ("now-30m", "2026-03-05T16:00:00Z"),
            ("+2d", "2026-03-07T16:30:00Z"),
            ("-1h", "2026-03-05T15:30:00Z"),
            ("today", "2026-03-05T06:00:00Z"),
            ("today 09:00", "2026-03-05T15:00:00Z"),
            ("tomorrow 09:00", "2026-03-06T15:00:00Z"),
            ("tomorrow 9:00", "2026-03-06T15:00:00Z"),
            ("Tomorrow", "2026-03-06T06:00:00Z"),
            ("yesterday 23:59", "2026-03-05T05:59:00Z"),
            ("22:00", "2026-03-06T04:00:00Z"),
            ("fri 22:00", "2026-03-07T04:00:00Z"),
            ("thu 12:00", "2026-03-05T18:00:00Z"),
            ("thu 09:00", "2026-03-12T14:00:00Z"),
            // A skipped local time means the first valid instant after it; a repeated one the first occurrence.
            ("2026-03-08T02:30", "2026-03-08T08:00:00Z"),
            ("2026-11-01T01:30", "2026-11-01T06:30:00Z"),
        ];
        for (text, instant) in expected {
            assert_eq!(parse(text, now(), &chicago()), Ok(instant.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_says_how_to_write_one() {
        for bad in ["", "soon", "2h", "tomorrow at nine", "2026-13-01T00:00", "25:00", "now+5", "now+", "+", "12", "fri fri"] {
            let error = parse(bad, now(), &chicago()).unwrap_err();
            assert!(error.contains("write for example"), "{bad}: {error}");
        }
        assert!(parse("+99w", Timestamp::MAX, &chicago()).is_err());
    }

    #[test]
    fn only_local_times_need_a_zone() {
        for (text, absolute) in
            [("now", true), ("+2h", true), ("2026-01-05T09:00Z", true), ("2026-01-05T09:00", false), ("fri 22:00", false)]
        {
            assert_eq!(is_absolute(text), absolute, "{text}");
        }
    }

    #[test]
    fn minutes_are_cut_not_rounded() {
        assert_eq!(whole_minute("2026-03-05T16:30:59.9Z".parse().unwrap()), now());
    }

    #[test]
    fn distances_round_to_one_unit() {
        let expected = [
            (1, "in 1 s"),
            (59, "in 59 s"),
            (299, "in 5 min"),
            (3_569, "in 59 min"),
            (3_599, "in 1 h"),
            (7_199, "in 2 h"),
            (86_400, "in 24 h"),
            (172_800, "in 2 days"),
            (365 * 86_400 * 3, "in 3 years"),
        ];
        for (seconds, text) in expected {
            assert_eq!(relative(now() + SignedDuration::from_secs(seconds), now()), text);
        }
    }

    #[test]
    fn times_are_told_in_their_zone_with_the_distance() {
        let told = |text: &str| full(text.parse().unwrap(), now(), &chicago());
        assert_eq!(told("2026-03-05T20:30:00Z"), "Thu 5 Mar 14:30 America/Chicago (in 4 h)");
        assert_eq!(told("2026-03-05T16:27:05Z"), "Thu 5 Mar 10:27:05 America/Chicago (3 min ago)");
        assert_eq!(told("2027-01-01T06:00:00Z"), "Fri 1 Jan 2027 00:00 America/Chicago (in 302 days)");
        assert_eq!(told(NOW), "Thu 5 Mar 10:30 America/Chicago (now)");
    }
}
