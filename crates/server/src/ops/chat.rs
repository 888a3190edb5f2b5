//! What somebody types or presses in Slack: who it is, whether it was taken already, and what is done. The same use cases as
//! everywhere, with the same rights; only the words are for a chat.

mod ask;
mod deed;
mod look;
mod words;

pub use ask::{ask, press};

use super::{Error, Result, record, sign_in};
use crate::app::App;
use crate::auth::{Caller, Role, Via, digest};
use firedog_connectors::slack::command::Command;
use firedog_connectors::slack::{Mrkdwn, Slack};
use firedog_domain::id::{ConnectionId, UserId};
use firedog_domain::setup::diagnostic::nearest;
use firedog_domain::setup::{Connection, ConnectionKind, Setup};
use firedog_store::idempotency::{self, Answer};
use firedog_store::{Op, Tx};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Commands that are being carried out at once; a team in trouble types a few.
const AT_ONCE: usize = 32;
/// Pages whose answer is waited for in the background. Beyond it whoever has paged looks for themselves.
const WATCHES: usize = 64;
/// What is asked for by whoever has typed a command.
const COMMANDS: [(&str, &str, &str); 8] = [
    ("oncall", "[SCHEDULE, TEAM or SERVICE]", "who is on call now"),
    ("page", "TEAM MESSAGE", "pages a team, or a person"),
    ("run", "RUNBOOK [NAME=VALUE ...]", "starts a runbook, or joins its open run"),
    ("runs", "", "the runs that are open"),
    ("ack", "ALERT", "takes an alert"),
    ("show", "ALERT", "how an alert is, and who has it"),
    ("alerts", "", "the alerts that are open"),
    ("help", "", "this"),
];
/// `/pd-TEAM MESSAGE` pages a team, where an app has such a command.
const ALIAS: &str = "/pd-";

/// Bounds of what chats may have going on.
pub struct Room {
    commands: Arc<Semaphore>,
    watches: Arc<Semaphore>,
}

impl Default for Room {
    fn default() -> Self {
        Self { commands: Arc::new(Semaphore::new(AT_ONCE)), watches: Arc::new(Semaphore::new(WATCHES)) }
    }
}

/// A command, with everything that carrying it out needs.
struct Typed<'a> {
    app: &'a App,
    setup: &'a Setup,
    slack: Arc<Slack>,
    command: &'a Command,
    caller: Caller,
}

/// The address that Slack is told to send commands to.
pub fn request_url(app: &App, connection: &Connection) -> String {
    format!("{}/chat/slack/{}", app.links_base, connection.id)
}

/// A connection of Slack that takes commands, with its signing secret. `None`: there is none of this name.
pub async fn door(app: &App, id: &str) -> Result<Option<(Connection, crate::secret::Secret)>> {
    let scene = app.engine.scene().await?;
    let found = scene.world.setup.connections.get(id).filter(|connection| connection.kind == ConnectionKind::Slack);
    Ok(found.and_then(|connection| Some((connection.clone(), app.connected.signing_secret(connection)?))))
}

/// Carries out a command, and answers within that time: what takes longer goes on, and is told when it is done.
pub async fn answer(app: &App, connection: Connection, command: Command, within: Duration) -> Mrkdwn {
    let (task, own, url) = (app.clone(), connection.clone(), command.response_url.clone());
    let mut work = tokio::spawn(async move { take(&task, &connection, &command).await });
    let failed = || Mrkdwn::new().plain("Firedog has a bug: this was not carried out to its end. Look in the app what was done.");
    if let Ok(done) = tokio::time::timeout(within, &mut work).await {
        return done.unwrap_or_else(|_| failed());
    }
    let app = app.clone();
    let link = app.links_base.clone();
    tokio::spawn(async move {
        let text = work.await.unwrap_or_else(|_| failed());
        if let (Some(url), Ok(slack)) = (url, app.connected.slack_of(&own))
            && let Err(error) = slack.respond(&url, &text).await
        {
            tracing::debug!(error = error.reason(), "a late answer to a command was not taken");
        }
    });
    Mrkdwn::new()
        .plain("This takes longer than Slack waits. It goes on, and you are told here; meanwhile look ")
        .link(&link, "in the app")
}

/// Whatever becomes of it is told in words.
async fn take(app: &App, connection: &Connection, command: &Command) -> Mrkdwn {
    let done = match app.chat.commands.clone().try_acquire_owned() {
        Ok(_room) => taken(app, connection, command).await,
        Err(_) => Err(Error::Busy),
    };
    done.unwrap_or_else(|error| told(&error))
}

fn told(error: &Error) -> Mrkdwn {
    match error {
        Error::Busy | Error::Unavailable(_) | Error::Broken(_) => {
            Mrkdwn::new().plain(&format!("{error}. Use the app or the command line, or try again in a moment."))
        }
        error => Mrkdwn::new().plain(&error.to_string()),
    }
}

async fn taken(app: &App, connection: &Connection, command: &Command) -> Result<Mrkdwn> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    let slack = app.connected.slack_of(connection).map_err(|error| Error::NotConnected(error.reason().to_owned()))?;
    let Some(user) = person(setup, &slack, &command.user).await? else { return Ok(stranger(&command.user)) };
    let Some(caller) = sign_in::caller_of(app, &user, Via::Chat).await? else { return Ok(stranger(&command.user)) };
    if !first_time(app, &connection.id, &command.trigger).await? {
        return Ok(Mrkdwn::new().plain("This command was taken already, and is not done twice. Type it again if you mean it."));
    }
    let typed = Typed { app, setup, slack, command, caller };
    typed.carry_out().await
}

