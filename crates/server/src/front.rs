//! The routers, and what surrounds every request: a trace id, the access log, metrics, a net for panics.

use crate::app::App;
use crate::{api, dialect, metrics, page, web};
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::FutureExt;
use serde_json::json;
use std::panic::AssertUnwindSafe;
use std::time::Instant;
use tracing::Instrument;

/// Everything.
pub fn full(app: &App) -> Router {
    let router = dialect::router()
        .merge(page::router())
        .merge(page::door())
        .merge(api::router(app))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .fallback(web::fallback);
    finish(router, app)
}

/// What the outside world needs: acknowledge pages, provider callbacks, ingest.
pub fn public(app: &App) -> Router {
    finish(dialect::router().merge(page::router()).fallback(web::nothing), app)
}

fn finish(router: Router<App>, app: &App) -> Router {
    router.layer(from_fn_with_state(app.clone(), observe)).with_state(app.clone())
}

/// The part of the server that a route belongs to: few, so that the histogram has few series.
fn part(route: &str) -> &'static str {
    match route {
        route if route.starts_with("/api") => "api",
        route if ["/a/", "/received/", "/reached/", "/calendar/"].iter().any(|page| route.starts_with(page)) => "page",
        "/" | "/healthz" | "/readyz" | "/metrics" | "unmatched" | "/openapi.json" => "other",
        _ => "ingest",
    }
}

async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    // The template, never the path: paths hold integration keys and link tokens.
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched".to_owned(), |path| path.as_str().to_owned());
    let trace_id = trace_id(&request);
    let span = tracing::info_span!("request", trace_id);
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let mut response = answered.unwrap_or_else(|_| {
        tracing::error!(parent: &span, route, "a request handler panicked; this is a bug in Firedog");
        api::Problem::new(500, "Firedog has a bug").kind("urn:firedog:bug").detail("the request was not finished").into_response()
    });
    if let Ok(value) = HeaderValue::from_str(&trace_id) {
        response.headers_mut().insert("x-trace-id", value);
    }
    let took = begun.elapsed();
    let status = response.status().as_u16();
    let method = match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "PATCH") => known.to_owned(),
        // Anybody can make methods up, and each would be a series.
        _ => "other".to_owned(),
    };
    app.metrics.requests.add([&route, &method, &status.to_string()], 1);
    app.metrics.request_seconds.observe([part(&route)], took);
    tracing::debug!(parent: &span, method, route, status, took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX), "answered");
    response
}

/// The sender's own trace, if it names one (W3C `traceparent`), else a new one.
fn trace_id(request: &Request) -> String {
    let given = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    let given =
        given.and_then(|text| text.split('-').nth(1)).filter(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    given.map_or_else(|| uuid::Uuid::now_v7().simple().to_string(), str::to_ascii_lowercase)
}

/// The process answers. Nothing is looked at: whoever restarts us for a slow database makes it worse.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether Firedog can accept and deliver: the store, the clocks, the auditor, the setup.
async fn readyz(State(app): State<App>) -> Response {
    let mut problems = match app.engine.health().await {
        Ok(health) => health.problems,
        Err(error) => vec![error.to_string()],
    };
    if let Some(skew) = skew(&app).await {
        problems.push(skew);
    }
    let version = match app.engine.scene().await {
        Ok(scene) => scene.world.version,
        Err(_) => 0,
    };
    let ready = problems.is_empty();
    // A setup that is behind its files pages people all the same: said here, but no reason to take us out of service.
    let stale = app.metrics.setup_stale.load(std::sync::atomic::Ordering::Relaxed) == 1;
    let body = json!({ "ready": ready, "problems": problems, "setup_version": version, "setup_stale": stale });
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}

/// Beyond a second, what this node calls due is not due for another.
const MAX_SKEW: jiff::SignedDuration = jiff::SignedDuration::from_secs(1);

async fn skew(app: &App) -> Option<String> {
    if app.engine.clock().is_manual() {
        return None;
    }
    match app.engine.store().now_db().await {
        Ok(theirs) => {
            let skew = app.now().duration_since(theirs?);
            (skew.abs() > MAX_SKEW).then(|| format!("the clock is {} ms off the database's", skew.as_millis()))
        }
        Err(error) => Some(format!("the database's clock cannot be read: {error}")),
    }
}

async fn metrics_text(State(app): State<App>) -> Response {
    let mut text = app.metrics.text();
    if let Ok(health) = app.engine.health().await {
        metrics::gauge(&mut text, "firedog_ready", "1 while nothing is wrong.", u8::from(health.ok));
        metrics::gauge(&mut text, "firedog_open_alerts", "Alerts that are triggered or acknowledged.", health.open_alerts);
        metrics::gauge(
            &mut text,
            "firedog_pending_notifications",
            "Messages that wait to be sent.",
            health.pending_notifications,
        );
        let overdue = health.overdue.map_or(0.0, |late| late.as_secs_f64());
        metrics::gauge(&mut text, "firedog_overdue_seconds", "How late the latest action is.", overdue);
    }
    if let Ok(scene) = app.engine.scene().await {
        metrics::gauge(&mut text, "firedog_setup_version", "Version of the setup in force.", scene.world.version);
    }
    metrics::gauge(&mut text, "firedog_ingest_queued", "Events that wait for their commit.", app.engine.queued());
    store_metrics(&app, &mut text);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

fn store_metrics(app: &App, text: &mut String) {
    use std::fmt::Write;
    let stats = app.engine.store().stats();
    metrics::counter(text, "firedog_store_commits_total", "Transactions that were committed.", stats.commits);
    metrics::counter(text, "firedog_store_committed_operations_total", "Operations in them.", stats.committed_ops);
    metrics::gauge(text, "firedog_store_waiting", "Operations that wait for the writer.", stats.waiting);
    metrics::gauge(text, "firedog_store_bytes", "Size of the database file and its log.", stats.size_bytes);
    for (name, help) in [
        ("firedog_store_operations_total", "Store operations by name."),
        ("firedog_store_operation_failures_total", "Those of them that failed."),
        ("firedog_store_operation_seconds_total", "Time that they took, waiting included."),
    ] {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
        for (op, cost) in &stats.ops {
            let value = match name {
                "firedog_store_operations_total" => cost.calls.to_string(),
                "firedog_store_operation_failures_total" => cost.failures.to_string(),
                _ => cost.time.as_secs_f64().to_string(),
            };
            let _ = writeln!(text, "{name}{{operation=\"{op}\"}} {value}");
        }
    }
}
