//! A Mesos master and its one agent, with the sandboxes of Marathon's tasks.
//!
//! Facts: Mesos' C++ source, 1.11.

use crate::desk::{Ask, Desk, answer, json_answer};
use crate::marathon::{AGENT_HOST, AGENT_ID, FRAMEWORK_ID};
use crate::weather::chance::{mix, mix_text, uuid};
use crate::weather::{Fleet, Instance, Platform, Sky, Trouble, Weather, after};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What one read hands out at most: 16 pages of 4 KiB.
const MAX_READ_BYTES: usize = 64 * 1024;

/// A sandbox is deleted so long after its task ended.
const GC_DELAY: Duration = Duration::from_secs(7 * 86_400);

const WORK_DIR: &str = "/var/lib/mesos/slave";

const VERSION: &str = "1.11.0";

/// The master and the agent: which of them, and where the agent listens.
pub(crate) struct Mesos {
    pub(crate) weather: Weather,
    pub(crate) is_agent: bool,
    pub(crate) agent_port: Arc<OnceLock<u16>>,
}

impl Desk for Mesos {
    fn answer(&self, ask: &Ask) -> Response {
        let sky = &self.weather.look();
        if !ask.is_get() {
            return answer(405, "text/plain", "Expecting 'GET'");
        }
        let segments = ask.segments();
        let path = match segments[..] {
            ["master", ref rest @ ..] if !self.is_agent => rest,
            ["slave(1)", ref rest @ ..] if self.is_agent => rest,
            ref whole => whole,
        };
        let found = if self.is_agent { agent(sky, ask, path) } else { self.master(sky, ask, path) };
        found.unwrap_or_else(|| answer(404, "text/plain", ""))
    }

    fn refusal(&self, status: StatusCode, _: Option<u32>) -> Response {
        answer(status.as_u16(), "text/plain", if status == StatusCode::SERVICE_UNAVAILABLE { "No leader elected" } else { "" })
    }
}

/// One task with its fleet, and when it ended.
struct Task<'a> {
    fleet: &'a Fleet,
    instance: Instance,
    ended: Option<Timestamp>,
    id: String,
}

/// All tasks that the agent has heard of.
fn tasks(sky: &Sky) -> Vec<Task<'_>> {
    let mut all = Vec::new();
    for service in sky.services.iter().copied() {
        let fleet = sky.fleet(Platform::Marathon, service);
        let launched = |instance: &Instance| {
            let rollout = instance.revision.checked_sub(1).and_then(|index| fleet.rollouts.get(index));
            instance.healthy.is_some() || rollout.is_some_and(|rollout| rollout.trouble != Trouble::NoRoom)
        };
        let living = fleet.instances(sky.now).into_iter().filter(launched).map(|instance| (instance, None));
        let gone = fleet.gone(sky.now).into_iter().map(|(instance, ended)| (instance, Some(ended)));
        all.extend(living.chain(gone).map(|(instance, ended)| Task { fleet, id: fleet.name_of(&instance), instance, ended }));
    }
    all
}

