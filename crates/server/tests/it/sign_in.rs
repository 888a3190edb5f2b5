//! Signing in, staying signed in, and what that lets whom do.

use crate::town::{ADMIN, Answer, Town, everywhere, minutes};
use jiff::SignedDuration;
use serde_json::json;

const PASSWORD: &str = "a few words of ada";

fn cookie_of(answer: &Answer) -> String {
    let set = answer.header("set-cookie");
    for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    set.split(';').next().unwrap().to_owned()
}

async fn link(town: &Town, user: &str) -> String {
    let made = town.post("/invites", json!({ "user": user })).await.is(201).json();
    made["url"].as_str().unwrap().strip_prefix(crate::town::BASE).unwrap().to_owned()
}

/// Sets a password through a link; answers the cookie.
async fn join(town: &Town, user: &str) -> String {
    let link = link(town, user).await;
    assert!(town.call("GET", &link, &[], "").await.is(200).text.contains("name=\"password\""));
    let form = format!("password={}", PASSWORD.replace(' ', "+"));
    cookie_of(&town.call("POST", &link, &[("content-type", "application/x-www-form-urlencoded")], form).await.is(303))
}

async fn with(town: &Town, cookie: &str, method: &str, path: &str, body: Option<serde_json::Value>) -> Answer {
    let mut headers = vec![("cookie", cookie), ("sec-fetch-site", "same-origin")];
    if body.is_some() {
        headers.push(("content-type", "application/json"));
    }
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    town.call(method, &format!("/api/v1{path}"), &headers, body).await
}

#[tokio::test]
async fn a_link_sets_a_password_once_and_signs_in() {
    everywhere(async |town| {
        let first = link(&town, "ada").await;
        let second = link(&town, "ada").await;
        town.call("GET", &first, &[], "").await.is(404);
        let form = |password: &str| format!("password={password}");
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        assert!(town.call("POST", &second, &headers, form("short")).await.is(422).text.contains("10 to 256"));
        let evil = [headers[0], ("sec-fetch-site", "cross-site")];
        town.call("POST", &second, &evil, form("long+enough+words")).await.is(403);
        let cookie = cookie_of(&town.call("POST", &second, &headers, form("long+enough+words")).await.is(303));
        town.call("POST", &second, &headers, form("long+enough+words")).await.is(404);
        let session = with(&town, &cookie, "GET", "/session", None).await.is(200).json();
        assert_eq!(
            (&session["user"]["id"], &session["role"], &session["via"]),
            (&json!("ada"), &json!("responder"), &json!("session"))
        );
        assert_eq!(session["teams"], json!(["pupper"]));
        town.post("/invites", json!({ "user": "nobody" })).await.is(404);
    })
    .await;
}

#[tokio::test]
async fn the_password_opens_and_guessing_is_slowed_down() {
    everywhere(async |town| {
        join(&town, "ada").await;
        let try_it = async |user: &str, password: &str| {
            let body = json!({ "user": user, "password": password }).to_string();
            town.call("POST", "/api/v1/session", &[("content-type", "application/json")], body).await
        };
        cookie_of(&try_it("ADA@example.org", PASSWORD).await.is(200));
        for _ in 0..5 {
            try_it("ada", "wrong").await.is(403);
        }
        try_it("ada", "wrong").await.is(403);
        let refused = try_it("ada", PASSWORD).await.is(429);
        assert_eq!(refused.header("retry-after"), "2");
        // Who does not exist is slowed down all the same, and the others are not.
        for _ in 0..6 {
            try_it("nobody", "wrong").await.is(403);
        }
        try_it("nobody", "wrong").await.is(429);
        try_it("grace", "wrong").await.is(403);
        town.clock.advance(SignedDuration::from_secs(2));
        let cookie = cookie_of(&try_it("ada", PASSWORD).await.is(200));
        with(&town, &cookie, "GET", "/session", None).await.is(200);
        // A page of another site cannot sign somebody in.
        let body = json!({ "user": "ada", "password": PASSWORD }).to_string();
        town.call("POST", "/api/v1/session", &[("content-type", "application/json"), ("origin", "https://evil.example")], body)
            .await
            .is(403);
    })
    .await;
}

