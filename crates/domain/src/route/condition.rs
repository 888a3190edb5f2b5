//! A CEL condition: parsed, guarded, and checked for what cannot be meant.
//!
//! `cel` has no budget for evaluation, so that what would run long is refused here: long sources, deep nesting,
//! loops in loops, patterns that come from the event.

use crate::event::Severity;
use crate::setup::diagnostic::nearest;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, operators as op};
use cel::parser::Expression;
use regex::{Regex, RegexBuilder};
use std::ops::Range;

/// Longest condition, in bytes.
pub const MAX_SOURCE: usize = 4_096;
/// Deepest nesting of a condition: parsing, checking and evaluating call themselves.
const MAX_DEPTH: usize = 64;
/// Largest compiled pattern: `(a{100}){100}{100}` is short to write and huge to hold.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// Why a condition is refused, and where in its source (in bytes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub at: Range<usize>,
    pub message: String,
    pub help: Option<String>,
}

impl Problem {
    pub(crate) fn new(at: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        let help = help.into();
        Self { at, message: message.into(), help: if help.is_empty() { None } else { Some(help) } }
    }

    pub(super) fn one_line(&self, source: &str) -> String {
        let column = source.get(..self.at.start).unwrap_or_default().chars().count() + 1;
        let help = self.help.as_deref().map_or(String::new(), |help| format!("; {help}"));
        format!("column {column}: {}{help}", self.message)
    }
}

/// Whether a condition can be used.
pub fn check(source: &str) -> Result<(), Problem> {
    Condition::compile(source).map(|_| ())
}

#[derive(Debug)]
pub(super) struct Condition {
    pub expression: Expression,
    /// The patterns of its `matches`: `cel` itself would compile them again for every event.
    pub patterns: Vec<Regex>,
}

/// What `text.matches('pattern')` becomes: `@matches(text, @patterns[n])`. Nobody can write these names.
pub(super) const MATCHES: &str = "@matches";
pub(super) const PATTERNS: &str = "@patterns";

impl Condition {
    pub fn compile(source: &str) -> Result<Self, Problem> {
        let whole = 0..source.len();
        if source.trim().is_empty() {
            return Err(Problem::new(whole, "the condition is empty", "write for example `labels.severity == 'info'`"));
        }
        if source.len() > MAX_SOURCE {
            return Err(Problem::new(
                whole,
                format!("the condition is longer than {MAX_SOURCE} bytes"),
                "split it into several routes",
            ));
        }
        if let Some(at) = super::nesting::too_deep(source) {
            return Err(Problem::new(at..at + 1, "the condition nests too deep here", "split it into several routes"));
        }
        let program = cel::Program::compile(source).map_err(|errors| syntax(source, &errors))?;
        let mut checker = Checker { source, program: &program, patterns: Vec::new() };
        let scope = Scope { loops: 0, names: &[] };
        match checker.kind(program.expression(), &scope, 0)? {
            Kind::Bool | Kind::Any => {}
            other => {
                let help = "compare it, for example `labels.severity == 'info'`";
                return Err(Problem::new(whole, format!("a condition is true or false, this is {}", other.name()), help));
            }
        }
        let mut expression = program.expression().clone();
        rewrite(&mut expression, &checker.patterns);
        Ok(Self { expression, patterns: checker.patterns })
    }
}

/// The parser's first message in one short line, at its place.
pub(crate) fn syntax(source: &str, errors: &cel::ParseErrors) -> Problem {
    let Some(first) = errors.errors.first() else {
        return Problem::new(0..source.len(), "not an expression", "");
    };
    let line = usize::try_from(first.pos.0).unwrap_or(1).max(1);
    let column = usize::try_from(first.pos.1).unwrap_or(1).max(1);
    let before: usize = source.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = source.get(before..).unwrap_or_default();
    let start = before + rest.char_indices().nth(column - 1).map_or(rest.len(), |(at, _)| at);
    let marked = source.get(start..).unwrap_or_default();
    let word = marked.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(marked.len());
    let end = start + word.max(marked.chars().next().map_or(0, char::len_utf8));
    // The parser goes on with everything it would have expected; nobody reads that.
    let message = first.msg.split(" expecting ").next().unwrap_or_default();
    let message: String =
        message.trim_start_matches("Syntax error: ").chars().map(|c| if c.is_control() { ' ' } else { c }).take(160).collect();
    let help = match () {
        () if message.contains("'='") || rest.contains(" = ") => "write `==` to compare",
        () if source.contains(" and ") || source.contains(" or ") || source.contains(" not ") => "write `&&`, `||` and `!`",
        () => "a condition looks like `labels.app == 'web' && severity != 'info'`",
    };
    Problem::new(start..end, format!("not an expression: {message}"), help)
}

