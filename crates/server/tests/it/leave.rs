//! Being away: who is paged instead, what it leaves open, who may say so.

use crate::town::{Town, everywhere, minutes};
use serde_json::json;

async fn token(town: &Town, role: &str, user: &str) -> String {
    let made = town.post("/tokens", json!({ "name": user, "role": role, "user": user })).await.is(201).json();
    made["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn whoever_is_away_is_not_paged_and_the_next_step_is_at_once() {
    everywhere(async |town| {
        let ada = token(&town, "responder", "ada").await;
        let away = town.api(&ada, "POST", "/leave", Some(json!({ "for": "2h", "why": "dentist" }))).await.is(201).json();
        assert_eq!((&away["user"], &away["why"]), (&json!("ada"), &json!("dentist")));
        let open: Vec<_> = away["shifts"].as_array().unwrap().iter().filter(|shift| shift["alone"] == true).collect();
        assert_eq!(open.len(), 1, "{away:#}");
        assert_eq!(open[0]["schedule"], "primary");
        assert_eq!(town.get("/oncall?schedule=primary").await["items"][0]["user"], json!(null));
        // The step of the primary reaches nobody and is skipped: Grace is paged at once.
        let id = town.trigger("k", "down").await;
        assert_eq!(town.sent().await, ["page grace/hook"]);
        let timeline = town.get(&format!("/alerts/{id}")).await["timeline"].to_string();
        assert!(timeline.contains("skipped"), "{timeline}");
        let simulated = town.post("/simulate", json!({ "service": "shop" })).await.is(200).json();
        assert!(!simulated.to_string().contains("\"ada\""), "{simulated}");
        // Back early.
        let leave = away["id"].as_str().unwrap();
        town.api(&ada, "DELETE", &format!("/leave/{leave}"), None).await.is(204);
        town.api(&ada, "DELETE", &format!("/leave/{leave}"), None).await.is(404);
        assert_eq!(town.get("/oncall?schedule=primary").await["items"][0]["user"], "ada");
        assert_eq!(town.get("/leave").await["items"], json!([]));
        // It ends by itself, and an apply does not take it away.
        town.api(&ada, "POST", "/leave", Some(json!({ "for": "1h" }))).await.is(201);
        let files = json!({ "files": [{ "name": "setup.yaml", "text": crate::town::SETUP.replace("name: Support", "name: The support") }], "yes": true });
        town.post("/setup", files).await.is(200);
        assert_eq!(town.get("/leave").await["items"].as_array().unwrap().len(), 1);
        town.pass(minutes(61)).await;
        assert_eq!(town.get("/oncall?schedule=primary").await["items"][0]["user"], "ada");
    })
    .await;
}

#[tokio::test]
async fn one_says_it_of_oneself_and_managers_of_their_people() {
    let town = Town::new().await;
    let (ada, linus) = (token(&town, "responder", "ada").await, token(&town, "manager", "linus").await);
    let of_grace = || Some(json!({ "user": "grace", "for": "1h" }));
    town.api(&ada, "POST", "/leave", of_grace()).await.is(403);
    let made = town.api(&linus, "POST", "/leave", of_grace()).await.is(201).json();
    town.api(&ada, "DELETE", &format!("/leave/{}", made["id"].as_str().unwrap()), None).await.is(403);
    for (wrong, status) in [
        (json!({ "user": "nobody", "for": "1h" }), 404),
        (json!({ "user": "grace" }), 400),
        (json!({ "for": "1h" }), 400),
        (json!({ "user": "grace", "from": "2026-03-05T00:00:00Z", "to": "2026-03-04T00:00:00Z" }), 400),
    ] {
        town.post("/leave", wrong).await.is(status);
    }
}

#[tokio::test]
async fn who_asks_for_help_gets_the_next_step_and_stays_on() {
    everywhere(async |town| {
        let ada = token(&town, "responder", "ada").await;
        let asked = town.api(&ada, "POST", "/help", Some(json!({ "message": "two fires at once" }))).await.is(201).json();
        assert_eq!(asked["paged"], json!(["grace"]));
        assert_eq!(asked["alerts"][0]["summary"], "ada asks for help: two fires at once");
        assert_eq!(town.sent().await, ["page grace/hook"]);
        assert_eq!(town.get("/oncall?schedule=primary").await["items"][0]["user"], "ada");
        // Grace, who is the next step herself, gets the primary.
        let grace = token(&town, "responder", "grace").await;
        assert_eq!(town.api(&grace, "POST", "/help", Some(json!({}))).await.is(201).json()["paged"], json!(["ada"]));
        town.api(&ada, "POST", "/help", Some(json!({ "team": "support" }))).await.is(409);
        town.api(&ada, "POST", "/help", Some(json!({ "team": "none" }))).await.is(404);
        town.post("/help", json!({})).await.is(400);
    })
    .await;
}
