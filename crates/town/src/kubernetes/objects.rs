//! Deployments, replica sets, pods and events as they are at one moment.

use super::{NAMESPACE, RESTARTED_AT, is_paused, stamp, version_of};
use crate::weather::chance::{mix, mix_text, uuid};
use crate::weather::{Fleet, Instance, Platform, Rollout, SLOTS, Service, Sky, Trouble, after};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// `spec.progressDeadlineSeconds`
const DEADLINE: Duration = Duration::from_secs(600);

/// Events are forgotten after an hour.
const EVENT_TTL: Duration = Duration::from_secs(3_600);

fn uid(name: &str) -> String {
    uuid(mix(&[mix_text(name), 31]))
}

pub(super) fn fleet(sky: &Sky, service: Service) -> &Fleet {
    sky.fleet(Platform::Kubernetes, service)
}

/// The revision whose pods run: the last one that the controller noticed.
fn current(sky: &Sky, fleet: &Fleet) -> usize {
    fleet.rollouts.iter().rposition(|rollout| rollout.noticed() <= sky.now && !is_held(rollout)).map_or(0, |index| index + 1)
}

/// Whether a rollout came while the deployment was paused: its template changed, and nothing else does.
fn is_held(rollout: &Rollout) -> bool {
    rollout.trouble == Trouble::Paused
}

pub(super) fn deployment(sky: &Sky, service: Service) -> Value {
    let fleet = fleet(sky, service);
    let name = service.name();
    let last = fleet.rollouts.last();
    let generation = 1 + fleet.rollouts.len();
    let observed = last.is_none_or(|rollout| rollout.noticed() <= sky.now);
    let revision = current(sky, fleet);
    let instances = fleet.instances(sky.now);
    let is_new = |instance: &&Instance| instance.revision == revision;
    let ready = instances.iter().filter(|instance| instance.healthy.is_some()).count();
    let marks =
        sky.kubernetes.marks.iter().filter(|(of, ..)| *of == service).map(|(_, name, value)| (name.clone(), json!(value)));
    let restarted = last.and_then(|rollout| rollout.annotation.clone()).map(|at| (RESTARTED_AT.to_owned(), json!(at)));
    let annotations: serde_json::Map<String, Value> = marks.chain(restarted).collect();
    let mut shown = json!({"kind": "Deployment", "apiVersion": "apps/v1",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": uid(name), "generation": generation, "resourceVersion": version_of(fleet, sky),
            "creationTimestamp": stamp(sky.begin), "labels": {"app": name}, "annotations": {"deployment.kubernetes.io/revision": (revision + 1).to_string()}},
        "spec": {"replicas": SLOTS, "progressDeadlineSeconds": DEADLINE.as_secs(), "selector": {"matchLabels": {"app": name}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
            "template": {"metadata": {"labels": {"app": name}, "annotations": annotations}, "spec": {"containers": [{"name": "server", "image": format!("registry.invalid/{name}:42")}]}}},
        "status": {"observedGeneration": if observed { generation } else { generation - 1 }, "replicas": instances.len(),
            "updatedReplicas": instances.iter().filter(is_new).count(), "readyReplicas": ready, "availableReplicas": ready,
            "conditions": conditions(sky, fleet, last.filter(|_| observed))}});
    if instances.len() > ready {
        shown["status"]["unavailableReplicas"] = json!(instances.len() - ready);
    }
    if is_paused(sky, service, sky.now) {
        shown["spec"]["paused"] = json!(true);
    }
    shown
}

