//! Plans that somebody else has to agree to: who is paged, who may, and what holds up nobody.

use crate::restart::{OTHER, Through, by, pass, show, streets, until};
use crate::town::{SETUP, Town, everywhere};
use firedog_engine::Options;
use firedog_town::kubernetes::KUBERNETES_TOKEN;
use firedog_town::weather::{Platform, Service};
use serde_json::{Value, json};

#[tokio::test]
async fn two_people_agree_where_the_catalogue_says_so() {
    everywhere(async |town| {
        let streets = streets(&town, Through::Rollout).await;
        let begun = by(&town, "ada", "/runs", json!({ "runbook": "other", "inputs": {} })).await.is(201).json();
        let (run, plan) = (begun["id"].as_str().unwrap(), &begun["steps"][0]["plan"]);
        assert_eq!(plan["two_person"], true);
        let path = format!("/runs/{run}/steps/1/confirm");
        by(&town, "ada", &path, json!({ "hash": plan["hash"] })).await.is(409);
        by(&town, "grace", &path, json!({ "hash": "another" })).await.is(409);
        by(&town, "grace", &path, json!({ "hash": plan["hash"] })).await.is(200);
        town.app.runs.settled().await;
        until(&town, &streets, run, "1", "done").await;
        assert_eq!(streets.weather().restarts(Platform::Kubernetes, Service::HTTP), 1);
    })
    .await;
}

/// Open alerts that ask somebody to agree.
async fn approvals(town: &Town) -> Vec<Value> {
    let all = town.get("/alerts?limit=100").await;
    let asks = |alert: &&Value| alert["dedup_key"].as_str().is_some_and(|key| key.starts_with("approve/"));
    all["items"].as_array().unwrap().iter().filter(asks).cloned().collect()
}

