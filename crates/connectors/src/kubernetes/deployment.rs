//! One deployment, and restarting it.

use super::{Kubernetes, MAX_NAME, check_names, rollout};
use crate::call::{Answer, CallError};
use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

/// What `kubectl rollout restart` writes: people look for it.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
/// By which we know a restart as ours.
const KEY: &str = "firedog.dev/restart";
/// Longest key; ours are ids of runs and steps.
const MAX_KEY: usize = 200;
/// Most parts of a selector.
const MAX_SELECTOR: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    pub namespace: String,
    pub name: String,
    /// Grows with each change of what is wanted.
    pub generation: u64,
    /// Changes of it do nothing until it goes on.
    pub paused: bool,
    /// How many there should be.
    pub replicas: u64,
    /// When it was last restarted, by whomever, in their own words.
    pub restarted_at: Option<String>,
    /// The key of our last restart. It stays when others restart afterwards: only with its time it says that theirs is ours.
    pub key: Option<String>,
    /// The `labelSelector` of its pods.
    pub selector: String,
    pub rollout: super::Rollout,
    /// When the rollout has last come on.
    pub progressed_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Wire {
    kind: String,
    metadata: Metadata,
    spec: Spec,
    #[serde(default)]
    status: rollout::Status,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    namespace: String,
    generation: u64,
}

#[derive(Deserialize)]
struct Spec {
    replicas: Option<u64>,
    paused: Option<bool>,
    selector: Selector,
    template: Template,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Selector {
    match_labels: Option<BTreeMap<String, String>>,
    match_expressions: Option<Vec<Expression>>,
}

#[derive(Deserialize)]
struct Expression {
    key: String,
    operator: String,
    values: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Template {
    metadata: Option<TemplateMetadata>,
}

#[derive(Deserialize)]
struct TemplateMetadata {
    annotations: Option<BTreeMap<String, String>>,
}

impl Kubernetes {
    pub async fn deployment(&self, namespace: &str, name: &str) -> Result<Deployment, CallError> {
        check_names(&[namespace, name])?;
        Deployment::read(&self.read(&path(namespace, name)).send().await?, namespace, name)
    }

    /// Replaces every pod, as the deployment's strategy says. `at` (RFC 3339) is chosen once and kept: sent again it changes
    /// nothing. `key`: whose restart it is.
    ///
    /// # Errors
    /// `Conflict`: it is paused, so that nothing would happen. `Unknown`: call it again with the same `at`.
    pub async fn restart(&self, namespace: &str, name: &str, at: &str, key: &str) -> Result<Deployment, CallError> {
        if at.parse::<Timestamp>().is_err() || key.is_empty() || key.len() > MAX_KEY || key.chars().any(char::is_control) {
            return Err(CallError::rejected("a restart needs its time (RFC 3339) and a short key"));
        }
        let before = self.deployment(namespace, name).await?;
        // It was done, even if somebody else has restarted since.
        if before.key.as_deref() == Some(key) {
            return Ok(before);
        }
        if before.paused {
            return Err(CallError::conflict(
                "the deployment is paused: nothing would restart until it goes on (`kubectl rollout resume`)",
            ));
        }
        let annotations = json!({ RESTARTED_AT: at, KEY: key });
        let body = json!({ "spec": { "template": { "metadata": { "annotations": annotations } } } });
        let body = body.to_string().into_bytes();
        let kind = "application/strategic-merge-patch+json";
        let call = self.site.raw(Method::PATCH, &path(namespace, name), kind, body).query("fieldManager", "firedog");
        let after = Deployment::read(&call.send().await?, namespace, name)?;
        if after.is_restarted(at, key) {
            Ok(after)
        } else {
            Err(CallError::conflict("the cluster took the restart and dropped its annotations; some policy there removes them"))
        }
    }
}

fn path<'a>(namespace: &'a str, name: &'a str) -> [&'a str; 7] {
    ["apis", "apps", "v1", "namespaces", namespace, "deployments", name]
}

impl Deployment {
    fn read(answer: &Answer, namespace: &str, name: &str) -> Result<Self, CallError> {
        let Wire { kind, metadata, spec, status } = answer.json()?;
        if kind != "Deployment" || metadata.name != name || metadata.namespace != namespace {
            return Err(answer.not_understood("the answer is not the deployment that was asked for"));
        }
        let selector = spec.selector.text().ok_or_else(|| answer.not_understood("the deployment's selector is none"))?;
        let annotations = spec.template.metadata.and_then(|metadata| metadata.annotations).unwrap_or_default();
        let note = |name: &str| annotations.get(name).map(|value| crate::bounds::cut(value, MAX_NAME));
        let replicas = spec.replicas.unwrap_or(1);
        let paused = spec.paused == Some(true);
        Ok(Self {
            namespace: metadata.namespace,
            name: metadata.name,
            generation: metadata.generation,
            paused,
            replicas,
            restarted_at: note(RESTARTED_AT),
            key: note(KEY),
            selector,
            progressed_at: status.progressed_at(),
            rollout: status.rollout(metadata.generation, replicas),
        })
    }

    fn is_restarted(&self, at: &str, key: &str) -> bool {
        self.restarted_at.as_deref() == Some(at) && self.key.as_deref() == Some(key)
    }
}

impl Selector {
    /// As a query takes it. One of nothing would be one of everything.
    fn text(self) -> Option<String> {
        let mut parts = Vec::new();
        for (key, value) in self.match_labels.into_iter().flatten() {
            parts.push(is_label(&key).then(|| is_value(&value).then(|| format!("{key}={value}")))??);
        }
        for Expression { key, operator, values } in self.match_expressions.into_iter().flatten() {
            let values = values.unwrap_or_default();
            if !is_label(&key) || !values.iter().all(|value| is_value(value)) {
                return None;
            }
            let values = values.join(",");
            parts.push(match operator.as_str() {
                "In" => format!("{key} in ({values})"),
                "NotIn" => format!("{key} notin ({values})"),
                "Exists" => key,
                "DoesNotExist" => format!("!{key}"),
                _ => return None,
            });
        }
        (!parts.is_empty() && parts.len() <= MAX_SELECTOR).then(|| parts.join(","))
    }
}

fn is_label(key: &str) -> bool {
    !key.is_empty() && key.len() <= 2 * MAX_NAME && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
}

fn is_value(value: &str) -> bool {
    value.len() <= MAX_NAME && value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}
