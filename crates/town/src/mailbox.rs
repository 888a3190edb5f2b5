//! A mail server that delivers nowhere: it takes mail over SMTP, shows it on a web page, and fails as it is told.

use crate::http::{bind, serve_until};
use serde::Serialize;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

mod mime;
mod page;
mod smtp;

/// Mails kept; the oldest go first. With the size bound of one mail it says how much memory a runaway sender can take.
const MAX_KEPT: usize = 1_024;

/// SMTP sessions at once; more wait in the kernel's queue. No client of ours opens more.
const MAX_SESSIONS: usize = 128;

/// The process is out of file descriptors, which takes a moment to pass.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Where in an SMTP dialogue a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Instead of the greeting.
    Connect,
    Mail,
    Recipient,
    Data,
    /// After the message's last line, before its answer: what a sender cannot tell from success when it goes wrong.
    Message,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// This reply code, such as 451 (later) or 550 (never).
    Reply(u16),
    /// The connection is closed without a reply. At [`Stage::Message`] the mail is kept all the same.
    Drop,
    /// No reply until the sender goes away or the mailbox stops.
    Hang,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub at: Stage,
    pub how: Failure,
    /// Only for mail to this address (whatever the case); needs a stage after [`Stage::Mail`].
    pub to: Option<String>,
}

impl Fault {
    pub fn new(at: Stage, how: Failure) -> Self {
        Self { at, how, to: None }
    }
    /// 451 for the recipient: try again later.
    pub fn busy() -> Self {
        Self::new(Stage::Recipient, Failure::Reply(451))
    }
    /// 550 for the recipient: no such address.
    pub fn rejected() -> Self {
        Self::new(Stage::Recipient, Failure::Reply(550))
    }
    /// The mail arrives, and its sender never learns it.
    pub fn drop_after_data() -> Self {
        Self::new(Stage::Message, Failure::Drop)
    }
    /// No reply to `MAIL`.
    pub fn hang() -> Self {
        Self::new(Stage::Mail, Failure::Hang)
    }
    pub fn to(self, address: &str) -> Self {
        Self { to: Some(address.to_owned()), ..self }
    }
}

/// One mail, as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Mail {
    /// 1, 2, 3 in the order of arrival.
    pub id: u64,
    /// Milliseconds since the mailbox was started.
    pub after_ms: u64,
    /// Sender and recipients of the envelope.
    pub from: String,
    pub to: Vec<String>,
    /// Unfolded, with encoded words decoded.
    pub subject: String,
    /// All header fields of the message, unfolded, undecoded, in order.
    pub headers: Vec<(String, String)>,
    /// The first plain text part, decoded; empty when there is none.
    pub text: String,
    /// The first HTML part, decoded.
    pub html: Option<String>,
    /// Whether the sender was told that it arrived.
    pub answered: bool,
}

impl Mail {
    /// The first header field of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The web addresses in the text part, in order.
    pub fn links(&self) -> Vec<&str> {
        page::split_links(&self.text).filter_map(|(_, link)| link).collect()
    }
}

/// A running mailbox. Dropping it ends it at once.
pub struct Mailbox {
    smtp: SocketAddr,
    web: SocketAddr,
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
}

struct Shared {
    started: Instant,
    book: Mutex<Book>,
    /// Counts mails, so that one can wait for the next.
    count: watch::Sender<u64>,
    stopped: watch::Sender<bool>,
}

#[derive(Default)]
struct Book {
    mails: VecDeque<Mail>,
    /// Used up one by one, before the standing ones.
    next: VecDeque<Fault>,
    standing: Vec<Fault>,
}

