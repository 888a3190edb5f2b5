//! The server with its sockets: starting, being ready, draining, backing up.

use crate::town::{ADMIN, PD, SETUP, source};
use firedog_domain::setup::load::NoOutside;
use firedog_engine::Clock;
use firedog_server::config::Config;
use firedog_server::serve::{GivenSetup, Running, start};
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn config(dir: &Path, more: &[(&str, &str)]) -> Config {
    let database = format!("sqlite:{}", dir.join("firedog.db").display());
    let fixed = [("FIREDOG_ADMIN_TOKEN", ADMIN), ("FIREDOG_DATABASE", database.as_str()), ("FIREDOG_LISTEN", "127.0.0.1:0")];
    let environment = fixed.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(None, environment, &[]).unwrap()
}

fn given(text: &str) -> Option<GivenSetup> {
    Some(GivenSetup { files: vec![source(text)], outside: Box::new(NoOutside) })
}

/// A server of this process that has just stopped may hold its file for a moment longer.
const RELEASED_WITHIN: Duration = Duration::from_secs(10);

async fn run(dir: &Path, setup: Option<&str>, more: &[(&str, &str)]) -> anyhow::Result<Running> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let begun = std::time::Instant::now();
    loop {
        match start(config(dir, more), setup.and_then(given), Clock::system()).await {
            Err(error) if error.to_string().contains("in use by another") && begun.elapsed() < RELEASED_WITHIN => {
                tokio::task::yield_now().await;
            }
            started => return started,
        }
    }
}

async fn ask(running: &Running, request: &str) -> String {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_takes_an_event_and_stops() {
    let dir = tempfile::tempdir().unwrap();
    let running = run(dir.path(), Some(SETUP), &[("FIREDOG_PUBLIC_LISTEN", "127.0.0.1:0")]).await.unwrap();
    assert!(running.address.port() != 0 && running.public_address.is_some_and(|a| a.port() != running.address.port()));
    let ready = ask(&running, "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
    let event =
        json!({ "routing_key": PD, "event_action": "trigger", "payload": { "summary": "x", "source": "y", "severity": "info" } })
            .to_string();
    let post =
        format!("POST /v2/enqueue HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{event}", event.len());
    assert!(ask(&running, &post).await.starts_with("HTTP/1.1 202"));
    // Headers beyond any reason are refused, and nobody else suffers.
    let refused = ask(&running, &format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(200_000))).await;
    assert!(refused.starts_with("HTTP/1.1 431") || refused.is_empty(), "{refused}");
    let address = running.address;
    running.stop().await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    assert!(dir.path().join("firedog.db.key").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_setup_leaves_the_stored_one_in_force_or_nothing_to_run() {
    let dir = tempfile::tempdir().unwrap();
    let broken = "teams: [ { id: pupper, members: [nobody] } ]";
    let error = run(dir.path(), Some(broken), &[]).await.err().expect("there is nothing that could run");
    assert!(error.to_string().contains("none is stored"), "{error}");
    run(dir.path(), Some(SETUP), &[]).await.unwrap().stop().await.unwrap();
    let running = run(dir.path(), Some(broken), &[]).await.unwrap();
    let metrics = ask(&running, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(metrics.contains("\nfiredog_setup_stale 1\n"), "{metrics}");
    running.stop().await.unwrap();
    let running = run(dir.path(), Some(SETUP), &[]).await.unwrap();
    assert_eq!(running.app.engine.scene().await.unwrap().world.version, 1, "the same setup is no new version");
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_a_database() {
    let dir = tempfile::tempdir().unwrap();
    let running = run(dir.path(), Some(SETUP), &[]).await.unwrap();
    let request = format!(
        "POST /api/v1/backup HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {ADMIN}\r\nContent-Length: 0\r\n\r\n"
    );
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let split = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..split]));
    assert!(answer[split + 4..].starts_with(b"SQLite format 3\0"));
    running.stop().await.unwrap();
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!left.iter().any(|name| name.contains("backup")), "{left:?}");
    // It opens as one.
    let copy = tempfile::tempdir().unwrap();
    std::fs::write(copy.path().join("firedog.db"), &answer[split + 4..]).unwrap();
    let restored = run(copy.path(), None, &[]).await.unwrap();
    assert_eq!(restored.app.engine.scene().await.unwrap().world.setup.services.len(), 2);
    restored.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = run(dir.path(), Some(SETUP), &[]).await.unwrap();
    let second = start(config(dir.path(), &[]), None, Clock::system()).await;
    assert!(second.is_err(), "two servers would page twice");
    first.stop().await.unwrap();
    run(dir.path(), None, &[]).await.unwrap().stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_is_followed_and_a_broken_connection_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let running = run(dir.path(), Some(SETUP), &[]).await.unwrap();
    let follow = async |last: &str| {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let request = format!("GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN}\r\n{last}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    };
    // Reads until a text has come.
    async fn until(stream: &mut TcpStream, read: &mut String, wanted: &str) {
        let mut buffer = [0; 4096];
        while !read.contains(wanted) {
            let n = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut buffer)).await.expect(wanted).unwrap();
            assert!(n > 0, "the stream ended before {wanted}: {read}");
            read.push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    }
    let trigger = async |key: &str| {
        let payload = json!({ "summary": key, "source": "y", "severity": "info" });
        let event = json!({ "routing_key": PD, "event_action": "trigger", "dedup_key": key, "payload": payload }).to_string();
        let post = format!(
            "POST /v2/enqueue HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{event}",
            event.len()
        );
        assert!(ask(&running, &post).await.starts_with("HTTP/1.1 202"));
    };
    let (mut stream, mut read) = (follow("").await, String::new());
    until(&mut stream, &mut read, "event: hello").await;
    assert!(read.contains("text/event-stream"), "{read}");
    trigger("first").await;
    until(&mut stream, &mut read, "\"dedup_key\":\"first\"").await;
    let id = read.lines().rev().find_map(|line| line.strip_prefix("id: ")).unwrap().trim().to_owned();
    // Another listener keeps the stream heard while this one is gone.
    let (mut other, mut heard) = (follow("").await, String::new());
    until(&mut other, &mut heard, "event: hello").await;
    drop(stream);
    trigger("second").await;
    until(&mut other, &mut heard, "\"dedup_key\":\"second\"").await;
    let (mut again, mut read) = (follow(&format!("Last-Event-ID: {id}\r\n")).await, String::new());
    until(&mut again, &mut read, "\"dedup_key\":\"second\"").await;
    assert!(!read.contains("event: reset") && !read.contains("\"first\""), "{read}");
    let (mut lost, mut read) = (follow("Last-Event-ID: another-7\r\n").await, String::new());
    until(&mut lost, &mut read, "event: reset").await;
    // A stop does not wait for those who listen.
    let begun = std::time::Instant::now();
    running.stop().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}
