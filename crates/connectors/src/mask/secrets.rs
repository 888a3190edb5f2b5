//! Passwords, keys and tokens that are called so: `password=…`, `"api_key": "…"`, `Bearer …`, `//user:…@host`.

use super::{Names, Span};

/// What a password or key is called in log lines, query strings and embedded JSON.
const NAMES: [&str; 13] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "client_secret",
    "token",
    "access_token",
    "refresh_token",
    "api_key",
    "apikey",
    "api-key",
    "private_key",
];

pub(super) fn find(text: &str, names: Names) -> Vec<Span> {
    let bytes = text.as_bytes();
    let mut spans: Vec<Span> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let span = match bytes[at] {
            b'=' => assigned(bytes, at, names),
            b':' if bytes[at..].starts_with(b"://") => user_info(bytes, at + 3),
            b':' => quoted(bytes, at, names).or_else(|| said(bytes, at, names)),
            b'b' | b'B' => scheme(bytes, at),
            _ => None,
        };
        // Going on behind what was found keeps this linear for a hostile `pwd=pwd=pwd=…`.
        at = span.map_or(at + 1, |span| span.to);
        spans.extend(span);
    }
    spans
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// The name that ends right before `to` is one of [`NAMES`], or ends in one (`db_password`).
pub(super) fn is_secret_name(bytes: &[u8], to: usize, names: Names) -> bool {
    /// The longest known name, and what may stand before it.
    const LONGEST: usize = 64;
    let start = to.saturating_sub(LONGEST);
    let from = bytes[start..to].iter().rposition(|b| !is_name(*b)).map_or(start, |last| start + last + 1);
    let name = bytes[from..to].to_ascii_lowercase();
    let fits = |rest: &[u8]| names == Names::Endings || rest.is_empty() || rest.ends_with(b"_") || rest.ends_with(b"-");
    NAMES.iter().any(|known| name.strip_suffix(known.as_bytes()).is_some_and(fits))
}

/// `password=hunter2`, up to white space or what separates pairs. A colon alone is not enough:
/// `password: wrong` is a sentence.
fn assigned(bytes: &[u8], equals: usize, names: Names) -> Option<Span> {
    if !is_secret_name(bytes, equals, names) {
        return None;
    }
    match bytes.get(equals + 1)? {
        quote @ (b'"' | b'\'') => string(bytes, equals + 1, *quote),
        _ => word(bytes, equals + 1, names),
    }
}

/// `Password: hunter2`, where a sentence about a password may lose a word.
fn said(bytes: &[u8], colon: usize, names: Names) -> Option<Span> {
    if names == Names::Known || !is_secret_name(bytes, colon, names) {
        return None;
    }
    let spaces = bytes[colon + 1..].iter().take_while(|b| **b == b' ').count();
    word(bytes, colon + 1 + spaces, names)
}

fn word(bytes: &[u8], from: usize, names: Names) -> Option<Span> {
    let end =
        |from: usize| from + bytes[from..].iter().take_while(|b| !b.is_ascii_whitespace() && !b"&,;\"')}]<".contains(b)).count();
    let mut to = end(from);
    // The value is a name itself, as in `token: password: hunter2`, and what it names comes behind it.
    while names == Names::Endings && to > from && matches!(bytes[to - 1], b':' | b'=') && is_secret_name(bytes, to - 1, names) {
        let next = to + bytes[to..].iter().take_while(|b| **b == b' ').count();
        let span = match bytes.get(next) {
            Some(quote @ (b'"' | b'\'')) => string(bytes, next, *quote).map_or(next, |span| span.to),
            _ => end(next),
        };
        if span == to {
            break;
        }
        to = span;
    }
    masked(from, to, bytes)
}

/// `"password": "hunter2"`, also where the quotes are escaped by an outer JSON.
fn quoted(bytes: &[u8], colon: usize, names: Names) -> Option<Span> {
    let name = bytes[..colon].iter().rposition(|b| *b != b' ')?;
    if bytes[name] != b'"' || !is_secret_name(bytes, if name > 0 && bytes[name - 1] == b'\\' { name - 1 } else { name }, names) {
        return None;
    }
    let mut at = colon + 1;
    while bytes.get(at).is_some_and(|b| matches!(b, b' ' | b'\\')) {
        at += 1;
    }
    if bytes.get(at) == Some(&b'"') { string(bytes, at, b'"') } else { None }
}

/// The content of a string that opens at `open`, respecting backslashes.
fn string(bytes: &[u8], open: usize, quote: u8) -> Option<Span> {
    // Inside an embedded JSON text the closing quote itself carries the backslash.
    let embedded = open > 0 && bytes[open - 1] == b'\\';
    let from = open + 1;
    let mut at = from;
    while at < bytes.len() && bytes[at] != quote {
        if bytes[at] == b'\\' {
            if embedded && bytes.get(at + 1) == Some(&quote) {
                break;
            }
            at += 1;
        }
        at += 1;
    }
    masked(from, at.min(bytes.len()), bytes)
}

/// `Bearer TOKEN`, `Basic TOKEN`. Words of a sentence are shorter, or have no digit and no capital.
fn scheme(bytes: &[u8], at: usize) -> Option<Span> {
    if at > 0 && is_name(bytes[at - 1]) {
        return None;
    }
    let is = |word: &[u8]| bytes.get(at..at + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word));
    let from = at + [&b"bearer "[..], b"basic "].into_iter().find(|word| is(word))?.len();
    let len = bytes[from..].iter().take_while(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(b)).count();
    let token = &bytes[from..from + len];
    let tokenish = token.iter().any(u8::is_ascii_digit) || token.iter().skip(1).any(u8::is_ascii_uppercase);
    if len >= 8 && tokenish { masked(from, from + len, bytes) } else { None }
}

/// The password in `//user:password@host`.
fn user_info(bytes: &[u8], from: usize) -> Option<Span> {
    let len = bytes[from..].iter().take_while(|b| !b.is_ascii_whitespace() && !b"/?#\"'<>".contains(b)).count();
    let authority = &bytes[from..from + len];
    let at_sign = authority.iter().rposition(|b| *b == b'@')?;
    let colon = authority[..at_sign].iter().position(|b| *b == b':')?;
    masked(from + colon + 1, from + at_sign, bytes)
}

pub(super) fn masked(from: usize, to: usize, bytes: &[u8]) -> Option<Span> {
    // Nothing to hide, or hidden before.
    (to > from && &bytes[from..to] != super::MASK.as_bytes()).then_some(Span { from, to, keep_last: false })
}
