//! Why a call came to nothing, by what the caller can do next.

use crate::bounds;
use crate::http::{causes, is_refused};
use crate::slots::{Full, TRY_AGAIN};
use crate::trust;
use jiff::SignedDuration;

/// Longest reason, in characters: one line of a timeline.
const MAX_REASON: usize = 400;

/// Each reason is one bounded line without secrets, tokens or values of a query string.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nothing was done there; the same call may work later.
    #[error("{reason}")]
    Retry { after: Option<SignedDuration>, reason: String },
    /// This request is wrong for good.
    #[error("{reason}")]
    Rejected { reason: String },
    /// What the request names is not there.
    #[error("{reason}")]
    Missing { reason: String },
    /// It is there in another state than the request wants.
    #[error("{reason}")]
    Conflict { reason: String },
    /// Somebody has to mend the connection: its address, its rights, a certificate.
    #[error("{reason}")]
    Misconfigured { reason: String },
    /// It may have been done: the answer is lost or cannot be understood. A call that only reads may be repeated.
    #[error("{reason}")]
    Unknown { reason: String },
}

impl CallError {
    pub(crate) fn retry(reason: impl AsRef<str>) -> Self {
        Self::Retry { after: None, reason: short(reason) }
    }

    pub(crate) fn rejected(reason: impl AsRef<str>) -> Self {
        Self::Rejected { reason: short(reason) }
    }

    pub(crate) fn missing(reason: impl AsRef<str>) -> Self {
        Self::Missing { reason: short(reason) }
    }

    pub(crate) fn conflict(reason: impl AsRef<str>) -> Self {
        Self::Conflict { reason: short(reason) }
    }

    pub(crate) fn misconfigured(reason: impl AsRef<str>) -> Self {
        Self::Misconfigured { reason: short(reason) }
    }

    pub(crate) fn unknown(reason: impl AsRef<str>) -> Self {
        Self::Unknown { reason: short(reason) }
    }

    /// The answer cannot be understood: of a read, it is not the kind of system that was expected; a write may have been done.
    pub(crate) fn not_understood(reads: bool, reason: impl AsRef<str>) -> Self {
        if reads { Self::misconfigured(reason) } else { Self::unknown(reason) }
    }

    /// In one line.
    pub fn reason(&self) -> &str {
        match self {
            Self::Retry { reason, .. }
            | Self::Rejected { reason }
            | Self::Missing { reason }
            | Self::Conflict { reason }
            | Self::Misconfigured { reason }
            | Self::Unknown { reason } => reason,
        }
    }

    /// As it is stored and shown.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Retry { .. } => "retry",
            Self::Rejected { .. } => "rejected",
            Self::Missing { .. } => "missing",
            Self::Conflict { .. } => "conflict",
            Self::Misconfigured { .. } => "misconfigured",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// The same with other words.
    pub(crate) fn with_reason(mut self, words: impl FnOnce(&str) -> String) -> Self {
        match &mut self {
            Self::Retry { reason, .. }
            | Self::Rejected { reason }
            | Self::Missing { reason }
            | Self::Conflict { reason }
            | Self::Misconfigured { reason }
            | Self::Unknown { reason } => *reason = short(words(reason)),
        }
        self
    }
}

impl From<Full> for CallError {
    fn from(full: Full) -> Self {
        let reason = format!("{} calls over this connection are waiting for an answer", full.under_way);
        Self::Retry { after: Some(TRY_AGAIN), reason }
    }
}

/// Nothing was answered. Before the connection stood, nothing can have arrived; after that, it may have.
pub(super) fn unanswered(error: reqwest::Error) -> CallError {
    let error = error.without_url();
    let reason = causes(&error);
    if is_refused(&error) || trust::is_untrusted(&error) || trust::is_no_tls(&error) {
        CallError::misconfigured(reason)
    } else if error.is_builder() {
        CallError::rejected(reason)
    } else if error.is_connect() {
        CallError::retry(reason)
    } else {
        CallError::unknown(reason)
    }
}

fn short(reason: impl AsRef<str>) -> String {
    bounds::cut(&bounds::one_line(reason.as_ref()), MAX_REASON)
}
