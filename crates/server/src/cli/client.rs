//! Talking to the server: one request, its answer or a [`Failure`] that says what to do.

use super::failure::{Exit, Failure};
use reqwest::{Method, RequestBuilder, Response, Url};
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Larger than any answer that a person asked for; more means that this is no Firedog server.
const MAX_ANSWER: usize = 64 << 20;
/// A refusal is a few lines.
const MAX_REFUSAL: usize = 1 << 20;
/// Far beyond a loaded link; a dead address should not cost more patience.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Silence in mid-answer. `prove` over a year may compute for a while before its first byte.
const READ_TIMEOUT: Duration = Duration::from_secs(120);
/// A connection that broke in mid-request is tried this often; the `Idempotency-Key` keeps the
/// repetition from acting twice.
const ATTEMPTS: usize = 3;
/// What the server answers per page at most.
const PAGE: usize = 500;

/// Where a server listens unless told otherwise.
pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:8700";

pub(crate) struct Client {
    base: Url,
    token: Option<String>,
    acting_as: Option<String>,
    http: reqwest::Client,
}

impl Client {
    /// `server` may leave `http://` out.
    pub(crate) fn new(server: &str, token: Option<String>, acting_as: Option<String>) -> Result<Self, Failure> {
        let base = address(server)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("firedog/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            // A redirect would carry the token to somebody else.
            .redirect(reqwest::redirect::Policy::none());
        if base.scheme() == "http" {
            // A host without certificate authorities (a slim container) must still reach plain HTTP.
            builder = builder.tls_certs_only([]);
        }
        if is_loopback(&base) {
            // A proxy for the outside world cannot reach this machine's own loopback.
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|e| Failure::failed(format!("cannot set up the HTTP client: {}", chain(&e))))?;
        let token = token.filter(|token| !token.trim().is_empty()).map(|token| token.trim().to_owned());
        Ok(Self { base, token, acting_as, http })
    }

    pub(crate) fn server(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    pub(crate) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, Failure> {
        let answer = self.send(Method::GET, path, query, None, None).await?;
        self.json(answer).await
    }

    pub(crate) async fn post(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        let key = uuid::Uuid::now_v7().to_string();
        let answer = self.send(Method::POST, path, &[], Some(body), Some(&key)).await?;
        self.json(answer).await
    }

    pub(crate) async fn put(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        let answer = self.send(Method::PUT, path, &[], Some(body), None).await?;
        self.json(answer).await
    }

    /// A POST that changes nothing, or whose answer must not be kept (a secret), so that its answer need not be remembered.
    pub(crate) async fn ask(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        let answer = self.send(Method::POST, path, &[], Some(body), None).await?;
        self.json(answer).await
    }

    pub(crate) async fn delete(&self, path: &[&str]) -> Result<Value, Failure> {
        let answer = self.send(Method::DELETE, path, &[], None, None).await?;
        self.json(answer).await
    }

    /// The first `limit` items of a list, over as many pages as it takes.
    pub(crate) async fn list(&self, path: &[&str], query: &[(&str, &str)], limit: usize) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        while items.len() < limit {
            let page = (limit - items.len()).min(PAGE).to_string();
            let mut query = query.to_vec();
            query.push(("limit", &page));
            if let Some(cursor) = &cursor {
                query.push(("cursor", cursor));
            }
            let mut answer = self.get(path, &query).await?;
            let Value::Array(more) = answer["items"].take() else { return Err(self.strange("a list")) };
            // An empty page with a cursor would go round for ever.
            let ended = more.is_empty();
            items.extend(more);
            cursor = answer["next"].as_str().map(str::to_owned);
            if cursor.is_none() || ended {
                break;
            }
        }
        items.truncate(limit);
        Ok(items)
    }

    /// Streams the answer of a POST into `into`; answers how many bytes it was.
    pub(crate) async fn download(
        &self,
        path: &[&str],
        body: &Value,
        into: &mut (impl AsyncWrite + Unpin),
    ) -> Result<u64, Failure> {
        let mut answer = self.send(Method::POST, path, &[], Some(body), None).await?;
        let mut length = 0;
        while let Some(chunk) = answer.chunk().await.map_err(|e| self.unreachable(&e))? {
            into.write_all(&chunk).await.map_err(|e| Failure::failed(format!("cannot write: {e}")))?;
            length += chunk.len() as u64;
        }
        into.flush().await.map_err(|e| Failure::failed(format!("cannot write: {e}")))?;
        Ok(length)
    }

    /// Answers a success; everything else is a [`Failure`].
    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Response, Failure> {
        let mut attempt = 0;
        let answer = loop {
            attempt += 1;
            match self.request(&method, path, query, body, key).send().await {
                Ok(answer) => break answer,
                // Nobody listens: asking again at once changes nothing.
                Err(e) if attempt < ATTEMPTS && e.is_request() && !e.is_connect() && !e.is_timeout() => {}
                Err(e) => return Err(self.unsent(&e, pages(&method, path))),
            }
        };
        let status = answer.status();
        if status.is_redirection() {
            let to = answer.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or("elsewhere").to_owned();
            return Err(Failure::failed(format!("{} answered with a redirect to {to}", self.server()))
                .next("pass the address it redirects to with --server or FIREDOG_SERVER"));
        }
        if !status.is_success() {
            let refusal = self.body(answer, MAX_REFUSAL).await.unwrap_or_default();
            let failure = Failure::of_answer(self.server(), status, &refusal, self.token.is_some());
            let failure = match where_to_look(path, query, body) {
                Some(next) if failure.exit == Exit::NotFound => failure.next(next),
                _ => failure,
            };
            // Whoever only looks at something does not wonder who was paged.
            return Err(Failure { paged: failure.paged.filter(|_| pages(&method, path)), ..failure });
        }
        Ok(answer)
    }

    fn request(
        &self,
        method: &Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
        key: Option<&str>,
    ) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        let mut request = self.http.request(method.clone(), url).query(query).header("accept", "application/json");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(user) = &self.acting_as {
            request = request.header("firedog-as", user);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        request
    }

    async fn json(&self, answer: Response) -> Result<Value, Failure> {
        let body = self.body(answer, MAX_ANSWER).await?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|_| self.strange("JSON"))
    }

