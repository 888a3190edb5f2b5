//! The receiving side of SMTP (RFC 5321), without AUTH and TLS.

use super::{Failure, Mail, Shared, Stage, mime};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Offered as SIZE (RFC 1870); a longer message is read and answered with 552.
const MAX_MAIL_BYTES: usize = 1 << 20;

/// RFC 5321 section 4.5.3.1.4 asks for 512 octets; extensions make commands longer.
const MAX_COMMAND_BYTES: usize = 2_048;

/// RFC 5321 section 4.5.3.1.8 asks for at least 100.
const MAX_RECIPIENTS: usize = 100;

/// Wrong commands before the session is closed: whatever talks like that is not a mail client.
const MAX_ERRORS: u32 = 20;

/// RFC 5321 section 4.5.3.2.7 asks a server to wait 5 minutes for the next command.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

struct Session<'a> {
    stream: BufReader<TcpStream>,
    shared: &'a Shared,
    greeted: bool,
    from: Option<String>,
    to: Vec<String>,
    errors: u32,
}

/// What to do after a command.
enum After {
    GoOn,
    Close,
}

enum Line {
    Text(String),
    TooLong,
    Closed,
}

/// Serves one connection to its end.
pub(super) async fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut session = Session { stream: BufReader::new(stream), shared, greeted: false, from: None, to: Vec::new(), errors: 0 };
    if let Some(failure) = shared.failure(Stage::Connect, &[]) {
        return session.fail(failure).await.map(drop);
    }
    session.reply("220 town.localhost ESMTP: a double that delivers nowhere").await?;
    while session.errors < MAX_ERRORS {
        let command = match tokio::time::timeout(IDLE_TIMEOUT, session.command()).await {
            Ok(Ok(Line::Text(command))) => command,
            Ok(Ok(Line::TooLong)) => {
                session.error("500 line too long").await?;
                continue;
            }
            Ok(Ok(Line::Closed)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => return session.reply("421 town.localhost waited long enough").await,
        };
        if let After::Close = session.obey(&command).await? {
            return Ok(());
        }
    }
    session.reply("421 town.localhost too many errors").await
}

