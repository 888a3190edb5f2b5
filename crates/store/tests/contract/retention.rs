use crate::sample::{alert, at, notification, resolved};
use crate::{contract, run};
use firedog_domain::alert::{Alert, Entry, EntryKind};
use firedog_domain::id::*;
use firedog_store::idempotency::Answer;
use firedog_store::quarantine::Quarantined;
use firedog_store::{alert as stored, idempotency, notification as outbox, quarantine, retention, timeline};

contract! {
    async fn closed_alerts_go_with_all_that_hangs_on_them(store) {
        let long_open = alert(1);
        let closed_late = resolved(alert(2), at(500));
        let old: Vec<Alert> = (3..8).map(|n| resolved(alert(n), at(n + 10))).collect();
        let all: Vec<Alert> = [long_open, closed_late].into_iter().chain(old.clone()).collect();
        run!(store.write, [all] tx => stored::insert_many(tx, &all)).unwrap();
        let outgoing: Vec<_> = all.iter().map(|a| notification(a, 1)).collect();
        run!(store.write, [outgoing] tx => outbox::insert_many(tx, &outgoing)).unwrap();
        let entry = |a: &Alert| {
            let (kind, reason) = (EntryKind::Triggered, None);
            let entry = Entry { at: at(1), kind, user: None, contact: None, channel: None, outcome: None, reason };
            (a.id.clone(), "1".to_owned(), entry)
        };
        let entries: Vec<_> = all.iter().map(entry).collect();
        run!(store.write, [entries] tx => timeline::append_many(tx, &entries)).unwrap();

        let batch = |store: firedog_store::Store| async move {
            run!(store.write, [] tx => retention::delete_closed(tx, at(100), 3)).unwrap()
        };
        assert_eq!(batch(store.clone()).await, 3);
        assert_eq!(batch(store.clone()).await, 2);
        assert_eq!(batch(store.clone()).await, 0);
        let ids: Vec<AlertId> = all.iter().map(|a| a.id.clone()).collect();
        let mut left = run!(store.read, [ids] tx => stored::get_many(tx, &ids)).unwrap();
        left.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(left.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["a0001", "a0002"]);
        assert_eq!(run!(store.read, [ids] tx => outbox::load_for_alerts(tx, &ids)).unwrap().len(), 2);
        for (id, entries) in [("a0002", 1), ("a0003", 0)] {
            let found = run!(store.read, [] tx => async { timeline::list(tx, &id.into(), 9).await }).unwrap();
            assert_eq!(found.len(), entries);
        }
    }

    async fn answers_and_quarantine_are_bounded(store) {
        for n in 0..5_i64 {
            run!(store.write, [] tx => async {
                let answer = Answer { at: at(n), request: String::new(), status: 200, body: String::new() };
                idempotency::put(tx, "t", &n.to_string(), &answer).await?;
                let (id, reason, body) = (n.to_string(), String::new(), String::new());
                quarantine::insert(tx, &Quarantined { id, at: at(n), integration: None, reason, body }).await
            })
            .unwrap();
        }
        assert_eq!(run!(store.write, [] tx => retention::delete_answers(tx, at(3), 2)).unwrap(), 2);
        assert_eq!(run!(store.write, [] tx => retention::delete_answers(tx, at(3), 2)).unwrap(), 1);
        assert_eq!(run!(store.write, [] tx => retention::delete_ended(tx, at(3), 2)).unwrap(), 2);
        assert_eq!(run!(store.read, [] tx => quarantine::count(tx)).unwrap(), 3);
    }
}
