//! An answer: its status, headers and bounded body.

use super::CallError;
use super::error::unanswered;
use crate::when;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use url::Url;

/// The longest wait that a system may ask for; a run that waits longer is somebody's decision.
const MAX_RETRY_AFTER: SignedDuration = SignedDuration::from_mins(15);

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// There is more of it, which was not read.
    pub cut: bool,
    reads: bool,
}

impl Answer {
    /// # Errors
    /// It is not JSON of this shape. Of a read: `Misconfigured`, since another system answers there; of a write: `Unknown`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // The error's own text may repeat values.
            let wrong = match error.classify() {
                serde_json::error::Category::Data => "JSON of another shape",
                serde_json::error::Category::Eof => "JSON that breaks off",
                _ => "no JSON",
            };
            let (line, column) = (error.line(), error.column());
            self.not_understood(&format!("the answer is {wrong} (line {line}, column {column})"))
        })
    }

    /// The body, with what is not UTF-8 replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The answer is well-formed and makes no sense here.
    pub fn not_understood(&self, reason: &str) -> CallError {
        CallError::not_understood(self.reads, reason)
    }
}

/// `page`: the caller has asked for this status, whatever comes with it. `cuts`: what is beyond `max_body` is left, and no error.
pub(super) async fn read(
    mut response: Response,
    reads: bool,
    page: bool,
    (max_body, cuts): (usize, bool),
) -> Result<Answer, CallError> {
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    let too_large = || {
        let reason = format!("the answer is larger than {} KiB", max_body.div_ceil(1024));
        // Asking for the same again would bring the same.
        if reads { CallError::rejected(format!("{reason}; ask for less")) } else { CallError::unknown(reason) }
    };
    if !cuts && response.content_length().is_some_and(|length| length > max_body as u64) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    let mut cut = false;
    while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
        if body.len() + chunk.len() > max_body {
            if !cuts {
                return Err(too_large());
            }
            cut = true;
            body.extend_from_slice(&chunk[..max_body - body.len()]);
            break;
        }
        body.extend_from_slice(&chunk);
    }
    if !page && is_html(&headers) && body.iter().any(|byte| !byte.is_ascii_whitespace()) {
        return Err(CallError::misconfigured("a web page came back, perhaps to sign in at; is the address right?"));
    }
    Ok(Answer { status, headers, body, cut, reads })
}

pub(super) fn is_html(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml")
}

/// A date is taken relative to the answer's own, so that nobody's clock matters.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<SignedDuration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let sent_at = text(DATE).and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    // Without a date of its own, only seconds can be understood: a wait of no length is none.
    let now = sent_at.map_or(Timestamp::MAX, |at| at.timestamp());
    let after = when::retry_after(text(RETRY_AFTER)?, now)?;
    (after > SignedDuration::ZERO).then(|| after.min(MAX_RETRY_AFTER))
}

/// Where a redirect leads, without what its path and query may carry.
pub(super) fn redirect_host(headers: &HeaderMap) -> String {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match Url::parse(location).ok().and_then(|url| url.host_str().map(str::to_owned)) {
        Some(host) => host,
        None => "another path".to_owned(),
    }
}
