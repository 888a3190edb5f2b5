//! `GET /events`: what changes, as server-sent events (the WHATWG format that browsers' `EventSource` reads).

use super::Problem;
use super::alerts::AlertRow;
use super::caller::{Viewer, identify};
use crate::app::App;
use crate::stream::{Event, Listener, Told};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Interval;

/// So often something is said, so that silence means that the connection is gone. Whoever has been signed out meanwhile is
/// found out then.
const BEAT: Duration = Duration::from_secs(15);

/// Follow what changes, as server-sent events
///
/// Events: `hello`, `alert` (as in the list of alerts), `setup`, `live`, `reset` (read everything again), `beat`. After a broken
/// connection `Last-Event-ID` goes on where it was.
#[utoipa::path(get, path = "/events", tag = "alerts", responses((status = 200, body = String, content_type = "text/event-stream")))]
pub(super) async fn events(_: Viewer, State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let Some(listener) = app.hub.listen(last) else {
        let full = Problem::new(503, "Too many are listening").kind("urn:firedog:busy");
        return Err(full.detail(format!("at most {} at once", crate::stream::MAX_LISTENERS)).next("try again in a moment"));
    };
    // Before the hello: what changes after it is told.
    app.engine.watch(true);
    let hello = line("hello", None, &json!({ "at": app.now(), "setup_version": version(&app).await }));
    let state = Following { app, headers, listener, beat: tokio::time::interval(BEAT), hello: Some(hello) };
    let chunks = futures_util::stream::unfold(state, |mut state| async move {
        let text = state.next().await?;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), state))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies that gather answers would gather this one for ever.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

struct Following {
    app: App,
    headers: HeaderMap,
    listener: Listener,
    beat: Interval,
    hello: Option<String>,
}

impl Following {
    /// The next piece of the stream; `None` ends it.
    async fn next(&mut self) -> Option<String> {
        if let Some(hello) = self.hello.take() {
            self.beat.tick().await;
            return Some(hello);
        }
        if let Some(missed) = self.listener.missed.pop_front() {
            return Some(self.told(&missed));
        }
        tokio::select! {
            () = self.app.hub.closed() => None,
            told = self.listener.receiver.recv() => match told {
                Ok(told) => Some(self.told(&told)),
                // This connection is too slow for what happens.
                Err(RecvError::Lagged(_)) => Some(line("reset", None, &json!({}))),
                Err(RecvError::Closed) => None,
            },
            _ = self.beat.tick() => {
                identify(&self.app, &self.headers, &Method::GET).await.ok()?;
                let open = self.app.engine.health().await.map(|health| health.open_alerts).ok();
                let beat = json!({ "at": self.app.now(), "setup_version": version(&self.app).await, "open": open });
                Some(line("beat", None, &beat))
            }
        }
    }

    fn told(&self, told: &Arc<Told>) -> String {
        let id = self.app.hub.id(told.number);
        match &told.event {
            Event::Alert(alert) => {
                let row = serde_json::to_value(AlertRow::from((**alert).clone())).unwrap_or_default();
                line("alert", Some(&id), &row)
            }
            Event::Setup(version) => line("setup", Some(&id), &json!({ "version": version })),
            Event::Live => line("live", Some(&id), &json!({})),
            Event::Reset => line("reset", Some(&id), &json!({})),
        }
    }
}

async fn version(app: &App) -> Option<i64> {
    app.engine.scene().await.ok().map(|scene| scene.world.version)
}

/// JSON has no line breaks of its own, so an event is always these few lines.
fn line(event: &str, id: Option<&str>, data: &serde_json::Value) -> String {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("{id}event: {event}\ndata: {data}\n\n")
}
