//! Asking to be covered, and answering.

use super::caller::{Responder, Viewer};
use super::extract::{Json, Params};
use super::{List, PageParams, Problem};
use crate::app::App;
use crate::ops::cover::{self, Asked, Wish};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use firedog_domain::cover::Stretch;
use firedog_domain::id::UserId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Somebody asks others to take a shift, or to swap one.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct CoverRow {
    id: String,
    schedule: String,
    /// Who asks to be covered.
    user: String,
    from: Timestamp,
    /// Exclusive.
    until: Timestamp,
    note: String,
    /// A swap: what `user` takes in return, on the same schedule.
    in_return: Option<StretchRow>,
    #[schema(value_type = crate::words::CoverState)]
    state: &'static str,
    /// Who may still say yes.
    eligible: Vec<String>,
    /// Who has said no.
    declined: Vec<String>,
    taken_by: Option<String>,
    /// The overrides that came of it.
    overrides: Vec<String>,
    created_at: Timestamp,
    created_by: String,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StretchRow {
    from: Timestamp,
    /// Exclusive.
    until: Timestamp,
}

impl From<Asked> for CoverRow {
    fn from(asked: Asked) -> Self {
        let ids = |users: Vec<UserId>| users.into_iter().map(|user| user.0).collect();
        let cover = asked.cover;
        Self {
            id: cover.id.0,
            schedule: cover.schedule.0,
            user: cover.user.0,
            from: cover.from,
            until: cover.until,
            note: cover.note,
            in_return: cover.in_return.map(|Stretch { from, until }| StretchRow { from, until }),
            state: cover.state.as_str(),
            eligible: ids(asked.eligible),
            declined: ids(cover.declined),
            taken_by: cover.taken_by.map(|user| user.0),
            overrides: cover.overrides.into_iter().map(|id| id.0).collect(),
            created_at: cover.created_at,
            created_by: cover.created_by,
        }
    }
}

/// List requests to be covered whose time is not over
#[utoipa::path(get, path = "/covers", tag = "changes", params(PageParams), responses((status = 200, body = List<CoverRow>)))]
pub(super) async fn list(
    _: Viewer,
    State(app): State<App>,
    Params(page): Params<PageParams>,
) -> Result<axum::Json<List<CoverRow>>, Problem> {
    let rows: Vec<CoverRow> = cover::list(&app).await?.into_iter().map(CoverRow::from).collect();
    Ok(axum::Json(page.cut(rows)?))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCover {
    schedule: String,
    /// Default: oneself.
    #[serde(default)]
    user: Option<String>,
    /// Default: now.
    #[serde(default)]
    from: Option<Timestamp>,
    #[serde(default, alias = "to")]
    until: Option<Timestamp>,
    /// Instead of `until`: a length.
    #[serde(default, rename = "for")]
    length: Option<String>,
    /// Told to those who are asked.
    #[serde(default)]
    note: String,
    /// Who is asked. Default: the schedule's team and everybody in its turns.
    #[serde(default)]
    ask: Vec<String>,
    /// A swap: a shift of the one who is asked, on the same schedule.
    #[serde(default)]
    in_return: Option<StretchRow>,
}

/// Ask to be covered; the first yes becomes an override
#[utoipa::path(post, path = "/covers", tag = "changes", request_body = NewCover, responses((status = 201, body = CoverRow)))]
pub(super) async fn ask(
    Responder(caller): Responder,
    State(app): State<App>,
    Json(new): Json<NewCover>,
) -> Result<(StatusCode, axum::Json<CoverRow>), Problem> {
    let until = super::live::end(&app, new.from, new.until, new.length.as_deref())?;
    let wish = Wish {
        schedule: new.schedule,
        user: new.user.map(UserId),
        from: new.from,
        until,
        note: new.note,
        ask: new.ask.into_iter().map(UserId).collect(),
        in_return: new.in_return.map(|StretchRow { from, until }| Stretch { from, until }),
    };
    Ok((StatusCode::CREATED, axum::Json(cover::ask(&app, wish, &caller).await?.into())))
}

/// Take a request back
#[utoipa::path(delete, path = "/covers/{id}", tag = "changes", params(("id" = String, Path)), responses((status = 204)))]
pub(super) async fn cancel(
    Responder(caller): Responder,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    cover::cancel(&app, &id, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Default: all of it.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Part {
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// Take somebody's shift, or a part of it; the rest stays open
#[utoipa::path(post, path = "/covers/{id}/accept", tag = "changes", params(("id" = String, Path)), request_body = Part,
    responses((status = 200, body = CoverRow)))]
pub(super) async fn accept(
    Responder(caller): Responder,
    State(app): State<App>,
    Path(id): Path<String>,
    Json(part): Json<Part>,
) -> Result<axum::Json<CoverRow>, Problem> {
    Ok(axum::Json(cover::accept(&app, &id, (part.from, part.until), &caller).await?.into()))
}

/// Say no; the others may still say yes
#[utoipa::path(post, path = "/covers/{id}/decline", tag = "changes", params(("id" = String, Path)), responses((status = 200, body = CoverRow)))]
pub(super) async fn decline(
    Responder(caller): Responder,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<axum::Json<CoverRow>, Problem> {
    Ok(axum::Json(cover::decline(&app, &id, &caller).await?.into()))
}
