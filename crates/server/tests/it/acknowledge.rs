//! The acknowledge page.

use crate::town::{Town, everywhere, minutes};
use serde_json::{Value, json};

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

async fn act(town: &Town, link: &str, action: &str) -> crate::town::Answer {
    town.call("POST", link, &FORM, format!("action={action}")).await
}

#[tokio::test]
async fn looking_does_nothing_and_pressing_the_button_does() {
    everywhere(async |town| {
        let id = town.trigger("k", "checkout <b>is</b> & was down").await;
        let link = town.link("ada/hook").await;
        for method in ["GET", "HEAD", "GET"] {
            town.call(method, &link, &[], "").await.is(200);
        }
        assert_eq!(town.state(&id).await, "triggered");
        let page = town.call("GET", &link, &[], "").await;
        assert!(page.text.contains("checkout &lt;b&gt;is&lt;/b&gt; &amp; was down"), "{}", page.text);
        assert!(page.text.contains("The shop") && page.text.contains("Nobody has this yet."));
        // Chicago, where Ada lives.
        assert!(page.text.contains("Mon 2 Mar 10:00 CST"), "{}", page.text);
        assert!(page.text.contains("Ada Lovelace") && page.text.contains("by hook"));
        let done = act(&town, &link, "acknowledge").await.is(303);
        assert_eq!(done.header("location"), link);
        assert_eq!(town.state(&id).await, "acknowledged");
        let page = town.call("GET", &link, &[], "").await;
        assert!(page.text.contains("You have this since 10:00."), "{}", page.text);
        act(&town, &link, "acknowledge").await.is(303);
        let shown = town.get(&format!("/alerts/{id}")).await;
        let times =
            shown["timeline"].as_array().unwrap().iter().filter(|e| e["kind"] == "acknowledged" && e["user"] == "ada").count();
        assert_eq!(times, 1);
        act(&town, &link, "resolve").await.is(303);
        assert_eq!(town.state(&id).await, "resolved");
        let page = town.call("GET", &link, &[], "").await;
        assert!(page.text.contains("Resolved by hand at 10:00.") && !page.text.contains("<button"), "{}", page.text);
        // What is over stays over.
        act(&town, &link, "acknowledge").await.is(303);
        assert_eq!(town.state(&id).await, "resolved");
    })
    .await;
}

