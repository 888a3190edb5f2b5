//! How a run moves on. Everything that happens to one goes through [`Run::advance`].

use super::actions::{Action, Effect};
use super::run::*;
use super::sequel::{SequelKind, TELL};
use super::{CONFIRM_WITHIN, Confirm, MAX_ITEMS, MAX_STEPS, condition, reference};
use crate::time::{after, length_text, secs};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// Whoever carries out an act has to say within this what came of it. Calls of connectors end sooner.
pub const LEASE: SignedDuration = secs(90);
/// Before what failed is tried again. After the last one a person decides.
const PAUSES: [SignedDuration; 3] = [secs(2), secs(10), secs(30)];
/// In the memo of `support.tell`: when a person has told them by hand.
pub const TOLD_AT: &str = "told_at";
/// Longest text that a person or a tool can leave in a run, in characters.
pub const MAX_TEXT: usize = 2_000;
/// Longest wait that an action may ask for between two looks, and the shortest: it must neither sleep nor spin.
const LOOK_AGAIN: std::ops::RangeInclusive<i64> = 0..=300_000;

/// Why an input cannot be: in words, for the person who asked.
pub type Refusal = String;

impl Run {
    /// What happens next. Time only ever comes in as `now`.
    ///
    /// # Errors
    /// The run is as it was.
    pub fn advance(&mut self, input: Input, around: &dyn Surroundings, now: Timestamp) -> Result<Effects, Refusal> {
        let mut next = self.clone();
        let mut fx = Effects::default();
        if !next.is_open() {
            next.after_end(input, now, &mut fx)?;
            next.end_pages(self, &mut fx);
            *self = next;
            return Ok(fx);
        }
        let find = |place: &str| self.at(place).ok_or_else(|| format!("the run has no step {place}"));
        let by_person = matches!(
            input,
            Input::Answer { .. } | Input::Choose { .. } | Input::Confirm { .. } | Input::Decline { .. } | Input::Skip { .. }
        );
        match input {
            Input::Tick => next.tick(false, now, &mut fx),
            Input::Lost => next.tick(true, now, &mut fx),
            Input::Outcome { place, attempt, progress } => next.outcome(find(&place)?, attempt, progress, now, &mut fx),
            Input::ApproversPaged { place, until, alert } => next.approvers_paged(&place, until, alert, now, &mut fx),
            Input::PageEnded(alert) => next.pages_over.retain(|over| *over != alert),
            Input::Join(member) => next.join(member, now, &mut fx),
            Input::GoOnIn(run) => {
                if let Some(why) = next.holds_on() {
                    return Err(format!("it does not go on in another run: {why}"));
                }
                next.end_watches(&format!("not watched any more: goes on in run {run}"), now, &mut fx);
                next.end(RunState::Joined, &format!("goes on in run {run}"), None, now, &mut fx);
            }
            Input::Answer { place, values, by } => next.answer(find(&place)?, &values, by, now, &mut fx)?,
            Input::Choose { place, choice, by } => next.choose(find(&place)?, choice, by, now, &mut fx)?,
            Input::Confirm { place, hash, by } => next.confirm(find(&place)?, &hash, by, around, now, &mut fx)?,
            Input::Decline { place, reason, by } => next.decline(find(&place)?, &reason, by, now, &mut fx)?,
            Input::Skip { place, reason, by } => next.skip(find(&place)?, &reason, by, now, &mut fx)?,
            Input::Retry { place, by } => next.retry(find(&place)?, by, now, &mut fx)?,
            Input::Cancel { reason, by } => {
                let in_flight = next.in_flight();
                let text = if in_flight.is_empty() { reason } else { format!("{reason}; still under way outside: {in_flight}") };
                next.end_watches("not watched any more: the run is cancelled", now, &mut fx);
                next.end(RunState::Cancelled, &text, Some(by), now, &mut fx);
                next.leave_all(now, &mut fx);
            }
        }
        next.go_on(around, now, &mut fx);
        if by_person && fx.ask.is_none() {
            fx.ask = next.still_asks(self);
        }
        next.end_pages(self, &mut fx);
        *self = next;
        Ok(fx)
    }

