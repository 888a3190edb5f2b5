//! Reads values out of the tree. Every mistake is reported where it stands and reading goes on with some value
//! in its place: a setup with any mistake is thrown away as a whole.

use super::problems::{Problems, Span};
use super::yaml::{Node, Value};
use super::{Outside, SourceFile, Spans};
use crate::setup::diagnostic::{Diagnostic, nearest};
use crate::setup::schema::keys::{Key, Object};
use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Reader<'a> {
    pub files: &'a [SourceFile],
    pub outside: &'a dyn Outside,
    problems: Problems,
    /// The texts of files that end in a syntax error: what they mention may be defined behind it.
    broken: Vec<&'a str>,
    spans: Spans,
    /// The hashes of integration keys seen so far.
    pub keys: BTreeMap<String, (Span, String)>,
    pub catch_all_at: Option<Span>,
    /// Who is which member of Slack.
    pub slack_ids: BTreeMap<String, crate::id::UserId>,
}

/// A mapping whose keys have been checked.
pub(super) struct Fields<'n> {
    pub span: Span,
    node: &'n Node,
    object: &'static Object,
}

/// A value and the key it belongs to.
#[derive(Clone, Copy)]
pub(super) struct Field<'n> {
    pub node: &'n Node,
    pub key: &'static Key,
}

impl<'n> Fields<'n> {
    pub fn get(&self, name: &str) -> Option<Field<'n>> {
        let key = self.object.key(name).expect("only keys of the table are asked for");
        self.node.get(name).map(|node| Field { node, key })
    }
    pub fn has(&self, name: &str) -> bool {
        self.node.get(name).is_some()
    }
    pub fn incomplete(&self) -> bool {
        self.node.incomplete
    }
    /// Where a key stands.
    pub fn key_span(&self, name: &str) -> Span {
        let found = self.node.map().into_iter().flatten().find(|(key, _)| key.text == name);
        found.map_or(self.span, |(key, _)| key.span)
    }
}

impl<'n> Field<'n> {
    /// An item of the list behind the same key.
    pub fn of(self, node: &'n Node) -> Self {
        Self { node, ..self }
    }
}

/// Kinds of objects that have ids: the list they stand in and their name.
const INDEXED: [(&str, &str); 12] = [
    ("teams", "team"),
    ("users", "user"),
    ("schedules", "schedule"),
    ("policies", "policy"),
    ("services", "service"),
    ("silences", "silence"),
    ("maintenance", "maintenance"),
    ("vendors", "vendor"),
    ("institutions", "institution"),
    ("runbooks", "runbook"),
    ("connections", "connection"),
    ("tables", "table"),
];

/// Names listed in a help text; more are not read.
const MAX_LISTED: usize = 12;

impl<'a> Reader<'a> {
    pub fn new(files: &'a [SourceFile], outside: &'a dyn Outside, problems: Problems, broken: Vec<&'a str>) -> Self {
        Self {
            files,
            outside,
            problems,
            broken,
            spans: Spans::new(),
            keys: BTreeMap::new(),
            catch_all_at: None,
            slack_ids: BTreeMap::new(),
        }
    }

    pub fn finish(self) -> (Problems, Spans) {
        (self.problems, self.spans)
    }

