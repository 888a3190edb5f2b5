//! Asking to be covered: whom it goes to, and what the first yes does.

use crate::town::{Town, everywhere, minutes};
use serde_json::{Value, json};

async fn token(town: &Town, role: &str, user: &str) -> String {
    let made = town.post("/tokens", json!({ "name": format!("{user} {role}"), "role": role, "user": user })).await.is(201).json();
    made["token"].as_str().unwrap().to_owned()
}

async fn on_primary(town: &Town, at: &str) -> String {
    let row = town.get(&format!("/oncall?schedule=primary&at={at}")).await["items"][0]["user"].clone();
    row.as_str().unwrap_or("nobody").to_owned()
}

/// Ada is on until Monday the 9th, 9:00 in Chicago (15:00 UTC).
fn wednesday() -> Value {
    json!({ "schedule": "primary", "from": "2026-03-04T14:00:00Z", "until": "2026-03-04T18:00:00Z", "note": "dentist" })
}

#[tokio::test]
async fn the_first_yes_becomes_the_override() {
    everywhere(async |town| {
        let (ada, grace, linus) = (
            token(&town, "responder", "ada").await,
            token(&town, "responder", "grace").await,
            token(&town, "responder", "linus").await,
        );
        let asked = town.api(&ada, "POST", "/covers", Some(wednesday())).await.is(201).json();
        assert_eq!(
            (&asked["state"], &asked["eligible"], &asked["user"]),
            (&json!("open"), &json!(["grace", "linus"]), &json!("ada"))
        );
        let id = asked["id"].as_str().unwrap();
        town.api(&ada, "POST", &format!("/covers/{id}/accept"), Some(json!({}))).await.is(403);
        let declined = town.api(&linus, "POST", &format!("/covers/{id}/decline"), Some(json!({}))).await.is(200).json();
        assert_eq!((&declined["eligible"], &declined["declined"]), (&json!(["grace"]), &json!(["linus"])));
        town.api(&linus, "POST", &format!("/covers/{id}/accept"), Some(json!({}))).await.is(403);
        assert_eq!(on_primary(&town, "2026-03-04T15:00:00Z").await, "ada");
        let taken = town.api(&grace, "POST", &format!("/covers/{id}/accept"), Some(json!({}))).await.is(200).json();
        assert_eq!((&taken["state"], &taken["taken_by"]), (&json!("taken"), &json!("grace")));
        for (at, who) in [
            ("2026-03-04T13:59:00Z", "ada"),
            ("2026-03-04T14:00:00Z", "grace"),
            ("2026-03-04T17:59:00Z", "grace"),
            ("2026-03-04T18:00:00Z", "ada"),
        ] {
            assert_eq!(on_primary(&town, at).await, who, "{at}");
        }
        // It is an override like any other, and can be taken back like one.
        let override_id = taken["overrides"][0].as_str().unwrap();
        assert!(town.get("/overrides").await["items"].as_array().unwrap().iter().any(|one| one["id"] == override_id));
        let again = town.api(&grace, "POST", &format!("/covers/{id}/accept"), Some(json!({}))).await.is(409);
        assert!(again.text.contains("grace has taken it already"), "{}", again.text);
        town.api(&ada, "DELETE", &format!("/covers/{id}"), None).await.is(409);
        let audit = town.get(&format!("/audit?subject=cover:{id}")).await;
        let actions: Vec<&str> = audit["items"].as_array().unwrap().iter().filter_map(|row| row["action"].as_str()).collect();
        assert_eq!(actions, ["cover.accept", "cover.decline", "cover.ask"]);
        // Over, it is listed no more.
        town.clock.advance(minutes(4 * 24 * 60));
        assert_eq!(town.get("/covers").await["items"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_part_leaves_the_rest_open() {
    everywhere(async |town| {
        let (ada, grace) = (token(&town, "responder", "ada").await, token(&town, "responder", "grace").await);
        let asked = town.api(&ada, "POST", "/covers", Some(wednesday())).await.is(201).json();
        let part = json!({ "from": "2026-03-04T15:00:00Z", "until": "2026-03-04T16:00:00Z" });
        town.api(&grace, "POST", &format!("/covers/{}/accept", asked["id"].as_str().unwrap()), Some(part)).await.is(200);
        let open: Vec<(String, String)> = town.get("/covers").await["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["state"] == "open")
            .map(|one| (one["from"].as_str().unwrap().to_owned(), one["until"].as_str().unwrap().to_owned()))
            .collect();
        let span = |from: &str, until: &str| (from.to_owned(), until.to_owned());
        assert_eq!(
            open,
            [span("2026-03-04T14:00:00Z", "2026-03-04T15:00:00Z"), span("2026-03-04T16:00:00Z", "2026-03-04T18:00:00Z")]
        );
        assert_eq!(
            (on_primary(&town, "2026-03-04T14:30:00Z").await, on_primary(&town, "2026-03-04T15:30:00Z").await),
            ("ada".into(), "grace".into())
        );
    })
    .await;
}

#[tokio::test]
async fn a_swap_gives_and_takes() {
    everywhere(async |town| {
        let (ada, grace) = (token(&town, "responder", "ada").await, token(&town, "responder", "grace").await);
        // The week after, it is Grace's turn.
        assert_eq!(on_primary(&town, "2026-03-11T15:00:00Z").await, "grace");
        let back = json!({ "from": "2026-03-11T14:00:00Z", "until": "2026-03-11T18:00:00Z" });
        let mut swap = wednesday();
        swap["in_return"] = back;
        town.api(&ada, "POST", "/covers", Some(swap.clone())).await.is(400);
        swap["ask"] = json!(["linus"]);
        town.api(&ada, "POST", "/covers", Some(swap.clone())).await.is(409);
        swap["ask"] = json!(["grace"]);
        let asked = town.api(&ada, "POST", "/covers", Some(swap)).await.is(201).json();
        assert_eq!(asked["eligible"], json!(["grace"]));
        let id = asked["id"].as_str().unwrap();
        town.api(&grace, "POST", &format!("/covers/{id}/accept"), Some(json!({ "until": "2026-03-04T15:00:00Z" }))).await.is(409);
        town.api(&grace, "POST", &format!("/covers/{id}/accept"), Some(json!({}))).await.is(200);
        assert_eq!(on_primary(&town, "2026-03-04T15:00:00Z").await, "grace");
        assert_eq!(on_primary(&town, "2026-03-11T15:00:00Z").await, "ada");
    })
    .await;
}

#[tokio::test]
async fn who_may_ask_and_what_for() {
    let town = Town::new().await;
    let (ada, linus) = (token(&town, "responder", "ada").await, token(&town, "manager", "linus").await);
    for (wrong, status) in [
        (json!({ "schedule": "none", "for": "1h" }), 404),
        (json!({ "schedule": "primary" }), 400),
        (json!({ "schedule": "primary", "for": "1h", "ask": ["nobody"] }), 404),
        (json!({ "schedule": "primary", "from": "2026-03-01T00:00:00Z", "until": "2026-03-01T01:00:00Z" }), 400),
        // The week after she is not on.
        (json!({ "schedule": "primary", "from": "2026-03-11T00:00:00Z", "until": "2026-03-11T01:00:00Z" }), 409),
        (json!({ "schedule": "primary", "user": "grace", "from": "2026-03-11T00:00:00Z", "until": "2026-03-11T01:00:00Z" }), 403),
        (json!({ "schedule": "primary", "for": "1h", "note": "x".repeat(501) }), 400),
    ] {
        town.api(&ada, "POST", "/covers", Some(wrong.clone())).await.is(status);
    }
    // Somebody who is ill does not have to ask themselves.
    let mut of_ada = wednesday();
    of_ada["user"] = json!("ada");
    let asked = town.api(&linus, "POST", "/covers", Some(of_ada)).await.is(201).json();
    assert_eq!(asked["user"], "ada");
    let id = asked["id"].as_str().unwrap();
    let grace = token(&town, "responder", "grace").await;
    town.api(&grace, "DELETE", &format!("/covers/{id}"), None).await.is(403);
    town.api(&ada, "DELETE", &format!("/covers/{id}"), None).await.is(204);
    town.api(&grace, "POST", &format!("/covers/{id}/accept"), Some(json!({}))).await.is(409);
    town.api(&grace, "POST", "/covers/none/accept", Some(json!({}))).await.is(404);
    // Who is away is not asked.
    town.api(&grace, "POST", "/leave", Some(json!({ "from": "2026-03-04T00:00:00Z", "to": "2026-03-05T00:00:00Z" })))
        .await
        .is(201);
    assert_eq!(town.api(&ada, "POST", "/covers", Some(wednesday())).await.is(201).json()["eligible"], json!(["linus"]));
}
