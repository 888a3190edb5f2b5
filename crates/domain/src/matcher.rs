//! Label matchers with Alertmanager's meaning: a missing label is the empty string, regular
//! expressions are anchored.

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

/// Longest name or value, in bytes: real ones are names and short patterns, a longer one is an accident.
pub const MAX_MATCHER_BYTES: usize = 4_096;

/// Bound of a compiled pattern: `(a{100}){100}{100}` is short to write and huge to hold.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// A condition on one label. Two are equal when their text is.
#[derive(Clone)]
pub struct Matcher {
    pub name: String,
    pub op: MatchOp,
    pub value: String,
    /// `value` compiled, for the two operators that need it.
    regex: Option<Arc<Regex>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchOp {
    Equal,
    NotEqual,
    Regex,
    NotRegex,
}

impl MatchOp {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

impl Matcher {
    /// Refuses an empty name, what is too long, and a pattern that is no regular expression.
    pub fn new(name: impl Into<String>, op: MatchOp, value: impl Into<String>) -> Result<Self, String> {
        let (name, value) = (name.into(), value.into());
        if name.is_empty() {
            return Err("a matcher needs the name of a label".to_owned());
        }
        if name.len().max(value.len()) > MAX_MATCHER_BYTES {
            return Err(format!("a matcher's name and value may have {MAX_MATCHER_BYTES} bytes each"));
        }
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(Arc::new(anchored(&value)?)),
        };
        Ok(Self { name, op, value, regex })
    }

    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.accepts(labels.get(&self.name).map_or("", String::as_str))
    }

    /// Whether it matches where the label is missing. Alertmanager refuses a silence all of whose matchers do.
    pub fn matches_empty(&self) -> bool {
        self.accepts("")
    }

    fn accepts(&self, value: &str) -> bool {
        let found = || self.regex.as_ref().is_some_and(|regex| regex.is_match(value));
        match self.op {
            MatchOp::Equal => self.value == value,
            MatchOp::NotEqual => self.value != value,
            MatchOp::Regex => found(),
            MatchOp::NotRegex => !found(),
        }
    }
}

fn anchored(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(MAX_REGEX_BYTES).build().map_err(|error| {
        // The library draws a picture of several lines; only its last line says what is wrong.
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("`{pattern}` is not a regular expression (RE2): {reason}")
    })
}

/// Alertmanager's text form: `name=value`, `!=`, `=~`, `!~`; both sides may be in double quotes, and
/// spaces around them do not count. A backslash escapes only `\`, `"` and `n`; before anything else it
/// stands for itself, so that `\d+` needs no doubling (Alertmanager's "classic" parser, which also wins
/// there when its two parsers disagree).
impl FromStr for Matcher {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hint = || format!("`{text}` is not a matcher; write for example name=\"value\", name!=\"value\" or name=~\"a|b\"");
        let text_left = text.trim();
        let (name, rest) = if let Some(quoted) = text_left.strip_prefix('"') {
            let (name, rest) = unquote(quoted).ok_or_else(hint)?;
            (name, rest.trim_start())
        } else {
            let end = text_left.find(['=', '!']).ok_or_else(hint)?;
            let name = text_left[..end].trim_end();
            if name.contains(|c: char| c.is_whitespace() || "{}~,\\\"'`".contains(c)) {
                return Err(hint());
            }
            (name.to_owned(), &text_left[end..])
        };
        // The longer operators first: `=~` also begins with `=`.
        let operators = [MatchOp::Regex, MatchOp::NotRegex, MatchOp::NotEqual, MatchOp::Equal];
        let read = |op: &MatchOp| rest.strip_prefix(op.as_str()).map(|rest| (*op, rest.trim_start()));
        let (op, rest) = operators.iter().find_map(read).ok_or_else(hint)?;
        let value = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted).filter(|(_, rest)| rest.is_empty()).ok_or_else(hint)?.0,
            None if has_bare_quote(rest) => return Err(hint()),
            None => unescape(rest),
        };
        if name.is_empty() {
            return Err(hint());
        }
        Self::new(name, op, value)
    }
}

/// What stands before the closing quote, and what is left behind it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut escaped = false;
    for (i, c) in text.char_indices() {
        match c {
            '"' if !escaped => return Some((unescape(&text[..i]), &text[i + 1..])),
            _ => escaped = c == '\\' && !escaped,
        }
    }
    None
}

fn has_bare_quote(text: &str) -> bool {
    let mut escaped = false;
    text.chars().any(|c| {
        let bare = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        bare
    })
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => plain.push('\n'),
            Some(c @ ('"' | '\\')) => plain.push(c),
            Some(other) => plain.extend(['\\', other]),
            None => plain.push('\\'),
        }
    }
    plain
}

fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// The inverse of [`Matcher::from_str`].
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        if self.name.chars().all(plain) {
            f.write_str(&self.name)?
        } else {
            quote(f, &self.name)?
        }
        f.write_str(self.op.as_str())?;
        quote(f, &self.value)
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Matcher({self})")
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

impl Hash for Matcher {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.name, self.op, &self.value).hash(state);
    }
}