    pub fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.problems.error(code, span, message)
    }

    /// A bad value, with the key's example as help.
    pub fn bad(&mut self, field: Field, message: impl Into<String>) -> &mut Diagnostic {
        let help = format!("write for example `{}: {}`", field.key.name, plain(field.key.example));
        let problem = self.problems.error("bad_value", field.node.span, message);
        problem.help = Some(help);
        problem
    }

    pub fn place(&self, span: Span) -> String {
        self.problems.place(span)
    }

    pub fn span_of(&self, kind: &'static str, id: &str) -> Span {
        self.spans.get(&(kind, id.to_owned())).copied().unwrap_or_default()
    }

    pub fn learn(&mut self, kind: &'static str, id: &str, span: Span) {
        self.spans.insert((kind, id.to_owned()), span);
    }

    /// Learns which ids exist, so that references can be checked wherever they stand.
    pub fn index(&mut self, roots: &[Fields]) {
        for (list, kind) in INDEXED {
            for item in roots.iter().filter_map(|root| root.node.get(list)?.list()).flatten() {
                let key = match kind {
                    "runbook" | "table" => kind,
                    _ => "id",
                };
                let Some((node, id)) = item.get(key).and_then(|node| Some((node, node.scalar()?))) else { continue };
                if let Some(first) = self.spans.get(&(kind, id.to_owned())).copied() {
                    let place = self.place(first);
                    self.error("duplicate", node.span, format!("{kind} `{id}` exists already, at {place}")).help =
                        Some("give one of them another id, or remove it".to_owned());
                } else {
                    self.spans.insert((kind, id.to_owned()), node.span);
                }
            }
        }
    }

    /// Checks that it is a mapping with known keys, each at most once, all required ones there.
    pub fn object<'n>(&mut self, node: &'n Node, object: &'static Object) -> Option<Fields<'n>> {
        let Value::Map(entries) = &node.value else {
            let message = format!("a {} is a mapping (`key: value`), this is {}", object.what, node.kind());
            let first = object.keys.iter().find(|key| key.required).unwrap_or(&object.keys[0]);
            self.error("wrong_type", node.span, message).help =
                Some(format!("write for example `{}: {}`", first.name, plain(first.example)));
            return None;
        };
        let mut seen = BTreeSet::new();
        for (key, _) in entries {
            if !seen.insert(key.text.as_str()) {
                self.error("duplicate", key.span, format!("the key `{}` stands here twice", key.text)).help =
                    Some("remove one of them".to_owned());
            }
            if object.key(&key.text).is_none() {
                let known = || object.keys.iter().map(|key| key.name);
                let help = match nearest(&key.text, known()) {
                    Some(near) => format!("write `{near}`; keys of a {} are: {}", object.what, list(known())),
                    None => format!("keys of a {} are: {}", object.what, list(known())),
                };
                self.error("unknown_key", key.span, format!("`{}` is not a key of a {}", key.text, object.what)).help =
                    Some(help);
            }
        }
        let fields = Fields { span: node.span, node, object };
        if !node.incomplete {
            for key in object.keys.iter().filter(|key| key.required && !fields.has(key.name)) {
                self.error("missing_key", node.span, format!("this {} has no `{}`", object.what, key.name)).help =
                    Some(format!("add for example `{}: {}`", key.name, plain(key.example)));
            }
            self.exactly_one(&fields);
        }
        Some(fields)
    }

    fn exactly_one(&mut self, fields: &Fields) {
        let (what, choices) = (fields.object.what, fields.object.exactly_one);
        let there: Vec<&str> = choices.iter().copied().filter(|key| fields.has(key)).collect();
        let choices = list(choices.iter().copied());
        match there.as_slice() {
            [] if choices.is_empty() => {}
            [] => {
                self.error("missing_key", fields.span, format!("this {what} has none of {choices}")).help =
                    Some(format!("write exactly one of {choices}"));
            }
            [_] => {}
            [_, second, ..] => {
                let span = fields.key_span(second);
                self.error("bad_value", span, format!("this {what} has more than one of {choices}")).help =
                    Some("keep exactly one of them".to_owned());
            }
        }
    }

    /// The objects of a list. An absent or empty list (all entries commented out) has none.
    pub fn objects<'n>(&mut self, field: Option<Field<'n>>, object: &'static Object, most: usize) -> Vec<Fields<'n>> {
        let Some(field) = field else { return Vec::new() };
        if matches!(field.node.value, Value::Null) {
            return Vec::new();
        }
        let items = self.list(Some(field));
        if items.len() > most {
            self.error("too_large", field.node.span, format!("more than {most} entries in one list"));
            return Vec::new();
        }
        items.iter().filter_map(|item| self.object(item, object)).collect()
    }

    /// The items of a list; none if it is absent or no list.
    pub fn list<'n>(&mut self, field: Option<Field<'n>>) -> &'n [Node] {
        let Some(field) = field else { return &[] };
        match &field.node.value {
            Value::List(items) => items,
            _ => {
                self.wrong_type(field, "a list");
                &[]
            }
        }
    }

    /// [`Self::list`], which may not be empty.
    pub fn some<'n>(&mut self, field: Option<Field<'n>>, why: &str) -> &'n [Node] {
        let items = self.list(field);
        if let Some(field) = field
            && field.node.list().is_some_and(<[Node]>::is_empty)
            && !field.node.incomplete
        {
            let help = format!("write for example `{}: {}`", field.key.name, plain(field.key.example));
            self.error("empty", field.node.span, format!("`{}` is empty: {why}", field.key.name)).help = Some(help);
        }
        items
    }

    pub fn wrong_type(&mut self, field: Field, wanted: &str) {
        let (name, example) = (field.key.name, plain(field.key.example));
        let message = match field.node.value {
            Value::Null => format!("`{name}` has no value"),
            _ => format!("`{name}` has to be {wanted}, this is {}", field.node.kind()),
        };
        if field.node.incomplete {
            return;
        }
        self.error("wrong_type", field.node.span, message).help = Some(format!("write for example `{name}: {example}`"));
    }

    /// The text of a scalar, as written: numbers and truth values count as text.
    pub fn scalar<'n>(&mut self, field: Option<Field<'n>>) -> Option<(&'n str, Field<'n>)> {
        let field = field?;
        match field.node.scalar() {
            Some(text) => Some((text, field)),
            None => {
                self.wrong_type(field, "text");
                None
            }
        }
    }

    /// A scalar through a parser whose error says what to write.
    pub fn parse<T>(&mut self, field: Option<Field>, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let (text, field) = self.scalar(field)?;
        parse(text).map_err(|message| self.bad(field, message)).ok()
    }

    /// A reference to an object of the files by its id.
    pub fn reference(&mut self, field: Option<Field>, kind: &'static str) -> Option<String> {
        let (id, field) = self.scalar(field)?;
        if !self.spans.contains_key(&(kind, id.to_owned())) && !self.broken.iter().any(|text| may_define(text, id)) {
            if self.problems.full() {
                // Nobody reads it; searching for what was meant would take long in a large setup.
                self.error("unknown_reference", field.node.span, String::new());
                return Some(id.to_owned());
            }
            let known: Vec<String> = self.spans.keys().filter(|(k, _)| *k == kind).map(|(_, id)| id.clone()).collect();
            let all = plural(kind);
            let help = match (nearest(id, known.iter().map(String::as_str)), known.is_empty()) {
                (Some(near), _) => format!("write `{near}`; {all} are: {}", list(known.iter().map(String::as_str))),
                (None, false) => format!("{all} are: {}", list(known.iter().map(String::as_str))),
                (None, true) => format!("there are no {all}; add `{all}: [ {{ id: {id}, … }} ]`"),
            };
            self.error("unknown_reference", field.node.span, format!("{kind} `{id}` does not exist")).help = Some(help);
        }
        Some(id.to_owned())
    }
}

