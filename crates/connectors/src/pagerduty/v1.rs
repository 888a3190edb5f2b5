//! `POST /generic/2010-04-15/create_event.json`, the legacy event. It has no severity: critical.

use super::*;
use serde::Deserialize;

/// A v1 event whose integration is not yet known.
#[derive(Debug)]
pub struct EnvelopeV1<'a> {
    pub service_key: String,
    body: Body<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body<'a> {
    #[serde(borrow)]
    service_key: Scalar<'a>,
    #[serde(borrow)]
    event_type: Scalar<'a>,
    #[serde(borrow)]
    incident_key: Scalar<'a>,
    #[serde(borrow)]
    description: Scalar<'a>,
    details: Value,
    #[serde(borrow)]
    client: Scalar<'a>,
    #[serde(borrow)]
    client_url: Scalar<'a>,
    contexts: Value,
}

/// Reads a v1 event as far as its key.
///
/// # Errors
/// 400 in the vendor's shape: not a JSON object, or no key anywhere.
pub fn parse_v1<'a>(body: &'a [u8], header_key: Option<&str>) -> Result<EnvelopeV1<'a>, Refusal> {
    let body: Body<'a> = read(body)?;
    let service_key = routing_key("service_key", &body.service_key, header_key, None)?;
    Ok(EnvelopeV1 { service_key, body })
}

impl EnvelopeV1<'_> {
    /// See [`Envelope::into_event`].
    ///
    /// # Errors
    /// 400 with every mistake at once.
    pub fn into_event(self, receipt: &Receipt<'_>, new_key: impl FnOnce() -> String) -> Result<Parsed, Refusal> {
        let strict = receipt.strict;
        let Self { service_key, body } = self;
        let mut errors = Vec::new();
        if strict {
            check_strict_key("service_key", &service_key, &mut errors);
        }
        let action = action("event_type", &body.event_type, strict, &mut errors);
        let dedup_key = dedup_key("incident_key", &body.incident_key, action, new_key, &mut errors);
        let is_trigger = action == Some(Action::Trigger);
        if is_trigger {
            check_summary("description", &body.description, strict, &mut errors);
        }
        if !errors.is_empty() {
            return Err(invalid(errors));
        }
        let mut event = receipt.event(action.unwrap_or(Action::Trigger), dedup_key);
        if is_trigger {
            event.summary = body.description.text().unwrap_or("").to_owned();
            event.labels.extend(body.client.text().map(|client| ("client".to_owned(), client.to_owned())));
            event.links = links(body.client_url.text(), body.client.text(), &body.contexts, &body.contexts);
        }
        event.details = body.details;
        let event = bounds::finish(event).map_err(|error| invalid(vec![error]))?;
        Ok(Parsed { event, warnings: Vec::new() })
    }
}
