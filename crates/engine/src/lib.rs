//! How time passes: claim what is due, decide, commit, and only then act.
//!
//! [`Core`] is synchronous in effect (with the store inline none of its futures ever waits), so that the simulator
//! drives it step by step; [`Engine`] is the tokio shell around it.

mod act;
mod auditor;
mod changes;
mod clock;
mod core;
mod engine;
mod heartbeat;
mod ingest;
mod live;
mod news;
mod redact;
mod runs;
mod scene;
mod send;

pub use act::Raise;
pub use auditor::Health;
pub use clock::Clock;
pub use core::{Core, Options, Step};
pub use engine::Engine;
pub use heartbeat::Ping;
pub use ingest::Accepted;
pub use live::Applied;
pub use news::News;
pub use redact::Secrets;
pub use runs::{Hold, Moved, Perform, Runs};
pub use scene::Scene;

use firedog_domain::alert::Alert;
use firedog_domain::delivery::{Notification, Outcome};
use firedog_domain::setup::{Contact, User, Zone};
use std::pin::Pin;

/// A notification that has been claimed and is to be handed to a provider now.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatch {
    pub notification: Notification,
    pub user: User,
    pub contact: Contact,
    /// As it stood when the claim was committed.
    pub alert: Alert,
    /// Of the service that the alert is on, for people without a zone of their own.
    pub zone: Option<Zone>,
    /// Further pages that go to the same person in the same message (e-mail only).
    pub bundled: Vec<(Notification, Alert)>,
}

/// Hands messages to the outside world. The one thing the engine cannot do itself.
pub trait Deliver: Send + Sync + 'static {
    /// One attempt, bounded in time by the implementation. Never panics on what a provider answers.
    fn deliver(&self, dispatch: Dispatch) -> Pin<Box<dyn Future<Output = Outcome> + Send>>;
}

/// Why something was not done, by what the caller can do next.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum Error {
    /// It does not go with the present state.
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    NotFound(String),
    /// The request itself is wrong.
    #[error("{0}")]
    Refused(String),
    /// Full: try again in a moment.
    #[error("too much is going on; try again in a moment")]
    Busy,
    /// The store cannot be reached, or the answer was lost: it may or may not have been done.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// The store is damaged or the disk fails: the process has to end and recover.
    #[error("the database is broken: {0}")]
    Broken(String),
}

pub type Result<T> = std::result::Result<T, Error>;
