//! Looking across: the board, calendars, load and fairness, what a silence would have hidden, settings.

use crate::town::{ADMIN, Town, everywhere, minutes};
use serde_json::{Value, json};

async fn token(town: &Town, user: &str) -> String {
    let made = town.post("/tokens", json!({ "name": user, "role": "responder", "user": user })).await.is(201).json();
    made["token"].as_str().unwrap().to_owned()
}

fn place<'a>(board: &'a Value, schedule: &str) -> &'a Value {
    board["items"].as_array().unwrap().iter().find(|one| one["schedule"] == schedule).unwrap()
}

#[tokio::test]
async fn the_board_says_who_is_on_what_they_have_and_who_comes_next() {
    everywhere(async |town| {
        let id = town.trigger("k", "down").await;
        let ada = token(&town, "ada").await;
        town.api(&ada, "POST", &format!("/alerts/{id}/acknowledge"), Some(json!({}))).await.is(200);
        let board = town.get("/oncall/board").await;
        let primary = place(&board, "primary");
        assert_eq!(
            (&primary["on"][0]["user"], &primary["on"][0]["busy"], &primary["team"]),
            (&json!("ada"), &json!(1), &json!("Pupper"))
        );
        assert_eq!(primary["on"][0]["channels"], json!(["webhook", "email"]));
        assert_eq!((&primary["next"]["users"], &primary["next"]["from"]), (&json!(["grace"]), &primary["until"]));
        // Away, she is missing where she would have been.
        town.api(&ada, "POST", "/leave", Some(json!({ "for": "2h" }))).await.is(201);
        let board = town.get("/oncall/board").await;
        let primary = place(&board, "primary");
        assert_eq!((&primary["on"], &primary["away"][0]["user"]), (&json!([]), &json!("ada")));
    })
    .await;
}

#[tokio::test]
async fn a_calendar_needs_no_sign_in_and_ends_with_whoever_made_it() {
    let town = Town::new().await;
    let ada = token(&town, "ada").await;
    let feed = async |body: Value| {
        let made = town.api(&ada, "POST", "/me/calendar", Some(body)).await.is(201).json();
        let url = made["url"].as_str().unwrap().to_owned();
        url.strip_prefix(crate::town::BASE).unwrap().to_owned()
    };
    let own = feed(json!({})).await;
    let answer = town.call("GET", &own, &[], "").await.is(200);
    assert_eq!(answer.header("content-type"), "text/calendar; charset=utf-8");
    assert!(answer.text.contains("SUMMARY:On call: primary\r\n") && answer.text.contains("DTSTART:20260302T"), "{}", answer.text);
    let whole = feed(json!({ "schedule": "primary" })).await;
    let answer = town.call("GET", &whole, &[], "").await.is(200);
    assert!(answer.text.contains("SUMMARY:Ada Lovelace\r\n") && answer.text.contains("SUMMARY:Grace"), "{}", answer.text);
    town.api(&ada, "POST", "/me/calendar", Some(json!({ "schedule": "none" }))).await.is(404);
    town.call("GET", "/calendar/nonsense.ics", &[], "").await.is(404);
    town.call("GET", &own.replace(".ics", ""), &[], "").await.is(404);
    town.post("/me/calendar", json!({})).await.is(400);
}

#[tokio::test]
async fn the_report_counts_who_was_interrupted_when_and_what_is_noise() {
    everywhere(async |town| {
        // Three times the same, over by itself within a minute; once something that Ada takes at night.
        for n in 0..3 {
            let payload = json!({ "summary": "flaps", "source": "h", "severity": "critical" });
            let event = |action: &str| json!({ "routing_key": crate::town::PD, "event_action": action, "dedup_key": format!("f{n}"), "payload": payload });
            town.send("/v2/enqueue", event("trigger")).await.is(202);
            town.settle().await;
            town.clock.advance(minutes(1));
            town.send("/v2/enqueue", event("resolve")).await.is(202);
        }
        // 16:03 UTC is 10 in the morning in Chicago; 15 hours later it is one at night.
        town.pass(minutes(15 * 60)).await;
        let id = town.trigger("night", "core is down").await;
        town.settle().await;
        let ada = token(&town, "ada").await;
        town.api(&ada, "POST", &format!("/alerts/{id}/acknowledge"), Some(json!({}))).await.is(200);
        town.settle().await;
        town.clock.advance(minutes(1));
        let report = town.get("/report").await;
        let of_ada = report["people"].as_array().unwrap().iter().find(|one| one["user"] == "ada").unwrap();
        assert_eq!((&of_ada["interruptions"], &of_ada["nights"], &of_ada["acknowledged"]), (&json!(4), &json!(1), &json!(1)), "{report:#}");
        assert_eq!((&of_ada["hours"][10], &of_ada["hours"][1]), (&json!(3), &json!(1)), "{of_ada}");
        assert!(of_ada["oncall_s"].as_i64().unwrap() > of_ada["unsocial_s"].as_i64().unwrap());
        let shop = &report["services"][0];
        assert_eq!((&shop["service"], &shop["alerts"], &shop["by_themselves"]), (&json!("shop"), &json!(4), &json!(3)));
        let noise = &report["noise"];
        assert_eq!(noise.as_array().unwrap().len(), 1, "{noise}");
        assert_eq!((&noise[0]["summary"], &noise[0]["alerts"], &noise[0]["brief"]), (&json!("flaps"), &json!(3), &json!(3)));
        assert_eq!(town.get("/report?team=support").await["alerts"], 0);
        town.api(ADMIN, "GET", "/report?team=none", None).await.is(404);
        town.api(ADMIN, "GET", "/report?from=2020-01-01T00:00:00Z", None).await.is(400);
    })
    .await;
}

#[tokio::test]
async fn a_silence_says_what_it_would_have_hidden() {
    everywhere(async |town| {
        town.trigger("a", "disk full").await;
        town.clock.advance(minutes(1));
        town.trigger("b", "core is down").await;
        town.settle().await;
        let of = async |body: Value| town.post("/silences/preview", body).await.is(200).json();
        let all = of(json!({ "service": "shop" })).await;
        assert_eq!(
            (&all["alerts"], &all["paged"], &all["examples"][0]["summary"]),
            (&json!(2), &json!(2), &json!("core is down"))
        );
        assert_eq!(of(json!({ "services": ["job"] })).await["alerts"], 0);
        assert_eq!(of(json!({ "service": "shop", "matchers": ["alertname=None"] })).await["alerts"], 0);
        town.post("/silences/preview", json!({})).await.is(400);
        town.post("/silences/preview", json!({ "matchers": ["nonsense"] })).await.is(400);
    })
    .await;
}

#[tokio::test]
async fn settings_are_shown_without_their_secrets() {
    let town = Town::with(&[("FIREDOG_SMTP_URL", "smtp://user:hush@mail.example.org")]).await;
    let shown = town.get("/settings").await.to_string();
    assert!(shown.contains("FIREDOG_SMTP_URL") && shown.contains("FIREDOG_RETENTION") && !shown.contains("hush"), "{shown}");
    assert!(!shown.contains(ADMIN));
}
