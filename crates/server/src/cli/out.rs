//! What people and programs read: data on stdout, talk on stderr, colour only where it is wanted
//! (anstream honours `NO_COLOR`, `CLICOLOR_FORCE` and `TERM=dumb`).

use super::failure::Failure;
use anstyle::{AnsiColor, Style};
use serde_json::Value;
use std::io::{ErrorKind, Write};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const PLAIN: Style = Style::new();

pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Data, to stdout. A reader that went away (`| head`) is no error.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Failure::failed(format!("cannot write to stdout: {e}"))),
        _ => Ok(()),
    }
}

/// Data for programs: one JSON value and a newline.
pub(crate) fn print_json(value: &Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
}

/// Talk, to stderr. Nowhere to complain when that fails.
pub(crate) fn say(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// One line of text from outside, with everything gone that could drive a terminal: an alert's
/// summary is written by strangers.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if is_steering(c) { ' ' } else { c }).collect()
}

/// Like [`clean`], but keeps line ends and tabs.
pub(crate) fn clean_lines(text: &str) -> String {
    text.chars().map(|c| if is_steering(c) && c != '\n' && c != '\t' { ' ' } else { c }).collect()
}

/// Control characters, and the marks that reverse the reading direction and so fake other text.
fn is_steering(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// A text field of an answer; empty where it is missing or null.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// `1 alert`, `3 alerts`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_text_is_defused() {
        assert_eq!(clean("disk\x1b[31m full\non\u{202e} api"), "disk [31m full on  api");
        assert_eq!(clean_lines("a\n\tb\x07"), "a\n\tb ");
        assert_eq!(clean("Zoë · 日本"), "Zoë · 日本");
    }
}
