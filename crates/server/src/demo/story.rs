//! The story itself: what the demo does, waits for, and says.

use super::Town;
use super::setup::{PRIMARY, Person, SECONDARY, SERVICE, WAIT_S};
use crate::stage::firedog::Api;
use crate::stage::teller::{Teller, describe, table};
use anyhow::{Context, bail, ensure};
use firedog_town::{Mail, Probe, Prober, Received, Reported, Sink};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

const PROBE_EVERY: Duration = Duration::from_millis(500);
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
const PROBE_FAILURES: u32 = 3;

/// How often the demo looks at the alert; fast enough to read along, slow enough to cost nothing.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Every step that waits for no person takes seconds at most.
const STEP_WITHIN: Duration = Duration::from_secs(30);

/// Without new entries for so long, a timeline is complete.
const SETTLED_AFTER: Duration = Duration::from_secs(1);

/// How long the demo leaves the page alone before it acknowledges by itself.
const THINK: Duration = Duration::from_secs(3);
const REMIND_EVERY: Duration = Duration::from_secs(15);

/// Nobody watches any more.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// What has to happen, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Ready,
    Probed,
    Noticed,
    Alerted,
    Mailed,
    Hooked,
    Acknowledged,
    Healed,
    Resolved,
    Told,
    Shown,
    Theirs,
    Ours,
    Moved,
}

const STEPS: [(Step, &str); 14] = [
    (Step::Ready, "Firedog is ready"),
    (Step::Probed, "the prober sees the shop open"),
    (Step::Noticed, "the prober reports the outage"),
    (Step::Alerted, "Firedog opens an alert"),
    (Step::Mailed, "Ada is paged by e-mail, with a link"),
    (Step::Hooked, "Ada is paged by webhook, with a link"),
    (Step::Acknowledged, "somebody acknowledges"),
    (Step::Healed, "the prober reports the recovery"),
    (Step::Resolved, "the alert resolves"),
    (Step::Told, "Ada is told that it is over"),
    (Step::Shown, "the timeline is shown"),
    (Step::Theirs, "an outage of theirs is told from one of ours, with a case for their vendor"),
    (Step::Ours, "an outage of ours is mended by one restart per server, through a crash"),
    (Step::Moved, "the same file mends the same outage on Kubernetes"),
];

/// How far the story has come.
#[derive(Debug, Default)]
pub(super) struct Progress(BTreeSet<Step>);

impl Progress {
    pub(super) fn missing(&self) -> Vec<&'static str> {
        STEPS.iter().filter(|(step, _)| !self.0.contains(step)).map(|(_, words)| *words).collect()
    }
}

pub(super) struct Story<'a> {
    town: &'a Town,
    pub(super) api: Api,
    teller: &'a Teller,
    progress: &'a mut Progress,
    once: bool,
    prober: Option<Prober>,
    /// Of mails, webhooks and the timeline: how many have been told.
    mails: u64,
    hooks: u64,
    entries: usize,
}

impl<'a> Story<'a> {
    pub(super) fn new(town: &'a Town, api: Api, teller: &'a Teller, progress: &'a mut Progress, once: bool) -> Self {
        Self { town, api, teller, progress, once, prober: None, mails: 0, hooks: 0, entries: 0 }
    }

    /// From the open shop to the resolved alert.
    pub(super) async fn tell(&mut self, routing_key: &str) -> anyhow::Result<()> {
        self.done(Step::Ready);
        self.teller.say(&format!("Firedog is ready on {}.", self.api.url));
        self.teller.stress(&format!("The desk, signed in as {}: {}/demo", PRIMARY.name, self.api.url));
        self.teller.say(&format!("The shop is open on {}.", self.town.shop.url()));
        self.teller.say(&format!(
            "The mailbox of {} and {} is on {}.",
            PRIMARY.name,
            SECONDARY.name,
            self.town.mailbox.web_url()
        ));

        self.watch_the_shop(routing_key).await?;
        let id = self.break_the_shop().await?;
        let ack_url = self.wait_for_the_page().await?;
        self.wait_for_somebody(&id, &ack_url).await?;
        self.heal_the_shop().await?;
        self.wait_for_the_end(&id).await
    }

