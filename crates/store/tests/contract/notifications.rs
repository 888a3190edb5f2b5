use crate::sample::{alert, at, notification};
use crate::{contract, run};
use firedog_domain::delivery::{Delivery, Kind, Notification};
use firedog_domain::id::*;
use firedog_domain::setup::{Channel, Urgency};
use firedog_domain::time::secs;
use firedog_store::notification as outbox;

fn ids(found: &[Notification]) -> Vec<&str> {
    found.iter().map(|n| n.id.as_str()).collect()
}

contract! {
    async fn come_back_as_they_went_in(store) {
        let a = alert(1);
        let second = Notification {
            channel: Channel::Webhook,
            kind: Kind::Resolved,
            urgency: Urgency::Low,
            state: Delivery::Failed,
            ready_at: None,
            attempt: 4,
            fence: 7,
            ..notification(&a, 2)
        };
        let all = vec![notification(&a, 1), second];
        assert_eq!(run!(store.write, [all] tx => outbox::insert_many(tx, &all)).unwrap(), 2);
        // The same decision made twice.
        let again = vec![Notification { reason: "told differently".to_owned(), ..all[0].clone() }, notification(&a, 3)];
        assert_eq!(run!(store.write, [again] tx => outbox::insert_many(tx, &again)).unwrap(), 1);
        let found = run!(store.read, [] tx => outbox::load_for_alerts(tx, &[alert(1).id, alert(2).id])).unwrap();
        assert_eq!(found, vec![all[0].clone(), all[1].clone(), again[1].clone()]);
        let one = run!(store.read, [all] tx => outbox::get(tx, &all[1].id)).unwrap();
        assert_eq!(one, Some(all[1].clone()));
        assert_eq!(run!(store.read, [] tx => outbox::get(tx, &NotificationId::from("nobody"))).unwrap(), None);
    }

    async fn what_a_dead_process_was_sending_is_due_at_once(store) {
        let a = alert(1);
        let all = vec![notification(&a, 1), notification(&a, 60)];
        run!(store.write, [all] tx => outbox::insert_many(tx, &all)).unwrap();
        let lost = run!(store.write, [] tx => outbox::claim_due(tx, at(10), at(40), 9)).unwrap();
        assert_eq!(ids(&lost), ["a0001.1.1"]);
        assert_eq!(run!(store.write, [] tx => outbox::release_sending(tx, at(12))).unwrap(), 1);
        // What was never claimed waits for its time.
        let again = run!(store.write, [] tx => outbox::claim_due(tx, at(12), at(42), 9)).unwrap();
        assert_eq!(ids(&again), ["a0001.1.1"]);
        assert_eq!((again[0].attempt, again[0].fence), (2, 2));
    }

    async fn claims_take_the_most_pressing_first(store) {
        let a = alert(1);
        let low = Notification { urgency: Urgency::Low, ..notification(&a, 1) };
        let news = Notification { kind: Kind::Acknowledged, ..notification(&a, 2) };
        let later = notification(&a, 60);
        let sent = Notification { state: Delivery::Sent, ready_at: None, ..notification(&a, 3) };
        let all = vec![low, news, notification(&a, 5), notification(&a, 4), later, sent];
        run!(store.write, [all] tx => outbox::insert_many(tx, &all)).unwrap();
        let claimed = run!(store.write, [] tx => outbox::claim_due(tx, at(10), at(40), 3)).unwrap();
        assert_eq!(ids(&claimed), ["a0001.1.4", "a0001.1.5", "a0001.1.1"]);
        for n in &claimed {
            assert_eq!((n.state, n.attempt, n.fence, n.ready_at), (Delivery::Sending, 1, 1, Some(at(40))));
        }
        assert_eq!(ids(&run!(store.write, [] tx => outbox::claim_due(tx, at(10), at(40), 3)).unwrap()), ["a0001.1.2"]);
        // The lease ran out: claimed again, and the first claimer's outcome comes too late.
        let again = run!(store.write, [] tx => outbox::claim_due(tx, at(40), at(80), 1)).unwrap();
        assert_eq!((again[0].attempt, again[0].fence), (2, 2));
        let outcome = |n: &Notification| vec![Notification { state: Delivery::Sent, ready_at: None, ..n.clone() }];
        let (late, good) = (outcome(claimed.iter().find(|n| n.id == again[0].id).unwrap()), outcome(&again[0]));
        assert_eq!(run!(store.write, [late] tx => outbox::update_many(tx, &late)).unwrap(), vec![late[0].id.clone()]);
        assert_eq!(run!(store.write, [good] tx => outbox::update_many(tx, &good)).unwrap(), vec![]);
        let found = run!(store.read, [good] tx => outbox::get(tx, &good[0].id)).unwrap();
        assert_eq!(found, Some(good[0].clone()));
    }

    async fn cancelling_leaves_what_is_under_way(store) {
        let (a, b) = (alert(1), alert(2));
        let all = vec![notification(&a, 1), notification(&a, 20), notification(&b, 20)];
        run!(store.write, [all] tx => outbox::insert_many(tx, &all)).unwrap();
        let sending = run!(store.write, [] tx => outbox::claim_due(tx, at(10), at(40), 9)).unwrap();
        assert_eq!(sending.len(), 1);
        assert_eq!(run!(store.write, [a] tx => outbox::cancel_pending(tx, &[a.id])).unwrap(), 1);
        let found = run!(store.read, [a, b] tx => outbox::load_for_alerts(tx, &[a.id, b.id])).unwrap();
        let states: Vec<Delivery> = found.iter().map(|n| n.state).collect();
        assert_eq!(states, [Delivery::Sending, Delivery::Cancelled, Delivery::Pending]);
        assert_eq!(run!(store.write, [] tx => outbox::claim_due(tx, at(30), at(40), 9)).unwrap().len(), 1);
    }

    async fn a_page_is_read_without_the_others_of_its_alert(store) {
        let a = alert(1);
        let first = notification(&a, 1);
        let later = Notification { id: NotificationId("later".to_owned()), page: first.page + 1, ..notification(&a, 2) };
        let all = vec![first.clone(), later.clone(), notification(&alert(2), 1)];
        run!(store.write, [all] tx => outbox::insert_many(tx, &all)).unwrap();
        let page = later.page;
        assert_eq!(run!(store.read, [a] tx => outbox::load_for_page(tx, &a.id, page)).unwrap(), [later]);
    }

    async fn what_waits_is_counted(store) {
        assert_eq!(run!(store.read, [] tx => outbox::next_ready(tx)).unwrap(), None);
        assert_eq!(run!(store.read, [] tx => outbox::oldest_overdue(tx, at(9))).unwrap(), None);
        let a = alert(1);
        let low = Notification { urgency: Urgency::Low, ..notification(&a, 5) };
        let all = vec![low, notification(&a, 20)];
        run!(store.write, [all] tx => outbox::insert_many(tx, &all)).unwrap();
        assert_eq!(run!(store.read, [] tx => outbox::pending_count(tx)).unwrap(), 2);
        assert_eq!(run!(store.read, [] tx => outbox::next_ready(tx)).unwrap(), Some(at(5)));
        assert_eq!(run!(store.read, [] tx => outbox::oldest_overdue(tx, at(4))).unwrap(), None);
        assert_eq!(run!(store.read, [] tx => outbox::oldest_overdue(tx, at(9))).unwrap(), Some(secs(4)));
    }
}
