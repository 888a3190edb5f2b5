//! Which alerts have changed, for whoever shows them live. Nothing waits for it, and nobody who decides is slowed down.

use firedog_domain::alert::Alert;
use firedog_domain::id::AlertId;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Alerts that are waiting to be told; beyond it only that much has happened.
const MAX_WAITING: usize = 4_096;
/// How often an announced change is looked for. Longer gone, its transaction did not commit.
const LOOKS: u32 = 50;

/// What has changed since the last look.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
    pub alerts: Vec<AlertId>,
    /// There was more than could be remembered.
    pub all: bool,
}

#[derive(Clone, Default)]
pub(crate) struct Announcer(Arc<Board>);

#[derive(Default)]
struct Board {
    watched: AtomicBool,
    waiting: Mutex<Waiting>,
    committed: Notify,
}

#[derive(Default)]
struct Waiting {
    /// The version that the row will have, and how often it was looked for.
    alerts: BTreeMap<AlertId, (i64, u32)>,
    all: bool,
}

impl Announcer {
    /// From inside of a transaction: this alert will have this version once it commits.
    pub(crate) fn announce(&self, id: &AlertId, version: i64) {
        if !self.0.watched.load(Ordering::Relaxed) {
            return;
        }
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.alerts.len() >= MAX_WAITING && !waiting.alerts.contains_key(id) {
            waiting.all = true;
            return;
        }
        let kept = waiting.alerts.entry(id.clone()).or_insert((version, 0));
        *kept = (kept.0.max(version), 0);
    }

    /// After a commit.
    pub(crate) fn tell(&self) {
        if self.0.watched.load(Ordering::Relaxed) {
            self.0.committed.notify_one();
        }
    }

    pub(crate) fn watch(&self, watched: bool) {
        if !watched {
            *self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Waiting::default();
        }
        self.0.watched.store(watched, Ordering::Relaxed);
    }

    pub(crate) async fn changed(&self) {
        self.0.committed.notified().await;
    }

    /// The ids to read now.
    pub(crate) fn waiting(&self) -> News {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        News { alerts: waiting.alerts.keys().cloned().collect(), all: std::mem::take(&mut waiting.all) }
    }

    /// Takes off what was read as new as it was announced. What was not is still on its way to its commit, or never comes.
    pub(crate) fn read(&self, rows: &[Alert]) {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for row in rows {
            if waiting.alerts.get(&row.id).is_some_and(|(version, _)| *version <= row.version) {
                waiting.alerts.remove(&row.id);
            }
        }
        waiting.alerts.retain(|_, (_, looks)| {
            *looks += 1;
            *looks < LOOKS
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, version: i64) -> Alert {
        let alert = serde_json::json!({ "id": id, "version": version, "dedup_key": id, "state": "triggered", "urgency": "low",
            "severity": "error", "summary": "x", "labels": {}, "count": 1, "created_at": "2026-03-02T16:00:00Z",
            "updated_at": "2026-03-02T16:00:00Z", "policy": "catch_all", "setup_version": 1,
            "cursor": { "pass": 0, "step": 0 }, "pages": 1 });
        serde_json::from_value(alert).expect("an alert")
    }

    #[test]
    fn what_is_announced_waits_until_it_is_read_as_new_as_that() {
        let board = Announcer::default();
        board.announce(&AlertId::from("a"), 1);
        assert_eq!(board.waiting(), News::default(), "nobody watches");
        board.watch(true);
        board.announce(&AlertId::from("a"), 2);
        board.announce(&AlertId::from("b"), 1);
        let both = board.waiting().alerts;
        assert_eq!(both.len(), 2);
        // The transaction of `a` has not committed yet.
        board.read(&[row("a", 1), row("b", 1)]);
        assert_eq!(board.waiting().alerts, [AlertId::from("a")]);
        board.read(&[row("a", 2)]);
        assert_eq!(board.waiting(), News::default());
        // One that never commits is forgotten.
        board.announce(&AlertId::from("c"), 1);
        (0..LOOKS).for_each(|_| board.read(&[]));
        assert_eq!(board.waiting(), News::default());
        for n in 0..=MAX_WAITING {
            board.announce(&AlertId(n.to_string()), 1);
        }
        let news = board.waiting();
        assert!(news.all && news.alerts.len() == MAX_WAITING);
    }
}