/// `has(labels.x)` becomes `'x' in labels`: selecting a label never fails, so `has` would always hold. And `matches`
/// takes its pattern from the compiled ones.
fn rewrite(expression: &mut Expression, patterns: &[Regex]) {
    if let Expr::Select(select) = &expression.expr
        && select.test
        && matches!(&select.operand.expr, Expr::Ident(name) if name == "labels")
    {
        let name = Expression { id: 0, expr: Expr::Literal(LiteralValue::String(select.field.clone().into())) };
        let labels = (*select.operand).clone();
        expression.expr = Expr::Call(CallExpr { func_name: op::IN.to_owned(), target: None, args: vec![name, labels] });
        return;
    }
    match &mut expression.expr {
        Expr::Call(call) => {
            call.target.iter_mut().map(|target| target.as_mut()).chain(&mut call.args).for_each(|part| rewrite(part, patterns));
            if call.func_name == "matches" {
                call.func_name = MATCHES.to_owned();
                let target = call.target.take().map(|target| *target);
                call.args.splice(0..0, target);
                if let Some(pattern) = call.args.last_mut() {
                    take_compiled(pattern, patterns);
                }
            }
        }
        Expr::Comprehension(c) => [&mut c.iter_range, &mut c.accu_init, &mut c.loop_cond, &mut c.loop_step, &mut c.result]
            .into_iter()
            .for_each(|part| rewrite(part, patterns)),
        Expr::List(list) => list.elements.iter_mut().for_each(|item| rewrite(item, patterns)),
        Expr::Map(map) => map.entries.iter_mut().for_each(|entry| match &mut entry.expr {
            EntryExpr::MapEntry(entry) => {
                rewrite(&mut entry.key, patterns);
                rewrite(&mut entry.value, patterns);
            }
            EntryExpr::StructField(field) => rewrite(&mut field.value, patterns),
        }),
        Expr::Select(select) => rewrite(&mut select.operand, patterns),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => {}
    }
}

/// A pattern's text becomes its place among the compiled ones.
fn take_compiled(pattern: &mut Expression, patterns: &[Regex]) {
    let Expr::Literal(LiteralValue::String(text)) = &pattern.expr else { return };
    let place = patterns.iter().position(|regex| regex.as_str() == text.inner());
    let Some(place) = place.and_then(|place| i64::try_from(place).ok()) else { return };
    let node = |expr| Expression { id: 0, expr };
    let args = vec![node(Expr::Ident(PATTERNS.to_owned())), node(Expr::Literal(LiteralValue::Int(place.into())))];
    pattern.expr = Expr::Call(CallExpr { func_name: op::INDEX.to_owned(), target: None, args });
}

/// What an expression makes, as far as its text tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bool,
    Text,
    Number,
    Null,
    List,
    Map,
    /// The labels themselves: only good for `.name`, `['name']`, `in`, `size` and loops.
    Labels,
    /// Known only when evaluated: a part of `details`.
    Any,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Null => "null",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Labels => "all labels",
            Self::Any => "anything",
        }
    }
    fn may_be(self, other: Self) -> bool {
        self == other || self == Self::Any || other == Self::Any
    }
}

const VARIABLES: [(&str, Kind); 8] = [
    ("labels", Kind::Labels),
    ("summary", Kind::Text),
    ("severity", Kind::Text),
    ("source", Kind::Text),
    ("service", Kind::Text),
    ("integration", Kind::Text),
    ("dedup_key", Kind::Text),
    ("details", Kind::Any),
];

const FUNCTIONS: [&str; 10] = ["size", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string", "has"];

/// Variables of loops around an expression.
struct Scope<'a> {
    loops: usize,
    names: &'a [(&'a str, Kind)],
}

struct Checker<'a> {
    source: &'a str,
    program: &'a cel::Program,
    patterns: Vec<Regex>,
}

type Checked = Result<Kind, Problem>;

