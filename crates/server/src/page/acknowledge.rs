//! The acknowledge page. GET and HEAD show, POST acts: mail scanners and chat previews open every link.

use super::{STYLE, guard, guarded, plain, render};
use crate::app::App;
use crate::body;
use crate::ops::Error;
use crate::ops::link::{self, Action, Dead, View};
use crate::secret::Link;
use askama::Template;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use firedog_domain::alert::{EntryKind, NextKind, State as AlertState};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// A form of one field.
const MAX_FORM_BYTES: usize = 4 << 10;
/// People that are listed: the page stays small, and nobody reads more at 3 am.
const MAX_PEOPLE: usize = 12;
const MAX_LINKS: usize = 8;
/// Longest link and summary that the page carries, in characters, so that it stays under 15 KB.
const MAX_HREF: usize = 600;
const MAX_SHOWN: usize = 600;

#[derive(Template)]
#[template(path = "alert.html")]
struct Page {
    style: &'static str,
    state: &'static str,
    said: String,
    error: Option<String>,
    service: String,
    summary: Option<String>,
    severity: &'static str,
    urgency: &'static str,
    count: i64,
    since: String,
    since_relative: String,
    held: Option<String>,
    next: Option<String>,
    actions: Vec<Button>,
    people: Vec<Person>,
    links: Vec<Look>,
    you: String,
    expires: String,
    zone: String,
    id: String,
}

struct Button {
    value: &'static str,
    label: String,
}

struct Person {
    name: String,
    how: String,
    at: String,
}

struct Look {
    href: String,
    text: String,
}

pub(super) async fn show(State(app): State<App>, Path(token): Path<String>, headers: HeaderMap) -> Response {
    let json = wants_json(&headers);
    let link = match link::open(&app, &token) {
        Ok(link) => link,
        Err(dead) => return refused(&dead, json),
    };
    shown(&app, link, StatusCode::OK, None, json).await
}

async fn shown(app: &App, link: Link, status: StatusCode, error: Option<String>, json: bool) -> Response {
    match link::view(app, link).await {
        Ok(view) if json => as_json(status, &view),
        Ok(view) => guarded(status, render(&page(&view, error))),
        Err(dead) => refused(&dead, json),
    }
}

pub(super) async fn act(State(app): State<App>, Path(token): Path<String>, headers: HeaderMap, body: Body) -> Response {
    let json = wants_json(&headers);
    let link = match link::open(&app, &token) {
        Ok(link) => link,
        Err(dead) => return refused(&dead, json),
    };
    let action = match read_action(&headers, body).await {
        Ok(action) => action,
        Err((status, why)) => return wrong(status, why, json),
    };
    match link::act(&app, &link, action).await {
        Ok(()) if json => shown(&app, link, StatusCode::OK, None, true).await,
        Ok(()) => {
            // To the same address by GET: reloading the page then repeats nothing.
            let back = format!("{}/a/{token}", path_of(&app.links_base));
            let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, back)]).into_response();
            guard(response.headers_mut());
            response
        }
        Err(Error::Conflict(why)) => shown(&app, link, StatusCode::CONFLICT, Some(why), json).await,
        Err(error) => refused(&Dead::Failed(error), json),
    }
}

/// The path under which a proxy serves us, from the public URL.
fn path_of(base: &str) -> String {
    url::Url::parse(base).map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default()
}

async fn read_action(headers: &HeaderMap, body: Body) -> Result<Action, (StatusCode, &'static str)> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // What a page of another site can make a browser send without asking is refused with this and the token together.
    if media != "application/x-www-form-urlencoded" {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "send a form: action=acknowledge"));
    }
    let form = body::read(body, MAX_FORM_BYTES).await.map_err(|_| (StatusCode::PAYLOAD_TOO_LARGE, "the form is too large"))?;
    let action = url::form_urlencoded::parse(&form).find(|(name, _)| name == "action").map(|(_, value)| value.into_owned());
    let action = action.as_deref().and_then(Action::parse);
    action.ok_or((StatusCode::BAD_REQUEST, "the form needs the field action: acknowledge, resolve or escalate"))
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("application/json") && !accept.contains("text/html")
}

fn wrong(status: StatusCode, why: &str, json: bool) -> Response {
    if json {
        return problem(status, why);
    }
    guarded(status, plain("Nothing was done", &format!("<p>{why}</p><p>Open the link from the page again.</p>")))
}

fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Refused");
    let mut response =
        crate::api::Problem::new(status.as_u16(), title).detail(detail).next("open the link from the page again").into_response();
    guard(response.headers_mut());
    response
}

