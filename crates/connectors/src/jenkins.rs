//! Jobs of a Jenkins: what they take, starting one once, following it through the queue to its end, and stopping it.
//!
//! Jenkins takes no idempotency key. A job that declares a parameter for one is asked by it after an answer was lost
//! ([`Jenkins::find`]); of a job that does not, nobody can tell whether it was started. Addresses in Jenkins' answers are made of
//! whatever it believes to be called, so only numbers are taken from them.
//!
//! Facts: Jenkins' and Stapler's source of 2026.

use crate::call::{Answer, Call, CallError, Found, Site};
use crate::output;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

mod build;
mod console;
mod history;
mod job;
mod place;
mod queue;

pub use build::{Build, BuildResult};
pub use console::Console;
pub use history::{History, Past};
pub use job::{Job, Parameter, ParameterKind};
pub use place::Place;
pub use queue::Queued;

/// Deepest folders of a job's name.
const MAX_DEPTH: usize = 20;
/// A page of a hundred builds with their parameters, or a job with long lists of choices.
const MAX_BODY: usize = 8 << 20;
/// How much of a refusal's page is read: Jenkins puts a stack into it.
const MAX_PAGE: usize = 256 << 10;
/// Longest name, in characters, of what Jenkins calls somebody or something.
const MAX_NAME: usize = 100;

/// One controller.
#[derive(Debug)]
pub struct Jenkins {
    site: Site,
}

#[derive(Deserialize)]
struct Root {
    #[serde(rename = "quietingDown")]
    quieting_down: Option<bool>,
}

#[derive(Deserialize)]
struct WhoAmI {
    name: Option<String>,
    anonymous: Option<bool>,
}

/// Parameters are in one of many actions, and causes in another.
#[derive(Deserialize)]
struct Action {
    parameters: Option<Vec<Given>>,
    causes: Option<Vec<Cause>>,
}

#[derive(Deserialize)]
struct Given {
    name: Option<String>,
    /// Absent of a secret.
    #[serde(default)]
    value: Value,
}

#[derive(Deserialize)]
struct Cause {
    #[serde(rename = "shortDescription")]
    text: Option<String>,
}

impl Jenkins {
    pub fn new(site: Site) -> Self {
        Self { site }
    }

    /// Reachable, Jenkins, signed in and as whom; whether it starts builds at all.
    pub async fn check(&self) -> Result<Found, CallError> {
        let call = self.site.get(&["api", "json"]).query("tree", "quietingDown,mode").takes(&[403]);
        let answer = is_jenkins(allowed(call.send().await?)?)?;
        let root: Root = answer.json()?;
        let version = answer.header("x-jenkins").map(|version| output::line(version, MAX_NAME)).filter(|text| !text.is_empty());
        let me: WhoAmI = self.read(&["whoAmI", "api", "json"], "name,anonymous,authenticated").await?;
        let mut notes = Vec::new();
        if root.quieting_down == Some(true) {
            notes.push("it is about to shut down: builds that are queued now do not begin".to_owned());
        }
        if me.anonymous == Some(true) {
            notes.push("nobody is signed in; set a user and an API token of theirs".to_owned());
        }
        let identity = me.name.map(|name| output::line(&name, MAX_NAME)).filter(|name| !name.is_empty());
        Ok(Found { system: "Jenkins".to_owned(), version, identity, notes })
    }

    /// The job's page, for people.
    pub fn job_url(&self, name: &str) -> Option<String> {
        self.link(name, &[""])
    }

    /// A build's page, for people.
    pub fn build_url(&self, name: &str, number: u64) -> Option<String> {
        self.link(name, &[&number.to_string(), ""])
    }

    fn link(&self, name: &str, more: &[&str]) -> Option<String> {
        let path = path(name, more).ok()?;
        self.site.url(&path).ok().map(String::from)
    }

    /// Only the fields of `tree`: whole objects are large, and expensive there.
    async fn read<T: DeserializeOwned>(&self, path: &[&str], tree: &str) -> Result<T, CallError> {
        let call = self.site.get(path).query("tree", tree).takes(&[403]).max_body(MAX_BODY);
        is_jenkins(allowed(call.send().await?)?)?.json()
    }

    fn post(&self, path: &[&str], form: &[(&str, &str)]) -> Call<'_> {
        if form.is_empty() { self.site.raw(Method::POST, path, "", Vec::new()) } else { self.site.post_form(path, form) }
    }
}

/// `ops/restart` is `job/ops/job/restart`.
fn path<'a>(name: &'a str, more: &[&'a str]) -> Result<Vec<&'a str>, CallError> {
    let segments: Vec<&str> = name.split('/').take(MAX_DEPTH + 1).collect();
    if segments.len() > MAX_DEPTH || segments.iter().any(|segment| segment.trim().is_empty()) {
        return Err(CallError::rejected("that is no job's full name; write for example `ops/restart-service`"));
    }
    let mut path: Vec<&str> = segments.into_iter().flat_map(|segment| ["job", segment]).collect();
    path.extend(more);
    Ok(path)
}

/// Pages of proxies are no answers, even if they happen to be JSON.
fn is_jenkins(answer: Answer) -> Result<Answer, CallError> {
    let is_it = !answer.status.is_success() || answer.headers.contains_key("x-jenkins");
    if is_it {
        Ok(answer)
    } else {
        Err(CallError::misconfigured("this is no Jenkins (no `X-Jenkins` header); is the address right?"))
    }
}

fn allowed(answer: Answer) -> Result<Answer, CallError> {
    if answer.status == StatusCode::FORBIDDEN { Err(forbidden(&answer)) } else { Ok(answer) }
}

/// Jenkins says in a header which right is missing; its page says it to people.
fn forbidden(answer: &Answer) -> CallError {
    if contains(answer, "crumb") {
        return CallError::misconfigured(
            "HTTP 403: Jenkins asks for a crumb; set a user with an API token, a password does not do",
        );
    }
    let is_plain = |text: &&str| text.len() <= MAX_NAME && text.chars().all(|c| c.is_ascii_alphanumeric() || ".$_-".contains(c));
    CallError::misconfigured(match answer.header("x-required-permission").filter(is_plain) {
        Some(right) => format!("HTTP 403: the account lacks the right `{right}`"),
        None => "HTTP 403: the account may not do this".to_owned(),
    })
}

fn contains(answer: &Answer, words: &str) -> bool {
    answer.text().to_ascii_lowercase().contains(words)
}

/// A parameter's value as text: booleans and numbers are plain JSON, and secrets have none.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
