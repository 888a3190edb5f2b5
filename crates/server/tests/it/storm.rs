//! Many institutions fail at once: one page, one run, one thread for support. And support.tell against the town's Slack.

use crate::town::{SETUP, Town, everywhere};
use firedog_town::Town as Streets;
use firedog_town::hold::{Release, When};
use firedog_town::slack::{SAM, SLACK_TOKEN, SUPPORT_CHANNEL, SUPPORT_GROUP, Said};
use firedog_town::weather::{Outage, System, Weather};
use jiff::SignedDuration;
use serde_json::{Value, json};

const KEY: &str = "a-key-for-the-core-of-banks";
const BOOK: &str = r#"
runbook: core-api-down
title: All core-API requests fail
for: { institution: required }
on: labels.alertname == 'CoreApiDown'
steps:
  - { do: Tell support, uses: support.tell, with: { answer_within: 10m, otherwise: page support } }
  - { do: Look yourself, ask: { seen: text } }
"#;

async fn streets(town: &Town, institutions: usize) -> Streets {
    let streets = Streets::start(Weather::new(1, town.now())).await.unwrap();
    streets.weather().set_speed(0);
    let institutions: Vec<Value> =
        (1..=institutions).map(|n| json!({ "id": format!("inst-{n}"), "code": format!("{n:04}") })).collect();
    let more = json!({
        "services": [{ "id": "core-api", "team": "pupper", "group": { "by": ["institution"], "for": "5m", "storm": 5 },
            "integrations": [{ "id": "am", "kind": "alertmanager", "key": KEY }] }],
        "institutions": institutions,
        "connections": [{ "id": "chat", "kind": "slack", "url": streets.slack_url(), "secret": SLACK_TOKEN, "room": SUPPORT_CHANNEL, "group": SUPPORT_GROUP }],
    })
    .to_string();
    let setup = SETUP.replace(
        "{ id: support, name: Support, members: [grace] }",
        "{ id: support, name: Support, members: [grace], policy: pupper }",
    );
    let file = |name: &str, text: &str| json!({ "name": name, "text": text });
    let files = [file("setup.yaml", &setup), file("more.json", &more), file("book.yaml", BOOK)];
    town.post("/setup", json!({ "files": files, "yes": true })).await.is(200);
    streets
}

async fn fails(town: &Town, institution: usize) {
    let labels = json!({ "alertname": "CoreApiDown", "institution": format!("inst-{institution}"), "severity": "critical" });
    let alerts = json!([{ "labels": labels, "annotations": { "summary": format!("all requests of inst-{institution} fail") } }]);
    town.send(&format!("/in/{KEY}/api/v2/alerts"), alerts).await.is(200);
}

async fn second(town: &Town, streets: &Streets, seconds: i64) {
    town.clock.advance(SignedDuration::from_secs(seconds));
    streets.weather().set_now(town.now());
    firedog_server::ops::run::start_due(&town.app).await.unwrap();
    town.app.runs.tick().await.unwrap();
    town.app.runs.settled().await;
    town.settle().await;
}

fn threads(streets: &Streets) -> Vec<Said> {
    streets.slack().said().into_iter().filter(|said| said.channel == SUPPORT_CHANNEL && said.thread_ts.is_none()).collect()
}

fn pages(sent: &[String], who: &str) -> usize {
    sent.iter().filter(|line| line.starts_with("page") && line.contains(who)).count()
}

#[tokio::test]
async fn three_hundred_institutions_are_one_page_one_run_and_one_thread() {
    everywhere(async |town| {
        let streets = streets(&town, 300).await;
        let mut sent = Vec::new();
        for n in 0..60 {
            for one in 1..=5 {
                fails(&town, n * 5 + one).await;
            }
            second(&town, &streets, 1).await;
            if n == 30 {
                sent.extend(town.sent().await);
                let unrelated = town.trigger("unrelated", "the shop is down").await;
                let other = town.sent().await;
                assert_eq!(
                    pages(&other, "linus/email") + pages(&other, "ada/hook"),
                    1,
                    "what is unrelated pages at once: {other:?}"
                );
                town.post(&format!("/alerts/{unrelated}/acknowledge"), json!({})).await.is(200);
            }
        }
        for _ in 0..45 {
            second(&town, &streets, 1).await;
        }
        sent.extend(town.sent().await);
        let all: usize = sent.iter().filter(|line| line.starts_with("page")).count();
        let open = town.get("/alerts?state=triggered&limit=500").await;
        assert_eq!(open["items"].as_array().unwrap().len(), 300);
        // Whoever is on call has several contact methods, each of which is rung once.
        let mut once = sent.iter().filter(|line| line.starts_with("page")).collect::<Vec<_>>();
        once.dedup();
        assert_eq!(all, once.len(), "somebody was paged twice: {sent:?}");
        assert!((1..=2).contains(&all), "{sent:?}");
        let runs = town.get("/runs?open=true").await;
        let runs = runs["items"].as_array().unwrap();
        assert_eq!((runs.len(), runs[0]["members"].as_array().unwrap().len()), (1, 299));
        assert_eq!(threads(&streets).len(), 1, "{:?}", threads(&streets).iter().map(|said| &said.text).collect::<Vec<_>>());
        let more = streets.slack().said().into_iter().filter(|said| said.thread_ts.is_some()).count();
        assert!(more <= 3, "the thread is told how many fail once a minute, not each time: {more}");
    })
    .await;
}

