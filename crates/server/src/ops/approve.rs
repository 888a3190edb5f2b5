//! Paging whoever may agree to a plan where the one who started the run may not.

use super::Result;
use crate::app::App;
use firedog_domain::alert::{Actor, Input as Deed, State};
use firedog_domain::escalation;
use firedog_domain::event::Severity;
use firedog_domain::id::{AlertId, ServiceId, UserId};
use firedog_domain::runbook::run::{Input, Plan, Run, RunStep};
use firedog_domain::setup::{Policy, Setup, Target, Urgency};
use firedog_domain::suppression::World;
use firedog_engine::{Error, Raise};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Pages for every plan that somebody else has to agree to, by policy, and ends those that wait no more. Answers whether a plan is left
/// that no policy is for.
pub(super) async fn settle(app: &App, run: &Run) -> Result<bool> {
    for alert in &run.pages_over {
        end(app, alert).await?;
        app.runs.note(&run.id, Input::PageEnded(alert.clone())).await?;
    }
    let mut is_left = false;
    for (step, plan, until) in run.unpaged() {
        match page(app, run, step, plan, until).await? {
            Some(alert) => {
                app.runs.note(&run.id, Input::ApproversPaged { place: step.place.clone(), until, alert }).await?;
            }
            None => is_left = true,
        }
    }
    Ok(is_left)
}

/// `approvers` of the service's restart, else the service's policy, else that of the runbook's team.
fn policy<'a>(setup: &'a Setup, run: &Run, step: &RunStep) -> Option<&'a Policy> {
    let named = step.args.get("service").and_then(Value::as_str).map(ServiceId::from);
    let service = named.or_else(|| run.service.clone()).and_then(|id| setup.service(&id));
    let approvers = service.and_then(|service| setup.policy(service.restart.as_ref()?.approvers.as_ref()?));
    let of_team = || {
        let team = setup.runbooks.get(run.runbook.as_str())?.team.as_ref()?;
        setup.policy(setup.team(team)?.policy.as_ref()?)
    };
    approvers.or_else(|| setup.policy_of(service?)).or_else(of_team)
}

/// Whether a step's page can reach somebody: they are asked to agree, whatever team the runbook belongs to.
pub(super) fn may_agree(world: &World, run: &Run, place: &str, user: Option<&UserId>, now: Timestamp) -> bool {
    let step = run.at(place).map(|at| &run.steps[at]).filter(|step| step.paged.is_some());
    let policy = step.and_then(|step| policy(&world.setup, run, step));
    let reaches =
        |targets: &[Target]| escalation::reach(world, targets, now).people.iter().any(|reached| Some(&reached.user.id) == user);
    policy.is_some_and(|policy| policy.steps.iter().any(|step| reaches(&step.page)))
}

/// The plan's own key: however often this is repeated, it pages once.
async fn page(app: &App, run: &Run, step: &RunStep, plan: &Plan, until: Timestamp) -> Result<Option<AlertId>> {
    let scene = app.engine.scene().await?;
    let Some(policy) = policy(&scene.world.setup, run, step) else { return Ok(None) };
    let raise = Raise {
        service: None,
        to: None,
        policy: Some(policy.id.clone()),
        summary: format!("Confirm or decline until {until:.0}: {}: {}", run.title, step.spec.what),
        severity: Severity::Warning,
        urgency: Some(Urgency::High),
        labels: BTreeMap::from([("runbook".to_owned(), run.runbook.to_string()), ("run".to_owned(), run.id.to_string())]),
        dedup_key: Some(format!("approve/{}/{}", plan.hash, until.as_second())),
        details: json!({
            "confirm": format!("{}/runs/{}", app.links_base, run.id), "plan": plan.lines, "started_by": run.started_by, "until": until,
        }),
    };
    let alert = app.engine.raise(raise, &Actor::System).await?;
    // Steps that reach nobody but the one who may not agree are passed over: they have started it, and know.
    let reach = |at: usize| escalation::reach(&scene.world, &policy.steps[at].page, app.now()).people;
    let others = |at: usize| reach(at).iter().any(|reached| reached.user.id.as_str() != run.started_by);
    let passed = (0..policy.steps.len()).take_while(|at| !others(*at)).count();
    // Those that reach nobody at all are skipped by the alert itself.
    let felt = (0..passed).filter(|at| !reach(*at).is_empty()).count();
    // The last step is not passed over: after it comes the catch-all, which is for what nobody answers.
    if alert.state == State::Triggered && passed < policy.steps.len() {
        // Of what was passed over before a crash is not passed over once more.
        for _ in alert.pages as usize..=felt {
            app.engine.act(&alert.id, Deed::Escalate, &Actor::System).await?;
        }
    }
    Ok(Some(alert.id))
}

async fn end(app: &App, alert: &AlertId) -> Result<()> {
    match app.engine.act(alert, Deed::Resolve, &Actor::System).await {
        // Somebody has ended it, or it has been forgotten.
        Ok(_) | Err(Error::Conflict(_) | Error::NotFound(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
