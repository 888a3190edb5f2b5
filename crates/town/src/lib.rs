//! A small town on loopback: doubles of the outside systems that Firedog deals with, for the demo, drills and tests.
//!
//! - [`Shop`]: a small HTTP service that breaks and heals on request.
//! - [`Prober`]: probes a URL and reports over PagerDuty's Events API v2, as a monitoring product would.
//! - [`Mailbox`]: an SMTP server with a web page for what it received.
//! - [`Inbox`]: a webhook receiver.
//! - [`Town`]: doubles of the systems that runbooks read and restart, under one [`Weather`], with a [`control::Control`].
//!
//! Everything here speaks real protocols over real sockets, and shares no type with Firedog: a double that uses the
//! client's own types proves nothing. Nothing here binds outside loopback.

pub mod control;
pub mod cores;
mod desk;
mod door;
pub mod hold;
mod http;
pub mod inbox;
pub mod jenkins;
pub mod kubernetes;
pub mod mailbox;
pub mod marathon;
pub mod mesos;
pub mod metrics;
pub mod portal;
pub mod prober;
pub mod search;
pub mod shop;
pub mod slack;
pub mod town;
pub mod vantage;
pub mod weather;

pub use http::client;
pub use inbox::{Answer, Inbox, Received};
pub use mailbox::{Failure, Fault, Mail, Mailbox, Stage};
pub use prober::{Probe, Prober, Reported, Seen, Sink};
pub use shop::{Condition, Shop};
pub use town::Town;
pub use weather::Weather;
