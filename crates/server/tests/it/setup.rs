//! Applying, planning, exporting.

use crate::town::{ADMIN, SETUP, Town, everywhere};
use firedog_engine::Options;
use serde_json::{Value, json};

fn files(text: &str) -> Value {
    json!([{ "name": "setup.yaml", "text": text }])
}

#[tokio::test]
async fn what_is_exported_applies_to_no_change() {
    everywhere(async |town| {
        let exported = town.get("/setup/files").await;
        let text = exported.to_string();
        assert!(text.contains("key_sha256") && !text.contains(crate::town::PD), "{text}");
        assert!(text.contains("sealed:v1:") && !text.contains("the secret of the hook"), "{text}");
        for dry_run in [true, false] {
            let again = town.post("/setup", json!({ "files": exported["items"], "dry_run": dry_run })).await.is(200).json();
            assert_eq!((again["version"].as_i64(), again["changed"].as_bool()), (Some(1), Some(false)), "{again:#}");
            assert_eq!(again["plan"], json!({ "added": [], "changed": [], "removed": [] }));
        }
        // And so do the files themselves, although the secret is sealed and the keys are hashed by now.
        let again = town.post("/setup", json!({ "files": files(SETUP) })).await.is(200).json();
        assert_eq!((again["version"].as_i64(), again["changed"].as_bool()), (Some(1), Some(false)), "{again:#}");
        let head = town.get("/setup").await;
        assert_eq!((head["version"].as_i64(), head["author"].as_str()), (Some(1), Some("token:admin")));
    })
    .await;
}

#[tokio::test]
async fn a_plan_changes_nothing_and_an_apply_everything() {
    everywhere(async |town| {
        let new = SETUP.replace("name: Ada Lovelace", "name: Countess Ada").replace("wait: 5m", "wait: 7m");
        let plan = town.post("/setup", json!({ "files": files(&new), "dry_run": true })).await.is(200).json();
        let changed: Vec<&str> = plan["plan"]["changed"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap()).collect();
        assert_eq!((changed, plan["version"].as_i64()), (vec!["ada", "pupper"], Some(1)));
        assert_eq!(town.get("/setup").await["version"], 1);
        let applied = town.post("/setup", json!({ "files": files(&new), "expect_version": 1 })).await.is(200).json();
        assert_eq!((applied["version"].as_i64(), applied["changed"].as_bool()), (Some(2), Some(true)));
        assert_eq!(town.get("/users").await["items"][0]["name"], "Countess Ada");
        town.post("/setup", json!({ "files": files(SETUP), "expect_version": 1 })).await.is(409);
        let row = &town.get("/audit?subject=setup:2").await["items"][0];
        assert_eq!((row["action"].as_str(), row["actor"].as_str()), (Some("setup.apply"), Some("token:admin")));
    })
    .await;
}

#[tokio::test]
async fn every_mistake_is_listed_and_nothing_is_changed() {
    let town = Town::new().await;
    let wrong =
        SETUP.replace("members: [grace]", "members: [nobody]").replace("timezone: America/Chicago", "timezone: Amerika/Chicago");
    let problem = town.post("/setup", json!({ "files": files(&wrong) })).await.is(422).json();
    let found = problem["diagnostics"].as_array().unwrap();
    assert!(found.len() >= 2, "{problem:#}");
    assert!(found.iter().any(|d| d["line"] == 4 && d["message"].as_str().unwrap().contains("nobody")), "{problem:#}");
    assert_eq!(town.get("/setup").await["version"], 1);
    let checked = town.post("/setup/check", json!({ "files": files(&wrong) })).await.is(200).json();
    assert!(checked["diagnostics"].as_array().unwrap().len() >= found.len());
    // Files from the network reach nothing of this machine.
    let sneaky = SETUP.replace("key: \"a-key-for-anything-at-all\"", "key_file: /etc/hostname");
    let problem = town.post("/setup", json!({ "files": files(&sneaky) })).await.is(422).json();
    assert!(problem["diagnostics"][0]["message"].as_str().unwrap().contains("/etc/hostname"), "{problem:#}");
}

#[tokio::test]
async fn removing_what_an_open_alert_needs_is_asked_about_and_strands_nothing() {
    everywhere(async |town| {
        let id = town.trigger("k", "down").await;
        town.sent().await;
        let rest = "
teams: [ { id: pupper, members: [linus] } ]
users: [ { id: linus, email: linus@example.org } ]
policies: [ { id: other, steps: [ { page: [ { user: linus } ] } ] } ]
catch_all: { page: [ { user: linus } ] }
services: [ { id: other, team: pupper, policy: other } ]
";
        let plan = town.post("/setup", json!({ "files": files(rest), "dry_run": true })).await.is(200).json();
        assert_eq!(plan["open_alerts"][0]["id"], id.as_str());
        assert!(plan["plan"]["removed"].to_string().contains(&format!("open alert {id}")), "{plan:#}");
        town.post("/setup", json!({ "files": files(rest) })).await.is(409);
        town.post("/setup", json!({ "files": files(rest), "yes": true })).await.is(200);
        town.pass(crate::town::minutes(15)).await;
        assert!(town.sent().await.contains(&"page linus/email".to_owned()));
        assert_eq!(town.state(&id).await, "triggered");
    })
    .await;
}

#[tokio::test]
async fn a_secret_sealed_elsewhere_is_refused() {
    let town = Town::new().await;
    let kept = serde_json::to_string(&town.app.engine.scene().await.unwrap().world.setup).unwrap();
    let moved = files(&kept.replace("\"hook\"", "\"other\""));
    let problem = town.post("/setup", json!({ "files": moved, "dry_run": true })).await.is(400).json();
    assert!(problem["detail"].as_str().unwrap().contains("sealed"), "{problem:#}");
}

#[tokio::test]
async fn an_empty_server_says_so() {
    let town = Town::bare("sqlite", &[], Options::default()).await;
    assert_eq!(town.get("/setup").await["version"], 0);
    assert_eq!(town.get("/setup/files").await["items"].as_array().map(Vec::len), Some(0));
    assert_eq!(town.get("/services").await["items"], json!([]));
    assert!(town.get("/doctor").await.to_string().contains("nobody can be paged"));
    let schema = town.get("/setup/schema").await;
    assert!(schema["properties"]["services"].is_object(), "{schema:#}");
    town.api(ADMIN, "POST", "/setup", Some(json!({ "files": files("teams: [") }))).await.is(422);
}
