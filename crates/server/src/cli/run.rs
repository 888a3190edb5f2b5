//! Runbooks and their runs.

use super::call::Call;
use super::failure::{Exit, Failure};
use super::folder::Folder;
use super::out::{BAD, BOLD, DIM, GOOD, WARN, clean, count, paint, print, print_json, say, text};
use super::table::{Table, cell};
use clap::{Args, Subcommand};
use firedog_domain::runbook::fixture::{Fixture, play};
use firedog_domain::setup::load::SourceFile;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

const MAX_ROWS: usize = 2_000;
const WATCH_EVERY: Duration = Duration::from_secs(1);

#[derive(Subcommand, Debug)]
pub(crate) enum Runbook {
    /// List runbooks
    #[command(after_help = "Example:\n  firedog runbook list")]
    List,
    /// Show what a runbook does, step by step
    #[command(after_help = "Example:\n  firedog runbook show core-api-down-for-institution")]
    Show {
        #[arg(value_name = "RUNBOOK")]
        id: String,
    },
    /// Tell what a run would do, without doing any of it
    #[command(after_help = "Example:\n  firedog runbook dry-run core-api-down-for-institution institution=inst-123")]
    DryRun {
        #[arg(value_name = "RUNBOOK")]
        id: String,
        /// What it is told
        #[arg(value_name = "NAME=VALUE")]
        inputs: Vec<String>,
    },
    /// Play the fixtures beside the runbooks of a setup directory; needs no server
    #[command(after_help = "Examples:\n  firedog runbook test setup\n\nFixtures stand in files that end in .fixtures.json; \
        `firedog run fixture RUN` makes one of a run.")]
    Test {
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// List the actions that steps can use
    #[command(after_help = "Example:\n  firedog runbook actions")]
    Actions,
}

#[derive(Subcommand, Debug)]
pub(crate) enum RunVerb {
    /// Start a runbook, or join the run that is open for the same institution or service
    #[command(after_help = "Examples:\n  firedog run start core-api-down-for-institution institution=inst-123\n  \
        firedog run start restart-symxchange --alert ID --watch")]
    Start {
        #[arg(value_name = "RUNBOOK")]
        runbook: String,
        /// What it is told
        #[arg(value_name = "NAME=VALUE")]
        inputs: Vec<String>,
        /// For this alert; its labels tell what is not given
        #[arg(long, value_name = "ALERT")]
        alert: Option<String>,
        /// Go on showing what happens until it is over
        #[arg(long)]
        watch: bool,
    },
    /// List runs, newest first
    #[command(after_help = "Examples:\n  firedog run list\n  firedog run list --all --runbook restart-symxchange")]
    List {
        /// Those that are over as well
        #[arg(long)]
        all: bool,
        #[arg(long, value_name = "RUNBOOK")]
        runbook: Option<String>,
    },
    /// Show a run, and what it waits for
    #[command(after_help = "Example:\n  firedog run show ID")]
    Show {
        #[arg(value_name = "RUN")]
        id: String,
    },
    /// Follow a run's log until it is over
    #[command(after_help = "Example:\n  firedog run watch ID")]
    Watch {
        #[arg(value_name = "RUN")]
        id: String,
    },
    /// Answer a step, or say that it is done by hand
    #[command(
        after_help = "Examples:\n  firedog run answer ID 1 told=true\n  firedog run answer ID 2 root=pool_exhausted failed=214 note='since 10:12'"
    )]
    Answer {
        #[arg(value_name = "RUN")]
        id: String,
        #[arg(value_name = "STEP")]
        place: String,
        #[arg(value_name = "NAME=VALUE")]
        values: Vec<String>,
    },
    /// Agree to the plan of a step, after showing it
    #[command(after_help = "Examples:\n  firedog run confirm ID 7.1.1\n  firedog run confirm ID 7.1.1 --plan HASH")]
    Confirm {
        #[arg(value_name = "RUN")]
        id: String,
        #[arg(value_name = "STEP")]
        place: String,
        /// The plan that was looked at [default: the one that waits now]
        #[arg(long, value_name = "HASH")]
        plan: Option<String>,
    },
    /// Tell a step that is under way how to go on
    #[command(after_help = "Example:\n  firedog run choose ID 7.1.1 cancel")]
    Choose {
        #[arg(value_name = "RUN")]
        id: String,
        #[arg(value_name = "STEP")]
        place: String,
        /// As `firedog run show` lists them
        #[arg(value_name = "CHOICE")]
        choice: String,
    },
    /// Say no to the plan of a step
    #[command(after_help = "Example:\n  firedog run decline ID 7.1.1 --why 'not during business hours'")]
    Decline(Because),
    /// Leave a step out
    #[command(after_help = "Example:\n  firedog run skip ID 4 --why 'looked at it myself'")]
    Skip(Because),
    /// Begin again from a step
    #[command(after_help = "Example:\n  firedog run retry ID 7.1.1")]
    Retry {
        #[arg(value_name = "RUN")]
        id: String,
        #[arg(value_name = "STEP")]
        place: String,
    },
    /// End a run
    #[command(after_help = "Example:\n  firedog run cancel ID --why 'false alarm'")]
    Cancel {
        #[arg(value_name = "RUN")]
        id: String,
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// Print the evidence of a run, ready to paste into a vendor case
    #[command(after_help = "Examples:\n  firedog run evidence ID\n  firedog run evidence ID | xclip")]
    Evidence {
        #[arg(value_name = "RUN")]
        id: String,
    },
    /// Print a fixture that expects what a run did
    #[command(after_help = "Example:\n  firedog run fixture ID > setup/core-api-down.fixtures.json")]
    Fixture {
        #[arg(value_name = "RUN")]
        id: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Because {
    #[arg(value_name = "RUN")]
    id: String,
    #[arg(value_name = "STEP")]
    place: String,
    #[arg(long, value_name = "TEXT")]
    why: String,
}

/// `name=value`, as texts.
fn texts(pairs: &[String]) -> Result<Map<String, Value>, Failure> {
    let pair = |pair: &String| match pair.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), Value::from(value))),
        _ => Err(Failure::usage(format!("`{pair}` is not NAME=VALUE"))),
    };
    pairs.iter().map(pair).collect()
}

