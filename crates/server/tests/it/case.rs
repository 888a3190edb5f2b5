//! Vendor cases: from the evidence of a run to the end of a case, through the API.

use crate::reach::{service, subscription, token};
use crate::town::{SETUP, Town, everywhere, minutes};
use firedog_server::ops::case::tell_due;
use serde_json::{Value, json};

const CORE: &str = r#"
runbook: core
title: Requests fail
team: pupper
for: { institution: required }
steps:
  - do: Find the root error
    uses: logs.root_error
  - do: See who else fails
    uses: logs.blast_radius
  - do: Open a vendor case with the evidence
    uses: vendor.case
  - do: Look again
"#;

const INSTITUTIONS: &str = r#"
vendors:
  - { id: jsource, name: JSource support, portal: "https://support.example.org/new", responds_within: 2h, chase_every: 30m, note: "Severity 1 by phone." }
  - { id: other }
institutions:
  - { id: inst-1, name: Example Credit Union, code: EX1, host: host-7, vendor: jsource }
  - { id: inst-2, name: Sample Credit Union }
"#;

async fn setup(town: &Town) {
    let files = json!([
        { "name": "setup.yaml", "text": SETUP }, { "name": "institutions.yaml", "text": INSTITUTIONS }, { "name": "core.yaml", "text": CORE },
    ]);
    town.post("/setup", json!({ "files": files, "yes": true })).await.is(200);
}

async fn alert(town: &Town) -> String {
    let body = json!({ "service": "shop", "summary": "down", "labels": { "institution": "inst-1" } });
    town.post("/alerts", body).await.is(201).json()["id"].as_str().unwrap().to_owned()
}

async fn answer(town: &Town, run: &str, place: &str, values: Value) -> crate::town::Answer {
    town.post(&format!("/runs/{run}/steps/{place}/answer"), json!({ "values": values })).await
}

/// A run that waits at its step `vendor.case`.
async fn at_the_case(town: &Town, body: Value) -> String {
    let run = town.post("/runs", body).await.is(201).json()["id"].as_str().unwrap().to_owned();
    let note = "the card 4111 1111 1111 1111 is one of them";
    answer(town, &run, "1", json!({ "root": "connection_refused", "failed": 214, "note": note })).await.is(200);
    answer(town, &run, "2", json!({ "others_failing": 0, "others_total": 61 })).await.is(200);
    run
}

