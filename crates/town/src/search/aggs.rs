//! Aggregations: terms, date_histogram, filter(s), composite, cardinality, value_count, min, max, avg, top_hits, each in
//! the other.

use super::query::{self, Filter, Refused, date, kind_of, lookup, only, plain, unit_ms};
use super::{Found, hit, sort_keys, sorted};
use crate::weather::Sky;
use crate::weather::lines::{self, Kind};
use crate::weather::traffic::Entry;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Elasticsearch's own bound on buckets of one answer.
const MAX_BUCKETS: usize = 65_536;

/// Deeper aggregations are refused.
const MAX_DEPTH: usize = 8;

pub(super) fn all(found: &Found<'_>, entries: &[Entry], aggs: &Value, depth: usize) -> Result<Value, Refused> {
    if depth > MAX_DEPTH {
        return Err(Refused::argument("aggregations are nested too deeply"));
    }
    let mut answers = Map::new();
    for (name, agg) in aggs.as_object().into_iter().flatten() {
        answers.insert(name.clone(), one(found, entries, name, agg, depth)?);
    }
    Ok(Value::Object(answers))
}

fn one(found: &Found<'_>, entries: &[Entry], name: &str, agg: &Value, depth: usize) -> Result<Value, Refused> {
    let sky = found.sky;
    let inner = agg.get("aggs").or_else(|| agg.get("aggregations")).cloned().unwrap_or_else(|| json!({}));
    let kinds: Vec<_> = agg
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !["aggs", "aggregations", "meta"].contains(&key.as_str()))
        .collect();
    let [(kind, body)] = kinds[..] else {
        return Err(Refused::parsing(format!("Expected [START_OBJECT] with one aggregation type in [{name}]")));
    };
    let bucket = |key: Map<String, Value>, entries: &[Entry]| -> Result<Value, Refused> {
        let mut bucket = key;
        bucket.insert("doc_count".to_owned(), json!(entries.len()));
        if let Value::Object(more) = all(found, entries, &inner, depth + 1)? {
            bucket.extend(more);
        }
        Ok(Value::Object(bucket))
    };
    match kind.as_str() {
        "terms" => terms(sky, entries, body, &bucket),
        "date_histogram" => date_histogram(found, entries, body, &bucket),
        "composite" => composite(sky, entries, body, &bucket),
        "filter" => bucket(Map::new(), &taken(sky, entries, &query::parse(body, sky.now)?)),
        "filters" => filters(sky, entries, body, &bucket),
        "cardinality" | "value_count" => {
            let values = values(sky, entries, &field(body)?)?;
            let distinct = || values.iter().map(plain).collect::<BTreeSet<_>>().len();
            Ok(json!({"value": if kind == "cardinality" { distinct() } else { values.len() }}))
        }
        "min" | "max" | "avg" | "sum" => metric(sky, entries, kind, &field(body)?),
        "top_hits" => {
            let size = body["size"].as_u64().unwrap_or(3) as usize;
            let keys = sort_keys(body.get("sort"))?;
            let top = sorted(sky, entries, &keys);
            let hits: Vec<Value> = top
                .iter()
                .take(size)
                .map(|(entry, sort)| hit(sky, entry, body.get("_source"), (!keys.is_empty()).then_some(sort)))
                .collect();
            Ok(json!({"hits": {"total": {"value": entries.len(), "relation": "eq"}, "max_score": null, "hits": hits}}))
        }
        other => Err(Refused::parsing(format!("Unknown aggregation type [{other}]"))),
    }
}

type Bucket<'a> = &'a dyn Fn(Map<String, Value>, &[Entry]) -> Result<Value, Refused>;

fn field(body: &Value) -> Result<String, Refused> {
    body["field"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Refused::parsing("Required one of fields [field, script], but none were specified."))
}

fn grouped_field(body: &Value) -> Result<String, Refused> {
    let name = field(body)?;
    match kind_of(&name) {
        Some(Kind::Text { .. }) => Err(Refused::argument(format!(
            "Fielddata is disabled on [{name}] in [interaction-logs]. Text fields are not optimised for operations that require per-document field data like aggregations and sorting, so these operations are disabled by default. Please use a keyword field instead."
        ))),
        _ => Ok(name),
    }
}

fn values(sky: &Sky, entries: &[Entry], name: &str) -> Result<Vec<Value>, Refused> {
    grouped_field(&json!({"field": name}))?;
    Ok(entries.iter().filter_map(|entry| lookup(sky, entry, name)).collect())
}

fn taken(sky: &Sky, entries: &[Entry], filter: &Filter) -> Vec<Entry> {
    entries.iter().filter(|entry| filter.takes(sky, entry)).copied().collect()
}

