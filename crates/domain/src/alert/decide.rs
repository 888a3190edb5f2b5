//! `decide`: what an input makes of an alert. Plain, total, and the same for paging people,
//! previewing a policy, and proving coverage.

use super::*;
use crate::delivery::{Kind, Notification};
use crate::escalation::{self, Stage};
use crate::event::{Event, Routing};
use crate::setup::{Group, Policy, Service};
use crate::suppression::{Awake, Held, World, held, waking};
use crate::time::{after, instant_text, length_text, mins, secs};
use jiff::SignedDuration;

/// While the source's own heartbeat is missing, its silence says nothing: look again after this.
const QUIET_RECHECK: SignedDuration = mins(1);

/// While another group pages already, a new one may wait so long to see whether it is a storm.
const STORM_LOOK: SignedDuration = secs(30);

/// When every contact method of the catch-all has failed, it is tried again after this: whoever mends the mail server
/// should not have to wait for the next round.
const CATCH_ALL_RETRY: SignedDuration = mins(1);

/// What happens to an alert.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The source says again that it is so.
    Trigger(Box<Event>, Urgency),
    Acknowledge,
    Resolve,
    /// Acknowledged until then; afterwards it pages again.
    Snooze {
        until: Timestamp,
    },
    /// Page the next step now.
    Escalate,
    /// Nobody has it any more: a mistake is taken back, or whoever had it cannot go on.
    Unacknowledge,
    /// Somebody else, or another policy, has to answer for it from now on.
    Reassign {
        to: Pin,
    },
    Note {
        text: String,
    },
    /// The engine looks because a time has come or the world around the alert has changed.
    Due {
        /// The alert that this one follows, if it still does.
        leader: Option<State>,
        /// False while the heartbeat of the alert's own source is missing.
        source_alive: bool,
        /// Of an alert of another group than its leader's: whether so many groups fail that they page as one.
        storm: Option<bool>,
    },
    /// The alert that it followed does not lead any more; this one does.
    Follow(AlertId),
    /// Every notification of its latest page has failed for good.
    Unreached,
}

/// What a decision leads to beside the new state of the alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Effects {
    pub entries: Vec<Entry>,
    pub notifications: Vec<Notification>,
    /// Pages that have not gone out yet must not go out any more.
    pub cancel_pages: bool,
    /// Tell those already paged.
    pub tell: Option<Kind>,
    /// Followers go the way of their leader: acknowledged with it, or released when it no longer pages.
    pub followers: bool,
    /// Nothing was done, for this reason.
    pub refused: Option<&'static str>,
    /// The same input at any earlier instant not before `now` would have led to the same people.
    pub holds_until: Timestamp,
}

impl Effects {
    fn none() -> Self {
        Self {
            entries: Vec::new(),
            notifications: Vec::new(),
            cancel_pages: false,
            tell: None,
            followers: false,
            refused: None,
            holds_until: Timestamp::MAX,
        }
    }

    fn refused(why: &'static str) -> Self {
        Self { refused: Some(why), ..Self::none() }
    }

    fn note(&mut self, now: Timestamp, kind: EntryKind, user: Option<&UserId>, reason: impl Into<Option<String>>) {
        self.entries.push(Entry {
            at: now,
            kind,
            user: user.cloned(),
            contact: None,
            channel: None,
            outcome: None,
            reason: reason.into(),
        });
    }
}

/// A new alert in the making: everything that is not decided here.
#[derive(Clone, Debug, PartialEq)]
pub struct Opening {
    pub id: AlertId,
    pub service: Option<ServiceId>,
    pub integration: Option<IntegrationId>,
    pub dedup_key: String,
    pub urgency: Urgency,
    pub severity: Severity,
    pub summary: String,
    pub source: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub policy: Pin,
    pub started_at: Option<Timestamp>,
    pub quiet_at: Option<Timestamp>,
    /// In words, for the timeline: what opened it.
    pub because: String,
}

