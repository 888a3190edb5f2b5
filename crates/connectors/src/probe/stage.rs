//! What was found at each stage.

use crate::bounds::{cut, one_line};
use jiff::Timestamp;
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};
use tokio::time::Instant;

/// Longest reason, in characters.
const MAX_REASON: usize = 300;

/// One look at a target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Probed {
    /// From where.
    pub vantage: String,
    pub target: String,
    pub at: Timestamp,
    pub dns: Stage<Vec<IpAddr>>,
    pub tcp: Stage<SocketAddr>,
    /// `None`: the target has none.
    pub tls: Option<Stage<Certificate>>,
    pub http: Option<Stage<Page>>,
}

/// How one stage went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stage<T> {
    pub ms: u64,
    pub verdict: Verdict,
    /// Also of a stage that failed, if there was something to see.
    pub found: Option<T>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Fine,
    Failed {
        failure: Failure,
        /// In one line.
        reason: String,
    },
    /// A stage before it failed, or the target ends before it.
    NotTried,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    NoSuchName,
    /// The resolver itself does not answer.
    ResolverFailed,
    /// Nothing is ever sent there.
    Forbidden,
    TimedOut,
    Refused,
    Unreachable,
    /// A certificate of the chain has run out.
    Expired,
    NotYetValid,
    WrongName,
    /// Nobody whom we believe has signed it.
    UnknownIssuer,
    /// No certificate that can be believed, for another reason.
    Untrusted,
    /// No TLS, or none that we speak; or it was broken off.
    NoTls,
    /// No HTTP, or it was broken off.
    NoHttp,
    UnexpectedStatus,
}

/// The certificates that were shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Names that it is made for.
    pub names: Vec<String>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// When the first of the chain runs out; not after `not_after`.
    pub chain_not_after: Timestamp,
    /// How many certificates were shown.
    pub chain: usize,
    /// It is made for the name that was asked for.
    pub name_matches: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page {
    /// HTTP status.
    pub status: u16,
}

impl<T> Stage<T> {
    pub(super) fn not_tried() -> Self {
        Self { ms: 0, verdict: Verdict::NotTried, found: None }
    }

    pub(super) fn found(begun: Instant, found: T) -> Self {
        Self { ms: since(begun), verdict: Verdict::Fine, found: Some(found) }
    }

    pub(super) fn failed(begun: Instant, failure: Failure, reason: &str, found: Option<T>) -> Self {
        let reason = cut(&one_line(reason), MAX_REASON);
        Self { ms: since(begun), verdict: Verdict::Failed { failure, reason }, found }
    }

    pub(super) fn fine(&self) -> Option<&T> {
        self.found.as_ref().filter(|_| self.verdict == Verdict::Fine)
    }

    pub fn failure(&self) -> Option<Failure> {
        match self.verdict {
            Verdict::Failed { failure, .. } => Some(failure),
            _ => None,
        }
    }
}

impl Probed {
    pub(super) fn nothing(vantage: &str, target: &str, at: Timestamp) -> Self {
        let (vantage, target) = (vantage.to_owned(), target.to_owned());
        Self { vantage, target, at, dns: Stage::not_tried(), tcp: Stage::not_tried(), tls: None, http: None }
    }

    /// A connection was made, whatever was said over it.
    pub fn connects(&self) -> bool {
        self.tcp.fine().is_some()
    }

    /// Where it ended: the stage's name, and why. `None`: all is fine.
    pub fn failure(&self) -> Option<(&'static str, Failure)> {
        let stages = [
            ("dns", self.dns.failure()),
            ("tcp", self.tcp.failure()),
            ("tls", self.tls.as_ref().and_then(Stage::failure)),
            ("http", self.http.as_ref().and_then(Stage::failure)),
        ];
        stages.into_iter().find_map(|(name, failure)| Some((name, failure?)))
    }
}

fn since(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}
