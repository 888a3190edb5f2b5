//! Telling support, before anything is known and as it becomes known; paging them if nobody of theirs answers.

use super::{Call, done};
use crate::ops::run::BY_ALERT;
use firedog_connectors::call::CallError;
use firedog_connectors::slack::{Message, Mrkdwn, Posted, Slack, Ts};
use firedog_domain::runbook::actions::Effect;
use firedog_domain::runbook::advance::TOLD_AT;
use firedog_domain::runbook::run::{Choice, Member, Progress, RunState, RunStep, StepState, Watching};
use firedog_domain::runbook::sequel::SequelKind;
use firedog_domain::setup::ConnectionKind;
use firedog_domain::time::{after, mins, secs};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// How long support has to answer where a step does not say.
const ANSWER_WITHIN: SignedDuration = mins(10);
/// Between two looks into the thread, in milliseconds.
const LOOK_MS: i64 = 10_000;
/// The longest between two looks at a clock.
const MOST_MS: i64 = 60_000;
/// What a person says of those whom they have told.
const ANSWERED: &str = "answered";
/// What is remembered once they know that the run has ended before its time.
const STOPPED: &str = "stopped";
/// There may be more to say.
const SOON_MS: i64 = 1_000;

/// In which others may fail as well: a part of the half minute that support waits at most for the first notice.
const A_MOMENT: SignedDuration = secs(15);
/// Between two messages of how many fail.
const MEMBERS_EVERY: SignedDuration = mins(1);
/// A first notice that was on its way, or whose answer was lost, has arrived by then, or never does.
const LATE: SignedDuration = mins(2);
/// After the end of a watch, with the time that it is given to be told of itself.
const TELL_WITHIN: SignedDuration = mins(60);
/// Looking whether it was said twice.
const LOOK_WITHIN: Duration = Duration::from_secs(5);
/// Codes listed in a message.
const MAX_CODES: usize = 30;

/// What is remembered between two looks.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Thread {
    room: String,
    channel: String,
    ts: Ts,
    since: Timestamp,
    until: Timestamp,
    /// Places of the steps whose findings stand in the thread, and names of the ends.
    #[serde(default)]
    told: Vec<String>,
    #[serde(default)]
    answered_by: Option<String>,
    #[serde(default)]
    paged: Option<String>,
    /// How many institutions stand in the thread, and since when.
    #[serde(default)]
    members: usize,
    #[serde(default)]
    members_at: Option<Timestamp>,
    /// Institutions whose own threads have been told that it goes on here.
    #[serde(default)]
    moved: Vec<String>,
    /// An earlier request of the first notice may still arrive.
    #[serde(default)]
    twice_until: Option<Timestamp>,
}

