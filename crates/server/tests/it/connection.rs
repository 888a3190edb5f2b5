//! Connections: listed without their secrets, checked against the town, all of them by the doctor.

use crate::town::{ADMIN, SETUP, Town, everywhere};
use firedog_town::Town as Streets;
use firedog_town::jenkins::JENKINS_USER;
use firedog_town::kubernetes::KUBERNETES_TOKEN;
use firedog_town::search::{SEARCH_PASSWORD, SEARCH_USER};
use firedog_town::weather::Weather;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// Port 9 of this machine: nobody listens there.
const NOBODY: &str = "http://127.0.0.1:9";

async fn apply(town: &Town, connections: Value) {
    let more = json!({
        "connections": connections,
        "services": [{ "id": "rpc", "team": "pupper", "restart": { "with": "ci", "job": "ops/restart" }, "deploys": { "with": "ci", "job": "ops/restart" }, "instances": { "with": "k8s", "namespace": "core", "deployment": "rpc" } }],
    });
    let book = "runbook: deployed\nsteps: [ { do: Look, uses: service.deploys, with: { service: rpc } } ]\n";
    let files = json!([
        { "name": "setup.yaml", "text": SETUP }, { "name": "more.json", "text": more.to_string() }, { "name": "book.yaml", "text": book },
    ]);
    town.post("/setup", json!({ "files": files, "yes": true })).await.is(200);
}

fn find<'a>(items: &'a Value, key: &str, value: &str) -> &'a Value {
    items["items"].as_array().unwrap().iter().find(|one| one[key] == value).unwrap_or_else(|| panic!("no {value}: {items:#}"))
}

#[tokio::test]
async fn each_says_what_uses_it_and_whether_it_works() {
    everywhere(async |town| {
        assert_eq!(town.get("/connections").await["items"], json!([]));
        let streets = Streets::start(Weather::new(4, town.now())).await.unwrap();
        streets.weather().set_speed(0);
        apply(
            &town,
            json!([
                { "id": "logs", "kind": "elasticsearch", "url": streets.search_url(), "user": SEARCH_USER, "secret": SEARCH_PASSWORD, "index": "interaction-*" },
                { "id": "ci", "kind": "jenkins", "url": streets.jenkins_url(), "user": JENKINS_USER, "secret": "a-wrong-token", "owner": "support" },
                { "id": "k8s", "kind": "kubernetes", "url": streets.kubernetes_url(), "secret": KUBERNETES_TOKEN },
                { "id": "metrics", "kind": "prometheus", "url": NOBODY, "queries": { "total": "a", "failed": "b" } },
            ]),
        )
        .await;
        let all = town.get("/connections").await;
        let logs = find(&all, "id", "logs");
        assert_eq!((&logs["host"], &logs["kind"]), (&json!("127.0.0.1"), &json!("elasticsearch")));
        assert!(logs["port"].as_u64().unwrap() > 0, "{logs}");
        assert_eq!(logs["actions"], json!(["logs.root_error", "logs.blast_radius", "service.recovered", "service.watch", "metrics.read"]));
        let ci = find(&all, "id", "ci");
        assert_eq!((&ci["actions"], &ci["services"]), (&json!(["service.restart", "service.deploys"]), &json!(["rpc"])));
        assert_eq!(find(&all, "id", "k8s")["actions"], json!(["service.instances", "service.output"]));
        for secret in [SEARCH_PASSWORD, KUBERNETES_TOKEN, "a-wrong-token", "sealed", SEARCH_USER] {
            assert!(!all.to_string().contains(secret), "{secret}: {all}");
        }

        let doctor = town.get("/doctor?limit=100").await;
        // Whoever looks again within seconds asks nobody; a check of one always does.
        let asked = || streets.weather().holds().count();
        let before = asked();
        assert_eq!(town.get("/doctor?limit=100").await["items"].as_array().unwrap().len(), doctor["items"].as_array().unwrap().len());
        assert_eq!(asked(), before);
        town.post("/connections/logs/check", json!({})).await;
        assert!(asked() > before);
        town.clock.advance(jiff::SignedDuration::from_secs(11));
        let before = asked();
        town.get("/doctor?limit=100").await;
        assert!(asked() > before + 1);
        for (id, levels, said) in [
            ("logs", ["ok", "warn"], "Elasticsearch"),
            ("ci", ["fail", "fail"], "HTTP 401"),
            ("k8s", ["ok", "warn"], "Kubernetes"),
            ("metrics", ["fail", "fail"], "refused"),
        ] {
            let finding = find(&doctor, "check", &format!("connection {id}"));
            let level = finding["level"].as_str().unwrap();
            let message = finding["message"].as_str().unwrap();
            assert!(levels.contains(&level) && message.contains(said), "{finding:#}");
            assert_eq!(finding["fix"].is_null(), level == "ok", "{finding:#}");
            let one = town.post(&format!("/connections/{id}/check"), json!({})).await.is(200).json();
            assert_eq!((&one["level"], &one["message"], &one["fix"]), (&finding["level"], &finding["message"], &finding["fix"]));
        }
        assert_eq!((&ci["owner"], &logs["owner"]), (&json!("support"), &json!(null)));
        // Whose it is, where it is said: in the check, for the doctor, and at a step that fails because of it.
        let whose = "`ci` belongs to Support: firedog page support MESSAGE";
        let found = town.post("/connections/ci/check", json!({})).await.is(200).json();
        assert!(found["owner"] == "support" && found["fix"].as_str().unwrap().ends_with(whose), "{found:#}");
        assert!(!find(&doctor, "check", "connection metrics")["fix"].to_string().contains("belongs to"));
        let body = json!({ "runbook": "deployed", "inputs": {} });
        let run = town.post("/runs", body).await.is(201).json();
        town.app.runs.settled().await;
        let step = town.get(&format!("/runs/{}", run["id"].as_str().unwrap())).await["steps"][0].clone();
        assert!(step["state"] == "asking" && step.to_string().contains(whose) && step.to_string().contains("401"), "{step:#}");
        let k8s = town.post("/connections/k8s/check", json!({})).await.is(200).json();
        assert!(k8s["system"] == "Kubernetes" && k8s["version"].is_string(), "{k8s:#}");
        town.api(ADMIN, "POST", "/connections/nothing/check", None).await.is(404);
    })
    .await;
}

