//! Asks conditions about an event.

use super::condition::{Condition, MATCHES, PATTERNS};
use crate::event::Event;
use crate::setup::{Integration, Service};
use cel::common::traits::{Container, Indexer, Iterable, Iterator as CelIterator, Sizer};
use cel::common::types::{CelBool, CelInt, CelString, MAP_TYPE, STRING_TYPE, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{Context, Env, ExecutionError, Value};
use regex::Regex;
use serde_json::Value as Json;
use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// `details` above this are null in conditions: they are copied for each event, and loops run over them.
pub const MAX_DETAILS_BYTES: usize = 256 << 10;
/// Values inside of `details`, above which they are null too: a condition may loop over them.
pub const MAX_DETAILS_VALUES: usize = 2_000;
const MAX_DETAILS_DEPTH: usize = 64;

pub(super) struct Evaluator {
    env: Arc<Env>,
}

/// An event as conditions see it.
pub(super) struct Facts<'a> {
    context: Context<'a, 'a>,
}

impl Evaluator {
    pub fn new() -> Self {
        let mut env = Env::stdlib();
        env.add_overload(MATCHES, "string_matches_pattern", vec![STRING_TYPE, PATTERN], matches)
            .expect("the name cannot be written and is added once");
        Self { env: Arc::new(env) }
    }

    pub fn facts<'a>(&self, event: &'a Event, service: &'a Service, integration: &'a Integration) -> Facts<'a> {
        self.facts_of(&Said {
            labels: &event.labels,
            summary: &event.summary,
            severity: event.severity.as_str(),
            source: event.source.as_deref().unwrap_or_default(),
            service: service.id.as_str(),
            integration: integration.id.as_str(),
            dedup_key: &event.dedup_key,
            details: &event.details,
        })
    }

    pub fn facts_of<'a>(&self, said: &Said<'a>) -> Facts<'a> {
        let mut context = Context::with_env(Arc::clone(&self.env));
        let texts = [
            ("summary", said.summary),
            ("severity", said.severity),
            ("source", said.source),
            ("service", said.service),
            ("integration", said.integration),
            ("dedup_key", said.dedup_key),
        ];
        for (name, text) in texts {
            context.add_variable_as_val(name, Box::new(CelString::from(text)));
        }
        context.add_variable_as_val("labels", Box::new(Labels::new(said.labels)));
        let mut room = Room { bytes: MAX_DETAILS_BYTES, values: MAX_DETAILS_VALUES };
        let details = room.holds(said.details, MAX_DETAILS_DEPTH).then(|| value_of(said.details));
        context.add_variable_from_value("details", details.unwrap_or(Value::Null));
        Facts { context }
    }
}

/// What conditions can name.
pub(super) struct Said<'a> {
    pub labels: &'a BTreeMap<String, String>,
    pub summary: &'a str,
    pub severity: &'a str,
    pub source: &'a str,
    pub service: &'a str,
    pub integration: &'a str,
    pub dedup_key: &'a str,
    pub details: &'a Json,
}

impl Facts<'_> {
    /// Whether the condition holds, or why it cannot be told. The reason repeats nothing of the event: it may be a customer's.
    pub fn hold(&self, condition: &Condition) -> Result<bool, String> {
        let mut scope = self.context.new_inner_scope();
        if !condition.patterns.is_empty() {
            scope.add_variable_as_val(PATTERNS, Box::new(Patterns::new(&condition.patterns)));
        }
        let value = Value::resolve_val(&condition.expression, &scope).map_err(|error| explain(&error))?;
        let holds = value.downcast_ref::<CelBool>().map(|holds| *holds.inner());
        holds.ok_or_else(|| format!("the condition is neither true nor false, but of type {}", value.get_type().name()))
    }
}

pub(crate) fn explain(error: &ExecutionError) -> String {
    /// Names come from the condition, but an index may be computed from the event.
    fn short(name: &str) -> String {
        name.chars().filter(|c| !c.is_control()).take(64).collect()
    }
    match error {
        ExecutionError::NoSuchKey(key) => format!("there is no `{}`", short(key)),
        ExecutionError::NoSuchOverload(overload) => {
            let types = overload.argument_types().join(", ");
            format!("`{}` cannot be applied to ({types})", short(overload.function().trim_matches(['_', '@'])))
        }
        ExecutionError::UndeclaredReference(name) => format!("`{}` does not exist", short(name)),
        ExecutionError::FunctionError { function, .. } => format!("`{}` failed on this value", short(function)),
        ExecutionError::UnexpectedType { got, want } => format!("of type {}, not {}", short(got), short(want)),
        ExecutionError::IndexOutOfBounds(_) => "an index is past the end of its list".to_owned(),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "division by zero".to_owned(),
        ExecutionError::Overflow(..) => "a number is too large".to_owned(),
        _ => "the condition cannot be applied to these values".to_owned(),
    }
}

/// What is left for `details`.
struct Room {
    bytes: usize,
    values: usize,
}