/// Until so many are open: the server tells by itself as well, at the same time.
async fn approvals_come_to(town: &Town, wanted: usize) -> Vec<Value> {
    for _ in 0..500 {
        firedog_server::ops::telling::tell_due(&town.app).await.unwrap();
        let found = approvals(town).await;
        if found.len() == wanted {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("never {wanted} open: {:#?}", approvals(town).await);
}

#[tokio::test]
async fn whoever_may_agree_is_paged_by_policy_until_the_plan_waits_no_more() {
    everywhere(async |town| {
        let streets = streets(&town, Through::Rollout).await;
        let start = async || by(&town, "ada", "/runs", json!({ "runbook": "other", "inputs": {} })).await.is(201).json();
        let begun = start().await;
        let (run, plan) = (begun["id"].as_str().unwrap(), &begun["steps"][0]["plan"]);
        let asked = approvals_come_to(&town, 1).await;
        assert_eq!((&asked[0]["state"], &asked[0]["urgency"]), (&json!("triggered"), &json!("high")));
        // Ada is on call first and may not agree: Grace is paged at once.
        let sent = town.sent().await;
        assert!(sent.iter().any(|line| line.starts_with("page grace/")), "{sent:?}");
        let shown = town.get(&format!("/alerts/{}", asked[0]["id"].as_str().unwrap())).await.to_string();
        assert!(shown.contains(&format!("/runs/{run}")), "it leads to the plan: {shown}");
        let path = format!("/runs/{run}/steps/1/confirm");
        by(&town, "ada", &path, json!({ "hash": plan["hash"] })).await.is(409);
        by(&town, "grace", &path, json!({ "hash": plan["hash"] })).await.is(200);
        town.app.runs.settled().await;
        approvals_come_to(&town, 0).await;
        assert_eq!(town.state(asked[0]["id"].as_str().unwrap()).await, "resolved");
        let log = town.get(&format!("/runs/{run}/log")).await.to_string();
        assert!(log.contains("whoever may agree is paged"), "{log}");
        until(&town, &streets, run, "1", "done").await;

        // Declined, expired and cancelled: the page ends all the same.
        for how in ["decline", "expire", "cancel"] {
            let begun = start().await;
            let run = begun["id"].as_str().unwrap();
            approvals_come_to(&town, 1).await;
            match how {
                "decline" => {
                    by(&town, "grace", &format!("/runs/{run}/steps/1/decline"), json!({ "reason": "not now" })).await.is(200);
                }
                "expire" => pass(&town, &streets, 601).await,
                _ => {
                    by(&town, "ada", &format!("/runs/{run}/cancel"), json!({ "reason": "not now" })).await.is(200);
                }
            }
            approvals_come_to(&town, 0).await;
            if how != "cancel" {
                by(&town, "ada", &format!("/runs/{run}/cancel"), json!({ "reason": "seen" })).await.is(200);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn approvers_of_a_service_have_a_policy_of_their_own() {
    let town = Town::new().await;
    let streets = streets(&town, Through::Rollout).await;
    let exported = town.get("/setup").await.to_string();
    assert!(!exported.contains("approvers"));
    let more = json!({
        "policies": [{ "id": "leads", "team": "pupper", "steps": [{ "page": [{ "user": "linus" }] }] }],
        "services": [{ "id": "symxchange-http-server", "team": "pupper",
            "restart": { "with": "k8s", "deployment": "x", "two_person": true, "approvers": "leads" },
            "instances": { "with": "k8s", "deployment": "x" } }],
        "connections": [{ "id": "k8s", "kind": "kubernetes", "url": streets.kubernetes_url(), "secret": KUBERNETES_TOKEN }],
    });
    let files = |more: &Value| {
        json!({ "files": [{ "name": "setup.yaml", "text": SETUP }, { "name": "more.json", "text": more.to_string() },
            { "name": "other.yaml", "text": OTHER }], "yes": true })
    };
    town.post("/setup", files(&more)).await.is(200);
    by(&town, "ada", "/runs", json!({ "runbook": "other", "inputs": {} })).await.is(201);
    approvals_come_to(&town, 1).await;
    let sent = town.sent().await;
    assert!(
        sent.iter().any(|line| line.starts_with("page linus/")) && !sent.iter().any(|line| line.contains("ada/")),
        "{sent:?}"
    );
    // Who is paged to agree may agree, whatever team the runbook belongs to; who is not paged may not.
    let mut files_of_others = files(&more);
    let theirs = OTHER.replace("runbook: other", "runbook: theirs\nteam: support");
    files_of_others["files"].as_array_mut().unwrap().push(json!({ "name": "theirs.yaml", "text": theirs }));
    town.post("/setup", files_of_others).await.is(200);
    let run = by(&town, "grace", "/runs", json!({ "runbook": "theirs", "inputs": {} })).await.is(201).json()["id"].clone();
    let run = run.as_str().unwrap();
    approvals_come_to(&town, 2).await;
    let plan = show(&town, run).await["steps"][0]["plan"]["hash"].clone();
    let confirm = format!("/runs/{run}/steps/1/confirm");
    let mut tokens = Vec::new();
    for user in ["ada", "linus"] {
        let made = town.post("/tokens", json!({ "name": user, "role": "responder", "user": user })).await.is(201).json();
        tokens.push(made["token"].as_str().unwrap().to_owned());
    }
    let agree = Some(json!({ "hash": plan }));
    town.api(&tokens[0], "POST", &confirm, agree.clone()).await.is(403);
    let skip = format!("/runs/{run}/steps/1/skip");
    town.api(&tokens[1], "POST", &skip, Some(json!({ "reason": "no" }))).await.is(403);
    town.api(&tokens[1], "POST", &confirm, agree).await.is(200);
    let mut wrong = more.clone();
    wrong["services"][0]["restart"]["two_person"] = json!(false);
    let refused = town.post("/setup", files(&wrong)).await;
    assert!(refused.status == 422 && refused.text.contains("add `two_person: true`"), "{} {}", refused.status, refused.text);
}

#[tokio::test]
async fn a_mail_server_that_hangs_holds_up_no_approvers_page() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let smtp = format!("smtp://{}", silent.local_addr().unwrap());
    let town = Town::on("sqlite", &[("FIREDOG_SMTP_URL", &smtp)], Options::default()).await;
    let streets = streets(&town, Through::Rollout).await;
    let asks = "runbook: asks\nsteps:\n  - { do: Wait, uses: wait, with: { for: 1m } }\n  - { do: Look at it }";
    let plan = OTHER
        .replace("runbook: other", "runbook: later")
        .replace("steps:", "steps:\n  - { do: Wait, uses: wait, with: { for: 5m } }");
    let mut files = town.get("/setup/files").await["items"].clone();
    for (name, text) in [("asks.yaml", asks), ("later.yaml", plan.as_str())] {
        files.as_array_mut().unwrap().push(json!({ "name": name, "text": text }));
    }
    town.post("/setup", json!({ "files": files, "yes": true })).await.is(200);
    for runbook in ["asks", "later"] {
        by(&town, "ada", "/runs", json!({ "runbook": runbook, "inputs": {} })).await.is(201);
    }
    town.app.runs.settled().await;
    // Nobody has touched them: the loop tells by itself.
    let keep = tokio::spawn(firedog_server::ops::telling::keep(town.app.clone()));
    pass(&town, &streets, 61).await;
    let (_mail, _) = tokio::time::timeout(std::time::Duration::from_secs(10), silent.accept()).await.expect("mailed").unwrap();
    pass(&town, &streets, 300).await;
    let paged = async {
        while approvals(&town).await.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), paged).await.expect("paged while the mail hangs");
    keep.abort();
}
