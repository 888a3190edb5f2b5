//! Values of the files: slugs, addresses, times, secrets.

use super::reader::{Field, Fields, Reader};
use super::yaml::Value;
use crate::schedule::wall::first_instant;
use crate::setup::Zone;
use crate::setup::diagnostic::nearest;
use crate::time::{length_text, parse_length};
use jiff::civil::{DateTime, Time};
use jiff::{SignedDuration, Timestamp};

/// Longest id, in characters.
const MAX_SLUG: usize = 64;
/// Longest name, reason or file name, in characters.
const MAX_TEXT: usize = 1_000;
/// RFC 5321's longest path, less its brackets.
const MAX_EMAIL: usize = 254;
/// What servers and proxies in common accept.
const MAX_URL: usize = 2_048;
/// Longest secret or integration key, in bytes.
const MAX_SECRET: usize = 1_000;
/// Years that schedules are computed for; outside of them is a typing mistake.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=2199;

impl Reader<'_> {
    /// The object's own id.
    pub fn id(&mut self, fields: &Fields) -> String {
        self.id_named(fields, "id")
    }

    /// The same behind another key.
    pub fn id_named(&mut self, fields: &Fields, key: &str) -> String {
        let Some((text, field)) = self.scalar(fields.get(key)) else { return String::new() };
        if let Err(mended) = slug(text) {
            let rule = "an id has lower-case letters, digits, `.`, `_` and `-`, at most 64, and begins with a letter or digit";
            let help = if mended.is_empty() { rule.to_owned() } else { format!("write `{mended}`; {rule}") };
            self.bad(field, format!("`{text}` is no id")).help = Some(help);
        }
        text.to_owned()
    }

    /// One line of text.
    pub fn text(&mut self, field: Option<Field>) -> String {
        self.parse(field, one_line).unwrap_or_default()
    }

    pub fn length(&mut self, field: Option<Field>, least: SignedDuration, most: SignedDuration) -> Option<SignedDuration> {
        self.parse(field, |text| {
            let length = parse_length(text)?;
            if length < least || length > most {
                return Err(format!("`{text}` is not between {} and {}", length_text(least), length_text(most)));
            }
            Ok(length)
        })
    }

    pub fn zone(&mut self, field: Option<Field>) -> Option<Zone> {
        let (text, field) = self.scalar(field)?;
        match Zone::get(text) {
            // jiff's name for "no idea which", not an IANA zone.
            Ok(zone) if zone.name() != "Etc/Unknown" => Some(zone),
            _ => {
                let names = Zone::names();
                let known = nearest(text, names.iter().map(String::as_str))
                    .or_else(|| names.iter().map(String::as_str).find(|name| name.rsplit('/').next() == Some(text)));
                let help = match known {
                    Some(known) => format!("write `{known}`"),
                    None => "write an IANA name such as `Europe/Berlin`, `America/Chicago` or `UTC`".to_owned(),
                };
                self.error("bad_value", field.node.span, format!("`{text}` is not a time zone")).help = Some(help);
                None
            }
        }
    }

    pub fn boolean(&mut self, field: Option<Field>) -> bool {
        let Some((text, field)) = self.scalar(field) else { return false };
        match text {
            "true" | "True" | "TRUE" => true,
            "false" | "False" | "FALSE" => false,
            _ => {
                let name = field.key.name;
                self.bad(field, format!("`{text}` is neither true nor false")).help = Some(format!("write `{name}: true`"));
                false
            }
        }
    }

    pub fn count(&mut self, field: Option<Field>, least: i64, most: i64) -> i64 {
        self.parse(field, |text| match text.parse::<i64>() {
            Ok(n) if (least..=most).contains(&n) => Ok(n),
            _ => Err(format!("`{text}` is not a whole number from {least} to {most}")),
        })
        .unwrap_or(least)
    }

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, field: Option<Field>, words: &[(&str, T)]) -> Option<T> {
        let (text, field) = self.scalar(field)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let known = || words.iter().map(|(word, _)| *word);
        let all = super::reader::list(known());
        let help = nearest(text, known())
            .map_or_else(|| format!("it is one of {all}"), |near| format!("write `{near}`; it is one of {all}"));
        self.bad(field, format!("`{text}` is not known as `{}`", field.key.name)).help = Some(help);
        None
    }

    pub fn clock(&mut self, field: Option<Field>) -> Option<Time> {
        self.parse(field, clock)
    }

    /// A local time without offset.
    pub fn local_time(&mut self, field: Option<Field>) -> Option<DateTime> {
        self.parse(field, |text| match date_time(text)? {
            (at, None) => Ok(at),
            (at, Some(_)) => Err(format!("`{text}` has an offset; write the local time, `{}`", at.strftime("%Y-%m-%dT%H:%M"))),
        })
    }

    /// An instant: with offset, or local in `zone`.
    pub fn instant(&mut self, field: Option<Field>, zone: &Zone) -> Option<Timestamp> {
        self.parse(field, |text| match date_time(text)? {
            (at, None) => Ok(first_instant(zone.tz(), at)),
            (_, Some(instant)) => Ok(instant),
        })
    }

    pub fn email(&mut self, field: Option<Field>) -> Option<String> {
        let text = self.given(field)?;
        self.parse_given(field, &text, email)
    }

    pub fn url(&mut self, field: Option<Field>) -> Option<String> {
        let text = self.given(field)?;
        self.parse_given(field, &text, url)
    }

    /// A secret from `NAME`, which may be `${ENV}`, or from the file that `NAME_file` names.
    pub fn secret(&mut self, fields: &Fields, name: &str, file_key: &str) -> Option<(String, super::Span)> {
        if fields.has(name) && fields.has(file_key) {
            let span = fields.key_span(file_key);
            self.error("bad_value", span, format!("`{name}` and `{file_key}` are both here")).help =
                Some("keep one of them".to_owned());
        }
        let (field, text) = if let Some(field) = fields.get(name) {
            (field, self.given(Some(field))?)
        } else {
            let field = fields.get(file_key)?;
            let path = self.text(Some(field));
            if path.is_empty() {
                return None;
            }
            let relative_to = self.files.get(field.node.span.file).map_or("", |file| file.name.as_str());
            match self.outside.read(&path, relative_to) {
                Ok(text) => (field, text.trim().to_owned()),
                Err(reason) => {
                    self.error("outside", field.node.span, format!("`{path}` cannot be read: {reason}"));
                    return None;
                }
            }
        };
        self.one_line_secret(field, text).map(|text| (text, field.node.span))
    }

    /// A secret that has no file of its own beside; it may be `${ENV}`.
    pub fn plain_secret(&mut self, field: Option<Field>) -> Option<String> {
        let text = self.given(field)?;
        self.one_line_secret(field?, text)
    }

    fn one_line_secret(&mut self, field: Field, text: String) -> Option<String> {
        if text.is_empty() || text.len() > MAX_SECRET || text.contains(char::is_control) {
            let name = field.key.name;
            self.error("bad_value", field.node.span, format!("`{name}` has to be one line of 1 to {MAX_SECRET} bytes"));
            return None;
        }
        Some(text)
    }

    /// The text of a scalar; `${NAME}` as the whole value is looked up outside. `$${NAME}` stands for `${NAME}` itself.
    fn given(&mut self, field: Option<Field>) -> Option<String> {
        let (text, field) = self.scalar(field)?;
        if !is_reference(text) {
            return Some(text.to_owned());
        }
        if let Some(escaped) = text.strip_prefix('$').filter(|rest| rest.starts_with('$')) {
            return Some(escaped.to_owned());
        }
        let name = &text[2..text.len() - 1];
        let found = self.outside.env(name);
        if found.is_none() {
            self.error("outside", field.node.span, format!("the environment variable `{name}` is not set")).help =
                Some(format!("set `{name}` where firedog runs, or write the value here"));
        }
        found
    }

    /// Like [`Self::parse`] for a text that may come from outside and therefore is not repeated in the message.
    fn parse_given<T>(&mut self, field: Option<Field>, text: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let field = field?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(_) if field.node.scalar() != Some(text) => {
                let written = field.node.scalar().unwrap_or_default();
                self.bad(field, format!("what `{written}` stands for is no `{}`", field.key.name));
                None
            }
            Err(message) => {
                self.bad(field, message);
                None
            }
        }
    }

    /// Names with texts, in the order of the file.
    pub fn texts(&mut self, field: Option<Field>) -> Vec<(String, String)> {
        let Some(field) = field else { return Vec::new() };
        let Value::Map(entries) = &field.node.value else {
            self.wrong_type(field, "a mapping (`key: value`)");
            return Vec::new();
        };
        let mut texts: Vec<(String, String)> = Vec::new();
        for (key, node) in entries {
            if texts.iter().any(|(name, _)| *name == key.text) {
                self.error("duplicate", key.span, format!("`{}` stands here twice", key.text)).help =
                    Some("remove one of them".to_owned());
            }
            let text = match &node.value {
                // `alertname: ` with nothing behind it would match what has no such label.
                Value::Null => {
                    self.error("wrong_type", node.span, format!("`{}` has no value", key.text)).help =
                        Some("write the value, or \"\" for a label that is not there".to_owned());
                    continue;
                }
                _ => self.scalar(Some(field.of(node))).map(|(text, _)| text.to_owned()),
            };
            texts.extend(text.map(|text| (key.text.clone(), text)));
        }
        texts
    }
}