impl Room {
    fn holds(&mut self, value: &Json, depth: usize) -> bool {
        let bytes = match value {
            Json::String(text) => text.len(),
            Json::Object(map) => map.keys().map(String::len).sum(),
            _ => 8,
        };
        let (Some(bytes), Some(values), Some(depth)) =
            (self.bytes.checked_sub(bytes), self.values.checked_sub(1), depth.checked_sub(1))
        else {
            return false;
        };
        (self.bytes, self.values) = (bytes, values);
        match value {
            Json::Array(items) => items.iter().all(|item| self.holds(item, depth)),
            Json::Object(map) => map.values().all(|item| self.holds(item, depth)),
            _ => true,
        }
    }
}

pub(crate) fn value_of(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        // Whole numbers are `int`, so that `details.code + 1` works; CEL does not mix them with `uint`.
        Json::Number(n) => match (n.as_i64(), n.as_u64(), n.as_f64()) {
            (Some(n), _, _) => Value::Int(n),
            (None, Some(n), _) => Value::UInt(n),
            (None, None, n) => Value::Float(n.unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(value_of).collect::<Vec<_>>()),
        Json::Object(map) => {
            Value::from(map.iter().map(|(key, value)| (key.clone(), value_of(value))).collect::<HashMap<_, _>>())
        }
    }
}

/// The labels: a map in which what is missing is the empty text.
#[derive(Clone, Debug)]
struct Labels<'a> {
    labels: &'a BTreeMap<String, String>,
    names: Vec<CelString<'a>>,
}

impl<'a> Labels<'a> {
    fn new(labels: &'a BTreeMap<String, String>) -> Self {
        let there = labels.iter().filter(|(_, value)| !value.is_empty());
        Self { labels, names: there.map(|(name, _)| CelString::from(name.as_str())).collect() }
    }

    fn of(&self, name: &dyn Val) -> Result<&'a str, ExecutionError> {
        let name = name.downcast_ref::<CelString>().ok_or_else(|| ExecutionError::UnexpectedType {
            got: name.get_type().name().to_owned(),
            want: "string".to_owned(),
        })?;
        Ok(self.labels.get(name.inner()).map_or("", String::as_str))
    }
}

impl Val for Labels<'_> {
    fn get_type(&self) -> &Type {
        &MAP
    }
    fn cel_type() -> &'static Type {
        &MAP
    }
    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }
    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }
    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }
    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }
}

static MAP: Type = MAP_TYPE;

impl Container for Labels<'_> {
    fn contains(&self, name: &dyn Val) -> Result<bool, ExecutionError> {
        self.of(name).map(|text| !text.is_empty())
    }
}

impl Indexer for Labels<'_> {
    fn get<'b, 'v>(&'b self, name: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.of(name).map(|text| CowVal::owned(CelString::from(text)))
    }
    fn steal<'v>(self: Box<Self>, name: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.of(name).map(|text| Box::new(CelString::from(text)) as Box<dyn Val + 'v>)
    }
}

impl Iterable for Labels<'_> {
    fn iter<'b, 'v>(&'b self) -> Box<dyn CelIterator<'b, 'v> + 'b>
    where
        Self: 'v,
    {
        Box::new(Names(self.names.iter()))
    }
}

struct Names<'b, 'a>(std::slice::Iter<'b, CelString<'a>>);

impl<'b, 'a: 'v, 'v> CelIterator<'b, 'v> for Names<'b, 'a> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'v)> {
        self.0.next().map(|name| name as &(dyn Val + 'v))
    }
}

impl Sizer for Labels<'_> {
    fn size(&self) -> CelInt {
        CelInt::from(i64::try_from(self.names.len()).unwrap_or(i64::MAX))
    }
}

const PATTERN: Type = Type::new_unspecified_type("pattern");
static PATTERN_TYPE: Type = PATTERN;

/// A compiled pattern as a value.
#[derive(Clone, Debug)]
struct Pattern(Regex);

impl Val for Pattern {
    fn get_type(&self) -> &Type {
        &PATTERN_TYPE
    }
    fn cel_type() -> &'static Type {
        &PATTERN_TYPE
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Pattern {}

fn matches<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let found = match args.as_slice() {
        [text, pattern] => text.downcast_ref::<CelString>().zip(pattern.downcast_ref::<Pattern>()),
        _ => None,
    };
    let (text, pattern) = found.ok_or_else(ExecutionError::missing_argument_or_target)?;
    Ok(CowVal::owned(CelBool::from(pattern.0.is_match(text.inner()))))
}

/// The patterns of a condition, by their place.
#[derive(Clone, Debug)]
struct Patterns(Vec<Pattern>);

impl Patterns {
    /// Cheap: a `Regex` shares what it has compiled.
    fn new(patterns: &[Regex]) -> Self {
        Self(patterns.iter().cloned().map(Pattern).collect())
    }
}

impl Val for Patterns {
    fn get_type(&self) -> &Type {
        &PATTERN_TYPE
    }
    fn cel_type() -> &'static Type {
        &PATTERN_TYPE
    }
    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }
}

impl Indexer for Patterns {
    fn get<'b, 'v>(&'b self, place: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let place = place.downcast_ref::<CelInt>().and_then(|place| usize::try_from(*place.inner()).ok());
        let pattern = place.and_then(|place| self.0.get(place));
        pattern.map(|pattern| CowVal::Borrowed(pattern as &(dyn Val + 'v))).ok_or_else(|| ExecutionError::no_such_key("pattern"))
    }
    fn steal<'v>(self: Box<Self>, place: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(place).map(CowVal::into_owned)
    }
}