    /// Of several that asked at once, people were told of the first; when it is over, of the next.
    fn still_asks(&self, before: &Self) -> Option<String> {
        let asks = |step: &RunStep| matches!(step.state, StepState::Asking { .. } | StepState::Confirming { .. });
        let first = self.open_asks().map(|(_, step)| step).find(|step| asks(step))?;
        let was_first = before.open_asks().map(|(_, step)| step).find(|step| asks(step));
        (was_first.map(|step| &step.place) != Some(&first.place)).then(|| first.spec.what.clone())
    }

    /// The first move of a run.
    ///
    /// # Errors
    /// It is over.
    pub fn begin(&mut self, around: &dyn Surroundings, now: Timestamp) -> Result<Effects, Refusal> {
        let mut begun = Effects::default();
        begun.line(now, "", LineKind::Started, Some(self.started_by.clone()), &self.title);
        let fx = self.advance(Input::Tick, around, now)?;
        begun.lines.extend(fx.lines);
        Ok(Effects { lines: begun.lines, ..fx })
    }

    fn tick(&mut self, lost: bool, now: Timestamp, fx: &mut Effects) {
        self.look_at_sequels(lost, now, fx);
        if self.deadline <= now {
            let in_flight = self.in_flight();
            let text = if in_flight.is_empty() { String::new() } else { format!("; still under way outside: {in_flight}") };
            fx.ask = Some(format!("{} was not finished in time", self.title));
            self.end(RunState::Overdue, &format!("it was not finished in time{text}"), None, now, fx);
            return self.leave_all(now, fx);
        }
        for at in 0..self.steps.len() {
            match self.steps[at].state.clone() {
                // Whoever was at it is lost. What that means depends on what it was doing.
                StepState::Doing { call, lease } if lost || lease <= now => match call.effect {
                    Effect::Unsafe => self.uncertain(at, "Firedog was interrupted while it was being done", now, fx),
                    Effect::Read | Effect::Idempotent | Effect::Keyed => {
                        self.say(at, now, LineKind::Progress, None, "interrupted; taken up again", fx);
                        self.call(at, Call { again: true, ..call }, now, fx);
                    }
                },
                StepState::Waiting { at: due, call, .. } if due <= now => {
                    if self.is_late(at, now) {
                        // What it has begun outside is not over because nobody waits for it any more.
                        self.take_back(at, now);
                        self.ask(at, Why::Failed, "it has taken too long", now, fx);
                    } else {
                        self.call(at, call, now, fx);
                    }
                }
                StepState::Confirming { until, .. } if until <= now => {
                    self.ask(at, Why::NotConfirmed, "nobody has confirmed it in time; nothing was done", now, fx);
                }
                _ => {}
            }
        }
    }

    /// Steps that something outside is still at.
    fn in_flight(&self) -> String {
        let going = |step: &&RunStep| matches!(step.state, StepState::Doing { .. } | StepState::Waiting { .. });
        self.steps.iter().filter(going).map(|step| format!("{} {}", step.place, step.spec.what)).collect::<Vec<_>>().join(", ")
    }

    fn is_late(&self, at: usize, now: Timestamp) -> bool {
        let step = &self.steps[at];
        let timeout = step.spec.timeout.or(step.action().map(|action| action.timeout));
        matches!((timeout, step.began_at), (Some(timeout), Some(began)) if after(began, timeout) <= now)
    }

