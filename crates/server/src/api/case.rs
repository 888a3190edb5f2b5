//! Vendor cases and the vendors that they are with.

use super::caller::{Responder, Viewer};
use super::extract::{Json, Params};
use super::{List, PageParams, Problem};
use crate::app::App;
use crate::ops::case::{self, Deed, Wish};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use firedog_domain::case::{About, Case};
use firedog_domain::id::{AlertId, InstitutionId, RunId, ServiceId, VendorId};
use firedog_domain::setup::Vendor;
use firedog_store::case::Filter;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A third party that is asked when its side fails.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct VendorRow {
    id: String,
    name: String,
    /// Where cases are opened.
    portal: Option<String>,
    email: Option<String>,
    /// How long their contract gives them for the first answer, in seconds.
    responds_within_s: i64,
    /// How long a case rests after it was chased, in seconds.
    chase_every_s: i64,
    /// What they want in a case.
    note: Option<String>,
    /// How Firedog opens cases itself: `email` or `http`; none: a person does.
    open_by: Option<String>,
}

impl From<&Vendor> for VendorRow {
    fn from(vendor: &Vendor) -> Self {
        Self {
            id: vendor.id.to_string(),
            name: vendor.display_name().to_owned(),
            portal: vendor.portal.clone(),
            email: vendor.email.clone(),
            responds_within_s: vendor.responds_within.as_secs(),
            chase_every_s: vendor.chase_every.as_secs(),
            note: vendor.note.clone(),
            open_by: vendor.open_by.map(|by| by.as_str().to_owned()),
        }
    }
}

/// List vendors
#[utoipa::path(get, path = "/vendors", tag = "cases", params(PageParams), responses((status = 200, body = List<VendorRow>)))]
pub(super) async fn vendors(
    _: Viewer,
    State(app): State<App>,
    Params(page): Params<PageParams>,
) -> Result<axum::Json<List<VendorRow>>, Problem> {
    Ok(axum::Json(page.cut(case::vendors(&app).await?.iter().map(VendorRow::from).collect())?))
}

/// A ticket at a vendor, with our clock on it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct CaseRow {
    id: String,
    vendor: String,
    institution: Option<String>,
    /// As the vendor calls it; empty: not known yet.
    number: String,
    url: Option<String>,
    run: Option<String>,
    alert: Option<String>,
    service: Option<String>,
    /// Whose people act on it; none: every responder.
    team: Option<String>,
    #[schema(value_type = crate::words::CaseState)]
    state: &'static str,
    opened_at: Timestamp,
    /// A person, or `token NAME`.
    opened_by: String,
    /// When somebody has to ask the vendor again; none: it is closed.
    next_chase_at: Option<Timestamp>,
    /// How long it rests after it was chased, in seconds.
    chase_every_s: i64,
    /// The last 100, oldest first.
    chases: Vec<ChaseRow>,
    /// How often it was chased.
    chased: u32,
    closed_at: Option<Timestamp>,
    closed_by: Option<String>,
    /// How it ended.
    reason: String,
}

/// The vendor was asked again.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ChaseRow {
    at: Timestamp,
    by: String,
    note: String,
}

