//! What is pushed, and what a push service's answers come to. (Encryption and signature: beside their code. The whole way
//! to an independent implementation and to a browser: the black-box tests.)

use super::*;
use crate::email::tests::page;
use crate::message::Other;
use crate::webhook::tests::serve;
use firedog_domain::setup::Address;
use serde_json::Value;
use tokio::net::TcpListener;

fn device(endpoint: &str) -> Device {
    use p256::elliptic_curve::sec1::ToSec1Point;
    let point = SecretKey::from_slice(&[9; 32]).unwrap().public_key().to_sec1_point(false);
    Device { id: "d1".into(), endpoint: endpoint.to_owned(), p256dh: write(point.as_bytes()), auth: write(&[1; 16]) }
}

fn pusher(allowed: &str) -> Pusher {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let identity = Identity::new(&[5; 32], "https://firedog.example".to_owned());
    Pusher::new(&[allowed.parse().unwrap()], identity).unwrap()
}

fn pushed(endpoint: &str) -> Message {
    Message { address: Address::Push([device(endpoint)].into()), ..page() }
}

#[tokio::test]
async fn answers_of_a_push_service() {
    for (status, outcome) in [
        ("201 Created", "sent"),
        ("410 Gone", "rejected"),
        ("404 Not Found", "rejected"),
        ("429 Too Many Requests", "retry_after"),
        ("503 Service Unavailable", "retry_after"),
        ("403 Forbidden", "misconfigured"),
        ("400 Bad Request", "misconfigured"),
        ("413 Payload Too Large", "misconfigured"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/send/1", listener.local_addr().unwrap());
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let served = tokio::spawn(serve(listener, answer.leak()));
        let got = pusher("127.0.0.1").send(&pushed(&url), &device(&url)).await;
        assert_eq!(got.as_str(), outcome, "{status}");
        let request = served.await.unwrap().to_ascii_lowercase();
        for header in ["ttl: 3600", "urgency: high", "content-encoding: aes128gcm", "authorization: vapid t=", "topic: "] {
            assert!(request.contains(header), "{header} is missing in {request}");
        }
    }
}

#[tokio::test]
async fn a_browser_cannot_name_an_address_inside() {
    let pusher = pusher("10.0.0.0/8");
    let inside = device("http://127.0.0.1:9/send");
    assert!(pusher.check(&inside).unwrap_err().contains("not a public address"));
    assert_eq!(pusher.send(&pushed("x"), &inside).await.as_str(), "misconfigured");
    assert!(
        pusher.check(&Device { p256dh: "x".to_owned(), ..device("https://push.example.net/1") }).unwrap_err().contains("p256dh")
    );
    assert_eq!(pusher.check(&device("https://push.example.net/1")), Ok(()));
}

#[test]
fn what_the_service_worker_is_told() {
    let read = |message: &Message| serde_json::from_str::<Value>(&payload(message)).unwrap();
    let one = read(&Message { receipt_url: Some("https://firedog.example/p/r".to_owned()), ..page() });
    assert_eq!(one["kind"], "page");
    assert_eq!(one["title"], "checkout: p99 above 2s");
    assert!(one["body"].as_str().unwrap().starts_with("Why you: on call on pupper-primary"), "{one}");
    assert_eq!((&one["ack_url"], &one["url"]), (&one["url"], &one["ack_url"]));
    assert_eq!(one["confirm"], "https://firedog.example/p/r");
    // A bundle has no one link that would acknowledge what it does not list.
    let other = Other { alert: AlertView { summary: "disk full".to_owned(), ..page().alert }, ack_url: "x".to_owned() };
    let many = read(&Message { others: vec![other], ..page() });
    assert_eq!((many["title"].as_str(), &many["ack_url"]), (Some("2 alerts page you"), &Value::Null));
    assert_eq!(many["body"], "checkout: p99 above 2s\ncheckout: disk full");
    let minimal = read(&Message { content: Content::Minimal, ..page() });
    assert!(!minimal.to_string().contains("p99"), "{minimal}");
    let over = read(&Message { kind: Kind::Resolved, ..page() });
    assert_eq!((over["ack_url"].clone(), over["tag"].clone()), (Value::Null, one["tag"].clone()));
    let long = Message { reason: "ü".repeat(5_000), ..page() };
    assert!(payload(&long).len() < MAX_PLAIN);
}
