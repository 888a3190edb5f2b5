//! Pages to browsers: RFC 8030 over the vendor's push service, encrypted (RFC 8291) so that the vendor reads nothing of them, signed
//! (RFC 8292) so that nobody else can send in our name.

use crate::bounds;
use crate::email::text;
use crate::http::client;
use crate::message::{AlertView, Aside, Message};
use crate::slots::Slots;
use crate::targets::{Network, Targets};
use crate::webhook::{TIMEOUT, answered, failed};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use firedog_domain::delivery::{Kind, Outcome};
use firedog_domain::setup::{Content, Device};
use p256::SecretKey;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Client, StatusCode};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::Arc;

mod encrypt;
mod vapid;

pub use encrypt::MAX_PLAIN;
pub use vapid::Identity;

/// How long a push service keeps a message for a browser that is off, in seconds. After it, the escalation has gone elsewhere.
const KEEP_S: u32 = 3_600;
/// Messages under way to one push service at once; most people's browsers have the same few.
const AT_ONE_SERVICE: usize = 32;
/// The longest title and body; what is shown is shorter on every platform.
const MAX_TITLE: usize = 160;
const MAX_BODY: usize = 600;

pub(crate) struct Pusher {
    targets: Targets,
    client: Client,
    identity: Option<Identity>,
    slots: Slots,
}

impl Pusher {
    pub(crate) fn new(allowed: &[Network], identity: Option<Identity>) -> Result<Self, String> {
        // Browsers name these addresses, so they are held to what anybody may name.
        let targets = Targets { admin: false, allowed: Arc::from(allowed) };
        Ok(Self { client: client(targets.clone(), TIMEOUT, None)?, targets, identity, slots: Slots::new(AT_ONE_SERVICE) })
    }

    /// Whether messages could be sent to a device that somebody wants to register; if not, why.
    pub(crate) fn check(&self, device: &Device) -> Result<(), String> {
        self.targets.check_url(&device.endpoint)?;
        let wrong = "`p256dh` is a P-256 point of 65 bytes and `auth` has 16 bytes, both in base64url";
        receiver(device).map(|_| ()).ok_or_else(|| wrong.to_owned())
    }

    /// `Rejected` means that the browser has taken its subscription back.
    pub(crate) async fn send(&self, message: &Message, device: &Device) -> Outcome {
        self.attempt(message, device).await.unwrap_or_else(|outcome| outcome)
    }

    async fn attempt(&self, message: &Message, device: &Device) -> Result<Outcome, Outcome> {
        let wrong = |reason: &str| Outcome::Misconfigured { reason: reason.to_owned() };
        let identity = self.identity.as_ref().ok_or_else(|| wrong("this server has no key for push messages"))?;
        let url = self.targets.check_url(&device.endpoint).map_err(|reason| wrong(&reason))?;
        let to = receiver(device).ok_or_else(|| wrong("the device's keys cannot be read; register it again"))?;
        let body = encrypt::encrypt(payload(message).as_bytes(), &to, &fresh_key()?, random()?);
        let body = body.ok_or_else(|| wrong("the message is too large to be pushed"))?;
        let service = format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(0));
        let slot = self.slots.take(&service).await?;
        let urgent = message.kind == Kind::Page && !matches!(message.aside, Some(Aside::Routine | Aside::Ask));
        let sent = self
            .client
            .post(url.clone())
            .header(AUTHORIZATION, identity.authorization(&url, message.at))
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_ENCODING, "aes128gcm")
            .header("TTL", KEEP_S)
            .header("Urgency", if urgent { "high" } else { "normal" })
            .header("Topic", topic(message))
            .body(body)
            .send()
            .await;
        slot.answered(sent.is_ok());
        Ok(match sent {
            Ok(response) => match (response.status(), answered(response, message.at).await) {
                (StatusCode::NOT_FOUND | StatusCode::GONE, _) => {
                    Outcome::Rejected { reason: "the browser has taken its subscription back".to_owned() }
                }
                // Our mistake or the operator's; the browser is still there.
                (_, Outcome::Rejected { reason }) => Outcome::Misconfigured { reason },
                (_, outcome) => outcome,
            },
            Err(error) => match failed(error) {
                Outcome::Rejected { reason } => Outcome::Misconfigured { reason },
                outcome => outcome,
            },
        })
    }
}

