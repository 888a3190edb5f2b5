//! Jobs, queue items, builds and logs as Jenkins shows them.

use super::build::{Build, Phase};
use super::{ELSEWHERE, answer, with_header};
use crate::weather::Sky;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

pub(super) const JOB_CLASS: &str = "org.jenkinsci.plugins.workflow.job.WorkflowJob";
pub(super) const STRING: &str = "StringParameterDefinition";
pub(super) const BOOLEAN: &str = "BooleanParameterDefinition";
pub(super) const CHOICE: &str = "ChoiceParameterDefinition";
pub(super) const ENVIRONMENTS: [&str; 2] = ["staging", "production"];

/// Builds that a job's `builds` lists.
const NEWEST: usize = 100;

/// Hidden in the file before its first line, as console annotations are: offsets count it, and bodies do not have it.
const HIDDEN: &str = "\u{1b}[8mha:AAAAlh+LCAAAAAAAAP9b85aBtbiIQTGjNKU4P08vOT+vOD8nVc83PyU1x6OyILUoJzMv2y+/JJUBAhiZGBgqihhk0NSjKDWzXb3RdlLBUSYGJk8GtpzUvPSSDB8G5tKinBIGIZ+sxLJE/ZzEvHT94JKizLx0a6BxUmjGOUNodHsLgAwBBgYGPgAAAA==\u{1b}[0m";

fn ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// Parameters with their values, and who asked.
fn actions(sky: &Sky, build: &Build) -> Value {
    let definitions = sky.jenkins.jobs[build.job].definitions(sky);
    let value = |(name, value): &(String, String)| {
        let is_boolean = definitions.iter().any(|(found, kind, _)| found == name && *kind == BOOLEAN);
        json!({"_class": "hudson.model.ParameterValue", "name": name, "value": if is_boolean { json!(value == "true") } else { json!(value) }})
    };
    json!([
        {"_class": "hudson.model.ParametersAction", "parameters": build.parameters.iter().map(value).collect::<Vec<_>>()},
        {},
        {"_class": "hudson.model.CauseAction", "causes": [{"_class": "hudson.model.Cause$UserIdCause",
            "shortDescription": format!("Started by user {}", build.user), "userId": build.user, "userName": build.user}]},
    ])
}

pub(super) fn job(sky: &Sky, job: usize) -> Value {
    let of = &sky.jenkins.jobs[job];
    let parameters: Vec<Value> = of
        .definitions(sky)
        .iter()
        .map(|(name, kind, default)| {
            let default = if *kind == BOOLEAN { json!(default == "true") } else { json!(default) };
            let mut shown = json!({"_class": format!("hudson.model.{kind}"), "type": kind, "name": name, "description": "",
                "defaultParameterValue": {"_class": "hudson.model.ParameterValue", "name": name, "value": default}});
            if *kind == CHOICE {
                shown["choices"] = json!(ENVIRONMENTS);
            }
            shown
        })
        .collect();
    let mut builds: Vec<&Build> = sky.jenkins.builds.iter().filter(|build| build.job == job && build.started.is_some()).collect();
    builds.sort_by_key(|build| std::cmp::Reverse(build.started));
    let in_queue =
        sky.jenkins.builds.iter().any(|build| build.job == job && build.started.is_none() && build.cancelled.is_none());
    let last = |wanted: &dyn Fn(&Build) -> bool| builds.iter().find(|found| wanted(found)).map(|found| short(sky, found));
    json!({"_class": JOB_CLASS, "name": of.name(), "fullName": of.full_name("/"), "url": format!("{ELSEWHERE}/{}/", of.address()),
        "buildable": true, "inQueue": in_queue, "concurrentBuild": false, "nextBuildNumber": sky.jenkins.next_number(job),
        "property": [{"_class": "jenkins.model.BuildDiscarderProperty"},
            {"_class": "hudson.model.ParametersDefinitionProperty", "parameterDefinitions": parameters}],
        "lastBuild": last(&|_| true), "lastCompletedBuild": last(&|found| found.phase(sky) == Phase::Done),
        "builds": builds.iter().take(NEWEST).map(|found| self::build(sky, found)).collect::<Vec<_>>()})
}

fn short(sky: &Sky, build: &Build) -> Value {
    let (number, job) = (build.started.map(|(_, number)| number), &sky.jenkins.jobs[build.job]);
    let url = number.map(|number| format!("{ELSEWHERE}/{}/{number}/", job.address()));
    json!({"_class": "org.jenkinsci.plugins.workflow.job.WorkflowRun", "number": number, "url": url})
}

