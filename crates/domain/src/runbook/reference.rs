//! `${institution.core_endpoint}`: a value of the run in place of a whole value. There is no other way into a text: what comes from
//! outside is never pasted into anything that is read again.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What can be named, for checking before anything runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Text, number, truth value, list: has no parts.
    Plain,
    /// Has parts that are not known beforehand.
    Open,
    Record(BTreeMap<String, Known>),
}

pub type Names = BTreeMap<String, Known>;

/// The path of a value that is one reference; `None` if it is none.
///
/// # Errors
/// A text with a reference inside of it.
pub fn path(text: &str) -> Result<Option<Vec<&str>>, String> {
    if !text.contains("${") {
        return Ok(None);
    }
    let inner = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|inner| !inner.contains(['$', '{', '}']));
    let word = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    match inner.map(|inner| inner.split('.').collect::<Vec<_>>()) {
        Some(parts) if parts.iter().all(word) => Ok(Some(parts)),
        _ => Err("a reference stands alone and names one value: `\"${institution.core_endpoint}\"`".to_owned()),
    }
}

/// Whether the path leads somewhere.
pub fn check(path: &[&str], names: &Names) -> Result<(), String> {
    let mut at = names.get(path[0]).ok_or_else(|| unknown(path[0], "", names.keys()))?;
    for (place, part) in path.iter().enumerate().skip(1) {
        at = match at {
            Known::Open => return Ok(()),
            Known::Plain => return Err(format!("`{}` has no parts", path[..place].join("."))),
            Known::Record(parts) => {
                parts.get(*part).ok_or_else(|| unknown(part, &format!(" in `{}`", path[..place].join(".")), parts.keys()))?
            }
        };
    }
    Ok(())
}

fn unknown<'k>(name: &str, place: &str, known: impl Iterator<Item = &'k String>) -> String {
    let known: Vec<&str> = known.map(String::as_str).collect();
    let all =
        if known.is_empty() { "there is nothing to name here".to_owned() } else { format!("there is: {}", known.join(", ")) };
    match crate::setup::diagnostic::nearest(name, known.iter().copied()) {
        Some(near) => format!("there is no `{name}`{place}; did you mean `{near}`? ({all})"),
        None => format!("there is no `{name}`{place}; {all}"),
    }
}

/// The value with every reference in it replaced.
///
/// # Errors
/// In words, which reference leads nowhere.
pub fn resolve(value: &Value, context: &Map<String, Value>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => match path(text)? {
            None => value.clone(),
            Some(path) => find(&path, context).ok_or_else(|| format!("`{text}` is not known"))?,
        },
        Value::Array(items) => Value::Array(items.iter().map(|item| resolve(item, context)).collect::<Result<_, _>>()?),
        Value::Object(map) => Value::Object(resolve_all(map, context)?),
        other => other.clone(),
    })
}

pub fn resolve_all(map: &Map<String, Value>, context: &Map<String, Value>) -> Result<Map<String, Value>, String> {
    map.iter().map(|(name, value)| Ok((name.clone(), resolve(value, context)?))).collect()
}

fn find(path: &[&str], context: &Map<String, Value>) -> Option<Value> {
    let mut at = context.get(path[0])?;
    for part in &path[1..] {
        at = at.as_object()?.get(*part)?;
    }
    (!at.is_null()).then(|| at.clone())
}
