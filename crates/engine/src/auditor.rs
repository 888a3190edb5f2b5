//! The escalation auditor: every open, unacknowledged alert has exactly one next action, and none of them is late.

use crate::Result;
use crate::core::Core;
use firedog_store::{self as store, Op, Tx};
use jiff::{SignedDuration, Timestamp};

/// How late an action may be before somebody has to know. Far above any commit, below any policy's wait.
const LATE: SignedDuration = SignedDuration::from_secs(15);
/// How many offenders a report names.
const NAMED: u32 = 5;

/// What the auditor saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Nothing below is wrong.
    pub ok: bool,
    /// In words, for `/readyz`, the log and people.
    pub problems: Vec<String>,
    pub open_alerts: i64,
    pub pending_notifications: i64,
    /// How long the most overdue action has been due.
    pub overdue: Option<SignedDuration>,
}

impl Core {
    /// Looks at every open alert (through indexes) and at the outbox.
    pub async fn audit(&self, now: Timestamp) -> Result<Health> {
        let mut seen = self.read(Audit { now }).await?;
        let drift = self.0.clock.drift();
        if drift.abs() > SignedDuration::from_secs(60) {
            seen.problems.push(format!("the wall clock has moved {drift:#} since the start; times shown are by the old one"));
        }
        seen.ok = seen.problems.is_empty();
        Ok(seen)
    }
}

struct Audit {
    now: Timestamp,
}

impl Op for Audit {
    type Out = Health;
    const NAME: &'static str = "audit";

    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Health> {
        let mut health = Health { open_alerts: store::alert::count_open(tx).await?, ..Health::default() };
        health.pending_notifications = store::notification::pending_count(tx).await?;
        for alert in store::alert::open_without_next(tx, NAMED).await? {
            health.problems.push(format!("alert {} is open and nothing would ever page for it", alert.id));
        }
        for alert in store::alert::overdue(tx, self.now, LATE, NAMED).await? {
            let late = alert.ready_at().map(|at| self.now.duration_since(at)).unwrap_or_default();
            health.overdue = health.overdue.max(Some(late));
            health.problems.push(format!(
                "the next action of alert {} is {} late",
                alert.id,
                firedog_domain::time::length_text(late)
            ));
        }
        if let Some(late) = store::notification::oldest_overdue(tx, self.now).await? {
            health.overdue = health.overdue.max(Some(late));
            if late > LATE {
                health
                    .problems
                    .push(format!("a message has been waiting to be sent for {}", firedog_domain::time::length_text(late)));
            }
        }
        Ok(health)
    }
}
