//! `POST /api/v2/alerts`: what Prometheus and amtool send.

use super::text::{self, Labels, without_empty};
use super::{RESOLVE_TIMEOUT, fingerprint, refuse, refuse_schema};
use crate::{Receipt, Refusal, bounds, receipt, when};
use firedog_domain::event::{Action, Event};
use firedog_domain::time;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

/// The valid alerts of a request, which are kept, and what is wrong with the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Posted {
    pub events: Vec<Event>,
    pub errors: Vec<String>,
}

impl Posted {
    /// The answer when the events are stored: `None` is 200 with an empty body, else 400 although
    /// the valid ones were kept, as Alertmanager does.
    pub fn refusal(&self) -> Option<Refusal> {
        (!self.errors.is_empty()).then(|| refuse(400, self.errors.join("; ")))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostableAlert {
    labels: Labels,
    #[serde(default)]
    annotations: Option<Labels>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: Option<String>,
}

/// Reads a batch. A firing alert is believed until its `endsAt`; without one, for the integration's
/// `quiet_after` or [`RESOLVE_TIMEOUT`].
///
/// # Errors
/// Not an array, a label that is no string, an unreadable time: 400, and nothing of it is kept.
/// More than [`bounds::MAX_ALERTS`] alerts: 413.
pub fn parse_alerts(body: &[u8], receipt: &Receipt<'_>) -> Result<Posted, Refusal> {
    let wrong = |error: serde_json::Error| refuse_schema(400, format!("parsing alerts body failed, because {error}"));
    let alerts: Vec<PostableAlert> = serde_json::from_slice(body).map_err(wrong)?;
    if let Some(reason) = receipt::too_many(alerts.len()) {
        return Err(refuse_schema(413, reason));
    }
    let mut posted = Posted::default();
    for alert in alerts {
        let starts_at = given_time("startsAt", alert.starts_at.as_deref())?;
        let ends_at = given_time("endsAt", alert.ends_at.as_deref())?;
        match event(alert, starts_at, ends_at, receipt) {
            Ok(event) => posted.events.push(event),
            Err(error) => posted.errors.push(error),
        }
    }
    Ok(posted)
}

/// Year 1 is how Go writes "not set"; amtool sends it.
fn given_time(field: &str, text: Option<&str>) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let at = when::parse(text)
        .ok_or_else(|| refuse_schema(400, format!("{field}: `{}` is not a date-time", bounds::cut(text, 60))))?;
    Ok(Some(at).filter(|at| !when::is_unset(*at)))
}

fn event(
    alert: PostableAlert,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    receipt: &Receipt<'_>,
) -> Result<Event, String> {
    let now = receipt.at;
    let starts_at = starts_at.or(ends_at).unwrap_or(now);
    if ends_at.is_some_and(|ends_at| ends_at < starts_at) {
        return Err("start time must be before end time".to_owned());
    }
    let labels = without_empty(alert.labels);
    if labels.is_empty() {
        return Err("at least one label pair required".to_owned());
    }
    if labels.keys().any(String::is_empty) {
        return Err("invalid label set: invalid name \"\"".to_owned());
    }
    let annotations = alert.annotations.unwrap_or_default();
    let is_resolved = ends_at.is_some_and(|ends_at| ends_at <= now);
    let action = if is_resolved { Action::Resolve } else { Action::Trigger };
    let mut event = receipt.event(action, fingerprint(&labels));
    event.summary = text::summary(&labels, &annotations);
    event.severity = text::severity(&labels);
    event.source = text::source(&labels);
    event.started_at = Some(starts_at);
    if !is_resolved {
        let believed = receipt.quiet_after.unwrap_or(RESOLVE_TIMEOUT);
        event.valid_until = Some(ends_at.unwrap_or_else(|| time::after(now, believed)));
    }
    let generator_url = alert.generator_url.unwrap_or_default();
    event.links = text::links(&generator_url, &annotations);
    event.details = json!({ "annotations": annotations, "generatorURL": generator_url });
    event.labels = labels;
    bounds::finish(event)
}
