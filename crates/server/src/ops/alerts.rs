//! Alerts: looking at them, acting on them, raising them by hand.

use super::{Error, Page, Result, cursor, page_size, read_cursor};
use crate::app::App;
use crate::auth::Caller;
use firedog_domain::alert::{Actor, Alert, Entry, Input, Pin, State};
use firedog_domain::event::{Event, MAX_SUMMARY, Severity};
use firedog_domain::id::{AlertId, IntegrationId, ServiceId, TeamId, UserId};
use firedog_domain::setup::{Target, Urgency};
use firedog_domain::suppression::{Held, World, held, occurrence, silences};
use firedog_engine::Raise;
use firedog_store::alert::{Filter, Position};
use firedog_store::event::Received;
use firedog_store::{Op, Tx};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;

/// Lines of a timeline that are shown; an alert that pages every minute for a day stays below.
const MAX_TIMELINE: u32 = 2_000;
/// Received events that are looked through for details and links.
const NEWEST_EVENTS: u32 = 1;
/// Longest note, in characters: a page of text.
const MAX_NOTE: usize = 4_000;
/// People who are pulled in at once.
const MAX_PULLED_IN: usize = 20;
/// How far back alike alerts are looked for, how many alerts are looked through, and how many shown.
const SIMILAR_WITHIN: SignedDuration = SignedDuration::from_hours(90 * 24);
const LOOKED_THROUGH: u32 = 500;
const MAX_SIMILAR: usize = 20;
/// Messages of its source that are shown.
const MAX_EVENTS: u32 = 50;

/// Longest snooze. Whoever wants longer wants a silence, which has a reason and an author.
const MAX_SNOOZE: SignedDuration = SignedDuration::from_hours(31 * 24);

/// Which alerts to list.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// `triggered,acknowledged`; empty: those two; `all`: every state.
    pub state: Option<String>,
    pub service: Option<String>,
    /// Those of this team's services.
    pub team: Option<String>,
    pub urgency: Option<Urgency>,
    /// Words, each held by the summary, dedup key, source, service or labels.
    pub text: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// Longest text that is searched for, in characters.
const MAX_TEXT: usize = 200;
const MAX_WORDS: usize = 8;

/// Newest first.
pub async fn list(app: &App, query: &Query) -> Result<Page<Alert>> {
    let states = states(query.state.as_deref())?;
    let mut services: Vec<ServiceId> = query.service.iter().flat_map(|all| all.split(',')).map(|id| id.trim().into()).collect();
    if let Some(team) = &query.team {
        let scene = app.engine.scene().await?;
        if !scene.world.setup.teams.contains(team) {
            return Err(Error::NotFound(format!("there is no team `{team}`")));
        }
        let of_team = scene.world.setup.services.iter().filter(|service| service.team.as_str() == team).map(|one| &one.id);
        services = of_team.filter(|id| services.is_empty() || services.contains(id)).cloned().collect();
        if services.is_empty() {
            return Ok(Page::whole(Vec::new()));
        }
    }
    let words: Vec<String> = query.text.iter().flat_map(|text| text.split_whitespace()).map(str::to_owned).collect();
    if words.len() > MAX_WORDS || words.iter().map(|word| word.chars().count()).sum::<usize>() > MAX_TEXT {
        return Err(Error::Invalid(format!("search for {MAX_WORDS} words and {MAX_TEXT} characters at the most")));
    }
    let after = query.cursor.as_deref().map(read_cursor).transpose()?;
    let after = after.map(|(created_at, id)| Position { created_at, id: AlertId(id) });
    let size = page_size(query.limit);
    let Query { urgency, since, until, .. } = *query;
    let filter = Filter { states, services, urgency, since, until, words, ..Filter::default() };
    let alerts = app.engine.store().read(List { filter, after, limit: size + 1 }).await?;
    Ok(Page::of(alerts, size, |alert| cursor(alert.created_at, alert.id.as_str())))
}