async fn cases(town: &Town, query: &str) -> Vec<Value> {
    town.get(&format!("/cases?{query}")).await["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_answer_of_a_run_opens_its_case_once_and_the_clock_runs_until_it_is_closed() {
    everywhere(async |town| {
        setup(&town).await;
        let alert = alert(&town).await;
        let run = at_the_case(&town, json!({ "runbook": "core", "alert": alert })).await;
        let opened = town.now();
        let said = json!({ "number": "CS-4711", "url": "https://support.example.org/4711" });
        answer(&town, &run, "3", said.clone()).await.is(200);
        answer(&town, &run, "3", said.clone()).await.is(409);
        // Begun again and answered with the same number, it is still the same case.
        town.post(&format!("/runs/{run}/steps/3/retry"), json!({})).await.is(200);
        answer(&town, &run, "3", said).await.is(200);
        let all = cases(&town, &format!("alert={alert}&institution=inst-1&vendor=jsource&open=true")).await;
        assert_eq!(all.len(), 1, "{all:?}");
        let case = &all[0];
        let id = case["id"].as_str().unwrap().to_owned();
        for (key, value) in [
            ("number", "CS-4711"),
            ("url", "https://support.example.org/4711"),
            ("run", &*run),
            ("alert", &*alert),
            ("service", "shop"),
            ("team", "pupper"),
            ("institution", "inst-1"),
            ("state", "open"),
            ("opened_by", "token admin"),
        ] {
            assert_eq!(case[key], value, "{key}");
        }
        assert_eq!(case["next_chase_at"], json!(opened + minutes(120)));
        let log = town.get(&format!("/runs/{run}/log")).await.to_string();
        assert!(log.contains("opened the case CS-4711 at jsource") && log.contains("joined the case CS-4711"), "{log}");

        town.clock.advance(minutes(130));
        let chase = async |note: &str| town.post(&format!("/cases/{id}/chase"), json!({ "note": note })).await;
        let refused = chase(" ").await.is(409);
        assert!(refused.text.contains("what they answered"), "{}", refused.text);
        let chased = chase("they ask for 4111 1111 1111 1111").await.is(200).json();
        assert_eq!((&chased["next_chase_at"], &chased["chased"]), (&json!(town.now() + minutes(30)), &json!(1)));
        assert!(!chased["chases"][0]["note"].as_str().unwrap().contains("4111 1111"), "masked before it is kept");
        let number = town.post(&format!("/cases/{id}/number"), json!({ "number": "CS-4712" })).await.is(200).json();
        assert_eq!((&number["number"], &number["url"]), (&json!("CS-4712"), &case["url"]));
        assert_eq!(number["next_chase_at"], chased["next_chase_at"], "a number is no chase");
        town.post(&format!("/cases/{id}/close"), json!({ "reason": "" })).await.is(409);
        let closed = town.post(&format!("/cases/{id}/close"), json!({ "reason": "their disk was full" })).await.is(200).json();
        assert_eq!((&closed["state"], &closed["next_chase_at"]), (&json!("closed"), &Value::Null));
        assert!(chase("late").await.is(409).text.contains("was closed by token admin"));
        assert_eq!(cases(&town, "open=true").await, [] as [Value; 0]);
        assert_eq!(cases(&town, "open=false&institution=inst-1").await, [closed]);
        assert_eq!(cases(&town, "institution=inst-2").await, [] as [Value; 0]);
        let audit = town.get(&format!("/audit?subject=case:{id}")).await;
        let actions: Vec<&str> = audit["items"].as_array().unwrap().iter().filter_map(|row| row["action"].as_str()).collect();
        assert_eq!(actions, ["case.close", "case.number", "case.chase", "case.open"]);
        town.api(crate::town::ADMIN, "GET", "/cases/nothing", None).await.is(404);
        town.post("/cases/nothing/chase", json!({ "note": "x" })).await.is(404);
    })
    .await;
}

#[tokio::test]
async fn the_evidence_is_written_for_the_vendor_and_holds_nothing_that_is_masked() {
    everywhere(async |town| {
        setup(&town).await;
        let alert = alert(&town).await;
        let since = town.now();
        town.clock.advance(minutes(3));
        let run = at_the_case(&town, json!({ "runbook": "core", "alert": alert })).await;
        let pack = town.get(&format!("/runs/{run}/evidence")).await;
        let text = pack["text"].as_str().unwrap();
        for part in [
            "Institution: Example Credit Union (code EX1, host host-7)",
            // The zone of the team's schedules.
            "2026-03-02 16:00:00 UTC (2026-03-02 10:00:00 CST)",
            "What fails: 214 failed, 0 of 61 others failing",
            "Root error: connection refused",
            &format!("Our reference: {run}"),
            "16:03:00  2 See who else fails",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(!pack.to_string().contains("4111"), "{text}");
        assert_eq!((&pack["since"], &pack["institution"]), (&json!(since), &json!("inst-1")));
        assert_eq!(
            (&pack["vendor"]["portal"], &pack["vendor"]["note"], &pack["vendor"]["responds_within_s"]),
            (&json!("https://support.example.org/new"), &json!("Severity 1 by phone."), &json!(7200))
        );
        town.api(crate::town::ADMIN, "GET", "/runs/nothing/evidence", None).await.is(404);
    })
    .await;
}

#[tokio::test]
async fn without_a_vendor_the_run_goes_on_and_says_that_no_clock_runs() {
    everywhere(async |town| {
        setup(&town).await;
        let run = at_the_case(&town, json!({ "runbook": "core", "inputs": { "institution": "inst-2" } })).await;
        assert_eq!(town.get(&format!("/runs/{run}/evidence")).await["vendor"], Value::Null);
        let run_now = answer(&town, &run, "3", json!({ "number": "CS-1" })).await.is(200).json();
        assert_eq!(run_now["waits_for"], json!(["4"]));
        assert_eq!(cases(&town, "").await, [] as [Value; 0]);
        let log = town.get(&format!("/runs/{run}/log")).await.to_string();
        assert!(log.contains("no clock runs for this case") && log.contains("firedog case open"), "{log}");
        // By hand it is kept all the same, with the run's people.
        let body = json!({ "vendor": "other", "run": run, "number": "CS-1" });
        let case = town.post("/cases", body).await.is(201).json();
        assert_eq!((&case["team"], &case["institution"]), (&json!("pupper"), &json!("inst-2")));
        assert_eq!(case["next_chase_at"], json!(town.now() + minutes(240)), "four hours where the setup does not say");
    })
    .await;
}

#[tokio::test]
async fn by_hand_a_case_is_opened_once_and_what_is_wrong_is_said() {
    everywhere(async |town| {
        setup(&town).await;
        let alert = alert(&town).await;
        for (body, status, why) in [
            (json!({}), 400, "say which vendor the case is with; there is: jsource, other"),
            (json!({ "institution": "inst-2" }), 400, "say which vendor"),
            (json!({ "vendor": "jsorce" }), 404, "there is: jsource, other"),
            (json!({ "vendor": "jsource", "institution": "inst-9" }), 404, "there is: inst-1, inst-2"),
            (json!({ "vendor": "jsource", "run": "nothing" }), 404, "no run nothing"),
            (json!({ "vendor": "jsource", "alert": "nothing" }), 404, "nothing"),
            (json!({ "vendor": "jsource", "service": "nothing" }), 404, "no service `nothing`"),
            (json!({ "vendor": "jsource", "url": "javascript:alert(1)" }), 400, "begins with https://"),
            (json!({ "vendor": "jsource", "number": "1".repeat(101) }), 400, "100 characters"),
        ] {
            let refused = town.post("/cases", body.clone()).await.is(status);
            assert!(refused.text.contains(why), "{body}: {}", refused.text);
        }
        assert_eq!(cases(&town, "").await, [] as [Value; 0], "nothing of what was refused is kept");
        // The alert names the institution, which names the vendor.
        let first = town.post("/cases", json!({ "alert": alert, "number": "CS-1" })).await.is(201).json();
        assert_eq!(
            (&first["vendor"], &first["institution"], &first["service"]),
            (&json!("jsource"), &json!("inst-1"), &json!("shop"))
        );
        let joined = town.post("/cases", json!({ "institution": "inst-1", "number": "CS-1" })).await.is(200).json();
        assert_eq!(joined["id"], first["id"]);
        // The run's answer joins it too, and adds what it knows.
        let run = at_the_case(&town, json!({ "runbook": "core", "inputs": { "institution": "inst-1" } })).await;
        answer(&town, &run, "3", json!({ "number": "CS-1" })).await.is(200);
        let all = cases(&town, "open=true").await;
        assert_eq!((all.len(), &all[0]["run"]), (1, &json!(run)));
        assert_eq!(cases(&town, &format!("run={run}")).await.len(), 1);
        // Mailed, so that there is no number yet; the number of another one is refused.
        let second = town.post("/cases", json!({ "institution": "inst-1" })).await.is(201).json();
        let id = second["id"].as_str().unwrap();
        let refused = town.post(&format!("/cases/{id}/number"), json!({ "number": "CS-1" })).await.is(409);
        assert!(refused.text.contains("is the number of another open case"), "{}", refused.text);
        let audit = town.get(&format!("/audit?subject=case:{}", first["id"].as_str().unwrap())).await;
        assert_eq!(audit["items"].as_array().unwrap().len(), 1, "joining is no opening");
    })
    .await;
}

#[tokio::test]
async fn whoever_is_on_call_is_told_once_for_each_time_that_is_due() {
    for database in ["sqlite", "postgres"] {
        if database == "postgres" && std::env::var("FIREDOG_TEST_DATABASES").as_deref() == Ok("sqlite") {
            continue;
        }
        let town = Town::on(database, &[("FIREDOG_ALLOW_TARGETS", "127.0.0.1")], Default::default()).await;
        setup(&town).await;
        // Ada is on call for the shop; Linus opens the case.
        let [ada, linus] = [token(&town, "ada").await, token(&town, "linus").await];
        for who in [&ada, &linus] {
            let url = service("201 Created").await;
            town.api(who, "POST", "/me/devices", Some(subscription(&url))).await.is(201);
        }
        let told = async |who: &str| town.api(who, "GET", "/me/devices", None).await.json()["items"][0]["sent_at"].clone();
        let open = async |body: Value| {
            let case = town.api(&linus, "POST", "/cases", Some(body)).await.is(201).json();
            case["id"].as_str().unwrap().to_owned()
        };
        let id = open(json!({ "vendor": "jsource", "service": "shop", "number": "CS-1" })).await;
        assert_eq!(tell_due(&town.app).await.unwrap(), 0);
        town.clock.advance(minutes(119));
        assert_eq!(tell_due(&town.app).await.unwrap(), 0, "the contract gives them two hours");
        town.clock.advance(minutes(1));
        let first = town.now();
        assert_eq!(tell_due(&town.app).await.unwrap(), 1);
        assert_eq!((told(&ada).await, told(&linus).await), (json!(first), Value::Null));
        town.clock.advance(minutes(90));
        assert_eq!(tell_due(&town.app).await.unwrap(), 0, "once, however long nobody does it");
        // Chased, it is due once more half an hour later; its number in between changes nothing of that.
        town.api(&ada, "POST", &format!("/cases/{id}/chase"), Some(json!({ "note": "they look at it" }))).await.is(200);
        town.api(&ada, "POST", &format!("/cases/{id}/number"), Some(json!({ "number": "CS-2" }))).await.is(200);
        town.clock.advance(minutes(29));
        assert_eq!(tell_due(&town.app).await.unwrap(), 0);
        town.clock.advance(minutes(1));
        assert_eq!(tell_due(&town.app).await.unwrap(), 1);
        town.api(&ada, "POST", &format!("/cases/{id}/chase"), Some(json!({ "note": "again" }))).await.is(200);
        town.api(&ada, "POST", &format!("/cases/{id}/close"), Some(json!({ "reason": "over" }))).await.is(200);
        town.clock.advance(minutes(600));
        assert_eq!(tell_due(&town.app).await.unwrap(), 0, "nobody is told of a closed case");
        // Without a service it is whoever opened it.
        open(json!({ "vendor": "jsource", "number": "CS-3" })).await;
        town.clock.advance(minutes(120));
        let last = town.now();
        assert_eq!(tell_due(&town.app).await.unwrap(), 1);
        assert_eq!(told(&linus).await, json!(last));
    }
}

#[tokio::test]
async fn people_of_another_team_look_and_do_not_touch() {
    everywhere(async |town| {
        // Grace is in the other team only.
        let files = json!([
            { "name": "setup.yaml", "text": SETUP.replace("members: [ada, grace, linus]", "members: [ada, linus]") },
            { "name": "institutions.yaml", "text": INSTITUTIONS }, { "name": "core.yaml", "text": CORE },
        ]);
        town.post("/setup", json!({ "files": files, "yes": true })).await.is(200);
        let grace = token(&town, "grace").await;
        let refused = town.api(&grace, "POST", "/cases", Some(json!({ "vendor": "jsource", "service": "shop" }))).await.is(403);
        assert!(refused.text.contains("belongs to the team pupper"), "{}", refused.text);
        let case = town.post("/cases", json!({ "vendor": "jsource", "service": "shop" })).await.is(201).json();
        let id = case["id"].as_str().unwrap();
        town.api(&grace, "GET", &format!("/cases/{id}"), None).await.is(200);
        town.api(&grace, "POST", &format!("/cases/{id}/chase"), Some(json!({ "note": "x" }))).await.is(403);
        // A case of nobody's team is everybody's.
        let free = town.post("/cases", json!({ "vendor": "jsource" })).await.is(201).json();
        let free = format!("/cases/{}/chase", free["id"].as_str().unwrap());
        town.api(&grace, "POST", &free, Some(json!({ "note": "x" }))).await.is(200);
    })
    .await;
}
