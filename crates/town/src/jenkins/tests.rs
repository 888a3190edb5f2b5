use super::*;
use crate::Town;
use crate::client;
use crate::weather::{Cast, Cause, Outage, Platform, Service, System, Trouble, after};
use jiff::Timestamp;
use std::time::Duration;

async fn town() -> Town {
    let weather = Weather::new(3, Timestamp::from_second(1_772_467_200).unwrap());
    weather.set_speed(0);
    Town::start(weather).await.unwrap()
}

fn seconds(town: &Town, seconds: u64) {
    town.weather().advance(Duration::from_secs(seconds));
}

fn plain() -> reqwest::Client {
    // Redirects say whether anything was queued: they must be seen.
    client_without_redirects()
}

fn client_without_redirects() -> reqwest::Client {
    drop(client());
    reqwest::Client::builder().no_proxy().tls_certs_only([]).redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

async fn get(town: &Town, path: &str) -> reqwest::Response {
    let request = plain().get(format!("{}/{path}", town.jenkins_url()));
    request.basic_auth(JENKINS_USER, Some(JENKINS_TOKEN)).send().await.unwrap()
}

async fn read(town: &Town, path: &str) -> Value {
    let answer = get(town, path).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await.unwrap()
}

async fn post(town: &Town, path: &str, form: &[(&str, &str)]) -> reqwest::Response {
    let request = plain().post(format!("{}/{path}", town.jenkins_url())).form(form);
    request.basic_auth(JENKINS_USER, Some(JENKINS_TOKEN)).send().await.unwrap()
}

const MARATHON: &str = "job/ops/job/restart-on-marathon";

async fn trigger(town: &Town, service: &str) -> reqwest::Response {
    post(town, &format!("{MARATHON}/buildWithParameters"), &[("SERVICE", service), ("ENV", "production"), ("NO_SUCH", "1")]).await
}

fn item_of(answer: &reqwest::Response) -> String {
    let location = answer.headers()["location"].to_str().unwrap();
    // The host is none that exists: only the tail is of use.
    assert!(location.starts_with("https://jenkins.invalid/"));
    location.split_once("/jenkins/").unwrap().1.trim_end_matches('/').to_owned()
}

#[tokio::test]
async fn a_build_goes_through_the_queue_restarts_the_service_and_ends() {
    let town = town().await;
    let weather = town.weather();
    weather.set_jenkins_times(JenkinsTimes { blocked: Duration::from_secs(3), ..JenkinsTimes::default() });
    weather.set(Condition::PoolExhausted { service: Service::HTTP, percent: 90, restart_heals: true });
    seconds(&town, 120);
    let answer = trigger(&town, "symxchange-http-server").await;
    assert_eq!(answer.status(), 201);
    let item = item_of(&answer);
    let mut seen = Vec::new();
    for wait in [0, 5, 3, 1] {
        seconds(&town, wait);
        let found = read(&town, &format!("{item}/api/json")).await;
        seen.push(found["_class"].as_str().unwrap().trim_start_matches("hudson.model.Queue$").to_owned());
    }
    assert_eq!(seen, ["WaitingItem", "BlockedItem", "BuildableItem", "LeftItem"]);
    let left = read(&town, &format!("{item}/api/json?tree=executable[number],cancelled")).await;
    assert_eq!((left["executable"]["number"].as_u64(), left["cancelled"].as_bool()), (Some(1), Some(false)));
    assert_eq!(weather.restarts(Platform::Marathon, Service::HTTP), 0);

    seconds(&town, 2);
    assert_eq!(weather.restarts(Platform::Marathon, Service::HTTP), 1);
    let build =
        format!("{MARATHON}/1/api/json?tree=number,building,result,queueId,actions[parameters[name,value],causes[userId]]");
    let running = read(&town, &build).await;
    assert_eq!((running["building"].as_bool(), running["result"].is_null()), (Some(true), true));
    assert_eq!(running["actions"][2]["causes"][0]["userId"], JENKINS_USER);
    let names: Vec<_> = running["actions"][0]["parameters"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["SERVICE", "ENV", "DRY_RUN"], "an unknown parameter is dropped in silence");

    // The last instance is replaced 31 s after the restart; the result is known then, and the build goes on for a moment.
    seconds(&town, 31);
    let post = read(&town, &build).await;
    assert_eq!((post["building"].as_bool(), post["result"].as_str()), (Some(true), Some("SUCCESS")));
    seconds(&town, 1);
    assert_eq!(read(&town, &build).await["building"], false);

    let healed = weather.now();
    seconds(&town, 300);
    assert_eq!(weather.failures("inst-1", healed, weather.now()), []);
    assert!(
        weather
            .failures("inst-1", after(healed, Duration::ZERO) - jiff::SignedDuration::from_mins(2), healed)
            .iter()
            .any(|(cause, _)| *cause == Cause::PoolTimeout)
    );
    // The item is gone five minutes after it left; the build still knows its number in the queue.
    seconds(&town, 1);
    assert_eq!(get(&town, &format!("{item}/api/json")).await.status(), 404);
    let builds = read(&town, &format!("{MARATHON}/api/json?tree=builds[number,queueId]{{0,50}}")).await;
    assert_eq!(item, format!("queue/item/{}", builds["builds"][0]["queueId"]));
}

#[tokio::test]
async fn discovery_names_the_parameters_and_the_run_key_when_declared() {
    let town = town().await;
    let tree =
        "?tree=fullName,buildable,nextBuildNumber,property[parameterDefinitions[name,type,choices,defaultParameterValue[value]]]";
    let found = read(&town, &format!("{MARATHON}/api/json{tree}")).await;
    assert_eq!(found["property"][0], json!({"_class": "jenkins.model.BuildDiscarderProperty"}));
    let parameters = found["property"][1]["parameterDefinitions"].clone();
    assert_eq!((parameters[0]["name"].as_str(), parameters[1]["choices"][1].as_str()), (Some("SERVICE"), Some("production")));
    assert_eq!(parameters.as_array().unwrap().len(), 3);
    town.weather().set_run_key(Some("FF_RUN_ID"));
    let found = read(&town, &format!("{MARATHON}/api/json{tree}")).await;
    assert_eq!(found["property"][1]["parameterDefinitions"][3]["name"], "FF_RUN_ID");
    assert_eq!(found["fullName"], "ops/restart-on-marathon");
}

#[tokio::test]
async fn identical_waiting_items_are_merged_and_a_run_key_keeps_them_apart() {
    let town = town().await;
    town.weather().set_run_key(Some("FF_RUN_ID"));
    let first = trigger(&town, "symxchange-http-server").await;
    let second = trigger(&town, "symxchange-http-server").await;
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (201, 303));
    assert_eq!(item_of(&first), item_of(&second));
    let form = [("SERVICE", "symxchange-http-server"), ("ENV", "production"), ("FF_RUN_ID", "a")];
    assert_eq!(post(&town, &format!("{MARATHON}/buildWithParameters"), &form).await.status(), 201);
    let waiting = read(&town, "queue/api/json?tree=items[id,actions[parameters[name,value]]]").await;
    assert_eq!(waiting["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let town = town().await;
    let path = format!("{MARATHON}/buildWithParameters");
    let get_it = get(&town, &path).await;
    assert_eq!((get_it.status().as_u16(), get_it.headers()["allow"].to_str().unwrap()), (405, "POST"));
    assert_eq!(post(&town, &path, &[("ENV", "moon")]).await.status(), 500);
    assert_eq!(post(&town, &path, &[("ENV", "staging"), ("ENV", "production")]).await.status(), 500);
    assert_eq!(post(&town, "job/ops/job/other/buildWithParameters", &[]).await.status(), 404);
    let url = format!("{}/{path}", town.jenkins_url());
    let anonymous = plain().post(&url).send().await.unwrap();
    assert_eq!(
        (anonymous.status().as_u16(), anonymous.headers()["x-you-are-authenticated-as"].to_str().unwrap()),
        (403, "anonymous")
    );
    assert_eq!(plain().post(&url).basic_auth(JENKINS_USER, Some("wrong")).send().await.unwrap().status(), 401);
    let viewer = plain().post(&url).basic_auth(JENKINS_VIEWER, Some(JENKINS_VIEWER_TOKEN)).send().await.unwrap();
    assert_eq!(
        (viewer.status().as_u16(), viewer.headers()["x-required-permission"].to_str().unwrap()),
        (403, "hudson.model.Item.Build")
    );
    town.weather().set(Condition::Builds(Builds::AreRefused));
    let refused = trigger(&town, "symxchange-http-server").await;
    assert_eq!((refused.status().as_u16(), refused.headers()["location"].to_str().unwrap()), (302, "."));
    assert_eq!(read(&town, "queue/api/json").await["items"], json!([]));
    assert_eq!(read(&town, "api/json?tree=quietingDown").await["quietingDown"], true);
}

#[tokio::test]
async fn a_password_needs_a_crumb_of_the_same_session() {
    let town = town().await;
    let url = format!("{}/{MARATHON}/buildWithParameters", town.jenkins_url());
    let post = |headers: Vec<(&'static str, String)>| {
        let request = plain().post(&url).basic_auth(JENKINS_USER, Some(JENKINS_PASSWORD));
        headers.into_iter().fold(request, |request, (name, value)| request.header(name, value)).send()
    };
    let bare = post(Vec::new()).await.unwrap();
    assert_eq!(bare.status(), 403);
    assert!(bare.text().await.unwrap().contains("No valid crumb was included in the request"));
    let issuer = plain().get(format!("{}/crumbIssuer/api/json", town.jenkins_url()));
    let issued = issuer.basic_auth(JENKINS_USER, Some(JENKINS_PASSWORD)).send().await.unwrap();
    let cookie = issued.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let crumb = issued.json::<Value>().await.unwrap()["crumb"].as_str().unwrap().to_owned();
    assert_eq!(crumb.len(), 64);
    assert_eq!(post(vec![("jenkins-crumb", crumb.clone())]).await.unwrap().status(), 403);
    let both = vec![("jenkins-crumb", crumb), ("cookie", cookie)];
    assert_eq!(post(both.clone()).await.unwrap().status(), 201);
    town.weather().restart_jenkins();
    assert_eq!(post(both).await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_restart_of_jenkins_forgets_left_items_and_keeps_builds() {
    let town = town().await;
    let item = item_of(&trigger(&town, "symxchange-rpc-server").await);
    seconds(&town, 10);
    assert_eq!(get(&town, &format!("{item}/api/json")).await.status(), 200);
    let before = get(&town, "api/json").await.headers()["x-jenkins-session"].clone();
    town.weather().restart_jenkins();
    assert_ne!(get(&town, "api/json").await.headers()["x-jenkins-session"], before);
    assert_eq!(get(&town, &format!("{item}/api/json")).await.status(), 404);
    assert_eq!(read(&town, &format!("{MARATHON}/lastBuild/api/json?tree=number")).await["number"], 1);
}

#[tokio::test]
async fn an_answer_may_be_lost_after_the_build_was_queued() {
    let town = town().await;
    town.weather().fail_next(System::Jenkins, Outage::LosesAnswer, 1);
    let request = plain().post(format!("{}/{MARATHON}/buildWithParameters", town.jenkins_url()));
    let form = [("SERVICE", "symxchange-http-server")];
    assert!(request.form(&form).basic_auth(JENKINS_USER, Some(JENKINS_TOKEN)).send().await.is_err());
    assert_eq!(read(&town, "queue/api/json").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn aborted_before_it_acts_it_restarts_nothing_and_a_cancelled_item_never_starts() {
    let town = town().await;
    trigger(&town, "symxchange-http-server").await;
    seconds(&town, 7);
    assert_eq!(post(&town, &format!("{MARATHON}/1/stop"), &[]).await.status(), 302);
    seconds(&town, 60);
    let build = read(&town, &format!("{MARATHON}/1/api/json")).await;
    assert_eq!((build["result"].as_str(), build["building"].as_bool()), (Some("ABORTED"), Some(false)));
    assert_eq!(town.weather().restarts(Platform::Marathon, Service::HTTP), 0);

    let item = item_of(&trigger(&town, "symxchange-http-server").await);
    let id = item.rsplit('/').next().unwrap().to_owned();
    assert_eq!(post(&town, &format!("queue/cancelItem?id={id}"), &[]).await.status(), 204);
    assert_eq!(post(&town, &format!("queue/cancelItem?id={id}"), &[]).await.status(), 404);
    let left = read(&town, &format!("{item}/api/json")).await;
    assert_eq!((left["cancelled"].as_bool(), left["executable"].is_null()), (Some(true), true));
    seconds(&town, 60);
    assert_eq!(get(&town, &format!("{MARATHON}/2/api/json")).await.status(), 404);
}

#[tokio::test]
async fn the_log_grows_and_offsets_count_what_is_hidden() {
    let town = town().await;
    trigger(&town, "symxchange-http-server").await;
    seconds(&town, 6);
    let log = async |start: usize| get(&town, &format!("{MARATHON}/1/logText/progressiveText?start={start}")).await;
    let size = |answer: &reqwest::Response| answer.headers()["x-text-size"].to_str().unwrap().parse::<usize>().unwrap();
    let new = log(0).await;
    assert_eq!((size(&new), new.headers()["x-more-data"].to_str().unwrap()), (0, "true"));
    seconds(&town, 1);
    let first = log(0).await;
    let (reached, text) = (size(&first), first.text().await.unwrap());
    assert!(text.starts_with("Started by user firedog\r\n") && reached > text.len(), "{reached} {text}");
    seconds(&town, 60);
    let rest = log(reached).await;
    let end = size(&rest);
    assert!(!rest.headers().contains_key("x-more-data"));
    let text = rest.text().await.unwrap();
    assert!(text.starts_with("restarting symxchange-http-server\r\n") && text.ends_with("Finished: SUCCESS\r\n"), "{text}");
    assert_eq!(log(end).await.text().await.unwrap(), "");
    assert!(log(end + 1).await.text().await.unwrap().starts_with("Started by"), "beyond the end it starts again");
}

#[tokio::test]
async fn builds_fail_wait_or_lie_as_told() {
    let town = town().await;
    let weather = town.weather();
    let result = async |service: &str, wait: u64| {
        trigger(&town, service).await;
        seconds(&town, wait);
        read(&town, &format!("{MARATHON}/lastBuild/api/json")).await["result"].clone()
    };
    assert_eq!(result("no-such-server", 60).await, "FAILURE");
    let spell = weather.set(Condition::Builds(Builds::SucceedIdle));
    assert_eq!(result("symxchange-http-server", 60).await, "SUCCESS");
    assert_eq!(weather.restarts(Platform::Marathon, Service::HTTP), 0);
    weather.clear(spell);
    let spell = weather.set(Condition::Builds(Builds::FailAfterRestart));
    assert_eq!(result("symxchange-http-server", 60).await, "FAILURE");
    assert_eq!(weather.restarts(Platform::Marathon, Service::HTTP), 1);
    weather.clear(spell);
    let stuck = Condition::Restarts { platform: Platform::Marathon, service: Service::HTTP, trouble: Trouble::NoRoom };
    weather.set(stuck);
    assert_eq!(result("symxchange-http-server", 300).await, Value::Null);
    seconds(&town, 400);
    assert_eq!(read(&town, &format!("{MARATHON}/lastBuild/api/json")).await["result"], "FAILURE");
    let spell = weather.set(Condition::Builds(Builds::StayQueued));
    trigger(&town, "symxchange-rpc-server").await;
    seconds(&town, 3_600);
    assert_eq!(read(&town, "queue/api/json").await["items"][0]["why"], "Waiting for next available executor");
    weather.clear(spell);
    seconds(&town, 3);
    assert_eq!(weather.restarts(Platform::Marathon, Service::RPC), 1);
}

#[tokio::test]
async fn down_it_refuses_starting_it_says_503_and_behind_a_gateway_it_is_a_page() {
    let town = town().await;
    let weather = town.weather();
    let spell = weather.set(Condition::Outage { of: System::Jenkins, how: Outage::Status(503) });
    let starting = get(&town, "api/json").await;
    assert_eq!(starting.status(), 503);
    assert!(starting.text().await.unwrap().contains("getting ready to work"));
    weather.clear(spell);
    let spell = weather.set(Condition::Outage { of: System::Jenkins, how: Outage::LoginPage });
    let page = get(&town, "api/json").await;
    assert_eq!((page.status().as_u16(), page.headers().contains_key("x-jenkins")), (200, false));
    weather.clear(spell);
    let spell = weather.set(Condition::Outage { of: System::Jenkins, how: Outage::Refuses });
    crate::town::eventually(async || plain().get(town.jenkins_url()).send().await.is_err_and(|error| error.is_connect())).await;
    weather.clear(spell);
    crate::town::eventually(async || plain().get(town.jenkins_url()).send().await.is_ok()).await;
}

#[tokio::test]
async fn somebody_elses_jobs_restart_somebody_elses_services() {
    let given = |app: &str| vec![("APP".to_owned(), app.to_owned())];
    let job = Job::of(
        "deploy/prod/restart",
        Platform::Kubernetes,
        vec!["APP".to_owned(), "KEY".to_owned()],
        vec![(given("gate"), "gateway".to_owned()), (given("led"), "ledger".to_owned())],
    );
    let services = ["gateway", "ledger", "reports"].map(|name| (name.to_owned(), Platform::Kubernetes)).to_vec();
    let bank =
        crate::weather::Institution { id: "b-1".to_owned(), name: "A bank".to_owned(), host: "h".to_owned(), per_minute: 40 };
    let weather = Weather::over(Cast::of(services, vec![bank], vec![job]), Timestamp::from_second(1_772_467_200).unwrap());
    weather.set_speed(0);
    let town = Town::start(weather).await.unwrap();
    let root = read(&town, "job/deploy/api/json").await;
    assert_eq!((&root["jobs"][0]["name"], &root["jobs"][0]["_class"]), (&json!("prod"), &json!(FOLDER_CLASS)));
    assert_eq!(get(&town, "job/deploy/job/prod/job/other/api/json").await.status(), 404);
    let found = read(&town, "job/deploy/job/prod/job/restart/api/json").await;
    let names: Vec<&Value> =
        found["property"][1]["parameterDefinitions"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!((&found["fullName"], names), (&json!("deploy/prod/restart"), vec![&json!("APP"), &json!("KEY")]));
    for app in ["led", "nobody"] {
        let path = "job/deploy/job/prod/job/restart/buildWithParameters";
        assert_eq!(post(&town, path, &[("APP", app), ("KEY", "k")]).await.status(), 201);
    }
    seconds(&town, 300);
    let restarts: Vec<usize> =
        town.weather().services().iter().map(|one| town.weather().restarts(Platform::Kubernetes, *one)).collect();
    assert_eq!(restarts, [0, 1, 0]);
    let results: Vec<Option<&str>> = town.weather().builds().iter().map(|build| build.result).collect();
    assert_eq!(results, [Some("SUCCESS"), Some("FAILURE")]);
    // Every request goes through one of them.
    let core = Condition::Core { institution: "b-1".to_owned(), fault: crate::weather::CoreFault::Refuses, percent: 100 };
    let now = town.weather().now();
    town.weather().set(core);
    seconds(&town, 600);
    let failed = town.weather().failures("b-1", now, after(now, Duration::from_secs(600)));
    assert_eq!(failed, [(Cause::ConnectionRefused, 400)]);
}
