//! Deployments of a Kubernetes: restarting one, how far that is, its pods, and what they say.
//!
//! A restart is a change of an annotation: sent again with the same time it changes nothing, so a lost answer does no harm. Only
//! that one patch is ever sent.
//!
//! Facts: the API reference of Kubernetes 1.31, and kubectl's `rollout`.

use crate::call::{Call, CallError, Found, Site};
use crate::output;
use serde::Deserialize;
use serde_json::json;

mod deployment;
mod pod;
mod revision;
mod rollout;
mod said;

pub use deployment::Deployment;
pub use pod::Pod;
pub use revision::Revision;
pub use rollout::Rollout;

/// A page of pods with everything that their controllers note.
const MAX_BODY: usize = 8 << 20;
/// Longest name of a thing, in bytes (RFC 1123).
const MAX_NAME: usize = 253;
/// Longest message that is shown, in characters.
const MAX_SAID: usize = 300;

/// One cluster, as one service account.
#[derive(Debug)]
pub struct Kubernetes {
    site: Site,
}

#[derive(Deserialize)]
struct Version {
    #[serde(rename = "gitVersion")]
    version: String,
}

#[derive(Deserialize)]
struct Review {
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    allowed: bool,
    user_info: Option<User>,
}

#[derive(Deserialize)]
struct User {
    username: Option<String>,
}

impl Kubernetes {
    /// `site`: the API server, with a token as bearer.
    pub fn new(site: Site) -> Self {
        Self { site }
    }

    /// Reachable, signed in and as whom; what the account may not do that we need in `namespace`. `deploys`: whether revisions are
    /// read there.
    pub async fn check(&self, namespace: &str, deploys: bool) -> Result<Found, CallError> {
        check_names(&[namespace])?;
        let Version { version } = self.site.get(&["version"]).send().await?.json()?;
        let mut notes = Vec::new();
        let revisions = ("list", "apps", "replicasets", "", "see what was deployed (replicasets)");
        let needs = [
            ("patch", "apps", "deployments", "", "restart deployments, unless its role names them one by one"),
            ("list", "", "pods", "", "see pods"),
            ("get", "", "pods", "log", "read logs of pods"),
            ("list", "", "events", "", "see events"),
        ];
        for (verb, group, resource, subresource, lack) in needs.into_iter().chain(deploys.then_some(revisions)) {
            let wanted =
                json!({ "namespace": namespace, "verb": verb, "group": group, "resource": resource, "subresource": subresource });
            if !self.may(&wanted).await? {
                notes.push(format!("in `{namespace}` the account may not {lack}"));
            }
        }
        let line = |text: &str| Some(output::line(text, MAX_NAME)).filter(|line| !line.is_empty());
        let identity = self.me().await?.as_deref().and_then(line);
        Ok(Found { system: "Kubernetes".to_owned(), version: line(&version), identity, notes })
    }

    async fn may(&self, wanted: &serde_json::Value) -> Result<bool, CallError> {
        let body = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": { "resourceAttributes": wanted } });
        let path = ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"];
        let review: Review = self.site.post_json(&path, &body).reads().send().await?.json()?;
        Ok(review.status.allowed)
    }

    /// Older clusters do not tell.
    async fn me(&self) -> Result<Option<String>, CallError> {
        let body = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
        let path = ["apis", "authentication.k8s.io", "v1", "selfsubjectreviews"];
        let answer = self.site.post_json(&path, &body).reads().takes(&[403, 404, 405]).send().await?;
        if !answer.status.is_success() {
            return Ok(None);
        }
        let review: Review = answer.json()?;
        Ok(review.status.user_info.and_then(|user| user.username))
    }

    fn read(&self, path: &[&str]) -> Call<'_> {
        self.site.get(path).max_body(MAX_BODY)
    }
}

/// Names stand in selectors, too, where a comma would mean something.
fn check_names(names: &[&str]) -> Result<(), CallError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let is_name = |name: &&str| !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(plain) && !name.starts_with('.');
    match names.iter().find(|name| !is_name(name)) {
        Some(name) => Err(CallError::rejected(format!("`{}` is no name of Kubernetes'", output::line(name, 60)))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