    fn outcome(&mut self, at: usize, attempt: u32, progress: Progress, now: Timestamp, fx: &mut Effects) {
        if self.sequel_called(&self.steps[at].place, attempt).is_some() {
            return self.sequel_outcome(at, progress, now, fx);
        }
        let step = &self.steps[at];
        let StepState::Doing { call, .. } = step.state.clone() else {
            self.say(at, now, LineKind::Progress, None, "an outcome came that nobody waits for any more", fx);
            return;
        };
        if step.attempt != attempt {
            self.say(at, now, LineKind::Progress, None, "the outcome of an earlier attempt came late", fx);
            return;
        }
        match progress {
            Progress::Done { output } => self.done(at, output, None, now, fx),
            Progress::Watch { output, watch } => {
                self.done(at, output, None, now, fx);
                self.begin_watch(at, call, watch, now, fx);
            }
            Progress::Waiting { memo, effect, after_ms, text, choices } => {
                let pause = SignedDuration::from_millis(after_ms.clamp(*LOOK_AGAIN.start(), *LOOK_AGAIN.end()));
                if call.memo != memo {
                    let kind = if choices.is_empty() { LineKind::Progress } else { LineKind::Asked };
                    self.say(at, now, kind, None, &text, fx);
                    if !choices.is_empty() {
                        fx.ask.get_or_insert_with(|| self.steps[at].spec.what.clone());
                    }
                }
                let step = &mut self.steps[at];
                step.failures = 0;
                let call = Call { effect, memo, again: false, choice: None, ..call };
                step.state = StepState::Waiting { call, at: after(now, pause), text: cut(&text), choices };
            }
            Progress::Failed { reason, again } => self.failed(at, call, &reason, again, now, fx),
            // It may have arrived: what may be repeated is, what has a key is looked for, the rest is for a person to find out.
            Progress::Uncertain { reason } => match call.effect {
                Effect::Unsafe => self.uncertain(at, &reason, now, fx),
                Effect::Read | Effect::Idempotent | Effect::Keyed => {
                    self.failed(at, Call { again: true, ..call }, &reason, true, now, fx);
                }
            },
            Progress::NotConnected { reason } => self.by_hand(at, &reason, now, fx),
        }
    }

    /// What was under way when the run ended has come to this: kept as what it is, and nothing follows from it in the run. A case that
    /// a vendor has got is a case all the same.
    pub(super) fn late_outcome(&mut self, place: &str, attempt: u32, progress: Progress, now: Timestamp, fx: &mut Effects) {
        fx.line(now, place, LineKind::Progress, None, "its outcome came after the run had ended");
        let Some(at) = self.at(place).filter(|at| self.steps[*at].attempt == attempt) else { return };
        let StepState::Doing { call, .. } = self.steps[at].state.clone() else { return };
        match progress {
            Progress::Done { output } | Progress::Watch { output, .. } => self.done(at, output, None, now, fx),
            Progress::Waiting { memo, effect, text, .. } => {
                self.say(at, now, LineKind::Progress, None, &text, fx);
                let call = Call { effect, memo, again: false, choice: None, ..call };
                self.steps[at].state = StepState::Waiting { call, at: now, text: cut(&text), choices: Vec::new() };
            }
            Progress::Uncertain { reason } => self.say(at, now, LineKind::Uncertain, None, &reason, fx),
            Progress::Failed { reason, .. } | Progress::NotConnected { reason } => {
                self.say(at, now, LineKind::Failed, None, &reason, fx);
            }
        }
    }

    fn failed(&mut self, at: usize, call: Call, reason: &str, may_work: bool, now: Timestamp, fx: &mut Effects) {
        let pause = PAUSES.get(self.steps[at].failures as usize);
        match pause.filter(|_| may_work && call.effect != Effect::Unsafe && !self.is_late(at, now)) {
            Some(pause) => {
                let text = format!("{reason}; tried again in {}", length_text(*pause));
                self.say(at, now, LineKind::Progress, None, &text, fx);
                let step = &mut self.steps[at];
                step.failures += 1;
                step.state = StepState::Waiting { call, at: after(now, *pause), text: cut(reason), choices: Vec::new() };
            }
            // An earlier call may have arrived, and nobody has found out.
            None if call.again && !matches!(call.effect, Effect::Read | Effect::Idempotent) => {
                // With a key it can still be found out, once somebody answers there.
                if call.effect == Effect::Keyed && !call.memo.is_null() {
                    self.begin_take_back(at, call, now, None, now);
                }
                self.uncertain(at, reason, now, fx)
            }
            None => {
                // Nobody could say how it stands there: it may go on.
                if may_work && !call.memo.is_null() {
                    self.begin_take_back(at, call, now, None, now);
                }
                self.ask(at, Why::Failed, reason, now, fx);
            }
        }
    }

