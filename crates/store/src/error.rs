//! What can go wrong, split by what the caller can do next.

/// The text says what happened, for a log line or a person; only the kind is for deciding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something else changed it at the same time; nothing was written. Run again with fresh state.
    #[error("something else changed it at the same time")]
    Conflict,
    /// Refused before anything was written: a full queue, no connection, a full disk. Retry later.
    #[error("the store is busy: {0}")]
    Busy(String),
    #[error("not found")]
    NotFound,
    /// It may have been committed, or not. Repeat only what may be done twice.
    #[error("it is not known whether this was stored: {0}")]
    Unknown(String),
    /// A retry will not help: a broken file, a wrong statement, a refused database.
    #[error("{0}")]
    Broken(String),
    /// What the caller held (a setup version, a lease) has been overtaken for good. Nothing was written.
    #[error("somebody else was faster; look again before you repeat this")]
    Stale,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn broken(what: impl std::fmt::Display) -> Self {
        Self::Broken(what.to_string())
    }
}
