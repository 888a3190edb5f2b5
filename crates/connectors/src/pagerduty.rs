//! The PagerDuty Events API as its senders know it: v2 alert and change events, v1.
//!
//! Two stages, because the routing key is in the body: parse, look the key up, and then
//! `into_event` with what the integration allows. Paths, codes and wording follow the vendor's
//! published schema and what shipped clients decode.

use crate::bounds;
use crate::scalar::Scalar;
use crate::{Receipt, Refusal};
use firedog_domain::event::{Action, Link, Severity};
use serde_json::{Value, json};
use std::collections::BTreeMap;

mod change;
mod v1;
mod v2;

pub use change::{Change, ChangeEnvelope, parse_change};
pub use v1::{EnvelopeV1, parse_v1};
pub use v2::{Envelope, parse_v2};

/// Largest body, in bytes: the vendor's 512 KB; Alertmanager cuts its own at 512,000.
pub const MAX_BODY_BYTES: usize = 524_288;

/// An accepted event, and what was mended in it to accept it.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    pub event: firedog_domain::event::Event,
    pub warnings: Vec<String>,
}

/// The body of a 202 to a v2 event. Python clients raise when `dedup_key` is missing, on resolves too.
pub fn success_v2(dedup_key: &str) -> Value {
    json!({ "status": "success", "message": "Event processed", "dedup_key": dedup_key })
}

/// The body of a 200 (Go's client takes no other code) to a v1 event.
pub fn success_v1(incident_key: &str) -> Value {
    json!({ "status": "success", "message": "Event processed", "incident_key": incident_key })
}

/// The body of a 202 to a change event.
pub fn success_change() -> Value {
    json!({ "status": "success", "message": "Change event processed" })
}

/// The key is well formed but nobody's. 400: a 401 makes Python clients raise at once without the reason.
pub fn unknown_key() -> Refusal {
    invalid(vec!["Invalid routing key".to_owned()])
}

/// The body is larger than [`MAX_BODY_BYTES`].
pub fn too_large() -> Refusal {
    let mut refusal = invalid(vec![format!("Event object is too large (maximum is {MAX_BODY_BYTES} bytes)")]);
    refusal.status = 413;
    refusal
}

/// Over the key's rate limit: 429 on v2. The caller adds `Retry-After`.
pub fn throttled_v2() -> Refusal {
    throttled(429)
}

/// Over the key's rate limit: v1 has no 429, its clients know 403.
pub fn throttled_v1() -> Refusal {
    throttled(403)
}

fn throttled(status: u16) -> Refusal {
    let message = "Requests for this service are arriving too quickly. Please retry later.";
    Refusal {
        status,
        reason: message.to_owned(),
        body: json!({ "status": "throttle exceeded", "message": message, "errors": [message] }),
    }
}

/// 503: we cannot take it now; every client but the oldest retries.
pub fn overloaded() -> Refusal {
    let message = "Event could not be stored. Please retry later.";
    Refusal {
        status: 503,
        reason: message.to_owned(),
        body: json!({ "status": "error", "message": message, "errors": [message] }),
    }
}

fn invalid(errors: Vec<String>) -> Refusal {
    Refusal {
        status: 400,
        reason: errors.join("; "),
        body: json!({ "status": "invalid event", "message": "Event object is invalid", "errors": errors }),
    }
}

fn unrecognized() -> Refusal {
    Refusal {
        status: 400,
        reason: "Event object format is unrecognized: JSON parse error".to_owned(),
        body: json!({ "status": "Unrecognized object", "message": "Event object format is unrecognized", "errors": ["JSON parse error"] }),
    }
}

/// Reads the body's object; tells what is no JSON object at all from what is a wrong one.
fn read<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    let is_object = body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
    if !is_object {
        return Err(unrecognized());
    }
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => invalid(vec![bounds::cut(&error.to_string(), 300)]),
        _ => unrecognized(),
    })
}

/// Body, then header, then path; the first that is there (pdpyras up to 4.1.2 sends only the header).
fn routing_key(field: &str, body: &Scalar<'_>, header: Option<&str>, path: Option<&str>) -> Result<String, Refusal> {
    if body.is_wrong_type() {
        return Err(invalid(vec![format!("{field} is invalid (must be a string)")]));
    }
    let given = [body.text(), header, path].into_iter().flatten().map(str::trim).find(|key| !key.is_empty());
    match given {
        // No integration has such a key, and it would be hashed and logged for nothing.
        Some(key) if key.len() > MAX_ROUTING_KEY => Err(invalid(vec![format!("{field} is too long")])),
        Some(key) => Ok(key.to_owned()),
        None => Err(invalid(vec![format!("{field} is missing or blank")])),
    }
}