fn states(text: Option<&str>) -> Result<Vec<State>> {
    match text.map(str::trim) {
        None | Some("" | "open") => Ok(vec![State::Triggered, State::Acknowledged]),
        Some("all") => Ok(Vec::new()),
        Some(words) => words
            .split(',')
            .map(|word| {
                let word = word.trim();
                State::parse(word).ok_or_else(|| {
                    Error::Invalid(format!("`{word}` is no state; write triggered, acknowledged, resolved, open or all"))
                })
            })
            .collect(),
    }
}

/// An alert with everything that is known about it.
#[derive(Clone, Debug)]
pub struct Shown {
    pub alert: Alert,
    pub timeline: Vec<Entry>,
    /// What the source said last.
    pub event: Option<Event>,
    /// What keeps it from paging now.
    pub held: Option<Held>,
}

pub async fn show(app: &App, id: &AlertId) -> Result<Shown> {
    let found = app.engine.store().read(Show { id: id.clone() }).await?;
    let (alert, timeline, event) = found.ok_or_else(|| Error::NotFound(format!("there is no alert {id}")))?;
    let scene = app.engine.scene().await?;
    let held = match alert.state {
        State::Triggered => held(&scene.world, alert.service.as_ref(), alert.integration.as_ref(), &alert.labels, app.now()),
        _ => None,
    };
    Ok(Shown { alert, timeline, event, held })
}

/// The alert alone.
pub async fn one(app: &App, id: &AlertId) -> Result<Alert> {
    let found = app.engine.store().read(One { id: id.clone() }).await?;
    found.ok_or_else(|| Error::NotFound(format!("there is no alert {id}")))
}

/// Whoever has it already and says so again has said nothing new; with a timeout or a snooze running it is renewed.
pub async fn acknowledge(app: &App, id: &AlertId, by: Actor) -> Result<Alert> {
    let known = app.engine.store().read(One { id: id.clone() }).await?;
    let has_it = |alert: &Alert| {
        let same = alert.acknowledged_by.is_some() && alert.acknowledged_by.as_ref() == by.user();
        alert.state == State::Acknowledged && alert.next.is_none() && same
    };
    if let Some(alert) = known.filter(has_it) {
        return Ok(alert);
    }
    Ok(app.engine.act(id, Input::Acknowledge, &by).await?)
}

pub async fn resolve(app: &App, id: &AlertId, by: Actor) -> Result<Alert> {
    Ok(app.engine.act(id, Input::Resolve, &by).await?)
}

pub async fn escalate(app: &App, id: &AlertId, by: Actor) -> Result<Alert> {
    Ok(app.engine.act(id, Input::Escalate, &by).await?)
}

pub async fn snooze(app: &App, id: &AlertId, until: Timestamp, by: Actor) -> Result<Alert> {
    let now = app.now();
    if until <= now {
        return Err(Error::Invalid("the snooze would be over already".to_owned()));
    }
    if until.duration_since(now) > MAX_SNOOZE {
        return Err(Error::Invalid("a snooze may last 31 days; a silence may last longer, and says why".to_owned()));
    }
    Ok(app.engine.act(id, Input::Snooze { until }, &by).await?)
}

pub async fn note(app: &App, id: &AlertId, text: &str, by: Actor) -> Result<Alert> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_NOTE {
        return Err(Error::Invalid(format!("a note has 1 to {MAX_NOTE} characters")));
    }
    Ok(app.engine.act(id, Input::Note { text: text.to_owned() }, &by).await?)
}

/// Nobody has it any more.
pub async fn unacknowledge(app: &App, id: &AlertId, by: Actor) -> Result<Alert> {
    Ok(app.engine.act(id, Input::Unacknowledge, &by).await?)
}

