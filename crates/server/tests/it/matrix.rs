//! Every operation of the API by every kind of caller: the table says who may, the document says what there is, and an operation
//! that is in one of them only fails.

use crate::town::{Town, everywhere};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a caller needs for an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Need {
    /// Nothing: not even to be signed in.
    Nothing,
    Read,
    /// To be a responder, in any team.
    Act,
    /// To be a responder of the team that it belongs to.
    ActInTeam,
    Manage,
    Admin,
}
use Need::*;

const TABLE: [(&str, Need); 58] = [
    ("GET /welcome", Nothing),
    ("POST /session", Nothing),
    ("GET /session", Read),
    ("DELETE /session", Read),
    ("GET /sessions", Read),
    ("DELETE /sessions/{id}", Read),
    ("PUT /me/password", Read),
    ("GET /me/tokens", Read),
    ("POST /me/tokens", Act),
    ("DELETE /me/tokens/{id}", Act),
    ("GET /me/shifts", Read),
    ("POST /invites", Manage),
    ("GET /users/{id}/role", Read),
    ("PUT /users/{id}/role", Admin),
    ("GET /events", Read),
    ("GET /alerts", Read),
    ("POST /alerts", ActInTeam),
    ("GET /alerts/{id}", Read),
    ("POST /alerts/{id}/acknowledge", ActInTeam),
    ("POST /alerts/{id}/resolve", ActInTeam),
    ("POST /alerts/{id}/escalate", ActInTeam),
    ("POST /alerts/{id}/snooze", ActInTeam),
    ("POST /alerts/{id}/notes", ActInTeam),
    ("POST /pages", Act),
    ("GET /oncall", Read),
    ("GET /schedules", Read),
    ("GET /schedules/{id}/shifts", Read),
    ("GET /schedules/{id}/timeline", Read),
    ("POST /schedules/{id}/preview", Read),
    ("POST /schedules/{id}/take-over", ActInTeam),
    ("GET /overrides", Read),
    ("POST /overrides", ActInTeam),
    ("DELETE /overrides/{id}", ActInTeam),
    ("GET /silences", Read),
    ("POST /silences", ActInTeam),
    ("DELETE /silences/{id}", ActInTeam),
    ("GET /maintenance", Read),
    ("POST /maintenance", ActInTeam),
    ("DELETE /maintenance/{id}", ActInTeam),
    ("GET /services", Read),
    ("POST /services", Admin),
    ("GET /services/{id}", Read),
    ("GET /services/{id}/deploys", Read),
    ("GET /teams", Read),
    ("GET /users", Read),
    ("GET /policies", Read),
    ("GET /policies/{id}", Read),
    ("GET /heartbeats", Read),
    ("GET /setup", Read),
    ("POST /setup", Admin),
    ("GET /setup/files", Admin),
    ("POST /setup/check", Read),
    ("GET /setup/schema", Read),
    ("POST /simulate", Read),
    ("POST /prove", Read),
    ("GET /tokens", Admin),
    ("POST /tokens", Admin),
    ("GET /doctor", Read),
];
/// About oneself, or for everybody to read.
const REACH: [(&str, Need); 7] = [
    ("GET /push/key", Read),
    ("GET /me/devices", Read),
    ("POST /me/devices", Act),
    ("DELETE /me/devices/{id}", Act),
    ("POST /me/test", Act),
    ("POST /me/test/confirm", Act),
    ("GET /readiness", Read),
];
/// Whether the request is one's own to answer is a test of its own.
const COVERS: [(&str, Need); 5] = [
    ("GET /covers", Read),
    ("POST /covers", ActInTeam),
    ("DELETE /covers/{id}", Act),
    ("POST /covers/{id}/accept", Act),
    ("POST /covers/{id}/decline", Act),
];
/// More about alerts. What a bulk may not do it says of each alert.
const ALERTS: [(&str, Need); 9] = [
    ("GET /me/filters", Read),
    ("PUT /me/filters/{name}", Read),
    ("DELETE /me/filters/{name}", Read),
    ("POST /alerts/actions", Act),
    ("POST /alerts/{id}/unacknowledge", ActInTeam),
    ("POST /alerts/{id}/reassign", ActInTeam),
    ("POST /alerts/{id}/responders", ActInTeam),
    ("GET /alerts/{id}/similar", Read),
    ("GET /alerts/{id}/events", Read),
];
/// Editing in the app. Whose object it is, is a test of its own.
const OBJECTS: [(&str, Need); 8] = [
    ("GET /setup/objects", Read),
    ("PUT /setup/objects/{kind}/{id}", Admin),
    ("DELETE /setup/objects/{kind}/{id}", Manage),
    ("POST /setup/objects/{kind}/{id}/proposal", Read),
    ("GET /integrations", Read),
    ("POST /services/{id}/integrations", Manage),
    ("POST /services/{id}/integrations/{integration}/key", Manage),
    ("GET /services/{id}/integrations/{integration}/payloads", Act),
];
/// Signing in without a password.
const PASSKEYS: [(&str, Need); 6] = [
    ("POST /session/passkey/challenge", Nothing),
    ("POST /session/passkey", Nothing),
    ("GET /me/passkeys", Read),
    ("POST /me/passkeys/challenge", Read),
    ("POST /me/passkeys", Read),
    ("DELETE /me/passkeys/{id}", Read),
];
/// Looking across.
const LOOKS: [(&str, Need); 6] = [
    ("GET /connections", Read),
    ("GET /oncall/board", Read),
    ("POST /me/calendar", Read),
    ("GET /report", Read),
    ("POST /silences/preview", Read),
    ("GET /settings", Admin),
];
/// Those of administrators that are alike.
/// Leave is one's own affair, whatever team; of somebody else's it is a test of its own.
const LEAVE: [(&str, Need); 4] = [("GET /leave", Read), ("POST /leave", Act), ("DELETE /leave/{id}", Act), ("POST /help", Act)];
/// Vendor cases belong to the team of their run.
const CASES: [(&str, Need); 7] = [
    ("GET /vendors", Read),
    ("GET /cases", Read),
    ("POST /cases", ActInTeam),
    ("GET /cases/{id}", Read),
    ("POST /cases/{id}/chase", ActInTeam),
    ("POST /cases/{id}/close", ActInTeam),
    ("POST /cases/{id}/number", ActInTeam),
];
const RUNS: [(&str, Need); 20] = [
    ("POST /runbooks/check", Read),
    ("GET /runbooks/{id}/file", Read),
    ("GET /institutions/failures", Read),
    ("GET /runbooks", Read),
    ("GET /runbooks/{id}", Read),
    ("POST /runbooks/{id}/dry-run", Read),
    ("GET /actions", Read),
    ("GET /institutions", Read),
    ("GET /runs", Read),
    ("POST /runs", ActInTeam),
    ("GET /runs/{id}", Read),
    ("GET /runs/{id}/log", Read),
    ("GET /runs/{id}/evidence", Read),
    ("POST /runs/{id}/steps/{place}/answer", ActInTeam),
    ("POST /runs/{id}/steps/{place}/confirm", ActInTeam),
    ("POST /runs/{id}/steps/{place}/choose", ActInTeam),
    ("POST /runs/{id}/steps/{place}/decline", ActInTeam),
    ("POST /runs/{id}/steps/{place}/skip", ActInTeam),
    ("POST /runs/{id}/steps/{place}/retry", ActInTeam),
    ("POST /runs/{id}/cancel", ActInTeam),
];

