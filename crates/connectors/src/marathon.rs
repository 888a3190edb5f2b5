//! Apps of a Marathon: what runs of them, why nothing comes up, and restarting one.
//!
//! A restart is not idempotent: each makes a new version and replaces everything again. While one is under way Marathon refuses
//! another, and we never force one, which would leave old and new side by side. Nothing here deletes anything: `DELETE` on an
//! app's restart would delete an app.
//!
//! Facts: Marathon's Scala source at its end of life (1.4 to 1.11).

use crate::call::{Answer, CallError, Found, Site};
use crate::output;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::OnceCell;

mod app;
mod queue;

pub use app::{App, Task};

/// An app with some hundred tasks, or the whole queue with its offers.
const MAX_BODY: usize = 8 << 20;
/// How much of a refusal is read.
const MAX_REFUSAL: usize = 64 << 10;
/// Longest text that Marathon says, in characters.
const MAX_SAID: usize = 300;
const MAX_NAME: usize = 100;
/// Deployments that a refusal names.
const MAX_TOLD: usize = 5;
/// Longest id of an app, in bytes.
const MAX_ID: usize = 1_024;

/// One Marathon, by whichever of its nodes: they lead to the one that leads.
#[derive(Debug)]
pub struct Marathon {
    site: Site,
    framework: OnceCell<String>,
}

/// What was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restarted {
    pub deployment: String,
    /// Of the app, by which the tasks that come of it are told.
    pub version: String,
}

#[derive(Deserialize)]
struct Info {
    version: String,
    leader: Option<String>,
    #[serde(rename = "frameworkId")]
    framework: Option<String>,
}

#[derive(Deserialize)]
struct Begun {
    version: String,
    #[serde(rename = "deploymentId")]
    deployment: String,
}

impl Marathon {
    pub fn new(site: Site) -> Self {
        Self { site, framework: OnceCell::new() }
    }

    /// Reachable, signed in, Marathon, and with somebody who leads.
    pub async fn check(&self) -> Result<Found, CallError> {
        let info = self.info().await?;
        let ping = self.site.get(&["ping"]).send().await?;
        if ping.text().trim() != "pong" {
            return Err(CallError::misconfigured("it does not say `pong` when asked for `/ping`: this is no Marathon"));
        }
        let mut notes = Vec::new();
        if info.leader.is_none_or(|leader| leader.is_empty()) {
            notes.push("none of its nodes leads".to_owned());
        }
        if info.framework.is_none() {
            notes.push("it is not registered with Mesos".to_owned());
        }
        let version = Some(output::line(&info.version, MAX_NAME)).filter(|version| !version.is_empty());
        Ok(Found { system: "Marathon".to_owned(), version, identity: None, notes })
    }

    async fn info(&self) -> Result<Info, CallError> {
        self.site.get(&["v2", "info"]).send().await.map_err(is_marathon)?.json()
    }

    /// By which Mesos knows this Marathon; only needed for sandboxes, so that its absence is no error.
    async fn framework(&self) -> Option<String> {
        let ask = async || self.info().await.ok().and_then(|info| info.framework).ok_or(());
        self.framework.get_or_try_init(ask).await.ok().cloned()
    }

    /// Replaces every task, as far as the app's strategy allows at once.
    ///
    /// # Errors
    /// `Conflict`: it is being deployed already. `Unknown`: it may have begun; the app's version and tasks tell.
    pub async fn restart(&self, id: &str) -> Result<Restarted, CallError> {
        // Without the content type Marathon does not take it, although there is nothing in it.
        let call = self.site.raw(Method::POST, &path(id, &["restart"])?, "application/json", Vec::new()).query("force", "false");
        let answer = call.takes(&[403, 409, 500, 502]).max_body(MAX_REFUSAL).send().await?;
        if !answer.status.is_success() {
            return Err(refused(&answer));
        }
        let Begun { version, deployment } = answer.json()?;
        let is_id = |text: &str| !text.is_empty() && text.len() <= MAX_NAME && text.chars().all(|c| c.is_ascii_graphic());
        if !is_id(&version) || !is_id(&deployment) {
            return Err(answer.not_understood("Marathon does not say what it has begun"));
        }
        Ok(Restarted { deployment, version })
    }

    /// The app's page, for people.
    pub fn app_url(&self, id: &str) -> Option<String> {
        let segments = path(id, &[]).ok()?;
        let mut url = self.site.url(&["ui", ""]).ok()?;
        let encoded: String = segments.get(2..)?.iter().map(|segment| format!("%2F{segment}")).collect();
        url.set_fragment(Some(&format!("/apps/{encoded}")));
        Some(url.into())
    }
}

/// `/core/x` and `core/x` are `v2/apps/core/x`.
fn path<'a>(id: &'a str, more: &[&'a str]) -> Result<Vec<&'a str>, CallError> {
    let plain = id.strip_prefix('/').unwrap_or(id);
    let segments: Vec<&str> = plain.split('/').collect();
    let is_segment = |segment: &&str| {
        !matches!(*segment, "" | "." | "..") && segment.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
    };
    // Of such an id Marathon would understand something else.
    let is_reserved = matches!(segments.last(), Some(&("tasks" | "versions" | "restart" | "delay")));
    if id.len() > MAX_ID || is_reserved || !segments.iter().all(is_segment) {
        return Err(CallError::rejected("that is no id of an app; write for example `/core/some-server`"));
    }
    Ok(["v2", "apps"].into_iter().chain(segments).chain(more.iter().copied()).collect())
}

/// Why nothing was begun, as far as that is certain.
fn refused(answer: &Answer) -> CallError {
    let text = answer.text();
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    let message = body["message"].as_str().unwrap_or_default();
    let said = output::line(message, MAX_SAID);
    let deployments = body["deployments"].as_array();
    match answer.status {
        StatusCode::CONFLICT => match deployments {
            Some(deployments) => {
                let ids = deployments.iter().filter_map(|deployment| deployment["id"].as_str()).take(MAX_TOLD);
                let ids: Vec<String> = ids.map(|id| output::line(id, MAX_NAME)).collect();
                CallError::conflict(format!("the app is being deployed already (deployment {})", ids.join(", ")))
            }
            None => CallError::conflict(format!("HTTP 409: {said}")),
        },
        StatusCode::FORBIDDEN if message.contains("running deployments") => CallError::retry(format!("HTTP 403: {said}")),
        StatusCode::FORBIDDEN => CallError::misconfigured(format!("HTTP 403: {said}")),
        // The node that was asked has found nobody to pass it on to.
        StatusCode::BAD_GATEWAY if text.contains("Could not determine the current leader") => {
            CallError::retry("HTTP 502: none of Marathon's nodes leads at the moment")
        }
        status if message == "URI not found" => is_marathon(CallError::unknown(format!("HTTP {status}: {said}"))),
        status => CallError::unknown(format!("HTTP {status}: {said}")),
    }
}

/// Late versions answer what they do not know with an error of the server's.
fn is_marathon(error: CallError) -> CallError {
    match error {
        CallError::Unknown { reason } if reason.ends_with("URI not found") => {
            CallError::misconfigured(format!("{reason}; is the address (and its path) right?"))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;
