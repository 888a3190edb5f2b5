//! The conversation with the mail server, step by step: lettre's own `send` does not tell whether
//! an error came before or after the message was handed over, and that is what decides between
//! `retry` and `unknown`.

use crate::bounds::{cut, one_line};
use crate::slots::Slots;
use crate::trust;
use firedog_domain::delivery::Outcome;
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use url::Url;

/// The whole conversation: grey-listing and virus scanners take seconds, the next contact method waits.
const TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Conversations at once; more make mail servers refuse.
const MAX_CONNECTIONS: usize = 10;
/// Connections kept open, and for how long; servers hang up after a few minutes.
const MAX_IDLE: usize = 4;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A mail server that takes our mail.
pub(super) struct Relay {
    host: String,
    port: u16,
    tls: Tls,
    parameters: TlsParameters,
    credentials: Option<Credentials>,
    hello: ClientId,
    slots: Slots,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: AsyncSmtpConnection,
    since: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tls {
    /// From the first byte (`smtps://`).
    Wrapped,
    /// STARTTLS or nothing: there is a password to protect.
    Required,
    /// STARTTLS where it is offered, with any certificate: better than plain, and nothing secret is said.
    Opportunistic,
}

/// How far the conversation came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Connect,
    Login,
    Envelope,
    /// The message went out, or part of it: it may have arrived.
    Content,
}

