//! The shape of a search's answer. Partial answers come with HTTP 200.

use crate::bounds::{cut, one_line};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
pub(super) struct Searched<A> {
    #[serde(default)]
    timed_out: bool,
    #[serde(rename = "_shards")]
    pub(super) shards: Shards,
    #[serde(rename = "_clusters")]
    clusters: Option<Clusters>,
    pub(super) hits: Hits,
    /// Absent where there is no index.
    pub(super) aggregations: Option<A>,
}

/// A search without aggregations.
#[derive(Deserialize)]
pub(super) struct Nothing {}

#[derive(Deserialize)]
pub(super) struct Shards {
    pub(super) total: u64,
    #[serde(default)]
    failed: u64,
    #[serde(default)]
    failures: Vec<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    reason: Value,
}

#[derive(Deserialize)]
struct Clusters {
    #[serde(default)]
    skipped: u64,
    #[serde(default)]
    failed: u64,
}

#[derive(Deserialize)]
pub(super) struct Hits {
    total: Option<Total>,
    #[serde(default)]
    pub(super) hits: Vec<Hit>,
}

/// A number until version 6 and in a compatible mode.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Total {
    Number(u64),
    Object { value: u64 },
}

#[derive(Deserialize)]
pub(super) struct Hit {
    #[serde(rename = "_index", default)]
    pub(super) index: String,
    #[serde(rename = "_id", default)]
    pub(super) id: String,
    #[serde(rename = "_source", default)]
    pub(super) source: Map<String, Value>,
    #[serde(default)]
    pub(super) sort: Vec<Value>,
}

/// `min` or `max` of a time, in milliseconds; null if there was nothing.
#[derive(Deserialize)]
pub(super) struct Metric {
    value: Option<f64>,
}

impl Metric {
    pub(super) fn at(&self) -> Option<Timestamp> {
        let value = self.value.filter(|value| value.is_finite())?;
        // In range by the check of the timestamp itself; a float cast saturates.
        Timestamp::from_millisecond(value as i64).ok()
    }
}

impl Hits {
    pub(super) fn total(&self) -> Option<u64> {
        self.total.map(|total| match total {
            Total::Number(value) | Total::Object { value } => value,
        })
    }
}

impl<A> Searched<A> {
    /// Why this is not everything.
    pub(super) fn partial(&self) -> Vec<String> {
        let mut partial = Vec::new();
        if self.timed_out {
            partial.push("the search was stopped before it was done".to_owned());
        }
        if self.shards.failed > 0 {
            let first = self.shards.failures.first().and_then(|failure| failure.reason["reason"].as_str());
            let why = first.map(|why| format!(": {}", cut(&one_line(&crate::mask::text(why)), 150))).unwrap_or_default();
            partial.push(format!("{} of {} shards failed{why}", self.shards.failed, self.shards.total));
        }
        match &self.clusters {
            Some(Clusters { skipped, failed }) if skipped + failed > 0 => {
                partial.push(format!("clusters left out: {}", skipped + failed))
            }
            _ => {}
        }
        partial
    }
}
