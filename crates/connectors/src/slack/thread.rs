//! What stands in a channel or thread: a message of ours by its key, and what people have answered.

use super::{EVENT_TYPE, Posted, Slack, Ts, plain};
use crate::bounds::cut;
use crate::call::CallError;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Most replies that are read at once.
pub const MAX_REPLIES: usize = 500;
/// Messages asked for at once, which is what Slack recommends, and most pages.
const PAGE: usize = 200;
const MAX_PAGES: usize = 5;
/// Their clock and ours may differ by so much.
const CLOCKS: jiff::SignedDuration = jiff::SignedDuration::from_mins(2);

/// What somebody has written into a thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reply {
    pub ts: Ts,
    /// Their id; `None`: an app without one.
    pub user: Option<String>,
    /// Written by an app, perhaps by us.
    pub by_app: bool,
    /// As people read it, masked.
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replies {
    /// Oldest first.
    pub replies: Vec<Reply>,
    /// There are more; ask again from the last one on.
    pub more: bool,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    messages: Vec<Found>,
    #[serde(default)]
    has_more: bool,
    response_metadata: Option<Next>,
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next_cursor: String,
}

#[derive(Deserialize)]
struct Found {
    ts: Ts,
    user: Option<String>,
    bot_id: Option<String>,
    #[serde(default)]
    text: String,
    metadata: Option<Metadata>,
    /// Of the message that a thread hangs on.
    #[serde(default)]
    reply_count: u64,
    /// Some of those who have answered in it.
    #[serde(default)]
    reply_users: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    event_type: String,
    #[serde(default)]
    event_payload: serde_json::Value,
}

impl Found {
    /// A message of this key; another app can write our metadata too.
    fn is(&self, ours: &Option<String>, key: &str) -> bool {
        let same_app = ours.is_none() || self.bot_id == *ours;
        let of_key = |data: &Metadata| data.event_type == EVENT_TYPE && data.event_payload["key"] == key;
        same_app && self.metadata.as_ref().is_some_and(of_key)
    }
}

impl Page {
    /// Where the next page begins, if there is one.
    fn next(&self) -> Option<String> {
        let cursor = self.response_metadata.as_ref().map(|next| next.next_cursor.clone())?;
        Some(cursor).filter(|cursor| !cursor.is_empty() && cursor.len() <= 1_024)
    }
}

impl Slack {
    /// A message of ours, by the key that it was posted with, in a channel or in the thread under a message.
    ///
    /// # Errors
    /// `Unknown`: there are too many messages since then to be sure that it is not there.
    pub async fn find(
        &self,
        channel: &str,
        thread: Option<&Ts>,
        key: &str,
        since: Timestamp,
    ) -> Result<Option<Posted>, CallError> {
        // Another app can write our metadata too.
        let ours = self.me().await?.bot_id.clone();
        let oldest = Ts::of(since.checked_sub(CLOCKS).unwrap_or(since));
        let mut cursor = None;
        for _ in 0..MAX_PAGES {
            let page = self.page(channel, thread, &oldest, cursor.as_deref(), true).await?;
            if let Some(found) = page.messages.iter().find(|found| found.is(&ours, key)) {
                return Ok(Some(Posted { channel: channel.to_owned(), ts: found.ts.clone() }));
            }
            cursor = match page.next() {
                Some(next) => Some(next),
                None if page.has_more => break,
                None => return Ok(None),
            };
        }
        Err(CallError::unknown("there are too many messages to tell whether ours is among them"))
    }

    /// Leaves one message of this key: one that somebody has answered under (`posted`, if they did there), else the one in whose thread
    /// we have written, else the oldest. An earlier request whose answer was lost may have arrived after it was looked for, or may arrive
    /// yet, and then it is said twice. Copies with a thread stay. Answers the one that goes on.
    pub async fn keep_one(&self, posted: Posted, thread: Option<&Ts>, key: &str, since: Timestamp) -> Result<Posted, CallError> {
        let (channel, ours) = (posted.channel.clone(), self.me().await?.user_id.clone());
        let mut copies = self.copies(&channel, thread, key, since).await?;
        copies.sort_by_key(|found| {
            let is_bare = found.reply_count == 0;
            let is_answered = !is_bare && (found.reply_users.is_empty() || found.reply_users.iter().any(|user| *user != ours));
            (!is_answered, is_bare, !is_bare && found.ts != posted.ts, found.ts.clone())
        });
        let Some(first) = copies.first().map(|found| found.ts.clone()) else { return Ok(posted) };
        for copy in copies.into_iter().skip(1).filter(|copy| copy.reply_count == 0) {
            self.delete(&channel, &copy.ts).await?;
        }
        Ok(Posted { channel, ts: first })
    }

    async fn copies(&self, channel: &str, thread: Option<&Ts>, key: &str, since: Timestamp) -> Result<Vec<Found>, CallError> {
        let ours = self.me().await?.bot_id.clone();
        let oldest = Ts::of(since.checked_sub(CLOCKS).unwrap_or(since));
        let (mut copies, mut cursor) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let page = self.page(channel, thread, &oldest, cursor.as_deref(), true).await?;
            cursor = page.next();
            let parent = |found: &Found| thread == Some(&found.ts);
            copies.extend(page.messages.into_iter().filter(|found| !parent(found) && found.is(&ours, key)));
            if cursor.is_none() {
                break;
            }
        }
        // Pages may overlap while somebody writes.
        let mut seen = std::collections::BTreeSet::new();
        copies.retain(|found| seen.insert(found.ts.clone()));
        Ok(copies)
    }

    /// What was written into the thread under `thread` after `since`, oldest first.
    pub async fn replies(&self, channel: &str, thread: &Ts, since: &Ts) -> Result<Replies, CallError> {
        let mut found = Replies { replies: Vec::new(), more: false };
        let mut cursor = None;
        for _ in 0..MAX_PAGES {
            let page = self.page(channel, Some(thread), since, cursor.as_deref(), false).await?;
            cursor = page.next();
            found.more = cursor.is_some() || page.has_more;
            // Every page begins with the message that the thread is under.
            let new = page.messages.into_iter().filter(|one| one.ts != *thread && one.ts > *since);
            found.replies.extend(new.map(reply));
            if cursor.is_none() || found.replies.len() >= MAX_REPLIES {
                break;
            }
        }
        found.replies.sort_by(|a, b| a.ts.cmp(&b.ts));
        found.replies.dedup_by(|a, b| a.ts == b.ts);
        found.more |= found.replies.len() > MAX_REPLIES;
        found.replies.truncate(MAX_REPLIES);
        Ok(found)
    }

    async fn page(
        &self,
        channel: &str,
        thread: Option<&Ts>,
        oldest: &Ts,
        cursor: Option<&str>,
        metadata: bool,
    ) -> Result<Page, CallError> {
        let method = if thread.is_some() { "conversations.replies" } else { "conversations.history" };
        let mut call = self.site.get(&[method]).query("channel", channel).query("limit", &PAGE.to_string());
        call = call.query("oldest", oldest.as_str());
        if let Some(thread) = thread {
            call = call.query("ts", thread.as_str());
        }
        if metadata {
            call = call.query("include_all_metadata", "true");
        }
        if let Some(cursor) = cursor {
            call = call.query("cursor", cursor);
        }
        self.send(method, method, call).await?.json()
    }
}

fn reply(found: Found) -> Reply {
    let id = |id: String| cut(&crate::bounds::one_line(&id), 64);
    Reply { ts: found.ts, user: found.user.map(id), by_app: found.bot_id.is_some(), text: plain(&found.text) }
}
