//! What is gone after a restart: instances and how they are, what they have written, the graph as it was.

use super::logs::as_calls;
use super::{Call, done};
use crate::ops::deploys;
use firedog_connectors::call::CallError;
use firedog_connectors::elasticsearch::{Role, Scope};
use firedog_connectors::prometheus::{Outcome, Range};
use firedog_domain::diagnosis::rules::{Failed, classify};
use firedog_domain::runbook::run::Progress;
use firedog_domain::setup::{ConnectionKind, METRIC_QUERIES, Service};
use firedog_domain::time::{after, mins};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// How far back a graph goes where a step does not say.
const LAST: SignedDuration = SignedDuration::from_hours(1);
/// How far back deployments are looked for where a step does not say.
const DEPLOYED_WITHIN: SignedDuration = SignedDuration::from_hours(24);
/// Instances that are listed and read from.
const MAX_INSTANCES: usize = 20;
/// Of each instance.
const LINES: u32 = 200;
/// Of each file that an instance has written, in bytes: the end of it.
const TAIL_BYTES: u64 = 32 << 10;
/// Points of a graph.
const MAX_POINTS: usize = 240;

/// One instance.
struct Instance {
    id: String,
    agent: String,
    well: bool,
    text: String,
}

/// As Java's and everybody's loggers mark them.
fn is_error(line: &str) -> bool {
    ["ERROR", "FATAL", "SEVERE", "Exception"].iter().any(|word| line.contains(word))
}

