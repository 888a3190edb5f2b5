//! Against recorded answers, and against servers that answer something else.

use super::*;
use crate::call::Auth;
use crate::call::script::{Script, hostile, ok, reply};
use serde_json::Value;

const DEPLOYMENT: &str = include_str!("testdata/deployment.json");
const AT: &str = "2024-05-01T10:00:00Z";
const KEY: &str = "run-1.restart";

async fn kubernetes<A: Into<Vec<u8>>>(answers: impl IntoIterator<Item = A>) -> (Script, Kubernetes) {
    let script = Script::of(answers).await;
    let kubernetes = Kubernetes::new(script.site_as(&Auth::Bearer("t0ken-of-firedog".to_owned())));
    (script, kubernetes)
}

/// The recorded deployment, changed.
fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(DEPLOYMENT).unwrap();
    change(&mut value);
    ok(value.to_string())
}

fn restarted() -> String {
    changed(|value| {
        value["metadata"]["generation"] = json!(5);
        value["spec"]["template"]["metadata"]["annotations"] =
            json!({ "kubectl.kubernetes.io/restartedAt": AT, "firedog.dev/restart": KEY });
    })
}

fn status(code: &str, reason: &str, message: &str) -> String {
    let number: u16 = code[..3].parse().unwrap();
    let body = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": number, "message": message });
    reply(code, "application/json", &body.to_string())
}

async fn read(answer: String) -> Result<Deployment, CallError> {
    kubernetes([answer]).await.1.deployment("core", "web").await
}

