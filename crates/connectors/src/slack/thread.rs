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
}

#[derive(Deserialize)]
struct Metadata {
    event_type: String,
    #[serde(default)]
    event_payload: serde_json::Value,
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
            let is_it = |found: &&Found| {
                let same_app = ours.is_none() || found.bot_id == ours;
                same_app
                    && found
                        .metadata
                        .as_ref()
                        .is_some_and(|data| data.event_type == EVENT_TYPE && data.event_payload["key"] == key)
            };
            if let Some(found) = page.messages.iter().find(is_it) {
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
