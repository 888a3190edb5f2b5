//! What is sent to a person: the same for every channel. Each channel makes of it what it can carry.

use firedog_domain::alert::{Alert, State};
use firedog_domain::delivery::Kind;
use firedog_domain::event::Severity;
use firedog_domain::id::*;
use firedog_domain::setup::{Address, Content, Urgency};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use std::collections::BTreeMap;

/// One notification, ready to go out.
#[derive(Clone)]
pub struct Message {
    pub kind: Kind,
    /// The same for every attempt: who receives it twice can tell.
    pub idempotency_key: String,
    /// Of a push message: one device.
    pub address: Address,
    /// In plain text; signs webhooks.
    pub secret: Option<String>,
    pub content: Content,
    /// The address stands in a setup file or connection, so it may be a private one.
    pub admin_named: bool,
    pub user: UserId,
    pub user_name: String,
    /// The person's zone: times in texts are theirs.
    pub zone: TimeZone,
    pub alert: AlertView,
    /// Further alerts that go out with this one.
    pub others: Vec<Other>,
    /// Why this person; of the other kinds, who acknowledged or what ended it. Without alert text:
    /// it goes over minimal contact methods too.
    pub reason: String,
    /// More of the same, a line each: which rule, what was held back and until when. Not sent when minimal.
    pub why: Vec<String>,
    pub ack_url: String,
    /// Where a program that shows the message says that it has.
    pub receipt_url: Option<String>,
    /// Where the server is, for the foot of a mail.
    pub public_url: String,
    /// Time of this attempt.
    pub at: Timestamp,
    /// It is about no alert; `alert.summary` and `reason` are its words, `ack_url` is where it leads.
    pub aside: Option<Aside>,
}

/// What a message is that is about no alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aside {
    /// Somebody tries out a contact method.
    Test,
    /// A device is looked after: nobody has to do anything.
    Routine,
    /// Somebody asks or tells something, at leisure.
    Ask,
}

/// A further alert in a message. Its link is its own: each alert is acknowledged for itself.
#[derive(Clone)]
pub struct Other {
    pub alert: AlertView,
    pub ack_url: String,
}

/// An alert as everybody outside sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertView {
    pub id: AlertId,
    /// `None`: a page by hand.
    pub service: Option<ServiceId>,
    pub state: State,
    pub urgency: Urgency,
    pub severity: Severity,
    pub summary: String,
    pub dedup_key: String,
    pub labels: BTreeMap<String, String>,
    pub created_at: Timestamp,
    pub count: i64,
}

impl From<&Alert> for AlertView {
    fn from(alert: &Alert) -> Self {
        Self {
            id: alert.id.clone(),
            service: alert.service.clone(),
            state: alert.state,
            urgency: alert.urgency,
            severity: alert.severity,
            summary: alert.summary.clone(),
            dedup_key: alert.dedup_key.clone(),
            labels: alert.labels.clone(),
            created_at: alert.created_at,
            count: alert.count,
        }
    }
}

impl AlertView {
    /// `service: summary`, in one line.
    pub(crate) fn title(&self) -> String {
        let summary = crate::bounds::one_line(&self.summary);
        match &self.service {
            Some(service) => format!("{service}: {summary}"),
            None => summary,
        }
    }
}