impl Task<'_> {
    fn container(&self) -> String {
        uuid(mix(&[mix_text(&self.id), 17]))
    }

    fn directory(&self) -> String {
        format!("{WORK_DIR}/slaves/{AGENT_ID}/frameworks/{FRAMEWORK_ID}/executors/{}/runs/{}", self.id, self.container())
    }

    /// Whether a path, without the file's name, is this task's sandbox.
    fn lives_in(&self, directory: &str) -> bool {
        let runs = format!("/executors/{}/runs", self.id);
        let forms = [
            self.directory(),
            format!("/frameworks/{FRAMEWORK_ID}{runs}/latest"),
            format!("{WORK_DIR}/slaves/{AGENT_ID}/frameworks/{FRAMEWORK_ID}{runs}/latest"),
        ];
        forms.iter().any(|form| form == directory)
    }

    fn is_collected(&self, sky: &Sky) -> bool {
        self.ended.is_some_and(|ended| after(ended, GC_DELAY) <= sky.now)
    }

    /// The contents of one file of the sandbox. Output is rotated every hour: `stdout.1` is the hour before.
    fn file(&self, sky: &Sky, name: &str) -> Option<Vec<u8>> {
        let (errors, ago) = match name {
            "stdout" => (false, 0),
            "stderr" => (true, 0),
            "stdout.1" => (false, 1),
            "stderr.1" => (true, 1),
            _ => return None,
        };
        let until = self.ended.unwrap_or(sky.now);
        let hour = until.as_second().div_euclid(3_600) - ago;
        let at = |hour: i64| Timestamp::from_second(hour * 3_600).unwrap_or(Timestamp::MIN);
        let lines =
            sky.output(self.fleet, &self.instance, errors, at(hour), at(hour + 1).min(until + SignedDuration::from_millis(1)));
        Some(lines.into_iter().flat_map(|(_, line)| (line + "\n").into_bytes()).collect())
    }

    fn state(&self) -> &'static str {
        if self.ended.is_some() { "TASK_KILLED" } else { "TASK_RUNNING" }
    }

    /// As master and agent show it; `statuses` carry no message here. An ordinary app's executor id is empty.
    fn shown(&self) -> Value {
        let name = self.fleet.service.name();
        json!({"id": self.id, "name": format!("{name}.core"), "framework_id": FRAMEWORK_ID, "executor_id": "", "slave_id": AGENT_ID,
            "state": self.state(), "role": "*", "resources": {"cpus": 1.0, "mem": 2048.0, "disk": 0.0, "gpus": 0.0},
            "statuses": [{"state": self.state(), "timestamp": self.ended.unwrap_or(self.instance.launched).as_millisecond() as f64 / 1_000.0,
                "container_status": {"container_id": {"value": self.container()}}}]})
    }
}

impl Mesos {
    fn pid(&self) -> String {
        format!("slave(1)@127.0.0.1:{}", self.agent_port.get().copied().unwrap_or_default())
    }

    fn master(&self, sky: &Sky, ask: &Ask, path: &[&str]) -> Option<Response> {
        let all = tasks(sky);
        let (living, completed): (Vec<_>, Vec<_>) = all.iter().partition(|task| task.ended.is_none());
        let slave = json!({"id": AGENT_ID, "hostname": AGENT_HOST, "port": self.agent_port.get(), "pid": self.pid(), "active": true, "deactivated": false,
            "version": VERSION, "attributes": {}, "resources": {"cpus": 16.0, "mem": 65_536.0}, "registered_time": sky.begin.as_second() as f64});
        match path {
            ["health"] => Some(answer(200, "text/plain", "")),
            ["slaves"] => {
                let wanted = ask.query("slave_id").is_none_or(|id| id == AGENT_ID);
                Some(json_answer(200, &json!({"slaves": if wanted { vec![slave] } else { Vec::new() }, "recovered_slaves": []})))
            }
            ["tasks"] => {
                let number = |name: &str, usual: usize| ask.query(name).and_then(|text| text.parse().ok()).unwrap_or(usual);
                let mut found: Vec<Value> =
                    all.iter().filter(|task| ask.query("task_id").is_none_or(|id| id == task.id)).map(Task::shown).collect();
                if ask.query("order") != Some("asc") {
                    found.reverse();
                }
                let page: Vec<Value> = found.into_iter().skip(number("offset", 0)).take(number("limit", 100)).collect();
                Some(json_answer(200, &json!({"tasks": page})))
            }
            ["state"] => {
                let shown = |tasks: &[&Task<'_>]| tasks.iter().map(|task| task.shown()).collect::<Vec<_>>();
                Some(json_answer(
                    200,
                    &json!({"id": "town", "hostname": "mesos.invalid", "pid": "master@127.0.0.1:5050", "leader": "master@127.0.0.1:5050", "version": VERSION,
                    "activated_slaves": 1.0, "deactivated_slaves": 0.0, "unreachable_slaves": 0.0, "cluster": "town", "slaves": [slave], "completed_frameworks": [],
                    "frameworks": [{"id": FRAMEWORK_ID, "name": "marathon", "active": true, "connected": true, "tasks": shown(&living), "unreachable_tasks": [], "completed_tasks": shown(&completed)}]}),
                ))
            }
            _ => None,
        }
    }
}

fn agent(sky: &Sky, ask: &Ask, path: &[&str]) -> Option<Response> {
    match path {
        ["state"] => {
            let all = tasks(sky);
            let executors = |ended: bool| -> Vec<Value> {
                let these = all.iter().filter(|task| task.ended.is_some() == ended && !task.is_collected(sky));
                let shown = |task: &Task<'_>| {
                    json!({"id": task.id, "name": format!("Command Executor (Task: {}) (Command: NO EXECUTABLE)", task.id), "source": task.id,
                        "container": task.container(), "directory": task.directory(), "type": "COMMAND", "queued_tasks": [],
                        "tasks": if ended { vec![] } else { vec![task.shown()] }, "completed_tasks": if ended { vec![task.shown()] } else { vec![] }})
                };
                these.map(shown).collect()
            };
            Some(json_answer(
                200,
                &json!({"id": AGENT_ID, "pid": "slave(1)@10.0.0.7:5051", "hostname": AGENT_HOST, "version": VERSION, "attributes": {},
                "flags": {"work_dir": WORK_DIR}, "master_hostname": "mesos.invalid", "completed_frameworks": [],
                "frameworks": [{"id": FRAMEWORK_ID, "name": "marathon", "executors": executors(false), "completed_executors": executors(true)}]}),
            ))
        }
        ["files", what @ ("browse" | "read" | "download")] => Some(files(sky, ask, what)),
        _ => None,
    }
}