const ADMIN_TOO: [&str; 5] =
    ["POST /connections/{id}/check", "DELETE /tokens/{id}", "GET /audit", "GET /audit/verify", "POST /backup"];

/// Callers, from nobody to the administrator; the last two are people of another team than that of the things asked about.
const CALLERS: [(&str, &str, &str); 6] = [
    ("a viewer", "ada", "viewer"),
    ("a responder", "ada", "responder"),
    ("a manager", "ada", "manager"),
    ("an administrator of another team", "linus", "admin"),
    ("a responder of another team", "linus", "responder"),
    ("a manager of another team", "linus", "manager"),
];

fn may(need: Need, role: &str, in_team: bool) -> bool {
    let rank = ["viewer", "responder", "manager", "admin"].iter().position(|one| *one == role).unwrap();
    match need {
        Nothing | Read => true,
        Act => rank >= 1,
        ActInTeam => rank == 3 || rank >= 1 && in_team,
        Manage => rank >= 2,
        Admin => rank == 3,
    }
}

fn documented() -> Vec<String> {
    let document: Value = serde_json::from_str(&firedog_server::api::openapi_json()).unwrap();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            all.push(format!("{} {}", method.to_uppercase(), path.strip_prefix("/api/v1").unwrap()));
        }
    }
    all
}

