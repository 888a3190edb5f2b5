//! The alert: what a service is complaining about now.

use crate::event::Severity;
use crate::id::*;
use crate::setup::{Channel, Urgency};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mod decide;
pub use decide::{Effects, Input, Opening, decide, open, storm_look};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Triggered,
    Acknowledged,
    Resolved,
}

impl State {
    pub const ALL: [Self; 3] = [Self::Triggered, Self::Acknowledged, Self::Resolved];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Triggered => "triggered",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// The alert row. Narrow: what the sender said in full stands in its event rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    pub id: AlertId,
    /// Raised by every write; a write under an old version writes nothing.
    pub version: i64,
    /// `None`: a page by hand.
    pub service: Option<ServiceId>,
    pub integration: Option<IntegrationId>,
    pub dedup_key: String,
    pub state: State,
    pub urgency: Urgency,
    pub severity: Severity,
    pub summary: String,
    pub source: Option<String>,
    pub labels: BTreeMap<String, String>,
    /// How many triggers it has had.
    pub count: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub acknowledged_by: Option<UserId>,
    pub resolved_at: Option<Timestamp>,
    pub resolved_because: Option<Resolved>,
    /// What the alert escalates along; pinned when it triggered, together with `setup_version`.
    pub policy: Pin,
    /// The setup that `policy` is read from; schedules and people are read from the current one.
    pub setup_version: i64,
    pub cursor: Cursor,
    /// The one next action. Always there while triggered; in `acknowledged` only with a timeout or a snooze.
    pub next: Option<Next>,
    /// When the source's last promise to send again lapses.
    pub quiet_at: Option<Timestamp>,
    /// The source's own start of this episode.
    pub started_at: Option<Timestamp>,
    /// How many pages it has made; numbers them.
    pub pages: u32,
    /// The alert whose pages this one rides along with, for the group's window.
    pub follows: Option<AlertId>,
}

/// Where along its policy the alert is: the step that is paged next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cursor {
    /// Past the policy's last pass: the catch-all, and `step` counts its rounds.
    pub pass: u32,
    pub step: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    pub at: Timestamp,
    pub kind: NextKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NextKind {
    /// Page the step at the cursor.
    Page,
    /// A silence, a maintenance window or the group's window ends: look again.
    Release,
    AckExpires,
    SnoozeEnds,
}

impl NextKind {
    pub const ALL: [Self; 4] = [Self::Page, Self::Release, Self::AckExpires, Self::SnoozeEnds];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Release => "release",
            Self::AckExpires => "ack_expires",
            Self::SnoozeEnds => "snooze_ends",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == text)
    }
}

/// What an alert escalates along. Text form: `policy:pupper`, `user:ada`, `team:pupper`, `catch_all`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Pin {
    Policy(PolicyId),
    /// Paged by hand.
    User(UserId),
    /// A team without a policy: all its members.
    Team(TeamId),
    /// Nothing else applies (no policy, undecidable event).
    CatchAll,
}

impl From<Pin> for String {
    fn from(pin: Pin) -> Self {
        match pin {
            Pin::Policy(id) => format!("policy:{id}"),
            Pin::User(id) => format!("user:{id}"),
            Pin::Team(id) => format!("team:{id}"),
            Pin::CatchAll => "catch_all".to_owned(),
        }
    }
}

impl TryFrom<String> for Pin {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("policy", id)) => Ok(Self::Policy(id.into())),
            Some(("user", id)) => Ok(Self::User(id.into())),
            Some(("team", id)) => Ok(Self::Team(id.into())),
            None if text == "catch_all" => Ok(Self::CatchAll),
            _ => Err(format!("`{text}` is not a pinned policy")),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolved {
    /// The source said so.
    Source,
    /// A person said so.
    Person,
    /// The source stopped re-sending it.
    SourceQuiet,
}

impl Resolved {
    pub const ALL: [Self; 3] = [Self::Source, Self::Person, Self::SourceQuiet];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Person => "person",
            Self::SourceQuiet => "source_quiet",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == text)
    }
}

/// Who does something to an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    User(UserId),
    /// An API token without a person behind it; its name.
    Token(String),
    Source(IntegrationId),
    System,
}

impl Actor {
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::User(user) => Some(user),
            _ => None,
        }
    }
}

/// One line of an alert's timeline: what happened, to whom, how it went and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub at: Timestamp,
    pub kind: EntryKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// Of a notification: `sent`, `retry_after`, `rejected`, `misconfigured`, `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// In words: why this person, what held it back, until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    Triggered,
    /// Somebody is to be paged: who and why.
    Paged,
    /// An attempt over a contact method: how it went.
    Notified,
    /// A step that reaches nobody.
    Skipped,
    Held,
    Released,
    Acknowledged,
    /// Taken back.
    Unacknowledged,
    AckExpired,
    Snoozed,
    SnoozeEnded,
    Escalated,
    /// Given to somebody else, or to another policy.
    Reassigned,
    CatchAll,
    Resolved,
    Note,
    /// Something about the event itself (late replay, route failed).
    Event,
}

impl Alert {
    pub fn is_open(&self) -> bool {
        self.state != State::Resolved
    }

    /// When the engine has to look at it again: the earlier of the next action and the source's silence.
    pub fn ready_at(&self) -> Option<Timestamp> {
        if !self.is_open() {
            return None;
        }
        match (self.next.map(|next| next.at), self.quiet_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}