/// Longest key that is looked up, in bytes.
const MAX_ROUTING_KEY: usize = 255;

/// The vendor's keys are 32 alphanumeric characters. Ours may be anything of 16 or more, so only
/// `strict` integrations check.
fn check_strict_key(field: &str, key: &str, errors: &mut Vec<String>) {
    if key.chars().count() != 32 {
        errors.push(format!("Length of '{field}' is incorrect (should be 32 characters)"));
    }
    if !key.chars().all(|c| c.is_ascii_alphanumeric()) {
        errors.push(format!("'{field}' cannot contain non-alphanumeric characters."));
    }
}

fn action(field: &str, given: &Scalar<'_>, strict: bool, errors: &mut Vec<String>) -> Option<Action> {
    let word = given.text().unwrap_or("");
    let found = match word {
        "trigger" => Some(Action::Trigger),
        "acknowledge" => Some(Action::Acknowledge),
        "resolve" => Some(Action::Resolve),
        _ if strict => None,
        _ => match word.trim().to_ascii_lowercase().as_str() {
            "trigger" => Some(Action::Trigger),
            "acknowledge" => Some(Action::Acknowledge),
            "resolve" => Some(Action::Resolve),
            _ => None,
        },
    };
    if found.is_none() {
        errors.push(format!("{field} is invalid (must be one of: trigger acknowledge resolve)"));
    }
    found
}

/// The key that names the alert: the sender's, or a made-up one for a trigger without.
fn dedup_key(
    field: &str,
    given: &Scalar<'_>,
    action: Option<Action>,
    new_key: impl FnOnce() -> String,
    errors: &mut Vec<String>,
) -> String {
    if matches!(given, Scalar::Other) {
        errors.push(format!("{field} is invalid (must be a string)"));
    }
    match given.text() {
        Some(key) => {
            if let Err(error) = bounds::check_dedup_key(key) {
                errors.push(error.replace("dedup_key", field));
            }
            key.to_owned()
        }
        None if action == Some(Action::Trigger) => new_key(),
        None => {
            errors.push(format!("{field} is missing or blank"));
            String::new()
        }
    }
}

fn check_summary(field: &str, given: &Scalar<'_>, strict: bool, errors: &mut Vec<String>) {
    let Some(summary) = given.text() else {
        errors.push(format!("{field} is missing or blank"));
        return;
    };
    if strict && given.is_wrong_type() {
        errors.push(format!("{field} is invalid (must be a string)"));
    }
    if strict && summary.chars().count() > firedog_domain::event::MAX_SUMMARY {
        errors.push(format!("{field} is too long (maximum is {} characters)", firedog_domain::event::MAX_SUMMARY));
    }
}

fn severity(given: &Scalar<'_>, strict: bool, errors: &mut Vec<String>, warnings: &mut Vec<String>) -> Severity {
    let exact = match given {
        Scalar::Text(word) => match word.as_ref() {
            "critical" => Some(Severity::Critical),
            "error" => Some(Severity::Error),
            "warning" => Some(Severity::Warning),
            "info" => Some(Severity::Info),
            _ => None,
        },
        _ => None,
    };
    if let Some(severity) = exact {
        return severity;
    }
    if strict {
        errors.push("payload.severity is invalid (must be one of: critical error warning info)".to_owned());
    }
    let severity = given.text().and_then(|word| Severity::parse_lenient(word.trim())).unwrap_or_default();
    let shown = bounds::cut(given.text().unwrap_or("(none)"), 40);
    warnings.push(format!("payload.severity {shown} was taken for {}", severity.as_str()));
    severity
}

/// The labels that routes and silences can match on.
fn labels<'a>(fields: [(&str, &'a Scalar<'a>); 5]) -> BTreeMap<String, String> {
    let present = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.text()?.to_owned())));
    present.collect()
}

/// `links: [{href, text}]` and `images: [{src, href, alt}]`; anything else in them is passed over.
fn links(client_url: Option<&str>, client: Option<&str>, links: &Value, images: &Value) -> Vec<Link> {
    let mut found = Vec::new();
    if let Some(href) = client_url {
        bounds::push_link(&mut found, href, client.unwrap_or(""));
    }
    for link in links.as_array().into_iter().flatten() {
        let text = |name: &str| link.get(name).and_then(Value::as_str);
        bounds::push_link(&mut found, text("href").unwrap_or(""), text("text").unwrap_or(""));
    }
    for image in images.as_array().into_iter().flatten() {
        let text = |name: &str| image.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
        let alt = text("alt").or_else(|| text("text")).unwrap_or("image");
        bounds::push_link(&mut found, text("src").unwrap_or(""), alt);
        bounds::push_link(&mut found, text("href").unwrap_or(""), alt);
    }
    found
}

#[cfg(test)]
mod tests;