/// Whether it is `${NAME}`, or that with more dollar signs before it.
pub(in crate::setup) fn is_reference(text: &str) -> bool {
    let name = text.trim_start_matches('$').strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    text.starts_with('$')
        && name.is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

/// Whether it is an id; the error is an id that is meant by it, if one can be told.
fn slug(text: &str) -> Result<(), String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if starts && text.len() <= MAX_SLUG && text.chars().all(inner) {
        return Ok(());
    }
    let mended: String = text.to_lowercase().chars().map(|c| if inner(c) { c } else { '-' }).collect();
    Err(mended.trim_matches(['-', '.', '_']).chars().take(MAX_SLUG).collect())
}

fn one_line(text: &str) -> Result<String, String> {
    if text.chars().count() > MAX_TEXT {
        return Err(format!("longer than {MAX_TEXT} characters"));
    }
    if text.contains(char::is_control) {
        return Err("this has to be one line of text without control characters".to_owned());
    }
    Ok(text.to_owned())
}

fn email(text: &str) -> Result<String, String> {
    let fail = || Err(format!("`{text}` is not an e-mail address"));
    let Some((name, host)) = text.rsplit_once('@') else { return fail() };
    let in_name = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let in_host = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
    let dots = |part: &str| part.split('.').any(str::is_empty);
    let bad_name = name.chars().count() > 64 || !name.chars().all(in_name) || dots(name);
    let bad_host =
        !host.chars().all(in_host) || dots(host) || host.split('.').any(|label| label.starts_with('-') || label.ends_with('-'));
    if text.len() > MAX_EMAIL || bad_name || bad_host { fail() } else { Ok(text.to_owned()) }
}

