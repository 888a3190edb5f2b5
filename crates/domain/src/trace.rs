//! A policy run dry: the same decisions that page people, with a provider that always accepts and people who
//! do not answer. Minute by minute: who, how, why.

use crate::alert::{Actor, Alert, EntryKind, Input, Opening, Pin, decide, open};
use crate::delivery::{Delivery, Notification, Outcome, record};
use crate::escalation::past_last_pass;
use crate::event::Severity;
use crate::id::*;
use crate::setup::{Channel, Policy, Service, Urgency};
use crate::suppression::World;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A trace ends after this many decisions: no setup that loads comes near, and a mistake here must not hang a server.
const MAX_DECISIONS: usize = 20_000;

/// What is run dry.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// For its silences, maintenance and owning team.
    pub service: Option<ServiceId>,
    pub policy: Pin,
    pub urgency: Urgency,
}

impl Start {
    /// An alert of a service, with its own urgency unless told otherwise.
    pub fn service(world: &World, service: &Service, urgency: Option<Urgency>) -> Self {
        let policy = world.setup.policy_of(service);
        Self {
            service: Some(service.id.clone()),
            policy: policy.map_or(Pin::CatchAll, |policy| Pin::Policy(policy.id.clone())),
            urgency: urgency.unwrap_or(service.urgency),
        }
    }
}

/// Who does not answer, and what does not work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Nobody answers: the trace goes on into the catch-all. Otherwise it ends with the first person not in `silent`.
    pub nobody_answers: bool,
    pub silent: BTreeSet<UserId>,
    pub down: BTreeSet<Channel>,
}

/// One message that would reach somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceEntry {
    /// Since the alert.
    pub after: SignedDuration,
    /// Of that, waiting for waking hours: what low urgency means, not a fault.
    pub asleep: SignedDuration,
    pub user: UserId,
    pub contact: ContactId,
    pub channel: Channel,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// In order of time; up to and with the first round of the catch-all.
    pub entries: Vec<TraceEntry>,
    /// Steps that reached nobody, in words.
    pub skipped: Vec<String>,
    /// An alert at any instant from the start to before this one has the same trace.
    pub holds_until: Timestamp,
}

/// Runs `start` dry for an alert at `at`.
pub fn simulate(world: &World, start: &Start, at: Timestamp, faults: &Faults) -> Trace {
    simulate_until(world, start, at, faults, |_| false)
}

/// The same, but no further than `enough` says. What the trace says of its time (`holds_until`) then is about this part of it.
pub(crate) fn simulate_until(
    world: &World,
    start: &Start,
    at: Timestamp,
    faults: &Faults,
    enough: impl Fn(&[TraceEntry]) -> bool,
) -> Trace {
    let pinned = match &start.policy {
        Pin::Policy(id) => world.setup.policy(id),
        _ => None,
    };
    let (alert, fx) = open(world, opening(start), None, &Actor::System, at);
    let mut run = Run {
        at,
        pinned,
        alert,
        rows: Vec::new(),
        asleep: Vec::new(),
        trace: Trace { entries: Vec::new(), skipped: Vec::new(), holds_until: Timestamp::MAX },
    };
    run.take(fx, at, start.urgency);
    let catch_all = past_last_pass(pinned, &start.policy);
    let mut answered: Option<Timestamp> = None;
    for _ in 0..MAX_DECISIONS {
        let message = run
            .rows
            .iter()
            .enumerate()
            .filter(|(_, n)| n.state == Delivery::Pending)
            .filter_map(|(i, n)| Some((n.ready_at?, i)))
            .min();
        let due = run.alert.next.map(|next| next.at);
        match (message, due) {
            (Some((now, i)), due) if due.is_none_or(|due| now <= due) => {
                if answered.is_some_and(|at| now > at) {
                    break;
                }
                if run.attempt(world, i, now, faults, start.urgency) {
                    let reached = run.rows[i].user.clone();
                    if !faults.nobody_answers && !faults.silent.contains(&reached) {
                        answered = Some(now);
                    }
                    if enough(&run.trace.entries) {
                        break;
                    }
                }
            }
            (_, Some(now)) => {
                let second_round = run.alert.cursor.pass >= catch_all.pass && run.alert.cursor.step > 0;
                if second_round || answered.is_some() {
                    break;
                }
                run.decide(world, &Input::Due { leader: None, source_alive: true, storm: None }, now, start.urgency);
            }
            _ => break,
        }
    }
    run.trace
}