fn refused(dead: &Dead, json: bool) -> Response {
    let (status, title, what) = match dead {
        Dead::Unknown => (
            StatusCode::NOT_FOUND,
            "This link opens nothing",
            "It is not one of ours, or a character was lost on its way. Copy it whole from the message, or acknowledge on the command line: \
             firedog alert list, then firedog alert ack ID.",
        ),
        Dead::Expired => (
            StatusCode::GONE,
            "This link has expired",
            "Links act for a week. If the alert is still open you have been paged again since: use the newest message, or the command line: \
             firedog alert list.",
        ),
        Dead::Gone => (StatusCode::GONE, "This alert is no longer kept", "It was closed long ago. There is nothing left to do."),
        Dead::Failed(error) => {
            tracing::error!(%error, "an acknowledge page failed");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "Firedog cannot answer now",
                "Nothing is known to have been done, and pages go on. Try again in a moment; if it stays like this, call the next person.",
            )
        }
    };
    if json {
        return problem(status, what);
    }
    guarded(status, plain(title, &format!("<p>{what}</p>")))
}

fn as_json(status: StatusCode, view: &View) -> Response {
    let alert = &view.alert;
    let minimal = view.link.minimal;
    let body = serde_json::json!({
        "alert": {
            "id": alert.id, "service": alert.service, "state": alert.state, "urgency": alert.urgency, "severity": alert.severity,
            "summary": if minimal { "" } else { &alert.summary },
            "dedup_key": if minimal { "" } else { &alert.dedup_key },
            "labels": if minimal { BTreeMap::new() } else { alert.labels.clone() },
            "created_at": alert.created_at.to_string(), "count": alert.count,
        },
        "user": view.link.user,
        "acknowledged_by": alert.acknowledged_by,
        "said": said(view),
    });
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response();
    guard(response.headers_mut());
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// The state in words.
fn said(view: &View) -> String {
    let alert = &view.alert;
    let at = |at: Timestamp| clock(view, at);
    match alert.state {
        AlertState::Triggered => "Nobody has this yet.".to_owned(),
        AlertState::Acknowledged => {
            let when = last(view, EntryKind::Acknowledged).map(|when| format!(" since {}", at(when))).unwrap_or_default();
            match &alert.acknowledged_by {
                Some(user) if *user == view.link.user => format!("You have this{when}."),
                Some(user) => format!("{} has this{when}.", view.name(user.as_str())),
                None => format!("It is acknowledged{when}."),
            }
        }
        AlertState::Resolved => {
            let when = alert.resolved_at.map(|when| format!(" at {}", at(when))).unwrap_or_default();
            match alert.resolved_because {
                Some(firedog_domain::alert::Resolved::Person) => format!("Resolved by hand{when}."),
                Some(firedog_domain::alert::Resolved::SourceQuiet) => format!("Resolved{when}: its source stopped sending it."),
                _ => format!("Resolved{when}: its source says that it is over."),
            }
        }
    }
}

fn last(view: &View, kind: EntryKind) -> Option<Timestamp> {
    view.timeline.iter().rev().find(|entry| entry.kind == kind).map(|entry| entry.at)
}

fn clock(view: &View, at: Timestamp) -> String {
    at.to_zoned(view.zone.tz().clone()).strftime("%H:%M").to_string()
}

fn full(view: &View, at: Timestamp) -> String {
    at.to_zoned(view.zone.tz().clone()).strftime("%a %-d %b %H:%M %Z").to_string()
}

/// `3 minutes ago`.
fn relative(at: Timestamp, now: Timestamp) -> String {
    let s = now.duration_since(at).as_secs();
    let (n, unit) = match s {
        ..60 => return "just now".to_owned(),
        60..3_600 => (s / 60, "minute"),
        3_600..172_800 => (s / 3_600, "hour"),
        _ => (s / 86_400, "day"),
    };
    format!("{n} {unit}{} ago", if n == 1 { "" } else { "s" })
}

fn page(view: &View, error: Option<String>) -> Page {
    let alert = &view.alert;
    let minimal = view.link.minimal;
    let next = alert.next.filter(|_| alert.is_open()).map(|next| {
        let at = clock(view, next.at);
        match next.kind {
            NextKind::Page => format!("If nobody acknowledges, the next page goes out at {at}."),
            NextKind::Release => format!("It is looked at again at {at}."),
            NextKind::AckExpires => format!("Unless it is resolved, it pages again at {at}."),
            NextKind::SnoozeEnds => format!("It pages again at {at}."),
        }
    });
    Page {
        style: STYLE,
        state: alert.state.as_str(),
        said: said(view),
        error,
        service: view.service_name.clone().unwrap_or_else(|| "A page by hand".to_owned()),
        summary: (!minimal).then(|| alert.summary.chars().take(MAX_SHOWN).collect()),
        severity: alert.severity.as_str(),
        urgency: alert.urgency.as_str(),
        count: alert.count,
        since: full(view, alert.created_at),
        since_relative: relative(alert.created_at, view.now),
        held: view.held.as_ref().map(|held| {
            // What a person wrote as the reason may be as telling as the alert itself.
            let why = if minimal || held.why.is_empty() { String::new() } else { format!(" ({})", held.why) };
            format!("Held back by {}{why} until {}.", held.by, full(view, held.until))
        }),
        next,
        actions: actions(view),
        people: people(view),
        links: if minimal { Vec::new() } else { looks(view) },
        you: view.name(view.link.user.as_str()).to_owned(),
        expires: full(view, view.link.expires),
        zone: view.zone.name().to_owned(),
        id: alert.id.to_string(),
    }
}

fn actions(view: &View) -> Vec<Button> {
    let button = |value, label: &str| Button { value, label: label.to_owned() };
    let mine = view.alert.acknowledged_by.as_ref() == Some(&view.link.user);
    match view.alert.state {
        AlertState::Triggered => vec![
            button("acknowledge", "I have it"),
            button("escalate", "Page the next person too"),
            button("resolve", "It is over"),
        ],
        AlertState::Acknowledged if mine => vec![button("resolve", "It is over"), button("escalate", "Page the next person too")],
        AlertState::Acknowledged => {
            vec![
                button("acknowledge", "I take it over"),
                button("resolve", "It is over"),
                button("escalate", "Page the next person too"),
            ]
        }
        AlertState::Resolved => Vec::new(),
    }
}

/// Who was paged and how it went: the latest attempt per person and contact method.
fn people(view: &View) -> Vec<Person> {
    let mut latest: BTreeMap<(String, String), (Timestamp, String)> = BTreeMap::new();
    for entry in &view.timeline {
        let (Some(user), EntryKind::Notified) = (&entry.user, entry.kind) else { continue };
        let contact = entry.contact.as_ref().map(ToString::to_string).unwrap_or_default();
        let how = match entry.outcome.as_deref() {
            Some("sent") => format!("by {contact}"),
            Some("unknown") => format!("by {contact}, perhaps: no answer from the provider"),
            Some(_) => format!("could not be reached by {contact}"),
            None => format!("by {contact}"),
        };
        latest.insert((user.to_string(), contact), (entry.at, how));
    }
    let mut rows: Vec<_> = latest.into_iter().collect();
    rows.sort_by_key(|(_, (at, _))| std::cmp::Reverse(*at));
    rows.truncate(MAX_PEOPLE);
    let person = |((user, _), (at, how)): ((String, String), (Timestamp, String))| Person {
        name: view.name(&user).to_owned(),
        how,
        at: clock(view, at),
    };
    rows.into_iter().map(person).collect()
}

fn looks(view: &View) -> Vec<Look> {
    let fits = view.links.iter().filter(|link| link.href.chars().count() <= MAX_HREF);
    let look = |link: &firedog_domain::event::Link| Look {
        href: link.href.clone(),
        text: if link.text.is_empty() { link.href.chars().take(80).collect() } else { link.text.clone() },
    };
    fits.take(MAX_LINKS).map(look).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_ago() {
        let at: Timestamp = "2026-01-05T09:00:00Z".parse().unwrap();
        for (s, text) in [(0, "just now"), (59, "just now"), (60, "1 minute ago"), (7_199, "1 hour ago"), (172_800, "2 days ago")]
        {
            assert_eq!(relative(at, at + jiff::SignedDuration::from_secs(s)), text);
        }
        assert_eq!(relative(at, at - jiff::SignedDuration::from_secs(90)), "just now");
    }

    #[test]
    fn a_proxys_path_is_kept() {
        assert_eq!(path_of("https://example.org/firedog"), "/firedog");
        assert_eq!(path_of("https://example.org"), "");
    }

    #[test]
    fn browsers_get_html_and_programs_json() {
        let accepts = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_str(text).unwrap());
            wants_json(&headers)
        };
        assert!(accepts("application/json"));
        assert!(!accepts("text/html,application/xhtml+xml,application/json;q=0.9"));
        assert!(!accepts("*/*"));
    }
}