#[tokio::test]
async fn the_page_keeps_to_itself_and_is_small() {
    let town = Town::new().await;
    let labels: serde_json::Map<String, Value> = (0..60).map(|n| (format!("label{n}"), "x".repeat(1_000).into())).collect();
    let links: Vec<Value> = (0..20)
        .map(|n| json!({ "href": format!("https://example.org/{n}/{}", "y".repeat(3_000)), "text": "z".repeat(250) }))
        .collect();
    let event = json!({ "routing_key": crate::town::PD, "event_action": "trigger", "dedup_key": "k", "links": links,
        "payload": { "summary": "&".repeat(1_024), "source": "s", "severity": "critical", "custom_details": labels } });
    town.send("/v2/enqueue", event).await.is(202);
    let link = town.link("ada/hook").await;
    let page = town.call("GET", &link, &[], "").await.is(200);
    assert!(page.text.len() < 15_000, "{}", page.text.len());
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert!(page.header("x-robots-tag").contains("noindex"));
    let policy = page.header("content-security-policy");
    for part in ["default-src 'none'", "style-src 'sha256-", "form-action 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!page.text.contains("<script") && page.text.contains("viewport"));
}

#[tokio::test]
async fn forged_and_expired_links_open_nothing() {
    everywhere(async |town| {
        let id = town.trigger("k", "very private").await;
        let link = town.link("ada/hook").await;
        let flipped = if link.ends_with('A') { 'B' } else { 'A' };
        let forged = [
            format!("{}{flipped}", &link[..link.len() - 1]),
            link[..link.len() - 4].to_owned(),
            format!("{link}A"),
            "/a/x".to_owned(),
        ];
        for forged in forged {
            let answer = town.call("GET", &forged, &[], "").await.is(404);
            assert!(!answer.text.contains("private") && answer.text.contains("firedog alert"), "{}", answer.text);
            act(&town, &forged, "acknowledge").await.is(404);
        }
        // Not yet.
        town.clock.advance(jiff::SignedDuration::from_hours(7 * 24 - 1));
        town.call("GET", &link, &[], "").await.is(200);
        town.clock.advance(jiff::SignedDuration::from_hours(1));
        let answer = town.call("GET", &link, &[], "").await.is(410);
        assert!(answer.text.contains("expired") && !answer.text.contains("private"));
        act(&town, &link, "acknowledge").await.is(410);
        assert_eq!(town.state(&id).await, "triggered");
    })
    .await;
}

#[tokio::test]
async fn only_a_form_with_a_known_action_acts() {
    let town = Town::new().await;
    let id = town.trigger("k", "down").await;
    let link = town.link("ada/hook").await;
    act(&town, &link, "explode").await.is(400);
    act(&town, &link, "").await.is(400);
    town.call("POST", &link, &FORM, "").await.is(400);
    town.call("POST", &link, &[("content-type", "application/json")], "{\"action\":\"acknowledge\"}").await.is(415);
    town.call("POST", &link, &[("content-type", "text/plain")], "action=acknowledge").await.is(415);
    town.call("POST", &link, &FORM, "x".repeat(10_000)).await.is(413);
    town.call("PUT", &link, &FORM, "action=acknowledge").await.is(405);
    assert_eq!(town.state(&id).await, "triggered");
}

#[tokio::test]
async fn somebody_else_may_have_it_and_may_be_relieved() {
    everywhere(async |town| {
        let id = town.trigger("k", "down").await;
        let ada = town.link("ada/hook").await;
        act(&town, &ada, "escalate").await.is(303);
        let grace = town.link("grace/hook").await;
        act(&town, &grace, "acknowledge").await.is(303);
        let page = town.call("GET", &ada, &[], "").await.text;
        assert!(page.contains("Grace Hopper has this since 10:00.") && page.contains("I take it over"), "{page}");
        act(&town, &ada, "acknowledge").await.is(303);
        assert_eq!(town.get(&format!("/alerts/{id}")).await["acknowledged_by"], "ada");
    })
    .await;
}

#[tokio::test]
async fn a_minimal_link_shows_no_text_of_the_alert() {
    let town = Town::new().await;
    town.trigger("account 4711", "account 4711 of Mrs Smith").await;
    town.pass(minutes(1)).await;
    let link = town.link("ada/mail").await;
    let page = town.call("GET", &link, &[], "").await.is(200).text;
    assert!(page.contains("The shop") && page.contains("I have it"));
    assert!(!page.contains("Smith") && !page.contains("4711") && !page.contains("host-1"), "{page}");
    let json = town.call("GET", &link, &[("accept", "application/json")], "").await.is(200).text;
    assert!(!json.contains("Smith") && !json.contains("4711") && !json.contains("host-1"), "{json}");
}

#[tokio::test]
async fn programs_get_json() {
    let town = Town::new().await;
    let id = town.trigger("k", "down").await;
    let link = town.link("ada/hook").await;
    let accept = ("accept", "application/json");
    let shown = town.call("GET", &link, &[accept], "").await.is(200).json();
    assert_eq!((shown["alert"]["id"].as_str(), shown["alert"]["summary"].as_str()), (Some(id.as_str()), Some("down")));
    let done = town.call("POST", &link, &[FORM[0], accept], "action=acknowledge").await.is(200).json();
    assert_eq!((done["alert"]["state"].as_str(), done["acknowledged_by"].as_str()), (Some("acknowledged"), Some("ada")));
    let refused = town.call("POST", &link, &[FORM[0], accept], "action=explode").await.is(400);
    assert_eq!(refused.header("content-type"), "application/problem+json");
    town.call("GET", "/a/forged", &[accept], "").await.is(404).json();
}
