//! Looking things up, and looking ahead.

use crate::town::{ADMIN, SETUP, Town, everywhere};
use serde_json::{Value, json};

#[tokio::test]
async fn a_service_says_who_owns_it_and_who_is_on_for_it() {
    everywhere(async |town| {
        let card = town.get("/services/shop").await;
        assert_eq!(
            (card["team"].as_str(), card["policy"].as_str(), card["owner"]["name"].as_str()),
            (Some("pupper"), Some("pupper"), Some("Pupper"))
        );
        let on: Vec<(i64, Option<&str>)> =
            card["oncall"].as_array().unwrap().iter().map(|row| (row["step"].as_i64().unwrap(), row["user"].as_str())).collect();
        assert_eq!(on, [(1, Some("ada")), (2, Some("grace")), (3, Some("linus"))]);
        assert_eq!(town.get("/oncall?service=shop").await["items"], card["oncall"]);
        let all = town.get("/services").await.to_string() + &card.to_string();
        assert!(!all.contains("key"), "keys are nobody's business: {all}");
        town.api(ADMIN, "GET", "/services/nothing", None).await.is(404);
        town.api(ADMIN, "GET", "/oncall?service=nothing", None).await.is(404);
        town.api(ADMIN, "GET", "/oncall?schedule=nothing", None).await.is(404);
        town.api(ADMIN, "GET", "/oncall?schedule=primary&service=shop", None).await.is(400);
    })
    .await;
}

