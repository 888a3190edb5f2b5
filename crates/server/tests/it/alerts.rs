//! An alert from its first event to its end, through the API.

use crate::town::{ADMIN, Town, everywhere, minutes};
use serde_json::{Value, json};

#[tokio::test]
async fn nobody_answers_and_it_goes_on_until_somebody_does() {
    everywhere(async |town| {
        let id = town.trigger("k", "checkout is down").await;
        assert_eq!(town.sent().await, ["page ada/hook"]);
        town.pass(minutes(1)).await;
        assert_eq!(town.sent().await, ["page ada/mail"]);
        town.pass(minutes(4)).await;
        assert_eq!(town.sent().await, ["page grace/hook"]);
        town.pass(minutes(10)).await;
        assert_eq!(town.sent().await, ["page linus/email"]);

        let done = town.post(&format!("/alerts/{id}/acknowledge"), json!({})).await.is(200).json();
        assert_eq!((done["state"].as_str(), &done["acknowledged_by"]), (Some("acknowledged"), &Value::Null));
        town.pass(minutes(600)).await;
        assert!(!town.sent().await.iter().any(|sent| sent.starts_with("page")), "nobody is paged after an acknowledgement");

        let shown = town.get(&format!("/alerts/{id}")).await;
        let kinds: Vec<&str> =
            shown["timeline"].as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == "paged").count(), 3, "{kinds:?}");
        assert!(shown["timeline"][1]["reason"].as_str().unwrap().contains("primary"), "{shown:#}");
        assert_eq!(shown["policy"], "policy:pupper");

        town.post(&format!("/alerts/{id}/resolve"), json!({})).await.is(200);
        assert_eq!(town.state(&id).await, "resolved");
        assert_eq!(town.post(&format!("/alerts/{id}/acknowledge"), json!({})).await.status, 409);
    })
    .await;
}

#[tokio::test]
async fn an_administrator_acts_for_somebody_and_the_audit_log_knows() {
    everywhere(async |town| {
        let id = town.trigger("k", "down").await;
        let headers = [("authorization", format!("Bearer {ADMIN}")), ("firedog-as", "grace".to_owned())];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let done = town.call("POST", &format!("/api/v1/alerts/{id}/acknowledge"), &headers, "").await.is(200).json();
        assert_eq!(done["acknowledged_by"], "grace");
        // Again is no news.
        town.call("POST", &format!("/api/v1/alerts/{id}/acknowledge"), &headers, "").await.is(200);
        let shown = town.get(&format!("/alerts/{id}")).await;
        let times = shown["timeline"].as_array().unwrap().iter().filter(|entry| entry["kind"] == "acknowledged").count();
        assert_eq!(times, 1);
        let audit = town.get(&format!("/audit?subject=alert:{id}")).await;
        let row = &audit["items"][0];
        assert_eq!((row["actor"].as_str(), row["action"].as_str()), (Some("user:grace"), Some("alert.acknowledge")));
        assert_eq!((row["before"].as_str(), row["after"].as_str()), (Some("triggered"), Some("acknowledged")));
        let nobody = [("authorization", headers[0].1), ("firedog-as", "nobody")];
        town.call("POST", &format!("/api/v1/alerts/{id}/resolve"), &nobody, "").await.is(404);
    })
    .await;
}

#[tokio::test]
async fn a_snooze_ends() {
    let town = Town::new().await;
    let id = town.trigger("k", "down").await;
    town.sent().await;
    let done = town.post(&format!("/alerts/{id}/snooze"), json!({ "for": "1h" })).await.is(200).json();
    assert_eq!((done["state"].as_str(), done["next"]["kind"].as_str()), (Some("acknowledged"), Some("snooze_ends")));
    town.pass(minutes(59)).await;
    town.sent().await;
    town.pass(minutes(1)).await;
    assert!(town.sent().await.contains(&"page ada/hook".to_owned()));
    assert_eq!(town.state(&id).await, "triggered");
    for wrong in
        [json!({}), json!({ "for": "5" }), json!({ "for": "1h", "until": town.now().to_string() }), json!({ "for": "60d" })]
    {
        town.post(&format!("/alerts/{id}/snooze"), wrong).await.is(400);
    }
    town.post(&format!("/alerts/{id}/snooze"), json!({ "until": "2020-01-01T00:00:00Z" })).await.is(400);
}

#[tokio::test]
async fn escalating_pages_the_next_step_at_once_and_notes_are_kept() {
    let town = Town::new().await;
    let id = town.trigger("k", "down").await;
    town.sent().await;
    town.post(&format!("/alerts/{id}/escalate"), json!({})).await.is(200);
    assert_eq!(town.sent().await, ["page grace/hook"]);
    town.post(&format!("/alerts/{id}/notes"), json!({ "text": "rolled back to 4.2" })).await.is(200);
    let shown = town.get(&format!("/alerts/{id}")).await;
    assert!(
        shown["timeline"].as_array().unwrap().iter().any(|e| e["kind"] == "note" && e["reason"] == "rolled back to 4.2"),
        "{shown:#}"
    );
    town.post(&format!("/alerts/{id}/notes"), json!({ "text": "  " })).await.is(400);
    town.post(&format!("/alerts/{id}/notes"), json!({ "test": "typing mistake" })).await.is(400);
}

