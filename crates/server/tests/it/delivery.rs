//! What a webhook receives, through the real connectors.

use crate::town::{ADMIN, BASE, SETUP, START, source};
use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use firedog_engine::{Clock, Raise};
use firedog_server::auth::{Caller, Role};
use firedog_server::config::Config;
use firedog_server::ops::setup::{Wish, apply};
use firedog_server::secret::Key;
use firedog_store::Store;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use std::sync::{Arc, Mutex};

type Received = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// A receiver on loopback; answers its address.
async fn receiver(received: Received) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let take = move |headers: HeaderMap, body: Bytes| {
        received.lock().unwrap().push((headers, body));
        async { "ok" }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/{who}", post(take))).await.unwrap() });
    format!("http://{address}")
}

#[tokio::test]
async fn a_webhook_is_signed_with_the_unsealed_secret_and_carries_a_link_that_works() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let received = Received::default();
    let hooks = receiver(received.clone()).await;
    let environment = [("FIREDOG_ADMIN_TOKEN", ADMIN), ("FIREDOG_DATABASE", "sqlite::memory:")];
    let config = Config::load(None, environment.map(|(n, v)| (n.to_owned(), v.to_owned())), &[]).unwrap();
    let clock = Clock::manual(START.parse().unwrap());
    let key = Key::from_bytes([7; 32]);
    let app = firedog_server::serve::assemble(config, Store::memory().unwrap(), clock, key, BASE.to_owned()).unwrap();
    let admin = Caller::token("admin", Role::Admin);
    apply(&app, &[source(&SETUP.replace("https://hooks.example.org", &hooks))], Wish::default(), &admin).await.unwrap();
    let raise = Raise {
        service: Some("shop".into()),
        to: None,
        policy: None,
        summary: "checkout is down".to_owned(),
        severity: firedog_domain::event::Severity::Critical,
        urgency: None,
        labels: std::collections::BTreeMap::new(),
        dedup_key: None,
        details: Value::Null,
    };
    let alert = app.engine.raise(raise, &admin.actor()).await.unwrap();
    app.engine.settle().await.unwrap();

    let (headers, body) = received.lock().unwrap().pop().expect("one page");
    let page: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (page["kind"].as_str(), page["user"].as_str(), page["alert"]["summary"].as_str()),
        (Some("page"), Some("ada"), Some("checkout is down"))
    );
    assert!(page["reason"].as_str().unwrap().contains("primary") && page["idempotency_key"].is_string(), "{page:#}");
    let stamp = headers["x-firedog-timestamp"].to_str().unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"the secret of the hook").unwrap();
    mac.update(stamp.as_bytes());
    mac.update(b".");
    mac.update(&body);
    let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(headers["x-firedog-signature"], format!("v1={expected}"));

    let token = page["ack_url"].as_str().unwrap().strip_prefix("https://firedog.example.org/a/").unwrap();
    let link = app.key.read_link(token).unwrap();
    assert_eq!((link.alert, link.user.as_str(), link.minimal), (alert.id, "ada", false));
    let metrics = app.metrics.text();
    assert!(metrics.contains("firedog_notifications_total{channel=\"webhook\",outcome=\"sent\"} 1"), "{metrics}");
}