impl Relay {
    /// Reads `smtp://user:pass@host:port` (STARTTLS where offered; required with a password unless the
    /// host is loopback) or `smtps://…`. User and password are percent-encoded; `?tls=required` insists.
    pub(super) fn from_url(text: &str, hello: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("FIREDOG_SMTP_URL: {what}; write for example smtp://user:password@mail.example.org:587");
        let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("the host is missing"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let credentials = match (url.username(), url.password()) {
            ("", _) => None,
            (user, password) => {
                let decode = |text| percent_decoded(text).ok_or_else(|| wrong("user or password is not UTF-8"));
                Some(Credentials::new(decode(user)?, decode(password.unwrap_or(""))?))
            }
        };
        let insists = url.query_pairs().any(|(name, value)| name == "tls" && value == "required");
        let (tls, port) = match url.scheme() {
            "smtps" => (Tls::Wrapped, 465),
            "smtp" if insists || (credentials.is_some() && !loopback) => (Tls::Required, 587),
            "smtp" => (Tls::Opportunistic, 25),
            other => return Err(wrong(&format!("`{other}` is neither smtp nor smtps"))),
        };
        let parameters = TlsParameters::builder(host.clone())
            .certificate_store(trust::certificate_store())
            .dangerous_accept_invalid_certs(tls == Tls::Opportunistic)
            .dangerous_accept_invalid_hostnames(tls == Tls::Opportunistic)
            .build();
        Ok(Self {
            port: url.port().unwrap_or(port),
            host,
            tls,
            parameters: parameters.map_err(|error| wrong(&error.to_string()))?,
            credentials,
            hello: ClientId::Domain(hello.to_owned()),
            slots: Slots::new(MAX_CONNECTIONS),
            idle: Mutex::new(Vec::new()),
        })
    }

    /// Hands one mail over.
    pub(super) async fn send(&self, envelope: &Envelope, mail: &[u8]) -> Outcome {
        // Waiting for a turn is no part of the conversation: it has a bound of its own, and a message that got none surely did not
        // go out.
        let slot = match self.slots.take(&self.host).await {
            Ok(slot) => slot,
            Err(full) => return full.into(),
        };
        let handed_over = AtomicBool::new(false);
        let attempt = timeout(TIMEOUT, Box::pin(self.attempt(envelope, mail, &handed_over))).await;
        slot.answered(attempt.is_ok());
        match attempt {
            Ok(Ok(())) => Outcome::Sent,
            Ok(Err(outcome)) => outcome,
            Err(_) => {
                let reason = format!("the mail server did not answer within {} s", TIMEOUT.as_secs());
                if handed_over.load(Ordering::Relaxed) {
                    Outcome::Unknown { reason }
                } else {
                    Outcome::RetryAfter { after: None, reason }
                }
            }
        }
    }

    async fn attempt(&self, envelope: &Envelope, mail: &[u8], handed_over: &AtomicBool) -> Result<(), Outcome> {
        let mut connection = self.connection().await?;
        let result = talk(&mut connection, envelope, mail, handed_over).await;
        match &result {
            Ok(()) => self.park(connection),
            // QUIT is a courtesy; the connection closes anyway.
            Err(_) => drop(timeout(Duration::from_millis(200), connection.abort()).await),
        }
        result
    }

    /// Connects and logs in, and sends nothing: for `doctor`.
    pub(super) async fn check(&self) -> Result<(), Outcome> {
        self.park(self.connect().await?);
        Ok(())
    }

    /// One that is open, else a new one.
    async fn connection(&self) -> Result<AsyncSmtpConnection, Outcome> {
        while let Some(mut connection) = self.unpark() {
            // NOOP; a server that hung up meanwhile costs one round trip, not one attempt.
            if timeout(CONNECT_TIMEOUT, connection.test_connected()).await.unwrap_or(false) {
                return Ok(connection);
            }
        }
        self.connect().await
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Outcome> {
        let wrapped = (self.tls == Tls::Wrapped).then(|| self.parameters.clone());
        let address = (self.host.as_str(), self.port);
        let mut connection = AsyncSmtpConnection::connect_tokio1(address, Some(CONNECT_TIMEOUT), &self.hello, wrapped, None)
            .await
            .map_err(|error| outcome(&error, Step::Connect))?;
        if connection.can_starttls() {
            connection.starttls(self.parameters.clone(), &self.hello).await.map_err(|error| outcome(&error, Step::Connect))?;
        } else if self.tls == Tls::Required {
            let reason = format!("the mail server {} offers no STARTTLS, and the password must not go in plain text", self.host);
            return Err(Outcome::Misconfigured { reason });
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await.map_err(|error| outcome(&error, Step::Login))?;
        }
        Ok(connection)
    }

    fn unpark(&self) -> Option<AsyncSmtpConnection> {
        let mut idle = self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        idle.retain(|parked| parked.since.elapsed() < IDLE_TIMEOUT);
        idle.pop().map(|parked| parked.connection)
    }

    fn park(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if idle.len() < MAX_IDLE {
            idle.push(Idle { connection, since: Instant::now() });
        }
    }
}

async fn talk(
    connection: &mut AsyncSmtpConnection,
    envelope: &Envelope,
    mail: &[u8],
    handed_over: &AtomicBool,
) -> Result<(), Outcome> {
    let in_envelope = |error: Error| outcome(&error, Step::Envelope);
    let ascii = envelope.to().iter().chain(envelope.from()).all(|address| AsRef::<str>::as_ref(address).is_ascii());
    let mut parameters = Vec::new();
    if !ascii {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(Outcome::Rejected { reason: "the mail server takes no addresses beyond ASCII".to_owned() });
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    connection.command(Mail::new(envelope.from().cloned(), parameters)).await.map_err(in_envelope)?;
    for to in envelope.to() {
        connection.command(Rcpt::new(to.clone(), Vec::new())).await.map_err(in_envelope)?;
    }
    connection.command(Data).await.map_err(in_envelope)?;
    handed_over.store(true, Ordering::Relaxed);
    connection.message(mail).await.map_err(|error| outcome(&error, Step::Content))?;
    Ok(())
}

/// What an error at a step means. A reply is definite at every step; silence is definite only
/// before the content went out.
fn outcome(error: &Error, step: Step) -> Outcome {
    let reason = cut(&one_line(&error.to_string()), 300);
    match error.status().map(u16::from) {
        // Authentication required, too weak, failed, encryption required.
        Some(530 | 534 | 535 | 538) => Outcome::Misconfigured { reason },
        Some(_) if error.is_permanent() && matches!(step, Step::Connect | Step::Login) => Outcome::Misconfigured { reason },
        Some(_) if error.is_permanent() => Outcome::Rejected { reason },
        Some(_) => Outcome::RetryAfter { after: None, reason },
        None if step == Step::Content => {
            Outcome::Unknown { reason: format!("the connection broke after the message went out: {reason}") }
        }
        None if trust::is_untrusted(error) => Outcome::Misconfigured { reason },
        // No common way to log in.
        None if step == Step::Login && error.is_client() => Outcome::Misconfigured { reason },
        None => Outcome::RetryAfter { after: None, reason },
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
