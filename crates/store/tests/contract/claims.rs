use crate::sample::{alert, alerts, at, notification, resolved};
use crate::{contract, run};
use firedog_domain::alert::{Alert, Next, NextKind, State};
use firedog_domain::setup::Urgency;
use firedog_domain::time::secs;
use firedog_store::{Error, alert as stored, notification as outbox, wake};
use std::collections::BTreeMap;

fn ids(alerts: &[Alert]) -> Vec<&str> {
    alerts.iter().map(|a| a.id.as_str()).collect()
}

contract! {
    async fn take_what_is_due_the_urgent_first(store) {
        let low = Alert { urgency: Urgency::Low, ..alert(1) };
        let all = vec![low, alert(2), alert(3), alert(50), resolved(alert(4), at(5))];
        run!(store.write, [all] tx => stored::insert_many(tx, &all)).unwrap();
        let claimed = run!(store.write, [] tx => stored::claim_due(tx, at(10), at(40), 10)).unwrap();
        assert_eq!(ids(&claimed), ["a0002", "a0003", "a0001"]);
        assert!(claimed.iter().all(|a| a.version == 2));
        // Taken: nobody else gets them before the lease ends.
        assert_eq!(run!(store.write, [] tx => stored::claim_due(tx, at(39), at(60), 10)).unwrap(), vec![]);
        let again = run!(store.write, [] tx => stored::claim_due(tx, at(40), at(80), 2)).unwrap();
        assert_eq!(ids(&again), ["a0002", "a0003"]);
        // The first claimer's version is overtaken.
        let late = vec![claimed[0].clone()];
        assert_eq!(run!(store.write, [late] tx => stored::update_many(tx, &late)).unwrap(), vec![late[0].id.clone()]);
        let held = vec![again[0].clone()];
        assert_eq!(run!(store.write, [held] tx => stored::update_many(tx, &held)).unwrap(), vec![]);
    }

    async fn an_update_ends_the_lease(store) {
        let all = vec![alert(1)];
        run!(store.write, [all] tx => stored::insert_many(tx, &all)).unwrap();
        let mut claimed = run!(store.write, [] tx => stored::claim_due(tx, at(10), at(40), 10)).unwrap();
        claimed[0].next = Some(Next { at: at(20), kind: NextKind::Page });
        assert_eq!(run!(store.write, [claimed] tx => stored::update_many(tx, &claimed)).unwrap(), vec![]);
        assert_eq!(run!(store.write, [] tx => stored::claim_due(tx, at(19), at(60), 10)).unwrap(), vec![]);
        assert_eq!(run!(store.write, [] tx => stored::claim_due(tx, at(20), at(60), 10)).unwrap().len(), 1);
    }

    async fn eight_claimers_take_each_row_once(store) {
        let all = alerts(0..300);
        let outgoing: Vec<_> = all.iter().map(|a| notification(a, 1)).collect();
        run!(store.write, [all] tx => stored::insert_many(tx, &all)).unwrap();
        run!(store.write, [outgoing] tx => outbox::insert_many(tx, &outgoing)).unwrap();
        let claimer = |store: firedog_store::Store| async move {
            let (mut alerts, mut notifications) = (Vec::new(), Vec::new());
            loop {
                let some = run!(store.write, [] tx => stored::claim_due(tx, at(1_000), at(2_000), 7)).unwrap();
                let more = run!(store.write, [] tx => outbox::claim_due(tx, at(1_000), at(2_000), 7)).unwrap();
                if some.is_empty() && more.is_empty() {
                    return (alerts, notifications);
                }
                alerts.extend(some.into_iter().map(|a| a.id.0));
                notifications.extend(more.into_iter().map(|n| n.id.0));
            }
        };
        let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(claimer(store.clone()))).collect();
        let mut times: BTreeMap<String, u32> = BTreeMap::new();
        for task in tasks {
            let (alerts, notifications) = task.await.unwrap();
            for id in alerts.into_iter().chain(notifications) {
                *times.entry(id).or_default() += 1;
            }
        }
        assert_eq!(times.len(), 600);
        assert!(times.values().all(|n| *n == 1), "claimed more than once: {times:?}");
    }

    async fn writers_of_one_row_never_lose_a_write(store) {
        let all = vec![alert(1)];
        run!(store.write, [all] tx => stored::insert_many(tx, &all)).unwrap();
        let count = |store: firedog_store::Store| async move {
            for _ in 0..10 {
                // A conflict that outlasts the store's own repetitions is the caller's to repeat.
                loop {
                    let done = run!(store.write, [] tx => async {
                        let mut loaded = stored::get_many(tx, &[alert(1).id]).await?;
                        loaded[0].count += 1;
                        match stored::update_many(tx, &loaded).await?.is_empty() {
                            true => Ok(()),
                            false => Err(Error::Conflict),
                        }
                    });
                    match done {
                        Ok(()) => break,
                        Err(Error::Conflict) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        };
        let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(count(store.clone()))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        let found = run!(store.read, [] tx => stored::get(tx, &alert(1).id)).unwrap().unwrap();
        assert_eq!((found.count, found.version), (81, 81));
    }

    async fn touching_makes_due_and_overtakes(store) {
        let other = Alert { service: Some("db".into()), ..alert(501) };
        let all = vec![alert(500), other, resolved(alert(1), at(2))];
        run!(store.write, [all] tx => stored::insert_many(tx, &all)).unwrap();
        let touched = run!(store.write, [] tx => stored::touch_ready(tx, Some(&["web".into()]), at(10)));
        assert_eq!(touched.unwrap(), 1);
        assert_eq!(ids(&run!(store.write, [] tx => stored::claim_due(tx, at(10), at(40), 9)).unwrap()), ["a0500"]);
        assert_eq!(run!(store.write, [] tx => stored::touch_ready(tx, None, at(11))).unwrap(), 2);
        let claimed = run!(store.write, [] tx => stored::claim_due(tx, at(11), at(40), 9)).unwrap();
        assert_eq!(ids(&claimed), ["a0500", "a0501"]);
        assert_eq!(claimed[0].version, 5);
        // A node whose clock is ahead does not put off what is due already.
        let overdue = run!(store.read, [] tx => stored::overdue(tx, at(50), secs(1), 9)).unwrap().len();
        run!(store.write, [] tx => stored::touch_ready(tx, None, at(90))).unwrap();
        assert_eq!(run!(store.read, [] tx => stored::overdue(tx, at(50), secs(1), 9)).unwrap().len(), overdue);
        assert_eq!(overdue, 2);
    }

    async fn the_auditor_finds_what_is_late_or_lost(store) {
        let fine = alert(100);
        let late = alert(1);
        let lost = Alert { next: None, ..alert(2) };
        let resting = Alert { state: State::Acknowledged, next: None, ..alert(3) };
        let done = resolved(alert(4), at(5));
        let all = vec![fine, late, lost, resting, done];
        run!(store.write, [all] tx => stored::insert_many(tx, &all)).unwrap();
        let overdue = |now: i64| {
            let store = store.clone();
            async move { run!(store.read, [] tx => stored::overdue(tx, at(now), secs(10), 5)).unwrap() }
        };
        assert_eq!(ids(&overdue(11).await), Vec::<&str>::new());
        assert_eq!(ids(&overdue(12).await), ["a0001"]);
        assert_eq!(ids(&run!(store.read, [] tx => stored::open_without_next(tx, 5)).unwrap()), ["a0002"]);
        // A row that has an action but no due time: nothing here writes that, somebody's shell may.
        run!(store.write, [] tx => async { tx.exec("UPDATE alert SET ready_at = NULL WHERE id = 'a0100'", &[]).await }).unwrap();
        assert_eq!(ids(&run!(store.read, [] tx => stored::open_without_next(tx, 5)).unwrap()), ["a0002", "a0100"]);
    }

    async fn the_next_wake_is_the_earliest_of_all(store) {
        let wake = |store: firedog_store::Store| async move { run!(store.read, [] tx => wake::next_wake(tx)).unwrap() };
        assert_eq!(wake(store.clone()).await, None);
        let low = Alert { urgency: Urgency::Low, ..alert(50) };
        let all = vec![low, alert(60)];
        run!(store.write, [all] tx => stored::insert_many(tx, &all)).unwrap();
        assert_eq!(wake(store.clone()).await, Some(at(50)));
        let outgoing = vec![notification(&alert(50), 40), notification(&alert(50), 45)];
        run!(store.write, [outgoing] tx => outbox::insert_many(tx, &outgoing)).unwrap();
        assert_eq!(wake(store.clone()).await, Some(at(40)));
        let beat = vec![firedog_store::heartbeat::Heartbeat {
            integration: "web/prom".into(),
            version: 0,
            state: firedog_store::heartbeat::State::Alive,
            last_at: None,
            started_at: None,
            ready_at: Some(at(30)),
        }];
        assert_eq!(run!(store.write, [beat] tx => firedog_store::heartbeat::put_many(tx, &beat)).unwrap(), vec![]);
        assert_eq!(wake(store.clone()).await, Some(at(30)));
    }
}
