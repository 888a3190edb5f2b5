//! `Idempotency-Key`.

use crate::town::{ADMIN, Answer, Town, everywhere, minutes};
use serde_json::{Value, json};

async fn send(town: &Town, key: &str, path: &str, body: Value) -> Answer {
    let token = format!("Bearer {ADMIN}");
    let headers = [("authorization", token.as_str()), ("idempotency-key", key), ("content-type", "application/json")];
    town.call("POST", &format!("/api/v1{path}"), &headers, body.to_string()).await
}

#[tokio::test]
async fn the_same_request_again_gets_the_same_answer_and_does_nothing() {
    everywhere(async |town| {
        let body = json!({ "service": "shop", "summary": "sent twice" });
        let first = send(&town, "key-1", "/alerts", body.clone()).await.is(201);
        let again = send(&town, "key-1", "/alerts", body.clone()).await.is(201);
        assert_eq!(first.json(), again.json());
        assert_eq!((first.header("idempotent-replay"), again.header("idempotent-replay")), ("", "true"));
        assert_eq!(town.get("/alerts").await["items"].as_array().unwrap().len(), 1);
        assert_eq!(town.sent().await, ["page ada/hook"]);
        // Another request under the same key is a mistake of the client.
        send(&town, "key-1", "/alerts", json!({ "service": "shop", "summary": "another" })).await.is(422);
        send(&town, "key-2", "/alerts", body).await.is(201);
        assert_eq!(town.get("/alerts").await["items"].as_array().unwrap().len(), 2);
        // A refusal is an answer too.
        let refused = send(&town, "key-3", "/alerts", json!({ "service": "nowhere", "summary": "x" })).await.is(404);
        let again = send(&town, "key-3", "/alerts", json!({ "service": "nowhere", "summary": "x" })).await.is(404);
        assert_eq!(refused.json(), again.json());
        assert_eq!(again.header("content-type"), "application/problem+json");
        send(&town, "", "/alerts", json!({ "service": "shop", "summary": "x" })).await.is(400);
    })
    .await;
}

#[tokio::test]
async fn a_page_whose_answer_was_lost_is_not_sent_twice() {
    everywhere(async |town| {
        let body = json!({ "to": "user:ada", "message": "look at the shop" });
        let first = send(&town, "key-p", "/pages", body.clone()).await.is(201).json();
        assert_eq!(town.sent().await, ["page ada/hook"]);
        // A crash between the page and the keeping of its answer.
        assert_eq!(town.app.engine.store().write(Lose(town.now() + minutes(1))).await.unwrap(), 1);
        let again = send(&town, "key-p", "/pages", body.clone()).await.is(201);
        assert_eq!((again.header("idempotent-replay"), &again.json()["id"]), ("", &first["id"]));
        assert_eq!((again.json()["count"].as_i64(), town.sent().await), (Some(1), Vec::new()));
        assert_eq!(town.get("/alerts").await["items"].as_array().unwrap().len(), 1);
        // Another key is another page.
        send(&town, "key-q", "/pages", body).await.is(201);
        assert_eq!(town.sent().await, ["page ada/hook"]);
    })
    .await;
}

/// Loses the answers that were kept before.
struct Lose(jiff::Timestamp);

impl firedog_store::Op for Lose {
    type Out = u64;
    const NAME: &'static str = "test_lose";
    async fn run(&self, tx: &mut dyn firedog_store::Tx) -> firedog_store::Result<Self::Out> {
        firedog_store::retention::delete_answers(tx, self.0, 9).await
    }
}

#[tokio::test]
async fn the_secret_in_a_kept_answer_is_sealed() {
    let town = Town::new().await;
    let body = json!({ "name": "ci", "role": "viewer" });
    let made = send(&town, "key-t", "/tokens", body.clone()).await.is(201).json();
    assert_eq!(send(&town, "key-t", "/tokens", body).await.is(201).json(), made);
    let kept = town.app.engine.read(Kept).await.unwrap().unwrap();
    assert!(kept.body.starts_with("sealed:v1:") && !kept.body.contains(made["token"].as_str().unwrap()));
    assert_eq!(town.get("/tokens").await["items"].as_array().unwrap().len(), 1);
}

struct Kept;

impl firedog_store::Op for Kept {
    type Out = Option<firedog_store::idempotency::Answer>;
    const NAME: &'static str = "test_kept";
    async fn run(&self, tx: &mut dyn firedog_store::Tx) -> firedog_store::Result<Self::Out> {
        firedog_store::idempotency::get(tx, "admin", "key-t").await
    }
}