impl From<Case> for CaseRow {
    fn from(case: Case) -> Self {
        let state = case.state.as_str();
        let About { run, alert, service, team } = case.about;
        let chase = |chase: firedog_domain::case::Chase| ChaseRow { at: chase.at, by: chase.by, note: chase.note };
        Self {
            id: case.id.0,
            vendor: case.vendor.0,
            institution: case.institution.map(|id| id.0),
            number: case.number,
            url: case.url,
            run: run.map(|id| id.0),
            alert: alert.map(|id| id.0),
            service: service.map(|id| id.0),
            team: team.map(|id| id.0),
            state,
            opened_at: case.opened_at,
            opened_by: case.opened_by,
            next_chase_at: case.next_chase_at,
            chase_every_s: case.chase_every.as_secs(),
            chases: case.chases.into_iter().map(chase).collect(),
            chased: case.chased,
            closed_at: case.closed_at,
            closed_by: case.closed_by,
            reason: case.reason,
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CaseParams {
    /// Only those that are open, or only those that are closed.
    open: Option<bool>,
    vendor: Option<String>,
    institution: Option<String>,
    alert: Option<String>,
    run: Option<String>,
    /// At most 500.
    limit: Option<u32>,
}

/// List vendor cases, newest first
#[utoipa::path(get, path = "/cases", tag = "cases", params(CaseParams), responses((status = 200, body = List<CaseRow>)))]
pub(super) async fn list(
    _: Viewer,
    State(app): State<App>,
    Params(params): Params<CaseParams>,
) -> Result<axum::Json<List<CaseRow>>, Problem> {
    let CaseParams { open, vendor, institution, alert, run, limit } = params;
    let filter = Filter {
        open,
        vendor: vendor.map(VendorId),
        institution: institution.map(InstitutionId),
        alert: alert.map(AlertId),
        run: run.map(RunId),
    };
    let items = case::list(&app, filter, limit.unwrap_or(50)).await?;
    Ok(axum::Json(List { items: items.into_iter().map(CaseRow::from).collect(), next: None }))
}

/// Show a vendor case
#[utoipa::path(get, path = "/cases/{id}", tag = "cases", params(("id" = String, Path)), responses((status = 200, body = CaseRow)))]
pub(super) async fn show(_: Viewer, State(app): State<App>, Path(id): Path<String>) -> Result<axum::Json<CaseRow>, Problem> {
    Ok(axum::Json(case::get(&app, &id).await?.into()))
}

/// A case that was opened at a vendor. What is not said is taken from the run, then from the alert.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct NewCase {
    /// Default: the institution's.
    vendor: Option<String>,
    institution: Option<String>,
    run: Option<String>,
    alert: Option<String>,
    /// Whoever is on call for it is told when the case has to be chased.
    service: Option<String>,
    /// As the vendor calls it, if that is known yet.
    number: String,
    url: String,
}

/// Keep a case that was opened at a vendor; 200: the one that is open already under this number
#[utoipa::path(post, path = "/cases", tag = "cases", request_body = NewCase,
    responses((status = 201, body = CaseRow), (status = 200, body = CaseRow)))]
pub(super) async fn open(
    Responder(caller): Responder,
    State(app): State<App>,
    Json(new): Json<NewCase>,
) -> Result<(StatusCode, axum::Json<CaseRow>), Problem> {
    let NewCase { vendor, institution, run, alert, service, number, url } = new;
    let wish = Wish {
        vendor: vendor.map(VendorId),
        institution: institution.map(InstitutionId),
        run: run.map(RunId),
        alert: alert.map(AlertId),
        service: service.map(ServiceId),
        number,
        url,
    };
    let (case, joined) = case::open(&app, wish, &caller).await?;
    Ok((if joined { StatusCode::OK } else { StatusCode::CREATED }, axum::Json(case.into())))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseNote {
    /// What was asked, and what they answered.
    note: String,
}

/// Say that the vendor was asked again; the clock begins anew
#[utoipa::path(post, path = "/cases/{id}/chase", tag = "cases", params(("id" = String, Path)), request_body = CaseNote,
    responses((status = 200, body = CaseRow)))]
pub(super) async fn chase(
    Responder(caller): Responder,
    State(app): State<App>,
    Path(id): Path<String>,
    Json(CaseNote { note }): Json<CaseNote>,
) -> Result<axum::Json<CaseRow>, Problem> {
    Ok(axum::Json(case::act(&app, &id, Deed::Chase { note }, &caller).await?.into()))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseEnd {
    /// How it ended.
    reason: String,
}

/// Close a case
#[utoipa::path(post, path = "/cases/{id}/close", tag = "cases", params(("id" = String, Path)), request_body = CaseEnd,
    responses((status = 200, body = CaseRow)))]
pub(super) async fn close(
    Responder(caller): Responder,
    State(app): State<App>,
    Path(id): Path<String>,
    Json(CaseEnd { reason }): Json<CaseEnd>,
) -> Result<axum::Json<CaseRow>, Problem> {
    Ok(axum::Json(case::act(&app, &id, Deed::Close { reason }, &caller).await?.into()))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseNumber {
    /// As the vendor calls it.
    number: String,
    /// Where it is. Empty: as it was.
    #[serde(default)]
    url: String,
}

/// Say the number that the vendor gave a case
#[utoipa::path(post, path = "/cases/{id}/number", tag = "cases", params(("id" = String, Path)), request_body = CaseNumber,
    responses((status = 200, body = CaseRow)))]
pub(super) async fn number(
    Responder(caller): Responder,
    State(app): State<App>,
    Path(id): Path<String>,
    Json(CaseNumber { number, url }): Json<CaseNumber>,
) -> Result<axum::Json<CaseRow>, Problem> {
    Ok(axum::Json(case::act(&app, &id, Deed::Number { number, url }, &caller).await?.into()))
}
