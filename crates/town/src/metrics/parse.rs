//! PromQL, as far as shipped queries need it.

use regex::Regex;
use std::time::Duration;

/// Deeper expressions are refused; so are longer queries.
const MAX_DEPTH: usize = 32;
const MAX_BYTES: usize = 8 * 1024;

#[derive(Debug)]
pub(super) enum Expr {
    Number(f64),
    Selector {
        name: Option<String>,
        matchers: Vec<Matcher>,
        range: Option<Duration>,
        offset: Duration,
    },
    /// `expression[range:step]`
    Subquery {
        inner: Box<Expr>,
        range: Duration,
        step: Option<Duration>,
    },
    Call {
        name: &'static str,
        args: Vec<Expr>,
    },
    Aggregate {
        op: &'static str,
        by: Vec<String>,
        without: bool,
        parameter: Option<Box<Expr>>,
        inner: Box<Expr>,
    },
    Binary {
        op: &'static str,
        is_bool: bool,
        on: Option<(Vec<String>, bool)>,
        left: Box<Expr>,
        right: Box<Expr>,
    },
}

#[derive(Debug)]
pub(super) struct Matcher {
    pub(super) label: String,
    is_negated: bool,
    wanted: Wanted,
}

#[derive(Debug)]
enum Wanted {
    Text(String),
    Pattern(Regex),
}

impl Matcher {
    /// A missing label is an empty one.
    pub(super) fn takes(&self, value: &str) -> bool {
        let matches = match &self.wanted {
            Wanted::Text(text) => text == value,
            Wanted::Pattern(pattern) => pattern.is_match(value),
        };
        matches != self.is_negated
    }

    fn new(label: &str, op: &str, value: &str) -> Result<Self, String> {
        let wanted = match op {
            "=" | "!=" => Wanted::Text(value.to_owned()),
            // Prometheus anchors both ends.
            _ => Wanted::Pattern(Regex::new(&format!("^(?s:{value})$")).map_err(|error| error.to_string())?),
        };
        Ok(Self { label: label.to_owned(), is_negated: op.starts_with('!'), wanted })
    }
}

pub(super) const AGGREGATIONS: [&str; 7] = ["sum", "avg", "min", "max", "count", "topk", "bottomk"];
const FUNCTIONS: [&str; 15] = [
    "rate",
    "increase",
    "irate",
    "avg_over_time",
    "min_over_time",
    "max_over_time",
    "sum_over_time",
    "count_over_time",
    "quantile_over_time",
    "clamp_min",
    "clamp_max",
    "abs",
    "vector",
    "absent",
    "scalar",
];
const COMPARISONS: [&str; 6] = ["==", "!=", ">=", "<=", ">", "<"];

/// Operators by how tightly they bind, loosest first.
const LEVELS: [&[&str]; 5] = [&["or"], &["and", "unless"], &COMPARISONS, &["+", "-"], &["*", "/", "%"]];

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Number(f64),
    Duration(Duration),
    Mark(&'static str),
    End,
}

/// The error is Prometheus' own text, position included.
pub(super) fn parse(text: &str) -> Result<Expr, String> {
    if text.len() > MAX_BYTES {
        return Err(format!("1:1: parse error: query is longer than {MAX_BYTES} bytes"));
    }
    let mut parser = Parser { tokens: lex(text)?, at: 0 };
    if parser.peek() == &Token::End {
        return Err("unknown position: parse error: no expression found in input".to_owned());
    }
    let expr = parser.expression(0, 0)?;
    match parser.peek() {
        Token::End => Ok(expr),
        _ => Err(parser.unexpected("")),
    }
}

/// `5m`, `1h30m`, `100ms`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (mut rest, mut total) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let (count, tail) = rest.split_at(digits);
        let letters = tail.len() - tail.trim_start_matches(|letter: char| letter.is_ascii_alphabetic()).len();
        let (unit, tail) = tail.split_at(letters);
        let ms: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return None,
        };
        total += Duration::from_millis(count.parse::<u64>().ok()?.checked_mul(ms)?);
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

