//! Simulating and proving.

use super::caller::Viewer;
use super::extract::Json;
use super::{List, Problem};
use crate::app::App;
use crate::ops::foresee::{self, Question};
use crate::words;
use axum::extract::State;
use firedog_domain::prove::{Failure, Finding};
use firedog_domain::setup::{Channel, Urgency};
use firedog_domain::time::parse_length;
use firedog_domain::trace::TraceEntry;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One message that somebody would get.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Step {
    /// Seconds since the alert.
    after_s: i64,
    user: String,
    contact: String,
    #[schema(value_type = words::Channel)]
    channel: Channel,
    reason: String,
}

impl From<TraceEntry> for Step {
    fn from(entry: TraceEntry) -> Self {
        let TraceEntry { after, user, contact, channel, reason, .. } = entry;
        Self { after_s: after.as_secs(), user: user.0, contact: contact.0, channel, reason }
    }
}

/// `service` or `policy`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Simulated {
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    policy: Option<String>,
    /// Default: now.
    #[serde(default)]
    at: Option<Timestamp>,
    #[serde(default)]
    #[schema(value_type = Option<words::Urgency>)]
    urgency: Option<Urgency>,
    /// People who do not answer and cannot be reached.
    #[serde(default)]
    silent: Vec<String>,
    #[serde(default)]
    #[schema(value_type = Vec<words::Channel>)]
    channels_down: Vec<Channel>,
}

/// Who would be paged, when, how and why, if nobody answered
#[utoipa::path(post, path = "/simulate", tag = "foresight", request_body = Simulated, responses((status = 200, body = List<Step>)))]
pub(super) async fn simulate(
    _: Viewer,
    State(app): State<App>,
    Json(asked): Json<Simulated>,
) -> Result<axum::Json<List<Step>>, Problem> {
    let Simulated { service, policy, at, urgency, silent, channels_down } = asked;
    let trace = foresee::simulate(&app, Question { service, policy, at, urgency, silent, channels_down }).await?;
    Ok(axum::Json(List { items: trace.entries.into_iter().map(Step::from).collect(), next: None }))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Proved {
    #[serde(default = "ninety")]
    days: u32,
    /// A length: how long a human may take to be reached.
    #[serde(default = "half_an_hour")]
    within: String,
    /// Default: now.
    #[serde(default)]
    from: Option<Timestamp>,
}

fn ninety() -> u32 {
    90
}

fn half_an_hour() -> String {
    "30m".to_owned()
}

/// Whether a human is reached in time, whatever single thing fails.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Proof {
    ok: bool,
    from: Timestamp,
    to: Timestamp,
    findings: Vec<FindingRow>,
    /// People who may be paged and have shown no contact method that wakes them. They do not make the proof fail: that
    /// a telephone rang is known only to whoever heard it.
    lacking: Vec<LackingRow>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct LackingRow {
    user: String,
    why: String,
}

/// A span in which an alert would not reach a human in time.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct FindingRow {
    policy: String,
    #[schema(value_type = words::Urgency)]
    urgency: Urgency,
    from: Timestamp,
    until: Timestamp,
    failure: FailureRow,
    /// `null`: nobody at all.
    reached_after_s: Option<i64>,
    reason: String,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct FailureRow {
    #[schema(value_type = words::FailureKind)]
    kind: &'static str,
    /// The person or the channel; `null` when nothing fails.
    id: Option<String>,
}

impl From<Failure> for FailureRow {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::None => Self { kind: "none", id: None },
            Failure::Person(user) => Self { kind: "person", id: Some(user.0) },
            Failure::Channel(channel) => Self { kind: "channel", id: Some(channel.as_str().to_owned()) },
        }
    }
}

impl From<Finding> for FindingRow {
    fn from(finding: Finding) -> Self {
        let Finding { policy, urgency, from, until, failure, reached_after, reason } = finding;
        let reached_after_s = reached_after.map(|after: SignedDuration| after.as_secs());
        Self { policy: policy.0, urgency, from, until, failure: failure.into(), reached_after_s, reason }
    }
}

/// Prove that a human is reached in time, or show every span in which not
#[utoipa::path(post, path = "/prove", tag = "foresight", request_body = Proved, responses((status = 200, body = Proof)))]
pub(super) async fn prove(_: Viewer, State(app): State<App>, Json(asked): Json<Proved>) -> Result<axum::Json<Proof>, Problem> {
    let within = parse_length(&asked.within).map_err(Problem::invalid)?;
    let proof = foresee::prove(&app, asked.days, within, asked.from).await?;
    let findings: Vec<FindingRow> = proof.findings.into_iter().map(FindingRow::from).collect();
    let lacking = proof.lacking.into_iter().map(|row| LackingRow { user: row.user.0, why: row.lacking.unwrap_or_default() });
    let lacking = lacking.collect();
    Ok(axum::Json(Proof { ok: findings.is_empty(), from: proof.from, to: proof.to, findings, lacking }))
}
