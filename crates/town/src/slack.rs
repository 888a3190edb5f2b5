//! Slack's Web API over one workspace, whose people answer when they are called, or do not.
//!
//! Facts: Slack's published API description and its own SDKs. What does not exist here answers `unknown_method`.

use crate::desk::{Ask, Desk, answer, json_answer, with_header};
use crate::weather::Weather;
use axum::http::StatusCode;
use axum::response::Response;
use book::{Book, CHANNELS, Channel, Habit, USERS, person, react};
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

mod blocks;
mod book;
mod command;

pub use command::Typed;

pub use book::{
    ADA, ALERTS_CHANNEL, ARCHIVED_CHANNEL, BOT_ID, BOT_USER, GRACE, PRIVATE_CHANNEL, Reply, SAM, SUPPORT_CHANNEL, SUPPORT_GROUP,
    Said, TEAM_GROUP, WAR_ROOM,
};

/// The bot's token.
pub const SLACK_TOKEN: &str = "xoxb-town-0000-firedog";
/// What its commands are signed with.
pub const SIGNING_SECRET: &str = "town-signing-secret-0001";

const SCOPES: &str = "chat:write,chat:write.public,channels:read,channels:history,users:read,users:read.email,usergroups:read,usergroups:write,reactions:write,reactions:read";

/// Messages on a page: usually, and at most.
const USUAL_PAGE: usize = 100;
const MAX_PAGE: usize = 999;

/// A workspace; clones share it.
#[derive(Clone)]
pub struct Slack {
    weather: Weather,
    book: Arc<Mutex<Book>>,
}

impl Slack {
    pub(crate) fn new(weather: &Weather) -> Self {
        Self { weather: weather.clone(), book: Arc::new(Mutex::new(Book::new())) }
    }

    /// Everything that was said and still is, in the order of its time.
    pub fn said(&self) -> Vec<Said> {
        self.book().said.iter().cloned().collect()
    }

    /// From now on `user` answers each message of the bot that calls `group`, so long after it was posted.
    pub fn answers(&self, group: &str, user: &str, after: Duration, reply: Reply) {
        let mut book = self.book();
        book.habits.retain(|habit| habit.group != group);
        book.habits.push(Habit { group: group.to_owned(), user: user.to_owned(), after, reply });
    }

    /// From now on nobody answers when `group` is called, as at first.
    pub fn never_answers(&self, group: &str) {
        self.book().habits.retain(|habit| habit.group != group);
    }

    /// Somebody says something, now; answers with its `ts`.
    pub fn say(&self, user: &str, channel: &str, thread_ts: Option<&str>, text: &str) -> String {
        let now = self.weather.now();
        self.book().say(now, person(channel, user, text, thread_ts.map(str::to_owned), now))
    }

    /// Somebody reacts to a message. Whether there is one.
    pub fn react(&self, user: &str, channel: &str, ts: &str, name: &str) -> bool {
        self.book().find(channel, ts).map(|said| react(said, name, user)).is_some()
    }

    /// The next `times` calls of a method answer `ok: false` with this error.
    pub fn fail_next(&self, method: &str, error: &str, times: usize) {
        self.book().fail(method, error, times);
    }

    /// How many posts a channel takes in ten seconds of the town's time before it answers 429; `None` for no end.
    pub fn limit_posts(&self, most: Option<usize>) {
        self.book().most_posts = most;
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        let now = self.weather.now();
        // A panic while it was held cannot have left the book half written: every change is one call.
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        book.catch_up(now);
        book
    }
}

