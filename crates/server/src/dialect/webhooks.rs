//! What other tools post: Alertmanager's webhook, Grafana's contact point, the generic shape.

use super::{MAX_WEBHOOK_BYTES, Routes, json, read_body, receipt, refuse_plain};
use crate::app::App;
use crate::ops::ingest::{self, Refused, counted};
use crate::ops::payloads;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use firedog_connectors::{Receipt, Refusal, alertmanager, generic, grafana};
use firedog_domain::event::Event;
use firedog_engine::Accepted;

const GENERIC: &str = "generic";

pub(super) fn routes() -> Routes {
    vec![
        ("/in/{key}/alertmanager", post(from_alertmanager)),
        // A Grafana contact point may be set to PUT.
        ("/in/{key}/grafana", post(from_grafana).put(from_grafana)),
        ("/in/{key}/generic", post(from_anything)),
    ]
}

async fn from_alertmanager(State(app): State<App>, Path(key): Path<String>, body: Body) -> Response {
    let parse = |body: &Bytes, receipt: &Receipt<'_>| {
        alertmanager::parse_webhook(body, receipt).map(|said| (said.events, said.truncated))
    };
    taken(&app, "alertmanager_webhook", &key, body, parse).await
}

async fn from_grafana(State(app): State<App>, Path(key): Path<String>, headers: HeaderMap, body: Body) -> Response {
    let media = media_type(&headers);
    let parse =
        |body: &Bytes, receipt: &Receipt<'_>| grafana::parse(body, media, receipt).map(|said| (said.events, said.truncated));
    taken(&app, "grafana", &key, body, parse).await
}

async fn from_anything(State(app): State<App>, Path(key): Path<String>, headers: HeaderMap, body: Body) -> Response {
    let media = media_type(&headers);
    let parse = |body: &Bytes, receipt: &Receipt<'_>| generic::parse(body, media, receipt).map(|events| (events, 0));
    taken(&app, GENERIC, &key, body, parse).await
}

fn media_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())
}

/// The events of a body, and how many the sender says it has left out.
type Parsed = Result<(Vec<Event>, u64), Refusal>;

async fn taken(
    app: &App,
    dialect: &'static str,
    key: &str,
    body: Body,
    parse: impl Fn(&Bytes, &Receipt<'_>) -> Parsed,
) -> Response {
    let done = take(app, dialect, key, body, parse).await;
    counted(app, dialect, done).unwrap_or_else(|refused| refuse_plain(&refused, MAX_WEBHOOK_BYTES))
}

async fn take(
    app: &App,
    dialect: &'static str,
    key: &str,
    body: Body,
    parse: impl Fn(&Bytes, &Receipt<'_>) -> Parsed,
) -> Result<Response, Refused> {
    let admitted = ingest::admit(app, key).await?;
    ingest::room(app)?;
    let body = read_body(body, MAX_WEBHOOK_BYTES).await?;
    let parsed = match parse(&body, &receipt(&admitted)) {
        // Alertmanager and Grafana may have nothing to say; somebody who builds a message and sends none has made a mistake.
        Ok((events, _)) if events.is_empty() && dialect == GENERIC => Err(Refusal::malformed("there is no alert in this").into()),
        parsed => parsed.map_err(Refused::from),
    };
    payloads::note(app, &admitted, dialect, key, &body, parsed.as_ref().map(|(events, _)| events.as_slice()));
    let (events, truncated) = parsed?;
    if truncated > 0 {
        tracing::warn!(dialect, truncated, "the sender left alerts out of its message");
    }
    let keys: Vec<String> = events.iter().map(|event| event.dedup_key.clone()).collect();
    let accepted = ingest::take_in(app, dialect, &admitted, events).await?;
    Ok(json(200, &told(&keys, &accepted)))
}

/// What became of each event: more than a sender needs, and what somebody who tries it with curl wants to see.
fn told(keys: &[String], accepted: &[Accepted]) -> serde_json::Value {
    let events = keys.iter().zip(accepted).map(|(key, one)| {
        let mut row = serde_json::json!({ "dedup_key": key, "alert": one.alert, "created": one.created });
        if let Some(why) = &one.dropped {
            row["dropped"] = why.as_str().into();
        }
        row
    });
    serde_json::json!({ "status": "accepted", "events": events.collect::<Vec<_>>() })
}
