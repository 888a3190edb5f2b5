//! Runbooks, the actions that they use, and the institutions that they are for.

use super::caller::Viewer;
use super::extract::{Json, Params};
use super::setup::DiagnosticRow;
use super::{List, PageParams, Problem};
use crate::app::App;
use crate::ops::failures::{self, Failures};
use crate::ops::run::{self, Foreseen, LastRun};
use crate::ops::write::{self, Draft};
use axum::extract::{Path, State};
use firedog_domain::runbook::actions::{self, Kind};
use firedog_domain::runbook::{Need, Runbook, Step};
use firedog_domain::setup::load::SourceFile;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

/// A reviewed procedure.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct RunbookRow {
    id: String,
    title: String,
    /// Whose people may start it, beside administrators.
    team: Option<String>,
    /// What it is told when it starts.
    inputs: Vec<InputRow>,
    /// Started for alerts for which this holds.
    on: Option<String>,
    /// When it was last begun; none: never.
    last_run_at: Option<Timestamp>,
    #[schema(value_type = Option<crate::words::RunState>)]
    last_run_state: Option<String>,
    /// In words, if nobody knows whether it still works: it was never run, or not for longer than its `stale_after`.
    stale: Option<String>,
    steps: Vec<OutlineRow>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct InputRow {
    /// `institution` and `service` are ids of the setup, others are texts.
    name: String,
    required: bool,
}

/// A step as it is written.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct OutlineRow {
    /// `4`; inside of an `each` or a `parallel`: `4.1`.
    place: String,
    #[serde(rename = "do")]
    what: String,
    uses: Option<String>,
    when: Option<String>,
    /// It interrupts somebody, and asks first.
    destructive: bool,
}

fn outline(steps: &[Step], outer: &str, rows: &mut Vec<OutlineRow>) {
    for (n, step) in steps.iter().enumerate() {
        let place = if outer.is_empty() { (n + 1).to_string() } else { format!("{outer}.{}", n + 1) };
        let action = step.uses.as_deref().and_then(actions::get);
        rows.push(OutlineRow {
            place: place.clone(),
            what: step.what.clone(),
            uses: step.uses.clone(),
            when: step.when.clone(),
            destructive: action.is_some_and(|action| action.destructive),
        });
        outline(&step.steps, &place, rows);
        outline(&step.parallel, &place, rows);
    }
}

impl From<&Runbook> for RunbookRow {
    fn from(runbook: &Runbook) -> Self {
        let mut steps = Vec::new();
        outline(&runbook.steps, "", &mut steps);
        let input = |(name, need): (&String, &Need)| InputRow { name: name.clone(), required: *need == Need::Required };
        Self {
            id: runbook.id.to_string(),
            title: if runbook.title.is_empty() { runbook.id.to_string() } else { runbook.title.clone() },
            team: runbook.team.as_ref().map(ToString::to_string),
            inputs: runbook.inputs.iter().map(input).collect(),
            on: runbook.on.clone(),
            last_run_at: None,
            last_run_state: None,
            stale: None,
            steps,
        }
    }
}

async fn rows(app: &App, runbooks: &[Runbook]) -> Result<Vec<RunbookRow>, Problem> {
    let last = run::last_runs(app, runbooks).await?;
    let row = |(runbook, last): (&Runbook, LastRun)| {
        let LastRun { at, state, stale } = last;
        RunbookRow { last_run_at: at, last_run_state: state, stale, ..RunbookRow::from(runbook) }
    };
    Ok(runbooks.iter().zip(last).map(row).collect())
}

/// List runbooks
#[utoipa::path(get, path = "/runbooks", tag = "runbooks", params(PageParams), responses((status = 200, body = List<RunbookRow>)))]
pub(super) async fn runbooks(
    _: Viewer,
    State(app): State<App>,
    Params(page): Params<PageParams>,
) -> Result<axum::Json<List<RunbookRow>>, Problem> {
    let rows = rows(&app, &run::runbooks(&app).await?).await?;
    Ok(axum::Json(page.cut(rows)?))
}

/// Show a runbook
#[utoipa::path(get, path = "/runbooks/{id}", tag = "runbooks", params(("id" = String, Path)), responses((status = 200, body = RunbookRow)))]
pub(super) async fn runbook(
    _: Viewer,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<axum::Json<RunbookRow>, Problem> {
    let found = [run::runbook(&app, &id).await?];
    let row = rows(&app, &found).await?.pop();
    Ok(axum::Json(row.unwrap_or_else(|| RunbookRow::from(&found[0]))))
}

/// A runbook as text.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct RunbookFile {
    /// What it would be called in a setup directory.
    name: String,
    text: String,
}

