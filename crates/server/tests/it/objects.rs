//! Editing the setup in the app: what stands in files stays there, what was made here survives an apply.

use crate::town::{ADMIN, SETUP, Town, everywhere};
use serde_json::{Value, json};

async fn token(town: &Town, role: &str, user: &str) -> String {
    let made = town.post("/tokens", json!({ "name": format!("{user} {role}"), "role": role, "user": user })).await.is(201).json();
    made["token"].as_str().unwrap().to_owned()
}

async fn put(town: &Town, kind: &str, id: &str, value: Value) -> crate::town::Answer {
    town.api(ADMIN, "PUT", &format!("/setup/objects/{kind}/{id}"), Some(json!({ "value": value }))).await
}

async fn object(town: &Town, kind: &str, id: &str) -> Value {
    let all = town.get(&format!("/setup/objects?kind={kind}")).await;
    all["items"].as_array().unwrap().iter().find(|one| one["id"] == id).cloned().unwrap_or_default()
}

fn files(text: &str) -> Value {
    json!({ "files": [{ "name": "setup.yaml", "text": text }], "yes": true })
}

fn night() -> Value {
    json!({ "team": "pupper", "repeat": 1, "steps": [{ "page": [{ "user": "grace" }], "wait": "10m" }, { "page": [{ "schedule": "primary" }] }] })
}

#[tokio::test]
async fn an_object_is_made_checked_changed_used_and_removed() {
    everywhere(async |town| {
        // A mistake is told, and nothing is changed.
        let mut wrong = night();
        wrong["steps"][0]["page"][0]["user"] = json!("nobody");
        let refused = put(&town, "policy", "night", wrong).await.is(422);
        assert!(refused.text.contains("nobody") && refused.text.contains("policy:night"), "{}", refused.text);
        // Planned first.
        let dry = json!({ "value": night(), "dry_run": true });
        let plan = town.api(ADMIN, "PUT", "/setup/objects/policy/night", Some(dry)).await.is(200).json();
        assert_eq!((&plan["plan"]["added"][0]["id"], &plan["changed"]), (&json!("night"), &json!(false)));
        assert_eq!(object(&town, "policy", "night").await, Value::Null);
        let made = put(&town, "policy", "night", night()).await.is(200).json();
        assert_eq!(made["changed"], true);
        let kept = object(&town, "policy", "night").await;
        assert_eq!((&kept["origin"], &kept["value"]["steps"][0]["wait"]), (&json!("app"), &json!("10m")));
        // It pages like any other.
        let trace = town.post("/simulate", json!({ "policy": "night" })).await.is(200).json();
        assert_eq!(trace["items"][0]["user"], "grace");
        // Files that know nothing of it leave it alone; what they remove it may not need.
        town.post("/setup", files(&SETUP.replace("name: Support", "name: The support"))).await.is(200);
        assert_eq!(object(&town, "policy", "night").await["origin"], "app");
        let without_grace = SETUP.replace("members: [ada, grace, linus]", "members: [ada, linus]");
        town.post("/setup", files(&without_grace)).await.is(200);
        // Once files have it, it is theirs.
        let text = "policies: [ { id: night, team: pupper, steps: [ { page: [ { user: ada } ], wait: 5m } ] } ]\n";
        let both = json!({ "files": [{ "name": "a.yaml", "text": SETUP }, { "name": "b.yaml", "text": text }], "yes": true });
        town.post("/setup", both).await.is(200);
        assert_eq!(object(&town, "policy", "night").await["origin"], "files");
        let refused = put(&town, "policy", "night", night()).await.is(409);
        assert!(refused.text.contains("setup files"), "{}", refused.text);
        let proposed = town.post("/setup/objects/policy/night/proposal", json!({ "value": night() })).await.is(200).json();
        let diff = proposed["diff"].as_str().unwrap();
        assert!(diff.contains("-") && diff.contains("+") && diff.contains("grace"), "{diff}");
        // Gone from the files, it is gone.
        town.post("/setup", files(SETUP)).await.is(200);
        assert_eq!(object(&town, "policy", "night").await, Value::Null);
        // The audit log says what changed, not only that.
        let audit = town.get("/audit?limit=20").await.to_string();
        assert!(audit.contains("+ policy night") && audit.contains("- policy night"), "{audit}");
    })
    .await;
}

#[tokio::test]
async fn removing_asks_what_still_needs_it() {
    let town = Town::new().await;
    put(&town, "policy", "night", night()).await.is(200);
    put(&town, "service", "lamp", json!({ "name": "Lamp", "team": "pupper", "policy": "night" })).await.is(200);
    let refused = town.delete("/setup/objects/policy/night").await.is(422);
    assert!(refused.text.contains("night"), "{}", refused.text);
    town.delete("/setup/objects/service/lamp?dry_run=true").await.is(200);
    town.delete("/setup/objects/service/lamp").await.is(200);
    town.delete("/setup/objects/policy/night").await.is(200);
    town.delete("/setup/objects/policy/night").await.is(404);
    town.delete("/setup/objects/policy/pupper").await.is(409);
    town.delete("/setup/objects/pet/rex").await.is(400);
}

