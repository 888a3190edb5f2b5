//! A workspace: its people, groups and channels, and what was said.

use crate::weather::after;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Duration;

/// Messages kept; the oldest go first.
const MAX_MESSAGES: usize = 8_192;

/// Failures laid up for calls to come.
const MAX_FAILURES: usize = 1_024;

/// Slack cuts longer texts.
const MAX_TEXT: usize = 40_000;

/// The bot's own user and its bot id.
pub const BOT_USER: &str = "U0FIREDOG";
pub const BOT_ID: &str = "B0FIREDOG";
/// Ada and Grace are on the team, Sam is in support.
pub const ADA: &str = "U0ADA";
pub const GRACE: &str = "U0GRACE";
pub const SAM: &str = "U0SAM";
/// Public, with the bot in it.
pub const SUPPORT_CHANNEL: &str = "C0SUPPORT";
pub const ALERTS_CHANNEL: &str = "C0ALERTS";
/// Public, without the bot.
pub const WAR_ROOM: &str = "C0WARROOM";
/// Private, without the bot: as if it were not there.
pub const PRIVATE_CHANNEL: &str = "C0PRIVATE";
pub const ARCHIVED_CHANNEL: &str = "C0OLD";
/// `@support-ff`: Sam. `@pupper-ff`: Ada.
pub const SUPPORT_GROUP: &str = "S0SUPPORT";
pub const TEAM_GROUP: &str = "S0TEAM";

#[derive(Clone, Debug)]
pub(super) struct Channel {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) is_private: bool,
    pub(super) is_archived: bool,
    pub(super) has_bot: bool,
}

/// A direct message between the bot and somebody; posts may name the person instead.
const fn direct(id: &'static str) -> Channel {
    Channel { id, name: "", is_private: true, is_archived: false, has_bot: true }
}

pub(super) const CHANNELS: [Channel; 8] = [
    Channel { id: SUPPORT_CHANNEL, name: "support", is_private: false, is_archived: false, has_bot: true },
    Channel { id: ALERTS_CHANNEL, name: "auto-pupper-alerts", is_private: false, is_archived: false, has_bot: true },
    Channel { id: WAR_ROOM, name: "war-room-go-live", is_private: false, is_archived: false, has_bot: false },
    Channel { id: PRIVATE_CHANNEL, name: "leads", is_private: true, is_archived: false, has_bot: false },
    Channel { id: ARCHIVED_CHANNEL, name: "old", is_private: false, is_archived: true, has_bot: true },
    direct("D0ADA"),
    direct("D0GRACE"),
    direct("D0SAM"),
];

/// `(id, name, e-mail, real name)`
pub(super) const USERS: [(&str, &str, &str, &str); 4] = [
    (ADA, "ada", "ada@example.org", "Ada Lovelace"),
    (GRACE, "grace", "grace@example.org", "Grace Hopper"),
    (SAM, "sam", "sam@example.org", "Sam of Support"),
    (BOT_USER, "firedog", "", "Firedog"),
];

/// One message, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    pub channel: String,
    /// With the channel its identity.
    pub ts: String,
    /// The thread that it is in, if it is not the message that a thread hangs on.
    pub thread_ts: Option<String>,
    pub user: String,
    pub text: String,
    pub blocks: Value,
    pub metadata: Value,
    /// How often it was updated.
    pub updates: u32,
    /// `(emoji, users)`
    pub reactions: Vec<(String, Vec<String>)>,
    pub(super) at: Timestamp,
    /// Whether somebody who answers has done so.
    pub(super) answered: bool,
}

impl Said {
    /// Labels of the buttons under it.
    pub fn buttons(&self) -> Vec<&str> {
        let all = self.blocks.as_array().into_iter().flatten().filter_map(|block| block["elements"].as_array()).flatten();
        all.filter_map(|element| element["text"]["text"].as_str()).collect()
    }
}

/// What a person does when a group that they are in is called.
#[derive(Clone, Debug)]
pub(super) struct Habit {
    pub(super) group: String,
    pub(super) user: String,
    pub(super) after: Duration,
    pub(super) reply: Reply,
}

/// How somebody answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Thread(String),
    Reaction(String),
}

#[derive(Default)]
pub(super) struct Book {
    pub(super) said: VecDeque<Said>,
    pub(super) members: Vec<(String, Vec<String>)>,
    pub(super) habits: Vec<Habit>,
    pub(super) failures: VecDeque<(String, String)>,
    /// Posts that a channel takes within ten seconds.
    pub(super) most_posts: Option<usize>,
    /// Later answers to commands: which, and how it reads.
    pub(super) responses: Vec<(String, String)>,
    /// Buttons that were pressed: which, and the message that they are under.
    pub(super) pressed: Vec<(String, String, String)>,
    last_ts: i64,
}