fn receiver(device: &Device) -> Option<encrypt::Receiver> {
    encrypt::Receiver::new(&read(&device.p256dh)?, &read(&device.auth)?)
}

/// A later message about the same alert replaces one that is still waiting for the browser.
fn topic(message: &Message) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(tag(message).as_bytes())).chars().take(32).collect()
}

fn tag(message: &Message) -> String {
    match (message.aside.is_some(), message.others.is_empty()) {
        (true, _) if message.aside == Some(Aside::Ask) => message.idempotency_key.clone(),
        (true, _) => "test".to_owned(),
        (false, true) => message.alert.id.to_string(),
        // Replaces nothing and is replaced by nothing: each of its alerts goes its own way.
        (false, false) => format!("many-{}", message.idempotency_key),
    }
}

/// What the service worker is told: `kind`, `title`, `body`, `tag`, `url` (where a tap leads), `ack_url` (where Acknowledge posts; only
/// for a single page), `confirm` (where the worker says that it has shown the message).
pub fn payload(message: &Message) -> String {
    let page = message.kind == Kind::Page;
    let single = message.others.is_empty();
    let kind = match message.aside {
        Some(Aside::Test) => "test",
        Some(Aside::Routine) => "check",
        Some(Aside::Ask) => "ask",
        None => message.kind.as_str(),
    };
    let title = match (message.aside, page && !single) {
        (Some(Aside::Test), _) => "Test: a page reaches you here".to_owned(),
        (Some(Aside::Routine), _) => "Firedog reaches you here".to_owned(),
        (None, true) => format!("{} alerts page you", message.others.len() + 1),
        (None | Some(Aside::Ask), _) => text::headline(message),
    };
    let body = match (single, message.content) {
        _ if message.aside == Some(Aside::Test) => "Nothing is wrong. Tap to say that it has reached you.".to_owned(),
        _ if message.aside == Some(Aside::Ask) => text::why(message),
        _ if message.aside == Some(Aside::Routine) => "The weekly test of this device. There is nothing to do.".to_owned(),
        (true, Content::Full) => format!("{}\n{}", text::why(message), text::facts(message)),
        (true, Content::Minimal) => text::why(message),
        (false, Content::Minimal) => String::new(),
        (false, Content::Full) => {
            let all = std::iter::once(&message.alert).chain(message.others.iter().map(|other| &other.alert));
            all.map(AlertView::title).collect::<Vec<_>>().join("\n")
        }
    };
    let payload = json!({
        "kind": kind,
        "title": bounds::cut(&title, MAX_TITLE),
        "body": bounds::cut(&body, MAX_BODY),
        "tag": tag(message),
        "url": if single { &message.ack_url } else { &message.public_url },
        "ack_url": (page && single && message.aside.is_none()).then_some(&message.ack_url),
        "confirm": message.receipt_url,
        "acknowledge": "Acknowledge",
    });
    payload.to_string()
}

fn random<const N: usize>() -> Result<[u8; N], Outcome> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Outcome::RetryAfter { after: None, reason: "no randomness".to_owned() })?;
    Ok(bytes)
}

/// A key for one message.
fn fresh_key() -> Result<SecretKey, Outcome> {
    loop {
        // All but one in 2^32 are keys.
        if let Ok(key) = SecretKey::from_slice(&random::<32>()?) {
            return Ok(key);
        }
    }
}

/// From base64url, with or without padding: browsers leave it out, some libraries do not.
fn read(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

fn write(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests;
