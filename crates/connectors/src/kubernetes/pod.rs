//! The pods of a deployment, and what is wrong with each.

use super::{Deployment, Kubernetes, MAX_SAID};
use crate::call::CallError;
use crate::output;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// Pods of one page, and most pages.
const PAGE: &str = "100";
const MAX_PAGES: usize = 10;
/// What every container waits for in its first seconds.
const USUAL: [&str; 2] = ["ContainerCreating", "PodInitializing"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    pub name: String,
    pub ready: bool,
    /// Of all its containers.
    pub restarts: u64,
    /// In one line, for people.
    pub trouble: Option<String>,
    pub going_away: bool,
}

#[derive(Deserialize)]
struct List {
    metadata: ListMetadata,
    items: Vec<Wire>,
}

#[derive(Deserialize)]
struct ListMetadata {
    #[serde(rename = "continue")]
    more: Option<String>,
}

#[derive(Deserialize)]
struct Wire {
    metadata: Metadata,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    deletion_timestamp: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    owner_references: Option<Vec<Owner>>,
}

#[derive(Deserialize)]
struct Owner {
    kind: String,
    name: String,
    controller: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    phase: Option<String>,
    reason: Option<String>,
    message: Option<String>,
    conditions: Option<Vec<Condition>>,
    container_statuses: Option<Vec<Container>>,
    init_container_statuses: Option<Vec<Container>>,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    name: String,
    #[serde(default)]
    ready: bool,
    #[serde(default)]
    restart_count: u64,
    state: Option<State>,
    last_state: Option<State>,
}

#[derive(Deserialize)]
struct State {
    waiting: Option<Reason>,
    terminated: Option<Reason>,
    running: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reason {
    reason: Option<String>,
    message: Option<String>,
    exit_code: Option<i64>,
}

impl Kubernetes {
    /// Those of the deployment, old and new, by name.
    pub async fn pods(&self, deployment: &Deployment) -> Result<Vec<Pod>, CallError> {
        let path = ["api", "v1", "namespaces", &deployment.namespace, "pods"];
        let mut pods = Vec::new();
        let mut more: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let call = self.read(&path).query("labelSelector", &deployment.selector).query("limit", PAGE);
            let call = more.iter().fold(call, |call, token| call.query("continue", token));
            let answer = call.takes(&[410]).send().await?;
            if answer.status.as_u16() == 410 {
                return Err(CallError::retry("the list of pods changed while it was read"));
            }
            let List { metadata, items } = answer.json()?;
            if !items.iter().all(|pod| super::check_names(&[&pod.metadata.name]).is_ok()) {
                return Err(answer.not_understood("there are pods with names that are none"));
            }
            pods.extend(items.into_iter().filter(|pod| pod.metadata.is_of(&deployment.name)).map(Pod::from));
            more = metadata.more.filter(|token| !token.is_empty());
            if more.is_none() {
                pods.sort_by(|a: &Pod, b: &Pod| a.name.cmp(&b.name));
                return Ok(pods);
            }
        }
        Err(CallError::rejected("the deployment has more than a thousand pods"))
    }
}

impl Metadata {
    /// Selectors may overlap; the replica set's name says whose it is, where it can be told.
    fn is_of(&self, deployment: &str) -> bool {
        let hash = self.labels.as_ref().and_then(|labels| labels.get("pod-template-hash"));
        let owner = self.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
        match (owner, hash) {
            (Some(owner), Some(hash)) => owner.kind == "ReplicaSet" && owner.name == format!("{deployment}-{hash}"),
            _ => true,
        }
    }
}

impl From<Wire> for Pod {
    fn from(Wire { metadata, status }: Wire) -> Self {
        let ready = status.conditions.iter().flatten().any(|found| found.kind == "Ready" && found.status == "True");
        let all = || status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
        let restarts = all().map(|container| container.restart_count).fold(0, u64::saturating_add);
        let trouble = status.trouble().or_else(|| all().find_map(Container::trouble));
        Self { name: metadata.name, ready, restarts, trouble, going_away: metadata.deletion_timestamp.is_some() }
    }
}

impl Status {
    /// Of the pod as a whole: evicted, or nowhere to run.
    fn trouble(&self) -> Option<String> {
        if self.phase.as_deref() == Some("Failed") {
            return Some(said(self.reason.as_deref().unwrap_or("Failed"), self.message.as_deref()));
        }
        let unplaced = self.conditions.iter().flatten().find(|found| found.kind == "PodScheduled" && found.status == "False");
        unplaced.map(|found| said(found.reason.as_deref().unwrap_or("Unschedulable"), found.message.as_deref()))
    }
}

impl Container {
    fn trouble(&self) -> Option<String> {
        let state = self.state.as_ref();
        let last = self.last_state.as_ref().and_then(|state| state.terminated.as_ref()).map(Reason::ended);
        let with_last = |text: String| last.as_ref().map_or_else(|| text.clone(), |last| format!("{text} (before: {last})"));
        let text = if let Some(waiting) = state.and_then(|state| state.waiting.as_ref()) {
            let reason = waiting.reason.as_deref().unwrap_or_default();
            if reason.is_empty() || USUAL.contains(&reason) {
                return None;
            }
            with_last(said(reason, waiting.message.as_deref()))
        } else if let Some(ended) = state.and_then(|state| state.terminated.as_ref()) {
            // An init container that has done its work.
            if ended.exit_code == Some(0) {
                return None;
            }
            ended.ended()
        } else if !self.ready && state.is_some_and(|state| state.running.is_some()) {
            // It runs again after something.
            format!("restarted after {}", last?)
        } else {
            return None;
        };
        Some(format!("{}: {text}", output::line(&self.name, 63)))
    }
}

impl Reason {
    /// `OOMKilled, exit code 137`; the message may be the end of the container's log.
    fn ended(&self) -> String {
        let reason = said(self.reason.as_deref().unwrap_or("ended"), self.message.as_deref());
        self.exit_code.map_or_else(|| reason.clone(), |code| format!("{reason}, exit code {code}"))
    }
}

fn said(reason: &str, message: Option<&str>) -> String {
    let reason = output::line(reason, 60);
    match message.map(|message| output::log_line(message, MAX_SAID)).filter(|message| !message.is_empty()) {
        Some(message) => format!("{reason}: {message}"),
        None => reason,
    }
}