impl Opening {
    /// An alert from an event. A service without any policy, or a route that failed, is the catch-all's.
    pub fn from_event(id: AlertId, world: &World, event: &Event, routing: &Routing, quiet_at: Option<Timestamp>) -> Self {
        use crate::event::Because;
        let policy = world.setup.service(&routing.service).and_then(|service| world.setup.policy_of(service));
        let from = format!("from {}", event.integration);
        let (policy, because) = match (&routing.because, policy) {
            (Because::RouteFailed(at, why), _) => (Pin::CatchAll, format!("{from}; route {} failed: {why}", at + 1)),
            (_, None) => (Pin::CatchAll, format!("{from}; service {} has no policy", routing.service)),
            (Because::Route(at), Some(policy)) => (Pin::Policy(policy.id.clone()), format!("{from}; route {} matched", at + 1)),
            (Because::NoRoute, Some(policy)) => (Pin::Policy(policy.id.clone()), from),
        };
        Self {
            id,
            service: Some(routing.service.clone()),
            integration: Some(event.integration.clone()),
            dedup_key: event.dedup_key.clone(),
            urgency: routing.urgency,
            severity: event.severity,
            summary: event.summary.clone(),
            source: event.source.clone(),
            labels: event.labels.clone(),
            policy,
            started_at: event.started_at,
            quiet_at,
            because,
        }
    }
}

/// Opens an alert and makes its first page. `leader`: the open alert of its group, if there is one.
pub fn open(world: &World, opening: Opening, leader: Option<&Alert>, by: &Actor, now: Timestamp) -> (Alert, Effects) {
    let mut alert = Alert {
        id: opening.id,
        version: 0,
        service: opening.service,
        integration: opening.integration,
        dedup_key: opening.dedup_key,
        state: State::Triggered,
        urgency: opening.urgency,
        severity: opening.severity,
        summary: opening.summary,
        source: opening.source,
        labels: opening.labels,
        count: 1,
        created_at: now,
        updated_at: now,
        acknowledged_by: None,
        resolved_at: None,
        resolved_because: None,
        policy: opening.policy,
        setup_version: world.version,
        cursor: Cursor::default(),
        next: None,
        quiet_at: opening.quiet_at,
        started_at: opening.started_at,
        pages: 0,
        follows: None,
    };
    let mut fx = Effects::none();
    fx.note(now, EntryKind::Triggered, by.user(), opening.because);
    let pinned = match &alert.policy {
        Pin::Policy(id) => world.setup.policy(id),
        _ => None,
    };
    match leader {
        // Whoever acknowledged the leader has seen what it listed then, not this one.
        Some(leader) if leader.state == State::Triggered => {
            let is_apart = group_of(world, &alert).is_some_and(|group| !group.agree(&alert.labels, &leader.labels));
            let until = if is_apart { after(now, STORM_LOOK) } else { follow_until(world, &alert, now) };
            alert.follows = Some(leader.id.clone());
            alert.next = Some(Next { at: until, kind: NextKind::Release });
            let reason = match is_apart {
                true => format!(
                    "alert {} pages already: waits until {until:.0}, whether more fail and all of them page as one",
                    leader.id
                ),
                false => format!("grouped with alert {}: is paged together with it, looked at again at {until}", leader.id),
            };
            fx.note(now, EntryKind::Held, None, reason);
        }
        _ => page_now(world, pinned, &mut alert, now, &mut fx),
    }
    (alert, fx)
}

/// What `input` makes of `alert`. `pinned` is the policy that the alert pinned, from the setup of its `setup_version`.
pub fn decide(
    world: &World,
    pinned: Option<&Policy>,
    alert: &Alert,
    input: &Input,
    by: &Actor,
    now: Timestamp,
) -> (Alert, Effects) {
    let mut next = alert.clone();
    let fx = step(world, pinned, &mut next, input, by, now);
    if fx.refused.is_none() {
        // A clock that was set back must not make an alert younger than it was.
        next.updated_at = now.max(alert.updated_at);
    }
    (next, fx)
}

