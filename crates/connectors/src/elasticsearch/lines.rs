//! Lines of the log: the newest of a time, or what has come since.

use super::answer::{Hit, Nothing, Searched};
use super::{Fields, Logs, Role, Scope};
use crate::bounds::{cut, one_line};
use crate::call::CallError;
use crate::mask;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Most lines of one search: more than anybody reads, and what a runbook's evidence holds.
pub const MAX_LINES: usize = 1_000;
/// Lines asked for at once, without and with stacks: what fits into an answer.
const PAGE: usize = 200;
const PAGE_WITH_STACKS: usize = 50;
/// Most pages of one search; some pages repeat lines of the one before.
const MAX_PAGES: usize = 24;
/// Longest texts, in characters.
const MAX_NAME: usize = 256;
const MAX_MESSAGE: usize = 2_000;
const MAX_STACK: usize = 8_000;
/// A shipper delivers entries late by so much without anybody calling it broken; following looks back by it.
const OVERLAP: SignedDuration = SignedDuration::from_secs(10);
/// Entries of that time which are remembered as shown.
const MAX_SEEN: usize = 10_000;

/// One entry, masked and bounded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Unique in these logs.
    pub id: String,
    pub at: Timestamp,
    pub institution: Option<String>,
    pub service: Option<String>,
    pub kind: Option<String>,
    pub outcome: Option<String>,
    pub error_type: Option<String>,
    pub message: Option<String>,
    /// Has lines of its own.
    pub stack: Option<String>,
    pub request_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lines {
    pub lines: Vec<Line>,
    /// How many entries there are in all, if the server has counted them.
    pub total: Option<u64>,
    /// There are more than these.
    pub more: bool,
    /// Why these may not be all that there should be; empty if they are.
    pub partial: Vec<String>,
}

/// Where somebody is who follows the log.
#[derive(Clone, Debug)]
pub struct Tail {
    since: Timestamp,
    seen: BTreeMap<String, Timestamp>,
}

impl Tail {
    /// From `since` on.
    pub fn new(since: Timestamp) -> Self {
        Self { since, seen: BTreeMap::new() }
    }

    fn shown(&mut self, lines: &[Line]) {
        self.since = lines.iter().map(|line| line.at).max().map_or(self.since, |newest| newest.max(self.since));
        self.seen.extend(lines.iter().map(|line| (line.id.clone(), line.at)));
        let oldest = self.since.checked_sub(OVERLAP).unwrap_or(Timestamp::MIN);
        self.seen.retain(|_, at| *at >= oldest);
    }
}

#[derive(Clone, Copy)]
enum Order {
    NewestFirst,
    OldestFirst,
}

impl Logs {
    /// At most `limit` lines (and [`MAX_LINES`]), newest first. `stacks`: with stack traces, which are most of an entry's bytes.
    pub async fn search(&self, scope: &Scope, limit: usize, stacks: bool) -> Result<Lines, CallError> {
        self.pages(scope, limit, stacks, Order::NewestFirst, &BTreeMap::new()).await
    }

    /// What has come since the last call, oldest first, also what came late. `scope` ends at the present.
    pub async fn tail(&self, tail: &mut Tail, scope: &Scope, limit: usize) -> Result<Lines, CallError> {
        let from = tail.since.checked_sub(OVERLAP).unwrap_or(Timestamp::MIN).max(scope.from());
        let mut found = self.pages(&scope.starting(from), limit, false, Order::OldestFirst, &tail.seen).await?;
        tail.shown(&found.lines);
        if tail.seen.len() > MAX_SEEN || (found.more && found.lines.is_empty()) {
            // Looking back would find nothing but what was shown.
            tail.seen.clear();
            tail.since = scope.to();
            found.partial.push("entries come too fast to be followed; some are left out".to_owned());
        }
        Ok(found)
    }

