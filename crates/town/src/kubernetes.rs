//! A Kubernetes API server with the two services as deployments, over the same instances that the traffic goes to.
//!
//! Facts: the API reference of Kubernetes 1.31. Plain HTTP with a bearer token.

use crate::desk::{Ask, Desk, answer, json_answer, with_header};
use crate::weather::chance::{mix, mix_text, uuid};
use crate::weather::lines::date;
use crate::weather::{Condition, Fleet, Platform, Service, Sky, TooMany, Trouble, Weather};
use axum::http::StatusCode;
use axum::response::Response;
use objects::{deployment, event_list, pods, replica_sets};
use serde_json::{Value, json};

mod objects;
mod pod_log;

/// Of the account that may restart deployments.
pub const KUBERNETES_TOKEN: &str = "town-token-of-the-firefighter";
/// Of one that may only look.
pub const KUBERNETES_VIEWER_TOKEN: &str = "town-token-of-a-viewer";
/// Where the services are.
pub const NAMESPACE: &str = "core";

/// What `kubectl rollout restart` writes.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// Marks beside [`RESTARTED_AT`] that a deployment keeps; more are refused.
const MAX_MARKS: usize = 64;

pub(crate) struct Kubernetes {
    pub(crate) weather: Weather,
}

impl Weather {
    /// Voids all tokens that were given out; those for [`KUBERNETES_TOKEN`] with `-2` behind hold from then on, as after a
    /// rotation. Back with `false`.
    pub fn rotate_kubernetes_token(&self, rotated: bool) {
        self.change(|sky| sky.kubernetes.rotated = rotated);
    }
}

/// What was written to the API server and follows from nothing else.
#[derive(Default)]
pub(crate) struct Written {
    rotated: bool,
    /// Further annotations of the templates: `(service, name, value)`.
    marks: Vec<(Service, String, String)>,
}

/// Lets a deployment go on that was paused when it was changed and is so no more: that is one more change of it.
pub(crate) fn act(sky: &mut Sky) {
    for service in sky.services.clone() {
        let held = sky.fleet(Platform::Kubernetes, service).rollouts.last().filter(|last| last.trouble == Trouble::Paused);
        let Some(annotation) = held.map(|held| held.annotation.clone()) else { continue };
        if !is_paused(sky, service, sky.now) {
            let paused = Condition::Paused { service };
            let ended = sky.spells.iter().filter(|spell| spell.condition == paused).filter_map(|spell| spell.until);
            let at = ended.filter(|until| *until <= sky.now).max().unwrap_or(sky.now);
            // It had room for the change that was held.
            let _ = sky.restart(Platform::Kubernetes, service, at, annotation);
        }
    }
}

impl Desk for Kubernetes {
    fn answer(&self, ask: &Ask) -> Response {
        let sky = &mut self.weather.look();
        let response = respond(sky, ask);
        let id = uuid(mix(&[sky.now.as_millisecond() as u64, mix_text(&ask.path.join("/"))]));
        with_header(response, "audit-id", &id)
    }

    fn refusal(&self, code: StatusCode, retry_after_s: Option<u32>) -> Response {
        let (reason, message) = match code.as_u16() {
            401 => ("Unauthorized", "Unauthorized"),
            429 => ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
            504 => ("Timeout", "request did not complete within the allotted timeout"),
            503 => ("ServiceUnavailable", "the server is currently unable to handle the request"),
            _ => ("InternalError", "an error on the server has prevented the request from succeeding"),
        };
        let mut body = status(code.as_u16(), reason, message.to_owned(), json!({}));
        let Some(seconds) = retry_after_s else { return json_answer(code.as_u16(), &body) };
        body["details"]["retryAfterSeconds"] = json!(seconds);
        with_header(json_answer(code.as_u16(), &body), "retry-after", &seconds.to_string())
    }
}

fn status(code: u16, reason: &str, message: String, details: Value) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason, "code": code, "message": message, "details": details})
}

fn failed(code: u16, reason: &str, message: impl Into<String>, details: Value) -> Response {
    json_answer(code, &status(code, reason, message.into(), details))
}

fn not_found(kind: &str, name: &str) -> Response {
    failed(404, "NotFound", format!("{kind} \"{name}\" not found"), json!({"name": name, "kind": kind}))
}

fn no_such_path() -> Response {
    failed(404, "NotFound", "the server could not find the requested resource", json!({}))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    Firefighter,
    Viewer,
}

