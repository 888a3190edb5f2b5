//! Use cases, one function each. The API, the dialects, the pages and the CLI all come here, so that
//! acknowledging an alert is one function however it is asked for.

pub mod alerts;
mod approve;
pub mod backup;
pub mod board;
pub mod calendar;
pub mod case;
pub mod catalogue;
pub mod chat;
pub mod chores;
pub mod connected;
pub mod connection;
pub mod cover;
pub mod deploys;
pub mod device;
pub mod doctor;
pub mod failures;
pub mod foresee;
pub mod help;
pub mod ingest;
pub mod leave;
pub mod link;
pub mod live;
pub mod mounted;
pub mod objects;
pub mod oncall;
pub mod payloads;
pub mod perform;
pub mod readiness;
pub mod record;
pub mod report;
pub mod rights;
pub mod run;
pub mod saved_filter;
pub mod setup;
pub mod sign_in;
pub mod starter;
pub mod telling;
pub mod timeline;
pub mod tokens;
pub mod write;

use firedog_domain::setup::diagnostic::Diagnostic;

/// Why something was not done, by what the caller can do next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    NotAllowed(String),
    /// The request is wrong; sending it again will not help.
    #[error("{0}")]
    Invalid(String),
    /// The setup files have mistakes.
    #[error("the setup has mistakes; nothing was changed")]
    Mistakes(Vec<Diagnostic>),
    /// It does not go with the present state.
    #[error("{0}")]
    Conflict(String),
    /// The outside system that could tell is not connected, or cannot be asked.
    #[error("{0}")]
    NotConnected(String),
    /// Full: try again in a moment.
    #[error("too much is going on")]
    Busy,
    /// Tried too often; the seconds to wait.
    #[error("too many attempts; wait {0} s")]
    TooMany(u64),
    /// It may or may not have been done.
    #[error("{0}")]
    Unavailable(String),
    /// A retry will not help until somebody mends the server.
    #[error("{0}")]
    Broken(String),
}

pub type Result<T> = std::result::Result<T, Error>;

impl From<firedog_engine::Error> for Error {
    fn from(error: firedog_engine::Error) -> Self {
        use firedog_engine::Error as E;
        match error {
            E::Conflict(why) => Self::Conflict(why),
            E::NotFound(what) => Self::NotFound(what),
            E::Refused(why) => Self::Invalid(why),
            E::Busy => Self::Busy,
            E::Unavailable(why) => Self::Unavailable(why),
            E::Broken(why) => Self::Broken(why),
        }
    }
}

impl From<firedog_store::Error> for Error {
    fn from(error: firedog_store::Error) -> Self {
        use firedog_store::Error as E;
        match error {
            E::Conflict | E::Stale => Self::Conflict(error.to_string()),
            E::NotFound => Self::NotFound("there is no such thing".to_owned()),
            E::Busy(_) => Self::Busy,
            E::Unknown(_) => Self::Unavailable(error.to_string()),
            E::Broken(why) => Self::Broken(why),
        }
    }
}

/// Most items that one page of a list holds.
pub const MAX_PAGE: u32 = 500;
pub const DEFAULT_PAGE: u32 = 50;

/// How many items to answer: what was asked for, within bounds.
pub fn page_size(asked: Option<u32>) -> u32 {
    asked.unwrap_or(DEFAULT_PAGE).clamp(1, MAX_PAGE)
}

/// A piece of a list, and where the next one begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A list that is short by nature (the setup bounds it) and comes whole.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// From one item more than fits: the surplus only tells that there is a next page.
    pub fn of(mut items: Vec<T>, size: u32, cursor: impl Fn(&T) -> String) -> Self {
        let more = items.len() > size as usize;
        items.truncate(size as usize);
        let next = items.last().filter(|_| more).map(cursor);
        Self { items, next }
    }
}

/// Cursors are opaque to clients: microseconds and an id.
pub(crate) fn cursor(at: jiff::Timestamp, id: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(format!("{}.{id}", at.as_microsecond()))
}

pub(crate) fn read_cursor(text: &str) -> Result<(jiff::Timestamp, String)> {
    use base64::Engine as _;
    let invalid = || Error::Invalid("this cursor is not one that a list has given".to_owned());
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
    let text = String::from_utf8(bytes).map_err(|_| invalid())?;
    let (at, id) = text.split_once('.').ok_or_else(invalid)?;
    let at = at.parse().ok().and_then(|us| jiff::Timestamp::from_microsecond(us).ok()).ok_or_else(invalid)?;
    Ok((at, id.to_owned()))
}

/// A list that is in memory already, cut into pages by position.
pub(crate) fn slice<T>(items: Vec<T>, limit: Option<u32>, after: Option<&str>) -> Result<Page<T>> {
    let from: usize = match after {
        None => 0,
        Some(text) => {
            let invalid = || Error::Invalid("this cursor is not one that this list has given".to_owned());
            text.strip_prefix('o').and_then(|n| n.parse().ok()).ok_or_else(invalid)?
        }
    };
    let size = page_size(limit) as usize;
    let total = items.len();
    let items: Vec<T> = items.into_iter().skip(from).take(size).collect();
    let end = from.saturating_add(items.len());
    Ok(Page { items, next: (end < total).then(|| format!("o{end}")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive_the_trip_and_foreign_ones_are_refused() {
        let at: jiff::Timestamp = "2026-01-05T09:00:00.123456Z".parse().unwrap();
        assert_eq!(read_cursor(&cursor(at, "a.b")), Ok((at, "a.b".to_owned())));
        for bad in ["", "x", "%", "AAAA"] {
            assert!(read_cursor(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn pages_know_whether_there_is_more() {
        let page = Page::of(vec![1, 2, 3], 2, |n| n.to_string());
        assert_eq!(page, Page { items: vec![1, 2], next: Some("2".to_owned()) });
        assert_eq!(Page::of(vec![1, 2], 2, |n| n.to_string()).next, None);
        let first = slice((0..5).collect(), Some(2), None).unwrap();
        assert_eq!(first, Page { items: vec![0, 1], next: Some("o2".to_owned()) });
        assert_eq!(slice((0..5).collect(), Some(3), Some("o2")).unwrap(), Page { items: vec![2, 3, 4], next: None });
        assert!(slice(vec![0], None, Some("2")).is_err());
        assert!(slice(vec![0], None, Some("o99999999999999999999")).is_err());
        assert_eq!((page_size(None), page_size(Some(0)), page_size(Some(10_000))), (50, 1, 500));
    }
}