impl Call<'_> {
    pub(super) async fn tell_support(&self) -> Result<Progress, CallError> {
        let by_hand = self.act.call.memo.get(TOLD_AT).and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok());
        if let Some(told) = by_hand.filter(|_| self.run.is_open()) {
            return Ok(self.told_by_hand(told).await);
        }
        let slack = self.connected.slack(self.setup)?;
        let is_over = !self.run.is_open() || self.run.at(&self.act.place).is_some_and(|at| self.run.steps[at].is_over());
        match serde_json::from_value::<Thread>(self.act.call.memo.clone()) {
            Ok(thread) if is_over => self.tell_end(&slack, thread).await,
            Err(_) if is_over => Ok(done(json!({ "text": "they had not been told yet" }))),
            Ok(thread) => self.follow(&slack, thread).await,
            Err(_) => self.open(&slack).await,
        }
    }

    /// A person has told them, somewhere that Firedog does not see; only a person can say that they have answered.
    async fn told_by_hand(&self, told: Timestamp) -> Progress {
        let until = after(told, self.length("answer_within", ANSWER_WITHIN));
        let note = self.act.call.memo.get("note").cloned().unwrap_or_default();
        let ended = |answered: bool, paged: &str, text: &str| {
            let mut output = json!({ "text": text, "told": true, "answered": answered, "paged": paged });
            if !note.is_null() {
                output["note"] = note.clone();
            }
            done(output)
        };
        if self.act.call.choice.as_deref() == Some(ANSWERED) {
            return ended(true, "", "told by hand, and they have answered");
        }
        if self.now < until {
            let left_ms = i64::try_from(until.duration_since(self.now).as_millis()).unwrap_or(LOOK_MS);
            let choice = Choice { id: ANSWERED.to_owned(), text: "Somebody of theirs has answered".to_owned() };
            return Progress::Waiting {
                memo: self.act.call.memo.clone(),
                effect: Effect::Keyed,
                after_ms: left_ms.min(MOST_MS),
                text: format!("told by hand; without an answer by {until:.0}, {} is done", self.text("otherwise")),
                choices: vec![choice],
            };
        }
        let Some(team) = self.text("otherwise").strip_prefix("page ").map(str::trim) else {
            return ended(false, "", "told by hand; nobody has answered");
        };
        match self.page_team(team, &format!("{}: nobody has answered", self.run.title)).await {
            Ok(alert) => ended(false, &alert, "told by hand; nobody answered, so they are paged"),
            Err(progress) => progress,
        }
    }

    fn room(&self) -> Option<&str> {
        let named = Some(self.text("room")).filter(|room| !room.is_empty());
        let of_setup = || self.setup.connection(ConnectionKind::Slack)?.room.as_deref();
        named.or_else(|| self.institution("room")).or_else(of_setup)
    }

    /// The first notice, with what is verified so far: within half a minute of the alert, after a moment for others to fail as well.
    async fn open(&self, slack: &Slack) -> Result<Progress, CallError> {
        let ready = after(self.run.started_at, A_MOMENT);
        if self.run.started_by == BY_ALERT && self.run.members.is_empty() && self.now < ready {
            let after_ms = i64::try_from(ready.duration_since(self.now).as_millis()).unwrap_or(LOOK_MS);
            let text = "a moment, whether others fail as well".to_owned();
            return Ok(Progress::Waiting { memo: json!(null), effect: Effect::Keyed, after_ms, text, choices: Vec::new() });
        }
        let Some(room) = self.room() else {
            let reason = "nobody says where support reads: set `room` of the institution or of the connection".to_owned();
            return Ok(Progress::Failed { reason, again: false });
        };
        let within = self.length("answer_within", ANSWER_WITHIN);
        let since = self.run.started_at;
        let alert_since =
            self.run.inputs.get("alert").and_then(|alert| alert.get("created_at")?.as_str()?.parse::<Timestamp>().ok());
        let given = self.text("text");
        let mut text = Mrkdwn::new().bold(&self.run.title);
        match (self.institution("code"), self.run.members.len()) {
            (Some(code), 0) => text = text.plain(" (institution ").code(code).plain(")"),
            (Some(_), others) => {
                text = text.plain(&format!(" ({} institutions: ", others + 1)).code(&self.codes()).plain(")");
            }
            (None, _) => {}
        }
        text = match given {
            "" => text.plain(": not yet verified, we are looking. Since ").time(alert_since.unwrap_or(since)),
            given => text.plain(": ").plain(given).plain(" Since ").time(alert_since.unwrap_or(since)),
        };
        text = text.plain(". Next update by ").time(after(self.now, within)).plain(". ").link(&self.link(), "What we are doing");
        let posted = slack.post_once(room, None, &Message::of(text), &self.act.call.key, since).await?;
        let posted = if self.act.call.again { self.keep_one(slack, posted, since).await } else { posted };
        let thread = Thread {
            room: room.to_owned(),
            channel: posted.channel,
            ts: posted.ts,
            since: self.now,
            until: after(self.now, within),
            told: Vec::new(),
            answered_by: None,
            paged: None,
            members: self.run.members.len(),
            members_at: Some(self.now),
            moved: Vec::new(),
            twice_until: self.act.call.again.then(|| after(self.now, LATE)),
        };
        Ok(self.again(&thread, format!("told in {room}")))
    }

    /// Of the institutions that the run is for.
    fn codes(&self) -> String {
        let own = self.institution("code").into_iter();
        let all: Vec<&str> = own.chain(self.run.members.iter().map(|member| member.code.as_str())).collect();
        let more = all.len().saturating_sub(MAX_CODES);
        let listed = all[..all.len().min(MAX_CODES)].join(", ");
        if more == 0 { listed } else { format!("{listed} and {more} more") }
    }

    fn soon(&self, thread: &Thread, text: String) -> Progress {
        Progress::Waiting { memo: json!(thread), effect: Effect::Keyed, after_ms: SOON_MS, text, choices: Vec::new() }
    }

    fn again(&self, thread: &Thread, text: String) -> Progress {
        Progress::Waiting { memo: json!(thread), effect: Effect::Keyed, after_ms: LOOK_MS, text, choices: Vec::new() }
    }

    /// An earlier request, whose answer was lost, may have arrived after all. That it is said twice is no reason to tell nothing.
    /// Nor is it a reason to keep their clock waiting.
    async fn keep_one(&self, slack: &Slack, posted: Posted, since: Timestamp) -> Posted {
        let kept = slack.keep_one(posted.clone(), None, &self.act.call.key, since);
        match tokio::time::timeout(LOOK_WITHIN, kept).await {
            Ok(Ok(kept)) => return kept,
            Ok(Err(error)) => tracing::debug!(error = error.reason(), "whether support was told twice could not be looked at"),
            Err(_) => tracing::debug!("whether support was told twice could not be looked at in time"),
        }
        posted
    }

    /// Findings go into the thread as they come; an answer of theirs stops the clock, and its end pages them.
    async fn follow(&self, slack: &Slack, mut thread: Thread) -> Result<Progress, CallError> {
        if thread.twice_until.is_some_and(|until| self.now < until) {
            let posted = Posted { channel: thread.channel.clone(), ts: thread.ts.clone() };
            Posted { channel: thread.channel, ts: thread.ts } = self.keep_one(slack, posted, self.run.started_at).await;
        }
        for step in self.run.steps.iter().filter(|step| step.place != self.act.place) {
            if thread.told.contains(&step.place) {
                continue;
            }
            if let Some(finding) = finding(step) {
                let key = format!("{}/{}", self.act.call.key, step.place);
                slack
                    .post_once(&thread.channel, Some(&thread.ts), &Message::of(Mrkdwn::new().plain(&finding)), &key, thread.since)
                    .await?;
                thread.told.push(step.place.clone());
                // One message per look: each is remembered before the next.
                return Ok(self.soon(&thread, format!("told in {}: {finding}", thread.room)));
            }
        }
        // A watch may be over before they have answered.
        if self.tell_next_end(slack, &mut thread).await? {
            return Ok(self.soon(&thread, format!("told in {}", thread.room)));
        }
        let moved = |member: &&Member| member.notice.is_some() && !thread.moved.contains(&member.institution);
        if let Some(member) = self.run.members.iter().find(moved) {
            let institution = member.institution.clone();
            if !self.tell_moved(slack, member).await? {
                return Ok(self.again(&thread, format!("told in {}", thread.room)));
            }
            thread.moved.push(institution);
            return Ok(self.soon(&thread, format!("told in {}", thread.room)));
        }
        let more = self.run.members.len();
        if more > thread.members && thread.members_at.is_none_or(|at| after(at, MEMBERS_EVERY) <= self.now) {
            let text = Mrkdwn::new().plain(&format!("Now {} institutions fail: ", more + 1)).code(&self.codes());
            let key = format!("{}/members/{more}", self.act.call.key);
            slack.post_once(&thread.channel, Some(&thread.ts), &Message::of(text), &key, thread.since).await?;
            (thread.members, thread.members_at) = (more, Some(self.now));
            return Ok(self.again(&thread, format!("told in {}", thread.room)));
        }
        if thread.answered_by.is_none() {
            thread.answered_by = self.answer(slack, &thread).await?;
        }
        if thread.answered_by.is_none()
            && thread.paged.is_none()
            && thread.until <= self.now
            && let Some(team) = self.text("otherwise").strip_prefix("page ").map(str::trim)
        {
            let message = format!("{}: nobody has answered in {}", self.run.title, thread.room);
            match self.page_team(team, &message).await {
                Ok(alert) => thread.paged = Some(alert),
                Err(progress) => return Ok(progress),
            }
            return Ok(self.again(&thread, format!("nobody has answered; {team} are paged")));
        }
        let others = self.run.steps.iter().filter(|step| step.place != self.act.place);
        let is_last = others.clone().all(RunStep::is_over);
        let settled = thread.answered_by.is_some() || thread.until <= self.now;
        if !(is_last && settled) {
            let text = match &thread.answered_by {
                Some(user) => format!("answered by {user} in {}", thread.room),
                None => format!("told in {}", thread.room),
            };
            return Ok(self.again(&thread, text));
        }
        let text = match (&thread.answered_by, &thread.paged) {
            (Some(user), _) => format!("told in {}, answered by {user}", thread.room),
            (None, Some(_)) => format!("told in {}; nobody answered, so they are paged", thread.room),
            (None, None) => format!("told in {}; nobody has answered", thread.room),
        };
        let output = json!({
            "text": text, "told": true, "room": thread.room, "answered": thread.answered_by.is_some(),
            "by": thread.answered_by.clone().unwrap_or_default(), "paged": thread.paged.clone().unwrap_or_default(),
        });
        let Some(until) = self.run.watched_until() else { return Ok(done(output)) };
        let text = format!("{} is told how the watch ends", thread.room);
        let until = after(until, TELL_WITHIN);
        let watch = Watching { kind: SequelKind::Tell, memo: json!(thread), until, after_ms: 0, text };
        Ok(Progress::Watch { output: output.as_object().cloned().unwrap_or_default(), watch })
    }

    /// What is to be told once nobody waits for an answer any more: that the run has ended before its time, and how watches end.
    async fn tell_end(&self, slack: &Slack, mut thread: Thread) -> Result<Progress, CallError> {
        let told = match self.tell_next_end(slack, &mut thread).await {
            Ok(true) => return Ok(self.soon(&thread, format!("told in {}", thread.room))),
            Ok(false) => format!("told in {} how it ended", thread.room),
            // Nobody reads a thread that is gone.
            Err(error @ (CallError::Missing { .. } | CallError::Conflict { .. } | CallError::Rejected { .. })) => {
                format!("not told in {} how it ended: {}", thread.room, error.reason())
            }
            Err(error) => return Err(error),
        };
        match self.run.watched_until() {
            // The end of the watch makes it due; this is for one that is never told of.
            Some(until) => {
                let after_ms = i64::try_from(until.duration_since(self.now).as_millis()).unwrap_or(LOOK_MS).max(LOOK_MS);
                let text = format!("{} is told how the watch ends", thread.room);
                Ok(Progress::Waiting { memo: json!(thread), effect: Effect::Keyed, after_ms, text, choices: Vec::new() })
            }
            None => Ok(done(json!({ "text": told }))),
        }
    }

    /// Tells one of the ends that have not been told yet. Each is remembered before the next.
    async fn tell_next_end(&self, slack: &Slack, thread: &mut Thread) -> Result<bool, CallError> {
        let stopped = match self.run.state {
            RunState::Cancelled | RunState::Overdue => {
                Some((STOPPED.to_owned(), format!("We have stopped: {}", self.run.reason)))
            }
            _ => None,
        };
        let watches = self.run.steps.iter().filter_map(|step| Some((step, step.sequel.as_ref()?)));
        let ended = watches.filter(|(_, sequel)| sequel.kind == SequelKind::Watch && !sequel.is_going());
        let ended = ended.map(|(step, sequel)| (format!("{}/end", step.place), format!("{}: {}", step.called(), sequel.text)));
        let Some((name, text)) = stopped.into_iter().chain(ended).find(|(name, _)| !thread.told.contains(name)) else {
            return Ok(false);
        };
        let key = format!("{}/{name}", self.act.call.key);
        let message = Message::of(Mrkdwn::new().plain(&text));
        slack.post_once(&thread.channel, Some(&thread.ts), &message, &key, thread.since).await?;
        thread.told.push(name);
        Ok(true)
    }

    /// The thread of a run that has joined this one says where it goes on. `false`: it is not there yet.
    async fn tell_moved(&self, slack: &Slack, member: &Member) -> Result<bool, CallError> {
        let Some(notice) = &member.notice else { return Ok(true) };
        let told = async {
            let ts = match notice.ts.as_deref().and_then(|ts| ts.parse::<Ts>().ok()) {
                Some(ts) => ts,
                // It was on its way when the runs became one.
                None => match slack.find(&notice.room, None, &notice.key, notice.since).await? {
                    Some(posted) => posted.ts,
                    None => return Ok(after(member.at, LATE) <= self.now),
                },
            };
            let text = Mrkdwn::new().plain("More institutions fail, and this goes on for all of them together: ");
            let text = text.link(&self.link(), "What we are doing");
            let key = format!("{}/moved", notice.key);
            slack.post_once(&notice.room, Some(&ts), &Message::of(text), &key, notice.since).await.map(|_| true)
        };
        match told.await {
            // A thread that is gone, or a room that is closed, holds up nobody.
            Err(
                CallError::Missing { .. }
                | CallError::Conflict { .. }
                | CallError::Rejected { .. }
                | CallError::Misconfigured { .. },
            ) => Ok(true),
            told => told,
        }
    }

    /// Somebody of the support group who has written into the thread. Without a group, anybody who is no program.
    async fn answer(&self, slack: &Slack, thread: &Thread) -> Result<Option<String>, CallError> {
        let replies = slack.replies(&thread.channel, &thread.ts, &thread.ts).await?;
        let people: Vec<String> =
            replies.replies.into_iter().filter(|reply| !reply.by_app).filter_map(|reply| reply.user).collect();
        if people.is_empty() {
            return Ok(None);
        }
        match self.setup.connection(ConnectionKind::Slack).and_then(|connection| connection.group.as_deref()) {
            None => Ok(people.into_iter().next()),
            Some(group) => {
                let members = slack.group_members(group).await?;
                Ok(people.into_iter().find(|user| members.contains(user)))
            }
        }
    }
}

/// What a step has found, in one sentence.
fn finding(step: &RunStep) -> Option<String> {
    let text = |name: &str| step.output.get(name).and_then(serde_json::Value::as_str).filter(|text| !text.is_empty());
    let told = match (&step.state, step.spec.uses.as_deref()) {
        (
            StepState::Done,
            Some(
                "logs.root_error" | "logs.blast_radius" | "net.probe" | "decide" | "service.recovered" | "service.restart"
                | "service.watch" | "service.deploys",
            ),
        ) => text("text").map(str::to_owned).or_else(|| text("state").map(str::to_owned))?,
        (StepState::Done, Some("vendor.case")) => match text("number") {
            Some(number) => format!("a case is open at the vendor: {number}"),
            None => "a case is open at the vendor; its number is not known yet".to_owned(),
        },
        _ => return None,
    };
    Some(format!("{}: {told}", step.spec.what))
}