/// A fresh thing of the team `pupper` for each call, so that one call does not take it from the next.
async fn request(town: &Town, operation: &str, n: usize) -> (String, Option<Value>) {
    let (_, path) = operation.split_once(' ').unwrap();
    let id = match path.split('/').nth(1).unwrap() {
        "alerts" => town.trigger(&format!("{operation} {n}"), "down").await,
        "overrides" => made(town, "/overrides", json!({ "schedule": "primary", "user": "grace", "for": "1h" })).await,
        "silences" => made(town, "/silences", json!({ "service": "shop", "for": "1h" })).await,
        "maintenance" => made(town, "/maintenance", json!({ "services": ["shop"], "for": "1h" })).await,
        "schedules" => "primary".to_owned(),
        "services" => "shop".to_owned(),
        "runbooks" => "look".to_owned(),
        "runs" if path.contains("{id}") => a_run(town).await,
        "cases" if path.contains("{id}") => {
            let run = a_run(town).await;
            made(town, "/cases", json!({ "vendor": "jsource", "run": run })).await
        }
        "cases" => a_run(town).await,
        "policies" => "pupper".to_owned(),
        "users" => "grace".to_owned(),
        _ => "0199a7c2-5f0e-7c3a-9d2e-3b1f6f1c2a4d".to_owned(),
    };
    let body = match operation {
        "POST /alerts" => Some(json!({ "service": "shop", "summary": "x" })),
        "POST /alerts/{id}/snooze" => Some(json!({ "for": "1h" })),
        "POST /alerts/{id}/notes" => Some(json!({ "text": "x" })),
        "POST /overrides" => Some(json!({ "schedule": "primary", "user": "grace", "for": "1h" })),
        "POST /alerts/{id}/reassign" => Some(json!({ "to": "user:grace" })),
        "POST /alerts/{id}/responders" => Some(json!({ "users": ["grace"] })),
        "PUT /setup/objects/{kind}/{id}" => Some(json!({ "value": { "name": "Nobody" } })),
        "POST /services/{id}/integrations" => Some(json!({ "kind": "generic", "id": "other" })),
        "POST /covers" => Some(json!({ "schedule": "primary", "user": "ada", "for": "1h" })),
        "POST /runbooks/check" => Some(json!({ "text": "runbook: a\nsteps: [ { do: Look } ]" })),
        "POST /runs" => Some(json!({ "runbook": "look" })),
        "POST /runs/{id}/steps/{place}/answer" => Some(json!({ "values": {} })),
        "POST /runs/{id}/steps/{place}/choose" => Some(json!({ "choice": "x" })),
        "POST /runs/{id}/steps/{place}/confirm" => Some(json!({ "hash": "x" })),
        "POST /runs/{id}/steps/{place}/decline" | "POST /runs/{id}/steps/{place}/skip" | "POST /runs/{id}/cancel" => {
            Some(json!({ "reason": "x" }))
        }
        "POST /cases" => Some(json!({ "vendor": "jsource", "run": id })),
        "POST /cases/{id}/chase" => Some(json!({ "note": "x" })),
        "POST /cases/{id}/close" => Some(json!({ "reason": "x" })),
        "POST /cases/{id}/number" => Some(json!({ "number": "CS-1" })),
        "POST /silences" => Some(json!({ "service": "shop", "for": "1h" })),
        "POST /maintenance" => Some(json!({ "services": ["shop"], "for": "1h" })),
        "POST /pages" => Some(json!({ "to": "team:pupper", "message": "x" })),
        // Of one's own team for whoever is asked about; another team's is a test of its own.
        "POST /invites" => Some(json!({ "user": "edsger" })),
        _ => None,
    };
    // Of nobody's team, and of the caller's own entry no more than of any other.
    let path = path.replace("{kind}/{id}", "user/nobody").replace("{integration}", "pd").replace("{place}", "1");
    (path.replace("{id}", &id), body)
}

