//! `"ok": false`: whose mistake it is, by Slack's own words for it.

use crate::bounds::{cut, one_line};
use crate::call::{Answer, CallError};
use jiff::SignedDuration;
use serde::Deserialize;

/// Longest name of an error, and most explanations that are repeated.
const MAX_NAME: usize = 80;
const MAX_MESSAGES: usize = 3;
/// A flood of messages answers without saying how long to wait; limits are by the minute.
const FLOOD: SignedDuration = SignedDuration::from_secs(30);

#[derive(Deserialize)]
struct Envelope {
    ok: bool,
    #[serde(default)]
    error: String,
    needed: Option<String>,
    response_metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    messages: Vec<String>,
}

/// `None`: it was done.
pub(super) fn of(method: &str, answer: &Answer) -> Option<CallError> {
    let envelope: Envelope = match answer.json() {
        Ok(envelope) => envelope,
        Err(error) => return Some(error),
    };
    if envelope.ok {
        return None;
    }
    let name = cut(&one_line(&envelope.error), MAX_NAME);
    let mut reason = format!("{method}: {}", if name.is_empty() { "no reason given" } else { &name });
    if let Some(needed) = envelope.needed {
        reason.push_str(&format!(" (needs the scope {})", cut(&needed, MAX_NAME)));
    }
    for message in envelope.response_metadata.iter().flat_map(|metadata| &metadata.messages).take(MAX_MESSAGES) {
        reason.push_str("; ");
        reason.push_str(&cut(&crate::mask::text(message), 2 * MAX_NAME));
    }
    Some(kind(&name, &reason))
}

fn kind(name: &str, reason: &str) -> CallError {
    match name {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => {
            CallError::Retry { after: Some(FLOOD), reason: CallError::retry(reason).reason().to_owned() }
        }
        // It may have been done; these come with HTTP 200 as well.
        "fatal_error" | "internal_error" | "request_timeout" | "service_unavailable" | "update_failed" | "" => {
            CallError::unknown(reason)
        }
        "channel_not_found" | "message_not_found" | "thread_not_found" | "no_such_subteam" | "user_not_found"
        | "users_not_found" => CallError::missing(reason),
        "is_archived"
        | "cant_update_message"
        | "edit_window_closed"
        | "is_inactive"
        | "block_mismatch"
        | "cannot_reply_to_message" => CallError::conflict(reason),
        "not_in_channel" => CallError::misconfigured(format!("{reason}; invite the app into the channel")),
        "not_authed"
        | "invalid_auth"
        | "account_inactive"
        | "token_revoked"
        | "token_expired"
        | "missing_scope"
        | "no_permission"
        | "not_allowed_token_type"
        | "access_denied"
        | "accesslimited"
        | "ekm_access_denied"
        | "org_login_required"
        | "team_access_not_granted"
        | "plan_upgrade_required"
        | "unknown_method"
        | "method_deprecated"
        | "deprecated_endpoint" => CallError::misconfigured(reason),
        _ if name.starts_with("restricted_action") => CallError::misconfigured(reason),
        _ => CallError::rejected(reason),
    }
}
