//! What a vendor or a colleague is given of a run: plain text, ready to paste.
//!
//! It holds nothing but what the run keeps, which was masked before it was kept, and of that no names of people.

use super::run::{Run, RunStep, StepState};
use crate::id::InstitutionId;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Longest pack, in characters: portals cut longer texts, and nobody reads them.
pub const MAX_CHARS: usize = 6_000;
/// Longest value of a line, in characters.
const MAX_VALUE: usize = 300;
/// Root errors that are counted out; there are a dozen kinds.
const MAX_COUNTS: usize = 12;
/// Steps that are listed.
const MAX_STEPS: usize = 40;
/// Inputs of a decision that are named.
const MAX_INPUTS: usize = 20;

/// A pack to paste.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// For a subject line.
    pub title: String,
    pub text: String,
    pub institution: Option<InstitutionId>,
    /// When it began: the alert, else the run.
    pub since: Timestamp,
}

/// The pack of a run as it is now; times in UTC and in `zone`.
pub fn evidence(run: &Run, zone: &TimeZone) -> Evidence {
    let pack = Pack { run, zone };
    let since = pack.since();
    let title = pack.title();
    let mut text = format!("{title}\n\n");
    for line in pack.facts(since) {
        let _ = writeln!(text, "{line}");
    }
    text.push_str("\nWhat we ask for:\n");
    for (n, line) in pack.asks().iter().enumerate() {
        let _ = writeln!(text, "{}. {line}", n + 1);
    }
    let _ = write!(text, "\nOur reference: {}\n", run.id);
    // Last, so that what is cut is the least.
    let steps = pack.steps();
    if !steps.is_empty() {
        text.push_str("\nWhat was done (UTC):\n");
        for line in steps {
            let _ = writeln!(text, "{line}");
        }
    }
    Evidence { title, text: bounded(text), institution: crate::case::institution_of(run), since }
}

struct Pack<'a> {
    run: &'a Run,
    zone: &'a TimeZone,
}