    fn join(&mut self, member: Member, now: Timestamp, fx: &mut Effects) {
        let own = self.inputs.get("institution").and_then(|own| own.get("id")?.as_str()) == Some(&member.institution);
        let known = own || self.members.iter().any(|one| one.institution == member.institution);
        if !known && self.members.len() < MAX_MEMBERS {
            fx.line(now, "", LineKind::Joined, None, &member.institution);
            self.members.push(member);
        }
    }

    fn answer(
        &mut self,
        at: usize,
        values: &Map<String, Value>,
        by: String,
        now: Timestamp,
        fx: &mut Effects,
    ) -> Result<(), Refusal> {
        let step = &self.steps[at];
        // What Firedog waits for can be done by hand meanwhile; what it is doing at this moment cannot.
        if !matches!(step.state, StepState::Asking { .. } | StepState::Waiting { .. }) {
            return Err(format!("step {} does not wait for an answer", step.place));
        }
        let output = accept(&step.questions(), values)?;
        let text = told(&output);
        self.say(at, now, LineKind::Answered, Some(by.clone()), &text, fx);
        if is_told_by_hand(&self.steps[at], &output) {
            // Whether they answer is not known yet: the same clock runs as if Firedog had told them.
            let memo = json!({ TOLD_AT: now, "note": output.get("note") });
            self.carry_on(at, Effect::Keyed, memo, now, fx);
            return Ok(());
        }
        // It is done by hand: what still waits outside would do it a second time.
        self.take_back(at, now);
        self.done(at, output, Some(by), now, fx);
        Ok(())
    }