impl Session<'_> {
    async fn obey(&mut self, command: &str) -> io::Result<After> {
        let (verb, argument) = command.split_once(' ').map_or((command, ""), |(verb, rest)| (verb, rest.trim()));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" | "HELO" if argument.is_empty() => self.error("501 say who you are").await,
            "HELO" => {
                self.greet();
                self.reply("250 town.localhost").await?;
                Ok(After::GoOn)
            }
            "EHLO" => {
                self.greet();
                self.reply(&format!("250-town.localhost\r\n250-SIZE {MAX_MAIL_BYTES}\r\n250-8BITMIME\r\n250 SMTPUTF8")).await?;
                Ok(After::GoOn)
            }
            "MAIL" => self.mail(argument).await,
            "RCPT" => self.recipient(argument).await,
            "DATA" => self.data().await,
            "RSET" => {
                self.reset();
                self.reply("250 forgotten").await?;
                Ok(After::GoOn)
            }
            "NOOP" => self.reply("250 fine").await.map(|()| After::GoOn),
            "VRFY" => self.reply("252 send, and see").await.map(|()| After::GoOn),
            "QUIT" => self.reply("221 town.localhost good night").await.map(|()| After::Close),
            "AUTH" | "STARTTLS" | "EXPN" | "HELP" => self.error("502 not offered").await,
            _ => self.error("500 unknown command").await,
        }
    }

    async fn mail(&mut self, argument: &str) -> io::Result<After> {
        if !self.greeted {
            return self.error("503 EHLO first").await;
        }
        if self.from.is_some() {
            return self.error("503 one mail at a time").await;
        }
        let Some((from, parameters)) = path(argument, "FROM:") else {
            return self.error("501 MAIL FROM:<address>").await;
        };
        let size =
            parameters.split_ascii_whitespace().find_map(|p| p.to_ascii_uppercase().strip_prefix("SIZE=").map(str::to_owned));
        if size.and_then(|size| size.parse::<usize>().ok()).is_some_and(|size| size > MAX_MAIL_BYTES) {
            return self.error("552 larger than SIZE").await;
        }
        if let Some(failure) = self.shared.failure(Stage::Mail, &[]) {
            return self.fail(failure).await;
        }
        self.from = Some(from.to_owned());
        self.reply("250 sender taken").await?;
        Ok(After::GoOn)
    }

    async fn recipient(&mut self, argument: &str) -> io::Result<After> {
        if self.from.is_none() {
            return self.error("503 MAIL first").await;
        }
        let Some((to, _)) = path(argument, "TO:").filter(|(to, _)| !to.is_empty()) else {
            return self.error("501 RCPT TO:<address>").await;
        };
        if self.to.len() >= MAX_RECIPIENTS {
            return self.error("452 too many recipients").await;
        }
        let to = to.to_owned();
        if let Some(failure) = self.shared.failure(Stage::Recipient, std::slice::from_ref(&to)) {
            return self.fail(failure).await;
        }
        self.to.push(to);
        self.reply("250 recipient taken").await?;
        Ok(After::GoOn)
    }

    async fn data(&mut self) -> io::Result<After> {
        if self.to.is_empty() {
            return self.error("503 RCPT first").await;
        }
        if let Some(failure) = self.shared.failure(Stage::Data, &self.to) {
            return self.fail(failure).await;
        }
        self.reply("354 end with a dot on a line of its own").await?;
        let message = tokio::time::timeout(IDLE_TIMEOUT, self.message()).await.map_err(|_| io::ErrorKind::TimedOut)??;
        let (from, to) = (self.from.take().unwrap_or_default(), std::mem::take(&mut self.to));
        let Some(message) = message else {
            return self.error("552 larger than SIZE").await;
        };
        let failure = self.shared.failure(Stage::Message, &to);
        if matches!(failure, None | Some(Failure::Drop)) {
            let read = mime::read(&message);
            self.shared.keep(Mail {
                from,
                to,
                subject: read.subject,
                headers: read.headers,
                text: read.text.unwrap_or_default(),
                html: read.html,
                answered: failure.is_none(),
                ..Mail::default()
            });
        }
        match failure {
            Some(failure) => self.fail(failure).await,
            None => self.reply("250 taken").await.map(|()| After::GoOn),
        }
    }

    /// Reads to the final dot (section 4.1.1.4: only `CRLF . CRLF` ends it), taking away the dots of section 4.5.2.
    /// `None` when it was too long; it is read to its end all the same.
    async fn message(&mut self) -> io::Result<Option<Vec<u8>>> {
        let (mut message, mut line) = (Vec::new(), Vec::new());
        let (mut at_start_of_line, mut too_long) = (true, false);
        loop {
            line.clear();
            // A line longer than the bound comes in pieces, of which only the first is at the start of a line.
            let read = (&mut self.stream).take(MAX_COMMAND_BYTES as u64).read_until(b'\n', &mut line).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if at_start_of_line && line == b".\r\n" {
                return Ok((!too_long).then_some(message));
            }
            let stuffed = at_start_of_line && line.starts_with(b".");
            at_start_of_line = line.ends_with(b"\r\n");
            too_long = too_long || message.len() + line.len() > MAX_MAIL_BYTES;
            if !too_long {
                message.extend_from_slice(&line[usize::from(stuffed)..]);
            }
        }
    }

    async fn command(&mut self) -> io::Result<Line> {
        let mut line = Vec::new();
        let mut too_long = false;
        loop {
            let read = (&mut self.stream).take(MAX_COMMAND_BYTES as u64).read_until(b'\n', &mut line).await?;
            if read == 0 {
                return Ok(Line::Closed);
            }
            if line.ends_with(b"\n") {
                break;
            }
            too_long = true;
            line.clear();
        }
        if too_long {
            return Ok(Line::TooLong);
        }
        Ok(Line::Text(String::from_utf8_lossy(&line).trim_end().to_owned()))
    }

    fn greet(&mut self) {
        self.greeted = true;
        self.reset();
    }

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
    }

    async fn reply(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(format!("{text}\r\n").as_bytes()).await
    }

    async fn error(&mut self, text: &str) -> io::Result<After> {
        self.errors += 1;
        self.reply(text).await?;
        Ok(After::GoOn)
    }

    async fn fail(&mut self, failure: Failure) -> io::Result<After> {
        match failure {
            Failure::Reply(code) => {
                self.reply(&format!("{code} the town was told to fail here")).await?;
                // 421 announces that the server closes (section 3.8).
                Ok(if code == 421 { After::Close } else { After::GoOn })
            }
            Failure::Drop => Ok(After::Close),
            Failure::Hang => {
                let mut ignored = [0; 1_024];
                while self.stream.read(&mut ignored).await? > 0 {}
                Ok(After::Close)
            }
        }
    }
}

