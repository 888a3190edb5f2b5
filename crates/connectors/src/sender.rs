//! The one way out. A new channel is one folder and one arm of the `match` below.

use crate::email::Mailer;
use crate::message::Message;
use crate::targets::Network;
use crate::webhook::Hooks;
use firedog_domain::delivery::Outcome;
use firedog_domain::setup::Address;

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
}

/// Built once; holds the connections that are kept open.
pub struct Sender {
    mailer: Mailer,
    hooks: Hooks,
}

impl Sender {
    /// # Errors
    /// In words, which setting is wrong and how it is written.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        Ok(Self { mailer: Mailer::new(settings)?, hooks: Hooks::new(&settings.allow_targets)? })
    }

    /// One attempt. Always answers within the channel's timeout; never panics, never retries by itself.
    pub async fn send(&self, message: &Message) -> Outcome {
        match &message.address {
            Address::Email(to) => self.mailer.send(message, to).await,
            Address::Webhook(url) => self.hooks.send(message, url).await,
        }
    }
}