/// Before the controller has noticed a change, what it said of the last one stays.
fn conditions(sky: &Sky, fleet: &Fleet, noticed: Option<&Rollout>) -> Value {
    let since = noticed.map_or(sky.begin, |rollout| rollout.at);
    let running = noticed.filter(|rollout| rollout.ends().is_none_or(|ends| ends > sky.now));
    let (status, reason) = match running {
        _ if is_paused(sky, fleet.service, sky.now) => ("Unknown", "DeploymentPaused"),
        None => ("True", "NewReplicaSetAvailable"),
        Some(rollout) if rollout.trouble != Trouble::None && after(rollout.at, DEADLINE) <= sky.now => {
            ("False", "ProgressDeadlineExceeded")
        }
        Some(_) => ("True", "ReplicaSetUpdated"),
    };
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({"type": kind, "status": status, "reason": reason, "message": format!("{} {reason}", fleet.service.name()),
        "lastUpdateTime": stamp(since), "lastTransitionTime": stamp(since)})
    };
    let mut all = vec![condition("Available", "True", "MinimumReplicasAvailable"), condition("Progressing", status, reason)];
    if running.is_some_and(|rollout| rollout.trouble == Trouble::NoRoom) {
        let mut quota = condition("ReplicaFailure", "True", "FailedCreate");
        quota["message"] = json!(
            "pods is forbidden: exceeded quota: core, requested: requests.memory=2Gi, used: requests.memory=6Gi, limited: requests.memory=6Gi"
        );
        all.push(quota);
    }
    json!(all)
}

pub(super) fn replica_sets(sky: &Sky, service: Service) -> Vec<Value> {
    let fleet = fleet(sky, service);
    let instances = fleet.instances(sky.now);
    let shown = (0..=current(sky, fleet)).map(|revision| {
        let hash = fleet.template_hash(revision);
        let name = format!("{}-{hash}", service.name());
        let of: Vec<&Instance> = instances.iter().filter(|instance| instance.revision == revision && exists(fleet, instance)).collect();
        let made = revision.checked_sub(1).and_then(|index| fleet.rollouts.get(index)).map_or(sky.begin, Rollout::noticed);
        json!({"kind": "ReplicaSet", "apiVersion": "apps/v1",
            "metadata": {"name": name, "namespace": NAMESPACE, "uid": uid(&name), "creationTimestamp": stamp(made),
                "labels": {"app": service.name(), "pod-template-hash": hash}, "annotations": {"deployment.kubernetes.io/revision": (revision + 1).to_string()},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": service.name(), "uid": uid(service.name()), "controller": true}]},
            "spec": {"replicas": of.len(), "selector": {"matchLabels": {"app": service.name(), "pod-template-hash": hash}},
                "template": {"metadata": {"labels": {"app": service.name(), "pod-template-hash": hash}},
                    "spec": {"containers": [{"name": "server", "image": format!("registry.invalid/{}:42", service.name()),
                        "env": [{"name": "SYMX_SECRET", "value": "never-forward-this"}]}]}}},
            "status": {"replicas": of.len(), "readyReplicas": of.iter().filter(|instance| instance.healthy.is_some()).count()}})
    });
    shown.collect()
}

pub(super) fn trouble(fleet: &Fleet, instance: &Instance) -> Trouble {
    match instance.healthy {
        Some(_) => Trouble::None,
        None => instance
            .revision
            .checked_sub(1)
            .and_then(|index| fleet.rollouts.get(index))
            .map_or(Trouble::None, |rollout| rollout.trouble),
    }
}

/// Beyond a quota no pod is made at all.
fn exists(fleet: &Fleet, instance: &Instance) -> bool {
    trouble(fleet, instance) != Trouble::NoRoom
}

/// The pods of a service, each with what it is.
pub(super) fn instances(sky: &Sky, service: Service) -> Vec<(String, Instance)> {
    let fleet = fleet(sky, service);
    let all = fleet.instances(sky.now).into_iter().filter(|instance| exists(fleet, instance));
    all.map(|instance| (fleet.name_of(&instance), instance)).collect()
}

pub(super) fn pods(sky: &Sky, service: Service) -> Vec<Value> {
    let fleet = fleet(sky, service);
    instances(sky, service).iter().map(|(name, instance)| pod(sky, fleet, name, instance)).collect()
}

fn pod(sky: &Sky, fleet: &Fleet, name: &str, instance: &Instance) -> Value {
    let hash = fleet.template_hash(instance.revision);
    let set = format!("{}-{hash}", fleet.service.name());
    let started = stamp(instance.launched);
    let is_ready = instance.healthy.is_some();
    let running = json!({"running": {"startedAt": started}});
    let (phase, state) = match trouble(fleet, instance) {
        Trouble::Unhealthy => (
            "Pending",
            json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"registry.invalid/missing:43\""}}),
        ),
        _ => ("Running", running),
    };
    let condition = |kind: &str, so: bool| json!({"type": kind, "status": if so { "True" } else { "False" }, "lastTransitionTime": stamp(instance.healthy.unwrap_or(sky.now))});
    json!({"kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": uid(name), "creationTimestamp": started,
            "labels": {"app": fleet.service.name(), "pod-template-hash": hash},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set, "uid": uid(&set), "controller": true}]},
        "spec": {"nodeName": "node-1", "containers": [{"name": "server", "image": format!("registry.invalid/{}:42", fleet.service.name())}]},
        "status": {"phase": phase, "startTime": started, "podIP": format!("10.1.0.{}", 10 + instance.slot),
            "conditions": [condition("PodScheduled", true), condition("Ready", is_ready)],
            "containerStatuses": [{"name": "server", "ready": is_ready, "restartCount": 0, "state": state, "lastState": {}}]}})
}

