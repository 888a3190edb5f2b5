//! An Alertmanager under `/in/KEY`: what Prometheus posts its alerts to, and what amtool and Grafana ask.

use super::read::{alerts, groups, receivers, status};
use super::silences::{expire, list as list_silences, put as put_silence, show as show_silence};
use super::{MAX_BATCH_BYTES, Routes, json, read_body, receipt, refusal, retry_after};
use crate::app::App;
use crate::ops::ingest::{self, OVERLOAD_RETRY_S, Refused, counted};
use crate::ops::payloads;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use firedog_connectors::alertmanager as am;

pub(super) const DIALECT: &str = "alertmanager";

pub(super) fn routes() -> Routes {
    let open = from_fn(cross_origin);
    vec![
        ("/in/{key}/api/v2/alerts", any(refuse_method).get(alerts).post(post_alerts).layer(open.clone())),
        ("/in/{key}/api/v2/alerts/groups", any(refuse_method).get(groups).layer(open.clone())),
        ("/in/{key}/api/v2/silences", any(refuse_method).get(list_silences).post(put_silence).layer(open.clone())),
        ("/in/{key}/api/v2/silence/{id}", any(refuse_method).get(show_silence).delete(expire).layer(open.clone())),
        ("/in/{key}/api/v2/status", any(refuse_method).get(status).layer(open.clone())),
        ("/in/{key}/api/v2/receivers", any(refuse_method).get(receivers).layer(open.clone())),
        ("/in/{key}/api/v1/{*rest}", any(gone)),
        ("/in/{key}/-/healthy", get(|| async { "OK" })),
        ("/in/{key}/-/ready", get(ready)),
    ]
}

async fn post_alerts(State(app): State<App>, Path(key): Path<String>, body: Body) -> Response {
    answer(&app, take(&app, &key, body).await)
}

async fn take(app: &App, key: &str, body: Body) -> Result<Response, Refused> {
    let admitted = ingest::admit(app, key).await?;
    ingest::room(app)?;
    let body = read_body(body, MAX_BATCH_BYTES).await?;
    let posted = am::parse_alerts(&body, &receipt(&admitted)).map_err(Refused::from);
    payloads::note(app, &admitted, DIALECT, key, &body, posted.as_ref().map(|posted| posted.events.as_slice()));
    let mut posted = posted?;
    let events = std::mem::take(&mut posted.events);
    ingest::take_in(app, DIALECT, &admitted, events).await?;
    // As Alertmanager: the valid ones are kept, and the answer still is 400.
    Ok(posted.refusal().map_or_else(|| StatusCode::OK.into_response(), |said| refusal(&said)))
}

/// The API's answer to whatever went wrong.
pub(super) fn answer(app: &App, done: Result<Response, Refused>) -> Response {
    counted(app, DIALECT, done).unwrap_or_else(|refused| match refused {
        Refused::Key => refusal(&am::refuse(401, "nobody has this integration key; keys are in the setup files")),
        // Prometheus drops a batch on any refusal, and Alertmanager's clients retry 5xx only: never a 429 here.
        Refused::Rate(seconds) => {
            retry_after(refusal(&am::refuse(503, "too many alerts over this key; nothing was kept")), seconds)
        }
        Refused::Overload | Refused::Broken => {
            retry_after(refusal(&am::refuse(503, "nothing was kept; send it again")), OVERLOAD_RETRY_S)
        }
        Refused::TooLarge => {
            refusal(&am::refuse_schema(413, format!("the body is larger than {MAX_BATCH_BYTES} bytes; nothing was kept")))
        }
        Refused::Slow => refusal(&am::refuse(408, "the body did not come in time; nothing was kept")),
        Refused::Malformed(said) => refusal(&said),
    })
}

/// Browsers (Grafana's, Karma's) call this API from other origins; what protects it is the key in the path.
async fn cross_origin(request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let mut response = if preflight { StatusCode::OK.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Date"));
    if preflight {
        let methods = HeaderValue::from_static("GET, POST, DELETE, OPTIONS");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        let allowed = HeaderValue::from_static("Accept, Authorization, Content-Type, Origin");
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    }
    response
}

async fn refuse_method(method: Method) -> Response {
    refusal(&am::refuse_schema(405, format!("method {method} is not allowed here")))
}

async fn gone() -> Response {
    refusal(&am::refuse_v1())
}

async fn ready(State(app): State<App>) -> Response {
    match ingest::room(&app) {
        Ok(()) => "OK".into_response(),
        Err(_) => json(503, &"not ready".into()),
    }
}
