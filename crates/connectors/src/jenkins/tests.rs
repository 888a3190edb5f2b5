//! Against recorded answers, and against servers that answer something else.

use super::*;
use crate::call::Auth;
use crate::call::script::{Script, hostile};
use std::collections::BTreeMap;

const JOB: &str = include_str!("testdata/job.json");
const QUEUE: &str = include_str!("testdata/queue.json");
const BUILDS: &str = include_str!("testdata/builds.json");
const HISTORY: &str = include_str!("testdata/history.json");
const NAME: &str = "ops/restart-service";
const TOKEN: &str = "11aa22bb33cc44dd55ee66ff7700889911";

fn said(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

fn json(body: &str) -> String {
    said("200 OK", "X-Jenkins: 2.516\r\nContent-Type: application/json;charset=utf-8\r\n", body)
}

fn page(status: &str, body: &str) -> String {
    said(status, "Content-Type: text/html;charset=utf-8\r\n", body)
}

fn log(headers: &str, body: &str) -> String {
    said("200 OK", &format!("Content-Type: text/plain;charset=UTF-8\r\n{headers}"), body)
}

async fn jenkins<A: Into<Vec<u8>>>(answers: impl IntoIterator<Item = A>) -> (Script, Jenkins) {
    let script = Script::of(answers).await;
    let auth = Auth::Basic { user: "firedog".to_owned(), password: TOKEN.to_owned() };
    // With a context path.
    let jenkins = Jenkins::new(Site::new(&format!("{}/jenkins/", script.url), &auth, None).unwrap());
    (script, jenkins)
}

fn parameters(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn kind<T: std::fmt::Debug>(result: Result<T, CallError>) -> &'static str {
    result.unwrap_err().as_str()
}

#[tokio::test]
async fn a_check_tells_version_identity_and_what_is_wrong() {
    let me = r#"{"_class":"hudson.security.WhoAmI","anonymous":false,"authenticated":true,"name":"firedog"}"#;
    let (script, jenkins) = jenkins([json(r#"{"quietingDown":false,"mode":"NORMAL"}"#), json(me)]).await;
    let found = jenkins.check().await.unwrap();
    assert_eq!((found.system.as_str(), found.version.as_deref()), ("Jenkins", Some("2.516")));
    assert_eq!((found.identity.as_deref(), found.notes.len()), (Some("firedog"), 0));
    assert!(script.requests()[0].path.starts_with("/jenkins/api/json?tree="));
    assert!(script.requests()[1].path.starts_with("/jenkins/whoAmI/api/json?tree="));

    let nobody = json(r#"{"anonymous":true,"name":"anonymous"}"#);
    let (_, jenkins) = super::tests::jenkins([json(r#"{"quietingDown":true}"#), nobody]).await;
    let notes = jenkins.check().await.unwrap().notes;
    assert!(notes[0].contains("shut down") && notes[1].contains("nobody is signed in"), "{notes:?}");
}

#[tokio::test]
async fn what_is_no_jenkins_is_told() {
    for (answer, kind) in hostile() {
        let start: String = answer.chars().take(120).collect();
        let (_, jenkins) = jenkins([answer]).await;
        assert_eq!(self::kind(jenkins.check().await), kind, "{start}");
    }
    // JSON, but without the header.
    let (_, jenkins) = jenkins([crate::call::script::ok(r#"{"quietingDown":false}"#)]).await;
    let error = jenkins.check().await.unwrap_err();
    assert!(error.as_str() == "misconfigured" && error.reason().contains("X-Jenkins"), "{error:?}");
    for body in ["[]", "[1,2]", "{\"buildable\":7}", &"[".repeat(100_000), "{\"buildable\":true,\"nextBuildNumber\":-1}", ""] {
        let (_, jenkins) = super::tests::jenkins([json(body)]).await;
        let error = jenkins.job(NAME).await.unwrap_err();
        assert!(matches!(error.as_str(), "misconfigured" | "rejected"), "{error:?}");
    }
}

#[tokio::test]
async fn rights_and_crumbs_are_told_apart() {
    let right = "X-You-Are-Authenticated-As: viewer\r\nX-Required-Permission: hudson.model.Item.Build\r\n";
    for (answer, words) in [
        (said("403 Forbidden", right, "<html>viewer is missing"), "lacks the right `hudson.model.Item.Build`"),
        (page("403 Forbidden", "<html>No valid crumb was included in the request"), "API token"),
        (said("403 Forbidden", "X-Required-Permission: <script>\r\n", ""), "may not do this"),
        (page("401 Unauthorized", "<html>Invalid password/token"), "401"),
    ] {
        let (_, jenkins) = jenkins(vec![answer; 3]).await;
        for error in [
            jenkins.build(NAME, &parameters(&[("A", "1")])).await.unwrap_err(),
            jenkins.job(NAME).await.unwrap_err(),
            jenkins.stop(NAME, 1).await.unwrap_err(),
        ] {
            assert!(error.as_str() == "misconfigured" && error.reason().contains(words), "{words}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_job_tells_what_it_takes() {
    let (script, jenkins) = jenkins([json(JOB)]).await;
    let job = jenkins.job(NAME).await.unwrap();
    assert!(script.requests()[0].path.starts_with("/jenkins/job/ops/job/restart-service/api/json?tree="));
    assert_eq!(script.requests()[0].header("authorization").unwrap().split(' ').next(), Some("Basic"));
    assert_eq!(
        (job.buildable, job.next_build, job.declares("FIREDOG_RUN"), job.declares("firedog_run")),
        (true, 58, true, false)
    );
    let kinds: Vec<_> = job.parameters.iter().map(|parameter| (&parameter.kind, parameter.default.as_deref())).collect();
    let choices = ParameterKind::Choice(vec!["staging".to_owned(), "production".to_owned()]);
    assert_eq!(
        kinds,
        [
            (&ParameterKind::Text, Some("")),
            (&choices, Some("staging")),
            (&ParameterKind::Bool, Some("false")),
            (&ParameterKind::Secret, None),
            (&ParameterKind::Other, None),
            (&ParameterKind::Text, Some("")),
        ]
    );
    assert_eq!(job.fits(&parameters(&[("SERVICE", ""), ("ENV", "production"), ("DRY_RUN", "true"), ("KEY", "x")])), Ok(()));
    for (name, value, words) in [
        ("SERVCIE", "x", "it has `SERVICE`, `ENV`, `DRY_RUN`"),
        ("ENV", "moon", "`ENV` is one of `staging`, `production`"),
        ("ENV", "", "is one of"),
        ("DRY_RUN", "yes", "`true` or `false`"),
        ("DRY_RUN", "True", "`true` or `false`"),
        ("a\n4111111111111111", "", "`a ****1111`"),
    ] {
        let wrong = job.fits(&parameters(&[(name, value)])).unwrap_err();
        assert!(wrong.contains(words), "{wrong}");
    }
    let bare = Job { buildable: true, parameters: Vec::new(), next_build: 1 };
    assert!(bare.fits(&parameters(&[("A", "")])).unwrap_err().contains("no parameters"));
    assert_eq!(bare.fits(&parameters(&[])), Ok(()));
}

#[tokio::test]
async fn folders_and_disabled_jobs_are_seen() {
    let many = format!(
        r#"{{"buildable":true,"nextBuildNumber":1,"property":[{{"parameterDefinitions":[{}]}}]}}"#,
        vec![r#"{"name":"a"}"#; 300].join(",")
    );
    let disabled = r#"{"buildable":false,"nextBuildNumber":2,"property":[]}"#;
    let (_, jenkins) = jenkins([
        json(r#"{"_class":"com.cloudbees.hudson.plugins.folder.Folder"}"#),
        json(&many),
        json(disabled),
        page("404 Not Found", "<html>"),
    ])
    .await;
    assert_eq!(kind(jenkins.job("ops").await), "rejected");
    assert_eq!(kind(jenkins.job("ops").await), "rejected");
    assert!(!jenkins.job("ops").await.unwrap().buildable);
    assert_eq!(kind(jenkins.job("ops").await), "missing");
    // Nothing is asked of a name that is none.
    for name in ["", "/ops", "ops/", "ops//x", "ops/../x", &"a/".repeat(30), "a\nb"] {
        assert_eq!(kind(jenkins.job(name).await), "rejected", "{name:?}");
        assert_eq!(jenkins.job_url(name), None, "{name:?}");
    }
}

#[tokio::test]
async fn a_build_is_queued_by_a_form_and_its_item_taken_from_any_host() {
    let elsewhere = "Location: https://jenkins.invalid/x/queue/item/123/\r\n";
    let (script, jenkins) =
        jenkins([said("201 Created", elsewhere, ""), said("303 See Other", "Location: /queue/item/9\r\n", "")]).await;
    assert_eq!(jenkins.build(NAME, &parameters(&[("SERVICE", "a&b"), ("ENV", "production")])).await, Ok(123));
    assert_eq!(jenkins.build("ops/a b%2Fc", &parameters(&[("ENV", "")])).await, Ok(9));
    let requests = script.requests();
    assert_eq!(requests[0].method, "POST");
    assert_eq!(requests[0].path, "/jenkins/job/ops/job/restart-service/buildWithParameters?delay=0sec");
    assert_eq!(requests[0].body, "ENV=production&SERVICE=a%26b", "values are in no access log");
    assert_eq!(requests[1].path, "/jenkins/job/ops/job/a%20b%252Fc/buildWithParameters?delay=0sec");
}

#[tokio::test]
async fn what_was_not_queued_is_told_from_what_may_have_been() {
    let moved = |to: &str| said("302 Found", &format!("Location: {to}\r\n"), "");
    let broken = "HTTP/1.1 201 Created\r\nLocation: /queue/item/5/\r\nContent-Length: 9\r\n\r\nx".to_owned();
    for (answer, expected, words) in [
        (moved("."), "retry", "refused"),
        (moved("https://jenkins.invalid/jenkins/job/ops/job/restart-service/"), "retry", "refused"),
        (moved("/login?from=%2Fjob%2Fops%2Fjob%2Frestart-service"), "misconfigured", "sign in"),
        (moved("https://sso.example/in?token=secret-of-sso"), "misconfigured", "sign in"),
        (said("302 Found", "", ""), "misconfigured", "302"),
        (page("409 Conflict", "<html>restart-service is not buildable"), "conflict", "disabled"),
        (page("400 Bad Request", "<html>restart-service is not parameterized"), "rejected", "no parameters"),
        (page("500 Server Error", "<html>IllegalStateException: This build is not parameterized!"), "rejected", "no parameters"),
        (page("400 Bad Request", "<html>"), "rejected", "400"),
        (
            page("500 Server Error", "<html>Oops IllegalArgumentException: Illegal choice for parameter ENV: moon"),
            "rejected",
            "choices",
        ),
        (page("500 Server Error", "<html>Illegal number of parameter values"), "rejected", "twice"),
        (page("500 Server Error", "<html>Oops"), "unknown", "does not say"),
        (page("500 Server Error", &"x".repeat(2 << 20)), "unknown", "does not say"),
        (page("404 Not Found", "<html>"), "missing", "404"),
        (page("405 Method Not Allowed", "<html>"), "rejected", "405"),
        (page("502 Bad Gateway", "<html>"), "unknown", "502"),
        (page("503 Service Unavailable", "<html>Please wait while Jenkins is getting ready to work"), "retry", "503"),
        (page("200 OK", "<html><form action=login>"), "misconfigured", "web page"),
        (said("200 OK", "", ""), "unknown", "does not say"),
        (said("201 Created", "", ""), "unknown", "which item"),
        (said("201 Created", "Location: /queue/item/+5/\r\n", ""), "unknown", "which item"),
        (said("201 Created", "Location: /queue/item/99999999999999999999999/\r\n", ""), "unknown", "which item"),
        (said("303 See Other", "Location: /job/ops/\r\n", ""), "unknown", "which item"),
        // The answer is lost: on the way back, or within.
        (String::new(), "unknown", ""),
        (broken, "unknown", ""),
    ] {
        let (_, jenkins) = jenkins([answer.clone()]).await;
        let error = jenkins.build(NAME, &parameters(&[("ENV", "moon")])).await.unwrap_err();
        let start: String = answer.chars().take(150).collect();
        assert!(error.as_str() == expected && error.reason().contains(words), "{start}: {error:?}");
        assert!(!error.reason().contains("moon") && !error.reason().contains("secret"), "{error:?}");
    }
    let (script, jenkins) = jenkins([""; 0]).await;
    let long = "x".repeat(70 << 10);
    for wrong in [("delay", "9"), ("A", long.as_str())] {
        assert_eq!(kind(jenkins.build(NAME, &parameters(&[wrong])).await), "rejected");
    }
    assert_eq!(kind(jenkins.build(NAME, &parameters(&[])).await), "retry", "nobody listens");
    assert!(script.requests().is_empty());
}

#[tokio::test]
async fn a_job_without_parameters_is_built_too() {
    let answers =
        [page("400 Bad Request", "<html>x is not parameterized"), said("201 Created", "Location: /queue/item/7/\r\n", "")];
    let (script, jenkins) = jenkins(answers).await;
    assert_eq!(jenkins.build("x", &parameters(&[])).await, Ok(7));
    let paths: Vec<_> = script.requests().iter().map(|request| request.path.clone()).collect();
    assert_eq!(paths, ["/jenkins/job/x/buildWithParameters?delay=0sec", "/jenkins/job/x/build?delay=0sec"]);
}

#[tokio::test]
async fn an_item_goes_through_the_queue() {
    let answers = [
        json(include_str!("testdata/waiting.json")),
        json(r#"{"_class":"hudson.model.Queue$LeftItem","cancelled":false,"executable":null,"why":null}"#),
        json(include_str!("testdata/left.json")),
        json(r#"{"cancelled":true,"executable":null}"#),
        page("404 Not Found", "<html>"),
        page("403 Forbidden", "<html>"),
    ];
    let (script, jenkins) = jenkins(answers).await;
    let why = "Waiting for next available executor on ‘agent-1’".to_owned();
    assert_eq!(jenkins.queued(123).await, Ok(Queued::Waiting { why, stuck: true }));
    assert_eq!(jenkins.queued(123).await, Ok(Queued::Waiting { why: "it is about to begin".to_owned(), stuck: false }));
    assert_eq!(jenkins.queued(123).await, Ok(Queued::Began { build: 58 }));
    assert_eq!(jenkins.queued(123).await, Ok(Queued::Cancelled));
    assert_eq!(jenkins.queued(123).await, Ok(Queued::Gone));
    assert_eq!(kind(jenkins.queued(123).await), "misconfigured");
    assert!(script.requests()[0].path.starts_with("/jenkins/queue/item/123/api/json?tree="));
}

#[tokio::test]
async fn items_are_cancelled_whatever_the_age_of_jenkins() {
    for status in ["204 No Content", "302 Found", "404 Not Found"] {
        let (script, jenkins) = jenkins([said(status, "", "")]).await;
        assert_eq!(jenkins.cancel(5).await, Ok(()), "{status}");
        assert_eq!(
            (script.requests()[0].method.as_str(), script.requests()[0].path.as_str()),
            ("POST", "/jenkins/queue/cancelItem?id=5")
        );
    }
    for (status, expected) in
        [("422 Unprocessable Entity", "conflict"), ("500 Server Error", "unknown"), ("403 Forbidden", "misconfigured")]
    {
        let (_, jenkins) = jenkins([said(status, "", "")]).await;
        assert_eq!(kind(jenkins.cancel(5).await), expected);
    }
}

#[tokio::test]
async fn what_was_started_is_found_again() {
    let (script, jenkins) =
        jenkins([json(QUEUE), json(QUEUE), json(BUILDS), json(QUEUE), json(BUILDS), json(BUILDS), json(BUILDS)]).await;
    assert_eq!(jenkins.find(NAME, "FIREDOG_RUN", "run-1.3").await, Ok(Some(Place::Queued(123))));
    // The same value of another job's item, or of another parameter, is not it.
    assert_eq!(jenkins.find(NAME, "FIREDOG_RUN", "run-1.2").await, Ok(Some(Place::Build(58))));
    assert_eq!(jenkins.find(NAME, "FIREDOG_RUN", "run-1").await, Ok(None));
    assert_eq!(jenkins.build_of(NAME, 101).await, Ok(Some(57)));
    assert_eq!(jenkins.build_of(NAME, 102).await, Ok(None));
    let requests = script.requests();
    assert!(requests[0].path.starts_with("/jenkins/queue/api/json?"));
    assert_eq!(requests[2].pair("tree").unwrap(), "builds[number,actions[parameters[name,value]]]{0,100}");
}

#[tokio::test]
async fn a_build_ends_when_it_ends_and_not_when_its_result_is_known() {
    let plugin = r#"[{"id":"Go","message":"Really?"}]"#;
    let gone = || page("404 Not Found", "<html>");
    for (body, after, expected) in [
        (r#"{"building":true,"inProgress":true,"result":null}"#, Some(gone()), Ok((true, None, false))),
        (r#"{"building":true,"result":"SUCCESS"}"#, Some(gone()), Ok((true, Some(BuildResult::Success), false))),
        (
            r#"{"building":false,"inProgress":true,"result":"FAILURE"}"#,
            Some(gone()),
            Ok((true, Some(BuildResult::Failure), false)),
        ),
        (r#"{"building":true,"inProgress":true,"result":null}"#, Some(crate::call::script::ok(plugin)), Ok((true, None, true))),
        (r#"{"building":true,"result":null}"#, Some(crate::call::script::ok("[]")), Ok((true, None, false))),
        (r#"{"building":true,"result":null}"#, Some(page("200 OK", "<html>login")), Ok((true, None, false))),
        (r#"{"building":false,"inProgress":false,"result":"ABORTED"}"#, None, Ok((false, Some(BuildResult::Aborted), false))),
        (r#"{"building":false,"result":"NOT_BUILT"}"#, None, Ok((false, Some(BuildResult::NotBuilt), false))),
        (r#"{"building":false,"result":"UNSTABLE"}"#, None, Ok((false, Some(BuildResult::Unstable), false))),
        (r#"{"building":false,"result":"QUANTUM"}"#, None, Ok((false, Some(BuildResult::Other), false))),
        (r#"{"result":"SUCCESS"}"#, None, Err("misconfigured")),
    ] {
        let (script, jenkins) = jenkins([json(body)].into_iter().chain(after)).await;
        let build = jenkins.look(NAME, 58).await;
        let got = build.map(|build| (build.going, build.result, build.waits_for_input)).map_err(|error| error.as_str());
        assert_eq!(got, expected, "{body}");
        assert!(script.requests()[0].path.starts_with("/jenkins/job/ops/job/restart-service/58/api/json?tree="));
    }
    let (_, jenkins) = jenkins([gone()]).await;
    assert_eq!(kind(jenkins.look(NAME, 1).await), "missing");
}

#[tokio::test]
async fn stopping_is_asked_for_by_a_post() {
    let (script, jenkins) =
        jenkins([said("302 Found", "Location: https://jenkins.invalid/\r\n", ""), page("404 Not Found", "")]).await;
    assert_eq!(jenkins.stop(NAME, 58).await, Ok(()));
    assert_eq!(kind(jenkins.stop(NAME, 59).await), "missing");
    assert_eq!(
        (script.requests()[0].method.as_str(), script.requests()[0].path.as_str()),
        ("POST", "/jenkins/job/ops/job/restart-service/58/stop")
    );
}

#[tokio::test]
async fn a_console_is_whole_lines_masked() {
    let text = "Started by user ann\r\n\u{1b}[8mha:AAAA//secret==\u{1b}[0mpassword=hunter22 for 4111111111111111\r\npart of a li";
    let answers = [
        log("X-Text-Size: 0\r\nX-More-Data: true\r\n", ""),
        log("X-Text-Size: 900\r\nX-More-Data: true\r\n", text),
        log("X-Text-Size: 950\r\n", "part of a line\r\nFinished: SUCCESS"),
        log("X-Text-Size: 950\r\n", ""),
        // Rotated: served again from the start.
        log("X-Text-Size: 10\r\n", "new log\r\n"),
    ];
    let (script, jenkins) = jenkins(answers).await;
    assert_eq!(jenkins.console(NAME, 58, 0).await, Ok(Console { lines: Vec::new(), next: 0, more: true }));
    let part = jenkins.console(NAME, 58, 0).await.unwrap();
    assert_eq!(part.lines, ["Started by user ann", "password=**** for ****1111"]);
    assert_eq!((part.next, part.more), (900 - 12, true));
    let end = jenkins.console(NAME, 58, part.next).await.unwrap();
    assert_eq!(end, Console { lines: vec!["part of a line".to_owned(), "Finished: SUCCESS".to_owned()], next: 950, more: false });
    assert_eq!(jenkins.console(NAME, 58, end.next).await, Ok(Console { lines: Vec::new(), next: 950, more: false }));
    assert_eq!(jenkins.console(NAME, 58, 950).await.unwrap().next, 10);
    assert_eq!(script.requests()[2].path, "/jenkins/job/ops/job/restart-service/58/logText/progressiveText?start=888");
}

#[tokio::test]
async fn of_a_huge_console_the_end_is_read() {
    let size = 9_u64 << 30;
    let huge = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Text-Size: {size}\r\nX-More-Data: true\r\nContent-Length: {size}\r\n\r\n{}",
        "x\r\n".repeat(100_000)
    );
    let (script, jenkins) =
        jenkins([huge, log(&format!("X-Text-Size: {size}\r\nX-More-Data: true\r\n"), "cut line\r\nlast\r\n")]).await;
    let console = jenkins.console(NAME, 58, 1024).await.unwrap();
    assert_eq!(
        console.lines,
        [
            "(9437119 KiB are left out here; the whole console is in Jenkins)"
                .replace("9437119", &((size - 65_536 - 1024) / 1024).to_string()),
            "last".to_owned()
        ]
    );
    assert_eq!((console.next, script.requests()[1].pair("start")), (size, Some((size - 65_536).to_string())));
    for (answer, expected) in [
        (log("", "text"), "misconfigured"),
        (log("X-Text-Size: many\r\n", "text"), "misconfigured"),
        (page("200 OK", "<html>login"), "misconfigured"),
        (page("404 Not Found", "<html>"), "missing"),
    ] {
        let (_, jenkins) = super::tests::jenkins([answer]).await;
        assert_eq!(kind(jenkins.console(NAME, 58, 0).await), expected);
    }
}

#[tokio::test]
async fn links_are_made_of_our_own_address() {
    let (script, jenkins) = jenkins([""; 0]).await;
    let base = format!("{}/jenkins", script.url);
    assert_eq!(jenkins.job_url("ops/a b"), Some(format!("{base}/job/ops/job/a%20b/")));
    assert_eq!(jenkins.build_url(NAME, 58), Some(format!("{base}/job/ops/job/restart-service/58/")));
}

#[tokio::test]
async fn the_last_builds_tell_what_went_out_and_no_secret() {
    let (script, jenkins) = jenkins([json(HISTORY), json(HISTORY)]).await;
    let history = jenkins.history(NAME, &BTreeMap::new()).await.unwrap();
    let path = &script.requests()[0].path;
    assert!(path.starts_with("/jenkins/job/ops/job/restart-service/api/json?tree=inQueue"), "{path}");
    let numbers: Vec<u64> = history.builds.iter().map(|build| build.number).collect();
    assert_eq!((numbers, history.queued, history.listed_since), (vec![58, 57, 56], true, None));
    let [running, failed, old] = &history.builds[..] else { panic!("{history:?}") };
    assert_eq!((running.going, running.result, running.took_ms), (true, None, None));
    assert_eq!(
        (running.at.to_string().as_str(), running.cause.as_deref()),
        ("2024-05-01T10:00:00Z", Some("Started by user Ann"))
    );
    assert_eq!(running.parameters, parameters(&[("SERVICE", "symxchange-http-server"), ("DRY_RUN", "false")]));
    assert!(!format!("{history:?}").contains("never-show-this"));
    assert_eq!((failed.going, failed.result, failed.took_ms), (false, Some(BuildResult::Failure), Some(41_000)));
    assert_eq!((old.cause.as_deref(), old.parameters.len()), (None, 0));

    // Of a job that several services share.
    let own = jenkins.history(NAME, &parameters(&[("SERVICE", "symxchange-rpc-server")])).await.unwrap();
    assert_eq!((own.builds.len(), own.builds[0].number, own.queued), (1, 57, false));
}

#[tokio::test]
async fn a_history_that_is_cut_says_where_it_begins_and_nonsense_is_refused() {
    let build = |number: i64| {
        format!(r#"{{"number":{number},"timestamp":{},"result":"SUCCESS"}}"#, 1_714_550_400_000_i64 + 60_000 * number)
    };
    let many: Vec<String> = (0..100).map(build).collect();
    let (_, jenkins) = jenkins([json(&format!(r#"{{"builds":[{}]}}"#, many.join(",")))]).await;
    let history = jenkins.history(NAME, &parameters(&[("SERVICE", "x")])).await.unwrap();
    assert_eq!(
        (history.builds.len(), history.listed_since.map(|at| at.to_string()).as_deref()),
        (0, Some("2024-05-01T08:00:00Z"))
    );
    for (body, kind) in [
        (r#"{"jobs":[]}"#, "rejected"),
        (r#"{"builds":[{"number":1}]}"#, "misconfigured"),
        (r#"{"builds":[{"number":1,"timestamp":9223372036854775807}]}"#, "misconfigured"),
        ("[]", "misconfigured"),
    ] {
        let (_, jenkins) = super::tests::jenkins([json(body)]).await;
        assert_eq!(self::kind(jenkins.history(NAME, &BTreeMap::new()).await), kind, "{body}");
    }
    assert_eq!(kind(jenkins.history("ops//x", &BTreeMap::new()).await), "rejected");
}