impl Caller {
    fn name(self) -> &'static str {
        match self {
            Self::Firefighter => "system:serviceaccount:ff:firefighter",
            Self::Viewer => "system:serviceaccount:ff:viewer",
        }
    }

    fn may(self, verb: &str, namespace: &str) -> bool {
        namespace == NAMESPACE && (matches!(verb, "get" | "list" | "watch") || (self == Self::Firefighter && verb == "patch"))
    }
}

fn caller(sky: &Sky, ask: &Ask) -> Option<Caller> {
    let token = ask.header("authorization")?.strip_prefix("Bearer ")?;
    let token = if sky.kubernetes.rotated { token.strip_suffix("-2")? } else { token };
    match token {
        KUBERNETES_TOKEN => Some(Caller::Firefighter),
        KUBERNETES_VIEWER_TOKEN => Some(Caller::Viewer),
        _ => None,
    }
}

fn respond(sky: &mut Sky, ask: &Ask) -> Response {
    let segments = ask.segments();
    match segments[..] {
        ["readyz" | "livez" | "healthz"] => return answer(200, "text/plain", "ok"),
        ["version"] => {
            return json_answer(200, &json!({"major": "1", "minor": "31", "gitVersion": "v1.31.4", "platform": "linux/amd64"}));
        }
        _ => {}
    }
    let Some(caller) = caller(sky, ask) else { return failed(401, "Unauthorized", "Unauthorized", json!({})) };
    match segments[..] {
        ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"] if ask.is_post() => review(ask, caller),
        ["apis", "apps", "v1", "namespaces", namespace, kind @ ("deployments" | "replicasets"), ref rest @ ..] => {
            let group = ("apps", kind);
            guarded(ask, caller, namespace, group, rest).unwrap_or_else(|| apps(sky, ask, kind, rest))
        }
        ["api", "v1", "namespaces", namespace, kind @ ("pods" | "events"), ref rest @ ..] => {
            guarded(ask, caller, namespace, ("", kind), rest).unwrap_or_else(|| core(sky, ask, kind, rest))
        }
        ["apis" | "api", .., "namespaces", namespace, kind] | ["apis" | "api", .., "namespaces", namespace, kind, _] => {
            // Nothing else is allowed to anybody.
            let group = if segments[0] == "apis" { segments[1] } else { "" };
            guarded(ask, caller, namespace, (group, kind), &[])
                .unwrap_or_else(|| forbidden(ask, caller, namespace, (group, kind), &[]))
        }
        _ => no_such_path(),
    }
}

fn verb(ask: &Ask, rest: &[&str]) -> &'static str {
    match ask.method.as_str() {
        "GET" if rest.is_empty() => "list",
        "GET" => "get",
        "PATCH" => "patch",
        "PUT" => "update",
        "DELETE" => "delete",
        _ => "create",
    }
}

/// The refusal of what the caller may not do.
fn guarded(ask: &Ask, caller: Caller, namespace: &str, group: (&str, &str), rest: &[&str]) -> Option<Response> {
    let allowed = caller.may(verb(ask, rest), namespace) && matches!(group.1, "deployments" | "replicasets" | "pods" | "events");
    (!allowed).then(|| forbidden(ask, caller, namespace, group, rest))
}

fn forbidden(ask: &Ask, caller: Caller, namespace: &str, (group, kind): (&str, &str), rest: &[&str]) -> Response {
    let name = rest.first().copied().unwrap_or_default();
    let full = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
    let subject = if name.is_empty() { full } else { format!("{full} \"{name}\"") };
    let message = format!(
        "{subject} is forbidden: User \"{}\" cannot {} resource \"{kind}\" in API group \"{group}\" in the namespace \"{namespace}\"",
        caller.name(),
        verb(ask, rest)
    );
    failed(403, "Forbidden", message, json!({"name": name, "group": group, "kind": kind}))
}

