//! Devices, tests of contact methods, readiness.

use crate::town::{ADMIN, BASE, SETUP, Town, everywhere, minutes};
use firedog_server::ops::device;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

pub(crate) async fn token(town: &Town, user: &str) -> String {
    let made = town.post("/tokens", json!({ "name": user, "role": "responder", "user": user })).await.is(201).json();
    made["token"].as_str().unwrap().to_owned()
}

/// A push service that answers each message with `status`.
pub(crate) async fn service(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/send/1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut seen = Vec::new();
            let mut chunk = [0; 8192];
            // The head names the length; a message of ours has at most 4,096 bytes.
            while !seen.windows(4).any(|window| window == b"\r\n\r\n") {
                let n = stream.read(&mut chunk).await.unwrap();
                seen.extend_from_slice(&chunk[..n]);
            }
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _ = stream.shutdown().await;
            while stream.read(&mut chunk).await.is_ok_and(|n| n > 0) {}
        }
    });
    url
}

pub(crate) fn subscription(endpoint: &str) -> Value {
    // The keys of RFC 8291's example.
    json!({ "name": "phone", "endpoint": endpoint, "expirationTime": null, "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", "auth": "BTBZMqHH6r4Tts7J_aSIgg" } })
}

async fn on(database: &str) -> Town {
    Town::on(database, &[("FIREDOG_ALLOW_TARGETS", "127.0.0.1")], Default::default()).await
}

#[tokio::test]
async fn a_device_is_registered_paged_tested_and_forgotten_when_its_browser_is_gone() {
    for database in ["sqlite", "postgres"] {
        if database == "postgres" && std::env::var("FIREDOG_TEST_DATABASES").as_deref() == Ok("sqlite") {
            continue;
        }
        let town = on(database).await;
        let ada = token(&town, "ada").await;
        let url = service("201 Created").await;
        assert_eq!(town.get("/push/key").await["key"].as_str().unwrap().len(), 87);
        town.api(&ada, "POST", "/me/test", Some(json!({ "contact": "push" }))).await.is(404);
        let made = town.api(&ada, "POST", "/me/devices", Some(subscription(&url))).await.is(201).json();
        assert_eq!((&made["name"], &made["service"], &made["sent_at"]), (&json!("phone"), &json!("127.0.0.1"), &Value::Null));
        // Registering the same browser again is no second device.
        town.api(&ada, "POST", "/me/devices", Some(subscription(&url))).await.is(201);
        let mine = town.api(&ada, "GET", "/me/devices", None).await.json();
        assert_eq!(mine["items"].as_array().unwrap().len(), 1);
        // Beside the contact methods of the rules, at once.
        town.trigger("k", "down").await;
        let sent = town.sent().await;
        assert!(sent.contains(&"page ada/push".to_owned()) && sent.contains(&"page ada/hook".to_owned()), "{sent:?}");
        let tested = town.api(&ada, "POST", "/me/test", Some(json!({ "contact": "push" }))).await.is(201).json();
        assert_eq!(tested["outcome"], "sent", "{tested}");
        town.api(&ada, "POST", "/me/test", Some(json!({ "contact": "push" }))).await.is(429);
        let mine = town.api(&ada, "GET", "/me/devices", None).await.json();
        assert_eq!((&mine["items"][0]["outcome"], &mine["items"][0]["received_at"]), (&json!("sent"), &Value::Null));
        // The browser says that it has shown it; without a sign-in, as service workers do.
        let id = mine["items"][0]["id"].as_str().unwrap();
        let later = firedog_domain::time::after(town.app.now(), minutes(5));
        let receipt = town.app.key.sign("receipt", id, later);
        town.call("GET", &format!("/received/{receipt}"), &[], "").await.is(405);
        town.call("POST", &format!("/received/{receipt}"), &[], "").await.is(204);
        town.call("POST", "/received/nonsense", &[], "").await.is(404);
        let mine = town.api(&ada, "GET", "/me/devices", None).await.json();
        assert!(mine["items"][0]["received_at"].is_string(), "{mine}");
        // The browser takes its subscription back: the next message finds out, and it is forgotten.
        town.api(&ada, "DELETE", &format!("/me/devices/{id}"), None).await.is(204);
        town.api(&ada, "DELETE", &format!("/me/devices/{id}"), None).await.is(404);
        let gone = service("410 Gone").await;
        town.api(&ada, "POST", "/me/devices", Some(subscription(&gone))).await.is(201);
        town.clock.advance(minutes(1));
        let tested = town.api(&ada, "POST", "/me/test", Some(json!({ "contact": "push" }))).await.is(201).json();
        assert_eq!(tested["outcome"], "rejected");
        assert_eq!(town.api(&ada, "GET", "/me/devices", None).await.json()["items"], json!([]));
        town.trigger("k2", "down").await;
        assert!(!town.sent().await.contains(&"page ada/push".to_owned()));
    }
}

