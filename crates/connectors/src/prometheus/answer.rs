//! What comes back: the envelope, result types, samples.

use crate::bounds::{self, cut, one_line};
use crate::call::{Answer, CallError};
use crate::mask;
use jiff::Timestamp;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Most series of one answer: whoever needs more needs an aggregation.
pub const MAX_SERIES: usize = 200;
/// Most warnings that are repeated, and their length.
const MAX_WARNINGS: usize = 10;
const MAX_WARNING: usize = 300;

/// A sample's value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Number {
    Finite(f64),
    /// Such as the ratio of nothing to nothing: no traffic.
    NotANumber,
    Infinite,
    NegativeInfinite,
}

impl Number {
    pub fn finite(self) -> Option<f64> {
        match self {
            Self::Finite(value) => Some(value),
            _ => None,
        }
    }

    /// As the server writes it.
    fn parse(text: &str) -> Option<Self> {
        Some(match text.parse::<f64>().ok()? {
            value if value.is_nan() => Self::NotANumber,
            f64::INFINITY => Self::Infinite,
            f64::NEG_INFINITY => Self::NegativeInfinite,
            value => Self::Finite(value),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    pub at: Timestamp,
    pub value: Number,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    /// Masked and bounded.
    pub labels: BTreeMap<String, String>,
    /// In order of time; one for an instant.
    pub points: Vec<Point>,
    /// How many native histograms there are instead of numbers; they have no one value.
    pub histograms: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing matches: neither good nor bad, and no zero.
    NoData,
    Series(Vec<Series>),
    Scalar(Point),
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reading {
    pub outcome: Outcome,
    /// The result is usable and perhaps incomplete; nobody judges anything good by it.
    pub warnings: Vec<String>,
}

impl Reading {
    /// The one value, if there is exactly one.
    pub fn single(&self) -> Option<Number> {
        match &self.outcome {
            Outcome::Scalar(point) => Some(point.value),
            Outcome::Series(series) => match &**series {
                [Series { points, histograms: 0, .. }] if points.len() == 1 => Some(points[0].value),
                _ => None,
            },
            Outcome::NoData | Outcome::Text(_) => None,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Envelope {
    status: String,
    data: Option<Box<RawValue>>,
    #[serde(rename = "errorType", default)]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Resulted {
    #[serde(rename = "resultType")]
    kind: String,
    result: Box<RawValue>,
}

#[derive(Deserialize)]
struct Sampled {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    value: Option<(f64, String)>,
    #[serde(default)]
    values: Vec<(f64, String)>,
    histogram: Option<IgnoredAny>,
    #[serde(default)]
    histograms: Vec<IgnoredAny>,
}

impl Envelope {
    pub(super) fn read(answer: &Answer) -> Result<Self, CallError> {
        let envelope: Self = answer.json()?;
        if envelope.status == "success" {
            return Ok(envelope);
        }
        let reason = cut(&one_line(&mask::text(&format!("{}: {}", envelope.error_type, envelope.error))), MAX_WARNING);
        Err(match &*envelope.error_type {
            "timeout" | "canceled" | "unavailable" => CallError::retry(reason),
            "internal" => CallError::unknown(reason),
            "bad_data" | "execution" | "not_found" | "not_acceptable" => CallError::rejected(reason),
            _ => answer.not_understood("the answer has neither a result nor an error"),
        })
    }

    pub(super) fn data<T: DeserializeOwned>(self, answer: &Answer) -> Result<T, CallError> {
        let data = self.data.and_then(|data| parse(&data));
        data.ok_or_else(|| answer.not_understood("the answer has no result of the expected shape"))
    }

    /// `points`: most points of one series.
    pub(super) fn reading(mut self, answer: &Answer, points: usize) -> Result<Reading, CallError> {
        let warnings = std::mem::take(&mut self.warnings);
        let mut warnings: Vec<String> =
            warnings.iter().take(MAX_WARNINGS).map(|text| cut(&one_line(&mask::text(text)), MAX_WARNING)).collect();
        let Resulted { kind, result } = self.data(answer)?;
        let wrong = || answer.not_understood("the answer has no result of the expected shape");
        let outcome = match &*kind {
            "vector" | "matrix" => {
                let mut found = parse::<Vec<Sampled>>(&result).ok_or_else(wrong)?;
                if found.len() > MAX_SERIES {
                    warnings.push(format!("{} series are too many; only {MAX_SERIES} are kept: aggregate them", found.len()));
                    found.truncate(MAX_SERIES);
                }
                let series = found.into_iter().map(|one| series(one, points));
                let series = series.collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
                let empty = series.iter().all(|one| one.points.is_empty() && one.histograms == 0);
                if empty { Outcome::NoData } else { Outcome::Series(series) }
            }
            "scalar" => Outcome::Scalar(parse(&result).and_then(point).ok_or_else(wrong)?),
            "string" => {
                let (_, text): (f64, String) = parse(&result).ok_or_else(wrong)?;
                Outcome::Text(cut(&one_line(&mask::text(&text)), bounds::MAX_LABEL_VALUE))
            }
            _ => return Err(wrong()),
        };
        Ok(Reading { outcome, warnings })
    }
}

fn parse<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// `None`: a sample that is none. More points than were asked for are a server's mistake as well.
fn series(found: Sampled, most: usize) -> Option<Series> {
    let histograms = found.histograms.len() + usize::from(found.histogram.is_some());
    let samples = found.value.into_iter().chain(found.values);
    let points: Vec<Point> = samples.take(most + 1).map(point).collect::<Option<_>>()?;
    if points.len() > most || !points.is_sorted_by_key(|point| point.at) {
        return None;
    }
    let labels = found.metric.into_iter().take(bounds::MAX_LABELS).map(|(name, value)| {
        let value = cut(&one_line(&mask::field(&name, &value)), bounds::MAX_LABEL_VALUE);
        (cut(&one_line(&name), bounds::MAX_LABEL_NAME), value)
    });
    Some(Series { labels: labels.collect(), points, histograms })
}

fn point((at, value): (f64, String)) -> Option<Point> {
    // A float cast saturates, and what is no time is refused then.
    let at = Timestamp::from_millisecond((at * 1_000.0).round() as i64).ok()?;
    Some(Point { at, value: Number::parse(&value)? })
}
