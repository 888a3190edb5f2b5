//! What a demo or a drill says, line by line, and the table it ends with.

use anstyle::Style;
use jiff::Timestamp;
use serde_json::Value;
use std::io::Write;
use tokio::time::Instant;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Writes to standard output, with its name and the seconds since it began before each line. Without a terminal there is no
/// colour. A reader who went away is no reason to stop: the demo is also run for its exit code.
pub(crate) struct Teller {
    name: &'static str,
    started: Instant,
    /// Standard output is for something else.
    aside: bool,
}

impl Teller {
    pub(crate) fn start(name: &'static str) -> Self {
        Self { name, started: Instant::now(), aside: false }
    }

    /// On standard error.
    pub(crate) fn aside(name: &'static str) -> Self {
        Self { aside: true, ..Self::start(name) }
    }

    fn out(&self) -> Box<dyn Write> {
        if self.aside { Box::new(anstream::stderr()) } else { Box::new(anstream::stdout()) }
    }

    pub(crate) fn say(&self, text: &str) {
        self.write(text, Style::new());
    }

    /// Something for the reader to act on.
    pub(crate) fn stress(&self, text: &str) {
        self.write(text, BOLD);
    }

    /// Something that Firedog did on the way.
    pub(crate) fn note(&self, text: &str) {
        self.write(text, DIM);
    }

    /// The terminal's bell: somebody is paged.
    pub(crate) fn ring(&self) {
        let mut out = self.out();
        let _ = out.write_all(b"\x07").and_then(|()| out.flush());
    }

    fn write(&self, text: &str, style: Style) {
        let elapsed = self.started.elapsed().as_secs_f64();
        let mut out = self.out();
        for line in text.lines() {
            let _ = writeln!(out, "{DIM}[{} {elapsed:5.1} s]{DIM:#} {style}{}{style:#}", self.name, plain(line));
        }
        let _ = out.flush();
    }
}

/// Texts come over the network; none of them may steer the terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

/// One timeline entry in words: `notified ada over email (mail): sent`.
pub(crate) fn describe(entry: &Value) -> String {
    let [kind, user, how, outcome, reason] = columns(entry);
    // Somebody is paged, notified or skipped; everything else is done by somebody.
    let who = if matches!(kind.as_str(), "paged" | "notified" | "skipped") { " " } else { " by " };
    let mut text = kind;
    for (before, part) in [(who, user), (" over ", how), (": ", outcome), (", because: ", reason)] {
        if !part.is_empty() {
            text.push_str(before);
            text.push_str(&part);
        }
    }
    text
}

/// The whole timeline as a table: one line per entry.
pub(crate) fn table(entries: &[Value]) -> String {
    let first = entries.first().and_then(at);
    let mut rows = vec![["time (UTC)", "after", "what", "who", "how", "outcome", "why"].map(str::to_owned)];
    for entry in entries {
        let at = at(entry);
        let time = at.map_or_else(String::new, |at| at.strftime("%H:%M:%S%.3f").to_string());
        let after =
            at.zip(first).map_or_else(String::new, |(at, first)| format!("{:.1} s", at.duration_since(first).as_secs_f64()));
        let [kind, user, how, outcome, reason] = columns(entry);
        rows.push([time, after, kind, user, how, outcome, reason]);
    }
    let mut widths = [0; 7];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Kind, user, channel with contact, outcome, reason; empty where an entry has none.
fn columns(entry: &Value) -> [String; 5] {
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let how = match (text("channel"), text("contact")) {
        (channel, contact) if contact.is_empty() => channel,
        (channel, contact) if channel.is_empty() => contact,
        (channel, contact) => format!("{channel} ({contact})"),
    };
    [text("kind").replace('_', " "), text("user"), how, text("outcome"), text("reason")]
}

fn at(entry: &Value) -> Option<Timestamp> {
    entry["at"].as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn timeline() -> Vec<Value> {
        vec![
            json!({ "at": "2026-01-05T09:00:00Z", "kind": "triggered", "reason": "prober" }),
            json!({ "at": "2026-01-05T09:00:01.25Z", "kind": "notified", "user": "ada", "contact": "mail", "channel": "email", "outcome": "sent" }),
            json!({ "at": "2026-01-05T09:01:00Z", "kind": "acknowledged", "user": "ada" }),
            json!({ "at": "2026-01-05T09:02:00Z", "kind": "ack_expired" }),
        ]
    }

    #[test]
    fn describes_an_entry() {
        let said: Vec<_> = timeline().iter().map(describe).collect();
        assert_eq!(
            said,
            ["triggered, because: prober", "notified ada over email (mail): sent", "acknowledged by ada", "ack expired"]
        );
    }

    #[test]
    fn a_table_is_aligned() {
        assert_eq!(
            table(&timeline()),
            "time (UTC)    after    what          who  how           outcome  why\n\
             09:00:00.000  0.0 s    triggered                                 prober\n\
             09:00:01.250  1.2 s    notified      ada  email (mail)  sent\n\
             09:01:00.000  60.0 s   acknowledged  ada\n\
             09:02:00.000  120.0 s  ack expired"
        );
    }

    #[test]
    fn nothing_said_steers_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\u{9b}c\r"), "a[2Jbc");
    }
}
