//! Schedules over time, and changing who is on.

use super::caller::{Responder, Viewer};
use super::extract::{Json, Params};
use super::live::{OverrideRow, override_row};
use super::{List, Problem};
use crate::app::App;
use crate::auth::Caller;
use crate::ops::rights;
use crate::ops::sign_in::nobody;
use crate::ops::timeline::{self, Preview, Shift, Timeline, Wish};
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use firedog_domain::id::{ScheduleId, UserId};
use firedog_domain::setup::Change;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// A range of time.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Range {
    from: Timestamp,
    /// Exclusive; at most a year later.
    to: Timestamp,
}

/// Show a schedule over a range, lane by lane: layers, overrides, and who really is on
#[utoipa::path(get, path = "/schedules/{id}/timeline", tag = "schedules", params(("id" = String, Path), Range), responses((status = 200, body = Timeline)))]
pub(super) async fn show(
    _: Viewer,
    State(app): State<App>,
    Path(id): Path<String>,
    Params(range): Params<Range>,
) -> Result<axum::Json<Timeline>, Problem> {
    Ok(axum::Json(timeline::timeline(&app, &id, range.from, range.to).await?))
}

/// An override that is not made yet.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wished {
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    add: bool,
    #[serde(default)]
    remove: Option<String>,
    from: Timestamp,
    to: Timestamp,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPreview {
    from: Timestamp,
    to: Timestamp,
    #[serde(default, rename = "override")]
    wished: Option<Wished>,
    /// The id of a live override that would be taken back.
    #[serde(default)]
    end_override: Option<String>,
}

/// Tell who gains and who loses hours by a change, and whether it leaves a gap
#[utoipa::path(post, path = "/schedules/{id}/preview", tag = "schedules", params(("id" = String, Path)), request_body = NewPreview,
    responses((status = 200, body = Preview)))]
pub(super) async fn preview(
    _: Viewer,
    State(app): State<App>,
    Path(id): Path<String>,
    Json(new): Json<NewPreview>,
) -> Result<axum::Json<Preview>, Problem> {
    let add = match new.wished {
        Some(wished) => {
            let change = match (wished.user, wished.add, wished.remove) {
                (Some(user), false, None) => Change::Replace(user.into()),
                (Some(user), true, None) => Change::Add(user.into()),
                (None, false, Some(user)) => Change::Remove(user.into()),
                _ => return Err(Problem::invalid("an override has either `user` (with or without `add`) or `remove`")),
            };
            Some((change, wished.from, wished.to))
        }
        None => None,
    };
    let wish = Wish { add, end: new.end_override };
    Ok(axum::Json(timeline::preview(&app, &id, new.from, new.to, wish).await?))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TakeOver {
    /// Default: the end of the present shift.
    #[serde(default)]
    until: Option<Timestamp>,
}

/// Take a schedule over from whoever is on now
#[utoipa::path(post, path = "/schedules/{id}/take-over", tag = "schedules", params(("id" = String, Path)), request_body = TakeOver,
    responses((status = 201, body = OverrideRow)))]
pub(super) async fn take_over(
    Responder(caller): Responder,
    State(app): State<App>,
    Path(id): Path<String>,
    Json(new): Json<TakeOver>,
) -> Result<(StatusCode, axum::Json<OverrideRow>), Problem> {
    rights::on_schedule(&app, &caller, &ScheduleId::from(id.as_str())).await?;
    let (schedule, item) = timeline::take_over(&app, &id, new.until, &caller).await?;
    Ok((StatusCode::CREATED, axum::Json(override_row(schedule, item, Some(caller.describe())))))
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ShiftParams {
    /// How far ahead; 60 by default, 366 at the most.
    days: Option<i64>,
    /// Somebody else's.
    user: Option<String>,
}

/// List one's own shifts over all schedules
#[utoipa::path(get, path = "/me/shifts", tag = "schedules", params(ShiftParams), responses((status = 200, body = List<Shift>)))]
pub(super) async fn own_shifts(
    _: Viewer,
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(params): Params<ShiftParams>,
) -> Result<axum::Json<List<Shift>>, Problem> {
    let user = params.user.map(UserId).or(caller.user).ok_or_else(nobody)?;
    let items = timeline::shifts_of(&app, &user, params.days.unwrap_or(60)).await?;
    Ok(axum::Json(List { items, next: None }))
}
