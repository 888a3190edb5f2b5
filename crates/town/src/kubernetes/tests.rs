use super::*;
use crate::weather::{Outage, Pace, System};
use crate::{Town, client};
use jiff::Timestamp;
use std::time::Duration;

async fn town() -> Town {
    let weather = Weather::new(3, Timestamp::from_second(1_772_467_200).unwrap()).on(Platform::Kubernetes);
    weather.set_speed(0);
    weather.set_pace(Platform::Kubernetes, Pace { notice: Duration::from_secs(2), each: Duration::from_secs(10) });
    Town::start(weather).await.unwrap()
}

fn seconds(town: &Town, seconds: u64) {
    town.weather().advance(Duration::from_secs(seconds));
}

async fn as_whom(town: &Town, token: &str, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let request = client().request(method.parse().unwrap(), format!("{}{path}", town.kubernetes_url())).bearer_auth(token);
    let request = match body {
        Some(body) if method == "PATCH" => {
            request.header("content-type", "application/strategic-merge-patch+json").body(body.to_string())
        }
        Some(body) => request.json(&body),
        None => request,
    };
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null))
}

async fn get(town: &Town, path: &str) -> Value {
    let (status, answer) = as_whom(town, KUBERNETES_TOKEN, "GET", path, None).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

const HTTP: &str = "/apis/apps/v1/namespaces/core/deployments/symxchange-http-server";
const PODS: &str = "/api/v1/namespaces/core/pods";

fn restarted_at(at: &str) -> Value {
    json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: at, "firedog.example/restart-id": "run-1"}}}}})
}

async fn restart(town: &Town, at: &str) -> (u16, Value) {
    as_whom(town, KUBERNETES_TOKEN, "PATCH", &format!("{HTTP}?fieldManager=firedog"), Some(restarted_at(at))).await
}

/// The six steps by which `kubectl rollout status` goes.
fn rollout(found: &Value) -> &'static str {
    let number = |path: &str| found.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    let replicas = number("/spec/replicas");
    let conditions = found["status"]["conditions"].as_array().unwrap();
    let is_late = conditions.iter().any(|one| one["type"] == "Progressing" && one["reason"] == "ProgressDeadlineExceeded");
    match number("/status/updatedReplicas") {
        _ if number("/status/observedGeneration") < number("/metadata/generation") => "not observed",
        _ if is_late => "failed",
        updated if updated < replicas => "updating",
        updated if number("/status/replicas") > updated => "old pods",
        updated if number("/status/availableReplicas") < updated => "not available",
        _ => "done",
    }
}

#[tokio::test]
async fn a_restart_goes_through_its_steps_and_the_old_condition_stays_at_first() {
    let town = town().await;
    assert_eq!(rollout(&get(&town, HTTP).await), "done");
    let (status, patched) = restart(&town, "2026-03-02T16:00:00Z").await;
    assert_eq!(
        (status, &patched["metadata"]["generation"], &patched["metadata"]["annotations"]["deployment.kubernetes.io/revision"]),
        (200, &json!(2), &json!("1"))
    );
    assert_eq!(patched["spec"]["template"]["metadata"]["annotations"]["firedog.example/restart-id"], "run-1");
    // The trap: this is of the last rollout.
    assert_eq!(patched["status"]["conditions"][1]["reason"], "NewReplicaSetAvailable");
    let mut seen = vec![rollout(&patched)];
    for _ in 0..40 {
        seconds(&town, 1);
        let now = rollout(&get(&town, HTTP).await);
        if seen.last() != Some(&now) {
            seen.push(now);
        }
    }
    assert_eq!(seen, ["not observed", "updating", "old pods", "done"]);
    let revisions = get(&town, "/apis/apps/v1/namespaces/core/replicasets?labelSelector=app%3Dsymxchange-http-server").await;
    let counts: Vec<_> =
        revisions["items"].as_array().unwrap().iter().map(|set| set["status"]["readyReplicas"].as_u64().unwrap()).collect();
    assert_eq!(counts, [0, 3]);
    assert_eq!(revisions["items"][1]["metadata"]["ownerReferences"][0]["uid"], get(&town, HTTP).await["metadata"]["uid"]);
}

#[tokio::test]
async fn the_same_annotation_again_changes_nothing() {
    let town = town().await;
    restart(&town, "2026-03-02T16:00:00Z").await;
    seconds(&town, 60);
    let (_, again) = restart(&town, "2026-03-02T16:00:00Z").await;
    assert_eq!((&again["metadata"]["generation"], rollout(&again)), (&json!(2), "done"));
    assert_eq!(town.weather().restarts(Platform::Kubernetes, Service::HTTP), 1);
    let (_, other) = restart(&town, "2026-03-02T16:01:00Z").await;
    assert_eq!(other["metadata"]["generation"], 3);
}

