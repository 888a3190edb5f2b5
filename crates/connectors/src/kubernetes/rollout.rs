//! How far a rollout is, in the order in which kubectl asks.

use super::MAX_SAID;
use crate::output;
use jiff::Timestamp;
use serde::Deserialize;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollout {
    Done,
    /// How far, in words.
    Going(String),
    /// It made no progress for longer than the deployment allows, and may still recover.
    Failed(String),
}

/// What is missing is zero.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    observed_generation: Option<u64>,
    replicas: Option<u64>,
    updated_replicas: Option<u64>,
    available_replicas: Option<u64>,
    conditions: Option<Vec<Condition>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: Option<String>,
    reason: Option<String>,
    message: Option<String>,
    last_update_time: Option<String>,
}

impl Status {
    /// When the rollout of now has last come on.
    pub(super) fn progressed_at(&self) -> Option<Timestamp> {
        self.condition("Progressing")?.last_update_time.as_deref()?.parse().ok()
    }

    pub(super) fn rollout(&self, generation: u64, wanted: u64) -> Rollout {
        let count = |number: Option<u64>| number.unwrap_or(0);
        let (updated, available) = (count(self.updated_replicas), count(self.available_replicas));
        // Until the controller has seen the change, everything else is of the one before, its success too.
        if count(self.observed_generation) < generation {
            return Rollout::Going("the cluster has not seen the change yet".to_owned());
        }
        let late = self.condition("Progressing").filter(|found| found.reason.as_deref() == Some("ProgressDeadlineExceeded"));
        if let Some(late) = late {
            return Rollout::Failed(self.with_failure(match late.said() {
                Some(said) => format!("no progress for too long: {said}"),
                None => "no progress for too long".to_owned(),
            }));
        }
        let old = count(self.replicas).saturating_sub(updated);
        let going = if updated < wanted {
            format!("{updated} of {wanted} pods are new")
        } else if old > 0 {
            format!("{old} old pods are still there")
        } else if available < updated {
            format!("{available} of {updated} new pods are available")
        } else {
            return Rollout::Done;
        };
        Rollout::Going(self.with_failure(going))
    }

    fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().flatten().find(|condition| condition.kind == kind)
    }

    /// A quota or a policy keeps pods from being made at all, so that no pod tells of it.
    fn with_failure(&self, text: String) -> String {
        let failure = self.condition("ReplicaFailure").filter(|found| found.status.as_deref() == Some("True"));
        match failure.and_then(Condition::said) {
            Some(said) => format!("{text}; {said}"),
            None => text,
        }
    }
}

impl Condition {
    fn said(&self) -> Option<String> {
        let text = self.message.as_deref().or(self.reason.as_deref())?;
        Some(output::line(text, MAX_SAID)).filter(|line| !line.is_empty())
    }
}
