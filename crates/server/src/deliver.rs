//! Hands what the engine has decided to the connectors: the engine's one way out.

use crate::metrics::Metrics;
use crate::secret::{Key, LINK_LIFE, Link};
use firedog_connectors::email::Letter;
use firedog_connectors::{AlertView, Aside, Message, Other, Sender};
use firedog_domain::alert::{Alert, State};
use firedog_domain::delivery::{Kind, Notification, Outcome};
use firedog_domain::event::Severity;
use firedog_domain::id::{ContactId, DeviceId, UserId};
use firedog_domain::setup::{Address, Contact, Content, Device, Urgency, User};
use firedog_engine::{Clock, Deliver, Dispatch};
use firedog_store::{Op, Store, Tx, device};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// An attempt that a connector has not ended by now is given up as unknown. Connectors have timeouts of their own,
/// and the engine's lease (30 s) must not run out while a message is still on its way.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(25);

/// Where the secret of a contact method is sealed to.
pub fn place(user: &UserId, contact: &ContactId) -> String {
    format!("contact:{user}/{contact}")
}

pub struct Delivery {
    parts: Arc<Parts>,
}

struct Parts {
    sender: Sender,
    key: Key,
    clock: Clock,
    metrics: Arc<Metrics>,
    store: Store,
    /// Known once the address is bound.
    links_base: Arc<OnceLock<String>>,
}

impl Delivery {
    pub fn new(
        sender: Sender,
        key: Key,
        clock: Clock,
        metrics: Arc<Metrics>,
        store: Store,
        links_base: Arc<OnceLock<String>>,
    ) -> Self {
        Self { parts: Arc::new(Parts { sender, key, clock, metrics, store, links_base }) }
    }

    /// Whether messages could be sent to a device that somebody wants to register; if not, why.
    pub fn check_device(&self, device: &Device) -> Result<(), String> {
        self.parts.sender.check_device(device)
    }

    /// Writes to somebody outside, once.
    pub async fn write(&self, letter: &Letter) -> Outcome {
        match tokio::time::timeout(ATTEMPT_TIMEOUT, self.parts.sender.write(letter)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::Unknown { reason: format!("no answer within {} s", ATTEMPT_TIMEOUT.as_secs()) },
        }
    }

    /// Sends somebody a message that is about no alert, once.
    pub async fn tell(&self, user: &User, contact: Contact, words: Words) -> Outcome {
        match self.parts.aside(user, contact, words) {
            Ok(message) => self.parts.attempt(message).await,
            Err(reason) => Outcome::Misconfigured { reason },
        }
    }
}

/// What a message says that is about no alert.
#[derive(Clone, Debug)]
pub struct Words {
    pub aside: Aside,
    /// Names the message: who gets it twice can tell.
    pub key: String,
    pub title: String,
    pub text: String,
    /// Where it leads.
    pub url: String,
}

impl Words {
    /// A test. `url`: where its reader says that it has reached them.
    pub fn test(aside: Aside, key: String, url: String) -> Self {
        Self {
            aside,
            key,
            title: "this is a test; nothing is wrong".to_owned(),
            text: "a test of this contact method was asked for; open the link to say that it has reached you".to_owned(),
            url,
        }
    }
}

/// How long a browser may take to say that it has shown a message.
const RECEIPT_LIFE: SignedDuration = SignedDuration::from_hours(24);
/// What the token of such a link is signed for.
pub const RECEIPT: &str = "receipt";

impl Deliver for Delivery {
    fn deliver(&self, dispatch: Dispatch) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        let parts = self.parts.clone();
        Box::pin(async move { parts.deliver(dispatch).await })
    }
}

impl Parts {
    async fn deliver(&self, dispatch: Dispatch) -> Outcome {
        let channel = dispatch.notification.channel.as_str();
        let begun = Instant::now();
        let outcome = match self.message(dispatch) {
            Ok(message) => self.attempt(message).await,
            Err(reason) => Outcome::Misconfigured { reason },
        };
        self.metrics.notifications.add([channel, outcome.as_str()], 1);
        self.metrics.notification_seconds.observe([channel], begun.elapsed());
        outcome
    }