fn step(world: &World, pinned: Option<&Policy>, alert: &mut Alert, input: &Input, by: &Actor, now: Timestamp) -> Effects {
    let mut fx = Effects::none();
    if let Input::Note { text } = input {
        fx.note(now, EntryKind::Note, by.user(), text.clone());
        return fx;
    }
    if !alert.is_open() {
        return Effects::refused("the alert is already resolved");
    }
    match input {
        Input::Trigger(event, urgency) => triggered(world, pinned, alert, event, *urgency, now, &mut fx),
        Input::Acknowledge => {
            let first = alert.state == State::Triggered;
            acknowledge(alert, by);
            let service = alert.service.as_ref().and_then(|id| world.setup.service(id));
            alert.next = ack_expiry(service, now);
            fx.note(now, EntryKind::Acknowledged, by.user(), said_by(by));
            fx.cancel_pages = true;
            fx.followers = true;
            fx.tell = first.then_some(Kind::Acknowledged);
        }
        Input::Snooze { until } => {
            let first = alert.state == State::Triggered;
            acknowledge(alert, by);
            alert.next = Some(Next { at: (*until).max(now), kind: NextKind::SnoozeEnds });
            fx.note(now, EntryKind::Snoozed, by.user(), format!("until {until}, then it pages again"));
            fx.cancel_pages = true;
            fx.followers = true;
            fx.tell = first.then_some(Kind::Acknowledged);
        }
        Input::Resolve => {
            let because = if matches!(by, Actor::Source(_)) { Resolved::Source } else { Resolved::Person };
            resolve(alert, because, now, &mut fx);
            fx.note(now, EntryKind::Resolved, by.user(), said_by(by));
        }
        Input::Escalate => {
            fx.note(now, EntryKind::Escalated, by.user(), said_by(by));
            retrigger(alert);
            // Whoever asks for the next person has a reason; a silence is for machines that complain.
            page_through(world, pinned, alert, now, &mut fx);
        }
        Input::Unacknowledge => {
            if alert.state != State::Acknowledged {
                return Effects::refused("nobody has it; there is nothing to take back");
            }
            fx.note(now, EntryKind::Unacknowledged, by.user(), said_by(by));
            retrigger(alert);
            alert.cursor = Cursor::default();
            page_now(world, pinned, alert, now, &mut fx);
        }
        Input::Reassign { to } => {
            fx.note(now, EntryKind::Reassigned, by.user(), format!("to {}", String::from(to.clone())));
            fx.cancel_pages = true;
            // Its followers were asked of somebody else.
            fx.followers = true;
            retrigger(alert);
            alert.policy = to.clone();
            alert.setup_version = world.version;
            alert.cursor = Cursor::default();
            let pinned = match to {
                Pin::Policy(id) => world.setup.policy(id),
                _ => None,
            };
            // As with escalating: whoever names a person means it, silence or not.
            page_through(world, pinned, alert, now, &mut fx);
        }
        Input::Due { leader, source_alive, storm } => due(world, pinned, alert, (*leader, *storm), *source_alive, now, &mut fx),
        Input::Follow(leader) if alert.follows.is_some() => {
            alert.follows = Some(leader.clone());
            fx.note(
                now,
                EntryKind::Held,
                None,
                format!("the alert it was grouped with no longer pages: goes on with alert {leader}"),
            );
        }
        Input::Follow(_) => {}
        Input::Unreached => unreached(world, pinned, alert, now, &mut fx),
        Input::Note { .. } => unreachable!("handled above"),
    }
    fx
}

fn said_by(by: &Actor) -> Option<String> {
    match by {
        Actor::User(_) => None,
        Actor::Token(name) => Some(format!("by API token {name}")),
        Actor::Source(integration) => Some(format!("by its source {integration}")),
        Actor::System => Some("by Firedog".to_owned()),
    }
}

fn acknowledge(alert: &mut Alert, by: &Actor) {
    alert.state = State::Acknowledged;
    alert.acknowledged_by = by.user().cloned();
    alert.follows = None;
}

fn ack_expiry(service: Option<&Service>, now: Timestamp) -> Option<Next> {
    let timeout = service?.ack_timeout?;
    Some(Next { at: after(now, timeout), kind: NextKind::AckExpires })
}

