//! How many: by institution, outcome and time (blast radius, heat map), and by type of error.

use super::answer::{Hits, Metric, Searched};
use super::lines::line;
use super::{Line, Logs, Role, Scope};
use crate::bounds::{cut, one_line};
use crate::call::CallError;
use crate::mask;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Most cells of one count: an hour by minute of some hundred institutions with two outcomes each.
pub const MAX_CELLS: usize = 20_000;
/// Cells asked for at once. Some servers refuse more than 10,000 buckets.
const PAGE: usize = 2_000;
/// Most steps that a time is split into.
const MAX_STEPS: i64 = 1_500;
/// Most types of error that are told apart; beyond them only their number is known.
const MAX_GROUPS: usize = 50;
/// Longest name, in characters.
const MAX_NAME: usize = 256;

/// Entries of one institution with one outcome in one step of time. Cells without entries are not listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// `None`: entries without one.
    pub institution: Option<String>,
    pub outcome: Option<String>,
    /// Where the step begins.
    pub at: Timestamp,
    pub count: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub cells: Vec<Cell>,
    /// Length of a step, in seconds.
    pub step_s: i64,
    /// Why these counts may be too low; empty if they are exact.
    pub partial: Vec<String>,
}

/// Entries of one type of error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorGroup {
    pub error_type: String,
    pub count: u64,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    /// About how many institutions have it; `None` if the logs do not say which.
    pub institutions: Option<u64>,
    /// The newest entry.
    pub sample: Option<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Errors {
    /// The most frequent first.
    pub groups: Vec<ErrorGroup>,
    /// Entries of types that are too rare to be listed.
    pub others: u64,
    /// Entries without a type of error.
    pub without: u64,
    /// Every entry of the scope.
    pub total: u64,
    pub partial: Vec<String>,
}

#[derive(Deserialize)]
struct Grid {
    grid: GridPage,
}

#[derive(Deserialize)]
struct GridPage {
    after_key: Option<Value>,
    buckets: Vec<GridBucket>,
}

#[derive(Deserialize)]
struct GridBucket {
    key: GridKey,
    doc_count: u64,
}

#[derive(Deserialize)]
struct GridKey {
    institution: Value,
    outcome: Value,
    at: i64,
}

#[derive(Deserialize)]
struct ByError {
    by_error: ErrorBuckets,
    without: Without,
}

#[derive(Deserialize)]
struct ErrorBuckets {
    #[serde(default)]
    doc_count_error_upper_bound: i64,
    #[serde(default)]
    sum_other_doc_count: u64,
    buckets: Vec<ErrorBucket>,
}

#[derive(Deserialize)]
struct ErrorBucket {
    key: Value,
    doc_count: u64,
    first: Metric,
    last: Metric,
    sample: Sample,
    institutions: Option<Cardinality>,
}

#[derive(Deserialize)]
struct Sample {
    hits: Hits,
}

#[derive(Deserialize)]
struct Cardinality {
    value: u64,
}

#[derive(Deserialize)]
struct Without {
    doc_count: u64,
}

impl Logs {
    /// By institution, outcome and `step` (whole minutes).
    ///
    /// A composite aggregation, since its counts are exact and its pages are not bound by the server's limit of buckets.
    ///
    /// # Errors
    /// `Rejected`: the step is no whole minutes, or too short for this time.
    pub async fn counts(&self, scope: &Scope, step: SignedDuration) -> Result<Counts, CallError> {
        let step_s = step.as_secs();
        if step_s < 60 || step_s % 60 != 0 {
            return Err(CallError::rejected("counts go by whole minutes"));
        }
        if scope.to().duration_since(scope.from()).as_secs() / step_s > MAX_STEPS {
            return Err(CallError::rejected(format!("more than {MAX_STEPS} steps; take longer ones")));
        }
        let grouped = [Role::Institution, Role::Outcome];
        let asked: Vec<Role> = scope.roles().into_iter().chain(grouped).collect();
        let caps = self.ensure(&asked, &grouped).await?;
        let mut counts = Counts { cells: Vec::new(), step_s, partial: Vec::new() };
        let mut after: Option<Value> = None;
        while counts.cells.len() < MAX_CELLS {
            let found: Searched<Grid> = self.search_once(self.grid(scope, step_s, after.as_ref())?).await?;
            self.partial(&found, &caps, &asked).into_iter().for_each(|reason| push_new(&mut counts.partial, reason));
            let Some(Grid { grid }) = found.aggregations else {
                return Err(CallError::misconfigured("the server answers a count without a count"));
            };
            let done = grid.buckets.is_empty();
            let cells = grid.buckets.into_iter().take(PAGE).filter_map(cell);
            counts.cells.extend(cells);
            match grid.after_key {
                // A server that gives the same key again would give the same page again.
                Some(key) if !done && after.as_ref() != Some(&key) => after = Some(key),
                _ => return Ok(counts),
            }
        }
        counts.cells.truncate(MAX_CELLS);
        push_new(&mut counts.partial, format!("more than {MAX_CELLS} cells; narrow the time or the institutions"));
        Ok(counts)
    }

