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

#[tokio::test]
async fn an_acknowledgement_can_be_taken_back_and_an_alert_given_away() {
    everywhere(async |town| {
        let id = town.trigger("k", "down").await;
        town.sent().await;
        town.post(&format!("/alerts/{id}/unacknowledge"), json!({})).await.is(409);
        town.post(&format!("/alerts/{id}/acknowledge"), json!({})).await.is(200);
        let back = town.post(&format!("/alerts/{id}/unacknowledge"), json!({})).await.is(200).json();
        assert_eq!((&back["state"], &back["next"]["kind"]), (&json!("triggered"), &json!("page")));
        assert!(town.sent().await.contains(&"page ada/hook".to_owned()));
        for (wrong, status) in [("grace", 400), ("user:nobody", 404), ("policy:none", 404), ("team:none", 404), ("pet:rex", 400)]
        {
            town.post(&format!("/alerts/{id}/reassign"), json!({ "to": wrong })).await.is(status);
        }
        let given = town.post(&format!("/alerts/{id}/reassign"), json!({ "to": "user:linus" })).await.is(200).json();
        assert_eq!((&given["policy"], &given["state"]), (&json!("user:linus"), &json!("triggered")));
        let sent = town.sent().await;
        assert!(
            sent.iter().any(|one| one.starts_with("page linus/")) && !sent.iter().any(|one| one.starts_with("page ada")),
            "{sent:?}"
        );
        let kinds: Vec<String> = town.get(&format!("/alerts/{id}")).await["timeline"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["kind"].as_str().unwrap().to_owned())
            .collect();
        assert!(kinds.contains(&"unacknowledged".to_owned()) && kinds.contains(&"reassigned".to_owned()), "{kinds:?}");
    })
    .await;
}

#[tokio::test]
async fn further_people_are_pulled_in_and_whoever_has_it_keeps_it() {
    everywhere(async |town| {
        let id = town.trigger("k", "down").await;
        town.post(&format!("/alerts/{id}/acknowledge"), json!({})).await.is(200);
        town.sent().await;
        let wish = json!({ "users": ["grace", "linus"], "message": "need a hand" });
        let pages = town.post(&format!("/alerts/{id}/responders"), wish.clone()).await.is(201).json();
        assert_eq!(pages["items"][0]["summary"], "join in: need a hand: down");
        assert_eq!(pages["items"][0]["labels"]["joins"], json!(id));
        let sent = town.sent().await;
        assert!(
            sent.contains(&"page grace/hook".to_owned()) && sent.iter().any(|one| one.starts_with("page linus/")),
            "{sent:?}"
        );
        assert_eq!(town.state(&id).await, "acknowledged");
        // Asked twice, they are paged once.
        town.post(&format!("/alerts/{id}/responders"), wish).await.is(201);
        assert!(town.sent().await.is_empty());
        town.post(&format!("/alerts/{id}/responders"), json!({ "users": [] })).await.is(400);
        town.post(&format!("/alerts/{id}/responders"), json!({ "users": ["nobody"] })).await.is(404);
        town.post(&format!("/alerts/{id}/resolve"), json!({})).await.is(200);
        town.post(&format!("/alerts/{id}/responders"), json!({ "users": ["grace"] })).await.is(409);
    })
    .await;
}