    async fn attempt(&self, message: Message) -> Outcome {
        let sent = async {
            match &message.address {
                Address::Push(devices) => self.push(&message, devices).await,
                _ => self.sender.send(&message).await,
            }
        };
        match tokio::time::timeout(ATTEMPT_TIMEOUT, sent).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::Unknown { reason: format!("no answer within {} s", ATTEMPT_TIMEOUT.as_secs()) },
        }
    }

    /// To each device at once; one that takes the message is enough.
    async fn push(&self, message: &Message, devices: &[Device]) -> Outcome {
        let attempts = devices.iter().map(|device| async move {
            let expires = firedog_domain::time::after(message.at, RECEIPT_LIFE);
            let receipt = self.key.sign(RECEIPT, device.id.as_str(), expires);
            let receipt_url = Some(format!("{}/received/{receipt}", message.public_url));
            let one = Message { address: Address::Push([device.clone()].into()), receipt_url, ..message.clone() };
            let outcome = self.sender.send(&one).await;
            self.note(device, &outcome, message.at).await;
            outcome
        });
        let outcomes = futures_util::future::join_all(attempts).await;
        let best = outcomes.into_iter().min_by_key(|outcome| match outcome {
            Outcome::Sent => 0,
            Outcome::Unknown { .. } => 1,
            Outcome::RetryAfter { .. } => 2,
            Outcome::Misconfigured { .. } => 3,
            Outcome::Rejected { .. } => 4,
        });
        best.unwrap_or_else(|| Outcome::Rejected { reason: "no device is registered any more".to_owned() })
    }

    /// For whoever looks at their devices; a device whose browser has taken its subscription back is forgotten.
    async fn note(&self, device: &Device, outcome: &Outcome, at: Timestamp) {
        let tried = Tried { id: device.id.clone(), outcome: outcome.clone(), at };
        match self.store.write(tried).await {
            Ok(()) | Err(firedog_store::Error::NotFound) => {}
            Err(error) => tracing::warn!(%error, device = %device.id, "what came of a push message was not noted"),
        }
    }

    fn secret(&self, user: &UserId, contact: &Contact) -> Result<Option<String>, String> {
        let Some(sealed) = &contact.secret else { return Ok(None) };
        let secret = self.key.unseal(&place(user, &contact.id), sealed);
        Ok(Some(secret.map_err(|e| format!("the secret of contact {}: {e}", contact.id))?.expose().to_owned()))
    }

    fn aside(&self, user: &User, contact: Contact, words: Words) -> Result<Message, String> {
        let now = self.clock.now();
        let secret = self.secret(&user.id, &contact)?;
        let alert = AlertView {
            id: "none".into(),
            service: None,
            state: State::Triggered,
            urgency: Urgency::High,
            severity: Severity::Info,
            summary: words.title,
            dedup_key: String::new(),
            labels: BTreeMap::new(),
            created_at: now,
            count: 1,
        };
        Ok(Message {
            kind: Kind::Page,
            idempotency_key: words.key,
            address: contact.address,
            secret,
            content: contact.content,
            admin_named: true,
            user_name: user.display_name().to_owned(),
            user: user.id.clone(),
            zone: user.timezone.as_ref().map_or(TimeZone::UTC, |zone| zone.tz().clone()),
            alert,
            others: Vec::new(),
            reason: words.text,
            why: Vec::new(),
            ack_url: words.url,
            receipt_url: None,
            public_url: self.links_base.get().cloned().unwrap_or_default(),
            at: now,
            aside: Some(words.aside),
        })
    }

    fn message(&self, dispatch: Dispatch) -> Result<Message, String> {
        let Dispatch { notification, user, contact, alert, zone, bundled } = dispatch;
        let secret = self.secret(&user.id, &contact)?;
        let public_url = self.links_base.get().cloned().unwrap_or_default();
        let minimal = contact.content == Content::Minimal;
        let ack_url = |notification: &Notification, alert: &Alert| {
            // From the time of the notification, not of the attempt: a retry is the same message, byte for byte.
            let expires = firedog_domain::time::after(notification.created_at, LINK_LIFE);
            let link = Link { alert: alert.id.clone(), user: user.id.clone(), expires, minimal };
            format!("{public_url}/a/{}", self.key.link(&link))
        };
        let other = |(n, alert): &(Notification, Alert)| Other { alert: AlertView::from(alert), ack_url: ack_url(n, alert) };
        let (others, ack_url) = (bundled.iter().map(other).collect(), ack_url(&notification, &alert));
        let zone = user.timezone.as_ref().or(zone.as_ref()).map_or(TimeZone::UTC, |zone| zone.tz().clone());
        Ok(Message {
            kind: notification.kind,
            idempotency_key: notification.id.to_string(),
            address: contact.address,
            secret,
            content: contact.content,
            // Contact methods come from the setup only, which administrators apply.
            admin_named: true,
            user_name: user.display_name().to_owned(),
            user: user.id,
            zone,
            alert: AlertView::from(&alert),
            others,
            reason: notification.reason,
            why: Vec::new(),
            ack_url,
            receipt_url: None,
            public_url,
            at: self.clock.now(),
            aside: None,
        })
    }
}