#[tokio::test]
async fn a_device_is_tested_weekly_in_waking_hours() {
    let town = on("sqlite").await;
    let ada = token(&town, "ada").await;
    let url = service("201 Created").await;
    town.api(&ada, "POST", "/me/devices", Some(subscription(&url))).await.is(201);
    assert_eq!(device::test_due(&town.app).await.unwrap(), 0);
    // A week later it is 10 in the morning in Chicago again; an hour of the night in between is put off.
    town.clock.advance(minutes(7 * 24 * 60 + 12 * 60));
    assert_eq!(device::test_due(&town.app).await.unwrap(), 0, "at night nobody is disturbed");
    town.clock.advance(minutes(12 * 60));
    assert_eq!(device::test_due(&town.app).await.unwrap(), 1);
    assert_eq!(device::test_due(&town.app).await.unwrap(), 0, "once a week");
    let mine = town.api(&ada, "GET", "/me/devices", None).await.json();
    assert_eq!(mine["items"][0]["outcome"], "sent");
}

#[tokio::test]
async fn what_is_no_device_is_refused() {
    let town = on("sqlite").await;
    let ada = token(&town, "ada").await;
    for (wrong, said) in [
        (json!({ "name": "", "endpoint": "https://push.example.net/1", "keys": subscription("")["keys"] }), "name"),
        (subscription("https://10.0.0.1/x"), "not a public address"),
        (subscription("http://169.254.169.254/x"), "metadata"),
        (subscription("ftp://push.example.net/"), "http"),
        (json!({ "name": "x", "endpoint": "https://push.example.net/1", "keys": { "p256dh": "AA", "auth": "AA" } }), "p256dh"),
        (json!({ "name": "x", "endpoint": "x".repeat(3_000), "keys": subscription("")["keys"] }), "no subscription"),
    ] {
        let answer = town.api(&ada, "POST", "/me/devices", Some(wrong)).await.is(400);
        assert!(answer.text.contains(said), "{said}: {}", answer.text);
    }
    // A token that is nobody's has no devices.
    town.post("/me/devices", subscription("https://push.example.net/1")).await.is(400);
    for n in 0..10 {
        town.api(&ada, "POST", "/me/devices", Some(subscription(&format!("https://push.example.net/{n}")))).await.is(201);
    }
    town.api(&ada, "POST", "/me/devices", Some(subscription("https://push.example.net/more"))).await.is(409);
}

#[tokio::test]
async fn readiness_wants_a_contact_that_rings_and_has_reached_its_owner() {
    everywhere(async |town| {
        let url = service("200 OK").await;
        let setup = SETUP.replace(
            "  - { id: grace,",
            &format!("  - {{ id: hopper, name: Hopper, contact: [ {{ id: phone, webhook: \"{url}\", rings: true }} ] }}\n  - {{ id: grace,"),
        );
        let apply = |text: String| json!({ "files": [{ "name": "setup.yaml", "text": text }], "yes": true });
        town.post("/setup", apply(setup.replace("users: [grace, linus, ada]", "users: [grace, linus, ada, hopper]"))).await.is(200);
        let of = async |town: &Town| town.get("/readiness?user=hopper").await["items"][0].clone();
        assert_eq!((&of(&town).await["ready"], &of(&town).await["contacts"][0]["rings"]), (&json!(false), &json!(true)));
        let lacking = |proof: &Value| proof["lacking"].as_array().unwrap().iter().any(|row| row["user"] == "hopper");
        let proof = town.post("/prove", json!({ "days": 1 })).await.is(200).json();
        assert!(lacking(&proof), "{proof}");
        let hopper = token(&town, "hopper").await;
        town.api(&hopper, "POST", "/me/test/confirm", Some(json!({ "contact": "phone" }))).await.is(409);
        let tested = town.api(&hopper, "POST", "/me/test", Some(json!({}))).await.is(201).json();
        assert_eq!((&tested["contact"], &tested["outcome"]), (&json!("phone"), &json!("sent")), "{tested}");
        assert_eq!(of(&town).await["ready"], json!(false), "that it went out is not that it arrived");
        // By the link in the message: a GET shows, a POST says it.
        let digest = firedog_server::auth::digest(&url);
        let later = firedog_domain::time::after(town.app.now(), minutes(5));
        let link = format!("/reached/{}", town.app.key.sign("reached", &format!("hopper/phone/{digest}"), later));
        let page = town.call("GET", &link, &[], "").await.is(200);
        assert!(page.text.contains("phone"), "{}", page.text);
        assert_eq!(of(&town).await["ready"], json!(false), "a GET confirms nothing");
        town.call("POST", &link, &[], "").await.is(200);
        assert_eq!(of(&town).await["ready"], json!(true));
        assert!(!lacking(&town.post("/prove", json!({ "days": 1 })).await.is(200).json()));
        // It is forgotten after a month, and with the address.
        town.clock.advance(minutes(31 * 24 * 60));
        assert!(of(&town).await["lacking"].as_str().unwrap().contains("30 days"));
        town.call("POST", &link, &[], "").await.is(404);
        town.api(&hopper, "POST", "/me/test", Some(json!({ "contact": "phone" }))).await.is(201);
        town.api(&hopper, "POST", "/me/test/confirm", Some(json!({ "contact": "phone" }))).await.is(204);
        assert_eq!(of(&town).await["ready"], json!(true));
        town.post("/setup", apply(setup.replace(&url, &format!("{url}2")))).await.is(200);
        assert_eq!(of(&town).await["ready"], json!(false));
        town.api(ADMIN, "GET", "/readiness?user=nobody", None).await.is(404);
        assert!(BASE.starts_with("http"));
    })
    .await;
}
