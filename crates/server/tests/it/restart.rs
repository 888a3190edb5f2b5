//! `service.restart` against the town: through Jenkins and through Kubernetes itself, with what goes wrong on the way.

use crate::town::{ADMIN, SETUP, Town, everywhere, minutes};
use firedog_town::Town as Streets;
use firedog_town::hold::{Release, When};
use firedog_town::jenkins::{JENKINS_TOKEN, JENKINS_USER};
use firedog_town::kubernetes::KUBERNETES_TOKEN;
use firedog_town::marathon::{MARATHON_PASSWORD, MARATHON_USER};
use firedog_town::search::{SEARCH_PASSWORD, SEARCH_USER};
use firedog_town::weather::{Builds, Condition, Outage, PLANTED, Platform, Service, System, Weather};
use jiff::SignedDuration;
use serde_json::{Value, json};

const BOOK: &str = r#"
runbook: restart
for: { institution: optional }
steps:
  - { do: Restart the HTTP server, uses: service.restart, with: { service: symxchange-http-server } }
  - { do: Restart the RPC server, uses: service.restart, with: { service: symxchange-rpc-server } }
"#;

/// Another one, for the same servers.
pub(crate) const OTHER: &str = r#"
runbook: other
steps:
  - { do: Restart the HTTP server, uses: service.restart, with: { service: symxchange-http-server } }
"#;

/// The example's own.
const EVIDENCE: &str = include_str!("../../../../examples/pupper/collect-evidence.yaml");

#[derive(Clone, Copy)]
pub(crate) enum Through {
    /// Job A, verified on Marathon.
    Marathon { key: bool },
    /// Job B, verified on Kubernetes.
    Kubernetes,
    /// Without a job.
    Rollout,
}

pub(crate) async fn streets(town: &Town, through: Through) -> Streets {
    let platform = if matches!(through, Through::Marathon { .. }) { Platform::Marathon } else { Platform::Kubernetes };
    let streets = Streets::start(Weather::new(6, town.now()).on(platform)).await.unwrap();
    streets.weather().set_speed(0);
    streets.weather().set_run_key(Some("RUN_KEY"));
    catalogue(town, &streets, through).await;
    streets
}

/// Moving is an edit of the catalogue, and of nothing else.
async fn catalogue(town: &Town, streets: &Streets, through: Through) {
    let service = |id: &str| {
        let job = |name: &str, key: bool| {
            let mut job =
                json!({ "with": "ci", "job": format!("ops/{name}"), "parameters": { "SERVICE": id, "ENV": "production" } });
            if key {
                job["key"] = json!("RUN_KEY");
            }
            job
        };
        let deployment = json!({ "with": "k8s", "namespace": "core", "deployment": id });
        let app = json!({ "with": "marathon", "app": format!("/core/{id}") });
        let (restart, instances) = match through {
            Through::Marathon { key } => (job("restart-on-marathon", key), app),
            Through::Kubernetes => (job("restart-on-kubernetes", true), deployment),
            Through::Rollout => (deployment.clone(), deployment),
        };
        let deploys = match through {
            Through::Marathon { key: false } => instances.clone(),
            Through::Marathon { .. } => {
                json!({ "with": "ci", "job": "ops/restart-on-marathon", "parameters": { "SERVICE": id } })
            }
            Through::Kubernetes | Through::Rollout => instances.clone(),
        };
        let mut service = json!({ "id": id, "team": "pupper", "restart": restart, "instances": instances, "deploys": deploys });
        service["restart"]["two_person"] = json!(matches!(through, Through::Rollout));
        service["links"] = json!([{ "name": "Console", "for": "restart", "url": "https://console.example.org/{service}",
            "owner": "support", "learn": "https://learn.example.org/console" }]);
        service
    };
    let institutions: Vec<Value> = streets
        .weather()
        .institutions()
        .into_iter()
        .map(|one| json!({ "id": one.id, "name": one.name, "host": one.host }))
        .collect();
    let more = json!({
        "services": [service("symxchange-http-server"), service("symxchange-rpc-server")],
        "institutions": institutions,
        "connections": [
            { "id": "ci", "kind": "jenkins", "url": streets.jenkins_url(), "user": JENKINS_USER, "secret": JENKINS_TOKEN },
            { "id": "marathon", "kind": "marathon", "url": streets.marathon_url(), "user": MARATHON_USER, "secret": MARATHON_PASSWORD },
            { "id": "mesos", "kind": "mesos", "url": streets.mesos_url() },
            { "id": "k8s", "kind": "kubernetes", "url": streets.kubernetes_url(), "secret": KUBERNETES_TOKEN },
            { "id": "logs", "kind": "elasticsearch", "url": streets.search_url(), "user": SEARCH_USER, "secret": SEARCH_PASSWORD,
                "index": "interaction-*" },
        ],
    })
    .to_string();
    let file = |name: &str, text: &str| json!({ "name": name, "text": text });
    let files = [
        file("setup.yaml", SETUP),
        file("more.json", &more),
        file("book.yaml", BOOK),
        file("other.yaml", OTHER),
        file("evidence.yaml", EVIDENCE),
    ];
    town.post("/setup", json!({ "files": files, "yes": true })).await.is(200);
}

