//! What every inbound dialect is told beside the body.

use crate::bounds;
use firedog_domain::event::{Action, Event, Severity};
use firedog_domain::id::IntegrationId;
use firedog_domain::time;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;

/// Through which integration a request came, when, and what that integration allows.
#[derive(Clone, Copy, Debug)]
pub struct Receipt<'a> {
    pub integration: &'a IntegrationId,
    /// Time of receipt.
    pub at: Timestamp,
    /// How long a trigger is believed that does not say so itself. `None`: until resolved
    /// (the Alertmanager API: [`crate::alertmanager::RESOLVE_TIMEOUT`]).
    pub quiet_after: Option<SignedDuration>,
    /// PagerDuty: refuse what the vendor refuses instead of mending it.
    pub strict: bool,
}

impl Receipt<'_> {
    /// An event with nothing but its identity. A trigger is valid as long as the integration believes it.
    pub(crate) fn event(&self, action: Action, dedup_key: String) -> Event {
        let quiet_at = self.quiet_after.map(|length| time::after(self.at, length));
        Event {
            integration: self.integration.clone(),
            action,
            dedup_key,
            summary: String::new(),
            severity: Severity::Critical,
            source: None,
            labels: BTreeMap::new(),
            details: Value::Null,
            links: Vec::new(),
            started_at: None,
            valid_until: quiet_at.filter(|_| action == Action::Trigger),
        }
    }
}

/// More alerts than one request may carry.
pub(crate) fn too_many(count: usize) -> Option<String> {
    (count > bounds::MAX_ALERTS)
        .then(|| format!("{count} alerts in one request are too many; send at most {}", bounds::MAX_ALERTS))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn now() -> Timestamp {
        "2026-01-02T03:05:00Z".parse().unwrap()
    }

    /// Runs `test` with a receipt of integration `checkout/in` at [`now`].
    pub(crate) fn with_receipt<T>(quiet_after: Option<SignedDuration>, strict: bool, test: impl FnOnce(&Receipt<'_>) -> T) -> T {
        test(&Receipt { integration: &IntegrationId::from("checkout/in"), at: now(), quiet_after, strict })
    }
}
