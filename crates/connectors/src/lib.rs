//! How we talk to others: one folder per outside system.
//!
//! Inbound dialects are plain parsing, without I/O: a body in, [`Event`](firedog_domain::event::Event)s
//! or a [`Refusal`] in the sender's own language out. Every event passes [`bounds`] and [`mask`]
//! before it leaves this crate. Outbound there is one function, [`Sender::send`], with one `match`
//! over the address: a new channel is one folder and one arm.
//!
//! Systems that an administrator has connected are called over a [`call::Site`]: its own auth, turns and bounds, and a
//! [`call::CallError`] that says what can be done next. Each of these folders has a `check` for `firedog doctor`.

pub mod alertmanager;
pub mod blackbox;
pub mod bounds;
pub mod call;
pub mod elasticsearch;
pub mod email;
pub mod generic;
pub mod grafana;
pub mod heartbeat;
mod http;
pub mod jenkins;
pub mod kubernetes;
pub mod marathon;
pub mod mask;
pub mod mesos;
pub mod message;
pub mod oidc;
mod output;
pub mod pagerduty;
pub mod portal;
pub mod probe;
pub mod prometheus;
pub mod push;
mod receipt;
mod refusal;
mod scalar;
mod sender;
pub mod slack;
mod slots;
pub mod targets;
mod trust;
pub mod webhook;
mod when;

pub use message::{AlertView, Aside, Message, Other};
pub use receipt::Receipt;
pub use refusal::Refusal;
pub use sender::{Sender, Settings};