    async fn body(&self, mut answer: Response, limit: usize) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|e| self.unreachable(&e))? {
            body.extend_from_slice(&chunk);
            if body.len() > limit {
                return Err(self.strange(&format!("less than {} MiB", limit >> 20)));
            }
        }
        Ok(body)
    }

    fn strange(&self, expected: &str) -> Failure {
        Failure::failed(format!("{} did not answer with {expected}, as a Firedog server does", self.server()))
            .next("check that --server (or FIREDOG_SERVER) names a Firedog server of this version: firedog version")
    }

    /// A request that got no answer; `pages`: it would have paged somebody.
    fn unsent(&self, error: &reqwest::Error, pages: bool) -> Failure {
        let failure = self.unreachable(error);
        match pages {
            true if error.is_connect() || error.is_builder() => Failure { paged: Some(false), ..failure },
            true => failure.next("it is not known whether anybody was paged: look with `firedog alert list`, then send it again"),
            false => failure,
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        if error.is_builder() {
            return Failure::usage(format!("cannot ask {}: {}", self.server(), chain(error)))
                .next("check --token (FIREDOG_TOKEN) and --as: they must be plain text without line ends");
        }
        let next = if is_loopback(&self.base) {
            "start a server with `firedog serve`, or name another one with --server or FIREDOG_SERVER"
        } else {
            "check that it runs, that --server (or FIREDOG_SERVER) is its address, and the network, VPN and proxy between"
        };
        Failure::new(Exit::Unreachable, format!("cannot reach the server at {}: {}", self.server(), chain(error))).next(next)
    }
}

/// The command that lists what something unknown should have been.
fn where_to_look(path: &[&str], query: &[(&str, &str)], body: Option<&Value>) -> Option<&'static str> {
    let named = |name: &str| query.iter().any(|(key, _)| *key == name) || body.is_some_and(|body| !body[name].is_null());
    Some(match *path {
        ["alerts"] | ["services", ..] => "see the services: firedog service list",
        ["alerts", ..] => "see the alerts: firedog alert list --state all",
        ["oncall" | "simulate"] if named("service") => "see the services: firedog service list",
        ["oncall"] | ["schedules", ..] => "see the schedules: firedog schedule list",
        ["overrides", _] => "see the overrides: firedog override list",
        ["silences", _] => "see the silences: firedog silence list",
        ["maintenance", _] => "see the windows: firedog maintenance list",
        ["tokens", _] => "see the tokens: firedog token list",
        _ => return None,
    })
}

/// Whether a request is one that pages somebody.
fn pages(method: &Method, path: &[&str]) -> bool {
    *method == Method::POST && matches!(path, ["alerts"] | ["pages"] | ["alerts", _, "escalate"])
}