fn resolve(alert: &mut Alert, because: Resolved, now: Timestamp, fx: &mut Effects) {
    alert.state = State::Resolved;
    alert.resolved_at = Some(now);
    alert.resolved_because = Some(because);
    alert.next = None;
    alert.quiet_at = None;
    alert.follows = None;
    fx.cancel_pages = true;
    fx.followers = true;
    fx.tell = (alert.pages > 0).then_some(Kind::Resolved);
}

/// Nobody has it any more.
fn retrigger(alert: &mut Alert) {
    alert.state = State::Triggered;
    alert.acknowledged_by = None;
    alert.follows = None;
}

fn triggered(
    world: &World,
    pinned: Option<&Policy>,
    alert: &mut Alert,
    event: &Event,
    urgency: Urgency,
    now: Timestamp,
    fx: &mut Effects,
) {
    alert.count = alert.count.saturating_add(1);
    alert.quiet_at = event.valid_until.or(alert.quiet_at);
    if !event.summary.is_empty() {
        alert.summary.clone_from(&event.summary);
    }
    alert.severity = event.severity;
    // The urgency only rises: a calmer repeat must not make a page at night wait for the morning.
    if urgency == Urgency::High && alert.urgency == Urgency::Low {
        alert.urgency = Urgency::High;
        fx.note(now, EntryKind::Event, None, "urgency rose to high".to_owned());
        if alert.state == State::Triggered {
            // The alert that it followed may be one that waits for the morning.
            alert.follows = None;
            alert.cursor = Cursor::default();
            fx.cancel_pages = true;
            page_now(world, pinned, alert, now, fx);
        }
    }
}

fn due(
    world: &World,
    pinned: Option<&Policy>,
    alert: &mut Alert,
    (leader, storm): (Option<State>, Option<bool>),
    source_alive: bool,
    now: Timestamp,
    fx: &mut Effects,
) {
    if alert.quiet_at.is_some_and(|at| at <= now) {
        if source_alive {
            resolve(alert, Resolved::SourceQuiet, now, fx);
            return fx.note(now, EntryKind::Resolved, None, "source_quiet: the source stopped sending it".to_owned());
        }
        alert.quiet_at = Some(after(now, QUIET_RECHECK));
    }
    let is_due = alert.next.is_some_and(|next| next.at <= now);
    match (alert.state, alert.next.map(|next| next.kind)) {
        (State::Acknowledged, Some(NextKind::AckExpires)) if is_due => {
            fx.note(
                now,
                EntryKind::AckExpired,
                alert.acknowledged_by.clone().as_ref(),
                "acknowledged, but not resolved in time: paging again".to_owned(),
            );
            retrigger(alert);
            alert.cursor = Cursor::default();
            page_now(world, pinned, alert, now, fx);
        }
        (State::Acknowledged, Some(NextKind::SnoozeEnds)) if is_due => {
            fx.note(now, EntryKind::SnoozeEnded, None, "the snooze is over: paging again".to_owned());
            retrigger(alert);
            alert.cursor = Cursor::default();
            page_now(world, pinned, alert, now, fx);
        }
        (State::Triggered, Some(NextKind::Release)) if alert.follows.is_some() => {
            if leader == Some(State::Triggered) {
                let first_look = alert.next.is_some_and(|next| next.at == storm_look(alert));
                match storm {
                    Some(false) if is_due && first_look => {
                        alert.follows = None;
                        fx.note(now, EntryKind::Released, None, "few others fail: pages by itself".to_owned());
                        return page_now(world, pinned, alert, now, fx);
                    }
                    Some(true) if is_due && first_look => {
                        fx.note(now, EntryKind::Held, None, "many fail at once: all of them page as one".to_owned());
                    }
                    _ => {}
                }
                if is_due {
                    alert.next = Some(Next { at: follow_until(world, alert, now), kind: NextKind::Release });
                }
            } else {
                alert.follows = None;
                fx.note(now, EntryKind::Released, None, "the alert it was grouped with no longer pages".to_owned());
                page_now(world, pinned, alert, now, fx);
            }
        }
        (State::Triggered, Some(NextKind::Release)) => {
            match held(world, alert.service.as_ref(), alert.integration.as_ref(), &alert.labels, now) {
                Some(held) => hold(alert, &held, now, fx),
                None => {
                    fx.note(now, EntryKind::Released, None, "nothing holds it back any more".to_owned());
                    // Holding it cancelled what had not gone out, and whoever had been asked has been let go since.
                    alert.cursor = Cursor::default();
                    page_now(world, pinned, alert, now, fx);
                }
            }
        }
        (State::Triggered, Some(NextKind::Page)) if is_due => page_now(world, pinned, alert, now, fx),
        (State::Triggered, Some(NextKind::Page)) => {
            if let Some(held) = held(world, alert.service.as_ref(), alert.integration.as_ref(), &alert.labels, now) {
                hold(alert, &held, now, fx);
            }
        }
        // A triggered alert without a next action cannot be written down by this module. Should a row say so all
        // the same (a bug, a hand in the database), it pages at once rather than never.
        (State::Triggered, _) => page_now(world, pinned, alert, now, fx),
        (State::Acknowledged | State::Resolved, _) => {}
    }
}

