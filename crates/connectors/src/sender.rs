//! The one way out. A new channel is one folder and one arm of the `match` below.

use crate::email::{Letter, Mailer};
use crate::message::Message;
use crate::push::{Identity, Pusher};
use crate::targets::Network;
use crate::webhook::Hooks;
use firedog_domain::delivery::Outcome;
use firedog_domain::setup::{Address, Device};

/// What sending needs to know of the server's settings.
#[derive(Clone, Default)]
pub struct Settings {
    /// `FIREDOG_SMTP_URL`: `smtp://user:pass@host:port` or `smtps://…`.
    pub smtp_url: Option<String>,
    /// `FIREDOG_SMTP_FROM`: an address, or `Name <address>`. Default: `firedog@` the public URL's host.
    pub smtp_from: Option<String>,
    /// `FIREDOG_PUBLIC_URL`.
    pub public_url: String,
    /// `FIREDOG_ALLOW_TARGETS`.
    pub allow_targets: Vec<Network>,
    /// Signs push messages.
    pub push: Option<Identity>,
}

/// Built once; holds the connections that are kept open.
pub struct Sender {
    mailer: Mailer,
    hooks: Hooks,
    pusher: Pusher,
}

impl Sender {
    /// # Errors
    /// In words, which setting is wrong and how it is written.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let allowed = &settings.allow_targets;
        Ok(Self {
            mailer: Mailer::new(settings)?,
            hooks: Hooks::new(allowed)?,
            pusher: Pusher::new(allowed, settings.push.clone())?,
        })
    }

    /// Connects to the mail server and logs in, without sending anything. `None`: none is set.
    pub async fn check_mail(&self) -> Option<Result<(), String>> {
        self.mailer.check().await
    }

    /// One attempt. Always answers within the channel's timeout; never panics, never retries by itself.
    pub async fn send(&self, message: &Message) -> Outcome {
        match &message.address {
            Address::Email(to) => self.mailer.send(message, to).await,
            Address::Webhook(url) => self.hooks.send(message, url).await,
            Address::Push(devices) => match &**devices {
                [device] => self.pusher.send(message, device).await,
                _ => Outcome::Misconfigured { reason: "a message goes to one device at a time".to_owned() },
            },
        }
    }

    /// Writes to somebody outside, once.
    pub async fn write(&self, letter: &Letter) -> Outcome {
        self.mailer.write(letter).await
    }

    /// Whether messages could be sent to a device that somebody wants to register.
    ///
    /// # Errors
    /// In words, what is wrong with it.
    pub fn check_device(&self, device: &Device) -> Result<(), String> {
        self.pusher.check(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::email::tests::page;

    #[tokio::test]
    async fn every_address_has_its_channel() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sender = Sender::new(&Settings { public_url: "http://127.0.0.1:8700".to_owned(), ..Settings::default() }).unwrap();
        for (address, outcome) in [
            (Address::Email("ada@example.org".to_owned()), "misconfigured"),
            (Address::Webhook("http://169.254.169.254/".to_owned()), "rejected"),
            (Address::Push([].into()), "misconfigured"),
        ] {
            assert_eq!(sender.send(&Message { address, ..page() }).await.as_str(), outcome);
        }
    }

    #[test]
    fn wrong_settings_are_named() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let of = |settings: Settings| Sender::new(&settings).err().unwrap_or_default();
        assert!(of(Settings { smtp_url: Some("mail:25".to_owned()), ..Settings::default() }).contains("FIREDOG_SMTP_URL"));
        assert!(of(Settings { smtp_from: Some("me".to_owned()), ..Settings::default() }).contains("FIREDOG_SMTP_FROM"));
    }
}