/// The same as the step's questions want them: numbers as numbers, yes and no as truth values.
fn typed(pairs: &[String], step: &Value) -> Result<Map<String, Value>, Failure> {
    let questions = step["questions"].as_array().cloned().unwrap_or_default();
    let mut values = texts(pairs)?;
    for (name, value) in &mut values {
        let kind =
            questions.iter().find(|question| text(question, "name") == name).map(|question| text(question, "kind").to_owned());
        let given = value.as_str().unwrap_or_default().to_owned();
        match kind.as_deref() {
            Some("number") => match given.parse::<f64>() {
                Ok(number) if number.fract() == 0.0 && given.parse::<i64>().is_ok() => {
                    *value = json!(given.parse::<i64>().unwrap_or_default())
                }
                Ok(number) => *value = json!(number),
                Err(_) => return Err(Failure::usage(format!("{name} is a number, not `{given}`"))),
            },
            Some("bool") => match given.as_str() {
                "true" | "yes" => *value = json!(true),
                "false" | "no" => *value = json!(false),
                _ => return Err(Failure::usage(format!("{name} is yes or no, not `{given}`"))),
            },
            _ => {}
        }
    }
    Ok(values)
}

fn step<'a>(run: &'a Value, place: &str) -> Result<&'a Value, Failure> {
    let found = run["steps"].as_array().into_iter().flatten().find(|step| text(step, "place") == place);
    found.ok_or_else(|| Failure::new(Exit::NotFound, format!("the run has no step {place}")))
}

fn values(map: &Value) -> String {
    let show = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    map.as_object().into_iter().flatten().map(|(name, value)| format!("{name}={}", show(value))).collect::<Vec<_>>().join(" ")
}

