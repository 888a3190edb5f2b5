//! A run: one execution of a runbook, as a snapshot that is moved on by inputs.

use super::actions::{Effect, Kind};
use super::sequel::{Sequel, SequelKind};
use super::{AnswerKind, Step, actions};
use crate::id::{AlertId, RunId, RunbookId, ServiceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub runbook: RunbookId,
    pub title: String,
    /// What it was told, with the institution and the service as the setup knew them then.
    pub inputs: Map<String, Value>,
    /// One run per subject: a second start joins the one that is open.
    pub subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceId>,
    pub state: RunState,
    /// Why it is over.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// A person's id, `token NAME`, or `alert`.
    pub started_by: String,
    pub started_at: Timestamp,
    pub deadline: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Those inside of others have taken their place by the time they are reached.
    pub steps: Vec<RunStep>,
    /// Many institutions fail at once, and this one run is for all of them: those beside its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
    /// Alerts of plans that wait no more: they end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pages_over: Vec<AlertId>,
    /// By place. They only ever grow: a step that is done once more is told from its earlier self by them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, Counts>,
}

/// An institution that a run is for beside its own, and the alert that told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub institution: String,
    /// How it is called where its name must not stand.
    pub code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertId>,
    pub at: Timestamp,
    /// Where support was told by the run that was for it alone: they are told there where it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notice>,
}

/// A first message to support, which has stood in a room or is on its way there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub room: String,
    /// By which it is found.
    pub key: String,
    /// What names it there, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ts: Option<String>,
    pub since: Timestamp,
}

/// More are not listed; they are counted.
pub const MAX_MEMBERS: usize = 5_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// How often it has been begun: a part of its key.
    pub begun: u32,
    /// Calls so far.
    pub calls: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    Running,
    Done,
    /// Its deadline has come.
    Overdue,
    Cancelled,
    /// It goes on as a part of another run.
    Joined,
    /// Every step is over; what could not be verified is still looked at. It is in nobody's way.
    Watching,
}

impl RunState {
    pub const ALL: [Self; 6] = [Self::Running, Self::Done, Self::Overdue, Self::Cancelled, Self::Joined, Self::Watching];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Overdue => "overdue",
            Self::Cancelled => "cancelled",
            Self::Joined => "joined",
            Self::Watching => "watching",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStep {
    /// `4`, `7.2`: its place in the runbook, the same however often it is tried.
    pub place: String,
    pub spec: Step,
    /// What `item` is, inside of an `each`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Value>,
    /// Steps of one `parallel` are done at the same time: its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<String>,
    pub state: StepState,
    /// What it was called with, once its references were resolved.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub args: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub output: Map<String, Value>,
    /// A person has done it, in Firedog's place or because nobody else can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The number of its last call. The outcome of any other one is late.
    #[serde(default)]
    pub attempt: u32,
    /// Calls in a row that have failed.
    #[serde(default)]
    pub failures: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// What goes on after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequel: Option<Sequel>,
    /// The alert that pages whoever may agree to its plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paged: Option<AlertId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StepState {
    Pending,
    /// A person has to do or answer something.
    Asking {
        why: Why,
        /// What to do, or what is not known.
        text: String,
    },
    /// A person has to agree to exactly this.
    Confirming {
        plan: Plan,
        until: Timestamp,
    },
    /// It is written down that it is about to be called; nobody knows more until its outcome is recorded.
    Doing {
        #[serde(flatten)]
        call: Call,
        /// Of whoever is at it. After that it is taken for lost.
        lease: Timestamp,
    },
    /// Begun outside, or to be tried again: looked at again then.
    Waiting {
        #[serde(flatten)]
        call: Call,
        at: Timestamp,
        text: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        choices: Vec<Choice>,
    },
    Done,
    Skipped {
        reason: String,
    },
}

impl StepState {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Asking { .. } => "asking",
            Self::Confirming { .. } => "confirming",
            Self::Doing { .. } => "doing",
            Self::Waiting { .. } => "waiting",
            Self::Done => "done",
            Self::Skipped { .. } => "skipped",
        }
    }
}

