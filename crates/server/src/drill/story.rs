//! The drill itself: what goes wrong, who is told, what people do about it, and when it is over.

use super::DrillOptions;
use super::cast::Subject;
use super::report::{ByHand, Decided, Deed, Paged, Report, Restarts};
use super::wrong::{Truth, Wrong};
use crate::stage::firedog::Api;
use crate::stage::teller::Teller;
use anyhow::ensure;
use firedog_domain::setup::Setup;
use firedog_town::slack::{SAM, SUPPORT_CHANNEL};
use firedog_town::weather::{Condition, Platform, SpellId};
use firedog_town::{Inbox, Mailbox, Town};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

pub(super) use crate::stage::teller::plain;

const LOOK_EVERY: Duration = Duration::from_millis(300);
/// It has been so for a while when it is noticed: logs and metrics tell of it at once.
const UNNOTICED: SignedDuration = SignedDuration::from_mins(16);
/// Whoever mends what is not ours has done so this long after it was decided.
const MENDED_AFTER: Duration = Duration::from_secs(15);
/// The same of what is ours, where it was decided to do something else than what helps.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(30);
/// An alert begins its run at once; a runbook for which this one does not count is started by hand.
const RUN_WITHIN: Duration = Duration::from_secs(10);
/// Calls a minute of whom it is about: enough to see within seconds whether they succeed again.
const BUSY: u32 = 240;
/// How long a person takes, where the drill plays them.
const THINK: Duration = Duration::from_secs(2);
const SUPPORT_TYPES: Duration = Duration::from_secs(20);

pub(super) struct Story<'a> {
    api: &'a Api,
    teller: &'a Teller,
    town: &'a Town,
    mailbox: &'a Mailbox,
    inbox: &'a Inbox,
    setup: &'a Setup,
    subject: &'a Subject,
    truth: Truth,
    wrong: Wrong,
    options: &'a DrillOptions,
    report: &'a mut Report,
    key: String,
    began: Instant,
    /// What is wrong, until it is mended.
    spells: Vec<SpellId>,
    is_mended: bool,
    alert: Option<String>,
    /// Of mails and webhooks: how many have been told.
    mails: u64,
    hooks: u64,
    /// Of the run's log.
    seq: i64,
    /// Steps that wait for a person, as they were told of: since when.
    asked: Vec<(String, Instant)>,
    thread: Option<(String, Instant)>,
    decided_at: Option<Instant>,
    /// Restarts in the town before the drill.
    by_hand: BTreeSet<String>,
}

impl<'a> Story<'a> {
    #[allow(clippy::too_many_arguments, reason = "the parts of the drill, each of them once")]
    pub(super) fn new(
        api: &'a Api,
        teller: &'a Teller,
        town: &'a Town,
        mailbox: &'a Mailbox,
        inbox: &'a Inbox,
        setup: &'a Setup,
        subject: &'a Subject,
        wrong: Wrong,
        options: &'a DrillOptions,
        report: &'a mut Report,
    ) -> Self {
        Self {
            api,
            teller,
            town,
            mailbox,
            inbox,
            setup,
            subject,
            truth: wrong.truth(),
            wrong,
            options,
            report,
            key: String::new(),
            began: Instant::now(),
            spells: Vec::new(),
            is_mended: false,
            alert: None,
            mails: 0,
            hooks: 0,
            seq: 0,
            asked: Vec::new(),
            thread: None,
            decided_at: None,
            by_hand: BTreeSet::new(),
        }
    }

