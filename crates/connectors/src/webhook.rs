//! Pages by webhook: signed JSON, and what the answer means.

use crate::http::{causes, client, first_line, is_refused};
use crate::message::Message;
use crate::slots::Slots;
use crate::targets::{Network, Targets};
use crate::{trust, when};
use firedog_domain::delivery::Outcome;
use jiff::SignedDuration;
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use std::sync::Arc;
use std::time::Duration;

mod body;
mod signature;

pub use body::body;
pub use signature::signature;

/// From the first packet to the end of the answer: long enough for a function that starts cold, short
/// enough that the person's next contact method is not late.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest wait that a receiver may ask for; a page is stale long before that.
const MAX_RETRY_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// HTTP clients that refuse to connect where they must not.
pub(crate) struct Hooks {
    admin: (Targets, Client),
    others: (Targets, Client),
    slots: Slots,
}

/// Pages under way to one host at once.
const AT_ONE_HOST: usize = 16;

impl Hooks {
    pub(crate) fn new(allowed: &[Network]) -> Result<Self, String> {
        let allowed: Arc<[Network]> = allowed.into();
        let of = |admin: bool| -> Result<(Targets, Client), String> {
            let targets = Targets { admin, allowed: allowed.clone() };
            Ok((targets.clone(), client(targets, TIMEOUT, None)?))
        };
        Ok(Self { admin: of(true)?, others: of(false)?, slots: Slots::new(AT_ONE_HOST) })
    }

    pub(crate) async fn send(&self, message: &Message, url: &str) -> Outcome {
        let (targets, client) = if message.admin_named { &self.admin } else { &self.others };
        let url = match targets.check_url(url) {
            Ok(url) => url,
            Err(reason) => return Outcome::Rejected { reason },
        };
        let host = format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(0));
        let slot = match self.slots.take(&host).await {
            Ok(slot) => slot,
            Err(full) => return full.into(),
        };
        let body = body(message).to_string();
        let at_s = message.at.as_second();
        let key = HeaderValue::from_str(&message.idempotency_key);
        let mut request = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("X-Firedog-Timestamp", at_s)
            .header("Idempotency-Key", key.unwrap_or(HeaderValue::from_static("unnamed")));
        if let Some(secret) = &message.secret {
            request = request.header("X-Firedog-Signature", signature(secret, at_s, body.as_bytes()));
        }
        let sent = request.body(body).send().await;
        slot.answered(sent.is_ok());
        match sent {
            Ok(response) => answered(response, message.at).await,
            Err(error) => failed(error),
        }
    }
}

pub(crate) async fn answered(response: Response, now: jiff::Timestamp) -> Outcome {
    let status = response.status();
    if status.is_success() {
        return Outcome::Sent;
    }
    let after = response.headers().get(RETRY_AFTER).and_then(|value| when::retry_after(value.to_str().ok()?, now));
    let after = after.map(|after| after.min(MAX_RETRY_AFTER));
    let said = first_line(response).await;
    let reason = if said.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {said}") };
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => {
            Outcome::RetryAfter { after, reason }
        }
        _ if status.is_server_error() => Outcome::RetryAfter { after, reason },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            Outcome::Misconfigured { reason }
        }
        _ if status.is_redirection() => Outcome::Rejected { reason: format!("{reason} (redirects are not followed)") },
        _ => Outcome::Rejected { reason },
    }
}

/// Nothing was answered. Before the connection stood, nothing can have arrived; after that, it may have.
pub(crate) fn failed(error: reqwest::Error) -> Outcome {
    let error = error.without_url();
    let reason = causes(&error);
    if is_refused(&error) {
        return Outcome::Rejected { reason };
    }
    if error.is_builder() {
        return Outcome::Rejected { reason };
    }
    if trust::is_untrusted(&error) {
        return Outcome::Misconfigured { reason };
    }
    if error.is_connect() {
        return Outcome::RetryAfter { after: None, reason };
    }
    Outcome::Unknown { reason }
}

#[cfg(test)]
pub(crate) mod tests;
