use super::*;
use crate::weather::{Condition, Pace};
use crate::{Town, client};
use std::collections::BTreeSet;
use std::time::Duration;

async fn town() -> Town {
    let weather = Weather::new(3, Timestamp::from_second(1_772_467_200).unwrap());
    weather.set_speed(0);
    Town::start(weather).await.unwrap()
}

fn seconds(town: &Town, seconds: u64) {
    town.weather().advance(Duration::from_secs(seconds));
}

async fn send(town: &Town, method: &str, path: &str) -> (u16, Value) {
    let request = client().request(method.parse().unwrap(), format!("{}{path}", town.marathon_url()));
    let request = request.basic_auth(MARATHON_USER, Some(MARATHON_PASSWORD)).header("content-type", "application/json");
    let answer = request.header("accept", "application/json").send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null))
}

async fn get(town: &Town, path: &str) -> Value {
    let (status, answer) = send(town, "GET", path).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

const HTTP: &str = "/v2/apps/core/symxchange-http-server";

fn ids(tasks: &Value) -> BTreeSet<String> {
    tasks["tasks"].as_array().unwrap().iter().map(|task| task["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_restart_replaces_every_task_and_its_deployment_vanishes() {
    let town = town().await;
    let before = ids(&get(&town, &format!("{HTTP}/tasks")).await);
    let (status, started) = send(&town, "POST", &format!("{HTTP}/restart")).await;
    assert_eq!(status, 200);
    let id = started["deploymentId"].as_str().unwrap();
    assert_eq!(get(&town, "/v2/deployments").await, json!([]), "not listed yet, although it runs");
    assert_eq!(get(&town, HTTP).await["app"]["deployments"][0]["id"], id);
    seconds(&town, 2);
    let listed = get(&town, "/v2/deployments").await;
    assert_eq!(
        (listed[0]["id"].as_str(), listed[0]["affectedApps"][0].as_str()),
        (Some(id), Some("/core/symxchange-http-server"))
    );
    let app = get(&town, HTTP).await["app"].clone();
    assert_eq!(
        (&app["tasksRunning"], &app["tasksHealthy"], &app["tasksUnhealthy"]),
        (&json!(4), &json!(3), &json!(0)),
        "the new one is not checked yet"
    );
    seconds(&town, 29);
    assert_eq!(get(&town, "/v2/deployments").await, json!([]));
    let app = get(&town, HTTP).await["app"].clone();
    assert_eq!((&app["tasksRunning"], &app["tasksHealthy"], &app["version"]), (&json!(3), &json!(3), &started["version"]));
    let tasks = get(&town, &format!("{HTTP}/tasks")).await;
    assert!(ids(&tasks).is_disjoint(&before));
    assert!(tasks["tasks"].as_array().unwrap().iter().all(|task| task["version"] == started["version"]));
}

#[tokio::test]
async fn a_locked_app_says_409_with_the_deployment_and_force_cancels_it() {
    let town = town().await;
    let (_, first) = send(&town, "POST", &format!("{HTTP}/restart")).await;
    seconds(&town, 15);
    let (status, locked) = send(&town, "POST", &format!("{HTTP}/restart")).await;
    assert_eq!((status, &locked["deployments"][0]["id"]), (409, &first["deploymentId"]));
    assert!(locked["message"].as_str().unwrap().starts_with("App is locked by one or more deployments."));
    let (status, forced) = send(&town, "POST", &format!("{HTTP}/restart?force=true")).await;
    assert_eq!(status, 200);
    seconds(&town, 2);
    assert_eq!(get(&town, "/v2/deployments").await[0]["id"], forced["deploymentId"]);
    let (status, rollback) =
        send(&town, "DELETE", &format!("/v2/deployments/{}", forced["deploymentId"].as_str().unwrap())).await;
    assert_eq!(status, 200);
    let id = rollback["deploymentId"].as_str().unwrap();
    assert_eq!(send(&town, "DELETE", &format!("/v2/deployments/{id}?force=true")).await.0, 202);
    assert_eq!(send(&town, "DELETE", &format!("/v2/deployments/{id}")).await.0, 404);
    let versions = get(&town, &format!("{HTTP}/tasks")).await["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| task["version"].to_string())
        .collect::<BTreeSet<_>>();
    assert_eq!(versions.len(), 2, "a mix of old and new is left");
}

#[tokio::test]
async fn a_deployment_without_room_or_health_never_ends_and_the_queue_says_why() {
    let town = town().await;
    let restarts = |trouble| Condition::Restarts { platform: Platform::Marathon, service: Service::HTTP, trouble };
    let spell = town.weather().set(restarts(Trouble::NoRoom));
    send(&town, "POST", &format!("{HTTP}/restart")).await;
    seconds(&town, 86_400);
    assert_eq!(get(&town, "/v2/deployments").await.as_array().unwrap().len(), 1);
    let app = get(&town, HTTP).await["app"].clone();
    assert_eq!((&app["tasksStaged"], &app["tasksHealthy"]), (&json!(1), &json!(3)));
    let staging = app["tasks"].as_array().unwrap().iter().find(|task| task["state"] == "TASK_STAGING").unwrap();
    assert_eq!((staging.get("startedAt"), staging.get("version")), (None, None));
    let queue = get(&town, "/v2/queue?embed=lastUnusedOffers").await;
    assert_eq!(queue["queue"][0]["processedOffersSummary"]["rejectSummaryLastOffers"][0]["reason"], "InsufficientMemory");
    town.weather().clear(spell);
    town.weather().set(restarts(Trouble::Unhealthy));
    send(&town, "POST", &format!("{HTTP}/restart?force=true")).await;
    seconds(&town, 120);
    let app = get(&town, HTTP).await["app"].clone();
    assert_eq!(
        (&app["tasksUnhealthy"], app["lastTaskFailure"]["message"].as_str()),
        (&json!(1), Some("Command exited with status 1"))
    );
    assert_eq!(get(&town, "/v2/queue").await["queue"][0]["delay"], json!({"timeLeftSeconds": 240, "overdue": false}));
}

#[tokio::test]
async fn errors_and_addresses() {
    let town = town().await;
    let (status, missing) = send(&town, "GET", "/v2/apps/core/nothing").await;
    assert_eq!((status, missing["message"].as_str()), (404, Some("App '/core/nothing' does not exist")));
    assert_eq!(
        get(&town, "/v2/apps//core/symxchange-rpc-server").await["app"]["id"],
        "/core/symxchange-rpc-server",
        "a slash twice is one"
    );
    assert_eq!(get(&town, "/v2/apps/core/*").await["*"].as_array().unwrap().len(), 2);
    assert_eq!(get(&town, "/v2/apps?id=RPC&embed=apps.tasks").await["apps"][0]["tasks"].as_array().unwrap().len(), 3);
    assert_eq!(get(&town, "/v2/info").await["frameworkId"], FRAMEWORK_ID);
    let url = format!("{}{HTTP}/restart", town.marathon_url());
    let untyped = client().post(&url).basic_auth(MARATHON_USER, Some(MARATHON_PASSWORD)).send().await.unwrap();
    assert_eq!(untyped.status(), 415);
    let stranger = client().post(&url).send().await.unwrap();
    assert_eq!(
        (stranger.status().as_u16(), stranger.headers()["www-authenticate"].to_str().unwrap()),
        (401, "Basic realm=\"Mesosphere\"")
    );
    assert_eq!(town.weather().restarts(Platform::Marathon, Service::HTTP), 0);
}

#[tokio::test]
async fn the_pace_is_settable() {
    let town = town().await;
    town.weather().set_pace(Platform::Marathon, Pace { notice: Duration::ZERO, each: Duration::from_secs(2) });
    send(&town, "POST", &format!("{HTTP}/restart")).await;
    assert_eq!(get(&town, "/v2/deployments").await.as_array().unwrap().len(), 1);
    seconds(&town, 6);
    assert_eq!(get(&town, "/v2/deployments").await, json!([]));
}