fn url(text: &str) -> Result<String, String> {
    let fail = |why: &str| Err(format!("`{text}` {why}"));
    if text.len() > MAX_URL {
        return Err(format!("an address may have {MAX_URL} bytes"));
    }
    if text.contains(|c: char| c.is_control() || c.is_whitespace() || "\"<>\\^`{|}".contains(c)) {
        return fail("is no address: it holds characters that have to be written as %XX");
    }
    let lower = text.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://")) else {
        return fail("does not begin with http:// or https://");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host_port = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = if let Some(v6) = host_port.strip_prefix('[') {
        let Some((host, port)) = v6.split_once(']') else { return fail("has a host without its `]`") };
        if host.parse::<std::net::Ipv6Addr>().is_err() {
            return fail("has no IPv6 address between its brackets");
        }
        (host, port.strip_prefix(':').or(if port.is_empty() { None } else { Some("bad") }))
    } else {
        host_port.split_once(':').map_or((host_port, None), |(host, port)| (host, Some(port)))
    };
    if host.is_empty() {
        return fail("has no host");
    }
    if port.is_some_and(|port| !matches!(port.parse::<u16>(), Ok(1..))) {
        return fail("has no port number from 1 to 65535 behind the `:`");
    }
    // Cloud providers hand out credentials there; refused again, after name resolution, when sending.
    if host.starts_with("169.254.") || host.starts_with("fe80:") || host == "metadata.google.internal" {
        return fail("is a link-local metadata address, which is never called");
    }
    Ok(text.to_owned())
}

