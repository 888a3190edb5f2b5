//! Overrides, silences, maintenance.

use super::caller::{Responder, Viewer};
use super::extract::{Json, Params};
use super::{List, PageParams, Problem};
use crate::app::App;
use crate::ops::live::{self, Listed};
use crate::ops::rights;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use firedog_domain::id::{ScheduleId, ServiceId};
use firedog_domain::matcher::{MatchOp, Matcher};
use firedog_domain::setup::{Change, Maintenance, MaintenanceWhen, Override, Silence};
use firedog_domain::time::{after, parse_length};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The end of a span that begins at `from` (now), from whichever of both was given.
pub(super) fn end(
    app: &App,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    length: Option<&str>,
) -> Result<Timestamp, Problem> {
    match (until, length) {
        (Some(until), None) => Ok(until),
        (None, Some(length)) => Ok(after(from.unwrap_or_else(|| app.now()), parse_length(length).map_err(Problem::invalid)?)),
        _ => Err(Problem::invalid("give the end: `until`, or `for` with a length such as 2h")),
    }
}

/// Somebody else on call for a span.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct OverrideRow {
    id: String,
    schedule: String,
    /// Who is on instead of everybody, or in addition with `add`.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    add: bool,
    /// Who is not on.
    #[serde(skip_serializing_if = "Option::is_none")]
    remove: Option<String>,
    from: Timestamp,
    /// Exclusive.
    to: Timestamp,
    /// `null`: it stands in the setup files.
    created_by: Option<String>,
}

pub(super) fn override_row(schedule: ScheduleId, item: Override, created_by: Option<String>) -> OverrideRow {
    let (user, add, remove) = match item.change {
        Change::Replace(user) => (Some(user.0), false, None),
        Change::Add(user) => (Some(user.0), true, None),
        Change::Remove(user) => (None, false, Some(user.0)),
    };
    OverrideRow { id: item.id.0, schedule: schedule.0, user, add, remove, from: item.from, to: item.to, created_by }
}

/// List overrides that are not over, those of the setup files too
#[utoipa::path(get, path = "/overrides", tag = "changes", params(PageParams), responses((status = 200, body = List<OverrideRow>)))]
pub(super) async fn overrides(
    _: Viewer,
    State(app): State<App>,
    Params(page): Params<PageParams>,
) -> Result<axum::Json<List<OverrideRow>>, Problem> {
    let rows =
        live::overrides(&app).await?.into_iter().map(|(schedule, listed)| override_row(schedule, listed.item, listed.created_by));
    Ok(axum::Json(page.cut(rows.collect())?))
}

/// Either `user` (replaces everybody; with `add` in addition) or `remove`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOverride {
    schedule: String,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    add: bool,
    #[serde(default)]
    remove: Option<String>,
    /// Default: now.
    #[serde(default)]
    from: Option<Timestamp>,
    #[serde(default, alias = "until")]
    to: Option<Timestamp>,
    /// Instead of `to`: a length.
    #[serde(default, rename = "for")]
    length: Option<String>,
}

/// Put somebody on call (or take somebody off) for a span
#[utoipa::path(post, path = "/overrides", tag = "changes", request_body = NewOverride, responses((status = 201, body = OverrideRow)))]
pub(super) async fn add_override(
    Responder(caller): Responder,
    State(app): State<App>,
    Json(new): Json<NewOverride>,
) -> Result<(StatusCode, axum::Json<OverrideRow>), Problem> {
    let change = match (new.user, new.add, new.remove) {
        (Some(user), false, None) => Change::Replace(user.into()),
        (Some(user), true, None) => Change::Add(user.into()),
        (None, false, Some(user)) => Change::Remove(user.into()),
        _ => return Err(Problem::invalid("an override has either `user` (with or without `add`) or `remove`")),
    };
    let to = end(&app, new.from, new.to, new.length.as_deref())?;
    rights::on_schedule(&app, &caller, &ScheduleId::from(new.schedule.as_str())).await?;
    let (schedule, item) = live::add_override(&app, &new.schedule, change, new.from, to, &caller).await?;
    Ok((StatusCode::CREATED, axum::Json(override_row(schedule, item, Some(caller.describe())))))
}

