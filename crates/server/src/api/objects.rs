//! Objects of the setup one by one, and integrations with what comes in over them.

use super::caller::{Manager, Responder, Viewer};
use super::extract::{Json, Params};
use super::session::EntranceRow;
use super::setup::AppliedRow;
use super::{List, Problem};
use crate::app::App;
use crate::auth::Caller;
use crate::ops::objects::{self, Keyed, Object};
use crate::ops::payloads::{self, Shown};
use crate::ops::setup::Wish;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use firedog_domain::id::IntegrationId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// An object of the setup.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ObjectRow {
    /// `team`, `user`, `schedule`, `policy`, `service`, `catch_all`.
    kind: String,
    id: String,
    /// `app`: it is changed here; `files`: it stands in setup files and is changed there.
    origin: &'static str,
    /// As it is written in files, without keys and secrets.
    value: serde_json::Value,
}

impl From<Object> for ObjectRow {
    fn from(object: Object) -> Self {
        let origin = if object.own { "app" } else { "files" };
        Self { kind: object.kind.to_owned(), id: object.id, origin, value: object.value }
    }
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// One kind only.
    kind: Option<String>,
}

/// List the objects of the setup, as they are written in files
#[utoipa::path(get, path = "/setup/objects", tag = "setup", params(Which), responses((status = 200, body = List<ObjectRow>)))]
pub(super) async fn list(
    _: Viewer,
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(which): Params<Which>,
) -> Result<axum::Json<List<ObjectRow>>, Problem> {
    let items = objects::list(&app, which.kind.as_deref(), &caller).await?.into_iter().map(ObjectRow::from).collect();
    Ok(axum::Json(List { items, next: None }))
}

/// An object as it is to be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewObject {
    /// As it is written in files. Keys and secrets that are left out stay as they are.
    value: serde_json::Value,
    /// Only check and plan.
    #[serde(default)]
    dry_run: bool,
    /// Also when open alerts lose something by it.
    #[serde(default)]
    yes: bool,
    /// Only if this version is still in force.
    #[serde(default)]
    expect_version: Option<i64>,
}

/// Make an object of the setup, or change one that was made here
#[utoipa::path(put, path = "/setup/objects/{kind}/{id}", tag = "setup", params(("kind" = String, Path), ("id" = String, Path)),
    request_body = NewObject, responses((status = 200, body = AppliedRow)))]
pub(super) async fn put(
    Responder(caller): Responder,
    State(app): State<App>,
    Path((kind, id)): Path<(String, String)>,
    Json(new): Json<NewObject>,
) -> Result<axum::Json<AppliedRow>, Problem> {
    let wish = Wish { dry_run: new.dry_run, yes: new.yes, expect_version: new.expect_version };
    Ok(axum::Json(objects::put(&app, &kind, &id, new.value, wish, &caller).await?.into()))
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Removal {
    /// Only plan.
    dry_run: bool,
    /// Also when open alerts lose something by it.
    yes: bool,
}

/// Remove an object of the setup that was made here
#[utoipa::path(delete, path = "/setup/objects/{kind}/{id}", tag = "setup",
    params(("kind" = String, Path), ("id" = String, Path), Removal), responses((status = 200, body = AppliedRow)))]
pub(super) async fn remove(
    Manager(caller): Manager,
    State(app): State<App>,
    Path((kind, id)): Path<(String, String)>,
    Params(removal): Params<Removal>,
) -> Result<axum::Json<AppliedRow>, Problem> {
    let wish = Wish { dry_run: removal.dry_run, yes: removal.yes, ..Wish::default() };
    Ok(axum::Json(objects::remove(&app, &kind, &id, wish, &caller).await?.into()))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Proposed {
    value: serde_json::Value,
}

/// What to write in the setup files.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Proposal {
    /// A unified diff against the object as `firedog export` writes it.
    diff: String,
    /// The object as it would be written.
    text: String,
}

/// Show what to change in the setup files for an object that stands there
#[utoipa::path(post, path = "/setup/objects/{kind}/{id}/proposal", tag = "setup", params(("kind" = String, Path), ("id" = String, Path)),
    request_body = Proposed, responses((status = 200, body = Proposal)))]
pub(super) async fn propose(
    _: Viewer,
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((kind, id)): Path<(String, String)>,
    Json(new): Json<Proposed>,
) -> Result<axum::Json<Proposal>, Problem> {
    let made = objects::propose(&app, &kind, &id, new.value, &caller).await?;
    Ok(axum::Json(Proposal { diff: made.diff, text: made.text }))
}

/// A way for events to come in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct IntegrationCard {
    service: String,
    id: String,
    #[schema(value_type = String)]
    kind: firedog_domain::setup::IntegrationKind,
    /// Where its events go; `KEY` stands for the key, which nobody can read any more.
    url: String,
    /// When something came in last, since this server has started.
    last_at: Option<Timestamp>,
    /// `app`: a new key can be made here; `files`: it stands in setup files.
    origin: &'static str,
}

