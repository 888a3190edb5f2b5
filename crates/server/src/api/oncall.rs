//! Who is on call.

use super::caller::Viewer;
use super::extract::Params;
use super::{List, PageParams, Problem};
use crate::app::App;
use crate::ops::catalogue::{self, ScheduleRow};
use crate::ops::oncall::{self, Row};
use axum::Json;
use axum::extract::{Path, State};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

/// Whose on-call. A schedule, a service, or neither: every schedule.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OncallParams {
    schedule: Option<String>,
    service: Option<String>,
    /// Default: now.
    at: Option<Timestamp>,
    /// Items per page, 1 to 500; 50 by default.
    limit: Option<u32>,
    cursor: Option<String>,
}

/// Who is on call
#[utoipa::path(get, path = "/oncall", tag = "schedules", params(OncallParams), responses((status = 200, body = List<Row>)))]
pub(super) async fn on_call(
    _: Viewer,
    State(app): State<App>,
    Params(params): Params<OncallParams>,
) -> Result<Json<List<Row>>, Problem> {
    let rows = oncall::on_call(&app, params.schedule.as_deref(), params.service.as_deref(), params.at).await?;
    Ok(Json(PageParams { limit: params.limit, cursor: params.cursor }.cut(rows)?))
}

/// List schedules
#[utoipa::path(get, path = "/schedules", tag = "schedules", params(PageParams), responses((status = 200, body = List<ScheduleRow>)))]
pub(super) async fn schedules(
    _: Viewer,
    State(app): State<App>,
    Params(page): Params<PageParams>,
) -> Result<Json<List<ScheduleRow>>, Problem> {
    Ok(Json(page.cut(catalogue::schedules(&app).await?)?))
}

/// A range of time.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RangeParams {
    from: Timestamp,
    /// Exclusive; at most five years later.
    to: Timestamp,
    /// Items per page, 1 to 500; 50 by default.
    #[serde(default)]
    limit: Option<u32>,
    #[serde(default)]
    cursor: Option<String>,
}

/// Who is on a schedule over a range; a gap is a row with `user: null`
#[utoipa::path(get, path = "/schedules/{id}/shifts", tag = "schedules", params(("id" = String, Path), RangeParams), responses((status = 200, body = List<Row>)))]
pub(super) async fn shifts(
    _: Viewer,
    State(app): State<App>,
    Path(id): Path<String>,
    Params(range): Params<RangeParams>,
) -> Result<Json<List<Row>>, Problem> {
    let rows = oncall::shifts(&app, &id, range.from, range.to).await?;
    Ok(Json(PageParams { limit: range.limit, cursor: range.cursor }.cut(rows)?))
}
