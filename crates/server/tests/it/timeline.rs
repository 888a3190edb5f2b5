//! Schedules over time: lanes, previews, taking over, one's own shifts.

use crate::town::{Town, everywhere};
use serde_json::{Value, json};

const WEEK: (&str, &str) = ("2026-03-02T15:00:00Z", "2026-03-16T00:00:00Z");

async fn lanes(town: &Town) -> Value {
    town.get(&format!("/schedules/primary/timeline?from={}&to={}", WEEK.0, WEEK.1)).await
}

#[tokio::test]
async fn a_change_is_seen_before_it_is_made_and_does_just_that() {
    everywhere(async |town| {
        let (from, to) = ("2026-03-03T15:00:00Z", "2026-03-03T19:00:00Z");
        let change = json!({ "user": "grace", "from": from, "to": to });
        let body = json!({ "from": WEEK.0, "to": WEEK.1, "override": change });
        let preview = town.post("/schedules/primary/preview", body).await.is(200).json();
        assert_eq!(
            preview["people"],
            json!([
                { "user": "ada", "before_s": preview["people"][0]["before_s"], "after_s": preview["people"][0]["after_s"], "delta_s": -4 * 3600 },
                { "user": "grace", "before_s": preview["people"][1]["before_s"], "after_s": preview["people"][1]["after_s"], "delta_s": 4 * 3600 },
            ])
        );
        assert_eq!((&preview["gaps_before_s"], &preview["gaps_after_s"]), (&json!(0), &json!(0)));
        let before = lanes(&town).await;
        assert_eq!(preview["before"], before["final"]);
        assert_eq!(before["layers"].as_array().unwrap().len(), 1);
        // Chicago's clocks go forward on 8 March.
        assert_eq!(before["transitions"], json!([{ "at": "2026-03-08T08:00:00Z", "offset_s": -5 * 3600 }]));
        let made = town.post("/overrides", json!({ "schedule": "primary", "user": "grace", "from": from, "to": to })).await.is(201).json();
        let after = lanes(&town).await;
        assert_eq!(after["final"], preview["after"], "the preview and the schedule are one function");
        assert_eq!(after["overrides"][0]["origin"], "app");
        let end = json!({ "from": WEEK.0, "to": WEEK.1, "end_override": made["id"] });
        let back = town.post("/schedules/primary/preview", end).await.is(200).json();
        assert_eq!(back["after"], before["final"]);
        // Whom one takes away leaves a gap, and it is told.
        let gone = json!({ "from": WEEK.0, "to": WEEK.1, "override": { "remove": "ada", "from": "2026-03-04T00:00:00Z", "to": "2026-03-04T01:00:00Z" } });
        assert_eq!(town.post("/schedules/primary/preview", gone).await.is(200).json()["gaps_after_s"], 3600);
        let unknown = json!({ "from": WEEK.0, "to": WEEK.1, "override": { "user": "nobody", "from": from, "to": to } });
        town.post("/schedules/primary/preview", unknown).await.is(404);
        town.post("/schedules/primary/preview", json!({ "from": WEEK.1, "to": WEEK.0 })).await.is(400);
    })
    .await;
}

#[tokio::test]
async fn somebody_takes_over_until_the_shift_ends_and_sees_it_among_their_shifts() {
    everywhere(async |town| {
        let made = town.post("/tokens", json!({ "name": "grace", "role": "responder", "user": "grace" })).await.is(201).json();
        let grace = made["token"].as_str().unwrap();
        let ends = town.get("/oncall?schedule=primary").await["items"][0]["until"].clone();
        let taken = town.api(grace, "POST", "/schedules/primary/take-over", Some(json!({}))).await.is(201).json();
        assert_eq!((&taken["user"], &taken["to"]), (&json!("grace"), &ends));
        assert_eq!(town.get("/oncall?schedule=primary").await["items"][0]["user"], "grace");
        let shifts = town.api(grace, "GET", "/me/shifts?days=30", None).await.is(200).json();
        let now: Vec<&Value> = shifts["items"].as_array().unwrap().iter().filter(|shift| shift["now"] == true).collect();
        assert!(now.iter().any(|shift| shift["schedule"] == "primary"), "{shifts:#}");
        town.post("/schedules/primary/take-over", json!({})).await.is(400);
        assert!(town.get("/me/shifts?user=ada&days=90").await["items"].as_array().unwrap().len() > 1);
        town.api(grace, "GET", "/me/shifts?user=nobody", None).await.is(404);
    })
    .await;
}
