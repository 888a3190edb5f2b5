//! Against recorded answers, and against servers that answer something else.

use super::*;
use crate::call::Auth;
use crate::call::script::{Script, hostile, ok, reply};

const SLAVES: &str = include_str!("testdata/slaves.json");
const STATE: &str = include_str!("testdata/state.json");
const FRAMEWORK: &str = "0d3f-0000";
const AGENT: &str = "0d3f-S1";
const TASK: &str = "core_x.instance-1._app.1";

fn bearer() -> Auth {
    Auth::Bearer("tok3n-s3cret".to_owned())
}

fn host(script: &Script) -> &str {
    script.url.strip_prefix("http://").unwrap()
}

/// A master that names the agent.
async fn master(agent: &Script) -> (Script, Mesos) {
    let script = Script::of([ok(SLAVES.replace("AGENT", host(agent)))]).await;
    let mesos = Mesos::new(script.site_as(&bearer()));
    (script, mesos)
}

async fn tail_of(task: &str, bytes: u64, answers: Vec<Vec<u8>>) -> (Script, Result<Vec<String>, CallError>) {
    let agent = Script::of(answers).await;
    let (_, mesos) = master(&agent).await;
    let lines = mesos.tail(FRAMEWORK, task, AGENT, "stderr", bytes).await;
    (agent, lines)
}