/// Write a runbook as a file
#[utoipa::path(get, path = "/runbooks/{id}/file", tag = "runbooks", params(("id" = String, Path)), responses((status = 200, body = RunbookFile)))]
pub(super) async fn runbook_file(
    _: Viewer,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<axum::Json<RunbookFile>, Problem> {
    let SourceFile { name, text } = write::file(&app, &id).await?;
    Ok(axum::Json(RunbookFile { name, text }))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RunbookText {
    /// The file of one runbook, in YAML.
    text: String,
}

/// What is found in the text of a runbook.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct RunbookDraft {
    /// What its file would be called in a setup directory.
    name: String,
    diagnostics: Vec<DiagnosticRow>,
    /// As it would be read; `null` while there are mistakes.
    runbook: Option<RunbookRow>,
    /// There is one of its id in force.
    replaces: bool,
    /// What would change against the one in force, field by field.
    changes: Vec<String>,
}

/// Check the text of a runbook together with the setup in force; nothing is saved
#[utoipa::path(post, path = "/runbooks/check", tag = "runbooks", request_body = RunbookText, responses((status = 200, body = RunbookDraft)))]
pub(super) async fn check(
    _: Viewer,
    State(app): State<App>,
    Json(RunbookText { text }): Json<RunbookText>,
) -> Result<axum::Json<RunbookDraft>, Problem> {
    let Draft { name, diagnostics, runbook, replaces, changes } = write::check(&app, &text).await?;
    let diagnostics = diagnostics.into_iter().map(DiagnosticRow::from).collect();
    let runbook = rows(&app, runbook.as_slice()).await?.pop();
    Ok(axum::Json(RunbookDraft { name, diagnostics, runbook, replaces, changes }))
}

/// What an action takes and brings.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ActionRow {
    name: &'static str,
    about: &'static str,
    inputs: Vec<PartRow>,
    /// What later steps call its output.
    output: &'static str,
    outputs: Vec<PartRow>,
    /// What a crash in the middle of it means: `read` and `idempotent` are repeated, `keyed` is looked for first, `unsafe` asks a person.
    #[schema(value_type = crate::words::Effect)]
    effect: &'static str,
    destructive: bool,
    /// What a person does where nothing is connected.
    by_hand: Option<&'static str>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct PartRow {
    name: &'static str,
    /// In words.
    kind: String,
    required: bool,
    about: &'static str,
}

/// List the actions that steps can use
#[utoipa::path(get, path = "/actions", tag = "runbooks", params(PageParams), responses((status = 200, body = List<ActionRow>)))]
pub(super) async fn actions(_: Viewer, Params(page): Params<PageParams>) -> Result<axum::Json<List<ActionRow>>, Problem> {
    let part = |name, kind: Kind, required, about| PartRow { name, kind: kind.words(), required, about };
    let row = |action: &'static actions::Action| ActionRow {
        name: action.name,
        about: action.about,
        inputs: action.inputs.iter().map(|one| part(one.name, one.kind, one.required, one.about)).collect(),
        output: action.output,
        outputs: action.outputs.iter().map(|one| part(one.name, one.kind, one.asked, one.about)).collect(),
        effect: action.effect.as_str(),
        destructive: action.destructive,
        by_hand: action.by_hand,
    };
    Ok(axum::Json(page.cut(actions::ACTIONS.iter().map(row).collect())?))
}

/// A customer organisation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct InstitutionRow {
    id: String,
    name: String,
    code: String,
    host: Option<String>,
    vendor: Option<String>,
}

/// List institutions
#[utoipa::path(get, path = "/institutions", tag = "runbooks", params(PageParams), responses((status = 200, body = List<InstitutionRow>)))]
pub(super) async fn institutions(
    _: Viewer,
    State(app): State<App>,
    Params(page): Params<PageParams>,
) -> Result<axum::Json<List<InstitutionRow>>, Problem> {
    let scene = app.engine.scene().await.map_err(crate::ops::Error::from)?;
    let rows = scene.world.setup.institutions.iter().map(|one| InstitutionRow {
        id: one.id.to_string(),
        name: if one.name.is_empty() { one.id.to_string() } else { one.name.clone() },
        code: one.code.clone().unwrap_or_else(|| one.id.to_string()),
        host: one.host.clone(),
        vendor: one.vendor.as_ref().map(ToString::to_string),
    });
    Ok(axum::Json(page.cut(rows.collect())?))
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FailuresParams {
    /// How far back, 5m to 6h; 1h by default.
    last: Option<String>,
}

/// Tell who fails, minute by minute, from the logs
#[utoipa::path(get, path = "/institutions/failures", tag = "runbooks", params(FailuresParams), responses((status = 200, body = Failures)))]
pub(super) async fn failures(
    _: Viewer,
    State(app): State<App>,
    Params(params): Params<FailuresParams>,
) -> Result<axum::Json<Failures>, Problem> {
    let found = failures::failures(&app, params.last.as_deref()).await?;
    Ok(axum::Json(Failures::clone(&found)))
}

/// What a runbook is told.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Given {
    /// Texts by name.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    inputs: Map<String, Value>,
}

/// One step that is thought through.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ForeseenRow {
    place: String,
    #[serde(rename = "do")]
    what: String,
    uses: Option<String>,
    when: Option<String>,
    /// As far as it is known before anything is done.
    args: Map<String, Value>,
    /// Why a person would have to do it.
    by_hand: Option<String>,
    /// What somebody would have to agree to.
    confirms: Vec<String>,
}

impl From<Foreseen> for ForeseenRow {
    fn from(Foreseen { place, what, uses, when, args, by_hand, confirms }: Foreseen) -> Self {
        Self { place, what, uses, when, args, by_hand, confirms }
    }
}

/// Tell what a run would do, without doing any of it
#[utoipa::path(post, path = "/runbooks/{id}/dry-run", tag = "runbooks", params(("id" = String, Path)), request_body = Given,
    responses((status = 200, body = Vec<ForeseenRow>)))]
pub(super) async fn dry_run(
    _: Viewer,
    State(app): State<App>,
    Path(id): Path<String>,
    Json(given): Json<Given>,
) -> Result<axum::Json<Vec<ForeseenRow>>, Problem> {
    let steps = run::dry_run(&app, &id, &given.inputs).await?;
    Ok(axum::Json(steps.into_iter().map(ForeseenRow::from).collect()))
}
