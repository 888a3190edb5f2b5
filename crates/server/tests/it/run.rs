//! Runbooks: from their file to the end of a run, through the API.

use crate::town::{SETUP, Town, everywhere, minutes};
use serde_json::{Value, json};

const CORE: &str = r#"
runbook: core-api-down
title: All core-API requests fail for one institution
team: pupper
for: { institution: required }
on: labels.alertname == 'CoreApiDown'
steps:
  - do: Tell support what we know so far
    uses: support.tell
  - do: Find the root error
    uses: logs.root_error
  - do: Whose side is it?
    as: decision
    ask: { owner: [ours, theirs], remedy: [restart, case] }
  - do: Page support
    when: decision.owner == 'theirs'
    uses: page
    with: { team: support, message: It is theirs }
  - do: Give it a moment
    uses: wait
    with: { for: 2m }
  - do: Restart
    when: decision.remedy == 'restart'
    each: [shop]
    steps:
      - do: Restart the server
        uses: service.restart
        with: { service: "${item}" }
"#;

const INSTITUTIONS: &str =
    "institutions: [ { id: inst-1, name: Example Credit Union, code: EX1, core_endpoint: \"https://core.example.org\" } ]";

async fn with_runbook(town: &Town) {
    let files = json!([
        { "name": "setup.yaml", "text": SETUP }, { "name": "institutions.yaml", "text": INSTITUTIONS }, { "name": "core.yaml", "text": CORE },
    ]);
    town.post("/setup", json!({ "files": files, "yes": true })).await.is(200);
}

fn step<'a>(run: &'a Value, place: &str) -> &'a Value {
    run["steps"].as_array().unwrap().iter().find(|step| step["place"] == place).unwrap()
}

async fn answer(town: &Town, id: &str, place: &str, values: Value) -> Value {
    town.post(&format!("/runs/{id}/steps/{place}/answer"), json!({ "values": values })).await.is(200).json()
}

#[tokio::test]
async fn with_no_connection_at_all_a_run_is_completed_by_hand() {
    everywhere(async |town| {
        with_runbook(&town).await;
        let listed = town.get("/runbooks").await;
        assert_eq!(listed["items"][0]["inputs"], json!([{ "name": "institution", "required": true }]));
        let refused = town.post("/runs", json!({ "runbook": "core-api-down" })).await.is(400);
        assert!(refused.text.contains("has to be told `institution`"), "{}", refused.text);
        let refused =
            town.post("/runs", json!({ "runbook": "core-api-down", "inputs": { "institution": "inst-2" } })).await.is(404);
        assert!(refused.text.contains("there is: inst-1"), "{}", refused.text);

        let begun =
            town.post("/runs", json!({ "runbook": "core-api-down", "inputs": { "institution": "inst-1" } })).await.is(201).json();
        let id = begun["id"].as_str().unwrap();
        assert_eq!(
            (&begun["state"], &begun["waits_for"], &step(&begun, "1")["why"]),
            (&json!("running"), &json!(["1"]), &json!("not_connected"))
        );
        let joined =
            town.post("/runs", json!({ "runbook": "core-api-down", "inputs": { "institution": "inst-1" } })).await.is(200).json();
        assert_eq!(joined["id"], begun["id"], "one run per institution");

        answer(&town, id, "1", json!({ "told": true, "note": "account 4111 1111 1111 1111 is one of them" })).await;
        let refused = town
            .post(&format!("/runs/{id}/steps/2/answer"), json!({ "values": { "root": "sunspots", "failed": 3 } }))
            .await
            .is(409);
        assert!(refused.text.contains("one of connection_refused"), "{}", refused.text);
        let run = answer(&town, id, "2", json!({ "root": "connection_refused", "failed": 214 })).await;
        assert!(
            step(&run, "1")["output"]["note"].as_str().unwrap().ends_with("**** is one of them")
                || step(&run, "1")["output"]["note"].as_str().unwrap().contains("****1111"),
            "masked before it is kept"
        );
        answer(&town, id, "3", json!({ "owner": "theirs", "remedy": "case" })).await;
        town.app.runs.settled().await;
        // The other team is paged, once, by its own policy.
        let alerts = town.get("/alerts").await;
        assert_eq!(alerts["items"].as_array().unwrap().len(), 1);
        assert_eq!(alerts["items"][0]["summary"], "It is theirs");
        let run = town.get(&format!("/runs/{id}")).await;
        assert_eq!((&step(&run, "5")["state"], &run["waits_for"]), (&json!("waiting"), &json!([])));
        town.clock.advance(minutes(2));
        for _ in 0..3 {
            town.app.runs.tick().await.unwrap();
            town.app.runs.settled().await;
        }
        let run = town.get(&format!("/runs/{id}")).await;
        assert_eq!((&run["state"], &step(&run, "6")["state"]), (&json!("done"), &json!("skipped")));
        let log = town.get(&format!("/runs/{id}/log")).await;
        let kinds: Vec<&str> = log.as_array().unwrap().iter().filter_map(|line| line["kind"].as_str()).collect();
        assert_eq!((kinds.first(), kinds.last()), (Some(&"started"), Some(&"ended")));
        let last = log.as_array().unwrap().last().unwrap()["seq"].as_i64().unwrap();
        assert_eq!(town.get(&format!("/runs/{id}/log?after={last}")).await, json!([]));
        let audit = town.get(&format!("/audit?subject=run:{id}")).await;
        let actions: Vec<&str> = audit["items"].as_array().unwrap().iter().filter_map(|row| row["action"].as_str()).collect();
        assert_eq!(actions, ["run.answer", "run.answer", "run.answer", "run.start"]);
        town.post(&format!("/runs/{id}/cancel"), json!({ "reason": "x" })).await.is(409);
    })
    .await;
}

