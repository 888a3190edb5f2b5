//! Marathon with the two services as apps, over the same instances that the traffic goes to.
//!
//! Facts: Marathon's Scala source at its end of life (1.9 to 1.11).

use crate::desk::{Ask, Desk, answer, json_answer, with_header};
use crate::weather::chance::{mix, mix_text};
use crate::weather::lines::date;
use crate::weather::{Fleet, Instance, Platform, Rollout, SLOTS, Service, Sky, TooMany, Trouble, Weather};
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

/// For HTTP Basic, which the whole server asks for.
pub const MARATHON_USER: &str = "firedog";
pub const MARATHON_PASSWORD: &str = "marathon-of-the-town";

/// What finds a task's sandbox on its agent.
pub const FRAMEWORK_ID: &str = "0d3f1c1e-5a55-4f6c-9d0b-2b8f3a1c7e10-0000";
/// The only agent.
pub(crate) const AGENT_ID: &str = "0d3f1c1e-5a55-4f6c-9d0b-2b8f3a1c7e10-S1";
pub(crate) const AGENT_HOST: &str = "agent1.mesos.invalid";

pub(crate) struct Marathon {
    pub(crate) weather: Weather,
}

/// The app of a service: `/core/symxchange-http-server` and its sibling.
pub(crate) fn app_id(service: Service) -> String {
    format!("/core/{}", service.name())
}

impl Desk for Marathon {
    fn answer(&self, ask: &Ask) -> Response {
        let expected = format!("Basic {}", BASE64_STANDARD.encode(format!("{MARATHON_USER}:{MARATHON_PASSWORD}")));
        if ask.header("authorization") != Some(&expected) {
            let refused = answer(401, "text/html", "<html><body>HTTP ERROR: 401</body></html>");
            return with_header(refused, "www-authenticate", "Basic realm=\"Mesosphere\"");
        }
        let sky = &mut self.weather.look();
        let response = match ask.segments()[..] {
            ["ping"] => answer(200, "text/plain", "pong"),
            ["v2", ref rest @ ..] => respond(sky, ask, rest),
            _ => unknown_route(),
        };
        with_header(response, "x-marathon-leader", "http://marathon.invalid:8080")
    }

    fn refusal(&self, status: StatusCode, _: Option<u32>) -> Response {
        let text = match status.as_u16() {
            502 => return answer(502, "text/plain", "Could not determine the current leader"),
            503 => "Too many concurrent requests! Allowed: 100.",
            _ => "something is wrong",
        };
        said(status.as_u16(), text)
    }
}

fn said(status: u16, message: &str) -> Response {
    json_answer(status, &json!({"message": message}))
}

/// Late versions say 500 here.
fn unknown_route() -> Response {
    said(500, "URI not found")
}

fn respond(sky: &mut Sky, ask: &Ask, path: &[&str]) -> Response {
    if ask.is_post() && !ask.header("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
        return said(415, "HTTP 415 Unsupported Media Type");
    }
    match path {
        ["info"] => json_answer(
            200,
            &json!({"name": "marathon", "version": "1.9.109", "frameworkId": FRAMEWORK_ID, "leader": "marathon.invalid:8080",
            "elected": true, "marathon_config": {"master": "zk://zk.invalid:2181/mesos", "mesos_leader_ui_url": "http://mesos.invalid:5050/"}, "http_config": {"http_port": 8080}}),
        ),
        ["leader"] if ask.is_get() => json_answer(200, &json!({"leader": "marathon.invalid:8080"})),
        ["apps"] if ask.is_get() => {
            let wanted = ask.query("id").unwrap_or_default().to_lowercase();
            let shown = sky.services.iter().copied().filter(|service| app_id(*service).contains(&wanted));
            json_answer(200, &json!({"apps": shown.map(|service| app(sky, service, embeds(ask, "tasks"))).collect::<Vec<_>>()}))
        }
        ["tasks"] if ask.is_get() => {
            let tasks: Vec<Value> = sky.services.iter().copied().flat_map(|service| tasks(sky, service)).collect();
            json_answer(200, &json!({"tasks": tasks}))
        }
        ["queue"] if ask.is_get() => json_answer(200, &json!({"queue": queue(sky)})),
        ["deployments"] if ask.is_get() => {
            let all: Vec<Value> = sky.services.iter().copied().filter_map(|service| deployment(sky, service)).collect();
            json_answer(200, &json!(all))
        }
        ["deployments", id] if ask.method == "DELETE" => cancel(sky, ask, id),
        ["apps", "core", "*"] if ask.is_get() => {
            json_answer(200, &json!({"*": sky.services.iter().map(|service| app(sky, *service, false)).collect::<Vec<_>>()}))
        }
        ["apps", rest @ ..] => one_app(sky, ask, rest),
        _ => unknown_route(),
    }
}

fn embeds(ask: &Ask, what: &str) -> bool {
    let is_it = |value: &str| ["apps", "app", "group.apps"].iter().any(|prefix| value == format!("{prefix}.{what}"));
    ask.query.iter().any(|(name, value)| name == "embed" && is_it(value))
}

