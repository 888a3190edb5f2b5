//! A scripted HTTP server on loopback, for the tests of every connector: it gives its answers in order and keeps the requests.

use super::{Auth, Site};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What came in.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub method: String,
    /// With the query, as it was sent.
    pub path: String,
    pub head: String,
    pub body: String,
}

impl Request {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The form or query as pairs, decoded.
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        let query = self.path.split_once('?').map(|(_, query)| query);
        let text = if self.body.is_empty() { query.unwrap_or_default() } else { &self.body };
        url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
    }

    pub(crate) fn pair(&self, name: &str) -> Option<String> {
        self.pairs().into_iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }
}

#[derive(Clone)]
pub(crate) struct Script {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Script {
    /// Gives each answer once, in order, one per connection; then nobody listens any more.
    pub(crate) async fn of<A: Into<Vec<u8>>>(answers: impl IntoIterator<Item = A>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers: Vec<Vec<u8>> = answers.into_iter().map(Into::into).collect();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let script = Self { url, requests: requests.clone() };
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read(&mut stream).await;
                requests.lock().unwrap().push(request);
                // The client may have had enough of a hostile answer.
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            }
        });
        script
    }

    pub(crate) fn site(&self) -> Site {
        self.site_as(&Auth::None)
    }

    pub(crate) fn site_as(&self, auth: &Auth) -> Site {
        Site::new(&self.url, auth, None).unwrap()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

async fn read(stream: &mut TcpStream) -> Request {
    let mut read = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let n = stream.read(&mut chunk).await.unwrap();
        read.extend_from_slice(&chunk[..n]);
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0_usize) {
                let mut words = head.split(' ');
                let (method, path) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
                return Request { method, path, head: head.to_owned(), body: body.to_owned() };
            }
        }
        assert!(n > 0, "the request ended early: {text}");
    }
}

pub(crate) fn reply(status: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// 200 with JSON.
pub(crate) fn ok(body: impl AsRef<str>) -> String {
    reply("200 OK", "application/json", body.as_ref())
}

/// What no connector may take for data, and what each must say of it as a read.
pub(crate) fn hostile() -> Vec<(String, &'static str)> {
    let length = 9 << 30;
    vec![
        (reply("200 OK", "text/html; charset=utf-8", "<html><form action=login>"), "misconfigured"),
        (
            "HTTP/1.1 302 Found\r\nLocation: https://sso.example/in?token=tok3n-s3cret\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "misconfigured",
        ),
        (ok("[1, 2, 3]"), "misconfigured"),
        (ok("\"text\""), "misconfigured"),
        (ok("{\"truncated\": "), "misconfigured"),
        (ok("[".repeat(100_000)), "misconfigured"),
        (ok(""), "misconfigured"),
        ("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"a\":".to_owned(), "unknown"),
        (format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{{"), "rejected"),
        ("SSH-2.0-OpenSSH_9.6\r\n".to_owned(), "unknown"),
        (reply("401 Unauthorized", "text/plain", "Unauthorized"), "misconfigured"),
        (reply("502 Bad Gateway", "text/html", "<html>nginx"), "unknown"),
        (reply("503 Service Unavailable", "text/plain", "Service Unavailable"), "retry"),
        (reply("429 Too Many Requests", "application/json", "{}"), "retry"),
    ]
}