impl Serialize for Matcher {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn matching() {
        let here = labels(&[("app", "mobile-admin"), ("lines", "a\nb"), ("", "odd")]);
        for (matcher, expect) in [
            ("app=mobile-admin", true),
            ("app=mobile", false),
            ("app!=mobile", true),
            ("app=~mobile", false), // anchored
            ("app=~mobile-.*", true),
            ("app=~api|mobile-admin", true), // the group keeps the alternatives inside the anchors
            ("app=~mobile-admin|api", true),
            ("app=~admin|mobile", false),
            ("app!~mobile.*", false),
            ("app!~api", true),
            ("gone=", true), // absent is empty
            ("gone=\"\"", true),
            ("gone!=x", true),
            ("gone=x", false),
            ("gone=~.*", true),
            ("gone=~.+", false),
            ("gone!~.+", true),
            ("lines=~a.b", false), // RE2: a dot is no newline
            ("lines=~(?s)a.b", true),
            ("app=~(?i)MOBILE-ADMIN", true),
        ] {
            let read: Matcher = matcher.parse().unwrap();
            assert_eq!(read.matches(&here), expect, "{matcher}");
        }
    }

    #[test]
    fn matching_nothing() {
        for (matcher, expect) in [("a=", true), ("a=b", false), ("a!=b", true), ("a=~b*", true), ("a=~b+", false), ("a!~b", true)]
        {
            assert_eq!(matcher.parse::<Matcher>().unwrap().matches_empty(), expect, "{matcher}");
        }
    }

    #[test]
    fn reading() {
        use MatchOp::*;
        for (text, name, op, value) in [
            ("foo=bar", "foo", Equal, "bar"),
            ("foo!=bar", "foo", NotEqual, "bar"),
            ("foo=~bar", "foo", Regex, "bar"),
            ("foo!~bar", "foo", NotRegex, "bar"),
            (" foo = bar ", "foo", Equal, "bar"),
            ("foo=", "foo", Equal, ""),
            ("foo=\"\"", "foo", Equal, ""),
            ("\"foo\"=\"bar\"", "foo", Equal, "bar"),
            (" \"foo\" != \"bar\" ", "foo", NotEqual, "bar"),
            ("foo=\" bar \"", "foo", Equal, " bar "),
            ("foo=bar baz", "foo", Equal, "bar baz"),
            ("foo=a=b", "foo", Equal, "a=b"),
            ("foo=a,b", "foo", Equal, "a,b"),
            ("foo=~a{2}|[^!~]", "foo", Regex, "a{2}|[^!~]"),
            (r#"foo="a\"b\\c\nd""#, "foo", Equal, "a\"b\\c\nd"),
            (r#"foo=~"\d+\.\\""#, "foo", Regex, r"\d+\.\"), // unknown escapes stay
            (r"foo=~\d+", "foo", Regex, r"\d+"),
            (r#"foo=a\"b"#, "foo", Equal, "a\"b"),
            (r"foo=a\", "foo", Equal, r"a\"),
            ("Σ=ä🙂", "Σ", Equal, "ä🙂"),
            ("\"with space=\"=x", "with space=", Equal, "x"),
            ("a.b-c=x", "a.b-c", Equal, "x"),
            ("foo=~\"\"", "foo", Regex, ""),
        ] {
            // The last backslash of an unfinished pattern would be no regular expression; skip compiling it.
            let read = text.parse::<Matcher>();
            if value.ends_with(r".\") {
                assert!(read.unwrap_err().contains("regular expression"), "{text}");
                continue;
            }
            let read = read.unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((read.name.as_str(), read.op, read.value.as_str()), (name, op, value), "{text}");
        }
    }

    #[test]
    fn refusing() {
        for (text, reason) in [
            ("", "not a matcher"),
            ("foo", "not a matcher"),
            ("=bar", "not a matcher"),
            ("\"\"=bar", "not a matcher"),
            ("foo~bar", "not a matcher"),
            ("foo!bar", "not a matcher"),
            ("foo bar=x", "not a matcher"),
            ("{foo=\"x\"}", "not a matcher"),
            ("foo=\"bar", "not a matcher"),
            ("foo=bar\"", "not a matcher"),
            ("foo=\"bar\"x", "not a matcher"),
            ("\"foo=bar", "not a matcher"),
            ("foo=~(", "not a regular expression (RE2): unclosed group"),
            ("foo=~(?=x)", "not a regular expression"),
            ("foo=~((a{100}){100}){100}", "not a regular expression"),
        ] {
            let error = text.parse::<Matcher>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
        assert!(Matcher::new("a", MatchOp::Equal, "x".repeat(MAX_MATCHER_BYTES + 1)).is_err());
    }

    proptest! {
        #[test]
        fn text_reads_back(name in ".{1,12}", value in "(?s).{0,12}", negated in any::<bool>()) {
            let op = if negated { MatchOp::NotEqual } else { MatchOp::Equal };
            let matcher = Matcher::new(name, op, value).unwrap();
            prop_assert_eq!(matcher.to_string().parse::<Matcher>(), Ok(matcher.clone()));
            let json = serde_json::to_string(&matcher).unwrap();
            prop_assert_eq!(serde_json::from_str::<Matcher>(&json).unwrap(), matcher);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(?s).{0,40}") {
            if let Ok(matcher) = text.parse::<Matcher>() {
                prop_assert_eq!(matcher.to_string().parse::<Matcher>(), Ok(matcher));
            }
        }
    }
}