fn address(server: &str) -> Result<Url, Failure> {
    let server = server.trim();
    // An empty variable means an unset one.
    let server = if server.is_empty() { DEFAULT_SERVER } else { server };
    let with_scheme = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
    let refused = |why: String| {
        Failure::usage(format!("`{server}` is not a server's address: {why}")).next("write for example http://127.0.0.1:8700")
    };
    let mut url = Url::parse(&with_scheme).map_err(|e| refused(e.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused("it must begin with http:// or https://".to_owned()));
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// The innermost cause says what is wrong (`Connection refused`); the outer ones repeat the address.
fn chain(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_leave_the_scheme_out() {
        for (text, url) in [
            ("http://127.0.0.1:8700", "http://127.0.0.1:8700/"),
            ("", "http://127.0.0.1:8700/"),
            ("pager.example.org", "http://pager.example.org/"),
            ("localhost:8700", "http://localhost:8700/"),
            (" https://pager.example.org/firedog/?x=1#y ", "https://pager.example.org/firedog/"),
        ] {
            assert_eq!(address(text).map(|url| url.to_string()).map_err(|f| f.detail), Ok(url.to_owned()));
        }
        for bad in ["ftp://pager", "http://", "http://a b"] {
            assert_eq!(address(bad).map_err(|f| f.exit), Err(Exit::Usage), "{bad}");
        }
    }

    fn client(server: &str) -> Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Client::new(server, Some(" secret\n".to_owned()), Some("ada".to_owned())).ok().unwrap()
    }

    #[test]
    fn ids_cannot_leave_their_place_in_the_path() {
        let request = client("http://h/base/")
            .request(&Method::GET, &["alerts", "../tokens?x"], &[("state", "a,b")], None, None)
            .build()
            .unwrap();
        assert_eq!(request.url().as_str(), "http://h/base/api/v1/alerts/..%2Ftokens%3Fx?state=a%2Cb");
        assert_eq!(request.headers()["authorization"], "Bearer secret");
        assert_eq!(request.headers()["firedog-as"], "ada");
    }

    /// A server of these routes, and a client for it.
    async fn serve(routes: axum::Router) -> Client {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        client(&url)
    }

    #[tokio::test]
    async fn lists_follow_their_cursors_up_to_the_limit() {
        use axum::extract::Query;
        use std::collections::HashMap;
        let page = |Query(query): Query<HashMap<String, String>>| async move {
            let from: usize = query.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
            let size = query["limit"].parse::<usize>().unwrap().min(3);
            let items: Vec<usize> = (from..(from + size).min(8)).collect();
            let next = (from + size < 8).then(|| (from + size).to_string());
            axum::Json(serde_json::json!({ "items": items, "next": next }))
        };
        let client = serve(axum::Router::new().route("/api/v1/alerts", axum::routing::get(page))).await;
        for (limit, count) in [(1, 1), (3, 3), (4, 4), (8, 8), (100, 8)] {
            let items = client.list(&["alerts"], &[], limit).await.unwrap();
            assert_eq!(items, (0..count).map(Value::from).collect::<Vec<_>>(), "{limit}");
        }
    }

    #[tokio::test]
    async fn refusals_redirects_and_strangers_are_told_apart() {
        use axum::http::StatusCode;
        use axum::response::{Html, Redirect};
        use axum::routing::{get, post};
        let problem = (StatusCode::CONFLICT, r#"{"detail":"it is resolved","paged":false}"#);
        let routes = axum::Router::new()
            .route("/api/v1/alerts/a", get(move || async move { problem }))
            .route("/api/v1/pages", post(move || async move { problem }))
            .route("/api/v1/users", get(|| async { Redirect::permanent("https://elsewhere/") }))
            .route("/api/v1/teams", get(|| async { Html("<p>Welcome to nginx!") }));
        let client = serve(routes).await;
        let shown = client.get(&["alerts", "a"], &[]).await.unwrap_err();
        assert_eq!((shown.exit, shown.paged), (Exit::Conflict, None));
        let paged = client.post(&["pages"], &Value::Null).await.unwrap_err();
        assert_eq!((paged.exit, paged.paged), (Exit::Conflict, Some(false)));
        assert!(client.get(&["users"], &[]).await.unwrap_err().detail.unwrap().ends_with("a redirect to https://elsewhere/"));
        assert!(client.get(&["teams"], &[]).await.unwrap_err().detail.unwrap().contains("did not answer with JSON"));
        let nowhere = client_of_nobody().await.post(&["pages"], &Value::Null).await.unwrap_err();
        assert_eq!((nowhere.exit, nowhere.paged), (Exit::Unreachable, Some(false)));
    }

    /// Of an address where nobody listens: its listener is gone again.
    async fn client_of_nobody() -> Client {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        client(&url)
    }
}
