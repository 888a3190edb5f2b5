//! A task's directory on its agent, and the end of a file in it.

use super::MAX_ID;
use crate::call::{CallError, Site};
use crate::output;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// An agent with its completed executors.
const MAX_STATE: usize = 16 << 20;
/// Every byte of a file can take six in JSON.
const MAX_READ: usize = 6 * output::MAX_OUTPUT + 1_024;
/// Longest path.
const MAX_PATH: usize = 4_096;

pub(super) struct Wanted<'a> {
    pub(super) framework: &'a str,
    pub(super) task: &'a str,
}

#[derive(Deserialize)]
struct State {
    frameworks: Vec<Framework>,
    completed_frameworks: Option<Vec<Framework>>,
}

#[derive(Deserialize)]
struct Framework {
    id: String,
    executors: Option<Vec<Executor>>,
    completed_executors: Option<Vec<Executor>>,
}

#[derive(Deserialize)]
struct Executor {
    id: String,
    directory: String,
    /// `DEFAULT` runs a group of tasks, each in a directory of its own.
    #[serde(rename = "type")]
    kind: Option<String>,
    tasks: Option<Vec<Task>>,
    queued_tasks: Option<Vec<Task>>,
    completed_tasks: Option<Vec<Task>>,
}

#[derive(Deserialize)]
struct Task {
    id: String,
}

#[derive(Deserialize)]
struct Read {
    data: String,
    offset: u64,
}

/// The whole lines of the last `bytes` of `file`.
pub(super) async fn tail(agent: &Site, wanted: &Wanted<'_>, file: &str, bytes: u64) -> Result<Vec<String>, CallError> {
    let path = format!("{}/{file}", directory(agent, wanted).await?);
    // Without an offset only the size is told.
    let size = read(agent, &path, &[("offset", "-1")]).await?.offset;
    let from = size.saturating_sub(bytes);
    let part = read(agent, &path, &[("offset", &from.to_string()), ("length", &bytes.to_string())]).await?;
    let text = if from == 0 { part.data.as_str() } else { output::without_first(&part.data) };
    Ok(output::lines(output::whole(text).0))
}

async fn directory(agent: &Site, wanted: &Wanted<'_>) -> Result<String, CallError> {
    let Wanted { framework, task } = wanted;
    let state: State = match agent.get(&["state"]).max_body(MAX_STATE).send().await {
        Ok(answer) => answer.json()?,
        // Too large: newer agents have a path for an ordinary task that needs none of it.
        Err(CallError::Rejected { .. }) => return Ok(format!("/frameworks/{framework}/executors/{task}/runs/latest")),
        Err(error) => return Err(error),
    };
    let frameworks = state.frameworks.iter().chain(state.completed_frameworks.iter().flatten());
    let executors = frameworks
        .filter(|one| one.id == *framework)
        .flat_map(|one| one.executors.iter().chain(&one.completed_executors))
        .flatten();
    // Of an ordinary task the executor has the task's own id.
    let found = executors.into_iter().find(|executor| executor.id == *task || executor.runs(task));
    let executor = found.ok_or_else(|| CallError::missing("the agent does not know the task any more"))?;
    let directory = executor.directory.trim_end_matches('/');
    if !directory.starts_with('/') || directory.len() > MAX_PATH - MAX_ID || directory.split('/').any(|part| part == "..") {
        return Err(CallError::misconfigured("the agent names a directory that is none"));
    }
    let is_group = executor.kind.as_deref() == Some("DEFAULT");
    Ok(if is_group { format!("{directory}/tasks/{task}") } else { directory.to_owned() })
}

impl Executor {
    fn runs(&self, task: &str) -> bool {
        let all = [&self.tasks, &self.queued_tasks, &self.completed_tasks];
        all.into_iter().flatten().flatten().any(|one| one.id == task)
    }
}

async fn read(agent: &Site, path: &str, query: &[(&str, &str)]) -> Result<Read, CallError> {
    let call = agent.get(&["files", "read"]).query("path", path).max_body(MAX_READ);
    let call = query.iter().fold(call, |call, (name, value)| call.query(name, value));
    let answer = call.send().await.map_err(|error| match error {
        CallError::Missing { .. } => CallError::missing("the sandbox is not there any more; Mesos deletes them after a while"),
        other => other,
    })?;
    parse(&answer.text()).ok_or_else(|| answer.not_understood("the agent's answer is no part of a file"))
}

/// Bytes that are no UTF-8 stand in the JSON as they are, so it is read as text that has none of them.
fn parse<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}
