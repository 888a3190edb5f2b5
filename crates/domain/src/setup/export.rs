//! From a setup back to files that people can read and that load to the same setup.
//!
//! The JSON form of a [`Setup`] is the form of the files; this writes it as YAML in the style of the examples:
//! one entry per line where it fits, keys in the order of [`schema::keys`](super::schema::keys).

use super::Setup;
use super::load::{SourceFile, is_reference};
use super::schema::keys::{Key, Object, RUNBOOK, SETUP, Shape};
use crate::runbook::Runbook;
use serde_json::{Map, Value};

/// Entries that are longer get a line for each key.
const MAX_LINE_CHARS: usize = 120;

/// The files of a setup. Integration keys are written as `key_sha256`; secrets of contact methods as they are
/// in `setup`, so that the caller decides what leaves the server.
pub fn export(setup: &Setup) -> Vec<SourceFile> {
    let whole = serde_json::to_value(setup).expect("a setup has text keys only");
    let parts: [(&str, &[&str]); 10] = [
        ("teams.yaml", &["teams"]),
        ("users.yaml", &["users"]),
        ("schedules.yaml", &["schedules"]),
        ("policies.yaml", &["policies", "catch_all"]),
        ("services.yaml", &["services"]),
        ("routes.yaml", &["routes", "silences", "maintenance"]),
        ("institutions.yaml", &["vendors", "institutions"]),
        ("runbooks.yaml", &["runbooks"]),
        ("connections.yaml", &["connections"]),
        ("tables.yaml", &["tables"]),
    ];
    let mut files: Vec<SourceFile> = Vec::new();
    for (name, keys) in parts {
        let mut text = String::new();
        for key in keys.iter().filter_map(|key| SETUP.key(key)) {
            let value = &whole[key.name];
            if !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()) {
                entry(&mut text, key, value, 0);
            }
        }
        if !text.is_empty() {
            files.push(SourceFile { name: name.to_owned(), text });
        }
    }
    if files.is_empty() {
        files.push(SourceFile { name: "teams.yaml".to_owned(), text: "teams: []\n".to_owned() });
    }
    files
}

/// A runbook as a file of its own.
pub fn runbook(runbook: &Runbook) -> String {
    let value = serde_json::to_value(runbook).expect("a runbook has text keys only");
    let mut text = String::new();
    let map = value.as_object().into_iter();
    map.flat_map(|map| fields(map, &RUNBOOK)).for_each(|(key, value)| entry(&mut text, key, value, 0));
    text
}

/// `key: value` with its line end.
fn entry(text: &mut String, key: &Key, value: &Value, indent: usize) {
    let pad = " ".repeat(indent);
    let flow = flow(&key.shape, key, value);
    let at_top_level = indent == 0 && value.is_array();
    if !at_top_level && indent + key.name.len() + 2 + flow.chars().count() <= MAX_LINE_CHARS {
        text.push_str(&format!("{pad}{}: {flow}\n", key.name));
        return;
    }
    match (value, item_shape(&key.shape), &key.shape) {
        (Value::Array(items), Some(shape), _) => {
            text.push_str(&format!("{pad}{}:\n", key.name));
            items.iter().for_each(|item| list_item(text, shape, key, item, indent + 2));
        }
        (Value::Object(map), _, Shape::Map(object)) => {
            text.push_str(&format!("{pad}{}:\n", key.name));
            fields(map, object).for_each(|(key, value)| entry(text, key, value, indent + 2));
        }
        _ => text.push_str(&format!("{pad}{}: {flow}\n", key.name)),
    }
}

/// `- value` with its line end.
fn list_item(text: &mut String, shape: &Shape, key: &Key, item: &Value, indent: usize) {
    let pad = " ".repeat(indent);
    let flow = flow(shape, key, item);
    let (Value::Object(map), Shape::Map(object)) = (item, shape) else {
        text.push_str(&format!("{pad}- {flow}\n"));
        return;
    };
    if indent + 2 + flow.chars().count() <= MAX_LINE_CHARS {
        text.push_str(&format!("{pad}- {flow}\n"));
        return;
    }
    let mut block = String::new();
    fields(map, object).for_each(|(key, value)| entry(&mut block, key, value, indent + 2));
    text.push_str(&format!("{pad}- {}", block.trim_start()));
}

