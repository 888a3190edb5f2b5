//! Alerts.

use super::caller::{Responder, Viewer};
use super::extract::{Json, Params};
use super::{List, Problem, repeat};
use crate::app::App;
use crate::auth::Caller;
use crate::ops::alerts::{self, Query, Sent, Shown};
use crate::ops::rights;
use crate::words;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use firedog_domain::alert::{Alert, Entry};
use firedog_domain::event::{Link, Severity};
use firedog_domain::id::{AlertId, ServiceId};
use firedog_domain::setup::Urgency;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// An alert.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct AlertRow {
    id: String,
    /// `null`: a page by hand.
    service: Option<String>,
    #[schema(value_type = words::State)]
    state: firedog_domain::alert::State,
    #[schema(value_type = words::Urgency)]
    urgency: Urgency,
    #[schema(value_type = words::Severity)]
    severity: Severity,
    summary: String,
    dedup_key: String,
    labels: BTreeMap<String, String>,
    created_at: Timestamp,
    /// How many triggers it has had.
    count: i64,
    updated_at: Timestamp,
    /// `service/integration`; `null`: raised by hand.
    integration: Option<String>,
    source: Option<String>,
    acknowledged_by: Option<String>,
    resolved_at: Option<Timestamp>,
    #[schema(value_type = Option<words::Resolved>)]
    resolved_because: Option<firedog_domain::alert::Resolved>,
    /// What it escalates along: `policy:ID`, `user:ID`, `team:ID`, `catch_all`.
    policy: String,
    next: Option<NextRow>,
    /// When its source's last promise to send again lapses.
    quiet_at: Option<Timestamp>,
    /// The alert that it is paged together with.
    follows: Option<String>,
    /// The setup that its policy was pinned from.
    setup_version: i64,
}

/// The one next action.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct NextRow {
    at: Timestamp,
    #[schema(value_type = words::NextKind)]
    kind: firedog_domain::alert::NextKind,
}

/// An alert with everything that is known about it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct AlertCard {
    #[serde(flatten)]
    alert: AlertRow,
    /// In order of time.
    timeline: Vec<EntryRow>,
    /// What the source sent beside, masked.
    details: serde_json::Value,
    links: Vec<LinkRow>,
    /// What keeps it from paging now.
    held: Option<HeldRow>,
}

/// What happened, to whom, how it went and why.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct EntryRow {
    at: Timestamp,
    #[schema(value_type = words::EntryKind)]
    kind: firedog_domain::alert::EntryKind,
    /// `null`: nobody in particular, or a token without a person.
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<words::Channel>)]
    channel: Option<firedog_domain::setup::Channel>,
    /// Of an attempt: `sent`, `retry_after`, `rejected`, `misconfigured`, `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct LinkRow {
    href: String,
    text: String,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct HeldRow {
    /// `silence known-noise`.
    by: String,
    why: String,
    until: Timestamp,
}

impl From<Alert> for AlertRow {
    fn from(alert: Alert) -> Self {
        Self {
            id: alert.id.0,
            service: alert.service.map(|id| id.0),
            state: alert.state,
            urgency: alert.urgency,
            severity: alert.severity,
            summary: alert.summary,
            dedup_key: alert.dedup_key,
            labels: alert.labels,
            created_at: alert.created_at,
            count: alert.count,
            updated_at: alert.updated_at,
            integration: alert.integration.map(|id| id.0),
            source: alert.source,
            acknowledged_by: alert.acknowledged_by.map(|id| id.0),
            resolved_at: alert.resolved_at,
            resolved_because: alert.resolved_because,
            policy: alerts::policy_text(&alert.policy),
            next: alert.next.map(|next| NextRow { at: next.at, kind: next.kind }),
            quiet_at: alert.quiet_at,
            follows: alert.follows.map(|id| id.0),
            setup_version: alert.setup_version,
        }
    }
}

impl From<Entry> for EntryRow {
    fn from(entry: Entry) -> Self {
        Self {
            at: entry.at,
            kind: entry.kind,
            user: entry.user.map(|id| id.0),
            contact: entry.contact.map(|id| id.0),
            channel: entry.channel,
            outcome: entry.outcome,
            reason: entry.reason,
        }
    }
}