fn clock(text: &str) -> Result<Time, String> {
    let hint = || format!("`{text}` is not a time of day; write for example 09:00");
    if text == "24:00" {
        return Err("`24:00` is `00:00`".to_owned());
    }
    let digits = text.bytes().all(|b| b.is_ascii_digit() || b == b':');
    if !digits || !matches!(text.len(), 5 | 8) || text.as_bytes()[2] != b':' {
        return Err(hint());
    }
    text.parse().map_err(|_| hint())
}

/// Whether it looks like a date, with or without a time.
pub(super) fn is_date(text: &str) -> bool {
    text.len() >= 10 && text.as_bytes()[4] == b'-'
}

/// `2026-01-05`, `2026-01-05T09:00`, `…:00`, and the instant if there is an offset behind it.
fn date_time(text: &str) -> Result<(DateTime, Option<Timestamp>), String> {
    let hint = || format!("`{text}` is not a date and time; write for example 2026-01-05T09:00");
    let digit = |i: usize| text.as_bytes().get(i).is_some_and(u8::is_ascii_digit);
    let shape = is_date(text) && digit(0) && digit(3) && text.is_ascii() && !text.contains(['.', ',', '[', '_']);
    if !shape {
        return Err(hint());
    }
    let local_end = text[10..].find(['Z', 'z', '+', '-']).map_or(text.len(), |at| at + 10);
    let local = &text[..local_end];
    // Without minutes `T09` would be read as well; nobody writes that on purpose.
    if !matches!(local.len(), 10 | 16 | 19) || (local.len() == 10 && local_end < text.len()) {
        return Err(hint());
    }
    let at: DateTime = local.parse().map_err(|_| hint())?;
    if !YEARS.contains(&at.year()) {
        return Err(format!("`{text}` is not in the years {} to {}", YEARS.start(), YEARS.end()));
    }
    let instant = if local_end < text.len() { Some(text.parse::<Timestamp>().map_err(|_| hint())?) } else { None };
    Ok((at, instant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_slugs_are_told_from_what_is_none() {
        for good in ["ada@example.org", "ada@localhost", "a.b+c@x-y.example", "ü@bücher.example"] {
            assert!(email(good).is_ok(), "{good}");
        }
        for bad in ["ada", "@x", "ada@", "a b@x", "ada@x y", "a..b@x", "ada@-x", "a@b@c", "ada@x\r\nBcc: y@z", "<ada@x>"] {
            assert!(email(bad).is_err(), "{bad}");
        }
        for good in ["http://127.0.0.1:9099/ada", "https://[::1]:8/x", "https://u:p@h/?q=1#f", "HTTP://h"] {
            assert!(url(good).is_ok(), "{good}");
        }
        for bad in
            ["ftp://h", "http://", "http:///x", "h", "http://h:0", "http://h:x", "http://h:99999", "http://[x]/", "http://a b"]
        {
            assert!(url(bad).is_err(), "{bad}");
        }
        assert!(url("http://169.254.169.254/latest").is_err());
        assert!(slug("a").is_ok() && slug("9.b_c-d").is_ok());
        assert_eq!(slug("Mobile Admin"), Err("mobile-admin".to_owned()));
        for bad in ["", "-a", "a/b", "ä", &"a".repeat(65)] {
            assert!(slug(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_read_strictly() {
        for bad in [
            "2026-1-5T09:00",
            "2026-01-05T9:00",
            "2026-01-05T09",
            "2026-02-30T09:00",
            "2026-01-05Z",
            "9999-01-01T00:00",
            "tomorrow",
            "2026-01-05T09:00:00.5",
            "2026-01-05T09:00[UTC]",
        ] {
            assert!(date_time(bad).is_err(), "{bad}");
        }
        assert_eq!(date_time("2026-01-05T09:00-06:00").unwrap().1.unwrap().to_string(), "2026-01-05T15:00:00Z");
        assert_eq!(date_time("2026-01-05 09:00").unwrap().1, None);
        for bad in ["9:00", "25:00", "24:00", "09:60", "0900", "09:00 AM", "09.00"] {
            assert!(clock(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_reference_to_the_environment_is_the_whole_value() {
        assert!(is_reference("${A_1}") && is_reference("$${A}"));
        assert!(!is_reference("x${A}") && !is_reference("${}") && !is_reference("${a b}") && !is_reference("$A"));
    }
}
