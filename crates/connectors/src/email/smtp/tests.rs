//! A mail server scripted by hand: what each answer at each step comes to.

use super::*;
use crate::email::tests::page;
use crate::email::{Mailer, compose};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// One line of the script: wait for a line that begins so, then say this. An empty answer hangs up.
type Exchange = (&'static str, &'static str);

const HELLO: [Exchange; 1] = [("EHLO firedog.example", "250-mail\r\n250 8BITMIME\r\n")];
const ENVELOPE: [Exchange; 3] = [
    ("MAIL FROM:<firedog@firedog.example>", "250 ok\r\n"),
    ("RCPT TO:<ada@example.org>", "250 ok\r\n"),
    ("DATA", "354 go on\r\n"),
];

struct Server {
    lines: BufReader<TcpStream>,
}

impl Server {
    async fn accept(listener: &TcpListener, greeting: &str) -> Self {
        let (stream, _) = listener.accept().await.unwrap();
        let mut server = Self { lines: BufReader::new(stream) };
        server.say(greeting).await;
        server
    }

    async fn say(&mut self, text: &str) {
        self.lines.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).await.unwrap();
        line
    }

    async fn play(&mut self, script: &[Exchange]) {
        for (expected, answer) in script {
            let line = self.line().await;
            assert!(line.starts_with(expected), "expected {expected}, got {line}");
            if answer.is_empty() {
                return;
            }
            self.say(answer).await;
        }
    }

    /// Up to the lonely dot.
    async fn mail(&mut self) -> String {
        let mut mail = String::new();
        loop {
            let line = self.line().await;
            if line == ".\r\n" || line.is_empty() {
                return mail;
            }
            mail.push_str(&line);
        }
    }
}

fn url(listener: &TcpListener, user: &str) -> String {
    format!("smtp://{user}127.0.0.1:{}", listener.local_addr().unwrap().port())
}

fn relay(url: &str) -> Relay {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Relay::from_url(url, "firedog.example").unwrap()
}

async fn send(relay: &Relay) -> Outcome {
    let from = "Firedog <firedog@firedog.example>".parse().unwrap();
    let mail = compose::mail(&page(), &from, "ada@example.org").unwrap();
    relay.send(mail.envelope(), &mail.formatted()).await
}

async fn bind() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// The outcome of a conversation that follows the script and then hangs up.
async fn played(user: &str, greeting: &str, script: &[Exchange]) -> Outcome {
    let listener = bind().await;
    let relay = relay(&url(&listener, user));
    let server = async { Server::accept(&listener, greeting).await.play(script).await };
    tokio::join!(send(&relay), server).0
}

fn script(parts: &[&[Exchange]]) -> Vec<Exchange> {
    parts.concat()
}

