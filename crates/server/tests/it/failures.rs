//! Who fails, minute by minute, against the town's logs.

use crate::town::{ADMIN, SETUP, Town, everywhere, minutes};
use firedog_town::Town as Streets;
use firedog_town::search::{SEARCH_PASSWORD, SEARCH_USER};
use firedog_town::weather::{Condition, CoreFault, Weather};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::time::Duration;

const INSTITUTIONS: usize = 16;

async fn connect(town: &Town, streets: &Streets, password: &str) {
    let institutions: Vec<Value> = streets
        .weather()
        .institutions()
        .into_iter()
        .map(|one| json!({ "id": one.id, "name": one.name, "code": one.id.trim_start_matches("inst-"), "host": one.host }))
        .collect();
    let more = json!({
        "institutions": institutions,
        "connections": [{ "id": "logs", "kind": "elasticsearch", "url": streets.search_url(), "user": SEARCH_USER, "secret": password, "index": "interaction-*" }],
    });
    let files = json!([{ "name": "setup.yaml", "text": SETUP }, { "name": "more.json", "text": more.to_string() }]);
    town.post("/setup", json!({ "files": files, "yes": true })).await.is(200);
}

async fn pass(town: &Town, streets: &Streets, length: SignedDuration) {
    town.clock.advance(length);
    streets.weather().set_now(town.now());
}

fn sum(row: &Value, key: &str) -> u64 {
    row[key].as_array().unwrap().iter().map(|one| one.as_u64().unwrap()).sum()
}

#[tokio::test]
async fn whoever_fails_is_on_top_with_their_minutes() {
    everywhere(async |town| {
        let none = town.api(ADMIN, "GET", "/institutions/failures", None).await.is(409).json();
        assert!(none["detail"].as_str().unwrap().contains("no connection of kind elasticsearch"), "{none:#}");
        let streets = Streets::start(Weather::new(INSTITUTIONS, town.now())).await.unwrap();
        streets.weather().set_speed(0);
        connect(&town, &streets, SEARCH_PASSWORD).await;
        pass(&town, &streets, minutes(60)).await;
        let began =
            streets.weather().set(Condition::Core { institution: "inst-5".to_owned(), fault: CoreFault::Refuses, percent: 100 });
        pass(&town, &streets, minutes(10)).await;

        let found = town.get("/institutions/failures").await;
        assert_eq!(
            (&found["minutes"], &found["total"], &found["failing"]),
            (&json!(60), &json!(INSTITUTIONS), &json!(1)),
            "{found:#}"
        );
        assert_eq!(found["from"], "2026-03-02T16:11:00Z");
        assert_eq!(found["partial"], json!([]));
        let rows = found["institutions"].as_array().unwrap();
        let first = &rows[0];
        assert_eq!((&first["id"], &first["code"], &first["fails_now"]), (&json!("inst-5"), &json!("5"), &json!(true)));
        for row in rows {
            assert_eq!((row["failed"].as_array().unwrap().len(), row["calls"].as_array().unwrap().len()), (60, 60));
            assert!(sum(row, "failed") <= sum(row, "calls") && sum(row, "calls") > 0, "{row}");
            assert!(sum(row, "failed") <= sum(first, "failed"));
        }
        // It failed in its last ten minutes, and not before.
        let failed: Vec<u64> = first["failed"].as_array().unwrap().iter().map(|one| one.as_u64().unwrap()).collect();
        assert!(failed[50..58].iter().sum::<u64>() > 10 * failed[..40].iter().sum::<u64>().max(1), "{failed:?}");

        // Asked again at once, the logs are not: whoever looks in an outage sees the same. A little later they are.
        streets.weather().clear(began);
        streets.weather().set(Condition::LogsLate { by: Duration::from_secs(1_200) });
        assert_eq!(town.get("/institutions/failures").await, found);
        pass(&town, &streets, minutes(10)).await;
        let late = town.get("/institutions/failures").await;
        assert!(late["partial"].to_string().contains("the logs are late"), "{}", late["partial"]);
        assert_eq!(town.get("/institutions/failures?last=6h").await["institutions"][0]["calls"].as_array().unwrap().len(), 360);
        assert_eq!(town.get("/institutions/failures?last=5m").await["minutes"], 5);
        for wrong in ["4m", "7h", "soon", "-1h"] {
            town.api(ADMIN, "GET", &format!("/institutions/failures?last={wrong}"), None).await.is(400);
        }

        connect(&town, &streets, "a-wrong-password").await;
        let refused = town.api(ADMIN, "GET", "/institutions/failures", None).await.is(409).json();
        assert!(refused["detail"].as_str().unwrap().contains("the logs cannot be read: HTTP 401"), "{refused:#}");
    })
    .await;
}