impl Pack<'_> {
    fn institution(&self, key: &str) -> Option<String> {
        let text = self.run.inputs.get("institution")?.get(key)?.as_str()?;
        Some(line(text)).filter(|text| !text.is_empty())
    }

    /// `Example Credit Union (code 123, host host-7)`.
    fn name(&self) -> Option<String> {
        let name = self.institution("name").or_else(|| self.institution("id"))?;
        let parts = [("code", self.institution("code")), ("host", self.institution("host"))];
        let parts: Vec<String> = parts.into_iter().filter_map(|(key, part)| Some(format!("{key} {}", part?))).collect();
        Some(if parts.is_empty() { name } else { format!("{name} ({})", parts.join(", ")) })
    }

    fn title(&self) -> String {
        let title = line(&self.run.title);
        let code = self.institution("code").map(|code| format!(" ({code})")).unwrap_or_default();
        match self.institution("name").or_else(|| self.institution("id")) {
            Some(name) => format!("{title}: {name}{code}"),
            None => title,
        }
    }

    fn since(&self) -> Timestamp {
        let alert = self.run.inputs.get("alert").and_then(|alert| alert.get("created_at")?.as_str()?.parse().ok());
        alert.unwrap_or(self.run.started_at)
    }

    /// `2026-03-02 16:00:00 UTC (2026-03-02 10:00:00 CST)`.
    fn time(&self, at: Timestamp) -> String {
        let show = |zone: TimeZone| at.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S %Z").to_string();
        let utc = show(TimeZone::UTC);
        let local = show(self.zone.clone());
        if local == utc { utc } else { format!("{utc} ({local})") }
    }

    /// What the last step with this action has brought.
    fn found(&self, action: &str) -> Option<&Map<String, Value>> {
        self.done().rev().find(|step| step.spec.uses.as_deref() == Some(action)).map(|step| &step.output)
    }

    /// Of the decision table, or of the person who was asked in its place.
    fn decision(&self) -> Option<&Map<String, Value>> {
        let decides = |step: &&RunStep| step.output.contains_key("owner") && step.output.contains_key("remedy");
        self.done().rev().find(decides).map(|step| &step.output)
    }

    fn done(&self) -> impl DoubleEndedIterator<Item = &RunStep> {
        self.run.steps.iter().filter(|step| step.state == StepState::Done)
    }

    fn facts(&self, since: Timestamp) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.name().map(|name| format!("Institution: {name}")));
        lines.extend(self.institution("core_endpoint").map(|endpoint| format!("Endpoint: {endpoint}")));
        lines.push(format!("Since: {}", self.time(since)));
        let (causes, blast) = (self.found("logs.root_error"), self.found("logs.blast_radius"));
        lines.extend(how_much(causes, blast).map(|text| format!("What fails: {text}")));
        if let Some(causes) = causes {
            lines.extend(root(causes));
        }
        if let Some(probe) = self.found("net.probe") {
            lines.push(probed(probe));
        }
        lines.extend(self.found("service.deploys").map(|deploys| format!("Deployments: {}", text(deploys, "text"))));
        if let Some(decision) = self.decision() {
            lines.extend(decided(decision));
        }
        lines
    }

    fn asks(&self) -> Vec<String> {
        let who = self.name().map_or_else(|| "this system".to_owned(), |name| format!("the core of {name}"));
        let root = self.found("logs.root_error").map(|causes| text(causes, "root")).unwrap_or_default();
        let shared =
            self.found("logs.blast_radius").is_some_and(|blast| blast.get("shared_host_down") == Some(&Value::Bool(true)));
        let host = match self.institution("host").filter(|_| shared) {
            Some(host) => format!(" Everybody on {host} fails and nobody on other hosts: begin with the host."),
            None => String::new(),
        };
        let hint = question(&root).map(|hint| format!(" {hint}")).unwrap_or_default();
        vec![
            format!("Look at {who} and tell us what is wrong.{hint}{host}"),
            "Tell us when requests will succeed again, and whenever you know more.".to_owned(),
            "Give us the number of this case.".to_owned(),
        ]
    }

    fn steps(&self) -> Vec<String> {
        let acts = |step: &&RunStep| step.spec.each.is_none() && step.spec.parallel.is_empty();
        let clock = |at: Timestamp| at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string();
        let told = |step: &RunStep| {
            let item = step.item.as_ref().and_then(Value::as_str).map(|item| format!(" ({})", line(item))).unwrap_or_default();
            let what = format!("{} {}{item}", step.place, line(&step.spec.what));
            match &step.state {
                StepState::Done => {
                    let at = step.ended_at.map(clock).unwrap_or_default();
                    let said = text(&step.output, "text");
                    Some(if said.is_empty() { format!("{at}  {what}") } else { format!("{at}  {what}: {said}") })
                }
                StepState::Doing { .. } | StepState::Waiting { .. } => {
                    Some(format!("{}  {what}: going on", step.began_at.map(clock).unwrap_or_default()))
                }
                _ => None,
            }
        };
        let all: Vec<String> = self.run.steps.iter().filter(acts).filter_map(told).collect();
        let more = all.len().saturating_sub(MAX_STEPS);
        let mut shown: Vec<String> = all.into_iter().take(MAX_STEPS).collect();
        if more > 0 {
            shown.push(format!("and {more} more"));
        }
        shown
    }
}