    fn choose(&mut self, at: usize, choice: String, by: String, now: Timestamp, fx: &mut Effects) -> Result<(), Refusal> {
        let step = &self.steps[at];
        let StepState::Waiting { call, choices, .. } = step.state.clone() else {
            return Err(format!("step {} does not wait for a choice", step.place));
        };
        let Some(chosen) = choices.iter().find(|one| one.id == choice) else {
            let known = choices.iter().map(|one| one.id.as_str()).collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "nothing to choose".to_owned() } else { known };
            return Err(format!("`{choice}` cannot be chosen; there is {known}"));
        };
        self.say(at, now, LineKind::Answered, Some(by), &chosen.text, fx);
        self.call(at, Call { choice: Some(choice), ..call }, now, fx);
        Ok(())
    }

    fn confirm(
        &mut self,
        at: usize,
        hash: &str,
        by: String,
        around: &dyn Surroundings,
        now: Timestamp,
        fx: &mut Effects,
    ) -> Result<(), Refusal> {
        let step = &self.steps[at];
        let StepState::Confirming { plan, until } = step.state.clone() else {
            return Err(format!("step {} does not wait for a confirmation", step.place));
        };
        if until <= now {
            return Err("it is too late to confirm this; begin the step again".to_owned());
        }
        if plan.hash != hash {
            return Err("this is not the plan that waits for a confirmation: look at it again".to_owned());
        }
        if plan.two_person && self.started_by == by {
            return Err("somebody else than the one who started the run has to confirm this".to_owned());
        }
        let Some(action) = step.action() else { return Err("this step has no action".to_owned()) };
        // The catalogue may have changed since the plan was shown.
        let (args, place) = (step.args.clone(), step.place.clone());
        if self.plan(at, action, &args, plan.two_person, around).hash != hash {
            return Err("what would be done has changed since this plan was made: begin the step again".to_owned());
        }
        fx.line(now, &place, LineKind::Confirmed, Some(by), "");
        match around.means(action, &args) {
            Ok(effect) => self.carry_out(at, effect, now, fx),
            Err(why) => self.by_hand(at, &why, now, fx),
        }
        Ok(())
    }

    fn decline(&mut self, at: usize, reason: &str, by: String, now: Timestamp, fx: &mut Effects) -> Result<(), Refusal> {
        let step = &self.steps[at];
        if !matches!(step.state, StepState::Confirming { .. }) {
            return Err(format!("step {} does not wait for a confirmation", step.place));
        }
        self.say(at, now, LineKind::Declined, Some(by.clone()), reason, fx);
        self.steps[at].state = StepState::Asking { why: Why::NotConfirmed, text: format!("{by} declined: {}", cut(reason)) };
        Ok(())
    }

    fn skip(&mut self, at: usize, reason: &str, by: String, now: Timestamp, fx: &mut Effects) -> Result<(), Refusal> {
        let step = &self.steps[at];
        if step.going().is_some() {
            return self.end_sequel_by(at, reason, by, now, fx);
        }
        if step.is_over() {
            return Err(format!("step {} is over already", step.place));
        }
        if matches!(step.state, StepState::Doing { .. }) {
            return Err(format!("step {} is being done at this moment; wait for it, or cancel the run", step.place));
        }
        if reason.trim().is_empty() {
            return Err("say why it is skipped: whoever reads this later has to know".to_owned());
        }
        self.take_back(at, now);
        self.over(at, StepState::Skipped { reason: cut(reason) }, now);
        self.steps[at].by = Some(by.clone());
        self.say(at, now, LineKind::Skipped, Some(by), reason, fx);
        Ok(())
    }

    fn retry(&mut self, at: usize, by: String, now: Timestamp, fx: &mut Effects) -> Result<(), Refusal> {
        let step = &self.steps[at];
        if matches!(step.state, StepState::Pending) {
            return Err(format!("step {} has not been reached yet", step.place));
        }
        if let Some(busy) =
            self.steps[at..].iter().find(|step| matches!(step.state, StepState::Doing { .. } | StepState::Waiting { .. }))
        {
            return Err(format!("step {} is under way; wait for it first", busy.place));
        }
        if let Some((busy, _)) = self
            .sequels()
            .find(|(step, sequel)| sequel.kind == SequelKind::TakeBack && self.at(&step.place).is_some_and(|busy| busy >= at))
        {
            return Err(format!("step {} is still being taken back; wait for that first", busy.place));
        }
        self.say(at, now, LineKind::Retried, Some(by), "", fx);
        // What is inside of others is made anew when they are reached; without the one that it is inside of, it is kept.
        let again: Vec<String> = self.steps[at..].iter().map(|step| step.place.clone()).collect();
        let made = |place: &str| place.match_indices('.').any(|(end, _)| again.iter().any(|outer| *outer == place[..end]));
        let (kept, rest) = self.steps.split_at(at);
        let fresh = |step: &RunStep| RunStep {
            item: step.item.clone(),
            together: step.together.clone(),
            ..RunStep::new(step.place.clone(), step.spec.clone())
        };
        let rest = rest.iter().filter(|step| !made(&step.place)).map(fresh);
        self.steps = kept.iter().cloned().chain(rest).collect();
        Ok(())
    }

    /// Begins whatever can begin now, until something has to be waited for.
    fn go_on(&mut self, around: &dyn Surroundings, now: Timestamp, fx: &mut Effects) {
        while self.is_open() {
            if self.steps.iter().all(RunStep::is_over) {
                return match self.watched_until() {
                    _ if self.is_taking_back() => {}
                    None => self.end(RunState::Done, "every step is over", None, now, fx),
                    Some(until) => {
                        let text = format!("every step is over; what is not verified is watched until {until:.0}");
                        self.end(RunState::Watching, &text, None, now, fx);
                    }
                };
            }
            // What goes on beside the others holds up nobody, but the run ends after it.
            let Some(first) = self.steps.iter().position(|step| !step.is_over() && !step.is_beside()) else { return };
            let group = self.steps[first].together.clone();
            let end = match &group {
                Some(group) => {
                    first + self.steps[first..].iter().take_while(|step| step.together.as_ref() == Some(group)).count()
                }
                None => first + 1,
            };
            let Some(at) = (first..end).find(|at| self.steps[*at].state == StepState::Pending) else { return };
            self.reach(at, around, now, fx);
        }
    }

    /// A pending step is reached: whether it is done, and how.
    fn reach(&mut self, at: usize, around: &dyn Surroundings, now: Timestamp, fx: &mut Effects) {
        let context = self.context(at);
        let spec = self.steps[at].spec.clone();
        match spec.when.as_deref().map(|when| condition::hold(when, &context)) {
            None | Some(Ok(true)) => {}
            Some(Ok(false)) => {
                let reason = format!("not `{}`", spec.when.unwrap_or_default());
                self.say(at, now, LineKind::Skipped, None, &reason, fx);
                return self.over(at, StepState::Skipped { reason }, now);
            }
            Some(Err(why)) => {
                let text = format!("whether it is to be done cannot be told: {why} (`{}`)", spec.when.unwrap_or_default());
                return self.ask(at, Why::Unknown, &text, now, fx);
            }
        }
        if spec.each.is_some() || !spec.parallel.is_empty() {
            return self.unfold(at, &context, now, fx);
        }
        self.steps[at].began_at = Some(now);
        let Some(action) = self.steps[at].action() else {
            return self.ask(at, Why::Instruction, &spec.what, now, fx);
        };
        let mut args = match reference::resolve_all(&spec.with, &context) {
            Ok(args) => args,
            Err(why) => return self.ask(at, Why::Unknown, &format!("a value is missing: {why}"), now, fx),
        };
        around.prepare(self, at, &mut args);
        self.steps[at].args.clone_from(&args);
        let effect = match around.means(action, &args) {
            Ok(effect) => effect,
            Err(why) => return self.by_hand(at, &why, now, fx),
        };
        let asks = action.destructive || around.confirms(action, &args);
        let confirm = spec.confirm.or(asks.then_some(Confirm::Primary));
        let Some(confirm) = confirm else { return self.carry_out(at, effect, now, fx) };
        let two_person = confirm == Confirm::TwoPerson || around.two_person(action, &args);
        let plan = self.plan(at, action, &args, two_person, around);
        fx.ask = Some(format!("confirm: {}", spec.what));
        self.say(at, now, LineKind::Asked, None, &plan.in_short(), fx);
        self.steps[at].state = StepState::Confirming { plan, until: after(now, CONFIRM_WITHIN) };
    }

    fn plan(&self, at: usize, action: &Action, args: &Map<String, Value>, two_person: bool, around: &dyn Surroundings) -> Plan {
        let mut lines = vec![format!(
            "{}: {}",
            action.name,
            // What was prepared for it is told by its consequences.
            args.iter()
                .filter(|(name, _)| action.input(name).is_some())
                .map(|(k, v)| format!("{k} {}", plain(v)))
                .collect::<Vec<_>>()
                .join(", ")
        )];
        lines.extend(around.consequences(action, args, &self.context(at)));
        let step = &self.steps[at];
        let said = format!("{}\n{}\n{}\n{}", self.id, step.place, Value::Object(args.clone()), lines.join("\n"));
        Plan { action: action.name.to_owned(), args: args.clone(), lines, hash: around.hash(&said), two_person }
    }

    /// Puts the steps inside of an `each` or a `parallel` in its place.
    fn unfold(&mut self, at: usize, context: &Map<String, Value>, now: Timestamp, fx: &mut Effects) {
        let outer = self.steps[at].clone();
        let mut inside = Vec::new();
        if let Some(each) = &outer.spec.each {
            let items = match reference::resolve(each, context) {
                Ok(Value::Array(items)) if items.len() <= MAX_ITEMS => items,
                Ok(Value::Array(items)) => {
                    return self.ask(at, Why::Unknown, &format!("{} items are more than {MAX_ITEMS}", items.len()), now, fx);
                }
                Ok(_) => return self.ask(at, Why::Unknown, "what it goes through is no list", now, fx),
                Err(why) => return self.ask(at, Why::Unknown, &why, now, fx),
            };
            for (round, item) in items.into_iter().enumerate() {
                for (n, spec) in outer.spec.steps.iter().enumerate() {
                    let place = format!("{}.{}.{}", outer.place, round + 1, n + 1);
                    inside.push(RunStep { item: Some(item.clone()), ..RunStep::new(place, spec.clone()) });
                }
            }
        } else {
            for (n, spec) in outer.spec.parallel.iter().enumerate() {
                let step = RunStep::new(format!("{}.{}", outer.place, n + 1), spec.clone());
                inside.push(RunStep { item: outer.item.clone(), together: Some(outer.place.clone()), ..step });
            }
        }
        // Room is checked when the file is read; a list that comes from outside may still be too long.
        if self.steps.len() + inside.len() > MAX_STEPS * 2 {
            return self.ask(at, Why::Unknown, "the run would have too many steps", now, fx);
        }
        let step = &mut self.steps[at];
        (step.began_at, step.ended_at, step.state) = (Some(now), Some(now), StepState::Done);
        fx.line(now, &outer.place, LineKind::Begun, None, &outer.spec.what);
        self.steps.splice(at + 1..at + 1, inside);
    }

    fn carry_out(&mut self, at: usize, effect: Effect, now: Timestamp, fx: &mut Effects) {
        self.carry_on(at, effect, Value::Null, now, fx);
    }

    fn carry_on(&mut self, at: usize, effect: Effect, memo: Value, now: Timestamp, fx: &mut Effects) {
        self.steps[at].failures = 0;
        let place = &self.steps[at].place;
        let counts = self.counts.entry(place.clone()).or_default();
        counts.begun += 1;
        // Once more is a new intent; calling the same again is not.
        let key = format!("{}/{place}/{}", self.id, counts.begun);
        self.say(at, now, LineKind::Begun, None, "", fx);
        self.call(at, Call { key, effect, again: false, memo, choice: None }, now, fx);
    }

    fn call(&mut self, at: usize, call: Call, now: Timestamp, fx: &mut Effects) {
        let step = &mut self.steps[at];
        let counts = self.counts.entry(step.place.clone()).or_default();
        counts.calls += 1;
        step.attempt = counts.calls;
        step.state = StepState::Doing { call: call.clone(), lease: after(now, LEASE) };
        let action = step.spec.uses.clone().unwrap_or_default();
        fx.acts.push(Act { place: step.place.clone(), attempt: step.attempt, action, args: step.args.clone(), call });
    }

    fn by_hand(&mut self, at: usize, why: &str, now: Timestamp, fx: &mut Effects) {
        let instruction = self.steps[at].action().and_then(|action| action.by_hand).unwrap_or_default();
        self.say(at, now, LineKind::Asked, None, why, fx);
        fx.ask.get_or_insert_with(|| self.steps[at].spec.what.clone());
        self.steps[at].state = StepState::Asking { why: Why::NotConnected, text: cut(&format!("{instruction} ({why})")) };
    }

    fn uncertain(&mut self, at: usize, why: &str, now: Timestamp, fx: &mut Effects) {
        self.say(at, now, LineKind::Uncertain, None, why, fx);
        fx.ask = Some(format!("uncertain whether it was done: {}", self.steps[at].spec.what));
        let text = format!("{why}. Look whether it was done: answer what you found, or begin the step again if it was not.");
        self.steps[at].state = StepState::Asking { why: Why::Uncertain, text: cut(&text) };
    }

    fn ask(&mut self, at: usize, why: Why, text: &str, now: Timestamp, fx: &mut Effects) {
        let kind = if why == Why::Failed { LineKind::Failed } else { LineKind::Asked };
        self.say(at, now, kind, None, text, fx);
        fx.ask.get_or_insert_with(|| self.steps[at].spec.what.clone());
        self.steps[at].state = StepState::Asking { why, text: cut(text) };
    }

    fn done(&mut self, at: usize, output: Map<String, Value>, by: Option<String>, now: Timestamp, fx: &mut Effects) {
        if by.is_none() {
            // Whoever reads the log sees what came of each step, in a sentence where the action has one.
            let text = output.get("text").map_or_else(|| told(&output), plain);
            self.say(at, now, LineKind::Done, None, &text, fx);
        }
        self.steps[at].output = output;
        self.steps[at].by = by;
        self.over(at, StepState::Done, now);
    }

    fn over(&mut self, at: usize, state: StepState, now: Timestamp) {
        let step = &mut self.steps[at];
        step.began_at.get_or_insert(now);
        (step.state, step.ended_at) = (state, Some(now));
    }

    fn end(&mut self, state: RunState, reason: &str, by: Option<String>, now: Timestamp, fx: &mut Effects) {
        (self.state, self.ended_at, self.reason) = (state, Some(now), cut(reason));
        fx.line(now, "", LineKind::Ended, by, reason);
    }

    fn say(&self, at: usize, now: Timestamp, kind: LineKind, by: Option<String>, text: &str, fx: &mut Effects) {
        fx.line(now, &self.steps[at].place, kind, by, text);
    }
}