#[tokio::test]
async fn lists_come_in_pages_and_narrow() {
    everywhere(async |town| {
        for n in 0..7 {
            let body = json!({ "service": if n % 2 == 0 { "shop" } else { "job" }, "summary": format!("alert {n}") });
            town.post("/alerts", body).await.is(201);
            town.pass(minutes(1)).await;
        }
        let (mut seen, mut path) = (Vec::new(), "/alerts?limit=3".to_owned());
        let mut pages = 0;
        loop {
            let page = town.get(&path).await;
            pages += 1;
            seen.extend(page["items"].as_array().unwrap().iter().map(|alert| alert["summary"].as_str().unwrap().to_owned()));
            // One that arrives meanwhile moves nothing.
            town.post("/alerts", json!({ "service": "shop", "summary": "late" })).await.is(201);
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/alerts?limit=3&cursor={next}");
        }
        assert_eq!(pages, 3);
        assert_eq!(seen, (0..7).rev().map(|n| format!("alert {n}")).collect::<Vec<_>>());
        let of_job = town.get("/alerts?service=job").await;
        assert_eq!(of_job["items"].as_array().unwrap().len(), 3);
        assert_eq!(town.get("/alerts?state=resolved").await["items"], json!([]));
        assert_eq!(town.get("/alerts?state=all&limit=500").await["items"].as_array().unwrap().len(), 10);
        for wrong in ["state=open,gone", "cursor=zzz", "limit=many", "statr=open"] {
            town.api(ADMIN, "GET", &format!("/alerts?{wrong}"), None).await.is(400);
        }
    })
    .await;
}

#[tokio::test]
async fn a_script_raises_an_alert_and_repeats_it() {
    let town = Town::new().await;
    let body = json!({ "service": "shop", "summary": "disk\n full", "dedup_key": "disk", "severity": "warning", "labels": { "host": "a" } });
    let first = town.post("/alerts", body.clone()).await.is(201).json();
    assert_eq!((first["summary"].as_str(), first["severity"].as_str()), (Some("disk full"), Some("warning")));
    let again = town.post("/alerts", body).await.is(201).json();
    assert_eq!((again["id"].as_str(), again["count"].as_i64()), (first["id"].as_str(), Some(2)));
    assert_eq!(town.sent().await, ["page ada/hook"]);
    town.post("/alerts", json!({ "service": "nobody-knows", "summary": "x" })).await.is(404);
    town.post("/alerts", json!({ "service": "shop", "summary": " " })).await.is(400);
    town.post("/alerts", json!({ "service": "shop", "summary": "x", "severity": "huge" })).await.is(400);
    town.post("/alerts", json!({ "service": "shop", "summary": "x", "dedup_key": "k".repeat(256) })).await.is(400);
}

#[tokio::test]
async fn pages_by_hand_go_to_people_and_teams() {
    everywhere(async |town| {
        let one = town.post("/pages", json!({ "to": "grace", "message": "call me" })).await.is(201).json();
        assert_eq!((one["service"].clone(), one["policy"].as_str()), (Value::Null, Some("user:grace")));
        assert_eq!(town.sent().await, ["page grace/hook"]);
        let team =
            town.post("/pages", json!({ "to": "team:pupper", "message": "all hands", "urgency": "high" })).await.is(201).json();
        assert_eq!(team["policy"], "policy:pupper");
        assert_eq!(town.sent().await, ["page ada/hook"]);
        let support = town.post("/pages", json!({ "to": "support", "message": "tell them" })).await.is(201).json();
        assert_eq!(support["policy"], "team:support");
        assert_eq!(town.sent().await, ["page grace/hook"]);
        town.post("/pages", json!({ "to": "nobody", "message": "x" })).await.is(404);
        town.post("/pages", json!({ "to": "schedule:primary", "message": "x" })).await.is(400);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_that_says_what_to_do() {
    let town = Town::new().await;
    let answer = town.api(ADMIN, "GET", "/alerts/no-such-alert", None).await.is(404);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!((problem["status"].as_i64(), problem["paged"].as_bool()), (Some(404), Some(false)));
    assert!(!problem["next"].as_str().unwrap().is_empty());
    town.api(ADMIN, "GET", "/no/such/path", None).await.is(404);
    let answer =
        town.call("POST", "/api/v1/alerts", &[("authorization", &format!("Bearer {ADMIN}"))], "{\"service\": 7}").await.is(400);
    assert!(answer.json()["detail"].as_str().unwrap().starts_with("service: "), "{}", answer.text);
    let large = format!("{{\"service\":\"{}\"}}", "x".repeat(2 << 20));
    town.call("POST", "/api/v1/alerts", &[("authorization", &format!("Bearer {ADMIN}"))], large).await.is(413);
}