/// Why a call did not succeed.
pub(super) enum Wrong {
    Error(&'static str),
    /// With what `response_metadata` says of it.
    Blocks(String),
    Busy,
}

type Arguments = Map<String, Value>;
type Outcome = Result<Value, Wrong>;

impl Desk for Slack {
    fn answer(&self, ask: &Ask) -> Response {
        if let ["commands", trigger] = ask.segments()[..] {
            return self.responded(trigger, ask);
        }
        let [_, method] = ask.segments()[..] else { return answer(404, "text/html", "<html><title>404</title></html>") };
        let mut response = match self.call(ask, method) {
            Ok(mut value) => {
                value["ok"] = json!(true);
                json_answer(200, &value)
            }
            Err(Wrong::Error(error)) => json_answer(200, &failure(error)),
            Err(Wrong::Blocks(why)) => {
                let mut body = failure("invalid_blocks");
                body["errors"] = json!([why]);
                body["response_metadata"] = json!({"messages": [format!("[ERROR] {why}")]});
                json_answer(200, &body)
            }
            Err(Wrong::Busy) => self.refusal(StatusCode::TOO_MANY_REQUESTS, Some(1)),
        };
        response = with_header(response, "x-oauth-scopes", SCOPES);
        with_header(response, "x-slack-req-id", "town")
    }

    fn refusal(&self, status: StatusCode, retry_after_s: Option<u32>) -> Response {
        match retry_after_s {
            Some(seconds) => with_header(json_answer(429, &failure("ratelimited")), "retry-after", &seconds.to_string()),
            None => answer(status.as_u16(), "text/html", "<html><title>Server Error</title></html>"),
        }
    }
}

fn failure(error: &str) -> Value {
    let mut body = json!({"ok": false, "error": error});
    if error == "missing_scope" {
        body["needed"] = json!("chat:write");
        body["provided"] = json!("commands");
    }
    body
}

const WRITES: [&str; 6] =
    ["chat.postMessage", "chat.delete", "chat.update", "chat.postEphemeral", "usergroups.users.update", "reactions.add"];

/// Only methods that write read a JSON body; the others take a query or a form.
fn arguments(ask: &Ask, method: &str) -> Result<Arguments, Wrong> {
    let mut all: Arguments = ask.query_and_form().into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    let is_json = ask.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    if is_json && WRITES.contains(&method) {
        match ask.json() {
            Ok(Value::Object(body)) => all.extend(body),
            Ok(_) => return Err(Wrong::Error("json_not_object")),
            Err(_) => return Err(Wrong::Error("invalid_json")),
        }
    }
    // In forms nested values are JSON in a string.
    for name in ["blocks", "metadata"] {
        if let Some(Value::String(text)) = all.get(name) {
            let parsed = serde_json::from_str(text).map_err(|_| Wrong::Error("invalid_arguments"))?;
            all.insert(name.to_owned(), parsed);
        }
    }
    Ok(all)
}

fn text<'a>(arguments: &'a Arguments, name: &str) -> &'a str {
    arguments.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Booleans and numbers come as such or as text.
fn word(arguments: &Arguments, name: &str) -> String {
    arguments.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).unwrap_or_default()
}

fn is_set(arguments: &Arguments, name: &str) -> bool {
    matches!(word(arguments, name).as_str(), "true" | "1")
}

fn channel(arguments: &Arguments) -> Result<&'static Channel, Wrong> {
    let wanted = text(arguments, "channel");
    let wanted = &wanted.strip_prefix('U').map_or_else(|| wanted.to_owned(), |user| format!("D{user}"));
    let found = CHANNELS.iter().find(|channel| channel.id == wanted && (channel.has_bot || !channel.is_private));
    found.ok_or(Wrong::Error("channel_not_found"))
}