/// One call outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Stays the same however often it is repeated.
    pub key: String,
    pub effect: Effect,
    /// An earlier call of the same may have arrived.
    pub again: bool,
    /// What the action remembers between two calls.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub memo: Value,
    /// What a person has chosen since the last call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Nobody but a person can do it.
    Instruction,
    /// Its connection is missing.
    NotConnected,
    /// It has failed; try again, skip it, or do it by hand.
    Failed,
    /// It may have been done: nobody can tell but a person who looks.
    Uncertain,
    /// Its condition, or a value that it needs, cannot be told.
    Unknown,
    /// Nobody confirmed in time, or somebody declined.
    NotConfirmed,
}

impl Why {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instruction => "instruction",
            Self::NotConnected => "not_connected",
            Self::Failed => "failed",
            Self::Uncertain => "uncertain",
            Self::Unknown => "unknown",
            Self::NotConfirmed => "not_confirmed",
        }
    }
}

/// What is confirmed: these values, and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub action: String,
    pub args: Map<String, Value>,
    /// What it means, in words; one line each.
    pub lines: Vec<String>,
    /// Of all of the above: a confirmation names it.
    pub hash: String,
    /// Somebody else than the one who started the run.
    pub two_person: bool,
}

impl Plan {
    /// In one line, without the texts that it would send: those are read where it is confirmed.
    pub fn in_short(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(String::as_str).filter(|line| !line.contains('\n')).collect();
        lines.join("; ")
    }
}

/// What to do outside, after it has been committed.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    pub place: String,
    pub attempt: u32,
    pub action: String,
    pub args: Map<String, Value>,
    pub call: Call,
}

/// What came of an act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "progress", rename_all = "snake_case")]
pub enum Progress {
    Done {
        output: Map<String, Value>,
    },
    /// The step is over with this, and is looked at further: nobody waits for that.
    Watch {
        output: Map<String, Value>,
        watch: Watching,
    },
    /// Ask again after `after_ms`. What the next call does is of class `effect`.
    Waiting {
        #[serde(default)]
        memo: Value,
        effect: Effect,
        after_ms: i64,
        text: String,
        /// A person should look at it: they may choose among `choices`, do it by hand, or let it go on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        choices: Vec<Choice>,
    },
    /// Nothing has been done. `again`: it may work later.
    Failed {
        reason: String,
        again: bool,
    },
    /// It may have been done.
    Uncertain {
        reason: String,
    },
    /// Nothing is connected that could do it.
    NotConnected {
        reason: String,
    },
}

/// How a step is looked at once it is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watching {
    #[serde(default)]
    pub kind: SequelKind,
    #[serde(default)]
    pub memo: Value,
    pub until: Timestamp,
    pub after_ms: i64,
    pub text: String,
}

/// What a person can tell an action that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub id: String,
    pub text: String,
}

/// Something happens to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Time has passed.
    Tick,
    /// Whoever was at its calls is gone: nobody waits for the end of a lease.
    Lost,
    Outcome {
        place: String,
        attempt: u32,
        progress: Progress,
    },
    /// Whoever may agree to the plan that waits `until` then is paged by this alert.
    ApproversPaged {
        place: String,
        until: Timestamp,
        alert: AlertId,
    },
    /// The alert of a plan that waits no more has ended.
    PageEnded(AlertId),
    /// Another institution fails as well.
    Join(Member),
    /// Another run is for this one's institution too.
    GoOnIn(RunId),
    /// A person has done it, or answers.
    Answer {
        place: String,
        values: Map<String, Value>,
        by: String,
    },
    /// A person chooses what an action that is under way goes on with.
    Choose {
        place: String,
        choice: String,
        by: String,
    },
    Confirm {
        place: String,
        hash: String,
        by: String,
    },
    Decline {
        place: String,
        reason: String,
        by: String,
    },
    Skip {
        place: String,
        reason: String,
        by: String,
    },
    /// From this step on, once more.
    Retry {
        place: String,
        by: String,
    },
    Cancel {
        reason: String,
        by: String,
    },
}

/// A line of a run's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub at: Timestamp,
    /// The place of its step; empty: of the run itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    pub kind: LineKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    Started,
    Begun,
    Progress,
    Done,
    Skipped,
    Failed,
    Uncertain,
    Asked,
    Answered,
    Confirmed,
    Declined,
    Retried,
    Joined,
    Ended,
}

