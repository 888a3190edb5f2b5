//! The query DSL, as far as a client of interaction logs needs it.

use crate::weather::lines::{FIELDS, Kind};
use crate::weather::traffic::Entry;
use crate::weather::{Condition, Service, Sky};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// Deeper queries are refused; Elasticsearch allows 30.
const MAX_DEPTH: usize = 30;

/// What is wrong with a request, in Elasticsearch's words.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) reason: String,
}

impl Refused {
    pub(super) fn parsing(reason: impl Into<String>) -> Self {
        Self { status: 400, kind: "parsing_exception", reason: reason.into() }
    }

    pub(super) fn argument(reason: impl Into<String>) -> Self {
        Self { status: 400, kind: "illegal_argument_exception", reason: reason.into() }
    }
}

#[derive(Debug)]
pub(super) enum Filter {
    All,
    Nothing,
    /// Any of these values.
    Terms(String, Vec<String>),
    /// From the first on, until before the second.
    Range(String, i64, i64),
    /// These words in a row.
    Phrase(String, Vec<String>),
    /// Any of these words.
    Words(String, Vec<String>),
    Exists(String),
    Prefix(String, String),
    Bool {
        must: Vec<Filter>,
        must_not: Vec<Filter>,
        should: Vec<Filter>,
        at_least: usize,
    },
}

pub(super) fn parse(query: &Value, now: Timestamp) -> Result<Filter, Refused> {
    parse_at(query, now, 0)
}

fn parse_at(query: &Value, now: Timestamp, depth: usize) -> Result<Filter, Refused> {
    if depth > MAX_DEPTH {
        return Err(Refused::argument("query is nested too deeply"));
    }
    let (kind, body) = only(query, "query")?;
    match kind {
        "match_all" => Ok(Filter::All),
        "match_none" => Ok(Filter::Nothing),
        "bool" => parse_bool(body, now, depth),
        "exists" => {
            Ok(Filter::Exists(body["field"].as_str().ok_or_else(|| Refused::parsing("[exists] needs [field]"))?.to_owned()))
        }
        "term" | "match" | "match_phrase" | "prefix" => {
            let (field, value) = only(body, kind)?;
            let value = ["value", "query"].iter().find_map(|key| value.get(key)).unwrap_or(value);
            if !(value.is_string() || value.is_number() || value.is_boolean()) {
                return Err(Refused::parsing(format!("[{kind}] query does not support [{field}] with this value")));
            }
            let (field, text) = (field.to_owned(), plain(value));
            Ok(match (kind, kind_of(&field)) {
                ("prefix", _) => Filter::Prefix(field, text),
                ("match_phrase", Some(Kind::Text { .. })) => Filter::Phrase(field, words(&text)),
                ("match" | "term", Some(Kind::Text { .. })) => Filter::Words(field, words(&text)),
                _ => Filter::Terms(field, vec![text]),
            })
        }
        "terms" => {
            let (field, values) = only(body, kind)?;
            let values = values.as_array().ok_or_else(|| Refused::parsing("[terms] query requires an array of terms"))?;
            Ok(Filter::Terms(field.to_owned(), values.iter().map(plain).collect()))
        }
        "range" => {
            let (field, bounds) = only(body, kind)?;
            let bounds = bounds.as_object().ok_or_else(|| Refused::parsing("[range] needs an object"))?;
            parse_range(field, bounds, now)
        }
        other => Err(Refused::parsing(format!("unknown query [{other}]"))),
    }
}

fn parse_bool(body: &Value, now: Timestamp, depth: usize) -> Result<Filter, Refused> {
    let clauses = body.as_object().ok_or_else(|| Refused::parsing("[bool] malformed query"))?;
    let known = ["must", "filter", "must_not", "should", "minimum_should_match", "boost"];
    if let Some(other) = clauses.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(Refused::parsing(format!("[bool] query does not support [{other}]")));
    }
    let all = |name: &str| -> Result<Vec<Filter>, Refused> {
        match clauses.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(many)) => many.iter().map(|one| parse_at(one, now, depth + 1)).collect(),
            Some(one) => Ok(vec![parse_at(one, now, depth + 1)?]),
        }
    };
    let mut must = all("must")?;
    must.extend(all("filter")?);
    let should = all("should")?;
    let usual = usize::from(!should.is_empty() && must.is_empty());
    let at_least = clauses.get("minimum_should_match").and_then(|value| plain(value).parse().ok()).unwrap_or(usual);
    Ok(Filter::Bool { must, must_not: all("must_not")?, should, at_least })
}

