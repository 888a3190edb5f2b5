//! The generic shape, Grafana, heartbeats.

use crate::town::{BEAT, GENERIC, Town, everywhere, minutes};
use firedog_engine::Options;
use serde_json::json;

#[tokio::test]
async fn the_generic_shape_as_json_form_and_text() {
    everywhere(async |town| {
        let path = format!("/in/{GENERIC}/generic");
        let said =
            town.send(&path, json!({ "summary": "as json", "dedup_key": "j", "severity": "warning" })).await.is(200).json();
        assert_eq!((said["status"].as_str(), said["events"][0]["created"].as_bool()), (Some("accepted"), Some(true)));
        let form = [("content-type", "application/x-www-form-urlencoded")];
        town.call("POST", &path, &form, "summary=as+a+form&dedup_key=f").await.is(200);
        town.call("POST", &path, &form, "action=resolve&dedup_key=f").await.is(200);
        town.send(&path, json!({ "action": "acknowledge", "dedup_key": "j" })).await.is(200);
        let all = town.get("/alerts?state=all").await;
        let told: Vec<(&str, &str)> = all["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| (a["dedup_key"].as_str().unwrap(), a["state"].as_str().unwrap()))
            .collect();
        assert!(told.contains(&("j", "acknowledged")) && told.contains(&("f", "resolved")), "{told:?}");
        let dropped = town.send(&path, json!({ "action": "resolve", "dedup_key": "nothing" })).await.is(200).json();
        assert!(dropped["events"][0]["dropped"].is_string(), "{dropped}");
    })
    .await;
}

#[tokio::test]
async fn refusals_keep_nothing() {
    let town = Town::new().await;
    let path = format!("/in/{GENERIC}/generic");
    for body in ["{", "[]", "{}", "{\"summary\":\"\"}", "{\"summary\":\"x\",\"action\":\"explode\"}", "{\"action\":\"resolve\"}"]
    {
        let refused = town.call("POST", &path, &[("content-type", "application/json")], body).await.is(400);
        assert!(refused.json()["error"].is_string(), "{body}");
    }
    town.send("/in/nobodys-key-at-all/generic", json!({ "summary": "x" })).await.is(401);
    town.send(&path, json!({ "summary": "x".repeat(2 << 20) })).await.is(413);
    town.call("GET", &path, &[], "").await.is(405);
    town.call("GET", "/in/%ff%fe/heartbeat", &[], "").await.is(400);
    assert_eq!(town.get("/alerts?state=all").await["items"], json!([]));
    let full = Town::on("sqlite", &[], Options { queue: 0, ..Options::default() }).await;
    assert_eq!(full.send(&path, json!({ "summary": "x" })).await.is(503).header("retry-after"), "2");
    let limited = Town::with(&[("FIREDOG_INGEST_RATE", "1"), ("FIREDOG_INGEST_BURST", "1")]).await;
    limited.send(&path, json!({ "summary": "x" })).await.is(200);
    limited.send(&path, json!({ "summary": "x" })).await.is(503);
}

#[tokio::test]
async fn grafana_alerts_are_paged() {
    let town = Town::new().await;
    let notice = |status: &str| {
        json!({ "receiver": "firedog", "status": status, "version": "1", "title": "Slow", "alerts": [{ "status": status,
            "labels": { "alertname": "Slow" }, "annotations": { "summary": "logins are slow" }, "startsAt": "2026-03-02T15:00:00Z",
            "endsAt": if status == "firing" { "0001-01-01T00:00:00Z" } else { "2026-03-02T16:00:00Z" }, "fingerprint": "c6eadffa33fcdf37" }] })
    };
    let path = "/in/a-key-for-grafana-alerts/grafana";
    town.send(path, notice("firing")).await.is(200);
    assert_eq!(town.get("/alerts").await["items"][0]["summary"], "logins are slow");
    // A contact point may use PUT.
    town.call("PUT", path, &[("content-type", "application/json")], notice("resolved").to_string()).await.is(200);
    assert_eq!(town.get("/alerts").await["items"], json!([]));
}

#[tokio::test]
async fn a_missing_heartbeat_pages_and_its_return_resolves() {
    everywhere(async |town| {
        let ping =
            async |method: &str, suffix: &str| town.call(method, &format!("/in/{BEAT}/heartbeat{suffix}"), &[], "").await.is(200);
        assert_eq!(town.get("/heartbeats").await["items"][0]["state"], "waiting");
        for method in ["GET", "HEAD", "POST"] {
            ping(method, "").await;
        }
        assert_eq!(town.get("/heartbeats").await["items"][0]["state"], "alive");
        town.pass(minutes(60)).await;
        assert_eq!(town.sent().await, Vec::<String>::new());
        town.pass(minutes(6)).await;
        assert_eq!(town.sent().await, ["page ada/hook"]);
        assert_eq!(town.get("/heartbeats").await["items"][0]["state"], "missing");
        ping("POST", "/").await;
        assert_eq!(town.get("/alerts").await["items"], json!([]));
        ping("POST", "/start").await;
        ping("POST", "/3").await;
        assert_eq!(town.get("/alerts").await["items"].as_array().unwrap().len(), 1);
        ping("POST", "/0").await;
        assert_eq!(town.get("/alerts").await["items"], json!([]));
        town.call("GET", &format!("/in/{BEAT}/heartbeat/soon"), &[], "").await.is(404);
        town.call("GET", "/in/nobodys-key-at-all/heartbeat", &[], "").await.is(401);
    })
    .await;
}