impl LineKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Begun => "begun",
            Self::Progress => "progress",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Uncertain => "uncertain",
            Self::Asked => "asked",
            Self::Answered => "answered",
            Self::Confirmed => "confirmed",
            Self::Declined => "declined",
            Self::Retried => "retried",
            Self::Joined => "joined",
            Self::Ended => "ended",
        }
    }
}

/// What one input leads to, beside the run's own change.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    pub lines: Vec<Line>,
    pub acts: Vec<Act>,
    /// Somebody has to look at the run now: in words, why.
    pub ask: Option<String>,
}

/// What the runner knows of the world around it.
pub trait Surroundings {
    /// Whether the action can be carried out with these values, and of which class its first call is; or why not.
    fn means(&self, action: &actions::Action, args: &Map<String, Value>) -> Result<Effect, String>;
    /// What a confirmation is told beside the values: how many it interrupts, through what it is done. `known`: what the run knows.
    fn consequences(&self, action: &actions::Action, args: &Map<String, Value>, known: &Map<String, Value>) -> Vec<String>;
    /// Somebody else than the one who started the run has to agree.
    fn two_person(&self, _action: &actions::Action, _args: &Map<String, Value>) -> bool {
        false
    }
    /// Adds to the values of a step that is reached what it will send, so that what is confirmed, done and done again is the same.
    fn prepare(&self, _run: &Run, _at: usize, _args: &mut Map<String, Value>) {}
    /// A person has to agree, although the action interrupts nobody.
    fn confirms(&self, _action: &actions::Action, _args: &Map<String, Value>) -> bool {
        false
    }
    /// SHA-256 in hex.
    fn hash(&self, text: &str) -> String;
}

impl Run {
    pub fn is_open(&self) -> bool {
        self.state == RunState::Running
    }

    /// When it has to be looked at next; `None`: it is over, and nothing goes on after it. An open run always has its deadline.
    pub fn ready_at(&self) -> Option<Timestamp> {
        let of = |step: &RunStep| match &step.state {
            StepState::Doing { lease, .. } => Some(*lease),
            StepState::Waiting { at, .. } => Some(*at),
            StepState::Confirming { until, .. } => Some(*until),
            _ => None,
        };
        let open = self.is_open().then(|| self.steps.iter().filter_map(of).min().unwrap_or(self.deadline).min(self.deadline));
        self.sequels().map(|(_, sequel)| sequel.at).chain(open).min()
    }

    /// What can be named by the step: inputs, `item`, and what the steps before it have brought.
    pub fn context(&self, step: usize) -> Map<String, Value> {
        let mut context = self.inputs.clone();
        for done in self.steps.iter().take(step) {
            if let (StepState::Done, Some(name)) = (&done.state, done.spec.output_name()) {
                context.insert(name.to_owned(), Value::Object(done.output.clone()));
            }
        }
        if let Some(item) = self.steps.get(step).and_then(|step| step.item.clone()) {
            context.insert("item".to_owned(), item);
        }
        context
    }