impl Effects {
    pub(super) fn line(&mut self, at: Timestamp, place: &str, kind: LineKind, by: Option<String>, text: &str) {
        self.lines.push(Line { at, place: place.to_owned(), kind, by, text: cut(text) });
    }
}

/// A person has told support in Firedog's place, nobody of theirs has answered yet, and somebody is to be paged if nobody does.
fn is_told_by_hand(step: &RunStep, output: &Map<String, Value>) -> bool {
    let asked = matches!(step.state, StepState::Asking { .. }) && step.spec.uses.as_deref() == Some(TELL);
    let is = |name: &str| output.get(name) == Some(&Value::Bool(true));
    let otherwise = step.args.get("otherwise").and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
    asked && is("told") && !is("answered") && otherwise
}

/// Answers of a person, each of the kind that was asked for.
fn accept(questions: &[Question], values: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    let mut output = Map::new();
    if let Some(unknown) = values.keys().find(|name| *name != "note" && questions.iter().all(|q| q.name != **name)) {
        return Err(format!("`{unknown}` was not asked"));
    }
    for question in questions {
        let Some(value) = values.get(&question.name).filter(|value| !value.is_null() && **value != "") else {
            if question.required {
                return Err(format!("`{}` has to be answered ({})", question.name, question.kind.words()));
            }
            continue;
        };
        let fits = match (&question.kind, value) {
            (AskedKind::Text, Value::String(text)) => text.chars().count() <= MAX_TEXT,
            (AskedKind::Number, Value::Number(_)) | (AskedKind::Bool, Value::Bool(_)) => true,
            (AskedKind::Words(words), Value::String(word)) => words.contains(word),
            _ => false,
        };
        if !fits {
            return Err(format!("`{}` is {}", question.name, question.kind.words()));
        }
        output.insert(question.name.clone(), value.clone());
    }
    if let Some(note) = values.get("note").and_then(Value::as_str).filter(|note| !note.is_empty()) {
        output.insert("note".to_owned(), Value::String(cut(note)));
    }
    Ok(output)
}

impl AskedKind {
    fn words(&self) -> String {
        match self {
            Self::Text => format!("a text of at most {MAX_TEXT} characters"),
            Self::Number => "a number".to_owned(),
            Self::Bool => "yes or no".to_owned(),
            Self::Words(words) => format!("one of {}", words.join(", ")),
        }
    }
}

fn told(output: &Map<String, Value>) -> String {
    output.iter().map(|(name, value)| format!("{name}: {}", plain(value))).collect::<Vec<_>>().join(", ")
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(super) fn cut(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_TEXT).collect()
}
