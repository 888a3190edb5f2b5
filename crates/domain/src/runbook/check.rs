//! Whether a runbook can be meant: every action, value, reference and condition, before anybody needs it.

use super::actions::{Action, Kind};
use super::reference::{self, Known, Names};
use super::{Answer, MAX_DEPTH, MAX_ITEMS, MAX_STEPS, Need, Runbook, Step, actions, condition};
use crate::id::RunbookId;
use crate::setup::diagnostic::nearest;
use crate::time::parse_length;
use serde_json::Value;
use std::collections::BTreeMap;

/// Where in a runbook, for whoever knows the lines of its file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// `on`, `title` and the like.
    Key(&'static str),
    Input(String),
    /// A step by the indices that lead to it, and its key.
    Step(Vec<usize>, &'static str),
    /// One value of its `with`.
    With(Vec<usize>, String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub at: At,
    pub message: String,
    pub help: String,
}

/// What a runbook may refer to.
pub trait Catalogue {
    /// The ids of a kind (`service`, `institution`, `team`, `vendor`, `table`, `address`).
    fn ids(&self, kind: &'static str) -> Vec<String>;
    fn runbook(&self, _id: &RunbookId) -> Option<Runbook> {
        None
    }
}

/// What is known of an institution.
pub fn institution() -> Known {
    record(&["id", "name", "code", "host", "core_endpoint", "room", "vendor"])
}

/// What is known of a service.
pub fn service() -> Known {
    record(&["id", "name", "team"])
}

fn record(names: &[&str]) -> Known {
    Known::Record(names.iter().map(|name| ((*name).to_owned(), Known::Plain)).collect())
}

struct Checker<'a> {
    catalogue: &'a dyn Catalogue,
    mistakes: Vec<Mistake>,
    steps: usize,
    /// Runbooks that lead here, from the outermost on.
    within: Vec<RunbookId>,
}

pub fn check(runbook: &Runbook, catalogue: &dyn Catalogue) -> Vec<Mistake> {
    let mut names = Names::new();
    let mut checker = Checker { catalogue, mistakes: Vec::new(), steps: 0, within: vec![runbook.id.clone()] };
    for name in runbook.inputs.keys() {
        let known = match name.as_str() {
            "institution" => institution(),
            "service" => service(),
            _ => Known::Plain,
        };
        if !is_name(name) || RESERVED.contains(&name.as_str()) || actions::ACTIONS.iter().any(|action| action.output == name) {
            checker.say(
                At::Input(name.clone()),
                format!("`{name}` cannot be the name of an input"),
                "use letters, digits and `_`, and no name of an action's output",
            );
        }
        names.insert(name.clone(), known);
    }
    names.insert("alert".to_owned(), Known::Record(alert()));
    if let Some(on) = &runbook.on
        && let Err(problem) = crate::route::check(on)
    {
        checker.say(At::Key("on"), problem.message, problem.help.unwrap_or_default());
    }
    checker.steps(&runbook.steps, &mut Vec::new(), &mut names);
    if checker.steps > MAX_STEPS {
        checker.say(
            At::Key("steps"),
            format!("{} steps are more than {MAX_STEPS}", checker.steps),
            "split it into several runbooks",
        );
    }
    checker.mistakes
}

/// Names that a run has of itself.
const RESERVED: [&str; 3] = ["alert", "item", "run"];

fn alert() -> BTreeMap<String, Known> {
    let plain = ["id", "service", "summary", "dedup_key", "severity", "created_at"].map(|name| (name.to_owned(), Known::Plain));
    plain.into_iter().chain([("labels".to_owned(), Known::Open)]).collect()
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

impl Checker<'_> {
    fn say(&mut self, at: At, message: impl Into<String>, help: impl Into<String>) {
        self.mistakes.push(Mistake { at, message: message.into(), help: help.into() });
    }

    fn steps(&mut self, steps: &[Step], path: &mut Vec<usize>, names: &mut Names) {
        for (place, step) in steps.iter().enumerate() {
            path.push(place);
            self.steps += 1;
            self.step(step, path, names);
            path.pop();
        }
    }

    fn step(&mut self, step: &Step, path: &mut Vec<usize>, names: &mut Names) {
        let at = |key| At::Step(path.clone(), key);
        if step.what.trim().is_empty() {
            self.say(
                at("do"),
                "a step says in a sentence what it does",
                "write for example `do: Check that requests succeed again`",
            );
        }
        if let Some(when) = &step.when
            && let Err(problem) = condition::check(when, names)
        {
            self.say(at("when"), problem.message, problem.help.unwrap_or_default());
        }
        let kinds = [
            ("uses", step.uses.is_some()),
            ("ask", !step.ask.is_empty()),
            ("each", step.each.is_some()),
            ("parallel", !step.parallel.is_empty()),
            ("runbook", step.runbook.is_some()),
        ];
        let there: Vec<&'static str> = kinds.iter().filter(|(_, there)| *there).map(|(key, _)| *key).collect();
        if let [first, second, ..] = there.as_slice() {
            self.say(at(second), format!("a step has `{first}` or `{second}`, not both"), "make two steps of it");
        }
        if step.each.is_none() && !step.steps.is_empty() {
            self.say(at("steps"), "`steps` stand in a step with `each`", "add `each`, or move them up");
        }
        if step.uses.is_none() && !step.with.is_empty() {
            self.say(at("with"), "`with` stands beside `uses`", "name the action with `uses`");
        }
        if let Some(each) = &step.each {
            self.each(step, each, path, names);
        }
        if let Some(inner) = &step.runbook {
            self.inner(inner, At::Step(path.clone(), "runbook"), names);
        }
        if !step.parallel.is_empty() {
            // Of each other they know nothing.
            let before = names.clone();
            for (place, inner) in step.parallel.iter().enumerate() {
                path.push(place);
                self.steps += 1;
                if inner.each.is_some() || !inner.parallel.is_empty() {
                    self.say(
                        At::Step(path.clone(), "do"),
                        "steps of a `parallel` are plain ones",
                        "move it out of the `parallel`",
                    );
                }
                let mut seen = before.clone();
                self.step(inner, path, &mut seen);
                names.extend(seen);
                path.pop();
            }
        }
        for (name, answer) in &step.ask {
            if !is_name(name) || matches!(answer, Answer::Words(words) if words.is_empty() || words.len() > 20) {
                self.say(
                    At::Step(path.clone(), "ask"),
                    format!("`{name}` cannot be asked like this"),
                    "write for example `ask: { reproduced: bool, where: [app, web] }`",
                );
            }
        }
        if let Some(uses) = &step.uses {
            match actions::get(uses) {
                Some(action) => self.action(action, step, path, names),
                None => {
                    let all = actions::ACTIONS.iter().map(|action| action.name);
                    let help = match nearest(uses, all.clone()) {
                        Some(near) => format!("write `{near}`"),
                        None => format!("actions are: {}", all.collect::<Vec<_>>().join(", ")),
                    };
                    self.say(At::Step(path.clone(), "uses"), format!("there is no action `{uses}`"), help);
                }
            }
        }
        if let Some(name) = &step.name
            && (!is_name(name) || RESERVED.contains(&name.as_str()))
        {
            self.say(
                At::Step(path.clone(), "as"),
                format!("`{name}` cannot be a name"),
                "use lower-case letters, digits and `_`",
            );
        }
        if let Some(name) = step.output_name() {
            let known = match step.uses.as_deref().and_then(actions::get) {
                Some(action) => action.outputs.iter().map(|out| (out.name.to_owned(), known(out.kind))).collect(),
                None => step.ask.keys().map(|name| (name.clone(), Known::Plain)).collect(),
            };
            names.insert(name.to_owned(), Known::Record(known));
        }
    }

    /// A runbook in this one: everything that it needs is known here, and it does not lead back.
    fn inner(&mut self, id: &RunbookId, at: At, names: &mut Names) {
        let Some(inner) = self.catalogue.runbook(id) else {
            let all = self.catalogue.ids("runbook");
            let help = match nearest(id.as_str(), all.iter().map(String::as_str)) {
                Some(near) => format!("write `{near}`"),
                None => format!("there are: {}", all.join(", ")),
            };
            return self.say(at, format!("there is no runbook `{id}`"), help);
        };
        if self.within.contains(id) {
            return self.say(at, format!("`{id}` would be done within itself"), "remove one of the two");
        }
        if self.within.len() > MAX_DEPTH {
            return self.say(at, format!("more than {MAX_DEPTH} runbooks in one another"), "write some of the steps out");
        }
        if let Some((name, _)) = inner.inputs.iter().find(|(name, need)| **need == Need::Required && !names.contains_key(*name)) {
            return self.say(
                at,
                format!("`{id}` has to be told `{name}`"),
                format!("add `for: {{ {name}: required }}` to this runbook"),
            );
        }
        let mut within = self.within.clone();
        within.push(id.clone());
        let mut checker = Checker { catalogue: self.catalogue, mistakes: Vec::new(), steps: 0, within };
        checker.steps(&inner.steps, &mut Vec::new(), names);
        self.steps += checker.steps;
        if let Some(mistake) = checker.mistakes.into_iter().next() {
            self.say(at, format!("`{id}` cannot be done here: {}", mistake.message), mistake.help);
        }
    }

    fn each(&mut self, step: &Step, each: &Value, path: &mut Vec<usize>, names: &mut Names) {
        match each {
            Value::Array(items) if items.is_empty() || items.len() > MAX_ITEMS => {
                self.say(At::Step(path.clone(), "each"), format!("`each` goes through 1 to {MAX_ITEMS} items"), "");
            }
            Value::Array(items) => items.iter().for_each(|item| self.value(At::Step(path.clone(), "each"), item, names)),
            Value::String(text) if matches!(reference::path(text), Ok(Some(_))) => {
                self.value(At::Step(path.clone(), "each"), each, names);
            }
            _ => self.say(
                At::Step(path.clone(), "each"),
                "`each` is a list, or a reference to one",
                "write for example `each: [http, rpc]`",
            ),
        }
        if step.steps.is_empty() {
            self.say(At::Step(path.clone(), "each"), "there are no `steps` to do for each", "add `steps:` below it");
        }
        let mut inner = names.clone();
        inner.insert("item".to_owned(), Known::Open);
        for (place, step) in step.steps.iter().enumerate() {
            path.push(place);
            self.steps += 1;
            if step.each.is_some() || !step.parallel.is_empty() {
                self.say(At::Step(path.clone(), "do"), "steps of an `each` are plain ones", "make a runbook of its own of them");
            }
            self.step(step, path, &mut inner);
            path.pop();
        }
        inner.remove("item");
        names.extend(inner);
    }

    fn action(&mut self, action: &'static Action, step: &Step, path: &[usize], names: &Names) {
        let known = || action.inputs.iter().map(|input| input.name);
        for (name, value) in &step.with {
            let at = At::With(path.to_vec(), name.clone());
            let Some(input) = action.input(name) else {
                let help = match nearest(name, known()) {
                    Some(near) => format!("write `{near}`"),
                    None if action.inputs.is_empty() => "it takes nothing".to_owned(),
                    None => format!("it takes: {}", known().collect::<Vec<_>>().join(", ")),
                };
                self.say(at, format!("`{}` takes no `{name}`", action.name), help);
                continue;
            };
            match value.as_str().map_or(Ok(None), reference::path) {
                Ok(Some(path)) => {
                    if let Err(message) = reference::check(&path, names) {
                        self.say(at, message, "");
                    }
                }
                Ok(None) => self.fits(at, input.kind, value),
                Err(message) => self.say(at, message, ""),
            }
        }
        for input in action.inputs.iter().filter(|input| input.required && !step.with.contains_key(input.name)) {
            self.say(
                At::Step(path.to_vec(), "uses"),
                format!("`{}` has to be told `{}`: {}", action.name, input.name, input.about),
                format!("add `with: {{ {}: … }}`", input.name),
            );
        }
    }

    /// References inside of a value that is not typed.
    fn value(&mut self, at: At, value: &Value, names: &Names) {
        let path = match value.as_str().map_or(Ok(None), reference::path) {
            Ok(path) => path,
            Err(message) => return self.say(at, message, ""),
        };
        if let Some(Err(message)) = path.map(|path| reference::check(&path, names)) {
            self.say(at, message, "");
        }
    }

    fn fits(&mut self, at: At, kind: Kind, value: &Value) {
        let text = value.as_str();
        let fine = match kind {
            Kind::Length => text.is_some_and(|text| parse_length(text).is_ok()),
            Kind::Number => text.is_some_and(|text| text.parse::<f64>().is_ok_and(f64::is_finite)),
            Kind::Bool => matches!(text, Some("true" | "false")),
            Kind::Words(words) => text.is_some_and(|text| words.contains(&text)),
            Kind::Record => value.is_object(),
            Kind::Text => !value.is_object() && !value.is_array(),
            Kind::Ref(of) => text.is_some_and(|text| self.catalogue.ids(of).iter().any(|id| id == text)),
        };
        if fine {
            return;
        }
        let message = match (kind, text) {
            (Kind::Length, Some(text)) => parse_length(text).err().unwrap_or_default(),
            (Kind::Ref(of), Some(text)) => {
                let ids = self.catalogue.ids(of);
                let all = if ids.is_empty() {
                    "none".to_owned()
                } else {
                    ids.iter().take(MAX_LISTED).cloned().collect::<Vec<_>>().join(", ")
                };
                if of == "address" {
                    let message = format!("`{text}` is no address of the catalogue; there is: {all}");
                    return self.say(
                        at,
                        message,
                        "write `${institution.core_endpoint}`, or give it to an institution as `core_endpoint`",
                    );
                }
                format!("{of} `{text}` does not exist; there is: {all}")
            }
            _ => format!("this has to be {}", kind.words()),
        };
        self.say(at, message, "");
    }
}

/// Ids listed in a message; more are not read.
const MAX_LISTED: usize = 12;

fn known(kind: Kind) -> Known {
    if kind == Kind::Record { Known::Open } else { Known::Plain }
}
