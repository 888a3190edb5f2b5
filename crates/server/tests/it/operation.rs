//! Health, metrics, doctor, the two faces of the server.

use crate::town::{ADMIN, Town, everywhere};
use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use tower::ServiceExt;

#[tokio::test]
async fn health_readiness_and_metrics() {
    everywhere(async |town| {
        town.trigger("k", "down").await;
        town.sent().await;
        assert_eq!(town.call("GET", "/healthz", &[], "").await.is(200).text, "ok\n");
        let ready = town.call("GET", "/readyz", &[], "").await.is(200).json();
        assert_eq!(
            (ready["ready"].as_bool(), ready["setup_version"].as_i64(), ready["problems"].clone()),
            (Some(true), Some(1), json!([]))
        );
        let metrics = town.call("GET", "/metrics", &[], "").await.is(200);
        assert!(metrics.header("content-type").starts_with("text/plain"));
        for line in [
            "firedog_events_total{dialect=\"pagerduty\",result=\"accepted\"} 1",
            "firedog_open_alerts 1",
            "firedog_ready 1",
            "firedog_setup_version 1",
            "firedog_setup_stale 0",
            "firedog_http_requests_total{route=\"/v2/enqueue\",method=\"POST\",status=\"202\"} 1",
        ] {
            assert!(metrics.text.lines().any(|l| l == line), "{line}\n{}", metrics.text);
        }
    })
    .await;
}

#[tokio::test]
async fn an_overdue_action_makes_it_not_ready() {
    let town = Town::new().await;
    town.trigger("k", "down").await;
    town.sent().await;
    // Time passes, and the engine does nothing.
    town.clock.advance(crate::town::minutes(6));
    let answer = town.call("GET", "/readyz", &[], "").await.is(503).json();
    assert!(answer["problems"][0].as_str().unwrap().contains("late"), "{answer}");
    let doctor = town.get("/doctor").await;
    let auditor = doctor["items"].as_array().unwrap().iter().find(|f| f["check"] == "auditor").unwrap();
    assert_eq!(auditor["level"], "fail");
    town.settle().await;
    town.call("GET", "/readyz", &[], "").await.is(200);
}

#[tokio::test]
async fn keys_and_tokens_are_no_metric() {
    let town = Town::new().await;
    town.trigger("k", "down").await;
    let link = town.link("ada/hook").await;
    town.call("GET", &link, &[], "").await.is(200);
    town.call("GET", "/in/some-secret-key-of-mine/heartbeat", &[], "").await.is(401);
    town.call("BREW", "/nowhere/some-secret-key-of-mine", &[], "").await.is(404);
    let metrics = town.call("GET", "/metrics", &[], "").await.text;
    assert!(!metrics.contains("some-secret") && !metrics.contains(&link[3..]) && !metrics.contains("BREW"), "{metrics}");
    assert!(metrics.contains("firedog_refusals_total{dialect=\"heartbeat\",reason=\"key\"} 1"), "{metrics}");
}

#[tokio::test]
async fn every_answer_has_a_trace_id_and_a_given_one_is_kept() {
    let town = Town::new().await;
    assert_eq!(town.call("GET", "/healthz", &[], "").await.header("x-trace-id").len(), 32);
    let given = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_eq!(town.call("GET", "/healthz", &[given], "").await.header("x-trace-id"), "0af7651916cd43dd8448eb211c80319c");
}

#[tokio::test]
async fn the_doctor_looks_at_everything() {
    everywhere(async |town| {
        let found = town.get("/doctor").await;
        let checks: Vec<&str> = found["items"].as_array().unwrap().iter().map(|f| f["check"].as_str().unwrap()).collect();
        for check in [
            "database",
            "fsync",
            "clock",
            "auditor",
            "secret key",
            "admin token",
            "public url",
            "smtp",
            "disk space",
            "time zones",
            "setup",
        ] {
            assert!(checks.contains(&check), "{check} is missing in {checks:?}");
        }
        let smtp = found["items"].as_array().unwrap().iter().find(|f| f["check"] == "smtp").unwrap();
        assert_eq!(smtp["level"], "fail", "people are to be paged by mail, and there is no mail server");
        assert!(found["items"].as_array().unwrap().iter().all(|f| f["level"] == "ok" || f["fix"].is_string()), "{found:#}");
    })
    .await;
}

#[tokio::test]
async fn the_audit_log_is_verified() {
    everywhere(async |town| {
        for n in 0..5 {
            town.post("/alerts", json!({ "service": "shop", "summary": format!("{n}") })).await.is(201);
        }
        let verdict = town.get("/audit/verify").await;
        assert_eq!(
            (verdict["ok"].as_bool(), verdict["rows"].as_i64(), verdict["unsealed"].as_i64()),
            (Some(true), Some(6), Some(6))
        );
        let first = town.get("/audit?limit=4").await;
        let rest = town.get(&format!("/audit?limit=4&cursor={}", first["next"].as_str().unwrap())).await;
        assert_eq!((first["items"].as_array().unwrap().len(), rest["items"].as_array().unwrap().len()), (4, 2));
    })
    .await;
}

#[tokio::test]
async fn the_public_address_serves_only_what_the_public_needs() {
    let town = Town::new().await;
    town.trigger("k", "down").await;
    let link = town.link("ada/hook").await;
    let public = firedog_server::front::public(&town.app);
    let ask = async |path: &str| {
        let request =
            Request::builder().uri(path).header("authorization", format!("Bearer {ADMIN}")).body(Body::empty()).unwrap();
        public.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    assert_eq!(ask(&link).await, 200);
    assert_eq!(ask(&format!("/in/{}/heartbeat", crate::town::BEAT)).await, 200);
    for path in ["/", "/api", "/api/v1/alerts", "/api/v1/openapi.json", "/metrics", "/readyz", "/healthz"] {
        assert_eq!(ask(path).await, 404, "{path}");
    }
}

#[tokio::test]
async fn people_find_their_way() {
    let town = Town::new().await;
    assert!(town.call("GET", "/", &[], "").await.is(200).text.contains("Firedog"));
    let page = town.call("GET", "/api", &[], "").await.is(200).text;
    assert!(page.contains("/api/v1/alerts/{id}/acknowledge") && page.contains("openapi.json"), "{page}");
    let document = town.call("GET", "/openapi.json", &[], "").await.is(200).json();
    assert!(document["paths"]["/api/v1/alerts"].is_object());
}