fn one_app(sky: &mut Sky, ask: &Ask, path: &[&str]) -> Response {
    let (app_path, tail) = match path {
        [rest @ .., tail @ ("tasks" | "versions" | "restart")] => (rest, Some(*tail)),
        _ => (path, None),
    };
    let id = format!("/{}", app_path.join("/"));
    let Some(service) = sky.services.iter().copied().find(|service| app_id(*service) == id) else {
        return said(404, &format!("App '{id}' does not exist"));
    };
    match tail {
        None if ask.is_get() => json_answer(200, &json!({"app": app(sky, service, true)})),
        Some("tasks") if ask.is_get() => json_answer(200, &json!({"tasks": tasks(sky, service)})),
        Some("versions") if ask.is_get() => {
            let fleet = sky.fleet(Platform::Marathon, service);
            let asked = fleet.rollouts.iter().rev().map(|rollout| date(rollout.at.as_millisecond()));
            json_answer(200, &json!({"versions": asked.chain([date(sky.begin.as_millisecond())]).collect::<Vec<_>>()}))
        }
        Some("restart") if ask.is_post() => restart(sky, ask, service),
        _ => said(405, "HTTP 405 Method Not Allowed"),
    }
}

fn restart(sky: &mut Sky, ask: &Ask, service: Service) -> Response {
    let now = sky.now;
    if let Some(running) = sky.fleet(Platform::Marathon, service).under_way(now)
        && ask.query("force") != Some("true")
    {
        let message = "App is locked by one or more deployments. Override with the option '?force=true'. View details at '/v2/deployments/<DEPLOYMENT_ID>'.";
        return json_answer(409, &json!({"message": message, "deployments": [{"id": running.id}]}));
    }
    match sky.restart(Platform::Marathon, service, now, None) {
        Ok(rollout) => {
            let body = json!({"version": date(now.as_millisecond()), "deploymentId": rollout.id});
            with_header(json_answer(200, &body), "marathon-deployment-id", &rollout.id)
        }
        Err(TooMany) => said(403, "Max number (100) of running deployments has been reached. Please try again later"),
    }
}

fn cancel(sky: &mut Sky, ask: &Ask, id: &str) -> Response {
    let now = sky.now;
    let found = sky
        .services
        .iter()
        .copied()
        .find(|service| sky.fleet(Platform::Marathon, *service).under_way(now).is_some_and(|running| running.id == id));
    let Some(service) = found else { return said(404, &format!("DeploymentPlan {id} does not exist")) };
    sky.cancel_restart(Platform::Marathon, service);
    if ask.query("force") == Some("true") {
        // Given up where it is, with old and new tasks side by side.
        return answer(202, "application/json", "");
    }
    // The rollback replaces everything once more: there is no other definition to go back to.
    match sky.restart(Platform::Marathon, service, now, None) {
        Ok(rollout) => json_answer(200, &json!({"version": date(now.as_millisecond()), "deploymentId": rollout.id})),
        Err(TooMany) => said(403, "Max number (100) of running deployments has been reached. Please try again later"),
    }
}

/// The version that an instance was launched with.
fn version(sky: &Sky, fleet: &Fleet, instance: &Instance) -> Timestamp {
    instance.revision.checked_sub(1).and_then(|index| fleet.rollouts.get(index)).map_or(sky.begin, |rollout| rollout.at)
}

fn trouble(fleet: &Fleet, instance: &Instance) -> Trouble {
    instance.revision.checked_sub(1).and_then(|index| fleet.rollouts.get(index)).map_or(Trouble::None, |rollout| rollout.trouble)
}

fn is_staged(fleet: &Fleet, instance: &Instance) -> bool {
    instance.healthy.is_none() && trouble(fleet, instance) == Trouble::NoRoom
}

fn tasks(sky: &Sky, service: Service) -> Vec<Value> {
    let fleet = sky.fleet(Platform::Marathon, service);
    fleet.instances(sky.now).iter().map(|instance| task(sky, fleet, instance)).collect()
}

fn task(sky: &Sky, fleet: &Fleet, instance: &Instance) -> Value {
    let id = fleet.name_of(instance);
    let mut shown = json!({"id": id, "appId": app_id(fleet.service), "host": AGENT_HOST, "slaveId": AGENT_ID, "localVolumes": [], "role": "*"});
    if is_staged(fleet, instance) {
        shown["state"] = json!("TASK_STAGING");
        // Nothing is known of it yet.
        return shown;
    }
    let port = 31_000 + mix(&[mix_text(&id)]) % 1_000;
    shown["state"] = json!("TASK_RUNNING");
    shown["ports"] = json!([port]);
    shown["servicePorts"] = json!([10_019 + fleet.service.index()]);
    shown["ipAddresses"] = json!([{"ipAddress": "10.0.0.7", "protocol": "IPv4"}]);
    shown["stagedAt"] = json!(date(instance.launched.as_millisecond()));
    shown["startedAt"] = json!(date(instance.launched.as_millisecond() + 1_000));
    shown["version"] = json!(date(version(sky, fleet, instance).as_millisecond()));
    let instance_id = id.split("._app").next().unwrap_or_default();
    match (instance.healthy, trouble(fleet, instance)) {
        (Some(healthy), _) => {
            shown["healthCheckResults"] = json!([{"alive": true, "consecutiveFailures": 0, "firstSuccess": date(healthy.as_millisecond()),
                "lastSuccess": date(sky.now.as_millisecond()), "lastFailure": null, "lastFailureCause": null, "instanceId": instance_id}]);
        }
        (None, Trouble::Unhealthy) => {
            let failures = (sky.now.as_second() - instance.launched.as_second()).max(0) / 10;
            shown["healthCheckResults"] = json!([{"alive": false, "consecutiveFailures": failures, "firstSuccess": null, "lastSuccess": null,
                "lastFailure": date(sky.now.as_millisecond()), "lastFailureCause": "StatusCode 503 Service Unavailable", "instanceId": instance_id}]);
        }
        // Not checked yet: it counts as neither healthy nor unhealthy.
        (None, _) => {}
    }
    shown
}

