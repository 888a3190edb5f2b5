//! What was rolled out of a deployment: its ReplicaSets, by revision.

use super::{Deployment, Kubernetes, check_names};
use crate::call::CallError;
use crate::output;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

/// ReplicaSets of one page, and most pages: a deployment keeps ten revisions unless it is told otherwise, and a selector may match others'.
const PAGE: &str = "100";
const MAX_PAGES: usize = 5;
/// Images of one revision.
const MAX_IMAGES: usize = 10;
/// Longest image, in characters.
const MAX_IMAGE: usize = 200;
const NUMBER: &str = "deployment.kubernetes.io/revision";
/// Numbers that it had before: it was rolled back to.
const HISTORY: &str = "deployment.kubernetes.io/revision-history";

/// One revision of a deployment's template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The newest is the current one.
    pub number: u64,
    /// When it was rolled out; of one that was rolled back to, when that rollout last came on.
    pub at: Timestamp,
    pub images: Vec<String>,
    /// Its pods of now.
    pub pods: u64,
    pub ready: u64,
    /// It had been there before.
    pub back: bool,
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
    spec: Option<Spec>,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    creation_timestamp: Timestamp,
    annotations: Option<BTreeMap<String, String>>,
    owner_references: Option<Vec<Owner>>,
}

#[derive(Deserialize)]
struct Owner {
    kind: String,
    name: String,
    controller: Option<bool>,
}

/// Containers' environments have secrets: nothing is read that is not named here.
#[derive(Deserialize)]
struct Spec {
    template: Option<Template>,
}

#[derive(Deserialize)]
struct Template {
    spec: Option<PodSpec>,
}

#[derive(Deserialize)]
struct PodSpec {
    containers: Option<Vec<Container>>,
}

#[derive(Deserialize)]
struct Container {
    image: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    replicas: u64,
    #[serde(default)]
    ready_replicas: u64,
}

impl Kubernetes {
    /// Newest first.
    pub async fn revisions(&self, deployment: &Deployment) -> Result<Vec<Revision>, CallError> {
        check_names(&[&deployment.namespace])?;
        let path = ["apis", "apps", "v1", "namespaces", &deployment.namespace, "replicasets"];
        let mut all = Vec::new();
        let mut more: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let call = self.read(&path).query("labelSelector", &deployment.selector).query("limit", PAGE);
            let call = more.iter().fold(call, |call, token| call.query("continue", token));
            let answer = call.takes(&[410]).send().await?;
            if answer.status.as_u16() == 410 {
                return Err(CallError::retry("the list of ReplicaSets changed while it was read"));
            }
            let List { metadata, items } = answer.json()?;
            all.extend(items.into_iter().filter(|set| set.metadata.is_of(&deployment.name)).filter_map(Wire::revision));
            more = metadata.more.filter(|token| !token.is_empty());
            if more.is_none() {
                break;
            }
        }
        all.sort_unstable_by_key(|one| std::cmp::Reverse(one.number));
        // It was made long ago, and rolled out again since.
        if let Some(current) = all.first_mut().filter(|current| current.back) {
            current.at = deployment.progressed_at.map_or(current.at, |at| at.max(current.at));
        }
        Ok(all)
    }
}

impl Metadata {
    fn is_of(&self, deployment: &str) -> bool {
        let owned = |owner: &Owner| owner.kind == "Deployment" && owner.name == deployment && owner.controller == Some(true);
        self.owner_references.iter().flatten().any(owned)
    }
}

impl Wire {
    /// `None`: the controller has not numbered it yet.
    fn revision(self) -> Option<Revision> {
        let annotations = self.metadata.annotations.unwrap_or_default();
        let number = annotations.get(NUMBER)?.parse().ok()?;
        let containers = self.spec.and_then(|spec| spec.template?.spec?.containers).unwrap_or_default();
        let images = containers.into_iter().filter_map(|container| container.image).take(MAX_IMAGES);
        Some(Revision {
            number,
            at: self.metadata.creation_timestamp,
            images: images.map(|image| output::line(&image, MAX_IMAGE)).collect(),
            pods: self.status.replicas,
            ready: self.status.ready_replicas,
            back: annotations.contains_key(HISTORY),
        })
    }
}
