//! Where events come in, each in its sender's own language. Parsing is `connectors`'; what is decided is `ops`';
//! here are paths, codes and the order of things: room and rate before the body, the answer after the commit.

use crate::app::App;
use crate::body;
use crate::ops::ingest::{Admitted, OVERLOAD_RETRY_S, Refused};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use bytes::Bytes;
use firedog_connectors::{Receipt, Refusal};
use serde_json::Value;

mod alertmanager;
mod heartbeat;
mod pagerduty;
mod read;
mod silences;
mod slack;
mod webhooks;

/// Bodies of the webhooks and the generic shape. A group of a hundred alerts has some 100 KB.
pub const MAX_WEBHOOK_BYTES: usize = 1 << 20;
/// Prometheus' batches: 256 alerts, whose annotations may be long.
pub const MAX_BATCH_BYTES: usize = 4 << 20;

/// All ingest paths.
pub fn router() -> Router<App> {
    let mut router = Router::new();
    let routes = [pagerduty::routes(), alertmanager::routes(), webhooks::routes(), heartbeat::routes(), slack::routes()];
    for (path, handler) in routes.into_iter().flatten() {
        // Senders differ in whether they put a slash at the end; a redirect would lose the body of a POST.
        if !path.ends_with('}') {
            router = router.route(&format!("{path}/"), handler.clone());
        }
        router = router.route(path, handler);
    }
    router
}

type Routes = Vec<(&'static str, MethodRouter<App>)>;

fn receipt<'a>(admitted: &'a Admitted) -> Receipt<'a> {
    Receipt {
        integration: &admitted.id,
        at: admitted.now,
        quiet_after: admitted.integration.quiet_after,
        strict: admitted.integration.strict,
    }
}

/// A body within its limit. A sender that is slow or gone is refused as [`Refused::Slow`].
async fn read_body(body: Body, limit: usize) -> Result<Bytes, Refused> {
    Ok(body::read(body, limit).await?)
}

fn json(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn refusal(refusal: &Refusal) -> Response {
    json(refusal.status, &refusal.body)
}

fn retry_after(mut response: Response, seconds: u64) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Dialects without error shapes of their own: `{"error": …}`.
fn refuse_plain(refused: &Refused, limit: usize) -> Response {
    match refused {
        Refused::Key => {
            json(401, &serde_json::json!({ "error": "nobody has this integration key; keys are in the setup files" }))
        }
        Refused::Rate(seconds) => {
            retry_after(json(503, &serde_json::json!({ "error": "too many events over this key; nothing was kept" })), *seconds)
        }
        Refused::Overload | Refused::Broken => {
            retry_after(json(503, &serde_json::json!({ "error": "nothing was kept; send it again" })), OVERLOAD_RETRY_S)
        }
        Refused::TooLarge => {
            json(413, &serde_json::json!({ "error": format!("the body is larger than {limit} bytes; nothing was kept") }))
        }
        Refused::Slow => json(408, &serde_json::json!({ "error": "the body did not come in time; nothing was kept" })),
        Refused::Malformed(said) => refusal(said),
    }
}
