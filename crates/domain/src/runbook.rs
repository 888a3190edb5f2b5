//! Runbooks: reviewed procedures that people and Firedog carry out together.
//!
//! A [`Runbook`] is what its author wrote, a flat list that is read from top to bottom. A [`Run`] is one execution of it: a
//! snapshot that no later edit changes, moved on by [`advance`](run::Run::advance) and nothing else. Every step has a sentence; what an
//! action needs beside it (time, retries, how it is verified, what a person answers in its place) stands in [`actions`].

pub mod actions;
pub mod advance;
mod approval;
pub mod check;
pub mod condition;
pub mod evidence;
pub mod fixture;
pub mod means;
pub mod reference;
pub mod run;
pub mod sequel;

use crate::id::{RunId, RunbookId, ServiceId, TeamId};
use crate::setup::Slug;
use crate::time::{after, length, mins};
use jiff::{SignedDuration, Timestamp};
use run::{Run, RunState, RunStep};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Steps of one runbook, those inside of others included: what a person can follow at night.
pub const MAX_STEPS: usize = 100;
/// Items of one `each`.
pub const MAX_ITEMS: usize = 20;
/// Runs end, whatever is still open in them.
pub const DEFAULT_DEADLINE: SignedDuration = SignedDuration::from_hours(8);
/// A procedure that nobody has followed for a quarter is not known to work.
pub const DEFAULT_STALE_AFTER: SignedDuration = SignedDuration::from_hours(90 * 24);
/// For whoever is asked to confirm: what was looked at before it must still be true after it.
pub const CONFIRM_WITHIN: SignedDuration = mins(10);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runbook {
    #[serde(rename = "runbook")]
    pub id: RunbookId,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Whose people may start it beside administrators. `None`: every responder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    /// What it is told when it is started, by name. `institution` and `service` name things of the setup, others are texts.
    #[serde(rename = "for", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Need>,
    /// Started for alerts for which this holds (CEL over the alert, as in routes). `None`: by people only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    #[serde(default = "default_deadline", skip_serializing_if = "is_default_deadline", with = "length")]
    pub deadline: SignedDuration,
    /// Not run for so long, nobody knows whether it still works.
    #[serde(default = "default_stale_after", skip_serializing_if = "is_default_stale_after", with = "length")]
    pub stale_after: SignedDuration,
    /// When runs of many institutions become one.
    #[serde(default, skip_serializing_if = "Fleet::is_default")]
    pub fleet: Fleet,
    pub steps: Vec<Step>,
}

/// Runs that alerts begin for more institutions than this, within this time, become one run for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fleet {
    pub more_than: u32,
    #[serde(with = "length")]
    pub within: SignedDuration,
}

impl Default for Fleet {
    fn default() -> Self {
        Self { more_than: 5, within: mins(5) }
    }
}

impl Fleet {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Slug for Runbook {
    fn slug(&self) -> &str {
        self.id.as_str()
    }
}

fn default_stale_after() -> SignedDuration {
    DEFAULT_STALE_AFTER
}

fn is_default_stale_after(length: &SignedDuration) -> bool {
    *length == DEFAULT_STALE_AFTER
}

fn default_deadline() -> SignedDuration {
    DEFAULT_DEADLINE
}

fn is_default_deadline(length: &SignedDuration) -> bool {
    *length == DEFAULT_DEADLINE
}

/// Runbooks in runbooks in runbooks.
pub const MAX_DEPTH: usize = 3;

impl Runbook {
    /// With the steps of the runbooks that it names in their place, as a run begins with. What cannot be found stays an instruction.
    pub fn expanded(&self, of: &dyn Fn(&RunbookId) -> Option<Runbook>) -> Self {
        Self { steps: expand(&self.steps, of, MAX_DEPTH), ..self.clone() }
    }

    /// A run of it as it is now. The first [`Input::Tick`](run::Input::Tick) begins its first step.
    pub fn start(&self, id: RunId, inputs: Map<String, Value>, started_by: String, now: Timestamp) -> Run {
        let steps = self.steps.iter().enumerate().map(|(n, step)| RunStep::new((n + 1).to_string(), step.clone())).collect();
        let named = |name: &str| inputs.get(name)?.get("id")?.as_str().map(str::to_owned);
        let subject = format!("{}:{}", self.id, named("institution").or(named("service")).unwrap_or_default());
        Run {
            id,
            runbook: self.id.clone(),
            title: if self.title.is_empty() { self.id.to_string() } else { self.title.clone() },
            service: named("service").map(ServiceId),
            inputs,
            subject,
            alert: None,
            state: RunState::Running,
            reason: String::new(),
            started_by,
            started_at: now,
            deadline: after(now, self.deadline),
            ended_at: None,
            steps,
            members: Vec::new(),
            pages_over: Vec::new(),
            counts: BTreeMap::new(),
        }
    }
}

fn expand(steps: &[Step], of: &dyn Fn(&RunbookId) -> Option<Runbook>, depth: usize) -> Vec<Step> {
    let one = |step: &Step| {
        let step = Step { steps: expand(&step.steps, of, depth), parallel: expand(&step.parallel, of, depth), ..step.clone() };
        let Some(inner) = step.runbook.as_ref().filter(|_| depth > 0).and_then(of) else { return Step { runbook: None, ..step } };
        // Once for the one runbook: its condition holds for all of its steps.
        let each = Some(Value::Array(vec![Value::from(inner.id.as_str())]));
        Step { runbook: None, each, steps: expand(&inner.steps, of, depth - 1), ..step }
    };
    steps.iter().map(one).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    Required,
    Optional,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// The sentence: what is done here, for whoever reads along.
    #[serde(rename = "do")]
    pub what: String,
    /// The action. `None`: a person does it, or answers `ask`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub with: Map<String, Value>,
    /// CEL; the step is left out where it does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// The name of what comes out of it. Default: the action's.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who has to agree before it is done. Default: the primary, where it is destructive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<Confirm>,
    /// Default: the action's.
    #[serde(skip_serializing_if = "Option::is_none", with = "length::option")]
    pub timeout: Option<SignedDuration>,
    /// What a person is asked, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ask: BTreeMap<String, Answer>,
    /// A list, or a reference to one: `steps` are done for each item, one after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// Done at the same time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parallel: Vec<Step>,
    /// Another runbook, whose steps are done here. It knows what this one knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runbook: Option<RunbookId>,
}

impl Step {
    /// What its output is called by later steps.
    pub fn output_name(&self) -> Option<&str> {
        self.name.as_deref().or_else(|| actions::get(self.uses.as_deref()?).map(|action| action.output))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirm {
    /// Anybody who may act for the service; by default whoever is primary is asked.
    Primary,
    /// Somebody else than the one who started the run.
    TwoPerson,
}

/// What an answer may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    Kind(AnswerKind),
    /// One of these words.
    Words(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerKind {
    Text,
    Number,
    /// Yes or no.
    Bool,
}

#[cfg(test)]
mod tests;