/// Gives it to a person, a team, or another policy: `user:ID`, `team:ID`, `policy:ID`.
pub async fn reassign(app: &App, id: &AlertId, to: &str, by: Actor) -> Result<Alert> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    let wrong = || Error::Invalid(format!("`{to}` is none of user:ID, team:ID, policy:ID"));
    let unknown = |kind: &str, id: &str| Error::NotFound(format!("there is no {kind} `{id}`"));
    let to = match to.split_once(':').ok_or_else(wrong)? {
        ("user", id) if setup.users.contains(id) => Pin::User(id.into()),
        ("policy", id) if setup.policies.contains(id) => Pin::Policy(id.into()),
        ("team", id) => match setup.teams.get(id).ok_or_else(|| unknown("team", id))?.policy.clone() {
            Some(policy) => Pin::Policy(policy),
            None => Pin::Team(id.into()),
        },
        (kind @ ("user" | "policy"), id) => return Err(unknown(kind, id)),
        _ => return Err(wrong()),
    };
    Ok(app.engine.act(id, Input::Reassign { to }, &by).await?)
}

/// Pages further people to join in; whoever has the alert keeps it. Each gets a page of their own that goes on until they answer.
pub async fn pull_in(app: &App, id: &AlertId, users: &[UserId], message: &str, caller: &Caller) -> Result<Vec<Alert>> {
    if users.is_empty() || users.len() > MAX_PULLED_IN {
        return Err(Error::Invalid(format!("name 1 to {MAX_PULLED_IN} people")));
    }
    let shown = app.engine.store().read(One { id: id.clone() }).await?;
    let alert = shown.ok_or_else(|| Error::NotFound(format!("there is no alert {id}")))?;
    if !alert.is_open() {
        return Err(Error::Conflict("it is over; there is nothing to join".to_owned()));
    }
    let what = if message.trim().is_empty() { alert.summary.clone() } else { format!("{}: {}", message.trim(), alert.summary) };
    let mut paged = Vec::new();
    for user in users {
        let raise = Raise {
            service: None,
            to: Some(Target::User(user.clone())),
            policy: None,
            summary: summary(&format!("join in: {what}"))?,
            severity: alert.severity,
            urgency: Some(Urgency::High),
            labels: [("joins".to_owned(), id.to_string())].into(),
            // Asked twice, somebody is paged once.
            dedup_key: Some(format!("join:{id}:{user}")),
            details: Value::Null,
        };
        let page = app.engine.raise(raise, &caller.actor()).await?;
        app.engine.act(id, Input::Note { text: format!("{user} is pulled in, with page {}", page.id) }, &caller.actor()).await?;
        paged.push(page);
    }
    Ok(paged)
}

/// What was the matter before.
#[derive(Clone, Debug)]
pub struct Similar {
    pub alert: Alert,
    /// In words: `same key`, `same summary`, `same alert name`.
    pub because: &'static str,
}

/// Earlier alerts of the same service that look alike, newest first.
pub async fn similar(app: &App, id: &AlertId) -> Result<Vec<Similar>> {
    let alert = app.engine.store().read(One { id: id.clone() }).await?;
    let alert = alert.ok_or_else(|| Error::NotFound(format!("there is no alert {id}")))?;
    let Some(service) = alert.service.clone() else { return Ok(Vec::new()) };
    let since = firedog_domain::time::after(alert.created_at, -SIMILAR_WITHIN);
    let filter = Filter { services: vec![service], since: Some(since), ..Filter::default() };
    let others = app.engine.store().read(List { filter, after: None, limit: LOOKED_THROUGH }).await?;
    let alike = |other: &Alert| {
        let name = |alert: &Alert| alert.labels.get("alertname").cloned();
        if other.dedup_key == alert.dedup_key {
            Some("same key")
        } else if other.summary == alert.summary {
            Some("same summary")
        } else if name(other).is_some() && name(other) == name(&alert) {
            Some("same alert name")
        } else {
            None
        }
    };
    let found = others.into_iter().filter(|other| other.id != alert.id);
    Ok(found.filter_map(|other| Some(Similar { because: alike(&other)?, alert: other })).take(MAX_SIMILAR).collect())
}

