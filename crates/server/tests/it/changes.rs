//! Overrides, silences, maintenance.

use crate::town::{Town, everywhere, minutes};
use serde_json::{Value, json};

fn people(rows: &Value) -> Vec<String> {
    let mut people: Vec<String> =
        rows["items"].as_array().unwrap().iter().map(|row| row["user"].as_str().unwrap_or("nobody").to_owned()).collect();
    people.sort();
    people
}

#[tokio::test]
async fn an_override_changes_who_is_on_and_who_is_paged() {
    everywhere(async |town| {
        let on = async || people(&town.get("/oncall?schedule=primary").await);
        assert_eq!(on().await, ["ada"]);
        let made = town.post("/overrides", json!({ "schedule": "primary", "user": "grace", "for": "2h" })).await.is(201).json();
        assert_eq!(on().await, ["grace"]);
        let added = town
            .post("/overrides", json!({ "schedule": "primary", "user": "linus", "add": true, "for": "1h" }))
            .await
            .is(201)
            .json();
        assert_eq!(on().await, ["grace", "linus"]);
        town.trigger("k", "down").await;
        assert_eq!(town.sent().await, ["page grace/hook", "page linus/email"]);
        let listed = town.get("/overrides").await;
        let rows = listed["items"].as_array().unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!((rows[0]["id"].as_str(), &rows[0]["created_by"]), (Some("primary#1"), &Value::Null));
        town.delete(&format!("/overrides/{}", added["id"].as_str().unwrap())).await.is(204);
        town.delete(&format!("/overrides/{}", added["id"].as_str().unwrap())).await.is(404);
        town.delete(&format!("/overrides/{}", made["id"].as_str().unwrap())).await.is(204);
        town.delete("/overrides/primary%231").await.is(409);
        assert_eq!(on().await, ["ada"]);
        for (wrong, status) in [
            (json!({ "schedule": "primary", "for": "1h" }), 400),
            (json!({ "schedule": "primary", "user": "ada", "remove": "ada", "for": "1h" }), 400),
            (json!({ "schedule": "primary", "user": "ada" }), 400),
            (json!({ "schedule": "primary", "user": "ada", "from": "2026-05-02T00:00:00Z", "to": "2026-05-01T00:00:00Z" }), 400),
            (json!({ "schedule": "primary", "user": "nobody", "for": "1h" }), 404),
            (json!({ "schedule": "nothing", "user": "ada", "for": "1h" }), 404),
        ] {
            town.post("/overrides", wrong.clone()).await.is(status);
        }
    })
    .await;
}

#[tokio::test]
async fn shifts_are_merged_clipped_and_show_gaps() {
    let town = Town::new().await;
    town.post(
        "/overrides",
        json!({ "schedule": "primary", "remove": "ada", "from": "2026-03-03T15:00:00Z", "to": "2026-03-03T16:00:00Z" }),
    )
    .await
    .is(201);
    let rows = town.get("/schedules/primary/shifts?from=2026-03-03T14:00:00Z&to=2026-03-10T00:00:00Z").await;
    let told: Vec<(Option<&str>, &str, &str)> = rows["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["user"].as_str(), row["from"].as_str().unwrap(), row["until"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            (Some("ada"), "2026-03-03T14:00:00Z", "2026-03-03T15:00:00Z"),
            (None, "2026-03-03T15:00:00Z", "2026-03-03T16:00:00Z"),
            (Some("ada"), "2026-03-03T16:00:00Z", "2026-03-09T14:00:00Z"),
            (Some("grace"), "2026-03-09T14:00:00Z", "2026-03-10T00:00:00Z"),
        ]
    );
    let admin = crate::town::ADMIN;
    for (wrong, status) in [
        ("/schedules/nothing/shifts?from=2026-03-03T14:00:00Z&to=2026-03-10T00:00:00Z", 404),
        ("/schedules/primary/shifts?from=2026-03-03T14:00:00Z&to=2026-03-03T14:00:00Z", 400),
        ("/schedules/primary/shifts?from=2026-03-03T14:00:00Z&to=2036-03-03T14:00:00Z", 400),
        ("/schedules/primary/shifts?from=yesterday&to=2026-03-03T14:00:00Z", 400),
    ] {
        town.api(admin, "GET", wrong, None).await.is(status);
    }
}

#[tokio::test]
async fn a_silence_holds_a_page_back_and_its_end_releases_it() {
    everywhere(async |town| {
        let made = town
            .post("/silences", json!({ "service": "shop", "match": { "source": "host-1" }, "for": "2h", "why": "deploy" }))
            .await;
        let made = made.is(201).json();
        assert_eq!(made["matchers"], json!(["source=\"host-1\""]));
        let id = town.trigger("k", "down").await;
        assert_eq!(town.sent().await, Vec::<String>::new());
        let shown = town.get(&format!("/alerts/{id}")).await;
        assert!(shown["held"]["by"].as_str().unwrap().starts_with("silence "), "{shown:#}");
        assert_eq!(town.get("/silences").await["items"].as_array().unwrap().len(), 2);
        town.delete(&format!("/silences/{}", made["id"].as_str().unwrap())).await.is(204);
        assert_eq!(town.sent().await, ["page ada/hook"]);
        town.delete(&format!("/silences/{}", made["id"].as_str().unwrap())).await.is(404);
        town.delete("/silences/known-noise").await.is(409);
        for (wrong, status) in [
            (json!({ "for": "1h" }), 400),
            (json!({ "matchers": ["a=~\".*\""], "for": "1h" }), 400),
            (json!({ "matchers": ["a=~\"(\""], "for": "1h" }), 400),
            (json!({ "service": "shop" }), 400),
            (json!({ "service": "nothing", "for": "1h" }), 404),
            (json!({ "service": "shop", "until": "2020-01-01T00:00:00Z" }), 400),
        ] {
            town.post("/silences", wrong.clone()).await.is(status);
        }
    })
    .await;
}

#[tokio::test]
async fn a_maintenance_window_holds_back_what_is_still_broken_at_its_end() {
    everywhere(async |town| {
        let made = town.post("/maintenance", json!({ "services": ["shop"], "for": "1h", "why": "upgrade" })).await.is(201).json();
        town.trigger("k", "down").await;
        assert_eq!(town.sent().await, Vec::<String>::new());
        let listed = town.get("/maintenance").await;
        let rows = listed["items"].as_array().unwrap();
        assert_eq!(
            (rows[0]["every"].as_str(), rows[0]["from"].as_str(), rows[0]["timezone"].as_str()),
            (Some("day"), Some("02:00"), Some("America/Chicago"))
        );
        assert_eq!((rows[1]["id"].clone(), rows[1]["why"].as_str()), (made["id"].clone(), Some("upgrade")));
        town.pass(minutes(60)).await;
        assert_eq!(town.sent().await, ["page ada/hook"]);
        let second = town.post("/maintenance", json!({ "services": ["job"], "for": "1h" })).await.is(201).json();
        town.delete(&format!("/maintenance/{}", second["id"].as_str().unwrap())).await.is(204);
        town.delete(&format!("/maintenance/{}", second["id"].as_str().unwrap())).await.is(404);
        town.delete("/maintenance/nightly").await.is(409);
        for (wrong, status) in [
            (json!({ "services": [], "for": "1h" }), 400),
            (json!({ "services": ["nothing"], "for": "1h" }), 404),
            (json!({ "services": ["shop"], "for": "9999d" }), 400),
        ] {
            town.post("/maintenance", wrong.clone()).await.is(status);
        }
    })
    .await;
}