#[tokio::test]
async fn an_answer_may_be_lost_after_the_patch_was_applied() {
    let town = town().await;
    town.weather().fail_next(System::Kubernetes, Outage::LosesAnswer, 1);
    let url = format!("{}{HTTP}", town.kubernetes_url());
    let request = client().patch(url).bearer_auth(KUBERNETES_TOKEN).header("content-type", "application/merge-patch+json");
    assert!(request.body(restarted_at("2026-03-02T16:00:00Z").to_string()).send().await.is_err());
    assert_eq!(get(&town, HTTP).await["spec"]["template"]["metadata"]["annotations"][RESTARTED_AT], "2026-03-02T16:00:00Z");
    assert_eq!(restart(&town, "2026-03-02T16:00:00Z").await.1["metadata"]["generation"], 2);
}

#[tokio::test]
async fn a_restart_heals_the_pool_when_the_traffic_is_here() {
    let town = town().await;
    let weather = town.weather();
    weather.set(Condition::PoolExhausted { service: Service::HTTP, percent: 90, restart_heals: true });
    seconds(&town, 300);
    let name = get(&town, &format!("{PODS}?labelSelector=app%20in%20(symxchange-http-server,other)")).await["items"][0]["metadata"]["name"].as_str().unwrap().to_owned();
    let text = async |query: &str| {
        let url = format!("{}{PODS}/{name}/log?{query}", town.kubernetes_url());
        client().get(url).bearer_auth(KUBERNETES_TOKEN).send().await.unwrap().text().await.unwrap()
    };
    let log = text("tailLines=20&timestamps=true").await;
    assert_eq!(log.lines().count(), 20);
    assert!(log.contains("ConnectionPoolTimeoutException"), "{log}");
    assert_eq!(text("limitBytes=100").await.len(), 100);
    assert!(text("container=other").await.contains("is not valid for pod"));
    assert!(text("previous=true").await.contains("previous terminated container"));
    restart(&town, "2026-03-02T16:05:00Z").await;
    seconds(&town, 40);
    let healed = weather.now();
    seconds(&town, 300);
    assert_eq!(weather.failures("inst-1", healed, weather.now()), []);
    assert_eq!(as_whom(&town, KUBERNETES_TOKEN, "GET", &format!("{PODS}/{name}/log"), None).await.0, 404, "the old pod is gone");
}

#[tokio::test]
async fn a_stuck_rollout_exceeds_its_deadline_and_pods_and_events_say_why() {
    let town = town().await;
    let restarts = |trouble| Condition::Restarts { platform: Platform::Kubernetes, service: Service::HTTP, trouble };
    let spell = town.weather().set(restarts(Trouble::Unhealthy));
    restart(&town, "2026-03-02T16:00:00Z").await;
    seconds(&town, 60);
    let found = get(&town, HTTP).await;
    assert_eq!((rollout(&found), &found["status"]["availableReplicas"]), ("updating", &json!(3)), "the old ones go on");
    let pods = get(&town, PODS).await;
    let waiting = pods["items"].as_array().unwrap().iter().find(|pod| pod["status"]["phase"] == "Pending").unwrap();
    assert_eq!(waiting["status"]["containerStatuses"][0]["state"]["waiting"]["reason"], "ImagePullBackOff");
    let name = waiting["metadata"]["name"].as_str().unwrap();
    let events = get(
        &town,
        &format!("/api/v1/namespaces/core/events?fieldSelector=involvedObject.kind%3DPod,involvedObject.name%3D{name}"),
    )
    .await;
    assert_eq!(
        (events["items"][0]["type"].as_str(), events["items"][0]["reason"].as_str(), events["items"].as_array().unwrap().len()),
        (Some("Warning"), Some("Failed"), 1)
    );
    let (status, log) = as_whom(&town, KUBERNETES_TOKEN, "GET", &format!("{PODS}/{name}/log"), None).await;
    assert_eq!((status, log["message"].as_str().unwrap().contains("trying and failing to pull image")), (400, true));
    seconds(&town, 600);
    assert_eq!(rollout(&get(&town, HTTP).await), "failed");
    town.weather().clear(spell);
    town.weather().set(restarts(Trouble::NoRoom));
    restart(&town, "2026-03-02T16:20:00Z").await;
    seconds(&town, 30);
    let conditions = get(&town, HTTP).await["status"]["conditions"].clone();
    assert_eq!(conditions[2]["reason"], "FailedCreate");
    assert_eq!(
        get(&town, &format!("{PODS}?labelSelector=app%3Dsymxchange-http-server")).await["items"].as_array().unwrap().len(),
        3
    );
}

#[tokio::test]
async fn a_paused_deployment_changes_its_template_and_restarts_when_it_goes_on() {
    let town = town().await;
    let spell = town.weather().set(Condition::Paused { service: Service::HTTP });
    assert_eq!(get(&town, HTTP).await["spec"]["paused"], true);
    restart(&town, "2026-03-02T16:00:00Z").await;
    seconds(&town, 600);
    let found = get(&town, HTTP).await;
    assert_eq!(
        (&found["metadata"]["generation"], &found["metadata"]["annotations"]["deployment.kubernetes.io/revision"]),
        (&json!(2), &json!("1"))
    );
    assert_eq!(found["status"]["conditions"][1]["reason"], "DeploymentPaused");
    town.weather().clear(spell);
    seconds(&town, 60);
    let found = get(&town, HTTP).await;
    assert_eq!((rollout(&found), &found["metadata"]["annotations"]["deployment.kubernetes.io/revision"]), ("done", &json!("3")));
}

