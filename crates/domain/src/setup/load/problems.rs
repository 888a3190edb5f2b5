//! Collects mistakes, all of them, in the order of the files.

use crate::setup::diagnostic::{Diagnostic, Level};

/// Where something stands: a file by its place in the list, a line and column from 1, and a length in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    pub file: usize,
    pub line: usize,
    pub column: usize,
    pub length: usize,
}

/// More than anybody reads at once; a wrong file (a log, a dump) would make millions.
const MAX_PROBLEMS: usize = 500;

pub(super) struct Problems {
    files: Vec<String>,
    list: Vec<(Span, Diagnostic)>,
    unlisted: usize,
    /// Takes the help of what is not listed any more.
    spill: Diagnostic,
}

impl Problems {
    pub fn new(files: Vec<String>) -> Self {
        let spill = diagnostic(Level::Error, "too_many", String::new(), Span::default(), String::new());
        Self { files, list: Vec::new(), unlisted: 0, spill }
    }

    pub fn any(&self) -> bool {
        !self.list.is_empty()
    }

    /// Further mistakes are only counted.
    pub fn full(&self) -> bool {
        self.list.len() >= MAX_PROBLEMS
    }

    /// Adds a mistake; answers it, so that the caller can add help.
    pub fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        if self.full() {
            self.unlisted += 1;
            return &mut self.spill;
        }
        let file = self.files.get(span.file).cloned().unwrap_or_default();
        self.list.push((span, diagnostic(Level::Error, code, file, span, message.into())));
        &mut self.list.last_mut().expect("pushed just now").1
    }

    /// `FILE:LINE` of a span, for messages that name another place.
    pub fn place(&self, span: Span) -> String {
        format!("{}:{}", self.files.get(span.file).map_or("", String::as_str), span.line)
    }

    pub fn finish(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|(span, _)| *span);
        let mut all: Vec<Diagnostic> = self.list.into_iter().map(|(_, diagnostic)| diagnostic).collect();
        if self.unlisted > 0 {
            self.spill.message = format!("and {} more mistakes", self.unlisted);
            self.spill.help = None;
            all.push(self.spill);
        }
        all
    }
}

pub(super) fn diagnostic(level: Level, code: &'static str, file: String, span: Span, message: String) -> Diagnostic {
    Diagnostic { level, code, file, line: span.line, column: span.column, length: span.length, message, help: None }
}
