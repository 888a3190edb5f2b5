//! Shifts as a calendar feed (iCalendar, RFC 5545), under an address that needs no sign-in: calendar programs send none.

use super::oncall::find_schedule;
use super::sign_in::nobody;
use super::{Error, Result, timeline};
use crate::app::App;
use crate::auth::Caller;
use firedog_domain::id::UserId;
use firedog_domain::schedule::render;
use firedog_domain::time::after;
use jiff::{SignedDuration, Timestamp};

/// What the token of such an address is signed for.
const FEED: &str = "calendar";
/// How long an address is good for; whoever uses it makes a new one in the app.
const LIFE: SignedDuration = SignedDuration::from_hours(2 * 366 * 24);
/// What a feed shows: the recent past, and as far ahead as schedules mean something.
const BEHIND: SignedDuration = SignedDuration::from_hours(31 * 24);
const AHEAD_DAYS: i64 = 180;

/// The address of a feed: one's own shifts, or everybody's on one schedule.
pub async fn address(app: &App, schedule: Option<&str>, caller: &Caller) -> Result<String> {
    let user = caller.user.clone().ok_or_else(nobody)?;
    if let Some(schedule) = schedule {
        find_schedule(&app.engine.scene().await?.world.setup, schedule)?;
    }
    // Whose it is stands in it, so that it ends with them.
    let text = format!("{user}/{}", schedule.unwrap_or_default());
    Ok(format!("{}/calendar/{}.ics", app.links_base, app.key.sign(FEED, &text, after(app.now(), LIFE))))
}

struct Event {
    uid: String,
    from: Timestamp,
    until: Timestamp,
    summary: String,
}

/// The feed behind an address.
pub async fn feed(app: &App, token: &str) -> Result<String> {
    let unknown =
        || Error::NotFound("this calendar is not one of ours, or it has run out; make a new address in the app".to_owned());
    let text = app.key.read_signed(FEED, token, app.now()).ok_or_else(unknown)?;
    let (user, schedule) = text.split_once('/').ok_or_else(unknown)?;
    let user = UserId::from(user);
    let now = app.now();
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    if setup.user(&user).is_none() {
        return Err(unknown());
    }
    let events = if schedule.is_empty() {
        let event = |shift: timeline::Shift| Event {
            uid: format!("{}-{}", shift.schedule, shift.from.as_second()),
            from: shift.from,
            until: shift.until,
            summary: format!(
                "On call: {}",
                if shift.schedule_name.is_empty() { shift.schedule.as_str() } else { &shift.schedule_name }
            ),
        };
        timeline::shifts_of(app, &user, AHEAD_DAYS).await?.into_iter().map(event).collect()
    } else {
        let schedule = find_schedule(setup, schedule).map_err(|_| unknown())?;
        let name = |id: &UserId| setup.user(id).map_or_else(|| id.to_string(), |user| user.display_name().to_owned());
        let (from, to) = (after(now, -BEHIND), after(now, SignedDuration::from_hours(24 * AHEAD_DAYS)));
        let spans = render(schedule, scene.world.live.overrides_of(&schedule.id), from, to);
        let event = |span: firedog_domain::schedule::Span| Event {
            uid: format!("{}-{}", schedule.id, span.from.as_second()),
            from: span.from,
            until: span.until,
            summary: match span.users.is_empty() {
                true => "Nobody is on call".to_owned(),
                false => span.users.iter().map(name).collect::<Vec<_>>().join(", "),
            },
        };
        spans.into_iter().map(event).collect::<Vec<_>>()
    };
    let title = if schedule.is_empty() { "On call".to_owned() } else { format!("On call: {schedule}") };
    Ok(written(&title, &events, &app.links_base, now))
}

fn written(title: &str, events: &[Event], base: &str, now: Timestamp) -> String {
    let host = url::Url::parse(base).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let utc = |at: Timestamp| at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut lines = vec![
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".to_owned(),
        "PRODID:-//Firedog//On call//EN".to_owned(),
        format!("X-WR-CALNAME:{}", escaped(title)),
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H".to_owned(),
        "X-PUBLISHED-TTL:PT1H".to_owned(),
    ];
    for event in events {
        lines.extend([
            "BEGIN:VEVENT".to_owned(),
            format!("UID:{}@{host}", escaped(&event.uid)),
            format!("DTSTAMP:{}", utc(now)),
            format!("DTSTART:{}", utc(event.from)),
            format!("DTEND:{}", utc(event.until)),
            format!("SUMMARY:{}", escaped(&event.summary)),
            // Being on call does not make one busy.
            "TRANSP:TRANSPARENT".to_owned(),
            "END:VEVENT".to_owned(),
        ]);
    }
    lines.push("END:VCALENDAR".to_owned());
    lines.iter().map(|line| folded(line)).collect()
}

/// RFC 5545, 3.3.11.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Lines have 75 bytes at the most (3.1).
fn folded(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 4);
    let mut length = 0;
    for c in line.chars() {
        if length + c.len_utf8() > 75 {
            out.push_str("\r\n ");
            length = 1;
        }
        out.push(c);
        length += c.len_utf8();
    }
    out.push_str("\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_what_the_standard_wants() {
        let at = |text: &str| text.parse().unwrap();
        let event = Event {
            uid: "primary-1".to_owned(),
            from: at("2026-03-02T15:00:00Z"),
            until: at("2026-03-09T14:00:00Z"),
            summary: format!("Ada, Grace; {}", "ü".repeat(60)),
        };
        let text = written("On call", &[event], "https://firedog.example.org/x", at("2026-03-01T00:00:00Z"));
        assert!(text.contains("DTSTART:20260302T150000Z\r\nDTEND:20260309T140000Z\r\n"), "{text}");
        assert!(text.contains("SUMMARY:Ada\\, Grace\\; üü") && text.contains("UID:primary-1@firedog.example.org\r\n"), "{text}");
        assert!(text.split("\r\n").all(|line| line.len() <= 75), "{text}");
        assert!(text.starts_with("BEGIN:VCALENDAR\r\n") && text.ends_with("END:VCALENDAR\r\n"));
    }
}