/// The entries of an object in the order of its keys.
fn fields<'v>(map: &'v Map<String, Value>, object: &'static Object) -> impl Iterator<Item = (&'static Key, &'v Value)> {
    let written = |key: &Key, value: &Value| {
        let text = value.to_string();
        !DEFAULTS.contains(&(object.what, key.name, text.as_str()))
    };
    object.keys.iter().filter_map(|key| Some((key, map.get(key.name)?))).filter(move |(key, value)| written(key, value))
}

/// What the JSON form spells out and nobody would write.
const DEFAULTS: [(&str, &str, &str); 7] = [
    ("rule", "after", "\"0s\""),
    ("window", "days", "\"mon-sun\""),
    ("policy", "repeat", "0"),
    ("service", "urgency", "\"high\""),
    ("vendor", "responds_within", "\"4h\""),
    ("vendor", "chase_every", "\"1h\""),
    ("silence", "from", "\"1970-01-01T00:00:00Z\""),
];

fn item_shape(shape: &Shape) -> Option<&Shape> {
    match shape {
        Shape::List(item) | Shape::OneOrMore(item) => Some(item),
        _ => None,
    }
}

/// A value in one line.
fn flow(shape: &Shape, key: &Key, value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let inner = match shape {
                Shape::List(item) | Shape::OneOrMore(item) => item,
                other => other,
            };
            // A turn of several people: the list is the second of the two shapes.
            let inner = match (inner, shape) {
                (_, Shape::Any([_, Shape::OneOrMore(item)])) => item,
                (inner, _) => inner,
            };
            let items: Vec<String> = items.iter().map(|item| flow(inner, key, item)).collect();
            let objects = matches!(inner, Shape::Map(_)) && !items.is_empty();
            if objects { format!("[ {} ]", items.join(", ")) } else { format!("[{}]", items.join(", ")) }
        }
        Value::Object(map) => {
            let entries: Vec<String> = match shape {
                Shape::Map(object) => {
                    fields(map, object).map(|(key, value)| format!("{}: {}", key.name, flow(&key.shape, key, value))).collect()
                }
                _ => map
                    .iter()
                    .map(|(name, value)| format!("{}: {}", scalar(name, false), flow(&Shape::Text, key, value)))
                    .collect(),
            };
            format!("{{ {} }}", entries.join(", "))
        }
        Value::String(text) => {
            if matches!(shape, Shape::Days) {
                return scalar(&ranges(text), false);
            }
            let given = matches!(shape, Shape::Email | Shape::Url) || matches!(key.name, "secret" | "signing_secret");
            let escaped = if given && is_reference(text) { format!("${text}") } else { text.clone() };
            scalar(&escaped, matches!(shape, Shape::Length | Shape::Every))
        }
        other => other.to_string(),
    }
}

/// `mon,tue,wed,sat` as `mon-wed,sat`.
fn ranges(days: &str) -> String {
    const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let there: Vec<bool> = WEEK.iter().map(|day| days.split(',').any(|name| name == *day)).collect();
    let mut parts = Vec::new();
    let mut at = 0;
    while at < 7 {
        let run = there[at..].iter().take_while(|there| **there).count();
        match run {
            0 => {}
            1 | 2 => parts.extend(WEEK[at..at + run].iter().map(|day| (*day).to_owned())),
            _ => parts.push(format!("{}-{}", WEEK[at], WEEK[at + run - 1])),
        }
        at += run.max(1);
    }
    if parts.is_empty() { days.to_owned() } else { parts.join(",") }
}

/// A text, bare where no reader of YAML (old ones included) can take it for something else.
fn scalar(text: &str, is_length: bool) -> String {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '@' | '+' | '-' | ' ');
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(inner) && !text.ends_with(' ');
    let reserved = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str());
    if (word && !reserved) || is_length {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if is_printable(c) => quoted.push(c),
            c => quoted.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

/// What YAML allows as it is, without what looks like nothing or breaks lines.
fn is_printable(c: char) -> bool {
    let code = u32::from(c);
    let invisible = matches!(code, 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfffe | 0xffff);
    !c.is_control() && !invisible && !matches!(code & 0xffff, 0xfffe | 0xffff)
}
