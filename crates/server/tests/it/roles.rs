//! Who may do what.

use crate::town::{ADMIN, Town, everywhere};
use serde_json::json;

async fn token(town: &Town, role: &str, user: Option<&str>) -> (String, String) {
    let made = town.post("/tokens", json!({ "name": format!("a {role}"), "role": role, "user": user })).await.is(201).json();
    (made["id"].as_str().unwrap().to_owned(), made["token"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn each_role_may_what_it_may_and_no_more() {
    everywhere(async |town| {
        let alert = town.trigger("k", "down").await;
        let (_, viewer) = token(&town, "viewer", None).await;
        let (_, responder) = token(&town, "responder", Some("ada")).await;
        let (_, admin) = token(&town, "admin", None).await;
        // Path, method, body, the least role that may.
        let files = json!({ "files": [{ "name": "x.yaml", "text": crate::town::SETUP }], "dry_run": true });
        let requests = [
            ("GET", "/alerts".to_owned(), None, 0),
            ("GET", "/oncall".to_owned(), None, 0),
            ("POST", "/simulate".to_owned(), Some(json!({ "service": "shop" })), 0),
            ("POST", "/setup/check".to_owned(), Some(json!({ "files": [] })), 0),
            ("POST", format!("/alerts/{alert}/notes"), Some(json!({ "text": "seen" })), 1),
            ("POST", "/pages".to_owned(), Some(json!({ "to": "ada", "message": "x" })), 1),
            ("POST", "/silences".to_owned(), Some(json!({ "service": "shop", "for": "1h" })), 1),
            ("GET", "/tokens".to_owned(), None, 2),
            ("GET", "/audit".to_owned(), None, 2),
            ("GET", "/setup/files".to_owned(), None, 2),
            ("POST", "/setup".to_owned(), Some(files), 2),
            ("POST", "/tokens".to_owned(), Some(json!({ "name": "more", "role": "viewer" })), 2),
        ];
        for (method, path, body, least) in requests {
            for (rank, token) in [&viewer, &responder, &admin].into_iter().enumerate() {
                let answer = town.api(token, method, &path, body.clone()).await;
                if rank >= least {
                    assert!(answer.status < 300, "{method} {path} as {rank}: {} {}", answer.status, answer.text);
                } else {
                    assert_eq!(answer.status, 403, "{method} {path} as {rank}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn strangers_get_nothing() {
    let town = Town::new().await;
    let revoked = {
        let (id, token) = token(&town, "admin", None).await;
        town.api(&token, "GET", "/alerts", None).await.is(200);
        town.delete(&format!("/tokens/{id}")).await.is(204);
        town.delete(&format!("/tokens/{id}")).await.is(404);
        token
    };
    for header in
        ["".to_owned(), "Bearer".to_owned(), "Bearer wrong".to_owned(), format!("Basic {ADMIN}"), format!("Bearer {revoked}")]
    {
        let answer = town.call("GET", "/api/v1/alerts", &[("authorization", &header)], "").await.is(401);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{header}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    town.call("GET", "/api/v1/alerts", &[], "").await.is(401);
}

#[tokio::test]
async fn a_persons_token_acts_as_that_person_and_nobody_else() {
    everywhere(async |town| {
        let (_, ada) = token(&town, "responder", Some("ada")).await;
        let id = town.trigger("k", "down").await;
        let done = town.api(&ada, "POST", &format!("/alerts/{id}/acknowledge"), None).await.is(200).json();
        assert_eq!(done["acknowledged_by"], "ada");
        let headers = [("authorization", format!("Bearer {ada}")), ("firedog-as", "grace".to_owned())];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        town.call("POST", &format!("/api/v1/alerts/{id}/resolve"), &headers, "").await.is(403);
        town.post("/tokens", json!({ "name": "x", "role": "viewer", "user": "nobody" })).await.is(404);
        town.post("/tokens", json!({ "name": " ", "role": "viewer" })).await.is(400);
        town.post("/tokens", json!({ "name": "x", "role": "root" })).await.is(400);
        let listed = town.get("/tokens").await;
        assert_eq!(listed["items"][0]["user"], "ada");
        assert!(listed["items"][0]["last_used_at"].is_string() && listed["items"][0]["token"].is_null(), "{listed:#}");
        // Whoever leaves the setup takes their tokens along.
        let without = crate::town::SETUP.replace("ada", "mary");
        town.post("/setup", json!({ "files": [{ "name": "x.yaml", "text": without }], "yes": true })).await.is(200);
        town.api(&ada, "GET", "/alerts", None).await.is(401);
        let audit = town.get("/audit").await.to_string();
        assert!(audit.contains("token.create") && !audit.contains(&ada), "{audit}");
    })
    .await;
}

#[tokio::test]
async fn a_new_installation_without_a_token_gets_one_once() {
    let settings = [("FIREDOG_ADMIN_TOKEN", "")];
    let town = Town::with(&settings).await;
    let first = firedog_server::ops::tokens::bootstrap(&town.app).await.unwrap().unwrap();
    town.api(first.expose(), "GET", "/tokens", None).await.is(200);
    town.api(ADMIN, "GET", "/tokens", None).await.is(401);
    assert_eq!(firedog_server::ops::tokens::bootstrap(&town.app).await.unwrap(), None);
}