#[tokio::test]
async fn the_page_for_signing_in_needs_no_javascript_and_leads_only_to_us() {
    let town = Town::new().await;
    join(&town, "ada").await;
    let page = town.call("GET", "/sign-in?to=/alerts", &[("accept", "text/html")], "").await.is(200);
    assert!(
        page.text.len() < 15_000 && page.text.contains("value=\"/alerts\"") && page.text.contains("<form method=\"post\""),
        "{}",
        page.text
    );
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    // The one script is for passkeys, stands in a file of ours, and is not needed for anything else.
    assert_eq!(page.text.matches("<script").count(), 1);
    assert!(
        page.text.contains("<script src=\"/sign-in/passkey.js\" defer></script>")
            && page.text.contains("id=\"passkey\" type=\"button\"")
    );
    assert!(page.header("content-security-policy").ends_with("script-src 'self'; connect-src 'self'"));
    town.call("GET", "/sign-in/passkey.js", &[], "").await.is(200);
    town.call("GET", "/sign-in/oidc", &[], "").await.is(404);
    town.call("GET", "/sign-in/oidc/callback?code=x&state=y", &[], "").await.is(404);
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let wrong = town.call("POST", "/sign-in", &headers, "user=ada&password=wrong&to=/alerts").await.is(401);
    assert!(wrong.text.contains("The name or the password is wrong."), "{}", wrong.text);
    let password = PASSWORD.replace(' ', "+");
    for (to, leads) in [("/alerts", "/alerts"), ("//evil.example", "/"), ("https://evil.example", "/"), ("/\\evil", "/")] {
        let entered = town.call("POST", "/sign-in", &headers, format!("user=ada&password={password}&to={to}")).await.is(303);
        assert_eq!(entered.header("location"), leads);
    }
}