fn parse_range(field: &str, bounds: &Map<String, Value>, now: Timestamp) -> Result<Filter, Refused> {
    let (mut from, mut until) = (i64::MIN, i64::MAX);
    for (name, value) in bounds {
        let at = || if kind_of(field) == Some(Kind::Date) { date(value, now) } else { number(value) };
        match name.as_str() {
            "gte" | "from" => from = at()?,
            "gt" => from = at()?.saturating_add(1),
            "lt" => until = at()?,
            "lte" | "to" => until = at()?.saturating_add(1),
            "format" | "time_zone" | "boost" => {}
            other => return Err(Refused::parsing(format!("[range] query does not support [{other}]"))),
        }
    }
    Ok(Filter::Range(field.to_owned(), from, until))
}

fn number(value: &Value) -> Result<i64, Refused> {
    plain(value)
        .parse::<f64>()
        .map(|value| value as i64)
        .map_err(|_| Refused::parsing(format!("failed to parse [{value}] as a number")))
}

/// Milliseconds of a date: a number, RFC 3339, or date math on `now`.
pub(super) fn date(value: &Value, now: Timestamp) -> Result<i64, Refused> {
    let refused = || {
        Refused::parsing(format!(
            "failed to parse date field [{}] with format [strict_date_optional_time||epoch_millis]",
            plain(value)
        ))
    };
    let text = plain(value);
    if let Ok(ms) = text.parse::<i64>() {
        return Ok(ms);
    }
    let Some(mut math) = text.strip_prefix("now") else {
        return text.parse::<Timestamp>().map(Timestamp::as_millisecond).map_err(|_| refused());
    };
    let mut ms = now.as_millisecond();
    while !math.is_empty() {
        let (sign, rest) = math.split_at_checked(1).ok_or_else(refused)?;
        let digits = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let (count, rest) = rest.split_at(digits);
        let (unit, rest) = rest.split_at_checked(1).ok_or_else(refused)?;
        let unit = unit_ms(unit).ok_or_else(refused)?;
        let count = count.parse::<i64>();
        ms = match (sign, count) {
            ("+", Ok(count)) => ms.saturating_add(unit.saturating_mul(count)),
            ("-", Ok(count)) => ms.saturating_sub(unit.saturating_mul(count)),
            ("/", Err(_)) => ms.div_euclid(unit) * unit,
            _ => return Err(refused()),
        };
        math = rest;
    }
    Ok(ms)
}

pub(super) fn unit_ms(unit: &str) -> Option<i64> {
    let hours = match unit {
        "s" => return Some(1_000),
        "m" => return Some(60_000),
        "h" | "H" => 1,
        "d" => 24,
        "w" => 7 * 24,
        _ => return None,
    };
    i64::try_from(SignedDuration::from_hours(hours).as_millis()).ok()
}

/// The only key of an object, with its value.
pub(super) fn only<'a>(value: &'a Value, of: &str) -> Result<(&'a str, &'a Value), Refused> {
    let mut keys = value.as_object().into_iter().flatten();
    match (keys.next(), keys.next()) {
        (Some((key, value)), None) => Ok((key, value)),
        _ => Err(Refused::parsing(format!("[{of}] malformed, exactly one field expected"))),
    }
}

pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// The type of a field by its usual name; renamed ones keep theirs only for [`lookup`].
pub(super) fn kind_of(name: &str) -> Option<Kind> {
    if let Some(text) = name.strip_suffix(".keyword") {
        return matches!(kind_of(text), Some(Kind::Text { keyword: true })).then_some(Kind::Keyword);
    }
    FIELDS.iter().find(|(found, _)| *found == name).map(|(_, kind)| *kind)
}

/// The value of a field of an entry, under the name that it had when the entry was written.
pub(super) fn lookup(sky: &Sky, entry: &Entry, name: &str) -> Option<Value> {
    let name = if kind_of(name).is_some() { name.trim_end_matches(".keyword") } else { name };
    let is_renamed = sky.spells.iter().any(|spell| matches!(spell.condition, Condition::FieldsRenamed { .. }));
    if !is_renamed {
        return sky.field(entry, name);
    }
    let (usual, _) = FIELDS.iter().find(|(usual, _)| sky.name_at(usual, entry.at()) == name)?;
    sky.field(entry, usual)
}

