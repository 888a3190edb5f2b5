//! The answer to a request that is not taken in, in the words of the sender's own protocol.

use serde_json::Value;

/// Nothing was kept. `body` is what the dialect's senders expect to decode.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// In words, for logs and for dialects that have no error shape of their own.
    pub reason: String,
    /// JSON, to be sent as `application/json`.
    pub body: Value,
}

impl Refusal {
    /// For dialects without an error shape: the reason as `{"error": …}`.
    pub fn plain(status: u16, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { status, body: serde_json::json!({ "error": reason }), reason }
    }

    /// 400: the request itself is wrong; sending it again will not help.
    pub fn malformed(reason: impl Into<String>) -> Self {
        Self::plain(400, reason)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.reason, self.status)
    }
}

impl std::error::Error for Refusal {}