/// `214 of 214 failed, 0 of 61 others failing`.
fn how_much(causes: Option<&Map<String, Value>>, blast: Option<&Map<String, Value>>) -> Option<String> {
    // The count over all calls, else that of the calls that were read one by one.
    let of = |map: Option<&Map<String, Value>>| {
        let failed = number(map?, "failed")?;
        Some(match number(map?, "total") {
            Some(total) => format!("{failed} of {total} failed"),
            None => format!("{failed} failed"),
        })
    };
    let others = || Some(format!("{} of {} others failing", number(blast?, "others_failing")?, number(blast?, "others_total")?));
    let parts: Vec<String> = [of(blast).or_else(|| of(causes)), others()].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn root(causes: &Map<String, Value>) -> Vec<String> {
    let mut lines = Vec::new();
    let root = text(causes, "root");
    if !root.is_empty() {
        let share = causes.get("share").and_then(Value::as_f64).map(|share| format!(", {:.0} % of failed calls", share * 100.0));
        let mixed = if causes.get("mixed") == Some(&Value::Bool(true)) { ", mixed with others" } else { "" };
        lines.push(format!("Root error: {}{}{mixed}", words(&root), share.unwrap_or_default()));
    }
    if let Some(Value::Object(counts)) = causes.get("counts") {
        let mut counts: Vec<(&String, u64)> = counts.iter().filter_map(|(name, n)| Some((name, n.as_u64()?))).collect();
        counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        let counts: Vec<String> = counts.iter().take(MAX_COUNTS).map(|(name, n)| format!("{} {n}", words(&line(name)))).collect();
        if !counts.is_empty() {
            lines.push(format!("Failed calls by root error: {}", counts.join(", ")));
        }
    }
    let sample = text(causes, "sample");
    if !sample.is_empty() {
        lines.push(format!("The logs say: {sample}"));
    }
    if causes.get("late") == Some(&Value::Bool(true)) {
        lines.push("The logs are late or few: these figures may be too low.".to_owned());
    }
    lines
}

/// Stage by stage: name, connection, TLS with its certificate, HTTP.
fn probed(probe: &Map<String, Value>) -> String {
    let ok = probe.get("ok") == Some(&Value::Bool(true));
    let mut parts = vec![if ok { "every stage worked".to_owned() } else { "failed".to_owned() }];
    for (key, name) in [("stage", "stage"), ("certificate", "certificate")] {
        let value = text(probe, key);
        if !value.is_empty() && value != "none" && !(ok && key == "stage") {
            parts.push(format!("{name} {}", words(&value)));
        }
    }
    let said = text(probe, "text");
    let said = if said.is_empty() { said } else { format!(": {said}") };
    format!("Probe from our network: {}{said}", parts.join(", "))
}

fn decided(decision: &Map<String, Value>) -> Vec<String> {
    let mut told = format!("Decision: {}, {}", words(&text(decision, "owner")), words(&text(decision, "remedy")));
    let (row, why) = (text(decision, "row"), text(decision, "why"));
    if !row.is_empty() {
        let _ = write!(told, " (row {row})");
    }
    if !why.is_empty() {
        let _ = write!(told, ": {why}");
    }
    let mut lines = vec![told];
    if let Some(Value::Object(inputs)) = decision.get("evidence") {
        let plain = inputs.iter().filter(|(_, value)| !value.is_object() && !value.is_array() && !value.is_null());
        let inputs: Vec<String> =
            plain.take(MAX_INPUTS).map(|(name, value)| format!("{} {}", line(name), shown(value))).collect();
        if !inputs.is_empty() {
            lines.push(format!("Decided by: {}", inputs.join(", ")));
        }
    }
    lines
}

/// What whoever runs the other side can look at first.
fn question(root: &str) -> Option<&'static str> {
    Some(match root {
        "connection_refused" => "It refuses our connections: does it run, and does it listen?",
        "connect_timeout" => "Nobody takes our connections: is it up, and the network before it?",
        "read_timeout" => "It takes our requests and does not answer in time.",
        "reset" => "It breaks our connections off.",
        "tls" => "TLS with it fails: look at its certificate and its versions.",
        "name_resolution" => "Its name cannot be resolved.",
        "authentication" => "It refuses our credential: was it changed or locked?",
        "soap_fault" => "It answers with faults: was a release made on your side?",
        "http_5xx" => "It answers with server errors.",
        "maintenance" => "It says that it is closed: until when?",
        _ => return None,
    })
}

fn words(text: &str) -> String {
    text.replace('_', " ")
}

