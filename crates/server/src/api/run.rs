//! Runs of runbooks.

use super::caller::{Responder, Viewer};
use super::case::VendorRow;
use super::extract::{Json, Params};
use super::{List, Problem};
use crate::app::App;
use crate::ops::run::{self, Deed};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use firedog_domain::id::{AlertId, RunbookId};
use firedog_domain::runbook::run::{AskedKind, Line, Member, Run, RunStep, StepState};
use firedog_domain::runbook::sequel::Sequel;
use firedog_store::run::Filter;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

/// One execution of a runbook.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct RunRow {
    id: String,
    runbook: String,
    title: String,
    #[schema(value_type = crate::words::RunState)]
    state: &'static str,
    /// Why it is over.
    reason: String,
    /// What it was told.
    inputs: Map<String, Value>,
    alert: Option<String>,
    service: Option<String>,
    /// A person, `token NAME`, or `alert`: by itself.
    started_by: String,
    started_at: Timestamp,
    /// When it ends, whatever is open.
    deadline: Timestamp,
    ended_at: Option<Timestamp>,
    /// Calls of its institution or service are looked at until then at the latest, although its steps are over.
    watched_until: Option<Timestamp>,
    /// Places of the steps that wait for a person.
    waits_for: Vec<String>,
    /// Institutions that it is for beside its own.
    members: Vec<MemberRow>,
    steps: Vec<StepRow>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct MemberRow {
    institution: String,
    code: String,
    alert: Option<String>,
    at: Timestamp,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct StepRow {
    place: String,
    #[serde(rename = "do")]
    what: String,
    uses: Option<String>,
    /// What it is done for, inside of an `each`.
    item: Option<Value>,
    #[schema(value_type = crate::words::StepState)]
    state: &'static str,
    /// Why a person is asked.
    #[schema(value_type = Option<crate::words::Why>)]
    why: Option<&'static str>,
    /// What to do, what is waited for, why it was skipped.
    text: String,
    plan: Option<RunPlan>,
    /// What a person can tell it while it is under way.
    choices: Vec<ChoiceRow>,
    /// Where a person who does it looks, by the catalogue.
    links: Vec<StepLink>,
    /// What a person who does it answers.
    questions: Vec<QuestionRow>,
    args: Map<String, Value>,
    output: Map<String, Value>,
    /// What later steps call the output.
    output_name: Option<String>,
    /// Who has done or skipped it.
    by: Option<String>,
    began_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    /// What goes on after it, or went on.
    sequel: Option<SequelRow>,
}

/// What goes on once a step is over: its calls are watched, or what still waits outside is taken back.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct SequelRow {
    #[schema(value_type = crate::words::SequelKind)]
    kind: &'static str,
    /// How it stands, or how it ended.
    text: String,
    /// It ends then, whatever is known.
    until: Timestamp,
    ended_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ChoiceRow {
    id: String,
    text: String,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct StepLink {
    name: String,
    url: String,
    /// The team whose tool it is.
    owner: Option<String>,
    /// Where one learns to use it.
    learn: Option<String>,
}

/// What waits for a yes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct RunPlan {
    lines: Vec<String>,
    /// Names exactly this plan; a confirmation says it.
    hash: String,
    until: Timestamp,
    /// Somebody else than the one who started the run has to agree.
    two_person: bool,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct QuestionRow {
    name: String,
    #[schema(value_type = crate::words::AskedKind)]
    kind: &'static str,
    /// Of kind `words`: one of these.
    words: Vec<String>,
    required: bool,
    about: String,
}

impl From<Run> for RunRow {
    fn from(run: Run) -> Self {
        let watched_until = run.watched_until();
        let waits_for = run.open_asks().map(|(_, step)| step.place.clone()).collect();
        let Run {
            id,
            runbook,
            title,
            inputs,
            alert,
            service,
            state,
            reason,
            started_by,
            started_at,
            deadline,
            ended_at,
            steps,
            members,
            ..
        } = run;
        let member =
            |Member { institution, code, alert, at, .. }| MemberRow { institution, code, alert: alert.map(|id| id.0), at };
        Self {
            id: id.0,
            runbook: runbook.0,
            title,
            state: state.as_str(),
            reason,
            inputs,
            alert: alert.map(|id| id.0),
            service: service.map(|id| id.0),
            started_by,
            started_at,
            deadline,
            ended_at,
            watched_until,
            waits_for,
            members: members.into_iter().map(member).collect(),
            steps: steps.into_iter().map(StepRow::from).collect(),
        }
    }
}

/// With the links of the catalogue at the steps that people do.
async fn row(app: &App, run: Run) -> Result<RunRow, Problem> {
    let links = run::links(app, &run).await?;
    let mut row = RunRow::from(run);
    for (place, link) in links {
        if let Some(step) = row.steps.iter_mut().find(|step| step.place == place) {
            let owner = link.owner.map(|team| team.to_string());
            step.links.push(StepLink { name: link.name, url: link.url, owner, learn: link.learn });
        }
    }
    Ok(row)
}

impl From<RunStep> for StepRow {
    fn from(step: RunStep) -> Self {
        let (mut why, mut text, mut plan, mut choices) = (None, String::new(), None, Vec::new());
        match &step.state {
            StepState::Asking { why: reason, text: said } => {
                why = Some(reason.as_str());
                text.clone_from(said);
            }
            StepState::Confirming { plan: wanted, until } => {
                plan = Some(RunPlan {
                    lines: wanted.lines.clone(),
                    hash: wanted.hash.clone(),
                    until: *until,
                    two_person: wanted.two_person,
                });
            }
            StepState::Waiting { text: said, choices: offered, .. } => {
                text.clone_from(said);
                choices = offered.iter().map(|one| ChoiceRow { id: one.id.clone(), text: one.text.clone() }).collect();
            }
            StepState::Skipped { reason } => text.clone_from(reason),
            StepState::Pending | StepState::Doing { .. } | StepState::Done => {}
        }
        let asks = matches!(step.state, StepState::Asking { .. } | StepState::Waiting { .. });
        let question = |question: firedog_domain::runbook::run::Question| {
            let (kind, words) = match question.kind {
                AskedKind::Text => ("text", Vec::new()),
                AskedKind::Number => ("number", Vec::new()),
                AskedKind::Bool => ("bool", Vec::new()),
                AskedKind::Words(words) => ("words", words),
            };
            QuestionRow { name: question.name, kind, words, required: question.required, about: question.about }
        };
        let questions = if asks { step.questions().into_iter().map(question).collect() } else { Vec::new() };
        let state = step.state.as_str();
        let output_name = step.spec.output_name().map(str::to_owned);
        let RunStep { place, spec, item, args, output, by, began_at, ended_at, sequel, .. } = step;
        let sequel =
            sequel.map(|Sequel { kind, text, until, ended_at, .. }| SequelRow { kind: kind.as_str(), text, until, ended_at });
        Self {
            place,
            what: spec.what,
            uses: spec.uses,
            item,
            state,
            why,
            text,
            plan,
            choices,
            links: Vec::new(),
            questions,
            args,
            output,
            output_name,
            by,
            began_at,
            ended_at,
            sequel,
        }
    }
}

/// What is started, for what.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRun {
    runbook: String,
    /// Texts by name.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    inputs: Map<String, Value>,
    /// The alert that it is for: its labels tell what is not given.
    #[serde(default)]
    alert: Option<String>,
}

/// Start a runbook; 200: the run that is open already for the same institution or service
#[utoipa::path(post, path = "/runs", tag = "runbooks", request_body = NewRun,
    responses((status = 201, body = RunRow), (status = 200, body = RunRow)))]