impl Book {
    pub(super) fn new() -> Self {
        let members = [(SUPPORT_GROUP, SAM), (TEAM_GROUP, ADA)];
        Self { members: members.map(|(group, user)| (group.to_owned(), vec![user.to_owned()])).to_vec(), ..Self::default() }
    }

    /// Adds a message, and answers with its `ts`, which rises.
    pub(super) fn say(&mut self, at: Timestamp, mut said: Said) -> String {
        self.last_ts = at.as_microsecond().max(self.last_ts + 1);
        said.ts = format!("{}.{:06}", self.last_ts.div_euclid(1_000_000), self.last_ts.rem_euclid(1_000_000));
        said.text = said.text.chars().take(MAX_TEXT).collect();
        let ts = said.ts.clone();
        if self.said.len() >= MAX_MESSAGES {
            self.said.pop_front();
        }
        self.said.push_back(said);
        ts
    }

    /// Lets people do what was due until now, in the order of its time.
    pub(super) fn catch_up(&mut self, now: Timestamp) {
        loop {
            let due = |index: usize, said: &Said| {
                let calls = |habit: &&Habit| {
                    let mention = format!("<!subteam^{}", habit.group);
                    said.text.contains(&mention) || said.blocks.to_string().contains(&mention)
                };
                let habit = self.habits.iter().find(calls).filter(|_| !said.answered && said.user == BOT_USER)?;
                Some((after(said.at, habit.after), index, habit.clone()))
            };
            let next = self
                .said
                .iter()
                .enumerate()
                .filter_map(|(index, said)| due(index, said))
                .min_by_key(|(at, index, _)| (*at, *index));
            let Some((at, index, habit)) = next.filter(|(at, ..)| *at <= now) else { return };
            let said = &mut self.said[index];
            said.answered = true;
            match habit.reply {
                Reply::Reaction(name) => react(said, &name, &habit.user),
                Reply::Thread(text) => {
                    let (channel, thread) = (said.channel.clone(), said.thread_ts.clone().unwrap_or_else(|| said.ts.clone()));
                    self.say(at, person(&channel, &habit.user, &text, Some(thread), at));
                }
            }
        }
    }

    pub(super) fn find(&mut self, channel: &str, ts: &str) -> Option<&mut Said> {
        self.said.iter_mut().find(|said| said.channel == channel && said.ts == ts)
    }

    pub(super) fn fail(&mut self, method: &str, error: &str, times: usize) {
        let room = MAX_FAILURES.saturating_sub(self.failures.len());
        self.failures.extend(std::iter::repeat_n((method.to_owned(), error.to_owned()), times.min(room)));
    }

    pub(super) fn take_failure(&mut self, method: &str) -> Option<String> {
        let index = self.failures.iter().position(|(found, _)| found == method)?;
        self.failures.remove(index).map(|(_, error)| error)
    }
}

pub(super) fn react(said: &mut Said, name: &str, user: &str) {
    match said.reactions.iter_mut().find(|(found, _)| found == name) {
        Some((_, users)) => users.push(user.to_owned()),
        None => said.reactions.push((name.to_owned(), vec![user.to_owned()])),
    }
}

/// A message of a person.
pub(super) fn person(channel: &str, user: &str, text: &str, thread_ts: Option<String>, at: Timestamp) -> Said {
    Said {
        channel: channel.to_owned(),
        ts: String::new(),
        thread_ts,
        user: user.to_owned(),
        text: text.to_owned(),
        blocks: Value::Null,
        metadata: Value::Null,
        updates: 0,
        reactions: Vec::new(),
        at,
        answered: false,
    }
}

impl Said {
    /// As the Web API shows it, without what only its thread knows.
    pub(super) fn shown(&self, with_metadata: bool) -> Value {
        let mut shown = json!({"type": "message", "user": self.user, "text": self.text, "ts": self.ts, "team": "T0TOWN"});
        if self.user == BOT_USER {
            shown["bot_id"] = json!(BOT_ID);
            shown["app_id"] = json!("A0FIREDOG");
        }
        if !self.blocks.is_null() {
            shown["blocks"] = self.blocks.clone();
        }
        if with_metadata && !self.metadata.is_null() {
            shown["metadata"] = self.metadata.clone();
        }
        if self.updates > 0 {
            shown["edited"] = json!({"user": self.user, "ts": self.ts});
        }
        if let Some(thread) = &self.thread_ts {
            shown["thread_ts"] = json!(thread);
        }
        if !self.reactions.is_empty() {
            let all = self.reactions.iter().map(|(name, users)| json!({"name": name, "users": users, "count": users.len()}));
            shown["reactions"] = all.collect();
        }
        shown
    }
}
