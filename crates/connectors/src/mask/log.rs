//! What is masked in log texts only: elements with a secret's name, long runs of digits, e-mail addresses.

use super::secrets::{is_secret_name, masked};
use super::{Names, Span};

/// How a tag is written: plain, inside another XML, inside JSON.
const BRACKETS: [(&str, &str); 4] = [("<", ">"), ("&lt;", "&gt;"), ("\\u003c", "\\u003e"), ("\\u003C", "\\u003E")];
/// A tag with its attributes is not longer, in bytes.
const MAX_TAG: usize = 1_024;
/// An e-mail address's local part is not longer (RFC 5321, 4.5.3.1.1).
const MAX_LOCAL: usize = 64;

pub(super) fn find(text: &str) -> Vec<Span> {
    let bytes = text.as_bytes();
    let mut spans = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let span = match bytes[at] {
            b'<' | b'&' | b'\\' => element(text, at),
            b'0'..=b'9' => digits(bytes, at),
            b'@' => email(bytes, at),
            _ => None,
        };
        at = span.map_or(at + 1, |span| span.to.max(at + 1));
        spans.extend(span);
    }
    spans
}

/// The content of `<Password>…</Password>`; to the end of the text if it breaks off.
fn element(text: &str, at: usize) -> Option<Span> {
    let bytes = text.as_bytes();
    let (open, close) = BRACKETS.into_iter().find(|(open, _)| bytes[at..].starts_with(open.as_bytes()))?;
    let name_at = at + open.len();
    let len = bytes[name_at..].iter().take_while(|b| b.is_ascii_alphanumeric() || b"_-.:".contains(b)).take(MAX_TAG).count();
    let name_to = name_at + len;
    if !is_secret_name(bytes, name_to, Names::Endings) {
        return None;
    }
    let end = (name_to + MAX_TAG).min(bytes.len());
    let from = name_to + position(&bytes[name_to..end], close.as_bytes())? + close.len();
    if bytes[..from - close.len()].ends_with(b"/") {
        return None;
    }
    let closing = [open.as_bytes(), b"/", &bytes[name_at..name_to]].concat();
    let to = position(&bytes[from..], &closing).map_or(bytes.len(), |len| from + len);
    masked(from, to, bytes)
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// More than four digits. Four are what would be kept of any number.
fn digits(bytes: &[u8], at: usize) -> Option<Span> {
    if at > 0 && bytes[at - 1].is_ascii_digit() {
        return None;
    }
    let run = bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count();
    (run > 4).then_some(Span { from: at, to: at + run, keep_last: true })
}

/// The part before the `@`, if a domain with a dot stands behind it.
fn email(bytes: &[u8], at: usize) -> Option<Span> {
    let start = at.saturating_sub(MAX_LOCAL);
    let local = bytes[start..at].iter().rev().take_while(|b| b.is_ascii_alphanumeric() || b"._%+-".contains(b)).count();
    let domain = bytes[at + 1..].iter().take(MAX_LOCAL).take_while(|b| b.is_ascii_alphanumeric() || b".-".contains(b));
    let is_domain = domain.clone().next().is_some_and(u8::is_ascii_alphanumeric) && domain.clone().any(|b| *b == b'.');
    if local > 0 && is_domain { Some(Span { from: at - local, to: at, keep_last: false }) } else { None }
}
