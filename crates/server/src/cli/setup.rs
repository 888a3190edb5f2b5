//! Setup as code: check it here, apply it to the server, export it again.

use super::call::Call;
use super::failure::{Exit, Failure};
use super::folder::Folder;
use super::out::{BAD, BOLD, DIM, GOOD, WARN, clean, count, paint, print, print_json, say, text};
use clap::Args;
use firedog_domain::setup::Setup;
use firedog_domain::setup::diagnostic::Diagnostic;
use firedog_domain::setup::load::{Loaded, Outside, check as check_files};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Component, Path, PathBuf};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  firedog check examples/pupper
  firedog check . --strict --json

Needs no server. Errors exit 1; warnings (gaps, a policy that may reach nobody) only with --strict.")]
pub(crate) struct Check {
    /// Directory with the setup files (*.yaml, *.yml, *.json, at any depth)
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Take warnings for errors
    #[arg(long)]
    strict: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  firedog apply examples/pupper --dry-run
  firedog apply examples/pupper
  firedog apply . --yes

Shows what would change and which open alerts it touches, then asks. All of it applies or nothing.")]
pub(crate) struct Apply {
    /// Directory with the setup files (*.yaml, *.yml, *.json, at any depth)
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Only show the plan
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short = 'y')]
    yes: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  firedog export setup
  firedog export . --force

The files apply to no change. Keys come out as key_sha256, never as themselves.")]
pub(crate) struct Export {
    /// Directory to write to; made if it is missing
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Write even if the directory is not empty, over files of the same name
    #[arg(long)]
    force: bool,
}

pub(crate) fn check(args: &Check, json: bool, now: Timestamp) -> Result<(), Failure> {
    let folder = read(&args.dir)?;
    let loaded = folder.check(now);
    let warned = loaded.diagnostics.iter().filter(|d| !d.is_error()).count();
    let errors = loaded.diagnostics.len() - warned;
    if json {
        let diagnostics: Vec<Diagnostic> = placed(&folder, &loaded).collect();
        let ok = errors == 0 && !(args.strict && warned > 0);
        print_json(&json!({ "ok": ok, "errors": errors, "warnings": warned, "diagnostics": diagnostics }))?;
    } else {
        let verdict = match (errors, warned) {
            (0, 0) => paint(GOOD, "fine"),
            (0, n) => paint(WARN, &count(n, "warning")),
            (n, 0) => paint(BAD, &count(n, "error")),
            (n, m) => paint(BAD, &format!("{}, {}", count(n, "error"), count(m, "warning"))),
        };
        let what = loaded.setup.as_ref().map(|setup| format!(": {}", contents(setup))).unwrap_or_default();
        print(&format!("{}{} in {}{what}\n", rendered(&folder, &loaded), verdict, count(folder.files().len(), "file")))?;
    }
    if errors > 0 || args.strict && warned > 0 { Err(Failure::silent(Exit::Failed)) } else { Ok(()) }
}

/// The setup of a directory, for a rehearsal: secrets that this machine does not have are not missed.
pub(crate) fn for_a_drill(dir: &Path, now: Timestamp) -> Result<Setup, Failure> {
    let folder = read(dir)?;
    let loaded = check_files(folder.files(), &Rehearsed(&folder), now);
    if loaded.has_errors() {
        print(&rendered(&folder, &loaded))?;
        return Err(Failure::failed("the setup has errors").next("mend them; `firedog check DIR` lists them again"));
    }
    loaded.setup.ok_or_else(|| Failure::failed("the setup cannot be read"))
}

/// What a setup refers to around it, with something invented in place of what is not there.
struct Rehearsed<'a>(&'a Folder);

impl Outside for Rehearsed<'_> {
    fn env(&self, name: &str) -> Option<String> {
        self.0.env(name).or_else(|| Some(format!("drill-{name}-0123456789abcdef")))
    }

    fn read(&self, path: &str, relative_to: &str) -> Result<String, String> {
        self.0.read(path, relative_to).or_else(|_| Ok(format!("drill-{path}-0123456789abcdef")))
    }
}

fn read(dir: &Path) -> Result<Folder, Failure> {
    Folder::read(dir)
        .map_err(|e| Failure::failed(e).next("name a directory with setup files; examples/pupper is one to begin with"))
}

/// With the paths of this machine, so that an editor opens what it is pointed at.
fn placed<'a>(folder: &'a Folder, loaded: &'a Loaded) -> impl Iterator<Item = Diagnostic> + 'a {
    loaded.diagnostics.iter().map(|diagnostic| Diagnostic { file: folder.path_of(&diagnostic.file), ..diagnostic.clone() })
}

fn rendered(folder: &Folder, loaded: &Loaded) -> String {
    let texts = loaded.diagnostics.iter().map(|diagnostic| folder.text_of(&diagnostic.file));
    placed(folder, loaded).zip(texts).map(|(diagnostic, text)| format!("{}\n", diagnostic.render_with(text, true))).collect()
}

