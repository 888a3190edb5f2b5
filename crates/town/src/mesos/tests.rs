use super::*;
use crate::weather::Service;
use crate::weather::{Condition, CoreFault};
use crate::{Town, client};

async fn town() -> Town {
    // Half past an hour: rotation is at the full hour.
    let weather = Weather::new(3, Timestamp::from_second(1_772_467_200 + 1_800).unwrap());
    weather.set_speed(0);
    Town::start(weather).await.unwrap()
}

async fn get(url: &str, query: &[(&str, &str)]) -> (u16, Value) {
    let answer = client().get(url).query(query).send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null))
}

/// As a client finds it: from the master's word on the agent.
async fn agent_url(town: &Town) -> String {
    let (_, slaves) = get(&format!("{}/master/slaves", town.mesos_url()), &[("slave_id", AGENT_ID)]).await;
    format!("http://{}", slaves["slaves"][0]["pid"].as_str().unwrap().split_once('@').unwrap().1)
}

async fn executor(url: &str) -> Value {
    let (_, state) = get(&format!("{url}/slave(1)/state"), &[]).await;
    let executors = state["frameworks"][0]["executors"].as_array().unwrap();
    executors.iter().find(|found| found["id"].as_str().unwrap().contains("http-server")).unwrap().clone()
}

async fn read(url: &str, path: &str, offset: i64, length: i64) -> (u16, Value) {
    get(&format!("{url}/files/read"), &[("path", path), ("offset", &offset.to_string()), ("length", &length.to_string())]).await
}

fn noisy(town: &Town) {
    let from = town.weather().look().begin;
    for condition in [
        Condition::Core { institution: "inst-1".to_owned(), fault: CoreFault::ReadTimeout, percent: 100 },
        Condition::Traffic { institution: "inst-1".to_owned(), per_minute: 120 },
    ] {
        town.weather().set_between(condition, from, None);
    }
}

#[tokio::test]
async fn the_tail_of_stderr_follows_the_weather() {
    let town = town().await;
    noisy(&town);
    let url = agent_url(&town).await;
    let executor = executor(&url).await;
    let path = format!("{}/stderr", executor["directory"].as_str().unwrap());
    let (_, size) = read(&url, &path, -1, -1).await;
    let size = size["offset"].as_i64().unwrap();
    assert!(size > MAX_READ_BYTES as i64, "{size}");
    let (_, capped) = read(&url, &path, 0, -1).await;
    assert_eq!(capped["data"].as_str().unwrap().len(), MAX_READ_BYTES, "a read is cut to 64 KiB");
    let (_, tail) = read(&url, &path, size - 400, 400).await;
    assert!(tail["data"].as_str().unwrap().contains("java.net.SocketTimeoutException: Read timed out"), "{tail}");
    assert_eq!(
        read(&url, &path, size, 10).await.1,
        json!({"data": "", "offset": size}),
        "at the end there is nothing, and the offset comes back"
    );
    town.weather().advance(Duration::from_secs(60));
    let (_, more) = read(&url, &path, size, -1).await;
    assert!(more["data"].as_str().unwrap().starts_with("2026-03-02T16:30:"), "it grows");
    // After the full hour the file is shorter than our offset: it was rotated.
    town.weather().advance(Duration::from_secs(1_800));
    assert!(read(&url, &path, -1, -1).await.1["offset"].as_i64().unwrap() < size);
    let (_, rotated) = read(&url, &format!("{path}.1"), size - 400, 400).await;
    assert_eq!(rotated["data"], tail["data"]);
}

#[tokio::test]
async fn the_sandbox_is_found_by_each_of_its_paths() {
    let town = town().await;
    let url = agent_url(&town).await;
    let executor = executor(&url).await;
    let (id, directory) = (executor["id"].as_str().unwrap(), executor["directory"].as_str().unwrap());
    assert_eq!(executor["type"], "COMMAND");
    let latest = format!("/frameworks/{FRAMEWORK_ID}/executors/{id}/runs/latest");
    for path in [directory, &latest, &format!("{WORK_DIR}/slaves/{AGENT_ID}{latest}")] {
        let (status, listed) = get(&format!("{url}/files/browse"), &[("path", path)]).await;
        assert_eq!((status, listed[0]["path"].as_str().unwrap()), (200, format!("{path}/stderr").as_str()));
        assert_eq!(read(&url, &format!("{path}/stdout"), 0, 100).await.1["data"].as_str().unwrap().len(), 100);
    }
    assert_eq!(
        get(&format!("{url}/files/browse"), &[("path", &format!("{latest}/stdout"))]).await,
        (200, json!([])),
        "a file has nothing in it"
    );
    assert_eq!(get(&format!("{url}/files/read"), &[("path", &latest)]).await.0, 400);
    assert_eq!(get(&format!("{url}/files/read"), &[]).await.0, 400);
    assert_eq!(read(&url, &format!("{latest}/stdout"), -2, -1).await.0, 400);
    assert_eq!(read(&url, &format!("{latest}/passwords"), 0, -1).await.0, 404);
    assert_eq!(read(&url, &format!("{latest}/../stdout"), 0, -1).await.0, 400);
    let bytes =
        client().get(format!("{url}/files/download")).query(&[("path", format!("{latest}/stdout"))]).send().await.unwrap();
    assert!(bytes.text().await.unwrap().contains("INFO  served"));
}

#[tokio::test]
async fn after_a_restart_the_old_sandbox_stays_for_a_week() {
    let town = town().await;
    let url = agent_url(&town).await;
    let path = format!("{}/stdout", executor(&url).await["directory"].as_str().unwrap());
    town.weather().change(|sky| sky.restart(Platform::Marathon, Service::HTTP, sky.now, None).map(|_| ()).unwrap());
    town.weather().advance(Duration::from_secs(120));
    let (_, state) = get(&format!("{url}/state"), &[]).await;
    assert_eq!(state["frameworks"][0]["completed_executors"].as_array().unwrap().len(), 3);
    let (status, old) = read(&url, &path, -1, -1).await;
    assert_eq!(status, 200);
    town.weather().advance(Duration::from_secs(3_600));
    assert_eq!(read(&url, &path, -1, -1).await.1, old, "what ended writes no more");
    town.weather().advance(Duration::from_secs(8 * 86_400));
    assert_eq!(read(&url, &path, -1, -1).await.0, 404);
}

#[tokio::test]
async fn a_task_that_cannot_start_says_so_in_its_stderr() {
    let town = town().await;
    town.weather().set(Condition::Restarts { platform: Platform::Marathon, service: Service::HTTP, trouble: Trouble::Unhealthy });
    town.weather().change(|sky| sky.restart(Platform::Marathon, Service::HTTP, sky.now, None).map(|_| ()).unwrap());
    town.weather().advance(Duration::from_secs(30));
    let url = agent_url(&town).await;
    let (_, state) = get(&format!("{url}/state"), &[]).await;
    let mut found = String::new();
    for executor in state["frameworks"][0]["executors"].as_array().unwrap() {
        let (_, text) = read(&url, &format!("{}/stderr", executor["directory"].as_str().unwrap()), 0, -1).await;
        found += text["data"].as_str().unwrap();
    }
    assert!(found.contains("IllegalStateException: configuration is missing"), "{found}");
    let (_, tasks) = get(&format!("{}/tasks", town.mesos_url()), &[("limit", "4")]).await;
    assert_eq!((tasks["tasks"].as_array().unwrap().len(), tasks["tasks"][0]["executor_id"].as_str()), (4, Some("")));
}
