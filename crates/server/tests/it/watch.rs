//! What goes on after a step against the town: calls that are watched, and builds that are taken back out of Jenkins' queue.

use crate::town::{SETUP, Town, everywhere};
use firedog_town::Town as Streets;
use firedog_town::search::{SEARCH_PASSWORD, SEARCH_USER};
use firedog_town::slack::SLACK_TOKEN;
use firedog_town::weather::{Condition, CoreFault, SpellId, Weather};
use jiff::SignedDuration;
use serde_json::{Value, json};

const BOOK: &str = r#"
runbook: look
team: pupper
for: { institution: required }
steps:
  - { do: Check that requests succeed, uses: service.recovered, with: { within: 2m, watch: 6h } }
  - { do: Tell the customer, when: recovered.state != 'failing' }
"#;

/// As the example has it.
const NOT_REPRODUCED: &str = r#"
runbook: stay
team: pupper
for: { institution: required }
steps:
  - { do: Watch the requests, uses: service.watch, with: { for: 2h } }
"#;

const TOLD: &str = r#"
runbook: told
team: pupper
for: { institution: required }
steps:
  - { do: Tell support, uses: support.tell, with: { room: C0SUPPORT, answer_within: 5m } }
  - { do: Check that requests succeed, uses: service.recovered, with: { within: 2m, watch: 6h } }
"#;

/// The room is one that the app cannot write into.
const UNKNOWN: &str = r#"
runbook: unknown-room
team: pupper
for: { institution: required }
steps:
  - { do: Tell support, uses: support.tell, with: { room: C0NOTHING, answer_within: 5m } }
  - { do: Look at it }
"#;

const PATIENT: &str = r#"
runbook: patient
team: pupper
for: { institution: required }
steps:
  - { do: Check that requests succeed, uses: service.recovered, with: { within: 30m } }
"#;

async fn streets(town: &Town) -> Streets {
    let streets = Streets::start(Weather::new(6, town.now())).await.unwrap();
    streets.weather().set_speed(0);
    let institutions: Vec<Value> = streets
        .weather()
        .institutions()
        .into_iter()
        .map(|one| json!({ "id": one.id, "name": one.name, "host": one.host }))
        .collect();
    let more = json!({ "institutions": institutions, "connections": [{
        "id": "logs", "kind": "elasticsearch", "url": streets.search_url(), "user": SEARCH_USER, "secret": SEARCH_PASSWORD,
        "index": "interaction-*",
    }, { "id": "chat", "kind": "slack", "url": streets.slack_url(), "secret": SLACK_TOKEN }] });
    let files = json!([
        { "name": "setup.yaml", "text": SETUP }, { "name": "more.json", "text": more.to_string() },
        { "name": "look.yaml", "text": BOOK }, { "name": "stay.yaml", "text": NOT_REPRODUCED },
        { "name": "patient.yaml", "text": PATIENT }, { "name": "told.yaml", "text": TOLD },
        { "name": "unknown.yaml", "text": UNKNOWN },
        { "name": "patient-told.yaml", "text": TOLD.replace("runbook: told", "runbook: patient-told").replace("5m", "3h") },
    ]);
    town.post("/setup", json!({ "files": files, "yes": true })).await.is(200);
    streets
}

async fn begin(town: &Town, runbook: &str) -> String {
    let begun = town.post("/runs", json!({ "runbook": runbook, "inputs": { "institution": "inst-5" } })).await.is(201).json();
    town.app.runs.settled().await;
    begun["id"].as_str().unwrap().to_owned()
}

async fn pass(town: &Town, streets: &Streets, minutes: i64) {
    for _ in 0..minutes {
        town.clock.advance(SignedDuration::from_mins(1));
        streets.weather().set_now(town.now());
        town.app.runs.tick().await.unwrap();
        town.app.runs.settled().await;
    }
}

async fn show(town: &Town, run: &str) -> Value {
    town.get(&format!("/runs/{run}")).await
}

async fn log(town: &Town, run: &str) -> String {
    town.get(&format!("/runs/{run}/log")).await.to_string()
}

/// Alerts that a watch has raised.
async fn pages(town: &Town) -> Vec<Value> {
    let all = town.get("/alerts?limit=100").await;
    let all = all["items"].as_array().unwrap();
    all.iter().filter(|alert| alert["dedup_key"].as_str().is_some_and(|key| key.ends_with("/watch"))).cloned().collect()
}

fn silence(streets: &Streets) -> SpellId {
    streets.weather().set(Condition::Traffic { institution: "inst-5".to_owned(), per_minute: 0 })
}