struct Tried {
    id: DeviceId,
    outcome: Outcome,
    at: Timestamp,
}

impl Op for Tried {
    type Out = ();
    const NAME: &'static str = "device_tried";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        match &self.outcome {
            Outcome::Rejected { .. } => device::remove(tx, &self.id).await,
            outcome => device::sent(tx, &self.id, self.at, outcome.as_str(), outcome.reason()).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firedog_connectors::Settings;
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    fn read<T: DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).unwrap()
    }

    fn page(id: &str) -> (Notification, Alert) {
        let at = "2026-03-02T16:00:00Z";
        let n = json!({ "id": format!("{id}.1"), "alert": id, "page": 1, "user": "ada", "contact": "mail", "channel": "email", "kind": "page",
            "urgency": "low", "state": "sending", "attempt": 1, "fence": 1, "created_at": at, "reason": "on call" });
        let alert = json!({ "id": id, "version": 1, "dedup_key": id, "state": "triggered", "urgency": "low", "severity": "error",
            "summary": "disk full", "labels": {}, "count": 1, "created_at": at, "updated_at": at, "policy": "policy:pupper",
            "setup_version": 1, "cursor": { "pass": 0, "step": 0 }, "pages": 1 });
        (read(n), read(alert))
    }

    #[test]
    fn each_alert_of_a_bundle_has_a_link_that_acts_on_it_alone() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let key = Key::from_bytes([7; 32]);
        let parts = Parts {
            sender: Sender::new(&Settings::default()).unwrap(),
            key: key.clone(),
            clock: Clock::manual("2026-03-02T16:00:00Z".parse().unwrap()),
            metrics: Arc::default(),
            store: Store::memory().unwrap(),
            links_base: Arc::new(OnceLock::from("https://firedog.example.org".to_owned())),
        };
        let (notification, alert) = page("a1");
        let contact = read(json!({ "id": "mail", "email": "ada@example.org" }));
        let bundled = vec![page("a2"), page("a3")];
        let dispatch = Dispatch { notification, user: read(json!({ "id": "ada" })), contact, alert, zone: None, bundled };
        let message = parts.message(dispatch).unwrap();
        let others = message.others.iter().map(|other| (&other.alert.id, &other.ack_url));
        let all = std::iter::once((&message.alert.id, &message.ack_url)).chain(others).map(|(alert, url)| {
            let link = key.read_link(url.strip_prefix("https://firedog.example.org/a/").unwrap()).unwrap();
            assert_eq!((alert, link.user.as_str()), (&link.alert, "ada"));
            link.alert.0
        });
        assert_eq!(all.collect::<Vec<_>>(), ["a1", "a2", "a3"]);
    }
}
