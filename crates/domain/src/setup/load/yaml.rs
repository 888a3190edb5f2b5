//! YAML as a tree that remembers where everything stands.
//!
//! Built from the parser's events instead of its ready-made tree, so that depth, size and aliases are
//! bounded while reading, and so that what stands before a syntax error is still checked.

use super::problems::{Problems, Span};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use std::collections::BTreeMap;

/// The setup needs eight levels; the readers of this tree call themselves.
const MAX_DEPTH: usize = 32;
/// Nodes of all files together, aliases counted in full: a setup of 50,000 people has about half of that.
pub(super) const MAX_NODES: usize = 2_000_000;

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub span: Span,
    pub value: Value,
    /// A syntax error ended the file inside of it: what is missing may stand behind the error.
    pub incomplete: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub text: String,
    pub span: Span,
}

impl Node {
    pub fn map(&self) -> Option<&[(Key, Node)]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }
    pub fn list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }
    pub fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.map()?.iter().find(|(k, _)| k.text == key).map(|(_, node)| node)
    }
    /// What it is, for people.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping (`key: value`)",
        }
    }
    fn size_and_depth(&self) -> (usize, usize) {
        let children: Vec<&Node> = match &self.value {
            Value::List(items) => items.iter().collect(),
            Value::Map(entries) => entries.iter().map(|(_, node)| node).collect(),
            _ => Vec::new(),
        };
        children.iter().map(|node| node.size_and_depth()).fold((1, 1), |(size, depth), (s, d)| (size + s, depth.max(d + 1)))
    }
}

/// Everything is read as it is written, so these change nothing.
const CORE_TAGS: [&str; 7] = ["str", "int", "float", "bool", "null", "seq", "map"];

/// A collection whose end has not been read yet.
struct Open {
    start: Marker,
    anchor: usize,
    body: Body,
}

enum Body {
    List(Vec<Node>),
    Map {
        entries: Vec<(Key, Node)>,
        /// The key whose value comes next. `Some(None)`: a key that was refused.
        key: Option<Option<Key>>,
    },
}

pub(super) struct Reading {
    pub documents: Vec<Node>,
    /// A syntax error ended the file early.
    pub broken: bool,
}

/// Reads one file. `nodes_left` is shared by all files.
pub(super) fn read(file: usize, text: &str, nodes_left: &mut usize, problems: &mut Problems) -> Reading {
    let line_lengths: Vec<usize> = text.lines().map(|line| line.trim_end().chars().count()).collect();
    let mut builder =
        Builder { file, line_lengths, open: Vec::new(), anchors: BTreeMap::new(), documents: Vec::new(), nodes_left, problems };
    let broken = builder.run(text).is_err();
    if broken {
        while let Some(open) = builder.open.pop() {
            let (end, anchor) = (open.start, open.anchor);
            let node = Node { incomplete: true, ..builder.finish(open, end) };
            let _ = builder.add(node, anchor);
        }
    }
    Reading { documents: builder.documents, broken }
}

/// Reading cannot go on; the reason has been reported.
struct Stop;

struct Builder<'a> {
    file: usize,
    line_lengths: Vec<usize>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Node, usize, usize)>,
    documents: Vec<Node>,
    nodes_left: &'a mut usize,
    problems: &'a mut Problems,
}