pub(crate) async fn begin(town: &Town, runbook: &str, inputs: Value) -> String {
    let begun = town.post("/runs", json!({ "runbook": runbook, "inputs": inputs })).await.is(201).json();
    begun["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn show(town: &Town, run: &str) -> Value {
    town.get(&format!("/runs/{run}")).await
}

/// As one of the people.
pub(crate) async fn by(town: &Town, who: &str, path: &str, body: Value) -> crate::town::Answer {
    let headers = [
        ("authorization", format!("Bearer {ADMIN}")),
        ("firedog-as", who.to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    town.call("POST", &format!("/api/v1{path}"), &headers, body.to_string()).await
}

pub(crate) async fn confirm(town: &Town, run: &str, place: &str) {
    let found = show(town, run).await;
    let step = found["steps"].as_array().unwrap().iter().find(|step| step["place"] == place).unwrap();
    let hash = step["plan"]["hash"].as_str().unwrap_or_else(|| panic!("no plan: {step:#}"));
    by(town, "grace", &format!("/runs/{run}/steps/{place}/confirm"), json!({ "hash": hash })).await.is(200);
    town.app.runs.settled().await;
}

pub(crate) async fn pass(town: &Town, streets: &Streets, seconds: i64) {
    town.clock.advance(SignedDuration::from_secs(seconds));
    streets.weather().set_now(town.now());
    town.app.runs.tick().await.unwrap();
    town.app.runs.settled().await;
}

/// Until a step is in a state.
pub(crate) async fn until(town: &Town, streets: &Streets, run: &str, place: &str, state: &str) -> Value {
    for _ in 0..400 {
        let found = show(town, run).await;
        let step = found["steps"].as_array().unwrap().iter().find(|step| step["place"] == place).unwrap().clone();
        if step["state"] == state {
            return step;
        }
        pass(town, streets, 2).await;
    }
    panic!("step {place} never came to {state}: {:#}", show(town, run).await);
}

#[tokio::test]
async fn the_same_file_restarts_through_whatever_the_catalogue_says() {
    everywhere(async |town| {
        for (through, platform, plan) in [
            (Through::Marathon { key: true }, Platform::Marathon, "jenkins ops/restart-on-marathon with ENV=production"),
            (Through::Kubernetes, Platform::Kubernetes, "jenkins ops/restart-on-kubernetes"),
            // Started by a token, so that whoever confirms is somebody else.
            (Through::Rollout, Platform::Kubernetes, "kubernetes deployment core/symxchange-http-server"),
        ] {
            let streets = streets(&town, through).await;
            let run = begin(&town, "restart", json!({})).await;
            let lines = show(&town, &run).await["steps"][0]["plan"]["lines"].to_string();
            assert!(lines.contains(plan) && lines.contains("interrupts 6 institutions"), "{lines}");
            confirm(&town, &run, "1").await;
            let step = until(&town, &streets, &run, "2", "confirming").await;
            assert_eq!(step["uses"], "service.restart");
            confirm(&town, &run, "2").await;
            let step = until(&town, &streets, &run, "2", "done").await;
            assert_eq!(step["output"]["restarted"], true);
            let run = show(&town, &run).await;
            assert_eq!(run["state"], "done", "{run:#}");
            for service in [Service::HTTP, Service::RPC] {
                assert_eq!(streets.weather().restarts(platform, service), 1);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_secret_of_a_connection_is_kept_in_no_run() {
    everywhere(async |town| {
        let streets = streets(&town, Through::Marathon { key: true }).await;
        streets.weather().set(Condition::Builds(Builds::Fail));
        let run = begin(&town, "other", json!({})).await;
        confirm(&town, &run, "1").await;
        until(&town, &streets, &run, "1", "asking").await;
        let values = json!({ "values": { "restarted": false, "note": format!("the console said {MARATHON_PASSWORD}") } });
        town.post(&format!("/runs/{run}/steps/1/answer"), values).await.is(200);
        let other = begin(&town, "other", json!({})).await;
        let reason = json!({ "reason": format!("{MARATHON_PASSWORD} is wrong") });
        town.post(&format!("/runs/{other}/cancel"), reason).await.is(200);
        for run in [run, other] {
            let audit = town.get(&format!("/audit?subject=run:{run}")).await;
            let kept = format!("{}{}{audit}", show(&town, &run).await, log(&town, &run).await);
            assert!(kept.contains("[secret]"), "{kept}");
            for secret in [MARATHON_PASSWORD, JENKINS_TOKEN] {
                assert!(!kept.contains(secret), "{kept}");
            }
        }
    })
    .await;
}

/// What nothing is connected for is done by a person, who is led to where it is done.
#[tokio::test]
async fn what_fails_leads_people_to_the_tools_of_the_catalogue() {
    let town = Town::new().await;
    let streets = streets(&town, Through::Marathon { key: true }).await;
    streets.weather().set(Condition::Builds(Builds::Fail));
    let run = begin(&town, "other", json!({})).await;
    confirm(&town, &run, "1").await;
    let step = until(&town, &streets, &run, "1", "asking").await;
    assert_eq!(
        step["links"],
        json!([{ "name": "Console", "url": "https://console.example.org/symxchange-http-server",
        "owner": "support", "learn": "https://learn.example.org/console" }])
    );
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_build() {
    let town = Town::new().await;
    let streets = streets(&town, Through::Marathon { key: true }).await;
    let run = begin(&town, "restart", json!({})).await;
    // The job is read, the key is looked for in the queue and among the builds; then the answer to the one call that counts is lost.
    for how in [Outage::Passes, Outage::Passes, Outage::Passes, Outage::LosesAnswer] {
        streets.weather().fail_next(System::Jenkins, how, 1);
    }
    confirm(&town, &run, "1").await;
    pass(&town, &streets, 1).await;
    let step = until(&town, &streets, &run, "1", "done").await;
    assert_eq!(step["output"]["restarted"], true, "{step:#}");
    assert_eq!(streets.weather().restarts(Platform::Marathon, Service::HTTP), 1);
    let log = town.get(&format!("/runs/{run}/log")).await.to_string();
    assert!(log.contains("found again"), "{log}");
}

#[tokio::test]
async fn a_request_that_never_arrived_is_made_once_it_cannot_arrive_any_more() {
    let town = Town::new().await;
    let streets = streets(&town, Through::Marathon { key: true }).await;
    let run = begin(&town, "restart", json!({})).await;
    for how in [Outage::Passes, Outage::Passes, Outage::Passes, Outage::Drops] {
        streets.weather().fail_next(System::Jenkins, how, 1);
    }
    confirm(&town, &run, "1").await;
    let began = town.now();
    let step = until(&town, &streets, &run, "1", "done").await;
    assert_eq!(step["output"]["restarted"], true, "{step:#}");
    assert!(town.now().duration_since(began) > SignedDuration::from_secs(45));
    assert_eq!(streets.weather().restarts(Platform::Marathon, Service::HTTP), 1);
}

#[tokio::test]
async fn a_second_lost_request_settles_as_the_first_one_does() {
    let town = Town::new().await;
    let streets = streets(&town, Through::Marathon { key: true }).await;
    let run = begin(&town, "restart", json!({})).await;
    let holds = streets.weather().holds();
    for how in [Outage::Passes, Outage::Passes, Outage::Passes, Outage::Drops] {
        streets.weather().fail_next(System::Jenkins, how, 1);
    }
    confirm(&town, &run, "1").await;
    pass(&town, &streets, 1).await;
    // Once nothing can arrive of the first one, there is a second one; it is lost as well.
    let posts = || holds.asked().iter().filter(|asked| asked.method == "POST").map(|asked| asked.number).collect::<Vec<_>>();
    holds.hold(1, When::Before, Some("POST"));
    let (mut second, mut third) = (None, None);
    for _ in 0..100 {
        let lost = tokio::spawn({
            let weather = streets.weather().clone();
            async move {
                weather.holds().held().await;
                weather.holds().release(Release::Drop);
            }
        });
        pass(&town, &streets, 2).await;
        lost.abort();
        match posts().len() {
            2 if second.is_none() => second = Some(town.now()),
            3 if third.is_none() => third = Some(town.now()),
            _ => {}
        }
    }
    let (second, third) = (second.expect("asked for once more"), third.expect("and once more"));
    assert!(third.duration_since(second) > SignedDuration::from_secs(45), "it may still have been on its way");
    until(&town, &streets, &run, "1", "done").await;
    assert_eq!(streets.weather().restarts(Platform::Marathon, Service::HTTP), 1);
}

#[tokio::test]
async fn without_a_key_a_lost_answer_asks_a_person() {
    let town = Town::new().await;
    let streets = streets(&town, Through::Marathon { key: false }).await;
    let run = begin(&town, "restart", json!({})).await;
    for how in [Outage::Passes, Outage::LosesAnswer] {
        streets.weather().fail_next(System::Jenkins, how, 1);
    }
    confirm(&town, &run, "1").await;
    pass(&town, &streets, 1).await;
    let step = until(&town, &streets, &run, "1", "asking").await;
    assert_eq!(step["why"], "uncertain", "{step:#}");
    for _ in 0..60 {
        pass(&town, &streets, 10).await;
    }
    assert_eq!(streets.weather().restarts(Platform::Marathon, Service::HTTP), 1, "asked for once, and never again");
}

#[tokio::test]
async fn whoever_waits_in_the_queue_is_asked_about() {
    let town = Town::new().await;
    let streets = streets(&town, Through::Marathon { key: true }).await;
    let stuck = streets.weather().set(Condition::Builds(Builds::StayQueued));
    let run = begin(&town, "restart", json!({})).await;
    confirm(&town, &run, "1").await;
    for _ in 0..6 {
        pass(&town, &streets, 60).await;
    }
    let found = show(&town, &run).await;
    assert_eq!(found["waits_for"], json!(["1"]), "{found:#}");
    assert_eq!(found["steps"][0]["choices"][1]["id"], "done-by-hand", "{found:#}");
    assert!(found["steps"][0]["text"].as_str().unwrap().contains("queue"), "{found:#}");
    // Done by hand: taken out of the queue, and the instances are looked at all the same.
    town.post(&format!("/runs/{run}/steps/1/choose"), json!({ "choice": "burn" })).await.is(409);
    town.post(&format!("/runs/{run}/steps/1/choose"), json!({ "choice": "done-by-hand" })).await.is(200);
    town.app.runs.settled().await;
    pass(&town, &streets, 5).await;
    let step = until(&town, &streets, &run, "1", "waiting").await;
    assert!(step["text"].as_str().unwrap().contains("by hand"), "{step:#}");
    streets.weather().clear(stuck);
    for _ in 0..30 {
        pass(&town, &streets, 10).await;
    }
    assert_eq!(streets.weather().restarts(Platform::Marathon, Service::HTTP), 0, "what was taken out never runs");

    // Nobody chooses: the agreement is not good for longer than ten minutes.
    town.post(&format!("/runs/{run}/cancel"), json!({ "reason": "enough" })).await.is(200);
    streets.weather().set(Condition::Builds(Builds::StayQueued));
    let run = begin(&town, "restart", json!({})).await;
    confirm(&town, &run, "1").await;
    for _ in 0..12 {
        pass(&town, &streets, 60).await;
    }
    let step = until(&town, &streets, &run, "1", "asking").await;
    assert!(step["text"].as_str().unwrap().contains("taken out"), "{step:#}");
}

#[tokio::test]
async fn a_build_that_fails_or_restarts_nothing_is_no_restart() {
    for (builds, state, text) in [
        (Builds::Fail, "asking", "has failed"),
        (Builds::AreRefused, "asking", "refused"),
        (Builds::SucceedIdle, "asking", "too long"),
    ] {
        let town = Town::new().await;
        let streets = streets(&town, Through::Marathon { key: true }).await;
        streets.weather().set(Condition::Builds(builds));
        let run = begin(&town, "restart", json!({})).await;
        confirm(&town, &run, "1").await;
        if builds == Builds::SucceedIdle {
            for _ in 0..35 {
                pass(&town, &streets, 60).await;
            }
        }
        let step = until(&town, &streets, &run, "1", state).await;
        assert!(step["text"].as_str().unwrap().contains(text), "{builds:?}: {step:#}");
        assert_eq!(show(&town, &run).await["steps"][1]["state"], "pending");
    }
}

#[tokio::test]
async fn what_works_again_is_not_interrupted() {
    let town = Town::new().await;
    let streets = streets(&town, Through::Marathon { key: true }).await;
    town.clock.advance(minutes(30));
    streets.weather().set_now(town.now());
    let run = begin(&town, "restart", json!({ "institution": "inst-1" })).await;
    confirm(&town, &run, "1").await;
    let step = until(&town, &streets, &run, "1", "asking").await;
    assert!(step["text"].as_str().unwrap().contains("do not fail any more"), "{step:#}");
    assert_eq!(streets.weather().restarts(Platform::Marathon, Service::HTTP), 0);
}

#[tokio::test]
async fn two_runs_restart_a_server_once() {
    everywhere(async |town| {
        let streets = streets(&town, Through::Marathon { key: true }).await;
        let (one, two) = (begin(&town, "restart", json!({})).await, begin(&town, "other", json!({})).await);
        confirm(&town, &one, "1").await;
        confirm(&town, &two, "1").await;
        let step = until(&town, &streets, &two, "1", "done").await;
        assert!(step["output"]["text"].as_str().unwrap().contains(&one), "{step:#}");
        until(&town, &streets, &one, "1", "done").await;
        assert_eq!(streets.weather().restarts(Platform::Marathon, Service::HTTP), 1);
        // A run that begins afterwards is another matter.
        let three = begin(&town, "other", json!({})).await;
        confirm(&town, &three, "1").await;
        until(&town, &streets, &three, "1", "done").await;
        assert_eq!(streets.weather().restarts(Platform::Marathon, Service::HTTP), 2);
    })
    .await;
}

/// A run whose build waits in Jenkins' queue.
async fn in_queue(town: &Town, streets: &Streets) -> (String, firedog_town::weather::SpellId) {
    let stuck = streets.weather().set(Condition::Builds(Builds::StayQueued));
    let run = begin(town, "other", json!({})).await;
    confirm(town, &run, "1").await;
    for _ in 0..5 {
        pass(town, streets, 2).await;
    }
    let step = show(town, &run).await["steps"][0].clone();
    assert!(step["text"].as_str().unwrap().contains("in Jenkins' queue"), "{step:#}");
    (run, stuck)
}

#[tokio::test]
async fn what_waits_outside_is_not_forgotten_because_it_could_not_be_asked_about() {
    everywhere(async |town| {
        let streets = streets(&town, Through::Marathon { key: true }).await;
        let (run, stuck) = in_queue(&town, &streets).await;
        let away = streets.weather().set(Condition::Outage { of: System::Jenkins, how: Outage::Drops });
        let step = until(&town, &streets, &run, "1", "asking").await;
        assert_eq!((&step["why"], &step["sequel"]["kind"]), (&json!("failed"), &json!("take_back")), "{step:#}");
        // Begun again now, it would be a second build; and nobody else has the service meanwhile.
        let retry = format!("/runs/{run}/steps/1/retry");
        assert!(town.post(&retry, json!({})).await.is(409).text.contains("still being taken back"));
        let other = begin(&town, "restart", json!({})).await;
        confirm(&town, &other, "1").await;
        pass(&town, &streets, 20).await;
        assert_eq!(streets.weather().builds().len(), 1);
        streets.weather().clear(away);
        for _ in 0..40 {
            pass(&town, &streets, 2).await;
        }
        assert!(log(&town, &run).await.contains("taken out of Jenkins' queue"), "{}", log(&town, &run).await);
        streets.weather().clear(stuck);
        until(&town, &streets, &other, "1", "done").await;
        let builds = streets.weather().builds();
        assert_eq!(builds.iter().map(|build| build.is_cancelled).collect::<Vec<_>>(), [true, false]);
        assert_eq!(streets.weather().restarts(Platform::Marathon, Service::HTTP), 1);
        town.post(&retry, json!({})).await.is(200);
    })
    .await;
}

async fn log(town: &Town, run: &str) -> String {
    town.get(&format!("/runs/{run}/log")).await.to_string()
}

#[tokio::test]
async fn what_waits_in_the_queue_is_taken_out_with_its_run() {
    everywhere(async |town| {
        let streets = streets(&town, Through::Marathon { key: true }).await;
        let (run, stuck) = in_queue(&town, &streets).await;
        // Jenkins does not answer at first: as long as it is not certain, nobody else restarts the service.
        streets.weather().fail_next(System::Jenkins, Outage::Drops, 2);
        town.post(&format!("/runs/{run}/cancel"), json!({ "reason": "not ours" })).await.is(200);
        town.app.runs.settled().await;
        let found = show(&town, &run).await;
        assert_eq!(
            (&found["state"], &found["steps"][0]["sequel"]["kind"]),
            (&json!("cancelled"), &json!("take_back")),
            "{found:#}"
        );
        assert!(found["steps"][0]["sequel"]["ended_at"].is_null(), "{found:#}");
        let other = begin(&town, "other", json!({})).await;
        confirm(&town, &other, "1").await;
        let step = show(&town, &other).await["steps"][0].clone();
        assert!(step["text"].as_str().unwrap().contains(&format!("run {run} restarts it")), "{step:#}");
        for _ in 0..10 {
            pass(&town, &streets, 2).await;
        }
        streets.weather().clear(stuck);
        until(&town, &streets, &other, "1", "done").await;
        let said = log(&town, &run).await;
        assert!(said.contains("taken out of Jenkins' queue") && said.contains("nothing was restarted"), "{said}");
        assert_eq!(show(&town, &run).await["state"], "cancelled");
        assert_eq!(streets.weather().restarts(Platform::Marathon, Service::HTTP), 1, "the other one's");
    })
    .await;
}

#[tokio::test]
async fn what_is_done_by_hand_or_left_out_waits_in_no_queue() {
    for (path, body) in [
        ("skip", json!({ "reason": "not needed" })),
        ("answer", json!({ "values": { "restarted": true, "note": "in the console" } })),
    ] {
        let town = Town::new().await;
        let streets = streets(&town, Through::Marathon { key: true }).await;
        let (run, stuck) = in_queue(&town, &streets).await;
        town.post(&format!("/runs/{run}/steps/1/{path}"), body).await.is(200);
        for _ in 0..3 {
            pass(&town, &streets, 2).await;
        }
        streets.weather().clear(stuck);
        for _ in 0..20 {
            pass(&town, &streets, 10).await;
        }
        assert_eq!(streets.weather().restarts(Platform::Marathon, Service::HTTP), 0, "{path}");
        assert!(log(&town, &run).await.contains("taken out of Jenkins' queue"), "{}", log(&town, &run).await);
        assert_eq!(show(&town, &run).await["state"], "done");
    }
}

#[tokio::test]
async fn what_has_begun_when_its_run_is_cancelled_is_waited_for() {
    let town = Town::new().await;
    let streets = streets(&town, Through::Marathon { key: true }).await;
    let (run, stuck) = in_queue(&town, &streets).await;
    streets.weather().clear(stuck);
    streets.weather().advance(std::time::Duration::from_secs(20));
    town.post(&format!("/runs/{run}/cancel"), json!({ "reason": "too late" })).await.is(200);
    town.app.runs.settled().await;
    for _ in 0..60 {
        pass(&town, &streets, 5).await;
    }
    let said = log(&town, &run).await;
    assert!(said.contains("had begun before it could be taken back, and ended well"), "{said}");
    assert_eq!(streets.weather().restarts(Platform::Marathon, Service::HTTP), 1);
}

/// The process dies after the cancellation is committed, and before anybody has asked Jenkins.
#[tokio::test]
async fn taking_back_survives_the_process() {
    everywhere(async |town| {
        let streets = streets(&town, Through::Marathon { key: true }).await;
        let (run, stuck) = in_queue(&town, &streets).await;
        let input = firedog_domain::runbook::run::Input::Cancel { reason: "enough".to_owned(), by: "ada".to_owned() };
        let id = firedog_domain::id::RunId::from(run.as_str());
        // Committed, and never carried out.
        town.app.engine.core().move_run(&id, input, None).await.unwrap();
        assert_eq!(town.app.runs.resume().await.unwrap(), 1);
        town.app.runs.settled().await;
        for _ in 0..5 {
            pass(&town, &streets, 2).await;
        }
        let said = log(&town, &run).await;
        assert!(said.contains("interrupted; taken up again") && said.contains("taken out of Jenkins' queue"), "{said}");
        assert!(show(&town, &run).await["steps"][0]["sequel"]["ended_at"].is_string());
        streets.weather().clear(stuck);
        for _ in 0..10 {
            pass(&town, &streets, 10).await;
        }
        assert_eq!(streets.weather().restarts(Platform::Marathon, Service::HTTP), 0);
    })
    .await;
}

/// Instances, what they have written and the graph, on either platform; and no customer in any of it.
#[tokio::test]
async fn evidence_is_collected_and_holds_no_customer() {
    everywhere(async |town| {
        for through in [Through::Marathon { key: true }, Through::Kubernetes] {
            let streets = streets(&town, through).await;
            streets.weather().set(Condition::CustomerData);
            streets.weather().set(Condition::PoolExhausted { service: Service::HTTP, percent: 90, restart_heals: true });
            town.clock.advance(minutes(45));
            streets.weather().set_now(town.now());
            let run = begin(&town, "collect-evidence", json!({ "service": "symxchange-http-server" })).await;
            town.app.runs.settled().await;
            let found = show(&town, &run).await;
            let output = |place: &str| {
                let steps = found["steps"].as_array().unwrap();
                steps.iter().find(|step| step["place"] == place).unwrap_or_else(|| panic!("{found:#}"))["output"].clone()
            };
            assert_eq!(output("1.1")["text"], "3 of 3 instances are well", "{found:#}");
            let written = output("1.2");
            assert!(written["text"].as_str().unwrap().contains("pool exhausted"), "{written:#}");
            assert_eq!(written["each"].as_object().unwrap().len(), 3);
            let graph = output("1.3");
            let minutes = graph["total"].as_object().unwrap().len();
            assert!(minutes >= 30 && graph["failed"].as_object().unwrap().len() == minutes, "{graph:#}");
            let deploys = output("1.4");
            let none = match through {
                Through::Kubernetes => "1 rollout of core/symxchange-http-server within 1d",
                _ => "no build of ops/restart-on-marathon within 1d",
            };
            assert!(deploys["text"].as_str().unwrap().starts_with(none), "{deploys:#}");
            let kept = format!("{found}{}", town.get(&format!("/runs/{run}/log")).await);
            for planted in PLANTED {
                assert!(!kept.contains(planted), "{planted} is in what is kept");
            }
            assert_eq!(found["state"], "done", "nothing is left for a person: {found:#}");
        }
    })
    .await;
}

/// What a restart leaves behind is found, whatever tells of it: a job's builds, revisions, versions; and while it goes on.
#[tokio::test]
async fn what_was_deployed_is_told_by_whatever_deploys_it() {
    everywhere(async |town| {
        for (through, noun, name) in [
            (Through::Marathon { key: true }, "1 build of ops/restart-on-marathon", "build 1"),
            (Through::Marathon { key: false }, "2 new versions", "version 2026-03-02T"),
            (Through::Rollout, "2 rollouts of core/symxchange-http-server", "revision 2"),
        ] {
            let streets = streets(&town, through).await;
            let look = async || {
                let inputs = json!({ "service": "symxchange-http-server" });
                let run = begin(&town, "collect-evidence", inputs).await;
                town.app.runs.settled().await;
                let found = show(&town, &run).await;
                let step =
                    found["steps"].as_array().unwrap().iter().find(|step| step["uses"] == "service.deploys").unwrap().clone();
                let pack = town.get(&format!("/runs/{run}/evidence")).await;
                (step["output"].clone(), pack["text"].as_str().unwrap().to_owned())
            };
            let run = begin(&town, "other", json!({})).await;
            confirm(&town, &run, "1").await;
            let mut found = Value::Null;
            for _ in 0..30 {
                pass(&town, &streets, 2).await;
                (found, _) = look().await;
                if found["under_way"] == true {
                    break;
                }
            }
            assert_eq!(found["under_way"], true, "{found:#} {:#}", show(&town, &run).await);
            assert!(found["text"].as_str().unwrap().contains("one is under way: "), "{found:#}");
            until(&town, &streets, &run, "1", "done").await;
            town.clock.advance(minutes(12));
            streets.weather().set_now(town.now());
            let (found, pack) = look().await;
            // The page of the service tells the same.
            let page = town.get("/services/symxchange-http-server/deploys").await;
            assert_eq!((&page["text"], &page["count"]), (&found["text"], &found["count"]), "{page:#}");
            assert_eq!(page["each"].as_array().unwrap().len(), found["each"].as_object().unwrap().len());
            let text = found["text"].as_str().unwrap();
            assert!(text.starts_with(noun) && text.contains("the last one 12m ago"), "{found:#}");
            assert_eq!(found["under_way"], false, "{found:#}");
            let each = found["each"].as_object().unwrap();
            let (_, told) = each.iter().rfind(|(key, _)| key.starts_with(name)).unwrap_or_else(|| panic!("{found:#}"));
            assert!(told.as_str().unwrap().starts_with(found["latest"].as_str().unwrap()), "{found:#}");
            if noun.contains("build") {
                assert!(told.as_str().unwrap().contains("SUCCESS, after"), "{found:#}");
                assert!(told.as_str().unwrap().contains("Started by user firedog, DRY_RUN=false, ENV=production"), "{found:#}");
                assert!(!told.as_str().unwrap().contains("SERVICE="), "all of them have it: {found:#}");
            }
            assert!(pack.contains(&format!("Deployments: {text}")), "{pack}");
            assert!(!found.to_string().contains("never-forward-this"), "{found:#}");
        }
    })
    .await;
}

/// Without a driver a person is asked, at the catalogue's link.
#[tokio::test]
async fn deployments_that_nothing_tells_of_are_asked_of_a_person() {
    everywhere(async |town| {
        let more = json!({ "services": [{ "id": "plain", "team": "pupper",
            "links": [{ "name": "Deploy log", "for": "deploys", "url": "https://deploys.example.org/{service}" }] }] });
        let file = |name: &str, text: &str| json!({ "name": name, "text": text });
        let files = [file("setup.yaml", SETUP), file("more.json", &more.to_string()), file("evidence.yaml", EVIDENCE)];
        town.post("/setup", json!({ "files": files, "yes": true })).await.is(200);
        let none = town.api(ADMIN, "GET", "/services/plain/deploys", None).await;
        assert!(none.status == 409 || none.status == 503, "{}", none.text);
        assert!(none.text.contains("does not say where the deployments of plain are seen"), "{}", none.text);
        town.api(ADMIN, "GET", "/services/nothing/deploys", None).await.is(404);
        let run = begin(&town, "collect-evidence", json!({ "service": "plain" })).await;
        town.app.runs.settled().await;
        let found = show(&town, &run).await;
        let step = found["steps"].as_array().unwrap().iter().find(|step| step["place"] == "1.4").unwrap().clone();
        assert_eq!((&step["state"], &step["why"]), (&json!("asking"), &json!("not_connected")), "{step:#}");
        assert!(found.to_string().contains("https://deploys.example.org/plain"), "{found:#}");
        let answer = json!({ "values": { "text": "build 7 two hours ago" } });
        by(&town, "ada", &format!("/runs/{run}/steps/1.4/answer"), answer).await.is(200);
        let pack = town.get(&format!("/runs/{run}/evidence")).await;
        assert!(pack["text"].as_str().unwrap().contains("Deployments: build 7 two hours ago"), "{pack:#}");
    })
    .await;
}