#[tokio::test]
async fn a_check_tells_who_we_are_and_what_we_may_not() {
    let allowed = |allowed: bool| reply("201 Created", "application/json", &format!(r#"{{"status":{{"allowed":{allowed}}}}}"#));
    let me = r#"{"status":{"userInfo":{"username":"system:serviceaccount:ff:firedog","groups":[]}}}"#;
    let version = || ok(r#"{"major":"1","minor":"31","gitVersion":"v1.31.4"}"#);
    let answers =
        [version(), allowed(true), allowed(true), allowed(true), allowed(true), reply("201 Created", "application/json", me)];
    let (script, kubernetes) = kubernetes(answers).await;
    let found = kubernetes.check("core", false).await.unwrap();
    assert_eq!((found.system.as_str(), found.version.as_deref(), found.notes.len()), ("Kubernetes", Some("v1.31.4"), 0));
    assert_eq!(found.identity.as_deref(), Some("system:serviceaccount:ff:firedog"));
    let asked = script.requests()[1].json()["spec"]["resourceAttributes"].clone();
    assert_eq!(
        asked,
        json!({ "namespace": "core", "verb": "patch", "group": "apps", "resource": "deployments", "subresource": "" })
    );

    let gone = status("404 Not Found", "NotFound", "the server could not find the requested resource");
    let answers = [version(), allowed(false), allowed(true), allowed(false), allowed(true), gone];
    let (_, kubernetes) = super::tests::kubernetes(answers).await;
    let found = kubernetes.check("core", false).await.unwrap();
    assert_eq!((found.identity, found.notes.len()), (None, 2));
    assert!(found.notes[0].contains("in `core` the account may not restart deployments"), "{:?}", found.notes);
    // The version is told to everybody; a review is not.
    let (_, kubernetes) = super::tests::kubernetes([version(), status("401 Unauthorized", "Unauthorized", "Unauthorized")]).await;
    assert_eq!(kubernetes.check("core", false).await.unwrap_err().as_str(), "misconfigured");
}

#[tokio::test]
async fn what_is_no_kubernetes_is_told() {
    for (answer, kind) in hostile() {
        let start: String = answer.chars().take(100).collect();
        let (_, kubernetes) = kubernetes(vec![answer; 3]).await;
        assert_eq!(kubernetes.check("core", false).await.unwrap_err().as_str(), kind, "{start}");
        assert_eq!(kubernetes.deployment("core", "web").await.unwrap_err().as_str(), kind, "{start}");
        assert_eq!(kubernetes.events("core", "web-1").await.unwrap_err().as_str(), kind, "{start}");
    }
    for answer in [
        changed(|value| value["kind"] = json!("StatefulSet")),
        changed(|value| value["metadata"]["name"] = json!("other")),
        changed(|value| value["metadata"]["namespace"] = json!("kube-system")),
        changed(|value| value["metadata"]["generation"] = json!(-1)),
        changed(|value| value["spec"]["selector"] = json!({})),
        changed(|value| value["spec"]["selector"] = json!({ "matchLabels": { "app": "a,b" } })),
        changed(|value| value["spec"]["selector"] = json!({ "matchLabels": { "a=b,c": "" } })),
        changed(|value| {
            value["spec"]["selector"] = json!({ "matchExpressions": [{ "key": "a", "operator": "Gt", "values": ["1"] }] })
        }),
        changed(|value| value["spec"]["template"] = json!(null)),
    ] {
        assert_eq!(read(answer.clone()).await.unwrap_err().as_str(), "misconfigured", "{answer}");
    }
}

#[tokio::test]
async fn a_deployment_is_read() {
    let (script, kubernetes) = kubernetes([ok(DEPLOYMENT)]).await;
    let deployment = kubernetes.deployment("core", "web").await.unwrap();
    assert_eq!((deployment.generation, deployment.paused, deployment.replicas), (4, false, 3));
    assert_eq!((deployment.restarted_at.as_deref(), deployment.key.as_deref()), (Some("2024-05-01T09:00:00Z"), None));
    assert_eq!(deployment.selector, "app=web,tier=x,track notin (canary,dev),!legacy.example/x");
    assert_eq!(deployment.rollout, Rollout::Done);
    assert!(!format!("{deployment:?}").contains("never-forward-this"));
    assert_eq!(script.requests()[0].path, "/apis/apps/v1/namespaces/core/deployments/web");
    assert_eq!(script.requests()[0].header("authorization"), Some("Bearer t0ken-of-firedog"));
    // What is missing has its default.
    let bare = changed(|value| {
        value["spec"]["replicas"] = json!(null);
        value["spec"]["template"] = json!({});
        value["status"] = json!({});
    });
    let bare = read(bare).await.unwrap();
    assert_eq!((bare.replicas, bare.restarted_at), (1, None));
    for (namespace, name) in [("", "web"), ("core", ""), ("core", "../x"), ("core", "a,b"), ("core", "Web"), ("core", "..")] {
        assert_eq!(kubernetes.deployment(namespace, name).await.unwrap_err().as_str(), "rejected", "{namespace:?} {name:?}");
    }
}

#[tokio::test]
async fn a_rollout_goes_by_six_steps() {
    let late = json!([{ "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "ReplicaSet \"web-77d\" has timed out progressing." }]);
    let quota = json!([{ "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "pods is forbidden: exceeded quota: core" }]);
    let going = |text: &str| Rollout::Going(text.to_owned());
    for (status, expected) in [
        // Right after the change, with everything that was said of the one before, good or bad.
        (
            json!({ "observedGeneration": 3, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, "conditions": [{ "type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable" }] }),
            going("the cluster has not seen the change yet"),
        ),
        (json!({ "observedGeneration": 3, "conditions": late }), going("the cluster has not seen the change yet")),
        (json!({}), going("the cluster has not seen the change yet")),
        (
            json!({ "observedGeneration": 4, "updatedReplicas": 1, "conditions": late }),
            Rollout::Failed("no progress for too long: ReplicaSet \"web-77d\" has timed out progressing.".to_owned()),
        ),
        (
            json!({ "observedGeneration": 4, "replicas": 4, "updatedReplicas": 1, "availableReplicas": 3 }),
            going("1 of 3 pods are new"),
        ),
        (
            json!({ "observedGeneration": 4, "replicas": 3, "conditions": quota }),
            going("0 of 3 pods are new; pods is forbidden: exceeded quota: core"),
        ),
        (
            json!({ "observedGeneration": 4, "replicas": 5, "updatedReplicas": 3, "availableReplicas": 5 }),
            going("2 old pods are still there"),
        ),
        (
            json!({ "observedGeneration": 4, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 2 }),
            going("2 of 3 new pods are available"),
        ),
        (json!({ "observedGeneration": 5, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3 }), Rollout::Done),
    ] {
        let deployment = read(changed(|value| value["status"] = status.clone())).await.unwrap();
        assert_eq!(deployment.rollout, expected, "{status}");
    }
}

#[tokio::test]
async fn a_restart_is_one_patch_and_the_same_when_repeated() {
    let (script, kubernetes) = kubernetes([ok(DEPLOYMENT), restarted(), restarted()]).await;
    let deployment = kubernetes.restart("core", "web", AT, KEY).await.unwrap();
    assert_eq!((deployment.generation, deployment.key.as_deref()), (5, Some(KEY)));
    assert!(matches!(deployment.rollout, Rollout::Going(_)), "its status is still that of before: {deployment:?}");
    let request = script.requests()[1].clone();
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("PATCH", "/apis/apps/v1/namespaces/core/deployments/web?fieldManager=firedog")
    );
    assert_eq!(request.header("content-type"), Some("application/strategic-merge-patch+json"));
    let annotations = json!({ "kubectl.kubernetes.io/restartedAt": AT, "firedog.dev/restart": KEY });
    assert_eq!(request.json(), json!({ "spec": { "template": { "metadata": { "annotations": annotations } } } }));
    // Again, for instance after a crash: it is seen to be done.
    kubernetes.restart("core", "web", AT, KEY).await.unwrap();
    assert_eq!(script.requests().len(), 3);
}

#[tokio::test]
async fn somebody_else_s_restart_after_ours_is_not_repeated_by_us() {
    let theirs = changed(|value| {
        value["spec"]["template"]["metadata"]["annotations"] =
            json!({ "kubectl.kubernetes.io/restartedAt": "2024-05-01T10:03:00Z", "firedog.dev/restart": KEY });
    });
    let (script, kubernetes) = kubernetes([theirs]).await;
    let deployment = kubernetes.restart("core", "web", AT, KEY).await.unwrap();
    assert_eq!((deployment.restarted_at.as_deref(), script.requests().len()), (Some("2024-05-01T10:03:00Z"), 1));
}

#[tokio::test]
async fn a_paused_deployment_is_not_touched() {
    let (script, kubernetes) = kubernetes([changed(|value| value["spec"]["paused"] = json!(true))]).await;
    let error = kubernetes.restart("core", "web", AT, KEY).await.unwrap_err();
    assert!(error.as_str() == "conflict" && error.reason().contains("paused"), "{error:?}");
    assert_eq!(script.requests().len(), 1);
    let long = "k".repeat(300);
    for (at, key) in [("yesterday", KEY), ("", KEY), (AT, ""), (AT, "a\nb"), (AT, &long)] {
        assert_eq!(kubernetes.restart("core", "web", at, key).await.unwrap_err().as_str(), "rejected", "{at:?} {key:?}");
    }
}

#[tokio::test]
async fn refusals_and_lost_answers_of_a_restart() {
    let forbidden = "deployments.apps \"web\" is forbidden: User \"system:serviceaccount:ff:firedog\" cannot patch resource";
    let busy = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned();
    for (answer, kind, words) in [
        (status("403 Forbidden", "Forbidden", forbidden), "misconfigured", "cannot patch resource"),
        (status("401 Unauthorized", "Unauthorized", "Unauthorized"), "misconfigured", "Unauthorized"),
        (status("404 Not Found", "NotFound", "deployments.apps \"web\" not found"), "missing", "not found"),
        (status("409 Conflict", "Conflict", "the object has been modified"), "conflict", "modified"),
        (status("415 Unsupported Media Type", "UnsupportedMediaType", "x"), "rejected", "415"),
        (status("422 Unprocessable Entity", "Invalid", "must be strings"), "rejected", "strings"),
        (busy, "retry", "429"),
        (status("500 Internal Server Error", "InternalError", "x"), "unknown", "500"),
        (status("503 Service Unavailable", "ServiceUnavailable", "x"), "retry", "503"),
        (status("504 Gateway Timeout", "Timeout", "request did not complete"), "unknown", "504"),
        (String::new(), "unknown", ""),
        (ok("{}"), "unknown", "another shape"),
        (reply("200 OK", "text/html", "<html>login"), "misconfigured", "web page"),
        // A policy there takes annotations away.
        (ok(DEPLOYMENT), "conflict", "dropped"),
    ] {
        let (_, kubernetes) = kubernetes([ok(DEPLOYMENT), answer.clone()]).await;
        let error = kubernetes.restart("core", "web", AT, KEY).await.unwrap_err();
        assert!(error.as_str() == kind && error.reason().contains(words), "{answer}: {error:?}");
    }
}

#[tokio::test]
async fn pods_are_those_of_the_deployment_with_what_is_wrong() {
    let (script, kubernetes) =
        kubernetes([ok(DEPLOYMENT), ok(include_str!("testdata/pods-1.json")), ok(include_str!("testdata/pods-2.json"))]).await;
    let deployment = kubernetes.deployment("core", "web").await.unwrap();
    let pods = kubernetes.pods(&deployment).await.unwrap();
    let seen: Vec<_> =
        pods.iter().map(|pod| (pod.name.as_str(), pod.ready, pod.restarts, pod.going_away, pod.trouble.as_deref())).collect();
    assert_eq!(
        seen,
        [
            ("web-5d9-a", true, 1, true, None),
            (
                "web-77d-b",
                false,
                4,
                false,
                Some(
                    "server: CrashLoopBackOff: back-off 1m20s restarting failed container=server (before: OOMKilled: password=****, exit code 137)"
                )
            ),
            ("web-77d-c", false, 0, false, Some("Unschedulable: 0/5 nodes are available: 5 Insufficient memory.")),
            ("web-77d-d", false, 0, false, None),
            ("web-77d-e", false, 2, false, Some("migrate: Error, exit code 3")),
            ("web-77d-f", false, 0, false, Some("Evicted: The node was low on resource: memory.")),
            ("web-77d-g", false, 1, false, Some("server: restarted after Error, exit code 1")),
        ]
    );
    let requests = script.requests();
    assert_eq!(requests[1].pair("labelSelector").as_deref(), Some(deployment.selector.as_str()));
    assert_eq!((requests[1].pair("continue"), requests[2].pair("continue").as_deref()), (None, Some("tok=en")));
}

#[tokio::test]
async fn lists_of_pods_are_bounded() {
    let deployment = read(ok(DEPLOYMENT)).await.unwrap();
    let endless = ok(r#"{"metadata":{"continue":"again"},"items":[{"metadata":{"name":"web-1"}}]}"#);
    for (answers, kind) in [
        (vec![endless; 20], "rejected"),
        (vec![status("410 Gone", "Expired", "The provided continue parameter is too old")], "retry"),
        (vec![ok(r#"{"metadata":{},"items":[{"metadata":{"name":"a/../b"}}]}"#)], "misconfigured"),
        (vec![ok(r#"{"metadata":{},"items":7}"#)], "misconfigured"),
    ] {
        let (_, kubernetes) = kubernetes(answers).await;
        assert_eq!(kubernetes.pods(&deployment).await.unwrap_err().as_str(), kind);
    }
}

#[tokio::test]
async fn events_are_told_by_time() {
    let (script, kubernetes) = kubernetes([ok(include_str!("testdata/events.json"))]).await;
    let events = kubernetes.events("core", "web-77d-b").await.unwrap();
    assert_eq!(
        events,
        [
            "Odd: ",
            "2024-05-01T10:00:00.123456Z Scheduled: Successfully assigned",
            "2024-05-01T10:04:00Z Warning Unhealthy: Readiness probe failed: card ****1111 (3 times)",
            "2024-05-01T10:05:00Z Warning BackOff: Back-off pulling image \"registry.example/web:43\" (12 times)",
        ]
    );
    let selector = script.requests()[0].pair("fieldSelector").unwrap();
    assert_eq!(selector, "involvedObject.kind=Pod,involvedObject.name=web-77d-b");
    assert_eq!(kubernetes.events("core", "web,involvedObject.name=other").await.unwrap_err().as_str(), "rejected");
}

#[tokio::test]
async fn a_log_is_its_last_whole_lines_masked() {
    let text = |body: &str| reply("200 OK", "text/plain", body);
    let answers = [text("a\nERROR password=hunter22 for 98765432109\nlast without an end"), text(""), text("old\n")];
    let (script, kubernetes) = kubernetes(answers).await;
    let lines = kubernetes.log("core", "web-1", Some("server"), 2, false).await.unwrap();
    assert_eq!(lines, ["ERROR password=**** for ****2109", "last without an end"]);
    assert_eq!(kubernetes.log("core", "web-1", None, 0, false).await, Ok(Vec::new()));
    kubernetes.log("core", "web-1", None, u32::MAX, true).await.unwrap();
    let requests = script.requests();
    assert!(
        requests[0]
            .path
            .starts_with("/api/v1/namespaces/core/pods/web-1/log?tailLines=2&limitBytes=1048576&previous=false&container=server")
    );
    assert_eq!((requests[1].pair("tailLines").as_deref(), requests[1].pair("container")), (Some("1"), None));
    assert_eq!((requests[2].pair("tailLines").as_deref(), requests[2].pair("previous").as_deref()), (Some("500"), Some("true")));
    assert_eq!(kubernetes.log("core", "web-1", Some("a b"), 1, false).await.unwrap_err().as_str(), "rejected");
}

#[tokio::test]
async fn a_huge_log_keeps_its_newest_whole_lines() {
    // Of characters with two bytes, so that a cut may fall within one; the last line goes beyond what is read.
    let body = format!("{}\nlast\n{}", "é".repeat(500_000), "z".repeat(60_000));
    let length = 9_u64 << 30;
    let endless = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}");
    for answer in [endless, reply("200 OK", "text/plain", &body)] {
        let (_, kubernetes) = kubernetes([answer]).await;
        assert_eq!(kubernetes.log("core", "web-1", None, 500, false).await.unwrap(), ["last"]);
    }
    let one = reply("200 OK", "text/plain", &"é".repeat(1 << 20));
    let (_, kubernetes) = kubernetes([one]).await;
    assert_eq!(kubernetes.log("core", "web-1", None, 500, false).await, Ok(Vec::new()));
}

#[tokio::test]
async fn why_there_is_no_log() {
    let bad = |message: &str| status("400 Bad Request", "BadRequest", message);
    for (answer, kind) in [
        (bad("container \"server\" in pod \"web-1\" is waiting to start: ContainerCreating"), "conflict"),
        (bad("previous terminated container \"server\" in pod \"web-1\" not found"), "missing"),
        (bad("a container name must be specified for pod web-1, choose one of: [server sidecar]"), "rejected"),
        (status("404 Not Found", "NotFound", "pods \"web-1\" not found"), "missing"),
        (
            status("500 Internal Server Error", "InternalError", "Get \"https://10.0.0.1:10250\": dial tcp: i/o timeout"),
            "unknown",
        ),
        (reply("200 OK", "text/html", "<html>login"), "misconfigured"),
    ] {
        let (_, kubernetes) = kubernetes([answer.clone()]).await;
        assert_eq!(kubernetes.log("core", "web-1", None, 10, true).await.unwrap_err().as_str(), kind, "{answer}");
    }
}

fn set(number: &str, owner: &str, made: &str, image: &str) -> Value {
    json!({ "metadata": { "name": format!("web-{number}"), "creationTimestamp": made, "annotations": { "deployment.kubernetes.io/revision": number },
            "ownerReferences": [{ "kind": "Deployment", "name": owner, "controller": true }] },
        "spec": { "replicas": 0, "template": { "spec": { "containers": [{ "name": "server", "image": image, "env": [{ "name": "S", "value": "never-forward-this" }] }] } } },
        "status": { "replicas": 3, "readyReplicas": 2 } })
}

fn sets(items: Vec<Value>, more: &str) -> String {
    ok(json!({ "kind": "ReplicaSetList", "metadata": { "continue": more }, "items": items }).to_string())
}

#[tokio::test]
async fn revisions_are_the_deployments_own_newest_first() {
    let mut numberless = set("9", "web", "2024-05-01T09:30:00Z", "x");
    numberless["metadata"]["annotations"] = Value::Null;
    let first = vec![set("2", "web", "2024-05-01T08:00:00Z", "web:41"), set("7", "web-canary", "2024-05-01T09:00:00Z", "web:99")];
    let second = vec![set("10", "web", "2024-05-01T09:00:00Z", "web:42"), numberless];
    let (script, kubernetes) = kubernetes([ok(DEPLOYMENT), sets(first, "more"), sets(second, "")]).await;
    let deployment = kubernetes.deployment("core", "web").await.unwrap();
    let revisions = kubernetes.revisions(&deployment).await.unwrap();
    let told: Vec<String> =
        revisions.iter().map(|one| format!("{} {} {:?} {}/{}", one.number, one.at, one.images, one.ready, one.pods)).collect();
    assert_eq!(told, [r#"10 2024-05-01T09:00:00Z ["web:42"] 2/3"#, r#"2 2024-05-01T08:00:00Z ["web:41"] 2/3"#]);
    assert!(!format!("{revisions:?}").contains("never-forward-this"));
    let requests = script.requests();
    assert!(requests[1].path.starts_with("/apis/apps/v1/namespaces/core/replicasets?labelSelector="), "{}", requests[1].path);
    assert_eq!(requests[2].pair("continue").as_deref(), Some("more"));
}

#[tokio::test]
async fn a_revision_that_was_rolled_back_to_is_as_young_as_its_rollout() {
    let mut back = set("11", "web", "2024-04-01T08:00:00Z", "web:40");
    back["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] = json!("3");
    let deployment = changed(|value| value["status"]["conditions"][1]["lastUpdateTime"] = json!("2024-05-01T09:45:00Z"));
    let (_, kubernetes) =
        kubernetes([deployment, sets(vec![back, set("10", "web", "2024-05-01T09:00:00Z", "web:42")], "")]).await;
    let deployment = kubernetes.deployment("core", "web").await.unwrap();
    let revisions = kubernetes.revisions(&deployment).await.unwrap();
    assert_eq!(
        (revisions[0].number, revisions[0].back, revisions[0].at.to_string().as_str()),
        (11, true, "2024-05-01T09:45:00Z")
    );
    for (answer, kind) in [
        (reply("410 Gone", "application/json", "{}"), "retry"),
        (status("403 Forbidden", "Forbidden", "replicasets.apps is forbidden"), "misconfigured"),
        (ok(r#"{"metadata":{},"items":[{"metadata":{"creationTimestamp":"long ago"}}]}"#), "misconfigured"),
    ] {
        let (_, kubernetes) = super::tests::kubernetes([answer]).await;
        assert_eq!(kubernetes.revisions(&deployment).await.unwrap_err().as_str(), kind);
    }
}