impl From<Shown> for AlertCard {
    fn from(shown: Shown) -> Self {
        let (details, links) = shown.event.map(|event| (event.details, event.links)).unwrap_or_default();
        let link = |link: Link| LinkRow { href: link.href, text: link.text };
        Self {
            alert: shown.alert.into(),
            timeline: shown.timeline.into_iter().map(EntryRow::from).collect(),
            details,
            links: links.into_iter().map(link).collect(),
            held: shown.held.map(|held| HeldRow { by: held.by, why: held.why, until: held.until }),
        }
    }
}

/// Which alerts.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AlertParams {
    /// States with commas between, `open` (the default: triggered and acknowledged) or `all`.
    state: Option<String>,
    /// Services with commas between.
    service: Option<String>,
    /// Items per page, 1 to 500; 50 by default.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List alerts, the newest first
#[utoipa::path(get, path = "/alerts", tag = "alerts", params(AlertParams), responses((status = 200, body = List<AlertRow>)))]
pub(super) async fn list(
    _: Viewer,
    State(app): State<App>,
    Params(params): Params<AlertParams>,
) -> Result<axum::Json<List<AlertRow>>, Problem> {
    let AlertParams { state, service, limit, cursor } = params;
    let page = alerts::list(&app, &Query { state, service, limit, cursor }).await?;
    Ok(axum::Json(List { items: page.items.into_iter().map(AlertRow::from).collect(), next: page.next }))
}

/// An alert to raise on a service.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAlert {
    service: String,
    summary: String,
    /// A further alert with the same key on the same service is the same alert.
    #[serde(default)]
    dedup_key: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<words::Severity>)]
    severity: Option<Severity>,
    #[serde(default)]
    #[schema(value_type = Option<words::Urgency>)]
    urgency: Option<Urgency>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    details: serde_json::Value,
}