    pub fn at(&self, place: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.place == place)
    }

    /// Whether something that interrupts others has begun and is not over.
    pub fn is_interrupting(&self) -> bool {
        let going = |step: &RunStep| matches!(step.state, StepState::Doing { .. } | StepState::Waiting { .. });
        let interrupts = |step: &RunStep| going(step) && step.action().is_some_and(|action| action.destructive);
        self.is_taking_back() || self.is_open() && self.steps.iter().any(interrupts)
    }

    /// Its title, and whom or what it is for, by a code that may stand anywhere.
    pub fn called(&self) -> String {
        let own = self.inputs.get("institution");
        let code = own.and_then(|own| own.get("code").or_else(|| own.get("id"))?.as_str());
        match (code, self.members.len(), &self.service) {
            (Some(code), 0, _) => format!("{} ({code})", self.title),
            (Some(code), more, _) => format!("{} ({code} and {more} more)", self.title),
            (None, _, Some(service)) => format!("{} ({service})", self.title),
            (None, _, None) => self.title.clone(),
        }
    }

    /// Why it cannot go on in another run now: what goes on outside, or may have been done there, would be done once more.
    pub fn holds_on(&self) -> Option<String> {
        if self.is_interrupting() {
            return Some("it is interrupting a service at this moment".to_owned());
        }
        let told = |step: &RunStep| match &step.state {
            StepState::Asking { why: Why::Uncertain, .. } => {
                Some(format!("somebody is finding out whether step {} was done", step.place))
            }
            StepState::Doing { .. } | StepState::Waiting { .. } if step.spec.uses.as_deref() == Some(crate::case::ACTION) => {
                Some(format!("step {} is opening a case at a vendor", step.place))
            }
            _ => None,
        };
        self.steps.iter().find_map(told)
    }

    /// Steps that wait for a person.
    pub fn open_asks(&self) -> impl Iterator<Item = (usize, &RunStep)> {
        let open = self.is_open();
        let waits = |step: &RunStep| match &step.state {
            StepState::Asking { .. } | StepState::Confirming { .. } => true,
            StepState::Waiting { choices, .. } => !choices.is_empty(),
            _ => false,
        };
        self.steps.iter().enumerate().filter(move |(_, step)| open && waits(step))
    }
}

impl RunStep {
    pub fn new(place: String, spec: Step) -> Self {
        Self {
            place,
            spec,
            item: None,
            together: None,
            state: StepState::Pending,
            args: Map::new(),
            output: Map::new(),
            by: None,
            attempt: 0,
            failures: 0,
            began_at: None,
            ended_at: None,
            sequel: None,
            paged: None,
        }
    }

    pub fn is_over(&self) -> bool {
        matches!(self.state, StepState::Done | StepState::Skipped { .. })
    }

    /// It goes on while later steps are done.
    pub fn is_beside(&self) -> bool {
        let going = matches!(self.state, StepState::Doing { .. } | StepState::Waiting { .. });
        going && self.action().is_some_and(|action| action.background)
    }

    pub fn action(&self) -> Option<&'static actions::Action> {
        actions::get(self.spec.uses.as_deref()?)
    }

    /// What is done, and for which item of an `each`.
    pub fn called(&self) -> String {
        let item = self.item.as_ref().map(|item| item.get("id").unwrap_or(item));
        match item {
            Some(Value::String(item)) => format!("{}: {item}", self.spec.what),
            Some(item) => format!("{}: {item}", self.spec.what),
            None => self.spec.what.clone(),
        }
    }

    /// When what it asks now began to be asked: another time for each time that it is begun.
    pub fn asked_at(&self) -> Option<Timestamp> {
        match &self.state {
            StepState::Confirming { until, .. } => Some(*until),
            _ => self.began_at,
        }
    }

    /// What a person who does it is asked: name, kind, whether it has to be answered, and in words.
    pub fn questions(&self) -> Vec<Question> {
        if let Some(action) = self.action() {
            let question = |out: &actions::Output| Question {
                name: out.name.to_owned(),
                kind: AskedKind::of(out.kind),
                required: out.asked,
                about: out.about.to_owned(),
            };
            return action.outputs.iter().map(question).collect();
        }
        let question = |(name, answer): (&String, &super::Answer)| Question {
            name: name.clone(),
            kind: match answer {
                super::Answer::Kind(AnswerKind::Text) => AskedKind::Text,
                super::Answer::Kind(AnswerKind::Number) => AskedKind::Number,
                super::Answer::Kind(AnswerKind::Bool) => AskedKind::Bool,
                super::Answer::Words(words) => AskedKind::Words(words.clone()),
            },
            required: true,
            about: String::new(),
        };
        self.spec.ask.iter().map(question).collect()
    }
}

/// What a person is asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Question {
    pub name: String,
    pub kind: AskedKind,
    pub required: bool,
    pub about: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AskedKind {
    Text,
    Number,
    Bool,
    Words(Vec<String>),
}

impl AskedKind {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Number => Self::Number,
            Kind::Bool => Self::Bool,
            Kind::Words(words) => Self::Words(words.iter().map(|word| (*word).to_owned()).collect()),
            Kind::Text | Kind::Length | Kind::Ref(_) | Kind::Record => Self::Text,
        }
    }
}
