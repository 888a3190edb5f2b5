//! The PagerDuty Events API, versions 2 and 1, and change events.

use super::{Routes, json, read_body, receipt, refusal, retry_after};
use crate::app::App;
use crate::ops::ingest::{self, OVERLOAD_RETRY_S, Refused, counted};
use crate::ops::payloads;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use firedog_connectors::Refusal;
use firedog_connectors::pagerduty::{self, MAX_BODY_BYTES};

/// Metric label.
const DIALECT: &str = "pagerduty";
/// pdpyras up to 4.1.2 sends the key here and nowhere else.
const KEY_HEADER: &str = "x-routing-key";

pub(super) fn routes() -> Routes {
    vec![
        ("/v2/enqueue", post(enqueue)),
        ("/integration/{key}/enqueue", post(enqueue_by_path)),
        ("/x-ere/{key}", post(enqueue_by_path)),
        ("/v2/change/enqueue", post(change)),
        ("/generic/2010-04-15/create_event.json", post(create_event)),
    ]
}

fn key_header(headers: &HeaderMap) -> Option<&str> {
    headers.get(KEY_HEADER).and_then(|value| value.to_str().ok())
}

async fn enqueue(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    answer_v2(&app, v2(&app, key_header(&headers), None, body).await)
}

async fn enqueue_by_path(State(app): State<App>, Path(key): Path<String>, headers: HeaderMap, body: Body) -> Response {
    answer_v2(&app, v2(&app, key_header(&headers), Some(&key), body).await)
}

async fn v2(app: &App, header: Option<&str>, path: Option<&str>, body: Body) -> Result<Response, Refused> {
    ingest::room(app)?;
    let body = read_body(body, MAX_BODY_BYTES).await?;
    let envelope = pagerduty::parse_v2(&body, header, path)?;
    let admitted = ingest::admit(app, &envelope.routing_key).await?;
    let key = envelope.routing_key.clone();
    let parsed = envelope.into_event(&receipt(&admitted), new_key).map_err(Refused::from);
    let events = parsed.as_ref().map(|parsed| std::slice::from_ref(&parsed.event));
    payloads::note(app, &admitted, DIALECT, &key, &body, events);
    let parsed = parsed?;
    mended(&parsed.warnings);
    let dedup_key = parsed.event.dedup_key.clone();
    ingest::take_in(app, DIALECT, &admitted, vec![parsed.event]).await?;
    Ok(json(202, &pagerduty::success_v2(&dedup_key)))
}

async fn change(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    answer_v2(&app, take_change(&app, key_header(&headers), body).await)
}

async fn take_change(app: &App, header: Option<&str>, body: Body) -> Result<Response, Refused> {
    ingest::room(app)?;
    let body = read_body(body, MAX_BODY_BYTES).await?;
    let envelope = pagerduty::parse_change(&body, header)?;
    let admitted = ingest::admit(app, &envelope.routing_key).await?;
    let change = envelope.into_change(&receipt(&admitted))?;
    let kept = serde_json::json!({
        "at": change.at.to_string(), "source": change.source, "details": change.details, "links": change.links,
    });
    ingest::keep_change(app, &admitted, kept, change.summary).await?;
    Ok(json(202, &pagerduty::success_change()))
}

async fn create_event(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let done = v1(&app, key_header(&headers), body).await;
    counted(&app, DIALECT, done).unwrap_or_else(|refused| refuse(&refused, &pagerduty::throttled_v1()))
}

async fn v1(app: &App, header: Option<&str>, body: Body) -> Result<Response, Refused> {
    ingest::room(app)?;
    let body = read_body(body, MAX_BODY_BYTES).await?;
    let envelope = pagerduty::parse_v1(&body, header)?;
    let admitted = ingest::admit(app, &envelope.service_key).await?;
    let key = envelope.service_key.clone();
    let parsed = envelope.into_event(&receipt(&admitted), new_key).map_err(Refused::from);
    let events = parsed.as_ref().map(|parsed| std::slice::from_ref(&parsed.event));
    payloads::note(app, &admitted, DIALECT, &key, &body, events);
    let parsed = parsed?;
    mended(&parsed.warnings);
    let incident_key = parsed.event.dedup_key.clone();
    ingest::take_in(app, DIALECT, &admitted, vec![parsed.event]).await?;
    Ok(json(200, &pagerduty::success_v1(&incident_key)))
}

fn answer_v2(app: &App, done: Result<Response, Refused>) -> Response {
    counted(app, DIALECT, done).unwrap_or_else(|refused| refuse(&refused, &pagerduty::throttled_v2()))
}

fn refuse(refused: &Refused, throttled: &Refusal) -> Response {
    match refused {
        Refused::Key => refusal(&pagerduty::unknown_key()),
        Refused::Rate(seconds) => retry_after(refusal(throttled), *seconds),
        // A body that broke off may come whole the next time; 4xx would be final to every client.
        Refused::Overload | Refused::Broken | Refused::Slow => retry_after(refusal(&pagerduty::overloaded()), OVERLOAD_RETRY_S),
        Refused::TooLarge => refusal(&pagerduty::too_large()),
        Refused::Malformed(said) => refusal(said),
    }
}

/// 32 hex digits, as the vendor makes them.
fn new_key() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

fn mended(warnings: &[String]) {
    if !warnings.is_empty() {
        tracing::debug!(?warnings, "a PagerDuty event was mended");
    }
}