#[tokio::test]
async fn rights_and_errors_are_status_objects() {
    let town = town().await;
    let (status, stranger) = as_whom(&town, "nonsense", "GET", HTTP, None).await;
    assert_eq!((status, stranger["kind"].as_str(), stranger["reason"].as_str()), (401, Some("Status"), Some("Unauthorized")));
    let (status, viewer) = as_whom(&town, KUBERNETES_VIEWER_TOKEN, "PATCH", HTTP, Some(restarted_at("x"))).await;
    assert_eq!(status, 403);
    assert_eq!(
        viewer["message"],
        "deployments.apps \"symxchange-http-server\" is forbidden: User \"system:serviceaccount:ff:viewer\" cannot patch resource \"deployments\" in API group \"apps\" in the namespace \"core\""
    );
    assert_eq!(as_whom(&town, KUBERNETES_TOKEN, "GET", "/api/v1/namespaces/core/secrets", None).await.0, 403);
    assert_eq!(as_whom(&town, KUBERNETES_TOKEN, "GET", &HTTP.replace("core", "other"), None).await.0, 403);
    let (status, missing) = as_whom(&town, KUBERNETES_TOKEN, "GET", &HTTP.replace("http-server", "web"), None).await;
    assert_eq!(
        (status, missing["reason"].as_str(), missing["details"]["kind"].as_str()),
        (404, Some("NotFound"), Some("deployments"))
    );
    let mut stale = restarted_at("2026-03-02T16:00:00Z");
    stale["metadata"] = json!({"resourceVersion": "7"});
    let (status, conflict) = as_whom(&town, KUBERNETES_TOKEN, "PATCH", HTTP, Some(stale.clone())).await;
    assert_eq!((status, conflict["reason"].as_str()), (409, Some("Conflict")));
    stale["metadata"]["resourceVersion"] = get(&town, HTTP).await["metadata"]["resourceVersion"].clone();
    assert_eq!(
        as_whom(&town, KUBERNETES_TOKEN, "PATCH", &format!("{HTTP}?dryRun=All"), Some(stale.clone())).await.1["metadata"]["generation"],
        1
    );
    assert_eq!(as_whom(&town, KUBERNETES_TOKEN, "PATCH", HTTP, Some(stale)).await.1["metadata"]["generation"], 2);
    let wrong_type = client()
        .patch(format!("{}{HTTP}", town.kubernetes_url()))
        .bearer_auth(KUBERNETES_TOKEN)
        .json(&json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(wrong_type.status(), 415);
    let review = |verb: &str| json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": {"namespace": "core", "verb": verb, "group": "apps", "resource": "deployments"}}});
    for (token, allowed) in [(KUBERNETES_TOKEN, true), (KUBERNETES_VIEWER_TOKEN, false)] {
        let (status, answer) =
            as_whom(&town, token, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", Some(review("patch"))).await;
        assert_eq!((status, answer["status"]["allowed"].as_bool()), (201, Some(allowed)));
    }
    town.weather().rotate_kubernetes_token(true);
    assert_eq!(as_whom(&town, KUBERNETES_TOKEN, "GET", HTTP, None).await.0, 401);
    assert_eq!(as_whom(&town, &format!("{KUBERNETES_TOKEN}-2"), "GET", HTTP, None).await.0, 200);
}

#[tokio::test]
async fn lists_are_paged_and_a_stale_page_is_410_and_overload_says_when() {
    let town = town().await;
    let first = get(&town, &format!("{PODS}?limit=4")).await;
    let token = first["metadata"]["continue"].as_str().unwrap();
    let second = get(&town, &format!("{PODS}?limit=4&continue={token}")).await;
    assert_eq!((second["items"].as_array().unwrap().len(), second["metadata"].get("continue")), (2, None));
    let (status, stale) = as_whom(&town, KUBERNETES_TOKEN, "GET", &format!("{PODS}?continue=old"), None).await;
    assert_eq!((status, stale["reason"].as_str()), (410, Some("Expired")));
    town.weather().fail_next(System::Kubernetes, Outage::Busy { retry_after_s: 3 }, 1);
    let busy = client().get(format!("{}{PODS}", town.kubernetes_url())).bearer_auth(KUBERNETES_TOKEN).send().await.unwrap();
    assert_eq!((busy.status().as_u16(), busy.headers()["retry-after"].to_str().unwrap()), (429, "3"));
    assert_eq!(busy.json::<Value>().await.unwrap()["details"]["retryAfterSeconds"], 3);
    assert_eq!(client().get(format!("{}/readyz", town.kubernetes_url())).send().await.unwrap().text().await.unwrap(), "ok");
}