/// Who of us it is: by their member id, else by their e-mail there.
async fn person(setup: &Setup, slack: &Slack, member: &str) -> Result<Option<UserId>> {
    if let Some(user) = setup.users.iter().find(|user| user.slack.as_deref() == Some(member)) {
        return Ok(Some(user.id.clone()));
    }
    let email = slack.email_of(member).await.map_err(|error| {
        Error::NotConnected(format!(
            "Slack does not tell who you are ({}). With `slack: {}` at your entry in the setup it needs not be asked; the app and the command line work meanwhile",
            error.reason(),
            member
        ))
    })?;
    let Some(email) = email.map(|email| email.to_lowercase()) else { return Ok(None) };
    // Whoever has a member id of their own is known by it alone.
    let has_it = |user: &&firedog_domain::setup::User| {
        user.slack.is_none() && user.email.as_ref().is_some_and(|own| own.to_lowercase() == email)
    };
    let mut found = setup.users.iter().filter(has_it);
    match (found.next(), found.next()) {
        (Some(user), None) => Ok(Some(user.id.clone())),
        // Two with one address: nobody can tell which of them it is.
        _ => Ok(None),
    }
}

fn stranger(member: &str) -> Mrkdwn {
    let text = Mrkdwn::new().plain("Firedog does not know you, so it does nothing for you. Whoever keeps its setup can write ");
    text.code(&format!("slack: {member}"))
        .plain(" into your entry under `users:`, or give it the e-mail address that you have in Slack.")
}

/// Whether this request has not been seen before, on whichever node. It is remembered before anything is done: a request that is
/// sent again by somebody who has overheard it does nothing.
async fn first_time(app: &App, connection: &ConnectionId, trigger: &str) -> Result<bool> {
    let scope = format!("slack/{connection}");
    Ok(app.engine.store().write(Seen { scope, key: digest(trigger), at: app.now() }).await?)
}

struct Seen {
    scope: String,
    key: String,
    at: Timestamp,
}

impl Op for Seen {
    type Out = bool;
    const NAME: &'static str = "chat_seen";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<bool> {
        let answer = Answer { at: self.at, request: String::new(), status: 200, body: String::new() };
        idempotency::put(tx, &self.scope, &self.key, &answer).await
    }
}

impl Typed<'_> {
    async fn carry_out(&self) -> Result<Mrkdwn> {
        let text = firedog_connectors::slack::typed(&self.command.text);
        if let Some(team) = self.command.name.strip_prefix(ALIAS) {
            return self.page(team, text.trim()).await;
        }
        let (word, rest) = words::first(&text);
        match word.to_lowercase().as_str() {
            "" | "help" => Ok(self.help()),
            "oncall" => self.oncall(rest).await,
            "page" => {
                let (to, message) = words::first(rest);
                self.page(to, message).await
            }
            "run" => self.run(rest).await,
            "runs" => self.runs().await,
            "ack" => self.ack(rest).await,
            "show" => self.show(rest).await,
            "alerts" => self.alerts().await,
            other => Err(Error::Invalid(format!("there is no command `{}`; {}", short(other), self.meant(other)))),
        }
    }

    fn meant(&self, word: &str) -> String {
        let name = self.name();
        match nearest(word, COMMANDS.iter().map(|(name, ..)| *name)) {
            Some(near) => format!("write `{name} {near}`, or `{name} help` for all of them"),
            None => format!("`{name} help` lists them"),
        }
    }

    fn help(&self) -> Mrkdwn {
        let name = self.name();
        let begin = Mrkdwn::new().plain("You are ").bold(self.caller.user.as_ref().map_or("", |user| user.as_str()));
        let begin = begin.plain(&format!(" here ({}).", self.caller.role.as_str()));
        COMMANDS.iter().fold(begin, |text, (word, takes, about)| {
            let line = format!("{name} {word} {takes}");
            text.line().code(line.trim_end()).plain(&format!(" {about}"))
        })
    }

    /// Whether they may act at all; on what, the use case asks.
    fn may_act(&self) -> Result<()> {
        if self.caller.role >= Role::Responder {
            return Ok(());
        }
        let role = self.caller.role.as_str();
        Err(Error::NotAllowed(format!("this needs the role responder, and you have {role}; an administrator can change that")))
    }

    /// That it was done in Slack, beside what the use case itself writes down.
    async fn note(&self, action: &str, subject: String) {
        let row = record::of(self.app, &self.caller, action, subject);
        if let Err(error) = self.app.engine.store().write(record::Write(row)).await {
            tracing::warn!(%error, "that it was done in Slack was not written down");
        }
    }

    /// What Firedog is called there.
    fn name(&self) -> &str {
        if self.command.name.starts_with(ALIAS) { "/ff" } else { &self.command.name }
    }

    fn link(&self, path: &str) -> String {
        format!("{}/{path}", self.app.links_base)
    }

    fn name_of(&self, user: &UserId) -> String {
        self.setup.user(user).map_or_else(|| user.to_string(), |user| user.display_name().to_owned())
    }
}

/// What somebody has typed, for an answer that repeats it.
fn short(text: &str) -> String {
    const MOST: usize = 60;
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    if text.chars().count() > MOST { format!("{}…", text.chars().take(MOST).collect::<String>()) } else { text }
}

/// `write X`, or what there is.
fn instead<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> String {
    const MOST: usize = 12;
    let mut all: Vec<&str> = known.collect();
    if let Some(near) = nearest(given, all.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    if all.is_empty() {
        return "there is none".to_owned();
    }
    let more = all.len() > MOST;
    all.truncate(MOST);
    format!("there is: {}{}", all.join(", "), if more { ", …" } else { "" })
}