fn unreached(world: &World, pinned: Option<&Policy>, alert: &mut Alert, now: Timestamp, fx: &mut Effects) {
    let Some(next) = alert.next.filter(|next| alert.state == State::Triggered && next.kind == NextKind::Page) else {
        return;
    };
    let first_round = escalation::past_last_pass(pinned, &alert.policy);
    if alert.cursor > first_round {
        // Nothing comes after the catch-all. Trying it again at once would only spin.
        let at = next.at.min(after(now, CATCH_ALL_RETRY));
        alert.next = Some(Next { at, kind: NextKind::Page });
        return fx.note(
            now,
            EntryKind::Skipped,
            None,
            format!("every contact method of the catch-all has failed: tried again in {}", length_text(at.duration_since(now))),
        );
    }
    fx.note(now, EntryKind::Escalated, None, "every contact method of this step has failed".to_owned());
    page_now(world, pinned, alert, now, fx);
}

fn follow_until(world: &World, alert: &Alert, now: Timestamp) -> Timestamp {
    after(now, group_of(world, alert).map_or(mins(5), |group| group.window))
}

fn group_of<'a>(world: &'a World, alert: &Alert) -> Option<&'a Group> {
    world.setup.service(alert.service.as_ref()?)?.group.as_ref()
}

/// When it is looked at whether an alert is one of a storm.
pub fn storm_look(alert: &Alert) -> Timestamp {
    after(alert.created_at, STORM_LOOK)
}

fn hold(alert: &mut Alert, held: &Held, now: Timestamp, fx: &mut Effects) {
    let next = Next { at: held.until, kind: NextKind::Release };
    if alert.next == Some(next) {
        return;
    }
    alert.next = Some(next);
    fx.cancel_pages = true;
    // What holds this one back may not be about them.
    fx.followers = true;
    let why = if held.why.is_empty() { String::new() } else { format!(" ({})", held.why) };
    fx.note(now, EntryKind::Held, None, format!("held back by {}{why} until {}", held.by, instant_text(held.until)));
}

/// Pages the stage at the cursor, skipping what reaches nobody, and sets the next action. Always ends with one.
fn page_now(world: &World, pinned: Option<&Policy>, alert: &mut Alert, now: Timestamp, fx: &mut Effects) {
    if let Some(held) = held(world, alert.service.as_ref(), alert.integration.as_ref(), &alert.labels, now) {
        return hold(alert, &held, now, fx);
    }
    page_through(world, pinned, alert, now, fx);
}

/// [`page_now`], whatever would hold it back.
fn page_through(world: &World, pinned: Option<&Policy>, alert: &mut Alert, now: Timestamp, fx: &mut Effects) {
    let catch_all = escalation::past_last_pass(pinned, &alert.policy);
    let began = alert.cursor;
    loop {
        let stage = escalation::stage(world, pinned, alert, alert.cursor);
        if stage.is_catch_all {
            alert.cursor.pass = alert.cursor.pass.max(catch_all.pass);
            return page_catch_all(world, pinned, alert, &stage, now, fx);
        }
        if page_stage(world, pinned, alert, &stage, now, fx) {
            return;
        }
        alert.cursor = escalation::advance(pinned, &alert.policy, alert.cursor);
        // A whole pass that reaches nobody now: further passes at this same instant would not either.
        if alert.cursor.pass > began.pass && alert.cursor.step >= began.step {
            alert.cursor = alert.cursor.max(catch_all);
        }
    }
}

