//! Alertmanager's webhook, version 4.

use super::fingerprint;
use super::text::{self, Labels, without_empty};
use crate::{Receipt, Refusal, bounds, receipt, when};
use firedog_domain::event::{Action, Event};
use serde::Deserialize;
use serde_json::{Value, json};

/// The alerts of one notification. Each alert's own `status` counts, not the group's.
#[derive(Clone, Debug, PartialEq)]
pub struct Notified {
    pub events: Vec<Event>,
    /// How many alerts the sender cut off (`max_alerts`). They are missing, not resolved.
    pub truncated: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    group_key: Option<String>,
    #[serde(default, rename = "externalURL")]
    external_url: Option<String>,
    #[serde(default)]
    truncated_alerts: Option<u64>,
    alerts: Vec<WebhookAlert>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WebhookAlert {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    labels: Option<Labels>,
    #[serde(default)]
    annotations: Option<Labels>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: Option<String>,
    #[serde(default)]
    fingerprint: Option<String>,
}

/// Reads a notification. The lease is hidden in it (`endsAt` is zero while firing), so a firing
/// alert is believed until resolved, or for the integration's `quiet_after`.
///
/// # Errors
/// 400: not this shape (most likely the receiver has a custom `payload`), or an alert without labels.
pub fn parse_webhook(body: &[u8], receipt: &Receipt<'_>) -> Result<Notified, Refusal> {
    let body: Body = serde_json::from_slice(body).map_err(|error| {
        Refusal::malformed(format!(
            "this is not an Alertmanager webhook, version 4 ({error}); a receiver with a custom `payload` has to post to /in/KEY/generic"
        ))
    })?;
    if let Some(reason) = receipt::too_many(body.alerts.len()) {
        return Err(Refusal::plain(413, reason));
    }
    let group = json!({ "groupKey": body.group_key, "externalURL": body.external_url });
    let events = body.alerts.into_iter().map(|alert| event(alert, &group, receipt));
    let events = events.collect::<Result<_, _>>().map_err(Refusal::malformed)?;
    Ok(Notified { events, truncated: body.truncated_alerts.unwrap_or(0) })
}

fn event(alert: WebhookAlert, group: &Value, receipt: &Receipt<'_>) -> Result<Event, String> {
    let action = match alert.status.as_deref() {
        Some("resolved") => Action::Resolve,
        Some("firing") | None => Action::Trigger,
        Some(other) => return Err(format!("alert status `{}` is neither firing nor resolved", bounds::cut(other, 40))),
    };
    let labels = without_empty(alert.labels.unwrap_or_default());
    let annotations = alert.annotations.unwrap_or_default();
    let key = match alert.fingerprint.filter(|given| !given.trim().is_empty()) {
        Some(given) => given,
        None if labels.is_empty() => return Err("an alert has neither labels nor a fingerprint".to_owned()),
        None => fingerprint(&labels),
    };
    let mut event = receipt.event(action, key);
    event.summary = text::summary(&labels, &annotations);
    event.severity = text::severity(&labels);
    event.source = text::source(&labels);
    event.started_at = alert.starts_at.as_deref().and_then(when::parse).filter(|at| !when::is_unset(*at));
    let generator_url = alert.generator_url.unwrap_or_default();
    event.links = text::links(&generator_url, &annotations);
    event.details = json!({ "annotations": annotations, "generatorURL": generator_url,
        "groupKey": group["groupKey"], "externalURL": group["externalURL"] });
    event.labels = labels;
    bounds::finish(event)
}