pub(super) async fn start(
    Responder(caller): Responder,
    State(app): State<App>,
    Json(new): Json<NewRun>,
) -> Result<(StatusCode, axum::Json<RunRow>), Problem> {
    let moved = run::start(&app, &new.runbook, &new.inputs, new.alert.map(AlertId).as_ref(), &caller).await?;
    let status = if moved.joined { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, axum::Json(row(&app, moved.run).await?)))
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RunParams {
    /// Only those that are not over.
    open: Option<bool>,
    /// Only those in which something still goes on: those that are not over, those that only watch, and those that still take back what waits outside.
    going: Option<bool>,
    alert: Option<String>,
    runbook: Option<String>,
    /// At most 500.
    limit: Option<u32>,
}

/// List runs, newest first
#[utoipa::path(get, path = "/runs", tag = "runbooks", params(RunParams), responses((status = 200, body = List<RunRow>)))]
pub(super) async fn list(
    _: Viewer,
    State(app): State<App>,
    Params(params): Params<RunParams>,
) -> Result<axum::Json<List<RunRow>>, Problem> {
    let RunParams { open, going, alert, runbook, limit } = params;
    let filter = Filter { open, going, alert: alert.map(AlertId), runbook: runbook.map(RunbookId) };
    let items = run::list(&app, filter, limit.unwrap_or(50)).await?;
    Ok(axum::Json(List { items: items.into_iter().map(RunRow::from).collect(), next: None }))
}