fn page_catch_all(world: &World, pinned: Option<&Policy>, alert: &mut Alert, stage: &Stage, now: Timestamp, fx: &mut Effects) {
    fx.note(
        now,
        EntryKind::CatchAll,
        None,
        format!("nobody has acknowledged: the catch-all is paged every {}", crate::time::length_text(stage.wait)),
    );
    if page_stage(world, pinned, alert, stage, now, fx) {
        return;
    }
    let everybody = Stage {
        targets: escalation::everybody(world),
        label: "everybody: even the catch-all reaches nobody".to_owned(),
        ..stage.clone()
    };
    if page_stage(world, pinned, alert, &everybody, now, fx) {
        return;
    }
    alert.cursor = escalation::advance(pinned, &alert.policy, alert.cursor);
    alert.next = Some(Next { at: after(now, stage.wait), kind: NextKind::Page });
}

/// Pages everyone a stage reaches; false when that is nobody.
fn page_stage(
    world: &World,
    pinned: Option<&Policy>,
    alert: &mut Alert,
    stage: &Stage,
    now: Timestamp,
    fx: &mut Effects,
) -> bool {
    let reach = escalation::reach(world, &stage.targets, now);
    fx.holds_until = fx.holds_until.min(reach.until);
    let page = alert.pages + 1;
    let mut first: Option<Timestamp> = None;
    let mut unreachable = reach.nobody;
    let before = fx.notifications.len();
    for reached in &reach.people {
        let user = reached.user;
        let (from, held) = match alert.urgency {
            Urgency::High => (now, None),
            Urgency::Low => match waking(user, reached.zone, now) {
                Awake::Now { until } => {
                    fx.holds_until = fx.holds_until.min(until);
                    (now, None)
                }
                Awake::At { from } => {
                    fx.holds_until = fx.holds_until.min(from);
                    (from, Some(format!("; low urgency waits for their waking hours until {from}")))
                }
            },
        };
        let because = format!("{}: {}", stage.label, reached.because);
        let contacts = user.contacts();
        let mut any = false;
        for rule in user.rules_for(alert.urgency) {
            let Some(contact) = contacts.iter().find(|contact| contact.id == rule.via) else {
                continue;
            };
            let at = after(from, rule.after);
            first = Some(first.map_or(at, |first| first.min(at)));
            any = true;
            let k = fx.notifications.len() - before + 1;
            fx.notifications.push(Notification::page(alert, page, k, user, contact, at, now, &because));
        }
        // Beside whatever the rules say: the fastest way to somebody who is at their desk, and no promise to anybody else.
        if let Some(push) = world.live.push_contact(&user.id) {
            first = Some(first.map_or(from, |first| first.min(from)));
            any = true;
            let k = fx.notifications.len() - before + 1;
            fx.notifications.push(Notification::page(alert, page, k, user, &push, from, now, &because));
        }
        if any {
            fx.note(now, EntryKind::Paged, Some(&user.id), format!("{because}{}", held.unwrap_or_default()));
        } else {
            unreachable.push(format!("user {}: no contact method to reach them by", user.id));
        }
    }
    let Some(first) = first else {
        let reason = if unreachable.is_empty() { "nobody is named".to_owned() } else { unreachable.join("; ") };
        fx.note(now, EntryKind::Skipped, None, format!("{} reaches nobody: {reason}", stage.label));
        return false;
    };
    for one in unreachable {
        fx.note(now, EntryKind::Skipped, None, format!("{}: {one}", stage.label));
    }
    alert.pages = page;
    // The wait counts from the first message that may go out: somebody asleep has not been asked yet.
    alert.next = Some(Next { at: after(first.max(now), stage.wait), kind: NextKind::Page });
    alert.cursor = escalation::advance(pinned, &alert.policy, alert.cursor);
    true
}

#[cfg(test)]
mod tests;