fn size(size: u64) -> Vec<u8> {
    ok(format!(r#"{{"data":"","offset":{size}}}"#)).into()
}

#[tokio::test]
async fn a_check_tells_the_version_and_whether_there_are_agents() {
    let script = Script::of([ok(SLAVES), ok(r#"{"slaves":[]}"#)]).await;
    let mesos = Mesos::new(script.site());
    let found = mesos.check().await.unwrap();
    assert_eq!((found.system.as_str(), found.version.as_deref(), found.notes.len()), ("Mesos", Some("1.11.0"), 0));
    let filtered = mesos.check().await.unwrap();
    assert_eq!((filtered.version, filtered.notes.len()), (None, 1));
    assert_eq!(script.requests()[0].path, "/slaves");
}

#[tokio::test]
async fn what_is_no_master_is_told() {
    for (answer, kind) in hostile() {
        let start: String = answer.chars().take(100).collect();
        let script = Script::of([answer]).await;
        assert_eq!(Mesos::new(script.site()).check().await.unwrap_err().as_str(), kind, "{start}");
    }
}

#[tokio::test]
async fn a_tail_is_whole_lines_of_the_task_s_own_file() {
    let part = ok(r#"{"data":"of a line\nERROR for 4111111111111111\n\tat Foo.java:12\npassword=hun","offset":900}"#);
    let (agent, lines) = tail_of(TASK, 100, vec![ok(STATE).into(), size(1_000), part.into()]).await;
    assert_eq!(lines.unwrap(), ["ERROR for ****1111", " at Foo.java:12"]);
    let requests = agent.requests();
    assert_eq!(requests[0].path, "/state");
    let directory = "/var/lib/mesos/slave/slaves/0d3f-S1/frameworks/0d3f-0000/executors/core_x.instance-1._app.1/runs/c-1";
    assert_eq!(requests[1].pairs(), [("path".to_owned(), format!("{directory}/stderr")), ("offset".to_owned(), "-1".to_owned())]);
    assert_eq!((requests[2].pair("offset").as_deref(), requests[2].pair("length").as_deref()), (Some("900"), Some("100")));
    assert!(requests.iter().all(|request| request.header("authorization") == Some("Bearer tok3n-s3cret")));
}

#[tokio::test]
async fn sandboxes_of_pods_and_of_what_has_ended_are_found() {
    for (task, path) in [
        ("core_pod.instance-1.web", "/var/lib/mesos/pod/tasks/core_pod.instance-1.web/stderr"),
        ("core_x.instance-0._app.1", "/var/lib/mesos/old/stderr"),
    ] {
        let (agent, lines) =
            tail_of(task, 9_999_999, vec![ok(STATE).into(), size(3), ok(r#"{"data":"a\nb","offset":0}"#).into()]).await;
        // Small enough to be read from its start.
        assert_eq!(lines.unwrap(), ["a"]);
        let requests = agent.requests();
        assert_eq!(requests[2].pair("path").as_deref(), Some(path));
        assert_eq!((requests[2].pair("offset").as_deref(), requests[2].pair("length").as_deref()), (Some("0"), Some("65536")));
    }
    let huge = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{{", 1_u64 << 30);
    let (agent, lines) = tail_of(TASK, 10, vec![huge.into(), size(3), ok(r#"{"data":"a\n","offset":0}"#).into()]).await;
    assert_eq!(lines.unwrap(), ["a"]);
    assert_eq!(agent.requests()[1].pair("path").unwrap(), format!("/frameworks/{FRAMEWORK}/executors/{TASK}/runs/latest/stderr"));
}

#[tokio::test]
async fn bytes_that_are_no_text_do_not_hide_the_rest() {
    let mut body = b"{\"data\":\"caf\xe9 \\u001b[31mred\\u0000\\n\",\"offset\":0}".to_vec();
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.append(&mut body);
    let (_, lines) = tail_of(TASK, 100, vec![ok(STATE).into(), size(10), answer]).await;
    assert_eq!(lines.unwrap(), ["caf\u{fffd} red"]);
}

#[tokio::test]
async fn what_is_gone_or_wrong_on_the_agent_is_told() {
    let state = || -> Vec<u8> { ok(STATE).into() };
    let status = |status: &str| -> Vec<u8> { reply(status, "text/plain", "").into() };
    for (task, answers, kind) in [
        (TASK, vec![state(), status("404 Not Found")], "missing"),
        (TASK, vec![state(), size(10), status("404 Not Found")], "missing"),
        ("core_x.instance-9._app.1", vec![state()], "missing"),
        ("evil", vec![state()], "misconfigured"),
        (TASK, vec![status("403 Forbidden")], "misconfigured"),
        (TASK, vec![state(), status("403 Forbidden")], "misconfigured"),
        (TASK, vec![state(), ok("[]").into()], "misconfigured"),
        (TASK, vec![state(), ok(r#"{"data":"","offset":-1}"#).into()], "misconfigured"),
        (TASK, vec![state(), size(1 << 40), ok("x".repeat(1 << 20)).into()], "rejected"),
        (TASK, vec![state(), size(10), Vec::new()], "unknown"),
        (TASK, vec![ok("{}").into()], "misconfigured"),
        // The agent's address is not reachable, and its name neither.
        (TASK, vec![], "retry"),
    ] {
        let (_, lines) = tail_of(task, 100, answers).await;
        assert_eq!(lines.unwrap_err().as_str(), kind, "{task}");
    }
    // Truncated meanwhile.
    let (_, lines) = tail_of(TASK, 100, vec![state(), size(1 << 40), ok(r#"{"data":"","offset":99}"#).into()]).await;
    assert_eq!(lines, Ok(Vec::new()));
}

#[tokio::test]
async fn nothing_else_can_be_asked_for() {
    let script = Script::of([""; 0]).await;
    let mesos = Mesos::new(script.site());
    for (framework, task, agent, file) in [
        (FRAMEWORK, TASK, AGENT, "../../etc/passwd"),
        (FRAMEWORK, TASK, AGENT, "stdout.1"),
        (FRAMEWORK, "a/../b", AGENT, "stdout"),
        (FRAMEWORK, "..", AGENT, "stdout"),
        ("", TASK, AGENT, "stdout"),
        (FRAMEWORK, TASK, "a b", "stdout"),
    ] {
        assert_eq!(mesos.tail(framework, task, agent, file, 10).await.unwrap_err().as_str(), "rejected");
    }
    assert!(script.requests().is_empty());
}

#[tokio::test]
async fn only_what_the_master_names_is_asked() {
    for (slaves, kind) in [
        (r#"{"slaves":[]}"#.to_owned(), "missing"),
        // Filters in silence, or not at all.
        (SLAVES.replace("0d3f-S1", "0d3f-S2"), "missing"),
        (r#"{"slaves":[{"id":"0d3f-S1"}]}"#.to_owned(), "missing"),
        (r#"{"slaves":[{"id":"0d3f-S1","pid":"slave(1)@evil/path?x:80"}]}"#.to_owned(), "misconfigured"),
        (r#"{"slaves":[{"id":"0d3f-S1","pid":"slave(1)@user@169.254.169.254:80"}]}"#.to_owned(), "misconfigured"),
        (r#"{"slaves":[{"id":"0d3f-S1","pid":"slave(1)@:80"}]}"#.to_owned(), "misconfigured"),
    ] {
        let script = Script::of([ok(&slaves)]).await;
        let error = Mesos::new(script.site()).tail(FRAMEWORK, TASK, AGENT, "stdout", 10).await.unwrap_err();
        assert_eq!(error.as_str(), kind, "{slaves}");
        assert_eq!(script.requests()[0].path, "/slaves?slave_id=0d3f-S1");
    }
}

#[tokio::test]
async fn a_master_that_does_not_lead_names_the_one_that_does() {
    let moved =
        |to: &str| format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let leader = Script::of([ok(SLAVES)]).await;
    let standby = Script::of([moved(&format!("//{}/slaves", host(&leader)))]).await;
    assert_eq!(Mesos::new(standby.site()).check().await.unwrap().version.as_deref(), Some("1.11.0"));
    assert_eq!(leader.requests()[0].path, "/slaves");
    // Each passes it on to the other: once is enough.
    let other = Script::of([moved("//127.0.0.1:1/slaves")]).await;
    let standby = Script::of([moved(&format!("//{}/slaves", host(&other)))]).await;
    assert_eq!(Mesos::new(standby.site()).check().await.unwrap_err().as_str(), "misconfigured");
    for to in ["/slaves", "//169.254.169.254/slaves", "http://", ""] {
        let standby = Script::of([moved(to)]).await;
        assert_eq!(Mesos::new(standby.site()).check().await.unwrap_err().as_str(), "misconfigured", "{to}");
    }
    let none = Script::of([reply("503 Service Unavailable", "text/plain", "No leader elected")]).await;
    assert_eq!(Mesos::new(none.site()).check().await.unwrap_err().as_str(), "retry");
}