fn lex(text: &str) -> Result<Vec<(usize, Token)>, String> {
    const MARKS: [&str; 23] =
        ["=~", "!~", "==", "!=", ">=", "<=", "=", ">", "<", "(", ")", "{", "}", "[", "]", ",", ":", "+", "-", "*", "/", "%", "@"];
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    let (mut tokens, mut at) = (Vec::new(), 0);
    let mut in_brackets = false;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = |accept: &dyn Fn(char) -> bool| rest.len() - rest.trim_start_matches(accept).len();
        let (token, taken) = if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        } else if first == '"' || first == '\'' {
            quoted(rest, first).ok_or_else(|| format!("1:{}: parse error: unterminated quoted string", at + 1))?
        } else if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|next: char| next.is_ascii_digit())) {
            let taken = length(&|letter| letter.is_ascii_alphanumeric() || letter == '.');
            let word = &rest[..taken];
            let token = duration(word).map(Token::Duration).or_else(|| word.parse().ok().map(Token::Number));
            (token.ok_or_else(|| format!("1:{}: parse error: bad number or duration syntax: {word:?}", at + 1))?, taken)
        } else if is_word(first) && !(first == ':' && in_brackets) {
            let taken = length(&|letter| is_word(letter));
            (Token::Word(rest[..taken].to_owned()), taken)
        } else {
            let mark = MARKS.iter().find(|mark| rest.starts_with(**mark));
            let mark = mark.ok_or_else(|| format!("1:{}: parse error: unexpected character: {first:?}", at + 1))?;
            in_brackets = *mark == "[" || (in_brackets && *mark != "]");
            (Token::Mark(mark), mark.len())
        };
        tokens.push((at + 1, token));
        at += taken;
    }
    tokens.push((text.len() + 1, Token::End));
    Ok(tokens)
}

