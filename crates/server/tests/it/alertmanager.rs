//! An Alertmanager under `/in/KEY`, as Prometheus and amtool use it.

use crate::town::{AM, GENERIC, SETUP, Town, everywhere, minutes, source};
use firedog_engine::Options;
use firedog_server::auth::{Caller, Role};
use firedog_server::ops::setup::{Wish, apply};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn alert(name: &str) -> Value {
    json!({ "labels": { "alertname": name, "severity": "critical" }, "annotations": { "summary": format!("{name} is slow") },
        "startsAt": "2026-03-02T15:59:00Z", "generatorURL": "http://prometheus/graph?g0.expr=up" })
}

async fn post(town: &Town, alerts: Value) -> crate::town::Answer {
    town.send(&format!("/in/{AM}/api/v2/alerts"), alerts).await
}

async fn ask(town: &Town, path: &str) -> Value {
    let answer = town.call("GET", &format!("/in/{AM}/api/v2/{path}"), &[], "").await.is(200);
    assert_eq!((answer.header("cache-control"), answer.header("access-control-allow-origin")), ("no-store", "*"));
    answer.json()
}

#[tokio::test]
async fn an_alert_is_believed_until_its_lease_lapses() {
    everywhere(async |town| {
        let answer = post(&town, json!([alert("Slow")])).await.is(200);
        assert_eq!(answer.text, "");
        assert_eq!(town.sent().await, ["page ada/hook"]);
        let listed = ask(&town, "alerts").await;
        let one = &listed[0];
        assert_eq!((one["labels"]["alertname"].as_str(), one["status"]["state"].as_str()), (Some("Slow"), Some("active")));
        assert_eq!(one["annotations"], json!({ "summary": "Slow is slow" }));
        assert_eq!(
            (one["startsAt"].as_str(), one["endsAt"].as_str()),
            (Some("2026-03-02T15:59:00.000Z"), Some("2026-03-02T16:05:00.000Z"))
        );
        assert_eq!(
            (one["generatorURL"].as_str(), one["receivers"].clone()),
            (Some("http://prometheus/graph?g0.expr=up"), json!([{ "name": "shop" }]))
        );
        town.pass(minutes(4)).await;
        post(&town, json!([alert("Slow")])).await.is(200);
        town.pass(minutes(4)).await;
        assert_eq!(ask(&town, "alerts").await.as_array().unwrap().len(), 1);
        town.sent().await;
        town.pass(minutes(1)).await;
        assert_eq!(ask(&town, "alerts").await, json!([]));
        let all = town.get("/alerts?state=all").await;
        assert_eq!(all["items"][0]["resolved_because"], "source_quiet");
        assert!(town.sent().await.iter().any(|sent| sent == "resolved ada/hook"));
    })
    .await;
}

#[tokio::test]
async fn an_end_in_the_past_resolves() {
    let town = Town::new().await;
    post(&town, json!([alert("Slow")])).await.is(200);
    let mut over = alert("Slow");
    over["endsAt"] = "2026-03-02T15:59:59Z".into();
    post(&town, json!([over])).await.is(200);
    assert_eq!(town.get("/alerts").await["items"], json!([]));
}

#[tokio::test]
async fn the_valid_alerts_of_a_bad_batch_are_kept() {
    let town = Town::new().await;
    let refused = post(&town, json!([{ "labels": {} }, alert("Good")])).await.is(400);
    assert!(refused.json().is_string(), "{}", refused.text);
    assert_eq!(ask(&town, "alerts").await.as_array().unwrap().len(), 1);
    for wrong in ["{", "{}", "[{\"labels\":{\"a\":1}}]", "[{\"labels\":{\"a\":\"b\"},\"startsAt\":\"yesterday\"}]"] {
        let refused = town.call("POST", &format!("/in/{AM}/api/v2/alerts"), &[], wrong).await.is(400);
        assert!(refused.json()["message"].is_string(), "{}", refused.text);
    }
    let large = "x".repeat(5 << 20);
    town.call("POST", &format!("/in/{AM}/api/v2/alerts"), &[], large).await.is(413);
    assert!(town.send("/in/nobodys-key-at-all/api/v2/alerts", json!([])).await.is(401).json().is_string());
}

#[tokio::test]
async fn overload_is_503_because_prometheus_drops_and_alertmanager_never_repeats_a_429() {
    let town = Town::with(&[("FIREDOG_INGEST_RATE", "1"), ("FIREDOG_INGEST_BURST", "1")]).await;
    post(&town, json!([alert("A"), alert("B"), alert("C")])).await.is(200);
    let refused = post(&town, json!([alert("D")])).await.is(503);
    assert_eq!(refused.header("retry-after"), "3");
    let full = Town::on("sqlite", &[], Options { queue: 0, ..Options::default() }).await;
    assert_eq!(post(&full, json!([alert("A")])).await.is(503).header("retry-after"), "2");
    full.call("GET", &format!("/in/{AM}/-/ready"), &[], "").await.is(503);
}