    fn grid(&self, scope: &Scope, step_s: i64, after: Option<&Value>) -> Result<Value, CallError> {
        let terms = |role| -> Result<Value, CallError> {
            Ok(json!({ "terms": { "field": self.fields.require(role)?, "missing_bucket": true } }))
        };
        let at = json!({ "date_histogram": { "field": self.fields.time, "fixed_interval": format!("{step_s}s") } });
        let mut grid = json!({ "size": PAGE, "sources": [
            { "institution": terms(Role::Institution)? }, { "outcome": terms(Role::Outcome)? }, { "at": at }] });
        if let Some(after) = after {
            grid["after"] = after.clone();
        }
        Ok(
            json!({ "size": 0, "track_total_hits": false, "query": scope.query(&self.fields)?, "aggs": { "grid": { "composite": grid } } }),
        )
    }

    /// By type of error, with a sample of each.
    pub async fn errors(&self, scope: &Scope) -> Result<Errors, CallError> {
        let asked: Vec<Role> = scope.roles().into_iter().chain([Role::ErrorType]).collect();
        let caps = self.ensure(&asked, &[Role::ErrorType]).await?;
        // A field that is not there would give no institutions instead of an unknown number of them.
        let institution = self.fields.get(Role::Institution).map(|_| caps.require(&self.fields, Role::Institution, true));
        let found: Searched<ByError> = self.search_once(self.by_error(scope, matches!(institution, Some(Ok(()))))?).await?;
        let mut partial = self.partial(&found, &caps, &asked);
        match institution {
            Some(Err(error)) => push_new(&mut partial, error.reason().to_owned()),
            Some(Ok(())) => caps.gap(&self.fields, Role::Institution).into_iter().for_each(|gap| push_new(&mut partial, gap)),
            None => {}
        }
        let total = found.hits.total();
        let (Some(total), Some(ByError { by_error, without })) = (total, found.aggregations) else {
            return Err(CallError::misconfigured("the server answers a count without a count"));
        };
        let groups = by_error.buckets.into_iter().take(MAX_GROUPS).filter_map(|bucket| self.group(bucket)).collect();
        let mut errors = Errors { groups, others: by_error.sum_other_doc_count, without: without.doc_count, total, partial };
        if by_error.doc_count_error_upper_bound > 0 {
            let off = by_error.doc_count_error_upper_bound;
            push_new(&mut errors.partial, format!("rare types may be counted too low by up to {off}"));
        }
        Ok(errors)
    }

    fn by_error(&self, scope: &Scope, institutions: bool) -> Result<Value, CallError> {
        let time = self.fields.time.as_str();
        let field = self.fields.require(Role::ErrorType)?;
        // Every field but the stack, which nobody reads in a list.
        let source: Vec<&str> = self.fields.names().filter(|(role, _)| *role != Role::Stack).map(|(_, name)| name).collect();
        let mut inner = json!({
            "first": { "min": { "field": time } },
            "last": { "max": { "field": time } },
            "sample": { "top_hits": { "size": 1, "_source": source, "sort": [{ time: { "order": "desc", "numeric_type": "date" } }] } },
        });
        if let Some(institution) = self.fields.get(Role::Institution).filter(|_| institutions) {
            inner["institutions"] = json!({ "cardinality": { "field": institution } });
        }
        Ok(json!({ "size": 0, "track_total_hits": true, "query": scope.query(&self.fields)?, "aggs": {
            "by_error": { "terms": { "field": field, "size": MAX_GROUPS, "order": { "_count": "desc" } }, "aggs": inner },
            "without": { "missing": { "field": field } },
        } }))
    }

    fn group(&self, bucket: ErrorBucket) -> Option<ErrorGroup> {
        let sample = bucket.sample.hits.hits.first().and_then(|hit| {
            let at = Timestamp::from_millisecond(hit.sort.first()?.as_i64()?).ok()?;
            let id = cut(&format!("{}/{}", hit.index, hit.id), 2 * MAX_NAME);
            Some(line(&self.fields, id, at, hit))
        });
        Some(ErrorGroup {
            error_type: name(&bucket.key)?,
            count: bucket.doc_count,
            first: bucket.first.at(),
            last: bucket.last.at(),
            institutions: bucket.institutions.map(|institutions| institutions.value),
            sample,
        })
    }
}

fn push_new(partial: &mut Vec<String>, reason: String) {
    if !partial.contains(&reason) {
        partial.push(reason);
    }
}

fn cell(bucket: GridBucket) -> Option<Cell> {
    let at = Timestamp::from_millisecond(bucket.key.at).ok()?;
    Some(Cell { institution: name(&bucket.key.institution), outcome: name(&bucket.key.outcome), at, count: bucket.doc_count })
}

/// A bucket's key; an institution's may be a number there.
fn name(key: &Value) -> Option<String> {
    let text = match key {
        Value::String(text) => mask::text(text).into_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return None,
    };
    Some(cut(&one_line(&text), MAX_NAME))
}