/// What happened within the last hour.
pub(super) fn event_list(sky: &Sky) -> Vec<Value> {
    let mut all = Vec::new();
    for service in sky.services.iter().copied() {
        let fleet = fleet(sky, service);
        let name = service.name();
        for (index, rollout) in fleet.rollouts.iter().enumerate().filter(|(_, rollout)| !is_held(rollout)) {
            let set = format!("{name}-{}", fleet.template_hash(index + 1));
            all.push(event(
                rollout.noticed(),
                "Normal",
                "ScalingReplicaSet",
                ("Deployment", name),
                format!("Scaled up replica set {set} to 1"),
            ));
            for slot in 0..SLOTS {
                all.extend(rollout.takes_over(slot).map(|at| {
                    event(
                        at,
                        "Normal",
                        "ScalingReplicaSet",
                        ("Deployment", name),
                        format!("Scaled up replica set {set} to {}", slot + 1),
                    )
                }));
            }
            if rollout.trouble == Trouble::NoRoom {
                all.push(event(
                    rollout.noticed(),
                    "Warning",
                    "FailedCreate",
                    ("ReplicaSet", &set),
                    "Error creating: pods is forbidden: exceeded quota: core".to_owned(),
                ));
            }
        }
        for (pod, instance) in instances(sky, service) {
            let text = match trouble(fleet, &instance) {
                Trouble::Unhealthy => {
                    ("Warning", "Failed", "Failed to pull image \"registry.invalid/missing:43\": not found".to_owned())
                }
                _ => ("Normal", "Started", "Started container server".to_owned()),
            };
            all.push(event(instance.launched, text.0, text.1, ("Pod", &pod), text.2));
        }
    }
    let recent = |at: Timestamp| at <= sky.now && sky.now < after(at, EVENT_TTL);
    all.into_iter().filter(|(at, _)| recent(*at)).map(|(_, event)| event).collect()
}

fn event(at: Timestamp, kind: &str, reason: &str, (of, name): (&str, &str), message: String) -> (Timestamp, Value) {
    let id = format!("{name}.{:016x}", mix(&[at.as_millisecond() as u64, mix_text(reason), mix_text(&message)]));
    let shown = json!({"kind": "Event", "apiVersion": "v1", "metadata": {"name": id, "namespace": NAMESPACE, "creationTimestamp": stamp(at)},
        "involvedObject": {"kind": of, "namespace": NAMESPACE, "name": name, "uid": uid(name)}, "type": kind, "reason": reason, "message": message,
        "count": 1, "firstTimestamp": stamp(at), "lastTimestamp": stamp(at), "eventTime": null});
    (at, shown)
}
