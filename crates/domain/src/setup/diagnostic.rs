//! What is wrong with a setup file, where, and what to write instead.

use serde::Serialize;
use std::fmt::Write as _;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The setup is refused.
    Error,
    /// The setup is accepted; somebody should look at this.
    Warning,
}

/// One finding. Lines and columns count from 1; columns and lengths are characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub level: Level,
    /// A stable name of the kind of mistake, such as `unknown_reference`.
    pub code: &'static str,
    pub file: String,
    /// 0: the finding is about the file (or all files) as a whole.
    pub line: usize,
    pub column: usize,
    pub length: usize,
    pub message: String,
    /// What to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Longest piece of a source line that is shown, in terminal columns; more does not fit beside the gutter.
const MAX_SHOWN_COLUMNS: usize = 110;
const TAB_COLUMNS: usize = 4;

impl Diagnostic {
    pub fn is_error(&self) -> bool {
        self.level == Level::Error
    }

    /// As text without colour: `source` is the whole text of the file that it is about.
    pub fn render(&self, source: &str) -> String {
        self.render_with(source, false)
    }

    /// As text; `colour` adds ANSI escapes.
    pub fn render_with(&self, source: &str, colour: bool) -> String {
        let paint = |code: &'static str| if colour { code } else { "" };
        let (bold, blue, off) = (paint("\x1b[1m"), paint("\x1b[1;34m"), paint("\x1b[0m"));
        let (word, tone) = match self.level {
            Level::Error => ("error", paint("\x1b[1;31m")),
            Level::Warning => ("warning", paint("\x1b[1;33m")),
        };
        let mut text = format!("{tone}{word}[{}]{off}{bold}: {}{off}\n", self.code, printable(&self.message));
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        if self.line == 0 {
            if !self.file.is_empty() {
                let _ = writeln!(text, "{blue}-->{off} {}", printable(&self.file));
            }
        } else {
            let _ = writeln!(text, "{gutter}{blue}-->{off} {}:{}:{}", printable(&self.file), self.line, self.column);
            if let Some(line) = source.lines().nth(self.line - 1) {
                let (shown, before, marked) = self.cut(line);
                let _ = writeln!(text, "{gutter} {blue}|{off}");
                let _ = writeln!(text, "{blue}{number} |{off} {shown}");
                let _ = writeln!(text, "{gutter} {blue}|{off} {}{tone}{}{off}", " ".repeat(before), "^".repeat(marked));
            }
        }
        if let Some(help) = &self.help {
            let _ = writeln!(text, "{gutter} {blue}={off} {bold}help{off}: {}", printable(help));
        }
        text
    }

    /// The line as it is shown, the columns before the marked text, and the columns to mark.
    fn cut(&self, line: &str) -> (String, usize, usize) {
        // Only the neighbourhood is looked at: a line may be as long as a file.
        let skipped = self.column.saturating_sub(1).saturating_sub(MAX_SHOWN_COLUMNS);
        let near = line.chars().skip(skipped).take(3 * MAX_SHOWN_COLUMNS);
        let cells: Vec<(String, usize)> = near.map(cell).collect();
        let first = (self.column.max(1) - 1 - skipped).min(cells.len());
        let last = first.saturating_add(self.length.max(1)).min(cells.len()).max(first);
        let width = |range: std::ops::Range<usize>| cells[range].iter().map(|(_, columns)| columns).sum::<usize>();
        // A long line is shown from a little before the marked text on.
        let mut from = 0;
        if skipped > 0 || width(0..last) > MAX_SHOWN_COLUMNS {
            while from < first && width(from..first) > MAX_SHOWN_COLUMNS / 3 {
                from += 1;
            }
        }
        let cut_before = from + skipped > 0;
        let mut shown = if cut_before { "…".to_owned() } else { String::new() };
        let before = width(from..first) + usize::from(cut_before);
        let (mut columns, mut to) = (usize::from(cut_before), from);
        for (text, width) in &cells[from..] {
            if columns + width > MAX_SHOWN_COLUMNS {
                shown.push('…');
                break;
            }
            columns += width;
            shown.push_str(text);
            to += 1;
        }
        let marked = if first < to { width(first..last.min(to)) } else { 1 };
        (shown.trim_end().to_owned(), before, marked.max(1))
    }
}

/// A character as a terminal may show it (no escape sequences out of hostile files), and its columns.
fn cell(c: char) -> (String, usize) {
    match c {
        '\t' => (" ".repeat(TAB_COLUMNS), TAB_COLUMNS),
        c if c.is_control() || is_bidi(c) => ("\u{fffd}".to_owned(), 1),
        c => (c.to_string(), columns(c)),
    }
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { " ".to_owned() } else { cell(c).0 }).collect()
}

/// Characters that reorder what stands around them: a file could show something else than it says.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// Terminal columns of a character: the blocks of East Asian Width W and F and the emoji, near enough for underlining.
fn columns(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036f | 0x200b..=0x200d | 0xfe00..=0xfe0f | 0x20d0..=0x20ff => 0,
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff => 2,
        0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// The known word nearest to a misspelt one, if it is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > 64 {
        return None;
    }
    known
        .into_iter()
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= 3)
        .map(|candidate| (distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (length.max(candidate.chars().count()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap of neighbours) between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut least = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(rows[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: usize, column: usize, length: usize) -> Diagnostic {
        Diagnostic {
            level: Level::Error,
            code: "bad_value",
            file: "a.yaml".to_owned(),
            line,
            column,
            length,
            message: "no".to_owned(),
            help: Some("write `yes`".to_owned()),
        }
    }

    #[test]
    fn shows_the_line_with_the_text_underlined() {
        let text = at(2, 7, 2).render("first\nkey:  no\n");
        assert_eq!(text, "error[bad_value]: no\n --> a.yaml:2:7\n  |\n2 | key:  no\n  |       ^^\n  = help: write `yes`\n");
    }

    #[test]
    fn tabs_and_wide_characters_keep_the_marks_in_place() {
        assert!(at(1, 2, 2).render("\tno").contains("\n1 |     no\n  |     ^^\n"));
        assert!(at(1, 3, 2).render("火犬no").contains("\n1 | 火犬no\n  |     ^^\n"));
        assert!(at(1, 1, 2).render("火犬no").contains("\n  | ^^^^\n"));
    }

    #[test]
    fn long_lines_are_cut_around_the_mark() {
        let line = format!("{}no{}", "a".repeat(5000), "b".repeat(5000));
        let text = at(1, 5001, 2).render(&line);
        let shown: Vec<&str> = text.lines().collect();
        assert!(shown[3].chars().count() < 130, "{}", shown[3]);
        let start = shown[4].chars().position(|c| c == '^').unwrap();
        assert_eq!(shown[3].chars().skip(start).take(2).collect::<String>(), "no");
    }

    #[test]
    fn nothing_of_a_hostile_file_reaches_the_terminal() {
        let text = at(1, 1, 3).render("\x1b[2J\u{202e}evil");
        assert!(!text.contains('\x1b') && !text.contains('\u{202e}'), "{text:?}");
    }

    #[test]
    fn marks_past_the_end_of_a_line_or_file_do_no_harm() {
        assert!(at(1, 99, 99).render("short").contains('^'));
        assert!(!at(9, 1, 1).render("short").contains('^'));
        assert!(at(0, 0, 0).render("").starts_with("error[bad_value]: no\n--> a.yaml\n"));
    }

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("lnius", ["ada", "linus"]), Some("linus"));
        assert_eq!(nearest("Ada", ["ada", "linus"]), Some("ada"));
        assert_eq!(nearest("grace", ["ada", "linus"]), None);
    }
}