fn contents(setup: &Setup) -> String {
    let kinds = [
        (setup.teams.len(), "team"),
        (setup.users.len(), "user"),
        (setup.schedules.len(), "schedule"),
        (setup.policies.len(), "policy"),
        (setup.services.len(), "service"),
        (setup.routes.len(), "route"),
        (setup.vendors.len(), "vendor"),
        (setup.institutions.len(), "institution"),
        (setup.runbooks.len(), "runbook"),
    ];
    let word = |(n, noun): (usize, &str)| if noun == "policy" && n != 1 { format!("{n} policies") } else { count(n, noun) };
    kinds.into_iter().filter(|(n, _)| *n > 0).map(word).collect::<Vec<_>>().join(", ")
}

pub(crate) async fn apply(call: &Call, args: Apply) -> Result<(), Failure> {
    // Before any work: without a terminal nobody could answer.
    if !args.yes && !args.dry_run && !std::io::stdin().is_terminal() {
        return Err(Failure::usage("apply asks before it changes anything, and there is no terminal to ask on")
            .next("add --yes to apply without asking, or --dry-run to see the plan only"));
    }
    let folder = read(&args.dir)?;
    let loaded = folder.check(call.now);
    let found = rendered(&folder, &loaded);
    if !found.is_empty() {
        say(found.trim_end());
    }
    let Some(setup) = &loaded.setup else {
        let errors = loaded.diagnostics.iter().filter(|d| d.is_error()).count();
        return Err(Failure::failed(format!("{} in the setup files; nothing was applied", count(errors, "error"))));
    };
    // One file, as the loaded setup prints itself: keys are hashed and ${ENV} and key files are
    // resolved here, where they exist. JSON is YAML.
    let text = serde_json::to_string(setup).map_err(|e| Failure::failed(format!("cannot write the setup as JSON: {e}")))?;
    let files = json!([{ "name": "setup.json", "text": text }]);
    let plan = call.client.ask(&["setup"], &json!({ "files": files, "dry_run": true })).await.map_err(with_diagnostics)?;
    let unchanged = is_empty(&plan["plan"]);
    if !call.json && !unchanged {
        say(&described(&plan));
    }
    if args.dry_run || unchanged {
        return if call.json {
            print_json(&with_applied(plan, false))
        } else if unchanged {
            print("No changes.\n")
        } else {
            Ok(())
        };
    }
    if !args.yes && !agreed()? {
        return Err(Failure::failed("nothing was applied"));
    }
    let mut body = json!({ "files": files, "dry_run": false, "yes": true });
    if plan["version"].is_i64() {
        body["expect_version"] = plan["version"].clone();
    }
    let applied = call.client.post(&["setup"], &body).await.map_err(|failure| match failure.exit {
        Exit::Conflict => failure.next(
            "somebody else has applied a setup since this plan was made; look at the new plan: firedog apply DIR --dry-run",
        ),
        _ => with_diagnostics(failure),
    })?;
    if call.json {
        print_json(&with_applied(applied, true))
    } else {
        print(&format!("{} version {}.\n", paint(GOOD, "Applied"), applied["version"]))
    }
}

fn with_applied(mut answer: Value, applied: bool) -> Value {
    if answer.is_object() {
        answer["applied"] = json!(applied);
    }
    answer
}

/// What the server has against the setup: it knows more than the files say.
fn with_diagnostics(failure: Failure) -> Failure {
    for diagnostic in failure.problem["diagnostics"].as_array().into_iter().flatten() {
        let level = if text(diagnostic, "level") == "warning" { paint(WARN, "warning:") } else { paint(BAD, "error:") };
        say(&format!("{level} {}", clean(text(diagnostic, "message"))));
        if let Some(help) = diagnostic["help"].as_str() {
            say(&format!("  {} {}", paint(BOLD, "help:"), clean(help)));
        }
    }
    failure
}

fn agreed() -> Result<bool, Failure> {
    let mut err = anstream::stderr().lock();
    let _ = write!(err, "{} [y/N] ", paint(BOLD, "Apply?")).and_then(|()| err.flush());
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|e| Failure::failed(format!("cannot read the answer: {e}")))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