/// A run whose calls cannot be told, and that has nothing to do any more but to watch.
async fn watching(town: &Town, streets: &Streets) -> (String, SpellId) {
    let quiet = silence(streets);
    pass(town, streets, 10).await;
    let run = begin(town, "look").await;
    pass(town, streets, 4).await;
    let found = show(town, &run).await;
    assert_eq!(
        (&found["steps"][0]["state"], &found["steps"][0]["output"]["state"]),
        (&json!("done"), &json!("unverified")),
        "{found:#}"
    );
    assert_eq!(found["steps"][0]["sequel"]["kind"], "watch", "{found:#}");
    // Later steps and the run go on meanwhile.
    town.post(&format!("/runs/{run}/steps/2/answer"), json!({ "values": {} })).await.is(200);
    let found = show(town, &run).await;
    assert_eq!(found["state"], "watching", "{found:#}");
    assert!(found["watched_until"].is_string() && found["ended_at"].is_string(), "{found:#}");
    (run, quiet)
}

#[tokio::test]
async fn whoever_mends_it_late_is_believed_soon() {
    everywhere(async |town| {
        let streets = streets(&town).await;
        let core = Condition::Core { institution: "inst-5".to_owned(), fault: CoreFault::Refuses, percent: 100 };
        let wrong = streets.weather().set(core);
        pass(&town, &streets, 1).await;
        let run = begin(&town, "patient").await;
        pass(&town, &streets, 12).await;
        assert_eq!(show(&town, &run).await["steps"][0]["state"], "waiting");
        streets.weather().clear(wrong);
        // The twelve minutes before would outweigh what comes for more than an hour.
        pass(&town, &streets, 3).await;
        let found = show(&town, &run).await;
        assert_eq!((&found["state"], &found["steps"][0]["output"]["state"]), (&json!("done"), &json!("recovered")), "{found:#}");
    })
    .await;
}

#[tokio::test]
async fn support_is_told_how_a_watch_has_ended() {
    everywhere(async |town| {
        let streets = streets(&town).await;
        let said = || streets.slack().said().into_iter().map(|said| said.text).collect::<Vec<_>>();
        let quiet = silence(&streets);
        pass(&town, &streets, 10).await;
        let run = begin(&town, "told").await;
        pass(&town, &streets, 8).await;
        let found = show(&town, &run).await;
        assert_eq!((&found["state"], &found["steps"][0]["sequel"]["kind"]), (&json!("watching"), &json!("tell")), "{found:#}");
        let before = said();
        assert!(before.last().unwrap().contains("too little traffic"), "{before:?}");
        pass(&town, &streets, 30).await;
        assert_eq!(said(), before, "nothing new is to be told");
        streets.weather().clear(quiet);
        pass(&town, &streets, 5).await;
        let told = said();
        assert_eq!(told.len(), before.len() + 1);
        assert!(told.last().unwrap().starts_with("Check that requests succeed: recovered: 0 of "), "{told:?}");
        let thread = streets.slack().said();
        assert_eq!(thread.last().unwrap().thread_ts.as_ref(), Some(&thread[0].ts));
        assert_eq!(show(&town, &run).await["state"], "done");
        assert!(log(&town, &run).await.contains("told in C0SUPPORT how it ended"));
    })
    .await;
}

#[tokio::test]
async fn support_is_told_of_an_end_before_anybody_has_answered() {
    everywhere(async |town| {
        let streets = streets(&town).await;
        let said = || streets.slack().said().into_iter().map(|said| said.text).collect::<Vec<_>>();
        let quiet = silence(&streets);
        pass(&town, &streets, 10).await;
        let run = begin(&town, "patient-told").await;
        pass(&town, &streets, 5).await;
        assert!(said().last().unwrap().contains("too little traffic"), "{:?}", said());
        streets.weather().clear(quiet);
        pass(&town, &streets, 6).await;
        assert_eq!(show(&town, &run).await["state"], "running", "support has not answered yet");
        assert!(said().last().unwrap().starts_with("Check that requests succeed: recovered: 0 of "), "{:?}", said());
        // Whoever stops it tells them so, with the reason.
        let before = said().len();
        town.post(&format!("/runs/{run}/cancel"), json!({ "reason": "they called us" })).await.is(200);
        town.app.runs.settled().await;
        pass(&town, &streets, 1).await;
        let told = said();
        assert_eq!(told.len(), before + 1, "{told:?}");
        assert!(told.last().unwrap().starts_with("We have stopped: they called us"), "{told:?}");
        let found = show(&town, &run).await;
        assert_eq!(
            (&found["state"], &found["steps"][0]["sequel"]["ended_at"].is_string()),
            (&json!("cancelled"), &true),
            "{found:#}"
        );
        // Who was told nothing is told nothing.
        let run = begin(&town, "unknown-room").await;
        let before = said().len();
        town.post(&format!("/runs/{run}/cancel"), json!({ "reason": "no use" })).await.is(200);
        town.app.runs.settled().await;
        pass(&town, &streets, 1).await;
        assert_eq!(said().len(), before);
    })
    .await;
}