fn too_many() -> Refused {
    Refused {
        status: 400,
        kind: "too_many_buckets_exception",
        reason: format!("Trying to create too many buckets. Must be less than or equal to: [{MAX_BUCKETS}]"),
    }
}

fn terms(sky: &Sky, entries: &[Entry], body: &Value, bucket: Bucket<'_>) -> Result<Value, Refused> {
    let name = grouped_field(body)?;
    let size = body["size"].as_u64().unwrap_or(10) as usize;
    let mut groups = BTreeMap::<String, (Value, Vec<Entry>)>::new();
    for entry in entries {
        let Some(key) = lookup(sky, entry, &name).or_else(|| body.get("missing").cloned()) else { continue };
        groups.entry(plain(&key)).or_insert_with(|| (key, Vec::new())).1.push(*entry);
    }
    if groups.len() > MAX_BUCKETS {
        return Err(too_many());
    }
    let mut groups: Vec<(Value, Vec<Entry>)> = groups.into_values().collect();
    let order = body.get("order").map(|order| only(order, "order")).transpose()?;
    match order.map(|(by, way)| (by, way.as_str() == Some("asc"))) {
        // They are in the order of their keys already.
        Some(("_key", true)) => {}
        Some(("_key", false)) => groups.reverse(),
        Some(("_count", true)) => groups.sort_by_key(|(_, entries)| entries.len()),
        None | Some(("_count", false)) => groups.sort_by_key(|(_, entries)| std::cmp::Reverse(entries.len())),
        Some((other, _)) => return Err(Refused::argument(format!("Invalid aggregation order path [{other}]"))),
    }
    let rest: usize = groups.iter().skip(size).map(|(_, entries)| entries.len()).sum();
    let buckets = groups.into_iter().take(size).map(|(key, entries)| bucket(Map::from_iter([("key".to_owned(), key)]), &entries));
    Ok(json!({"doc_count_error_upper_bound": 0, "sum_other_doc_count": rest, "buckets": buckets.collect::<Result<Vec<_>, _>>()?}))
}

/// The width of a bucket of a histogram over time.
fn step_ms(body: &Value) -> Result<i64, Refused> {
    let interval = ["fixed_interval", "calendar_interval"].iter().find_map(|key| body[*key].as_str());
    let step = interval.and_then(|text| {
        let unit = text.get(text.len().checked_sub(1)?..)?;
        let count: i64 = match &text[..text.len() - 1] {
            "" => 1,
            count => count.parse().ok()?,
        };
        unit_ms(unit)?.checked_mul(count).filter(|step| *step > 0)
    });
    step.ok_or_else(|| Refused::argument("Required one of fields [fixed_interval, calendar_interval]"))
}

/// A source of a composite aggregation.
enum By {
    Terms { field: String, missing: bool },
    Time { step: i64 },
}

/// What a source says of an entry, in the order of the answer: a missing value comes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Missing,
    Number(i64),
    Text(String),
}

impl By {
    /// `None` leaves the entry out.
    fn key(&self, sky: &Sky, entry: &Entry) -> Option<Key> {
        match self {
            Self::Terms { field, missing } => match lookup(sky, entry, field) {
                Some(value) => Some(Key::Text(plain(&value))),
                None => missing.then_some(Key::Missing),
            },
            Self::Time { step } => Some(Key::Number(entry.at_ms.div_euclid(*step) * step)),
        }
    }
}

impl Key {
    fn read(value: &Value) -> Self {
        match value {
            Value::Null => Self::Missing,
            Value::Number(number) => number.as_i64().map_or(Self::Missing, Self::Number),
            other => Self::Text(plain(other)),
        }
    }

    fn shown(&self) -> Value {
        match self {
            Self::Missing => Value::Null,
            Self::Number(number) => json!(number),
            Self::Text(text) => json!(text),
        }
    }
}