/// What its source has sent, masked, newest first.
pub async fn events(app: &App, id: &AlertId) -> Result<Vec<Received>> {
    let events = app.engine.store().read(EventsOf { id: id.clone() }).await?;
    events.ok_or_else(|| Error::NotFound(format!("there is no alert {id}")))
}

/// An alert that a person or a script raises on a service.
#[derive(Clone, Debug)]
pub struct Sent {
    pub service: ServiceId,
    pub summary: String,
    pub dedup_key: Option<String>,
    pub severity: Option<Severity>,
    pub urgency: Option<Urgency>,
    pub labels: BTreeMap<String, String>,
    pub details: Value,
}

pub async fn send(app: &App, sent: Sent, caller: &Caller) -> Result<Alert> {
    let summary = summary(&sent.summary)?;
    if sent
        .dedup_key
        .as_ref()
        .is_some_and(|key| key.trim().is_empty() || key.chars().count() > firedog_domain::event::MAX_DEDUP_KEY)
    {
        return Err(Error::Invalid("a dedup_key has 1 to 255 characters".to_owned()));
    }
    let raise = Raise {
        service: Some(sent.service),
        to: None,
        policy: None,
        summary,
        severity: sent.severity.unwrap_or_default(),
        urgency: sent.urgency,
        labels: sent.labels.into_iter().map(|(name, value)| (name, masked(&value))).collect(),
        dedup_key: sent.dedup_key,
        details: firedog_connectors::mask::value(sent.details),
    };
    Ok(app.engine.raise(raise, &caller.actor()).await?)
}

/// Pages a person or a team by hand. `to`: `user:ID`, `team:ID`, or an ID that only one of both has.
pub async fn page(
    app: &App,
    to: &str,
    message: &str,
    urgency: Option<Urgency>,
    key: Option<String>,
    caller: &Caller,
) -> Result<Alert> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    let unknown = || Error::NotFound(format!("there is neither a team nor a user `{to}`"));
    let to = match to.split_once(':') {
        Some(("team", id)) => Target::Team(TeamId::from(id)),
        Some(("user", id)) => Target::User(UserId::from(id)),
        Some(_) => return Err(Error::Invalid(format!("`{to}` is neither team:ID nor user:ID"))),
        None => match (setup.teams.contains(to), setup.users.contains(to)) {
            (true, false) => Target::Team(TeamId::from(to)),
            (false, true) => Target::User(UserId::from(to)),
            (true, true) => return Err(Error::Invalid(format!("`{to}` is a team and a user; write team:{to} or user:{to}"))),
            (false, false) => return Err(unknown()),
        },
    };
    let raise = Raise {
        service: None,
        to: Some(to),
        policy: None,
        summary: summary(message)?,
        severity: Severity::Critical,
        urgency,
        labels: BTreeMap::new(),
        dedup_key: key,
        details: Value::Null,
    };
    Ok(app.engine.raise(raise, &caller.actor()).await?)
}

fn summary(text: &str) -> Result<String> {
    let text = masked(text);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return Err(Error::Invalid("say in a few words what is wrong".to_owned()));
    }
    Ok(line.chars().filter(|c| !c.is_control()).take(MAX_SUMMARY).collect())
}

fn masked(text: &str) -> String {
    firedog_connectors::mask::text(text).to_string()
}

/// `policy:pupper` as people read it, for answers.
pub fn policy_text(pin: &Pin) -> String {
    pin.clone().into()
}

struct List {
    filter: Filter,
    after: Option<Position>,
    limit: u32,
}

impl Op for List {
    type Out = Vec<Alert>;
    const NAME: &'static str = "alert_list";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        firedog_store::alert::list(tx, &self.filter, self.after.as_ref(), self.limit).await
    }
}

