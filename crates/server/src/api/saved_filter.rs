//! Views of the inbox that somebody keeps.

use super::caller::Viewer;
use super::extract::Json;
use super::{List, Problem};
use crate::app::App;
use crate::auth::Caller;
use crate::ops::saved_filter;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A view of the inbox under a name.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct FilterRow {
    name: String,
    /// What stands after `?` in the inbox's address.
    query: String,
}

/// List the views of the inbox that one keeps
#[utoipa::path(get, path = "/me/filters", tag = "alerts", responses((status = 200, body = List<FilterRow>)))]
pub(super) async fn list(
    _: Viewer,
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<axum::Json<List<FilterRow>>, Problem> {
    let row = |one: firedog_store::saved_filter::SavedFilter| FilterRow { name: one.name, query: one.query };
    let items = saved_filter::list(&app, &caller).await?.into_iter().map(row).collect();
    Ok(axum::Json(List { items, next: None }))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewFilter {
    query: String,
}

/// Keep a view of the inbox; one of the same name is replaced
#[utoipa::path(put, path = "/me/filters/{name}", tag = "alerts", params(("name" = String, Path)), request_body = NewFilter,
    responses((status = 200, body = FilterRow)))]
pub(super) async fn put(
    _: Viewer,
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Json(new): Json<NewFilter>,
) -> Result<axum::Json<FilterRow>, Problem> {
    let kept = saved_filter::put(&app, &name, &new.query, &caller).await?;
    Ok(axum::Json(FilterRow { name: kept.name, query: kept.query }))
}

/// Keep a view no longer
#[utoipa::path(delete, path = "/me/filters/{name}", tag = "alerts", params(("name" = String, Path)), responses((status = 204)))]
pub(super) async fn remove(
    _: Viewer,
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    saved_filter::remove(&app, &name, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
