//! Somebody's output (a console, a log) as lines that may be shown: whole, masked, bounded.

use crate::bounds::{cut, one_line};
use crate::mask;

/// How much output is read at once, in bytes.
pub(crate) const MAX_OUTPUT: usize = 64 << 10;
/// Most lines of one reading; of more, the newest are kept.
const MAX_LINES: usize = 2_000;
/// Longest line, in characters.
const MAX_LINE: usize = 2_000;

/// Each line masked, then cut, so that no half of a secret is left; without colours and control characters.
pub(crate) fn lines(text: &str) -> Vec<String> {
    // An empty line says nothing to somebody who reads a part.
    let said: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let kept = &said[said.len().saturating_sub(MAX_LINES)..];
    kept.iter().map(|line| cut(mask::log(&plain(line)).trim_end(), MAX_LINE)).collect()
}

/// One line of what a system calls or says itself: names and ids stay as they are.
pub(crate) fn line(text: &str, max: usize) -> String {
    cut(&one_line(&mask::text(text)), max)
}

/// One line of what may come from a program's output.
pub(crate) fn log_line(text: &str, max: usize) -> String {
    cut(&one_line(&mask::log(text)), max)
}

/// What comes behind the first line end: the piece before it is the end of a line that began elsewhere.
pub(crate) fn without_first(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, rest)| rest)
}

/// The whole lines, and the piece behind the last line end.
pub(crate) fn whole(text: &str) -> (&str, &str) {
    text.split_at(text.rfind('\n').map_or(0, |at| at + 1))
}

/// Without escape sequences (colours, and Jenkins' hidden notes, which stand between `ESC[8m` and `ESC[0m`) and with spaces for
/// other control characters.
fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, escape)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = if escape.starts_with("[8mha:") {
            escape.split_once("\u{1b}[0m").map_or("", |(_, rest)| rest)
        } else {
            escape.strip_prefix('[').map_or(escape, |sequence| {
                let parameters = sequence.trim_start_matches(|c: char| matches!(c, '0'..='?' | ' '..='/'));
                let mut rest = parameters.chars();
                match rest.next() {
                    Some('@'..='~') => rest.as_str(),
                    _ => parameters,
                }
            })
        };
    }
    plain.push_str(rest);
    plain.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_plain_masked_and_bounded() {
        let text = "\u{1b}[8mha:AAAA+/secret==\u{1b}[0mStarted by user ann\r\n\r\n  \u{1b}[1;31mred\u{1b}[0m\tcard 4111111111111111\n\u{1b}[8mha:broken off\nbell\u{7}\u{1b}";
        assert_eq!(lines(text), ["Started by user ann", "  red card ****1111", "", "bell"]);
        let long = format!("{}4111111111111111", "é".repeat(MAX_LINE - 5));
        assert!(lines(&long)[0].ends_with("é****1"), "masked before it is cut: {}", lines(&long)[0].len());
        let many: String = (0..3 * MAX_LINES).map(|n| format!("x{n}\n")).collect();
        let kept = lines(&many);
        assert_eq!((kept.len(), kept[MAX_LINES - 1].starts_with('x')), (MAX_LINES, true));
    }

    #[test]
    fn hostile_escapes_take_no_longer_than_they_are_long() {
        for part in ["\u{1b}", "\u{1b}[", "\u{1b}[8mha:", "\u{1b}[0", "\u{1b}[8mha:\u{1b}[0m"] {
            let text = part.repeat(400_000 / part.len());
            assert!(lines(&text).iter().map(String::len).sum::<usize>() <= text.len(), "{part:?}");
        }
    }

    #[test]
    fn pieces_of_lines_are_told_from_lines() {
        assert_eq!((without_first("end\na\nb"), without_first("one piece")), ("a\nb", ""));
        assert_eq!((whole("a\nb\nc"), whole("c"), whole("a\n")), (("a\nb\n", "c"), ("", "c"), ("a\n", "")));
    }
}
