//! How a system of the town is asked and answers over HTTP: one request in, one answer out, and the outages in between.

use crate::door::{Door, Port};
use crate::hold::{Release, When};
use crate::http::serve_until;
use crate::weather::{Outage, System, Weather};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Larger than any request that Firedog sends to a system of the town.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Longer than any client waits; then a hanging request is let go.
const HANG: Duration = Duration::from_secs(300);

/// One request.
pub(crate) struct Ask {
    pub(crate) method: Method,
    /// Decoded, without empty ones, so that slashes at the end or twice in a row change nothing.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A system that answers.
pub(crate) trait Desk: Send + Sync + 'static {
    fn answer(&self, ask: &Ask) -> Response;
    /// The system's own words for a status that an outage makes it answer with.
    fn refusal(&self, status: StatusCode, retry_after_s: Option<u32>) -> Response;
}

impl Ask {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The first value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    pub(crate) fn is_get(&self) -> bool {
        self.method == Method::GET
    }

    pub(crate) fn is_post(&self) -> bool {
        self.method == Method::POST
    }

    pub(crate) fn segments(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    /// Fields of a form in the body, none for any other content type.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        let is_form = self.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        if is_form { pairs(&String::from_utf8_lossy(&self.body)) } else { Vec::new() }
    }

    /// The form's fields after those of the query.
    pub(crate) fn query_and_form(&self) -> Vec<(String, String)> {
        self.query.iter().cloned().chain(self.form()).collect()
    }

    pub(crate) fn json(&self) -> serde_json::Result<Value> {
        serde_json::from_slice(&self.body)
    }
}

pub(crate) fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

pub(crate) fn json_answer(status: u16, value: &Value) -> Response {
    answer(status, "application/json", value.to_string())
}

pub(crate) fn answer(status: u16, kind: &'static str, body: impl Into<Body>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, kind)], body.into()).into_response()
}

pub(crate) fn with_header(mut response: Response, name: &'static str, value: &str) -> Response {
    if let Ok(value) = value.parse() {
        response.headers_mut().append(name, value);
    }
    response
}

/// Opens a door for a system on any free port.
pub(crate) async fn open(weather: &Weather, of: System, desk: Arc<dyn Desk>) -> io::Result<Door> {
    let port = move |sky: &crate::weather::Sky| match sky.outage(of) {
        Some(Outage::Refuses) => Port::Refuses,
        _ => Port::Open,
    };
    let shared = weather.clone();
    Door::open(weather, port, move |listener, stop| {
        let (weather, desk) = (shared.clone(), desk.clone());
        let router = Router::new().fallback(move |request: Request| handle(weather.clone(), of, desk.clone(), request));
        Box::pin(serve_until(listener, router, stop)) as Pin<Box<dyn Future<Output = ()> + Send>>
    })
    .await
}

async fn handle(weather: Weather, of: System, desk: Arc<dyn Desk>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let ask = Ask {
        path: head.uri.path().split('/').filter(|part| !part.is_empty()).map(|part| decode(part, false)).collect(),
        query: head.uri.query().map(pairs).unwrap_or_default(),
        method: head.method,
        headers: head.headers,
        body: body.into(),
    };
    let Some(hold) = weather.holds().meet(of, &ask) else { return respond(&weather, of, &*desk, &ask).await };
    // On its own: whoever asked may die meanwhile, and its request stays held all the same.
    let held = tokio::spawn(async move {
        match hold.when() {
            When::Before => {
                if weather.holds().keep(&hold).await == Release::DoLate {
                    respond(&weather, of, &*desk, &ask).await;
                }
            }
            When::After => {
                respond(&weather, of, &*desk, &ask).await;
                weather.holds().keep(&hold).await;
            }
        }
    });
    let _ = held.await;
    drop_connection()
}

/// The answer, unless an outage has none.
async fn respond(weather: &Weather, of: System, desk: &dyn Desk, ask: &Ask) -> Response {
    let outage = weather.look().take_outage(of);
    match outage {
        None | Some(Outage::Passes) => desk.answer(ask),
        Some(Outage::Status(status)) => {
            desk.refusal(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), None)
        }
        Some(Outage::Busy { retry_after_s }) => desk.refusal(StatusCode::TOO_MANY_REQUESTS, Some(retry_after_s)),
        Some(Outage::LoginPage) => {
            answer(200, "text/html;charset=utf-8", "<html><title>Sign in</title><form action=\"/login\"></form></html>")
        }
        Some(Outage::Hangs) => {
            tokio::time::sleep(HANG).await;
            drop_connection()
        }
        Some(Outage::LosesAnswer) => {
            desk.answer(ask);
            drop_connection()
        }
        Some(Outage::Drops | Outage::Refuses) => drop_connection(),
    }
}

/// The server closes a connection without an answer when the task that serves it unwinds; this way prints nothing.
fn drop_connection() -> ! {
    std::panic::resume_unwind(Box::new("told to drop the connection"))
}

fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name, true), decode(value, true)))
        .collect()
}

/// Percent-decoding; what is not UTF-8 is replaced, and what is no escape stays as it is.
fn decode(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).and_then(|byte| (*byte as char).to_digit(16));
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((16 * high + low) as u8);
                at += 2;
            }
            (b'+', ..) if plus_is_space => out.push(b' '),
            (byte, ..) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_forms_and_paths() {
        assert_eq!(
            pairs("a=1+2&b=%C3%A9%2F&c&d=100%"),
            [("a", "1 2"), ("b", "é/"), ("c", ""), ("d", "100%")].map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        assert_eq!(decode("a+b%20c", false), "a+b c");
    }
}
