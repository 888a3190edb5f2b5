//! A webhook receiver: keeps what it is sent, and answers as it is told.

use crate::http::{bind, serve_until};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Larger than any webhook that Firedog sends; a larger one is answered with 413 and not kept.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Requests kept; the oldest go first. With the body's bound it says how much memory a runaway sender can take.
const MAX_KEPT: usize = 4_096;

/// What the inbox does with a request. It is recorded in every case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This status, with an empty JSON object as body.
    Status(u16),
    /// This status with one header, such as `Retry-After`.
    With { status: u16, header: (String, String) },
    /// No answer until the inbox stops or the sender goes away.
    Hang,
    /// The connection is closed without an answer.
    Drop,
}

/// One request, as it came.
#[derive(Clone, Debug, Serialize)]
pub struct Received {
    /// 1, 2, 3 in the order of arrival.
    pub id: u64,
    /// Milliseconds since the inbox was started.
    pub after_ms: u64,
    pub method: String,
    /// With the query, if any.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As text; bytes that are not UTF-8 are replaced. The exact bytes are in `bytes`.
    pub body: String,
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

impl Received {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::from_slice(&self.bytes)
    }
}

/// A running inbox. Dropping it ends it at once.
pub struct Inbox {
    addr: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    started: Instant,
    book: Mutex<Book>,
    /// Counts requests, so that one can wait for the next.
    count: watch::Sender<u64>,
    stopped: watch::Sender<bool>,
}

struct Book {
    received: VecDeque<Received>,
    /// Used up one by one, before anything else.
    next: VecDeque<Answer>,
    /// For paths that start like this; the longest wins.
    by_path: BTreeMap<String, Answer>,
    otherwise: Answer,
}

impl Inbox {
    /// Listens on `addr` or on any free port of 127.0.0.1. Takes any method on any path, except `GET /received.json`,
    /// which lists what came. Answers 200 until told otherwise.
    pub async fn start(addr: Option<SocketAddr>) -> io::Result<Self> {
        let listener = bind(addr).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            started: Instant::now(),
            book: Mutex::new(Book {
                received: VecDeque::new(),
                next: VecDeque::new(),
                by_path: BTreeMap::new(),
                otherwise: Answer::Status(200),
            }),
            count: watch::channel(0).0,
            stopped: watch::channel(false).0,
        });
        let router = Router::new().route("/received.json", get(list)).fallback(receive).with_state(shared.clone());
        let mut stopped = shared.stopped.subscribe();
        let task = tokio::spawn(serve_until(listener, router, async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        }));
        Ok(Self { addr, shared, task })
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The answer from now on, where nothing more special is set.
    pub fn answer(&self, answer: Answer) {
        self.shared.book().otherwise = answer;
    }

    /// The answer from now on for paths that start with `path`.
    pub fn answer_at(&self, path: &str, answer: Answer) {
        self.shared.book().by_path.insert(path.to_owned(), answer);
    }

    /// The answers to the next requests, whatever their path; used up one by one.
    pub fn answer_next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.shared.book().next.extend(answers);
    }

    /// Everything kept, in the order of arrival.
    pub fn received(&self) -> Vec<Received> {
        self.shared.book().received.iter().cloned().collect()
    }

    /// Waits for a request that `wanted` accepts, also one that came already; `None` when none comes within `within`.
    pub async fn wait_for(&self, wanted: impl Fn(&Received) -> bool, within: Duration) -> Option<Received> {
        let mut count = self.shared.count.subscribe();
        let found = async {
            loop {
                count.mark_unchanged();
                let found = self.shared.book().received.iter().find(|request| wanted(request)).cloned();
                if found.is_some() || count.changed().await.is_err() {
                    return found;
                }
            }
        };
        tokio::time::timeout(within, found).await.ok().flatten()
    }

    pub async fn stop(mut self) {
        self.shared.stopped.send_replace(true);
        let _ = (&mut self.task).await;
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.shared.stopped.send_replace(true);
        self.task.abort();
    }
}

impl Shared {
    /// A panic while it was held cannot have left the book half written: every change is one call.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn answer_for(&mut self, path: &str) -> Answer {
        self.next.pop_front().unwrap_or_else(|| {
            let longest = self.by_path.iter().filter(|(start, _)| path.starts_with(*start)).max_by_key(|(start, _)| start.len());
            longest.map_or(&self.otherwise, |(_, answer)| answer).clone()
        })
    }
}

async fn list(State(shared): State<Arc<Shared>>) -> Json<Vec<Received>> {
    Json(shared.book().received.iter().cloned().collect())
}

async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, MAX_BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let answer = shared.keep(head.method.to_string(), path, &head.headers, &bytes);
    match answer {
        Answer::Status(status) => reply(status).into_response(),
        Answer::With { status, header: (name, value) } => ([(name, value)], reply(status)).into_response(),
        Answer::Hang => {
            let mut stopped = shared.stopped.subscribe();
            let _ = stopped.wait_for(|stopped| *stopped).await;
            reply(503).into_response()
        }
        // The server closes a connection without an answer when the task that serves it unwinds, and this way of
        // unwinding prints nothing.
        Answer::Drop => std::panic::resume_unwind(Box::new("told to drop the connection")),
    }
}