#[tokio::test]
async fn keys_and_secrets_are_never_shown_and_stay() {
    everywhere(async |town| {
        let made = town.post("/services", json!({ "name": "Lamp", "team": "pupper" })).await.is(201).json();
        let events = &made["integrations"][0];
        let trigger = async |key: &str| {
            let payload = json!({ "summary": "dark", "source": "s", "severity": "critical" });
            let event = json!({ "routing_key": key, "event_action": "trigger", "dedup_key": "k", "payload": payload });
            town.send("/v2/enqueue", event).await.status
        };
        let key = events["key"].as_str().unwrap().to_owned();
        assert_eq!(trigger(&key).await, 202);
        let mut lamp = object(&town, "service", "lamp").await["value"].clone();
        assert!(!lamp.to_string().contains("key"), "{lamp}");
        lamp["name"] = json!("The lamp");
        put(&town, "service", "lamp", lamp).await.is(200);
        assert_eq!(trigger(&key).await, 202, "the key that the app never saw is still the key");
        // What came in is shown, without the key.
        let seen = town.get("/services/lamp/integrations/events/payloads").await;
        let first = &seen["items"][0];
        assert_eq!(
            (&first["dialect"], &first["events"], &first["first"][0]["dedup_key"]),
            (&json!("pagerduty"), &json!(1), &json!("k"))
        );
        assert!(first["body"].as_str().unwrap().contains("dark") && !seen.to_string().contains(&key), "{seen}");
        // Another key: the old one is nobody's from then on.
        let again = town.post("/services/lamp/integrations/events/key", json!({})).await.is(201).json();
        assert_ne!(again["key"], json!(key));
        assert_eq!(trigger(&key).await, 400);
        assert_eq!(trigger(again["key"].as_str().unwrap()).await, 202);
        let more = town.post("/services/lamp/integrations", json!({ "kind": "grafana" })).await.is(201).json();
        assert!(more["url"].as_str().unwrap().ends_with("/grafana"), "{more}");
        town.post("/services/lamp/integrations", json!({ "kind": "grafana" })).await.is(409);
        town.post("/services/lamp/integrations", json!({ "kind": "pigeon" })).await.is(422);
        town.post("/services/shop/integrations", json!({ "kind": "grafana" })).await.is(409);
        town.post("/services/lamp/integrations/none/key", json!({})).await.is(404);
        // Refused payloads are seen as well: that is what somebody who sets a sender up looks for.
        let generic = made["integrations"][2]["key"].as_str().unwrap();
        town.send(&format!("/in/{generic}/generic"), json!({ "nothing": "of use" })).await.is(400);
        let seen = town.get("/services/lamp/integrations/generic/payloads").await;
        assert_eq!(seen["items"][0]["events"], Value::Null, "{seen}");
        assert!(seen["items"][0]["refused"].is_string(), "{seen}");
        let all = town.get("/integrations").await;
        let row = all["items"].as_array().unwrap().iter().find(|one| one["id"] == "generic" && one["service"] == "lamp").unwrap();
        assert!(row["last_at"].is_string() && row["origin"] == "app", "{row}");
        assert!(!all.to_string().contains(generic));
    })
    .await;
}

#[tokio::test]
async fn people_see_to_their_own_entry_and_managers_to_their_teams() {
    let town = Town::new().await;
    let hopper = json!({ "name": "Hopper", "email": "hopper@example.org" });
    put(&town, "user", "hopper", hopper).await.is(200);
    let hers = token(&town, "responder", "hopper").await;
    let phone = json!({ "value": { "name": "Hopper", "email": "hopper@example.org",
        "contact": [{ "id": "phone", "webhook": "https://hooks.example.org/h", "secret": "s3cret", "rings": true }] } });
    town.api(&hers, "PUT", "/setup/objects/user/hopper", Some(phone.clone())).await.is(200);
    town.api(&hers, "PUT", "/setup/objects/user/ada", Some(phone.clone())).await.is(409);
    town.api(&hers, "PUT", "/setup/objects/user/other", Some(phone)).await.is(403);
    // Her secret is kept, and shown to nobody; her addresses to nobody but her and administrators.
    let own = town.api(&hers, "GET", "/setup/objects?kind=user", None).await.json();
    let of = |all: &Value, id: &str| all["items"].as_array().unwrap().iter().find(|one| one["id"] == id).cloned().unwrap();
    assert_eq!(of(&own, "hopper")["value"]["contact"][0]["webhook"], "https://hooks.example.org/h");
    assert!(of(&own, "ada")["value"].get("contact").is_none() && !own.to_string().contains("s3cret"), "{own}");
    let value = of(&own, "hopper")["value"].clone();
    town.api(&hers, "PUT", "/setup/objects/user/hopper", Some(json!({ "value": value }))).await.is(200);
    let scene = town.app.engine.scene().await.unwrap();
    assert!(scene.world.setup.users.get("hopper").unwrap().contact[0].secret.is_some(), "a secret that is not sent stays");
    // Linus manages a team of his own.
    put(&town, "team", "lamps", json!({ "name": "Lamps", "members": ["linus"] })).await.is(200);
    let linus = token(&town, "manager", "linus").await;
    let policy = |team: &str| json!({ "value": { "team": team, "steps": [{ "page": [{ "user": "linus" }] }] } });
    town.api(&linus, "PUT", "/setup/objects/policy/lamps", Some(policy("lamps"))).await.is(200);
    town.api(&linus, "PUT", "/setup/objects/policy/others", Some(policy("support"))).await.is(403);
    town.api(&linus, "DELETE", "/setup/objects/policy/lamps", None).await.is(200);
}