pub(crate) async fn export(call: &Call, args: Export) -> Result<(), Failure> {
    let shown = args.dir.display();
    let said = |e: std::io::Error| Failure::failed(format!("cannot write to {shown}: {e}"));
    if !args.force && fs::read_dir(&args.dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::failed(format!("{shown} is not empty; nothing was written"))
            .next("name an empty or new directory, or add --force"));
    }
    let answer = call.client.get(&["setup", "files"], &[]).await?;
    let files = answer
        .as_array()
        .or_else(|| answer["items"].as_array())
        .or_else(|| answer["files"].as_array())
        .cloned()
        .unwrap_or_default();
    if files.is_empty() {
        return Err(Failure::new(Exit::NotFound, "the server has no setup yet").next("write one and apply it: firedog apply DIR"));
    }
    let mut written = Vec::new();
    for file in &files {
        let name = inside(text(file, "name"))?;
        let path = args.dir.join(&name);
        fs::create_dir_all(path.parent().unwrap_or(&args.dir)).map_err(said)?;
        fs::write(&path, text(file, "text")).map_err(said)?;
        written.push(path.display().to_string());
    }
    if call.json {
        return print_json(&json!({ "files": written }));
    }
    print(&written.iter().map(|path| format!("{path}\n")).collect::<String>())?;
    say(&paint(DIM, &format!("These apply to no change: firedog apply {shown} --dry-run")));
    Ok(())
}

/// A file name from the server must stay inside of the directory.
fn inside(name: &str) -> Result<PathBuf, Failure> {
    let path = PathBuf::from(name);
    let plain = !name.is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)));
    if plain {
        Ok(path)
    } else {
        Err(Failure::failed(format!("the server answers with the file name `{}`, which leads elsewhere", clean(name))))
    }
}

pub(crate) fn schema() -> Result<(), Failure> {
    print_json(&firedog_domain::setup::schema::json_schema())
}

/// Whether a plan changes nothing.
fn is_empty(plan: &Value) -> bool {
    match plan {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        _ => false,
    }
}

/// The plan, and the open alerts that it touches.
fn described(answer: &Value) -> String {
    let mut lines: Vec<String> = Vec::new();
    for (key, sign, style) in [("added", "+", GOOD), ("changed", "~", WARN), ("removed", "-", BAD)] {
        for change in answer["plan"][key].as_array().into_iter().flatten() {
            let (kind, id) = (text(change, "kind"), text(change, "id"));
            let name = if kind == id { kind.to_owned() } else { format!("{kind} {id}") };
            lines.push(paint(style, &clean(&format!("{sign} {name}"))));
            let words =
                |key: &str| change[key].as_array().into_iter().flatten().filter_map(Value::as_str).map(clean).collect::<Vec<_>>();
            lines.extend(words("detail").iter().map(|detail| format!("    {detail}")));
            lines.extend(words("still_referred_by").iter().map(|by| format!("    {} {by}", paint(WARN, "still referred to by"))));
        }
    }
    for alert in answer["open_alerts"].as_array().into_iter().flatten() {
        let name = format!("{} {}: {}", text(alert, "id"), text(alert, "summary"), text(alert, "how"));
        lines.push(format!("{} {}", paint(WARN, "! open alert"), clean(&name)));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_reads_line_by_line() {
        let answer = json!({
            "plan": {
                "added": [{ "kind": "user", "id": "kay" }],
                "changed": [{ "kind": "routes", "id": "routes", "detail": ["1: urgency: high -> low"] }],
                "removed": [{ "kind": "policy", "id": "old", "still_referred_by": ["alert 0199"] }],
            },
            "open_alerts": [{ "id": "0199", "service": "api", "summary": "It is\x1b[2J down", "how": "its policy is removed" }],
        });
        insta::assert_snapshot!(anstream::adapter::strip_str(&described(&answer)), @r"
        + user kay
        ~ routes
            1: urgency: high -> low
        - policy old
            still referred to by alert 0199
        ! open alert 0199 It is [2J down: its policy is removed
        ");
        assert!(!is_empty(&answer["plan"]));
        assert!(is_empty(&json!({ "added": [], "changed": [], "removed": [] })));
    }

    #[test]
    fn file_names_of_the_server_stay_in_the_directory() {
        assert!(inside("users.yaml").is_ok() && inside("people/ada.yaml").is_ok());
        for bad in ["", "/etc/passwd", "../x.yaml", "a/../../x", "./x"] {
            assert!(inside(bad).is_err(), "{bad}");
        }
    }

    fn check_of(text: &str, strict: bool) -> Result<(), Failure> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.yaml"), text).unwrap();
        check(&Check { dir: dir.path().to_owned(), strict }, true, "2026-01-05T00:00:00Z".parse().unwrap())
    }

    #[test]
    fn errors_fail_and_warnings_only_when_asked() {
        let exit = |text, strict| check_of(text, strict).err().map(|failure| failure.exit);
        assert_eq!(exit("teems: []\n", false), Some(Exit::Failed));
        // Without a catch-all there is a warning.
        let warned = "users: [{ id: ada, email: a@b.c }]\nteams: [{ id: t, members: [ada] }]\nservices: [{ id: s, team: t }]\n";
        assert_eq!(exit(warned, false), None);
        assert_eq!(exit(warned, true), Some(Exit::Failed));
    }
}