#[tokio::test]
async fn silences_live_as_amtool_expects() {
    everywhere(async |town| {
        let base = format!("/in/{AM}/api/v2");
        let body = |id: &str, value: &str, end: &str| {
            json!({ "id": id, "matchers": [{ "name": "alertname", "value": value, "isRegex": false, "isEqual": true }],
                "startsAt": "2026-03-02T16:00:00Z", "endsAt": end, "createdBy": "ada", "comment": "deploy" })
        };
        let made = town.send(&format!("{base}/silences"), body("", "Slow", "2026-03-02T18:00:00Z")).await.is(200).json();
        let id = made["silenceID"].as_str().unwrap().to_owned();
        post(&town, json!([alert("Slow")])).await.is(200);
        assert_eq!(town.sent().await, Vec::<String>::new());
        let listed = ask(&town, "alerts").await;
        assert_eq!(
            (listed[0]["status"]["state"].as_str(), listed[0]["status"]["silencedBy"][0].as_str()),
            (Some("suppressed"), Some(id.as_str()))
        );
        assert_eq!(ask(&town, "alerts?silenced=false").await, json!([]));
        assert_eq!(ask(&town, "alerts?filter=alertname%3D%22Fast%22").await, json!([]));
        assert_eq!(ask(&town, "alerts/groups").await[0]["alerts"].as_array().unwrap().len(), 1);
        // A longer end keeps the id, other matchers make a new one.
        let same = town.send(&format!("{base}/silences"), body(&id, "Slow", "2026-03-02T19:00:00Z")).await.is(200).json();
        assert_eq!(same["silenceID"], id.as_str());
        let other = town.send(&format!("{base}/silences"), body(&id, "Other", "2026-03-02T19:00:00Z")).await.is(200).json();
        let other = other["silenceID"].as_str().unwrap().to_owned();
        assert_ne!(other, id);
        assert_eq!(town.sent().await, ["page ada/hook"], "what is no longer silenced pages");
        let states: Vec<Value> =
            ask(&town, "silences").await.as_array().unwrap().iter().map(|s| s["status"]["state"].clone()).collect();
        assert_eq!(states, ["active", "active", "expired"]);
        assert_eq!(ask(&town, &format!("silence/{id}")).await["status"]["state"], "expired");
        town.call("DELETE", &format!("{base}/silence/{other}"), &[], "").await.is(200);
        town.call("DELETE", &format!("{base}/silence/{other}"), &[], "").await.is(200);
        town.call("DELETE", &format!("{base}/silence/019cb000-0000-7000-8000-000000000000"), &[], "").await.is(404);
        town.call("DELETE", &format!("{base}/silence/nonsense"), &[], "").await.is(422);
        town.call("GET", &format!("{base}/silence/nonsense"), &[], "").await.is(404);
        town.call("DELETE", &format!("{base}/silence/known-noise"), &[], "").await.is(403);
        town.send(&format!("{base}/silences"), body("019cb000-0000-7000-8000-000000000000", "x", "2026-03-02T19:00:00Z"))
            .await
            .is(404);
        town.send(&format!("{base}/silences"), body("", "", "2026-03-02T19:00:00Z")).await.is(400);
        town.send(&format!("{base}/silences"), body("", "x", "2026-03-01T19:00:00Z")).await.is(400);
    })
    .await;
}

