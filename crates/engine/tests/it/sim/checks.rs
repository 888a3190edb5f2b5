//! What must hold after every step, checked against the whole database.

use super::book::Book;
use super::provider::Provider;
use super::seen::Seen;
use firedog_domain::alert::{Alert, EntryKind, NextKind, State};
use firedog_domain::delivery::{Delivery, Kind, Notification};
use firedog_domain::id::*;
use firedog_domain::time::mins;
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};

impl Book {
    /// `timely`: no node has come back with its clock set wrong, so that intervals are ours to keep.
    pub(crate) fn check(&self, seen: &Seen, provider: &Provider, timely: bool) -> Result<(), String> {
        self.events(seen)?;
        alerts(seen)?;
        deliveries(seen, provider)?;
        if timely { pace(seen) } else { Ok(()) }
    }

    /// I1: every accepted event is there exactly once, and belongs to the alert that the answer named.
    fn events(&self, seen: &Seen) -> Result<(), String> {
        let mut found: BTreeMap<u64, Vec<&AlertId>> = BTreeMap::new();
        for (n, alert) in seen.events() {
            found.entry(n).or_default().push(alert);
        }
        for (n, alert) in &self.accepted {
            if found.get(n).is_none_or(|kept| *kept != [alert]) {
                return Err(format!("I1: accepted event {n} of alert {alert} is kept as {:?}", found.get(n)));
            }
        }
        match found.keys().find(|n| !self.accepted.contains_key(n) && !self.unknown.contains(n)) {
            Some(n) => Err(format!("I1: event {n} is kept although it was refused")),
            None => Ok(()),
        }
    }
}

/// I2, I6, I11, I13, and what the auditor sees.
fn alerts(seen: &Seen) -> Result<(), String> {
    let mut open: BTreeSet<(&ServiceId, &str)> = BTreeSet::new();
    for alert in seen.alerts.values() {
        let id = &alert.id;
        if let Some(service) = alert.service.as_ref().filter(|_| alert.is_open())
            && !open.insert((service, &alert.dedup_key))
        {
            return Err(format!("I6: two open alerts for {service}/{}", alert.dedup_key));
        }
        next_action(alert)?;
        // I11: whatever holds an alert back is named, and ends.
        if alert.state == State::Triggered && alert.next.is_some_and(|n| n.kind == NextKind::Release) {
            let names = |reason: &str| reason.contains("until") || reason.contains("again at");
            if !seen.entries(id).any(|e| e.kind == EntryKind::Held && e.reason.as_deref().is_some_and(names)) {
                return Err(format!("I11: {id} is held back and nothing says by what"));
            }
        }
        // I11: whom an alert waits behind pages people itself.
        if let Some(leader) = &alert.follows {
            let pages = |l: &Alert| l.state == State::Triggered && l.next.is_some_and(|n| n.kind == NextKind::Page);
            if !seen.alerts.get(leader).is_some_and(pages) {
                return Err(format!("I11: {id} waits behind {leader}, which does not page: {:?}", seen.alerts.get(leader)));
            }
        }
        // I13: the pinned setup exists.
        if alert.is_open() && !seen.setups.contains_key(&alert.setup_version) {
            return Err(format!("I13: {id} pins setup {} which is gone", alert.setup_version));
        }
    }
    match seen.without_next.first() {
        Some(broken) => Err(format!("I2: the auditor finds {}", broken.id)),
        None => Ok(()),
    }
}

/// I2: exactly one thing happens next to an alert that is open, nothing to one that is not.
fn next_action(alert: &Alert) -> Result<(), String> {
    let id = &alert.id;
    let kind = alert.next.map(|next| next.kind);
    match (alert.state, kind) {
        (State::Triggered, Some(NextKind::Page | NextKind::Release)) => Ok(()),
        (State::Triggered, _) => Err(format!("I2: {id} is triggered and waits for {:?}", alert.next)),
        (State::Acknowledged, Some(NextKind::Page | NextKind::Release)) => {
            Err(format!("I2: {id} is acknowledged and would page"))
        }
        (State::Acknowledged, None) if alert.service.as_ref().is_some_and(|s| s.as_str() == "api") => {
            Err(format!("I2: {id} is acknowledged without its timeout"))
        }
        (State::Acknowledged, _) => Ok(()),
        (State::Resolved, None) if alert.resolved_at.is_some() && alert.resolved_because.is_some() && alert.follows.is_none() => {
            Ok(())
        }
        (State::Resolved, _) => Err(format!("I2: {id} is resolved, but not tidily")),
    }
}

/// I1, I4, I5: the outbox against what arrived.
fn deliveries(seen: &Seen, provider: &Provider) -> Result<(), String> {
    for (id, fences) in &provider.arrived {
        if !seen.notifications.contains_key(id) {
            return Err(format!("I1: {id} was sent and is in no outbox"));
        }
        // Each claim is one attempt. That there is no claim too many, the book has seen to.
        if fences.iter().collect::<BTreeSet<_>>().len() != fences.len() {
            return Err(format!("I5: {id} was sent twice under one claim: {fences:?}"));
        }
    }
    for n in seen.notifications.values().filter(|n| n.kind == Kind::Page && n.state == Delivery::Pending) {
        let state = seen.alerts.get(&n.alert).map(|alert| alert.state);
        if state != Some(State::Triggered) {
            return Err(format!("I4: {} waits to be sent for an alert that is {state:?}", n.id));
        }
    }
    Ok(())
}

/// I9: no step comes earlier after the one before it than the pinned policy says, unless something in the timeline says why.
fn pace(seen: &Seen) -> Result<(), String> {
    let mut pages: BTreeMap<&AlertId, BTreeMap<u32, &Notification>> = BTreeMap::new();
    for n in seen.notifications.values().filter(|n| n.kind == Kind::Page) {
        let page = pages.entry(&n.alert).or_default().entry(n.page).or_insert(n);
        if n.created_at < page.created_at {
            *page = n;
        }
    }
    for (alert, pages) in pages {
        for ((_, before), (_, after)) in pages.iter().zip(pages.iter().skip(1)) {
            let wait = wait_of(seen, alert, before);
            let between = before.created_at..=after.created_at;
            let hurried = seen.entries(alert).any(|e| between.contains(&e.at) && hurries(e.kind));
            let waited = after.created_at.duration_since(before.created_at);
            if !hurried && waited < wait {
                return Err(format!(
                    "I9: {alert} paged {} at {}, only {waited:#} after {}",
                    after.user, after.created_at, before.id
                ));
            }
        }
    }
    Ok(())
}

/// The wait after a page, by the setup that the alert pinned (the waits differ between the two).
fn wait_of(seen: &Seen, alert: &AlertId, page: &Notification) -> SignedDuration {
    // Reassigning pins the setup of that moment; the pages before it were made under another.
    let given_away = seen.entries(alert).any(|e| e.kind == EntryKind::Reassigned);
    let slow = !given_away && seen.alerts.get(alert).and_then(|a| seen.setups.get(&a.setup_version)).is_some_and(|slow| *slow);
    match () {
        () if page.reason.starts_with("step 1") => mins(if slow { 7 } else { 5 }),
        () if page.reason.starts_with("step 2") => mins(if slow { 12 } else { 10 }),
        () => mins(30),
    }
}

/// What lets the next page come before its time.
fn hurries(kind: EntryKind) -> bool {
    use EntryKind::*;
    matches!(kind, Escalated | Reassigned | Unacknowledged | AckExpired | SnoozeEnded | Released | Event)
}
