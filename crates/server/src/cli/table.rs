//! Aligned tables that fit the terminal: the widest free column gives way first, and where even
//! that is not enough every row becomes a small block of `NAME  value` lines.

use super::out::{DIM, PLAIN, clean, paint};
use anstyle::Style;

/// Narrower than this a shortened column says nothing any more.
const LEAST_FLEX: usize = 24;
const GAP: &str = "  ";

pub(crate) struct Table {
    heads: Vec<&'static str>,
    /// The column that may be shortened.
    flex: usize,
    rows: Vec<Vec<Cell>>,
}

pub(crate) struct Cell {
    text: String,
    style: Style,
}

/// A cell in the terminal's own colour.
pub(crate) fn cell(text: impl AsRef<str>) -> Cell {
    styled(PLAIN, text)
}

pub(crate) fn styled(style: Style, text: impl AsRef<str>) -> Cell {
    Cell { text: clean(text.as_ref()), style }
}

impl Table {
    /// `flex` is the place of the column that may be shortened on a narrow terminal.
    pub(crate) fn new(heads: &[&'static str], flex: usize) -> Self {
        Self { heads: heads.to_vec(), flex, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// For a terminal `width` columns wide; `None` (a pipe or a file) shortens nothing.
    pub(crate) fn render(&self, width: Option<usize>) -> String {
        let mut widths: Vec<usize> = self.heads.iter().map(|head| head.chars().count()).collect();
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                widths[column] = widths[column].max(cell.text.chars().count());
            }
        }
        // A column that is empty in every row would only cost room.
        let shown: Vec<usize> = (0..self.heads.len()).filter(|&c| self.rows.iter().any(|row| !row[c].text.is_empty())).collect();
        let total: usize = shown.iter().map(|&c| widths[c]).sum::<usize>() + GAP.len() * shown.len().saturating_sub(1);
        let excess = width.map_or(0, |width| total.saturating_sub(width));
        if excess > 0 && widths[self.flex] < excess + LEAST_FLEX {
            return self.blocks(&shown);
        }
        widths[self.flex] -= excess;
        let heads: Vec<Cell> = self.heads.iter().map(|head| styled(DIM, head)).collect();
        std::iter::once(&heads).chain(&self.rows).map(|row| line(row, &shown, &widths)).collect()
    }

    fn blocks(&self, shown: &[usize]) -> String {
        let label = shown.iter().map(|&c| self.heads[c].len()).max().unwrap_or(0);
        let block = |row: &Vec<Cell>| -> String {
            let filled = shown.iter().filter(|&&c| !row[c].text.is_empty());
            filled
                .map(|&c| {
                    format!("{}{GAP}{}\n", paint(DIM, &format!("{:label$}", self.heads[c])), paint(row[c].style, &row[c].text))
                })
                .collect()
        };
        self.rows.iter().map(block).collect::<Vec<_>>().join("\n")
    }
}

fn line(row: &[Cell], shown: &[usize], widths: &[usize]) -> String {
    let mut line = String::new();
    for (place, &column) in shown.iter().enumerate() {
        let text = shorten(&row[column].text, widths[column]);
        let pad = widths[column] - text.chars().count();
        line.push_str(&paint(row[column].style, &text));
        if place + 1 < shown.len() {
            line.push_str(&" ".repeat(pad));
            line.push_str(GAP);
        }
    }
    line.push('\n');
    line
}

fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// How wide stdout's terminal is; `None` when it is none.
pub(crate) fn terminal_width() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::BAD;

    fn alerts() -> Table {
        let mut table = Table::new(&["STATE", "SERVICE", "SUMMARY", "AGE"], 2);
        table.row([styled(BAD, "triggered"), cell("api"), cell("p99 latency above 2 s in two regions"), cell("3 min")]);
        table.row([cell("acknowledged"), cell("login"), cell("Zoë's disk"), cell("2 h")]);
        table
    }

    fn plain(table: &Table, width: Option<usize>) -> String {
        anstream::adapter::strip_str(&table.render(width)).to_string()
    }

    #[test]
    fn columns_align_and_nothing_is_lost_in_a_pipe() {
        insta::assert_snapshot!(plain(&alerts(), None), @"
        STATE         SERVICE  SUMMARY                               AGE
        triggered     api      p99 latency above 2 s in two regions  3 min
        acknowledged  login    Zoë's disk                            2 h
        ");
    }

    #[test]
    fn a_narrow_terminal_shortens_the_free_column() {
        let text = plain(&alerts(), Some(60));
        insta::assert_snapshot!(text, @"
        STATE         SERVICE  SUMMARY                         AGE
        triggered     api      p99 latency above 2 s in two…   3 min
        acknowledged  login    Zoë's disk                      2 h
        ");
        assert!(text.lines().all(|line| line.chars().count() <= 60));
    }

    #[test]
    fn a_very_narrow_one_gets_blocks() {
        insta::assert_snapshot!(plain(&alerts(), Some(40)), @"
        STATE    triggered
        SERVICE  api
        SUMMARY  p99 latency above 2 s in two regions
        AGE      3 min

        STATE    acknowledged
        SERVICE  login
        SUMMARY  Zoë's disk
        AGE      2 h
        ");
    }

    #[test]
    fn a_column_without_values_is_left_out() {
        let mut table = Table::new(&["ID", "WHY"], 1);
        table.row([cell("one"), cell("")]);
        assert_eq!(plain(&table, None), "ID\none\n");
    }
}