fn review(ask: &Ask, caller: Caller) -> Response {
    let Ok(body) = ask.json() else { return failed(400, "BadRequest", "the body is not JSON", json!({})) };
    let wanted = &body["spec"]["resourceAttributes"];
    let text = |name: &str| wanted[name].as_str().unwrap_or_default();
    let known = matches!(text("resource"), "deployments" | "replicasets" | "pods" | "events");
    let allowed =
        known && caller.may(text("verb"), text("namespace")) && (text("verb") != "patch" || text("resource") == "deployments");
    json_answer(
        201,
        &json!({"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "spec": body["spec"], "status": {"allowed": allowed}}),
    )
}

fn apps(sky: &mut Sky, ask: &Ask, kind: &str, rest: &[&str]) -> Response {
    match (kind, rest) {
        ("deployments", []) => {
            let all = sky.services.iter().map(|service| deployment(sky, *service)).collect();
            list(sky, ask, "apps/v1", "DeploymentList", all)
        }
        ("deployments", [name]) => match sky.service(name) {
            Some(service) if ask.is_get() => json_answer(200, &deployment(sky, service)),
            Some(service) => patch(sky, ask, service),
            None => failed(
                404,
                "NotFound",
                format!("deployments.apps \"{name}\" not found"),
                json!({"name": name, "group": "apps", "kind": "deployments"}),
            ),
        },
        ("replicasets", []) if ask.is_get() => {
            let all = sky.services.iter().flat_map(|service| replica_sets(sky, *service)).collect();
            list(sky, ask, "apps/v1", "ReplicaSetList", all)
        }
        _ => no_such_path(),
    }
}

fn core(sky: &Sky, ask: &Ask, kind: &str, rest: &[&str]) -> Response {
    let all = || sky.services.iter().flat_map(|service| pods(sky, *service)).collect::<Vec<_>>();
    match (kind, rest) {
        _ if !ask.is_get() => {
            failed(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", json!({}))
        }
        ("pods", []) => list(sky, ask, "v1", "PodList", all()),
        ("pods", [name]) => {
            let found = all().into_iter().find(|pod| pod["metadata"]["name"] == *name);
            found.map_or_else(|| not_found("pods", name), |pod| json_answer(200, &pod))
        }
        ("pods", [name, "log"]) => pod_log::answer_log(sky, ask, name),
        ("events", []) => list(sky, ask, "v1", "EventList", event_list(sky)),
        _ => no_such_path(),
    }
}

/// A list, filtered and paged.
fn list(sky: &Sky, ask: &Ask, version: &str, kind: &str, all: Vec<Value>) -> Response {
    if ask.query("watch").is_some_and(|watch| watch == "1" || watch == "true") {
        return failed(405, "MethodNotAllowed", "the town's API server does not watch", json!({}));
    }
    let labels = ask.query("labelSelector").unwrap_or_default();
    let fields = ask.query("fieldSelector").unwrap_or_default();
    let Some(kept) = all
        .into_iter()
        .map(|one| Some((selects(labels, &one["metadata"]["labels"], false)? && selects(fields, &one, true)?, one)))
        .collect::<Option<Vec<_>>>()
    else {
        return failed(400, "BadRequest", format!("unable to parse requirement: {labels} {fields}"), json!({}));
    };
    let kept: Vec<Value> = kept.into_iter().filter(|(kept, _)| *kept).map(|(_, one)| one).collect();
    let offset = ask.query("continue").map(|token| token.strip_prefix("after-").and_then(|text| text.parse::<usize>().ok()));
    let from = match offset {
        None => 0,
        Some(Some(from)) => from,
        Some(None) => {
            return failed(
                410,
                "Expired",
                "The provided continue parameter is too old to display a consistent list result.",
                json!({}),
            );
        }
    };
    let limit = ask.query("limit").and_then(|text| text.parse::<usize>().ok()).filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let mut metadata = json!({"resourceVersion": resource_version(sky)});
    if kept.len() > from.saturating_add(limit) {
        metadata["continue"] = json!(format!("after-{}", from + limit));
    }
    let page: Vec<Value> = kept.into_iter().skip(from).take(limit).collect();
    json_answer(200, &json!({"kind": kind, "apiVersion": version, "metadata": metadata, "items": page}))
}

/// `a=b,c!=d,e in (f,g),h`; `None` when it is none of these. Fields are dotted paths, and have `=` and `!=` only.
fn selects(selector: &str, of: &Value, dotted: bool) -> Option<bool> {
    let value = |name: &str| -> Option<String> {
        let found = if dotted { of.pointer(&format!("/{}", name.replace('.', "/"))) } else { of.get(name) };
        found.and_then(Value::as_str).map(str::to_owned)
    };
    let mut holds = true;
    let mut rest = selector.trim();
    while !rest.is_empty() {
        // A comma within parentheses separates values.
        let open = rest.find('(').unwrap_or(usize::MAX);
        let comma = rest.find(',').unwrap_or(rest.len());
        let end = if open < comma { rest.find(')')? + 1 } else { comma };
        let (one, tail) = rest.split_at(end);
        rest = tail.trim_start_matches(',').trim();
        holds &= if let Some((name, values)) = one.split_once(" notin ").or_else(|| one.split_once(" in ")) {
            let is_in = values
                .trim_matches(['(', ')', ' '])
                .split(',')
                .any(|wanted| Some(wanted.trim()) == value(name.trim()).as_deref());
            is_in != one.contains(" notin ")
        } else if let Some((name, wanted)) = one.split_once("!=") {
            value(name).as_deref() != Some(wanted)
        } else if let Some((name, wanted)) = one.split_once("==").or_else(|| one.split_once('=')) {
            value(name).as_deref() == Some(wanted)
        } else if dotted || one.contains(' ') {
            return None;
        } else if let Some(name) = one.strip_prefix('!') {
            value(name).is_none()
        } else {
            value(one).is_some()
        };
    }
    Some(holds)
}

/// Moves with everything; opaque to clients.
fn resource_version(sky: &Sky) -> String {
    (sky.now.as_millisecond() / 1_000).to_string()
}

/// The version of one deployment: it moves when the deployment is written.
fn version_of(fleet: &Fleet, sky: &Sky) -> String {
    let marks = sky.kubernetes.marks.iter().filter(|(service, ..)| *service == fleet.service).count();
    (1_000 + 10 * fleet.rollouts.len() + marks).to_string()
}

fn patch(sky: &mut Sky, ask: &Ask, service: Service) -> Response {
    let kind = ask.header("content-type").unwrap_or_default();
    if !matches!(kind, "application/strategic-merge-patch+json" | "application/merge-patch+json") {
        let message = "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json";
        return failed(415, "UnsupportedMediaType", message, json!({}));
    }
    let Ok(body) = ask.json() else { return failed(400, "BadRequest", "error decoding patch: invalid JSON", json!({})) };
    let details = json!({"name": service.name(), "group": "apps", "kind": "deployments"});
    let fleet = sky.fleet(Platform::Kubernetes, service);
    if body["metadata"]["resourceVersion"].as_str().is_some_and(|wanted| wanted != version_of(fleet, sky)) {
        let message = format!(
            "Operation cannot be fulfilled on deployments.apps \"{}\": the object has been modified; please apply your changes to the latest version and try again",
            service.name()
        );
        return failed(409, "Conflict", message, details);
    }
    let annotations = body.pointer("/spec/template/metadata/annotations").and_then(Value::as_object).cloned().unwrap_or_default();
    if annotations.values().any(|value| !value.is_string()) {
        let message = format!(
            "Deployment in version \"v1\" cannot be handled as a Deployment: annotations of \"{}\" must be strings",
            service.name()
        );
        return failed(422, "Invalid", message, details);
    }
    if ask.query("dryRun") == Some("All") {
        return json_answer(200, &deployment(sky, service));
    }
    let mut changes = false;
    let mut restarted_at = fleet.rollouts.last().and_then(|rollout| rollout.annotation.clone());
    for (name, value) in &annotations {
        let value = value.as_str().unwrap_or_default().to_owned();
        if name == RESTARTED_AT {
            changes |= restarted_at.as_ref() != Some(&value);
            restarted_at = Some(value);
        } else {
            changes |= !sky.kubernetes.marks.iter().any(|(of, found, has)| (*of, found, has) == (service, name, &value));
            sky.kubernetes.marks.retain(|(of, found, _)| (*of, found) != (service, name));
            if sky.kubernetes.marks.len() >= MAX_MARKS {
                return failed(422, "Invalid", "metadata.annotations: Too long: must have at most 262144 bytes", details);
            }
            sky.kubernetes.marks.push((service, name.clone(), value));
        }
    }
    // The same template again is no change: nothing restarts, and the generation stays.
    if changes {
        let now = sky.now;
        if let Err(TooMany) = sky.restart(Platform::Kubernetes, service, now, restarted_at) {
            return failed(429, "TooManyRequests", "too many rollouts", details);
        }
    }
    json_answer(200, &deployment(sky, service))
}

fn is_paused(sky: &Sky, service: Service, at: jiff::Timestamp) -> bool {
    let paused = Condition::Paused { service };
    sky.spells.iter().any(|spell| spell.condition == paused && spell.holds(at))
}

fn stamp(at: jiff::Timestamp) -> String {
    // Kubernetes writes whole seconds.
    let text = date(at.as_millisecond());
    format!("{}Z", text.get(..19).unwrap_or_default())
}

#[cfg(test)]
mod tests;
