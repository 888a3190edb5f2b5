//! What has come in over each integration lately, as it came and what was made of it: for whoever sets a sender up. In memory only, of
//! this process only; what is kept for good are the events of alerts.

use crate::app::App;
use crate::ops::ingest::{Admitted, Refused};
use crate::ops::{Error, Result};
use bytes::Bytes;
use firedog_domain::event::{Action, Event};
use firedog_domain::id::IntegrationId;
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Payloads of one integration.
const KEPT: usize = 20;
/// Integrations; beyond it the one that was silent longest is forgotten.
const MAX_INTEGRATIONS: usize = 500;
/// How much of a body is kept, in bytes.
const MAX_BODY: usize = 8 << 10;
/// In a storm every payload is like the last: one in so long is enough. Refusals are all kept.
const PAUSE: SignedDuration = SignedDuration::from_millis(100);
/// Events that are told of one payload.
const MAX_TOLD: usize = 5;

/// A payload as it came, still unmasked; it never leaves this module so.
#[derive(Clone)]
struct Payload {
    at: Timestamp,
    dialect: &'static str,
    body: Bytes,
    length: usize,
    /// Stands in some bodies.
    key: String,
    parsed: std::result::Result<Parsed, String>,
}

#[derive(Clone)]
struct Parsed {
    events: usize,
    first: Vec<Told>,
}

/// An event of a payload, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub action: Action,
    pub dedup_key: String,
    pub summary: String,
}

/// A payload, fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub at: Timestamp,
    pub dialect: &'static str,
    /// Masked, without the key, and cut.
    pub body: String,
    /// Of the whole body, in bytes.
    pub length: usize,
    /// How many events it had; `None`: it was refused.
    pub events: Option<usize>,
    pub first: Vec<Told>,
    /// Why it was refused.
    pub refused: Option<String>,
}

#[derive(Default)]
pub struct Payloads(Mutex<HashMap<IntegrationId, VecDeque<Payload>>>);

impl Payloads {
    fn add(&self, id: &IntegrationId, payload: Payload) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(id) && all.len() >= MAX_INTEGRATIONS {
            let oldest = all.iter().min_by_key(|(_, kept)| kept.back().map(|last| last.at)).map(|(id, _)| id.clone());
            oldest.and_then(|id| all.remove(&id));
        }
        let kept = all.entry(id.clone()).or_default();
        kept.push_back(payload);
        if kept.len() > KEPT {
            kept.pop_front();
        }
    }

    fn is_due(&self, id: &IntegrationId, now: Timestamp) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(id).and_then(VecDeque::back).is_none_or(|last| now.duration_since(last.at) >= PAUSE)
    }

    /// When something came in last.
    pub fn last_at(&self, id: &IntegrationId) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id)?.back().map(|last| last.at)
    }
}

/// Keeps what came in and what was made of it.
pub fn note(
    app: &App,
    admitted: &Admitted,
    dialect: &'static str,
    key: &str,
    body: &Bytes,
    parsed: std::result::Result<&[Event], &Refused>,
) {
    if parsed.is_ok() && !app.payloads.is_due(&admitted.id, admitted.now) {
        return;
    }
    let parsed = match parsed {
        Ok(events) => {
            let told =
                |event: &Event| Told { action: event.action, dedup_key: event.dedup_key.clone(), summary: event.summary.clone() };
            Ok(Parsed { events: events.len(), first: events.iter().take(MAX_TOLD).map(told).collect() })
        }
        Err(Refused::Malformed(refusal)) => Err(refusal.reason.clone()),
        Err(other) => Err(format!("{other:?}").to_lowercase()),
    };
    // A slice would keep the whole body alive.
    let kept = Bytes::copy_from_slice(&body[..body.len().min(MAX_BODY)]);
    let payload = Payload { at: admitted.now, dialect, body: kept, length: body.len(), key: key.to_owned(), parsed };
    app.payloads.add(&admitted.id, payload);
}

/// Newest first.
pub async fn list(app: &App, service: &str, integration: &str) -> Result<Vec<Shown>> {
    let id = IntegrationId::new(&service.into(), integration);
    if app.engine.scene().await?.world.setup.integration(&id).is_none() {
        return Err(Error::NotFound(format!("there is no integration `{id}`")));
    }
    let kept: Vec<Payload> = {
        let all = app.payloads.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&id).map(|kept| kept.iter().rev().cloned().collect()).unwrap_or_default()
    };
    Ok(kept.into_iter().map(shown).collect())
}

fn shown(payload: Payload) -> Shown {
    let text = String::from_utf8_lossy(&payload.body).replace(&payload.key, "***");
    let masked = match serde_json::from_str(&text) {
        Ok(value) => {
            let value = firedog_connectors::mask::value(value);
            serde_json::to_string_pretty(&value).unwrap_or_default()
        }
        // Cut, a form, or no JSON at all.
        Err(_) => firedog_connectors::mask::text(&text).into_owned(),
    };
    let (events, first, refused) = match payload.parsed {
        Ok(parsed) => (Some(parsed.events), parsed.first, None),
        Err(why) => (None, Vec::new(), Some(why)),
    };
    Shown { at: payload.at, dialect: payload.dialect, body: masked, length: payload.length, events, first, refused }
}