impl Call<'_> {
    fn service(&self) -> Result<&Service, CallError> {
        let named = Some(self.text("service")).filter(|id| !id.is_empty());
        let id = named.or(self.run.service.as_ref().map(|id| id.as_str())).unwrap_or_default();
        let unknown = || CallError::Misconfigured { reason: format!("there is no service `{id}`; name one with `service`") };
        self.setup.services.get(id).ok_or_else(unknown)
    }

    async fn look_at(&self, service: &Service) -> Result<Vec<Instance>, CallError> {
        let no_driver = || CallError::Misconfigured {
            reason: format!("the catalogue does not say where the instances of {} are seen", service.id),
        };
        let driver = service.instances.as_ref().ok_or_else(no_driver)?;
        let all = match self.setup.driven(driver).map(|connection| connection.kind) {
            Some(ConnectionKind::Marathon) => {
                let app = self.connected.marathon(self.setup, &driver.with)?.app(driver.target()).await?;
                let one = |task: firedog_connectors::marathon::Task| {
                    let well = task.running && task.healthy != Some(false);
                    let words = match (task.running, task.healthy) {
                        (false, _) => "does not run",
                        (true, Some(false)) => "runs and is not healthy",
                        (true, Some(true)) => "runs and is healthy",
                        (true, None) => "runs",
                    };
                    Instance { text: format!("on {} {words}", task.host), id: task.id, agent: task.agent, well }
                };
                app.tasks.into_iter().map(one).collect::<Vec<_>>()
            }
            Some(ConnectionKind::Kubernetes) => {
                let client = self.connected.kubernetes(self.setup, &driver.with)?;
                let deployment = client.deployment(driver.namespace(), driver.target()).await?;
                let one = |pod: firedog_connectors::kubernetes::Pod| {
                    let words = match (&pod.trouble, pod.ready) {
                        (Some(trouble), _) => trouble.clone(),
                        (None, true) => "is ready".to_owned(),
                        (None, false) => "is not ready".to_owned(),
                    };
                    let text = format!("{words}, {} restarts", pod.restarts);
                    Instance { text, id: pod.name, agent: String::new(), well: pod.ready && !pod.going_away }
                };
                client.pods(&deployment).await?.into_iter().map(one).collect()
            }
            _ => return Err(no_driver()),
        };
        Ok(all.into_iter().take(MAX_INSTANCES).collect())
    }

    pub(super) async fn instances(&self) -> Result<Progress, CallError> {
        let all = self.look_at(self.service()?).await?;
        let well = all.iter().filter(|one| one.well).count();
        let each: Map<String, Value> = all.iter().map(|one| (one.id.clone(), Value::from(one.text.as_str()))).collect();
        Ok(done(json!({
            "well": well == all.len() && !all.is_empty(), "text": format!("{well} of {} instances are well", all.len()), "each": each,
        })))
    }

    /// Counts of errors by their root, and of lines. Of the lines themselves nothing is kept: customers' names stand in them, and no
    /// pattern knows a name.
    pub(super) async fn output(&self) -> Result<Progress, CallError> {
        let service = self.service()?;
        let all = self.look_at(service).await?;
        let (mut each, mut lines, mut unread) = (Map::new(), 0, 0);
        let mut errors: BTreeMap<&'static str, usize> = BTreeMap::new();
        for instance in &all {
            match self.written_by(service, instance).await {
                Ok(written) => {
                    lines += written.len();
                    let mut own = Map::from_iter([("lines".to_owned(), Value::from(written.len()))]);
                    for line in written.iter().filter(|line| is_error(line)) {
                        let root = classify(&Failed { message: line.clone(), ..Failed::default() });
                        *errors.entry(root).or_default() += 1;
                        let count = own.get(root).and_then(Value::as_u64).unwrap_or_default() + 1;
                        own.insert(root.to_owned(), Value::from(count));
                    }
                    each.insert(instance.id.clone(), Value::Object(own));
                }
                Err(error @ CallError::Misconfigured { .. }) => return Err(error),
                Err(_) => unread += 1,
            }
        }
        let unread = if unread == 0 { String::new() } else { format!(", {unread} could not be read") };
        let told: Vec<String> = errors.iter().map(|(root, count)| format!("{} {count}", root.replace('_', " "))).collect();
        let told = if told.is_empty() { "no errors".to_owned() } else { told.join(", ") };
        let text = format!("{lines} lines of {} instances{unread}: {told}", all.len());
        Ok(done(json!({ "text": text, "each": each })))
    }

    async fn written_by(&self, service: &Service, instance: &Instance) -> Result<Vec<String>, CallError> {
        let Some(driver) = &service.instances else { return Ok(Vec::new()) };
        if self.setup.driven(driver).map(|connection| connection.kind) == Some(ConnectionKind::Kubernetes) {
            let client = self.connected.kubernetes(self.setup, &driver.with)?;
            return client.log(driver.namespace(), &instance.id, None, LINES, false).await;
        }
        let mesos = self.connected.mesos(self.setup)?;
        let app = self.connected.marathon(self.setup, &driver.with)?.app(driver.target()).await?;
        let framework = app.framework.unwrap_or_default();
        let mut all = Vec::new();
        for file in ["stdout", "stderr"] {
            all.extend(mesos.tail(&framework, &instance.id, &instance.agent, file, TAIL_BYTES).await?);
        }
        Ok(all)
    }

    pub(super) async fn deploys(&self) -> Result<Progress, CallError> {
        let last = self.length("last", DEPLOYED_WITHIN);
        let found = deploys::look(&self.connected, self.setup, self.service()?, last, self.now).await?;
        let told = |one: deploys::Deploy| {
            let parts = [format!("{:.0}", one.at), one.outcome, one.detail];
            let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            (one.name, Value::from(parts.join(", ")))
        };
        let each: Map<String, Value> = found.each.into_iter().map(told).collect();
        let latest = found.latest.map(|at| format!("{at:.0}")).unwrap_or_default();
        Ok(done(json!({
            "text": found.text, "count": found.count, "under_way": found.under_way, "latest": latest, "each": each,
        })))
    }

    /// By logs: they are what the graph is made of, and what it is frozen as.
    pub(super) async fn graph(&self) -> Result<Progress, CallError> {
        let service = self.service()?;
        let last = self.length("last", LAST);
        let from = self.now.checked_sub(last).unwrap_or(Timestamp::MIN);
        match self.setup.connection(ConnectionKind::Prometheus) {
            Some(_) => self.graph_by_metrics(service, from).await,
            None => self.graph_by_logs(service, from).await,
        }
    }

    async fn graph_by_metrics(&self, service: &Service, from: Timestamp) -> Result<Progress, CallError> {
        let prometheus = self.connected.prometheus(self.setup)?;
        // Each point tells of the time before it; the last one also of the minute that is not over.
        let range = Range::new(from, after(self.now, mins(1)), mins(1), MAX_POINTS)?;
        let step = SignedDuration::from_secs(range.step_s());
        let mut graphs = [(); METRIC_QUERIES.len()].map(|()| BTreeMap::<Timestamp, u64>::new());
        let mut is_whole = true;
        for (graph, name) in graphs.iter_mut().zip(METRIC_QUERIES) {
            let query = self.metric_query(name, None, Some(service), range.step_s());
            let reading = prometheus.range(&query, &range).await?;
            is_whole &= reading.warnings.is_empty();
            let Outcome::Series(series) = reading.outcome else { continue };
            for point in series.into_iter().flat_map(|series| series.points) {
                // Increases are guessed between scrapes: a part of a call is none.
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of calls, not negative")]
                let calls = point.value.finite().map_or(0, |value| value.round().max(0.0) as u64);
                let begins = point.at.checked_sub(step).unwrap_or(point.at);
                *graph.entry(begins).or_default() += calls;
            }
        }
        let [total, mut failed] = graphs;
        // No series of failed calls is none that failed; no series at all is no graph.
        total.keys().for_each(|at| {
            failed.entry(*at).or_default();
        });
        let bad = failed.values().filter(|calls| **calls > 0).count();
        let steps = match range.step_s() {
            60 => "minutes".to_owned(),
            step => format!("spans of {} min", step / 60),
        };
        let text = match total.len() {
            0 => "the metrics know no calls of it".to_owned(),
            all => format!(
                "{bad} of {all} {steps} with failed calls{}",
                if is_whole { "" } else { "; a part of the metrics is missing" }
            ),
        };
        let shown = |graph: BTreeMap<Timestamp, u64>| -> Map<String, Value> {
            graph.into_iter().map(|(at, calls)| (format!("{at:.0}"), Value::from(calls))).collect()
        };
        Ok(done(json!({ "text": text, "total": shown(total), "failed": shown(failed) })))
    }

    async fn graph_by_logs(&self, service: &Service, from: Timestamp) -> Result<Progress, CallError> {
        let logs = self.connected.logs(self.setup)?;
        let scope = Scope::new(from, self.now)?.only(Role::Service, [service.id.as_str()])?;
        let counts = logs.counts(&scope, mins(1)).await?;
        let (mut total, mut failed) = (Map::new(), Map::new());
        let mut by_minute: BTreeMap<Timestamp, Vec<_>> = BTreeMap::new();
        for cell in counts.cells.iter().cloned() {
            by_minute.entry(cell.at).or_default().push(cell);
        }
        let mut bad = 0;
        let minutes = by_minute.len();
        for (at, cells) in by_minute.into_iter().take(MAX_POINTS) {
            let one = firedog_connectors::elasticsearch::Counts { cells, ..counts.clone() };
            let calls = as_calls(&one).into_values().fold((0, 0), |(all, bad), calls| (all + calls.total, bad + calls.failed));
            total.insert(format!("{at:.0}"), Value::from(calls.0));
            failed.insert(format!("{at:.0}"), Value::from(calls.1));
            bad += usize::from(calls.1 > 0);
        }
        let text = format!("{bad} of {minutes} minutes with failed calls");
        Ok(done(json!({ "text": text, "total": total, "failed": failed })))
    }
}
