//! `Idempotency-Key`: a request sent again gets the answer that it got, and does nothing twice.
//!
//! The answer is stored after the deed. What lies between (a crash) is covered by the deeds themselves: raising an
//! alert takes its key from the header, acting on an alert twice changes nothing.

use super::{Problem, extract};
use crate::app::App;
use crate::auth::{Caller, digest};
use crate::body;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use firedog_store::idempotency::{self, Answer};
use firedog_store::{Op, Tx};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// The header.
pub(super) const KEY: &str = "idempotency-key";
/// Longest key, in bytes.
const MAX_KEY: usize = 255;
/// Answers that are larger (a backup) are not kept: doing those again harms nobody.
const MAX_ANSWER: usize = 256 << 10;

/// Requests of this process that are being answered now: the same key twice at once waits for its own answer.
static UNDER_WAY: Mutex<Option<HashSet<String>>> = Mutex::new(None);

struct Turn(String);

impl Turn {
    fn take(place: &str) -> Option<Self> {
        let mut under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.get_or_insert_default().insert(place.to_owned()).then(|| Self(place.to_owned()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(under_way) = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            under_way.remove(&self.0);
        }
    }
}

pub(super) async fn answer_once(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(KEY) || request.uri().path().ends_with("/backup") {
        return next.run(request).await;
    }
    once(&app, request, next).await.unwrap_or_else(Problem::into_response)
}

async fn once(app: &App, request: Request, next: Next) -> Result<Response, Problem> {
    let key = request.headers().get(KEY).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let key = key.filter(|key| !key.is_empty() && key.len() <= MAX_KEY);
    let key = key.ok_or_else(|| Problem::invalid(format!("an Idempotency-Key has 1 to {MAX_KEY} printable characters")))?;
    let Some(caller) = request.extensions().get::<Caller>().cloned() else { return Ok(next.run(request).await) };
    let scope = match &caller.user {
        Some(user) => format!("{}/{user}", caller.name),
        None => caller.name.clone(),
    };
    let place = format!("answer:{scope}/{key}");
    let _turn = Turn::take(&place).ok_or_else(|| {
        Problem::new(409, "The same request is being answered")
            .kind("urn:firedog:under_way")
            .next("ask again in a moment with the same key")
    })?;

    let (parts, body) = request.into_parts();
    let limit = extract::MAX_LARGE_BYTES;
    let bytes = body::read(body, limit).await.map_err(|_| extract::too_large(limit))?;
    let request_digest = digest(&format!("{} {} {}", parts.method, parts.uri, crate::auth::hex(&bytes_digest(&bytes))));
    if let Some(known) =
        app.engine.store().read(Get { scope: scope.clone(), key: key.clone() }).await.map_err(crate::ops::Error::from)?
    {
        return replay(app, &place, &known, &request_digest);
    }
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    let status = response.status();
    if status.is_server_error() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = body::read(body, MAX_ANSWER)
        .await
        .map_err(|_| Problem::new(500, "The answer could not be kept").kind("urn:firedog:broken"))?;
    let text = String::from_utf8_lossy(&bytes);
    // Sealed, because the answer to a new token holds the token.
    let sealed = app.key.seal(&place, &text);
    let answer = Answer { at: app.now(), request: request_digest, status: u32::from(status.as_u16()), body: sealed };
    if let Err(error) = app.engine.store().write(Put { scope, key, answer }).await {
        tracing::warn!(%error, "an answer was not kept; the same request again would be done again");
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn bytes_digest(bytes: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).to_vec()
}

fn replay(app: &App, place: &str, known: &Answer, request: &str) -> Result<Response, Problem> {
    if known.request != request {
        return Err(Problem::new(422, "This Idempotency-Key belongs to another request")
            .kind("urn:firedog:key_reused")
            .next("make a new key for every new request"));
    }
    let body = app
        .key
        .unseal(place, &known.body)
        .map_err(|e| Problem::new(500, "The kept answer cannot be read").kind("urn:firedog:broken").detail(e.to_string()))?;
    let status = u16::try_from(known.status).ok().and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
    let media = if status.is_success() { "application/json" } else { "application/problem+json" };
    let mut response = (status, [(header::CONTENT_TYPE, media)], body.expose().to_owned()).into_response();
    response.headers_mut().insert("idempotent-replay", HeaderValue::from_static("true"));
    Ok(response)
}

struct Get {
    scope: String,
    key: String,
}

impl Op for Get {
    type Out = Option<Answer>;
    const NAME: &'static str = "answer_get";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        idempotency::get(tx, &self.scope, &self.key).await
    }
}

struct Put {
    scope: String,
    key: String,
    answer: Answer,
}

impl Op for Put {
    type Out = ();
    const NAME: &'static str = "answer_put";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        // Another node may have answered the same at the same time; its answer stays.
        idempotency::put(tx, &self.scope, &self.key, &self.answer).await.map(|_| ())
    }
}