fn opening(start: &Start) -> Opening {
    Opening {
        id: AlertId::from("dry-run"),
        service: start.service.clone(),
        integration: None,
        dedup_key: String::new(),
        urgency: start.urgency,
        severity: Severity::Critical,
        summary: String::new(),
        source: None,
        labels: BTreeMap::new(),
        policy: start.policy.clone(),
        started_at: None,
        quiet_at: None,
        because: String::new(),
    }
}

struct Run<'a> {
    at: Timestamp,
    pinned: Option<&'a Policy>,
    alert: Alert,
    rows: Vec<Notification>,
    /// For each row: how much of its time since the alert was waiting for waking hours.
    asleep: Vec<SignedDuration>,
    trace: Trace,
}

impl Run<'_> {
    fn decide(&mut self, world: &World, input: &Input, now: Timestamp, urgency: Urgency) {
        let (alert, fx) = decide(world, self.pinned, &self.alert, input, &Actor::System, now);
        self.alert = alert;
        self.take(fx, now, urgency);
    }

    fn take(&mut self, fx: crate::alert::Effects, now: Timestamp, urgency: Urgency) {
        if fx.holds_until < Timestamp::MAX {
            let shift = fx.holds_until.duration_since(now);
            self.trace.holds_until = self.trace.holds_until.min(crate::time::after(self.at, shift));
        }
        if fx.cancel_pages {
            self.rows.iter_mut().filter(|n| n.state == Delivery::Pending).for_each(|n| n.state = Delivery::Cancelled);
        }
        let skipped = fx.entries.into_iter().filter(|entry| entry.kind == EntryKind::Skipped);
        self.trace.skipped.extend(skipped.filter_map(|entry| entry.reason));
        // Time asleep so far: what the pages before this one have waited (their waits begin at the first message).
        let slept: SignedDuration = self.asleep_of_last_page();
        for n in &fx.notifications {
            let own = fx.notifications.iter().filter(|m| m.user == n.user).filter_map(|m| m.ready_at).min().unwrap_or(now);
            let waits = if urgency == Urgency::Low { own.duration_since(now) } else { SignedDuration::ZERO };
            self.asleep.push(slept + waits);
        }
        self.rows.extend(fx.notifications);
    }

    fn asleep_of_last_page(&self) -> SignedDuration {
        let last = self.rows.last().map_or(0, |n| n.page);
        let of_page = self.rows.iter().zip(&self.asleep).filter(|(n, _)| n.page == last);
        of_page.map(|(_, asleep)| *asleep).min().unwrap_or(SignedDuration::ZERO)
    }

    /// One attempt; true when it reached the person.
    fn attempt(&mut self, world: &World, i: usize, now: Timestamp, faults: &Faults, urgency: Urgency) -> bool {
        let n = &mut self.rows[i];
        n.attempt += 1;
        n.state = Delivery::Sending;
        let n = n.clone();
        let outcome = if faults.down.contains(&n.channel) {
            Outcome::Rejected { reason: format!("{} is down", n.channel.as_str()) }
        } else {
            Outcome::Sent
        };
        let recorded = record(world, &self.alert, &self.rows, &n, &outcome, now);
        for changed in recorded.changed {
            if let Some(row) = self.rows.iter_mut().find(|row| row.id == changed.id) {
                *row = changed;
            }
        }
        for added in recorded.added {
            self.asleep.push(self.asleep[i]);
            self.rows.push(added);
        }
        let sent = outcome == Outcome::Sent;
        let wakes = n.channel.wakes();
        if sent {
            let (after, asleep) = (now.duration_since(self.at), self.asleep[i]);
            self.trace.entries.push(TraceEntry {
                after,
                asleep,
                user: n.user,
                contact: n.contact,
                channel: n.channel,
                reason: n.reason,
            });
        }
        if recorded.unreached {
            self.decide(world, &Input::Unreached, now, urgency);
        }
        sent && wakes
    }
}
