//! What the outcome of an attempt leads to: nothing more, another try, the person's next contact method.

use super::*;
use crate::alert::{Alert, Entry, EntryKind, State};
use crate::setup::{Contact, User};
use crate::suppression::World;
use crate::time::{after, length_text};

/// After so many attempts over one contact method we stop: 2+4+8+…+128 s is past every sensible step's wait.
pub const MAX_ATTEMPTS: u32 = 8;
/// The first pause; doubles with each attempt.
const BACKOFF_S: i64 = 2;
/// No provider may put us off for longer than this; a page is worthless next week.
const MAX_PAUSE: SignedDuration = SignedDuration::from_secs(300);
/// Bounds the reason that a provider's answer may put into the timeline, in characters.
const MAX_REASON: usize = 300;

impl Notification {
    /// The `k`-th notification of an alert's page.
    #[expect(clippy::too_many_arguments, reason = "one row of one table, made in two places")]
    pub fn page(
        alert: &Alert,
        page: u32,
        k: usize,
        user: &User,
        contact: &Contact,
        ready_at: Timestamp,
        now: Timestamp,
        reason: &str,
    ) -> Self {
        Self {
            id: NotificationId(format!("{}.{page}.{k}", alert.id)),
            alert: alert.id.clone(),
            page,
            user: user.id.clone(),
            contact: contact.id.clone(),
            channel: contact.address.channel(),
            kind: Kind::Page,
            urgency: alert.urgency,
            state: Delivery::Pending,
            ready_at: Some(ready_at),
            attempt: 0,
            fence: 0,
            created_at: now,
            reason: reason.to_owned(),
        }
    }
}

/// What [`record`] makes of an outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Rows to rewrite, the attempted one first.
    pub changed: Vec<Notification>,
    pub added: Vec<Notification>,
    pub entry: Entry,
    /// The alert's latest page has failed on every contact method: [`crate::alert::Input::Unreached`] is due.
    pub unreached: bool,
}

/// Records the outcome of the attempt that `tried` is in. `siblings`: all notifications of the same page.
pub fn record(
    world: &World,
    alert: &Alert,
    siblings: &[Notification],
    tried: &Notification,
    outcome: &Outcome,
    now: Timestamp,
) -> Recorded {
    let mut tried = tried.clone();
    let wanted = tried.kind != Kind::Page || alert.state == State::Triggered;
    let last = tried.attempt >= MAX_ATTEMPTS;
    let again = match outcome {
        Outcome::RetryAfter { after: pause, .. } => Some(*pause),
        Outcome::Unknown { .. } => Some(None),
        Outcome::Sent | Outcome::Rejected { .. } | Outcome::Misconfigured { .. } => None,
    };
    (tried.state, tried.ready_at) = match (outcome, again) {
        (Outcome::Sent, _) => (Delivery::Sent, None),
        (Outcome::Unknown { .. }, _) if last || !wanted => (Delivery::Unknown, None),
        (_, Some(_)) if !wanted => (Delivery::Cancelled, None),
        (_, Some(pause)) if !last => (Delivery::Pending, Some(after(now, pause_before(&tried, pause)))),
        _ => (Delivery::Failed, None),
    };
    let mut recorded = Recorded {
        entry: Entry {
            at: now,
            kind: EntryKind::Notified,
            user: Some(tried.user.clone()),
            contact: Some(tried.contact.clone()),
            channel: Some(tried.channel),
            outcome: Some(outcome.as_str().to_owned()),
            reason: explain(&tried, outcome, now),
        },
        changed: vec![tried],
        added: Vec::new(),
        unreached: false,
    };
    // Where push is all there was, it has to do; else it promised nothing that others would have to make good.
    let only_push = siblings.iter().all(|n| n.kind != Kind::Page || !n.channel.wakes());
    let counts = |n: &Notification| n.channel.wakes() || only_push;
    if recorded.changed[0].kind == Kind::Page && wanted && !matches!(outcome, Outcome::Sent) && counts(&recorded.changed[0]) {
        hurry(world, alert, siblings, &mut recorded, now);
        recorded.unreached = recorded.changed[0].page == alert.pages
            && recorded.added.is_empty()
            && recorded.changed[0].state == Delivery::Failed
            && siblings.iter().all(|n| {
                n.id == recorded.changed[0].id
                    || n.page != alert.pages
                    || n.kind != Kind::Page
                    || n.state == Delivery::Failed
                    || !counts(n)
            });
    }
    recorded
}

