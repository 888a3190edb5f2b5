//! Dead-man pings. Small clients (curl in a cron job, a router's script) call them with whatever method they have.

use super::{Routes, refuse_plain};
use crate::app::App;
use crate::ops::ingest::{self, Refused, counted};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use firedog_connectors::heartbeat::Ping;

const DIALECT: &str = "heartbeat";

pub(super) fn routes() -> Routes {
    let plain = |State(app): State<App>, Path(key): Path<String>| async move { heard(&app, &key, "").await };
    let suffixed =
        |State(app): State<App>, Path((key, suffix)): Path<(String, String)>| async move { heard(&app, &key, &suffix).await };
    let plain: MethodRouter<App> = get(plain).post(plain);
    let suffixed: MethodRouter<App> = get(suffixed).post(suffixed);
    vec![("/in/{key}/heartbeat", plain), ("/in/{key}/heartbeat/{suffix}", suffixed)]
}

/// What the body says (a log excerpt, with healthchecks' clients) is not read.
async fn heard(app: &App, key: &str, suffix: &str) -> Response {
    let Some(ping) = Ping::parse(suffix) else {
        return (StatusCode::NOT_FOUND, "no such ping: /heartbeat, /heartbeat/start, /heartbeat/fail, /heartbeat/EXIT\n")
            .into_response();
    };
    counted(app, DIALECT, take(app, key, ping).await).unwrap_or_else(|refused| refuse_plain(&refused, 0))
}

async fn take(app: &App, key: &str, ping: Ping) -> Result<Response, Refused> {
    let admitted = ingest::admit(app, key).await?;
    ingest::room(app)?;
    ingest::ping(app, &admitted, ping).await?;
    Ok("OK\n".into_response())
}
