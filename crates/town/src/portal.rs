//! A vendor's portal: cases are opened over HTTP with a token. It honours a key, if it is told to.

use crate::desk::{Ask, Desk, answer, json_answer};
use crate::weather::Weather;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who may open cases.
pub const PORTAL_TOKEN: &str = "portal-token-of-the-town";
/// Cases kept; more are refused.
const MAX_CASES: usize = 1_000;

/// A case that somebody has opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub number: String,
    /// What was sent, byte for byte.
    pub body: String,
    pub key: Option<String>,
}

/// A portal; clones share it.
#[derive(Clone, Default)]
pub struct Portal(Arc<Mutex<Vec<Case>>>);

impl Portal {
    pub(crate) fn new(_: &Weather) -> Self {
        Self::default()
    }

    /// Oldest first.
    pub fn cases(&self) -> Vec<Case> {
        self.book().clone()
    }

    fn book(&self) -> MutexGuard<'_, Vec<Case>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk for Portal {
    fn answer(&self, ask: &Ask) -> Response {
        if ask.header("authorization") != Some(&format!("Bearer {PORTAL_TOKEN}")) {
            return json_answer(401, &json!({ "error": "who are you?" }));
        }
        if ask.segments() != ["api", "cases"] {
            return json_answer(404, &json!({ "error": "no such page" }));
        }
        if !ask.is_post() {
            return json_answer(405, &json!({ "error": "cases are posted" }));
        }
        let described = ask.json().ok().and_then(|body: Value| Some(body.get("description")?.as_str()?.to_owned()));
        if described.is_none_or(|text| text.is_empty()) {
            return json_answer(422, &json!({ "error": "`description` is missing" }));
        }
        let key = ask.header("idempotency-key").map(str::to_owned);
        let mut book = self.book();
        let known = book.iter().find(|case| key.is_some() && case.key == key).map(|case| case.number.clone());
        if known.is_none() && book.len() >= MAX_CASES {
            return json_answer(507, &json!({ "error": "full" }));
        }
        let number = known.unwrap_or_else(|| {
            let number = format!("CS{:07}", 1_000 + book.len());
            book.push(Case { number: number.clone(), body: String::from_utf8_lossy(&ask.body).into_owned(), key });
            number
        });
        let url = format!("https://portal.invalid/cases/{number}");
        json_answer(201, &json!({ "result": { "number": number, "links": [{ "href": url }] } }))
    }

    fn refusal(&self, status: StatusCode, _: Option<u32>) -> Response {
        answer(status.as_u16(), "text/html", "<html><title>The portal is not well</title></html>")
    }
}