impl Checker<'_> {
    fn at(&self, expression: &Expression) -> Range<usize> {
        let extent = self.extent(expression).filter(|at| self.source.get(at.clone()).is_some());
        extent.unwrap_or(0..self.source.len())
    }

    /// The parser notes the operator of an operation; people mean it with both of its sides.
    fn extent(&self, expression: &Expression) -> Option<Range<usize>> {
        let own = self.program.source_info().offset_for(expression.id).map(|(start, stop)| start as usize..stop as usize + 1);
        let parts: Vec<&Expression> = match &expression.expr {
            Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
            Expr::Select(select) => vec![&select.operand],
            Expr::Comprehension(loops) => vec![&loops.iter_range],
            _ => Vec::new(),
        };
        let extents = parts.into_iter().filter_map(|part| self.extent(part)).chain(own);
        let mut extent = extents.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))?;
        let behind = self.source.get(extent.end..).unwrap_or_default();
        extent.end += match &expression.expr {
            Expr::Select(select) if behind.starts_with(&select.field) => select.field.len(),
            Expr::Call(_) if behind.starts_with(')') => 1,
            _ => 0,
        };
        if let Expr::Call(call) = &expression.expr
            && self.source.get(..extent.start).is_some_and(|before| before.ends_with(&call.func_name))
        {
            extent.start -= call.func_name.len();
        }
        Some(extent)
    }

    fn fail<T>(&self, expression: &Expression, message: impl Into<String>, help: impl Into<String>) -> Result<T, Problem> {
        Err(Problem::new(self.at(expression), message, help))
    }

    fn kind(&mut self, expression: &Expression, scope: &Scope, depth: usize) -> Checked {
        if depth > MAX_DEPTH {
            return self.fail(expression, format!("nested deeper than {MAX_DEPTH} levels"), "split it into several routes");
        }
        match &expression.expr {
            Expr::Literal(literal) => Ok(match literal {
                LiteralValue::Boolean(_) => Kind::Bool,
                LiteralValue::String(_) => Kind::Text,
                LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_) => Kind::Number,
                LiteralValue::Null => Kind::Null,
                LiteralValue::Bytes(_) => {
                    return self.fail(expression, "bytes cannot be compared with anything here", "write a text: 'abc'");
                }
            }),
            Expr::Ident(name) => self.variable(expression, name, scope),
            Expr::Select(select) => self.select(expression, select, scope, depth),
            Expr::Call(call) => self.call(expression, call, scope, depth),
            Expr::Comprehension(comprehension) => self.comprehension(expression, comprehension, scope, depth),
            Expr::List(list) => {
                for item in &list.elements {
                    self.value(item, scope, depth)?;
                }
                Ok(Kind::List)
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.value(&entry.key, scope, depth)?;
                        self.value(&entry.value, scope, depth)?;
                    }
                }
                Ok(Kind::Map)
            }
            Expr::Struct(_) | Expr::Unspecified => self.fail(expression, "this cannot be used here", ""),
        }
    }

    /// Anything but all labels at once.
    fn value(&mut self, expression: &Expression, scope: &Scope, depth: usize) -> Checked {
        match self.kind(expression, scope, depth + 1)? {
            Kind::Labels => self.fail(expression, "these are all labels at once", "write `labels.NAME` or `labels['NAME']`"),
            kind => Ok(kind),
        }
    }

    fn expect(&mut self, expression: &Expression, wanted: Kind, scope: &Scope, depth: usize) -> Result<(), Problem> {
        let kind = self.value(expression, scope, depth)?;
        if kind.may_be(wanted) {
            return Ok(());
        }
        let help = match (kind, wanted) {
            (Kind::Text, Kind::Bool) => "compare it: `… == 'text'`",
            (Kind::Text, Kind::Number) => "write `int(…)` to read a number from a text",
            (Kind::Number, Kind::Text) => "put it in quotes",
            _ => "",
        };
        self.fail(expression, format!("this has to be {}, it is {}", wanted.name(), kind.name()), help)
    }

    fn variable(&self, expression: &Expression, name: &str, scope: &Scope) -> Checked {
        let looped = scope.names.iter().rev().find(|(known, _)| *known == name);
        if let Some((_, kind)) = looped.or_else(|| VARIABLES.iter().find(|(known, _)| *known == name)) {
            return Ok(*kind);
        }
        let known: Vec<&str> = VARIABLES.iter().map(|(name, _)| *name).collect();
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("write `{near}`; a label is written `labels.{name}`"),
            None => format!("a label is written `labels.{name}`, a text `'{name}'`; variables are: {}", known.join(", ")),
        };
        self.fail(expression, format!("the variable `{name}` does not exist"), help)
    }

    fn select(&mut self, expression: &Expression, select: &SelectExpr, scope: &Scope, depth: usize) -> Checked {
        match self.kind(&select.operand, scope, depth + 1)? {
            _ if select.test => Ok(Kind::Bool),
            Kind::Labels => Ok(Kind::Text),
            Kind::Any | Kind::Map => Ok(Kind::Any),
            kind => {
                let message = format!("`.{}` cannot be asked of {}", select.field, kind.name());
                self.fail(expression, message, "a label with dots is written `labels['a.b']`")
            }
        }
    }

    fn call(&mut self, expression: &Expression, call: &CallExpr, scope: &Scope, depth: usize) -> Checked {
        let args: Vec<&Expression> = call.target.as_deref().into_iter().chain(&call.args).collect();
        match (call.func_name.as_str(), args.as_slice()) {
            (op::LOGICAL_AND | op::LOGICAL_OR, [a, b]) => {
                self.expect(a, Kind::Bool, scope, depth)?;
                self.expect(b, Kind::Bool, scope, depth)?;
                Ok(Kind::Bool)
            }
            (op::LOGICAL_NOT, [a]) => self.expect(a, Kind::Bool, scope, depth).map(|()| Kind::Bool),
            (op::NOT_STRICTLY_FALSE, [a]) => self.value(a, scope, depth).map(|_| Kind::Bool),
            (op::EQUALS | op::NOT_EQUALS, [a, b]) => {
                let (left, right) = (self.value(a, scope, depth)?, self.value(b, scope, depth)?);
                self.comparable(expression, left, right)?;
                self.known_severity(a, b)?;
                self.known_severity(b, a)?;
                Ok(Kind::Bool)
            }
            (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [a, b]) => {
                let (left, right) = (self.value(a, scope, depth)?, self.value(b, scope, depth)?);
                self.comparable(expression, left, right)?;
                Ok(Kind::Bool)
            }
            (op::ADD, [a, b]) => {
                let (left, right) = (self.value(a, scope, depth)?, self.value(b, scope, depth)?);
                self.comparable(expression, left, right)?;
                Ok(if left == Kind::Any { right } else { left })
            }
            (op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO, [a, b]) => {
                self.expect(a, Kind::Number, scope, depth)?;
                self.expect(b, Kind::Number, scope, depth)?;
                Ok(Kind::Number)
            }
            (op::NEGATE, [a]) => self.expect(a, Kind::Number, scope, depth).map(|()| Kind::Number),
            (op::CONDITIONAL, [condition, a, b]) => {
                self.expect(condition, Kind::Bool, scope, depth)?;
                let (left, right) = (self.value(a, scope, depth)?, self.value(b, scope, depth)?);
                Ok(if left == right { left } else { Kind::Any })
            }
            (op::INDEX, [of, index]) => match self.kind(of, scope, depth + 1)? {
                Kind::Labels => self.expect(index, Kind::Text, scope, depth).map(|()| Kind::Text),
                Kind::Any | Kind::Map | Kind::List => self.value(index, scope, depth).map(|_| Kind::Any),
                kind => self.fail(expression, format!("`[…]` cannot be asked of {}", kind.name()), ""),
            },
            (op::IN, [item, of]) => self.is_in(item, of, scope, depth),
            ("size", [of]) => match self.kind(of, scope, depth + 1)? {
                Kind::Bool | Kind::Number | Kind::Null => self.fail(expression, "this has no size", ""),
                _ => Ok(Kind::Number),
            },
            ("contains" | "startsWith" | "endsWith", [of, part]) if call.target.is_some() => {
                self.expect(of, Kind::Text, scope, depth)?;
                self.expect(part, Kind::Text, scope, depth)?;
                Ok(Kind::Bool)
            }
            ("matches", [of, pattern]) => {
                self.expect(of, Kind::Text, scope, depth)?;
                self.pattern(pattern)?;
                Ok(Kind::Bool)
            }
            ("int" | "uint" | "double", [of]) if call.target.is_none() => self.value(of, scope, depth).map(|_| Kind::Number),
            ("string", [of]) if call.target.is_none() => self.value(of, scope, depth).map(|_| Kind::Text),
            (name, args) => {
                let help = match nearest(name, FUNCTIONS) {
                    Some(near) if near == name => format!("`{name}` is not used like this, with {} values", args.len()),
                    Some(near) => format!("write `{near}`"),
                    None => format!("functions are: {}", FUNCTIONS.join(", ")),
                };
                self.fail(expression, format!("the function `{name}` cannot be called here"), help)
            }
        }
    }

    /// Two kinds that are never equal: CEL would say "no" to each comparison, and a page would be lost in silence.
    fn comparable(&self, expression: &Expression, left: Kind, right: Kind) -> Result<(), Problem> {
        if left.may_be(right) {
            return Ok(());
        }
        let help = match (left, right) {
            (Kind::Text, Kind::Number) | (Kind::Number, Kind::Text) => {
                "put the number in quotes, or write `int(…)` around the text"
            }
            (Kind::Text, Kind::Bool) | (Kind::Bool, Kind::Text) => "labels are texts: write `'true'`",
            (_, Kind::Null) | (Kind::Null, _) => "a label that is missing is `''`; ask with `has(labels.NAME)`",
            _ => "",
        };
        self.fail(expression, format!("{} is never {}", left.name(), right.name()), help)
    }

    /// `severity == 'warn'` would never hold.
    fn known_severity(&self, of: &Expression, word: &Expression) -> Result<(), Problem> {
        let levels = [Severity::Critical, Severity::Error, Severity::Warning, Severity::Info].map(Severity::as_str);
        if let (Expr::Ident(name), Expr::Literal(LiteralValue::String(text))) = (&of.expr, &word.expr)
            && name == "severity"
            && !levels.contains(&text.inner())
        {
            let meant = Severity::parse_lenient(text.inner()).map(Severity::as_str).or_else(|| nearest(text.inner(), levels));
            let meant = meant.map_or(String::new(), |level| format!("write `'{level}'`; "));
            let help = format!("{meant}severities are: {}; what the sender wrote is in `labels.severity`", levels.join(", "));
            return self.fail(word, format!("the severity `{}` does not exist", text.inner()), help);
        }
        Ok(())
    }

    fn is_in(&mut self, item: &Expression, of: &Expression, scope: &Scope, depth: usize) -> Checked {
        let kind = self.value(item, scope, depth)?;
        if let Expr::List(list) = &of.expr {
            for element in &list.elements {
                let other = self.value(element, scope, depth + 1)?;
                self.comparable(element, kind, other)?;
                self.known_severity(item, element)?;
            }
            return Ok(Kind::Bool);
        }
        match self.kind(of, scope, depth + 1)? {
            Kind::Labels if !kind.may_be(Kind::Text) => self.fail(item, "the name of a label is a text", "put it in quotes"),
            Kind::Labels | Kind::List | Kind::Map | Kind::Any => Ok(Kind::Bool),
            Kind::Text => self.fail(of, "`in` does not look into a text", "write `text.contains('part')`"),
            other => self.fail(of, format!("`in` does not look into {}", other.name()), ""),
        }
    }

    fn pattern(&mut self, pattern: &Expression) -> Result<(), Problem> {
        let Expr::Literal(LiteralValue::String(text)) = &pattern.expr else {
            let help = "what a sender says is never used as a pattern; write it as a text in quotes";
            return self.fail(pattern, "a pattern has to be written here", help);
        };
        match RegexBuilder::new(text.inner()).size_limit(MAX_PATTERN_BYTES).build() {
            Ok(compiled) => {
                self.patterns.push(compiled);
                Ok(())
            }
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                self.fail(pattern, format!("not a regular expression (RE2): {reason}"), "")
            }
        }
    }

    fn comprehension(&mut self, expression: &Expression, c: &ComprehensionExpr, scope: &Scope, depth: usize) -> Checked {
        if scope.loops > 0 {
            return self.fail(
                expression,
                "a loop inside of a loop",
                "one level of `all`, `exists`, `exists_one`, `map` or `filter` is allowed",
            );
        }
        if VARIABLES.iter().any(|(name, _)| *name == c.iter_var) {
            return self.fail(
                expression,
                format!("the loop hides the variable `{}`", c.iter_var),
                "give its variable another name",
            );
        }
        let item = match self.kind(&c.iter_range, scope, depth + 1)? {
            Kind::Labels => Kind::Text,
            Kind::List | Kind::Map | Kind::Any => Kind::Any,
            kind => return self.fail(&c.iter_range, format!("{} cannot be looped over", kind.name()), ""),
        };
        let result = self.value(&c.accu_init, scope, depth)?;
        let names = [(c.iter_var.as_str(), item), (c.accu_var.as_str(), result)];
        let inner = Scope { loops: 1, names: &names };
        self.value(&c.loop_cond, &inner, depth)?;
        self.value(&c.loop_step, &inner, depth)?;
        self.value(&c.result, &inner, depth)
    }
}