#[tokio::test]
async fn what_is_unverified_is_watched_until_traffic_returns() {
    everywhere(async |town| {
        let streets = streets(&town).await;
        let (run, quiet) = watching(&town, &streets).await;
        pass(&town, &streets, 90).await;
        assert_eq!(show(&town, &run).await["state"], "watching", "silence says nothing");
        assert_eq!(town.get("/runs?open=true").await["items"], json!([]));
        assert_eq!(town.get("/runs?going=true").await["items"][0]["id"], json!(run));
        streets.weather().clear(quiet);
        pass(&town, &streets, 4).await;
        let found = show(&town, &run).await;
        assert_eq!((&found["state"], &found["steps"][0]["output"]["state"]), (&json!("done"), &json!("recovered")), "{found:#}");
        assert!(found["steps"][0]["sequel"]["ended_at"].is_string(), "{found:#}");
        assert!(log(&town, &run).await.contains("recovered: "), "{}", log(&town, &run).await);
        assert_eq!(pages(&town).await, [] as [Value; 0]);
    })
    .await;
}

#[tokio::test]
async fn only_calls_that_fail_page_and_they_page_once() {
    everywhere(async |town| {
        let streets = streets(&town).await;
        let (run, quiet) = watching(&town, &streets).await;
        // In nobody's way: another run for the same institution begins.
        let other = begin(&town, "look").await;
        assert_ne!(other, run);
        town.post(&format!("/runs/{other}/cancel"), json!({ "reason": "only to see" })).await.is(200);
        streets.weather().set(Condition::Core { institution: "inst-5".to_owned(), fault: CoreFault::Refuses, percent: 100 });
        streets.weather().clear(quiet);
        pass(&town, &streets, 6).await;
        let found = show(&town, &run).await;
        assert_eq!((&found["state"], &found["steps"][0]["output"]["state"]), (&json!("done"), &json!("failing")), "{found:#}");
        let pages = pages(&town).await;
        assert_eq!(pages.len(), 1, "{pages:#?}");
        assert_eq!(pages[0]["labels"], json!({ "runbook": "look", "institution": "inst-5" }));
        assert_eq!(pages[0]["id"], found["steps"][0]["output"]["paged"]);
        // By the policy of the runbook's team: the primary.
        let sent = town.sent().await;
        assert!(sent.iter().any(|line| line.contains("ada")), "{sent:#?}");
    })
    .await;
}

#[tokio::test]
async fn a_watch_ends_without_a_page_and_by_a_person() {
    everywhere(async |town| {
        let streets = streets(&town).await;
        let (run, _) = watching(&town, &streets).await;
        pass(&town, &streets, 6 * 60).await;
        let found = show(&town, &run).await;
        assert_eq!((&found["state"], &found["steps"][0]["output"]["state"]), (&json!("done"), &json!("unverified")), "{found:#}");
        assert!(log(&town, &run).await.contains("too little traffic to tell; nobody was paged"), "{}", log(&town, &run).await);
        assert_eq!(pages(&town).await, [] as [Value; 0]);

        let (run, _) = watching(&town, &streets).await;
        town.post(&format!("/runs/{run}/steps/1/skip"), json!({ "reason": "" })).await.is(409);
        town.post(&format!("/runs/{run}/steps/1/skip"), json!({ "reason": "the customer says it is well" })).await.is(200);
        let found = show(&town, &run).await;
        assert_eq!((&found["state"], &found["watched_until"]), (&json!("done"), &Value::Null), "{found:#}");
        assert!(log(&town, &run).await.contains("not watched any more: the customer says it is well"));
    })
    .await;
}

#[tokio::test]
async fn what_is_not_reproduced_is_watched_to_the_end() {
    everywhere(async |town| {
        let streets = streets(&town).await;
        streets.weather().set_now(town.now());
        let well = begin(&town, "stay").await;
        pass(&town, &streets, 60).await;
        assert_eq!(show(&town, &well).await["state"], "watching", "calls that succeed end nothing");
        pass(&town, &streets, 61).await;
        let found = show(&town, &well).await;
        assert_eq!((&found["state"], &found["steps"][0]["output"]["state"]), (&json!("done"), &json!("recovered")), "{found:#}");
        assert_eq!(pages(&town).await, [] as [Value; 0]);

        let fails = begin(&town, "stay").await;
        pass(&town, &streets, 30).await;
        streets.weather().set(Condition::Core { institution: "inst-5".to_owned(), fault: CoreFault::Refuses, percent: 100 });
        pass(&town, &streets, 5).await;
        let found = show(&town, &fails).await;
        assert_eq!((&found["state"], &found["steps"][0]["output"]["state"]), (&json!("done"), &json!("failing")), "{found:#}");
        assert_eq!(pages(&town).await.len(), 1);
    })
    .await;
}
