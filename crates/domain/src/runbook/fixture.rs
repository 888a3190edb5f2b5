//! Fixtures: what each step brought once, and the way that the runbook takes then. They stand beside the runbook and are run with
//! `firedog runbook test`.

use super::actions::{Action, Effect};
use super::run::*;
use super::{Runbook, actions};
use crate::id::RunId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    pub name: String,
    /// The runbook's inputs.
    #[serde(rename = "for", default)]
    pub inputs: Map<String, Value>,
    /// What the steps bring, by the name of their output; each of an `each` in turn.
    #[serde(default)]
    pub outputs: BTreeMap<String, OneOrMore>,
    /// The places that are done, in order, with what they use: `2 logs.root_error`.
    pub path: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMore {
    One(Map<String, Value>),
    More(Vec<Map<String, Value>>),
}

/// Everything can be done, and nothing is.
struct Stage;

impl Surroundings for Stage {
    fn means(&self, action: &Action, _: &Map<String, Value>) -> Result<Effect, String> {
        Ok(action.effect)
    }
    fn consequences(&self, _: &Action, _: &Map<String, Value>, _: &Map<String, Value>) -> Vec<String> {
        Vec::new()
    }
    fn hash(&self, text: &str) -> String {
        text.to_owned()
    }
}

/// Plays the fixture through; in words, where it goes another way.
pub fn play(runbook: &Runbook, fixture: &Fixture) -> Result<(), String> {
    let now = Timestamp::UNIX_EPOCH;
    let mut run = runbook.start(RunId::from("fixture"), fixture.inputs.clone(), "fixture".to_owned(), now);
    let mut taken: Vec<String> = Vec::new();
    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    // The next is the last of them.
    let mut acts: Vec<Act> = run.advance(Input::Tick, &Stage, now)?.acts.into_iter().rev().collect();
    // Every round ends a step, and steps are bounded.
    for _ in 0..super::MAX_STEPS * 4 {
        if !run.is_open() {
            break;
        }
        let bring = |step: &RunStep, used: &mut BTreeMap<String, usize>| -> Result<Map<String, Value>, String> {
            let Some(name) = step.spec.output_name() else { return Ok(Map::new()) };
            let round = used.entry(name.to_owned()).or_default();
            let found = match fixture.outputs.get(name) {
                Some(OneOrMore::One(output)) => Some(output),
                Some(OneOrMore::More(outputs)) => outputs.get(*round).or(outputs.last()),
                None => None,
            };
            *round += 1;
            match found {
                Some(output) => Ok(output.clone()),
                None if step.questions().iter().any(|question| question.required) => {
                    Err(format!("step {} brings `{name}`, which the fixture does not have", step.place))
                }
                None => Ok(Map::new()),
            }
        };
        let input = if let Some(act) = acts.pop() {
            let Some(step) = run.at(&act.place).map(|at| &run.steps[at]) else {
                return Err(format!("step {} is gone", act.place));
            };
            let output = bring(step, &mut used)?;
            taken.push(said(step));
            Input::Outcome { place: act.place, attempt: act.attempt, progress: Progress::Done { output } }
        } else {
            let Some((_, step)) = run.open_asks().next() else {
                return Err("it waits for something that never comes".to_owned());
            };
            match &step.state {
                StepState::Confirming { plan, .. } => {
                    Input::Confirm { place: step.place.clone(), hash: plan.hash.clone(), by: "somebody".to_owned() }
                }
                StepState::Asking { why: Why::Unknown, text } => return Err(format!("step {}: {text}", step.place)),
                _ => {
                    taken.push(said(step));
                    Input::Answer { place: step.place.clone(), values: bring(step, &mut used)?, by: "somebody".to_owned() }
                }
            }
        };
        let more = run.advance(input, &Stage, now)?;
        acts.extend(more.acts.into_iter().rev());
    }
    if taken == fixture.path {
        return Ok(());
    }
    let wrong = taken
        .iter()
        .zip(&fixture.path)
        .position(|(taken, expected)| taken != expected)
        .unwrap_or(taken.len().min(fixture.path.len()));
    let expected = fixture.path.get(wrong).map_or("the end", String::as_str);
    let found = taken.get(wrong).map_or("the end", String::as_str);
    Err(format!("after {wrong} steps `{expected}` was expected, and `{found}` came"))
}

fn said(step: &RunStep) -> String {
    let what = match (&step.spec.uses, step.spec.ask.is_empty()) {
        (Some(uses), _) => uses.as_str(),
        (None, false) => "ask",
        (None, true) => "by hand",
    };
    debug_assert!(step.spec.uses.as_deref().is_none_or(|uses| actions::get(uses).is_some()));
    format!("{} {what}", step.place)
}
