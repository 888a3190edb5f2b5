//! A scripted HTTP server on loopback: what is sent, and what each answer comes to.

use super::*;
use crate::email::tests::page;
use crate::message::Other;
use firedog_domain::delivery::Kind;
use firedog_domain::setup::{Address, Content};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn hooks() -> Hooks {
    // Whoever comes first installs it for the whole test binary.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Hooks::new(&[]).unwrap()
}

/// Answers one request with `answer`, and hands back the request.
pub(crate) async fn serve(listener: TcpListener, answer: &'static str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let request = read_request(&mut stream).await;
    stream.write_all(answer.as_bytes()).await.unwrap();
    request
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let n = stream.read(&mut chunk).await.unwrap();
        read.extend_from_slice(&chunk[..n]);
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
            if body.len() >= length.unwrap().parse::<usize>().unwrap() {
                return text;
            }
        }
        assert!(n > 0, "the request ended early: {text}");
    }
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/ada", listener.local_addr().unwrap());
    (listener, url)
}

async fn answer(answer: &'static str) -> (Outcome, String) {
    let (listener, url) = listener().await;
    let message = Message { address: Address::Webhook(url.clone()), secret: Some("s3cret".to_owned()), ..page() };
    let hooks = hooks();
    tokio::join!(hooks.send(&message, &url), serve(listener, answer))
}

#[test]
fn signature_vector() {
    // printf '1767323045.{"kind":"page"}' | openssl dgst -sha256 -hmac test-secret
    assert_eq!(
        signature("test-secret", 1_767_323_045, br#"{"kind":"page"}"#),
        "v1=5106463efee7a0b44b78cf9d5ab823030e9438df925d823f966934ee7d04a5fc"
    );
}

#[tokio::test]
async fn a_page_is_signed_json() {
    let (outcome, request) = answer("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(outcome, Outcome::Sent);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| {
        head.lines()
            .find_map(|line| line.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value))
            .unwrap_or("missing")
    };
    assert!(head.starts_with("POST /ada HTTP/1.1"));
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("x-firedog-timestamp"), "1767323105");
    assert_eq!(header("x-firedog-signature"), signature("s3cret", 1_767_323_105, body.as_bytes()));
    assert_eq!(header("idempotency-key"), "01J.1.1");
    assert!(header("user-agent").starts_with("Firedog/"));
    assert_eq!(
        serde_json::from_str::<Value>(body).unwrap(),
        json!({ "kind": "page",
            "alert": { "id": "01J", "service": "checkout", "state": "triggered", "urgency": "high", "severity": "critical",
                "summary": "p99 above 2s", "dedup_key": "c75f68922c9ebc87", "labels": { "alertname": "HighLatency", "region": "eu" },
                "created_at": "2026-01-02T03:04:05Z", "count": 2 },
            "user": "ada", "reason": "on call on pupper-primary", "why": ["step 1 of policy pupper"], "ack_url": "https://firedog.example/a/tok",
            "idempotency_key": "01J.1.1" })
    );
}

#[test]
fn minimal_content_has_no_alert_text() {
    let other = Other { alert: page().alert, ack_url: "https://firedog.example/a/other".to_owned() };
    let message = Message {
        content: Content::Minimal,
        others: vec![other],
        kind: Kind::Resolved,
        aside: Some(crate::Aside::Test),
        ..page()
    };
    let alert = json!({ "id": "01J", "state": "triggered", "urgency": "high" });
    let mut other = alert.clone();
    other["ack_url"] = "https://firedog.example/a/other".into();
    assert_eq!(
        body(&message),
        json!({ "kind": "resolved", "alert": alert, "others": [other], "user": "ada", "reason": "on call on pupper-primary",
            "ack_url": "https://firedog.example/a/tok", "idempotency_key": "01J.1.1", "test": true })
    );
}

#[tokio::test]
async fn outcomes_by_status() {
    let sent = Outcome::Sent;
    let after = |seconds: Option<i64>, reason: &str| Outcome::RetryAfter {
        after: seconds.map(SignedDuration::from_secs),
        reason: reason.to_owned(),
    };
    let rejected = |reason: &str| Outcome::Rejected { reason: reason.to_owned() };
    let misconfigured = |reason: &str| Outcome::Misconfigured { reason: reason.to_owned() };
    for (line, outcome) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", sent.clone()),
        ("HTTP/1.1 202 Accepted\r\nContent-Length: 999999999\r\n\r\n", sent),
        (
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
            after(Some(7), "HTTP 429 Too Many Requests"),
        ),
        (
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: Fri, 02 Jan 2026 03:06:05 GMT\r\nContent-Length: 0\r\n\r\n",
            after(Some(60), "HTTP 503 Service Unavailable"),
        ),
        (
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 999999\r\nContent-Length: 0\r\n\r\n",
            after(Some(900), "HTTP 503 Service Unavailable"),
        ),
        (
            "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 18\r\n\r\n\nboom\x07 bang\nmore..",
            after(None, "HTTP 500 Internal Server Error: boom bang"),
        ),
        ("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", after(None, "HTTP 408 Request Timeout")),
        ("HTTP/1.1 425 Too Early\r\nContent-Length: 0\r\n\r\n", after(None, "HTTP 425 Too Early")),
        ("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", rejected("HTTP 400 Bad Request")),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", rejected("HTTP 404 Not Found")),
        ("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", rejected("HTTP 410 Gone")),
        ("HTTP/1.1 422 Unprocessable Entity\r\nContent-Length: 0\r\n\r\n", rejected("HTTP 422 Unprocessable Entity")),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
            rejected("HTTP 302 Found (redirects are not followed)"),
        ),
        ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", misconfigured("HTTP 401 Unauthorized")),
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", misconfigured("HTTP 403 Forbidden")),
    ] {
        assert_eq!(answer(line).await.0, outcome, "{line}");
    }
}

