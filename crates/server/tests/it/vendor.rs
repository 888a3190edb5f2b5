//! `vendor.case` where Firedog opens the case itself: through a portal over HTTP, and by mail.

use crate::town::{SETUP, Town, databases, everywhere, minutes};
use firedog_engine::Options;
use firedog_town::portal::PORTAL_TOKEN;
use firedog_town::search::{SEARCH_PASSWORD, SEARCH_USER};
use firedog_town::weather::{Condition, CoreFault, Outage, PLANTED, System, Weather};
use firedog_town::{Fault, Mail, Mailbox, Town as Streets};
use jiff::SignedDuration;
use serde_json::{Value, json};

const CORE: &str = r#"
runbook: core
title: Requests fail
team: pupper
for: { institution: required }
steps:
  - { do: Find the root error, uses: logs.root_error, with: { last: 15m } }
  - { do: What do you see?, ask: { seen: text } }
  - { do: Open a vendor case with the evidence, uses: vendor.case }
  - { do: Look again }
"#;

async fn streets(town: &Town, vendor: Value, portal: Value) -> Streets {
    let streets = Streets::start(Weather::new(6, town.now())).await.unwrap();
    let sky = streets.weather();
    sky.set_speed(0);
    sky.set(Condition::CustomerData);
    sky.set(Condition::Core { institution: "inst-5".to_owned(), fault: CoreFault::Refuses, percent: 100 });
    town.clock.advance(minutes(60));
    sky.set_now(town.now());
    let mut connection = json!({ "id": "portal", "kind": "http", "url": streets.portal_url(), "secret": PORTAL_TOKEN, "number_at": "/result/number",
        "url_at": "/result/links/0/href",
        "body": r#"{"short_description": "{title} ({code})", "description": "{evidence}", "urgency": 1, "ours": "{reference}"}"# });
    let mut jsource =
        json!({ "id": "jsource", "name": "JSource support", "email": "support@jsource.example", "responds_within": "2h" });
    for (whole, part) in [(&mut connection, portal), (&mut jsource, vendor)] {
        whole.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
    }
    let institutions = ["inst-5", "inst-6"]
        .map(|id| json!({ "id": id, "name": format!("Credit Union of {id}"), "code": id.to_uppercase(), "vendor": "jsource" }));
    let logs = json!({ "id": "logs", "kind": "elasticsearch", "url": streets.search_url(), "user": SEARCH_USER, "secret": SEARCH_PASSWORD, "index": "interaction-*" });
    let more = json!({ "vendors": [jsource], "institutions": institutions, "connections": [connection, logs] }).to_string();
    let files = json!([
        { "name": "setup.yaml", "text": SETUP }, { "name": "more.json", "text": more }, { "name": "core.yaml", "text": CORE },
    ]);
    town.post("/setup", json!({ "files": files, "yes": true })).await.is(200);
    streets
}

fn http(more: Value) -> Value {
    let mut vendor = json!({ "open_by": "http", "with": "portal" });
    vendor.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    vendor
}

async fn show(town: &Town, run: &str) -> Value {
    town.get(&format!("/runs/{run}")).await
}

/// Lets everything that is due be done.
async fn pass(town: &Town, length: SignedDuration) {
    town.clock.advance(length);
    town.app.runs.tick().await.unwrap();
    town.app.runs.settled().await;
}

/// A run that has reached its step `vendor.case`.
async fn at_the_case(town: &Town) -> String {
    let begun = town.post("/runs", json!({ "runbook": "core", "inputs": { "institution": "inst-5" } })).await.is(201).json();
    let run = begun["id"].as_str().unwrap().to_owned();
    town.app.runs.settled().await;
    let seen = json!({ "values": { "seen": "it is card 4111 1111 1111 1111" } });
    town.post(&format!("/runs/{run}/steps/2/answer"), seen).await.is(200);
    town.app.runs.settled().await;
    run
}

async fn confirm(town: &Town, run: &str) {
    let step = show(town, run).await["steps"][2].clone();
    let hash = step["plan"]["hash"].as_str().unwrap_or_else(|| panic!("{step:#}"));
    town.post(&format!("/runs/{run}/steps/3/confirm"), json!({ "hash": hash })).await.is(200);
    town.app.runs.settled().await;
}

async fn cases(town: &Town) -> Vec<Value> {
    town.get("/cases?open=true").await["items"].as_array().unwrap().clone()
}

fn holds_nothing_of_customers(text: &str) {
    for planted in PLANTED.into_iter().chain(["4111 1111 1111 1111", "4111111111111111"]) {
        assert!(!text.contains(planted), "{planted} is in {text}");
    }
}

#[tokio::test]
async fn a_portal_gets_what_was_agreed_to_and_its_number_is_the_case() {
    everywhere(async |town| {
        let streets = streets(&town, http(json!({})), json!({})).await;
        let run = at_the_case(&town).await;
        let step = show(&town, &run).await["steps"][2].clone();
        assert_eq!(step["state"], "confirming", "{step:#}");
        let lines: Vec<&str> = step["plan"]["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        assert_eq!(lines[0], "vendor.case: vendor jsource");
        assert_eq!(lines[1], format!("opens a case at JSource support by a request to {}", streets.portal_url()));
        let evidence = lines[2].strip_prefix("they get exactly this:\n").unwrap();
        assert!(evidence.contains("Root error: connection refused") && evidence.contains("Credit Union of inst-5"), "{evidence}");
        assert!(streets.portal().cases().is_empty(), "nothing leaves before somebody agrees");
        // What happens meanwhile is not in what was agreed to.
        town.clock.advance(minutes(2));
        confirm(&town, &run).await;
        let sent = streets.portal().cases();
        assert_eq!(sent.len(), 1);
        let body: Value = serde_json::from_str(&sent[0].body).unwrap();
        assert_eq!(body["description"], evidence);
        assert_eq!(body["short_description"], "Requests fail: Credit Union of inst-5 (INST-5) (INST-5)");
        assert_eq!((&body["urgency"], &body["ours"]), (&json!(1), &json!(run)));
        holds_nothing_of_customers(&sent[0].body);
        let all = cases(&town).await;
        assert_eq!(all.len(), 1, "{all:?}");
        let case = &all[0];
        assert_eq!((&case["number"], &case["vendor"], &case["run"]), (&json!(sent[0].number), &json!("jsource"), &json!(run)));
        assert_eq!(case["url"], format!("https://portal.invalid/cases/{}", sent[0].number));
        assert_eq!(case["next_chase_at"], json!(town.now() + minutes(120)), "the clock runs");
        let shown = show(&town, &run).await;
        assert_eq!(shown["steps"][2]["output"]["number"], sent[0].number);
        assert_eq!(shown["steps"][3]["state"], "asking");
        let log = town.get(&format!("/runs/{run}/log")).await.to_string();
        assert!(log.contains(&format!("opened the case {} at jsource", sent[0].number)), "{log}");
        let audit = town.get(&format!("/audit?subject=case:{}", case["id"].as_str().unwrap())).await;
        assert_eq!(audit["items"][0]["action"], "case.open");
    })
    .await;
}

#[tokio::test]
async fn whoever_declines_keeps_it_here_and_without_confirm_nobody_is_asked() {
    let town = Town::new().await;
    let here = streets(&town, http(json!({})), json!({})).await;
    let run = at_the_case(&town).await;
    town.post(&format!("/runs/{run}/steps/3/decline"), json!({ "reason": "they know" })).await.is(200);
    town.app.runs.settled().await;
    assert!(here.portal().cases().is_empty() && cases(&town).await.is_empty());
    // It can be done by hand all the same.
    town.post(&format!("/runs/{run}/steps/3/answer"), json!({ "values": { "number": "BY-HAND" } })).await.is(200);
    assert_eq!(cases(&town).await[0]["number"], "BY-HAND");

    let town = Town::new().await;
    let here = streets(&town, http(json!({ "confirm": false })), json!({})).await;
    let run = at_the_case(&town).await;
    assert_eq!(show(&town, &run).await["steps"][2]["state"], "done");
    assert_eq!((here.portal().cases().len(), cases(&town).await.len()), (1, 1));
}

#[tokio::test]
async fn a_lost_answer_asks_a_person_and_with_a_key_it_is_asked_again() {
    everywhere(async |town| {
        let streets = streets(&town, http(json!({ "confirm": false })), json!({})).await;
        for how in [Outage::LosesAnswer, Outage::Status(500)] {
            let before = streets.portal().cases().len();
            streets.weather().fail_next(System::Portal, how, 1);
            let run = at_the_case(&town).await;
            let step = show(&town, &run).await["steps"][2].clone();
            assert_eq!((&step["state"], &step["why"]), (&json!("asking"), &json!("uncertain")), "{step:#}");
            pass(&town, minutes(5)).await;
            let opened = usize::from(how == Outage::LosesAnswer);
            assert_eq!(streets.portal().cases().len(), before + opened, "nothing is repeated");
            let number = format!("LOOKED-UP-{before}");
            town.post(&format!("/runs/{run}/steps/3/answer"), json!({ "values": { "number": number } })).await.is(200);
            assert_eq!(cases(&town).await[0]["number"], number);
            town.post(&format!("/runs/{run}/cancel"), json!({ "reason": "seen" })).await.is(200);
        }
    })
    .await;
    let town = Town::new().await;
    let streets = streets(&town, http(json!({ "confirm": false })), json!({ "key_header": "Idempotency-Key" })).await;
    streets.weather().fail_next(System::Portal, Outage::LosesAnswer, 1);
    let run = at_the_case(&town).await;
    pass(&town, SignedDuration::from_secs(5)).await;
    let opened = streets.portal().cases();
    assert_eq!((opened.len(), opened[0].key.as_deref()), (1, Some(format!("{run}/3/1").as_str())));
    assert_eq!(show(&town, &run).await["steps"][2]["output"]["number"], opened[0].number);
    assert_eq!(cases(&town).await.len(), 1);
    town.post(&format!("/runs/{run}/cancel"), json!({ "reason": "seen" })).await.is(200);
    // Nobody answers any more after that: the first one may have arrived all the same.
    streets.weather().fail_next(System::Portal, Outage::LosesAnswer, 1);
    streets.weather().fail_next(System::Portal, Outage::Status(503), 20);
    let run = at_the_case(&town).await;
    for _ in 0..6 {
        pass(&town, SignedDuration::from_secs(31)).await;
    }
    let step = show(&town, &run).await["steps"][2].clone();
    assert_eq!((&step["state"], &step["why"]), (&json!("asking"), &json!("uncertain")), "{step:#}");
}

#[tokio::test]
async fn a_portal_that_surely_did_nothing_is_tried_again_and_then_a_person_decides() {
    let town = Town::new().await;
    let streets = streets(&town, http(json!({ "confirm": false })), json!({})).await;
    streets.weather().fail_next(System::Portal, Outage::Status(503), 2);
    let run = at_the_case(&town).await;
    for _ in 0..2 {
        pass(&town, SignedDuration::from_secs(11)).await;
    }
    assert_eq!((streets.portal().cases().len(), cases(&town).await.len()), (1, 1));
    assert_eq!(show(&town, &run).await["steps"][2]["state"], "done");
    town.post(&format!("/runs/{run}/cancel"), json!({ "reason": "seen" })).await.is(200);
    streets.weather().fail_next(System::Portal, Outage::Status(503), 20);
    let run = at_the_case(&town).await;
    for _ in 0..6 {
        pass(&town, SignedDuration::from_secs(11)).await;
    }
    let step = show(&town, &run).await["steps"][2].clone();
    assert_eq!((&step["state"], &step["why"]), (&json!("asking"), &json!("failed")), "{step:#}");
    assert_eq!(streets.portal().cases().len(), 1);
}

async fn with_mail(database: &str) -> (Town, Mailbox) {
    let mailbox = Mailbox::start(None).await.unwrap();
    let town = Town::on(database, &[("FIREDOG_SMTP_URL", &mailbox.smtp_url())], Options::default()).await;
    (town, mailbox)
}

/// What the vendor got; people of ours get mails of their own.
fn to_vendor(mailbox: &Mailbox) -> Vec<Mail> {
    mailbox.mails().into_iter().filter(|mail| mail.to[0] == "support@jsource.example").collect()
}

#[tokio::test]
async fn a_mail_opens_the_case_whose_number_is_told_later() {
    for database in databases() {
        let (town, mailbox) = with_mail(database).await;
        let _streets = streets(&town, json!({ "open_by": "email" }), json!({})).await;
        let run = at_the_case(&town).await;
        assert!(to_vendor(&mailbox).is_empty());
        confirm(&town, &run).await;
        let mails = to_vendor(&mailbox);
        assert_eq!(mails.len(), 1);
        assert_eq!(
            (mails[0].to[0].as_str(), mails[0].subject.as_str()),
            ("support@jsource.example", format!("Requests fail (institution INST-5), our reference {run}").as_str())
        );
        assert!(
            mails[0].text.contains("Root error: connection refused") && mails[0].text.contains("Credit Union of inst-5"),
            "{}",
            mails[0].text
        );
        // The same for every attempt of the same intent, and another one for the next.
        assert!(mails[0].header("message-id").is_some_and(|id| id.contains('@') && !id.contains('/')), "{:?}", mails[0].headers);
        holds_nothing_of_customers(&format!("{:?}", mails[0]));
        let all = cases(&town).await;
        assert_eq!((all.len(), &all[0]["number"], &all[0]["next_chase_at"]), (1, &json!(""), &json!(town.now() + minutes(120))));
        let step = show(&town, &run).await["steps"][2].clone();
        assert_eq!((&step["state"], &step["choices"][0]["id"]), (&json!("waiting"), &json!("later")), "{step:#}");
        pass(&town, minutes(5)).await;
        assert_eq!((to_vendor(&mailbox).len(), cases(&town).await.len()), (1, 1), "a look is no second mail");
        town.post(&format!("/runs/{run}/steps/3/answer"), json!({ "values": { "number": "CS-9" } })).await.is(200);
        let all = cases(&town).await;
        assert_eq!(
            (all.len(), &all[0]["number"], &all[0]["next_chase_at"]),
            (1, &json!("CS-9"), &json!(town.now() - minutes(5) + minutes(120)))
        );
        town.post(&format!("/runs/{run}/cancel"), json!({ "reason": "seen" })).await.is(200);

        // Told at the case instead of at the step, or not at all: the run goes on.
        let run = at_the_case(&town).await;
        confirm(&town, &run).await;
        let case = cases(&town).await.into_iter().find(|case| case["run"] == run).unwrap();
        town.post(&format!("/cases/{}/number", case["id"].as_str().unwrap()), json!({ "number": "CS-10" })).await.is(200);
        pass(&town, minutes(1)).await;
        assert_eq!(show(&town, &run).await["steps"][2]["output"]["number"], "CS-10");
        town.post(&format!("/runs/{run}/cancel"), json!({ "reason": "seen" })).await.is(200);
        let run = at_the_case(&town).await;
        confirm(&town, &run).await;
        pass(&town, minutes(21)).await;
        let shown = show(&town, &run).await;
        assert_eq!((&shown["steps"][2]["state"], &shown["steps"][3]["state"]), (&json!("done"), &json!("asking")), "{shown:#}");
        assert_eq!(cases(&town).await.len(), 3);
    }
}

#[tokio::test]
async fn a_mail_that_may_have_gone_out_is_not_sent_again() {
    let (town, mailbox) = with_mail("sqlite").await;
    let _streets = streets(&town, json!({ "open_by": "email", "confirm": false }), json!({})).await;
    mailbox.fail_next([Fault::drop_after_data().to("support@jsource.example")]);
    let run = at_the_case(&town).await;
    let step = show(&town, &run).await["steps"][2].clone();
    assert_eq!(step["why"], "uncertain", "{step:#}");
    let before = to_vendor(&mailbox).len();
    pass(&town, minutes(5)).await;
    assert_eq!(to_vendor(&mailbox).len(), before);
    // Busy: surely not taken, so that it goes out a moment later.
    town.post(&format!("/runs/{run}/steps/3/skip"), json!({ "reason": "they have it" })).await.is(200);
    town.post(&format!("/runs/{run}/cancel"), json!({ "reason": "seen" })).await.is(200);
    mailbox.fail_next([Fault::busy().to("support@jsource.example")]);
    at_the_case(&town).await;
    assert_eq!(to_vendor(&mailbox).len(), before);
    pass(&town, SignedDuration::from_secs(11)).await;
    assert_eq!(to_vendor(&mailbox).len(), before + 1);
}

#[tokio::test]
async fn mistakes_of_a_vendor_say_what_to_write() {
    let town = Town::new().await;
    let portal = json!({ "id": "portal", "kind": "http", "url": "https://p.example.org", "number_at": "/n", "body": r#"{"d": "{evidence}"}"# });
    let logs = json!({ "id": "logs", "kind": "elasticsearch", "url": "https://l.example.org", "index": "i" });
    let with = |key: &str, value: Value| {
        let mut portal = portal.clone();
        portal[key] = value;
        portal
    };
    for (vendor, portal, expected) in [
        (json!({ "id": "v", "open_by": "email" }), portal.clone(), "add for example `email:"),
        (json!({ "id": "v", "open_by": "http" }), portal.clone(), "connection of kind http"),
        (json!({ "id": "v", "open_by": "http", "with": "logs" }), portal.clone(), "name one of that kind"),
        (json!({ "id": "v", "with": "portal" }), portal.clone(), "add `open_by: http`"),
        (json!({ "id": "v", "confirm": false }), portal.clone(), "remove `confirm`"),
        (json!({ "id": "v" }), with("body", json!(r#"{"d": "{evidense}"}"#)), "there is title, evidence"),
        (json!({ "id": "v" }), with("body", json!("no json")), "this is no JSON"),
        (json!({ "id": "v" }), with("body", json!(r#"{"d": "{title}"}"#)), "without `{evidence}`"),
        (json!({ "id": "v" }), with("number_at", json!("number")), "/result/number"),
        (json!({ "id": "v" }), with("key_header", json!("Authorization")), "Idempotency-Key"),
        (json!({ "id": "v" }), with("index", json!("i")), "goes with `kind: elasticsearch`"),
    ] {
        let more = json!({ "vendors": [vendor], "connections": [portal, logs] }).to_string();
        let files = json!([{ "name": "setup.yaml", "text": SETUP }, { "name": "more.json", "text": more }]);
        let told = town.post("/setup", json!({ "files": files, "yes": true })).await;
        assert!(
            told.status >= 400 && told.text.contains(&json!(expected).to_string().trim_matches('"').to_owned()),
            "{vendor}: {}",
            told.text
        );
    }
}