/// `FROM:<a@b> SIZE=1` to `a@b` and the parameters.
fn path<'a>(argument: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let start = argument.get(..keyword.len())?;
    if !start.eq_ignore_ascii_case(keyword) {
        return None;
    }
    argument[keyword.len()..].trim_start().strip_prefix('<')?.split_once('>')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, Mailbox};

    const DEADLINE: Duration = Duration::from_secs(10);

    struct Client(BufReader<TcpStream>);

    impl Client {
        async fn connect(mailbox: &Mailbox) -> Self {
            Self(BufReader::new(TcpStream::connect(mailbox.smtp_addr()).await.unwrap()))
        }

        /// Connects, and says hello.
        async fn greeted(mailbox: &Mailbox) -> Self {
            let mut client = Self::connect(mailbox).await;
            assert!(client.answer().await.starts_with("220 "));
            assert!(client.say("EHLO test").await.contains("SIZE"));
            client
        }

        async fn write(&mut self, text: &str) {
            self.0.write_all(text.as_bytes()).await.unwrap();
        }

        /// The whole reply, its lines joined; empty when the connection was closed.
        async fn answer(&mut self) -> String {
            let mut reply = String::new();
            loop {
                let mut line = String::new();
                let read =
                    tokio::time::timeout(DEADLINE, self.0.read_line(&mut line)).await.expect("a reply in time").unwrap_or(0);
                reply.push_str(&line);
                if read == 0 || line.as_bytes().get(3) != Some(&b'-') {
                    return reply;
                }
            }
        }

        async fn say(&mut self, text: &str) -> String {
            self.write(&format!("{text}\r\n")).await;
            self.answer().await
        }

        /// Says it, and expects this reply code.
        async fn expect(&mut self, text: &str, code: &str) {
            let answer = self.say(text).await;
            assert!(answer.starts_with(code), "`{text}` was answered with {answer:?}, not {code}");
        }
    }

    #[tokio::test]
    async fn takes_mail_and_takes_the_stuffed_dots_away() {
        let mailbox = Mailbox::start(None).await.unwrap();
        let mut client = Client::greeted(&mailbox).await;
        client.expect("mail from:<firedog@example.org> SIZE=100 BODY=8BITMIME", "250").await;
        client.expect("RCPT TO:<ada@example.org>", "250").await;
        client.expect("RCPT TO: <grace@example.org>", "250").await;
        client.expect("DATA", "354").await;
        client.expect("Subject: On fire\r\n\r\none\r\n..two\r\n...\r\n.three\n.\nend\r\n.", "250").await;
        client.expect("QUIT", "221").await;
        let mail = mailbox.mails().remove(0);
        assert_eq!(
            (mail.id, mail.from.as_str(), mail.subject.as_str(), mail.answered),
            (1, "firedog@example.org", "On fire", true)
        );
        assert_eq!(mail.to, ["ada@example.org", "grace@example.org"]);
        assert_eq!(mail.text, "one\n.two\n..\nthree\n.\nend\n");
        mailbox.stop().await;
    }

    #[tokio::test]
    async fn a_second_mail_in_the_same_session() {
        let mailbox = Mailbox::start(None).await.unwrap();
        let mut client = Client::greeted(&mailbox).await;
        for name in ["ada", "grace"] {
            client.expect("MAIL FROM:<>", "250").await;
            client.expect(&format!("RCPT TO:<{name}@example.org>"), "250").await;
            client.expect("DATA", "354").await;
            client.expect("\r\nhello\r\n.", "250").await;
        }
        let found: Vec<_> = mailbox.mails().into_iter().map(|mail| (mail.id, mail.to)).collect();
        assert_eq!(found, [(1, vec!["ada@example.org".to_owned()]), (2, vec!["grace@example.org".to_owned()])]);
    }

    #[tokio::test]
    async fn commands_out_of_order_and_nonsense_are_answered_and_survived() {
        let mailbox = Mailbox::start(None).await.unwrap();
        let mut client = Client::connect(&mailbox).await;
        client.answer().await;
        client.expect("MAIL FROM:<a@example.org>", "503").await;
        client.expect("EHLO", "501").await;
        client.expect("HELO test", "250").await;
        client.expect("RCPT TO:<a@example.org>", "503").await;
        client.expect("DATA", "503").await;
        client.expect("MAIL FROM:a@example.org", "501").await;
        client.expect("MAIL TO:<é", "501").await;
        client.expect("MAIL FROM:<a@example.org> SIZE=999999999", "552").await;
        client.expect("AUTH PLAIN", "502").await;
        client.expect("STARTTLS", "502").await;
        client.expect("WOOF", "500").await;
        client.expect(&"x".repeat(10_000), "500").await;
        client.expect("MAIL FROM:<a@example.org>", "250").await;
        client.expect("MAIL FROM:<b@example.org>", "503").await;
        client.expect("RCPT TO:<>", "501").await;
        client.expect("RSET", "250").await;
        client.expect("DATA", "503").await;
        client.expect("NOOP", "250").await;
        client.expect("VRFY ada", "252").await;
        client.expect("QUIT", "221").await;
        assert_eq!(client.answer().await, "");
        assert!(mailbox.mails().is_empty());
    }

    #[tokio::test]
    async fn closes_on_endless_nonsense() {
        let mailbox = Mailbox::start(None).await.unwrap();
        let mut client = Client::greeted(&mailbox).await;
        for _ in 0..MAX_ERRORS {
            client.expect("WOOF", "500").await;
        }
        assert!(client.answer().await.starts_with("421"));
        assert_eq!(client.answer().await, "");
    }

    #[tokio::test]
    async fn a_message_beyond_its_bound_is_refused_and_the_session_goes_on() {
        let mailbox = Mailbox::start(None).await.unwrap();
        let mut client = Client::greeted(&mailbox).await;
        client.expect("MAIL FROM:<a@example.org>", "250").await;
        client.expect("RCPT TO:<b@example.org>", "250").await;
        client.expect("DATA", "354").await;
        client.write(&format!("{}\r\n", "x".repeat(5_000)).repeat(MAX_MAIL_BYTES / 5_000 + 1)).await;
        client.expect(".", "552").await;
        client.expect("NOOP", "250").await;
        assert!(mailbox.mails().is_empty());
    }

    #[tokio::test]
    async fn faults_strike_where_they_are_told_to() {
        let mailbox = Mailbox::start(None).await.unwrap();
        mailbox.fail_next([Fault::busy(), Fault::rejected(), Fault::new(Stage::Message, Failure::Reply(452))]);
        let mut client = Client::greeted(&mailbox).await;
        client.expect("MAIL FROM:<a@example.org>", "250").await;
        client.expect("RCPT TO:<b@example.org>", "451").await;
        client.expect("RCPT TO:<b@example.org>", "550").await;
        client.expect("RCPT TO:<b@example.org>", "250").await;
        client.expect("DATA", "354").await;
        client.expect("\r\nfirst\r\n.", "452").await;
        assert!(mailbox.mails().is_empty());

        mailbox.fail(Fault::rejected().to("ADA@example.org"));
        client.expect("MAIL FROM:<a@example.org>", "250").await;
        client.expect("RCPT TO:<ada@example.org>", "550").await;
        client.expect("RCPT TO:<grace@example.org>", "250").await;
        mailbox.mend();
        client.expect("RCPT TO:<ada@example.org>", "250").await;

        mailbox.fail_next([Fault::new(Stage::Connect, Failure::Reply(421)), Fault::new(Stage::Connect, Failure::Drop)]);
        assert!(Client::connect(&mailbox).await.answer().await.starts_with("421"));
        assert_eq!(Client::connect(&mailbox).await.answer().await, "");
        assert!(Client::connect(&mailbox).await.answer().await.starts_with("220"));
    }

    #[tokio::test]
    async fn drop_after_data_keeps_the_mail_that_its_sender_does_not_know_of() {
        let mailbox = Mailbox::start(None).await.unwrap();
        mailbox.fail_next([Fault::drop_after_data()]);
        let mut client = Client::greeted(&mailbox).await;
        client.expect("MAIL FROM:<a@example.org>", "250").await;
        client.expect("RCPT TO:<b@example.org>", "250").await;
        client.expect("DATA", "354").await;
        assert_eq!(client.say("\r\nlost answer\r\n.").await, "");
        let mail = mailbox.wait_for(|mail| mail.text == "lost answer\n", DEADLINE).await.unwrap();
        assert!(!mail.answered);
    }

    #[tokio::test]
    async fn hangs_without_a_reply_and_stops_all_the_same() {
        let mailbox = Mailbox::start(None).await.unwrap();
        mailbox.fail(Fault::hang());
        let mut client = Client::greeted(&mailbox).await;
        client.write("MAIL FROM:<a@example.org>\r\n").await;
        let mut line = String::new();
        assert!(tokio::time::timeout(Duration::from_millis(50), client.0.read_line(&mut line)).await.is_err());
        tokio::time::timeout(DEADLINE, mailbox.stop()).await.unwrap();
        assert_eq!(client.answer().await, "");
    }
}