    async fn pages(
        &self,
        scope: &Scope,
        limit: usize,
        stacks: bool,
        order: Order,
        known: &BTreeMap<String, Timestamp>,
    ) -> Result<Lines, CallError> {
        let limit = limit.clamp(1, MAX_LINES);
        let size = if stacks { PAGE_WITH_STACKS } else { PAGE };
        let caps = self.ensure(&scope.roles(), &[]).await?;
        let mut found = Lines { lines: Vec::new(), total: None, more: false, partial: Vec::new() };
        let (mut seen, mut partial, mut after) = (BTreeSet::new(), BTreeSet::new(), None);
        for page in 0..MAX_PAGES {
            let query = self.page(scope, stacks, order, after, page == 0)?;
            let answer: Searched<Nothing> = self.search_once(query).await?;
            partial.extend(self.partial(&answer, &caps, &scope.roles()));
            found.total = found.total.or(answer.hits.total());
            let count = answer.hits.hits.len();
            let mut fresh = 0;
            for hit in answer.hits.hits.into_iter().take(size) {
                let at = hit.sort.first().and_then(Value::as_i64).and_then(|at| Timestamp::from_millisecond(at).ok());
                let Some(at) = at else { return Err(CallError::misconfigured("an entry comes without its time")) };
                let id = cut(&format!("{}/{}", hit.index, hit.id), 2 * MAX_NAME);
                after = Some(at.as_millisecond());
                if seen.insert(id.clone()) {
                    fresh += 1;
                    if !known.contains_key(&id) {
                        found.lines.push(line(&self.fields, id, at, &hit));
                    }
                }
            }
            found.more = count >= size;
            if fresh == 0 && found.more {
                partial.insert(format!("more than {size} entries have the same time; the rest is left out"));
                break;
            }
            if !found.more || found.lines.len() > limit {
                break;
            }
        }
        found.more |= found.lines.len() > limit;
        found.lines.truncate(limit);
        found.partial = partial.into_iter().collect();
        Ok(found)
    }

    /// Pages overlap by the last millisecond: without a unique field to sort by, which neither OpenSearch nor every log has,
    /// entries of one time would be lost between two pages.
    fn page(&self, scope: &Scope, stacks: bool, order: Order, after: Option<i64>, first: bool) -> Result<Value, CallError> {
        let (order, step) = match order {
            Order::NewestFirst => ("desc", 1),
            Order::OldestFirst => ("asc", -1),
        };
        let source: Vec<&str> =
            self.fields.names().filter(|(role, _)| stacks || *role != Role::Stack).flat_map(|(_, name)| names(name)).collect();
        let mut query = json!({ "size": if stacks { PAGE_WITH_STACKS } else { PAGE }, "track_total_hits": first, "query": scope.query(&self.fields)?, "_source": source,
            "sort": [{ self.fields.time.as_str(): { "order": order, "numeric_type": "date" } }] });
        if let Some(after) = after {
            query["search_after"] = json!([after + step]);
        }
        Ok(query)
    }
}

/// A field as it stands in an entry: `error.type.keyword` is a second form of `error.type`, and is not there itself.
fn names(field: &str) -> impl Iterator<Item = &str> {
    let stem = [".keyword", ".raw"].iter().find_map(|ending| field.strip_suffix(ending));
    std::iter::once(field).chain(stem)
}

pub(super) fn line(fields: &Fields, id: String, at: Timestamp, hit: &Hit) -> Line {
    let value = |role| fields.get(role).and_then(|name| names(name).find_map(|name| lookup(&hit.source, name)));
    let name = |role| value(role).map(|text| cut(&one_line(&mask::text(&text)), MAX_NAME));
    // The start is enough to mask: what is cut off is not shown. Twice as much, since masking shortens.
    let log = |role, max: usize| value(role).map(|text| cut(&mask::log(&cut(&text, 2 * max)), max));
    Line {
        id,
        at,
        institution: name(Role::Institution),
        service: name(Role::Service),
        kind: name(Role::Kind),
        outcome: name(Role::Outcome),
        error_type: name(Role::ErrorType),
        message: log(Role::ErrorMessage, MAX_MESSAGE).map(|text| one_line(&text)),
        stack: log(Role::Stack, MAX_STACK).map(|text| text.replace('\0', "\u{fffd}")),
        request_id: name(Role::RequestId),
    }
}

/// `a.b.c` as one key, or in objects in objects, or mixed.
fn lookup(source: &Map<String, Value>, path: &str) -> Option<String> {
    if let Some(found) = source.get(path).and_then(scalar) {
        return Some(found);
    }
    path.match_indices('.').find_map(|(dot, _)| lookup(source.get(&path[..dot])?.as_object()?, &path[dot + 1..]))
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Array(items) => items.iter().find_map(|one| if one.is_array() { None } else { scalar(one) }),
        Value::Null | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_however_an_entry_is_nested() {
        for source in [
            json!({ "error": { "type": "timeout" } }),
            json!({ "error.type": "timeout" }),
            json!({ "error": { "type": ["timeout", "other"] } }),
        ] {
            let found = names("error.type.keyword").find_map(|name| lookup(source.as_object().unwrap(), name));
            assert_eq!(found.as_deref(), Some("timeout"), "{source}");
        }
        let mixed = json!({ "a.b": { "c": 7 }, "a": { "x": true } });
        assert_eq!(lookup(mixed.as_object().unwrap(), "a.b.c").as_deref(), Some("7"));
        assert_eq!(lookup(mixed.as_object().unwrap(), "a.x").as_deref(), Some("true"));
        assert_eq!(lookup(mixed.as_object().unwrap(), "a"), None);
    }
}