#[tokio::test]
async fn a_session_is_used_from_our_own_pages_only_and_ends() {
    everywhere(async |town| {
        let cookie = join(&town, "ada").await;
        let id = town.trigger("k", "down").await;
        let ack = format!("/api/v1/alerts/{id}/acknowledge");
        for headers in [
            [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")],
            [("cookie", cookie.as_str()), ("origin", "https://evil.example")],
        ] {
            town.call("POST", &ack, &headers, "").await.is(403);
        }
        let done = with(&town, &cookie, "POST", &format!("/alerts/{id}/acknowledge"), None).await.is(200).json();
        assert_eq!(done["acknowledged_by"], "ada");
        // Two browsers; each may end the other.
        let other = join(&town, "ada").await;
        let list = with(&town, &other, "GET", "/sessions", None).await.is(200).json();
        let first = list["items"].as_array().unwrap().iter().find(|one| one["current"] == false).unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        with(&town, &other, "DELETE", &format!("/sessions/{first}"), None).await.is(204);
        with(&town, &cookie, "GET", "/session", None).await.is(401);
        // A changed password signs everybody else out.
        let third = join(&town, "ada").await;
        with(&town, &third, "PUT", "/me/password", Some(json!({ "old": "wrong", "new": "some other words" }))).await.is(403);
        with(&town, &third, "PUT", "/me/password", Some(json!({ "old": PASSWORD, "new": "some other words" }))).await.is(204);
        with(&town, &other, "GET", "/session", None).await.is(401);
        let out = with(&town, &third, "DELETE", "/session", None).await.is(204);
        assert!(out.header("set-cookie").contains("Max-Age=0"));
        with(&town, &third, "GET", "/session", None).await.is(401);
        // Unused for two weeks, or after ninety days however much it is used.
        let idle = join(&town, "grace").await;
        town.clock.advance(SignedDuration::from_hours(13 * 24));
        with(&town, &idle, "GET", "/session", None).await.is(200);
        town.clock.advance(SignedDuration::from_hours(15 * 24));
        with(&town, &idle, "GET", "/session", None).await.is(401);
        let busy = join(&town, "grace").await;
        for _ in 0..9 {
            with(&town, &busy, "GET", "/session", None).await.is(200);
            town.clock.advance(SignedDuration::from_hours(10 * 24));
        }
        with(&town, &busy, "GET", "/session", None).await.is(401);
        let audit = town.get("/audit?limit=500").await.to_string();
        assert!(audit.contains("password.change") && audit.contains("session.end") && !audit.contains(PASSWORD));
    })
    .await;
}

#[tokio::test]
async fn people_act_in_their_own_teams_and_page_everybody() {
    everywhere(async |town| {
        let setup = crate::town::SETUP
            .replace("members: [grace] }", "members: [linus, grace] }")
            .replace("members: [ada, grace, linus]", "members: [ada, grace]");
        town.post("/setup", json!({ "files": [{ "name": "setup.yaml", "text": setup }], "yes": true })).await.is(200);
        let (ada, linus) = (join(&town, "ada").await, join(&town, "linus").await);
        let id = town.trigger("k", "down").await;
        let refused = with(&town, &linus, "POST", &format!("/alerts/{id}/acknowledge"), None).await.is(403).json();
        assert!(refused["detail"].as_str().unwrap().contains("the team pupper"), "{refused}");
        for (method, path, body) in [
            ("POST", "/overrides".to_owned(), json!({ "schedule": "primary", "user": "linus", "for": "1h" })),
            ("POST", "/silences".to_owned(), json!({ "service": "shop", "for": "1h" })),
            ("POST", "/maintenance".to_owned(), json!({ "services": ["shop"], "for": "1h" })),
            ("POST", "/alerts".to_owned(), json!({ "service": "shop", "summary": "x" })),
            ("POST", format!("/alerts/{id}/notes"), json!({ "text": "x" })),
        ] {
            with(&town, &linus, method, &path, Some(body.clone())).await.is(403);
            let allowed = with(&town, &ada, method, &path, Some(body)).await;
            assert!(allowed.status < 300, "{path}: {}", allowed.text);
        }
        with(&town, &linus, "POST", "/pages", Some(json!({ "to": "team:pupper", "message": "look" }))).await.is(201);
        with(&town, &linus, "GET", "/alerts", None).await.is(200);
        // Only managers invite, and only into their own teams; only administrators give roles.
        with(&town, &linus, "POST", "/invites", Some(json!({ "user": "grace" }))).await.is(403);
        town.api(ADMIN, "PUT", "/users/linus/role", Some(json!({ "role": "manager" }))).await.is(200);
        with(&town, &linus, "POST", "/invites", Some(json!({ "user": "grace" }))).await.is(201);
        with(&town, &linus, "POST", "/invites", Some(json!({ "user": "ada" }))).await.is(403);
        with(&town, &linus, "PUT", "/users/linus/role", Some(json!({ "role": "admin" }))).await.is(403);
        town.api(ADMIN, "PUT", "/users/linus/role", Some(json!({ "role": "viewer" }))).await.is(200);
        with(&town, &linus, "POST", "/pages", Some(json!({ "to": "team:pupper", "message": "look" }))).await.is(403);
        // Whoever was paged may answer, whatever team they are in: in the end the catch-all pages Linus.
        town.api(ADMIN, "PUT", "/users/linus/role", Some(json!({ "role": "responder" }))).await.is(200);
        let id = town.trigger("another", "down too").await;
        with(&town, &linus, "POST", &format!("/alerts/{id}/acknowledge"), None).await.is(403);
        for _ in 0..20 {
            town.pass(minutes(15)).await;
        }
        with(&town, &linus, "POST", &format!("/alerts/{id}/acknowledge"), None).await.is(200);
    })
    .await;
}

#[tokio::test]
async fn own_tokens_are_no_more_than_oneself() {
    everywhere(async |town| {
        let ada = join(&town, "ada").await;
        with(&town, &ada, "POST", "/me/tokens", Some(json!({ "name": "laptop", "role": "admin" }))).await.is(403);
        let made = with(&town, &ada, "POST", "/me/tokens", Some(json!({ "name": "laptop" }))).await.is(201).json();
        let token = made["token"].as_str().unwrap().to_owned();
        assert_eq!(town.api(&token, "GET", "/session", None).await.is(200).json()["user"]["id"], "ada");
        let grace = join(&town, "grace").await;
        let id = made["id"].as_str().unwrap();
        with(&town, &grace, "DELETE", &format!("/me/tokens/{id}"), None).await.is(404);
        with(&town, &ada, "DELETE", &format!("/me/tokens/{id}"), None).await.is(204);
        town.api(&token, "GET", "/session", None).await.is(401);
        town.get("/sessions?user=ada").await;
        town.api(ADMIN, "GET", "/sessions", None).await.is(400);
    })
    .await;
}

#[tokio::test]
async fn the_first_run_makes_an_administrator_from_nothing() {
    for database in ["sqlite", "postgres"] {
        let town = Town::bare(database, &[], firedog_engine::Options::default()).await;
        assert_eq!(town.call("GET", "/api/v1/welcome", &[], "").await.is(200).json()["fresh"], true);
        let link = firedog_server::ops::sign_in::first_run(&town.app).await.unwrap().unwrap();
        let link = link.strip_prefix(crate::town::BASE).unwrap();
        assert!(town.call("GET", link, &[], "").await.is(200).text.contains("name=\"team\""));
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let form = |zone: &str| {
            format!("name=Ada+Lovelace&email=ada@example.org&team=The+Web&timezone={zone}&password=a+few+words+of+mine")
        };
        let wrong = town.call("POST", link, &headers, form("Mars/Olympus")).await.is(422);
        assert!(
            wrong.text.contains("Mars/Olympus") && wrong.text.contains("value=\"The Web\""),
            "what was typed stays: {}",
            wrong.text
        );
        let begun = town.call("POST", link, &headers, form("Europe/London")).await.is(303);
        assert_eq!(begun.header("location"), "/start");
        let cookie = cookie_of(&begun);
        let session = with(&town, &cookie, "GET", "/session", None).await.is(200).json();
        assert_eq!((&session["user"]["id"], &session["role"]), (&json!("ada-lovelace"), &json!("admin")));
        let made = with(&town, &cookie, "POST", "/services", Some(json!({ "name": "The shop", "team": "the-web" })))
            .await
            .is(201)
            .json();
        let key = made["integrations"][0]["key"].as_str().unwrap();
        let event = json!({ "routing_key": key, "event_action": "trigger", "payload": { "summary": "down", "source": "x", "severity": "critical" } });
        town.send("/v2/enqueue", event).await.is(202);
        assert_eq!(town.sent().await, ["page ada-lovelace/email"]);
        assert_eq!(firedog_server::ops::sign_in::first_run(&town.app).await.unwrap(), None);
        town.call("GET", link, &[], "").await.is(404);
        with(&town, &cookie, "POST", "/services", Some(json!({ "name": "The Shop", "team": "the-web" }))).await.is(409);
    }
}

#[tokio::test]
async fn the_first_run_with_a_setup_asks_who_one_is() {
    let town = Town::new().await;
    let link = firedog_server::ops::sign_in::first_run(&town.app).await.unwrap().unwrap();
    let link = link.strip_prefix(crate::town::BASE).unwrap();
    assert!(town.call("GET", link, &[], "").await.is(200).text.contains("<option value=\"grace\">Grace Hopper</option>"));
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let cookie = cookie_of(&town.call("POST", link, &headers, "user=grace&password=a+few+words+of+mine").await.is(303));
    assert_eq!(with(&town, &cookie, "GET", "/session", None).await.is(200).json()["role"], "admin");
}

#[tokio::test]
async fn only_a_demonstration_lets_everybody_in() {
    let town = Town::new().await;
    town.call("GET", "/demo", &[], "").await.is(404);
    let open = Town::with(&[("FIREDOG_DEMO", "true"), ("FIREDOG_LISTEN", "0.0.0.0:8700")]).await;
    open.call("GET", "/demo", &[], "").await.is(404);
    let demo = Town::with(&[("FIREDOG_DEMO", "true")]).await;
    let entered = demo.call("GET", "/demo", &[], "").await.is(303);
    assert_eq!(entered.header("location"), "/");
    let session = with(&demo, &cookie_of(&entered), "GET", "/session", None).await.is(200).json();
    assert_eq!((&session["demo"], &session["role"], &session["user"]["id"]), (&json!(true), &json!("admin"), &json!("ada")));
    let entered = demo.call("GET", "/demo?as=grace", &[], "").await.is(303);
    let session = with(&demo, &cookie_of(&entered), "GET", "/session", None).await.is(200).json();
    assert_eq!((&session["role"], &session["user"]["id"]), (&json!("admin"), &json!("grace")));
    demo.call("GET", "/demo?as=nobody", &[], "").await.is(404);
}
