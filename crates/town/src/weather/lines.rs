//! What is written about a request: its log entry, field by field, and the lines in its instance's stdout and stderr.

use super::cause::stack_trace;
use super::chance::{mix, uuid};
use super::traffic::Entry;
use super::{Condition, Fleet, Instance, Sky, Trouble, after};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Everything about customers that [`Condition::CustomerData`] plants in log messages: name, account number, password, three
/// customers in turn. Nothing else in the town contains any of these, so that a test can look for them where they must not be.
pub const PLANTED: [&str; 9] = [
    "Marigold Quillfeather",
    "4000123456789010",
    "hunter2-Quill",
    "Barnaby Thistlewood",
    "778899001122",
    "S3cret!Thistle",
    "Philippa Overmeadow",
    "000198765432",
    "pass-Overmeadow-9",
];

/// Lines of one output that are told; the oldest go first.
const MAX_LINES: usize = 20_000;

/// The port that the logs give for a core while the town has not opened any.
const USUAL_PORT: u16 = 8443;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Date,
    Keyword,
    /// Analysed into words; has a `.keyword` beside it when told so.
    Text {
        keyword: bool,
    },
    Long,
}

/// Every field of a log entry, by its usual name.
pub(crate) const FIELDS: [(&str, Kind); 17] = [
    ("@timestamp", Kind::Date),
    ("log.level", Kind::Keyword),
    ("message", Kind::Text { keyword: true }),
    ("service.name", Kind::Keyword),
    ("service.instance", Kind::Keyword),
    ("institution.id", Kind::Keyword),
    ("institution.name", Kind::Keyword),
    ("core.host", Kind::Keyword),
    ("interaction.kind", Kind::Keyword),
    ("interaction.operation", Kind::Keyword),
    ("interaction.duration_ms", Kind::Long),
    ("interaction.outcome", Kind::Keyword),
    ("error.type", Kind::Keyword),
    ("error.message", Kind::Text { keyword: true }),
    ("error.stack_trace", Kind::Text { keyword: false }),
    ("http.response.status_code", Kind::Long),
    ("request.id", Kind::Keyword),
];

impl Sky {
    fn held(&self, at: Timestamp, wanted: impl Fn(&Condition) -> bool) -> bool {
        self.spells.iter().any(|spell| wanted(&spell.condition) && spell.holds(at))
    }

    /// The name under which a field was written at `at`.
    pub(crate) fn name_at<'a>(&'a self, usual: &'a str, at: Timestamp) -> &'a str {
        let mut renamings = self.spells.iter().filter(|spell| spell.holds(at)).filter_map(|spell| match &spell.condition {
            Condition::FieldsRenamed { names } => names.iter().find(|(from, _)| from == usual).map(|(_, to)| to.as_str()),
            _ => None,
        });
        renamings.next_back().unwrap_or(usual)
    }

    /// When an entry can be found.
    pub(crate) fn is_searchable(&self, entry: &Entry) -> bool {
        let at = entry.at();
        let late = self.spells.iter().filter(|spell| spell.holds(at)).filter_map(|spell| match &spell.condition {
            Condition::LogsLate { by } => Some(*by),
            _ => None,
        });
        after(at, late.max().unwrap_or_default()) <= self.now
    }

    fn port_of(&self, institution: usize) -> u16 {
        self.ports.get(institution).copied().unwrap_or(USUAL_PORT)
    }

    /// The value of a field by its usual name: a string, or a number (dates as milliseconds).
    pub(crate) fn field(&self, entry: &Entry, usual: &str) -> Option<Value> {
        let found = &self.institutions[entry.institution];
        let root = || entry.cause.map(|cause| cause.root(&found.host, self.port_of(entry.institution)));
        let wrapped = || self.held(entry.at(), |condition| *condition == Condition::WrappedErrors);
        Some(match usual {
            "@timestamp" => json!(entry.at_ms),
            "log.level" => json!(if entry.cause.is_some() { "ERROR" } else { "INFO" }),
            "message" => json!(self.message(entry)),
            "service.name" => json!(entry.service.name()),
            "service.instance" => {
                let fleet = self.live(entry.service);
                json!(fleet.name_of(&fleet.serving(entry.slot, entry.at())))
            }
            "institution.id" => json!(found.id),
            "institution.name" => json!(found.name),
            "core.host" => json!(found.host),
            "interaction.kind" => json!("symxchange"),
            "interaction.operation" => json!(entry.operation()),
            "interaction.duration_ms" => json!(entry.duration_ms()),
            "interaction.outcome" => json!(if entry.cause.is_some() { "error" } else { "ok" }),
            "error.type" if wrapped() => json!(entry.cause.map(|_| "interaction_failed")?),
            "error.type" => json!(entry.cause?.code()),
            "error.message" if wrapped() => json!(entry.cause.map(|_| format!("{} failed", entry.operation()))?),
            "error.message" => json!(root()?),
            "error.stack_trace" => json!(stack_trace(&root()?, entry.service, entry.operation())),
            "http.response.status_code" => match entry.cause {
                Some(super::Cause::Http(status)) => json!(status),
                None | Some(super::Cause::Business) => json!(200),
                Some(_) => return None,
            },
            "request.id" => json!(uuid(entry.hash)),
            _ => return None,
        })
    }

