//! The generic shape: JSON or a form with `summary`, `dedup_key`, `action`, `severity`, `details`;
//! other people's names for these as a fallback; an array of such objects; or plain text, whose
//! first line is the summary.

use crate::{Receipt, Refusal, bounds, receipt, when};
use firedog_domain::event::{Action, Event, Severity};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

// First hit wins. Our own names come first.
const KEYS: [&str; 7] = ["dedup_key", "alert_uid", "fingerprint", "incident_key", "alias", "id", "alert_id"];
const TITLES: [&str; 7] = ["summary", "title", "subject", "name", "message", "text", "msg"];
const SEVERITIES: [&str; 4] = ["severity", "level", "priority", "urgency"];
const STATES: [&str; 5] = ["action", "event_action", "state", "status", "alert_state"];
const LINKS: [&str; 6] = ["link", "url", "link_to_upstream_details", "html_url", "client_url", "image_url"];
const SOURCES: [&str; 4] = ["source", "host", "hostname", "instance"];

/// Reads one message or several.
///
/// A trigger without a dedup key gets one made of its summary and source, so that the same message
/// sent again is the same alert; its resolve has to name that alert by a key of its own, so a
/// resolve or acknowledge without one is refused.
///
/// # Errors
/// 400 with the reason: broken JSON, nothing to call the alert, an unknown `action`.
pub fn parse(body: &[u8], content_type: Option<&str>, receipt: &Receipt<'_>) -> Result<Vec<Event>, Refusal> {
    let objects = read(body, content_type).map_err(Refusal::malformed)?;
    if let Some(reason) = receipt::too_many(objects.len()) {
        return Err(Refusal::plain(413, reason));
    }
    let several = objects.len() > 1;
    let events = objects.into_iter().enumerate().map(|(n, object)| {
        event(object, receipt).map_err(|reason| if several { format!("alert {}: {reason}", n + 1) } else { reason })
    });
    events.collect::<Result<_, _>>().map_err(Refusal::malformed)
}

fn read(body: &[u8], content_type: Option<&str>) -> Result<Vec<Map<String, Value>>, String> {
    let media_type = content_type.unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    if media_type == "application/x-www-form-urlencoded" && body.first().is_none_or(|first| !matches!(first, b'{' | b'[')) {
        return form(body).map(|object| vec![object]);
    }
    let first = body.iter().find(|b| !b.is_ascii_whitespace());
    if matches!(first, Some(b'{' | b'[')) || media_type == "application/json" {
        return match serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))? {
            Value::Object(object) => Ok(vec![object]),
            Value::Array(items) => items.into_iter().map(object).collect(),
            _ => Err("the body is neither a JSON object nor an array of objects".to_owned()),
        };
    }
    let text = std::str::from_utf8(body).map_err(|_| "the body is neither JSON nor UTF-8 text".to_owned())?;
    let title = text.lines().map(str::trim).find(|line| !line.is_empty()).ok_or("the body is empty")?;
    let mut object = Map::from_iter([("summary".to_owned(), Value::from(title))]);
    if text.trim() != title {
        object.insert("details".to_owned(), Value::from(text.trim()));
    }
    Ok(vec![object])
}

fn object(item: Value) -> Result<Map<String, Value>, String> {
    match item {
        Value::Object(object) => Ok(object),
        _ => Err("every item of the array must be an object".to_owned()),
    }
}

/// A form; `details` may be JSON, and `payload` (GitHub) or `data` (Uptime Kuma) may hold the whole message as JSON.
fn form(body: &[u8]) -> Result<Map<String, Value>, String> {
    let mut fields: Map<String, Value> =
        url::form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect();
    for whole in ["payload", "data"] {
        if let Some(text) = fields.get(whole).and_then(Value::as_str)
            && let Ok(Value::Object(object)) = serde_json::from_str(text)
        {
            return Ok(object);
        }
    }
    if let Some(json) = fields.get("details").and_then(Value::as_str).and_then(|text| serde_json::from_str::<Value>(text).ok())
        && (json.is_object() || json.is_array())
    {
        fields.insert("details".to_owned(), json);
    }
    Ok(fields)
}

