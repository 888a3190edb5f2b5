//! `POST /v2/change/enqueue`: something was changed. It never makes an alert.

use super::*;
use crate::{mask, when};
use firedog_domain::event::MAX_SUMMARY;
use jiff::Timestamp;
use serde::Deserialize;

/// What was changed, masked and within bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub summary: String,
    pub source: Option<String>,
    /// The sender's time, else that of receipt.
    pub at: Timestamp,
    pub details: Value,
    pub links: Vec<Link>,
}

/// A change event whose integration is not yet known.
#[derive(Debug)]
pub struct ChangeEnvelope<'a> {
    pub routing_key: String,
    body: Body<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body<'a> {
    #[serde(borrow)]
    routing_key: Scalar<'a>,
    #[serde(borrow)]
    payload: Option<Payload<'a>>,
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
    timestamp: Scalar<'a>,
    custom_details: Value,
}

/// Reads a change event as far as its routing key.
///
/// # Errors
/// 400 in the vendor's shape: not a JSON object, or no key anywhere.
pub fn parse_change<'a>(body: &'a [u8], header_key: Option<&str>) -> Result<ChangeEnvelope<'a>, Refusal> {
    let body: Body<'a> = read(body)?;
    let routing_key = routing_key("routing_key", &body.routing_key, header_key, None)?;
    Ok(ChangeEnvelope { routing_key, body })
}

impl ChangeEnvelope<'_> {
    /// # Errors
    /// 400 with every mistake at once.
    pub fn into_change(self, receipt: &Receipt<'_>) -> Result<Change, Refusal> {
        let Self { routing_key, body } = self;
        let mut errors = Vec::new();
        if receipt.strict {
            check_strict_key("routing_key", &routing_key, &mut errors);
        }
        match &body.payload {
            None => errors.push("payload is missing or blank".to_owned()),
            Some(payload) => check_summary("payload.summary", &payload.summary, receipt.strict, &mut errors),
        }
        if !errors.is_empty() {
            return Err(invalid(errors));
        }
        let payload = body.payload.unwrap_or_default();
        let line = |text: &str, max| bounds::cut(&bounds::one_line(&mask::text(text)), max);
        Ok(Change {
            summary: line(payload.summary.text().unwrap_or(""), MAX_SUMMARY),
            source: payload.source.text().map(|source| line(source, bounds::MAX_SOURCE)),
            at: payload.timestamp.text().and_then(when::parse).unwrap_or(receipt.at),
            details: bounds::details(mask::value(payload.custom_details)),
            links: links(None, None, &body.links, &body.images),
        })
    }
}
