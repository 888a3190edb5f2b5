//! How it is kept: SQLite and PostgreSQL behind one small layer.
//!
//! A named operation ([`Op`]) runs in one transaction ([`Tx`]) of a [`Store`]; the modules named by
//! nouns hold the statements that operations are made of. Every mutable row has a version (or a
//! fence), every update names it, and an update that meets another version writes nothing.
//! Time, ids and randomness come in as arguments.

pub mod account;
pub mod alert;
pub mod audit;
pub mod case;
pub mod contact_test;
pub mod cover;
pub mod device;
mod error;
pub mod event;
pub mod heartbeat;
pub mod idempotency;
mod lite;
pub mod live;
pub mod meta;
mod migrate;
pub mod node;
pub mod notification;
pub mod passkey;
mod pg;
pub mod quarantine;
pub mod retention;
mod rows;
pub mod run;
pub mod saved_filter;
pub mod session;
pub mod setup;
mod store;
pub mod timeline;
pub mod token;
mod tx;
mod value;
pub mod wake;

pub use error::{Error, Result};
pub use lite::{Fault, Faults, restore, verify_backup};
pub use store::{Fsync, OpStats, Stats, Store};
pub use tx::{BoxFut, Dialect, Op, Tx};
pub use value::{Row, Val};