pub(crate) async fn runbook(call: &Call, verb: Runbook) -> Result<(), Failure> {
    match verb {
        Runbook::List => {
            let items = call.client.list(&["runbooks"], &[], MAX_ROWS).await?;
            if call.json {
                return print_json(&Value::Array(items));
            }
            let mut table = Table::new(&["ID", "TITLE", "TEAM", "FOR", "STEPS", "LAST RUN"], 1);
            for item in &items {
                let inputs = item["inputs"].as_array().into_iter().flatten().map(|input| text(input, "name")).collect::<Vec<_>>();
                let steps = item["steps"].as_array().map_or(0, Vec::len).to_string();
                // What was never run has nothing else to tell.
                let last = match item["last_run_at"].is_null() {
                    true => String::new(),
                    false => format!("{} {}", call.short(item, "last_run_at", &call.zone()), text(item, "last_run_state")),
                };
                let stale = text(item, "stale");
                let last = [last.as_str(), stale].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(", ");
                table.row([
                    cell(text(item, "id")),
                    cell(text(item, "title")),
                    cell(text(item, "team")),
                    cell(inputs.join(", ")),
                    cell(steps),
                    cell(last),
                ]);
            }
            call.table(&table, "There are no runbooks. A file that begins with `runbook: ID` in the setup directory is one.")
        }
        Runbook::Show { id } => {
            let found = call.client.get(&["runbooks", &id], &[]).await?;
            if call.json {
                return print_json(&found);
            }
            print(&format!("{}\n", paint(BOLD, &clean(text(&found, "title")))))?;
            outline(found["steps"].as_array().into_iter().flatten())
        }
        Runbook::DryRun { id, inputs } => {
            let steps = call.client.post(&["runbooks", &id, "dry-run"], &json!({ "inputs": texts(&inputs)? })).await?;
            if call.json {
                return print_json(&steps);
            }
            for step in steps.as_array().into_iter().flatten() {
                outline(std::iter::once(step))?;
                let args = values(&step["args"]);
                if !args.is_empty() {
                    print(&format!("        with {}\n", clean(&args)))?;
                }
                if let Some(why) = step["by_hand"].as_str() {
                    print(&format!("        {} {}\n", paint(WARN, "by hand:"), clean(why)))?;
                }
                for line in step["confirms"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    print(&format!("        {} {}\n", paint(WARN, "asks first:"), clean(line)))?;
                }
            }
            say("Nothing was called.");
            Ok(())
        }
        Runbook::Test { dir } => test(&dir, call.json, call.now),
        Runbook::Actions => {
            let items = call.client.list(&["actions"], &[], MAX_ROWS).await?;
            if call.json {
                return print_json(&Value::Array(items));
            }
            for item in &items {
                print(&format!("{}  {}\n", paint(BOLD, text(item, "name")), clean(text(item, "about"))))?;
                for (word, parts) in [("takes", &item["inputs"]), ("brings", &item["outputs"])] {
                    for part in parts.as_array().into_iter().flatten() {
                        let (name, kind, about) = (text(part, "name"), text(part, "kind"), text(part, "about"));
                        print(&format!("    {} {name}  {about} {}\n", paint(DIM, word), paint(DIM, &format!("({kind})"))))?;
                    }
                }
            }
            Ok(())
        }
    }
}

