//! Why nothing comes up: a deployment never fails by itself, it waits.

use super::{MAX_BODY, MAX_NAME, Marathon, is_marathon, path};
use crate::call::CallError;
use crate::output;
use serde::Deserialize;

/// Reasons that are told.
const MAX_TOLD: usize = 4;

#[derive(Deserialize)]
struct Queue {
    queue: Vec<Waiting>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Waiting {
    /// A pod has none.
    app: Option<AppId>,
    #[serde(default)]
    count: u64,
    delay: Option<Delay>,
    processed_offers_summary: Option<Summary>,
}

#[derive(Deserialize)]
struct AppId {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delay {
    #[serde(default)]
    time_left_seconds: i64,
    /// The delay is over.
    #[serde(default)]
    overdue: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    reject_summary_last_offers: Option<Vec<Rejected>>,
}

#[derive(Deserialize)]
struct Rejected {
    reason: String,
    #[serde(default)]
    declined: u64,
    #[serde(default)]
    processed: u64,
}

impl Marathon {
    /// Why nothing comes up, in one sentence; `None`: it is not waiting.
    pub async fn stuck(&self, id: &str) -> Result<Option<String>, CallError> {
        let wanted: String = path(id, &[])?.iter().skip(2).map(|segment| format!("/{segment}")).collect();
        let call = self.site.get(&["v2", "queue"]).query("embed", "lastUnusedOffers").max_body(MAX_BODY);
        let Queue { queue } = call.send().await.map_err(is_marathon)?.json()?;
        let is_it = |waiting: &&Waiting| waiting.app.as_ref().is_some_and(|app| app.id == wanted);
        Ok(queue.iter().filter(|waiting| waiting.count > 0).find(is_it).map(Waiting::why))
    }
}

impl Waiting {
    fn why(&self) -> String {
        let who = if self.count == 1 { "1 instance waits".to_owned() } else { format!("{} instances wait", self.count) };
        if let Some(delay) = self.delay.as_ref().filter(|delay| !delay.overdue && delay.time_left_seconds > 0) {
            return format!("{who} for {} s more before the next attempt, since earlier ones failed", delay.time_left_seconds);
        }
        let rejected = self.processed_offers_summary.as_ref().and_then(|summary| summary.reject_summary_last_offers.as_ref());
        let reasons = rejected.into_iter().flatten().filter(|rejected| rejected.declined > 0).take(MAX_TOLD);
        let told = |rejected: &Rejected| {
            let reason = output::line(&rejected.reason, MAX_NAME);
            format!("{reason} ({} of {} offers)", rejected.declined, rejected.processed)
        };
        let reasons: Vec<String> = reasons.map(told).collect();
        if reasons.is_empty() {
            return format!("{who} for an offer of Mesos");
        }
        format!("{who} for an agent with room: {}", reasons.join(", "))
    }
}