#[tokio::test]
async fn an_alert_starts_the_runbook_that_is_for_it_once() {
    everywhere(async |town| {
        with_runbook(&town).await;
        let body =
            json!({ "service": "shop", "summary": "down", "labels": { "alertname": "CoreApiDown", "institution": "inst-1" } });
        let alert = town.post("/alerts", body).await.is(201).json();
        town.post("/alerts", json!({ "service": "shop", "summary": "other", "labels": { "alertname": "Other" } })).await.is(201);
        assert_eq!(firedog_server::ops::run::start_due(&town.app).await.unwrap(), 1);
        assert_eq!(firedog_server::ops::run::start_due(&town.app).await.unwrap(), 0);
        let runs = town.get(&format!("/runs?alert={}", alert["id"].as_str().unwrap())).await;
        let run = &runs["items"][0];
        assert_eq!(
            (&run["started_by"], &run["inputs"]["institution"]["code"], &run["service"]),
            (&json!("alert"), &json!("EX1"), &json!("shop"))
        );
        assert_eq!(run["inputs"]["alert"]["summary"], "down");
        // Over, it is not begun again for the same alert.
        let id = run["id"].as_str().unwrap();
        town.post(&format!("/runs/{id}/cancel"), json!({ "reason": "" })).await.is(400);
        town.post(&format!("/runs/{id}/cancel"), json!({ "reason": "false alarm" })).await.is(200);
        assert_eq!(firedog_server::ops::run::start_due(&town.app).await.unwrap(), 0);
        assert_eq!(town.get("/runs?open=true").await["items"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn what_nobody_has_run_for_long_is_marked() {
    everywhere(async |town| {
        with_runbook(&town).await;
        let last = async || {
            let listed = town.get("/runbooks").await["items"][0].clone();
            let shown = town.get("/runbooks/core-api-down").await;
            ["last_run_at", "last_run_state", "stale"].iter().for_each(|key| assert_eq!(listed[*key], shown[*key]));
            (shown["last_run_at"].clone(), shown["last_run_state"].clone(), shown["stale"].clone())
        };
        assert_eq!(last().await, (Value::Null, Value::Null, json!("never run")));
        let body = json!({ "runbook": "core-api-down", "inputs": { "institution": "inst-1" } });
        let first = town.post("/runs", body.clone()).await.is(201).json();
        assert_eq!(last().await, (first["started_at"].clone(), json!("running"), Value::Null));
        town.post(&format!("/runs/{}/cancel", first["id"].as_str().unwrap()), json!({ "reason": "seen" })).await.is(200);
        town.clock.advance(minutes(60));
        let second = town.post("/runs", body).await.is(201).json();
        town.post(&format!("/runs/{}/cancel", second["id"].as_str().unwrap()), json!({ "reason": "seen" })).await.is(200);
        assert_eq!(last().await, (second["started_at"].clone(), json!("cancelled"), Value::Null), "the last one counts");
        town.clock.advance(minutes(89 * 24 * 60));
        assert_eq!(last().await.2, Value::Null);
        town.clock.advance(minutes(24 * 60));
        assert_eq!(last().await.2, "not run for 90 days");
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_done_and_does_nothing() {
    everywhere(async |town| {
        with_runbook(&town).await;
        let steps =
            town.post("/runbooks/core-api-down/dry-run", json!({ "inputs": { "institution": "inst-1" } })).await.is(200).json();
        let places: Vec<&str> = steps.as_array().unwrap().iter().filter_map(|step| step["place"].as_str()).collect();
        assert_eq!(places, ["1", "2", "3", "4", "5", "6", "6.1.1"]);
        assert_eq!(
            (&steps[6]["args"], &steps[0]["by_hand"]),
            (&json!({ "service": "shop" }), &json!("there is no connection of kind slack"))
        );
        assert_eq!(town.get("/runs").await["items"], json!([]));
    })
    .await;
}

const TELL: &str = r#"
runbook: tell
for: { institution: required }
steps:
  - { do: Tell support, uses: support.tell, with: { answer_within: 10m, otherwise: page support } }
  - { do: Look at it }
"#;

async fn tick(town: &Town) {
    for _ in 0..2 {
        town.app.runs.tick().await.unwrap();
        town.app.runs.settled().await;
    }
}

/// A run whose support was told by hand.
async fn told_by_hand(town: &Town) -> String {
    let begun = town.post("/runs", json!({ "runbook": "tell", "inputs": { "institution": "inst-1" } })).await.is(201).json();
    let id = begun["id"].as_str().unwrap().to_owned();
    answer(town, &id, "1", json!({ "told": true, "note": "in their room" })).await;
    tick(town).await;
    id
}

#[tokio::test]
async fn told_by_hand_the_clock_of_support_runs_all_the_same() {
    everywhere(async |town| {
        let files = json!([
            { "name": "setup.yaml", "text": SETUP }, { "name": "institutions.yaml", "text": INSTITUTIONS }, { "name": "tell.yaml", "text": TELL },
        ]);
        town.post("/setup", json!({ "files": files, "yes": true })).await.is(200);
        // They answer, and somebody says so: nobody is paged.
        let id = told_by_hand(&town).await;
        let run = town.get(&format!("/runs/{id}")).await;
        assert_eq!((&step(&run, "1")["state"], &step(&run, "1")["choices"][0]["id"]), (&json!("waiting"), &json!("answered")));
        assert_eq!(step(&run, "2")["state"], "asking", "nobody waits for it");
        town.clock.advance(minutes(9));
        tick(&town).await;
        town.post(&format!("/runs/{id}/steps/1/choose"), json!({ "choice": "answered" })).await.is(200);
        town.app.runs.settled().await;
        let run = town.get(&format!("/runs/{id}")).await;
        let output = &step(&run, "1")["output"];
        assert_eq!((&output["answered"], &output["note"]), (&json!(true), &json!("in their room")), "{run:#}");
        answer(&town, &id, "2", json!({})).await;
        assert_eq!(town.get(&format!("/runs/{id}")).await["state"], "done");
        town.clock.advance(minutes(30));
        tick(&town).await;
        assert_eq!(town.get("/alerts").await["items"], json!([]));
        // Nobody answers: they are paged once, at its end, and the run can be completed by hand.
        let id = told_by_hand(&town).await;
        answer(&town, &id, "2", json!({})).await;
        town.clock.advance(minutes(9));
        tick(&town).await;
        assert_eq!(town.get("/alerts").await["items"], json!([]));
        town.clock.advance(minutes(1));
        tick(&town).await;
        let alerts = town.get("/alerts").await;
        assert_eq!((alerts["items"].as_array().unwrap().len(), &alerts["items"][0]["summary"]), (1, &json!("tell: nobody has answered")));
        let run = town.get(&format!("/runs/{id}")).await;
        assert_eq!((&run["state"], &step(&run, "1")["output"]["paged"]), (&json!("done"), &alerts["items"][0]["id"]), "{run:#}");
        // Whoever says at once that they have answered, or that they were not told, has no clock.
        for values in [json!({ "told": true, "answered": true }), json!({ "told": false })] {
            let begun = town.post("/runs", json!({ "runbook": "tell", "inputs": { "institution": "inst-1" } })).await.is(201).json();
            let run = answer(&town, begun["id"].as_str().unwrap(), "1", values).await;
            assert_eq!(step(&run, "1")["state"], "done");
            answer(&town, begun["id"].as_str().unwrap(), "2", json!({})).await;
        }
    })
    .await;
}
