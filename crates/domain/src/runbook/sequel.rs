//! What goes on once a step is over, beside everything else: what could not be verified is watched, those who were told of it are told
//! how it ended, and what still waits outside is taken back. It is a part of its step, so it survives whatever the run survives, and holds nobody up.

use super::actions::Effect;
use super::advance::{Refusal, cut};
use super::run::*;
use crate::time::{after, length_text, mins, secs};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a call is told that takes back what still waits outside.
pub const TAKE_BACK: &str = "take-back";
/// The longest watch. What nobody has noticed by then is another outage.
pub const MAX_WATCH: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A watch says of itself how it has ended; this is for one whose figures cannot be had.
const GRACE: SignedDuration = mins(15);
/// What cannot be found out by then never will be.
const TAKE_BACK_WITHIN: SignedDuration = SignedDuration::from_hours(24);
/// What tells people outside of a run.
pub(super) const TELL: &str = "support.tell";
/// Whoever cannot be told by then finds out by themselves.
const TELL_WITHIN: SignedDuration = mins(60);
/// Between looks that failed: it has time, and whoever it asks is in trouble.
const PAUSE: [SignedDuration; 4] = [secs(2), secs(10), secs(30), secs(60)];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sequel {
    pub kind: SequelKind,
    pub call: Call,
    /// How it stands.
    pub text: String,
    /// A watch ends then; whoever could not be told by then is not.
    pub until: Timestamp,
    /// When it is looked at next; while somebody looks, the end of their lease.
    pub at: Timestamp,
    /// The number of the call that somebody is at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calling: Option<u32>,
    #[serde(default)]
    pub failures: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SequelKind {
    /// The calls, until it can be told how they are.
    #[default]
    Watch,
    /// Those who were told, of how the watches of the run have ended.
    Tell,
    /// What still waits outside, because nobody wants it any more.
    TakeBack,
}

impl SequelKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Tell => "tell",
            Self::TakeBack => "take_back",
        }
    }
}

impl Sequel {
    pub fn is_going(&self) -> bool {
        self.ended_at.is_none()
    }

    /// Whatever happens, it is over by then.
    fn last(&self) -> Timestamp {
        match self.kind {
            SequelKind::Watch | SequelKind::Tell => after(self.until, GRACE),
            SequelKind::TakeBack => self.until,
        }
    }
}

impl RunStep {
    /// What goes on after it.
    pub fn going(&self) -> Option<&Sequel> {
        self.sequel.as_ref().filter(|sequel| sequel.is_going())
    }

    /// The call that it is at, when that is looked at next, and the number of the call that somebody is at.
    fn under_way(&self, now: Timestamp) -> Option<(Call, Timestamp, Option<u32>)> {
        match &self.state {
            // Whoever is at it says first what has come of it.
            StepState::Doing { call, lease } => Some((call.clone(), *lease, Some(self.attempt))),
            StepState::Waiting { call, .. } => Some((call.clone(), now, None)),
            _ => None,
        }
    }

    fn is_taking_back(&self) -> bool {
        self.going().is_some_and(|sequel| sequel.kind == SequelKind::TakeBack)
    }
}

impl Run {
    /// Steps after which something still goes on.
    pub fn sequels(&self) -> impl Iterator<Item = (&RunStep, &Sequel)> {
        self.steps.iter().filter_map(|step| Some((step, step.going()?)))
    }

    /// Until when its calls are watched.
    pub fn watched_until(&self) -> Option<Timestamp> {
        self.sequels().filter(|(_, sequel)| sequel.kind == SequelKind::Watch).map(|(_, sequel)| sequel.until).max()
    }

    pub fn is_taking_back(&self) -> bool {
        self.steps.iter().any(RunStep::is_taking_back)
    }