/// Show a run
#[utoipa::path(get, path = "/runs/{id}", tag = "runbooks", params(("id" = String, Path)), responses((status = 200, body = RunRow)))]
pub(super) async fn show(_: Viewer, State(app): State<App>, Path(id): Path<String>) -> Result<axum::Json<RunRow>, Problem> {
    let found = run::get(&app, &id).await?;
    Ok(axum::Json(row(&app, found).await?))
}

/// What a vendor is given of a run: what the run keeps, masked before it was kept, without names of people.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct EvidenceRow {
    /// For a subject line.
    title: String,
    /// To paste; at most 6,000 characters.
    text: String,
    institution: Option<String>,
    /// When it began.
    since: Timestamp,
    /// Who would be asked.
    vendor: Option<VendorRow>,
}

/// Write the evidence of a run, ready to paste into a vendor case
#[utoipa::path(get, path = "/runs/{id}/evidence", tag = "runbooks", params(("id" = String, Path)), responses((status = 200, body = EvidenceRow)))]
pub(super) async fn evidence(
    _: Viewer,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<axum::Json<EvidenceRow>, Problem> {
    let (pack, vendor) = run::evidence(&app, &id).await?;
    Ok(axum::Json(EvidenceRow {
        title: pack.title,
        text: pack.text,
        institution: pack.institution.map(|id| id.0),
        since: pack.since,
        vendor: vendor.as_ref().map(VendorRow::from),
    }))
}

/// A line of a run's log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct LineRow {
    /// Grows; ask for what comes after it.
    seq: i64,
    at: Timestamp,
    /// Of which step; empty: of the run itself.
    place: String,
    #[schema(value_type = crate::words::LineKind)]
    kind: &'static str,
    by: Option<String>,
    text: String,
}

impl From<(i64, Line)> for LineRow {
    fn from((seq, line): (i64, Line)) -> Self {
        Self { seq, at: line.at, place: line.place, kind: line.kind.as_str(), by: line.by, text: line.text }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct After {
    /// Only lines with a greater `seq`.
    after: i64,
}

/// Read a run's log, 1,000 lines at a time
#[utoipa::path(get, path = "/runs/{id}/log", tag = "runbooks", params(("id" = String, Path), After), responses((status = 200, body = Vec<LineRow>)))]
pub(super) async fn log(
    _: Viewer,
    State(app): State<App>,
    Path(id): Path<String>,
    Params(After { after }): Params<After>,
) -> Result<axum::Json<Vec<LineRow>>, Problem> {
    let lines = run::lines(&app, &id, after).await?;
    Ok(axum::Json(lines.into_iter().map(LineRow::from).collect()))
}

/// What a person has found, by the names of the step's questions; `note` is free.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Answer {
    values: Map<String, Value>,
}

/// Answer a step, or say that it is done by hand
#[utoipa::path(post, path = "/runs/{id}/steps/{place}/answer", tag = "runbooks", params(("id" = String, Path), ("place" = String, Path)),
    request_body = Answer, responses((status = 200, body = RunRow)))]