fn reply(status: u16) -> (StatusCode, [(&'static str, &'static str); 1], Body) {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [("content-type", "application/json")], Body::from("{}"))
}

impl Shared {
    fn keep(&self, method: String, path: String, headers: &axum::http::HeaderMap, bytes: &[u8]) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let after_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let body = String::from_utf8_lossy(bytes).into_owned();
        let mut book = self.book();
        let answer = book.answer_for(&path);
        let id = *self.count.borrow() + 1;
        book.received.push_back(Received { id, after_ms, method, path, headers, body, bytes: bytes.to_vec() });
        if book.received.len() > MAX_KEPT {
            book.received.pop_front();
        }
        // Still under the lock, so that numbers and order agree.
        self.count.send_replace(id);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client;
    use serde_json::{Value, json};

    const DEADLINE: Duration = Duration::from_secs(10);

    async fn post(inbox: &Inbox, path: &str, body: &str) -> reqwest::Result<reqwest::Response> {
        client().post(format!("{}{path}", inbox.url())).header("X-Mark", "yes").body(body.to_owned()).send().await
    }

    #[tokio::test]
    async fn keeps_what_came_in_order_and_lists_it() {
        let inbox = Inbox::start(None).await.unwrap();
        assert_eq!(post(&inbox, "/ada?n=1", r#"{"n":1}"#).await.unwrap().status(), 200);
        post(&inbox, "/grace", "two").await.unwrap();
        let received = inbox.received();
        assert_eq!(received.iter().map(|r| (r.id, r.path.as_str())).collect::<Vec<_>>(), [(1, "/ada?n=1"), (2, "/grace")]);
        assert_eq!(received[0].header("X-MARK"), Some("yes"));
        assert_eq!(received[0].json().unwrap(), json!({"n": 1}));
        assert!(received[1].json().is_err());
        assert!(received[0].after_ms <= received[1].after_ms);
        let list: Value = client().get(format!("{}/received.json", inbox.url())).send().await.unwrap().json().await.unwrap();
        assert_eq!(
            (list[1]["body"].as_str(), list[1]["method"].as_str(), list.as_array().unwrap().len()),
            (Some("two"), Some("POST"), 2)
        );
    }

    #[tokio::test]
    async fn answers_as_told() {
        let inbox = Inbox::start(None).await.unwrap();
        inbox.answer(Answer::Status(204));
        inbox.answer_at("/ada", Answer::With { status: 429, header: ("retry-after".to_owned(), "7".to_owned()) });
        inbox.answer_next([Answer::Status(500), Answer::Drop]);
        assert_eq!(post(&inbox, "/ada", "").await.unwrap().status(), 500);
        assert!(post(&inbox, "/grace", "").await.unwrap_err().is_request());
        let busy = post(&inbox, "/ada/hook", "").await.unwrap();
        assert_eq!((busy.status().as_u16(), busy.headers()["retry-after"].to_str().unwrap()), (429, "7"));
        assert_eq!(post(&inbox, "/grace", "").await.unwrap().status(), 204);
        assert_eq!(inbox.received().len(), 4);
    }

    #[tokio::test]
    async fn hangs_until_the_sender_gives_up_and_stops_all_the_same() {
        let inbox = Inbox::start(None).await.unwrap();
        inbox.answer(Answer::Hang);
        let request = client().post(inbox.url()).timeout(Duration::from_millis(50)).send();
        assert!(request.await.unwrap_err().is_timeout());
        let url = inbox.url();
        let waiting = tokio::spawn(async move { client().post(url).send().await });
        inbox.wait_for(|request| request.id == 2, DEADLINE).await.unwrap();
        tokio::time::timeout(DEADLINE, inbox.stop()).await.unwrap();
        assert!(waiting.await.unwrap().is_ok_and(|answer| answer.status() == 503));
    }

    #[tokio::test]
    async fn waits_for_a_request() {
        let inbox = Inbox::start(None).await.unwrap();
        let url = inbox.url();
        let later = tokio::spawn(async move {
            client().post(format!("{url}/other")).send().await.unwrap();
            client().post(format!("{url}/wanted")).send().await.unwrap();
        });
        assert_eq!(inbox.wait_for(|request| request.path == "/wanted", DEADLINE).await.unwrap().id, 2);
        assert!(inbox.wait_for(|request| request.path == "/never", Duration::from_millis(20)).await.is_none());
        later.await.unwrap();
    }

    #[tokio::test]
    async fn refuses_a_body_beyond_its_bound() {
        let inbox = Inbox::start(None).await.unwrap();
        let answer = post(&inbox, "/", &"x".repeat(MAX_BODY_BYTES + 1)).await;
        // The answer may come before the body is out, which some clients report as a broken connection.
        assert!(answer.map_or(true, |answer| answer.status() == 413));
        assert!(inbox.received().is_empty());
    }
}