fn event(mut object: Map<String, Value>, receipt: &Receipt<'_>) -> Result<Event, String> {
    let action = action(&object)?;
    let key = first(&object, &KEYS);
    let summary = first(&object, &TITLES);
    let source = first(&object, &SOURCES);
    let key = match (key, &summary) {
        (Some(key), _) => key,
        (None, _) if action != Action::Trigger => return Err("dedup_key is missing: which alert is meant?".to_owned()),
        (None, Some(summary)) => derived_key(summary, source.as_deref()),
        (None, None) => return Err(format!("summary is missing; name what is wrong in one of: {}", TITLES.join(", "))),
    };
    let mut event = receipt.event(action, key);
    event.summary = summary.unwrap_or_else(|| event.dedup_key.clone());
    event.severity = first(&object, &SEVERITIES).and_then(|word| Severity::parse_lenient(word.trim())).unwrap_or_default();
    event.started_at = first(&object, &["startsAt", "starts_at", "started_at"])
        .and_then(|text| when::parse(&text))
        .filter(|at| !when::is_unset(*at));
    event.labels = labels(object.get("labels"));
    event.labels.extend(source.iter().map(|source| ("source".to_owned(), source.clone())));
    event.source = source;
    for name in LINKS {
        if let Some(href) = object.get(name).and_then(Value::as_str) {
            bounds::push_link(&mut event.links, href, "");
        }
    }
    for link in object.get("links").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| link.get(name).and_then(Value::as_str).unwrap_or("");
        bounds::push_link(&mut event.links, link.as_str().unwrap_or(text("href")), text("text"));
    }
    event.details = match object.remove("details") {
        Some(details) if !details.is_null() => details,
        // Of another shape: everything that was not understood above.
        _ => {
            for name in ["labels", "links"].iter().chain(&KEYS).chain(&TITLES).chain(&SEVERITIES).chain(&STATES) {
                if object.get(*name).is_some_and(|value| value.as_str().is_none_or(|text| text.len() < 256)) {
                    object.remove(*name);
                }
            }
            if object.is_empty() { Value::Null } else { Value::Object(object) }
        }
    };
    bounds::finish(event)
}

/// The words of `action` are ours and a wrong one is a mistake that its author should see. The other
/// fields are somebody else's: whatever is not known to be over, fires.
fn action(object: &Map<String, Value>) -> Result<Action, String> {
    let Some(field) = STATES.iter().find(|name| scalar(object.get(**name)).is_some()) else { return Ok(Action::Trigger) };
    let word = scalar(object.get(*field)).unwrap_or_default().trim().to_ascii_lowercase();
    match word.as_str() {
        "ok" | "resolved" | "resolve" | "recovered" | "recovery" | "up" | "closed" | "close" | "success" | "inactive"
        | "normal" => Ok(Action::Resolve),
        "acknowledge" | "acknowledged" | "ack" => Ok(Action::Acknowledge),
        "trigger" | "triggered" | "firing" | "fire" | "alerting" | "alert" | "alarm" | "down" | "problem" | "open" | "opened"
        | "create" | "created" | "new" => Ok(Action::Trigger),
        _ if *field == "action" => {
            Err(format!("action `{}` is not one of: trigger, acknowledge, resolve", bounds::cut(&word, 40)))
        }
        _ => Ok(Action::Trigger),
    }
}

/// The same summary from the same source is the same alert.
fn derived_key(summary: &str, source: Option<&str>) -> String {
    let mut hash = Sha256::new();
    hash.update(summary);
    hash.update([0]);
    hash.update(source.unwrap_or(""));
    let hex: String = hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("auto-{hex}")
}

fn first(object: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| scalar(object.get(*name)))
}

/// A string that is not blank, or a number.
fn scalar(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn labels(value: Option<&Value>) -> BTreeMap<String, String> {
    let fields = value.and_then(Value::as_object).into_iter().flatten();
    fields
        .filter_map(|(name, value)| match value {
            Value::Bool(b) => Some((name.clone(), b.to_string())),
            value => Some((name.clone(), scalar(Some(value))?)),
        })
        .collect()
}

#[cfg(test)]
mod tests;