#[tokio::test]
async fn an_endless_error_body_is_cut() {
    let (listener, url) = listener().await;
    let message = Message { address: Address::Webhook(url.clone()), ..page() };
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
        let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
        // Until the client has had enough.
        while stream.write_all(chunk.as_bytes()).await.is_ok() {}
    };
    let hooks = hooks();
    let (outcome, ()) = tokio::join!(hooks.send(&message, &url), server);
    let Outcome::RetryAfter { reason, .. } = outcome else { panic!("{outcome:?}") };
    assert!(reason.len() < 300, "{reason}");
}

#[tokio::test]
async fn nothing_listening_is_tried_again() {
    let (listener, url) = listener().await;
    drop(listener);
    let outcome = hooks().send(&Message { address: Address::Webhook(url.clone()), ..page() }, &url).await;
    assert!(matches!(outcome, Outcome::RetryAfter { after: None, .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_connection_lost_after_the_request_is_unknown() {
    let (listener, url) = listener().await;
    let message = Message { address: Address::Webhook(url.clone()), ..page() };
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
    };
    let hooks = hooks();
    let (outcome, ()) = tokio::join!(hooks.send(&message, &url), server);
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
}

#[tokio::test]
async fn no_answer_after_the_request_is_unknown() {
    let (listener, url) = listener().await;
    let message = Message { address: Address::Webhook(url.clone()), ..page() };
    let hooks = hooks();
    let sending = hooks.send(&message, &url);
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        // The request is here; from now on only the clock moves.
        tokio::time::pause();
        stream
    };
    let (outcome, _stream) = tokio::join!(sending, server);
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
}

#[tokio::test]
async fn no_handshake_in_time_is_tried_again() {
    let (listener, url) = listener().await;
    let url = url.replace("http://", "https://");
    let hooks = hooks();
    let page = page();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 16]).await.unwrap() > 0, "the client's hello");
        // From here only the clock moves.
        tokio::time::pause();
        stream
    };
    let (outcome, _stream) = tokio::join!(hooks.send(&page, &url), server);
    assert!(matches!(outcome, Outcome::RetryAfter { after: None, .. }), "{outcome:?}");
}

/// Offers a certificate that nobody vouches for, and hangs up.
fn serve_tls(listener: &std::net::TcpListener) {
    use rustls::pki_types::pem::PemObject;
    let certificate =
        rustls::pki_types::CertificateDer::from_pem_slice(include_bytes!("../email/testdata/self-signed.pem")).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(include_bytes!("../email/testdata/self-signed-key.pem")).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut connection = rustls::ServerConnection::new(config.into()).unwrap();
    assert!(connection.complete_io(&mut stream).is_err(), "the client must not go on");
}

#[tokio::test]
async fn an_untrusted_certificate_is_for_somebody_to_mend() {
    let hooks = hooks();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/ada", listener.local_addr().unwrap().port());
    let page = page();
    let server = tokio::task::spawn_blocking(move || serve_tls(&listener));
    let (outcome, served) = tokio::join!(hooks.send(&page, &url), server);
    served.unwrap();
    assert!(matches!(&outcome, Outcome::Misconfigured { reason } if reason.contains("certificate")), "{outcome:?}");
}

#[tokio::test]
async fn targets_are_checked_before_connecting() {
    let (listener, url) = listener().await;
    let port = listener.local_addr().unwrap().port();
    let others = Message { address: Address::Webhook(url.clone()), admin_named: false, ..page() };
    for url in [
        url,
        format!("http://localhost:{port}/ada"),
        "http://169.254.169.254/".to_owned(),
        "ftp://example.org/".to_owned(),
        "nonsense".to_owned(),
    ] {
        let outcome = hooks().send(&others, &url).await;
        assert!(matches!(outcome, Outcome::Rejected { .. }), "{url}: {outcome:?}");
    }
    let outcome = hooks().send(&page(), "http://[::ffff:169.254.169.254]/").await;
    assert!(matches!(&outcome, Outcome::Rejected { reason } if reason.contains("metadata")), "{outcome:?}");
    // An administrator may name loopback, by name too.
    let url = format!("http://localhost:{port}/ada");
    let hooks = hooks();
    let page = page();
    let (outcome, _) = tokio::join!(hooks.send(&page, &url), serve(listener, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    assert_eq!(outcome, Outcome::Sent);
}
