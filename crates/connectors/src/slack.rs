//! Slack's Web API: posting, threads, and who is in a user group. Also what speaks it (GovSlack), at another address.
//!
//! Slack takes no idempotency key. So every message carries a key of ours in its metadata, by which it is found again after an
//! answer was lost: [`Slack::post_once`]. Most failures come with HTTP 200 and `"ok": false`.

use crate::call::{Answer, Call, CallError, Found, Site};
use jiff::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::OnceCell;

pub mod command;
mod failure;
mod message;
mod pace;
mod person;
pub mod press;
mod text;
mod thread;
mod ts;

pub use message::{Button, MAX_BUTTONS, Message, Press, Style};
pub use text::{MAX_TEXT, Mrkdwn, plain, typed};
pub use thread::{MAX_REPLIES, Replies, Reply};
pub use ts::Ts;

use pace::Pace;

/// Where Slack's API is, for a connection that names no other.
pub const API: &str = "https://slack.com/api";
/// A person waits for what we post.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Two hundred messages with their blocks have some megabytes at most.
const MAX_BODY: usize = 8 << 20;
/// About one message a second is taken per channel.
const POST_GAP: Duration = Duration::from_secs(1);
/// Longest key of a message; ours are ids of alerts and runs.
const MAX_KEY: usize = 200;
/// Most members of a user group; a larger one is nobody's team.
const MAX_MEMBERS: usize = 1_000;
/// What our messages are in their metadata.
const EVENT_TYPE: &str = "firedog_message";
/// What we call needs these.
const SCOPES: [&str; 3] = ["chat:write", "channels:history", "usergroups:read"];

/// One workspace, as one app.
pub struct Slack {
    site: Site,
    pace: Pace,
    me: OnceCell<Me>,
    known: person::Known,
}

/// Who we are there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Me {
    team: String,
    #[serde(default)]
    team_id: String,
    user: String,
    user_id: String,
    bot_id: Option<String>,
}

/// Where a message stands. Both together are its identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    pub channel: String,
    pub ts: Ts,
}

#[derive(Deserialize)]
struct Members {
    users: Vec<String>,
}

impl Slack {
    /// `site`: [`API`] and a bot's token as bearer.
    pub fn new(site: Site) -> Self {
        Self { site, pace: Pace::default(), me: OnceCell::new(), known: person::Known::default() }
    }

    /// Reachable, signed in, as whom, and with the rights that we need.
    pub async fn check(&self) -> Result<Found, CallError> {
        let answer = self.send("auth.test", "auth.test", self.site.get(&["auth.test"])).await?;
        let me: Me = answer.json()?;
        let mut found = Found { system: "Slack".to_owned(), version: None, identity: None, notes: Vec::new() };
        if let Some(scopes) = answer.header("x-oauth-scopes") {
            let has: Vec<&str> = scopes.split(',').map(str::trim).collect();
            let missing = SCOPES.iter().filter(|scope| !has.contains(scope));
            found
                .notes
                .extend(missing.map(|scope| format!("the app lacks the scope `{scope}`; add it and install the app again")));
        }
        let line = |text: &str| crate::bounds::cut(&crate::bounds::one_line(text), 80);
        found.identity = Some(format!("{} in {}", line(&me.user), line(&me.team)));
        Ok(found)
    }

    /// Posts into a channel, or into the thread under a message. `key` is what [`find`](Self::find) finds it by.
    ///
    /// # Errors
    /// `Unknown`: it may stand there; go on with [`post_once`](Self::post_once).
    pub async fn post(&self, channel: &str, thread: Option<&Ts>, message: &Message, key: &str) -> Result<Posted, CallError> {
        let mut body = self.body(channel, message, key)?;
        if let Some(thread) = thread {
            body["thread_ts"] = json!(thread);
        }
        let pace = format!("chat.postMessage {channel}");
        self.pace.turn(&pace, POST_GAP).await?;
        self.write("chat.postMessage", &pace, &body).await?.json()
    }

    /// The same, unless it stands there already. `since`: before the first attempt.
    pub async fn post_once(
        &self,
        channel: &str,
        thread: Option<&Ts>,
        message: &Message,
        key: &str,
        since: Timestamp,
    ) -> Result<Posted, CallError> {
        match self.find(channel, thread, key, since).await? {
            Some(posted) => Ok(posted),
            None => self.post(channel, thread, message, key).await,
        }
    }

    /// Replaces a message of ours. It is safe to repeat.
    pub async fn update(&self, posted: &Posted, message: &Message, key: &str) -> Result<(), CallError> {
        let mut body = self.body(&posted.channel, message, key)?;
        body["ts"] = json!(posted.ts);
        // With the text alone, the old blocks would stay.
        if body["blocks"].is_null() {
            body["blocks"] = json!([]);
        }
        self.write("chat.update", "chat.update", &body).await.map(drop)
    }

    /// Takes a message of ours away. It is safe to repeat.
    async fn delete(&self, channel: &str, ts: &Ts) -> Result<(), CallError> {
        match self.write("chat.delete", "chat.delete", &json!({ "channel": channel, "ts": ts })).await {
            Ok(_) | Err(CallError::Missing { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Ids of a user group's members.
    pub async fn group_members(&self, group: &str) -> Result<Vec<String>, CallError> {
        let call = self.site.get(&["usergroups.users.list"]).query("usergroup", group);
        let answer = self.send("usergroups.users.list", "usergroups.users.list", call).await?;
        let Members { users } = answer.json()?;
        if users.len() > MAX_MEMBERS {
            return Err(CallError::rejected(format!("the group has more than {MAX_MEMBERS} members")));
        }
        let id = |user: &String| !user.is_empty() && user.len() <= 64 && user.bytes().all(|b| b.is_ascii_alphanumeric());
        if users.iter().all(id) { Ok(users) } else { Err(answer.not_understood("the group has members that are none")) }
    }

    fn body(&self, channel: &str, message: &Message, key: &str) -> Result<Value, CallError> {
        if channel.is_empty() || key.is_empty() || key.len() > MAX_KEY {
            return Err(CallError::rejected("a message needs a channel and a short key"));
        }
        let mut body = json!({ "channel": channel, "text": message.text.as_str(), "unfurl_links": false, "unfurl_media": false,
            "metadata": { "event_type": EVENT_TYPE, "event_payload": { "key": key } } });
        if let Some(blocks) = message.blocks()? {
            body["blocks"] = blocks;
        }
        Ok(body)
    }

    async fn me(&self) -> Result<&Me, CallError> {
        let ask = async || self.send("auth.test", "auth.test", self.site.get(&["auth.test"])).await?.json();
        self.me.get_or_try_init(ask).await
    }

    async fn write(&self, method: &str, pace: &str, body: &Value) -> Result<Answer, CallError> {
        // Without a character set every answer carries a warning.
        let call = self.site.raw(Method::POST, &[method], "application/json; charset=utf-8", body.to_string().into_bytes());
        self.send(method, pace, call).await
    }

    /// `pace`: what Slack's limit is about, and so what waits when it is passed.
    async fn send(&self, method: &str, pace: &str, call: Call<'_>) -> Result<Answer, CallError> {
        self.pace.may(pace)?;
        let result = call.timeout(TIMEOUT).max_body(MAX_BODY).send().await;
        let result = result.and_then(|answer| failure::of(method, &answer).map_or(Ok(answer), Err));
        if let Err(CallError::Retry { after: Some(after), .. }) = &result {
            self.pace.hold(pace, *after);
        }
        result
    }
}

#[cfg(test)]
mod tests;