#[tokio::test]
async fn many_are_acted_on_at_once_and_each_says_how_it_went() {
    everywhere(async |town| {
        let mut ids = Vec::new();
        for n in 0..20 {
            ids.push(town.trigger(&format!("k{n}"), "down").await);
        }
        ids.push("0199a7c2-5f0e-7c3a-9d2e-3b1f6f1c2a4d".to_owned());
        let wish = |action: &str| json!({ "ids": ids, "action": action });
        let done = town.post("/alerts/actions", wish("acknowledge")).await.is(200).json();
        let rows = done["items"].as_array().unwrap();
        assert_eq!(rows.iter().filter(|row| row["done"] == true).count(), 20);
        assert!(rows[20]["why"].as_str().unwrap().contains("no alert"), "{rows:?}");
        assert_eq!(town.get("/alerts?state=acknowledged").await["items"].as_array().unwrap().len(), 20);
        town.post("/alerts/actions", json!({ "ids": ids[..2], "action": "snooze", "for": "1h" })).await.is(200);
        town.post("/alerts/actions", json!({ "ids": ids[..2], "action": "snooze" })).await.is(400);
        town.post("/alerts/actions", json!({ "ids": [], "action": "resolve" })).await.is(400);
        town.post("/alerts/actions", json!({ "ids": vec!["x"; 201], "action": "resolve" })).await.is(400);
        let done = town.post("/alerts/actions", wish("resolve")).await.is(200).json();
        assert_eq!(done["items"].as_array().unwrap().iter().filter(|row| row["done"] == true).count(), 20);
    })
    .await;
}

#[tokio::test]
async fn alerts_are_searched_and_earlier_ones_found() {
    everywhere(async |town| {
        let first = town.trigger("core-042", "Core is down for 042").await;
        town.post(&format!("/alerts/{first}/resolve"), json!({})).await.is(200);
        town.clock.advance(minutes(60));
        let again = town.trigger("core-042", "Core is down for 042, again").await;
        let other = town.trigger("disk", "disk full").await;
        let found = async |query: &str| -> Vec<String> {
            let list = town.get(&format!("/alerts?{query}")).await;
            list["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(found("q=CORE").await, std::slice::from_ref(&again));
        assert_eq!(found("q=core&state=all").await, [again.clone(), first.clone()]);
        assert_eq!(found("team=pupper&q=disk").await, std::slice::from_ref(&other));
        assert_eq!(found("team=support").await, Vec::<String>::new());
        assert_eq!(found("q=042+again+severity").await, Vec::<String>::new());
        assert_eq!(found("q=again+core").await, std::slice::from_ref(&again));
        assert_eq!(found("urgency=low").await, Vec::<String>::new());
        town.api(crate::town::ADMIN, "GET", "/alerts?team=none", None).await.is(404);
        town.api(crate::town::ADMIN, "GET", &format!("/alerts?q={}", "x".repeat(201)), None).await.is(400);
        let similar = town.get(&format!("/alerts/{again}/similar")).await;
        assert_eq!((&similar["items"][0]["id"], &similar["items"][0]["because"]), (&json!(first), &json!("same key")));
        assert_eq!(similar["items"].as_array().unwrap().len(), 1);
        let events = town.get(&format!("/alerts/{again}/events")).await;
        assert_eq!((&events["items"][0]["action"], &events["items"][0]["integration"]), (&json!("trigger"), &json!("shop/pd")));
        town.api(crate::town::ADMIN, "GET", "/alerts/none/events", None).await.is(404);
    })
    .await;
}

#[tokio::test]
async fn views_are_kept_by_each_person() {
    everywhere(async |town| {
        let ada = town.post("/tokens", json!({ "name": "ada", "role": "viewer", "user": "ada" })).await.is(201).json();
        let ada = ada["token"].as_str().unwrap();
        let view = Some(json!({ "query": "q=core&state=triggered" }));
        town.api(ada, "PUT", "/me/filters/core%20only", view.clone()).await.is(200);
        town.api(ada, "PUT", "/me/filters/core%20only", view).await.is(200);
        let kept = town.api(ada, "GET", "/me/filters", None).await.is(200).json();
        assert_eq!(kept["items"], json!([{ "name": "core only", "query": "q=core&state=triggered" }]));
        town.api(ada, "PUT", "/me/filters/x", Some(json!({ "query": "a b" }))).await.is(400);
        town.api(ada, "DELETE", "/me/filters/core%20only", None).await.is(204);
        town.api(ada, "DELETE", "/me/filters/core%20only", None).await.is(404);
        town.api(ADMIN, "GET", "/me/filters", None).await.is(400);
    })
    .await;
}