fn outline<'a>(steps: impl Iterator<Item = &'a Value>) -> Result<(), Failure> {
    for step in steps {
        let place = text(step, "place");
        let indent = "  ".repeat(place.matches('.').count());
        let uses = step["uses"].as_str().map(|uses| paint(DIM, &format!(" {uses}"))).unwrap_or_default();
        let when = step["when"].as_str().map(|when| paint(DIM, &format!(" when {when}"))).unwrap_or_default();
        print(&format!("{indent}{place:>4}  {}{uses}{when}\n", clean(text(step, "do"))))?;
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixtures {
    runbook: String,
    fixtures: Vec<Fixture>,
}

/// Plays every fixture below a setup directory.
pub(crate) fn test(dir: &Path, json: bool, now: Timestamp) -> Result<(), Failure> {
    let folder = Folder::read(dir).map_err(Failure::failed)?;
    let loaded = folder.check(now);
    let Some(setup) = &loaded.setup else {
        return Err(Failure::failed("the setup has mistakes").next(format!("see them: firedog check {}", dir.display())));
    };
    let mut told = Vec::new();
    for SourceFile { name: path, text: content } in folder.fixtures() {
        let file: Fixtures = serde_json::from_str(content).map_err(|error| Failure::failed(format!("{path}: {error}")))?;
        let Some(runbook) = setup.runbook(&file.runbook) else {
            return Err(Failure::failed(format!("{path}: there is no runbook `{}`", file.runbook)));
        };
        for fixture in &file.fixtures {
            let failure = play(&runbook, fixture).err();
            told.push(json!({ "file": path, "runbook": file.runbook, "name": fixture.name, "ok": failure.is_none(), "failure": failure }));
        }
    }
    let failed = told.iter().filter(|one| one["ok"] == false).count();
    if json {
        print_json(&json!({ "ok": failed == 0 && !told.is_empty(), "fixtures": told }))?;
    } else {
        for one in &told {
            let mark = if one["ok"] == true { paint(GOOD, "ok    ") } else { paint(BAD, "failed") };
            let why = one["failure"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
            print(&format!("{mark}  {}  {}{}\n", text(one, "runbook"), text(one, "name"), clean(&why)))?;
        }
        say(&format!("{}, {failed} failed", count(told.len(), "fixture")));
    }
    if told.is_empty() {
        return Err(
            Failure::failed("there are no fixtures").next("make one of a run: firedog run fixture RUN > NAME.fixtures.json")
        );
    }
    if failed > 0 { Err(Failure::silent(Exit::Failed)) } else { Ok(()) }
}

pub(crate) async fn run(call: &Call, verb: RunVerb) -> Result<(), Failure> {
    let zone = call.zone();
    match verb {
        RunVerb::Start { runbook, inputs, alert, watch } => {
            let body = json!({ "runbook": runbook, "inputs": texts(&inputs)?, "alert": alert });
            let begun = call.client.post(&["runs"], &body).await?;
            if watch && !call.json {
                return follow(call, text(&begun, "id")).await;
            }
            let id = text(&begun, "id");
            call.done(&begun, &format!("{} is running. Follow it: firedog run watch {id}", clean(text(&begun, "title"))))
        }
        RunVerb::List { all, runbook } => {
            let mut query = vec![("limit", "500")];
            if !all {
                query.push(("going", "true"));
            }
            if let Some(runbook) = &runbook {
                query.push(("runbook", runbook));
            }
            let answer = call.client.get(&["runs"], &query).await?;
            let items = answer["items"].as_array().cloned().unwrap_or_default();
            if call.json {
                return print_json(&Value::Array(items));
            }
            let mut table = Table::new(&["ID", "RUNBOOK", "FOR", "STATE", "WAITS FOR", "STARTED", "BY"], 1);
            for item in &items {
                let about = |name: &str| item["inputs"][name]["id"].as_str().map(str::to_owned);
                let about = about("institution").or_else(|| about("service")).unwrap_or_default();
                let waits = item["waits_for"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
                let waits = if waits.is_empty() { String::new() } else { format!("step {}", waits.join(", ")) };
                let [id, runbook, state, by] = ["id", "runbook", "state", "started_by"].map(|key| cell(text(item, key)));
                table.row([id, runbook, cell(about), state, cell(waits), cell(call.short(item, "started_at", &zone)), by]);
            }
            call.table(&table, if all { "Nothing has been run." } else { "Nothing is running." })
        }
        RunVerb::Show { id } => {
            let found = call.client.get(&["runs", &id], &[]).await?;
            if call.json { print_json(&found) } else { show(&found) }
        }
        RunVerb::Watch { id } => {
            if call.json {
                let lines = call.client.get(&["runs", &id, "log"], &[]).await?;
                return print_json(&lines);
            }
            follow(call, &id).await
        }
        RunVerb::Answer { id, place, values } => {
            let found = call.client.get(&["runs", &id], &[]).await?;
            let body = json!({ "values": typed(&values, step(&found, &place)?)? });
            let answer = call.client.post(&["runs", &id, "steps", &place, "answer"], &body).await?;
            call.done(&answer, &next(&answer))
        }
        RunVerb::Confirm { id, place, plan } => {
            let found = call.client.get(&["runs", &id], &[]).await?;
            let wanted = &step(&found, &place)?["plan"];
            if !call.json {
                for line in plan_lines(wanted) {
                    say(&format!("  {}", clean(line)));
                }
            }
            let hash = plan.unwrap_or_else(|| text(wanted, "hash").to_owned());
            let answer = call.client.post(&["runs", &id, "steps", &place, "confirm"], &json!({ "hash": hash })).await?;
            call.done(&answer, &format!("Confirmed. {}", next(&answer)))
        }
        RunVerb::Choose { id, place, choice } => {
            let answer = call.client.post(&["runs", &id, "steps", &place, "choose"], &json!({ "choice": choice })).await?;
            call.done(&answer, &next(&answer))
        }
        RunVerb::Decline(because) => said(call, because, "decline").await,
        RunVerb::Skip(because) => said(call, because, "skip").await,
        RunVerb::Retry { id, place } => {
            let answer = call.client.post(&["runs", &id, "steps", &place, "retry"], &json!({})).await?;
            call.done(&answer, &next(&answer))
        }
        RunVerb::Cancel { id, why } => {
            let answer = call.client.post(&["runs", &id, "cancel"], &json!({ "reason": why })).await?;
            call.done(&answer, "The run is cancelled.")
        }
        RunVerb::Evidence { id } => {
            let found = call.client.get(&["runs", &id, "evidence"], &[]).await?;
            if call.json {
                return print_json(&found);
            }
            let vendor = &found["vendor"];
            for (key, word) in [("portal", "Open the case at"), ("note", "They want")] {
                if !text(vendor, key).is_empty() {
                    say(&format!("{word}: {}", clean(text(vendor, key))));
                }
            }
            // Line by line: what is pasted keeps its lines, and nothing in it moves a terminal.
            text(&found, "text").lines().try_for_each(|line| print(&format!("{}\n", clean(line))))
        }
        RunVerb::Fixture { id } => {
            let found = call.client.get(&["runs", &id], &[]).await?;
            print_json(&fixture(&found))
        }
    }
}

async fn said(call: &Call, Because { id, place, why }: Because, verb: &str) -> Result<(), Failure> {
    let answer = call.client.post(&["runs", &id, "steps", &place, verb], &json!({ "reason": why })).await?;
    call.done(&answer, &next(&answer))
}

/// What the run waits for now.
fn next(run: &Value) -> String {
    let waits: Vec<&Value> =
        run["waits_for"].as_array().into_iter().flatten().filter_map(|place| step(run, place.as_str()?).ok()).collect();
    match waits.first() {
        Some(step) => format!("Next: step {}, {}", text(step, "place"), clean(text(step, "do"))),
        None if text(run, "state") == "running" => "It goes on by itself.".to_owned(),
        None => format!("The run is {}.", text(run, "state")),
    }
}

fn show(run: &Value) -> Result<(), Failure> {
    print(&format!("{}  {}\n", paint(BOLD, &clean(text(run, "title"))), text(run, "state")))?;
    for step in run["steps"].as_array().into_iter().flatten() {
        let (place, state) = (text(step, "place"), text(step, "state"));
        let mark = match state {
            "done" => paint(GOOD, "done      "),
            "asking" | "confirming" => paint(WARN, &format!("{state:<10}")),
            _ => paint(DIM, &format!("{state:<10}")),
        };
        let item = step["item"].as_str().map(|item| format!(" ({item})")).unwrap_or_default();
        print(&format!(
            "{}{place:<6} {mark} {}{}\n",
            "  ".repeat(place.matches('.').count()),
            clean(text(step, "do")),
            clean(&item)
        ))?;
        let output = values(&step["output"]);
        for line in [text(step, "text"), output.as_str()] {
            if !line.is_empty() {
                print(&format!("         {}\n", paint(DIM, &clean(line))))?;
            }
        }
        let (id, sequel) = (text(run, "id"), &step["sequel"]);
        if !sequel.is_null() {
            let is_going = sequel["ended_at"].is_null();
            let word = match (text(sequel, "kind"), is_going) {
                ("watch", true) => format!("watching until {}: ", text(sequel, "until")),
                ("tell", true) => String::new(),
                (_, true) => "being taken back: ".to_owned(),
                _ => String::new(),
            };
            print(&format!("         {}\n", paint(DIM, &clean(&format!("{word}{}", text(sequel, "text"))))))?;
            if is_going {
                say(&format!("  End it: firedog run skip {id} {place} --why …"));
            }
        }
        for link in step["links"].as_array().into_iter().flatten() {
            print(&format!("         {}  {}\n", clean(text(link, "name")), clean(text(link, "url"))))?;
            let owner = link["owner"].as_str().map(|team| format!("a tool of {team}"));
            let learn = link["learn"].as_str().map(|url| format!("how to use it: {url}"));
            let more: Vec<String> = owner.into_iter().chain(learn).collect();
            if !more.is_empty() {
                print(&format!("           {}\n", paint(DIM, &clean(&more.join("; ")))))?;
            }
        }
        for line in plan_lines(&step["plan"]) {
            print(&format!("         {}\n", clean(line)))?;
        }
        match state {
            "confirming" => say(&format!("  Agree: firedog run confirm {id} {place}")),
            "waiting" => {
                for choice in step["choices"].as_array().into_iter().flatten() {
                    say(&format!("  {}: firedog run choose {id} {place} {}", clean(text(choice, "text")), text(choice, "id")));
                }
            }
            "asking" => {
                let asked = step["questions"].as_array().into_iter().flatten().filter(|question| question["required"] == true);
                let names = asked.map(|question| format!("{}=…", text(question, "name"))).collect::<Vec<_>>().join(" ");
                say(&format!("  Answer: firedog run answer {id} {place} {names}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Prints the log as it grows, until the run is over.
async fn follow(call: &Call, id: &str) -> Result<(), Failure> {
    let zone = call.zone();
    let mut after = 0_i64;
    loop {
        // Read before the log: what ends the run is in the log by then.
        let run = call.client.get(&["runs", id], &[]).await?;
        let from = after.to_string();
        let lines = call.client.get(&["runs", id, "log"], &[("after", &from)]).await?;
        let lines = lines.as_array().cloned().unwrap_or_default();
        for line in &lines {
            after = line["seq"].as_i64().unwrap_or(after);
            let what = run["steps"].as_array().into_iter().flatten().find(|step| text(step, "place") == text(line, "place"));
            let what = what.map(|step| text(step, "do")).unwrap_or_default();
            let by = line["by"].as_str().map(|by| format!(" by {by}")).unwrap_or_default();
            let said = if text(line, "text").is_empty() { String::new() } else { format!(": {}", text(line, "text")) };
            let (at, place, kind) = (call.short(line, "at", &zone), text(line, "place"), text(line, "kind").replace('_', " "));
            print(&format!("{at}  {place:<6} {kind}{by}  {}\n", clean(&format!("{what}{said}"))))?;
        }
        if lines.is_empty() && text(&run, "state") != "running" {
            say(&next(&run));
            return Ok(());
        }
        if lines.is_empty() {
            tokio::time::sleep(WATCH_EVERY).await;
        }
    }
}

/// What a run did, as something that can be expected of it again.
fn fixture(run: &Value) -> Value {
    let mut outputs: Map<String, Value> = Map::new();
    let mut path = Vec::new();
    let inputs: Map<String, Value> = run["inputs"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| *name != "alert")
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    for step in run["steps"].as_array().into_iter().flatten().filter(|step| text(step, "state") == "done") {
        let uses = step["uses"].as_str();
        // What only held others together has been done by nobody.
        if uses.is_none() && step["by"].is_null() {
            continue;
        }
        let asked = step["output"].as_object().is_some_and(|output| output.keys().any(|key| key != "note"));
        path.push(format!("{} {}", text(step, "place"), uses.unwrap_or(if asked { "ask" } else { "by hand" })));
        let Some(name) = step["output_name"].as_str() else { continue };
        let output = step["output"].clone();
        match outputs.get_mut(name) {
            None => {
                outputs.insert(name.to_owned(), output);
            }
            Some(Value::Array(all)) => all.push(output),
            Some(one) => *one = json!([one.clone(), output]),
        }
    }
    let name = format!("as on {}", text(run, "started_at"));
    json!({ "runbook": run["runbook"], "fixtures": [{ "name": name, "for": inputs, "outputs": outputs, "path": path }] })
}

/// Of a plan, each as it stands: a text that would be sent has many.
fn plan_lines(plan: &Value) -> impl Iterator<Item = &str> {
    plan["lines"].as_array().into_iter().flatten().filter_map(Value::as_str).flat_map(str::lines)
}