struct One {
    id: AlertId,
}

impl Op for One {
    type Out = Option<Alert>;
    const NAME: &'static str = "alert_get";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        firedog_store::alert::get(tx, &self.id).await
    }
}

struct EventsOf {
    id: AlertId,
}

impl Op for EventsOf {
    type Out = Option<Vec<Received>>;
    const NAME: &'static str = "alert_events";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        match firedog_store::alert::get(tx, &self.id).await? {
            Some(_) => firedog_store::event::for_alert(tx, &self.id, MAX_EVENTS).await.map(Some),
            None => Ok(None),
        }
    }
}

struct Show {
    id: AlertId,
}

impl Op for Show {
    type Out = Option<(Alert, Vec<Entry>, Option<Event>)>;
    const NAME: &'static str = "alert_show";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        let Some(alert) = firedog_store::alert::get(tx, &self.id).await? else { return Ok(None) };
        let timeline = firedog_store::timeline::list(tx, &self.id, MAX_TIMELINE).await?;
        let events = firedog_store::event::for_alert(tx, &self.id, NEWEST_EVENTS).await?;
        Ok(Some((alert, timeline, events.into_iter().next().map(|received| received.event))))
    }
}

/// Open alerts of one integration that are shown through its API. Prometheus' own bound is a queue of 10,000.
const MAX_OF_INTEGRATION: u32 = 5_000;

/// An open alert of an integration, with what holds it back.
#[derive(Clone, Debug)]
pub struct OfIntegration {
    pub alert: Alert,
    /// What the source said last.
    pub details: Value,
    pub silenced_by: Vec<String>,
    pub muted_by: Vec<String>,
}

/// The open alerts that came in through an integration.
pub async fn of_integration(app: &App, id: &IntegrationId) -> Result<Vec<OfIntegration>> {
    let scene = app.engine.scene().await?;
    let found = app.engine.store().read(ListOf(id.clone())).await?;
    let now = app.now();
    let shown = found.into_iter().map(|(alert, details)| {
        let (silenced_by, muted_by) = holders(&scene.world, &alert, now);
        OfIntegration { alert, details, silenced_by, muted_by }
    });
    Ok(shown.collect())
}

/// Ids of the silences and of the maintenance windows that cover an alert now.
fn holders(world: &World, alert: &Alert, now: Timestamp) -> (Vec<String>, Vec<String>) {
    let all = world.setup.silences.iter().chain(&world.live.silences);
    let silences = all.filter(|s| silences(s, alert.service.as_ref(), alert.integration.as_ref(), &alert.labels, now));
    let windows = world.setup.maintenance.iter().chain(&world.live.maintenance).filter(|window| {
        let of_service = alert.service.as_ref().is_some_and(|service| window.services.contains(service));
        of_service && occurrence(window, now).is_some()
    });
    (silences.map(|silence| silence.id.to_string()).collect(), windows.map(|window| window.id.to_string()).collect())
}

struct ListOf(IntegrationId);

impl Op for ListOf {
    type Out = Vec<(Alert, Value)>;
    const NAME: &'static str = "alert_list_of_integration";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        let states = vec![State::Triggered, State::Acknowledged];
        let filter = Filter { states, integration: Some(self.0.clone()), ..Filter::default() };
        let alerts = firedog_store::alert::list(tx, &filter, None, MAX_OF_INTEGRATION).await?;
        let ids: Vec<AlertId> = alerts.iter().map(|alert| alert.id.clone()).collect();
        let newest = firedog_store::event::latest_for_alerts(tx, &ids).await?;
        let mut details: BTreeMap<AlertId, Value> = newest.into_iter().map(|r| (r.alert, r.event.details)).collect();
        let shown = alerts.into_iter().map(|alert| {
            let details = details.remove(&alert.id).unwrap_or_default();
            (alert, details)
        });
        Ok(shown.collect())
    }
}
