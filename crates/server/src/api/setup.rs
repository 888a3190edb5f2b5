//! The setup.

use super::Problem;
use super::caller::{Admin, Viewer};
use super::extract::Large;
use crate::app::App;
use crate::ops::setup::{self, Applied, Touched, Wish};
use crate::words;
use axum::Json;
use axum::extract::State;
use firedog_domain::setup::diagnostic::Diagnostic;
use firedog_domain::setup::load::SourceFile;
use firedog_domain::setup::plan::{Change, Plan};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The setup that is in force.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Head {
    /// 0: there is none yet.
    version: i64,
    author: Option<String>,
    at: Option<Timestamp>,
    digest: Option<String>,
    /// The files of `--setup` have errors, so an older setup runs.
    stale: bool,
}

/// Show which setup is in force
#[utoipa::path(get, path = "/setup", tag = "setup", responses((status = 200, body = Head)))]
pub(super) async fn head(_: Viewer, State(app): State<App>) -> Result<Json<Head>, Problem> {
    let stale = app.metrics.setup_stale.load(std::sync::atomic::Ordering::Relaxed) == 1;
    Ok(Json(match setup::head(&app).await? {
        Some(stored) => Head {
            version: stored.version,
            author: Some(stored.author),
            at: Some(stored.created_at),
            digest: Some(stored.digest),
            stale,
        },
        None => Head { version: 0, author: None, at: None, digest: None, stale },
    }))
}

/// A setup file.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Its path in the setup directory.
    name: String,
    text: String,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Files {
    items: Vec<File>,
    next: Option<String>,
}

/// Export the setup as files that apply to no change
#[utoipa::path(get, path = "/setup/files", tag = "setup", responses((status = 200, body = Files)))]
pub(super) async fn files(_: Admin, State(app): State<App>) -> Result<Json<Files>, Problem> {
    let files = setup::export(&app).await?;
    Ok(Json(Files { items: files.into_iter().map(|file| File { name: file.name, text: file.text }).collect(), next: None }))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSetup {
    files: Vec<File>,
    /// Only plan.
    #[serde(default)]
    dry_run: bool,
    /// Also when open alerts lose something by it.
    #[serde(default)]
    yes: bool,
    /// Only if this version is still in force.
    #[serde(default)]
    expect_version: Option<i64>,
}

/// What an apply would do, or has done.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct AppliedRow {
    /// The version in force.
    version: i64,
    plan: PlanRow,
    warnings: Vec<DiagnosticRow>,
    /// Open alerts that lose something by it.
    open_alerts: Vec<Touched>,
    /// False: a dry run, or nothing to change.
    changed: bool,
}

/// What is different. Secrets and keys never appear in it.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct PlanRow {
    added: Vec<ChangeRow>,
    changed: Vec<ChangeRow>,
    removed: Vec<ChangeRow>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct ChangeRow {
    /// `team`, `user`, `schedule`, `policy`, `catch_all`, `service`, `routes`, `silence`, `maintenance`.
    kind: String,
    id: String,
    /// Field by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    detail: Vec<String>,
    /// What still needs what is removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    still_referred_by: Vec<String>,
}

/// A finding in the files.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct DiagnosticRow {
    #[schema(value_type = words::Level)]
    level: firedog_domain::setup::diagnostic::Level,
    /// A stable name of the kind of mistake.
    code: String,
    file: String,
    /// From 1; 0: the file as a whole.
    line: usize,
    column: usize,
    length: usize,
    message: String,
    /// What to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

impl From<Diagnostic> for DiagnosticRow {
    fn from(d: Diagnostic) -> Self {
        let Diagnostic { level, code, file, line, column, length, message, help } = d;
        Self { level, code: code.to_owned(), file, line, column, length, message, help }
    }
}

impl From<Plan> for PlanRow {
    fn from(plan: Plan) -> Self {
        let row =
            |c: Change| ChangeRow { kind: c.kind.to_owned(), id: c.id, detail: c.detail, still_referred_by: c.still_referred_by };
        let rows = |changes: Vec<Change>| changes.into_iter().map(row).collect();
        Self { added: rows(plan.added), changed: rows(plan.changed), removed: rows(plan.removed) }
    }
}

impl From<Applied> for AppliedRow {
    fn from(applied: Applied) -> Self {
        Self {
            version: applied.version,
            plan: applied.plan.into(),
            warnings: applied.warnings.into_iter().map(DiagnosticRow::from).collect(),
            open_alerts: applied.open_alerts,
            changed: applied.changed,
        }
    }
}

fn sources(files: Vec<File>) -> Vec<SourceFile> {
    files.into_iter().map(|file| SourceFile { name: file.name, text: file.text }).collect()
}

/// Apply setup files, whole, or plan it
#[utoipa::path(post, path = "/setup", tag = "setup", request_body = NewSetup, responses((status = 200, body = AppliedRow)))]
pub(super) async fn apply(
    Admin(caller): Admin,
    State(app): State<App>,
    Large(new): Large<NewSetup>,
) -> Result<Json<AppliedRow>, Problem> {
    let wish = Wish { dry_run: new.dry_run, yes: new.yes, expect_version: new.expect_version };
    Ok(Json(setup::apply(&app, &sources(new.files), wish, &caller).await?.into()))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Checked {
    files: Vec<File>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Diagnostics {
    diagnostics: Vec<DiagnosticRow>,
}

/// Find every mistake in setup files
#[utoipa::path(post, path = "/setup/check", tag = "setup", request_body = Checked, responses((status = 200, body = Diagnostics)))]
pub(super) async fn check(_: Viewer, State(app): State<App>, Large(checked): Large<Checked>) -> Json<Diagnostics> {
    let found = setup::check(&app, &sources(checked.files));
    Json(Diagnostics { diagnostics: found.into_iter().map(DiagnosticRow::from).collect() })
}

/// The JSON Schema of setup files
#[utoipa::path(get, path = "/setup/schema", tag = "setup", responses((status = 200, body = serde_json::Value)))]
pub(super) async fn schema(_: Viewer) -> Json<serde_json::Value> {
    Json(firedog_domain::setup::schema::json_schema())
}
