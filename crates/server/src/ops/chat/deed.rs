//! What is done: paging, starting a run, taking an alert.

use super::{Typed, instead, short, words};
use crate::app::App;
use crate::ops::{Error, Result, alerts, rights, run};
use firedog_connectors::slack::{Mrkdwn, Slack};
use firedog_domain::alert::{Alert, EntryKind, State};
use firedog_domain::id::{AlertId, UserId};
use firedog_domain::runbook::{Need, Runbook};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::time::Duration;

/// Slack takes a later answer for 30 minutes.
const WATCH: Duration = Duration::from_mins(25);
const WATCH_EVERY: Duration = Duration::from_secs(2);

impl Typed<'_> {
    pub(super) async fn page(&self, to: &str, message: &str) -> Result<Mrkdwn> {
        self.may_act()?;
        let name = self.name();
        let id = to.split_once(':').map_or(to, |(_, id)| id);
        let setup = self.setup;
        if id.is_empty() || message.is_empty() {
            let known = instead("", setup.teams.slugs());
            return Err(Error::Invalid(format!("say whom and why: `{name} page TEAM MESSAGE`; of teams {known}")));
        }
        if !setup.teams.contains(id) && !setup.users.contains(id) {
            let known: Vec<&str> = setup.teams.slugs().chain(setup.users.slugs()).collect();
            let near = firedog_domain::setup::diagnostic::nearest(id, known.iter().copied());
            let instead = near.map_or_else(|| instead("", setup.teams.slugs()), |near| format!("did you mean `{near}`?"));
            return Err(Error::NotFound(format!("there is neither a team nor a user `{}`; {instead}", short(id))));
        }
        let key = format!("slack/{}", self.command.trigger);
        let alert = alerts::page(self.app, to, message, None, Some(key), &self.caller).await?;
        self.note("chat.page", format!("alert:{}", alert.id)).await;
        self.watch(&alert);
        let text = Mrkdwn::new().plain("Paged ").bold(id).plain(": ");
        let text = text.link(&self.link(&format!("alerts/{}", alert.id)), &alert.summary).line();
        let text = match self.paged(&alert.id).await? {
            people if people.is_empty() => text.plain("Nobody could be paged at once; it goes on until somebody is."),
            people => text.plain(&format!("Being paged: {}.", people.join(", "))),
        };
        Ok(text.plain(" Who has it: ").code(&format!("{} show {}", self.name(), alert.id)))
    }

    /// Whom the first page goes to.
    async fn paged(&self, alert: &AlertId) -> Result<Vec<String>> {
        let shown = alerts::show(self.app, alert).await?;
        let of_page = |entry: &&firedog_domain::alert::Entry| entry.kind == EntryKind::Paged;
        let users: BTreeSet<&UserId> = shown.timeline.iter().filter(of_page).filter_map(|entry| entry.user.as_ref()).collect();
        Ok(users.into_iter().map(|user| self.name_of(user)).collect())
    }

    /// Whoever has paged is told who has it: a courtesy, which a restart ends. The app and `show` always know.
    fn watch(&self, alert: &Alert) {
        let Some(url) = self.command.response_url.clone() else { return };
        let Ok(room) = self.app.chat.watches.clone().try_acquire_owned() else { return };
        let (app, slack, id) = (self.app.clone(), self.slack.clone(), alert.id.clone());
        tokio::spawn(async move {
            let _ = tokio::time::timeout(WATCH, tell_who(&app, &slack, &id, &url)).await;
            drop(room);
        });
    }

    pub(super) async fn run(&self, rest: &str) -> Result<Mrkdwn> {
        self.may_act()?;
        let (id, rest) = words::first(rest);
        let setup = self.setup;
        let runbook = setup.runbooks.get(id).ok_or_else(|| {
            let instead = instead(id, setup.runbooks.slugs());
            match id {
                "" => Error::Invalid(format!("say which: `{} run RUNBOOK [NAME=VALUE ...]`; {instead}", self.name())),
                id => Error::NotFound(format!("there is no runbook `{}`; {instead}", short(id))),
            }
        })?;
        let takes = takes(runbook);
        let given: Map<String, Value> = words::pairs(rest)
            .map_err(|why| Error::Invalid(format!("{why}; {takes}")))?
            .into_iter()
            .map(|(name, value)| (name, Value::from(value)))
            .collect();
        let moved = run::start(self.app, id, &given, None, &self.caller).await.map_err(|error| match error {
            Error::Invalid(why) => Error::Invalid(format!("{why}. {takes}")),
            error => error,
        })?;
        self.note(if moved.joined { "chat.join" } else { "chat.run" }, format!("run:{}", moved.run.id)).await;
        let link = self.link(&format!("runs/{}", moved.run.id));
        let text = if moved.joined { "It runs already, since " } else { "Started: " };
        let text = Mrkdwn::new().plain(text);
        let text = if moved.joined { text.time(moved.run.started_at).plain(", and you have joined it: ") } else { text };
        Ok(text.link(&link, &moved.run.title))
    }

    pub(super) async fn ack(&self, id: &str) -> Result<Mrkdwn> {
        self.may_act()?;
        let alert = self.alert(id, "ack").await?;
        rights::on_alert(self.app, &self.caller, &alert.id).await?;
        let alert = alerts::acknowledge(self.app, &alert.id, self.caller.actor()).await?;
        self.note("chat.ack", format!("alert:{}", alert.id)).await;
        Ok(self.line(Mrkdwn::new(), &alert))
    }
}

/// What a runbook is told when it starts, in words.
fn takes(runbook: &Runbook) -> String {
    let one = |(name, need): (&String, &Need)| match need {
        Need::Required => format!("{name}=…"),
        Need::Optional => format!("[{name}=…]"),
    };
    let all: Vec<String> = runbook.inputs.iter().map(one).collect();
    if all.is_empty() { format!("{} takes nothing", runbook.id) } else { format!("{} takes {}", runbook.id, all.join(" ")) }
}

/// Waits until somebody has the alert, and says who.
async fn tell_who(app: &App, slack: &Slack, id: &AlertId, url: &str) {
    loop {
        tokio::time::sleep(WATCH_EVERY).await;
        let Ok(alert) = alerts::one(app, id).await else { continue };
        let text = match (alert.state, &alert.acknowledged_by) {
            (State::Triggered, _) => continue,
            (_, Some(user)) => {
                let scene = app.engine.scene().await;
                let name = scene.ok().and_then(|scene| Some(scene.world.setup.user(user)?.display_name().to_owned()));
                Mrkdwn::new().plain(&format!("{} has it: ", name.unwrap_or_else(|| user.to_string())))
            }
            (State::Acknowledged, None) => Mrkdwn::new().plain("Somebody has it: "),
            (State::Resolved, None) => Mrkdwn::new().plain("It is resolved: "),
        };
        let text = text.link(&format!("{}/alerts/{id}", app.links_base), &alert.summary);
        if let Err(error) = slack.respond(url, &text).await {
            tracing::debug!(error = error.reason(), "whoever has paged in Slack was not told who has it");
        }
        return;
    }
}