/// Raise an alert on a service
#[utoipa::path(post, path = "/alerts", tag = "alerts", request_body = NewAlert, responses((status = 201, body = AlertRow)))]
pub(super) async fn send(
    Responder(caller): Responder,
    State(app): State<App>,
    headers: HeaderMap,
    Json(new): Json<NewAlert>,
) -> Result<(StatusCode, axum::Json<AlertRow>), Problem> {
    let NewAlert { service, summary, dedup_key, severity, urgency, labels, details } = new;
    let dedup_key = dedup_key.or_else(|| own_key(&headers, &caller));
    rights::on_service(&app, &caller, &ServiceId(service.clone())).await?;
    let sent = Sent { service: ServiceId(service), summary, dedup_key, severity, urgency, labels, details };
    Ok((StatusCode::CREATED, axum::Json(alerts::send(&app, sent, &caller).await?.into())))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewHelp {
    #[serde(default)]
    message: String,
    /// Default: the first of one's own teams that has a policy.
    #[serde(default)]
    team: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Helped {
    /// Who is being paged.
    paged: Vec<String>,
    /// One for each of them.
    alerts: Vec<AlertRow>,
}

/// Ask for help: pages the next people of one's team's policy; oneself stays on
#[utoipa::path(post, path = "/help", tag = "alerts", request_body = NewHelp, responses((status = 201, body = Helped)))]
pub(super) async fn help(
    Responder(caller): Responder,
    State(app): State<App>,
    Json(new): Json<NewHelp>,
) -> Result<(StatusCode, axum::Json<Helped>), Problem> {
    let asked = crate::ops::help::ask(&app, new.team.as_deref(), &new.message, &caller).await?;
    let (paged, alerts) = asked.into_iter().map(|(user, alert)| (user.0, AlertRow::from(alert))).unzip();
    Ok((StatusCode::CREATED, axum::Json(Helped { paged, alerts })))
}

/// So that a repetition after a crash finds the alert that the first request made.
fn own_key(headers: &HeaderMap, caller: &Caller) -> Option<String> {
    let key = headers.get(repeat::KEY)?.to_str().ok()?;
    Some(format!("request:{}", crate::auth::digest(&format!("{}/{key}", caller.describe()))))
}

/// Show an alert with its timeline
#[utoipa::path(get, path = "/alerts/{id}", tag = "alerts", params(("id" = String, Path)), responses((status = 200, body = AlertCard)))]
pub(super) async fn show(_: Viewer, State(app): State<App>, Path(id): Path<String>) -> Result<axum::Json<AlertCard>, Problem> {
    Ok(axum::Json(alerts::show(&app, &AlertId(id)).await?.into()))
}

type Done = Result<axum::Json<AlertRow>, Problem>;

/// Acknowledge: somebody has it, nobody else is paged
#[utoipa::path(post, path = "/alerts/{id}/acknowledge", tag = "alerts", params(("id" = String, Path)), responses((status = 200, body = AlertRow)))]
pub(super) async fn acknowledge(Responder(caller): Responder, State(app): State<App>, Path(id): Path<String>) -> Done {
    rights::on_alert(&app, &caller, &AlertId(id.clone())).await?;
    Ok(axum::Json(alerts::acknowledge(&app, &AlertId(id), caller.actor()).await?.into()))
}

/// Resolve: it is over
#[utoipa::path(post, path = "/alerts/{id}/resolve", tag = "alerts", params(("id" = String, Path)), responses((status = 200, body = AlertRow)))]
pub(super) async fn resolve(Responder(caller): Responder, State(app): State<App>, Path(id): Path<String>) -> Done {
    rights::on_alert(&app, &caller, &AlertId(id.clone())).await?;
    Ok(axum::Json(alerts::resolve(&app, &AlertId(id), caller.actor()).await?.into()))
}

/// Page the next step now
#[utoipa::path(post, path = "/alerts/{id}/escalate", tag = "alerts", params(("id" = String, Path)), responses((status = 200, body = AlertRow)))]
pub(super) async fn escalate(Responder(caller): Responder, State(app): State<App>, Path(id): Path<String>) -> Done {
    rights::on_alert(&app, &caller, &AlertId(id.clone())).await?;
    Ok(axum::Json(alerts::escalate(&app, &AlertId(id), caller.actor()).await?.into()))
}

/// Until when; one of both.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Snooze {
    /// A length: `30m`, `2h`.
    #[serde(default, rename = "for")]
    length: Option<String>,
    #[serde(default)]
    until: Option<Timestamp>,
}

/// Acknowledge for a while, then page again
#[utoipa::path(post, path = "/alerts/{id}/snooze", tag = "alerts", params(("id" = String, Path)), request_body = Snooze, responses((status = 200, body = AlertRow)))]
pub(super) async fn snooze(
    Responder(caller): Responder,
    State(app): State<App>,
    Path(id): Path<String>,
    Json(snooze): Json<Snooze>,
) -> Done {
    rights::on_alert(&app, &caller, &AlertId(id.clone())).await?;
    let until = super::live::end(&app, None, snooze.until, snooze.length.as_deref())?;
    Ok(axum::Json(alerts::snooze(&app, &AlertId(id), until, caller.actor()).await?.into()))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    text: String,
}

/// Write a note on the timeline
#[utoipa::path(post, path = "/alerts/{id}/notes", tag = "alerts", params(("id" = String, Path)), request_body = Note, responses((status = 200, body = AlertRow)))]
pub(super) async fn note(
    Responder(caller): Responder,
    State(app): State<App>,
    Path(id): Path<String>,
    Json(note): Json<Note>,
) -> Done {
    rights::on_alert(&app, &caller, &AlertId(id.clone())).await?;
    Ok(axum::Json(alerts::note(&app, &AlertId(id), &note.text, caller.actor()).await?.into()))
}

/// A page by hand.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPage {
    /// `team:ID`, `user:ID`, or an ID that only one of both has.
    to: String,
    message: String,
    #[serde(default)]
    #[schema(value_type = Option<words::Urgency>)]
    urgency: Option<Urgency>,
}

/// Page a team or a person
#[utoipa::path(post, path = "/pages", tag = "alerts", request_body = NewPage, responses((status = 201, body = AlertRow)))]
pub(super) async fn page(
    Responder(caller): Responder,
    State(app): State<App>,
    headers: HeaderMap,
    Json(new): Json<NewPage>,
) -> Result<(StatusCode, axum::Json<AlertRow>), Problem> {
    let alert = alerts::page(&app, &new.to, &new.message, new.urgency, own_key(&headers, &caller), &caller).await?;
    Ok((StatusCode::CREATED, axum::Json(alert.into())))
}