    /// Leaves everything up, and goes on telling which mails come.
    pub(super) async fn keep_open(&mut self) -> anyhow::Result<()> {
        let (firedog, token, shop) = (&self.api.url, &self.api.token, self.town.shop.url());
        self.teller.stress("The demo stays up until Ctrl-C. Break the shop again, and look around:");
        self.teller.say(&format!("  curl -X POST {shop}/break"));
        self.teller.say(&format!("  export FIREDOG_SERVER={firedog} FIREDOG_TOKEN={token}"));
        self.teller.say("  firedog alert list");
        self.teller.say(&format!("  firedog simulate --service {SERVICE} --silent {}", PRIMARY.id));
        self.teller.say(&format!("  curl -X POST {shop}/heal"));
        loop {
            self.tell_what_arrived();
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn watch_the_shop(&mut self, routing_key: &str) -> anyhow::Result<()> {
        let probe = Probe {
            name: SERVICE.to_owned(),
            url: self.town.shop.url() + "/health",
            every: PROBE_EVERY,
            timeout: PROBE_TIMEOUT,
            failures: PROBE_FAILURES,
        };
        let sink = Sink { url: self.api.url.clone(), routing_key: routing_key.to_owned() };
        let prober = self.prober.insert(Prober::start(probe, sink));
        let well = prober.wait_for(|seen| seen.probes >= 2 && seen.failure.is_none(), STEP_WITHIN).await;
        ensure!(well.is_some(), "the prober does not see the shop open");
        self.done(Step::Probed);
        self.teller.say("A prober asks the shop twice a second whether it is well, and so far it is.");
        Ok(())
    }

    /// Answers the id of the alert that comes of it.
    async fn break_the_shop(&mut self) -> anyhow::Result<String> {
        self.teller.say("The demo breaks the shop: from now on it answers 500.");
        self.town.shop.break_down();
        self.wait_for_report(Reported::Trigger).await?;
        self.done(Step::Noticed);
        self.teller.say(&format!("The prober noticed after {PROBE_FAILURES} failures in a row, and Firedog took its event."));

        let deadline = Instant::now() + STEP_WITHIN;
        let alert = loop {
            if let Some(alert) = self.api.open_alert(&format!("probe/{SERVICE}")).await? {
                break alert;
            }
            ensure!(Instant::now() < deadline, "Firedog opened no alert");
            tokio::time::sleep(LOOK_EVERY).await;
        };
        self.done(Step::Alerted);
        let id = alert["id"].as_str().context("the alert has no `id`")?.to_owned();
        self.teller.say(&format!("Firedog opened alert {id}: {}", alert["summary"].as_str().unwrap_or_default()));
        Ok(id)
    }

    /// Answers the link that acknowledges.
    async fn wait_for_the_page(&mut self) -> anyhow::Result<String> {
        let firedog = self.api.url.clone();
        let for_primary = |mail: &Mail| is_to(mail, &PRIMARY) && mail.links().iter().any(|link| link.starts_with(&firedog));
        let mail = self.town.mailbox.wait_for(for_primary, STEP_WITHIN).await;
        let mail = mail.with_context(|| format!("no mail with a link came to {}", PRIMARY.name))?;
        self.done(Step::Mailed);

        let to_primary = |request: &Received| request.path == format!("/{}", PRIMARY.id) && ack_url(request).is_some();
        let hook = self.town.inbox.wait_for(to_primary, STEP_WITHIN).await;
        let hook = hook.with_context(|| format!("no webhook with an `ack_url` came for {}", PRIMARY.name))?;
        self.done(Step::Hooked);
        let reason = hook.json().ok().and_then(|page| page["reason"].as_str().map(str::to_owned)).unwrap_or_default();
        self.teller.say(&format!("Firedog paged {} by e-mail and webhook, because: {reason}", PRIMARY.name));
        self.tell_what_arrived();
        let link = ack_url(&hook).context("the webhook has no `ack_url`")?;
        ensure!(!mail.text.is_empty(), "the mail has no plain text part");
        Ok(link)
    }

    async fn wait_for_somebody(&mut self, id: &str, ack_url: &str) -> anyhow::Result<()> {
        let started = Instant::now();
        self.teller.stress(&format!("Read the page on {} and press the button behind its link,", self.town.mailbox.web_url()));
        self.teller.stress(&format!("or acknowledge here: {ack_url}"));
        self.teller.say(&match self.once {
            true => format!("Told to run without a person, the demo acknowledges by itself in {} s.", THINK.as_secs()),
            false => format!("Left alone, the page goes to {} after {WAIT_S} s, and on until somebody has it.", SECONDARY.name),
        });
        let mut remind_at = started + REMIND_EVERY;
        let mut acknowledge_at = self.once.then_some(started + THINK);
        loop {
            let alert = self.look_at(id).await?;
            self.tell_what_arrived();
            if alert["state"] != "triggered" {
                break;
            }
            let now = Instant::now();
            if acknowledge_at.is_some_and(|at| now >= at) {
                acknowledge_at = None;
                self.acknowledge(id, ack_url).await?;
            } else if now >= remind_at {
                remind_at = now + REMIND_EVERY;
                self.teller.stress(&format!("Still nobody. Acknowledge here: {ack_url}"));
            }
            ensure!(now < started + PATIENCE, "nobody acknowledged within {} minutes", PATIENCE.as_secs() / 60);
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.done(Step::Acknowledged);
        self.teller.say("Somebody has it: nobody else will be paged for it.");
        Ok(())
    }

    /// Does what a person would do: opens the link, which changes nothing, and presses the button.
    async fn acknowledge(&self, id: &str, ack_url: &str) -> anyhow::Result<()> {
        let shown = self.api.client.get(ack_url).send().await.context("the link does not open")?;
        ensure!(shown.status().is_success(), "the link is answered with {}", shown.status());
        ensure!(self.api.alert(id).await?["state"] == "triggered", "only looking at the page changed the alert");
        let pressed = self.api.client.post(ack_url).form(&[("action", "acknowledge")]).send().await?;
        ensure!(pressed.status().is_success(), "the button is answered with {}", pressed.status());
        self.teller.say("The demo opened the link and pressed the button.");
        Ok(())
    }

    async fn heal_the_shop(&mut self) -> anyhow::Result<()> {
        self.teller.say("The demo heals the shop.");
        self.town.shop.heal();
        self.wait_for_report(Reported::Resolve).await?;
        self.done(Step::Healed);
        self.teller.say("The prober sees it well again, and says so to Firedog.");
        Ok(())
    }

    async fn wait_for_the_end(&mut self, id: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + STEP_WITHIN;
        while self.look_at(id).await?["state"] != "resolved" {
            ensure!(Instant::now() < deadline, "the alert did not resolve");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.done(Step::Resolved);
        self.teller.say("The alert is resolved.");

        let is_over = |request: &Received| {
            request.path == format!("/{}", PRIMARY.id) && request.json().is_ok_and(|page| page["kind"] == "resolved")
        };
        ensure!(self.town.inbox.wait_for(is_over, STEP_WITHIN).await.is_some(), "{} was not told that it is over", PRIMARY.name);
        self.done(Step::Told);

        self.let_it_settle(id).await?;
        self.tell_what_arrived();
        self.teller.say("Its whole timeline, as the demo got it from the API:");
        let alert = self.look_at(id).await?;
        let timeline = alert["timeline"].as_array().context("the alert has no `timeline`")?;
        ensure!(!timeline.is_empty(), "the timeline is empty");
        self.teller.say(&table(timeline));
        self.done(Step::Shown);
        Ok(())
    }

    /// After the last chapter.
    pub(super) fn end(&self) {
        self.teller
            .say("That was the demo. `firedog demo --keep` leaves it up to play with; the README leads to your own first alert.");
    }

    /// The last notifications may still be on their way into the timeline: waits until nothing has come for a while.
    async fn let_it_settle(&mut self, id: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + STEP_WITHIN;
        let mut quiet_since = Instant::now();
        while quiet_since.elapsed() < SETTLED_AFTER && Instant::now() < deadline {
            let before = self.entries;
            self.look_at(id).await?;
            if self.entries > before {
                quiet_since = Instant::now();
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    async fn wait_for_report(&self, reported: Reported) -> anyhow::Result<()> {
        let prober = self.prober.as_ref().context("the prober is not there yet")?;
        let settled = prober.wait_for(|seen| seen.reported == reported || seen.given_up > 0, STEP_WITHIN).await;
        match (settled, prober.seen().sink_failure) {
            (Some(seen), _) if seen.reported == reported => Ok(()),
            (_, Some(failure)) => bail!("Firedog did not take the prober's event: {failure}"),
            (_, None) => bail!("the prober did not report in time"),
        }
    }

    /// The alert; what is new in its timeline is told.
    async fn look_at(&mut self, id: &str) -> anyhow::Result<Value> {
        let alert = self.api.alert(id).await?;
        let timeline = alert["timeline"].as_array().map(Vec::as_slice).unwrap_or_default();
        for entry in timeline.iter().skip(self.entries) {
            self.teller.note(&format!("  timeline: {}", describe(entry)));
        }
        self.entries = self.entries.max(timeline.len());
        Ok(alert)
    }

    /// The mails and webhooks that came since the last time.
    fn tell_what_arrived(&mut self) {
        let (mails, hooks) = (self.mails, self.hooks);
        for mail in self.town.mailbox.mails().into_iter().filter(|mail| mail.id > mails) {
            self.mails = mail.id;
            self.teller.note(&format!("  mail to {}: {}", mail.to.join(", "), mail.subject));
        }
        for request in self.town.inbox.received().into_iter().filter(|request| request.id > hooks) {
            self.hooks = request.id;
            let page = request.json().unwrap_or_default();
            let kind = page["kind"].as_str().unwrap_or("something else");
            self.teller.note(&format!("  webhook to {}: {kind}", request.path));
            // The secondary's own link, so that whoever watches can answer in her place.
            if let Some(link) = ack_url(&request).filter(|_| kind == "page" && request.path == format!("/{}", SECONDARY.id)) {
                self.teller.stress(&format!("{} can acknowledge here: {link}", SECONDARY.name));
            }
        }
    }

    pub(super) fn done(&mut self, step: Step) {
        self.progress.0.insert(step);
    }
}

fn is_to(mail: &Mail, person: &Person) -> bool {
    mail.to.iter().any(|to| to == person.email)
}

fn ack_url(request: &Received) -> Option<String> {
    Some(request.json().ok()?["ack_url"].as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_missing_in_order() {
        let mut progress = Progress::default();
        assert_eq!(progress.missing().len(), STEPS.len());
        for (step, words) in STEPS {
            assert_eq!(progress.missing().first(), Some(&words));
            progress.0.insert(step);
        }
        assert!(progress.missing().is_empty());
    }
}
