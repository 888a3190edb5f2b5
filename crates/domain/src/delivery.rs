//! Notifications: attempts to deliver a page over a contact method, and what their outcomes lead to.

use crate::id::*;
use crate::setup::{Channel, Urgency};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

mod record;
pub use record::{Recorded, record, tell};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    pub id: NotificationId,
    pub alert: AlertId,
    /// Number of the alert's page (a step pages all its targets as one page).
    pub page: u32,
    pub user: UserId,
    pub contact: ContactId,
    pub channel: Channel,
    pub kind: Kind,
    pub urgency: Urgency,
    pub state: Delivery,
    /// Due time while pending, end of the lease while sending, else none.
    pub ready_at: Option<Timestamp>,
    /// Attempts begun so far.
    pub attempt: u32,
    /// Raised by each claim; an outcome under an old fence is not written.
    pub fence: i64,
    pub created_at: Timestamp,
    /// Why this person: shown in the message and in the timeline.
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Page,
    /// Somebody has it; only to those already paged.
    Acknowledged,
    /// It is over; only to those already paged.
    Resolved,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    Pending,
    /// Claimed: an attempt may be under way.
    Sending,
    Sent,
    /// It may have arrived; tried often enough to stop.
    Unknown,
    Failed,
    Cancelled,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Page, Self::Acknowledged, Self::Resolved];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == text)
    }
}

impl Delivery {
    pub const ALL: [Self; 6] = [Self::Pending, Self::Sending, Self::Sent, Self::Unknown, Self::Failed, Self::Cancelled];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.as_str() == text)
    }
    /// Nothing more will be tried.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Sending)
    }
}

/// What a provider made of an attempt, split by what we do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Accepted by the provider.
    Sent,
    /// Not now; the provider may have named a delay.
    RetryAfter { after: Option<SignedDuration>, reason: String },
    /// This message or address will never be accepted.
    Rejected { reason: String },
    /// Nothing can be sent this way until somebody mends the configuration.
    Misconfigured { reason: String },
    /// The connection broke after the message had gone out: it may have arrived.
    Unknown { reason: String },
}

impl Outcome {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::RetryAfter { .. } => "retry_after",
            Self::Rejected { .. } => "rejected",
            Self::Misconfigured { .. } => "misconfigured",
            Self::Unknown { .. } => "unknown",
        }
    }
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Sent => None,
            Self::RetryAfter { reason, .. }
            | Self::Rejected { reason }
            | Self::Misconfigured { reason }
            | Self::Unknown { reason } => Some(reason),
        }
    }
}