#[tokio::test]
async fn few_institutions_page_each_and_none_waits_for_more_than_half_a_minute() {
    let town = Town::new().await;
    let streets = streets(&town, 10).await;
    for one in 1..=3 {
        fails(&town, one).await;
    }
    town.settle().await;
    let first = town.sent().await;
    assert!(pages(&first, "") >= 1, "the first page is never delayed: {first:?}");
    second(&town, &streets, 31).await;
    let alerts = town.get("/alerts?state=triggered").await;
    for alert in alerts["items"].as_array().unwrap() {
        let alert = town.get(&format!("/alerts/{}", alert["id"].as_str().unwrap())).await;
        assert!(alert["timeline"].to_string().contains("\"paged\""), "{alert:#}");
    }
    // Three runs, three threads; each within half a minute of its alert.
    assert_eq!(town.get("/runs?open=true").await["items"].as_array().unwrap().len(), 3);
    second(&town, &streets, 16).await;
    assert_eq!(threads(&streets).len(), 3);
    assert!(threads(&streets).iter().all(|said| said.text.contains("not yet verified")), "{:?}", threads(&streets)[0].text);
}

#[tokio::test]
async fn the_next_one_leads_when_the_first_is_over() {
    let town = Town::new().await;
    let streets = streets(&town, 20).await;
    for one in 1..=10 {
        fails(&town, one).await;
    }
    second(&town, &streets, 31).await;
    town.sent().await;
    let open = town.get("/alerts?state=triggered").await;
    let is_first = |alert: &&Value| alert["labels"]["institution"] == "inst-1";
    let first = open["items"].as_array().unwrap().iter().find(is_first).unwrap()["id"].as_str().unwrap().to_owned();
    town.post(&format!("/alerts/{first}/resolve"), json!({})).await.is(200);
    town.settle().await;
    let sent = town.sent().await;
    assert!((1..=2).contains(&pages(&sent, "")), "one page for the nine that are left: {sent:?}");
}