pub(super) async fn answer(
    Responder(caller): Responder,
    State(app): State<App>,
    Path((id, place)): Path<(String, String)>,
    Json(answer): Json<Answer>,
) -> Result<axum::Json<RunRow>, Problem> {
    Ok(axum::Json(row(&app, run::act(&app, &id, &place, Deed::Answer(answer.values), &caller).await?).await?))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirmation {
    /// Of the plan that was looked at.
    hash: String,
}

/// Agree to exactly the plan that was shown
#[utoipa::path(post, path = "/runs/{id}/steps/{place}/confirm", tag = "runbooks", params(("id" = String, Path), ("place" = String, Path)),
    request_body = Confirmation, responses((status = 200, body = RunRow)))]
pub(super) async fn confirm(
    Responder(caller): Responder,
    State(app): State<App>,
    Path((id, place)): Path<(String, String)>,
    Json(Confirmation { hash }): Json<Confirmation>,
) -> Result<axum::Json<RunRow>, Problem> {
    Ok(axum::Json(row(&app, run::act(&app, &id, &place, Deed::Confirm { hash }, &caller).await?).await?))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    reason: String,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Chosen {
    /// One of the step's choices.
    choice: String,
}

/// Tell a step that is under way how to go on
#[utoipa::path(post, path = "/runs/{id}/steps/{place}/choose", tag = "runbooks", params(("id" = String, Path), ("place" = String, Path)),
    request_body = Chosen, responses((status = 200, body = RunRow)))]
pub(super) async fn choose(
    Responder(caller): Responder,
    State(app): State<App>,
    Path((id, place)): Path<(String, String)>,
    Json(Chosen { choice }): Json<Chosen>,
) -> Result<axum::Json<RunRow>, Problem> {
    Ok(axum::Json(row(&app, run::act(&app, &id, &place, Deed::Choose { choice }, &caller).await?).await?))
}

/// Say no to a plan
#[utoipa::path(post, path = "/runs/{id}/steps/{place}/decline", tag = "runbooks", params(("id" = String, Path), ("place" = String, Path)),
    request_body = Reason, responses((status = 200, body = RunRow)))]
pub(super) async fn decline(
    Responder(caller): Responder,
    State(app): State<App>,
    Path((id, place)): Path<(String, String)>,
    Json(Reason { reason }): Json<Reason>,
) -> Result<axum::Json<RunRow>, Problem> {
    Ok(axum::Json(row(&app, run::act(&app, &id, &place, Deed::Decline { reason }, &caller).await?).await?))
}

/// Leave a step out
#[utoipa::path(post, path = "/runs/{id}/steps/{place}/skip", tag = "runbooks", params(("id" = String, Path), ("place" = String, Path)),
    request_body = Reason, responses((status = 200, body = RunRow)))]
pub(super) async fn skip(
    Responder(caller): Responder,
    State(app): State<App>,
    Path((id, place)): Path<(String, String)>,
    Json(Reason { reason }): Json<Reason>,
) -> Result<axum::Json<RunRow>, Problem> {
    Ok(axum::Json(row(&app, run::act(&app, &id, &place, Deed::Skip { reason }, &caller).await?).await?))
}

/// Begin again from a step
#[utoipa::path(post, path = "/runs/{id}/steps/{place}/retry", tag = "runbooks", params(("id" = String, Path), ("place" = String, Path)),
    responses((status = 200, body = RunRow)))]
pub(super) async fn retry(
    Responder(caller): Responder,
    State(app): State<App>,
    Path((id, place)): Path<(String, String)>,
) -> Result<axum::Json<RunRow>, Problem> {
    Ok(axum::Json(row(&app, run::act(&app, &id, &place, Deed::Retry, &caller).await?).await?))
}

/// End a run
#[utoipa::path(post, path = "/runs/{id}/cancel", tag = "runbooks", params(("id" = String, Path)), request_body = Reason,
    responses((status = 200, body = RunRow)))]
pub(super) async fn cancel(
    Responder(caller): Responder,
    State(app): State<App>,
    Path(id): Path<String>,
    Json(Reason { reason }): Json<Reason>,
) -> Result<axum::Json<RunRow>, Problem> {
    Ok(axum::Json(row(&app, run::cancel(&app, &id, &reason, &caller).await?).await?))
}
