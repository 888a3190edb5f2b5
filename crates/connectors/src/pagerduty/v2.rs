//! `POST /v2/enqueue`, with the key in the body, in `X-Routing-Key`, or in the path.

use super::*;
use serde::Deserialize;

/// A v2 event whose integration is not yet known.
#[derive(Debug)]
pub struct Envelope<'a> {
    pub routing_key: String,
    body: Body<'a>,
}

/// Unknown fields are ignored; null is absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body<'a> {
    #[serde(borrow)]
    routing_key: Scalar<'a>,
    #[serde(borrow)]
    event_action: Scalar<'a>,
    #[serde(borrow)]
    dedup_key: Scalar<'a>,
    #[serde(borrow)]
    payload: Option<Payload<'a>>,
    #[serde(borrow)]
    client: Scalar<'a>,
    #[serde(borrow)]
    client_url: Scalar<'a>,
    links: Value,
    images: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Payload<'a> {
    #[serde(borrow)]
    summary: Scalar<'a>,
    #[serde(borrow)]
    source: Scalar<'a>,
    #[serde(borrow)]
    severity: Scalar<'a>,
    #[serde(borrow)]
    component: Scalar<'a>,
    #[serde(borrow)]
    group: Scalar<'a>,
    #[serde(borrow)]
    class: Scalar<'a>,
    custom_details: Value,
}

/// Reads a v2 event as far as its routing key.
///
/// # Errors
/// 400 in the vendor's shape: not a JSON object, or no key anywhere.
pub fn parse_v2<'a>(body: &'a [u8], header_key: Option<&str>, path_key: Option<&str>) -> Result<Envelope<'a>, Refusal> {
    let body: Body<'a> = read(body)?;
    let routing_key = routing_key("routing_key", &body.routing_key, header_key, path_key)?;
    Ok(Envelope { routing_key, body })
}

impl Envelope<'_> {
    /// The event, for the integration that the key names; `new_key` makes a key for a trigger without one.
    ///
    /// The payload's `timestamp` does not become the start of the episode: clients send the time of
    /// the message there, or the same one for ever, and a late replay of an episode opens nothing.
    ///
    /// # Errors
    /// 400 with every mistake at once.
    pub fn into_event(self, receipt: &Receipt<'_>, new_key: impl FnOnce() -> String) -> Result<Parsed, Refusal> {
        let strict = receipt.strict;
        let Self { routing_key, body } = self;
        let (mut errors, mut warnings) = (Vec::new(), Vec::new());
        if strict {
            check_strict_key("routing_key", &routing_key, &mut errors);
        }
        let action = action("event_action", &body.event_action, strict, &mut errors);
        let dedup_key = dedup_key("dedup_key", &body.dedup_key, action, new_key, &mut errors);
        let mut event = receipt.event(action.unwrap_or(Action::Trigger), dedup_key);
        match body.payload {
            // Acknowledge and resolve need none, and what they carry is ignored.
            _ if action != Some(Action::Trigger) => {}
            None => errors.push("payload is missing or blank".to_owned()),
            Some(payload) => {
                check_summary("payload.summary", &payload.summary, strict, &mut errors);
                if payload.source.text().is_none() {
                    let missing = "payload.source is missing or blank".to_owned();
                    if strict { errors.push(missing) } else { warnings.push(missing) }
                }
                event.severity = severity(&payload.severity, strict, &mut errors, &mut warnings);
                event.summary = payload.summary.text().unwrap_or("").to_owned();
                event.source = Some(payload.source.text().unwrap_or("unknown").to_owned());
                event.labels = labels([
                    ("source", &payload.source),
                    ("component", &payload.component),
                    ("group", &payload.group),
                    ("class", &payload.class),
                    ("client", &body.client),
                ]);
                event.links = links(body.client_url.text(), body.client.text(), &body.links, &body.images);
                event.details = payload.custom_details;
            }
        }
        if !errors.is_empty() {
            return Err(invalid(errors));
        }
        let event = bounds::finish(event).map_err(|error| invalid(vec![error]))?;
        Ok(Parsed { event, warnings })
    }
}