impl Builder<'_> {
    fn run(&mut self, text: &str) -> Result<(), Stop> {
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let (event, span) = match event {
                Ok(read) => read,
                Err(error) => {
                    let (message, help) = explain(error.info());
                    self.problems.error("yaml", self.span(*error.marker(), *error.marker()), message).help =
                        Some(help.to_owned());
                    return Err(Stop);
                }
            };
            let here = self.span(span.start, span.end);
            if let Event::Scalar(_, _, _, Some(tag)) | Event::SequenceStart(_, Some(tag)) | Event::MappingStart(_, Some(tag)) =
                &event
                && !(tag.is_yaml_core_schema() && CORE_TAGS.contains(&tag.suffix.as_str()))
            {
                self.problems.error("yaml", here, format!("the tag `{tag}` means nothing here")).help =
                    Some("remove the tag, or put the text in quotes".to_owned());
            }
            match event {
                Event::Scalar(text, style, anchor, _) => {
                    let null = style == ScalarStyle::Plain && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL");
                    let value = if null { Value::Null } else { Value::Scalar(text.into_owned()) };
                    self.add(Node { span: here, value, incomplete: false }, anchor)?;
                }
                Event::SequenceStart(anchor, _) => self.push(span.start, anchor, Body::List(Vec::new()))?,
                Event::MappingStart(anchor, _) => {
                    self.push(span.start, anchor, Body::Map { entries: Vec::new(), key: None })?;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    if let Some(open) = self.open.pop() {
                        let anchor = open.anchor;
                        let node = self.finish(open, span.end);
                        self.add(node, anchor)?;
                    }
                }
                Event::Alias(anchor) => self.expand(anchor, here)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn push(&mut self, start: Marker, anchor: usize, body: Body) -> Result<(), Stop> {
        if self.open.len() >= MAX_DEPTH {
            self.problems.error("too_large", self.span(start, start), format!("nested deeper than {MAX_DEPTH} levels"));
            return Err(Stop);
        }
        self.open.push(Open { start, anchor, body });
        Ok(())
    }

    /// Puts a complete node where it belongs: as item, as key, as value, or as document.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Stop> {
        match self.nodes_left.checked_sub(1) {
            Some(left) => *self.nodes_left = left,
            None => {
                self.problems.error("too_large", node.span, format!("the files hold more than {MAX_NODES} values"));
                return Err(Stop);
            }
        }
        if anchor > 0 {
            let (size, depth) = node.size_and_depth();
            self.anchors.insert(anchor, (node.clone(), size, depth));
        }
        match self.open.last_mut().map(|open| &mut open.body) {
            None => self.documents.push(node),
            Some(Body::List(items)) => items.push(node),
            Some(Body::Map { entries, key }) => match key.take() {
                Some(Some(name)) => entries.push((name, node)),
                Some(None) => {}
                None => {
                    *key = Some(match node.value {
                        Value::Scalar(text) => Some(Key { text, span: node.span }),
                        // `? ` without anything behind it, at a syntax error.
                        Value::Null if node.incomplete => None,
                        _ => {
                            self.problems
                                .error("wrong_type", node.span, format!("a key has to be text, this is {}", node.kind()))
                                .help = Some("write `key: value`".to_owned());
                            None
                        }
                    });
                }
            },
        }
        Ok(())
    }

    fn expand(&mut self, anchor: usize, here: Span) -> Result<(), Stop> {
        let Some((node, size, depth)) = self.anchors.get(&anchor) else {
            self.problems.error("yaml", here, "this alias stands inside of what it stands for").help =
                Some("write it out".to_owned());
            return Err(Stop);
        };
        if *size > *self.nodes_left || self.open.len() + depth > MAX_DEPTH {
            self.problems.error("too_large", here, "with its aliases written out, the setup is too large".to_owned());
            return Err(Stop);
        }
        *self.nodes_left -= size - 1;
        let node = node.clone();
        self.add(node, 0)
    }

    fn finish(&self, open: Open, end: Marker) -> Node {
        let value = match open.body {
            Body::List(items) => Value::List(items),
            Body::Map { entries, .. } => Value::Map(entries),
        };
        Node { span: self.span(open.start, end), value, incomplete: false }
    }

    /// What spans several lines is marked to the end of its first line.
    fn span(&self, start: Marker, end: Marker) -> Span {
        let line = start.line().max(1);
        let length = if end.line() == line && end.col() > start.col() {
            end.col() - start.col()
        } else {
            self.line_lengths.get(line - 1).map_or(0, |length| length.saturating_sub(start.col()))
        };
        Span { file: self.file, line, column: start.col() + 1, length }
    }
}

/// The parser's message for people, and what to do.
fn explain(info: &str) -> (String, &'static str) {
    let help = if info.contains("tab") {
        "indent with spaces; YAML refuses tabs"
    } else if info.contains("flow") || info.contains("','") || info.contains("expected ',' or") {
        "check that every `[` and `{` is closed and that `,` stands between the entries"
    } else if info.contains("quot") || info.contains("scalar") || info.contains("end of stream") || info.contains("EOF") {
        "check that every quote is closed, and put text with `: `, ` #`, `{`, `[`, `*`, `&` or `%` in quotes"
    } else if info.contains("mapping") || info.contains("block") || info.contains("indent") || info.contains("key") {
        "check the indentation here and on the line above: entries of one list or mapping start in the same column"
    } else {
        "check the indentation, the quotes and the brackets here and on the line above"
    };
    (format!("not YAML: {info}"), help)
}