fn text(map: &Map<String, Value>, key: &str) -> String {
    map.get(key).and_then(Value::as_str).map(line).unwrap_or_default()
}

fn number(map: &Map<String, Value>, key: &str) -> Option<String> {
    map.get(key).filter(|value| value.is_number()).map(Value::to_string)
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), line)
}

/// One line of bounded length.
fn line(text: &str) -> String {
    let clean = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    let clean = clean.collect::<Vec<_>>().join(" ");
    if clean.chars().count() > MAX_VALUE { clean.chars().take(MAX_VALUE - 1).chain(['…']).collect() } else { clean }
}

fn bounded(text: String) -> String {
    const CUT: &str = "\n… cut; the rest is in our run.\n";
    if text.chars().count() <= MAX_CHARS {
        return text;
    }
    text.chars().take(MAX_CHARS - CUT.chars().count()).chain(CUT.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::Step;
    use crate::runbook::run::{RunState, Why};
    use crate::setup::Zone;
    use serde_json::json;

    fn step(place: usize, what: &str, uses: Option<&str>, output: Value) -> RunStep {
        let spec = Step { what: what.to_owned(), uses: uses.map(str::to_owned), ..Step::default() };
        let at = "2026-03-02T16:00:00Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_secs(place as i64 * 10);
        RunStep {
            state: StepState::Done,
            output: output.as_object().unwrap().clone(),
            by: Some("ada".to_owned()),
            began_at: Some(at),
            ended_at: Some(at),
            ..RunStep::new(place.to_string(), spec)
        }
    }

    fn run(steps: Vec<RunStep>) -> Run {
        let inputs = json!({
            "institution": { "id": "inst-123", "name": "Example Credit Union", "code": "123", "host": "host-7",
                "core_endpoint": "https://core-123.example.org:8443/SymXchange", "vendor": "jsource" },
            "alert": { "created_at": "2026-03-02T15:58:30Z", "summary": "down" },
        });
        let started_at = "2026-03-02T16:00:00Z".parse().unwrap();
        Run {
            id: "0199-run".into(),
            runbook: "core".into(),
            title: "All core-API requests fail".to_owned(),
            inputs: inputs.as_object().unwrap().clone(),
            subject: "s".to_owned(),
            alert: None,
            service: None,
            state: RunState::Running,
            reason: String::new(),
            started_by: "ada".to_owned(),
            started_at,
            deadline: started_at,
            ended_at: None,
            steps,
            pages_over: Vec::new(),
            members: Vec::new(),
            counts: std::collections::BTreeMap::new(),
        }
    }

    fn chicago() -> TimeZone {
        Zone::get("America/Chicago").unwrap().tz().clone()
    }

    #[test]
    fn everything_that_a_vendor_asks_for_stands_in_it() {
        let mut case = step(6, "Open a vendor case", Some("vendor.case"), json!({}));
        case.state = StepState::Asking { why: Why::NotConnected, text: "Open a case".to_owned() };
        let run = run(vec![
            step(1, "Tell support", Some("support.tell"), json!({ "told": true, "by": "U123", "note": "an internal note" })),
            step(
                2,
                "Find the root error",
                Some("logs.root_error"),
                json!({ "root": "connection_refused", "share": 0.981, "failed": 210, "total": 210, "mixed": false,
                    "counts": { "read_timeout": 4, "connection_refused": 206 }, "sample": "ConnectException:\n  Connection refused",
                    "text": "210 of 210 calls failed" }),
            ),
            step(
                3,
                "See who else fails",
                Some("logs.blast_radius"),
                json!({ "failed": 214, "total": 214, "others_failing": 0, "others_total": 61, "shared_host_down": false }),
            ),
            step(
                4,
                "Probe",
                Some("net.probe"),
                json!({ "ok": false, "stage": "tcp", "certificate": "none", "text": "connection refused" }),
            ),
            step(
                5,
                "Decide",
                Some("decide"),
                json!({ "owner": "vendor", "remedy": "vendor_case", "row": "way", "why": "the core cannot be reached from here either",
                    "evidence": { "root": "connection_refused", "probe_ok": false, "counts": { "a": 1 } } }),
            ),
            case,
        ]);
        let pack = evidence(&run, &chicago());
        assert_eq!(pack.institution, Some("inst-123".into()));
        insta::assert_snapshot!(pack.text, @"
        All core-API requests fail: Example Credit Union (123)

        Institution: Example Credit Union (code 123, host host-7)
        Endpoint: https://core-123.example.org:8443/SymXchange
        Since: 2026-03-02 15:58:30 UTC (2026-03-02 09:58:30 CST)
        What fails: 214 of 214 failed, 0 of 61 others failing
        Root error: connection refused, 98 % of failed calls
        Failed calls by root error: connection refused 206, read timeout 4
        The logs say: ConnectException: Connection refused
        Probe from our network: failed, stage tcp: connection refused
        Decision: vendor, vendor case (row way): the core cannot be reached from here either
        Decided by: probe_ok false, root connection_refused

        What we ask for:
        1. Look at the core of Example Credit Union (code 123, host host-7) and tell us what is wrong. It refuses our connections: does it run, and does it listen?
        2. Tell us when requests will succeed again, and whenever you know more.
        3. Give us the number of this case.

        Our reference: 0199-run

        What was done (UTC):
        16:00:10  1 Tell support
        16:00:20  2 Find the root error: 210 of 210 calls failed
        16:00:30  3 See who else fails
        16:00:40  4 Probe: connection refused
        16:00:50  5 Decide
        ");
        for person in ["ada", "U123", "an internal note"] {
            assert!(!pack.text.contains(person), "{person} is nothing for a vendor");
        }
    }

    #[test]
    fn what_a_person_found_by_hand_is_told_as_well() {
        let run = run(vec![
            step(1, "Root error", Some("logs.root_error"), json!({ "root": "http_5xx", "failed": 12 })),
            step(2, "Others", Some("logs.blast_radius"), json!({ "others_failing": 3, "others_total": 20 })),
            step(3, "Whose side is it?", None, json!({ "owner": "vendor", "remedy": "vendor_case" })),
        ]);
        let text = evidence(&run, &TimeZone::UTC).text;
        for line in [
            "What fails: 12 failed, 3 of 20 others failing\n",
            "Root error: http 5xx\n",
            "Decision: vendor, vendor case\n",
            "Since: 2026-03-02 15:58:30 UTC\n",
            "It answers with server errors.",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_run_that_knows_nothing_yet_still_says_who_asks_for_what() {
        let mut run = run(Vec::new());
        run.inputs.clear();
        let pack = evidence(&run, &TimeZone::UTC);
        assert_eq!((&*pack.title, &pack.institution, pack.since), ("All core-API requests fail", &None, run.started_at));
        assert!(pack.text.contains("Look at this system") && pack.text.contains("Our reference: 0199-run\n"), "{}", pack.text);
        assert!(!pack.text.contains("What was done"), "{}", pack.text);
    }

    #[test]
    fn it_is_bounded_and_what_is_cut_is_the_least() {
        let long = "x ".repeat(5_000);
        let steps = (1..=100).map(|n| step(n, &long, Some("net.probe"), json!({ "ok": true, "text": long }))).collect();
        let pack = evidence(&run(steps), &chicago());
        assert_eq!(pack.text.chars().count(), MAX_CHARS);
        assert!(pack.text.ends_with("… cut; the rest is in our run.\n"));
        assert!(pack.text.contains("What we ask for:\n1. ") && pack.text.contains("Our reference: 0199-run\n"));
        // Nothing makes lines of its own.
        let mut run = run(Vec::new());
        run.title = "Down\nOur reference: forged\u{7}".to_owned();
        assert!(!evidence(&run, &chicago()).text.contains("\nOur reference: forged"));
    }
}
