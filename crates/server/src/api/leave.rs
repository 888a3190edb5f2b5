//! Being away.

use super::caller::{Responder, Viewer};
use super::extract::{Json, Params};
use super::{List, PageParams, Problem};
use crate::app::App;
use crate::ops::leave;
use crate::ops::timeline::Shift;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use firedog_domain::id::UserId;
use firedog_domain::suppression::Leave;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Somebody is away: every schedule goes without them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct LeaveRow {
    id: String,
    user: String,
    from: Timestamp,
    /// Exclusive.
    to: Timestamp,
    why: String,
    created_by: Option<String>,
    /// What they would have been on for.
    shifts: Vec<LeftRow>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct LeftRow {
    #[serde(flatten)]
    shift: Shift,
    /// Nobody else is on for some of it.
    alone: bool,
}

async fn row(app: &App, leave: Leave, created_by: Option<String>) -> Result<LeaveRow, Problem> {
    let left = leave::left(app, &leave).await?;
    let shifts = left.into_iter().map(|left| LeftRow { shift: left.shift, alone: left.alone }).collect();
    let Leave { id, user, from, to, why } = leave;
    Ok(LeaveRow { id: id.0, user: user.0, from, to, why, created_by, shifts })
}

/// List who is away, now and later
#[utoipa::path(get, path = "/leave", tag = "changes", params(PageParams), responses((status = 200, body = List<LeaveRow>)))]
pub(super) async fn list(
    _: Viewer,
    State(app): State<App>,
    Params(page): Params<PageParams>,
) -> Result<axum::Json<List<LeaveRow>>, Problem> {
    let cut = page.cut(leave::list(&app).await?)?;
    let mut items = Vec::with_capacity(cut.items.len());
    for listed in cut.items {
        items.push(row(&app, listed.item, listed.created_by).await?);
    }
    Ok(axum::Json(List { items, next: cut.next }))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLeave {
    /// Default: oneself.
    #[serde(default)]
    user: Option<String>,
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

/// Say that somebody is away; the answer lists what that leaves open
#[utoipa::path(post, path = "/leave", tag = "changes", request_body = NewLeave, responses((status = 201, body = LeaveRow)))]
pub(super) async fn add(
    Responder(caller): Responder,
    State(app): State<App>,
    Json(new): Json<NewLeave>,
) -> Result<(StatusCode, axum::Json<LeaveRow>), Problem> {
    let to = super::live::end(&app, new.from, new.to, new.length.as_deref())?;
    let leave = leave::add(&app, new.user.map(UserId), new.from, to, &new.why, &caller).await?;
    Ok((StatusCode::CREATED, axum::Json(row(&app, leave, Some(caller.describe())).await?)))
}

/// Say that somebody is back
#[utoipa::path(delete, path = "/leave/{id}", tag = "changes", params(("id" = String, Path)), responses((status = 204)))]
pub(super) async fn end(
    Responder(caller): Responder,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    leave::end(&app, &id, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
