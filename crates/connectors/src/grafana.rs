//! Grafana's webhook contact point (unified alerting, body version 1), and the body of its
//! notification channels before version 9.

use crate::alertmanager::fingerprint;
use crate::{Receipt, Refusal, bounds, generic, receipt, when};
use firedog_domain::event::{Action, Event, Severity};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

mod legacy;
mod link;

pub use link::dashboard;

use crate::alertmanager::text::{self, Labels, without_empty};

/// The alerts of one message.
#[derive(Clone, Debug, PartialEq)]
pub struct Notified {
    pub events: Vec<Event>,
    /// How many alerts the sender cut off. They are missing, not resolved.
    pub truncated: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    org_id: Option<i64>,
    #[serde(default)]
    group_key: Option<String>,
    #[serde(default, rename = "externalURL")]
    external_url: Option<String>,
    #[serde(default)]
    truncated_alerts: Option<u64>,
    alerts: Vec<GrafanaAlert>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GrafanaAlert {
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
    #[serde(default, rename = "silenceURL")]
    silence_url: Option<String>,
    #[serde(default, rename = "dashboardURL")]
    dashboard_url: Option<String>,
    #[serde(default, rename = "panelURL")]
    panel_url: Option<String>,
    #[serde(default, rename = "imageURL")]
    image_url: Option<String>,
    #[serde(default)]
    values: Value,
    #[serde(default)]
    value_string: Option<String>,
    #[serde(default)]
    org_id: Option<i64>,
}

/// Reads a message. A body of neither shape (a custom payload template) is read as the generic one.
///
/// # Errors
/// 400: an alert of a wrong shape, or a custom payload that says nothing.
pub fn parse(body: &[u8], content_type: Option<&str>, receipt: &Receipt<'_>) -> Result<Notified, Refusal> {
    let shape: Shape = match serde_json::from_slice(body) {
        Ok(shape) => shape,
        Err(_) => return generic::parse(body, content_type, receipt).map(all),
    };
    if shape.alerts.is_array() {
        return unified(body, receipt);
    }
    if !shape.rule_id.is_null() && shape.state.is_string() {
        return legacy::parse(body, receipt).map(|event| all(event.into_iter().collect()));
    }
    generic::parse(body, content_type, receipt).map(all)
}

/// What tells the shapes apart.
#[derive(Deserialize)]
struct Shape {
    #[serde(default)]
    alerts: Value,
    #[serde(default, rename = "ruleId")]
    rule_id: Value,
    #[serde(default)]
    state: Value,
}

fn all(events: Vec<Event>) -> Notified {
    Notified { events, truncated: 0 }
}

fn unified(body: &[u8], receipt: &Receipt<'_>) -> Result<Notified, Refusal> {
    let body: Body = serde_json::from_slice(body)
        .map_err(|error| Refusal::malformed(format!("this is not a Grafana webhook, version 1: {error}")))?;
    if let Some(reason) = receipt::too_many(body.alerts.len()) {
        return Err(Refusal::plain(413, reason));
    }
    let events = body.alerts.iter().map(|alert| event(alert, &body, receipt));
    let events = events.collect::<Result<_, _>>().map_err(Refusal::malformed)?;
    Ok(Notified { events, truncated: body.truncated_alerts.unwrap_or(0) })
}

fn event(alert: &GrafanaAlert, body: &Body, receipt: &Receipt<'_>) -> Result<Event, String> {
    let action = match alert.status.as_deref() {
        Some("resolved") => Action::Resolve,
        Some("firing") | None => Action::Trigger,
        Some(other) => return Err(format!("alert status `{}` is neither firing nor resolved", bounds::cut(other, 40))),
    };
    let labels = without_empty(alert.labels.clone().unwrap_or_default());
    let annotations = alert.annotations.clone().unwrap_or_default();
    // Grafana's is over labels that it does not send, so it is taken as given.
    let own = match alert.fingerprint.as_deref().map(str::trim).filter(|given| !given.is_empty()) {
        Some(given) => given.to_owned(),
        None if labels.is_empty() => return Err("an alert has neither labels nor a fingerprint".to_owned()),
        None => fingerprint(&labels),
    };
    // Organisation 1 is the only one in most installations; the others are kept apart.
    let key = match alert.org_id.or(body.org_id) {
        None | Some(1) => own,
        Some(org) => format!("org{org}/{own}"),
    };
    let mut event = receipt.event(action, key);
    event.summary = text::summary(&labels, &annotations);
    event.severity = text::severity(&labels);
    event.source = text::source(&labels);
    event.started_at = alert.starts_at.as_deref().and_then(when::parse).filter(|at| !when::is_unset(*at));
    let generator_url = alert.generator_url.as_deref().unwrap_or("");
    let named = [
        (&alert.panel_url, "Panel"),
        (&alert.dashboard_url, "Dashboard"),
        (&alert.image_url, "Image"),
        (&alert.silence_url, "Silence"),
    ];
    for (href, text) in named {
        bounds::push_link(&mut event.links, href.as_deref().unwrap_or(""), text);
    }
    for link in text::links(generator_url, &annotations) {
        bounds::push_link(&mut event.links, &link.href, &link.text);
    }
    event.details = json!({ "annotations": annotations, "values": alert.values, "valueString": alert.value_string,
        "generatorURL": generator_url, "groupKey": body.group_key, "externalURL": body.external_url });
    event.labels = labels;
    bounds::finish(event)
}

#[cfg(test)]
mod tests;