/// List every integration, where its events go, and when something came in last
#[utoipa::path(get, path = "/integrations", tag = "setup", responses((status = 200, body = List<IntegrationCard>)))]
pub(super) async fn integrations(_: Viewer, State(app): State<App>) -> Result<axum::Json<List<IntegrationCard>>, Problem> {
    let row = |(service, id, kind, own): (String, String, firedog_domain::setup::IntegrationKind, bool)| {
        let last_at = app.payloads.last_at(&IntegrationId::new(&service.as_str().into(), &id));
        let origin = if own { "app" } else { "files" };
        IntegrationCard { url: url(&app, kind, "KEY"), service, id, kind, last_at, origin }
    };
    let items = objects::integrations(&app).await?.into_iter().map(row).collect();
    Ok(axum::Json(List { items, next: None }))
}

/// Where the events of an integration go.
pub(super) fn url(app: &App, kind: firedog_domain::setup::IntegrationKind, key: &str) -> String {
    use firedog_domain::setup::IntegrationKind as Kind;
    let base = &app.links_base;
    match kind {
        Kind::Pagerduty => format!("{base}/v2/enqueue"),
        Kind::Alertmanager => format!("{base}/in/{key}"),
        Kind::Grafana => format!("{base}/in/{key}/grafana"),
        Kind::Heartbeat => format!("{base}/in/{key}/heartbeat"),
        Kind::Generic => format!("{base}/in/{key}/generic"),
    }
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewIntegration {
    /// `pagerduty`, `alertmanager`, `grafana`, `generic`, `heartbeat`.
    kind: String,
    /// Default: its kind.
    #[serde(default)]
    id: Option<String>,
}

fn entrance(app: &App, made: &Keyed) -> EntranceRow {
    let key = made.key.expose();
    EntranceRow::new(&made.id, made.kind, key, url(app, made.kind, key))
}

/// Add an integration to a service that was made here; its key is answered once
#[utoipa::path(post, path = "/services/{id}/integrations", tag = "setup", params(("id" = String, Path)), request_body = NewIntegration,
    responses((status = 201, body = EntranceRow)))]
pub(super) async fn add_integration(
    Manager(caller): Manager,
    State(app): State<App>,
    Path(id): Path<String>,
    Json(new): Json<NewIntegration>,
) -> Result<(StatusCode, axum::Json<EntranceRow>), Problem> {
    let made = objects::add_integration(&app, &id, &new.kind, new.id.as_deref(), &caller).await?;
    Ok((StatusCode::CREATED, axum::Json(entrance(&app, &made))))
}

/// Give an integration another key, answered once; the old one is refused from now on
#[utoipa::path(post, path = "/services/{id}/integrations/{integration}/key", tag = "setup",
    params(("id" = String, Path), ("integration" = String, Path)), responses((status = 201, body = EntranceRow)))]
pub(super) async fn rotate(
    Manager(caller): Manager,
    State(app): State<App>,
    Path((id, integration)): Path<(String, String)>,
) -> Result<(StatusCode, axum::Json<EntranceRow>), Problem> {
    let made = objects::rotate(&app, &id, &integration, &caller).await?;
    Ok((StatusCode::CREATED, axum::Json(entrance(&app, &made))))
}

/// What came in, and what was made of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct PayloadRow {
    at: Timestamp,
    /// The language that it was read in.
    dialect: String,
    /// Masked, without the key; cut after 8 KiB.
    body: String,
    /// Of the whole body, in bytes.
    length: usize,
    /// How many events it had; `null`: it was refused.
    events: Option<usize>,
    /// The first of them.
    first: Vec<ToldRow>,
    /// Why it was refused.
    refused: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct ToldRow {
    /// `trigger`, `acknowledge`, `resolve`.
    action: String,
    dedup_key: String,
    summary: String,
}

impl From<Shown> for PayloadRow {
    fn from(shown: Shown) -> Self {
        let Shown { at, dialect, body, length, events, first, refused } = shown;
        let told = |one: payloads::Told| ToldRow {
            action: serde_json::to_value(one.action).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default(),
            dedup_key: one.dedup_key,
            summary: one.summary,
        };
        Self { at, dialect: dialect.to_owned(), body, length, events, first: first.into_iter().map(told).collect(), refused }
    }
}

/// List the last payloads of an integration, masked, and what was made of each; since this server has started
#[utoipa::path(get, path = "/services/{id}/integrations/{integration}/payloads", tag = "setup",
    params(("id" = String, Path), ("integration" = String, Path)), responses((status = 200, body = List<PayloadRow>)))]
pub(super) async fn payloads(
    Responder(_): Responder,
    State(app): State<App>,
    Path((id, integration)): Path<(String, String)>,
) -> Result<axum::Json<List<PayloadRow>>, Problem> {
    let items = payloads::list(&app, &id, &integration).await?.into_iter().map(PayloadRow::from).collect();
    Ok(axum::Json(List { items, next: None }))
}