impl Mailbox {
    /// Takes SMTP on `smtp` or on any free port of 127.0.0.1, and serves its page on another: `GET /mails`,
    /// `GET /mails.json`.
    pub async fn start(smtp: Option<SocketAddr>) -> io::Result<Self> {
        let (smtp, web) = (bind(smtp).await?, bind(None).await?);
        let (smtp_addr, web_addr) = (smtp.local_addr()?, web.local_addr()?);
        let shared = Arc::new(Shared {
            started: Instant::now(),
            book: Mutex::default(),
            count: watch::channel(0).0,
            stopped: watch::channel(false).0,
        });
        let mut stopped = shared.stopped.subscribe();
        let pages = serve_until(web, page::router(shared.clone()), async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        });
        let tasks = [tokio::spawn(take_mail(smtp, shared.clone())), tokio::spawn(pages)];
        Ok(Self { smtp: smtp_addr, web: web_addr, shared, tasks })
    }

    pub fn smtp_addr(&self) -> SocketAddr {
        self.smtp
    }

    /// As `FIREDOG_SMTP_URL` takes it.
    pub fn smtp_url(&self) -> String {
        format!("smtp://{}", self.smtp)
    }

    /// The page for people.
    pub fn web_url(&self) -> String {
        format!("http://{}/mails", self.web)
    }

    /// Fails like this from now on, besides the faults set before. [`Mailbox::mend`] ends it.
    pub fn fail(&self, fault: Fault) {
        self.shared.book().standing.push(fault);
    }

    /// Fails like this once each, in order.
    pub fn fail_next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.book().next.extend(faults);
    }

    /// Forgets all faults. Sessions that hang already go on hanging.
    pub fn mend(&self) {
        let mut book = self.shared.book();
        book.next.clear();
        book.standing.clear();
    }

    /// Everything kept, in the order of arrival.
    pub fn mails(&self) -> Vec<Mail> {
        self.shared.book().mails.iter().cloned().collect()
    }

    /// Waits for a mail that `wanted` accepts, also one that came already; `None` when none comes within `within`.
    pub async fn wait_for(&self, wanted: impl Fn(&Mail) -> bool, within: Duration) -> Option<Mail> {
        let mut count = self.shared.count.subscribe();
        let found = async {
            loop {
                count.mark_unchanged();
                let found = self.shared.book().mails.iter().find(|mail| wanted(mail)).cloned();
                if found.is_some() || count.changed().await.is_err() {
                    return found;
                }
            }
        };
        tokio::time::timeout(within, found).await.ok().flatten()
    }

    pub async fn stop(mut self) {
        self.shared.stopped.send_replace(true);
        for task in &mut self.tasks {
            let _ = task.await;
        }
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Shared {
    /// A panic while it was held cannot have left the book half written: every change is one call.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, mut mail: Mail) {
        let mut book = self.book();
        mail.id = *self.count.borrow() + 1;
        mail.after_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let id = mail.id;
        book.mails.push_back(mail);
        if book.mails.len() > MAX_KEPT {
            book.mails.pop_front();
        }
        // Still under the lock, so that numbers and order agree.
        self.count.send_replace(id);
    }

    fn failure(&self, at: Stage, to: &[String]) -> Option<Failure> {
        let strikes = |fault: &Fault| {
            fault.at == at && fault.to.as_ref().is_none_or(|wanted| to.iter().any(|to| to.eq_ignore_ascii_case(wanted)))
        };
        let mut book = self.book();
        if let Some(fault) = book.next.pop_front_if(|fault| strikes(fault)) {
            return Some(fault.how);
        }
        book.standing.iter().find(|fault| strikes(fault)).map(|fault| fault.how)
    }
}

/// Ends with all its sessions when told to stop, or when it is dropped.
async fn take_mail(listener: TcpListener, shared: Arc<Shared>) {
    let mut stopped = shared.stopped.subscribe();
    tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => {}
        () = take_sessions(&listener, &shared) => {}
    }
}

async fn take_sessions(listener: &TcpListener, shared: &Arc<Shared>) {
    let permits = Arc::new(Semaphore::new(MAX_SESSIONS));
    let mut sessions = JoinSet::new();
    while let Ok(permit) = permits.clone().acquire_owned().await {
        // Those that have ended are let go here, so that the set never outgrows the permits by much.
        while sessions.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
            continue;
        };
        let shared = shared.clone();
        sessions.spawn(async move {
            let _permit = permit;
            // A client that goes away in the middle is the client's business.
            let _ = smtp::serve(stream, &shared).await;
        });
    }
}
