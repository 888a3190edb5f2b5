//! Proof of coverage: for every instant of a range and every single failure, how long until a human is reached.
//!
//! Time is cut where anything a trace consulted changes (a calendar boundary minus the delay at which it was
//! consulted); between two cuts all traces are alike, so one per cell proves the whole cell. A failure is answered by
//! the trace's first entry that survives it.

use crate::alert::Pin;
use crate::id::*;
use crate::setup::{Channel, Urgency};
use crate::suppression::{Live, World};
use crate::time::length_text;
use crate::trace::{Faults, Start, Trace, TraceEntry, simulate_until};
use jiff::{SignedDuration, Timestamp};

/// More findings than anybody reads; the rest of that policy is not looked at.
pub const MAX_FINDINGS: usize = 1_000;

/// A single thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// Nothing goes wrong.
    None,
    /// This person does not answer.
    Person(UserId),
    /// No contact method of this kind works.
    Channel(Channel),
}

/// A span in which an alert would not reach a human in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub policy: PolicyId,
    pub urgency: Urgency,
    pub from: Timestamp,
    pub until: Timestamp,
    pub failure: Failure,
    /// `None`: nobody at all. Low urgency: without the time that it waits for waking hours.
    pub reached_after: Option<SignedDuration>,
    /// The counterexample in words.
    pub reason: String,
}

/// Every span of `[from, to)` in which some alert, under no or one failure, would reach nobody within `within`.
pub fn prove(world: &World, from: Timestamp, to: Timestamp, within: SignedDuration) -> Vec<Finding> {
    // A push message rings on no silent phone: whoever is reached by nothing else is not reached.
    let world = &World { live: Live { devices: Default::default(), ..world.live.clone() }, ..world.clone() };
    let mut findings = Vec::new();
    for policy in world.setup.policies.iter() {
        for urgency in [Urgency::High, Urgency::Low] {
            let start = Start { service: None, policy: Pin::Policy(policy.id.clone()), urgency };
            let mut open: Vec<Finding> = Vec::new();
            let only_channel = only_channel(world, urgency);
            // Once somebody else and another channel have been seen, nothing later can be a first survivor.
            let enough = |entries: &[TraceEntry]| {
                entries.first().is_some_and(|first| {
                    entries.iter().any(|entry| entry.user != first.user)
                        && (only_channel || entries.iter().any(|entry| entry.channel != first.channel))
                })
            };
            let mut at = from;
            while at < to && findings.len() + open.len() < MAX_FINDINGS {
                let nobody = Faults { nobody_answers: true, ..Faults::default() };
                let trace = simulate_until(world, &start, at, &nobody, enough);
                let until = trace.holds_until.min(to);
                // A boundary in the past would stand still; the resolver never answers one, but a loop must not trust that.
                let until =
                    if until <= at { at.saturating_add(SignedDuration::from_secs(60)).unwrap_or(to).min(to) } else { until };
                cell(world, &trace, &policy.id, urgency, (at, until), within, &mut open, &mut findings);
                at = until;
            }
            findings.append(&mut open);
        }
    }
    findings.sort_by(|a, b| (&a.policy, a.urgency, a.from, &a.failure).cmp(&(&b.policy, b.urgency, b.from, &b.failure)));
    findings
}

/// Whether all rules of this urgency use one kind of contact method: then its failure leaves nobody, and no trace need be run
/// to its end to know that.
fn only_channel(world: &World, urgency: Urgency) -> bool {
    let mut channels = world.setup.users.iter().flat_map(|user| {
        let contacts = user.contacts();
        let used = user
            .rules_for(urgency)
            .into_iter()
            .filter_map(move |rule| contacts.iter().find(|c| c.id == rule.via).map(|c| c.address.channel()));
        used.collect::<Vec<_>>()
    });
    let first = channels.next();
    channels.all(|channel| Some(channel) == first)
}

/// Adds what a cell shows; a finding that goes on from the cell before it is made longer.
#[expect(clippy::too_many_arguments, reason = "one loop body, split for reading")]
fn cell(
    world: &World,
    trace: &Trace,
    policy: &PolicyId,
    urgency: Urgency,
    (from, until): (Timestamp, Timestamp),
    within: SignedDuration,
    open: &mut Vec<Finding>,
    done: &mut Vec<Finding>,
) {
    let mut found: Vec<Finding> = Vec::new();
    for failure in failures(trace) {
        let survivor = trace.entries.iter().find(|entry| survives(entry, &failure));
        let reached_after = survivor.map(|entry| entry.after - entry.asleep);
        if reached_after.is_some_and(|after| after <= within) {
            continue;
        }
        let reason = explain(world, trace, &failure, survivor, reached_after, within);
        found.push(Finding { policy: policy.clone(), urgency, from, until, failure, reached_after, reason });
    }
    let mut still = Vec::new();
    for before in open.drain(..) {
        let same = |f: &Finding| {
            f.from == before.until
                && f.failure == before.failure
                && f.reached_after == before.reached_after
                && f.reason == before.reason
        };
        match found.iter().position(same) {
            Some(i) => {
                let longer = found.remove(i);
                still.push(Finding { until: longer.until, ..before });
            }
            None => done.push(before),
        }
    }
    still.append(&mut found);
    *open = still;
}

/// The failures that can matter: only the loss of whoever, or whatever, comes first changes the first survivor.
fn failures(trace: &Trace) -> Vec<Failure> {
    let mut failures = vec![Failure::None];
    if let Some(first) = trace.entries.first() {
        let at_once = || trace.entries.iter().take_while(|entry| entry.after == first.after);
        if at_once().all(|entry| entry.user == first.user) {
            failures.push(Failure::Person(first.user.clone()));
        }
        if at_once().all(|entry| entry.channel == first.channel) {
            failures.push(Failure::Channel(first.channel));
        }
    }
    failures
}

fn survives(entry: &TraceEntry, failure: &Failure) -> bool {
    match failure {
        Failure::None => true,
        Failure::Person(user) => entry.user != *user,
        Failure::Channel(channel) => entry.channel != *channel,
    }
}

fn explain(
    world: &World,
    trace: &Trace,
    failure: &Failure,
    survivor: Option<&TraceEntry>,
    reached_after: Option<SignedDuration>,
    within: SignedDuration,
) -> String {
    let name = |user: &UserId| world.setup.user(user).map_or_else(|| user.to_string(), |u| u.display_name().to_owned());
    let when = match failure {
        Failure::None => String::new(),
        Failure::Person(user) => format!("if {} does not answer, ", name(user)),
        Failure::Channel(channel) => format!("if {} is down, ", channel.as_str()),
    };
    let what = match (survivor, reached_after) {
        (Some(entry), Some(after)) => format!(
            "the first to be reached is {} by {} after {}, later than {} ({})",
            name(&entry.user),
            entry.channel.as_str(),
            length_text(after),
            length_text(within),
            entry.reason
        ),
        _ => "nobody is ever reached".to_owned(),
    };
    let mut skipped: Vec<&str> = trace.skipped.iter().map(String::as_str).collect();
    skipped.dedup();
    // The first few say it; a policy with many passes repeats them.
    skipped.truncate(3);
    if skipped.is_empty() { format!("{when}{what}") } else { format!("{when}{what}; {}", skipped.join("; ")) }
}

#[cfg(test)]
mod tests;
