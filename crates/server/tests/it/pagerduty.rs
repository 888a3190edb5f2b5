//! PagerDuty's Events API, as its senders know it.

use crate::town::{GENERIC, PD, Town, everywhere};
use firedog_engine::Options;
use serde_json::{Value, json};

fn event(action: &str, key: Option<&str>) -> Value {
    let mut event = json!({ "routing_key": PD, "event_action": action });
    if action == "trigger" {
        event["payload"] =
            json!({ "summary": "down", "source": "host-1", "severity": "critical", "custom_details": { "a": [1, null] } });
    }
    if let Some(key) = key {
        event["dedup_key"] = key.into();
    }
    event
}

#[tokio::test]
async fn trigger_acknowledge_resolve_and_trigger_again() {
    everywhere(async |town| {
        let answer = town.send("/v2/enqueue", event("trigger", Some("k"))).await.is(202).json();
        assert_eq!(answer, json!({ "status": "success", "message": "Event processed", "dedup_key": "k" }));
        town.send("/v2/enqueue", event("trigger", Some("k"))).await.is(202);
        let list = town.get("/alerts").await;
        assert_eq!((list["items"].as_array().unwrap().len(), list["items"][0]["count"].as_i64()), (1, Some(2)));
        let id = list["items"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(town.get(&format!("/alerts/{id}")).await["details"], json!({ "a": [1, null] }));
        town.send("/v2/enqueue", event("acknowledge", Some("k"))).await.is(202);
        assert_eq!(town.state(&id).await, "acknowledged");
        let answer = town.send("/v2/enqueue/", event("resolve", Some("k"))).await.is(202).json();
        assert_eq!(answer["dedup_key"], "k");
        assert_eq!(town.state(&id).await, "resolved");
        town.send("/v2/enqueue", event("trigger", Some("k"))).await.is(202);
        assert_eq!(town.get("/alerts?state=all").await["items"].as_array().unwrap().len(), 2);
        // Nothing to resolve is no mistake of the sender.
        assert_eq!(town.send("/v2/enqueue", event("resolve", Some("unknown"))).await.is(202).json()["dedup_key"], "unknown");
        let keys: Vec<Value> =
            [town.send("/v2/enqueue", event("trigger", None)).await, town.send("/v2/enqueue", event("trigger", None)).await]
                .into_iter()
                .map(|answer| answer.is(202).json()["dedup_key"].clone())
                .collect();
        assert_ne!(keys[0], keys[1]);
        assert_eq!(keys[0].as_str().map(str::len), Some(32));
    })
    .await;
}

#[tokio::test]
async fn the_key_may_be_in_the_body_the_header_or_the_path() {
    let town = Town::new().await;
    let mut bare = event("trigger", Some("k"));
    bare.as_object_mut().unwrap().remove("routing_key");
    let text = bare.to_string();
    town.call("POST", "/v2/enqueue", &[("x-routing-key", PD)], text.clone()).await.is(202);
    town.call("POST", &format!("/integration/{PD}/enqueue"), &[], text.clone()).await.is(202);
    town.call("POST", &format!("/x-ere/{PD}"), &[], text.clone()).await.is(202);
    assert_eq!(town.get("/alerts").await["items"][0]["count"], 3);
    let refused = town.call("POST", "/v2/enqueue", &[], text).await.is(400);
    assert_eq!(refused.header("content-type"), "application/json");
}

#[tokio::test]
async fn refusals_have_the_vendors_shape() {
    let town = Town::new().await;
    for body in ["{", "[]"] {
        let said = town.call("POST", "/v2/enqueue", &[], body).await.is(400).json();
        assert_eq!(said["status"], "Unrecognized object", "{said}");
        assert!(said["errors"][0].is_string());
    }
    let mut wrong = event("trigger", Some("k"));
    wrong["routing_key"] = "ffffffffffffffffffffffffffffffff".into();
    let said = town.send("/v2/enqueue", wrong).await.is(400).json();
    assert_eq!((said["status"].as_str(), said["errors"][0].as_str()), (Some("invalid event"), Some("Invalid routing key")));
    let said = town.send("/v2/enqueue", event("explode", Some("k"))).await.is(400).json();
    assert!(said["errors"][0].as_str().unwrap().starts_with("event_action is invalid"), "{said}");
    town.send("/v2/enqueue", event("resolve", None)).await.is(400);
    let large = json!({ "routing_key": PD, "event_action": "trigger", "payload": { "summary": "x".repeat(600 << 10) } });
    let said = town.send("/v2/enqueue", large).await.is(413).json();
    assert_eq!(said["status"], "invalid event");
    assert_eq!(town.get("/alerts?state=all").await["items"], json!([]), "nothing is kept");
    town.call("GET", "/v2/enqueue", &[], "").await.is(405);
}

#[tokio::test]
async fn version_1_and_change_events() {
    everywhere(async |town| {
        let v1 =
            |kind: &str| json!({ "service_key": PD, "event_type": kind, "incident_key": "srv01/HTTP", "description": "down" });
        let path = "/generic/2010-04-15/create_event.json";
        let said = town.send(path, v1("trigger")).await.is(200).json();
        assert_eq!(said, json!({ "status": "success", "message": "Event processed", "incident_key": "srv01/HTTP" }));
        town.send(path, v1("resolve")).await.is(200);
        assert_eq!(town.get("/alerts").await["items"], json!([]));
        let change = json!({ "routing_key": PD, "payload": { "summary": "deployed 4.2", "custom_details": { "sha": "abc" } } });
        let said = town.send("/v2/change/enqueue", change).await.is(202).json();
        assert_eq!(said["status"], "success");
        let kept = town.get("/audit?subject=integration:shop/pd").await;
        assert_eq!(
            (kept["items"][0]["action"].as_str(), kept["items"][0]["detail"].as_str()),
            (Some("change.received"), Some("deployed 4.2"))
        );
        assert_eq!(kept["items"][0]["after"]["details"]["sha"], "abc");
        assert_eq!(town.get("/alerts").await["items"], json!([]), "a change pages nobody");
        town.send("/v2/change/enqueue", json!({ "routing_key": PD })).await.is(400);
    })
    .await;
}

#[tokio::test]
async fn a_key_that_was_applied_a_moment_ago_is_known() {
    let town = Town::new().await;
    let (old, new) = ("fresh-key-of-another-node-00000000", "a-key-for-anything-at-all");
    let mut fresh = event("trigger", Some("k"));
    fresh["routing_key"] = old.into();
    town.send("/v2/enqueue", fresh.clone()).await.is(400);
    let text = crate::town::SETUP.replace(new, old);
    town.post("/setup", json!({ "files": [{ "name": "x.yaml", "text": text }] })).await.is(200);
    town.send("/v2/enqueue", fresh).await.is(202);
    town.send(&format!("/in/{GENERIC}/generic"), json!({ "summary": "x" })).await.is(401);
}

#[tokio::test]
async fn rate_and_overload_are_told_apart() {
    let town = Town::with(&[("FIREDOG_INGEST_RATE", "1"), ("FIREDOG_INGEST_BURST", "2")]).await;
    town.send("/v2/enqueue", event("trigger", Some("a"))).await.is(202);
    town.send("/v2/enqueue", event("trigger", Some("b"))).await.is(202);
    let refused = town.send("/v2/enqueue", event("trigger", Some("c"))).await.is(429);
    assert_eq!((refused.json()["status"].as_str(), refused.header("retry-after")), (Some("throttle exceeded"), "1"));
    let v1 = json!({ "service_key": PD, "event_type": "trigger", "description": "down" });
    town.send("/generic/2010-04-15/create_event.json", v1.clone()).await.is(403);
    town.clock.advance(jiff::SignedDuration::from_secs(1));
    town.send("/v2/enqueue", event("trigger", Some("c"))).await.is(202);

    let full = Town::on("sqlite", &[], Options { queue: 0, ..Options::default() }).await;
    let refused = full.send("/v2/enqueue", event("trigger", Some("a"))).await.is(503);
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1 && refused.json()["errors"].is_array());
    full.send("/generic/2010-04-15/create_event.json", v1).await.is(503);
}