const VENDORS: &str = "vendors: [ { id: jsource } ]\n";
/// A runbook of the team.
const LOOK: &str = "runbook: look\nteam: pupper\nsteps: [ { do: Look }, { do: Look again } ]\n";

/// Starts it, or joins the one that is open.
async fn a_run(town: &Town) -> String {
    let begun = town.post("/runs", json!({ "runbook": "look" })).await;
    assert!([200, 201].contains(&begun.status), "{}", begun.text);
    begun.json()["id"].as_str().unwrap().to_owned()
}

async fn made(town: &Town, path: &str, body: Value) -> String {
    town.post(path, body).await.is(201).json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_operation_by_every_role_and_team() {
    let table: BTreeMap<&str, Need> = TABLE
        .into_iter()
        .chain(LEAVE)
        .chain(REACH)
        .chain(COVERS)
        .chain(ALERTS)
        .chain(OBJECTS)
        .chain(PASSKEYS)
        .chain(LOOKS)
        .chain(RUNS)
        .chain(CASES)
        .chain(ADMIN_TOO.map(|one| (one, Admin)))
        .collect();
    let mut unknown: Vec<String> = documented().into_iter().filter(|one| !table.contains_key(one.as_str())).collect();
    let documented = documented();
    unknown.extend(table.keys().filter(|one| !documented.iter().any(|other| other == *one)).map(|one| (*one).to_owned()));
    assert!(unknown.is_empty(), "the table of rights and the document differ in {unknown:?}");
    everywhere(async |town| {
        // Linus and Edsger are the other team; nobody else is in both.
        let setup = crate::town::SETUP
            .replace("members: [grace] }", "members: [linus, edsger] }")
            .replace("members: [ada, grace, linus]", "members: [ada, grace, edsger]")
            .replace(
                "  - { id: grace,",
                "  - { id: edsger, name: Edsger Dijkstra, email: edsger@example.org }\n  - { id: grace,",
            );
        town.post(
            "/setup",
            json!({ "files": [
                { "name": "setup.yaml", "text": setup }, { "name": "look.yaml", "text": LOOK }, { "name": "vendors.yaml", "text": VENDORS },
            ], "yes": true }),
        )
        .await
        .is(200);
        let mut tokens = Vec::new();
        for (who, user, role) in CALLERS {
            let token = town.post("/tokens", json!({ "name": who, "role": role, "user": user })).await.is(201).json();
            tokens.push(token["token"].as_str().unwrap().to_owned());
        }
        for (operation, need) in &table {
            let method = operation.split_once(' ').unwrap().0;
            let (path, body) = request(&town, operation, 99).await;
            let body_text = body.as_ref().map(ToString::to_string).unwrap_or_default();
            let stranger =
                town.call(method, &format!("/api/v1{path}"), &[("content-type", "application/json")], body_text).await.status;
            assert_eq!(stranger == 401, *need != Nothing, "{operation} by nobody: {stranger}");
            // A stream has no end that could be waited for.
            if *operation == "GET /events" {
                continue;
            }
            for (n, ((who, user, role), token)) in CALLERS.into_iter().zip(&tokens).enumerate() {
                let (path, body) = request(&town, operation, n).await;
                let answer = town.api(token, method, &path, body).await;
                let expected = may(*need, role, user == "ada");
                assert_ne!(answer.status, 401, "{operation} by {who}");
                assert_eq!(answer.status != 403, expected, "{operation} by {who}: {} {}", answer.status, answer.text);
            }
        }
    })
    .await;
}
