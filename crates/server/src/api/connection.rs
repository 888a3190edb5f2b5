//! The connections of the setup.

use super::caller::{Admin, Viewer};
use super::extract::Params;
use super::{List, PageParams, Problem};
use crate::app::App;
use crate::ops::connection::{self, ConnectionCheck, ConnectionRow};
use axum::Json;
use axum::extract::{Path, State};

/// List the outside systems that are connected, and what uses them
#[utoipa::path(get, path = "/connections", tag = "administration", params(PageParams), responses((status = 200, body = List<ConnectionRow>)))]
pub(super) async fn list(
    _: Viewer,
    State(app): State<App>,
    Params(page): Params<PageParams>,
) -> Result<Json<List<ConnectionRow>>, Problem> {
    Ok(Json(page.cut(connection::list(&app).await?)?))
}

/// Ask a connection who it is, and whether it knows us
#[utoipa::path(post, path = "/connections/{id}/check", tag = "administration", params(("id" = String, Path)), responses((status = 200, body = ConnectionCheck)))]
pub(super) async fn check(_: Admin, State(app): State<App>, Path(id): Path<String>) -> Result<Json<ConnectionCheck>, Problem> {
    Ok(Json(connection::check(&app, &id).await?))
}