/// Whether a build goes by this name in an address.
pub(super) fn is_called(sky: &Sky, build: &Build, name: &str) -> bool {
    let Some((_, number)) = build.started else { return false };
    let of_job = || sky.jenkins.builds.iter().filter(|found| found.job == build.job);
    let newest = |wanted: &dyn Fn(&Build) -> bool| {
        of_job().filter(|found| wanted(found)).filter_map(|found| found.started).max().map(|(_, number)| number) == Some(number)
    };
    match name {
        "lastBuild" => newest(&|_| true),
        "lastCompletedBuild" => newest(&|found| found.phase(sky) == Phase::Done),
        "lastSuccessfulBuild" => newest(&|found| found.phase(sky) == Phase::Done && found.result(sky) == Some("SUCCESS")),
        "lastFailedBuild" => newest(&|found| found.phase(sky) == Phase::Done && found.result(sky) == Some("FAILURE")),
        other => other.parse() == Ok(number),
    }
}

pub(super) fn item(sky: &Sky, build: &Build) -> Value {
    let phase = build.phase(sky);
    let (class, why) = match phase {
        Phase::Quiet => ("WaitingItem", Some("In the quiet period. Expires in a moment")),
        Phase::Blocked => ("BlockedItem", Some("Waiting for a lock")),
        Phase::Busy => ("BuildableItem", Some("Waiting for next available executor")),
        _ => ("LeftItem", None),
    };
    let job = &sky.jenkins.jobs[build.job];
    let mut shown = json!({"_class": format!("hudson.model.Queue${class}"), "id": build.queue_id, "blocked": phase == Phase::Blocked,
        "buildable": phase == Phase::Busy, "stuck": false, "why": why, "inQueueSince": ms(build.queued),
        "url": format!("queue/item/{}/", build.queue_id), "actions": actions(sky, build),
        "task": {"_class": JOB_CLASS, "name": job.name(), "url": format!("{ELSEWHERE}/{}/", job.address())}});
    match phase {
        Phase::Quiet => shown["timestamp"] = json!(ms(build.quiet_until())),
        Phase::Blocked => shown["buildableStartMilliseconds"] = json!(ms(build.quiet_until())),
        Phase::Busy => shown["pending"] = json!(false),
        _ => {
            shown["cancelled"] = json!(phase == Phase::Cancelled);
            shown["executable"] = build.started.map_or(Value::Null, |_| short(sky, build));
        }
    }
    shown
}

pub(super) fn build(sky: &Sky, build: &Build) -> Value {
    let phase = build.phase(sky);
    let running = phase != Phase::Done;
    let started = build.started.map(|(at, _)| at).unwrap_or(build.queued);
    let ends = build.ends(sky).filter(|_| !running).unwrap_or(started);
    let mut shown = short(sky, build);
    let number = shown["number"].clone();
    let more = json!({"id": number.to_string(), "displayName": format!("#{number}"), "fullDisplayName": format!("{} #{number}", sky.jenkins.jobs[build.job].full_name(" » ")),
        "queueId": build.queue_id, "building": running, "inProgress": running, "result": build.result(sky), "timestamp": ms(started),
        "duration": ms(ends) - ms(started), "estimatedDuration": 45_000, "description": null, "actions": actions(sky, build),
        "executor": if running { json!({"progress": 50, "likelyStuck": false}) } else { Value::Null }});
    if let (Value::Object(shown), Value::Object(more)) = (&mut shown, more) {
        shown.extend(more);
    }
    shown
}

/// A part of the log, from an offset that counts the bytes of the file.
pub(super) fn progressive(sky: &Sky, build: &Build, start: Option<usize>) -> Response {
    let lines: String = build.console(sky).iter().map(|line| format!("{line}\n")).collect();
    // Jenkins makes the file a moment after the start.
    let is_made = build.started.is_some_and(|(at, _)| sky.now > at);
    let file = if is_made && !lines.is_empty() { format!("{HIDDEN}{lines}") } else { String::new() };
    // Past the end, or not at a character's border: served again from the start.
    let from = start.filter(|start| file.is_char_boundary(*start)).unwrap_or(0);
    let body = file[from..].replace(HIDDEN, "").replace('\n', "\r\n");
    let response = with_header(answer(200, "text/plain;charset=utf-8", body), "x-text-size", &file.len().to_string());
    let more = build.phase(sky) != Phase::Done;
    if more { with_header(response, "x-more-data", "true") } else { response }
}