fn app(sky: &Sky, service: Service, with_tasks: bool) -> Value {
    let fleet = sky.fleet(Platform::Marathon, service);
    let instances = fleet.instances(sky.now);
    let count = |wanted: &dyn Fn(&Instance) -> bool| instances.iter().filter(|instance| wanted(instance)).count();
    let last = fleet.rollouts.last();
    let version = date(last.map_or(sky.begin, |rollout| rollout.at).as_millisecond());
    let failing = instances.iter().find(|instance| instance.healthy.is_none() && trouble(fleet, instance) == Trouble::Unhealthy);
    let mut shown = json!({"id": app_id(service), "cmd": null, "instances": SLOTS, "cpus": 1, "mem": 2048, "env": {"SYMX_SECRET": "never-forward-this"},
        "labels": {"team": "core"}, "container": {"type": "DOCKER", "docker": {"image": format!("registry.invalid/{}:42", service.name())}},
        "healthChecks": [{"protocol": "MESOS_HTTP", "path": "/health", "gracePeriodSeconds": 300, "intervalSeconds": 10, "timeoutSeconds": 5, "maxConsecutiveFailures": 0}],
        "upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": 0.34}, "version": version,
        "versionInfo": {"lastScalingAt": version, "lastConfigChangeAt": date(sky.begin.as_millisecond())},
        "tasksStaged": count(&|one| is_staged(fleet, one)), "tasksRunning": count(&|one| !is_staged(fleet, one)),
        "tasksHealthy": count(&|one| one.healthy.is_some()),
        "tasksUnhealthy": count(&|one| one.healthy.is_none() && trouble(fleet, one) == Trouble::Unhealthy),
        "deployments": fleet.under_way(sky.now).map(|running| json!({"id": running.id})).into_iter().collect::<Vec<_>>()});
    if let Some(failing) = failing {
        shown["lastTaskFailure"] = json!({"appId": app_id(service), "host": AGENT_HOST, "slaveId": AGENT_ID, "taskId": fleet.name_of(failing),
            "state": "TASK_FAILED", "message": "Command exited with status 1", "timestamp": date(sky.now.as_millisecond()), "version": version});
    }
    if with_tasks {
        shown["tasks"] = json!(tasks(sky, service));
    }
    shown
}

/// Listed once its first step started, and gone when it ended, however it did.
fn deployment(sky: &Sky, service: Service) -> Option<Value> {
    let running: &Rollout =
        sky.fleet(Platform::Marathon, service).under_way(sky.now).filter(|running| running.noticed() <= sky.now)?;
    let app = app_id(service);
    Some(json!({"id": running.id, "version": date(running.at.as_millisecond()), "affectedApps": [app], "affectedPods": [],
        "steps": [{"actions": [{"action": "RestartApplication", "app": app}]}],
        "currentActions": [{"action": "RestartApplication", "app": app, "readinessCheckResults": []}], "currentStep": 1, "totalSteps": 1}))
}

/// Why a deployment is stuck.
fn queue(sky: &Sky) -> Vec<Value> {
    let stuck = sky.services.iter().copied().filter_map(|service| {
        let fleet = sky.fleet(Platform::Marathon, service);
        let coming = fleet.coming(sky.now)?;
        let (delay, rejects) = match trouble(fleet, &coming) {
            Trouble::None | Trouble::Paused => return None,
            Trouble::NoRoom => (
                json!({"timeLeftSeconds": 0, "overdue": true}),
                json!([{"reason": "InsufficientMemory", "declined": 7, "processed": 7}]),
            ),
            Trouble::Unhealthy => (json!({"timeLeftSeconds": 240, "overdue": false}), json!([])),
        };
        Some(json!({"app": {"id": app_id(service)}, "count": 1, "delay": delay, "since": date(coming.launched.as_millisecond()),
            "processedOffersSummary": {"processedOffersCount": 7, "unusedOffersCount": 7, "rejectSummaryLastOffers": rejects}}))
    });
    stuck.collect()
}

#[cfg(test)]
mod tests;
