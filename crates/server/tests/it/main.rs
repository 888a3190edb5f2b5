//! Stories: the real router with a manual clock and a provider that only writes down what it was given, on both
//! databases. Every JSON answer of the API is held against the OpenAPI document.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, but not what they share")]

mod acknowledge;
mod alertmanager;
mod alerts;
mod approve;
mod case;
mod catalogue;
mod changes;
mod chat;
mod connection;
mod cover;
mod delivery;
mod diagnosis;
mod document;
mod failures;
mod ingest;
mod leave;
mod look;
mod matrix;
mod objects;
mod operation;
mod pagerduty;
#[path = "../../../../tests/support/postgres.rs"]
mod postgres;
mod reach;
mod repeat;
mod restart;
mod roles;
mod run;
mod server;
mod setup;
mod sign_in;
mod storm;
mod tidy;
mod timeline;
mod town;
mod vendor;
mod watch;
mod write;
