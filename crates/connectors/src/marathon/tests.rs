//! Against recorded answers, and against servers that answer something else.

use super::*;
use crate::call::script::{Script, hostile, ok, reply};

const APP: &str = include_str!("testdata/app.json");
const INFO: &str = include_str!("testdata/info.json");
const QUEUE: &str = include_str!("testdata/queue.json");
const ID: &str = "/core/symxchange";

async fn marathon<A: Into<Vec<u8>>>(answers: impl IntoIterator<Item = A>) -> (Script, Marathon) {
    let script = Script::of(answers).await;
    let marathon = Marathon::new(script.site());
    (script, marathon)
}

async fn app() -> App {
    let (_, marathon) = marathon([ok(APP), ok(INFO)]).await;
    marathon.app(ID).await.unwrap()
}

fn json(status: &str, body: &str) -> String {
    reply(status, "application/json", body)
}

#[tokio::test]
async fn a_check_tells_the_version_and_whether_somebody_leads() {
    let (script, marathon) = marathon([ok(INFO), reply("200 OK", "text/plain", "pong\n")]).await;
    let found = marathon.check().await.unwrap();
    assert_eq!((found.system.as_str(), found.version.as_deref(), found.notes.len()), ("Marathon", Some("1.9.109"), 0));
    let paths: Vec<_> = script.requests().iter().map(|request| request.path.clone()).collect();
    assert_eq!(paths, ["/v2/info", "/ping"]);
    let (_, marathon) = super::tests::marathon([ok(r#"{"version":"1.4"}"#), reply("200 OK", "text/plain", "pong")]).await;
    assert_eq!(marathon.check().await.unwrap().notes.len(), 2);
    let (_, marathon) = super::tests::marathon([ok(INFO), ok("{}")]).await;
    assert_eq!(marathon.check().await.unwrap_err().as_str(), "misconfigured");
    let (_, marathon) = super::tests::marathon([json("500 Server Error", r#"{"message":"URI not found"}"#)]).await;
    assert_eq!(marathon.check().await.unwrap_err().as_str(), "misconfigured");
}

#[tokio::test]
async fn what_is_no_marathon_is_told() {
    for (answer, kind) in hostile() {
        let start: String = answer.chars().take(100).collect();
        let (_, marathon) = marathon(vec![answer; 3]).await;
        assert_eq!(marathon.check().await.unwrap_err().as_str(), kind, "{start}");
        assert_eq!(marathon.app(ID).await.unwrap_err().as_str(), kind, "{start}");
        assert_eq!(marathon.stuck(ID).await.unwrap_err().as_str(), kind, "{start}");
    }
    for body in [
        "[]",
        "{\"app\":[]}",
        "{\"app\":{\"version\":\"v\",\"instances\":-1}}",
        "{\"app\":{\"version\":\"v\",\"instances\":1,\"tasks\":[{\"id\":\"a\\nb\"}]}}",
        &"{\"app\":".repeat(50_000),
    ] {
        let (_, marathon) = marathon([ok(body)]).await;
        assert_eq!(marathon.app(ID).await.unwrap_err().as_str(), "misconfigured");
    }
}

#[tokio::test]
async fn an_app_is_read_with_its_tasks_and_without_its_secrets() {
    let app = app().await;
    assert_eq!((app.version.as_str(), app.instances, app.running, app.healthy), ("2024-05-01T10:10:00.123Z", 3, 3, 2));
    assert_eq!((app.has_checks, app.framework.as_deref()), (true, Some("0d3f1c1e-0000")));
    assert_eq!(app.deployments, ["97c136bf-5a28-4821-9d94-480012345678"], "ids have digits that are nobody's");
    assert_eq!(app.last_failure.as_deref(), Some("Command exited with status 1 password=**** (at 2024-05-01T10:09:00.000Z)"));
    let tasks: Vec<_> = app.tasks.iter().map(|task| (task.running, task.healthy, task.version.is_some())).collect();
    // All of two checks; one of two so far; one that failed; staged, of which Marathon tells next to nothing.
    assert_eq!(tasks, [(true, Some(true), true), (true, None, true), (true, Some(false), true), (false, None, false)]);
    assert_eq!((app.tasks[0].agent.as_str(), app.tasks[0].host.as_str()), ("5f0e-S3", "agent7.example"));
    assert!(!format!("{app:?}").contains("never-forward-this"));
}

#[tokio::test]
async fn sandboxes_are_all_that_the_framework_is_for() {
    let (script, marathon) = marathon([ok(APP), json("500 Oops", ""), ok(APP), ok(INFO), ok(APP)]).await;
    assert_eq!(marathon.app(ID).await.unwrap().framework, None);
    assert_eq!(marathon.app("core/symxchange").await.unwrap().framework.as_deref(), Some("0d3f1c1e-0000"));
    // It is asked for once.
    assert_eq!(marathon.app(ID).await.unwrap().framework.as_deref(), Some("0d3f1c1e-0000"));
    let paths: Vec<_> = script.requests().iter().map(|request| request.path.clone()).collect();
    assert_eq!(
        (paths[2].as_str(), paths[3].as_str(), paths[4].as_str()),
        ("/v2/apps/core/symxchange", "/v2/info", "/v2/apps/core/symxchange")
    );
}

#[tokio::test]
async fn an_app_is_renewed_when_everything_is_new_and_well() {
    let mut app = app().await;
    let old = vec![app.tasks[0].id.clone()];
    assert_eq!(app.renewed(&old), Err("0 of 3 instances are new and well".to_owned()));
    assert_eq!(app.well(), Err("1 of 3 instances are well".to_owned()));
    for task in &mut app.tasks[1..3] {
        task.healthy = Some(true);
    }
    assert_eq!(app.renewed(&old), Err("2 of 3 instances are new and well".to_owned()));
    app.tasks[3].running = true;
    app.tasks[3].healthy = Some(true);
    assert_eq!(app.renewed(&old), Err("1 of the old instances is still there".to_owned()));
    assert_eq!(app.renewed(&[]), Err("2 of 3 instances are healthy".to_owned()), "by Marathon's own count");
    app.tasks.remove(0);
    (app.healthy, app.running) = (3, 2);
    assert_eq!(app.renewed(&old), Err("2 of 3 instances run".to_owned()));
    app.running = 3;
    assert_eq!(app.renewed(&old), Err("it is still being deployed".to_owned()));
    assert_eq!(app.well(), Err("it is still being deployed".to_owned()));
    app.deployments.clear();
    assert_eq!((app.renewed(&old), app.well()), (Ok(()), Ok(())));
    // Without checks, running is well; and a suspended app has nothing to renew.
    let checked = |task: &mut Task| task.healthy = None;
    app.tasks.iter_mut().for_each(checked);
    (app.has_checks, app.healthy) = (false, 0);
    assert_eq!(app.renewed(&old), Ok(()));
    (app.instances, app.running) = (0, 0);
    app.tasks.clear();
    assert_eq!(app.renewed(&old), Ok(()));
}

#[tokio::test]
async fn a_restart_is_asked_for_once_and_never_forced() {
    let (script, marathon) = marathon([ok(r#"{"version":"2024-05-01T10:10:00.123Z","deploymentId":"97c136bf"}"#)]).await;
    let restarted = marathon.restart(ID).await.unwrap();
    assert_eq!((restarted.deployment.as_str(), restarted.version.as_str()), ("97c136bf", "2024-05-01T10:10:00.123Z"));
    let request = &script.requests()[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v2/apps/core/symxchange/restart?force=false"));
    assert_eq!((request.header("content-type"), request.body.as_str()), (Some("application/json"), ""));
}

#[tokio::test]
async fn refusals_and_lost_answers_of_a_restart() {
    let locked = r#"{"message":"App is locked by one or more deployments. Override with the option '?force=true'.","deployments":[{"id":"97c1"},{"id":"a\n<b>"}]}"#;
    for (answer, expected, words) in [
        (json("409 Conflict", locked), "conflict", "(deployment 97c1, a <b>)"),
        (json("409 Conflict", r#"{"message":"An app with id exists already"}"#), "conflict", "409: An app"),
        (
            json("403 Forbidden", r#"{"message":"Max number (100) of running deployments has been reached."}"#),
            "retry",
            "Max number",
        ),
        (json("403 Forbidden", r#"{"message":"Not authorized"}"#), "misconfigured", "Not authorized"),
        (reply("403 Forbidden", "text/html", "<html>no"), "misconfigured", "403"),
        (json("404 Not Found", r#"{"message":"App '/core/symxchange' does not exist"}"#), "missing", "does not exist"),
        (reply("401 Unauthorized", "text/html", "<html>"), "misconfigured", "401"),
        (json("415 Unsupported Media Type", "{}"), "rejected", "415"),
        (json("422 Unprocessable Entity", r#"{"message":"Object is not valid"}"#), "rejected", "not valid"),
        (json("500 Server Error", r#"{"message":"URI not found"}"#), "misconfigured", "address"),
        (json("500 Server Error", r#"{"message":"boom"}"#), "unknown", "boom"),
        (reply("502 Bad Gateway", "text/plain", "Could not determine the current leader"), "retry", "leads"),
        (reply("502 Bad Gateway", "text/html", "<html>nginx"), "unknown", "502"),
        (json("503 Service Unavailable", r#"{"message":"Too many concurrent requests! Allowed: 100."}"#), "retry", "Too many"),
        (reply("302 Found", "text/html", ""), "misconfigured", "302"),
        (reply("200 OK", "text/html", "<html>login"), "misconfigured", "web page"),
        (json("200 OK", r#"{"version":"v"}"#), "unknown", "another shape"),
        (json("200 OK", r#"{"version":"","deploymentId":"x"}"#), "unknown", "begun"),
        (json("200 OK", &"x".repeat(100_000)), "unknown", "larger"),
        (String::new(), "unknown", ""),
    ] {
        let (_, marathon) = marathon([answer.clone()]).await;
        let error = marathon.restart(ID).await.unwrap_err();
        let start: String = answer.chars().take(200).collect();
        assert!(error.as_str() == expected && error.reason().contains(words), "{start}: {error:?}");
    }
}

#[tokio::test]
async fn ids_that_mean_something_else_are_never_sent() {
    let (script, marathon) = marathon([""; 0]).await;
    for id in [
        "",
        "/",
        "//a",
        "a/",
        "a/*",
        "a/../b",
        "a?force=true",
        "a b",
        "a/restart",
        "/tasks",
        "a/versions",
        "a%2Fb",
        "é",
        &"a".repeat(2_000),
    ] {
        assert_eq!(marathon.restart(id).await.unwrap_err().as_str(), "rejected", "{id:?}");
        assert_eq!(marathon.app_url(id), None, "{id:?}");
    }
    assert!(script.requests().is_empty());
    for id in ["/core/x.y-1", "core/x.y-1"] {
        assert_eq!(marathon.app_url(id), Some(format!("{}/ui/#/apps/%2Fcore%2Fx.y-1", script.url)));
    }
}

#[tokio::test]
async fn what_waits_says_why() {
    for (id, expected) in [
        ("/core/backing-off", Some("2 instances wait for 240 s more before the next attempt, since earlier ones failed")),
        (
            "core/no-room",
            Some("1 instance waits for an agent with room: InsufficientMemory (7 of 7 offers), InsufficientCpus (2 of 7 offers)"),
        ),
        ("core/new", Some("1 instance waits for an offer of Mesos")),
        ("core/none", None),
        ("core/pod", None),
        ("core/other", None),
    ] {
        let (script, marathon) = marathon([ok(QUEUE)]).await;
        assert_eq!(marathon.stuck(id).await.unwrap().as_deref(), expected, "{id}");
        assert_eq!(script.requests()[0].path, "/v2/queue?embed=lastUnusedOffers");
    }
}

#[tokio::test]
async fn versions_are_times_newest_first() {
    let (script, marathon) =
        marathon([ok(r#"{"versions":["2024-05-01T08:00:00.000Z","2024-05-01T10:00:00.123Z","2024-05-01T09:00:00Z"]}"#)]).await;
    let versions: Vec<String> = marathon.versions(ID).await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(versions, ["2024-05-01T10:00:00.123Z", "2024-05-01T09:00:00Z", "2024-05-01T08:00:00Z"]);
    assert_eq!(script.requests()[0].path, "/v2/apps/core/symxchange/versions");
    for (answer, kind) in [
        (ok(r#"{"versions":["yesterday"]}"#), "misconfigured"),
        (ok(r#"{"versions":7}"#), "misconfigured"),
        (json("404 Not Found", r#"{"message":"App '/core/symxchange' does not exist"}"#), "missing"),
    ] {
        let (_, marathon) = super::tests::marathon([answer]).await;
        assert_eq!(marathon.versions(ID).await.unwrap_err().as_str(), kind);
    }
}
