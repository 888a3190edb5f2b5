//! Events: messages from outside about an alert. Connectors make them; [`crate::route`] finds their
//! service; [`crate::alert::decide`] does the rest.

use crate::id::*;
use crate::setup::Urgency;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Trigger,
    Acknowledge,
    Resolve,
}

/// PD-CEF's four levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    #[default]
    Critical,
    Error,
    Warning,
    Info,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }

    /// Maps the words that senders use; `None` for a word nobody knows.
    pub fn parse_lenient(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "critical" | "crit" | "fatal" | "emergency" | "high" | "page" | "p1" => Self::Critical,
            "error" | "err" | "major" | "p2" => Self::Error,
            "warning" | "warn" | "minor" | "medium" | "p3" => Self::Warning,
            "info" | "ok" | "low" | "notice" | "none" | "informational" | "p4" | "p5" => Self::Info,
            _ => return None,
        })
    }
}

/// One parsed message. All text has been cut to the bounds below and masked by the dialect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub integration: IntegrationId,
    pub action: Action,
    /// Identity within the service. Dialects that allow none make one up before this point.
    pub dedup_key: String,
    #[serde(default)]
    pub summary: String,
    #[serde(default)]
    pub severity: Severity,
    /// The affected system, as the sender names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Free JSON of the sender (custom details, annotations), kept for people to read.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub details: serde_json::Value,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// When the source says that this episode began. A trigger of an episode that the source itself
    /// has ended is a late replay and opens nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// The source promises to send again before this instant; past it the alert is `source_quiet`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub href: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// Longest dedup key, in characters (PagerDuty's limit). Longer ones are refused, never cut: a cut key merges alerts.
pub const MAX_DEDUP_KEY: usize = 255;
/// Longest summary, in characters (PagerDuty's limit). Longer ones are cut.
pub const MAX_SUMMARY: usize = 1024;

/// What the routes made of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routing {
    pub service: ServiceId,
    pub urgency: Urgency,
    /// Which route matched (its place in the list), or why the catch-all has it.
    pub because: Because,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// No route matched: the integration's own service.
    NoRoute,
    Route(usize),
    /// Route `.0` could not be evaluated, for the reason `.1`: pages the catch-all as well.
    RouteFailed(usize, String),
}