    fn message(&self, entry: &Entry) -> String {
        let mut text = format!("{} for {}", entry.operation(), self.institutions[entry.institution].id);
        text += match entry.cause {
            Some(_) => " failed",
            None => " done",
        };
        if self.held(entry.at(), |condition| *condition == Condition::CustomerData) {
            let who = 3 * (mix(&[entry.hash, 8]) % 3) as usize;
            let (name, account, password) = (PLANTED[who], PLANTED[who + 1], PLANTED[who + 2]);
            text += &format!(
                "; member {name}, account {account}, <AdministrativePassword>{password}</AdministrativePassword> password={password}"
            );
        }
        text
    }

    /// The entry as a document, under the names of its time.
    pub(crate) fn document(&self, entry: &Entry) -> Value {
        let mut document = Map::new();
        for (usual, kind) in FIELDS {
            let Some(mut value) = self.field(entry, usual) else { continue };
            if kind == Kind::Date {
                value = json!(date(entry.at_ms));
            }
            put(&mut document, self.name_at(usual, entry.at()), value);
        }
        Value::Object(document)
    }

    /// What an instance wrote from `from` until before `until`, with the time of each line.
    pub(crate) fn output(
        &self,
        fleet: &Fleet,
        instance: &Instance,
        errors: bool,
        from: Timestamp,
        until: Timestamp,
    ) -> Vec<(Timestamp, String)> {
        let until = until.min(self.now);
        let mut lines = Vec::new();
        if !errors && from <= instance.launched && instance.launched < until {
            lines.push((instance.launched, format!("INFO  {} starting, pool of 64 connections", fleet.service.name())));
        }
        match instance.healthy {
            Some(healthy) => {
                let served = self.served(fleet, instance, healthy.max(from), until);
                lines.extend(if errors { self.complaints(&served) } else { counts(&served) });
            }
            None if errors => {
                let trouble =
                    fleet.rollouts.get(instance.revision.wrapping_sub(1)).map_or(Trouble::None, |rollout| rollout.trouble);
                let said = instance.launched + jiff::SignedDuration::from_millis(900);
                if trouble == Trouble::Unhealthy && from <= said && said < until {
                    lines
                        .push((said, "ERROR java.lang.IllegalStateException: configuration is missing: symx.devices".to_owned()));
                }
            }
            None => {}
        }
        lines.sort_by_key(|(at, _)| *at);
        lines.drain(..lines.len().saturating_sub(MAX_LINES));
        lines.into_iter().map(|(at, text)| (at, format!("{} {text}", date(at.as_millisecond())))).collect()
    }

    /// The requests that an instance took in a span.
    fn served(&self, fleet: &Fleet, instance: &Instance, from: Timestamp, until: Timestamp) -> Vec<Entry> {
        let mut served = Vec::new();
        if fleet.platform == self.live(fleet.service).platform {
            self.each_entry(from.as_millisecond(), until.as_millisecond(), None, Some(fleet.service), |entry| {
                if entry.slot == instance.slot && fleet.serving(entry.slot, entry.at()).revision == instance.revision {
                    served.push(*entry);
                }
                true
            });
        }
        served
    }

    fn complaints(&self, served: &[Entry]) -> Vec<(Timestamp, String)> {
        let failed = served.iter().filter(|entry| entry.cause.is_some_and(super::Cause::is_failure));
        failed
            .map(|entry| {
                let root = self.field(entry, "error.message").unwrap_or_default();
                (entry.at(), format!("ERROR {}: {}", self.message(entry), root.as_str().unwrap_or_default()))
            })
            .collect()
    }
}