impl Filter {
    pub(super) fn takes(&self, sky: &Sky, entry: &Entry) -> bool {
        let value = |field: &str| lookup(sky, entry, field);
        let text = |field: &str| value(field).map(|value| words(&plain(&value))).unwrap_or_default();
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::Terms(field, wanted) => value(field).is_some_and(|found| wanted.contains(&plain(&found))),
            Self::Range(field, from, until) if field == "@timestamp" => (*from..*until).contains(&entry.at_ms),
            Self::Range(field, from, until) => {
                value(field).and_then(|found| found.as_i64()).is_some_and(|found| (*from..*until).contains(&found))
            }
            Self::Phrase(field, wanted) => {
                !wanted.is_empty() && text(field).windows(wanted.len()).any(|window| window == &wanted[..])
            }
            Self::Words(field, wanted) => text(field).iter().any(|word| wanted.contains(word)),
            Self::Exists(field) => value(field).is_some(),
            Self::Prefix(field, start) => value(field).is_some_and(|found| plain(&found).starts_with(start.as_str())),
            Self::Bool { must, must_not, should, at_least } => {
                must.iter().all(|one| one.takes(sky, entry))
                    && !must_not.iter().any(|one| one.takes(sky, entry))
                    && should.iter().filter(|one| one.takes(sky, entry)).take(*at_least).count() >= *at_least
            }
        }
    }

    fn conjuncts(&self) -> Vec<&Self> {
        match self {
            Self::Bool { must, .. } => must.iter().flat_map(Self::conjuncts).collect(),
            other => vec![other],
        }
    }

    /// The span outside of which nothing can match.
    pub(super) fn window(&self) -> (i64, i64) {
        self.conjuncts().into_iter().fold((i64::MIN, i64::MAX), |(from, until), one| match one {
            Self::Range(field, least, most) if field == "@timestamp" => (from.max(*least), until.min(*most)),
            _ => (from, until),
        })
    }

    /// The institutions and the service outside of which nothing can match; only true under the usual names.
    pub(super) fn narrowed(&self, sky: &Sky) -> (Option<Vec<usize>>, Option<Service>) {
        if sky.spells.iter().any(|spell| matches!(spell.condition, Condition::FieldsRenamed { .. })) {
            return (None, None);
        }
        self.conjuncts().into_iter().fold((None, None), |(institutions, service), one| match one {
            Self::Terms(field, values) if field == "institution.id" => {
                (Some(values.iter().filter_map(|id| sky.index_of(id)).collect()), service)
            }
            Self::Terms(field, values) if field == "service.name" && values.len() == 1 => {
                (institutions, sky.service(&values[0]).or(service))
            }
            _ => (institutions, service),
        })
    }
}

/// A document with only what `_source` asks for.
pub(super) fn source(document: Value, wanted: Option<&Value>) -> Option<Value> {
    let list = |value: &Value| match value {
        Value::Array(many) => many.iter().map(plain).collect::<Vec<_>>(),
        Value::Null => Vec::new(),
        one => vec![plain(one)],
    };
    let (includes, excludes) = match wanted {
        None | Some(Value::Bool(true)) => return Some(document),
        Some(Value::Bool(false)) => return None,
        Some(Value::Object(both)) => {
            (list(both.get("includes").unwrap_or(&Value::Null)), list(both.get("excludes").unwrap_or(&Value::Null)))
        }
        Some(list_or_one) => (list(list_or_one), Vec::new()),
    };
    let matches = |path: &str, pattern: &String| match pattern.strip_suffix('*') {
        Some(start) => path.starts_with(start),
        None => path == pattern || path.starts_with(&format!("{pattern}.")),
    };
    fn walk(value: &Value, path: &str, keep: &dyn Fn(&str) -> bool) -> Option<Value> {
        match value {
            Value::Object(fields) => {
                let kept: Map<String, Value> = fields
                    .iter()
                    .filter_map(|(name, inner)| {
                        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                        walk(inner, &path, keep).map(|inner| (name.clone(), inner))
                    })
                    .collect();
                (!kept.is_empty()).then_some(Value::Object(kept))
            }
            leaf => keep(path).then(|| leaf.clone()),
        }
    }
    let keep = |path: &str| {
        (includes.is_empty() || includes.iter().any(|one| matches(path, one))) && !excludes.iter().any(|one| matches(path, one))
    };
    Some(walk(&document, "", &keep).unwrap_or_else(|| json!({})))
}