#[tokio::test]
async fn a_mail_is_handed_over_and_the_connection_kept() {
    let listener = bind().await;
    let relay = relay(&url(&listener, ""));
    let server = async {
        let mut server = Server::accept(&listener, "220 mail ready\r\n").await;
        server.play(&script(&[&HELLO, &ENVELOPE])).await;
        let mail = server.mail().await;
        server.say("250 queued\r\n").await;
        server.play(&[("NOOP", "250 ok\r\n")]).await;
        server.play(&ENVELOPE).await;
        let again = server.mail().await;
        server.say("250 queued\r\n").await;
        (mail, again)
    };
    let both = async { (send(&relay).await, send(&relay).await) };
    let (outcomes, (mail, again)) = tokio::join!(both, server);
    assert_eq!(outcomes, (Outcome::Sent, Outcome::Sent));
    assert!(mail.contains("Subject: HIGH checkout: p99 above 2s"), "{mail}");
    assert!(
        mail.contains("p99 above 2s\r\nWhy you: on call on pupper-primary\r\nAcknowledge: https://firedog.example/a/tok"),
        "{mail}"
    );
    assert_eq!(mail, again, "the same mail, the same Message-ID");
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced() {
    let listener = bind().await;
    let relay = relay(&url(&listener, ""));
    let server = async {
        for _ in 0..2 {
            let mut server = Server::accept(&listener, "220 mail ready\r\n").await;
            server.play(&script(&[&HELLO, &ENVELOPE])).await;
            server.mail().await;
            server.say("250 queued\r\n").await;
        }
    };
    let both = async { (send(&relay).await, send(&relay).await) };
    assert_eq!(tokio::join!(both, server).0, (Outcome::Sent, Outcome::Sent));
}

#[tokio::test]
async fn replies_are_definite_at_every_step() {
    let ready = "220 mail ready\r\n";
    let quit: [Exchange; 1] = [("QUIT", "221 bye\r\n")];
    let cases: [(&str, Vec<Exchange>, &str); 7] = [
        ("421 too busy\r\n", vec![], "retry_after"),
        ("554 not here\r\n", vec![], "misconfigured"),
        (ready, script(&[&HELLO, &[("MAIL", "451 greylisted, try again\r\n")], &quit]), "retry_after"),
        (ready, script(&[&HELLO, &[("MAIL", "530 authentication required\r\n")], &quit]), "misconfigured"),
        (ready, script(&[&HELLO, &ENVELOPE[..1], &[("RCPT", "550 no such user\r\n")], &quit]), "rejected"),
        (ready, script(&[&HELLO, &ENVELOPE[..1], &[("RCPT", "450 mailbox busy\r\n")], &quit]), "retry_after"),
        (ready, script(&[&HELLO, &ENVELOPE[..2], &[("DATA", "")]]), "retry_after"),
    ];
    for (greeting, script, expected) in cases {
        let outcome = played("", greeting, &script).await;
        assert_eq!(outcome.as_str(), expected, "{script:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn after_the_content_silence_is_unknown_and_a_reply_is_not() {
    for (answer, expected) in
        [("", "unknown"), ("250 queued\r\n", "sent"), ("554 spam\r\n", "rejected"), ("452 disk full\r\n", "retry_after")]
    {
        let listener = bind().await;
        let relay = relay(&url(&listener, ""));
        let server = async {
            let mut server = Server::accept(&listener, "220 mail ready\r\n").await;
            server.play(&script(&[&HELLO, &ENVELOPE])).await;
            server.mail().await;
            if !answer.is_empty() {
                server.say(answer).await;
            }
        };
        let (outcome, ()) = tokio::join!(send(&relay), server);
        assert_eq!(outcome.as_str(), expected, "{answer}: {outcome:?}");
    }
}

#[tokio::test]
async fn no_answer_in_time_is_unknown_only_after_the_content() {
    for (lines, expected) in [(1, "retry_after"), (4, "unknown")] {
        let listener = bind().await;
        let relay = relay(&url(&listener, ""));
        let server = async {
            let mut server = Server::accept(&listener, "220 mail ready\r\n").await;
            server.play(&script(&[&HELLO, &ENVELOPE])[..lines]).await;
            if lines == 4 {
                server.mail().await;
            } else {
                server.line().await;
            }
            // From here only the clock moves.
            tokio::time::pause();
            server
        };
        let (outcome, _server) = tokio::join!(send(&relay), server);
        tokio::time::resume();
        assert_eq!(outcome.as_str(), expected, "{outcome:?}");
    }
}

#[tokio::test]
async fn logging_in() {
    let ready = "220 mail ready\r\n";
    let hello: [Exchange; 1] = [("EHLO", "250-mail\r\n250 AUTH PLAIN LOGIN\r\n")];
    // \0us er\0p:w
    let auth = "AUTH PLAIN AHVzIGVyAHA6dw==";
    let failed = played("us%20er:p%3Aw@", ready, &script(&[&hello, &[(auth, "535 wrong\r\n")]])).await;
    assert_eq!(failed.as_str(), "misconfigured", "{failed:?}");
    let busy = played("us%20er:p%3Aw@", ready, &script(&[&hello, &[(auth, "454 later\r\n")]])).await;
    assert_eq!(busy.as_str(), "retry_after", "{busy:?}");
    let none = played("user:pw@", ready, &HELLO).await;
    assert_eq!(none.as_str(), "misconfigured", "no way to log in: {none:?}");
}

#[tokio::test]
async fn nothing_listening() {
    let listener = bind().await;
    let relay = relay(&url(&listener, ""));
    drop(listener);
    assert_eq!(send(&relay).await.as_str(), "retry_after");
}

#[tokio::test]
async fn a_password_does_not_go_over_a_plain_connection() {
    let listener = bind().await;
    let mut relay = relay(&url(&listener, "user:pw@"));
    assert_eq!(relay.tls, Tls::Opportunistic, "loopback may go without");
    relay.tls = Tls::Required;
    let server =
        async { Server::accept(&listener, "220 mail ready\r\n").await.play(&[("EHLO", "250-mail\r\n250 AUTH PLAIN\r\n")]).await };
    let (outcome, ()) = tokio::join!(send(&relay), server);
    assert_eq!(outcome.as_str(), "misconfigured", "{outcome:?}");
}

#[test]
fn urls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let read =
        |url: &str| Relay::from_url(url, "h").map(|relay| (relay.host, relay.port, relay.tls, relay.credentials.is_some()));
    for (url, relay) in [
        ("smtp://mail.example.org", ("mail.example.org", 25, Tls::Opportunistic, false)),
        ("smtp://mail.example.org:2525", ("mail.example.org", 2525, Tls::Opportunistic, false)),
        ("smtp://mail.example.org?tls=required", ("mail.example.org", 587, Tls::Required, false)),
        ("smtp://u:p@mail.example.org", ("mail.example.org", 587, Tls::Required, true)),
        ("smtp://u:p@localhost:1025", ("localhost", 1025, Tls::Opportunistic, true)),
        ("smtp://u:p@[::1]:1025", ("::1", 1025, Tls::Opportunistic, true)),
        ("smtps://u:p@mail.example.org", ("mail.example.org", 465, Tls::Wrapped, true)),
    ] {
        assert_eq!(read(url), Ok((relay.0.to_owned(), relay.1, relay.2, relay.3)), "{url}");
    }
    for bad in ["mail.example.org:25", "http://mail.example.org", "", "smtp://", "smtp:///x"] {
        assert!(read(bad).unwrap_err().contains("FIREDOG_SMTP_URL"), "{bad}");
    }
}

#[tokio::test]
async fn a_mailer_sends_end_to_end() {
    let listener = bind().await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = crate::Settings {
        smtp_url: Some(url(&listener, "")),
        public_url: "https://firedog.example".to_owned(),
        ..Default::default()
    };
    let mailer = Mailer::new(&settings).unwrap();
    let server = async {
        let mut server = Server::accept(&listener, "220 mail ready\r\n").await;
        server.play(&script(&[&HELLO, &ENVELOPE])).await;
        server.mail().await;
        server.say("250 queued\r\n").await;
    };
    let page = page();
    assert_eq!(tokio::join!(mailer.send(&page, "ada@example.org"), server).0, Outcome::Sent);
}

/// Takes one mail over STARTTLS, with a certificate that nobody vouches for; whether it came.
fn serve_tls(listener: &std::net::TcpListener) -> bool {
    use rustls::pki_types::pem::PemObject;
    use std::io::{BufRead, BufReader, Write};
    let certificate = rustls::pki_types::CertificateDer::from_pem_slice(include_bytes!("../testdata/self-signed.pem")).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(include_bytes!("../testdata/self-signed-key.pem")).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let (mut plain, _) = listener.accept().unwrap();
    plain.write_all(b"220 mail ready\r\n").unwrap();
    let mut line = String::new();
    let mut lines = BufReader::new(plain.try_clone().unwrap());
    lines.read_line(&mut line).unwrap();
    plain.write_all(b"250-mail\r\n250 STARTTLS\r\n").unwrap();
    lines.read_line(&mut line).unwrap();
    plain.write_all(b"220 go on\r\n").unwrap();
    let connection = rustls::ServerConnection::new(config.into()).unwrap();
    let mut stream = BufReader::new(rustls::StreamOwned::new(connection, plain));
    loop {
        line.clear();
        // A client that does not believe the certificate hangs up here.
        if !stream.read_line(&mut line).is_ok_and(|read| read > 0) {
            return false;
        }
        let answer: &[u8] = match line.get(..4) {
            Some("DATA") => b"354 go on\r\n",
            Some("EHLO" | "MAIL" | "RCPT") => b"250 ok\r\n",
            _ if line == ".\r\n" => b"250 queued\r\n",
            _ => continue,
        };
        stream.get_mut().write_all(answer).unwrap();
        if line == ".\r\n" {
            return true;
        }
    }
}

#[tokio::test]
async fn a_self_signed_relay_is_better_than_plain_but_not_good_enough_for_a_password() {
    for (query, expected) in [("", "sent"), ("?tls=required", "misconfigured")] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = relay(&format!("smtp://127.0.0.1:{}{query}", listener.local_addr().unwrap().port()));
        let server = tokio::task::spawn_blocking(move || serve_tls(&listener));
        let (outcome, came) = tokio::join!(send(&relay), server);
        assert_eq!((outcome.as_str(), came.unwrap()), (expected, expected == "sent"), "{outcome:?}");
    }
}
