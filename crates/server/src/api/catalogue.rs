//! Looking things up.

use super::caller::Viewer;
use super::extract::Params;
use super::{List, PageParams, Problem};
use crate::app::App;
use crate::ops::catalogue::{self, HeartbeatRow, PolicyCard, ServiceCard, ServiceRow, TeamCard, UserRow};
use crate::ops::deploys::{self, Deploys};
use axum::Json;
use axum::extract::{Path, State};

/// List services
#[utoipa::path(get, path = "/services", tag = "catalogue", params(PageParams), responses((status = 200, body = List<ServiceRow>)))]
pub(super) async fn services(
    _: Viewer,
    State(app): State<App>,
    Params(page): Params<PageParams>,
) -> Result<Json<List<ServiceRow>>, Problem> {
    Ok(Json(page.cut(catalogue::services(&app).await?)?))
}

/// Show a service: who owns it, and who is on call for it now
#[utoipa::path(get, path = "/services/{id}", tag = "catalogue", params(("id" = String, Path)), responses((status = 200, body = ServiceCard)))]
pub(super) async fn service(_: Viewer, State(app): State<App>, Path(id): Path<String>) -> Result<Json<ServiceCard>, Problem> {
    Ok(Json(catalogue::service(&app, &id).await?))
}

/// Show what of a service was deployed within the last day, and whether a deployment is under way
#[utoipa::path(get, path = "/services/{id}/deploys", tag = "catalogue", params(("id" = String, Path)), responses((status = 200, body = Deploys)))]
pub(super) async fn deploys(_: Viewer, State(app): State<App>, Path(id): Path<String>) -> Result<Json<Deploys>, Problem> {
    Ok(Json((*deploys::of_service(&app, &id).await?).clone()))
}

/// List teams
#[utoipa::path(get, path = "/teams", tag = "catalogue", params(PageParams), responses((status = 200, body = List<TeamCard>)))]
pub(super) async fn teams(
    _: Viewer,
    State(app): State<App>,
    Params(page): Params<PageParams>,
) -> Result<Json<List<TeamCard>>, Problem> {
    Ok(Json(page.cut(catalogue::teams(&app).await?)?))
}

/// List people, without their addresses
#[utoipa::path(get, path = "/users", tag = "catalogue", params(PageParams), responses((status = 200, body = List<UserRow>)))]
pub(super) async fn users(
    _: Viewer,
    State(app): State<App>,
    Params(page): Params<PageParams>,
) -> Result<Json<List<UserRow>>, Problem> {
    Ok(Json(page.cut(catalogue::users(&app).await?)?))
}

/// List escalation policies
#[utoipa::path(get, path = "/policies", tag = "catalogue", params(PageParams), responses((status = 200, body = List<PolicyCard>)))]
pub(super) async fn policies(
    _: Viewer,
    State(app): State<App>,
    Params(page): Params<PageParams>,
) -> Result<Json<List<PolicyCard>>, Problem> {
    Ok(Json(page.cut(catalogue::policies(&app).await?)?))
}

/// Show an escalation policy, in plain words too
#[utoipa::path(get, path = "/policies/{id}", tag = "catalogue", params(("id" = String, Path)), responses((status = 200, body = PolicyCard)))]
pub(super) async fn policy(_: Viewer, State(app): State<App>, Path(id): Path<String>) -> Result<Json<PolicyCard>, Problem> {
    Ok(Json(catalogue::policy(&app, &id).await?))
}

/// List expected heartbeats
#[utoipa::path(get, path = "/heartbeats", tag = "catalogue", params(PageParams), responses((status = 200, body = List<HeartbeatRow>)))]
pub(super) async fn heartbeats(
    _: Viewer,
    State(app): State<App>,
    Params(page): Params<PageParams>,
) -> Result<Json<List<HeartbeatRow>>, Problem> {
    Ok(Json(page.cut(catalogue::heartbeats(&app).await?)?))
}
