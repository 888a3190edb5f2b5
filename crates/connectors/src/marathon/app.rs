//! One app as it runs.

use super::{MAX_BODY, MAX_NAME, MAX_SAID, Marathon, is_marathon, path};
use crate::call::CallError;
use crate::output;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Versions of one app; Marathon keeps no more than some hundred.
const MAX_VERSIONS: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    pub version: String,
    /// How many there should be.
    pub instances: u64,
    pub running: u64,
    /// Of those that were checked. Without health checks it is always zero.
    pub healthy: u64,
    pub has_checks: bool,
    /// Ids of those that are under way.
    pub deployments: Vec<String>,
    pub tasks: Vec<Task>,
    /// In Marathon's words, masked.
    pub last_failure: Option<String>,
    /// As whom Marathon is known to Mesos.
    pub framework: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub id: String,
    /// The agent's id in Mesos.
    pub agent: String,
    pub host: String,
    /// Of one that is not running it is not told.
    pub version: Option<String>,
    pub running: bool,
    /// `None`: not checked (yet).
    pub healthy: Option<bool>,
}

#[derive(Deserialize)]
struct Wire {
    app: WireApp,
}

#[derive(Deserialize)]
struct Versions {
    versions: Vec<String>,
}

/// An app's `env` has secrets: nothing is read that is not named here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireApp {
    version: String,
    instances: u64,
    #[serde(default)]
    tasks_running: u64,
    #[serde(default)]
    tasks_healthy: u64,
    health_checks: Option<Vec<IgnoredAny>>,
    deployments: Option<Vec<Deployment>>,
    tasks: Option<Vec<WireTask>>,
    last_task_failure: Option<Failure>,
}

#[derive(Deserialize)]
struct Deployment {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireTask {
    id: String,
    slave_id: Option<String>,
    host: Option<String>,
    version: Option<String>,
    state: Option<String>,
    started_at: Option<String>,
    health_check_results: Option<Vec<Option<Checked>>>,
}

#[derive(Deserialize)]
struct Checked {
    #[serde(default)]
    alive: bool,
}

#[derive(Deserialize)]
struct Failure {
    message: Option<String>,
    state: Option<String>,
    timestamp: Option<String>,
}

impl Marathon {
    /// `id`: with or without the slash before it.
    pub async fn app(&self, id: &str) -> Result<App, CallError> {
        let answer = self.site.get(&path(id, &[])?).max_body(MAX_BODY).send().await.map_err(is_marathon)?;
        let Wire { app } = answer.json()?;
        let checks = app.health_checks.map_or(0, |checks| checks.len());
        let mut tasks = Vec::new();
        for task in app.tasks.into_iter().flatten() {
            tasks.push(task.task(checks).ok_or_else(|| answer.not_understood("the app has tasks that are none"))?);
        }
        let deployments = app.deployments.into_iter().flatten().map(|one| output::line(&one.id, MAX_NAME)).collect();
        Ok(App {
            version: output::line(&app.version, MAX_NAME),
            instances: app.instances,
            running: app.tasks_running,
            healthy: app.tasks_healthy,
            has_checks: checks > 0,
            deployments,
            tasks,
            last_failure: app.last_task_failure.and_then(|failure| failure.said()),
            framework: self.framework().await,
        })
    }
}

impl Marathon {
    /// When its definition was changed, newest first: deployed, scaled or restarted. Marathon does not say which.
    pub async fn versions(&self, id: &str) -> Result<Vec<Timestamp>, CallError> {
        let answer = self.site.get(&path(id, &["versions"])?).max_body(MAX_BODY).send().await.map_err(is_marathon)?;
        let Versions { versions } = answer.json()?;
        let read: Result<Vec<Timestamp>, _> = versions.iter().map(|text| text.parse()).collect();
        let mut all = read.map_err(|_| answer.not_understood("the app has versions that are no times"))?;
        all.sort_unstable_by_key(|at| std::cmp::Reverse(*at));
        all.truncate(MAX_VERSIONS);
        Ok(all)
    }
}

impl WireTask {
    fn task(self, checks: usize) -> Option<Task> {
        let is_name = |text: &str| text.len() <= 512 && text.chars().all(|c| c.is_ascii_graphic());
        let (agent, host) = (self.slave_id.unwrap_or_default(), self.host.unwrap_or_default());
        if self.id.is_empty() || !is_name(&self.id) || !is_name(&agent) || !is_name(&host) {
            return None;
        }
        let results: Vec<Checked> = self.health_check_results.into_iter().flatten().flatten().collect();
        let healthy = match results.iter().all(|result| result.alive) {
            false => Some(false),
            // One result for each of the app's checks; those that are missing are still to come.
            true => (checks > 0 && results.len() >= checks).then_some(true),
        };
        // Old versions do not tell the state.
        let running = self.state.map_or(self.started_at.is_some(), |state| state == "TASK_RUNNING");
        let version = self.version.map(|version| output::line(&version, MAX_NAME));
        Some(Task { id: self.id, agent, host, version, running, healthy })
    }
}

impl Failure {
    fn said(self) -> Option<String> {
        let what = self.message.filter(|message| !message.trim().is_empty()).or(self.state)?;
        let at = self.timestamp.filter(|at| at.parse::<jiff::Timestamp>().is_ok());
        let said = output::log_line(&what, MAX_SAID);
        Some(at.map_or_else(|| said.clone(), |at| format!("{said} (at {at})")))
    }
}

impl App {
    /// Everything runs, is healthy where there are checks, nothing is being deployed, and none of the tasks is one of `before`.
    ///
    /// # Errors
    /// What is missing, in words such as "2 of 3 instances are new and well".
    pub fn renewed(&self, before: &[String]) -> Result<(), String> {
        let is_old = |task: &Task| before.contains(&task.id);
        let new = self.tasks.iter().filter(|task| !is_old(task) && self.is_well(task)).count() as u64;
        if new < self.instances {
            return Err(format!("{new} of {} instances are new and well", self.instances));
        }
        match self.tasks.iter().filter(|task| is_old(task)).count() {
            0 => self.settled(),
            1 => Err("1 of the old instances is still there".to_owned()),
            old => Err(format!("{old} of the old instances are still there")),
        }
    }

    /// Everything runs, is healthy where there are checks, and nothing is being deployed.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn well(&self) -> Result<(), String> {
        let well = self.tasks.iter().filter(|task| self.is_well(task)).count() as u64;
        if well < self.instances { Err(format!("{well} of {} instances are well", self.instances)) } else { self.settled() }
    }

    fn is_well(&self, task: &Task) -> bool {
        task.running && (!self.has_checks || task.healthy == Some(true))
    }

    /// Marathon's own counts agree, and it has nothing more to do.
    fn settled(&self) -> Result<(), String> {
        if self.running < self.instances {
            return Err(format!("{} of {} instances run", self.running, self.instances));
        }
        if self.has_checks && self.healthy < self.instances {
            return Err(format!("{} of {} instances are healthy", self.healthy, self.instances));
        }
        if self.deployments.is_empty() { Ok(()) } else { Err("it is still being deployed".to_owned()) }
    }
}