    fn after_s(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Something goes wrong, and its alert fires.
    pub(super) async fn begin(&mut self, key: &str, invented: usize) -> anyhow::Result<()> {
        key.clone_into(&mut self.key);
        let Subject { service, institution, runbook, .. } = self.subject;
        let of = institution.as_ref().map(|id| format!(", institution `{id}`")).unwrap_or_default();
        let by =
            runbook.as_ref().map_or("no runbook: only paging is rehearsed".to_owned(), |book| format!("runbook `{}`", book.id));
        self.teller.say(&format!("Service `{service}`{of}; {by}."));
        if invented > 0 {
            self.teller.say(&format!(
                "{invented} invented neighbours stand beside your institutions, so that \"who else fails\" means something."
            ));
        }
        let connected: Vec<&str> = self.setup.connections.iter().map(|one| one.kind.as_str()).collect();
        match connected[..] {
            [] => self.teller.say(
                "Your setup connects nothing: every step is done by hand. --connected shows how it is with everything connected.",
            ),
            _ => self.teller.say(&format!("Doubles of what your setup connects: {}.", connected.join(", "))),
        }
        self.teller.stress(&format!("The desk: {}/demo (as somebody else: {}/demo?as=USER)", self.api.url, self.api.url));
        self.teller.say(&format!("Mails come to {}.", self.mailbox.web_url()));
        self.teller.say(&format!("In another terminal: export FIREDOG_SERVER={} FIREDOG_TOKEN={}", self.api.url, self.api.token));

        let weather = self.town.weather();
        let one = institution.clone().or_else(|| Some(weather.institutions().first()?.id.clone())).unwrap_or_default();
        let host = weather.institutions().into_iter().find(|found| found.id == one).map_or_else(String::new, |found| found.host);
        let from = weather.now().checked_sub(UNNOTICED).unwrap_or(Timestamp::MIN);
        weather.set_between(Condition::Traffic { institution: one.clone(), per_minute: BUSY }, Timestamp::MIN, None);
        let conditions = self.wrong.conditions(&one, &host, &weather.services());
        self.spells = conditions.into_iter().map(|condition| weather.set_between(condition, from, None)).collect();
        self.began = Instant::now();
        self.fire(None).await?;
        self.teller.stress(&format!("An alert fires: {}", self.summary()));
        Ok(())
    }

    fn summary(&self) -> String {
        match &self.subject.institution {
            Some(institution) => format!("calls of {institution} fail"),
            None => format!("calls through {} fail", self.subject.service),
        }
    }

    /// As Prometheus' Alertmanager sends it.
    async fn fire(&self, ends_at: Option<Timestamp>) -> anyhow::Result<()> {
        let mut alert = json!({ "labels": self.subject.labels, "annotations": { "summary": self.summary() } });
        if let Some(ends_at) = ends_at {
            alert["endsAt"] = json!(ends_at);
        }
        let url = format!("{}/in/{}/api/v2/alerts", self.api.url, self.key);
        let answer = self.api.client.post(url).json(&json!([alert])).send().await?;
        ensure!(answer.status().is_success(), "Firedog did not take the alert: {}", answer.status());
        Ok(())
    }

    /// Until it is over.
    pub(super) async fn follow(&mut self) -> anyhow::Result<()> {
        loop {
            self.tell_of_pages();
            self.watch_the_alert().await?;
            let run = self.the_run().await?;
            if let Some(run) = &run {
                self.tell_of_the_run(run).await?;
                self.play_the_people(run).await?;
            }
            self.play_support();
            self.count_restarts();
            self.mend_in_time(run.as_ref());
            self.report.took_s = self.after_s();
            if self.is_over(run.as_ref()) {
                // As its sender would, once calls succeed.
                self.fire(Some(self.town.weather().now())).await?;
                self.tell_of_pages();
                self.report.over();
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub(super) fn give_up(&mut self, why: &str) {
        self.report.took_s = self.after_s();
        self.report.mistakes.push(why.to_owned());
    }

    fn is_over(&self, run: Option<&Value>) -> bool {
        match run {
            Some(run) => run["state"] != "running" && self.report.acknowledged.is_some(),
            None => self.subject.runbook.is_none() && self.is_mended,
        }
    }

    fn tell_of_pages(&mut self) {
        for mail in self.mailbox.mails().into_iter().filter(|mail| mail.id > self.mails).collect::<Vec<_>>() {
            self.mails = mail.id;
            let to = mail.to.join(", ");
            let of_contact = |contact: &firedog_domain::setup::Contact| matches!(&contact.address, firedog_domain::setup::Address::Email(email) if mail.to.contains(email));
            let user =
                self.setup.users.iter().find(|user| user.contacts().iter().any(of_contact)).map(|user| user.id.to_string());
            self.paged(user.as_deref().unwrap_or(&to), "email", &mail.subject);
        }
        for hook in self.inbox.received().into_iter().filter(|hook| hook.id > self.hooks).collect::<Vec<_>>() {
            self.hooks = hook.id;
            let mut parts = hook.path.trim_start_matches('/').split('/');
            let (user, contact) = (parts.next().unwrap_or_default(), parts.next().unwrap_or("webhook"));
            self.paged(user, &format!("webhook ({contact})"), "");
        }
    }

    fn paged(&mut self, user: &str, how: &str, subject: &str) {
        self.teller.ring();
        self.teller.stress(format!("{user} is told by {how}: {subject}").trim_end_matches([':', ' ']));
        let is_known = self.report.paged.iter().any(|paged| paged.user == user && paged.how == how);
        if self.report.acknowledged.is_none() && !is_known {
            let after_s = self.after_s();
            self.report.paged.push(Paged { user: user.to_owned(), how: how.to_owned(), after_s });
        }
    }

    async fn watch_the_alert(&mut self) -> anyhow::Result<()> {
        let Some(id) = self.alert.clone() else {
            let list = self.api.get("/api/v1/alerts?state=triggered,acknowledged").await?;
            let ours = |alert: &&Value| alert["labels"] == json!(self.subject.labels);
            self.alert = list["items"]
                .as_array()
                .into_iter()
                .flatten()
                .find(ours)
                .and_then(|alert| alert["id"].as_str().map(str::to_owned));
            return Ok(());
        };
        if self.report.acknowledged.is_some() {
            return Ok(());
        }
        if self.options.alone
            && self.report.paged.first().is_some_and(|first| self.after_s() > first.after_s + THINK.as_secs_f64())
        {
            self.api.post_as(&self.player(), &format!("/api/v1/alerts/{id}/acknowledge"), &json!({})).await?;
        }
        let alert = self.api.alert(&id).await?;
        if alert["state"] != "triggered" {
            let by = alert["acknowledged_by"].as_str().unwrap_or("somebody with the token");
            let after_s = self.after_s();
            self.teller.stress(&format!("Acknowledged by {by}."));
            self.report.acknowledged = Some(Deed { by: by.to_owned(), after_s });
        }
        Ok(())
    }

    /// The run that the alert has begun; one whose condition does not hold for it is started by hand.
    async fn the_run(&mut self) -> anyhow::Result<Option<Value>> {
        let Some(book) = &self.subject.runbook else { return Ok(None) };
        if let Some(id) = &self.report.run {
            return self.api.get(&format!("/api/v1/runs/{id}")).await.map(Some);
        }
        let Some(alert) = &self.alert else { return Ok(None) };
        let runs = self.api.get("/api/v1/runs?open=true").await?;
        let ours = |run: &&Value| run["alert"] == alert.as_str() && run["runbook"] == book.id.as_str();
        let mut found = runs["items"].as_array().into_iter().flatten().find(ours).cloned();
        if found.is_none() && self.began.elapsed() > RUN_WITHIN {
            self.teller
                .say(&format!("The alert does not begin `{}` by itself (its `on` does not hold); the drill starts it.", book.id));
            let mut inputs = Map::new();
            if book.inputs.contains_key("service") {
                inputs.insert("service".to_owned(), json!(self.subject.service));
            }
            let body = json!({ "runbook": book.id, "inputs": inputs, "alert": alert });
            found = Some(self.api.post("/api/v1/runs", &body).await?);
        }
        if let Some(id) = found.as_ref().and_then(|run| run["id"].as_str()) {
            self.teller.stress(&format!("The runbook has begun: {}/runs/{id}", self.api.url));
            self.report.run = Some(id.to_owned());
        }
        Ok(found)
    }

    async fn tell_of_the_run(&mut self, run: &Value) -> anyhow::Result<()> {
        let id = run["id"].as_str().unwrap_or_default();
        let lines = self.api.get(&format!("/api/v1/runs/{id}/log?after={}", self.seq)).await?;
        for line in lines.as_array().into_iter().flatten() {
            self.seq = line["seq"].as_i64().unwrap_or(self.seq);
            let (kind, text) = (line["kind"].as_str().unwrap_or_default(), line["text"].as_str().unwrap_or_default());
            if !text.is_empty() {
                self.teller.note(&format!("  {} {}: {text}", line["place"].as_str().unwrap_or_default(), kind.replace('_', " ")));
            }
        }
        for step in run["steps"].as_array().into_iter().flatten() {
            let text = |name: &str| step["output"][name].as_str().unwrap_or_default().to_owned();
            if step["state"] != "done" {
                continue;
            }
            match step["uses"].as_str() {
                Some("decide") if self.report.decided.is_none() => {
                    let (owner, remedy) = (text("owner"), text("remedy"));
                    let verdict = self.truth.verdict(&owner, &remedy);
                    self.teller.stress(&format!("Decided: {owner}, {}.", remedy.replace('_', " ")));
                    let after_s = self.after_s();
                    self.report.decided = Some(Decided { owner, remedy, verdict, after_s });
                    self.decided_at = Some(Instant::now());
                }
                Some("service.recovered") if self.report.recovered.is_none() => {
                    let (state, after_s) = (text("state"), self.after_s());
                    self.teller.stress(&format!("Verified: {state}. {}", text("text")));
                    if state == "failing" {
                        self.report.mistakes.push("it still failed at the end".to_owned());
                    }
                    self.report.recovered = Some(Deed { by: state, after_s });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Tells of steps that wait for somebody; answers them where nobody plays along.
    async fn play_the_people(&mut self, run: &Value) -> anyhow::Result<()> {
        let id = run["id"].as_str().unwrap_or_default();
        for step in run["steps"].as_array().into_iter().flatten() {
            let (place, state) = (step["place"].as_str().unwrap_or_default(), step["state"].as_str().unwrap_or_default());
            let has_choices = step["choices"].as_array().is_some_and(|choices| !choices.is_empty());
            // A number that a vendor gives later is waited for meanwhile.
            let is_awaited = run["waits_for"].as_array().is_some_and(|all| all.iter().any(|one| one == place));
            if !(matches!(state, "asking" | "confirming") || has_choices || is_awaited) {
                continue;
            }
            // Asked again, it is another question.
            let text = step["text"].as_str().unwrap_or_default();
            let question = format!("{place} {state} {} {}", step["began_at"], step["plan"]["hash"]);
            let Some(since) = self.asked.iter().find(|(asked, _)| *asked == question).map(|(_, since)| *since) else {
                self.asked.push((question, Instant::now()));
                self.tell_of_a_question(run, step, text);
                continue;
            };
            if self.options.alone && since.elapsed() > THINK {
                let of = format!("/api/v1/runs/{id}/steps/{place}");
                let (deed, body) = match state {
                    "waiting" if !has_choices => ("answer", json!({ "values": self.answers(step) })),
                    "asking" => ("answer", json!({ "values": self.answers(step) })),
                    "confirming" => ("confirm", json!({ "hash": step["plan"]["hash"] })),
                    _ => ("choose", json!({ "choice": step["choices"][0]["id"] })),
                };
                // Somebody else may have been quicker.
                if let Err(error) = self.api.post_as(&self.player(), &format!("{of}/{deed}"), &body).await {
                    self.teller.note(&format!("  {error}"));
                }
            }
        }
        Ok(())
    }

    fn tell_of_a_question(&mut self, run: &Value, step: &Value, text: &str) {
        let (place, what) = (step["place"].as_str().unwrap_or_default(), step["do"].as_str().unwrap_or_default());
        let link = format!("{}/runs/{}", self.api.url, run["id"].as_str().unwrap_or_default());
        if step["state"] == "confirming" {
            self.teller.stress(&format!("Step {place} waits for a yes: {what}. {link}"));
            for line in step["plan"]["lines"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                self.teller.note(&format!("  | {line}"));
            }
            return;
        }
        self.teller.stress(&format!("Step {place} is for a person: {what}. {link}"));
        self.teller.note(&format!("  {text}"));
        let why = step["why"].as_str().unwrap_or("instruction");
        if step["state"] == "asking" && self.by_hand.insert(place.to_owned()) {
            self.report.by_hand.push(ByHand { place: place.to_owned(), what: what.to_owned(), why: why.to_owned() });
        }
    }

    /// Whom the drill plays: whoever was paged first.
    fn player(&self) -> String {
        let mut paged = self.report.paged.iter().map(|paged| paged.user.clone());
        paged.find(|user| self.setup.users.contains(user)).unwrap_or_default()
    }

    /// What somebody who looks would answer.
    fn answers(&self, step: &Value) -> Map<String, Value> {
        let questions = step["questions"].as_array().into_iter().flatten().filter(|question| question["required"] == true);
        let value = |question: &Value| {
            let name = question["name"].as_str().unwrap_or_default();
            let words = question["words"].as_array().filter(|words| !words.is_empty());
            let fits = |value: &Value| words.is_none_or(|words| words.contains(value));
            self.truth.found(name).filter(fits).unwrap_or_else(|| match (question["kind"].as_str(), words) {
                (_, Some(words)) => words[0].clone(),
                (Some("bool"), _) => json!(true),
                (Some("number"), _) => json!(0),
                _ => json!("drill"),
            })
        };
        questions.map(|question| (question["name"].as_str().unwrap_or_default().to_owned(), value(question))).collect()
    }

    /// Sam of support writes into the thread.
    fn play_support(&mut self) {
        let slack = self.town.slack();
        match &self.thread {
            None => {
                let opened = slack.said().into_iter().find(|said| said.channel == SUPPORT_CHANNEL && said.thread_ts.is_none());
                if let Some(said) = opened {
                    self.report.support_told_s = Some(self.after_s());
                    self.teller.note(&format!("  Slack: {}", said.text));
                    self.thread = Some((said.ts, Instant::now()));
                }
            }
            Some((ts, since)) => {
                let types = if self.options.alone { THINK } else { SUPPORT_TYPES };
                if !self.options.support_silent && self.report.support_answered_s.is_none() && since.elapsed() > types {
                    slack.say(SAM, SUPPORT_CHANNEL, Some(ts), "Thank you, we tell the branches.");
                    self.report.support_answered_s = Some(self.after_s());
                    self.teller.note("  Slack: Sam of support has answered.");
                }
            }
        }
    }

    fn count_restarts(&mut self) {
        let weather = self.town.weather();
        let times = |service| [Platform::Marathon, Platform::Kubernetes].map(|on| weather.restarts(on, service)).iter().sum();
        let all = weather.services().into_iter().map(|service| (service.name().to_owned(), times(service)));
        self.report.restarts = all.filter(|(_, times)| *times > 0).map(|(service, times)| Restarts { service, times }).collect();
    }

    /// Whoever it is up to mends it. What a restart of ours heals waits for that, unless something else was decided.
    fn mend_in_time(&mut self, run: Option<&Value>) {
        if self.is_mended {
            return;
        }
        let steps = || run.and_then(|run| run["steps"].as_array()).into_iter().flatten();
        let by_hand = steps().any(|step| step["uses"] == "service.restart" && step["state"] == "done" && step["by"].is_string());
        let chosen = self.report.decided.as_ref().is_some_and(|decided| decided.remedy == "restart");
        let looks = steps().any(|step| step["uses"] == "service.recovered" && step["state"] != "pending");
        let patience = if self.truth.restart { GIVEN_UP_AFTER } else { MENDED_AFTER };
        let since = self.decided_at.or_else(|| {
            // Nothing decides: from when somebody has it.
            let undecided = run.is_none() || !steps().any(|step| step["uses"] == "decide");
            self.report.acknowledged.as_ref().filter(|_| undecided).map(|deed| self.began + Duration::from_secs_f64(deed.after_s))
        });
        let due = since.is_some_and(|since| since.elapsed() > patience);
        let waits_for_a_restart = self.truth.restart && chosen;
        if by_hand || due && !waits_for_a_restart || waits_for_a_restart && looks {
            for spell in std::mem::take(&mut self.spells) {
                // What restarts heal is healed; clearing it then changes nothing but for whoever was not restarted.
                if !(waits_for_a_restart && looks && !by_hand) {
                    self.town.weather().clear(spell);
                }
            }
            self.is_mended = true;
            if !waits_for_a_restart {
                self.teller.say("Whoever it was up to has mended it. Whether calls succeed again, Firedog looks for itself.");
            }
        }
    }
}