fn date_histogram(found: &Found<'_>, entries: &[Entry], body: &Value, bucket: Bucket<'_>) -> Result<Value, Refused> {
    if kind_of(&field(body)?) != Some(Kind::Date) {
        return Err(Refused::argument("Field is not supported for aggregation [date_histogram]"));
    }
    let step = step_ms(body)?;
    let mut groups = BTreeMap::<i64, Vec<Entry>>::new();
    for entry in entries {
        groups.entry(entry.at_ms.div_euclid(step) * step).or_default().push(*entry);
    }
    if body["min_doc_count"].as_u64().unwrap_or(0) == 0 {
        let bounds = &body["extended_bounds"];
        let edge = |name: &str| bounds.get(name).map(|value| date(value, found.sky.now)).transpose();
        let mut edges: Vec<i64> =
            [edge("min")?, edge("max")?].into_iter().flatten().map(|ms| ms.div_euclid(step) * step).collect();
        edges.extend(groups.keys().next().into_iter().chain(groups.keys().next_back()));
        if let (Some(first), Some(last)) = (edges.iter().min(), edges.iter().max()) {
            if (last - first) / step >= MAX_BUCKETS as i64 {
                return Err(too_many());
            }
            (0..=(last - first) / step).for_each(|number| {
                groups.entry(first + number * step).or_default();
            });
        }
    }
    let key = |ms: i64| Map::from_iter([("key_as_string".to_owned(), json!(lines::date(ms))), ("key".to_owned(), json!(ms))]);
    let buckets = groups.into_iter().map(|(ms, entries)| bucket(key(ms), &entries));
    Ok(json!({"buckets": buckets.collect::<Result<Vec<_>, _>>()?}))
}

fn filters(sky: &Sky, entries: &[Entry], body: &Value, bucket: Bucket<'_>) -> Result<Value, Refused> {
    let other = body["other_bucket_key"].as_str().or((body["other_bucket"] == json!(true)).then_some("_other_"));
    let mut rest = entries.to_vec();
    let mut answer = |query: &Value| {
        let filter = query::parse(query, sky.now)?;
        rest.retain(|entry| !filter.takes(sky, entry));
        bucket(Map::new(), &taken(sky, entries, &filter))
    };
    match &body["filters"] {
        Value::Object(named) => {
            let mut buckets = Map::new();
            for (name, query) in named {
                buckets.insert(name.clone(), answer(query)?);
            }
            if let Some(other) = other {
                buckets.insert(other.to_owned(), bucket(Map::new(), &rest)?);
            }
            Ok(json!({"buckets": buckets}))
        }
        Value::Array(many) => {
            let mut buckets = many.iter().map(&mut answer).collect::<Result<Vec<_>, _>>()?;
            if other.is_some() {
                buckets.push(bucket(Map::new(), &rest)?);
            }
            Ok(json!({"buckets": buckets}))
        }
        _ => Err(Refused::parsing("[filters] cannot be empty")),
    }
}

fn composite(sky: &Sky, entries: &[Entry], body: &Value, bucket: Bucket<'_>) -> Result<Value, Refused> {
    let mut sources = Vec::new();
    for source in body["sources"].as_array().into_iter().flatten() {
        let (name, source) = only(source, "composite")?;
        let (kind, of) = only(source, name)?;
        let by = match kind {
            "terms" => By::Terms { field: grouped_field(of)?, missing: of["missing_bucket"] == json!(true) },
            "date_histogram" => By::Time { step: step_ms(of)? },
            _ => return Err(Refused::parsing(format!("invalid source type [{kind}]"))),
        };
        sources.push((name.to_owned(), by));
    }
    let mut groups = BTreeMap::<Vec<Key>, Vec<Entry>>::new();
    for entry in entries {
        if let Some(key) = sources.iter().map(|(_, by)| by.key(sky, entry)).collect::<Option<Vec<_>>>() {
            groups.entry(key).or_default().push(*entry);
        }
    }
    let after = body.get("after").map(|after| sources.iter().map(|(name, _)| Key::read(&after[name])).collect::<Vec<_>>());
    let size = body["size"].as_u64().unwrap_or(10) as usize;
    let page: Vec<_> = groups.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|after| key > after)).take(size).collect();
    let shown = |key: &[Key]| -> Value {
        sources.iter().zip(key).map(|((name, _), key)| (name.clone(), key.shown())).collect::<Map<_, _>>().into()
    };
    let last = page.last().map(|(key, _)| shown(key));
    let buckets = page.iter().map(|(key, entries)| bucket(Map::from_iter([("key".to_owned(), shown(key))]), entries));
    let mut answer = json!({"buckets": buckets.collect::<Result<Vec<_>, _>>()?});
    if let Some(last) = last {
        answer["after_key"] = last;
    }
    Ok(answer)
}

fn metric(sky: &Sky, entries: &[Entry], kind: &str, name: &str) -> Result<Value, Refused> {
    let numbers: Vec<f64> = values(sky, entries, name)?.iter().filter_map(Value::as_f64).collect();
    let value = match kind {
        "min" => numbers.iter().copied().reduce(f64::min),
        "max" => numbers.iter().copied().reduce(f64::max),
        "sum" => Some(numbers.iter().sum()),
        _ => (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64),
    };
    let mut answer = json!({"value": value});
    if let (Some(value), Some(Kind::Date)) = (value, kind_of(name)) {
        answer["value_as_string"] = json!(lines::date(value as i64));
    }
    Ok(answer)
}