#[tokio::test]
async fn support_answers_or_is_paged() {
    everywhere(async |town| {
        let streets = streets(&town, 2).await;
        fails(&town, 1).await;
        fails(&town, 2).await;
        second(&town, &streets, 1).await;
        second(&town, &streets, 16).await;
        let told = threads(&streets);
        assert_eq!(told.len(), 2);
        let first = told.iter().find(|said| said.text.contains("`0001`")).expect("the code stands in it, and no name");
        town.sent().await;
        // Somebody of theirs answers in one thread; in the other only the program has spoken.
        streets.slack().say(SAM, SUPPORT_CHANNEL, Some(&first.ts), "we have it");
        for _ in 0..62 {
            second(&town, &streets, 10).await;
        }
        let paged: Vec<Value> = town.get("/alerts?state=triggered,acknowledged").await["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|alert| alert["summary"].as_str().unwrap().contains("nobody has answered"))
            .cloned()
            .collect();
        assert_eq!(paged.len(), 1, "{paged:#?}");
        let runs = town.get("/runs?open=true").await;
        let texts: Vec<&str> =
            runs["items"].as_array().unwrap().iter().map(|run| run["steps"][0]["text"].as_str().unwrap()).collect();
        assert!(texts.iter().any(|text| text.contains("answered by")), "{texts:?}");
    })
    .await;
}

#[tokio::test]
async fn whoever_acknowledges_the_first_has_not_seen_the_one_that_waits() {
    everywhere(async |town| {
        let streets = streets(&town, 3).await;
        fails(&town, 1).await;
        second(&town, &streets, 5).await;
        fails(&town, 2).await;
        town.settle().await;
        town.sent().await;
        let open = town.get("/alerts?state=triggered").await;
        let first = open["items"].as_array().unwrap().iter().find(|alert| alert["labels"]["institution"] == "inst-1").unwrap();
        town.post(&format!("/alerts/{}/acknowledge", first["id"].as_str().unwrap()), json!({})).await.is(200);
        let sent = town.sent().await;
        assert!(pages(&sent, "") >= 1, "nobody has been told of the second: {sent:?}");
        assert_eq!(town.get("/alerts?state=triggered").await["items"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn one_that_is_silenced_leads_nobody() {
    let town = Town::new().await;
    let streets = streets(&town, 20).await;
    for one in 1..=10 {
        fails(&town, one).await;
        // The second is the first to follow.
        second(&town, &streets, 1).await;
    }
    second(&town, &streets, 31).await;
    let quiet = json!({ "service": "core-api", "match": { "institution": "inst-2" }, "for": "1h", "why": "known" });
    town.post("/silences", quiet).await.is(201);
    town.sent().await;
    let open = town.get("/alerts?state=triggered").await;
    let first = open["items"].as_array().unwrap().iter().find(|alert| alert["labels"]["institution"] == "inst-1").unwrap();
    town.post(&format!("/alerts/{}/resolve", first["id"].as_str().unwrap()), json!({})).await.is(200);
    let sent = town.sent().await;
    assert!((1..=2).contains(&pages(&sent, "")), "one page for the eight that are left: {sent:?}");
}

#[tokio::test]
async fn an_outage_that_grows_no_more_takes_nobody_in() {
    let town = Town::new().await;
    let streets = streets(&town, 20).await;
    for one in 1..=10 {
        fails(&town, one).await;
    }
    second(&town, &streets, 1).await;
    assert_eq!(town.get("/runs?open=true").await["items"].as_array().unwrap().len(), 1);
    second(&town, &streets, 240).await;
    fails(&town, 11).await;
    second(&town, &streets, 1).await;
    assert_eq!(town.get("/runs?open=true").await["items"].as_array().unwrap().len(), 1, "it grows still");
    second(&town, &streets, 301).await;
    fails(&town, 12).await;
    second(&town, &streets, 1).await;
    let runs = town.get("/runs?open=true").await;
    assert_eq!(runs["items"].as_array().unwrap().len(), 2, "what fails hours later is looked at by itself: {runs:#}");
}

#[tokio::test]
async fn threads_of_runs_that_join_say_once_where_it_goes_on() {
    everywhere(async |town| {
        let streets = streets(&town, 20).await;
        for one in 1..=3 {
            fails(&town, one).await;
        }
        second(&town, &streets, 1).await;
        second(&town, &streets, 16).await;
        let told = threads(&streets);
        assert_eq!(told.len(), 3);
        for one in 4..=10 {
            fails(&town, one).await;
        }
        second(&town, &streets, 1).await;
        let open = town.get("/runs?open=true").await;
        assert_eq!(open["items"].as_array().unwrap().len(), 1);
        let fleet = open["items"][0]["id"].as_str().unwrap().to_owned();
        // Answers are lost, as if we had crashed after each post.
        for _ in 0..4 {
            streets.weather().fail_next(System::Slack, Outage::LosesAnswer, 1);
            for _ in 0..6 {
                second(&town, &streets, 3).await;
            }
        }
        for _ in 0..20 {
            second(&town, &streets, 3).await;
        }
        let said = streets.slack().said();
        let link = format!("/runs/{fleet}|");
        let moved = |thread: &Said| {
            said.iter()
                .filter(|one| {
                    one.thread_ts.as_ref() == Some(&thread.ts)
                        && one.text.contains("goes on for all of them")
                        && one.text.contains(&link)
                })
                .count()
        };
        let counts: Vec<usize> = told.iter().map(moved).collect();
        // The oldest run is the one that goes on; in its own thread nothing is moved.
        assert_eq!(counts.iter().sum::<usize>(), 2, "{counts:?} {said:#?}");
        assert!(counts.iter().all(|count| *count <= 1), "{counts:?}");
        assert_eq!(threads(&streets).len(), 3, "no new thread for the same outage");
    })
    .await;
}

#[tokio::test]
async fn a_notice_that_arrives_after_it_was_sent_again_is_taken_away() {
    let town = Town::new().await;
    let streets = streets(&town, 2).await;
    fails(&town, 1).await;
    second(&town, &streets, 1).await;
    // The first request stays on its way until nobody waits for its answer any more.
    streets.weather().holds().hold(1, When::Before, Some("POST"));
    second(&town, &streets, 16).await;
    assert_eq!(threads(&streets).len(), 0);
    for _ in 0..3 {
        second(&town, &streets, 3).await;
    }
    let kept = threads(&streets);
    assert_eq!(kept.len(), 1, "support does not wait for it");
    assert!(streets.weather().holds().release(Release::DoLate));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while threads(&streets).len() < 2 {
        assert!(std::time::Instant::now() < deadline, "the late one never arrives");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    for _ in 0..3 {
        second(&town, &streets, 10).await;
    }
    assert_eq!(threads(&streets), kept);
}
