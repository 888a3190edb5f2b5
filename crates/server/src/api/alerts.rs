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
use firedog_domain::id::{AlertId, ServiceId, UserId};
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
    /// Of this team's services.
    team: Option<String>,
    #[param(value_type = Option<words::Urgency>)]
    urgency: Option<Urgency>,
    /// Words, each held by the summary, the dedup key, the source, the service or the labels (`name=value`), whatever the case.
    q: Option<String>,
    /// Triggered at or after.
    since: Option<Timestamp>,
    /// Triggered before.
    until: Option<Timestamp>,
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
    let AlertParams { state, service, team, urgency, q, since, until, limit, cursor } = params;
    let query = Query { state, service, team, urgency, text: q, since, until, limit, cursor };
    let page = alerts::list(&app, &query).await?;
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

/// Take an acknowledgement back: nobody has it, and it pages again
#[utoipa::path(post, path = "/alerts/{id}/unacknowledge", tag = "alerts", params(("id" = String, Path)), responses((status = 200, body = AlertRow)))]
pub(super) async fn unacknowledge(Responder(caller): Responder, State(app): State<App>, Path(id): Path<String>) -> Done {
    rights::on_alert(&app, &caller, &AlertId(id.clone())).await?;
    Ok(axum::Json(alerts::unacknowledge(&app, &AlertId(id), caller.actor()).await?.into()))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reassign {
    /// `user:ID`, `team:ID` or `policy:ID`.
    to: String,
}

/// Give it to somebody else, or to another policy; they are paged at once
#[utoipa::path(post, path = "/alerts/{id}/reassign", tag = "alerts", params(("id" = String, Path)), request_body = Reassign,
    responses((status = 200, body = AlertRow)))]
pub(super) async fn reassign(
    Responder(caller): Responder,
    State(app): State<App>,
    Path(id): Path<String>,
    Json(wish): Json<Reassign>,
) -> Done {
    rights::on_alert(&app, &caller, &AlertId(id.clone())).await?;
    Ok(axum::Json(alerts::reassign(&app, &AlertId(id), &wish.to, caller.actor()).await?.into()))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PullIn {
    users: Vec<String>,
    #[serde(default)]
    message: String,
}

/// Page further people to join in; whoever has it keeps it
#[utoipa::path(post, path = "/alerts/{id}/responders", tag = "alerts", params(("id" = String, Path)), request_body = PullIn,
    responses((status = 201, body = List<AlertRow>)))]
pub(super) async fn pull_in(
    Responder(caller): Responder,
    State(app): State<App>,
    Path(id): Path<String>,
    Json(wish): Json<PullIn>,
) -> Result<(StatusCode, axum::Json<List<AlertRow>>), Problem> {
    rights::on_alert(&app, &caller, &AlertId(id.clone())).await?;
    let users: Vec<UserId> = wish.users.into_iter().map(UserId).collect();
    let paged = alerts::pull_in(&app, &AlertId(id), &users, &wish.message, &caller).await?;
    Ok((StatusCode::CREATED, axum::Json(List { items: paged.into_iter().map(AlertRow::from).collect(), next: None })))
}

/// An earlier alert that looks alike.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct SimilarRow {
    #[serde(flatten)]
    alert: AlertRow,
    /// `same key`, `same summary`, `same alert name`.
    because: String,
}

/// List earlier alerts of the same service that look alike, newest first
#[utoipa::path(get, path = "/alerts/{id}/similar", tag = "alerts", params(("id" = String, Path)), responses((status = 200, body = List<SimilarRow>)))]
pub(super) async fn similar(
    _: Viewer,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<axum::Json<List<SimilarRow>>, Problem> {
    let row = |one: alerts::Similar| SimilarRow { alert: one.alert.into(), because: one.because.to_owned() };
    let items = alerts::similar(&app, &AlertId(id)).await?.into_iter().map(row).collect();
    Ok(axum::Json(List { items, next: None }))
}

/// What a source has sent, masked.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct EventRow {
    at: Timestamp,
    /// `service/integration`.
    integration: String,
    /// `trigger`, `acknowledge`, `resolve`.
    action: String,
    summary: String,
    #[schema(value_type = words::Severity)]
    severity: Severity,
    labels: BTreeMap<String, String>,
    details: serde_json::Value,
}

/// List what an alert's source has sent, masked, newest first
#[utoipa::path(get, path = "/alerts/{id}/events", tag = "alerts", params(("id" = String, Path)), responses((status = 200, body = List<EventRow>)))]
pub(super) async fn received(
    _: Viewer,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<axum::Json<List<EventRow>>, Problem> {
    let row = |one: firedog_store::event::Received| EventRow {
        at: one.at,
        integration: one.event.integration.0,
        action: serde_json::to_value(one.event.action).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default(),
        summary: one.event.summary,
        severity: one.event.severity,
        labels: one.event.labels,
        details: one.event.details,
    };
    let items = alerts::events(&app, &AlertId(id)).await?.into_iter().map(row).collect();
    Ok(axum::Json(List { items, next: None }))
}

/// One wish for many alerts.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Bulk {
    /// 1 to 200.
    ids: Vec<String>,
    action: BulkAction,
    /// Of `snooze`: a length.
    #[serde(default, rename = "for")]
    length: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum BulkAction {
    Acknowledge,
    Unacknowledge,
    Resolve,
    Escalate,
    Snooze,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct BulkRow {
    id: String,
    done: bool,
    /// Why not.
    why: Option<String>,
}

/// Alerts that one request acts on.
const MAX_BULK: usize = 200;
/// Of them at once; the store commits them together.
const BULK_AT_ONCE: usize = 16;

/// Do the same to many alerts; each is done or refused for itself
#[utoipa::path(post, path = "/alerts/actions", tag = "alerts", request_body = Bulk, responses((status = 200, body = List<BulkRow>)))]
pub(super) async fn bulk(
    Responder(caller): Responder,
    State(app): State<App>,
    Json(bulk): Json<Bulk>,
) -> Result<axum::Json<List<BulkRow>>, Problem> {
    use futures_util::StreamExt as _;
    if bulk.ids.is_empty() || bulk.ids.len() > MAX_BULK {
        return Err(Problem::invalid(format!("name 1 to {MAX_BULK} alerts")));
    }
    let until = match (bulk.action, bulk.length.as_deref()) {
        (BulkAction::Snooze, length) => Some(super::live::end(&app, None, None, length)?),
        (_, None) => None,
        _ => return Err(Problem::invalid("`for` goes with `snooze`")),
    };
    let (app, caller, action) = (&app, &caller, bulk.action);
    let one = |id: String| async move {
        let alert = AlertId(id.clone());
        let done = async {
            rights::on_alert(app, caller, &alert).await?;
            let by = caller.actor();
            match action {
                BulkAction::Acknowledge => alerts::acknowledge(app, &alert, by).await,
                BulkAction::Unacknowledge => alerts::unacknowledge(app, &alert, by).await,
                BulkAction::Resolve => alerts::resolve(app, &alert, by).await,
                BulkAction::Escalate => alerts::escalate(app, &alert, by).await,
                BulkAction::Snooze => alerts::snooze(app, &alert, until.unwrap_or_else(|| app.now()), by).await,
            }
        };
        let why = done.await.err().map(|error| error.to_string());
        BulkRow { id, done: why.is_none(), why }
    };
    let items = futures_util::stream::iter(bulk.ids).map(one).buffered(BULK_AT_ONCE).collect().await;
    Ok(axum::Json(List { items, next: None }))
}