impl Slack {
    fn call(&self, ask: &Ask, method: &str) -> Outcome {
        match ask.header("authorization") {
            None => return Err(Wrong::Error("not_authed")),
            Some(given) if given != format!("Bearer {SLACK_TOKEN}") => return Err(Wrong::Error("invalid_auth")),
            Some(_) => {}
        }
        let arguments = &arguments(ask, method)?;
        if let Some(error) = self.book().take_failure(method) {
            return Err(Wrong::Error(known(&error)));
        }
        match method {
            "auth.test" => {
                Ok(json!({"url": "https://town.slack.invalid/", "team": "Town", "user": "firedog", "team_id": "T0TOWN",
                "user_id": BOT_USER, "bot_id": BOT_ID, "is_enterprise_install": false}))
            }
            "chat.postMessage" => self.post(arguments),
            "chat.update" => self.update(arguments),
            "chat.delete" => self.delete(arguments),
            "chat.postEphemeral" => {
                channel(arguments)?;
                Ok(json!({"message_ts": format!("{}.000000", self.weather.now().as_second())}))
            }
            "conversations.history" => self.history(arguments),
            "conversations.replies" => self.replies(arguments),
            "conversations.list" => {
                let all = CHANNELS.iter().filter(|channel| !channel.name.is_empty() && (channel.has_bot || !channel.is_private));
                let kept = all.filter(|channel| !(channel.is_archived && is_set(arguments, "exclude_archived")));
                let shown = |channel: &Channel| json!({"id": channel.id, "name": channel.name, "is_private": channel.is_private, "is_archived": channel.is_archived, "is_member": channel.has_bot});
                Ok(json!({"channels": kept.map(shown).collect::<Vec<_>>(), "response_metadata": {"next_cursor": ""}}))
            }
            "users.list" => Ok(json!({"members": USERS.map(user), "response_metadata": {"next_cursor": ""}})),
            "users.info" => {
                let found = USERS.into_iter().find(|(id, ..)| *id == text(arguments, "user"));
                found.map(|found| json!({"user": user(found)})).ok_or(Wrong::Error("user_not_found"))
            }
            "users.lookupByEmail" => {
                let email = text(arguments, "email").to_lowercase();
                let found = USERS.into_iter().find(|(_, _, has, _)| *has == email && !email.is_empty());
                found.map(|found| json!({"user": user(found)})).ok_or(Wrong::Error("users_not_found"))
            }
            "usergroups.list" => {
                let book = self.book();
                let groups = [SUPPORT_GROUP, TEAM_GROUP].map(|id| group(&book, id, is_set(arguments, "include_users")));
                Ok(json!({"usergroups": groups}))
            }
            "usergroups.users.list" => {
                let book = self.book();
                let found = book.members.iter().find(|(id, _)| id == text(arguments, "usergroup"));
                found.map(|(_, users)| json!({"users": users})).ok_or(Wrong::Error("no_such_subteam"))
            }
            "usergroups.users.update" => self.update_group(arguments),
            "reactions.add" => self.add_reaction(arguments),
            "reactions.get" => {
                channel(arguments)?;
                let mut book = self.book();
                let found = book.find(text(arguments, "channel"), text(arguments, "timestamp"));
                found
                    .map(|said| json!({"type": "message", "message": said.shown(false)}))
                    .ok_or(Wrong::Error("message_not_found"))
            }
            _ => Err(Wrong::Error("unknown_method")),
        }
    }

    fn post(&self, arguments: &Arguments) -> Outcome {
        let channel = channel(arguments)?;
        if channel.is_archived {
            return Err(Wrong::Error("is_archived"));
        }
        let shown = arguments.get("blocks").cloned().unwrap_or(Value::Null);
        blocks::check(&shown)?;
        if text(arguments, "text").is_empty() && shown.as_array().is_none_or(Vec::is_empty) {
            return Err(Wrong::Error("no_text"));
        }
        let now = self.weather.now();
        let mut book = self.book();
        let window = now - jiff::SignedDuration::from_secs(10);
        let recent =
            book.said.iter().filter(|said| said.channel == channel.id && said.user == BOT_USER && said.at > window).count();
        if book.most_posts.is_some_and(|most| recent >= most) {
            return Err(Wrong::Busy);
        }
        let thread = Some(text(arguments, "thread_ts")).filter(|ts| !ts.is_empty());
        if thread.is_some_and(|ts| book.find(channel.id, ts).is_none()) {
            return Err(Wrong::Error("cannot_reply_to_message"));
        }
        let mut said = person(channel.id, BOT_USER, text(arguments, "text"), thread.map(str::to_owned), now);
        (said.blocks, said.metadata) = (shown, arguments.get("metadata").cloned().unwrap_or(Value::Null));
        let ts = book.say(now, said);
        let message = book.find(channel.id, &ts).map(|said| said.shown(true));
        Ok(json!({"channel": channel.id, "ts": ts, "message": message}))
    }