fn quoted(text: &str, quote: char) -> Option<(Token, usize)> {
    let (mut value, mut escaped) = (String::new(), false);
    for (index, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => {
                value.push(match letter {
                    'n' => '\n',
                    't' => '\t',
                    other => other,
                });
                escaped = false;
            }
            '\\' => escaped = true,
            _ if letter == quote => return Some((Token::Text(value), index + 1)),
            other => value.push(other),
        }
    }
    None
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.at].1
    }

    fn next(&mut self) -> Token {
        let token = self.tokens[self.at].1.clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn unexpected(&self, context: &str) -> String {
        let (at, token) = &self.tokens[self.at];
        let shown = match token {
            Token::End => "end of input".to_owned(),
            Token::Word(word) => format!("identifier \"{word}\""),
            Token::Text(text) => format!("string {text:?}"),
            Token::Number(number) => format!("number \"{number}\""),
            Token::Duration(_) => "duration".to_owned(),
            Token::Mark(mark) => format!("\"{mark}\""),
        };
        format!("1:{at}: parse error: unexpected {shown}{context}")
    }

    fn takes(&mut self, mark: &str) -> bool {
        let found = matches!(self.peek(), Token::Mark(found) if *found == mark);
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, mark: &str, context: &str) -> Result<(), String> {
        if self.takes(mark) { Ok(()) } else { Err(self.unexpected(context)) }
    }

    fn expression(&mut self, level: usize, depth: usize) -> Result<Expr, String> {
        if depth > MAX_DEPTH {
            return Err(format!("1:{}: parse error: expression is nested too deeply", self.tokens[self.at].0));
        }
        let Some(ops) = LEVELS.get(level) else { return self.unary(depth) };
        let mut left = self.expression(level + 1, depth)?;
        loop {
            let found = ops.iter().find(|op| match self.peek() {
                Token::Mark(mark) => mark == *op,
                Token::Word(word) => word == *op,
                _ => false,
            });
            let Some(op) = found else { return Ok(left) };
            self.next();
            let is_bool = COMPARISONS.contains(op) && *self.peek() == Token::Word("bool".to_owned());
            if is_bool {
                self.next();
            }
            let on = match self.peek() {
                Token::Word(word) if word == "on" || word == "ignoring" => {
                    let is_on = word == "on";
                    self.next();
                    Some((self.labels()?, is_on))
                }
                _ => None,
            };
            let right = self.expression(level + 1, depth + 1)?;
            left = Expr::Binary { op, is_bool, on, left: Box::new(left), right: Box::new(right) };
        }
    }

    fn unary(&mut self, depth: usize) -> Result<Expr, String> {
        if self.takes("-") {
            let inner = self.unary(depth + 1)?;
            return Ok(Expr::Binary {
                op: "*",
                is_bool: false,
                on: None,
                left: Box::new(Expr::Number(-1.0)),
                right: Box::new(inner),
            });
        }
        if depth > MAX_DEPTH {
            return Err(format!("1:{}: parse error: expression is nested too deeply", self.tokens[self.at].0));
        }
        let expr = match self.peek().clone() {
            Token::Number(number) => {
                self.next();
                Expr::Number(number)
            }
            Token::Mark("(") => {
                self.next();
                let inner = self.expression(0, depth + 1)?;
                self.expect(")", " in paren expression")?;
                inner
            }
            Token::Mark("{") => self.selector(None)?,
            Token::Word(word) => self.word(&word, depth)?,
            _ => return Err(self.unexpected("")),
        };
        self.ranged(expr)
    }

    fn word(&mut self, word: &str, depth: usize) -> Result<Expr, String> {
        let at = self.tokens[self.at].0;
        self.next();
        if let Some(op) = AGGREGATIONS.iter().find(|op| **op == word) {
            return self.aggregate(op, depth);
        }
        if matches!(self.peek(), Token::Mark("(")) {
            let Some(name) = FUNCTIONS.iter().find(|name| **name == word) else {
                return Err(format!("1:{at}: parse error: unknown function with name \"{word}\""));
            };
            return Ok(Expr::Call { name, args: self.arguments(depth)? });
        }
        self.selector(Some(word.to_owned()))
    }

    fn arguments(&mut self, depth: usize) -> Result<Vec<Expr>, String> {
        self.expect("(", "")?;
        let mut args = Vec::new();
        while !self.takes(")") {
            if !args.is_empty() {
                self.expect(",", " in function call")?;
            }
            args.push(self.expression(0, depth + 1)?);
        }
        Ok(args)
    }

    fn labels(&mut self) -> Result<Vec<String>, String> {
        self.expect("(", " in grouping opts")?;
        let mut labels = Vec::new();
        while !self.takes(")") {
            if !labels.is_empty() {
                self.expect(",", " in grouping opts")?;
            }
            let Token::Word(label) = self.peek().clone() else {
                return Err(self.unexpected(" in grouping opts, expected label"));
            };
            self.next();
            labels.push(label);
        }
        Ok(labels)
    }

    fn aggregate(&mut self, op: &'static str, depth: usize) -> Result<Expr, String> {
        let mut grouping = self.grouping()?;
        let mut args = self.arguments(depth)?;
        if let Some(after) = self.grouping()? {
            grouping = Some(after);
        }
        let takes_parameter = op == "topk" || op == "bottomk";
        let inner = args.pop().filter(|_| args.len() == usize::from(takes_parameter));
        let inner = inner.ok_or_else(|| {
            format!(
                "1:1: parse error: wrong number of arguments for aggregate expression provided, expected {}",
                1 + usize::from(takes_parameter)
            )
        })?;
        let (by, without) = grouping.unwrap_or_default();
        Ok(Expr::Aggregate { op, by, without, parameter: args.pop().map(Box::new), inner: Box::new(inner) })
    }

    fn grouping(&mut self) -> Result<Option<(Vec<String>, bool)>, String> {
        let without = match self.peek() {
            Token::Word(word) if word == "by" => false,
            Token::Word(word) if word == "without" => true,
            _ => return Ok(None),
        };
        self.next();
        Ok(Some((self.labels()?, without)))
    }

    fn selector(&mut self, name: Option<String>) -> Result<Expr, String> {
        let mut matchers = Vec::new();
        if self.takes("{") {
            while !self.takes("}") {
                if !matchers.is_empty() {
                    self.expect(",", " in label matching, expected \",\" or \"}\"")?;
                    if self.takes("}") {
                        break;
                    }
                }
                let Token::Word(label) = self.peek().clone() else {
                    return Err(self.unexpected(" in label matching, expected label name"));
                };
                self.next();
                let Token::Mark(op @ ("=" | "!=" | "=~" | "!~")) = *self.peek() else {
                    return Err(self.unexpected(" in label matching, expected label matching operator"));
                };
                self.next();
                let Token::Text(value) = self.peek().clone() else {
                    return Err(self.unexpected(" in label matching, expected string"));
                };
                let at = self.tokens[self.at].0;
                self.next();
                matchers.push(Matcher::new(&label, op, &value).map_err(|error| format!("1:{at}: parse error: {error}"))?);
            }
        }
        if name.is_none() && matchers.iter().all(|matcher| matcher.takes("")) {
            return Err("1:1: parse error: vector selector must contain at least one non-empty matcher".to_owned());
        }
        Ok(Expr::Selector { name, matchers, range: None, offset: Duration::ZERO })
    }

    /// `[5m]`, `[15m:1m]` and `offset 5m` behind an expression.
    fn ranged(&mut self, mut expr: Expr) -> Result<Expr, String> {
        if self.takes("[") {
            let range = self.duration()?;
            expr = if self.takes(":") {
                let step = if matches!(self.peek(), Token::Duration(_)) { Some(self.duration()?) } else { None };
                Expr::Subquery { inner: Box::new(expr), range, step }
            } else {
                match expr {
                    Expr::Selector { name, matchers, offset, range: None } => {
                        Expr::Selector { name, matchers, offset, range: Some(range) }
                    }
                    _ => {
                        return Err(format!(
                            "1:{}: parse error: ranges only allowed for vector selectors",
                            self.tokens[self.at].0
                        ));
                    }
                }
            };
            self.expect("]", " in range")?;
        }
        if *self.peek() == Token::Word("offset".to_owned()) {
            self.next();
            let by = self.duration()?;
            match &mut expr {
                Expr::Selector { offset, .. } => *offset = by,
                _ => return Err(self.unexpected(": offset modifier must be preceded by a selector")),
            }
        }
        Ok(expr)
    }

    fn duration(&mut self) -> Result<Duration, String> {
        match self.peek().clone() {
            Token::Duration(duration) if !duration.is_zero() => {
                self.next();
                Ok(duration)
            }
            _ => Err(self.unexpected(", expected duration")),
        }
    }
}