/// Take an override back
#[utoipa::path(delete, path = "/overrides/{id}", tag = "changes", params(("id" = String, Path)), responses((status = 204)))]
pub(super) async fn end_override(
    Responder(caller): Responder,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    rights::on_override(&app, &caller, &id).await?;
    live::end_override(&app, &id, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Keeps matching alerts from paging until it ends.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct SilenceRow {
    id: String,
    /// `null`: any service.
    service: Option<String>,
    /// Made through the key of this integration: holds back only what came in through it.
    integration: Option<String>,
    /// All must match: `name="value"`, `!=`, `=~`, `!~`.
    matchers: Vec<String>,
    from: Timestamp,
    until: Timestamp,
    why: String,
    created_by: String,
    /// It stands in the setup files and is changed there.
    from_files: bool,
}

fn silence_row(item: Silence, from_files: bool) -> SilenceRow {
    SilenceRow {
        id: item.id.0,
        service: item.service.map(|id| id.0),
        integration: item.integration.map(|id| id.0),
        matchers: item.matchers.iter().map(ToString::to_string).collect(),
        from: item.from,
        until: item.until,
        why: item.why,
        created_by: item.created_by,
        from_files,
    }
}

/// List silences that are not over, those of the setup files too
#[utoipa::path(get, path = "/silences", tag = "changes", params(PageParams), responses((status = 200, body = List<SilenceRow>)))]
pub(super) async fn silences(
    _: Viewer,
    State(app): State<App>,
    Params(page): Params<PageParams>,
) -> Result<axum::Json<List<SilenceRow>>, Problem> {
    let rows = live::silences(&app)
        .await?
        .into_iter()
        .map(|listed: Listed<Silence>| silence_row(listed.item, listed.created_by.is_none()));
    Ok(axum::Json(page.cut(rows.collect())?))
}

/// `service`, `match` or `matchers`; all must match.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSilence {
    #[serde(default)]
    service: Option<String>,
    /// Labels that must have these values.
    #[serde(default, rename = "match")]
    equal: BTreeMap<String, String>,
    /// `name="value"`, `name=~"a|b"`.
    #[serde(default)]
    matchers: Vec<String>,
    /// Default: now.
    #[serde(default)]
    from: Option<Timestamp>,
    #[serde(default)]
    until: Option<Timestamp>,
    /// Instead of `until`: a length.
    #[serde(default, rename = "for")]
    length: Option<String>,
    #[serde(default)]
    why: String,
}

/// Silence a service or some of its alerts for a while
#[utoipa::path(post, path = "/silences", tag = "changes", request_body = NewSilence, responses((status = 201, body = SilenceRow)))]
pub(super) async fn add_silence(
    Responder(caller): Responder,
    State(app): State<App>,
    Json(new): Json<NewSilence>,
) -> Result<(StatusCode, axum::Json<SilenceRow>), Problem> {
    let equal = new.equal.into_iter().map(|(name, value)| Matcher::new(name, MatchOp::Equal, value));
    let written = new.matchers.iter().map(|text| text.parse());
    let matchers = equal.chain(written).collect::<Result<Vec<Matcher>, String>>().map_err(Problem::invalid)?;
    let until = end(&app, new.from, new.until, new.length.as_deref())?;
    let created_by = caller.user.as_ref().map_or_else(|| caller.name.clone(), ToString::to_string);
    let service = new.service.map(ServiceId);
    if let Some(service) = &service {
        rights::on_service(&app, &caller, service).await?;
    }
    let silence =
        live::NewSilence { id: None, service, integration: None, matchers, from: new.from, until, why: new.why, created_by };
    let silence = live::put_silence(&app, silence, &caller.actor()).await?;
    Ok((StatusCode::CREATED, axum::Json(silence_row(silence, false))))
}

/// End a silence
#[utoipa::path(delete, path = "/silences/{id}", tag = "changes", params(("id" = String, Path)), responses((status = 204)))]
pub(super) async fn end_silence(
    Responder(caller): Responder,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    rights::on_quiet(&app, &caller, &id).await?;
    live::end_silence(&app, &id, &caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A maintenance window: once (`from`, `to` are instants) or recurring (`from`, `to` are times of day in `timezone`).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct MaintenanceRow {
    id: String,
    services: Vec<String>,
    from: String,
    to: String,
    /// `day`, `week`, `month`.
    #[serde(skip_serializing_if = "Option::is_none")]
    every: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<i8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<String>,
    why: String,
    /// `null`: it stands in the setup files.
    created_by: Option<String>,
}

fn maintenance_row(item: Maintenance, created_by: Option<String>) -> MaintenanceRow {
    use firedog_domain::setup::Period;
    let blank = MaintenanceRow {
        id: item.id.0,
        services: item.services.into_iter().map(|id| id.0).collect(),
        from: String::new(),
        to: String::new(),
        every: None,
        days: None,
        day: None,
        timezone: None,
        why: item.why,
        created_by,
    };
    match item.when {
        MaintenanceWhen::Once { from, to } => MaintenanceRow { from: from.to_string(), to: to.to_string(), ..blank },
        MaintenanceWhen::Recurring { every, days, day, from, to, timezone } => MaintenanceRow {
            from: from.strftime("%H:%M").to_string(),
            to: to.strftime("%H:%M").to_string(),
            every: Some(match every {
                Period::Day => "day".to_owned(),
                Period::Week => "week".to_owned(),
                Period::Month => "month".to_owned(),
            }),
            days: (!days.is_all()).then(|| days.to_string()),
            day,
            timezone: Some(timezone.name().to_owned()),
            ..blank
        },
    }
}

/// List maintenance windows that are not over, those of the setup files too
#[utoipa::path(get, path = "/maintenance", tag = "changes", params(PageParams), responses((status = 200, body = List<MaintenanceRow>)))]
pub(super) async fn maintenance(
    _: Viewer,
    State(app): State<App>,
    Params(page): Params<PageParams>,
) -> Result<axum::Json<List<MaintenanceRow>>, Problem> {
    let rows = live::maintenance(&app).await?.into_iter().map(|listed| maintenance_row(listed.item, listed.created_by));
    Ok(axum::Json(page.cut(rows.collect())?))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMaintenance {
    services: Vec<String>,
    /// Default: now.
    #[serde(default)]
    from: Option<Timestamp>,
    #[serde(default, alias = "until")]
    to: Option<Timestamp>,
    /// Instead of `to`: a length.
    #[serde(default, rename = "for")]
    length: Option<String>,
    #[serde(default)]
    why: String,
}

/// Plan a maintenance window; recurring ones are written in the setup files
#[utoipa::path(post, path = "/maintenance", tag = "changes", request_body = NewMaintenance, responses((status = 201, body = MaintenanceRow)))]
pub(super) async fn add_maintenance(
    Responder(caller): Responder,
    State(app): State<App>,
    Json(new): Json<NewMaintenance>,
) -> Result<(StatusCode, axum::Json<MaintenanceRow>), Problem> {
    for service in &new.services {
        rights::on_service(&app, &caller, &ServiceId(service.clone())).await?;
    }
    let to = end(&app, new.from, new.to, new.length.as_deref())?;
    let services = new.services.into_iter().map(ServiceId).collect();
    let item = live::add_maintenance(&app, services, new.from, to, &new.why, &caller).await?;
    Ok((StatusCode::CREATED, axum::Json(maintenance_row(item, Some(caller.describe())))))
}

/// End a maintenance window
#[utoipa::path(delete, path = "/maintenance/{id}", tag = "changes", params(("id" = String, Path)), responses((status = 204)))]
pub(super) async fn end_maintenance(
    Responder(caller): Responder,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    rights::on_quiet(&app, &caller, &id).await?;
    live::end_maintenance(&app, &id, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