#[tokio::test]
async fn a_key_silences_only_what_comes_in_through_it_whatever_the_routes() {
    let town = Town::new().await;
    let routed = format!("{SETUP}routes: [ {{ when: \"labels.alertname == 'Routed'\", service: job }} ]\n");
    let admin = Caller::token("admin", Role::Admin);
    apply(&town.app, &[source(&routed)], Wish::default(), &admin).await.unwrap();
    let grafana = "/in/a-key-for-grafana-alerts/api/v2";
    let body = |id: &str, end: &str| {
        json!({ "id": id, "matchers": [{ "name": "alertname", "value": ".+", "isRegex": true, "isEqual": true }],
            "startsAt": "2026-03-02T16:00:00Z", "endsAt": end, "createdBy": "eve", "comment": "quiet" })
    };
    let put = async |base: &str, id: &str| town.send(&format!("{base}/silences"), body(id, "2026-03-02T18:00:00Z")).await;
    let made = put(grafana, "").await.is(200).json();
    let theirs = made["silenceID"].as_str().unwrap().to_owned();
    let row = town.get("/silences").await["items"].as_array().unwrap().iter().find(|row| row["id"] == theirs.as_str()).cloned();
    let row = row.unwrap();
    assert_eq!((row["service"].as_str(), row["integration"].as_str()), (None, Some("shop/graf")));
    // Another integration of the same service pages all the same, and so does what routes send elsewhere.
    post(&town, json!([alert("Slow"), alert("Routed")])).await.is(200);
    let listed = town.get("/alerts").await;
    let services: BTreeSet<&str> = listed["items"].as_array().unwrap().iter().filter_map(|row| row["service"].as_str()).collect();
    assert_eq!(services, ["job", "shop"].into());
    assert_eq!(town.sent().await, ["page ada/hook", "page ada/hook"]);
    // It neither sees nor ends what was made through another key.
    let own = format!("/in/{AM}/api/v2");
    town.call("GET", &format!("{own}/silence/{theirs}"), &[], "").await.is(404);
    put(&own, &theirs).await.is(404);
    // What people made it sees, and leaves alone.
    let matching = json!({ "service": "shop", "match": { "alertname": "Other" }, "for": "2h", "why": "by hand" });
    let by_hand = town.post("/silences", matching).await.is(201).json()["id"].as_str().unwrap().to_owned();
    let elsewhere = json!({ "service": "job", "for": "2h", "why": "by hand" });
    let elsewhere = town.post("/silences", elsewhere).await.is(201).json()["id"].as_str().unwrap().to_owned();
    let ids = |list: Value| -> BTreeSet<String> {
        list.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(ask(&town, "silences").await), ["known-noise".to_owned(), by_hand.clone()].into());
    let refused = town.call("DELETE", &format!("{own}/silence/{by_hand}"), &[], "").await.is(403);
    assert!(refused.json().as_str().unwrap().contains("not made through this key"), "{}", refused.text);
    put(&own, &by_hand).await.is(403);
    town.call("DELETE", &format!("{own}/silence/{theirs}"), &[], "").await.is(404);
    town.call("DELETE", &format!("{own}/silence/{elsewhere}"), &[], "").await.is(404);
    assert_eq!(town.get("/silences").await["items"].as_array().unwrap().len(), 4, "all of them still run");
    // Its own hold back what it sends, wherever that is routed.
    put(&own, "").await.is(200);
    post(&town, json!([alert("New")])).await.is(200);
    let mut routed = alert("Routed");
    routed["labels"]["instance"] = "b".into();
    post(&town, json!([routed])).await.is(200);
    assert_eq!(town.sent().await, Vec::<String>::new());
    let listed = ask(&town, "alerts?active=false").await;
    assert_eq!(listed.as_array().unwrap().len(), 4, "{listed:#}");
}

#[tokio::test]
async fn status_receivers_and_what_is_gone() {
    let town = Town::new().await;
    let status = ask(&town, "status").await;
    assert!(status["versionInfo"]["version"].as_str().unwrap().starts_with("0."), "{status}");
    assert!(status["config"]["original"].as_str().unwrap().contains("receiver"));
    assert_eq!(ask(&town, "receivers").await, json!([{ "name": "shop" }]));
    town.call("GET", &format!("/in/{AM}/-/healthy"), &[], "").await.is(200);
    town.call("GET", &format!("/in/{AM}/-/ready"), &[], "").await.is(200);
    let gone = town.send(&format!("/in/{AM}/api/v1/alerts"), json!([])).await.is(410).json();
    assert_eq!(gone["status"], "deprecated");
    let preflight =
        town.call("OPTIONS", &format!("/in/{AM}/api/v2/silences"), &[("origin", "https://karma.example.org")], "").await.is(200);
    assert!(preflight.header("access-control-allow-methods").contains("POST"));
    town.call("PUT", &format!("/in/{AM}/api/v2/alerts"), &[], "").await.is(405);
    town.call("GET", "/in/nobodys-key-at-all/api/v2/status", &[], "").await.is(401);
}

#[tokio::test]
async fn the_webhook_of_a_real_alertmanager() {
    everywhere(async |town| {
        let notice = |status: &str| {
            let one = json!({ "status": status, "labels": { "alertname": "Slow" }, "annotations": {}, "startsAt": "2026-03-02T15:00:00Z",
                "endsAt": if status == "firing" { "0001-01-01T00:00:00Z" } else { "2026-03-02T15:59:00Z" }, "fingerprint": "c75f68922c9ebc87" });
            json!({ "version": "4", "status": status, "receiver": "firedog", "groupKey": "{}", "truncatedAlerts": 0, "alerts": [one] })
        };
        let path = format!("/in/{AM}/alertmanager");
        let said = town.send(&path, notice("firing")).await.is(200).json();
        assert_eq!(said["events"][0]["created"], true);
        town.send(&path, notice("firing")).await.is(200);
        assert_eq!(town.get("/alerts").await["items"].as_array().unwrap().len(), 1);
        town.send(&path, notice("resolved")).await.is(200);
        assert_eq!(town.get("/alerts").await["items"], json!([]));
        town.send(&path, json!({ "version": "4" })).await.is(400);
        town.send(&format!("/in/{GENERIC}x/alertmanager"), notice("firing")).await.is(401);
    })
    .await;
}
