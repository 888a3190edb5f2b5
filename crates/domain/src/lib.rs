//! What is true: setup, schedules, escalation, alerts, and [`decide`](alert::decide), the plain
//! function that everything Firedog exists for goes through. No clock, no randomness, no I/O, no
//! `async` in this crate: time and ids come in as arguments.

pub mod alert;
pub mod case;
pub mod cover;
pub mod delivery;
pub mod diagnosis;
pub mod escalation;
pub mod event;
pub mod id;
pub mod matcher;
pub mod prove;
pub mod route;
pub mod runbook;
pub mod schedule;
pub mod setup;
pub mod suppression;
pub mod time;
pub mod trace;
