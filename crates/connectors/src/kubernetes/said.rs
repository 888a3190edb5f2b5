//! What happened to a pod, and what it printed.

use super::{Kubernetes, MAX_SAID, check_names};
use crate::call::CallError;
use crate::output;
use jiff::Timestamp;
use serde::Deserialize;

/// Most lines of a log.
const MAX_LINES: u32 = 500;
/// The server cuts a log at its end, where the newest lines are: so it is asked for more than is kept.
const MAX_LOG: usize = 1 << 20;
/// Events that are read, and that are told.
const PAGE: &str = "200";
const MAX_EVENTS: usize = 50;

#[derive(Deserialize)]
struct List {
    items: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    metadata: Metadata,
    #[serde(rename = "type")]
    kind: Option<String>,
    reason: Option<String>,
    message: Option<String>,
    count: Option<u64>,
    last_timestamp: Option<String>,
    event_time: Option<String>,
    series: Option<Series>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    creation_timestamp: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Series {
    count: Option<u64>,
    last_observed_time: Option<String>,
}

impl Kubernetes {
    /// What happened to the pod within about an hour, the newest last. Clusters drop events, so their absence means nothing.
    pub async fn events(&self, namespace: &str, pod: &str) -> Result<Vec<String>, CallError> {
        check_names(&[namespace, pod])?;
        let of = format!("involvedObject.kind=Pod,involvedObject.name={pod}");
        let call = self.read(&["api", "v1", "namespaces", namespace, "events"]).query("fieldSelector", &of).query("limit", PAGE);
        let List { items } = call.send().await?.json()?;
        let mut events: Vec<_> = items.iter().map(|event| (event.at(), event.said())).collect();
        events.sort();
        let newest = events.split_off(events.len().saturating_sub(MAX_EVENTS));
        Ok(newest.into_iter().map(|(_, said)| said).collect())
    }

    /// The last lines, masked and whole; `previous`: of the run before the last restart.
    ///
    /// # Errors
    /// `Conflict`: the container does not run yet. `Missing`: no such pod, or no run before.
    pub async fn log(
        &self,
        namespace: &str,
        pod: &str,
        container: Option<&str>,
        lines: u32,
        previous: bool,
    ) -> Result<Vec<String>, CallError> {
        check_names(&[namespace, pod])?;
        container.map_or(Ok(()), |container| check_names(&[container]))?;
        let lines = lines.clamp(1, MAX_LINES);
        let call = self.site.get(&["api", "v1", "namespaces", namespace, "pods", pod, "log"]);
        let call = call.query("tailLines", &lines.to_string()).query("limitBytes", &MAX_LOG.to_string());
        let call = call.query("previous", if previous { "true" } else { "false" });
        let call = container.into_iter().fold(call, |call, container| call.query("container", container));
        let answer = call.start_of(MAX_LOG).send().await.map_err(not_running)?;
        let text = answer.text();
        // Cut by the server or by us, within a line.
        let is_cut = answer.cut || answer.body.len() >= MAX_LOG;
        let text = if is_cut { output::whole(&text).0 } else { &text };
        let mut from = text.len().saturating_sub(output::MAX_OUTPUT);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        let text = if from == 0 { text } else { output::without_first(&text[from..]) };
        let mut said = output::lines(text);
        Ok(said.split_off(said.len().saturating_sub(lines as usize)))
    }
}

/// All of these are said with one status.
fn not_running(error: CallError) -> CallError {
    match error {
        CallError::Rejected { reason } if reason.contains("is waiting to start") => CallError::conflict(reason),
        CallError::Rejected { reason } if reason.contains("previous terminated container") => CallError::missing(reason),
        other => other,
    }
}

impl Event {
    fn at(&self) -> Option<Timestamp> {
        let series = self.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
        let times = [self.last_timestamp.as_ref(), series, self.event_time.as_ref(), self.metadata.creation_timestamp.as_ref()];
        times.into_iter().flatten().find_map(|time| time.parse().ok())
    }

    fn said(&self) -> String {
        let text = |text: &Option<String>, max| output::line(text.as_deref().unwrap_or_default(), max);
        let mut said = format!("{}: {}", text(&self.reason, 60), text(&self.message, MAX_SAID));
        if self.kind.as_deref() == Some("Warning") {
            said.insert_str(0, "Warning ");
        }
        let count = self.series.as_ref().and_then(|series| series.count).or(self.count).unwrap_or(1);
        if count > 1 {
            said.push_str(&format!(" ({count} times)"));
        }
        match self.at() {
            Some(at) => format!("{at} {said}"),
            None => said,
        }
    }
}
