//! Alertmanager, in both roles: *being* one, that Prometheus posts to and amtool queries
//! ([`parse_alerts`], the types and rules of its API version 2), and *receiving* from one
//! ([`parse_webhook`], its webhook version 4). Facts are of Alertmanager 0.34.

use crate::Refusal;
use jiff::SignedDuration;
use serde_json::json;

mod answer;
mod fingerprint;
mod posted;
mod query;
mod silence;
pub(crate) mod text;
mod webhook;

pub use answer::{API_VERSION, AlertGroup, AlertState, GettableAlert, Receiver, Status, StatusOfAlert, original_config};
pub use fingerprint::fingerprint;
pub use posted::{Posted, parse_alerts};
pub use query::{AlertQuery, SilenceQuery};
pub use silence::{GettableSilence, JsonMatcher, PostableSilence, SilencePhase, Written, parse_silence};
pub use webhook::{Notified, parse_webhook};

/// How long an alert without `endsAt` is believed, unless the integration says otherwise.
pub const RESOLVE_TIMEOUT: SignedDuration = SignedDuration::from_mins(5);

/// An error of the API itself: its body is a JSON string.
pub fn refuse(status: u16, reason: impl Into<String>) -> Refusal {
    let reason = reason.into();
    Refusal { status, body: json!(reason), reason }
}

/// A body or parameter that does not fit the schema: `{"code", "message"}`, from the generated layer.
pub fn refuse_schema(status: u16, reason: impl Into<String>) -> Refusal {
    let reason = reason.into();
    Refusal { status, body: json!({ "code": status, "message": reason }), reason }
}

/// The answer of `/api/v1/*`: 410 since 0.27.
pub fn refuse_v1() -> Refusal {
    let reason = "The Alertmanager v1 API was deprecated in version 0.16.0 and is removed as of version 0.27.0 - please use the equivalent route in the v2 API";
    Refusal { status: 410, reason: reason.to_owned(), body: json!({ "status": "deprecated", "error": reason }) }
}

#[cfg(test)]
mod tests;