    /// To a run that is over: only what still goes on after it can be told anything.
    pub(super) fn after_end(&mut self, input: Input, now: Timestamp, fx: &mut Effects) -> Result<(), Refusal> {
        let over = format!("the run is over ({})", self.state.as_str());
        match input {
            Input::Tick => self.look_at_sequels(false, now, fx),
            Input::Lost => self.look_at_sequels(true, now, fx),
            Input::Outcome { place, attempt, progress } => match self.sequel_called(&place, attempt) {
                Some(at) => self.sequel_outcome(at, progress, now, fx),
                None => self.late_outcome(&place, attempt, progress, now, fx),
            },
            Input::ApproversPaged { place, until, alert } => self.approvers_paged(&place, until, alert, now, fx),
            Input::PageEnded(alert) => self.pages_over.retain(|over| *over != alert),
            Input::Skip { place, reason, by } => {
                let at = self.at(&place).filter(|at| self.steps[*at].going().is_some()).ok_or(over)?;
                self.end_sequel_by(at, &reason, by, now, fx)?;
            }
            Input::Cancel { reason, by } => {
                let of = |kind: SequelKind| {
                    let going = |at: &usize| self.steps[*at].going().is_some_and(|sequel| sequel.kind == kind);
                    (0..self.steps.len()).filter(going).collect::<Vec<usize>>()
                };
                // How a watch was ended is told to whoever was told of it; without one, nobody is told any more.
                let all = Some(of(SequelKind::Watch)).filter(|all| !all.is_empty()).unwrap_or_else(|| of(SequelKind::Tell));
                if all.is_empty() {
                    return Err(over);
                }
                for at in all {
                    self.end_sequel_by(at, &reason, by.clone(), now, fx)?;
                }
            }
            _ => return Err(over),
        }
        if self.state == RunState::Watching && self.sequels().next().is_none() {
            self.state = RunState::Done;
            fx.line(now, "", LineKind::Ended, None, "nothing is watched any more");
        }
        Ok(())
    }

    /// The step after which the call with this number was made.
    pub(super) fn sequel_called(&self, place: &str, attempt: u32) -> Option<usize> {
        let at = self.at(place)?;
        self.steps[at].going().filter(|sequel| sequel.calling == Some(attempt)).map(|_| at)
    }

    pub(super) fn begin_watch(&mut self, at: usize, mut call: Call, watch: Watching, now: Timestamp, fx: &mut Effects) {
        let Watching { kind, memo, until, after_ms, text } = watch;
        let until = until.min(after(now, MAX_WATCH));
        (call.memo, call.again, call.choice) = (memo, false, None);
        let due = match kind {
            SequelKind::Watch => {
                // It only looks.
                call.effect = Effect::Read;
                let said = format!("{text}; watched until {until:.0}, and somebody is paged only if calls fail");
                fx.line(now, &self.steps[at].place, LineKind::Progress, None, &said);
                fx.ask.get_or_insert_with(|| format!("not verified: {}", self.steps[at].spec.what));
                after(now, SignedDuration::from_millis(after_ms.max(0)))
            }
            SequelKind::Tell | SequelKind::TakeBack => {
                // Each message has a key by which it is found again.
                call.effect = Effect::Keyed;
                // The end of the last watch makes it due, unless that was faster.
                if self.watched_until().is_some() { until } else { now }
            }
        };
        self.steps[at].sequel =
            Some(Sequel { kind, call, text: cut(&text), until, at: due, calling: None, failures: 0, ended_at: None });
    }

    /// Nobody wants any more what the step may have asked for outside.
    pub(super) fn take_back(&mut self, at: usize, now: Timestamp) {
        if let Some((call, due, calling)) = self.steps[at].under_way(now) {
            self.begin_take_back(at, call, due, calling, now);
        }
    }

    /// From a call that is not waited for any more; `calling`: somebody is still at it.
    pub(super) fn begin_take_back(&mut self, at: usize, call: Call, due: Timestamp, calling: Option<u32>, now: Timestamp) {
        if self.steps[at].action().is_some_and(|action| action.destructive) {
            let until = after(now, TAKE_BACK_WITHIN);
            self.begin_sequel(at, SequelKind::TakeBack, call, "being taken back", until, due, calling);
        }
    }

