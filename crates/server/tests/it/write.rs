//! Writing runbooks: checked as one types, with nothing kept.

use crate::town::{ADMIN, SETUP, Town, everywhere};
use serde_json::{Value, json};

const LOOK: &str = "runbook: look
title: Look around
team: pupper
for: { service: optional }
on: labels.alertname == 'Slow'
steps:
  - { do: See who fails, uses: logs.blast_radius, with: { last: 15m } }
  - do: What is it?
    ask: { cause: [network, disk], sure: bool }
  - { do: Restart it, uses: service.restart, with: { service: shop }, when: answer.sure }
  - { each: [a, b], do: Both, steps: [ { do: Look at it } ] }
";

async fn apply(town: &Town, look: &str) {
    let files = json!([{ "name": "setup.yaml", "text": SETUP }, { "name": "look.yaml", "text": look }]);
    town.post("/setup", json!({ "files": files, "yes": true })).await.is(200);
}

async fn check(town: &Town, text: &str) -> Value {
    town.post("/runbooks/check", json!({ "text": text })).await.is(200).json()
}

#[tokio::test]
async fn a_text_is_checked_with_the_setup_in_force_and_nothing_is_kept() {
    everywhere(async |town| {
        let before = town.get("/setup").await;
        let found = check(&town, LOOK.replace("answer.sure", "decision.sure").as_str()).await;
        let mistake = &found["diagnostics"][0];
        assert_eq!(
            (&mistake["line"], &mistake["level"], &found["runbook"]),
            (&json!(10), &json!("error"), &Value::Null),
            "{found:#}"
        );
        assert!(mistake["message"].as_str().unwrap().contains("there is no `decision`"), "{found:#}");

        // References are those of the setup.
        let found = check(&town, "runbook: a\nteam: nobody\nsteps:\n  - { do: Look, uses: net.nothing }\n").await;
        let lines: Vec<i64> = found["diagnostics"].as_array().unwrap().iter().map(|one| one["line"].as_i64().unwrap()).collect();
        assert_eq!(lines, [2, 4], "{found:#}");

        for (text, line) in [
            ("teams: []\n", 1),
            ("", 1),
            ("runbook: a\nsteps: [ { do: x } ]\n---\nrunbook: b\nsteps: [ { do: y } ]\n", 1),
            ("runbook: a\nsteps: [ {\n", 2),
        ] {
            let found = check(&town, text).await;
            let mistake = &found["diagnostics"][0];
            assert!(mistake["line"].as_i64().unwrap() >= line && mistake["help"].is_string(), "{text}: {found:#}");
            assert!(found["runbook"].is_null());
        }
        assert_eq!(town.get("/setup").await, before);
        assert_eq!(town.get("/runbooks").await["items"], json!([]));
        town.post("/runbooks/check", json!({ "text": "#".repeat(300_000) })).await.is(400);
    })
    .await;
}

#[tokio::test]
async fn a_change_starts_from_the_one_in_force_and_says_what_it_changes() {
    everywhere(async |town| {
        let look = LOOK.replace(", when: answer.sure", "");
        let fresh = check(&town, &look).await;
        assert_eq!(
            (&fresh["diagnostics"], &fresh["replaces"], &fresh["name"]),
            (&json!([]), &json!(false), &json!("look.yaml")),
            "{fresh:#}"
        );
        apply(&town, &look).await;
        let file = town.get("/runbooks/look/file").await;
        assert_eq!(file["name"], "look.yaml");
        let text = file["text"].as_str().unwrap();
        assert!(text.starts_with("runbook: look\n"), "{text}");
        let same = check(&town, text).await;
        assert_eq!(
            (&same["diagnostics"], &same["replaces"], &same["changes"]),
            (&json!([]), &json!(true), &json!([])),
            "{text}\n{same:#}"
        );
        assert_eq!(same["runbook"], town.get("/runbooks/look").await);
        assert_eq!(same["runbook"]["steps"][2]["destructive"], true);
        let other = check(&town, &text.replace("Look around", "Look about")).await;
        assert!(other["changes"][0].as_str().unwrap().contains("title"), "{other:#}");
        assert_eq!(town.get("/runbooks/look").await["title"], "Look around");
        town.api(ADMIN, "GET", "/runbooks/nothing/file", None).await.is(404);
    })
    .await;
}

#[tokio::test]
async fn every_example_survives_being_written() {
    let town = Town::new().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/pupper");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_some_and(|ending| ending == "yaml") {
            let text = std::fs::read_to_string(&entry).unwrap();
            files.push(json!({ "name": entry.file_name().unwrap().to_str().unwrap(), "text": text }));
        }
    }
    town.post("/setup", json!({ "files": files, "yes": true })).await.is(200);
    for runbook in town.get("/runbooks").await["items"].as_array().unwrap() {
        let id = runbook["id"].as_str().unwrap();
        let file = town.get(&format!("/runbooks/{id}/file")).await;
        let same = check(&town, file["text"].as_str().unwrap()).await;
        assert_eq!((&same["replaces"], &same["changes"], &same["runbook"]), (&json!(true), &json!([]), runbook), "{file:#}");
    }
}
