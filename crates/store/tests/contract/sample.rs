//! Things to store.

use firedog_domain::alert::{Alert, Cursor, Next, NextKind, Pin, Resolved, State};
use firedog_domain::delivery::{Delivery, Kind, Notification};
use firedog_domain::event::Severity;
use firedog_domain::id::*;
use firedog_domain::setup::{Channel, Urgency};
use jiff::Timestamp;

/// Seconds after an instant that all tests share.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// A triggered alert `n` of service `web`, due at its creation (`at(n)`).
pub(crate) fn alert(n: i64) -> Alert {
    Alert {
        id: AlertId(format!("a{n:04}")),
        version: 1,
        service: Some("web".into()),
        integration: Some("web/prom".into()),
        dedup_key: format!("key-{n}"),
        state: State::Triggered,
        urgency: Urgency::High,
        severity: Severity::Critical,
        summary: "It's down: 100 % \"broken\" — 🔥".to_owned(),
        source: Some("host-1".to_owned()),
        labels: [("app".to_owned(), "web".to_owned()), ("empty".to_owned(), String::new())].into(),
        count: 1,
        created_at: at(n),
        updated_at: at(n),
        acknowledged_by: None,
        resolved_at: None,
        resolved_because: None,
        policy: Pin::Policy("pupper".into()),
        setup_version: 1,
        cursor: Cursor { pass: 1, step: 2 },
        next: Some(Next { at: at(n), kind: NextKind::Page }),
        quiet_at: None,
        started_at: Some(at(n - 5)),
        pages: 3,
        follows: None,
    }
}

pub(crate) fn alerts(n: std::ops::Range<i64>) -> Vec<Alert> {
    n.map(alert).collect()
}

pub(crate) fn resolved(alert: Alert, when: Timestamp) -> Alert {
    Alert {
        state: State::Resolved,
        resolved_at: Some(when),
        resolved_because: Some(Resolved::Source),
        next: None,
        quiet_at: None,
        updated_at: when,
        ..alert
    }
}

/// The `n`-th notification of alert `a`: a page of high urgency, due at `at(n)`.
pub(crate) fn notification(a: &Alert, n: i64) -> Notification {
    Notification {
        id: NotificationId(format!("{}.1.{n}", a.id)),
        alert: a.id.clone(),
        page: 1,
        user: "ada".into(),
        contact: "mail".into(),
        channel: Channel::Email,
        kind: Kind::Page,
        urgency: Urgency::High,
        state: Delivery::Pending,
        ready_at: Some(at(n)),
        attempt: 0,
        fence: 0,
        created_at: at(n),
        reason: "primary on call".to_owned(),
    }
}
