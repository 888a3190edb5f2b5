//! How a command ends: the exit codes that scripts rely on, and what a person reads when it fails.

use super::out::{BAD, BOLD, clean, clean_lines, paint};
use reqwest::StatusCode;
use serde_json::Value;

/// The exit codes of the outside contract. Stable: scripts branch on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    NotAllowed = 4,
    Unreachable = 5,
    Conflict = 6,
    /// A check verb ran and says no: `prove` has findings, `doctor` a failure.
    ConditionNotMet = 10,
}

impl Exit {
    /// What an answer of the server means for a script.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 | 403 => Self::NotAllowed,
            404 | 410 => Self::NotFound,
            409 | 412 => Self::Conflict,
            // 502 and 504 come from a proxy in front of a server that is not there.
            502..=504 => Self::Unreachable,
            _ => Self::Failed,
        }
    }
}

/// Why a command did not do what it was asked: what, and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// `None`: everything worth saying has been printed (findings, diagnostics).
    pub(crate) detail: Option<String>,
    pub(crate) next: Option<String>,
    /// Whether anybody was paged; only the server knows.
    pub(crate) paged: Option<bool>,
    /// The server's problem in full, for callers that know more about one kind of refusal.
    pub(crate) problem: Value,
}

impl Failure {
    pub(crate) fn new(exit: Exit, detail: impl Into<String>) -> Self {
        Self { exit, detail: Some(detail.into()), next: None, paged: None, problem: Value::Null }
    }

    /// Ends with `exit` and says nothing more.
    pub(crate) fn silent(exit: Exit) -> Self {
        Self { exit, detail: None, next: None, paged: None, problem: Value::Null }
    }

    pub(crate) fn failed(detail: impl Into<String>) -> Self {
        Self::new(Exit::Failed, detail)
    }

    pub(crate) fn usage(detail: impl Into<String>) -> Self {
        Self::new(Exit::Usage, detail)
    }

    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// From a refusal of the server: `application/problem+json`, or whatever a proxy made of it.
    pub(crate) fn of_answer(server: &str, status: StatusCode, body: &[u8], signed: bool) -> Self {
        let exit = Exit::of_status(status);
        let problem: Value = serde_json::from_slice(body).unwrap_or_default();
        let said = |key: &str| problem[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let Some(detail) = said("detail").or_else(|| said("title")) else {
            return Self::new(exit, format!("{server} answered {status}, and not as a Firedog server does"))
                .next("check that --server (or FIREDOG_SERVER) names a Firedog server, and any proxy between");
        };
        // The server talks of headers; here the token comes from an option or a variable.
        let next = match status {
            StatusCode::UNAUTHORIZED if signed => {
                Some("check --token or FIREDOG_TOKEN: it may be mistyped or revoked".to_owned())
            }
            StatusCode::UNAUTHORIZED => Some("pass an API token with --token or FIREDOG_TOKEN".to_owned()),
            _ => said("next"),
        };
        Self { exit, detail: Some(detail), next, paged: problem["paged"].as_bool(), problem }
    }

    /// The lines for stderr; empty where all has been said.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        if let Some(detail) = &self.detail {
            text.push_str(&format!("{} {}\n", paint(BAD, "error:"), clean_lines(detail)));
        }
        match self.paged {
            Some(true) => text.push_str(&format!("{} somebody has been paged\n", paint(BOLD, "note:"))),
            Some(false) => text.push_str(&format!("{} nobody was paged\n", paint(BOLD, "note:"))),
            None => {}
        }
        if let Some(next) = &self.next {
            text.push_str(&format!("{} {}\n", paint(BOLD, "help:"), clean(next)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Failure {
        Failure::of_answer("http://pager", StatusCode::from_u16(status).unwrap(), body.as_bytes(), true)
    }

    fn plain(failure: &Failure) -> String {
        anstream::adapter::strip_str(&failure.render()).to_string()
    }

    #[test]
    fn statuses_become_exit_codes() {
        let expected = [
            (400, 1),
            (401, 4),
            (403, 4),
            (404, 3),
            (409, 6),
            (412, 6),
            (413, 1),
            (422, 1),
            (429, 1),
            (500, 1),
            (502, 5),
            (503, 5),
            (504, 5),
        ];
        for (status, code) in expected {
            assert_eq!(answer(status, "{}").exit as u8, code, "{status}");
        }
    }

    #[test]
    fn a_problem_says_what_failed_who_was_paged_and_what_to_do() {
        let problem =
            r#"{"title":"Not found","status":404,"detail":"no service `api`","next":"firedog service list","paged":false}"#;
        assert_eq!(plain(&answer(404, problem)), "error: no service `api`\nnote: nobody was paged\nhelp: firedog service list\n");
    }

    #[test]
    fn an_answer_of_something_else_than_firedog_says_so() {
        let failure = answer(502, "<html>Bad Gateway</html>");
        assert_eq!(failure.exit, Exit::Unreachable);
        assert!(
            plain(&failure).contains("http://pager answered 502 Bad Gateway, and not as a Firedog server does"),
            "{}",
            plain(&failure)
        );
    }

    #[test]
    fn a_refused_caller_without_a_token_is_told_how_to_pass_one() {
        let refused = |signed| Failure::of_answer("x", StatusCode::UNAUTHORIZED, br#"{"detail":"who are you?"}"#, signed);
        assert!(plain(&refused(false)).contains("pass an API token with --token or FIREDOG_TOKEN"));
        assert!(plain(&refused(true)).contains("mistyped or revoked"));
    }

    #[test]
    fn a_hostile_problem_cannot_drive_the_terminal() {
        let text = plain(&answer(400, r#"{"detail":"a\u001b[2Jb","next":"c\rd"}"#));
        assert!(!text.contains('\u{1b}') && !text.contains('\r'), "{text:?}");
    }
}