#[tokio::test]
async fn a_service_says_through_what_it_is_restarted_and_whom_that_interrupts() {
    everywhere(async |town| {
        let card = town.get("/services/shop").await;
        assert_eq!((&card["restart"], &card["two_person"]), (&json!(null), &json!(false)));
        assert_eq!(card["lacks"], json!(["restart", "instances", "deploys", "links"]));
        assert_eq!(card["serves"], json!({ "total": 0, "all": true, "institutions": [] }));

        let institutions: Vec<Value> =
            (1..=25).map(|n| json!({ "id": format!("inst-{n:02}"), "name": format!("Credit Union {n}"), "code": n.to_string() })).collect();
        let more = json!({
            "institutions": institutions,
            "connections": [
                { "id": "ci", "kind": "jenkins", "url": "https://ci.example.org", "user": "firedog", "secret": "the password of ci" },
                { "id": "marathon", "kind": "marathon", "url": "https://marathon.example.org" },
            ],
            "services": [
                { "id": "http", "team": "pupper", "instances": { "with": "marathon", "app": "/core/http" },
                    "restart": { "with": "ci", "job": "ops/restart", "parameters": { "ENV": "production" }, "two_person": true },
                    "deploys": { "with": "ci", "job": "ops/deploy" },
                    "links": [{ "name": "Its logs", "for": "logs", "url": "https://k.example.org/?i={institution}&s={service}&from={from}&to={to}" }] },
                { "id": "few", "team": "pupper", "serves": ["inst-02", "inst-07"] },
            ],
        });
        let files = json!([{ "name": "setup.yaml", "text": SETUP }, { "name": "more.json", "text": more.to_string() }]);
        town.post("/setup", json!({ "files": files, "yes": true })).await.is(200);
        let card = town.get("/services/http").await;
        assert_eq!(card["restart"], "jenkins ops/restart with ENV=production");
        assert_eq!((&card["instances"], &card["two_person"]), (&json!("marathon /core/http"), &json!(true)));
        assert_eq!(card["deploys"], "jenkins ops/deploy");
        assert_eq!((&card["serves"]["total"], &card["serves"]["all"]), (&json!(25), &json!(true)));
        assert_eq!(card["serves"]["institutions"].as_array().unwrap().len(), 20);
        assert_eq!(card["lacks"], json!(["key"]));
        let link = &card["links"][0];
        assert_eq!((&link["name"], &link["for"]), (&json!("Its logs"), &json!("logs")));
        assert_eq!(
            link["url"],
            "https://k.example.org/?i=&s=http&from=2026-03-02T15%3A00%3A00Z&to=2026-03-02T16%3A00%3A00Z"
        );
        assert_eq!((&link["environment"], &link["owner"], &link["learn"]), (&json!(null), &json!(null), &json!(null)));
        assert!(!card.to_string().contains("password"), "{card:#}");
        let few = town.get("/services/few").await;
        let served: Vec<&str> =
            few["serves"]["institutions"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
        assert_eq!((served, few["serves"]["all"].as_bool()), (vec!["2", "7"], Some(false)));
    })
    .await;
}

#[tokio::test]
async fn on_call_at_another_time_and_for_every_schedule() {
    let town = Town::new().await;
    let then = town.get("/oncall?schedule=primary&at=2026-03-10T12:00:00Z").await;
    assert_eq!(
        then["items"],
        json!([{ "schedule": "primary", "user": "grace", "from": "2026-03-09T14:00:00Z", "until": "2026-03-16T14:00:00Z" }])
    );
    let all = town.get("/oncall").await;
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    let first = town.get("/oncall?limit=1").await;
    let next = first["next"].as_str().unwrap();
    let second = town.get(&format!("/oncall?limit=1&cursor={next}")).await;
    assert_eq!((second["items"][0].clone(), second["next"].is_null()), (all["items"][1].clone(), true));
}

#[tokio::test]
async fn lists_of_the_setup_show_no_addresses_and_no_secrets() {
    let town = Town::new().await;
    let users = town.get("/users").await;
    assert_eq!(
        users["items"][0]["contact"],
        json!([{ "id": "hook", "channel": "webhook" }, { "id": "mail", "channel": "email" }])
    );
    for path in ["/users", "/teams", "/policies", "/schedules", "/services", "/heartbeats"] {
        let text = town.get(path).await.to_string();
        assert!(!text.contains("hooks.example.org") && !text.contains("secret") && !text.contains('@'), "{path}: {text}");
    }
    let policy = town.get("/policies/pupper").await;
    assert_eq!(policy["services"], json!(["job", "shop"]));
    let words = policy["words"].as_str().unwrap();
    assert!(words.starts_with("1. Page whoever is on call in primary; wait 5m.") && words.contains("once more"), "{words}");
    town.api(ADMIN, "GET", "/policies/nothing", None).await.is(404);
}

#[tokio::test]
async fn simulating_pages_nobody_and_leaves_out_who_cannot_be_reached() {
    let town = Town::new().await;
    let told = |value: serde_json::Value| -> Vec<String> {
        let entries = value["items"].as_array().unwrap().clone();
        entries
            .iter()
            .map(|e| format!("{} {}/{}", e["after_s"], e["user"].as_str().unwrap(), e["contact"].as_str().unwrap()))
            .collect()
    };
    let all = told(town.post("/simulate", json!({ "service": "shop" })).await.is(200).json());
    assert_eq!(all[..4], ["0 ada/hook", "60 ada/mail", "300 grace/hook", "900 linus/email"]);
    let silent = told(town.post("/simulate", json!({ "service": "shop", "silent": ["ada"] })).await.is(200).json());
    assert_eq!(silent[..2], ["300 grace/hook", "900 linus/email"]);
    let down = told(town.post("/simulate", json!({ "policy": "pupper", "channels_down": ["webhook"] })).await.is(200).json());
    assert!(down.iter().all(|entry| !entry.contains("hook")), "{down:?}");
    assert_eq!(town.get("/alerts?state=all").await["items"], json!([]));
    for (wrong, status) in [
        (json!({}), 400),
        (json!({ "service": "shop", "policy": "pupper" }), 400),
        (json!({ "service": "nothing" }), 404),
        (json!({ "policy": "nothing" }), 404),
        (json!({ "service": "shop", "silent": ["nobody"] }), 404),
        (json!({ "service": "shop", "channels_down": ["pigeon"] }), 400),
    ] {
        town.post("/simulate", wrong).await.is(status);
    }
}

#[tokio::test]
async fn a_proof_names_what_one_failure_breaks() {
    let town = Town::new().await;
    let proof = town.post("/prove", json!({ "days": 21, "within": "10m" })).await.is(200).json();
    let findings = proof["findings"].as_array().unwrap();
    assert_eq!(proof["ok"], json!(findings.is_empty()));
    assert!(findings.iter().any(|f| f["failure"] == json!({ "kind": "channel", "id": "email" })), "{proof:#}");
    for (wrong, status) in [(json!({ "days": 0 }), 400), (json!({ "days": 99_999 }), 400), (json!({ "within": "soon" }), 400)] {
        town.post("/prove", wrong).await.is(status);
    }
}

#[tokio::test]
async fn links_lead_to_each_environment_and_say_whose_tool_it_is() {
    everywhere(async |town| {
        let more = json!({ "services": [{ "id": "http", "team": "pupper",
            "environments": [{ "id": "production" }, { "id": "staging", "suffix": "-stg" }],
            "links": [
                { "name": "Its logs", "for": "logs", "owner": "support", "learn": "https://wiki.example.org/kibana",
                    "url": "https://kibana{suffix}.example.org/?env={environment}&s={service}" },
                { "name": "Wiki", "url": "https://wiki.example.org/{service}" },
            ] }] });
        let book = "runbook: by-hand\nfor: { service: optional }\nsteps: [ { do: Look, uses: logs.root_error } ]\n";
        let file = |name: &str, text: &str| json!({ "name": name, "text": text });
        let files = [file("setup.yaml", SETUP), file("more.json", &more.to_string()), file("book.yaml", book)];
        town.post("/setup", json!({ "files": files, "yes": true })).await.is(200);
        let card = town.get("/services/http").await;
        let told: Vec<String> = card["links"]
            .as_array()
            .unwrap()
            .iter()
            .map(|link| format!("{} {} {} {}", link["environment"], link["url"], link["owner"], link["learn"]))
            .collect();
        assert_eq!(
            told,
            [
                r#""production" "https://kibana.example.org/?env=production&s=http" "support" "https://wiki.example.org/kibana""#,
                r#""staging" "https://kibana-stg.example.org/?env=staging&s=http" "support" "https://wiki.example.org/kibana""#,
                r#"null "https://wiki.example.org/http" null null"#,
            ]
        );
        // A run's links lead to the environment that its alert names; what it does not know, or no name, is the first.
        for (n, (label, url)) in [
            ("staging", "https://kibana-stg.example.org/?env=staging&s=http"),
            ("moon", "https://kibana.example.org/?env=production&s=http"),
        ]
        .into_iter()
        .enumerate()
        {
            let event = json!({ "service": "http", "summary": format!("core {n}"), "labels": { "environment": label } });
            let alert = town.post("/alerts", event).await.is(201).json();
            let body = json!({ "runbook": "by-hand", "inputs": {}, "alert": alert["id"] });
            let begun = town.post("/runs", body).await.is(201).json();
            town.app.runs.settled().await;
            let begun = town.get(&format!("/runs/{}", begun["id"].as_str().unwrap())).await;
            assert_eq!(begun["steps"][0]["links"][0]["url"], url, "{begun:#}");
            town.post(&format!("/runs/{}/cancel", begun["id"].as_str().unwrap()), json!({ "reason": "seen" })).await.is(200);
        }
    })
    .await;
}
