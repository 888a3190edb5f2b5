//! Secrets that Firedog knows are kept in no run, whoever has said them: they are taken out on the way into the store.

use firedog_domain::runbook::run::{Choice, Input, Progress, Run, Watching};
use firedog_store::audit::Record;
use serde_json::{Map, Value};

/// Shorter ones would be found in words that are no secret.
const LEAST_CHARS: usize = 6;
const INSTEAD: &str = "[secret]";

/// What must not be kept.
pub struct Secrets(Vec<String>);

impl Secrets {
    /// The longest first: one may be a part of another.
    pub fn new(all: impl IntoIterator<Item = String>) -> Self {
        let mut all: Vec<String> = all.into_iter().filter(|secret| secret.chars().count() >= LEAST_CHARS).collect();
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(all)
    }

    fn text(&self, text: String) -> String {
        self.0
            .iter()
            .filter(|secret| text.contains(secret.as_str()))
            .fold(text.clone(), |text, secret| text.replace(secret, INSTEAD))
    }

    fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => Value::Object(self.map(fields)),
            other => other,
        }
    }

    fn map(&self, fields: Map<String, Value>) -> Map<String, Value> {
        fields.into_iter().map(|(name, value)| (self.text(name), self.value(value))).collect()
    }

    pub(crate) fn run(&self, run: Run) -> Run {
        if self.0.is_empty() { run } else { Run { inputs: self.map(run.inputs.clone()), ..run } }
    }

    pub(crate) fn record(&self, record: Record) -> Record {
        Record { detail: record.detail.clone().map(|text| self.text(text)), ..record }
    }

    pub(crate) fn input(&self, input: Input) -> Input {
        if self.0.is_empty() {
            return input;
        }
        match input {
            Input::Outcome { place, attempt, progress } => Input::Outcome { place, attempt, progress: self.progress(progress) },
            Input::Answer { place, values, by } => Input::Answer { place, values: self.map(values), by },
            Input::Decline { place, reason, by } => Input::Decline { place, reason: self.text(reason), by },
            Input::Skip { place, reason, by } => Input::Skip { place, reason: self.text(reason), by },
            Input::Cancel { reason, by } => Input::Cancel { reason: self.text(reason), by },
            other => other,
        }
    }

    /// All that an action says to people. What it remembers for its own next call stays as it is: a secret that is also a part of a
    /// job's name would lead it to another job.
    fn progress(&self, progress: Progress) -> Progress {
        match progress {
            Progress::Done { output } => Progress::Done { output: self.map(output) },
            Progress::Watch { output, watch } => {
                Progress::Watch { output: self.map(output), watch: Watching { text: self.text(watch.text), ..watch } }
            }
            Progress::Waiting { memo, effect, after_ms, text, choices } => {
                let told = |choice: Choice| Choice { text: self.text(choice.text), ..choice };
                let choices = choices.into_iter().map(told).collect();
                Progress::Waiting { memo, effect, after_ms, text: self.text(text), choices }
            }
            Progress::Failed { reason, again } => Progress::Failed { reason: self.text(reason), again },
            Progress::Uncertain { reason } => Progress::Uncertain { reason: self.text(reason) },
            Progress::NotConnected { reason } => Progress::NotConnected { reason: self.text(reason) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_known_is_kept_nowhere() {
        let secrets = Secrets::new(["hunter2!", "hunter2!-longer", "short"].map(str::to_owned));
        let output = json!({ "text": "as hunter2!-longer", "each": [{ "hunter2!": "x hunter2! y short" }] });
        let progress = Progress::Done { output: output.as_object().unwrap().clone() };
        let input = Input::Outcome { place: "1".to_owned(), attempt: 1, progress };
        let Input::Outcome { progress: Progress::Done { output }, .. } = secrets.input(input) else {
            panic!("it is another input")
        };
        assert_eq!(Value::Object(output), json!({ "text": "as [secret]", "each": [{ "[secret]": "x [secret] y short" }] }));
        let failed = Progress::Failed { reason: "401 for hunter2!".to_owned(), again: false };
        assert_eq!(secrets.progress(failed), Progress::Failed { reason: "401 for [secret]".to_owned(), again: false });
        let memo = json!({ "job": "restart-hunter2!-server" });
        let waiting = |text: &str| Progress::Waiting {
            memo: memo.clone(),
            effect: firedog_domain::runbook::actions::Effect::Read,
            after_ms: 1,
            text: text.to_owned(),
            choices: Vec::new(),
        };
        assert_eq!(secrets.progress(waiting("hunter2! waits")), waiting("[secret] waits"), "the job is found again");
        let skip = Input::Skip { place: "1".to_owned(), reason: "it is hunter2!".to_owned(), by: "ada".to_owned() };
        assert_eq!(
            secrets.input(skip),
            Input::Skip { place: "1".to_owned(), reason: "it is [secret]".to_owned(), by: "ada".to_owned() }
        );
    }
}