/// A line a minute, once the minute is over.
fn counts(served: &[Entry]) -> Vec<(Timestamp, String)> {
    let mut by_minute = std::collections::BTreeMap::<i64, (usize, usize)>::new();
    for entry in served {
        let (all, failed) = by_minute.entry(entry.at_ms.div_euclid(60_000)).or_default();
        *all += 1;
        *failed += usize::from(entry.cause.is_some_and(super::Cause::is_failure));
    }
    let line = |(minute, (all, failed)): (i64, (usize, usize))| {
        let start = Timestamp::from_millisecond(minute * 60_000).unwrap_or(Timestamp::MIN);
        (after(start, Duration::from_secs(60)), format!("INFO  served {all} requests, {failed} failed"))
    };
    // The last minute may not be over: its line would change.
    by_minute.into_iter().rev().skip(1).map(line).collect()
}

/// RFC 3339 in UTC with milliseconds, as all systems of the town write dates.
pub(crate) fn date(at_ms: i64) -> String {
    format!("{:.3}", Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::MIN))
}

/// Puts `value` at a dotted path.
fn put(document: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            document.insert(path.to_owned(), value);
        }
        Some((head, rest)) => {
            if let Value::Object(inner) = document.entry(head).or_insert_with(|| json!({})) {
                put(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CoreFault, Platform, Service, Weather};
    use super::*;

    fn entries(sky: &Sky, institution: usize) -> Vec<Entry> {
        let mut all = Vec::new();
        sky.each_entry(sky.now.as_millisecond() - 600_000, i64::MAX, Some(&[institution]), None, |entry| {
            all.push(*entry);
            true
        });
        all
    }

    fn weather(condition: Condition) -> Weather {
        let weather = Weather::new(3, Timestamp::from_second(1_772_467_200).unwrap());
        weather.set_speed(0);
        let fault = Condition::Core { institution: "inst-1".to_owned(), fault: CoreFault::ConnectTimeout, percent: 100 };
        let from = weather.look().begin;
        weather.set_between(fault, from, None);
        weather.set_between(condition, from, None);
        weather
    }

    #[test]
    fn a_wrapper_hides_the_root_in_the_trace() {
        let weather = weather(Condition::WrappedErrors);
        let sky = weather.look();
        let document = sky.document(&entries(&sky, 0)[0]);
        assert_eq!(document["error"]["type"], "interaction_failed");
        assert!(!document["error"]["message"].as_str().unwrap().contains("timed out"));
        let trace = document["error"]["stack_trace"].as_str().unwrap();
        assert!(trace.rsplit("Caused by: ").next().unwrap().starts_with("java.net.SocketTimeoutException: connect timed out"));
    }

    #[test]
    fn customers_are_planted_in_messages_only_when_told() {
        let text = |weather: &Weather| {
            let sky = weather.look();
            entries(&sky, 0).iter().map(|entry| sky.document(entry).to_string()).collect::<String>()
        };
        let planted = text(&weather(Condition::CustomerData));
        assert!(PLANTED.iter().all(|found| planted.contains(found)));
        let clean = text(&weather(Condition::WrappedErrors));
        assert!(!PLANTED.iter().any(|found| clean.contains(found)));
    }

    #[test]
    fn renamed_fields_stand_under_their_new_name_only() {
        let names = vec![("error.type".to_owned(), "failure.kind".to_owned())];
        let weather = weather(Condition::FieldsRenamed { names });
        let sky = weather.look();
        let document = sky.document(&entries(&sky, 0)[0]);
        assert_eq!(document["failure"]["kind"], "connect_timeout");
        assert_eq!(document["error"].get("type"), None);
        assert_eq!(document["@timestamp"].as_str().unwrap().len(), "2026-03-02T16:00:00.000Z".len());
    }

    #[test]
    fn stderr_tells_of_failures_and_stdout_counts_them() {
        let weather = weather(Condition::WrappedErrors);
        let sky = weather.look();
        let fleet = sky.fleet(Platform::Marathon, Service::HTTP);
        let from = sky.now - jiff::SignedDuration::from_mins(10);
        let err = sky.output(fleet, &fleet.serving(0, sky.now), true, from, sky.now);
        let out = sky.output(fleet, &fleet.serving(0, sky.now), false, from, sky.now);
        assert!(!err.is_empty() && err.iter().all(|(_, line)| line.contains("for inst-1 failed")));
        assert!(out.len() >= 8 && out.iter().all(|(_, line)| line.contains("INFO  served")));
        assert_eq!(
            sky.output(sky.fleet(Platform::Kubernetes, Service::HTTP), &fleet.serving(0, sky.now), true, from, sky.now),
            []
        );
    }
}
