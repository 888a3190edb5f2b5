//! Pages by e-mail: SMTP, text and HTML.

use crate::message::Message;
use crate::sender::Settings;
use firedog_domain::delivery::Outcome;
use lettre::message::Mailbox;

mod compose;
mod html;
mod smtp;
pub(crate) mod text;

use smtp::Relay;

/// A mail to somebody who is not one of ours: plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub to: String,
    pub subject: String,
    pub text: String,
    /// The same for every attempt: its id is made of it.
    pub key: String,
    pub at: jiff::Timestamp,
}

/// The mail server, if one is set, and who mails come from.
pub(crate) struct Mailer {
    relay: Option<Relay>,
    from: Mailbox,
}

impl Mailer {
    pub(crate) fn new(settings: &Settings) -> Result<Self, String> {
        let from = from(settings)?;
        let hello = from.email.domain().to_owned();
        let relay = settings.smtp_url.as_deref().map(|url| Relay::from_url(url, &hello)).transpose()?;
        Ok(Self { relay, from })
    }

    /// Whether the mail server answers and takes our login. `None`: none is set.
    pub(crate) async fn check(&self) -> Option<Result<(), String>> {
        let told = |outcome: Outcome| outcome.reason().unwrap_or("it refused").to_owned();
        Some(self.relay.as_ref()?.check().await.map_err(told))
    }

    pub(crate) async fn send(&self, message: &Message, to: &str) -> Outcome {
        let Some(relay) = &self.relay else {
            return Outcome::Misconfigured { reason: "no SMTP server is set; set FIREDOG_SMTP_URL".to_owned() };
        };
        match compose::mail(message, &self.from, to) {
            Ok(mail) => relay.send(mail.envelope(), &mail.formatted()).await,
            Err(reason) => Outcome::Rejected { reason },
        }
    }
}

impl Mailer {
    pub(crate) async fn write(&self, letter: &Letter) -> Outcome {
        let Some(relay) = &self.relay else {
            return Outcome::Misconfigured { reason: "no SMTP server is set; set FIREDOG_SMTP_URL".to_owned() };
        };
        match compose::letter(letter, &self.from) {
            Ok(mail) => relay.send(mail.envelope(), &mail.formatted()).await,
            Err(reason) => Outcome::Rejected { reason },
        }
    }
}

fn from(settings: &Settings) -> Result<Mailbox, String> {
    if let Some(from) = &settings.smtp_from {
        let hint = |error| {
            format!("FIREDOG_SMTP_FROM `{from}` is not an address ({error}); write for example Firedog <firedog@example.org>")
        };
        return from.parse().map_err(hint);
    }
    let host = url::Url::parse(&settings.public_url).ok();
    let host = host.as_ref().and_then(url::Url::domain).unwrap_or("localhost");
    let address = format!("firedog@{host}")
        .parse()
        .map_err(|error| format!("set FIREDOG_SMTP_FROM: firedog@{host} is not an address ({error})"))?;
    Ok(Mailbox::new(Some("Firedog".to_owned()), address))
}

/// `Fri 2 Jan 04:05 CET`: with the zone's name, since the reader may be anywhere.
fn local_time(message: &Message, at: jiff::Timestamp) -> String {
    at.to_zoned(message.zone.clone()).strftime("%a %-d %b %H:%M %Z").to_string()
}

#[cfg(test)]
pub(crate) mod tests;