    fn update(&self, arguments: &Arguments) -> Outcome {
        let channel = channel(arguments)?;
        if let Some(shown) = arguments.get("blocks") {
            blocks::check(shown)?;
        }
        let mut book = self.book();
        let said = book.find(channel.id, text(arguments, "ts")).ok_or(Wrong::Error("message_not_found"))?;
        if said.user != BOT_USER {
            return Err(Wrong::Error("cant_update_message"));
        }
        // Blocks that are not sent stay as they are, and they are what one sees.
        if let Some(shown) = arguments.get("blocks") {
            said.blocks = if shown == &json!([]) { Value::Null } else { shown.clone() };
        }
        if arguments.contains_key("text") {
            said.text = text(arguments, "text").to_owned();
        }
        if let Some(metadata) = arguments.get("metadata") {
            said.metadata = metadata.clone();
        }
        said.updates += 1;
        Ok(json!({"channel": channel.id, "ts": said.ts, "text": said.text, "message": said.shown(true)}))
    }

    fn delete(&self, arguments: &Arguments) -> Outcome {
        let channel = channel(arguments)?;
        let mut book = self.book();
        let ts = text(arguments, "ts").to_owned();
        match book.find(channel.id, &ts) {
            None => return Err(Wrong::Error("message_not_found")),
            Some(said) if said.user != BOT_USER => return Err(Wrong::Error("cant_delete_message")),
            Some(_) => {}
        }
        book.said.retain(|said| said.channel != channel.id || said.ts != ts);
        Ok(json!({"channel": channel.id, "ts": ts}))
    }

    fn history(&self, arguments: &Arguments) -> Outcome {
        let channel = channel(arguments)?;
        if !channel.has_bot {
            return Err(Wrong::Error("not_in_channel"));
        }
        let book = self.book();
        let newest_first = book.said.iter().rev().filter(|said| said.channel == channel.id && said.thread_ts.is_none());
        let all: Vec<Value> = newest_first
            .filter(|said| within(&said.ts, arguments))
            .map(|said| {
                let mut shown = said.shown(is_set(arguments, "include_all_metadata"));
                let replies: Vec<_> = book.said.iter().filter(|reply| reply.thread_ts.as_ref() == Some(&said.ts)).collect();
                if let Some(last) = replies.last() {
                    shown["thread_ts"] = json!(said.ts);
                    shown["reply_count"] = json!(replies.len());
                    let users: std::collections::BTreeSet<&str> = replies.iter().map(|reply| reply.user.as_str()).collect();
                    shown["reply_users"] = json!(users);
                    shown["latest_reply"] = json!(last.ts);
                }
                shown
            })
            .collect();
        page(all, arguments, &[])
    }

    fn replies(&self, arguments: &Arguments) -> Outcome {
        let channel = channel(arguments)?;
        if !channel.has_bot {
            return Err(Wrong::Error("not_in_channel"));
        }
        let mut book = self.book();
        let metadata = is_set(arguments, "include_all_metadata");
        let wanted = text(arguments, "ts").to_owned();
        let found = book.find(channel.id, &wanted).ok_or(Wrong::Error("thread_not_found"))?;
        let thread = found.thread_ts.clone().unwrap_or(wanted);
        let parent = book.find(channel.id, &thread).map(|said| said.shown(metadata)).ok_or(Wrong::Error("thread_not_found"))?;
        let all = book.said.iter().filter(|said| said.channel == channel.id && said.thread_ts.as_ref() == Some(&thread));
        let all: Vec<Value> = all.filter(|said| within(&said.ts, arguments)).map(|said| said.shown(metadata)).collect();
        // The parent is the first on each page.
        page(all, arguments, &[parent])
    }

    fn update_group(&self, arguments: &Arguments) -> Outcome {
        let wanted: Vec<String> =
            text(arguments, "users").split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect();
        // A group cannot be emptied.
        if wanted.is_empty() {
            return Err(Wrong::Error("no_users_provided"));
        }
        if wanted.iter().any(|id| !USERS.iter().any(|(found, ..)| found == id)) {
            return Err(Wrong::Error("invalid_users"));
        }
        let mut book = self.book();
        let id = text(arguments, "usergroup").to_owned();
        let members = book.members.iter_mut().find(|(found, _)| *found == id).ok_or(Wrong::Error("no_such_subteam"))?;
        members.1 = wanted;
        Ok(json!({"usergroup": group(&book, &id, true)}))
    }