#[tokio::test]
async fn silent_ones_are_waited_for_all_at_once() {
    let town = Town::new().await;
    // It accepts and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let one = |id: &str, kind: &str| json!({ "id": id, "kind": kind, "url": url, "secret": "a-token-of-theirs" });
    apply(&town, json!([one("ci", "jenkins"), one("k8s", "kubernetes"), one("m1", "marathon"), one("m2", "marathon")])).await;
    let began = Instant::now();
    let doctor = town.get("/doctor?limit=100").await;
    assert!(began.elapsed() < Duration::from_secs(14), "{:?}", began.elapsed());
    for id in ["ci", "k8s", "m1", "m2"] {
        let finding = find(&doctor, "check", &format!("connection {id}"));
        assert_eq!(finding["level"], "fail");
        assert!(finding["message"].as_str().unwrap().contains("did not answer within 8 s"), "{finding:#}");
    }
}

/// A token that rotates in its file works without anybody applying anything; a file that is gone is told where it matters.
#[tokio::test]
async fn a_mounted_secret_is_read_again_when_it_changes() {
    for database in ["sqlite", "postgres"] {
        let dir = tempfile::tempdir().unwrap();
        let settings = [("FIREDOG_SECRETS_DIR", dir.path().to_str().unwrap())];
        let town = Town::on(database, &settings, firedog_engine::Options::default()).await;
        let streets = Streets::start(Weather::new(2, town.now()).on(firedog_town::weather::Platform::Kubernetes)).await.unwrap();
        streets.weather().set_speed(0);
        let file = dir.path().join("k8s-token");
        std::fs::write(&file, format!("{KUBERNETES_TOKEN}\n")).unwrap();
        let more = json!({
            "connections": [{ "id": "k8s", "kind": "kubernetes", "url": streets.kubernetes_url(), "mounted_secret": "k8s-token" }],
            "services": [{ "id": "web", "team": "pupper", "deploys": { "with": "k8s", "namespace": "core", "deployment": "symxchange-http-server" } }],
        });
        let book = "runbook: deployed\nsteps: [ { do: Look, uses: service.deploys, with: { service: web } } ]\n";
        let files = json!([
            { "name": "setup.yaml", "text": SETUP }, { "name": "more.json", "text": more.to_string() }, { "name": "book.yaml", "text": book },
        ]);
        town.post("/setup", json!({ "files": files, "yes": true })).await.is(200);
        let look = async || {
            let run = town.post("/runs", json!({ "runbook": "deployed", "inputs": {} })).await.is(201).json();
            town.app.runs.settled().await;
            let id = run["id"].as_str().unwrap();
            let run = town.get(&format!("/runs/{id}")).await;
            if run["state"] == "running" {
                town.post(&format!("/runs/{id}/cancel"), json!({ "reason": "seen" })).await.is(200);
            }
            run["steps"][0].clone()
        };
        assert_eq!(look().await["state"], "done");
        streets.weather().rotate_kubernetes_token(true);
        let step = look().await;
        assert!(step["state"] == "asking" && step.to_string().contains("401"), "{step:#}");
        std::fs::write(&file, format!("{KUBERNETES_TOKEN}-2")).unwrap();
        assert_eq!(look().await["state"], "done");
        std::fs::remove_file(&file).unwrap();
        let step = look().await;
        assert!(step["state"] == "asking" && step.to_string().contains("k8s-token, which cannot be read"), "{step:#}");
        let finding = find(&town.get("/doctor?limit=100").await, "check", "connection k8s").clone();
        assert!(finding["level"] == "fail" && finding["message"].as_str().unwrap().contains("cannot be read"), "{finding:#}");
        let kept = format!("{} {}", town.get("/connections").await, town.get("/setup/files").await);
        assert!(!kept.contains(KUBERNETES_TOKEN), "the token is nobody's business");
    }
}