    /// Those who were told what is being done hear that the run has ended before its time.
    pub(super) fn tell_end(&mut self, now: Timestamp) {
        // A deadline ends no watch, and they hear of its end as well.
        let until = after(self.watched_until().unwrap_or(now).max(now), TELL_WITHIN);
        for at in 0..self.steps.len() {
            let step = &self.steps[at];
            if step.spec.uses.as_deref() == Some(TELL)
                && let Some((call, due, calling)) = step.under_way(now)
            {
                self.begin_sequel(at, SequelKind::Tell, call, "told that it has ended", until, due, calling);
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "each is a part of what begins")]
    fn begin_sequel(
        &mut self,
        at: usize,
        kind: SequelKind,
        call: Call,
        text: &str,
        until: Timestamp,
        due: Timestamp,
        calling: Option<u32>,
    ) {
        let call = Call { choice: None, ..call };
        let text = text.to_owned();
        self.steps[at].sequel = Some(Sequel { kind, call, text, until, at: due, calling, failures: 0, ended_at: None });
    }

    /// All steps that are under way: the run ends without them.
    pub(super) fn leave_all(&mut self, now: Timestamp, fx: &mut Effects) {
        (0..self.steps.len()).for_each(|at| self.take_back(at, now));
        self.tell_end(now);
        self.look_at_sequels(false, now, fx);
    }

    pub(super) fn end_watches(&mut self, text: &str, now: Timestamp, fx: &mut Effects) {
        for at in 0..self.steps.len() {
            if self.steps[at].going().is_some_and(|sequel| sequel.kind == SequelKind::Watch) {
                self.end_sequel(at, text, None, now, fx);
            }
        }
    }

    pub(super) fn look_at_sequels(&mut self, lost: bool, now: Timestamp, fx: &mut Effects) {
        for at in 0..self.steps.len() {
            let Some(sequel) = self.steps[at].going() else { continue };
            let is_lost = sequel.calling.is_some() && (lost || sequel.at <= now);
            if !is_lost && sequel.at > now {
                continue;
            }
            if sequel.last() <= now {
                let text = match sequel.kind {
                    SequelKind::Watch => format!("the watch is over and nobody was paged: {}", sequel.text),
                    SequelKind::Tell => format!("nobody could be told how it ended: {}", sequel.text),
                    SequelKind::TakeBack => format!("whether it was taken back could not be found out: {}", sequel.text),
                };
                self.end_sequel(at, &text, None, now, fx);
                continue;
            }
            if is_lost {
                fx.line(now, &self.steps[at].place, LineKind::Progress, None, "interrupted; taken up again");
            }
            self.call_sequel(at, is_lost, now, fx);
        }
    }

    fn call_sequel(&mut self, at: usize, again: bool, now: Timestamp, fx: &mut Effects) {
        let step = &mut self.steps[at];
        let counts = self.counts.entry(step.place.clone()).or_default();
        counts.calls += 1;
        let attempt = counts.calls;
        let Some(sequel) = &mut step.sequel else { return };
        sequel.call.again |= again;
        if sequel.kind == SequelKind::TakeBack {
            sequel.call.choice = Some(TAKE_BACK.to_owned());
        }
        (sequel.calling, sequel.at) = (Some(attempt), after(now, super::advance::LEASE));
        let (action, call) = (step.spec.uses.clone().unwrap_or_default(), sequel.call.clone());
        fx.acts.push(Act { place: step.place.clone(), attempt, action, args: step.args.clone(), call });
    }

    pub(super) fn sequel_outcome(&mut self, at: usize, progress: Progress, now: Timestamp, fx: &mut Effects) {
        let Some(sequel) = &self.steps[at].sequel else { return };
        // What was under way when nobody wanted it any more says where to look for it, and no more than that.
        let is_first = sequel.kind == SequelKind::TakeBack && sequel.call.choice.is_none();
        match progress {
            Progress::Waiting { memo, effect, .. } if is_first => {
                if let Some(sequel) = &mut self.steps[at].sequel {
                    (sequel.call.memo, sequel.call.effect, sequel.call.again) = (memo, effect, false);
                }
                self.call_sequel(at, false, now, fx);
            }
            Progress::Failed { .. } if is_first => self.call_sequel(at, false, now, fx),
            Progress::Uncertain { .. } if is_first => self.call_sequel(at, true, now, fx),
            Progress::Done { output } | Progress::Watch { output, .. } => {
                let text = said(&output);
                if self.steps[at].sequel.as_ref().is_some_and(|sequel| sequel.kind == SequelKind::Watch) {
                    self.steps[at].output.extend(output);
                }
                self.end_sequel(at, &text, None, now, fx);
            }
            Progress::Waiting { memo, effect, after_ms, text, .. } => {
                let place = self.steps[at].place.clone();
                let Some(sequel) = &mut self.steps[at].sequel else { return };
                // A watch looks for hours: what it sees is told once it means something.
                if sequel.kind == SequelKind::TakeBack && sequel.call.memo != memo {
                    fx.line(now, &place, LineKind::Progress, None, &text);
                }
                (sequel.call.memo, sequel.call.effect, sequel.call.again) = (memo, effect, false);
                sequel.rest(SignedDuration::from_millis(after_ms.max(0)), text, now);
                sequel.failures = 0;
            }
            Progress::Failed { reason, .. } => self.sequel_failed(at, reason, false, now, fx),
            Progress::Uncertain { reason } => self.sequel_failed(at, reason, true, now, fx),
            Progress::NotConnected { reason } => self.end_sequel(at, &reason, None, now, fx),
        }
    }

    /// It is never given up before its time: a person may end it.
    fn sequel_failed(&mut self, at: usize, reason: String, again: bool, now: Timestamp, fx: &mut Effects) {
        let place = self.steps[at].place.clone();
        let Some(sequel) = &mut self.steps[at].sequel else { return };
        let pause = PAUSE[(sequel.failures as usize).min(PAUSE.len() - 1)];
        if sequel.failures == 0 {
            let text = format!("{reason}; tried again in {}, and on", length_text(pause));
            fx.line(now, &place, LineKind::Progress, None, &text);
        }
        sequel.call.again |= again;
        sequel.failures = sequel.failures.saturating_add(1);
        sequel.rest(pause, reason, now);
    }

    pub(super) fn end_sequel_by(
        &mut self,
        at: usize,
        reason: &str,
        by: String,
        now: Timestamp,
        fx: &mut Effects,
    ) -> Result<(), Refusal> {
        if reason.trim().is_empty() {
            return Err("say why it is ended: whoever reads this later has to know".to_owned());
        }
        let what = match self.steps[at].going().map(|sequel| sequel.kind) {
            Some(SequelKind::TakeBack) => "nobody looks any more whether it was taken back",
            Some(SequelKind::Tell) => "nobody is told how it ends",
            _ => "not watched any more",
        };
        self.end_sequel(at, &format!("{what}: {reason}"), Some(by), now, fx);
        Ok(())
    }

    fn end_sequel(&mut self, at: usize, text: &str, by: Option<String>, now: Timestamp, fx: &mut Effects) {
        let step = &mut self.steps[at];
        if let Some(sequel) = &mut step.sequel {
            (sequel.text, sequel.ended_at, sequel.calling) = (cut(text), Some(now), None);
        }
        fx.line(now, &step.place, LineKind::Progress, by, text);
        if self.watched_until().is_none() {
            let tells = |sequel: &&mut Sequel| sequel.is_going() && sequel.kind == SequelKind::Tell && sequel.calling.is_none();
            for sequel in self.steps.iter_mut().filter_map(|step| step.sequel.as_mut()).filter(tells) {
                (sequel.at, sequel.until) = (sequel.at.min(now), sequel.until.min(after(now, TELL_WITHIN)));
            }
        }
    }
}

impl Sequel {
    fn rest(&mut self, pause: SignedDuration, text: String, now: Timestamp) {
        (self.calling, self.at, self.text) = (None, after(now, pause), cut(&text));
    }
}

fn said(output: &Map<String, Value>) -> String {
    let word = |name: &str| output.get(name).and_then(Value::as_str).unwrap_or_default();
    match (word("state"), word("text")) {
        ("", text) => text.to_owned(),
        (state, text) => format!("{state}: {text}"),
    }
}

#[cfg(test)]
mod tests;