    fn add_reaction(&self, arguments: &Arguments) -> Outcome {
        let channel = channel(arguments)?;
        let name = text(arguments, "name");
        if name.is_empty() || name.contains(':') {
            return Err(Wrong::Error("invalid_name"));
        }
        let mut book = self.book();
        let said = book.find(channel.id, text(arguments, "timestamp")).ok_or(Wrong::Error("message_not_found"))?;
        if said.reactions.iter().any(|(found, users)| found == name && users.iter().any(|user| user == BOT_USER)) {
            return Err(Wrong::Error("already_reacted"));
        }
        react(said, name, BOT_USER);
        Ok(json!({}))
    }
}

/// Errors that tests lay up; another one comes out as `fatal_error`.
fn known(error: &str) -> &'static str {
    const ERRORS: [&str; 13] = [
        "account_inactive",
        "channel_not_found",
        "fatal_error",
        "internal_error",
        "invalid_auth",
        "is_archived",
        "missing_scope",
        "msg_too_long",
        "not_in_channel",
        "permission_denied",
        "rate_limited",
        "restricted_action",
        "token_revoked",
    ];
    ERRORS.into_iter().find(|known| *known == error).unwrap_or("fatal_error")
}

/// Microseconds of a `ts`.
fn micros(ts: &str) -> Option<i64> {
    let (seconds, rest) = ts.split_once('.').unwrap_or((ts, "0"));
    seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(format!("{rest:0<6}").get(..6)?.parse().ok()?)
}

fn within(ts: &str, arguments: &Arguments) -> bool {
    let at = micros(ts).unwrap_or_default();
    let edge = i64::from(is_set(arguments, "inclusive"));
    let bound = |name: &str| Some(word(arguments, name)).filter(|text| !text.is_empty()).and_then(|text| micros(&text));
    bound("oldest").is_none_or(|oldest| at > oldest - edge) && bound("latest").is_none_or(|latest| at < latest + edge)
}

fn page(all: Vec<Value>, arguments: &Arguments, before: &[Value]) -> Outcome {
    let limit = word(arguments, "limit").parse::<usize>().unwrap_or(USUAL_PAGE).clamp(1, MAX_PAGE);
    let from: usize = match text(arguments, "cursor") {
        "" => 0,
        cursor => cursor.strip_prefix("bmV4dA").and_then(|text| text.parse().ok()).ok_or(Wrong::Error("invalid_cursor"))?,
    };
    let has_more = all.len() > from.saturating_add(limit);
    let messages: Vec<Value> = before.iter().cloned().chain(all.into_iter().skip(from).take(limit)).collect();
    let next = if has_more { format!("bmV4dA{}", from + limit) } else { String::new() };
    Ok(json!({"messages": messages, "has_more": has_more, "pin_count": 0, "response_metadata": {"next_cursor": next}}))
}

fn user((id, name, email, real): (&str, &str, &str, &str)) -> Value {
    json!({"id": id, "team_id": "T0TOWN", "name": name, "deleted": false, "is_bot": id == BOT_USER, "tz": "America/Chicago",
        "profile": {"email": email, "real_name": real, "display_name": name}})
}

fn group(book: &Book, id: &str, with_users: bool) -> Value {
    let handle = if id == SUPPORT_GROUP { "support-ff" } else { "pupper-ff" };
    let users = book.members.iter().find(|(found, _)| found == id).map(|(_, users)| users.clone()).unwrap_or_default();
    let mut shown = json!({"id": id, "handle": handle, "name": handle, "date_delete": 0, "user_count": users.len(), "prefs": {"channels": [], "groups": []}});
    if with_users {
        shown["users"] = json!(users);
    }
    shown
}

#[cfg(test)]
mod tests;