fn files(sky: &Sky, ask: &Ask, what: &str) -> Response {
    let Some(path) = ask.query("path").filter(|path| !path.is_empty()) else {
        return answer(400, "text/plain", "Expecting 'path=value' in query.\n");
    };
    if path.contains("..") {
        return answer(400, "text/plain", format!("'{path}' is inaccessible"));
    }
    let all = tasks(sky);
    let sandbox = |directory: &str| all.iter().find(|task| task.lives_in(directory) && !task.is_collected(sky));
    let path = path.trim_end_matches('/');
    if let Some(task) = sandbox(path) {
        return match what {
            "browse" => browse(sky, task, path),
            _ => answer(400, "text/plain", "Cannot read a directory.\n"),
        };
    }
    let file = path.rsplit_once('/').and_then(|(directory, name)| sandbox(directory)?.file(sky, name));
    let Some(bytes) = file else { return answer(404, "text/plain", "") };
    match what {
        "browse" => json_answer(200, &json!([])),
        "download" => answer(200, "application/octet-stream", bytes),
        _ => read(ask, &bytes),
    }
}

fn browse(sky: &Sky, task: &Task<'_>, path: &str) -> Response {
    let names = ["stderr", "stderr.1", "stdout", "stdout.1"];
    let shown = names.into_iter().filter_map(|name| {
        let bytes = task.file(sky, name)?;
        // There is an hour before only when something was written in it.
        let is_there = !name.ends_with(".1") || !bytes.is_empty();
        is_there.then(|| {
            json!({"path": format!("{path}/{name}"), "nlink": 1, "size": bytes.len(), "mtime": task.ended.unwrap_or(sky.now).as_second(), "mode": "-rw-r--r--", "uid": "root", "gid": "root"})
        })
    });
    json_answer(200, &json!(shown.collect::<Vec<_>>()))
}

fn read(ask: &Ask, bytes: &[u8]) -> Response {
    let number = |name: &str| match ask.query(name) {
        None => Some(-1),
        Some(text) => text.parse::<i64>().ok().filter(|number| *number >= -1),
    };
    let (Some(offset), Some(length)) = (number("offset"), number("length")) else {
        return answer(400, "text/plain", "Failed to parse offset or length.\n");
    };
    // Without an offset only the size is told.
    let Ok(from) = usize::try_from(offset) else { return json_answer(200, &json!({"data": "", "offset": bytes.len()})) };
    let length = usize::try_from(length).unwrap_or(usize::MAX).min(MAX_READ_BYTES);
    let part = bytes.get(from..bytes.len().min(from.saturating_add(length))).unwrap_or_default();
    json_answer(200, &json!({"data": String::from_utf8_lossy(part), "offset": offset}))
}

#[cfg(test)]
mod tests;