/// Whether a text that cannot be read as YAML seems to say `id: ID`.
fn may_define(text: &str, id: &str) -> bool {
    let in_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    text.match_indices(id).any(|(at, _)| {
        let before = text[..at].trim_end_matches([' ', '"', '\'']);
        let key = before.strip_suffix(':').map(|before| before.trim_end_matches([' ', '"', '\'']));
        key.is_some_and(|key| key.ends_with("id")) && !text[at + id.len()..].starts_with(in_id)
    })
}

fn plural(kind: &str) -> &'static str {
    INDEXED.iter().find(|(_, name)| *name == kind).map_or("objects", |(list, _)| list)
}

/// `a, b, c`, cut after some.
pub(super) fn list<'t>(names: impl Iterator<Item = &'t str>) -> String {
    let names: Vec<&str> = names.collect();
    let shown = names.iter().take(MAX_LISTED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > MAX_LISTED { format!("{shown} and {} more", names.len() - MAX_LISTED) } else { shown }
}

/// An example as one would write it: short text without its quotes.
fn plain(example: &str) -> String {
    let bare = example.trim_matches('"');
    let needs_quotes = bare.contains(": ") || bare.starts_with(['$', '[', '{']) || bare.contains('\'');
    let is_time = bare.len() >= 5 && bare.as_bytes()[2] == b':';
    if example.starts_with('"') && !needs_quotes && !is_time { bare.to_owned() } else { example.to_owned() }
}