/// The person's next contact method at once: one that waits for its turn, else one that no rule names.
fn hurry(world: &World, alert: &Alert, siblings: &[Notification], recorded: &mut Recorded, now: Timestamp) {
    let tried = recorded.changed[0].clone();
    let of_person = |n: &&Notification| n.page == tried.page && n.user == tried.user && n.kind == Kind::Page && n.id != tried.id;
    let waiting =
        siblings.iter().filter(of_person).filter(|n| n.channel.wakes() && n.state == Delivery::Pending && n.attempt == 0);
    if let Some(next) = waiting.min_by_key(|n| (n.ready_at, n.id.clone())) {
        if next.ready_at.is_some_and(|at| at > now) {
            recorded.changed.push(Notification { ready_at: Some(now), ..next.clone() });
        }
        return;
    }
    let Some(user) = world.setup.user(&tried.user) else {
        return;
    };
    let used =
        |contact: &Contact| contact.id == tried.contact || siblings.iter().filter(of_person).any(|n| n.contact == contact.id);
    let Some(contact) = user.contacts().into_iter().find(|contact| !used(contact)) else {
        return;
    };
    let k = siblings.iter().filter(|n| n.page == tried.page && n.kind == Kind::Page).count() + 1;
    let reason = format!("{}; {} did not work", tried.reason, tried.contact);
    recorded.added.push(Notification::page(alert, tried.page, k, user, &contact, now, now, &reason));
}

fn explain(tried: &Notification, outcome: &Outcome, now: Timestamp) -> Option<String> {
    let reason: String = outcome.reason()?.chars().take(MAX_REASON).collect();
    Some(match tried.ready_at {
        Some(at) => format!("{reason}; tried again in {}", length_text(at.duration_since(now))),
        None => reason,
    })
}

/// Exponential, with jitter that comes from the notification's own name: a thousand pages that failed together do
/// not come back together, and a replay still does the same.
fn pause_before(tried: &Notification, asked: Option<SignedDuration>) -> SignedDuration {
    let doubled = BACKOFF_S << tried.attempt.saturating_sub(1).min(10);
    let seed =
        tried.id.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    let jitter_ms = i64::try_from((seed ^ u64::from(tried.attempt)) % 1000).unwrap_or(0) * doubled / 2;
    let pause = SignedDuration::from_millis(doubled * 1000 + jitter_ms);
    pause.max(asked.unwrap_or(SignedDuration::ZERO)).min(MAX_PAUSE)
}

/// The notifications that tell those already paged that somebody has it, or that it is over. `pages`: all of the alert's.
pub fn tell(alert: &Alert, pages: &[Notification], kind: Kind, now: Timestamp) -> Vec<Notification> {
    let mut told: Vec<Notification> = Vec::new();
    for n in pages.iter().filter(|n| n.kind == Kind::Page && n.attempt > 0 && !matches!(n.state, Delivery::Failed)) {
        // Nobody wants a mail that says what they did a second ago; a machine behind a webhook does.
        let own = kind == Kind::Acknowledged && alert.acknowledged_by.as_ref() == Some(&n.user) && n.channel == Channel::Email;
        if own || told.iter().any(|t| t.user == n.user && t.contact == n.contact) {
            continue;
        }
        let reason = match (kind, &alert.acknowledged_by) {
            (Kind::Acknowledged, Some(user)) => format!("acknowledged by {user}; you had been paged"),
            (Kind::Acknowledged, None) => "acknowledged; you had been paged".to_owned(),
            _ => "resolved; you had been paged".to_owned(),
        };
        told.push(Notification {
            id: NotificationId(format!("{}.v{}.{}", alert.id, alert.version, told.len() + 1)),
            kind,
            state: Delivery::Pending,
            ready_at: Some(now),
            attempt: 0,
            fence: 0,
            created_at: now,
            reason,
            ..n.clone()
        });
    }
    told
}

#[cfg(test)]
mod tests;
