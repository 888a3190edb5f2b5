//! The product: use cases ([`ops`]), the HTTP API, the dialects of senders, instant pages, the command line.
//!
//! The API, the dialects and the pages never call each other and never write SQL; all call [`ops`], so acknowledging
//! an alert is one function however it is asked for.

pub mod api;
pub mod app;
pub mod auth;
mod body;
pub mod cli;
pub mod config;
pub mod deliver;
pub mod demo;
pub mod dialect;
mod drill;
pub mod front;
pub mod limit;
mod listen;
pub mod metrics;
pub mod ops;
pub mod page;
pub mod secret;
pub mod serve;
mod stage;
pub mod stream;
mod town;
mod web;
pub mod words;
